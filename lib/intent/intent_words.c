/* intent_words: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_words.h"

#include "base_check.h"

/* What of the evaluator only runs inside a module is not called here. */
#pragma GCC diagnostic ignored "-Wunused-function"
#define POLICY_PARAMETERS(X)
#define POLICY_TAKES_MESSAGES
#include "intent_text.h"

static void policy_rules(struct policy *p)
{
	(void)p;
}

static void policy_grant(struct policy *p)
{
	say_grant(p);
}

static void policy_message(struct policy *p)
{
	(void)p;
}

static uint8_t words_space[INTENT_WORDS_MAX];

static struct policy begin(struct bytes table, bool full, uint32_t cap)
{
	struct policy p = {
	    .text = {words_space, cap, 0}
        };
	CHECK(table.len <= sizeof(intent_table_bytes));
	struct policy_request *request = (void *)policy_area.bytes; /* an empty one */
	memset(request, 0, sizeof(*request));
	request->len = sizeof(*request);
	p.request = request;
	memcpy(intent_table_bytes, table.data, table.len);
	intent_bare = true;
	intent_full = full;
	return p;
}

static void end(const struct policy *p, struct buffer *ret_text)
{
	CHECK(buffer_put(ret_text, bytes_of(words_space, p->text.len)) == STATUS_OK);
}

void intent_words_of(struct bytes table, bool full, struct buffer *ret_text)
{
	struct policy p = begin(table, full, full ? INTENT_WORDS_MAX : POLICY_DESCRIPTION_MAX);
	policy_grant(&p);
	end(&p, ret_text);
}

size_t intent_words_rules(struct bytes table)
{
	return ((const struct intent_head *)(const void *)table.data)->rules.count;
}

void intent_words_rule(struct bytes table, size_t index, struct buffer *ret_text)
{
	struct policy p = begin(table, true, INTENT_WORDS_MAX);
	say_rule(&p, (const struct intent_rule *)INTENT_AT(rules) + index);
	end(&p, ret_text);
}

void intent_words_whole(struct bytes table, struct buffer *ret_text)
{
	static const char *const formats[] = {"legacy", "v0", "v1"};
	struct policy p = begin(table, true, INTENT_WORDS_MAX);
	say_warnings(&p);
	if (INTENT_HEAD->formats != 0) {
		say_whole(&p);
		say_payer(&p);
	}
	for (unsigned i = 0; i < 3; i++) {
		if ((INTENT_HEAD->formats >> i & 1) == 0)
			continue;
		say(&p, "format ");
		say(&p, formats[i]);
		say(&p, "\n");
	}
	say_messages(&p);
	end(&p, ret_text);
}
