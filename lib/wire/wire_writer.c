/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_writer.h"

struct wire_writer wire_write(struct buffer *out)
{
	return (struct wire_writer){out, STATUS_OK};
}

void wire_put_fixed(struct wire_writer *writer, const void *bytes, size_t len)
{
	if (writer->status == STATUS_OK)
		writer->status = buffer_put(writer->out, bytes_of(bytes, len));
}

void wire_put_u8(struct wire_writer *writer, uint8_t value)
{
	wire_put_fixed(writer, &value, sizeof(value));
}

void wire_put_u16(struct wire_writer *writer, uint16_t value)
{
	wire_put_fixed(writer, &value, sizeof(value));
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	wire_put_fixed(writer, &value, sizeof(value));
}

void wire_put_u64(struct wire_writer *writer, uint64_t value)
{
	wire_put_fixed(writer, &value, sizeof(value));
}

void wire_put_bool(struct wire_writer *writer, bool value)
{
	wire_put_u8(writer, value ? 1 : 0);
}

void wire_put_run(struct wire_writer *writer, struct bytes bytes)
{
	if (bytes.len > UINT32_MAX)
		writer->status = STATUS_TOO_LARGE;
	wire_put_u32(writer, (uint32_t)bytes.len);
	wire_put_fixed(writer, bytes.data, bytes.len);
}

enum status wire_end(const struct wire_writer *writer)
{
	return writer->status;
}
