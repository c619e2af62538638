/* signer_hold: records whose power became less, in force in memory and not durable yet.
 *
 * Each is pinned in its cache, so that the old power can never be loaded again, until the batch
 * that writes it counts. There are so many places and no more, and nobody takes more of them than
 * he leaves. The last ones are kept for what users take from their own wallets' power: what
 * strangers, bots and new power use up (wrong codes, sessions, ceilings, the codes of a grant)
 * never takes them (A25, R2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_HOLD_H
#define SIGNER_HOLD_H

#include "signer_anchor.h"
#include "signer_cache.h"

#define SIGNER_HOLDS_MAX   512
#define SIGNER_HOLDS_SPARE 128 /* of these: for freezes, revocations, cancelling, lower limits */

#define SIGNER_HOLD_UNWRITTEN UINT64_MAX

/* Who asks for a place, and the TPM for a write, and what for. */
struct signer_ask {
	enum signer_need need; /* of the write: as much as his share gives him */
	uint8_t user[32];      /* whose share of writes and places it takes */
	bool lowers;           /* a user's own freeze, revocation, cancelling or lower limit */
};

/* signer_hold_note asks for what is only noted, with the next write: wrong codes, sessions. It is
 * counted apart from what its user takes himself: others may bring it about. */
struct signer_ask signer_hold_note(const uint8_t user[32]);

struct signer_hold {
	struct signer_cache_head *head;
	uint32_t kind;
	uint64_t batch; /* that makes it durable; SIGNER_HOLD_UNWRITTEN: in none yet */
	enum signer_need need;
	uint8_t user[32];
};

struct signer_holds {
	struct signer_hold rows[SIGNER_HOLDS_MAX];
	size_t count;
	uint64_t batch; /* the last one in which one was written */
};

/* signer_holds_find finds the row of an entry; NULL: none. */
struct signer_hold *signer_holds_find(struct signer_holds *holds,
                                      const struct signer_cache_head *head);
/* signer_holds_have_room: whether who asks finds so many places more. What is held already needs
 * none. */
bool signer_holds_have_room(const struct signer_holds *holds, size_t count,
                            const struct signer_ask *ask);
/* signer_holds_add pins an entry until what it says now is durable. An entry that is held already
 * keeps its place, and who has asked for the most; false: there is no place at all. */
bool signer_holds_add(struct signer_holds *holds, uint32_t kind, struct signer_cache_head *head,
                      const struct signer_ask *ask);
size_t signer_holds_unwritten(const struct signer_holds *holds);
/* signer_holds_end unpins what is durable. */
void signer_holds_end(struct signer_holds *holds, uint64_t committed);

#endif
