/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc_channel.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"
#include "ipc_futex.h"
#include "ipc_layout.h"

#define SIDE_BYTES(shape) (IPC_SLOTS_AT + (size_t)(shape)->slot_bytes * (shape)->slots)

#define LOCKED_BYTES_MAX (64 * 1024)

enum status ipc_shape_check(const struct ipc_shape *shape)
{
	if (shape->slot_bytes < 64 || shape->slot_bytes > IPC_SLOT_BYTES_MAX ||
	    shape->slot_bytes % 64 != 0)
		return STATUS_MALFORMED;
	if (shape->slots == 0 || shape->slots > IPC_SLOTS_MAX ||
	    (shape->slots & (shape->slots - 1)) != 0)
		return STATUS_MALFORMED;
	if (shape->window_bytes > IPC_WINDOW_BYTES_MAX || shape->window_bytes % 4096 != 0)
		return STATUS_MALFORMED;
	return STATUS_OK;
}

/* The compiler must neither read the source twice nor look at it again later. */
__attribute__((noinline)) void ipc_copy_in(void *to, const void *shared, size_t len)
{
	__asm__ volatile("" : : "r"(shared) : "memory");
	if (len != 0)
		memcpy(to, shared, len);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* map returns NULL when the memory is not exactly as large as agreed. */
static void *map(int fd, size_t len, bool writable)
{
	struct stat stat;
	void *at;

	if (fd < 0 || fstat(fd, &stat) != 0 || stat.st_size != (off_t)len)
		return NULL;
	at = mmap(NULL, len, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	return at != MAP_FAILED ? at : NULL;
}

static void close_fds(const struct ipc_fds *fds)
{
	const int all[] = {fds->own, fds->peer, fds->page, fds->window};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			close(all[i]);
}

static bool map_all(struct ipc_channel *channel, const struct ipc_fds *fds, unsigned side)
{
	size_t len = SIDE_BYTES(&channel->shape), window = channel->shape.window_bytes;

	channel->own = map(fds->own, len, true);
	channel->peer = map(fds->peer, len, false);
	channel->page = map(fds->page, IPC_PAGE_BYTES, false);
	if (window != 0) {
		uint8_t *at = map(fds->window, window, side == 0);

		channel->window = at;
		channel->window_own = side == 0 ? at : NULL;
	}
	return channel->own != NULL && channel->peer != NULL && channel->page != NULL &&
	       (window == 0 || channel->window != NULL);
}

enum status ipc_channel_open(struct ipc_channel *channel, const struct ipc_shape *shape,
                             const struct ipc_fds *fds, unsigned side)
{
	struct ipc_channel opened = {.shape = *shape};
	enum status status = ipc_shape_check(shape);
	bool mapped = status == STATUS_OK && map_all(&opened, fds, side);

	close_fds(fds);
	if (status != STATUS_OK)
		return status;
	if (!mapped) {
		ipc_channel_close(&opened);
		return STATUS_IO;
	}
	/* A small channel may carry a secret (the node share): out of swap where the limit allows.
	 */
	if (SIDE_BYTES(shape) <= LOCKED_BYTES_MAX) {
		(void)mlock(opened.own, SIDE_BYTES(shape));
		(void)mlock(opened.peer, SIDE_BYTES(shape));
	}
	opened.own_slots = (uint8_t *)opened.own + IPC_SLOTS_AT;
	opened.peer_slots = (const uint8_t *)opened.peer + IPC_SLOTS_AT;
	opened.generation = atomic_load(&opened.page->generation);
	atomic_store(&opened.own->acknowledged, opened.generation);
	*channel = opened;
	return STATUS_OK;
}

static void unmap(const void *at, size_t len)
{
	if (at != NULL)
		munmap((void *)(uintptr_t)at, len);
}

void ipc_channel_close(struct ipc_channel *channel)
{
	unmap(channel->own, SIDE_BYTES(&channel->shape));
	unmap(channel->peer, SIDE_BYTES(&channel->shape));
	unmap(channel->page, IPC_PAGE_BYTES);
	unmap(channel->window, channel->shape.window_bytes);
	*channel = (struct ipc_channel){0};
}

static bool is_stale(const struct ipc_channel *channel)
{
	return atomic_load_explicit(&channel->page->generation, memory_order_acquire) !=
	       channel->generation;
}

bool ipc_is_up(const struct ipc_channel *channel)
{
	return channel->generation % 2 == 0 && !channel->complained;
}

static enum status usable(const struct ipc_channel *channel)
{
	if (is_stale(channel))
		return STATUS_CONFLICT;
	return ipc_is_up(channel) ? STATUS_OK : STATUS_IO;
}

static struct ipc_slot *own_slot(const struct ipc_channel *channel)
{
	size_t at = channel->head & (channel->shape.slots - 1);

	return (struct ipc_slot *)(void *)(channel->own_slots + at * channel->shape.slot_bytes);
}

uint32_t ipc_pending(const struct ipc_channel *channel)
{
	return channel->head - atomic_load_explicit(&channel->peer->tail, memory_order_acquire);
}

enum status ipc_reserve(struct ipc_channel *channel, struct buffer *ret_payload)
{
	enum status status = usable(channel);
	uint32_t pending;

	if (status != STATUS_OK)
		return status;
	pending = ipc_pending(channel);
	if (pending > channel->shape.slots) { /* it took what was never put */
		if (is_stale(channel))
			return STATUS_CONFLICT;
		ipc_complain(channel, IPC_COMPLAINT_BROKEN);
		return STATUS_IO;
	}
	if (pending == channel->shape.slots)
		return STATUS_BUSY;
	*ret_payload =
	    (struct buffer){own_slot(channel)->payload, IPC_PAYLOAD(channel->shape.slot_bytes), 0};
	return STATUS_OK;
}

/* One wake per sleep is enough: after the first put of a sleep the reader cannot block again. But a
 * reader that took the message before this looks may have gone to sleep since, behind a wake that
 * would find it not yet asleep: that sleep waits for the next put, so it is not counted as ended.
 */
static void wake_peer(struct ipc_channel *channel)
{
	uint32_t sleeping;

	atomic_thread_fence(memory_order_seq_cst); /* pairs with ipc_wait: head before sleeping */
	/* What the peer took before this sleep began is seen with it. */
	sleeping = atomic_load_explicit(&channel->peer->sleeping, memory_order_acquire);
	if (sleeping % 2 == 0 || sleeping == channel->woken || ipc_pending(channel) == 0)
		return;
	channel->woken = sleeping;
	ipc_futex_wake(&channel->own->head);
}

void ipc_commit(struct ipc_channel *channel, uint32_t kind, const struct buffer *payload)
{
	struct ipc_slot *slot = own_slot(channel);

	CHECK(payload->data == slot->payload &&
	      payload->len <= IPC_PAYLOAD(channel->shape.slot_bytes));
	slot->kind = kind;
	slot->len = (uint32_t)payload->len;
	channel->head++;
	if (channel->high < channel->shape.slots)
		channel->high++;
	atomic_store_explicit(&channel->own->head, channel->head, memory_order_release);
	wake_peer(channel);
}

enum status ipc_put(struct ipc_channel *channel, uint32_t kind, struct bytes payload)
{
	struct buffer space;
	enum status status;

	if (payload.len > IPC_PAYLOAD(channel->shape.slot_bytes))
		return STATUS_TOO_LARGE;
	status = ipc_reserve(channel, &space);
	if (status == STATUS_OK)
		status = buffer_put(&space, payload);
	if (status == STATUS_OK)
		ipc_commit(channel, kind, &space);
	return status;
}

/* broke ends a peer that broke the ring's rules, unless it is only gone and half reset. */
static enum status broke(struct ipc_channel *channel)
{
	if (is_stale(channel))
		return STATUS_CONFLICT;
	ipc_complain(channel, IPC_COMPLAINT_BROKEN);
	return STATUS_MALFORMED;
}

enum status ipc_take(struct ipc_channel *channel, struct ipc_message *message)
{
	enum status status = usable(channel);
	const uint8_t *shared;
	struct ipc_slot slot;
	uint32_t waiting;

	if (status != STATUS_OK)
		return status;
	waiting = atomic_load_explicit(&channel->peer->head, memory_order_acquire) - channel->tail;
	if (waiting == 0)
		return STATUS_BUSY;
	if (waiting > channel->shape.slots)
		return broke(channel);
	shared = channel->peer_slots +
	         (size_t)(channel->tail & (channel->shape.slots - 1)) * channel->shape.slot_bytes;
	ipc_copy_in(&slot, shared, IPC_SLOT_HEADER);
	if (slot.len > IPC_PAYLOAD(channel->shape.slot_bytes) || slot.len > message->payload.cap)
		return broke(channel);
	ipc_copy_in(message->payload.data, shared + IPC_SLOT_HEADER, slot.len);
	message->payload.len = slot.len;
	message->kind = slot.kind;
	channel->tail++;
	atomic_store_explicit(&channel->own->tail, channel->tail, memory_order_release);
	return STATUS_OK;
}

void ipc_complain(struct ipc_channel *channel, enum ipc_complaint why)
{
	if (channel->complained)
		return;
	channel->complained = true;
	atomic_store(&channel->own->complaint, (uint32_t)why);
	ipc_futex_wake(&channel->own->complaint);
}

/* Slots from `high` on were never used. */
static void wipe_slots(struct ipc_channel *channel)
{
	memset(channel->own_slots, 0, (size_t)channel->high * channel->shape.slot_bytes);
	__asm__ volatile("" : : "r"(channel->own_slots) : "memory");
}

void ipc_acknowledge(struct ipc_channel *channel)
{
	uint32_t generation = atomic_load(&channel->page->generation);

	channel->head = channel->tail = channel->woken = 0;
	atomic_store(&channel->own->head, 0);
	atomic_store(&channel->own->tail, 0);
	atomic_store(&channel->own->complaint, 0);
	channel->complained = false;
	wipe_slots(channel);
	if (channel->window_own != NULL)
		memset(channel->window_own, 0, channel->shape.window_bytes);
	channel->generation = generation;
	atomic_store(&channel->own->acknowledged, generation);
	ipc_futex_wake(&channel->own->acknowledged);
}

bool ipc_ready(const struct ipc_channel *channel)
{
	if (is_stale(channel))
		return true;
	return ipc_is_up(channel) &&
	       atomic_load_explicit(&channel->peer->head, memory_order_acquire) != channel->tail;
}

bool ipc_wipe(struct ipc_channel *channel)
{
	if (ipc_pending(channel) != 0)
		return false;
	wipe_slots(channel);
	return true;
}

struct buffer ipc_window_write(struct ipc_channel *channel)
{
	size_t cap = channel->window_own != NULL ? channel->shape.window_bytes : 0;

	return (struct buffer){channel->window_own, cap, 0};
}

struct bytes ipc_window_read(const struct ipc_channel *channel)
{
	return bytes_of(channel->window, channel->window != NULL ? channel->shape.window_bytes : 0);
}
