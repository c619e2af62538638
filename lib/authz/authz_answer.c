/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_answer.h"

#include "base_check.h"
#include "cbor_reader.h"
#include "cbor_writer.h"

enum status authz_nonce_answer_put(const struct authz_nonce_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_n_at(&w, 1, answer->nonce, 32);
	cbor_put_uint_at(&w, 2, answer->valid_s);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_nonce_answer_take(struct bytes bytes, struct authz_nonce_answer *ret_answer)
{
	struct authz_nonce_answer answer;
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	cbor_take_bytes_n_at(&r, 1, answer.nonce, 32);
	answer.valid_s = cbor_take_uint_at(&r, 2, UINT32_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

enum status authz_time_answer_put(const struct authz_time_answer *answer, struct buffer *out)
{
	const uint64_t numbers[] = {answer->low_s,    answer->high_s,    answer->source,
	                            answer->state,    answer->key_count, answer->needed,
	                            answer->agreeing, answer->age_s,     answer->left_s};
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 1 + sizeof(numbers) / sizeof(numbers[0]));
	cbor_put_bytes_n_at(&w, 1, answer->nonce, 32);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cbor_put_uint_at(&w, 2 + i, numbers[i]);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_time_answer_take(struct bytes bytes, struct authz_time_answer *ret_answer)
{
	static const uint64_t max[] = {INT64_MAX, INT64_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX,
	                               UINT8_MAX, UINT8_MAX, INT64_MAX, INT64_MAX};
	uint64_t numbers[sizeof(max) / sizeof(max[0])];
	uint8_t nonce[32];
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 1 + sizeof(max) / sizeof(max[0]));
	cbor_take_bytes_n_at(&r, 1, nonce, 32);
	for (size_t i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
		cbor_take_key(&r, 2 + i);
		numbers[i] = cbor_take_uint(&r, max[i]);
	}
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status != STATUS_OK)
		return status;
	*ret_answer = (struct authz_time_answer){.low_s = numbers[0],
	                                         .high_s = numbers[1],
	                                         .source = (uint8_t)numbers[2],
	                                         .state = (uint8_t)numbers[3],
	                                         .key_count = (uint8_t)numbers[4],
	                                         .needed = (uint8_t)numbers[5],
	                                         .agreeing = (uint8_t)numbers[6],
	                                         .age_s = numbers[7],
	                                         .left_s = numbers[8]};
	memcpy(ret_answer->nonce, nonce, sizeof(nonce));
	return STATUS_OK;
}

enum status authz_prepare_answer_put(struct bytes description, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 1);
	cbor_put_text_at(&w, 1, description);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_prepare_answer_take(struct bytes bytes, struct bytes *ret_description)
{
	struct cbor_reader r;
	struct bytes description;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 1);
	description = cbor_take_text_at(&r, 1, LIMIT_DESCRIPTION_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_description = description;
	return status;
}

static void put_outstanding(struct cbor_writer *w, const struct authz_outstanding *outstanding)
{
	CHECK(outstanding->rows.len % sizeof(struct authz_nonce) == 0);
	cbor_put_map(w, 3);
	cbor_put_bytes_n_at(w, 1, outstanding->grant, 32);
	cbor_put_bytes_at(w, 2, outstanding->rows);
	cbor_put_uint_at(w, 3, outstanding->before);
	cbor_put_end(w);
}

static void take_outstanding(struct cbor_reader *r, struct authz_outstanding *outstanding)
{
	cbor_take_map(r, 3);
	cbor_take_bytes_n_at(r, 1, outstanding->grant, 32);
	outstanding->rows = cbor_take_bytes_at(r, 2, AUTHZ_NONCES_MAX * sizeof(struct authz_nonce));
	if (outstanding->rows.len % sizeof(struct authz_nonce) != 0)
		cbor_fail(r, STATUS_MALFORMED);
	outstanding->before = cbor_take_uint_at(r, 3, UINT64_MAX);
	cbor_take_end(r);
}

enum status authz_submit_answer_put(const struct authz_submit_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	CHECK(answer->outstanding_count <= LIMIT_CHANGE_WALLETS_MAX);
	cbor_put_map(&w, 1 + (size_t)(answer->birth.len != 0) + (answer->outstanding_count != 0) +
	                     (answer->waits_until_s != 0) + (answer->export.len != 0));
	cbor_put_uint_at(&w, 1, answer->seq);
	if (answer->birth.len != 0)
		cbor_put_bytes_at(&w, 2, answer->birth);
	if (answer->outstanding_count != 0) {
		cbor_put_key(&w, 3);
		cbor_put_array(&w, answer->outstanding_count);
		for (size_t i = 0; i < answer->outstanding_count; i++)
			put_outstanding(&w, &answer->outstanding[i]);
		cbor_put_end(&w);
	}
	cbor_put_uint_if(&w, 4, answer->waits_until_s);
	if (answer->export.len != 0) {
		cbor_put_bytes_at(&w, 5, answer->export);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* take_some takes a byte string that is not empty: what has no value is left out. */
static struct bytes take_some(struct cbor_reader *r, size_t len_max)
{
	struct bytes bytes = cbor_take_bytes(r, len_max);

	if (bytes.len == 0)
		cbor_fail(r, STATUS_MALFORMED);
	return bytes;
}

enum status authz_submit_answer_take(struct bytes bytes, struct authz_submit_answer *ret_answer)
{
	struct authz_submit_answer answer = {.seq = 0};
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 5);
	answer.seq = cbor_take_uint_at(&r, 1, UINT64_MAX);
	if (cbor_take_key_if(&r, 2))
		answer.birth = take_some(&r, AUTHZ_ANSWER_MAX * 2);
	if (cbor_take_key_if(&r, 3)) {
		answer.outstanding_count = cbor_take_array(&r, LIMIT_CHANGE_WALLETS_MAX);
		if (answer.outstanding_count == 0)
			cbor_fail(&r, STATUS_MALFORMED);
		for (size_t i = 0; i < answer.outstanding_count; i++)
			take_outstanding(&r, &answer.outstanding[i]);
		cbor_take_end(&r);
	}
	answer.waits_until_s = cbor_take_uint_if(&r, 4, INT64_MAX);
	if (cbor_take_key_if(&r, 5))
		answer.export = take_some(&r, AUTHZ_ANSWER_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

enum status authz_sweep_answer_put(const struct authz_sweep_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 5);
	cbor_put_uint_at(&w, 1, answer->step);
	cbor_put_uint_at(&w, 2, answer->wallets);
	cbor_put_uint_at(&w, 3, answer->kept);
	cbor_put_uint_at(&w, 4, answer->unused);
	cbor_put_uint_at(&w, 5, answer->bytes);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_sweep_answer_take(struct bytes bytes, struct authz_sweep_answer *ret_answer)
{
	struct authz_sweep_answer answer;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 5);
	answer.step = (uint8_t)cbor_take_uint_at(&r, 1, AUTHZ_SWEEP_STEP_COUNT - 1);
	answer.wallets = cbor_take_uint_at(&r, 2, UINT64_MAX);
	answer.kept = cbor_take_uint_at(&r, 3, UINT64_MAX);
	answer.unused = cbor_take_uint_at(&r, 4, UINT64_MAX);
	answer.bytes = cbor_take_uint_at(&r, 5, UINT64_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}

enum status authz_module_answer_put(const struct authz_module_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 4);
	cbor_put_bytes_n_at(&w, 1, answer->hash, 32);
	cbor_put_uint_at(&w, 2, answer->module_kind);
	cbor_put_text_at(&w, 3, answer->name);
	cbor_put_bytes_at(&w, 4, answer->schema);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_module_answer_take(struct bytes bytes, struct authz_module_answer *ret_answer)
{
	struct authz_module_answer answer;
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	cbor_take_bytes_n_at(&r, 1, answer.hash, 32);
	answer.module_kind = (enum authz_module_kind)cbor_take_uint_at(&r, 2, AUTHZ_MODULE_SHIPPED);
	answer.name = cbor_take_text_at(&r, 3, LIMIT_NAME_MAX);
	answer.schema = cbor_take_bytes_at(&r, 4, LIMIT_SCHEMA_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

enum status authz_grant_answer_put(const struct authz_grant_answer *answer, struct buffer *out)
{
	uint8_t space[AUTHZ_GRANT_RECORD_MAX];
	struct buffer record = BUFFER_OF_ARRAY(space);
	struct cbor_writer w;
	enum status status = authz_grant_record_put(&answer->grant, &record);

	if (status != STATUS_OK)
		return status;
	CHECK(answer->left_count <= LIMIT_COUNTERS_MAX + 1);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, answer->outstanding.rows.len != 0 ? 4 : 3);
	cbor_put_bytes_at(&w, 1, buffer_bytes(&record));
	cbor_put_key(&w, 2);
	cbor_put_array(&w, answer->left_count);
	for (size_t i = 0; i < answer->left_count; i++)
		cbor_put_uint(&w, answer->left[i]);
	cbor_put_end(&w);
	cbor_put_bool_at(&w, 3, answer->live);
	if (answer->outstanding.rows.len != 0) {
		cbor_put_key(&w, 4);
		put_outstanding(&w, &answer->outstanding);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_grant_answer_take(struct bytes bytes, struct authz_grant_answer *ret_answer)
{
	struct authz_grant_answer answer = {.left_count = 0};
	struct cbor_reader r;
	struct bytes record;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 4);
	record = cbor_take_bytes_at(&r, 1, AUTHZ_GRANT_RECORD_MAX);
	cbor_take_key(&r, 2);
	answer.left_count = cbor_take_array(&r, LIMIT_COUNTERS_MAX + 1);
	for (size_t i = 0; i < answer.left_count; i++)
		answer.left[i] = cbor_take_uint(&r, UINT64_MAX);
	cbor_take_end(&r);
	answer.live = cbor_take_bool_at(&r, 3);
	if (cbor_take_key_if(&r, 4)) {
		take_outstanding(&r, &answer.outstanding);
		if (answer.outstanding.rows.len == 0)
			cbor_fail(&r, STATUS_MALFORMED);
	}
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		status = authz_grant_record_take(record, &answer.grant);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

enum status authz_decisions_answer_put(const struct authz_decisions_answer *answer,
                                       struct buffer *out)
{
	struct cbor_writer w;

	CHECK(answer->count <= AUTHZ_DECISIONS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)1 + answer->more);
	cbor_put_key(&w, 1);
	cbor_put_array(&w, answer->count);
	for (size_t i = 0; i < answer->count; i++)
		cbor_put_bytes(&w, answer->receipts[i]);
	cbor_put_end(&w);
	if (answer->more)
		cbor_put_bytes_n_at(&w, 2, answer->older, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_list_answer_put(const struct authz_list_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(answer->ids.len % 32 == 0);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_at(&w, 1, answer->ids);
	cbor_put_bool_at(&w, 2, answer->more);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_list_answer_take(struct bytes bytes, struct authz_list_answer *ret_answer)
{
	struct authz_list_answer answer;
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	answer.ids = cbor_take_bytes_at(&r, 1, (size_t)AUTHZ_LISTED_MAX * 32);
	if (answer.ids.len % 32 != 0)
		cbor_fail(&r, STATUS_MALFORMED);
	answer.more = cbor_take_bool_at(&r, 2);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

/* ---- backup ---- */

void authz_backup_ask_put(const struct authz_backup_ask *ask, uint8_t ret_target[32])
{
	memset(ret_target, 0, 32);
	ret_target[0] = (uint8_t)ask->step;
	ret_target[1] = (uint8_t)ask->part;
	store_le64(ret_target + 8, __builtin_bswap64(ask->at));
	store_le64(ret_target + 16, __builtin_bswap64(ask->id));
}

enum status authz_backup_ask_take(const struct authz_query *query, struct authz_backup_ask *ret_ask)
{
	struct authz_backup_ask ask = {.step = query->target[0],
	                               .part = query->target[1],
	                               .at = __builtin_bswap64(load_le64(query->target + 8)),
	                               .id = __builtin_bswap64(load_le64(query->target + 16))};
	uint8_t again[32];

	authz_backup_ask_put(&ask, again);
	if (memcmp(again, query->target, 32) != 0 || ask.part >= CALL_STORE_PART_COUNT ||
	    ask.step < CALL_STORE_BACKUP_BEGIN || ask.step > CALL_STORE_BACKUP_END ||
	    (ask.step == CALL_STORE_BACKUP_BEGIN) != (ask.id == 0))
		return STATUS_MALFORMED;
	*ret_ask = ask;
	return STATUS_OK;
}

enum status authz_backup_answer_put(const struct authz_backup_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(answer->bytes.len <= CALL_STORE_BACKUP_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_uint_at(&w, 1, answer->id);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, 2);
	cbor_put_uint(&w, answer->len[0]);
	cbor_put_uint(&w, answer->len[1]);
	cbor_put_end(&w);
	cbor_put_bytes_at(&w, 3, answer->bytes);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_backup_answer_take(struct bytes bytes, struct authz_backup_answer *ret_answer)
{
	struct authz_backup_answer answer;
	struct cbor_reader r;
	enum status status;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	answer.id = cbor_take_uint_at(&r, 1, UINT64_MAX);
	cbor_take_key(&r, 2);
	cbor_take_array(&r, 2);
	answer.len[0] = cbor_take_uint(&r, UINT64_MAX);
	answer.len[1] = cbor_take_uint(&r, UINT64_MAX);
	cbor_take_end(&r);
	answer.bytes = cbor_take_bytes_at(&r, 3, CALL_STORE_BACKUP_MAX);
	cbor_take_end(&r);
	status = cbor_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}

/* ---- clients ---- */

enum status authz_clients_answer_put(const struct authz_clients_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(answer->count <= AUTHZ_CLIENTS_MAX && answer->damaged_count <= AUTHZ_CLIENTS_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)4 + (answer->damaged_count != 0) + answer->more);
	cbor_put_key(&w, 1);
	cbor_put_array(&w, answer->count);
	for (size_t i = 0; i < answer->count; i++) {
		uint8_t space[AUTHZ_CLIENT_RECORD_MAX];
		struct buffer record = BUFFER_OF_ARRAY(space);
		enum status status = authz_client_put(&answer->clients[i], &record);

		if (status != STATUS_OK)
			return status;
		cbor_put_bytes(&w, buffer_bytes(&record));
	}
	cbor_put_end(&w);
	cbor_put_key(&w, 2);
	cbor_put_uint(&w, answer->total);
	cbor_put_key(&w, 3);
	cbor_put_bool(&w, answer->frozen);
	cbor_put_key(&w, 4);
	cbor_put_array(&w, 3);
	for (size_t i = 0; i < 3; i++)
		cbor_put_uint(&w, answer->most[i]);
	cbor_put_end(&w);
	if (answer->damaged_count != 0) {
		cbor_put_key(&w, 5);
		cbor_put_bytes(&w, bytes_of(answer->damaged, answer->damaged_count * 32));
	}
	if (answer->more) {
		cbor_put_key(&w, 6);
		cbor_put_bytes_n(&w, answer->after, 32);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

/* Takes one record; its token is nobody's business, and ids ascend. */
static void take_client(struct cbor_reader *r, const uint8_t *before,
                        struct authz_client_record *client)
{
	static const uint8_t no_token[32];
	struct bytes record = cbor_take_bytes(r, AUTHZ_CLIENT_RECORD_MAX);

	if (record.len == 0 || authz_client_take(record, client) != STATUS_OK ||
	    memcmp(client->token_hash, no_token, 32) != 0 ||
	    (before != NULL && memcmp(before, client->id, 32) >= 0))
		cbor_fail(r, STATUS_MALFORMED);
}

static void take_damaged(struct cbor_reader *r, struct authz_clients_answer *answer)
{
	struct bytes ids = cbor_take_bytes(r, sizeof(answer->damaged));

	if (ids.len == 0 || ids.len % 32 != 0) {
		cbor_fail(r, STATUS_MALFORMED);
		return;
	}
	answer->damaged_count = ids.len / 32;
	memcpy(answer->damaged, ids.data, ids.len);
	for (size_t i = 1; i < answer->damaged_count; i++)
		if (memcmp(answer->damaged[i - 1], answer->damaged[i], 32) >= 0)
			cbor_fail(r, STATUS_MALFORMED);
}

/* ends_behind: the next page begins at or after the last id of this one. */
static bool ends_behind(const struct authz_clients_answer *answer)
{
	return (answer->count == 0 ||
	        memcmp(answer->after, answer->clients[answer->count - 1].id, 32) >= 0) &&
	       (answer->damaged_count == 0 ||
	        memcmp(answer->after, answer->damaged[answer->damaged_count - 1], 32) >= 0);
}

enum status authz_clients_answer_take(struct bytes bytes, struct authz_clients_answer *ret_answer)
{
	struct authz_clients_answer *answer = ret_answer;
	struct cbor_reader r;

	*answer = (struct authz_clients_answer){.count = 0};
	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 6);
	cbor_take_key(&r, 1);
	answer->count = cbor_take_array(&r, AUTHZ_CLIENTS_MAX);
	for (size_t i = 0; i < answer->count; i++)
		take_client(&r, i == 0 ? NULL : answer->clients[i - 1].id, &answer->clients[i]);
	cbor_take_end(&r);
	cbor_take_key(&r, 2);
	answer->total = cbor_take_uint(&r, UINT64_MAX);
	cbor_take_key(&r, 3);
	answer->frozen = cbor_take_bool(&r);
	cbor_take_key(&r, 4);
	if (cbor_take_array(&r, 3) != 3)
		cbor_fail(&r, STATUS_MALFORMED);
	for (size_t i = 0; i < 3; i++)
		answer->most[i] = cbor_take_uint(&r, UINT64_MAX);
	cbor_take_end(&r);
	if (cbor_take_key_if(&r, 5))
		take_damaged(&r, answer);
	answer->more = cbor_take_key_if(&r, 6);
	if (answer->more) {
		cbor_take_bytes_n(&r, answer->after, 32);
		if (!ends_behind(answer))
			cbor_fail(&r, STATUS_MALFORMED);
	}
	cbor_take_end(&r);
	return cbor_done(&r);
}
