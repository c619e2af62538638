/* magic: an answer without the magic word (no verdict may be taken from it). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	(void)allow();
	ANSWER->magic = 0;
	return POLICY_ALLOW;
}
