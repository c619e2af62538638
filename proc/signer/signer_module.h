/* signer_module: policy modules: in what form they are stored, and who may have how many (A25).
 *
 * Whoever reaches the signer may add a module. It is *on offer* then, among the last few of all. A
 * party is a user, a client, an operator, or all those together who do not say who they are; when
 * the places are taken, whoever has most of them gives up his oldest, so nobody's flood washes out
 * what another one offers. A grant that names it has it *kept*, as part of the share of the
 * user who signed; so nobody fills the place of all, and nothing stays for which nobody signed.
 * Lookup tables that grants pin are kept alike, in the same share.
 * What no grant names any more goes when an operator has it swept (signer_sweep.h).
 *
 * An intent is the evaluator, which all intents share, and a table of its own. What is kept of one
 * is the rest beside the evaluator (policy_intent.h), and the evaluator once, as a record like any
 * module's. The id is the hash of the whole module, which is put together when a verifier wants it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_MODULE_H
#define SIGNER_MODULE_H

#include "signer_state.h"

/* Number and bytes (as stored) of modules and pinned tables; a record as it is. */
struct signer_module_use {
	uint64_t count, bytes;
};

struct signer_module_bounds {
	struct signer_module_use all, user;
	size_t offers;
};

/* Which modules are on offer: a record as it is. */
struct signer_offers {
	uint64_t added; /* of all that ever were */
	struct {
		uint64_t number; /* of them; 0: free */
		uint8_t hash[32], party[32];
	} rows[LIMIT_MODULES_OFFERED];
};

/* signer_offers_find: whether there is one of that hash, of that party (NULL: of anyone). */
bool signer_offers_find(const struct signer_offers *offers, const uint8_t hash[32],
                        const uint8_t *party, size_t *ret_place);
/* signer_offers_add gives a party's next module one of the first `places` places. */
size_t signer_offers_add(struct signer_offers *offers, size_t places, const uint8_t hash[32],
                         const uint8_t party[32]);

/* signer_module_bounds gives what fits a state that has so many bytes of place; 0: no bound. */
struct signer_module_bounds signer_module_bounds(uint64_t place_bytes);

/* signer_module_refusal is NULL when `added` fits, else the sentence that says why it does not. */
const char *signer_module_refusal(const struct signer_module_bounds *bounds,
                                  const struct signer_module_use *all,
                                  const struct signer_module_use *user,
                                  const struct signer_module_use *added);

/* signer_module_bytes appends a kept module's bytes; as a look-up, BUSY while the store is asked.
 */
MUST_USE enum status signer_module_bytes(struct signer_state *state, const uint8_t hash[32],
                                         struct buffer *ret_module);

#endif
