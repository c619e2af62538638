/* signer_keep: how much of the two streams is kept on the disk. Replay inputs up to a size, the
 * oldest giving way; receipts for ever, or as long as the site says, or until an operator's
 * command.
 *
 * Receipts go blob by blob from the front, never what a start would read again. A boot's record
 * goes with its blob; the last one that went is kept in the map, since later receipts name it, and
 * an export begins with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_KEEP_H
#define SIGNER_KEEP_H

#include "signer.h"

#define SIGNER_KEEP_TAG     60 /* of its requests to the store */
#define SIGNER_KEEP_LOOK_MS 3600000u

struct signer_keep;

/* signer_keep_new reads the settings `inputs_keep_mb` and `receipts_keep_days` (0: for ever); NULL
 * when one is no number. */
struct signer_keep *signer_keep_new(struct signer *signer);

/* signer_keep_pump goes on with what is to be deleted. */
void signer_keep_pump(struct signer_keep *keep);
/* signer_keep_segment is the store's hook for its requests. */
void signer_keep_segment(struct signer_keep *keep, enum status status,
                         const struct call_store_segment_state *state, struct bytes blob);
/* signer_keep_appended looks at how much of replay inputs there is after an append. */
void signer_keep_appended(struct signer_keep *keep, const struct call_store_segment_state *state);

/* signer_keep_trim deletes receipts of before `before_s` (seconds since 1970). */
void signer_keep_trim(struct signer_keep *keep, uint64_t before_s);
/* signer_keep_is_done is true when nothing that was asked for is left to delete. */
bool signer_keep_is_done(const struct signer_keep *keep);

#endif
