/* sandbox: a process gives up everything that it does not need, once, between opening and serving.
 *
 * sandbox_enter, in this order (each step is tested in tests/sandbox):
 *   1. The open descriptors are exactly those of the list: one more is a refusal, one less too.
 *   2. New session (no terminal), umask 077.
 *   3. Namespaces of its own for network, IPC, host name, cgroups and mounts; when not root, inside
 *      a user namespace of its own. Sockets that are already open keep working.   [where possible]
 *   4. An empty, read-only root directory.                                        [where possible]
 *   5. User and group id of its own, no supplementary groups.                     [when root]
 *   6. No capabilities: bounding, ambient, permitted, effective and inheritable sets are empty, and
 *      securebits are locked. What `capabilities` names stays permitted and effective.
 *   7. Resource limits: no core dump, no new processes, no message queues, files (standard error
 * may be one) of at most 1 TiB or `file_bytes_max`, at most `descriptors_max` descriptors.
 *   8. Not dumpable (no ptrace, no /proc/PID/mem by others of its uid); dies with the supervisor.
 *   9. No new privileges.
 *  10. Landlock at the best level of the kernel: no path, no TCP bind or connect, no abstract
 *      sockets and no signals outside.                                            [where possible]
 *  11. Seccomp on all threads: a system call that `filter` does not list kills the process.
 *
 * Steps marked "where possible" depend on kernel and privileges and are reported, not assumed: the
 * report goes to the log and to `claviger doctor`. Without root there are no separate uids; what
 * then keeps processes apart is 1, 8, 10 and 11. Every other step must succeed, else the process
 * must end. It does not hide the process list (no PID namespace), limit memory or processor time.
 *
 * Needs for everything: root, or a kernel that allows user namespaces. Needs at least: seccomp. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base_status.h"

struct sock_filter;

#define SANDBOX_DESCRIPTORS_MAX 64 /* in the exact list */
/* Layers that depend on the host; the others are there or nothing is served. Stable: they stand in
 * evidence (spec/evidence.md). */
#define SANDBOX_LAYERS_OF_HOST                                                                     \
	(SANDBOX_LAYER_NET_NS | SANDBOX_LAYER_EMPTY_ROOT | SANDBOX_LAYER_OWN_UID |                 \
	 SANDBOX_LAYER_LANDLOCK)
#define SANDBOX_REPORT_TEXT_MAX 256

struct sandbox_rules {
	const struct sock_filter *filter; /* from proc/NAME/NAME.seccomp, made by the build */
	size_t filter_count;
	const int *descriptors; /* exactly these may be open */
	size_t descriptor_count;
	uint32_t uid;             /* 0: keep; also used as group id */
	uint64_t capabilities;    /* bits that stay in force: none, except for `setup` */
	uint32_t descriptors_max; /* later, for a process that accepts connections */
	uint64_t file_bytes_max;  /* no file grows beyond it */
};

/* What is in force, one bit for a layer that depends on the host. */
enum sandbox_layer {
	SANDBOX_LAYER_USER_NS = 1 << 0,
	SANDBOX_LAYER_NET_NS = 1 << 1,
	SANDBOX_LAYER_IPC_NS = 1 << 2,
	SANDBOX_LAYER_UTS_NS = 1 << 3,
	SANDBOX_LAYER_CGROUP_NS = 1 << 4,
	SANDBOX_LAYER_MOUNT_NS = 1 << 5,
	SANDBOX_LAYER_EMPTY_ROOT = 1 << 6,
	SANDBOX_LAYER_OWN_UID = 1 << 7,
	SANDBOX_LAYER_LANDLOCK = 1 << 8,
	SANDBOX_LAYER_SECCOMP = 1 << 9,
};

struct sandbox_report {
	uint32_t layers;       /* enum sandbox_layer bits */
	uint32_t landlock_abi; /* version that is in force; 0 without Landlock */
	const char *failed;    /* the step that refused, when sandbox_enter did; else NULL */
};

/* sandbox_enter does all of the above. On failure nothing may be served: the caller logs
 * `ret_report->failed` and exits. */
MUST_USE enum status sandbox_enter(const struct sandbox_rules *rules,
                                   struct sandbox_report *ret_report);

/* sandbox_report_text writes the layers in words, separated by spaces. */
void sandbox_report_text(const struct sandbox_report *report, char text[SANDBOX_REPORT_TEXT_MAX]);

/* sandbox_report_missing returns the layers that a host can give and this one did not, as bits. */
uint32_t sandbox_report_missing(const struct sandbox_report *report);

/* sandbox_report_cost writes what the missing layers cost, in words for an operator; empty when
 * none is missing that a host can give. */
void sandbox_report_cost(const struct sandbox_report *report, char text[SANDBOX_REPORT_TEXT_MAX]);

#endif
