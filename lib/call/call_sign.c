/* SPDX-License-Identifier: Apache-2.0 */
#include "call_sign.h"

#include "base_check.h"
#include "base_encode.h"
#include "call_field.h"

_Static_assert(CALL_SIGN_REQUEST_MAX + 256 <= CALL_BRIDGE_SLOT_BYTES, "a request fits a slot");
_Static_assert(CALL_SIGN_ANSWER_MAX + 256 <= CALL_BRIDGE_SLOT_BYTES, "an answer fits a slot");

static bool is_name_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || c == '-';
}

static bool is_name(struct bytes text)
{
	if (text.len == 0 || text.len > LIMIT_NAME_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_name_byte(text.data[i]))
			return false;
	return true;
}

static bool is_hex_id(struct bytes text)
{
	if (text.len != HEX_LEN(32))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!((text.data[i] >= '0' && text.data[i] <= '9') ||
		      (text.data[i] >= 'a' && text.data[i] <= 'f')))
			return false;
	return true;
}

enum status call_wallet_parse(struct bytes text, struct call_wallet *ret_wallet)
{
	struct call_wallet wallet = {0};
	struct buffer key = BUFFER_OF_ARRAY(wallet.key);

	if (!is_name(text))
		return STATUS_REFUSED;
	if (is_hex_id(text)) {
		enum status status = hex_decode(text, &key);

		if (status != STATUS_OK)
			return status;
		wallet.kind = CALL_WALLET_ID;
	} else if (base58_decode_32(text, wallet.key) == STATUS_OK) {
		wallet.kind = CALL_WALLET_ADDRESS;
	} else {
		wallet.kind = CALL_WALLET_NAME;
		wallet.name = text;
	}
	*ret_wallet = wallet;
	return STATUS_OK;
}

void call_put_wallet(struct wire_writer *writer, const struct call_wallet *wallet)
{
	wire_put_u8(writer, wallet->kind);
	wire_put_fixed(writer, wallet->key, sizeof(wallet->key));
	wire_put_run(writer, wallet->name);
}

void call_take_wallet(struct wire_reader *reader, bool may_be_none, struct call_wallet *ret_wallet)
{
	bool zero = true;

	ret_wallet->kind = wire_take_u8(reader);
	wire_take_fixed(reader, ret_wallet->key, sizeof(ret_wallet->key));
	ret_wallet->name = wire_take_run(reader, LIMIT_NAME_MAX);
	for (size_t i = 0; i < sizeof(ret_wallet->key); i++)
		zero = zero && ret_wallet->key[i] == 0;
	switch (ret_wallet->kind) {
	case CALL_WALLET_NAME:
		if (!is_name(ret_wallet->name) || !zero)
			wire_fail(reader);
		break;
	case CALL_WALLET_ADDRESS:
	case CALL_WALLET_ID:
		if (ret_wallet->name.len != 0)
			wire_fail(reader);
		break;
	default:
		if (!may_be_none || ret_wallet->kind != 0 || ret_wallet->name.len != 0 || !zero)
			wire_fail(reader);
		break;
	}
}

enum call_result call_take_result(struct wire_reader *reader)
{
	uint16_t number = wire_take_u16(reader);

	if (number >= CALL_RESULT_COUNT) {
		wire_fail(reader);
		return CALL_RESULT_INTERNAL;
	}
	return (enum call_result)number;
}

size_t call_take_count(struct wire_reader *reader, size_t max)
{
	uint32_t count = wire_take_u32(reader);

	if (count > max) {
		wire_fail(reader);
		return 0;
	}
	return count;
}

enum status call_finish(struct buffer *message, size_t begin, const struct wire_writer *writer)
{
	enum status status = wire_end(writer);

	if (status != STATUS_OK)
		message->len = begin;
	return status;
}

static void put_optional(struct wire_writer *writer, bool has, const uint8_t value[32])
{
	wire_put_bool(writer, has);
	if (has)
		wire_put_fixed(writer, value, 32);
}

static bool take_optional(struct wire_reader *reader, uint8_t ret_value[32])
{
	bool has = wire_take_bool(reader);

	if (has)
		wire_take_fixed(reader, ret_value, 32);
	return has;
}

enum status call_sign_put_request(const struct call_sign_request *request, struct buffer *message)
{
	struct wire_writer w = wire_write(message);
	size_t begin = message->len;

	CHECK(request->hint_count <= CALL_HINTS_MAX);
	CHECK(request->token.len >= 1 && request->token.len <= LIMIT_TOKEN_MAX);
	CHECK(request->message.len >= 1 && request->message.len <= LIMIT_MESSAGE_MAX);
	wire_put_u64(&w, request->request);
	wire_put_u64(&w, request->connection);
	wire_put_u32(&w, request->flags);
	wire_put_u8(&w, request->source);
	wire_put_u8(&w, request->constraint);
	wire_put_u16(&w, request->batch_index);
	wire_put_u16(&w, request->batch_count);
	put_optional(&w, request->has_grant, request->grant);
	put_optional(&w, request->has_idempotency, request->idempotency);
	put_optional(&w, request->has_nonce_origin, request->nonce_origin);
	wire_put_run(&w, request->token);
	call_put_wallet(&w, &request->wallet);
	wire_put_run(&w, request->message);
	wire_put_u32(&w, (uint32_t)request->hint_count);
	for (size_t i = 0; i < request->hint_count; i++) {
		wire_put_fixed(&w, request->hints[i].table, 32);
		wire_put_u8(&w, request->hints[i].index);
		wire_put_fixed(&w, request->hints[i].address, 32);
	}
	return call_finish(message, begin, &w);
}

static void take_enums(struct wire_reader *r, const struct call_sign_request *request)
{
	if ((request->flags & ~CALL_SIGN_FLAGS) != 0)
		wire_fail(r);
	if (request->source < CALL_SOURCE_API || request->source > CALL_SOURCE_VAULT)
		wire_fail(r);
	if (request->constraint < CALL_CONSTRAINT_ANY ||
	    request->constraint > CALL_CONSTRAINT_MESSAGE)
		wire_fail(r);
	if (request->batch_count == 0 || request->batch_count > CALL_BATCH_MAX ||
	    request->batch_index >= request->batch_count)
		wire_fail(r);
}

enum status call_sign_take_request(struct bytes message, struct call_sign_request *ret_request)
{
	struct wire_reader r = wire_read(message);
	struct call_sign_request request = {0};
	enum status status;

	request.request = wire_take_u64(&r);
	request.connection = wire_take_u64(&r);
	request.flags = wire_take_u32(&r);
	request.source = wire_take_u8(&r);
	request.constraint = wire_take_u8(&r);
	request.batch_index = wire_take_u16(&r);
	request.batch_count = wire_take_u16(&r);
	take_enums(&r, &request);
	request.has_grant = take_optional(&r, request.grant);
	request.has_idempotency = take_optional(&r, request.idempotency);
	request.has_nonce_origin = take_optional(&r, request.nonce_origin);
	request.token = wire_take_run(&r, LIMIT_TOKEN_MAX);
	call_take_wallet(&r, false, &request.wallet);
	request.message = wire_take_run(&r, LIMIT_MESSAGE_MAX);
	if (request.token.len == 0 || request.message.len == 0)
		wire_fail(&r);
	request.hint_count = call_take_count(&r, CALL_HINTS_MAX);
	for (size_t i = 0; i < request.hint_count; i++) {
		wire_take_fixed(&r, request.hints[i].table, 32);
		request.hints[i].index = wire_take_u8(&r);
		wire_take_fixed(&r, request.hints[i].address, 32);
	}
	status = wire_done(&r);
	if (status == STATUS_OK)
		*ret_request = request;
	return status;
}

static void put_lists(struct wire_writer *w, const struct call_sign_answer *answer)
{
	wire_put_u32(w, (uint32_t)answer->token_count);
	for (size_t i = 0; i < answer->token_count; i++) {
		wire_put_fixed(w, answer->tokens[i].mint, 32);
		wire_put_u64(w, answer->tokens[i].amount);
	}
	wire_put_u32(w, (uint32_t)answer->reason_count);
	for (size_t i = 0; i < answer->reason_count; i++) {
		const struct call_reason *reason = &answer->reasons[i];

		CHECK(reason->text.len <= CALL_REASON_TEXT_MAX);
		wire_put_fixed(w, reason->grant, 32);
		wire_put_u16(w, reason->result);
		wire_put_u16(w, reason->instruction);
		wire_put_u32(w, reason->code);
		wire_put_u64(w, reason->fuel);
		wire_put_run(w, reason->text);
	}
}

enum status call_sign_put_answer(const struct call_sign_answer *answer, struct buffer *message)
{
	struct wire_writer w = wire_write(message);
	size_t begin = message->len;

	CHECK(answer->token_count <= CALL_FACT_TOKENS_MAX);
	CHECK(answer->reason_count <= CALL_REASONS_MAX);
	CHECK(answer->description.len <= CALL_DESCRIPTION_MAX);
	wire_put_u64(&w, answer->request);
	wire_put_u16(&w, (uint16_t)answer->result);
	wire_put_bool(&w, answer->client_found);
	wire_put_bool(&w, answer->repeated);
	wire_put_u8(&w, answer->signer_index);
	wire_put_u8(&w, answer->signer_count);
	wire_put_fixed(&w, answer->signature, sizeof(answer->signature));
	wire_put_fixed(&w, answer->address, sizeof(answer->address));
	wire_put_fixed(&w, answer->message_hash, sizeof(answer->message_hash));
	wire_put_fixed(&w, answer->decision, sizeof(answer->decision));
	wire_put_u64(&w, answer->boot);
	wire_put_u64(&w, answer->number);
	wire_put_u32(&w, answer->retry_after_ms);
	wire_put_u32(&w, answer->check_ns);
	wire_put_u64(&w, answer->lamports_out);
	wire_put_u64(&w, answer->fee_lamports);
	put_lists(&w, answer);
	wire_put_run(&w, answer->description);
	return call_finish(message, begin, &w);
}

static void take_lists(struct wire_reader *r, struct call_sign_answer *answer)
{
	answer->token_count = call_take_count(r, CALL_FACT_TOKENS_MAX);
	for (size_t i = 0; i < answer->token_count; i++) {
		wire_take_fixed(r, answer->tokens[i].mint, 32);
		answer->tokens[i].amount = wire_take_u64(r);
	}
	answer->reason_count = call_take_count(r, CALL_REASONS_MAX);
	for (size_t i = 0; i < answer->reason_count; i++) {
		struct call_reason *reason = &answer->reasons[i];

		wire_take_fixed(r, reason->grant, 32);
		reason->result = (uint16_t)call_take_result(r);
		reason->instruction = wire_take_u16(r);
		reason->code = wire_take_u32(r);
		reason->fuel = wire_take_u64(r);
		reason->text = wire_take_run(r, CALL_REASON_TEXT_MAX);
	}
}

enum status call_sign_take_answer(struct bytes message, struct call_sign_answer *ret_answer)
{
	struct wire_reader r = wire_read(message);
	struct call_sign_answer answer = {0};
	enum status status;

	answer.request = wire_take_u64(&r);
	answer.result = call_take_result(&r);
	answer.client_found = wire_take_bool(&r);
	answer.repeated = wire_take_bool(&r);
	answer.signer_index = wire_take_u8(&r);
	answer.signer_count = wire_take_u8(&r);
	wire_take_fixed(&r, answer.signature, sizeof(answer.signature));
	wire_take_fixed(&r, answer.address, sizeof(answer.address));
	wire_take_fixed(&r, answer.message_hash, sizeof(answer.message_hash));
	wire_take_fixed(&r, answer.decision, sizeof(answer.decision));
	answer.boot = wire_take_u64(&r);
	answer.number = wire_take_u64(&r);
	answer.retry_after_ms = wire_take_u32(&r);
	answer.check_ns = wire_take_u32(&r);
	answer.lamports_out = wire_take_u64(&r);
	answer.fee_lamports = wire_take_u64(&r);
	take_lists(&r, &answer);
	answer.description = wire_take_run(&r, CALL_DESCRIPTION_MAX);
	status = wire_done(&r);
	if (status == STATUS_OK)
		*ret_answer = answer;
	return status;
}
