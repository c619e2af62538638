/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_credential.h"

#include <openssl/aes.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include "base_check.h"
#include "secret.h"

#define SEED_LEN     32
#define FIELD_LEN    32 /* P-256 */
#define NAME_MAX_LEN 66

static const uint8_t one_be[4] = {0, 0, 0, 1}; /* one block is all that is ever needed */

/* kdfa is KDFa with SHA-256 (part 1, section 11.4.10.2), at most 32 bytes. */
static void kdfa(const uint8_t seed[SEED_LEN], const char *label, struct bytes context,
                 uint16_t bits, uint8_t ret_key[32])
{
	const uint8_t bits_be[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	struct keys_secret key;
	const struct bytes parts[] = {BYTES_OF_ARRAY(one_be), bytes_of(label, strlen(label) + 1),
	                              context, BYTES_OF_ARRAY(bits_be)};

	memcpy(key.bytes, seed, sizeof(key.bytes));
	keys_hmac(&key, parts, sizeof(parts) / sizeof(parts[0]), ret_key);
	SECRET_WIPE(key);
}

/* ---- the endorsement key ---- */

/* TPMT_PUBLIC up to the key: type, SHA-256, attributes 0x000300b2, PolicySecret(endorsement),
 * AES-128-CFB, no scheme, then RSA 2048 with the usual exponent, or P-256 without KDF. */
#define COMMON                                                                                     \
	0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3,  \
	    0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06,    \
	    0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa, 0x00, 0x06, 0x00,    \
	    0x80, 0x00, 0x43, 0x00, 0x10
static const uint8_t template_rsa[] = {
    0x00, 0x01, COMMON, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, /* bits, exponent */ 0x01, 0x00};
static const uint8_t template_p256[] = {0x00, 0x23, COMMON, 0x00, 0x03, 0x00, 0x10};

#define RSA_LEN  256u
#define P256_LEN (2u * (2 + FIELD_LEN))

static bool begins(struct bytes bytes, struct bytes with, size_t more)
{
	return bytes.len == with.len + more && memcmp(bytes.data, with.data, with.len) == 0;
}

enum status keys_credential_endorsement(struct bytes public_area, struct keys_public *ret_public)
{
	static const uint8_t field[2] = {0, FIELD_LEN};
	const uint8_t *at;

	if (begins(public_area, BYTES_OF_ARRAY(template_rsa), RSA_LEN))
		return keys_public_from_rsa(
		    bytes_of(public_area.data + sizeof(template_rsa), RSA_LEN), 65537, ret_public);
	if (!begins(public_area, BYTES_OF_ARRAY(template_p256), P256_LEN))
		return STATUS_MALFORMED;
	at = public_area.data + sizeof(template_p256);
	if (memcmp(at, field, 2) != 0 || memcmp(at + 2 + FIELD_LEN, field, 2) != 0)
		return STATUS_MALFORMED;
	return keys_public_from_ec(KEYS_P256, bytes_of(at + 2, FIELD_LEN),
	                           bytes_of(at + 4 + FIELD_LEN, FIELD_LEN), ret_public);
}

/* ---- the seed, for the TPM only ---- */

static enum status seed_for_rsa(RSA *rsa, uint8_t ret_seed[SEED_LEN], struct buffer *ret_encrypted)
{
	static const char label[] = "IDENTITY"; /* with its zero byte */
	uint8_t padded[512], sealed[512];
	size_t len = RSA_size(rsa), out_len = 0;
	bool good;

	keys_random(ret_seed, SEED_LEN);
	good =
	    len <= sizeof(sealed) &&
	    RSA_padding_add_PKCS1_OAEP_mgf1(padded, len, ret_seed, SEED_LEN, (const uint8_t *)label,
	                                    sizeof(label), EVP_sha256(), EVP_sha256()) == 1 &&
	    RSA_encrypt(rsa, &out_len, sealed, sizeof(sealed), padded, len, RSA_NO_PADDING) == 1;
	secret_wipe(padded, sizeof(padded));
	return good ? buffer_put(ret_encrypted, bytes_of(sealed, out_len)) : STATUS_CRYPTO;
}

/* put_x writes a point's x and, when asked, y; big-endian, padded. */
static bool put_point(const EC_GROUP *group, const EC_POINT *point, uint8_t ret_x[FIELD_LEN],
                      uint8_t ret_y[FIELD_LEN])
{
	BIGNUM *x = BN_new(), *y = BN_new();
	bool good = x != NULL && y != NULL &&
	            EC_POINT_get_affine_coordinates(group, point, x, y, NULL) == 1 &&
	            BN_bn2bin_padded(ret_x, FIELD_LEN, x) == 1 &&
	            BN_bn2bin_padded(ret_y, FIELD_LEN, y) == 1;

	BN_free(x);
	BN_free(y);
	return good;
}

/* kdfe is KDFe with SHA-256 (part 1, section 11.4.10.3): one block. */
static void kdfe(const uint8_t z[FIELD_LEN], const uint8_t u[FIELD_LEN], const uint8_t v[FIELD_LEN],
                 uint8_t ret_seed[SEED_LEN])
{
	static const char label[] = "IDENTITY";
	const struct bytes parts[] = {BYTES_OF_ARRAY(one_be), bytes_of(z, FIELD_LEN),
	                              BYTES_OF_ARRAY(label), bytes_of(u, FIELD_LEN),
	                              bytes_of(v, FIELD_LEN)};

	keys_sha256(parts, sizeof(parts) / sizeof(parts[0]), ret_seed);
}

static enum status seed_for_ec(const EC_KEY *ec, uint8_t ret_seed[SEED_LEN],
                               struct buffer *ret_encrypted)
{
	const EC_GROUP *group = EC_KEY_get0_group(ec);
	EC_KEY *made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	uint8_t z[FIELD_LEN], x[FIELD_LEN], y[FIELD_LEN], own_x[FIELD_LEN], own_y[FIELD_LEN];
	uint8_t point[2 * (2 + FIELD_LEN)] = {0, FIELD_LEN};
	bool good =
	    EC_GROUP_get_curve_name(group) == NID_X9_62_prime256v1 && made != NULL &&
	    EC_KEY_generate_key(made) == 1 &&
	    ECDH_compute_key(z, sizeof(z), EC_KEY_get0_public_key(ec), made, NULL) == FIELD_LEN &&
	    put_point(group, EC_KEY_get0_public_key(ec), x, y) &&
	    put_point(group, EC_KEY_get0_public_key(made), own_x, own_y);

	EC_KEY_free(made);
	if (!good)
		return STATUS_UNSUPPORTED;
	kdfe(z, own_x, x, ret_seed);
	SECRET_WIPE(z);
	memcpy(point + 2, own_x, FIELD_LEN);
	point[2 + FIELD_LEN + 1] = FIELD_LEN;
	memcpy(point + 2 + FIELD_LEN + 2, own_y, FIELD_LEN);
	return buffer_put(ret_encrypted, BYTES_OF_ARRAY(point));
}

static enum status make_seed(const struct keys_public *endorsement, uint8_t ret_seed[SEED_LEN],
                             struct buffer *ret_encrypted)
{
	enum status status = STATUS_UNSUPPORTED;
	EVP_PKEY *key;
	CBS in;

	CBS_init(&in, endorsement->der, endorsement->len);
	key = EVP_parse_public_key(&in);
	if (key != NULL && EVP_PKEY_id(key) == EVP_PKEY_RSA)
		status = seed_for_rsa(EVP_PKEY_get0_RSA(key), ret_seed, ret_encrypted);
	else if (key != NULL && EVP_PKEY_id(key) == EVP_PKEY_EC)
		status = seed_for_ec(EVP_PKEY_get0_EC_KEY(key), ret_seed, ret_encrypted);
	EVP_PKEY_free(key);
	return status;
}

/* ---- the secret, under the seed and the name ---- */

static void seal(const uint8_t seed[SEED_LEN], struct bytes name,
                 const uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN],
                 uint8_t ret_blob[KEYS_CREDENTIAL_BLOB_LEN])
{
	uint8_t plain[2 + KEYS_CREDENTIAL_SECRET_LEN] = {0, KEYS_CREDENTIAL_SECRET_LEN};
	uint8_t storage[32], iv[AES_BLOCK_SIZE] = {0};
	struct keys_secret integrity;
	struct bytes parts[2];
	AES_KEY aes;
	int used = 0;

	memcpy(plain + 2, secret, KEYS_CREDENTIAL_SECRET_LEN);
	kdfa(seed, "STORAGE", name, 128, storage);
	kdfa(seed, "INTEGRITY", bytes_of(NULL, 0), 256, integrity.bytes);
	CHECK(AES_set_encrypt_key(storage, 128, &aes) == 0);
	AES_cfb128_encrypt(plain, ret_blob + 34, sizeof(plain), &aes, iv, &used, AES_ENCRYPT);
	ret_blob[0] = 0;
	ret_blob[1] = KEYS_MAC_LEN;
	parts[0] = bytes_of(ret_blob + 34, sizeof(plain));
	parts[1] = name;
	keys_hmac(&integrity, parts, 2, ret_blob + 2);
	SECRET_WIPE(plain);
	SECRET_WIPE(storage);
	SECRET_WIPE(integrity);
	SECRET_WIPE(aes);
}

enum status keys_credential_make(const struct keys_public *endorsement, struct bytes name,
                                 const uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN],
                                 struct buffer *ret_blob, struct buffer *ret_encrypted)
{
	uint8_t seed[SEED_LEN], blob[KEYS_CREDENTIAL_BLOB_LEN];
	enum status status;

	CHECK(name.len <= NAME_MAX_LEN);
	status = make_seed(endorsement, seed, ret_encrypted);
	if (status == STATUS_OK) {
		seal(seed, name, secret, blob);
		status = buffer_put(ret_blob, BYTES_OF_ARRAY(blob));
	}
	SECRET_WIPE(seed);
	return status;
}
