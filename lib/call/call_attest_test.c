/* SPDX-License-Identifier: Apache-2.0 */
#include "call_attest.h"

#include "base_test.h"

static void test_a_credential_comes_apart_into_its_two_parts_and_in_no_other_way(void)
{
	uint8_t raw[sizeof(struct call_attest_activate) + 10 + 20 + 1] = {0};
	const size_t len_right = sizeof(raw) - 1;
	struct call_attest_activate head = {.head.request = 3, .blob_len = 10, .encrypted_len = 20};
	struct call_attest_request request;

	memcpy(raw, &head, sizeof(head));
	raw[sizeof(head)] = 1;
	raw[sizeof(head) + 10] = 2;
	EXPECT(attest_take_request(CALL_ATTEST_ACTIVATE, bytes_of(raw, len_right), &request) ==
	       STATUS_OK);
	EXPECT(request.blob.len == 10 && request.blob.data[0] == 1 && request.encrypted.len == 20 &&
	       request.encrypted.data[0] == 2);
	for (size_t len = 0; len <= sizeof(raw); len++)
		EXPECT(len == len_right ||
		       attest_take_request(CALL_ATTEST_ACTIVATE, bytes_of(raw, len), &request) ==
		           STATUS_MALFORMED);
	head.blob_len = 0;
	head.encrypted_len = 30;
	memcpy(raw, &head, sizeof(head));
	EXPECT(attest_take_request(CALL_ATTEST_ACTIVATE, bytes_of(raw, len_right), &request) ==
	       STATUS_MALFORMED);
}

static void test_a_node_statement_is_bounded_and_an_answer_that_failed_says_no_more(void)
{
	static uint8_t raw[sizeof(struct call_attest_node) + CALL_ATTEST_NODE_MAX + 1];
	struct call_attest_head head = {.request = 9, .status = STATUS_IO};
	struct call_attest_request request;
	struct bytes rest;

	EXPECT(attest_take_request(CALL_ATTEST_NODE, bytes_of(raw, sizeof(raw)), &request) ==
	       STATUS_MALFORMED);
	EXPECT(attest_take_request(CALL_ATTEST_NODE, bytes_of(raw, sizeof(raw) - 1), &request) ==
	           STATUS_OK &&
	       request.statement.len == CALL_ATTEST_NODE_MAX);
	EXPECT(attest_take_request(CALL_ATTEST_NODE, bytes_of(raw, sizeof(struct call_attest_node)),
	                           &request) == STATUS_MALFORMED);
	memcpy(raw, &head, sizeof(head));
	EXPECT(attest_take_answer(bytes_of(raw, sizeof(head)), 64, &head, &rest) == STATUS_OK &&
	       rest.len == 0);
	EXPECT(attest_take_answer(bytes_of(raw, sizeof(head) + 1), 64, &head, &rest) ==
	       STATUS_MALFORMED);
	head.status = STATUS_OK;
	memcpy(raw, &head, sizeof(head));
	EXPECT(attest_take_answer(bytes_of(raw, sizeof(head) + 64), 64, &head, &rest) ==
	           STATUS_OK &&
	       rest.len == 64);
	EXPECT(attest_take_answer(bytes_of(raw, sizeof(head) + 65), 64, &head, &rest) ==
	       STATUS_MALFORMED);
}

static void test_info_with_a_name_too_long_is_refused(void)
{
	struct call_attest_info info = {.ak_name_len = 34};
	struct bytes public, endorsement;

	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public, &endorsement) ==
	       STATUS_OK);
	info.ak_name_len = 35;
	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public, &endorsement) ==
	       STATUS_MALFORMED);
	info.ak_name_len = 34;
	info.is_software = 2;
	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public, &endorsement) ==
	       STATUS_MALFORMED);
}

static void test_requests_have_exactly_their_length_and_no_status(void)
{
	struct call_attest_extend extend = {.head.request = 1};
	struct call_attest_request request;

	EXPECT(attest_take_request(CALL_ATTEST_NV_EXTEND, bytes_of(&extend, sizeof(extend)),
	                           &request) == STATUS_OK);
	for (size_t len = 0; len < sizeof(extend); len++)
		EXPECT(attest_take_request(CALL_ATTEST_NV_EXTEND, bytes_of(&extend, len),
		                           &request) == STATUS_MALFORMED);
	extend.head.status = 1;
	EXPECT(attest_take_request(CALL_ATTEST_NV_EXTEND, bytes_of(&extend, sizeof(extend)),
	                           &request) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_a_credential_comes_apart_into_its_two_parts_and_in_no_other_way);
	RUN(test_a_node_statement_is_bounded_and_an_answer_that_failed_says_no_more);
	RUN(test_info_with_a_name_too_long_is_refused);
	RUN(test_requests_have_exactly_their_length_and_no_status);
	return test_summary();
}
