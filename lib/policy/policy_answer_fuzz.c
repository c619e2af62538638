/* Whatever a module answers: no read outside, and what is taken keeps every promise to its user. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_answer.h"

#include "base_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct policy_decision d;
	static union {
		struct policy_request head;
		_Alignas(
		    8) uint8_t bytes[sizeof(struct policy_request) + sizeof(struct policy_account)];
	} request;
	struct policy_constraint c;
	struct bytes answer = {data, len};
	request.head.kind = POLICY_KIND_TRANSACTION;
	request.head.accounts.off = sizeof(struct policy_request);
	request.head.counters.count = 3;
	request.head.instructions.count = 5;
	request.head.mode = POLICY_MODE_CHECK;
	request.head.flags = len % 2 == 0 ? POLICY_FLAG_EXPLAIN : 0;
	if (policy_answer_decode(answer, BYTES_OF_ARRAY(request.bytes), &d) != STATUS_OK)
		return 0;
	CHECK(d.charge_count <= 3 && d.facts.token_count <= POLICY_TOKENS_MAX);
	CHECK(verdict_allows(d.verdict) || d.charge_count == 0);
	CHECK(d.text_len <= POLICY_DESCRIPTION_MAX && strlen(d.text) == d.text_len);
	CHECK(d.explain_count == 0 || len % 2 == 0);
	for (uint32_t i = 0; i < d.text_len; i++)
		CHECK((uint8_t)d.text[i] >= 0x20 && d.text[i] != 0x7f);
	for (uint32_t i = 0; i < d.explain_count; i++)
		policy_answer_explain(answer, i, &c);
	return 0;
}
