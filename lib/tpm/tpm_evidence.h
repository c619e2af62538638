/* tpm_evidence: what the attestor takes from the TPM to show others: the endorsement key and its
 * maker's certificate, credential activation, certificates of NV indices. After tpm_ak_open. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_EVIDENCE_H
#define TPM_EVIDENCE_H

#include "tpm.h"

#define TPM_CERTIFICATE_MAX 4096
#define TPM_CHAIN_MAX       8192

/* Which endorsement key: the TCG EK Credential Profile's templates of which a certificate may lie
 * in NV. */
enum tpm_endorsement {
	TPM_EK_NONE = 0,
	TPM_EK_P256 = 1,      /* L-2, certificate in 0x01C0000A */
	TPM_EK_RSA = 2,       /* L-1, certificate in 0x01C00002 */
	TPM_EK_P256_HIGH = 3, /* H-2, certificate in 0x01C00014 */
	TPM_EK_RSA_HIGH = 4,  /* H-1, certificate in 0x01C00012 */
	TPM_EK_P384 = 5,      /* H-3, certificate in 0x01C00016 */
	TPM_EK_RSA_3072 = 6,  /* H-6, certificate in 0x01C0001C */
};

/* tpm_ek_certificate finds the first certificate in that order and appends its DER without padding;
 * TPM_EK_NONE and STATUS_OK when the TPM has none. */
MUST_USE enum status tpm_ek_certificate(struct tpm *tpm, enum tpm_endorsement *ret_kind,
                                        struct buffer *ret_der);
/* tpm_ek_chain appends what some makers leave in the indices from 0x01C00100 on: certificates
 * between the EK's and their root, DER, one behind the other, over the borders of indices. Nothing
 * and STATUS_OK when there is none. */
MUST_USE enum status tpm_ek_chain(struct tpm *tpm, struct buffer *ret_ders);
/* tpm_ek_public appends the key's TPMT_PUBLIC: the persistent one where its maker left it, else it
 * is made anew from the template, which may take a discrete TPM some seconds. */
MUST_USE enum status tpm_ek_public(struct tpm *tpm, enum tpm_endorsement kind,
                                   struct buffer *ret_public);
/* tpm_activate is TPM2_ActivateCredential for the attestation key: `blob` and `encrypted` as
 * keys_credential_make gives them. REFUSED when they are for another TPM or another key. */
MUST_USE enum status tpm_activate(struct tpm *tpm, enum tpm_endorsement kind, struct bytes blob,
                                  struct bytes encrypted, struct buffer *ret_secret);

/* tpm_nv_certify signs a whole NV index (at most 512 bytes) with the attestation key:
 * TPMS_NV_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE. NOT_FOUND when it is not there or was never written.
 */
MUST_USE enum status tpm_nv_certify(struct tpm *tpm, uint32_t index, const uint8_t extra[32],
                                    struct buffer *ret_public, struct buffer *ret_attest,
                                    struct buffer *ret_signature);

#endif
