/* ipc_layout: what two processes and the supervisor see in shared memory; private to lib/ipc and
 * the supervisor.
 *
 * A channel joins two processes, side 0 and side 1. It is three pieces of sealed memfd (their size
 * cannot change, so no peer can make the other fault):
 *   side 0, side 1   written by that side alone, mapped read-only by the other;
 *   page             written by the supervisor alone, mapped read-only by both.
 * Side S holds the ring of messages from S (head, slots) and S's own marks about the ring to S
 * (tail, sleeping, complaint, acknowledged). So each ring has one writer and one reader, and nobody
 * can write what another one decides by. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_LAYOUT_H
#define IPC_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

struct ipc_side {
	_Alignas(64) _Atomic uint32_t head; /* messages put by this side since the last reset */
	_Alignas(64) _Atomic uint32_t tail; /* messages that this side took from the other */
	_Atomic uint32_t sleeping;          /* counts up; odd: this side sleeps, wake it */
	_Alignas(64) _Atomic uint32_t complaint; /* enum ipc_complaint about the other side */
	_Atomic uint32_t acknowledged;           /* the last generation this side has accepted */
};

struct ipc_page {
	_Atomic uint32_t generation; /* even: both sides may talk; odd: one side is gone */
};

struct ipc_slot {
	uint32_t kind;
	uint32_t len;
	uint8_t payload[];
};

#define IPC_SLOTS_AT   4096 /* slots begin at the second page of a side */
#define IPC_PAGE_BYTES 4096

_Static_assert(sizeof(struct ipc_side) <= IPC_SLOTS_AT, "a side's marks fit its first page");

#endif
