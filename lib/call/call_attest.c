/* SPDX-License-Identifier: Apache-2.0 */
#include "call_attest.h"

#define PCR_MASK_ALL ((1u << CALL_ATTEST_PCR_COUNT) - 1u)

static enum status take_fixed(struct bytes *message, void *ret_fixed, size_t len)
{
	if (message->len < len)
		return STATUS_MALFORMED;
	memcpy(ret_fixed, message->data, len);
	*message = bytes_of(message->data + len, message->len - len);
	return STATUS_OK;
}

static struct bytes take_run(struct bytes *message, size_t len)
{
	struct bytes run = bytes_of(message->data, len);

	*message = bytes_of(message->data + len, message->len - len);
	return run;
}

static size_t count_pcrs(uint32_t mask)
{
	size_t count = 0;

	for (; mask != 0; mask &= mask - 1)
		count++;
	return count;
}

enum status attest_take_info(struct bytes message, struct call_attest_info *ret_info,
                             struct bytes *ret_ak_public)
{
	struct call_attest_info info;

	if (take_fixed(&message, &info, sizeof(info)) != STATUS_OK ||
	    info.ak_name_len > sizeof(info.ak_name) || info.ak_public_len != message.len ||
	    info.clock_safe > 1 || info.is_software > 1)
		return STATUS_MALFORMED;
	*ret_info = info;
	*ret_ak_public = message;
	return STATUS_OK;
}

enum status attest_take_quoted(struct bytes message, struct call_attest_quoted *ret_quoted,
                               struct bytes *ret_attest, struct bytes *ret_signature,
                               struct bytes *ret_pcrs)
{
	struct call_attest_quoted quoted;
	size_t pcrs_len;

	if (take_fixed(&message, &quoted, sizeof(quoted)) != STATUS_OK ||
	    (quoted.pcr_mask & ~PCR_MASK_ALL) != 0)
		return STATUS_MALFORMED;
	pcrs_len = 32u * count_pcrs(quoted.pcr_mask);
	if (message.len != (size_t)quoted.attest_len + quoted.signature_len + pcrs_len)
		return STATUS_MALFORMED;
	*ret_attest = take_run(&message, quoted.attest_len);
	*ret_signature = take_run(&message, quoted.signature_len);
	*ret_pcrs = message;
	*ret_quoted = quoted;
	return STATUS_OK;
}

enum status attest_take_extended(struct bytes message, struct call_attest_extended *ret_extended)
{
	if (message.len != sizeof(*ret_extended))
		return STATUS_MALFORMED;
	return take_fixed(&message, ret_extended, sizeof(*ret_extended));
}

enum status attest_take_request(uint32_t kind, struct bytes message,
                                union call_attest_request *ret_request)
{
	union call_attest_request request = {0};
	size_t len = kind == CALL_ATTEST_INFO        ? sizeof(request.head)
	             : kind == CALL_ATTEST_QUOTE     ? sizeof(request.quote)
	             : kind == CALL_ATTEST_NV_EXTEND ? sizeof(request.extend)
	                                             : 0;

	if (len == 0 || message.len != len)
		return STATUS_MALFORMED;
	memcpy(&request, message.data, len);
	if (request.head.status != 0 || request.head.reserved != 0)
		return STATUS_MALFORMED;
	if (kind == CALL_ATTEST_QUOTE &&
	    (request.quote.pcr_mask == 0 || (request.quote.pcr_mask & ~PCR_MASK_ALL) != 0 ||
	     request.quote.reserved != 0))
		return STATUS_MALFORMED;
	*ret_request = request;
	return STATUS_OK;
}
