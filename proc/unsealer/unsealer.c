/* unsealer: has the TPM unseal the node share and hands it to the signer, once; then it caps the
 * PCRs and ends, so that nothing that runs later can unseal again before the next reset (PH7).
 * In its second mode, genesis, it makes the share first and seals it to this TPM.
 * Talks to: signer (one message), bridge (what it waits for from people). Opens: TPM and sealed
 * file in phase 1, nothing after. If compromised: the node share; no ciphertext. If it fails:
 * everything halts, sealed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "call_start.h"
#include "keys.h"
#include "log_line.h"
#include "proc_boot.h"
#include "proc_start.h"
#include "secret.h"
#include "tpm.h"
#include "unsealer_share.h"

#define TIME_LIMIT_S                                                                               \
	120 /* a TPM that hangs must not hold up the start for ever: SIGALRM ends us               \
	     */
#define GENESIS_LIMIT_S                                                                            \
	900 /* it writes some 280 times, and a TPM that spares its memory may put each off 2 s */
#define SEND_TRIES   500
#define SEND_WAIT_US 10000
#define ASK_WAIT_US  100000

/* Slots of the channel to the signer, out of topology.def. */
enum {
#define PROCESS(name, instances, end, uid, order, descriptors)
#define SETTING(process, name, value)
#define CHANNEL(a, b, slot_bytes, slots, window) SLOTS_##a##_##b = slots,
#include "topology.def"
#undef PROCESS
#undef SETTING
#undef CHANNEL
};

static struct tpm tpm;
static struct unsealer unsealer = {.tpm = &tpm};
static bool is_genesis;
static struct secret_page page;

static void start_clock(void)
{
	alarm(is_genesis ? GENESIS_LIMIT_S : TIME_LIMIT_S);
}

static void complain(const char *event, const char *what)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, event);
	log_text(&line, "what", what);
	log_end(&line);
}

static struct disk_file open_file(struct proc *proc, enum disk_region item, int flags)
{
	struct disk_file file = disk_file_open(proc_setting(proc, "state_dir"), item, flags);

	if (file.fd >= 0)
		proc_keep_descriptor(proc, file.fd);
	return file;
}

/* open_files opens what is there: of what is not, the signer is told why it stays sealed. */
static enum status open_files(struct proc *proc)
{
	const char *folder = proc_setting(proc, "state_dir");
	int made = is_genesis ? O_RDWR | O_CREAT : O_RDONLY, directory;
	bool is_disk;

	if (folder[0] == '\0') {
		complain("unsealer.refused", "the setting state_dir is missing");
		return STATUS_REFUSED;
	}
	is_disk = disk_is_device(folder);
	if (is_genesis && !is_disk && mkdir(folder, 0700) != 0 && errno != EEXIST) {
		complain("unsealer.refused", strerror(errno));
		return STATUS_IO;
	}
	unsealer.files =
	    (struct unsealer_files){.sealed = open_file(proc, DISK_SEALED_SHARE, made),
	                            .approvals = open_file(proc, DISK_APPROVALS, O_RDONLY),
	                            .manifest = disk_file_of(-1),
	                            .escrow = disk_file_of(-1)};
	if (!is_genesis)
		return STATUS_OK;
	unsealer.files.manifest = open_file(proc, DISK_GENESIS, O_RDONLY);
	unsealer.files.escrow = open_file(proc, DISK_ESCROW, made);
	if (is_disk)
		return STATUS_OK;
	/* The names of new files must be as durable as their content will be. */
	directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fsync(directory) != 0) {
		complain("unsealer.refused", strerror(errno));
		return STATUS_IO;
	}
	close(directory);
	return STATUS_OK;
}

static enum status unsealer_open(struct proc *proc)
{
	const char *mode = proc_setting(proc, "start");
	enum status status;

	is_genesis = strcmp(mode, "genesis") == 0;
	if (!is_genesis && strcmp(mode, "unseal") != 0) {
		complain("unsealer.refused", "the setting start must be `unseal` or `genesis`");
		return STATUS_REFUSED;
	}
	status = open_files(proc);
	if (status != STATUS_OK)
		return status;
	if (secret_page_open(sizeof(struct call_start_facts), &page) != STATUS_OK) {
		complain("unsealer.refused", "no memory can be locked for the node share");
		return STATUS_IO;
	}
	(void)mlockall(MCL_CURRENT | MCL_FUTURE); /* the TPM library's buffers, where allowed */
	keys_open();
	if (tpm_open(proc_setting(proc, "tpm"), &tpm) == STATUS_OK)
		proc_keep_descriptor(proc, tpm_descriptor(&tpm));
	proc->file_bytes_max = APPROVAL_SEALED_MAX;
	start_clock();
	return STATUS_OK;
}

/* ask_people asks through the bridge and waits, as long as it takes. */
static bool ask_people(void *context, const struct call_unseal_asks *asks,
                       struct call_unseal_gives *ret_gives)
{
	struct proc *proc = (struct proc *)context;
	struct ipc_channel *bridge = proc_channel(proc, PROC_bridge, 0);
	uint8_t space[CALL_UNSEAL_SLOT_BYTES];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};
	struct log_line line;
	bool asked = false;

	log_begin(&line, LOG_INFO, "unsealer.waits");
	log_text(&line, "for", asks->what == CALL_UNSEAL_APPROVAL ? "approval" : "share");
	log_hex(&line, "value", BYTES_OF_ARRAY(asks->value));
	log_number(&line, "refused", asks->refused);
	if (asks->is_other_share == 1)
		log_text(&line, "why", "it is another share than the one of the lost machine");
	log_end(&line);
	alarm(0);
	while (!proc_stopping()) {
		enum status status = ipc_take(bridge, &message);

		if (status == STATUS_CONFLICT) { /* another bridge, which knows nothing yet */
			ipc_acknowledge(bridge);
			asked = false;
		} else if (status == STATUS_OK && message.kind == CALL_UNSEAL_GIVES &&
		           unseal_take_gives(buffer_bytes(&message.payload), ret_gives) ==
		               STATUS_OK) {
			start_clock();
			return true;
		} else if (status == STATUS_OK) {
			ipc_complain(bridge, IPC_COMPLAINT_BROKEN);
		}
		if (!asked)
			asked = ipc_put(bridge, CALL_UNSEAL_ASKS, bytes_of(asks, sizeof(*asks))) ==
			        STATUS_OK;
		ipc_wait(&proc->waiter, ASK_WAIT_US);
	}
	return false;
}

/* send waits until the signer has taken the message, so that this end does not drop it. */
static bool send(struct proc *proc, uint32_t kind, struct bytes message)
{
	struct ipc_channel *signer = proc_channel(proc, PROC_signer, 0);
	bool sent = false;

	for (int i = 0; i < SEND_TRIES && !proc_stopping(); i++) {
		if (!sent) {
			enum status status = ipc_put(signer, kind, message);

			if (status == STATUS_CONFLICT)
				ipc_acknowledge(signer);
			sent = status == STATUS_OK;
		}
		if (sent && ipc_pending(signer) == 0)
			return true;
		ipc_wait(&proc->waiter, SEND_WAIT_US);
	}
	return false;
}

/* wipe_ring zeroes the one slot that the share went through: the signer cannot write it, and keeps
 * this memory mapped as long as it lives (A22). */
static void wipe_ring(struct proc *proc)
{
	struct buffer slot;

	_Static_assert(SLOTS_unsealer_signer == 1, "the next slot is the one that was used");
	if (ipc_reserve(proc_channel(proc, PROC_signer, 0), &slot) == STATUS_OK)
		secret_wipe(slot.data, slot.cap);
}

/* What was measured, for whoever has to find out what differs, or to approve it. */
static void log_pcrs(void)
{
	static const uint8_t shown[] = {0, 2, 4, 7, 9, 11, 12, 14};
	static uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	struct log_line line;
	uint32_t mask = 0;

	for (size_t i = 0; i < sizeof(shown); i++)
		mask |= 1u << shown[i];
	if (tpm.esys == NULL || tpm_pcr_read(&tpm, mask, values) != STATUS_OK)
		return;
	log_begin(&line, LOG_INFO, "unsealer.pcrs");
	for (size_t i = 0; i < sizeof(shown); i++) {
		char name[8];

		snprintf(name, sizeof(name), "pcr%u", shown[i]);
		log_hex(&line, name, BYTES_OF_ARRAY(values[shown[i]]));
	}
	log_end(&line);
}

_Static_assert(BOOT_OF_START(CALL_START_NO_TPM) == BOOT_NO_TPM &&
                   BOOT_OF_START(CALL_START_REASON_COUNT - 1) == BOOT_TPM_FULL,
               "each reason has its number");

static int report_failure(struct proc *proc, const struct call_start_failed *failed)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, "unsealer.failed");
	log_text(&line, "what", (const char *)failed->what);
	log_text(&line, "reason", start_reason_text(failed->reason));
	log_number(&line, "tpm_rc", failed->tpm_rc);
	log_end(&line);
	log_pcrs();
	(void)send(proc, CALL_START_FAILED, bytes_of(failed, sizeof(*failed)));
	return proc_boot_failed(BOOT_OF_START(failed->reason));
}

static int unsealer_run(struct proc *proc)
{
	struct call_start_facts *facts = page.data;
	bool sent;

	unsealer.facts = facts;
	unsealer.ask = ask_people;
	unsealer.context = proc;
	if (!unsealer_take_share(&unsealer, is_genesis)) {
		int code = report_failure(proc, &unsealer.failed);

		secret_page_close(&page);
		tpm_close(&tpm);
		return code;
	}
	sent = send(proc, CALL_START_FACTS, bytes_of(facts, sizeof(*facts)));
	wipe_ring(proc);
	secret_page_close(&page);
	tpm_close(&tpm);
	if (!sent) {
		complain("unsealer.failed", "the signer did not take the node share");
		return 1;
	}
	log_event(LOG_INFO, is_genesis ? "unsealer.genesis" : "unsealer.unsealed");
	proc_report_ready(proc);
	return 0;
}

const struct proc_body proc_body = {.open = unsealer_open, .serve = unsealer_run};
