/* intent_pair: what the parts of the comparison share; inside lib/intent only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_PAIR_H
#define INTENT_PAIR_H

#include <string.h>

#include "intent_diff.h"
#include "intent_table.h"
#include "intent_words.h"
#include "policy_parameters.h"

#define PAIR_RULES_MAX (INTENT_TABLE_MAX / sizeof(struct intent_rule))
#define PAIR_DEPTH_MAX 12 /* numbers made of numbers; deeper is not proven */

struct pair_side {
	struct bytes table;
	const struct intent_head *head;
	const struct intent_program *programs;
	const struct intent_rule *rules;
	const struct intent_op *ops;
	const struct intent_group *groups;
	struct policy_schema schema;
};

/* A list of operations: a rule's, or those after the last instruction (rule NULL). */
struct pair_list {
	const struct pair_side *side;
	const struct intent_rule *rule;
	const struct intent_op *ops;
	uint32_t count;
};

struct pair {
	struct pair_side old, new;
	uint16_t new_slot[INTENT_SLOTS_MAX],
	    old_slot[INTENT_SLOTS_MAX];                              /* counts, totals; 0 none */
	uint16_t new_rule[PAIR_RULES_MAX], old_rule[PAIR_RULES_MAX]; /* + 1; 0: none */
	bool timed; /* the effects of the two lists are the same, so that moments can be compared */
	intent_change_fn *tell;
	void *context;
	size_t wider;
};

enum pair_relation { PAIR_SAME, PAIR_NARROWER, PAIR_UNPROVEN };

/* The worse of two. */
static inline enum pair_relation pair_both(enum pair_relation a, enum pair_relation b)
{
	return a > b ? a : b;
}

/* Which words tell a part: of `rule` (PAIR_WHOLE: none), and which one of them. */
#define PAIR_WHOLE SIZE_MAX
struct pair_part {
	enum intent_words_part part;
	size_t rule, index;
};

/* pair_tell tells a difference; NULL for a part that is not there. */
void pair_tell(struct pair *p, bool wider, const char *what, const struct pair_part *old,
               const struct pair_part *new);

static inline const char *pair_words(const struct pair_side *s, uint32_t off)
{
	return (const char *)s->table.data + s->head->words.off + off;
}

static inline const uint8_t *pair_key(const struct pair_side *s, uint32_t index)
{
	return s->table.data + s->head->keys.off + 32 * (size_t)index;
}

static inline bool pair_is_account(const struct intent_op *op)
{
	return op->op >= INTENT_OP_ACCOUNT && op->op <= INTENT_OP_ACCOUNT_LAST;
}

struct pair_list pair_list_of(const struct pair_side *side, const struct intent_rule *rule);

/* --- intent_pair_numbers.c */
bool pair_same_record(const struct pair *p, uint32_t old, uint32_t new);
bool pair_same_number(const struct pair *p, const struct pair_list *old, uint32_t a,
                      const struct pair_list *new, uint32_t b, uint32_t depth);
void pair_compare_operations(struct pair *p, const struct pair_list *old,
                             const struct pair_list *new);

/* --- intent_pair_places.c */
/* What a key must be: enum intent_require with its argument. */
struct pair_need {
	uint32_t kind, arg;
};
enum pair_relation pair_key_relation(const struct pair *p, struct pair_need old,
                                     struct pair_need new);
bool pair_same_mint(const struct pair *p, uint32_t kind, uint32_t old, uint32_t new);
void pair_compare_places(struct pair *p, const struct intent_rule *old,
                         const struct intent_rule *new);
/* pair_covers says whether a new rule fits every instruction that the old one fits. */
bool pair_covers(const struct pair *p, const struct intent_rule *old,
                 const struct intent_rule *new);

/* --- intent_pair_data.c */
enum pair_relation pair_data_relation(const struct pair *p, const struct intent_rule *old,
                                      const struct intent_rule *new);

#endif
