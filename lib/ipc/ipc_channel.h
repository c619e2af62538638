/* ipc_channel: the only way in which Claviger's processes talk.
 *
 * A channel is two rings of fixed-size slots in shared memory, one in each direction, each with one
 * writer and one reader (ipc_layout.h says who may write what, and the kernel enforces it). Putting
 * and taking make no system call; only a sleeping peer is woken with one (futex).
 *
 * The other side is hostile: it may change its memory at any time, to anything.
 *   - ipc_take copies a message out once; the caller checks the copy and never the ring (H9, H10);
 *   - cursors live in private memory and are never read back from shared memory;
 *   - a length or cursor that cannot be is the peer's crime: ipc_take complains (ipc_complain) and
 *     the supervisor kills the peer.
 *
 * When a peer ends, the supervisor raises the channel's generation. Every call then returns
 * STATUS_CONFLICT until ipc_acknowledge, which drops what was in flight; so the owner sees it at
 * one place, refuses what it had open towards that peer, acknowledges, and goes on. It happens
 * twice: when the peer went (ipc_is_up is false afterwards, calls return STATUS_IO) and when the
 * new one may come (true; now start data can be put).
 *
 * struct ipc_channel is the caller's storage; its fields are private. One thread per channel. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "base_bytes.h"

/* Sizes of one channel, the same in both directions. */
struct ipc_shape {
	uint32_t slot_bytes;   /* with the 8 bytes of the slot's header; a multiple of 64 */
	uint32_t slots;        /* a power of two */
	uint32_t window_bytes; /* 0, or a region that side 0 writes and side 1 reads */
};

#define IPC_SLOT_HEADER         8
#define IPC_PAYLOAD(slot_bytes) ((slot_bytes)-IPC_SLOT_HEADER)
#define IPC_SLOT_BYTES_MAX      (1 << 20)
#define IPC_SLOTS_MAX           1024
#define IPC_WINDOW_BYTES_MAX    (1 << 22)

/* Why a side wants the other to be ended. */
enum ipc_complaint {
	IPC_COMPLAINT_NONE = 0,
	IPC_COMPLAINT_BROKEN,  /* it sent what its row does not permit: treated as taken over */
	IPC_COMPLAINT_LATE,    /* it did not answer in time: a verifier past its limit */
	IPC_COMPLAINT_REPLACE, /* it did nothing wrong; custom code ran in it (A17) */
	IPC_COMPLAINT_COUNT
};

/* Descriptors of one side of a channel, as the supervisor hands them out. */
struct ipc_fds {
	int own;    /* this side's memory, read-write */
	int peer;   /* the other side's, opened read-only */
	int page;   /* the supervisor's, opened read-only */
	int window; /* -1 without a window; read-write for side 0, read-only for side 1 */
};

struct ipc_side;
struct ipc_page;

struct ipc_channel {
	struct ipc_side *own;
	const struct ipc_side *peer;
	const struct ipc_page *page;
	uint8_t *own_slots;
	const uint8_t *peer_slots;
	uint8_t *window_own;   /* NULL when this side may only read it */
	const uint8_t *window; /* NULL without a window */
	struct ipc_shape shape;
	uint32_t head;       /* private truth of own->head */
	uint32_t tail;       /* private truth of own->tail */
	uint32_t high;       /* most slots ever used since the last reset: what to wipe */
	uint32_t generation; /* last acknowledged */
	uint32_t woken;      /* the peer's sleep that was already ended by a wake */
	bool complained;
};

/* One received message: the caller gives payload.data and payload.cap, usually of
 * IPC_PAYLOAD(slot_bytes); ipc_take sets kind and payload.len. */
struct ipc_message {
	uint32_t kind;
	struct buffer payload;
};

/* ipc_shape_check returns STATUS_OK when a channel of this shape can exist. */
MUST_USE enum status ipc_shape_check(const struct ipc_shape *shape);

/* ipc_channel_open maps one side of a channel (phase 1 of a process) and closes all descriptors in
 * `fds`, also on failure. The channel starts empty at the current generation. */
MUST_USE enum status ipc_channel_open(struct ipc_channel *channel, const struct ipc_shape *shape,
                                      const struct ipc_fds *fds, unsigned side);

/* ipc_channel_close unmaps; for tests, since processes keep their channels until they end. */
void ipc_channel_close(struct ipc_channel *channel);

/* ipc_put copies one message into the ring and wakes the peer when it sleeps. STATUS_BUSY: the ring
 * is full; STATUS_TOO_LARGE: longer than a slot; STATUS_CONFLICT: acknowledge first; STATUS_IO: the
 * peer is away. */
MUST_USE enum status ipc_put(struct ipc_channel *channel, uint32_t kind, struct bytes payload);

/* ipc_reserve lends the next free slot's payload space (len 0), to be filled in place; ipc_commit
 * sends its first buffer->len bytes. Between the two no other put on this channel. What is in the
 * slot is readable by the peer at once and must not be read back to decide anything. */
MUST_USE enum status ipc_reserve(struct ipc_channel *channel, struct buffer *ret_payload);
void ipc_commit(struct ipc_channel *channel, uint32_t kind, const struct buffer *payload);

/* ipc_take copies the oldest message out and frees its slot. STATUS_BUSY: nothing there;
 * STATUS_CONFLICT and STATUS_IO as ipc_put; STATUS_MALFORMED: the peer broke the ring's rules or
 * sent more than payload.cap: it was complained about and nothing more comes from it. */
MUST_USE enum status ipc_take(struct ipc_channel *channel, struct ipc_message *message);

/* ipc_complain asks the supervisor to end the peer; the first complaint stays. From then on
 * ipc_take and ipc_put return STATUS_IO until the new peer is there. */
void ipc_complain(struct ipc_channel *channel, enum ipc_complaint why);

/* ipc_acknowledge accepts the new generation after STATUS_CONFLICT: both rings are empty, and this
 * side's slots and window are wiped, so that the next process sees nothing of the last (A17). */
void ipc_acknowledge(struct ipc_channel *channel);

/* ipc_is_up is true when the peer may be talked to. */
bool ipc_is_up(const struct ipc_channel *channel);

/* ipc_ready is true when ipc_take would return something else than STATUS_BUSY or STATUS_IO. */
bool ipc_ready(const struct ipc_channel *channel);

/* ipc_pending counts own messages that the peer has not taken yet. */
uint32_t ipc_pending(const struct ipc_channel *channel);

/* ipc_wipe zeroes this side's slots once the peer has taken everything (true), for messages that
 * carried a secret; false, and nothing done, while it has not. Only the writer can wipe: the peer
 * maps the slots read-only. */
MUST_USE bool ipc_wipe(struct ipc_channel *channel);

/* ipc_window_write returns the window's space (cap) for side 0; ipc_window_read its bytes for side
 * 1, which may change at any time: copy out first. Empty without a window. */
struct buffer ipc_window_write(struct ipc_channel *channel);
struct bytes ipc_window_read(const struct ipc_channel *channel);

/* ipc_copy_in copies bytes that a peer may be changing; the only way to read shared memory. */
void ipc_copy_in(void *to, const void *shared, size_t len);

#endif
