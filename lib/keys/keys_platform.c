/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_platform.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "keys_x509.h"
#include "secret.h"

#define RSA_BITS 2048
#define VALID_S  (INT64_C(30) * 365 * 86400)

static EVP_PKEY *make_key(void)
{
	EVP_PKEY *key = EVP_PKEY_new();
	RSA *rsa = RSA_new();
	BIGNUM *exponent = BN_new();
	bool made = key != NULL && rsa != NULL && exponent != NULL &&
	            BN_set_word(exponent, RSA_F4) == 1 &&
	            RSA_generate_key_ex(rsa, RSA_BITS, exponent, NULL) == 1 &&
	            EVP_PKEY_set1_RSA(key, rsa) == 1;

	BN_free(exponent);
	RSA_free(rsa);
	if (made)
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static bool certify(X509 *certificate, EVP_PKEY *key, const char *name, int64_t now_s)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	size_t len = strlen(name);

	return len != 0 && len <= KEYS_PLATFORM_NAME_MAX &&
	       X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       keys_x509_put_serial(certificate) &&
	       ASN1_TIME_set_posix(X509_getm_notBefore(certificate), now_s) != NULL &&
	       ASN1_TIME_set_posix(X509_getm_notAfter(certificate), now_s + VALID_S) != NULL &&
	       X509_set_pubkey(certificate, key) == 1 &&
	       X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
	                                  (const uint8_t *)name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, subject) == 1 &&
	       X509_sign(certificate, key, EVP_sha256()) != 0;
}

/* put_memory appends what was written into a memory BIO, and wipes it there. */
static enum status put_memory(BIO *bio, struct buffer *ret_bytes)
{
	const uint8_t *data = NULL;
	size_t len = 0;
	enum status status = STATUS_CRYPTO;

	if (bio != NULL && BIO_mem_contents(bio, &data, &len) == 1 && len != 0) {
		status = buffer_put(ret_bytes, bytes_of(data, len));
		secret_wipe((uint8_t *)(uintptr_t)data, len);
	}
	return status;
}

enum status keys_platform_make(const char *name, uint64_t now_s, struct buffer *ret_pem,
                               struct buffer *ret_certificate, struct buffer *ret_certificate_pem)
{
	EVP_PKEY *key = make_key();
	X509 *certificate = X509_new();
	BIO *secret = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
	enum status status = STATUS_CRYPTO;
	uint8_t *der = NULL;
	int len = 0;

	if (key != NULL && certificate != NULL && secret != NULL && public != NULL &&
	    now_s <= INT64_MAX - (uint64_t)VALID_S &&
	    certify(certificate, key, name, (int64_t)now_s) &&
	    PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	    PEM_write_bio_X509(public, certificate) == 1)
		len = i2d_X509(certificate, &der);
	if (len > 0)
		status = buffer_put(ret_certificate, bytes_of(der, (size_t)len));
	if (status == STATUS_OK)
		status = put_memory(secret, ret_pem);
	if (status == STATUS_OK)
		status = put_memory(public, ret_certificate_pem);
	OPENSSL_free(der);
	BIO_free(secret);
	BIO_free(public);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return status;
}
