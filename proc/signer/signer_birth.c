/* signer_birth: CREATE and IMPORT make wallets, and list them for those whose keys they name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "signer_change.h"
#include "signer_group.h"

/* Name, address and user keys must be new in their roles: no wallet of this deployment is a user
 * key, and no user key a wallet (A6). */
static enum status check_birth(struct signer_change *job, const struct authz_birth_body *body)
{
	uint8_t hash[32], id[32];
	struct call_wallet reference;
	enum status status;

	/* What a request would read as an address or an id can name no wallet. */
	if (call_wallet_parse(body->name, &reference) != STATUS_OK ||
	    reference.kind != CALL_WALLET_NAME)
		return signer_refuse(job, CALL_RESULT_NAME_REFUSED,
		                     "%.*s reads as an address or an id; choose another name",
		                     (int)body->name.len, (const char *)body->name.data);
	signer_state_name_hash(body->name, hash);
	status = signer_await_index(job, CALL_STORE_VALUE_NAME, hash, id);
	if (status == STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "a wallet named %.*s exists already; choose another name",
		                     (int)body->name.len, (const char *)body->name.data);
	if (status != STATUS_NOT_FOUND)
		return status;
	for (size_t i = 0; i < body->user_key_count; i++) {
		const uint8_t *key = body->user_keys[i].key;

		if (body->user_keys[i].kind == AUTHZ_KEY_TOTP)
			continue;
		if (body->user_keys[i].kind == AUTHZ_KEY_PASSKEY_ED25519)
			key = body->user_key_data[i].public_key.data;
		if (body->user_keys[i].kind == AUTHZ_KEY_ED25519 && !keys_public_is_strong(key))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "user key %zu is not a sound ed25519 key", i + 1);
		status = signer_await_index(job, CALL_STORE_VALUE_ADDRESS, key, id);
		if (status == STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "user key %zu is a wallet of this deployment", i + 1);
		if (status != STATUS_NOT_FOUND)
			return status;
	}
	if (!body->has_recovery)
		return STATUS_OK;
	for (size_t i = 0; i < body->user_key_count; i++)
		if (body->user_keys[i].kind == AUTHZ_KEY_ED25519 &&
		    memcmp(body->user_keys[i].key, body->recovery, 32) == 0)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the recovery key is user key %zu too: it would be "
			                     "lost with it",
			                     i + 1);
	status = signer_await_index(job, CALL_STORE_VALUE_ADDRESS, body->recovery, id);
	if (status == STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the recovery key is a wallet of this deployment");
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The names within one change must differ too: what is not committed yet is in no index. */
static bool name_repeats(const struct signer_change *job, size_t at, struct bytes name)
{
	for (size_t i = 0; i < at; i++)
		if (bytes_equal(bytes_of(job->wallets[i].name, job->wallets[i].name_len), name))
			return true;
	return false;
}

/* So must the addresses, and none may be a user key of another entry (A6). */
static bool address_repeats(const struct signer_change *job, size_t at)
{
	const struct authz_wallet_record *made = &job->wallets[at];

	for (size_t i = 0; i < at; i++) {
		const struct authz_wallet_record *other = &job->wallets[i];

		if (memcmp(other->address, made->address, 32) == 0)
			return true;
		for (size_t j = 0; j < LIMIT_USER_KEYS_MAX; j++) {
			if (j < other->user_key_count &&
			    memcmp(other->user_keys[j].key, made->address, 32) == 0)
				return true;
			if (j < made->user_key_count &&
			    memcmp(made->user_keys[j].key, other->address, 32) == 0)
				return true;
		}
	}
	return false;
}

/* Seals the key that came for entry `at` of an import. */
static enum status import_key(struct signer_change *job, size_t at,
                              const struct authz_birth_body *body,
                              struct authz_wallet_record *wallet, struct buffer *sealed)
{
	struct signer_seeds seeds = {.sealed = job->given.sealed_seeds,
	                             .count = job->change.entry_count};
	uint8_t id[32];
	enum status status;

	authz_change_hash(job->given.change, seeds.associated);
	status = signer_vault_import_key(job->signer->vault, wallet->id, &seeds, at,
	                                 wallet->address, sealed);
	if (status == STATUS_CRYPTO)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the sealed keys were not sealed to this signer and change");
	if (status == STATUS_MALFORMED)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "sealed keys: one 32-byte seed for each wallet is needed");
	if (status != STATUS_OK)
		return status;
	if (memcmp(wallet->address, body->address, 32) != 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the key of wallet %zu has another address than the one "
		                     "that was signed for",
		                     at + 1);
	/* Whoever may sign with a user's key would give himself any grant (A6). */
	status = signer_await_index(job, CALL_STORE_VALUE_USER_KEY, wallet->address, id);
	if (status == STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the key of wallet %zu is a user key of this deployment",
		                     at + 1);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status make_key(struct signer_change *job, size_t at,
                            const struct authz_birth_body *body, struct authz_wallet_record *wallet)
{
	struct buffer sealed = BUFFER_OF_ARRAY(wallet->sealed_key);
	uint8_t id[32];
	enum status status;

	if (job->change.action == AUTHZ_ACTION_CREATE)
		status = signer_vault_create_key(job->signer->vault, wallet->id, wallet->address,
		                                 &sealed);
	else
		status = import_key(job, at, body, wallet, &sealed);
	if (status == STATUS_REFUSED)
		return status;
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_INTERNAL, "the key could not be sealed");
	wallet->sealed_key_len = (uint8_t)sealed.len;
	status = signer_await_index(job, CALL_STORE_VALUE_ADDRESS, wallet->address, id);
	if (status == STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "a wallet of this address exists already");
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status make_wallet(struct signer_change *job, size_t at)
{
	static struct authz_birth_body body;
	struct authz_wallet_record *wallet = &job->wallets[at];
	struct authz_birth_row *row = &job->birth.rows[at];
	size_t start = job->texts.len;
	enum status status = authz_birth_take(job->change.entries[at].body,
	                                      job->change.action == AUTHZ_ACTION_IMPORT, &body);

	if (status == STATUS_OK)
		status = check_birth(job, &body);
	if (status != STATUS_OK)
		return status;
	if (name_repeats(job, at, body.name))
		return signer_refuse(job, CALL_RESULT_CONFLICT, "two wallets of one name");
	*wallet = (struct authz_wallet_record){.name_len = (uint8_t)body.name.len,
	                                       .origin = job->change.action == AUTHZ_ACTION_CREATE
	                                                     ? AUTHZ_ORIGIN_CREATED
	                                                     : AUTHZ_ORIGIN_IMPORTED,
	                                       .has_recovery = body.has_recovery,
	                                       .recovered = job->signer->state.recovered,
	                                       .user_key_count = (uint8_t)body.user_key_count};
	/* Whoever holds a copy of the key may have given the wallet's accounts away (A20). */
	wallet->ownership_lost = wallet->origin == AUTHZ_ORIGIN_IMPORTED || body.has_escape;
	memcpy(wallet->id, job->change.entries[at].wallet, 32);
	memcpy(wallet->name, body.name.data, body.name.len);
	memcpy(wallet->recovery, body.recovery, 32);
	wallet->delay_s = body.delays.delay_s;
	wallet->export_delay_s =
	    body.delays.has_export_delay ? body.delays.export_delay_s : AUTHZ_EXPORT_DELAY_S;
	memcpy(wallet->user_keys, body.user_keys, sizeof(wallet->user_keys));
	for (size_t i = body.user_key_count; i < LIMIT_USER_KEYS_MAX; i++)
		memset(&wallet->user_keys[i], 0, sizeof(wallet->user_keys[i]));
	signer_set_limits(wallet, body.limits, body.limit_count);
	status = make_key(job, at, &body, wallet);
	if (status != STATUS_OK)
		return status;
	if (address_repeats(job, at))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "wallet %zu has the address of another one of this change, "
		                     "or one of its user keys",
		                     at + 1);
	signer_advance(job, wallet);
	*row = (struct authz_birth_row){.imported = wallet->origin == AUTHZ_ORIGIN_IMPORTED,
	                                .user_key_count = wallet->user_key_count,
	                                .has_recovery = wallet->has_recovery};
	memcpy(row->wallet, wallet->id, 32);
	memcpy(row->address, wallet->address, 32);
	memcpy(row->user_keys, wallet->user_keys, sizeof(row->user_keys));
	memcpy(row->recovery, wallet->recovery, 32);
	if (!body.has_escape)
		return STATUS_OK;
	status = signer_vault_escape(job->signer->vault, wallet->id,
	                             bytes_of(wallet->sealed_key, wallet->sealed_key_len),
	                             body.escape, &job->texts);
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the escape key is not a sound X25519 key");
	row->escape_copy = bytes_of(job->texts.data + start, job->texts.len - start);
	return STATUS_OK;
}

/* ---- lists of wallets ---- */

static bool is_listed(const struct buffer *ids, const uint8_t id[32])
{
	for (size_t at = 0; at + 32 <= ids->len; at += 32)
		if (memcmp(ids->data + at, id, 32) == 0)
			return true;
	return false;
}

void signer_list_hash(const struct authz_user_key *key, bool agreed, uint8_t ret_hash[32])
{
	uint8_t hash[32];
	struct bytes own = BYTES_OF_ARRAY(hash);

	signer_state_user_hash(key, agreed ? ret_hash : hash);
	if (!agreed)
		keys_sha256_label("claviger/invited/v1", own, ret_hash);
}

struct list_head {
	uint8_t hash[32];
	uint32_t len;
};

/* Who wants to list his wallets finds them under his key: rows of 32-byte ids. A damaged or very
 * long list stays as it is; wallets are found by name. */
enum status signer_list_for(struct signer_change *job, const struct authz_user_key *key,
                            bool agreed)
{
	struct signer_blob *list = NULL;
	struct buffer ids = {job->area, sizeof(job->area), 0};
	struct list_head head;
	enum status status;

	signer_list_hash(key, agreed, head.hash);
	status = signer_await_user(job, head.hash, &list);
	if (status == STATUS_CORRUPT)
		return STATUS_OK;
	/* Whose list is full of others' wallets keeps his own one, and those that came first. */
	if (!agreed)
		ids.cap = (size_t)LIMIT_INVITED_MAX * 32;
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	if (status == STATUS_OK && buffer_put(&ids, bytes_of(list->bytes, list->len)) != STATUS_OK)
		return STATUS_OK;
	for (size_t i = 0; i < job->change.entry_count; i++)
		if (signer_factors_know(&job->wallets[i], key) &&
		    !is_listed(&ids, job->wallets[i].id) &&
		    buffer_put(&ids, bytes_of(job->wallets[i].id, 32)) != STATUS_OK)
			break;
	head.len = (uint32_t)ids.len;
	if (ids.len == 0 || sizeof(head) + ids.len > job->lists.cap - job->lists.len)
		return STATUS_OK;
	CHECK(buffer_put(&job->lists, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&job->lists, buffer_bytes(&ids)) == STATUS_OK);
	job->list_count++;
	return STATUS_OK;
}

size_t signer_lists_room(const struct signer_change *job)
{
	return job->lists.len + job->list_count * SIGNER_RECORD_ROOM(sizeof(struct call_store_op));
}

void signer_put_lists(struct signer_change *job)
{
	for (size_t at = 0; at < job->lists.len;) {
		struct list_head head;

		memcpy(&head, job->lists.data + at, sizeof(head));
		at += sizeof(head);
		(void)signer_state_put(&job->signer->state, CALL_STORE_VALUE_USER, head.hash,
		                       bytes_of(job->lists.data + at, head.len));
		at += head.len;
	}
}

/* The new wallets, for a key of the one at `at` that none before it has. */
static enum status list_once(struct signer_change *job, size_t at, const struct authz_user_key *key,
                             bool agreed)
{
	for (size_t i = 0; i < at; i++)
		if (signer_factors_know(&job->wallets[i], key))
			return STATUS_OK;
	return signer_list_for(job, key, agreed);
}

/* Further keys that agreed list the wallets, too, and so does a recovery key those that it may
 * save: it needs no name that was lost with the user key. */
static enum status list_for_others(struct signer_change *job)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		const struct authz_wallet_record *wallet = &job->wallets[i];
		struct authz_user_key recovery = {.kind = AUTHZ_KEY_ED25519};

		for (size_t j = 1; status == STATUS_OK && j < wallet->user_key_count; j++)
			if (wallet->user_keys[j].kind != AUTHZ_KEY_TOTP)
				status = list_once(job, i, &wallet->user_keys[j], true);
		memcpy(recovery.key, wallet->recovery, 32);
		if (status == STATUS_OK && wallet->has_recovery)
			status = list_once(job, i, &recovery, false);
	}
	return status;
}

/* ---- the change ---- */

/* All records of the new wallets, in one batch. */
static void put_births(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;

	for (size_t i = 0; i < job->change.entry_count; i++) {
		const struct authz_wallet_record *wallet = &job->wallets[i];
		struct bytes id = bytes_of(wallet->id, 32);
		uint8_t hash[32];

		signer_state_name_hash(bytes_of(wallet->name, wallet->name_len), hash);
		signer_state_put(state, CALL_STORE_VALUE_NAME, hash, id);
		signer_state_put(state, CALL_STORE_VALUE_ADDRESS, wallet->address, id);
		for (size_t j = 0; j < wallet->user_key_count; j++)
			signer_state_put(state, CALL_STORE_VALUE_USER_KEY, wallet->user_keys[j].key,
			                 id);
		if (wallet->has_recovery)
			signer_state_put(state, CALL_STORE_VALUE_USER_KEY, wallet->recovery, id);
		signer_state_put_wallet(state, wallet);
	}
	signer_factors_put_brought(job);
	signer_put_lists(job);
}

enum status signer_apply_birth(struct signer_change *job)
{
	struct signer *signer = job->signer;
	size_t count = job->change.entry_count;
	enum status status;
	static struct authz_submit_answer answer;
	static uint8_t statement[AUTHZ_BIRTH_MAX];
	struct buffer birth = BUFFER_OF_ARRAY(statement);

	if (!signer_budget_take(&job->births, LIMIT_BIRTHS_PER_MINUTE, signer->now_ms))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many wallets are made at once; try again in a minute");
	job->texts.len = 0;
	job->birth = (struct authz_birth){.count = count};
	memcpy(job->birth.deployment, signer->deployment, 32);
	authz_change_hash(job->given.change, job->birth.change_hash);
	for (size_t i = 0; i < count; i++) {
		status = make_wallet(job, i);
		if (status != STATUS_OK)
			return status;
	}
	status = list_for_others(job);
	if (status == STATUS_OK)
		status = signer_list_for(job, &job->wallets[0].user_keys[0], true);
	if (status != STATUS_OK)
		return status;
	status = signer_await_room(
	    job, (4 + LIMIT_USER_KEYS_MAX) * count + 1 + 2 * SIGNER_BROUGHT_MAX,
	    count * (SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX) +
	             (3 + LIMIT_USER_KEYS_MAX) * SIGNER_RECORD_ROOM(32)) +
	        SIGNER_RECORD_ROOM(sizeof(job->area)) + signer_lists_room(job) +
	        SIGNER_BROUGHT_MAX * SIGNER_RECORD_ROOM(AUTHZ_FACTOR_RECORD_MAX + 64));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	put_births(job);
	signer->totals.wallets += count;
	status =
	    authz_birth_answer_put(&job->birth, signer_vault_deployment(signer->vault), &birth);
	CHECK(status == STATUS_OK);
	answer = (struct authz_submit_answer){.birth = buffer_bytes(&birth)};
	signer_group_add(job, (struct signer_made){.wallets = count}, &answer);
	return STATUS_OK;
}
