/* SPDX-License-Identifier: Apache-2.0 */
#include "http_request.h"

#include <llhttp.h>
#include <strings.h>

#include "base_check.h"

_Static_assert(sizeof(llhttp_t) <= HTTP_PARSER_BYTES, "the parser fits its place");

struct field_row {
	const char *name;
	enum http_field field;
};

static const struct field_row field_rows[] = {
    {"host",              HTTP_FIELD_HOST             },
    {"authorization",     HTTP_FIELD_AUTHORIZATION    },
    {"x-vault-token",     HTTP_FIELD_VAULT_TOKEN      },
    {"content-type",      HTTP_FIELD_CONTENT_TYPE     },
    {"content-length",    HTTP_FIELD_CONTENT_LENGTH   },
    {"transfer-encoding", HTTP_FIELD_TRANSFER_ENCODING},
    {"expect",            HTTP_FIELD_EXPECT           },
    {"idempotency-key",   HTTP_FIELD_IDEMPOTENCY_KEY  },
    {"last-event-id",     HTTP_FIELD_LAST_EVENT_ID    },
};

static llhttp_t *parser_of(struct http_request *request)
{
	return (llhttp_t *)(void *)request->parser;
}

static struct http_request *request_of(llhttp_t *parser)
{
	return parser->data;
}

/* refuse notes the first reason only; any number but 0 and HPE_PAUSED ends llhttp. */
static int refuse(struct http_request *request, enum http_trouble trouble, const char *reason)
{
	if (request->trouble == HTTP_TROUBLE_NONE) {
		request->trouble = trouble;
		request->reason = reason;
	}
	return HPE_USER;
}

static int count_header_bytes(struct http_request *request, size_t len)
{
	request->header_bytes += (uint32_t)len;
	if (request->header_bytes > HTTP_HEADERS_MAX)
		return refuse(request, HTTP_TROUBLE_HEADERS_TOO_LARGE,
		              "the header section is longer than 8192 bytes");
	return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
	struct http_request *request = request_of(parser);

	if (len > sizeof(request->target) - request->target_len)
		return refuse(request, HTTP_TROUBLE_TARGET_TOO_LONG,
		              "the target is longer than 512 bytes");
	memcpy(request->target + request->target_len, at, len);
	request->target_len = (uint16_t)(request->target_len + len);
	return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
	struct http_request *request = request_of(parser);

	if (request->in_value || request->header_count == 0) {
		request->in_value = false;
		request->field_len = 0;
		if (++request->header_count > HTTP_HEADER_COUNT)
			return refuse(request, HTTP_TROUBLE_HEADERS_TOO_LARGE,
			              "more than 64 header fields");
	}
	/* A name longer than any that counts is told apart by its length alone. */
	for (size_t i = 0; i < len && request->field_len < sizeof(request->field_text); i++)
		request->field_text[request->field_len++] = (uint8_t)(at[i] | 0x20);
	return count_header_bytes(request, len);
}

static enum http_field field_of(const struct http_request *request)
{
	for (size_t i = 0; i < sizeof(field_rows) / sizeof(field_rows[0]); i++)
		if (bytes_equal(bytes_of(request->field_text, request->field_len),
		                bytes_of_text(field_rows[i].name)))
			return field_rows[i].field;
	return HTTP_FIELD_NONE;
}

static int begin_value(struct http_request *request)
{
	enum http_field field = field_of(request);
	uint32_t bit = UINT32_C(1) << field;

	request->in_value = true;
	if (field == HTTP_FIELD_NONE)
		return 0;
	if ((request->seen & bit) != 0)
		return refuse(request, HTTP_TROUBLE_SYNTAX, "a header field was sent twice");
	request->seen |= bit;
	return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
	struct http_request *request = request_of(parser);
	struct http_value *value;
	enum http_field field;

	/* Trailers must not change what the headers said. */
	if (request->headers_done) {
		request->in_value = true;
		return count_header_bytes(request, len);
	}
	if (!request->in_value && begin_value(request) != 0)
		return HPE_USER;
	field = field_of(request);
	if (field != HTTP_FIELD_NONE) {
		value = &request->values[field];
		if (len > sizeof(value->bytes) - value->len)
			return refuse(request, HTTP_TROUBLE_HEADERS_TOO_LARGE,
			              "a header field is too long");
		memcpy(value->bytes + value->len, at, len);
		value->len = (uint16_t)(value->len + len);
	}
	return count_header_bytes(request, len);
}

static int on_header_value_complete(llhttp_t *parser)
{
	struct http_request *request = request_of(parser);

	/* A field with an empty value has no on_header_value. */
	if (!request->headers_done && !request->in_value && begin_value(request) != 0)
		return HPE_USER;
	request->in_value = true;
	return 0;
}

static bool value_is(const struct http_request *request, enum http_field field, const char *text)
{
	const struct http_value *value = &request->values[field];

	return value->len == strlen(text) &&
	       strncasecmp((const char *)value->bytes, text, value->len) == 0;
}

static bool has(const struct http_request *request, enum http_field field)
{
	return (request->seen & (UINT32_C(1) << field)) != 0;
}

static int check_target(struct http_request *request)
{
	const uint8_t *mark;

	if (request->target_len == 0 || request->target[0] != '/')
		return refuse(request, HTTP_TROUBLE_SYNTAX, "the target must be a path");
	for (size_t i = 0; i < request->target_len; i++)
		if (request->target[i] <= ' ' || request->target[i] >= 0x7f ||
		    request->target[i] == '#')
			return refuse(request, HTTP_TROUBLE_SYNTAX,
			              "the target has a byte that needs escaping");
	mark = memchr(request->target, '?', request->target_len);
	request->path_len = mark == NULL ? request->target_len : (uint16_t)(mark - request->target);
	return 0;
}

static int check_framing(struct http_request *request)
{
	request->has_length = has(request, HTTP_FIELD_CONTENT_LENGTH);
	request->chunked = has(request, HTTP_FIELD_TRANSFER_ENCODING);
	if (request->has_length && request->chunked)
		return refuse(request, HTTP_TROUBLE_SYNTAX,
		              "Content-Length and Transfer-Encoding exclude each other");
	if (request->chunked && !value_is(request, HTTP_FIELD_TRANSFER_ENCODING, "chunked"))
		return refuse(request, HTTP_TROUBLE_SYNTAX, "the only transfer coding is chunked");
	if (request->chunked && request->old_version)
		return refuse(request, HTTP_TROUBLE_SYNTAX, "HTTP/1.0 has no transfer codings");
	for (size_t i = 0; i < request->values[HTTP_FIELD_CONTENT_LENGTH].len; i++)
		if (request->values[HTTP_FIELD_CONTENT_LENGTH].bytes[i] < '0' ||
		    request->values[HTTP_FIELD_CONTENT_LENGTH].bytes[i] > '9')
			return refuse(request, HTTP_TROUBLE_SYNTAX, "Content-Length is one number");
	return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
	struct http_request *request = request_of(parser);

	request->headers_done = true;
	switch (llhttp_get_method(parser)) {
	case HTTP_GET:
		request->method = HTTP_METHOD_GET;
		break;
	case HTTP_HEAD:
		request->method = HTTP_METHOD_HEAD;
		break;
	case HTTP_POST:
		request->method = HTTP_METHOD_POST;
		break;
	case HTTP_PUT:
		request->method = HTTP_METHOD_PUT;
		break;
	case HTTP_CONNECT:
		return refuse(request, HTTP_TROUBLE_SYNTAX, "this is no proxy");
	default:
		request->method = HTTP_METHOD_OTHER;
		break;
	}
	if (llhttp_get_http_major(parser) != 1 || llhttp_get_http_minor(parser) > 1)
		return refuse(request, HTTP_TROUBLE_SYNTAX, "the protocol is HTTP/1.1");
	request->old_version = llhttp_get_http_minor(parser) == 0;
	request->keep_alive = llhttp_should_keep_alive(parser) != 0 && !request->old_version &&
	                      llhttp_get_upgrade(parser) == 0;
	if (!request->old_version && !has(request, HTTP_FIELD_HOST))
		return refuse(request, HTTP_TROUBLE_SYNTAX, "a Host field is needed");
	if (check_target(request) != 0 || check_framing(request) != 0)
		return HPE_USER;
	request->content_length = request->has_length ? parser->content_length : 0;
	return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
	struct http_request *request = request_of(parser);

	if (buffer_put(&request->body, bytes_of(at, len)) != STATUS_OK)
		return refuse(request, HTTP_TROUBLE_BODY_TOO_LARGE, "the body is too large");
	return 0;
}

/* Chunk extensions carry nothing for us and are a classic place to hide a difference. */
static int on_chunk_extension(llhttp_t *parser, const char *at, size_t len)
{
	(void)at;
	(void)len;
	return refuse(request_of(parser), HTTP_TROUBLE_SYNTAX, "chunk extensions are not read");
}

static int on_message_complete(llhttp_t *parser)
{
	request_of(parser)->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_chunk_extension,
    .on_message_complete = on_message_complete,
};

void http_request_init(struct http_request *request)
{
	memset(request, 0, offsetof(struct http_request, target));
	for (size_t i = 0; i < HTTP_FIELD_COUNT; i++)
		request->values[i].len = 0;
	memset(&request->body, 0, sizeof(*request) - offsetof(struct http_request, body));
	llhttp_init(parser_of(request), HTTP_REQUEST, &settings);
	parser_of(request)->data = request;
}

static size_t used_until_pause(struct http_request *request, struct bytes in)
{
	const char *at = llhttp_get_error_pos(parser_of(request));
	size_t used = (size_t)((const uint8_t *)at - in.data);

	CHECK(used <= in.len);
	return used;
}

static enum http_progress bad(struct http_request *request, enum llhttp_errno error)
{
	if (request->trouble == HTTP_TROUBLE_NONE) {
		request->trouble = HTTP_TROUBLE_SYNTAX;
		request->reason = "this is not a well-formed HTTP/1.1 request";
	}
	(void)error;
	return HTTP_PROGRESS_BAD;
}

enum http_progress http_request_feed(struct http_request *request, struct bytes in,
                                     size_t *ret_used)
{
	llhttp_t *parser = parser_of(request);
	enum llhttp_errno error;

	CHECK(!request->complete);
	*ret_used = 0;
	if (request->trouble != HTTP_TROUBLE_NONE)
		return HTTP_PROGRESS_BAD;
	if (llhttp_get_errno(parser) == HPE_PAUSED)
		llhttp_resume(parser);
	error = llhttp_execute(parser, (const char *)in.data, in.len);
	if (error == HPE_OK) {
		*ret_used = in.len;
		return HTTP_PROGRESS_MORE;
	}
	if (request->trouble != HTTP_TROUBLE_NONE || error != HPE_PAUSED)
		return bad(request, error);
	*ret_used = used_until_pause(request, in);
	return request->complete ? HTTP_PROGRESS_COMPLETE : HTTP_PROGRESS_HEADERS;
}

void http_request_set_body(struct http_request *request, struct buffer body)
{
	body.len = 0;
	request->body = body;
}

bool http_request_has_body(const struct http_request *request)
{
	return request->chunked || request->content_length != 0;
}

struct bytes http_request_path(const struct http_request *request)
{
	return bytes_of(request->target, request->path_len);
}

struct bytes http_request_query(const struct http_request *request)
{
	size_t begin = request->path_len + (size_t)1;

	if (begin > request->target_len)
		return bytes_of(NULL, 0);
	return bytes_of(request->target + begin, request->target_len - begin);
}

struct bytes http_request_value(const struct http_request *request, enum http_field field)
{
	return bytes_of(request->values[field].bytes, request->values[field].len);
}

enum status http_request_token(const struct http_request *request, struct bytes *ret_token)
{
	static const char scheme[] = "bearer ";
	struct bytes vault = http_request_value(request, HTTP_FIELD_VAULT_TOKEN);
	struct bytes bearer = http_request_value(request, HTTP_FIELD_AUTHORIZATION);
	size_t skip = sizeof(scheme) - 1;

	if (bearer.len >= skip && strncasecmp((const char *)bearer.data, scheme, skip) == 0)
		bearer = bytes_of(bearer.data + skip, bearer.len - skip);
	else
		bearer.len = 0;
	/* Two tokens: whoever forwards may have meant the other one. */
	if (vault.len != 0 && bearer.len != 0 && !bytes_equal(vault, bearer))
		return STATUS_REFUSED;
	*ret_token = vault.len != 0 ? vault : bearer;
	return STATUS_OK;
}

struct bytes http_query_value(struct bytes query, const char *name)
{
	size_t name_len = strlen(name);

	while (query.len != 0) {
		const uint8_t *end = memchr(query.data, '&', query.len);
		size_t len = end == NULL ? query.len : (size_t)(end - query.data);

		if (len > name_len && query.data[name_len] == '=' &&
		    memcmp(query.data, name, name_len) == 0)
			return bytes_of(query.data + name_len + 1, len - name_len - 1);
		query.data += end == NULL ? len : len + 1;
		query.len -= end == NULL ? len : len + 1;
	}
	return bytes_of(NULL, 0);
}
