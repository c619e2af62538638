/* HPKE: RFC 9180 base mode; the bridge forwards what it cannot read (architecture section 8). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_hpke.h"

#include "base_encode.h"
#include "base_test.h"

static struct bytes hex(const char *text, uint8_t *space, size_t cap)
{
	struct buffer out = {space, cap, 0};

	EXPECT(hex_decode(bytes_of_text(text), &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* RFC 9180's own vector of exactly our suite: base mode, X25519, HKDF-SHA256, AES-256-GCM, sequence
 * 0 (the working group's test-vectors.json). */
static void test_open_gives_the_rfcs_plain_text(void)
{
	uint8_t seed[32], info[20], aad[7], sealed[128], plain_space[64];
	struct buffer plain = BUFFER_OF_ARRAY(plain_space);
	struct keys_hpke_key key;
	struct bytes whole;
	char found[65];

	hex("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d", seed, 32);
	keys_hpke_from_seed(seed, &key);
	hex_encode(BYTES_OF_ARRAY(key.public), found);
	EXPECT(strcmp(found, "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c") ==
	       0);
	whole = hex("6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256"
	            "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be99319"
	            "80a41de125a925cdad859d5b7a",
	            sealed, 128);
	EXPECT(keys_hpke_open(&key, hex("4f6465206f6e2061204772656369616e2055726e", info, 20),
	                      hex("436f756e742d30", aad, 7), whole, &plain, NULL) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of_text("Beauty is truth, truth beauty")));
	for (size_t bit = 0; bit < 8 * whole.len; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		plain.len = 0;
		EXPECT(keys_hpke_open(&key, BYTES_OF_ARRAY(info), BYTES_OF_ARRAY(aad), whole,
		                      &plain, NULL) == STATUS_CRYPTO);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Keys, info, associated data and plain text of RFC 9180 A.1.1; cipher text and answer computed
 * for AES-256-GCM by an independent program that reproduces A.1.1 itself for AES-128-GCM. */
static void test_open_follows_rfc_9180(void)
{
	uint8_t seed[32], info[20], aad[7], sealed[128], answer_text[96], plain_space[64];
	struct buffer plain = BUFFER_OF_ARRAY(plain_space);
	struct keys_hpke_answer answer;
	struct keys_hpke_key key;
	char found[65];

	hex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8", seed, 32);
	keys_hpke_from_seed(seed, &key);
	hex_encode(BYTES_OF_ARRAY(key.public), found);
	EXPECT(strcmp(found, "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d") ==
	       0);
	EXPECT(keys_hpke_open(&key, hex("4f6465206f6e2061204772656369616e2055726e", info, 20),
	                      hex("436f756e742d30", aad, 7),
	                      hex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
	                          "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a"
	                          "397b14f5776db19ff5e57734e0",
	                          sealed, 128),
	                      &plain, &answer) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of_text("Beauty is truth, truth beauty")));
	hex_encode(BYTES_OF_ARRAY(answer.secret), found);
	EXPECT(strcmp(found, "0b225085113c8ce93e172dd985dd1e92613f9f7dbeebe7c14904304dee379cbe") ==
	       0);
	plain.len = 0;
	EXPECT(
	    keys_answer_open(&answer,
	                     hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	                         "92ec6a384b1b7205fb14e2db57ed9eeb349028864ee4ad26b7",
	                         answer_text, 96),
	                     &plain) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of_text("an answer")));
}

static void test_envelope_opens_for_its_key_info_and_data_alone(void)
{
	uint8_t sealed_space[128], plain_space[64], info_space[80];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space), plain = BUFFER_OF_ARRAY(plain_space);
	struct buffer info = BUFFER_OF_ARRAY(info_space);
	uint8_t deployment[32] = {1};
	struct keys_hpke_key key, foreign;
	struct bytes aad = bytes_of("a", 1), text = bytes_of_text("a change");

	keys_hpke_random(&key);
	keys_hpke_random(&foreign);
	EXPECT(keys_hpke_info(deployment, key.public, &info) == STATUS_OK && info.len == 80);
	EXPECT(memcmp(info_space, "claviger/hpke/v1\x01", 17) == 0);
	EXPECT(keys_hpke_seal(key.public, buffer_bytes(&info), aad, text, &sealed, NULL) ==
	       STATUS_OK);
	EXPECT(sealed.len == text.len + KEYS_HPKE_OVERHEAD_LEN);
	EXPECT(keys_hpke_open(&key, buffer_bytes(&info), aad, buffer_bytes(&sealed), &plain,
	                      NULL) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), text));
	plain.len = 0;
	EXPECT(keys_hpke_open(&foreign, buffer_bytes(&info), aad, buffer_bytes(&sealed), &plain,
	                      NULL) == STATUS_CRYPTO);
	EXPECT(keys_hpke_open(&key, buffer_bytes(&info), text, buffer_bytes(&sealed), &plain,
	                      NULL) == STATUS_CRYPTO);
	info_space[16] ^= 1; /* another deployment */
	EXPECT(keys_hpke_open(&key, buffer_bytes(&info), aad, buffer_bytes(&sealed), &plain,
	                      NULL) == STATUS_CRYPTO);
	info_space[16] ^= 1;
	for (size_t i = 0; i < sealed.len; i++) {
		sealed_space[i] ^= 4;
		EXPECT(keys_hpke_open(&key, buffer_bytes(&info), aad, buffer_bytes(&sealed), &plain,
		                      NULL) == STATUS_CRYPTO);
		sealed_space[i] ^= 4;
		EXPECT(keys_hpke_open(&key, buffer_bytes(&info), aad, bytes_of(sealed_space, i),
		                      &plain, NULL) == STATUS_CRYPTO);
	}
	EXPECT(plain.len == 0);
}

static void test_key_of_small_order_is_refused(void)
{
	uint8_t zero[32] = {0}, space[128];
	struct buffer sealed = BUFFER_OF_ARRAY(space);

	EXPECT(keys_hpke_seal(zero, bytes_of("i", 1), bytes_of("a", 1), bytes_of("p", 1), &sealed,
	                      NULL) == STATUS_CRYPTO);
	EXPECT(sealed.len == 0);
}

/* H1: the bridge replays an envelope; the two answers share no key and nonce. */
static void test_answers_to_one_envelope_never_share_a_key_stream(void)
{
	uint8_t sealed_space[128], plain_space[64], space[2][128];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space), plain = BUFFER_OF_ARRAY(plain_space);
	struct buffer one = BUFFER_OF_ARRAY(space[0]), two = BUFFER_OF_ARRAY(space[1]);
	struct keys_hpke_answer asked, answered, other;
	struct keys_hpke_key key;
	struct bytes none = {0};

	keys_hpke_random(&key);
	EXPECT(keys_hpke_seal(key.public, none, none, bytes_of("q", 1), &sealed, &asked) ==
	       STATUS_OK);
	EXPECT(keys_hpke_open(&key, none, none, buffer_bytes(&sealed), &plain, &answered) ==
	       STATUS_OK);
	EXPECT(keys_answer_seal(&answered, bytes_of("same text", 9), &one) == STATUS_OK);
	EXPECT(keys_answer_seal(&answered, bytes_of("same text", 9), &two) == STATUS_OK);
	EXPECT(memcmp(space[0] + 32, space[1] + 32, 9) != 0);
	plain.len = 0;
	EXPECT(keys_answer_open(&asked, buffer_bytes(&two), &plain) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of("same text", 9)));
	sealed.len = 0;
	EXPECT(keys_hpke_seal(key.public, none, none, bytes_of("q", 1), &sealed, &other) ==
	       STATUS_OK);
	EXPECT(keys_answer_open(&other, buffer_bytes(&two), &plain) == STATUS_CRYPTO);
	space[1][two.len - 1] ^= 1;
	EXPECT(keys_answer_open(&asked, buffer_bytes(&two), &plain) == STATUS_CRYPTO);
}

int main(void)
{
	RUN(test_open_gives_the_rfcs_plain_text);
	RUN(test_open_follows_rfc_9180);
	RUN(test_envelope_opens_for_its_key_info_and_data_alone);
	RUN(test_key_of_small_order_is_refused);
	RUN(test_answers_to_one_envelope_never_share_a_key_stream);
	return test_summary();
}
