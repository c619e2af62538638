/* attestor_evidence: what the attestor puts together for those who want to know what runs here
 * (spec/evidence.md): the node statement that the signer gave, the TPM's keys and certificates, the
 * event log, and for each question a quote.
 *
 * The asker brings 32 bytes, a root over nonces; everything else that a quote commits to comes from
 * the signer's statement. So a bridge that was taken over cannot have its own keys quoted (H4). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTESTOR_EVIDENCE_H
#define ATTESTOR_EVIDENCE_H

#include "attest_evidence.h"
#include "call_attest.h"
#include "tpm_evidence.h"

#define ATTESTOR_NV_COUNT 3

struct attestor_nv {
	uint8_t area_bytes[128], statement_bytes[TPM_ATTEST_MAX],
	    signature_bytes[TPM_SIGNATURE_MAX];
	struct buffer area, statement, signature; /* empty: the index is not there */
};

struct attestor_evidence {
	struct tpm *tpm;
	uint8_t ak_bytes[TPM_PUBLIC_MAX], ek_bytes[TPM_PUBLIC_MAX],
	    certificate_bytes[TPM_CERTIFICATE_MAX], chain_bytes[TPM_CHAIN_MAX],
	    node_bytes[CALL_ATTEST_NODE_MAX], log_bytes[LIMIT_EVENT_LOG_MAX];
	struct buffer ak, ek, certificate, chain, node, log;
	enum tpm_endorsement kind;
	bool committed; /* PCR 13 has `commit` */
	uint8_t commit[32], deployment[32];
	struct attestor_nv nv[ATTESTOR_NV_COUNT];
};

/* attestor_evidence_read_log (phase 1) reads the firmware's event log; a file that is not there is
 * an empty log, one that is too long or cannot be read is an error. */
MUST_USE enum status attestor_evidence_read_log(struct attestor_evidence *evidence,
                                                const char *path);
/* attestor_evidence_start reads keys and certificates; the attestation key is open. */
MUST_USE enum status attestor_evidence_start(struct attestor_evidence *evidence, struct tpm *tpm);
/* attestor_evidence_node takes the signer's statement: extends PCR 13 with its commit the first
 * time (REFUSED when another commit is in it) and has the NV indices certified. */
MUST_USE enum status attestor_evidence_node(struct attestor_evidence *evidence,
                                            const struct call_attest_node *node,
                                            struct bytes statement);
/* attestor_certify certifies boot counter and floors anew: after one was raised. */
MUST_USE enum status attestor_certify(struct attestor_evidence *evidence);
/* attestor_evidence_put appends evidence without a proof, for a root; BUSY before the signer's
 * statement is there. */
MUST_USE enum status attestor_evidence_put(struct attestor_evidence *evidence,
                                           const uint8_t root[32], struct buffer *out);

#endif
