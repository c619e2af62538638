/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_json.h"

#include <errno.h>
#include <yyjson.h>

#include "base_encode.h"

static yyjson_val *value_of(const struct cli_json_node *node)
{
	return (yyjson_val *)(uintptr_t)node;
}

static enum status read_file(const char *path, char **ret_data, size_t *ret_len, char *message,
                             size_t cap)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	size_t len = 0, room = 0;

	if (file == NULL) {
		snprintf(message, cap, "cannot open %s: %s", path, strerror(errno));
		return STATUS_IO;
	}
	while (len <= CLI_JSON_FILE_MAX && !feof(file) && !ferror(file)) {
		if (len == room) {
			char *more = realloc(data, room = room * 2 + 65536);

			if (more == NULL)
				break;
			data = more;
		}
		len += fread(data + len, 1, room - len, file);
	}
	if (feof(file) && !ferror(file) && len <= CLI_JSON_FILE_MAX) {
		fclose(file);
		*ret_data = data;
		*ret_len = len;
		return STATUS_OK;
	}
	if (len > CLI_JSON_FILE_MAX)
		snprintf(message, cap, "%s is longer than 64 MiB", path);
	else
		snprintf(message, cap, "cannot read %s: %s", path, strerror(errno));
	fclose(file);
	free(data);
	return len > CLI_JSON_FILE_MAX ? STATUS_TOO_LARGE : STATUS_IO;
}

enum status cli_json_open(const char *path, struct cli_json_file *ret_file, char *ret_message,
                          size_t message_cap)
{
	yyjson_read_err error = {0};
	yyjson_doc *document;
	char *data = NULL;
	size_t len = 0;
	enum status status = read_file(path, &data, &len, ret_message, message_cap);

	if (status != STATUS_OK)
		return status;
	document = yyjson_read_opts(data, len, 0, NULL, &error);
	free(data);
	if (document == NULL) {
		snprintf(ret_message, message_cap, "%s is not JSON: %s at byte %zu", path,
		         error.msg, error.pos);
		return STATUS_MALFORMED;
	}
	ret_file->document = document;
	ret_file->root = (const struct cli_json_node *)yyjson_doc_get_root(document);
	return STATUS_OK;
}

enum status cli_json_parse(struct bytes text, struct cli_json_file *ret_file, char *ret_message,
                           size_t message_cap)
{
	yyjson_read_err error = {0};
	yyjson_doc *document =
	    yyjson_read_opts((char *)(uintptr_t)text.data, text.len, 0, NULL, &error);

	if (document == NULL) {
		snprintf(ret_message, message_cap, "not JSON: %s at byte %zu", error.msg,
		         error.pos);
		return STATUS_MALFORMED;
	}
	ret_file->document = document;
	ret_file->root = (const struct cli_json_node *)yyjson_doc_get_root(document);
	return STATUS_OK;
}

void cli_json_close(struct cli_json_file *file)
{
	yyjson_doc_free(file->document);
	*file = (struct cli_json_file){0};
}

bool cli_json_is_object(const struct cli_json_node *node)
{
	return yyjson_is_obj(value_of(node));
}

const struct cli_json_node *cli_json_member(const struct cli_json_node *node, const char *name)
{
	return (const struct cli_json_node *)yyjson_obj_get(value_of(node), name);
}

bool cli_json_text(const struct cli_json_node *node, struct bytes *ret_text)
{
	yyjson_val *value = value_of(node);

	if (!yyjson_is_str(value))
		return false;
	*ret_text = bytes_of(yyjson_get_str(value), yyjson_get_len(value));
	return true;
}

bool cli_json_hex(const struct cli_json_node *node, struct buffer *ret_bytes)
{
	struct bytes text;

	return cli_json_text(node, &text) && hex_decode(text, ret_bytes) == STATUS_OK;
}

bool cli_json_u64(const struct cli_json_node *node, uint64_t *ret_number)
{
	yyjson_val *value = value_of(node);

	if (!yyjson_is_uint(value))
		return false;
	*ret_number = yyjson_get_uint(value);
	return true;
}

bool cli_json_bool(const struct cli_json_node *node, bool *ret_value)
{
	yyjson_val *value = value_of(node);

	if (!yyjson_is_bool(value))
		return false;
	*ret_value = yyjson_get_bool(value);
	return true;
}

bool cli_json_count(const struct cli_json_node *node, size_t *ret_count)
{
	yyjson_val *value = value_of(node);

	if (!yyjson_is_arr(value))
		return false;
	*ret_count = yyjson_arr_size(value);
	return true;
}

const struct cli_json_node *cli_json_item(const struct cli_json_node *node, size_t index)
{
	return (const struct cli_json_node *)yyjson_arr_get(value_of(node), index);
}

bool cli_json_is_plain(const struct cli_json_node *object)
{
	yyjson_val *name;
	yyjson_obj_iter walk;

	if (!yyjson_obj_iter_init(value_of(object), &walk))
		return true;
	while ((name = yyjson_obj_iter_next(&walk)) != NULL)
		if (yyjson_obj_getn(value_of(object), yyjson_get_str(name), yyjson_get_len(name)) !=
		    yyjson_obj_iter_get_val(name))
			return false;
	return true;
}

enum status cli_json_each(const struct cli_json_node *object,
                          enum status (*visit)(void *context, struct bytes name,
                                               const struct cli_json_node *value),
                          void *context)
{
	yyjson_val *name;
	yyjson_obj_iter walk;

	if (!yyjson_obj_iter_init(value_of(object), &walk))
		return yyjson_is_obj(value_of(object)) ? STATUS_OK : STATUS_MALFORMED;
	while ((name = yyjson_obj_iter_next(&walk)) != NULL) {
		enum status status =
		    visit(context, bytes_of(yyjson_get_str(name), yyjson_get_len(name)),
		          (const struct cli_json_node *)yyjson_obj_iter_get_val(name));

		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* ---- for people ---- */

#define SHOWN_DEPTH_MAX 8 /* objects and arrays inside one another */

static void put_node(struct cli_out *out, const struct cli_json_node *node, unsigned depth);

struct showing {
	struct cli_out *out;
	unsigned depth;
};

static enum status put_member(void *context, struct bytes name, const struct cli_json_node *value)
{
	const struct showing *showing = context;

	cli_out_name(showing->out, (const char *)name.data); /* yyjson ends it with a zero */
	put_node(showing->out, value, showing->depth);
	return STATUS_OK;
}

static void put_node(struct cli_out *out, const struct cli_json_node *node, unsigned depth)
{
	struct showing inside = {out, depth + 1};
	struct bytes text;
	uint64_t number;
	size_t count;
	bool flag;

	if (cli_json_text(node, &text)) {
		cli_out_text(out, text);
	} else if (cli_json_u64(node, &number)) {
		cli_out_number(out, number);
	} else if (cli_json_bool(node, &flag)) {
		cli_out_bool(out, flag);
	} else if (depth < SHOWN_DEPTH_MAX && cli_json_is_object(node)) {
		cli_out_open(out, '{');
		(void)!cli_json_each(node, put_member, &inside);
		cli_out_close(out, '}');
	} else if (depth < SHOWN_DEPTH_MAX && cli_json_count(node, &count)) {
		cli_out_open(out, '[');
		for (size_t i = 0; i < count; i++)
			put_node(out, cli_json_item(node, i), depth + 1);
		cli_out_close(out, ']');
	} else {
		cli_out_null(out);
	}
}

void cli_json_out(struct cli_out *out, const struct cli_json_node *node)
{
	put_node(out, node, 0);
}
