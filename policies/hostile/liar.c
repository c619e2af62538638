/* liar: allows everything, and says that nothing but the fee leaves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

HOSTILE
{
	const struct policy_request *request = (const void *)area;

	ANSWER->facts.fee_lamports = ANSWER->facts.lamports_out = request->fee.worst_lamports;
	return allow();
}
