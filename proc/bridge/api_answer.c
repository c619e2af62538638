/* From answers to responses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"

/* Each item of a batch writes into its own share of the response space until all are there, since
 * answers may come in another order than the questions. */
static struct buffer item_space(struct api_exchange *exchange, size_t index)
{
	size_t room = exchange->out.cap - HTTP_RESPONSE_HEAD_MAX;
	size_t share = room / exchange->item_count;

	return (struct buffer){exchange->out.data + HTTP_RESPONSE_HEAD_MAX + index * share, share,
	                       0};
}

/* One question is complete: counts it for the metrics. */
static void count_item(struct api_context *context, const struct api_item *item,
                       enum call_result result, uint32_t check_ns)
{
	uint64_t *counts = (item->flags & CALL_SIGN_DRY_RUN) != 0 ? context->metrics.checks
	                                                          : context->metrics.signs;

	counts[result]++;
	if (check_ns != 0)
		api_metrics_observe(&context->metrics.check_duration, check_ns);
}

static unsigned put_item(struct api_text *text, struct api_exchange *exchange,
                         struct api_context *context, const struct api_item *item,
                         const struct call_sign_answer *answer, const char *detail)
{
	if (exchange->dialect == API_DIALECT_VAULT)
		return api_put_vault_item(text, item, answer, detail, exchange->batch);
	return api_put_native_item(text, context, item, answer, detail, exchange->batch);
}

static void take_single(struct api_exchange *exchange, struct api_context *context,
                        const struct call_sign_answer *answer, const char *detail)
{
	struct api_text text = api_body_begin(exchange);
	unsigned status = put_item(&text, exchange, context, &exchange->items[0], answer, detail);
	const char *type = API_JSON;
	unsigned retry_after_ms = answer->retry_after_ms;

	if (status != 200 && exchange->dialect == API_DIALECT_NATIVE)
		type = API_PROBLEM;
	if (retry_after_ms == 0 && status != 200 && call_result_retryable(answer->result))
		retry_after_ms = 1000;
	exchange->result = answer->result;
	api_body_end(exchange, context, &text, status, type, status == 200 ? 0 : retry_after_ms);
}

/* join moves the items' texts together behind `at`, with commas; they are in order, and each lies
 * at or behind where it goes as long as what stands in front is shorter than the first share. */
static void join_items(struct api_exchange *exchange, struct api_text *text)
{
	for (size_t i = 0; i < exchange->item_count; i++) {
		const struct api_item *item = &exchange->items[i];

		if (i != 0)
			text_put(text, ",");
		if (text->failed || exchange->out.len + item->answer_len > exchange->out.cap) {
			text->failed = true;
			return;
		}
		memmove(exchange->out.data + exchange->out.len,
		        exchange->out.data + item->answer_at, item->answer_len);
		exchange->out.len += item->answer_len;
	}
}

/* Whoever may not ask at all is told so in the status, not in each item: nothing was signed, and
 * the signer refused the one token that all items share. */
static bool is_token_refused(const struct api_exchange *exchange)
{
	bool refused = false;

	for (size_t i = 0; i < exchange->item_count; i++) {
		if (exchange->items[i].answer_status == 200)
			return false;
		refused |= exchange->items[i].token_refused;
	}
	return refused;
}

static size_t count_failed(const struct api_exchange *exchange)
{
	size_t failed = 0;

	for (size_t i = 0; i < exchange->item_count; i++)
		failed += exchange->items[i].answer_status != 200;
	return failed;
}

/* make_room shifts all items' texts to the end of the space, last one first, so that a head of
 * any length can stand in front of them. */
static void make_room(struct api_exchange *exchange)
{
	size_t end = exchange->out.cap;

	for (size_t i = exchange->item_count; i-- > 0;) {
		struct api_item *item = &exchange->items[i];

		end -= item->answer_len;
		memmove(exchange->out.data + end, exchange->out.data + item->answer_at,
		        item->answer_len);
		item->answer_at = end;
	}
}

static void finish_native_batch(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);
	bool aborted = exchange->atomic && count_failed(exchange) != 0;

	make_room(exchange);
	text_put(&text, "{");
	if (aborted) {
		api_put_problem_members(&text, CALL_RESULT_BATCH_ABORTED, NULL, NULL);
		text_put(&text, ",");
	}
	text_put(&text, "\"results\":[");
	join_items(exchange, &text);
	text_put(&text, "]}");
	exchange->result = aborted ? CALL_RESULT_BATCH_ABORTED : CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, call_result_http(exchange->result),
	             aborted ? API_PROBLEM : API_JSON, 0);
}

static void finish_vault_batch(struct api_exchange *exchange, struct api_context *context)
{
	struct api_text text = api_body_begin(exchange);
	size_t failed = count_failed(exchange);
	unsigned status = 200;

	if (failed == exchange->item_count)
		status = 400;
	else if (failed != 0)
		status = exchange->partial_status;
	make_room(exchange);
	api_put_vault_head(&text);
	text_put(&text, "{\"batch_results\":[");
	join_items(exchange, &text);
	text_put(&text, "]}");
	api_put_vault_tail(&text);
	exchange->result = failed == 0 ? CALL_RESULT_DONE : CALL_RESULT_BATCH_ABORTED;
	api_body_end(exchange, context, &text, status, API_JSON, 0);
}

bool api_take_sign(struct api_exchange *exchange, struct api_context *context, size_t index,
                   const struct call_sign_answer *answer, const char *detail)
{
	struct api_item *item = &exchange->items[index];
	struct buffer space;
	struct api_text text;

	CHECK(exchange->ask == API_ASK_SIGN && index < exchange->item_count);
	CHECK(!item->answered);
	item->answered = true;
	exchange->answered_count++;
	count_item(context, item, answer->result, answer->check_ns);
	if (!exchange->batch) {
		take_single(exchange, context, answer, detail);
		return true;
	}
	space = item_space(exchange, index);
	text = text_begin(&space);
	item->answer_status = put_item(&text, exchange, context, item, answer, detail);
	if (text_end(&text) != STATUS_OK) {
		/* The share is larger than any answer, so this is our own mistake. */
		space.len = 0;
		text = text_begin(&space);
		item->answer_status = 500;
		text_put(&text, "{\"status\":500,\"code\":\"internal\"}");
	}
	item->token_refused = answer->result == CALL_RESULT_TOKEN_REFUSED;
	item->answer_at = (size_t)(space.data - exchange->out.data);
	item->answer_len = space.len;
	if (exchange->answered_count != exchange->item_count)
		return false;
	if (is_token_refused(exchange))
		api_refuse(exchange, context, CALL_RESULT_TOKEN_REFUSED, NULL);
	else if (exchange->dialect == API_DIALECT_VAULT)
		finish_vault_batch(exchange, context);
	else
		finish_native_batch(exchange, context);
	return true;
}
