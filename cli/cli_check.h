/* cli_check: runs a policy module for `claviger policy`, without a server. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "base_bytes.h"
#include "policy_abi.h"

struct cli_check_result {
	bool ran;         /* else `reason` and `text` say why there is no answer */
	uint32_t reason;  /* POLICY_REASON_TRAP, OUT_OF_FUEL or BAD_ANSWER */
	const char *text; /* for people */
	uint32_t value;   /* what the entry returned */
	uint64_t fuel_used;
	struct bytes answer; /* valid until the next run */
};

/* cli_check_load loads a module, which runs from then on; its bytes must stay. On failure a
 * sentence in `ret_message`. */
MUST_USE enum status cli_check_load(struct bytes module, char *ret_message, size_t message_cap);

/* cli_check_choose says which engine the next load is for, by its name in receipts; false when it
 * is none of this build's. Without it: as a signer does by default. */
bool cli_check_choose(struct bytes engine);

/* cli_check_run runs policy_check (or, with `describe`, policy_describe) on a request. */
void cli_check_run(struct bytes request, bool describe, struct cli_check_result *ret_result);

#endif
