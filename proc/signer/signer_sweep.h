/* signer_sweep: gives back the places of modules and pinned lookup tables that no grant names any
 * more, when an operator asks for it (spec/store.md, Modules).
 *
 * It counts nothing along: it looks at every wallet and notes what its live grants and the grants
 * that wait name, then removes what nothing named. It goes step by step, each a request of the
 * operator's between which all else goes on; a grant that is made meanwhile notes them before they
 * are looked for. What a wallet names is read only when what is in force is durable, so that no
 * power cut brings back a grant whose module or table went. What it notes is in memory and may note
 * too much, never too little; a start ends it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_SWEEP_H
#define SIGNER_SWEEP_H

#include "signer_change.h"

struct signer_sweep;

struct signer_sweep *signer_sweep_new(void);
/* signer_sweep_note: a change is about to name this module or table. */
void signer_sweep_note(struct signer_sweep *sweep, const uint8_t id[32]);
/* signer_sweep_query answers AUTHZ_QUERY_SWEEP; that an operator asks was checked. */
enum status signer_sweep_query(struct signer_change *job, const struct authz_query *query);

#endif
