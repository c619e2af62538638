/* A schema and values that anyone wrote: what is accepted gives a record whose runs lie inside it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_parameters.h"

#include "base_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static _Alignas(8) uint8_t space[POLICY_PARAMETERS_MAX];
	struct buffer record = BUFFER_OF_ARRAY(space);
	static struct policy_schema schema;
	struct policy_error error = {.text = ""};
	size_t cut = len < 2 ? len : (size_t)load_le16(data) % len;
	struct bytes section;
	if (policy_module_schema((struct bytes){data, len}, &section) == STATUS_OK)
		CHECK(section.data >= data && section.data + section.len <= data + len);
	if (len < 2 || cut < 2 ||
	    policy_schema_decode((struct bytes){data + 2, cut - 2}, &schema, &error) != STATUS_OK) {
		CHECK(len < 2 || cut < 2 || error.text[0] != 0);
		return 0;
	}
	CHECK(schema.count <= POLICY_FIELDS_MAX && schema.fixed_bytes % 8 == 0);
	if (policy_record_encode(&schema, (struct bytes){data + cut, len - cut}, &record, &error) !=
	    STATUS_OK) {
		CHECK(error.text[0] != 0 && record.len == 0);
		return 0;
	}
	CHECK(record.len >= schema.fixed_bytes && record.len % 8 == 0);
	for (size_t i = 0; i < schema.count; i++) {
		const uint8_t *keys = space;
		size_t count = policy_record_keys(&schema, i, buffer_bytes(&record), &keys);
		CHECK(keys >= space && keys + 32 * count <= space + record.len);
	}
	return 0;
}
