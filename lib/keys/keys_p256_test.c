/* ECDSA P-256 against the vector of RFC 6979 section A.2.5, and its own way back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "base_test.h"
#include "keys_p256.h"

static void take_hex(const char *text, uint8_t *ret_bytes, size_t len)
{
	struct buffer out = {ret_bytes, len, 0};

	EXPECT(hex_decode(bytes_of_text(text), &out) == STATUS_OK && out.len == len);
}

static const char secret_hex[] = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
static const char public_hex[] = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                                 "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
static const char signature_hex[] = /* SHA-256, "sample" */
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

static void test_the_vector_of_rfc_6979_verifies_and_no_other_does(void)
{
	struct keys_p256_key key;
	uint8_t secret[32], public_key[64], signature[64], digest[32];
	struct bytes sample = bytes_of_text("sample");

	take_hex(secret_hex, secret, 32);
	take_hex(public_hex, public_key, 64);
	take_hex(signature_hex, signature, 64);
	keys_sha256(&sample, 1, digest);
	EXPECT(keys_p256_from_secret(secret, &key) == STATUS_OK);
	EXPECT(memcmp(key.public, public_key, 64) == 0);
	EXPECT(keys_p256_verify(public_key, digest, signature) == STATUS_OK);
	for (size_t bit = 0; bit < 512; bit += 7) {
		signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		EXPECT(keys_p256_verify(public_key, digest, signature) == STATUS_CRYPTO);
		signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	digest[3] ^= 1;
	EXPECT(keys_p256_verify(public_key, digest, signature) == STATUS_CRYPTO);
	public_key[63] ^= 1;
	EXPECT(!keys_p256_is_public(public_key));
	EXPECT(keys_p256_verify(public_key, digest, signature) == STATUS_CRYPTO);
	memset(signature, 0, sizeof(signature));
	EXPECT(keys_p256_verify(key.public, digest, signature) == STATUS_CRYPTO);
}

static void test_what_is_signed_verifies(void)
{
	uint8_t digest[32] = {1}, signature[64];
	struct keys_p256_key key, other;

	keys_p256_random(&key);
	keys_p256_random(&other);
	EXPECT(keys_p256_sign(&key, digest, signature) == STATUS_OK);
	EXPECT(keys_p256_verify(key.public, digest, signature) == STATUS_OK);
	EXPECT(keys_p256_verify(other.public, digest, signature) == STATUS_CRYPTO);
}

static void test_keys_go_through_der_and_scalars_out_of_range_do_not(void)
{
	uint8_t raw[256], secret[32], public_key[64];
	struct buffer der = BUFFER_OF_ARRAY(raw);
	struct keys_p256_key key, again;

	keys_p256_random(&key);
	EXPECT(keys_p256_put_der(&key, &der) == STATUS_OK);
	EXPECT(keys_p256_take_der(buffer_bytes(&der), &again) == STATUS_OK);
	EXPECT(memcmp(&key, &again, sizeof(key)) == 0);
	raw[der.len] = 0;
	EXPECT(keys_p256_take_der(bytes_of(raw, der.len + 1), &again) == STATUS_CRYPTO);
	der.len = 0;
	EXPECT(keys_p256_put_public_der(key.public, &der) == STATUS_OK && der.len == 91);
	EXPECT(keys_p256_take_public_der(buffer_bytes(&der), public_key) == STATUS_OK);
	EXPECT(memcmp(public_key, key.public, 64) == 0);
	EXPECT(keys_p256_take_public_der(bytes_of(raw, 90), public_key) == STATUS_MALFORMED);
	memset(secret, 0, sizeof(secret));
	EXPECT(keys_p256_from_secret(secret, &key) == STATUS_CRYPTO);
	memset(secret, 0xff, sizeof(secret));
	EXPECT(keys_p256_from_secret(secret, &key) == STATUS_CRYPTO);
}

int main(void)
{
	keys_open();
	RUN(test_the_vector_of_rfc_6979_verifies_and_no_other_does);
	RUN(test_what_is_signed_verifies);
	RUN(test_keys_go_through_der_and_scalars_out_of_range_do_not);
	return test_summary();
}
