/* signer_offer: modules that are added, those on offer, and those that grants have kept
 * (signer_module.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_ask.h"
#include "base_check.h"
#include "signer_change.h"
#include "signer_group.h"
#include "signer_module.h"
#include "signer_sweep.h"

static struct signer_module_bounds bounds_of(const struct signer_change *job)
{
	return signer_module_bounds(signer_store_fill(job->signer->store).state_bytes);
}

/* Whether it is kept, or will be by a change that goes before: OK, NOT_FOUND. */
static enum status look_for_kept(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                                 const uint8_t hash[32])
{
	struct signer_blob *ignored;
	struct bytes coming;

	if (signer_state_coming(&job->signer->state, kind, hash, &coming))
		return STATUS_OK;
	return signer_await_blob(job, look_up, kind, hash, &ignored);
}

/* The same of a module. */
static enum status look_for(struct signer_change *job, const uint8_t hash[32])
{
	return look_for_kept(job, signer_state_module, CALL_STORE_VALUE_MODULE, hash);
}

enum status signer_read_record(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                               const uint8_t id[32], void *ret_record, size_t len)
{
	struct signer_blob *blob;
	struct bytes coming;
	enum status status;

	if (signer_state_coming(&job->signer->state, kind, id, &coming)) {
		if (coming.len == len)
			memcpy(ret_record, coming.data, len);
		return STATUS_OK;
	}
	status = signer_await_blob(job, look_up, kind, id, &blob);
	if (status == STATUS_OK && blob->len == len)
		memcpy(ret_record, blob->bytes, len);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- on offer ---- */

/* The nth lies under the id n + 1. */
static void offer_id(size_t place, uint8_t ret_id[32])
{
	memset(ret_id, 0, 32);
	ret_id[0] = (uint8_t)(place + 1);
	ret_id[1] = (uint8_t)((place + 1) >> 8);
}

static enum status read_offers(struct signer_change *job, struct signer_offers *ret_offers)
{
	static const uint8_t id[32];

	memset(ret_offers, 0, sizeof(*ret_offers));
	return signer_read_record(job, signer_state_offer, CALL_STORE_VALUE_OFFERED, id, ret_offers,
	                          sizeof(*ret_offers));
}

static bool is_nobody(const uint8_t party[32])
{
	static const uint8_t nobody[32];

	return memcmp(party, nobody, 32) == 0;
}

/* It gives no power and is no promise, so nothing waits until it is durable: whoever comes next
 * finds it, and after a power cut it is added again. */
static enum status offer(struct signer_change *job, struct signer_offers *offers,
                         const uint8_t party[32])
{
	struct signer_state *state = &job->signer->state;
	uint8_t id[32];
	enum status status = signer_await_room(
	    job, 2, SIGNER_RECORD_ROOM(job->module.len) + SIGNER_RECORD_ROOM(sizeof(*offers)));

	if (status != STATUS_OK)
		return status;
	offer_id(signer_offers_add(offers, bounds_of(job).offers, job->module_hash, party), id);
	(void)signer_state_put(state, CALL_STORE_VALUE_OFFERED, id, buffer_bytes(&job->module));
	memset(id, 0, sizeof(id));
	(void)signer_state_put(state, CALL_STORE_VALUE_OFFERED, id,
	                       bytes_of(offers, sizeof(*offers)));
	return STATUS_OK;
}

static enum status take_budget(struct signer_change *job, const uint8_t party[32])
{
	return signer_budget_take_shared(&job->modules, party, LIMIT_MODULES_PER_MINUTE,
	                                 job->signer->now_ms)
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_OVERLOADED,
	                           "too many modules are added at once, for one who %s; try again "
	                           "in a minute",
	                           is_nobody(party) ? "does not say who he is (--key)"
	                                            : "adds that many");
}

/* Puts what job->module holds on offer, unless it is here. Another one's offer does not count: that
 * one may give way. */
static enum status add(struct signer_change *job, const uint8_t party[32], bool is_counted)
{
	static struct signer_offers offers;
	size_t place;
	enum status status = look_for(job, job->module_hash);

	if (status != STATUS_NOT_FOUND)
		return status;
	status = read_offers(job, &offers);
	if (status != STATUS_OK || signer_offers_find(&offers, job->module_hash, party, &place))
		return status;
	if (!is_counted)
		status = take_budget(job, party);
	return status == STATUS_OK ? offer(job, &offers, party) : status;
}

/* What is none costs no verifier; and whatever is stored as it came begins with 0, so it is never
 * taken for the rest of an intent (policy_intent.h). */
static bool is_wasm(struct bytes module)
{
	static const uint8_t head[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};

	return module.len >= sizeof(head) && memcmp(module.data, head, sizeof(head)) == 0;
}

/* ---- who adds it ---- */

/* The key that says so; NULL: nobody says who he is. */
static enum status take_key(struct signer_change *job, const struct authz_module_add *add,
                            struct authz_user_key *ret_key, bool *ret_given)
{
	struct authz_query query = {.topic = 0};
	const struct authz_user_key *key;
	struct authz_read read;

	*ret_given = add->query.len != 0 || add->read.len != 0;
	if (!*ret_given)
		return STATUS_OK;
	if (add->query.len != 0) {
		if (authz_query_open(add->query, &query) != STATUS_OK ||
		    memcmp(query.deployment, job->signer->deployment, 32) != 0)
			query.topic = 0;
		ret_key->kind = query.kind;
		memcpy(ret_key->key, query.key, 32);
	} else if (authz_read_take(add->read, &read) == STATUS_OK) {
		key = signer_session_key(job->signer, read.secret);
		if (key == NULL)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the session has ended; open another one");
		*ret_key = *key;
		query.topic = read.topic;
		memcpy(query.target, read.target, 32);
	}
	return query.topic == AUTHZ_QUERY_MODULE && memcmp(query.target, job->module_hash, 32) == 0
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
	                           "what says who adds the module is not about this module");
}

/* The user of a wallet that the key may change, an operator, or a client by its root key. */
static enum status find_party(struct signer_change *job, const struct authz_user_key *key,
                              uint8_t ret_party[32])
{
	struct signer_wallet *wallet;
	struct signer_client *client;
	uint8_t id[32];
	enum status status;

	if (key->kind == AUTHZ_KEY_ED25519 && signer_is_operator(job->signer, key->key)) {
		memcpy(ret_party, key->key, 32);
		return STATUS_OK;
	}
	status = signer_await_index(job, CALL_STORE_VALUE_USER_KEY, key->key, id);
	if (status == STATUS_OK)
		status = signer_await_wallet(job, id, &wallet);
	if (status == STATUS_OK)
		authz_user_id(&wallet->record.user_keys[0], ret_party);
	if (status != STATUS_NOT_FOUND || key->kind != AUTHZ_KEY_ED25519)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	authz_client_id(key->key, id);
	status = signer_await_client(job, id, &client);
	if (status == STATUS_OK)
		memcpy(ret_party, id, 32);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Zeros: all those together who do not say who they are, or whom nobody knows here. */
static enum status take_party(struct signer_change *job, const struct authz_module_add *add,
                              uint8_t ret_party[32])
{
	struct authz_user_key key;
	bool given;
	enum status status = take_key(job, add, &key, &given);

	memset(ret_party, 0, 32);
	return status == STATUS_OK && given ? find_party(job, &key, ret_party) : status;
}

enum status signer_add_module(struct signer_change *job, struct bytes payload)
{
	struct authz_module_answer answer = {.module_kind = AUTHZ_MODULE_CUSTOM};
	struct authz_module_add given;
	struct bytes module;
	uint8_t party[32];
	const char *name = NULL;
	enum status status;

	if (authz_module_add_take(payload, &given) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a well-formed request to add a module");
	module = given.module;
	if (module.len == 0 || module.len > LIMIT_MODULE_MAX - KEYS_AEAD_OVERHEAD_LEN)
		return signer_refuse(job, CALL_RESULT_BODY_TOO_LARGE,
		                     "a module has 1 to %d bytes, this one %zu",
		                     LIMIT_MODULE_MAX - KEYS_AEAD_OVERHEAD_LEN, module.len);
	if (!is_wasm(module))
		return signer_refuse(
		    job, CALL_RESULT_CHANGE_REFUSED,
		    "the module is refused: it does not begin as WebAssembly does");
	status = signer_demand_room(job);
	if (status != STATUS_OK)
		return status;
	keys_sha256(&module, 1, answer.hash);
	memcpy(job->module_hash, answer.hash, 32);
	CHECK(buffer_put(&job->module, module) == STATUS_OK);
	status = take_party(job, &given, party);
	if (status == STATUS_OK)
		status = signer_known_module(job, answer.hash, &name);
	/* Custom code costs a verifier each time, whether it is here already or not. */
	if (status == STATUS_OK && name == NULL)
		status = take_budget(job, party);
	if (status == STATUS_OK)
		status = signer_learn_module(job, answer.hash);
	if (status == STATUS_OK)
		status = add(job, party, name == NULL);
	if (status != STATUS_OK)
		return status;
	answer.module_kind = signer_module_kind(name != NULL, answer.hash);
	answer.name = bytes_of_text(name != NULL ? name : "");
	answer.schema = bytes_of(job->learned, job->learned_len);
	return authz_module_answer_put(&answer, &job->answer);
}

/* ---- for a grant ---- */

static bool is_its_hash(struct bytes module, const uint8_t hash[32])
{
	uint8_t found[32];

	keys_sha256(&module, 1, found);
	return memcmp(found, hash, 32) == 0;
}

/* What is kept of a module, as a whole one. What is on its way was made of what this build shares.
 */
static enum status whole_of(struct signer_change *job, struct bytes kept)
{
	uint8_t shared_hash[32];

	if (!policy_intent_is_rest(kept, shared_hash))
		return buffer_put(&job->module, kept);
	return memcmp(shared_hash, job->shared_hash, sizeof(shared_hash)) == 0
	           ? policy_intent_whole(policy_intent_shared(), kept, &job->module)
	           : STATUS_CORRUPT;
}

static enum status fetch_kept(struct signer_change *job, const uint8_t hash[32])
{
	struct signer_state *state = &job->signer->state;
	struct bytes coming;
	enum status status = look_for(job, hash);

	if (status != STATUS_OK)
		return status;
	if (signer_state_coming(state, CALL_STORE_VALUE_MODULE, hash, &coming))
		status = whole_of(job, coming);
	else
		while ((status = signer_module_bytes(state, hash, &job->module)) == STATUS_BUSY)
			if (!signer_change_turn(job))
				return STATUS_REFUSED;
	/* What it is called hangs on its bytes, whatever a rest was put together to. */
	return status == STATUS_OK && !is_its_hash(buffer_bytes(&job->module), hash)
	           ? STATUS_CORRUPT
	           : status;
}

/* NOT_FOUND: neither kept nor on offer. */
static enum status fetch(struct signer_change *job, const uint8_t hash[32])
{
	static struct signer_offers offers;
	struct signer_blob *blob;
	uint8_t id[32];
	struct bytes module;
	size_t place;
	enum status status = fetch_kept(job, hash);

	if (status != STATUS_NOT_FOUND)
		return status;
	status = read_offers(job, &offers);
	if (status != STATUS_OK)
		return status;
	if (!signer_offers_find(&offers, hash, NULL, &place))
		return STATUS_NOT_FOUND;
	offer_id(place, id);
	if (!signer_state_coming(&job->signer->state, CALL_STORE_VALUE_OFFERED, id, &module)) {
		status =
		    signer_await_blob(job, signer_state_offer, CALL_STORE_VALUE_OFFERED, id, &blob);
		if (status != STATUS_OK)
			return status;
		module = bytes_of(blob->bytes, blob->len);
	}
	return is_its_hash(module, hash) ? buffer_put(&job->module, module) : STATUS_NOT_FOUND;
}

enum status signer_need_module(struct signer_change *job, const uint8_t hash[32])
{
	enum status status;

	if (job->module.len != 0 && memcmp(job->module_hash, hash, 32) == 0)
		return STATUS_OK;
	job->module.len = 0;
	memcpy(job->module_hash, hash, 32);
	status = fetch(job, hash);
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "no such module is here, or no more: one that no grant names "
		                     "gives way to others; add it (claviger policy add)");
	if (status == STATUS_OK || status == STATUS_REFUSED)
		return status;
	if (status == STATUS_IO)
		return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE, "the store is away");
	return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
	                     "the module's record is damaged; restore the store from a backup");
}

/* What a change's grants name for the first time: modules, as they are kept, in job->stored, and
 * pinned lookup tables, in job->given. */
static struct fresh {
	struct {
		uint8_t hash[32];
		size_t at, len;
	} rows[LIMIT_CHANGE_WALLETS_MAX];
	size_t count;
	struct {
		uint8_t hash[32];
		struct bytes addresses;
	} tables[LIMIT_TABLE_PINS_MAX];
	size_t table_count;
	bool shares; /* one of the modules is stored beside the evaluator, which is not there yet */
	struct signer_module_use added, all, share;
	uint8_t user[32];
} fresh;

/* Appends what is kept of a module. */
static enum status store_fresh(struct signer_change *job, const uint8_t hash[32], bool *ret_is_rest)
{
	size_t at = job->stored.len;
	enum status status = signer_need_module(job, hash);

	if (status != STATUS_OK)
		return status;
	*ret_is_rest = policy_intent_rest(buffer_bytes(&job->module), job->shared_hash,
	                                  &job->stored) == STATUS_OK;
	if (!*ret_is_rest) {
		job->stored.len = at;
		if (buffer_put(&job->stored, buffer_bytes(&job->module)) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "more than %u bytes of new modules under one "
			                     "signature; grant some of them first",
			                     SIGNER_STORED_MAX);
	}
	memcpy(fresh.rows[fresh.count].hash, hash, 32);
	fresh.rows[fresh.count].at = at;
	fresh.rows[fresh.count++].len = job->stored.len - at;
	return STATUS_OK;
}

static enum status count_fresh(struct signer_change *job, const uint8_t hash[32])
{
	bool is_rest = false;
	enum status status;

	/* Before it is looked for: no sweep removes it from now on. */
	signer_sweep_note(job->signer->sweep, hash);
	for (size_t i = 0; i < fresh.count; i++)
		if (memcmp(fresh.rows[i].hash, hash, 32) == 0)
			return STATUS_OK;
	status = look_for(job, hash);
	if (status != STATUS_NOT_FOUND)
		return status;
	status = store_fresh(job, hash, &is_rest);
	if (status != STATUS_OK)
		return status;
	fresh.added.count++;
	fresh.added.bytes += fresh.rows[fresh.count - 1].len;
	if (!is_rest || fresh.shares)
		return STATUS_OK;
	status = look_for(job, job->shared_hash);
	fresh.shares = status == STATUS_NOT_FOUND;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status count_tables(struct signer_change *job, const struct authz_grant_body *body)
{
	enum status status = STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < body->pin_count; i++) {
		const struct authz_pin_body *pin = &body->pins[i];
		const struct authz_table_contents *table = authz_table_find(&job->given, pin);
		size_t at = 0;

		signer_sweep_note(job->signer->sweep, pin->hash);
		while (at < fresh.table_count && memcmp(fresh.tables[at].hash, pin->hash, 32) != 0)
			at++;
		if (table == NULL || at < fresh.table_count)
			continue;
		status = look_for_kept(job, signer_state_table, CALL_STORE_VALUE_TABLE, pin->hash);
		if (status != STATUS_NOT_FOUND)
			continue;
		CHECK(at < LIMIT_TABLE_PINS_MAX); /* a change brings no more contents */
		memcpy(fresh.tables[at].hash, pin->hash, 32);
		fresh.tables[fresh.table_count++].addresses = table->addresses;
		fresh.added.count++;
		fresh.added.bytes += table->addresses.len;
		status = STATUS_OK;
	}
	return status;
}

void signer_table_owner(const uint8_t hash[32], uint8_t ret_id[32])
{
	keys_sha256_label("claviger/table/v1", bytes_of(hash, 32), ret_id);
}

enum status signer_keep_named(struct signer_change *job)
{
	static struct authz_grant_body body;
	struct signer_module_bounds bounds = bounds_of(job);
	const uint8_t id[32] = {SIGNER_META_MODULES};
	const char *why;
	enum status status = STATUS_OK;

	memset(&fresh, 0, sizeof(fresh));
	job->stored.len = 0;
	if (job->change.action != AUTHZ_ACTION_GRANT)
		return STATUS_OK;
	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		status = count_fresh(job, body.module);
		if (status == STATUS_OK)
			status = count_tables(job, &body);
	}
	if (status != STATUS_OK || fresh.added.count == 0)
		return status;
	authz_user_id(&job->wallets[0].user_keys[0], fresh.user);
	status = signer_read_record(job, signer_state_meta, CALL_STORE_VALUE_META, id, &fresh.all,
	                            sizeof(fresh.all));
	if (status == STATUS_OK)
		status = signer_read_record(job, signer_state_share, CALL_STORE_VALUE_SHARE,
		                            fresh.user, &fresh.share, sizeof(fresh.share));
	if (status != STATUS_OK)
		return status;
	why = signer_module_refusal(&bounds, &fresh.all, &fresh.share, &fresh.added);
	return why == NULL ? STATUS_OK : signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "%s", why);
}

size_t signer_named_room(const struct signer_change *job)
{
	return job->stored.len + (fresh.count + 3) * SIGNER_RECORD_ROOM(sizeof(fresh.all)) +
	       (size_t)fresh.added.count * SIGNER_RECORD_ROOM(sizeof(fresh.user)) +
	       fresh.table_count * SIGNER_RECORD_ROOM(AUTHZ_TABLE_ENTRIES_MAX * 32) +
	       (fresh.shares ? policy_intent_shared().len : 0);
}

void signer_put_named(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;
	const uint8_t id[32] = {SIGNER_META_MODULES};
	uint8_t owner[32];

	if (fresh.added.count == 0)
		return;
	fresh.all.count += fresh.added.count;
	fresh.all.bytes += fresh.added.bytes + (fresh.shares ? policy_intent_shared().len : 0);
	fresh.share.count += fresh.added.count;
	fresh.share.bytes += fresh.added.bytes;
	(void)signer_state_put(state, CALL_STORE_VALUE_META, id,
	                       bytes_of(&fresh.all, sizeof(fresh.all)));
	(void)signer_state_put(state, CALL_STORE_VALUE_SHARE, fresh.user,
	                       bytes_of(&fresh.share, sizeof(fresh.share)));
	if (fresh.shares)
		(void)signer_state_put(state, CALL_STORE_VALUE_MODULE, job->shared_hash,
		                       policy_intent_shared());
	for (size_t i = 0; i < fresh.count; i++) {
		(void)signer_state_put(
		    state, CALL_STORE_VALUE_MODULE, fresh.rows[i].hash,
		    bytes_of(job->stored.data + fresh.rows[i].at, fresh.rows[i].len));
		(void)signer_state_put(state, CALL_STORE_VALUE_OWNER, fresh.rows[i].hash,
		                       BYTES_OF_ARRAY(fresh.user));
	}
	for (size_t i = 0; i < fresh.table_count; i++) {
		signer_table_owner(fresh.tables[i].hash, owner);
		(void)signer_state_put(state, CALL_STORE_VALUE_TABLE, fresh.tables[i].hash,
		                       fresh.tables[i].addresses);
		(void)signer_state_put(state, CALL_STORE_VALUE_OWNER, owner,
		                       BYTES_OF_ARRAY(fresh.user));
	}
}
