/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_credential.h"

#include <openssl/aes.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdh.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include "base_check.h"
#include "secret.h"

#define SEED_MAX     48
#define FIELD_MAX    48 /* P-384 */
#define NAME_MAX_LEN 66
#define ID_LABEL     "IDENTITY" /* with its zero byte */

static const uint8_t one_be[4] = {0, 0, 0, 1}; /* one block is all that is ever needed */

/* What goes with an endorsement key: the digest of its name is that of all derivations. */
struct strength {
	const EVP_MD *digest;
	size_t len; /* of the digest, and of the seed */
	uint16_t aes_bits;
	int curve;    /* NID; 0: RSA */
	size_t field; /* bytes of a coordinate */
};

static struct strength strength_of(const EVP_PKEY *key)
{
	int curve = 0;

	if (EVP_PKEY_id(key) == EVP_PKEY_EC)
		curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
	if (curve == NID_secp384r1 || (curve == 0 && EVP_PKEY_bits(key) == 3072))
		return (struct strength){EVP_sha384(), 48, 256, curve, 48};
	return (struct strength){EVP_sha256(), 32, 128, curve, 32};
}

static void hmac(const struct strength *with, const uint8_t *key, const struct bytes *parts,
                 size_t count, uint8_t ret_mac[SEED_MAX])
{
	HMAC_CTX context;
	unsigned len = 0;

	HMAC_CTX_init(&context);
	CHECK(HMAC_Init_ex(&context, key, with->len, with->digest, NULL) == 1);
	for (size_t i = 0; i < count; i++)
		CHECK(HMAC_Update(&context, parts[i].data, parts[i].len) == 1);
	CHECK(HMAC_Final(&context, ret_mac, &len) == 1 && len == with->len);
	HMAC_CTX_cleanup(&context);
}

/* kdfa is KDFa (part 1, section 11.4.10.2): one block. */
static void kdfa(const struct strength *with, const uint8_t *seed, const char *label,
                 struct bytes context, size_t bits, uint8_t ret_key[SEED_MAX])
{
	const uint8_t bits_be[4] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
	const struct bytes parts[] = {BYTES_OF_ARRAY(one_be), bytes_of(label, strlen(label) + 1),
	                              context, BYTES_OF_ARRAY(bits_be)};

	hmac(with, seed, parts, sizeof(parts) / sizeof(parts[0]), ret_key);
}

/* ---- the endorsement key ---- */

/* TPMT_PUBLIC up to the key: type, digest, attributes, policy, AES-CFB, no scheme, then RSA with
 * the usual exponent, or a curve without KDF. The low range is for PolicySecret(endorsement)
 * alone (PolicyA), the high one for an owner's password or policy, too (userWithAuth, PolicyB). */
#define LOW_256                                                                                    \
	0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2, 0x00, 0x20, 0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3,  \
	    0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06,    \
	    0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa, 0x00, 0x06, 0x00,    \
	    0x80, 0x00, 0x43, 0x00, 0x10
#define HIGH_256                                                                                   \
	0x00, 0x0b, 0x00, 0x03, 0x00, 0xf2, 0x00, 0x20, 0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39,  \
	    0x06, 0xf7, 0xa3, 0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1,    \
	    0xfd, 0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0, 0x00, 0x06, 0x00,    \
	    0x80, 0x00, 0x43, 0x00, 0x10
#define HIGH_384                                                                                   \
	0x00, 0x0c, 0x00, 0x03, 0x00, 0xf2, 0x00, 0x30, 0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50,  \
	    0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35,    \
	    0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba,    \
	    0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12, 0x00,    \
	    0x06, 0x01, 0x00, 0x00, 0x43, 0x00, 0x10
/* bits, exponent, length */
#define RSA_2048 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00
#define RSA_3072 0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x80
#define P256     0x00, 0x03, 0x00, 0x10
#define P384     0x00, 0x04, 0x00, 0x10

static const uint8_t template_l1[] = {0x00, 0x01, LOW_256, RSA_2048};
static const uint8_t template_l2[] = {0x00, 0x23, LOW_256, P256};
static const uint8_t template_h1[] = {0x00, 0x01, HIGH_256, RSA_2048};
static const uint8_t template_h2[] = {0x00, 0x23, HIGH_256, P256};
static const uint8_t template_h3[] = {0x00, 0x23, HIGH_384, P384};
static const uint8_t template_h6[] = {0x00, 0x01, HIGH_384, RSA_3072};

static const struct {
	const uint8_t *front;
	size_t len;
	enum keys_curve curve; /* 0: RSA */
	size_t size;           /* bytes of the modulus, or of a coordinate */
} templates[] = {
    {template_l1, sizeof(template_l1), 0,         256},
    {template_l2, sizeof(template_l2), KEYS_P256, 32 },
    {template_h1, sizeof(template_h1), 0,         256},
    {template_h2, sizeof(template_h2), KEYS_P256, 32 },
    {template_h3, sizeof(template_h3), KEYS_P384, 48 },
    {template_h6, sizeof(template_h6), 0,         384},
};

enum status keys_credential_endorsement(struct bytes public_area, struct keys_public *ret_public)
{
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		size_t size = templates[i].size;
		bool is_rsa = templates[i].curve == 0;
		const uint8_t *at;

		if (public_area.len != templates[i].len + (is_rsa ? size : 2 * (2 + size)) ||
		    memcmp(public_area.data, templates[i].front, templates[i].len) != 0)
			continue;
		at = public_area.data + templates[i].len;
		if (is_rsa)
			return keys_public_from_rsa(bytes_of(at, size), 65537, ret_public);
		if (at[0] != 0 || at[1] != size || at[2 + size] != 0 || at[3 + size] != size)
			return STATUS_MALFORMED;
		return keys_public_from_ec(templates[i].curve, bytes_of(at + 2, size),
		                           bytes_of(at + 4 + size, size), ret_public);
	}
	return STATUS_MALFORMED;
}

/* ---- the seed, for the TPM only ---- */

static enum status seed_for_rsa(const struct strength *with, RSA *rsa, uint8_t ret_seed[SEED_MAX],
                                struct buffer *ret_encrypted)
{
	static const char label[] = ID_LABEL;
	uint8_t padded[512], sealed[512];
	size_t len = RSA_size(rsa), out_len = 0;
	bool good;

	keys_random(ret_seed, with->len);
	good = len <= sizeof(sealed) &&
	       RSA_padding_add_PKCS1_OAEP_mgf1(padded, len, ret_seed, with->len,
	                                       (const uint8_t *)label, sizeof(label), with->digest,
	                                       with->digest) == 1 &&
	       RSA_encrypt(rsa, &out_len, sealed, sizeof(sealed), padded, len, RSA_NO_PADDING) == 1;
	secret_wipe(padded, sizeof(padded));
	return good ? buffer_put(ret_encrypted, bytes_of(sealed, out_len)) : STATUS_CRYPTO;
}

/* put_point writes a point's coordinates; big-endian, padded. */
static bool put_point(const struct strength *with, const EC_GROUP *group, const EC_POINT *point,
                      uint8_t ret_x[FIELD_MAX], uint8_t ret_y[FIELD_MAX])
{
	BIGNUM *x = BN_new(), *y = BN_new();
	bool good = x != NULL && y != NULL &&
	            EC_POINT_get_affine_coordinates(group, point, x, y, NULL) == 1 &&
	            BN_bn2bin_padded(ret_x, with->field, x) == 1 &&
	            BN_bn2bin_padded(ret_y, with->field, y) == 1;

	BN_free(x);
	BN_free(y);
	return good;
}

/* kdfe is KDFe (part 1, section 11.4.10.3): one block. */
static void kdfe(const struct strength *with, const uint8_t *z, const uint8_t *u, const uint8_t *v,
                 uint8_t ret_seed[SEED_MAX])
{
	static const char label[] = ID_LABEL;
	const struct bytes parts[] = {BYTES_OF_ARRAY(one_be), bytes_of(z, with->field),
	                              BYTES_OF_ARRAY(label), bytes_of(u, with->field),
	                              bytes_of(v, with->field)};
	struct buffer out = {ret_seed, SEED_MAX, 0};

	CHECK(keys_hash(with->len == 48 ? KEYS_SHA384 : KEYS_SHA256, parts,
	                sizeof(parts) / sizeof(parts[0]), &out) == STATUS_OK);
}

static enum status put_coordinate(const struct strength *with, const uint8_t *at,
                                  struct buffer *out)
{
	const uint8_t len[2] = {0, (uint8_t)with->field};
	enum status status = buffer_put(out, BYTES_OF_ARRAY(len));

	return status == STATUS_OK ? buffer_put(out, bytes_of(at, with->field)) : status;
}

static enum status seed_for_ec(const struct strength *with, const EC_KEY *ec,
                               uint8_t ret_seed[SEED_MAX], struct buffer *ret_encrypted)
{
	const EC_GROUP *group = EC_KEY_get0_group(ec);
	EC_KEY *made = EC_KEY_new_by_curve_name(with->curve);
	uint8_t z[FIELD_MAX], x[FIELD_MAX], y[FIELD_MAX], own_x[FIELD_MAX], own_y[FIELD_MAX];
	enum status status;
	bool good = (with->curve == NID_X9_62_prime256v1 || with->curve == NID_secp384r1) &&
	            made != NULL && EC_KEY_generate_key(made) == 1 &&
	            ECDH_compute_key(z, sizeof(z), EC_KEY_get0_public_key(ec), made, NULL) ==
	                (int)with->field &&
	            put_point(with, group, EC_KEY_get0_public_key(ec), x, y) &&
	            put_point(with, group, EC_KEY_get0_public_key(made), own_x, own_y);

	EC_KEY_free(made);
	if (!good)
		return STATUS_UNSUPPORTED;
	kdfe(with, z, own_x, x, ret_seed);
	SECRET_WIPE(z);
	status = put_coordinate(with, own_x, ret_encrypted);
	return status == STATUS_OK ? put_coordinate(with, own_y, ret_encrypted) : status;
}

/* ---- the secret, under the seed and the name ---- */

static enum status seal(const struct strength *with, const uint8_t seed[SEED_MAX],
                        struct bytes name, const uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN],
                        struct buffer *ret_blob)
{
	uint8_t plain[2 + KEYS_CREDENTIAL_SECRET_LEN] = {0, KEYS_CREDENTIAL_SECRET_LEN};
	uint8_t blob[KEYS_CREDENTIAL_BLOB_MAX] = {0, (uint8_t)with->len};
	uint8_t storage[SEED_MAX], integrity[SEED_MAX], mac[SEED_MAX], iv[AES_BLOCK_SIZE] = {0};
	uint8_t *encrypted = blob + 2 + with->len;
	struct bytes parts[2];
	AES_KEY aes;
	int used = 0;

	memcpy(plain + 2, secret, KEYS_CREDENTIAL_SECRET_LEN);
	kdfa(with, seed, "STORAGE", name, with->aes_bits, storage);
	kdfa(with, seed, "INTEGRITY", bytes_of(NULL, 0), 8 * with->len, integrity);
	CHECK(AES_set_encrypt_key(storage, with->aes_bits, &aes) == 0);
	AES_cfb128_encrypt(plain, encrypted, sizeof(plain), &aes, iv, &used, AES_ENCRYPT);
	parts[0] = bytes_of(encrypted, sizeof(plain));
	parts[1] = name;
	hmac(with, integrity, parts, 2, mac);
	memcpy(blob + 2, mac, with->len);
	SECRET_WIPE(plain);
	SECRET_WIPE(storage);
	SECRET_WIPE(integrity);
	SECRET_WIPE(aes);
	return buffer_put(ret_blob, bytes_of(blob, 2 + with->len + sizeof(plain)));
}

enum status keys_credential_make(const struct keys_public *endorsement, struct bytes name,
                                 const uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN],
                                 struct buffer *ret_blob, struct buffer *ret_encrypted)
{
	uint8_t seed[SEED_MAX];
	enum status status = STATUS_UNSUPPORTED;
	struct strength with;
	EVP_PKEY *key;
	CBS in;

	CHECK(name.len <= NAME_MAX_LEN);
	CBS_init(&in, endorsement->der, endorsement->len);
	key = EVP_parse_public_key(&in);
	if (key == NULL)
		return STATUS_UNSUPPORTED;
	with = strength_of(key);
	if (EVP_PKEY_id(key) == EVP_PKEY_RSA)
		status = seed_for_rsa(&with, EVP_PKEY_get0_RSA(key), seed, ret_encrypted);
	else if (EVP_PKEY_id(key) == EVP_PKEY_EC)
		status = seed_for_ec(&with, EVP_PKEY_get0_EC_KEY(key), seed, ret_encrypted);
	EVP_PKEY_free(key);
	if (status == STATUS_OK)
		status = seal(&with, seed, name, secret, ret_blob);
	SECRET_WIPE(seed);
	return status;
}
