/* Responses and refusals in all dialects. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_encode.h"

struct api_text api_body_begin(struct api_exchange *exchange)
{
	CHECK(exchange->out.cap > HTTP_RESPONSE_HEAD_MAX);
	exchange->out.len = HTTP_RESPONSE_HEAD_MAX;
	exchange->extra = bytes_of(NULL, 0);
	return text_begin(&exchange->out);
}

static unsigned seconds_of(unsigned retry_after_ms)
{
	return retry_after_ms == 0 ? 0 : (retry_after_ms + 999) / 1000;
}

void api_body_end(struct api_exchange *exchange, struct api_context *context,
                  const struct api_text *text, unsigned status, const char *content_type,
                  unsigned retry_after_ms)
{
	uint8_t space[HTTP_RESPONSE_HEAD_MAX];
	struct buffer head = BUFFER_OF_ARRAY(space);
	struct http_response response = {
	    .status = status,
	    .content_type = content_type,
	    .keep_alive = exchange->keep_alive,
	    .streams = exchange->stream.open,
	    .page = exchange->path == API_PATH_PAGE,
	    .retry_after_seconds = seconds_of(retry_after_ms),
	    .allow = status == 405 ? api_allowed_methods(exchange) : NULL,
	    .ask_for_token = status == 401,
	};

	if (context->stopping)
		response.keep_alive = exchange->keep_alive = false;
	if (text_end(text) != STATUS_OK) {
		/* Every shape's bound was counted; a body that does not fit is our mistake, and a
		 * signature must not be lost in a broken document. */
		exchange->out.len = HTTP_RESPONSE_HEAD_MAX;
		response.status = 500;
		response.keep_alive = exchange->keep_alive = false;
	}
	response.body_len = exchange->out.len - HTTP_RESPONSE_HEAD_MAX + exchange->extra.len;
	CHECK(http_response_put_head(&response, &head) == STATUS_OK);
	exchange->response_at = HTTP_RESPONSE_HEAD_MAX - head.len;
	memcpy(exchange->out.data + exchange->response_at, head.data, head.len);
	if (exchange->http.method == HTTP_METHOD_HEAD) {
		exchange->out.len = HTTP_RESPONSE_HEAD_MAX;
		exchange->extra = bytes_of(NULL, 0);
	}
	exchange->status = response.status;
	exchange->ask = API_ASK_NOTHING;
	context->metrics.responses[response.status / 100]++;
}

struct bytes api_response(const struct api_exchange *exchange)
{
	return bytes_of(exchange->out.data + exchange->response_at,
	                exchange->out.len - exchange->response_at);
}

const char *api_detail(struct api_exchange *exchange, const char *format, struct bytes text)
{
	char shown[65];
	size_t len = text.len < sizeof(shown) - 1 ? text.len : sizeof(shown) - 1;

	if (len != 0)
		memcpy(shown, text.data, len);
	shown[len] = 0;
	for (size_t i = 0; i < len; i++)
		if (shown[i] < ' ' || shown[i] > '~')
			shown[i] = '?';
			/* Formats are constants of this folder with one %s. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(exchange->detail, sizeof(exchange->detail), format, shown);
#pragma GCC diagnostic pop
	return exchange->detail;
}

static bool is_zero(const uint8_t bytes[32])
{
	for (size_t i = 0; i < 32; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

void api_put_reason(struct api_text *text, const struct call_reason *reason)
{
	text_put(text, "{\"grant\":");
	text_put_hex(text, BYTES_OF_ARRAY(reason->grant));
	text_put(text, ",\"code\":\"");
	text_put(text, call_result_code((enum call_result)reason->result));
	text_put(text, "\",\"policy_code\":");
	text_put_u64(text, reason->code);
	text_put(text, ",\"instruction\":");
	if (reason->instruction == CALL_NO_INSTRUCTION)
		text_put(text, "null");
	else
		text_put_u64(text, reason->instruction);
	text_put(text, ",\"fuel\":");
	text_put_u64_string(text, reason->fuel);
	text_put(text, ",\"text\":");
	text_put_string(text, reason->text);
	text_put(text, "}");
}

static void put_answer_members(struct api_text *text, const struct call_sign_answer *answer)
{
	if (!is_zero(answer->decision)) {
		text_put(text, ",\"decision\":");
		text_put_hex(text, BYTES_OF_ARRAY(answer->decision));
	}
	if (!is_zero(answer->message_hash)) {
		text_put(text, ",\"message_hash\":");
		text_put_hex(text, BYTES_OF_ARRAY(answer->message_hash));
	}
	if (answer->number != 0) {
		text_put(text, ",\"sequence\":{\"boot\":");
		text_put_u64_string(text, answer->boot);
		text_put(text, ",\"number\":");
		text_put_u64_string(text, answer->number);
		text_put(text, "}");
	}
	if (answer->reason_count != 0) {
		text_put(text, ",\"reasons\":[");
		for (size_t i = 0; i < answer->reason_count; i++) {
			text_put(text, i == 0 ? "" : ",");
			api_put_reason(text, &answer->reasons[i]);
		}
		text_put(text, "]");
	}
}

void api_put_problem_members(struct api_text *text, enum call_result result, const char *detail,
                             const struct call_sign_answer *answer)
{
	const char *code = call_result_code(result);
	struct bytes said = bytes_of_text(detail == NULL ? call_result_text(result) : detail);

	/* The first grant's own words are what a person looks for. */
	if (detail == NULL && answer != NULL && answer->reason_count != 0 &&
	    answer->reasons[0].text.len != 0)
		said = answer->reasons[0].text;
	text_put(text, "\"type\":\"urn:claviger:problem:");
	text_put(text, code);
	text_put(text, "\",\"title\":");
	text_put_string(text, bytes_of_text(call_result_text(result)));
	text_put(text, ",\"status\":");
	text_put_u64(text, call_result_http(result));
	text_put(text, ",\"code\":\"");
	text_put(text, code);
	text_put(text, "\",\"detail\":");
	text_put_string(text, said);
	text_put(text, ",\"retryable\":");
	text_put_bool(text, call_result_retryable(result));
	if (answer != NULL)
		put_answer_members(text, answer);
}

static bool was_said(const struct call_sign_answer *answer, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (bytes_equal(answer->reasons[i].text, answer->reasons[at].text))
			return true;
	return false;
}

/* Vault's clients show one line: "code: text (decision ID)"; what grants said goes into it, once.
 */
void api_put_vault_error(struct api_text *text, enum call_result result, const char *detail,
                         const struct call_sign_answer *answer)
{
	char space[1024];
	struct buffer line = BUFFER_OF_ARRAY(space);
	struct api_text plain = text_begin(&line);
	char hex[HEX_LEN(32) + 1];

	text_put(&plain, call_result_code(result));
	text_put(&plain, ": ");
	if (api_vault_status(result) == 403)
		text_put(&plain, "permission denied, ");
	text_put(&plain, detail == NULL ? call_result_text(result) : detail);
	for (size_t i = 0; answer != NULL && i < answer->reason_count; i++) {
		struct bytes said = answer->reasons[i].text;

		if (said.len == 0 || was_said(answer, i) || line.cap - line.len < said.len + 128)
			continue;
		text_put(&plain, "; ");
		CHECK(buffer_put(&line, said) == STATUS_OK);
	}
	if (answer != NULL && !is_zero(answer->decision)) {
		hex_encode(BYTES_OF_ARRAY(answer->decision), hex);
		text_put(&plain, " (decision ");
		text_put(&plain, hex);
		text_put(&plain, ")");
	}
	text_put_string(text, buffer_bytes(&line));
}

void api_put_refusal(struct api_text *text, enum api_dialect dialect, enum call_result result,
                     const char *detail, const struct call_sign_answer *answer)
{
	switch (dialect) {
	case API_DIALECT_VAULT:
		text_put(text, "{\"errors\":[");
		api_put_vault_error(text, result, detail, answer);
		text_put(text, "]}");
		break;
	case API_DIALECT_PLAIN:
		text_put(text, call_result_code(result));
		text_put(text, ": ");
		text_put(text, detail == NULL ? call_result_text(result) : detail);
		text_put(text, "\n");
		break;
	case API_DIALECT_NATIVE:
	default:
		text_put(text, "{");
		api_put_problem_members(text, result, detail, answer);
		text_put(text, "}");
		break;
	}
}

static const char *refusal_type(enum api_dialect dialect)
{
	if (dialect == API_DIALECT_VAULT)
		return API_JSON;
	return dialect == API_DIALECT_PLAIN ? API_TEXT : API_PROBLEM;
}

void api_refuse(struct api_exchange *exchange, struct api_context *context, enum call_result result,
                const char *detail)
{
	struct api_text text;
	unsigned status = exchange->dialect == API_DIALECT_VAULT ? api_vault_status(result)
	                                                         : call_result_http(result);

	if (exchange->stream.open) {
		api_end_events(exchange, result);
		return;
	}
	/* A body that was not read would be taken for the next request. */
	if (!exchange->http.complete)
		exchange->keep_alive = false;
	if (result == CALL_RESULT_OVERLOADED)
		context->metrics.overloads++;
	exchange->result = result;
	text = api_body_begin(exchange);
	api_put_refusal(&text, exchange->dialect, result, detail, NULL);
	api_body_end(exchange, context, &text, status, refusal_type(exchange->dialect),
	             call_result_retryable(result) ? 1000 : 0);
}

void api_refuse_http(struct api_exchange *exchange, struct api_context *context)
{
	enum call_result result = CALL_RESULT_REQUEST_MALFORMED;

	switch (exchange->http.trouble) {
	case HTTP_TROUBLE_HEADERS_TOO_LARGE:
	case HTTP_TROUBLE_TARGET_TOO_LONG:
		result = CALL_RESULT_HEADERS_TOO_LARGE;
		break;
	case HTTP_TROUBLE_BODY_TOO_LARGE:
		result = CALL_RESULT_BODY_TOO_LARGE;
		break;
	case HTTP_TROUBLE_NONE:
	case HTTP_TROUBLE_SYNTAX:
	default:
		break;
	}
	exchange->keep_alive = false;
	exchange->http.complete = false;
	api_refuse(exchange, context, result, exchange->http.reason);
}

struct bytes api_overload(void)
{
	static const char text[] =
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
	    "Content-Length: 165\r\nCache-Control: no-store\r\nRetry-After: 1\r\n"
	    "Connection: close\r\n\r\n"
	    "{\"type\":\"urn:claviger:problem:overloaded\",\"title\":\"too many requests at once\","
	    "\"status\":503,\"code\":\"overloaded\",\"detail\":\"too many requests at once\","
	    "\"retryable\":true}";

	return bytes_of(text, sizeof(text) - 1);
}
