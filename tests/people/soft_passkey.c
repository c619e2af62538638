/* SPDX-License-Identifier: Apache-2.0 */
#include "soft_passkey.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/nid.h>

#include "base_check.h"
#include "base_encode.h"

static EC_KEY *p256_of(const struct soft_passkey *passkey)
{
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_bin2bn(passkey->secret, 32, NULL);

	CHECK(key != NULL && scalar != NULL && EC_KEY_set_private_key(key, scalar) == 1);
	BN_free(scalar);
	return key;
}

static void make_p256(struct soft_passkey *passkey)
{
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	uint8_t point[65];

	CHECK(key != NULL && EC_KEY_generate_key(key) == 1);
	CHECK(BN_bn2bin_padded(passkey->secret, 32, EC_KEY_get0_private_key(key)) == 1);
	CHECK(EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key),
	                         POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point),
	                         NULL) == sizeof(point));
	memcpy(passkey->public_key, point + 1, 64);
	EC_KEY_free(key);
}

void soft_passkey_make(uint8_t kind, bool counts, struct soft_passkey *ret_passkey)
{
	struct keys_sign_key key;

	*ret_passkey = (struct soft_passkey){
	    .key = {.kind = kind}, .credential_len = 32, .count = counts, .flags = 0x05};
	keys_random(ret_passkey->credential, ret_passkey->credential_len);
	authz_passkey_id(bytes_of(ret_passkey->credential, ret_passkey->credential_len),
	                 ret_passkey->key.key);
	if (kind == AUTHZ_KEY_PASSKEY_P256) {
		make_p256(ret_passkey);
		return;
	}
	keys_sign_random(&key);
	memcpy(ret_passkey->secret, key.bytes, 32);
	memcpy(ret_passkey->public_key, keys_sign_public(&key), 32);
}

struct authz_key_data soft_passkey_data(const struct soft_passkey *passkey)
{
	return (struct authz_key_data){
	    .credential = bytes_of(passkey->credential, passkey->credential_len),
	    .public_key = bytes_of(passkey->public_key,
	                           passkey->key.kind == AUTHZ_KEY_PASSKEY_P256 ? 64 : 32)};
}

static void put(struct buffer *out, const char *text)
{
	CHECK(buffer_put(out, bytes_of_text(text)) == STATUS_OK);
}

void soft_client_data(const char *type, const uint8_t challenge[32], const char *origin,
                      const char *more, struct buffer *out)
{
	char text[BASE64_LEN(32) + 1];

	base64_encode(bytes_of(challenge, 32), text);
	for (size_t i = 0; text[i] != '\0'; i++)
		text[i] = (char)(text[i] == '+'   ? '-'
		                 : text[i] == '/' ? '_'
		                 : text[i] == '=' ? '\0'
		                                  : text[i]);
	put(out, "{\"type\":\"");
	put(out, type);
	put(out, "\",\"challenge\":\"");
	put(out, text);
	put(out, "\",\"origin\":\"");
	put(out, origin);
	put(out, "\",\"crossOrigin\":false");
	put(out, more);
}

static void begin(const struct soft_passkey *passkey, unsigned more_flags,
                  struct soft_answer *answer)
{
	struct bytes rp_id = bytes_of_text(SOFT_RP_ID);
	uint8_t head[37];

	answer->data = BUFFER_OF_ARRAY(answer->data_space);
	answer->client = BUFFER_OF_ARRAY(answer->client_space);
	answer->signature = BUFFER_OF_ARRAY(answer->signature_space);
	keys_sha256(&rp_id, 1, head);
	head[32] = (uint8_t)(passkey->flags | more_flags);
	for (size_t i = 0; i < 4; i++)
		head[33 + i] = (uint8_t)(passkey->count >> (24 - 8 * i));
	CHECK(buffer_put(&answer->data, BYTES_OF_ARRAY(head)) == STATUS_OK);
}

void soft_sign(const struct soft_passkey *passkey, struct soft_answer *answer)
{
	struct authz_assertion said = soft_said(answer);
	uint8_t covered_space[AUTHZ_AUTHENTICATOR_DATA_MAX + 32], digest[32];
	struct buffer covered = BUFFER_OF_ARRAY(covered_space);
	struct bytes part;
	struct keys_sign_key key;
	unsigned len = 0;
	EC_KEY *p256;

	answer->signature.len = 0;
	CHECK(authz_assertion_signed(&said, &covered) == STATUS_OK);
	part = buffer_bytes(&covered);
	if (passkey->key.kind != AUTHZ_KEY_PASSKEY_P256) {
		keys_sign_from_seed(passkey->secret, &key);
		keys_sign(&key, part, answer->signature_space);
		answer->signature.len = KEYS_SIGNATURE_LEN;
		return;
	}
	keys_sha256(&part, 1, digest);
	p256 = p256_of(passkey);
	CHECK(ECDSA_sign(0, digest, sizeof(digest), answer->signature_space, &len, p256) == 1);
	answer->signature.len = len;
	EC_KEY_free(p256);
}

void soft_register(struct soft_passkey *passkey, const uint8_t challenge[32],
                   struct soft_answer *ret_answer)
{
	static const uint8_t aaguid[16];
	uint8_t len[2] = {(uint8_t)(passkey->credential_len >> 8),
	                  (uint8_t)passkey->credential_len};
	static const uint8_t p256_head[] = {0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32};
	static const uint8_t p256_y[] = {0x22, 0x58, 32};
	static const uint8_t ed25519_head[] = {0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32};
	bool is_p256 = passkey->key.kind == AUTHZ_KEY_PASSKEY_P256;
	const struct bytes parts[] = {
	    BYTES_OF_ARRAY(aaguid),
	    BYTES_OF_ARRAY(len),
	    bytes_of(passkey->credential, passkey->credential_len),
	    is_p256 ? BYTES_OF_ARRAY(p256_head) : BYTES_OF_ARRAY(ed25519_head),
	    bytes_of(passkey->public_key, 32),
	    is_p256 ? BYTES_OF_ARRAY(p256_y) : (struct bytes){0},
	    is_p256 ? bytes_of(passkey->public_key + 32, 32) : (struct bytes){0},
	};

	begin(passkey, 0x40, ret_answer);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		CHECK(buffer_put(&ret_answer->data, parts[i]) == STATUS_OK);
	soft_client_data("webauthn.create", challenge, SOFT_ORIGIN, "}", &ret_answer->client);
}

void soft_assert(struct soft_passkey *passkey, const uint8_t challenge[32],
                 struct soft_answer *ret_answer)
{
	if (passkey->count != 0)
		passkey->count++;
	begin(passkey, 0, ret_answer);
	soft_client_data("webauthn.get", challenge, SOFT_ORIGIN, "}", &ret_answer->client);
	soft_sign(passkey, ret_answer);
}

struct authz_assertion soft_said(const struct soft_answer *answer)
{
	return (struct authz_assertion){.authenticator_data = buffer_bytes(&answer->data),
	                                .client_data = buffer_bytes(&answer->client),
	                                .signature = buffer_bytes(&answer->signature)};
}
