/* intent_run: decides one transaction by the table.
 *
 * The compiler has done what can be done before: programs are found by a hash without collisions,
 * rules by one comparison of their first bytes, fixed data by its length; what is left is a list of
 * operations for each rule. Every operation is a constraint, a number or an effect, and a
 * constraint that does not hold refuses. The order of everything is that of spec/intent.md.
 *
 * Trust: the host has checked the table (intent_check.h), so offsets and
 * positions are used as they are. Instruction data and account lists are an attacker's: data is
 * read only after its length was compared, or through the cursor of intent_decode. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_RUN_H
#define INTENT_RUN_H

#include "intent_mark.h"
#include "intent_table.h"
#include "policy_sdk.h"

#ifdef __wasm__
#define INTENT_TABLE ((const uint8_t *)INTENT_TABLE_ADDRESS)
#else
static _Alignas(8) uint8_t intent_table_bytes[INTENT_TABLE_MAX];
#define INTENT_TABLE ((const uint8_t *)intent_table_bytes)
#endif

/* Inlined whatever the compiler's own measure says: a call costs the interpreter as much as ten
 * operations, and these run for every account or operation. */
#define INTENT_HOT static inline __attribute__((always_inline))

#define INTENT_HEAD             ((const struct intent_head *)(const void *)INTENT_TABLE)
#define INTENT_AT(part)         ((const void *)(INTENT_TABLE + INTENT_HEAD->part.off))
#define INTENT_INSTRUCTIONS_MAX 64

/* What is kept while one transaction is looked at; the module is fresh for each, so all is zero. */
static _Alignas(8) uint8_t intent_values[INTENT_SLOTS_MAX * 8];
static uint8_t intent_owned[POLICY_ACCOUNTS_MAX]; /* first derived entry of the wallet's, + 1 */
/* Of this instruction: derived entry + 1, or INTENT_ENTRY_*, of each own or ata account. */
static uint8_t intent_entries[INTENT_POSITIONS_MAX];
static const struct intent_op *intent_entry_ops[INTENT_POSITIONS_MAX];
static uint8_t intent_fresh[POLICY_ACCOUNTS_MAX]; /* made as the wallet's by this instruction + 1 */
static bool intent_made[POLICY_ACCOUNTS_MAX];     /* the same, whatever became of it since */
#define INTENT_TAG_AUTHORITY 6                    /* setAuthority, of both token programs */
#define INTENT_TAG_CLOSE     9                    /* closeAccount */
#define INTENT_ENTRY_FRESH   254 /* the mint is the one that the account was made with */
#define INTENT_ENTRY_NAMED   255 /* `or`: the mint is the one that the requirement asks for */
static uint16_t intent_binds[INTENT_BINDS_MAX]; /* account + 1 */
static const uint8_t *intent_segments[INTENT_SEGMENTS_MAX + 1];
static const uint8_t *intent_data_end;
static uint16_t intent_rules_seen[INTENT_INSTRUCTIONS_MAX];
/* Writable, though a place says read-only: each account once. */
static uint16_t intent_pending[POLICY_ACCOUNTS_MAX];
static bool intent_is_pending[POLICY_ACCOUNTS_MAX];
static uint32_t intent_pending_count;
static uint64_t intent_sides[2][2]; /* of a comparison: low, high */

/* One instruction. */
struct intent_ix {
	struct policy *p;
	uint32_t number;
	uint32_t program;        /* account */
	const uint8_t *accounts; /* indexes */
	uint32_t account_count;
	const struct intent_rule *rule;
	uint32_t actual; /* for texts: the account, number or length that did not fit */
};

INTENT_HOT uint64_t *intent_slot_at(uint32_t slot)
{
	return (uint64_t *)(void *)(intent_values + slot);
}
#define V(slot) (*intent_slot_at(slot))

INTENT_HOT uint32_t intent_load32(const void *at)
{
	uint32_t value;
	__builtin_memcpy(&value, at, 4);
	return value;
}

INTENT_HOT const uint8_t *intent_key(uint32_t index)
{
	return INTENT_TABLE + INTENT_HEAD->keys.off + 32 * index;
}

static inline const char *intent_words(uint32_t off)
{
	return (const char *)INTENT_TABLE + INTENT_HEAD->words.off + off;
}

/* signer, writable, source and wallet of an account, as one word. */
#define INTENT_W_SIGNER   0x00000001u
#define INTENT_W_WRITABLE 0x00000100u
#define INTENT_W_KNOWN    0x00ff0000u
#define INTENT_W_WALLET   0x01000000u

INTENT_HOT uint32_t intent_flags(const struct policy_account *account)
{
	return intent_load32(&account->signer);
}

INTENT_HOT bool intent_given(const struct policy *p, uint32_t bit)
{
	return bit == INTENT_NONE || (policy_load64(p->parameters) >> bit & 1) != 0;
}

static bool intent_in_list(uint32_t list, const uint8_t *key)
{
	const struct intent_list *l = (const struct intent_list *)INTENT_AT(lists) + list;
	const uint8_t *at = intent_key(l->first), *end = at + 32 * (uint32_t)l->count;
	for (; at != end; at += 32)
		if (policy_key_equal(at, key))
			return true;
	return false;
}

INTENT_HOT struct policy_range intent_range(const struct policy *p, uint32_t record)
{
	struct policy_range range;
	__builtin_memcpy(&range, p->parameters + record, sizeof(range));
	return range;
}

INTENT_HOT bool intent_is_own(uint32_t account)
{
	return (intent_owned[account] | intent_fresh[account]) != 0;
}

INTENT_HOT const uint8_t *intent_known_key(const struct policy *p, uint32_t account)
{
	const struct policy_account *a = &p->accounts[account];
	return a->source == POLICY_SOURCE_UNKNOWN ? NULL : a->key;
}

/* The mint with which the wallet's account was made earlier in this transaction: its instruction's
 * second account. */
static const uint8_t *intent_fresh_mint(const struct policy *p, uint32_t account)
{
	const struct policy_instruction *made = &p->instructions[intent_fresh[account] - 1u];
	return intent_known_key(p, p->indexes[made->account_first + 1]);
}

/* The address of a program stands for an account that was left out, and is no mint. */
INTENT_HOT const uint8_t *intent_one_mint(const struct intent_ix *x, uint32_t kind, uint32_t arg)
{
	switch (kind) {
	case INTENT_MINT_KEY:
		return intent_key(arg);
	case INTENT_MINT_PARAM: /* zeros: it was not given */
		return policy_key_zero(x->p->parameters + arg) ? NULL : x->p->parameters + arg;
	case INTENT_MINT_ACCOUNT:
		return x->accounts[arg] == x->program ? NULL
		                                      : intent_known_key(x->p, x->accounts[arg]);
	default:
		return NULL;
	}
}

/* The mint that an operation names; NULL: it cannot be known. */
INTENT_HOT const uint8_t *intent_mint(const struct intent_ix *x, uint32_t kind, uint32_t arg)
{
	if (kind != INTENT_MINT_ENTRY)
		return intent_one_mint(x, kind, arg);
	uint32_t entry = intent_entries[arg];
	if (entry == 0)
		return NULL;
	if (entry < INTENT_ENTRY_FRESH)
		return x->p->derived[entry - 1].mint;
	if (entry == INTENT_ENTRY_FRESH)
		return intent_fresh_mint(x->p, x->accounts[arg]);
	const struct intent_op *owned = intent_entry_ops[arg] + 1;
	return intent_one_mint(x, owned->a & 15u, owned->b);
}

INTENT_HOT bool intent_mint_is(const struct intent_ix *x, const uint8_t *mint, uint32_t kind,
                               uint32_t arg)
{
	switch (kind) {
	case INTENT_MINT_ANY:
		return true;
	case INTENT_MINT_LIST:
		return intent_in_list(arg, mint);
	case INTENT_MINT_IN_PARAM_ANY:
		if (intent_range(x->p, arg).count == 0)
			return true;
		return policy_list_find(x->p, intent_range(x->p, arg), mint) >= 0;
	case INTENT_MINT_IN_PARAM:
		return policy_list_find(x->p, intent_range(x->p, arg), mint) >= 0;
	default: {
		const uint8_t *named = intent_mint(x, kind, arg);
		return named != NULL && policy_key_equal(named, mint);
	}
	}
}

/* intent_key_is says whether a known key is what a requirement without a place asks for. */
INTENT_HOT bool intent_key_is(const struct policy *p, const uint8_t *key, uint32_t kind,
                              uint32_t arg, uint32_t given)
{
	switch (kind) {
	case INTENT_IS_WALLET:
		return policy_key_equal(p->request->wallet, key);
	case INTENT_IS_KEY:
		return policy_key_equal(intent_key(arg), key);
	case INTENT_IS_PARAM:
		return intent_given(p, given) && policy_key_equal(p->parameters + arg, key);
	case INTENT_IN_LIST:
		return intent_in_list(arg, key);
	case INTENT_IN_PARAM:
		return policy_list_find(p, intent_range(p, arg), key) >= 0;
	default:
		return false;
	}
}

static bool intent_owner_is(const struct intent_ix *x, const uint8_t *owner, uint32_t kind,
                            uint32_t arg)
{
	if (kind == INTENT_IS_ACCOUNT) {
		const struct policy_account *a = &x->p->accounts[x->accounts[arg]];
		return a->source != POLICY_SOURCE_UNKNOWN && policy_key_equal(a->key, owner);
	}
	return intent_key_is(x->p, owner, kind, arg, INTENT_NONE);
}

INTENT_HOT bool intent_token_program_is(const struct intent_ix *x, const struct intent_op *owned,
                                        const uint8_t *program)
{
	const uint8_t *key = NULL;
	switch (owned->a >> 4) {
	case INTENT_TOKEN_PROGRAM:
		key = x->p->accounts[x->program].key;
		break;
	case INTENT_TOKEN_ACCOUNT:
		key = intent_known_key(x->p, x->accounts[owned->c]);
		break;
	case INTENT_TOKEN_KEY:
		key = intent_key(owned->c);
		break;
	default:
		break;
	}
	return key == NULL || policy_key_equal(key, program);
}

/* The mint is one that an own or ata account may have. */
INTENT_HOT bool intent_mint_fits_place(const struct intent_ix *x, const struct intent_op *owned,
                                       const struct intent_op *more, const uint8_t *mint)
{
	return intent_mint_is(x, mint, owned->a & 15u, owned->b) &&
	       (more == NULL || more->a % 16u == INTENT_MINT_ANY ||
	        !intent_mint_is(x, mint, more->a & 15u, more->b));
}

/* intent_find_entry looks for what makes an account an own or ata one: a derived entry, that this
 * transaction made it, or that a parameter names it. Gives what intent_entries keeps, or 0 with the
 * reason why not. */
INTENT_HOT uint32_t intent_find_entry(const struct intent_ix *x, const struct intent_op *op,
                                      uint32_t account, bool ata, uint32_t *ret_reason)
{
	const struct policy *p = x->p;
	const struct intent_op *owned = op + 1;
	const struct intent_op *more =
	    owned->d == 0 ? NULL : (const struct intent_op *)INTENT_AT(ops) + owned->d;
	uint32_t count = p->request->derived.count;
	uint32_t first = ata ? 0 : intent_owned[account] == 0 ? count : intent_owned[account] - 1u;
	for (uint32_t i = first; i < count; i++) {
		const struct policy_derived *d = &p->derived[i];
		if (d->account != account || !intent_mint_fits_place(x, owned, more, d->mint) ||
		    !intent_token_program_is(x, owned, d->token_program))
			continue;
		if (ata ? !intent_owner_is(x, d->owner, more->a >> 4, more->c)
		        : !d->owner_is_wallet)
			continue;
		if (!ata && !d->ownership_proven &&
		    (INTENT_HEAD->unproven == INTENT_NONE || V(INTENT_HEAD->unproven) == 0)) {
			*ret_reason = POLICY_REASON_OWNERSHIP;
			continue;
		}
		return i + 1;
	}
	if ((op->b & INTENT_MODE_FRESH) != 0 && intent_fresh[account] != 0) {
		const struct policy_instruction *made =
		    &p->instructions[intent_fresh[account] - 1u];
		const uint8_t *mint = intent_fresh_mint(p, account);
		if (mint != NULL && intent_mint_fits_place(x, owned, more, mint) &&
		    intent_token_program_is(x, owned, p->accounts[made->program].key))
			return INTENT_ENTRY_FRESH;
	}
	/* What the user vouches for is the account that he knew: not one of another token that was
	 * made at its address. */
	if (more != NULL && more->d != 0 && !intent_made[account] &&
	    intent_key_is(p, p->accounts[account].key, INTENT_IS_PARAM, more[1].b, more[1].c))
		return INTENT_ENTRY_NAMED;
	return 0;
}

/* intent_meets says whether an account meets the requirement of an operation; what it found of own
 * and ata accounts is kept. */
INTENT_HOT bool intent_meets(const struct intent_ix *x, const struct intent_op *op,
                             uint32_t account, uint32_t *ret_reason)
{
	const struct policy *p = x->p;
	const struct policy_account *a = &p->accounts[account];
	uint32_t kind = op->op - INTENT_OP_ACCOUNT, entry;
	*ret_reason = POLICY_REASON_ACCOUNT;
	switch (kind) {
	case INTENT_IS_ANY:
		return true;
	case INTENT_IS_OTHER:
		return a->wallet == 0 && !intent_is_own(account);
	case INTENT_IS_WALLET:
		if (a->wallet)
			return true;
		break;
	case INTENT_IS_PROGRAM:
		if (account == x->program)
			return true;
		break;
	case INTENT_IS_ACCOUNT:
		if (a->source != POLICY_SOURCE_UNKNOWN)
			return account == x->accounts[op->c];
		break;
	case INTENT_IS_BOUND:
	case INTENT_IS_BOUND_OTHER:
		if (kind == INTENT_IS_BOUND_OTHER && intent_binds[op->c] == 0)
			return !a->wallet && !intent_is_own(account);
		if (a->source != POLICY_SOURCE_UNKNOWN)
			return account + 1 == intent_binds[op->c];
		break;
	case INTENT_OWN:
	case INTENT_ATA:
		intent_entries[op->a] = 0;
		if (a->source == POLICY_SOURCE_UNKNOWN)
			break;
		entry = intent_find_entry(x, op, account, kind == INTENT_ATA, ret_reason);
		intent_entries[op->a] = (uint8_t)entry;
		intent_entry_ops[op->a] = op;
		return entry != 0;
	case INTENT_IS_MINT_OF: {
		const uint8_t *mint = intent_mint(x, INTENT_MINT_ENTRY, op->c);
		if (a->source == POLICY_SOURCE_UNKNOWN)
			break;
		return mint != NULL && policy_key_equal(mint, a->key);
	}
	default:
		if (a->source != POLICY_SOURCE_UNKNOWN)
			return intent_key_is(p, a->key, kind, op->c, op->d);
		break;
	}
	if (a->source != POLICY_SOURCE_UNKNOWN)
		return false;
	*ret_reason = POLICY_REASON_ACCOUNT_UNKNOWN;
	return (op->b & INTENT_MODE_HIDDEN) != 0;
}

/* --- instruction data */

struct intent_cursor {
	const uint8_t *at, *end;
};

INTENT_HOT uint32_t intent_left(const struct intent_cursor *c)
{
	return (uint32_t)(c->end - c->at);
}

INTENT_HOT bool intent_skip(struct intent_cursor *c, uint64_t bytes)
{
	if (bytes > intent_left(c))
		return false;
	c->at += (uint32_t)bytes;
	return true;
}

INTENT_HOT uint32_t intent_arg(const uint8_t *layout, uint32_t n)
{
	return (uint32_t)layout[2 * n] | (uint32_t)layout[2 * n + 1] << 8;
}

INTENT_HOT uint64_t intent_number(const uint8_t *at, uint32_t width)
{
	uint64_t value = 0;
	switch (width) {
	case 0:
		return *at;
	case 1:
		return (uint64_t)at[0] | (uint64_t)at[1] << 8;
	case 2:
		return intent_load32(at);
	default:
		__builtin_memcpy(&value, at, 8);
		return value;
	}
}

/* A u32 count within the bounds that stand in the layout. */
INTENT_HOT bool intent_take_count(struct intent_cursor *c, const uint8_t *layout, uint32_t *ret)
{
	if (intent_left(c) < 4)
		return false;
	*ret = intent_load32(c->at);
	c->at += 4;
	return *ret >= intent_arg(layout, 0) && *ret <= intent_arg(layout, 1);
}

/* Where LOOP, REPEAT and a variant go back to. */
struct intent_frame {
	const uint8_t *layout; /* a loop's first operation, or behind an ENUM */
	uint32_t left;         /* of a loop; 0 for a variant */
};

/* intent_decode walks data by its layout from the front and needs its end to be the last field's;
 * gives the reason of a refusal. */
static uint32_t intent_decode(const uint8_t *layout, struct intent_cursor c)
{
	struct intent_frame stack[INTENT_DEPTH_MAX];
	const uint8_t *all = INTENT_TABLE + INTENT_HEAD->layouts.off;
	const uint16_t *enums = INTENT_AT(enums);
	uint32_t depth = 0, segments = 1, n;
	for (;;) {
		switch (*layout++) {
		case INTENT_L_END:
			return c.at == c.end ? POLICY_REASON_NONE : POLICY_REASON_TRAILING;
		case INTENT_L_SEGMENT:
			intent_segments[segments++] = c.at;
			break;
		case INTENT_L_SKIP:
			if (!intent_skip(&c, intent_arg(layout, 0)))
				return POLICY_REASON_DATA;
			layout += 2;
			break;
		case INTENT_L_LESS:
			if (c.at == c.end || *c.at >= intent_arg(layout, 0))
				return POLICY_REASON_DATA;
			c.at++;
			layout += 2;
			break;
		case INTENT_L_LITERAL: {
			uint32_t width = layout[2];
			if (intent_left(&c) < 1u << width)
				return POLICY_REASON_DATA;
			if (intent_number(c.at, width) != policy_load64(layout + 3))
				return intent_arg(layout, 0);
			c.at += 1u << width;
			layout += 11;
			break;
		}
		case INTENT_L_OPTION:
			if (c.at == c.end || *c.at > 1)
				return POLICY_REASON_DATA;
			layout += *c.at++ == 0 ? 2 + intent_arg(layout, 0) : 2;
			break;
		case INTENT_L_RUN:
			if (!intent_take_count(&c, layout, &n) ||
			    !intent_skip(&c, (uint64_t)n * intent_arg(layout, 2)))
				return POLICY_REASON_DATA;
			layout += 6;
			break;
		case INTENT_L_SEED: {
			if (intent_left(&c) < 8)
				return POLICY_REASON_DATA;
			uint64_t bytes = policy_load64(c.at);
			c.at += 8;
			if (bytes > intent_arg(layout, 0) || !intent_skip(&c, bytes))
				return POLICY_REASON_DATA;
			layout += 2;
			break;
		}
		case INTENT_L_LOOP:
			if (!intent_take_count(&c, layout, &n))
				return POLICY_REASON_DATA;
			if (n == 0) {
				layout += 6 + intent_arg(layout, 2);
				break;
			}
			layout += 6;
			stack[depth++] = (struct intent_frame){layout, n};
			break;
		case INTENT_L_REPEAT:
			n = intent_arg(layout, 0);
			layout += 2;
			stack[depth++] = (struct intent_frame){layout, n};
			break;
		case INTENT_L_NEXT:
			if (--stack[depth - 1].left != 0)
				layout = stack[depth - 1].layout;
			else
				depth--;
			break;
		case INTENT_L_ENUM: {
			if (c.at == c.end)
				return POLICY_REASON_DATA;
			const uint16_t *tags = enums + intent_arg(layout, 1);
			uint32_t tag = *c.at++;
			uint32_t entry = tag < tags[0] ? tags[1 + tag] : INTENT_ENUM_REFUSED;
			if (entry < INTENT_ENUM_LAYOUT) {
				if (!intent_skip(&c, entry))
					return POLICY_REASON_DATA;
				layout += 4;
				break;
			}
			if (entry == INTENT_ENUM_REFUSED)
				return intent_arg(layout, 0);
			stack[depth++] = (struct intent_frame){layout + 4, 0};
			layout = all + (entry - INTENT_ENUM_LAYOUT);
			break;
		}
		case INTENT_L_RETURN:
			layout = stack[--depth].layout;
			break;
		case INTENT_L_TAIL:
			if (c.at != c.end)
				break;
			/* What stands behind it ends here, too. */
			while (segments <= INTENT_SEGMENTS_MAX)
				intent_segments[segments++] = c.at;
			return POLICY_REASON_NONE;
		case INTENT_L_REST:
			if (intent_left(&c) > intent_arg(layout, 0))
				return POLICY_REASON_TRAILING;
			c.at = c.end;
			layout += 2;
			break;
		default:
			return POLICY_REASON_DATA;
		}
	}
}

/* --- numbers */

/* intent_scale gives x * n / d in `ret`; false when n or the result is too large. */
static bool intent_scale(uint64_t x, uint64_t n, uint64_t d, bool up, uint64_t *ret)
{
	uint64_t whole = x / d, rest = x % d;
	if (n > UINT32_MAX)
		return false;
	/* In halves: a checked multiplication would need a library function. */
	uint64_t high = (whole >> 32) * n, low = (uint32_t)whole * n;
	rest *= n;
	uint64_t part = rest / d + (up && rest % d != 0);
	if (high >> 32 != 0 || low > UINT64_MAX - (high << 32) ||
	    part > UINT64_MAX - (high << 32) - low)
		return false;
	*ret = (high << 32) + low + part;
	return true;
}

/* Adds a x b to a side; false when it passes 2^128. */
static bool intent_add_product(uint64_t side[2], uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0) /* a permission or price that is not used */
		return true;
	uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
	uint64_t mid = ah * bl + (al * bl >> 32), mid2 = al * bh + (uint32_t)mid;
	uint64_t low = mid2 << 32 | (uint32_t)(al * bl);
	uint64_t high = ah * bh + (mid >> 32) + (mid2 >> 32);
	side[0] += low;
	uint64_t carry = side[0] < low;
	if (high > UINT64_MAX - carry || side[1] > UINT64_MAX - (high + carry))
		return false;
	side[1] += high + carry;
	return true;
}

/* Which outcomes satisfy a comparison: bit 0 less, bit 1 equal, bit 2 more. */
INTENT_HOT bool intent_compare(uint32_t how, bool less, bool equal)
{
	static const uint8_t holds[INTENT_CMP_COUNT] = {
	    [INTENT_CMP_LE] = 3, [INTENT_CMP_GE] = 6, [INTENT_CMP_LT] = 1,
	    [INTENT_CMP_GT] = 4, [INTENT_CMP_EQ] = 2, [INTENT_CMP_NE] = 5};
	return (holds[how] >> (less ? 0 : equal ? 1 : 2) & 1) != 0;
}

static bool intent_per(const struct intent_ix *x, const struct intent_op *op, uint64_t *ret)
{
	const struct policy *p = x->p;
	const uint8_t *mint = intent_mint(x, op->a, op->b);
	struct policy_range mints = intent_range(p, op[1].b), numbers = intent_range(p, op->c);
	int index = mint == NULL ? -1 : policy_list_find(p, mints, mint);
	if (index < 0)
		return false;
	*ret =
	    (uint32_t)index < numbers.count ? policy_list_number(p, numbers, (uint32_t)index) : 0;
	return true;
}

/* --- refusals in words: cold */

static POLICY_COLD const char *intent_position_name(const struct intent_rule *rule,
                                                    uint32_t position)
{
	const char *name = intent_words(rule->positions);
	for (; position != 0; position--)
		while (*name++ != 0)
			;
	return *name != 0 ? name : "an account";
}

static POLICY_COLD struct policy_value intent_expects(uint32_t kind, uint32_t arg)
{
	switch (kind) {
	case INTENT_IS_ANY:
		return v_words("any account");
	case INTENT_IS_OTHER:
		return v_words("neither the wallet nor its own token account");
	case INTENT_IS_WALLET:
		return v_words("the wallet");
	case INTENT_IS_PROGRAM:
		return v_words("the program itself");
	case INTENT_IS_KEY:
		return v_key(intent_key(arg));
	case INTENT_IS_ACCOUNT:
	case INTENT_IS_BOUND:
	case INTENT_IS_BOUND_OTHER:
		return v_words("the same account as in another place");
	case INTENT_OWN:
		return v_words("the wallet's own token account of an allowed mint");
	case INTENT_ATA:
		return v_words("an associated account of an allowed owner and mint");
	case INTENT_IS_MINT_OF:
		return v_words("the mint of another account of this instruction");
	default:
		return v_words("one that the grant names");
	}
}

static POLICY_COLD bool intent_report_account(const struct intent_ix *x, const struct intent_op *op,
                                              bool holds, uint32_t reason)
{
	uint32_t kind = op->op - INTENT_OP_ACCOUNT;
	if (reason == POLICY_REASON_ACCOUNT && op->b >> INTENT_MODE_REASON != 0)
		reason = op->b >> INTENT_MODE_REASON;
	struct policy_value expected = intent_expects(kind, op->c);
	if (kind == INTENT_IS_PARAM)
		expected = v_key(x->p->parameters + op->c);
	if (reason == POLICY_REASON_ACCOUNT_UNKNOWN && !holds)
		expected = v_words("an account that stands in the signed bytes");
	if (reason == POLICY_REASON_OWNERSHIP && !holds)
		expected = v_words("ownership that is proven: the key was known elsewhere");
	return policy_report(x->p, holds, reason, x->number, intent_position_name(x->rule, op->a),
	                     expected, v_account(x->p, x->accounts[op->a]));
}

static POLICY_COLD bool intent_report_flag(const struct intent_ix *x, const struct intent_op *op,
                                           uint32_t reason, const char *expected)
{
	return policy_report(x->p, false, reason, x->number, intent_position_name(x->rule, op->a),
	                     v_words(expected), v_account(x->p, x->accounts[op->a]));
}

static POLICY_COLD bool intent_report_check(struct policy *p, uint32_t number,
                                            const struct intent_op *op, bool holds)
{
	static const char *const before[] = {"at most ", "at least ", "below ",
	                                     "above ",   "exactly ",  "not "};
	const struct intent_check *check = (const struct intent_check *)INTENT_AT(checks) + op->d;
	const char *name = intent_words(check->name);
	if (op->op == INTENT_OP_CHECK_SIDES)
		return policy_report(p, holds, check->reason, number, name,
		                     v_words("what the intent demands"),
		                     v_words(holds ? "that" : "less than that"));
	return policy_report(p, holds, check->reason, number, name,
	                     (struct policy_value){V_NUMBER, before[op->a], NULL, V(op->c)},
	                     v_number(V(op->b)));
}

static POLICY_COLD bool intent_report_data(const struct intent_ix *x, uint32_t reason, uint32_t len)
{
	const char *expected = "data with all its fields, each one allowed";
	if (reason == POLICY_REASON_TRAILING)
		expected = "data that ends after its last field";
	return policy_report(x->p, false, reason, x->number, intent_words(x->rule->name),
	                     v_words(expected),
	                     (struct policy_value){V_NUMBER, "bytes of data: ", NULL, len});
}

static POLICY_COLD bool intent_overflow(const struct intent_ix *x, const char *name)
{
	return policy_report(x->p, false, POLICY_REASON_OVERFLOW, x->number, name,
	                     v_words("numbers that fit"), v_words("a larger or a negative one"));
}

/* --- one instruction */

/* What follows a failed constraint is looked at only to explain or to describe. */
#define INTENT_FAIL(report)                                                                        \
	do {                                                                                       \
		if (!(report) && !x->p->explain && !x->p->says)                                    \
			return false;                                                              \
	} while (0)

INTENT_HOT void intent_writable(struct intent_ix *x, const struct intent_op *op, uint32_t account,
                                bool writable, bool *ret_bad)
{
	*ret_bad = false;
	if ((x->rule->flags & INTENT_RULE_ANY_FLAGS) != 0 && x->p->accounts[account].wallet == 0 &&
	    !intent_is_own(account))
		return;
	if (!writable) {
		*ret_bad = true;
		return;
	}
	(void)op;
	if (account == 0 || intent_is_pending[account])
		return;
	intent_is_pending[account] = true;
	intent_pending[intent_pending_count++] = (uint16_t)account;
}

/* What costs more than a few steps has a function of its own, so that the
 * loop over operations stays small: the engine charges fuel for all of it each time around. */
#define INTENT_APART static __attribute__((noinline))

INTENT_APART bool intent_field_key(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	if (intent_key_is(p, intent_segments[op->a & 15u] + op->b, op->a >> 4, op->c, op->d))
		return true;
	INTENT_FAIL(policy_report(p, false, POLICY_REASON_ACCOUNT, x->number,
	                          intent_words(x->rule->name), v_words("a key that is allowed"),
	                          v_key(intent_segments[op->a & 15u] + op->b)));
	return true;
}

INTENT_APART bool intent_pay(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	uint64_t n;
	if (op->c != INTENT_NONE && !p->accounts[x->accounts[op->c]].wallet)
		return true;
	n = V(op->b);
	if (n > UINT64_MAX - V(INTENT_LAMPORTS)) {
		INTENT_FAIL(intent_overflow(x, "lamports"));
		return true;
	}
	V(INTENT_LAMPORTS) += n;
	if (op->a != 0)
		V(INTENT_FEE + 8u * op->a) += n;
	return true;
}

INTENT_APART bool intent_send(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	const uint8_t *mint;
	uint64_t n;
	if (op->d != INTENT_NONE && !p->accounts[x->accounts[op->d]].wallet)
		return true;
	mint = intent_mint(x, op->a, op->b);
	if (mint == NULL) {
		INTENT_FAIL(policy_report(p, false, POLICY_REASON_ACCOUNT_UNKNOWN, x->number,
		                          intent_words(x->rule->name),
		                          v_words("a mint that is known"), v_words("another")));
		return true;
	}
	n = V(op->c);
	if (n > UINT64_MAX - policy_token_out_of(p->facts, mint)) {
		INTENT_FAIL(intent_overflow(x, "raw units"));
		return true;
	}
	if (!policy_count_token(p, mint, n))
		INTENT_FAIL(policy_report(p, false, POLICY_REASON_TOO_MANY, x->number, "mints",
		                          v_at_most(POLICY_TOKENS_MAX), v_words("more")));
	return true;
}

INTENT_APART bool intent_sent(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	const uint8_t *mint;
	mint = intent_mint(x, op->a, op->b);
	V(op->d) = mint == NULL ? 0 : policy_token_out_of(p->facts, mint);
	return true;
}

INTENT_APART bool intent_take_per(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	if (!intent_per(x, op, &V(op->d))) {
		V(op->d) = 0;
		INTENT_FAIL(policy_report(p, false, POLICY_REASON_MINT, x->number, "mint",
		                          v_words("one of the allowed mints"), v_words("another")));
	}
	return true;
}

INTENT_APART bool intent_take_scale(struct intent_ix *x, const struct intent_op *op)
{
	if (!intent_scale(V(op->b), V(op->c), V(op[1].b), op->op == INTENT_OP_SCALE_UP, &V(op->d)))
		INTENT_FAIL(intent_overflow(x, "amounts"));
	return true;
}

INTENT_APART bool intent_side(struct intent_ix *x, const struct intent_op *op)
{
	if (!intent_add_product(intent_sides[op->a], V(op->b), V(op->c)))
		INTENT_FAIL(intent_overflow(x, "amounts"));
	return true;
}

INTENT_APART bool intent_literal(struct intent_ix *x, const struct intent_op *op)
{
	if (intent_number(intent_segments[op->a & 15u] + op->b, op->a >> 4) != V(op->c))
		INTENT_FAIL(intent_report_data(x, op->d, 0));
	return true;
}

INTENT_APART bool intent_check_sides(struct intent_ix *x, const struct intent_op *op)
{
	struct policy *p = x->p;
	uint64_t *l = intent_sides[0], *r = intent_sides[1];
	bool less = l[1] != r[1] ? l[1] < r[1] : l[0] < r[0];
	bool holds = intent_compare(op->a, less, l[1] == r[1] && l[0] == r[0]);
	l[0] = l[1] = r[0] = r[1] = 0;
	if (!holds || p->explain)
		INTENT_FAIL(intent_report_check(p, x->number, op, holds));
	return true;
}

INTENT_APART bool intent_load_tail(struct intent_ix *x, const struct intent_op *op)
{
	(void)x;
	const uint8_t *at = intent_segments[op->a & 15u] + op->b;
	V(op->d) = at == intent_data_end ? 0 : intent_number(at, op->a >> 4);
	return true;
}

INTENT_APART bool intent_account(struct intent_ix *x, const struct intent_op *op)
{
	uint32_t account = x->accounts[op->a], mode = op->b, reason;
	uint32_t flags = intent_flags(&x->p->accounts[account]);
	if ((mode & INTENT_MODE_OPTIONAL) != 0 && account == x->program)
		return true;
	if ((mode & INTENT_MODE_CHOSEN) == 0) {
		bool holds;
		if (op->op == INTENT_OP_ACCOUNT + INTENT_IS_OTHER) {
			holds = (flags & INTENT_W_WALLET) == 0 && !intent_is_own(account);
			reason = POLICY_REASON_ACCOUNT;
		} else if (op->op == INTENT_OP_ACCOUNT + INTENT_IS_WALLET &&
		           (flags & INTENT_W_WALLET) != 0) {
			holds = true;
			reason = POLICY_REASON_ACCOUNT;
		} else {
			holds = intent_meets(x, op, account, &reason);
		}
		if (__builtin_expect(!holds || x->p->explain, 0))
			INTENT_FAIL(intent_report_account(x, op, holds, reason));
	}
	if ((flags & INTENT_W_WRITABLE) != 0
	        ? (mode & (INTENT_MODE_WRITABLE | INTENT_MODE_EITHER)) == 0
	        : (mode & INTENT_MODE_WRITABLE) != 0) {
		bool bad;
		intent_writable(x, op, account, (flags & INTENT_W_WRITABLE) != 0, &bad);
		if (bad)
			INTENT_FAIL(
			    intent_report_flag(x, op, POLICY_REASON_ACCOUNT, "a writable account"));
	}
	if ((mode & INTENT_MODE_SIGNER) != 0 && (flags & INTENT_W_SIGNER) == 0)
		INTENT_FAIL(intent_report_flag(x, op, POLICY_REASON_SIGNER, "a signer"));
	return true;
}

/* intent_operations runs a rule's operations, or the ones after the last instruction. */
static __attribute__((noinline)) bool
intent_operations(struct intent_ix *x, const struct intent_op *op, const struct intent_op *end)
{
	struct policy *const p = x->p;
	const uint8_t *const indexes = x->accounts;
	const bool explain = p->explain;
	for (; op != end; op++) {
		uint64_t b, c;
		switch (op->op) {
		case INTENT_OP_ACCOUNT + INTENT_IS_ANY:
		case INTENT_OP_ACCOUNT + INTENT_IS_OTHER:
		case INTENT_OP_ACCOUNT + INTENT_IS_WALLET:
		case INTENT_OP_ACCOUNT + INTENT_IS_PROGRAM:
		case INTENT_OP_ACCOUNT + INTENT_IS_KEY:
		case INTENT_OP_ACCOUNT + INTENT_IS_PARAM:
		case INTENT_OP_ACCOUNT + INTENT_IS_ACCOUNT:
		case INTENT_OP_ACCOUNT + INTENT_IS_BOUND:
		case INTENT_OP_ACCOUNT + INTENT_IS_BOUND_OTHER:
		case INTENT_OP_ACCOUNT + INTENT_IN_LIST:
		case INTENT_OP_ACCOUNT + INTENT_IN_PARAM:
		case INTENT_OP_ACCOUNT + INTENT_IS_MINT_OF:
		case INTENT_OP_ACCOUNT + INTENT_OWN:
		case INTENT_OP_ACCOUNT + INTENT_ATA:
			if (!intent_account(x, op))
				return false;
			break;
		case INTENT_OP_FRESH:
			intent_fresh[indexes[op->a]] = (uint8_t)(x->number + 1);
			intent_made[indexes[op->a]] = true;
			break;
		case INTENT_OP_BIND:
			intent_binds[op->b] = (uint16_t)(indexes[op->a] + 1u);
			break;
		case INTENT_OP_LESS:
			if (intent_segments[op->a][op->b] >= op->c)
				INTENT_FAIL(intent_report_data(x, POLICY_REASON_DATA, 0));
			break;
		case INTENT_OP_LOAD:
			V(op->d) = intent_number(intent_segments[op->a & 15u] + op->b, op->a >> 4);
			break;
		case INTENT_OP_ADD:
			b = V(op->b);
			c = V(op->c);
			if (c > UINT64_MAX - b) {
				V(op->d) = UINT64_MAX;
				INTENT_FAIL(intent_overflow(x, "amounts"));
				break;
			}
			V(op->d) = b + c;
			break;
		case INTENT_OP_SUB:
			b = V(op->b);
			c = V(op->c);
			V(op->d) = b - c;
			if (c > b)
				INTENT_FAIL(intent_overflow(x, "amounts"));
			break;
		case INTENT_OP_HAS:
			V(op->d) = indexes[op->a] != x->program;
			break;
		case INTENT_OP_HAS_DATA:
			V(op->d) = intent_segments[op->a] != intent_data_end;
			break;
		case INTENT_OP_LENGTH:
			V(op->d) = intent_range(p, op->b).count;
			break;
		case INTENT_OP_GIVEN:
			V(op->d) = !policy_key_zero(p->parameters + op->b);
			break;
		case INTENT_OP_CHECK: {
			b = V(op->b);
			c = V(op->c);
			bool holds = intent_compare(op->a, b < c, b == c);
			if (__builtin_expect(!holds || explain, 0))
				INTENT_FAIL(intent_report_check(p, x->number, op, holds));
			break;
		}
		case INTENT_OP_DELEGATE:
			V(INTENT_DELEGATIONS) += op->b;
			break;
		case INTENT_OP_AUTHORITY:
			V(INTENT_AUTHORITIES) += op->b;
			break;
		case INTENT_OP_FIELD_KEY:
			if (!intent_field_key(x, op))
				return false;
			break;
		case INTENT_OP_PAY:
			if (!intent_pay(x, op))
				return false;
			break;
		case INTENT_OP_SEND:
			if (!intent_send(x, op))
				return false;
			break;
		case INTENT_OP_SENT:
			if (!intent_sent(x, op))
				return false;
			break;
		case INTENT_OP_PER:
			if (!intent_take_per(x, op))
				return false;
			break;
		case INTENT_OP_SCALE_DOWN:
		case INTENT_OP_SCALE_UP:
			if (!intent_take_scale(x, op))
				return false;
			break;
		case INTENT_OP_SIDE:
			if (!intent_side(x, op))
				return false;
			break;
		case INTENT_OP_LITERAL:
			if (!intent_literal(x, op))
				return false;
			break;
		case INTENT_OP_CHECK_SIDES:
			if (!intent_check_sides(x, op))
				return false;
			break;
		case INTENT_OP_LOAD_TAIL:
			if (!intent_load_tail(x, op))
				return false;
			break;
		default:
			break;
		}
	}
	return true;
}

/* Accounts behind the listed ones. */
INTENT_HOT bool intent_rest(struct intent_ix *x)
{
	struct policy *p = x->p;
	uint32_t flags = x->rule->flags;
	if ((flags & INTENT_REST_WALLET) != 0 && (flags & INTENT_REST_OWN) != 0 &&
	    (flags & INTENT_REST_UNKNOWN) != 0 && (flags & INTENT_REST_EXTRA) == 0)
		return true;
	for (uint32_t i = x->rule->listed; i < x->account_count; i++) {
		uint32_t account = x->accounts[i];
		uint32_t w = intent_flags(&p->accounts[account]);
		bool bad = ((w & INTENT_W_WALLET) != 0 && (flags & INTENT_REST_WALLET) == 0) ||
		           (intent_is_own(account) && (flags & INTENT_REST_OWN) == 0);
		if ((w & INTENT_W_KNOWN) == 0)
			bad |= (flags & INTENT_REST_UNKNOWN) == 0 ||
			       ((flags & INTENT_REST_EXTRA) != 0 && (w & INTENT_W_WRITABLE) != 0);
		if ((flags & INTENT_REST_EXTRA) != 0 && (w & INTENT_W_SIGNER) != 0)
			bad = true;
		if (bad)
			INTENT_FAIL(policy_report(
			    p, false, POLICY_REASON_ACCOUNT, x->number, "an account more",
			    v_words("none of the wallet's, no signer, not hidden, unless allowed"),
			    v_account(p, account)));
	}
	return true;
}

/* Why no rule fits: the last one that was looked at says it. */
static POLICY_COLD bool intent_no_rule(struct intent_ix *x, const struct intent_rule *last,
                                       const struct intent_op *op, uint32_t reason, uint32_t len)
{
	struct policy *p = x->p;
	if (last == NULL)
		return policy_report(
		    p, false, POLICY_REASON_INSTRUCTION, x->number, "instruction",
		    v_words("one that the intent names"),
		    (struct policy_value){V_NUMBER, "another; bytes of data: ", NULL, len});
	x->rule = last;
	if (op == NULL)
		return policy_report(
		    p, false, POLICY_REASON_ACCOUNT_COUNT, x->number, intent_words(last->name),
		    (struct policy_value){V_NUMBER, "accounts: ", NULL,
		                          x->account_count < last->accounts_min
		                              ? last->accounts_min
		                              : last->accounts_max},
		    (struct policy_value){V_NUMBER, "accounts: ", NULL, x->account_count});
	return intent_report_account(x, op, false, reason);
}

/* intent_choose finds the rule that counts. */
INTENT_HOT const struct intent_rule *intent_choose(struct intent_ix *x,
                                                   const struct intent_program *program,
                                                   const uint8_t *data, uint32_t len)
{
	const struct intent_rule *rule =
	    (const struct intent_rule *)INTENT_AT(rules) + program->first;
	const struct intent_rule *end = rule + program->count, *last = NULL;
	const struct intent_op *failed = NULL;
	uint32_t reason = 0;
	uint64_t word = policy_load64(data);
	for (; rule != end; rule++) {
		if ((word & rule->mask) != rule->word || len < rule->prefix)
			continue;
		bool counts = x->account_count >= rule->accounts_min &&
		              x->account_count <= rule->accounts_max;
		/* With and without its `maybe` accounts it is one rule of the file: what kept the
		 * form with this count from fitting is the reason. */
		if (!counts && (rule->flags & INTENT_RULE_WITHOUT) != 0 && last == rule - 1 &&
		    failed != NULL)
			continue;
		last = rule;
		failed = NULL;
		if (!counts)
			continue;
		if (rule->select_count == 0)
			return rule;
		x->rule = rule;
		const struct intent_op *op =
		    (const struct intent_op *)INTENT_AT(ops) + rule->select_first;
		const struct intent_op *stop = op + rule->select_count;
		for (; op != stop && failed == NULL; op++)
			if (op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST &&
			    !((op->b & INTENT_MODE_OPTIONAL) != 0 &&
			      x->accounts[op->a] == x->program) &&
			    !intent_meets(x, op, x->accounts[op->a], &reason))
				failed = op;
		if (failed == NULL)
			return rule;
	}
	intent_no_rule(x, last, failed, reason, len);
	return NULL;
}

INTENT_HOT bool intent_order(struct intent_ix *x)
{
	const struct intent_rule *rule = x->rule;
	struct policy *p = x->p;
	/* Earlier ones: before this one is counted, which may be of what it follows. */
	bool placed = ((rule->flags & INTENT_RULE_FIRST) == 0 || x->number == 0) &&
	              (rule->after == INTENT_NONE || V(rule->after) != 0) &&
	              (rule->before == INTENT_NONE || V(rule->before) == 0);
	uint64_t most = rule->max, count = ++V(rule->count);
	bool over = count > most;
	if (rule->group != INTENT_NONE) {
		const struct intent_group *group =
		    (const struct intent_group *)INTENT_AT(groups) + rule->group;
		over |= ++V(group->count) > group->max;
	}
	if (over)
		INTENT_FAIL(policy_report(p, false, POLICY_REASON_REPEATED, x->number,
		                          intent_words(rule->name), v_at_most(most),
		                          v_words("one more, of it or of its group")));
	if (!placed)
		INTENT_FAIL(policy_report(
		    p, false, POLICY_REASON_INSTRUCTION, x->number, intent_words(rule->name),
		    v_words("in its place in the order"), v_words("in another")));
	return true;
}

static void intent_say(struct intent_ix *x);

static bool intent_is_mark(const struct policy_account *a)
{
	return intent_mark_is(a->key) &&
	       (intent_flags(a) & (INTENT_W_SIGNER | INTENT_W_WRITABLE)) == 0;
}

static POLICY_COLD bool intent_ignores_more(const uint8_t *program)
{
	for (uint32_t i = 0; i < sizeof(intent_mark_programs); i++)
		if (policy_key_equal(program, policy_program_keys[intent_mark_programs[i]].bytes))
			return true;
	return false;
}

/* An account that this transaction made the wallet's and then closed is nobody's: who has its key,
 * if it has one, has what is put there afterwards. Of one with another authority somebody else has
 * it. */
static POLICY_COLD void intent_gives_up(const struct intent_ix *x, const uint8_t *program,
                                        const uint8_t *data, uint32_t len)
{
	if (len != 0 && (data[0] == INTENT_TAG_CLOSE || data[0] == INTENT_TAG_AUTHORITY) &&
	    (policy_key_equal(program, policy_program_keys[POLICY_PROGRAM_TOKEN].bytes) ||
	     policy_key_equal(program, policy_program_keys[POLICY_PROGRAM_TOKEN_2022].bytes)))
		intent_fresh[x->accounts[0]] = 0;
}

static bool intent_instruction(struct policy *p, uint32_t number)
{
	const struct policy_instruction *at = &p->instructions[number];
	struct intent_ix ix = {
	    p, number, at->program, p->indexes + at->account_first, at->account_count, NULL, 0};
	struct intent_ix *const x = &ix;
	const struct intent_head *head = INTENT_HEAD;
	const uint8_t *key = p->accounts[at->program].key;
	const uint8_t *data = policy_area.bytes + at->data_off;
	uint32_t hash = (intent_load32(key + 4) * head->hash_multiplier) >> head->hash_shift;
	uint32_t found = INTENT_TABLE[head->hash.off + hash];
	const struct intent_program *program =
	    (const struct intent_program *)INTENT_AT(programs) + (found - 1);
	intent_rules_seen[number] = INTENT_NONE;
	if (found == 0 || !policy_key_equal(intent_key(program->key), key)) {
		INTENT_FAIL(policy_report(p, false, POLICY_REASON_PROGRAM, number, "program",
		                          v_words("one that the intent names"),
		                          v_account(p, at->program)));
		return true;
	}
	if (x->account_count != 0 &&
	    intent_is_mark(&p->accounts[x->accounts[x->account_count - 1]]) &&
	    intent_ignores_more(key))
		x->account_count--;
	const struct intent_rule *rule = intent_choose(x, program, data, at->data_len);
	if (rule == NULL)
		return p->explain || p->says;
	x->rule = rule;
	intent_rules_seen[number] = (uint16_t)(rule - (const struct intent_rule *)INTENT_AT(rules));
	if (!intent_order(x))
		return false;
	intent_segments[0] = data;
	intent_data_end = data + at->data_len;
	uint32_t reason = POLICY_REASON_NONE;
	if ((rule->flags & INTENT_RULE_FIXED) != 0) {
		if (at->data_len != rule->data_len)
			reason = at->data_len < rule->data_len ? POLICY_REASON_DATA
			                                       : POLICY_REASON_TRAILING;
	} else if (at->data_len < rule->data_len) {
		reason = POLICY_REASON_DATA;
	} else {
		struct intent_cursor c = {data + rule->prefix, intent_data_end};
		reason = intent_decode(INTENT_TABLE + head->layouts.off + rule->layout, c);
	}
	if (reason != POLICY_REASON_NONE) {
		INTENT_FAIL(intent_report_data(x, reason, at->data_len));
		return true;
	}
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	if (!intent_operations(x, ops, ops + rule->code_count))
		return false;
	if (x->account_count > rule->listed && !intent_rest(x))
		return false;
	if (p->says)
		intent_say(x);
	if (x->account_count != 0 && intent_fresh[x->accounts[0]] != 0)
		intent_gives_up(x, key, data, at->data_len);
	return true;
}

/* --- the whole message */

/* intent_place says whether some instruction gave an account a place with one of these modes, or,
 * with `rest`, a place behind the listed ones of a program that can have a use for it: those of the
 * network that take any (memo, compute budget) change none. Cold: asked only for accounts that need
 * it. */
static POLICY_COLD bool intent_place(const struct policy *p, uint32_t account, uint32_t modes,
                                     bool rest)
{
	const struct intent_rule *rules = INTENT_AT(rules);
	for (uint32_t i = 0; i < p->request->instructions.count; i++) {
		const struct policy_instruction *at = &p->instructions[i];
		if (intent_rules_seen[i] == INTENT_NONE)
			continue;
		const struct intent_rule *rule = rules + intent_rules_seen[i];
		const uint8_t *indexes = p->indexes + at->account_first;
		const struct intent_op *op =
		    (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
		for (uint32_t n = 0; n < rule->code_count; n++, op++)
			if (op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST &&
			    indexes[op->a] == account && (op->b & modes) != 0 &&
			    !((op->b & INTENT_MODE_OPTIONAL) != 0 && account == at->program))
				return true;
		for (uint32_t n = rule->listed; rest && n < at->account_count; n++)
			if (indexes[n] == account &&
			    !policy_key_is_builtin(p->accounts[at->program].key))
				return true;
	}
	return false;
}

static bool intent_message_flags(struct policy *p)
{
	const struct policy_request *r = p->request;
	struct intent_ix ix = {.p = p, .number = POLICY_NO_INSTRUCTION}, *x = &ix;
	for (uint32_t i = 1; i < r->required_signatures; i++)
		if (!p->accounts[i].wallet && !intent_place(p, i, INTENT_MODE_SIGNER, false))
			INTENT_FAIL(policy_report(
			    p, false, POLICY_REASON_SIGNER, POLICY_NO_INSTRUCTION, "signer",
			    v_words("the wallet, or one that the intent names"), v_account(p, i)));
	for (uint32_t i = 0; i < intent_pending_count; i++)
		if (!intent_place(p, intent_pending[i], INTENT_MODE_WRITABLE | INTENT_MODE_EITHER,
		                  true))
			INTENT_FAIL(policy_report(
			    p, false, POLICY_REASON_ACCOUNT, POLICY_NO_INSTRUCTION,
			    "writable account", v_words("read-only: no instruction may change it"),
			    v_account(p, intent_pending[i])));
	return true;
}

static bool intent_payer(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	const struct policy_account *payer = &p->accounts[0];
	if (head->payer_kind == INTENT_IS_ANY)
		return true;
	bool holds = head->payer_kind == INTENT_PAYER_OTHER
	                 ? !payer->wallet
	                 : intent_key_is(p, payer->key, head->payer_kind, head->payer_arg,
	                                 head->payer_given);
	struct policy_value expected = head->payer_kind == INTENT_PAYER_OTHER
	                                   ? v_words("another than the wallet")
	                                   : intent_expects(head->payer_kind, head->payer_arg);
	return POLICY_LIMIT(p, holds, POLICY_REASON_FEE_PAYER, POLICY_NO_INSTRUCTION, "fee payer",
	                    expected, v_account(p, 0));
}

#define INTENT_BUDGET_PRICE 3

/* Whether a rule takes the Compute Budget instruction with this tag. */
static POLICY_COLD bool intent_names_budget(uint32_t tag)
{
	const struct intent_program *programs = INTENT_AT(programs);
	const struct intent_rule *rules = INTENT_AT(rules);
	for (uint32_t i = 0; i < INTENT_HEAD->programs.count; i++) {
		const struct intent_program *program = &programs[i];
		if (!policy_key_equal(intent_key(program->key),
		                      policy_program_keys[POLICY_PROGRAM_COMPUTE_BUDGET].bytes))
			continue;
		for (uint32_t n = 0; n < program->count; n++)
			if (rules[program->first + n].prefix != 0 &&
			    (rules[program->first + n].word & 0xff) == tag)
				return true;
	}
	return false;
}

/* The header of a v1 message sets what takes instructions in the others (SIMD-0385): what an intent
 * does not name there it does not take here. */
static bool intent_config(struct policy *p)
{
	/* Of each bit of the mask, which stands behind the version and three counts. */
	static const uint8_t tags[] = {INTENT_BUDGET_PRICE, INTENT_BUDGET_PRICE, 2, 4, 1};
	const struct policy_request *r = p->request;
	if (r->format != 2)
		return true;
	uint32_t mask = policy_area.bytes[r->message.off + 4];
	for (uint32_t bit = 0; bit < sizeof(tags); bit++) {
		struct policy_value found = {V_NUMBER, "a value of its tag ", NULL, tags[bit]};
		if ((mask >> bit & 1) != 0 &&
		    !POLICY_LIMIT(p, intent_names_budget(tags[bit]), POLICY_REASON_INSTRUCTION,
		                  POLICY_NO_INSTRUCTION, "v1 header",
		                  v_words("what a rule of compute_budget names"), found))
			return false;
	}
	return true;
}

/* Values that are known before the first instruction. */
static void intent_begin(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	const struct policy_request *r = p->request;
	const uint64_t *image = INTENT_AT(image);
	const struct intent_param *param = INTENT_AT(params), *end = param + head->params.count;
	__builtin_memcpy(intent_values, image, 8u * (uint32_t)head->image.count);
	V(INTENT_LAMPORTS) = p->facts->lamports_out;
	V(INTENT_FEE) = p->facts->fee_lamports;
	for (; param != end; param++)
		V(param->slot) = policy_load64(p->parameters + param->record);
	if (r->kind != POLICY_KIND_TRANSACTION)
		return;
	V(INTENT_WALLET_WRITABLE) = p->accounts[r->wallet_account].writable;
	V(INTENT_WALLET_PAYS) = p->accounts[0].wallet;
	V(INTENT_NONCE) = r->nonce;
	V(INTENT_ACCOUNTS) = r->accounts.count;
	V(INTENT_INSTRUCTIONS) = r->instructions.count;
	V(INTENT_SIGNATURES) = r->required_signatures;
	V(INTENT_COMPUTE_LIMIT) = r->fee.compute_unit_limit;
	V(INTENT_COMPUTE_PRICE) = r->fee.compute_unit_price;
	V(INTENT_PRIORITY) = r->fee.priority_lamports;
	V(INTENT_TIME_LOW) = r->time_low;
	V(INTENT_TIME_HIGH) = r->time_high;
	for (uint32_t i = r->derived.count; i-- != 0;)
		if (p->derived[i].owner_is_wallet)
			intent_owned[p->derived[i].account] = (uint8_t)(i + 1);
}

static void intent_facts(struct policy *p)
{
	struct policy_facts *f = p->facts;
	f->lamports_out = V(INTENT_LAMPORTS);
	f->tip_lamports = V(INTENT_TIPS);
	f->rent_lamports = V(INTENT_RENT);
	f->wrapped_lamports = V(INTENT_WRAPPED);
	f->delegations = (uint32_t)V(INTENT_DELEGATIONS);
	f->authority_changes = (uint32_t)V(INTENT_AUTHORITIES);
}

/* intent_record_fits: the record has what the table reads of it. */
static bool intent_record_fits(struct policy *p)
{
	bool fits = p->request->parameters.count >= INTENT_HEAD->record_bytes;
	return POLICY_NEED(p, fits, POLICY_REASON_PARAMETERS, POLICY_NO_INSTRUCTION, "parameters",
	                   v_words("the intent's"), v_words(fits ? "those" : "others"));
}

static bool intent_frame(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	const struct policy_request *r = p->request;
	bool nonce = r->nonce == 0 || (head->nonce != INTENT_NONE && V(head->nonce) != 0);
	return POLICY_NEED(p, head->formats != 0, POLICY_REASON_KIND, POLICY_NO_INSTRUCTION, "kind",
	                   v_words("one that the intent allows"), v_words("a transaction")) &&
	       POLICY_LIMIT(p, (head->formats >> r->format & 1) != 0, POLICY_REASON_FORMAT,
	                    POLICY_NO_INSTRUCTION, "format", v_words("one that the intent names"),
	                    v_words(intent_format_name(r->format))) &&
	       POLICY_LIMIT(p, nonce, POLICY_REASON_LIFETIME, POLICY_NO_INSTRUCTION,
	                    "durable nonce", v_words("a blockhash: signatures that expire"),
	                    v_words(nonce ? "that" : "a durable nonce")) &&
	       intent_payer(p) && intent_config(p);
}

static bool intent_transaction(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	struct intent_ix whole = {.p = p, .number = POLICY_NO_INSTRUCTION};
	const struct intent_op *final =
	    (const struct intent_op *)INTENT_AT(ops) + head->final_first;
	uint32_t count = p->request->instructions.count;
	if (!intent_frame(p))
		return false;
	if (!POLICY_NEED(p, count <= INTENT_INSTRUCTIONS_MAX, POLICY_REASON_TOO_MANY,
	                 POLICY_NO_INSTRUCTION, "instructions", v_at_most(INTENT_INSTRUCTIONS_MAX),
	                 v_number(count)))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!intent_instruction(p, i))
			return false;
	return intent_message_flags(p) &&
	       intent_operations(&whole, final, final + head->final_count);
}

#endif
