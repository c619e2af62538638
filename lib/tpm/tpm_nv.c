/* SPDX-License-Identifier: Apache-2.0 */
#include <tss2/tss2_esys.h>

#include "base_check.h"
#include "tpm_esys.h"

#define NV_ATTRIBUTES (TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA)

static enum status define(struct tpm *tpm, uint32_t index, uint32_t kind, uint16_t len)
{
	static const TPM2B_AUTH no_auth;
	TPM2B_NV_PUBLIC public = {
	    .nvPublic = {.nvIndex = index,
	                 .nameAlg = TPM2_ALG_SHA256,
	                 .attributes = NV_ATTRIBUTES | kind,
	                 .dataSize = len}
        };
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status =
	    tpm_status(tpm,
	               Esys_NV_DefineSpace(tpm_context(tpm), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
	                                   ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &public, &handle),
	               "defining an NV index");

	if (status == STATUS_OK)
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_define_extend(struct tpm *tpm, uint32_t index)
{
	return define(tpm, index, TPM2_NT_EXTEND << TPMA_NV_TPM2_NT_SHIFT, 32);
}

enum status tpm_nv_define_counter(struct tpm *tpm, uint32_t index)
{
	return define(tpm, index, TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT, 8);
}

static enum status find(struct tpm *tpm, uint32_t index, ESYS_TR *ret_handle)
{
	return tpm_status(tpm,
	                  Esys_TR_FromTPMPublic(tpm_context(tpm), index, ESYS_TR_NONE, ESYS_TR_NONE,
	                                        ESYS_TR_NONE, ret_handle),
	                  "finding an NV index");
}

enum status tpm_nv_extend(struct tpm *tpm, uint32_t index, const uint8_t data[32])
{
	TPM2B_MAX_NV_BUFFER buffer = {.size = 32};
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = find(tpm, index, &handle);

	if (status != STATUS_OK)
		return status;
	memcpy(buffer.buffer, data, 32);
	status = tpm_status(tpm,
	                    Esys_NV_Extend(tpm_context(tpm), handle, handle, ESYS_TR_PASSWORD,
	                                   ESYS_TR_NONE, ESYS_TR_NONE, &buffer),
	                    "extending an NV index");
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_increment(struct tpm *tpm, uint32_t index)
{
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = find(tpm, index, &handle);

	if (status != STATUS_OK)
		return status;
	status = tpm_status(tpm,
	                    Esys_NV_Increment(tpm_context(tpm), handle, handle, ESYS_TR_PASSWORD,
	                                      ESYS_TR_NONE, ESYS_TR_NONE),
	                    "raising an NV counter");
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_read(struct tpm *tpm, uint32_t index, uint8_t *ret_bytes, size_t len)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = find(tpm, index, &handle);

	CHECK(len <= 512);
	if (status != STATUS_OK)
		return status;
	status = tpm_status(tpm,
	                    Esys_NV_Read(tpm_context(tpm), handle, handle, ESYS_TR_PASSWORD,
	                                 ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)len, 0, &data),
	                    "reading an NV index");
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	if (status != STATUS_OK)
		return status;
	if (data->size == len)
		memcpy(ret_bytes, data->buffer, len);
	else
		status = STATUS_MALFORMED;
	Esys_Free(data);
	return status;
}

enum status tpm_nv_read_counter(struct tpm *tpm, uint32_t index, uint64_t *ret_value)
{
	uint8_t raw[8];
	uint64_t value = 0;
	enum status status = tpm_nv_read(tpm, index, raw, sizeof(raw));

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sizeof(raw); i++)
		value = value << 8 | raw[i];
	*ret_value = value;
	return STATUS_OK;
}
