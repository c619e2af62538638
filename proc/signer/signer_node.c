/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_node.h"

#include "base_check.h"
#include "base_version.h"
#include "keys_credential.h"
#include "keys_tls.h"
#include "log_line.h"
#include "signer.h"
#include "signer_site.h"

#define RECORD_LEN (AUTHZ_AK_NAME_LEN + 32)

static void give_up(struct signer *signer, const char *why)
{
	struct log_line line;

	signer->node.step = SIGNER_NODE_FAILED;
	signer->node.waiting = 0;
	log_begin(&line, LOG_ERROR, "evidence.none");
	log_text(&line, "text", why);
	log_end(&line);
}

void signer_node_reset(struct signer *signer)
{
	signer->node = (struct signer_node){.step = SIGNER_NODE_INFO};
}

/* ask puts one question: a fixed part, which begins with the head, and what follows it. */
static void ask(struct signer *signer, uint32_t kind, struct call_attest_head *head, size_t len,
                struct bytes rest)
{
	static uint8_t space[CALL_ATTEST_SIGNER_SLOT_BYTES];
	struct buffer message = BUFFER_OF_ARRAY(space);

	head->request = ++signer->node.request;
	CHECK(buffer_put(&message, bytes_of(head, len)) == STATUS_OK);
	CHECK(buffer_put(&message, rest) == STATUS_OK);
	if (ipc_put(signer->attestor, kind, buffer_bytes(&message)) == STATUS_OK)
		signer->node.waiting = kind;
}

/* ---- 1. who has the TPM ---- */

static enum status hear_info(struct signer *signer, struct bytes message)
{
	struct signer_node *node = &signer->node;
	struct call_attest_info info;
	struct bytes ak, ek;

	if (attest_take_info(message, &info, &ak, &ek) != STATUS_OK)
		return STATUS_MALFORMED;
	if (info.head.status != STATUS_OK) {
		give_up(signer, "the attestor cannot read the TPM");
		return STATUS_OK;
	}
	if (info.ak_name_len != AUTHZ_AK_NAME_LEN ||
	    signer->facts->ak_name_len != AUTHZ_AK_NAME_LEN ||
	    memcmp(info.ak_name, signer->facts->ak_name, AUTHZ_AK_NAME_LEN) != 0) {
		give_up(signer, "the attestor has another attestation key than the unsealer saw");
		return STATUS_OK;
	}
	/* The attestor reads by itself which primary to pin: it must be the one that gave the
	 * share, or somebody who writes the disk meanwhile has it speak to a TPM of his. */
	if (signer->facts->primary_name_len != sizeof(info.primary_name) ||
	    memcmp(info.primary_name, signer->facts->primary_name, sizeof(info.primary_name)) !=
	        0) {
		log_event(LOG_ERROR, "tpm.other_primary");
		CHECK(!"the attestor pins another storage primary than gave the node share");
	}
	/* Between unsealer and attestor nothing resets a TPM in good faith (PH5). */
	if (info.reset_count != signer->facts->reset_count ||
	    info.restart_count != signer->facts->restart_count) {
		log_event(LOG_ERROR, "tpm.was_reset");
		CHECK(!"the TPM was reset since the node share was taken");
	}
	node->ek = BUFFER_OF_ARRAY(node->ek_bytes);
	node->step = SIGNER_NODE_TELL;
	if (ek.len == 0)
		return STATUS_OK; /* a TPM without a maker's certificate */
	if (buffer_put(&node->ek, ek) != STATUS_OK)
		return STATUS_MALFORMED;
	keys_sha256(&ek, 1, node->ek_id);
	node->step = SIGNER_NODE_RECORD;
	return STATUS_OK;
}

/* ---- 2. both keys in one TPM ---- */

static void make_record(const struct signer *signer, uint8_t ret_record[RECORD_LEN])
{
	memcpy(ret_record, signer->facts->ak_name, AUTHZ_AK_NAME_LEN);
	memcpy(ret_record + AUTHZ_AK_NAME_LEN, signer->node.ek_id, 32);
}

static void ask_activate(struct signer *signer)
{
	uint8_t blob_space[KEYS_CREDENTIAL_BLOB_MAX],
	    encrypted_space[KEYS_CREDENTIAL_ENCRYPTED_MAX],
	    both_space[KEYS_CREDENTIAL_BLOB_MAX + KEYS_CREDENTIAL_ENCRYPTED_MAX];
	struct buffer blob = BUFFER_OF_ARRAY(blob_space);
	struct buffer encrypted = BUFFER_OF_ARRAY(encrypted_space);
	struct buffer both = BUFFER_OF_ARRAY(both_space);
	struct call_attest_activate head = {.head.request = 0};
	struct keys_public ek;
	enum status status = keys_credential_endorsement(buffer_bytes(&signer->node.ek), &ek);

	keys_random(signer->node.secret, sizeof(signer->node.secret));
	if (status == STATUS_OK)
		status =
		    keys_credential_make(&ek, bytes_of(signer->facts->ak_name, AUTHZ_AK_NAME_LEN),
		                         signer->node.secret, &blob, &encrypted);
	if (status != STATUS_OK) {
		give_up(signer, "the endorsement key is not of the usual template");
		return;
	}
	head.blob_len = (uint16_t)blob.len;
	head.encrypted_len = (uint16_t)encrypted.len;
	CHECK(buffer_put(&both, buffer_bytes(&blob)) == STATUS_OK);
	CHECK(buffer_put(&both, buffer_bytes(&encrypted)) == STATUS_OK);
	ask(signer, CALL_ATTEST_ACTIVATE, &head.head, sizeof(head), buffer_bytes(&both));
}

/* look_up: what was activated before needs no second time. */
static void look_up(struct signer *signer)
{
	uint8_t id[32] = {SIGNER_META_NODE}, record[RECORD_LEN];
	struct signer_blob *known;
	enum status status = signer_state_meta(&signer->state, id, &known);

	if (status == STATUS_BUSY)
		return;
	make_record(signer, record);
	if (status == STATUS_OK && known->len == sizeof(record) &&
	    memcmp(known->bytes, record, sizeof(record)) == 0) {
		signer->node.activated = true;
		signer->node.step = SIGNER_NODE_TELL;
		return;
	}
	ask_activate(signer);
}

static enum status hear_activated(struct signer *signer, struct bytes message)
{
	uint8_t id[32] = {SIGNER_META_NODE}, record[RECORD_LEN];
	struct call_attest_head head;
	struct bytes secret;

	if (attest_take_answer(message, CALL_ATTEST_SECRET_MAX, &head, &secret) != STATUS_OK)
		return STATUS_MALFORMED;
	signer->node.step = SIGNER_NODE_TELL;
	if (head.status == STATUS_OK && secret.len == sizeof(signer->node.secret) &&
	    secret_equal(secret.data, signer->node.secret, secret.len)) {
		signer->node.activated = true;
		/* Without room for the record the next start activates the key again. */
		if (signer_store_room(signer->store, 1, SIGNER_RECORD_ROOM(RECORD_LEN))) {
			make_record(signer, record);
			signer_state_put(&signer->state, CALL_STORE_VALUE_META, id,
			                 BYTES_OF_ARRAY(record));
			signer_store_need(signer->store, SIGNER_NEED_CHANGE, NULL);
		}
		log_event(LOG_INFO, "evidence.activated");
	} else {
		/* The statement then says so; who wants the proof activates the key himself. */
		log_event(LOG_WARN, "evidence.not_activated");
	}
	SECRET_WIPE(signer->node.secret);
	return STATUS_OK;
}

/* ---- 3. the statement ---- */

_Static_assert(SANDBOX_LAYERS_OF_HOST == AUTHZ_SANDBOX_BITS,
               "what is missing is told as it is found");

static void tell(struct signer *signer)
{
	uint8_t authority[AUTHZ_STATEMENT_MAX], own[AUTHZ_STATEMENT_MAX], space[AUTHZ_NODE_MAX];
	const uint8_t *channel = signer_vault_channel(signer->vault);
	const struct bytes site = proc_site(signer->proc);
	struct authz_node node = {
	    .boot = signer->boot,
	    .mode = strcmp(proc_setting(signer->proc, "mode"), "appliance") == 0
	                ? AUTHZ_MODE_APPLIANCE
	                : AUTHZ_MODE_WORKSTATION,
	    .activated = signer->node.activated,
	    .release = bytes_of_text("claviger " CLAVIGER_VERSION),
	    .single_operator = signer->facts->is_single == 1,
	    .attended = signer->facts->is_attended == 1,
	    /* A share that was given lies in the lost machine's backups, under its key. */
	    .recovery_key = signer->facts->has_recovery_key == 1 || signer->facts->is_recovery == 1,
	    .machine = bytes_of_text(proc_setting(signer->proc, "machine")),
	    .sandbox_missing = sandbox_report_missing(&signer->proc->sandbox),
	    .interpreter = signer_interprets(signer)};
	struct call_attest_node head = {.head.request = 0};
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct keys_tls_key tls;

	memcpy(node.deployment, signer->deployment, 32);
	memcpy(node.deployment_key, signer_vault_deployment_key(signer->vault), 32);
	memcpy(node.boot_record, signer->checkpoint.boot_record, 32);
	memcpy(node.genesis, signer->facts->genesis, 32);
	memcpy(node.site_root, signer->facts->site_key, sizeof(node.site_root));
	node.release_base = signer->facts->release_floor >> 8;
	node.site_base = signer->facts->site_floor >> 8;
	node.first_counter = signer->facts->first_counter;
	memcpy(node.share, signer->facts->share, sizeof(node.share));
	memcpy(node.ak_name, signer->facts->ak_name, AUTHZ_AK_NAME_LEN);
	memcpy(node.ek, signer->node.ek_id, 32);
	if (site.len != 0)
		keys_sha256(&site, 1, node.manifest);
	signer_vault_tls(signer->vault, &tls);
	keys_tls_fingerprint(&tls, node.tls);
	SECRET_WIPE(tls);
	node.authority = bytes_of(authority, signer_put_certificate(signer, AUTHZ_ROLE_AUTHORITY,
	                                                            signer->authority_key,
	                                                            authority, sizeof(authority)));
	node.signer = bytes_of(
	    own, signer_put_certificate(signer, AUTHZ_ROLE_SIGNER, channel, own, sizeof(own)));
	CHECK(authz_node_put(&node, signer_vault_deployment(signer->vault), &out) == STATUS_OK);
	authz_node_commit(node.deployment_key, node.manifest, channel, head.commit);
	memcpy(head.deployment, signer->deployment, 32);
	memcpy(signer->node.authority_key, signer->authority_key, 32);
	ask(signer, CALL_ATTEST_NODE, &head.head, sizeof(head), buffer_bytes(&out));
}

static enum status hear_told(struct signer *signer, struct bytes message)
{
	struct call_attest_head head;
	struct bytes rest;

	if (attest_take_answer(message, 0, &head, &rest) != STATUS_OK)
		return STATUS_MALFORMED;
	if (head.status == STATUS_OK)
		signer->node.step = SIGNER_NODE_TOLD;
	else
		give_up(signer,
		        head.status == STATUS_REFUSED
		            ? "PCR 13 holds another commitment since the TPM's last reset"
		            : "the attestor could not extend PCR 13 or certify the NV indices");
	return STATUS_OK;
}

/* ---- from the loop ---- */

enum status signer_node_hear(struct signer *signer, uint32_t kind, struct bytes message)
{
	struct signer_node *node = &signer->node;
	struct call_attest_head head;

	if (node->waiting == 0 || kind != node->waiting + 1 || message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	if (head.request != node->request)
		return STATUS_MALFORMED;
	node->waiting = 0;
	if (kind == CALL_ATTEST_INFO_ANSWER)
		return hear_info(signer, message);
	return kind == CALL_ATTEST_NODE_ANSWER ? hear_told(signer, message)
	                                       : hear_activated(signer, message);
}

void signer_node_pump(struct signer *signer)
{
	struct signer_node *node = &signer->node;
	struct call_attest_head head = {.request = 0};

	if (node->waiting != 0 || signer->stopping || !ipc_is_up(signer->attestor))
		return;
	if (node->step == SIGNER_NODE_TOLD &&
	    memcmp(node->authority_key, signer->authority_key, 32) != 0)
		node->step = SIGNER_NODE_TELL;
	if (node->step == SIGNER_NODE_INFO)
		ask(signer, CALL_ATTEST_INFO, &head, sizeof(head), bytes_of(NULL, 0));
	else if (node->step == SIGNER_NODE_RECORD)
		look_up(signer);
	else if (node->step == SIGNER_NODE_TELL && signer->has_authority)
		tell(signer);
}
