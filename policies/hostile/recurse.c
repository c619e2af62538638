/* recurse: calls itself until the stack of calls or of memory ends (M2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

static volatile uint32_t depth;

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t *from)
{
	volatile uint32_t here = *from + 1;

	depth++;
	return deeper(&here) + here;
}

HOSTILE
{
	volatile uint32_t start = 0;

	return deeper(&start);
}
