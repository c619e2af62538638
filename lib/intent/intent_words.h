/* intent_words: what a table allows in words, without parameter values: the evaluator's own text
 * code, compiled for this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_WORDS_H
#define INTENT_WORDS_H

#include "base_bytes.h"

#define INTENT_WORDS_MAX 65536

/* intent_words_of writes the text of a table that has passed policy_intent_check (lib/policy),
 * UTF-8: what a grant's text would say (at most POLICY_DESCRIPTION_MAX bytes), or with `full`
 * everything (at most INTENT_WORDS_MAX). A text that is full begins with INCOMPLETE. */
void intent_words_of(struct bytes table, bool full, struct buffer *ret_text);

/* Parts of the full text, for comparing two intents: intent_words_rule writes rule `index` (its
 * first line names it), intent_words_whole what is demanded of the whole. */
size_t intent_words_rules(struct bytes table);
void intent_words_rule(struct bytes table, size_t index, struct buffer *ret_text);
void intent_words_whole(struct bytes table, struct buffer *ret_text);

#endif
