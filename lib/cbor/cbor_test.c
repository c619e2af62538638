/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "cbor_writer.h"

#define CHECKS(literal) (cbor_check(bytes_of(literal, sizeof(literal) - 1)) == STATUS_OK)

static void test_reader_takes_the_examples_of_rfc_8949_appendix_a(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint64_t value;
	} rows[] = {
	    {"\x00",	                         1, 0            },
	    {"\x0a",	                         1, 10           },
	    {"\x17",	                         1, 23           },
	    {"\x18\x18",	                     2, 24           },
	    {"\x18\x64",	                     2, 100          },
	    {"\x19\x03\xe8",                         3, 1000         },
	    {"\x1a\x00\x0f\x42\x40",                 5, 1000000      },
	    {"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00", 9, 1000000000000},
	    {"\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX   },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t space[16];
		struct buffer out = BUFFER_OF_ARRAY(space);
		struct cbor_reader r;
		struct cbor_writer w;

		cbor_reader_init(&r, bytes_of(rows[i].bytes, rows[i].len));
		EXPECT(cbor_take_uint(&r, UINT64_MAX) == rows[i].value);
		EXPECT(cbor_done(&r) == STATUS_OK);
		cbor_writer_init(&w, &out);
		cbor_put_uint(&w, rows[i].value);
		EXPECT(cbor_finish(&w) == STATUS_OK);
		EXPECT(bytes_equal(buffer_bytes(&out), bytes_of(rows[i].bytes, rows[i].len)));
	}
	EXPECT(CHECKS("\xf4"));
	EXPECT(CHECKS("\xf5"));
	EXPECT(CHECKS("\x44\x01\x02\x03\x04"));
	EXPECT(CHECKS("\x62\xc3\xbc"));
	EXPECT(CHECKS("\x64\xf0\x90\x85\x91"));
	EXPECT(CHECKS("\x83\x01\x82\x02\x03\x82\x04\x05"));
	EXPECT(CHECKS("\xa2\x01\x02\x03\x04"));
	EXPECT(CHECKS("\xa2\x61\x61\x01\x61\x62\x82\x02\x03"));
	EXPECT(CHECKS("\xa0"));
	EXPECT(CHECKS("\x80"));
}

static void test_reader_refuses_every_second_encoding_of_a_value(void)
{
	EXPECT(!CHECKS("\x18\x17"));                             /* 23 in two bytes */
	EXPECT(!CHECKS("\x19\x00\xff"));                         /* 255 in three */
	EXPECT(!CHECKS("\x1a\x00\x00\xff\xff"));                 /* 65535 in five */
	EXPECT(!CHECKS("\x1b\x00\x00\x00\x00\xff\xff\xff\xff")); /* 2^32-1 in nine */
	EXPECT(!CHECKS("\x58\x01\x00"));                         /* length not shortest */
	EXPECT(!CHECKS("\x5f\x41\x00\xff"));                     /* indefinite bytes */
	EXPECT(!CHECKS("\x9f\xff"));                             /* indefinite array */
	EXPECT(!CHECKS("\xbf\xff"));                             /* indefinite map */
	EXPECT(!CHECKS("\xa2\x03\x04\x01\x02"));                 /* keys out of order */
	EXPECT(!CHECKS("\xa2\x01\x02\x01\x02"));                 /* a key twice */
	EXPECT(!CHECKS("\xa2\x61\x62\x00\x61\x61\x00"));         /* text keys out of order */
	EXPECT(!CHECKS("\xa1\x80\x00"));                         /* an array as key */
	EXPECT(!CHECKS("\x20"));                                 /* -1 */
	EXPECT(!CHECKS("\xc0\x00"));                             /* a tag */
	EXPECT(!CHECKS("\xf6"));                                 /* null */
	EXPECT(!CHECKS("\xf7"));                                 /* undefined */
	EXPECT(!CHECKS("\xf9\x00\x00"));                         /* a float */
	EXPECT(!CHECKS("\xf8\x14"));                             /* false in two bytes */
	EXPECT(!CHECKS("\x1c"));                                 /* reserved */
}

static void test_reader_refuses_text_that_is_not_utf8(void)
{
	EXPECT(!CHECKS("\x61\x80"));
	EXPECT(!CHECKS("\x61\xc3"));
	EXPECT(!CHECKS("\x62\xc0\x80"));         /* overlong */
	EXPECT(!CHECKS("\x63\xe0\x80\x80"));     /* overlong */
	EXPECT(!CHECKS("\x63\xed\xa0\x80"));     /* surrogate */
	EXPECT(!CHECKS("\x64\xf4\x90\x80\x80")); /* above U+10FFFF */
	EXPECT(!CHECKS("\x64\xf0\x80\x80\x80")); /* overlong */
	EXPECT(CHECKS("\x64\xf4\x8f\xbf\xbf"));
	EXPECT(CHECKS("\x63\xed\x9f\xbf"));
}

static void test_reader_refuses_what_is_cut_short_or_left_over(void)
{
	static const uint8_t whole[] = {0xa2, 0x01, 0x83, 0x01, 0x18, 0x20, 0x41,
	                                0x07, 0x02, 0x63, 'a',  'b',  'c'};

	for (size_t len = 0; len < sizeof(whole); len++)
		EXPECT(cbor_check(bytes_of(whole, len)) != STATUS_OK);
	EXPECT(cbor_check(BYTES_OF_ARRAY(whole)) == STATUS_OK);
	EXPECT(!CHECKS("\x00\x00"));
	EXPECT(!CHECKS("\x81\x00\x00"));
	EXPECT(!CHECKS("\x9b\xff\xff\xff\xff\xff\xff\xff\xff"));
	EXPECT(!CHECKS("\x5b\xff\xff\xff\xff\xff\xff\xff\xff"));
}

static void test_depth_is_bounded(void)
{
	uint8_t deep[CBOR_DEPTH_MAX + 2];

	memset(deep, 0x81, sizeof(deep));
	deep[CBOR_DEPTH_MAX] = 0x00;
	EXPECT(cbor_check(bytes_of(deep, CBOR_DEPTH_MAX + 1)) == STATUS_OK);
	deep[CBOR_DEPTH_MAX] = 0x81;
	deep[CBOR_DEPTH_MAX + 1] = 0x00;
	EXPECT(cbor_check(bytes_of(deep, CBOR_DEPTH_MAX + 2)) == STATUS_MALFORMED);
}

/* {1: 7, ?2: bool, 3: [uint...]} */
static enum status decode(struct bytes bytes, bool *ret_has)
{
	struct cbor_reader r;
	size_t count;

	cbor_reader_init(&r, bytes);
	cbor_take_map(&r, 3);
	cbor_take_key(&r, 1);
	cbor_take_uint(&r, 7);
	*ret_has = cbor_take_key_if(&r, 2);
	if (*ret_has)
		cbor_take_bool(&r);
	cbor_take_key(&r, 3);
	count = cbor_take_array(&r, 2);
	for (size_t i = 0; i < count; i++)
		cbor_take_uint(&r, 9);
	cbor_take_end(&r);
	cbor_take_end(&r);
	return cbor_done(&r);
}

#define DECODES(literal) decode(bytes_of(literal, sizeof(literal) - 1), &has)

static void test_a_decoder_written_with_takes_is_strict(void)
{
	bool has;

	EXPECT(DECODES("\xa2\x01\x07\x03\x80") == STATUS_OK && !has);
	EXPECT(DECODES("\xa3\x01\x07\x02\xf5\x03\x82\x01\x02") == STATUS_OK && has);
	EXPECT(DECODES("\xa2\x01\x08\x03\x80") == STATUS_TOO_LARGE);
	EXPECT(DECODES("\xa2\x01\x07\x03\x83\x01\x02\x03") == STATUS_TOO_LARGE);
	EXPECT(DECODES("\xa3\x01\x07\x03\x80\x04\x00") == STATUS_MALFORMED); /* unknown key */
	EXPECT(DECODES("\xa1\x01\x07") == STATUS_MALFORMED);                 /* key 3 missing */
	EXPECT(DECODES("\xa2\x01\x07\x03\x80\x00") == STATUS_MALFORMED);
	EXPECT(DECODES("\xa2\x01\xf5\x03\x80") == STATUS_MALFORMED); /* another type */
}

/* {1: {1: 0, 2: 0}} and the same cut short, read by a decoder of {1: {1: 0}, 2: 0}. */
static void test_a_nested_map_cannot_lend_a_key_to_its_parent(void)
{
	static const uint8_t outer_counts[] = {0xa1, 0xa2};

	for (size_t i = 0; i < 2; i++) {
		uint8_t in[] = {outer_counts[i], 0x01, 0xa2, 0x01, 0x00, 0x02, 0x00};
		struct cbor_reader r;

		cbor_reader_init(&r, BYTES_OF_ARRAY(in));
		cbor_take_map(&r, 2);
		cbor_take_key(&r, 1);
		cbor_take_map(&r, 2);
		cbor_take_key(&r, 1);
		cbor_take_uint(&r, 9);
		cbor_take_end(&r);
		cbor_take_key(&r, 2);
		cbor_take_uint(&r, 9);
		cbor_take_end(&r);
		EXPECT(cbor_done(&r) == STATUS_MALFORMED);
	}
}

static void test_takes_of_n_bytes_raw_items_and_text_keys(void)
{
	static const uint8_t in[] = {0xa3, 0x01, 0x42, 0xaa, 0xbb, 0x02, 0xa1,
	                             0x01, 0x81, 0x00, 0x61, 'k',  0x05};
	struct cbor_reader r;
	uint8_t two[2];
	struct bytes raw;

	cbor_reader_init(&r, BYTES_OF_ARRAY(in));
	EXPECT(cbor_take_map(&r, 3) == 3);
	cbor_take_key(&r, 1);
	cbor_take_bytes_n(&r, two, 2);
	EXPECT(two[0] == 0xaa && two[1] == 0xbb);
	cbor_take_key(&r, 2);
	EXPECT(cbor_peek(&r) == CBOR_MAP);
	raw = cbor_take_raw(&r, 4);
	EXPECT(raw.len == 4 && raw.data == in + 6);
	EXPECT(cbor_left(&r) == 1 && cbor_peek(&r) == CBOR_TEXT);
	EXPECT(bytes_equal(cbor_take_text_key(&r, 8), bytes_of("k", 1)));
	EXPECT(cbor_take_uint(&r, 9) == 5);
	cbor_take_end(&r);
	EXPECT(cbor_done(&r) == STATUS_OK);

	cbor_reader_init(&r, BYTES_OF_ARRAY(in));
	cbor_take_map(&r, 3);
	cbor_take_key(&r, 1);
	cbor_take_bytes_n(&r, two, 1);
	EXPECT(two[0] == 0 && cbor_done(&r) != STATUS_OK);
	cbor_reader_init(&r, BYTES_OF_ARRAY(in));
	cbor_take_map(&r, 3);
	cbor_take_raw(&r, 100); /* a key is no item */
	EXPECT(r.status == STATUS_MALFORMED);
}

static void test_pairs_are_keys_and_values(void)
{
	static const uint8_t both[] = {0xa6, 0x01, 0x18, 0x40, 0x02, 0xf5, 0x03, 0x42, 0xaa, 0xbb,
	                               0x04, 0x42, 0xcc, 0xdd, 0x05, 0x61, 'x',  0x06, 0x07};
	static const uint8_t zero[] = {0xa1, 0x06, 0x00};
	static const uint8_t two[] = {0xaa, 0xbb}, other[] = {0xcc, 0xdd};
	uint8_t space[32], got[2];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct cbor_reader r;
	struct cbor_writer w;

	cbor_writer_init(&w, &out);
	cbor_put_map(&w, 6);
	cbor_put_uint_at(&w, 1, 64);
	cbor_put_bool_at(&w, 2, true);
	cbor_put_bytes_n_at(&w, 3, two, 2);
	cbor_put_bytes_at(&w, 4, BYTES_OF_ARRAY(other));
	cbor_put_text_at(&w, 5, bytes_of("x", 1));
	cbor_put_uint_if(&w, 6, 7);
	cbor_put_uint_if(&w, 7, 0); /* nothing */
	cbor_put_end(&w);
	EXPECT(cbor_finish(&w) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), BYTES_OF_ARRAY(both)));

	cbor_reader_init(&r, BYTES_OF_ARRAY(both));
	cbor_take_map(&r, 6);
	EXPECT(cbor_take_uint_if(&r, 0, 64) == 0); /* not there, and not looked for further on */
	EXPECT(cbor_take_uint_at(&r, 1, 64) == 64);
	EXPECT(cbor_take_bool_at(&r, 2));
	cbor_take_bytes_n_at(&r, 3, got, 2);
	EXPECT(memcmp(got, two, 2) == 0);
	EXPECT(bytes_equal(cbor_take_bytes_at(&r, 4, 2), BYTES_OF_ARRAY(other)));
	EXPECT(bytes_equal(cbor_take_text_at(&r, 5, 1), bytes_of("x", 1)));
	EXPECT(cbor_take_uint_if(&r, 6, 7) == 7);
	EXPECT(cbor_take_uint_if(&r, 7, 7) == 0);
	cbor_take_end(&r);
	EXPECT(cbor_done(&r) == STATUS_OK);

	cbor_reader_init(&r, BYTES_OF_ARRAY(both));
	cbor_take_map(&r, 6);
	EXPECT(cbor_take_uint_at(&r, 1, 63) == 0 && cbor_done(&r) == STATUS_TOO_LARGE);
	cbor_reader_init(&r, BYTES_OF_ARRAY(both));
	cbor_take_map(&r, 6);
	EXPECT(cbor_take_uint_at(&r, 2, 64) == 0 && cbor_done(&r) == STATUS_MALFORMED);
	/* What is left out when it is 0 has no second encoding. */
	cbor_reader_init(&r, BYTES_OF_ARRAY(zero));
	cbor_take_map(&r, 1);
	EXPECT(cbor_take_uint_if(&r, 6, 7) == 0);
	cbor_take_end(&r);
	EXPECT(cbor_done(&r) == STATUS_MALFORMED);
}

static void test_writer_without_room_takes_back_what_it_wrote(void)
{
	uint8_t space[6] = {9};
	struct buffer out = {space, 4, 1};
	struct cbor_writer w;

	cbor_writer_init(&w, &out);
	cbor_put_map(&w, 1);
	cbor_put_key(&w, 1);
	cbor_put_bytes(&w, bytes_of("abc", 3));
	cbor_put_end(&w);
	EXPECT(cbor_finish(&w) == STATUS_TOO_LARGE);
	EXPECT(out.len == 1 && space[0] == 9);
}

int main(void)
{
	RUN(test_reader_takes_the_examples_of_rfc_8949_appendix_a);
	RUN(test_reader_refuses_every_second_encoding_of_a_value);
	RUN(test_reader_refuses_text_that_is_not_utf8);
	RUN(test_reader_refuses_what_is_cut_short_or_left_over);
	RUN(test_depth_is_bounded);
	RUN(test_a_decoder_written_with_takes_is_strict);
	RUN(test_a_nested_map_cannot_lend_a_key_to_its_parent);
	RUN(test_takes_of_n_bytes_raw_items_and_text_keys);
	RUN(test_pairs_are_keys_and_values);
	RUN(test_writer_without_room_takes_back_what_it_wrote);
	return test_summary();
}
