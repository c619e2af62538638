/* cli_json: reads a JSON file through yyjson; the CLI's only user of that library.
 *
 * Strict RFC 8259; a file over its bound is refused. Nodes live as long as the file is open. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdio.h>

#include "base_bytes.h"
#include "cli_out.h"

#define CLI_JSON_FILE_MAX (64u * 1024 * 1024) /* bytes: lookup tables of a whole site */

struct cli_json_node; /* a value inside an open file */

struct cli_json_file {
	void *document;
	const struct cli_json_node *root;
};

/* cli_json_open reads and parses a file. STATUS_IO, STATUS_TOO_LARGE or STATUS_MALFORMED, and then
 * a sentence for people in `ret_message`. */
MUST_USE enum status cli_json_open(const char *path, struct cli_json_file *ret_file,
                                   char *ret_message, size_t message_cap);
/* cli_json_parse is cli_json_open for text in memory, which may go afterwards. */
MUST_USE enum status cli_json_parse(struct bytes text, struct cli_json_file *ret_file,
                                    char *ret_message, size_t message_cap);
void cli_json_close(struct cli_json_file *file);

/* cli_json_is_object says whether cli_json_next may walk the node. */
bool cli_json_is_object(const struct cli_json_node *node);
/* cli_json_member finds an object's member; NULL when there is none or the node is no object. */
const struct cli_json_node *cli_json_member(const struct cli_json_node *node, const char *name);
/* cli_json_text and cli_json_u64 take a string or a whole number; false for any other value. */
bool cli_json_text(const struct cli_json_node *node, struct bytes *ret_text);
/* cli_json_hex appends the bytes that a string has in hex; false for any other value, or no room.
 */
bool cli_json_hex(const struct cli_json_node *node, struct buffer *ret_bytes);
bool cli_json_u64(const struct cli_json_node *node, uint64_t *ret_number);
bool cli_json_bool(const struct cli_json_node *node, bool *ret_value);
/* cli_json_count says how many items an array has; false for any other value. */
bool cli_json_count(const struct cli_json_node *node, size_t *ret_count);
/* cli_json_item returns an item of an array; NULL beyond its end. */
const struct cli_json_node *cli_json_item(const struct cli_json_node *node, size_t index);

/* cli_json_is_plain: no member of the object stands twice: one of two would count, and who reads
 * the file may see the other. True for what is no object. */
bool cli_json_is_plain(const struct cli_json_node *object);
/* cli_json_each calls `visit` for each member of an object, in the file's order, until one returns
 * other than STATUS_OK, and returns that. STATUS_MALFORMED when the node is no object. */
MUST_USE enum status cli_json_each(const struct cli_json_node *object,
                                   enum status (*visit)(void *context, struct bytes name,
                                                        const struct cli_json_node *value),
                                   void *context);

/* cli_json_out writes what stands in a node, which may be NULL; what nests deeper than any of our
 * answers is left out. */
void cli_json_out(struct cli_out *out, const struct cli_json_node *node);

#endif
