/* S8: signer and verifiers on cores of their own, where there are enough. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "supervisor.h"

static struct supervisor with(unsigned cores)
{
	struct supervisor supervisor = {.core_count = cores};

	for (unsigned i = 0; i < cores; i++)
		supervisor.cores[i] = 2 * i; /* every second: threads of one core are off */
	return supervisor;
}

static void test_few_cores_are_for_everybody(void)
{
	for (unsigned cores = 0; cores < 3; cores++) {
		struct supervisor supervisor = with(cores);

		EXPECT(supervisor_core(&supervisor, PROC_signer, 0) == -1);
		EXPECT(supervisor_core(&supervisor, PROC_verifier, 1) == -1);
		EXPECT(supervisor_core(&supervisor, PROC_bridge, 0) == -1);
	}
}

static void test_the_signer_shares_its_core_with_nobody(void)
{
	for (unsigned cores = 3; cores <= 8; cores++) {
		struct supervisor supervisor = with(cores);
		int signer = supervisor_core(&supervisor, PROC_signer, 0);

		EXPECT(signer == 2);
		for (unsigned role = 0; role < PROC_COUNT; role++)
			for (unsigned number = 0; number < 2 * cores; number++)
				EXPECT(role == PROC_signer ||
				       supervisor_core(&supervisor, (enum proc_role)role, number) !=
				           signer);
	}
}

static void test_verifiers_use_all_cores_that_are_left_and_no_other_process_does(void)
{
	struct supervisor supervisor = with(4);

	EXPECT(supervisor_core(&supervisor, PROC_verifier, 0) == 4);
	EXPECT(supervisor_core(&supervisor, PROC_verifier, 1) == 6);
	EXPECT(supervisor_core(&supervisor, PROC_verifier, 2) == 4);
	EXPECT(supervisor_core(&supervisor, PROC_bridge, 0) == 0);
	EXPECT(supervisor_core(&supervisor, PROC_store, 0) == 0);
	EXPECT(supervisor_core(&supervisor, PROC_authority, 0) == 0);
}

int main(void)
{
	RUN(test_few_cores_are_for_everybody);
	RUN(test_the_signer_shares_its_core_with_nobody);
	RUN(test_verifiers_use_all_cores_that_are_left_and_no_other_process_does);
	return test_summary();
}
