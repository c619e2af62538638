/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "base_sha256.h"
#include "base_test.h"

static bool hashes_to(struct bytes bytes, const char *hex)
{
	uint8_t hash[SHA256_LEN];
	char text[HEX_LEN(SHA256_LEN) + 1];

	sha256_of(bytes, hash);
	hex_encode(BYTES_OF_ARRAY(hash), text);
	return strcmp(text, hex) == 0;
}

/* FIPS 180-4's example messages, from NIST's "Examples with Intermediate Values". */
static void nist_vectors(void)
{
	static uint8_t million[1000000];

	EXPECT(hashes_to(bytes_of_text(""),
	                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	EXPECT(hashes_to(bytes_of_text("abc"),
	                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	EXPECT(hashes_to(bytes_of_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
	EXPECT(hashes_to(
	    bytes_of_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	                  "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
	    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"));
	memset(million, 'a', sizeof(million));
	EXPECT(hashes_to(BYTES_OF_ARRAY(million),
	                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

static void test_nist_vectors_with_the_processors_instructions(void)
{
	sha256_use_portable(false);
	nist_vectors();
}

static void test_nist_vectors_with_plain_c(void)
{
	sha256_use_portable(true);
	nist_vectors();
}

static void test_both_ways_agree_for_every_length_and_cut(void)
{
	uint8_t data[300], one[SHA256_LEN], other[SHA256_LEN];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(data); len++) {
		struct sha256 hash;

		sha256_use_portable(true);
		sha256_of(bytes_of(data, len), one);
		sha256_use_portable(false);
		sha256_init(&hash);
		sha256_add(&hash, bytes_of(data, len / 3));
		sha256_add(&hash, bytes_of(data + len / 3, len - len / 3));
		sha256_done(&hash, other);
		EXPECT(memcmp(one, other, sizeof(one)) == 0);
	}
}

int main(void)
{
	RUN(test_nist_vectors_with_the_processors_instructions);
	RUN(test_nist_vectors_with_plain_c);
	RUN(test_both_ways_agree_for_every_length_and_cut);
	return test_summary();
}
