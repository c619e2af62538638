/* policy_section: finds a module's parameter schema, for those that do not link lib/wasm. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_parameters.h"

/* Takes a LEB128 number of 32 bits; false when it is too long or the bytes end. */
static bool take_leb(struct bytes module, size_t *at, uint32_t *ret_value)
{
	uint32_t value = 0;
	for (unsigned shift = 0; shift < 35 && *at < module.len; shift += 7) {
		uint8_t byte = module.data[(*at)++];
		if (shift == 28 && byte > 0x0f)
			return false;
		value |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

enum status policy_module_schema(struct bytes module, struct bytes *ret_schema)
{
	static const char name[] = "claviger.parameters";
	struct bytes found = {module.data, 0};
	if (module.len < 8 || module.len > LIMIT_MODULE_MAX)
		return STATUS_MALFORMED;
	for (size_t at = 8; at < module.len;) {
		uint8_t id = module.data[at++];
		uint32_t len, name_len;
		if (!take_leb(module, &at, &len) || len > module.len - at)
			return STATUS_MALFORMED;
		size_t end = at + len, inner = at;
		at = end;
		if (id != 0)
			continue;
		if (!take_leb(module, &inner, &name_len) || inner > end || name_len > end - inner)
			return STATUS_MALFORMED;
		if (name_len == sizeof(name) - 1 &&
		    memcmp(module.data + inner, name, name_len) == 0) {
			if (found.len != 0)
				return STATUS_MALFORMED; /* two of them: whose word counts? */
			found = bytes_of(module.data + inner + name_len, end - inner - name_len);
		}
	}
	*ret_schema = found;
	return STATUS_OK;
}
