/* intent_diff: see the header. This file: the whole transaction, parameters, which rule stands
 * for which, and their order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_diff.h"

#include <stdio.h>

#include "base_check.h"
#include "intent_pair.h"

/* --- what is told */

static void words_of(const struct pair_side *s, const struct pair_part *part, char *text,
                     size_t room)
{
	struct buffer words = {(uint8_t *)text, room - 1, 0};
	intent_words_part(s->table, part->part, part->rule, part->index, &words);
	text[words.len] = '\0';
}

static void tell(struct pair *p, bool wider, const char *rule, const char *what, const char *old,
                 const char *new)
{
	struct intent_change change = {wider, rule, what, old, new};
	p->wider += wider;
	p->tell(p->context, &change);
}

void pair_tell(struct pair *p, bool wider, const char *what, const struct pair_part *old,
               const struct pair_part *new)
{
	static char texts[2][INTENT_WORDS_MAX + 1];
	const struct pair_side *side = old != NULL ? &p->old : &p->new;
	const struct pair_part *part = old != NULL ? old : new;
	const char *rule =
	    part->rule == PAIR_WHOLE ? "" : pair_words(side, side->rules[part->rule].name);
	if (old != NULL)
		words_of(&p->old, old, texts[0], sizeof(texts[0]));
	if (new != NULL)
		words_of(&p->new, new, texts[1], sizeof(texts[1]));
	tell(p, wider, rule, what, old == NULL ? NULL : texts[0], new == NULL ? NULL : texts[1]);
}

struct pair_list pair_list_of(const struct pair_side *side, const struct intent_rule *rule)
{
	if (rule == NULL)
		return (struct pair_list){side, NULL, side->ops + side->head->final_first,
		                          side->head->final_count};
	return (struct pair_list){side, rule, side->ops + rule->code_first, rule->code_count};
}

/* --- parameters */

static const char *need_of(const struct policy_field *f)
{
	return f->need == POLICY_NEED_REQUIRED   ? "required"
	       : f->need == POLICY_NEED_OPTIONAL ? "optional"
	                                         : "default ";
}

static void field_words(const struct policy_field *f, char text[256])
{
	static const char *const roles[] = {[POLICY_ROLE_NONE] = "",
	                                    [POLICY_ROLE_OWNER] = ", an owner",
	                                    [POLICY_ROLE_MINT] = ", a mint"};
	int n = snprintf(text, 256, "%.*s: %s", (int)f->name.len, (const char *)f->name.data,
	                 policy_type_name(f->type));
	if (f->entries_max != 0)
		n += snprintf(text + n, 256 - (size_t)n, " of at most %u", f->entries_max);
	n += snprintf(text + n, 256 - (size_t)n, "%s, %s", roles[f->role], need_of(f));
	if (f->need == POLICY_NEED_DEFAULTS)
		snprintf(text + n, 256 - (size_t)n, "%llu", (unsigned long long)f->fallback);
}

/* A parameter that both have: which grants there can be, and what the host derives from it. */
static void compare_field(struct pair *p, const struct policy_field *a,
                          const struct policy_field *b)
{
	char old[256], new[256];
	bool need = a->need == b->need && a->fallback == b->fallback;
	if (a->type == b->type && a->role == b->role && need && a->entries_max == b->entries_max)
		return;
	field_words(a, old);
	field_words(b, new);
	tell(p,
	     a->type != b->type || a->role != b->role || b->entries_max > a->entries_max ||
	         (!need && b->need != POLICY_NEED_REQUIRED),
	     "parameters", "another parameter", old, new);
}

/* One that only one has changes what is allowed only where something names it, which is compared
 * there; but the host derives token accounts of the wallet from mints and owners. */
static void compare_parameters(struct pair *p)
{
	char text[256];
	for (size_t i = 0; i < p->old.schema.count; i++) {
		const struct policy_field *a = &p->old.schema.fields[i];
		int at = policy_schema_find(&p->new.schema, a->name);
		field_words(a, text);
		if (at >= 0)
			compare_field(p, a, &p->new.schema.fields[at]);
		else
			tell(p, a->role != POLICY_ROLE_NONE, "parameters", "gone", text, NULL);
	}
	for (size_t i = 0; i < p->new.schema.count; i++) {
		const struct policy_field *b = &p->new.schema.fields[i];
		field_words(b, text);
		if (policy_schema_find(&p->old.schema, b->name) < 0)
			tell(p, b->role != POLICY_ROLE_NONE, "parameters", "new", NULL, text);
	}
}

/* --- the head */

static void compare_formats(struct pair *p)
{
	for (unsigned i = 0; i < INTENT_FORMATS; i++) {
		bool a = (p->old.head->formats >> i & 1) != 0;
		bool b = (p->new.head->formats >> i & 1) != 0;
		if (a != b)
			tell(p, b, "", "transaction format", a ? intent_format_name(i) : NULL,
			     b ? intent_format_name(i) : NULL);
	}
}

/* A slot that permits when it is not 0. */
static enum pair_relation permission(const struct pair *p, uint16_t old, uint16_t new)
{
	struct pair_list a = pair_list_of(&p->old, NULL), b = pair_list_of(&p->new, NULL);
	if (old == INTENT_NONE || new == INTENT_NONE)
		return old == new ? PAIR_SAME : new == INTENT_NONE ? PAIR_NARROWER : PAIR_UNPROVEN;
	if (pair_same_number(p, &a, old, &b, new, 0))
		return PAIR_SAME;
	const uint64_t *image = (const void *)(p->old.table.data + p->old.head->image.off);
	return old >= INTENT_FIRST_SLOT && old < p->old.head->numbers && image[old / 8] != 0
	           ? PAIR_NARROWER
	           : PAIR_UNPROVEN;
}

static void compare_head(struct pair *p)
{
	const struct intent_head *a = p->old.head, *b = p->new.head;
	const struct pair_part payer = {INTENT_WORDS_PAYER, PAIR_WHOLE, 0};
	const struct pair_part warnings = {INTENT_WORDS_WARNINGS, PAIR_WHOLE, 0};
	enum pair_relation r =
	    pair_both(permission(p, a->nonce, b->nonce), permission(p, a->unproven, b->unproven));
	compare_formats(p);
	if (r != PAIR_SAME)
		pair_tell(p, r == PAIR_UNPROVEN, "permissions", &warnings, &warnings);
	r = a->payer_kind == INTENT_IS_ANY && b->payer_kind != INTENT_IS_ANY
	        ? PAIR_NARROWER
	        : pair_key_relation(p, (struct pair_need){a->payer_kind, a->payer_arg},
	                            (struct pair_need){b->payer_kind, b->payer_arg});
	if (r != PAIR_SAME)
		pair_tell(p, r == PAIR_UNPROVEN, "who pays the fee", &payer, &payer);
}

/* --- messages */

static bool same_part(const struct pair *p, const struct intent_op *a, const struct intent_op *b)
{
	if (a->op != b->op)
		return false;
	switch (a->op) {
	case INTENT_OP_BYTES:
		return strcmp(pair_words(&p->old, a->b), pair_words(&p->new, b->b)) == 0;
	case INTENT_OP_ADDRESS:
		return true;
	case INTENT_OP_TEXT:
		return a->a == b->a && pair_same_record(p, a->b, b->b);
	case INTENT_OP_PERHAPS:
		return a->c == b->c;
	default:
		return a->a == b->a && a->b == b->b && a->c == b->c;
	}
}

static bool same_message(const struct pair *p, const struct intent_message *a,
                         const struct intent_message *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!same_part(p, p->old.ops + a->first + i, p->new.ops + b->first + i))
			return false;
	return true;
}

static void compare_messages(struct pair *p)
{
	const struct intent_message *old =
	    (const void *)(p->old.table.data + p->old.head->messages.off);
	const struct intent_message *new =
	    (const void *)(p->new.table.data + p->new.head->messages.off);
	uint32_t old_count = p->old.head->messages.count, new_count = p->new.head->messages.count;
	for (uint32_t i = 0; i < old_count; i++) {
		uint32_t n = 0;
		while (n < new_count && !same_message(p, &old[i], &new[n]))
			n++;
		if (n == new_count)
			pair_tell(p, false, "not allowed any more",
			          &(struct pair_part){INTENT_WORDS_MESSAGE, PAIR_WHOLE, i}, NULL);
	}
	for (uint32_t i = 0; i < new_count; i++) {
		uint32_t n = 0;
		while (n < old_count && !same_message(p, &old[n], &new[i]))
			n++;
		if (n == old_count)
			pair_tell(p, true, "allowed now", NULL,
			          &(struct pair_part){INTENT_WORDS_MESSAGE, PAIR_WHOLE, i});
	}
}

/* --- which rule stands for which */

static const struct intent_program *program_of(const struct pair_side *s, size_t rule)
{
	const struct intent_program *program = s->programs;
	while (rule >= (size_t)program->first + program->count)
		program++;
	return program;
}

static bool alike(const struct pair *p, size_t a, size_t b)
{
	const struct intent_rule *old = p->old.rules + a, *new = p->new.rules + b;
	return old->prefix == new->prefix && old->word == new->word &&
	       old->listed ==
	           new->listed &&strcmp(pair_words(&p->old, old->name),
	                                pair_words(&p->new, new->name)) == 0 &&
	       memcmp(pair_key(&p->old, program_of(&p->old, a)->key),
	              pair_key(&p->new, program_of(&p->new, b)->key), 32) == 0;
}

static void pair_rules(struct pair *p)
{
	for (size_t b = 0; b < p->new.head->rules.count; b++)
		for (size_t a = 0; a < p->old.head->rules.count && p->old_rule[b] == 0; a++)
			if (p->new_rule[a] == 0 && alike(p, a, b)) {
				p->old_rule[b] = (uint16_t)(a + 1);
				p->new_rule[a] = (uint16_t)(b + 1);
			}
}

/* --- which count and total stands for which: what they hold is the same when all that adds to them
 * is, and that is compared */

static bool pair_slots(struct pair *p, uint16_t old, uint16_t new)
{
	if (p->new_slot[old / 8] == 0 && p->old_slot[new / 8] == 0) {
		p->new_slot[old / 8] = new;
		p->old_slot[new / 8] = old;
	}
	return p->new_slot[old / 8] == new && p->old_slot[new / 8] == old;
}

/* The only total of a name; INTENT_NONE when there is none or more. */
static uint16_t total_named(const struct pair_side *s, const char *name)
{
	const struct intent_name *names = (const void *)(s->table.data + s->head->names.off);
	uint16_t found = INTENT_NONE;
	for (uint32_t i = 0; i < s->head->names.count; i++) {
		if (names[i].slot < s->head->totals || names[i].slot >= s->head->temporaries ||
		    strcmp(pair_words(s, names[i].name), name) != 0)
			continue;
		if (found != INTENT_NONE)
			return INTENT_NONE;
		found = names[i].slot;
	}
	return found;
}

static void pair_totals(struct pair *p)
{
	const struct intent_head *h = p->old.head;
	const struct intent_name *names = (const void *)(p->old.table.data + h->names.off);
	for (uint32_t i = 0; i < h->names.count; i++) {
		const char *name = pair_words(&p->old, names[i].name);
		uint16_t old = total_named(&p->old, name), new = total_named(&p->new, name);
		if (old != INTENT_NONE && new != INTENT_NONE)
			(void)pair_slots(p, old, new);
	}
}

static int group_named(const struct pair_side *s, const char *name)
{
	for (int i = 0; i < s->head->groups.count; i++)
		if (strcmp(pair_words(s, s->groups[i].name), name) == 0)
			return i;
	return -1;
}

static void pair_counts(struct pair *p)
{
	bool good = true;
	for (size_t b = 0; b < p->new.head->rules.count; b++)
		if (p->old_rule[b] != 0)
			good &= pair_slots(p, p->old.rules[p->old_rule[b] - 1].count,
			                   p->new.rules[b].count);
	for (int i = 0; i < p->old.head->groups.count; i++) {
		const struct intent_group *a = &p->old.groups[i];
		int found = group_named(&p->new, pair_words(&p->old, a->name));
		if (found >= 0)
			good &= pair_slots(p, a->count, p->new.groups[found].count);
	}
	if (!good)
		tell(p, true, "", "rules and groups are counted together otherwise", NULL, NULL);
}

/* --- one rule */

static bool same_count(const struct pair *p, uint16_t old, uint16_t new)
{
	if (old == INTENT_NONE || new == INTENT_NONE)
		return old == new;
	return p->new_slot[old / 8] == new;
}

/* A group bounds how often; a count that others name must be of the same rules. */
static enum pair_relation group_relation(const struct pair *p, const struct intent_rule *old,
                                         const struct intent_rule *new)
{
	if (old->group == INTENT_NONE && new->group == INTENT_NONE)
		return PAIR_SAME;
	if (old->group == INTENT_NONE)
		return p->old_slot[p->new.groups[new->group].count / 8] == 0 ? PAIR_NARROWER
		                                                             : PAIR_UNPROVEN;
	if (new->group == INTENT_NONE)
		return PAIR_UNPROVEN;
	const struct intent_group *a = &p->old.groups[old->group];
	const struct intent_group *b = &p->new.groups[new->group];
	if (p->new_slot[a->count / 8] != b->count || b->max > a->max)
		return PAIR_UNPROVEN;
	return a->max == b->max ? PAIR_SAME : PAIR_NARROWER;
}

/* `after` and `before`: a demand that must stay. */
static enum pair_relation order_relation(const struct pair *p, uint16_t old, uint16_t new)
{
	return same_count(p, old, new) ? PAIR_SAME
	       : old == INTENT_NONE    ? PAIR_NARROWER
	                               : PAIR_UNPROVEN;
}

static void compare_counts(struct pair *p, size_t a, size_t b)
{
	const struct intent_rule *old = p->old.rules + a, *new = p->new.rules + b;
	bool first_old = (old->flags & INTENT_RULE_FIRST) != 0;
	bool first_new = (new->flags &INTENT_RULE_FIRST) != 0;
	enum pair_relation r = pair_both(order_relation(p, old->after, new->after),
	                                 order_relation(p, old->before, new->before));
	r = pair_both(r, group_relation(p, old, new));
	r = pair_both(r, old->max == new->max  ? PAIR_SAME
	                 : new->max < old->max ? PAIR_NARROWER
	                                       : PAIR_UNPROVEN);
	r = pair_both(r, first_old == first_new ? PAIR_SAME
	                 : first_new            ? PAIR_NARROWER
	                                        : PAIR_UNPROVEN);
	if (r != PAIR_SAME)
		pair_tell(p, r == PAIR_UNPROVEN, "how often, and in what order",
		          &(struct pair_part){INTENT_WORDS_COUNTS, a, 0},
		          &(struct pair_part){INTENT_WORDS_COUNTS, b, 0});
}

static void compare_rule(struct pair *p, size_t a, size_t b)
{
	const struct intent_rule *old = p->old.rules + a, *new = p->new.rules + b;
	struct pair_list from = pair_list_of(&p->old, old), to = pair_list_of(&p->new, new);
	enum pair_relation data = pair_data_relation(p, old, new);
	compare_counts(p, a, b);
	if (data != PAIR_SAME)
		pair_tell(p, data == PAIR_UNPROVEN, "other data",
		          &(struct pair_part){INTENT_WORDS_DATA, a, 0},
		          &(struct pair_part){INTENT_WORDS_DATA, b, 0});
	pair_compare_places(p, old, new);
	pair_compare_operations(p, &from, &to);
}

/* --- order: the first rule that fits is the one that counts */

/* No instruction fits both. */
static bool apart(const struct intent_rule *a, const struct intent_rule *b)
{
	return ((a->word ^ b->word) & a->mask & b->mask) != 0 ||
	       a->accounts_min > b->accounts_max || b->accounts_min > a->accounts_max;
}

/* What the new table takes by rule `b`, the old one takes by the rule that stands for it: whatever
 * the old one looked at before that is apart from it, or stands before it in the new one too and
 * fits at least as much there. */
static void compare_order(struct pair *p, size_t b)
{
	size_t a = p->old_rule[b] - 1u;
	const struct intent_program *program = program_of(&p->old, a);
	for (size_t before = program->first; before < a; before++) {
		const struct intent_rule *rule = p->old.rules + before;
		size_t now = p->new_rule[before];
		if (apart(rule, p->new.rules + b) ||
		    (now != 0 && now - 1 < b && pair_covers(p, rule, p->new.rules + now - 1)))
			continue;
		pair_tell(p, true, "takes now what this one took before",
		          &(struct pair_part){INTENT_WORDS_RULE, before, 0},
		          &(struct pair_part){INTENT_WORDS_RULE, b, 0});
	}
}

static void compare_rules(struct pair *p)
{
	for (size_t a = 0; a < p->old.head->rules.count; a++)
		if (p->new_rule[a] == 0)
			pair_tell(p, false, "the whole instruction is not allowed any more",
			          &(struct pair_part){INTENT_WORDS_RULE, a, 0}, NULL);
	for (size_t b = 0; b < p->new.head->rules.count; b++) {
		if (p->old_rule[b] == 0) {
			pair_tell(p, true, "the whole instruction is allowed now", NULL,
			          &(struct pair_part){INTENT_WORDS_RULE, b, 0});
			continue;
		}
		compare_rule(p, p->old_rule[b] - 1u, b);
		compare_order(p, b);
	}
}

static void take_side(struct bytes table, struct pair_side *ret)
{
	struct policy_error error;
	const struct intent_head *h = (const void *)table.data;
	*ret = (struct pair_side){.table = table,
	                          .head = h,
	                          .programs = (const void *)(table.data + h->programs.off),
	                          .rules = (const void *)(table.data + h->rules.off),
	                          .ops = (const void *)(table.data + h->ops.off),
	                          .groups = (const void *)(table.data + h->groups.off)};
	CHECK((uintptr_t)table.data % 8 == 0 && h->rules.count <= PAIR_RULES_MAX);
	CHECK(policy_schema_decode(bytes_of(table.data + h->schema.off, h->schema.count),
	                           &ret->schema, &error) == STATUS_OK);
}

size_t intent_diff(struct bytes old, struct bytes new, intent_change_fn *tell_one, void *context)
{
	static struct pair p;
	p = (struct pair){.timed = true, .tell = tell_one, .context = context};
	take_side(old, &p.old);
	take_side(new, &p.new);
	struct pair_list from = pair_list_of(&p.old, NULL), to = pair_list_of(&p.new, NULL);
	pair_rules(&p);
	pair_totals(&p);
	pair_counts(&p);
	compare_parameters(&p);
	compare_head(&p);
	compare_rules(&p);
	pair_compare_operations(&p, &from, &to);
	compare_messages(&p);
	return p.wider;
}
