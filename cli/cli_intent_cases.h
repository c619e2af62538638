/* cli_intent_cases: the [[test]] blocks of an intent (spec/intent.md, 6): run, and written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_INTENT_CASES_H
#define CLI_INTENT_CASES_H

#include "cli_policy.h"

/* cli_intent_test compiles an intent and runs its tests; an exit status. cli_intent_try does the
 * same and says only what fails. */
int cli_intent_test(struct cli_call *call, const char *path);
int cli_intent_try(struct cli_call *call, const char *path);

/* cli_intent_save appends a test to an intent's file, made from a check request that the signer
 * kept: its message, wallet and parameters, which are named by the intent's own schema. CLI_NO, and
 * nothing is written, when the file does not build the module that `decided` (its SHA-256). */
int cli_intent_save(const struct cli_call *call, const char *path, const char *name,
                    const uint8_t decided[32], struct bytes request, const char *expect);

#endif
