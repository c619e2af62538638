/* What the unsealer waits for from people, on the health listener: before unsealing there is no TLS
 * key, and nothing here is secret (call_unseal.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_encode.h"

static void put_asks(struct api_exchange *exchange, struct api_context *context)
{
	const struct call_unseal_asks *asks = &context->unseal.asks;
	struct api_text text = api_body_begin(exchange);

	text_put(&text, "{\"asks\":");
	if (!context->unseal.is_asked) {
		text_put(&text, "\"nothing\"}");
	} else {
		bool approval = asks->what == CALL_UNSEAL_APPROVAL;

		text_put(&text, approval ? "\"approval\",\"nonce\":" : "\"share\",\"key\":");
		text_put_hex(&text, BYTES_OF_ARRAY(asks->value));
		text_put(&text, ",\"genesis\":");
		text_put_hex(&text, BYTES_OF_ARRAY(asks->genesis));
		text_put(&text, ",\"approvers\":");
		text_put_u64(&text, asks->approvers);
		text_put(&text, ",\"refused\":");
		text_put_u64(&text, asks->refused);
		if (!approval) {
			text_put(&text, ",\"share\":");
			text_put_hex(&text, BYTES_OF_ARRAY(asks->share));
			text_put(&text, ",\"other_share\":");
			text_put(&text, asks->is_other_share == 1 ? "true" : "false");
		}
		text_put(&text, "}");
	}
	exchange->result = CALL_RESULT_DONE;
	api_body_end(exchange, context, &text, 200, API_JSON, 0);
}

static void take_given(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"given", "approver"};
	struct call_unseal_gives gives = {.what = context->unseal.asks.what};
	struct buffer given = BUFFER_OF_ARRAY(gives.given);
	struct json_value root, members[2];
	struct bytes text;
	uint64_t approver = 0;

	if (!api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 2, members))
		return;
	if (!context->unseal.is_asked) {
		api_refuse(exchange, context, CALL_RESULT_CONFLICT, "nothing is waited for");
		return;
	}
	if (!json_take_text(members[0], &text) || hex_decode(text, &given) != STATUS_OK ||
	    !json_take_u64(members[1], &approver) || approver > 255) {
		api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED,
		           "\"given\" is hex of a signature or a sealed share, \"approver\" a "
		           "number");
		return;
	}
	gives.len = (uint32_t)given.len;
	gives.approver = (uint32_t)approver;
	context->unseal.gives = gives;
	context->unseal.is_given = true;
	context->unseal.is_asked = false; /* until it asks again */
	put_asks(exchange, context);
}

void api_begin_unseal(struct api_exchange *exchange, struct api_context *context)
{
	if (exchange->http.method == HTTP_METHOD_POST)
		take_given(exchange, context);
	else
		put_asks(exchange, context);
}
