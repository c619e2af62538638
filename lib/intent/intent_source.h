/* intent_source: the files of an intent as trees of values with their places.
 *
 * The command line parses TOML (engine/toml) into nodes; everything here works on those, so that
 * the compiler is plain C without allocation. A function that gives false has set the error: file,
 * line, column, what is wrong and what to do; the first error stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INTENT_SOURCE_H
#define INTENT_SOURCE_H

#include "base_bytes.h"

enum intent_node_kind {
	INTENT_NODE_TABLE = 1,
	INTENT_NODE_ARRAY = 2,
	INTENT_NODE_STRING = 3,
	INTENT_NODE_INTEGER = 4,
	INTENT_NODE_BOOL = 5,
	INTENT_NODE_OTHER = 6,
};

/* As struct claviger_toml_node (engine/toml/claviger_toml.h). */
struct intent_node {
	uint32_t kind;
	uint32_t at; /* byte offset of the value in its file */
	uint32_t key_off, key_len;
	uint32_t text_off, text_len;
	uint32_t first, next; /* 0: none; node 0 is the file's table */
	uint64_t number;
};

struct intent_source {
	const char *path; /* for errors */
	struct bytes text;
	const struct intent_node *nodes;
	size_t node_count;
	const char *pool; /* keys and strings */
};

/* A value in one of the files. */
struct intent_value {
	const struct intent_source *source; /* NULL: it is not there */
	uint32_t node;
};

struct intent_error {
	const char *path;
	uint32_t line, column; /* from 1; 0: of the whole */
	char text[320];
};

static inline const struct intent_node *intent_node(struct intent_value v)
{
	return &v.source->nodes[v.node];
}
static inline bool intent_is(struct intent_value v, unsigned kind)
{
	return v.source != NULL && intent_node(v)->kind == kind;
}
static inline struct bytes intent_key_of(struct intent_value v)
{
	return bytes_of(v.source->pool + intent_node(v)->key_off, intent_node(v)->key_len);
}
static inline struct bytes intent_string_of(struct intent_value v)
{
	return bytes_of(v.source->pool + intent_node(v)->text_off, intent_node(v)->text_len);
}

/* intent_first and intent_next walk the children of a table or array. */
struct intent_value intent_first(struct intent_value parent);
struct intent_value intent_next(struct intent_value child);
/* intent_member gives a table's value by key, or one without a source. */
struct intent_value intent_member(struct intent_value table, const char *key);

/* intent_wrong notes an error at a value's place (or `column` bytes into its string); gives false.
 */
__attribute__((format(printf, 4, 5))) bool intent_wrong(struct intent_error *error,
                                                        struct intent_value at, size_t column,
                                                        const char *format, ...);

/* intent_keys refuses keys of a table that are not in the list `a b c`. */
bool intent_keys(struct intent_error *error, struct intent_value table, const char *allowed);

/* These take a member. `required` ones must be there; others leave *ret as it was. */
bool intent_text_of(struct intent_error *error, struct intent_value table, const char *key,
                    bool required, struct bytes *ret);
bool intent_number_of(struct intent_error *error, struct intent_value table, const char *key,
                      uint64_t least, uint64_t most, uint64_t *ret);
bool intent_bool_of(struct intent_error *error, struct intent_value table, const char *key,
                    bool *ret);

#endif
