/* tpm_esys: what the parts of lib/tpm share about ESYS; private to it. Handles, response codes and
 * session kinds are tss2's integers; structs of tss2 are named by their tags. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_ESYS_H
#define TPM_ESYS_H

#include "tpm.h"

struct ESYS_CONTEXT;
struct TPML_PCR_SELECTION;
struct TPM2B_NAME;
struct TPM2B_PUBLIC;
struct TPMT_SYM_DEF;

static inline struct ESYS_CONTEXT *tpm_context(const struct tpm *tpm)
{
	return tpm->esys;
}

/* tpm_status notes what failed and maps the response code. */
MUST_USE enum status tpm_status(struct tpm *tpm, uint32_t rc, const char *what);
/* tpm_selection fills a PCR selection of the SHA-256 bank. */
void tpm_selection(uint32_t mask, struct TPML_PCR_SELECTION *ret_selection);
/* tpm_salted starts an HMAC, policy or trial session (TPM2_SE) salted to the primary. */
MUST_USE enum status tpm_salted(struct tpm *tpm, uint8_t kind, uint32_t *ret_session);
/* tpm_authorizer is the session for empty authorizations: the salted one, else a password. */
uint32_t tpm_authorizer(const struct tpm *tpm);
/* tpm_nv_find opens an index that is as we make it; close it with Esys_TR_Close. */
MUST_USE enum status tpm_nv_find(struct tpm *tpm, const struct tpm_nv *nv, uint32_t *ret_handle);
void tpm_flush(struct tpm *tpm, uint32_t *handle);
void tpm_name_take(const struct TPM2B_NAME *name, struct tpm_name *ret_name);
/* tpm_name_of computes a name: one that the TPM (or who stands between) says is no proof of the
 * public area beside it. */
MUST_USE enum status tpm_name_of(const struct TPM2B_PUBLIC *public, struct tpm_name *ret_name);
bool tpm_name_equal(const struct tpm_name *a, const struct tpm_name *b);
/* tpm_encrypts sets what a salted session is for: parameters encrypted both ways. */
MUST_USE enum status tpm_encrypts(struct tpm *tpm, uint32_t session);
/* tpm_is_again pauses and tells whether to send a command once more that the TPM put off without
 * having begun it (part 2, TPM_RC_NV_RATE, TPM_RC_RETRY): up to 20 times, 0.1 s apart.
 * ESYS leaves a session without parameter encryption after a command that failed and had nothing to
 * encrypt: it is set again, or who answers in the TPM's place would read what follows. */
bool tpm_is_again(struct tpm *tpm, enum status status, unsigned *tries);

#endif
