/* base_lock: a file or folder that one process at a time may have (flock(2)). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base_status.h"

/* lock_await takes the lock of an open file or folder, and waits up to five seconds for a process
 * that is about to end: after a crash of the whole its parts are killed, too, and have their files
 * a moment longer than the next start takes to ask for them. STATUS_BUSY when another process still
 * has it then; STATUS_IO. The lock goes with the last descriptor of this opening. */
MUST_USE enum status lock_await(int fd);

#endif
