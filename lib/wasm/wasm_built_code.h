/* wasm_built_code: what the C that tools/policy_compile.c writes is made of. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_BUILT_CODE_H
#define WASM_BUILT_CODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wasm_built.h"

/* Ends the run: each function that a stopped one returns to returns, too. */
#define WASM_BUILT_STOP(reason)                                                                    \
	do {                                                                                       \
		m->stopped = (reason);                                                             \
		goto stopped;                                                                      \
	} while (0)

/* The place of `len` bytes at base + off: the sum is taken in 64 bits, as the standard has it, so
 * that it cannot wrap. */
#define WASM_BUILT_AT(base, off, len)                                                              \
	({                                                                                         \
		uint64_t place_ = (uint64_t)(base) + (off);                                        \
		if (__builtin_expect(place_ + (len) > WASM_BUILT_BYTES, 0))                        \
			WASM_BUILT_STOP(WASM_BUILT_MEMORY);                                        \
		m->bytes + place_;                                                                 \
	})

static inline void wasm_built_mark(struct wasm_built_memory *m, const uint8_t *at, uint32_t len)
{
	size_t first = (size_t)(at - m->bytes);

	m->changed[first / WASM_BUILT_BLOCK] = 1;
	m->changed[(first + len - 1) / WASM_BUILT_BLOCK] = 1;
}

#define WASM_BUILT_LOAD(type, base, off)                                                           \
	({                                                                                         \
		type value_;                                                                       \
		memcpy(&value_, WASM_BUILT_AT(base, off, sizeof(value_)), sizeof(value_));         \
		value_;                                                                            \
	})

#define WASM_BUILT_STORE(type, base, off, value)                                                   \
	do {                                                                                       \
		type value_ = (type)(value);                                                       \
		uint8_t *at_ = WASM_BUILT_AT(base, off, sizeof(value_));                           \
		memcpy(at_, &value_, sizeof(value_));                                              \
		wasm_built_mark(m, at_, sizeof(value_));                                           \
	} while (0)

static inline void wasm_built_mark_run(struct wasm_built_memory *m, uint32_t at, uint32_t len)
{
	if (len != 0)
		memset(m->changed + at / WASM_BUILT_BLOCK, 1,
		       (at + len - 1) / WASM_BUILT_BLOCK - at / WASM_BUILT_BLOCK + 1);
}

#define WASM_BUILT_COPY(to, from, len)                                                             \
	do {                                                                                       \
		const uint8_t *from_ = WASM_BUILT_AT(from, 0, len);                                \
		memmove(WASM_BUILT_AT(to, 0, len), from_, len);                                    \
		wasm_built_mark_run(m, to, len);                                                   \
	} while (0)

#define WASM_BUILT_FILL(to, value, len)                                                            \
	do {                                                                                       \
		memset(WASM_BUILT_AT(to, 0, len), (uint8_t)(value), len);                          \
		wasm_built_mark_run(m, to, len);                                                   \
	} while (0)

#define WASM_BUILT_ARITHMETIC(bits, count)                                                         \
	static inline uint##bits##_t wasm_built_clz##bits(uint##bits##_t x)                        \
	{                                                                                          \
		return x == 0 ? bits : (uint##bits##_t)__builtin_clz##count(x);                    \
	}                                                                                          \
	static inline uint##bits##_t wasm_built_ctz##bits(uint##bits##_t x)                        \
	{                                                                                          \
		return x == 0 ? bits : (uint##bits##_t)__builtin_ctz##count(x);                    \
	}                                                                                          \
	static inline uint##bits##_t wasm_built_popcnt##bits(uint##bits##_t x)                     \
	{                                                                                          \
		return (uint##bits##_t)__builtin_popcount##count(x);                               \
	}                                                                                          \
	static inline uint##bits##_t wasm_built_rotl##bits(uint##bits##_t x, uint##bits##_t by)    \
	{                                                                                          \
		return x << (by & (bits - 1)) | x >> ((0u - by) & (bits - 1));                     \
	}

WASM_BUILT_ARITHMETIC(32, )
WASM_BUILT_ARITHMETIC(64, ll)

#endif
