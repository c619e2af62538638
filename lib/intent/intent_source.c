/* intent_source: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "intent_source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct intent_value intent_first(struct intent_value parent)
{
	uint32_t first = intent_node(parent)->first;
	return (struct intent_value){first == 0 ? NULL : parent.source, first};
}

struct intent_value intent_next(struct intent_value child)
{
	uint32_t next = intent_node(child)->next;
	return (struct intent_value){next == 0 ? NULL : child.source, next};
}

struct intent_value intent_member(struct intent_value table, const char *key)
{
	struct bytes name = bytes_of_text(key);
	struct intent_value v = intent_first(table);
	while (v.source != NULL && !bytes_equal(intent_key_of(v), name))
		v = intent_next(v);
	return v;
}

static void set_place(struct intent_error *error, struct intent_value at, size_t column)
{
	const struct intent_source *s = at.source;
	size_t offset = intent_node(at)->at;
	/* Into a string: its quotation mark comes first. Escapes before it may move the place. */
	if (column != 0 && offset + column < s->text.len)
		offset += column;
	error->path = s->path;
	error->line = 1;
	error->column = 1;
	for (size_t i = 0; i < offset && i < s->text.len; i++) {
		if (s->text.data[i] == '\n') {
			error->line++;
			error->column = 1;
		} else if ((s->text.data[i] & 0xc0) != 0x80) {
			error->column++;
		}
	}
}

bool intent_wrong(struct intent_error *error, struct intent_value at, size_t column,
                  const char *format, ...)
{
	va_list list;
	if (error->text[0] != '\0')
		return false;
	if (at.source != NULL)
		set_place(error, at, column);
	va_start(list, format);
	vsnprintf(error->text, sizeof(error->text), format, list);
	va_end(list);
	return false;
}

static bool in_words(struct bytes name, const char *words)
{
	while (*words != '\0') {
		size_t len = strcspn(words, " ");
		if (len == name.len && memcmp(words, name.data, len) == 0)
			return true;
		words += len + (words[len] == ' ');
	}
	return false;
}

bool intent_keys(struct intent_error *error, struct intent_value table, const char *allowed)
{
	if (!intent_is(table, INTENT_NODE_TABLE))
		return intent_wrong(error, table, 0, "a table { ... } is expected here");
	for (struct intent_value v = intent_first(table); v.source != NULL; v = intent_next(v)) {
		struct bytes name = intent_key_of(v);
		if (!in_words(name, allowed))
			return intent_wrong(error, v, 0, "\"%.*s\" is no key here; there are: %s",
			                    name.len > 48 ? 48 : (int)name.len,
			                    (const char *)name.data, allowed);
	}
	return true;
}

bool intent_text_of(struct intent_error *error, struct intent_value table, const char *key,
                    bool required, struct bytes *ret)
{
	struct intent_value v = intent_member(table, key);
	if (v.source == NULL)
		return !required || intent_wrong(error, table, 0, "\"%s\" is missing", key);
	if (!intent_is(v, INTENT_NODE_STRING))
		return intent_wrong(error, v, 0, "\"%s\" must be a text in quotation marks", key);
	*ret = intent_string_of(v);
	return true;
}

bool intent_number_of(struct intent_error *error, struct intent_value table, const char *key,
                      uint64_t least, uint64_t most, uint64_t *ret)
{
	struct intent_value v = intent_member(table, key);
	if (v.source == NULL)
		return true;
	if (!intent_is(v, INTENT_NODE_INTEGER) || intent_node(v)->number < least ||
	    intent_node(v)->number > most)
		return intent_wrong(error, v, 0,
		                    "\"%s\" must be a number from %" PRIu64 " to %" PRIu64, key,
		                    least, most);
	*ret = intent_node(v)->number;
	return true;
}

bool intent_bool_of(struct intent_error *error, struct intent_value table, const char *key,
                    bool *ret)
{
	struct intent_value v = intent_member(table, key);
	if (v.source == NULL)
		return true;
	if (!intent_is(v, INTENT_NODE_BOOL))
		return intent_wrong(error, v, 0, "\"%s\" must be true or false", key);
	*ret = intent_node(v)->number != 0;
	return true;
}
