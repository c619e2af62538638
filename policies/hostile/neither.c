/* neither: a verdict that is neither allow nor deny. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	(void)allow();
	ANSWER->verdict = 0x100;
	return 0x100;
}
