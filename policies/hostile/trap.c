/* trap: allows in its answer, and then traps: a trap is a refusal, whatever stands there (M2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	(void)allow();
	__builtin_trap();
}
