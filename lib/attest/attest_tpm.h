/* attest_tpm: a TPM's own structures, read strictly from bytes that anybody may have written:
 * TPMS_ATTEST, TPMT_PUBLIC, TPMT_SIGNATURE, TPML_PCR_SELECTION, TPMS_NV_PUBLIC, as they stand in
 * evidence and in the files of tpm2-tools (TCG TPM 2.0 Library, part 2; big-endian).
 *
 * Every parser takes exactly one structure: a byte left over is MALFORMED. What no TPM of ours
 * makes is UNSUPPORTED or MALFORMED, never skipped. Taken runs borrow. Pure, except that keys and
 * signatures go through lib/keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_TPM_H
#define ATTEST_TPM_H

#include "keys_public.h"

#define ATTEST_PCR_COUNT     24
#define ATTEST_BANKS_MAX     16
#define ATTEST_NAME_LEN      34   /* algorithm (SHA-256) and digest */
#define ATTEST_STATEMENT_MAX 1024 /* bytes of a TPMS_ATTEST */
#define ATTEST_PUBLIC_MAX    640  /* bytes of a TPMT_PUBLIC: RSA of 4096 bits */
#define ATTEST_NV_DATA_MAX   64   /* bytes of an index that we certify */

#define ATTEST_MAGIC UINT32_C(0xff544347) /* TPM_GENERATED_VALUE */

/* TPM_ALG_ID, part 2 section 6.3, as far as we know them. */
enum attest_algorithm {
	ATTEST_ALG_RSA = 0x0001,
	ATTEST_ALG_SHA1 = 0x0004,
	ATTEST_ALG_AES = 0x0006,
	ATTEST_ALG_SHA256 = 0x000b,
	ATTEST_ALG_SHA384 = 0x000c,
	ATTEST_ALG_SHA512 = 0x000d,
	ATTEST_ALG_NULL = 0x0010,
	ATTEST_ALG_RSASSA = 0x0014,
	ATTEST_ALG_RSAPSS = 0x0016,
	ATTEST_ALG_ECDSA = 0x0018,
	ATTEST_ALG_ECC = 0x0023,
	ATTEST_ALG_CFB = 0x0043,
};

/* TPMA_OBJECT, part 2 section 8.3. */
#define ATTEST_FIXED_TPM         (UINT32_C(1) << 1)
#define ATTEST_FIXED_PARENT      (UINT32_C(1) << 4)
#define ATTEST_SENSITIVE_ORIGIN  (UINT32_C(1) << 5)
#define ATTEST_ADMIN_WITH_POLICY (UINT32_C(1) << 7)
#define ATTEST_RESTRICTED        (UINT32_C(1) << 16)
#define ATTEST_DECRYPT           (UINT32_C(1) << 17)
#define ATTEST_SIGN              (UINT32_C(1) << 18)

/* attest_digest_len is the length of a hash algorithm's digest; 0 for one that we do not know. */
size_t attest_digest_len(uint16_t algorithm);

/* Which PCRs, bank by bank; no bank twice, no PCR above 23. */
struct attest_selection {
	size_t count;
	struct {
		uint16_t algorithm;
		uint32_t mask; /* bit n: PCR n */
	} banks[ATTEST_BANKS_MAX];
};

/* attest_selection_equal: the same PCRs of the same banks in the same order, which is the order in
 * which their values are hashed. */
bool attest_selection_equal(const struct attest_selection *a, const struct attest_selection *b);
/* attest_pcr_count tells how many PCRs are in a mask. */
size_t attest_pcr_count(uint32_t mask);

enum attest_type {
	ATTEST_TYPE_NV = 0x8014,
	ATTEST_TYPE_QUOTE = 0x8018,
};

/* What a TPM says: TPMS_ATTEST of TPM2_Quote or TPM2_NV_Certify. */
struct attest_statement {
	uint16_t type;       /* enum attest_type */
	struct bytes signer; /* qualified name of the key */
	struct bytes extra;  /* what the asker gave */
	uint64_t clock_ms;
	uint32_t reset_count, restart_count;
	bool clock_safe;
	uint64_t firmware;
	struct attest_selection selection; /* QUOTE */
	struct bytes pcr_digest;           /* QUOTE */
	struct bytes nv_name;              /* NV */
	uint16_t nv_offset;                /* NV */
	struct bytes nv_data;              /* NV */
};

/* Why a statement is none; the first thing that was wrong, so that a refusal can name it. */
enum attest_fault {
	ATTEST_GOOD = 0,
	ATTEST_BAD_MAGIC, /* the TPM did not make it: a key signed foreign bytes */
	ATTEST_BAD_TYPE,  /* a statement of another command */
	ATTEST_BAD_FORM,  /* cut short, over-long, or a field out of its range */
	ATTEST_BAD_TAIL,  /* bytes behind the structure */
};

/* attest_statement_take: `type` is the one that is asked for. */
MUST_USE enum attest_fault attest_statement_take(struct bytes bytes, enum attest_type type,
                                                 struct attest_statement *ret_statement);

/* A key's public area. `key` is filled for ECC P-256, P-384 and RSA. */
struct attest_public {
	uint16_t type; /* ATTEST_ALG_ECC or _RSA */
	uint16_t name_algorithm;
	uint32_t attributes;
	struct bytes policy;
	uint16_t symmetric, symmetric_bits, symmetric_mode; /* ATTEST_ALG_NULL: none, zero */
	uint16_t scheme, scheme_hash;
	uint16_t curve;  /* ECC: TPM_ECC_CURVE; RSA: 0 */
	size_t rsa_bits; /* RSA; ECC: 0 */
	struct keys_public key;
	uint8_t name[ATTEST_NAME_LEN]; /* computed, never read */
};

MUST_USE enum status attest_public_take(struct bytes bytes, struct attest_public *ret_public);
/* attest_public_is_attestation_key: a key that signs nothing but what the TPM says, made in this
 * TPM and never leaving it: restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin and not
 * decrypt. */
bool attest_public_is_attestation_key(const struct attest_public *key);
/* attest_public_is_endorsement_key: template L-1, H-1 (RSA), L-2, H-2 (P-256) or H-3 (P-384) of the
 * TCG EK Credential Profile 2.3 in all but the key itself: what a maker's certificate vouches for.
 */
bool attest_public_is_endorsement_key(const struct attest_public *key);

struct attest_signature {
	uint16_t scheme; /* ATTEST_ALG_ECDSA, _RSASSA, _RSAPSS */
	uint16_t hash;   /* of the message */
	uint8_t bytes[512];
	size_t len; /* ECDSA: r || s, as keys_public_verify takes it */
};

/* attest_signature_take pads r and s to the size of `key`. */
MUST_USE enum status attest_signature_take(struct bytes bytes, const struct keys_public *key,
                                           struct attest_signature *ret_signature);
/* attest_signature_check verifies over `message`; STATUS_CRYPTO. */
MUST_USE enum status attest_signature_check(const struct attest_signature *signature,
                                            const struct keys_public *key, struct bytes message);

/* An NV index's public area. */
struct attest_nv_public {
	uint32_t index;
	uint32_t attributes; /* TPMA_NV */
	struct bytes policy;
	uint16_t size;
	uint8_t name[ATTEST_NAME_LEN]; /* computed; TPMA_NV_WRITTEN is part of it */
};

MUST_USE enum status attest_nv_public_take(struct bytes bytes, struct attest_nv_public *ret_public);

#endif
