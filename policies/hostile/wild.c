/* wild: writes over all of its own memory: stack, data, request and answer; the next run must not
 * see any of it (M5). It harms itself only, so that its answer stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	uint8_t *volatile everything = (uint8_t *)(uintptr_t)8;

	__builtin_memset(everything, 0x5a, 131064);
	__builtin_memset(ANSWER, 0, sizeof(struct policy_answer));
	return allow();
}
