/* unsealer_share: from a TPM and the files of a site to the facts for the signer, or the reason why
 * not. Files were opened before; nothing that has content is ever overwritten. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNSEALER_SHARE_H
#define UNSEALER_SHARE_H

#include "approval.h"
#include "call_start.h"
#include "call_unseal.h"
#include "disk.h"
#include "tpm.h"

#define UNSEALER_SEALED     "sealed-share" /* written by genesis, once */
#define UNSEALER_APPROVALS  "approvals"    /* the operators' */
#define UNSEALER_MANIFEST   "genesis"      /* for genesis */
#define UNSEALER_ESCROW     "escrow"       /* out of genesis: for the site's escrow key */
#define UNSEALER_ESCROW_MAX 512u

struct unsealer_files {
	struct disk_file sealed, approvals, manifest, escrow;
};

/* Asks a person for something (call_unseal.h); false when nothing came. */
typedef bool unsealer_ask_fn(void *context, const struct call_unseal_asks *asks,
                             struct call_unseal_gives *ret_gives);

struct unsealer {
	struct tpm *tpm;
	struct unsealer_files files;
	unsealer_ask_fn *ask; /* NULL: there is nobody */
	void *context;
	struct call_start_facts *facts; /* in guarded memory */
	struct call_start_failed failed;
	struct approval_sealed sealed;
	struct approval_file approvals;
	/* What unsealer_choose chose, in `approvals`. */
	struct approval_pair pair;
	bool is_out; /* a half of the share has come out of the TPM */
};

/* unsealer_take_share fills u->facts and caps the PCRs; with `genesis` it first runs
 * unsealer_genesis. False: u->failed says why, the facts are wiped, and the PCRs are capped where
 * the share was out of the TPM. */
bool unsealer_take_share(struct unsealer *u, bool genesis);

/* The parts, for each other. Each returns false after it filled u->failed. */
bool unsealer_fail(struct unsealer *u, uint32_t reason, uint32_t rc, const char *what);
/* unsealer_fail_tpm: `otherwise` is the reason unless the response code names a better one. */
bool unsealer_fail_tpm(struct unsealer *u, enum status status, uint32_t otherwise);
/* unsealer_genesis makes primary and indices on a TPM that has none, seals the halves of a new
 * share, writes `sealed-share` and `escrow`, and takes the TPM over. */
bool unsealer_genesis(struct unsealer *u);
/* unsealer_choose reads the floors and finds the approvals that fit what the TPM says. */
bool unsealer_choose(struct unsealer *u);
/* unsealer_policy works off the policy of a half with what was chosen, and leaves the policy
 * session ready for the unsealing. */
bool unsealer_policy(struct unsealer *u, enum approval_half half);
/* unsealer_join: share = half XOR half. Either half alone is 32 random bytes. */
void unsealer_join(uint8_t share[TPM_SHARE_LEN], const uint8_t half[TPM_SHARE_LEN]);
/* unsealer_floor is a floor's index. */
struct tpm_nv unsealer_floor(bool is_site, const struct approval_scope *scope);

#endif
