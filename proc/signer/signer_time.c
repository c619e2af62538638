/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_time.h"

#include <time.h>

#include "base_check.h"

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	CHECK(clock_gettime(clock, &now) == 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t signer_time_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static struct signer_clocks clocks_now(void)
{
	return (struct signer_clocks){.system_s = clock_ms(CLOCK_REALTIME) / 1000,
	                              .boot_ms = clock_ms(CLOCK_BOOTTIME)};
}

/* More than an hour apart. */
static bool is_far(uint64_t a, uint64_t b)
{
	return a > b ? a - b > SIGNER_TIME_JUMP_S : b - a > SIGNER_TIME_JUMP_S;
}

void signer_time_start_at(struct signer_time *time, struct signer_clocks clocks,
                          uint64_t low_mark_s, uint64_t high_mark_s, bool accept)
{
	uint64_t system_s = clocks.system_s;
	bool back = system_s < low_mark_s && is_far(system_s, low_mark_s);
	/* The last boot ended with a clock that it did not believe; nobody has said since that it
	 * is right, and a start is no proof of it. */
	bool unbelieved = high_mark_s > low_mark_s && is_far(high_mark_s, low_mark_s) &&
	                  is_far(system_s, low_mark_s);

	*time = (struct signer_time){.low_boot_ms = clocks.boot_ms,
	                             .anchor_s = system_s,
	                             .anchor_boot_ms = clocks.boot_ms,
	                             .high_mark_s = accept ? system_s : high_mark_s,
	                             .jumped = (back || unbelieved) && !accept};
	time->low_mark_s =
	    accept || (system_s > low_mark_s && !time->jumped) ? system_s : low_mark_s;
}

struct signer_time_now signer_time_read_at(struct signer_time *time, struct signer_clocks clocks)
{
	uint64_t system_s = clocks.system_s;
	uint64_t low_s = time->low_mark_s + (clocks.boot_ms - time->low_boot_ms) / 1000;

	if (is_far(system_s, time->anchor_s + (clocks.boot_ms - time->anchor_boot_ms) / 1000))
		time->jumped = true;
	if (!time->jumped && system_s > low_s) {
		/* The system clock is this mode's proof: follow its small corrections. */
		time->low_mark_s = low_s = system_s;
		time->low_boot_ms = clocks.boot_ms;
	}
	/* Even a clock that is not believed may be right, so expiry looks at it too. */
	time->high_mark_s = max_of(time->high_mark_s, max_of(low_s, system_s));
	return (struct signer_time_now){.low_s = low_s, .high_s = time->high_mark_s};
}

void signer_time_start(struct signer_time *time, uint64_t low_mark_s, uint64_t high_mark_s,
                       bool accept)
{
	signer_time_start_at(time, clocks_now(), low_mark_s, high_mark_s, accept);
}

struct signer_time_now signer_time_read(struct signer_time *time)
{
	return signer_time_read_at(time, clocks_now());
}
