/* authz_grant: the body of a grant: who may have what signed, until when and how much. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_change.h"
#include "base_check.h"
#include "cbor_writer.h"

static void put_keys(const uint8_t (*keys)[32], size_t count, uint64_t key, struct cbor_writer *w)
{
	if (count == 0)
		return;
	cbor_put_key(w, key);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		cbor_put_bytes_n(w, keys[i], 32);
	cbor_put_end(w);
}

static void put_pins(const struct authz_grant_body *body, struct cbor_writer *w)
{
	if (body->pin_count == 0)
		return;
	cbor_put_key(w, 10);
	cbor_put_array(w, body->pin_count);
	for (size_t i = 0; i < body->pin_count; i++) {
		cbor_put_map(w, 3);
		cbor_put_bytes_n_at(w, 1, body->pins[i].table, 32);
		cbor_put_uint_at(w, 2, body->pins[i].count);
		cbor_put_bytes_n_at(w, 3, body->pins[i].hash, 32);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

enum status authz_grant_put(const struct authz_grant_body *body, struct buffer *out)
{
	struct cbor_writer w;
	size_t count = (size_t)5 + (body->not_before_s != 0) + (body->expires_s != 0) +
	               (body->uses_max != 0) + (body->nonce_account_count != 0) +
	               (body->pin_count != 0) + (body->extra_account_count != 0);

	CHECK(body->counter_count <= LIMIT_COUNTERS_MAX && body->pin_count <= LIMIT_TABLE_PINS_MAX);
	CHECK(body->nonce_account_count <= AUTHZ_NONCE_ACCOUNTS_MAX);
	CHECK(body->extra_account_count <= AUTHZ_EXTRA_ACCOUNTS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, count);
	cbor_put_bytes_n_at(&w, 1, body->client, 32);
	cbor_put_bytes_n_at(&w, 2, body->module, 32);
	cbor_put_key(&w, 3);
	cbor_put_raw(&w, body->parameters);
	cbor_put_bytes_at(&w, 4, body->schema);
	cbor_put_key(&w, 5);
	authz_rules_put(&w, body->counters, body->counter_count);
	cbor_put_uint_if(&w, 6, body->not_before_s);
	cbor_put_uint_if(&w, 7, body->expires_s);
	cbor_put_uint_if(&w, 8, body->uses_max);
	put_keys(body->nonce_accounts, body->nonce_account_count, 9, &w);
	put_pins(body, &w);
	put_keys(body->extra_accounts, body->extra_account_count, 11, &w);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* take_keys takes an optional list of keys, ascending and not empty. */
static size_t take_keys(struct cbor_reader *r, uint64_t key, uint8_t (*keys)[32], size_t max)
{
	size_t count;

	if (!cbor_take_key_if(r, key))
		return 0;
	count = cbor_take_array(r, max);
	if (count == 0)
		cbor_fail(r, STATUS_MALFORMED);
	for (size_t i = 0; i < count; i++) {
		cbor_take_bytes_n(r, keys[i], 32);
		if (i != 0 && memcmp(keys[i - 1], keys[i], 32) >= 0)
			cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
	return count;
}

static void take_pins(struct cbor_reader *r, struct authz_grant_body *body)
{
	if (!cbor_take_key_if(r, 10))
		return;
	body->pin_count = cbor_take_array(r, LIMIT_TABLE_PINS_MAX);
	if (body->pin_count == 0)
		cbor_fail(r, STATUS_MALFORMED);
	for (size_t i = 0; i < body->pin_count; i++) {
		struct authz_pin_body *pin = &body->pins[i];

		cbor_take_map(r, 3);
		cbor_take_bytes_n_at(r, 1, pin->table, 32);
		pin->count = (uint16_t)cbor_take_uint_at(r, 2, AUTHZ_TABLE_ENTRIES_MAX);
		cbor_take_bytes_n_at(r, 3, pin->hash, 32);
		cbor_take_end(r);
		if (pin->count == 0 || (i != 0 && memcmp(pin[-1].table, pin->table, 32) >= 0))
			cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
}

enum status authz_grant_take(struct bytes bytes, struct authz_grant_body *ret_body)
{
	struct authz_grant_body body = {0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 11);
	cbor_take_bytes_n_at(&r, 1, body.client, 32);
	cbor_take_bytes_n_at(&r, 2, body.module, 32);
	cbor_take_key(&r, 3);
	if (cbor_peek(&r) != CBOR_MAP)
		cbor_fail(&r, STATUS_MALFORMED);
	body.parameters = cbor_take_raw(&r, LIMIT_PARAMETERS_MAX);
	body.schema = cbor_take_bytes_at(&r, 4, LIMIT_SCHEMA_MAX);
	cbor_take_key(&r, 5);
	body.counter_count = authz_rules_take(&r, body.counters, LIMIT_COUNTERS_MAX);
	body.not_before_s = cbor_take_uint_if(&r, 6, INT64_MAX);
	body.expires_s = cbor_take_uint_if(&r, 7, INT64_MAX);
	body.uses_max = cbor_take_uint_if(&r, 8, UINT64_MAX);
	body.nonce_account_count = take_keys(&r, 9, body.nonce_accounts, AUTHZ_NONCE_ACCOUNTS_MAX);
	take_pins(&r, &body);
	body.extra_account_count = take_keys(&r, 11, body.extra_accounts, AUTHZ_EXTRA_ACCOUNTS_MAX);
	cbor_take_end(&r);
	if (body.expires_s != 0 && body.expires_s <= body.not_before_s)
		cbor_fail(&r, STATUS_REFUSED);
	if (cbor_done(&r) == STATUS_OK)
		*ret_body = body;
	return cbor_done(&r);
}
