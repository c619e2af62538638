/* supervisor: starts every process of topology.def with exactly its channels, watches, restarts,
 * halts. Holds nothing: it makes the shared memory and never maps a message.
 * If compromised: everything. So it stays small, and parses nothing but name=value
 * and what the kernel says of the machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <sys/types.h>

#include "ipc_memory.h"
#include "proc_topology.h"

enum supervisor_end { END_RESTART, END_HALT, END_ONCE };

struct supervisor_role {
	const char *name;
	unsigned instances;
	enum supervisor_end end;
	uint32_t uid_offset;
	unsigned order;
	uint32_t descriptors_max;
};

struct supervisor_channel {
	enum proc_role a, b;
	uint32_t slot_bytes, slots, window_bytes;
};

enum supervisor_state {
	CHILD_WAITS, /* for its start order, its peers' acknowledgement, or its pause */
	CHILD_RUNS,
	CHILD_DONE, /* ended and will not come again */
};

struct supervisor_child {
	enum proc_role role;
	unsigned number;
	enum supervisor_state state;
	pid_t pid;
	int report_fd;
	struct proc_report *report;
	int64_t not_before_us; /* pause before the next start, when it keeps failing */
	int64_t ended_us;
	unsigned failures; /* in a row, of this child */
	int64_t failed_us; /* when the last one was */
	int64_t pause_us;  /* after it */
	bool killed;       /* at a peer's request, or at a stop */
};

/* One channel between two children. */
struct supervisor_link {
	enum proc_channel_id id;
	struct supervisor_child *child[2];
	struct ipc_memory memory;
};

#define SUPERVISOR_CHILDREN_MAX (PROC_COUNT - 1 + LIMIT_VERIFIERS_MAX)
#define SUPERVISOR_CORES_MAX    64
#define SUPERVISOR_LINKS_MAX    (PROC_CHANNEL_COUNT - 1 + LIMIT_VERIFIERS_MAX)

struct supervisor {
	struct supervisor_child children[SUPERVISOR_CHILDREN_MAX];
	size_t child_count;
	struct supervisor_link links[SUPERVISOR_LINKS_MAX];
	size_t link_count;
	struct proc_start_setting settings[PROC_COUNT][PROC_SETTINGS_MAX];
	size_t setting_count[PROC_COUNT];
	unsigned verifiers;
	uint32_t uid_base; /* 0: not root, all keep our own */
	uint32_t log_level;
	int ready_fd;                         /* -1: nobody waits */
	bool is_appliance;                    /* we are process 1 */
	bool is_genesis;                      /* what setup found: each try wears the TPM */
	unsigned cores[SUPERVISOR_CORES_MAX]; /* that the kernel offers; pinned to from 3 on */
	unsigned core_count;
	int site_fd;    /* what setup writes (proc_site.h); -1 in workstation mode */
	int log_fds[2]; /* of the pipe that all lines go into, too; both stay open: a bridge that is
	                   away loses none that fit */
	bool was_ready;
	bool stopping;
	bool stop_forced;
	bool off; /* after the stop: the power; else a new start */
	int64_t stop_deadline_us;
	char folder[256]; /* of our own executable, and so of the others */
};

extern const struct supervisor_role supervisor_roles[PROC_COUNT];
extern const struct supervisor_channel supervisor_channels[PROC_CHANNEL_COUNT];

/* supervisor_configure takes the command line's name=value settings; prints what is wrong. */
MUST_USE enum status supervisor_configure(struct supervisor *supervisor, int count, char **args);

/* supervisor_set gives every process that has a row for it a setting; false: no such row, or too
 * long. */
bool supervisor_set(struct supervisor *supervisor, const char *name, const char *value);

/* supervisor_machine_begin (the appliance's process 1, before anything else) mounts the kernel's
 * own folders, takes the console, and says what this mode's settings are. */
MUST_USE enum status supervisor_machine_begin(struct supervisor *supervisor);
/* supervisor_deafen makes a terminal print and nothing else: else a Ctrl-S on the serial line would
 * hold up whoever logs, which is everybody, and what is typed there would stand among the log's
 * lines. The speed is what firmware consoles have. */
void supervisor_deafen(int fd);
/* supervisor_machine_setup runs setup to its end, seals what it wrote and takes its settings; else
 * the boot failure's number is returned, 0 when all is well. */
MUST_USE int supervisor_machine_setup(struct supervisor *supervisor);
/* supervisor_machine_end says how it ended (a boot failure's number, or 0) and starts the machine
 * anew, or switches it off. */
_Noreturn void supervisor_machine_end(int code, bool off);

/* supervisor_facts looks at the appliance's processor and memory (lib/hardware) and its cores, says
 * so in the log, and makes it the setting `machine` of who tells others. Nothing is decided by it
 * but which core a child runs on. */
void supervisor_facts(struct supervisor *supervisor);
/* supervisor_core is the core that a child may run on (S8): where there are three or more, the
 * signer has one to itself, verifiers, which run what users wrote, have the others, and all else
 * shares the first. -1: any. */
int supervisor_core(const struct supervisor *supervisor, enum proc_role role, unsigned number);

/* supervisor_child_make makes one child of a role, which is not started. */
MUST_USE enum status supervisor_child_make(struct supervisor *supervisor, enum proc_role role,
                                           unsigned number);

/* supervisor_make makes children and channels of the topology; starts nothing. */
MUST_USE enum status supervisor_make(struct supervisor *supervisor);

/* supervisor_spawn starts a child with the descriptors of its channels and its settings. */
MUST_USE enum status supervisor_spawn(struct supervisor *supervisor,
                                      struct supervisor_child *child);

/* supervisor_failed counts a failure of a child that has ended, at its ended_us: not_before_us says
 * from when on it may start again. True when it has to wait longer than after the failure before.
 */
bool supervisor_failed(struct supervisor_child *child);

/* supervisor_now_us is CLOCK_MONOTONIC in microseconds. */
int64_t supervisor_now_us(void);

#endif
