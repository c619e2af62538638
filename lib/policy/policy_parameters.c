/* policy_parameters: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_parameters.h"

#include <stdio.h>

#include "base_check.h"
#include "cbor_reader.h"

_Static_assert(POLICY_PARAMETERS_MAX <= LIMIT_PARAMETERS_MAX, "one bound");

#define FIELD_TEXT_MAX 160

/* Writes `what "name": words more`, without the name when there is none. */
static enum status fail(struct policy_error *error, enum status status, const char *what,
                        struct bytes name, const char *words, const char *more)
{
	int len = name.len > 64 ? 64 : (int)name.len;
	if (len == 0)
		snprintf(error->text, sizeof(error->text), "%s: %s%s", what, words, more);
	else
		snprintf(error->text, sizeof(error->text), "%s \"%.*s\": %s%s", what, len,
		         (const char *)name.data, words, more);
	return status;
}

const char *policy_type_name(unsigned type)
{
	static const char *const names[] = {"?",    "bool",     "u64",        "pubkey",
	                                    "text", "u64 list", "pubkey list"};
	return names[type < sizeof(names) / sizeof(names[0]) ? type : 0];
}

static bool is_list(unsigned type)
{
	return type == POLICY_TYPE_U64_LIST || type == POLICY_TYPE_PUBKEY_LIST;
}

static bool name_is_good(struct bytes name)
{
	if (name.len == 0 || name.data[0] < 'a' || name.data[0] > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return true;
}

/* Texts of a schema are shown to people in one line: no control characters. */
static bool text_is_good(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] > 0x7e)
			return false;
	return true;
}

static uint32_t field_bytes(unsigned type)
{
	return type == POLICY_TYPE_PUBKEY ? 32 : 8;
}

static void take_field(struct cbor_reader *r, struct policy_field *f)
{
	cbor_take_map(r, 7);
	cbor_take_key(r, 1);
	f->name = cbor_take_text(r, LIMIT_NAME_MAX);
	cbor_take_key(r, 2);
	f->type = (uint8_t)cbor_take_uint(r, POLICY_TYPE_PUBKEY_LIST);
	cbor_take_key(r, 3);
	f->role = (uint8_t)cbor_take_uint(r, POLICY_ROLE_MINT);
	cbor_take_key(r, 4);
	f->need = (uint8_t)cbor_take_uint(r, POLICY_NEED_DEFAULTS);
	if (cbor_take_key_if(r, 5))
		f->fallback =
		    f->type == POLICY_TYPE_BOOL ? cbor_take_bool(r) : cbor_take_uint(r, UINT64_MAX);
	else if (f->need == POLICY_NEED_DEFAULTS)
		cbor_fail(r, STATUS_MALFORMED);
	if (cbor_take_key_if(r, 6))
		f->entries_max = (uint32_t)cbor_take_uint(r, POLICY_LIST_MAX);
	cbor_take_key(r, 7);
	f->text = cbor_take_text(r, FIELD_TEXT_MAX);
	cbor_take_end(r);
}

static const char *field_fault(const struct policy_field *f)
{
	bool scalar = f->type == POLICY_TYPE_BOOL || f->type == POLICY_TYPE_U64;
	bool keys = f->type == POLICY_TYPE_PUBKEY || f->type == POLICY_TYPE_PUBKEY_LIST;
	if (!name_is_good(f->name))
		return "names are [a-z][a-z0-9_]*";
	if (!text_is_good(f->text))
		return "texts are printable ASCII in one line";
	if (f->type == 0 || f->need == 0)
		return "type and need are from 1 on";
	if (f->need == POLICY_NEED_DEFAULTS && !scalar)
		return "only bool and u64 have a default";
	if (f->need != POLICY_NEED_DEFAULTS && f->fallback != 0)
		return "a default needs need 3";
	if (is_list(f->type) != (f->entries_max != 0))
		return "lists, and only lists, say how many entries they have at most";
	if (f->role != POLICY_ROLE_NONE && !keys)
		return "only pubkeys have a role";
	return NULL;
}

enum status policy_schema_decode(struct bytes cbor, struct policy_schema *ret_schema,
                                 struct policy_error *ret_error)
{
	struct policy_schema schema = {0, 8, {{{NULL, 0}, {NULL, 0}, 0, 0, 0, 0, 0, 0}}};
	struct bytes none = {NULL, 0};
	struct cbor_reader r;
	if (cbor.len == 0) {
		*ret_schema = schema;
		return STATUS_OK;
	}
	if (cbor.len > LIMIT_SCHEMA_MAX)
		return fail(ret_error, STATUS_TOO_LARGE, "parameter schema", none, "too long", "");
	cbor_reader_init(&r, cbor);
	cbor_take_map(&r, 2);
	cbor_take_key(&r, 1);
	if (cbor_take_uint(&r, 1) != 1)
		cbor_fail(&r, STATUS_UNSUPPORTED);
	cbor_take_key(&r, 2);
	schema.count = cbor_take_array(&r, POLICY_FIELDS_MAX);
	for (size_t i = 0; i < schema.count && i < POLICY_FIELDS_MAX; i++) {
		take_field(&r, &schema.fields[i]);
		schema.fields[i].off = schema.fixed_bytes;
		schema.fixed_bytes += field_bytes(schema.fields[i].type);
	}
	cbor_take_end(&r);
	cbor_take_end(&r);
	enum status status = cbor_done(&r);
	if (status != STATUS_OK)
		return fail(ret_error, status, "parameter schema", none,
		            "not as spec/policy-abi.md says", "");
	for (size_t i = 0; i < schema.count; i++) {
		const char *fault = field_fault(&schema.fields[i]);
		if (fault != NULL)
			return fail(ret_error, STATUS_MALFORMED, "parameter schema, field",
			            schema.fields[i].name, fault, "");
		if (policy_schema_find(&schema, schema.fields[i].name) != (int)i)
			return fail(ret_error, STATUS_MALFORMED, "parameter schema, field",
			            schema.fields[i].name, "there are two of it", "");
	}
	*ret_schema = schema;
	return STATUS_OK;
}

int policy_schema_find(const struct policy_schema *schema, struct bytes name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (bytes_equal(schema->fields[i].name, name))
			return (int)i;
	return -1;
}

/* The record while it is written: fixed fields at their places, texts and lists appended. */
struct record {
	uint8_t *data;
	size_t cap;
	size_t len;
};

static enum status append(struct record *w, const struct policy_field *f, const void *data,
                          size_t bytes, size_t count)
{
	size_t padded = (bytes + 7) & ~(size_t)7;
	if (padded > w->cap - w->len)
		return STATUS_TOO_LARGE;
	struct policy_range range = {(uint32_t)w->len, (uint32_t)count};
	memset(w->data + w->len, 0, padded);
	if (bytes != 0)
		memcpy(w->data + w->len, data, bytes);
	memcpy(w->data + f->off, &range, sizeof(range));
	w->len += padded;
	return STATUS_OK;
}

static enum status take_list(struct cbor_reader *r, const struct policy_field *f, struct record *w)
{
	union {
		uint64_t numbers[POLICY_LIST_MAX];
		uint8_t keys[POLICY_LIST_MAX][32];
	} list;
	size_t count = cbor_take_array(r, f->entries_max);
	bool numbers = f->type == POLICY_TYPE_U64_LIST;
	CHECK(f->entries_max <= POLICY_LIST_MAX);
	if (count > f->entries_max)
		count = 0;
	for (size_t i = 0; i < count; i++) {
		if (numbers)
			list.numbers[i] = cbor_take_uint(r, UINT64_MAX);
		else
			cbor_take_bytes_n(r, list.keys[i], 32);
	}
	cbor_take_end(r);
	return append(w, f, &list, count * (numbers ? 8 : 32), count);
}

static enum status take_value(struct cbor_reader *r, const struct policy_field *f, struct record *w)
{
	uint64_t number = 0;
	struct bytes text;
	switch (f->type) {
	case POLICY_TYPE_BOOL:
		number = cbor_take_bool(r);
		store_le64(w->data + f->off, number);
		return STATUS_OK;
	case POLICY_TYPE_U64:
		number = cbor_take_uint(r, UINT64_MAX);
		store_le64(w->data + f->off, number);
		return STATUS_OK;
	case POLICY_TYPE_PUBKEY:
		cbor_take_bytes_n(r, w->data + f->off, 32);
		return STATUS_OK;
	case POLICY_TYPE_TEXT:
		text = cbor_take_text(r, POLICY_TEXT_MAX);
		return append(w, f, text.data, text.len, text.len);
	default:
		return take_list(r, f, w);
	}
}

/* A field that is not in the values. */
static enum status leave_out(const struct policy_field *f, struct record *w, uint64_t bit,
                             uint64_t *given, struct policy_error *error)
{
	if (f->need == POLICY_NEED_REQUIRED)
		return fail(error, STATUS_REFUSED, "parameter", f->name, "missing; it is a ",
		            policy_type_name(f->type));
	if (f->need == POLICY_NEED_DEFAULTS) {
		store_le64(w->data + f->off, f->fallback);
		*given |= bit;
	}
	return STATUS_OK;
}

static enum status encode_fields(const struct policy_schema *schema, struct cbor_reader *r,
                                 struct record *w, struct policy_error *error)
{
	uint64_t given = 0;
	for (size_t i = 0; i < schema->count; i++) {
		const struct policy_field *f = &schema->fields[i];
		enum status status;
		if (cbor_take_key_if(r, i)) {
			status = take_value(r, f, w);
			given |= UINT64_C(1) << i;
			if (r->status != STATUS_OK)
				return fail(error, STATUS_REFUSED, "parameter", f->name,
				            is_list(f->type) ? "too long, or not a " : "not a ",
				            policy_type_name(f->type));
			if (status != STATUS_OK)
				return fail(error, status, "parameter", f->name,
				            "no room left in the record", "");
		} else {
			status = leave_out(f, w, UINT64_C(1) << i, &given, error);
			if (status != STATUS_OK)
				return status;
		}
	}
	store_le64(w->data, given);
	return STATUS_OK;
}

enum status policy_record_encode(const struct policy_schema *schema, struct bytes values,
                                 struct buffer *ret_record, struct policy_error *ret_error)
{
	struct bytes none = {NULL, 0};
	struct cbor_reader r;
	size_t cap =
	    ret_record->cap < POLICY_PARAMETERS_MAX ? ret_record->cap : POLICY_PARAMETERS_MAX;
	struct record w = {ret_record->data, cap, schema->fixed_bytes};
	CHECK(ret_record->len == 0 && (uintptr_t)ret_record->data % 8 == 0);
	if (schema->fixed_bytes > cap || values.len > LIMIT_PARAMETERS_MAX)
		return fail(ret_error, STATUS_TOO_LARGE, "parameters", none, "more than 8192 bytes",
		            "");
	memset(w.data, 0, w.len);
	cbor_reader_init(&r, values);
	cbor_take_map(&r, schema->count);
	enum status status = encode_fields(schema, &r, &w, ret_error);
	if (status != STATUS_OK)
		return status;
	cbor_take_end(&r);
	if (cbor_done(&r) != STATUS_OK)
		return fail(ret_error, STATUS_REFUSED, "parameters", none,
		            "not a map of this module's parameters in their order", "");
	ret_record->len = w.len;
	return STATUS_OK;
}

size_t policy_record_keys(const struct policy_schema *schema, size_t index, struct bytes record,
                          const uint8_t **ret_keys)
{
	const struct policy_field *f = &schema->fields[index];
	struct policy_range range;
	if (record.len < schema->fixed_bytes || (load_le64(record.data) >> index & 1) == 0)
		return 0;
	if (f->type == POLICY_TYPE_PUBKEY) {
		*ret_keys = record.data + f->off;
		return 1;
	}
	if (f->type != POLICY_TYPE_PUBKEY_LIST)
		return 0;
	memcpy(&range, record.data + f->off, sizeof(range));
	CHECK(range.off <= record.len && range.count <= (record.len - range.off) / 32);
	*ret_keys = record.data + range.off;
	return range.count;
}
