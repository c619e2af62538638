/* skewed_clock: the signer's own signer_time.c, asking a machine whose clocks the test sets. What
 * is linked with it is the real signer but for that: no setting of it could do this, nor should
 * one. The offsets lie in the file `clocks` beside the program, mapped before the sandbox. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "skewed_clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base_check.h"

static const struct skewed_clocks *ahead;

static void __attribute__((constructor)) map_clocks(int count, char **arguments)
{
	char path[512];
	const char *slash = count > 0 ? strrchr(arguments[0], '/') : NULL;
	void *at;
	int fd;

	CHECK(slash != NULL);
	snprintf(path, sizeof(path), "%.*s/clocks", (int)(slash - arguments[0]), arguments[0]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	at = mmap(NULL, sizeof(*ahead), PROT_READ, MAP_SHARED, fd, 0);
	CHECK(at != MAP_FAILED);
	close(fd);
	ahead = at;
}

static int skewed_gettime(clockid_t clock, struct timespec *now)
{
	int result = clock_gettime(clock, now);

	if (clock == CLOCK_REALTIME)
		now->tv_sec += atomic_load(&ahead->system_s);
	else if (clock == CLOCK_BOOTTIME)
		now->tv_sec += atomic_load(&ahead->boot_s);
	else
		now->tv_sec += atomic_load(&ahead->run_s);
	return result;
}

#define clock_gettime skewed_gettime
#include "signer_time.c"
