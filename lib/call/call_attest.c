/* SPDX-License-Identifier: Apache-2.0 */
#include "call_attest.h"

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

enum status attest_take_info(struct bytes message, struct call_attest_info *ret_info,
                             struct bytes *ret_ak_public, struct bytes *ret_ek_public)
{
	static const uint8_t zeros[sizeof(ret_info->reserved2)];
	struct call_attest_info info;

	if (take_fixed(&message, &info, sizeof(info)) != STATUS_OK ||
	    info.ak_name_len > sizeof(info.ak_name) || info.reserved != 0 ||
	    memcmp(info.reserved2, zeros, sizeof(zeros)) != 0 ||
	    (size_t)info.ak_public_len + info.ek_public_len != message.len || info.clock_safe > 1 ||
	    info.is_software > 1)
		return STATUS_MALFORMED;
	*ret_info = info;
	*ret_ak_public = take_run(&message, info.ak_public_len);
	*ret_ek_public = message;
	return STATUS_OK;
}

enum status attest_take_answer(struct bytes message, size_t max, struct call_attest_head *ret_head,
                               struct bytes *ret_rest)
{
	struct call_attest_head head;

	if (take_fixed(&message, &head, sizeof(head)) != STATUS_OK || message.len > max ||
	    (head.status != STATUS_OK && message.len != 0))
		return STATUS_MALFORMED;
	*ret_head = head;
	*ret_rest = message;
	return STATUS_OK;
}

enum status attest_take_extended(struct bytes message, struct call_attest_extended *ret_extended)
{
	if (message.len != sizeof(*ret_extended))
		return STATUS_MALFORMED;
	return take_fixed(&message, ret_extended, sizeof(*ret_extended));
}

/* fixed_len is the length of a request's struct; 0: no such request. */
static size_t fixed_len(uint32_t kind)
{
	switch (kind) {
	case CALL_ATTEST_INFO:
	case CALL_ATTEST_FLOOR:
		return sizeof(struct call_attest_head);
	case CALL_ATTEST_EVIDENCE:
		return sizeof(struct call_attest_evidence);
	case CALL_ATTEST_NV_EXTEND:
		return sizeof(struct call_attest_extend);
	case CALL_ATTEST_NODE:
		return sizeof(struct call_attest_node);
	case CALL_ATTEST_ACTIVATE:
		return sizeof(struct call_attest_activate);
	case CALL_ATTEST_JUDGE:
		return sizeof(struct call_attest_judge);
	case CALL_ATTEST_USUAL:
		return sizeof(struct call_attest_usual);
	default:
		return 0;
	}
}

static bool take_credential(struct bytes rest, struct call_attest_request *request)
{
	const struct call_attest_activate *head = &request->activate;

	if (head->reserved != 0 || head->blob_len == 0 || head->encrypted_len == 0 ||
	    head->blob_len > CALL_ATTEST_CREDENTIAL_MAX ||
	    head->encrypted_len > CALL_ATTEST_CREDENTIAL_MAX ||
	    rest.len != (size_t)head->blob_len + head->encrypted_len)
		return false;
	request->blob = take_run(&rest, head->blob_len);
	request->encrypted = rest;
	return true;
}

enum status attest_take_request(uint32_t kind, struct bytes message,
                                struct call_attest_request *ret_request)
{
	struct call_attest_request request = {.head.request = 0};
	size_t len = fixed_len(kind);

	if (len == 0 || take_fixed(&message, &request.head, len) != STATUS_OK ||
	    request.head.status != 0 || request.head.reserved != 0)
		return STATUS_MALFORMED;
	if (kind == CALL_ATTEST_NODE) {
		if (message.len == 0 || message.len > CALL_ATTEST_NODE_MAX)
			return STATUS_MALFORMED;
		request.statement = message;
	} else if (kind == CALL_ATTEST_ACTIVATE) {
		if (!take_credential(message, &request))
			return STATUS_MALFORMED;
	} else if (kind == CALL_ATTEST_FLOOR) {
		if (message.len > CALL_ATTEST_STEP_MAX)
			return STATUS_MALFORMED;
		request.step = message;
	} else if (kind == CALL_ATTEST_JUDGE) {
		if (message.len == 0 || message.len > CALL_ATTEST_APPROVALS_MAX)
			return STATUS_MALFORMED;
		request.approvals = message;
	} else if (message.len != 0) {
		return STATUS_MALFORMED;
	}
	*ret_request = request;
	return STATUS_OK;
}
