/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc_channel.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "ipc_layout.h"
#include "ipc_memory.h"
#include "ipc_wait.h"

static const struct ipc_shape small = {256, 4, 4096};

struct pair {
	struct ipc_memory memory;
	struct ipc_channel a, b;
};

static void pair_open(struct pair *pair, const struct ipc_shape *shape)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_make(&pair->memory, shape) == STATUS_OK);
	CHECK(ipc_memory_lend(&pair->memory, 0, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&pair->a, shape, &fds, 0) == STATUS_OK);
	CHECK(ipc_memory_lend(&pair->memory, 1, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&pair->b, shape, &fds, 1) == STATUS_OK);
}

static void pair_close(struct pair *pair)
{
	ipc_channel_close(&pair->a);
	ipc_channel_close(&pair->b);
	ipc_memory_close(&pair->memory);
}

static uint8_t space[IPC_SLOT_BYTES_MAX];

static struct ipc_message room(size_t cap)
{
	return (struct ipc_message){
	    0, {space, cap, 0}
        };
}

static void test_messages_arrive_in_order_and_a_full_ring_says_busy(void)
{
	struct ipc_message message = room(sizeof(space));
	struct pair pair;

	pair_open(&pair, &small);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 4; i++)
			EXPECT(ipc_put(&pair.a, i, bytes_of("hello", i)) == STATUS_OK);
		EXPECT(ipc_put(&pair.a, 9, bytes_of("x", 1)) == STATUS_BUSY);
		EXPECT(ipc_pending(&pair.a) == 4);
		for (uint32_t i = 0; i < 4; i++) {
			EXPECT(ipc_ready(&pair.b));
			EXPECT(ipc_take(&pair.b, &message) == STATUS_OK);
			EXPECT(message.kind == i);
			EXPECT(bytes_equal(buffer_bytes(&message.payload), bytes_of("hello", i)));
		}
		EXPECT(!ipc_ready(&pair.b) && ipc_take(&pair.b, &message) == STATUS_BUSY);
	}
	pair_close(&pair);
}

static void test_a_slot_holds_its_payload_and_not_one_byte_more(void)
{
	struct ipc_message message = room(sizeof(space));
	static uint8_t bytes[256];
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_put(&pair.b, 1, bytes_of(bytes, 248)) == STATUS_OK);
	EXPECT(ipc_put(&pair.b, 1, bytes_of(bytes, 249)) == STATUS_TOO_LARGE);
	EXPECT(ipc_take(&pair.a, &message) == STATUS_OK && message.payload.len == 248);
	pair_close(&pair);
}

static void test_a_message_is_filled_in_place(void)
{
	struct ipc_message message = room(sizeof(space));
	struct buffer payload;
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_reserve(&pair.a, &payload) == STATUS_OK && payload.cap == 248);
	EXPECT(buffer_put(&payload, bytes_of("in place", 8)) == STATUS_OK);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_BUSY);
	ipc_commit(&pair.a, 7, &payload);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_OK && message.kind == 7);
	EXPECT(bytes_equal(buffer_bytes(&message.payload), bytes_of("in place", 8)));
	pair_close(&pair);
}

/* H10: what the peer writes after the copy changes nothing. */
static void test_a_taken_message_no_longer_depends_on_the_ring(void)
{
	struct ipc_message message = room(sizeof(space));
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_put(&pair.a, 1, bytes_of("good", 4)) == STATUS_OK);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_OK);
	memcpy(pair.a.own_slots + 8, "evil", 4);
	EXPECT(memcmp(message.payload.data, "good", 4) == 0);
	pair_close(&pair);
}

/* The kernel, not our good will, keeps the peer's memory and the supervisor's page read-only. */
static void test_the_peers_memory_cannot_be_made_writable(void)
{
	struct pair pair;
	struct ipc_fds fds;
	const void *readable[3];

	pair_open(&pair, &small);
	readable[0] = pair.a.peer;
	readable[1] = pair.a.page;
	readable[2] = pair.b.window;
	for (size_t i = 0; i < 3; i++)
		EXPECT(mprotect((void *)(uintptr_t)readable[i], 4096, PROT_READ | PROT_WRITE) != 0);
	EXPECT(ipc_memory_lend(&pair.memory, 1, &fds) == STATUS_OK);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds.peer, 0) == MAP_FAILED);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds.page, 0) == MAP_FAILED);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds.window, 0) == MAP_FAILED);
	EXPECT(ftruncate(fds.own, 0) != 0);
	EXPECT(ftruncate(fds.own, 1 << 20) != 0);
	close(fds.own);
	close(fds.peer);
	close(fds.page);
	close(fds.window);
	pair_close(&pair);
}

static void test_descriptors_are_closed_once_mapped(void)
{
	struct pair pair;
	struct ipc_fds fds;

	pair_open(&pair, &small);
	EXPECT(ipc_memory_lend(&pair.memory, 1, &fds) == STATUS_OK);
	ipc_channel_close(&pair.b);
	EXPECT(ipc_channel_open(&pair.b, &small, &fds, 1) == STATUS_OK);
	EXPECT(fcntl(fds.own, F_GETFD) < 0 && fcntl(fds.peer, F_GETFD) < 0);
	EXPECT(fcntl(fds.page, F_GETFD) < 0 && fcntl(fds.window, F_GETFD) < 0);
	pair_close(&pair);
}

static void test_memory_of_another_size_is_refused(void)
{
	struct ipc_shape other = {256, 8, 4096};
	struct ipc_channel channel;
	struct pair pair;
	struct ipc_fds fds;

	pair_open(&pair, &small);
	EXPECT(ipc_memory_lend(&pair.memory, 1, &fds) == STATUS_OK);
	EXPECT(ipc_channel_open(&channel, &other, &fds, 1) == STATUS_IO);
	pair_close(&pair);
}

static void test_impossible_shapes_are_refused(void)
{
	static const struct ipc_shape bad[] = {
	    {0,       4,    0      },
            {100,     4,    0      },
            {256,     0,    0      },
            {256,     3,    0      },
	    {256,     2048, 0      },
            {256,     4,    1      },
            {1 << 21, 4,    0      },
            {256,     4,    1 << 23},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(ipc_shape_check(&bad[i]) != STATUS_OK);
	EXPECT(ipc_shape_check(&small) == STATUS_OK);
}

/* H9: the head says more messages than the ring has. */
static void test_a_head_that_cannot_be_is_complained_about(void)
{
	static const uint32_t heads[] = {5, 1000, UINT32_MAX, 0x80000000};
	struct ipc_message message = room(sizeof(space));

	for (size_t i = 0; i < 4; i++) {
		struct pair pair;

		pair_open(&pair, &small);
		atomic_store(&pair.a.own->head, heads[i]);
		EXPECT(ipc_take(&pair.b, &message) == STATUS_MALFORMED);
		EXPECT(ipc_memory_complaint(&pair.memory, 1) == IPC_COMPLAINT_BROKEN);
		EXPECT(ipc_take(&pair.b, &message) == STATUS_IO);
		EXPECT(!ipc_ready(&pair.b) && !ipc_is_up(&pair.b));
		EXPECT(ipc_put(&pair.b, 1, bytes_of("x", 1)) == STATUS_IO);
		pair_close(&pair);
	}
}

static void test_a_tail_that_cannot_be_is_complained_about(void)
{
	struct pair pair;

	pair_open(&pair, &small);
	atomic_store(&pair.a.own->tail, 1);
	EXPECT(ipc_put(&pair.b, 1, bytes_of("x", 1)) == STATUS_IO);
	EXPECT(ipc_memory_complaint(&pair.memory, 1) == IPC_COMPLAINT_BROKEN);
	pair_close(&pair);
}

/* H9: the length in the slot says more than the slot, or than the reader is ready for. */
static void test_a_length_that_cannot_be_is_complained_about(void)
{
	static const uint32_t lens[] = {249, 256, 65536, UINT32_MAX, UINT32_MAX - 7};
	struct ipc_message message = room(sizeof(space));
	unsigned tried = 0;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++, tried++) {
		struct pair pair;

		pair_open(&pair, &small);
		EXPECT(ipc_put(&pair.a, 1, bytes_of("x", 1)) == STATUS_OK);
		memcpy(pair.a.own_slots + 4, &lens[i], 4);
		EXPECT(ipc_take(&pair.b, &message) == STATUS_MALFORMED);
		EXPECT(ipc_memory_complaint(&pair.memory, 1) == IPC_COMPLAINT_BROKEN);
		pair_close(&pair);
	}
	EXPECT(tried == 5);
}

static void test_a_message_over_the_readers_room_is_not_copied(void)
{
	struct ipc_message message = room(3);
	struct pair pair;

	pair_open(&pair, &small);
	memset(space, 0, 8);
	EXPECT(ipc_put(&pair.a, 1, bytes_of("four", 4)) == STATUS_OK);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_MALFORMED);
	EXPECT(space[0] == 0 && message.payload.len == 0);
	pair_close(&pair);
}

/* C5, A17: the survivor sees the end of its peer at its next call, and the next one starts clean.
 */
static void test_a_peers_end_and_return_are_both_acknowledged(void)
{
	struct ipc_message message = room(sizeof(space));
	struct ipc_channel next;
	struct ipc_fds fds;
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_put(&pair.a, 1, bytes_of("old user", 8)) == STATUS_OK);
	EXPECT(ipc_put(&pair.b, 1, bytes_of("half", 4)) == STATUS_OK);
	memcpy(ipc_window_write(&pair.a).data, "module", 6);
	EXPECT(ipc_memory_is_up(&pair.memory));

	ipc_memory_raise(&pair.memory);
	EXPECT(!ipc_memory_is_acknowledged(&pair.memory, 0));
	EXPECT(ipc_ready(&pair.a));
	EXPECT(ipc_take(&pair.a, &message) == STATUS_CONFLICT);
	EXPECT(ipc_put(&pair.a, 1, bytes_of("x", 1)) == STATUS_CONFLICT);
	ipc_acknowledge(&pair.a);
	EXPECT(ipc_memory_is_acknowledged(&pair.memory, 0) && !ipc_is_up(&pair.a));
	EXPECT(ipc_take(&pair.a, &message) == STATUS_IO && !ipc_ready(&pair.a));
	EXPECT(ipc_put(&pair.a, 1, bytes_of("x", 1)) == STATUS_IO);

	EXPECT(ipc_memory_reset_side(&pair.memory, 1) == STATUS_OK);
	ipc_memory_raise(&pair.memory);
	EXPECT(ipc_take(&pair.a, &message) == STATUS_CONFLICT);
	ipc_acknowledge(&pair.a);
	EXPECT(ipc_is_up(&pair.a) && ipc_take(&pair.a, &message) == STATUS_BUSY);

	EXPECT(ipc_memory_lend(&pair.memory, 1, &fds) == STATUS_OK);
	EXPECT(ipc_channel_open(&next, &small, &fds, 1) == STATUS_OK);
	EXPECT(ipc_take(&next, &message) == STATUS_BUSY);
	EXPECT(memcmp(next.peer_slots + 8, "old user", 8) != 0);
	EXPECT(memcmp(ipc_window_read(&next).data, "module", 6) != 0);
	EXPECT(ipc_put(&pair.a, 2, bytes_of("start data", 10)) == STATUS_OK);
	EXPECT(ipc_take(&next, &message) == STATUS_OK && message.kind == 2);
	ipc_channel_close(&next);
	pair_close(&pair);
}

static void test_the_first_complaint_stays(void)
{
	struct pair pair;

	pair_open(&pair, &small);
	ipc_complain(&pair.a, IPC_COMPLAINT_REPLACE);
	ipc_complain(&pair.a, IPC_COMPLAINT_BROKEN);
	EXPECT(ipc_memory_complaint(&pair.memory, 0) == IPC_COMPLAINT_REPLACE);
	EXPECT(ipc_memory_complaint(&pair.memory, 1) == IPC_COMPLAINT_NONE);
	atomic_store(&pair.b.own->complaint, 4711);
	EXPECT(ipc_memory_complaint(&pair.memory, 1) == IPC_COMPLAINT_BROKEN);
	pair_close(&pair);
}

static void test_only_side_zero_writes_the_window(void)
{
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_window_write(&pair.a).cap == 4096 && ipc_window_write(&pair.b).cap == 0);
	memcpy(ipc_window_write(&pair.a).data + 4090, "module", 6);
	EXPECT(ipc_window_read(&pair.b).len == 4096);
	EXPECT(memcmp(ipc_window_read(&pair.b).data + 4090, "module", 6) == 0);
	pair_close(&pair);
}

static void test_waiting_ends_in_time_when_nothing_comes(void)
{
	struct ipc_waiter waiter;
	struct pair pair;

	pair_open(&pair, &small);
	ipc_waiter_init(&waiter, 10);
	ipc_waiter_add(&waiter, &pair.a);
	EXPECT(!ipc_wait(&waiter, 0));
	EXPECT(!ipc_wait(&waiter, 2000));
	EXPECT(ipc_put(&pair.b, 1, bytes_of("x", 1)) == STATUS_OK);
	EXPECT(ipc_wait(&waiter, -1));
	pair_close(&pair);
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* What has come does not end the sleep before a full ring: who waits there would spin. */
static void test_a_full_rings_sleep_lasts(void)
{
	struct ipc_waiter waiter;
	struct pair pair;
	uint64_t began_us;

	pair_open(&pair, &small);
	ipc_waiter_init(&waiter, 0);
	ipc_waiter_add(&waiter, &pair.a);
	EXPECT(ipc_put(&pair.b, 1, bytes_of("x", 1)) == STATUS_OK);
	began_us = now_us();
	ipc_wait_room(20000);
	EXPECT(now_us() - began_us >= 20000);
	EXPECT(ipc_wait(&waiter, 0));
	pair_close(&pair);
}

/* Whoever waits for one peer sees what others put when that is over, and needs no peer of a channel
 * that is down or was taken out. */
static void test_waiting_for_one_peer(void)
{
	struct ipc_message message = room(sizeof(space));
	struct ipc_waiter waiter;
	struct pair one, other;

	pair_open(&one, &small);
	pair_open(&other, &small);
	ipc_waiter_init(&waiter, 0);
	ipc_waiter_add(&waiter, &one.a);
	ipc_waiter_add(&waiter, &other.a);
	EXPECT(!ipc_wait_near(&waiter, &one.a, 2000));
	EXPECT(ipc_put(&one.b, 1, bytes_of("x", 1)) == STATUS_OK);
	EXPECT(ipc_wait_near(&waiter, &one.a, -1));
	EXPECT(ipc_take(&one.a, &message) == STATUS_OK);
	EXPECT(ipc_put(&other.b, 1, bytes_of("x", 1)) == STATUS_OK);
	EXPECT(ipc_wait_near(&waiter, &one.a, -1));
	EXPECT(ipc_take(&other.a, &message) == STATUS_OK);

	/* Down: a wait for the next peer, which comes. */
	ipc_memory_raise(&one.memory);
	ipc_acknowledge(&one.a);
	EXPECT(!ipc_wait_near(&waiter, &one.a, 2000));
	ipc_memory_raise(&one.memory);
	EXPECT(ipc_wait_near(&waiter, &one.a, -1));

	ipc_waiter_remove(&waiter, &one.a);
	EXPECT(!ipc_wait(&waiter, 2000));
	EXPECT(ipc_put(&other.b, 1, bytes_of("x", 1)) == STATUS_OK);
	EXPECT(ipc_wait(&waiter, -1));
	pair_close(&one);
	pair_close(&other);
}

/* The peer took the message and went to sleep again between head and the look at `sleeping`: the
 * wake then comes before it sleeps in the kernel, and the next put has to wake it. */
static void test_a_wake_for_what_was_taken_ends_no_later_sleep(void)
{
	struct ipc_message message = room(sizeof(space));
	struct buffer payload;
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_reserve(&pair.a, &payload) == STATUS_OK);
	atomic_store(&pair.b.own->tail, 1); /* as the put finds them behind its head */
	atomic_store(&pair.b.own->sleeping, 1);
	ipc_commit(&pair.a, 1, &payload);
	EXPECT(pair.a.woken == 0);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_OK);
	EXPECT(ipc_put(&pair.a, 2, bytes_of("x", 1)) == STATUS_OK);
	EXPECT(pair.a.woken == 1);
	pair_close(&pair);
}

/* A22: a secret sent once does not stay behind in the ring. */
static void test_own_slots_are_wiped_once_the_peer_took_them(void)
{
	struct ipc_message message = room(sizeof(space));
	struct pair pair;

	pair_open(&pair, &small);
	EXPECT(ipc_put(&pair.a, 1, bytes_of("share", 5)) == STATUS_OK);
	EXPECT(!ipc_wipe(&pair.a));
	EXPECT(memcmp(pair.b.peer_slots + 8, "share", 5) == 0);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_OK);
	EXPECT(ipc_wipe(&pair.a));
	for (size_t i = 0; i < 4 * 256; i++)
		EXPECT(pair.b.peer_slots[i] == 0);
	EXPECT(ipc_put(&pair.a, 2, bytes_of("next", 4)) == STATUS_OK);
	EXPECT(ipc_take(&pair.b, &message) == STATUS_OK && message.kind == 2);
	pair_close(&pair);
}

int main(void)
{
	RUN(test_own_slots_are_wiped_once_the_peer_took_them);
	RUN(test_messages_arrive_in_order_and_a_full_ring_says_busy);
	RUN(test_a_slot_holds_its_payload_and_not_one_byte_more);
	RUN(test_a_message_is_filled_in_place);
	RUN(test_a_taken_message_no_longer_depends_on_the_ring);
	RUN(test_the_peers_memory_cannot_be_made_writable);
	RUN(test_descriptors_are_closed_once_mapped);
	RUN(test_memory_of_another_size_is_refused);
	RUN(test_impossible_shapes_are_refused);
	RUN(test_a_head_that_cannot_be_is_complained_about);
	RUN(test_a_tail_that_cannot_be_is_complained_about);
	RUN(test_a_length_that_cannot_be_is_complained_about);
	RUN(test_a_message_over_the_readers_room_is_not_copied);
	RUN(test_a_peers_end_and_return_are_both_acknowledged);
	RUN(test_the_first_complaint_stays);
	RUN(test_only_side_zero_writes_the_window);
	RUN(test_waiting_ends_in_time_when_nothing_comes);
	RUN(test_a_full_rings_sleep_lasts);
	RUN(test_waiting_for_one_peer);
	RUN(test_a_wake_for_what_was_taken_ends_no_later_sleep);
	return test_summary();
}
