/* Keys: U8 (one signature form), U2 (sealed records are bound), RFC vectors of every primitive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include "base_encode.h"
#include "base_test.h"

static struct bytes hex(const char *text, uint8_t *space, size_t cap)
{
	struct buffer out = {space, cap, 0};

	EXPECT(hex_decode(bytes_of_text(text), &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static bool is_hex(struct bytes bytes, const char *text)
{
	char found[512];

	if (bytes.len > 255)
		return false;
	hex_encode(bytes, found);
	return strcmp(found, text) == 0;
}

static void test_hashes_follow_fips_180_over_any_split(void)
{
	struct bytes parts[] = {bytes_of("a", 1), bytes_of(NULL, 0), bytes_of("bc", 2)};
	uint8_t hash[32];

	keys_sha256(parts, 3, hash);
	EXPECT(is_hex(bytes_of(hash, 32),
	              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
	keys_sha256(parts, 0, hash);
	EXPECT(is_hex(bytes_of(hash, 32),
	              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	keys_sha256_label("ab", bytes_of("c", 1), hash);
	EXPECT(is_hex(bytes_of(hash, 32),
	              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

static void test_hmac_follows_rfc_4231_and_hkdf_rfc_5869(void)
{
	struct bytes parts[] = {bytes_of_text("what do ya want "), bytes_of_text("for nothing?")};
	uint8_t mac[32], salt[16], info[16], made[42];
	struct keys_secret key = {
	    {'J', 'e', 'f', 'e'}
        };

	/* Test case 2; its 4-byte key padded with zeros is the same HMAC key. */
	keys_hmac(&key, parts, 2, mac);
	EXPECT(is_hex(bytes_of(mac, 32),
	              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
	memset(mac, 0x0b, 22);
	keys_hkdf(bytes_of(mac, 22), hex("000102030405060708090a0b0c", salt, 16),
	          hex("f0f1f2f3f4f5f6f7f8f9", info, 16), made, sizeof(made));
	EXPECT(is_hex(BYTES_OF_ARRAY(made),
	              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	              "34007208d5b887185865"));
}

static void test_derived_secrets_differ_by_every_input(void)
{
	struct keys_master master = {{1}}, other = {{2}};
	uint8_t deployment[32] = {3}, foreign[32] = {4};
	struct keys_secret made[5], again;

	keys_derive(&master, deployment, "claviger/a/v1", bytes_of("x", 1), &made[0]);
	keys_derive(&other, deployment, "claviger/a/v1", bytes_of("x", 1), &made[1]);
	keys_derive(&master, foreign, "claviger/a/v1", bytes_of("x", 1), &made[2]);
	keys_derive(&master, deployment, "claviger/b/v1", bytes_of("x", 1), &made[3]);
	keys_derive(&master, deployment, "claviger/a/v1", bytes_of("y", 1), &made[4]);
	for (size_t i = 0; i < 5; i++) {
		for (size_t j = 0; j < i; j++)
			EXPECT(memcmp(&made[i], &made[j], 32) != 0);
	}
	keys_derive(&master, deployment, "claviger/a/v1", bytes_of("x", 1), &again);
	EXPECT(memcmp(&made[0], &again, 32) == 0);
}

/* U2: a blob sealed for one record opens for no other. */
static void test_aead_opens_only_what_was_sealed(void)
{
	uint8_t sealed_space[64], plain_space[32];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space), plain = BUFFER_OF_ARRAY(plain_space);
	struct keys_secret key = {{7}}, foreign = {{8}};
	struct keys_aead aead, other;
	struct bytes aad = bytes_of("aad", 3);

	keys_aead_init(&key, &aead);
	keys_aead_init(&foreign, &other);
	EXPECT(keys_aead_seal(&aead, aad, bytes_of("Claviger", 8), &sealed) == STATUS_OK);
	EXPECT(sealed.len == 8 + KEYS_AEAD_OVERHEAD_LEN);
	EXPECT(keys_aead_open(&aead, aad, buffer_bytes(&sealed), &plain) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of("Claviger", 8)));
	plain.len = 0;
	EXPECT(keys_aead_open(&other, aad, buffer_bytes(&sealed), &plain) == STATUS_CORRUPT);
	EXPECT(keys_aead_open(&aead, bytes_of("aae", 3), buffer_bytes(&sealed), &plain) ==
	       STATUS_CORRUPT);
	for (size_t bit = 0; bit < 8 * sealed.len; bit++) {
		sealed_space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT(keys_aead_open(&aead, aad, buffer_bytes(&sealed), &plain) == STATUS_CORRUPT);
		sealed_space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t len = 0; len < sealed.len; len++)
		EXPECT(keys_aead_open(&aead, aad, bytes_of(sealed_space, len), &plain) ==
		       STATUS_CORRUPT);
	EXPECT(plain.len == 0);
	plain.cap = 7;
	EXPECT(keys_aead_open(&aead, aad, buffer_bytes(&sealed), &plain) == STATUS_TOO_LARGE);
	sealed.cap = sealed.len + 8 + KEYS_AEAD_OVERHEAD_LEN - 1;
	EXPECT(keys_aead_seal(&aead, aad, bytes_of("Claviger", 8), &sealed) == STATUS_TOO_LARGE);
	keys_aead_done(&aead);
	keys_aead_done(&other);
}

/* Made with another implementation (OpenSSL through Python's cryptography). */
static void test_aead_is_aes_256_gcm_siv(void)
{
	uint8_t space[64], plain_space[16];
	struct buffer plain = BUFFER_OF_ARRAY(plain_space);
	struct keys_secret key;
	struct keys_aead aead;

	for (uint8_t i = 0; i < 32; i++)
		key.bytes[i] = i;
	keys_aead_init(&key, &aead);
	EXPECT(keys_aead_open(&aead, bytes_of("aad", 3),
	                      hex("000102030405060708090a0b701affda28795a9999842338d568c066c821b757"
	                          "6ca5533b",
	                          space, sizeof(space)),
	                      &plain) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&plain), bytes_of("Claviger", 8)));
	keys_aead_done(&aead);
}

static const char rfc_seed[] = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
static const char rfc_public[] = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

static void test_ed25519_follows_rfc_8032_section_7_1(void)
{
	uint8_t space[64], signature[64];
	struct keys_sign_key key;

	keys_sign_from_seed(hex(rfc_seed, space, 64).data, &key);
	EXPECT(is_hex(bytes_of(keys_sign_public(&key), 32), rfc_public));
	keys_sign(&key, bytes_of(NULL, 0), signature);
	EXPECT(is_hex(BYTES_OF_ARRAY(signature),
	              "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
	              "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"));
	EXPECT(keys_verify(keys_sign_public(&key), bytes_of(NULL, 0), signature) == STATUS_OK);
	EXPECT(keys_verify(keys_sign_public(&key), bytes_of("x", 1), signature) == STATUS_CRYPTO);
	EXPECT(keys_sign_is_whole(&key));
	key.bytes[40] ^= 1;
	EXPECT(!keys_sign_is_whole(&key));
}

static void test_signature_of_every_flipped_bit_is_refused(void)
{
	struct keys_sign_key key;
	uint8_t signature[64];
	struct bytes message = bytes_of("Claviger", 8);

	keys_sign_random(&key);
	keys_sign(&key, message, signature);
	for (size_t bit = 0; bit < 512; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT(keys_verify(keys_sign_public(&key), message, signature) == STATUS_CRYPTO);
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EXPECT(keys_verify(keys_sign_public(&key), message, signature) == STATUS_OK);
}

/* U8: S + L verifies in a lenient implementation. */
static void test_signature_with_unreduced_s_is_refused(void)
{
	static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
	                                  0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
	                                  0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	struct keys_sign_key key;
	uint8_t signature[64];
	unsigned carry = 0;

	keys_sign_random(&key);
	keys_sign(&key, bytes_of("x", 1), signature);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)signature[32 + i] + order[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	EXPECT(keys_verify(keys_sign_public(&key), bytes_of("x", 1), signature) == STATUS_CRYPTO);
}

/* U8: with A the neutral element, R = [1]B and S = 1 verify for every message in a lenient
 * implementation; with R the neutral element and S = k*a the equation holds for an honest key. */
static void test_small_order_points_are_refused(void)
{
	static const char *const points[] = {
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000080",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0000000000000000000000000000000000000000000000000000000000000080",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	    /* y = p and p + 1, the same points written as numbers that are not reduced */
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	uint8_t key[32], signature[64];

	hex("5866666666666666666666666666666666666666666666666666666666666666"
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    signature, 64);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		hex(points[i], key, 32);
		EXPECT(keys_verify(key, bytes_of("any", 3), signature) == STATUS_CRYPTO);
		EXPECT(!keys_public_is_strong(key));
	}
	hex(rfc_public, key, 32);
	EXPECT(keys_public_is_strong(key));
	hex("0100000000000000000000000000000000000000000000000000000000000000"
	    "c317c16e8b7a555454bd649235d9ead399227c8b87695e77549163d50029f604",
	    signature, 64);
	EXPECT(keys_verify(key, bytes_of("Claviger", 8), signature) == STATUS_CRYPTO);
}

static void test_keys_off_the_curve_or_not_reduced_are_not_strong(void)
{
	uint8_t key[32] = {2}; /* y = 2 is on no point */

	EXPECT(!keys_public_is_strong(key));
	key[0] = 3;
	EXPECT(keys_public_is_strong(key));
	/* y = p + 3 is the same point, not reduced. */
	memset(key, 0xff, 32);
	key[0] = 0xf0;
	key[31] = 0x7f;
	EXPECT(!keys_public_is_strong(key));
}

static void test_random_bytes_differ(void)
{
	uint8_t a[300], b[300];

	keys_random(a, sizeof(a));
	keys_random(b, sizeof(b));
	EXPECT(memcmp(a, b, sizeof(a)) != 0);
}

int main(void)
{
	RUN(test_hashes_follow_fips_180_over_any_split);
	RUN(test_hmac_follows_rfc_4231_and_hkdf_rfc_5869);
	RUN(test_derived_secrets_differ_by_every_input);
	RUN(test_aead_opens_only_what_was_sealed);
	RUN(test_aead_is_aes_256_gcm_siv);
	RUN(test_ed25519_follows_rfc_8032_section_7_1);
	RUN(test_signature_of_every_flipped_bit_is_refused);
	RUN(test_signature_with_unreduced_s_is_refused);
	RUN(test_small_order_points_are_refused);
	RUN(test_keys_off_the_curve_or_not_reduced_are_not_strong);
	RUN(test_random_bytes_differ);
	return test_summary();
}
