/* SPDX-License-Identifier: Apache-2.0 */
#include "call_update.h"

#define HASH_LEN 32u

static const struct {
	uint32_t code;
	const char *what, *action;
} codes[] = {
#define UPDATE(name, code, what, action) {code, what, action},
#include "call_update.def"
#undef UPDATE
};

uint32_t update_piece_len(uint32_t image_len, uint32_t index)
{
	uint64_t at = (uint64_t)index * CALL_UPDATE_PIECE_BYTES;

	if (at >= image_len)
		return 0;
	return image_len - at < CALL_UPDATE_PIECE_BYTES ? (uint32_t)(image_len - at)
	                                                : CALL_UPDATE_PIECE_BYTES;
}

static enum status take_fixed(struct bytes *message, void *ret_fixed, size_t len)
{
	if (message->len < len)
		return STATUS_MALFORMED;
	memcpy(ret_fixed, message->data, len);
	*message = bytes_of(message->data + len, message->len - len);
	return STATUS_OK;
}

enum status update_take_begin(struct bytes message, struct call_update_begin *ret_begin,
                              struct bytes *ret_hashes)
{
	struct call_update_begin begin;

	if (take_fixed(&message, &begin, sizeof(begin)) != STATUS_OK || begin.len == 0 ||
	    begin.count == 0 || begin.count > CALL_UPDATE_PIECES_MAX ||
	    update_piece_len(begin.len, begin.count - 1) == 0 ||
	    update_piece_len(begin.len, begin.count) != 0 || message.len != begin.count * HASH_LEN)
		return STATUS_MALFORMED;
	*ret_begin = begin;
	*ret_hashes = message;
	return STATUS_OK;
}

enum status update_take_piece(struct bytes message, struct call_update_piece *ret_piece,
                              struct bytes *ret_bytes)
{
	struct call_update_piece piece;

	if (take_fixed(&message, &piece, sizeof(piece)) != STATUS_OK || piece.reserved != 0 ||
	    message.len == 0 || message.len > CALL_UPDATE_PIECE_BYTES)
		return STATUS_MALFORMED;
	*ret_piece = piece;
	*ret_bytes = message;
	return STATUS_OK;
}

enum status update_take_status(struct bytes message, struct call_update_status *ret_status)
{
	struct call_update_status status;

	if (message.len != sizeof(status) ||
	    take_fixed(&message, &status, sizeof(status)) != STATUS_OK ||
	    status.state < CALL_UPDATE_IDLE || status.state >= CALL_UPDATE_STATE_COUNT ||
	    status.count > CALL_UPDATE_PIECES_MAX || status.have > status.count ||
	    status.next > status.count || status.started > 1)
		return STATUS_MALFORMED;
	*ret_status = status;
	return STATUS_OK;
}

bool update_code_text(uint32_t code, const char **ret_what, const char **ret_action)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].code == code) {
			*ret_what = codes[i].what;
			*ret_action = codes[i].action;
			return true;
		}
	}
	return false;
}
