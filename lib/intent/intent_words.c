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

void intent_words_of(struct bytes table, bool full, struct buffer *ret_text)
{
	static uint8_t space[INTENT_WORDS_MAX];
	struct policy p = {
	    .text = {space, full ? INTENT_WORDS_MAX : POLICY_DESCRIPTION_MAX, 0}
        };
	CHECK(table.len <= sizeof(intent_table_bytes));
	p.request = (const void *)policy_area.bytes; /* an empty one */
	memset(policy_area.bytes, 0, sizeof(struct policy_request));
	memcpy(intent_table_bytes, table.data, table.len);
	intent_bare = true;
	intent_full = full;
	policy_grant(&p);
	CHECK(buffer_put(ret_text, bytes_of(space, p.text.len)) == STATUS_OK);
}
