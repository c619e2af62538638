/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox_landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface as of version 6 (Linux 6.12); build machines have older headers. */
struct ruleset_attributes {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

#define FS_EXECUTE   (1ULL << 0)
#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR  (1ULL << 3)
#define FS_IOCTL_DEV (1ULL << 15)

#define FS_ALL_V1  ((1ULL << 13) - 1) /* execute .. make_sym */
#define FS_REFER   (1ULL << 13)       /* since version 2 */
#define FS_TRUNC   (1ULL << 14)       /* since version 3 */
#define NET_ALL    3ULL               /* TCP bind, connect: since version 4 */
#define SCOPED_ALL 3ULL               /* abstract sockets, signals: since version 6 */

/* What a writable directory allows: everything but execution, devices' ioctl and special files. */
#define FS_MAKE_SPECIAL (1ULL << 6 | 1ULL << 9 | 1ULL << 10 | 1ULL << 11)
#define FS_WRITABLE     ((FS_ALL_V1 | FS_REFER | FS_TRUNC) & ~(FS_EXECUTE | FS_MAKE_SPECIAL))
#define FS_READABLE     (FS_READ_FILE | FS_READ_DIR)

_Static_assert(LANDLOCK_ACCESS_FS_MAKE_SYM == 1ULL << 12, "FS_ALL_V1 ends at make_sym");
_Static_assert(LANDLOCK_ACCESS_FS_MAKE_CHAR == 1ULL << 6 &&
                   LANDLOCK_ACCESS_FS_MAKE_SOCK == 1ULL << 9 &&
                   LANDLOCK_ACCESS_FS_MAKE_FIFO == 1ULL << 10 &&
                   LANDLOCK_ACCESS_FS_MAKE_BLOCK == 1ULL << 11,
               "FS_MAKE_SPECIAL");

unsigned sandbox_landlock_abi(void)
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

static bool add_path(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = handled & (path->writable ? FS_WRITABLE : FS_READABLE),
	    .parent_fd = open(path->path, O_PATH | O_CLOEXEC | O_DIRECTORY),
	};
	bool added = rule.parent_fd >= 0 && syscall(SYS_landlock_add_rule, ruleset,
	                                            LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;

	if (rule.parent_fd >= 0)
		close(rule.parent_fd);
	return added;
}

int sandbox_landlock_prepare(const struct sandbox_rules *rules, uint32_t *ret_abi)
{
	unsigned abi = sandbox_landlock_abi();
	struct ruleset_attributes attributes = handled_by(abi);
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	int ruleset;

	if (abi == 0)
		return SANDBOX_LANDLOCK_NONE;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0)
		return SANDBOX_LANDLOCK_NONE;
	for (size_t i = 0; i < rules->path_count; i++) {
		if (!add_path(ruleset, &rules->paths[i], attributes.handled_fs)) {
			close(ruleset);
			return SANDBOX_LANDLOCK_FAILED;
		}
	}
	*ret_abi = abi;
	return ruleset;
}

bool sandbox_landlock_enter(int ruleset)
{
	bool entered = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;

	close(ruleset);
	return entered;
}
