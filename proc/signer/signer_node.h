/* signer_node: tells the attestor who speaks here, so that the TPM's quotes commit to it
 * (spec/evidence.md).
 *
 *   1. INFO: the attestation key must be the one that the unsealer named;
 *   2. ACTIVATE, once in a TPM's life: a secret comes back only from the TPM that holds the
 *      endorsement key and the attestation key; what it showed is remembered in a record, since the
 *      use of an endorsement key counts for dictionary attack protection;
 *   3. NODE: the deployment's signed statement; again when the authority has a new channel key.
 * The attestor is believed in nothing: a lie costs it the evidence, not a key. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_NODE_H
#define SIGNER_NODE_H

#include "authz_node.h"
#include "call_attest.h"

#define SIGNER_EK_MAX 512 /* bytes of a TPMT_PUBLIC of template H-6 */

enum signer_node_step {
	SIGNER_NODE_INFO = 0, /* to be asked */
	SIGNER_NODE_RECORD,   /* was this TPM activated before? */
	SIGNER_NODE_TELL,
	SIGNER_NODE_TOLD,
	SIGNER_NODE_FAILED, /* no evidence in this boot; it was logged why */
};

struct signer_node {
	uint8_t step;     /* enum signer_node_step */
	uint32_t waiting; /* kind that was asked; 0: none */
	uint64_t request;
	uint8_t ek_bytes[SIGNER_EK_MAX];
	struct buffer ek;
	uint8_t ek_id[32]; /* zero: none */
	bool activated;
	uint8_t secret[32];        /* of the credential under way */
	uint8_t authority_key[32]; /* as told */
};

struct signer;

/* signer_node_pump goes on; from the loop once the signer is ready. */
void signer_node_pump(struct signer *signer);
/* signer_node_hear takes one of the attestor's answers to the above; MALFORMED: it is broken. */
MUST_USE enum status signer_node_hear(struct signer *signer, uint32_t kind, struct bytes message);
/* signer_node_reset begins anew: the attestor has just started. */
void signer_node_reset(struct signer *signer);

#endif
