/* Whatever a client sends: the response is well-formed HTTP with exactly the body that it
 * announces, JSON where it says so; and what is asked of other processes encodes and decodes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "api.h"
#include "base_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct api_context context;
static struct api_exchange exchange;
static uint8_t body[API_LARGE_BODY_SPACE], out[API_LARGE_OUT_MAX], scrap[API_LARGE_OUT_MAX];
static uint8_t slot[CALL_BRIDGE_SLOT_BYTES];
static struct call_sign_request request, request_back;
static struct call_sign_answer answer;

static void set_up(void)
{
	static uint8_t envelope[API_ENVELOPE_MAX];

	if (context.envelope_space != NULL)
		return;
	context.envelope_space = envelope;
	context.pool.cap = API_JSON_POOL(LIMIT_HTTP_LARGE_BODY_MAX);
	context.pool.memory = mmap(NULL, context.pool.cap, PROT_READ | PROT_WRITE,
	                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(context.pool.memory != MAP_FAILED);
	context.has_channel = context.echo = true;
	context.machine = "";
	api_metrics_init(&context.metrics);
}

static bool contains(struct bytes text, const char *word)
{
	return memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static void check_response(void)
{
	struct bytes whole = api_response(&exchange);
	const uint8_t *end = memmem(whole.data, whole.len, "\r\n\r\n", 4);
	struct buffer json = {scrap, sizeof(scrap), 0};
	struct json_value root;
	struct bytes head, text;
	const uint8_t *length;

	CHECK(exchange.ask == API_ASK_NOTHING && end != NULL);
	head = bytes_of(whole.data, (size_t)(end - whole.data) + 4);
	text = bytes_of(end + 4, whole.len - head.len);
	CHECK(head.len > 9 && memcmp(head.data, "HTTP/1.1 ", 9) == 0);
	length = memmem(head.data, head.len, "\r\nContent-Length: ", 18);
	CHECK(length != NULL);
	if (exchange.http.method == HTTP_METHOD_HEAD)
		CHECK(text.len == 0);
	else
		CHECK(strtoul((const char *)length + 18, NULL, 10) ==
		      text.len + exchange.extra.len);
	CHECK(exchange.status != 500);
	if (!contains(head, "json\r\n") || exchange.extra.len != 0 || text.len == 0)
		return;
	CHECK(buffer_put(&json, text) == STATUS_OK);
	CHECK(json_parse(&context.pool, &json, &root) == STATUS_OK);
}

/* An answer that depends on the question's bytes, so that all kinds come up. */
static void make_answer(size_t index)
{
	static const enum call_result results[] = {CALL_RESULT_SIGNED, CALL_RESULT_POLICY_DENIED,
	                                           CALL_RESULT_ALLOWED, CALL_RESULT_WINDOW_SPENT,
	                                           CALL_RESULT_NO_GRANT};
	uint8_t byte = request.message.data[request.message.len - 1];

	memset(&answer, 0, sizeof(answer));
	answer.result = results[(byte + index) % 5];
	answer.signer_count = context.view.required_signatures;
	answer.signer_index = answer.signer_count == 0 ? 0 : (uint8_t)(byte % answer.signer_count);
	memset(answer.decision, byte, 32);
	answer.number = byte;
	answer.reason_count = byte % (CALL_REASONS_MAX + 1);
	for (size_t i = 0; i < answer.reason_count; i++)
		answer.reasons[i].text =
		    bytes_of(request.message.data, request.message.len < CALL_REASON_TEXT_MAX
		                                       ? request.message.len
		                                       : CALL_REASON_TEXT_MAX);
}

static void ask_sign(void)
{
	for (size_t i = 0; i < exchange.item_count; i++) {
		struct buffer message = BUFFER_OF_ARRAY(slot);
		enum call_result result;

		memset(&context.view, 0, sizeof(context.view));
		result = api_fill_sign(&exchange, &context, i, &request);
		if (result != CALL_RESULT_DONE) {
			answer = (struct call_sign_answer){.result = result};
			(void)api_take_sign(&exchange, &context, i, &answer, exchange.detail);
			continue;
		}
		CHECK(call_sign_put_request(&request, &message) == STATUS_OK);
		CHECK(call_sign_take_request(buffer_bytes(&message), &request_back) == STATUS_OK);
		make_answer(i);
		(void)api_take_sign(&exchange, &context, i, &answer, NULL);
	}
}

/* A stream of events: a head without a length, then pieces of whole events, then the last one. */
static void follow_stream(struct call_export_answer *said, struct bytes token)
{
	struct bytes piece = api_response(&exchange);

	CHECK(piece.len > 15 && memcmp(piece.data, "HTTP/1.1 200 OK", 15) == 0);
	CHECK(memmem(piece.data, piece.len, "Content-Length", 14) == NULL);
	said->event_count = 1 + token.len % CALL_EXPORT_EVENTS_MAX;
	said->pending_count = token.len % (LIMIT_PENDING_MAX + 1);
	said->version++;
	for (size_t i = 0; i < said->event_count; i++)
		said->events[i] = (struct call_export_event){
		    .cursor = i + 1, .result = CALL_RESULT_POLICY_DENIED, .text = token};
	exchange.ask = API_ASK_EXPORT;
	api_take_export(&exchange, &context, said);
	piece = api_response(&exchange);
	CHECK(piece.len > 2 && memcmp(piece.data, "event: ", 7) == 0 &&
	      memcmp(piece.data + piece.len - 2, "\n\n", 2) == 0);
	for (size_t at = 0; at + 1 < piece.len; at++) /* no text of others begins a line */
		if (piece.data[at] == '\n' && piece.data[at + 1] != '\n')
			CHECK(memcmp(piece.data + at + 1, "event: ", 7) == 0 ||
			      memcmp(piece.data + at + 1, "data: {", 7) == 0 ||
			      memcmp(piece.data + at + 1, "id: ", 4) == 0);
	api_refuse(&exchange, &context, CALL_RESULT_STOPPING, NULL);
	CHECK(exchange.stream.over);
}

static void ask(void)
{
	struct call_export_request export_request, export_back;
	static struct call_export_answer export_answer;
	struct buffer message = BUFFER_OF_ARRAY(slot);
	struct bytes envelope;
	enum call_result result;

	if (exchange.ask == API_ASK_SIGN) {
		ask_sign();
	} else if (exchange.ask == API_ASK_EXPORT) {
		api_fill_export(&exchange, &export_request);
		CHECK(call_export_put_request(&export_request, &message) == STATUS_OK);
		CHECK(call_export_take_request(buffer_bytes(&message), &export_back) == STATUS_OK);
		export_answer = (struct call_export_answer){.result = CALL_RESULT_DONE};
		api_take_export(&exchange, &context, &export_answer);
		if (exchange.stream.open)
			follow_stream(
			    &export_answer,
			    bytes_of(exchange.token.data, exchange.token.len < CALL_REASON_TEXT_MAX
			                                      ? exchange.token.len
			                                      : CALL_REASON_TEXT_MAX));
	} else if (exchange.ask == API_ASK_ENVELOPE) {
		result = api_envelope(&exchange, &context, &envelope);
		if (result == CALL_RESULT_DONE)
			api_take_envelope(&exchange, &context, envelope);
		else
			api_refuse(&exchange, &context, result, NULL);
	}
}

static void take_headers(enum api_door door)
{
	bool large = false;
	enum call_result result = api_route(&exchange, &context, door, &large);

	http_request_set_body(
	    &exchange.http,
	    (struct buffer){body, large ? LIMIT_HTTP_LARGE_BODY_MAX : LIMIT_HTTP_BODY_MAX, 0});
	if (result != CALL_RESULT_DONE)
		api_refuse(&exchange, &context, result, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	enum http_progress progress;
	size_t used;
	bool refused;

	if (size == 0)
		return 0;
	set_up();
	exchange.out = BUFFER_OF_ARRAY(out);
	api_reset(&exchange);
	do {
		progress = http_request_feed(&exchange.http, in, &used);
		in = bytes_of(in.data + used, in.len - used);
		refused = false;
		if (progress == HTTP_PROGRESS_HEADERS) {
			take_headers((enum api_door)(data[size - 1] % 3));
			refused = exchange.status != 0;
		}
	} while (progress == HTTP_PROGRESS_HEADERS && !refused);
	if (progress == HTTP_PROGRESS_MORE)
		return 0;
	if (progress == HTTP_PROGRESS_BAD) {
		api_refuse_http(&exchange, &context);
	} else if (progress == HTTP_PROGRESS_COMPLETE) {
		exchange.http.body.cap += API_JSON_PADDING;
		api_begin(&exchange, &context);
		ask();
	}
	if (!exchange.stream.open)
		check_response();
	return 0;
}
