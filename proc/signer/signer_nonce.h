/* signer_nonce: durable nonces under a grant (A18): what was signed on each, and what it counts.
 *
 * Of all transactions on one value of one nonce account at most one is ever carried out, so they
 * count as the largest, per counter; spec/solana.md has the argument, and why a lifetime must be
 * proven to be a nonce before that is true. Uses count each signature.
 *
 * Rows live beside the grant's counters (struct authz_lease_record). One is durable before anything
 * is signed on it, so that a revocation can list what is outstanding; what it counted so far is
 * kept in memory only, and forgetting it counts more, never less. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_NONCE_H
#define SIGNER_NONCE_H

#include "signer_state.h"
#include "solana_view.h"

#define SIGNER_NONCE_NONE SIZE_MAX

/* signer_nonce_read finds account and value of a message that uses a durable nonce; false when the
 * account hides in a lookup table or is missing: the floor refuses those. */
bool signer_nonce_read(const struct solana_view *view, struct authz_nonce *ret_nonce);

/* signer_nonce_is_proven: `origin` is the blockhash of which the runtime made `value`, which is
 * therefore no blockhash itself. */
bool signer_nonce_is_proven(const uint8_t value[32], const uint8_t origin[32]);

/* signer_nonce_find returns the row of a nonce in its grant, or SIGNER_NONCE_NONE. */
size_t signer_nonce_find(const struct signer_grant *grant, const struct authz_nonce *nonce);

/* signer_nonce_ready is true when the nonce has a durable row; else it makes one, the oldest giving
 * way, and has it written: ask again after the next pump. */
bool signer_nonce_ready(struct signer_state *state, struct signer_grant *grant,
                        const struct authz_nonce *nonce);

/* signer_nonce_counted is how much of counter `counter` this nonce has counted already: a further
 * transaction on it counts only what goes above. `row` may be SIGNER_NONCE_NONE. */
uint64_t signer_nonce_counted(const struct signer_grant *grant, size_t row, size_t counter);
/* signer_nonce_counted_limit: the same of a limit of the wallet. Under another grant the nonce
 * counts again there: more than it is, never less. */
uint64_t signer_nonce_counted_limit(const struct signer_grant *grant, size_t row,
                                    const struct signer_limits *limits, size_t counter);

#endif
