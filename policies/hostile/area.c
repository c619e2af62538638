/* area: says that its exchange area lies at the very end of memory, half outside. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

uint32_t policy_abi(void);
uint32_t policy_io(void);
uint32_t policy_check(void);
uint32_t policy_describe(void);

EXPORT(policy_abi) uint32_t policy_abi(void)
{
	return POLICY_ABI_VERSION;
}

EXPORT(policy_io) uint32_t policy_io(void)
{
	return __builtin_wasm_memory_size(0) * 65536u - POLICY_AREA_BYTES / 2 / 8 * 8;
}

EXPORT(policy_check) uint32_t policy_check(void)
{
	return POLICY_ALLOW;
}

EXPORT(policy_describe) uint32_t policy_describe(void)
{
	return POLICY_ALLOW;
}
