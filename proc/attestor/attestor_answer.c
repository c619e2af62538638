/* SPDX-License-Identifier: Apache-2.0 */
#include "attestor_answer.h"

#include "base_check.h"

enum status attestor_start(struct attestor *attestor, const struct tpm_name *primary)
{
	struct tpm_info info;
	enum status status = tpm_startup(attestor->tpm);

	if (status == STATUS_OK)
		status = tpm_primary_open(attestor->tpm, false, primary, &attestor->primary);
	if (status == STATUS_OK)
		status = tpm_ak_open(attestor->tpm, &attestor->ak);
	if (status == STATUS_OK)
		status = tpm_info(attestor->tpm, &info);
	if (status == STATUS_OK) {
		attestor->reset_count = info.reset_count;
		attestor->restart_count = info.restart_count;
	}
	return status == STATUS_OK ? attestor_evidence_start(attestor->evidence, attestor->tpm)
	                           : status;
}

enum status attestor_watch(struct attestor *attestor)
{
	struct tpm_info info;
	enum status status = tpm_info(attestor->tpm, &info);

	if (status != STATUS_OK)
		return status;
	return info.reset_count == attestor->reset_count &&
	               info.restart_count == attestor->restart_count
	           ? STATUS_OK
	           : STATUS_REFUSED;
}

/* put_failed makes an answer of the fixed part alone; with STATUS_OK that is all there is to say.
 */
static void put_failed(struct buffer *answer, size_t fixed_len, uint64_t request,
                       enum status status)
{
	struct call_attest_head head = {.request = request, .status = (uint32_t)status};

	CHECK(answer->cap >= fixed_len);
	memset(answer->data, 0, fixed_len);
	memcpy(answer->data, &head, sizeof(head));
	answer->len = fixed_len;
}

static void answer_info(struct attestor *attestor, uint64_t request, struct buffer *answer)
{
	struct call_attest_info info = {.head.request = request};
	struct tpm_info tpm_facts;
	enum status status = tpm_info(attestor->tpm, &tpm_facts);

	if (status == STATUS_OK)
		status = buffer_put(answer, bytes_of(&info, sizeof(info)));
	if (status == STATUS_OK)
		status = buffer_put(answer, buffer_bytes(&attestor->evidence->ak));
	if (status == STATUS_OK)
		status = buffer_put(answer, buffer_bytes(&attestor->evidence->ek));
	if (status != STATUS_OK) {
		put_failed(answer, sizeof(info), request, status);
		return;
	}
	info.clock_ms = tpm_facts.clock_ms;
	info.reset_count = tpm_facts.reset_count;
	info.restart_count = tpm_facts.restart_count;
	info.clock_safe = tpm_facts.clock_safe;
	info.is_software = tpm_facts.is_software;
	info.firmware_version_high = tpm_facts.firmware_high;
	info.firmware_version_low = tpm_facts.firmware_low;
	memcpy(info.manufacturer, tpm_facts.manufacturer, sizeof(info.manufacturer));
	info.ak_name_len = attestor->ak.len;
	memcpy(info.ak_name, attestor->ak.bytes, attestor->ak.len);
	CHECK(attestor->primary.len == sizeof(info.primary_name));
	memcpy(info.primary_name, attestor->primary.bytes, sizeof(info.primary_name));
	info.ak_public_len = (uint16_t)attestor->evidence->ak.len;
	info.ek_public_len = (uint16_t)attestor->evidence->ek.len;
	memcpy(answer->data, &info, sizeof(info));
}

static void answer_evidence(struct attestor *attestor, const struct call_attest_evidence *asked,
                            struct buffer *answer)
{
	struct call_attest_head head = {.request = asked->head.request};
	enum status status = buffer_put(answer, bytes_of(&head, sizeof(head)));

	if (status == STATUS_OK)
		status = attestor_evidence_put(attestor->evidence, asked->root, answer);
	if (status != STATUS_OK)
		put_failed(answer, sizeof(head), asked->head.request, status);
}

static void answer_node(struct attestor *attestor, const struct call_attest_request *request,
                        struct buffer *answer)
{
	put_failed(answer, sizeof(request->head), request->head.request,
	           attestor_evidence_node(attestor->evidence, &request->node, request->statement));
}

static void answer_activate(struct attestor *attestor, const struct call_attest_request *request,
                            struct buffer *answer)
{
	struct call_attest_head head = {.request = request->head.request};
	enum status status = buffer_put(answer, bytes_of(&head, sizeof(head)));

	if (status == STATUS_OK && attestor->evidence->kind == TPM_EK_NONE)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		status = tpm_activate(attestor->tpm, attestor->evidence->kind, request->blob,
		                      request->encrypted, answer);
	if (status != STATUS_OK)
		put_failed(answer, sizeof(head), request->head.request, status);
}

/* raise_boots brings the boot counter to what this boot's checkpoints carry: by one at its first
 * extend, not at all later. */
static enum status raise_boots(struct tpm *tpm, uint64_t wanted, uint64_t *ret_boots)
{
	uint64_t boots = 0;
	enum status status = tpm_nv_read_counter(tpm, &tpm_nv_boots, &boots);

	if (status == STATUS_OK && (boots > wanted || wanted - boots > 1))
		status = STATUS_CONFLICT;
	if (status == STATUS_OK && boots < wanted)
		status = tpm_nv_increment(tpm, &tpm_nv_boots);
	if (status == STATUS_OK)
		status = tpm_nv_read_counter(tpm, &tpm_nv_boots, ret_boots);
	return status;
}

static void answer_extend(struct attestor *attestor, const struct call_attest_extend *extend,
                          struct buffer *answer)
{
	struct call_attest_extended extended = {.head.request = extend->head.request};
	enum status status = STATUS_OK;

	if (!attestor->extended || memcmp(attestor->extended_digest, extend->digest, 32) != 0) {
		status = tpm_nv_extend(attestor->tpm, &tpm_nv_checkpoint, extend->digest);
		attestor->extended = status == STATUS_OK;
		memcpy(attestor->extended_digest, extend->digest, 32);
	}
	if (status == STATUS_OK)
		status = tpm_nv_read(attestor->tpm, &tpm_nv_checkpoint, extended.value,
		                     sizeof(extended.value));
	if (status == STATUS_OK)
		status = raise_boots(attestor->tpm, extend->boots, &extended.boots);
	if (status != STATUS_BUSY)
		attestor->extended = false;
	extended.head.status = (uint32_t)status;
	CHECK(buffer_put(answer, bytes_of(&extended, sizeof(extended))) == STATUS_OK);
}

static void answer_floor(struct attestor *attestor, const struct call_attest_request *request,
                         struct buffer *answer)
{
	struct call_attest_head head = {.request = request->head.request};
	struct call_attest_floors floors;
	enum status status = STATUS_OK;

	if (request->step.len != 0) {
		status = attestor_floor_step(attestor->floor, attestor->tpm, request->step);
		/* What evidence says of the floors is certified anew. */
		if (status == STATUS_OK && attestor->evidence->committed)
			status = attestor_certify(attestor->evidence);
	}
	if (status == STATUS_OK)
		status = attestor_floor_read(attestor->floor, attestor->tpm, &floors);
	head.status = (uint32_t)status;
	CHECK(buffer_put(answer, bytes_of(&head, sizeof(head))) == STATUS_OK);
	if (status == STATUS_OK)
		CHECK(buffer_put(answer, bytes_of(&floors, sizeof(floors))) == STATUS_OK);
}

static void answer_judge(struct attestor *attestor, const struct call_attest_request *request,
                         struct buffer *answer)
{
	struct call_attest_head head = {.request = request->head.request};
	struct call_attest_judged judged = {.code = 0};
	enum status status = attestor_floor_judge(attestor->floor, attestor->tpm, &request->judge,
	                                          request->approvals, &judged);

	head.status = (uint32_t)status;
	CHECK(buffer_put(answer, bytes_of(&head, sizeof(head))) == STATUS_OK);
	if (status == STATUS_OK)
		CHECK(buffer_put(answer, bytes_of(&judged, sizeof(judged))) == STATUS_OK);
}

void attestor_answer(struct attestor *attestor, uint32_t kind,
                     const struct call_attest_request *request, struct buffer *ret_answer)
{
	ret_answer->len = 0;
	switch (kind) {
	case CALL_ATTEST_INFO:
		answer_info(attestor, request->head.request, ret_answer);
		return;
	case CALL_ATTEST_EVIDENCE:
		answer_evidence(attestor, &request->evidence, ret_answer);
		return;
	case CALL_ATTEST_NODE:
		answer_node(attestor, request, ret_answer);
		return;
	case CALL_ATTEST_ACTIVATE:
		answer_activate(attestor, request, ret_answer);
		return;
	case CALL_ATTEST_FLOOR:
		answer_floor(attestor, request, ret_answer);
		return;
	case CALL_ATTEST_JUDGE:
		answer_judge(attestor, request, ret_answer);
		return;
	case CALL_ATTEST_USUAL:
		memcpy(attestor->floor->usual, request->usual.pcr, TPM_PCR_LEN);
		attestor->floor->has_usual = true;
		put_failed(ret_answer, sizeof(request->head), request->head.request, STATUS_OK);
		return;
	default:
		answer_extend(attestor, &request->extend, ret_answer);
	}
}
