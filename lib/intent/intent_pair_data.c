/* intent_pair_data: instruction data: whether every byte string that a new rule takes an old one
 * takes too, with its fields at the same places. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_pair.h"

#define STEPS_MAX 1000000 /* a hostile table's variants within variants; more is not proven */

/* Where one walk stands: in a layout, or in a run of bytes that are not looked at. */
struct walk {
	const struct pair_side *side;
	const uint8_t *at;  /* NULL: data without a layout, which ends behind `skip` */
	const uint8_t *end; /* of an option's part of the layout; NULL: its own last step */
	uint32_t skip;
};

static uint32_t arg(const uint8_t *at, uint32_t n)
{
	return (uint32_t)at[2 * n + 1] | (uint32_t)at[2 * n + 2] << 8;
}

/* The next operation, with runs of bytes put together. */
static uint32_t next_op(struct walk *w)
{
	while (w->at != NULL && w->at != w->end && *w->at == INTENT_L_SKIP) {
		w->skip += arg(w->at, 0);
		w->at += 3;
	}
	if (w->skip != 0)
		return INTENT_L_SKIP;
	return w->at == NULL || w->at == w->end ? INTENT_L_END : *w->at;
}

static void step(struct walk *w)
{
	w->at += 1 + intent_layout_args(*w->at);
}

static uint32_t width_of(const struct walk *w, uint32_t op)
{
	return op == INTENT_L_LESS ? 1 : op == INTENT_L_LITERAL ? 1u << w->at[3] : 0;
}

static bool same_or_narrower(const struct walk *old, const struct walk *new, uint32_t op,
                             bool *ret_same)
{
	const uint8_t *a = old->at, *b = new->at;
	bool same = true, fits = true;
	switch (op) {
	case INTENT_L_LESS:
	case INTENT_L_SEED:
	case INTENT_L_REST:
		fits = arg(b, 0) <= arg(a, 0);
		same = arg(b, 0) == arg(a, 0);
		break;
	case INTENT_L_LITERAL:
		fits = memcmp(a + 3, b + 3, 9) == 0;
		break;
	case INTENT_L_RUN:
		fits = arg(b, 2) == arg(a, 2);
		/* fall through */
	case INTENT_L_LOOP:
		fits &= arg(b, 0) >= arg(a, 0) && arg(b, 1) <= arg(a, 1);
		same = arg(b, 0) == arg(a, 0) && arg(b, 1) == arg(a, 1);
		break;
	case INTENT_L_REPEAT:
		fits = arg(b, 0) == arg(a, 0);
		break;
	default:
		break;
	}
	*ret_same &= same;
	return fits;
}

/* How deep one walk is in the others, and how much all may still do. */
struct bounds {
	uint32_t depth;
	uint32_t *left;
};

static enum pair_relation walk_both(struct walk old, struct walk new, struct bounds bounds);

/* What one tag of an enum leads to. */
static uint32_t entry_of(const struct walk *w, uint32_t tag)
{
	const uint16_t *tags =
	    (const uint16_t *)(const void *)(w->side->table.data + w->side->head->enums.off) +
	    arg(w->at, 1);
	return tag < tags[0] ? tags[1 + tag] : INTENT_ENUM_REFUSED;
}

static struct walk variant(const struct walk *w, uint32_t entry)
{
	if (entry < INTENT_ENUM_LAYOUT)
		return (struct walk){w->side, NULL, NULL, entry};
	return (struct walk){
	    w->side, w->side->table.data + w->side->head->layouts.off + entry - INTENT_ENUM_LAYOUT,
	    NULL, 0};
}

static enum pair_relation enums(const struct walk *old, const struct walk *new,
                                struct bounds bounds)
{
	enum pair_relation r = PAIR_SAME;
	for (uint32_t tag = 0; tag < 256 && r != PAIR_UNPROVEN; tag++) {
		uint32_t a = entry_of(old, tag), b = entry_of(new, tag);
		if (b == INTENT_ENUM_REFUSED)
			r = pair_both(r, a == b ? PAIR_SAME : PAIR_NARROWER);
		else if (a == INTENT_ENUM_REFUSED)
			r = PAIR_UNPROVEN;
		else
			r = pair_both(r, walk_both(variant(old, a), variant(new, b), bounds));
	}
	return r;
}

/* What an option goes around when its first byte is 0; both walks go on behind it. */
static enum pair_relation options(struct walk *old, struct walk *new, struct bounds bounds)
{
	uint32_t a = arg(old->at, 0), b = arg(new->at, 0);
	step(old);
	step(new);
	enum pair_relation r = walk_both((struct walk){old->side, old->at, old->at + a, 0},
	                                 (struct walk){new->side, new->at, new->at + b, 0}, bounds);
	old->at += a;
	new->at += b;
	return r;
}

/* The old one stands at a run of bytes, of which the new one has as many or asks more of some. */
static bool skip_both(struct walk *old, uint32_t a, struct walk *new, uint32_t b, bool *ret_same)
{
	uint32_t bytes = b == INTENT_L_SKIP ? new->skip : width_of(new, b);
	if (a != INTENT_L_SKIP || bytes == 0 || bytes > old->skip)
		return false;
	old->skip -= bytes;
	if (b == INTENT_L_SKIP) {
		new->skip = 0;
	} else {
		step(new);
		*ret_same = false;
	}
	return true;
}

/* One step of both; PAIR_UNPROVEN: they are not alike. */
static enum pair_relation step_both(struct walk *old, uint32_t a, struct walk *new, uint32_t b,
                                    struct bounds bounds)
{
	bool same = true;
	if (a == INTENT_L_SKIP || b == INTENT_L_SKIP)
		return !skip_both(old, a, new, b, &same) ? PAIR_UNPROVEN
		       : same                            ? PAIR_SAME
		                                         : PAIR_NARROWER;
	if (a != b || !same_or_narrower(old, new, a, &same))
		return PAIR_UNPROVEN;
	enum pair_relation r = same ? PAIR_SAME : PAIR_NARROWER;
	if (a == INTENT_L_OPTION)
		return pair_both(r, options(old, new, bounds));
	if (a == INTENT_L_ENUM)
		r = pair_both(r, enums(old, new, bounds));
	step(old);
	step(new);
	return r;
}

static enum pair_relation walk_both(struct walk old, struct walk new, struct bounds bounds)
{
	enum pair_relation r = PAIR_SAME;
	if (++bounds.depth > 2 * INTENT_DEPTH_MAX)
		return PAIR_UNPROVEN;
	while (r != PAIR_UNPROVEN && *bounds.left != 0) {
		uint32_t a = next_op(&old), b = next_op(&new);
		bool end_a = a == INTENT_L_END || a == INTENT_L_RETURN;
		bool end_b = b == INTENT_L_END || b == INTENT_L_RETURN;
		if (end_a || end_b)
			return end_a && end_b ? r : PAIR_UNPROVEN;
		*bounds.left -= 1;
		r = pair_both(r, step_both(&old, a, &new, b, bounds));
	}
	return PAIR_UNPROVEN;
}

static struct walk begin(const struct pair_side *side, const struct intent_rule *rule)
{
	if ((rule->flags & INTENT_RULE_FIXED) != 0)
		return (struct walk){side, NULL, NULL, (uint32_t)rule->data_len - rule->prefix};
	return (struct walk){side, side->table.data + side->head->layouts.off + rule->layout, NULL,
	                     0};
}

enum pair_relation pair_data_relation(const struct pair *p, const struct intent_rule *old,
                                      const struct intent_rule *new)
{
	uint32_t left = STEPS_MAX;
	if (new->data_len < old->data_len)
		return PAIR_UNPROVEN;
	return walk_both(begin(&p->old, old), begin(&p->new, new), (struct bounds){0, &left});
}
