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

void signer_time_start(struct signer_time *time, uint64_t low_mark_s, uint64_t high_mark_s,
                       bool accept)
{
	uint64_t system_s = clock_ms(CLOCK_REALTIME) / 1000;
	bool back = system_s + SIGNER_TIME_JUMP_S < low_mark_s;

	*time = (struct signer_time){.low_boot_ms = clock_ms(CLOCK_BOOTTIME),
	                             .high_mark_s = accept ? system_s : high_mark_s,
	                             .jumped = back && !accept};
	time->low_mark_s = accept || system_s > low_mark_s ? system_s : low_mark_s;
}

struct signer_time_now signer_time_read(struct signer_time *time)
{
	uint64_t system_s = clock_ms(CLOCK_REALTIME) / 1000;
	uint64_t boot_ms = clock_ms(CLOCK_BOOTTIME);
	uint64_t low_s = time->low_mark_s + (boot_ms - time->low_boot_ms) / 1000;

	if (system_s > low_s + SIGNER_TIME_JUMP_S || system_s + SIGNER_TIME_JUMP_S < low_s)
		time->jumped = true;
	if (!time->jumped && system_s > low_s) {
		/* The system clock is this mode's proof: follow its small corrections. */
		time->low_mark_s = low_s = system_s;
		time->low_boot_ms = boot_ms;
	}
	/* Even a clock that is not believed may be right, so expiry looks at it too. */
	time->high_mark_s = max_of(time->high_mark_s, max_of(low_s, system_s));
	return (struct signer_time_now){.low_s = low_s, .high_s = time->high_mark_s};
}
