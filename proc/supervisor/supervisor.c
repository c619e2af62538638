/* supervisor: see supervisor.h. Talks to nobody: it waits for ends, complaints and signals.
 * Opens: /dev/null and its own memory. If it dies: every process dies with it (PDEATHSIG).
 *
 * How a restart goes (architecture section 2): a process ends; each of its channels goes to an odd
 * generation, so that its peers drop what they had open, acknowledge and go on; then its side is
 * cleared, the channel goes to the next even generation, and the new process is started. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_check.h"
#include "log_line.h"
#include "proc_boot.h"

#define STOP_US 4500000 /* drain for at most 5 s, the rest is for SIGKILL to work */

static struct supervisor this_supervisor;
static _Atomic uint32_t signals_seen;
static _Atomic uint32_t stop_asked, reload_asked;

static void note_signal(int signal)
{
	if (signal == SIGHUP)
		atomic_store(&reload_asked, 1);
	else if (signal != SIGCHLD)
		atomic_store(&stop_asked, 1);
	atomic_fetch_add(&signals_seen, 1);
}

static void log_child(enum log_level level, const char *event, const struct supervisor_child *child,
                      const char *key, int64_t value)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_text(&line, "name", supervisor_roles[child->role].name);
	log_number(&line, "number", child->number);
	if (child->pid != 0)
		log_number(&line, "pid", child->pid);
	log_number(&line, key, value);
	log_end(&line);
}

static void kill_child(struct supervisor_child *child, int signal)
{
	if (child->state == CHILD_RUNS)
		(void)kill(child->pid, signal);
}

/* empty_links gives back what ended processes have left in their channels, a client's token, say:
 * the memory of a machine that starts again holds none of it (PH8). */
static void empty_links(struct supervisor *supervisor)
{
	for (size_t i = 0; i < 2 * supervisor->link_count; i++)
		if (ipc_memory_reset_side(&supervisor->links[i / 2].memory, i % 2) != STATUS_OK)
			log_event(LOG_ERROR, "channels.kept");
}

/* Everything ends at once: a signer without its peers, or peers without the signer, must not go on.
 */
static _Noreturn void halt(struct supervisor *supervisor, const char *why, int code)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, "halt");
	log_text(&line, "why", why);
	log_end(&line);
	for (size_t i = 0; i < supervisor->child_count; i++)
		kill_child(&supervisor->children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	empty_links(supervisor);
	/* A genesis that failed is not begun anew until a person wants it. */
	if (supervisor->is_appliance)
		supervisor_machine_end(code, supervisor->is_genesis && !supervisor->was_ready);
	_exit(1);
}

static struct supervisor_child *peer_of(const struct supervisor_link *link,
                                        const struct supervisor_child *child)
{
	if (link->child[0] == child)
		return link->child[1];
	return link->child[1] == child ? link->child[0] : NULL;
}

static unsigned side_of(const struct supervisor_link *link, const struct supervisor_child *child)
{
	return link->child[0] == child ? 0 : 1;
}

static void lower_links(struct supervisor *supervisor, const struct supervisor_child *child)
{
	for (size_t i = 0; i < supervisor->link_count; i++) {
		struct supervisor_link *link = &supervisor->links[i];

		if (peer_of(link, child) != NULL && ipc_memory_is_up(&link->memory))
			ipc_memory_raise(&link->memory);
	}
}

static void begin_stop(struct supervisor *supervisor)
{
	log_event(LOG_INFO, "stopping");
	supervisor->stopping = true;
	supervisor->stop_deadline_us = supervisor_now_us() + STOP_US;
	for (size_t i = 0; i < supervisor->child_count; i++)
		supervisor->children[i].killed = false;
}

static void note_end(struct supervisor *supervisor, struct supervisor_child *child, int status)
{
	const struct supervisor_role *role = &supervisor_roles[child->role];
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	bool fine = well && (supervisor->stopping || role->end == END_ONCE);
	bool served = atomic_load(&child->report->phase) == PROC_PHASE_READY;

	log_child(fine || child->killed ? LOG_INFO : LOG_WARN, "process.ended", child,
	          WIFSIGNALED(status) ? "signal" : "status",
	          WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	child->pid = 0;
	child->ended_us = supervisor_now_us();
	child->state = CHILD_DONE;
	lower_links(supervisor, child);
	if (supervisor->stopping) {
		if (!well && atomic_load(&child->report->phase) != PROC_PHASE_STARTED)
			supervisor->stop_forced = true;
		return;
	}
	if (supervisor->is_appliance && child->role == PROC_signer &&
	    (code == PROC_EXIT_RESTART || code == PROC_EXIT_OFF)) {
		supervisor->off = code == PROC_EXIT_OFF;
		begin_stop(supervisor);
		return;
	}
	if (role->end == END_HALT || (role->end == END_ONCE && !well))
		halt(supervisor, role->name, code);
	if (role->end == END_ONCE)
		return;
	/* Its configuration is wrong, or the appliance's data disk: it logged why. */
	if (!supervisor->was_ready && WIFEXITED(status))
		halt(supervisor, role->name,
		     supervisor->is_appliance && child->role == PROC_store ? BOOT_STORE : code);
	/* Others wait for a verifier that served: it is back at once (C5), whatever ran in it. */
	if (!(child->role == PROC_verifier && served) && supervisor_failed(child))
		log_child(LOG_WARN, "process.pauses", child, "pause_us", child->pause_us);
	child->state = CHILD_WAITS;
}

static void reap(struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < supervisor->child_count; i++)
			if (supervisor->children[i].pid == pid)
				note_end(supervisor, &supervisor->children[i], status);
}

/* A complaint ends the peer. About a process whose end halts everything only another such process
 * is believed; else it ends the complainer, so that a hostile bridge cannot halt the signer. */
static void judge_complaints(struct supervisor *supervisor)
{
	for (size_t i = 0; i < 2 * supervisor->link_count; i++) {
		struct supervisor_link *link = &supervisor->links[i / 2];
		struct supervisor_child *from = link->child[i % 2], *about = link->child[1 - i % 2];
		enum ipc_complaint why = ipc_memory_complaint(&link->memory, i % 2);

		if (why == IPC_COMPLAINT_NONE || !ipc_memory_is_up(&link->memory))
			continue;
		if (supervisor_roles[about->role].end != END_RESTART &&
		    supervisor_roles[from->role].end == END_RESTART)
			about = from;
		if (about->killed || about->state != CHILD_RUNS)
			continue;
		log_child(why == IPC_COMPLAINT_REPLACE ? LOG_INFO : LOG_WARN, "process.complaint",
		          about, "complaint", why);
		about->killed = true;
		kill_child(about, SIGKILL);
	}
}

static bool once_are_done(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->child_count; i++)
		if (supervisor_roles[supervisor->children[i].role].end == END_ONCE &&
		    supervisor->children[i].state != CHILD_DONE)
			return false;
	return true;
}

static bool may_start(const struct supervisor *supervisor, const struct supervisor_child *child)
{
	if (child->state != CHILD_WAITS || supervisor_now_us() < child->not_before_us ||
	    (supervisor_roles[child->role].order > 0 && !once_are_done(supervisor)))
		return false;
	for (size_t i = 0; i < supervisor->link_count; i++) {
		const struct supervisor_link *link = &supervisor->links[i];
		const struct supervisor_child *peer = peer_of(link, child);

		if (peer != NULL && peer->state == CHILD_RUNS && !ipc_memory_is_up(&link->memory) &&
		    !ipc_memory_is_acknowledged(&link->memory, side_of(link, peer)))
			return false;
	}
	return true;
}

/* A channel whose other side is away too stays down until that one starts. */
static enum status raise_links(struct supervisor *supervisor, const struct supervisor_child *child)
{
	for (size_t i = 0; i < supervisor->link_count; i++) {
		struct supervisor_link *link = &supervisor->links[i];
		const struct supervisor_child *peer = peer_of(link, child);

		if (peer == NULL || ipc_memory_is_up(&link->memory))
			continue;
		if (ipc_memory_reset_side(&link->memory, side_of(link, child)) != STATUS_OK)
			return STATUS_IO;
		if (peer->state == CHILD_RUNS)
			ipc_memory_raise(&link->memory);
	}
	return STATUS_OK;
}

static void start_waiting(struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct supervisor_child *child = &supervisor->children[i];
		int64_t away_us = supervisor_now_us() - child->ended_us;

		if (!may_start(supervisor, child))
			continue;
		if (raise_links(supervisor, child) != STATUS_OK ||
		    supervisor_spawn(supervisor, child) != STATUS_OK)
			halt(supervisor, "a process could not be started", 0);
		log_child(LOG_INFO, "process.started", child, "away_us",
		          child->ended_us != 0 ? away_us : 0);
	}
}

static void look_for_ready(struct supervisor *supervisor)
{
	static const char text[] = "ready\n";

	for (size_t i = 0; i < supervisor->child_count; i++) {
		const struct supervisor_child *child = &supervisor->children[i];

		if (supervisor_roles[child->role].end != END_ONCE
		        ? atomic_load(&child->report->phase) != PROC_PHASE_READY
		        : child->state != CHILD_DONE)
			return;
	}
	supervisor->was_ready = true;
	if (supervisor->ready_fd >= 0) {
		if (write(supervisor->ready_fd, text, sizeof(text) - 1) < 0)
			log_event(LOG_WARN, "ready.unheard");
		close(supervisor->ready_fd);
	}
	log_event(LOG_INFO, "ready");
}

/* One role after the other is asked to end, in the order of topology.def; true when all are gone.
 */
static bool stop_next(struct supervisor *supervisor)
{
	enum proc_role role = PROC_COUNT;
	bool late = supervisor_now_us() >= supervisor->stop_deadline_us;

	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct supervisor_child *child = &supervisor->children[i];

		if (child->state != CHILD_RUNS)
			continue;
		if (role == PROC_COUNT)
			role = child->role;
		if (late)
			kill_child(child, SIGKILL);
		else if (child->role == role && !child->killed)
			kill_child(child, SIGTERM);
		child->killed = child->killed || late || child->role == role;
	}
	return role == PROC_COUNT;
}

/* Every process is told; the one that has something to read again does. */
static void pass_on_reload(struct supervisor *supervisor)
{
	log_event(LOG_INFO, "reload");
	for (size_t i = 0; i < supervisor->child_count; i++)
		kill_child(&supervisor->children[i], SIGHUP);
}

/* Everything whose change must be looked at; read before looking, so that nothing is missed. */
static size_t watch(const struct supervisor *supervisor, struct ipc_futex *words)
{
	size_t count = 0;

	words[count++] = (struct ipc_futex){&signals_seen, atomic_load(&signals_seen)};
	for (size_t i = 0; i < 2 * supervisor->link_count; i++, count += 2)
		ipc_memory_watch(&supervisor->links[i / 2].memory, i % 2, &words[count]);
	for (size_t i = 0; i < supervisor->child_count; i++) {
		const _Atomic uint32_t *phase = &supervisor->children[i].report->phase;

		words[count++] = (struct ipc_futex){phase, atomic_load(phase)};
	}
	return count;
}

_Static_assert(1 + 4 * SUPERVISOR_LINKS_MAX + SUPERVISOR_CHILDREN_MAX <= IPC_FUTEX_WORDS_MAX,
               "the supervisor sleeps on all its words at once");

static int64_t pause_us(const struct supervisor *supervisor)
{
	int64_t now = supervisor_now_us(), next = now + 60 * 1000000;

	if (supervisor->stopping)
		next = supervisor->stop_deadline_us;
	for (size_t i = 0; i < supervisor->child_count; i++) {
		const struct supervisor_child *child = &supervisor->children[i];

		if (child->state == CHILD_WAITS && child->not_before_us > now &&
		    child->not_before_us < next)
			next = child->not_before_us;
	}
	return next > now ? next - now : 1000;
}

static int serve(struct supervisor *supervisor)
{
	struct ipc_futex words[IPC_FUTEX_WORDS_MAX];

	for (;;) {
		size_t count = watch(supervisor, words);

		reap(supervisor);
		if (atomic_load(&stop_asked) && !supervisor->stopping)
			begin_stop(supervisor);
		if (atomic_exchange(&reload_asked, 0) != 0 && !supervisor->stopping)
			pass_on_reload(supervisor);
		if (supervisor->stopping) {
			if (stop_next(supervisor))
				return supervisor->stop_forced ? 1 : 0;
		} else {
			judge_complaints(supervisor);
			start_waiting(supervisor);
			if (!supervisor->was_ready)
				look_for_ready(supervisor);
		}
		ipc_futex_wait(words, count, pause_us(supervisor));
	}
}

int main(int count, char **args)
{
	struct supervisor *supervisor = &this_supervisor;
	struct sigaction note = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
	int result;

	/* The kernel hands words of its command line on to process 1: none of ours. */
	supervisor->is_appliance = getpid() == 1;
	if (supervisor->is_appliance && supervisor_machine_begin(supervisor) != STATUS_OK)
		supervisor_machine_end(BOOT_MOUNT, false);
	if (supervisor_configure(supervisor, supervisor->is_appliance ? 1 : count, args) !=
	    STATUS_OK)
		return 2;
	log_open("supervisor", (enum log_level)supervisor->log_level);
	if (pipe2(supervisor->log_fds, O_NONBLOCK | O_CLOEXEC) != 0)
		log_event(LOG_WARN, "log.no_copy");
	else
		log_copy(supervisor->log_fds[1]);
	if (supervisor->is_appliance)
		supervisor_facts(supervisor);
	result = supervisor->is_appliance ? supervisor_machine_setup(supervisor) : 0;
	if (result != 0)
		supervisor_machine_end(result, false);
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || sigaction(SIGCHLD, &note, NULL) != 0 ||
	    sigaction(SIGHUP, &note, NULL) != 0 || sigaction(SIGTERM, &note, NULL) != 0 ||
	    sigaction(SIGINT, &note, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
	    supervisor_make(supervisor) != STATUS_OK) {
		log_event(LOG_ERROR, "start.failed");
		return 1;
	}
	result = serve(supervisor);
	empty_links(supervisor);
	log_event(result == 0 ? LOG_INFO : LOG_WARN, result == 0 ? "stopped" : "stopped.forced");
	if (supervisor->is_appliance)
		supervisor_machine_end(0, supervisor->off);
	return result;
}
