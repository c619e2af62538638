/* proc_start: the skeleton of every process but the supervisor; proc_main.c has the main function.
 *
 * Three phases, the same for all:
 *   1. open     maps the channels of topology.def, then the process's own proc_body.open: the last
 *               time that it may open files, sockets and devices, allocate, or start threads;
 *   2. sandbox  sandbox_enter with the process's seccomp policy and exactly the descriptors that
 *               are known: standard ones and those named with proc_keep_descriptor;
 *   3. serve    proc_body.serve until proc_stopping() or its end.
 * A process is a folder proc/NAME with NAME.c, which defines proc_body, and NAME.seccomp. Exit
 * status: what serve returns (0: ended as asked), 70 when open or the sandbox failed.
 *
 * Trust: start data comes from the supervisor. Channel contents come from hostile peers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_START_H
#define PROC_START_H

#include "ipc_channel.h"
#include "ipc_wait.h"
#include "proc_topology.h"
#include "sandbox.h"

#define PROC_EXIT_FAILED 70

/* What phase 1 found and phase 3 uses; one per process, alive until its end. */
struct proc {
	struct proc_start start;
	struct proc_report *report;
	struct ipc_channel channels[PROC_CHANNELS_MAX]; /* as start.channels */
	struct ipc_waiter waiter;                       /* over all channels */
	int descriptors[SANDBOX_DESCRIPTORS_MAX];
	size_t descriptor_count;
	uint64_t file_bytes_max;
	uint64_t capabilities; /* that stay, see sandbox_rules */
	struct proc_site
	    *site_memory; /* for setup, which writes it; for others read-only or NULL */
	struct sandbox_report sandbox; /* after phase 2 */
};

struct proc_body {
	/* open is phase 1 of this process; not STATUS_OK ends it. It logs what was wrong. */
	enum status (*open)(struct proc *proc);
	/* serve is phase 3; returns the exit status. */
	int (*serve)(struct proc *proc);
};

/* proc_body is defined by each process's NAME.c. */
extern const struct proc_body proc_body;

/* proc_channel returns the channel to the `number`th process of a role (0 for single ones); NULL
 * when the topology has none. */
struct ipc_channel *proc_channel(struct proc *proc, enum proc_role peer, unsigned number);

/* proc_peer_count returns how many processes of a role this one has channels to. */
unsigned proc_peer_count(const struct proc *proc, enum proc_role peer);

/* proc_setting returns a setting's text, "" when it was not given; CHECKs that topology.def has a
 * row for it. */
const char *proc_setting(const struct proc *proc, const char *name);

/* proc_setting_number reads a setting as decimal number of at most `max`; `fallback` when it is
 * empty, STATUS_MALFORMED when it is no such number. */
MUST_USE enum status proc_setting_number(const struct proc *proc, const char *name,
                                         uint64_t fallback, uint64_t max, uint64_t *ret_value);

/* proc_buffer takes memory for an empty buffer, for ever; before serving only. */
struct buffer proc_buffer(size_t cap);

/* proc_site is the site manifest in its signed form; empty in workstation mode. */
struct bytes proc_site(const struct proc *proc);

/* proc_keep_descriptor (phase 1) keeps an open descriptor over the sandbox; any other one that is
 * open then is fatal. */
void proc_keep_descriptor(struct proc *proc, int fd);

/* proc_stopping is true once the supervisor asked this process to end: finish what is open, put
 * what others wait for, return from serve. ipc_wait and epoll_wait return early when it comes;
 * still look at it at least every 100 ms. */
bool proc_stopping(void);

/* Counts the SIGTERMs; only main and proc_stopping touch it. */
extern _Atomic uint32_t proc_stop_count;

/* proc_reload_asked is true once after each SIGHUP: read again what may be read again. */
bool proc_reload_asked(void);

/* Counts the SIGHUPs; only main and proc_reload_asked touch it. */
extern _Atomic uint32_t proc_reload_count;

/* proc_report_phase writes how far this process is; for main, others use proc_report_ready. */
void proc_report_phase(struct proc *proc, enum proc_phase phase);

/* proc_report_ready tells the supervisor that this process can do its work. A process that does not
 * call it counts as never ready, and so does the whole. */
void proc_report_ready(struct proc *proc);

/* proc_name returns a role's name: "signer". */
const char *proc_name(enum proc_role role);

#endif
