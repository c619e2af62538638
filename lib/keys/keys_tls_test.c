/* The TLS identity: stable key, a certificate that its own library can parse and verify. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base_test.h"

static void test_key_is_the_same_at_every_start_and_differs_per_deployment(void)
{
	struct keys_master master = {{9}};
	uint8_t deployment[32] = {1}, foreign[32] = {2};
	struct keys_tls_key a, b, c;

	keys_tls_derive(&master, deployment, &a);
	keys_tls_derive(&master, deployment, &b);
	keys_tls_derive(&master, foreign, &c);
	EXPECT(memcmp(&a, &b, sizeof(a)) == 0);
	EXPECT(memcmp(&a, &c, sizeof(a)) != 0);
}

static void test_certificate_verifies_and_names_its_hosts(void)
{
	static const uint8_t loopback[4] = {127, 0, 0, 1};
	struct keys_tls_name names[] = {
	    {false, bytes_of_text("localhost")},
            {true,  BYTES_OF_ARRAY(loopback)  }
        };
	uint8_t der_space[KEYS_TLS_CERTIFICATE_MAX], key_space[256];
	struct buffer der = BUFFER_OF_ARRAY(der_space), key_der = BUFFER_OF_ARRAY(key_space);
	struct keys_tls_key key;
	const uint8_t *at = der_space, *key_at = key_space;
	EVP_PKEY *pair;
	X509 *certificate;

	keys_tls_random(&key);
	EXPECT(keys_tls_certify(&key, names, 2, 1700000000, 1900000000, &der) == STATUS_OK);
	EXPECT(keys_tls_der(&key, &key_der) == STATUS_OK);
	certificate = d2i_X509(NULL, &at, (long)der.len);
	pair = d2i_PrivateKey(EVP_PKEY_EC, NULL, &key_at, (long)key_der.len);
	EXPECT(certificate != NULL && pair != NULL && at == der_space + der.len);
	EXPECT(X509_check_private_key(certificate, pair) == 1);
	EXPECT(X509_verify(certificate, pair) == 1);
	EXPECT(X509_check_host(certificate, "localhost", 9, 0, NULL) == 1);
	EXPECT(X509_check_host(certificate, "example.com", 11, 0, NULL) == 0);
	EXPECT(X509_check_ip_asc(certificate, "127.0.0.1", 0) == 1);
	X509_free(certificate);
	EVP_PKEY_free(pair);
}

static void test_what_is_no_certificate_is_refused(void)
{
	struct keys_tls_name bad = {true, bytes_of("abc", 3)}, empty = {false, bytes_of("", 0)};
	struct keys_tls_name good = {false, bytes_of_text("localhost")};
	uint8_t space[KEYS_TLS_CERTIFICATE_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space);
	struct keys_tls_key key, zero = {{0}};

	keys_tls_random(&key);
	EXPECT(keys_tls_certify(&key, &bad, 1, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &empty, 1, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &good, 0, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &good, 1, 2, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&zero, &good, 1, 1, 2, &der) == STATUS_CRYPTO);
	der.cap = 10;
	EXPECT(keys_tls_certify(&key, &good, 1, 1, 2, &der) == STATUS_TOO_LARGE);
	EXPECT(der.len == 0);
}

int main(void)
{
	RUN(test_key_is_the_same_at_every_start_and_differs_per_deployment);
	RUN(test_certificate_verifies_and_names_its_hosts);
	RUN(test_what_is_no_certificate_is_refused);
	return test_summary();
}
