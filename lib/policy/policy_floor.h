/* policy_floor: what no policy can allow, and what it can only allow when the grant names it.
 *
 * For the signer, before any module runs, and the command line, which must say the same. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_FLOOR_H
#define POLICY_FLOOR_H

#include "policy_abi.h"
#include "solana_view.h"

/* Why the floor refuses: reason and instruction as in struct policy_answer, words for people. */
struct policy_floor {
	uint32_t reason; /* POLICY_REASON_NONE: it does not */
	uint32_t instruction;
	const char *text;
};

/* policy_floor checks: a System instruction that names the wallet where it would be assigned or
 * allocated, or in a place or under a tag that is not known here (A15), `batch` of SPL Token and
 * Token-2022, a durable nonce whose account is not among `nonces` (32 bytes each) or hides in a
 * lookup table (L6), an off-chain text that begins "Claviger " (A6), messages that the wallet does
 * not sign; and, as long as `ownership_proven`, setAuthority of a token account by the wallet: an
 * address that proves whose account it is must stay the wallet's (A20). */
struct policy_floor policy_floor(const struct solana_view *view, const uint8_t wallet[32],
                                 bool ownership_proven, const uint8_t (*nonces)[32],
                                 size_t nonce_count);

#endif
