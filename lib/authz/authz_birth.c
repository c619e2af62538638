/* authz_birth: the deployment's word on new wallets, and the escape copies in it (A8, B13). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"
#include "authz_signed.h"
#include "authz_statement.h"
#include "base_check.h"
#include "cbor_writer.h"
#include "keys_hpke.h"
#include "secret.h"

#define BIRTH_VERSION 1

static const char birth_label[] = "claviger/birth/v1";
static const char escape_label[] = "claviger/escape/v1";

static void put_row(const struct authz_birth_row *row, struct cbor_writer *w)
{
	bool has_escape = row->escape_copy.len != 0;

	cbor_put_map(w, (size_t)4 + row->has_recovery + has_escape);
	cbor_put_bytes_n_at(w, 1, row->wallet, 32);
	cbor_put_bytes_n_at(w, 2, row->address, 32);
	cbor_put_bool_at(w, 3, row->imported);
	cbor_put_key(w, 4);
	cbor_put_array(w, row->user_key_count);
	for (size_t i = 0; i < row->user_key_count; i++) {
		cbor_put_map(w, 2);
		cbor_put_uint_at(w, 1, row->user_keys[i].kind);
		cbor_put_bytes_n_at(w, 2, row->user_keys[i].key, 32);
		cbor_put_end(w);
	}
	cbor_put_end(w);
	if (row->has_recovery)
		cbor_put_bytes_n_at(w, 5, row->recovery, 32);
	if (has_escape) {
		cbor_put_bytes_at(w, 6, row->escape_copy);
	}
	cbor_put_end(w);
}

enum status authz_birth_answer_put(const struct authz_birth *birth,
                                   const struct keys_sign_key *deployment_key, struct buffer *out)
{
	uint8_t body_space[AUTHZ_BIRTH_MAX], space[AUTHZ_BIRTH_MAX + 64];
	struct buffer body = BUFFER_OF_ARRAY(body_space), scratch = BUFFER_OF_ARRAY(space);
	enum status status;
	struct cbor_writer w;

	CHECK(birth->count != 0 && birth->count <= LIMIT_CHANGE_WALLETS_MAX);
	cbor_writer_init(&w, &body);
	cbor_put_map(&w, 4);
	cbor_put_uint_at(&w, 1, BIRTH_VERSION);
	cbor_put_bytes_n_at(&w, 2, birth->deployment, 32);
	cbor_put_bytes_n_at(&w, 3, birth->change_hash, 32);
	cbor_put_key(&w, 4);
	cbor_put_array(&w, birth->count);
	for (size_t i = 0; i < birth->count; i++)
		put_row(&birth->rows[i], &w);
	cbor_put_end(&w);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	return status == STATUS_OK ? authz_signed_put(birth_label, buffer_bytes(&body),
	                                              deployment_key, &scratch, out)
	                           : status;
}

static void take_row(struct cbor_reader *r, struct authz_birth_row *row)
{
	cbor_take_map(r, 6);
	cbor_take_bytes_n_at(r, 1, row->wallet, 32);
	cbor_take_bytes_n_at(r, 2, row->address, 32);
	row->imported = cbor_take_bool_at(r, 3);
	cbor_take_key(r, 4);
	row->user_key_count = cbor_take_array(r, LIMIT_USER_KEYS_MAX);
	for (size_t i = 0; i < row->user_key_count; i++) {
		cbor_take_map(r, 2);
		cbor_take_key(r, 1);
		row->user_keys[i].kind = (uint8_t)cbor_take_uint(r, UINT8_MAX);
		if (row->user_keys[i].kind == 0 || row->user_keys[i].kind >= AUTHZ_KEY_KIND_COUNT)
			cbor_fail(r, STATUS_UNSUPPORTED);
		cbor_take_bytes_n_at(r, 2, row->user_keys[i].key, 32);
		cbor_take_end(r);
	}
	cbor_take_end(r);
	row->has_recovery = cbor_take_key_if(r, 5);
	if (row->has_recovery)
		cbor_take_bytes_n(r, row->recovery, 32);
	if (cbor_take_key_if(r, 6)) {
		row->escape_copy = cbor_take_bytes(r, AUTHZ_ESCAPE_LEN);
		if (row->escape_copy.len != AUTHZ_ESCAPE_LEN)
			cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
}

enum status authz_birth_answer_open(struct bytes bytes, const uint8_t deployment_key[32],
                                    struct authz_birth *ret_birth)
{
	uint8_t space[AUTHZ_BIRTH_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);
	struct authz_birth birth = {0};
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_BIRTH_MAX, &signed_statement);
	struct cbor_reader r;

	if (status == STATUS_OK)
		status =
		    authz_signed_verify(birth_label, deployment_key, &signed_statement, &scratch);
	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, signed_statement.body);
	cbor_take_map(&r, 4);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != BIRTH_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, birth.deployment, 32);
	cbor_take_bytes_n_at(&r, 3, birth.change_hash, 32);
	cbor_take_key(&r, 4);
	birth.count = cbor_take_array(&r, LIMIT_CHANGE_WALLETS_MAX);
	for (size_t i = 0; i < birth.count; i++)
		take_row(&r, &birth.rows[i]);
	cbor_take_end(&r);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_birth = birth;
	return cbor_done(&r);
}

/* row_matches compares one answer with what was asked for (A8: each field alone may be swapped). */
static bool row_matches(const struct authz_birth_row *row, const struct authz_change_entry *entry,
                        bool is_import)
{
	struct authz_birth_body body;
	bool same =
	    authz_birth_take(entry->body, is_import, &body) == STATUS_OK &&
	    memcmp(row->wallet, entry->wallet, 32) == 0 && row->imported == is_import &&
	    row->user_key_count == body.user_key_count && row->has_recovery == body.has_recovery &&
	    (row->escape_copy.len != 0) == body.has_escape && keys_public_is_strong(row->address);

	for (size_t i = 0; same && i < body.user_key_count; i++)
		same = authz_key_same(&row->user_keys[i], &body.user_keys[i]);
	if (same && body.has_recovery)
		same = memcmp(row->recovery, body.recovery, 32) == 0;
	if (same && is_import)
		same = memcmp(row->address, body.address, 32) == 0;
	return same;
}

enum status authz_birth_matches(const struct authz_birth *birth, const struct authz_change *change,
                                struct bytes change_bytes)
{
	bool is_import = change->action == AUTHZ_ACTION_IMPORT;
	uint8_t hash[32];

	authz_change_hash(change_bytes, hash);
	if (!authz_action_is_birth(change->action) || birth->count != change->entry_count ||
	    memcmp(birth->deployment, change->deployment, 32) != 0 ||
	    memcmp(birth->change_hash, hash, 32) != 0)
		return STATUS_REFUSED;
	for (size_t i = 0; i < birth->count; i++) {
		if (!row_matches(&birth->rows[i], &change->entries[i], is_import))
			return STATUS_REFUSED;
	}
	return STATUS_OK;
}

/* escape_info makes "claviger/escape/v1" || deployment || wallet. */
static struct bytes escape_info(const uint8_t deployment[32], const uint8_t wallet[32],
                                struct buffer *space)
{
	CHECK(buffer_put(space, bytes_of_text(escape_label)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(deployment, 32)) == STATUS_OK);
	CHECK(buffer_put(space, bytes_of(wallet, 32)) == STATUS_OK);
	return buffer_bytes(space);
}

_Static_assert(AUTHZ_ESCAPE_LEN == sizeof(struct keys_sign_key) + KEYS_HPKE_OVERHEAD_LEN, "HPKE");

enum status authz_escape_seal(const uint8_t escape_key[32], const uint8_t deployment[32],
                              const uint8_t wallet[32], const struct keys_sign_key *key,
                              struct buffer *out)
{
	uint8_t space[sizeof(escape_label) + 64];
	struct buffer info = BUFFER_OF_ARRAY(space);

	return keys_hpke_seal(escape_key, escape_info(deployment, wallet, &info),
	                      bytes_of(keys_sign_public(key), 32), BYTES_OF_ARRAY(key->bytes), out,
	                      NULL);
}

enum status authz_escape_open(const uint8_t escape_secret[32], const uint8_t deployment[32],
                              const uint8_t wallet[32], const uint8_t address[32],
                              struct bytes sealed, struct keys_sign_key *ret_key)
{
	uint8_t space[sizeof(escape_label) + 64];
	struct buffer info = BUFFER_OF_ARRAY(space);
	struct keys_sign_key key;
	struct buffer plain = BUFFER_OF_ARRAY(key.bytes);
	struct keys_hpke_key pair;
	enum status status;

	keys_hpke_from_seed(escape_secret, &pair);
	status = keys_hpke_open(&pair, escape_info(deployment, wallet, &info),
	                        bytes_of(address, 32), sealed, &plain, NULL);
	if (status == STATUS_OK && (plain.len != sizeof(key) || !keys_sign_is_whole(&key) ||
	                            memcmp(keys_sign_public(&key), address, 32) != 0))
		status = STATUS_CORRUPT;
	if (status == STATUS_OK)
		*ret_key = key;
	SECRET_WIPE(key);
	SECRET_WIPE(pair);
	return status;
}
