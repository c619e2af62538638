/* cli_intent: an intent's files, read and compiled. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INTENT_H
#define CLI_INTENT_H

#include "cli.h"
#include "intent.h"

#define CLI_INTENT_FILES_MAX 17 /* with what the intent includes */

struct cli_intent {
	struct intent_source sources[CLI_INTENT_FILES_MAX];
	size_t source_count;
	struct intent_value root; /* of the intent itself */
};

/* cli_intent_open reads an intent and what it includes. CLI_YES, or an exit status after it has
 * complained. What it reads lives as long as the process. */
int cli_intent_open(const struct cli_call *call, const char *path, struct cli_intent *ret_intent);

/* cli_intent_module compiles an intent to a module (LIMIT_MODULE_MAX bytes of room). */
int cli_intent_module(const struct cli_call *call, const struct cli_intent *intent,
                      struct buffer *ret_module);

/* cli_intent_is says whether a path names an intent: it ends in .toml. */
bool cli_intent_is(const char *path);

/* cli_intent_complain says where and what an error is. */
void cli_intent_complain(const struct cli_call *call, const struct intent_error *error);

#endif
