/* Secret pages: S21, A22 (nothing leaves by fork, dump or neighbouring access). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_test.h"

/* dies tells whether touching `at` in a child ends it. */
static bool dies(volatile uint8_t *at)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		_exit(*at == 0x5a ? 99 : 0);
	}
	waitpid(child, &status, 0);
	return !(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 99));
}

/* child_reads tells whether a child sees the parent's 0x5a at `at`. */
static bool child_reads(volatile uint8_t *at)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		_exit(*at == 0x5a ? 99 : 0);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 99;
}

static void test_page_is_zero_and_guarded(void)
{
	struct secret_page page = {0};
	uint8_t *data;

	EXPECT(secret_page_open(100, &page) == STATUS_OK);
	data = page.data;
	EXPECT(page.len >= 100 && page.guard != SECRET_GUARD_NONE);
	EXPECT(data[0] == 0 && data[page.len - 1] == 0);
	data[0] = 0x5a;
	EXPECT(data[0] == 0x5a);
	EXPECT(dies(data - 1));
	EXPECT(dies(data + page.len));
	secret_page_close(&page);
	EXPECT(page.data == NULL);
	secret_page_close(&page);
}

static void test_child_does_not_inherit_a_secret(void)
{
	struct secret_page page = {0};
	uint8_t plain[1] = {0x5a};

	EXPECT(secret_page_open(1, &page) == STATUS_OK);
	*(uint8_t *)page.data = 0x5a;
	EXPECT(!child_reads(page.data));
	EXPECT(child_reads(plain)); /* the probe itself can see */
	secret_page_close(&page);
}

/* without_memfd makes memfd_secret (447 on every architecture) answer as an old kernel does. */
static bool without_memfd(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 447, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Debian 12's own kernel offers no memfd_secret: the second way guards as well. */
static void test_without_memfd_secret_pages_are_locked_and_wiped_on_fork(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct secret_page page = {0};
		uint8_t *data;

		if (!without_memfd() || secret_page_open(1, &page) != STATUS_OK ||
		    page.guard != SECRET_GUARD_LOCKED)
			_exit(1);
		data = page.data;
		*data = 0x5a;
		_exit(child_reads(data) || !dies(data - 1) ? 2 : 0);
	}
	waitpid(child, &status, 0);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_page_that_cannot_be_locked_is_refused(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct rlimit little = {0, 0};
		struct secret_page page = {0};

		/* Root may lock whatever the limit says. */
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(2);
		setrlimit(RLIMIT_MEMLOCK, &little);
		_exit(secret_page_open(1, &page) == STATUS_IO && page.data == NULL ? 0 : 1);
	}
	waitpid(child, &status, 0);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_wipe_and_equal(void)
{
	uint8_t a[33], b[33];

	memset(a, 3, sizeof(a));
	memset(b, 3, sizeof(b));
	EXPECT(secret_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		EXPECT(!secret_equal(a, b, sizeof(a)));
		b[i] ^= 0x80;
	}
	SECRET_WIPE(a);
	memset(b, 0, sizeof(b));
	EXPECT(memcmp(a, b, sizeof(a)) == 0);
}

int main(void)
{
	RUN(test_page_is_zero_and_guarded);
	RUN(test_child_does_not_inherit_a_secret);
	RUN(test_without_memfd_secret_pages_are_locked_and_wiped_on_fork);
	RUN(test_page_that_cannot_be_locked_is_refused);
	RUN(test_wipe_and_equal);
	return test_summary();
}
