/* intent_diff: whether one table allows something that another does not.
 *
 * Sound, not complete: it compares the tables themselves, part by part, and what it cannot prove to
 * be equal or narrower counts as wider. So when nothing is told as wider, every transaction and
 * message that the new table allows under some parameter values the old one allows under the same
 * values, with the same facts and charges. Why that follows: spec/intent-table.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_DIFF_H
#define INTENT_DIFF_H

#include "base_bytes.h"

/* One difference. All strings end by 0 and die when the function that is told it returns. */
struct intent_change {
	bool wider;            /* or not proven to be narrower */
	const char *rule;      /* its name; "parameters"; "" for the whole transaction */
	const char *what;      /* what kind of difference */
	const char *old, *new; /* in words; NULL: it is not there */
};

typedef void intent_change_fn(void *context, const struct intent_change *change);

/* intent_diff tells every difference that counts, and gives how many of them are wider. Both
 * tables have passed policy_intent_check and are 8-byte aligned. */
size_t intent_diff(struct bytes old, struct bytes new, intent_change_fn *tell, void *context);

#endif
