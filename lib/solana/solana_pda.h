/* solana_pda: addresses that programs derive: PDA and associated token account.
 *
 * Pure: the caller brings SHA-256, so that this module needs no crypto library. Everything here is
 * public data; nothing is constant-time. A derived address says which account it is, never who
 * owns it now. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOLANA_PDA_H
#define SOLANA_PDA_H

#include "solana_view.h"

#define SOLANA_SEED_MAX       32 /* bytes of one seed */
#define SOLANA_SEED_COUNT_MAX 16 /* seeds, the bump included */

/* solana_sha256_fn hashes `count` parts one after the other. */
typedef void solana_sha256_fn(const struct bytes *parts, size_t count, uint8_t ret_hash[32]);

/* solana_is_on_curve says whether 32 bytes are a point of ed25519, as the runtime decides it. */
bool solana_is_on_curve(const uint8_t point[SOLANA_KEY_LEN]);

/* solana_find_program_address finds the first address of bump 255, 254, ... that is no point of the
 * curve. STATUS_TOO_LARGE: over 15 seeds or one over 32 bytes; STATUS_NOT_FOUND: no bump fits. */
MUST_USE enum status solana_find_program_address(const struct bytes *seeds, size_t seed_count,
                                                 const uint8_t program[SOLANA_KEY_LEN],
                                                 solana_sha256_fn *sha256,
                                                 uint8_t ret_address[SOLANA_KEY_LEN],
                                                 uint8_t *ret_bump);

/* solana_associated_token_address derives the address that the Associated Token Account program
 * gives `owner` for `mint` under `token_program` (SPL Token or Token-2022). */
MUST_USE enum status solana_associated_token_address(const uint8_t owner[SOLANA_KEY_LEN],
                                                     const uint8_t mint[SOLANA_KEY_LEN],
                                                     const uint8_t token_program[SOLANA_KEY_LEN],
                                                     solana_sha256_fn *sha256,
                                                     uint8_t ret_address[SOLANA_KEY_LEN]);

#endif
