/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_p256.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/nid.h>

#include "base_check.h"
#include "keys_tls.h"
#include "secret.h"

#define POINT_LEN 65 /* SEC 1: 04 || x || y */

static EC_KEY *public_of(const uint8_t public_key[KEYS_P256_PUBLIC_LEN])
{
	EC_KEY *made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = made != NULL ? EC_POINT_new(EC_KEY_get0_group(made)) : NULL;
	uint8_t raw[POINT_LEN] = {4};
	bool whole;

	memcpy(raw + 1, public_key, KEYS_P256_PUBLIC_LEN);
	/* This checks that the point lies on the curve. */
	whole = point != NULL &&
	        EC_POINT_oct2point(EC_KEY_get0_group(made), point, raw, sizeof(raw), NULL) == 1 &&
	        EC_KEY_set_public_key(made, point) == 1;
	EC_POINT_free(point);
	if (whole)
		return made;
	EC_KEY_free(made);
	return NULL;
}

/* take_key copies the numbers out of AWS-LC's object. */
static enum status take_key(const EC_KEY *made, struct keys_p256_key *ret_key)
{
	struct keys_p256_key key;
	uint8_t point[POINT_LEN];

	if (EC_GROUP_get_curve_name(EC_KEY_get0_group(made)) != NID_X9_62_prime256v1 ||
	    EC_KEY_check_key(made) != 1 ||
	    BN_bn2bin_padded(key.secret, sizeof(key.secret), EC_KEY_get0_private_key(made)) != 1 ||
	    EC_POINT_point2oct(EC_KEY_get0_group(made), EC_KEY_get0_public_key(made),
	                       POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point),
	                       NULL) != sizeof(point))
		return STATUS_CRYPTO;
	memcpy(key.public, point + 1, sizeof(key.public));
	*ret_key = key;
	SECRET_WIPE(key);
	return STATUS_OK;
}

/* private_of makes the public point, too; NULL for 0 and what is not below the order. */
static EC_KEY *private_of(const uint8_t secret[32])
{
	EC_KEY *made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_bin2bn(secret, 32, NULL);
	EC_POINT *point = made != NULL ? EC_POINT_new(EC_KEY_get0_group(made)) : NULL;
	bool whole = scalar != NULL && point != NULL && !BN_is_zero(scalar) &&
	             EC_KEY_set_private_key(made, scalar) == 1 &&
	             EC_POINT_mul(EC_KEY_get0_group(made), point, scalar, NULL, NULL, NULL) == 1 &&
	             EC_KEY_set_public_key(made, point) == 1;

	EC_POINT_free(point);
	BN_clear_free(scalar);
	if (whole)
		return made;
	EC_KEY_free(made);
	return NULL;
}

void keys_p256_random(struct keys_p256_key *ret_key)
{
	uint8_t secret[32];
	enum status status;

	do {
		keys_random(secret, sizeof(secret));
		status = keys_p256_from_secret(secret, ret_key);
	} while (status != STATUS_OK);
	SECRET_WIPE(secret);
}

enum status keys_p256_from_secret(const uint8_t secret[32], struct keys_p256_key *ret_key)
{
	EC_KEY *made = private_of(secret);
	enum status status = made != NULL ? take_key(made, ret_key) : STATUS_CRYPTO;

	EC_KEY_free(made);
	return status;
}

bool keys_p256_is_public(const uint8_t public_key[KEYS_P256_PUBLIC_LEN])
{
	EC_KEY *made = public_of(public_key);
	bool is_public = made != NULL;

	EC_KEY_free(made);
	return is_public;
}

enum status keys_p256_sign(const struct keys_p256_key *key, const uint8_t digest[KEYS_HASH_LEN],
                           uint8_t ret_signature[KEYS_SIGNATURE_LEN])
{
	EC_KEY *made = private_of(key->secret);
	ECDSA_SIG *signature = made != NULL ? ECDSA_do_sign(digest, KEYS_HASH_LEN, made) : NULL;
	bool put = signature != NULL &&
	           BN_bn2bin_padded(ret_signature, 32, ECDSA_SIG_get0_r(signature)) == 1 &&
	           BN_bn2bin_padded(ret_signature + 32, 32, ECDSA_SIG_get0_s(signature)) == 1;

	ECDSA_SIG_free(signature);
	EC_KEY_free(made);
	return put ? STATUS_OK : STATUS_CRYPTO;
}

enum status keys_p256_verify(const uint8_t public_key[KEYS_P256_PUBLIC_LEN],
                             const uint8_t digest[KEYS_HASH_LEN],
                             const uint8_t signature[KEYS_SIGNATURE_LEN])
{
	EC_KEY *made = public_of(public_key);
	ECDSA_SIG *parsed = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
	bool good = false;

	if (parsed != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(parsed, r, s) == 1) {
		r = s = NULL; /* owned by `parsed` now */
		good = made != NULL && ECDSA_do_verify(digest, KEYS_HASH_LEN, parsed, made) == 1;
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(parsed);
	EC_KEY_free(made);
	return good ? STATUS_OK : STATUS_CRYPTO;
}

/* take_number takes the one DER INTEGER of a positive number below 2^256 into 32 bytes. */
static bool take_number(struct bytes *der, uint8_t ret_number[32])
{
	const uint8_t *at = der->data;
	size_t len, zero;

	if (der->len < 3 || at[0] != 0x02)
		return false;
	len = at[1];
	if (len == 0 || len > 33 || der->len < 2 + len || (at[2] & 0x80) != 0)
		return false;
	/* A zero before only where the next bit would be taken for a sign. */
	zero = at[2] == 0;
	if ((zero != 0 && (len == 1 || (at[3] & 0x80) == 0)) || len - zero > 32)
		return false;
	memset(ret_number, 0, 32);
	memcpy(ret_number + 32 - (len - zero), at + 2 + zero, len - zero);
	*der = bytes_of(at + 2 + len, der->len - 2 - len);
	return true;
}

enum status keys_p256_take_signature(struct bytes der, uint8_t ret_signature[KEYS_SIGNATURE_LEN])
{
	uint8_t numbers[KEYS_SIGNATURE_LEN];
	struct bytes rest;

	if (der.len < 8 || der.len > KEYS_P256_SIGNATURE_MAX || der.data[0] != 0x30 ||
	    der.data[1] != der.len - 2)
		return STATUS_MALFORMED;
	rest = bytes_of(der.data + 2, der.len - 2);
	if (!take_number(&rest, numbers) || !take_number(&rest, numbers + 32) || rest.len != 0)
		return STATUS_MALFORMED;
	memcpy(ret_signature, numbers, sizeof(numbers));
	return STATUS_OK;
}

enum status keys_p256_take_der(struct bytes der, struct keys_p256_key *ret_key)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	enum status status = STATUS_CRYPTO;
	EVP_PKEY *wrapped = NULL;
	EC_KEY *made;
	CBS in;

	CBS_init(&in, der.data, der.len);
	made = group != NULL ? EC_KEY_parse_private_key(&in, group) : NULL;
	if (made == NULL) {
		CBS_init(&in, der.data, der.len);
		wrapped = EVP_parse_private_key(&in);
		made = wrapped != NULL ? EVP_PKEY_get1_EC_KEY(wrapped) : NULL;
	}
	if (made != NULL && CBS_len(&in) == 0)
		status = take_key(made, ret_key);
	EC_KEY_free(made);
	EVP_PKEY_free(wrapped);
	EC_GROUP_free(group);
	return status;
}

enum status keys_p256_put_der(const struct keys_p256_key *key, struct buffer *ret_der)
{
	struct keys_tls_key scalar;
	enum status status;

	memcpy(scalar.bytes, key->secret, sizeof(scalar.bytes));
	status = keys_tls_der(&scalar, ret_der);
	SECRET_WIPE(scalar);
	return status;
}

/* What RFC 5480 has before the point of every P-256 key. */
static const uint8_t public_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

enum status keys_p256_put_public_der(const uint8_t public_key[KEYS_P256_PUBLIC_LEN],
                                     struct buffer *ret_der)
{
	if (ret_der->cap - ret_der->len < sizeof(public_head) + KEYS_P256_PUBLIC_LEN)
		return STATUS_TOO_LARGE;
	CHECK(buffer_put(ret_der, BYTES_OF_ARRAY(public_head)) == STATUS_OK);
	return buffer_put(ret_der, bytes_of(public_key, KEYS_P256_PUBLIC_LEN));
}

enum status keys_p256_take_public_der(struct bytes der, uint8_t ret_public[KEYS_P256_PUBLIC_LEN])
{
	if (der.len != sizeof(public_head) + KEYS_P256_PUBLIC_LEN ||
	    memcmp(der.data, public_head, sizeof(public_head)) != 0)
		return STATUS_MALFORMED;
	if (!keys_p256_is_public(der.data + sizeof(public_head)))
		return STATUS_CRYPTO;
	memcpy(ret_public, der.data + sizeof(public_head), KEYS_P256_PUBLIC_LEN);
	return STATUS_OK;
}
