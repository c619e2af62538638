/* fill: an endless loop that spends its fuel on the widest writes, so that most memory is dirty
 * and each unit of fuel costs the most time (M1, P7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	for (uint8_t value = 0;; value++)
		__builtin_memset(area, value, sizeof(area));
}
