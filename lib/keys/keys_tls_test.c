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
	struct keys_tls_key key = {.bytes = {1}};
	const uint8_t *at = der_space, *key_at = key_space;
	EVP_PKEY *pair;
	X509 *certificate;

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
	struct keys_tls_key key = {.bytes = {1}}, zero = {{0}};

	EXPECT(keys_tls_certify(&key, &bad, 1, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &empty, 1, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &good, 0, 1, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&key, &good, 1, 2, 2, &der) == STATUS_CRYPTO);
	EXPECT(keys_tls_certify(&zero, &good, 1, 1, 2, &der) == STATUS_CRYPTO);
	der.cap = 10;
	EXPECT(keys_tls_certify(&key, &good, 1, 1, 2, &der) == STATUS_TOO_LARGE);
	EXPECT(der.len == 0);
}

/* S19: a name that no client could check is refused, and not signed into a certificate. */
static void test_a_name_is_a_host_or_an_address(void)
{
	static const struct {
		const char *text;
		size_t address_len; /* 0: a host's name */
	} good[] = {
	    {"localhost",            0 },
            {"Signer.example",       0 },
            {"signer_1.b-c.example", 0 },
	    {"7.example",            0 },
            {"192.0.2.7",            4 },
            {"2001:db8::7",          16},
	};
	static const char *const bad[] = {"",
	                                  "a b",
	                                  ".a",
	                                  "a.",
	                                  "a..b",
	                                  "-a",
	                                  "a-.b",
	                                  "a/b",
	                                  "a,b",
	                                  "*.example",
	                                  "https://signer",
	                                  "signer:8200",
	                                  "192.0.2.",
	                                  "300.1.1.1",
	                                  "1.2",
	                                  "\xc3\xa4.example"};
	char label[70] = "";
	uint8_t space[16];
	struct keys_tls_name name;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		EXPECT(keys_tls_name_take(bytes_of_text(good[i].text), space, &name) == STATUS_OK);
		EXPECT(name.is_address == (good[i].address_len != 0));
		EXPECT(name.name.len ==
		       (name.is_address ? good[i].address_len : strlen(good[i].text)));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT(keys_tls_name_take(bytes_of_text(bad[i]), space, &name) == STATUS_MALFORMED);
	memset(label, 'a', 63);
	EXPECT(keys_tls_name_take(bytes_of_text(label), space, &name) == STATUS_OK);
	label[63] = 'a';
	EXPECT(keys_tls_name_take(bytes_of_text(label), space, &name) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_key_is_the_same_at_every_start_and_differs_per_deployment);
	RUN(test_certificate_verifies_and_names_its_hosts);
	RUN(test_what_is_no_certificate_is_refused);
	RUN(test_a_name_is_a_host_or_an_address);
	return test_summary();
}
