/* SPDX-License-Identifier: Apache-2.0 */
#include "call_start.h"
#include "call_store.h"

#include "base_test.h"

static uint8_t storage[CALL_STORE_MESSAGE_MAX];

static struct buffer fresh(void)
{
	return (struct buffer){storage, sizeof(storage), 0};
}

static void test_a_stage_message_gives_its_operations_back_in_order(void)
{
	uint8_t id[32] = {7}, other[32] = {8};
	struct buffer message = fresh();
	struct store_request request;
	struct store_op op;
	struct bytes ops;

	EXPECT(store_ask_stage(5, true, &message) == STATUS_OK);
	EXPECT(store_ask_stage_put(&message, CALL_STORE_VALUE_WALLET, id, bytes_of_text("abc")) ==
	       STATUS_OK);
	EXPECT(store_ask_stage_delete(&message, CALL_STORE_VALUE_MODULE, other) == STATUS_OK);
	EXPECT(store_take_request(CALL_STORE_STAGE, buffer_bytes(&message), &request) == STATUS_OK);
	EXPECT(request.request == 5 && request.of.stage.count == 2);
	ops = request.payload;
	EXPECT(store_take_op(&ops, &op) == STATUS_OK && op.fixed.action == CALL_STORE_PUT);
	EXPECT(bytes_equal(op.value, bytes_of_text("abc")) && memcmp(op.fixed.id, id, 32) == 0);
	EXPECT(store_take_op(&ops, &op) == STATUS_OK && op.fixed.action == CALL_STORE_DELETE);
	EXPECT(ops.len == 0);
}

static void test_a_stage_message_takes_no_seventeenth_operation_and_stays_whole(void)
{
	uint8_t id[32] = {0};
	struct buffer message = fresh();
	struct store_request request;
	size_t before;

	EXPECT(store_ask_stage(1, false, &message) == STATUS_OK);
	for (unsigned i = 0; i < CALL_STORE_OPS_MAX; i++)
		EXPECT(store_ask_stage_put(&message, 1, id, bytes_of_text("v")) == STATUS_OK);
	before = message.len;
	EXPECT(store_ask_stage_put(&message, 1, id, bytes_of_text("v")) == STATUS_TOO_LARGE);
	EXPECT(message.len == before);
	EXPECT(store_take_request(CALL_STORE_STAGE, buffer_bytes(&message), &request) == STATUS_OK);
}

static void test_every_request_cut_or_lengthened_is_refused(void)
{
	uint8_t id[32] = {1};
	static const uint32_t kinds[] = {CALL_STORE_STATE, CALL_STORE_LOAD, CALL_STORE_LIST,
	                                 CALL_STORE_STAGE, CALL_STORE_SEGMENT_READ};
	struct store_request request;

	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct buffer message = fresh();
		enum status made = STATUS_OK;

		if (kinds[k] == CALL_STORE_STATE)
			made = store_ask_plain(1, &message);
		if (kinds[k] == CALL_STORE_LOAD)
			made = store_ask_load(1, 2, id, &message);
		if (kinds[k] == CALL_STORE_LIST)
			made = store_ask_list(1, 2, NULL, 10, &message);
		if (kinds[k] == CALL_STORE_STAGE &&
		    store_ask_stage(1, false, &message) == STATUS_OK)
			made = store_ask_stage_put(&message, 2, id, bytes_of_text("value"));
		if (kinds[k] == CALL_STORE_SEGMENT_READ)
			made = store_ask_segment(1, 0, 3, bytes_of(NULL, 0), &message);
		EXPECT(made == STATUS_OK);
		EXPECT(store_take_request(kinds[k], buffer_bytes(&message), &request) == STATUS_OK);
		storage[message.len] = 0;
		EXPECT(store_take_request(kinds[k], bytes_of(storage, message.len + 1), &request) ==
		       STATUS_MALFORMED);
		for (size_t len = 0; len < message.len; len++)
			EXPECT(store_take_request(kinds[k], bytes_of(storage, len), &request) ==
			       STATUS_MALFORMED);
	}
}

static void test_requests_out_of_range_are_refused(void)
{
	uint8_t id[32] = {1};
	struct buffer message = fresh();
	struct store_request request;

	EXPECT(store_ask_load(1, 0, id, &message) == STATUS_OK);
	EXPECT(store_take_request(CALL_STORE_LOAD, buffer_bytes(&message), &request) ==
	       STATUS_MALFORMED);
	message = fresh();
	EXPECT(store_ask_list(1, 2, NULL, CALL_STORE_LIST_MAX + 1, &message) == STATUS_OK);
	EXPECT(store_take_request(CALL_STORE_LIST, buffer_bytes(&message), &request) ==
	       STATUS_MALFORMED);
	message = fresh();
	EXPECT(store_ask_segment(1, CALL_STORE_STREAM_COUNT, 0, bytes_of_text("b"), &message) ==
	       STATUS_OK);
	EXPECT(store_take_request(CALL_STORE_SEGMENT_APPEND, buffer_bytes(&message), &request) ==
	       STATUS_MALFORMED);
	for (uint32_t part = 0; part <= CALL_STORE_PART_COUNT; part++) {
		message = fresh();
		EXPECT(store_ask_item(1, part, bytes_of_text("site"), &message) == STATUS_OK);
		EXPECT((store_take_request(CALL_STORE_ITEM_PUT, buffer_bytes(&message), &request) ==
		        STATUS_OK) ==
		       (part >= CALL_STORE_PART_ITEMS && part < CALL_STORE_PART_COUNT));
	}
	message = fresh();
	EXPECT(store_ask_item(1, CALL_STORE_PART_ITEMS, bytes_of(storage, CALL_STORE_ITEM_MAX + 1),
	                      &message) == STATUS_TOO_LARGE);
	message = fresh();
	EXPECT(store_ask_item(1, CALL_STORE_PART_ITEMS, bytes_of(NULL, 0), &message) == STATUS_OK);
	EXPECT(store_take_request(CALL_STORE_ITEM_PUT, buffer_bytes(&message), &request) ==
	           STATUS_OK &&
	       request.payload.len == 0);
	for (size_t len = 0; len < message.len; len++)
		EXPECT(store_take_request(CALL_STORE_ITEM_PUT, bytes_of(storage, len), &request) ==
		       STATUS_MALFORMED);
	EXPECT(store_take_request(CALL_STORE_ITEM_PUT,
	                          bytes_of(storage, message.len + CALL_STORE_ITEM_MAX + 1),
	                          &request) == STATUS_MALFORMED);
	storage[message.len - 1] = 1; /* reserved */
	EXPECT(store_take_request(CALL_STORE_ITEM_PUT, buffer_bytes(&message), &request) ==
	       STATUS_MALFORMED);
	message = fresh();
	EXPECT(store_ask_plain(1, &message) == STATUS_OK);
	EXPECT(store_take_request(99, buffer_bytes(&message), &request) == STATUS_MALFORMED);
	EXPECT(store_take_request(CALL_STORE_STATE_ANSWER, buffer_bytes(&message), &request) ==
	       STATUS_MALFORMED);
}

static struct buffer loaded_answer(uint32_t status, uint8_t terminal, const char *value)
{
	static const uint8_t siblings[3 * 32] = {1};
	struct buffer message = fresh();
	struct store_path path = {
	    .fixed = {.depth = 3, .terminal = terminal},
              .siblings = BYTES_OF_ARRAY(siblings)
        };
	struct call_store_loaded loaded = {
	    .head = {.request = 9, .status = status},
	    .path_len = 136 + 96,
	    .value_len = (uint32_t)strlen(value)
        };

	EXPECT(buffer_put(&message, bytes_of(&loaded, sizeof(loaded))) == STATUS_OK);
	EXPECT(store_answer_path(&path, &message) == STATUS_OK);
	EXPECT(buffer_put(&message, bytes_of_text(value)) == STATUS_OK);
	return message;
}

static void test_a_loaded_value_comes_with_its_path(void)
{
	struct buffer message = loaded_answer(STATUS_OK, CALL_STORE_TERMINAL_OWN, "hello");
	struct call_store_loaded loaded;
	struct store_path path;
	struct bytes value;

	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) == STATUS_OK);
	EXPECT(bytes_equal(value, bytes_of_text("hello")) && path.siblings.len == 96);
	for (size_t len = 0; len < message.len; len++)
		EXPECT(store_take_loaded(bytes_of(storage, len), &loaded, &path, &value) ==
		       STATUS_MALFORMED);
}

static void test_present_needs_an_own_leaf_and_absent_a_proof(void)
{
	struct call_store_loaded loaded;
	struct store_path path;
	struct bytes value;
	struct buffer message = loaded_answer(STATUS_OK, CALL_STORE_TERMINAL_FOREIGN, "x");

	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) ==
	       STATUS_MALFORMED);
	message = loaded_answer(STATUS_NOT_FOUND, CALL_STORE_TERMINAL_OWN, "");
	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) ==
	       STATUS_MALFORMED);
	message = loaded_answer(STATUS_NOT_FOUND, CALL_STORE_TERMINAL_EMPTY, "x");
	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) ==
	       STATUS_MALFORMED);
	message = loaded_answer(STATUS_NOT_FOUND, CALL_STORE_TERMINAL_EMPTY, "");
	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) == STATUS_OK);
	/* absent without a path: an error, not an answer */
	message = fresh();
	EXPECT(store_answer_failed(CALL_STORE_LOAD, 9, STATUS_NOT_FOUND, &message) == STATUS_OK);
	EXPECT(store_take_loaded(buffer_bytes(&message), &loaded, &path, &value) ==
	       STATUS_MALFORMED);
}

static void test_a_failure_of_every_request_is_a_valid_answer(void)
{
	struct call_store_state state;
	struct call_store_loaded loaded;
	struct call_store_listed listed;
	struct call_store_staged staged;
	struct call_store_committed committed;
	struct call_store_segment_state segment;
	struct call_store_head head;
	struct store_path path;
	struct bytes run, undo;
	struct buffer m = fresh();

	EXPECT(store_answer_failed(CALL_STORE_STATE, 1, STATUS_IO, &m) == STATUS_OK);
	EXPECT(store_take_state(buffer_bytes(&m), &state, &run, &undo) == STATUS_OK);
	EXPECT(state.head.status == STATUS_IO && state.head.request == 1);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_LOAD, 1, STATUS_CORRUPT, &m) == STATUS_OK);
	EXPECT(store_take_loaded(buffer_bytes(&m), &loaded, &path, &run) == STATUS_OK);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_LIST, 1, STATUS_CORRUPT, &m) == STATUS_OK);
	EXPECT(store_take_listed(buffer_bytes(&m), &listed, &run) == STATUS_OK);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_STAGE, 1, STATUS_CORRUPT, &m) == STATUS_OK);
	EXPECT(store_take_staged(buffer_bytes(&m), &staged, &run) == STATUS_OK);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_COMMIT, 1, STATUS_CONFLICT, &m) == STATUS_OK);
	EXPECT(store_take_committed(buffer_bytes(&m), &committed) == STATUS_OK);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_SEGMENT_READ, 1, STATUS_NOT_FOUND, &m) == STATUS_OK);
	EXPECT(store_take_segment(buffer_bytes(&m), &segment, &run) == STATUS_OK);
	m = fresh();
	EXPECT(store_answer_failed(CALL_STORE_SYNC, 1, STATUS_IO, &m) == STATUS_OK);
	EXPECT(store_take_head(buffer_bytes(&m), &head) == STATUS_OK);
	EXPECT(store_answer_failed(CALL_STORE_STATE_ANSWER, 1, STATUS_IO, &m) ==
	       STATUS_UNSUPPORTED);
}

static void test_start_facts_are_taken_only_when_every_field_holds(void)
{
	struct call_start_facts facts = {.mode = CALL_START_UNSEAL,
	                                 .pcr_mask = 0xffffff,
	                                 .sealed_mask = 1u << 11,
	                                 .ak_name_len = 34,
	                                 .primary_name_len = 34};
	struct call_start_facts got, bad;

	EXPECT(start_take_facts(bytes_of(&facts, sizeof(facts)), &got) == STATUS_OK);
	EXPECT(start_take_facts(bytes_of(&facts, sizeof(facts) - 1), &got) == STATUS_MALFORMED);
	bad = facts;
	bad.sealed_mask = 1u << 24;
	EXPECT(start_take_facts(bytes_of(&bad, sizeof(bad)), &got) == STATUS_MALFORMED);
	bad = facts;
	bad.ak_name_len = 35;
	EXPECT(start_take_facts(bytes_of(&bad, sizeof(bad)), &got) == STATUS_MALFORMED);
	bad = facts;
	bad.mode = 0;
	memset(bad.node_share, 0xaa, sizeof(bad.node_share));
	EXPECT(start_take_facts(bytes_of(&bad, sizeof(bad)), &got) == STATUS_MALFORMED);
	EXPECT(got.node_share[0] == 0); /* a refused share does not stay behind */
}

int main(void)
{
	RUN(test_a_stage_message_gives_its_operations_back_in_order);
	RUN(test_a_stage_message_takes_no_seventeenth_operation_and_stays_whole);
	RUN(test_every_request_cut_or_lengthened_is_refused);
	RUN(test_requests_out_of_range_are_refused);
	RUN(test_a_loaded_value_comes_with_its_path);
	RUN(test_present_needs_an_own_leaf_and_absent_a_proof); /* freshness: absence is proven */
	RUN(test_a_failure_of_every_request_is_a_valid_answer);
	RUN(test_start_facts_are_taken_only_when_every_field_holds);
	return test_summary();
}
