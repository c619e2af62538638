/* api_json: reads JSON that a client wrote, strictly, in memory that was set aside at start.
 *
 * Adapter: only user of yyjson in the bridge. No comments, no trailing commas, no NaN, UTF-8 only;
 * an object's unknown and repeated members are refused. A value and the text it borrows live until
 * the next json_parse with the same pool, or until the parsed body is reused. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_JSON_H
#define API_JSON_H

#include "base_bytes.h"

#define API_JSON_PADDING     8 /* bytes that a body's buffer keeps free behind its contents */
#define API_JSON_DEPTH_MAX   8
#define API_JSON_MEMBERS_MAX 16

/* How much pool a text of `len` bytes may need. */
#define API_JSON_POOL(len) ((size_t)(len)*16 + 4096)

struct json_pool {
	void *memory;
	size_t cap;
};

struct json_value {
	const void *value; /* NULL: not there */
};

/* json_parse reads all of `text`, in place: `text` is changed and values borrow from it. */
MUST_USE enum status json_parse(struct json_pool *pool, struct buffer *text,
                                struct json_value *ret_root);

static inline bool json_is_there(struct json_value value)
{
	return value.value != NULL;
}

/* json_take_members sorts an object's members: ret_values[i] is that of names[i], or not there.
 * STATUS_MALFORMED: no object; STATUS_REFUSED: a member that is not in the list, or twice;
 * *ret_odd is then its name. */
MUST_USE enum status json_take_members(struct json_value object, const char *const *names,
                                       size_t count, struct json_value *ret_values,
                                       struct bytes *ret_odd);

/* json_take_text takes a string; json_take_bool and json_take_u64 likewise. False when the value is
 * of another type. A u64 may be a JSON integer or a string of decimal digits. */
bool json_take_text(struct json_value value, struct bytes *ret_text);
bool json_take_bool(struct json_value value, bool *ret_bool);
bool json_take_u64(struct json_value value, uint64_t *ret_number);

/* json_is_array says whether a value is one, and how long it is. */
bool json_is_array(struct json_value value, size_t *ret_count);
/* json_array_get returns one element; `index` below the count. */
struct json_value json_array_get(struct json_value array, size_t index);

#endif
