/* policy_trust: which programs get the wallet's signature in hand, so that they may use it in calls
 * of their own: what leaves the wallet through them no decoder of instructions can see (A15).
 *
 * A fact of a decision (B4), made by the host from the check request alone, so a replay makes it
 * again. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TRUST_H
#define POLICY_TRUST_H

#include "base_bytes.h"
#include "policy_abi.h"

#define POLICY_TRUST_MAX 8 /* programs; more are counted in the last one */

struct policy_trusted {
	uint8_t program[32];
	uint32_t writable; /* accounts that it may write, all instructions together */
};

/* policy_trust fills the programs that are handed the wallet as a signer, in the order of their
 * first instruction, apart from those that call nobody on its behalf: System, Compute Budget, the
 * token programs, Associated Token, Memo. `request` is a well-formed check request
 * (policy_request). */
size_t policy_trust(struct bytes request, struct policy_trusted ret_trusted[POLICY_TRUST_MAX]);

#endif
