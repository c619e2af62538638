/* SPDX-License-Identifier: Apache-2.0 */
#include "http_tls.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base_check.h"

/* SEC 1 ECPrivateKey of a P-256 scalar without its public key, which libcrypto computes:
 * SEQUENCE {1, OCTET STRING, [0] prime256v1}. */
static const uint8_t der_head[] = {0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20};
static const uint8_t der_tail[] = {0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                   0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

#define CLOCK_LATE_S 3600 /* by which this machine's clock may be behind a CA's */

static BIO_METHOD *bio_method;

static int bio_read(BIO *bio, char *to, int len)
{
	struct http_tls_session *session = BIO_get_data(bio);
	size_t count = (size_t)len < session->in.len ? (size_t)len : session->in.len;

	BIO_clear_retry_flags(bio);
	if (count == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, session->in.data, count);
	session->in.data += count;
	session->in.len -= count;
	return (int)count;
}

static int bio_write(BIO *bio, const char *from, int len)
{
	struct http_tls_session *session = BIO_get_data(bio);
	size_t room = session->out == NULL ? 0 : session->out->cap - session->out->len;
	size_t count = (size_t)len < room ? (size_t)len : room;

	BIO_clear_retry_flags(bio);
	if (count == 0) {
		BIO_set_retry_write(bio);
		return -1;
	}
	CHECK(buffer_put(session->out, bytes_of(from, count)) == STATUS_OK);
	return (int)count;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *make_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "memory");

	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read(method, bio_read) != 1 ||
	    BIO_meth_set_write(method, bio_write) != 1 ||
	    BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

static bool use_key(SSL_CTX *context, const uint8_t key[HTTP_TLS_KEY_LEN])
{
	uint8_t space[sizeof(der_head) + HTTP_TLS_KEY_LEN + sizeof(der_tail)];
	bool good;

	memcpy(space, der_head, sizeof(der_head));
	memcpy(space + sizeof(der_head), key, HTTP_TLS_KEY_LEN);
	memcpy(space + sizeof(der_head) + HTTP_TLS_KEY_LEN, der_tail, sizeof(der_tail));
	good = SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context, space, sizeof(space)) == 1;
	explicit_bzero(space, sizeof(space));
	return good;
}

static bool use_chain(SSL_CTX *context, const struct bytes *chain, size_t count)
{
	if (SSL_CTX_use_certificate_ASN1(context, chain[0].len, chain[0].data) != 1)
		return false;
	for (size_t i = 1; i < count; i++) {
		const uint8_t *at = chain[i].data;
		X509 *certificate = d2i_X509(NULL, &at, (long)chain[i].len);

		if (certificate == NULL)
			return false;
		/* Takes the reference on success only. */
		if (SSL_CTX_add0_chain_cert(context, certificate) != 1) {
			X509_free(certificate);
			return false;
		}
	}
	return true;
}

static bool configure(SSL_CTX *context)
{
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	SSL_CTX_set_early_data_enabled(context, 0);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(context,
	                 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1;
}

enum status http_tls_prepare(void)
{
	uint8_t scrap[32];
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *ssl = context == NULL ? NULL : SSL_new(context);
	bool good = ssl != NULL && RAND_bytes(scrap, sizeof(scrap)) == 1 && configure(context);

	SSL_free(ssl);
	SSL_CTX_free(context);
	if (bio_method == NULL)
		bio_method = make_bio_method();
	ERR_clear_error();
	return good && bio_method != NULL ? STATUS_OK : STATUS_CRYPTO;
}

enum status http_tls_open(const uint8_t key[HTTP_TLS_KEY_LEN], const struct bytes *chain,
                          size_t chain_count, struct http_tls **ret_tls)
{
	SSL_CTX *context;

	CHECK(chain_count >= 1 && chain_count <= HTTP_TLS_CHAIN_MAX);
	if (bio_method == NULL)
		bio_method = make_bio_method();
	context = SSL_CTX_new(TLS_server_method());
	if (context == NULL || bio_method == NULL)
		return STATUS_BUSY;
	if (!configure(context) || !use_chain(context, chain, chain_count) ||
	    !use_key(context, key) || SSL_CTX_check_private_key(context) != 1) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	*ret_tls = (struct http_tls *)context;
	return STATUS_OK;
}

/* take_chain reads certificates until the text ends; anything else that PEM can hold refuses it. */
static enum status take_chain(SSL_CTX *context, BIO *text)
{
	size_t count = 0;

	for (;;) {
		X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
		bool taken;

		if (certificate == NULL)
			break;
		taken = count == 0 ? SSL_CTX_use_certificate(context, certificate) == 1
		                   : count < HTTP_TLS_CHAIN_MAX &&
		                         SSL_CTX_add1_chain_cert(context, certificate) == 1;
		X509_free(certificate);
		if (!taken)
			return STATUS_MALFORMED;
		count++;
	}
	return count != 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
	           ? STATUS_OK
	           : STATUS_MALFORMED;
}

enum status http_tls_renew(const struct http_tls *tls, struct bytes pem, struct http_tls **ret_tls)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *text = BIO_new_mem_buf(pem.data, (ossl_ssize_t)pem.len);
	enum status status = STATUS_BUSY;

	if (context != NULL && text != NULL && configure(context))
		status = pem.len <= HTTP_TLS_PEM_MAX ? take_chain(context, text) : STATUS_MALFORMED;
	if (status == STATUS_OK &&
	    (SSL_CTX_use_PrivateKey(context, SSL_CTX_get0_privatekey((const SSL_CTX *)tls)) != 1 ||
	     SSL_CTX_check_private_key(context) != 1))
		status = STATUS_CRYPTO;
	BIO_free(text);
	ERR_clear_error();
	if (status == STATUS_OK)
		*ret_tls = (struct http_tls *)context;
	else
		SSL_CTX_free(context);
	return status;
}

/* take_peer reads the Ed25519 key of the certificate that the client showed first. */
static bool take_peer(SSL *ssl, uint8_t ret_key[32])
{
	const STACK_OF(CRYPTO_BUFFER) *shown = SSL_get0_peer_certificates(ssl);
	const CRYPTO_BUFFER *leaf = shown == NULL || sk_CRYPTO_BUFFER_num(shown) == 0
	                                ? NULL
	                                : sk_CRYPTO_BUFFER_value(shown, 0);
	const uint8_t *at = leaf == NULL ? NULL : CRYPTO_BUFFER_data(leaf), *end;
	X509 *certificate;
	EVP_PKEY *key;
	size_t len = 32;
	bool taken;

	if (at == NULL)
		return false;
	end = at + CRYPTO_BUFFER_len(leaf);
	certificate = d2i_X509(NULL, &at, (long)CRYPTO_BUFFER_len(leaf));
	key = certificate == NULL || at != end ? NULL : X509_get_pubkey(certificate);
	taken = key != NULL && EVP_PKEY_id(key) == EVP_PKEY_ED25519 &&
	        EVP_PKEY_get_raw_public_key(key, ret_key, &len) == 1 && len == 32;
	EVP_PKEY_free(key);
	X509_free(certificate);
	ERR_clear_error();
	return taken;
}

static enum ssl_verify_result_t admit(SSL *ssl, uint8_t *ret_alert)
{
	const struct http_tls_keys *keys = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	uint8_t key[32];

	*ret_alert = SSL_AD_CERTIFICATE_UNKNOWN;
	if (!take_peer(ssl, key))
		return ssl_verify_invalid;
	for (size_t i = 0; i < keys->count; i++)
		if (memcmp(keys->keys[i], key, sizeof(key)) == 0)
			return ssl_verify_ok;
	return ssl_verify_invalid;
}

enum status http_tls_operators(const struct http_tls *tls, const struct http_tls_keys *keys,
                               struct http_tls **ret_tls)
{
	static const uint16_t algorithms[] = {SSL_SIGN_ED25519};
	const SSL_CTX *from = (const SSL_CTX *)tls;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	STACK_OF(X509) *chain = NULL;
	bool made;

	if (context == NULL)
		return STATUS_BUSY;
	made = configure(context) && SSL_CTX_get0_chain_certs(from, &chain) == 1 &&
	       SSL_CTX_use_certificate(context, SSL_CTX_get0_certificate(from)) == 1 &&
	       SSL_CTX_set1_chain(context, chain) == 1 &&
	       SSL_CTX_use_PrivateKey(context, SSL_CTX_get0_privatekey(from)) == 1 &&
	       SSL_CTX_check_private_key(context) == 1 &&
	       SSL_CTX_set_verify_algorithm_prefs(context, algorithms, 1) == 1 &&
	       SSL_CTX_set_app_data(context, (void *)(uintptr_t)keys) == 1;
	if (!made) {
		SSL_CTX_free(context);
		ERR_clear_error();
		return STATUS_CRYPTO;
	}
	SSL_CTX_set_custom_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	                          admit);
	*ret_tls = (struct http_tls *)context;
	return STATUS_OK;
}

/* put_names copies the certificate's names, if it has any, into the request's extensions. */
static bool put_names(X509_REQ *request, const X509 *certificate)
{
	int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
	STACK_OF(X509_EXTENSION) * list;
	X509_EXTENSION *names;
	bool put;

	if (at < 0)
		return true;
	list = sk_X509_EXTENSION_new_null();
	names = X509_EXTENSION_dup(X509_get_ext(certificate, at));
	put = list != NULL && names != NULL && sk_X509_EXTENSION_push(list, names) != 0;
	if (!put)
		X509_EXTENSION_free(names);
	put = put && X509_REQ_add_extensions(request, list) == 1;
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return put;
}

bool http_tls_same_key(const struct http_tls *tls, const struct http_tls *other)
{
	return EVP_PKEY_cmp(SSL_CTX_get0_privatekey((const SSL_CTX *)tls),
	                    SSL_CTX_get0_privatekey((const SSL_CTX *)other)) == 1;
}

enum status http_tls_request(const struct http_tls *tls, struct buffer *ret_pem)
{
	const SSL_CTX *context = (const SSL_CTX *)tls;
	EVP_PKEY *key = SSL_CTX_get0_privatekey(context);
	const X509 *certificate = SSL_CTX_get0_certificate(context);
	X509_REQ *request = X509_REQ_new();
	BIO *text = BIO_new(BIO_s_mem());
	enum status status = STATUS_CRYPTO;
	const uint8_t *data;
	size_t len;

	if (request != NULL && text != NULL && certificate != NULL &&
	    X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_subject_name(request, X509_get_subject_name(certificate)) == 1 &&
	    X509_REQ_set_pubkey(request, key) == 1 && put_names(request, certificate) &&
	    X509_REQ_sign(request, key, EVP_sha256()) != 0 &&
	    PEM_write_bio_X509_REQ(text, request) == 1 && BIO_mem_contents(text, &data, &len) == 1)
		status = buffer_put(ret_pem, bytes_of(data, len));
	BIO_free(text);
	X509_REQ_free(request);
	ERR_clear_error();
	return status;
}

static bool is_for(X509 *leaf, const struct http_tls_site *site)
{
	for (size_t i = 0; i < site->name_count; i++)
		if (X509_check_host(leaf, site->names[i], strlen(site->names[i]), 0, NULL) == 1 ||
		    X509_check_ip_asc(leaf, site->names[i], 0) == 1)
			return true;
	return site->name_count == 0;
}

/* verify follows the chain from the leaf to its last certificate, which is trusted. */
static int verify(X509 *leaf, STACK_OF(X509) * chain, X509 *ca, uint64_t now_s)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	int error = X509_V_ERR_OUT_OF_MEM;

	if (store != NULL && context != NULL && X509_STORE_add_cert(store, ca) == 1 &&
	    X509_STORE_CTX_init(context, store, leaf, chain) == 1 &&
	    X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER) == 1) {
		X509_VERIFY_PARAM_set_time_posix(X509_STORE_CTX_get0_param(context),
		                                 (int64_t)now_s);
		error =
		    X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	}
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return error;
}

enum status http_tls_judge(const struct http_tls *tls, const struct http_tls_site *site,
                           const char **ret_why)
{
	X509 *leaf = SSL_CTX_get0_certificate((const SSL_CTX *)tls), *ca = NULL;
	STACK_OF(X509) *chain = NULL;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int error;

	if (SSL_CTX_get0_chain_certs((const SSL_CTX *)tls, &chain) == 1 && chain != NULL &&
	    sk_X509_num(chain) != 0)
		ca = sk_X509_value(chain, sk_X509_num(chain) - 1);
	*ret_why = "the chain does not end with the certificate of the CA that the site manifest "
	           "names";
	if (ca == NULL || X509_digest(ca, EVP_sha256(), hash, &len) != 1 || len != 32 ||
	    memcmp(hash, site->ca, 32) != 0)
		return STATUS_REFUSED;
	error = verify(leaf, chain, ca, site->now_s);
	if (error == X509_V_ERR_CERT_NOT_YET_VALID) /* two clocks are never the same */
		error = verify(leaf, chain, ca, site->now_s + CLOCK_LATE_S);
	ERR_clear_error();
	*ret_why = X509_verify_cert_error_string(error);
	if (error != X509_V_OK)
		return STATUS_REFUSED;
	*ret_why = "it is for none of the names in the site manifest: nobody could check it";
	return is_for(leaf, site) ? STATUS_OK : STATUS_REFUSED;
}

uint64_t http_tls_expires(const struct http_tls *tls)
{
	const X509 *certificate = SSL_CTX_get0_certificate((const SSL_CTX *)tls);
	int64_t seconds = 0;

	if (certificate == NULL ||
	    ASN1_TIME_to_posix(X509_get0_notAfter(certificate), &seconds) != 1 || seconds < 0)
		return 0;
	return (uint64_t)seconds;
}

void http_tls_close(struct http_tls *tls)
{
	SSL_CTX_free((SSL_CTX *)tls);
}

enum status http_tls_begin(struct http_tls *tls, struct http_tls_session *session)
{
	SSL *ssl = SSL_new((SSL_CTX *)tls);
	BIO *bio = ssl == NULL ? NULL : BIO_new(bio_method);

	if (bio == NULL) {
		SSL_free(ssl);
		ERR_clear_error();
		return STATUS_BUSY;
	}
	*session = (struct http_tls_session){.ssl = ssl};
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	/* The handshake's configuration is dropped when it is over: less memory when idle. */
	SSL_set_shed_handshake_config(ssl, 1);
	SSL_set_accept_state(ssl);
	return STATUS_OK;
}

void http_tls_end(struct http_tls_session *session)
{
	SSL_free(session->ssl);
	*session = (struct http_tls_session){0};
}

static enum http_tls_progress progress_of(SSL *ssl, int result)
{
	int error = SSL_get_error(ssl, result);

	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return HTTP_TLS_OPEN;
	case SSL_ERROR_ZERO_RETURN:
		return HTTP_TLS_CLOSED;
	default:
		ERR_clear_error();
		return HTTP_TLS_BROKEN;
	}
}

enum http_tls_progress http_tls_read(struct http_tls_session *session, struct bytes in,
                                     struct buffer *plain, struct buffer *out)
{
	enum http_tls_progress progress = HTTP_TLS_OPEN;
	int got;

	session->in = in;
	session->out = out;
	while (plain->len < plain->cap) {
		size_t room = plain->cap - plain->len;

		got = SSL_read(session->ssl, plain->data + plain->len,
		               room > INT32_MAX ? INT32_MAX : (int)room);
		if (got <= 0) {
			progress = progress_of(session->ssl, got);
			break;
		}
		plain->len += (size_t)got;
	}
	session->in = bytes_of(NULL, 0);
	session->out = NULL;
	return progress;
}

enum http_tls_progress http_tls_write(struct http_tls_session *session, struct bytes plain,
                                      struct buffer *out, size_t *ret_used)
{
	enum http_tls_progress progress = HTTP_TLS_OPEN;
	size_t count = plain.len < HTTP_TLS_RECORD ? plain.len : HTTP_TLS_RECORD;
	int put;

	*ret_used = 0;
	if (count == 0 || out->cap - out->len < count + HTTP_TLS_OVERHEAD)
		return HTTP_TLS_OPEN;
	session->out = out;
	put = SSL_write(session->ssl, plain.data, (int)count);
	if (put <= 0)
		progress = progress_of(session->ssl, put);
	else
		*ret_used = (size_t)put;
	session->out = NULL;
	return progress;
}

void http_tls_finish(struct http_tls_session *session, struct buffer *out)
{
	if (session->ssl == NULL || !SSL_is_init_finished(session->ssl))
		return;
	session->out = out;
	(void)SSL_shutdown(session->ssl);
	ERR_clear_error();
	session->out = NULL;
}

bool http_tls_is_ready(const struct http_tls_session *session)
{
	return session->ssl != NULL && SSL_is_init_finished(session->ssl) == 1;
}
