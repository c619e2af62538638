/* SPDX-License-Identifier: Apache-2.0 */
#include "cbor_reader.h"

/* cbor_head is one decoded initial byte with its argument (RFC 8949 section 3). */
struct cbor_head {
	unsigned major;
	uint64_t argument;
	size_t len; /* of the head itself */
};

void cbor_reader_init(struct cbor_reader *r, struct bytes bytes)
{
	/* What is empty may be at NULL, to which C adds nothing, not even 0. */
	const uint8_t *at = bytes.len == 0 ? (const uint8_t *)"" : bytes.data;

	*r = (struct cbor_reader){.at = at, .end = at + bytes.len};
	r->levels[0].left = 1;
}

void cbor_fail(struct cbor_reader *r, enum status status)
{
	if (r->status == STATUS_OK)
		r->status = status;
}

/* head_at decodes the head at `at`; false when it is cut short, not the shortest, or not taken. */
static bool head_at(const uint8_t *at, const uint8_t *end, struct cbor_head *ret_head)
{
	size_t left = (size_t)(end - at), extra;
	struct cbor_head head = {0};

	if (left == 0)
		return false;
	head.major = at[0] >> 5;
	head.argument = at[0] & 31;
	if (head.major == 1 || head.major == 6 || head.argument > 27)
		return false;
	if (head.major == 7) {
		head.len = 1;
		*ret_head = head;
		return head.argument == 20 || head.argument == 21;
	}
	extra = head.argument < 24 ? 0 : (size_t)1 << (head.argument - 24);
	if (left - 1 < extra)
		return false;
	if (extra != 0) {
		/* The smallest value that needs a head of 1, 2, 4 or 8 more bytes. */
		uint64_t least = extra == 1 ? 24 : UINT64_C(1) << (4 * extra);

		head.argument = 0;
		for (size_t i = 1; i <= extra; i++)
			head.argument = head.argument << 8 | at[i];
		if (head.argument < least)
			return false;
	}
	head.len = 1 + extra;
	*ret_head = head;
	return true;
}

static struct cbor_level *level_of(struct cbor_reader *r)
{
	return &r->levels[r->depth];
}

/* item_begins accounts for one item in the innermost container. */
static bool item_begins(struct cbor_reader *r)
{
	struct cbor_level *level = level_of(r);

	if (r->status != STATUS_OK)
		return false;
	if (level->is_map ? !level->in_pair : level->left == 0) {
		cbor_fail(r, STATUS_MALFORMED);
		return false;
	}
	level->in_pair = false;
	level->left--;
	return true;
}

/* take_head takes the head of an item of type `major`. */
static bool take_head(struct cbor_reader *r, unsigned major, struct cbor_head *ret_head)
{
	struct cbor_head head;

	if (!item_begins(r))
		return false;
	if (!head_at(r->at, r->end, &head) || head.major != major) {
		cbor_fail(r, STATUS_MALFORMED);
		return false;
	}
	r->at += head.len;
	*ret_head = head;
	return true;
}

enum cbor_kind cbor_peek(const struct cbor_reader *r)
{
	struct cbor_head head;

	if (r->status != STATUS_OK || cbor_left(r) == 0 || !head_at(r->at, r->end, &head))
		return CBOR_NONE;
	return (enum cbor_kind)head.major;
}

uint64_t cbor_left(const struct cbor_reader *r)
{
	return r->status == STATUS_OK ? r->levels[r->depth].left : 0;
}

uint64_t cbor_take_uint(struct cbor_reader *r, uint64_t max)
{
	struct cbor_head head;

	if (!take_head(r, CBOR_UINT, &head))
		return 0;
	if (head.argument > max) {
		cbor_fail(r, STATUS_TOO_LARGE);
		return 0;
	}
	return head.argument;
}

bool cbor_take_bool(struct cbor_reader *r)
{
	struct cbor_head head;

	return take_head(r, CBOR_BOOL, &head) && head.argument == 21;
}

size_t cbor_utf8_next(struct bytes text, uint32_t *ret_code)
{
	const uint8_t *at = text.data;
	uint32_t least, code;
	size_t len;

	if (text.len == 0)
		return 0;
	if (at[0] < 0x80)
		len = 1, least = 0, code = at[0];
	else if (at[0] >= 0xc2 && at[0] <= 0xdf)
		len = 2, least = 0x80, code = at[0] & 0x1f;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		len = 3, least = 0x800, code = at[0] & 0x0f;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		len = 4, least = 0x10000, code = at[0] & 0x07;
	else
		return 0;
	if (text.len < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return len;
}

static bool is_utf8(struct bytes text)
{
	uint32_t code;

	while (text.len != 0) {
		size_t len = cbor_utf8_next(text, &code);

		if (len == 0)
			return false;
		text = bytes_of(text.data + len, text.len - len);
	}
	return true;
}

/* take_run takes the content of a string whose head was taken. */
static struct bytes take_run(struct cbor_reader *r, const struct cbor_head *head, size_t len_max)
{
	struct bytes run = {0};

	if (head->argument > (uint64_t)(r->end - r->at)) {
		cbor_fail(r, STATUS_MALFORMED);
		return run;
	}
	if (head->argument > len_max) {
		cbor_fail(r, STATUS_TOO_LARGE);
		return run;
	}
	run = bytes_of(r->at, (size_t)head->argument);
	if (head->major == CBOR_TEXT && !is_utf8(run)) {
		cbor_fail(r, STATUS_MALFORMED);
		return (struct bytes){0};
	}
	r->at += run.len;
	return run;
}

struct bytes cbor_take_bytes(struct cbor_reader *r, size_t len_max)
{
	struct cbor_head head;

	return take_head(r, CBOR_BYTES, &head) ? take_run(r, &head, len_max) : (struct bytes){0};
}

void cbor_take_bytes_n(struct cbor_reader *r, void *ret_bytes, size_t len)
{
	struct bytes run = cbor_take_bytes(r, len);

	memset(ret_bytes, 0, len);
	if (run.len != len)
		cbor_fail(r, STATUS_MALFORMED);
	else if (len != 0 && r->status == STATUS_OK)
		memcpy(ret_bytes, run.data, len);
}

struct bytes cbor_take_text(struct cbor_reader *r, size_t len_max)
{
	struct cbor_head head;

	return take_head(r, CBOR_TEXT, &head) ? take_run(r, &head, len_max) : (struct bytes){0};
}

/* open_level enters a container of `count` items or pairs, each of which takes a byte at least. */
static size_t open_level(struct cbor_reader *r, bool is_map, uint64_t count, size_t count_max)
{
	if (count > (uint64_t)(r->end - r->at) || r->depth == CBOR_DEPTH_MAX) {
		cbor_fail(r, STATUS_MALFORMED);
		return 0;
	}
	if (count > count_max) {
		cbor_fail(r, STATUS_TOO_LARGE);
		return 0;
	}
	r->levels[++r->depth] = (struct cbor_level){.left = count, .is_map = is_map};
	return (size_t)count;
}

size_t cbor_take_array(struct cbor_reader *r, size_t count_max)
{
	struct cbor_head head;

	return take_head(r, CBOR_ARRAY, &head) ? open_level(r, false, head.argument, count_max) : 0;
}

size_t cbor_take_map(struct cbor_reader *r, size_t count_max)
{
	struct cbor_head head;

	return take_head(r, CBOR_MAP, &head) ? open_level(r, true, head.argument, count_max) : 0;
}

/* is_before compares encoded keys bytewise, a prefix first (RFC 8949 section 4.2.1). */
static bool is_before(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order < 0 : a.len < b.len;
}

/* key_at finds the next key of the innermost map: its head, and whether there may be one. */
static bool key_at(struct cbor_reader *r, struct cbor_head *ret_head)
{
	const struct cbor_level *level = level_of(r);

	return r->status == STATUS_OK && level->is_map && !level->in_pair && level->left != 0 &&
	       head_at(r->at, r->end, ret_head);
}

/* key_taken accounts for the key that ends at r->at and began at `start`. */
static void key_taken(struct cbor_reader *r, const uint8_t *start)
{
	struct cbor_level *level = level_of(r);
	struct bytes key = bytes_of(start, (size_t)(r->at - start));

	if (level->key.len != 0 && !is_before(level->key, key))
		cbor_fail(r, STATUS_MALFORMED);
	level->key = key;
	level->in_pair = true;
}

bool cbor_take_key_if(struct cbor_reader *r, uint64_t key)
{
	const uint8_t *start = r->at;
	struct cbor_head head;

	if (!key_at(r, &head) || head.major != CBOR_UINT || head.argument != key)
		return false;
	r->at += head.len;
	key_taken(r, start);
	return r->status == STATUS_OK;
}

void cbor_take_key(struct cbor_reader *r, uint64_t key)
{
	if (!cbor_take_key_if(r, key))
		cbor_fail(r, STATUS_MALFORMED);
}

struct bytes cbor_take_text_key(struct cbor_reader *r, size_t len_max)
{
	const uint8_t *start = r->at;
	struct cbor_head head;
	struct bytes run;

	if (!key_at(r, &head) || head.major != CBOR_TEXT) {
		cbor_fail(r, STATUS_MALFORMED);
		return (struct bytes){0};
	}
	r->at += head.len;
	run = take_run(r, &head, len_max);
	key_taken(r, start);
	return r->status == STATUS_OK ? run : (struct bytes){0};
}

uint64_t cbor_take_uint_at(struct cbor_reader *r, uint64_t key, uint64_t max)
{
	cbor_take_key(r, key);
	return cbor_take_uint(r, max);
}

bool cbor_take_bool_at(struct cbor_reader *r, uint64_t key)
{
	cbor_take_key(r, key);
	return cbor_take_bool(r);
}

struct bytes cbor_take_bytes_at(struct cbor_reader *r, uint64_t key, size_t len_max)
{
	cbor_take_key(r, key);
	return cbor_take_bytes(r, len_max);
}

void cbor_take_bytes_n_at(struct cbor_reader *r, uint64_t key, void *ret_bytes, size_t len)
{
	cbor_take_key(r, key);
	cbor_take_bytes_n(r, ret_bytes, len);
}

struct bytes cbor_take_text_at(struct cbor_reader *r, uint64_t key, size_t len_max)
{
	cbor_take_key(r, key);
	return cbor_take_text(r, len_max);
}

uint64_t cbor_take_uint_if(struct cbor_reader *r, uint64_t key, uint64_t max)
{
	uint64_t value;

	if (!cbor_take_key_if(r, key))
		return 0;
	value = cbor_take_uint(r, max);
	if (value == 0)
		cbor_fail(r, STATUS_MALFORMED);
	return value;
}

void cbor_take_end(struct cbor_reader *r)
{
	const struct cbor_level *level = level_of(r);

	if (r->status != STATUS_OK)
		return;
	if (r->depth == 0 || level->left != 0 || level->in_pair)
		cbor_fail(r, STATUS_MALFORMED);
	else
		r->depth--;
}

/* walk_one takes one item, a key or an end: a step of cbor_take_raw. */
static void walk_one(struct cbor_reader *r)
{
	struct cbor_head head;

	if (key_at(r, &head)) {
		if (head.major == CBOR_TEXT)
			cbor_take_text_key(r, SIZE_MAX);
		else if (head.major == CBOR_UINT)
			cbor_take_key(r, head.argument);
		else
			cbor_fail(r, STATUS_MALFORMED);
		return;
	}
	switch (cbor_peek(r)) {
	case CBOR_UINT:
		cbor_take_uint(r, UINT64_MAX);
		break;
	case CBOR_BYTES:
		cbor_take_bytes(r, SIZE_MAX);
		break;
	case CBOR_TEXT:
		cbor_take_text(r, SIZE_MAX);
		break;
	case CBOR_ARRAY:
		cbor_take_array(r, SIZE_MAX);
		break;
	case CBOR_MAP:
		cbor_take_map(r, SIZE_MAX);
		break;
	case CBOR_BOOL:
		cbor_take_bool(r);
		break;
	case CBOR_NONE:
		cbor_fail(r, STATUS_MALFORMED);
		break;
	}
}

struct bytes cbor_take_raw(struct cbor_reader *r, size_t len_max)
{
	const uint8_t *start = r->at;
	unsigned base = r->depth;
	size_t len;

	if (level_of(r)->is_map && !level_of(r)->in_pair)
		cbor_fail(r, STATUS_MALFORMED);
	if (r->status != STATUS_OK)
		return (struct bytes){0};
	do {
		if (r->depth > base && cbor_left(r) == 0)
			cbor_take_end(r);
		else
			walk_one(r);
	} while (r->status == STATUS_OK && r->depth > base);
	len = (size_t)(r->at - start);
	if (len > len_max)
		cbor_fail(r, STATUS_TOO_LARGE);
	return r->status == STATUS_OK ? bytes_of(start, len) : (struct bytes){0};
}

enum status cbor_done(const struct cbor_reader *r)
{
	if (r->status != STATUS_OK)
		return r->status;
	return r->depth == 0 && r->levels[0].left == 0 && r->at == r->end ? STATUS_OK
	                                                                  : STATUS_MALFORMED;
}

enum status cbor_check(struct bytes bytes)
{
	struct cbor_reader r;

	cbor_reader_init(&r, bytes);
	cbor_take_raw(&r, SIZE_MAX);
	return cbor_done(&r);
}
