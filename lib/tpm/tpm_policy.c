/* Policy sessions: each term is one command (TCG TPM 2.0 Library, part 3, 23). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <tss2/tss2_esys.h>

#include "base_check.h"
#include "base_sha256.h"
#include "tpm_esys.h"

void tpm_policy_drop(struct tpm *tpm)
{
	/* tpm_flush may fail in its turn: what is told is the first failure. */
	uint32_t rc = tpm->rc;
	const char *what = tpm->what;

	tpm_flush(tpm, &tpm->policy);
	tpm->rc = rc;
	tpm->what = what;
}

/* ended drops the session after a failure. */
static enum status ended(struct tpm *tpm, enum status status)
{
	if (status != STATUS_OK)
		tpm_policy_drop(tpm);
	return status;
}

enum status tpm_policy_begin(struct tpm *tpm)
{
	tpm_policy_drop(tpm);
	return tpm_salted(tpm, TPM2_SE_POLICY, &tpm->policy);
}

enum status tpm_policy_pcr(struct tpm *tpm, uint32_t mask)
{
	static const TPM2B_DIGEST as_they_are;
	TPML_PCR_SELECTION selection;

	tpm_selection(mask, &selection);
	return ended(
	    tpm, tpm_status(tpm,
	                    Esys_PolicyPCR(tpm_context(tpm), tpm->policy, ESYS_TR_NONE,
	                                   ESYS_TR_NONE, ESYS_TR_NONE, &as_they_are, &selection),
	                    "evaluating the PCR policy"));
}

enum status tpm_policy_nv(struct tpm *tpm, const struct tpm_nv *nv, const uint8_t *operand,
                          size_t len, uint16_t offset, uint16_t operation)
{
	TPM2B_OPERAND compared = {.size = (uint16_t)len};
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = tpm_nv_find(tpm, nv, &handle);

	CHECK(len <= TPM_COUNTER_LEN);
	if (status != STATUS_OK)
		return ended(tpm, status);
	memcpy(compared.buffer, operand, len);
	status = tpm_status(tpm,
	                    Esys_PolicyNV(tpm_context(tpm), handle, handle, tpm->policy,
	                                  tpm_authorizer(tpm), ESYS_TR_NONE, ESYS_TR_NONE,
	                                  &compared, offset, operation),
	                    "comparing a floor");
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return ended(tpm, status);
}

enum status tpm_policy_nv_written(struct tpm *tpm, bool written)
{
	return ended(tpm, tpm_status(tpm,
	                             Esys_PolicyNvWritten(tpm_context(tpm), tpm->policy,
	                                                  ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
	                                                  written ? TPM2_YES : TPM2_NO),
	                             "asking whether a floor was written"));
}

enum status tpm_policy_increments(struct tpm *tpm)
{
	return ended(tpm, tpm_status(tpm,
	                             Esys_PolicyCommandCode(tpm_context(tpm), tpm->policy,
	                                                    ESYS_TR_NONE, ESYS_TR_NONE,
	                                                    ESYS_TR_NONE, TPM2_CC_NV_Increment),
	                             "naming the command"));
}

/* load_key loads a public key, in the form that lib/approval names. */
static enum status load_key(struct tpm *tpm, const uint8_t key[TPM_KEY_LEN], ESYS_TR *ret_handle)
{
	TPM2B_PUBLIC public = {
	    .publicArea = {.type = TPM2_ALG_ECC,
	                   .nameAlg = TPM2_ALG_SHA256,
	                   .objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT,
	                   .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
	                                            .scheme.scheme = TPM2_ALG_NULL,
	                                            .curveID = TPM2_ECC_NIST_P256,
	                                            .kdf.scheme = TPM2_ALG_NULL},
	                   .unique.ecc = {.x.size = 32, .y.size = 32}}
        };

	memcpy(public.publicArea.unique.ecc.x.buffer, key, 32);
	memcpy(public.publicArea.unique.ecc.y.buffer, key + 32, 32);
	return tpm_status(tpm,
	                  Esys_LoadExternal(tpm_context(tpm), ESYS_TR_NONE, ESYS_TR_NONE,
	                                    ESYS_TR_NONE, NULL, &public, ESYS_TR_RH_OWNER,
	                                    ret_handle),
	                  "loading an authority's public key");
}

static TPMT_SIGNATURE signature_of(const uint8_t raw[64])
{
	TPMT_SIGNATURE signature = {
	    .sigAlg = TPM2_ALG_ECDSA,
	    .signature.ecdsa = {
	                        .hash = TPM2_ALG_SHA256, .signatureR.size = 32, .signatureS.size = 32}
        };

	memcpy(signature.signature.ecdsa.signatureR.buffer, raw, 32);
	memcpy(signature.signature.ecdsa.signatureS.buffer, raw + 32, 32);
	return signature;
}

static TPM2B_NONCE reference_of(const uint8_t bytes[TPM_REFERENCE_LEN])
{
	TPM2B_NONCE reference = {.size = TPM_REFERENCE_LEN};

	memcpy(reference.buffer, bytes, TPM_REFERENCE_LEN);
	return reference;
}

/* verify has the TPM check a signature over SHA-256(policy || reference). */
static enum status verify(struct tpm *tpm, ESYS_TR key, const uint8_t policy[TPM_POLICY_LEN],
                          const TPM2B_NONCE *reference, const uint8_t signature[64],
                          TPMT_TK_VERIFIED **ret_ticket)
{
	TPMT_SIGNATURE signed_so = signature_of(signature);
	TPM2B_DIGEST digest = {.size = SHA256_LEN};
	uint8_t both[TPM_POLICY_LEN + TPM_REFERENCE_LEN];

	memcpy(both, policy, TPM_POLICY_LEN);
	memcpy(both + TPM_POLICY_LEN, reference->buffer, TPM_REFERENCE_LEN);
	sha256_of(BYTES_OF_ARRAY(both), digest.buffer);
	return tpm_status(tpm,
	                  Esys_VerifySignature(tpm_context(tpm), key, ESYS_TR_NONE, ESYS_TR_NONE,
	                                       ESYS_TR_NONE, &digest, &signed_so, ret_ticket),
	                  "checking an approval's signature");
}

enum status tpm_policy_authorize(struct tpm *tpm, const uint8_t key[TPM_KEY_LEN],
                                 const uint8_t reference_bytes[TPM_REFERENCE_LEN],
                                 const uint8_t policy[TPM_POLICY_LEN], const uint8_t signature[64])
{
	TPM2B_NONCE reference = reference_of(reference_bytes);
	TPM2B_DIGEST approved = {.size = TPM_POLICY_LEN};
	TPMT_TK_VERIFIED *ticket = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	TPM2B_NAME *name = NULL;
	enum status status = load_key(tpm, key, &handle);

	memcpy(approved.buffer, policy, TPM_POLICY_LEN);
	if (status == STATUS_OK)
		status = tpm_status(tpm, Esys_TR_GetName(tpm_context(tpm), handle, &name),
		                    "naming an authority's key");
	if (status == STATUS_OK)
		status = verify(tpm, handle, policy, &reference, signature, &ticket);
	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_PolicyAuthorize(tpm_context(tpm), tpm->policy,
		                                         ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		                                         &approved, &reference, name, ticket),
		                    "taking an approval");
	Esys_Free(ticket);
	Esys_Free(name);
	tpm_flush(tpm, &handle);
	return ended(tpm, status);
}

enum status tpm_policy_nonce(struct tpm *tpm, uint8_t ret_nonce[32])
{
	TPM2B_NONCE *nonce = NULL;
	enum status status = tpm_status(
	    tpm, Esys_TRSess_GetNonceTPM(tpm_context(tpm), tpm->policy, &nonce), "reading a nonce");

	if (status == STATUS_OK && nonce->size == 32)
		memcpy(ret_nonce, nonce->buffer, 32);
	else if (status == STATUS_OK)
		status = STATUS_MALFORMED;
	Esys_Free(nonce);
	return ended(tpm, status);
}

enum status tpm_policy_signed(struct tpm *tpm, const uint8_t key[TPM_KEY_LEN],
                              const uint8_t reference_bytes[TPM_REFERENCE_LEN],
                              const uint8_t signature[64])
{
	static const TPM2B_DIGEST any_command;
	TPM2B_NONCE reference = reference_of(reference_bytes), *nonce = NULL;
	TPMT_SIGNATURE signed_so = signature_of(signature);
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = load_key(tpm, key, &handle);

	if (status == STATUS_OK)
		status =
		    tpm_status(tpm, Esys_TRSess_GetNonceTPM(tpm_context(tpm), tpm->policy, &nonce),
		               "reading a nonce");
	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_PolicySigned(tpm_context(tpm), handle, tpm->policy,
		                                      ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		                                      nonce, &any_command, &reference, 0,
		                                      &signed_so, NULL, NULL),
		                    "taking a person's approval");
	Esys_Free(nonce);
	tpm_flush(tpm, &handle);
	/* A wrong approval leaves the session as it was: the next may be right. */
	return status;
}

enum status tpm_policy_or(struct tpm *tpm, const uint8_t (*branches)[TPM_POLICY_LEN], size_t count)
{
	TPML_DIGEST digests = {.count = (uint32_t)count};

	CHECK(count >= 2 && count <= 8);
	for (size_t i = 0; i < count; i++) {
		digests.digests[i].size = TPM_POLICY_LEN;
		memcpy(digests.digests[i].buffer, branches[i], TPM_POLICY_LEN);
	}
	return ended(tpm, tpm_status(tpm,
	                             Esys_PolicyOR(tpm_context(tpm), tpm->policy, ESYS_TR_NONE,
	                                           ESYS_TR_NONE, ESYS_TR_NONE, &digests),
	                             "choosing among approvers"));
}
