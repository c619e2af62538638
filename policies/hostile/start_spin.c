/* start_spin: never ends its start-up (M1 at load). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

void initialize(void);

__attribute__((export_name("_initialize"), visibility("default"))) void initialize(void)
{
	volatile uint32_t turns = 0;

	for (;;)
		turns++;
}

HOSTILE
{
	return allow();
}
