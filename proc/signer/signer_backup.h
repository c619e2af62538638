/* signer_backup: hands an operator a copy of the store while everything goes on.
 *
 * The store is believed in nothing here either: what it gives is ciphertext, and a start from it is
 * the site's decision (spec/store.md, Recovery). The signer's part is to ask who wants it, and to
 * let the store go when nobody reads on. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_BACKUP_H
#define SIGNER_BACKUP_H

#include "authz_statement.h"
#include "signer_change.h"

#define SIGNER_BACKUP_IDLE_MS 60000u /* nobody read on for so long: the backup is ended */

struct signer_backup;

struct signer_backup *signer_backup_new(struct signer *signer);
/* signer_backup_query answers AUTHZ_QUERY_BACKUP; that an operator asks was checked. */
enum status signer_backup_query(struct signer_change *job, const struct authz_query *query);
/* signer_backup_heard is the store's hook. */
void signer_backup_heard(struct signer_backup *backup, enum status status,
                         const struct call_store_backed *said, struct bytes bytes);
void signer_backup_pump(struct signer_backup *backup);

#endif
