/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_budget.h"

#include "base_test.h"

/* A25: twice a minute's worth at once, then as fast as it refills. */
static void test_a_budget_refills_with_time(void)
{
	struct signer_budget budget = {.spent = 0};
	uint64_t now_ms = 5000000, taken = 0;

	while (taken < 1000 && signer_budget_take(&budget, 60, now_ms))
		taken++;
	EXPECT(taken == 120);
	EXPECT(!signer_budget_take(&budget, 60, now_ms + 999));
	EXPECT(signer_budget_take(&budget, 60, now_ms + 1000));
	EXPECT(!signer_budget_take(&budget, 60, now_ms + 1500));
	EXPECT(signer_budget_take(&budget, 60, now_ms + 2000)); /* no part of a second is lost */
	taken = 0;
	while (taken < 1000 && signer_budget_take(&budget, 60, now_ms + 3600000))
		taken++;
	EXPECT(taken == 120);
}

int main(void)
{
	RUN(test_a_budget_refills_with_time);
	return test_summary();
}
