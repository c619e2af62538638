/* wasm_precheck_fuzz: a module is refused with a reason, or passes with ranges inside it; adding
 * exports for its globals changes nothing else; and what passes goes through the engine and, when
 * it is valid, runs twice with the same outcome, value and fuel, whatever the first run left. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "wasm.h"

#define AREA_LEN 4096
#define FUEL     20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct wasm_host host;

static bool is_inside(struct wasm_range range, size_t len)
{
	return range.off <= len && range.len <= len - range.off;
}

static void run_twice(struct wasm_policy *policy)
{
	struct wasm_run first = {0}, second = {0};
	const uint8_t *area;

	CHECK(wasm_policy_fresh(policy, &area) == STATUS_OK);
	CHECK(wasm_policy_run(policy, WASM_ENTRY_CHECK, FUEL, &first) == STATUS_OK);
	if (policy->area != NULL) {
		static uint8_t filling[AREA_LEN];

		memset(filling, 0xa5, sizeof(filling));
		wasm_policy_put(policy, 0, BYTES_OF_ARRAY(filling));
	}
	CHECK(wasm_policy_fresh(policy, &area) == STATUS_OK);
	CHECK(wasm_policy_run(policy, WASM_ENTRY_CHECK, FUEL, &second) == STATUS_OK);
	CHECK(first.outcome == second.outcome && first.value == second.value);
	CHECK(first.fuel_used == second.fuel_used && first.trap == second.trap);
	CHECK(first.fuel_used <= FUEL && first.outcome != WASM_OUTCOME_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct wasm_summary summary;
	struct wasm_policy policy;
	struct wasm_error error = {0};

	if (host.ops == NULL)
		CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &host) == STATUS_OK);
	if (wasm_precheck(bytes_of(data, len), &summary, &error) != STATUS_OK) {
		CHECK(error.code != WASM_REFUSAL_NONE && error.code < WASM_REFUSAL_COUNT);
		CHECK(error.where <= len || error.where == LIMIT_MODULE_MAX);
		CHECK(memchr(error.text, '\0', sizeof(error.text)) != NULL);
		return 0;
	}
	CHECK(is_inside(summary.parameters, len) && is_inside(summary.code_section, len));
	CHECK(is_inside(summary.data_section, len) && is_inside(summary.export_section, len));
	CHECK(summary.memory_pages >= 1 && summary.memory_pages <= WASM_PAGES_MAX);
	CHECK(summary.mutable_globals <= summary.globals);
	if (wasm_policy_load(&host, bytes_of(data, len), AREA_LEN, &policy, &error) != STATUS_OK) {
		CHECK(error.code != WASM_REFUSAL_GLOBAL); /* the snapshot has them all */
		return 0;
	}
	run_twice(&policy);
	wasm_policy_unload(&policy);
	return 0;
}
