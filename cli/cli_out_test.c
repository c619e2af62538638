/* The JSON that the tool writes is one value with its commas right, and no text plays with a
 * terminal. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "cli_out.h"

static char *text;
static size_t text_len;
static struct cli_out out;

static void begin(void)
{
	out = (struct cli_out){.file = open_memstream(&text, &text_len)};
}

static bool wrote(const char *wanted)
{
	bool right;

	fclose(out.file);
	right = strcmp(text, wanted) == 0;
	if (!right)
		fprintf(stderr, "wrote %s\n", text);
	free(text);
	return right;
}

static bool writes_text(const char *bytes, size_t len, const char *wanted)
{
	begin();
	cli_out_text(&out, bytes_of(bytes, len));
	return wrote(wanted);
}

static void test_commas_stand_between_values_only(void)
{
	begin();
	cli_out_open(&out, '{');
	cli_out_name(&out, "a");
	cli_out_open(&out, '[');
	cli_out_number(&out, 1);
	cli_out_null(&out);
	cli_out_open(&out, '[');
	cli_out_close(&out, ']');
	cli_out_bool(&out, true);
	cli_out_close(&out, ']');
	cli_out_name(&out, "b");
	cli_out_decimal(&out, UINT64_MAX);
	cli_out_name(&out, "c");
	cli_out_hex(&out, bytes_of("\x00\xff", 2));
	cli_out_name(&out, "d");
	cli_out_base58(&out, bytes_of("\x00\x01", 2));
	cli_out_close(&out, '}');
	cli_out_line(&out);
	EXPECT(wrote("{\"a\":[1,null,[],true],\"b\":\"18446744073709551615\",\"c\":\"00ff\","
	             "\"d\":\"12\"}\n"));
}

static void test_each_line_is_a_value_of_its_own(void)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		cli_out_open(&out, '{');
		cli_out_close(&out, '}');
		cli_out_line(&out);
	}
	EXPECT(wrote("{}\n{}\n"));
}

static void test_long_bytes_are_written_whole(void)
{
	uint8_t bytes[200];
	char wanted[403] = "\"";

	for (unsigned i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)i;
		snprintf(wanted + 1 + (size_t)2 * i, 3, "%02x", i);
	}
	wanted[401] = '"';
	begin();
	cli_out_hex(&out, BYTES_OF_ARRAY(bytes));
	EXPECT(wrote(wanted));
}

static void test_text_is_escaped_where_json_asks_for_it(void)
{
	EXPECT(writes_text("a\"\\\n\t", 5, "\"a\\\"\\\\\\n\\u0009\""));
	EXPECT(writes_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80", 9,
	                   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80\""));
	EXPECT(writes_text("\0", 1, "\"\\u0000\""));
}

/* A3: control and direction-changing characters never reach a person. */
static void test_active_characters_are_escaped(void)
{
	EXPECT(writes_text("\x1b[2J\x7f", 5, "\"\\u001b[2J\\u007f\""));
	EXPECT(writes_text("\xc2\x9b", 2, "\"\\u009b\""));
	EXPECT(writes_text("\xe2\x80\xae\xe2\x81\xa6", 6, "\"\\u202e\\u2066\""));
	EXPECT(writes_text("\xf3\xa0\x80\x81", 4, "\"\\udb40\\udc01\""));
}

static void test_what_a_server_says_stays_on_its_line(void)
{
	begin();
	cli_out_plain(out.file, bytes_of("a\n\"b\"\r\x1b[2J\xe2\x80\xae", 13));
	EXPECT(wrote("a\\n\"b\"\\u000d\\u001b[2J\\u202e"));
}

static void test_what_is_not_utf_8_is_replaced(void)
{
	EXPECT(writes_text("a\x80\xff"
	                   "b",
	                   4,
	                   "\"a\xef\xbf\xbd\xef\xbf\xbd"
	                   "b\""));
	EXPECT(writes_text("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""));
	EXPECT(writes_text("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""));
	EXPECT(writes_text("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""));
}

/* For people: a member a line, an item's members behind a dash, nothing that JSON needs. */
static void test_lines_show_the_same_values_without_json(void)
{
	begin();
	out.lines = true;
	for (unsigned i = 0; i < 2; i++) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "name");
		cli_out_text(&out, bytes_of_text("a \"b\" \x1b\n"));
		cli_out_name(&out, "none_at_all");
		cli_out_open(&out, '[');
		cli_out_close(&out, ']');
		cli_out_name(&out, "keys");
		cli_out_open(&out, '[');
		cli_out_base58(&out, bytes_of("\x00\x01", 2));
		cli_out_hex(&out, bytes_of("\x00\xff", 2));
		cli_out_close(&out, ']');
		cli_out_name(&out, "rows");
		cli_out_open(&out, '[');
		for (unsigned j = 0; j < 2; j++) {
			cli_out_open(&out, '{');
			cli_out_name(&out, "left");
			cli_out_decimal(&out, j);
			cli_out_name(&out, "inner");
			cli_out_open(&out, '{');
			cli_out_name(&out, "live");
			cli_out_bool(&out, j == 0);
			cli_out_close(&out, '}');
			cli_out_close(&out, '}');
		}
		cli_out_close(&out, ']');
		cli_out_name(&out, "a_name_that_is_longer_than_most");
		cli_out_null(&out);
		cli_out_name(&out, "delay");
		cli_out_seconds(&out, 60);
		cli_out_name(&out, "opens");
		cli_out_time(&out, 86400);
		cli_out_name(&out, "expires");
		cli_out_time(&out, 0);
		cli_out_name(&out, "text");
		cli_out_text(&out, bytes_of_text(""));
		cli_out_close(&out, '}');
		cli_out_line(&out);
	}
#define ONE                                                                                        \
	"name                 a \"b\" \\u001b\\n\n"                                                \
	"none_at_all          none\n"                                                              \
	"keys                 12, 00ff\n"                                                          \
	"rows\n"                                                                                   \
	"  - left                 0\n"                                                             \
	"    inner\n"                                                                              \
	"      live                 yes\n"                                                         \
	"  - left                 1\n"                                                             \
	"    inner\n"                                                                              \
	"      live                 no\n"                                                          \
	"a_name_that_is_longer_than_most -\n"                                                      \
	"delay                60 s\n"                                                              \
	"opens                1970-01-02 00:00:00 UTC\n"                                           \
	"expires              -\n"                                                                 \
	"text                 -\n"
	EXPECT(wrote(ONE "\n" ONE));
}

static void test_times_are_numbers_in_json(void)
{
	begin();
	cli_out_open(&out, '[');
	cli_out_time(&out, 86400);
	cli_out_seconds(&out, 60);
	cli_out_close(&out, ']');
	EXPECT(wrote("[86400,60]"));
}

int main(void)
{
	RUN(test_commas_stand_between_values_only);
	RUN(test_each_line_is_a_value_of_its_own);
	RUN(test_long_bytes_are_written_whole);
	RUN(test_text_is_escaped_where_json_asks_for_it);
	RUN(test_active_characters_are_escaped);
	RUN(test_what_a_server_says_stays_on_its_line);
	RUN(test_what_is_not_utf_8_is_replaced);
	RUN(test_lines_show_the_same_values_without_json);
	RUN(test_times_are_numbers_in_json);
	return test_summary();
}
