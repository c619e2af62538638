/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_budget.h"

#include <string.h>

#include "base_check.h"

static void refill(struct signer_budget *budget, uint64_t per_minute, uint64_t now_ms)
{
	uint64_t back = (now_ms - budget->at_ms) * per_minute / 60000;

	if (back >= budget->spent) {
		budget->spent = 0;
		budget->at_ms = now_ms;
	} else if (back > 0) {
		budget->spent -= back;
		budget->at_ms += back * 60000 / per_minute;
	}
}

bool signer_budget_take(struct signer_budget *budget, uint64_t per_minute, uint64_t now_ms)
{
	refill(budget, per_minute, now_ms);
	if (budget->spent >= 2 * per_minute)
		return false;
	budget->spent++;
	return true;
}

static void forget(struct signer_shared_budget *budget, uint64_t count)
{
	while (count-- > 0) {
		size_t most = 0;

		for (size_t i = 1; i < SIGNER_BUDGET_PARTIES; i++)
			if (budget->shares[i].taken > budget->shares[most].taken)
				most = i;
		budget->shares[most].taken--;
	}
}

/* There is one: those who took any are fewer than takes are remembered. */
static size_t share_of(const struct signer_shared_budget *budget, const uint8_t party[32])
{
	size_t free = SIGNER_BUDGET_PARTIES;

	for (size_t i = 0; i < SIGNER_BUDGET_PARTIES; i++) {
		if (budget->shares[i].taken == 0)
			free = i;
		else if (memcmp(budget->shares[i].party, party, 32) == 0)
			return i;
	}
	CHECK(free < SIGNER_BUDGET_PARTIES);
	return free;
}

bool signer_budget_take_shared(struct signer_shared_budget *budget, const uint8_t party[32],
                               uint64_t per_minute, uint64_t now_ms)
{
	uint64_t before = budget->all.spent;
	size_t at;

	CHECK(2 * per_minute <= SIGNER_BUDGET_PARTIES);
	refill(&budget->all, per_minute, now_ms);
	forget(budget, before - budget->all.spent);
	if (budget->all.spent == 2 * per_minute)
		return false;
	at = share_of(budget, party);
	if (budget->shares[at].taken >= 2 * per_minute - budget->all.spent)
		return false;
	memcpy(budget->shares[at].party, party, 32);
	budget->shares[at].taken++;
	budget->all.spent++;
	return true;
}
