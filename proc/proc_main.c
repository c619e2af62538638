/* The main function of every process but the supervisor: the three phases of proc_start.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log_line.h"
#include "proc_filter.h"
#include "proc_site.h"
#include "proc_start.h"

static struct proc this_proc;

static void note_stop(int signal)
{
	(void)signal;
	atomic_fetch_add(&proc_stop_count, 1);
}

static void note_reload(int signal)
{
	(void)signal;
	atomic_fetch_add(&proc_reload_count, 1);
}

static int fail(const char *event, const char *what)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, event);
	log_text(&line, "what", what);
	log_end(&line);
	return PROC_EXIT_FAILED;
}

static bool take_start(struct proc_start *start)
{
	ssize_t len = pread(PROC_START_FD, start, sizeof(*start), 0);

	close(PROC_START_FD);
	return len == (ssize_t)sizeof(*start) && start->magic == PROC_START_MAGIC &&
	       start->role < PROC_COUNT && start->channel_count <= PROC_CHANNELS_MAX &&
	       start->setting_count <= PROC_SETTINGS_MAX && start->log_level < LOG_LEVEL_COUNT;
}

static bool set_signals(void)
{
	struct sigaction stop = {.sa_handler = note_stop}, ignore = {.sa_handler = SIG_IGN},
	                 reload = {.sa_handler = note_reload};
	sigset_t none;

	sigemptyset(&none);
	return sigaction(SIGTERM, &stop, NULL) == 0 && sigaction(SIGPIPE, &ignore, NULL) == 0 &&
	       sigaction(SIGXFSZ, &ignore, NULL) == 0 && /* a full file is an error, no end */
	       sigaction(SIGHUP, &reload, NULL) == 0 && sigaction(SIGINT, &ignore, NULL) == 0 &&
	       sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool open_channels(struct proc *proc)
{
	struct proc_start *start = &proc->start;
	void *report = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, start->report_fd, 0);

	if (report == MAP_FAILED || close(start->report_fd) != 0)
		return false;
	proc->report = report;
	for (size_t i = 0; i < start->channel_count; i++) {
		const struct proc_start_channel *channel = &start->channels[i];

		if (ipc_channel_open(&proc->channels[i], &channel->shape, &channel->fds,
		                     channel->side) != STATUS_OK)
			return false;
	}
	return true;
}

/* Setup writes what all others may only read; by then the memory is sealed. */
static bool open_site(struct proc *proc)
{
	bool writes = proc->start.role == PROC_setup;
	int fd = proc->start.site_fd;
	void *at;

	if (fd == 0)
		return true;
	at = mmap(NULL, PROC_SITE_BYTES, writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
	          fd, 0);
	if (at == MAP_FAILED || close(fd) != 0)
		return false;
	proc->site_memory = at;
	return writes || proc_site_check(proc->site_memory);
}

static bool open_waiter(struct proc *proc)
{
	uint64_t spins = IPC_SPINS_DEFAULT;

	for (size_t i = 0; i < proc->start.setting_count; i++)
		if (strcmp(proc->start.settings[i].name, "spin") == 0 &&
		    proc_setting_number(proc, "spin", IPC_SPINS_DEFAULT, 1000000, &spins) !=
		        STATUS_OK)
			return false;
	ipc_waiter_init(&proc->waiter, (unsigned)spins);
	for (size_t i = 0; i < proc->start.channel_count; i++)
		ipc_waiter_add(&proc->waiter, &proc->channels[i]);
	ipc_waiter_watch(&proc->waiter, &proc_stop_count);
	return true;
}

/* Phase 2. What is in force goes to the log and, for `doctor`, into the report page. */
/* Woken, a process does not push aside the one that woke it: on a shared processor each then
 * finishes its pass, and messages go from process to process in batches. Speed only: a refusal is
 * no fault. */
static void run_in_batches(void)
{
	const struct sched_param none = {.sched_priority = 0};

	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

static bool enter_sandbox(struct proc *proc)
{
	struct sandbox_rules rules = {
	    .filter = proc_filter,
	    .filter_count = proc_filter_count,
	    .descriptors = proc->descriptors,
	    .descriptor_count = proc->descriptor_count,
	    .uid = proc->start.uid,
	    .capabilities = proc->capabilities,
	    .descriptors_max = proc->start.descriptors_max,
	    .file_bytes_max = proc->file_bytes_max,
	};
	char layers[SANDBOX_REPORT_TEXT_MAX];
	struct log_line line;

	if (sandbox_enter(&rules, &proc->sandbox) != STATUS_OK) {
		fail("sandbox.refused", proc->sandbox.failed);
		return false;
	}
	atomic_store(&proc->report->layers, proc->sandbox.layers);
	atomic_store(&proc->report->landlock_abi, proc->sandbox.landlock_abi);
	proc_report_phase(proc, PROC_PHASE_SANDBOXED);
	sandbox_report_text(&proc->sandbox, layers);
	log_begin(&line, LOG_INFO, "sandbox.entered");
	log_number(&line, "number", proc->start.number);
	log_text(&line, "layers", layers);
	log_number(&line, "landlock_abi", proc->sandbox.landlock_abi);
	log_number(&line, "uid", proc->start.uid);
	log_end(&line);
	sandbox_report_cost(&proc->sandbox, layers);
	if (layers[0] != '\0') {
		log_begin(&line, LOG_WARN, "sandbox.reduced");
		log_number(&line, "number", proc->start.number);
		log_text(&line, "cost", layers);
		log_end(&line);
	}
	return true;
}

int main(void)
{
	struct proc *proc = &this_proc;

	if (!take_start(&proc->start)) {
		static const char text[] = "This program is started by claviger-supervisor; "
		                           "run `claviger serve`.\n";
		ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

		(void)ignored;
		return 2;
	}
	log_open(proc_name((enum proc_role)proc->start.role),
	         (enum log_level)proc->start.log_level);
	if (proc->start.has_log != 0)
		log_copy(STDOUT_FILENO);
	if (!set_signals() || !open_channels(proc))
		return fail("start.failed", "channels");
	if (!open_site(proc))
		return fail("start.failed", "site");
	run_in_batches();
	if (!open_waiter(proc))
		return fail("start.failed", "setting `spin` is not a number");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		proc_keep_descriptor(proc, fd);
	if (proc->start.log_fd != 0)
		proc_keep_descriptor(proc, proc->start.log_fd);
	if (proc_body.open(proc) != STATUS_OK)
		return fail("start.failed", "open");
	if (!enter_sandbox(proc))
		return PROC_EXIT_FAILED;
	return proc_body.serve(proc);
}
