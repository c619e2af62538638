/* intent_text: what a table allows, and what a transaction does, in words.
 *
 * Everything said is made from the operations that decide, so a text cannot claim less than the
 * table allows. A grant's text leaves out what moves nothing of the wallet's: in instructions of
 * programs that are trusted as a whole, places of fixed addresses and of accounts that are not the
 * wallet's; in those of the network's own, programs and sysvars that are read. All of it says the
 * tool's `policy inspect` (lib/intent/intent_words.c). Of the author come only names
 * ([A-Za-z0-9_.-]) and lines in quotation marks. With `intent_bare` there are no parameter values:
 * their names stand alone. A text that does not fit says so in its first line. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_TEXT_H
#define INTENT_TEXT_H

#include "intent_known.h"
#include "intent_run.h"

#ifdef __clang__ /* small and apart: it runs seldom, and is loaded with every module */
#pragma clang attribute push(__attribute__((noinline)), apply_to = function)
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

static bool intent_bare; /* no parameter values: names alone */

static void say(struct policy *p, const char *words)
{
	policy_put(&p->text, words);
}

static void say_number(struct policy *p, uint64_t number)
{
	policy_put_number(&p->text, number);
}

static void say_bytes(struct policy *p, const uint8_t *bytes, uint32_t len)
{
	uint32_t room = p->text.cap - p->text.len;
	if (len > room)
		len = room;
	__builtin_memcpy(p->text.bytes + p->text.len, bytes, len);
	p->text.len += len;
}

static void put_key(struct policy_text *text, const uint8_t *key)
{
	static const char *const names[] = {
	    "System", "Compute Budget", "SPL Token", "Token-2022", "Associated Token Account",
	    "Memo",   "Memo v1",        "Memo v4",   "Jupiter v6", "Raydium AMM v4"};
	for (uint32_t i = 0; i < POLICY_PROGRAM_OTHER; i++)
		if (policy_key_equal(key, policy_program_keys[i].bytes)) {
			policy_put(text, names[i]);
			return;
		}
	for (uint32_t i = 0; i < sizeof(intent_known) / sizeof(intent_known[0]); i++)
		if (policy_key_equal(key, intent_known[i].key)) {
			policy_put(text, intent_known[i].name);
			return;
		}
	if (policy_key_equal(key, policy_key_native_mint.bytes))
		policy_put(text, "wrapped SOL");
	else
		policy_put_key(text, key);
}

/* How keys read, by where they lie: the lists of a grant stand in many lines. NULL: not kept. */
#define INTENT_KEYS_SAID 128

struct intent_key_said {
	const uint8_t *key;
	uint32_t len;
	uint8_t words[48];
};

static struct intent_key_said *intent_keys_said;

static void say_key(struct policy *p, const uint8_t *key)
{
	if (intent_keys_said == NULL) {
		put_key(&p->text, key);
		return;
	}
	struct intent_key_said *said = &intent_keys_said[(uintptr_t)key / 32 % INTENT_KEYS_SAID];
	if (said->key != key) {
		struct policy_text words = {said->words, sizeof(said->words), 0};
		put_key(&words, key);
		said->len = words.len;
		said->key = key;
	}
	say_bytes(p, said->words, said->len);
}

static void say_keys(struct policy *p, const uint8_t *keys, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		say(p, i == 0 ? "" : ", ");
		say_key(p, keys + 32 * i);
	}
	if (count == 0)
		say(p, "none");
}

static const struct intent_field *intent_field_at(uint32_t record)
{
	const struct intent_field *f = INTENT_AT(fields);
	for (uint32_t i = 0; i < INTENT_HEAD->fields.count; i++)
		if (f[i].record == record)
			return &f[i];
	return NULL;
}

static void say_param_name(struct policy *p, uint32_t record)
{
	const struct intent_field *f = intent_field_at(record);
	say(p, f == NULL ? "a parameter" : intent_words(f->name));
}

/* A pubkey parameter: its name and what it is. */
static void say_param_key(struct policy *p, uint32_t record)
{
	say_param_name(p, record);
	if (intent_bare)
		return;
	say(p, " = ");
	if (policy_key_zero(p->parameters + record))
		say(p, "none");
	else
		say_key(p, p->parameters + record);
}

static void say_param_list(struct policy *p, uint32_t record)
{
	say_param_name(p, record);
	if (intent_bare)
		return;
	struct policy_range range = intent_range(p, record);
	say(p, " = ");
	say_keys(p, p->parameters + range.off, range.count);
}

static void say_list(struct policy *p, uint32_t list)
{
	const struct intent_list *l = (const struct intent_list *)INTENT_AT(lists) + list;
	const uint8_t *keys = intent_key(l->first);
	uint32_t same = 0;
	while (same < INTENT_JITO && same < l->count &&
	       policy_key_equal(keys + 32 * same, intent_jito[same]))
		same++;
	say(p, intent_words(l->name));
	say(p, " = ");
	if (same == INTENT_JITO && l->count == INTENT_JITO)
		say(p, "the 8 tip accounts of Jito's block engine");
	else
		say_keys(p, keys, l->count);
}

/* --- numbers */

static uint32_t intent_unit_of(uint32_t slot)
{
	const struct intent_name *n = INTENT_AT(names);
	if (slot <= INTENT_WRAPPED || slot == INTENT_PRIORITY)
		return INTENT_UNIT_LAMPORTS;
	for (uint32_t i = 0; i < INTENT_HEAD->names.count; i++)
		if (n[i].slot == slot)
			return n[i].unit;
	return INTENT_UNIT_NONE;
}

static const char *intent_name_of(uint32_t slot)
{
	const struct intent_name *n = INTENT_AT(names);
	for (uint32_t i = 0; i < INTENT_HEAD->names.count; i++)
		if (n[i].slot == slot)
			return intent_words(n[i].name);
	return NULL;
}

static void say_amount(struct policy *p, uint64_t number, uint32_t unit)
{
	if (unit == INTENT_UNIT_LAMPORTS) {
		policy_put_sol(&p->text, number);
		return;
	}
	if (number == UINT64_MAX)
		say(p, "2^64-1");
	else
		say_number(p, number);
	if (unit == INTENT_UNIT_RAW)
		say(p, " raw units");
	else if (unit == INTENT_UNIT_BPS)
		say(p, "/10000");
	else if (unit == INTENT_UNIT_SECONDS)
		say(p, " s");
}

static const char *intent_fixed_name(uint32_t slot)
{
	static const char *const names[] = {"all SOL that leaves",
	                                    "the network fee",
	                                    "all tips",
	                                    "all rent",
	                                    "all SOL wrapped",
	                                    "delegations",
	                                    "authority changes",
	                                    "the wallet is writable (0 or 1)",
	                                    "the wallet pays the fee (0 or 1)",
	                                    "durable nonce (0 or 1)",
	                                    "number of accounts",
	                                    "number of instructions",
	                                    "number of signatures",
	                                    "compute unit limit",
	                                    "compute unit price",
	                                    "the priority fee",
	                                    "proven time",
	                                    "latest possible time"};
	return names[slot / 8];
}

static const char *intent_count_name(uint32_t slot)
{
	const struct intent_rule *rules = INTENT_AT(rules);
	const struct intent_group *groups = INTENT_AT(groups);
	for (uint32_t i = 0; i < INTENT_HEAD->groups.count; i++)
		if (groups[i].count == slot)
			return intent_words(groups[i].name);
	for (uint32_t i = 0; i < INTENT_HEAD->rules.count; i++)
		if (rules[i].count == slot)
			return intent_words(rules[i].name);
	return "an instruction";
}

static void say_slot(struct policy *p, const struct intent_op *ops, uint32_t count, uint32_t slot,
                     uint32_t unit, uint32_t depth);

static void say_mint(struct policy *p, const struct intent_rule *rule, uint32_t kind, uint32_t arg)
{
	switch (kind) {
	case INTENT_MINT_ANY:
		say(p, "ANY mint");
		break;
	case INTENT_MINT_KEY:
		say_key(p, intent_key(arg));
		break;
	case INTENT_MINT_PARAM:
		say_param_key(p, arg);
		break;
	case INTENT_MINT_LIST:
		say(p, "one of ");
		say_list(p, arg);
		break;
	case INTENT_MINT_IN_PARAM:
		say(p, "one of ");
		say_param_list(p, arg);
		break;
	case INTENT_MINT_IN_PARAM_ANY:
		if (!intent_bare && intent_range(p, arg).count == 0) {
			say(p, "ANY mint (");
			say_param_name(p, arg);
			say(p, " is empty)");
			break;
		}
		say(p, "one of ");
		say_param_list(p, arg);
		if (intent_bare)
			say(p, ", ANY when that is empty");
		break;
	case INTENT_MINT_ACCOUNT:
		say(p, "the mint at ");
		say(p, intent_position_name(rule, arg));
		break;
	default:
		say(p, "the mint of ");
		say(p, intent_position_name(rule, arg));
		break;
	}
}

static bool is_one(uint32_t slot)
{
	return slot >= INTENT_FIRST_SLOT && slot < INTENT_HEAD->numbers &&
	       ((const uint64_t *)INTENT_AT(image))[slot / 8] == 1;
}

static const struct intent_rule *intent_said; /* the rule whose operations are being said */

/* A number that is made, in brackets where it is part of another: `depth` says within how many. */
static void say_made(struct policy *p, const struct intent_op *ops, uint32_t count,
                     const struct intent_op *op, uint32_t depth)
{
	bool part = depth != 0 && op->op != INTENT_OP_LOAD && op->op != INTENT_OP_LOAD_TAIL;
	say(p, part ? "(" : "");
	switch (op->op) {
	case INTENT_OP_ADD:
	case INTENT_OP_SUB:
		say_slot(p, ops, count, op->b, 0, depth + 1);
		say(p, op->op == INTENT_OP_ADD ? " + " : " - ");
		say_slot(p, ops, count, op->c, 0, depth + 1);
		break;
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP:
		say_slot(p, ops, count, op->b, 0, depth + 1);
		say(p, " x ");
		say_slot(p, ops, count, op->c, 0, depth + 1);
		if (is_one(op[1].b))
			break;
		say(p, " / ");
		say_slot(p, ops, count, op[1].b, 0, depth);
		say(p, op->op == INTENT_OP_SCALE_DOWN ? " rounded down" : " rounded up");
		break;
	case INTENT_OP_HAS:
		say(p, "1 when ");
		say(p, intent_position_name(intent_said, op->a));
		say(p, " is given, else 0");
		break;
	case INTENT_OP_HAS_DATA:
		say(p, "1 when the data has bytes behind what is always there, else 0");
		break;
	case INTENT_OP_LENGTH:
		say(p, "the number of entries of ");
		say_param_name(p, op->b);
		if (!intent_bare) {
			say(p, " (");
			say_number(p, intent_range(p, op->b).count);
			say(p, ")");
		}
		break;
	case INTENT_OP_GIVEN:
		say(p, "1 when ");
		say_param_key(p, op->b);
		say(p, " is given, else 0");
		break;
	case INTENT_OP_SENT:
		say(p, "what leaves in all of ");
		say_mint(p, intent_said, op->a, op->b);
		break;
	case INTENT_OP_PER:
		say(p, "the entry of ");
		say_param_name(p, op->c);
		say(p, " that belongs to ");
		say_mint(p, intent_said, op->a, op->b);
		say(p, " in ");
		say_param_list(p, op[1].b);
		if (!intent_bare) {
			struct policy_range range = intent_range(p, op->c);
			say(p, " (");
			for (uint32_t i = 0; i < range.count; i++) {
				say(p, i == 0 ? "" : ", ");
				say_number(p, policy_list_number(p, range, i));
			}
			say(p, ")");
		}
		break;
	default:
		say(p, "a field of the data");
		break;
	}
	say(p, part ? ")" : "");
}

/* The operation that makes a slot's number; NULL for what is not made. */
static const struct intent_op *intent_maker(const struct intent_op *ops, uint32_t count,
                                            uint32_t slot)
{
	if (slot < INTENT_HEAD->temporaries)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (ops[i].op >= INTENT_OP_LOAD && ops[i].op <= INTENT_OP_PER &&
		    ops[i].op != INTENT_OP_DIVISOR && ops[i].d == slot)
			return &ops[i];
	return NULL;
}

static void say_slot(struct policy *p, const struct intent_op *ops, uint32_t count, uint32_t slot,
                     uint32_t unit, uint32_t depth)
{
	const struct intent_head *head = INTENT_HEAD;
	const char *name = intent_name_of(slot);
	if (slot < INTENT_FIRST_SLOT) {
		say(p, intent_fixed_name(slot));
	} else if (slot < head->numbers) {
		say_amount(p, ((const uint64_t *)INTENT_AT(image))[slot / 8], unit);
	} else if (slot < head->counts) {
		say(p, name == NULL ? "a parameter" : name);
		if (!intent_bare) {
			say(p, " = ");
			const struct intent_param *param = INTENT_AT(params);
			uint32_t own = intent_unit_of(slot);
			say_amount(
			    p,
			    policy_load64(p->parameters + param[(slot - head->numbers) / 8].record),
			    own != INTENT_UNIT_NONE ? own : unit);
		}
	} else if (slot < head->totals) {
		say(p, "the number of ");
		say(p, intent_count_name(slot));
	} else if (name != NULL) {
		say(p, name);
	} else {
		const struct intent_op *maker = intent_maker(ops, count, slot);
		if (maker != NULL && depth <= INTENT_NESTING_MAX)
			say_made(p, ops, count, maker, depth);
		else
			say(p, "a number"); /* of no table that the host takes (policy_told) */
	}
}

/* --- what a rule allows */

static bool intent_rule_binds(const struct intent_rule *rule, uint32_t bind)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (ops[i].op == INTENT_OP_BIND && ops[i].b == bind)
			return true;
	return false;
}

static void say_requirement(struct policy *p, const struct intent_rule *rule,
                            const struct intent_op *op)
{
	const struct intent_op *more = NULL;
	switch (op->op - INTENT_OP_ACCOUNT) {
	case INTENT_IS_ANY:
		say(p, "ANY account");
		break;
	case INTENT_IS_OTHER:
		say(p, "ANY account that is not the wallet's");
		break;
	case INTENT_IS_WALLET:
		say(p, "the wallet");
		break;
	case INTENT_IS_PROGRAM:
		say(p, "the program");
		break;
	case INTENT_IS_KEY:
		say_key(p, intent_key(op->c));
		break;
	case INTENT_IS_PARAM:
		say_param_key(p, op->c);
		break;
	case INTENT_IS_ACCOUNT:
		say(p, "the same as ");
		say(p, intent_position_name(rule, op->c));
		break;
	case INTENT_IS_BOUND:
	case INTENT_IS_BOUND_OTHER: {
		const struct intent_rule *rules = INTENT_AT(rules);
		say(p, "the same as in");
		for (uint32_t i = 0; i < INTENT_HEAD->rules.count; i++) {
			/* With and without its `maybe` accounts it has one name and places. */
			if ((rules[i].flags & INTENT_RULE_WITHOUT) != 0 && i != 0 &&
			    rules[i].name == rules[i - 1].name &&
			    intent_rule_binds(&rules[i - 1], op->c))
				continue;
			const struct intent_op *at =
			    (const struct intent_op *)INTENT_AT(ops) + rules[i].code_first;
			for (uint32_t n = 0; n < rules[i].code_count; n++)
				if (at[n].op == INTENT_OP_BIND && at[n].b == op->c) {
					say(p, " ");
					say(p, intent_words(rules[i].name));
					say(p, ".");
					say(p, intent_position_name(&rules[i], at[n].a));
				}
		}
		if (op->op - INTENT_OP_ACCOUNT == INTENT_IS_BOUND_OTHER)
			say(p, " before it, or where none is ANY account that is not the wallet's");
		break;
	}
	case INTENT_IN_LIST:
		say(p, "one of ");
		say_list(p, op->c);
		break;
	case INTENT_IN_PARAM:
		say(p, "one of ");
		say_param_list(p, op->c);
		break;
	case INTENT_OWN:
	case INTENT_ATA:
		if (op[1].d != 0)
			more = (const struct intent_op *)INTENT_AT(ops) + op[1].d;
		if (op->op - INTENT_OP_ACCOUNT == INTENT_OWN) {
			say(p, "the wallet's own token account of ");
		} else {
			struct intent_op owner = {
			    .op = (uint8_t)(INTENT_OP_ACCOUNT + (more->a >> 4)), .c = more->c};
			say(p, "the associated token account of ");
			if (owner.op - INTENT_OP_ACCOUNT == INTENT_IS_ACCOUNT)
				say(p, intent_position_name(rule, more->c));
			else
				say_requirement(p, rule, &owner);
			say(p, ", for ");
		}
		say_mint(p, rule, op[1].a & 15u, op[1].b);
		if (more != NULL && (more->a & 15u) != INTENT_MINT_ANY) {
			say(p, ", but not ");
			say_mint(p, rule, more->a & 15u, more->b);
		}
		if ((op->b & INTENT_MODE_FRESH) != 0)
			say(p, ", or one that this transaction makes for the wallet");
		/* One that was not given is no account. */
		if (more != NULL && more->d != 0 &&
		    (intent_bare || !policy_key_zero(p->parameters + more[1].b))) {
			say(p, ", or the one the grant vouches for: ");
			say_param_key(p, more[1].b);
		}
		break;
	case INTENT_IS_MINT_OF:
		say(p, "the mint of ");
		say(p, intent_position_name(rule, op->c));
		break;
	default:
		break;
	}
	if ((op->b & INTENT_MODE_HIDDEN) != 0)
		say(p, ", or hidden in a lookup table");
	if ((op->b & INTENT_MODE_OPTIONAL) != 0)
		say(p, ", or left out");
}

static const uint8_t *intent_program_key(const struct intent_rule *rule)
{
	const struct intent_program *programs = INTENT_AT(programs);
	uint32_t index = (uint32_t)(rule - (const struct intent_rule *)INTENT_AT(rules)), i = 0;
	while (index >= (uint32_t)programs[i].first + programs[i].count)
		i++;
	return intent_key(programs[i].key);
}

static bool intent_is_of(const struct intent_rule *rule, enum policy_program program)
{
	return policy_key_equal(intent_program_key(rule), policy_program_keys[program].bytes);
}

static bool intent_is_memo(const struct intent_rule *rule)
{
	return intent_is_of(rule, POLICY_PROGRAM_MEMO) ||
	       intent_is_of(rule, POLICY_PROGRAM_MEMO_V1) ||
	       intent_is_of(rule, POLICY_PROGRAM_MEMO_V4);
}

/* Instructions of the network's own programs in which nothing goes to an account by its place, as
 * far as policy_intent_check lets them be: advanceNonceAccount; initializeAccount, 2 and 3, which
 * make the wallet's; revoke, syncNative, and closeAccount, which pays the wallet. */
static bool intent_gives_nothing(const struct intent_rule *rule)
{
	if (intent_is_of(rule, POLICY_PROGRAM_SYSTEM))
		return rule->prefix == 4 && rule->word == 4;
	return (intent_is_of(rule, POLICY_PROGRAM_TOKEN) ||
	        intent_is_of(rule, POLICY_PROGRAM_TOKEN_2022)) &&
	       rule->prefix == 1 &&
	       (rule->word == 1 || rule->word == 16 || rule->word == 18 || rule->word == 5 ||
	        rule->word == 17 || rule->word == 9);
}

/* A place of the network's own programs to which nothing can go: one of those instructions, what
 * the associated token program has behind account, owner and mint, and a program or sysvar that is
 * read. */
static bool intent_is_scenery(const struct intent_rule *rule, const struct intent_op *op)
{
	uint32_t kind = op->op - (uint32_t)INTENT_OP_ACCOUNT;
	if (kind == INTENT_IS_PROGRAM || (op->a >= 3 && intent_is_of(rule, POLICY_PROGRAM_ATA)) ||
	    ((kind == INTENT_IS_ANY || kind == INTENT_IS_OTHER || kind == INTENT_IS_KEY) &&
	     intent_gives_nothing(rule)))
		return true;
	if (kind != INTENT_IS_KEY ||
	    (op->b & (INTENT_MODE_WRITABLE | INTENT_MODE_EITHER | INTENT_MODE_HIDDEN)) != 0)
		return false;
	const uint8_t *key = intent_key(op->c);
	return policy_key_is_builtin(key) || policy_key_equal(key, policy_key_rent.bytes) ||
	       policy_key_equal(key, policy_key_recent_blockhashes.bytes);
}

/* Places that are the mint or the owner on which another rests, as bits: whoever reads of that one
 * needs them. */
static uint64_t intent_rested_on(const struct intent_rule *rule)
{
	const struct intent_op *ops = INTENT_AT(ops), *op = ops + rule->code_first;
	uint64_t places = 0;
	for (const struct intent_op *end = op + rule->code_count; op != end; op++) {
		bool owned = op->op == INTENT_OP_OWNED;
		if ((owned || op->op == INTENT_OP_SEND || op->op == INTENT_OP_SENT ||
		     op->op == INTENT_OP_PER) &&
		    (op->a & 15u) == INTENT_MINT_ACCOUNT)
			places |= UINT64_C(1) << op->b;
		if (!owned || op->d == 0)
			continue;
		if (ops[op->d].a >> 4 == INTENT_IS_ACCOUNT)
			places |= UINT64_C(1) << ops[op->d].c;
		if ((ops[op->d].a & 15u) == INTENT_MINT_ACCOUNT)
			places |= UINT64_C(1) << ops[op->d].b;
	}
	return places;
}

/* Whether a place is left out of texts. In the network's own programs every place may be where
 * something goes: only what surely is not is left out. */
static bool intent_goes_unsaid(const struct intent_rule *rule, const struct intent_op *op,
                               uint64_t rested_on)
{
	uint32_t kind = op->op - (uint32_t)INTENT_OP_ACCOUNT;
	bool same =
	    kind == INTENT_IS_WALLET || kind == INTENT_IS_ACCOUNT || kind == INTENT_IS_MINT_OF;
	if ((rested_on >> op->a & 1) != 0)
		return false;
	if (policy_key_is_builtin(intent_program_key(rule)))
		return intent_is_scenery(rule, op) || (same && (op->b & INTENT_MODE_HIDDEN) == 0);
	return kind == INTENT_IS_OTHER || kind == INTENT_IS_ANY || kind == INTENT_IS_PROGRAM ||
	       same || kind == INTENT_IS_KEY || (op->b & INTENT_MODE_HIDDEN) != 0;
}

static void say_accounts(struct policy *p, const struct intent_rule *rule,
                         const struct intent_op *ops)
{
	bool builtin = policy_key_is_builtin(intent_program_key(rule));
	bool any = false;
	uint64_t rested_on = intent_rested_on(rule);
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &ops[i];
		uint32_t kind = op->op - (uint32_t)INTENT_OP_ACCOUNT;
		if (op->op < INTENT_OP_ACCOUNT || op->op > INTENT_OP_ACCOUNT_LAST)
			continue;
		any |= !builtin && kind == INTENT_IS_ANY;
		if (intent_goes_unsaid(rule, op, rested_on))
			continue;
		say(p, "  ");
		say(p, intent_position_name(rule, op->a));
		say(p, ": ");
		say_requirement(p, rule, op);
		say(p, "\n");
	}
	if (any)
		say(p, "  WARNING: accounts of ANY kind, the wallet's too\n");
	if (rule->accounts_max > rule->listed && !builtin) {
		say(p, (rule->flags & INTENT_REST_EXTRA) != 0
		           ? "  accounts that the program may have gained since (no signer, none "
		             "of the wallet's): up to "
		           : "  further accounts: up to ");
		say_number(p, (uint64_t)rule->accounts_max - rule->listed);
		if ((rule->flags & (INTENT_REST_WALLET | INTENT_REST_OWN)) != 0)
			say(p, ", which may be the wallet or its own token accounts");
		else if ((rule->flags & INTENT_REST_UNKNOWN) != 0)
			say(p, ", which may be hidden in lookup tables");
		say(p, "\n");
	}
	if ((rule->flags & INTENT_RULE_ANY_FLAGS) != 0)
		say(p, "  writable flags are not compared, but the wallet's and its token "
		       "accounts'\n");
}

static void say_condition(struct policy *p, const struct intent_op *ops, uint32_t count,
                          uint32_t at)
{
	static const char *const words[] = {" at most ", " at least ", " below ",
	                                    " above ",   " equals ",   " not "};
	const struct intent_op *op = &ops[at];
	if (op->op == INTENT_OP_CHECK) {
		uint32_t unit = intent_unit_of(op->b);
		if (unit == INTENT_UNIT_NONE)
			unit = intent_unit_of(op->c);
		say_slot(p, ops, count, op->b, unit, 0);
		say(p, words[op->a]);
		say_slot(p, ops, count, op->c, unit, 0);
		return;
	}
	uint32_t first = at;
	while (first != 0 && ops[first - 1].op != INTENT_OP_CHECK_SIDES)
		first--;
	for (uint32_t side = 0; side < 2; side++) {
		bool any = false;
		for (uint32_t i = first; i < at; i++) {
			if (ops[i].op != INTENT_OP_SIDE || ops[i].a != side)
				continue;
			say(p, any ? " + " : "");
			any = true;
			say_slot(p, ops, count, ops[i].b, 0, 1);
			if (is_one(ops[i].c))
				continue;
			say(p, " x ");
			say_slot(p, ops, count, ops[i].c, 0, 1);
		}
		say(p, any ? "" : "0");
		if (side == 0)
			say(p, words[op->a]);
	}
}

static void say_check_name(struct policy *p, const struct intent_op *op)
{
	const struct intent_check *check = (const struct intent_check *)INTENT_AT(checks) + op->d;
	if (*intent_words(check->name) == 0)
		return;
	say(p, " (\"");
	say(p, intent_words(check->name));
	say(p, "\")");
}

/* --- what a grant's values must be by themselves */

static bool intent_settled[INTENT_SLOTS_MAX]; /* numbers made of parameters alone */

static bool intent_is_settled(uint32_t slot)
{
	return (slot >= INTENT_FIRST_SLOT && slot < INTENT_HEAD->counts) ||
	       intent_settled[slot / 8];
}

/* A constant or a parameter itself, whose number stands in its slot since intent_begin. */
static bool intent_is_given(uint32_t slot)
{
	return slot >= INTENT_FIRST_SLOT && slot < INTENT_HEAD->counts;
}

static bool intent_given_holds(const struct intent_op *check)
{
	uint64_t b = V(check->b), c = V(check->c);
	return intent_compare(check->a, b < c, b == c);
}

/* A check of products of which each has a factor that the grant set to 0, such as a price that was
 * not given: it holds for every transaction, and is said so. */
static bool say_not_asked(struct policy *p, const struct intent_op *ops, uint32_t at)
{
	const struct intent_check *check =
	    (const struct intent_check *)INTENT_AT(checks) + ops[at].d;
	uint32_t first = at;
	if (intent_bare || ops[at].op != INTENT_OP_CHECK_SIDES ||
	    !intent_compare(ops[at].a, false, true) || *intent_words(check->name) == 0)
		return false;
	while (first != 0 && ops[first - 1].op != INTENT_OP_CHECK_SIDES)
		first--;
	for (uint32_t i = first; i < at; i++)
		if (ops[i].op == INTENT_OP_SIDE &&
		    !(intent_is_given(ops[i].b) && V(ops[i].b) == 0) &&
		    !(intent_is_given(ops[i].c) && V(ops[i].c) == 0))
			return false;
	say(p, "not asked for: \"");
	say(p, intent_words(check->name));
	say(p, "\"");
	const char *before = " (";
	for (uint32_t i = first; i < at; i++) {
		if (ops[i].op != INTENT_OP_SIDE)
			continue;
		bool zero = intent_is_given(ops[i].b) && V(ops[i].b) == 0;
		uint32_t slot = zero ? ops[i].b : ops[i].c;
		if (slot < INTENT_HEAD->numbers)
			continue;
		say(p, before);
		say_slot(p, ops, at, slot, 0, 0);
		before = ", ";
	}
	say(p, *before == ',' ? ")" : "");
	return true;
}

/* intent_settles says whether an operation after the last instruction rests on parameters alone;
 * `sides`: what was added to the sides of the comparison so far does. */
static bool intent_settles(const struct intent_op *op, bool *sides)
{
	bool both = false;
	switch (op->op) {
	case INTENT_OP_LENGTH:
	case INTENT_OP_GIVEN:
		both = true;
		break;
	case INTENT_OP_ADD:
	case INTENT_OP_SUB:
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP:
	case INTENT_OP_CHECK:
	case INTENT_OP_SIDE:
		both = intent_is_settled(op->b) && intent_is_settled(op->c);
		break;
	case INTENT_OP_CHECK_SIDES:
		both = *sides;
		*sides = true;
		if (!both)
			__builtin_memset(intent_sides, 0, sizeof(intent_sides));
		return both;
	default:
		return false;
	}
	if (op->op == INTENT_OP_SIDE)
		*sides &= both;
	else if (op->op != INTENT_OP_CHECK)
		intent_settled[op->d / 8] = both;
	return both;
}

/* intent_grant_holds is false when a check that names nothing but parameters does not hold: no
 * transaction could pass it, so the grant would allow nothing, and is refused when it is described.
 * Says which one. */
static bool intent_grant_holds(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + head->final_first;
	struct intent_ix whole = {.p = p, .number = POLICY_NO_INSTRUCTION};
	bool sides = true;
	intent_begin(p);
	intent_said = NULL;
	for (uint32_t i = 0; i < head->final_count; i++) {
		if (!intent_settles(&ops[i], &sides) ||
		    intent_operations(&whole, &ops[i], &ops[i + 1]))
			continue;
		if (ops[i].op == INTENT_OP_CHECK || ops[i].op == INTENT_OP_CHECK_SIDES) {
			say(p, ". A grant needs ");
			say_condition(p, ops, head->final_count, i);
		}
		return false;
	}
	return true;
}

/* setAuthority has the new one in its data: tag, kind, 1, key. */
#define INTENT_NEW_AUTHORITY 3

static bool intent_sets_authority(const struct intent_rule *rule)
{
	return rule->prefix == 1 && rule->word == 6 &&
	       (intent_is_of(rule, POLICY_PROGRAM_TOKEN) ||
	        intent_is_of(rule, POLICY_PROGRAM_TOKEN_2022));
}

/* It is told as a key in the data. */
static bool intent_names_authority(const struct intent_rule *rule, const struct intent_op *ops)
{
	for (uint32_t i = 0; i < rule->code_count; i++)
		if (ops[i].op == INTENT_OP_FIELD_KEY && (ops[i].a & 15u) == 0 &&
		    ops[i].b == INTENT_NEW_AUTHORITY)
			return true;
	return false;
}

/* What one operation counts, computes or demands, as a line; nothing for all others. */
static void say_effect(struct policy *p, const struct intent_rule *rule,
                       const struct intent_op *ops, uint32_t i)
{
	static const char *const kinds[] = {
	    "SOL that leaves: ", "tip: ", "rent: ", "SOL wrapped: "};
	const struct intent_op *op = &ops[i];
	uint32_t count = rule->code_count, by = INTENT_NONE;
	switch (op->op) {
	case INTENT_OP_PAY:
		say(p, "  ");
		say(p, kinds[op->a]);
		say_slot(p, ops, count, op->b, INTENT_UNIT_LAMPORTS, 0);
		by = op->c;
		break;
	case INTENT_OP_SEND:
		say(p, "  gives ");
		say_slot(p, ops, count, op->c, INTENT_UNIT_RAW, 0);
		say(p, " of ");
		say_mint(p, rule, op->a, op->b);
		by = op->d;
		break;
	case INTENT_OP_DELEGATE:
		say(p, "  WARNING: gives another power over a token account of the wallet");
		break;
	case INTENT_OP_AUTHORITY:
		say(p, "  WARNING: changes who has authority over an account of the wallet");
		if (intent_sets_authority(rule) && !intent_names_authority(rule, ops))
			say(p, ", to ANY key");
		break;
	case INTENT_OP_LITERAL:
		say(p, "  a field of the data is ");
		say_slot(p, ops, count, op->c, 0, 0);
		break;
	case INTENT_OP_FIELD_KEY: {
		struct intent_op key = {.op = (uint8_t)(INTENT_OP_ACCOUNT + (op->a >> 4)),
		                        .c = op->c};
		say(p, "  a key in the data is ");
		say_requirement(p, rule, &key);
		break;
	}
	case INTENT_OP_ADD:
		if (op->d != op->b)
			goto made;
		say(p, "  counts ");
		say_slot(p, ops, count, op->c, 0, 0);
		say(p, " as ");
		say_slot(p, ops, count, op->d, 0, 0);
		break;
	case INTENT_OP_SUB:
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP:
	case INTENT_OP_HAS:
	case INTENT_OP_HAS_DATA:
	case INTENT_OP_LENGTH:
	case INTENT_OP_GIVEN:
	case INTENT_OP_SENT:
	case INTENT_OP_PER:
	made:
		if (intent_name_of(op->d) == NULL)
			return;
		say(p, "  ");
		say(p, intent_name_of(op->d));
		say(p, " is ");
		say_made(p, ops, count, op, 0);
		break;
	case INTENT_OP_CHECK:
	case INTENT_OP_CHECK_SIDES:
		if (op->op == INTENT_OP_CHECK && !intent_bare && intent_is_given(op->b) &&
		    intent_is_given(op->c) && intent_given_holds(op))
			return; /* by the grant's values alone */
		say(p, "  needs: ");
		say_condition(p, ops, count, i);
		say_check_name(p, op);
		break;
	default:
		return;
	}
	if (by != INTENT_NONE) {
		say(p, ", when ");
		say(p, intent_position_name(rule, by));
		say(p, " is the wallet");
	}
	say(p, "\n");
}

static void say_effects(struct policy *p, const struct intent_rule *rule,
                        const struct intent_op *ops)
{
	for (uint32_t i = 0; i < rule->code_count; i++)
		say_effect(p, rule, ops, i);
}

/* The programs that calls others, once: with the wallet's signature they can do more than the
 * instruction says. */
static void say_trusted(struct policy *p)
{
	const struct intent_program *programs = INTENT_AT(programs);
	bool any = false;
	for (uint32_t i = 0; i < INTENT_HEAD->programs.count; i++) {
		if (policy_key_is_builtin(intent_key(programs[i].key)))
			continue;
		say(p, any ? ", " : "Trusted programs: ");
		say_key(p, intent_key(programs[i].key));
		any = true;
	}
	if (any)
		say(p,
		    ", and all that they call. With the wallet's signature they can take what they "
		    "are handed: the token accounts named above, the wallet's SOL unless it is "
		    "read-only, and any token account of the wallet that a transaction hands them "
		    "without showing whose it is. WARNING: what comes back is bounded by the "
		    "limits "
		    "above alone, and a minimum or price of 0 bounds nothing: then a hostile bot "
		    "can "
		    "lose all that is given, up to the grant's caps.\n");
}

static void say_counts(struct policy *p, const struct intent_rule *rule)
{
	say(p, "  at most ");
	say_number(p, rule->max);
	if (rule->min != 0) {
		say(p, ", at least ");
		say_number(p, rule->min);
	}
	if (rule->group != INTENT_NONE) {
		const struct intent_group *g =
		    (const struct intent_group *)INTENT_AT(groups) + rule->group;
		say(p, ", counts as ");
		say(p, intent_words(g->name));
	}
	if ((rule->flags & INTENT_RULE_FIRST) != 0)
		say(p, ", only as the first");
	if (rule->after != INTENT_NONE) {
		say(p, ", after ");
		say(p, intent_count_name(rule->after));
	}
	if (rule->before != INTENT_NONE) {
		say(p, ", before any ");
		say(p, intent_count_name(rule->before));
	}
	say(p, "\n");
}

/* --- a grant's text: rules of one program together */

#define INTENT_LINES_MAX 768

/* A line about some of a program's rules, in the space behind the request. */
struct intent_line {
	uint32_t hash;
	uint16_t off, len;
	uint64_t rules; /* bit n: the program's nth rule; 0: said already */
};

struct intent_lines {
	struct intent_key_said keys[INTENT_KEYS_SAID];
	struct intent_line lines[INTENT_LINES_MAX];
	uint32_t count;
	struct policy_text text;
};

static bool intent_same_line(const struct intent_lines *all, const struct intent_line *line,
                             uint32_t from, uint32_t hash, uint32_t len)
{
	if (line->hash != hash || line->len != len)
		return false;
	/* The author chooses names, so lines of one hash are easily made: bytes decide. */
	const uint8_t *one = all->text.bytes + line->off, *other = all->text.bytes + from;
	for (; len >= 8; one += 8, other += 8, len -= 8)
		if (policy_load64(one) != policy_load64(other))
			return false;
	for (; len != 0; len--)
		if (*one++ != *other++)
			return false;
	return true;
}

/* Takes the lines between `from` and `to` as what is to be said of rule `bit`; false when there is
 * no room. */
static bool intent_take_lines(struct intent_lines *all, uint32_t from, uint32_t to, uint32_t bit)
{
	while (from < to) {
		uint32_t len = 0, hash = 2166136261u, i = 0;
		for (; from + len < to && all->text.bytes[from + len] != '\n'; len++)
			hash = (hash ^ all->text.bytes[from + len]) * 16777619u;
		while (i < all->count && !intent_same_line(all, &all->lines[i], from, hash, len))
			i++;
		if (i == INTENT_LINES_MAX || all->text.len == all->text.cap)
			return false;
		if (i == all->count) {
			all->lines[i] =
			    (struct intent_line){hash, (uint16_t)from, (uint16_t)len, 0};
			all->count++;
		}
		all->lines[i].rules |= UINT64_C(1) << bit;
		from += len + 1;
	}
	return true;
}

/* Whether a program's nth rule is the one before it without its `maybe` accounts, as far as lines
 * do not say it: those are compared. That it is, is a table's claim. */
static bool intent_is_without(const struct intent_program *program, uint32_t n)
{
	const struct intent_rule *rule =
	    (const struct intent_rule *)INTENT_AT(rules) + program->first + n;
	return n != 0 && n < program->count && (rule->flags & INTENT_RULE_WITHOUT) != 0 &&
	       (rule[-1].flags & INTENT_RULE_WITHOUT) == 0 && rule->name == rule[-1].name &&
	       rule->count == rule[-1].count && rule->prefix == rule[-1].prefix &&
	       rule->word == rule[-1].word;
}

/* What of the grant's values keeps a rule from ever taking an instruction; NULL: nothing does. */
static const struct intent_op *intent_never(const struct policy *p, const struct intent_rule *rule)
{
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	for (uint32_t i = 0; i < rule->code_count && !intent_bare; i++) {
		if (ops[i].op == INTENT_OP_CHECK && intent_is_given(ops[i].b) &&
		    intent_is_given(ops[i].c) && !intent_given_holds(&ops[i]))
			return &ops[i];
		if (ops[i].op == INTENT_OP_ACCOUNT + INTENT_IN_PARAM &&
		    (ops[i].b & (INTENT_MODE_HIDDEN | INTENT_MODE_OPTIONAL)) == 0 &&
		    intent_range(p, ops[i].c).count == 0)
			return &ops[i];
	}
	return NULL;
}

static void say_never(struct policy *p, const struct intent_op *op)
{
	if (op == NULL)
		return;
	say(p, " (refused: ");
	if (op->op != INTENT_OP_CHECK)
		say_param_list(p, op->c);
	else
		say_slot(p, op, 0, op->b < INTENT_HEAD->numbers ? op->c : op->b, 0, 0);
	say(p, ")");
}

/* Both of a rule with and without its `maybe` accounts, as bits; they have one name and number. */
static uint64_t intent_both(const struct intent_program *program, uint32_t n)
{
	return (intent_is_without(program, n + 1) ? UINT64_C(3) : UINT64_C(1)) << n;
}

static void say_rule_names(struct policy *p, const struct intent_program *program)
{
	const struct intent_rule *rules =
	    (const struct intent_rule *)INTENT_AT(rules) + program->first;
	uint32_t number = 0;
	for (uint32_t i = 0; i < program->count; i++) {
		if (intent_is_without(program, i))
			continue;
		say(p, number == 0 ? "" : ", ");
		number++;
		if (intent_both(program, 0) >> 1 != program->count - UINT64_C(1)) {
			say_number(p, number);
			say(p, " ");
		}
		say(p, intent_words(rules[i].name));
		/* Both forms of a rule have one name: what is refused is both. */
		if (!intent_is_without(program, i + 1) || intent_never(p, &rules[i + 1]) != NULL)
			say_never(p, intent_never(p, &rules[i]));
	}
}

/* The rules of `which` by their numbers, and how many accounts when only one of two is meant. */
static void say_rule_numbers(struct policy *p, const struct intent_program *program, uint64_t which)
{
	const struct intent_rule *rules =
	    (const struct intent_rule *)INTENT_AT(rules) + program->first;
	uint32_t number = 0, from = 0;
	bool any = false;
	for (uint32_t i = 0; i <= program->count; i++) {
		if (intent_is_without(program, i))
			continue;
		uint64_t both = i < program->count ? intent_both(program, i) : 0;
		bool whole = both != 0 && (which & both) == both;
		number++;
		if (!whole && from != 0) {
			say(p, any ? ", " : "");
			any = true;
			say_number(p, from);
			if (from != number - 1) {
				say(p, "-");
				say_number(p, (uint64_t)number - 1);
			}
		}
		from = !whole ? 0 : from != 0 ? from : number;
		if (whole || (which & both) == 0)
			continue;
		say(p, any ? ", " : "");
		any = true;
		say_number(p, number);
		say(p, " with ");
		say_number(p, rules[(which >> i & 1) != 0 ? i : i + 1].listed);
		say(p, " accounts");
	}
}

/* Every line once, before it the rules that it is about when it is not about all. `room`: bytes
 * from `all` on. */
static bool say_program(struct policy *p, struct intent_lines *all, uint32_t room,
                        const struct intent_program *program)
{
	const struct intent_rule *rules =
	    (const struct intent_rule *)INTENT_AT(rules) + program->first;
	struct policy_text text = p->text;
	uint64_t every = 0;
	if (program->count > 64)
		return false;
	all->count = 0;
	all->text = (struct policy_text){(uint8_t *)(all + 1), room - (uint32_t)sizeof(*all), 0};
	bool good = true;
	uint32_t accounts = 0, effects = 0; /* where these begin in what was said last */
	for (uint32_t i = 0; i < program->count && good; i++) {
		const struct intent_op *ops =
		    (const struct intent_op *)INTENT_AT(ops) + rules[i].code_first;
		if (intent_never(p, &rules[i]) != NULL)
			continue;
		every |= UINT64_C(1) << i;
		/* Accounts that a rule can be without are no news of the one that is: a place that
		 * it has and that says more has a line of its own. */
		if (intent_is_without(program, i))
			good = intent_take_lines(all, accounts, effects, i);
		uint32_t from = all->text.len;
		p->text = all->text;
		intent_said = &rules[i];
		say_counts(p, &rules[i]);
		accounts = p->text.len;
		say_accounts(p, &rules[i], ops);
		effects = p->text.len;
		say_effects(p, &rules[i], ops);
		all->text = p->text;
		good = good && intent_take_lines(all, from, all->text.len, i);
	}
	p->text = text;
	say(p, "- ");
	say_key(p, intent_key(program->key));
	say(p, ": ");
	say_rule_names(p, program);
	say(p, "\n");
	for (uint32_t i = 0; i < all->count && good; i++) {
		const struct intent_line *line = &all->lines[i];
		say(p, "  ");
		if (line->rules != every) {
			say(p, "[");
			say_rule_numbers(p, program, line->rules);
			say(p, "] ");
		}
		if (line->len > 2) /* behind their own two spaces */
			say_bytes(p, all->text.bytes + line->off + 2, line->len - 2u);
		say(p, "\n");
	}
	return good;
}

/* False when there was no room to say it. */
static bool say_rules(struct policy *p)
{
	struct intent_lines *all = (void *)(policy_area.bytes + ((p->request->len + 7) & ~7u));
	uint32_t room = POLICY_ANSWER_OFFSET - ((p->request->len + 7) & ~7u);
	const struct intent_program *programs = INTENT_AT(programs);
	bool good = room >= sizeof(*all) + 4096;
	if (good) {
		__builtin_memset(all->keys, 0, sizeof(all->keys));
		intent_keys_said = all->keys;
	}
	for (uint32_t i = 0; i < INTENT_HEAD->programs.count && good; i++)
		good = say_program(p, all, room, &programs[i]);
	intent_keys_said = NULL; /* the place is the next question's */
	return good;
}

static void say_whole(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	const struct intent_group *groups = INTENT_AT(groups);
	const struct intent_op *final =
	    (const struct intent_op *)INTENT_AT(ops) + head->final_first;
	intent_said = NULL;
	say(p, "In one transaction:\n");
	bool sides = true;
	for (uint32_t i = 0; i < head->final_count; i++) {
		bool settled = intent_settles(&final[i], &sides);
		if (final[i].op != INTENT_OP_CHECK && final[i].op != INTENT_OP_CHECK_SIDES)
			continue;
		/* What holds of the grant's values by themselves says nothing of transactions. */
		if (settled && !intent_bare)
			continue;
		/* What `min` demands is said with rules and groups. */
		if (final[i].op == INTENT_OP_CHECK && final[i].b >= head->counts &&
		    final[i].b < head->totals && final[i].c < head->numbers &&
		    final[i].a == INTENT_CMP_GE)
			continue;
		say(p, "- ");
		if (!say_not_asked(p, final, i)) {
			say_condition(p, final, head->final_count, i);
			say_check_name(p, &final[i]);
		}
		say(p, "\n");
	}
	for (uint32_t i = 0; i < head->groups.count; i++) {
		say(p, "- ");
		say(p, intent_words(groups[i].name));
		say(p, groups[i].min == groups[i].max ? ": exactly " : ": at most ");
		say_number(p, groups[i].max);
		if (groups[i].min != 0 && groups[i].min != groups[i].max) {
			say(p, ", at least ");
			say_number(p, groups[i].min);
		}
		say(p, "\n");
	}
}

static bool say_holds_fee(uint32_t slot, uint32_t derived)
{
	return slot == INTENT_LAMPORTS || slot == INTENT_FEE || slot == INTENT_PRIORITY ||
	       slot == derived;
}

/* Whether what is asked of the whole transaction is an upper bound of the fee, or of what holds it:
 * that it is at least 1 bounds nothing. */
static bool say_is_fee_bounded(void)
{
	const struct intent_op *op =
	    (const struct intent_op *)INTENT_AT(ops) + INTENT_HEAD->final_first;
	uint32_t derived = INTENT_FEE; /* what was calculated from it last */
	bool sides[2] = {false, false};
	for (uint32_t i = 0; i < INTENT_HEAD->final_count; i++, op++) {
		bool left = say_holds_fee(op->b, derived), right = say_holds_fee(op->c, derived);
		if (op->op == INTENT_OP_ADD || op->op == INTENT_OP_SUB ||
		    op->op == INTENT_OP_SCALE_DOWN || op->op == INTENT_OP_SCALE_UP) {
			if (left || right)
				derived = op->d;
		} else if (op->op == INTENT_OP_SIDE) {
			sides[op->a != 0] |= left || right;
		} else if (op->op == INTENT_OP_CHECK || op->op == INTENT_OP_CHECK_SIDES) {
			if (op->op == INTENT_OP_CHECK) {
				sides[0] = left;
				sides[1] = right;
			}
			bool equal = op->a == INTENT_CMP_EQ;
			if (sides[0] && (equal || op->a == INTENT_CMP_LE || op->a == INTENT_CMP_LT))
				return true;
			if (sides[1] && (equal || op->a == INTENT_CMP_GE || op->a == INTENT_CMP_GT))
				return true;
			sides[0] = sides[1] = false;
		}
	}
	return false;
}

static void say_payer(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	struct intent_op op = {.op = (uint8_t)(INTENT_OP_ACCOUNT + head->payer_kind),
	                       .c = head->payer_arg};
	if (head->payer_kind == INTENT_IS_ANY) {
		say(p, "The wallet pays the network fee, or another signer does.");
	} else {
		say(p, "The network fee is paid by ");
		if (head->payer_kind == INTENT_PAYER_OTHER)
			say(p, "another than the wallet");
		else
			say_requirement(p, NULL, &op);
		say(p, ".");
	}
	if (head->payer_kind != INTENT_PAYER_OTHER && intent_names_budget(INTENT_BUDGET_PRICE) &&
	    !say_is_fee_bounded())
		say(p, " WARNING: no limit of the transaction bounds it.");
	say(p, "\n");
}

static void say_warnings(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	if (head->nonce != INTENT_NONE &&
	    (intent_bare || head->nonce < head->numbers ||
	     policy_load64(p->parameters + ((const struct intent_param *)INTENT_AT(
	                                       params))[(head->nonce - head->numbers) / 8]
	                                       .record) != 0)) {
		say(p, "WARNING: durable nonces may be used");
		if (intent_bare && head->nonce >= head->numbers) {
			say(p, " when the grant sets ");
			say(p, intent_name_of(head->nonce) == NULL ? "it"
			                                           : intent_name_of(head->nonce));
		}
		say(p, ": such signatures last until the nonce's authority, maybe not the wallet, "
		       "ends them.\n");
	}
	if (head->unproven != INTENT_NONE &&
	    (intent_bare ||
	     policy_load64(p->parameters + ((const struct intent_param *)INTENT_AT(
	                                       params))[(head->unproven - head->numbers) / 8]
	                                       .record) != 0)) {
		say(p, "WARNING: the wallet's token accounts count by address, whoever owns them "
		       "now");
		if (intent_bare) {
			say(p, ", when the grant sets ");
			say(p, intent_name_of(head->unproven) == NULL
			           ? "it"
			           : intent_name_of(head->unproven));
		}
		say(p, ".\n");
	}
}

static void say_pattern(struct policy *p, const struct intent_message *m)
{
	static const char *const classes[] = {"digits", "letters and digits", "a time", "any line"};
	const struct intent_op *op = (const struct intent_op *)INTENT_AT(ops) + m->first;
	uint32_t ends[INTENT_PERHAPS_MAX], depth = 0;
	say(p, "- off-chain message ");
	say(p, intent_words(m->name));
	say(p, ":\n\"");
	for (uint32_t n = 0; n < m->count; n++, op++) {
		switch (op->op) {
		case INTENT_OP_PERHAPS:
			say(p, "<perhaps>");
			ends[depth++] = n + op->c;
			break;
		case INTENT_OP_BYTES:
			say(p, intent_words(op->b));
			break;
		case INTENT_OP_ADDRESS:
			say(p, "<the wallet's address>");
			break;
		case INTENT_OP_TEXT:
			say(p, "<");
			if (op->a == POLICY_TYPE_PUBKEY) {
				say_param_key(p, op->b);
			} else {
				say_param_name(p, op->b);
				if (!intent_bare) {
					struct policy_range r = intent_range(p, op->b);
					say(p, " = ");
					policy_put_quoted(&p->text, p->parameters + r.off, r.count);
				}
			}
			say(p, ">");
			break;
		default:
			say(p, "<");
			say(p, classes[op->a]);
			say(p, ", ");
			say_number(p, op->b);
			say(p, " to ");
			say_number(p, op->c);
			say(p, ">");
			break;
		}
		for (; depth != 0 && ends[depth - 1] == n; depth--)
			say(p, "</perhaps>");
	}
	say(p, "\"\n");
}

static void say_messages(struct policy *p)
{
	const struct intent_message *m = INTENT_AT(messages);
	for (uint32_t i = 0; i < INTENT_HEAD->messages.count; i++)
		say_pattern(p, &m[i]);
}

static void say_title(struct policy *p)
{
	say(p, "Intent ");
	say(p, intent_words(INTENT_HEAD->name));
	say(p, ", in its author's words \"");
	say(p, intent_words(INTENT_HEAD->title));
	say(p, "\".\n");
}

static void say_mark(struct policy *p)
{
	say(p, "Jito's mark, a read-only account jitodontfront..., may stand behind the accounts "
	       "of the network's own programs.\n");
}

static void say_grant(struct policy *p)
{
	const struct intent_head *head = INTENT_HEAD;
	say_title(p);
	say_warnings(p);
	if (head->formats != 0) {
		say_whole(p);
		say(p, "It allows transactions of these instructions and no other:\n");
		if (!say_rules(p))
			p->text.len = p->text.cap;
		say_trusted(p);
		say_mark(p);
		say_payer(p);
		if ((head->formats & 7) != 7)
			say(p, "Not every transaction format is allowed.\n");
	}
	if (head->messages.count != 0) {
		say(p, "It allows these messages and no other:\n");
		say_messages(p);
	}
	policy_mark_cut(&p->text);
}

/* --- what a transaction does */

static void say_said_mint(struct intent_ix *x, uint32_t kind, uint32_t arg)
{
	const uint8_t *mint = intent_mint(x, kind, arg);
	if (mint == NULL)
		say(x->p, "a mint that is not known");
	else
		say_key(x->p, mint);
}

/* Which authority goes to whom, where that is known: who owns an account has all that is in it. */
static void say_authority(struct intent_ix *x)
{
	static const char *const kinds[] = {"who may mint", "who may freeze", "the owner",
	                                    "who may close it"};
	const uint8_t *data = intent_segments[0];
	uint32_t len = (uint32_t)(intent_data_end - data);
	bool known = intent_sets_authority(x->rule) && len >= 3;
	say(x->p, ", changes ");
	say(x->p, known && data[1] < 4 ? kinds[data[1]] : "an authority");
	if (!known)
		return;
	say(x->p, " to ");
	if (data[2] == 1 && len >= INTENT_NEW_AUTHORITY + 32)
		say_key(x->p, data + INTENT_NEW_AUTHORITY);
	else
		say(x->p, "nobody");
}

/* One instruction that a rule took: its accounts of the wallet's, what leaves, and where to. */
static POLICY_COLD void intent_say(struct intent_ix *x)
{
	static const char *const kinds[] = {"pays ", "tips ", "pays rent of at most ", "wraps "};
	struct policy *p = x->p;
	const struct intent_rule *rule = x->rule;
	const struct intent_op *ops = (const struct intent_op *)INTENT_AT(ops) + rule->code_first;
	uint64_t rested_on = intent_rested_on(rule);
	say_number(p, x->number);
	say(p, ". ");
	say(p, intent_words(rule->name));
	say(p, " (");
	say_key(p, p->accounts[x->program].key);
	say(p, ")");
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &ops[i];
		if (op->op == INTENT_OP_PAY) {
			if (op->c != INTENT_NONE && !p->accounts[x->accounts[op->c]].wallet)
				continue;
			say(p, ", ");
			say(p, kinds[op->a]);
			policy_put_sol(&p->text, V(op->b));
		} else if (op->op == INTENT_OP_SEND) {
			if (op->d != INTENT_NONE && !p->accounts[x->accounts[op->d]].wallet)
				continue;
			say(p, ", gives at most ");
			say_number(p, V(op->c));
			say(p, " raw units of ");
			say_said_mint(x, op->a, op->b);
		} else if (op->op == INTENT_OP_DELEGATE) {
			say(p, ", gives another power over a token account");
		} else if (op->op == INTENT_OP_AUTHORITY) {
			say_authority(x);
		} else if (op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST) {
			const char *name = intent_position_name(rule, op->a);
			bool named = !(name[0] == 'a' && name[2] == ' ');
			if (!policy_key_is_builtin(intent_program_key(rule)) && !named)
				continue;
			if (intent_goes_unsaid(rule, op, rested_on) &&
			    !(named && (op->op == INTENT_OP_ACCOUNT + INTENT_IS_ACCOUNT ||
			                op->op == INTENT_OP_ACCOUNT + INTENT_IS_MINT_OF)))
				continue;
			if ((op->b & INTENT_MODE_OPTIONAL) != 0 && x->accounts[op->a] == x->program)
				continue;
			say(p, ", ");
			say(p, name);
			say(p, " ");
			policy_put_value(&p->text, v_account(p, x->accounts[op->a]));
		}
	}
	/* Named numbers of the rule: what it promises in return among them. */
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &ops[i];
		const char *name = op->op >= INTENT_OP_LOAD && op->op <= INTENT_OP_PER &&
		                           op->op != INTENT_OP_DIVISOR && op->d != op->b
		                       ? intent_name_of(op->d)
		                       : NULL;
		if (name == NULL)
			continue;
		say(p, ", ");
		say(p, name);
		say(p, " ");
		say_number(p, V(op->d));
	}
	if (intent_is_memo(rule)) {
		say(p, " ");
		policy_put_quoted(&p->text, intent_segments[0],
		                  (uint32_t)(intent_data_end - intent_segments[0]));
	}
	say(p, "\n");
}

#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute pop
#endif

#endif
