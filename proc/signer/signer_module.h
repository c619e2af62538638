/* signer_module: policy modules: in what form they are stored, and who may have how many (A25).
 *
 * Whoever reaches the signer may add a module. It is *on offer* then: one of the last few, of which
 * the oldest gives way. A grant that names it has it *kept*, for good, as part of the share of the
 * user who signed; so nobody fills the place of all, and nothing stays for which nobody signed.
 *
 * An intent is the evaluator, which all intents share, and a table of its own. What is kept of one
 * is the rest beside the evaluator (policy_intent.h), and the evaluator once, as a record like any
 * module's. The id is the hash of the whole module, which is put together when a verifier wants it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_MODULE_H
#define SIGNER_MODULE_H

#include "signer_state.h"

/* Number and bytes (as stored) of modules; a record as it is. */
struct signer_module_use {
	uint64_t count, bytes;
};

struct signer_module_bounds {
	struct signer_module_use all, user;
	size_t offers;
};

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
