/* SPDX-License-Identifier: Apache-2.0 */
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "base_check.h"
#include "base_sha256.h"
#include "tpm_esys.h"

#define SEALED_ATTRIBUTES (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA)
#define PRIMARY_ATTRIBUTES                                                                         \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED |                    \
	 TPMA_OBJECT_DECRYPT)

static const TPMT_SYM_DEF session_cipher = {
    .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

/* TCG EK Credential Profile's storage template of ECC P-256, with noDA. */
static const TPM2B_PUBLIC primary_template = {
    .publicArea = {
                   .type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = PRIMARY_ATTRIBUTES,
                   .parameters.eccDetail = {
            .symmetric = {.algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB},
            .scheme.scheme = TPM2_ALG_NULL,
            .curveID = TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL}}
};

void tpm_name_take(const TPM2B_NAME *name, struct tpm_name *ret_name)
{
	CHECK(name->size <= TPM_NAME_MAX);
	*ret_name = (struct tpm_name){.len = name->size};
	memcpy(ret_name->bytes, name->name, name->size);
}

bool tpm_name_equal(const struct tpm_name *a, const struct tpm_name *b)
{
	return bytes_equal(bytes_of(a->bytes, a->len), bytes_of(b->bytes, b->len));
}

/* ---- the primary ---- */

static enum status create_primary(struct tpm *tpm, ESYS_TR *ret_persistent)
{
	static const TPM2B_SENSITIVE_CREATE no_secret;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	ESYS_TR transient = ESYS_TR_NONE;
	enum status status =
	    tpm_status(tpm,
	               Esys_CreatePrimary(tpm_context(tpm), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
	                                  ESYS_TR_NONE, ESYS_TR_NONE, &no_secret, &primary_template,
	                                  &no_data, &no_pcrs, &transient, NULL, NULL, NULL, NULL),
	               "making the storage primary");
	unsigned tries = 0;

	if (status != STATUS_OK)
		return status;
	do
		status = tpm_status(tpm,
		                    Esys_EvictControl(tpm_context(tpm), ESYS_TR_RH_OWNER, transient,
		                                      ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
		                                      TPM_HANDLE_PRIMARY, ret_persistent),
		                    "keeping the storage primary");
	while (tpm_is_again(tpm, status, &tries));
	tpm_flush(tpm, &transient);
	return status;
}

enum status tpm_name_of(const TPM2B_PUBLIC *public, struct tpm_name *ret_name)
{
	uint8_t raw[sizeof(TPMT_PUBLIC)];
	size_t len = 0;

	if (public->publicArea.nameAlg != TPM2_ALG_SHA256 ||
	    Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, raw, sizeof(raw), &len) !=
	        TSS2_RC_SUCCESS)
		return STATUS_MALFORMED;
	*ret_name = (struct tpm_name){
	    .len = 2 + SHA256_LEN, .bytes = {0x00, 0x0b}
        };
	sha256_of(bytes_of(raw, len), ret_name->bytes + 2);
	return STATUS_OK;
}

/* public_is_primary compares every field but the key itself with the template. */
static bool public_is_primary(const TPM2B_PUBLIC *public)
{
	const TPMT_PUBLIC *p = &public->publicArea, *t = &primary_template.publicArea;
	const TPMS_ECC_PARMS *ecc = &p->parameters.eccDetail;

	return p->type == t->type && p->nameAlg == t->nameAlg &&
	       p->objectAttributes == t->objectAttributes && p->authPolicy.size == 0 &&
	       ecc->symmetric.algorithm == TPM2_ALG_AES && ecc->symmetric.keyBits.aes == 128 &&
	       ecc->symmetric.mode.aes == TPM2_ALG_CFB && ecc->scheme.scheme == TPM2_ALG_NULL &&
	       ecc->curveID == TPM2_ECC_NIST_P256;
}

/* check_primary: the object behind the handle is a storage primary of ours, and ESYS holds that
 * very public area, to which it will encrypt salts. */
static enum status check_primary(struct tpm *tpm, ESYS_TR primary, const struct tpm_name *pinned,
                                 struct tpm_name *ret_name)
{
	TPM2B_PUBLIC *public = NULL;
	TPM2B_NAME *esys_name = NULL;
	struct tpm_name name, held = {0};
	enum status status =
	    tpm_status(tpm,
	               Esys_ReadPublic(tpm_context(tpm), primary, ESYS_TR_NONE, ESYS_TR_NONE,
	                               ESYS_TR_NONE, &public, NULL, NULL),
	               "reading the storage primary");

	if (status != STATUS_OK)
		return status;
	status = tpm_name_of(public, &name);
	if (status == STATUS_OK && !public_is_primary(public))
		status = STATUS_REFUSED;
	Esys_Free(public);
	if (status == STATUS_OK)
		status = tpm_status(tpm, Esys_TR_GetName(tpm_context(tpm), primary, &esys_name),
		                    "naming the storage primary");
	if (status == STATUS_OK) {
		if (esys_name->size <= TPM_NAME_MAX)
			tpm_name_take(esys_name, &held);
		Esys_Free(esys_name);
		if (!tpm_name_equal(&held, &name) ||
		    (pinned != NULL && !tpm_name_equal(&name, pinned)))
			status = STATUS_REFUSED;
	}
	if (status == STATUS_REFUSED)
		tpm->what = "comparing the storage primary with the pinned one";
	if (status == STATUS_OK)
		*ret_name = name;
	return status;
}

enum status tpm_encrypts(struct tpm *tpm, uint32_t session)
{
	return tpm_status(tpm,
	                  Esys_TRSess_SetAttributes(tpm_context(tpm), session,
	                                            TPMA_SESSION_CONTINUESESSION |
	                                                TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
	                                            0xff),
	                  "setting session attributes");
}

enum status tpm_salted(struct tpm *tpm, uint8_t kind, uint32_t *ret_session)
{
	ESYS_TR session = ESYS_TR_NONE;
	enum status status =
	    tpm_status(tpm,
	               Esys_StartAuthSession(tpm_context(tpm), tpm->primary, ESYS_TR_NONE,
	                                     ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, kind,
	                                     &session_cipher, TPM2_ALG_SHA256, &session),
	               "starting a salted session");

	if (status != STATUS_OK)
		return status;
	status = tpm_encrypts(tpm, session);
	if (status != STATUS_OK)
		tpm_flush(tpm, &session);
	else
		*ret_session = session;
	return status;
}

enum status tpm_primary_open(struct tpm *tpm, bool create, const struct tpm_name *pinned,
                             struct tpm_name *ret_name)
{
	ESYS_TR primary = ESYS_TR_NONE;
	enum status status =
	    tpm_status(tpm,
	               Esys_TR_FromTPMPublic(tpm_context(tpm), TPM_HANDLE_PRIMARY, ESYS_TR_NONE,
	                                     ESYS_TR_NONE, ESYS_TR_NONE, &primary),
	               "finding the storage primary");

	if (status == STATUS_NOT_FOUND && create)
		status = create_primary(tpm, &primary);
	if (status == STATUS_OK)
		status = check_primary(tpm, primary, pinned, ret_name);
	if (status != STATUS_OK) {
		if (primary != ESYS_TR_NONE)
			(void)Esys_TR_Close(tpm_context(tpm), &primary);
		return status;
	}
	if (tpm->primary != ESYS_TR_NONE && tpm->primary != primary)
		(void)Esys_TR_Close(tpm_context(tpm), &tpm->primary);
	tpm->primary = primary;
	tpm_flush(tpm, &tpm->audit);
	tpm_flush(tpm, &tpm->session);
	status = tpm_salted(tpm, TPM2_SE_HMAC, &tpm->session);
	if (status == STATUS_OK)
		status = tpm_salted(tpm, TPM2_SE_HMAC, &tpm->audit);
	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_TRSess_SetAttributes(
		                        tpm_context(tpm), tpm->audit,
		                        TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_AUDIT, 0xff),
		                    "setting session attributes");
	return status;
}

enum status tpm_primary_is_there(struct tpm *tpm, const struct tpm_name *named, bool *ret_there)
{
	ESYS_TR primary = ESYS_TR_NONE;
	TPM2B_NAME *name = NULL;
	bool is_it = true;
	enum status status =
	    tpm_status(tpm,
	               Esys_TR_FromTPMPublic(tpm_context(tpm), TPM_HANDLE_PRIMARY, ESYS_TR_NONE,
	                                     ESYS_TR_NONE, ESYS_TR_NONE, &primary),
	               "finding the storage primary");

	if (status == STATUS_OK && named != NULL) {
		is_it = Esys_TR_GetName(tpm_context(tpm), primary, &name) == TSS2_RC_SUCCESS &&
		        bytes_equal(bytes_of(name->name, name->size),
		                    bytes_of(named->bytes, named->len));
		Esys_Free(name);
	}
	if (status == STATUS_OK)
		(void)Esys_TR_Close(tpm_context(tpm), &primary);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	*ret_there = status == STATUS_OK && is_it;
	return STATUS_OK;
}

enum status tpm_primary_discard(struct tpm *tpm)
{
	ESYS_TR primary = ESYS_TR_NONE, gone = ESYS_TR_NONE;
	TPM2B_PUBLIC *public = NULL;
	enum status status =
	    tpm_status(tpm,
	               Esys_TR_FromTPMPublic(tpm_context(tpm), TPM_HANDLE_PRIMARY, ESYS_TR_NONE,
	                                     ESYS_TR_NONE, ESYS_TR_NONE, &primary),
	               "finding the storage primary");
	unsigned tries = 0;

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK)
		status =
		    tpm_status(tpm,
		               Esys_ReadPublic(tpm_context(tpm), primary, ESYS_TR_NONE,
		                               ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL, NULL),
		               "reading the storage primary");
	if (status == STATUS_OK && !public_is_primary(public))
		status = STATUS_CONFLICT;
	Esys_Free(public);
	if (status == STATUS_OK)
		do
			status =
			    tpm_status(tpm,
			               Esys_EvictControl(tpm_context(tpm), ESYS_TR_RH_OWNER,
			                                 primary, ESYS_TR_PASSWORD, ESYS_TR_NONE,
			                                 ESYS_TR_NONE, TPM_HANDLE_PRIMARY, &gone),
			               "taking the storage primary away");
		while (tpm_is_again(tpm, status, &tries));
	if (status != STATUS_OK && primary != ESYS_TR_NONE)
		(void)Esys_TR_Close(tpm_context(tpm), &primary);
	return status;
}

/* ---- sealing ---- */

static bool public_is_sealed(const TPM2B_PUBLIC *public, const uint8_t policy[TPM_POLICY_LEN])
{
	const TPMT_PUBLIC *p = &public->publicArea;

	return p->type == TPM2_ALG_KEYEDHASH && p->nameAlg == TPM2_ALG_SHA256 &&
	       p->objectAttributes == SEALED_ATTRIBUTES && p->authPolicy.size == SHA256_LEN &&
	       memcmp(p->authPolicy.buffer, policy, TPM_POLICY_LEN) == 0 &&
	       p->parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_NULL;
}

static enum status fill_object(const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private,
                               struct tpm_object *object)
{
	if (Tss2_MU_TPM2B_PUBLIC_Marshal(public, object->public_area, sizeof(object->public_area),
	                                 &object->public_len) != TSS2_RC_SUCCESS ||
	    Tss2_MU_TPM2B_PRIVATE_Marshal(private, object->private_area,
	                                  sizeof(object->private_area),
	                                  &object->private_len) != TSS2_RC_SUCCESS)
		return STATUS_TOO_LARGE;
	return STATUS_OK;
}

enum status tpm_seal(struct tpm *tpm, const uint8_t policy[TPM_POLICY_LEN],
                     const uint8_t share[TPM_SHARE_LEN], struct tpm_object *ret_object)
{
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	struct tpm_object object = {.public_len = 0};
	TPM2B_SENSITIVE_CREATE secret = {.sensitive.data.size = TPM_SHARE_LEN};
	TPM2B_PUBLIC template = {
	    .publicArea = {.type = TPM2_ALG_KEYEDHASH,
	                   .nameAlg = TPM2_ALG_SHA256,
	                   .objectAttributes = SEALED_ATTRIBUTES,
	                   .authPolicy.size = TPM_POLICY_LEN,
	                   .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}
        };
	TPM2B_PUBLIC *public = NULL;
	TPM2B_PRIVATE *private = NULL;
	enum status status;

	memcpy(template.publicArea.authPolicy.buffer, policy, TPM_POLICY_LEN);
	memcpy(secret.sensitive.data.buffer, share, TPM_SHARE_LEN);
	status = tpm_status(tpm,
	                    Esys_Create(tpm_context(tpm), tpm->primary, tpm->session, ESYS_TR_NONE,
	                                ESYS_TR_NONE, &secret, &template, &no_data, &no_pcrs,
	                                &private, &public, NULL, NULL, NULL),
	                    "sealing");
	explicit_bzero(&secret, sizeof(secret));
	if (status != STATUS_OK)
		return status;
	status = fill_object(public, private, &object);
	if (status == STATUS_OK && !public_is_sealed(public, policy))
		status = STATUS_CORRUPT;
	Esys_Free(public);
	Esys_Free(private);
	if (status == STATUS_OK)
		*ret_object = object;
	return status;
}

static enum status load_object(struct tpm *tpm, const struct tpm_object *object,
                               const uint8_t policy[TPM_POLICY_LEN], ESYS_TR *ret_handle)
{
	TPM2B_PUBLIC public = {0};
	TPM2B_PRIVATE private = {0};
	size_t at = 0, private_at = 0;

	if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(object->public_area, object->public_len, &at, &public) !=
	        TSS2_RC_SUCCESS ||
	    at != object->public_len ||
	    Tss2_MU_TPM2B_PRIVATE_Unmarshal(object->private_area, object->private_len, &private_at,
	                                    &private) != TSS2_RC_SUCCESS ||
	    private_at != object->private_len || !public_is_sealed(&public, policy)) {
		tpm->what = "checking the sealed object's attributes";
		tpm->rc = 0;
		return STATUS_CORRUPT;
	}
	return tpm_status(tpm,
	                  Esys_Load(tpm_context(tpm), tpm->primary, tpm->session, ESYS_TR_NONE,
	                            ESYS_TR_NONE, &private, &public, ret_handle),
	                  "loading the sealed share");
}

/* overwrite makes ESYS's buffer, in which the share was decrypted, hold something longer. */
static void overwrite(struct tpm *tpm)
{
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_LEN];

	(void)!tpm_pcr_read(tpm, 0xff, values);
}

enum status tpm_unseal(struct tpm *tpm, const struct tpm_object *object,
                       const uint8_t policy[TPM_POLICY_LEN], uint8_t ret_share[TPM_SHARE_LEN])
{
	TPM2B_SENSITIVE_DATA *data = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	enum status status = load_object(tpm, object, policy, &handle);

	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_Unseal(tpm_context(tpm), handle, tpm->policy, ESYS_TR_NONE,
		                                ESYS_TR_NONE, &data),
		                    "unsealing the share");
	tpm_policy_drop(tpm);
	tpm_flush(tpm, &handle);
	if (status != STATUS_OK)
		return status;
	if (data->size == TPM_SHARE_LEN)
		memcpy(ret_share, data->buffer, TPM_SHARE_LEN);
	else
		status = STATUS_CORRUPT;
	explicit_bzero(data, sizeof(*data));
	Esys_Free(data);
	overwrite(tpm);
	return status;
}
