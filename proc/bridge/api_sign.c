/* POST /api/v1/sign, /check and /batch: from JSON to questions for the signer, and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_sha256.h"

enum member {
	MEMBER_WALLET,
	MEMBER_TRANSACTION,
	MEMBER_MESSAGE,
	MEMBER_GRANT,
	MEMBER_NONCE_BLOCKHASH,
	MEMBER_TABLES,
	MEMBER_WIRE,
	MEMBER_EXPLAIN,
	MEMBER_DESCRIBE,
	MEMBER_COUNT
};

static const char *const member_names[MEMBER_COUNT] = {
    "wallet", "transaction", "message", "grant",    "nonce_blockhash",
    "tables", "wire",        "explain", "describe",
};

/* refuse_member refuses with what a member must be. */
static bool refuse_member(struct api_exchange *exchange, struct api_context *context,
                          const char *detail)
{
	api_refuse(exchange, context, CALL_RESULT_REQUEST_MALFORMED, detail);
	return false;
}

static bool take_flag(struct json_value value, uint32_t flag, uint32_t *flags)
{
	bool set = false;

	if (json_is_there(value) && !json_take_bool(value, &set))
		return false;
	if (set)
		*flags |= flag;
	return true;
}

static bool take_wallet(struct api_exchange *exchange, struct api_context *context,
                        struct json_value value, struct api_item *item)
{
	struct bytes text;

	if (!json_take_text(value, &text))
		return refuse_member(exchange, context,
		                     "\"wallet\" must be a name, an address or an id");
	if (call_wallet_parse(text, &item->wallet) != STATUS_OK) {
		api_refuse(exchange, context, CALL_RESULT_NAME_REFUSED, NULL);
		return false;
	}
	return true;
}

static bool take_grant(struct api_exchange *exchange, struct api_context *context,
                       struct json_value value, struct api_item *item)
{
	struct buffer grant = BUFFER_OF_ARRAY(item->grant);
	struct bytes text;

	if (!json_is_there(value))
		return true;
	if (!json_take_text(value, &text) || text.len != HEX_LEN(32) ||
	    hex_decode(text, &grant) != STATUS_OK)
		return refuse_member(exchange, context, "\"grant\" must be 64 hex digits");
	item->has_grant = true;
	return true;
}

static bool take_nonce_blockhash(struct api_exchange *exchange, struct api_context *context,
                                 struct json_value value, struct api_item *item)
{
	struct bytes text;

	if (!json_is_there(value))
		return true;
	if (!json_take_text(value, &text) ||
	    base58_decode_32(text, item->nonce_origin) != STATUS_OK)
		return refuse_member(exchange, context,
		                     "\"nonce_blockhash\" is a blockhash in base58");
	item->has_nonce_origin = true;
	return true;
}

static bool take_bytes(struct api_exchange *exchange, struct api_context *context,
                       const struct json_value *members, struct api_item *item)
{
	bool is_transaction = json_is_there(members[MEMBER_TRANSACTION]);

	if (is_transaction == json_is_there(members[MEMBER_MESSAGE]))
		return refuse_member(exchange, context,
		                     "exactly one of \"transaction\" and \"message\" is needed");
	item->constraint = is_transaction ? CALL_CONSTRAINT_TRANSACTION : CALL_CONSTRAINT_MESSAGE;
	if (!json_take_text(members[is_transaction ? MEMBER_TRANSACTION : MEMBER_MESSAGE],
	                    &item->bytes_text) ||
	    item->bytes_text.len == 0)
		return refuse_member(exchange, context,
		                     "\"transaction\" and \"message\" are base64 text");
	return true;
}

static bool take_item(struct api_exchange *exchange, struct api_context *context,
                      struct json_value object, struct api_item *item)
{
	struct json_value members[MEMBER_COUNT];
	uint32_t wire = 0;
	size_t hint_count = 0;

	*item = (struct api_item){0};
	if (!api_take_members(exchange, context, object, member_names, MEMBER_COUNT, members) ||
	    !take_wallet(exchange, context, members[MEMBER_WALLET], item) ||
	    !take_bytes(exchange, context, members, item) ||
	    !take_grant(exchange, context, members[MEMBER_GRANT], item) ||
	    !take_nonce_blockhash(exchange, context, members[MEMBER_NONCE_BLOCKHASH], item))
		return false;
	if (!take_flag(members[MEMBER_WIRE], 1, &wire) ||
	    !take_flag(members[MEMBER_EXPLAIN], CALL_SIGN_EXPLAIN, &item->flags) ||
	    !take_flag(members[MEMBER_DESCRIBE], CALL_SIGN_DESCRIBE, &item->flags))
		return refuse_member(exchange, context,
		                     "\"wire\", \"explain\" and \"describe\" are true or false");
	item->wants_wire = wire != 0;
	if (item->wants_wire && item->constraint != CALL_CONSTRAINT_TRANSACTION)
		return refuse_member(exchange, context, "\"wire\" goes with \"transaction\" only");
	item->hints = members[MEMBER_TABLES];
	if (json_is_there(item->hints) &&
	    (!json_is_array(item->hints, &hint_count) || hint_count > CALL_HINTS_MAX))
		return refuse_member(exchange, context, "\"tables\" is a list of at most 64 hints");
	return true;
}

/* take_idempotency checks the Idempotency-Key field: printable, as the draft's strings are. */
static bool take_idempotency(struct api_exchange *exchange, struct api_context *context)
{
	struct bytes key = http_request_value(&exchange->http, HTTP_FIELD_IDEMPOTENCY_KEY);
	bool sent = (exchange->http.seen & (1u << HTTP_FIELD_IDEMPOTENCY_KEY)) != 0;

	if (!sent)
		return true;
	if (key.len == 0 || key.len > HTTP_IDEMPOTENCY_MAX)
		return refuse_member(exchange, context, "Idempotency-Key has 1 to 128 characters");
	for (size_t i = 0; i < key.len; i++)
		if (key.data[i] < ' ' || key.data[i] > '~')
			return refuse_member(exchange, context,
			                     "Idempotency-Key is printable ASCII");
	exchange->has_idempotency = true;
	return true;
}

void api_begin_sign(struct api_exchange *exchange, struct api_context *context)
{
	struct json_value root;

	if (!take_idempotency(exchange, context) || !api_parse_body(exchange, context, &root) ||
	    !take_item(exchange, context, root, &exchange->items[0]))
		return;
	if (exchange->path == API_PATH_CHECK)
		exchange->items[0].flags |= CALL_SIGN_DRY_RUN;
	exchange->item_count = 1;
	exchange->ask = API_ASK_SIGN;
}

void api_begin_batch(struct api_exchange *exchange, struct api_context *context)
{
	static const char *const names[] = {"requests", "atomic"};
	struct json_value root, members[2];
	size_t count;
	uint32_t atomic = 0;

	if (!take_idempotency(exchange, context) || !api_parse_body(exchange, context, &root) ||
	    !api_take_members(exchange, context, root, names, 2, members))
		return;
	if (!json_is_array(members[0], &count) || count == 0 || count > CALL_BATCH_MAX) {
		refuse_member(exchange, context, "\"requests\" is a list of 1 to 16 requests");
		return;
	}
	if (!take_flag(members[1], CALL_SIGN_ATOMIC, &atomic)) {
		refuse_member(exchange, context, "\"atomic\" is true or false");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (!take_item(exchange, context, json_array_get(members[0], i),
		               &exchange->items[i]))
			return;
		exchange->items[i].flags |= atomic;
	}
	exchange->batch = true;
	exchange->atomic = atomic != 0;
	exchange->item_count = count;
	exchange->ask = API_ASK_SIGN;
}

static enum call_result fill_hints(struct api_exchange *exchange, struct json_value hints,
                                   struct call_sign_request *request)
{
	static const char *const names[] = {"table", "index", "address"};
	struct json_value members[3];
	struct bytes table, address, odd;
	uint64_t index;
	size_t count = 0;

	if (!json_is_there(hints) || !json_is_array(hints, &count))
		return CALL_RESULT_DONE;
	for (size_t i = 0; i < count; i++) {
		struct call_hint *hint = &request->hints[i];

		if (json_take_members(json_array_get(hints, i), names, 3, members, &odd) !=
		        STATUS_OK ||
		    !json_take_text(members[0], &table) || !json_take_u64(members[1], &index) ||
		    !json_take_text(members[2], &address) || index > UINT8_MAX ||
		    base58_decode_32(table, hint->table) != STATUS_OK ||
		    base58_decode_32(address, hint->address) != STATUS_OK) {
			snprintf(exchange->detail, sizeof(exchange->detail),
			         "a hint is {\"table\", \"index\", \"address\"}");
			return CALL_RESULT_REQUEST_MALFORMED;
		}
		hint->index = (uint8_t)index;
	}
	request->hint_count = count;
	return CALL_RESULT_DONE;
}

static enum call_result refuse_bytes(char detail[API_DETAIL_MAX], const struct solana_error *error)
{
	snprintf(detail, API_DETAIL_MAX, "%s (%s at byte %u)", solana_error_text(error->code),
	         solana_error_code(error->code), error->offset);
	return error->code == SOLANA_ERROR_AMBIGUOUS ? CALL_RESULT_BYTES_AMBIGUOUS
	                                             : CALL_RESULT_BYTES_MALFORMED;
}

/* decode_item decodes an item's base64; for a transaction context->view says where its message is
 * (the wire form and the bare message are both taken). */
static enum call_result decode_item(char detail[API_DETAIL_MAX], struct api_context *context,
                                    const struct api_item *item, struct bytes *ret_message)
{
	struct buffer space = BUFFER_OF_ARRAY(context->message_space);
	struct solana_error error;

	if (base64_decode(item->bytes_text, &space) != STATUS_OK || space.len == 0) {
		snprintf(detail, API_DETAIL_MAX,
		         "the bytes must be base64 with padding, of 1 to %d bytes",
		         LIMIT_MESSAGE_MAX);
		return CALL_RESULT_BYTES_MALFORMED;
	}
	*ret_message = buffer_bytes(&space);
	if (item->constraint != CALL_CONSTRAINT_TRANSACTION)
		return CALL_RESULT_DONE;
	if (solana_classify(*ret_message, &context->view, &error) != STATUS_OK)
		return refuse_bytes(detail, &error);
	if (context->view.kind == SOLANA_KIND_OFFCHAIN) {
		snprintf(detail, API_DETAIL_MAX,
		         "this is an off-chain message: send it as \"message\"");
		return CALL_RESULT_KIND_MISMATCH;
	}
	*ret_message = context->view.message;
	return CALL_RESULT_DONE;
}

/* Each request of a batch has its own idempotency hash, from the same key. */
static void fill_idempotency(const struct api_exchange *exchange, size_t index,
                             struct call_sign_request *request)
{
	uint8_t number = (uint8_t)index;
	struct sha256 hash;

	if (!exchange->has_idempotency)
		return;
	request->has_idempotency = true;
	sha256_init(&hash);
	sha256_add(&hash, http_request_value(&exchange->http, HTTP_FIELD_IDEMPOTENCY_KEY));
	if (exchange->batch)
		sha256_add(&hash, bytes_of(&number, 1));
	sha256_done(&hash, request->idempotency);
}

enum call_result api_fill_sign(struct api_exchange *exchange, struct api_context *context,
                               size_t index, struct call_sign_request *ret_request)
{
	const struct api_item *item = &exchange->items[index];
	enum call_result result;

	ret_request->flags = item->flags;
	ret_request->source =
	    exchange->dialect == API_DIALECT_VAULT ? CALL_SOURCE_VAULT : CALL_SOURCE_API;
	ret_request->constraint = item->constraint;
	/* Requests that may end differently are nothing to each other for the signer. */
	ret_request->batch_index = exchange->atomic ? (uint16_t)index : 0;
	ret_request->batch_count = exchange->atomic ? (uint16_t)exchange->item_count : 1;
	ret_request->has_grant = item->has_grant;
	memcpy(ret_request->grant, item->grant, sizeof(ret_request->grant));
	ret_request->has_nonce_origin = item->has_nonce_origin;
	memcpy(ret_request->nonce_origin, item->nonce_origin, sizeof(ret_request->nonce_origin));
	ret_request->has_idempotency = false;
	memset(ret_request->idempotency, 0, sizeof(ret_request->idempotency));
	fill_idempotency(exchange, index, ret_request);
	ret_request->token = exchange->token;
	ret_request->wallet = item->wallet;
	ret_request->hint_count = 0;
	exchange->detail[0] = 0;
	result = fill_hints(exchange, item->hints, ret_request);
	if (result != CALL_RESULT_DONE)
		return result;
	return decode_item(exchange->detail, context, item, &ret_request->message);
}

static bool is_present(const uint8_t *signature)
{
	for (size_t i = 0; i < SOLANA_SIGNATURE_LEN; i++)
		if (signature[i] != 0)
			return true;
	return false;
}

static void put_missing(struct api_text *text, const struct solana_view *view,
                        const struct call_sign_answer *answer)
{
	bool first = true;

	text_put(text, ",\"missing_signers\":[");
	for (unsigned i = 0; i < view->required_signatures; i++) {
		const uint8_t *signature = solana_signature(view, i);
		const uint8_t *key = solana_account_key(view, i);

		if (i == answer->signer_index || key == NULL ||
		    (signature != NULL && is_present(signature)))
			continue;
		text_put(text, first ? "" : ",");
		text_put_base58(text, bytes_of(key, SOLANA_KEY_LEN));
		first = false;
	}
	text_put(text, "]");
}

/* put_wire writes the whole transaction with the new signature in its place: in the bytes that the
 * client sent, or around the bare message. v1 has its signatures behind the message. */
static void put_wire(struct api_text *text, struct api_context *context,
                     const struct call_sign_answer *answer)
{
	const struct solana_view *view = &context->view;
	size_t signatures_len = (size_t)view->required_signatures * SOLANA_SIGNATURE_LEN;
	struct buffer wire = BUFFER_OF_ARRAY(context->wire_space);
	uint8_t *signatures;

	if (answer->signer_index >= view->required_signatures ||
	    1 + signatures_len + view->message.len > wire.cap) {
		text->failed = true;
		return;
	}
	if (view->format != SOLANA_FORMAT_V1) {
		wire.data[0] = view->required_signatures; /* compact-u16 of at most 12 */
		signatures = wire.data + 1;
		memcpy(signatures + signatures_len, view->message.data, view->message.len);
		wire.len = 1 + signatures_len + view->message.len;
	} else {
		memcpy(wire.data, view->message.data, view->message.len);
		signatures = wire.data + view->message.len;
		wire.len = view->message.len + signatures_len;
	}
	memset(signatures, 0, signatures_len);
	if (view->signatures.len == signatures_len)
		memcpy(signatures, view->signatures.data, signatures_len);
	memcpy(signatures + (size_t)answer->signer_index * SOLANA_SIGNATURE_LEN, answer->signature,
	       SOLANA_SIGNATURE_LEN);
	text_put(text, ",\"transaction\":");
	text_put_base64(text, buffer_bytes(&wire));
}

static void put_facts(struct api_text *text, const struct call_sign_answer *answer)
{
	text_put(text, ",\"facts\":{\"lamports_out\":");
	text_put_u64_string(text, answer->lamports_out);
	text_put(text, ",\"fee_lamports\":");
	text_put_u64_string(text, answer->fee_lamports);
	text_put(text, ",\"tokens\":[");
	for (size_t i = 0; i < answer->token_count; i++) {
		text_put(text, i == 0 ? "{\"mint\":" : ",{\"mint\":");
		text_put_base58(text, BYTES_OF_ARRAY(answer->tokens[i].mint));
		text_put(text, ",\"amount\":");
		text_put_u64_string(text, answer->tokens[i].amount);
		text_put(text, "}");
	}
	text_put(text, "]}");
}

static void put_numbers(struct api_text *text, const struct call_sign_answer *answer)
{
	text_put(text, ",\"decision\":");
	text_put_hex(text, BYTES_OF_ARRAY(answer->decision));
	text_put(text, ",\"message_hash\":");
	text_put_hex(text, BYTES_OF_ARRAY(answer->message_hash));
	text_put(text, ",\"sequence\":{\"boot\":");
	text_put_u64_string(text, answer->boot);
	text_put(text, ",\"number\":");
	text_put_u64_string(text, answer->number);
	text_put(text, "}");
}

static void put_signed(struct api_text *text, struct api_context *context,
                       const struct api_item *item, const struct call_sign_answer *answer)
{
	struct bytes message;
	bool needs_view = item->constraint == CALL_CONSTRAINT_TRANSACTION &&
	                  (item->wants_wire || answer->signer_count > 1);
	char detail[API_DETAIL_MAX];

	text_put(text, "\"signature\":");
	text_put_base64(text, BYTES_OF_ARRAY(answer->signature));
	put_numbers(text, answer);
	text_put(text, ",\"signer_index\":");
	text_put_u64(text, answer->signer_index);
	text_put(text, ",\"required_signers\":");
	text_put_u64(text, answer->signer_count);
	if (answer->repeated)
		text_put(text, ",\"repeated\":true");
	if (!needs_view) {
		text_put(text, ",\"missing_signers\":[]");
		return;
	}
	/* It decoded when it was asked for, and its text has not changed since. */
	CHECK(decode_item(detail, context, item, &message) == CALL_RESULT_DONE);
	put_missing(text, &context->view, answer);
	if (item->wants_wire)
		put_wire(text, context, answer);
}

static void put_dry_run(struct api_text *text, const struct call_sign_answer *answer)
{
	bool allowed = answer->result == CALL_RESULT_ALLOWED;

	text_put(text, allowed ? "\"verdict\":\"allow\"" : "\"verdict\":\"deny\"");
	text_put(text, ",\"code\":\"");
	text_put(text, call_result_code(answer->result));
	text_put(text, "\"");
	put_numbers(text, answer);
	put_facts(text, answer);
	text_put(text, ",\"reasons\":[");
	for (size_t i = 0; i < answer->reason_count; i++) {
		text_put(text, i == 0 ? "" : ",");
		api_put_reason(text, &answer->reasons[i]);
	}
	text_put(text, "]");
}

/* A dry run that was decided is a success, whatever the decision. */
static bool is_decided(const struct api_item *item, const struct call_sign_answer *answer)
{
	unsigned http = call_result_http(answer->result);

	return (item->flags & CALL_SIGN_DRY_RUN) != 0 &&
	       (answer->result == CALL_RESULT_ALLOWED || http == 422 || http == 429);
}

/* A text is clean (policy_text_clean): escaping doubles it at most. */
_Static_assert(HTTP_RESPONSE_HEAD_MAX + 2 * CALL_DESCRIPTION_MAX +
                       CALL_REASONS_MAX * (256 + 2 * CALL_REASON_TEXT_MAX) +
                       CALL_FACT_TOKENS_MAX * 128 + 1024 <=
                   API_OUT_MAX,
               "the longest answer to one question, a dry run's, fits");

unsigned api_put_native_item(struct api_text *text, struct api_context *context,
                             const struct api_item *item, const struct call_sign_answer *answer,
                             const char *detail, bool in_batch)
{
	unsigned status = call_result_http(answer->result);
	bool good = answer->result == CALL_RESULT_SIGNED || is_decided(item, answer);

	if (!good) {
		text_put(text, "{");
		api_put_problem_members(text, answer->result, detail, answer);
		text_put(text, "}");
		return status;
	}
	text_put(text, in_batch ? "{\"status\":200," : "{");
	if (answer->result == CALL_RESULT_SIGNED)
		put_signed(text, context, item, answer);
	else
		put_dry_run(text, answer);
	if (answer->description.len != 0) {
		text_put(text, ",\"description\":");
		text_put_string(text, answer->description);
	}
	text_put(text, "}");
	return 200;
}
