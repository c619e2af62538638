/* Derived addresses against web3.js: a few cases here; with a file as argument
 * (tests/solana/pda.mjs writes one) every line of it: "ata OWNER MINT TOKEN-PROGRAM ADDRESS", "pda
 * PROGRAM ADDRESS BUMP SEED..." or "curve KEY 0|1", all in hex, "-" for an empty seed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "base_test.h"
#include "solana_ids.h"
#include "solana_pda.h"

/* SHA-256 (FIPS 180-4), for this test only: what ships takes it from the crypto library. */
static const uint32_t sha_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t value, unsigned bits)
{
	return value >> bits | value << (32 - bits);
}

static void sha_block(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64], s[8];

	for (unsigned i = 0; i < 16; i++)
		w[i] = __builtin_bswap32(load_le32(block + (size_t)i * 4));
	for (unsigned i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(s, state, sizeof(s));
	for (unsigned i = 0; i < 64; i++) {
		uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
		               ((s[4] & s[5]) ^ (~s[4] & s[6])) + sha_k[i] + w[i];
		uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
		               ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += one;
		s[0] = one + two;
	}
	for (unsigned i = 0; i < 8; i++)
		state[i] += s[i];
}

static void sha256(const struct bytes *parts, size_t count, uint8_t ret_hash[32])
{
	uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	uint8_t data[1024] = {0};
	size_t len = 0, end;

	for (size_t i = 0; i < count; i++) {
		if (parts[i].len > 0)
			memcpy(data + len, parts[i].data, parts[i].len);
		len += parts[i].len;
	}
	data[len] = 0x80;
	end = (len + 9 + 63) / 64 * 64;
	for (unsigned i = 0; i < 8; i++)
		data[end - 1 - i] = (uint8_t)((uint64_t)len * 8 >> (8 * i));
	for (size_t at = 0; at < end; at += 64)
		sha_block(state, data + at);
	for (unsigned i = 0; i < 8; i++) {
		uint32_t word = __builtin_bswap32(state[i]);

		memcpy(ret_hash + (size_t)i * 4, &word, 4);
	}
}

static void key_of(const char *base58, uint8_t key[32])
{
	EXPECT(base58_decode_32(bytes_of_text(base58), key) == STATUS_OK);
}

static void test_the_tests_own_sha_256_is_right(void)
{
	static const uint8_t abc[4] = {0xba, 0x78, 0x16, 0xbf};
	struct bytes parts[2] = {bytes_of("a", 1), bytes_of("bc", 2)};
	uint8_t hash[32];

	sha256(parts, 2, hash);
	EXPECT(memcmp(hash, abc, 4) == 0 && hash[31] == 0xad);
}

/* The wrapped SOL and USDC accounts of one owner; from web3.js 1.99 and spl-token 0.4.15. */
static void test_associated_token_addresses_are_the_known_ones(void)
{
	static const char *const rows[][4] = {
	    {"4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7",
	     "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
	     "8jkJdyherYZDYt4k5hXgUY6P3QfMFtPqm2mFgbT4cGM8"},
	    {"4nBntu2d6KyfUqboBgzkHGeUrDgXpGqeomvyW27m8kZ7",
	     "So11111111111111111111111111111111111111112",  "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
	     "8p5P9v1AF1zvth18PcDtghJGqQZqLqoTmHzrcnM1F9SP"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t owner[32], mint[32], program[32], wanted[32], got[32];

		key_of(rows[i][0], owner);
		key_of(rows[i][1], mint);
		key_of(rows[i][2], program);
		key_of(rows[i][3], wanted);
		EXPECT(solana_associated_token_address(owner, mint, program, sha256, got) ==
		       STATUS_OK);
		EXPECT(memcmp(wanted, got, 32) == 0);
	}
}

static void test_points_are_told_from_other_bytes(void)
{
	uint8_t point[32] = {0};

	/* y = 1 (the neutral point), y = 0 and the base point (y = 4/5) are on the curve. */
	EXPECT(solana_is_on_curve(point));
	point[0] = 1;
	EXPECT(solana_is_on_curve(point));
	memset(point, 0x66, sizeof(point));
	point[0] = 0x58;
	EXPECT(solana_is_on_curve(point));
	/* The sign bit changes the point, not whether there is one. */
	point[31] |= 0x80;
	EXPECT(solana_is_on_curve(point));
	memset(point, 0, sizeof(point));
	point[0] = 2;
	EXPECT(!solana_is_on_curve(point));
	/* p + 1 is y = 1 written in another way; the runtime's library reduces it. */
	memset(point, 0xff, sizeof(point));
	point[0] = 0xee;
	point[31] = 0x7f;
	EXPECT(solana_is_on_curve(point));
}

static void test_seeds_over_their_bounds_are_refused(void)
{
	struct bytes seeds[16];
	uint8_t long_seed[33] = {0}, address[32], bump;

	for (size_t i = 0; i < 16; i++)
		seeds[i] = bytes_of(long_seed, 1);
	EXPECT(solana_find_program_address(seeds, 16, solana_id_token, sha256, address, &bump) ==
	       STATUS_TOO_LARGE);
	EXPECT(solana_find_program_address(seeds, 15, solana_id_token, sha256, address, &bump) ==
	       STATUS_OK);
	seeds[0] = bytes_of(long_seed, 33);
	EXPECT(solana_find_program_address(seeds, 1, solana_id_token, sha256, address, &bump) ==
	       STATUS_TOO_LARGE);
}

/* next_hex takes the next word of the line as bytes. */
static bool next_hex(char **line, uint8_t *space, size_t cap, size_t *ret_len)
{
	char *word = strsep(line, " \n");
	struct buffer buffer = {space, cap, 0};

	*ret_len = 0;
	if (word == NULL || *word == '\0')
		return false;
	if (strcmp(word, "-") == 0)
		return true;
	if (hex_decode(bytes_of_text(word), &buffer) != STATUS_OK)
		return false;
	*ret_len = buffer.len;
	return true;
}

static bool check_pda(char *line, const uint8_t program[32], const uint8_t wanted[32])
{
	uint8_t space[16][32], got[32], bump, want_bump;
	struct bytes seeds[16];
	size_t count = 0, len;

	if (!next_hex(&line, &want_bump, 1, &len))
		return false;
	while (count < 16 && next_hex(&line, space[count], 32, &len)) {
		seeds[count] = bytes_of(space[count], len);
		count++;
	}
	return solana_find_program_address(seeds, count, program, sha256, got, &bump) ==
	           STATUS_OK &&
	       memcmp(got, wanted, 32) == 0 && bump == want_bump;
}

static bool check_line(char *line)
{
	char *what = strsep(&line, " ");
	uint8_t a[32], b[32], c[32], wanted[32], got[32];
	size_t len;

	if (!next_hex(&line, a, 32, &len))
		return false;
	if (strcmp(what, "curve") == 0)
		return solana_is_on_curve(a) == (line[0] == '1');
	if (!next_hex(&line, b, 32, &len))
		return false;
	if (strcmp(what, "pda") == 0)
		return check_pda(line, a, b);
	return next_hex(&line, c, 32, &len) && next_hex(&line, wanted, 32, &len) &&
	       solana_associated_token_address(a, b, c, sha256, got) == STATUS_OK &&
	       memcmp(got, wanted, 32) == 0;
}

static int check_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[2048];
	unsigned right = 0, wrong = 0;

	if (file == NULL)
		return 1;
	while (fgets(line, sizeof(line), file) != NULL) {
		char shown[sizeof(line)];

		memcpy(shown, line, sizeof(line));
		if (check_line(line)) {
			right++;
			continue;
		}
		wrong++;
		fprintf(stderr, "wrong: %s", shown);
	}
	fclose(file);
	printf("%u passed, %u failed\n", right, wrong);
	return wrong != 0 || right == 0;
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return check_file(argv[1]);
	RUN(test_the_tests_own_sha_256_is_right);
	RUN(test_associated_token_addresses_are_the_known_ones);
	RUN(test_points_are_told_from_other_bytes);
	RUN(test_seeds_over_their_bounds_are_refused);
	return test_summary();
}
