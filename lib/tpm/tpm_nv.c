/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "base_check.h"
#include "base_sha256.h"
#include "tpm_esys.h"

/* A TPM that protects its memory from wear, or is at something else, refuses a write for a moment
 * without having begun it (part 2, TPM_RC_NV_RATE, TPM_RC_RETRY). */
#define BUSY_TRIES    20u
#define BUSY_PAUSE_MS 100

const struct tpm_nv tpm_nv_checkpoint = {.index = 0x01434c01u, .kind = TPM_NV_EXTEND};
const struct tpm_nv tpm_nv_boots = {.index = 0x01434c02u, .kind = TPM_NV_COUNTER};

static uint32_t attributes_of(const struct tpm_nv *nv)
{
	uint32_t common = TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA;

	switch (nv->kind) {
	case TPM_NV_EXTEND:
		return common | TPMA_NV_AUTHWRITE | TPM2_NT_EXTEND << TPMA_NV_TPM2_NT_SHIFT;
	case TPM_NV_COUNTER:
		return common | TPMA_NV_AUTHWRITE | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
	case TPM_NV_FLOOR:
		return common | TPMA_NV_POLICYWRITE | TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT;
	}
	CHECK(!"an index has a kind");
	return 0;
}

static TPM2B_NV_PUBLIC public_of(const struct tpm_nv *nv)
{
	TPM2B_NV_PUBLIC public = {
	    .nvPublic = {.nvIndex = nv->index,
	                 .nameAlg = TPM2_ALG_SHA256,
	                 .attributes = attributes_of(nv),
	                 .dataSize = nv->kind == TPM_NV_EXTEND ? SHA256_LEN : TPM_COUNTER_LEN}
        };

	if (nv->kind == TPM_NV_FLOOR) {
		public.nvPublic.authPolicy.size = TPM_POLICY_LEN;
		memcpy(public.nvPublic.authPolicy.buffer, nv->policy, TPM_POLICY_LEN);
	}
	return public;
}

bool tpm_is_again(struct tpm *tpm, enum status status, unsigned *tries)
{
	if (status != STATUS_BUSY ||
	    (tpm->session != ESYS_TR_NONE && tpm_encrypts(tpm, tpm->session) != STATUS_OK) ||
	    ++*tries == BUSY_TRIES)
		return false;
	(void)poll(NULL, 0, BUSY_PAUSE_MS);
	return true;
}

enum status tpm_nv_define(struct tpm *tpm, const struct tpm_nv *nv)
{
	static const TPM2B_AUTH no_auth;
	TPM2B_NV_PUBLIC public = public_of(nv);
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status;
	unsigned tries = 0;

	do
		status = tpm_status(tpm,
		                    Esys_NV_DefineSpace(tpm_context(tpm), ESYS_TR_RH_OWNER,
		                                        tpm_authorizer(tpm), ESYS_TR_NONE,
		                                        ESYS_TR_NONE, &no_auth, &public, &handle),
		                    "defining an NV index");
	while (tpm_is_again(tpm, status, &tries));
	if (status == STATUS_OK)
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

static enum status open_index(struct tpm *tpm, uint32_t index, ESYS_TR *ret_handle)
{
	return tpm_status(tpm,
	                  Esys_TR_FromTPMPublic(tpm_context(tpm), index, ESYS_TR_NONE, ESYS_TR_NONE,
	                                        ESYS_TR_NONE, ret_handle),
	                  "finding an NV index");
}

enum status tpm_nv_is_there(struct tpm *tpm, uint32_t index, bool *ret_there)
{
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = open_index(tpm, index, &handle);

	if (status == STATUS_OK)
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	*ret_there = status == STATUS_OK;
	return STATUS_OK;
}

/* is_ours compares the name that ESYS will authorize with the one of our template, written or not:
 * so neither another index under this number nor a forged public area is ever used. */
static bool is_ours(const struct tpm_nv *nv, const TPM2B_NAME *name)
{
	TPM2B_NV_PUBLIC public = public_of(nv);

	for (int written = 0; written < 2; written++) {
		uint8_t raw[sizeof(TPMS_NV_PUBLIC)], hash[SHA256_LEN];
		size_t len = 0;

		public.nvPublic.attributes |= written != 0 ? TPMA_NV_WRITTEN : 0;
		CHECK(Tss2_MU_TPMS_NV_PUBLIC_Marshal(&public.nvPublic, raw, sizeof(raw), &len) ==
		      TSS2_RC_SUCCESS);
		sha256_of(bytes_of(raw, len), hash);
		if (name->size == 2 + SHA256_LEN && name->name[0] == 0x00 &&
		    name->name[1] == 0x0b && memcmp(name->name + 2, hash, SHA256_LEN) == 0)
			return true;
	}
	return false;
}

enum status tpm_nv_find(struct tpm *tpm, const struct tpm_nv *nv, uint32_t *ret_handle)
{
	ESYS_TR handle = ESYS_TR_NONE;
	TPM2B_NAME *name = NULL;
	enum status status = open_index(tpm, nv->index, &handle);

	if (status != STATUS_OK)
		return status;
	status =
	    tpm_status(tpm, Esys_TR_GetName(tpm_context(tpm), handle, &name), "naming an NV index");
	if (status == STATUS_OK && !is_ours(nv, name)) {
		tpm->what = "comparing an NV index with what genesis made";
		tpm->rc = 0;
		status = STATUS_CORRUPT;
	}
	Esys_Free(name);
	if (status == STATUS_OK)
		*ret_handle = handle;
	else
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_undefine(struct tpm *tpm, const struct tpm_nv *nv)
{
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = tpm_nv_find(tpm, nv, &handle);
	unsigned tries = 0;

	if (status != STATUS_OK)
		return status;
	do
		status = tpm_status(tpm,
		                    Esys_NV_UndefineSpace(tpm_context(tpm), ESYS_TR_RH_OWNER,
		                                          handle, tpm_authorizer(tpm), ESYS_TR_NONE,
		                                          ESYS_TR_NONE),
		                    "undefining an NV index");
	while (tpm_is_again(tpm, status, &tries));
	if (status != STATUS_OK)
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

/* has_form: all but the policy, which depends on a genesis. */
static enum status has_form(struct tpm *tpm, ESYS_TR handle, const struct tpm_nv *nv)
{
	TPM2B_NV_PUBLIC *found = NULL, ours = public_of(nv);
	enum status status =
	    tpm_status(tpm,
	               Esys_NV_ReadPublic(tpm_context(tpm), handle, ESYS_TR_NONE, ESYS_TR_NONE,
	                                  ESYS_TR_NONE, &found, NULL),
	               "reading an NV index's public area");

	if (status != STATUS_OK)
		return status;
	if ((found->nvPublic.attributes & ~TPMA_NV_WRITTEN) != ours.nvPublic.attributes ||
	    found->nvPublic.dataSize != ours.nvPublic.dataSize)
		status = STATUS_CONFLICT;
	Esys_Free(found);
	return status;
}

enum status tpm_nv_discard(struct tpm *tpm, const struct tpm_nv *nv)
{
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = open_index(tpm, nv->index, &handle);
	unsigned tries = 0;

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = has_form(tpm, handle, nv);
	if (status == STATUS_OK)
		do
			status = tpm_status(
			    tpm,
			    Esys_NV_UndefineSpace(tpm_context(tpm), ESYS_TR_RH_OWNER, handle,
			                          tpm_authorizer(tpm), ESYS_TR_NONE, ESYS_TR_NONE),
			    "undefining an NV index");
		while (tpm_is_again(tpm, status, &tries));
	if (status != STATUS_OK && handle != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_extend(struct tpm *tpm, const struct tpm_nv *nv, const uint8_t data[32])
{
	TPM2B_MAX_NV_BUFFER buffer = {.size = 32};
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = tpm_nv_find(tpm, nv, &handle);
	unsigned tries = 0;

	if (status != STATUS_OK)
		return status;
	memcpy(buffer.buffer, data, 32);
	do
		status =
		    tpm_status(tpm,
		               Esys_NV_Extend(tpm_context(tpm), handle, handle, tpm_authorizer(tpm),
		                              ESYS_TR_NONE, ESYS_TR_NONE, &buffer),
		               "extending an NV index");
	while (tpm_is_again(tpm, status, &tries));
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

static enum status increment(struct tpm *tpm, const struct tpm_nv *nv, ESYS_TR session)
{
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = tpm_nv_find(tpm, nv, &handle);
	unsigned tries = 0;

	if (status != STATUS_OK)
		return status;
	do
		status = tpm_status(tpm,
		                    Esys_NV_Increment(tpm_context(tpm), handle, handle, session,
		                                      ESYS_TR_NONE, ESYS_TR_NONE),
		                    "raising an NV counter");
	while (tpm_is_again(tpm, status, &tries));
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

enum status tpm_nv_increment(struct tpm *tpm, const struct tpm_nv *nv)
{
	return increment(tpm, nv, tpm_authorizer(tpm));
}

enum status tpm_nv_raise(struct tpm *tpm, const struct tpm_nv *nv)
{
	enum status status = increment(tpm, nv, tpm->policy);

	tpm_policy_drop(tpm);
	return status;
}

enum status tpm_nv_read(struct tpm *tpm, const struct tpm_nv *nv, uint8_t *ret_bytes, size_t len)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = tpm_nv_find(tpm, nv, &handle);

	CHECK(len <= 512);
	if (status != STATUS_OK)
		return status;
	status = tpm_status(tpm,
	                    Esys_NV_Read(tpm_context(tpm), handle, handle, tpm_authorizer(tpm),
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

enum status tpm_nv_read_counter(struct tpm *tpm, const struct tpm_nv *nv, uint64_t *ret_value)
{
	uint8_t raw[TPM_COUNTER_LEN];
	uint64_t value = 0;
	enum status status = tpm_nv_read(tpm, nv, raw, sizeof(raw));

	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sizeof(raw); i++)
		value = value << 8 | raw[i];
	*ret_value = value;
	return STATUS_OK;
}
