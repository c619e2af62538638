/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_tls.h"

#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base_check.h"
#include "base_encode.h"
#include "base_host.h"
#include "keys_x509.h"
#include "secret.h"

/* n, the order of P-256 (SEC 2 section 2.4.2). */
static const uint8_t order_be[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

static bool is_scalar(const uint8_t scalar[32])
{
	static const uint8_t zero[32];

	return memcmp(scalar, zero, 32) != 0 && memcmp(scalar, order_be, 32) < 0;
}

void keys_tls_derive(const struct keys_master *master, const uint8_t deployment[32],
                     struct keys_tls_key *ret_key)
{
	struct keys_secret made;
	uint8_t attempt = 0;

	/* One derivation in 2^32 is above n; then the next one counts. */
	do
		keys_derive(master, deployment, KEYS_TLS_LABEL, bytes_of(&attempt, 1), &made);
	while (!is_scalar(made.bytes) && attempt++ < UINT8_MAX);
	CHECK(is_scalar(made.bytes));
	memcpy(ret_key->bytes, made.bytes, sizeof(ret_key->bytes));
	SECRET_WIPE(made);
}

/* key_of makes AWS-LC's object of a key; NULL when the scalar is none or memory is out. */
static EC_KEY *key_of(const struct keys_tls_key *key)
{
	EC_KEY *made = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *scalar = BN_bin2bn(key->bytes, sizeof(key->bytes), NULL);
	EC_POINT *point = made == NULL ? NULL : EC_POINT_new(EC_KEY_get0_group(made));
	bool whole = is_scalar(key->bytes) && scalar != NULL && point != NULL &&
	             EC_POINT_mul(EC_KEY_get0_group(made), point, scalar, NULL, NULL, NULL) == 1 &&
	             EC_KEY_set_private_key(made, scalar) == 1 &&
	             EC_KEY_set_public_key(made, point) == 1;

	EC_POINT_free(point);
	BN_clear_free(scalar);
	if (whole)
		return made;
	EC_KEY_free(made);
	return NULL;
}

enum status keys_tls_der(const struct keys_tls_key *key, struct buffer *ret_der)
{
	EC_KEY *made = key_of(key);
	enum status status = STATUS_CRYPTO;
	uint8_t *der = NULL;
	size_t len = 0;
	CBB out;

	CBB_zero(&out);
	if (made != NULL && CBB_init(&out, 128) == 1 &&
	    EC_KEY_marshal_private_key(&out, made, 0) == 1 && CBB_finish(&out, &der, &len) == 1) {
		status = buffer_put(ret_der, bytes_of(der, len));
		secret_wipe(der, len);
	}
	OPENSSL_free(der);
	CBB_cleanup(&out);
	EC_KEY_free(made);
	return status;
}

void keys_tls_fingerprint(const struct keys_tls_key *key, uint8_t ret_hash[KEYS_HASH_LEN])
{
	EC_KEY *made = key_of(key);
	uint8_t *der = NULL;
	struct bytes whole;
	int len;

	CHECK(made != NULL);
	len = i2d_EC_PUBKEY(made, &der);
	CHECK(len > 0);
	whole = bytes_of(der, (size_t)len);
	keys_sha256(&whole, 1, ret_hash);
	OPENSSL_free(der);
	EC_KEY_free(made);
}

enum status keys_tls_name_take(struct bytes text, uint8_t space[16], struct keys_tls_name *ret_name)
{
	switch (host_take(text, space)) {
	case HOST_NAME:
		*ret_name = (struct keys_tls_name){false, text};
		return STATUS_OK;
	case HOST_IPV4:
		*ret_name = (struct keys_tls_name){true, bytes_of(space, 4)};
		return STATUS_OK;
	case HOST_IPV6:
		*ret_name = (struct keys_tls_name){true, bytes_of(space, 16)};
		return STATUS_OK;
	case HOST_NONE:
		break;
	}
	return STATUS_MALFORMED;
}

/* name_of turns one of our names into a subject alternative name; NULL when it is none. */
static GENERAL_NAME *name_of(const struct keys_tls_name *name)
{
	GENERAL_NAME *made = GENERAL_NAME_new();
	ASN1_STRING *text = name->is_address ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	bool sized = name->is_address ? name->name.len == 4 || name->name.len == 16
	                              : name->name.len - 1 < HOST_TEXT_MAX;

	if (made == NULL || text == NULL || !sized ||
	    ASN1_STRING_set(text, name->name.data, (ossl_ssize_t)name->name.len) != 1) {
		ASN1_STRING_free(text);
		GENERAL_NAME_free(made);
		return NULL;
	}
	GENERAL_NAME_set0_value(made, name->is_address ? GEN_IPADD : GEN_DNS, text);
	return made;
}

static bool put_names(X509 *certificate, const struct keys_tls_name *names, size_t count)
{
	GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
	bool put = list != NULL && count != 0 && count <= KEYS_TLS_NAMES_MAX;

	for (size_t i = 0; put && i < count; i++) {
		GENERAL_NAME *name = name_of(&names[i]);

		put = name != NULL && sk_GENERAL_NAME_push(list, name) != 0;
		if (!put)
			GENERAL_NAME_free(name);
	}
	put = put && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1;
	sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
	return put;
}

/* put_extension adds an extension that AWS-LC writes from its text form. */
static bool put_extension(X509 *certificate, int nid, const char *text)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool put;

	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_nconf_nid(NULL, &context, nid, text);
	put = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return put;
}

/* put_subject names the certificate after its key, so that no two deployments share a name. */
static bool put_subject(X509 *certificate, EVP_PKEY *key)
{
	uint8_t *der = NULL, hash[KEYS_HASH_LEN];
	char text[sizeof("Claviger ") + HEX_LEN(8)] = "Claviger ";
	int len = i2d_PUBKEY(key, &der);
	struct bytes whole = bytes_of(der, len > 0 ? (size_t)len : 0);
	X509_NAME *name = X509_get_subject_name(certificate);

	if (len <= 0)
		return false;
	keys_sha256(&whole, 1, hash);
	OPENSSL_free(der);
	hex_encode(bytes_of(hash, 8), text + sizeof("Claviger ") - 1);
	return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
	                                  (const uint8_t *)text, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, name) == 1;
}

/* fill writes everything but the signature. No keyUsage: some libraries refuse a self-signed server
 * certificate without keyCertSign, others one with it. */
static bool fill(X509 *certificate, EVP_PKEY *key, const struct keys_tls_name *names,
                 size_t name_count, uint64_t not_before_s, uint64_t not_after_s)
{
	return not_before_s < not_after_s && not_after_s <= INT64_MAX &&
	       X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       keys_x509_put_serial(certificate) &&
	       ASN1_TIME_set_posix(X509_getm_notBefore(certificate), (int64_t)not_before_s) !=
	           NULL &&
	       ASN1_TIME_set_posix(X509_getm_notAfter(certificate), (int64_t)not_after_s) != NULL &&
	       X509_set_pubkey(certificate, key) == 1 && put_subject(certificate, key) &&
	       put_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       put_extension(certificate, NID_ext_key_usage, "serverAuth") &&
	       put_extension(certificate, NID_subject_key_identifier, "hash") &&
	       put_names(certificate, names, name_count);
}

enum status keys_tls_certify(const struct keys_tls_key *key, const struct keys_tls_name *names,
                             size_t name_count, uint64_t not_before_s, uint64_t not_after_s,
                             struct buffer *ret_der)
{
	EC_KEY *made = key_of(key);
	EVP_PKEY *both = EVP_PKEY_new();
	X509 *certificate = X509_new();
	enum status status = STATUS_CRYPTO;
	uint8_t *der = NULL;
	int len;

	if (made != NULL && both != NULL && certificate != NULL &&
	    EVP_PKEY_set1_EC_KEY(both, made) == 1 &&
	    fill(certificate, both, names, name_count, not_before_s, not_after_s) &&
	    X509_sign(certificate, both, EVP_sha256()) > 0) {
		len = i2d_X509(certificate, &der);
		if (len > 0)
			status = buffer_put(ret_der, bytes_of(der, (size_t)len));
	}
	OPENSSL_free(der);
	X509_free(certificate);
	EVP_PKEY_free(both);
	EC_KEY_free(made);
	return status;
}
