/* ipc_futex: sleeping on and waking words of shared memory; private to lib/ipc and the supervisor.
 *
 * Words may be mapped read-only: waiting only reads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IPC_FUTEX_H
#define IPC_FUTEX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define IPC_FUTEX_WORDS_MAX 128 /* the kernel's bound for one futex_waitv */

/* One word and the value at which to go on sleeping. */
struct ipc_futex {
	const _Atomic uint32_t *word;
	uint32_t value;
};

/* ipc_futex_wake wakes everyone that sleeps on the word. */
void ipc_futex_wake(const _Atomic uint32_t *word);

/* ipc_futex_wait sleeps until a word was woken, or already has another value, or a signal came, or
 * `timeout_us` passed (negative: no limit). May return early; the caller looks again. */
void ipc_futex_wait(const struct ipc_futex *words, size_t count, int64_t timeout_us);

#endif
