/* seccomp_compile: turns seccomp policies (text) into a C file with the filter's instructions.
 *
 *   seccomp_compile OUT.c POLICY...
 *
 * Runs at build time only, with libseccomp. A policy line is
 *   CALL [CONDITION...] : reason
 * with conditions argN==V, argN<=V, argN&MASK==V (all must hold; another line for the same call is
 * another way to be allowed), values decimal, hexadecimal or one of the names below. Text after #
 * is a comment. A line without a reason, an unknown call and a doubled line are errors: the policy
 * is what people audit. Everything not listed kills the process. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES   512
#define CONDITIONS_MAX   6
#define INSTRUCTIONS_MAX 4096

static const struct {
	const char *name;
	uint64_t value;
} constants[] = {
    {"PROT_EXEC",       PROT_EXEC      },
    {"MAP_SHARED",      MAP_SHARED     },
    {"CLOCK_REALTIME",  CLOCK_REALTIME },
    {"CLOCK_MONOTONIC", CLOCK_MONOTONIC},
    {"CLOCK_BOOTTIME",  CLOCK_BOOTTIME },
    {"F_GETFD",         F_GETFD        },
    {"F_SETFD",         F_SETFD        },
    {"F_GETFL",         F_GETFL        },
    {"F_SETFL",         F_SETFL        },
    {"F_SETLK",         F_SETLK        },
    {"F_GETLK",         F_GETLK        },
    {"MADV_DONTNEED",   MADV_DONTNEED  },
    {"MADV_FREE",       MADV_FREE      },
    {"PR_SET_VMA",      PR_SET_VMA     },
    {"SOL_SOCKET",      SOL_SOCKET     },
    {"IPPROTO_TCP",     6              },
    {"MSG_NOSIGNAL",    MSG_NOSIGNAL   },
    {"FUTEX_WAKE",      1              },
    {"STDERR",          STDERR_FILENO  },
    {"STDOUT",          STDOUT_FILENO  },
    {"SIOCSIFADDR",     SIOCSIFADDR    },
    {"SIOCSIFNETMASK",  SIOCSIFNETMASK },
    {"SIOCADDRT",       SIOCADDRT      },
};

struct place {
	const char *file;
	unsigned line;
};

static int complain(const struct place *place, const char *what, const char *text)
{
	fprintf(stderr, "%s:%u: %s: %s\n", place->file, place->line, what, text);
	return -1;
}

static bool value_of(const char *text, uint64_t *ret_value)
{
	char *end;

	for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		if (strcmp(text, constants[i].name) == 0) {
			*ret_value = constants[i].value;
			return true;
		}
	}
	errno = 0;
	*ret_value = strtoull(text, &end, 0);
	return errno == 0 && end != text && *end == '\0';
}

/* take_condition reads argN==V, argN<=V or argN&MASK==V; it changes `text`. */
static bool take_condition(char *text, struct scmp_arg_cmp *ret_condition)
{
	char *equal = strstr(text, "=="), *at_most = strstr(text, "<="), *mask = strchr(text, '&');
	uint64_t value, bits = 0;
	unsigned arg;

	if (strncmp(text, "arg", 3) != 0 || text[3] < '0' || text[3] > '5')
		return false;
	arg = (unsigned)(text[3] - '0');
	if (equal != NULL) {
		*equal = '\0';
		if (!value_of(equal + 2, &value))
			return false;
		if (mask == NULL) {
			*ret_condition = SCMP_CMP64(arg, SCMP_CMP_EQ, value, 0);
			return text[4] == '\0';
		}
		if (mask != text + 4 || !value_of(mask + 1, &bits))
			return false;
		*ret_condition = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, bits, value);
		return true;
	}
	if (at_most != text + 4 || !value_of(at_most + 2, &value))
		return false;
	*ret_condition = SCMP_CMP64(arg, SCMP_CMP_LE, value, 0);
	return true;
}

/* Calls newer than the build machine's libseccomp. */
static int number_of(const char *call)
{
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR && strcmp(call, "futex_waitv") == 0)
		return 449;
	return number;
}

static int add_line(scmp_filter_ctx filter, const struct place *place, char *text)
{
	struct scmp_arg_cmp conditions[CONDITIONS_MAX];
	char *reason = strchr(text, ':'), *rest = NULL, *word, *call;
	unsigned count = 0;
	int number, error;

	if (reason == NULL || reason[1 + strspn(reason + 1, " \t")] == '\0')
		return complain(place, "needs `: reason`", text);
	*reason = '\0';
	call = strtok_r(text, " \t", &rest);
	if (call == NULL)
		return complain(place, "needs a system call", "");
	number = number_of(call);
	if (number == __NR_SCMP_ERROR)
		return complain(place, "no such system call", call);
	while ((word = strtok_r(NULL, " \t", &rest)) != NULL) {
		if (count == CONDITIONS_MAX || !take_condition(word, &conditions[count++]))
			return complain(place, "not a condition", word);
	}
	error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, conditions);
	if (error != 0)
		return complain(place, strerror(-error), call);
	return 0;
}

static int add_policy(scmp_filter_ctx filter, const char *path)
{
	struct place place = {path, 0};
	FILE *file = fopen(path, "r");
	char text[LINE_MAX_BYTES];
	int failed = 0;

	if (file == NULL)
		return complain(&place, "cannot be read", strerror(errno));
	while (failed == 0 && fgets(text, sizeof(text), file) != NULL) {
		place.line++;
		if (strchr(text, '\n') == NULL)
			failed = complain(&place, "the line is too long", text);
		text[strcspn(text, "#\n")] = '\0';
		if (failed == 0 && text[strspn(text, " \t")] != '\0')
			failed = add_line(filter, &place, text);
	}
	fclose(file);
	return failed;
}

static int write_source(scmp_filter_ctx filter, const char *path)
{
	static struct sock_filter code[INSTRUCTIONS_MAX];
	struct place place = {path, 0};
	int fd = memfd_create("bpf", MFD_CLOEXEC);
	ssize_t len;
	FILE *out;

	if (fd < 0 || seccomp_export_bpf(filter, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0)
		return complain(&place, "no filter", strerror(errno));
	len = read(fd, code, sizeof(code));
	close(fd);
	if (len <= 0 || len == sizeof(code))
		return complain(&place, "no filter", "wrong size");
	out = fopen(path, "w");
	if (out == NULL)
		return complain(&place, "cannot be written", strerror(errno));
	fputs("/* Made by tools/seccomp_compile; the policy is the text beside the process. */\n"
	      "#include \"proc_filter.h\"\n\nconst struct sock_filter proc_filter[] = {\n",
	      out);
	for (size_t i = 0; i < (size_t)len / sizeof(code[0]); i++)
		fprintf(out, "\t{0x%02x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
		        code[i].k);
	fputs("};\nconst size_t proc_filter_count = sizeof(proc_filter) / sizeof(proc_filter[0]);"
	      "\n",
	      out);
	return fclose(out) == 0 ? 0 : complain(&place, "cannot be written", strerror(errno));
}

int main(int count, char **args)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int failed = filter == NULL;

	if (count < 3) {
		fputs("usage: seccomp_compile OUT.c POLICY...\n", stderr);
		return 2;
	}
	failed =
	    failed || seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0;
	for (int i = 2; !failed && i < count; i++)
		failed = add_policy(filter, args[i]);
	if (!failed)
		failed = write_source(filter, args[1]);
	seccomp_release(filter);
	return failed ? 1 : 0;
}
