/* intent_mark: Jito's block engine lets nobody in front of a transaction in which a read-only
 * account stands whose address begins with jitodontfront; bots put it behind the accounts of any
 * instruction. Nobody can have the key of such an address, nor make an account there. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_MARK_H
#define INTENT_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "policy_keys.h"

/* The network's programs that do not look at an account more unless it signs: behind theirs the
 * mark belongs to no rule. */
static const uint8_t intent_mark_programs[] = {POLICY_PROGRAM_SYSTEM, POLICY_PROGRAM_TOKEN,
                                               POLICY_PROGRAM_TOKEN_2022, POLICY_PROGRAM_ATA};

static inline bool intent_mark_is(const uint8_t *key)
{
	uint64_t first, second;

	__builtin_memcpy(&first, key, 8);
	__builtin_memcpy(&second, key + 8, 8);
	second = __builtin_bswap64(second);
	return first == UINT64_C(0x3aca882143c3f10a) && /* 0af1c3432188ca3a */
	       second >= UINT64_C(0x635135a13a18951a) && second <= UINT64_C(0x63520b53ecbaf31b);
}

#endif
