/* intent_slots: where numbers live: constants, parameters, counts, totals, what a rule computes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_build.h"

static uint16_t slot_of(size_t index)
{
	return (uint16_t)(INTENT_FIRST_SLOT + 8 * index);
}

bool build_constant(struct intent_build *b, uint64_t value, uint16_t *ret_slot)
{
	size_t i = 0;
	while (i < b->constant_count && b->constants[i] != value)
		i++;
	if (i == 256)
		return intent_wrong(b->error, b->root, 0, "more than 256 constants");
	if (i == b->constant_count)
		b->constants[b->constant_count++] = value;
	*ret_slot = slot_of(i);
	return true;
}

uint16_t build_number_slot(const struct intent_build *b, size_t number)
{
	return slot_of(b->constants_before + number);
}

uint16_t build_count_slot(const struct intent_build *b, size_t count)
{
	return slot_of(b->constants_before + b->number_count + count);
}

uint16_t build_total_slot(const struct intent_build *b, size_t total)
{
	return slot_of(b->constants_before + b->number_count + b->count_count + total);
}

bool build_name_slot(struct intent_build *b, uint16_t slot, struct bytes name, unsigned unit)
{
	struct intent_name *n = &b->slot_names[b->slot_name_count];
	if (b->slot_name_count == INTENT_SLOTS_MAX)
		return intent_wrong(b->error, b->root, 0, "too many named numbers");
	*n = (struct intent_name){.slot = slot, .unit = (uint16_t)unit};
	b->slot_name_count++;
	return build_words(b, name, &n->name);
}

bool build_temporary(struct intent_build *b, struct bytes name, unsigned unit, uint16_t *ret_slot)
{
	size_t index = b->constants_before + b->number_count + b->count_count + b->total_count +
	               b->temporary_count;
	if (INTENT_FIRST_SLOT / 8 + index >= INTENT_SLOTS_MAX)
		return intent_wrong(b->error, b->rule.at, 0,
		                    "too many numbers: fewer values, totals or rules");
	*ret_slot = slot_of(index);
	b->temporary_count++;
	return name.len == 0 || build_name_slot(b, *ret_slot, name, unit);
}

bool build_op(struct intent_build *b, struct intent_op op)
{
	if (b->op_count == BUILD_OPS_MAX)
		return intent_wrong(b->error, b->rule.at, 0, "too many operations: fewer rules");
	b->ops[b->op_count++] = op;
	return true;
}
