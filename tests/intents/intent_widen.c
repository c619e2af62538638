/* intent_widen MODULE REQUESTS ROUNDS SEED: bends an intent's table at random, and holds the
 * verdict of `policy diff` (lib/intent/intent_diff.h) against what tables do: where one denies a
 * request that another allows, or counts it otherwise, the comparison must not have found that
 * nothing widens. S23, B3, A3.
 *
 * REQUESTS: each behind its length, u32, as tests/intents/widen.mjs writes them. Prints one line:
 * tables tried, pairs in which something widened, pairs of which nothing was told as wider, and
 * whether any lied. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base_check.h"
#include "intent_diff.h"
#include "policy_answer.h"
#include "policy_intent.h"
#include "policy_table.h"

/* The evaluator once more, beside the one whose words lib/intent says. */
#pragma GCC diagnostic ignored "-Wunused-function"
#define policy_abi      widen_abi
#define policy_io       widen_io
#define policy_check    widen_check
#define policy_describe widen_describe
#include "evaluator.c"

#define REQUESTS_MAX 512

struct bent {
	_Alignas(8) uint8_t table[INTENT_TABLE_MAX];
	size_t len;
	uint8_t verdicts[REQUESTS_MAX];
	struct policy_facts facts[REQUESTS_MAX];
};

static uint8_t *requests[REQUESTS_MAX];
static uint32_t request_lens[REQUESTS_MAX];
static size_t request_count;
static uint64_t state;

static uint32_t below(uint32_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return n == 0 ? 0 : (uint32_t)(state >> 33) % n;
}

static void forget(void)
{
	memset(intent_values, 0, sizeof(intent_values));
	memset(intent_owned, 0, sizeof(intent_owned));
	memset(intent_fresh, 0, sizeof(intent_fresh));
	memset(intent_binds, 0, sizeof(intent_binds));
	memset(intent_sides, 0, sizeof(intent_sides));
	memset(intent_settled, 0, sizeof(intent_settled));
	memset(intent_entries, 0, sizeof(intent_entries));
	memset(intent_is_pending, 0, sizeof(intent_is_pending));
	intent_pending_count = 0;
}

static void run_all(struct bent *b)
{
	memset(intent_table_bytes, 0, sizeof(intent_table_bytes));
	memcpy(intent_table_bytes, b->table, b->len);
	for (size_t i = 0; i < request_count; i++) {
		struct policy_answer *answer = (void *)(policy_area.bytes + POLICY_ANSWER_OFFSET);
		forget();
		memset(answer, 0, sizeof(*answer));
		memset(policy_area.bytes, 0, POLICY_ANSWER_OFFSET);
		memcpy(policy_area.bytes, requests[i], request_lens[i]);
		policy_check();
		b->verdicts[i] = (uint8_t)answer->verdict;
		b->facts[i] = answer->facts;
	}
}

static bool same_facts(const struct policy_facts *a, const struct policy_facts *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether the new table allows what the old one denies, or counts otherwise. */
static bool widens(const struct bent *old, const struct bent *new)
{
	for (size_t i = 0; i < request_count; i++)
		if (new->verdicts[i] == POLICY_ALLOW &&
		    (old->verdicts[i] != POLICY_ALLOW ||
		     !same_facts(&old->facts[i], &new->facts[i])))
			return true;
	return false;
}

static void hear(void *context, const struct intent_change *change)
{
	(void)context;
	(void)change;
}

/* --- bending */

static void bend_number(uint8_t *at, uint32_t bytes)
{
	uint64_t value = 0;
	memcpy(&value, at, bytes);
	switch (below(5)) {
	case 0:
		value++;
		break;
	case 1:
		value--;
		break;
	case 2:
		value ^= UINT64_C(1) << below(8 * bytes);
		break;
	case 3:
		value = below(64);
		break;
	default:
		value = below(2) == 0 ? 0 : UINT64_MAX;
		break;
	}
	memcpy(at, &value, bytes);
}

/* A part as the head lists them: which, and how large an entry and a field of it are. */
static void bend_part(uint8_t *table)
{
	const struct intent_head *h = (const void *)table;
	const struct {
		const struct intent_part *part;
		uint32_t entry, field;
	} parts[] = {
	    {&h->rules,    sizeof(struct intent_rule),    1},
	    {&h->rules,    sizeof(struct intent_rule),    2},
	    {&h->ops,      sizeof(struct intent_op),      1},
	    {&h->ops,      sizeof(struct intent_op),      2},
	    {&h->ops,      sizeof(struct intent_op),      2},
	    {&h->layouts,  1,	                     1},
	    {&h->enums,    2,	                     2},
	    {&h->keys,     32,	                    1},
	    {&h->lists,    sizeof(struct intent_list),    2},
	    {&h->image,    8,	                     8},
	    {&h->groups,   sizeof(struct intent_group),   2},
	    {&h->params,   sizeof(struct intent_param),   2},
	    {&h->programs, sizeof(struct intent_program), 2},
	};
	uint32_t which = below(sizeof(parts) / sizeof(parts[0]));
	uint32_t bytes = parts[which].part->count * parts[which].entry, field = parts[which].field;
	if (bytes != 0)
		bend_number(table + parts[which].part->off + below(bytes / field) * field, field);
}

/* Two rules of one program change their places. */
static void swap_rules(uint8_t *table)
{
	const struct intent_head *h = (const void *)table;
	const struct intent_program *programs = (const void *)(table + h->programs.off);
	struct intent_rule *rules = (void *)(table + h->rules.off), kept;
	if (h->programs.count == 0)
		return;
	const struct intent_program *one = &programs[below(h->programs.count)];
	uint32_t a = one->first + below(one->count), b = one->first + below(one->count);
	kept = rules[a];
	rules[a] = rules[b];
	rules[b] = kept;
}

/* One operation becomes what another is, or goes away where the list can be shorter. */
static void bend_op(uint8_t *table)
{
	const struct intent_head *h = (const void *)table;
	struct intent_op *ops = (void *)(table + h->ops.off);
	struct intent_rule *rules = (void *)(table + h->rules.off);
	if (h->rules.count == 0)
		return;
	struct intent_rule *rule = &rules[below(h->rules.count)];
	if (rule->code_count == 0)
		return;
	uint32_t at = rule->code_first + below(rule->code_count);
	switch (below(4)) {
	case 0:
		ops[at] = ops[below(h->ops.count)];
		break;
	case 1:
		rule->code_count--;
		break;
	case 2:
		rule->select_count = (uint16_t)below(3);
		break;
	default:
		ops[at].b ^= (uint16_t)(1u << below(8));
		break;
	}
}

static void bend_head(uint8_t *table)
{
	struct intent_head *h = (void *)table;
	switch (below(5)) {
	case 0:
		h->formats = (uint8_t)below(8);
		break;
	case 1:
		h->payer_kind = (uint8_t)below(12);
		break;
	case 2:
		h->nonce = (uint16_t)(below(2) == 0 ? INTENT_NONE : 8 * below(h->slots));
		break;
	case 3:
		h->final_count = (uint16_t)(h->final_count - 1);
		break;
	default:
		h->unproven = (uint16_t)(below(2) == 0 ? INTENT_NONE : 8 * below(h->slots));
		break;
	}
}

/* Up to three steps, of which those stay that leave a table that the host would take. */
static bool bend(const struct bent *from, struct bent *to)
{
	static _Alignas(8) uint8_t next[INTENT_TABLE_MAX];
	struct policy_error why;
	memcpy(to->table, from->table, from->len);
	to->len = from->len;
	for (uint32_t i = 0, times = 1 + below(3); i < times; i++) {
		uint32_t how = below(12);
		memcpy(next, to->table, to->len);
		if (how == 0)
			swap_rules(next);
		else if (how < 4)
			bend_op(next);
		else if (how == 4)
			bend_head(next);
		else
			bend_part(next);
		if (policy_intent_check(bytes_of(next, to->len), &why) == STATUS_OK)
			memcpy(to->table, next, to->len);
	}
	return memcmp(to->table, from->table, from->len) != 0;
}

/* --- the files */

static void read_requests(const char *path)
{
	FILE *file = fopen(path, "rb");
	CHECK(file != NULL);
	while (request_count < REQUESTS_MAX &&
	       fread(&request_lens[request_count], 4, 1, file) == 1) {
		uint32_t len = request_lens[request_count];
		CHECK(len <= POLICY_ANSWER_OFFSET);
		requests[request_count] = malloc(len);
		CHECK(requests[request_count] != NULL);
		CHECK(fread(requests[request_count++], 1, len, file) == len);
	}
	fclose(file);
}

static struct bent whole, one, other;
static unsigned wider, silent, lies;

static void hold(const struct bent *old, const struct bent *new, unsigned round)
{
	size_t told =
	    intent_diff(bytes_of(old->table, old->len), bytes_of(new->table, new->len), hear, NULL);
	bool truly = widens(old, new);
	wider += truly;
	silent += told == 0;
	if (!truly || told != 0)
		return;
	lies++;
	printf("round %u: it widens, and the comparison says that nothing does\n", round);
	for (size_t i = 0; i < old->len; i++)
		if (old->table[i] != new->table[i])
			printf("  byte %zu: %u -> %u\n", i, old->table[i], new->table[i]);
}

int main(int argc, char **argv)
{
	CHECK(argc == 5);
	unsigned rounds = (unsigned)strtoul(argv[3], NULL, 10), good = 0;
	state = strtoull(argv[4], NULL, 10) * 2 + 1;
	whole.len = policy_table_read(argv[1], whole.table);
	read_requests(argv[2]);
	run_all(&whole);
	for (unsigned round = 0; round < rounds; round++) {
		if (!bend(&whole, &one))
			continue;
		good++;
		run_all(&one);
		hold(&whole, &one, round);
		hold(&one, &whole, round);
		if (!bend(&one, &other))
			continue;
		run_all(&other);
		hold(&one, &other, round);
		hold(&other, &one, round);
	}
	size_t allowed = 0;
	for (size_t i = 0; i < request_count; i++)
		allowed += whole.verdicts[i] == POLICY_ALLOW;
	printf("%zu requests, %zu allowed, %u tables, %u wider, %u silent, %u lies\n",
	       request_count, allowed, good, wider, silent, lies);
	return lies == 0 ? 0 : 1;
}
