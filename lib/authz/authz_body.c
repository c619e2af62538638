/* authz_body: the bodies of changes, one map per action; that of grants is in authz_grant.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_factor.h"
#include "base_check.h"
#include "call_sign.h"
#include "cbor_writer.h"

/* A factor that exists is named; one that is brought says all about itself (`data`). */
static void put_user_key(const struct authz_user_key *key, const struct authz_key_data *data,
                         struct cbor_writer *w)
{
	bool brings = data != NULL && key->kind != AUTHZ_KEY_ED25519;

	cbor_put_map(w, brings ? 3 : 2);
	cbor_put_uint_at(w, 1, key->kind);
	cbor_put_key(w, 2);
	if (brings && authz_key_is_passkey(key->kind))
		cbor_put_bytes(w, data->credential);
	else
		cbor_put_bytes_n(w, key->key, 32);
	if (brings) {
		cbor_put_bytes_at(w, 3,
		                  key->kind == AUTHZ_KEY_TOTP ? data->sealed : data->public_key);
	}
	cbor_put_end(w);
}

/* take_strong takes an ed25519 public key that one may rely on (U8). */
static void take_strong(struct cbor_reader *r, uint8_t ret_key[32])
{
	cbor_take_bytes_n(r, ret_key, 32);
	if (r->status == STATUS_OK && !keys_public_is_strong(ret_key))
		cbor_fail(r, STATUS_CRYPTO);
}

static void put_user_keys(const struct authz_user_key *keys, const struct authz_key_data *data,
                          size_t count, struct cbor_writer *w)
{
	CHECK(count <= LIMIT_USER_KEYS_MAX);
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++)
		put_user_key(&keys[i], data != NULL ? &data[i] : NULL, w);
	cbor_put_end(w);
}

/* take_brought takes what a new passkey or TOTP secret says about itself. */
static void take_brought(struct cbor_reader *r, struct authz_user_key *key,
                         struct authz_key_data *data)
{
	struct authz_passkey passkey = {.kind = key->kind};

	if (key->kind == AUTHZ_KEY_TOTP) {
		cbor_take_bytes_n(r, key->key, 32);
		data->sealed = cbor_take_bytes_at(r, 3, AUTHZ_SEALED_TOTP_LEN);
		if (data->sealed.len != AUTHZ_SEALED_TOTP_LEN)
			cbor_fail(r, STATUS_MALFORMED);
		return;
	}
	data->credential = passkey.credential = cbor_take_bytes(r, AUTHZ_CREDENTIAL_MAX);
	cbor_take_key(r, 3);
	data->public_key = passkey.public_key = cbor_take_bytes(r, KEYS_P256_PUBLIC_LEN);
	if (r->status == STATUS_OK && !authz_passkey_is_sound(&passkey))
		cbor_fail(r, STATUS_CRYPTO);
	authz_passkey_id(passkey.credential, key->key);
}

/* take_user_keys takes a list in which each key stands once; `data` NULL: a list of names. */
static size_t take_user_keys(struct cbor_reader *r, struct authz_user_key *keys,
                             struct authz_key_data *data)
{
	size_t count = cbor_take_array(r, LIMIT_USER_KEYS_MAX);

	for (size_t i = 0; i < count; i++) {
		cbor_take_map(r, 3);
		cbor_take_key(r, 1);
		keys[i].kind = (uint8_t)cbor_take_uint(r, UINT8_MAX);
		if (keys[i].kind == 0 || keys[i].kind >= AUTHZ_KEY_KIND_COUNT)
			cbor_fail(r, STATUS_UNSUPPORTED);
		cbor_take_key(r, 2);
		if (keys[i].kind == AUTHZ_KEY_ED25519)
			take_strong(r, keys[i].key);
		else if (data == NULL)
			cbor_take_bytes_n(r, keys[i].key, 32);
		else
			take_brought(r, &keys[i], &data[i]);
		cbor_take_end(r);
		for (size_t j = 0; j < i; j++) {
			if (memcmp(keys[i].key, keys[j].key, 32) == 0)
				cbor_fail(r, STATUS_MALFORMED);
		}
	}
	cbor_take_end(r);
	return count;
}

/* Delays stand in a body's keys `first` and `first` + 1. */
static void put_delays(const struct authz_delays *delays, uint64_t first, struct cbor_writer *w)
{
	if (delays->has_delay)
		cbor_put_uint_at(w, first, delays->delay_s);
	if (delays->has_export_delay) {
		cbor_put_uint_at(w, first + 1, delays->export_delay_s);
	}
}

static void take_delays(struct cbor_reader *r, uint64_t first, struct authz_delays *ret_delays)
{
	ret_delays->has_delay = cbor_take_key_if(r, first);
	if (ret_delays->has_delay)
		ret_delays->delay_s = cbor_take_uint(r, LIMIT_DELAY_MAX_S);
	ret_delays->has_export_delay = cbor_take_key_if(r, first + 1);
	if (ret_delays->has_export_delay)
		ret_delays->export_delay_s = cbor_take_uint(r, LIMIT_DELAY_MAX_S);
}

enum status authz_birth_put(const struct authz_birth_body *body, bool is_import, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(body->user_key_count != 0);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)2 + body->has_recovery + body->has_escape + is_import +
	                     body->delays.has_delay + body->delays.has_export_delay +
	                     (body->limit_count != 0));
	cbor_put_text_at(&w, 1, body->name);
	cbor_put_key(&w, 2);
	put_user_keys(body->user_keys, body->user_key_data, body->user_key_count, &w);
	if (body->has_recovery)
		cbor_put_bytes_n_at(&w, 3, body->recovery, 32);
	if (body->has_escape) {
		cbor_put_bytes_n_at(&w, 4, body->escape, 32);
	}
	if (is_import)
		cbor_put_bytes_n_at(&w, 5, body->address, 32);
	put_delays(&body->delays, 6, &w);
	CHECK(body->limit_count <= LIMIT_WALLET_LIMITS_MAX);
	if (body->limit_count != 0) {
		cbor_put_key(&w, 8);
		authz_rules_put(&w, body->limits, body->limit_count);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* is_name: nothing that could be taken for an address or an id. */
static bool is_name(struct bytes text)
{
	struct call_wallet wallet;

	return call_wallet_parse(text, &wallet) == STATUS_OK && wallet.kind == CALL_WALLET_NAME;
}

/* has_key tells whether `key` is among the body's user keys, or its recovery key. */
static bool has_key(const struct authz_birth_body *body, const uint8_t key[32])
{
	for (size_t i = 0; i < body->user_key_count; i++) {
		if (memcmp(body->user_keys[i].key, key, 32) == 0)
			return true;
		if (bytes_equal(body->user_key_data[i].public_key, bytes_of(key, 32)))
			return true;
	}
	return body->has_recovery && memcmp(body->recovery, key, 32) == 0;
}

enum status authz_birth_take(struct bytes bytes, bool is_import, struct authz_birth_body *ret_body)
{
	struct authz_birth_body body = {0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 8);
	body.name = cbor_take_text_at(&r, 1, LIMIT_NAME_MAX);
	if (r.status == STATUS_OK && !is_name(body.name))
		cbor_fail(&r, STATUS_MALFORMED);
	cbor_take_key(&r, 2);
	body.user_key_count = take_user_keys(&r, body.user_keys, body.user_key_data);
	/* Somebody must be able to sign. */
	if (body.user_key_count == 0 || body.user_keys[0].kind == AUTHZ_KEY_TOTP)
		cbor_fail(&r, STATUS_MALFORMED);
	body.has_recovery = cbor_take_key_if(&r, 3);
	if (body.has_recovery)
		take_strong(&r, body.recovery);
	body.has_escape = cbor_take_key_if(&r, 4);
	if (body.has_escape)
		cbor_take_bytes_n(&r, body.escape, 32);
	if (is_import) {
		cbor_take_key(&r, 5);
		take_strong(&r, body.address);
		/* A6: a wallet is nobody's user key. */
		if (r.status == STATUS_OK && has_key(&body, body.address))
			cbor_fail(&r, STATUS_REFUSED);
	}
	take_delays(&r, 6, &body.delays);
	if (cbor_take_key_if(&r, 8)) {
		body.limit_count = authz_rules_take(&r, body.limits, LIMIT_WALLET_LIMITS_MAX);
		if (body.limit_count == 0 || !authz_limits_differ(body.limits, body.limit_count))
			cbor_fail(&r, STATUS_MALFORMED);
	}
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_body = body;
	return cbor_done(&r);
}

enum status authz_limit_put(const struct authz_limit_body *body, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, body->of_wallet ? 1 : 2);
	if (body->of_wallet) {
		CHECK(body->limit_count <= LIMIT_WALLET_LIMITS_MAX);
		cbor_put_key(&w, 3);
		authz_rules_put(&w, body->limits, body->limit_count);
	} else {
		CHECK(body->count != 0 && body->count <= LIMIT_COUNTERS_MAX);
		cbor_put_bytes_n_at(&w, 1, body->grant, 32);
		cbor_put_key(&w, 2);
		cbor_put_map(&w, body->count);
		for (size_t i = 0; i < body->count; i++)
			cbor_put_uint_at(&w, body->caps[i].id, body->caps[i].cap);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_caps(struct cbor_reader *r, struct authz_limit_body *body)
{
	unsigned id = 0;

	cbor_take_bytes_n_at(r, 1, body->grant, 32);
	cbor_take_key(r, 2);
	body->count = cbor_take_map(r, LIMIT_COUNTERS_MAX);
	if (body->count == 0)
		cbor_fail(r, STATUS_MALFORMED);
	for (size_t i = 0; i < body->count; i++, id++) {
		while (id < UINT8_MAX && !cbor_take_key_if(r, id))
			id++;
		if (id == UINT8_MAX)
			cbor_take_key(r, id);
		body->caps[i].id = (uint8_t)id;
		body->caps[i].cap = cbor_take_uint(r, UINT64_MAX);
	}
	cbor_take_end(r);
}

enum status authz_limit_take(struct bytes bytes, struct authz_limit_body *ret_body)
{
	struct authz_limit_body body = {0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	body.of_wallet = cbor_take_key_if(&r, 3);
	if (body.of_wallet) {
		body.limit_count = authz_rules_take(&r, body.limits, LIMIT_WALLET_LIMITS_MAX);
		if (!authz_limits_differ(body.limits, body.limit_count))
			cbor_fail(&r, STATUS_MALFORMED);
	} else {
		take_caps(&r, &body);
	}
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_body = body;
	return cbor_done(&r);
}

static bool changes_something(const struct authz_factor_body *body)
{
	return body->add_count + body->remove_count != 0 || body->delays.has_delay ||
	       body->delays.has_export_delay || body->has_recovery || body->drops_recovery;
}

enum status authz_factor_put(const struct authz_factor_body *body, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(changes_something(body));
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)2 + body->delays.has_delay + body->delays.has_export_delay +
	                     body->has_recovery + body->drops_recovery);
	cbor_put_key(&w, 1);
	put_user_keys(body->add, body->add_data, body->add_count, &w);
	cbor_put_key(&w, 2);
	put_user_keys(body->remove, NULL, body->remove_count, &w);
	put_delays(&body->delays, 3, &w);
	if (body->has_recovery)
		cbor_put_bytes_n_at(&w, 5, body->recovery, 32);
	if (body->drops_recovery) {
		cbor_put_bool_at(&w, 6, true);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_factor_take(struct bytes bytes, struct authz_factor_body *ret_body)
{
	struct authz_factor_body body = {0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 6);
	cbor_take_key(&r, 1);
	body.add_count = take_user_keys(&r, body.add, body.add_data);
	cbor_take_key(&r, 2);
	body.remove_count = take_user_keys(&r, body.remove, NULL);
	take_delays(&r, 3, &body.delays);
	body.has_recovery = cbor_take_key_if(&r, 5);
	if (body.has_recovery)
		take_strong(&r, body.recovery);
	body.drops_recovery = cbor_take_key_if(&r, 6);
	if (body.drops_recovery && !cbor_take_bool(&r))
		cbor_fail(&r, STATUS_MALFORMED);
	cbor_take_end(&r);
	if (!changes_something(&body) || (body.has_recovery && body.drops_recovery))
		cbor_fail(&r, STATUS_MALFORMED);
	for (size_t i = 0; i < body.add_count; i++) {
		for (size_t j = 0; j < body.remove_count; j++) {
			if (memcmp(body.add[i].key, body.remove[j].key, 32) == 0)
				cbor_fail(&r, STATUS_MALFORMED);
		}
	}
	if (cbor_done(&r) == STATUS_OK)
		*ret_body = body;
	return cbor_done(&r);
}

enum status authz_export_put(const struct authz_export_body *body, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(body->format != 0 && body->format < AUTHZ_EXPORT_FORMAT_COUNT);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_n_at(&w, 1, body->recipient, 32);
	cbor_put_uint_at(&w, 2, body->format);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_export_take(struct bytes bytes, struct authz_export_body *ret_body)
{
	struct authz_export_body body = {.format = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	cbor_take_bytes_n_at(&r, 1, body.recipient, 32);
	body.format = (uint8_t)cbor_take_uint_at(&r, 2, UINT8_MAX);
	if (body.format == 0 || body.format >= AUTHZ_EXPORT_FORMAT_COUNT)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_body = body;
	return cbor_done(&r);
}

enum status authz_id_put(const uint8_t id[32], struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 1);
	cbor_put_bytes_n_at(&w, 1, id, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_id_take(struct bytes bytes, uint8_t ret_id[32])
{
	struct cbor_reader r;
	uint8_t id[32];

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 1);
	cbor_take_bytes_n_at(&r, 1, id, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		memcpy(ret_id, id, 32);
	return cbor_done(&r);
}

enum status authz_empty_put(struct buffer *out)
{
	return buffer_put(out, bytes_of("\xa0", 1));
}

enum status authz_empty_take(struct bytes bytes)
{
	return bytes_equal(bytes, bytes_of("\xa0", 1)) ? STATUS_OK : STATUS_MALFORMED;
}
