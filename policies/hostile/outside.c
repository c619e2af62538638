/* outside: reads behind its memory (M2, M4: the sandbox wall from within). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	volatile uint8_t *far = (volatile uint8_t *)(uintptr_t)0xfffffff0u;

	return *far != 0 ? allow() : allow();
}
