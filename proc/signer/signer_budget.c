/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_budget.h"

bool signer_budget_take(struct signer_budget *budget, uint64_t per_minute, uint64_t now_ms)
{
	uint64_t back = (now_ms - budget->at_ms) * per_minute / 60000;

	if (back >= budget->spent) {
		budget->spent = 0;
		budget->at_ms = now_ms;
	} else if (back > 0) {
		budget->spent -= back;
		budget->at_ms += back * 60000 / per_minute;
	}
	if (budget->spent >= 2 * per_minute)
		return false;
	budget->spent++;
	return true;
}
