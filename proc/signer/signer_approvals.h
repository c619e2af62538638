/* signer_approvals: what the attestor, which has PCRs and floors, says of a file of approvals that
 * is to be the next start's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_APPROVALS_H
#define SIGNER_APPROVALS_H

#include "call_attest.h"
#include "call_update.h"

struct signer;

struct signer_judgement {
	bool is_done;
	enum status status; /* of another than OK: the TPM could not be asked */
	struct call_attest_judged said;
};

/* signer_approvals_ask asks whether these approvals let in `next`, PCR 4 of a start (zeros: what
 * firmware starts by itself), and what runs now and starts by itself, too. One at a time: BUSY,
 * also while an answer that was given up on is awaited, so a judgement lives as long as the signer.
 */
MUST_USE enum status signer_approvals_ask(struct signer *signer, const uint8_t next[32],
                                          struct bytes approvals,
                                          struct signer_judgement *judgement);
/* signer_approvals_hear takes the attestor's answer; MALFORMED: it is broken. */
MUST_USE enum status signer_approvals_hear(struct signer *signer, struct bytes message);

#endif
