/* http_response: writes the head of an HTTP/1.1 answer. The body follows from the caller. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "base_bytes.h"

#define HTTP_RESPONSE_HEAD_MAX 1024

struct http_response {
	unsigned status;
	const char *content_type; /* NULL: no body and no such field */
	size_t body_len;
	bool page;    /* for a browser: what it may load, and who may frame it (nobody) */
	bool streams; /* what follows ends with the connection: no Content-Length */
	bool keep_alive;
	unsigned retry_after_seconds; /* 0: no such field */
	const char *allow;            /* NULL, or the methods of a 405 */
	bool ask_for_token;           /* WWW-Authenticate: Bearer, for a 401 */
};

/* http_response_put_head appends status line and fields with the empty line; STATUS_TOO_LARGE when
 * HTTP_RESPONSE_HEAD_MAX bytes do not fit. */
MUST_USE enum status http_response_put_head(const struct http_response *response,
                                            struct buffer *out);

#endif
