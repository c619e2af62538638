/* An intent file that anyone wrote: it is refused with a place and a reason, or it compiles to one
 * table that the host's check takes, the same each time, whose words are printable. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <claviger_toml.h>
#include <stdlib.h>

#include "base_check.h"
#include "cli_intent.h"
#include "intent_table.h"
#include "intent_words.h"
#include "keys.h"
#include "policy_intent.h"

#define NODES 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_table(struct bytes table)
{
	static uint8_t space[INTENT_WORDS_MAX], module_space[LIMIT_MODULE_MAX];
	struct buffer words = BUFFER_OF_ARRAY(space), module = BUFFER_OF_ARRAY(module_space);
	struct policy_error error;
	struct bytes again;
	CHECK(policy_intent_check(table, &error) == STATUS_OK);
	CHECK(policy_intent_module(table, &module) == STATUS_OK);
	CHECK(policy_intent_table(buffer_bytes(&module), &again) == STATUS_OK &&
	      bytes_equal(again, table));
	CHECK(policy_intent_name(buffer_bytes(&module)) != NULL);
	intent_words_of(table, true, &words);
	for (size_t i = 0; i < words.len; i++)
		CHECK(words.data[i] != 0);
	words.len = 0;
	intent_words_of(table, false, &words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct claviger_toml_node nodes[NODES];
	static char pool[65536];
	static _Alignas(8) uint8_t one[INTENT_TABLE_MAX], two[INTENT_TABLE_MAX];
	static struct intent_build *space;
	struct buffer first = BUFFER_OF_ARRAY(one), second = BUFFER_OF_ARRAY(two);
	struct claviger_toml_error toml;
	struct intent_error error;
	size_t count = 0, pool_len = 0;
	if (space == NULL)
		space = malloc(intent_build_bytes());
	CHECK(space != NULL);
	if (claviger_toml_tree((const char *)data, len, nodes, NODES, &count, pool, sizeof(pool),
	                       &pool_len, &toml) != CLAVIGER_TOML_DONE)
		return 0;
	CHECK(count >= 1 && count <= NODES && pool_len <= sizeof(pool));
	struct intent_source source = {.path = "fuzz",
	                               .text = bytes_of(data, len),
	                               .nodes = (const struct intent_node *)(const void *)nodes,
	                               .node_count = count,
	                               .pool = pool};
	enum status status = intent_compile(space, &source, 1, keys_sha256, &first, &error);
	if (status != STATUS_OK) {
		CHECK(error.text[0] != '\0' && first.len == 0);
		CHECK(error.line <= len + 1 && error.column <= len + 1);
		return 0;
	}
	CHECK(intent_compile(space, &source, 1, keys_sha256, &second, &error) == STATUS_OK);
	CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
	check_table(buffer_bytes(&first));
	return 0;
}
