/* tpm_esys: what the parts of lib/tpm share; the only header of ours that sees tss2, private here.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_ESYS_H
#define TPM_ESYS_H

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "tpm.h"

#define TPM_NO_SESSION ESYS_TR_NONE

static inline ESYS_CONTEXT *tpm_context(const struct tpm *tpm)
{
	return tpm->esys;
}

/* tpm_status notes what failed and maps the response code. */
MUST_USE enum status tpm_status(struct tpm *tpm, TSS2_RC rc, const char *what);
/* tpm_selection fills a PCR selection of the SHA-256 bank. */
void tpm_selection(uint32_t mask, TPML_PCR_SELECTION *ret_selection);
/* tpm_salted starts an HMAC or policy session salted to the primary, AES-128-CFB, SHA-256. */
MUST_USE enum status tpm_salted(struct tpm *tpm, TPM2_SE kind, ESYS_TR *ret_session);
void tpm_flush(struct tpm *tpm, uint32_t *handle);
void tpm_name_take(const TPM2B_NAME *name, struct tpm_name *ret_name);
extern const TPMT_SYM_DEF tpm_session_cipher;

#endif
