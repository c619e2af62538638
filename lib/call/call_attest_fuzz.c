/* Fuzzes what bridge, signer and attestor take from each other: what is taken lies inside the
 * message. The first byte is the request's kind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "call_attest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct bytes inner, struct bytes outer)
{
	if (inner.len == 0)
		return;
	CHECK(inner.data >= outer.data && inner.data + inner.len <= outer.data + outer.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct call_attest_request request;
	struct call_attest_info info;
	struct call_attest_head head;
	struct call_attest_extended extended;
	struct bytes message, a = {0}, b = {0};

	if (size == 0)
		return 0;
	message = bytes_of(data + 1, size - 1);
	if (attest_take_request(data[0], message, &request) == STATUS_OK) {
		CHECK(request.head.status == 0);
		inside(request.statement, message);
		inside(request.blob, message);
		inside(request.encrypted, message);
		inside(request.approvals, message);
	}
	if (attest_take_info(message, &info, &a, &b) == STATUS_OK) {
		inside(a, message);
		inside(b, message);
		CHECK(sizeof(info) + a.len + b.len == message.len);
	}
	if (attest_take_answer(message, 64, &head, &a) == STATUS_OK) {
		inside(a, message);
		CHECK(sizeof(head) + a.len == message.len && a.len <= 64);
	}
	if (attest_take_extended(message, &extended) == STATUS_OK)
		CHECK(message.len == sizeof(extended));
	return 0;
}
