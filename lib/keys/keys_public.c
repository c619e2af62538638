/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_public.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base_check.h"

#define RSA_BITS_MIN      2048
#define RSA_BITS_MAX      4096
#define DER_SIGNATURE_LEN 144 /* of ECDSA on P-384, at most */
#define CHAIN_DEPTH_MAX   6

static const EVP_MD *digest_of(enum keys_digest digest)
{
	switch (digest) {
	case KEYS_SHA256:
		return EVP_sha256();
	case KEYS_SHA384:
		return EVP_sha384();
	case KEYS_SHA512:
		return EVP_sha512();
	default:
		CHECK(!"a digest");
		return NULL;
	}
}

enum status keys_hash(enum keys_digest digest, const struct bytes *parts, size_t count,
                      struct buffer *ret_hash)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	bool good = context != NULL && EVP_DigestInit_ex(context, digest_of(digest), NULL) == 1;

	for (size_t i = 0; good && i < count; i++)
		good = EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(context, hash, &len) == 1;
	EVP_MD_CTX_free(context);
	return good ? buffer_put(ret_hash, bytes_of(hash, len)) : STATUS_CRYPTO;
}

/* ---- keys ---- */

/* is_offered: P-256, P-384, or RSA of 2048 to 4096 bits. */
static bool is_offered(EVP_PKEY *key)
{
	const EC_KEY *ec = EVP_PKEY_get0_EC_KEY(key);
	int bits = EVP_PKEY_bits(key), curve;

	if (EVP_PKEY_id(key) == EVP_PKEY_RSA)
		return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
	if (EVP_PKEY_id(key) != EVP_PKEY_EC || ec == NULL)
		return false;
	curve = EC_GROUP_get_curve_name(EC_KEY_get0_group(ec));
	return curve == NID_X9_62_prime256v1 || curve == NID_secp384r1;
}

static enum status put_key(EVP_PKEY *key, struct keys_public *ret_public)
{
	enum status status = STATUS_CRYPTO;
	uint8_t *der = NULL;
	size_t len = 0;
	CBB out;

	if (!is_offered(key))
		return STATUS_UNSUPPORTED;
	CBB_zero(&out);
	if (CBB_init(&out, KEYS_SPKI_MAX) == 1 && EVP_marshal_public_key(&out, key) == 1 &&
	    CBB_finish(&out, &der, &len) == 1) {
		status = len <= sizeof(ret_public->der) ? STATUS_OK : STATUS_TOO_LARGE;
		if (status == STATUS_OK) {
			memcpy(ret_public->der, der, len);
			ret_public->len = len;
		}
	}
	OPENSSL_free(der);
	CBB_cleanup(&out);
	return status;
}

/* parse_key: the caller frees; NULL for anything but one whole key of an offered kind. */
static EVP_PKEY *parse_key(struct bytes der)
{
	EVP_PKEY *key;
	CBS in;

	CBS_init(&in, der.data, der.len);
	key = EVP_parse_public_key(&in);
	if (key != NULL && CBS_len(&in) == 0 && is_offered(key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

enum status keys_public_from_der(struct bytes der, struct keys_public *ret_public)
{
	EVP_PKEY *key = der.len <= KEYS_SPKI_MAX ? parse_key(der) : NULL;
	struct keys_public made;
	enum status status;

	if (key == NULL)
		return STATUS_MALFORMED;
	status = put_key(key, &made);
	EVP_PKEY_free(key);
	if (status == STATUS_OK && !bytes_equal(bytes_of(made.der, made.len), der))
		status = STATUS_MALFORMED; /* a second encoding of the same key */
	if (status == STATUS_OK)
		*ret_public = made;
	return status;
}

enum status keys_public_from_ec(enum keys_curve curve, struct bytes x, struct bytes y,
                                struct keys_public *ret_public)
{
	int nid = curve == KEYS_P256 ? NID_X9_62_prime256v1 : NID_secp384r1;
	size_t field = curve == KEYS_P256 ? 32 : 48;
	EC_KEY *made = EC_KEY_new_by_curve_name(nid);
	EVP_PKEY *key = EVP_PKEY_new();
	BIGNUM *at_x = BN_bin2bn(x.data, x.len, NULL), *at_y = BN_bin2bn(y.data, y.len, NULL);
	enum status status = STATUS_CRYPTO;

	if (x.len <= field && y.len <= field && made != NULL && key != NULL && at_x != NULL &&
	    at_y != NULL && EC_KEY_set_public_key_affine_coordinates(made, at_x, at_y) == 1 &&
	    EVP_PKEY_set1_EC_KEY(key, made) == 1)
		status = put_key(key, ret_public);
	BN_free(at_x);
	BN_free(at_y);
	EVP_PKEY_free(key);
	EC_KEY_free(made);
	return status;
}

enum status keys_public_from_rsa(struct bytes modulus, uint32_t exponent,
                                 struct keys_public *ret_public)
{
	BIGNUM *n = BN_bin2bn(modulus.data, modulus.len, NULL), *e = BN_new();
	EVP_PKEY *key = EVP_PKEY_new();
	RSA *made = NULL;
	enum status status = STATUS_CRYPTO;

	if (n != NULL && e != NULL && key != NULL && modulus.len <= RSA_BITS_MAX / 8 &&
	    BN_set_word(e, exponent) == 1 && (made = RSA_new_public_key(n, e)) != NULL &&
	    EVP_PKEY_set1_RSA(key, made) == 1)
		status = put_key(key, ret_public);
	BN_free(n);
	BN_free(e);
	RSA_free(made);
	EVP_PKEY_free(key);
	return status;
}

/* ---- signatures ---- */

static size_t field_len(EVP_PKEY *key)
{
	return ((size_t)EVP_PKEY_bits(key) + 7) / 8;
}

/* ecdsa_der makes an ECDSA-Sig-Value of r || s. */
static enum status ecdsa_der(EVP_PKEY *key, struct bytes signature,
                             uint8_t ret_der[DER_SIGNATURE_LEN], size_t *ret_len)
{
	size_t field = field_len(key);
	ECDSA_SIG *made = ECDSA_SIG_new();
	BIGNUM *r = NULL, *s = NULL;
	uint8_t *der = NULL;
	size_t len = 0;
	enum status status = STATUS_CRYPTO;

	if (made != NULL && signature.len == 2 * field) {
		r = BN_bin2bn(signature.data, field, NULL);
		s = BN_bin2bn(signature.data + field, field, NULL);
		if (r != NULL && s != NULL && ECDSA_SIG_set0(made, r, s) == 1) {
			r = s = NULL;
			if (ECDSA_SIG_to_bytes(&der, &len, made) == 1 && len <= DER_SIGNATURE_LEN) {
				memcpy(ret_der, der, len);
				*ret_len = len;
				status = STATUS_OK;
			}
		}
	}
	BN_free(r);
	BN_free(s);
	OPENSSL_free(der);
	ECDSA_SIG_free(made);
	return status;
}

enum status keys_public_ecdsa_from_der(const struct keys_public *key, struct bytes der,
                                       struct buffer *ret_signature)
{
	EVP_PKEY *parsed = parse_key(bytes_of(key->der, key->len));
	ECDSA_SIG *signature = ECDSA_SIG_from_bytes(der.data, der.len);
	uint8_t both[96];
	size_t field;
	enum status status = STATUS_MALFORMED;

	if (parsed != NULL && EVP_PKEY_id(parsed) == EVP_PKEY_EC && signature != NULL) {
		field = field_len(parsed);
		if (BN_bn2bin_padded(both, field, ECDSA_SIG_get0_r(signature)) == 1 &&
		    BN_bn2bin_padded(both + field, field, ECDSA_SIG_get0_s(signature)) == 1)
			status = buffer_put(ret_signature, bytes_of(both, 2 * field));
	}
	ECDSA_SIG_free(signature);
	EVP_PKEY_free(parsed);
	return status;
}

static bool verify(EVP_PKEY *key, enum keys_scheme scheme, enum keys_digest digest,
                   struct bytes message, struct bytes signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options = NULL; /* the context's */
	bool good = context != NULL &&
	            EVP_DigestVerifyInit(context, &options, digest_of(digest), NULL, key) == 1;

	if (good && scheme == KEYS_RSA_PSS)
		good = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_AUTO) == 1;
	good = good && EVP_DigestVerify(context, signature.data, signature.len, message.data,
	                                message.len) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

enum status keys_public_verify(const struct keys_public *key, enum keys_scheme scheme,
                               enum keys_digest digest, struct bytes message,
                               struct bytes signature)
{
	EVP_PKEY *parsed = parse_key(bytes_of(key->der, key->len));
	uint8_t der[DER_SIGNATURE_LEN];
	size_t len = 0;
	bool fits, good;

	if (parsed == NULL)
		return STATUS_CRYPTO;
	fits = (EVP_PKEY_id(parsed) == EVP_PKEY_EC) == (scheme == KEYS_ECDSA);
	if (fits && scheme == KEYS_ECDSA) {
		fits = ecdsa_der(parsed, signature, der, &len) == STATUS_OK;
		signature = bytes_of(der, len);
	}
	good = fits && verify(parsed, scheme, digest, message, signature);
	EVP_PKEY_free(parsed);
	return good ? STATUS_OK : STATUS_CRYPTO;
}

/* ---- certificates ---- */

static X509 *parse_certificate(struct bytes der)
{
	const uint8_t *at = der.data;
	X509 *certificate;

	if (der.len == 0 || der.len > KEYS_CERTIFICATE_MAX)
		return NULL;
	certificate = d2i_X509(NULL, &at, (long)der.len);
	if (certificate != NULL && at == der.data + der.len)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static STACK_OF(X509) * parse_all(const struct bytes *certificates, size_t count)
{
	STACK_OF(X509) *list = sk_X509_new_null();

	for (size_t i = 0; list != NULL && i < count; i++) {
		X509 *certificate = parse_certificate(certificates[i]);

		if (certificate == NULL || sk_X509_push(list, certificate) == 0) {
			X509_free(certificate);
			sk_X509_pop_free(list, X509_free);
			return NULL;
		}
	}
	return list;
}

/* is_leaf: the leaf may be used for `usage` and is no CA. */
static bool is_leaf(X509 *leaf, const char *usage)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
	bool found = false;
	char text[64];

	for (size_t i = 0; usages != NULL && i < sk_ASN1_OBJECT_num(usages); i++)
		if (OBJ_obj2txt(text, sizeof(text), sk_ASN1_OBJECT_value(usages, i), 1) > 0 &&
		    strcmp(text, usage) == 0)
			found = true;
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	return found && X509_check_ca(leaf) == 0;
}

static enum keys_chain_fault fault_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return KEYS_CHAIN_TIME;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
		return KEYS_CHAIN_USAGE;
	default:
		return KEYS_CHAIN_UNTRUSTED;
	}
}

static enum keys_chain_fault walk(X509 *leaf, STACK_OF(X509) * between, STACK_OF(X509) * anchors,
                                  uint64_t at_s)
{
	X509_STORE *none = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	enum keys_chain_fault fault = KEYS_CHAIN_UNTRUSTED;

	if (none != NULL && context != NULL &&
	    X509_STORE_CTX_init(context, none, leaf, between) == 1) {
		X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);

		X509_STORE_CTX_set0_trusted_stack(context, anchors);
		X509_VERIFY_PARAM_set_time_posix(rules, (int64_t)at_s);
		X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
		X509_VERIFY_PARAM_set_depth(rules, CHAIN_DEPTH_MAX);
		if (X509_verify_cert(context) == 1)
			fault = KEYS_CHAIN_GOOD;
		else
			fault = fault_of(X509_STORE_CTX_get_error(context));
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(none);
	return fault;
}

static enum status leaf_key(X509 *leaf, struct keys_public *ret_public)
{
	EVP_PKEY *key = X509_get_pubkey(leaf);
	enum status status = key != NULL ? put_key(key, ret_public) : STATUS_MALFORMED;

	EVP_PKEY_free(key);
	return status;
}

enum keys_chain_fault keys_chain_check(struct bytes leaf, const struct bytes *between,
                                       size_t between_count, const struct bytes *anchors,
                                       size_t anchor_count, const char *usage, uint64_t at_s,
                                       struct keys_public *ret_public)
{
	X509 *parsed = parse_certificate(leaf);
	STACK_OF(X509) *inner = parse_all(between, between_count);
	STACK_OF(X509) *trusted = parse_all(anchors, anchor_count);
	enum keys_chain_fault fault = KEYS_CHAIN_MALFORMED;
	struct keys_public made;

	if (parsed != NULL && inner != NULL && trusted != NULL &&
	    leaf_key(parsed, &made) == STATUS_OK && at_s <= INT64_MAX) {
		fault = walk(parsed, inner, trusted, at_s);
		if (fault == KEYS_CHAIN_GOOD && !is_leaf(parsed, usage))
			fault = KEYS_CHAIN_USAGE;
	}
	if (fault == KEYS_CHAIN_GOOD)
		*ret_public = made;
	X509_free(parsed);
	sk_X509_pop_free(inner, X509_free);
	sk_X509_pop_free(trusted, X509_free);
	return fault;
}

enum status keys_chain_leaf(struct bytes leaf, struct keys_public *ret_public,
                            char ret_issuer[KEYS_SUBJECT_MAX])
{
	X509 *parsed = parse_certificate(leaf);
	enum status status = parsed != NULL ? leaf_key(parsed, ret_public) : STATUS_MALFORMED;

	if (status == STATUS_OK)
		(void)X509_NAME_oneline(X509_get_issuer_name(parsed), ret_issuer, KEYS_SUBJECT_MAX);
	X509_free(parsed);
	return status;
}
