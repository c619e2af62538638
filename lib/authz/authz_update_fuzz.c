/* Fuzzes orders, pieces and answers of an update: one encoding each, taken runs inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_update.h"
#include "base_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SPACE (AUTHZ_UPDATE_HASHES_MAX + CALL_UPDATE_PIECE_BYTES + 256)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[SPACE];
	struct buffer again = BUFFER_OF_ARRAY(space);
	struct authz_update_order order;
	struct authz_update_piece piece;
	struct authz_update_answer answer;
	struct bytes input = bytes_of(data, size);

	if (authz_update_order_take(input, &order) == STATUS_OK) {
		CHECK(update_piece_len(order.len, (uint32_t)order.hashes.len / 32) == 0);
		CHECK(authz_update_order_put(&order, &again) == STATUS_OK &&
		      bytes_equal(buffer_bytes(&again), input));
	}
	again.len = 0;
	if (authz_update_piece_take(input, &piece) == STATUS_OK)
		CHECK(authz_update_piece_put(&piece, &again) == STATUS_OK &&
		      bytes_equal(buffer_bytes(&again), input));
	again.len = 0;
	if (authz_update_answer_take(input, &answer) == STATUS_OK)
		CHECK(authz_update_answer_put(&answer, &again) == STATUS_OK &&
		      bytes_equal(buffer_bytes(&again), input));
	return 0;
}
