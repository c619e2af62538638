/* signer_receipt: a receipt for every decision (B2), one chain per wallet, synced at most 100 ms
 * behind.
 *
 * Receipts gather in a buffer that is sealed and appended to the store as one blob; a second one
 * fills meanwhile, and when both are full the signer refuses rather than sign without a receipt.
 * Beside it goes a blob of replay inputs (the check request's bytes), as far as they fit.
 * A wallet's chain head is kept in the map; blobs newer than the heads there are read again at
 * start, so a chain goes on without a gap after a crash (A24 is for the holder to prove).
 *
 * A blob's plain form is a row of items (authz_bundle.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_RECEIPT_H
#define SIGNER_RECEIPT_H

#include "authz_bundle.h"
#include "call_sign.h"
#include "signer_state.h"

#define SIGNER_SYNC_MS       100
#define SIGNER_HEADS_MS      1000 /* chain heads go into the map at most so often */
#define SIGNER_BLOB_MAX      (CALL_STORE_VALUE_LEN_MAX - KEYS_AEAD_OVERHEAD_LEN) /* plain */
#define SIGNER_SYNC_BYTES    98304u /* sync earlier when so much has gathered */
#define SIGNER_RECENT_MAX    4096   /* decisions that can be shown from memory */
#define SIGNER_RECENT_BYTES  (4u << 20)
#define SIGNER_CHAINS_CACHED 16384

struct signer_receipts;

/* One decision that can still be shown from memory. */
struct signer_recent {
	uint8_t ticket[32], message_hash[32], wallet[32], client[32];
	size_t at, len;
	uint64_t kept; /* bytes kept in all before it: says whether its own were overwritten */
};

struct signer_receipts *signer_receipts_new(struct signer_state *state,
                                            const struct signer_vault *vault);

/* signer_receipts_begin starts a boot with its boot record. */
void signer_receipts_begin(struct signer_receipts *receipts, const uint8_t deployment[32],
                           uint64_t boot, struct bytes boot_record);
/* signer_receipts_recover takes a blob that is newer than the heads in the map. */
MUST_USE enum status signer_receipts_recover(struct signer_receipts *receipts, uint64_t cursor,
                                             struct bytes sealed);

/* signer_receipts_ready: OK when the wallet's chain is known and there is room for `count` more
 * receipts, 1 to CALL_BATCH_MAX; BUSY while the chain is being loaded or the last sync is still on
 * its way. `share` is the client's whose decisions they are, NULL for the signer's own: whoever has
 * more than twice what is left waits, so that a slow disk and one client's flood leave others
 * their places (A25). */
MUST_USE enum status signer_receipts_ready(struct signer_receipts *receipts,
                                           const uint8_t wallet[32], size_t count,
                                           const struct signer_receipt_share *share);
/* signer_receipts_add completes the receipt (deployment, boot, number, previous), chains it and
 * keeps it, charged to `share`. `inputs` is the check request of its last grant tried; may be
 * empty. */
void signer_receipts_add(struct signer_receipts *receipts, struct authz_receipt *receipt,
                         struct bytes input, struct signer_receipt_share *share);
/* signer_receipts_loaded is the store's hook for a chain's head. */
void signer_receipts_loaded(struct signer_receipts *receipts, const uint8_t wallet[32],
                            enum status status, struct bytes sealed);
/* signer_receipts_pump syncs when it is time; `now` true: at once (orderly stop). */
void signer_receipts_pump(struct signer_receipts *receipts, uint64_t now_ms, bool now);
/* signer_receipts_segment is the store's hook for appends. */
void signer_receipts_segment(struct signer_receipts *receipts, uint64_t stream, enum status status,
                             const struct call_store_segment_state *state);

/* signer_receipts_are_kept is false from an append that failed (the disk is full, the store away)
 * until one succeeds: what gives power waits then (R4). */
bool signer_receipts_are_kept(const struct signer_receipts *receipts);
/* signer_receipts_due_ms: in so many ms, at least one, there is something to do that nothing but
 * the clock brings; a second when there is not. */
uint64_t signer_receipts_due_ms(const struct signer_receipts *receipts, uint64_t now_ms);
uint64_t signer_receipts_behind(const struct signer_receipts *receipts);
/* signer_receipts_from is the cursor for the checkpoint of commit batch `batch`. */
uint64_t signer_receipts_from(const struct signer_receipts *receipts, uint64_t batch);
void signer_receipts_set_from(struct signer_receipts *receipts, uint64_t cursor);

/* signer_receipts_find looks for a decision in memory, newest first, by ticket or message hash. */
const struct signer_recent *signer_receipts_find(const struct signer_receipts *receipts,
                                                 const uint8_t key[32]);
/* signer_receipts_count is how many decisions this boot has made; signer_receipts_nth gives one of
 * them, from 0 on: NULL when it is no longer in memory. */
uint64_t signer_receipts_count(const struct signer_receipts *receipts);
const struct signer_recent *signer_receipts_nth(const struct signer_receipts *receipts, uint64_t n);
struct bytes signer_receipts_bytes(const struct signer_receipts *receipts,
                                   const struct signer_recent *recent);
/* signer_receipts_open unseals a blob of a stream (enum call_store_stream) for an export. */
MUST_USE enum status signer_receipts_open(const struct signer_receipts *receipts, uint32_t stream,
                                          struct bytes sealed, struct buffer *ret_plain);
/* signer_receipts_next is the cursor that the next durable blob gets. */
uint64_t signer_receipts_next(const struct signer_receipts *receipts);
/* signer_receipts_head appends the items HEAD and PATH of a wallet whose chain is known, as far as
 * it is durable: an export that read all blobs before signer_receipts_next ends where it says. */
MUST_USE enum status signer_receipts_head(struct signer_receipts *receipts,
                                          const uint8_t wallet[32], uint64_t time_high_s,
                                          struct buffer *out);

#endif
