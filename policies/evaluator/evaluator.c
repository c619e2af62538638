/* evaluator: the policy behind every intent: it decides by the table that lies beside it.
 *
 * The module that ships is this code with a table as its last data segment (spec/intent-table.md);
 * all intents are this same code. The host checks the table before it calls a module known
 * (intent_check.h, lib/policy/policy_intent.c), so that no check pays for it here; beside a table
 * that was not checked this is custom code, which may do anything that WebAssembly lets it. */
/* SPDX-License-Identifier: Apache-2.0 */
#define POLICY_PARAMETERS(X)
#define POLICY_TAKES_MESSAGES
#include "intent_run.h"
#include "intent_text.h"
#include "policy_summary.h"

static void policy_rules(struct policy *p)
{
	if (!intent_record_fits(p))
		return;
	intent_begin(p);
	bool whole = intent_transaction(p);
	intent_facts(p);
	if (whole && p->says)
		policy_say_summary(p, put_key);
}

static void policy_grant(struct policy *p)
{
	if (intent_record_fits(p) && intent_grant_holds(p))
		say_grant(p);
}

/* --- off-chain messages */

static bool message_class(uint32_t class, uint8_t c)
{
	bool digit = c >= '0' && c <= '9';
	switch (class) {
	case INTENT_CLASS_DIGITS:
		return digit;
	case INTENT_CLASS_ALNUM:
		return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	case INTENT_CLASS_TIME:
		return digit || c == 'T' || c == 'Z' || c == ':' || c == '.' || c == '+' ||
		       c == '-';
	default:
		return c >= 0x20 && c != 0x7f;
	}
}

static bool message_takes(struct intent_cursor *c, const uint8_t *bytes, uint32_t len)
{
	if (len > intent_left(c))
		return false;
	for (uint32_t i = 0; i < len; i++)
		if (c->at[i] != bytes[i])
			return false;
	c->at += len;
	return true;
}

static bool message_takes_key(struct intent_cursor *c, const uint8_t *key)
{
	uint8_t space[48];
	struct policy_text text = {space, sizeof(space), 0};
	policy_put_key(&text, key);
	return message_takes(c, space, text.len);
}

static bool message_part(const struct policy *p, const struct intent_op *op,
                         struct intent_cursor *c)
{
	struct policy_range range;
	uint32_t n = 0;
	switch (op->op) {
	case INTENT_OP_BYTES: {
		const uint8_t *words = (const uint8_t *)intent_words(op->b);
		while (words[n] != 0)
			n++;
		return message_takes(c, words, n);
	}
	case INTENT_OP_ADDRESS:
		return message_takes_key(c, p->request->wallet);
	case INTENT_OP_TEXT:
		if (!intent_given(p, op->d))
			return false;
		if (op->a == POLICY_TYPE_PUBKEY)
			return message_takes_key(c, p->parameters + op->b);
		range = intent_range(p, op->b);
		return message_takes(c, p->parameters + range.off, range.count);
	default:
		while (n < op->c && c->at != c->end && message_class(op->a, *c->at)) {
			c->at++;
			n++;
		}
		return n >= op->b;
	}
}

static bool message_matches(const struct policy *p, const struct intent_message *m)
{
	const struct intent_op *op = (const struct intent_op *)INTENT_AT(ops) + m->first;
	const uint8_t *text = policy_area.bytes + p->request->text.off;
	struct intent_cursor c = {text, text + p->request->text.count};
	for (uint32_t i = 0; i < m->count; i++) {
		if (op[i].op == INTENT_OP_PERHAPS) {
			struct intent_cursor ahead = c;
			if (!message_part(p, &op[i + 1], &ahead))
				i += op[i].c;
		} else if (!message_part(p, &op[i], &c)) {
			return false;
		}
	}
	return c.at == c.end;
}

static void policy_message(struct policy *p)
{
	const struct intent_message *m = INTENT_AT(messages);
	bool matches = false;
	uint32_t i = 0;
	if (!intent_record_fits(p))
		return;
	for (; i < INTENT_HEAD->messages.count && !matches; i++)
		matches = message_matches(p, &m[i]);
	if (POLICY_NEED(p, matches, POLICY_REASON_KIND, POLICY_NO_INSTRUCTION, "message",
	                v_words("one that the intent names"),
	                v_words(matches ? "that" : "another")) &&
	    p->says) {
		say(p, "Sign the off-chain message ");
		say(p, intent_words(m[i - 1].name));
		say(p, ". It is no transaction: by itself it moves nothing.\n");
	}
}

#ifdef __wasm__
extern const uint8_t __heap_base; /* from the linker: where the evaluator's own memory ends */

void _initialize(void);
POLICY_EXPORT(_initialize) void _initialize(void)
{
	if (&__heap_base > INTENT_TABLE || INTENT_HEAD->magic != INTENT_MAGIC ||
	    INTENT_HEAD->version != INTENT_VERSION)
		__builtin_trap();
}
#endif
