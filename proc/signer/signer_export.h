/* signer_export: what a client may read: its wallets, decisions, receipts; the signer's state.
 *
 * An export never signs or changes anything. What does not exist and what a client may not see get
 * one answer (U6): a client sees a wallet for which it has, or had, a grant. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_EXPORT_H
#define SIGNER_EXPORT_H

#include "signer.h"

#define SIGNER_EXPORTS_MAX         32 /* that wait for the store at once */
#define SIGNER_EXPORTS_EACH        8  /* of these, with one token (A25) */
/* Where no place is left, who has more of them than the newcomer gives one up that he had for this
 * long: a look for an old decision may go through all that is kept. */
#define SIGNER_EXPORT_GIVES_WAY_MS 250

struct signer_export *signer_export_new(struct signer *signer);
/* signer_export_has_room is false only while the bridge takes no answers: a request that finds no
 * place is refused, and holds nobody back (A25). Nobody is refused for longer than
 * SIGNER_EXPORT_GIVES_WAY_MS while others have more places than he, however many they are. */
bool signer_export_has_room(const struct signer_export *exports);
/* signer_export_request: STATUS_MALFORMED, or STATUS_BUSY without room. */
MUST_USE enum status signer_export_request(struct signer_export *exports, struct bytes message);
void signer_export_pump(struct signer_export *exports);
/* signer_export_waits is true when an answer is still to come. */
bool signer_export_waits(const struct signer_export *exports);
/* signer_export_blob is the store's hook for reads of the receipts stream. */
void signer_export_blob(struct signer_export *exports, uint64_t tag, enum status status,
                        const struct call_store_segment_state *state, struct bytes blob);
void signer_export_drop_bridge(struct signer_export *exports);

#endif
