/* http_request: one HTTP/1.1 request out of a stream of bytes, strictly and within bounds.
 *
 * Adapter: only user of llhttp, in its strict mode; nothing is allocated. The input is hostile.
 * What llhttp would still let pass and two parsers could read differently is refused here:
 * Content-Length beside Transfer-Encoding, any transfer coding but exactly "chunked", repeated
 * fields of those that count, no or two Host fields, targets that are not a plain path.
 * One struct reads one request; bytes after it stay with the caller (pipelining). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base_bytes.h"
#include "base_limits.h"

#define HTTP_TARGET_MAX      512  /* bytes of path and query */
#define HTTP_HEADERS_MAX     8192 /* bytes of the header section, trailers included */
#define HTTP_HEADER_COUNT    64
#define HTTP_IDEMPOTENCY_MAX 128 /* bytes of an Idempotency-Key */
#define HTTP_VALUE_MAX       192 /* bytes of any other field that is looked at */
#define HTTP_PARSER_BYTES    160

enum http_method {
	HTTP_METHOD_OTHER = 0,
	HTTP_METHOD_GET,
	HTTP_METHOD_HEAD,
	HTTP_METHOD_POST,
	HTTP_METHOD_PUT,
};

enum http_progress {
	HTTP_PROGRESS_MORE = 0, /* give more bytes */
	HTTP_PROGRESS_HEADERS,  /* the header section is read: call http_request_set_body, go on */
	HTTP_PROGRESS_COMPLETE, /* the request is whole */
	HTTP_PROGRESS_BAD,      /* refused: see `trouble`; the connection cannot be used again */
};

enum http_trouble {
	HTTP_TROUBLE_NONE = 0,
	HTTP_TROUBLE_SYNTAX,            /* not HTTP, or two readings possible */
	HTTP_TROUBLE_HEADERS_TOO_LARGE, /* a bound of this header was passed */
	HTTP_TROUBLE_TARGET_TOO_LONG,
	HTTP_TROUBLE_BODY_TOO_LARGE, /* more than the buffer of http_request_set_body */
};

/* The fields that are looked at; all others are checked for form and dropped. */
enum http_field {
	HTTP_FIELD_NONE = 0,
	HTTP_FIELD_HOST,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_VAULT_TOKEN,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_IDEMPOTENCY_KEY,
	HTTP_FIELD_LAST_EVENT_ID,
	HTTP_FIELD_COUNT,
};

struct http_value {
	uint16_t len;
	uint8_t bytes[HTTP_VALUE_MAX];
};

struct http_request {
	enum http_method method;
	enum http_trouble trouble;
	const char *reason; /* one phrase for a person when `trouble`; static */
	bool old_version;   /* HTTP/1.0 */
	bool keep_alive;
	bool has_length; /* Content-Length was sent */
	bool chunked;
	uint64_t content_length;
	uint32_t seen; /* bit per enum http_field */
	uint16_t target_len;
	uint16_t path_len; /* the target up to '?' */
	uint8_t target[HTTP_TARGET_MAX];
	struct http_value values[HTTP_FIELD_COUNT];
	struct buffer body;
	/* below: for http_request.c only */
	uint32_t header_bytes;
	uint16_t header_count;
	uint8_t field_len;
	uint8_t field_text[32];
	bool in_value;
	bool headers_done;
	bool complete;
	_Alignas(8) uint8_t parser[HTTP_PARSER_BYTES];
};

/* http_request_init prepares the struct for the first byte of a request. */
void http_request_init(struct http_request *request);

/* http_request_feed reads on; *ret_used says how many bytes of `in` belong to this request so far.
 * After HEADERS or MORE call it again with the rest; after COMPLETE or BAD it is over. */
enum http_progress http_request_feed(struct http_request *request, struct bytes in,
                                     size_t *ret_used);

/* http_request_set_body gives the place for the body, before the first feed after HEADERS; the
 * request borrows it until it is complete. */
void http_request_set_body(struct http_request *request, struct buffer body);

/* http_request_has_body says whether bytes of a body follow the headers. */
bool http_request_has_body(const struct http_request *request);

/* http_request_path and _query borrow from the request; the query is without '?'. */
struct bytes http_request_path(const struct http_request *request);
struct bytes http_request_query(const struct http_request *request);
/* http_request_value returns a field's value; empty when it was not sent. */
struct bytes http_request_value(const struct http_request *request, enum http_field field);
/* http_request_token returns the client's token: X-Vault-Token, or Authorization: Bearer; empty
 * when there is none. Both with different values is STATUS_REFUSED. */
MUST_USE enum status http_request_token(const struct http_request *request,
                                        struct bytes *ret_token);

/* http_query_value finds `name` in a query (a=1&b=2), undecoded; empty when it is not there. */
struct bytes http_query_value(struct bytes query, const char *name);

#endif
