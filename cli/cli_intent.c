/* cli_intent: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_intent.h"

#include <claviger_toml.h>
#include <stdio.h>
#include <stdlib.h>

#include "base_limits.h"
#include "cli_file.h"
#include "intent_table.h"
#include "intent_words.h"
#include "keys.h"
#include "policy_intent.h"

#define INTENT_FILE_MAX (512u * 1024)
#define INTENT_NODES    32768u

_Static_assert(sizeof(struct intent_node) == sizeof(struct claviger_toml_node), "one layout");
_Static_assert(offsetof(struct intent_node, number) == offsetof(struct claviger_toml_node, number),
               "one layout");
_Static_assert((int)INTENT_NODE_OTHER == CLAVIGER_TOML_OTHER &&
                   (int)INTENT_NODE_BOOL == CLAVIGER_TOML_BOOL &&
                   (int)INTENT_NODE_INTEGER == CLAVIGER_TOML_INTEGER &&
                   (int)INTENT_NODE_STRING == CLAVIGER_TOML_STRING,
               "one numbering");

bool cli_intent_is(const char *path)
{
	size_t len = strlen(path);
	return len > 5 && strcmp(path + len - 5, ".toml") == 0;
}

void cli_intent_complain(const struct cli_call *call, const struct intent_error *error)
{
	if (error->line == 0)
		cli_complain(call, "%s: %s", error->path, error->text);
	else
		cli_complain(call, "%s:%u:%u: %s", error->path, error->line, error->column,
		             error->text);
}

static int read_source(const struct cli_call *call, const char *path, struct intent_source *ret)
{
	struct claviger_toml_error error;
	struct buffer file;
	char message[512];
	size_t count = 0, pool_len = 0;

	if (cli_file_read(path, INTENT_FILE_MAX, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	struct claviger_toml_node *nodes = calloc(INTENT_NODES, sizeof(*nodes));
	char *pool = malloc(file.len + 1);
	char *name = strdup(path);
	if (nodes == NULL || pool == NULL || name == NULL) {
		cli_complain(call, "out of memory");
		return CLI_UNSURE;
	}
	int result = claviger_toml_tree((const char *)file.data, file.len, nodes, INTENT_NODES,
	                                &count, pool, file.len + 1, &pool_len, &error);
	if (result == CLAVIGER_TOML_MALFORMED) {
		cli_complain(call, "%s:%u:%u: %s", path, error.line, error.column, error.text);
		return CLI_NO;
	}
	if (result != CLAVIGER_TOML_DONE) {
		cli_complain(call, "%s: the file is too large", path);
		return CLI_NO;
	}
	*ret = (struct intent_source){.path = name,
	                              .text = buffer_bytes(&file),
	                              .nodes = (const struct intent_node *)(const void *)nodes,
	                              .node_count = count,
	                              .pool = pool};
	return CLI_YES;
}

/* Relative, of small letters, digits, _, - and /, so that an intent means the same everywhere. */
static bool include_is_good(struct bytes path)
{
	for (size_t i = 0; i < path.len; i++) {
		uint8_t c = path.data[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
		            c == '-' || c == '/' || (c == '.' && i + 5 == path.len);
		if (!good || (c == '/' && i == 0))
			return false;
	}
	return path.len > 5 && path.len < 200 && memcmp(path.data + path.len - 5, ".toml", 5) == 0;
}

static int read_includes(const struct cli_call *call, const char *path,
                         const struct intent_source *own, struct cli_intent *ret)
{
	struct intent_value root = {own, 0}, list = intent_member(root, "include");
	struct intent_error error = {.path = path};
	const char *slash = strrchr(path, '/');
	if (list.source == NULL)
		return CLI_YES;
	struct intent_value v = {NULL, 0};
	if (intent_is(list, INTENT_NODE_ARRAY))
		v = intent_first(list);
	else
		intent_wrong(&error, list, 0, "include = [\"path.toml\", ...] is expected");
	for (; v.source != NULL && error.text[0] == '\0'; v = intent_next(v)) {
		char whole[4096];
		if (!intent_is(v, INTENT_NODE_STRING) || !include_is_good(intent_string_of(v)) ||
		    ret->source_count == CLI_INTENT_FILES_MAX - 1) {
			intent_wrong(&error, v, 0,
			             "a path like common/fees.toml is expected, of a-z 0-9 _ - /, "
			             "at most %d",
			             CLI_INTENT_FILES_MAX - 1);
			break;
		}
		struct bytes name = intent_string_of(v);
		snprintf(whole, sizeof(whole), "%.*s%.*s",
		         slash == NULL ? 0 : (int)(slash - path + 1), path, (int)name.len,
		         (const char *)name.data);
		int result = read_source(call, whole, &ret->sources[ret->source_count]);
		if (result != CLI_YES)
			return result;
		ret->source_count++;
	}
	if (error.text[0] == '\0')
		return CLI_YES;
	cli_intent_complain(call, &error);
	return CLI_NO;
}

int cli_intent_open(const struct cli_call *call, const char *path, struct cli_intent *ret_intent)
{
	struct intent_source own;
	ret_intent->source_count = 0;
	int result = read_source(call, path, &own);
	if (result == CLI_YES)
		result = read_includes(call, path, &own, ret_intent);
	if (result != CLI_YES)
		return result;
	ret_intent->sources[ret_intent->source_count] = own;
	ret_intent->root =
	    (struct intent_value){&ret_intent->sources[ret_intent->source_count++], 0};
	return CLI_YES;
}

/* What a grant's text takes at most: each list in full. */
static bool text_fits(struct bytes table, struct buffer *text)
{
	const struct intent_head *head = (const void *)table.data;
	size_t most = 0;
	struct policy_schema schema;
	struct policy_error error;
	struct bytes cbor = bytes_of(table.data + head->schema.off, head->schema.count);
	if (policy_schema_decode(cbor, &schema, &error) != STATUS_OK)
		return false;
	intent_words_of(table, false, text);
	most = text->len;
	for (size_t i = 0; i < schema.count; i++)
		most += schema.fields[i].type == POLICY_TYPE_PUBKEY ? 48 : 24;
	return most <= POLICY_DESCRIPTION_MAX;
}

int cli_intent_module(const struct cli_call *call, const struct cli_intent *intent,
                      struct buffer *ret_module)
{
	static _Alignas(8) uint8_t table_space[INTENT_TABLE_MAX];
	static uint8_t text_space[POLICY_DESCRIPTION_MAX];
	struct buffer table = BUFFER_OF_ARRAY(table_space), text = BUFFER_OF_ARRAY(text_space);
	struct intent_build *space = calloc(1, intent_build_bytes());
	struct intent_error error;

	if (space == NULL) {
		cli_complain(call, "out of memory");
		return CLI_UNSURE;
	}
	enum status status = intent_compile(space, intent->sources, intent->source_count,
	                                    keys_sha256, &table, &error);
	free(space);
	if (status != STATUS_OK) {
		cli_intent_complain(call, &error);
		return CLI_NO;
	}
	if (!text_fits(buffer_bytes(&table), &text)) {
		cli_complain(
		    call,
		    "%s: what it allows takes more than the %d bytes that a grant's text has: "
		    "split it into several intents",
		    error.path, POLICY_DESCRIPTION_MAX);
		return CLI_NO;
	}
	if (policy_intent_module(buffer_bytes(&table), ret_module) != STATUS_OK) {
		cli_complain(call, "the module is too large");
		return CLI_NO;
	}
	return CLI_YES;
}
