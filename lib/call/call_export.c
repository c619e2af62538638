/* SPDX-License-Identifier: Apache-2.0 */
#include "call_export.h"

#include "base_check.h"
#include "call_field.h"

_Static_assert(CALL_EXPORT_ANSWER_MAX + 256 <= CALL_BRIDGE_SLOT_BYTES, "an answer fits a slot");

enum status call_export_put_request(const struct call_export_request *request,
                                    struct buffer *message)
{
	struct wire_writer w = wire_write(message);
	size_t begin = message->len;

	CHECK(request->token.len <= LIMIT_TOKEN_MAX);
	wire_put_u64(&w, request->request);
	wire_put_u64(&w, request->connection);
	wire_put_u8(&w, request->topic);
	wire_put_run(&w, request->token);
	call_put_wallet(&w, &request->wallet);
	wire_put_fixed(&w, request->key, sizeof(request->key));
	wire_put_u64(&w, request->cursor);
	return call_finish(message, begin, &w);
}

/* A topic's fields: what it needs is there, so that a signer never looks up an empty key. */
static void take_topic(struct wire_reader *r, const struct call_export_request *request)
{
	bool needs_wallet =
	    request->topic == CALL_EXPORT_WALLET || request->topic == CALL_EXPORT_RECEIPTS ||
	    request->topic == CALL_EXPORT_INPUTS || request->topic == CALL_EXPORT_EVENTS;

	if (request->topic < CALL_EXPORT_WALLET || request->topic > CALL_EXPORT_EVENTS)
		wire_fail(r);
	if (needs_wallet != (request->wallet.kind != 0))
		wire_fail(r);
	if (request->token.len == 0 && request->topic != CALL_EXPORT_STATUS)
		wire_fail(r);
}

enum status call_export_take_request(struct bytes message, struct call_export_request *ret_request)
{
	struct wire_reader r = wire_read(message);
	struct call_export_request request = {0};
	enum status status;

	request.request = wire_take_u64(&r);
	request.connection = wire_take_u64(&r);
	request.topic = wire_take_u8(&r);
	request.token = wire_take_run(&r, LIMIT_TOKEN_MAX);
	call_take_wallet(&r, true, &request.wallet);
	wire_take_fixed(&r, request.key, sizeof(request.key));
	request.cursor = wire_take_u64(&r);
	take_topic(&r, &request);
	status = wire_done(&r);
	if (status == STATUS_OK)
		*ret_request = request;
	return status;
}

static void put_status(struct wire_writer *w, const struct call_export_status *status)
{
	wire_put_u64(w, status->boot);
	wire_put_u64(w, status->wallets);
	wire_put_u64(w, status->clients);
	wire_put_u64(w, status->grants);
	wire_put_u64(w, status->signatures);
	wire_put_u64(w, status->refusals);
	wire_put_u64(w, status->time.low_s);
	wire_put_u64(w, status->time.high_s);
	wire_put_u64(w, status->time.age_s);
	wire_put_u32(w, status->time.state);
	wire_put_u32(w, status->time.is_site);
	wire_put_u64(w, status->receipts_behind);
	wire_put_bool(w, status->unsealed);
	wire_put_bool(w, status->frozen);
	wire_put_bool(w, status->hardware);
	wire_put_bool(w, status->interpreter);
}

static void take_status(struct wire_reader *r, struct call_export_status *status)
{
	status->boot = wire_take_u64(r);
	status->wallets = wire_take_u64(r);
	status->clients = wire_take_u64(r);
	status->grants = wire_take_u64(r);
	status->signatures = wire_take_u64(r);
	status->refusals = wire_take_u64(r);
	status->time.low_s = wire_take_u64(r);
	status->time.high_s = wire_take_u64(r);
	status->time.age_s = wire_take_u64(r);
	status->time.state = wire_take_u32(r);
	status->time.is_site = wire_take_u32(r);
	status->receipts_behind = wire_take_u64(r);
	status->unsealed = wire_take_bool(r);
	status->frozen = wire_take_bool(r);
	status->hardware = wire_take_bool(r);
	status->interpreter = wire_take_bool(r);
}

static void put_grants(struct wire_writer *w, const struct call_export_answer *answer)
{
	wire_put_u32(w, (uint32_t)answer->grant_count);
	for (size_t i = 0; i < answer->grant_count; i++) {
		const struct call_export_grant *grant = &answer->grants[i];

		wire_put_fixed(w, grant->grant, 32);
		wire_put_fixed(w, grant->module, 32);
		wire_put_u64(w, grant->not_before);
		wire_put_u64(w, grant->expires);
		wire_put_u64(w, grant->uses_left);
		wire_put_bool(w, grant->frozen);
	}
}

static void take_grants(struct wire_reader *r, struct call_export_answer *answer)
{
	answer->grant_count = call_take_count(r, CALL_EXPORT_GRANTS_MAX);
	for (size_t i = 0; i < answer->grant_count; i++) {
		struct call_export_grant *grant = &answer->grants[i];

		wire_take_fixed(r, grant->grant, 32);
		wire_take_fixed(r, grant->module, 32);
		grant->not_before = wire_take_u64(r);
		grant->expires = wire_take_u64(r);
		grant->uses_left = wire_take_u64(r);
		grant->frozen = wire_take_bool(r);
	}
}

static void put_events(struct wire_writer *w, const struct call_export_answer *answer)
{
	wire_put_bool(w, answer->gap);
	wire_put_u32(w, (uint32_t)answer->event_count);
	for (size_t i = 0; i < answer->event_count; i++) {
		const struct call_export_event *event = &answer->events[i];

		CHECK(event->text.len <= CALL_REASON_TEXT_MAX);
		wire_put_u64(w, event->cursor);
		wire_put_fixed(w, event->decision, 32);
		wire_put_fixed(w, event->message_hash, 32);
		wire_put_u64(w, event->boot);
		wire_put_u64(w, event->number);
		wire_put_u16(w, event->result);
		wire_put_u64(w, event->time_s);
		wire_put_u64(w, event->lamports_out);
		wire_put_fixed(w, event->grant, 32);
		wire_put_run(w, event->text);
	}
}

static void take_events(struct wire_reader *r, struct call_export_answer *answer)
{
	answer->gap = wire_take_bool(r);
	answer->event_count = call_take_count(r, CALL_EXPORT_EVENTS_MAX);
	for (size_t i = 0; i < answer->event_count; i++) {
		struct call_export_event *event = &answer->events[i];

		event->cursor = wire_take_u64(r);
		wire_take_fixed(r, event->decision, 32);
		wire_take_fixed(r, event->message_hash, 32);
		event->boot = wire_take_u64(r);
		event->number = wire_take_u64(r);
		event->result = (uint16_t)call_take_result(r);
		event->time_s = wire_take_u64(r);
		event->lamports_out = wire_take_u64(r);
		wire_take_fixed(r, event->grant, 32);
		event->text = wire_take_run(r, CALL_REASON_TEXT_MAX);
	}
}

static void put_pending(struct wire_writer *w, const struct call_export_answer *answer)
{
	wire_put_u32(w, (uint32_t)answer->pending_count);
	for (size_t i = 0; i < answer->pending_count; i++) {
		const struct call_export_pending *pending = &answer->pending[i];

		wire_put_fixed(w, pending->change, 32);
		wire_put_u8(w, pending->action);
		wire_put_bool(w, pending->done);
		wire_put_u64(w, pending->opens);
		wire_put_u64(w, pending->until);
	}
}

static void take_pending(struct wire_reader *r, struct call_export_answer *answer)
{
	answer->pending_count = call_take_count(r, LIMIT_PENDING_MAX);
	for (size_t i = 0; i < answer->pending_count; i++) {
		struct call_export_pending *pending = &answer->pending[i];

		wire_take_fixed(r, pending->change, 32);
		pending->action = wire_take_u8(r);
		pending->done = wire_take_bool(r);
		pending->opens = wire_take_u64(r);
		pending->until = wire_take_u64(r);
	}
}

static void put_limits(struct wire_writer *w, const struct call_export_answer *answer)
{
	wire_put_u32(w, (uint32_t)answer->limit_count);
	for (size_t i = 0; i < answer->limit_count; i++) {
		const struct call_export_limit *limit = &answer->limits[i];

		wire_put_u8(w, limit->id);
		wire_put_u8(w, limit->unit);
		wire_put_u8(w, limit->window);
		wire_put_fixed(w, limit->mint, 32);
		wire_put_u64(w, limit->cap);
		wire_put_u64(w, limit->left);
	}
}

static void take_limits(struct wire_reader *r, struct call_export_answer *answer)
{
	answer->limit_count = call_take_count(r, LIMIT_WALLET_LIMITS_MAX);
	for (size_t i = 0; i < answer->limit_count; i++) {
		struct call_export_limit *limit = &answer->limits[i];

		limit->id = wire_take_u8(r);
		limit->unit = wire_take_u8(r);
		limit->window = wire_take_u8(r);
		wire_take_fixed(r, limit->mint, 32);
		limit->cap = wire_take_u64(r);
		limit->left = wire_take_u64(r);
	}
}

enum status call_export_put_answer(const struct call_export_answer *answer, struct buffer *message)
{
	struct wire_writer w = wire_write(message);
	size_t begin = message->len;

	CHECK(answer->grant_count <= CALL_EXPORT_GRANTS_MAX &&
	      answer->event_count <= CALL_EXPORT_EVENTS_MAX &&
	      answer->pending_count <= LIMIT_PENDING_MAX &&
	      answer->limit_count <= LIMIT_WALLET_LIMITS_MAX);
	CHECK(answer->body.len <= CALL_EXPORT_BODY_MAX && answer->name.len <= LIMIT_NAME_MAX);
	wire_put_u64(&w, answer->request);
	wire_put_u16(&w, (uint16_t)answer->result);
	wire_put_bool(&w, answer->client_found);
	wire_put_u32(&w, answer->retry_after_ms);
	wire_put_fixed(&w, answer->wallet_id, 32);
	wire_put_fixed(&w, answer->address, 32);
	wire_put_run(&w, answer->name);
	wire_put_bool(&w, answer->imported);
	wire_put_bool(&w, answer->frozen);
	wire_put_u64(&w, answer->version);
	wire_put_u64(&w, answer->exported);
	put_grants(&w, answer);
	put_pending(&w, answer);
	put_limits(&w, answer);
	wire_put_u64(&w, answer->next_cursor);
	wire_put_run(&w, answer->body);
	put_events(&w, answer);
	put_status(&w, &answer->status);
	return call_finish(message, begin, &w);
}

enum status call_export_take_answer(struct bytes message, struct call_export_answer *ret_answer)
{
	struct wire_reader r = wire_read(message);
	struct call_export_answer answer = {0};
	enum status status;

	answer.request = wire_take_u64(&r);
	answer.result = call_take_result(&r);
	answer.client_found = wire_take_bool(&r);
	answer.retry_after_ms = wire_take_u32(&r);
	wire_take_fixed(&r, answer.wallet_id, 32);
	wire_take_fixed(&r, answer.address, 32);
	answer.name = wire_take_run(&r, LIMIT_NAME_MAX);
	answer.imported = wire_take_bool(&r);
	answer.frozen = wire_take_bool(&r);
	answer.version = wire_take_u64(&r);
	answer.exported = wire_take_u64(&r);
	take_grants(&r, &answer);
	take_pending(&r, &answer);
	take_limits(&r, &answer);
	answer.next_cursor = wire_take_u64(&r);
	answer.body = wire_take_run(&r, CALL_EXPORT_BODY_MAX);
	take_events(&r, &answer);
	take_status(&r, &answer.status);
	status = wire_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}
