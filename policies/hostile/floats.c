/* floats: computes with floating point, whose NaNs could differ between machines (M7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	volatile double half = 0.5;

	return half * area[0] > 1 ? allow() : POLICY_DENY;
}
