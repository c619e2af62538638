/* SPDX-License-Identifier: Apache-2.0 */
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "tpm_esys.h"

/* Restricted: signs only what the TPM itself says. */
static const TPM2B_PUBLIC ak_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                       TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |
                                       TPMA_OBJECT_SIGN_ENCRYPT, .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                            .scheme = {.scheme = TPM2_ALG_ECDSA,
                                                       .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL}}
};

enum status tpm_ak_open(struct tpm *tpm, struct tpm_name *ret_name)
{
	static const TPM2B_SENSITIVE_CREATE no_secret;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	TPM2B_NAME *name = NULL;
	ESYS_TR ak = ESYS_TR_NONE;
	enum status status = tpm_status(
	    tpm,
	    Esys_CreatePrimary(tpm_context(tpm), ESYS_TR_RH_ENDORSEMENT, tpm_authorizer(tpm),
	                       ESYS_TR_NONE, ESYS_TR_NONE, &no_secret, &ak_template, &no_data,
	                       &no_pcrs, &ak, NULL, NULL, NULL, NULL),
	    "making the attestation key");

	if (status == STATUS_OK)
		status = tpm_status(tpm, Esys_TR_GetName(tpm_context(tpm), ak, &name),
		                    "naming the attestation key");
	if (status != STATUS_OK) {
		tpm_flush(tpm, &ak);
		return status;
	}
	tpm_name_take(name, ret_name);
	Esys_Free(name);
	tpm->ak = ak;
	tpm->ak_name = *ret_name;
	return STATUS_OK;
}

enum status tpm_ak_public(struct tpm *tpm, struct buffer *ret_public)
{
	TPM2B_PUBLIC *public = NULL;
	struct tpm_name name;
	uint8_t raw[TPM_PUBLIC_MAX];
	size_t len = 0;
	enum status status =
	    tpm_status(tpm,
	               Esys_ReadPublic(tpm_context(tpm), tpm->ak, tpm->audit, ESYS_TR_NONE,
	                               ESYS_TR_NONE, &public, NULL, NULL),
	               "reading the attestation key");

	if (status != STATUS_OK)
		return status;
	status = tpm_name_of(public, &name);
	if (status == STATUS_OK && !tpm_name_equal(&name, &tpm->ak_name)) {
		tpm->what = "comparing the attestation key with the one that was made";
		tpm->rc = 0;
		status = STATUS_REFUSED;
	}
	if (status == STATUS_OK &&
	    Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, raw, sizeof(raw), &len) !=
	        TSS2_RC_SUCCESS)
		status = STATUS_TOO_LARGE;
	Esys_Free(public);
	return status == STATUS_OK ? buffer_put(ret_public, bytes_of(raw, len)) : status;
}

enum status tpm_quote(struct tpm *tpm, uint32_t mask, const uint8_t extra[32],
                      struct buffer *ret_attest, struct buffer *ret_signature)
{
	static const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's own */
	TPM2B_DATA qualifying = {.size = 32};
	TPML_PCR_SELECTION selection;
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	uint8_t raw[TPM_SIGNATURE_MAX];
	size_t len = 0;
	enum status status;

	memcpy(qualifying.buffer, extra, 32);
	tpm_selection(mask, &selection);
	status = tpm_status(tpm,
	                    Esys_Quote(tpm_context(tpm), tpm->ak, tpm_authorizer(tpm), ESYS_TR_NONE,
	                               ESYS_TR_NONE, &qualifying, &scheme, &selection, &attest,
	                               &signature),
	                    "quoting");
	if (status != STATUS_OK)
		return status;
	if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, raw, sizeof(raw), &len) != TSS2_RC_SUCCESS)
		status = STATUS_TOO_LARGE;
	if (status == STATUS_OK)
		status = buffer_put(ret_attest, bytes_of(attest->attestationData, attest->size));
	if (status == STATUS_OK)
		status = buffer_put(ret_signature, bytes_of(raw, len));
	Esys_Free(attest);
	Esys_Free(signature);
	return status;
}
