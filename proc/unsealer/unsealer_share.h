/* unsealer_share: from a TPM and a sealed file to the facts for the signer, or the reason why not.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNSEALER_SHARE_H
#define UNSEALER_SHARE_H

#include "call_start.h"
#include "tpm.h"

#define UNSEALER_FILE "sealed-share"
/* What the share is sealed to: code and configuration of this machine's start (spec/sealing.md). */
#define UNSEALER_PCR_MASK                                                                          \
	(1u << 0 | 1u << 2 | 1u << 4 | 1u << 7 | 1u << 9 | 1u << 11 | 1u << 12 | 1u << 14)

/* unsealer_take_share fills `facts` (in guarded memory) and caps the PCRs; with `genesis` it first
 * makes and seals a share into the empty file. False: ret_failed says why, facts is wiped, and the
 * PCRs are capped where the share was out of the TPM. `sealed_fd` -1: there is no file. */
bool unsealer_take_share(struct tpm *tpm, int sealed_fd, bool genesis,
                         struct call_start_facts *facts, struct call_start_failed *ret_failed);

#endif
