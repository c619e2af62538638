/* cli_tables: contents of address lookup tables from a file, {"TABLE": {"INDEX": "ADDRESS"}}.
 *
 * What the file says is the caller's claim about the chain, good for showing and for pins that a
 * user signs; nothing here proves it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include "base_bytes.h"

struct cli_table_entry {
	uint8_t table[32];
	uint8_t index;
	uint8_t address[32];
};

struct cli_tables {
	struct cli_table_entry *entries; /* sorted by table and index, none twice */
	size_t count;
};

/* cli_tables_open reads a file; on failure `ret_message` has a sentence for people. */
MUST_USE enum status cli_tables_open(const char *path, struct cli_tables *ret_tables,
                                     char *ret_message, size_t message_cap);
/* cli_tables_home is where `claviger table` keeps contents and `--pin` finds them. */
#define CLI_TABLES_HOME "tables"
void cli_tables_close(struct cli_tables *tables);
/* cli_tables_find returns the 32 bytes of an entry, or NULL when the file does not know it. */
const uint8_t *cli_tables_find(const struct cli_tables *tables, const uint8_t table[32],
                               uint8_t index);

#endif
