/* cbor_writer: encodes deterministic CBOR, what cbor_reader takes, into a caller's buffer.
 *
 * Counts are given when a container is opened; the order of keys, the counts and the closing are
 * our own business, so getting them wrong is a CHECK. Running out of room sticks: nothing more is
 * written, and cbor_finish says STATUS_TOO_LARGE and takes back what was written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CBOR_WRITER_H
#define CBOR_WRITER_H

#include "base_bytes.h"
#include "cbor_reader.h"

struct cbor_writer {
	struct buffer *out;
	size_t start; /* of this item in `out` */
	enum status status;
	unsigned depth;
	struct {
		uint64_t left;
		size_t key, key_len; /* where the last key stands in `out` */
		bool is_map, in_pair;
	} levels[CBOR_DEPTH_MAX + 1];
};

/* cbor_writer_init begins to append one item to `out`, which must outlive the writer. */
void cbor_writer_init(struct cbor_writer *w, struct buffer *out);

void cbor_put_uint(struct cbor_writer *w, uint64_t value);
void cbor_put_bool(struct cbor_writer *w, bool value);
void cbor_put_bytes(struct cbor_writer *w, struct bytes bytes);
/* cbor_put_bytes_n puts `len` bytes at `bytes` as a byte string. */
void cbor_put_bytes_n(struct cbor_writer *w, const void *bytes, size_t len);
/* cbor_put_text puts UTF-8; the caller has checked it. */
void cbor_put_text(struct cbor_writer *w, struct bytes text);
/* cbor_put_raw puts one item that is already deterministic CBOR (cbor_check, cbor_take_raw). */
void cbor_put_raw(struct cbor_writer *w, struct bytes item);

void cbor_put_array(struct cbor_writer *w, size_t count);
void cbor_put_map(struct cbor_writer *w, size_t count);
void cbor_put_key(struct cbor_writer *w, uint64_t key);
void cbor_put_text_key(struct cbor_writer *w, struct bytes key);
/* One pair of a map, key and value, as the functions without `_at` put them. cbor_put_uint_if
 * leaves the pair out when the value is 0, which is what cbor_take_uint_if takes. */
void cbor_put_uint_at(struct cbor_writer *w, uint64_t key, uint64_t value);
void cbor_put_uint_if(struct cbor_writer *w, uint64_t key, uint64_t value);
void cbor_put_bool_at(struct cbor_writer *w, uint64_t key, bool value);
void cbor_put_bytes_at(struct cbor_writer *w, uint64_t key, struct bytes bytes);
void cbor_put_bytes_n_at(struct cbor_writer *w, uint64_t key, const void *bytes, size_t len);
void cbor_put_text_at(struct cbor_writer *w, uint64_t key, struct bytes text);
/* cbor_put_end closes the innermost container. */
void cbor_put_end(struct cbor_writer *w);

/* cbor_finish ends encoding; on failure `out` is as long as it was before cbor_writer_init. */
MUST_USE enum status cbor_finish(struct cbor_writer *w);

#endif
