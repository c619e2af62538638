/* policy_intent: modules that are an intent: the evaluator with a table beside it.
 *
 * For the signer and the command line. A module is *known* when it is one that ships, or when
 * taking its table out and putting it beside the compiled-in evaluator gives the same bytes again
 * and the table is one whose facts and texts are the whole truth: everything else is custom code
 * (A3).
 *
 * The bytes come from a user: strict, bounded, nothing is kept. Formats: spec/intent-table.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_INTENT_H
#define POLICY_INTENT_H

#include "policy_parameters.h"

/* policy_intent_table finds the table in a module; STATUS_REFUSED: the module is no intent of this
 * build's evaluator. `ret_table` is borrowed from the module. */
MUST_USE enum status policy_intent_table(struct bytes module, struct bytes *ret_table);

/* policy_intent_module puts a table beside the evaluator; the table must have passed
 * policy_intent_check. STATUS_TOO_LARGE: `ret_module` is too small. */
MUST_USE enum status policy_intent_module(struct bytes table, struct buffer *ret_module);

/* policy_intent_check says whether a table can be run and tells the truth: its structure
 * (intent_check.h), what the compiler knows about the network's own programs (spec/intent.md, 5),
 * and the names and places of its parameters. `table` is 8-byte aligned. STATUS_REFUSED:
 * `ret_error` says why, and of which rule. */
MUST_USE enum status policy_intent_check(struct bytes table, struct policy_error *ret_error);

/* An intent's module without what all intents of one evaluator have: how the signer stores it.
 * policy_intent_rest writes that; REFUSED: the module is no intent of this build's evaluator.
 * policy_intent_is_rest tells it from a module and names what it lacks, by SHA-256.
 * policy_intent_whole puts both together again; MALFORMED: they do not belong together. */
struct bytes policy_intent_shared(void);
MUST_USE enum status policy_intent_rest(struct bytes module, const uint8_t shared_hash[32],
                                        struct buffer *ret_rest);
bool policy_intent_is_rest(struct bytes stored, uint8_t ret_shared_hash[32]);
MUST_USE enum status policy_intent_whole(struct bytes shared, struct bytes rest,
                                         struct buffer *ret_module);

/* policy_intent_name gives the intent's name when the module is a known intent, else NULL; it is
 * borrowed from the module. */
const char *policy_intent_name(struct bytes module);

/* policy_intent_why says why a module with this build's evaluator is no known intent; empty for
 * other modules, and for one that is. */
void policy_intent_why(struct bytes module, struct policy_error *ret_error);

/* policy_intent_gives_accounts says whether a known intent allows changes of authority, by which
 * the wallet's token accounts may become somebody else's (A20). */
bool policy_intent_gives_accounts(struct bytes module);

#endif
