/* policy_told: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_told.h"

#include <stdio.h>

#include "base_check.h"
#include "intent_table.h"

struct told {
	const uint8_t *data;
	const struct intent_head *head;
	const struct intent_op *ops;
	const struct intent_rule *rules;
	const struct intent_group *groups;
	const struct intent_name *names;
	const struct intent_list *lists;
	const struct intent_param *params;
	const struct intent_field *fields;
	const uint64_t *image;
	const struct policy_schema *schema;
	struct policy_error *error;
	/* What texts call a number; NULL: nothing. Anybody may have a table looked at: what is
	 * looked for in each rule is found at once. */
	const char *slot_names[INTENT_SLOTS_MAX];
};

static const char *words_at(const struct told *t, uint32_t off)
{
	return (const char *)t->data + t->head->words.off + off;
}

/* Refuses; `name` is the author's name of what is wrong. */
static bool wrong(const struct told *t, const char *name, const char *what)
{
	snprintf(t->error->text, sizeof(t->error->text), "%.40s: %s", name, what);
	return false;
}

/* --- names */

/* What the language takes for a name: no number, and no word of the evaluator's, can be one. */
static bool is_name(const char *name)
{
	size_t len = 0;
	for (; name[len] != '\0'; len++)
		if (!((name[len] >= 'a' && name[len] <= 'z') ||
		      (len != 0 && ((name[len] >= '0' && name[len] <= '9') || name[len] == '_'))))
			return false;
	return len != 0;
}

/* The name of an account; empty: it has none, or is none of the rule's. */
static const char *place_name(const struct told *t, const struct intent_rule *rule, uint32_t place)
{
	const char *name = words_at(t, rule->positions);
	if (place >= rule->listed)
		return "";
	for (; place != 0; place--)
		name += strlen(name) + 1;
	return name;
}

static const char *slot_name(const struct told *t, uint32_t slot)
{
	return slot / 8 < INTENT_SLOTS_MAX ? t->slot_names[slot / 8] : NULL;
}

/* How many parameters, totals and lists are called so. */
static unsigned called(const struct told *t, const char *name)
{
	unsigned count = policy_schema_find(t->schema, bytes_of_text(name)) >= 0;
	for (uint32_t i = 0; i < t->head->lists.count; i++)
		count += strcmp(words_at(t, t->lists[i].name), name) == 0;
	for (uint32_t slot = t->head->totals; slot < t->head->temporaries; slot += 8) {
		const char *total = slot_name(t, slot);
		count += total != NULL && strcmp(total, name) == 0;
	}
	return count;
}

/* A number of the record is called and shown as its parameter, which is one number alone (each has
 * a name: number_is); a total has a name, what one instruction computes may have one, and nothing
 * else has. */
static bool slots_are_told(const struct told *t)
{
	const struct intent_head *h = t->head;
	for (uint32_t i = 0; i < h->names.count; i++) {
		uint32_t slot = t->names[i].slot, unit = t->names[i].unit;
		const char *name = words_at(t, t->names[i].name);
		bool number = slot >= h->numbers && slot < h->counts;
		bool total = slot >= h->totals && slot < h->temporaries;
		if (!is_name(name) || (!number && !total && slot < h->temporaries))
			return wrong(t, name, "this is no name for a number");
		if (number) {
			uint32_t record = t->params[(slot - h->numbers) / 8].record;
			for (size_t n = 0; n < t->schema->count; n++)
				if (t->schema->fields[n].off == record &&
				    (t->fields[n].slot != slot || t->fields[n].unit != unit))
					return wrong(
					    t, name,
					    "one parameter is two numbers, or has two units");
		} else if (unit > (total ? INTENT_UNIT_SECONDS : INTENT_UNIT_NONE)) {
			return wrong(t, name, "a number that is computed has no unit");
		} else if (total && called(t, name) != 1) {
			return wrong(t, name, "two numbers, totals or parameters have one name");
		} else if (!total && called(t, name) != 0) {
			return wrong(t, name, "a list, total or parameter has this name too");
		}
	}
	for (uint32_t slot = h->totals; slot < h->temporaries; slot += 8)
		if (slot_name(t, slot) == NULL)
			return wrong(t, "a total", "it has no name");
	for (uint32_t i = 0; i < h->lists.count; i++) {
		const char *name = words_at(t, t->lists[i].name);
		if (!is_name(name) || called(t, name) != 1)
			return wrong(t, name, "a list, total or parameter has this name too");
	}
	return true;
}

static bool is_without(const struct intent_rule *rule)
{
	return (rule->flags & INTENT_RULE_WITHOUT) != 0;
}

/* Each rule and group has a name and a count of its own; together they are all counts that are. */
static bool counts_are_told(const struct told *t)
{
	const struct intent_head *h = t->head;
	const char *names[UINT8_MAX + 1];
	uint32_t slots[UINT8_MAX + 1], count = 0;
	for (uint32_t i = 0; i < h->groups.count + (uint32_t)h->rules.count; i++) {
		const struct intent_rule *rule =
		    i < h->groups.count ? NULL : &t->rules[i - h->groups.count];
		const struct intent_group *group = rule == NULL ? &t->groups[i] : NULL;
		if (rule != NULL && is_without(rule))
			continue;
		if (count > UINT8_MAX)
			return wrong(t, "the table", "it has too many rules");
		names[count] = words_at(t, rule != NULL ? rule->name : group->name);
		slots[count] = rule != NULL ? rule->count : group->count;
		uint32_t most = rule != NULL ? rule->max : group->max;
		if (!is_name(names[count]) || (rule != NULL ? rule->min : group->min) > most)
			return wrong(t, names[count],
			             "no name, or it asks for more than it allows");
		for (uint32_t n = 0; n < count; n++)
			if (slots[n] == slots[count] || strcmp(names[n], names[count]) == 0)
				return wrong(t, names[count],
				             "two instructions or groups have one name or count");
		count++;
	}
	return 8 * count == (uint32_t)(h->totals - h->counts) ||
	       wrong(t, "the table", "it has a count of nothing");
}

/* --- parameters that need not be given */

/* An optional key that was not given is zero in the record, which is System's address: `given` is
 * the bit that says so, and only that one. */
static bool given_is(const struct told *t, uint32_t record, uint32_t given)
{
	uint32_t bit = INTENT_NONE;
	for (uint32_t i = 0; i < t->schema->count; i++)
		if (t->schema->fields[i].off == record &&
		    t->schema->fields[i].need == POLICY_NEED_OPTIONAL)
			bit = i;
	return given == bit;
}

static bool givens_are_told(const struct told *t)
{
	for (uint32_t i = 0; i < t->head->ops.count; i++) {
		const struct intent_op *op = &t->ops[i];
		unsigned kind = op->a >> 4;
		bool good = true;
		if (op->op == INTENT_OP_ACCOUNT + INTENT_IS_PARAM ||
		    (op->op == INTENT_OP_FIELD_KEY && kind == INTENT_IS_PARAM))
			good = given_is(t, op->c, op->d);
		else if (op->op == INTENT_OP_OWNED_MORE && kind == INTENT_IS_PARAM)
			good = given_is(t, op->c, INTENT_NONE);
		else if (op->op == INTENT_OP_OWNED_OR)
			good = given_is(t, op->b, op->c);
		else if (op->op == INTENT_OP_TEXT)
			good = given_is(t, op->b, op->d);
		if (!good)
			return wrong(t, "a parameter",
			             "one that was not given would be taken for a key");
	}
	return t->head->payer_kind != INTENT_IS_PARAM ||
	       given_is(t, t->head->payer_arg, t->head->payer_given) ||
	       wrong(t, "fee_payer", "a parameter that was not given would be taken for a key");
}

static bool is_bool(const struct told *t, uint32_t slot)
{
	if (slot < t->head->numbers)
		return false;
	uint32_t record = t->params[(slot - t->head->numbers) / 8].record;
	bool found = false;
	for (size_t i = 0; i < t->schema->count; i++)
		found |= t->schema->fields[i].off == record &&
		         t->schema->fields[i].type == POLICY_TYPE_BOOL;
	return found;
}

/* Both slots lie below those behind the parameters (intent_check). */
static bool permissions_are_told(const struct told *t)
{
	uint32_t nonce = t->head->nonce, unproven = t->head->unproven;
	bool always =
	    nonce >= INTENT_FIRST_SLOT && nonce < t->head->numbers && t->image[nonce / 8] != 0;
	if (nonce != INTENT_NONE && !always && !is_bool(t, nonce))
		return wrong(t, "nonce", "what permits it is no bool parameter");
	return unproven == INTENT_NONE || is_bool(t, unproven) ||
	       wrong(t, "accept_unproven", "what permits it is no bool parameter");
}

/* --- operations */

/* What an operation reads: numbers, and places. INTENT_NONE: nothing. */
struct reads {
	uint32_t numbers[2];
	uint32_t places[3];
};

static uint32_t mint_place(const struct intent_op *op)
{
	unsigned kind = op->a & 15u;
	return kind == INTENT_MINT_ACCOUNT || kind == INTENT_MINT_ENTRY ? op->b : INTENT_NONE;
}

static struct reads reads_of(const struct intent_op *op)
{
	struct reads r = {
	    {INTENT_NONE,  INTENT_NONE},
            { INTENT_NONE, INTENT_NONE, INTENT_NONE}
        };
	switch (op->op) {
	case INTENT_OP_ACCOUNT + INTENT_IS_ACCOUNT:
	case INTENT_OP_ACCOUNT + INTENT_IS_MINT_OF:
		r.places[0] = op->c;
		break;
	case INTENT_OP_OWNED:
		r.places[0] = mint_place(op);
		r.places[1] = op->a >> 4 == INTENT_TOKEN_ACCOUNT ? op->c : INTENT_NONE;
		break;
	case INTENT_OP_OWNED_MORE:
		r.places[0] = mint_place(op);
		r.places[1] = op->a >> 4 == INTENT_IS_ACCOUNT ? op->c : INTENT_NONE;
		break;
	case INTENT_OP_BIND:
	case INTENT_OP_HAS:
		r.places[0] = op->a;
		break;
	case INTENT_OP_SENT:
	case INTENT_OP_PER:
		r.places[0] = mint_place(op);
		break;
	case INTENT_OP_PAY:
		r.numbers[0] = op->b;
		r.places[0] = op->c;
		break;
	case INTENT_OP_SEND:
		r.numbers[0] = op->c;
		r.places[0] = mint_place(op);
		r.places[1] = op->d;
		break;
	case INTENT_OP_LITERAL:
		r.numbers[0] = op->c;
		break;
	case INTENT_OP_ADD:
	case INTENT_OP_SUB:
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP:
	case INTENT_OP_CHECK:
	case INTENT_OP_SIDE:
		r.numbers[0] = op->b;
		r.numbers[1] = op->c;
		break;
	default:
		break;
	}
	return r;
}

/* The order of the language: what an instruction is; what is kept of it for others; effects, one
 * kind behind the other; then what must hold of all that. 0: an operation that may stand anywhere,
 * since it only computes. */
static unsigned order_of(const struct told *t, const struct intent_op *op)
{
	switch (op->op) {
	case INTENT_OP_LESS:
	case INTENT_OP_LITERAL:
	case INTENT_OP_FIELD_KEY:
		return 1;
	case INTENT_OP_BIND:
		return 2;
	case INTENT_OP_FRESH:
		return 3;
	case INTENT_OP_PAY:
		return 4;
	case INTENT_OP_SEND:
		return 5;
	case INTENT_OP_DELEGATE:
	case INTENT_OP_AUTHORITY:
		return 6;
	case INTENT_OP_ADD:
		return op->d >= t->head->temporaries ? 0 : 7;
	case INTENT_OP_CHECK:
	case INTENT_OP_SIDE:
	case INTENT_OP_CHECK_SIDES:
		return 8;
	default:
		return intent_op_is_account(op) ? 1 : 0;
	}
}

/* The slot that an operation makes; INTENT_NONE: it makes none. */
static uint32_t made_by(const struct told *t, const struct intent_op *op)
{
	bool makes = op->op >= INTENT_OP_LOAD && op->op <= INTENT_OP_PER &&
	             op->op != INTENT_OP_DIVISOR && op->d >= t->head->temporaries;
	return makes ? op->d : INTENT_NONE;
}

/* A number without a name is told by how it is made, where it is used: so nothing that is counted
 * may lie between, and not too many of them within each other. */
static bool unnamed_are_told(const struct told *t, const char *name, uint32_t first, uint32_t count)
{
	uint8_t depths[INTENT_SLOTS_MAX] = {0};
	uint32_t made_at[INTENT_SLOTS_MAX] = {0}, counted_at = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct intent_op *op = &t->ops[first + i];
		struct reads r = reads_of(op);
		unsigned depth = 0, order = order_of(t, op);
		uint32_t made = made_by(t, op);
		for (unsigned n = 0; n < 2; n++) {
			uint32_t slot = r.numbers[n];
			if (slot == INTENT_NONE || slot < t->head->temporaries ||
			    slot_name(t, slot) != NULL)
				continue;
			if (made_at[slot / 8] < counted_at)
				return wrong(t, name, "it limits a number before it was counted");
			if (depths[slot / 8] > depth)
				depth = depths[slot / 8];
		}
		if (depth > INTENT_NESTING_MAX)
			return wrong(t, name,
			             "an expression of more than 8 steps: give parts of it names "
			             "with let");
		if (made != INTENT_NONE) {
			depths[made / 8] = (uint8_t)(depth + 1);
			made_at[made / 8] = i + 1;
		}
		if (order >= 4 && order <= 7)
			counted_at = i + 1;
	}
	return true;
}

/* Names of an instruction's accounts and numbers stand for one thing each. That a number's is no
 * list's or total's was looked at before (slots_are_told). */
static bool locals_are_told(const struct told *t, const struct intent_rule *rule)
{
	const char *names[INTENT_POSITIONS_MAX + INTENT_SLOTS_MAX];
	const char *place = words_at(t, rule->positions);
	uint32_t count = 0;
	for (uint32_t i = 0; i < rule->listed; i++, place += strlen(place) + 1) {
		if (*place == '\0')
			continue;
		if (called(t, place) != 0)
			return wrong(t, place, "a list, total or parameter has this name too");
		names[count++] = place;
	}
	for (uint32_t i = 0; i < rule->code_count; i++) {
		uint32_t made = made_by(t, &t->ops[rule->code_first + i]);
		const char *name = made == INTENT_NONE ? NULL : slot_name(t, made);
		if (name != NULL)
			names[count++] = name;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!is_name(names[i]))
			return wrong(t, names[i], "this is no name");
		for (uint32_t n = 0; n < i; n++)
			if (strcmp(names[n], names[i]) == 0)
				return wrong(t, names[i],
				             "two accounts or numbers of an instruction have it");
	}
	return true;
}

static bool places_are_named(const struct told *t, const struct intent_rule *rule,
                             const struct intent_op *op)
{
	struct reads r = reads_of(op);
	for (unsigned n = 0; n < 3; n++)
		if (r.places[n] != INTENT_NONE && *place_name(t, rule, r.places[n]) == '\0')
			return false;
	return true;
}

static bool operations_are_told(const struct told *t, const struct intent_rule *rule)
{
	const char *name = words_at(t, rule->name);
	unsigned reached = 0;
	for (uint32_t i = 0; i < rule->select_count; i++) {
		const struct intent_op *op = &t->ops[rule->select_first + i];
		if (op->op != INTENT_OP_OWNED && !intent_op_is_account(op))
			return wrong(t, name, "what chooses it does more than that");
	}
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		unsigned order = order_of(t, op);
		if (order != 0 && order < reached)
			return wrong(t, name,
			             "an operation stands where it would not be understood");
		reached = order > reached ? order : reached;
		if (!places_are_named(t, rule, op) || (op->op == INTENT_OP_OWNED && op->d != 0 &&
		                                       !places_are_named(t, rule, &t->ops[op->d])))
			return wrong(t, name, "it rests on an account without a name");
		if (op->op == INTENT_OP_ACCOUNT + INTENT_IS_ACCOUNT && op->c >= op->a)
			return wrong(t, name,
			             "an account is the same as one that does not stand before it");
		if (!intent_op_is_account(op))
			continue;
		bool own = op->op == INTENT_OP_ACCOUNT + INTENT_OWN;
		unsigned reason = op->b >> INTENT_MODE_REASON;
		if ((op->b & 128u) != 0 || ((op->b & INTENT_MODE_FRESH) != 0 && !own) ||
		    (reason != 0 && reason < POLICY_REASON_MODULE_FIRST))
			return wrong(t, name, "an account has a flag that says nothing");
	}
	return unnamed_are_told(t, name, rule->code_first, rule->code_count);
}

/* After the last instruction nothing is counted any more: what is said of it are limits. */
static bool end_is_told(const struct told *t)
{
	for (uint32_t i = 0; i < t->head->final_count; i++) {
		const struct intent_op *op = &t->ops[t->head->final_first + i];
		unsigned order = order_of(t, op);
		if (order != 0 && order != 8)
			return wrong(t, "the table",
			             "something is counted after the last instruction");
	}
	return unnamed_are_told(t, "a check", t->head->final_first, t->head->final_count);
}

/* --- rules beside each other */

static bool same_place(const struct told *t, const struct intent_rule *one, uint32_t a,
                       const struct intent_rule *other, uint32_t b)
{
	return strcmp(place_name(t, one, a), place_name(t, other, b)) == 0;
}

/* Two operations say the same, places being what they are called. */
static bool same_op(const struct told *t, const struct intent_rule *one, const struct intent_op *a,
                    const struct intent_rule *other, const struct intent_op *b)
{
	struct intent_op bare = *a, its = *b;
	struct reads ra = reads_of(a), rb = reads_of(b);
	bool account = intent_op_is_account(a);
	for (unsigned n = 0; n < 3; n++)
		if (!same_place(t, one, ra.places[n], other, rb.places[n]))
			return false;
	if (account) {
		if (!same_place(t, one, a->a, other, b->a))
			return false;
		bare.a = its.a = 0;
		bare.b &= (uint16_t)~INTENT_MODE_CHOSEN;
		its.b &= (uint16_t)~INTENT_MODE_CHOSEN;
	}
	/* What was compared by name is not compared by number. */
	if (account && ra.places[0] != INTENT_NONE)
		bare.c = its.c = 0;
	if (!account && ra.places[0] != INTENT_NONE)
		bare.b = its.b = 0;
	if (!account && ra.places[1] != INTENT_NONE)
		bare.c = its.c = 0;
	if (a->op == INTENT_OP_OWNED) {
		bare.d = its.d = 0;
		if ((a->d == 0) != (b->d == 0))
			return false;
		if (a->d != 0) {
			const struct intent_op *am = &t->ops[a->d], *bm = &t->ops[b->d];
			if (!same_op(t, one, am, other, bm) ||
			    (am->d != 0 && memcmp(&am[1], &bm[1], sizeof(*am)) != 0))
				return false;
		}
	}
	return memcmp(&bare, &its, sizeof(bare)) == 0;
}

/* The next place of a rule at or behind operation `from`; code_count: there is none. */
static uint32_t next_place(const struct told *t, const struct intent_rule *rule, uint32_t from)
{
	while (from < rule->code_count && !intent_op_is_account(&t->ops[rule->code_first + from]))
		from++;
	return from;
}

static bool same_account(const struct told *t, const struct intent_rule *one,
                         const struct intent_op *a, const struct intent_rule *other,
                         const struct intent_op *b)
{
	bool owned =
	    a->op == INTENT_OP_ACCOUNT + INTENT_OWN || a->op == INTENT_OP_ACCOUNT + INTENT_ATA;
	return same_op(t, one, a, other, b) && (!owned || same_op(t, one, &a[1], other, &b[1]));
}

/* Every account that `one` keeps for other rules to name `other` keeps, too. */
static bool has_binds(const struct told *t, const struct intent_rule *one,
                      const struct intent_rule *other)
{
	for (uint32_t i = 0; i < one->code_count; i++) {
		const struct intent_op *bind = &t->ops[one->code_first + i];
		bool found = bind->op != INTENT_OP_BIND;
		for (uint32_t n = 0; n < other->code_count && !found; n++) {
			const struct intent_op *its = &t->ops[other->code_first + n];
			found = its->op == INTENT_OP_BIND && its->b == bind->b &&
			        same_place(t, one, bind->a, other, its->a);
		}
		if (!found)
			return false;
	}
	return true;
}

/* A rule that is the one before it without some accounts: texts say of both what they say of that
 * one's accounts. */
static bool without_is_told(const struct told *t, uint32_t index)
{
	const struct intent_rule *rule = &t->rules[index], *whole = &t->rules[index - 1];
	struct intent_rule bare = *rule;
	uint32_t at = 0;
	/* What a rule without some accounts may have of its own; all else is the whole's. */
	bare.flags &= (uint8_t)~INTENT_RULE_WITHOUT;
	bare.accounts_min = whole->accounts_min;
	bare.accounts_max = whole->accounts_max;
	bare.listed = whole->listed;
	bare.select_first = whole->select_first;
	bare.select_count = whole->select_count;
	bare.code_first = whole->code_first;
	bare.code_count = whole->code_count;
	bare.positions = whole->positions;
	if (is_without(whole) || memcmp(&bare, whole, sizeof(bare)) != 0 ||
	    rule->accounts_max != rule->listed || whole->accounts_max != whole->listed ||
	    rule->listed >= whole->listed)
		return false;
	for (uint32_t i = next_place(t, rule, 0); i < rule->code_count;
	     i = next_place(t, rule, i + 1)) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		for (at = next_place(t, whole, at);; at = next_place(t, whole, at + 1)) {
			if (at == whole->code_count)
				return false;
			if (same_account(t, rule, op, whole, &t->ops[whole->code_first + at]))
				break;
		}
		at++;
	}
	return has_binds(t, rule, whole) && has_binds(t, whole, rule);
}

/* Every instruction that the rule would take is taken by the one before it. */
static bool is_behind(const struct intent_rule *before, const struct intent_rule *rule)
{
	return before->select_count == 0 && before->prefix <= rule->prefix &&
	       (rule->word & before->mask) == before->word &&
	       before->accounts_min <= rule->accounts_min &&
	       before->accounts_max >= rule->accounts_max;
}

/* Some rule keeps an account under this number. */
static bool is_bound(const struct told *t, uint32_t bind)
{
	for (uint32_t r = 0; r < t->head->rules.count; r++)
		for (uint32_t i = 0; i < t->rules[r].code_count; i++) {
			const struct intent_op *op = &t->ops[t->rules[r].code_first + i];
			if (op->op == INTENT_OP_BIND && op->b == bind)
				return true;
		}
	return false;
}

static bool rule_is_told(const struct told *t, uint32_t first, uint32_t index)
{
	const struct intent_rule *rule = &t->rules[index];
	const char *name = words_at(t, rule->name);
	if (is_without(rule) && (index == first || !without_is_told(t, index)))
		return wrong(t, name, "it is not the rule before it without some accounts");
	for (uint32_t i = first; i < index; i++)
		if (is_behind(&t->rules[i], rule))
			return wrong(
			    t, name,
			    "no instruction reaches it: the file has a rule before it that "
			    "takes them all");
	for (uint32_t i = 0; i < rule->code_count; i++) {
		const struct intent_op *op = &t->ops[rule->code_first + i];
		if ((op->op == INTENT_OP_ACCOUNT + INTENT_IS_BOUND ||
		     op->op == INTENT_OP_ACCOUNT + INTENT_IS_BOUND_OTHER) &&
		    !is_bound(t, op->c))
			return wrong(t, name, "an account is the same as in no instruction");
	}
	if ((rule->flags & INTENT_REST_EXTRA) != 0 &&
	    (rule->flags & (INTENT_REST_WALLET | INTENT_REST_OWN)) != 0)
		return wrong(t, name, "extra accounts may not be the wallet's");
	return locals_are_told(t, rule) && operations_are_told(t, rule);
}

enum status policy_told_check(struct bytes table, const struct policy_schema *schema,
                              struct policy_error *ret_error)
{
	const struct intent_head *h = (const void *)table.data;
	struct told t = {.data = table.data,
	                 .head = h,
	                 .ops = (const void *)(table.data + h->ops.off),
	                 .rules = (const void *)(table.data + h->rules.off),
	                 .groups = (const void *)(table.data + h->groups.off),
	                 .names = (const void *)(table.data + h->names.off),
	                 .lists = (const void *)(table.data + h->lists.off),
	                 .params = (const void *)(table.data + h->params.off),
	                 .fields = (const void *)(table.data + h->fields.off),
	                 .image = (const void *)(table.data + h->image.off),
	                 .schema = schema,
	                 .error = ret_error};
	const struct intent_program *programs = (const void *)(table.data + h->programs.off);
	for (uint32_t i = 0; i < h->names.count; i++)
		t.slot_names[t.names[i].slot / 8] = words_at(&t, t.names[i].name);
	if (!slots_are_told(&t) || !counts_are_told(&t) || !givens_are_told(&t) ||
	    !permissions_are_told(&t))
		return STATUS_REFUSED;
	for (uint32_t i = 0; i < h->programs.count; i++)
		for (uint32_t n = 0; n < programs[i].count; n++)
			if (!rule_is_told(&t, programs[i].first, programs[i].first + n)) {
				ret_error->rule = programs[i].first + n + 1;
				return STATUS_REFUSED;
			}
	return end_is_told(&t) ? STATUS_OK : STATUS_REFUSED;
}
