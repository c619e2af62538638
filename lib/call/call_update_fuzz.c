/* Fuzzes what signer and updater take from each other: what is taken lies inside the message and
 * inside an image. The first byte is the kind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "call_update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct call_update_begin begin;
	struct call_update_piece piece;
	struct call_update_status status;
	struct bytes message, rest;
	uint64_t sum = 0;

	if (size == 0)
		return 0;
	message = bytes_of(data + 1, size - 1);
	if (data[0] == CALL_UPDATE_BEGIN &&
	    update_take_begin(message, &begin, &rest) == STATUS_OK) {
		CHECK(rest.data + rest.len == message.data + message.len &&
		      rest.len == 32 * (size_t)begin.count);
		for (uint32_t i = 0; i < begin.count; i++)
			sum += update_piece_len(begin.len, i);
		CHECK(sum == begin.len);
	}
	if (data[0] == CALL_UPDATE_PIECE && update_take_piece(message, &piece, &rest) == STATUS_OK)
		CHECK(rest.data + rest.len == message.data + message.len && rest.len != 0);
	if (data[0] == CALL_UPDATE_STATUS && update_take_status(message, &status) == STATUS_OK)
		CHECK(status.have <= status.count && status.count <= CALL_UPDATE_PIECES_MAX);
	return 0;
}
