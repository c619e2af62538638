/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_change.h"

#include "base_check.h"
#include "cbor_writer.h"

#define CHANGE_VERSION   1
#define SEALED_SEEDS_MAX 4096

static const char *const action_words[AUTHZ_ACTION_COUNT] = {
    [AUTHZ_ACTION_CREATE] = "create",     [AUTHZ_ACTION_GRANT] = "grant",
    [AUTHZ_ACTION_REVOKE] = "revoke",     [AUTHZ_ACTION_FREEZE] = "freeze",
    [AUTHZ_ACTION_UNFREEZE] = "unfreeze", [AUTHZ_ACTION_LIMIT] = "limit",
    [AUTHZ_ACTION_FACTOR] = "factor",     [AUTHZ_ACTION_IMPORT] = "import",
    [AUTHZ_ACTION_EXPORT] = "export",     [AUTHZ_ACTION_CANCEL] = "cancel",
};

const char *authz_action_word(uint8_t action)
{
	return action < AUTHZ_ACTION_COUNT ? action_words[action] : NULL;
}

bool authz_action_reduces(uint8_t action)
{
	return action == AUTHZ_ACTION_REVOKE || action == AUTHZ_ACTION_FREEZE ||
	       action == AUTHZ_ACTION_CANCEL;
}

bool authz_action_is_birth(uint8_t action)
{
	return action == AUTHZ_ACTION_CREATE || action == AUTHZ_ACTION_IMPORT;
}

/* previous_fits tells whether an entry of this action may, or must, name a previous hash. */
static bool previous_fits(uint8_t action, bool has_previous)
{
	if (authz_action_is_birth(action) || authz_action_reduces(action))
		return !has_previous;
	return has_previous || action == AUTHZ_ACTION_LIMIT;
}

static void put_entry(const struct authz_change_entry *entry, struct cbor_writer *w)
{
	cbor_put_map(w, 2 + entry->has_previous);
	cbor_put_bytes_n_at(w, 1, entry->wallet, 32);
	if (entry->has_previous)
		cbor_put_bytes_n_at(w, 2, entry->previous, 32);
	cbor_put_key(w, 3);
	cbor_put_raw(w, entry->body);
	cbor_put_end(w);
}

enum status authz_change_put(const struct authz_change *change, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(authz_action_word(change->action) != NULL);
	CHECK(change->entry_count != 0 && change->entry_count <= LIMIT_CHANGE_WALLETS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 7);
	cbor_put_uint_at(&w, 1, CHANGE_VERSION);
	cbor_put_uint_at(&w, 2, change->action);
	cbor_put_bytes_n_at(&w, 3, change->deployment, 32);
	cbor_put_key(&w, 4);
	cbor_put_array(&w, change->entry_count);
	for (size_t i = 0; i < change->entry_count; i++) {
		CHECK(i == 0 ||
		      memcmp(change->entries[i - 1].wallet, change->entries[i].wallet, 32) < 0);
		CHECK(previous_fits(change->action, change->entries[i].has_previous));
		put_entry(&change->entries[i], &w);
	}
	cbor_put_end(&w);
	cbor_put_bytes_n_at(&w, 5, change->nonce, 32);
	cbor_put_uint_at(&w, 6, change->expires_s);
	cbor_put_bytes_n_at(&w, 7, change->description_hash, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* check_body tells whether the body is one of its action. */
static enum status check_body(uint8_t action, struct bytes body)
{
	union {
		struct authz_birth_body birth;
		struct authz_grant_body grant;
		struct authz_limit_body limit;
		struct authz_factor_body factor;
		struct authz_export_body export;
		uint8_t id[32];
	} taken;

	switch ((enum authz_action)action) {
	case AUTHZ_ACTION_CREATE:
	case AUTHZ_ACTION_IMPORT:
		return authz_birth_take(body, action == AUTHZ_ACTION_IMPORT, &taken.birth);
	case AUTHZ_ACTION_GRANT:
		return authz_grant_take(body, &taken.grant);
	case AUTHZ_ACTION_EXPORT:
		return authz_export_take(body, &taken.export);
	case AUTHZ_ACTION_REVOKE:
	case AUTHZ_ACTION_CANCEL:
		return authz_id_take(body, taken.id);
	case AUTHZ_ACTION_FREEZE:
	case AUTHZ_ACTION_UNFREEZE:
		return authz_empty_take(body);
	case AUTHZ_ACTION_LIMIT:
		return authz_limit_take(body, &taken.limit);
	case AUTHZ_ACTION_FACTOR:
		return authz_factor_take(body, &taken.factor);
	case AUTHZ_ACTION_COUNT:
		break;
	}
	return STATUS_UNSUPPORTED;
}

static void take_entry(struct cbor_reader *r, struct authz_change *change, size_t at)
{
	struct authz_change_entry *entry = &change->entries[at];

	cbor_take_map(r, 3);
	cbor_take_bytes_n_at(r, 1, entry->wallet, 32);
	entry->has_previous = cbor_take_key_if(r, 2);
	if (entry->has_previous)
		cbor_take_bytes_n(r, entry->previous, 32);
	cbor_take_key(r, 3);
	entry->body = cbor_take_raw(r, AUTHZ_GRANT_BODY_MAX);
	cbor_take_end(r);
	if (at != 0 && memcmp(entry[-1].wallet, entry->wallet, 32) >= 0)
		cbor_fail(r, STATUS_MALFORMED);
	if (!previous_fits(change->action, entry->has_previous))
		cbor_fail(r, STATUS_MALFORMED);
}

enum status authz_change_take(struct bytes bytes, struct authz_change *ret_change)
{
	struct authz_change change = {0};
	enum status status;
	struct cbor_reader r;

	if (bytes.len > LIMIT_CHANGE_MAX)
		return STATUS_TOO_LARGE;
	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 7);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != CHANGE_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	change.action = (uint8_t)cbor_take_uint_at(&r, 2, UINT8_MAX);
	if (authz_action_word(change.action) == NULL)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 3, change.deployment, 32);
	cbor_take_key(&r, 4);
	change.entry_count = cbor_take_array(&r, LIMIT_CHANGE_WALLETS_MAX);
	for (size_t i = 0; i < change.entry_count; i++)
		take_entry(&r, &change, i);
	cbor_take_end(&r);
	cbor_take_bytes_n_at(&r, 5, change.nonce, 32);
	change.expires_s = cbor_take_uint_at(&r, 6, INT64_MAX);
	cbor_take_bytes_n_at(&r, 7, change.description_hash, 32);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK && change.entry_count == 0)
		status = STATUS_MALFORMED;
	for (size_t i = 0; status == STATUS_OK && i < change.entry_count; i++)
		status = check_body(change.action, change.entries[i].body);
	if (status == STATUS_OK)
		*ret_change = change;
	return status;
}

void authz_change_hash(struct bytes change, uint8_t ret_hash[32])
{
	keys_sha256(&change, 1, ret_hash);
}

void authz_grant_id(struct bytes change, const uint8_t wallet[32], uint8_t ret_id[32])
{
	uint8_t hash[32];
	struct bytes parts[] = {bytes_of_text("claviger/grant/v1"), BYTES_OF_ARRAY(hash),
	                        bytes_of(wallet, 32)};

	authz_change_hash(change, hash);
	keys_sha256(parts, 3, ret_id);
}

void authz_authority_next(const uint8_t previous[32], struct bytes signed_bytes,
                          uint8_t ret_hash[32])
{
	uint8_t hash[32];
	struct bytes parts[] = {bytes_of_text("claviger/authority/v1"), bytes_of(previous, 32),
	                        BYTES_OF_ARRAY(hash)};

	keys_sha256(&signed_bytes, 1, hash);
	keys_sha256(parts, 3, ret_hash);
}

void authz_user_id(const struct authz_user_key *first, uint8_t ret_user[32])
{
	struct bytes key = BYTES_OF_ARRAY(first->key);

	keys_sha256(&key, 1, ret_user);
}

static void put_signature(const struct authz_signature *signature, struct cbor_writer *w)
{
	bool is_passkey = authz_key_is_passkey(signature->key.kind);

	cbor_put_map(w, is_passkey ? 5 : 3);
	cbor_put_uint_at(w, 1, signature->key.kind);
	cbor_put_bytes_n_at(w, 2, signature->key.key, 32);
	cbor_put_key(w, 3);
	if (is_passkey) {
		cbor_put_bytes(w, signature->assertion.signature);
		cbor_put_bytes_at(w, 4, signature->assertion.authenticator_data);
		cbor_put_bytes_at(w, 5, signature->assertion.client_data);
	} else {
		cbor_put_bytes_n(w, signature->signature, KEYS_SIGNATURE_LEN);
	}
	cbor_put_end(w);
}

static void put_codes(const struct authz_signed_change *signed_change, struct cbor_writer *w)
{
	CHECK(signed_change->code_count <= AUTHZ_CODES_MAX);
	cbor_put_key(w, 5);
	cbor_put_array(w, signed_change->code_count);
	for (size_t i = 0; i < signed_change->code_count; i++) {
		cbor_put_map(w, 2);
		cbor_put_bytes_n_at(w, 1, signed_change->codes[i].id, 32);
		cbor_put_bytes_n_at(w, 2, signed_change->codes[i].sealed, AUTHZ_CODE_SEALED_LEN);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

static void put_registrations(const struct authz_signed_change *signed_change,
                              struct cbor_writer *w)
{
	CHECK(signed_change->registration_count <= LIMIT_USER_KEYS_MAX);
	cbor_put_key(w, 6);
	cbor_put_array(w, signed_change->registration_count);
	for (size_t i = 0; i < signed_change->registration_count; i++) {
		const struct authz_registration *registration = &signed_change->registrations[i];

		cbor_put_map(w, 3);
		cbor_put_bytes_n_at(w, 1, registration->id, 32);
		cbor_put_bytes_at(w, 2, registration->said.authenticator_data);
		cbor_put_bytes_at(w, 3, registration->said.client_data);
		cbor_put_end(w);
	}
	cbor_put_end(w);
}

enum status authz_signed_change_put(const struct authz_signed_change *signed_change,
                                    struct buffer *out)
{
	bool seeds = signed_change->sealed_seeds.len != 0, tables = signed_change->table_count != 0;
	bool codes = signed_change->code_count != 0;
	bool registrations = signed_change->registration_count != 0;
	struct cbor_writer w;

	CHECK(signed_change->signature_count <= AUTHZ_SIGNATURES_MAX);
	CHECK(signed_change->table_count <= LIMIT_TABLE_PINS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)2 + seeds + tables + codes + registrations);
	cbor_put_bytes_at(&w, 1, signed_change->change);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, signed_change->signature_count);
	for (size_t i = 0; i < signed_change->signature_count; i++)
		put_signature(&signed_change->signatures[i], &w);
	cbor_put_end(&w);
	if (seeds)
		cbor_put_bytes_at(&w, 3, signed_change->sealed_seeds);
	if (tables) {
		cbor_put_key(&w, 4);
		cbor_put_array(&w, signed_change->table_count);
		for (size_t i = 0; i < signed_change->table_count; i++) {
			cbor_put_map(&w, 2);
			cbor_put_bytes_n_at(&w, 1, signed_change->tables[i].table, 32);
			cbor_put_bytes_at(&w, 2, signed_change->tables[i].addresses);
			cbor_put_end(&w);
		}
		cbor_put_end(&w);
	}
	if (codes)
		put_codes(signed_change, &w);
	if (registrations)
		put_registrations(signed_change, &w);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static void take_signature(struct cbor_reader *r, struct authz_signature *ret_signature)
{
	cbor_take_map(r, 5);
	ret_signature->key.kind = (uint8_t)cbor_take_uint_at(r, 1, UINT8_MAX);
	if (ret_signature->key.kind != AUTHZ_KEY_ED25519 &&
	    !authz_key_is_passkey(ret_signature->key.kind))
		cbor_fail(r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(r, 2, ret_signature->key.key, 32);
	cbor_take_key(r, 3);
	if (authz_key_is_passkey(ret_signature->key.kind)) {
		ret_signature->assertion.signature = cbor_take_bytes(r, KEYS_P256_SIGNATURE_MAX);
		cbor_take_key(r, 4);
		ret_signature->assertion.authenticator_data =
		    cbor_take_bytes(r, AUTHZ_AUTHENTICATOR_DATA_MAX);
		ret_signature->assertion.client_data =
		    cbor_take_bytes_at(r, 5, AUTHZ_CLIENT_DATA_MAX);
	} else {
		cbor_take_bytes_n(r, ret_signature->signature, KEYS_SIGNATURE_LEN);
	}
	cbor_take_end(r);
}

static void take_codes(struct cbor_reader *r, struct authz_signed_change *ret_signed)
{
	ret_signed->code_count = cbor_take_array(r, AUTHZ_CODES_MAX);
	for (size_t i = 0; i < ret_signed->code_count; i++) {
		struct authz_code *code = &ret_signed->codes[i];

		cbor_take_map(r, 2);
		cbor_take_bytes_n_at(r, 1, code->id, 32);
		cbor_take_bytes_n_at(r, 2, code->sealed, sizeof(code->sealed));
		cbor_take_end(r);
		for (size_t j = 0; j < i; j++)
			if (memcmp(ret_signed->codes[j].id, code->id, 32) == 0)
				cbor_fail(r, STATUS_MALFORMED);
	}
	cbor_take_end(r);
	if (ret_signed->code_count == 0)
		cbor_fail(r, STATUS_MALFORMED);
}

static void take_registrations(struct cbor_reader *r, struct authz_signed_change *ret_signed)
{
	ret_signed->registration_count = cbor_take_array(r, LIMIT_USER_KEYS_MAX);
	for (size_t i = 0; i < ret_signed->registration_count; i++) {
		struct authz_registration *registration = &ret_signed->registrations[i];

		cbor_take_map(r, 3);
		cbor_take_bytes_n_at(r, 1, registration->id, 32);
		cbor_take_key(r, 2);
		registration->said.authenticator_data =
		    cbor_take_bytes(r, AUTHZ_AUTHENTICATOR_DATA_MAX);
		registration->said.client_data = cbor_take_bytes_at(r, 3, AUTHZ_CLIENT_DATA_MAX);
		cbor_take_end(r);
	}
	cbor_take_end(r);
	if (ret_signed->registration_count == 0)
		cbor_fail(r, STATUS_MALFORMED);
}

static void take_table(struct cbor_reader *r, struct authz_table_contents *ret_table)
{
	cbor_take_map(r, 2);
	cbor_take_bytes_n_at(r, 1, ret_table->table, 32);
	ret_table->addresses = cbor_take_bytes_at(r, 2, (size_t)AUTHZ_TABLE_ENTRIES_MAX * 32);
	if (ret_table->addresses.len == 0 || ret_table->addresses.len % 32 != 0)
		cbor_fail(r, STATUS_MALFORMED);
	cbor_take_end(r);
}

enum status authz_signed_change_take(struct bytes bytes, struct authz_signed_change *ret_signed)
{
	struct authz_signed_change taken = {0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 6);
	taken.change = cbor_take_bytes_at(&r, 1, LIMIT_CHANGE_MAX);
	cbor_take_key(&r, 2);
	taken.signature_count = cbor_take_array(&r, AUTHZ_SIGNATURES_MAX);
	for (size_t i = 0; i < taken.signature_count; i++)
		take_signature(&r, &taken.signatures[i]);
	cbor_take_end(&r);
	if (cbor_take_key_if(&r, 3)) {
		taken.sealed_seeds = cbor_take_bytes(&r, SEALED_SEEDS_MAX);
		if (taken.sealed_seeds.len == 0)
			cbor_fail(&r, STATUS_MALFORMED);
	}
	if (cbor_take_key_if(&r, 4)) {
		taken.table_count = cbor_take_array(&r, LIMIT_TABLE_PINS_MAX);
		if (taken.table_count == 0)
			cbor_fail(&r, STATUS_MALFORMED);
		for (size_t i = 0; i < taken.table_count; i++)
			take_table(&r, &taken.tables[i]);
		cbor_take_end(&r);
	}
	if (cbor_take_key_if(&r, 5))
		take_codes(&r, &taken);
	if (cbor_take_key_if(&r, 6))
		take_registrations(&r, &taken);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_signed = taken;
	return cbor_done(&r);
}

const struct authz_table_contents *authz_table_find(const struct authz_signed_change *signed_change,
                                                    const struct authz_pin_body *pin)
{
	for (size_t i = 0; i < signed_change->table_count; i++) {
		const struct authz_table_contents *table = &signed_change->tables[i];
		uint8_t hash[32];

		if (memcmp(table->table, pin->table, 32) != 0 ||
		    table->addresses.len != (size_t)32 * pin->count)
			continue;
		keys_sha256(&table->addresses, 1, hash);
		if (memcmp(hash, pin->hash, 32) == 0)
			return table;
	}
	return NULL;
}
