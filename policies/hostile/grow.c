/* grow: asks for memory until it gets none, then allows only if it got some (M2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	uint32_t got = 0;

	for (uint32_t i = 0; i < 1000; i++)
		got += __builtin_wasm_memory_grow(0, 1) != (__SIZE_TYPE__)-1;
	return got != 0 ? allow() : POLICY_DENY;
}
