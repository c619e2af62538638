/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc_futex.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"

#define US_PER_S 1000000

void ipc_futex_wake(const _Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static struct timespec deadline_in(int64_t timeout_us)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += timeout_us / US_PER_S;
	now.tv_nsec += timeout_us % US_PER_S * 1000;
	if (now.tv_nsec >= 1000000000) {
		now.tv_nsec -= 1000000000;
		now.tv_sec++;
	}
	return now;
}

static void wait_one(const struct ipc_futex *word, int64_t timeout_us)
{
	struct timespec span = {timeout_us / US_PER_S, timeout_us % US_PER_S * 1000};

	syscall(SYS_futex, word->word, FUTEX_WAIT, word->value, timeout_us >= 0 ? &span : NULL,
	        NULL, 0);
}

static void wait_many(const struct ipc_futex *words, size_t count, int64_t timeout_us)
{
	struct futex_waitv vector[IPC_FUTEX_WORDS_MAX] = {0};
	struct timespec deadline;

	for (size_t i = 0; i < count; i++) {
		vector[i].val = words[i].value;
		vector[i].uaddr = (uint64_t)(uintptr_t)words[i].word;
		vector[i].flags = FUTEX_32;
	}
	if (timeout_us >= 0)
		deadline = deadline_in(timeout_us);
	if (syscall(SYS_futex_waitv, vector, count, 0, timeout_us >= 0 ? &deadline : NULL,
	            CLOCK_MONOTONIC) < 0 &&
	    errno == ENOSYS)
		/* Before Linux 5.16: on the first, shortly. */
		wait_one(words, timeout_us >= 0 && timeout_us < 500 ? timeout_us : 500);
}

void ipc_futex_wait(const struct ipc_futex *words, size_t count, int64_t timeout_us)
{
	CHECK(count > 0 && count <= IPC_FUTEX_WORDS_MAX);
	if (count == 1)
		wait_one(words, timeout_us);
	else
		wait_many(words, count, timeout_us);
}
