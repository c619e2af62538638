/* C5: what keeps failing is started less often, never given up, and forgiven after a minute. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "supervisor.h"

#define SECOND 1000000

/* fail ends the child so long after it was started last; returns whether the pause grew. */
static bool fail(struct supervisor_child *child, int64_t after_us)
{
	int64_t started_us = child->not_before_us;

	child->ended_us = started_us + after_us;
	return supervisor_failed(child);
}

static void test_pauses_double_up_to_a_second_and_each_step_is_told_once(void)
{
	static const int64_t pauses_ms[] = {0, 0, 0, 0, 0, 100, 200, 400, 800, 1000, 1000, 1000};
	struct supervisor_child child = {.not_before_us = 100 * SECOND};
	int64_t before_ms = 0;

	for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
		bool grew = fail(&child, SECOND);

		EXPECT(child.pause_us == pauses_ms[i] * 1000);
		EXPECT(child.not_before_us == child.ended_us + child.pause_us);
		EXPECT(grew == (pauses_ms[i] > before_ms));
		before_ms = pauses_ms[i];
	}
	for (int i = 0; i < 100000; i++)
		EXPECT(!fail(&child, 0) && child.pause_us == SECOND);
}

static void test_a_minute_without_a_failure_forgives(void)
{
	struct supervisor_child child = {.not_before_us = 100 * SECOND};

	for (int i = 0; i < 7; i++)
		(void)fail(&child, 0);
	EXPECT(child.pause_us == 200000);
	EXPECT(fail(&child, 59 * SECOND) && child.pause_us == 400000);
	EXPECT(!fail(&child, 61 * SECOND) && child.pause_us == 0);
	for (int i = 0; i < 4; i++)
		EXPECT(!fail(&child, 0));
	EXPECT(fail(&child, 0) && child.pause_us == 100000);
}

/* Whoever times his failures so that they are forgotten has no more of them for it. */
static void test_no_rhythm_gives_more_than_sixty_tries_a_minute(void)
{
	for (unsigned burst = 1; burst <= 30; burst++) {
		struct supervisor_child child = {.not_before_us = 100 * SECOND};
		unsigned count = 0;

		while (child.not_before_us < (100 + 3600) * (int64_t)SECOND)
			(void)fail(&child, count++ % burst == 0 ? 60 * SECOND + 1 : 0);
		EXPECT(count <= 60 * 60 + 60);
	}
}

int main(void)
{
	RUN(test_pauses_double_up_to_a_second_and_each_step_is_told_once);
	RUN(test_a_minute_without_a_failure_forgives);
	RUN(test_no_rhythm_gives_more_than_sixty_tries_a_minute);
	return test_summary();
}
