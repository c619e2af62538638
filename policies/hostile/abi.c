/* abi: claims version 2 of the ABI. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

_Alignas(8) uint8_t area[POLICY_AREA_BYTES];
uint32_t policy_abi(void);
uint32_t policy_io(void);
uint32_t policy_check(void);
uint32_t policy_describe(void);

EXPORT(policy_abi) uint32_t policy_abi(void)
{
	return POLICY_ABI_VERSION + 1;
}

EXPORT(policy_io) uint32_t policy_io(void)
{
	return (uint32_t)(uintptr_t)area;
}

EXPORT(policy_check) uint32_t policy_check(void)
{
	return allow();
}

EXPORT(policy_describe) uint32_t policy_describe(void)
{
	return allow();
}
