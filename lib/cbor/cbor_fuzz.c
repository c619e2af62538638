/* cbor_fuzz: whatever the reader accepts, written again, is the same bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "cbor_writer.h"

/* copy_one copies a key, an item, or the end of a container. */
static void copy_one(struct cbor_reader *r, struct cbor_writer *w)
{
	struct cbor_level *level = &r->levels[r->depth];

	if (r->depth != 0 && level->left == 0) {
		cbor_take_end(r);
		cbor_put_end(w);
	} else if (level->is_map && !level->in_pair) {
		if (cbor_peek(r) == CBOR_TEXT) {
			cbor_put_text_key(w, cbor_take_text_key(r, SIZE_MAX));
		} else {
			uint64_t key = r->at[0] & 31;

			for (unsigned i = 0, extra = key < 24 ? 0 : 1u << (key - 24); i < extra;
			     i++)
				key = (i == 0 ? 0 : key << 8) | r->at[1 + i];
			cbor_take_key(r, key);
			cbor_put_key(w, key);
		}
	} else if (cbor_peek(r) == CBOR_UINT) {
		cbor_put_uint(w, cbor_take_uint(r, UINT64_MAX));
	} else if (cbor_peek(r) == CBOR_BYTES) {
		cbor_put_bytes(w, cbor_take_bytes(r, SIZE_MAX));
	} else if (cbor_peek(r) == CBOR_TEXT) {
		cbor_put_text(w, cbor_take_text(r, SIZE_MAX));
	} else if (cbor_peek(r) == CBOR_ARRAY) {
		cbor_put_array(w, cbor_take_array(r, SIZE_MAX));
	} else if (cbor_peek(r) == CBOR_MAP) {
		cbor_put_map(w, cbor_take_map(r, SIZE_MAX));
	} else {
		cbor_put_bool(w, cbor_take_bool(r));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[1 << 16];
	struct buffer out = {space, sizeof(space), 0};
	struct cbor_reader r;
	struct cbor_writer w;

	if (size > sizeof(space) || cbor_check(bytes_of(data, size)) != STATUS_OK)
		return 0;
	cbor_reader_init(&r, bytes_of(data, size));
	cbor_writer_init(&w, &out);
	while (r.status == STATUS_OK && (r.depth != 0 || r.levels[0].left != 0))
		copy_one(&r, &w);
	CHECK(cbor_done(&r) == STATUS_OK);
	CHECK(cbor_finish(&w) == STATUS_OK);
	CHECK(bytes_equal(buffer_bytes(&out), bytes_of(data, size)));
	return 0;
}
