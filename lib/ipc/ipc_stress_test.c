/* Two processes at a channel: honest ones that sleep and wake, and a hostile one that rewrites its
 * own memory while the other reads it.
 *
 *   ipc_stress_test [FRAMES]     `make soak` runs it with more frames (H9 asks for 10^9) */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "ipc_channel.h"
#include "ipc_layout.h"
#include "ipc_memory.h"
#include "ipc_wait.h"

#define GUARD 64

static const struct ipc_shape shape = {512, 8, 0};
static uint64_t frames = 100000;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void open_side(struct ipc_memory *memory, unsigned side, struct ipc_channel *ret_channel)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_lend(memory, side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(ret_channel, &shape, &fds, side) == STATUS_OK);
}

static pid_t fork_peer(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		CHECK(getppid() != 1);
	}
	return pid;
}

static uint64_t sum_of(uint32_t kind, const uint8_t *bytes, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ kind;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* A frame that says of itself whether it is whole: the sum of the rest is its first 8 bytes. */
static size_t make_frame(uint64_t *state, uint32_t kind, uint8_t *bytes)
{
	size_t len = 8 + random_next(state) % (IPC_PAYLOAD(512) - 8 + 1);

	for (size_t i = 8; i < len; i++)
		bytes[i] = (uint8_t)random_next(state);
	store_le64(bytes, sum_of(kind, bytes + 8, len - 8));
	return len;
}

/* Every way to lie that the hostile side has: all of its own memory, at any time. */
static void lie(struct ipc_channel *channel, uint64_t *state)
{
	uint8_t *slot = channel->own_slots + random_next(state) % 8 * 512;
	uint32_t word = (uint32_t)random_next(state);

	if (random_next(state) % 2)
		word %= 1024;
	switch (random_next(state) % 8) {
	case 0: /* the length of a slot that may be read just now */
		memcpy(slot + 4, &word, 4);
		break;
	case 1:
		memcpy(slot, &word, 4);
		break;
	case 2: /* the content, after it was checked if it can */
	case 3:
	case 4:
		for (int i = 0; i < 50; i++)
			slot[8 + random_next(state) % 504] ^= (uint8_t)random_next(state);
		break;
	case 5:
		atomic_store(&channel->own->head,
		             random_next(state) % 4 ? channel->head + word % 12 : word);
		break;
	case 6:
		atomic_store(&channel->own->tail,
		             random_next(state) % 4 ? channel->tail + word % 12 : word);
		break;
	default:
		atomic_store(&channel->own->sleeping, word);
		break;
	}
}

static _Noreturn void be_hostile(struct ipc_channel *channel)
{
	static uint8_t frame[512], taken[512];
	uint64_t state = (uint64_t)getpid() << 20 | 1;

	for (uint32_t kind = 0;; kind++) {
		struct ipc_message message = {0, BUFFER_OF_ARRAY(taken)};
		size_t len = make_frame(&state, kind, frame);
		enum status status = ipc_put(channel, kind, bytes_of(frame, len));

		if (random_next(&state) % 4 == 0)
			lie(channel, &state);
		if (status == STATUS_CONFLICT || ipc_take(channel, &message) == STATUS_CONFLICT)
			ipc_acknowledge(channel);
		channel->complained = false;
		if (status == STATUS_BUSY)
			sched_yield();
	}
}

/* What the supervisor does, without killing: the hostile side goes on meanwhile, which is worse. */
static void renew(struct ipc_memory *memory, struct ipc_channel *channel)
{
	for (int i = 0; i < 2; i++) {
		ipc_memory_raise(memory);
		ipc_acknowledge(channel);
		CHECK(ipc_memory_is_acknowledged(memory, 0));
	}
	CHECK(ipc_memory_reset_side(memory, 1) == STATUS_OK);
}

/* H9, H10: no crash, nothing outside the buffer, and what was copied stays what it is. */
static void test_a_hostile_writer_changes_nothing_but_its_own_messages(void)
{
	static uint8_t space[IPC_PAYLOAD(512) + GUARD];
	uint64_t whole = 0, damaged = 0, broken = 0, answered = 0;
	struct ipc_channel reader, writer;
	struct ipc_memory memory;
	pid_t pid;

	CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
	open_side(&memory, 0, &reader);
	open_side(&memory, 1, &writer);
	pid = fork_peer();
	if (pid == 0)
		be_hostile(&writer);
	memset(space, 0x5a, sizeof(space));
	while (whole + damaged < frames) {
		struct ipc_message message = {
		    0, {space, IPC_PAYLOAD(512), 0}
                };
		enum status status = ipc_take(&reader, &message);
		size_t len = message.payload.len;

		if (status == STATUS_OK) {
			uint64_t before, after;
			bool is_whole;

			CHECK(len <= IPC_PAYLOAD(512));
			before = sum_of(message.kind, space, len);
			is_whole = len >= 8 &&
			           load_le64(space) == sum_of(message.kind, space + 8, len - 8);
			*(is_whole ? &whole : &damaged) += 1;
			answered += ipc_put(&reader, 1, bytes_of("answer", 6)) == STATUS_OK;
			after = sum_of(message.kind, space, len);
			CHECK(before == after);
		} else if (status == STATUS_MALFORMED || status == STATUS_IO) {
			broken++;
			renew(&memory, &reader);
		} else {
			CHECK(status == STATUS_BUSY);
			sched_yield();
		}
	}
	for (size_t i = IPC_PAYLOAD(512); i < sizeof(space); i++)
		EXPECT(space[i] == 0x5a);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	printf("%llu frames whole, %llu damaged, %llu times broken, %llu answered\n",
	       (unsigned long long)whole, (unsigned long long)damaged, (unsigned long long)broken,
	       (unsigned long long)answered);
	/* All kinds must have come, else nothing was tried. */
	EXPECT(whole > frames / 100 && damaged > frames / 1000 && broken > frames / 10000);
	EXPECT(answered > frames / 100);
	ipc_channel_close(&reader);
	ipc_channel_close(&writer);
	ipc_memory_close(&memory);
}

static _Noreturn void echo(struct ipc_channel *channel, unsigned spins)
{
	static uint8_t space[512];
	struct ipc_message message = {0, BUFFER_OF_ARRAY(space)};
	struct ipc_waiter waiter;

	ipc_waiter_init(&waiter, spins);
	ipc_waiter_add(&waiter, channel);
	for (;;) {
		while (ipc_take(channel, &message) == STATUS_OK)
			while (ipc_put(channel, message.kind, buffer_bytes(&message.payload)) ==
			       STATUS_BUSY)
				sched_yield();
		(void)ipc_wait_near(&waiter, channel, -1);
	}
}

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Both sleep whenever they can, one of them in each of the two ways, with every length of spinning:
 * a lost wake-up would hang here. The minute is for machines that are busy with other things. A
 * wait may end early with nothing: the wake for a message that was taken before it began comes
 * late. */
static void test_no_wake_up_is_lost(void)
{
	static const unsigned spins[] = {0, 1, 10, 100, 1000};
	static uint8_t space[512];
	unsigned rounds = 0;

	for (size_t i = 0; i < sizeof(spins) / sizeof(spins[0]); i++) {
		struct ipc_channel near, far;
		struct ipc_memory memory;
		struct ipc_waiter waiter;
		uint64_t state = 88172645463325252u;
		pid_t pid;

		CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
		open_side(&memory, 0, &near);
		open_side(&memory, 1, &far);
		pid = fork_peer();
		if (pid == 0)
			echo(&far, spins[i]);
		ipc_waiter_init(&waiter, spins[(i + 2) % 5]);
		ipc_waiter_add(&waiter, &near);
		for (unsigned round = 0; round < 4000; round++) {
			unsigned burst = 1 + (unsigned)(random_next(&state) % 8), back = 0;
			time_t began_s = now_s();
			struct ipc_message message = {0, BUFFER_OF_ARRAY(space)};

			for (uint32_t j = 0; j < burst; j++)
				CHECK(ipc_put(&near, j, bytes_of(&state, 8)) == STATUS_OK);
			while (back < burst) {
				if (ipc_take(&near, &message) == STATUS_OK)
					CHECK(message.kind == back++);
				else if (!ipc_wait(&waiter, 60000000) && now_s() - began_s >= 60)
					break;
			}
			EXPECT(back == burst);
			if (back != burst)
				break;
			rounds++;
		}
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, NULL, 0) == pid);
		ipc_channel_close(&near);
		ipc_channel_close(&far);
		ipc_memory_close(&memory);
	}
	EXPECT(rounds == 5 * 4000);
}

int main(int count, char **args)
{
	if (count > 1)
		frames = strtoull(args[1], NULL, 10);
	RUN(test_a_hostile_writer_changes_nothing_but_its_own_messages);
	RUN(test_no_wake_up_is_lost);
	return test_summary();
}
