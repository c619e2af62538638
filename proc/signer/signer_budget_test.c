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

static unsigned take_all(struct signer_shared_budget *budget, uint8_t who, uint64_t now_ms)
{
	const uint8_t party[32] = {who};
	unsigned taken = 0;

	while (taken < 1000 && signer_budget_take_shared(budget, party, 60, now_ms))
		taken++;
	return taken;
}

/* A25: one alone gets half of it, and however many take what they can, who comes next finds some;
 * what comes back is forgotten of him who took most, so nobody is kept out for long. */
static void test_a_shared_budget_has_some_for_who_comes_next(void)
{
	static struct signer_shared_budget budget;
	uint64_t now_ms = 5000000;
	unsigned taken = 0;

	EXPECT(take_all(&budget, 1, now_ms) == 60);
	EXPECT(take_all(&budget, 2, now_ms) == 30);
	EXPECT(take_all(&budget, 3, now_ms) == 15);
	/* The first goes on all day, and gets what comes back beside the others' shares. */
	for (unsigned second = 1; second <= 3600; second++)
		taken += take_all(&budget, 1, now_ms + second * 1000);
	EXPECT(taken > 3000 && taken < 3700);
	EXPECT(take_all(&budget, 4, now_ms + 3600000) > 10);
	/* As many as there may be, each once, and then again. */
	now_ms += 7200000;
	taken = 0;
	for (uint8_t who = 0; who < 240; who++)
		taken += signer_budget_take_shared(&budget, (uint8_t[32]){who}, 60, now_ms);
	EXPECT(taken == 120);
	EXPECT(take_all(&budget, 250, now_ms + 999) == 0);
	EXPECT(take_all(&budget, 250, now_ms + 1000) == 1);
}

int main(void)
{
	RUN(test_a_shared_budget_has_some_for_who_comes_next);
	RUN(test_a_budget_refills_with_time);
	return test_summary();
}
