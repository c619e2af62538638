/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_boot.h"

#include <stdio.h>

#include "base_check.h"
#include "base_encode.h"
#include "base_version.h"
#include "call_time.h"
#include "log_line.h"
#include "proc_boot.h"
#include "secret.h"
#include "signer_site.h"

#define CERTIFICATE_YEARS_S (UINT64_C(10) * 365 * 86400)
#define STOP_DEADLINE_MS    5000
#define TAG_RECOVERY        50
#define STEP_GAP_MS         60000 /* between two steps of the time that are written */

static enum status give_up(const char *event, const char *text)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, event);
	log_text(&line, "text", text);
	log_end(&line);
	return STATUS_CORRUPT;
}

/* ---- 1. the unsealer ---- */

static enum status take_facts(struct signer *signer)
{
	struct ipc_message message = {.kind = 0};
	struct call_start_failed failed;
	enum status status;

	/* Facts and the message that brings them lie in one guarded page, opened in phase 1. */
	message.payload = (struct buffer){
	    (uint8_t *)signer->facts_page.data + CALL_START_SLOT_BYTES, CALL_START_SLOT_BYTES, 0};
	status = ipc_take(signer->unsealer, &message);
	if (status == STATUS_CONFLICT) {
		ipc_acknowledge(signer->unsealer);
		return STATUS_BUSY;
	}
	if (status != STATUS_OK)
		return status == STATUS_MALFORMED ? status : STATUS_BUSY;
	if (message.kind == CALL_START_FAILED &&
	    start_take_failed(buffer_bytes(&message.payload), &failed) == STATUS_OK) {
		signer->boot_code = BOOT_OF_START(failed.reason);
		return give_up("start.sealed", start_reason_text(failed.reason));
	}
	signer->facts = (struct call_start_facts *)signer->facts_page.data;
	if (message.kind != CALL_START_FACTS ||
	    start_take_facts(buffer_bytes(&message.payload), signer->facts) != STATUS_OK)
		return give_up("start.facts", "the unsealer's message is not well-formed");
	secret_wipe(message.payload.data, message.payload.cap);
	signer_anchor_begin(&signer->anchor, signer->facts, signer->now_ms);
	if (strcmp(proc_setting(signer->proc, "spare_tpm"), "yes") == 0)
		signer->anchor.is_limited = true;
	signer_store_ask_state(signer->store);
	return STATUS_OK;
}

/* ---- 2. the checkpoint ---- */

static enum status start_anew(struct signer *signer)
{
	static const uint8_t second_share[32], empty_root[32];
	struct authz_checkpoint *checkpoint = &signer->checkpoint;
	struct buffer sealed = BUFFER_OF_ARRAY(checkpoint->sealed_master);
	enum status status;

	/* Of a commit that was taken back nothing stays: its MAC was not checked. */
	memset(checkpoint, 0, sizeof(*checkpoint));
	status = signer_vault_genesis(signer->vault, signer->facts->node_share, second_share,
	                              signer->deployment, &sealed);
	if (status != STATUS_OK)
		return give_up("start.genesis", "the master key could not be sealed");
	checkpoint->sealed_master_len = (uint8_t)sealed.len;
	memcpy(checkpoint->deployment, signer->deployment, 32);
	signer_store_begin(signer->store, 0, empty_root);
	log_event(LOG_INFO, "start.genesis");
	return STATUS_OK;
}

static enum status check_mac(const struct signer *signer, struct bytes encoded,
                             const struct authz_checkpoint *checkpoint)
{
	uint8_t mac[KEYS_MAC_LEN];

	signer_vault_mac(signer->vault, authz_checkpoint_signed(encoded), mac);
	return secret_equal(mac, checkpoint->mac, sizeof(mac)) ? STATUS_OK : STATUS_CORRUPT;
}

/* take_back: the machine stopped after a commit was written and before it was anchored. Nobody was
 * told of that commit; the one before is the last that counts. */
static enum status take_back(struct signer *signer)
{
	log_event(LOG_WARN, "start.unanchored_commit_taken_back");
	signer_store_revert(signer->store);
	return STATUS_BUSY;
}

/* is_accepted: the site has signed for this very store, on this TPM, in this state of its anchor,
 * in the boot that follows: by the owner's authorization the anchor can be made what it was, the
 * boot counter cannot. */
static bool is_accepted(const struct signer *signer, struct bytes encoded)
{
	const struct call_start_facts *facts = signer->facts;
	uint8_t hash[32];

	keys_sha256(&encoded, 1, hash);
	return facts->has_recovery == 1 && facts->has_counter == 1 &&
	       facts->recovery_boots == facts->counter &&
	       memcmp(facts->recovery_checkpoint, hash, 32) == 0 &&
	       memcmp(facts->recovery_anchor, signer->anchor.value, 32) == 0;
}

static enum status refuse_stale(const struct signer *signer, enum signer_anchored judged,
                                uint64_t seq, struct bytes encoded)
{
	struct log_line line;
	uint8_t hash[32];

	log_begin(&line, LOG_ERROR, "start.stale");
	log_text(&line, "text",
	         judged == SIGNER_ANCHORED_OLD
	             ? "the TPM's anchor was defined anew, and played again: recover"
	         : signer->facts->has_checkpoint == 0
	             ? "the TPM's anchor is gone, and this store is not new: recover"
	             : "this store is not the one that the TPM knows last: it is older, or another "
	               "branch. Put the newest one back, or recover");
	keys_sha256(&encoded, 1, hash);
	/* What a recovery would have to be signed for (claviger recover). */
	log_hex(&line, "checkpoint", BYTES_OF_ARRAY(hash));
	log_hex(&line, "anchor", BYTES_OF_ARRAY(signer->anchor.value));
	log_number(&line, "store_seq", (int64_t)seq);
	log_number(&line, "tpm_boots", (int64_t)signer->facts->counter);
	log_end(&line);
	return STATUS_CORRUPT;
}

/* check_anchor: BUSY while a commit is being taken back. */
static enum status check_anchor(struct signer *signer, struct bytes encoded, struct bytes undo)
{
	struct authz_checkpoint *checkpoint = &signer->checkpoint;
	static struct authz_checkpoint before;
	enum signer_anchored judged = signer_anchor_judge(&signer->anchor, encoded, checkpoint);

	if (judged == SIGNER_ANCHORED && signer->facts->has_checkpoint == 1)
		return STATUS_OK;
	if (judged == SIGNER_ANCHORED_OTHER && undo.len != 0 &&
	    authz_checkpoint_take(undo, &before) == STATUS_OK &&
	    signer_anchor_judge(&signer->anchor, undo, &before) == SIGNER_ANCHORED)
		return take_back(signer);
	/* The very first commit has none before it. */
	if (judged == SIGNER_ANCHORED_OTHER && checkpoint->seq == 1 &&
	    signer_anchor_is_fresh(&signer->anchor, signer->facts) && !signer->took_back) {
		signer->took_back = true;
		return take_back(signer);
	}
	if (is_accepted(signer, encoded)) {
		log_event(LOG_WARN, "start.recovered");
		signer->recovers = true;
		return STATUS_OK;
	}
	/* A recovery whose first commit was cut off from the TPM: the site's word still serves. */
	if (judged == SIGNER_ANCHORED_OTHER && undo.len != 0 && is_accepted(signer, undo))
		return take_back(signer);
	return refuse_stale(signer, judged, checkpoint->seq, encoded);
}

/* go_on_with_budget: the TPM's clock says how long ago the last checkpoint was; one that went back
 * says nothing. */
static void go_on_with_budget(struct signer *signer)
{
	uint64_t then = signer->checkpoint.time.tpm_clock_ms, now = signer->facts->clock_ms;

	signer_anchor_resume(&signer->anchor, signer->checkpoint.writes_left,
	                     now > then ? now - then : 0);
}

/* Who is no operator any more is forgotten. */
static void take_serials(struct signer *signer, const struct authz_checkpoint *checkpoint)
{
	for (size_t i = 0; i < signer->operator_count; i++)
		for (size_t k = 0; k < checkpoint->operator_count; k++)
			if (memcmp(signer->operators[i], checkpoint->operators[k].key, 32) == 0)
				signer->operator_serials[i] = checkpoint->operators[k].serial;
}

static enum status resume(struct signer *signer, const struct call_store_state *state,
                          struct bytes encoded, struct bytes undo)
{
	static const uint8_t second_share[32];
	struct authz_checkpoint *checkpoint = &signer->checkpoint;
	enum status status = authz_checkpoint_take(encoded, checkpoint);

	if (status != STATUS_OK)
		return give_up("start.checkpoint",
		               "the store's checkpoint is damaged: restore it from a backup");
	status = check_anchor(signer, encoded, undo);
	if (status != STATUS_OK)
		return status;
	status = signer_vault_open(
	    signer->vault, signer->facts->node_share, second_share, checkpoint->deployment,
	    bytes_of(checkpoint->sealed_master, checkpoint->sealed_master_len));
	if (status != STATUS_OK)
		return give_up("start.master",
		               "the master key does not open: the store belongs to another TPM or "
		               "node share, or is damaged");
	if (check_mac(signer, encoded, checkpoint) != STATUS_OK || checkpoint->seq != state->seq ||
	    memcmp(checkpoint->root, state->root, 32) != 0)
		return give_up(
		    "start.checkpoint",
		    "the checkpoint's MAC or its root does not fit the store: restore it "
		    "from a backup");
	memcpy(signer->deployment, checkpoint->deployment, 32);
	signer->boot = checkpoint->boot;
	if (signer->recovers)
		checkpoint->recovered = checkpoint->boot + 1; /* the boot that begins now */
	signer->state.recovered = checkpoint->recovered;
	signer->frozen = signer->totals.frozen = checkpoint->frozen;
	take_serials(signer, checkpoint);
	signer->totals.wallets = checkpoint->wallets;
	signer->totals.grants = checkpoint->grants;
	signer->totals.clients = checkpoint->clients;
	signer->begun = signer->totals;
	signer_receipts_set_from(signer->receipts, checkpoint->receipts_from);
	go_on_with_budget(signer);
	signer_store_begin(signer->store, state->seq, state->root);
	return STATUS_OK;
}

static void begin_time(struct signer *signer)
{
	struct signer_time_start start = {.settings = signer->time_settings,
	                                  .marks = signer->checkpoint.time,
	                                  .accept =
	                                      proc_setting(signer->proc, "accept_time")[0] != '\0',
	                                  .recovered = signer->recovers,
	                                  .tpm_clock_ms = signer->facts->clock_ms};

	memcpy(start.host, signer->host, sizeof(start.host));
	signer_time_start(&signer->time, &start);
	if (signer->time.jumped)
		log_event(LOG_WARN, "time.jumped_at_start");
}

/* In this order; the last one first, as `discards` counts down. */
static const struct {
	uint32_t kind, stream;
} discard_steps[] = {
    {CALL_STORE_SEGMENT_DELETE,   CALL_STORE_STREAM_INPUTS  },
    {CALL_STORE_SEGMENT_DELETE,   CALL_STORE_STREAM_RECEIPTS},
    {CALL_STORE_SEGMENT_EXPORTED, CALL_STORE_STREAM_RECEIPTS},
};

#define DISCARD_STEPS (sizeof(discard_steps) / sizeof(discard_steps[0]))

/* A first start that lost power before its first commit was anchored has left its boot record in a
 * blob that nobody's key opens any more: its master key was never told to anybody, nothing was
 * decided under it, and the one that begins now is another. */
static void begin_discarding(struct signer *signer, const struct call_store_state *state)
{
	struct log_line line;
	uint64_t blobs = 0;

	for (size_t i = 0; i < CALL_STORE_STREAM_COUNT; i++) {
		signer->discard_to[i] = state->streams[i].next;
		blobs += state->streams[i].next - state->streams[i].first;
	}
	if (blobs == 0)
		return;
	signer->discards = DISCARD_STEPS;
	log_begin(&line, LOG_WARN, "start.unbegun_receipts_deleted");
	log_text(&line, "text",
	         "a first start was cut off before the TPM knew of it; the blobs that it left are "
	         "deleted");
	log_number(&line, "blobs", (int64_t)blobs);
	log_end(&line);
}

static enum status open_store(struct signer *signer)
{
	struct call_store_state state;
	struct bytes checkpoint, undo;
	const char *site_trouble;
	enum status status;

	if (!signer_store_state(signer->store, &state, &checkpoint, &undo))
		return STATUS_BUSY;
	if (state.seq == 0 && checkpoint.len == 0) {
		/* Nothing is begun under a share that somebody gave: he would know it. */
		if (signer->facts->is_recovery == 1)
			return give_up("start.store_gone",
			               "the store is empty and this machine is in the place of "
			               "a lost one: put that one's backup in place");
		if (!signer_anchor_is_fresh(&signer->anchor, signer->facts))
			return give_up("start.store_gone",
			               "the store is empty and the TPM knows one: put the store "
			               "back, or recover");
		status = start_anew(signer);
	} else {
		status = resume(signer, &state, checkpoint, undo);
		if (status == STATUS_BUSY)
			return status;
	}
	secret_wipe(signer->facts->node_share, sizeof(signer->facts->node_share));
	if (status != STATUS_OK)
		return status;
	site_trouble = signer_site_check(signer);
	if (site_trouble != NULL) {
		signer->boot_code = BOOT_SITE;
		return give_up("start.site", site_trouble);
	}
	begin_time(signer);
	if (state.seq == 0)
		begin_discarding(signer, &state);
	signer->recover_end = state.streams[CALL_STORE_STREAM_RECEIPTS].next;
	signer->recover_at = signer->checkpoint.receipts_from;
	if (state.seq == 0)
		signer->recover_at = signer->recover_end;
	else if (signer->recover_at < state.streams[CALL_STORE_STREAM_RECEIPTS].first)
		signer->recover_at = state.streams[CALL_STORE_STREAM_RECEIPTS].first;
	signer_receipts_set_from(signer->receipts, signer->recover_at);
	signer->unsealed = true;
	return STATUS_OK;
}

/* ---- 3. receipts newer than the heads ---- */

void signer_boot_blob(struct signer *signer, enum status status,
                      const struct call_store_segment_state *state, struct bytes blob)
{
	signer->recovering = false;
	if (signer->discards != 0) {
		signer->discards -= status == STATUS_OK;
		signer->recover_failed = status != STATUS_OK && status != STATUS_IO;
		return;
	}
	if (status == STATUS_OK)
		status = signer_receipts_recover(signer->receipts, state->cursor, blob);
	if (status == STATUS_OK)
		signer->recover_at = state->cursor + 1;
	else if (status == STATUS_NOT_FOUND)
		signer->recover_at = signer->recover_end;
	else if (status != STATUS_IO)
		signer->recover_failed = true;
}

static enum status recover_receipts(struct signer *signer)
{
	if (signer->recover_failed)
		return give_up("start.receipts", "a blob of receipts is damaged: restore the store "
		                                 "from a backup, or delete what was exported");
	if (signer->discards != 0) {
		uint32_t stream = discard_steps[signer->discards - 1].stream;

		if (!signer->recovering)
			signer->recovering =
			    signer_store_segment(
			        signer->store, discard_steps[signer->discards - 1].kind, stream,
			        signer->discard_to[stream], TAG_RECOVERY) == STATUS_OK;
		return STATUS_BUSY;
	}
	if (signer->recover_at >= signer->recover_end)
		return STATUS_OK;
	if (!signer->recovering)
		signer->recovering =
		    signer_store_segment(signer->store, CALL_STORE_SEGMENT_READ,
		                         CALL_STORE_STREAM_RECEIPTS, signer->recover_at,
		                         TAG_RECOVERY) == STATUS_OK;
	return STATUS_BUSY;
}

/* ---- 4. serving ---- */

/* Names of the certificate: the setting's, separated by commas, and this machine's own. */
static enum status make_certificate(struct signer *signer)
{
	static const uint8_t ipv4[4] = {127, 0, 0, 1};
	static const uint8_t ipv6[16] = {[15] = 1};
	struct keys_tls_name names[KEYS_TLS_NAMES_MAX] = {
	    {.is_address = true, .name = bytes_of(ipv4, sizeof(ipv4))},
	    {.is_address = true, .name = bytes_of(ipv6, sizeof(ipv6))}
        };
	uint8_t addresses[KEYS_TLS_NAMES_MAX][16];
	struct buffer out = BUFFER_OF_ARRAY(signer->certificate);
	const char *at = proc_setting(signer->proc, "tls_name");
	struct signer_time_now now = signer_time_read(&signer->time);
	struct keys_tls_key key;
	size_t count = 2;
	enum status status;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");

		if (count == KEYS_TLS_NAMES_MAX ||
		    keys_tls_name_take(bytes_of(at, len), addresses[count], &names[count]) !=
		        STATUS_OK)
			return STATUS_MALFORMED;
		count++;
		at += len + (at[len] == ',');
	}
	signer_vault_tls(signer->vault, &key);
	/* At genesis without proof of time it begins in 1970; who checks it has a clock. */
	status = keys_tls_certify(&key, names, count, now.low_s > 3600 ? now.low_s - 3600 : 0,
	                          now.high_s + CERTIFICATE_YEARS_S, &out);
	SECRET_WIPE(key);
	signer->certificate_len = out.len;
	return status;
}

/* The certificate is kept, since clients pin it, for as long as the setting names the same: its
 * record is SHA-256 of the setting, and the certificate. */
static enum status find_certificate(struct signer *signer)
{
	uint8_t id[32] = {SIGNER_META_CERTIFICATE};
	uint8_t record[KEYS_HASH_LEN + sizeof(signer->certificate)];
	struct bytes setting = bytes_of_text(proc_setting(signer->proc, "tls_name"));
	struct signer_blob *known;
	enum status status = signer_state_meta(&signer->state, id, &known);

	/* A store that is just being restarted is asked again. */
	if (status == STATUS_BUSY || status == STATUS_IO)
		return STATUS_BUSY;
	keys_sha256(&setting, 1, record);
	if (status == STATUS_OK && known->len > KEYS_HASH_LEN && known->len <= sizeof(record)) {
		if (memcmp(known->bytes, record, KEYS_HASH_LEN) == 0) {
			signer->certificate_len = known->len - KEYS_HASH_LEN;
			memcpy(signer->certificate, known->bytes + KEYS_HASH_LEN,
			       signer->certificate_len);
			return STATUS_OK;
		}
	} else if (status != STATUS_NOT_FOUND) {
		return give_up("start.certificate", "the certificate's record is damaged");
	}
	if (make_certificate(signer) != STATUS_OK)
		return give_up("start.certificate",
		               "the TLS certificate could not be made: look at "
		               "the setting tls_name");
	/* Who pinned the one before takes the new one. */
	log_event(status == STATUS_OK ? LOG_WARN : LOG_INFO, "tls.certificate_made");
	memcpy(record + KEYS_HASH_LEN, signer->certificate, signer->certificate_len);
	signer_state_put(&signer->state, CALL_STORE_VALUE_META, id,
	                 bytes_of(record, KEYS_HASH_LEN + signer->certificate_len));
	return STATUS_OK;
}

/* A chain that an operator brought, if one did; one that is damaged is left out: the bridge shows
 * our own certificate then, as before he brought it. */
static enum status find_chain(struct signer *signer)
{
	uint8_t id[32] = {SIGNER_META_CHAIN};
	struct signer_blob *known;
	enum status status = signer_state_meta(&signer->state, id, &known);

	if (status == STATUS_BUSY || status == STATUS_IO)
		return STATUS_BUSY;
	signer->chain_read = true;
	if (status == STATUS_OK && known->len <= sizeof(signer->chain)) {
		memcpy(signer->chain, known->bytes, known->len);
		signer->chain_len = known->len;
	} else if (status != STATUS_NOT_FOUND) {
		log_event(LOG_ERROR, "start.chain_damaged");
	}
	return STATUS_OK;
}

/* The boot record: what ran, on which TPM, with which clock. */
static void begin_boot(struct signer *signer)
{
	static uint8_t space[AUTHZ_BOOT_RECORD_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(space);
	struct signer_time_now now = signer_time_read(&signer->time);
	const struct call_start_facts *facts = signer->facts;
	static struct authz_boot_record record;

	signer->boot++;
	record = (struct authz_boot_record){
	    .boot = signer->boot,
	    .mode = facts->is_attended == 1 ? 'B' : 'A',
	    .hardware = facts->is_software == 0,
	    .ak_name = bytes_of(facts->ak_name, facts->ak_name_len),
	    .reset_count = facts->reset_count,
	    .time_source = signer->time_settings.is_site ? AUTHZ_TIME_SITE : AUTHZ_TIME_SYSTEM,
	    .time_low_s = now.low_s,
	    .time_high_s = now.high_s,
	    .clean = signer->checkpoint.clean,
	    .build = bytes_of_text("claviger " CLAVIGER_VERSION)};
	memcpy(record.deployment, signer->deployment, 32);
	memcpy(record.previous, signer->checkpoint.boot_record, 32);
	for (uint8_t i = 0; i < CALL_START_PCR_COUNT; i++) {
		if ((facts->pcr_mask >> i & 1) == 0)
			continue;
		record.pcrs[record.pcr_count].index = i;
		memcpy(record.pcrs[record.pcr_count++].value, facts->pcrs[i], 32);
	}
	CHECK(authz_boot_put(&record, &encoded) == STATUS_OK);
	authz_boot_hash(buffer_bytes(&encoded), signer->checkpoint.boot_record);
	signer_receipts_begin(signer->receipts, signer->deployment, signer->boot,
	                      buffer_bytes(&encoded));
	/* What was accepted before a crash may be in no record, nor what was after a backup: its
	 * code is not taken again. */
	signer->code_floor = (signer->checkpoint.clean && !signer->recovers) || signer->boot == 1
	                         ? 0
	                         : now.low_s / KEYS_TOTP_STEP_S + 1;
	signer->checkpoint.clean = false;
	signer->boot_batch = signer->frozen_batch = signer_store_touch(signer->store);
}

enum status signer_boot_step(struct signer *signer)
{
	enum status status = STATUS_OK;
	struct log_line line;

	if (signer->facts == NULL)
		status = take_facts(signer);
	if (status == STATUS_OK && !signer->unsealed)
		status = open_store(signer);
	if (status == STATUS_OK)
		status = recover_receipts(signer);
	if (status == STATUS_OK && signer->certificate_len == 0)
		status = find_certificate(signer);
	if (status == STATUS_OK && !signer->chain_read)
		status = find_chain(signer);
	if (status != STATUS_OK)
		return status;
	if (signer->boot_batch == 0)
		begin_boot(signer);
	if (signer_store_bound(signer->store) < signer->boot_batch)
		return STATUS_BUSY;
	signer->ready = true;
	signer->mark_ms = signer->now_ms;
	log_begin(&line, LOG_INFO, "signer.ready");
	log_number(&line, "boot", (int64_t)signer->boot);
	log_hex(&line, "deployment", BYTES_OF_ARRAY(signer->deployment));
	log_bool(&line, "hardware_tpm", signer->facts->is_software == 0);
	log_end(&line);
	return STATUS_OK;
}

static void put_serials(const struct signer *signer, struct authz_checkpoint *checkpoint)
{
	checkpoint->operator_count = 0;
	for (size_t i = 0; i < signer->operator_count; i++) {
		struct authz_operator_serial *at =
		    &checkpoint->operators[checkpoint->operator_count];

		if (signer->operator_serials[i] == 0)
			continue;
		memcpy(at->key, signer->operators[i], 32);
		at->serial = signer->operator_serials[i];
		checkpoint->operator_count++;
	}
}

enum status signer_boot_checkpoint(struct signer *signer, uint64_t seq, const uint8_t root[32],
                                   bool light, struct buffer *ret_checkpoint)
{
	struct authz_checkpoint *checkpoint = &signer->checkpoint;
	enum status status;

	if (signer->checkpoint_hashed)
		memcpy(checkpoint->previous, signer->checkpoint_hash, 32);
	checkpoint->seq = seq;
	memcpy(checkpoint->root, root, 32);
	checkpoint->boot = signer->boot;
	checkpoint->writes_left = (uint32_t)signer->anchor.left_milli;
	signer_time_marks(&signer->time, &checkpoint->time);
	checkpoint->receipts_from =
	    signer_receipts_from(signer->receipts, signer_store_gathering(signer->store) - 1);
	checkpoint->frozen = signer->begun.frozen;
	put_serials(signer, checkpoint);
	checkpoint->wallets = signer->begun.wallets;
	checkpoint->grants = signer->begun.grants;
	checkpoint->clients = signer->begun.clients;
	checkpoint->light = light;
	checkpoint->counter = signer->anchor.counter;
	memcpy(checkpoint->anchor, signer->anchor.value, sizeof(checkpoint->anchor));
	memset(checkpoint->mac, 0, sizeof(checkpoint->mac));
	ret_checkpoint->len = 0;
	status = authz_checkpoint_put(checkpoint, ret_checkpoint);
	if (status != STATUS_OK)
		return status;
	signer_vault_mac(signer->vault, authz_checkpoint_signed(buffer_bytes(ret_checkpoint)),
	                 checkpoint->mac);
	ret_checkpoint->len = 0;
	status = authz_checkpoint_put(checkpoint, ret_checkpoint);
	if (status == STATUS_OK) {
		struct bytes encoded = buffer_bytes(ret_checkpoint);

		keys_sha256(&encoded, 1, signer->checkpoint_hash);
		signer->checkpoint_hashed = true;
	}
	return status;
}

struct call_time signer_boot_time(struct signer *signer)
{
	struct signer_time_now now = signer_time_read(&signer->time);
	struct call_time said = {
	    .low_s = now.low_s, .high_s = now.high_s, .is_site = signer->time_settings.is_site};
	uint64_t left_s;

	said.state = signer_time_state(&signer->time, &said.age_s, &left_s);
	return said;
}

/* What became of the time is said when it changes. */
static void tell_time(struct signer *signer)
{
	static const char *const events[] = {[CALL_TIME_PROVEN] = "time.proven",
	                                     [CALL_TIME_UNPROVEN] = "time.unproven",
	                                     [CALL_TIME_UNKNOWN] = "time.unknown",
	                                     [CALL_TIME_UNBELIEVED] = "time.jumped"};
	uint64_t age_s, left_s;
	uint8_t state = signer_time_state(&signer->time, &age_s, &left_s);
	struct signer_time_now now;
	struct log_line line;

	if (state == signer->time_state)
		return;
	signer->time_state = state;
	signer->time_told_ms = 0; /* the bridge hears of it at once */
	now = signer_time_read(&signer->time);
	log_begin(&line, state == CALL_TIME_PROVEN ? LOG_INFO : LOG_WARN, events[state]);
	log_text(&line, "source", signer->time_settings.is_site ? "site" : "system");
	log_number(&line, "low", (int64_t)now.low_s);
	log_number(&line, "high", (int64_t)now.high_s);
	if (state == CALL_TIME_UNPROVEN)
		log_number(&line, "refuses_in_s", (int64_t)left_s);
	log_end(&line);
}

void signer_boot_mark(struct signer *signer)
{
	tell_time(signer);
	/* Whoever moves the clock at will does not wear out the TPM. */
	if (signer->time.stepped &&
	    (signer->step_ms == 0 || signer->now_ms - signer->step_ms >= STEP_GAP_MS)) {
		signer->time.stepped = false;
		signer->step_ms = signer->now_ms;
		signer->mark_ms = signer->now_ms;
		signer_store_mark(signer->store);
		signer_store_anchor(signer->store, SIGNER_NEED_CHANGE);
	} else if (signer->now_ms - signer->mark_ms >= SIGNER_TIME_MARK_MS) {
		signer->mark_ms = signer->now_ms;
		signer_store_mark(signer->store);
	}
}

/* An orderly stop loses no lease: what was not spent is given back. */
enum status signer_boot_stop(struct signer *signer)
{
	if (signer->stop_ms == 0)
		signer->stop_ms = signer->now_ms;
	if (signer->now_ms - signer->stop_ms > STOP_DEADLINE_MS)
		return STATUS_OK; /* not clean, and nothing acknowledged is lost */
	if (!signer->ready || !signer_sign_idle(signer->sign))
		return signer->ready ? STATUS_BUSY : STATUS_OK;
	signer_receipts_pump(signer->receipts, signer->now_ms, true);
	if (signer_receipts_behind(signer->receipts) != 0)
		return STATUS_BUSY;
	if (signer->stop_batch == 0) {
		if (!signer_meter_return_all(&signer->state))
			return STATUS_BUSY;
		signer->checkpoint.clean = true;
		signer->stop_batch = signer_store_touch(signer->store);
	}
	return signer_store_bound(signer->store) < signer->stop_batch ? STATUS_BUSY : STATUS_OK;
}
