/* attestor_floor: raises a floor by a step that its authority signed (spec/sealing.md).
 *
 * The TPM itself checks the signatures; here is only refused what would lock out the very release
 * or firmware approval that runs now, since then the next start would be the last. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTESTOR_FLOOR_H
#define ATTESTOR_FLOOR_H

#include "approval.h"
#include "call_attest.h"
#include "call_update.h"
#include "tpm.h"

struct attestor_floor {
	struct approval_sealed sealed;
	struct approval_file approvals; /* as they were at this process's start */
	/* What any file that was judged fine since then lets in: it may be the next start's. */
	bool has_judged;
	uint32_t judged_release, judged_site;
	bool has_usual;
	uint8_t usual[TPM_PCR_LEN]; /* PCR 4 of what firmware starts by itself */
};

/* attestor_floor_read reads both floors, and the highest levels that are approved for what runs now
 * (0: none), for what starts by itself, if it would, and by all files that were judged fine. */
MUST_USE enum status attestor_floor_read(const struct attestor_floor *floor, struct tpm *tpm,
                                         struct call_attest_floors *ret_floors);
/* attestor_floor_step: MALFORMED for no step; CRYPTO: not signed by whom it must be; NOT_FOUND: the
 * site has not delegated to that release key; CONFLICT: it would lock out what runs now or starts
 * by itself; BUSY: which that is, nobody has said yet; REFUSED: the TPM refused, the floor is not
 * at this step's level. */
MUST_USE enum status attestor_floor_step(const struct attestor_floor *floor, struct tpm *tpm,
                                         struct bytes step);
/* attestor_floor_judge tells whether a file of approvals lets in what runs now, what firmware
 * starts by itself (if the present one does) and what is to start next, all else as it is now:
 * `ret_judged->code` is why not (call_update.h). 0: all of them, and from then on no floor is
 * raised above what the file lets in. */
MUST_USE enum status attestor_floor_judge(struct attestor_floor *floor, struct tpm *tpm,
                                          const struct call_attest_judge *asked,
                                          struct bytes approvals,
                                          struct call_attest_judged *ret_judged);

#endif
