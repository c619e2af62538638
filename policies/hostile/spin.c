/* spin: an endless loop (M1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	volatile uint32_t turns = 0;

	for (;;)
		turns++;
}
