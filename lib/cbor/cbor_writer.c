/* SPDX-License-Identifier: Apache-2.0 */
#include "cbor_writer.h"

#include "base_check.h"

void cbor_writer_init(struct cbor_writer *w, struct buffer *out)
{
	*w = (struct cbor_writer){.out = out, .start = out->len};
	w->levels[0].left = 1;
}

static void append(struct cbor_writer *w, struct bytes bytes)
{
	if (w->status == STATUS_OK)
		w->status = buffer_put(w->out, bytes);
}

/* put_head writes the shortest head of a type and its argument (RFC 8949 section 4.2.1). */
static void put_head(struct cbor_writer *w, unsigned major, uint64_t argument)
{
	uint8_t head[9];
	size_t extra = argument < 24            ? 0
	               : argument <= UINT8_MAX  ? 1
	               : argument <= UINT16_MAX ? 2
	               : argument <= UINT32_MAX ? 4
	                                        : 8;
	unsigned info = extra == 0   ? (unsigned)argument
	                : extra == 1 ? 24
	                : extra == 2 ? 25
	                : extra == 4 ? 26
	                             : 27;

	head[0] = (uint8_t)(major << 5 | info);
	for (size_t i = 0; i < extra; i++)
		head[1 + i] = (uint8_t)(argument >> (8 * (extra - 1 - i)));
	append(w, bytes_of(head, 1 + extra));
}

/* item_begins accounts for one item in the innermost container. */
static void item_begins(struct cbor_writer *w)
{
	CHECK(w->levels[w->depth].left != 0);
	CHECK(!w->levels[w->depth].is_map || w->levels[w->depth].in_pair);
	w->levels[w->depth].in_pair = false;
	w->levels[w->depth].left--;
}

void cbor_put_uint(struct cbor_writer *w, uint64_t value)
{
	item_begins(w);
	put_head(w, CBOR_UINT, value);
}

void cbor_put_bool(struct cbor_writer *w, bool value)
{
	item_begins(w);
	append(w, bytes_of(value ? "\xf5" : "\xf4", 1));
}

void cbor_put_bytes(struct cbor_writer *w, struct bytes bytes)
{
	item_begins(w);
	put_head(w, CBOR_BYTES, bytes.len);
	append(w, bytes);
}

void cbor_put_bytes_n(struct cbor_writer *w, const void *bytes, size_t len)
{
	cbor_put_bytes(w, bytes_of(bytes, len));
}

void cbor_put_text(struct cbor_writer *w, struct bytes text)
{
	item_begins(w);
	put_head(w, CBOR_TEXT, text.len);
	append(w, text);
}

void cbor_put_raw(struct cbor_writer *w, struct bytes item)
{
	item_begins(w);
	append(w, item);
}

static void open_level(struct cbor_writer *w, bool is_map, size_t count)
{
	CHECK(w->depth < CBOR_DEPTH_MAX);
	w->depth++;
	w->levels[w->depth].left = count;
	w->levels[w->depth].key = w->levels[w->depth].key_len = 0;
	w->levels[w->depth].is_map = is_map;
	w->levels[w->depth].in_pair = false;
}

void cbor_put_array(struct cbor_writer *w, size_t count)
{
	item_begins(w);
	put_head(w, CBOR_ARRAY, count);
	open_level(w, false, count);
}

void cbor_put_map(struct cbor_writer *w, size_t count)
{
	item_begins(w);
	put_head(w, CBOR_MAP, count);
	open_level(w, true, count);
}

/* key_put checks that the key that stands from `start` to the end follows the one before it. */
static void key_put(struct cbor_writer *w, size_t start)
{
	size_t before = w->levels[w->depth].key_len, len = w->out->len - start;

	CHECK(w->levels[w->depth].is_map && !w->levels[w->depth].in_pair);
	CHECK(w->levels[w->depth].left != 0);
	w->levels[w->depth].in_pair = true;
	if (w->status != STATUS_OK)
		return;
	if (before != 0) {
		int order = memcmp(w->out->data + w->levels[w->depth].key, w->out->data + start,
		                   before < len ? before : len);

		CHECK(order < 0 || (order == 0 && before < len));
	}
	w->levels[w->depth].key = start;
	w->levels[w->depth].key_len = len;
}

void cbor_put_key(struct cbor_writer *w, uint64_t key)
{
	size_t start = w->out->len;

	put_head(w, CBOR_UINT, key);
	key_put(w, start);
}

void cbor_put_text_key(struct cbor_writer *w, struct bytes key)
{
	size_t start = w->out->len;

	put_head(w, CBOR_TEXT, key.len);
	append(w, key);
	key_put(w, start);
}

void cbor_put_uint_at(struct cbor_writer *w, uint64_t key, uint64_t value)
{
	cbor_put_key(w, key);
	cbor_put_uint(w, value);
}

void cbor_put_uint_if(struct cbor_writer *w, uint64_t key, uint64_t value)
{
	if (value != 0)
		cbor_put_uint_at(w, key, value);
}

void cbor_put_bool_at(struct cbor_writer *w, uint64_t key, bool value)
{
	cbor_put_key(w, key);
	cbor_put_bool(w, value);
}

void cbor_put_bytes_at(struct cbor_writer *w, uint64_t key, struct bytes bytes)
{
	cbor_put_key(w, key);
	cbor_put_bytes(w, bytes);
}

void cbor_put_bytes_n_at(struct cbor_writer *w, uint64_t key, const void *bytes, size_t len)
{
	cbor_put_bytes_at(w, key, bytes_of(bytes, len));
}

void cbor_put_text_at(struct cbor_writer *w, uint64_t key, struct bytes text)
{
	cbor_put_key(w, key);
	cbor_put_text(w, text);
}

void cbor_put_end(struct cbor_writer *w)
{
	CHECK(w->depth != 0 && w->levels[w->depth].left == 0 && !w->levels[w->depth].in_pair);
	w->depth--;
}

enum status cbor_finish(struct cbor_writer *w)
{
	CHECK(w->depth == 0 && w->levels[0].left == 0);
	if (w->status != STATUS_OK)
		w->out->len = w->start;
	return w->status;
}
