/* intent_pattern: [[message]]: off-chain messages by pattern (spec/intent.md, 4). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "intent_build.h"

static const struct {
	const char *name;
	uint8_t class;
} classes[] = {
    {"digits", INTENT_CLASS_DIGITS},
    {"alnum",  INTENT_CLASS_ALNUM },
    {"time",   INTENT_CLASS_TIME  },
    {"line",   INTENT_CLASS_LINE  }
};

/* Whether a byte is of a class, as the evaluator has it. */
static bool in_class(unsigned class, uint8_t c)
{
	bool digit = c >= '0' && c <= '9';
	if (class == INTENT_CLASS_DIGITS)
		return digit;
	if (class == INTENT_CLASS_ALNUM)
		return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	if (class == INTENT_CLASS_TIME)
		return digit || c == 'T' || c == 'Z' || c == ':' || c == '.' || c == '+' ||
		       c == '-';
	return c >= 0x20 && c != 0x7f;
}

struct pattern {
	struct intent_build *b;
	struct intent_value at;
	struct bytes text;
	size_t pos;
	unsigned before; /* classes that the part before may end with, a bit each */
	bool opened;     /* the part before is {[} */
	unsigned depth;
	struct {
		size_t op;
		unsigned before;
	} open[INTENT_PERHAPS_MAX];
	uint8_t run[1024];
	size_t run_len;
};

static bool fail(struct pattern *p, const char *what)
{
	return intent_wrong(p->b->error, p->at, p->pos + 1, "%s", what);
}

static bool put_run(struct pattern *p)
{
	uint16_t words;
	if (p->run_len == 0)
		return true;
	for (unsigned i = 0; i < INTENT_CLASS_COUNT; i++)
		if ((p->before >> i & 1) != 0 && in_class(i, p->run[0]))
			return fail(p, "the class before this text would take its first byte: "
			               "nothing could match");
	p->before = 0;
	p->opened = false;
	if (!build_words(p->b, bytes_of(p->run, p->run_len), &words))
		return false;
	p->run_len = 0;
	return build_op(p->b, (struct intent_op){INTENT_OP_BYTES, 0, words, 0, 0});
}

static bool number_in(struct bytes *rest, uint32_t *ret)
{
	uint32_t value = 0;
	size_t i = 0;
	while (i < rest->len && rest->data[i] == ' ')
		i++;
	size_t start = i;
	for (; i < rest->len && rest->data[i] >= '0' && rest->data[i] <= '9' && value <= 1024; i++)
		value = value * 10 + (uint32_t)(rest->data[i] - '0');
	*rest = bytes_of(rest->data + i, rest->len - i);
	*ret = value;
	return i != start && value <= 1024;
}

static bool put_class(struct pattern *p, uint8_t class, struct bytes rest)
{
	uint32_t min, max;
	if (!number_in(&rest, &min) || !number_in(&rest, &max) || rest.len != 0 || min > max ||
	    max == 0)
		return fail(p, "a class is {name MIN MAX}, at most 1024");
	if (p->before != 0)
		return fail(p, "a class cannot follow a class");
	p->before = 1u << class;
	return build_op(
	    p->b, (struct intent_op){INTENT_OP_CLASS, class, (uint16_t)min, (uint16_t)max, 0});
}

static bool put_parameter(struct pattern *p, struct bytes name)
{
	struct build_name *n = build_find(p->b, name);
	if (n == NULL || n->what != NAME_PARAMETER)
		return fail(
		    p,
		    "{wallet}, {digits MIN MAX}, {alnum ..}, {time ..}, {line ..} or a parameter "
		    "is expected; a brace is {{");
	const struct build_parameter *parameter = &p->b->parameters[n->index];
	if (parameter->type != POLICY_TYPE_TEXT && parameter->type != POLICY_TYPE_PUBKEY)
		return fail(p, "only text and pubkey parameters stand in a pattern");
	if (p->before != 0)
		return fail(p, "a parameter cannot follow a class");
	return build_op(
	    p->b,
	    (struct intent_op){INTENT_OP_TEXT, parameter->type, parameter->record, 0,
	                       parameter->need == POLICY_NEED_OPTIONAL ? n->index : INTENT_NONE});
}

/* What stands between {[} and {]} is taken when its text is there. A class before it may be
 * followed by it or, where it is missing, by what comes after. */
static bool open_perhaps(struct pattern *p)
{
	if (p->depth == INTENT_PERHAPS_MAX)
		return fail(p, "too many parts within parts");
	p->open[p->depth].op = p->b->op_count;
	p->open[p->depth++].before = p->before;
	p->opened = true;
	return build_op(p->b, (struct intent_op){INTENT_OP_PERHAPS, 0, 0, 0, 0});
}

static bool close_perhaps(struct pattern *p)
{
	if (p->depth == 0)
		return fail(p, "{]} without {[}");
	size_t op = p->open[--p->depth].op;
	p->b->ops[op].c = (uint16_t)(p->b->op_count - op - 1);
	p->before |= p->open[p->depth].before;
	return true;
}

static bool take_brace(struct pattern *p)
{
	size_t end = p->pos;
	while (end < p->text.len && p->text.data[end] != '}')
		end++;
	if (end == p->text.len)
		return fail(p, "a brace that is not closed; a brace is {{");
	struct bytes inner = bytes_of(p->text.data + p->pos, end - p->pos);
	size_t name_len = 0;
	while (name_len < inner.len && inner.data[name_len] != ' ')
		name_len++;
	struct bytes name = bytes_of(inner.data, name_len);
	struct bytes rest = bytes_of(inner.data + name_len, inner.len - name_len);
	if (!put_run(p))
		return false;
	p->pos = end + 1;
	if (p->opened)
		return fail(p, "text is expected behind {[}: it says whether the part is there");
	if (bytes_equal(inner, bytes_of_text("[")))
		return open_perhaps(p);
	if (bytes_equal(inner, bytes_of_text("]")))
		return close_perhaps(p);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (bytes_equal(name, bytes_of_text(classes[i].name)))
			return put_class(p, classes[i].class, rest);
	if (rest.len != 0)
		return fail(p, "a name alone is expected in these braces");
	if (!bytes_equal(name, bytes_of_text("wallet")))
		return put_parameter(p, name);
	if (p->before != 0)
		return fail(p, "the wallet's address cannot follow a class");
	return build_op(p->b, (struct intent_op){INTENT_OP_ADDRESS, 0, 0, 0, 0});
}

static bool take_pattern(struct pattern *p)
{
	while (p->pos < p->text.len) {
		uint8_t c = p->text.data[p->pos++];
		bool doubled = p->pos < p->text.len && p->text.data[p->pos] == c;
		if (c == '{' && !doubled) {
			if (!take_brace(p))
				return false;
			continue;
		}
		if (c == '}' && !doubled)
			return fail(p, "a closing brace without an opening one; a brace is }}");
		if (c == '{' || c == '}')
			p->pos++;
		if (c == 0 || p->run_len == sizeof(p->run))
			return fail(p, "too long a text, or a zero byte");
		p->run[p->run_len++] = c;
	}
	return put_run(p) && (p->depth == 0 || fail(p, "{[} without {]}"));
}

static bool take_message(struct intent_build *b, struct intent_value at)
{
	static struct pattern p;
	struct bytes name, text;
	if (!intent_keys(b->error, at, "name pattern") ||
	    !intent_text_of(b->error, at, "name", true, &name) ||
	    !intent_text_of(b->error, at, "pattern", true, &text))
		return false;
	if (!build_is_name(name, false))
		return intent_wrong(b->error, intent_member(at, "name"), 0,
		                    "no name: small letters, digits, _");
	if (b->message_count == sizeof(b->messages) / sizeof(b->messages[0]))
		return intent_wrong(b->error, at, 0, "too many messages");
	if (text.len == 0)
		return intent_wrong(b->error, at, 0, "an empty pattern matches nothing");
	struct intent_message *m = &b->messages[b->message_count++];
	*m = (struct intent_message){.first = (uint16_t)b->op_count};
	p = (struct pattern){.b = b, .at = intent_member(at, "pattern"), .text = text};
	if (!build_words(b, name, &m->name) || !take_pattern(&p))
		return false;
	m->count = (uint16_t)(b->op_count - m->first);
	return true;
}

bool build_messages(struct intent_build *b)
{
	for (size_t i = 0; i < b->source_count; i++) {
		struct intent_value array =
		    intent_member((struct intent_value){&b->sources[i], 0}, "message");
		if (array.source == NULL)
			continue;
		if (!intent_is(array, INTENT_NODE_ARRAY))
			return intent_wrong(b->error, array, 0,
			                    "write [[message]]: there can be many");
		for (struct intent_value v = intent_first(array); v.source != NULL;
		     v = intent_next(v))
			if (!take_message(b, v))
				return false;
	}
	return true;
}
