/* Making what the topology says, and starting one process of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "call_attest.h"
#include "call_change.h"
#include "call_check.h"
#include "call_sign.h"
#include "call_start.h"
#include "call_store.h"
#include "call_unseal.h"
#include "call_update.h"

#define PARKED_FD 512 /* above every descriptor that a child gets */

#define RESTART END_RESTART
#define HALT    END_HALT
#define ONCE    END_ONCE
#define CHANNEL(a, b, slot_bytes, slots, window)
#define SETTING(process, name, value)
#define PROCESS(name, instances, end, uid, order, descriptors)                                     \
	{#name, instances, end, uid, order, descriptors},
const struct supervisor_role supervisor_roles[PROC_COUNT] = {
#include "topology.def"
};
#undef PROCESS
#undef CHANNEL
#define PROCESS(name, instances, end, uid, order, descriptors)
#define CHANNEL(a, b, slot_bytes, slots, window) {PROC_##a, PROC_##b, slot_bytes, slots, window},
const struct supervisor_channel supervisor_channels[PROC_CHANNEL_COUNT] = {
#include "topology.def"
};

int64_t supervisor_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum status supervisor_child_make(struct supervisor *supervisor, enum proc_role role,
                                  unsigned number)
{
	struct supervisor_child *child = &supervisor->children[supervisor->child_count];
	int fd = memfd_create("claviger-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;

	if (fd < 0 || ftruncate(fd, 4096) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return STATUS_IO;
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return STATUS_IO;
	*child = (struct supervisor_child){
	    .role = role, .number = number, .report_fd = fd, .report = at};
	supervisor->child_count++;
	return STATUS_OK;
}

static struct supervisor_child *find_child(struct supervisor *supervisor, enum proc_role role,
                                           unsigned number)
{
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (supervisor->children[i].role == role &&
		    supervisor->children[i].number == number)
			return &supervisor->children[i];
	return NULL;
}

static enum status make_links(struct supervisor *supervisor, enum proc_channel_id id)
{
	const struct supervisor_channel *row = &supervisor_channels[id];
	struct ipc_shape shape = {row->slot_bytes, row->slots, row->window_bytes};

	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct supervisor_link *link = &supervisor->links[supervisor->link_count];
		struct supervisor_child *child = &supervisor->children[i];
		enum status status;

		if (child->role != row->b)
			continue;
		link->id = id;
		link->child[0] = find_child(supervisor, row->a, 0);
		link->child[1] = child;
		status = ipc_memory_make(&link->memory, &shape);
		if (status != STATUS_OK)
			return status;
		supervisor->link_count++;
	}
	return STATUS_OK;
}

enum status supervisor_make(struct supervisor *supervisor)
{
	enum status status = STATUS_OK;

	for (unsigned role = 0; role < PROC_COUNT; role++) {
		unsigned count = supervisor_roles[role].instances;

		if (count == PROC_VERIFIERS)
			count = supervisor->verifiers;
		/* setup is made and run before all this. */
		if (count == PROC_APPLIANCE && role != PROC_setup && supervisor->is_appliance)
			count = 1;
		for (unsigned i = 0; i < count && status == STATUS_OK; i++)
			status = supervisor_child_make(supervisor, (enum proc_role)role, i);
	}
	for (unsigned id = 0; id < PROC_CHANNEL_COUNT && status == STATUS_OK; id++)
		status = make_links(supervisor, (enum proc_channel_id)id);
	return status;
}

/* The descriptors of a child, in the order of their numbers there from PROC_START_FD on. */
struct passed {
	int fds[4 + 4 * PROC_CHANNELS_MAX];
	size_t count;
};

static int pass(struct passed *passed, int fd)
{
	if (fd < 0)
		return -1;
	passed->fds[passed->count++] = fd;
	return PROC_START_FD + (int)passed->count - 1;
}

static enum status fill_channels(struct supervisor *supervisor, struct supervisor_child *child,
                                 struct proc_start *start, struct passed *passed)
{
	for (size_t i = 0; i < supervisor->link_count; i++) {
		struct supervisor_link *link = &supervisor->links[i];
		unsigned side = link->child[0] == child ? 0 : 1;
		struct proc_start_channel *channel = &start->channels[start->channel_count];
		struct ipc_fds fds;
		enum status status;

		if (link->child[side] != child)
			continue;
		CHECK(start->channel_count < PROC_CHANNELS_MAX);
		status = ipc_memory_lend(&link->memory, side, &fds);
		if (status != STATUS_OK)
			return status;
		channel->id = link->id;
		channel->side = side;
		channel->peer = link->child[1 - side]->role;
		channel->peer_number = link->child[1 - side]->number;
		channel->shape = link->memory.shape;
		channel->fds = (struct ipc_fds){pass(passed, fds.own), pass(passed, fds.peer),
		                                pass(passed, fds.page), pass(passed, fds.window)};
		start->channel_count++;
	}
	return STATUS_OK;
}

static int make_start_fd(const struct proc_start *start)
{
	int fd = memfd_create("claviger-start", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (write(fd, start, sizeof(*start)) != (ssize_t)sizeof(*start) ||
	                fcntl(fd, F_ADD_SEALS,
	                      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Runs in the child between fork and exec: system calls only. */
static _Noreturn void become(const struct supervisor *supervisor,
                             const struct supervisor_child *child, const struct passed *passed,
                             pid_t parent)
{
	const char *name = supervisor_roles[child->role].name;
	char path[sizeof(supervisor->folder) + 64];
	char *const args[] = {path, NULL}, *const environment[] = {NULL};
	int parked[sizeof(passed->fds) / sizeof(passed->fds[0])];
	int null = open("/dev/null", O_RDONLY);
	int core = supervisor_core(supervisor, child->role, child->number);
	cpu_set_t set;
	bool held = null >= 0;

	CPU_ZERO(&set);
	if (core >= 0) {
		CPU_SET((unsigned)core, &set);
		held = held && sched_setaffinity(0, sizeof(set), &set) == 0;
	}

	/* Parked high first, so that no target number is a source that is still needed. */
	for (size_t i = 0; i < passed->count; i++) {
		parked[i] = fcntl(passed->fds[i], F_DUPFD, PARKED_FD);
		held = held && parked[i] >= 0;
	}
	held = held && dup2(null, STDIN_FILENO) >= 0 &&
	       dup2(supervisor->log_fds[1] > 0 ? supervisor->log_fds[1] : STDERR_FILENO,
	            STDOUT_FILENO) >= 0;
	for (size_t i = 0; held && i < passed->count; i++)
		held = dup2(parked[i], PROC_START_FD + (int)i) >= 0;
	snprintf(path, sizeof(path), "%s/claviger-%s", supervisor->folder, name);
	if (held && syscall(SYS_close_range, PROC_START_FD + passed->count, ~0U, 0) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		execve(path, args, environment);
	_exit(71);
}

/* Signals stay blocked until the new program has its handlers (proc_main): a SIGTERM in between
 * would run our handler in the child, and be lost. */
static enum status fork_child(const struct supervisor *supervisor, struct supervisor_child *child,
                              const struct passed *passed)
{
	pid_t parent = getpid();
	sigset_t all, before;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
		return STATUS_IO;
	child->pid = fork();
	if (child->pid == 0)
		become(supervisor, child, passed, parent);
	CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
	return child->pid > 0 ? STATUS_OK : STATUS_IO;
}

enum status supervisor_spawn(struct supervisor *supervisor, struct supervisor_child *child)
{
	const struct supervisor_role *role = &supervisor_roles[child->role];
	struct proc_start start = {
	    .magic = PROC_START_MAGIC,
	    .role = child->role,
	    .number = child->number,
	    .uid = supervisor->uid_base != 0
	               ? supervisor->uid_base + role->uid_offset + child->number
	               : 0,
	    .descriptors_max = role->descriptors_max,
	    .log_level = supervisor->log_level,
	    .setting_count = (uint32_t)supervisor->setting_count[child->role],
	    .has_log = supervisor->log_fds[1] > 0,
	};
	struct passed passed = {{-1}, 1}; /* the first is the start data itself, made last */
	enum status status;

	memcpy(start.settings, supervisor->settings[child->role], sizeof(start.settings));
	atomic_store(&child->report->phase, PROC_PHASE_STARTED);
	start.report_fd = pass(&passed, fcntl(child->report_fd, F_DUPFD_CLOEXEC, 0));
	if (supervisor->is_appliance)
		start.site_fd = pass(&passed, fcntl(supervisor->site_fd, F_DUPFD_CLOEXEC, 0));
	if (child->role == PROC_bridge && supervisor->log_fds[0] > 0)
		start.log_fd = pass(&passed, fcntl(supervisor->log_fds[0], F_DUPFD_CLOEXEC, 0));
	status = fill_channels(supervisor, child, &start, &passed);
	passed.fds[0] = make_start_fd(&start);
	if (passed.fds[0] < 0)
		status = STATUS_IO;
	if (status == STATUS_OK)
		status = fork_child(supervisor, child, &passed);
	for (size_t i = 0; i < passed.count; i++)
		if (passed.fds[i] >= 0)
			close(passed.fds[i]);
	if (status != STATUS_OK)
		return status;
	child->state = CHILD_RUNS;
	child->killed = false;
	return STATUS_OK;
}
