/* signer_boot: from a cold start to serving, and from serving to an orderly stop.
 *
 *   1. the unsealer's facts: node share, PCRs, TPM identity (or why there is no share);
 *   2. the store's last checkpoint: open the master key, verify the checkpoint's MAC; or genesis;
 *   3. blobs of receipts that are newer than the chain heads in the map;
 *   4. the bridge's certificate; a boot record; the first commit of this boot.
 * Each step waits without blocking: signer_boot_step is called from the loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_BOOT_H
#define SIGNER_BOOT_H

#include "signer.h"

/* signer_boot_step goes on with the start; STATUS_BUSY: not there yet; STATUS_OK: serving; anything
 * else: this signer can't serve, the reason was logged, halt. */
MUST_USE enum status signer_boot_step(struct signer *signer);

/* The store's hooks that belong to the start. */
enum status signer_boot_checkpoint(struct signer *signer, uint64_t seq, const uint8_t root[32],
                                   bool light, struct buffer *ret_checkpoint);
void signer_boot_blob(struct signer *signer, enum status status,
                      const struct call_store_segment_state *state, struct bytes blob);

/* signer_boot_time is what status and metrics say of the time. */
struct call_time signer_boot_time(struct signer *signer);

/* signer_boot_mark writes what is known of the time when it must be kept, and says in the log when
 * it became proven, unproven, unknown or not believed. Every pass. */
void signer_boot_mark(struct signer *signer);

/* signer_boot_stop writes everything out for a clean end; STATUS_OK when it is durable. */
MUST_USE enum status signer_boot_stop(struct signer *signer);

#endif
