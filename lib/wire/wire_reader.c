/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_reader.h"

struct wire_reader wire_read(struct bytes bytes)
{
	return (struct wire_reader){bytes, STATUS_OK};
}

void wire_fail(struct wire_reader *reader)
{
	if (reader->status == STATUS_OK)
		reader->status = STATUS_MALFORMED;
}

/* take returns `len` borrowed bytes, or NULL once anything has gone wrong. */
static const uint8_t *take(struct wire_reader *reader, size_t len)
{
	const uint8_t *at = reader->rest.data;

	if (reader->status == STATUS_OK && len > reader->rest.len)
		reader->status = STATUS_MALFORMED;
	if (reader->status != STATUS_OK)
		return NULL;
	if (len != 0)
		reader->rest.data += len;
	reader->rest.len -= len;
	return at;
}

uint8_t wire_take_u8(struct wire_reader *reader)
{
	const uint8_t *at = take(reader, 1);

	return at != NULL ? *at : 0;
}

uint16_t wire_take_u16(struct wire_reader *reader)
{
	const uint8_t *at = take(reader, 2);

	return at != NULL ? load_le16(at) : 0;
}

uint32_t wire_take_u32(struct wire_reader *reader)
{
	const uint8_t *at = take(reader, 4);

	return at != NULL ? load_le32(at) : 0;
}

uint64_t wire_take_u64(struct wire_reader *reader)
{
	const uint8_t *at = take(reader, 8);

	return at != NULL ? load_le64(at) : 0;
}

uint16_t wire_take_be16(struct wire_reader *reader)
{
	return __builtin_bswap16(wire_take_u16(reader));
}

uint32_t wire_take_be32(struct wire_reader *reader)
{
	return __builtin_bswap32(wire_take_u32(reader));
}

uint64_t wire_take_be64(struct wire_reader *reader)
{
	return __builtin_bswap64(wire_take_u64(reader));
}

struct bytes wire_take_n(struct wire_reader *reader, size_t len)
{
	const uint8_t *at = take(reader, len);

	return bytes_of(at, at != NULL ? len : 0);
}

bool wire_take_bool(struct wire_reader *reader)
{
	uint8_t value = wire_take_u8(reader);

	if (value > 1)
		wire_fail(reader);
	return value == 1;
}

void wire_take_fixed(struct wire_reader *reader, void *ret_bytes, size_t len)
{
	const uint8_t *at = take(reader, len);

	if (len == 0)
		return;
	if (at != NULL)
		memcpy(ret_bytes, at, len);
	else
		memset(ret_bytes, 0, len);
}

struct bytes wire_take_run(struct wire_reader *reader, size_t max)
{
	size_t len = wire_take_u32(reader);
	const uint8_t *at;

	if (reader->status == STATUS_OK && len > max)
		reader->status = STATUS_TOO_LARGE;
	at = take(reader, len);
	return bytes_of(at, at != NULL ? len : 0);
}

enum status wire_done(const struct wire_reader *reader)
{
	if (reader->status != STATUS_OK)
		return reader->status;
	return reader->rest.len == 0 ? STATUS_OK : STATUS_MALFORMED;
}
