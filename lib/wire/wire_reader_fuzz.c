/* Property: whatever the bytes and the order of takes, no take reads outside the input, what was
 * taken adds up to the input when wire_done says OK, and after a failure nothing is handed out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "wire_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t script_len = len < 16 ? len : 16, taken = 0;
	struct bytes input = bytes_of(data + script_len, len - script_len), run;
	struct wire_reader reader = wire_read(input);
	uint8_t fixed[7];

	for (size_t i = 0; i < script_len; i++) {
		bool failed = reader.status != STATUS_OK;

		switch (data[i] % 5) {
		case 0:
			taken += 1;
			CHECK(wire_take_u8(&reader) == 0 || !failed);
			break;
		case 1:
			taken += 4;
			CHECK(wire_take_u32(&reader) == 0 || !failed);
			break;
		case 2:
			taken += 8;
			CHECK(wire_take_u64(&reader) == 0 || !failed);
			break;
		case 3:
			taken += sizeof(fixed);
			wire_take_fixed(&reader, fixed, sizeof(fixed));
			break;
		default:
			run = wire_take_run(&reader, data[i]);
			CHECK(run.len <= data[i] && (run.len == 0 || !failed));
			CHECK(run.len == 0 || (run.data >= input.data &&
			                       run.data + run.len <= input.data + input.len));
			taken += 4 + run.len;
			break;
		}
	}
	CHECK(wire_done(&reader) != STATUS_OK || taken == input.len);
	return 0;
}
