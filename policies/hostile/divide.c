/* divide: traps by a division, with the answer written before (M2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	volatile uint32_t zero = 0, allowed = allow();

	return allowed / zero;
}
