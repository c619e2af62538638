/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_evidence.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>

#include "base_check.h"
#include "tpm_esys.h"

#define NV_CHAIN       0x01c00100u
#define NV_CHAIN_COUNT 16u
#define NV_CHUNK       512u

#define EK_ATTRIBUTES                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* PolicyA: PolicySecret(TPM_RH_ENDORSEMENT). PolicyC: PolicyAuthorizeNV of an index that nobody
 * here uses. PolicyB: one of the two. */
static const TPM2B_DIGEST policy_a = {
    .size = 32, .buffer = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
                           0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
                           0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa}
};
static const TPM2B_DIGEST policy_c = {
    .size = 32, .buffer = {0x37, 0x67, 0xe2, 0xed, 0xd4, 0x3f, 0xf4, 0x5a, 0x3a, 0x7e, 0x1e,
                           0xae, 0xfc, 0xef, 0x78, 0x64, 0x3d, 0xca, 0x96, 0x46, 0x32, 0xe7,
                           0xaa, 0xd8, 0x2c, 0x67, 0x3a, 0x30, 0xd8, 0x63, 0x3f, 0xde}
};
static const TPM2B_DIGEST policy_b = {
    .size = 32, .buffer = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34,
                           0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd,
                           0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0}
};
static const TPM2B_DIGEST policy_a_384 = {
    .size = 48, .buffer = {0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c,
                           0x4d, 0xc1, 0xd4, 0xb6, 0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f,
                           0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e, 0x14, 0x3e, 0x8b, 0xb1,
                           0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53}
};
static const TPM2B_DIGEST policy_c_384 = {
    .size = 48, .buffer = {0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6,
                           0xa3, 0x32, 0x37, 0xef, 0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4,
                           0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5, 0xb4, 0x94, 0x7c, 0x2d,
                           0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65}
};
static const TPM2B_DIGEST policy_b_384 = {
    .size = 48, .buffer = {0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc,
                           0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4,
                           0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09,
                           0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12}
};

/* The templates, and where certificate and key lie where a maker left them. */
static const struct ek {
	enum tpm_endorsement kind;
	uint32_t certificate, persistent;
	bool is_high; /* for an owner's authorization, too: userWithAuth, PolicyB */
	TPM2_ALG_ID type, digest;
	TPM2_ECC_CURVE curve;
} eks[] = {
    {TPM_EK_P256,      0x01c0000a, 0x81010002, false, TPM2_ALG_ECC, TPM2_ALG_SHA256, TPM2_ECC_NIST_P256},
    {TPM_EK_RSA,       0x01c00002, 0x81010001, false, TPM2_ALG_RSA, TPM2_ALG_SHA256, 0                 },
    {TPM_EK_P256_HIGH, 0x01c00014, 0x81010014, true,  TPM2_ALG_ECC, TPM2_ALG_SHA256,
     TPM2_ECC_NIST_P256                                                                                },
    {TPM_EK_RSA_HIGH,  0x01c00012, 0x81010012, true,  TPM2_ALG_RSA, TPM2_ALG_SHA256, 0                 },
    {TPM_EK_P384,      0x01c00016, 0x81010016, true,  TPM2_ALG_ECC, TPM2_ALG_SHA384, TPM2_ECC_NIST_P384},
    {TPM_EK_RSA_3072,  0x01c0001c, 0x8101001c, true,  TPM2_ALG_RSA, TPM2_ALG_SHA384, 0                 },
};

#define EK_COUNT (sizeof(eks) / sizeof(eks[0]))

static const struct ek *ek_of(enum tpm_endorsement kind)
{
	for (size_t i = 0; i < EK_COUNT; i++)
		if (eks[i].kind == kind)
			return &eks[i];
	CHECK(!"a kind of endorsement key");
	return NULL;
}

static bool is_384(const struct ek *ek)
{
	return ek->digest == TPM2_ALG_SHA384;
}

/* In the low range a key's place is filled with zeros, in the high one it is empty. */
static TPM2B_PUBLIC template_of(const struct ek *ek)
{
	const TPMT_SYM_DEF_OBJECT symmetric = {.algorithm = TPM2_ALG_AES,
	                                       .keyBits.aes = is_384(ek) ? 256 : 128,
	                                       .mode.aes = TPM2_ALG_CFB};
	TPM2B_PUBLIC public = {
	    .publicArea = {.type = ek->type,
	                   .nameAlg = ek->digest,
	                   .objectAttributes =
	                       EK_ATTRIBUTES | (ek->is_high ? TPMA_OBJECT_USERWITHAUTH : 0),
	                   .authPolicy = is_384(ek)    ? policy_b_384
	                                 : ek->is_high ? policy_b
	                                               : policy_a}
        };
	TPMT_PUBLIC *area = &public.publicArea;

	if (ek->type == TPM2_ALG_RSA) {
		area->parameters.rsaDetail = (TPMS_RSA_PARMS){.symmetric = symmetric,
		                                              .scheme.scheme = TPM2_ALG_NULL,
		                                              .keyBits = is_384(ek) ? 3072 : 2048};
		area->unique.rsa.size = ek->is_high ? 0 : 256;
		return public;
	}
	area->parameters.eccDetail = (TPMS_ECC_PARMS){.symmetric = symmetric,
	                                              .scheme.scheme = TPM2_ALG_NULL,
	                                              .curveID = ek->curve,
	                                              .kdf.scheme = TPM2_ALG_NULL};
	area->unique.ecc.x.size = area->unique.ecc.y.size = ek->is_high ? 0 : 32;
	return public;
}

/* ---- the certificate ---- */

static enum status nv_len(struct tpm *tpm, ESYS_TR handle, size_t *ret_len, struct buffer *ret_area)
{
	TPM2B_NV_PUBLIC *public = NULL;
	uint8_t raw[sizeof(TPMS_NV_PUBLIC)];
	size_t len = 0;
	enum status status =
	    tpm_status(tpm,
	               Esys_NV_ReadPublic(tpm_context(tpm), handle, ESYS_TR_NONE, ESYS_TR_NONE,
	                                  ESYS_TR_NONE, &public, NULL),
	               "reading an NV index's public area");

	if (status != STATUS_OK)
		return status;
	*ret_len = public->nvPublic.dataSize;
	if (ret_area != NULL) {
		if (Tss2_MU_TPMS_NV_PUBLIC_Marshal(&public->nvPublic, raw, sizeof(raw), &len) !=
		    TSS2_RC_SUCCESS)
			status = STATUS_TOO_LARGE;
		else
			status = buffer_put(ret_area, bytes_of(raw, len));
	}
	Esys_Free(public);
	return status;
}

static enum status read_chunk(struct tpm *tpm, ESYS_TR handle, size_t at, size_t len,
                              struct buffer *ret_bytes)
{
	TPM2B_MAX_NV_BUFFER *data = NULL;
	enum status status =
	    tpm_status(tpm,
	               Esys_NV_Read(tpm_context(tpm), handle, handle, ESYS_TR_PASSWORD,
	                            ESYS_TR_NONE, ESYS_TR_NONE, (uint16_t)len, (uint16_t)at, &data),
	               "reading a certificate");

	if (status != STATUS_OK)
		return status;
	status = data->size == len ? buffer_put(ret_bytes, bytes_of(data->buffer, data->size))
	                           : STATUS_MALFORMED;
	Esys_Free(data);
	return status;
}

/* trim cuts what stands behind one DER SEQUENCE: makers fill their indices up. */
static enum status trim(struct buffer *der, size_t start)
{
	const uint8_t *at = der->data + start;
	size_t len = der->len - start, whole;

	if (len < 4 || at[0] != 0x30 || at[1] != 0x82)
		return STATUS_MALFORMED;
	whole = 4 + (size_t)(at[2] << 8 | at[3]);
	if (whole > len)
		return STATUS_MALFORMED;
	der->len = start + whole;
	return STATUS_OK;
}

/* read_index appends all of an index, filling and all. */
static enum status read_index(struct tpm *tpm, uint32_t index, struct buffer *ret_der)
{
	ESYS_TR handle = ESYS_TR_NONE;
	size_t len = 0;
	enum status status = tpm_status(tpm,
	                                Esys_TR_FromTPMPublic(tpm_context(tpm), index, ESYS_TR_NONE,
	                                                      ESYS_TR_NONE, ESYS_TR_NONE, &handle),
	                                "finding a certificate");

	if (status != STATUS_OK)
		return status;
	status = nv_len(tpm, handle, &len, NULL);
	if (status == STATUS_OK && len > TPM_CERTIFICATE_MAX)
		status = STATUS_TOO_LARGE;
	for (size_t at = 0; status == STATUS_OK && at < len; at += NV_CHUNK)
		status =
		    read_chunk(tpm, handle, at, len - at < NV_CHUNK ? len - at : NV_CHUNK, ret_der);
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return status;
}

static enum status read_certificate(struct tpm *tpm, uint32_t index, struct buffer *ret_der)
{
	size_t start = ret_der->len;
	enum status status = read_index(tpm, index, ret_der);

	if (status == STATUS_OK)
		status = trim(ret_der, start);
	if (status != STATUS_OK)
		ret_der->len = start;
	return status;
}

enum status tpm_ek_chain(struct tpm *tpm, struct buffer *ret_ders)
{
	enum status status = STATUS_OK;
	size_t start = ret_ders->len;

	for (uint32_t i = 0; status == STATUS_OK && i < NV_CHAIN_COUNT; i++)
		status = read_index(tpm, NV_CHAIN + i, ret_ders);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		return STATUS_OK;
	/* A chain that we do not understand is no reason not to start: policies can name it. */
	ret_ders->len = start;
	return status == STATUS_TOO_LARGE ? STATUS_OK : status;
}

enum status tpm_ek_certificate(struct tpm *tpm, enum tpm_endorsement *ret_kind,
                               struct buffer *ret_der)
{
	enum status status = STATUS_NOT_FOUND;

	for (size_t i = 0; i < EK_COUNT && status == STATUS_NOT_FOUND; i++) {
		status = read_certificate(tpm, eks[i].certificate, ret_der);
		*ret_kind = eks[i].kind;
	}
	if (status == STATUS_OK)
		return STATUS_OK;
	*ret_kind = TPM_EK_NONE;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- the key ---- */

static bool is_of_template(const TPMT_PUBLIC *public, const TPMT_PUBLIC *template)
{
	return public->type == template->type && public->nameAlg == template->nameAlg &&
	       public->objectAttributes == template->objectAttributes &&
	       public->authPolicy.size == template->authPolicy.size &&
	       memcmp(public->authPolicy.buffer, template->authPolicy.buffer,
	              template->authPolicy.size) == 0;
}

/* open_persistent finds what makers and provisioning tools leave at a fixed handle. */
static bool open_persistent(struct tpm *tpm, uint32_t at, const TPM2B_PUBLIC *template,
                            ESYS_TR *ret_ek, TPM2B_PUBLIC **ret_public)
{
	ESYS_TR handle = ESYS_TR_NONE;

	if (Esys_TR_FromTPMPublic(tpm_context(tpm), at, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
	                          &handle) != TSS2_RC_SUCCESS)
		return false;
	if (Esys_ReadPublic(tpm_context(tpm), handle, tpm->audit, ESYS_TR_NONE, ESYS_TR_NONE,
	                    ret_public, NULL, NULL) == TSS2_RC_SUCCESS) {
		if (is_of_template(&(*ret_public)->publicArea, &template->publicArea)) {
			*ret_ek = handle;
			return true;
		}
		Esys_Free(*ret_public);
		*ret_public = NULL;
	}
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	return false;
}

/* open_ek: the key's handle and public area, which the caller frees; `ret_made`: flush it too. */
static enum status open_ek(struct tpm *tpm, enum tpm_endorsement kind, ESYS_TR *ret_ek,
                           bool *ret_made, TPM2B_PUBLIC **ret_public)
{
	static const TPM2B_SENSITIVE_CREATE no_secret;
	static const TPM2B_DATA no_data;
	static const TPML_PCR_SELECTION no_pcrs;
	const struct ek *ek = ek_of(kind);
	TPM2B_PUBLIC template = template_of(ek);

	*ret_made = false;
	if (open_persistent(tpm, ek->persistent, &template, ret_ek, ret_public))
		return STATUS_OK;
	*ret_made = true;
	return tpm_status(tpm,
	                  Esys_CreatePrimary(tpm_context(tpm), ESYS_TR_RH_ENDORSEMENT,
	                                     tpm_authorizer(tpm), ESYS_TR_NONE, ESYS_TR_NONE,
	                                     &no_secret, &template, &no_data, &no_pcrs, ret_ek,
	                                     ret_public, NULL, NULL, NULL),
	                  "making the endorsement key");
}

static void close_ek(struct tpm *tpm, ESYS_TR ek, bool made)
{
	uint32_t handle = ek;

	if (made)
		tpm_flush(tpm, &handle);
	else
		(void)Esys_TR_Close(tpm_context(tpm), &ek);
}

enum status tpm_ek_public(struct tpm *tpm, enum tpm_endorsement kind, struct buffer *ret_public)
{
	TPM2B_PUBLIC *public = NULL;
	ESYS_TR ek = ESYS_TR_NONE;
	uint8_t raw[TPM_PUBLIC_MAX];
	size_t len = 0;
	bool made;
	enum status status = open_ek(tpm, kind, &ek, &made, &public);

	if (status != STATUS_OK)
		return status;
	if (Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, raw, sizeof(raw), &len) !=
	    TSS2_RC_SUCCESS)
		status = STATUS_TOO_LARGE;
	Esys_Free(public);
	close_ek(tpm, ek, made);
	return status == STATUS_OK ? buffer_put(ret_public, bytes_of(raw, len)) : status;
}

/* endorsement_session is a policy session that the key's policy is satisfied in, by
 * PolicySecret(endorsement hierarchy). */
static enum status endorsement_session(struct tpm *tpm, const struct ek *ek, uint32_t *ret_session)
{
	const TPML_DIGEST either = {
	    .count = 2,
	    .digests = {is_384(ek) ? policy_a_384 : policy_a,
	                is_384(ek) ? policy_c_384 : policy_c}
        };
	static const TPMT_SYM_DEF none = {.algorithm = TPM2_ALG_NULL};
	ESYS_TR session = ESYS_TR_NONE;
	enum status status =
	    tpm_status(tpm,
	               Esys_StartAuthSession(tpm_context(tpm), ESYS_TR_NONE, ESYS_TR_NONE,
	                                     ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
	                                     TPM2_SE_POLICY, &none, ek->digest, &session),
	               "starting a policy session");

	if (status != STATUS_OK)
		return status;
	*ret_session = session;
	status = tpm_status(tpm,
	                    Esys_PolicySecret(tpm_context(tpm), ESYS_TR_RH_ENDORSEMENT, session,
	                                      ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
	                                      NULL, NULL, 0, NULL, NULL),
	                    "using the endorsement hierarchy");
	if (status == STATUS_OK && ek->is_high)
		status = tpm_status(tpm,
		                    Esys_PolicyOR(tpm_context(tpm), session, ESYS_TR_NONE,
		                                  ESYS_TR_NONE, ESYS_TR_NONE, &either),
		                    "choosing a branch of the endorsement key's policy");
	if (status != STATUS_OK)
		tpm_flush(tpm, ret_session);
	return status;
}

enum status tpm_activate(struct tpm *tpm, enum tpm_endorsement kind, struct bytes blob,
                         struct bytes encrypted, struct buffer *ret_secret)
{
	TPM2B_ID_OBJECT credential = {.size = (uint16_t)blob.len};
	TPM2B_ENCRYPTED_SECRET sealed = {.size = (uint16_t)encrypted.len};
	TPM2B_PUBLIC *public = NULL;
	TPM2B_DIGEST *secret = NULL;
	ESYS_TR ek = ESYS_TR_NONE;
	uint32_t session = ESYS_TR_NONE;
	bool made;
	enum status status;

	if (blob.len > sizeof(credential.credential) || encrypted.len > sizeof(sealed.secret))
		return STATUS_TOO_LARGE;
	memcpy(credential.credential, blob.data, blob.len);
	memcpy(sealed.secret, encrypted.data, encrypted.len);
	status = open_ek(tpm, kind, &ek, &made, &public);
	if (status != STATUS_OK)
		return status;
	Esys_Free(public);
	status = endorsement_session(tpm, ek_of(kind), &session);
	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_ActivateCredential(tpm_context(tpm), tpm->ak, ek,
		                                            ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
		                                            &credential, &sealed, &secret),
		                    "activating a credential");
	if (status == STATUS_OK) {
		status = buffer_put(ret_secret, bytes_of(secret->buffer, secret->size));
		explicit_bzero(secret, sizeof(*secret));
		Esys_Free(secret);
	}
	tpm_flush(tpm, &session);
	close_ek(tpm, ek, made);
	return status;
}

/* ---- NV ---- */

static enum status put_certified(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature,
                                 struct buffer *ret_attest, struct buffer *ret_signature)
{
	uint8_t raw[TPM_SIGNATURE_MAX];
	size_t len = 0;
	enum status status;

	if (Tss2_MU_TPMT_SIGNATURE_Marshal(signature, raw, sizeof(raw), &len) != TSS2_RC_SUCCESS)
		return STATUS_TOO_LARGE;
	status = buffer_put(ret_attest, bytes_of(attest->attestationData, attest->size));
	return status == STATUS_OK ? buffer_put(ret_signature, bytes_of(raw, len)) : status;
}

enum status tpm_nv_certify(struct tpm *tpm, uint32_t index, const uint8_t extra[32],
                           struct buffer *ret_public, struct buffer *ret_attest,
                           struct buffer *ret_signature)
{
	static const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL}; /* the key's own */
	TPM2B_DATA qualifying = {.size = 32};
	TPM2B_ATTEST *attest = NULL;
	TPMT_SIGNATURE *signature = NULL;
	ESYS_TR handle = ESYS_TR_NONE;
	size_t len = 0;
	enum status status = tpm_status(tpm,
	                                Esys_TR_FromTPMPublic(tpm_context(tpm), index, ESYS_TR_NONE,
	                                                      ESYS_TR_NONE, ESYS_TR_NONE, &handle),
	                                "finding an NV index");

	if (status != STATUS_OK)
		return status;
	memcpy(qualifying.buffer, extra, 32);
	status = nv_len(tpm, handle, &len, ret_public);
	if (status == STATUS_OK && len > NV_CHUNK)
		status = STATUS_TOO_LARGE;
	if (status == STATUS_OK)
		status = tpm_status(tpm,
		                    Esys_NV_Certify(tpm_context(tpm), tpm->ak, handle, handle,
		                                    tpm_authorizer(tpm), ESYS_TR_PASSWORD,
		                                    ESYS_TR_NONE, &qualifying, &scheme,
		                                    (uint16_t)len, 0, &attest, &signature),
		                    "certifying an NV index");
	(void)Esys_TR_Close(tpm_context(tpm), &handle);
	if (status != STATUS_OK)
		return status;
	status = put_certified(attest, signature, ret_attest, ret_signature);
	Esys_Free(attest);
	Esys_Free(signature);
	return status;
}
