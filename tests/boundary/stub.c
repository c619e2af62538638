/* stub: stands for any process of the topology in the supervisor's test. It keeps the rules of a
 * channel (acknowledges, answers 1 with 2) and breaks them when asked by a signal:
 *   SIGUSR1  claims to have put a thousand messages, on every channel;
 *   SIGUSR2  complains: the signer asks to replace verifier 0, all others say the signer is broken.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "ipc_futex.h"
#include "ipc_layout.h"
#include "log_line.h"
#include "proc_start.h"

enum { STUB_PING = 1, STUB_PONG = 2, STUB_FACTS = 3 };

static volatile sig_atomic_t shall_break, shall_complain;

static void note(int number)
{
	if (number == SIGUSR1)
		shall_break = 1;
	else
		shall_complain = 1;
}

static enum status stub_open(struct proc *proc)
{
	struct sigaction action = {.sa_handler = note}; /* no SA_RESTART: it ends the wait */

	(void)proc;
	return sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGUSR2, &action, NULL) == 0
	           ? STATUS_OK
	           : STATUS_IO;
}

static void tell(const struct proc *proc, size_t i, const char *event)
{
	struct log_line line;

	log_begin(&line, LOG_INFO, event);
	log_text(&line, "peer", proc_name((enum proc_role)proc->start.channels[i].peer));
	log_number(&line, "peer_number", proc->start.channels[i].peer_number);
	log_bool(&line, "up", ipc_is_up(&proc->channels[i]));
	log_end(&line);
}

static void take_all(struct proc *proc, size_t i)
{
	struct ipc_channel *channel = &proc->channels[i];
	static uint8_t space[IPC_SLOT_BYTES_MAX];
	struct ipc_message message = {0, BUFFER_OF_ARRAY(space)};
	enum status status, put = STATUS_OK;

	while ((status = ipc_take(channel, &message)) == STATUS_OK) {
		if (message.kind == STUB_PING)
			put = ipc_put(channel, STUB_PONG, bytes_of("pong", 4));
		else
			tell(proc, i, message.kind == STUB_FACTS ? "facts" : "pong");
		if (message.kind == STUB_FACTS)
			proc_report_ready(proc);
	}
	if (status == STATUS_CONFLICT) {
		ipc_acknowledge(channel);
		tell(proc, i, "peer.changed");
		if (ipc_is_up(channel))
			put = ipc_put(channel, STUB_PING, bytes_of("ping", 4));
	}
	(void)put;
}

static void misbehave(struct proc *proc)
{
	for (size_t i = 0; shall_break && i < proc->start.channel_count; i++) {
		atomic_store(&proc->channels[i].own->head, 1000);
		ipc_futex_wake(&proc->channels[i].own->head);
	}
	if (shall_complain && proc->start.role == PROC_signer)
		ipc_complain(proc_channel(proc, PROC_verifier, 0), IPC_COMPLAINT_REPLACE);
	else if (shall_complain)
		ipc_complain(proc_channel(proc, PROC_signer, 0), IPC_COMPLAINT_BROKEN);
	shall_break = shall_complain = 0;
}

static int serve_unsealer(struct proc *proc)
{
	struct ipc_channel *channel = proc_channel(proc, PROC_signer, 0);

	if (ipc_put(channel, STUB_FACTS, bytes_of("share", 5)) != STATUS_OK)
		return 1;
	while (!ipc_wipe(channel))
		(void)ipc_wait(&proc->waiter, 1000);
	return 0;
}

static int stub_serve(struct proc *proc)
{
	if (proc->start.role == PROC_unsealer)
		return serve_unsealer(proc);
	if (proc->start.role != PROC_signer)
		proc_report_ready(proc);
	while (!proc_stopping()) {
		(void)ipc_wait(&proc->waiter, 20000); /* a signal may come just before it */
		misbehave(proc);
		for (size_t i = 0; i < proc->start.channel_count; i++)
			take_all(proc, i);
	}
	return 0;
}

const struct proc_body proc_body = {stub_open, stub_serve};
