/* Every process x every act: dies or is refused (S20, H8, M4). The acts are tried by attack
 * programs that have the real processes' skeleton and seccomp policy, as root with user ids of
 * their own and, when the test itself runs as root, a second time as one unprivileged user. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack_acts.h"
#include "base_check.h"
#include "base_test.h"
#include "log_line.h"
#include "proc_start.h"

#define PLAIN_UID 65534

static char state_dir[] = "/tmp/sandbox_test_XXXXXX";
static bool plain; /* run the attack program as an unprivileged user */
static bool poor;  /* and as on a kernel without user namespaces, mounts and Landlock */
static unsigned tried, killed, refused;
static off_t last_log_bytes; /* what the last attack program logged */

static void put_setting(struct proc_start *start, const char *name, const char *value)
{
	struct proc_start_setting *setting = &start->settings[start->setting_count++];

	snprintf(setting->name, sizeof(setting->name), "%s", name);
	snprintf(setting->value, sizeof(setting->value), "%s", value);
}

static int start_fd_for(enum proc_role role, const char *act)
{
	static struct proc_start start;
	int fd = memfd_create("start", 0);

	start = (struct proc_start){.magic = PROC_START_MAGIC,
	                            .role = role,
	                            .uid = plain || geteuid() != 0 ? 0 : PROC_UID_BASE + role,
	                            .log_level = LOG_ERROR,
	                            .report_fd = PROC_FIRST_FD};
	put_setting(&start, "act", act);
	put_setting(&start, "state_dir", state_dir);
	CHECK(fd >= 0 && write(fd, &start, sizeof(start)) == (ssize_t)sizeof(start));
	return fd;
}

/* From here on unshare and mount are not permitted, Landlock does not exist. */
static bool become_poor(void)
{
	static struct sock_filter code[] = {
	    {BPF_LD | BPF_W | BPF_ABS, 0, 0,                        offsetof(struct seccomp_data, nr)},
	    {BPF_JMP | BPF_JEQ | BPF_K,                        4, 0, SYS_unshare                           },
	    {BPF_JMP | BPF_JEQ | BPF_K,                        3, 0, SYS_mount},
	    {BPF_JMP | BPF_JEQ | BPF_K,                        1, 0, SYS_landlock_create_ruleset                           },
	    {BPF_RET | BPF_K,                        0,           0,           SECCOMP_RET_ALLOW},
	    {BPF_RET | BPF_K,                        0,           0,           SECCOMP_RET_ERRNO | ENOSYS                           },
	    {BPF_RET | BPF_K,                        0,           0,           SECCOMP_RET_ERRNO | EPERM},
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs attack-ROLE and returns its wait status. Its standard error is a file. */
static int attack(enum proc_role role, const char *act)
{
	int start = start_fd_for(role, act), report = memfd_create("report", 0), status;
	int log = memfd_create("log", MFD_CLOEXEC);
	char path[512];
	pid_t pid;

	CHECK(report >= 0 && ftruncate(report, 4096) == 0);
	snprintf(path, sizeof(path), "%s/tests/attack-%s", BUILD_DIR, proc_name(role));
	pid = fork();
	if (pid == 0) {
		char *const args[] = {path, NULL};
		int one = fcntl(start, F_DUPFD, 100), two = fcntl(report, F_DUPFD, 100);
		/* Opened by who runs the test: another user may not reach the build's folder. */
		int opened = open(path, O_PATH), program = fcntl(opened, F_DUPFD, 100);

		if (program < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(one, PROC_START_FD) < 0 ||
		    dup2(two, PROC_FIRST_FD) < 0 ||
		    close_range(PROC_FIRST_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
			_exit(99);
		if (plain &&
		    (setgroups(0, NULL) != 0 || setgid(PLAIN_UID) != 0 || setuid(PLAIN_UID) != 0))
			_exit(98);
		if (poor && !become_poor())
			_exit(96);
		execveat(program, "", args, environ, AT_EMPTY_PATH);
		_exit(97);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	last_log_bytes = lseek(log, 0, SEEK_END);
	close(log);
	close(start);
	close(report);
	return status;
}

static bool is_stopped(int status)
{
	tried++;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		killed++;
		return true;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_REFUSED) {
		refused++;
		return true;
	}
	return false;
}

/* Without this every later expectation could hold because nothing ever ran. */
static void test_every_process_serves_when_it_does_nothing_forbidden(void)
{
	for (unsigned role = 0; role < PROC_COUNT; role++) {
		int status = attack((enum proc_role)role, "idle");

		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == ATTACK_IDLE);
		EXPECT(last_log_bytes > 0);
	}
}

static bool has_mounts_of_its_own(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Outside a sandbox the acts work, most of them: so they are real. */
static void test_the_acts_succeed_outside_the_sandbox(void)
{
	unsigned succeeded = 0;

	for (size_t i = 0; i < attack_act_count; i++) {
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			/* Else the machine would keep what is mounted, over its root at that. */
			if (strcmp(attack_acts[i].name, "mount_something") == 0 &&
			    !has_mounts_of_its_own())
				_exit(ATTACK_REFUSED);
			_exit(attack_acts[i].act() ? ATTACK_SUCCEEDED : ATTACK_REFUSED);
		}
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
		succeeded += WIFEXITED(status) &&
		             (WEXITSTATUS(status) == ATTACK_SUCCEEDED || WEXITSTATUS(status) == 0);
	}
	EXPECT(succeeded >= 22);
}

static void test_every_act_is_refused_in_every_process(void)
{
	for (unsigned role = 0; role < PROC_COUNT; role++) {
		for (size_t i = 0; i < attack_act_count; i++) {
			int status = attack((enum proc_role)role, attack_acts[i].name);
			bool stopped = is_stopped(status);

			if (!stopped)
				fprintf(stderr, "%s: %s: wait status %#x\n",
				        proc_name((enum proc_role)role), attack_acts[i].name,
				        (unsigned)status);
			EXPECT(stopped);
		}
	}
	EXPECT(tried % (PROC_COUNT * attack_act_count) == 0);
	/* Other layers refuse much as well; but no policy lists any of these calls, and one that
	 * begins to must be seen here. */
	EXPECT(killed == tried);
}

static void test_a_descriptor_too_many_or_too_few_is_refused(void)
{
	static const char *const acts[] = {"extra_descriptor", "missing_descriptor"};

	for (unsigned role = 0; role < PROC_COUNT; role++) {
		for (size_t i = 0; i < 2; i++) {
			int status = attack((enum proc_role)role, acts[i]);

			EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == PROC_EXIT_FAILED);
		}
	}
}

static void test_the_same_holds_for_an_unprivileged_user(void)
{
	plain = true;
	test_every_process_serves_when_it_does_nothing_forbidden();
	test_every_act_is_refused_in_every_process();
	test_a_descriptor_too_many_or_too_few_is_refused();
	plain = false;
}

/* What is left then: exact descriptors, limits, no capabilities, seccomp. */
static void test_the_same_holds_on_a_kernel_that_has_only_seccomp(void)
{
	plain = geteuid() == 0;
	poor = true;
	test_every_process_serves_when_it_does_nothing_forbidden();
	test_every_act_is_refused_in_every_process();
	test_a_descriptor_too_many_or_too_few_is_refused();
	plain = poor = false;
}

int main(void)
{
	struct stat stat_before;

	CHECK(mkdtemp(state_dir) != NULL && chmod(state_dir, 0777) == 0);
	RUN(test_every_process_serves_when_it_does_nothing_forbidden);
	RUN(test_the_acts_succeed_outside_the_sandbox);
	RUN(test_every_act_is_refused_in_every_process);
	RUN(test_a_descriptor_too_many_or_too_few_is_refused);
	if (geteuid() == 0)
		RUN(test_the_same_holds_for_an_unprivileged_user);
	RUN(test_the_same_holds_on_a_kernel_that_has_only_seccomp);
	CHECK(stat(state_dir, &stat_before) == 0 && rmdir(state_dir) == 0);
	unlink("/tmp/claviger-attack");
	printf("%u acts tried, %u killed by seccomp, %u refused\n", tried, killed, refused);
	return test_summary();
}
