/* lengths: an answer whose text and records would reach far behind the area. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	(void)allow();
	ANSWER->text_len = 0xffffffff;
	ANSWER->explain_count = 0x7fffffff;
	return POLICY_ALLOW;
}
