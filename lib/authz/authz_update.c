/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_update.h"

#include "cbor_reader.h"
#include "cbor_writer.h"

#define HASH_LEN 32u

enum status authz_update_order_put(const struct authz_update_order *order, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_uint_at(&w, 1, order->len);
	cbor_put_bytes_at(&w, 2, order->hashes);
	cbor_put_bytes_at(&w, 3, order->approvals);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_update_order_take(struct bytes bytes, struct authz_update_order *ret_order)
{
	struct authz_update_order taken;
	struct cbor_reader r;
	size_t count;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	taken.len = (uint32_t)cbor_take_uint_at(&r, 1, UINT32_MAX);
	taken.hashes = cbor_take_bytes_at(&r, 2, AUTHZ_UPDATE_HASHES_MAX);
	taken.approvals = cbor_take_bytes_at(&r, 3, AUTHZ_UPDATE_APPROVALS_MAX);
	cbor_take_end(&r);
	if (cbor_done(&r) != STATUS_OK)
		return cbor_done(&r);
	count = taken.hashes.len / HASH_LEN;
	if (taken.approvals.len == 0 || taken.hashes.len % HASH_LEN != 0 || count == 0 ||
	    update_piece_len(taken.len, (uint32_t)count - 1) == 0 ||
	    update_piece_len(taken.len, (uint32_t)count) != 0)
		return STATUS_MALFORMED;
	*ret_order = taken;
	return STATUS_OK;
}

enum status authz_update_piece_put(const struct authz_update_piece *piece, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 3);
	cbor_put_bytes_n_at(&w, 1, piece->order, sizeof(piece->order));
	cbor_put_uint_at(&w, 2, piece->index);
	cbor_put_bytes_at(&w, 3, piece->bytes);
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_update_piece_take(struct bytes bytes, struct authz_update_piece *ret_piece)
{
	struct authz_update_piece taken;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	cbor_take_bytes_n_at(&r, 1, taken.order, sizeof(taken.order));
	taken.index = (uint32_t)cbor_take_uint_at(&r, 2, CALL_UPDATE_PIECES_MAX - 1);
	taken.bytes = cbor_take_bytes_at(&r, 3, CALL_UPDATE_PIECE_BYTES);
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_piece = taken;
	return cbor_done(&r);
}

enum status authz_update_answer_put(const struct authz_update_answer *answer, struct buffer *out)
{
	struct cbor_writer w;

	cbor_writer_init(&w, out);
	cbor_put_map(&w, 6);
	cbor_put_uint_at(&w, 1, answer->state);
	cbor_put_uint_at(&w, 2, answer->code);
	cbor_put_uint_at(&w, 3, answer->have);
	cbor_put_uint_at(&w, 4, answer->count);
	cbor_put_uint_at(&w, 5, answer->next);
	cbor_put_bytes_n_at(&w, 6, answer->order, sizeof(answer->order));
	cbor_put_end(&w);
	return cbor_finish(&w);
}

enum status authz_update_answer_take(struct bytes bytes, struct authz_update_answer *ret_answer)
{
	struct authz_update_answer taken;
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 6);
	taken.state = (uint32_t)cbor_take_uint_at(&r, 1, CALL_UPDATE_STATE_COUNT - 1);
	taken.code = (uint32_t)cbor_take_uint_at(&r, 2, UINT32_MAX);
	taken.have = (uint32_t)cbor_take_uint_at(&r, 3, CALL_UPDATE_PIECES_MAX);
	taken.count = (uint32_t)cbor_take_uint_at(&r, 4, CALL_UPDATE_PIECES_MAX);
	taken.next = (uint32_t)cbor_take_uint_at(&r, 5, CALL_UPDATE_PIECES_MAX);
	cbor_take_bytes_n_at(&r, 6, taken.order, sizeof(taken.order));
	cbor_take_end(&r);
	if (cbor_done(&r) == STATUS_OK)
		*ret_answer = taken;
	return cbor_done(&r);
}
