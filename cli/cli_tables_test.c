/* Files of lookup tables: read exactly, refused with the name that is wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base_test.h"
#include "cli_tables.h"

#define SYSTEM "11111111111111111111111111111111"
#define TOKEN  "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"

static char message[256];

static enum status open_text(const char *text, struct cli_tables *ret_tables)
{
	char path[] = "/tmp/claviger-tables-XXXXXX";
	int fd = mkstemp(path);
	enum status status;

	message[0] = '\0';
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return STATUS_IO;
	close(fd);
	status = cli_tables_open(path, ret_tables, message, sizeof(message));
	unlink(path);
	return status;
}

static void test_entries_are_found_by_table_and_index(void)
{
	struct cli_tables tables = {0};
	uint8_t zero[32] = {0}, one[32] = {1};

	EXPECT(open_text("{\"" SYSTEM "\":{\"255\":\"" TOKEN "\",\"0\":\"" SYSTEM "\"},\"" TOKEN
	                 "\":{}}",
	                 &tables) == STATUS_OK);
	EXPECT(tables.count == 2);
	EXPECT(cli_tables_find(&tables, zero, 255) != NULL &&
	       cli_tables_find(&tables, zero, 255)[0] == 0x06);
	EXPECT(cli_tables_find(&tables, zero, 0) != NULL);
	EXPECT(cli_tables_find(&tables, zero, 1) == NULL);
	EXPECT(cli_tables_find(&tables, one, 0) == NULL);
	cli_tables_close(&tables);
	EXPECT(open_text("{}", &tables) == STATUS_OK && tables.count == 0);
	EXPECT(cli_tables_find(&tables, zero, 0) == NULL);
	cli_tables_close(&tables);
}

static void test_what_is_no_table_file_is_refused_with_its_place(void)
{
	static const char *const bad[][2] = {
	    {"",	                                                   "not JSON"     },
	    {"{",	                                                  "not JSON"     },
	    {"[]",	                                                 "not an object"},
	    {"{\"x\":{}}",	                                         "address x"    },
	    {"{\"" SYSTEM "\":[]}",	                                SYSTEM         },
	    {"{\"" SYSTEM "\":{\"256\":\"" TOKEN "\"}}",                   "256"          },
	    {"{\"" SYSTEM "\":{\"01\":\"" TOKEN "\"}}",                    "01"           },
	    {"{\"" SYSTEM "\":{\"-1\":\"" TOKEN "\"}}",                    "-1"           },
	    {"{\"" SYSTEM "\":{\"\":\"" TOKEN "\"}}",                      "index"        },
	    {"{\"" SYSTEM "\":{\"7\":\"abc\"}}",                           "index 7"      },
	    {"{\"" SYSTEM "\":{\"7\":7}}",                                 "index 7"      },
	    {"{\"" SYSTEM "\":{\"7\":\"" TOKEN "\",\"7\":\"" TOKEN "\"}}", "twice"        },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct cli_tables tables = {0};

		EXPECT(open_text(bad[i][0], &tables) == STATUS_MALFORMED);
		EXPECT(strstr(message, bad[i][1]) != NULL);
		EXPECT(tables.entries == NULL);
	}
}

static void test_a_missing_file_is_not_a_malformed_one(void)
{
	struct cli_tables tables;

	EXPECT(cli_tables_open("/nonexistent/tables", &tables, message, sizeof(message)) ==
	       STATUS_IO);
	EXPECT(strstr(message, "No such file") != NULL);
}

int main(void)
{
	RUN(test_entries_are_found_by_table_and_index);
	RUN(test_what_is_no_table_file_is_refused_with_its_place);
	RUN(test_a_missing_file_is_not_a_malformed_one);
	return test_summary();
}
