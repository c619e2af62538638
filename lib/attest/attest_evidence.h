/* attest_evidence: the form in which a node's evidence travels and is kept (spec/evidence.md): our
 * own small CBOR map around the TPM's own structures, so that other people's tools read them.
 *
 * Nothing is checked here but the form; attest_verify.h judges. Taken runs borrow. Pure, and
 * without lib/keys: the bridge puts evidence together. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_EVIDENCE_H
#define ATTEST_EVIDENCE_H

#include "attest_merkle.h"
#include "base_limits.h"

#define ATTEST_CERTIFICATES_MAX 8
#define ATTEST_NV_MAX           8
#define ATTEST_BEACON_MAX       128 /* bytes of a beacon's source and of its value */
#define ATTEST_PROOF_BYTES_MAX  (64 + 32 + 32 * ATTEST_PATH_MAX)

/* PCRs 0, 2, 4, 7, 9, 11, 12, 13, 14: what every quote is over. */
#define ATTEST_QUOTED_MASK  0x7a95u
#define ATTEST_QUOTED_COUNT 9

/* What the TPM says of one NV index: TPMS_NV_PUBLIC, TPMS_ATTEST, TPMT_SIGNATURE. */
struct attest_nv {
	struct bytes public_area, statement, signature;
};

struct attest_evidence {
	struct bytes node;      /* authz_node.h */
	struct bytes ak;        /* TPMT_PUBLIC */
	struct bytes statement; /* TPMS_ATTEST of the quote */
	struct bytes signature; /* TPMT_SIGNATURE over it */
	struct bytes pcrs;      /* values of ATTEST_QUOTED_MASK, ascending */
	size_t certificate_count;
	struct bytes certificates[ATTEST_CERTIFICATES_MAX]; /* of the EK first; DER */
	struct bytes ek;                                    /* TPMT_PUBLIC; empty: none */
	size_t nv_count;
	struct attest_nv nv[ATTEST_NV_MAX];
	struct bytes log; /* TCG crypto-agile event log; empty: none */
	bool has_proof;
	struct attest_proof proof;                /* that the quote answers a nonce */
	bool has_beacon;                          /* the nonce was made of something public */
	struct bytes beacon_source, beacon_value; /* UTF-8 */
};

MUST_USE enum status attest_evidence_put(const struct attest_evidence *evidence,
                                         struct buffer *out);
MUST_USE enum status attest_evidence_take(struct bytes bytes, struct attest_evidence *ret_evidence);

/* attest_proof_put and _take: a proof alone, for answers to many nonces. */
MUST_USE enum status attest_proof_put(const struct attest_proof *proof, struct buffer *out);
MUST_USE enum status attest_proof_take(struct bytes bytes, struct attest_proof *ret_proof);

/* attest_beacon_nonce is the nonce that a public value makes: SHA-256("claviger/beacon/v1" ||
 * CBOR {1: source, 2: value}). Texts of 1 to ATTEST_BEACON_MAX bytes of UTF-8, else MALFORMED. */
MUST_USE enum status attest_beacon_nonce(struct bytes source, struct bytes value,
                                         uint8_t ret_nonce[ATTEST_NONCE_LEN]);
/* attest_quote_extra is a quote's qualifying data: SHA-256("claviger/quote/v1" || root ||
 * SHA-256(node statement)). */
void attest_quote_extra(const uint8_t root[32], struct bytes node, uint8_t ret_extra[32]);
/* attest_nv_extra is an NV certificate's: SHA-256("claviger/nv/v1" || deployment). */
void attest_nv_extra(const uint8_t deployment[32], uint8_t ret_extra[32]);

#endif
