/* GET /api/v1/wallets/ID/events: server-sent events (WHATWG HTML section 9.2), one stream per
 * request.
 *
 * The bridge asks the signer every BRIDGE_EVENTS_MS what came after the cursor; credential and
 * wallet are looked up anew each time, so that a stream ends with the right to read it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"

static void put_event(struct api_text *text, const char *name, uint64_t id)
{
	text_put(text, "event: ");
	text_put(text, name);
	if (id != 0) {
		text_put(text, "\nid: ");
		text_put_u64(text, id);
	}
	text_put(text, "\ndata: ");
}

static void put_decision(struct api_text *text, const struct call_export_event *event)
{
	bool allowed = event->result == CALL_RESULT_SIGNED;

	put_event(text, "decision", event->cursor);
	text_put(text, "{\"decision\":");
	text_put_hex(text, BYTES_OF_ARRAY(event->decision));
	text_put(text, ",\"message_hash\":");
	text_put_hex(text, BYTES_OF_ARRAY(event->message_hash));
	text_put(text, ",\"sequence\":{\"boot\":");
	text_put_u64_string(text, event->boot);
	text_put(text, ",\"number\":");
	text_put_u64_string(text, event->number);
	text_put(text, allowed ? "},\"verdict\":\"allow\"" : "},\"verdict\":\"deny\"");
	text_put(text, ",\"code\":\"");
	text_put(text, call_result_code((enum call_result)event->result));
	text_put(text, "\",\"time\":");
	text_put_u64_string(text, event->time_s);
	text_put(text, ",\"lamports_out\":");
	text_put_u64_string(text, event->lamports_out);
	text_put(text, ",\"grant\":");
	text_put_hex(text, BYTES_OF_ARRAY(event->grant));
	text_put(text, ",\"text\":");
	text_put_string(text, event->text);
	text_put(text, "}\n\n");
}

/* Where who heard all up to here goes on: at the first decision of this answer. */
static uint64_t begin_of(const struct call_export_answer *answer)
{
	return answer->event_count != 0 ? answer->events[0].cursor - 1 : answer->next_cursor;
}

/* Events of one answer, after what was told before. What has an id may be the last that arrives:
 * whoever goes on from it misses nothing, and hears nothing twice but the wallet. */
static void put_news(struct api_exchange *exchange, struct api_text *text, uint64_t now_s,
                     const struct call_export_answer *answer)
{
	struct api_stream *stream = &exchange->stream;
	size_t before = exchange->out.len;

	if (!stream->told || stream->version != answer->version ||
	    stream->frozen != answer->frozen) {
		/* Not before a gap was told: who goes on from here would not hear of it. */
		put_event(text, "wallet", answer->gap ? 0 : begin_of(answer));
		api_put_wallet(text, answer);
		text_put(text, "\n\n");
	}
	if (answer->gap) {
		put_event(text, "gap", begin_of(answer));
		text_put(text, "{\"text\":\"decisions are missing here; receipts has them\"}\n\n");
	}
	for (size_t i = 0; i < answer->event_count; i++)
		put_decision(text, &answer->events[i]);
	/* A line that says nothing keeps whoever stands between from hanging up. */
	if (exchange->out.len == before && now_s - stream->told_s >= API_EVENTS_QUIET_S)
		text_put(text, ":\n\n");
	if (exchange->out.len != before)
		stream->told_s = now_s;
	stream->told = true;
	stream->version = answer->version;
	stream->frozen = answer->frozen;
	stream->hungry = answer->event_count == CALL_EXPORT_EVENTS_MAX;
	exchange->cursor = answer->next_cursor;
}

/* What follows the head goes out as it is. */
static void end_piece(struct api_exchange *exchange, struct api_text *text)
{
	if (text_end(text) != STATUS_OK) {
		exchange->out.len = HTTP_RESPONSE_HEAD_MAX;
		exchange->stream.over = true;
	}
	exchange->response_at = HTTP_RESPONSE_HEAD_MAX;
	exchange->ask = API_ASK_NOTHING;
}

void api_take_events(struct api_exchange *exchange, struct api_context *context,
                     const struct call_export_answer *answer)
{
	struct api_text text = api_body_begin(exchange);
	bool first = !exchange->stream.open;

	if (first)
		text_put(&text, "retry: 1000\n\n");
	put_news(exchange, &text, context->now_seconds, answer);
	if (!first) {
		end_piece(exchange, &text);
		return;
	}
	exchange->keep_alive = false; /* the stream ends with the connection */
	exchange->stream.open = exchange->http.method == HTTP_METHOD_GET;
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, "text/event-stream", 0);
	exchange->stream.over = !exchange->stream.open || exchange->status != 200;
}

void api_end_events(struct api_exchange *exchange, enum call_result result)
{
	struct api_text text = api_body_begin(exchange);

	put_event(&text, "end", 0);
	text_put(&text, "{\"code\":\"");
	text_put(&text, call_result_code(result));
	text_put(&text, "\",\"retryable\":");
	text_put_bool(&text, result == CALL_RESULT_DONE || call_result_retryable(result));
	text_put(&text, "}\n\n");
	exchange->stream.over = true;
	end_piece(exchange, &text);
}
