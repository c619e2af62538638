/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_parameters.h"

#include "base_test.h"
#include "cbor_writer.h"

static uint8_t schema_space[LIMIT_SCHEMA_MAX];
static uint8_t values_space[LIMIT_PARAMETERS_MAX];
static _Alignas(8) uint8_t record_space[POLICY_PARAMETERS_MAX];
static struct policy_error error;

struct row {
	const char *name;
	unsigned type, role, need;
	uint64_t fallback, entries;
};

/* What a schema says beside its rows. */
static const char *said = "what it is for";
static unsigned version = 1;
static bool defaults = true;

static struct bytes schema_of(const struct row *rows, size_t count)
{
	struct buffer out = BUFFER_OF_ARRAY(schema_space);
	struct cbor_writer w;
	cbor_writer_init(&w, &out);
	cbor_put_map(&w, 2);
	cbor_put_key(&w, 1);
	cbor_put_uint(&w, version);
	cbor_put_key(&w, 2);
	cbor_put_array(&w, count);
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		bool has_default = defaults && r->need == POLICY_NEED_DEFAULTS;
		cbor_put_map(&w, 5u + has_default + (r->entries != 0));
		cbor_put_key(&w, 1);
		cbor_put_text(&w, bytes_of_text(r->name));
		cbor_put_key(&w, 2);
		cbor_put_uint(&w, r->type);
		cbor_put_key(&w, 3);
		cbor_put_uint(&w, r->role);
		cbor_put_key(&w, 4);
		cbor_put_uint(&w, r->need);
		if (has_default) {
			cbor_put_key(&w, 5);
			if (r->type == POLICY_TYPE_BOOL)
				cbor_put_bool(&w, r->fallback != 0);
			else
				cbor_put_uint(&w, r->fallback);
		}
		if (r->entries != 0) {
			cbor_put_key(&w, 6);
			cbor_put_uint(&w, r->entries);
		}
		cbor_put_key(&w, 7);
		cbor_put_text(&w, bytes_of_text(said));
		cbor_put_end(&w);
	}
	cbor_put_end(&w);
	cbor_put_end(&w);
	EXPECT(cbor_finish(&w) == STATUS_OK);
	return buffer_bytes(&out);
}

static const struct row every_type[] = {
    {"flag",  POLICY_TYPE_BOOL,        0,                 POLICY_NEED_DEFAULTS, 1, 0},
    {"most",  POLICY_TYPE_U64,         0,                 POLICY_NEED_REQUIRED, 0, 0},
    {"who",   POLICY_TYPE_PUBKEY,      POLICY_ROLE_OWNER, POLICY_NEED_OPTIONAL, 0, 0},
    {"words", POLICY_TYPE_TEXT,        0,                 POLICY_NEED_OPTIONAL, 0, 0},
    {"sizes", POLICY_TYPE_U64_LIST,    0,                 POLICY_NEED_OPTIONAL, 0, 3},
    {"mints", POLICY_TYPE_PUBKEY_LIST, POLICY_ROLE_MINT,  POLICY_NEED_OPTIONAL, 0, 2},
};

static struct policy_schema schema;

static void take_every_type(void)
{
	EXPECT(policy_schema_decode(schema_of(every_type, 6), &schema, &error) == STATUS_OK);
}

static void test_a_schema_lays_the_record_out_in_its_order(void)
{
	take_every_type();
	EXPECT(schema.count == 6 && schema.fields[0].off == 8 && schema.fields[1].off == 16);
	EXPECT(schema.fields[2].off == 24 && schema.fields[3].off == 56);
	EXPECT(schema.fixed_bytes == 80);
	EXPECT(policy_schema_find(&schema, bytes_of_text("mints")) == 5);
	EXPECT(policy_schema_find(&schema, bytes_of_text("none")) == -1);
}

static void test_no_section_is_a_schema_without_fields(void)
{
	EXPECT(policy_schema_decode(bytes_of(NULL, 0), &schema, &error) == STATUS_OK);
	EXPECT(schema.count == 0 && schema.fixed_bytes == 8);
}

static void refused(struct row row)
{
	struct row rows[2] = {
	    {"first", POLICY_TYPE_U64, 0, POLICY_NEED_REQUIRED, 0, 0},
            row
        };
	struct policy_schema untouched = {.count = 77};
	error.text[0] = 0;
	EXPECT(policy_schema_decode(schema_of(rows, 2), &untouched, &error) != STATUS_OK);
	EXPECT(untouched.count == 77 && error.text[0] != 0);
}

static void test_wrong_schemas_are_refused_with_words(void)
{
	refused((struct row){"First", POLICY_TYPE_U64, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"", POLICY_TYPE_U64, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"first", POLICY_TYPE_U64, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", 0, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", 7, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", POLICY_TYPE_U64, 0, 0, 0, 0});
	refused((struct row){"x", POLICY_TYPE_U64, 0, POLICY_NEED_REQUIRED, 0, 3});
	refused((struct row){"x", POLICY_TYPE_U64_LIST, 0, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", POLICY_TYPE_U64_LIST, 0, POLICY_NEED_REQUIRED, 0, 65});
	refused((struct row){"x", POLICY_TYPE_U64, POLICY_ROLE_MINT, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", POLICY_TYPE_PUBKEY, 3, POLICY_NEED_REQUIRED, 0, 0});
	refused((struct row){"x", POLICY_TYPE_PUBKEY, 0, POLICY_NEED_DEFAULTS, 0, 0});
}

static enum status one_field(const char *name)
{
	const struct row row = {name, POLICY_TYPE_U64, 0, POLICY_NEED_DEFAULTS, 5, 0};
	return policy_schema_decode(schema_of(&row, 1), &schema, &error);
}

/* B7: what is shown to people is a name, and one line of printable letters. */
static void test_names_and_texts_are_plain(void)
{
	static const char *const names[] = {"A",  "_a", "0a", "`a", "{a", "aA",       "a-",
	                                    "a`", "a{", "a/", "a:", "a ", "a\xc3\xa9"};
	static const char *const texts[] = {"\n", "\x1f", "\x7f", "\xc3\xa9", "a\n", "a\x7f"};
	EXPECT(one_field("a") == STATUS_OK && one_field("z") == STATUS_OK);
	EXPECT(one_field("az_09") == STATUS_OK);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		EXPECT(one_field(names[i]) == STATUS_MALFORMED);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		said = texts[i];
		EXPECT(one_field("a") == STATUS_MALFORMED);
	}
	said = " ~";
	EXPECT(one_field("a") == STATUS_OK);
	said = "what it is for";
}

static void test_another_version_or_no_default_is_refused(void)
{
	EXPECT(one_field("a") == STATUS_OK);
	version = 0;
	EXPECT(one_field("a") != STATUS_OK);
	version = 2;
	EXPECT(one_field("a") != STATUS_OK);
	version = 1;
	defaults = false;
	EXPECT(one_field("a") != STATUS_OK);
	defaults = true;
}

/* Values of every_type; `wrong` names one to spoil. */
static struct bytes values_of(unsigned given, unsigned list, uint64_t number, size_t words)
{
	static const uint8_t key[32] = {1, 2, 3, [31] = 4};
	struct buffer out = BUFFER_OF_ARRAY(values_space);
	struct cbor_writer w;
	static char text[100] =
	    "0123456789012345678901234567890123456789012345678901234567890123456";
	cbor_writer_init(&w, &out);
	cbor_put_map(&w, (size_t)__builtin_popcount(given));
	for (unsigned i = 0; i < 8; i++) {
		if ((given >> i & 1) == 0)
			continue;
		cbor_put_key(&w, i);
		if (i == 0)
			cbor_put_bool(&w, false);
		else if (i == 2)
			cbor_put_bytes_n(&w, key, 32);
		else if (i == 3)
			cbor_put_text(&w, bytes_of(text, words));
		else if (i == 1 || i > 5)
			cbor_put_uint(&w, number);
		else {
			cbor_put_array(&w, list);
			for (unsigned j = 0; j < list; j++) {
				if (i == 4)
					cbor_put_uint(&w, number + j);
				else
					cbor_put_bytes_n(&w, key, 32);
			}
			cbor_put_end(&w);
		}
	}
	cbor_put_end(&w);
	EXPECT(cbor_finish(&w) == STATUS_OK);
	return buffer_bytes(&out);
}

static size_t room = sizeof(record_space);

static enum status encode(struct bytes values, struct buffer *record)
{
	memset(record_space, 0xee, sizeof(record_space)); /* of a grant before */
	*record = (struct buffer){record_space, room, 0};
	error.text[0] = 0;
	return policy_record_encode(&schema, values, record, &error);
}

static void test_all_values_stand_at_their_places(void)
{
	struct buffer record;
	struct policy_range range;
	const uint8_t *keys = NULL;
	take_every_type();
	EXPECT(encode(values_of(0x3f, 2, 1000, 5), &record) == STATUS_OK);
	EXPECT(load_le64(record.data) == 0x3f);
	EXPECT(load_le64(record.data + 8) == 0);
	EXPECT(load_le64(record.data + 16) == 1000);
	EXPECT(record.data[24] == 1 && record.data[25] == 2);
	memcpy(&range, record.data + 56, sizeof(range));
	EXPECT(range.off == 80 && range.count == 5 &&
	       memcmp(record.data + 80, "01234\0\0\0", 8) == 0);
	memcpy(&range, record.data + 64, sizeof(range));
	EXPECT(range.off == 88 && range.count == 2 && load_le64(record.data + 96) == 1001);
	EXPECT(policy_record_keys(&schema, 5, buffer_bytes(&record), &keys) == 2);
	EXPECT(keys == record.data + 104 && record.len == 168);
	EXPECT(policy_record_keys(&schema, 2, buffer_bytes(&record), &keys) == 1);
	EXPECT(policy_record_keys(&schema, 4, buffer_bytes(&record), &keys) == 0);
}

/* A record is hashed: between and behind its values stand zeros, and it holds each of them whole.
 */
static void test_a_record_holds_its_values_and_zeros(void)
{
	static const size_t words[] = {0, 1, 7, 8, 9, 63, 64};
	struct buffer record;
	take_every_type();
	for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
		size_t len = words[n], at = 80 + (len + 7) / 8 * 8;
		EXPECT(encode(values_of(0x3f, 2, UINT64_MAX - 1, len), &record) == STATUS_OK);
		EXPECT(record.len == at + 16 + 64);
		for (size_t i = 80 + len; i < at; i++)
			EXPECT(record.data[i] == 0);
		EXPECT(load_le64(record.data + at) == UINT64_MAX - 1 &&
		       load_le64(record.data + at + 8) == UINT64_MAX);
		for (size_t k = 0; k < 2; k++)
			EXPECT(record.data[at + 16 + 32 * k] == 1 &&
			       record.data[at + 47 + 32 * k] == 4);
		/* As much room as it takes, and a byte less. */
		room = record.len;
		EXPECT(encode(values_of(0x3f, 2, UINT64_MAX - 1, len), &record) == STATUS_OK);
		room--;
		EXPECT(encode(values_of(0x3f, 2, UINT64_MAX - 1, len), &record) ==
		       STATUS_TOO_LARGE);
		room = sizeof(record_space);
	}
	room = 80;
	EXPECT(encode(values_of(0x02, 0, 7, 0), &record) == STATUS_OK && record.len == 80);
	for (size_t i = 24; i < 80; i++)
		EXPECT(record.data[i] == 0);
	room = 79;
	EXPECT(encode(values_of(0x02, 0, 7, 0), &record) == STATUS_TOO_LARGE);
	EXPECT(record.len == 0);
	room = sizeof(record_space);
}

static void test_a_first_parameter_may_be_left_out(void)
{
	static const struct row rows[] = {
	    {"who",   POLICY_TYPE_PUBKEY,      0, POLICY_NEED_OPTIONAL, 0, 0},
	    {"mints", POLICY_TYPE_PUBKEY_LIST, 0, POLICY_NEED_OPTIONAL, 0, 2},
	};
	const uint8_t *keys = NULL;
	struct buffer record;
	EXPECT(policy_schema_decode(schema_of(rows, 2), &schema, &error) == STATUS_OK);
	EXPECT(encode(bytes_of("\xa0", 1), &record) == STATUS_OK);
	EXPECT(record.len == 48 && load_le64(record.data) == 0);
	EXPECT(policy_record_keys(&schema, 0, buffer_bytes(&record), &keys) == 0);
	/* A record that is cut off has none. */
	store_le64(record.data, 3);
	EXPECT(policy_record_keys(&schema, 0, buffer_bytes(&record), &keys) == 1);
	EXPECT(policy_record_keys(&schema, 0, bytes_of(record.data, 47), &keys) == 0);
}

static void test_what_is_left_out_is_zero_or_its_default(void)
{
	struct buffer record;
	const uint8_t *keys = NULL;
	take_every_type();
	EXPECT(encode(values_of(0x02, 0, 7, 0), &record) == STATUS_OK);
	EXPECT(load_le64(record.data) == 0x03 && load_le64(record.data + 8) == 1);
	EXPECT(record.len == schema.fixed_bytes);
	EXPECT(policy_record_keys(&schema, 5, buffer_bytes(&record), &keys) == 0);
}

static void test_wrong_values_are_refused_by_name(void)
{
	struct buffer record;
	take_every_type();
	EXPECT(encode(values_of(0x01, 0, 0, 0), &record) == STATUS_REFUSED);
	EXPECT(strstr(error.text, "\"most\"") != NULL && strstr(error.text, "missing") != NULL);
	EXPECT(record.len == 0);
	EXPECT(encode(values_of(0x22, 3, 0, 0), &record) == STATUS_REFUSED);
	EXPECT(strstr(error.text, "\"mints\"") != NULL);
	EXPECT(encode(values_of(0x12, 4, 0, 0), &record) == STATUS_REFUSED);
	EXPECT(encode(values_of(0x0a, 0, 0, 65), &record) == STATUS_REFUSED);
	EXPECT(strstr(error.text, "\"words\"") != NULL);
	EXPECT(encode(values_of(0x42, 0, 0, 0), &record) == STATUS_REFUSED);
	EXPECT(encode(bytes_of("\xa1\x01\x61x", 4), &record) == STATUS_REFUSED);
	EXPECT(encode(bytes_of("\xa1\x01\x05\x00", 4), &record) == STATUS_REFUSED);
	EXPECT(encode(bytes_of("\xa0", 0), &record) == STATUS_REFUSED);
}

static void test_a_section_is_found_and_two_are_refused(void)
{
	uint8_t module[96] = "\0asm\1\0\0\0";
	struct bytes found;
	static const char name[] = "claviger.parameters";
	size_t len = 8;
	for (int copy = 0; copy < 2; copy++) {
		module[len++] = 0;
		module[len++] = 22;
		module[len++] = 19;
		memcpy(module + len, name, 19);
		memcpy(module + len + 19, "\xa0\x01", 2);
		len += 21;
		enum status status = policy_module_schema(bytes_of(module, len), &found);
		EXPECT(status == (copy == 0 ? STATUS_OK : STATUS_MALFORMED));
	}
	EXPECT(policy_module_schema(bytes_of(module, 32), &found) == STATUS_OK && found.len == 2);
	EXPECT(policy_module_schema(bytes_of(module, 8), &found) == STATUS_OK && found.len == 0);
	for (size_t cut = 9; cut < 32; cut++)
		EXPECT(policy_module_schema(bytes_of(module, cut), &found) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_a_schema_lays_the_record_out_in_its_order);
	RUN(test_no_section_is_a_schema_without_fields);
	RUN(test_wrong_schemas_are_refused_with_words);
	RUN(test_names_and_texts_are_plain);
	RUN(test_another_version_or_no_default_is_refused);
	RUN(test_a_record_holds_its_values_and_zeros);
	RUN(test_a_first_parameter_may_be_left_out);
	RUN(test_all_values_stand_at_their_places);
	RUN(test_what_is_left_out_is_zero_or_its_default);
	RUN(test_wrong_values_are_refused_by_name);
	RUN(test_a_section_is_found_and_two_are_refused);
	return test_summary();
}
