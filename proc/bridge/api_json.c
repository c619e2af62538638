/* SPDX-License-Identifier: Apache-2.0 */
#include "api_json.h"

#include <yyjson.h>

#include "base_check.h"

_Static_assert(API_JSON_PADDING >= YYJSON_PADDING_SIZE, "yyjson may read its padding");

/* yyjson gives values back without const although it reads only; none of ours is changed. */
static yyjson_val *val_of(struct json_value value)
{
	return (yyjson_val *)(uintptr_t)value.value;
}

/* Deep nesting costs nothing here but has no use either: a request has three levels. */
static bool is_too_deep(const uint8_t *text, size_t len)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
		} else if (text[i] == '"') {
			quoted = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > API_JSON_DEPTH_MAX)
				return true;
		} else if ((text[i] == '}' || text[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

enum status json_parse(struct json_pool *pool, struct buffer *text, struct json_value *ret_root)
{
	yyjson_alc alc;
	yyjson_doc *doc;

	if (text->len == 0)
		return STATUS_MALFORMED;
	if (text->cap - text->len < API_JSON_PADDING || is_too_deep(text->data, text->len))
		return STATUS_TOO_LARGE;
	memset(text->data + text->len, 0, API_JSON_PADDING);
	CHECK(yyjson_alc_pool_init(&alc, pool->memory, pool->cap));
	doc = yyjson_read_opts((char *)text->data, text->len, YYJSON_READ_INSITU, &alc, NULL);
	if (doc == NULL)
		return STATUS_MALFORMED;
	ret_root->value = yyjson_doc_get_root(doc);
	return STATUS_OK;
}

static size_t place_of(struct bytes name, const char *const *names, size_t count)
{
	size_t i = 0;

	while (i < count && !bytes_equal(name, bytes_of_text(names[i])))
		i++;
	return i;
}

enum status json_take_members(struct json_value object, const char *const *names, size_t count,
                              struct json_value *ret_values, struct bytes *ret_odd)
{
	struct json_value values[API_JSON_MEMBERS_MAX] = {0};
	yyjson_obj_iter iter;
	yyjson_val *key;

	CHECK(count <= API_JSON_MEMBERS_MAX);
	if (!yyjson_is_obj(val_of(object)))
		return STATUS_MALFORMED;
	yyjson_obj_iter_init(val_of(object), &iter);
	while ((key = yyjson_obj_iter_next(&iter)) != NULL) {
		struct bytes name = bytes_of(yyjson_get_str(key), yyjson_get_len(key));
		size_t place = place_of(name, names, count);

		if (place == count || values[place].value != NULL) {
			*ret_odd = name;
			return STATUS_REFUSED;
		}
		values[place].value = yyjson_obj_iter_get_val(key);
	}
	memcpy(ret_values, values, count * sizeof(values[0]));
	return STATUS_OK;
}

bool json_take_text(struct json_value value, struct bytes *ret_text)
{
	if (!yyjson_is_str(val_of(value)))
		return false;
	*ret_text = bytes_of(yyjson_get_str(val_of(value)), yyjson_get_len(val_of(value)));
	return true;
}

bool json_take_bool(struct json_value value, bool *ret_bool)
{
	if (!yyjson_is_bool(val_of(value)))
		return false;
	*ret_bool = yyjson_get_bool(val_of(value));
	return true;
}

static bool number_of_digits(struct bytes text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (text.len == 0 || text.len > 20 || (text.len > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(text.data[i] - '0'), &number))
			return false;
	}
	*ret_number = number;
	return true;
}

bool json_take_u64(struct json_value value, uint64_t *ret_number)
{
	struct bytes text;

	if (json_take_text(value, &text))
		return number_of_digits(text, ret_number);
	if (!yyjson_is_uint(val_of(value)))
		return false;
	*ret_number = yyjson_get_uint(val_of(value));
	return true;
}

bool json_is_array(struct json_value value, size_t *ret_count)
{
	if (!yyjson_is_arr(val_of(value)))
		return false;
	*ret_count = yyjson_arr_size(val_of(value));
	return true;
}

struct json_value json_array_get(struct json_value array, size_t index)
{
	return (struct json_value){yyjson_arr_get(val_of(array), index)};
}
