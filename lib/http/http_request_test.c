/* N2: what two parsers could read differently is refused; the rest is read the same however the
 * bytes arrive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "http_request.h"

#include "base_test.h"
#include "http_response.h"

static struct http_request request;
static uint8_t body_space[64];

/* feed_all gives the text in pieces of `step` bytes until the request ends. */
static enum http_progress feed_all(const char *text, size_t step, size_t *ret_used)
{
	size_t len = strlen(text);
	size_t at = 0;
	enum http_progress progress = HTTP_PROGRESS_MORE;

	http_request_init(&request);
	for (;;) {
		size_t piece = len - at < step ? len - at : step;
		size_t used;

		progress = http_request_feed(&request, bytes_of(text + at, piece), &used);
		at += used;
		if (progress == HTTP_PROGRESS_HEADERS)
			http_request_set_body(&request, BUFFER_OF_ARRAY(body_space));
		else if (progress != HTTP_PROGRESS_MORE || at == len)
			break;
	}
	*ret_used = at;
	return progress;
}

static bool reads(const char *text)
{
	size_t used;

	return feed_all(text, 4096, &used) == HTTP_PROGRESS_COMPLETE && used == strlen(text) &&
	       feed_all(text, 1, &used) == HTTP_PROGRESS_COMPLETE && used == strlen(text);
}

static bool refuses(const char *text)
{
	size_t used;

	return feed_all(text, 4096, &used) == HTTP_PROGRESS_BAD &&
	       feed_all(text, 1, &used) == HTTP_PROGRESS_BAD;
}

static bool value_is(enum http_field field, const char *text)
{
	return bytes_equal(http_request_value(&request, field), bytes_of_text(text));
}

static void test_a_request_is_read_the_same_in_any_pieces(void)
{
	static const char text[] =
	    "POST /api/v1/sign?a=1&b=22 HTTP/1.1\r\nHost: h\r\n"
	    "Authorization: Bearer tok\r\nContent-Type: application/json\r\n"
	    "Idempotency-Key: k1\r\nX-Other: \r\nContent-Length: 5\r\n\r\n{\"a\"}";
	struct bytes token;

	for (size_t step = 1; step < sizeof(text); step++) {
		size_t used;

		EXPECT(feed_all(text, step, &used) == HTTP_PROGRESS_COMPLETE);
		EXPECT(used == sizeof(text) - 1 && request.method == HTTP_METHOD_POST);
		EXPECT(bytes_equal(http_request_path(&request), bytes_of_text("/api/v1/sign")));
		EXPECT(bytes_equal(http_request_query(&request), bytes_of_text("a=1&b=22")));
		EXPECT(value_is(HTTP_FIELD_CONTENT_TYPE, "application/json"));
		EXPECT(value_is(HTTP_FIELD_IDEMPOTENCY_KEY, "k1"));
		EXPECT(http_request_token(&request, &token) == STATUS_OK);
		EXPECT(bytes_equal(token, bytes_of_text("tok")));
		EXPECT(bytes_equal(buffer_bytes(&request.body), bytes_of_text("{\"a\"}")));
		EXPECT(request.keep_alive);
	}
	EXPECT(
	    bytes_equal(http_query_value(http_request_query(&request), "b"), bytes_of_text("22")));
	EXPECT(http_query_value(http_request_query(&request), "c").len == 0);
}

static void test_bytes_after_a_request_stay_with_the_caller(void)
{
	static const char first[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
	char both[128];
	size_t used;

	snprintf(both, sizeof(both), "%sGET /b HTTP/1.1\r\nHost: h\r\n\r\n", first);
	EXPECT(feed_all(both, sizeof(both), &used) == HTTP_PROGRESS_COMPLETE);
	EXPECT(used == sizeof(first) - 1);
	EXPECT(bytes_equal(http_request_path(&request), bytes_of_text("/a")));
}

static void test_chunked_bodies_are_joined_and_their_trailers_change_nothing(void)
{
	EXPECT(reads("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	             "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Vault-Token: evil\r\nHost: g\r\n\r\n"));
	EXPECT(bytes_equal(buffer_bytes(&request.body), bytes_of_text("abcde")));
	EXPECT(value_is(HTTP_FIELD_VAULT_TOKEN, "") && value_is(HTTP_FIELD_HOST, "h"));
}

static void test_smuggling_pairs_are_refused(void)
{
	static const char *const bad[] = {
	    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
	    "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
	    "Content-Length: 3\r\nContent-Length: 3\r\n",
	    "Content-Length: 3\r\nContent-Length: 4\r\n",
	    "Content-Length: 3, 3\r\n",
	    "Content-Length: +3\r\n",
	    "Content-Length: -3\r\n",
	    "Content-Length: 0x3\r\n",
	    "Content-Length: 3 4\r\n",
	    "Content-Length : 3\r\n",
	    "Content-Length:\r\n",
	    "Content-Length: 99999999999999999999\r\n",
	    "Content-Length: 3\n",
	    "Content-Length: 3\r\r\n",
	    "Content_Length: 3\r\nContent-Length: 3\rX: y\r\n",
	    "Transfer-Encoding: identity\r\n",
	    "Transfer-Encoding: chunked, identity\r\n",
	    "Transfer-Encoding: gzip, chunked\r\n",
	    "Transfer-Encoding: chunked, chunked\r\n",
	    "Transfer-Encoding: xchunked\r\n",
	    "Transfer-Encoding : chunked\r\n",
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	    "Transfer-Encoding: \x0b"
	    "chunked\r\n",
	    "Transfer-Encoding:\r\n chunked\r\n",
	    "X: a\r\n b\r\n",
	    " X: y\r\n",
	    "X y: z\r\n",
	    ": z\r\n",
	    "X\r\n",
	    "X: a\x01"
	    "b\r\n",
	    "Host: g\r\n",
	    "X-Vault-Token: a\r\nX-Vault-Token: a\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "POST /x HTTP/1.1\r\nHost: h\r\n%s\r\n3\r\nabc",
		         bad[i]);
		EXPECT(refuses(text));
		if (!refuses(text))
			fprintf(stderr, "taken: %s\n", bad[i]);
	}
}

static void test_bad_chunks_are_refused(void)
{
	static const char *const bad[] = {
	    "g\r\n",        "3 \r\nabc\r\n", "3\nabc\n",      "-1\r\n",
	    "0x3\r\nabc",   "3;x=y\r\nabc",  "3\r\nabcd\r\n", "ffffffffffffffffff\r\n",
	    "\r\n3\r\nabc", "3\r\nabc0\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
		         "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s",
		         bad[i]);
		EXPECT(refuses(text));
		if (!refuses(text))
			fprintf(stderr, "taken: %s\n", bad[i]);
	}
}

static void test_request_lines_are_strict(void)
{
	static const char *const bad[] = {
	    "GET /x HTTP/2.0",         "GET /x HTTP/1.2",
	    "GET /x HTTP/0.9",         "GET /x",
	    "get /x HTTP/1.1",         "GET x HTTP/1.1",
	    "GET http://h/x HTTP/1.1", "GET /x#f HTTP/1.1",
	    "CONNECT h:1 HTTP/1.1",    "OPTIONS * HTTP/1.1",
	    "GET /\x80 HTTP/1.1",      "FOO /x HTTP/1.1",
	    "GET /x HTTP/1.1 ",        "GET /x ICE/1.0",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", bad[i]);
		EXPECT(refuses(text));
		if (!refuses(text))
			fprintf(stderr, "taken: %s\n", bad[i]);
	}
	EXPECT(refuses("GET /x HTTP/1.1\r\n\r\n"));
	EXPECT(refuses("\x16\x03\x01\x02"));
	EXPECT(reads("GET /x HTTP/1.0\r\n\r\n") && request.old_version && !request.keep_alive);
	EXPECT(reads("DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n") &&
	       request.method == HTTP_METHOD_OTHER);
	EXPECT(reads("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") &&
	       !request.keep_alive);
	EXPECT(reads("GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n") &&
	       !request.keep_alive);
}

/* Header bombs: bytes, count, one long field, a long target. */
static void test_headers_beyond_their_bounds_are_refused(void)
{
	static char text[65536];
	size_t len;

	len = (size_t)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nHost: h\r\n");
	for (size_t i = 0; i < 70; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "A: b\r\n");
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_HEADERS_TOO_LARGE);

	len = (size_t)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nHost: h\r\nX: ");
	memset(text + len, 'a', 9000);
	text[len + 9000] = 0;
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_HEADERS_TOO_LARGE);

	len = (size_t)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nHost: h\r\n");
	memset(text + len, 'a', 9000);
	text[len + 9000] = 0;
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_HEADERS_TOO_LARGE);

	len = (size_t)snprintf(text, sizeof(text), "GET /x HTTP/1.1\r\nX-Vault-Token: ");
	memset(text + len, 'a', 300);
	text[len + 300] = 0;
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_HEADERS_TOO_LARGE);

	len = (size_t)snprintf(text, sizeof(text), "GET /");
	memset(text + len, 'a', 600);
	text[len + 600] = 0;
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_TARGET_TOO_LONG);
}

static void test_a_body_beyond_its_buffer_is_refused(void)
{
	static char text[512];

	snprintf(text, sizeof(text),
	         "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n%065d", 0);
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_BODY_TOO_LARGE);
	snprintf(text, sizeof(text),
	         "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n%065d", 0);
	EXPECT(refuses(text) && request.trouble == HTTP_TROUBLE_BODY_TOO_LARGE);
}

static void test_two_different_tokens_are_refused(void)
{
	struct bytes token;

	EXPECT(reads("GET / HTTP/1.1\r\nHost: h\r\nX-Vault-Token: a\r\n"
	             "Authorization: Bearer b\r\n\r\n"));
	EXPECT(http_request_token(&request, &token) == STATUS_REFUSED);
	EXPECT(reads("GET / HTTP/1.1\r\nHost: h\r\nX-Vault-Token: a\r\n"
	             "authorization: bearer a\r\n\r\n"));
	EXPECT(http_request_token(&request, &token) == STATUS_OK && token.len == 1);
	EXPECT(reads("GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\n\r\n"));
	EXPECT(http_request_token(&request, &token) == STATUS_OK && token.len == 0);
}

static void test_a_response_head_has_its_fields(void)
{
	uint8_t space[HTTP_RESPONSE_HEAD_MAX + 8];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct http_response response = {.status = 503,
	                                 .content_type = "application/problem+json",
	                                 .body_len = 120,
	                                 .retry_after_seconds = 1};
	static const char expected[] = "HTTP/1.1 503 Service Unavailable\r\n"
	                               "Content-Type: application/problem+json\r\n"
	                               "Content-Length: 120\r\nCache-Control: no-store\r\n"
	                               "Retry-After: 1\r\nConnection: close\r\n\r\n";

	EXPECT(http_response_put_head(&response, &out) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), bytes_of_text(expected)));
	EXPECT(http_response_put_head(&response, &out) == STATUS_TOO_LARGE);
}

int main(void)
{
	RUN(test_a_request_is_read_the_same_in_any_pieces);
	RUN(test_bytes_after_a_request_stay_with_the_caller);
	RUN(test_chunked_bodies_are_joined_and_their_trailers_change_nothing);
	RUN(test_smuggling_pairs_are_refused);
	RUN(test_bad_chunks_are_refused);
	RUN(test_request_lines_are_strict);
	RUN(test_headers_beyond_their_bounds_are_refused);
	RUN(test_a_body_beyond_its_buffer_is_refused);
	RUN(test_two_different_tokens_are_refused);
	RUN(test_a_response_head_has_its_fields);
	return test_summary();
}
