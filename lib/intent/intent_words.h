/* intent_words: what a table allows in words, without parameter values: what a grant's text says is
 * the evaluator's own code, compiled for this machine; what `policy inspect` says is everything. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_WORDS_H
#define INTENT_WORDS_H

#include "base_bytes.h"

#define INTENT_WORDS_MAX (256 << 10)

/* intent_words_of writes the text of a table that has passed policy_intent_check (lib/policy),
 * UTF-8: what a grant's text would say (at most POLICY_DESCRIPTION_MAX bytes), or with `full`
 * everything that its verdicts rest on (at most INTENT_WORDS_MAX): two tables with the same full
 * text decide alike. A text that is full begins with INCOMPLETE. */
void intent_words_of(struct bytes table, bool full, struct buffer *ret_text);

/* Parts of the full text, as single lines where they are one. */
enum intent_words_part {
	INTENT_WORDS_RULE,      /* `rule`: its name, program and first bytes */
	INTENT_WORDS_COUNTS,    /* ... how often and where in the order */
	INTENT_WORDS_DATA,      /* ... the layout of its data */
	INTENT_WORDS_PLACE,     /* ... account `index` */
	INTENT_WORDS_REST,      /* ... accounts behind the listed ones */
	INTENT_WORDS_FLAGS,     /* ... whether writable flags are compared */
	INTENT_WORDS_OPERATION, /* ... operation `index`; rule SIZE_MAX: after the last instruction
	                         */
	INTENT_WORDS_PAYER,
	INTENT_WORDS_WARNINGS,
	INTENT_WORDS_MESSAGE, /* `index` */
};

/* intent_words_part writes one of them, without the space before it and the line end behind it. */
void intent_words_part(struct bytes table, enum intent_words_part part, size_t rule, size_t index,
                       struct buffer *ret_text);

#endif
