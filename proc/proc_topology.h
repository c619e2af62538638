/* proc_topology: topology.def as C tables, and what the supervisor hands each process at its start.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_TOPOLOGY_H
#define PROC_TOPOLOGY_H

#include <stdatomic.h>

#include "base_limits.h"
#include "ipc_channel.h"

#define PROC_VERIFIERS_DEFAULT 3 /* one more than is busy: a started spare (A17) */
#define PROC_VERIFIERS         LIMIT_VERIFIERS_MAX
#define PROC_APPLIANCE         0 /* instances of a process that only the appliance has: one there */
#define PROC_CHANNELS_MAX      32    /* of one process */
#define PROC_SETTINGS_MAX      20    /* of one process */
#define PROC_SETTING_NAME_MAX  32    /* with NUL */
#define PROC_SETTING_VALUE_MAX 480   /* with NUL */
#define PROC_UID_BASE          58200 /* first of 32 user ids; nothing else of the host may use them */

enum proc_role {
#define PROCESS(name, instances, end, uid, order, descriptors) PROC_##name,
#define CHANNEL(a, b, slot_bytes, slots, window)
#define SETTING(process, name, value)
#include "topology.def"
#undef PROCESS
	PROC_COUNT
};

enum proc_channel_id {
#define PROCESS(name, instances, end, uid, order, descriptors)
#undef CHANNEL
#define CHANNEL(a, b, slot_bytes, slots, window) PROC_CHANNEL_##a##_##b,
#include "topology.def"
	PROC_CHANNEL_COUNT
};
#undef PROCESS
#undef CHANNEL
#undef SETTING

/* How far a process has come; it writes this into its report page. */
enum proc_phase {
	PROC_PHASE_STARTED = 0,
	PROC_PHASE_SANDBOXED, /* phase 2 is done */
	PROC_PHASE_READY,     /* it can do its work (proc_report_ready) */
};

/* One page that a process writes and only the supervisor reads. */
struct proc_report {
	_Atomic uint32_t phase;
	_Atomic uint32_t layers; /* struct sandbox_report */
	_Atomic uint32_t landlock_abi;
};

struct proc_start_channel {
	uint32_t id;   /* enum proc_channel_id */
	uint32_t side; /* 0 or 1 */
	uint32_t peer; /* enum proc_role */
	uint32_t peer_number;
	struct ipc_shape shape;
	struct ipc_fds fds;
};

struct proc_start_setting {
	char name[PROC_SETTING_NAME_MAX];
	char value[PROC_SETTING_VALUE_MAX];
};

/* All that a process is told at its start: the sealed memfd at PROC_START_FD. */
struct proc_start {
	uint32_t magic;
	uint32_t role;   /* enum proc_role */
	uint32_t number; /* among those of its role */
	uint32_t uid;    /* 0: keep the supervisor's */
	uint32_t descriptors_max;
	uint32_t log_level;
	int32_t report_fd;
	int32_t site_fd; /* struct proc_site; 0 in workstation mode: there is none */
	int32_t log_fd; /* the bridge's: the pipe of all log lines (log_copy), to be read; else 0 */
	uint32_t has_log; /* 1: standard output is that pipe */
	uint32_t setting_count;
	uint32_t channel_count;
	struct proc_start_channel channels[PROC_CHANNELS_MAX];
	struct proc_start_setting settings[PROC_SETTINGS_MAX];
};

#define PROC_START_MAGIC UINT32_C(0x31504c43) /* "CLP1" */
#define PROC_START_FD    3
#define PROC_FIRST_FD    4 /* then the report's and the channels' descriptors */

#endif
