/* intent_check: proves once that a table is one that the evaluator can run and can tell in words.
 *
 * Used by the host before it calls a module known.
 * After it holds: every offset, slot, position, jump and nesting lies inside; what the wallet pays
 * and sends can only be added to; a number is computed before it is used and once, so that the
 * texts made from the operations are the whole truth about them.
 *
 * Trust: the table is an attacker's. Nothing here allocates or recurses. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_CHECK_H
#define INTENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "intent_table.h"
#include "policy_abi.h"

#define INTENT_ENUMS_KEPT 16

struct intent_checking {
	const uint8_t *table;
	const struct intent_head *head;
	uint32_t layout_count, enum_count;
	uint16_t enums[INTENT_ENUMS_KEPT];
	uint8_t enum_depths[INTENT_ENUMS_KEPT];
	uint16_t layouts[INTENT_LAYOUTS_MAX]; /* where each begins */
	uint8_t depths[INTENT_LAYOUTS_MAX];
	bool returns[INTENT_LAYOUTS_MAX]; /* a variant's, ended by RETURN */
	uint16_t
	    extents[INTENT_SEGMENTS_MAX]; /* bytes that are there from each segment's start on */
	uint32_t segments;
	uint32_t tail; /* the first segment that may be missing; INTENT_SEGMENTS_MAX: none */
	uint8_t kinds[INTENT_POSITIONS_MAX]; /* of a rule's places: requirement + 1 */
	uint8_t modes[INTENT_POSITIONS_MAX];
	uint8_t made[INTENT_SLOTS_MAX / 8]; /* slots that this list of operations has computed */
};

static bool intent_part_fits(const struct intent_checking *k, struct intent_part part,
                             uint32_t bytes, uint32_t align)
{
	return part.off >= sizeof(struct intent_head) && part.off % align == 0 &&
	       part.off + (uint32_t)part.count * bytes <= k->head->len;
}

static bool intent_parts_fit(const struct intent_checking *k)
{
	const struct intent_head *h = k->head;
	return intent_part_fits(k, h->hash, 1, 1) &&
	       intent_part_fits(k, h->programs, sizeof(struct intent_program), 8) &&
	       intent_part_fits(k, h->rules, sizeof(struct intent_rule), 8) &&
	       intent_part_fits(k, h->ops, sizeof(struct intent_op), 8) &&
	       intent_part_fits(k, h->layouts, 1, 1) && intent_part_fits(k, h->enums, 2, 8) &&
	       intent_part_fits(k, h->keys, 32, 8) &&
	       intent_part_fits(k, h->lists, sizeof(struct intent_list), 8) &&
	       intent_part_fits(k, h->image, 8, 8) &&
	       intent_part_fits(k, h->params, sizeof(struct intent_param), 8) &&
	       intent_part_fits(k, h->groups, sizeof(struct intent_group), 8) &&
	       intent_part_fits(k, h->checks, sizeof(struct intent_check), 8) &&
	       intent_part_fits(k, h->fields, sizeof(struct intent_field), 8) &&
	       intent_part_fits(k, h->names, sizeof(struct intent_name), 8) &&
	       intent_part_fits(k, h->messages, sizeof(struct intent_message), 8) &&
	       intent_part_fits(k, h->words, 1, 1) && intent_part_fits(k, h->schema, 1, 1);
}

static bool intent_slot_fits(const struct intent_checking *k, uint32_t slot)
{
	return slot % 8 == 0 && slot < 8u * k->head->slots;
}

/* A name: nothing that could be taken for the evaluator's own words. */
static bool intent_name_fits(const struct intent_checking *k, uint32_t off)
{
	const uint8_t *words = k->table + k->head->words.off;
	for (uint32_t i = 0; off + i < k->head->words.count && i <= 96; i++) {
		uint8_t c = words[off + i];
		if (c == 0)
			return true;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-' || c == '.'))
			return false;
	}
	return false;
}

/* A line of the author's for people: printable, short. */
static bool intent_line_fits(const struct intent_checking *k, uint32_t off)
{
	const uint8_t *words = k->table + k->head->words.off;
	for (uint32_t i = 0; off + i < k->head->words.count && i <= 120; i++) {
		uint8_t c = words[off + i];
		if (c == 0)
			return true;
		if (c < 0x20 || c > 0x7e || c == '"')
			return false;
	}
	return false;
}

static bool intent_regions_fit(const struct intent_checking *k)
{
	const struct intent_head *h = k->head;
	const uint64_t *image = (const void *)(k->table + h->image.off);
	if (h->slots > INTENT_SLOTS_MAX || h->image.count * 8u != h->numbers ||
	    h->numbers < INTENT_FIRST_SLOT || h->counts < h->numbers || h->totals < h->counts ||
	    h->temporaries < h->totals || h->temporaries > 8u * h->slots ||
	    ((h->counts | h->totals | h->temporaries) & 7) != 0 ||
	    h->params.count * 8u != (uint32_t)(h->counts - h->numbers))
		return false;
	for (uint32_t i = 0; i < INTENT_FIRST_SLOT / 8; i++)
		if (image[i] != 0)
			return false;
	return true;
}

/* --- layouts */

static uint32_t intent_layout_arg(const uint8_t *at, uint32_t n)
{
	return (uint32_t)at[2 * n] | (uint32_t)at[2 * n + 1] << 8;
}

/* Layouts begin one behind the other, so their places rise. */
static int intent_layout_find(const struct intent_checking *k, uint32_t off)
{
	uint32_t low = 0, high = k->layout_count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (k->layouts[middle] < off)
			low = middle + 1;
		else
			high = middle;
	}
	return low < k->layout_count && k->layouts[low] == off ? (int)low : -1;
}

/* Nesting that an enum's variants need; 0xff: one of them is wrong. */
static uint32_t intent_variants_depth(const struct intent_checking *k, uint32_t entry)
{
	const uint16_t *enums = (const void *)(k->table + k->head->enums.off);
	uint32_t deepest = 0, before = INTENT_ENUM_REFUSED;
	if (entry >= k->head->enums.count || enums[entry] > 256 ||
	    enums[entry] >= k->head->enums.count - entry)
		return 0xff;
	for (uint32_t i = 0; i < enums[entry]; i++) {
		uint32_t tag = enums[entry + 1 + i];
		if (tag == before || tag == INTENT_ENUM_REFUSED || tag < INTENT_ENUM_LAYOUT)
			continue;
		before = tag;
		int layout = intent_layout_find(k, tag - INTENT_ENUM_LAYOUT);
		if (layout < 0 || !k->returns[layout])
			return 0xff;
		if (k->depths[layout] + 1u > deepest)
			deepest = k->depths[layout] + 1u;
	}
	return deepest;
}

/* The same, remembered: many layouts use one enum. Layouts that came later change nothing, since
 * those of its variants were there already. */
static uint32_t intent_enum_depth(struct intent_checking *k, uint32_t entry)
{
	for (uint32_t i = 0; i < k->enum_count; i++)
		if (k->enums[i] == entry)
			return k->enum_depths[i];
	uint32_t depth = intent_variants_depth(k, entry);
	if (depth != 0xff && k->enum_count < INTENT_ENUMS_KEPT) {
		k->enums[k->enum_count] = (uint16_t)entry;
		k->enum_depths[k->enum_count++] = (uint8_t)depth;
	}
	return depth;
}

/* A reason that a refusal of data can have: none would be no refusal. */
static bool intent_reason_fits(uint32_t reason)
{
	return reason >= POLICY_REASON_MODULE_FIRST && reason < POLICY_REASON_OWN_FIRST;
}

/* Checks one layout from `off` on; gives where the next begins, or 0. Variants' layouts come before
 * those that use them, so nothing can nest into itself. */
static uint32_t intent_layout_check(struct intent_checking *k, uint32_t off)
{
	struct {
		uint8_t op;
		uint32_t end;
	} open[INTENT_DEPTH_MAX];
	const uint8_t *at = k->table + k->head->layouts.off;
	uint32_t end = k->head->layouts.count, depth = 0, loops = 0, deepest = 0, start = off;
	bool parts = false; /* it has segments: a variant's places are nobody's to name */
	while (off < end) {
		while (depth != 0 && open[depth - 1].op == INTENT_L_OPTION &&
		       open[depth - 1].end == off)
			depth--;
		uint32_t op = at[off], args = op < INTENT_L_COUNT ? intent_layout_args(op) : end;
		if (args > end - off - 1)
			return 0;
		const uint8_t *arg = at + off + 1;
		off += 1 + args;
		switch (op) {
		case INTENT_L_END:
		case INTENT_L_RETURN:
			if (depth != 0 || k->layout_count == INTENT_LAYOUTS_MAX ||
			    (parts && op == INTENT_L_RETURN))
				return 0;
			k->layouts[k->layout_count] = (uint16_t)start;
			k->depths[k->layout_count] = (uint8_t)deepest;
			k->returns[k->layout_count++] = op == INTENT_L_RETURN;
			return off;
		case INTENT_L_SEGMENT:
		case INTENT_L_TAIL:
			if (depth != 0)
				return 0;
			parts = true;
			break;
		case INTENT_L_LITERAL:
			if (arg[2] > 3 || !intent_reason_fits(intent_layout_arg(arg, 0)))
				return 0;
			break;
		case INTENT_L_OPTION:
		case INTENT_L_LOOP:
		case INTENT_L_REPEAT:
			if (depth == INTENT_DEPTH_MAX ||
			    (op == INTENT_L_REPEAT && intent_layout_arg(arg, 0) == 0))
				return 0;
			open[depth].op = (uint8_t)op;
			open[depth].end =
			    op == INTENT_L_REPEAT
			        ? 0
			        : off + intent_layout_arg(arg, op == INTENT_L_OPTION ? 0 : 2);
			depth++;
			loops += op != INTENT_L_OPTION;
			if (loops > deepest)
				deepest = loops;
			break;
		case INTENT_L_NEXT:
			if (depth == 0 || open[depth - 1].op == INTENT_L_OPTION ||
			    (open[depth - 1].op == INTENT_L_LOOP && open[depth - 1].end != off))
				return 0;
			depth--;
			loops--;
			break;
		case INTENT_L_ENUM: {
			uint32_t more = intent_enum_depth(k, intent_layout_arg(arg, 1));
			if (more > INTENT_DEPTH_MAX ||
			    !intent_reason_fits(intent_layout_arg(arg, 0)))
				return 0;
			if (loops + more > deepest)
				deepest = loops + more;
			break;
		}
		default:
			break;
		}
		if (deepest > INTENT_DEPTH_MAX)
			return 0;
	}
	return 0;
}

static bool intent_layouts_check(struct intent_checking *k)
{
	uint32_t off = 0;
	while (off < k->head->layouts.count) {
		off = intent_layout_check(k, off);
		if (off == 0)
			return false;
	}
	return true;
}

/* Fills `extents`: how many bytes surely follow each segment's start. */
static bool intent_extents(struct intent_checking *k, const struct intent_rule *rule)
{
	for (uint32_t i = 0; i < INTENT_SEGMENTS_MAX; i++)
		k->extents[i] = 0;
	k->extents[0] = rule->data_len;
	k->segments = rule->segments;
	k->tail = INTENT_SEGMENTS_MAX;
	if ((rule->flags & INTENT_RULE_FIXED) != 0)
		return rule->segments == 1 && rule->data_len >= rule->prefix;
	int found = intent_layout_find(k, rule->layout);
	if (found < 0 || k->returns[found] || rule->data_len < rule->prefix)
		return false;
	const uint8_t *at = k->table + k->head->layouts.off + rule->layout;
	uint32_t segment = 0, extent = rule->prefix;
	bool fixed = true;
	k->extents[0] = rule->prefix;
	for (; *at != INTENT_L_END; at += 1 + intent_layout_args(*at)) {
		if (*at == INTENT_L_SEGMENT) {
			if (++segment == INTENT_SEGMENTS_MAX)
				return false;
			fixed = true;
			extent = 0;
		} else if (*at == INTENT_L_SKIP) {
			extent += intent_layout_arg(at + 1, 0);
		} else if (*at == INTENT_L_LESS) {
			extent++;
		} else if (*at == INTENT_L_LITERAL) {
			extent += 1u << at[3];
		} else if (*at == INTENT_L_TAIL) {
			if (segment == 0 || extent != 0)
				return false;
			if (k->tail == INTENT_SEGMENTS_MAX)
				k->tail = segment;
		} else {
			fixed = false;
		}
		if (extent > 8192)
			return false;
		if (fixed)
			k->extents[segment] = (uint16_t)extent;
	}
	return segment + 1 == rule->segments;
}

/* --- operations */

static bool intent_readable(const struct intent_checking *k, uint32_t slot)
{
	if (!intent_slot_fits(k, slot))
		return false;
	return slot < k->head->temporaries || (k->made[slot / 64] >> (slot / 8 % 8) & 1) != 0;
}

/* A number is made once in a list of operations, where nothing else lives. */
static bool intent_make(struct intent_checking *k, uint32_t slot)
{
	if (!intent_slot_fits(k, slot) || slot < k->head->temporaries ||
	    (k->made[slot / 64] >> (slot / 8 % 8) & 1) != 0)
		return false;
	k->made[slot / 64] |= (uint8_t)(1u << (slot / 8 % 8));
	return true;
}

static bool intent_record_reads(const struct intent_checking *k, uint32_t off, uint32_t bytes)
{
	return off % 8 == 0 && off + bytes <= k->head->record_bytes;
}

/* An own or ata account that was looked at before and is there. */
static bool intent_entry_fits(const struct intent_checking *k, uint32_t place, uint32_t listed)
{
	return place < listed &&
	       (k->kinds[place] == INTENT_OWN + 1 || k->kinds[place] == INTENT_ATA + 1) &&
	       (k->modes[place] & INTENT_MODE_OPTIONAL) == 0;
}

static bool intent_require_fits(const struct intent_checking *k, uint32_t kind, uint32_t arg,
                                uint32_t given, uint32_t listed)
{
	switch (kind) {
	case INTENT_IS_ANY:
	case INTENT_IS_OTHER:
	case INTENT_IS_WALLET:
	case INTENT_IS_PROGRAM:
	case INTENT_OWN:
	case INTENT_ATA:
		return true;
	case INTENT_IS_KEY:
		return arg < k->head->keys.count;
	case INTENT_IS_PARAM:
		return intent_record_reads(k, arg, 32) && (given < 64 || given == INTENT_NONE);
	case INTENT_IS_ACCOUNT:
		return arg < listed;
	case INTENT_IS_MINT_OF:
		return intent_entry_fits(k, arg, listed);
	case INTENT_IS_BOUND:
	case INTENT_IS_BOUND_OTHER:
		return arg < INTENT_BINDS_MAX;
	case INTENT_IN_LIST:
		return arg < k->head->lists.count;
	case INTENT_IN_PARAM:
		return intent_record_reads(k, arg, 8);
	default:
		return false;
	}
}

static bool intent_mint_fits(const struct intent_checking *k, uint32_t kind, uint32_t arg,
                             uint32_t listed, bool one)
{
	switch (kind) {
	case INTENT_MINT_ANY:
		return !one;
	case INTENT_MINT_KEY:
		return arg < k->head->keys.count;
	case INTENT_MINT_PARAM:
		return intent_record_reads(k, arg, 32);
	case INTENT_MINT_LIST:
		return !one && arg < k->head->lists.count;
	case INTENT_MINT_IN_PARAM:
	case INTENT_MINT_IN_PARAM_ANY:
		return !one && intent_record_reads(k, arg, 8);
	case INTENT_MINT_ACCOUNT:
		return arg < listed;
	case INTENT_MINT_ENTRY:
		return intent_entry_fits(k, arg, listed);
	default:
		return false;
	}
}

static bool intent_owned_fits(const struct intent_checking *k, const struct intent_op *op,
                              uint32_t kind, uint32_t listed)
{
	const struct intent_op *ops = (const void *)(k->table + k->head->ops.off);
	if (op->op != INTENT_OP_OWNED || op->a >> 4 >= INTENT_TOKEN_COUNT ||
	    !intent_mint_fits(k, op->a & 15u, op->b, listed, false) ||
	    ((op->a >> 4) == INTENT_TOKEN_ACCOUNT && op->c >= listed) ||
	    ((op->a >> 4) == INTENT_TOKEN_KEY && op->c >= k->head->keys.count) ||
	    op->d >= k->head->ops.count)
		return false;
	if (op->d == 0)
		return kind == INTENT_OWN;
	const struct intent_op *more = &ops[op->d];
	if (more->d > 1 ||
	    (more->d == 1 &&
	     (kind != INTENT_OWN || op->d + 1u >= k->head->ops.count ||
	      more[1].op != INTENT_OP_OWNED_OR ||
	      !intent_require_fits(k, INTENT_IS_PARAM, more[1].b, more[1].c, listed))))
		return false;
	uint32_t owner = more->a >> 4;
	bool one = owner == INTENT_IS_KEY || owner == INTENT_IS_PARAM ||
	           owner == INTENT_IS_ACCOUNT || owner == INTENT_IN_LIST ||
	           owner == INTENT_IN_PARAM || owner == INTENT_IS_WALLET;
	return more->op == INTENT_OP_OWNED_MORE &&
	       intent_mint_fits(k, more->a & 15u, more->b, listed, false) &&
	       (kind == INTENT_OWN ||
	        (one && intent_require_fits(k, owner, more->c, INTENT_NONE, listed)));
}

static bool intent_data_fits(const struct intent_checking *k, uint32_t segment, uint32_t off,
                             uint32_t bytes)
{
	return segment < INTENT_SEGMENTS_MAX && segment < k->tail &&
	       off + bytes <= k->extents[segment];
}

/* One operation that is no account; `after` are the ones left behind it. */
static bool intent_op_fits(struct intent_checking *k, const struct intent_op *op, uint32_t after,
                           uint32_t listed)
{
	uint32_t width = 1u << (op->a >> 4);
	switch (op->op) {
	case INTENT_OP_FRESH: /* the mint stands in the second account */
		return op->a == 0 && op->b == 1 && listed >= 2;
	case INTENT_OP_BIND:
		return op->a < listed && op->b < INTENT_BINDS_MAX;
	case INTENT_OP_LESS:
		return intent_data_fits(k, op->a, op->b, 1);
	case INTENT_OP_LITERAL:
		return op->a >> 4 <= 3 && intent_data_fits(k, op->a & 15u, op->b, width) &&
		       intent_readable(k, op->c) && intent_reason_fits(op->d);
	case INTENT_OP_FIELD_KEY: {
		uint32_t kind = op->a >> 4;
		return (kind == INTENT_IS_WALLET || kind == INTENT_IS_KEY ||
		        kind == INTENT_IS_PARAM || kind == INTENT_IN_LIST ||
		        kind == INTENT_IN_PARAM) &&
		       intent_data_fits(k, op->a & 15u, op->b, 32) &&
		       intent_require_fits(k, kind, op->c, op->d, listed);
	}
	case INTENT_OP_LOAD_TAIL:
		/* Either it is not there at all, or as many bytes as its extent are. */
		return op->a >> 4 <= 3 && (op->a & 15u) >= k->tail && op->b == 0 &&
		       (op->a & 15u) < INTENT_SEGMENTS_MAX && width <= k->extents[op->a & 15u] &&
		       intent_make(k, op->d);
	case INTENT_OP_LOAD:
		return op->a >> 4 <= 3 && intent_data_fits(k, op->a & 15u, op->b, width) &&
		       intent_make(k, op->d);
	case INTENT_OP_ADD: /* a total grows, or a number is made */
		if (op->d == op->b && op->d >= k->head->totals && op->d < k->head->temporaries)
			return intent_slot_fits(k, op->d) && intent_readable(k, op->c);
		return intent_readable(k, op->b) && intent_readable(k, op->c) &&
		       intent_make(k, op->d);
	case INTENT_OP_SUB:
		return intent_readable(k, op->b) && intent_readable(k, op->c) &&
		       intent_make(k, op->d);
	case INTENT_OP_SCALE_DOWN:
	case INTENT_OP_SCALE_UP: {
		const uint64_t *image = (const void *)(k->table + k->head->image.off);
		return after != 0 && op[1].op == INTENT_OP_DIVISOR &&
		       intent_slot_fits(k, op[1].b) && op[1].b < k->head->numbers &&
		       image[op[1].b / 8] != 0 && image[op[1].b / 8] <= UINT32_MAX &&
		       intent_readable(k, op->b) && intent_readable(k, op->c) &&
		       intent_make(k, op->d);
	}
	case INTENT_OP_HAS:
		return op->a < listed && (k->modes[op->a] & INTENT_MODE_OPTIONAL) != 0 &&
		       intent_make(k, op->d);
	case INTENT_OP_HAS_DATA: /* the first segment always is */
		return op->a != 0 && op->a < k->segments && intent_make(k, op->d);
	case INTENT_OP_LENGTH:
		return intent_record_reads(k, op->b, 8) && intent_make(k, op->d);
	case INTENT_OP_GIVEN:
		return intent_record_reads(k, op->b, 32) && intent_make(k, op->d);
	case INTENT_OP_SENT:
		return intent_mint_fits(k, op->a, op->b, listed, true) && intent_make(k, op->d);
	case INTENT_OP_PER:
		return after != 0 && op[1].op == INTENT_OP_PER_LIST &&
		       intent_mint_fits(k, op->a, op->b, listed, true) &&
		       intent_record_reads(k, op->c, 8) && intent_record_reads(k, op[1].b, 8) &&
		       intent_make(k, op->d);
	case INTENT_OP_PAY:
		return op->a <= 3 && intent_readable(k, op->b) &&
		       (op->c == INTENT_NONE || op->c < listed);
	case INTENT_OP_SEND:
		return intent_mint_fits(k, op->a, op->b, listed, true) &&
		       intent_readable(k, op->c) && (op->d == INTENT_NONE || op->d < listed);
	case INTENT_OP_DELEGATE:
	case INTENT_OP_AUTHORITY:
		return op->b != 0 && op->b <= 64;
	case INTENT_OP_CHECK:
		return op->a < INTENT_CMP_COUNT && intent_readable(k, op->b) &&
		       intent_readable(k, op->c) && op->d < k->head->checks.count;
	case INTENT_OP_SIDE:
		return op->a <= 1 && intent_readable(k, op->b) && intent_readable(k, op->c);
	case INTENT_OP_CHECK_SIDES:
		return op->a < INTENT_CMP_COUNT && op->d < k->head->checks.count;
	default:
		return false;
	}
}

static bool intent_ops_fit(struct intent_checking *k, uint32_t first, uint32_t count,
                           uint32_t listed)
{
	const struct intent_op *ops = (const void *)(k->table + k->head->ops.off);
	if (first > k->head->ops.count || count > k->head->ops.count - first)
		return false;
	for (uint32_t i = 0; i < INTENT_SLOTS_MAX / 8; i++)
		k->made[i] = 0;
	bool sides =
	    false; /* a product that no comparison has taken: it would count in another's */
	for (uint32_t i = first; i < first + count; i++) {
		const struct intent_op *op = &ops[i];
		uint32_t after = first + count - i - 1;
		if (op->op == INTENT_OP_SIDE || op->op == INTENT_OP_CHECK_SIDES)
			sides = op->op == INTENT_OP_SIDE;
		if (op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST) {
			uint32_t kind = op->op - INTENT_OP_ACCOUNT;
			if (op->a >= listed || !intent_require_fits(k, kind, op->c, op->d, listed))
				return false;
			if (kind == INTENT_OWN || kind == INTENT_ATA) {
				if (after == 0 || (op->b & INTENT_MODE_HIDDEN) != 0 ||
				    !intent_owned_fits(k, op + 1, kind, listed))
					return false;
			}
			k->kinds[op->a] = (uint8_t)(kind + 1);
			k->modes[op->a] = (uint8_t)op->b;
		} else if (op->op == INTENT_OP_OWNED || op->op == INTENT_OP_DIVISOR ||
		           op->op == INTENT_OP_PER_LIST) {
			/* part of the operation before it, which was checked with it */
			if (i == first)
				return false;
			uint32_t before = op[-1].op;
			bool fits =
			    op->op == INTENT_OP_OWNED ? before == INTENT_OP_ACCOUNT + INTENT_OWN ||
			                                    before == INTENT_OP_ACCOUNT + INTENT_ATA
			    : op->op == INTENT_OP_DIVISOR
			        ? before == INTENT_OP_SCALE_DOWN || before == INTENT_OP_SCALE_UP
			        : before == INTENT_OP_PER;
			if (!fits)
				return false;
		} else if (!intent_op_fits(k, op, after, listed)) {
			return false;
		}
	}
	return !sides;
}

static bool intent_same_op(const struct intent_op *one, const struct intent_op *other)
{
	return one->op == other->op && one->a == other->a && one->b == other->b &&
	       one->c == other->c && one->d == other->d;
}

/* What chose by a place is what its rule says of it, to the last operation behind it: the texts
 * are made of the rule's. */
static bool intent_same_place(const struct intent_op *ops, const struct intent_op *chose,
                              const struct intent_op *place)
{
	struct intent_op asked = *chose;
	asked.b |= place->b & INTENT_MODE_CHOSEN;
	if ((chose->b & INTENT_MODE_CHOSEN) != 0 || !intent_same_op(&asked, place))
		return false;
	if (place->op != INTENT_OP_ACCOUNT + INTENT_OWN &&
	    place->op != INTENT_OP_ACCOUNT + INTENT_ATA)
		return true;
	asked = chose[1];
	asked.d = place[1].d;
	if (!intent_same_op(&asked, &place[1]) || (chose[1].d == 0) != (place[1].d == 0))
		return false;
	if (place[1].d == 0)
		return true;
	const struct intent_op *more = &ops[chose[1].d], *rules = &ops[place[1].d];
	return intent_same_op(more, rules) &&
	       (rules->d == 0 || intent_same_op(&more[1], &rules[1]));
}

/* Every place has exactly one operation; all that chose the rule is among them, and what is marked
 * as asked did choose it. */
static bool intent_places_fit(struct intent_checking *k, const struct intent_rule *rule)
{
	const struct intent_op *ops = (const void *)(k->table + k->head->ops.off);
	uint32_t next = 0;
	for (uint32_t i = rule->code_first; i < (uint32_t)rule->code_first + rule->code_count;
	     i++) {
		const struct intent_op *op = &ops[i];
		if (op->op < INTENT_OP_ACCOUNT || op->op > INTENT_OP_ACCOUNT_LAST)
			continue;
		if (op->a != next++)
			return false;
		bool asked = false;
		for (uint32_t s = rule->select_first;
		     s < (uint32_t)rule->select_first + rule->select_count; s++) {
			if (ops[s].op < INTENT_OP_ACCOUNT || ops[s].op > INTENT_OP_ACCOUNT_LAST ||
			    ops[s].a != op->a)
				continue;
			if (!intent_same_place(ops, &ops[s], op))
				return false;
			asked = true;
		}
		if ((op->b & INTENT_MODE_CHOSEN) != 0 && !asked)
			return false;
	}
	return next == rule->listed;
}

static bool intent_count_slot(const struct intent_checking *k, uint32_t slot)
{
	return slot % 8 == 0 && slot >= k->head->counts && slot < k->head->totals;
}

static bool intent_rule_check(struct intent_checking *k, const struct intent_rule *rule)
{
	uint64_t mask = rule->prefix >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * rule->prefix) - 1;
	if (rule->prefix > 8 || rule->mask != mask || (rule->word & ~mask) != 0 ||
	    rule->listed > INTENT_POSITIONS_MAX || rule->accounts_min < rule->listed ||
	    rule->accounts_max < rule->accounts_min || rule->max > 64 ||
	    !intent_count_slot(k, rule->count) ||
	    (rule->group != INTENT_NONE && rule->group >= k->head->groups.count) ||
	    (rule->after != INTENT_NONE && !intent_count_slot(k, rule->after)) ||
	    (rule->before != INTENT_NONE && !intent_count_slot(k, rule->before)) ||
	    !intent_name_fits(k, rule->name))
		return false;
	uint32_t off = rule->positions;
	for (uint32_t i = 0; i < rule->listed; i++) {
		if (!intent_name_fits(k, off))
			return false;
		while (k->table[k->head->words.off + off++] != 0)
			;
	}
	for (uint32_t i = 0; i < INTENT_POSITIONS_MAX; i++)
		k->kinds[i] = k->modes[i] = 0;
	return intent_extents(k, rule) &&
	       intent_ops_fit(k, rule->select_first, rule->select_count, rule->listed) &&
	       intent_ops_fit(k, rule->code_first, rule->code_count, rule->listed) &&
	       intent_places_fit(k, rule);
}

/* What a transaction's program with this key is taken for: its number + 1. */
static uint32_t intent_found(const struct intent_checking *k, uint32_t key)
{
	const uint8_t *at = k->table + k->head->keys.off + 32 * key + 4;
	uint32_t bytes =
	    (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
	return k->table[k->head->hash.off +
	                ((bytes * k->head->hash_multiplier) >> k->head->hash_shift)];
}

static bool intent_rules_check(struct intent_checking *k)
{
	const struct intent_head *h = k->head;
	const struct intent_program *programs = (const void *)(k->table + h->programs.off);
	const struct intent_rule *rules = (const void *)(k->table + h->rules.off);
	const uint8_t *hash = k->table + h->hash.off;
	uint32_t next = 0;
	if (h->hash_shift < 24 || h->hash_shift > 31 || h->hash.count != 1u << (32 - h->hash_shift))
		return false;
	for (uint32_t i = 0; i < h->hash.count; i++)
		if (hash[i] > h->programs.count)
			return false;
	for (uint32_t i = 0; i < h->programs.count; i++) {
		if (programs[i].key >= h->keys.count || programs[i].first != next ||
		    programs[i].count == 0 || intent_found(k, programs[i].key) != i + 1)
			return false;
		next += programs[i].count;
	}
	if (next != h->rules.count)
		return false;
	for (uint32_t i = 0; i < h->rules.count; i++)
		if (!intent_rule_check(k, &rules[i]))
			return false;
	return (h->formats == 0) == (h->rules.count == 0);
}

/* --- the rest */

static bool intent_small_parts_check(const struct intent_checking *k)
{
	const struct intent_head *h = k->head;
	const struct intent_list *lists = (const void *)(k->table + h->lists.off);
	const struct intent_param *params = (const void *)(k->table + h->params.off);
	const struct intent_group *groups = (const void *)(k->table + h->groups.off);
	const struct intent_check *checks = (const void *)(k->table + h->checks.off);
	const struct intent_field *fields = (const void *)(k->table + h->fields.off);
	const struct intent_name *names = (const void *)(k->table + h->names.off);
	for (uint32_t i = 0; i < h->lists.count; i++)
		if (lists[i].first > h->keys.count ||
		    lists[i].count > h->keys.count - lists[i].first ||
		    !intent_name_fits(k, lists[i].name))
			return false;
	for (uint32_t i = 0; i < h->params.count; i++)
		if (params[i].slot != h->numbers + 8 * i ||
		    !intent_record_reads(k, params[i].record, 8))
			return false;
	for (uint32_t i = 0; i < h->groups.count; i++)
		if (!intent_count_slot(k, groups[i].count) || groups[i].max > 64 ||
		    !intent_name_fits(k, groups[i].name))
			return false;
	for (uint32_t i = 0; i < h->checks.count; i++)
		if (!intent_reason_fits(checks[i].reason) || !intent_line_fits(k, checks[i].name))
			return false;
	for (uint32_t i = 0; i < h->fields.count; i++)
		if (fields[i].type < 1 || fields[i].type > 6 ||
		    !intent_name_fits(k, fields[i].name) || fields[i].record % 8 != 0)
			return false;
	for (uint32_t i = 0; i < h->names.count; i++)
		if (!intent_slot_fits(k, names[i].slot) || !intent_name_fits(k, names[i].name) ||
		    (i != 0 && names[i].slot <= names[i - 1].slot))
			return false;
	return h->fields.count <= POLICY_FIELDS_MAX && intent_name_fits(k, h->name) &&
	       intent_line_fits(k, h->title);
}

static bool intent_messages_check(const struct intent_checking *k)
{
	const struct intent_head *h = k->head;
	const struct intent_op *ops = (const void *)(k->table + h->ops.off);
	const struct intent_message *messages = (const void *)(k->table + h->messages.off);
	for (uint32_t i = 0; i < h->messages.count; i++) {
		const struct intent_message *m = &messages[i];
		uint32_t ends[INTENT_PERHAPS_MAX], depth = 0;
		if (m->first > h->ops.count || m->count > h->ops.count - m->first ||
		    m->count == 0 || !intent_name_fits(k, m->name))
			return false;
		for (uint32_t n = m->first; n < (uint32_t)m->first + m->count; n++) {
			const struct intent_op *op = &ops[n];
			uint32_t end = depth == 0 ? (uint32_t)m->first + m->count : ends[depth - 1];
			switch (op->op) {
			case INTENT_OP_PERHAPS:
				if (depth == INTENT_PERHAPS_MAX || op->c == 0 || op->c >= end - n ||
				    op[1].op != INTENT_OP_BYTES)
					return false;
				ends[depth++] = n + 1 + op->c;
				break;
			case INTENT_OP_BYTES: {
				uint32_t at = op->b;
				while (at < h->words.count && k->table[h->words.off + at] != 0)
					at++;
				if (at >= h->words.count)
					return false;
				break;
			}
			case INTENT_OP_ADDRESS:
				break;
			case INTENT_OP_TEXT:
				if ((op->a != POLICY_TYPE_TEXT && op->a != POLICY_TYPE_PUBKEY) ||
				    !intent_record_reads(k, op->b,
				                         op->a == POLICY_TYPE_TEXT ? 8 : 32) ||
				    (op->d >= 64 && op->d != INTENT_NONE))
					return false;
				break;
			case INTENT_OP_CLASS:
				if (op->a >= INTENT_CLASS_COUNT || op->b > op->c || op->c == 0 ||
				    op->c > 1024)
					return false;
				break;
			default:
				return false;
			}
			while (depth != 0 && ends[depth - 1] == n + 1)
				depth--;
		}
	}
	return true;
}

/* intent_table_check says whether `len` bytes, 8-byte aligned, are a table that can be run. `k` is
 * space for it. */
static bool intent_table_check(const uint8_t *table, uint32_t len, struct intent_checking *k)
{
	const struct intent_head *h = (const void *)table;
	k->table = table;
	k->head = h;
	k->layout_count = k->enum_count = 0;
	if (len < sizeof(*h) || len > INTENT_TABLE_MAX || h->magic != INTENT_MAGIC ||
	    h->version != INTENT_VERSION || h->len != len || !intent_parts_fit(k))
		return false;
	if (h->words.count == 0 || table[h->words.off] != 0 ||
	    table[h->words.off + h->words.count - 1] != 0)
		return false;
	if (!intent_regions_fit(k) || (h->formats & ~7u) != 0 || h->flags != 0 ||
	    h->record_bytes > POLICY_PARAMETERS_MAX || h->record_bytes < 8 ||
	    (h->nonce != INTENT_NONE &&
	     (h->nonce >= h->counts || !intent_slot_fits(k, h->nonce))) ||
	    (h->unproven != INTENT_NONE && (h->unproven < h->numbers || h->unproven >= h->counts ||
	                                    !intent_slot_fits(k, h->unproven))))
		return false;
	if (h->payer_kind != INTENT_PAYER_OTHER && h->payer_kind != INTENT_IS_ANY &&
	    h->payer_kind != INTENT_IS_WALLET && h->payer_kind != INTENT_IS_KEY &&
	    h->payer_kind != INTENT_IS_PARAM && h->payer_kind != INTENT_IN_LIST &&
	    h->payer_kind != INTENT_IN_PARAM)
		return false;
	if (h->payer_kind != INTENT_PAYER_OTHER &&
	    !intent_require_fits(k, h->payer_kind, h->payer_arg, h->payer_given, 0))
		return false;
	if (!intent_small_parts_check(k) || !intent_layouts_check(k) || !intent_rules_check(k) ||
	    !intent_messages_check(k))
		return false;
	for (uint32_t i = 0; i < INTENT_SEGMENTS_MAX; i++)
		k->extents[i] = 0; /* after the last instruction there is no data */
	k->segments = 0;
	return intent_ops_fit(k, h->final_first, h->final_count, 0);
}

#endif
