/* ipc_memory: makes the shared memory of a channel and keeps the supervisor's half of its protocol.
 *
 * For the supervisor (and tests). It maps both sides' marks, to read complaints and
 * acknowledgements; it never maps messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_MEMORY_H
#define IPC_MEMORY_H

#include "ipc_channel.h"
#include "ipc_futex.h"

struct ipc_memory {
	struct ipc_shape shape;
	int side_fd[2];
	int page_fd;
	int window_fd; /* -1 without a window */
	struct ipc_side *side[2];
	struct ipc_page *page;
};

/* ipc_memory_make creates the memory of one channel; sizes are sealed. */
MUST_USE enum status ipc_memory_make(struct ipc_memory *memory, const struct ipc_shape *shape);

/* ipc_memory_close unmaps and closes everything. */
void ipc_memory_close(struct ipc_memory *memory);

/* ipc_memory_lend opens the four descriptors of one side anew, each with exactly the access that
 * the side has (read-only ones cannot be mapped for writing). They are close-on-exec; the caller
 * closes them or passes them on. */
MUST_USE enum status ipc_memory_lend(const struct ipc_memory *memory, unsigned side,
                                     struct ipc_fds *ret_fds);

/* ipc_memory_raise ends the present generation: from even to odd when a process went, from odd to
 * even when the next may come; wakes both sides. */
void ipc_memory_raise(struct ipc_memory *memory);

/* ipc_memory_reset_side clears the marks and slots of a process that has ended (after waitpid). */
MUST_USE enum status ipc_memory_reset_side(struct ipc_memory *memory, unsigned side);

/* ipc_memory_is_acknowledged is true when `side` has accepted the present generation. */
bool ipc_memory_is_acknowledged(const struct ipc_memory *memory, unsigned side);

/* ipc_memory_is_up is true in an even generation. */
bool ipc_memory_is_up(const struct ipc_memory *memory);

/* ipc_memory_complaint is what `side` says about the other; IPC_COMPLAINT_BROKEN for a word that
 * is no complaint at all. */
enum ipc_complaint ipc_memory_complaint(const struct ipc_memory *memory, unsigned side);

/* ipc_memory_watch gives the two words of `side` that the supervisor sleeps on. */
void ipc_memory_watch(const struct ipc_memory *memory, unsigned side,
                      struct ipc_futex ret_words[2]);

#endif
