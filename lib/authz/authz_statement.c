/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_statement.h"

#include "authz_signed.h"
#include "base_check.h"
#include "cbor_writer.h"

#define STATEMENT_VERSION 1

static const char credential_label[] = "claviger/credential/v1";
static const char command_label[] = "claviger/operator/v1";
static const char query_label[] = "claviger/query/v1";
static const char time_label[] = "claviger/time/v1";
static const char certificate_label[] = "claviger/channel/v1";

void authz_client_id(const uint8_t root_key[32], uint8_t ret_id[32])
{
	struct bytes key = bytes_of(root_key, 32);

	keys_sha256(&key, 1, ret_id);
}

/* sign_message makes label || body, what a statement's signature covers. */
static enum status sign_message(const char *label, struct bytes body, struct buffer *ret_message)
{
	enum status status = buffer_put(ret_message, bytes_of_text(label));

	return status == STATUS_OK ? buffer_put(ret_message, body) : status;
}

enum status authz_signed_put(const char *label, struct bytes body, const struct keys_sign_key *key,
                             struct buffer *scratch, struct buffer *out)
{
	uint8_t signature[KEYS_SIGNATURE_LEN];
	size_t start = scratch->len;
	enum status status = sign_message(label, body, scratch);
	struct cbor_writer w;

	if (status == STATUS_OK) {
		keys_sign(key, bytes_of(scratch->data + start, scratch->len - start), signature);
		cbor_writer_init(&w, out);
		cbor_put_map(&w, 2);
		cbor_put_bytes_at(&w, 1, body);
		cbor_put_bytes_n_at(&w, 2, signature, sizeof(signature));
		cbor_put_end(&w);
		status = cbor_finish(&w);
	}
	scratch->len = start;
	return status;
}

enum status authz_signed_take(struct bytes bytes, size_t body_max, struct authz_signed *ret_signed)
{
	struct authz_signed taken;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	taken.body = cbor_take_bytes_at(&r, 1, body_max);
	cbor_take_bytes_n_at(&r, 2, taken.signature, KEYS_SIGNATURE_LEN);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_signed = taken;
	return cbor_done(&r);
}

enum status authz_signed_verify(const char *label, const uint8_t public_key[KEYS_PUBLIC_LEN],
                                const struct authz_signed *signed_statement, struct buffer *scratch)
{
	size_t start = scratch->len;
	enum status status = sign_message(label, signed_statement->body, scratch);

	if (status == STATUS_OK)
		status =
		    keys_verify(public_key, bytes_of(scratch->data + start, scratch->len - start),
		                signed_statement->signature);
	scratch->len = start;
	return status;
}

/* put_small and open_small: statements that fit AUTHZ_STATEMENT_MAX. */
static enum status put_small(const char *label, const struct buffer *body,
                             const struct keys_sign_key *key, struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);

	return authz_signed_put(label, buffer_bytes(body), key, &scratch, out);
}

static enum status verify_small(const char *label, const uint8_t public_key[32],
                                const struct authz_signed *signed_statement)
{
	uint8_t space[AUTHZ_STATEMENT_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);

	return authz_signed_verify(label, public_key, signed_statement, &scratch);
}

/* All bodies begin with version and deployment, and most fields are one of three forms. */
static void begin_put(struct cbor_writer *w, struct buffer *out, size_t count,
                      const uint8_t deployment[32])
{
	cbor_writer_init(w, out);
	cbor_put_map(w, count);
	cbor_put_uint_at(w, 1, STATEMENT_VERSION);
	cbor_put_bytes_n_at(w, 2, deployment, 32);
}

static void begin_take(struct cbor_reader *r, struct bytes body, size_t count,
                       uint8_t ret_deployment[32])
{
	cbor_reader_init(r, body);
	cbor_take_map(r, count);
	cbor_take_key(r, 1);
	if (cbor_take_uint(r, UINT64_MAX) != STATEMENT_VERSION)
		cbor_fail(r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(r, 2, ret_deployment, 32);
}

/* take_key_choice takes a number of 1 to max: another one is from a later version. */
static uint8_t take_key_choice(struct cbor_reader *r, uint64_t key, uint8_t max)
{
	uint64_t value = cbor_take_uint_at(r, key, UINT64_MAX);

	if (value == 0 || value > max)
		cbor_fail(r, STATUS_UNSUPPORTED);
	return (uint8_t)value;
}

enum status authz_credential_put(const struct authz_credential *credential,
                                 const struct keys_sign_key *root, struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	CHECK(memcmp(keys_sign_public(root), credential->root_key, 32) == 0);
	begin_put(&w, &body, 7, credential->deployment);
	cbor_put_bytes_n_at(&w, 3, credential->root_key, 32);
	cbor_put_uint_at(&w, 4, credential->serial);
	cbor_put_uint_at(&w, 5, credential->kind);
	cbor_put_bytes_n_at(&w, 6, credential->hash, 32);
	cbor_put_uint_at(&w, 7, credential->expires_s);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	return put_small(credential_label, &body, root, out);
}

enum status authz_credential_open(struct bytes bytes, struct authz_credential *ret_credential)
{
	struct authz_credential taken;
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_STATEMENT_MAX, &signed_statement);
	struct cbor_reader r;

	if (status != STATUS_OK)
		return status;
	begin_take(&r, signed_statement.body, 7, taken.deployment);
	cbor_take_bytes_n_at(&r, 3, taken.root_key, 32);
	taken.serial = cbor_take_uint_at(&r, 4, INT64_MAX);
	taken.kind = take_key_choice(&r, 5, AUTHZ_CREDENTIAL_TLS);
	cbor_take_bytes_n_at(&r, 6, taken.hash, 32);
	taken.expires_s = cbor_take_uint_at(&r, 7, INT64_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = verify_small(credential_label, taken.root_key, &signed_statement);
	if (status == STATUS_OK)
		*ret_credential = taken;
	return status;
}

enum status authz_command_put(const struct authz_command *command, const struct keys_sign_key *key,
                              struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	CHECK(memcmp(keys_sign_public(key), command->operator_key, 32) == 0);
	begin_put(&w, &body, 7, command->deployment);
	cbor_put_bytes_n_at(&w, 3, command->operator_key, 32);
	cbor_put_uint_at(&w, 4, command->serial);
	cbor_put_uint_at(&w, 5, command->action);
	cbor_put_bytes_n_at(&w, 6, command->target, 32);
	cbor_put_uint_at(&w, 7, command->expires_s);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	return put_small(command_label, &body, key, out);
}

enum status authz_command_open(struct bytes bytes, struct authz_command *ret_command)
{
	static const uint8_t zero[32];
	struct authz_command taken;
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_STATEMENT_MAX, &signed_statement);
	struct cbor_reader r;

	if (status != STATUS_OK)
		return status;
	begin_take(&r, signed_statement.body, 7, taken.deployment);
	cbor_take_bytes_n_at(&r, 3, taken.operator_key, 32);
	taken.serial = cbor_take_uint_at(&r, 4, INT64_MAX);
	taken.action = take_key_choice(&r, 5, AUTHZ_COMMAND_COUNT - 1);
	cbor_take_bytes_n_at(&r, 6, taken.target, 32);
	taken.expires_s = cbor_take_uint_at(&r, 7, INT64_MAX);
	if ((taken.action == AUTHZ_COMMAND_FREEZE_ALL ||
	     taken.action == AUTHZ_COMMAND_UNFREEZE_ALL || taken.action == AUTHZ_COMMAND_RESTART ||
	     taken.action == AUTHZ_COMMAND_OFF) &&
	    memcmp(taken.target, zero, 32) != 0)
		cbor_fail(&r, STATUS_MALFORMED);
	if (taken.action == AUTHZ_COMMAND_TRIM_RECEIPTS && memcmp(taken.target + 8, zero, 24) != 0)
		cbor_fail(&r, STATUS_MALFORMED);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = verify_small(command_label, taken.operator_key, &signed_statement);
	if (status == STATUS_OK)
		*ret_command = taken;
	return status;
}

enum status authz_install_put(const struct authz_install *install, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_at(&w, 1, install->command);
	cbor_put_bytes_at(&w, 2, install->content);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_install_take(struct bytes bytes, struct authz_install *ret_install)
{
	struct authz_install taken;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	taken.command = cbor_take_bytes_at(&r, 1, AUTHZ_STATEMENT_MAX);
	taken.content = cbor_take_bytes_at(&r, 2, AUTHZ_INSTALL_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_install = taken;
	return cbor_done(&r);
}

enum status authz_query_put(const struct authz_query *query, const struct keys_sign_key *key,
                            struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	CHECK(memcmp(keys_sign_public(key), query->key, 32) == 0);
	begin_put(&w, &body, 7, query->deployment);
	cbor_put_bytes_n_at(&w, 3, query->key, 32);
	cbor_put_uint_at(&w, 4, query->topic);
	cbor_put_bytes_n_at(&w, 5, query->target, 32);
	cbor_put_bytes_n_at(&w, 6, query->after, 32);
	cbor_put_bytes_n_at(&w, 7, query->nonce, 32);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	return put_small(query_label, &body, key, out);
}

enum status authz_query_open(struct bytes bytes, struct authz_query *ret_query)
{
	struct authz_query taken;
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_STATEMENT_MAX, &signed_statement);
	struct cbor_reader r;

	if (status != STATUS_OK)
		return status;
	begin_take(&r, signed_statement.body, 7, taken.deployment);
	taken.kind = AUTHZ_KEY_ED25519;
	cbor_take_bytes_n_at(&r, 3, taken.key, 32);
	taken.topic = take_key_choice(&r, 4, AUTHZ_QUERY_COUNT - 1);
	cbor_take_bytes_n_at(&r, 5, taken.target, 32);
	cbor_take_bytes_n_at(&r, 6, taken.after, 32);
	cbor_take_bytes_n_at(&r, 7, taken.nonce, 32);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = verify_small(query_label, taken.key, &signed_statement);
	if (status == STATUS_OK)
		*ret_query = taken;
	return status;
}

enum status authz_time_put(const struct authz_time *time, const struct keys_sign_key *key,
                           struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	CHECK(memcmp(keys_sign_public(key), time->key, 32) == 0);
	begin_put(&w, &body, 6, time->deployment);
	cbor_put_bytes_n_at(&w, 3, time->key, 32);
	cbor_put_bytes_n_at(&w, 4, time->nonce, 32);
	cbor_put_uint_at(&w, 5, time->time_s);
	cbor_put_uint_at(&w, 6, time->error_s);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	return put_small(time_label, &body, key, out);
}

enum status authz_time_open(struct bytes bytes, struct authz_time *ret_time)
{
	struct authz_time taken;
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_STATEMENT_MAX, &signed_statement);
	struct cbor_reader r;

	if (status != STATUS_OK)
		return status;
	begin_take(&r, signed_statement.body, 6, taken.deployment);
	cbor_take_bytes_n_at(&r, 3, taken.key, 32);
	cbor_take_bytes_n_at(&r, 4, taken.nonce, 32);
	taken.time_s = cbor_take_uint_at(&r, 5, AUTHZ_TIME_MAX_S);
	taken.error_s = (uint8_t)cbor_take_uint_at(&r, 6, AUTHZ_TIME_ERROR_MAX_S);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = verify_small(time_label, taken.key, &signed_statement);
	if (status == STATUS_OK)
		*ret_time = taken;
	return status;
}

enum status authz_certificate_put(const struct authz_certificate *certificate,
                                  const struct keys_sign_key *deployment_key, struct buffer *out)
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;

	begin_put(&w, &body, 5, certificate->deployment);
	cbor_put_uint_at(&w, 3, certificate->boot);
	cbor_put_uint_at(&w, 4, certificate->role);
	cbor_put_bytes_n_at(&w, 5, certificate->key, 32);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	return put_small(certificate_label, &body, deployment_key, out);
}

enum status authz_certificate_open(struct bytes bytes, const uint8_t deployment_key[32],
                                   struct authz_certificate *ret_certificate)
{
	struct authz_certificate taken;
	struct authz_signed signed_statement;
	enum status status = authz_signed_take(bytes, AUTHZ_STATEMENT_MAX, &signed_statement);
	struct cbor_reader r;

	if (status == STATUS_OK)
		status = verify_small(certificate_label, deployment_key, &signed_statement);
	if (status != STATUS_OK)
		return status;
	begin_take(&r, signed_statement.body, 5, taken.deployment);
	taken.boot = cbor_take_uint_at(&r, 3, INT64_MAX);
	taken.role = take_key_choice(&r, 4, AUTHZ_ROLE_SIGNER);
	cbor_take_bytes_n_at(&r, 5, taken.key, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_certificate = taken;
	return cbor_done(&r);
}
