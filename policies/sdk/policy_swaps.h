/* policy_swaps: Jupiter v6 and Raydium AMM v4 swap instructions, decoded strictly, as one shape.
 *
 * What the amounts mean at worst: max_in leaves the source, min_out arrives at the destination. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_SWAPS_H
#define POLICY_SWAPS_H

#include "policy_decode.h"
#include "policy_jupiter_steps.h"

#define POLICY_ABSENT UINT32_MAX

struct policy_swap {
	uint64_t max_in, min_out;
	bool has_slippage; /* Jupiter says quote and tolerance; Raydium only the minimum */
	uint32_t slippage_bps;
	uint32_t fee_bps; /* platform fee and positive slippage taken, together */
	uint32_t authority, source, destination;
	uint32_t second_destination; /* Jupiter's optional destination_token_account */
	uint32_t source_mint, destination_mint, fee_account;
};

/* --- Jupiter v6 */

#define POLICY_JUPITER_TAGS      191
/* In the v1 instructions the amounts stand behind the plan, so there only steps count whose layout
 * is the same in every published IDL; later ones only where the amounts come first. */
#define POLICY_JUPITER_V1_LAST   145
#define POLICY_JUPITER_STEPS_MAX 64

static const char *const policy_jupiter_layouts[POLICY_JUPITER_TAGS] = {
#define POLICY_JUPITER_ROW(tag, name, layout) [tag] = layout,
    POLICY_JUPITER_STEPS(POLICY_JUPITER_ROW)
#undef POLICY_JUPITER_ROW
};

static void policy_take_enum(struct policy_cursor *c, uint32_t values)
{
	if (policy_take(c, 1) >= values)
		c->bad = true;
}

static void policy_take_pairs(struct policy_cursor *c)
{
	uint64_t count = policy_take(c, 4);
	if (count > c->left / 2 || !policy_skip(c, (uint32_t)count * 2))
		c->bad = true;
}

/* policy_take_field takes one character of a layout; false when it is a fee share that is not 0. */
static bool policy_take_field(struct policy_cursor *c, char field)
{
	uint64_t count;
	switch (field) {
	case '1':
	case '2':
	case '4':
	case '8':
		policy_skip(c, (uint32_t)(field - '0'));
		return true;
	case 'b':
	case 's':
		policy_take_enum(c, 2);
		return true;
	case 'h':
		policy_take_enum(c, 8);
		return true;
	case 't':
		policy_take_enum(c, 3);
		return true;
	case 'o':
	case 'r':
		count = policy_take(c, 1);
		if (count > 1)
			c->bad = true;
		else if (count == 1 && field == 'o')
			policy_skip(c, 1);
		else if (count == 1)
			policy_take_pairs(c);
		return true;
	case 'R':
		policy_take_pairs(c);
		return true;
	case 'v':
		count = policy_take(c, 4);
		if (count > c->left || !policy_skip(c, (uint32_t)count))
			c->bad = true;
		return true;
	case 'Z':
		return policy_take(c, 8) == 0;
	default:
		c->bad = true;
		return true;
	}
}

/* policy_take_plan walks a route plan: Vec of {Swap, weight of `weight` bytes, u8, u8}. */
static uint32_t policy_take_plan(struct policy_cursor *c, uint32_t weight, uint32_t last_tag)
{
	uint64_t steps = policy_take(c, 4);
	if (c->bad)
		return POLICY_REASON_DATA;
	if (steps == 0 || steps > POLICY_JUPITER_STEPS_MAX)
		return POLICY_REASON_ROUTE;
	for (uint64_t i = 0; i < steps; i++) {
		uint64_t tag = policy_take(c, 1);
		if (tag > last_tag || policy_jupiter_layouts[tag] == NULL)
			return POLICY_REASON_ROUTE;
		for (const char *field = policy_jupiter_layouts[tag]; *field != 0; field++)
			if (!policy_take_field(c, *field))
				return POLICY_REASON_ROUTE;
		policy_skip(c, weight + 2);
	}
	return c->bad ? POLICY_REASON_DATA : POLICY_REASON_NONE;
}

#define POLICY_NO 0xff /* no such account in this instruction */

/* One instruction of Jupiter v6: discriminator, form, places of its accounts. */
struct policy_jupiter_form {
	uint64_t discriminator;
	bool v2, shared, exact_out;
	uint8_t fixed; /* accounts before the venues' own */
	uint8_t authority, source, destination, second_destination;
	uint8_t source_mint, destination_mint, fee_account, program;
};

/* clang-format off */
static const struct policy_jupiter_form policy_jupiter_forms[] = {
	/* route */
	{UINT64_C(0x2aade37a97cb17e5), false, false, false, 9, 1, 2, 3, 4, POLICY_NO, 5, 6, 8},
	/* exact_out_route */
	{UINT64_C(0x5ced2b7b97ef33d0), false, false, true, 11, 1, 2, 3, 4, 5, 6, 7, 10},
	/* shared_accounts_route */
	{UINT64_C(0x819cd641339b20c1), false, true, false, 13, 2, 3, 6, POLICY_NO, 7, 8, 9, 12},
	/* shared_accounts_exact_out_route */
	{UINT64_C(0x3e457d9aa869d1b0), false, true, true, 13, 2, 3, 6, POLICY_NO, 7, 8, 9, 12},
	/* route_v2 */
	{UINT64_C(0x14afc431ccfa64bb), true, false, false, 10, 0, 1, 2, 7, 3, 4, POLICY_NO, 9},
	/* exact_out_route_v2 */
	{UINT64_C(0x24f3f41552b88a9d), true, false, true, 10, 0, 1, 2, 7, 3, 4, POLICY_NO, 9},
	/* shared_accounts_route_v2 */
	{UINT64_C(0xe9d8fe7c935398d1), true, true, false, 12, 1, 2, 5, POLICY_NO, 6, 7, POLICY_NO, 11},
	/* shared_accounts_exact_out_route_v2 */
	{UINT64_C(0x18fabbd8cae56035), true, true, true, 12, 1, 2, 5, POLICY_NO, 6, 7, POLICY_NO, 11},
};
/* clang-format on */

static void policy_take_amounts(struct policy_cursor *c, const struct policy_jupiter_form *form,
                                struct policy_swap *ret)
{
	uint64_t first = policy_take(c, 8), quoted = policy_take(c, 8);
	ret->slippage_bps = (uint32_t)policy_take(c, 2);
	ret->fee_bps = (uint32_t)(form->v2 ? policy_take(c, 2) : policy_take(c, 1));
	if (form->v2)
		ret->fee_bps += (uint32_t)policy_take(c, 2);
	if (ret->slippage_bps > 10000 || ret->fee_bps > 10000)
		c->bad = true;
	if (c->bad)
		return;
	if (form->exact_out) {
		ret->min_out = first;
		/* There the platform fee is taken of what is sold, perhaps on top. */
		ret->max_in = policy_scale(quoted, 10000 + ret->slippage_bps, true);
		ret->max_in = policy_scale(ret->max_in, 10000 + ret->fee_bps, true);
	} else {
		ret->max_in = first;
		ret->min_out = policy_scale(quoted, 10000 - ret->slippage_bps, false);
	}
	/* A platform fee may be taken from what was promised. */
	ret->min_out = policy_scale(ret->min_out, 10000 - ret->fee_bps, false);
}

/* An optional account of an Anchor program is left out by naming the program itself. */
static uint32_t policy_optional(const struct policy *p, const struct policy_ix *ix, uint8_t place)
{
	if (place == POLICY_NO)
		return POLICY_ABSENT;
	uint32_t account = ix->accounts[place];
	return policy_is_key(p, account, policy_program_keys[POLICY_PROGRAM_JUPITER_V6].bytes)
	           ? POLICY_ABSENT
	           : account;
}

/* policy_decode_jupiter takes the route and shared_accounts_route family without token ledger. */
static POLICY_MAYBE uint32_t policy_decode_jupiter(const struct policy *p,
                                                   const struct policy_ix *ix,
                                                   struct policy_swap *ret)
{
	struct policy_cursor c = {ix->data, ix->len, false};
	uint64_t discriminator = policy_take(&c, 8);
	const struct policy_jupiter_form *form = NULL;
	for (uint32_t i = 0; i < sizeof(policy_jupiter_forms) / sizeof(*form); i++)
		if (policy_jupiter_forms[i].discriminator == discriminator)
			form = &policy_jupiter_forms[i];
	if (c.bad)
		return POLICY_REASON_DATA;
	if (form == NULL)
		return POLICY_REASON_INSTRUCTION;
	*ret = (struct policy_swap){.has_slippage = true};
	if (form->shared)
		policy_skip(&c, 1);
	if (form->v2)
		policy_take_amounts(&c, form, ret);
	uint32_t plan = policy_take_plan(
	    &c, form->v2 ? 2 : 1, form->v2 ? POLICY_JUPITER_TAGS - 1 : POLICY_JUPITER_V1_LAST);
	if (plan != POLICY_REASON_NONE)
		return plan;
	if (!form->v2)
		policy_take_amounts(&c, form, ret);
	if (policy_taken(&c) != POLICY_REASON_NONE)
		return policy_taken(&c);
	if (ix->account_count < form->fixed)
		return POLICY_REASON_ACCOUNT_COUNT;
	const uint8_t *a = ix->accounts;
	if (!policy_is_key(p, a[form->program],
	                   policy_program_keys[POLICY_PROGRAM_JUPITER_V6].bytes))
		return POLICY_REASON_ACCOUNT;
	ret->authority = a[form->authority];
	ret->source = a[form->source];
	ret->destination = a[form->destination];
	ret->second_destination = policy_optional(p, ix, form->second_destination);
	ret->source_mint = form->source_mint == POLICY_NO ? POLICY_ABSENT : a[form->source_mint];
	ret->destination_mint = a[form->destination_mint];
	ret->fee_account = policy_optional(p, ix, form->fee_account);
	return POLICY_REASON_NONE;
}

/* --- Raydium AMM v4 */

/* policy_decode_raydium takes swapBaseIn and swapBaseOut, old (17 or 18 accounts, the user's are
 * the last three) and V2 (8 accounts). */
static POLICY_MAYBE uint32_t policy_decode_raydium(const struct policy_ix *ix,
                                                   struct policy_swap *ret)
{
	struct policy_cursor c = {ix->data, ix->len, false};
	uint64_t tag = policy_take(&c, 1);
	if (c.bad)
		return POLICY_REASON_DATA;
	if (tag != 9 && tag != 11 && tag != 16 && tag != 17)
		return POLICY_REASON_INSTRUCTION;
	*ret = (struct policy_swap){
	    .second_destination = POLICY_ABSENT,
	    .source_mint = POLICY_ABSENT,
	    .destination_mint = POLICY_ABSENT,
	    .fee_account = POLICY_ABSENT,
	};
	ret->max_in = policy_take(&c, 8);
	ret->min_out = policy_take(&c, 8);
	if (policy_taken(&c) != POLICY_REASON_NONE)
		return policy_taken(&c);
	uint32_t n = ix->account_count;
	if (tag >= 16 ? n != 8 : n != 17 && n != 18)
		return POLICY_REASON_ACCOUNT_COUNT;
	ret->source = ix->accounts[n - 3];
	ret->destination = ix->accounts[n - 2];
	ret->authority = ix->accounts[n - 1];
	return POLICY_REASON_NONE;
}

#endif
