/* wire_reader: decodes our own ring messages from bytes that another process wrote.
 *
 * Owns nothing: the bytes must outlive the reader and must be the caller's private copy (ipc_take
 * makes one). Never reads past the end. Integers are little-endian, but for wire_take_be*.
 * Errors stick: after the first short or over-long take every take returns zero or an empty run,
 * and wire_done() says what went wrong. So a decoder takes every field and checks once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WIRE_READER_H
#define WIRE_READER_H

#include "base_bytes.h"

struct wire_reader {
	struct bytes rest;
	enum status status;
};

/* wire_read starts reading `bytes`. */
struct wire_reader wire_read(struct bytes bytes);

/* wire_take_u8 and its like take one integer; zero after a failure. */
uint8_t wire_take_u8(struct wire_reader *reader);
uint16_t wire_take_u16(struct wire_reader *reader);
uint32_t wire_take_u32(struct wire_reader *reader);
uint64_t wire_take_u64(struct wire_reader *reader);

/* wire_take_be16 and its like take big-endian integers: what a TPM writes (lib/attest). */
uint16_t wire_take_be16(struct wire_reader *reader);
uint32_t wire_take_be32(struct wire_reader *reader);
uint64_t wire_take_be64(struct wire_reader *reader);

/* wire_take_n takes exactly `len` bytes, borrowed; empty after a failure. */
struct bytes wire_take_n(struct wire_reader *reader, size_t len);

/* wire_take_bool takes one byte that must be 0 or 1. */
bool wire_take_bool(struct wire_reader *reader);

/* wire_take_fixed copies exactly `len` bytes; zeros after a failure. */
void wire_take_fixed(struct wire_reader *reader, void *ret_bytes, size_t len);

/* wire_take_run takes a u32 length and that many bytes, at most `max`; borrowed from the source,
 * empty after a failure. */
struct bytes wire_take_run(struct wire_reader *reader, size_t max);

/* wire_fail marks the message as malformed, for a field whose value is out of its range. */
void wire_fail(struct wire_reader *reader);

/* wire_done ends decoding: STATUS_OK only when every take succeeded and no byte is left. */
MUST_USE enum status wire_done(const struct wire_reader *reader);

#endif
