/* signer_own: what concerns a wallet's owner himself: his factors (FACTOR), and taking his key and
 * leaving (EXPORT: S18). Both were authorized by the rule of signer_factor.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"
#include "base_check.h"
#include "log_line.h"
#include "secret.h"
#include "signer_change.h"
#include "signer_group.h"

/* ---- factors ---- */

static bool take_out(struct authz_wallet_record *wallet, const struct authz_user_key *key)
{
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		struct authz_user_key *found = &wallet->user_keys[i];

		if (!authz_key_same(found, key))
			continue;
		memmove(found, found + 1, (wallet->user_key_count - i - 1) * sizeof(*found));
		wallet->user_key_count--;
		memset(&wallet->user_keys[wallet->user_key_count], 0, sizeof(*found));
		return true;
	}
	return false;
}

static bool has_factor(const struct authz_wallet_record *wallet, const uint8_t key[32])
{
	for (size_t i = 0; i < wallet->user_key_count; i++)
		if (memcmp(wallet->user_keys[i].key, key, 32) == 0)
			return true;
	return false;
}

static bool can_sign(const struct authz_wallet_record *wallet)
{
	for (size_t i = 0; i < wallet->user_key_count; i++)
		if (wallet->user_keys[i].kind != AUTHZ_KEY_TOTP)
			return true;
	return false;
}

/* What waits was signed under the rule of other factors: of a wallet that had one, or by one that
 * is taken away. None of it outlives a change of them, but for what was done. */
static void drop_waiting(struct authz_wallet_record *wallet)
{
	size_t kept = 0;

	for (size_t i = 0; i < wallet->pending_count; i++)
		if (wallet->pending[i].done)
			wallet->pending[kept++] = wallet->pending[i];
	wallet->pending_count = (uint8_t)kept;
}

/* The wallet's record as it will be. */
static enum status change_factors(struct signer_change *job, size_t at,
                                  const struct authz_factor_body *body)
{
	struct authz_wallet_record *wallet = &job->wallets[at];

	if (body->drops_recovery && !wallet->has_recovery)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "wallet %zu has no recovery key",
		                     at + 1);
	if (body->has_recovery || body->drops_recovery) {
		wallet->has_recovery = body->has_recovery;
		memcpy(wallet->recovery, body->recovery, 32); /* zeros: none */
	}
	for (size_t i = 0; i < body->remove_count; i++)
		if (!take_out(wallet, &body->remove[i]))
			return signer_refuse(job, CALL_RESULT_NOT_FOUND,
			                     "wallet %zu has no such factor", at + 1);
	for (size_t i = 0; i < body->add_count; i++) {
		if (has_factor(wallet, body->add[i].key))
			return signer_refuse(job, CALL_RESULT_CONFLICT,
			                     "wallet %zu has this factor already", at + 1);
		if (wallet->user_key_count == LIMIT_USER_KEYS_MAX)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "a wallet has at most %d factors; remove one",
			                     LIMIT_USER_KEYS_MAX);
		wallet->user_keys[wallet->user_key_count++] = body->add[i];
	}
	for (size_t i = 0; wallet->has_recovery && i < wallet->user_key_count; i++)
		if (wallet->user_keys[i].kind == AUTHZ_KEY_ED25519 &&
		    memcmp(wallet->user_keys[i].key, wallet->recovery, 32) == 0)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "wallet %zu has its recovery key as factor %zu: it "
			                     "would be lost with the factor",
			                     at + 1, i + 1);
	if (!can_sign(wallet))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "wallet %zu would have nobody left who can sign", at + 1);
	if (body->add_count != 0 || body->remove_count != 0 || body->has_recovery ||
	    body->drops_recovery)
		drop_waiting(wallet);
	if (body->delays.has_delay)
		wallet->delay_s = body->delays.delay_s;
	if (body->delays.has_export_delay)
		wallet->export_delay_s = body->delays.export_delay_s;
	return STATUS_OK;
}

/* No wallet of the deployment is a user key (A6): a passkey's own key neither. */
static enum status check_no_wallet(struct signer_change *job, const struct authz_factor_body *body)
{
	uint8_t wallet[32];

	if (body->has_recovery) {
		enum status status =
		    signer_await_index(job, CALL_STORE_VALUE_ADDRESS, body->recovery, wallet);

		if (status == STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the recovery key is a wallet of this deployment");
		if (status != STATUS_NOT_FOUND)
			return status;
	}
	for (size_t i = 0; i < body->add_count; i++) {
		const uint8_t *key = body->add[i].key;
		uint8_t id[32];
		enum status status;

		if (body->add[i].kind == AUTHZ_KEY_TOTP ||
		    body->add[i].kind == AUTHZ_KEY_PASSKEY_P256)
			continue;
		if (body->add[i].kind == AUTHZ_KEY_PASSKEY_ED25519)
			key = body->add_data[i].public_key.data;
		status = signer_await_index(job, CALL_STORE_VALUE_ADDRESS, key, id);
		if (status == STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "factor %zu is a wallet of this deployment", i + 1);
		if (status != STATUS_NOT_FOUND)
			return status;
	}
	return STATUS_OK;
}

enum status signer_check_factor(struct signer_change *job)
{
	static struct authz_factor_body body;
	enum status status;

	if (authz_same_body_end(&job->change, 0) != job->change.entry_count)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "all wallets of one change of factors get the same ones");
	CHECK(authz_factor_take(job->change.entries[0].body, &body) == STATUS_OK);
	status = check_no_wallet(job, &body);
	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++)
		status = change_factors(job, i, &body);
	return status;
}

static enum status list_factors(struct signer_change *job, const struct authz_factor_body *body)
{
	struct authz_user_key recovery = {.kind = AUTHZ_KEY_ED25519};
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < body->add_count; i++)
		status = signer_list_for(job, &body->add[i], body->add[i].kind != AUTHZ_KEY_TOTP);
	memcpy(recovery.key, body->recovery, 32);
	return status == STATUS_OK && body->has_recovery ? signer_list_for(job, &recovery, false)
	                                                 : status;
}

enum status signer_apply_factor(struct signer_change *job)
{
	static struct authz_factor_body body;
	struct signer_state *state = &job->signer->state;
	static const struct authz_submit_answer done;
	size_t count = job->change.entry_count, brought = 0;
	enum status status = signer_check_factor(job);

	if (status != STATUS_OK)
		return status;
	CHECK(authz_factor_take(job->change.entries[0].body, &body) == STATUS_OK);
	for (size_t i = 0; i < job->factors.brought_count; i++)
		brought += job->factors.brought_new[i];
	status = signer_count_kept(job, brought);
	if (status == STATUS_OK)
		status = list_factors(job, &body);
	if (status == STATUS_OK)
		status = signer_await_room(
		    job, count + LIMIT_USER_KEYS_MAX + 1 + 2 * SIGNER_BROUGHT_MAX,
		    count * SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX) +
		        (LIMIT_USER_KEYS_MAX + 1) * SIGNER_RECORD_ROOM(32) +
		        signer_lists_room(job) +
		        SIGNER_BROUGHT_MAX * SIGNER_RECORD_ROOM(AUTHZ_FACTOR_RECORD_MAX + 64));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	signer_factors_put_brought(job);
	signer_put_lists(job);
	for (size_t i = 0; i < body.add_count; i++)
		(void)signer_state_put(state, CALL_STORE_VALUE_USER_KEY, body.add[i].key,
		                       bytes_of(job->wallets[0].id, 32));
	if (body.has_recovery)
		(void)signer_state_put(state, CALL_STORE_VALUE_USER_KEY, body.recovery,
		                       bytes_of(job->wallets[0].id, 32));
	for (size_t i = 0; i < count; i++) {
		signer_advance(job, &job->wallets[i]);
		signer_state_put_wallet(state, &job->wallets[i]);
	}
	signer_group_add(job, (struct signer_made){.wallets = count}, &done);
	return STATUS_OK;
}

/* ---- export ---- */

/* Seals the wallet's key to the recipient, into job->texts. */
static enum status seal_key(struct signer_change *job, struct bytes *ret_sealed)
{
	const struct authz_wallet_record *wallet = &job->wallets[0];
	struct authz_export_body body;
	struct signer_handover handover;
	enum status status;

	if (job->change.entry_count != 1)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "one wallet's key is exported at a time");
	CHECK(authz_export_take(job->change.entries[0].body, &body) == STATUS_OK);
	handover.format = body.format;
	memcpy(handover.recipient, body.recipient, sizeof(handover.recipient));
	authz_change_hash(job->given.change, handover.change_hash);
	job->texts.len = 0;
	status = signer_vault_hand_over(job->signer->vault, wallet->id,
	                                bytes_of(wallet->sealed_key, wallet->sealed_key_len),
	                                &handover, &job->texts);
	if (status == STATUS_CORRUPT)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
		                     "the wallet's key does not open");
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the recipient's key is not a sound X25519 key");
	*ret_sealed = buffer_bytes(&job->texts);
	return STATUS_OK;
}

enum status signer_check_export(struct signer_change *job)
{
	struct bytes sealed;
	enum status status = seal_key(job, &sealed);

	/* It was for the check alone. */
	if (status == STATUS_OK)
		secret_wipe(job->texts.data, job->texts.len);
	job->texts.len = 0;
	return status;
}

/* A receipt of its own in the wallet's chain; there is room for it. */
static void add_receipt(struct signer_change *job, uint8_t decision, enum call_result result)
{
	struct signer *signer = job->signer;
	struct signer_time_now now = signer_time_read(&signer->time);
	struct authz_receipt receipt = {
	    .decision = decision,
	    .result = (uint16_t)result,
	    .flags = AUTHZ_RECEIPT_EXPORT,
	    .time_low_s = now.low_s,
	    .time_high_s = now.high_s,
	};
	struct signer_wallet *cached;

	if (decision == AUTHZ_DECISION_ALLOW || job->wallets[0].exported != 0)
		receipt.flags |= AUTHZ_RECEIPT_EXPORTED;
	memcpy(receipt.wallet, job->wallets[0].id, sizeof(receipt.wallet));
	cached =
	    (struct signer_wallet *)signer_cache_find(&signer->state.wallets, job->wallets[0].id);
	memcpy(receipt.authority,
	       cached != NULL && cached->head.state == SIGNER_CACHED_READY
	           ? signer_state_durable(&signer->state, cached).authority
	           : job->wallets[0].authority,
	       sizeof(receipt.authority));
	keys_random(receipt.ticket, sizeof(receipt.ticket));
	authz_change_hash(job->given.change, receipt.message_hash);
	signer_receipts_add(signer->receipts, &receipt, bytes_of(NULL, 0), NULL);
}

/* From here on others may have the key. */
static enum status leave_receipt(struct signer_change *job)
{
	struct signer *signer = job->signer;
	enum status status;
	uint64_t blob;

	while ((status = signer_receipts_ready(signer->receipts, job->wallets[0].id, 1, NULL)) ==
	       STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE,
		                     "no receipt can be left; nothing was handed over");
	add_receipt(job, AUTHZ_DECISION_ALLOW, CALL_RESULT_DONE);
	job->left_receipt = true;
	/* It is in the blob that fills now, behind one that may be on its way. Under load there is
	 * always a later one. */
	blob = signer_receipts_next(signer->receipts);
	while (signer_receipts_behind(signer->receipts) != 0 &&
	       signer_receipts_next(signer->receipts) < blob + 2)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return STATUS_OK;
}

static void tell(const struct signer_change *job)
{
	struct log_line line;

	log_begin(&line, LOG_WARN, "wallet.exported");
	log_number(&line, "times", (int64_t)job->wallets[0].exported);
	log_end(&line);
}

/* A receipt without an export errs on the safe side; another one says so, where there is room. */
static enum status take_back(struct signer_change *job, enum status status)
{
	if (job->left_receipt &&
	    signer_receipts_ready(job->signer->receipts, job->wallets[0].id, 1, NULL) == STATUS_OK)
		add_receipt(job, AUTHZ_DECISION_DENY, job->refusal.result);
	return status;
}

/* What the outside may learn is true before the key leaves: the receipt is durable, then the flag.
 */
enum status signer_apply_export(struct signer_change *job)
{
	struct authz_wallet_record *wallet = &job->wallets[0];
	struct signer *signer = job->signer;
	static struct authz_submit_answer answer;
	struct bytes sealed;
	enum status status = seal_key(job, &sealed);

	job->left_receipt = false;
	if (status == STATUS_OK)
		status = leave_receipt(job);
	if (status == STATUS_OK)
		status = signer_await_room(job, 1, SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return take_back(job, status);
	wallet->ownership_lost = true; /* A20 */
	wallet->exported++;
	signer_advance(job, wallet);
	signer_state_put_wallet(&signer->state, wallet);
	tell(job);
	answer = (struct authz_submit_answer){.export = sealed};
	signer_group_add(job, (struct signer_made){.wallets = 1}, &answer);
	return STATUS_OK;
}

enum status signer_export_again(struct signer_change *job)
{
	struct authz_submit_answer answer = {.seq = signer_store_seq(job->signer->store)};
	enum status status = seal_key(job, &answer.export);

	return status == STATUS_OK ? authz_submit_answer_put(&answer, &job->answer) : status;
}
