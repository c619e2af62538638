/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_record.h"

#include "base_check.h"
#include "cbor_reader.h"
#include "cbor_writer.h"

static enum status taken(const struct cbor_reader *r)
{
	return cbor_done(r) == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}

/* Copies a byte string of at most `max` bytes and returns its length. */
static size_t take_run(struct cbor_reader *r, uint64_t key, void *ret_data, size_t max)
{
	struct bytes run;

	run = cbor_take_bytes_at(r, key, max);
	if (run.len != 0)
		memcpy(ret_data, run.data, run.len);
	return run.len;
}

/* A number beside each limit of a wallet. */
static void put_numbers(struct cbor_writer *w, uint64_t key, const uint64_t *numbers, size_t count)
{
	cbor_put_key(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_uint(w, numbers[i]);
	cbor_put_end(w);
}

static void take_numbers(struct cbor_reader *r, uint64_t *numbers, size_t count)
{
	if (cbor_take_array(r, count) != count)
		cbor_fail(r, STATUS_CORRUPT);
	for (size_t i = 0; i < count; i++)
		numbers[i] = cbor_take_uint(r, UINT64_MAX);
	cbor_take_end(r);
}

/* ---- rules of counters ---- */

/* The mint of wrapped SOL: lamports and it share one counter, so it has none of its own. */
static const uint8_t native_mint[32] = {
    0x06, 0x9b, 0x88, 0x57, 0xfe, 0xab, 0x81, 0x84, 0xfb, 0x68, 0x7f, 0x63, 0x46, 0x18, 0xc0, 0x35,
    0xda, 0xc4, 0x39, 0xdc, 0x1a, 0xeb, 0x3b, 0x55, 0x98, 0xa0, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x01,
};

void authz_rule_put(struct cbor_writer *w, const struct authz_counter_rule *rule)
{
	bool has_mint = rule->unit == AUTHZ_UNIT_MINT;

	cbor_put_map(w, has_mint ? 5 : 4);
	cbor_put_uint_at(w, 1, rule->id);
	cbor_put_uint_at(w, 2, rule->unit);
	cbor_put_uint_at(w, 3, rule->window);
	cbor_put_uint_at(w, 4, rule->cap);
	if (has_mint)
		cbor_put_bytes_n_at(w, 5, rule->mint, 32);
	cbor_put_end(w);
}

void authz_rule_take(struct cbor_reader *r, struct authz_counter_rule *rule)
{
	cbor_take_map(r, 5);
	rule->id = (uint8_t)cbor_take_uint_at(r, 1, UINT8_MAX);
	rule->unit = (uint8_t)cbor_take_uint_at(r, 2, AUTHZ_UNIT_USES);
	rule->window = (uint8_t)cbor_take_uint_at(r, 3, AUTHZ_WINDOW_DAY);
	rule->cap = cbor_take_uint_at(r, 4, UINT64_MAX);
	if (rule->unit == AUTHZ_UNIT_MINT)
		cbor_take_bytes_n_at(r, 5, rule->mint, 32);
	cbor_take_end(r);
	if (rule->unit == 0 || rule->window == 0)
		cbor_fail(r, STATUS_MALFORMED);
}

void authz_rules_put(struct cbor_writer *w, const struct authz_counter_rule *rules, size_t count)
{
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		authz_rule_put(w, &rules[i]);
	cbor_put_end(w);
}

bool authz_limits_differ(const struct authz_counter_rule *limits, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (authz_counter_same(&limits[i], &limits[j]))
				return false;
	return true;
}

size_t authz_rules_take(struct cbor_reader *r, struct authz_counter_rule *rules, size_t max)
{
	size_t count = cbor_take_array(r, max);

	for (size_t i = 0; i < count; i++) {
		authz_rule_take(r, &rules[i]);
		if (rules[i].unit == AUTHZ_UNIT_MINT &&
		    memcmp(rules[i].mint, native_mint, sizeof(native_mint)) == 0)
			cbor_fail(r, STATUS_REFUSED);
		if (i != 0 && rules[i - 1].id >= rules[i].id)
			cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
	return count;
}

/* ---- wallet ---- */

enum {
	WALLET_ID = 1,
	WALLET_ADDRESS,
	WALLET_NAME,
	WALLET_ORIGIN,
	WALLET_FROZEN,
	WALLET_OWNERSHIP_LOST,
	WALLET_RECOVERY,
	WALLET_USER_KEYS,
	WALLET_AUTHORITY,
	WALLET_VERSION,
	WALLET_SEALED_KEY,
	WALLET_GRANTS,
	WALLET_DELAY = 16, /* from here on left out when as usual, so that older records open */
	WALLET_EXPORT_DELAY,
	WALLET_EXPORTED,
	WALLET_PENDING,
	WALLET_RECOVERED,
	WALLET_KEPT_DAY,
	WALLET_KEPT,
	WALLET_LIMITS,
	WALLET_SINCE,
	WALLET_LEFT,
	WALLET_CHANGED,
	WALLET_LINK,
	WALLET_FIELDS = WALLET_GRANTS + 12
};

static void put_pending(const struct authz_wallet_record *wallet, struct cbor_writer *w)
{
	if (wallet->pending_count == 0)
		return;
	cbor_put_key(w, WALLET_PENDING);
	cbor_put_array(w, wallet->pending_count);
	for (size_t i = 0; i < wallet->pending_count; i++) {
		const struct authz_pending_entry *entry = &wallet->pending[i];

		cbor_put_map(w, 8);
		cbor_put_bytes_n_at(w, 1, entry->change, 32);
		cbor_put_uint_at(w, 2, entry->action);
		cbor_put_bool_at(w, 3, entry->recovery);
		cbor_put_bool_at(w, 4, entry->done);
		cbor_put_uint_at(w, 5, entry->asked_s);
		cbor_put_uint_at(w, 6, entry->opens_s);
		cbor_put_uint_at(w, 7, entry->void_s);
		cbor_put_uint_at(w, 8, entry->opens_ran_s);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

static void take_pending(struct cbor_reader *r, struct authz_wallet_record *wallet)
{
	if (!cbor_take_key_if(r, WALLET_PENDING))
		return;
	wallet->pending_count = (uint8_t)cbor_take_array(r, LIMIT_PENDING_MAX);
	for (size_t i = 0; i < wallet->pending_count; i++) {
		struct authz_pending_entry *entry = &wallet->pending[i];

		cbor_take_map(r, 8);
		cbor_take_bytes_n_at(r, 1, entry->change, 32);
		entry->action = (uint8_t)cbor_take_uint_at(r, 2, UINT8_MAX);
		entry->recovery = cbor_take_bool_at(r, 3);
		entry->done = cbor_take_bool_at(r, 4);
		entry->asked_s = cbor_take_uint_at(r, 5, INT64_MAX);
		entry->opens_s = cbor_take_uint_at(r, 6, INT64_MAX);
		entry->void_s = cbor_take_uint_at(r, 7, INT64_MAX);
		entry->opens_ran_s = cbor_take_uint_at(r, 8, INT64_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
	if (wallet->pending_count == 0)
		cbor_fail(r, STATUS_CORRUPT);
}

static void put_limits(const struct authz_wallet_record *wallet, struct cbor_writer *w)
{
	if (wallet->limit_count == 0)
		return;
	cbor_put_key(w, WALLET_LIMITS);
	authz_rules_put(w, wallet->limits, wallet->limit_count);
	put_numbers(w, WALLET_SINCE, wallet->limits_since, wallet->limit_count);
	if (wallet->has_left)
		put_numbers(w, WALLET_LEFT, wallet->left, wallet->limit_count);
}

static void take_limits(struct cbor_reader *r, struct authz_wallet_record *wallet)
{
	if (!cbor_take_key_if(r, WALLET_LIMITS))
		return;
	wallet->limit_count = (uint8_t)authz_rules_take(r, wallet->limits, LIMIT_WALLET_LIMITS_MAX);
	if (wallet->limit_count == 0 || !authz_limits_differ(wallet->limits, wallet->limit_count))
		cbor_fail(r, STATUS_CORRUPT);
	cbor_take_key(r, WALLET_SINCE);
	take_numbers(r, wallet->limits_since, wallet->limit_count);
	wallet->has_left = cbor_take_key_if(r, WALLET_LEFT);
	if (wallet->has_left)
		take_numbers(r, wallet->left, wallet->limit_count);
}

enum status authz_wallet_put(const struct authz_wallet_record *wallet, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(wallet->name_len <= LIMIT_NAME_MAX && wallet->user_key_count >= 1 &&
	      wallet->user_key_count <= LIMIT_USER_KEYS_MAX &&
	      wallet->sealed_key_len <= AUTHZ_SEALED_KEY_MAX &&
	      wallet->pending_count <= LIMIT_PENDING_MAX &&
	      wallet->grant_count <= LIMIT_GRANTS_PER_WALLET_MAX &&
	      wallet->limit_count <= LIMIT_WALLET_LIMITS_MAX &&
	      (!wallet->has_left || wallet->limit_count != 0));
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)WALLET_GRANTS - (wallet->has_recovery ? 0 : 1) +
	                     (wallet->delay_s != 0) +
	                     (wallet->export_delay_s != AUTHZ_EXPORT_DELAY_S) +
	                     (wallet->exported != 0) + (wallet->pending_count != 0) +
	                     (wallet->recovered != 0) + (wallet->kept_day != 0) +
	                     (wallet->kept != 0) + (wallet->limit_count != 0 ? 2 : 0) +
	                     (wallet->has_left ? 1 : 0) + (wallet->changed != 0) + 1);
	cbor_put_bytes_n_at(&w, WALLET_ID, wallet->id, 32);
	cbor_put_bytes_n_at(&w, WALLET_ADDRESS, wallet->address, 32);
	cbor_put_text_at(&w, WALLET_NAME, bytes_of(wallet->name, wallet->name_len));
	cbor_put_uint_at(&w, WALLET_ORIGIN, wallet->origin);
	cbor_put_bool_at(&w, WALLET_FROZEN, wallet->frozen);
	cbor_put_bool_at(&w, WALLET_OWNERSHIP_LOST, wallet->ownership_lost);
	if (wallet->has_recovery)
		cbor_put_bytes_n_at(&w, WALLET_RECOVERY, wallet->recovery, 32);
	cbor_put_key(&w, WALLET_USER_KEYS);
	cbor_put_array(&w, wallet->user_key_count);
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		cbor_put_map(&w, 2);
		cbor_put_uint_at(&w, 1, wallet->user_keys[i].kind);
		cbor_put_bytes_n_at(&w, 2, wallet->user_keys[i].key, 32);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	cbor_put_bytes_n_at(&w, WALLET_AUTHORITY, wallet->authority, 32);
	cbor_put_uint_at(&w, WALLET_VERSION, wallet->version);
	cbor_put_bytes_n_at(&w, WALLET_SEALED_KEY, wallet->sealed_key, wallet->sealed_key_len);
	cbor_put_key(&w, WALLET_GRANTS);
	cbor_put_array(&w, wallet->grant_count);
	for (size_t i = 0; i < wallet->grant_count; i++) {
		const struct authz_grant_entry *entry = &wallet->grants[i];

		cbor_put_map(&w, 4);
		cbor_put_bytes_n_at(&w, 1, entry->grant, 32);
		cbor_put_bytes_n_at(&w, 2, entry->client, 32);
		cbor_put_uint_at(&w, 3, entry->created);
		cbor_put_bool_at(&w, 4, entry->live);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	cbor_put_uint_if(&w, WALLET_DELAY, wallet->delay_s);
	if (wallet->export_delay_s != AUTHZ_EXPORT_DELAY_S)
		cbor_put_uint_at(&w, WALLET_EXPORT_DELAY, wallet->export_delay_s);
	cbor_put_uint_if(&w, WALLET_EXPORTED, wallet->exported);
	put_pending(wallet, &w);
	cbor_put_uint_if(&w, WALLET_RECOVERED, wallet->recovered);
	cbor_put_uint_if(&w, WALLET_KEPT_DAY, wallet->kept_day);
	cbor_put_uint_if(&w, WALLET_KEPT, wallet->kept);
	put_limits(wallet, &w);
	cbor_put_uint_if(&w, WALLET_CHANGED, wallet->changed);
	cbor_put_bytes_n_at(&w, WALLET_LINK, wallet->link, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_user_keys(struct cbor_reader *r, struct authz_wallet_record *wallet)
{
	cbor_take_key(r, WALLET_USER_KEYS);
	wallet->user_key_count = (uint8_t)cbor_take_array(r, LIMIT_USER_KEYS_MAX);
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		cbor_take_map(r, 2);
		wallet->user_keys[i].kind =
		    (uint8_t)cbor_take_uint_at(r, 1, AUTHZ_KEY_KIND_COUNT - 1);
		cbor_take_bytes_n_at(r, 2, wallet->user_keys[i].key, 32);
		cbor_take_end(r);
		if (wallet->user_keys[i].kind == 0)
			cbor_fail(r, STATUS_CORRUPT);
	}
	cbor_take_end(r);
	if (wallet->user_key_count == 0)
		cbor_fail(r, STATUS_CORRUPT);
}

static void take_grant_entries(struct cbor_reader *r, struct authz_wallet_record *wallet)
{
	cbor_take_key(r, WALLET_GRANTS);
	wallet->grant_count = (uint8_t)cbor_take_array(r, LIMIT_GRANTS_PER_WALLET_MAX);
	for (size_t i = 0; i < wallet->grant_count; i++) {
		struct authz_grant_entry *entry = &wallet->grants[i];

		cbor_take_map(r, 4);
		cbor_take_bytes_n_at(r, 1, entry->grant, 32);
		cbor_take_bytes_n_at(r, 2, entry->client, 32);
		entry->created = cbor_take_uint_at(r, 3, UINT64_MAX);
		entry->live = cbor_take_bool_at(r, 4);
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

enum status authz_wallet_take(struct bytes bytes, struct authz_wallet_record *ret_wallet)
{
	struct authz_wallet_record wallet = {.name_len = 0};
	struct cbor_reader r;
	struct bytes name;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, WALLET_FIELDS);
	cbor_take_bytes_n_at(&r, WALLET_ID, wallet.id, 32);
	cbor_take_bytes_n_at(&r, WALLET_ADDRESS, wallet.address, 32);
	name = cbor_take_text_at(&r, WALLET_NAME, LIMIT_NAME_MAX);
	wallet.name_len = (uint8_t)name.len;
	if (name.len != 0)
		memcpy(wallet.name, name.data, name.len);
	wallet.origin = (uint8_t)cbor_take_uint_at(&r, WALLET_ORIGIN, AUTHZ_ORIGIN_IMPORTED);
	wallet.frozen = cbor_take_bool_at(&r, WALLET_FROZEN);
	wallet.ownership_lost = cbor_take_bool_at(&r, WALLET_OWNERSHIP_LOST);
	wallet.has_recovery = cbor_take_key_if(&r, WALLET_RECOVERY);
	if (wallet.has_recovery)
		cbor_take_bytes_n(&r, wallet.recovery, 32);
	take_user_keys(&r, &wallet);
	cbor_take_bytes_n_at(&r, WALLET_AUTHORITY, wallet.authority, 32);
	wallet.version = cbor_take_uint_at(&r, WALLET_VERSION, UINT64_MAX);
	wallet.sealed_key_len =
	    (uint8_t)take_run(&r, WALLET_SEALED_KEY, wallet.sealed_key, AUTHZ_SEALED_KEY_MAX);
	take_grant_entries(&r, &wallet);
	wallet.delay_s = cbor_take_uint_if(&r, WALLET_DELAY, INT64_MAX);
	wallet.export_delay_s = AUTHZ_EXPORT_DELAY_S;
	if (cbor_take_key_if(&r, WALLET_EXPORT_DELAY)) {
		wallet.export_delay_s = cbor_take_uint(&r, LIMIT_DELAY_MAX_S);
		if (wallet.export_delay_s == AUTHZ_EXPORT_DELAY_S)
			cbor_fail(&r, STATUS_CORRUPT);
	}
	wallet.exported = cbor_take_uint_if(&r, WALLET_EXPORTED, INT64_MAX);
	take_pending(&r, &wallet);
	wallet.recovered = cbor_take_uint_if(&r, WALLET_RECOVERED, INT64_MAX);
	wallet.kept_day = cbor_take_uint_if(&r, WALLET_KEPT_DAY, INT64_MAX);
	wallet.kept = cbor_take_uint_if(&r, WALLET_KEPT, INT64_MAX);
	take_limits(&r, &wallet);
	wallet.changed = cbor_take_uint_if(&r, WALLET_CHANGED, INT64_MAX);
	cbor_take_bytes_n_at(&r, WALLET_LINK, wallet.link, 32);
	cbor_take_end(&r);
	if (wallet.origin == 0)
		cbor_fail(&r, STATUS_CORRUPT);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_wallet = wallet;
	return status;
}

/* ---- grant ---- */

enum {
	GRANT_ID = 1,
	GRANT_WALLET,
	GRANT_CLIENT,
	GRANT_MODULE,
	GRANT_MODULE_KIND,
	GRANT_NOT_BEFORE,
	GRANT_EXPIRES,
	GRANT_USES,
	GRANT_CREATED,
	GRANT_COUNTERS,
	GRANT_NONCE_ACCOUNTS,
	GRANT_PINS,
	GRANT_SCHEMA,
	GRANT_PARAMETERS,
	GRANT_FIELDS = GRANT_PARAMETERS
};

enum status authz_grant_record_put(const struct authz_grant_record *grant, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(grant->counter_count <= LIMIT_COUNTERS_MAX &&
	      grant->nonce_account_count <= AUTHZ_NONCE_ACCOUNTS_MAX &&
	      grant->pin_count <= LIMIT_TABLE_PINS_MAX && grant->schema_len <= LIMIT_SCHEMA_MAX &&
	      grant->parameters_len <= LIMIT_PARAMETERS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, GRANT_FIELDS);
	cbor_put_bytes_n_at(&w, GRANT_ID, grant->id, 32);
	cbor_put_bytes_n_at(&w, GRANT_WALLET, grant->wallet, 32);
	cbor_put_bytes_n_at(&w, GRANT_CLIENT, grant->client, 32);
	cbor_put_bytes_n_at(&w, GRANT_MODULE, grant->module, 32);
	cbor_put_uint_at(&w, GRANT_MODULE_KIND, grant->module_kind);
	cbor_put_uint_at(&w, GRANT_NOT_BEFORE, grant->not_before_s);
	cbor_put_uint_at(&w, GRANT_EXPIRES, grant->expires_s);
	cbor_put_uint_at(&w, GRANT_USES, grant->uses_max);
	cbor_put_uint_at(&w, GRANT_CREATED, grant->created);
	cbor_put_key(&w, GRANT_COUNTERS);
	authz_rules_put(&w, grant->counters, grant->counter_count);
	cbor_put_key(&w, GRANT_NONCE_ACCOUNTS);
	cbor_put_array(&w, grant->nonce_account_count);
	for (size_t i = 0; i < grant->nonce_account_count; i++)
		cbor_put_bytes_n(&w, grant->nonce_accounts[i], 32);
	cbor_put_end(&w);
	cbor_put_key(&w, GRANT_PINS);
	cbor_put_array(&w, grant->pin_count);
	for (size_t i = 0; i < grant->pin_count; i++) {
		cbor_put_map(&w, 3);
		cbor_put_bytes_n_at(&w, 1, grant->pins[i].table, 32);
		cbor_put_uint_at(&w, 2, grant->pins[i].count);
		cbor_put_bytes_n_at(&w, 3, grant->pins[i].hash, 32);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	cbor_put_bytes_n_at(&w, GRANT_SCHEMA, grant->schema, grant->schema_len);
	cbor_put_bytes_n_at(&w, GRANT_PARAMETERS, grant->parameters, grant->parameters_len);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_grant_lists(struct cbor_reader *r, struct authz_grant_record *grant)
{
	cbor_take_key(r, GRANT_COUNTERS);
	grant->counter_count = (uint8_t)authz_rules_take(r, grant->counters, LIMIT_COUNTERS_MAX);
	cbor_take_key(r, GRANT_NONCE_ACCOUNTS);
	grant->nonce_account_count = (uint8_t)cbor_take_array(r, AUTHZ_NONCE_ACCOUNTS_MAX);
	for (size_t i = 0; i < grant->nonce_account_count; i++)
		cbor_take_bytes_n(r, grant->nonce_accounts[i], 32);
	cbor_take_end(r);
	cbor_take_key(r, GRANT_PINS);
	grant->pin_count = (uint8_t)cbor_take_array(r, LIMIT_TABLE_PINS_MAX);
	for (size_t i = 0; i < grant->pin_count; i++) {
		cbor_take_map(r, 3);
		cbor_take_bytes_n_at(r, 1, grant->pins[i].table, 32);
		grant->pins[i].count = (uint32_t)cbor_take_uint_at(r, 2, 256);
		cbor_take_bytes_n_at(r, 3, grant->pins[i].hash, 32);
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

enum status authz_grant_record_take(struct bytes bytes, struct authz_grant_record *ret_grant)
{
	struct authz_grant_record grant = {.counter_count = 0};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, GRANT_FIELDS);
	cbor_take_bytes_n_at(&r, GRANT_ID, grant.id, 32);
	cbor_take_bytes_n_at(&r, GRANT_WALLET, grant.wallet, 32);
	cbor_take_bytes_n_at(&r, GRANT_CLIENT, grant.client, 32);
	cbor_take_bytes_n_at(&r, GRANT_MODULE, grant.module, 32);
	grant.module_kind =
	    (enum authz_module_kind)cbor_take_uint_at(&r, GRANT_MODULE_KIND, AUTHZ_MODULE_SHIPPED);
	grant.not_before_s = cbor_take_uint_at(&r, GRANT_NOT_BEFORE, UINT64_MAX);
	grant.expires_s = cbor_take_uint_at(&r, GRANT_EXPIRES, UINT64_MAX);
	grant.uses_max = cbor_take_uint_at(&r, GRANT_USES, UINT64_MAX);
	grant.created = cbor_take_uint_at(&r, GRANT_CREATED, UINT64_MAX);
	take_grant_lists(&r, &grant);
	grant.schema_len = (uint16_t)take_run(&r, GRANT_SCHEMA, grant.schema, LIMIT_SCHEMA_MAX);
	grant.parameters_len =
	    (uint16_t)take_run(&r, GRANT_PARAMETERS, grant.parameters, LIMIT_PARAMETERS_MAX);
	cbor_take_end(&r);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_grant = grant;
	return status;
}

/* ---- counters ---- */

/* Only a durable state is written: lease_left, the window, and what is adrift. Buckets with nothing
 * in them are left out, so that an idle counter costs few bytes. */
enum status authz_lease_put(const struct authz_lease_record *lease, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(lease->count <= LIMIT_COUNTERS_MAX + 1);
	CHECK(lease->nonce_count <= AUTHZ_NONCES_MAX);
	CHECK(lease->rule_count == 0 || lease->rule_count == lease->count);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2 + (size_t)(lease->nonce_count != 0) + (lease->nonces_before != 0) +
	                     (lease->rule_count != 0 ? 2 : 0));
	cbor_put_bytes_n_at(&w, 1, lease->owner, 32);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, lease->count);
	for (size_t i = 0; i < lease->count; i++) {
		const struct authz_counter *counter = &lease->counters[i];
		size_t used = 0;

		for (size_t j = 0; j < AUTHZ_COUNTER_BUCKETS; j++)
			used += counter->spent[j] != 0;
		cbor_put_map(&w, (size_t)3 + (counter->adrift != 0));
		cbor_put_uint_at(&w, 1, counter->bucket);
		cbor_put_uint_at(&w, 2, counter->lease_left);
		cbor_put_key(&w, 3);
		cbor_put_map(&w, used);
		for (size_t j = 0; j < AUTHZ_COUNTER_BUCKETS; j++)
			cbor_put_uint_if(&w, j, counter->spent[j]);
		cbor_put_end(&w);
		cbor_put_uint_if(&w, 4, counter->adrift);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	if (lease->nonce_count != 0) {
		cbor_put_key(&w, 3);
		cbor_put_bytes(
		    &w, bytes_of(lease->nonces, lease->nonce_count * sizeof(lease->nonces[0])));
	}
	cbor_put_uint_if(&w, 4, lease->nonces_before);
	if (lease->rule_count != 0) {
		cbor_put_key(&w, 5);
		authz_rules_put(&w, lease->rules, lease->rule_count);
		put_numbers(&w, 6, lease->since, lease->rule_count);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

_Static_assert(sizeof(struct authz_nonce) == 64, "rows of account and value");

static void take_nonces(struct cbor_reader *r, struct authz_lease_record *lease)
{
	struct bytes rows = bytes_of(NULL, 0);

	if (cbor_take_key_if(r, 3)) {
		rows = cbor_take_bytes(r, sizeof(lease->nonces));
		if (rows.len == 0 || rows.len % sizeof(lease->nonces[0]) != 0)
			cbor_fail(r, STATUS_CORRUPT);
	}
	lease->nonces_before = cbor_take_uint_if(r, 4, UINT64_MAX);
	lease->nonce_count = (uint8_t)(rows.len / sizeof(lease->nonces[0]));
	if (rows.len != 0)
		memcpy(lease->nonces, rows.data, rows.len);
}

enum status authz_lease_take(struct bytes bytes, struct authz_lease_record *ret_lease)
{
	struct authz_lease_record lease = {.count = 0};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 6);
	cbor_take_bytes_n_at(&r, 1, lease.owner, 32);
	cbor_take_key(&r, 2);
	lease.count = (uint8_t)cbor_take_array(&r, LIMIT_COUNTERS_MAX + 1);
	for (size_t i = 0; i < lease.count; i++) {
		struct authz_counter *counter = &lease.counters[i];

		cbor_take_map(&r, 4);
		counter->bucket = cbor_take_uint_at(&r, 1, UINT64_MAX);
		counter->lease_left = cbor_take_uint_at(&r, 2, UINT64_MAX);
		cbor_take_key(&r, 3);
		cbor_take_map(&r, AUTHZ_COUNTER_BUCKETS);
		for (size_t j = 0; j < AUTHZ_COUNTER_BUCKETS; j++)
			counter->spent[j] = cbor_take_uint_if(&r, j, UINT64_MAX);
		cbor_take_end(&r);
		counter->adrift = cbor_take_uint_if(&r, 4, UINT64_MAX);
		cbor_take_end(&r);
	}
	cbor_take_end(&r);
	take_nonces(&r, &lease);
	if (cbor_take_key_if(&r, 5)) {
		lease.rule_count =
		    (uint8_t)authz_rules_take(&r, lease.rules, LIMIT_WALLET_LIMITS_MAX);
		if (lease.rule_count == 0 || lease.rule_count != lease.count)
			cbor_fail(&r, STATUS_CORRUPT);
		cbor_take_key(&r, 6);
		take_numbers(&r, lease.since, lease.rule_count);
	}
	cbor_take_end(&r);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_lease = lease;
	return status;
}

/* ---- client ---- */

enum status authz_client_put(const struct authz_client_record *client, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	CHECK(client->frozen || client->frozen_by == 0);
	cbor_put_map(&w, (size_t)6 + (client->frozen_by != 0));
	cbor_put_bytes_n_at(&w, 1, client->id, 32);
	cbor_put_bytes_n_at(&w, 2, client->root_key, 32);
	cbor_put_uint_at(&w, 3, client->serial);
	cbor_put_bytes_n_at(&w, 4, client->token_hash, 32);
	cbor_put_uint_at(&w, 5, client->expires_s);
	cbor_put_bool_at(&w, 6, client->frozen);
	if (client->frozen_by != 0)
		cbor_put_uint_at(&w, 7, client->frozen_by);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_client_take(struct bytes bytes, struct authz_client_record *ret_client)
{
	struct authz_client_record client = {.serial = 0};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 7);
	cbor_take_bytes_n_at(&r, 1, client.id, 32);
	cbor_take_bytes_n_at(&r, 2, client.root_key, 32);
	client.serial = cbor_take_uint_at(&r, 3, UINT64_MAX);
	cbor_take_bytes_n_at(&r, 4, client.token_hash, 32);
	client.expires_s = cbor_take_uint_at(&r, 5, UINT64_MAX);
	client.frozen = cbor_take_bool_at(&r, 6);
	if (cbor_take_key_if(&r, 7)) {
		client.frozen_by = (uint8_t)cbor_take_uint(&r, AUTHZ_FREEZER_COUNT - 1);
		if (!client.frozen || client.frozen_by == 0)
			cbor_fail(&r, STATUS_CORRUPT);
	}
	cbor_take_end(&r);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_client = client;
	return status;
}

/* ---- checkpoint ---- */

#define CHECKPOINT_FIELDS  22
#define CHECKPOINT_MAC_LEN (1 + 2 + 32) /* key 22, head of 32 bytes, the MAC */

static void put_site(struct cbor_writer *w, const struct authz_site_mark *site)
{
	cbor_put_key(w, 7);
	cbor_put_map(w, 2);
	cbor_put_uint_at(w, 1, site->serial);
	cbor_put_bytes_n_at(w, 2, site->hash, 32);
	cbor_put_end(w);
}

static void take_site(struct cbor_reader *r, struct authz_site_mark *site)
{
	cbor_take_key(r, 7);
	cbor_take_map(r, 2);
	site->serial = cbor_take_uint_at(r, 1, UINT64_MAX);
	cbor_take_bytes_n_at(r, 2, site->hash, 32);
	cbor_take_end(r);
}

static void put_time(struct cbor_writer *w, const struct authz_time_marks *time)
{
	cbor_put_key(w, 21);
	cbor_put_map(w, 8);
	cbor_put_uint_at(w, 1, time->low_s);
	cbor_put_uint_at(w, 2, time->high_s);
	cbor_put_uint_at(w, 3, time->ran_s);
	cbor_put_uint_at(w, 4, time->unproven_s);
	cbor_put_bool_at(w, 5, time->is_proven);
	cbor_put_uint_at(w, 6, time->tpm_clock_ms);
	cbor_put_bytes_n_at(w, 7, time->host, sizeof(time->host));
	cbor_put_uint_at(w, 8, time->host_ms);
	cbor_put_end(w);
}

static void take_time(struct cbor_reader *r, struct authz_time_marks *time)
{
	cbor_take_key(r, 21);
	cbor_take_map(r, 8);
	time->low_s = cbor_take_uint_at(r, 1, INT64_MAX);
	time->high_s = cbor_take_uint_at(r, 2, INT64_MAX);
	time->ran_s = cbor_take_uint_at(r, 3, INT64_MAX);
	time->unproven_s = cbor_take_uint_at(r, 4, INT64_MAX);
	time->is_proven = cbor_take_bool_at(r, 5);
	time->tpm_clock_ms = cbor_take_uint_at(r, 6, UINT64_MAX);
	cbor_take_bytes_n_at(r, 7, time->host, sizeof(time->host));
	time->host_ms = cbor_take_uint_at(r, 8, UINT64_MAX);
	cbor_take_end(r);
}

static void put_operators(struct cbor_writer *w, const struct authz_checkpoint *checkpoint)
{
	CHECK(checkpoint->operator_count <= AUTHZ_OPERATORS_MAX);
	cbor_put_key(w, 11);
	cbor_put_array(w, checkpoint->operator_count);
	for (size_t i = 0; i < checkpoint->operator_count; i++) {
		cbor_put_map(w, 2);
		cbor_put_bytes_n_at(w, 1, checkpoint->operators[i].key, 32);
		cbor_put_uint_at(w, 2, checkpoint->operators[i].serial);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

static void take_operators(struct cbor_reader *r, struct authz_checkpoint *checkpoint)
{
	cbor_take_key(r, 11);
	checkpoint->operator_count = (uint8_t)cbor_take_array(r, AUTHZ_OPERATORS_MAX);
	for (size_t i = 0; i < checkpoint->operator_count; i++) {
		cbor_take_map(r, 2);
		cbor_take_bytes_n_at(r, 1, checkpoint->operators[i].key, 32);
		checkpoint->operators[i].serial = cbor_take_uint_at(r, 2, UINT64_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
}

enum status authz_checkpoint_put(const struct authz_checkpoint *checkpoint, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, CHECKPOINT_FIELDS);
	cbor_put_bytes_n_at(&w, 1, checkpoint->deployment, 32);
	cbor_put_uint_at(&w, 2, checkpoint->seq);
	cbor_put_bytes_n_at(&w, 3, checkpoint->root, 32);
	cbor_put_bytes_n_at(&w, 4, checkpoint->previous, 32);
	cbor_put_uint_at(&w, 5, checkpoint->boot);
	cbor_put_uint_at(&w, 6, checkpoint->writes_left);
	put_site(&w, &checkpoint->site);
	cbor_put_uint_at(&w, 8, checkpoint->receipts_from);
	cbor_put_bool_at(&w, 9, checkpoint->clean);
	cbor_put_bool_at(&w, 10, checkpoint->frozen);
	put_operators(&w, checkpoint);
	cbor_put_bytes_n_at(&w, 12, checkpoint->boot_record, 32);
	cbor_put_uint_at(&w, 13, checkpoint->wallets);
	cbor_put_uint_at(&w, 14, checkpoint->grants);
	cbor_put_uint_at(&w, 15, checkpoint->clients);
	cbor_put_bytes_n_at(&w, 16, checkpoint->sealed_master, checkpoint->sealed_master_len);
	cbor_put_uint_at(&w, 17, checkpoint->counter);
	cbor_put_bytes_n_at(&w, 18, checkpoint->anchor, 32);
	cbor_put_bool_at(&w, 19, checkpoint->light);
	cbor_put_uint_at(&w, 20, checkpoint->recovered);
	put_time(&w, &checkpoint->time);
	cbor_put_bytes_n_at(&w, 22, checkpoint->mac, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_checkpoint_take(struct bytes bytes, struct authz_checkpoint *ret_checkpoint)
{
	struct authz_checkpoint checkpoint = {.seq = 0};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, CHECKPOINT_FIELDS);
	cbor_take_bytes_n_at(&r, 1, checkpoint.deployment, 32);
	checkpoint.seq = cbor_take_uint_at(&r, 2, UINT64_MAX);
	cbor_take_bytes_n_at(&r, 3, checkpoint.root, 32);
	cbor_take_bytes_n_at(&r, 4, checkpoint.previous, 32);
	checkpoint.boot = cbor_take_uint_at(&r, 5, UINT64_MAX);
	checkpoint.writes_left = (uint32_t)cbor_take_uint_at(&r, 6, UINT32_MAX);
	take_site(&r, &checkpoint.site);
	checkpoint.receipts_from = cbor_take_uint_at(&r, 8, UINT64_MAX);
	checkpoint.clean = cbor_take_bool_at(&r, 9);
	checkpoint.frozen = cbor_take_bool_at(&r, 10);
	take_operators(&r, &checkpoint);
	cbor_take_bytes_n_at(&r, 12, checkpoint.boot_record, 32);
	checkpoint.wallets = cbor_take_uint_at(&r, 13, UINT64_MAX);
	checkpoint.grants = cbor_take_uint_at(&r, 14, UINT64_MAX);
	checkpoint.clients = cbor_take_uint_at(&r, 15, UINT64_MAX);
	checkpoint.sealed_master_len =
	    (uint8_t)take_run(&r, 16, checkpoint.sealed_master, AUTHZ_SEALED_KEY_MAX);
	checkpoint.counter = cbor_take_uint_at(&r, 17, UINT64_MAX);
	cbor_take_bytes_n_at(&r, 18, checkpoint.anchor, 32);
	checkpoint.light = cbor_take_bool_at(&r, 19);
	checkpoint.recovered = cbor_take_uint_at(&r, 20, UINT64_MAX);
	take_time(&r, &checkpoint.time);
	cbor_take_bytes_n_at(&r, 22, checkpoint.mac, 32);
	cbor_take_end(&r);
	status = taken(&r);
	if (status == STATUS_OK)
		*ret_checkpoint = checkpoint;
	return status;
}

struct bytes authz_checkpoint_signed(struct bytes encoded)
{
	CHECK(encoded.len > CHECKPOINT_MAC_LEN);
	return bytes_of(encoded.data, encoded.len - CHECKPOINT_MAC_LEN);
}
