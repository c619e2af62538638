/* What the check of an intent's table says of the runs of fields that a layout makes (A3, S23). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"

/* All of the check, of which this needs a part. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "intent_check.h"

static bool fits(const uint8_t *layout, uint8_t segments)
{
	static struct intent_checking checking;
	static const struct intent_head head;
	const struct intent_rule rule = {.segments = segments};

	checking = (struct intent_checking){.table = layout, .head = &head, .layout_count = 1};
	return intent_extents(&checking, &rule);
}

/* The evaluator notes where the one behind a tail that is missing would be, and no further one: it
 * would read there what an instruction before left. */
static void test_one_segment_at_most_follows_a_tail(void)
{
	static const uint8_t tail[] = {INTENT_L_SKIP, 8, 0, INTENT_L_SEGMENT, INTENT_L_TAIL,
	                               INTENT_L_SKIP, 1, 0, INTENT_L_END};
	static const uint8_t rest[] = {INTENT_L_SKIP,
	                               8,
	                               0,
	                               INTENT_L_SEGMENT,
	                               INTENT_L_TAIL,
	                               INTENT_L_SKIP,
	                               1,
	                               0,
	                               INTENT_L_SEGMENT,
	                               INTENT_L_REST,
	                               4,
	                               0,
	                               INTENT_L_END};
	static const uint8_t more[] = {INTENT_L_SEGMENT,
	                               INTENT_L_TAIL,
	                               INTENT_L_SKIP,
	                               1,
	                               0,
	                               INTENT_L_SEGMENT,
	                               INTENT_L_SKIP,
	                               1,
	                               0,
	                               INTENT_L_SEGMENT,
	                               INTENT_L_REST,
	                               4,
	                               0,
	                               INTENT_L_END};
	static const uint8_t plain[] = {INTENT_L_SEGMENT, INTENT_L_SEGMENT, INTENT_L_SEGMENT,
	                                INTENT_L_END};

	EXPECT(fits(tail, 2) && !fits(tail, 3));
	EXPECT(fits(rest, 3));
	EXPECT(!fits(more, 4));
	EXPECT(fits(plain, 4));
}

int main(void)
{
	RUN(test_one_segment_at_most_follows_a_tail);
	return test_summary();
}
