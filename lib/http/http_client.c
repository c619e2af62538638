/* SPDX-License-Identifier: Apache-2.0 */
#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "llhttp.h"

#define TIMEOUT_DEFAULT_MS 30000u
#define HEAD_MAX           4096
#define JOINED_MAX         8192 /* a body up to this is sent in one piece with its head */

struct http_client {
	char host[256], port[16], ca_file[1024];
	SSL_CTX *context;
	SSL *tls;
	unsigned timeout_ms; /* that the socket has now; 0: none yet */
	bool is_operator;    /* shows a certificate */
	int fd;
};

static enum status fail(char *ret_error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status fail(char *ret_error, enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_error, HTTP_CLIENT_ERROR_MAX, format, arguments);
	va_end(arguments);
	return status;
}

static void hang_up(struct http_client *client)
{
	SSL_free(client->tls);
	client->tls = NULL;
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
}

static void set_timeout(struct http_client *client, unsigned timeout_ms)
{
	struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
	int on = 1;

	if (client->timeout_ms == timeout_ms)
		return;
	client->timeout_ms = timeout_ms;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* connected waits on for a connection when the call that began it was interrupted. */
static bool connected(int fd, const struct addrinfo *at)
{
	struct pollfd made = {.fd = fd, .events = POLLOUT};
	int code = 0, ready;
	socklen_t len = sizeof(code);

	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return true;
	if (errno != EINTR)
		return false;
	do {
		ready = poll(&made, 1, (int)TIMEOUT_DEFAULT_MS);
	} while (ready < 0 && errno == EINTR);
	if (ready == 1)
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
	errno = ready == 1 ? code : ETIMEDOUT;
	return errno == 0;
}

static enum status connect_tcp(struct http_client *client, char *ret_error)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found;
	int code = getaddrinfo(client->host, client->port, &hints, &found);
	int last = 0;

	if (code != 0)
		return fail(ret_error, STATUS_IO, "cannot find host %s: %s", client->host,
		            gai_strerror(code));
	for (const struct addrinfo *at = found; at != NULL && client->fd < 0; at = at->ai_next) {
		client->fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
		if (client->fd < 0)
			continue;
		client->timeout_ms = 0;
		set_timeout(client, TIMEOUT_DEFAULT_MS);
		if (!connected(client->fd, at)) {
			last = errno;
			close(client->fd);
			client->fd = -1;
		}
	}
	freeaddrinfo(found);
	if (client->fd < 0)
		return fail(ret_error, STATUS_IO, "cannot connect to %s:%s: %s; is it running?",
		            client->host, client->port, strerror(last));
	return STATUS_OK;
}

/* Says why the handshake failed; a wrong certificate is the case that a person must understand. */
static enum status tls_failed(const struct http_client *client, char *ret_error)
{
	long verify = SSL_get_verify_result(client->tls);
	uint32_t code = ERR_peek_last_error();

	if (verify != X509_V_OK)
		return fail(ret_error, STATUS_REFUSED,
		            "%s:%s is not the server that %s vouches for: %s", client->host,
		            client->port, client->ca_file, X509_verify_cert_error_string(verify));
	return fail(ret_error, STATUS_IO, "TLS with %s:%s failed: %s", client->host, client->port,
	            code != 0 ? ERR_reason_error_string(code) : "the connection was closed");
}

/* A process that was stopped for a moment (Ctrl-Z, a paused container, a suspended machine) finds
 * its call interrupted: nothing came late and nobody hung up. The time limit begins anew. */
static bool is_interrupted(const struct http_client *client, int result)
{
	int why = errno, code = SSL_get_error(client->tls, result);

	return result <= 0 && why == EINTR &&
	       (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE);
}

static int shake_hands(const struct http_client *client)
{
	int result;

	do {
		errno = 0;
		result = SSL_connect(client->tls);
	} while (is_interrupted(client, result));
	return result;
}

static enum status dial(struct http_client *client, char *ret_error)
{
	struct in6_addr address;
	X509_VERIFY_PARAM *parameters;
	enum status status = connect_tcp(client, ret_error);

	if (status != STATUS_OK)
		return status;
	client->tls = SSL_new(client->context);
	if (client->tls == NULL || SSL_set_fd(client->tls, client->fd) != 1)
		return fail(ret_error, STATUS_CRYPTO, "no memory for TLS");
	parameters = SSL_get0_param(client->tls);
	if (inet_pton(AF_INET, client->host, &address) == 1 ||
	    inet_pton(AF_INET6, client->host, &address) == 1) {
		if (X509_VERIFY_PARAM_set1_ip_asc(parameters, client->host) != 1)
			return fail(ret_error, STATUS_CRYPTO, "bad address %s", client->host);
	} else if (SSL_set1_host(client->tls, client->host) != 1 ||
	           SSL_set_tlsext_host_name(client->tls, client->host) != 1) {
		return fail(ret_error, STATUS_CRYPTO, "bad host name %s", client->host);
	}
	ERR_clear_error();
	if (shake_hands(client) != 1) {
		status = tls_failed(client, ret_error);
		hang_up(client);
	}
	return status;
}

/* A certificate needs a name and dates; whoever admits by key reads neither. */
static X509 *make_certificate(EVP_PKEY *key)
{
	static const uint8_t name[] = "claviger operator";
	X509 *certificate = X509_new();
	X509_NAME *subject = certificate == NULL ? NULL : X509_get_subject_name(certificate);
	bool made = subject != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
	            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), 1) == 1 &&
	            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
	            X509_set_issuer_name(certificate, subject) == 1 &&
	            X509_gmtime_adj(X509_get_notBefore(certificate), -86400) != NULL &&
	            X509_gmtime_adj(X509_get_notAfter(certificate), 86400) != NULL &&
	            X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, NULL) > 0;

	if (made)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static bool identify(struct http_client *client, const uint8_t seed[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	X509 *certificate = key == NULL ? NULL : make_certificate(key);
	bool done = certificate != NULL &&
	            SSL_CTX_use_certificate(client->context, certificate) == 1 &&
	            SSL_CTX_use_PrivateKey(client->context, key) == 1;

	X509_free(certificate);
	EVP_PKEY_free(key);
	client->is_operator = done;
	return done;
}

static enum status open_client(const char *host, const char *port, const char *ca_file,
                               const uint8_t *seed, struct http_client **ret_client,
                               char *ret_error)
{
	struct http_client *client = calloc(1, sizeof(*client));
	enum status status;

	if (client == NULL)
		return fail(ret_error, STATUS_IO, "no memory");
	signal(SIGPIPE, SIG_IGN);
	client->fd = -1;
	snprintf(client->host, sizeof(client->host), "%s", host);
	snprintf(client->port, sizeof(client->port), "%s", port);
	snprintf(client->ca_file, sizeof(client->ca_file), "%s", ca_file);
	client->context = SSL_CTX_new(TLS_client_method());
	if (client->context == NULL ||
	    SSL_CTX_set_min_proto_version(client->context, TLS1_3_VERSION) != 1) {
		http_client_close(client);
		return fail(ret_error, STATUS_CRYPTO, "no memory for TLS");
	}
	SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
	/* A pin may be a server's own certificate that a CA signed. */
	X509_STORE_set_flags(SSL_CTX_get_cert_store(client->context), X509_V_FLAG_PARTIAL_CHAIN);
	if (SSL_CTX_load_verify_locations(client->context, ca_file, NULL) != 1) {
		FILE *file = fopen(ca_file, "rb");
		int c = file != NULL ? fgetc(file) : EOF; /* a folder opens, and cannot be read */
		const char *why = file == NULL || (c == EOF && ferror(file))
		                      ? strerror(errno)
		                      : "no certificate in PEM is in it";

		if (file != NULL)
			fclose(file);
		http_client_close(client);
		return fail(ret_error, STATUS_IO,
		            "cannot take the CA file %s: %s; name the server's ca.pem with --ca",
		            ca_file, why);
	}
	if (seed != NULL && !identify(client, seed)) {
		http_client_close(client);
		return fail(ret_error, STATUS_CRYPTO, "no memory for TLS");
	}
	status = dial(client, ret_error);
	if (status != STATUS_OK) {
		http_client_close(client);
		return status;
	}
	*ret_client = client;
	return STATUS_OK;
}

enum status http_client_open(const char *host, const char *port, const char *ca_file,
                             struct http_client **ret_client, char *ret_error)
{
	return open_client(host, port, ca_file, NULL, ret_client, ret_error);
}

enum status http_client_open_as(const char *host, const char *port, const char *ca_file,
                                const uint8_t seed[32], struct http_client **ret_client,
                                char *ret_error)
{
	return open_client(host, port, ca_file, seed, ret_client, ret_error);
}

enum status http_client_certificate(const char *host, const char *port, struct buffer *ret_pem,
                                    char *ret_error)
{
	struct http_client client = {.fd = -1};
	enum status status = STATUS_CRYPTO;
	const uint8_t *pem;
	size_t len;
	X509 *certificate;
	BIO *out = BIO_new(BIO_s_mem());

	snprintf(client.host, sizeof(client.host), "%s", host);
	snprintf(client.port, sizeof(client.port), "%s", port);
	client.context = SSL_CTX_new(TLS_client_method());
	if (client.context != NULL && out != NULL)
		status = dial(&client, ret_error);
	if (status == STATUS_OK) {
		certificate = SSL_get_peer_certificate(client.tls);
		if (certificate == NULL || PEM_write_bio_X509(out, certificate) != 1 ||
		    BIO_mem_contents(out, &pem, &len) != 1)
			status = fail(ret_error, STATUS_CRYPTO, "no certificate from %s", host);
		else
			status = buffer_put(ret_pem, bytes_of(pem, len));
		X509_free(certificate);
	}
	hang_up(&client);
	SSL_CTX_free(client.context);
	BIO_free(out);
	return status;
}

static int read_some(const struct http_client *client, char *space, int len)
{
	int got;

	do {
		errno = 0;
		got = SSL_read(client->tls, space, len);
	} while (is_interrupted(client, got));
	return got;
}

static bool send_all(const struct http_client *client, const char *data, size_t len)
{
	while (len > 0) {
		int sent;

		do {
			errno = 0;
			sent = SSL_write(client->tls, data, len > 65536 ? 65536 : (int)len);
		} while (is_interrupted(client, sent));
		if (sent <= 0)
			return false;
		data += sent;
		len -= (size_t)sent;
	}
	return true;
}

static enum status send_call(const struct http_client *client, const struct http_call *call,
                             char *ret_error)
{
	char head[HEAD_MAX + JOINED_MAX];
	bool is_v6 = strchr(client->host, ':') != NULL;
	int len = snprintf(
	    head, HEAD_MAX,
	    "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nAccept: application/json\r\n"
	    "%s%s%s%sContent-Length: %zu\r\n\r\n",
	    call->method, call->path, is_v6 ? "[" : "", client->host, is_v6 ? "]" : "",
	    client->port, call->token != NULL ? "Authorization: Bearer " : "",
	    call->token != NULL ? call->token : "", call->token != NULL ? "\r\n" : "",
	    call->body.len != 0 ? "Content-Type: application/json\r\n" : "", call->body.len);

	if (len < 0 || (size_t)len >= HEAD_MAX)
		return fail(ret_error, STATUS_TOO_LARGE, "the request's head is too long");
	/* A short body goes with its head: one record, one packet, one wake-up over there. */
	if (call->body.len != 0 && call->body.len <= JOINED_MAX) {
		memcpy(head + len, call->body.data, call->body.len);
		len += (int)call->body.len;
		if (!send_all(client, head, (size_t)len))
			return fail(ret_error, STATUS_IO, "%s closed the connection", client->host);
		return STATUS_OK;
	}
	if (!send_all(client, head, (size_t)len) ||
	    !send_all(client, (const char *)call->body.data, call->body.len))
		return fail(ret_error, STATUS_IO, "%s closed the connection", client->host);
	return STATUS_OK;
}

struct answer {
	struct buffer *body;
	bool complete, too_large;
};

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct answer *answer = (struct answer *)parser->data;

	if (buffer_put(answer->body, bytes_of(at, len)) == STATUS_OK)
		return 0;
	answer->too_large = true;
	return -1;
}

static int on_complete(llhttp_t *parser)
{
	((struct answer *)parser->data)->complete = true;
	return HPE_PAUSED;
}

static enum status read_answer(const struct http_client *client, unsigned *ret_status,
                               struct buffer *ret_body, bool *ret_any, char *ret_error)
{
	struct answer answer = {.body = ret_body};
	llhttp_settings_t settings;
	llhttp_t parser;
	char space[16384];

	llhttp_settings_init(&settings);
	settings.on_body = on_body;
	settings.on_message_complete = on_complete;
	llhttp_init(&parser, HTTP_RESPONSE, &settings);
	parser.data = &answer;
	while (!answer.complete) {
		int got = read_some(client, space, sizeof(space));
		llhttp_errno_t code;

		/* TLS 1.3: whether our certificate was taken shows only here. */
		if (got <= 0 && client->is_operator && !*ret_any &&
		    SSL_get_error(client->tls, got) == SSL_ERROR_SSL)
			return fail(ret_error, STATUS_REFUSED,
			            "%s:%s does not take this key as an operator's", client->host,
			            client->port);
		if (got <= 0)
			return fail(ret_error, STATUS_IO, "%s did not answer in time or hung up",
			            client->host);
		*ret_any = true;
		code = llhttp_execute(&parser, space, (size_t)got);
		if (answer.too_large)
			return fail(ret_error, STATUS_TOO_LARGE, "the answer is too long");
		if (code != HPE_OK && code != HPE_PAUSED)
			return fail(ret_error, STATUS_MALFORMED, "the answer is not HTTP/1.1: %s",
			            llhttp_errno_name(code));
	}
	*ret_status = (unsigned)llhttp_get_status_code(&parser);
	return STATUS_OK;
}

enum status http_client_call(struct http_client *client, const struct http_call *call,
                             unsigned *ret_status, struct buffer *ret_body, char *ret_error)
{
	size_t body_start = ret_body->len;
	bool was_open = client->tls != NULL;

	for (unsigned attempt = 0;; attempt++) {
		bool any = false;
		enum status status = STATUS_OK;

		if (client->tls == NULL)
			status = dial(client, ret_error);
		if (status != STATUS_OK)
			return status;
		set_timeout(client, call->timeout_ms != 0 ? call->timeout_ms : TIMEOUT_DEFAULT_MS);
		status = send_call(client, call, ret_error);
		if (status == STATUS_OK)
			status = read_answer(client, ret_status, ret_body, &any, ret_error);
		if (status == STATUS_OK)
			return STATUS_OK;
		hang_up(client);
		ret_body->len = body_start;
		if (any || status != STATUS_IO || !was_open || attempt > 0)
			return status;
	}
}

void http_client_close(struct http_client *client)
{
	if (client == NULL)
		return;
	hang_up(client);
	SSL_CTX_free(client->context);
	free(client);
}
