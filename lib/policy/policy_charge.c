/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_charge.h"

/* So11111111111111111111111111111111111111112 */
static const uint8_t native_mint[32] = {
    0x06, 0x9b, 0x88, 0x57, 0xfe, 0xab, 0x81, 0x84, 0xfb, 0x68, 0x7f, 0x63, 0x46, 0x18, 0xc0, 0x35,
    0xda, 0xc4, 0x39, 0xdc, 0x1a, 0xeb, 0x3b, 0x55, 0x98, 0xa0, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x01,
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t tokens_out(const struct policy_facts *facts, const uint8_t mint[32])
{
	uint64_t amount = 0;

	for (size_t i = 0; i < facts->token_count; i++)
		if (memcmp(facts->tokens[i].mint, mint, 32) == 0)
			amount = add_saturating(amount, facts->tokens[i].amount);
	return amount;
}

/* Lamports and the native mint share one counter: SOL that is wrapped and then sold out of the
 * wallet's own account counts once, SOL that lay there already counts too (spec/policy-abi.md). */
static uint64_t lamports_out(const struct policy_facts *facts)
{
	uint64_t sold = tokens_out(facts, native_mint);

	return add_saturating(facts->lamports_out,
	                      sold > facts->wrapped_lamports ? sold - facts->wrapped_lamports : 0);
}

uint64_t policy_charge_least(const struct policy_facts *facts, uint32_t unit,
                             const uint8_t mint[32])
{
	if (unit == POLICY_UNIT_USES)
		return 1;
	return unit == POLICY_UNIT_LAMPORTS ? lamports_out(facts) : tokens_out(facts, mint);
}
