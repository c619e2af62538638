/* SPDX-License-Identifier: Apache-2.0 */
#include "base_sha256.h"

#include <cpuid.h>
#include <immintrin.h>

/* FIPS 180-4 section 4.2.2 */
static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned by)
{
	return x >> by | x << (32 - by);
}

static uint32_t load_be32(const uint8_t *at)
{
	return __builtin_bswap32(load_le32(at));
}

static void blocks_portable(uint32_t state[8], const uint8_t *at, size_t count)
{
	for (; count != 0; count--, at += SHA256_BLOCK_LEN) {
		uint32_t w[64], s[8];

		for (unsigned t = 0; t < 16; t++)
			w[t] = load_be32(at + 4 * t);
		for (unsigned t = 16; t < 64; t++) {
			uint32_t a = w[t - 15], b = w[t - 2];

			w[t] = w[t - 16] + w[t - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
		}
		memcpy(s, state, sizeof(s));
		for (unsigned t = 0; t < 64; t++) {
			uint32_t sum1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
			uint32_t sum0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
			uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
			uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
			uint32_t one = s[7] + sum1 + choice + round_constants[t] + w[t];

			memmove(s + 1, s, 7 * sizeof(s[0]));
			s[4] += one;
			s[0] = one + sum0 + majority;
		}
		for (unsigned i = 0; i < 8; i++)
			state[i] += s[i];
	}
}

/* The SHA extensions keep the state as two vectors, ABEF and CDGH, and do two rounds at a time
 * (Intel SDM volume 2, SHA256RNDS2). */
__attribute__((target("sha,sse4.1,ssse3"))) static void
blocks_extension(uint32_t state[8], const uint8_t *at, size_t count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i abcd = _mm_loadu_si128((const __m128i *)(const void *)state);
	__m128i efgh = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
	__m128i badc = _mm_shuffle_epi32(abcd, 0xb1), hgfe = _mm_shuffle_epi32(efgh, 0x1b);
	__m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

	for (; count != 0; count--, at += SHA256_BLOCK_LEN) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4];

		for (unsigned i = 0; i < 4; i++)
			w[i] = _mm_shuffle_epi8(
			    _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i)), swap);
#pragma GCC unroll 16
		for (unsigned group = 0; group < 16; group++) {
			__m128i now = w[group % 4];
			__m128i sum = _mm_add_epi32(
			    now, _mm_load_si128(
			             (const __m128i *)(const void *)(round_constants + 4 * group)));

			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			/* w[t] of four rounds later, from this group and the three behind it */
			now = _mm_sha256msg1_epu32(now, w[(group + 1) % 4]);
			now = _mm_add_epi32(
			    now, _mm_alignr_epi8(w[(group + 3) % 4], w[(group + 2) % 4], 4));
			w[group % 4] = _mm_sha256msg2_epu32(now, w[(group + 3) % 4]);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	badc = _mm_shuffle_epi32(cdgh, 0xb1);
	hgfe = _mm_shuffle_epi32(abef, 0x1b);
	_mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(hgfe, badc, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(badc, hgfe, 8));
}

static bool has_extension(void)
{
	unsigned a, b, c, d;

	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b >> 29 & 1) == 0)
		return false;
	return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c >> 19 & 1) != 0 && (c >> 9 & 1) != 0;
}

static void (*blocks)(uint32_t state[8], const uint8_t *at, size_t count);

void sha256_use_portable(bool portable)
{
	blocks = portable || !has_extension() ? blocks_portable : blocks_extension;
}

void sha256_init(struct sha256 *hash)
{
	static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	if (blocks == NULL)
		sha256_use_portable(false);
	memcpy(hash->state, start, sizeof(start));
	hash->len = 0;
	hash->block_len = 0;
}

void sha256_add(struct sha256 *hash, struct bytes bytes)
{
	const uint8_t *at = bytes.data;
	size_t left = bytes.len, whole;

	if (left == 0)
		return; /* an empty run may have no address */
	hash->len += left;
	if (hash->block_len != 0) {
		size_t take = sizeof(hash->block) - hash->block_len;

		take = take < left ? take : left;
		memcpy(hash->block + hash->block_len, at, take);
		hash->block_len += take;
		at += take;
		left -= take;
		if (hash->block_len < sizeof(hash->block))
			return;
		blocks(hash->state, hash->block, 1);
		hash->block_len = 0;
	}
	whole = left / SHA256_BLOCK_LEN;
	if (whole != 0)
		blocks(hash->state, at, whole);
	left -= whole * SHA256_BLOCK_LEN;
	if (left != 0)
		memcpy(hash->block, at + whole * SHA256_BLOCK_LEN, left);
	hash->block_len = left;
}

void sha256_done(struct sha256 *hash, uint8_t ret_hash[SHA256_LEN])
{
	uint64_t bits_be = __builtin_bswap64(hash->len * 8);
	size_t len = hash->block_len;

	hash->block[len++] = 0x80;
	if (len > SHA256_BLOCK_LEN - sizeof(bits_be)) {
		memset(hash->block + len, 0, SHA256_BLOCK_LEN - len);
		blocks(hash->state, hash->block, 1);
		len = 0;
	}
	memset(hash->block + len, 0, SHA256_BLOCK_LEN - len);
	memcpy(hash->block + SHA256_BLOCK_LEN - sizeof(bits_be), &bits_be, sizeof(bits_be));
	blocks(hash->state, hash->block, 1);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t word_be = __builtin_bswap32(hash->state[i]);

		memcpy(ret_hash + 4 * i, &word_be, sizeof(word_be));
	}
}

void sha256_of(struct bytes bytes, uint8_t ret_hash[SHA256_LEN])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes);
	sha256_done(&hash, ret_hash);
}
