/* toml_test: TOML to JSON through the C function that the tool uses: values, places of errors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "claviger_toml.h"

#include <stdbool.h>
#include <string.h>

static char json[4096];
static size_t json_len;
static struct claviger_toml_error error;

static int convert(const char *text)
{
	json[0] = '\0';
	return claviger_toml_to_json(text, strlen(text), json, sizeof(json), &json_len, &error);
}

static bool gives(const char *text, const char *want)
{
	if (convert(text) == CLAVIGER_TOML_DONE && strcmp(json, want) == 0 &&
	    json_len == strlen(want))
		return true;
	fprintf(stderr, "%s\n  gave %s\n  error %u:%u %s\n", text, json, error.line, error.column,
	        error.text);
	return false;
}

static bool fails_at(const char *text, uint32_t line, uint32_t column, const char *words)
{
	if (convert(text) == CLAVIGER_TOML_MALFORMED && error.line == line &&
	    error.column == column && strstr(error.text, words) != NULL)
		return true;
	fprintf(stderr, "%s\n  gave %u:%u %s\n", text, error.line, error.column, error.text);
	return false;
}

static void test_values_keep_their_type_and_order(void)
{
	EXPECT(gives("", "{}"));
	EXPECT(gives("z = 1\na = true\n", "{\"z\":1,\"a\":true}"));
	EXPECT(gives("s = 'a\"b\\'\n[t]\nx = [1, [2]]\n",
	             "{\"s\":\"a\\\"b\\\\\",\"t\":{\"x\":[1,[2]]}}"));
	EXPECT(gives("a.b = -5 # comment\n[[r]]\nk = 1\n[[r]]\nk = 2\n",
	             "{\"a\":{\"b\":-5},\"r\":[{\"k\":1},{\"k\":2}]}"));
	EXPECT(gives("d = 2026-01-02T03:04:05Z\nf = 1.5\n",
	             "{\"d\":\"2026-01-02T03:04:05Z\",\"f\":1.5}"));
	EXPECT(gives("c = \"\\u0000\\n\\u00e9\"", "{\"c\":\"\\u0000\\u000a\xc3\xa9\"}"));
}

/* Lamports are u64. */
static void test_integers_have_sixty_four_bits(void)
{
	EXPECT(gives("n = 18446744073709551615", "{\"n\":18446744073709551615}"));
	EXPECT(gives("n = -9223372036854775808", "{\"n\":-9223372036854775808}"));
	EXPECT(gives("n = 0xff\nm = 1_000\no = 0o17\nb = 0b11\n",
	             "{\"n\":255,\"m\":1000,\"o\":15,\"b\":3}"));
	EXPECT(fails_at("x = 1\nn = 18446744073709551616\n", 2, 5, "range"));
}

static void test_errors_name_line_and_column(void)
{
	EXPECT(fails_at("a = 1\nb = \n", 2, 5, ""));
	EXPECT(fails_at("a = 1\na = 2\n", 2, 1, "duplicate"));
	EXPECT(fails_at("\xc3\xa9 = 1", 1, 1, ""));
	EXPECT(fails_at("f = nan", 1, 5, "finite"));
	EXPECT(fails_at("a = '\xff'", 1, 6, "UTF-8"));
}

static void test_output_that_does_not_fit_is_an_error(void)
{
	char small[8];

	EXPECT(claviger_toml_to_json("abc = 1", 7, small, sizeof(small), &json_len, &error) ==
	       CLAVIGER_TOML_TOO_LARGE);
	EXPECT(claviger_toml_to_json("a = 1", 5, small, sizeof(small), &json_len, &error) ==
	       CLAVIGER_TOML_DONE);
	EXPECT(strcmp(small, "{\"a\":1}") == 0);
}

int main(void)
{
	RUN(test_values_keep_their_type_and_order);
	RUN(test_integers_have_sixty_four_bits);
	RUN(test_errors_name_line_and_column);
	RUN(test_output_that_does_not_fit_is_an_error);
	return test_summary();
}
