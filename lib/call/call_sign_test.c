/* SPDX-License-Identifier: Apache-2.0 */
#include "call_sign.h"

#include "base_test.h"
#include "call_channel.h"
#include "call_export.h"

static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
static struct call_sign_request request_back;
static struct call_sign_answer answer_back;

static struct call_sign_request full_request(void)
{
	static uint8_t message[LIMIT_MESSAGE_MAX];
	static uint8_t token[LIMIT_TOKEN_MAX];
	static uint8_t name[LIMIT_NAME_MAX];
	struct call_sign_request request = {
	    .request = 7,
	    .connection = 9,
	    .flags = CALL_SIGN_FLAGS,
	    .source = CALL_SOURCE_VAULT,
	    .constraint = CALL_CONSTRAINT_MESSAGE,
	    .batch_index = 15,
	    .batch_count = 16,
	    .has_grant = true,
	    .has_idempotency = true,
	    .has_nonce_origin = true,
	    .token = BYTES_OF_ARRAY(token),
	    .wallet = {.kind = CALL_WALLET_NAME, .name = BYTES_OF_ARRAY(name)},
	    .message = bytes_of(message, sizeof(message)),
	    .hint_count = CALL_HINTS_MAX,
	};

	memset(message, 0xa5, sizeof(message));
	memset(token, 't', sizeof(token));
	memset(name, 'n', sizeof(name));
	memset(request.grant, 1, 32);
	memset(request.idempotency, 2, 32);
	memset(request.nonce_origin, 5, 32);
	for (size_t i = 0; i < CALL_HINTS_MAX; i++) {
		memset(request.hints[i].table, 3, 32);
		request.hints[i].index = (uint8_t)i;
		memset(request.hints[i].address, 4, 32);
	}
	return request;
}

static struct call_sign_answer full_answer(void)
{
	static uint8_t text[CALL_DESCRIPTION_MAX];
	struct call_sign_answer answer = {
	    .request = UINT64_MAX,
	    .result = CALL_RESULT_POLICY_DENIED,
	    .client_found = true,
	    .repeated = true,
	    .signer_index = 1,
	    .signer_count = 2,
	    .boot = 3,
	    .number = 4,
	    .retry_after_ms = 5,
	    .lamports_out = 6,
	    .fee_lamports = 7,
	    .token_count = CALL_FACT_TOKENS_MAX,
	    .reason_count = CALL_REASONS_MAX,
	    .description = bytes_of(text, sizeof(text)),
	};

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < CALL_REASONS_MAX; i++)
		answer.reasons[i] = (struct call_reason){
		    .result = CALL_RESULT_CAP_EXCEEDED,
		    .instruction = CALL_NO_INSTRUCTION,
		    .code = (uint32_t)i,
		    .text = bytes_of(text, CALL_REASON_TEXT_MAX),
		};
	return answer;
}

static void test_the_largest_request_fits_its_bound_and_comes_back_whole(void)
{
	struct call_sign_request request = full_request();
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(request.token.len == LIMIT_TOKEN_MAX && request.wallet.name.len == LIMIT_NAME_MAX);
	EXPECT(call_sign_put_request(&request, &out) == STATUS_OK);
	EXPECT(out.len <= CALL_SIGN_REQUEST_MAX);
	EXPECT(call_sign_take_request(buffer_bytes(&out), &request_back) == STATUS_OK);
	EXPECT(request_back.connection == 9 && request_back.batch_index == 15);
	EXPECT(bytes_equal(request_back.message, request.message));
	EXPECT(bytes_equal(request_back.token, request.token));
	EXPECT(bytes_equal(request_back.wallet.name, request.wallet.name));
	EXPECT(request_back.hint_count == CALL_HINTS_MAX);
	EXPECT(memcmp(request_back.hints, request.hints, sizeof(request.hints)) == 0);
	EXPECT(memcmp(request_back.grant, request.grant, 32) == 0);
}

/* H9: a shortened or lengthened message is refused at every length, and changes nothing. */
static void test_a_request_of_any_other_length_is_refused(void)
{
	struct call_sign_request request = full_request();
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(call_sign_put_request(&request, &out) == STATUS_OK);
	memset(&request_back, 0x5a, sizeof(request_back));
	for (size_t len = 0; len < out.len; len++)
		EXPECT(call_sign_take_request(bytes_of(space, len), &request_back) != STATUS_OK);
	EXPECT(call_sign_take_request(bytes_of(space, out.len + 1), &request_back) != STATUS_OK);
	EXPECT(request_back.request == UINT64_C(0x5a5a5a5a5a5a5a5a));
}

static bool refused_after(void (*change)(struct call_sign_request *))
{
	struct call_sign_request request = full_request();
	struct buffer out = BUFFER_OF_ARRAY(space);

	change(&request);
	return call_sign_put_request(&request, &out) == STATUS_OK &&
	       call_sign_take_request(buffer_bytes(&out), &request_back) == STATUS_MALFORMED;
}

static void change_flags(struct call_sign_request *r)
{
	r->flags = CALL_SIGN_FLAGS + 1;
}

static void change_source(struct call_sign_request *r)
{
	r->source = 3;
}

static void change_constraint(struct call_sign_request *r)
{
	r->constraint = 0;
}

static void change_batch(struct call_sign_request *r)
{
	r->batch_index = 16;
}

static void change_batch_count(struct call_sign_request *r)
{
	r->batch_count = CALL_BATCH_MAX + 1;
}

static void change_wallet_kind(struct call_sign_request *r)
{
	r->wallet.kind = 0;
}

static void change_wallet_name(struct call_sign_request *r)
{
	r->wallet.name = bytes_of_text("a b");
}

static void change_wallet_key(struct call_sign_request *r)
{
	r->wallet.key[31] = 1;
}

static void test_values_out_of_range_are_refused(void)
{
	EXPECT(refused_after(change_flags));
	EXPECT(refused_after(change_source));
	EXPECT(refused_after(change_constraint));
	EXPECT(refused_after(change_batch));
	EXPECT(refused_after(change_batch_count));
	EXPECT(refused_after(change_wallet_kind));
	EXPECT(refused_after(change_wallet_name));
	EXPECT(refused_after(change_wallet_key));
}

static void test_the_largest_answer_fits_its_bound_and_comes_back_whole(void)
{
	struct call_sign_answer answer = full_answer();
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(call_sign_put_answer(&answer, &out) == STATUS_OK);
	EXPECT(out.len <= CALL_SIGN_ANSWER_MAX);
	EXPECT(call_sign_take_answer(buffer_bytes(&out), &answer_back) == STATUS_OK);
	EXPECT(answer_back.client_found && answer_back.request == UINT64_MAX &&
	       answer_back.fee_lamports == 7);
	EXPECT(answer_back.reason_count == CALL_REASONS_MAX && answer_back.reasons[15].code == 15);
	EXPECT(bytes_equal(answer_back.description, answer.description));
	for (size_t len = 0; len < out.len; len++)
		EXPECT(call_sign_take_answer(bytes_of(space, len), &answer_back) != STATUS_OK);
}

static void test_an_answer_with_an_unknown_result_is_refused(void)
{
	struct call_sign_answer answer = full_answer();
	struct buffer out = BUFFER_OF_ARRAY(space);

	answer.result = CALL_RESULT_COUNT;
	EXPECT(call_sign_put_answer(&answer, &out) == STATUS_OK);
	EXPECT(call_sign_take_answer(buffer_bytes(&out), &answer_back) == STATUS_MALFORMED);
}

static void test_a_full_buffer_is_refused_and_left_alone(void)
{
	struct call_sign_answer answer = full_answer();
	struct buffer out = {space, 100, 3};

	EXPECT(call_sign_put_answer(&answer, &out) == STATUS_TOO_LARGE);
	EXPECT(out.len == 3);
}

static void test_wallet_texts_are_names_addresses_or_ids(void)
{
	struct call_wallet wallet;

	EXPECT(call_wallet_parse(bytes_of_text("bot_1"), &wallet) == STATUS_OK);
	EXPECT(wallet.kind == CALL_WALLET_NAME && wallet.name.len == 5);
	EXPECT(call_wallet_parse(bytes_of_text("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"),
	                         &wallet) == STATUS_OK);
	EXPECT(wallet.kind == CALL_WALLET_ADDRESS && wallet.key[0] == 6 && wallet.name.len == 0);
	EXPECT(call_wallet_parse(bytes_of_text("00000000000000000000000000000000000000000000000000"
	                                       "000000000000ff"),
	                         &wallet) == STATUS_OK);
	EXPECT(wallet.kind == CALL_WALLET_ID && wallet.key[31] == 0xff);
	EXPECT(call_wallet_parse(bytes_of_text(""), &wallet) == STATUS_REFUSED);
	EXPECT(call_wallet_parse(bytes_of_text("a/b"), &wallet) == STATUS_REFUSED);
	EXPECT(call_wallet_parse(bytes_of_text("../x"), &wallet) == STATUS_REFUSED);
}

static struct call_export_answer export_back;

static void test_export_messages_come_back_and_refuse_other_lengths(void)
{
	static const uint8_t body[CALL_EXPORT_BODY_MAX];
	struct call_export_request request = {
	    .request = 1, .topic = CALL_EXPORT_DECISION, .token = bytes_of_text("t"), .cursor = 5};
	struct call_export_request request_out;
	struct call_export_answer answer = {
	    .result = CALL_RESULT_DONE,
	    .client_found = true,
	    .grant_count = CALL_EXPORT_GRANTS_MAX,
	    .name = bytes_of_text("bot"),
	    .body = BYTES_OF_ARRAY(body),
	    .gap = true,
	    .pending_count = LIMIT_PENDING_MAX,
	    .pending = {{.action = 9, .done = true, .opens = 5, .until = 6}},
	    .event_count = CALL_EXPORT_EVENTS_MAX,
	    .status = { .wallets = 3,                                .interpreter = true}
        };
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(call_export_put_request(&request, &out) == STATUS_OK);
	EXPECT(call_export_take_request(buffer_bytes(&out), &request_out) == STATUS_OK);
	EXPECT(request_out.cursor == 5 && request_out.topic == CALL_EXPORT_DECISION);
	for (size_t len = 0; len < out.len; len++)
		EXPECT(call_export_take_request(bytes_of(space, len), &request_out) != STATUS_OK);
	out.len = 0;
	for (size_t i = 0; i < CALL_EXPORT_EVENTS_MAX; i++)
		answer.events[i] =
		    (struct call_export_event){.cursor = i + 1,
		                               .result = CALL_RESULT_POLICY_DENIED,
		                               .text = bytes_of(body, CALL_REASON_TEXT_MAX)};
	EXPECT(call_export_put_answer(&answer, &out) == STATUS_OK);
	EXPECT(out.len <= CALL_EXPORT_ANSWER_MAX);
	EXPECT(call_export_take_answer(buffer_bytes(&out), &export_back) == STATUS_OK);
	EXPECT(export_back.client_found && export_back.body.len == sizeof(body) &&
	       export_back.status.interpreter && !export_back.status.hardware);
	EXPECT(export_back.pending_count == LIMIT_PENDING_MAX && export_back.pending[0].done &&
	       export_back.pending[0].until == 6);
	EXPECT(export_back.gap && export_back.event_count == CALL_EXPORT_EVENTS_MAX &&
	       export_back.events[7].cursor == 8 &&
	       export_back.events[7].text.len == CALL_REASON_TEXT_MAX);
	for (size_t len = 0; len < out.len; len++)
		EXPECT(call_export_take_answer(bytes_of(space, len), &export_back) != STATUS_OK);
}

static void test_export_topics_need_their_fields(void)
{
	struct call_export_request request = {.topic = CALL_EXPORT_RECEIPTS,
	                                      .token = bytes_of_text("t")};
	struct call_export_request back;
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(call_export_put_request(&request, &out) == STATUS_OK);
	EXPECT(call_export_take_request(buffer_bytes(&out), &back) == STATUS_MALFORMED);
	request = (struct call_export_request){.topic = CALL_EXPORT_DECISION};
	out.len = 0;
	EXPECT(call_export_put_request(&request, &out) == STATUS_OK);
	EXPECT(call_export_take_request(buffer_bytes(&out), &back) == STATUS_MALFORMED);
	request = (struct call_export_request){.topic = CALL_EXPORT_STATUS};
	out.len = 0;
	EXPECT(call_export_put_request(&request, &out) == STATUS_OK);
	EXPECT(call_export_take_request(buffer_bytes(&out), &back) == STATUS_OK);
}

static void test_channel_start_comes_back_and_needs_a_certificate(void)
{
	struct call_channel_start start = {
	    .boot = 4,
	    .tls_chain_count = 2,
	    .tls_chain = {bytes_of_text("leaf"), bytes_of_text("ca")},
	    .signer_certificate = bytes_of_text("cbor"),
	    .rp_id = bytes_of_text("localhost")
        };
	struct call_channel_start back;
	struct buffer out = BUFFER_OF_ARRAY(space);

	start.tls_key[0] = 1;
	EXPECT(call_channel_put_start(&start, &out) == STATUS_OK);
	EXPECT(call_channel_take_start(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(back.tls_key[0] == 1 && back.tls_chain[1].len == 2 && back.boot == 4);
	EXPECT(bytes_equal(back.rp_id, start.rp_id));
	for (size_t len = 0; len < out.len; len++)
		EXPECT(call_channel_take_start(bytes_of(space, len), &back) != STATUS_OK);
	space[32 + 32 + 8 + 1 + 32] = 0; /* the count of certificates */
	EXPECT(call_channel_take_start(buffer_bytes(&out), &back) != STATUS_OK);
}

/* Codes go into logs, metrics and clients' code: each once, and statuses that a client expects. */
static void test_results_have_distinct_codes_and_sane_statuses(void)
{
	for (unsigned i = 0; i < CALL_RESULT_COUNT; i++) {
		unsigned http = call_result_http((enum call_result)i);

		EXPECT(http == 200 || (http >= 400 && http <= 504));
		EXPECT(call_result_text((enum call_result)i)[0] != 0);
		for (unsigned j = 0; j < i; j++)
			EXPECT(strcmp(call_result_code((enum call_result)i),
			              call_result_code((enum call_result)j)) != 0);
	}
	EXPECT(strcmp(call_result_code((enum call_result)9999), "internal") == 0);
	EXPECT(call_result_http(CALL_RESULT_POLICY_DENIED) == 422);
	EXPECT(call_result_http((enum call_result)0) == 500);
}

int main(void)
{
	RUN(test_the_largest_request_fits_its_bound_and_comes_back_whole);
	RUN(test_a_request_of_any_other_length_is_refused);
	RUN(test_values_out_of_range_are_refused);
	RUN(test_the_largest_answer_fits_its_bound_and_comes_back_whole);
	RUN(test_an_answer_with_an_unknown_result_is_refused);
	RUN(test_a_full_buffer_is_refused_and_left_alone);
	RUN(test_wallet_texts_are_names_addresses_or_ids);
	RUN(test_export_messages_come_back_and_refuse_other_lengths);
	RUN(test_export_topics_need_their_fields);
	RUN(test_channel_start_comes_back_and_needs_a_certificate);
	RUN(test_results_have_distinct_codes_and_sane_statuses);
	return test_summary();
}
