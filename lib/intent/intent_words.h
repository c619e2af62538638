/* intent_words: what a table allows in words, without parameter values: the evaluator's own text
 * code, compiled for this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_WORDS_H
#define INTENT_WORDS_H

#include "base_bytes.h"

/* intent_words writes the text of a table that has passed policy_intent_check (lib/policy): UTF-8,
 * at most POLICY_DESCRIPTION_MAX bytes. A text that is full begins with INCOMPLETE. */
void intent_words_of(struct bytes table, struct buffer *ret_text);

#endif
