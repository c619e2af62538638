/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_verifier.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "base_sha256.h"
#include "ipc_wait.h"
#include "log_line.h"
#include "proc_topology.h"

#define REPORT_BYTES   4096
#define START_WAIT_US  (5 * 1000 * 1000)
#define ANSWER_WAIT_US (5 * 1000 * 1000) /* loading the largest module takes a small part of it */
#define SLEEP_US       200
#define PARKED_FD      64 /* above every descriptor that the verifier gets */

/* What the verifier finds at PROC_START_FD and behind it. */
enum passed { PASS_START, PASS_REPORT, PASS_OWN, PASS_PEER, PASS_PAGE, PASS_WINDOW, PASS_COUNT };

static int make_memfd(const char *name, const void *bytes, size_t len, int seals)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if ((bytes != NULL ? write(fd, bytes, len) != (ssize_t)len
	                   : ftruncate(fd, (off_t)len) != 0) ||
	    fcntl(fd, F_ADD_SEALS, seals) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void find_executable(char *path, size_t cap)
{
	ssize_t len = readlink("/proc/self/exe", path, cap - 1);
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		slash = path;
	else
		slash++;
	snprintf(slash, cap - (size_t)(slash - path), "claviger-verifier");
}

/* Runs between fork and exec: system calls only. */
static _Noreturn void become(const char *executable, const int fds[PASS_COUNT], pid_t parent)
{
	char *path = strdup(executable), *const args[] = {path, NULL},
	     *const environment[] = {NULL};
	int parked[PASS_COUNT], null = open("/dev/null", O_RDONLY);
	bool held = path != NULL && null >= 0;

	for (int i = 0; i < PASS_COUNT && held; i++) {
		parked[i] = fcntl(fds[i], F_DUPFD, PARKED_FD);
		held = parked[i] >= 0;
	}
	held = held && dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
	for (int i = 0; i < PASS_COUNT && held; i++)
		held = dup2(parked[i], PROC_START_FD + i) >= 0;
	if (held && syscall(SYS_close_range, PROC_START_FD + PASS_COUNT, ~0U, 0) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		execve(executable, args, environment);
	_exit(71);
}

static enum status start(struct cli_verifier *verifier, const char *executable, int report_fd,
                         bool interprets)
{
	struct proc_start start = {
	    .magic = PROC_START_MAGIC,
	    .role = PROC_verifier,
	    .log_level = LOG_ERROR, /* what the sandbox lacks here `claviger doctor` says */
	    .report_fd = PROC_START_FD + PASS_REPORT,
	    .channel_count = 1,
	    .setting_count = 2,
	    .settings = {{.name = "spin"}, {.name = "policy_engine"}}
        };
	int fds[PASS_COUNT] = {-1, report_fd, -1, -1, -1, -1};
	struct ipc_fds lent;
	pid_t parent = getpid();
	enum status s = ipc_memory_lend(&verifier->memory, 1, &lent);

	if (s != STATUS_OK)
		return s;
	start.channels[0] = (struct proc_start_channel){
	    .id = PROC_CHANNEL_signer_verifier,
	    .side = 1,
	    .peer = PROC_signer,
	    .shape = verifier->memory.shape,
	    .fds = {PROC_START_FD + PASS_OWN, PROC_START_FD + PASS_PEER, PROC_START_FD + PASS_PAGE,
	            PROC_START_FD + PASS_WINDOW},
	};
	snprintf(start.settings[1].value, sizeof(start.settings[1].value), "%s",
	         interprets ? "interpreter" : "compiled");
	fds[PASS_OWN] = lent.own;
	fds[PASS_PEER] = lent.peer;
	fds[PASS_PAGE] = lent.page;
	fds[PASS_WINDOW] = lent.window;
	fds[PASS_START] = make_memfd("claviger-start", &start, sizeof(start),
	                             F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	verifier->pid = fds[PASS_START] >= 0 ? fork() : -1;
	if (verifier->pid == 0)
		become(executable, fds, parent);
	for (int i = 0; i < PASS_COUNT; i++) {
		if (i != PASS_REPORT && fds[i] >= 0)
			close(fds[i]);
	}
	return verifier->pid > 0 ? STATUS_OK : STATUS_IO;
}

static bool has_ended(struct cli_verifier *verifier)
{
	if (verifier->pid > 0 && waitpid(verifier->pid, NULL, WNOHANG) == 0)
		return false;
	verifier->pid = 0;
	return true;
}

static enum status wait_ready(struct cli_verifier *verifier, struct proc_report *report)
{
	for (int waited = 0; waited < START_WAIT_US; waited += SLEEP_US) {
		if (atomic_load(&report->phase) == PROC_PHASE_READY)
			return STATUS_OK;
		if (has_ended(verifier))
			return STATUS_IO;
		usleep(SLEEP_US);
	}
	return STATUS_IO;
}

enum status cli_verifier_open(struct cli_verifier *verifier, const char *executable,
                              bool interprets)
{
	const struct ipc_shape shape = {CALL_CHECK_SLOT_BYTES, 4, CALL_CHECK_WINDOW_BYTES};
	int report_fd = make_memfd("claviger-report", NULL, REPORT_BYTES,
	                           F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	struct ipc_fds own;
	char beside[4096];
	void *report;
	enum status s;

	memset(verifier, 0, sizeof(*verifier));
	if (executable == NULL) {
		find_executable(beside, sizeof(beside));
		executable = beside;
	}
	report = mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, report_fd, 0);
	if (report == MAP_FAILED) {
		close(report_fd);
		return STATUS_IO;
	}
	s = access(executable, X_OK) == 0 ? ipc_memory_make(&verifier->memory, &shape)
	                                  : STATUS_NOT_FOUND;
	if (s == STATUS_OK) {
		s = ipc_memory_lend(&verifier->memory, 0, &own);
		if (s == STATUS_OK)
			s = ipc_channel_open(&verifier->channel, &shape, &own, 0);
		if (s == STATUS_OK)
			s = start(verifier, executable, report_fd, interprets);
		if (s == STATUS_OK)
			s = wait_ready(verifier, report);
		if (s != STATUS_OK)
			cli_verifier_close(verifier);
	}
	munmap(report, REPORT_BYTES);
	close(report_fd);
	return s;
}

void cli_verifier_close(struct cli_verifier *verifier)
{
	if (verifier->pid > 0) {
		kill(verifier->pid, SIGKILL);
		waitpid(verifier->pid, NULL, 0);
	}
	verifier->pid = 0;
	if (verifier->channel.own != NULL)
		ipc_channel_close(&verifier->channel);
	if (verifier->memory.page != NULL)
		ipc_memory_close(&verifier->memory);
	memset(&verifier->channel, 0, sizeof(verifier->channel));
	memset(&verifier->memory, 0, sizeof(verifier->memory));
}

/* Sends one message and waits for its reply; false when there is none. */
static bool ask(struct cli_verifier *verifier, uint32_t kind, struct bytes message,
                uint32_t *ret_kind, struct bytes *ret_reply)
{
	struct ipc_message reply = {.payload = BUFFER_OF_ARRAY(verifier->reply)};
	struct ipc_waiter waiter;

	if (verifier->pid <= 0 || ipc_put(&verifier->channel, kind, message) != STATUS_OK)
		return false;
	ipc_waiter_init(&waiter, IPC_SPINS_DEFAULT);
	ipc_waiter_add(&waiter, &verifier->channel);
	for (int waited = 0; waited < ANSWER_WAIT_US; waited += 10000) {
		if (ipc_wait(&waiter, 10000)) {
			if (ipc_take(&verifier->channel, &reply) != STATUS_OK)
				break;
			*ret_kind = reply.kind;
			*ret_reply = buffer_bytes(&reply.payload);
			return true;
		}
		if (has_ended(verifier))
			break;
	}
	cli_verifier_close(verifier);
	return false;
}

/* Reads a MODULE_STATE; false when it is no such thing. */
static bool take_state(struct bytes reply, struct cli_verifier_result *result)
{
	struct call_check_module_state_reply state;
	const uint8_t *rest = reply.data + sizeof(state);

	if (reply.len < sizeof(state))
		return false;
	memcpy(&state, reply.data, sizeof(state));
	if (reply.len - sizeof(state) != (uint64_t)state.schema_len + state.text_len)
		return false;
	if (state.state == CALL_CHECK_MODULE_LOADED) {
		result->state = CLI_VERIFIER_ANSWERED;
		result->schema = bytes_of(rest, state.schema_len);
		return true;
	}
	result->state = CLI_VERIFIER_REFUSED;
	result->where = state.where;
	result->text = bytes_of(rest + state.schema_len, state.text_len);
	return state.state == CALL_CHECK_MODULE_REFUSED;
}

void cli_verifier_load(struct cli_verifier *verifier, struct bytes module,
                       struct cli_verifier_result *ret_result)
{
	struct buffer window = ipc_window_write(&verifier->channel);
	struct call_check_module message = {.len = (uint32_t)module.len};
	struct bytes reply;
	uint32_t kind;

	*ret_result = (struct cli_verifier_result){.state = CLI_VERIFIER_DIED};
	if (module.len > LIMIT_MODULE_MAX) {
		static const char text[] = "a module has at most 262144 bytes";

		ret_result->state = CLI_VERIFIER_REFUSED;
		ret_result->text = bytes_of_text(text);
		return;
	}
	if (verifier->pid <= 0 || buffer_put(&window, module) != STATUS_OK)
		return;
	sha256_of(module, message.module);
	if (!ask(verifier, CALL_CHECK_MODULE, bytes_of(&message, sizeof(message)), &kind, &reply) ||
	    kind != CALL_CHECK_MODULE_STATE || !take_state(reply, ret_result))
		ret_result->state = CLI_VERIFIER_DIED;
}

/* The verdict must be about what was sent. */
static bool take_verdict(struct bytes reply, const struct call_check_run *run,
                         struct cli_verifier_result *result)
{
	struct call_check_verdict *verdict = &result->verdict;

	if (reply.len < sizeof(*verdict))
		return false;
	memcpy(verdict, reply.data, sizeof(*verdict));
	if (verdict->answer_len != reply.len - sizeof(*verdict) ||
	    memcmp(verdict->ticket, run->ticket, sizeof(run->ticket)) != 0 ||
	    memcmp(verdict->module, run->module, sizeof(run->module)) != 0 ||
	    memcmp(verdict->request_hash, run->request_hash, sizeof(run->request_hash)) != 0 ||
	    verdict->fuel_used > run->fuel)
		return false;
	result->answer = bytes_of(reply.data + sizeof(*verdict), verdict->answer_len);
	result->state = CLI_VERIFIER_ANSWERED;
	return true;
}

void cli_verifier_run(struct cli_verifier *verifier, struct bytes module, struct bytes request,
                      uint32_t what, uint64_t fuel, struct cli_verifier_result *ret_result)
{
	static uint8_t space[IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES)];
	struct call_check_run run = {
	    .fuel = fuel, .what = what, .request_len = (uint32_t)request.len};
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct bytes reply;
	uint32_t kind;

	*ret_result = (struct cli_verifier_result){.state = CLI_VERIFIER_DIED};
	sha256_of(module, run.module);
	sha256_of(request, run.request_hash);
	/* Any bytes do as a ticket: there is one question at a time. */
	memcpy(run.ticket, run.request_hash, sizeof(run.ticket));
	if (buffer_put(&message, bytes_of(&run, sizeof(run))) != STATUS_OK ||
	    buffer_put(&message, request) != STATUS_OK)
		return;
	for (int tries = 0; tries < 2; tries++) {
		if (!ask(verifier, CALL_CHECK_RUN, buffer_bytes(&message), &kind, &reply))
			return;
		if (kind == CALL_CHECK_VERDICT) {
			if (!take_verdict(reply, &run, ret_result))
				ret_result->state = CLI_VERIFIER_DIED;
			return;
		}
		if (kind != CALL_CHECK_NEED_MODULE)
			return;
		cli_verifier_load(verifier, module, ret_result);
		if (ret_result->state != CLI_VERIFIER_ANSWERED)
			return;
		ret_result->state = CLI_VERIFIER_DIED;
	}
}
