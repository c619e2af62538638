/* Fuzzes what each side takes from the other. Property: what is taken lies inside the message, and
 * a checked request never fails later. Seeds: the first byte is the request's kind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "call_start.h"
#include "call_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes inner, struct bytes outer)
{
	if (inner.len == 0)
		return;
	CHECK(inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

static void take_answers(struct bytes message)
{
	struct call_store_state state;
	struct call_store_loaded loaded;
	struct call_store_listed listed;
	struct call_store_staged staged;
	struct call_store_segment_state segment;
	struct call_store_backed backed;
	struct store_path path;
	struct bytes run = {0}, undo = {0};

	if (store_take_state(message, &state, &run, &undo) == STATUS_OK) {
		inside(run, message);
		inside(undo, message);
	}
	if (store_take_loaded(message, &loaded, &path, &run) == STATUS_OK) {
		inside(run, message);
		inside(path.siblings, message);
	}
	if (store_take_listed(message, &listed, &run) == STATUS_OK)
		CHECK(run.len == 32u * listed.count);
	if (store_take_staged(message, &staged, &run) == STATUS_OK)
		for (uint32_t i = 0; i < staged.count; i++) {
			CHECK(store_take_path(&run, &path) == STATUS_OK);
			inside(path.siblings, message);
		}
	if (store_take_segment(message, &segment, &run) == STATUS_OK)
		inside(run, message);
	if (store_take_backed(message, &backed, &run) == STATUS_OK)
		inside(run, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_request request;
	struct call_start_failed failed;
	static struct call_start_facts facts;
	struct bytes message;

	if (size == 0)
		return 0;
	message = bytes_of(data + 1, size - 1);
	if (store_take_request(data[0], message, &request) == STATUS_OK) {
		struct bytes ops = request.payload;
		struct store_op op;

		inside(request.payload, message);
		CHECK(store_answer_kind(request.kind) != 0);
		if (request.kind == CALL_STORE_STAGE)
			for (uint32_t i = 0; i < request.of.stage.count; i++) {
				CHECK(store_take_op(&ops, &op) == STATUS_OK);
				inside(op.value, message);
			}
	}
	take_answers(message);
	if (start_take_failed(message, &failed) == STATUS_OK)
		CHECK(start_reason_text(failed.reason) != NULL);
	if (start_take_facts(message, &facts) == STATUS_OK)
		CHECK(facts.ak_name_len <= sizeof(facts.ak_name));
	return 0;
}
