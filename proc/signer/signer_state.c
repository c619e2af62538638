/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_state.h"

#include "base_check.h"
#include "policy_intent.h"
#include "proc_start.h"

void signer_state_name_hash(struct bytes name, uint8_t ret_hash[32])
{
	keys_sha256_label("claviger/name/v1", name, ret_hash);
}

void signer_state_user_hash(const struct authz_user_key *key, uint8_t ret_hash[32])
{
	struct bytes parts[3] = {bytes_of_text("claviger/user-index/v1"), bytes_of(&key->kind, 1),
	                         bytes_of(key->key, 32)};

	keys_sha256(parts, 3, ret_hash);
}

static bool grant_may_go(void *context, void *entry)
{
	return signer_meter_may_go((struct signer_state *)context,
	                           &((struct signer_grant *)entry)->meter);
}

static bool limits_may_go(void *context, void *entry)
{
	return signer_meter_may_go((struct signer_state *)context,
	                           &((struct signer_limits *)entry)->meter);
}

void signer_state_init(struct signer_state *state, const struct signer_vault *vault)
{
	*state = (struct signer_state){.vault = vault};
	signer_cache_init(&state->wallets, SIGNER_WALLETS_CACHED, sizeof(struct signer_wallet));
	signer_cache_init(&state->grants, SIGNER_GRANTS_CACHED, sizeof(struct signer_grant));
	state->grants.may_go = grant_may_go;
	state->grants.context = state;
	signer_cache_init(&state->limits, SIGNER_LIMITS_CACHED, sizeof(struct signer_limits));
	state->limits.may_go = limits_may_go;
	state->limits.context = state;
	signer_cache_init(&state->clients, SIGNER_CLIENTS_CACHED, sizeof(struct signer_client));
	signer_cache_init(&state->names, SIGNER_INDEXES_CACHED, sizeof(struct signer_index));
	signer_cache_init(&state->addresses, SIGNER_INDEXES_CACHED, sizeof(struct signer_index));
	signer_cache_init(&state->tokens, SIGNER_INDEXES_CACHED, sizeof(struct signer_index));
	signer_cache_init(&state->modules, SIGNER_MODULES_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->tables, SIGNER_MODULES_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->users, SIGNER_USERS_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->user_keys, SIGNER_CLIENTS_CACHED, sizeof(struct signer_index));
	signer_cache_init(&state->metas, 4, sizeof(struct signer_blob));
	signer_cache_init(&state->factors, SIGNER_FACTORS_CACHED, sizeof(struct signer_factor));
	signer_cache_init(&state->pending, SIGNER_PENDING_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->offers, SIGNER_OFFERS_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->links, SIGNER_KEPT_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->kept, SIGNER_KEPT_CACHED, sizeof(struct signer_blob));
	signer_cache_init(&state->owners, SIGNER_MODULES_CACHED, sizeof(struct signer_index));
	state->plain = proc_buffer(SIGNER_RECORD_MAX);
	state->sealed = proc_buffer(SIGNER_RECORD_MAX + KEYS_AEAD_OVERHEAD_LEN);
}

/* ---- loading ---- */

static enum status status_of(const struct signer_cache_head *head)
{
	switch (head->state) {
	case SIGNER_CACHED_READY:
		return STATUS_OK;
	case SIGNER_CACHED_ABSENT:
		return STATUS_NOT_FOUND;
	case SIGNER_CACHED_CORRUPT:
		return STATUS_CORRUPT;
	case SIGNER_CACHED_EMPTY:
	case SIGNER_CACHED_LOADING:
		break;
	}
	return STATUS_BUSY;
}

/* Finds an entry, asking the store for what is not there. */
static enum status look_up(struct signer_state *state, struct signer_cache *cache, uint32_t kind,
                           const uint8_t key[32], void **ret_entry)
{
	struct signer_cache_head *head = (struct signer_cache_head *)signer_cache_claim(cache, key);
	enum status status;

	if (head == NULL)
		return STATUS_BUSY;
	*ret_entry = head;
	if (head->state != SIGNER_CACHED_EMPTY)
		return status_of(head);
	status = signer_store_load(state->store, kind, key);
	if (status == STATUS_OK && kind == CALL_STORE_VALUE_GRANT)
		status = signer_store_load(state->store, CALL_STORE_VALUE_LEASE, key);
	if (status == STATUS_OK)
		head->state = SIGNER_CACHED_LOADING;
	return status == STATUS_OK ? STATUS_BUSY : status;
}

enum status signer_state_wallet(struct signer_state *state, const uint8_t id[32],
                                struct signer_wallet **ret_wallet)
{
	void *entry = NULL;
	enum status status = look_up(state, &state->wallets, CALL_STORE_VALUE_WALLET, id, &entry);

	if (status == STATUS_OK)
		*ret_wallet = (struct signer_wallet *)entry;
	return status;
}

enum status signer_state_grant(struct signer_state *state, const uint8_t id[32],
                               struct signer_grant **ret_grant)
{
	void *entry = NULL;
	enum status status = look_up(state, &state->grants, CALL_STORE_VALUE_GRANT, id, &entry);

	if (status == STATUS_OK)
		*ret_grant = (struct signer_grant *)entry;
	return status;
}

enum status signer_state_limits(struct signer_state *state, const struct signer_wallet *wallet,
                                struct signer_limits **ret_limits)
{
	void *entry = NULL;
	enum status status =
	    look_up(state, &state->limits, CALL_STORE_VALUE_LIMITS, wallet->record.id, &entry);

	if (status != STATUS_OK)
		return status;
	*ret_limits = (struct signer_limits *)entry;
	signer_meter_follow(*ret_limits, &wallet->record);
	return STATUS_OK;
}

enum status signer_state_limits_left(struct signer_state *state, const struct signer_wallet *wallet,
                                     uint64_t ret_left[LIMIT_WALLET_LIMITS_MAX])
{
	struct signer_limits *limits;
	enum status status;

	if (wallet->record.limit_count == 0)
		return STATUS_OK;
	status = signer_state_limits(state, wallet, &limits);
	for (size_t i = 0; status == STATUS_OK && i < wallet->record.limit_count; i++)
		ret_left[i] =
		    authz_counter_left(&limits->meter.rules[i], &limits->meter.lease.counters[i],
		                       state->time_low_s(state->context));
	return status;
}

enum status signer_state_client(struct signer_state *state, const uint8_t id[32],
                                struct signer_client **ret_client)
{
	void *entry = NULL;
	enum status status =
	    look_up(state, &state->clients, CALL_STORE_VALUE_CREDENTIAL, id, &entry);

	if (status == STATUS_OK)
		*ret_client = (struct signer_client *)entry;
	return status;
}

static enum status look_up_index(struct signer_state *state, struct signer_cache *cache,
                                 uint32_t kind, const uint8_t key[32], uint8_t ret_id[32])
{
	void *entry = NULL;
	enum status status = look_up(state, cache, kind, key, &entry);

	if (status == STATUS_OK)
		memcpy(ret_id, ((struct signer_index *)entry)->id, 32);
	return status;
}

enum status signer_state_by_name(struct signer_state *state, const uint8_t name_hash[32],
                                 uint8_t ret_wallet[32])
{
	return look_up_index(state, &state->names, CALL_STORE_VALUE_NAME, name_hash, ret_wallet);
}

enum status signer_state_by_address(struct signer_state *state, const uint8_t address[32],
                                    uint8_t ret_wallet[32])
{
	return look_up_index(state, &state->addresses, CALL_STORE_VALUE_ADDRESS, address,
	                     ret_wallet);
}

enum status signer_state_by_token(struct signer_state *state, const uint8_t hash[32],
                                  uint8_t ret_client[32])
{
	return look_up_index(state, &state->tokens, CALL_STORE_VALUE_TOKEN, hash, ret_client);
}

enum status signer_state_by_user_key(struct signer_state *state, const uint8_t key[32],
                                     uint8_t ret_wallet[32])
{
	return look_up_index(state, &state->user_keys, CALL_STORE_VALUE_USER_KEY, key, ret_wallet);
}

enum status signer_state_owner(struct signer_state *state, const uint8_t module[32],
                               uint8_t ret_user[32])
{
	return look_up_index(state, &state->owners, CALL_STORE_VALUE_OWNER, module, ret_user);
}

static enum status look_up_blob(struct signer_state *state, struct signer_cache *cache,
                                uint32_t kind, const uint8_t hash[32],
                                struct signer_blob **ret_blob)
{
	void *entry = NULL;
	enum status status = look_up(state, cache, kind, hash, &entry);

	if (status == STATUS_OK)
		*ret_blob = (struct signer_blob *)entry;
	return status;
}

enum status signer_state_module(struct signer_state *state, const uint8_t hash[32],
                                struct signer_blob **ret_module)
{
	return look_up_blob(state, &state->modules, CALL_STORE_VALUE_MODULE, hash, ret_module);
}

enum status signer_state_user(struct signer_state *state, const uint8_t hash[32],
                              struct signer_blob **ret_list)
{
	return look_up_blob(state, &state->users, CALL_STORE_VALUE_USER, hash, ret_list);
}

enum status signer_state_offer(struct signer_state *state, const uint8_t id[32],
                               struct signer_blob **ret_offer)
{
	return look_up_blob(state, &state->offers, CALL_STORE_VALUE_OFFERED, id, ret_offer);
}

enum status signer_state_share(struct signer_state *state, const uint8_t user[32],
                               struct signer_blob **ret_share)
{
	return look_up_blob(state, &state->users, CALL_STORE_VALUE_SHARE, user, ret_share);
}

enum status signer_state_meta(struct signer_state *state, const uint8_t id[32],
                              struct signer_blob **ret_meta)
{
	return look_up_blob(state, &state->metas, CALL_STORE_VALUE_META, id, ret_meta);
}

enum status signer_state_link(struct signer_state *state, const uint8_t id[32],
                              struct signer_blob **ret_link)
{
	return look_up_blob(state, &state->links, CALL_STORE_VALUE_LINK, id, ret_link);
}

enum status signer_state_kept(struct signer_state *state, const uint8_t hash[32],
                              struct signer_blob **ret_kept)
{
	return look_up_blob(state, &state->kept, CALL_STORE_VALUE_KEPT, hash, ret_kept);
}

enum status signer_state_pending(struct signer_state *state, const uint8_t hash[32],
                                 struct signer_blob **ret_pending)
{
	return look_up_blob(state, &state->pending, CALL_STORE_VALUE_PENDING, hash, ret_pending);
}

enum status signer_state_factor(struct signer_state *state, const uint8_t id[32],
                                struct signer_factor **ret_factor)
{
	void *entry = NULL;
	enum status status = look_up(state, &state->factors, CALL_STORE_VALUE_FACTOR, id, &entry);

	if (status == STATUS_OK)
		*ret_factor = (struct signer_factor *)entry;
	return status;
}

enum status signer_state_table(struct signer_state *state, const uint8_t hash[32],
                               struct signer_blob **ret_table)
{
	return look_up_blob(state, &state->tables, CALL_STORE_VALUE_TABLE, hash, ret_table);
}

/* ---- what was loaded ---- */

static struct signer_cache *cache_of(struct signer_state *state, uint32_t kind)
{
	switch (kind) {
	case CALL_STORE_VALUE_WALLET:
		return &state->wallets;
	case CALL_STORE_VALUE_GRANT:
	case CALL_STORE_VALUE_LEASE:
		return &state->grants;
	case CALL_STORE_VALUE_LIMITS:
		return &state->limits;
	case CALL_STORE_VALUE_CREDENTIAL:
		return &state->clients;
	case CALL_STORE_VALUE_NAME:
		return &state->names;
	case CALL_STORE_VALUE_ADDRESS:
		return &state->addresses;
	case CALL_STORE_VALUE_TOKEN:
		return &state->tokens;
	case CALL_STORE_VALUE_MODULE:
		return &state->modules;
	case CALL_STORE_VALUE_TABLE:
		return &state->tables;
	case CALL_STORE_VALUE_USER:
	case CALL_STORE_VALUE_SHARE: /* ids of both are hashes of different labels */
		return &state->users;
	case CALL_STORE_VALUE_OWNER:
		return &state->owners;
	case CALL_STORE_VALUE_OFFERED:
		return &state->offers;
	case CALL_STORE_VALUE_META:
		return &state->metas;
	case CALL_STORE_VALUE_USER_KEY:
		return &state->user_keys;
	case CALL_STORE_VALUE_FACTOR:
		return &state->factors;
	case CALL_STORE_VALUE_PENDING:
		return &state->pending;
	case CALL_STORE_VALUE_LINK:
		return &state->links;
	case CALL_STORE_VALUE_KEPT:
		return &state->kept;
	default:
		return NULL;
	}
}

size_t signer_state_rules(const struct authz_grant_record *grant,
                          struct authz_counter_rule ret_rules[LIMIT_COUNTERS_MAX + 1])
{
	size_t count = grant->counter_count;

	memcpy(ret_rules, grant->counters, count * sizeof(ret_rules[0]));
	if (grant->uses_max != 0)
		ret_rules[count++] = (struct authz_counter_rule){
		    .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = grant->uses_max};
	return count;
}

/* Makes a loaded grant ready for checks: what the module sees of it never changes. */
static enum status prepare_grant(struct signer_state *state, struct signer_grant *grant)
{
	struct buffer record = BUFFER_OF_ARRAY(grant->parameters);
	struct bytes parameters = bytes_of(grant->record.parameters, grant->record.parameters_len);
	struct policy_error error;
	struct signer_wallet *wallet;
	enum status status;

	status = policy_schema_decode(bytes_of(grant->record.schema, grant->record.schema_len),
	                              &grant->schema, &error);
	if (status == STATUS_OK)
		status = policy_record_encode(&grant->schema, parameters, &record, &error);
	if (status != STATUS_OK)
		return STATUS_CORRUPT;
	grant->parameters_len = record.len;
	keys_sha256(&parameters, 1, grant->parameters_hash);
	/* A grant is only ever looked up through its wallet, which is therefore here. */
	wallet = (struct signer_wallet *)signer_cache_find(&state->wallets, grant->record.wallet);
	if (wallet == NULL || wallet->head.state != SIGNER_CACHED_READY)
		return STATUS_BUSY;
	return policy_derive(&grant->schema, buffer_bytes(&record), wallet->record.address,
	                     keys_sha256, &grant->atas) == STATUS_OK
	           ? STATUS_OK
	           : STATUS_CORRUPT;
}

static enum status load_grant(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                              struct bytes plain, struct signer_grant *grant)
{
	struct signer_meter *meter = &grant->meter;
	enum status status;

	if (kind == CALL_STORE_VALUE_GRANT) {
		status = authz_grant_record_take(plain, &grant->record);
		grant->record_ready = status == STATUS_OK && memcmp(grant->record.id, id, 32) == 0;
		if (!grant->record_ready)
			return STATUS_CORRUPT;
	} else {
		status = authz_lease_take(plain, &meter->lease);
		grant->lease_ready = status == STATUS_OK &&
		                     memcmp(meter->lease.owner, id, 32) == 0 &&
		                     meter->lease.rule_count == 0;
		if (!grant->lease_ready)
			return STATUS_CORRUPT;
	}
	if (!grant->record_ready || !grant->lease_ready)
		return STATUS_BUSY;
	if (signer_state_rules(&grant->record, meter->rules) != meter->lease.count)
		return STATUS_CORRUPT;
	meter->head = &grant->head;
	meter->kind = CALL_STORE_VALUE_LEASE;
	meter->nonces = grant->nonces;
	signer_meter_recover(state, meter);
	for (size_t i = 0; i < meter->lease.nonce_count; i++)
		grant->nonces[i] = (struct signer_nonce){.state = SIGNER_NONCE_DURABLE};
	status = prepare_grant(state, grant);
	/* Its wallet was dropped meanwhile: nothing else is awaited, so it is to be asked for anew.
	 */
	return status == STATUS_BUSY ? STATUS_IO : status;
}

/* A wallet whose limits have counted nothing yet has no record of them: `plain` is empty. */
static enum status load_limits(struct signer_state *state, const uint8_t id[32], struct bytes plain,
                               struct signer_limits *limits)
{
	struct signer_meter *meter = &limits->meter;

	meter->head = &limits->head;
	meter->kind = CALL_STORE_VALUE_LIMITS;
	if (plain.len == 0) {
		memcpy(meter->lease.owner, id, 32);
		return STATUS_OK;
	}
	if (authz_lease_take(plain, &meter->lease) != STATUS_OK ||
	    memcmp(meter->lease.owner, id, 32) != 0 || meter->lease.rule_count == 0 ||
	    meter->lease.nonce_count != 0)
		return STATUS_CORRUPT;
	memcpy(meter->rules, meter->lease.rules, sizeof(meter->lease.rules));
	signer_meter_recover(state, meter);
	return STATUS_OK;
}

/* After a recovery nobody knows what was revoked or spent since the store was written: a wallet is
 * frozen until its user signs again, and what waited waits anew (A16). */
static void suspend(const struct signer_state *state, struct authz_wallet_record *wallet)
{
	uint64_t now = state->time_low_s(state->context);
	uint64_t ran_s = state->ran_s(state->context);

	if (wallet->recovered == state->recovered)
		return;
	wallet->recovered = state->recovered;
	wallet->frozen = true;
	for (size_t i = 0; i < wallet->pending_count; i++) {
		struct authz_pending_entry *entry = &wallet->pending[i];
		uint64_t later = now > entry->asked_s ? now - entry->asked_s : 0;

		entry->opens_ran_s =
		    ran_s + (entry->opens_s > entry->asked_s ? entry->opens_s - entry->asked_s : 0);
		entry->asked_s += later;
		entry->opens_s += later;
		entry->void_s += later;
	}
}

static struct signer_version version_of(const struct authz_wallet_record *record)
{
	struct signer_version version = {.version = record->version};

	memcpy(version.authority, record->authority, sizeof(version.authority));
	memcpy(version.link, record->link, sizeof(version.link));
	return version;
}

struct signer_version signer_state_durable(const struct signer_state *state,
                                           struct signer_wallet *wallet)
{
	uint64_t committed = signer_store_committed(state->store);

	for (size_t i = 0; i < 2; i++) {
		struct signer_version *coming = &wallet->coming[i];

		if (coming->batch == 0 || coming->batch > committed)
			continue;
		if (coming->version > wallet->durable.version)
			wallet->durable = *coming;
		*coming = (struct signer_version){.batch = 0};
	}
	return wallet->durable;
}

/* Two batches at most do not count yet: the one on its way, and the gathering one. */
static void note_version(struct signer_state *state, const struct authz_wallet_record *record,
                         uint64_t batch)
{
	struct signer_wallet *wallet =
	    (struct signer_wallet *)signer_cache_find(&state->wallets, record->id);
	struct signer_version *place = NULL;

	if (wallet == NULL)
		return; /* it is loaded when it is durable, or installed */
	(void)signer_state_durable(state, wallet);
	for (size_t i = 0; i < 2; i++)
		if (wallet->coming[i].batch == batch ||
		    (place == NULL && wallet->coming[i].batch == 0))
			place = &wallet->coming[i];
	CHECK(place != NULL);
	*place = version_of(record);
	place->batch = batch;
}

/* Modules, tables and kept changes have the hash of their bytes as id. An intent's rest was put
 * together and hashed before it was written, and the verifier hashes the module again. */
static bool has_its_id(uint32_t kind, const uint8_t id[32], struct bytes plain)
{
	uint8_t hash[32];

	if ((kind != CALL_STORE_VALUE_MODULE && kind != CALL_STORE_VALUE_TABLE &&
	     kind != CALL_STORE_VALUE_KEPT) ||
	    (kind == CALL_STORE_VALUE_MODULE && policy_intent_is_rest(plain, hash)))
		return true;
	keys_sha256(&plain, 1, hash);
	return memcmp(hash, id, 32) == 0;
}

/* Decodes an unsealed record into its entry. BUSY: another record is awaited. */
static enum status load_entry(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                              struct bytes plain, struct signer_cache_head *head)
{
	struct signer_wallet *wallet = (struct signer_wallet *)head;
	struct signer_client *client = (struct signer_client *)head;
	struct signer_factor *factor = (struct signer_factor *)head;
	struct signer_blob *blob = (struct signer_blob *)head;
	enum status status;

	switch (kind) {
	case CALL_STORE_VALUE_WALLET:
		status = authz_wallet_take(plain, &wallet->record);
		if (status != STATUS_OK || memcmp(wallet->record.id, id, 32) != 0)
			return STATUS_CORRUPT;
		suspend(state, &wallet->record);
		wallet->durable = version_of(&wallet->record);
		return STATUS_OK;
	case CALL_STORE_VALUE_CREDENTIAL:
		status = authz_client_take(plain, &client->record);
		return status == STATUS_OK && memcmp(client->record.id, id, 32) == 0
		           ? STATUS_OK
		           : STATUS_CORRUPT;
	case CALL_STORE_VALUE_FACTOR:
		status = authz_factor_record_take(plain, &factor->record);
		return status == STATUS_OK && memcmp(factor->record.id, id, 32) == 0
		           ? STATUS_OK
		           : STATUS_CORRUPT;
	case CALL_STORE_VALUE_GRANT:
	case CALL_STORE_VALUE_LEASE:
		return load_grant(state, kind, id, plain, (struct signer_grant *)head);
	case CALL_STORE_VALUE_LIMITS:
		return load_limits(state, id, plain, (struct signer_limits *)head);
	case CALL_STORE_VALUE_MODULE:
	case CALL_STORE_VALUE_TABLE:
	case CALL_STORE_VALUE_USER:
	case CALL_STORE_VALUE_META:
	case CALL_STORE_VALUE_PENDING:
	case CALL_STORE_VALUE_OFFERED:
	case CALL_STORE_VALUE_SHARE:
	case CALL_STORE_VALUE_LINK:
	case CALL_STORE_VALUE_KEPT:
		if (plain.len > sizeof(blob->bytes) || !has_its_id(kind, id, plain))
			return STATUS_CORRUPT;
		memcpy(blob->bytes, plain.data, plain.len);
		blob->len = plain.len;
		return STATUS_OK;
	default:
		if (plain.len != 32)
			return STATUS_CORRUPT;
		memcpy(((struct signer_index *)head)->id, plain.data, 32);
		return STATUS_OK;
	}
}

void signer_state_loaded(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                         enum status status, struct bytes sealed)
{
	struct signer_cache *cache = cache_of(state, kind);
	struct signer_cache_head *head;

	state->loads++;
	if (cache == NULL)
		return;
	head = (struct signer_cache_head *)signer_cache_find(cache, id);
	if (head == NULL || head->state != SIGNER_CACHED_LOADING)
		return;
	/* BUSY below is of a record that awaits another one. No honest store answers so, and one
	 * that does has not answered. */
	if (status == STATUS_BUSY)
		status = STATUS_IO;
	state->plain.len = 0;
	if (status == STATUS_OK &&
	    signer_vault_unseal(state->vault, kind, id, sealed, &state->plain) != STATUS_OK)
		status = STATUS_CORRUPT;
	if (status == STATUS_OK || (status == STATUS_NOT_FOUND && kind == CALL_STORE_VALUE_LIMITS))
		status = load_entry(state, kind, id, buffer_bytes(&state->plain), head);
	if (status == STATUS_OK)
		head->state = SIGNER_CACHED_READY;
	else if (status == STATUS_NOT_FOUND)
		head->state = SIGNER_CACHED_ABSENT;
	else if (status == STATUS_IO) /* the store went away, or cannot: asked again */
		signer_cache_drop(cache, head);
	else if (status != STATUS_BUSY)
		head->state = SIGNER_CACHED_CORRUPT;
}

bool signer_state_coming(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                         struct bytes *ret_plain)
{
	struct bytes sealed;

	state->plain.len = 0;
	if (!signer_store_coming(state->store, kind, id, &sealed) ||
	    signer_vault_unseal(state->vault, kind, id, sealed, &state->plain) != STATUS_OK)
		return false;
	*ret_plain = buffer_bytes(&state->plain);
	return true;
}

/* ---- writing ---- */

uint64_t signer_state_put(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                          struct bytes plain)
{
	uint64_t batch = 0;

	state->sealed.len = 0;
	CHECK(signer_vault_seal(state->vault, kind, id, plain, &state->sealed) == STATUS_OK);
	CHECK(signer_store_put(state->store, kind, id, buffer_bytes(&state->sealed), &batch) ==
	      STATUS_OK);
	return batch;
}

uint64_t signer_state_remove(struct signer_state *state, uint32_t kind, const uint8_t id[32])
{
	uint64_t batch = 0;

	CHECK(signer_store_delete(state->store, kind, id, &batch) == STATUS_OK);
	return batch;
}

uint64_t signer_state_put_wallet(struct signer_state *state,
                                 const struct authz_wallet_record *wallet)
{
	uint64_t batch;

	state->plain.len = 0;
	CHECK(authz_wallet_put(wallet, &state->plain) == STATUS_OK);
	batch = signer_state_put(state, CALL_STORE_VALUE_WALLET, wallet->id,
	                         buffer_bytes(&state->plain));
	note_version(state, wallet, batch);
	return batch;
}

uint64_t signer_state_put_grant(struct signer_state *state, const struct authz_grant_record *grant)
{
	state->plain.len = 0;
	CHECK(authz_grant_record_put(grant, &state->plain) == STATUS_OK);
	return signer_state_put(state, CALL_STORE_VALUE_GRANT, grant->id,
	                        buffer_bytes(&state->plain));
}

uint64_t signer_state_put_lease(struct signer_state *state, uint32_t kind,
                                const struct authz_lease_record *lease)
{
	state->plain.len = 0;
	CHECK(authz_lease_put(lease, &state->plain) == STATUS_OK);
	return signer_state_put(state, kind, lease->owner, buffer_bytes(&state->plain));
}

uint64_t signer_state_put_client(struct signer_state *state,
                                 const struct authz_client_record *client)
{
	state->plain.len = 0;
	CHECK(authz_client_put(client, &state->plain) == STATUS_OK);
	return signer_state_put(state, CALL_STORE_VALUE_CREDENTIAL, client->id,
	                        buffer_bytes(&state->plain));
}

uint64_t signer_state_put_factor(struct signer_state *state,
                                 const struct authz_factor_record *factor)
{
	state->plain.len = 0;
	CHECK(authz_factor_record_put(factor, &state->plain) == STATUS_OK);
	return signer_state_put(state, CALL_STORE_VALUE_FACTOR, factor->id,
	                        buffer_bytes(&state->plain));
}

/* A changed record takes its place in the cache if there is room; else it is loaded when needed. */
void signer_state_install_wallet(struct signer_state *state,
                                 const struct authz_wallet_record *record)
{
	struct signer_wallet *wallet =
	    (struct signer_wallet *)signer_cache_claim(&state->wallets, record->id);

	if (wallet == NULL)
		return;
	wallet->record = *record;
	wallet->head.state = SIGNER_CACHED_READY;
	/* It was in no cache when it was written; less power that is held is not durable yet. */
	if (signer_state_durable(state, wallet).version < record->version &&
	    signer_holds_find(&state->holds, &wallet->head) == NULL)
		wallet->durable = version_of(record);
}

void signer_state_install_client(struct signer_state *state,
                                 const struct authz_client_record *record)
{
	struct signer_client *client =
	    (struct signer_client *)signer_cache_claim(&state->clients, record->id);

	if (client == NULL)
		return;
	client->record = *record;
	client->head.state = SIGNER_CACHED_READY;
}

static void *next_of(const struct signer_state *state, uint32_t kind, const uint8_t id[32])
{
	return state->next == NULL ? NULL : state->next(state->context, kind, id);
}

enum status signer_state_lower_wallet(struct signer_state *state,
                                      const struct authz_wallet_record *record,
                                      const struct signer_ask *ask)
{
	struct signer_wallet *wallet;

	wallet = (struct signer_wallet *)signer_cache_claim(&state->wallets, record->id);
	if (wallet == NULL ||
	    !signer_holds_add(&state->holds, CALL_STORE_VALUE_WALLET, &wallet->head, ask))
		return STATUS_BUSY;
	wallet->record = *record;
	wallet->head.state = SIGNER_CACHED_READY;
	return STATUS_OK;
}

enum status signer_state_lower_client(struct signer_state *state,
                                      const struct authz_client_record *record,
                                      const struct signer_ask *ask)
{
	struct authz_client_record *next =
	    (struct authz_client_record *)next_of(state, CALL_STORE_VALUE_CREDENTIAL, record->id);
	struct signer_client *client;

	client = (struct signer_client *)signer_cache_claim(&state->clients, record->id);
	if (client == NULL ||
	    !signer_holds_add(&state->holds, CALL_STORE_VALUE_CREDENTIAL, &client->head, ask))
		return STATUS_BUSY;
	client->record = *record;
	client->head.state = SIGNER_CACHED_READY;
	if (next != NULL && record->frozen) {
		next->frozen = true;
		next->frozen_by = record->frozen_by;
	}
	return STATUS_OK;
}

enum status signer_state_lower_factor(struct signer_state *state,
                                      const struct authz_factor_record *record,
                                      const struct signer_ask *ask)
{
	struct signer_factor *factor;

	factor = (struct signer_factor *)signer_cache_claim(&state->factors, record->id);
	if (factor == NULL ||
	    !signer_holds_add(&state->holds, CALL_STORE_VALUE_FACTOR, &factor->head, ask))
		return STATUS_BUSY;
	factor->record = *record;
	factor->head.state = SIGNER_CACHED_READY;
	return STATUS_OK;
}

enum status signer_state_lower_grant(struct signer_state *state, struct signer_grant *grant,
                                     const struct signer_ask *ask)
{
	if (!signer_holds_add(&state->holds, CALL_STORE_VALUE_GRANT, &grant->head, ask))
		return STATUS_BUSY;
	(void)signer_state_rules(&grant->record, grant->meter.rules);
	return STATUS_OK;
}

bool signer_state_may_hold(const struct signer_state *state, size_t count,
                           const struct signer_ask *ask)
{
	return signer_holds_have_room(&state->holds, count, ask);
}

bool signer_state_is_held(struct signer_state *state, uint32_t kind, const uint8_t id[32])
{
	const struct signer_cache_head *head =
	    (const struct signer_cache_head *)signer_cache_find(cache_of(state, kind), id);

	return head != NULL && signer_holds_find(&state->holds, head) != NULL;
}

bool signer_state_hurry(struct signer_state *state, const struct signer_ask *ask)
{
	if (signer_holds_unwritten(&state->holds) == 0 &&
	    state->holds.batch != signer_store_gathering(state->store))
		return false;
	signer_store_need(state->store, ask->need, ask->user);
	return true;
}

uint64_t signer_state_lowered(const struct signer_state *state)
{
	return signer_holds_unwritten(&state->holds) != 0 ? SIGNER_HOLD_UNWRITTEN
	                                                  : state->holds.batch;
}

static uint64_t put_hold(struct signer_state *state, const struct signer_hold *held)
{
	const void *entry = held->head, *next = next_of(state, held->kind, held->head->key);

	switch (held->kind) {
	case CALL_STORE_VALUE_WALLET:
		return signer_state_put_wallet(
		    state, next != NULL ? (const struct authz_wallet_record *)next
		                        : &((const struct signer_wallet *)entry)->record);
	case CALL_STORE_VALUE_GRANT:
		return signer_state_put_grant(
		    state, next != NULL ? (const struct authz_grant_record *)next
		                        : &((const struct signer_grant *)entry)->record);
	case CALL_STORE_VALUE_FACTOR:
		return signer_state_put_factor(state,
		                               &((const struct signer_factor *)entry)->record);
	default:
		return signer_state_put_client(
		    state, next != NULL ? (const struct authz_client_record *)next
		                        : &((const struct signer_client *)entry)->record);
	}
}

/* All in one batch, or nothing yet; a batch that has no room for it is asked for all the same. */
void signer_state_write(struct signer_state *state)
{
	/* A grant's record is the longest; the others are not half of it. */
	const size_t each = AUTHZ_GRANT_RECORD_MAX / 2 + KEYS_AEAD_OVERHEAD_LEN;
	size_t count = 0, bytes = 0;
	bool all;

	for (size_t i = 0; i < state->holds.count; i++) {
		const struct signer_hold *held = &state->holds.rows[i];

		if (held->batch != SIGNER_HOLD_UNWRITTEN)
			continue;
		count++;
		bytes += held->kind == CALL_STORE_VALUE_GRANT ? 2 * each : each;
		signer_store_need(state->store, held->need, held->user);
		signer_store_lowers(state->store);
	}
	all = signer_store_room(state->store, count, bytes);
	/* What never fits one batch goes piece by piece; no single change is so large. */
	if (count == 0 || (!all && bytes <= SIGNER_STORE_BATCH_MAX / 2))
		return;
	for (size_t i = 0; i < state->holds.count; i++) {
		struct signer_hold *held = &state->holds.rows[i];

		if (held->batch != SIGNER_HOLD_UNWRITTEN)
			continue;
		if (!all && !signer_store_room(state->store, 1, 2 * each))
			return;
		held->batch = state->holds.batch = put_hold(state, held);
		held->need = SIGNER_NEED_LEASE; /* asked for */
	}
}

void signer_state_install_grant(struct signer_state *state, const struct authz_grant_record *record)
{
	struct signer_grant *grant =
	    (struct signer_grant *)signer_cache_find(&state->grants, record->id);

	if (grant == NULL || grant->head.state != SIGNER_CACHED_READY)
		return;
	memcpy(grant->record.counters, record->counters, sizeof(record->counters));
	(void)signer_state_rules(&grant->record, grant->meter.rules);
}

void signer_state_counts(struct signer_state *state, uint32_t kind, const uint8_t id[32])
{
	struct signer_cache *cache = cache_of(state, kind);
	struct signer_cache_head *head =
	    cache == NULL ? NULL : (struct signer_cache_head *)signer_cache_find(cache, id);

	if (head == NULL || head->pins != 0)
		return;
	switch (kind) {
	case CALL_STORE_VALUE_LEASE:
	case CALL_STORE_VALUE_LIMITS:
		return; /* was made from what is cached */
	case CALL_STORE_VALUE_WALLET:
	case CALL_STORE_VALUE_GRANT:
	case CALL_STORE_VALUE_CREDENTIAL:
	case CALL_STORE_VALUE_FACTOR:
		if (head->state == SIGNER_CACHED_READY)
			return; /* lowered, or installed */
		break;
	default:
		break; /* a module or table may be gone */
	}
	signer_cache_drop(cache, head);
}

void signer_state_pump(struct signer_state *state)
{
	uint64_t committed = signer_store_committed(state->store);

	/* What was not shown while it was being anchored is shown now. */
	state->loads += committed != state->pumped;
	state->pumped = committed;
	signer_holds_end(&state->holds, committed);
	signer_meter_pump(state);
}
