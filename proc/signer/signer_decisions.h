/* signer_decisions: a wallet's decisions for its owner, page by page. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_DECISIONS_H
#define SIGNER_DECISIONS_H

#include "signer_change.h"

#define SIGNER_DECISIONS_TAG (UINT64_C(1) << 32) /* of reads; later ones count up from it */

struct signer_decisions;

struct signer_decisions *signer_decisions_new(void);
/* signer_decisions_blob is the store's hook for these reads. */
void signer_decisions_blob(struct signer *signer, uint64_t tag, enum status status,
                           const struct call_store_segment_state *state, struct bytes blob);
/* signer_decisions_query fills the answer; the caller has seen that the wallet may be read. */
enum status signer_decisions_query(struct signer_change *job, const struct authz_query *query);

#endif
