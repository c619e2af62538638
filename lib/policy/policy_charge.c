/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_charge.h"

#include "base_math.h"

/* So11111111111111111111111111111111111111112 */
static const uint8_t native_mint[32] = {
    0x06, 0x9b, 0x88, 0x57, 0xfe, 0xab, 0x81, 0x84, 0xfb, 0x68, 0x7f, 0x63, 0x46, 0x18, 0xc0, 0x35,
    0xda, 0xc4, 0x39, 0xdc, 0x1a, 0xeb, 0x3b, 0x55, 0x98, 0xa0, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x01,
};

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

#define SYSTEM_CREATE           0
#define SYSTEM_TRANSFER         2
#define SYSTEM_CREATE_WITH_SEED 3
#define SYSTEM_CREATE_PREFUNDED 13 /* CreateAccountAllowPrefund: the payer comes second */

static bool key_is(const struct solana_view *view, unsigned account, const uint8_t key[32])
{
	const uint8_t *found = solana_account_key(view, account);

	return found != NULL && memcmp(found, key, 32) == 0;
}

static uint32_t tag_of(struct bytes data)
{
	return data.len < 4 ? UINT32_MAX : load_le32(data.data);
}

/* Where the lamports stand in the data of a System instruction that pays; SIZE_MAX in any other. */
static size_t lamports_at(struct bytes data)
{
	uint32_t tag = tag_of(data);
	uint64_t seed;

	if (tag == SYSTEM_CREATE || tag == SYSTEM_TRANSFER || tag == SYSTEM_CREATE_PREFUNDED)
		return data.len >= 12 ? 4 : SIZE_MAX;
	if (tag != SYSTEM_CREATE_WITH_SEED || data.len < 52)
		return SIZE_MAX;
	seed = load_le64(data.data + 36); /* behind the base key */
	return seed <= data.len - 52 ? 44 + (size_t)seed : SIZE_MAX;
}

uint64_t policy_lamports_seen(const struct solana_view *view, const uint8_t wallet[32])
{
	static const uint8_t system_program[32];
	uint64_t sum = 0;

	for (unsigned i = 0; i < view->instruction_count; i++) {
		const struct solana_instruction *ix = &view->instructions[i];
		struct bytes data = solana_range_bytes(view, ix->data);
		struct bytes accounts = solana_range_bytes(view, ix->accounts);
		size_t at = lamports_at(data);
		size_t payer = tag_of(data) == SYSTEM_CREATE_PREFUNDED ? 1 : 0;

		if (at == SIZE_MAX || accounts.len < 2 ||
		    !key_is(view, ix->program, system_program) ||
		    !key_is(view, accounts.data[payer], wallet) ||
		    key_is(view, accounts.data[1 - payer], wallet))
			continue;
		sum = add_saturating(sum, load_le64(data.data + at));
	}
	return sum;
}

bool policy_facts_hold(const struct policy_facts *facts, const struct solana_view *view,
                       const uint8_t wallet[32], uint64_t fee_lamports)
{
	uint64_t seen = view == NULL ? 0 : policy_lamports_seen(view, wallet);

	return facts->fee_lamports >= fee_lamports &&
	       facts->lamports_out >= add_saturating(fee_lamports, seen);
}
