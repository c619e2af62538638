/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "policy_abi.h"
#include "verifier_answer.h"
#include "wasm_make.h"

static struct verifier verifier;
static struct make made;
static uint8_t reply_space[CALL_CHECK_SLOT_BYTES];
static struct buffer reply;
static uint32_t reply_kind;

static enum status ask(uint32_t kind, struct bytes message, struct bytes window)
{
	reply = BUFFER_OF_ARRAY(reply_space);
	reply_kind = 0;
	return verifier_answer(&verifier, kind, message, window, &reply_kind, &reply);
}

static uint32_t load_as(struct bytes module, const uint8_t hash[32])
{
	struct call_check_module request = {.len = (uint32_t)module.len, .ticket = {1}};
	struct call_check_module_state_reply state;

	memcpy(request.module, hash, 32);
	EXPECT(ask(CALL_CHECK_MODULE, bytes_of(&request, sizeof(request)), module) == STATUS_OK);
	EXPECT(reply_kind == CALL_CHECK_MODULE_STATE && reply.len >= sizeof(state));
	memcpy(&state, reply.data, sizeof(state));
	EXPECT(memcmp(state.module, hash, 32) == 0 && state.ticket[0] == 1);
	EXPECT(reply.len == sizeof(state) + state.schema_len + state.text_len);
	return state.state;
}

static uint32_t load(const struct make_policy *p, uint8_t ret_hash[32])
{
	struct bytes module = make_policy(&made, p);

	sha256_of(module, ret_hash);
	return load_as(module, ret_hash);
}

/* Runs a loaded module on a request and returns the verdict message. */
static struct call_check_verdict run_what(const uint8_t hash[32], struct bytes request,
                                          uint32_t what)
{
	static uint8_t message[CALL_CHECK_SLOT_BYTES];
	struct call_check_run run = {.fuel = LIMIT_FUEL_PER_CHECK,
	                             .what = what,
	                             .request_len = (uint32_t)request.len,
	                             .ticket = {9}};
	struct call_check_verdict verdict = {0};

	memcpy(run.module, hash, 32);
	sha256_of(request, run.request_hash);
	memcpy(message, &run, sizeof(run));
	memcpy(message + sizeof(run), request.data, request.len);
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(message, sizeof(run) + request.len), NOTHING) ==
	       STATUS_OK);
	if (reply_kind != CALL_CHECK_VERDICT)
		return verdict;
	memcpy(&verdict, reply.data, sizeof(verdict));
	EXPECT(memcmp(verdict.request_hash, run.request_hash, 32) == 0);
	EXPECT(memcmp(verdict.module, hash, 32) == 0 && verdict.ticket[0] == 9);
	EXPECT(reply.len == sizeof(verdict) + verdict.answer_len);
	return verdict;
}

static struct call_check_verdict run(const uint8_t hash[32])
{
	return run_what(hash, bytes_of_text("request"), CALL_CHECK_WHAT_CHECK);
}

/* i32.const ADDRESS; i32.const VALUE; i32.store: addresses as padded numbers of three bytes */
#define AT(address)                                                                                \
	(0x80 | ((address)&0x7f)), (0x80 | ((address) >> 7 & 0x7f)), ((address) >> 14 & 0x7f)
#define STORE(address, value) 0x41, AT(address), 0x41, value, 0x36, 2, 0
#define ANSWER                (1024 + POLICY_ANSWER_OFFSET)

/* Answers allow with `text_len` bytes of text: verdict at offset 4, text_len at 24. */
#define ALLOW_CODE STORE(ANSWER + 4, 1), 0x41, 1

static void test_a_module_is_asked_for_loaded_and_run(void)
{
	uint8_t hash[32];
	struct call_check_verdict verdict;

	sha256_of(make_policy(&made, &(struct make_policy){.check = CODE(ALLOW_CODE)}), hash);
	(void)run(hash);
	EXPECT(reply_kind == CALL_CHECK_NEED_MODULE);
	EXPECT(memcmp(reply.data + 32, hash, 32) == 0 && reply.data[0] == 9);
	EXPECT(load(&(struct make_policy){.check = CODE(ALLOW_CODE)}, hash) ==
	       CALL_CHECK_MODULE_LOADED);
	verdict = run(hash);
	EXPECT(verdict.outcome == CALL_CHECK_RAN && verdict.fuel_used > 0);
	EXPECT(verdict.answer_len == sizeof(struct policy_answer));
	EXPECT(load_le32(reply.data + sizeof(verdict) + 4) == POLICY_ALLOW);
}

static void test_bytes_with_another_hash_are_not_loaded(void)
{
	struct bytes module = make_policy(&made, &(struct make_policy){0});
	uint8_t hash[32];

	sha256_of(module, hash);
	hash[31] ^= 1;
	EXPECT(load_as(module, hash) == CALL_CHECK_MODULE_MISMATCH);
	(void)run(hash);
	EXPECT(reply_kind == CALL_CHECK_NEED_MODULE);
}

static void test_a_refused_module_comes_back_with_place_and_text(void)
{
	uint8_t hash[32];
	struct call_check_module_state_reply state;
	char text[256] = {0};

	EXPECT(load(&(struct make_policy){.imports = CODE(1, 1, 'm', 1, 'f', 0, 0)}, hash) ==
	       CALL_CHECK_MODULE_REFUSED);
	memcpy(&state, reply.data, sizeof(state));
	EXPECT(state.where != 0 && state.text_len < sizeof(text));
	memcpy(text, reply.data + sizeof(state), state.text_len);
	EXPECT(strstr(text, "imports nothing") != NULL && strstr(text, "m?f") != NULL);
	(void)run(hash);
	EXPECT(reply_kind == CALL_CHECK_NEED_MODULE);
}

static void test_the_parameter_schema_comes_with_the_module(void)
{
	static const uint8_t section[] = {0,   24,  19,  'c', 'l', 'a', 'v', 'i', 'g',
	                                  'e', 'r', '.', 'p', 'a', 'r', 'a', 'm', 'e',
	                                  't', 'e', 'r', 's', 1,   2,   3,   4};
	struct call_check_module_state_reply state;
	uint8_t hash[32];

	EXPECT(load(&(struct make_policy){.more = BYTES_OF_ARRAY(section)}, hash) ==
	       CALL_CHECK_MODULE_LOADED);
	memcpy(&state, reply.data, sizeof(state));
	EXPECT(state.schema_len == 4);
	EXPECT(memcmp(reply.data + sizeof(state), "\1\2\3\4", 4) == 0);
}

/* The verdict of the answer and the value that policy_check returns must be the same. */
static void test_return_value_and_verdict_must_agree(void)
{
	uint8_t hash[32];
	struct call_check_verdict verdict;

	EXPECT(load(&(struct make_policy){.check = CODE(STORE(ANSWER + 4, 1), 0x41, 0)}, hash) ==
	       CALL_CHECK_MODULE_LOADED);
	verdict = run(hash);
	EXPECT(verdict.outcome == CALL_CHECK_RAN && verdict.answer_len == 0);
	EXPECT(load(&(struct make_policy){.check = CODE(0x41, 1)}, hash) ==
	       CALL_CHECK_MODULE_LOADED);
	EXPECT(run(hash).answer_len == 0);
}

/* A module that writes its answer ahead, by a data segment, has it wiped before it runs. */
static void test_an_answer_in_a_data_segment_is_wiped(void)
{
	uint8_t hash[32];
	const struct make_policy early = {
	    .check = CODE(0x41, 1),
	    .data = CODE(1, 0, 0x41, AT(ANSWER + 4), 0x0b, 4, 1, 0, 0, 0),
	};

	EXPECT(load(&early, hash) == CALL_CHECK_MODULE_LOADED);
	EXPECT(run(hash).answer_len == 0); /* verdict 0 in the answer, 1 returned */
}

/* Lying lengths: more text or more records than the area has. */
static void test_lying_lengths_in_the_answer_give_no_answer(void)
{
	uint8_t hash[32];
	const struct make_policy liars[] = {
	    {.check = CODE(STORE(ANSWER + 24, 0x7f), ALLOW_CODE)}, /* text_len -1 */
	    {.check = CODE(STORE(ANSWER + 20, 0x7f), ALLOW_CODE)}, /* explain_count -1 */
	    /* each fits, both together do not */
	    {.check = CODE(STORE(ANSWER + 20, 0x3f), 0x41, AT(ANSWER + 24), 0x41,
	                   AT(POLICY_TAIL_MAX - 1000), 0x36, 2, 0, ALLOW_CODE)},
	    {.check = CODE(0x41, AT(ANSWER + 24), 0x41, AT(POLICY_TAIL_MAX + 1), 0x36, 2, 0,
	                   ALLOW_CODE)},
	};

	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		EXPECT(load(&liars[i], hash) == CALL_CHECK_MODULE_LOADED);
		EXPECT(run(hash).answer_len == 0);
	}
}

static void test_what_the_signer_never_sends_is_malformed(void)
{
	struct call_check_run good = {.fuel = 1, .what = CALL_CHECK_WHAT_CHECK}, bad;
	struct call_check_module module = {.len = LIMIT_MODULE_MAX + 1};
	static uint8_t window[LIMIT_MODULE_MAX];

	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&good, sizeof(good)), NOTHING) == STATUS_OK);
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&good, sizeof(good) - 1), NOTHING) == STATUS_MALFORMED);
	bad = good;
	bad.fuel = LIMIT_FUEL_PER_CHECK + 1;
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&bad, sizeof(bad)), NOTHING) == STATUS_MALFORMED);
	bad.fuel = 0;
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&bad, sizeof(bad)), NOTHING) == STATUS_MALFORMED);
	bad = good;
	bad.what = 3;
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&bad, sizeof(bad)), NOTHING) == STATUS_MALFORMED);
	bad = good;
	bad.request_len = 1;
	EXPECT(ask(CALL_CHECK_RUN, bytes_of(&bad, sizeof(bad)), NOTHING) == STATUS_MALFORMED);
	EXPECT(ask(CALL_CHECK_MODULE, bytes_of(&module, sizeof(module)), BYTES_OF_ARRAY(window)) ==
	       STATUS_MALFORMED);
	module.len = 1;
	EXPECT(ask(CALL_CHECK_MODULE, bytes_of(&module, sizeof(module)), NOTHING) ==
	       STATUS_MALFORMED);
	EXPECT(ask(CALL_CHECK_VERDICT, NOTHING, NOTHING) == STATUS_MALFORMED);
	EXPECT(ask(0, NOTHING, NOTHING) == STATUS_MALFORMED);
}

static void test_a_request_longer_than_the_area_is_bad(void)
{
	static uint8_t request[POLICY_REQUEST_MAX + 1];
	uint8_t hash[32];

	EXPECT(load(&(struct make_policy){.check = CODE(ALLOW_CODE)}, hash) ==
	       CALL_CHECK_MODULE_LOADED);
	EXPECT(run_what(hash, BYTES_OF_ARRAY(request), CALL_CHECK_WHAT_CHECK).outcome ==
	       CALL_CHECK_BAD);
	EXPECT(
	    run_what(hash, bytes_of(request, POLICY_REQUEST_MAX), CALL_CHECK_WHAT_CHECK).outcome ==
	    CALL_CHECK_RAN);
}

/* P9, M2: more modules than the heap holds; each still loads, old ones are asked for again. */
static void test_the_least_recently_used_module_goes_first(void)
{
	uint8_t first[32], hash[32];
	unsigned most = 0;

	/* 32 pages and their copy: the heap holds few of these */
	EXPECT(load(&(struct make_policy){.check = CODE(ALLOW_CODE)}, first) ==
	       CALL_CHECK_MODULE_LOADED);
	for (uint8_t i = 0; i < 120; i++) {
		const struct make_policy big = {.memories = CODE(1, 1, 32, 32),
		                                .check = CODE(0x41, i & 0x3f, 0x1a, ALLOW_CODE)};

		EXPECT(load(&big, hash) == CALL_CHECK_MODULE_LOADED);
		EXPECT(run(hash).outcome == CALL_CHECK_RAN);
		EXPECT(run(first).outcome == CALL_CHECK_RAN); /* used each time: stays */
		if (verifier_cache_count(&verifier.cache) > most)
			most = verifier_cache_count(&verifier.cache);
	}
	EXPECT(most > 2);
	EXPECT(wasm_host_heap_used(&verifier.cache.host) <= WASM_HEAP_DEFAULT);
}

int main(void)
{
	CHECK(verifier_cache_open(&verifier.cache, WASM_HEAP_DEFAULT) == STATUS_OK);
	RUN(test_a_module_is_asked_for_loaded_and_run);
	RUN(test_bytes_with_another_hash_are_not_loaded);
	RUN(test_a_refused_module_comes_back_with_place_and_text);
	RUN(test_the_parameter_schema_comes_with_the_module);
	RUN(test_return_value_and_verdict_must_agree);
	RUN(test_an_answer_in_a_data_segment_is_wiped);
	RUN(test_lying_lengths_in_the_answer_give_no_answer);
	RUN(test_what_the_signer_never_sends_is_malformed);
	RUN(test_a_request_longer_than_the_area_is_bad);
	RUN(test_the_least_recently_used_module_goes_first);
	return test_summary();
}
