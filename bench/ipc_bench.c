/* ipc_bench: what a hop between two processes costs. One message of 1 KB goes there and back.
 *
 * Four ways, interleaved, medians of rounds: both spin; both sleep (futex), on two processors and
 * on one; and 16 messages at a time. Prints a table, then one JSON object (unit: microseconds). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "ipc_channel.h"
#include "ipc_memory.h"
#include "ipc_wait.h"

#define ROUNDS        7
#define MESSAGE_BYTES 1024
#define NEVER_SLEEP   1000000000u

static const struct ipc_shape shape = {16384, 64, 0};

struct way {
	const char *name, *words;
	unsigned spins;
	unsigned cpu_near, cpu_far;
	unsigned burst, trips;
	double us[ROUNDS];
};

static struct way ways[] = {
    {"ipc_spin",         "both spin, two processors",            NEVER_SLEEP, 0, 1, 1,  100000, {0}},
    {"ipc_sleep",        "both sleep, two processors",           0,           0, 1, 1,  5000,   {0}},
    {"ipc_sleep_shared", "both sleep, one processor",            0,           0, 0, 1,  20000,  {0}},
    {"ipc_spin_16",      "both spin, 16 at a time, per message", NEVER_SLEEP, 0, 1, 16, 10000,  {0}},
};

static void pin(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* one processor only: measured unpinned */
}

static void open_side(struct ipc_memory *memory, unsigned side, struct ipc_channel *channel)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_lend(memory, side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(channel, &shape, &fds, side) == STATUS_OK);
}

static void wait_for(struct ipc_channel *channel, unsigned spins)
{
	struct ipc_waiter waiter = {.channels = {channel}, .count = 1, .spins = spins};

	while (!ipc_wait(&waiter, -1))
		;
}

static _Noreturn void echo(struct ipc_channel *channel, unsigned spins)
{
	static uint8_t space[MESSAGE_BYTES];
	struct ipc_message message = {0, BUFFER_OF_ARRAY(space)};

	for (;;) {
		while (ipc_take(channel, &message) == STATUS_OK)
			CHECK(ipc_put(channel, 1, buffer_bytes(&message.payload)) == STATUS_OK);
		wait_for(channel, spins);
	}
}

static double measure(const struct way *way)
{
	static uint8_t space[MESSAGE_BYTES];
	struct ipc_message message = {0, BUFFER_OF_ARRAY(space)};
	struct ipc_channel near, far;
	struct timespec begin, end;
	struct ipc_memory memory;
	pid_t pid;

	CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
	open_side(&memory, 0, &near);
	open_side(&memory, 1, &far);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pin(way->cpu_far);
		echo(&far, way->spins);
	}
	pin(way->cpu_near);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (unsigned trip = 0; trip < way->trips; trip++) {
		for (unsigned i = 0; i < way->burst; i++)
			CHECK(ipc_put(&near, 1, BYTES_OF_ARRAY(space)) == STATUS_OK);
		for (unsigned i = 0; i < way->burst; i++)
			while (ipc_take(&near, &message) != STATUS_OK)
				wait_for(&near, way->spins);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	ipc_channel_close(&near);
	ipc_channel_close(&far);
	ipc_memory_close(&memory);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e6 +
	        (double)(end.tv_nsec - begin.tv_nsec) / 1e3) /
	       way->trips / way->burst;
}

static int by_size(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

int main(void)
{
	size_t count = sizeof(ways) / sizeof(ways[0]);

	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			ways[i].us[round] = measure(&ways[i]);
	printf("%-40s %10s %10s\n", "one KB there and back", "median us", "best us");
	for (size_t i = 0; i < count; i++) {
		qsort(ways[i].us, ROUNDS, sizeof(double), by_size);
		printf("%-40s %10.2f %10.2f\n", ways[i].words, ways[i].us[ROUNDS / 2],
		       ways[i].us[0]);
	}
	for (size_t i = 0; i < count; i++)
		printf("%s\"%s\":{\"value\":%.3f,\"unit\":\"us\",\"best\":%.3f}",
		       i == 0 ? "{" : ",", ways[i].name, ways[i].us[ROUNDS / 2], ways[i].us[0]);
	printf("}\n");
	return 0;
}
