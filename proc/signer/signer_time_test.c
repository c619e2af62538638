/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_time.h"

#include "base_test.h"

#define NOW  UINT64_C(1800000000)
#define HOUR UINT64_C(3600)

static struct signer_clocks at(uint64_t system_s, uint64_t boot_s)
{
	return (struct signer_clocks){.system_s = system_s, .boot_ms = boot_s * 1000};
}

static void test_both_bounds_follow_a_good_clock(void)
{
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW, 100), 0, 0, false);
	for (uint64_t s = 0; s < 100000; s += 997) {
		now = signer_time_read_at(&time, at(NOW + s, 100 + s));
		EXPECT(now.low_s == NOW + s && now.high_s == NOW + s);
	}
	EXPECT(!time.jumped);
}

/* T2: what has expired stays so, wherever the clock goes. */
static void test_neither_bound_ever_goes_back(void)
{
	static const int64_t steps_s[] = {0,  5,     -30,    -1800,       -7200,
	                                  60, 86400, -86400, -1800000000, 10};
	struct signer_time time;
	struct signer_time_now before, now;
	uint64_t system_s = NOW, boot_s = 50;

	signer_time_start_at(&time, at(NOW, boot_s), NOW - 10, NOW - 10, false);
	before = signer_time_read_at(&time, at(NOW, boot_s));
	for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
		system_s += (uint64_t)steps_s[i];
		boot_s += 7;
		now = signer_time_read_at(&time, at(system_s, boot_s));
		EXPECT(now.low_s >= before.low_s + 7 - 1 && now.high_s >= before.high_s);
		EXPECT(now.high_s >= now.low_s);
		before = now;
	}
}

/* T1: a clock set forward opens nothing early, and closes what it says has expired. */
static void test_a_jump_forward_moves_only_the_high_bound(void)
{
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW, 0), NOW, NOW, false);
	now = signer_time_read_at(&time, at(NOW + 2 * HOUR, 10));
	EXPECT(time.jumped);
	EXPECT(now.low_s == NOW + 10 && now.high_s == NOW + 2 * HOUR);
}

/* T1: nor does it in small steps. */
static void test_many_small_steps_are_one_jump(void)
{
	struct signer_time time;
	struct signer_time_now now = {0};

	signer_time_start_at(&time, at(NOW, 0), NOW, NOW, false);
	for (uint64_t i = 1; i <= 1000; i++)
		now = signer_time_read_at(&time, at(NOW + i * 60, i));
	EXPECT(time.jumped);
	EXPECT(now.low_s <= NOW + HOUR + 1000);
}

/* T1: nor does a restart make it true. */
static void test_a_restart_does_not_make_a_jump_true(void)
{
	struct signer_time time, next;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW, 0), NOW, NOW, false);
	now = signer_time_read_at(&time, at(NOW + 10 * HOUR, 10));
	signer_time_start_at(&next, at(NOW + 10 * HOUR, 0), now.low_s, now.high_s, false);
	EXPECT(next.jumped);
	now = signer_time_read_at(&next, at(NOW + 10 * HOUR, 5));
	EXPECT(now.low_s == NOW + 15 && now.high_s == NOW + 10 * HOUR);
	/* The operator's word does. */
	signer_time_start_at(&next, at(NOW + 10 * HOUR, 0), now.low_s, now.high_s, true);
	now = signer_time_read_at(&next, at(NOW + 10 * HOUR, 0));
	EXPECT(!next.jumped && now.low_s == NOW + 10 * HOUR && now.high_s == NOW + 10 * HOUR);
}

/* T2: a clock that stands before the marks at start is not believed, without that word. */
static void test_a_start_before_the_marks_keeps_them(void)
{
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW - 5 * HOUR, 0), NOW, NOW, false);
	now = signer_time_read_at(&time, at(NOW - 5 * HOUR + 20, 20));
	EXPECT(time.jumped && now.low_s == NOW + 20 && now.high_s == NOW + 20);
	signer_time_start_at(&time, at(NOW - 5 * HOUR, 0), NOW, NOW, true);
	now = signer_time_read_at(&time, at(NOW - 5 * HOUR, 0));
	EXPECT(!time.jumped && now.low_s == NOW - 5 * HOUR);
	/* A small difference is a correction, and waits until time has caught up. */
	signer_time_start_at(&time, at(NOW - 100, 0), NOW, NOW, false);
	now = signer_time_read_at(&time, at(NOW - 100, 0));
	EXPECT(!time.jumped && now.low_s == NOW && now.high_s == NOW);
}

/* Switched off for months: the clock is this mode's proof. */
static void test_a_long_stop_is_no_jump(void)
{
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW, 0), NOW - 2000 * HOUR, NOW - 2000 * HOUR, false);
	now = signer_time_read_at(&time, at(NOW, 0));
	EXPECT(!time.jumped && now.low_s == NOW);
}

int main(void)
{
	RUN(test_both_bounds_follow_a_good_clock);
	RUN(test_neither_bound_ever_goes_back);
	RUN(test_a_jump_forward_moves_only_the_high_bound);
	RUN(test_many_small_steps_are_one_jump);
	RUN(test_a_restart_does_not_make_a_jump_true);
	RUN(test_a_start_before_the_marks_keeps_them);
	RUN(test_a_long_stop_is_no_jump);
	return test_summary();
}
