/* solana_read: takes fields from bytes an attacker wrote; internal to this module.
 *
 * Errors stick: the first one is kept with its offset, and every later take returns zero. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOLANA_READ_H
#define SOLANA_READ_H

#include "solana_view.h"

#define SOLANA_V1_PREFIX       0x81 /* first byte of a v1 message and of its wire form */
#define SOLANA_OFFCHAIN_PREFIX 0xff
#define SOLANA_HEAP_MIN        (32 * 1024)
#define SOLANA_HEAP_MAX        (256 * 1024)

struct solana_reader {
	struct bytes bytes;
	size_t at;
	size_t base; /* where `bytes` begins in what the caller gave: for error offsets only */
	struct solana_error error;
};

/* solana_fail keeps the first error; `at` counts from the reader's first byte. */
static inline void solana_fail(struct solana_reader *r, enum solana_error_code code, size_t at)
{
	if (r->error.code != SOLANA_ERROR_NONE)
		return;
	r->error.code = code;
	r->error.offset = (uint32_t)(r->base + at);
}

static inline bool solana_failed(const struct solana_reader *r)
{
	return r->error.code != SOLANA_ERROR_NONE;
}

/* solana_take steps over `len` bytes and returns the first of them; NULL after a failure. */
static inline const uint8_t *solana_take(struct solana_reader *r, size_t len)
{
	const uint8_t *at;

	if (solana_failed(r))
		return NULL;
	if (len > r->bytes.len - r->at) {
		solana_fail(r, SOLANA_ERROR_TRUNCATED, r->bytes.len);
		return NULL;
	}
	at = r->bytes.data + r->at;
	r->at += len;
	return at;
}

static inline uint8_t solana_take_u8(struct solana_reader *r)
{
	const uint8_t *at = solana_take(r, 1);

	return at == NULL ? 0 : *at;
}

static inline uint16_t solana_take_u16(struct solana_reader *r)
{
	const uint8_t *at = solana_take(r, 2);

	return at == NULL ? 0 : load_le16(at);
}

static inline uint32_t solana_take_u32(struct solana_reader *r)
{
	const uint8_t *at = solana_take(r, 4);

	return at == NULL ? 0 : load_le32(at);
}

static inline uint64_t solana_take_u64(struct solana_reader *r)
{
	const uint8_t *at = solana_take(r, 8);

	return at == NULL ? 0 : load_le64(at);
}

/* solana_take_range steps over `len` bytes and says where they are. */
static inline struct solana_range solana_take_range(struct solana_reader *r, size_t len)
{
	struct solana_range range = {(uint16_t)r->at, (uint16_t)len};

	return solana_take(r, len) == NULL ? (struct solana_range){0, 0} : range;
}

/* solana_take_length takes a compact-u16 in its shortest form: 7 bits a byte, low ones first. A
 * longer form of the same number would be a second spelling of the same message. */
uint16_t solana_take_length(struct solana_reader *r);

/* solana_message_take decodes a legacy, v0 or v1 message and stops behind it. Sets everything of
 * the view but kind, message and signatures. In the legacy envelope (signatures first) a v1 message
 * is refused. */
void solana_message_take(struct solana_reader *r, bool legacy_envelope, struct solana_view *view);

#endif
