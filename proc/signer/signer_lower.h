/* signer_lower: what a change that takes power does to a record.
 *
 * It is done to the record in force and, where a change before it is on its way, to the version
 * that that one will make (signer_group.h): the later one was judged by neither alone, so each
 * keeps whatever is less. Nothing here gives power, whatever the record says. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_LOWER_H
#define SIGNER_LOWER_H

#include "authz_change.h"
#include "authz_record.h"

/* signer_lower_wallet takes from a wallet's record what entry `at` of a FREEZE, REVOKE, CANCEL or
 * LIMIT takes; limits of a grant are not in it. `now`: the same wallet's record in force, lowered
 * before, whose limits' counts go on in the version to come; NULL: this is the one in force. */
void signer_lower_wallet(const struct authz_change *change, size_t at,
                         const struct authz_wallet_record *now, struct authz_wallet_record *wallet);
/* signer_lower_fits tells whether the record has room for those limits beside its own. */
bool signer_lower_fits(const struct authz_limit_body *body,
                       const struct authz_wallet_record *wallet);

/* What waits for a wallet (signer_pending.c). */
struct authz_pending_entry *signer_lower_find_pending(struct authz_wallet_record *wallet,
                                                      const uint8_t hash[32]);
void signer_lower_drop_pending(struct authz_wallet_record *wallet,
                               struct authz_pending_entry *entry);
bool signer_lower_is_live(const struct authz_wallet_record *wallet, const uint8_t grant[32]);

#endif
