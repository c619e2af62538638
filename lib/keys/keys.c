/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <errno.h>
#include <sys/random.h>

#include <openssl/aead.h>
#include <openssl/curve25519.h>
#include <openssl/hkdf.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base_check.h"
#include "secret.h"

_Static_assert(sizeof(EVP_AEAD_CTX) <= KEYS_AEAD_STATE_LEN, "the prepared key has room");
_Static_assert(SHA256_DIGEST_LENGTH == KEYS_HASH_LEN, "as the header says");
_Static_assert(ED25519_PRIVATE_KEY_LEN == sizeof(struct keys_sign_key), "seed || public key");

/* AWS-LC exports this and keeps it in an internal header: the key decodes to a point. */
int ED25519_check_public_key(const uint8_t public_key[ED25519_PUBLIC_KEY_LEN]);

void keys_open(void)
{
	uint8_t scrap[16];

	CHECK(RAND_bytes(scrap, sizeof(scrap)) == 1);
	OPENSSL_cleanse(scrap, sizeof(scrap));
}

void keys_random(void *ret_bytes, size_t len)
{
	uint8_t *at = ret_bytes;

	while (len != 0) {
		ssize_t got = getrandom(at, len, 0);

		CHECK(got > 0 || (got < 0 && errno == EINTR));
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
}

void keys_sha256(const struct bytes *parts, size_t count, uint8_t ret_hash[KEYS_HASH_LEN])
{
	SHA256_CTX state;

	CHECK(count <= KEYS_PARTS_MAX);
	SHA256_Init(&state);
	for (size_t i = 0; i < count; i++)
		SHA256_Update(&state, parts[i].data, parts[i].len);
	SHA256_Final(ret_hash, &state);
}

void keys_sha256_label(const char *label, struct bytes bytes, uint8_t ret_hash[KEYS_HASH_LEN])
{
	struct bytes parts[] = {bytes_of_text(label), bytes};

	keys_sha256(parts, 2, ret_hash);
}

void keys_hmac(const struct keys_secret *key, const struct bytes *parts, size_t count,
               uint8_t ret_mac[KEYS_MAC_LEN])
{
	unsigned len = 0;
	HMAC_CTX state;

	CHECK(count <= KEYS_PARTS_MAX);
	HMAC_CTX_init(&state);
	CHECK(HMAC_Init_ex(&state, key->bytes, sizeof(key->bytes), EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < count; i++)
		CHECK(HMAC_Update(&state, parts[i].data, parts[i].len) == 1);
	CHECK(HMAC_Final(&state, ret_mac, &len) == 1 && len == KEYS_MAC_LEN);
	HMAC_CTX_cleanup(&state);
}

void keys_hkdf(struct bytes secret, struct bytes salt, struct bytes info, void *ret_bytes,
               size_t len)
{
	CHECK(HKDF(ret_bytes, len, EVP_sha256(), secret.data, secret.len, salt.data, salt.len,
	           info.data, info.len) == 1);
}

void keys_derive(const struct keys_master *master, const uint8_t deployment[32], const char *label,
                 struct bytes context, struct keys_secret *ret_secret)
{
	uint8_t space[128];
	struct buffer info = BUFFER_OF_ARRAY(space);

	CHECK(buffer_put(&info, bytes_of_text(label)) == STATUS_OK);
	CHECK(buffer_put(&info, context) == STATUS_OK);
	keys_hkdf(BYTES_OF_ARRAY(master->bytes), bytes_of(deployment, 32), buffer_bytes(&info),
	          ret_secret->bytes, sizeof(ret_secret->bytes));
}

static EVP_AEAD_CTX *aead_state(struct keys_aead *aead)
{
	return (EVP_AEAD_CTX *)aead->state;
}

void keys_aead_init(const struct keys_secret *key, struct keys_aead *ret_aead)
{
	memset(ret_aead, 0, sizeof(*ret_aead));
	CHECK(EVP_AEAD_CTX_init(aead_state(ret_aead), EVP_aead_aes_256_gcm_siv(), key->bytes,
	                        sizeof(key->bytes), EVP_AEAD_DEFAULT_TAG_LENGTH, NULL) == 1);
}

void keys_aead_done(struct keys_aead *aead)
{
	EVP_AEAD_CTX_cleanup(aead_state(aead));
	secret_wipe(aead, sizeof(*aead));
}

enum status keys_aead_seal(const struct keys_aead *aead, struct bytes associated,
                           struct bytes plain, struct buffer *ret_sealed)
{
	size_t room = ret_sealed->cap - ret_sealed->len, len = 0;
	uint8_t *at = ret_sealed->data + ret_sealed->len;

	if (room < KEYS_AEAD_OVERHEAD_LEN || room - KEYS_AEAD_OVERHEAD_LEN < plain.len)
		return STATUS_TOO_LARGE;
	keys_random(at, KEYS_AEAD_NONCE_LEN);
	CHECK(EVP_AEAD_CTX_seal((const EVP_AEAD_CTX *)aead->state, at + KEYS_AEAD_NONCE_LEN, &len,
	                        room - KEYS_AEAD_NONCE_LEN, at, KEYS_AEAD_NONCE_LEN, plain.data,
	                        plain.len, associated.data, associated.len) == 1);
	CHECK(len == plain.len + KEYS_AEAD_OVERHEAD_LEN - KEYS_AEAD_NONCE_LEN);
	ret_sealed->len += KEYS_AEAD_NONCE_LEN + len;
	return STATUS_OK;
}

SENSITIVE enum status keys_aead_open(const struct keys_aead *aead, struct bytes associated,
                                     struct bytes sealed, struct buffer *ret_plain)
{
	size_t room = ret_plain->cap - ret_plain->len, len = 0;

	if (sealed.len < KEYS_AEAD_OVERHEAD_LEN)
		return STATUS_CORRUPT;
	if (room < sealed.len - KEYS_AEAD_OVERHEAD_LEN)
		return STATUS_TOO_LARGE;
	if (EVP_AEAD_CTX_open((const EVP_AEAD_CTX *)aead->state, ret_plain->data + ret_plain->len,
	                      &len, room, sealed.data, KEYS_AEAD_NONCE_LEN,
	                      sealed.data + KEYS_AEAD_NONCE_LEN, sealed.len - KEYS_AEAD_NONCE_LEN,
	                      associated.data, associated.len) != 1)
		return STATUS_CORRUPT;
	ret_plain->len += len;
	return STATUS_OK;
}

SENSITIVE void keys_sign_from_seed(const uint8_t seed[32], struct keys_sign_key *ret_key)
{
	uint8_t public_key[KEYS_PUBLIC_LEN];

	ED25519_keypair_from_seed(public_key, ret_key->bytes, seed);
}

void keys_sign_random(struct keys_sign_key *ret_key)
{
	uint8_t seed[32];

	keys_random(seed, sizeof(seed));
	keys_sign_from_seed(seed, ret_key);
	SECRET_WIPE(seed);
}

SENSITIVE bool keys_sign_is_whole(const struct keys_sign_key *key)
{
	struct keys_sign_key made;
	bool whole;

	keys_sign_from_seed(key->bytes, &made);
	whole = secret_equal(&made, key, sizeof(made));
	SECRET_WIPE(made);
	return whole;
}

SENSITIVE void keys_sign(const struct keys_sign_key *key, struct bytes message,
                         uint8_t ret_signature[KEYS_SIGNATURE_LEN])
{
	CHECK(ED25519_sign(ret_signature, message.data, message.len, key->bytes) == 1);
}

/* is_canonical tells whether the y coordinate of an encoded point is below p = 2^255 - 19. */
static bool is_canonical(const uint8_t point[32])
{
	if ((point[31] & 0x7f) != 0x7f || point[0] < 0xed)
		return true;
	for (size_t i = 1; i < 31; i++) {
		if (point[i] != 0xff)
			return true;
	}
	return false;
}

/* The y coordinates of the eight points of small order: 0, 1, -1 and two of order 8. Either sign of
 * x is refused, which also covers the encodings of x = 0 with its sign bit set. */
/* version 14 dies of these tables, and knows the next line by these very words only */
/* clang-format off */
static const uint8_t small_order[5][32] = {
    {0    },
    {     1   },
    { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};
/* clang-format on */

static bool is_small_order(const uint8_t point[32])
{
	for (size_t i = 0; i < 5; i++) {
		if (memcmp(point, small_order[i], 31) == 0 &&
		    (point[31] & 0x7f) == small_order[i][31])
			return true;
	}
	return false;
}

bool keys_public_is_strong(const uint8_t public_key[KEYS_PUBLIC_LEN])
{
	return is_canonical(public_key) && !is_small_order(public_key) &&
	       ED25519_check_public_key(public_key) == 1;
}

enum status keys_verify(const uint8_t public_key[KEYS_PUBLIC_LEN], struct bytes message,
                        const uint8_t signature[KEYS_SIGNATURE_LEN])
{
	if (!is_canonical(public_key) || is_small_order(public_key) || !is_canonical(signature) ||
	    is_small_order(signature))
		return STATUS_CRYPTO;
	/* S < L is ED25519_verify's own check. */
	return ED25519_verify(message.data, message.len, signature, public_key) == 1
	           ? STATUS_OK
	           : STATUS_CRYPTO;
}
