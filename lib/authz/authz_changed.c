/* authz_changed: links, what is kept of a change, and where a wallet stands: their encodings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_history.h"
#include "authz_signed.h"
#include "base_check.h"
#include "cbor_writer.h"

#define STANDING_VERSION 1

static const char standing_label[] = "claviger/standing/v1";

/* ---- links ---- */

enum status authz_link_put(const struct authz_link *link, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(link->version != 0 && link->step != 0);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 10);
	cbor_put_bytes_n_at(&w, 1, link->wallet, 32);
	cbor_put_uint_at(&w, 2, link->version);
	cbor_put_bytes_n_at(&w, 3, link->previous, 32);
	cbor_put_bytes_n_at(&w, 4, link->authority, 32);
	cbor_put_bytes_n_at(&w, 5, link->kept, 32);
	cbor_put_uint_at(&w, 6, link->step);
	cbor_put_uint_at(&w, 7, link->boot);
	cbor_put_uint_at(&w, 8, link->time_low_s);
	cbor_put_uint_at(&w, 9, link->time_high_s);
	cbor_put_bytes_n_at(&w, 10, link->before, 32);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_link_take(struct bytes bytes, struct authz_link *ret_link)
{
	struct authz_link link;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 10);
	cbor_take_bytes_n_at(&r, 1, link.wallet, 32);
	link.version = cbor_take_uint_at(&r, 2, INT64_MAX);
	cbor_take_bytes_n_at(&r, 3, link.previous, 32);
	cbor_take_bytes_n_at(&r, 4, link.authority, 32);
	cbor_take_bytes_n_at(&r, 5, link.kept, 32);
	link.step = (uint8_t)cbor_take_uint_at(&r, 6, AUTHZ_STEP_COMPLETED);
	link.boot = cbor_take_uint_at(&r, 7, INT64_MAX);
	link.time_low_s = cbor_take_uint_at(&r, 8, INT64_MAX);
	link.time_high_s = cbor_take_uint_at(&r, 9, INT64_MAX);
	cbor_take_bytes_n_at(&r, 10, link.before, 32);
	cbor_take_end(&r);
	if (link.version == 0 || link.step == 0)
		cbor_fail(&r, STATUS_MALFORMED);
	if (cbor_done(&r) == STATUS_OK)
		*ret_link = link;
	return cbor_done(&r);
}

void authz_link_hash(struct bytes link, uint8_t ret_hash[32])
{
	keys_sha256_label("claviger/link/v1", link, ret_hash);
}

void authz_link_id(const uint8_t wallet[32], uint64_t version, uint8_t ret_id[32])
{
	uint64_t number = __builtin_bswap64(version);
	struct bytes parts[] = {bytes_of_text("claviger/version/v1"), bytes_of(wallet, 32),
	                        bytes_of(&number, sizeof(number))};

	keys_sha256(parts, 3, ret_id);
}

/* ---- what is kept ---- */

void authz_kept_of(const struct authz_signed_change *given, struct bytes description,
                   struct authz_signed_change *ret_signed, struct authz_kept *ret_kept)
{
	*ret_signed = *given;
	ret_signed->sealed_seeds = bytes_of(NULL, 0);
	ret_signed->code_count = 0;
	ret_signed->table_count = 0; /* the change has their hashes */
	*ret_kept =
	    (struct authz_kept){.description = description, .code_count = given->code_count};
	for (size_t i = 0; i < given->code_count; i++)
		memcpy(ret_kept->codes[i], given->codes[i].id, 32);
}

enum status authz_kept_put(const struct authz_kept *kept, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(kept->code_count <= AUTHZ_CODES_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, (size_t)2 + (kept->code_count != 0));
	cbor_put_bytes_at(&w, 1, kept->signed_change);
	cbor_put_text_at(&w, 2, kept->description);
	if (kept->code_count != 0) {
		cbor_put_key(&w, 3);
		cbor_put_array(&w, kept->code_count);
		for (size_t i = 0; i < kept->code_count; i++)
			cbor_put_bytes_n(&w, kept->codes[i], 32);
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_kept_take(struct bytes bytes, struct authz_kept *ret_kept)
{
	struct authz_kept kept = {.code_count = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	kept.signed_change = cbor_take_bytes_at(&r, 1, AUTHZ_KEPT_MAX);
	kept.description = cbor_take_text_at(&r, 2, LIMIT_DESCRIPTION_MAX);
	if (cbor_take_key_if(&r, 3)) {
		kept.code_count = cbor_take_array(&r, AUTHZ_CODES_MAX);
		for (size_t i = 0; i < kept.code_count; i++)
			cbor_take_bytes_n(&r, kept.codes[i], 32);
		cbor_take_end(&r);
		if (kept.code_count == 0 ||
		    (kept.code_count == 2 && memcmp(kept.codes[0], kept.codes[1], 32) == 0))
			cbor_fail(&r, STATUS_MALFORMED);
	}
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_kept = kept;
	return cbor_done(&r);
}

enum status authz_changed_put(const struct authz_changed *changed, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 2);
	cbor_put_bytes_at(&w, 1, changed->link);
	cbor_put_bytes_at(&w, 2, changed->kept);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_changed_take(struct bytes bytes, struct authz_changed *ret_changed)
{
	struct authz_changed changed;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 2);
	changed.link = cbor_take_bytes_at(&r, 1, AUTHZ_LINK_MAX);
	changed.kept = cbor_take_bytes_at(&r, 2, AUTHZ_KEPT_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_changed = changed;
	return cbor_done(&r);
}

/* ---- how much in a day ---- */

void authz_day_begin(struct authz_wallet_record *wallet, uint64_t day)
{
	if (wallet->kept_day == day)
		return;
	wallet->kept_day = day;
	wallet->kept = wallet->changed = 0;
}

bool authz_day_is_full(const struct authz_wallet_record *wallet, uint64_t day, uint64_t share)
{
	return wallet->kept_day == day && wallet->changed >= share;
}

/* ---- where a wallet stands ---- */

enum status authz_standing_put(const struct authz_standing *standing,
                               const struct keys_sign_key *deployment_key, struct buffer *out)
{
	uint8_t body_space[AUTHZ_STANDING_MAX], space[AUTHZ_STANDING_MAX + 64];
	struct buffer body = BUFFER_OF_ARRAY(body_space), scratch = BUFFER_OF_ARRAY(space);
	enum status status;
	struct cbor_writer w;

	cbor_writer_init(&w, &body);
	cbor_put_map(&w, 8);
	cbor_put_uint_at(&w, 1, STANDING_VERSION);
	cbor_put_bytes_n_at(&w, 2, standing->deployment, 32);
	cbor_put_bytes_n_at(&w, 3, standing->wallet, 32);
	cbor_put_uint_at(&w, 4, standing->boot);
	cbor_put_uint_at(&w, 5, standing->version);
	cbor_put_bytes_n_at(&w, 6, standing->authority, 32);
	cbor_put_uint_at(&w, 7, standing->time_high_s);
	cbor_put_bytes_n_at(&w, 8, standing->link, 32);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	return status == STATUS_OK ? authz_signed_put(standing_label, buffer_bytes(&body),
	                                              deployment_key, &scratch, out)
	                           : status;
}

enum status authz_standing_open(struct bytes bytes, const uint8_t deployment_key[32],
                                struct authz_standing *ret_standing)
{
	uint8_t space[AUTHZ_STANDING_MAX + 64];
	struct buffer scratch = BUFFER_OF_ARRAY(space);
	struct authz_standing taken;
	struct authz_signed signed_standing;
	enum status status = authz_signed_take(bytes, AUTHZ_STANDING_MAX, &signed_standing);
	struct cbor_reader r;

	if (status == STATUS_OK)
		status =
		    authz_signed_verify(standing_label, deployment_key, &signed_standing, &scratch);
	if (status != STATUS_OK)
		return status;
	cbor_reader_init(&r, signed_standing.body);
	cbor_take_map(&r, 8);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, UINT64_MAX) != STANDING_VERSION)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_bytes_n_at(&r, 2, taken.deployment, 32);
	cbor_take_bytes_n_at(&r, 3, taken.wallet, 32);
	taken.boot = cbor_take_uint_at(&r, 4, INT64_MAX);
	taken.version = cbor_take_uint_at(&r, 5, INT64_MAX);
	cbor_take_bytes_n_at(&r, 6, taken.authority, 32);
	taken.time_high_s = cbor_take_uint_at(&r, 7, INT64_MAX);
	cbor_take_bytes_n_at(&r, 8, taken.link, 32);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_standing = taken;
	return cbor_done(&r);
}

enum status authz_changes_answer_put(const struct authz_changes_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	CHECK(answer->count <= AUTHZ_CHANGES_MAX);
	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_key(&w, 1);
	cbor_put_array(&w, answer->count);
	for (size_t i = 0; i < answer->count; i++)
		cbor_put_bytes(&w, answer->changes[i]);
	cbor_put_end(&w);
	cbor_put_bool_at(&w, 2, answer->more);
	cbor_put_bytes_at(&w, 3, answer->standing);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_changes_answer_take(struct bytes bytes, struct authz_changes_answer *ret_answer)
{
	struct authz_changes_answer answer = {.count = 0};
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	cbor_take_key(&r, 1);
	answer.count = cbor_take_array(&r, AUTHZ_CHANGES_MAX);
	for (size_t i = 0; i < answer.count; i++)
		answer.changes[i] = cbor_take_bytes(&r, AUTHZ_CHANGED_MAX);
	cbor_take_end(&r);
	answer.more = cbor_take_bool_at(&r, 2);
	answer.standing = cbor_take_bytes_at(&r, 3, AUTHZ_STANDING_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = answer;
	return cbor_done(&r);
}
