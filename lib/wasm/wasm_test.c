/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "wasm.h"
#include "wasm_built.h"
#include "wasm_make.h"

#define AREA_LEN 4096

static struct wasm_host host;
static struct make made;
static struct wasm_error error;

static bool loads(const struct make_policy *p, struct wasm_policy *policy)
{
	return wasm_policy_load(&host, make_policy(&made, p), AREA_LEN, policy, &error) ==
	       STATUS_OK;
}

static struct wasm_run run(struct wasm_policy *policy, uint64_t fuel)
{
	struct wasm_run result = {0};
	const uint8_t *area;

	EXPECT(wasm_policy_fresh(policy, &area) == STATUS_OK);
	EXPECT(wasm_policy_run(policy, WASM_ENTRY_CHECK, fuel, &result) == STATUS_OK);
	return result;
}

static void test_a_policy_runs_and_answers(void)
{
	struct wasm_policy policy;
	struct wasm_run result;

	EXPECT(loads(&(struct make_policy){0}, &policy));
	result = run(&policy, 1000);
	EXPECT(result.outcome == WASM_OUTCOME_RAN && result.value == 1);
	EXPECT(result.fuel_used > 0 && result.fuel_used < 100);
	wasm_policy_unload(&policy);
}

/* M5: returns what an earlier run left in memory or in a global, and leaves a canary in both. */
static void test_nothing_of_an_earlier_run_is_seen(void)
{
	/* i32.load 70000; global.get 0; i32.const 7; i32.sub; i32.add; i32.load 1024; i32.add;
	 * then both stores */
	const struct make_policy canary = {
	    .check = CODE(0x41, 0xf0, 0xa2, 0x04, 0x28, 2, 0, 0x23, 0, 0x41, 7, 0x6b, 0x6a,   /* */
	                  0x41, 0xf0, 0xa2, 0x04, 0x41, 0x39, 0x36, 2, 0, 0x41, 0x2a, 0x24, 0 /* */
	                  )};
	struct wasm_policy policy;

	EXPECT(loads(&canary, &policy));
	for (int i = 0; i < 100; i++) {
		struct wasm_run result = run(&policy, 1000);

		EXPECT(result.outcome == WASM_OUTCOME_RAN && result.value == 0);
	}
	wasm_policy_unload(&policy);
}

/* M5: what the host or an earlier request wrote into the exchange area is gone too. */
static void test_the_area_is_as_after_load(void)
{
	static uint8_t filling[AREA_LEN];
	struct wasm_policy policy;
	const uint8_t *area;

	memset(filling, 0xee, sizeof(filling));
	EXPECT(loads(&(struct make_policy){.data = CODE(1, 0, 0x41, 0x80, 8, 0x0b, 2, 'h', 'i')},
	             &policy));
	for (int i = 0; i < 3; i++) {
		EXPECT(wasm_policy_fresh(&policy, &area) == STATUS_OK);
		EXPECT(memcmp(area, "hi\0", 3) == 0 && area[AREA_LEN - 1] == 0);
		wasm_policy_put(&policy, 0, BYTES_OF_ARRAY(filling));
	}
	wasm_policy_unload(&policy);
}

/* M1: an endless loop ends with its fuel, exactly, and the next check is as if nothing was. */
static void test_an_endless_loop_uses_its_fuel_and_no_more(void)
{
	const struct make_policy loop = {.check = CODE(0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 1)};
	struct wasm_policy policy;

	EXPECT(loads(&loop, &policy));
	for (uint64_t fuel = 1; fuel < 1000000; fuel *= 10) {
		struct wasm_run result = run(&policy, fuel);

		EXPECT(result.outcome == WASM_OUTCOME_FUEL && result.fuel_used == fuel);
		EXPECT(policy.instance == NULL);
	}
	wasm_policy_unload(&policy);
}

static void test_a_trap_is_told_and_the_instance_dropped(void)
{
	struct wasm_policy policy;
	struct wasm_run result;

	EXPECT(loads(&(struct make_policy){.check = CODE(0x00)}, &policy));
	result = run(&policy, 1000);
	EXPECT(result.outcome == WASM_OUTCOME_TRAP);
	EXPECT(result.trap == WASM_BUILT_UNREACHABLE);
	EXPECT(policy.instance == NULL);
	result = run(&policy, 1000);
	EXPECT(result.outcome == WASM_OUTCOME_TRAP);
	wasm_policy_unload(&policy);
}

/* M2: recursion without end is a trap, not a crash. */
static void test_deep_recursion_is_a_trap(void)
{
	struct wasm_policy policy;
	struct wasm_run result;

	EXPECT(loads(&(struct make_policy){.check = CODE(0x10, 2)}, &policy));
	result = run(&policy, LIMIT_FUEL_PER_CHECK);
	EXPECT(result.outcome == WASM_OUTCOME_TRAP);
	EXPECT(result.trap == WASM_BUILT_NESTING);
	wasm_policy_unload(&policy);
}

/* M2: memory.grow returns -1, and nothing is taken. */
static void test_memory_does_not_grow(void)
{
	struct wasm_policy policy;
	uint64_t before;
	struct wasm_run result;

	EXPECT(loads(&(struct make_policy){.check = CODE(0x41, 1, 0x40, 0)}, &policy));
	(void)run(&policy, 1000);
	before = wasm_host_heap_used(&host);
	result = run(&policy, 1000);
	EXPECT(result.outcome == WASM_OUTCOME_RAN && result.value == UINT32_MAX);
	EXPECT(wasm_host_heap_used(&host) == before);
	wasm_policy_unload(&policy);
}

static void test_start_up_runs_once_and_is_kept(void)
{
	/* _initialize adds one to the global, policy_check returns it */
	const struct make_policy counts = {
	    .initialize = CODE(0x23, 0, 0x41, 1, 0x6a, 0x24, 0),
	    .check = CODE(0x23, 0),
	};
	struct wasm_policy policy;

	EXPECT(loads(&counts, &policy));
	EXPECT(policy.start_fuel > 0);
	for (int i = 0; i < 3; i++)
		EXPECT(run(&policy, 1000).value == 8);
	wasm_policy_unload(&policy);
}

static void test_start_up_that_does_not_end_is_refused(void)
{
	struct wasm_policy policy;

	EXPECT(
	    !loads(&(struct make_policy){.initialize = CODE(0x03, 0x40, 0x0c, 0, 0x0b)}, &policy));
	EXPECT(error.code == WASM_REFUSAL_START_UP);
	EXPECT(!loads(&(struct make_policy){.initialize = CODE(0x00)}, &policy));
	EXPECT(error.code == WASM_REFUSAL_START_UP);
}

static void test_an_area_outside_memory_is_refused(void)
{
	const uint32_t bad[] = {131072 - AREA_LEN + 8, 131072, 0xfffffff8, 1025, 0x80000000};
	struct wasm_policy policy;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT(!loads(&(struct make_policy){.area = bad[i]}, &policy));
		EXPECT(error.code == WASM_REFUSAL_AREA);
	}
	EXPECT(loads(&(struct make_policy){.area = 131072 - AREA_LEN}, &policy));
	wasm_policy_unload(&policy);
	EXPECT(!loads(&(struct make_policy){.abi = 2}, &policy));
	EXPECT(error.code == WASM_REFUSAL_ABI);
}

static void test_code_that_is_not_valid_is_refused_by_the_engine(void)
{
	struct wasm_policy policy;

	/* i64.const where an i32 is due: the pre-check does no type checking */
	EXPECT(!loads(&(struct make_policy){.check = CODE(0x42, 1)}, &policy));
	EXPECT(error.code == WASM_REFUSAL_ENGINE && strstr(error.text, "type mismatch") != NULL);
}

static void test_a_run_needs_a_fresh_instance(void)
{
	struct wasm_policy policy;
	struct wasm_run result;
	const uint8_t *area;

	EXPECT(loads(&(struct make_policy){0}, &policy));
	EXPECT(wasm_policy_run(&policy, WASM_ENTRY_CHECK, 1000, &result) == STATUS_CONFLICT);
	EXPECT(wasm_policy_fresh(&policy, &area) == STATUS_OK);
	EXPECT(wasm_policy_run(&policy, WASM_ENTRY_CHECK, 1000, &result) == STATUS_OK);
	EXPECT(wasm_policy_run(&policy, WASM_ENTRY_CHECK, 1000, &result) == STATUS_CONFLICT);
	wasm_policy_unload(&policy);
}

/* M2: after hostile modules came and went, the heap is where it was. */
static void test_unload_gives_everything_back(void)
{
	const struct make_policy loop = {.check = CODE(0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 1)};
	struct wasm_policy policy;
	uint64_t before = 0;

	for (int i = 0; i < 50; i++) {
		EXPECT(loads(&loop, &policy));
		EXPECT(run(&policy, 10000).outcome == WASM_OUTCOME_FUEL);
		wasm_policy_unload(&policy);
		if (i == 20)
			before = wasm_host_heap_used(&host);
	}
	EXPECT(wasm_host_heap_used(&host) == before);
}

int main(void)
{
	CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &host) == STATUS_OK);
	RUN(test_a_policy_runs_and_answers);
	RUN(test_nothing_of_an_earlier_run_is_seen);
	RUN(test_the_area_is_as_after_load);
	RUN(test_an_endless_loop_uses_its_fuel_and_no_more);
	RUN(test_a_trap_is_told_and_the_instance_dropped);
	RUN(test_deep_recursion_is_a_trap);
	RUN(test_memory_does_not_grow);
	RUN(test_start_up_runs_once_and_is_kept);
	RUN(test_start_up_that_does_not_end_is_refused);
	RUN(test_an_area_outside_memory_is_refused);
	RUN(test_code_that_is_not_valid_is_refused_by_the_engine);
	RUN(test_a_run_needs_a_fresh_instance);
	RUN(test_unload_gives_everything_back);
	wasm_host_close(&host);
	return test_summary();
}
