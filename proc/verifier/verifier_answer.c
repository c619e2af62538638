/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier_answer.h"

#include "base_check.h"
#include "ipc_channel.h"
#include "policy_abi.h"

/* The whole answer a module may give: fixed part, explain records and text. */
#define ANSWER_MAX (sizeof(struct policy_answer) + POLICY_TAIL_MAX)

_Static_assert(sizeof(struct call_check_verdict) + ANSWER_MAX <= IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES),
               "an answer fits a slot");
_Static_assert(sizeof(struct call_check_run) + POLICY_REQUEST_MAX <=
                   IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES),
               "a request fits a slot");
_Static_assert(sizeof(struct call_check_module_state_reply) + LIMIT_SCHEMA_MAX <=
                   IPC_PAYLOAD(CALL_CHECK_SLOT_BYTES),
               "a schema fits a slot");

static void put(struct buffer *reply, const void *bytes, size_t len)
{
	/* The caller's buffer is a slot's payload, and the assertions above say that all fits. */
	CHECK(buffer_put(reply, bytes_of(bytes, len)) == STATUS_OK);
}

/* Copies the answer out of the module's memory and returns its length: 0 when its parts do not fit
 * or when the return value and the verdict differ, which the signer reads as a bad answer. */
static uint32_t copy_answer(const uint8_t *area, const struct call_check_run *request,
                            const struct wasm_run *run, struct buffer *reply)
{
	const uint8_t *at = area + POLICY_ANSWER_OFFSET;
	struct policy_answer answer;
	size_t tail;

	memcpy(&answer, at, sizeof(answer));
	if (request->what == CALL_CHECK_WHAT_CHECK && answer.verdict != run->value)
		return 0;
	if (answer.explain_count > POLICY_EXPLAIN_MAX || answer.text_len > POLICY_TAIL_MAX)
		return 0;
	tail = answer.explain_count * sizeof(struct policy_explain) + answer.text_len;
	if (tail > POLICY_TAIL_MAX)
		return 0;
	put(reply, &answer, sizeof(answer));
	put(reply, at + sizeof(answer), tail);
	return (uint32_t)(sizeof(answer) + tail);
}

static void answer_verdict(struct verifier_module *module, const struct call_check_run *request,
                           struct bytes bytes, struct buffer *ret_reply)
{
	struct call_check_verdict verdict = {.outcome = CALL_CHECK_BAD};
	struct buffer answer = {ret_reply->data + sizeof(verdict), ret_reply->cap - sizeof(verdict),
	                        0};
	struct wasm_run run = {0};
	const uint8_t *area;

	memcpy(verdict.ticket, request->ticket, sizeof(verdict.ticket));
	memcpy(verdict.module, request->module, sizeof(verdict.module));
	memcpy(verdict.request_hash, request->request_hash, sizeof(verdict.request_hash));
	if (bytes.len <= POLICY_REQUEST_MAX &&
	    wasm_policy_fresh(&module->policy, &area) == STATUS_OK) {
		wasm_policy_put(&module->policy, 0, bytes);
		wasm_policy_clear(&module->policy, POLICY_ANSWER_OFFSET,
		                  sizeof(struct policy_answer));
		CHECK(wasm_policy_run(&module->policy,
		                      request->what == CALL_CHECK_WHAT_CHECK ? WASM_ENTRY_CHECK
		                                                             : WASM_ENTRY_DESCRIBE,
		                      request->fuel, &run) == STATUS_OK);
		verdict.outcome = run.outcome == WASM_OUTCOME_RAN    ? CALL_CHECK_RAN
		                  : run.outcome == WASM_OUTCOME_FUEL ? CALL_CHECK_FUEL
		                                                     : CALL_CHECK_TRAP;
		verdict.fuel_used = run.fuel_used;
		if (run.outcome == WASM_OUTCOME_RAN)
			verdict.answer_len = copy_answer(area, request, &run, &answer);
	}
	put(ret_reply, &verdict, sizeof(verdict));
	ret_reply->len += verdict.answer_len;
}

static enum status answer_run(struct verifier *verifier, struct bytes message, uint32_t *ret_kind,
                              struct buffer *ret_reply)
{
	struct call_check_need_module need;
	struct verifier_module *module;
	struct call_check_run run;

	if (message.len < sizeof(run))
		return STATUS_MALFORMED;
	memcpy(&run, message.data, sizeof(run));
	if (run.request_len != message.len - sizeof(run) || run.fuel == 0 ||
	    run.fuel > (run.what == CALL_CHECK_WHAT_DESCRIBE ? LIMIT_FUEL_PER_DESCRIPTION
	                                                     : LIMIT_FUEL_PER_CHECK) ||
	    (run.what != CALL_CHECK_WHAT_CHECK && run.what != CALL_CHECK_WHAT_DESCRIBE))
		return STATUS_MALFORMED;
	module = verifier_cache_find(&verifier->cache, run.module);
	if (module == NULL) {
		memcpy(need.ticket, run.ticket, sizeof(need.ticket));
		memcpy(need.module, run.module, sizeof(need.module));
		put(ret_reply, &need, sizeof(need));
		*ret_kind = CALL_CHECK_NEED_MODULE;
		return STATUS_OK;
	}
	answer_verdict(module, &run, bytes_of(message.data + sizeof(run), run.request_len),
	               ret_reply);
	*ret_kind = CALL_CHECK_VERDICT;
	return STATUS_OK;
}

static enum status answer_module(struct verifier *verifier, struct bytes message,
                                 struct bytes window, uint32_t *ret_kind, struct buffer *ret_reply)
{
	struct call_check_module_state_reply state = {0};
	struct call_check_module request;
	struct verifier_module *module;
	struct wasm_error error = {0};
	uint8_t hash[SHA256_LEN];
	struct bytes text = {0};
	enum status s;

	if (message.len != sizeof(request))
		return STATUS_MALFORMED;
	memcpy(&request, message.data, sizeof(request));
	if (request.len > window.len || request.len > sizeof(verifier->module) ||
	    request.custom > 1)
		return STATUS_MALFORMED;
	memcpy(state.ticket, request.ticket, sizeof(state.ticket));
	memcpy(state.module, request.module, sizeof(state.module));
	ipc_copy_in(verifier->module, window.data, request.len);
	sha256_of(bytes_of(verifier->module, request.len), hash);
	state.state = CALL_CHECK_MODULE_MISMATCH;
	if (memcmp(hash, request.module, sizeof(hash)) == 0) {
		s = verifier_cache_load(&verifier->cache, hash,
		                        bytes_of(verifier->module, request.len), &module, &error);
		if (s == STATUS_OK) {
			state.state = CALL_CHECK_MODULE_LOADED;
			text = bytes_of(verifier->module + module->policy.parameters.off,
			                module->policy.parameters.len);
			state.schema_len = (uint32_t)text.len;
		} else {
			state.state = CALL_CHECK_MODULE_REFUSED;
			state.where = error.where;
			text = bytes_of_text(error.text);
			state.text_len = (uint32_t)text.len;
		}
	}
	put(ret_reply, &state, sizeof(state));
	put(ret_reply, text.data, text.len);
	*ret_kind = CALL_CHECK_MODULE_STATE;
	return STATUS_OK;
}

enum status verifier_answer(struct verifier *verifier, uint32_t kind, struct bytes message,
                            struct bytes window, uint32_t *ret_kind, struct buffer *ret_reply)
{
	if (kind == CALL_CHECK_RUN)
		return answer_run(verifier, message, ret_kind, ret_reply);
	if (kind == CALL_CHECK_MODULE)
		return answer_module(verifier, message, window, ret_kind, ret_reply);
	return STATUS_MALFORMED;
}
