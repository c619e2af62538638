/* What the check of an intent's table says of the runs of fields that a layout makes (A3, S23). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"

/* All of the check, of which this needs a part. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "intent_check.h"

static struct intent_checking checking;

static bool fits(const uint8_t *layout, uint8_t segments)
{
	static const struct intent_head head;
	const struct intent_rule rule = {.segments = segments};

	checking = (struct intent_checking){.table = layout, .head = &head, .layout_count = 1};
	return intent_extents(&checking, &rule);
}

/* Fields that may be missing stand behind each other, each at the start of a segment of its own. */
static void test_what_may_be_missing_begins_a_segment(void)
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
	static const uint8_t two[] = {INTENT_L_SEGMENT, INTENT_L_TAIL, INTENT_L_SKIP, 1, 0,
	                              INTENT_L_SEGMENT, INTENT_L_TAIL, INTENT_L_SKIP, 8, 0,
	                              INTENT_L_END};
	static const uint8_t inside[] = {INTENT_L_SEGMENT, INTENT_L_SKIP, 1, 0,
	                                 INTENT_L_TAIL,    INTENT_L_SKIP, 1, 0,
	                                 INTENT_L_END};
	static const uint8_t first[] = {INTENT_L_TAIL, INTENT_L_SKIP, 1, 0, INTENT_L_END};
	static const uint8_t plain[] = {INTENT_L_SEGMENT, INTENT_L_SEGMENT, INTENT_L_SEGMENT,
	                                INTENT_L_END};
	static const uint8_t many[] = {INTENT_L_SEGMENT, INTENT_L_SEGMENT, INTENT_L_SEGMENT,
	                               INTENT_L_SEGMENT, INTENT_L_SEGMENT, INTENT_L_SEGMENT,
	                               INTENT_L_SEGMENT, INTENT_L_SEGMENT, INTENT_L_END};

	EXPECT(fits(tail, 2) && !fits(tail, 3));
	EXPECT(fits(rest, 3));
	EXPECT(fits(two, 3) && checking.tail == 1 && checking.extents[1] == 1 &&
	       checking.extents[2] == 8);
	EXPECT(!fits(inside, 2) && !fits(first, 1));
	EXPECT(fits(plain, 4) && !fits(many, 9));
}

int main(void)
{
	RUN(test_what_may_be_missing_begins_a_segment);
	return test_summary();
}
