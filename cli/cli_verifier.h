/* cli_verifier: runs a policy module in a claviger-verifier process of the tool's own.
 *
 * For the policy commands and receipt replay: the same executable, sandbox, ring and messages that
 * the signer uses (lib/call/call_check.h), so a policy does here what it will do there. The tool
 * plays the supervisor and the signer for one verifier. A verifier that dies or does not answer in
 * time is a clear failure, and cli_verifier_open may be called again.
 *
 * Module and request come from files of whoever runs the tool; answers are not believed: decode
 * them with lib/policy. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERIFIER_H
#define CLI_VERIFIER_H

#include <sys/types.h>

#include "call_check.h"
#include "ipc_channel.h"
#include "ipc_memory.h"

struct cli_verifier {
	pid_t pid; /* 0: none runs */
	struct ipc_memory memory;
	struct ipc_channel channel; /* side 0, the signer's */
	uint8_t reply[IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES)];
};

enum cli_verifier_state {
	CLI_VERIFIER_ANSWERED = 0, /* the verdict message came; it may say trap or out of fuel */
	CLI_VERIFIER_REFUSED,      /* the module breaks the profile: where and text */
	CLI_VERIFIER_DIED,         /* or did not answer in time, or broke its protocol */
};

/* What one run gave. Runs of bytes lie in the verifier's `reply` until the next call. */
struct cli_verifier_result {
	enum cli_verifier_state state;
	struct call_check_verdict verdict; /* ANSWERED */
	struct bytes answer;               /* ANSWERED and CALL_CHECK_RAN: for policy_take_answer */
	uint32_t where;                    /* REFUSED: byte offset in the module */
	struct bytes text;                 /* REFUSED: for people */
	struct bytes schema; /* cli_verifier_load only: claviger.parameters' content */
};

/* cli_verifier_open starts `executable` (NULL: claviger-verifier beside this tool); `interprets`:
 * with nothing compiled, as with the setting `policy_engine` at "interpreter". STATUS_NOT_FOUND
 * when it cannot be run, STATUS_IO when it does not come up within 5 s. */
MUST_USE enum status cli_verifier_open(struct cli_verifier *verifier, const char *executable,
                                       bool interprets);
/* cli_verifier_close ends the process; nothing when none runs. */
void cli_verifier_close(struct cli_verifier *verifier);

/* cli_verifier_load has a module checked and translated; state is ANSWERED when it was loaded. */
void cli_verifier_load(struct cli_verifier *verifier, struct bytes module,
                       struct cli_verifier_result *ret_result);

/* cli_verifier_run runs a module on a request (spec/policy-abi.md), loading it when needed; `what`
 * is an enum call_check_what, `fuel` at most LIMIT_FUEL_PER_CHECK, or _DESCRIPTION. The verdict was
 * compared with ticket, module and request, as the signer does (M6). */
void cli_verifier_run(struct cli_verifier *verifier, struct bytes module, struct bytes request,
                      uint32_t what, uint64_t fuel, struct cli_verifier_result *ret_result);

#endif
