/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox_landlock.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface as of version 6 (Linux 6.12); build machines have older headers. */
struct ruleset_attributes {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

#define FS_ALL_V1    ((1ULL << 13) - 1) /* execute .. make_sym */
#define FS_REFER     (1ULL << 13)       /* since version 2 */
#define FS_TRUNC     (1ULL << 14)       /* since version 3 */
#define FS_IOCTL_DEV (1ULL << 15)       /* since version 5 */
#define NET_ALL      3ULL               /* TCP bind, connect: since version 4 */
#define SCOPED_ALL   3ULL               /* abstract sockets, signals: since version 6 */

_Static_assert(LANDLOCK_ACCESS_FS_MAKE_SYM == 1ULL << 12, "FS_ALL_V1 ends at make_sym");

/* offered_abi returns the level that this kernel has, 0 for none. */
static unsigned offered_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (unsigned)abi : 0;
}

static struct ruleset_attributes handled_by(unsigned abi)
{
	struct ruleset_attributes all = {.handled_fs = FS_ALL_V1};

	if (abi >= 2)
		all.handled_fs |= FS_REFER;
	if (abi >= 3)
		all.handled_fs |= FS_TRUNC;
	if (abi >= 4)
		all.handled_net = NET_ALL;
	if (abi >= 5)
		all.handled_fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		all.scoped = SCOPED_ALL;
	return all;
}

int sandbox_landlock_prepare(uint32_t *ret_abi)
{
	unsigned abi = offered_abi();
	struct ruleset_attributes attributes = handled_by(abi);
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	int ruleset;

	if (abi == 0)
		return SANDBOX_LANDLOCK_NONE;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0)
		return SANDBOX_LANDLOCK_NONE;
	*ret_abi = abi;
	return ruleset;
}

bool sandbox_landlock_enter(int ruleset)
{
	bool entered = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;

	close(ruleset);
	return entered;
}
