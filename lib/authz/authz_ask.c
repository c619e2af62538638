/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_ask.h"

#include "authz_statement.h"
#include "base_check.h"
#include "cbor_writer.h"

#define SESSION_VERSION     1
#define SESSION_REQUEST_MAX 256
#define SESSION_VALID_MAX_S 86400

enum status authz_complete_put(const struct authz_complete *complete, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_n_at(&w, 1, complete->change, 32);
	cbor_put_bytes_n_at(&w, 2, complete->wallet, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_complete_take(struct bytes bytes, struct authz_complete *ret_complete)
{
	struct authz_complete complete;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	cbor_take_bytes_n_at(&r, 1, complete.change, 32);
	cbor_take_bytes_n_at(&r, 2, complete.wallet, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_complete = complete;
	return cbor_done(&r);
}

enum status authz_session_request_put(const struct authz_session *session, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(authz_key_is_passkey(session->key.kind));
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 5);
	cbor_put_uint_at(&w, 1, SESSION_VERSION);
	cbor_put_bytes_n_at(&w, 2, session->deployment, 32);
	cbor_put_uint_at(&w, 3, session->key.kind);
	cbor_put_bytes_n_at(&w, 4, session->key.key, 32);
	cbor_put_bytes_n_at(&w, 5, session->nonce, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_session_put(const struct authz_session *session, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 4);
	cbor_put_bytes_at(&w, 1, session->request);
	cbor_put_bytes_at(&w, 3, session->assertion.signature);
	cbor_put_bytes_at(&w, 4, session->assertion.authenticator_data);
	cbor_put_bytes_at(&w, 5, session->assertion.client_data);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

static enum status take_session_request(struct authz_session *session)
{
	struct cbor_reader r;

	cbor_reader_init(&r, session->request);
	cbor_take_map(&r, 5);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != SESSION_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, session->deployment, 32);
	session->key.kind = (uint8_t)cbor_take_uint_at(&r, 3, UINT8_MAX);
	if (!authz_key_is_passkey(session->key.kind))
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 4, session->key.key, 32);
	cbor_take_bytes_n_at(&r, 5, session->nonce, 32);
	cbor_take_end(&r);
	return cbor_done(&r);
}

enum status authz_session_take(struct bytes bytes, struct authz_session *ret_session)
{
	struct authz_session session = {.request = {0}};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	session.request = cbor_take_bytes_at(&r, 1, SESSION_REQUEST_MAX);
	session.assertion.signature = cbor_take_bytes_at(&r, 3, KEYS_P256_SIGNATURE_MAX);
	session.assertion.authenticator_data =
	    cbor_take_bytes_at(&r, 4, AUTHZ_AUTHENTICATOR_DATA_MAX);
	session.assertion.client_data = cbor_take_bytes_at(&r, 5, AUTHZ_CLIENT_DATA_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = take_session_request(&session);
	if (status == STATUS_OK)
		*ret_session = session;
	return status;
}

enum status authz_read_put(const struct authz_read *read, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 4);
	cbor_put_bytes_n_at(&w, 1, read->secret, 32);
	cbor_put_uint_at(&w, 2, read->topic);
	cbor_put_bytes_n_at(&w, 3, read->target, 32);
	cbor_put_bytes_n_at(&w, 4, read->after, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_read_take(struct bytes bytes, struct authz_read *ret_read)
{
	struct authz_read read;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	cbor_take_bytes_n_at(&r, 1, read.secret, 32);
	read.topic = (uint8_t)cbor_take_uint_at(&r, 2, UINT8_MAX);
	if (read.topic == 0 || read.topic >= AUTHZ_QUERY_COUNT)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 3, read.target, 32);
	cbor_take_bytes_n_at(&r, 4, read.after, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_read = read;
	return cbor_done(&r);
}

/* An empty one is left out. */
static struct bytes take_shown(struct cbor_reader *r, size_t max)
{
	struct bytes shown = cbor_take_bytes(r, max);

	if (shown.len == 0)
		cbor_fail(r, STATUS_MALFORMED);
	return shown;
}

enum status authz_module_add_put(const struct authz_module_add *add, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 1 + (size_t)(add->query.len != 0) + (size_t)(add->read.len != 0));
	cbor_put_bytes_at(&w, 1, add->module);
	if (add->query.len != 0)
		cbor_put_bytes_at(&w, 2, add->query);
	if (add->read.len != 0)
		cbor_put_bytes_at(&w, 3, add->read);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_module_add_take(struct bytes bytes, struct authz_module_add *ret_add)
{
	struct authz_module_add add = {.module = {0}};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	add.module = cbor_take_bytes_at(&r, 1, LIMIT_MODULE_MAX);
	if (cbor_take_key_if(&r, 2))
		add.query = take_shown(&r, AUTHZ_STATEMENT_MAX);
	else if (cbor_take_key_if(&r, 3))
		add.read = take_shown(&r, AUTHZ_READ_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_add = add;
	return cbor_done(&r);
}

enum status authz_enroll_put(const uint8_t deployment[32], struct buffer *out)
{
	return authz_id_put(deployment, out);
}

enum status authz_enroll_take(struct bytes bytes, uint8_t ret_deployment[32])
{
	return authz_id_take(bytes, ret_deployment);
}

/* ---- answers ---- */

enum status authz_session_answer_put(const struct authz_session_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_n_at(&w, 1, answer->secret, 32);
	cbor_put_uint_at(&w, 2, answer->valid_s);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_session_answer_take(struct bytes bytes, struct authz_session_answer *ret_answer)
{
	struct authz_session_answer answer;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	cbor_take_bytes_n_at(&r, 1, answer.secret, 32);
	answer.valid_s = cbor_take_uint_at(&r, 2, SESSION_VALID_MAX_S);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}

enum status authz_enroll_answer_put(const struct authz_enroll_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_bytes_n_at(&w, 1, answer->id, 32);
	cbor_put_bytes_n_at(&w, 2, answer->secret.bytes, sizeof(answer->secret.bytes));
	cbor_put_bytes_n_at(&w, 3, answer->sealed, sizeof(answer->sealed));
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_enroll_answer_take(struct bytes bytes, struct authz_enroll_answer *ret_answer)
{
	struct authz_enroll_answer answer;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	cbor_take_bytes_n_at(&r, 1, answer.id, 32);
	cbor_take_bytes_n_at(&r, 2, answer.secret.bytes, sizeof(answer.secret.bytes));
	cbor_take_bytes_n_at(&r, 3, answer.sealed, sizeof(answer.sealed));
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}

enum status authz_pending_answer_put(const struct authz_pending_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_at(&w, 1, answer->signed_change);
	cbor_put_text_at(&w, 2, answer->description);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_pending_answer_take(struct bytes bytes, struct authz_pending_answer *ret_answer)
{
	struct authz_pending_answer answer;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	answer.signed_change = cbor_take_bytes_at(&r, 1, AUTHZ_PENDING_RECORD_MAX);
	answer.description = cbor_take_text_at(&r, 2, LIMIT_DESCRIPTION_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}

enum status authz_factor_answer_put(const struct authz_factor_answer *answer, struct buffer *out)
{
	bool is_passkey = authz_key_is_passkey(answer->kind);
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, is_passkey ? 4 : 2);
	cbor_put_uint_at(&w, 1, answer->kind);
	cbor_put_bytes_n_at(&w, 2, answer->id, 32);
	if (is_passkey) {
		cbor_put_bytes_at(&w, 3, answer->credential);
		cbor_put_bool_at(&w, 4, answer->backup_eligible);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_factor_answer_take(struct bytes bytes, struct authz_factor_answer *ret_answer)
{
	struct authz_factor_answer answer = {.kind = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	answer.kind = (uint8_t)cbor_take_uint_at(&r, 1, UINT8_MAX);
	if (answer.kind != AUTHZ_KEY_TOTP && !authz_key_is_passkey(answer.kind))
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, answer.id, 32);
	if (authz_key_is_passkey(answer.kind)) {
		answer.credential = cbor_take_bytes_at(&r, 3, AUTHZ_CREDENTIAL_MAX);
		answer.backup_eligible = cbor_take_bool_at(&r, 4);
	}
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}
