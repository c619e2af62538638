/* attestor: holds the TPM after the start: evidence for the bridge, NV extends for the signer.
 * Talks to: bridge (evidence, activation), signer (info, node statement, activation, NV extend).
 * Opens: the TPM and the firmware's event log in phase 1.
 * If compromised: false evidence; no share (the cap is set before it starts) and no keys.
 * If it dies: everything halts. At its end it sends TPM2_Shutdown. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "approval.h"
#include "attestor_answer.h"
#include "base_check.h"
#include "disk.h"
#include "keys.h"
#include "log_line.h"
#include "proc_start.h"

#define IDLE_WAIT_US 100000
#define WATCH_MS     2000 /* is it still the same boot of the TPM? */
#define EXIT_TPM     74
#define KERNEL_LOG   "/sys/kernel/security/tpm0/binary_bios_measurements"

static struct tpm tpm;
static struct attestor_evidence evidence;
static struct attestor_floor floors; /* names the primary and the roots */
static struct attestor attestor = {.tpm = &tpm, .evidence = &evidence, .floor = &floors};

/* Everything the attestor answers, and to whom. */
static const struct {
	enum proc_role peer;
	uint32_t kind;
} permits[] = {
    {PROC_bridge, CALL_ATTEST_EVIDENCE },
    {PROC_bridge, CALL_ATTEST_ACTIVATE },
    {PROC_bridge, CALL_ATTEST_FLOOR    },
    {PROC_signer, CALL_ATTEST_INFO     },
    {PROC_signer, CALL_ATTEST_NV_EXTEND},
    {PROC_signer, CALL_ATTEST_NODE     },
    {PROC_signer, CALL_ATTEST_ACTIVATE },
    {PROC_signer, CALL_ATTEST_JUDGE    },
    {PROC_signer, CALL_ATTEST_USUAL    },
};

static bool is_permitted(enum proc_role peer, uint32_t kind)
{
	for (size_t i = 0; i < sizeof(permits) / sizeof(permits[0]); i++)
		if (permits[i].peer == peer && permits[i].kind == kind)
			return true;
	return false;
}

static void complain(const char *event, const char *what, uint32_t rc)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, event);
	log_text(&line, "what", what);
	log_number(&line, "tpm_rc", rc);
	log_end(&line);
}

static struct bytes read_file(const struct proc *proc, enum disk_region item, uint8_t *space,
                              size_t cap)
{
	struct disk_file file = disk_file_open(proc_setting(proc, "state_dir"), item, O_RDONLY);
	struct buffer content = {space, cap, 0};
	enum status status = disk_file_read(&file, cap, &content);

	if (file.fd >= 0)
		close(file.fd);
	return bytes_of(space, status == STATUS_OK ? content.len : 0);
}

/* read_files reads the unsealer's file for the names in it (the share in it opens to nobody), and
 * the approvals for the floors. */
static enum status read_files(const struct proc *proc)
{
	static uint8_t raw[APPROVAL_FILE_MAX];
	enum status status = approval_sealed_take(
	    read_file(proc, DISK_SEALED_SHARE, raw, APPROVAL_SEALED_MAX), &floors.sealed);

	if (status != STATUS_OK) {
		complain("attestor.no_sealed_share", proc_setting(proc, "state_dir"), 0);
		return status;
	}
	status = approval_file_take(read_file(proc, DISK_APPROVALS, raw, sizeof(raw)),
	                            &floors.approvals);
	if (status == STATUS_OK &&
	    memcmp(&floors.approvals.scope, &floors.sealed.scope, sizeof(floors.sealed.scope)) != 0)
		status = STATUS_REFUSED; /* of another genesis */
	if (status != STATUS_OK)
		complain("attestor.no_approvals", proc_setting(proc, "state_dir"), 0);
	return status;
}

/* read_log: the setting's file; without one a device's log is where the kernel shows it. Without a
 * log a machine still serves; who asks for one refuses its evidence. */
static void read_log(const struct proc *proc)
{
	const char *path = proc_setting(proc, "event_log");
	enum status status = STATUS_OK;

	if (path[0] == '\0' && strncmp(proc_setting(proc, "tpm"), "device:", 7) == 0)
		path = KERNEL_LOG;
	if (path[0] != '\0')
		status = attestor_evidence_read_log(&evidence, path);
	if (status != STATUS_OK)
		complain("attestor.event_log", path, 0);
}

static enum status attestor_open(struct proc *proc)
{
	enum status status;

	keys_open(); /* the TPM library draws from the same generator */
	status = tpm_open(proc_setting(proc, "tpm"), &tpm);

	if (status != STATUS_OK) {
		complain("attestor.no_tpm", "the TPM cannot be reached", tpm.rc);
		return status;
	}
	proc_keep_descriptor(proc, tpm_descriptor(&tpm));
	read_log(proc);
	return read_files(proc);
}

/* note_failure logs what the TPM said when an answer is an error: peers learn only its kind. */
static void note_failure(const struct buffer *answer)
{
	struct call_attest_head head;

	CHECK(answer->len >= sizeof(head));
	memcpy(&head, answer->data, sizeof(head));
	if (head.status != STATUS_OK)
		complain("attestor.failed", tpm.what, tpm.rc);
}

static bool take_one(struct proc *proc, enum proc_role peer)
{
	static uint8_t request_bytes[CALL_ATTEST_BRIDGE_SLOT_BYTES];
	static uint8_t answer_bytes[CALL_ATTEST_MESSAGE_MAX];
	struct ipc_channel *channel = proc_channel(proc, peer, 0);
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	struct buffer answer = BUFFER_OF_ARRAY(answer_bytes);
	struct call_attest_request request;
	enum status status = ipc_take(channel, &message);

	if (status == STATUS_CONFLICT)
		ipc_acknowledge(channel);
	if (status != STATUS_OK)
		return false;
	if (!is_permitted(peer, message.kind) ||
	    attest_take_request(message.kind, buffer_bytes(&message.payload), &request) !=
	        STATUS_OK) {
		complain("attestor.bad_request", proc_name(peer), 0);
		ipc_complain(channel, IPC_COMPLAINT_BROKEN);
		return true;
	}
	attestor_answer(&attestor, message.kind, &request, &answer);
	note_failure(&answer);
	/* A peer that asks more than it takes loses answers, nobody else does. */
	(void)!ipc_put(channel, message.kind + 1, buffer_bytes(&answer));
	return true;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int attestor_run(struct proc *proc)
{
	uint64_t watched_ms = now_ms();
	struct tpm_name primary = {.len = sizeof(floors.sealed.primary)};
	enum status status;

	memcpy(primary.bytes, floors.sealed.primary, sizeof(floors.sealed.primary));
	status = attestor_start(&attestor, &primary);
	if (status != STATUS_OK) {
		complain("attestor.no_tpm", tpm.what, tpm.rc);
		return EXIT_TPM;
	}
	proc_report_ready(proc);
	while (!proc_stopping()) {
		bool worked = take_one(proc, PROC_signer);

		worked |= take_one(proc, PROC_bridge);
		if (now_ms() - watched_ms >= WATCH_MS) {
			if (attestor_watch(&attestor) != STATUS_OK) {
				complain("attestor.tpm_was_reset", tpm.what, tpm.rc);
				return EXIT_TPM;
			}
			watched_ms = now_ms();
		}
		if (!worked)
			ipc_wait(&proc->waiter, IDLE_WAIT_US);
	}
	status = tpm_shutdown(&tpm);
	if (status != STATUS_OK)
		complain("attestor.shutdown", tpm.what, tpm.rc);
	tpm_close(&tpm);
	return 0;
}

const struct proc_body proc_body = {.open = attestor_open, .serve = attestor_run};
