/* wire_writer: encodes our own ring messages into the caller's buffer; the twin of wire_reader.
 *
 * Integers are little-endian. Never writes past the capacity. Errors stick: after the first put
 * that does not fit nothing more is written, and wire_end() says STATUS_TOO_LARGE. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_WRITER_H
#define WIRE_WRITER_H

#include "base_bytes.h"

struct wire_writer {
	struct buffer *out;
	enum status status;
};

/* wire_write starts writing at the end of `out`. */
struct wire_writer wire_write(struct buffer *out);

void wire_put_u8(struct wire_writer *writer, uint8_t value);
void wire_put_u16(struct wire_writer *writer, uint16_t value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_u64(struct wire_writer *writer, uint64_t value);

/* wire_put_bool writes one byte, 0 or 1. */
void wire_put_bool(struct wire_writer *writer, bool value);

/* wire_put_fixed writes `len` bytes without a length: the reader knows it. */
void wire_put_fixed(struct wire_writer *writer, const void *bytes, size_t len);

/* wire_put_run writes a u32 length and the bytes. */
void wire_put_run(struct wire_writer *writer, struct bytes bytes);

/* wire_end returns STATUS_OK when everything fitted. */
MUST_USE enum status wire_end(const struct wire_writer *writer);

#endif
