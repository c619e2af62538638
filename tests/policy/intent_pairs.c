/* intent_pairs: what `policy diff` finds for each pair of modules that stdin names, a line each:
 * widens, narrows or same. For tests/policy/intent_pairs.py, which has thousands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "intent_diff.h"
#include "policy_table.h"

struct side {
	_Alignas(8) uint8_t table[INTENT_TABLE_MAX];
	size_t len;
};

static void hear(void *context, const struct intent_change *change)
{
	(void)change;
	*(bool *)context = true;
}

int main(void)
{
	static struct side old, new;
	char paths[2][4096];
	while (scanf("%4095s %4095s", paths[0], paths[1]) == 2) {
		bool told = false;
		old.len = policy_table_read(paths[0], old.table);
		new.len = policy_table_read(paths[1], new.table);
		size_t wider = intent_diff(bytes_of(old.table, old.len),
		                           bytes_of(new.table, new.len), hear, &told);
		puts(wider != 0 ? "widens" : told ? "narrows" : "same");
	}
	return 0;
}
