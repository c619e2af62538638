/* policy_parameters: a module's parameter schema, a grant's values, and the record the module
 * reads.
 *
 * For the signer (which encodes the record), the authority (which validates a change) and the
 * command line. Schema and values are deterministic CBOR that a user brought: strict, bounded,
 * every error says which field and what to do. The schema is borrowed from its bytes and dies with
 * them.
 *
 *   schema = {1: 1, 2: [field ...]}
 *   field  = {1: name, 2: type, 3: role, 4: need, 5: default, 6: entries at most, 7: text}
 *            5 only with need "defaults" (bool or uint), 6 only for lists
 *   values = {index of the field: value ...}, only fields that are given
 *   value  = bool | uint | bstr .size 32 | tstr | [uint ...] | [bstr .size 32 ...] */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_PARAMETERS_H
#define POLICY_PARAMETERS_H

#include "base_bytes.h"
#include "base_limits.h"
#include "policy_abi.h"

enum policy_need { POLICY_NEED_REQUIRED = 1, POLICY_NEED_OPTIONAL = 2, POLICY_NEED_DEFAULTS = 3 };

struct policy_field {
	struct bytes name; /* [a-z][a-z0-9_]*, at most 64 bytes */
	struct bytes text; /* for people */
	uint8_t type;      /* POLICY_TYPE_* */
	uint8_t role;      /* POLICY_ROLE_* */
	uint8_t need;      /* enum policy_need */
	uint64_t fallback; /* bool and u64 with POLICY_NEED_DEFAULTS */
	uint32_t entries_max;
	uint32_t off; /* in the record */
};

struct policy_schema {
	size_t count;
	uint32_t fixed_bytes; /* of the record before texts and lists */
	struct policy_field fields[POLICY_FIELDS_MAX];
};

/* Why a schema, values or an intent's table were refused, for people. */
struct policy_error {
	char text[160];
	unsigned rule; /* of the table: the one that is wrong, from 1; 0: none of them alone */
};

/* policy_module_schema finds the contents of the section claviger.parameters in a module that has
 * passed the profile's check (lib/wasm); empty when there is none. Borrowed from the module. */
MUST_USE enum status policy_module_schema(struct bytes module, struct bytes *ret_schema);

/* policy_schema_decode decodes the contents of the section claviger.parameters; no bytes are a
 * schema without fields. */
MUST_USE enum status policy_schema_decode(struct bytes cbor, struct policy_schema *ret_schema,
                                          struct policy_error *ret_error);

/* policy_record_encode turns values into the record of policy_abi.h, appended to `ret_record`,
 * which must be empty and 8-byte aligned. STATUS_REFUSED: a value is missing or wrong. */
MUST_USE enum status policy_record_encode(const struct policy_schema *schema, struct bytes values,
                                          struct buffer *ret_record,
                                          struct policy_error *ret_error);

/* policy_schema_find returns the index of a field by name, or -1. */
int policy_schema_find(const struct policy_schema *schema, struct bytes name);

/* policy_type_name returns "u64" and so on; never NULL. */
const char *policy_type_name(unsigned type);

/* policy_record_keys gives the keys in field `index` of a record (one, or a list's); `ret_keys` is
 * borrowed from the record. Zero for other types and fields that are not given. */
size_t policy_record_keys(const struct policy_schema *schema, size_t index, struct bytes record,
                          const uint8_t **ret_keys);

#endif
