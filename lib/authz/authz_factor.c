/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_factor.h"

#include "base_check.h"
#include "cbor_writer.h"
#include "secret.h"

static size_t public_key_len(uint8_t kind)
{
	return kind == AUTHZ_KEY_PASSKEY_P256 ? KEYS_P256_PUBLIC_LEN : KEYS_PUBLIC_LEN;
}

/* A lock stands in the keys `first` and `first` + 1. */
static size_t lock_len(const struct authz_code_lock *lock)
{
	return (size_t)(lock->failures != 0) + (lock->blocked_until_s != 0);
}

static void put_lock(struct cbor_writer *w, uint64_t first, const struct authz_code_lock *lock)
{
	cbor_put_uint_if(w, first, lock->failures);
	cbor_put_uint_if(w, first + 1, lock->blocked_until_s);
}

enum status authz_factor_record_put(const struct authz_factor_record *factor, struct buffer *out)
{
	bool is_passkey = authz_key_is_passkey(factor->kind);
	struct cbor_writer w;

	CHECK(is_passkey || factor->kind == AUTHZ_KEY_TOTP);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, is_passkey ? 6
	                            : (size_t)4 + lock_len(&factor->with_signature) +
	                                  lock_len(&factor->alone) + (factor->alone_ran_s != 0));
	cbor_put_uint_at(&w, 1, factor->kind);
	cbor_put_bytes_n_at(&w, 2, factor->id, 32);
	cbor_put_uint_at(&w, 3, factor->count);
	if (is_passkey) {
		cbor_put_bytes_n_at(&w, 4, factor->credential, factor->credential_len);
		cbor_put_bytes_n_at(&w, 5, factor->public_key, public_key_len(factor->kind));
		cbor_put_bool_at(&w, 6, factor->backup_eligible);
	} else {
		cbor_put_bytes_n_at(&w, 7, factor->sealed_secret, sizeof(factor->sealed_secret));
		put_lock(&w, 8, &factor->with_signature);
		put_lock(&w, 10, &factor->alone);
		cbor_put_uint_if(&w, 12, factor->alone_ran_s);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_passkey(struct cbor_reader *r, struct authz_factor_record *factor)
{
	uint8_t id[32];
	struct bytes credential;

	credential = cbor_take_bytes_at(r, 4, AUTHZ_CREDENTIAL_MAX);
	factor->credential_len = (uint8_t)credential.len;
	if (credential.len != 0)
		memcpy(factor->credential, credential.data, credential.len);
	cbor_take_bytes_n_at(r, 5, factor->public_key, public_key_len(factor->kind));
	factor->backup_eligible = cbor_take_bool_at(r, 6);
	authz_passkey_id(credential, id);
	if (memcmp(id, factor->id, 32) != 0 || credential.len < AUTHZ_CREDENTIAL_MIN)
		cbor_fail(r, STATUS_CORRUPT);
}

static void take_lock(struct cbor_reader *r, uint64_t first, struct authz_code_lock *ret_lock)
{
	ret_lock->failures = cbor_take_uint_if(r, first, INT64_MAX);
	ret_lock->blocked_until_s = cbor_take_uint_if(r, first + 1, INT64_MAX);
}

static void take_totp(struct cbor_reader *r, struct authz_factor_record *factor)
{
	cbor_take_bytes_n_at(r, 7, factor->sealed_secret, sizeof(factor->sealed_secret));
	take_lock(r, 8, &factor->with_signature);
	take_lock(r, 10, &factor->alone);
	factor->alone_ran_s = cbor_take_uint_if(r, 12, INT64_MAX);
}

enum status authz_factor_record_take(struct bytes bytes, struct authz_factor_record *ret_factor)
{
	struct authz_factor_record factor = {.kind = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 9);
	factor.kind = (uint8_t)cbor_take_uint_at(&r, 1, AUTHZ_KEY_KIND_COUNT - 1);
	cbor_take_bytes_n_at(&r, 2, factor.id, 32);
	factor.count = cbor_take_uint_at(&r, 3, INT64_MAX);
	if (authz_key_is_passkey(factor.kind)) {
		take_passkey(&r, &factor);
	} else {
		take_totp(&r, &factor);
	}
	cbor_take_end(&r);
	if (factor.kind == 0 || factor.kind == AUTHZ_KEY_ED25519)
		cbor_fail(&r, STATUS_CORRUPT);
	if (cbor_done(&r) != STATUS_OK)
		return STATUS_CORRUPT;
	*ret_factor = factor;
	return STATUS_OK;
}

struct authz_passkey authz_factor_passkey(const struct authz_factor_record *factor)
{
	return (struct authz_passkey){
	    .kind = factor->kind,
	    .credential = bytes_of(factor->credential, factor->credential_len),
	    .public_key = bytes_of(factor->public_key, public_key_len(factor->kind)),
	};
}

enum status authz_pending_record_put(const struct authz_pending_record *pending, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 4);
	cbor_put_bytes_n_at(&w, 1, pending->change, 32);
	cbor_put_bytes_at(&w, 2, pending->signed_change);
	cbor_put_text_at(&w, 3, pending->description);
	cbor_put_bytes_n_at(&w, 4, pending->kept, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_pending_record_take(struct bytes bytes, struct authz_pending_record *ret_pending)
{
	struct authz_pending_record pending = {.signed_change = {0}};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	cbor_take_bytes_n_at(&r, 1, pending.change, 32);
	pending.signed_change = cbor_take_bytes_at(&r, 2, AUTHZ_PENDING_RECORD_MAX);
	pending.description = cbor_take_text_at(&r, 3, LIMIT_DESCRIPTION_MAX);
	cbor_take_bytes_n_at(&r, 4, pending.kept, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) != STATUS_OK)
		return STATUS_CORRUPT;
	*ret_pending = pending;
	return STATUS_OK;
}

enum status authz_otpauth(const struct keys_totp *secret, struct bytes label, struct buffer *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char text[KEYS_TOTP_SECRET_LEN / 5 * 8];
	size_t start = out->len;
	enum status status;

	/* 20 bytes are four whole groups of 40 bits: no padding. */
	for (size_t group = 0; group < KEYS_TOTP_SECRET_LEN / 5; group++) {
		uint64_t bits = 0;

		for (size_t i = 0; i < 5; i++)
			bits = bits << 8 | secret->bytes[group * 5 + i];
		for (size_t i = 0; i < 8; i++)
			text[group * 8 + i] = alphabet[bits >> (35 - 5 * i) & 31];
	}
	status = buffer_put(out, bytes_of_text("otpauth://totp/Claviger:"));
	if (status == STATUS_OK)
		status = buffer_put(out, label);
	if (status == STATUS_OK)
		status = buffer_put(out, bytes_of_text("?secret="));
	if (status == STATUS_OK)
		status = buffer_put(out, BYTES_OF_ARRAY(text));
	if (status == STATUS_OK)
		status = buffer_put(out, bytes_of_text("&issuer=Claviger"));
	SECRET_WIPE(text);
	if (status != STATUS_OK)
		out->len = start;
	return status;
}
