/* http_client: a blocking HTTPS client for the command line: one connection, one call at a time.
 *
 * TLS 1.3 only. The server's certificate must chain to the one CA file that is given (a pin: the
 * system's roots are not asked) and name the host. HTTP/1.1 with Content-Length bodies, as the
 * bridge answers; anything else is an error. Allocates; not for the signer or the bridge. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base_bytes.h"

#define HTTP_CLIENT_ERROR_MAX 256 /* bytes of an error text with its NUL */

struct http_client;

struct http_call {
	const char *method;  /* "GET", "POST" ... */
	const char *path;    /* begins with '/' */
	const char *token;   /* Authorization: Bearer; NULL: none */
	struct bytes body;   /* application/json; empty: none */
	unsigned timeout_ms; /* of the whole call; 0: 30 s */
};

/* http_client_open connects and checks the certificate against `ca_file` (PEM). On failure
 * `ret_error` (HTTP_CLIENT_ERROR_MAX bytes) says in words what failed and what to do. */
MUST_USE enum status http_client_open(const char *host, const char *port, const char *ca_file,
                                      struct http_client **ret_client, char *ret_error);

/* http_client_open_as is http_client_open for an operator's door: it shows a certificate, made here
 * and signed by itself, of the Ed25519 key that this seed gives. */
MUST_USE enum status http_client_open_as(const char *host, const char *port, const char *ca_file,
                                         const uint8_t seed[32], struct http_client **ret_client,
                                         char *ret_error);

/* http_client_call makes one call; the body is appended to `ret_body`. Reconnects once when the
 * server had closed an idle connection before any byte of this call was answered. */
MUST_USE enum status http_client_call(struct http_client *client, const struct http_call *call,
                                      unsigned *ret_status, struct buffer *ret_body,
                                      char *ret_error);

/* http_client_certificate connects and appends the server's own certificate as PEM, unverified: for
 * whoever has just started that server on this machine and writes what others then pin. */
MUST_USE enum status http_client_certificate(const char *host, const char *port,
                                             struct buffer *ret_pem, char *ret_error);

/* http_client_close takes NULL too. */
void http_client_close(struct http_client *client);

#endif
