/* cbor_reader: decodes deterministic CBOR (RFC 8949 section 4.2) from bytes nobody vouches for.
 *
 * One value has one encoding here: shortest heads, definite lengths, map keys in bytewise order of
 * their encodings and each once, UTF-8 text, no floats, tags, negatives, null or undefined. What is
 * left: unsigned integers, byte strings, text, arrays, maps, false and true.
 * Owns nothing: the bytes must outlive the reader and every run it returns. Errors stick: after the
 * first one every take returns zero or an empty run, and cbor_done() says what went wrong; so a
 * decoder takes all fields, closes each container with cbor_take_end, and checks once.
 *
 *   cbor_take_map(&r, 3);                  at most 3 pairs
 *   cbor_take_key(&r, 1); x = cbor_take_uint(&r, 10);
 *   if (cbor_take_key_if(&r, 2)) ...       an optional key
 *   cbor_take_end(&r);                     refuses keys that were not taken
 *   status = cbor_done(&r); */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CBOR_READER_H
#define CBOR_READER_H

#include "base_bytes.h"

/* Containers within containers; deeper input is refused, so nothing here recurses. */
#define CBOR_DEPTH_MAX 12

/* enum cbor_kind is the major type of RFC 8949 section 3.1, as far as we take it. */
enum cbor_kind {
	CBOR_UINT = 0,
	CBOR_BYTES = 2,
	CBOR_TEXT = 3,
	CBOR_ARRAY = 4,
	CBOR_MAP = 5,
	CBOR_BOOL = 7,
	CBOR_NONE = 8, /* nothing left here, an error, or a type that we refuse */
};

struct cbor_level {
	uint64_t left;        /* items (array) or pairs (map) still to come */
	struct bytes key;     /* the encoded key before this one; empty before the first */
	bool is_map, in_pair; /* in_pair: the key was taken, its value was not */
};

struct cbor_reader {
	const uint8_t *at, *end;
	enum status status;
	unsigned depth;
	struct cbor_level levels[CBOR_DEPTH_MAX + 1]; /* level 0 holds the one outermost item */
};

/* cbor_reader_init begins to read one item from `bytes`. */
void cbor_reader_init(struct cbor_reader *r, struct bytes bytes);
/* cbor_fail makes the reader fail with `status`, unless it failed before: for checks of values. */
void cbor_fail(struct cbor_reader *r, enum status status);
/* cbor_peek tells what the next item (after a key: its value; else in a map: the key) is. */
enum cbor_kind cbor_peek(const struct cbor_reader *r);
/* cbor_left tells how many items or pairs of the innermost open container are still to come. */
uint64_t cbor_left(const struct cbor_reader *r);

/* cbor_take_uint takes an integer of at most `max`; larger is STATUS_TOO_LARGE. */
uint64_t cbor_take_uint(struct cbor_reader *r, uint64_t max);
bool cbor_take_bool(struct cbor_reader *r);
/* cbor_take_bytes takes a byte string of at most `len_max` bytes, borrowed from the input. */
struct bytes cbor_take_bytes(struct cbor_reader *r, size_t len_max);
/* cbor_take_bytes_n copies a byte string of exactly `len` bytes; zeros after a failure. */
void cbor_take_bytes_n(struct cbor_reader *r, void *ret_bytes, size_t len);
/* cbor_take_text takes UTF-8 (RFC 3629: no surrogates, no overlong forms) of at most `len_max`. */
struct bytes cbor_take_text(struct cbor_reader *r, size_t len_max);
/* cbor_take_raw takes any one item, strictly checked to its end, as its bytes. */
struct bytes cbor_take_raw(struct cbor_reader *r, size_t len_max);

/* cbor_take_array opens an array of at most `count_max` items and returns their number. */
size_t cbor_take_array(struct cbor_reader *r, size_t count_max);
/* cbor_take_map opens a map of at most `count_max` pairs and returns their number. */
size_t cbor_take_map(struct cbor_reader *r, size_t count_max);
/* cbor_take_key takes the next key, which must be the unsigned integer `key`. */
void cbor_take_key(struct cbor_reader *r, uint64_t key);
/* cbor_take_key_if takes the next key when it is `key`; false, and nothing taken, when it is not.
 */
bool cbor_take_key_if(struct cbor_reader *r, uint64_t key);
/* cbor_take_text_key takes the next key, which must be text of at most `len_max` bytes. */
struct bytes cbor_take_text_key(struct cbor_reader *r, size_t len_max);
/* One pair of a map: cbor_take_key, and the value as the functions without `_at` take it. */
uint64_t cbor_take_uint_at(struct cbor_reader *r, uint64_t key, uint64_t max);
bool cbor_take_bool_at(struct cbor_reader *r, uint64_t key);
struct bytes cbor_take_bytes_at(struct cbor_reader *r, uint64_t key, size_t len_max);
void cbor_take_bytes_n_at(struct cbor_reader *r, uint64_t key, void *ret_bytes, size_t len);
struct bytes cbor_take_text_at(struct cbor_reader *r, uint64_t key, size_t len_max);
/* cbor_take_uint_if takes a pair that is left out when its value is 0: such a pair that says 0 is
 * STATUS_MALFORMED. */
uint64_t cbor_take_uint_if(struct cbor_reader *r, uint64_t key, uint64_t max);
/* cbor_take_end closes the innermost container, all of whose items must have been taken. */
void cbor_take_end(struct cbor_reader *r);

/* cbor_utf8_next returns the length of the well-formed UTF-8 character (RFC 3629) at the start of
 * `text` and its code point; 0 when there is none. */
size_t cbor_utf8_next(struct bytes text, uint32_t *ret_code);

/* cbor_done ends decoding: STATUS_OK only when every take succeeded, all is closed, none is left.
 */
MUST_USE enum status cbor_done(const struct cbor_reader *r);
/* cbor_check tells whether `bytes` are exactly one deterministic item. */
MUST_USE enum status cbor_check(struct bytes bytes);

#endif
