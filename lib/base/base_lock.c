/* SPDX-License-Identifier: Apache-2.0 */
#include "base_lock.h"

#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

#define TRIES    500
#define PAUSE_US 10000

enum status lock_await(int fd)
{
	for (int i = 0; i < TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return STATUS_OK;
		if (errno != EWOULDBLOCK)
			return STATUS_IO;
		usleep(PAUSE_US);
	}
	return STATUS_BUSY;
}
