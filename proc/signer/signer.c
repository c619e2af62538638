/* signer: holds the master key; signs what a policy allowed and nothing else.
 * Talks to: bridge (sign, export), authority (changes), verifiers (check), store (ciphertext),
 * unsealer (once), attestor. Opens: nothing after phase 1.
 * If it is taken over: all keys of this machine. If it dies: everything halts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer.h"

#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_encode.h"
#include "base_heap.h"
#include "log_line.h"
#include "proc_boot.h"
#include "proc_start.h"
#include "secret.h"
#include "signer_backup.h"
#include "signer_boot.h"
#include "signer_change.h"
#include "signer_decisions.h"
#include "signer_export.h"
#include "signer_group.h"
#include "signer_keep.h"
#include "signer_site.h"
#include "signer_sweep.h"
#include "signer_waiting.h"
#include "site.h"

#define TURN_US      20000  /* look at the clock again after this, whatever is waited for */
#define FULL_US      1000   /* an answer had no room in the bridge's ring: look for it again */
#define HEAP_SPARE   100000 /* what the crypto library allocates for a moment */
#define TAG_READS    50     /* tags below are appends (signer_receipt.c) */
#define TAG_EXPORTS  100
#define TIME_TOLD_MS 5000 /* the bridge hears of the time so often */

static struct signer the_signer;

/* ---- hooks of the store ---- */

static void loaded(void *context, uint32_t kind, const uint8_t id[32], enum status status,
                   struct bytes sealed)
{
	struct signer *signer = (struct signer *)context;

	if (kind == CALL_STORE_VALUE_CHAIN)
		signer_receipts_loaded(signer->receipts, id, status, sealed);
	else
		signer_state_loaded(&signer->state, kind, id, status, sealed);
}

static enum status checkpoint(void *context, uint64_t seq, const uint8_t root[32], bool light,
                              struct buffer *ret_checkpoint)
{
	return signer_boot_checkpoint((struct signer *)context, seq, root, light, ret_checkpoint);
}

static enum signer_write may_anchor(void *context, bool is_paid, enum signer_need need,
                                    const uint8_t *user)
{
	struct signer *signer = (struct signer *)context;
	uint64_t now_ms = signer_time_ms();

	if (!signer_anchor_is_due(&signer->anchor, now_ms))
		return SIGNER_WRITE_SOON;
	return is_paid || signer_anchor_take(&signer->anchor, need, user, now_ms)
	           ? SIGNER_WRITE_NOW
	           : SIGNER_WRITE_NONE;
}

/* Its checkpoint is written later, when the next batch gathers. */
static void begins(void *context)
{
	struct signer *signer = (struct signer *)context;

	signer->begun = signer->totals;
}

static void counts(void *context, uint32_t kind, const uint8_t id[32])
{
	signer_state_counts(&((struct signer *)context)->state, kind, id);
}

static void write_anchor(void *context, struct bytes encoded)
{
	struct signer *signer = (struct signer *)context;

	signer_anchor_write(&signer->anchor, encoded, signer_time_ms());
	signer_anchor_pump(&signer->anchor, signer->now_ms);
}

static void segment(void *context, uint64_t tag, enum status status,
                    const struct call_store_segment_state *state, struct bytes blob)
{
	struct signer *signer = (struct signer *)context;

	if (tag < TAG_READS) {
		signer_receipts_segment(signer->receipts, tag, status, state);
		if (status == STATUS_OK)
			signer_keep_appended(signer->keep, state);
	} else if (tag == SIGNER_KEEP_TAG)
		signer_keep_segment(signer->keep, status, state, blob);
	else if (tag >= SIGNER_DECISIONS_TAG)
		signer_decisions_blob(signer, tag, status, state, blob);
	else if (tag < TAG_EXPORTS)
		signer_boot_blob(signer, status, state, blob);
	else
		signer_export_blob(signer->export, tag, status, state, blob);
}

static void backed(void *context, enum status status, const struct call_store_backed *said,
                   struct bytes bytes)
{
	signer_backup_heard(((struct signer *)context)->backup, status, said, bytes);
}

static uint64_t time_low_s(void *context)
{
	return signer_time_read(&((struct signer *)context)->time).low_s;
}

static bool time_is_proven(void *context)
{
	return signer_time_is_proven(&((struct signer *)context)->time);
}

static uint64_t ran_s(void *context)
{
	return signer_time_ran(&((struct signer *)context)->time);
}

/* ---- what others are told ---- */

size_t signer_put_certificate(const struct signer *signer, uint8_t role, const uint8_t key[32],
                              uint8_t *space, size_t cap)
{
	struct authz_certificate certificate = {.boot = signer->boot, .role = role};
	struct buffer out = {space, cap, 0};

	memcpy(certificate.deployment, signer->deployment, 32);
	memcpy(certificate.key, key, 32);
	CHECK(authz_certificate_put(&certificate, signer_vault_deployment(signer->vault), &out) ==
	      STATUS_OK);
	return out.len;
}

/* tell_bridge hands the bridge its TLS key, certificate and the channel certificates. */
static void tell_bridge(struct signer *signer)
{
	static uint8_t space[CALL_CHANNEL_START_MAX];
	uint8_t authority[CALL_CHANNEL_CERT_MAX], own[CALL_CHANNEL_CERT_MAX];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_channel_start start = {.boot = signer->boot,
	                                   .hardware = signer->facts->is_software == 0,
	                                   .tls_chain_count = 1};
	struct keys_tls_key key;

	signer_vault_tls(signer->vault, &key);
	memcpy(start.tls_key, key.bytes, sizeof(start.tls_key));
	memcpy(start.deployment, signer->deployment, 32);
	memcpy(start.deployment_key, signer_vault_deployment_key(signer->vault), 32);
	start.tls_chain[0] = bytes_of(signer->certificate, signer->certificate_len);
	if (signer->has_authority)
		start.authority_certificate =
		    bytes_of(authority, signer_put_certificate(signer, AUTHZ_ROLE_AUTHORITY,
		                                               signer->authority_key, authority,
		                                               sizeof(authority)));
	start.signer_certificate = bytes_of(
	    own, signer_put_certificate(signer, AUTHZ_ROLE_SIGNER,
	                                signer_vault_channel(signer->vault), own, sizeof(own)));
	start.rp_id = bytes_of_text(proc_setting(signer->proc, "rp_id"));
	CHECK(call_channel_put_start(&start, &message) == STATUS_OK);
	if (signer->chain_len == 0 ||
	    ipc_put(signer->bridge, CALL_BRIDGE_CERTIFICATE,
	            bytes_of(signer->chain, signer->chain_len)) == STATUS_OK)
		signer->bridge_told = ipc_put(signer->bridge, CALL_BRIDGE_CHANNEL_START,
		                              buffer_bytes(&message)) == STATUS_OK;
	secret_wipe(space, sizeof(space));
	SECRET_WIPE(key);
	SECRET_WIPE(start);
}

static void tell_authority(struct signer *signer)
{
	uint8_t space[sizeof(struct call_change_channel) + AUTHZ_STATEMENT_MAX];
	struct call_change_channel head = {.boot = signer->boot};
	size_t len;

	memcpy(head.deployment, signer->deployment, 32);
	memcpy(space, &head, sizeof(head));
	len = signer_put_certificate(signer, AUTHZ_ROLE_AUTHORITY, signer->authority_key,
	                             space + sizeof(head), sizeof(space) - sizeof(head));
	(void)!ipc_put(signer->authority, CALL_CHANGE_CHANNEL, bytes_of(space, sizeof(head) + len));
}

/* ---- messages ---- */

/* What a request gets before the signer is ready, or while it stops. */
static void answer_closed(struct signer *signer, uint32_t kind, struct bytes message)
{
	static struct call_sign_request request;
	static struct call_export_request export;
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space);
	enum call_result result = signer->stopping ? CALL_RESULT_STOPPING : CALL_RESULT_SEALED;

	if (kind == CALL_BRIDGE_SIGN_REQUEST &&
	    call_sign_take_request(message, &request) == STATUS_OK) {
		struct call_sign_answer said = {
		    .request = request.request, .result = result, .retry_after_ms = 1000};

		CHECK(call_sign_put_answer(&said, &out) == STATUS_OK);
		(void)!ipc_put(signer->bridge, CALL_BRIDGE_SIGN_ANSWER, buffer_bytes(&out));
	} else if (kind == CALL_BRIDGE_EXPORT_REQUEST &&
	           call_export_take_request(message, &export) == STATUS_OK) {
		static struct call_export_answer said;

		said = (struct call_export_answer){.request = export.request, .result = result};
		if (export.topic == CALL_EXPORT_STATUS)
			said.result = CALL_RESULT_DONE; /* status: not unsealed */
		CHECK(call_export_put_answer(&said, &out) == STATUS_OK);
		(void)!ipc_put(signer->bridge, CALL_BRIDGE_EXPORT_ANSWER, buffer_bytes(&out));
	}
}

/* The bridge answers of the kept chain, too, when it is told that again: nobody asked. */
static enum status take_certificate(struct signer *signer, struct bytes message)
{
	struct call_bridge_certificate said;

	if (message.len != sizeof(said))
		return STATUS_MALFORMED;
	memcpy(&said, message.data, sizeof(said));
	if (memcmp(said.hash, signer->chain_asked.hash, sizeof(said.hash)) == 0) {
		signer->chain_asked.holds = said.holds;
		signer->chain_judged = true;
	}
	return STATUS_OK;
}

static enum status take_bridge(struct signer *signer, struct bytes message)
{
	uint32_t kind = signer->bridge_in.kind;

	if (kind == CALL_BRIDGE_CERTIFICATE_ANSWER)
		return take_certificate(signer, message);
	if (kind != CALL_BRIDGE_SIGN_REQUEST && kind != CALL_BRIDGE_EXPORT_REQUEST)
		return STATUS_MALFORMED;
	if (!signer->ready || signer->stopping) {
		answer_closed(signer, kind, message);
		return STATUS_OK;
	}
	return kind == CALL_BRIDGE_SIGN_REQUEST
	           ? signer_sign_request(signer->sign, message, signer->now_ms)
	           : signer_export_request(signer->export, message);
}

static void pump_bridge(struct signer *signer)
{
	while (signer_sign_has_room(signer->sign) && signer_export_has_room(signer->export)) {
		enum status status = ipc_take(signer->bridge, &signer->bridge_in);

		if (status == STATUS_CONFLICT) {
			signer_sign_drop_bridge(signer->sign);
			signer_export_drop_bridge(signer->export);
			ipc_acknowledge(signer->bridge);
			signer->bridge_told = false;
			signer->tpm_told = 0;
			continue;
		}
		if (status != STATUS_OK)
			break;
		signer->later_told = false;
		if (take_bridge(signer, buffer_bytes(&signer->bridge_in.payload)) ==
		    STATUS_MALFORMED) {
			ipc_complain(signer->bridge, IPC_COMPLAINT_BROKEN);
			break;
		}
	}
	if (signer->ready && !signer->bridge_told && ipc_is_up(signer->bridge))
		tell_bridge(signer);
}

static enum status take_authority(struct signer *signer, struct bytes message)
{
	struct call_change_hello hello;

	switch (signer->authority_in.kind) {
	case CALL_CHANGE_AUTHORITY_HELLO:
		if (message.len != sizeof(hello))
			return STATUS_MALFORMED;
		memcpy(&hello, message.data, sizeof(hello));
		memcpy(signer->authority_key, hello.key, 32);
		signer->has_authority = true;
		tell_authority(signer);
		signer->bridge_told = false; /* the bridge gets the new certificate */
		return STATUS_OK;
	case CALL_CHANGE_REQUEST:
		if (message.len < sizeof(struct call_change_request))
			return STATUS_MALFORMED;
		signer_waiting_add(signer->waiting, message, signer_time_ms());
		return STATUS_OK;
	default:
		return STATUS_MALFORMED;
	}
}

/* Takes what the authority has to say: requests wait for their turn here, not in the ring, where
 * what is urgent would stand behind the rest. */
static void pump_authority(struct signer *signer)
{
	enum status status = STATUS_OK;

	if (signer->told_secret && ipc_wipe(signer->authority))
		signer->told_secret = false;
	/* Before it is ready the signer has no certificate to give; the hello waits in the ring. */
	while (signer->ready && status == STATUS_OK && signer_waiting_has_room(signer->waiting)) {
		status = ipc_take(signer->authority, &signer->authority_in);
		if (status == STATUS_CONFLICT) {
			ipc_acknowledge(signer->authority);
			signer->has_authority = false;
			signer_waiting_drop(signer->waiting);
			signer_group_drop(signer->group);
			signer->change->request = 0;
		}
		if (status != STATUS_OK)
			continue;
		if (take_authority(signer, buffer_bytes(&signer->authority_in.payload)) !=
		    STATUS_OK)
			ipc_complain(signer->authority, IPC_COMPLAINT_BROKEN);
		/* Sealed seeds, codes, a session's secret: what waits has a copy of its own. */
		secret_wipe(signer->authority_in.payload.data, signer->authority_in.payload.len);
	}
}

/* Works one request off, in plain sequence; false: there was none. */
static bool work(struct signer *signer)
{
	struct bytes message;

	/* While it stops, requests stay unanswered; the bridge says so. */
	if (signer->stopping || !signer_waiting_next(signer->waiting, &message))
		return false;
	signer_change_request(signer, message);
	signer_waiting_done(signer->waiting);
	return true;
}

/* An anchor that is not what it must be is a halt: no later commit could be started from. */
static enum status take_anchored(struct signer *signer, struct bytes message)
{
	enum status status = signer_anchor_answered(&signer->anchor, message, signer->now_ms);

	CHECK(status == STATUS_OK || status == STATUS_MALFORMED || status == STATUS_BUSY);
	if (status == STATUS_BUSY)
		return STATUS_OK; /* asked again later */
	if (status == STATUS_OK)
		signer_store_anchored(signer->store);
	return status;
}

/* take_attestor: every kind of answer has its own owner. */
static enum status take_attestor(struct signer *signer, struct bytes message)
{
	uint32_t kind = signer->attestor_in.kind;

	if (kind == CALL_ATTEST_INFO_ANSWER || kind == CALL_ATTEST_NODE_ANSWER ||
	    kind == CALL_ATTEST_ACTIVATE_ANSWER)
		return signer_node_hear(signer, kind, message);
	if (kind == CALL_ATTEST_JUDGE_ANSWER)
		return signer_approvals_hear(signer, message);
	if (kind == CALL_ATTEST_USUAL_ANSWER)
		return STATUS_OK; /* it has nothing to say */
	return kind == CALL_ATTEST_NV_EXTEND_ANSWER ? take_anchored(signer, message)
	                                            : STATUS_MALFORMED;
}

/* tell_tpm lets the bridge's metrics know of the TPM's writes. */
static void tell_tpm(struct signer *signer)
{
	struct call_bridge_tpm said = {.writes = signer->anchor.writes,
	                               .busy = signer->anchor.busy};

	if (!signer->bridge_told || signer->tpm_told == said.writes + said.busy)
		return;
	said.left = signer_anchor_left(&signer->anchor, signer->now_ms);
	if (ipc_put(signer->bridge, CALL_BRIDGE_TPM, bytes_of(&said, sizeof(said))) == STATUS_OK)
		signer->tpm_told = said.writes + said.busy;
}

/* The same of the time. */
static void tell_time(struct signer *signer)
{
	struct call_time said;

	if (!signer->bridge_told || !signer->ready ||
	    (signer->time_told_ms != 0 && signer->now_ms - signer->time_told_ms < TIME_TOLD_MS))
		return;
	said = signer_boot_time(signer);
	if (ipc_put(signer->bridge, CALL_BRIDGE_TIME, bytes_of(&said, sizeof(said))) == STATUS_OK)
		signer->time_told_ms = signer->now_ms;
}

/* tell_fill lets the bridge know how full the store is, and the log from 95 % on. */
static void tell_fill(struct signer *signer)
{
	struct call_store_fill fill = signer_store_fill(signer->store);
	unsigned most = fill.state > fill.receipts ? fill.state : fill.receipts;
	unsigned level = most >= SIGNER_FULL ? 2 : most >= SIGNER_NEARLY_FULL;
	struct log_line line;

	if (signer->bridge_told && memcmp(&fill, &signer->fill_told, sizeof(fill)) != 0 &&
	    ipc_put(signer->bridge, CALL_BRIDGE_FILL, bytes_of(&fill, sizeof(fill))) == STATUS_OK)
		signer->fill_told = fill;
	if (level == signer->fill_level)
		return;
	log_begin(&line, level == 0 ? LOG_INFO : level == 1 ? LOG_WARN : LOG_ERROR, "store.fill");
	log_number(&line, "state_percent", fill.state);
	log_number(&line, "receipts_percent", fill.receipts);
	log_text(&line, "means",
	         level == 0   ? "there is room again"
	         : level == 1 ? "nearly full: export and trim receipts, or plan for a larger disk"
	                      : "full: what gives power is refused; what takes it goes on");
	log_end(&line);
	signer->fill_level = level;
}

static void pump_attestor(struct signer *signer)
{
	enum status status = ipc_take(signer->attestor, &signer->attestor_in);

	if (status == STATUS_CONFLICT) {
		/* It has just started; when it ends, everything does. What it was asked before is
		 * lost. */
		ipc_acknowledge(signer->attestor);
		signer_node_reset(signer);
		signer_anchor_restart(&signer->anchor);
	}
	if (status == STATUS_OK &&
	    take_attestor(signer, buffer_bytes(&signer->attestor_in.payload)) != STATUS_OK)
		ipc_complain(signer->attestor, IPC_COMPLAINT_BROKEN);
	signer_anchor_pump(&signer->anchor, signer->now_ms);
	tell_tpm(signer);
	tell_time(signer);
	tell_fill(signer);
	if (signer->ready)
		signer_node_pump(signer);
}

/* The unsealer ends once it has said everything: no wait has to look out for it any more. */
static void part_with_unsealer(struct signer *signer)
{
	struct ipc_message none = {.kind = 0};

	if (ipc_take(signer->unsealer, &none) != STATUS_CONFLICT)
		return;
	ipc_acknowledge(signer->unsealer);
	if (!ipc_is_up(signer->unsealer))
		ipc_waiter_remove(&signer->proc->waiter, signer->unsealer);
}

/* ---- the loop ---- */

static void pump(struct signer *signer)
{
	signer->now_ms = signer_time_ms();
	if (signer->unsealed)
		signer_state_write(&signer->state); /* so that it goes with the next batch */
	if (signer_store_pump(signer->store, signer->now_ms) == STATUS_CORRUPT) {
		log_event(LOG_ERROR, "store.of_another_time");
		CHECK(!"the store came back with a state that this signer does not know");
	}
	signer_check_pump(signer->check, signer->now_ms);
	pump_bridge(signer);
	if (signer->unsealed) {
		signer_state_pump(&signer->state);
		signer_receipts_pump(signer->receipts, signer->now_ms, false);
		if (signer->ready) {
			signer_keep_pump(signer->keep);
			signer_backup_pump(signer->backup);
			signer_boot_mark(signer);
		}
	}
	pump_authority(signer);
	signer_group_pump(signer->group);
	signer_sign_pump(signer->sign, signer->now_ms);
	if (signer->anchor.is_limited)
		signer_meter_renew_others(&signer->state);
	signer_export_pump(signer->export);
	if (signer->attestor != NULL)
		pump_attestor(signer);
	signer_update_pump(signer);
	if (signer->unsealed)
		part_with_unsealer(signer);
}

/* The bridge, while it waits for an answer that is about to come, sleeps on its rings alone: it
 * hears when one is not. */
static void tell_later(struct signer *signer)
{
	if (!signer->later_told &&
	    (signer_sign_waits(signer->sign) || signer_export_waits(signer->export)))
		signer->later_told =
		    ipc_put(signer->bridge, CALL_BRIDGE_LATER, bytes_of(NULL, 0)) == STATUS_OK;
}

static void wait_for_work(struct signer *signer)
{
	uint64_t due_us = 1000 * signer_receipts_due_ms(signer->receipts, signer->now_ms);
	int64_t wait_us = signer_sign_is_full(signer->sign) ? FULL_US : TURN_US;
	struct ipc_channel *near = signer_check_near(signer->check);

	tell_later(signer);
	if (due_us < (uint64_t)wait_us)
		wait_us = (int64_t)due_us;
	signer->near_missed &= near != NULL;
	/* A request that could not be taken leaves its channel ready: do not spin on it. */
	if (near == NULL || signer->near_missed)
		(void)ipc_wait(&signer->proc->waiter, wait_us);
	else
		signer->near_missed =
		    !ipc_wait_near(&signer->proc->waiter, near,
		                   wait_us < IPC_NEAR_WAIT_US ? wait_us : IPC_NEAR_WAIT_US);
}

void signer_turn(struct signer *signer)
{
	pump(signer);
	wait_for_work(signer);
}

static int serve(struct proc *proc)
{
	struct signer *signer = &the_signer;

	/* Its hello waits in the ring until there is a certificate to give: nothing to stay awake
	 * for. */
	ipc_waiter_remove(&proc->waiter, signer->authority);
	for (;;) {
		bool worked;

		pump(signer);
		if (!signer->ready) {
			enum status status = signer_boot_step(signer);

			if (status != STATUS_OK && status != STATUS_BUSY)
				return signer->boot_code != 0 ? signer->boot_code : BOOT_SIGNER;
			if (signer->ready) {
				ipc_waiter_add(&proc->waiter, signer->authority);
				proc_report_ready(proc);
			}
		}
		worked = work(signer);
		signer->stopping =
		    proc_stopping() || (signer->end_code != 0 && signer->now_ms >= signer->end_ms);
		if (signer->stopping && signer_boot_stop(signer) == STATUS_OK)
			return signer->end_code;
		if (!worked)
			wait_for_work(signer);
	}
}

/* A setting of base58 ed25519 keys separated by commas. */
static enum status take_keys(const struct signer *signer, const char *setting, uint8_t keys[][32],
                             size_t max, size_t *ret_count)
{
	const char *at = proc_setting(signer->proc, setting);
	size_t count = 0;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");

		if (count == max || base58_decode_32(bytes_of(at, len), keys[count]) != STATUS_OK)
			return STATUS_MALFORMED;
		count++;
		at += len + (at[len] == ',');
	}
	*ret_count = count;
	return STATUS_OK;
}

/* The settings time_*. The appliance has no clock that could prove anything. */
static enum status take_time(struct signer *signer)
{
	struct signer_time_settings *settings = &signer->time_settings;
	size_t count;
	enum status status =
	    take_keys(signer, "time_keys", settings->keys, LIMIT_TIME_KEYS_MAX, &count);

	if (status != STATUS_OK)
		return status;
	settings->key_count = (uint8_t)count;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(settings->keys[i], settings->keys[j], 32) == 0)
				return STATUS_MALFORMED;
	settings->is_site =
	    count != 0 || strcmp(proc_setting(signer->proc, "mode"), "appliance") == 0;
	if (proc_setting(signer->proc, "time_unproven_max")[0] == '\0') {
		settings->unproven_max_s = SIGNER_TIME_UNPROVEN_S;
		return STATUS_OK;
	}
	return proc_setting_number(signer->proc, "time_unproven_max", 1, SITE_PROVEN_MAX_S,
	                           &settings->unproven_max_s);
}

/* The kernel's boot id tells a restart of the signer from one of the machine; without it, every
 * start counts as one of the machine. */
static void read_host(uint8_t ret_host[16])
{
	uint8_t text[36];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	bool is_read = fd >= 0 && read(fd, text, sizeof(text)) == (ssize_t)sizeof(text);
	struct buffer hex = {text, sizeof(text), 0}, out = {ret_host, 16, 0};

	for (size_t i = 0; i < sizeof(text); i++)
		if (text[i] != '-')
			text[hex.len++] = text[i];
	if (!is_read || hex.len != 32 || hex_decode(buffer_bytes(&hex), &out) != STATUS_OK)
		memset(ret_host, 0, 16);
	if (fd >= 0)
		close(fd);
}

/* The settings `rp_id`, `origins` and `bound_exports`. */
static enum status take_relying(struct signer *signer)
{
	signer->bound_exports = proc_setting(signer->proc, "bound_exports")[0] != '\0';
	return authz_relying_take(bytes_of_text(proc_setting(signer->proc, "rp_id")),
	                          bytes_of_text(proc_setting(signer->proc, "origins")),
	                          &signer->relying);
}

/* The settings client_*. */
static enum status take_ceilings(struct signer *signer)
{
	const struct proc *proc = signer->proc;
	struct signer_ceilings most;
	enum status status = proc_setting_number(proc, "client_signatures_second", 0, UINT64_MAX,
	                                         &most.signatures_second);

	if (status == STATUS_OK)
		status = proc_setting_number(proc, "client_wallets_minute", 0,
		                             LIMIT_CLIENT_WALLETS_MAX, &most.wallets_minute);
	if (status == STATUS_OK)
		status = proc_setting_number(proc, "client_lamports_hour", 0, UINT64_MAX,
		                             &most.lamports_hour);
	if (status == STATUS_OK)
		signer_ceiling_open(&signer->ceiling, most);
	return status;
}

static enum status open_parts(struct signer *signer)
{
	struct proc *proc = signer->proc;
	struct ipc_channel *verifiers[LIMIT_VERIFIERS_MAX];
	unsigned verifier_count = proc_peer_count(proc, PROC_verifier);

	CHECK(verifier_count <= LIMIT_VERIFIERS_MAX);
	if (signer_vault_new(&signer->vault) != STATUS_OK ||
	    secret_page_open(2 * CALL_START_SLOT_BYTES, &signer->facts_page) != STATUS_OK) {
		log_event(LOG_ERROR, "start.memory_not_lockable");
		return STATUS_IO;
	}
	signer_state_init(&signer->state, signer->vault);
	signer->state.time_low_s = time_low_s;
	signer->state.time_is_proven = time_is_proven;
	signer->state.ran_s = ran_s;
	signer->state.context = signer;
	signer->store = signer_store_new(signer->store_channel,
	                                 (struct signer_store_hooks){.context = signer,
	                                                             .loaded = loaded,
	                                                             .checkpoint = checkpoint,
	                                                             .may_anchor = may_anchor,
	                                                             .begins = begins,
	                                                             .anchor = write_anchor,
	                                                             .counts = counts,
	                                                             .segment = segment,
	                                                             .backed = backed});
	signer->state.store = signer->store;
	for (unsigned i = 0; i < verifier_count; i++)
		verifiers[i] = proc_channel(proc, PROC_verifier, i);
	signer->check = signer_check_new(verifiers, verifier_count);
	signer->receipts = signer_receipts_new(&signer->state, signer->vault);
	signer->sign = signer_sign_new((struct signer_sign_parts){
	    .bridge = signer->bridge,
	    .state = &signer->state,
	    .check = signer->check,
	    .receipts = signer->receipts,
	    .vault = signer->vault,
	    .time = &signer->time,
	    .frozen = &signer->frozen,
	    .ceiling = &signer->ceiling,
	    .anchor = &signer->anchor,
	    .engine = signer_interprets(signer) ? CALL_CHECK_INTERPRETER : CALL_CHECK_ENGINE});
	signer->waiting = signer_waiting_new();
	signer->change = signer_change_new(signer);
	signer->group = signer_group_new(signer);
	signer->export = signer_export_new(signer);
	signer->backup = signer_backup_new(signer);
	signer->sweep = signer_sweep_new();
	signer->keep = signer_keep_new(signer);
	signer->decisions = signer_decisions_new();
	if (signer->keep == NULL) {
		log_event(LOG_ERROR, "start.keep_malformed");
		return STATUS_MALFORMED;
	}
	signer->bridge_in.payload = proc_buffer(CALL_BRIDGE_SLOT_BYTES);
	signer->authority_in.payload = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	signer->attestor_in.payload = proc_buffer(CALL_ATTEST_SIGNER_SLOT_BYTES);
	return STATUS_OK;
}

static enum status open_signer(struct proc *proc)
{
	struct signer *signer = &the_signer;
	enum status status;

	keys_open();
	signer->proc = proc;
	signer->bridge = proc_channel(proc, PROC_bridge, 0);
	signer->authority = proc_channel(proc, PROC_authority, 0);
	signer->store_channel = proc_channel(proc, PROC_store, 0);
	signer->unsealer = proc_channel(proc, PROC_unsealer, 0);
	signer->attestor = proc_channel(proc, PROC_attestor, 0);
	signer->anchor.channel = signer->attestor;
	signer->update.channel = proc_channel(proc, PROC_updater, 0);
	if (take_keys(signer, "operators", signer->operators, SIGNER_OPERATORS_MAX,
	              &signer->operator_count) != STATUS_OK) {
		log_event(LOG_ERROR, "start.operators_malformed");
		return STATUS_MALFORMED;
	}
	if (take_time(signer) != STATUS_OK) {
		log_event(LOG_ERROR, "start.time_keys_malformed");
		return STATUS_MALFORMED;
	}
	read_host(signer->host);
	if (take_relying(signer) != STATUS_OK) {
		log_event(LOG_ERROR, "start.rp_id_or_origins_malformed");
		return STATUS_MALFORMED;
	}
	if (take_ceilings(signer) != STATUS_OK) {
		log_event(LOG_ERROR, "start.client_ceilings_malformed");
		return STATUS_MALFORMED;
	}
	status = open_parts(signer);
	return status == STATUS_OK ? heap_take(HEAP_SPARE) : status;
}

const struct proc_body proc_body = {.open = open_signer, .serve = serve};
