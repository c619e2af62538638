/* attestor_answer: what the attestor does with a request, without the rings around it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTESTOR_ANSWER_H
#define ATTESTOR_ANSWER_H

#include "attestor_evidence.h"
#include "attestor_floor.h"
#include "call_attest.h"
#include "tpm.h"

struct attestor {
	struct tpm *tpm;
	struct tpm_name ak, primary;
	uint32_t reset_count, restart_count; /* at the start */
	struct attestor_evidence *evidence;
	struct attestor_floor *floor;
	/* A checkpoint that is in the index while the counter behind it is not raised yet: asked
	 * for again, it is not extended again. */
	bool extended;
	uint8_t extended_digest[32];
};

/* attestor_start opens the storage primary that genesis pinned, so that from then on the TPM's
 * answers are authentic and its NV writes cannot be altered or dropped unseen, and makes the
 * attestation key and reads what evidence needs. The TPM is open. */
MUST_USE enum status attestor_start(struct attestor *attestor, const struct tpm_name *primary);
/* attestor_watch tells whether this is still the TPM's boot in which it started: REFUSED after a
 * reset or restart, or when the TPM does not know our sessions any more (PH5). */
MUST_USE enum status attestor_watch(struct attestor *attestor);
/* attestor_answer appends the answer, of kind + 1, to `ret_answer` (CALL_ATTEST_MESSAGE_MAX bytes).
 */
void attestor_answer(struct attestor *attestor, uint32_t kind,
                     const struct call_attest_request *request, struct buffer *ret_answer);

#endif
