/* allow: attacks nothing; the neighbour that must go on as if nothing was. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	return allow();
}
