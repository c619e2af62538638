/* base_bytes: a borrowed run of bytes, and a caller's buffer with a capacity.
 *
 * `struct bytes` is read-only and borrowed: it dies with its source, and a function never keeps
 * one after it returns. `struct buffer` is storage that the caller owns; functions append to it
 * and never pass its capacity. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base_status.h"

struct bytes {
	const uint8_t *data;
	size_t len;
};

struct buffer {
	uint8_t *data;
	size_t cap;
	size_t len;
};

#define BYTES_OF_ARRAY(array)  ((struct bytes){(const uint8_t *)(array), sizeof(array)})
#define BUFFER_OF_ARRAY(array) ((struct buffer){(uint8_t *)(array), sizeof(array), 0})

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){(const uint8_t *)data, len};
}

static inline struct bytes bytes_of_text(const char *text)
{
	return bytes_of(text, strlen(text));
}

static inline struct bytes buffer_bytes(const struct buffer *buffer)
{
	return (struct bytes){buffer->data, buffer->len};
}

/* bytes_equal compares public data; secrets and tags use secret_equal (lib/secret). */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* buffer_put appends all of `bytes` or nothing; STATUS_TOO_LARGE when they do not fit. */
MUST_USE static inline enum status buffer_put(struct buffer *buffer, struct bytes bytes)
{
	if (bytes.len > buffer->cap - buffer->len)
		return STATUS_TOO_LARGE;
	if (bytes.len != 0)
		memcpy(buffer->data + buffer->len, bytes.data, bytes.len);
	buffer->len += bytes.len;
	return STATUS_OK;
}

/* Fixed-order integers at a possibly unaligned address. */
static inline uint16_t load_le16(const void *at)
{
	uint16_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint32_t load_le32(const void *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static inline uint64_t load_le64(const void *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static inline void store_le16(void *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void store_le32(void *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static inline void store_le64(void *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "Claviger runs on x86-64 only");

#endif
