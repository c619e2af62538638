/* ipc_wait: one process waits for messages on all its channels at once.
 *
 * It looks, spins briefly, then sleeps in the kernel; a peer's ipc_put wakes it. On one processor
 * it never spins: the peer could not run. Borrows the channels for as long as it is used. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_WAIT_H
#define IPC_WAIT_H

#include <stdatomic.h>

#include "ipc_channel.h"

#define IPC_WAITER_CHANNELS_MAX 60 /* two futex words each, of 128, and some for the caller */

/* How often to look before sleeping when nothing else is said: about 5 us. Spinning pays only
 * while each busy process has a processor of its own. */
#define IPC_SPINS_DEFAULT 150

/* A wait of at most this learns only at its end that a peer was replaced. */
#define IPC_SHORT_WAIT_US 20000

struct ipc_waiter {
	struct ipc_channel *channels[IPC_WAITER_CHANNELS_MAX];
	size_t count;
	unsigned spins;
	const _Atomic uint32_t *event; /* NULL, or a word whose changes end a wait */
	uint32_t event_seen;
};

/* How long to wait for what is about to come. It comes, so that the timer never has to run out: one
 * that is due before the kernel's own tick would be set in hardware, and taken back, at each wait,
 * which in a virtual machine costs as much as a signature. */
#define IPC_NEAR_WAIT_US 5000

/* ipc_waiter_init makes an empty waiter. `spins` looks before each sleep; 0 on one processor. */
void ipc_waiter_init(struct ipc_waiter *waiter, unsigned spins);

/* ipc_waiter_add adds a channel. */
void ipc_waiter_add(struct ipc_waiter *waiter, struct ipc_channel *channel);

/* ipc_waiter_remove takes a channel out again: nothing comes on it any more. */
void ipc_waiter_remove(struct ipc_waiter *waiter, const struct ipc_channel *channel);

/* ipc_waiter_watch makes each change of `event` (by a signal handler) end one wait early, also when
 * the change came before the wait began. */
void ipc_waiter_watch(struct ipc_waiter *waiter, const _Atomic uint32_t *event);

/* ipc_wait returns true when a channel is ready (ipc_ready), false when `timeout_us` passed
 * (negative: no limit), a signal came, or the wake for a message that was taken
 * before came late. A wait of at most IPC_SHORT_WAIT_US does not end early
 * because a peer was replaced. */
bool ipc_wait(struct ipc_waiter *waiter, int64_t timeout_us);

/* ipc_wait_near waits for one channel's peer alone, whose message is about to come: a sleep on one
 * word, of which no other peer ends it. What others put, or that one of them was replaced, and a
 * signal that came just before, is seen when it is over. Returns as ipc_wait. */
bool ipc_wait_near(struct ipc_waiter *waiter, struct ipc_channel *channel, int64_t timeout_us);

/* ipc_wait_room sleeps for `us`, whatever comes: for who has a full ring before it, since its peer
 * tells nobody when it takes from one. */
void ipc_wait_room(int64_t us);

#endif
