/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox_landlock.h"

/* Descriptors are looked for one by one below this number, and closed unseen from it on. */
#define DESCRIPTORS_SEEN 1024

/* Standard error may be a file, and a process must not end because its log grew. */
#define LOG_FILE_BYTES_MAX (UINT64_C(1) << 40)

static bool is_listed(const struct sandbox_rules *rules, int fd)
{
	for (size_t i = 0; i < rules->descriptor_count; i++)
		if (rules->descriptors[i] == fd)
			return true;
	return false;
}

static bool check_descriptors(const struct sandbox_rules *rules)
{
	for (size_t i = 0; i < rules->descriptor_count; i++)
		if (rules->descriptors[i] < 0 || rules->descriptors[i] >= DESCRIPTORS_SEEN)
			return false;
	for (int fd = 0; fd < DESCRIPTORS_SEEN; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != is_listed(rules, fd))
			return false;
	return syscall(SYS_close_range, DESCRIPTORS_SEEN, ~0U, 0) == 0;
}

static void enter_namespaces(struct sandbox_report *report)
{
	static const struct {
		int flag;
		enum sandbox_layer layer;
	} spaces[] = {
	    {CLONE_NEWNET,    SANDBOX_LAYER_NET_NS   },
            {CLONE_NEWIPC,    SANDBOX_LAYER_IPC_NS   },
	    {CLONE_NEWUTS,    SANDBOX_LAYER_UTS_NS   },
            {CLONE_NEWCGROUP, SANDBOX_LAYER_CGROUP_NS},
	    {CLONE_NEWNS,     SANDBOX_LAYER_MOUNT_NS },
	};

	if (geteuid() != 0 && unshare(CLONE_NEWUSER) == 0)
		report->layers |= SANDBOX_LAYER_USER_NS;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (unshare(spaces[i].flag) == 0)
			report->layers |= spaces[i].layer;
}

/* The root becomes an empty, read-only tmpfs; nothing of the old tree stays reachable. */
static void enter_empty_root(struct sandbox_report *report)
{
	if ((report->layers & SANDBOX_LAYER_MOUNT_NS) == 0)
		return;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/proc", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
	          "size=4k,nr_inodes=1,mode=0555") != 0 ||
	    chdir("/proc") != 0)
		return;
	/* The appliance's root is the kernel's first one, which cannot be pivoted away: there the
	 * empty one is moved over it. */
	if (syscall(SYS_pivot_root, ".", ".") == 0
	        ? umount2(".", MNT_DETACH) != 0
	        : mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0)
		return;
	if (chdir("/") != 0)
		return;
	report->layers |= SANDBOX_LAYER_EMPTY_ROOT;
}

static bool take_uid(uint32_t uid, bool keep_capabilities, struct sandbox_report *report)
{
	if (uid == 0 || geteuid() != 0)
		return true;
	if (keep_capabilities && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return false;
	if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return false;
	report->layers |= SANDBOX_LAYER_OWN_UID;
	return true;
}

/* The bounding set can only be emptied with CAP_SETPCAP, which take_uid gives away; so it comes
 * before, and its refusal (not root, no user namespace) is fine: there is nothing to bound. */
static void empty_bounding_set(bool keep_capabilities)
{
	for (int cap = 0; cap <= 63; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_SET_SECUREBITS,
	            SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP_LOCKED |
	                (keep_capabilities ? 0 : SECBIT_KEEP_CAPS_LOCKED) |
	                SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
	            0, 0, 0);
}

static bool drop_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	uint32_t low = (uint32_t)kept, high = (uint32_t)(kept >> 32);
	struct __user_cap_data_struct sets[2] = {
	    {low,  low,  0},
            {high, high, 0}
        };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, sets) == 0;
}

static bool limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit both = {value, value}, now;

	/* Where the machine gives less, that is the limit. */
	if (getrlimit(resource, &now) == 0 && now.rlim_max < value)
		both.rlim_cur = both.rlim_max = now.rlim_max;
	return setrlimit(resource, &both) == 0;
}

static bool set_limits(const struct sandbox_rules *rules)
{
	rlim_t descriptors = rules->descriptors_max, bytes = rules->file_bytes_max;
	int highest = 0;

	if (bytes < LOG_FILE_BYTES_MAX)
		bytes = LOG_FILE_BYTES_MAX;

	for (size_t i = 0; i < rules->descriptor_count; i++)
		if (rules->descriptors[i] > highest)
			highest = rules->descriptors[i];
	if (descriptors < (rlim_t)highest + 1)
		descriptors = (rlim_t)highest + 1;
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_FSIZE, bytes) &&
	       limit(RLIMIT_NOFILE, descriptors) && limit(RLIMIT_MSGQUEUE, 0);
}

/* A change of uid has cleared the parent-death signal and may have set dumpable again. */
static bool set_process_flags(pid_t parent)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
	       prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

static bool enter_seccomp(const struct sandbox_rules *rules, struct sandbox_report *report)
{
	/* The kernel's interface is not const; it only reads. */
	struct sock_fprog program = {(unsigned short)rules->filter_count,
	                             (struct sock_filter *)(uintptr_t)rules->filter};

	if (rules->filter_count == 0 || rules->filter_count > BPF_MAXINSNS)
		return false;
	report->layers |= SANDBOX_LAYER_SECCOMP;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
	       0;
}

static const char *enter(const struct sandbox_rules *rules, struct sandbox_report *report)
{
	pid_t parent = getppid();
	int landlock;

	if (!check_descriptors(rules))
		return "descriptors";
	(void)setsid();
	(void)umask(077);
	landlock = sandbox_landlock_prepare(&report->landlock_abi);
	enter_namespaces(report);
	enter_empty_root(report);
	empty_bounding_set(rules->capabilities != 0);
	if (!take_uid(rules->uid, rules->capabilities != 0, report))
		return "uid";
	if (!drop_capabilities(rules->capabilities))
		return "capabilities";
	if (!set_limits(rules))
		return "limits";
	if (!set_process_flags(parent))
		return "process flags";
	if (landlock >= 0) {
		if (!sandbox_landlock_enter(landlock))
			return "landlock";
		report->layers |= SANDBOX_LAYER_LANDLOCK;
	}
	return enter_seccomp(rules, report) ? NULL : "seccomp";
}

enum status sandbox_enter(const struct sandbox_rules *rules, struct sandbox_report *ret_report)
{
	*ret_report = (struct sandbox_report){0};
	ret_report->failed = enter(rules, ret_report);
	return ret_report->failed == NULL ? STATUS_OK : STATUS_REFUSED;
}

void sandbox_report_text(const struct sandbox_report *report, char text[SANDBOX_REPORT_TEXT_MAX])
{
	static const char *const names[] = {
	    "user-namespace",   "network-namespace", "ipc-namespace", "uts-namespace",
	    "cgroup-namespace", "mount-namespace",   "empty-root",    "own-uid",
	    "landlock",         "seccomp",
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((report->layers & 1U << i) != 0 && len < SANDBOX_REPORT_TEXT_MAX)
			len += (size_t)snprintf(text + len, SANDBOX_REPORT_TEXT_MAX - len, "%s%s",
			                        len != 0 ? " " : "", names[i]);
}

uint32_t sandbox_report_missing(const struct sandbox_report *report)
{
	return SANDBOX_LAYERS_OF_HOST & ~report->layers;
}

void sandbox_report_cost(const struct sandbox_report *report, char text[SANDBOX_REPORT_TEXT_MAX])
{
	static const struct {
		uint32_t layer;
		const char *cost;
	} costs[] = {
	    {SANDBOX_LAYER_NET_NS,     "no network namespace: seccomp alone keeps it from the network"},
	    {SANDBOX_LAYER_EMPTY_ROOT,
	     "the host's files are in sight: seccomp and Landlock alone refuse them"                  },
	    {SANDBOX_LAYER_OWN_UID,
	     "one user id for all processes: the kernel does not tell them apart"                     },
	    {SANDBOX_LAYER_LANDLOCK,
	     "no Landlock: seccomp and the empty root alone keep files away"                          },
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		if ((report->layers & costs[i].layer) == 0 && len < SANDBOX_REPORT_TEXT_MAX)
			len += (size_t)snprintf(text + len, SANDBOX_REPORT_TEXT_MAX - len, "%s%s",
			                        len != 0 ? "; " : "", costs[i].cost);
}
