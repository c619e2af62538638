/* claviger doctor: what this machine offers, what is missing, and what that costs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli_commands.h"
#include "cli_config.h"
#include "cli_doctor.h"
#include "cli_out.h"
#include "cli_server.h"
#include "cli_time.h"

#define MORE_FINDINGS_MAX 32

static void look_at_kernel(struct cli_finding *finding)
{
	struct utsname name;

	(void)uname(&name);
	snprintf(finding->text, sizeof(finding->text), "%.60s %.60s", name.sysname, name.release);
	finding->good = true;
}

static void look_at_landlock(struct cli_finding *finding)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	finding->good = abi > 0;
	if (abi > 0)
		snprintf(finding->text, sizeof(finding->text), "ABI %ld", abi);
	else
		snprintf(
		    finding->text, sizeof(finding->text),
		    "not offered: files are kept from the processes by seccomp and an empty root "
		    "only");
}

static void look_at_secret_memory(struct cli_finding *finding)
{
	long fd = syscall(SYS_memfd_secret, 0);

	finding->good = fd >= 0;
	if (fd >= 0)
		close((int)fd);
	snprintf(finding->text, sizeof(finding->text), "%s",
	         fd >= 0 ? "offered: keys are not in the kernel's own map either"
	                 : "not offered (secretmem.enable=1 on older kernels): keys lie in locked, "
	                   "guarded memory");
}

static void look_at_locked_memory(struct cli_finding *finding)
{
	struct rlimit limit = {0};

	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	finding->good = geteuid() == 0 || limit.rlim_cur >= 65536;
	snprintf(finding->text, sizeof(finding->text), "RLIMIT_MEMLOCK %llu bytes%s",
	         (unsigned long long)limit.rlim_cur,
	         finding->good ? "" : ": keys cannot be locked into memory; raise it to 64 KiB");
}

static void look_at_user(struct cli_finding *finding)
{
	finding->good = geteuid() == 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good
	             ? "root: every process gets a user id of its own"
	             : "not root: the processes share your user id; seccomp, Landlock and "
	               "namespaces still hold, but kill(2) among them is not the "
	               "kernel's to refuse by id");
}

static void look_at_namespaces(struct cli_finding *finding)
{
	FILE *file = fopen("/proc/sys/user/max_user_namespaces", "r");
	long count = 0;

	if (file != NULL) {
		if (fscanf(file, "%ld", &count) != 1)
			count = 0;
		fclose(file);
	}
	finding->good = count > 0 || geteuid() == 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good ? "offered: network, ipc and mounts of their own"
	                       : "not offered: no network namespace of their own; seccomp refuses "
	                         "sockets all the same");
}

static void look_at_seccomp(struct cli_finding *finding)
{
	finding->good = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good ? "offered" : "not offered: the processes refuse to start");
}

static bool find_in_path(const char *program)
{
	const char *path = getenv("PATH");
	char candidate[1024];

	while (path != NULL && *path != '\0') {
		size_t len = strcspn(path, ":");

		snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)len, path, program);
		if (access(candidate, X_OK) == 0)
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static void look_at_swtpm(struct cli_finding *finding)
{
	finding->good = find_in_path("swtpm");
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good ? "installed"
	                       : "not installed: `claviger serve` needs it (apt install "
	                         "swtpm)");
}

static void look_at_tpm(struct cli_finding *finding)
{
	finding->good = access("/dev/tpmrm0", R_OK | W_OK) == 0;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         finding->good
	             ? "/dev/tpmrm0 is there (workstation mode does not use it)"
	             : "no hardware TPM is accessible; workstation mode uses a software TPM, "
	               "and says so in all its evidence");
}

static void look_at_clock(struct cli_finding *finding)
{
	uint64_t error_s = 0;

	finding->good = cli_time_error(&error_s);
	if (finding->good)
		snprintf(finding->text, sizeof(finding->text),
		         "the clock is synchronised, and off by less than %llu s",
		         (unsigned long long)error_s);
	else
		snprintf(
		    finding->text, sizeof(finding->text),
		    "the clock is not synchronised (chrony, NTP): ends and windows of grants go "
		    "by it, unless the signer has time_keys");
}

static void look_at_policies(struct cli_finding *finding)
{
	const char *engine = cli_config_choose(CLI_SERVE_POLICY_ENGINE, NULL, "compiled");

	finding->good = true;
	snprintf(finding->text, sizeof(finding->text), "%s",
	         strcmp(engine, "interpreter") == 0
	             ? "all are interpreted (policy_engine)"
	             : "those that ship run compiled, all others are interpreted (policy_engine)");
}

static const struct {
	const char *name;
	void (*look)(struct cli_finding *finding);
	bool needed;
} looks[] = {
    {"kernel",        look_at_kernel,        false},
    {"seccomp",       look_at_seccomp,       true },
    {"landlock",      look_at_landlock,      false},
    {"namespaces",    look_at_namespaces,    false},
    {"user ids",      look_at_user,          false},
    {"locked memory", look_at_locked_memory, true },
    {"secret memory", look_at_secret_memory, false},
    {"software TPM",  look_at_swtpm,         true },
    {"hardware TPM",  look_at_tpm,           false},
    {"clock",         look_at_clock,         false},
    {"policies",      look_at_policies,      false},
};

#define LOOKS (sizeof(looks) / sizeof(looks[0]))

static void show(const struct cli_call *call, struct cli_out *out,
                 const struct cli_finding *finding)
{
	if (!call->json) {
		printf("%-8s %-14s %s\n",
		       finding->good     ? "ok"
		       : finding->needed ? "MISSING"
		                         : "reduced",
		       finding->name, finding->text);
		return;
	}
	cli_out_open(out, '{');
	cli_out_name(out, "name");
	cli_out_text(out, bytes_of_text(finding->name));
	cli_out_name(out, "ok");
	cli_out_bool(out, finding->good);
	cli_out_name(out, "needed");
	cli_out_bool(out, finding->needed);
	cli_out_name(out, "text");
	cli_out_text(out, bytes_of_text(finding->text));
	cli_out_close(out, '}');
}

static int run_doctor(struct cli_call *call)
{
	static struct cli_finding more[MORE_FINDINGS_MAX];
	struct cli_out out = {.file = cli_answer_file()};
	const char *where = NULL, *sealed = NULL, *from = NULL;
	bool hardware = false;
	const struct cli_option table[] = {
	    {"--tpm",      &where,  NULL     },
	    {"--sealed",   &sealed, NULL     },
	    {"--hardware", NULL,    &hardware},
	    {"--from",     &from,   NULL     },
	};
	int result = CLI_YES;
	size_t count = 0;

	if (!cli_take_options(call, table, 4))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_config_load(call);
	if (result != CLI_YES)
		return result;
	if (from != NULL && !hardware)
		return cli_usage(call, "--from goes with --hardware");
	if (sealed != NULL && where == NULL)
		return cli_usage(call, "--sealed goes with --tpm");
	if (call->json)
		cli_out_open(&out, '[');
	/* Another machine's copy says nothing of what this one offers to programs. */
	for (size_t i = 0; from == NULL && i < LOOKS; i++) {
		struct cli_finding finding = {.name = looks[i].name, .needed = looks[i].needed};

		looks[i].look(&finding);
		if (!finding.good && finding.needed)
			result = CLI_NO;
		show(call, &out, &finding);
	}
	if (hardware)
		count = cli_doctor_hardware(from != NULL ? from : "", more, MORE_FINDINGS_MAX);
	if (where != NULL)
		count += cli_doctor_tpm(where, sealed, more + count, MORE_FINDINGS_MAX - count);
	for (size_t i = 0; i < count; i++) {
		if (!more[i].good && more[i].needed)
			result = CLI_NO;
		show(call, &out, &more[i]);
	}
	if (call->json) {
		cli_out_close(&out, ']');
		cli_out_line(&out);
	}
	return cli_finish(call, result);
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .arguments = "[--tpm DEVICE [--sealed FILE]] [--hardware [--from FOLDER]]",
    .sentence = "look at what this machine offers the signer, and what is reduced",
    .run = run_doctor,
    .help =
        "--tpm DEVICE   also ask a TPM (/dev/tpmrm0; a software TPM as swtpm:path=SOCKET) for "
        "what\n"
        "               only it can show: maker, SHA-256 bank, P-256, room, certificates, whether\n"
        "               genesis may be run, limits of wrong guesses, writes, speed, and what no "
        "program\n"
        "               can see. Changes nothing; not while the signer runs.\n"
        "--sealed FILE  after genesis: hold the TPM against FILE (`sealed-share`, from the machine "
        "or a\n"
        "               backup): both halves, how it starts, storage primary, floors\n"
        "--hardware     also hold the machine against what an appliance needs "
        "(image/hardware.md);\n"
        "               as root, from any Linux that boots on it. Changes nothing.\n"
        "--from FOLDER  look at another machine's /proc, /sys and kernel log (FOLDER/dmesg) "
        "instead\n",
};
