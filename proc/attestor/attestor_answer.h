/* attestor_answer: what the attestor does with a request, without the rings around it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTESTOR_ANSWER_H
#define ATTESTOR_ANSWER_H

#include "attestor_evidence.h"
#include "call_attest.h"
#include "tpm.h"

struct attestor {
	struct tpm *tpm;
	struct tpm_name ak;
	struct attestor_evidence *evidence;
};

/* attestor_start opens the storage primary that genesis pinned, so that from then on the TPM's
 * answers are authentic and its NV writes cannot be altered or dropped unseen, and makes the
 * attestation key and reads what evidence needs. The TPM is open. */
MUST_USE enum status attestor_start(struct attestor *attestor, const struct tpm_name *primary);
/* attestor_answer appends the answer, of kind + 1, to `ret_answer` (CALL_ATTEST_MESSAGE_MAX bytes).
 */
void attestor_answer(struct attestor *attestor, uint32_t kind,
                     const struct call_attest_request *request, struct buffer *ret_answer);

#endif
