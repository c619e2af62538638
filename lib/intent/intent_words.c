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

void intent_words_of(struct bytes table, struct buffer *ret_text)
{
	static uint8_t space[POLICY_DESCRIPTION_MAX];
	struct policy p = {
	    .text = {space, sizeof(space), 0}
        };
	CHECK(table.len <= sizeof(intent_table_bytes) &&
	      ret_text->cap - ret_text->len >= sizeof(space));
	memcpy(intent_table_bytes, table.data, table.len);
	intent_bare = true;
	policy_grant(&p);
	CHECK(buffer_put(ret_text, bytes_of(space, p.text.len)) == STATUS_OK);
}
