/* signer_apply: carries out a change whose signature, text and state were checked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "authz_rule.h"
#include "base_check.h"
#include "signer_change.h"
#include "signer_group.h"
#include "signer_lower.h"

static const struct authz_submit_answer done; /* nothing but when */

/* The wallet's next version, bound to what its user signed. */
void signer_advance(struct signer_change *job, struct authz_wallet_record *wallet)
{
	uint8_t previous[32];

	memcpy(previous, wallet->authority, sizeof(previous));
	authz_authority_next(previous, buffer_bytes(&job->signed_text), wallet->authority);
	wallet->version++;
	signer_history_link(job, wallet, previous);
}

/* ---- births ---- */

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

/* The wallet's record with its new limits; those that it had go on counting. */
static void set_limits(struct authz_wallet_record *wallet, const struct authz_counter_rule *limits,
                       size_t count)
{
	uint64_t since[LIMIT_WALLET_LIMITS_MAX] = {0};

	for (size_t i = 0; i < count; i++) {
		size_t at = authz_counter_find(wallet->limits, wallet->limit_count, &limits[i]);

		since[i] =
		    at < wallet->limit_count ? wallet->limits_since[at] : wallet->version + 1;
	}
	wallet->limit_count = (uint8_t)count;
	memcpy(wallet->limits, limits, sizeof(wallet->limits));
	memcpy(wallet->limits_since, since, sizeof(wallet->limits_since));
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
	set_limits(wallet, body.limits, body.limit_count);
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

static enum status apply_birth(struct signer_change *job)
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

/* ---- grants ---- */

/* A dead entry gives its place to a new grant; live ones are never dropped. */
static enum status add_entry(struct signer_change *job, struct authz_wallet_record *wallet,
                             const struct authz_grant_record *grant)
{
	size_t of_client = 0, place = wallet->grant_count;

	for (size_t i = 0; i < wallet->grant_count; i++) {
		if (memcmp(wallet->grants[i].grant, grant->id, 32) == 0)
			return signer_refuse(job, CALL_RESULT_CONFLICT,
			                     "this grant was made before");
		of_client += wallet->grants[i].live &&
		             memcmp(wallet->grants[i].client, grant->client, 32) == 0;
	}
	if (of_client == LIMIT_GRANTS_PER_CLIENT_MAX)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "this client has %d live grants for the wallet; revoke one",
		                     LIMIT_GRANTS_PER_CLIENT_MAX);
	if (place == LIMIT_GRANTS_PER_WALLET_MAX) {
		for (place = 0; place < wallet->grant_count && wallet->grants[place].live;)
			place++;
		if (place == wallet->grant_count)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the wallet has %d live grants; revoke one",
			                     LIMIT_GRANTS_PER_WALLET_MAX);
		/* Keep the rows in order of creation. */
		memmove(&wallet->grants[place], &wallet->grants[place + 1],
		        (wallet->grant_count - place - 1) * sizeof(wallet->grants[0]));
		place = --wallet->grant_count;
	}
	wallet->grants[place] = (struct authz_grant_entry){.created = grant->created, .live = true};
	memcpy(wallet->grants[place].grant, grant->id, 32);
	memcpy(wallet->grants[place].client, grant->client, 32);
	wallet->grant_count++;
	return STATUS_OK;
}

static void fill_grant(struct signer_change *job, size_t at, const struct authz_grant_body *body,
                       bool is_known)
{
	struct authz_grant_record *grant = &job->grant;

	*grant =
	    (struct authz_grant_record){.module_kind = signer_module_kind(is_known, body->module),
	                                .not_before_s = body->not_before_s,
	                                .expires_s = body->expires_s,
	                                .uses_max = body->uses_max,
	                                .created = job->wallets[at].version + 1,
	                                .counter_count = (uint8_t)body->counter_count,
	                                .nonce_account_count = (uint8_t)body->nonce_account_count,
	                                .pin_count = (uint8_t)body->pin_count,
	                                .schema_len = (uint16_t)body->schema.len,
	                                .parameters_len = (uint16_t)body->parameters.len};
	authz_grant_id(job->given.change, job->wallets[at].id, grant->id);
	memcpy(grant->wallet, job->wallets[at].id, 32);
	memcpy(grant->client, body->client, 32);
	memcpy(grant->module, body->module, 32);
	for (size_t i = 0; i < body->counter_count; i++)
		grant->counters[i] = body->counters[i];
	memcpy(grant->nonce_accounts, body->nonce_accounts, sizeof(grant->nonce_accounts));
	for (size_t i = 0; i < body->pin_count; i++) {
		memcpy(grant->pins[i].table, body->pins[i].table, 32);
		memcpy(grant->pins[i].hash, body->pins[i].hash, 32);
		grant->pins[i].count = body->pins[i].count;
	}
	if (body->schema.len != 0)
		memcpy(grant->schema, body->schema.data, body->schema.len);
	memcpy(grant->parameters, body->parameters.data, body->parameters.len);
}

static enum status check_grant(struct signer_change *job, const struct authz_grant_body *body)
{
	struct signer_client *client;
	enum status status;

	status = signer_await_client(job, body->client, &client);
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "no such client; register it first (claviger client new)");
	if (status != STATUS_OK)
		return status;
	if (body->extra_account_count != 0)
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED,
		                     "a grant names no extra accounts: the intent's "
		                     "extra_accounts allows them; leave key 11 out");
	if (body->expires_s != 0 && body->expires_s <= signer_time_read(&job->signer->time).high_s)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the grant would have expired already");
	for (size_t i = 0; i < body->pin_count; i++)
		if (authz_table_find(&job->given, &body->pins[i]) == NULL)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the contents of pinned table %zu are missing, or do "
			                     "not have the hash that was signed",
			                     i + 1);
	return STATUS_OK;
}

/* The counters' first durable state is part of the grant's own commit. It leases nothing: whoever
 * loads it counts its lease as spent, and the grant would begin with less than the user gave. */
static void first_leases(struct signer_change *job)
{
	struct authz_counter_rule rules[LIMIT_COUNTERS_MAX + 1];
	uint64_t now = signer_time_read(&job->signer->time).low_s;

	job->lease =
	    (struct authz_lease_record){.count = (uint8_t)signer_state_rules(&job->grant, rules)};
	memcpy(job->lease.owner, job->grant.id, 32);
	for (size_t i = 0; i < job->lease.count; i++) {
		struct authz_counter live = {.bucket = 0};

		authz_counter_lease_prepare(&rules[i], &live, 0, now, &job->lease.counters[i]);
		job->lease.counters[i].lease_left = 0;
	}
}

/* All or none: everything that can be refused is refused before the first write, and everything
 * that may take a turn is done: `*ret_known` has a bit for each grant whose module is known.
 */
static enum status check_grants(struct signer_change *job, size_t *ret_pins, uint64_t *ret_known)
{
	static struct authz_grant_body body;

	*ret_pins = 0;
	*ret_known = 0;
	for (size_t i = 0; i < job->change.entry_count; i++) {
		const char *name = NULL;
		enum status status;

		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		status = check_grant(job, &body);
		if (status == STATUS_OK)
			status = signer_known_module(job, body.module, &name);
		if (status != STATUS_OK)
			return status;
		*ret_pins += body.pin_count;
		if (name != NULL)
			*ret_known |= UINT64_C(1) << i;
		/* From now on others may own what has the address of the wallet's account (A20). */
		job->wallets[i].ownership_lost |= name == job->known_name && job->known_gives;
		fill_grant(job, i, &body, (*ret_known >> i & 1) != 0);
		status = add_entry(job, &job->wallets[i], &job->grant);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status apply_grant(struct signer_change *job)
{
	struct signer *signer = job->signer;
	static struct authz_grant_body body;
	size_t count = job->change.entry_count;
	size_t pins = 0;
	uint64_t known = 0;
	enum status status = check_grants(job, &pins, &known);

	if (status == STATUS_OK)
		status = signer_keep_named(job);
	if (status != STATUS_OK)
		return status;
	/* All records share one batch, so that a crash leaves all of them or none. */
	status = signer_await_room(job, count * (3 + SIGNER_NAMED_OPS) + SIGNER_NAMED_OPS_ALL,
	                           count * (SIGNER_RECORD_ROOM(AUTHZ_GRANT_RECORD_MAX) +
	                                    SIGNER_RECORD_ROOM(AUTHZ_LEASE_RECORD_MAX) +
	                                    SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX)) +
	                               signer_named_room(job));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	signer_put_named(job);
	for (size_t i = 0; i < count; i++) {
		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		fill_grant(job, i, &body, (known >> i & 1) != 0);
		first_leases(job);
		signer_advance(job, &job->wallets[i]);
		signer_state_put_grant(&signer->state, &job->grant);
		signer_state_put_lease(&signer->state, CALL_STORE_VALUE_LEASE, &job->lease);
		signer_state_put_wallet(&signer->state, &job->wallets[i]);
	}
	signer->totals.grants += count;
	signer_group_add(job, (struct signer_made){.wallets = count}, &done);
	return STATUS_OK;
}

/* ---- less power ---- */

static bool has_grant(const struct authz_wallet_record *wallet, const uint8_t grant[32])
{
	for (size_t i = 0; i < wallet->grant_count; i++)
		if (memcmp(wallet->grants[i].grant, grant, 32) == 0)
			return true;
	return false;
}

/* A revocation ends what the grants allow from now on; what they signed on durable nonces stays
 * good until the nonce moves on, so it is listed (A18): as it is now, when nothing more is signed
 * under them. The rows are copied: the next look-up may drop the grant. */
static void list_outstanding(struct signer_change *job, struct authz_submit_answer *answer)
{
	struct buffer rows = {job->area, sizeof(job->area), 0};

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_outstanding *row = &answer->outstanding[answer->outstanding_count];
		struct signer_wallet *wallet;
		struct signer_grant *grant;
		enum status status = signer_await_wallet(job, job->wallets[i].id, &wallet);

		CHECK(authz_id_take(job->change.entries[i].body, row->grant) == STATUS_OK);
		/* One that was on its way has signed nothing. */
		if (!has_grant(&job->wallets[i], row->grant))
			continue;
		if (status == STATUS_OK) {
			wallet->head.pins++;
			status = signer_await_grant(job, row->grant, &grant);
			wallet->head.pins--;
		}
		if (status == STATUS_OK && grant->record.nonce_account_count == 0)
			continue;
		answer->outstanding_count++;
		row->before = AUTHZ_OUTSTANDING_UNKNOWN; /* revoked all the same */
		if (status != STATUS_OK ||
		    buffer_put(&rows, bytes_of(grant->meter.lease.nonces,
		                               grant->meter.lease.nonce_count *
		                                   sizeof(grant->meter.lease.nonces[0]))) !=
		        STATUS_OK)
			continue;
		row->before = grant->meter.lease.nonces_before;
		row->rows.len =
		    grant->meter.lease.nonce_count * sizeof(grant->meter.lease.nonces[0]);
		row->rows.data = rows.data + rows.len - row->rows.len;
	}
}

/* The records of the change's wallets as they are now, pinned in the cache: an earlier change may
 * have been settled since they were loaded into the job. Says how many are pinned. */
static enum status pin_wallets(struct signer_change *job, size_t *ret_count)
{
	struct signer_wallet *wallet;

	for (*ret_count = 0; *ret_count < job->change.entry_count; ++*ret_count) {
		enum status status =
		    signer_await_wallet(job, job->change.entries[*ret_count].wallet, &wallet);

		if (status == STATUS_NOT_FOUND)
			return signer_refuse(job, CALL_RESULT_CONFLICT, "no such wallet");
		if (status != STATUS_OK)
			return status;
		wallet->head.pins++;
	}
	return STATUS_OK;
}

static void unpin_wallets(struct signer_change *job, size_t count)
{
	for (size_t i = 0; i < count; i++)
		((struct signer_wallet *)signer_cache_find(&job->signer->state.wallets,
		                                           job->change.entries[i].wallet))
		    ->head.pins--;
}

static const struct authz_wallet_record *pinned_wallet(const struct signer_change *job, size_t at)
{
	return &((const struct signer_wallet *)signer_cache_find(&job->signer->state.wallets,
	                                                         job->change.entries[at].wallet))
	            ->record;
}

/* What the change is about is in the record in force, or in the one that a change before it makes
 * (`next`; NULL: none): who has just signed that need not wait for it to take it back. */
static enum status check_revoked(struct signer_change *job, size_t at,
                                 const struct authz_wallet_record *now,
                                 const struct authz_wallet_record *next)
{
	uint8_t grant[32];

	CHECK(authz_id_take(job->change.entries[at].body, grant) == STATUS_OK);
	return has_grant(now, grant) || (next != NULL && has_grant(next, grant))
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_NOT_FOUND, "wallet %zu has no such grant",
	                           at + 1);
}

static enum status check_cancelled(struct signer_change *job, size_t at,
                                   struct authz_wallet_record *now,
                                   struct authz_wallet_record *next)
{
	const struct authz_pending_entry *entry, *later;
	uint8_t hash[32];

	CHECK(authz_id_take(job->change.entries[at].body, hash) == STATUS_OK);
	entry = signer_lower_find_pending(now, hash);
	later = next == NULL ? NULL : signer_lower_find_pending(next, hash);
	if (entry == NULL && later == NULL)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "no such change of wallet %zu waits", at + 1);
	if ((entry != NULL && entry->done) || (later != NULL && later->done))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "the key was handed over; move the funds");
	/* Cancelled first it had not been done; now it is, and no word takes it back. */
	if (signer_group_completes(job->signer->group, hash))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "its time had come, and it is being carried out; freeze the "
		                     "wallet, revoke what it gave");
	return STATUS_OK;
}

static enum status check_lowered_limits(struct signer_change *job, size_t at,
                                        const struct authz_wallet_record *now,
                                        const struct authz_wallet_record *next)
{
	static struct authz_limit_body body;

	CHECK(authz_limit_take(job->change.entries[at].body, &body) == STATUS_OK);
	return !body.of_wallet || (signer_lower_fits(&body, now) &&
	                           (next == NULL || signer_lower_fits(&body, next)))
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_CONFLICT,
	                           "other limits of wallet %zu are on their way; name them, too",
	                           at + 1);
}

/* Who signed is a factor of the wallets as a change on its way makes them: what he takes goes on
 * from that one, also in an audit. So the factor that it removes takes nothing any more. */
static enum status check_signers(struct signer_change *job)
{
	bool hold;

	for (size_t i = 0; i < job->change.entry_count; i++) {
		const struct authz_wallet_record *next =
		    signer_group_wallet(job->signer->group, job->change.entries[i].wallet);

		job->wallets[i] = next != NULL ? *next : *pinned_wallet(job, i);
	}
	hold = signer_factors_still_hold(job);
	for (size_t i = 0; i < job->change.entry_count; i++)
		job->wallets[i] = *pinned_wallet(job, i);
	return hold ? STATUS_OK
	            : signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
	                            "who signed it is not a user key of each wallet any more");
}

/* All or none: what can be refused is refused before the first takes effect. */
static enum status check_lowered(struct signer_change *job)
{
	static struct authz_wallet_record now;
	enum status status = check_signers(job);

	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		struct authz_wallet_record *next =
		    signer_group_wallet(job->signer->group, job->change.entries[i].wallet);

		now = *pinned_wallet(job, i);
		if (job->change.action == AUTHZ_ACTION_REVOKE)
			status = check_revoked(job, i, &now, next);
		else if (job->change.action == AUTHZ_ACTION_CANCEL)
			status = check_cancelled(job, i, &now, next);
		else if (job->change.action == AUTHZ_ACTION_LIMIT)
			status = check_lowered_limits(job, i, &now, next);
	}
	return status;
}

/* has_nothing: what a freeze or a revocation takes is not in this record. */
static bool has_nothing(const struct signer_change *job, size_t at,
                        const struct authz_wallet_record *wallet)
{
	uint8_t grant[32];

	if (job->change.action == AUTHZ_ACTION_FREEZE)
		return wallet->frozen && wallet->pending_count == 0;
	if (job->change.action != AUTHZ_ACTION_REVOKE)
		return false;
	CHECK(authz_id_take(job->change.entries[at].body, grant) == STATUS_OK);
	return !signer_lower_is_live(wallet, grant);
}

/* takes_nothing: a freeze of a wallet that is frozen, or a revocation of what is dead, with nothing
 * that waits, would only cost the TPM a write that another one may need; and whoever signs again
 * and again would have it kept for good each time. Such a wallet is left as it is. */
static bool takes_nothing(const struct signer_change *job, size_t at)
{
	const struct authz_wallet_record *now = pinned_wallet(job, at);
	const struct authz_wallet_record *next = signer_group_wallet(job->signer->group, now->id);

	return has_nothing(job, at, now) && (next == NULL || has_nothing(job, at, next));
}

static bool is_so_already(const struct signer_change *job)
{
	for (size_t i = 0; i < job->change.entry_count; i++)
		if (!takes_nothing(job, i))
			return false;
	return true;
}

/* No turn is taken in here: from what is cached now, and from what a change that waits for its
 * commit will make of it, to the record with less power. */
static void lower_pinned(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;
	const struct signer_ask ask = signer_ask_of(job);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_wallet_record *wallet = &job->wallets[i];
		struct authz_wallet_record *next;

		if (takes_nothing(job, i))
			continue;
		*wallet = *pinned_wallet(job, i);
		next = signer_group_wallet(job->signer->group, wallet->id);
		signer_lower_wallet(&job->change, i, NULL, wallet);
		if (next == NULL) {
			signer_advance(job, wallet);
		} else {
			signer_lower_wallet(&job->change, i, wallet, next);
			signer_advance(job, next);
			wallet->version++; /* its limits may be others (signer_meter_follow) */
		}
		CHECK(signer_state_lower_wallet(state, wallet, &ask) == STATUS_OK);
	}
	/* Before the records that they lead to, which are written by themselves. */
	signer_history_put(job);
}

size_t signer_count_unheld(struct signer_change *job)
{
	/* Of each entry the grant, too. */
	size_t count = job->change.action == AUTHZ_ACTION_LIMIT ? job->change.entry_count : 0;

	for (size_t i = 0; i < job->change.entry_count; i++)
		count += !signer_state_is_held(&job->signer->state, CALL_STORE_VALUE_WALLET,
		                               job->change.entries[i].wallet);
	return count;
}

static enum status demand_holds(struct signer_change *job)
{
	const struct signer_ask ask = signer_ask_of(job);

	return signer_state_may_hold(&job->signer->state, signer_count_unheld(job), &ask) &&
	               signer_history_may_lower(job)
	           ? STATUS_OK
	           : signer_refuse_held(job);
}

static enum status answer_lowered(struct signer_change *job)
{
	static struct authz_submit_answer answer;

	answer = done;
	if (job->change.action == AUTHZ_ACTION_REVOKE)
		list_outstanding(job, &answer);
	return signer_group_add_lowered(job, 0, &answer);
}

/* In force in memory now, on the cached record that tickets look at, written by itself, answered
 * when durable. All or none. */
enum status signer_lower_wallets(struct signer_change *job)
{
	size_t pinned = 0;
	enum status status = pin_wallets(job, &pinned);
	bool is_written = true;

	if (status == STATUS_OK)
		status = check_lowered(job);
	if (status == STATUS_OK)
		is_written = !is_so_already(job);
	if (status == STATUS_OK && is_written)
		status = demand_holds(job);
	if (status == STATUS_OK && is_written)
		lower_pinned(job);
	unpin_wallets(job, pinned);
	if (status != STATUS_OK)
		return status;
	return answer_lowered(job);
}

/* Writes the wallets of the change, and shows them to tickets once that is durable. */
static enum status apply_more(struct signer_change *job, bool limit)
{
	struct signer *signer = job->signer;
	size_t count = job->change.entry_count;
	enum status status;

	status = signer_await_room(job, count + 1,
	                           count * SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX) +
	                               SIGNER_RECORD_ROOM(AUTHZ_GRANT_RECORD_MAX));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		signer_advance(job, &job->wallets[i]);
		signer_state_put_wallet(&signer->state, &job->wallets[i]);
	}
	if (limit)
		signer_state_put_grant(&signer->state, &job->grant);
	signer_group_add(job, (struct signer_made){.wallets = count, .limit = limit}, &done);
	return STATUS_OK;
}

static enum status apply_unfreeze(struct signer_change *job)
{
	for (size_t i = 0; i < job->change.entry_count; i++)
		job->wallets[i].frozen = false;
	return apply_more(job, false);
}

/* ---- limits ---- */

/* Finds a live grant of the wallet; it is cached beside its wallet. */
static enum status find_limited(struct signer_change *job, size_t at,
                                const struct authz_limit_body *body,
                                struct signer_grant **ret_grant)
{
	const struct authz_wallet_record *wallet = &job->wallets[at];
	struct signer_wallet *cached;
	bool live = false;
	enum status status;

	for (size_t i = 0; i < wallet->grant_count; i++)
		live |=
		    wallet->grants[i].live && memcmp(wallet->grants[i].grant, body->grant, 32) == 0;
	if (!live)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "wallet %zu has no such grant",
		                     at + 1);
	status = signer_await_wallet(job, wallet->id, &cached);
	if (status == STATUS_OK) {
		cached->head.pins++;
		status = signer_await_grant(job, body->grant, ret_grant);
		cached->head.pins--;
	}
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT, "the grant's record is lost");
	return status;
}

/* Gives the counters other caps; `*ret_grows` when one becomes larger. */
static enum status set_caps(struct signer_change *job, const struct authz_limit_body *body,
                            struct authz_grant_record *grant, bool *ret_grows)
{
	for (size_t i = 0; i < body->count; i++) {
		size_t at = 0;

		while (at < grant->counter_count && grant->counters[at].id != body->caps[i].id)
			at++;
		if (at == grant->counter_count)
			return signer_refuse(job, CALL_RESULT_NOT_FOUND,
			                     "the grant has no counter %u", body->caps[i].id);
		*ret_grows |= body->caps[i].cap > grant->counters[at].cap;
		grant->counters[at].cap = body->caps[i].cap;
	}
	return STATUS_OK;
}

static bool limits_grow(const struct authz_wallet_record *wallet,
                        const struct authz_limit_body *body)
{
	return authz_limits_grow(wallet->limits, wallet->limit_count, body);
}

enum status signer_show_caps(struct signer_change *job)
{
	static struct authz_limit_body body;
	struct signer_grant *grant;

	if (job->change.entry_count != 1)
		return STATUS_OK; /* none of them grows (check_limit) */
	CHECK(authz_limit_take(job->change.entries[0].body, &body) == STATUS_OK);
	if (body.of_wallet)
		return STATUS_OK;
	if (find_limited(job, 0, &body, &grant) != STATUS_OK)
		return STATUS_REFUSED;
	job->grant = grant->record;
	job->shown[0].limits = job->grant.counters;
	job->shown[0].limit_count = job->grant.counter_count;
	return STATUS_OK;
}

enum status signer_limit_grows(struct signer_change *job, bool *ret_grows)
{
	static struct authz_limit_body body;
	struct signer_grant *grant;

	for (size_t i = 0; i < job->change.entry_count; i++) {
		CHECK(authz_limit_take(job->change.entries[i].body, &body) == STATUS_OK);
		if (body.of_wallet) {
			*ret_grows |= limits_grow(&job->wallets[i], &body);
			continue;
		}
		if (find_limited(job, i, &body, &grant) != STATUS_OK)
			return STATUS_REFUSED;
		job->grant = grant->record;
		if (set_caps(job, &body, &job->grant, ret_grows) != STATUS_OK)
			return STATUS_REFUSED;
	}
	return STATUS_OK;
}

static enum status check_limit(struct signer_change *job, bool *ret_grows)
{
	if (signer_limit_grows(job, ret_grows) != STATUS_OK)
		return STATUS_REFUSED;
	if (*ret_grows && (job->change.entry_count != 1 || !job->change.entries[0].has_previous))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "a limit that grows is changed alone, and names the state it "
		                     "is for");
	return STATUS_OK;
}

/* Finds the change's grants and pins them, NULL where it is about the wallet itself; says how many
 * entries were looked at. */
static enum status pin_limited(struct signer_change *job, struct signer_grant **ret_grants,
                               size_t *ret_count)
{
	static struct authz_limit_body body;

	for (*ret_count = 0; *ret_count < job->change.entry_count; ++*ret_count) {
		struct signer_grant **grant = &ret_grants[*ret_count];

		*grant = NULL;
		CHECK(authz_limit_take(job->change.entries[*ret_count].body, &body) == STATUS_OK);
		if (body.of_wallet)
			continue;
		if (find_limited(job, *ret_count, &body, grant) != STATUS_OK)
			return STATUS_REFUSED;
		(*grant)->head.pins++;
	}
	return STATUS_OK;
}

/* Caps of grants that are pinned, in force and, where a higher one is on its way, in that one; the
 * limits of wallets go with their records, next. */
static void lower_caps(struct signer_change *job, struct signer_grant *const *grants)
{
	static struct authz_limit_body body;
	const struct signer_ask ask = signer_ask_of(job);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_grant_record *next;

		if (grants[i] == NULL)
			continue;
		CHECK(authz_limit_take(job->change.entries[i].body, &body) == STATUS_OK);
		authz_caps_lower(&body, grants[i]->record.counters,
		                 grants[i]->record.counter_count);
		next = signer_group_grant(job->signer->group, body.grant);
		if (next != NULL)
			authz_caps_lower(&body, next->counters, next->counter_count);
		CHECK(signer_state_lower_grant(&job->signer->state, grants[i], &ask) == STATUS_OK);
	}
}

/* Of a limit that grows, alone in its change. */
static enum status raise_limit(struct signer_change *job)
{
	static struct authz_limit_body body;
	enum status status = signer_await_receipts(job);

	if (status != STATUS_OK)
		return status;
	CHECK(authz_limit_take(job->change.entries[0].body, &body) == STATUS_OK);
	if (body.of_wallet)
		set_limits(&job->wallets[0], body.limits, body.limit_count);
	return apply_more(job, !body.of_wallet);
}

/* Lower caps are in force at once, all or none. */
static enum status lower_limits(struct signer_change *job)
{
	static struct signer_grant *grants[LIMIT_CHANGE_WALLETS_MAX];
	size_t pinned = 0, found = 0;
	enum status status = pin_wallets(job, &pinned);

	if (status == STATUS_OK)
		status = pin_limited(job, grants, &found);
	if (status == STATUS_OK)
		status = check_lowered(job);
	if (status == STATUS_OK)
		status = demand_holds(job);
	if (status == STATUS_OK) {
		lower_caps(job, grants);
		lower_pinned(job);
	}
	for (size_t i = 0; i < found; i++)
		if (grants[i] != NULL)
			grants[i]->head.pins--;
	unpin_wallets(job, pinned);
	return status == STATUS_OK ? answer_lowered(job) : status;
}

/* A higher cap is a new promise of the user: for the state that he saw, one wallet at a time, and
 * only when durable. Which of both it is was decided when the factors were looked at: since then a
 * change before it may have settled. */
static enum status apply_limit(struct signer_change *job)
{
	bool grows = false;

	if (!job->factors.gives)
		return lower_limits(job);
	return check_limit(job, &grows) == STATUS_OK ? raise_limit(job) : STATUS_REFUSED;
}

enum status signer_check_apply(struct signer_change *job)
{
	bool grows = false;
	uint64_t known;
	size_t pins;

	switch ((enum authz_action)job->change.action) {
	case AUTHZ_ACTION_GRANT:
		return check_grants(job, &pins, &known);
	case AUTHZ_ACTION_LIMIT:
		return check_limit(job, &grows);
	case AUTHZ_ACTION_FACTOR:
		return signer_check_factor(job);
	case AUTHZ_ACTION_EXPORT:
		return signer_check_export(job);
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
	case AUTHZ_ACTION_REVOKE:
	case AUTHZ_ACTION_FREEZE:
	case AUTHZ_ACTION_UNFREEZE:
	case AUTHZ_ACTION_CANCEL:
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return STATUS_OK;
}

enum status signer_count_kept(struct signer_change *job, size_t records)
{
	uint64_t day = signer_time_read(&job->signer->time).low_s / 86400;
	uint64_t share = signer_factors_share(job, LIMIT_KEPT_PER_DAY);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_wallet_record *wallet = &job->wallets[i];

		authz_day_begin(wallet, day);
		/* What was begun is completed whatever came after it: it leaves nothing more. */
		if (records != 0 && wallet->kept + records > share)
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "wallet %zu has had %llu changes that wait, or new factors, today; try "
			    "again tomorrow%s",
			    i + 1, (unsigned long long)share,
			    share < LIMIT_KEPT_PER_DAY ? ", or sign with two factors" : "");
		wallet->kept += records;
	}
	return STATUS_OK;
}

enum status signer_apply(struct signer_change *job)
{
	/* A limit takes power, or leaves it. */
	bool gives =
	    !authz_action_reduces(job->change.action) && job->change.action != AUTHZ_ACTION_LIMIT;
	enum status status = gives ? signer_await_receipts(job) : STATUS_OK;

	if (status != STATUS_OK)
		return status;
	switch ((enum authz_action)job->change.action) {
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
		return apply_birth(job);
	case AUTHZ_ACTION_GRANT:
		return apply_grant(job);
	case AUTHZ_ACTION_REVOKE:
	case AUTHZ_ACTION_FREEZE:
		return signer_lower_wallets(job);
	case AUTHZ_ACTION_UNFREEZE:
		return apply_unfreeze(job);
	case AUTHZ_ACTION_LIMIT:
		return apply_limit(job);
	case AUTHZ_ACTION_FACTOR:
		return signer_apply_factor(job);
	case AUTHZ_ACTION_EXPORT:
		return signer_apply_export(job);
	case AUTHZ_ACTION_CANCEL:
		return signer_pending_cancel(job);
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return signer_refuse(job, CALL_RESULT_UNSUPPORTED, "%s is not offered by this version",
	                     authz_action_word(job->change.action));
}
