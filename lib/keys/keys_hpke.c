/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_hpke.h"

#include <openssl/aead.h>
#include <openssl/curve25519.h>
#include <openssl/hpke.h>

#include "base_check.h"
#include "secret.h"

static const char info_label[] = "claviger/hpke/v1";
static const char answer_label[] = "claviger/hpke-answer/v1";

#define ENC_LEN   32
#define GCM_NONCE 12

void keys_hpke_from_seed(const uint8_t seed[32], struct keys_hpke_key *ret_key)
{
	memcpy(ret_key->secret, seed, sizeof(ret_key->secret));
	X25519_public_from_private(ret_key->public, ret_key->secret);
}

void keys_hpke_random(struct keys_hpke_key *ret_key)
{
	uint8_t seed[32];

	keys_random(seed, sizeof(seed));
	keys_hpke_from_seed(seed, ret_key);
	SECRET_WIPE(seed);
}

enum status keys_hpke_info(const uint8_t deployment[32], const uint8_t public_key[KEYS_PUBLIC_LEN],
                           struct buffer *ret_info)
{
	struct bytes key = bytes_of(public_key, KEYS_PUBLIC_LEN);
	uint8_t whole[sizeof(info_label) - 1 + 32 + KEYS_HASH_LEN];

	memcpy(whole, info_label, sizeof(info_label) - 1);
	memcpy(whole + sizeof(info_label) - 1, deployment, 32);
	keys_sha256(&key, 1, whole + sizeof(info_label) - 1 + 32);
	return buffer_put(ret_info, BYTES_OF_ARRAY(whole));
}

/* keep_answer derives what both sides need for the answer. */
static void keep_answer(const EVP_HPKE_CTX *context, const uint8_t enc[ENC_LEN],
                        struct keys_hpke_answer *ret_answer)
{
	if (ret_answer == NULL)
		return;
	CHECK(EVP_HPKE_CTX_export(context, ret_answer->secret, sizeof(ret_answer->secret),
	                          (const uint8_t *)answer_label, sizeof(answer_label) - 1) == 1);
	memcpy(ret_answer->enc, enc, ENC_LEN);
}

enum status keys_hpke_seal(const uint8_t public_key[KEYS_PUBLIC_LEN], struct bytes info,
                           struct bytes associated, struct bytes plain, struct buffer *ret_sealed,
                           struct keys_hpke_answer *ret_answer)
{
	size_t room = ret_sealed->cap - ret_sealed->len, enc_len = 0, len = 0;
	uint8_t *at = ret_sealed->data + ret_sealed->len;
	EVP_HPKE_CTX context;

	if (room < KEYS_HPKE_OVERHEAD_LEN || room - KEYS_HPKE_OVERHEAD_LEN < plain.len)
		return STATUS_TOO_LARGE;
	EVP_HPKE_CTX_zero(&context);
	if (EVP_HPKE_CTX_setup_sender(&context, at, &enc_len, ENC_LEN,
	                              EVP_hpke_x25519_hkdf_sha256(), EVP_hpke_hkdf_sha256(),
	                              EVP_hpke_aes_256_gcm(), public_key, KEYS_PUBLIC_LEN,
	                              info.data, info.len) != 1) {
		EVP_HPKE_CTX_cleanup(&context);
		return STATUS_CRYPTO;
	}
	CHECK(enc_len == ENC_LEN);
	CHECK(EVP_HPKE_CTX_seal(&context, at + ENC_LEN, &len, room - ENC_LEN, plain.data, plain.len,
	                        associated.data, associated.len) == 1);
	keep_answer(&context, at, ret_answer);
	EVP_HPKE_CTX_cleanup(&context);
	SECRET_WIPE(context);
	ret_sealed->len += ENC_LEN + len;
	return STATUS_OK;
}

enum status keys_hpke_open(const struct keys_hpke_key *key, struct bytes info,
                           struct bytes associated, struct bytes sealed, struct buffer *ret_plain,
                           struct keys_hpke_answer *ret_answer)
{
	size_t room = ret_plain->cap - ret_plain->len, len = 0;
	enum status status = STATUS_CRYPTO;
	EVP_HPKE_KEY recipient;
	EVP_HPKE_CTX context;

	if (sealed.len < KEYS_HPKE_OVERHEAD_LEN)
		return STATUS_CRYPTO;
	if (room < sealed.len - KEYS_HPKE_OVERHEAD_LEN)
		return STATUS_TOO_LARGE;
	EVP_HPKE_KEY_zero(&recipient);
	EVP_HPKE_CTX_zero(&context);
	if (EVP_HPKE_KEY_init(&recipient, EVP_hpke_x25519_hkdf_sha256(), key->secret,
	                      sizeof(key->secret)) == 1 &&
	    EVP_HPKE_CTX_setup_recipient(&context, &recipient, EVP_hpke_hkdf_sha256(),
	                                 EVP_hpke_aes_256_gcm(), sealed.data, ENC_LEN, info.data,
	                                 info.len) == 1 &&
	    EVP_HPKE_CTX_open(&context, ret_plain->data + ret_plain->len, &len, room,
	                      sealed.data + ENC_LEN, sealed.len - ENC_LEN, associated.data,
	                      associated.len) == 1) {
		keep_answer(&context, sealed.data, ret_answer);
		ret_plain->len += len;
		status = STATUS_OK;
	}
	EVP_HPKE_CTX_cleanup(&context);
	SECRET_WIPE(context);
	EVP_HPKE_KEY_cleanup(&recipient);
	return status;
}

/* answer_key derives the one-time key and nonce of an answer with this salt (RFC 9458 4.4). */
static void answer_key(const struct keys_hpke_answer *answer,
                       const uint8_t salt[KEYS_ANSWER_SALT_LEN], uint8_t ret_key[32 + GCM_NONCE])
{
	uint8_t whole[ENC_LEN + KEYS_ANSWER_SALT_LEN];

	memcpy(whole, answer->enc, ENC_LEN);
	memcpy(whole + ENC_LEN, salt, KEYS_ANSWER_SALT_LEN);
	keys_hkdf(BYTES_OF_ARRAY(answer->secret), BYTES_OF_ARRAY(whole),
	          bytes_of_text(answer_label), ret_key, 32 + GCM_NONCE);
}

enum status keys_answer_seal(const struct keys_hpke_answer *answer, struct bytes plain,
                             struct buffer *ret_sealed)
{
	size_t room = ret_sealed->cap - ret_sealed->len, len = 0;
	uint8_t *at = ret_sealed->data + ret_sealed->len, key[32 + GCM_NONCE];
	EVP_AEAD_CTX state;

	if (room < KEYS_ANSWER_OVERHEAD_LEN || room - KEYS_ANSWER_OVERHEAD_LEN < plain.len)
		return STATUS_TOO_LARGE;
	keys_random(at, KEYS_ANSWER_SALT_LEN);
	answer_key(answer, at, key);
	CHECK(EVP_AEAD_CTX_init(&state, EVP_aead_aes_256_gcm(), key, 32,
	                        EVP_AEAD_DEFAULT_TAG_LENGTH, NULL) == 1);
	CHECK(EVP_AEAD_CTX_seal(&state, at + KEYS_ANSWER_SALT_LEN, &len,
	                        room - KEYS_ANSWER_SALT_LEN, key + 32, GCM_NONCE, plain.data,
	                        plain.len, NULL, 0) == 1);
	EVP_AEAD_CTX_cleanup(&state);
	SECRET_WIPE(state);
	SECRET_WIPE(key);
	ret_sealed->len += KEYS_ANSWER_SALT_LEN + len;
	return STATUS_OK;
}

enum status keys_answer_open(const struct keys_hpke_answer *answer, struct bytes sealed,
                             struct buffer *ret_plain)
{
	size_t room = ret_plain->cap - ret_plain->len, len = 0;
	uint8_t key[32 + GCM_NONCE];
	EVP_AEAD_CTX state;
	int opened;

	if (sealed.len < KEYS_ANSWER_OVERHEAD_LEN)
		return STATUS_CRYPTO;
	if (room < sealed.len - KEYS_ANSWER_OVERHEAD_LEN)
		return STATUS_TOO_LARGE;
	answer_key(answer, sealed.data, key);
	CHECK(EVP_AEAD_CTX_init(&state, EVP_aead_aes_256_gcm(), key, 32,
	                        EVP_AEAD_DEFAULT_TAG_LENGTH, NULL) == 1);
	opened = EVP_AEAD_CTX_open(&state, ret_plain->data + ret_plain->len, &len, room, key + 32,
	                           GCM_NONCE, sealed.data + KEYS_ANSWER_SALT_LEN,
	                           sealed.len - KEYS_ANSWER_SALT_LEN, NULL, 0);
	EVP_AEAD_CTX_cleanup(&state);
	SECRET_WIPE(state);
	SECRET_WIPE(key);
	if (opened != 1)
		return STATUS_CRYPTO;
	ret_plain->len += len;
	return STATUS_OK;
}
