/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_parameters.h"

#include <inttypes.h>
#include <stdio.h>

#include <claviger_toml.h>

#include "base_encode.h"
#include "cbor_writer.h"
#include "cli_file.h"
#include "cli_json.h"

#define TOML_FILE_MAX (256u * 1024)

struct reading {
	const char *path;
	const struct policy_schema *schema;
	const struct cli_json_node *given[POLICY_FIELDS_MAX];
	const struct cli_json_node
	    *wrong; /* the value, or the item of a list, that has another type */
	char *message;
	size_t cap;
};

static enum status take_name(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct reading *r = context;
	int index = policy_schema_find(r->schema, name);

	if (index < 0) {
		snprintf(r->message, r->cap,
		         "%s: the module has no parameter \"%.*s\"; `claviger "
		         "policy inspect` lists them",
		         r->path, name.len > 64 ? 64 : (int)name.len, (const char *)name.data);
		return STATUS_REFUSED;
	}
	r->given[index] = value;
	return STATUS_OK;
}

/* put_one writes a value that is no list; false when it has another type. */
static bool put_one(struct cbor_writer *w, unsigned type, const struct cli_json_node *value)
{
	uint64_t number;
	bool truth;
	struct bytes text;
	uint8_t key[32];

	switch (type) {
	case POLICY_TYPE_BOOL:
		if (!cli_json_bool(value, &truth))
			return false;
		cbor_put_bool(w, truth);
		return true;
	case POLICY_TYPE_U64:
	case POLICY_TYPE_U64_LIST:
		if (!cli_json_u64(value, &number))
			return false;
		cbor_put_uint(w, number);
		return true;
	case POLICY_TYPE_PUBKEY:
	case POLICY_TYPE_PUBKEY_LIST:
		if (!cli_json_text(value, &text) || base58_decode_32(text, key) != STATUS_OK)
			return false;
		cbor_put_bytes_n(w, key, sizeof(key));
		return true;
	default:
		if (!cli_json_text(value, &text))
			return false;
		cbor_put_text(w, text);
		return true;
	}
}

static bool put_value(struct reading *r, struct cbor_writer *w, unsigned type,
                      const struct cli_json_node *value)
{
	size_t count;

	r->wrong = value;
	if (type != POLICY_TYPE_U64_LIST && type != POLICY_TYPE_PUBKEY_LIST)
		return put_one(w, type, value);
	if (!cli_json_count(value, &count) || count > POLICY_LIST_MAX)
		return false;
	cbor_put_array(w, count);
	for (size_t i = 0; i < count; i++) {
		r->wrong = cli_json_item(value, i);
		if (!put_one(w, type, r->wrong))
			return false;
	}
	cbor_put_end(w);
	return true;
}

static enum status refuse_value(struct reading *r, const struct policy_field *field)
{
	struct bytes text;
	int said = snprintf(r->message, r->cap, "%s: parameter \"%.*s\" must be a %s", r->path,
	                    (int)field->name.len, (const char *)field->name.data,
	                    policy_type_name(field->type));
	size_t at = said > 0 && (size_t)said < r->cap ? (size_t)said : r->cap - 1;

	if (cli_json_text(r->wrong, &text) && text.len <= 64)
		said = snprintf(r->message + at, r->cap - at, "; \"%.*s\" is none", (int)text.len,
		                (const char *)text.data);
	else
		said = 0;
	at = said > 0 && (size_t)said < r->cap - at ? at + (size_t)said : at;
	snprintf(r->message + at, r->cap - at, ": %.*s", (int)field->text.len,
	         (const char *)field->text.data);
	return STATUS_REFUSED;
}

static enum status put_values(struct reading *r, struct buffer *ret_values)
{
	struct cbor_writer w;
	size_t count = 0;

	for (size_t i = 0; i < r->schema->count; i++)
		count += r->given[i] != NULL;
	cbor_writer_init(&w, ret_values);
	cbor_put_map(&w, count);
	for (size_t i = 0; i < r->schema->count; i++) {
		const struct policy_field *field = &r->schema->fields[i];

		if (r->given[i] == NULL)
			continue;
		cbor_put_key(&w, i);
		if (!put_value(r, &w, field->type, r->given[i]))
			return refuse_value(r, field);
	}
	cbor_put_end(&w);
	if (cbor_finish(&w) == STATUS_OK)
		return STATUS_OK;
	snprintf(r->message, r->cap, "%s: the parameters take more than %u bytes", r->path,
	         LIMIT_PARAMETERS_MAX);
	return STATUS_TOO_LARGE;
}

static enum status read_json(const char *path, struct buffer *toml, struct cli_json_file *ret_file,
                             char *message, size_t cap)
{
	struct claviger_toml_error error;
	size_t len = 0, room = 8 * toml->len + 4096;
	char *json = malloc(room);
	int result = json == NULL ? CLAVIGER_TOML_TOO_LARGE
	                          : claviger_toml_to_json((const char *)toml->data, toml->len, json,
	                                                  room, &len, &error);
	enum status status = STATUS_TOO_LARGE;

	if (result == CLAVIGER_TOML_MALFORMED) {
		snprintf(message, cap,
		         "%s, line %u, column %u: %s; parameters are TOML, lines of name = value",
		         path, error.line, error.column, error.text);
		status = STATUS_MALFORMED;
	} else if (result != CLAVIGER_TOML_DONE) {
		snprintf(message, cap, "%s is too long", path);
	} else {
		status = cli_json_parse(bytes_of(json, len), ret_file, message, cap);
	}
	free(json);
	return status;
}

static enum status take_file(struct reading *r, struct cli_json_file *file,
                             struct buffer *ret_values)
{
	enum status status = cli_json_each(file->root, take_name, r);

	if (status == STATUS_OK)
		status = put_values(r, ret_values);
	cli_json_close(file);
	return status;
}

enum status cli_parameters_read(const char *path, const struct policy_schema *schema,
                                struct buffer *ret_values, char *ret_message, size_t message_cap)
{
	struct reading r = {
	    .path = path, .schema = schema, .message = ret_message, .cap = message_cap};
	struct buffer toml;
	struct cli_json_file file;
	enum status status = cli_file_read(path, TOML_FILE_MAX, &toml, ret_message, message_cap);

	if (status != STATUS_OK)
		return status;
	status = read_json(path, &toml, &file, ret_message, message_cap);
	free(toml.data);
	return status == STATUS_OK ? take_file(&r, &file, ret_values) : status;
}

enum status cli_parameters_json(const char *path, struct bytes json,
                                const struct policy_schema *schema, struct buffer *ret_values,
                                char *ret_message, size_t message_cap)
{
	struct reading r = {
	    .path = path, .schema = schema, .message = ret_message, .cap = message_cap};
	struct cli_json_file file;
	enum status status = cli_json_parse(json, &file, ret_message, message_cap);

	return status == STATUS_OK ? take_file(&r, &file, ret_values) : status;
}

/* ---- the other way ---- */

static void write_key(FILE *file, const uint8_t key[32])
{
	char text[64];
	if (base58_encode(bytes_of(key, 32), text, sizeof(text)) == STATUS_OK)
		fprintf(file, "\"%s\"", text);
}

static void write_value(FILE *file, const struct policy_field *f, struct bytes record)
{
	const uint8_t *at = record.data + f->off;
	uint32_t off = load_le32(at), count = load_le32(at + 4);
	switch (f->type) {
	case POLICY_TYPE_BOOL:
		fprintf(file, "%s", load_le64(at) != 0 ? "true" : "false");
		break;
	case POLICY_TYPE_U64:
		fprintf(file, "%" PRIu64, load_le64(at));
		break;
	case POLICY_TYPE_PUBKEY:
		write_key(file, at);
		break;
	case POLICY_TYPE_TEXT:
		fputc('"', file);
		for (uint32_t i = 0; i < count && off + i < record.len; i++)
			fprintf(file,
			        record.data[off + i] < 0x20 || record.data[off + i] == '"' ||
			                record.data[off + i] == '\\'
			            ? "\\u%04x"
			            : "%c",
			        record.data[off + i]);
		fputc('"', file);
		break;
	default:
		fputc('[', file);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t each = f->type == POLICY_TYPE_PUBKEY_LIST ? 32 : 8;
			if (off + (uint64_t)each * (i + 1) > record.len)
				break;
			fprintf(file, "%s", i == 0 ? "" : ", ");
			if (each == 32)
				write_key(file, record.data + off + 32 * (size_t)i);
			else
				fprintf(file, "%" PRIu64,
				        load_le64(record.data + off + 8 * (size_t)i));
		}
		fputc(']', file);
		break;
	}
}

void cli_parameters_write(FILE *file, const struct policy_schema *schema, struct bytes record,
                          const char *between)
{
	bool any = false;
	for (size_t i = 0; i < schema->count; i++) {
		const struct policy_field *f = &schema->fields[i];
		if ((load_le64(record.data) >> i & 1) == 0)
			continue;
		fprintf(file, "%s%.*s = ", any ? between : "", (int)f->name.len,
		        (const char *)f->name.data);
		write_value(file, f, record);
		any = true;
	}
}
