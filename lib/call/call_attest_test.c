/* SPDX-License-Identifier: Apache-2.0 */
#include "call_attest.h"

#include "base_test.h"

static void test_a_quote_comes_apart_into_its_three_parts_and_in_no_other_way(void)
{
	uint8_t raw[24 + 10 + 20 + 64 + 1] = {0};
	struct call_attest_quoted quoted = {
	    .head.request = 3, .pcr_mask = 0x800001, .attest_len = 10, .signature_len = 20};
	struct bytes attest, signature, pcrs;

	memcpy(raw, &quoted, sizeof(quoted));
	raw[24] = 1;
	raw[34] = 2;
	raw[54] = 3;
	EXPECT(attest_take_quoted(bytes_of(raw, 118), &quoted, &attest, &signature, &pcrs) ==
	       STATUS_OK);
	EXPECT(attest.data[0] == 1 && attest.len == 10 && signature.data[0] == 2 &&
	       signature.len == 20 && pcrs.data[0] == 3 && pcrs.len == 64);
	for (size_t len = 0; len <= sizeof(raw); len++)
		EXPECT(len == 118 || attest_take_quoted(bytes_of(raw, len), &quoted, &attest,
		                                        &signature, &pcrs) == STATUS_MALFORMED);
}

static void test_info_with_a_name_too_long_is_refused(void)
{
	struct call_attest_info info = {.ak_name_len = 34};
	struct bytes public;

	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public) == STATUS_OK);
	info.ak_name_len = 35;
	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public) == STATUS_MALFORMED);
	info.ak_name_len = 34;
	info.is_software = 2;
	EXPECT(attest_take_info(bytes_of(&info, sizeof(info)), &info, &public) == STATUS_MALFORMED);
}

static void test_requests_have_exactly_their_length_and_no_status(void)
{
	struct call_attest_extend extend = {.head.request = 1};
	union call_attest_request request;

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
	RUN(test_a_quote_comes_apart_into_its_three_parts_and_in_no_other_way);
	RUN(test_info_with_a_name_too_long_is_refused);
	RUN(test_requests_have_exactly_their_length_and_no_status);
	return test_summary();
}
