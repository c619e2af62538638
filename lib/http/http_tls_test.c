/* The server half of TLS against libssl's own client, both in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http_tls.h"

#include <openssl/bytestring.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "base_test.h"

/* AWS-LC asks these (weak symbols of libcrypto) for all of its memory: here they can fail at a
 * chosen call and count what is out (R1). */
void *OPENSSL_memory_alloc(size_t size);
void OPENSSL_memory_free(void *pointer);
size_t OPENSSL_memory_get_size(void *pointer);
void *OPENSSL_memory_realloc(void *pointer, size_t size);

static long fail_at = -1; /* -1: never; else this many more calls succeed */
static bool counting;
static long alloc_count, alive_count;

void *OPENSSL_memory_alloc(size_t size)
{
	size_t *at;

	if (counting) {
		alloc_count++;
		if (fail_at >= 0 && fail_at-- == 0)
			return NULL;
	}
	at = malloc(size + 16);
	if (at == NULL)
		return NULL;
	alive_count++;
	at[0] = size;
	return at + 2;
}

void OPENSSL_memory_free(void *pointer)
{
	if (pointer == NULL)
		return;
	alive_count--;
	free((size_t *)pointer - 2);
}

size_t OPENSSL_memory_get_size(void *pointer)
{
	return ((size_t *)pointer)[-2];
}

void *OPENSSL_memory_realloc(void *pointer, size_t size)
{
	void *grown = OPENSSL_memory_alloc(size);
	size_t old = pointer == NULL ? 0 : OPENSSL_memory_get_size(pointer);

	if (grown == NULL || pointer == NULL)
		return grown;
	memcpy(grown, pointer, old < size ? old : size);
	OPENSSL_memory_free(pointer);
	return grown;
}

static uint8_t scalar[32];
static uint8_t certificate[2048];
static size_t certificate_len;

/* A key and a self-signed certificate, by libcrypto directly: lib/keys is no module of ours. */
static void make_certificate(void)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *key = EVP_PKEY_new();
	X509 *x509 = X509_new();
	X509_NAME *name;
	uint8_t *at = certificate;

	EXPECT(ec != NULL && key != NULL && x509 != NULL && EC_KEY_generate_key(ec) == 1);
	EXPECT(BN_bn2bin_padded(scalar, 32, EC_KEY_get0_private_key(ec)) == 1);
	EXPECT(EVP_PKEY_assign_EC_KEY(key, ec) == 1);
	EXPECT(X509_set_version(x509, 2) == 1);
	name = X509_get_subject_name(x509);
	EXPECT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"localhost",
	                                  -1, -1, 0) == 1);
	EXPECT(X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1);
	EXPECT(X509_gmtime_adj(X509_get_notBefore(x509), 0) != NULL);
	EXPECT(X509_gmtime_adj(X509_get_notAfter(x509), 3600) != NULL);
	EXPECT(X509_sign(x509, key, EVP_sha256()) != 0);
	certificate_len = (size_t)i2d_X509(x509, &at);
	X509_free(x509);
	EVP_PKEY_free(key);
}

static struct http_tls *open_server(void)
{
	struct bytes chain = bytes_of(certificate, certificate_len);
	struct http_tls *tls = NULL;

	EXPECT(http_tls_open(scalar, &chain, 1, &tls) == STATUS_OK);
	return tls;
}

static SSL_CTX *open_client(uint16_t version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	EXPECT(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1);
	EXPECT(SSL_CTX_set_max_proto_version(context, version) == 1);
	return context;
}

static SSL *begin_client(SSL_CTX *context)
{
	SSL *ssl = SSL_new(context);

	SSL_set_connect_state(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	return ssl;
}

static uint8_t plain_space[65536], out_space[HTTP_TLS_RECORD + HTTP_TLS_OVERHEAD];
static struct buffer plain;

/* carry moves what the client has written to the server in pieces of `step` bytes, and what the
 * server answers back; plaintext gathers in `plain`. */
static enum http_tls_progress carry(SSL *client, struct http_tls_session *session, size_t step)
{
	enum http_tls_progress progress = HTTP_TLS_OPEN;
	uint8_t piece[4096];
	int got;

	while (progress == HTTP_TLS_OPEN &&
	       (got = BIO_read(SSL_get_wbio(client), piece, (int)step)) > 0) {
		struct buffer out = BUFFER_OF_ARRAY(out_space);

		progress = http_tls_read(session, bytes_of(piece, (size_t)got), &plain, &out);
		if (out.len != 0 &&
		    BIO_write(SSL_get_rbio(client), out.data, (int)out.len) != (int)out.len)
			return HTTP_TLS_BROKEN;
	}
	return progress;
}

static bool shake(SSL *client, struct http_tls_session *session, size_t step)
{
	for (int i = 0; i < 10 && !SSL_is_init_finished(client); i++) {
		(void)SSL_do_handshake(client);
		ERR_clear_error();
		if (carry(client, session, step) != HTTP_TLS_OPEN)
			return false;
	}
	return SSL_is_init_finished(client) && http_tls_is_ready(session);
}

static bool echoes(SSL *client, struct http_tls_session *session, size_t step)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n";
	struct buffer out = BUFFER_OF_ARRAY(out_space);
	char back[64];
	size_t used;

	plain = BUFFER_OF_ARRAY(plain_space);
	if (SSL_write(client, text, sizeof(text)) != (int)sizeof(text) ||
	    carry(client, session, step) != HTTP_TLS_OPEN ||
	    !bytes_equal(buffer_bytes(&plain), bytes_of(text, sizeof(text))))
		return false;
	if (http_tls_write(session, buffer_bytes(&plain), &out, &used) != HTTP_TLS_OPEN ||
	    used != sizeof(text))
		return false;
	if (BIO_write(SSL_get_rbio(client), out.data, (int)out.len) != (int)out.len)
		return false;
	return SSL_read(client, back, sizeof(back)) == (int)sizeof(text) &&
	       memcmp(back, text, sizeof(text)) == 0;
}

static void test_bytes_pass_in_pieces_of_any_size(void)
{
	static const size_t steps[] = {1, 7, 600, 4096};
	struct http_tls *tls = open_server();
	SSL_CTX *context = open_client(TLS1_3_VERSION);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct http_tls_session session = {0};
		SSL *client = begin_client(context);
		struct buffer out = BUFFER_OF_ARRAY(out_space);
		char byte;

		plain = BUFFER_OF_ARRAY(plain_space);
		EXPECT(http_tls_begin(tls, &session) == STATUS_OK);
		EXPECT(shake(client, &session, steps[i]));
		EXPECT(SSL_version(client) == TLS1_3_VERSION);
		EXPECT(echoes(client, &session, steps[i]));
		http_tls_finish(&session, &out);
		EXPECT(out.len != 0 &&
		       BIO_write(SSL_get_rbio(client), out.data, (int)out.len) == (int)out.len);
		EXPECT(SSL_read(client, &byte, 1) == 0 &&
		       SSL_get_error(client, 0) == SSL_ERROR_ZERO_RETURN);
		http_tls_end(&session);
		SSL_free(client);
	}
	SSL_CTX_free(context);
	http_tls_close(tls);
}

/* N1 */
static void test_older_versions_are_refused(void)
{
	struct http_tls *tls = open_server();

	for (uint16_t version = TLS1_VERSION; version < TLS1_3_VERSION; version++) {
		SSL_CTX *context = open_client(version);
		struct http_tls_session session = {0};
		SSL *client = begin_client(context);

		plain = BUFFER_OF_ARRAY(plain_space);
		EXPECT(http_tls_begin(tls, &session) == STATUS_OK);
		EXPECT(!shake(client, &session, 4096));
		EXPECT(!http_tls_is_ready(&session) && plain.len == 0);
		http_tls_end(&session);
		SSL_free(client);
		SSL_CTX_free(context);
	}
	http_tls_close(tls);
}

static void test_a_key_that_is_not_the_certificates_is_refused(void)
{
	struct bytes chain = bytes_of(certificate, certificate_len);
	struct bytes cut = bytes_of(certificate, certificate_len - 1);
	struct http_tls *tls = NULL;
	uint8_t other[32] = {0};

	other[31] = 2;
	EXPECT(http_tls_open(other, &chain, 1, &tls) == STATUS_CRYPTO);
	memset(other, 0, sizeof(other));
	EXPECT(http_tls_open(other, &chain, 1, &tls) == STATUS_CRYPTO);
	memset(other, 0xff, sizeof(other));
	EXPECT(http_tls_open(other, &chain, 1, &tls) == STATUS_CRYPTO);
	EXPECT(http_tls_open(scalar, &cut, 1, &tls) == STATUS_CRYPTO);
	EXPECT(tls == NULL);
}

/* ca_signs makes a chain for the server's key as a site's CA would: from the request alone. PEM. */
static size_t ca_signs(struct bytes request_pem, long serial, char *ret_chain, size_t cap)
{
	BIO *text = BIO_new_mem_buf(request_pem.data, (ossl_ssize_t)request_pem.len);
	X509_REQ *request = PEM_read_bio_X509_REQ(text, NULL, NULL, NULL);
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *ca = EVP_PKEY_new();
	X509 *leaf = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	const uint8_t *data = NULL;
	size_t len = 0;

	EXPECT(request != NULL && EC_KEY_generate_key(ec) == 1);
	EXPECT(EVP_PKEY_assign_EC_KEY(ca, ec) == 1);
	EXPECT(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) == 1);
	EXPECT(X509_set_version(leaf, 2) == 1);
	EXPECT(ASN1_INTEGER_set(X509_get_serialNumber(leaf), serial) == 1);
	EXPECT(X509_set_subject_name(leaf, X509_REQ_get_subject_name(request)) == 1);
	EXPECT(X509_set_pubkey(leaf, X509_REQ_get0_pubkey(request)) == 1);
	EXPECT(X509_gmtime_adj(X509_get_notBefore(leaf), 0) != NULL);
	EXPECT(X509_gmtime_adj(X509_get_notAfter(leaf), 7200) != NULL);
	EXPECT(X509_sign(leaf, ca, EVP_sha256()) != 0);
	EXPECT(PEM_write_bio_X509(out, leaf) == 1 && BIO_mem_contents(out, &data, &len) == 1);
	EXPECT(len < cap);
	memcpy(ret_chain, data, len);
	BIO_free(out);
	X509_free(leaf);
	EVP_PKEY_free(ca);
	X509_REQ_free(request);
	BIO_free(text);
	return len;
}

static long shown_serial(struct http_tls *tls)
{
	struct http_tls_session session = {0};
	SSL_CTX *context = open_client(TLS1_3_VERSION);
	SSL *client = begin_client(context);
	X509 *shown;
	long serial;

	EXPECT(http_tls_begin(tls, &session) == STATUS_OK && shake(client, &session, 4096));
	shown = SSL_get_peer_certificate(client);
	serial = ASN1_INTEGER_get(X509_get_serialNumber(shown));
	X509_free(shown);
	http_tls_end(&session);
	SSL_free(client);
	SSL_CTX_free(context);
	return serial;
}

static void test_a_sites_certificate_for_the_key_is_shown_and_no_other_is(void)
{
	static char pem[2048], chain[16384];
	struct http_tls *tls = open_server(), *renewed = NULL, *stays = NULL;
	struct buffer request = {.data = (uint8_t *)pem, .cap = sizeof(pem)};
	size_t len;

	EXPECT(http_tls_request(tls, &request) == STATUS_OK);
	len = ca_signs(buffer_bytes(&request), 4711, chain, 4096);
	EXPECT(http_tls_renew(tls, bytes_of(chain, len), &renewed) == STATUS_OK);
	EXPECT(shown_serial(renewed) == 4711 && shown_serial(tls) == 0);
	EXPECT(http_tls_same_key(renewed, tls));
	EXPECT(http_tls_expires(renewed) > http_tls_expires(tls));
	http_tls_close(tls);
	EXPECT(shown_serial(renewed) == 4711); /* it needs nothing of the former */
	/* Three certificates are a chain, four are not; neither is text that is cut. */
	for (size_t count = 2; count <= HTTP_TLS_CHAIN_MAX + 1; count++) {
		enum status status;

		memcpy(chain + (count - 1) * len, chain, len);
		tls = NULL;
		status = http_tls_renew(renewed, bytes_of(chain, count * len), &tls);
		EXPECT((status == STATUS_OK) == (count <= HTTP_TLS_CHAIN_MAX));
		http_tls_close(tls);
	}
	for (size_t cut = 0; cut + 2 < len; cut += 7)
		EXPECT(http_tls_renew(renewed, bytes_of(chain, cut), &stays) == STATUS_MALFORMED);
	EXPECT(http_tls_renew(renewed, buffer_bytes(&request), &stays) == STATUS_MALFORMED);
	make_certificate(); /* another key from here on */
	tls = open_server();
	EXPECT(!http_tls_same_key(renewed, tls));
	EXPECT(http_tls_renew(tls, bytes_of(chain, len), &stays) == STATUS_CRYPTO);
	EXPECT(stays == NULL);
	http_tls_close(tls);
	http_tls_close(renewed);
}

/* make_operator makes an Ed25519 key and a certificate that it signed for itself. */
static void make_operator(SSL_CTX *context, uint8_t seed, uint8_t ret_public[32])
{
	uint8_t bytes[32];
	size_t len = 32;
	X509 *x509 = X509_new();
	EVP_PKEY *key;

	memset(bytes, seed, sizeof(bytes));
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, sizeof(bytes));
	EXPECT(key != NULL && EVP_PKEY_get_raw_public_key(key, ret_public, &len) == 1);
	EXPECT(X509_gmtime_adj(X509_get_notBefore(x509), -7200) != NULL);
	EXPECT(X509_gmtime_adj(X509_get_notAfter(x509), -3600) != NULL); /* dates do not count */
	EXPECT(X509_set_version(x509, 2) == 1 && X509_set_pubkey(x509, key) == 1);
	EXPECT(X509_sign(x509, key, NULL) != 0);
	if (context != NULL)
		EXPECT(SSL_CTX_use_certificate(context, x509) == 1 &&
		       SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(x509);
	EVP_PKEY_free(key);
}

/* The client's half of a handshake ends before the server has looked at its certificate. */
static bool comes_in(struct http_tls *tls, SSL_CTX *context)
{
	struct http_tls_session session = {0};
	SSL *client = begin_client(context);
	bool in;

	plain = BUFFER_OF_ARRAY(plain_space);
	EXPECT(http_tls_begin(tls, &session) == STATUS_OK);
	in = shake(client, &session, 4096) && echoes(client, &session, 4096);
	EXPECT(in || plain.len == 0);
	http_tls_end(&session);
	SSL_free(client);
	return in;
}

/* O9: the operators' door. */
static void test_only_an_operators_key_comes_in(void)
{
	static uint8_t operators[2][32];
	const struct http_tls_keys keys = {(const uint8_t(*)[32])operators, 2}, none = {NULL, 0};
	struct http_tls *tls = open_server(), *door = NULL, *closed = NULL;
	uint8_t public[32];

	make_operator(NULL, 1, operators[0]);
	make_operator(NULL, 2, operators[1]);
	EXPECT(http_tls_operators(tls, &keys, &door) == STATUS_OK);
	EXPECT(http_tls_operators(tls, &none, &closed) == STATUS_OK);
	for (uint8_t seed = 0; seed < 5; seed++) {
		SSL_CTX *context = open_client(TLS1_3_VERSION);

		if (seed != 0) /* 0: no certificate at all */
			make_operator(context, seed, public);
		EXPECT(comes_in(door, context) == (seed == 1 || seed == 2));
		EXPECT(!comes_in(closed, context));
		SSL_CTX_free(context);
	}
	http_tls_close(door);
	http_tls_close(closed);
	http_tls_close(tls);
}

static void test_a_damaged_record_breaks_the_session(void)
{
	struct http_tls *tls = open_server();
	SSL_CTX *context = open_client(TLS1_3_VERSION);
	struct http_tls_session session = {0};
	SSL *client = begin_client(context);
	struct buffer out = BUFFER_OF_ARRAY(out_space);
	uint8_t record[256];
	int len;

	plain = BUFFER_OF_ARRAY(plain_space);
	EXPECT(http_tls_begin(tls, &session) == STATUS_OK);
	EXPECT(shake(client, &session, 4096));
	EXPECT(SSL_write(client, "secret", 6) == 6);
	len = BIO_read(SSL_get_wbio(client), record, sizeof(record));
	EXPECT(len > 6);
	record[len - 1] ^= 1;
	EXPECT(http_tls_read(&session, bytes_of(record, (size_t)len), &plain, &out) ==
	       HTTP_TLS_BROKEN);
	EXPECT(plain.len == 0 && out.len != 0);
	http_tls_end(&session);
	SSL_free(client);
	SSL_CTX_free(context);
	http_tls_close(tls);
}

/* One connection from its beginning to its end; only the server's allocations are counted. */
static bool whole_session(struct http_tls *tls, SSL_CTX *context)
{
	struct http_tls_session session = {0};
	SSL *client = begin_client(context);
	bool good;

	plain = BUFFER_OF_ARRAY(plain_space);
	counting = true;
	good = http_tls_begin(tls, &session) == STATUS_OK;
	for (int i = 0; good && i < 10 && !SSL_is_init_finished(client); i++) {
		counting = false;
		(void)SSL_do_handshake(client);
		ERR_clear_error();
		counting = true;
		good = carry(client, &session, 4096) == HTTP_TLS_OPEN;
	}
	counting = false;
	good = good && SSL_is_init_finished(client) && http_tls_is_ready(&session) &&
	       echoes(client, &session, 4096);
	http_tls_end(&session);
	SSL_free(client);
	ERR_clear_error();
	return good;
}

/* R1: memory that fails at any one call ends that session and leaves nothing behind. */
static void test_every_failing_allocation_ends_the_session_cleanly(void)
{
	struct http_tls *tls = open_server();
	SSL_CTX *context = open_client(TLS1_3_VERSION);
	long count, before, ended = 0;

	EXPECT(whole_session(tls, context)); /* what is made once is made now */
	alloc_count = 0;
	EXPECT(whole_session(tls, context));
	count = alloc_count;
	EXPECT(count > 50);
	for (long i = 0; i < count; i++) {
		before = alive_count;
		fail_at = i;
		if (!whole_session(tls, context))
			ended++;
		fail_at = -1;
		EXPECT(alive_count == before);
	}
	EXPECT(ended > count / 2);
	EXPECT(whole_session(tls, context));
	SSL_CTX_free(context);
	http_tls_close(tls);
}

/* ---- what a site lets its certificates be ---- */

#define DAY_S 86400

struct issued {
	const char *alt;   /* subjectAltName in the words of OpenSSL's configuration; NULL: none */
	const char *usage; /* extendedKeyUsage */
	int64_t from_s, to_s; /* from now */
	bool is_ca;
};

static X509 *issue(EVP_PKEY *subject, const char *name, X509 *by, EVP_PKEY *by_key,
                   const struct issued *how)
{
	X509 *made = X509_new();
	X509V3_CTX context;
	struct {
		int nid;
		const char *value;
	} extensions[] = {
	    {NID_basic_constraints, how->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE"},
	    {NID_subject_alt_name,  how->alt	                                     },
	    {NID_ext_key_usage,     how->usage	                                   },
	};

	EXPECT(made != NULL && X509_set_version(made, 2) == 1);
	EXPECT(ASN1_INTEGER_set(X509_get_serialNumber(made), 1) == 1);
	EXPECT(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
	                                  (const uint8_t *)name, -1, -1, 0) == 1);
	EXPECT(X509_set_issuer_name(made, X509_get_subject_name(by == NULL ? made : by)) == 1);
	EXPECT(X509_gmtime_adj(X509_get_notBefore(made), how->from_s) != NULL);
	EXPECT(X509_gmtime_adj(X509_get_notAfter(made), how->to_s) != NULL);
	EXPECT(X509_set_pubkey(made, subject) == 1);
	X509V3_set_ctx(&context, by == NULL ? made : by, made, NULL, NULL, 0);
	for (size_t i = 0; i < 3; i++) {
		X509_EXTENSION *one = extensions[i].value == NULL
		                          ? NULL
		                          : X509V3_EXT_nconf_nid(NULL, &context, extensions[i].nid,
		                                                 extensions[i].value);

		EXPECT(extensions[i].value == NULL || one != NULL);
		EXPECT(one == NULL || X509_add_ext(made, one, -1) == 1);
		X509_EXTENSION_free(one);
	}
	EXPECT(X509_sign(made, by_key, EVP_sha256()) != 0);
	return made;
}

static EVP_PKEY *make_key(void)
{
	EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	EVP_PKEY *key = EVP_PKEY_new();

	EXPECT(ec != NULL && key != NULL && EC_KEY_generate_key(ec) == 1 &&
	       EVP_PKEY_assign_EC_KEY(key, ec) == 1);
	return key;
}

/* The verdict on a leaf that `how` tells of, by a CA: NULL, or why not. `shown` is the certificate
 * that stands behind it, `named` the one that the site names. */
static const char *judge(const struct issued *how, bool shown_named, const char *const *names,
                         size_t name_count)
{
	static const struct issued root = {.from_s = -DAY_S, .to_s = DAY_S, .is_ca = true};
	struct http_tls *own = open_server(), *tls = NULL;
	EVP_PKEY *key = SSL_CTX_get0_privatekey((SSL_CTX *)own), *ca_key = make_key(),
	         *other_key = make_key();
	X509 *ca = issue(ca_key, "site CA", NULL, ca_key, &root);
	X509 *other = issue(other_key, "site CA", NULL, other_key, &root);
	X509 *leaf = issue(key, "signer", ca, ca_key, how);
	struct http_tls_site site = {
	    .now_s = (uint64_t)time(NULL), .names = names, .name_count = name_count};
	BIO *text = BIO_new(BIO_s_mem());
	const uint8_t *data;
	size_t len = 0;
	unsigned hash_len;
	const char *why = NULL;

	EXPECT(PEM_write_bio_X509(text, leaf) == 1 && PEM_write_bio_X509(text, ca) == 1 &&
	       BIO_mem_contents(text, &data, &len) == 1);
	EXPECT(X509_digest(shown_named ? ca : other, EVP_sha256(), site.ca, &hash_len) == 1);
	EXPECT(http_tls_renew(own, bytes_of(data, len), &tls) == STATUS_OK);
	if (http_tls_judge(tls, &site, &why) == STATUS_OK)
		why = NULL;
	else
		EXPECT(why != NULL && why[0] != '\0');
	BIO_free(text);
	X509_free(leaf);
	X509_free(other);
	X509_free(ca);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(ca_key);
	http_tls_close(tls);
	http_tls_close(own);
	return why;
}

static bool refuses(const char *why, const char *words)
{
	return why != NULL && strstr(why, words) != NULL;
}

static void test_a_certificate_of_the_sites_ca_for_its_name_and_time_is_good(void)
{
	static const char *const names[] = {"elsewhere.example", "signer.example"};
	static const char *const address[] = {"10.0.0.5"};
	const struct issued good = {"DNS:signer.example,IP:10.0.0.5", "serverAuth", -60, DAY_S,
	                            false};

	EXPECT(judge(&good, true, names, 2) == NULL);
	EXPECT(judge(&good, true, address, 1) == NULL);
	EXPECT(judge(&good, true, NULL, 0) == NULL);
	EXPECT(refuses(judge(&good, true, names, 1), "none of the names"));
	EXPECT(refuses(judge(&good, false, names, 2), "does not end with"));
}

static void test_dates_count_and_a_clock_that_is_a_little_behind_does_not(void)
{
	const struct issued ended = {NULL, NULL, -DAY_S, -60, false},
	                    soon = {NULL, NULL, 1800, DAY_S, false},
	                    later = {NULL, NULL, 7200, DAY_S, false};

	EXPECT(refuses(judge(&ended, true, NULL, 0), "expired"));
	EXPECT(judge(&soon, true, NULL, 0) == NULL);
	EXPECT(refuses(judge(&later, true, NULL, 0), "not yet valid"));
}

static void test_a_certificate_for_clients_is_none_for_a_server(void)
{
	const struct issued client = {NULL, "clientAuth", -60, DAY_S, false};

	EXPECT(judge(&client, true, NULL, 0) != NULL);
}

/* A chain that only shows the CA: the leaf is its own. */
static void test_a_leaf_without_its_ca_is_refused(void)
{
	struct http_tls *own = open_server();
	struct http_tls_site site = {.now_s = (uint64_t)time(NULL)};
	const char *why = NULL;

	EXPECT(http_tls_judge(own, &site, &why) == STATUS_REFUSED);
	EXPECT(refuses(why, "does not end with"));
	http_tls_close(own);
}

int main(void)
{
	if (http_tls_prepare() != STATUS_OK)
		return 1;
	make_certificate();
	RUN(test_bytes_pass_in_pieces_of_any_size);
	RUN(test_older_versions_are_refused);
	RUN(test_a_key_that_is_not_the_certificates_is_refused);
	RUN(test_a_sites_certificate_for_the_key_is_shown_and_no_other_is);
	RUN(test_only_an_operators_key_comes_in);
	RUN(test_a_certificate_of_the_sites_ca_for_its_name_and_time_is_good);
	RUN(test_dates_count_and_a_clock_that_is_a_little_behind_does_not);
	RUN(test_a_certificate_for_clients_is_none_for_a_server);
	RUN(test_a_leaf_without_its_ca_is_refused);
	RUN(test_a_damaged_record_breaks_the_session);
	RUN(test_every_failing_allocation_ends_the_session_cleanly);
	return test_summary();
}
