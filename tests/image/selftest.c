/* selftest: the appliance seen from inside. Stands in for process 1 of an image of its own
 * (tools/image --init): looks at the kernel, leaves a child behind, and becomes the supervisor;
 * when every process is locked in, the child looks at them. Each answer is one line of JSON on the
 * console:
 *   {"event":"selftest","check":"...","ok":true,"found":"..."}
 * and the last one {"event":"selftest.done"}. tests/image/appliance.py reads them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys.h"
#include "unsealer_share.h"

#define SUPERVISOR   "/bin/claviger-supervisor"
#define LOOKS_MAX    1200 /* for all processes to be locked in, 200 ms apart */
#define LOG_BYTES    (1 << 20)
#define TEXT_BYTES   65536
#define READ_ALL_LOG 3

static char text[TEXT_BYTES];

static void say(const char *check, bool ok, const char *found)
{
	char clean[1200];
	size_t len = 0;

	for (; *found != '\0' && len < sizeof(clean) - 1; found++)
		if (*found >= ' ' && *found <= '~' && *found != '"' && *found != '\\')
			clean[len++] = *found;
	clean[len] = '\0';
	printf("{\"event\":\"selftest\",\"check\":\"%s\",\"ok\":%s,\"found\":\"%s\"}\n", check,
	       ok ? "true" : "false", clean);
	fflush(stdout);
}

/* slurp reads a file into `text`; empty when it cannot. */
static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;

	while (fd >= 0 && len < sizeof(text) - 1 &&
	       (got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* ---- the kernel ---- */

static void check_call(const char *check, long result, int wanted)
{
	int error = result < 0 ? errno : 0;

	say(check, result < 0 && error == wanted, result < 0 ? strerror(error) : "it worked");
}

static void check_absent(const char *path)
{
	bool absent = access(path, F_OK) != 0 && errno == ENOENT;

	say(path, absent, absent ? "absent" : "present");
}

static void check_mount(const char *kind)
{
	char name[64];

	snprintf(name, sizeof(name), "mount %s", kind);
	check_call(name, mount("/dev/vda", "/sys", kind, MS_RDONLY, NULL), ENODEV);
}

static void check_lockdown(void)
{
	say("lockdown", strstr(slurp("/sys/kernel/security/lockdown"), "[confidentiality]") != NULL,
	    text);
	say("lsm",
	    strstr(slurp("/sys/kernel/security/lsm"), "lockdown,capability,yama,landlock") != NULL,
	    text);
	say("yama", strncmp(slurp("/proc/sys/kernel/yama/ptrace_scope"), "3", 1) == 0, text);
	say("cmdline", slurp("/proc/cmdline")[0] != '\0', text);
	say("smt", strncmp(slurp("/sys/devices/system/cpu/smt/active"), "1", 1) != 0, text);
	say("release", strstr(slurp("/proc/version"), "-claviger ") != NULL, text);
}

static void check_log(void)
{
	char *log = malloc(LOG_BYTES);
	int len = log != NULL ? klogctl(READ_ALL_LOG, log, LOG_BYTES - 1) : 0;
	const char *mark = NULL;

	if (len > 0) {
		log[len] = '\0';
		mark = strstr(log, "x86/mm: Checked W+X mappings: passed");
		say("no warning of the kernel", strstr(log, "WARNING:") == NULL, "");
	}
	say("no page is writable and executable", mark != NULL, mark != NULL ? "passed" : "?");
	free(log);
}

static void check_calls(void)
{
	pid_t child;

	check_call("init_module", syscall(SYS_init_module, NULL, 0, ""), ENOSYS);
	check_call("finit_module", syscall(SYS_finit_module, 0, "", 0), ENOSYS);
	check_call("kexec_load", syscall(SYS_kexec_load, 0, 0, NULL, 0), ENOSYS);
	check_call("kexec_file_load", syscall(SYS_kexec_file_load, 0, 0, 0, "", 0), ENOSYS);
	check_call("bpf", syscall(SYS_bpf, 0, NULL, 0), ENOSYS);
	check_call("io_uring", syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
	check_call("userfaultfd", syscall(SYS_userfaultfd, 0), ENOSYS);
	check_call("iopl", syscall(SYS_iopl, 3), ENOSYS);
	check_call("modify_ldt", syscall(SYS_modify_ldt, 0, NULL, 0), ENOSYS);
	check_call("ptrace traceme", ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	check_call("ptrace attach", ptrace(PTRACE_ATTACH, child, NULL, NULL), EPERM);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check_call("user namespace", unshare(CLONE_NEWUSER), EINVAL);
	check_call("AF_UNIX", socket(AF_UNIX, SOCK_STREAM, 0), EAFNOSUPPORT);
	check_call("AF_INET6", socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT);
	check_call("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	check_call("swapon", syscall(SYS_swapon, "/dev/vda", 0), ENOSYS);
}

static void check_offers(void)
{
	long fd = syscall(SYS_memfd_secret, 0);
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	char number[16];

	say("memfd_secret", fd >= 0, fd >= 0 ? "offered" : strerror(errno));
	if (fd >= 0)
		close((int)fd);
	snprintf(number, sizeof(number), "%ld", abi);
	say("landlock", abi >= 6, number);
}

static void check_kernel(void)
{
	static const char *const absent[] = {"/dev/mem",    "/dev/kmem",           "/dev/port",
	                                     "/proc/kcore", "/proc/modules",       "/proc/kallsyms",
	                                     "/dev/tty1",   "/proc/sysrq-trigger", "/bin/sh"};
	static const char *const kinds[] = {"debugfs", "tracefs", "ext4",
	                                    "vfat",    "overlay", "fuse"};

	check_lockdown();
	check_log();
	check_calls();
	check_offers();
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		check_absent(absent[i]);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		check_mount(kinds[i]);
}

/* ---- the share ---- */

static struct tpm tpm;
static struct call_start_facts facts;
static struct unsealer unsealer = {.tpm = &tpm, .facts = &facts};

/* take_blobs: everything that unsealing needs is public, and on the data disk. */
static bool take_blobs(void)
{
	static uint8_t raw[APPROVAL_SEALED_MAX];
	static const char *const disks[] = {"/dev/vda", "/dev/vdb"};

	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
		struct buffer sealed = BUFFER_OF_ARRAY(raw);

		unsealer.files.sealed = disk_file_open(disks[i], DISK_SEALED_SHARE, O_RDONLY);
		unsealer.files.approvals = disk_file_open(disks[i], DISK_APPROVALS, O_RDONLY);
		if (disk_file_read(&unsealer.files.sealed, sizeof(raw), &sealed) == STATUS_OK &&
		    approval_sealed_take(buffer_bytes(&sealed), &unsealer.sealed) == STATUS_OK)
			return true;
	}
	return false;
}

/* try_half has the TPM judge a half of the share by the approvals that fit `facts.pcrs`. */
static bool try_half(enum approval_half half)
{
	const struct approval_object *kept = &unsealer.sealed.halves[half];
	struct tpm_object object = {.public_len = kept->public_len,
	                            .private_len = kept->private_len};
	uint8_t policy[32], out[TPM_SHARE_LEN];

	memcpy(object.public_area, kept->public_area, object.public_len);
	memcpy(object.private_area, kept->private_area, object.private_len);
	approval_seal_policy(&unsealer.sealed, half, policy);
	return unsealer_policy(&unsealer, half) &&
	       tpm_unseal(&tpm, &object, policy, out) == STATUS_OK;
}

/* try_share: PH7, by whoever runs as root with all that is on the disk. Before the start it opens;
 * when all serve it must not, and it is the TPM that says so: which PCR values to look for
 * approvals with is what the first time has seen. */
static void try_share(bool capped)
{
	struct tpm_name name, pinned = {.len = sizeof(unsealer.sealed.primary)};
	const char *check = capped ? "the TPM keeps the share after the cap"
	                           : "the TPM gives the share before the cap";
	char found[200];
	bool ready, open;

	keys_open();
	ready = tpm_open("device:/dev/tpmrm0", &tpm) == STATUS_OK &&
	        tpm_startup(&tpm) == STATUS_OK && (capped || take_blobs());
	memcpy(pinned.bytes, unsealer.sealed.primary, sizeof(unsealer.sealed.primary));
	ready =
	    ready && tpm_primary_open(&tpm, false, &pinned, &name) == STATUS_OK &&
	    (capped || tpm_pcr_read(&tpm, (1u << TPM_PCR_COUNT) - 1, facts.pcrs) == STATUS_OK) &&
	    unsealer_choose(&unsealer);
	for (int half = 0; half < APPROVAL_HALF_COUNT; half++) {
		open = ready && try_half((enum approval_half)half);
		snprintf(found, sizeof(found), "half %d: %s, rc 0x%x", half,
		         open                           ? "unsealed"
		         : ready                        ? tpm.what
		         : unsealer.failed.what[0] != 0 ? (const char *)unsealer.failed.what
		                                        : tpm.what,
		         tpm.rc);
		/* Not for want of room or patience: what the authorities approved is not what the
		 * PCRs are. */
		say(check, capped ? ready && !open && tpm_is_policy(&tpm) : open, found);
	}
	tpm_close(&tpm);
}

/* ---- the processes ---- */

struct seen {
	int pid;
	char name[64]; /* last part of its program's path */
};

static struct seen seen[64];
static size_t seen_count;

/* A kernel's thread has no program. */
static void look(void)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;

	seen_count = 0;
	while (folder != NULL && (entry = readdir(folder)) != NULL && seen_count < 64) {
		char path[300], program[200];
		ssize_t len;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
		len = readlink(path, program, sizeof(program) - 1);
		if (len <= 0)
			continue;
		program[len] = '\0';
		seen[seen_count].pid = (int)strtol(entry->d_name, NULL, 10);
		snprintf(seen[seen_count++].name, sizeof(seen[0].name), "%.60s",
		         strrchr(program, '/') + 1);
	}
	if (folder != NULL)
		closedir(folder);
}

static size_t count_of(const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < seen_count; i++)
		count += strcmp(seen[i].name, name) == 0;
	return count;
}

/* Who is there while all serve. */
static const struct {
	const char *name;
	size_t count;
} served_by[] = {
    {"claviger-supervisor", 1},
    {"claviger-bridge",     1},
    {"claviger-authority",  1},
    {"claviger-signer",     1},
    {"claviger-attestor",   1},
    {"claviger-store",      1},
    {"claviger-verifier",   3},
    {"claviger-keeper",     1},
    {"claviger-updater",    1},
};

/* one_of_each: these processes, and no other of ours: who runs once has ended, and nobody is still
 * the supervisor's copy. */
static bool one_of_each(void)
{
	size_t ours = 0, wanted = 0;

	for (size_t i = 0; i < seen_count; i++)
		ours += strncmp(seen[i].name, "claviger-", 9) == 0;
	for (size_t i = 0; i < sizeof(served_by) / sizeof(served_by[0]); i++) {
		if (count_of(served_by[i].name) != served_by[i].count)
			return false;
		wanted += served_by[i].count;
	}
	return ours == wanted;
}

/* all_locked_in: each but process 1 has its filter of system calls, the last thing that lib/sandbox
 * puts on. What is seen before says nothing. */
static bool all_locked_in(void)
{
	char path[64];

	look();
	if (!one_of_each())
		return false;
	for (size_t i = 0; i < seen_count; i++) {
		if (strncmp(seen[i].name, "claviger-", 9) != 0 || seen[i].pid == 1)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/status", seen[i].pid);
		if (strstr(slurp(path), "Seccomp:\t2\n") == NULL)
			return false;
	}
	return true;
}

static void namespace_of(int pid, const char *kind, char *ret_name, size_t cap)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, kind);
	len = readlink(path, ret_name, cap - 1);
	ret_name[len > 0 ? len : 0] = '\0';
}

static void check_process(const struct seen *process)
{
	static const char *const lines[] = {"NoNewPrivs:\t1\n",
	                                    "Seccomp:\t2\n",
	                                    "CapEff:\t0000000000000000\n",
	                                    "CapPrm:\t0000000000000000\n",
	                                    "CapBnd:\t0000000000000000\n",
	                                    "Uid:\t582"};
	char path[64], mine[64], its[64], check[128];
	const char *core;

	snprintf(path, sizeof(path), "/proc/%d/status", process->pid);
	slurp(path);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *line = lines[i];

		/* The keeper sets the card's address anew: CAP_NET_ADMIN, and that alone. */
		if (strcmp(process->name, "claviger-keeper") == 0 && i == 2)
			line = "CapEff:\t0000000000001000\n";
		if (strcmp(process->name, "claviger-keeper") == 0 && i == 3)
			line = "CapPrm:\t0000000000001000\n";
		snprintf(check, sizeof(check), "%s %.*s", process->name, (int)strcspn(line, ":"),
		         line);
		say(check, strstr(text, line) != NULL, "");
	}
	/* With three cores the signer has its own, verifiers the rest, all else the first. */
	snprintf(check, sizeof(check), "%s is on its core", process->name);
	core = sysconf(_SC_NPROCESSORS_ONLN) < 3                 ? "Cpus_allowed_list:\t0"
	       : strcmp(process->name, "claviger-signer") == 0   ? "Cpus_allowed_list:\t1\n"
	       : strcmp(process->name, "claviger-verifier") == 0 ? "Cpus_allowed_list:\t2\n"
	                                                         : "Cpus_allowed_list:\t0\n";
	say(check, strstr(text, core) != NULL, core);
	for (int i = 0; i < 3; i++) {
		const char *kind = i == 0 ? "net" : i == 1 ? "mnt" : "uts";

		namespace_of(1, kind, mine, sizeof(mine));
		namespace_of(process->pid, kind, its, sizeof(its));
		snprintf(check, sizeof(check), "%s %s namespace", process->name, kind);
		say(check, its[0] != '\0' && strcmp(mine, its) != 0, its);
	}
	snprintf(path, sizeof(path), "/proc/%d/maps", process->pid);
	slurp(path);
	snprintf(check, sizeof(check), "%s has no page to write and execute", process->name);
	say(check, text[0] != '\0' && strstr(text, " rwx") == NULL, "");
	if (strcmp(process->name, "claviger-signer") == 0)
		say("signer keeps keys in memfd_secret", strstr(text, "secretmem") != NULL, "");
}

/* Listening sockets (state 0A) of a table in /proc/net; the ports, in hexadecimal. */
static void check_listeners(void)
{
	char ports[200] = "", *row;
	size_t len = 0, count = 0;

	slurp("/proc/net/tcp");
	for (char *line = strchr(text, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
		unsigned address, port, state;

		if (sscanf(line, " %*d: %x:%x %*x:%*x %x", &address, &port, &state) != 3 ||
		    state != 0x0a)
			continue;
		count++;
		len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%x:%u ", address, port);
	}
	say("listening sockets",
	    count == 3 && strstr(ports, "0:8200 ") != NULL && /* clients, operators, metrics */
	        strstr(ports, "0:8201 ") != NULL && strstr(ports, "100007f:9200 ") != NULL,
	    ports);
	slurp("/proc/net/udp");
	row = strchr(text, '\n');
	say("no UDP socket but the keeper's, for DHCP",
	    row != NULL && strstr(row, ": 00000000:0044 ") != NULL &&
	        strchr(row + 1, '\n') != NULL && strchr(row + 1, '\n')[1] == '\0',
	    text);
}

static void check_processes(void)
{
	char list[sizeof(seen)] = "";
	size_t len = 0, foreign = 0;

	for (size_t i = 0; i < seen_count; i++) {
		bool ours = strncmp(seen[i].name, "claviger-", 9) == 0;

		foreign += !ours && seen[i].pid != getpid();
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s ", seen[i].name);
	}
	say("no other process", foreign == 0, list);
	say("one of each", one_of_each(), list);
	for (size_t i = 0; i < seen_count; i++)
		if (strncmp(seen[i].name, "claviger-", 9) == 0 && seen[i].pid != 1)
			check_process(&seen[i]);
	check_listeners();
}

int main(void)
{
	static char *const arguments[] = {SUPERVISOR, NULL}, *const none[] = {NULL};
	static const char *const places[] = {"/sys/kernel/security", "/sys", "/proc", "/dev"};
	int console, kept[2];

	mount("none", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL);
	mount("none", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("none", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount("none", "/sys/kernel/security", "securityfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0) {
		dup2(console, STDOUT_FILENO);
		dup2(console, STDERR_FILENO);
	}
	check_kernel();
	try_share(false);
	/* The child keeps what is mounted here; the supervisor mounts its own. */
	if (pipe(kept) != 0)
		return 1;
	if (fork() != 0) {
		char byte;

		close(kept[1]);
		if (read(kept[0], &byte, 1) != 1)
			return 1;
		close(kept[0]);
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
			if (umount2(places[i], MNT_DETACH) != 0)
				return 1;
		execve(SUPERVISOR, arguments, none);
		return 1;
	}
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    write(kept[1], "k", 1) != 1)
		return 1;
	close(kept[0]);
	close(kept[1]);
	for (int i = 0; i < LOOKS_MAX && !all_locked_in(); i++)
		usleep(200000);
	check_processes();
	try_share(true);
	printf("{\"event\":\"selftest.done\"}\n");
	fflush(stdout);
	return 0;
}
