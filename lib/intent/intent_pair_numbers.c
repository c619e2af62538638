/* intent_pair_numbers: numbers, what is counted, and what is demanded of numbers and data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_pair.h"

/* --- parameters */

static const struct policy_field *field_at(const struct pair_side *s, uint32_t record)
{
	for (size_t i = 0; i < s->schema.count; i++)
		if (s->schema.fields[i].off == record)
			return &s->schema.fields[i];
	return NULL;
}

/* One parameter: values are given by name. Another type of it, or that it need not be given, is
 * told where parameters are compared. */
bool pair_same_record(const struct pair *p, uint32_t old, uint32_t new)
{
	const struct policy_field *a = field_at(&p->old, old), *b = field_at(&p->new, new);
	return a != NULL && b != NULL && bytes_equal(a->name, b->name);
}

/* --- numbers */

static uint64_t constant(const struct pair_side *s, uint32_t slot)
{
	return ((const uint64_t *)(const void *)(s->table.data + s->head->image.off))[slot / 8];
}

static bool is_constant(const struct pair_side *s, uint32_t slot)
{
	return slot >= INTENT_FIRST_SLOT && slot < s->head->numbers;
}

/* Nothing else is made before the temporaries. */
static bool grows_total(const struct pair_side *s, const struct intent_op *op)
{
	return op->op == INTENT_OP_ADD && op->d < s->head->temporaries;
}

/* What changes facts or totals: what numbers are worth depends on how many of these came before. A
 * new total that no old one is paired with changes nothing that the old table knows. */
static bool is_effect(const struct pair *p, const struct pair_list *l, const struct intent_op *op)
{
	if (grows_total(l->side, op))
		return l->side == &p->old || p->old_slot[op->d / 8] != 0;
	return op->op == INTENT_OP_PAY || op->op == INTENT_OP_SEND ||
	       op->op == INTENT_OP_DELEGATE || op->op == INTENT_OP_AUTHORITY;
}

static uint32_t moment_of(const struct pair *p, const struct pair_list *l,
                          const struct intent_op *op)
{
	uint32_t moment = 0;
	for (const struct intent_op *at = l->ops; at != op; at++)
		moment += is_effect(p, l, at);
	return moment;
}

/* A fact or total: its number depends on the moment; all others are the same for all of a list. */
static bool changes(const struct pair_side *s, uint32_t slot)
{
	return slot <= INTENT_AUTHORITIES ||
	       (slot >= s->head->totals && slot < s->head->temporaries);
}

static bool same_moment(const struct pair *p, const struct pair_list *old,
                        const struct intent_op *a, const struct pair_list *new,
                        const struct intent_op *b)
{
	return !p->timed || moment_of(p, old, a) == moment_of(p, new, b);
}

/* What two operations make numbers of is one number, and where it changes, of one moment. */
static bool same_read(const struct pair *p, const struct pair_list *old, const struct intent_op *a,
                      uint32_t x, const struct pair_list *new, const struct intent_op *b,
                      uint32_t y, uint32_t depth)
{
	return pair_same_number(p, old, x, new, y, depth) &&
	       (!changes(old->side, x) || same_moment(p, old, a, new, b));
}

static bool makes(const struct intent_op *op)
{
	return op->op >= INTENT_OP_LOAD && op->op <= INTENT_OP_PER;
}

static const struct intent_op *maker_of(const struct pair_list *l, uint32_t slot)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (makes(&l->ops[i]) && l->ops[i].d == slot)
			return &l->ops[i];
	return NULL;
}

static bool same_maker(const struct pair *p, const struct pair_list *old, const struct intent_op *a,
                       const struct pair_list *new, const struct intent_op *b, uint32_t depth)
{
	if (a->op != b->op)
		return false;
	switch (a->op) {
	case INTENT_OP_LOAD:
	case INTENT_OP_LOAD_TAIL:
	case INTENT_OP_HAS:
	case INTENT_OP_HAS_DATA:
		return a->a == b->a && a->b == b->b;
	case INTENT_OP_ADD:
	case INTENT_OP_SUB:
		return same_read(p, old, a, a->b, new, b, b->b, depth) &&
		       same_read(p, old, a, a->c, new, b, b->c, depth);
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP:
		return same_read(p, old, a, a->b, new, b, b->b, depth) &&
		       same_read(p, old, a, a->c, new, b, b->c, depth) &&
		       constant(&p->old, a[1].b) == constant(&p->new, b[1].b);
	case INTENT_OP_LENGTH:
	case INTENT_OP_GIVEN:
		return pair_same_record(p, a->b, b->b);
	case INTENT_OP_SENT:
		return a->a == b->a && pair_same_mint(p, a->a, a->b, b->b) &&
		       same_moment(p, old, a, new, b);
	case INTENT_OP_PER:
		return a->a == b->a && pair_same_mint(p, a->a, a->b, b->b) &&
		       pair_same_record(p, a->c, b->c) && pair_same_record(p, a[1].b, b[1].b);
	default:
		return false;
	}
}

bool pair_same_number(const struct pair *p, const struct pair_list *old, uint32_t a,
                      const struct pair_list *new, uint32_t b, uint32_t depth)
{
	const struct intent_head *ho = p->old.head, *hn = p->new.head;
	if (a < INTENT_FIRST_SLOT || b < INTENT_FIRST_SLOT)
		return a == b;
	if (is_constant(&p->old, a) || is_constant(&p->new, b))
		return is_constant(&p->old, a) && is_constant(&p->new, b) &&
		       constant(&p->old, a) == constant(&p->new, b);
	if (a < ho->counts && b < hn->counts) {
		const struct intent_param *from =
		    (const void *)(p->old.table.data + ho->params.off);
		const struct intent_param *to = (const void *)(p->new.table.data + hn->params.off);
		return pair_same_record(p, from[(a - ho->numbers) / 8].record,
		                        to[(b - hn->numbers) / 8].record);
	}
	if (a < ho->temporaries || b < hn->temporaries)
		return p->new_slot[a / 8] == b; /* of counts and totals; all others have none */
	const struct intent_op *x = maker_of(old, a), *y = maker_of(new, b);
	return depth < PAIR_DEPTH_MAX && x != NULL && y != NULL &&
	       same_maker(p, old, x, new, y, depth + 1);
}

/* --- what is counted */

static bool same_effect(const struct pair *p, const struct pair_list *old,
                        const struct intent_op *a, const struct pair_list *new,
                        const struct intent_op *b)
{
	if (a->op != b->op)
		return false;
	switch (a->op) {
	case INTENT_OP_PAY:
		return a->a == b->a && a->c == b->c && pair_same_number(p, old, a->b, new, b->b, 0);
	case INTENT_OP_SEND:
		return a->a == b->a && a->d == b->d && pair_same_mint(p, a->a, a->b, b->b) &&
		       pair_same_number(p, old, a->c, new, b->c, 0);
	case INTENT_OP_DELEGATE:
	case INTENT_OP_AUTHORITY:
		return a->b == b->b;
	default:
		return p->new_slot[a->d / 8] == b->d &&
		       pair_same_number(p, old, a->c, new, b->c, 0);
	}
}

static const struct intent_op *next_effect(const struct pair *p, const struct pair_list *l,
                                           const struct intent_op *at)
{
	while (at != l->ops + l->count && !is_effect(p, l, at))
		at++;
	return at == l->ops + l->count ? NULL : at;
}

static struct pair_part part_of(const struct pair_list *l, const struct intent_op *op)
{
	return (struct pair_part){INTENT_WORDS_OPERATION,
	                          l->rule == NULL ? PAIR_WHOLE : (size_t)(l->rule - l->side->rules),
	                          (size_t)(op - l->ops)};
}

/* Facts, charges and totals must be what they were: where one is counted otherwise, limits of the
 * whole transaction and of the grant mean something else. */
static void compare_effects(struct pair *p, const struct pair_list *old,
                            const struct pair_list *new)
{
	const struct intent_op *a = next_effect(p, old, old->ops);
	const struct intent_op *b = next_effect(p, new, new->ops);
	p->timed = true;
	bool same = true;
	while (a != NULL || b != NULL) {
		if (a != NULL && b != NULL && same_effect(p, old, a, new, b)) {
			a = next_effect(p, old, a + 1);
			b = next_effect(p, new, b + 1);
			continue;
		}
		struct pair_part from, to;
		same = false;
		if (a != NULL)
			from = part_of(old, a);
		if (b != NULL)
			to = part_of(new, b);
		pair_tell(p, true, "counted otherwise", a == NULL ? NULL : &from,
		          b == NULL ? NULL : &to);
		a = a == NULL ? NULL : next_effect(p, old, a + 1);
		b = b == NULL ? NULL : next_effect(p, new, b + 1);
	}
	p->timed = same;
}

/* --- what is demanded */

/* A constant on one side of a comparison: the smaller one demands more, or the larger one does. */
static bool implies(uint32_t how, uint64_t old, uint64_t new, bool right)
{
	bool less = how == INTENT_CMP_LE || how == INTENT_CMP_LT;
	bool more = how == INTENT_CMP_GE || how == INTENT_CMP_GT;
	return ((right ? less : more) && new < old) || ((right ? more : less) && new > old);
}

/* Whether what the new check demands is at least what the old one does. Their moment is the same:
 * checks stand behind all that is counted (policy_told). */
static enum pair_relation check_relation(const struct pair *p, const struct pair_list *old,
                                         const struct intent_op *a, const struct pair_list *new,
                                         const struct intent_op *b)
{
	bool left = pair_same_number(p, old, a->b, new, b->b, 0);
	bool right = pair_same_number(p, old, a->c, new, b->c, 0);
	if (a->a != b->a || (!left && !right))
		return PAIR_UNPROVEN;
	if (left && right)
		return PAIR_SAME;
	uint32_t x = left ? a->c : a->b, y = left ? b->c : b->b;
	if (!is_constant(&p->old, x) || !is_constant(&p->new, y) ||
	    !implies(a->a, constant(&p->old, x), constant(&p->new, y), left))
		return PAIR_UNPROVEN;
	return PAIR_NARROWER;
}

/* Where the products of a comparison of two sides begin. */
static const struct intent_op *sides_of(const struct pair_list *l, const struct intent_op *op)
{
	while (op != l->ops && op[-1].op != INTENT_OP_CHECK_SIDES)
		op--;
	return op;
}

static uint32_t side_count(const struct intent_op *from, const struct intent_op *to)
{
	uint32_t count = 0;
	for (; from != to; from++)
		count += from->op == INTENT_OP_SIDE;
	return count;
}

static bool same_product(const struct pair *p, const struct pair_list *old,
                         const struct intent_op *a, const struct pair_list *new,
                         const struct intent_op *b)
{
	return a->a == b->a && ((pair_same_number(p, old, a->b, new, b->b, 0) &&
	                         pair_same_number(p, old, a->c, new, b->c, 0)) ||
	                        (pair_same_number(p, old, a->b, new, b->c, 0) &&
	                         pair_same_number(p, old, a->c, new, b->b, 0)));
}

/* Sums of products in the order of the file. */
static bool same_sides(const struct pair *p, const struct pair_list *old, const struct intent_op *a,
                       const struct pair_list *new, const struct intent_op *b)
{
	const struct intent_op *x = sides_of(old, a), *y = sides_of(new, b);
	if (a->a != b->a || side_count(x, a) != side_count(y, b))
		return false;
	for (; x != a; x++) {
		if (x->op != INTENT_OP_SIDE)
			continue;
		while (y->op != INTENT_OP_SIDE)
			y++;
		if (!same_product(p, old, x, new, y++))
			return false;
	}
	return true;
}

static enum pair_relation demand_relation(const struct pair *p, const struct pair_list *old,
                                          const struct intent_op *a, const struct pair_list *new,
                                          const struct intent_op *b)
{
	if (a->op != b->op)
		return PAIR_UNPROVEN;
	switch (a->op) {
	case INTENT_OP_CHECK:
		return check_relation(p, old, a, new, b);
	case INTENT_OP_CHECK_SIDES:
		return same_sides(p, old, a, new, b) ? PAIR_SAME : PAIR_UNPROVEN;
	case INTENT_OP_LESS:
		return a->a == b->a && a->b == b->b && a->c == b->c ? PAIR_SAME : PAIR_UNPROVEN;
	case INTENT_OP_LITERAL:
		return a->a == b->a && a->b == b->b && pair_same_number(p, old, a->c, new, b->c, 0)
		           ? PAIR_SAME
		           : PAIR_UNPROVEN;
	case INTENT_OP_FIELD_KEY:
		if ((a->a & 15u) != (b->a & 15u) || a->b != b->b)
			return PAIR_UNPROVEN;
		return pair_key_relation(p, (struct pair_need){a->a >> 4, a->c},
		                         (struct pair_need){b->a >> 4, b->c});
	default: /* a number that must fit, or refuses */
		return same_maker(p, old, a, new, b, 0) ? PAIR_SAME : PAIR_UNPROVEN;
	}
}

static bool is_demand(const struct intent_op *op)
{
	return op->op == INTENT_OP_CHECK || op->op == INTENT_OP_CHECK_SIDES ||
	       op->op == INTENT_OP_LESS || op->op == INTENT_OP_LITERAL ||
	       op->op == INTENT_OP_FIELD_KEY;
}

/* Sums, differences and scalings refuse when they do not fit, and `per` a mint that is not listed:
 * one that is not made any more refuses nothing. */
static bool must_fit(const struct pair_side *s, const struct intent_op *op)
{
	return (op->op == INTENT_OP_ADD && !grows_total(s, op)) || op->op == INTENT_OP_SUB ||
	       op->op == INTENT_OP_SCALE_DOWN || op->op == INTENT_OP_SCALE_UP ||
	       op->op == INTENT_OP_PER;
}

static const struct intent_op *find_demand(const struct pair *p, const struct pair_list *old,
                                           const struct intent_op *a, const struct pair_list *new,
                                           enum pair_relation *ret_relation)
{
	const struct intent_op *best = NULL;
	*ret_relation = PAIR_UNPROVEN;
	for (uint32_t i = 0; i < new->count; i++) {
		enum pair_relation r = demand_relation(p, old, a, new, &new->ops[i]);
		if (r < *ret_relation) {
			*ret_relation = r;
			best = &new->ops[i];
		}
	}
	return best;
}

/* What reads most like a demand that is gone: the same kind of it about the same number or place,
 * for the report alone. */
static const struct intent_op *find_like(const struct pair *p, const struct pair_list *old,
                                         const struct intent_op *a, const struct pair_list *new)
{
	for (uint32_t i = 0; i < new->count; i++) {
		const struct intent_op *b = &new->ops[i];
		if (b->op != a->op)
			continue;
		if (a->op == INTENT_OP_CHECK
		        ? a->a == b->a && pair_same_number(p, old, a->b, new, b->b, 0)
		    : a->op == INTENT_OP_CHECK_SIDES ? false
		                                     : (a->a & 15u) == (b->a & 15u) && a->b == b->b)
			return b;
	}
	return NULL;
}

/* Which of the new list's operations were told or found in the old one. */
static bool taken[UINT16_MAX];

static void compare_demands(struct pair *p, const struct pair_list *old,
                            const struct pair_list *new)
{
	memset(taken, 0, new->count * sizeof(taken[0]));
	for (uint32_t i = 0; i < old->count; i++) {
		const struct intent_op *a = &old->ops[i];
		enum pair_relation r;
		if (!is_demand(a))
			continue;
		const struct intent_op *b = find_demand(p, old, a, new, &r);
		if (b == NULL)
			b = find_like(p, old, a, new);
		struct pair_part from = part_of(old, a), to = {0};
		if (b != NULL) {
			to = part_of(new, b);
			taken[b - new->ops] = true;
		}
		if (r != PAIR_SAME)
			pair_tell(p, r == PAIR_UNPROVEN,
			          b == NULL ? "not demanded any more" : "another bound", &from,
			          b == NULL ? NULL : &to);
	}
	for (uint32_t i = 0; i < new->count; i++) {
		struct pair_part to = part_of(new, &new->ops[i]);
		if (is_demand(&new->ops[i]) && !taken[i])
			pair_tell(p, false, "demanded now", NULL, &to);
	}
}

void pair_compare_operations(struct pair *p, const struct pair_list *old,
                             const struct pair_list *new)
{
	size_t before = p->wider;
	compare_effects(p, old, new);
	compare_demands(p, old, new);
	for (uint32_t i = 0; i < old->count && p->wider == before; i++) {
		enum pair_relation r;
		struct pair_part from = part_of(old, &old->ops[i]);
		if (must_fit(old->side, &old->ops[i]) &&
		    find_demand(p, old, &old->ops[i], new, &r) == NULL)
			pair_tell(p, true, "a number that need not fit any more", &from, NULL);
	}
}
