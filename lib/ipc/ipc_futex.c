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

/* Before Linux 5.16 there is no futex_waitv: sleep on the first word, shortly. */
static void wait_first(const struct ipc_futex *words, int64_t timeout_us)
{
	struct timespec span = {0, 500000};

	if (timeout_us >= 0 && timeout_us < 500)
		span.tv_nsec = timeout_us * 1000;
	syscall(SYS_futex, words[0].word, FUTEX_WAIT, words[0].value, &span, NULL, 0);
}

void ipc_futex_wait(const struct ipc_futex *words, size_t count, int64_t timeout_us)
{
	struct futex_waitv vector[IPC_FUTEX_WORDS_MAX] = {0};
	struct timespec deadline;

	CHECK(count > 0 && count <= IPC_FUTEX_WORDS_MAX);
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
		wait_first(words, timeout_us);
}
