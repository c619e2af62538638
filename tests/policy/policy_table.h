/* policy_table: the table of a module's file, for tests that compare tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_TABLE_H
#define POLICY_TABLE_H

#include <stdio.h>
#include <string.h>

#include "base_check.h"
#include "intent_table.h"
#include "policy_intent.h"

/* policy_table_read gives the table's length; a file that is no intent's module is a CHECK. */
static inline size_t policy_table_read(const char *path, uint8_t ret_table[INTENT_TABLE_MAX])
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct bytes table;
	FILE *file = fopen(path, "rb");

	CHECK(file != NULL);
	size_t len = fread(module, 1, sizeof(module), file);
	fclose(file);
	CHECK(policy_intent_table(bytes_of(module, len), &table) == STATUS_OK);
	memcpy(ret_table, table.data, table.len);
	return table.len;
}

#endif
