/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "wire_reader.h"
#include "wire_writer.h"

static void test_what_was_put_is_taken_back(void)
{
	uint8_t space[64];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct wire_writer writer = wire_write(&out);
	struct wire_reader reader;
	uint8_t fixed[3];

	wire_put_u8(&writer, 0xab);
	wire_put_u16(&writer, 0x1234);
	wire_put_u32(&writer, 0xdeadbeef);
	wire_put_u64(&writer, UINT64_C(0x0102030405060708));
	wire_put_bool(&writer, true);
	wire_put_fixed(&writer, "xyz", 3);
	wire_put_run(&writer, bytes_of_text("run"));
	wire_put_run(&writer, bytes_of(NULL, 0));
	EXPECT(wire_end(&writer) == STATUS_OK);
	EXPECT(space[1] == 0x34 && space[2] == 0x12);

	reader = wire_read(buffer_bytes(&out));
	EXPECT(wire_take_u8(&reader) == 0xab);
	EXPECT(wire_take_u16(&reader) == 0x1234);
	EXPECT(wire_take_u32(&reader) == 0xdeadbeef);
	EXPECT(wire_take_u64(&reader) == UINT64_C(0x0102030405060708));
	EXPECT(wire_take_bool(&reader));
	wire_take_fixed(&reader, fixed, 3);
	EXPECT(memcmp(fixed, "xyz", 3) == 0);
	EXPECT(bytes_equal(wire_take_run(&reader, 3), bytes_of_text("run")));
	EXPECT(wire_take_run(&reader, 3).len == 0);
	EXPECT(wire_done(&reader) == STATUS_OK);
}

static void test_every_truncation_is_refused(void)
{
	static const uint8_t whole[] = {1, 2, 0, 3, 0, 0, 0, 'a', 'b', 'c'};

	for (size_t len = 0; len <= sizeof(whole); len++) {
		struct wire_reader reader = wire_read(bytes_of(whole, len));

		(void)wire_take_u8(&reader);
		(void)wire_take_u16(&reader);
		(void)wire_take_run(&reader, 3);
		EXPECT((wire_done(&reader) == STATUS_OK) == (len == sizeof(whole)));
	}
}

static void test_a_left_over_byte_is_refused(void)
{
	struct wire_reader reader = wire_read(bytes_of("\1\2", 2));

	(void)wire_take_u8(&reader);
	EXPECT(wire_done(&reader) == STATUS_MALFORMED);
}

static void test_a_run_over_its_maximum_is_refused_and_errors_stick(void)
{
	static const uint8_t bytes[] = {2, 0, 0, 0, 'a', 'b', 9};
	struct wire_reader reader = wire_read(BYTES_OF_ARRAY(bytes));
	uint8_t fixed[2] = {7, 7};

	EXPECT(wire_take_run(&reader, 1).len == 0);
	EXPECT(wire_take_u8(&reader) == 0);
	wire_take_fixed(&reader, fixed, 2);
	EXPECT(fixed[0] == 0 && fixed[1] == 0);
	EXPECT(wire_take_run(&reader, 9).len == 0);
	EXPECT(wire_done(&reader) == STATUS_TOO_LARGE);
}

static void test_a_length_near_four_gigabytes_does_not_wrap(void)
{
	static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 1};
	struct wire_reader reader = wire_read(BYTES_OF_ARRAY(bytes));

	EXPECT(wire_take_run(&reader, SIZE_MAX).len == 0);
	EXPECT(wire_done(&reader) == STATUS_MALFORMED);
}

static void test_a_bool_is_zero_or_one(void)
{
	for (unsigned value = 0; value < 256; value++) {
		uint8_t byte = (uint8_t)value;
		struct wire_reader reader = wire_read(bytes_of(&byte, 1));

		EXPECT(wire_take_bool(&reader) == (value == 1));
		EXPECT((wire_done(&reader) == STATUS_OK) == (value < 2));
	}
}

static void test_a_writer_never_passes_its_capacity(void)
{
	uint8_t space[8] = {0};
	struct buffer out = {space, 5, 0};
	struct wire_writer writer = wire_write(&out);

	wire_put_u32(&writer, 1);
	wire_put_u32(&writer, UINT32_MAX);
	wire_put_u8(&writer, 0xff);
	EXPECT(wire_end(&writer) == STATUS_TOO_LARGE);
	EXPECT(out.len == 4 && space[4] == 0 && space[5] == 0);
}

int main(void)
{
	RUN(test_what_was_put_is_taken_back);
	RUN(test_every_truncation_is_refused);
	RUN(test_a_left_over_byte_is_refused);
	RUN(test_a_run_over_its_maximum_is_refused_and_errors_stick);
	RUN(test_a_length_near_four_gigabytes_does_not_wrap);
	RUN(test_a_bool_is_zero_or_one);
	RUN(test_a_writer_never_passes_its_capacity);
	return test_summary();
}
