/* two_faced: returns allow and writes deny, or the other way round when the request is odd. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	ANSWER->magic = POLICY_ANSWER_MAGIC;
	ANSWER->verdict = area[0] & 1 ? POLICY_ALLOW : POLICY_DENY;
	return area[0] & 1 ? POLICY_DENY : POLICY_ALLOW;
}
