/* http_tls: TLS 1.3 for the bridge, between ciphertext and plaintext in memory.
 *
 * Adapter: only user of AWS-LC's libssl. It makes no system call on sockets: the caller feeds
 * what it received and sends what comes out. TLS 1.3 only (N1), AES-GCM and ChaCha20, X25519 and
 * P-256, no session tickets, so no resumption and no 0-RTT. Clients show no certificate, but
 * operators do, at a server of their own (http_tls_operators).
 * Memory: libssl allocates a few KB per session, freed by http_tls_end; record buffers only while
 * a record is incomplete. When that fails the session ends, nothing else. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base_bytes.h"

#define HTTP_TLS_KEY_LEN   32    /* P-256 private scalar, big-endian */
#define HTTP_TLS_CHAIN_MAX 3     /* certificates, leaf first */
#define HTTP_TLS_PEM_MAX   16384 /* bytes of a chain, and more than a request takes */
#define HTTP_TLS_RECORD    16384 /* most plaintext of one record */
#define HTTP_TLS_OVERHEAD  512   /* what a record or an alert adds, generously */

struct http_tls; /* a server's key and settings; libssl's own memory */

/* One connection's state; the caller's storage, zero before http_tls_begin. Private fields. */
struct http_tls_session {
	void *ssl;
	struct bytes in;    /* ciphertext still to be read, during a call */
	struct buffer *out; /* where ciphertext goes, during a call */
};

enum http_tls_progress {
	HTTP_TLS_OPEN = 0, /* go on: more input is needed, or output has to be sent first */
	HTTP_TLS_CLOSED,   /* the peer ended its side properly */
	HTTP_TLS_BROKEN,   /* refused: not TLS 1.3, damaged, out of memory; send what is in `out` */
};

/* http_tls_prepare makes libssl do now, before a sandbox, what it does only once: seeding, tables.
 */
MUST_USE enum status http_tls_prepare(void);

/* http_tls_open makes a server from its key and certificates (DER, leaf first); the caller wipes
 * its copy of the key. STATUS_CRYPTO when they do not belong together. */
MUST_USE enum status http_tls_open(const uint8_t key[HTTP_TLS_KEY_LEN], const struct bytes *chain,
                                   size_t chain_count, struct http_tls **ret_tls);
/* http_tls_renew makes a server with the same key as `tls` and another certificate: `pem`, leaf
 * first, at most HTTP_TLS_CHAIN_MAX of them, nothing else but comments between. STATUS_MALFORMED
 * when it is no such text; STATUS_CRYPTO when the leaf is for another key. `tls` stays as it is. */
MUST_USE enum status http_tls_renew(const struct http_tls *tls, struct bytes pem,
                                    struct http_tls **ret_tls);
/* What a site lets its TLS certificates be. */
struct http_tls_site {
	uint8_t ca[32]; /* SHA-256 of the CA's certificate, DER: the chain's last one */
	uint64_t now_s;
	const char *const
	    *names;        /* hosts and addresses; the certificate is for one of them at least */
	size_t name_count; /* 0: names do not matter */
};

/* http_tls_judge says whether a server's certificates are what its site lets them be: they lead to
 * the CA, are in date, and made for servers (RFC 5280). REFUSED, and then a sentence in *ret_why.
 */
MUST_USE enum status http_tls_judge(const struct http_tls *tls, const struct http_tls_site *site,
                                    const char **ret_why);
/* http_tls_request appends a certification request (PKCS #10, RFC 2986; PEM) for the server's key
 * and for the names of its certificate, which a site's CA then signs. */
MUST_USE enum status http_tls_request(const struct http_tls *tls, struct buffer *ret_pem);
/* http_tls_same_key: whether both servers have one key. */
bool http_tls_same_key(const struct http_tls *tls, const struct http_tls *other);
/* http_tls_expires returns when the leaf ends, in seconds since 1970; 0 when it does not say. */
uint64_t http_tls_expires(const struct http_tls *tls);
/* Who is let in by a certificate: Ed25519 keys, the caller's storage, as long as a server of them.
 */
struct http_tls_keys {
	const uint8_t (*keys)[32];
	size_t count;
};

/* http_tls_operators makes a server like `tls` (same key, same certificates) that ends every
 * handshake whose client does not show a certificate of one of these keys, and prove that it has
 * it. Nothing else of that certificate counts, its dates and names least of all: the key is what
 * the site has named. */
MUST_USE enum status http_tls_operators(const struct http_tls *tls,
                                        const struct http_tls_keys *keys,
                                        struct http_tls **ret_tls);
/* http_tls_close frees a server; sessions keep what they need of it. NULL is fine. */
void http_tls_close(struct http_tls *tls);

/* http_tls_begin starts a session; STATUS_BUSY when there is no memory for it. */
MUST_USE enum status http_tls_begin(struct http_tls *tls, struct http_tls_session *session);
/* http_tls_end frees it; a session that was never begun is fine. */
void http_tls_end(struct http_tls_session *session);

/* http_tls_read takes ciphertext (all of it unless `plain` gets full, which the caller prevents by
 * giving at most as many bytes as `plain` has room), appends plaintext to `plain` and answers of
 * the handshake to `out`, which needs HTTP_TLS_RECORD + HTTP_TLS_OVERHEAD room. */
MUST_USE enum http_tls_progress http_tls_read(struct http_tls_session *session, struct bytes in,
                                              struct buffer *plain, struct buffer *out);

/* http_tls_write encrypts at most one record's worth of `plain` into `out`; *ret_used says how
 * much; 0 when `out` has no room for a record. */
MUST_USE enum http_tls_progress http_tls_write(struct http_tls_session *session, struct bytes plain,
                                               struct buffer *out, size_t *ret_used);

/* http_tls_finish appends the close_notify alert, when the session is far enough for one. */
void http_tls_finish(struct http_tls_session *session, struct buffer *out);

/* http_tls_is_ready is true once the handshake is complete. */
bool http_tls_is_ready(const struct http_tls_session *session);

#endif
