/* SPDX-License-Identifier: Apache-2.0 */
#include "attestor_answer.h"

#include "base_check.h"

enum status attestor_start(struct attestor *attestor, const struct tpm_name *primary)
{
	struct tpm_name found;
	enum status status = tpm_startup(attestor->tpm);

	if (status == STATUS_OK)
		status = tpm_primary_open(attestor->tpm, false, primary, &found);
	return status == STATUS_OK ? tpm_ak_open(attestor->tpm, &attestor->ak) : status;
}

/* put_failed makes an answer of the fixed part alone. */
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
		status = tpm_ak_public(attestor->tpm, answer);
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
	info.ak_public_len = (uint16_t)(answer->len - sizeof(info));
	memcpy(answer->data, &info, sizeof(info));
}

static enum status put_pcrs(struct tpm *tpm, uint32_t mask, struct buffer *answer)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];
	enum status status = tpm_pcr_read(tpm, mask, values);

	for (uint32_t pcr = 0; status == STATUS_OK && pcr < TPM_PCR_COUNT; pcr++)
		if ((mask >> pcr & 1) != 0)
			status = buffer_put(answer, BYTES_OF_ARRAY(values[pcr]));
	return status;
}

static void answer_quote(struct attestor *attestor, const struct call_attest_quote *quote,
                         struct buffer *answer)
{
	struct call_attest_quoted quoted = {.head.request = quote->head.request,
	                                    .pcr_mask = quote->pcr_mask};
	uint8_t raw_attest[TPM_ATTEST_MAX], raw_signature[TPM_SIGNATURE_MAX];
	struct buffer attest = BUFFER_OF_ARRAY(raw_attest);
	struct buffer signature = BUFFER_OF_ARRAY(raw_signature);
	enum status status =
	    tpm_quote(attestor->tpm, quote->pcr_mask, quote->extra, &attest, &signature);

	quoted.attest_len = (uint16_t)attest.len;
	quoted.signature_len = (uint16_t)signature.len;
	if (status == STATUS_OK)
		status = buffer_put(answer, bytes_of(&quoted, sizeof(quoted)));
	if (status == STATUS_OK)
		status = buffer_put(answer, buffer_bytes(&attest));
	if (status == STATUS_OK)
		status = buffer_put(answer, buffer_bytes(&signature));
	if (status == STATUS_OK)
		status = put_pcrs(attestor->tpm, quote->pcr_mask, answer);
	if (status != STATUS_OK)
		put_failed(answer, sizeof(quoted), quote->head.request, status);
}

static void answer_extend(struct attestor *attestor, const struct call_attest_extend *extend,
                          struct buffer *answer)
{
	struct call_attest_extended extended = {.head.request = extend->head.request};
	enum status status = tpm_nv_extend(attestor->tpm, &tpm_nv_checkpoint, extend->digest);

	if (status == STATUS_OK)
		status = tpm_nv_read(attestor->tpm, &tpm_nv_checkpoint, extended.value,
		                     sizeof(extended.value));
	extended.head.status = (uint32_t)status;
	CHECK(buffer_put(answer, bytes_of(&extended, sizeof(extended))) == STATUS_OK);
}

void attestor_answer(struct attestor *attestor, uint32_t kind,
                     const union call_attest_request *request, struct buffer *ret_answer)
{
	ret_answer->len = 0;
	if (kind == CALL_ATTEST_INFO)
		answer_info(attestor, request->head.request, ret_answer);
	else if (kind == CALL_ATTEST_QUOTE)
		answer_quote(attestor, &request->quote, ret_answer);
	else
		answer_extend(attestor, &request->extend, ret_answer);
}
