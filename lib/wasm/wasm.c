/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm.h"

#include <malloc.h>
#include <string.h>

#include "base_check.h"
#include "wasm_globals.h"

#define STACK_BYTES_MAX (512u << 10) /* of the interpreter's values */
#define RECURSION_MAX   1000u /* calls within calls; deeper is a trap, as C recursion is rare */

/* The engine allocates through the C library, which alone asks the kernel. Take all of it now and
 * keep it: no mmap for large blocks, no giving back; so the sandbox may forbid brk and mmap. */
static enum status take_heap(uint64_t bytes)
{
	void *all;

	if (CLAVIGER_SANITIZED) /* the sanitizer's malloc has no options */
		return STATUS_OK;
	if (mallopt(M_MMAP_MAX, 0) != 1 || mallopt(M_TRIM_THRESHOLD, INT32_MAX) != 1 ||
	    mallopt(M_TOP_PAD, 1 << 20) != 1 || mallopt(M_ARENA_MAX, 1) != 1)
		return STATUS_IO;
	all = malloc(bytes);
	if (all == NULL)
		return STATUS_IO;
	/* A compiler may leave out a malloc whose memory nobody uses (clang does). */
	__asm__ volatile("" : : "r"(all) : "memory");
	free(all);
	return STATUS_OK;
}

enum status wasm_host_open(uint64_t heap_bytes_max, struct wasm_host *ret_host)
{
	const struct wasm_engine_limits limits = {
	    .heap_bytes_max = heap_bytes_max,
	    .stack_bytes_max = STACK_BYTES_MAX,
	    .recursion_max = RECURSION_MAX,
	};
	struct wasm_engine *engine;
	enum status s;

	CHECK(wasm_engine_wasmi.abi == WASM_ENGINE_ABI);
	/* A quarter more than the engine may use: blocks have heads and leave gaps. */
	s = take_heap(heap_bytes_max + heap_bytes_max / 4);
	if (s != STATUS_OK)
		return s;
	if (wasm_engine_wasmi.open(&limits, &engine) != WASM_ENGINE_RAN)
		return STATUS_IO;
	ret_host->ops = &wasm_engine_wasmi;
	ret_host->engine = engine;
	ret_host->heap_bytes_max = heap_bytes_max;
	return STATUS_OK;
}

void wasm_host_close(struct wasm_host *host)
{
	if (host->engine != NULL)
		host->ops->close(host->engine);
	host->engine = NULL;
}

uint64_t wasm_host_heap_used(const struct wasm_host *host)
{
	return host->ops->heap_used();
}

bool wasm_host_has_room(const struct wasm_host *host)
{
	uint64_t used = wasm_host_heap_used(host);

	return used <= host->heap_bytes_max && host->heap_bytes_max - used >= WASM_LOAD_HEAP_MAX;
}

/* Runs one start-up function; fuel left goes down. */
static bool start_call(struct wasm_policy *policy, const char *name, uint64_t *fuel_left,
                       uint32_t *ret_value)
{
	uint32_t func, trap = 0;
	uint64_t fuel = *fuel_left;

	if (policy->ops->find(policy->instance, name, &func) != WASM_ENGINE_RAN)
		return false;
	if (policy->ops->call(policy->instance, func, &fuel, ret_value, &trap) != WASM_ENGINE_RAN)
		return false;
	*fuel_left -= fuel;
	return true;
}

static enum wasm_refusal start_functions(struct wasm_policy *policy)
{
	uint64_t fuel = LIMIT_FUEL_PER_CHECK;
	uint32_t abi = 0, area = 0, ignored;

	if (policy->has_initialize && !start_call(policy, "_initialize", &fuel, &ignored))
		return WASM_REFUSAL_START_UP;
	if (!start_call(policy, "policy_abi", &fuel, &abi) ||
	    !start_call(policy, "policy_io", &fuel, &area))
		return WASM_REFUSAL_START_UP;
	if (abi != WASM_POLICY_ABI)
		return WASM_REFUSAL_ABI;
	if (area == 0 || area % 8 != 0)
		return WASM_REFUSAL_AREA;
	policy->area_off = area;
	policy->start_fuel = LIMIT_FUEL_PER_CHECK - fuel;
	return WASM_REFUSAL_NONE;
}

/* Makes an instance, starts it, finds its area and keeps its state. */
static enum wasm_refusal start_instance(struct wasm_policy *policy)
{
	const struct wasm_engine_ops *ops = policy->ops;
	enum wasm_refusal refusal;
	uint8_t *memory;
	size_t memory_len;
	uint32_t globals = 0;

	if (ops->spawn(policy->module, &policy->instance) != WASM_ENGINE_RAN) {
		policy->instance = NULL;
		return WASM_REFUSAL_ENGINE;
	}
	refusal = start_functions(policy);
	if (refusal != WASM_REFUSAL_NONE)
		return refusal;
	if (ops->memory(policy->instance, &memory, &memory_len) != WASM_ENGINE_RAN ||
	    policy->area_off > memory_len || policy->area_len > memory_len - policy->area_off)
		return WASM_REFUSAL_AREA;
	policy->area = memory + policy->area_off;
	if (ops->find(policy->instance, "policy_check", &policy->func_check) != WASM_ENGINE_RAN ||
	    ops->find(policy->instance, "policy_describe", &policy->func_describe) !=
	        WASM_ENGINE_RAN)
		return WASM_REFUSAL_EXPORT_MISSING;
	if (ops->snapshot(policy->instance, &globals) != WASM_ENGINE_RAN ||
	    globals != policy->globals)
		return WASM_REFUSAL_GLOBAL;
	policy->used = false;
	return WASM_REFUSAL_NONE;
}

static void drop_instance(struct wasm_policy *policy)
{
	if (policy->instance != NULL)
		policy->ops->drop_instance(policy->instance);
	policy->instance = NULL;
	policy->area = NULL;
}

enum status wasm_policy_load(struct wasm_host *host, struct bytes module, uint32_t area_len,
                             struct wasm_policy *ret_policy, struct wasm_error *ret_error)
{
	struct wasm_policy policy = {.ops = host->ops, .area_len = area_len};
	struct buffer rewritten = {host->scratch, sizeof(host->scratch), 0};
	struct wasm_summary summary;
	enum wasm_refusal refusal;
	char detail[96] = "";
	enum status s;

	s = wasm_precheck(module, &summary, ret_error);
	if (s == STATUS_OK)
		s = wasm_globals_export(module, &summary, &rewritten);
	if (s != STATUS_OK)
		return s;
	policy.globals = summary.mutable_globals;
	policy.has_initialize = summary.has_initialize;
	policy.parameters = summary.parameters;
	if (host->ops->load(host->engine, rewritten.data, rewritten.len, &policy.module, detail,
	                    sizeof(detail)) != WASM_ENGINE_RAN) {
		wasm_error_set(ret_error, WASM_REFUSAL_ENGINE, 0, detail);
		return STATUS_REFUSED;
	}
	refusal = start_instance(&policy);
	if (refusal != WASM_REFUSAL_NONE) {
		wasm_policy_unload(&policy);
		wasm_error_set(ret_error, refusal, 0, NULL);
		return STATUS_REFUSED;
	}
	*ret_policy = policy;
	return STATUS_OK;
}

void wasm_policy_unload(struct wasm_policy *policy)
{
	drop_instance(policy);
	if (policy->module != NULL)
		policy->ops->drop_module(policy->module);
	policy->module = NULL;
}

enum status wasm_policy_fresh(struct wasm_policy *policy, uint8_t **ret_area)
{
	if (policy->instance != NULL && policy->used &&
	    policy->ops->restore(policy->instance) != WASM_ENGINE_RAN)
		drop_instance(policy);
	/* Start-up is deterministic: what worked at load works again. */
	if (policy->instance == NULL && start_instance(policy) != WASM_REFUSAL_NONE) {
		drop_instance(policy);
		return STATUS_CORRUPT;
	}
	policy->used = true; /* the caller writes into the area */
	policy->ran = false;
	*ret_area = policy->area;
	return STATUS_OK;
}

enum status wasm_policy_run(struct wasm_policy *policy, enum wasm_entry entry, uint64_t fuel,
                            struct wasm_run *ret_run)
{
	static const enum wasm_outcome outcomes[] = {
	    [WASM_ENGINE_RAN] = WASM_OUTCOME_RAN,
	    [WASM_ENGINE_TRAP] = WASM_OUTCOME_TRAP,
	    [WASM_ENGINE_FUEL] = WASM_OUTCOME_FUEL,
	    [WASM_ENGINE_FAILED] = WASM_OUTCOME_TRAP,
	};
	struct wasm_run run = {0};
	int result;

	if (policy->instance == NULL || !policy->used || policy->ran)
		return STATUS_CONFLICT;
	run.fuel_used = fuel;
	result = policy->ops->call(policy->instance,
	                           entry == WASM_ENTRY_CHECK ? policy->func_check
	                                                     : policy->func_describe,
	                           &run.fuel_used, &run.value, &run.trap);
	run.outcome = outcomes[result & 3];
	policy->ran = true;
	if (result != WASM_ENGINE_RAN)
		drop_instance(policy);
	*ret_run = run;
	return STATUS_OK;
}

const char *wasm_trap_text(uint32_t trap)
{
	/* wasmi's TrapCode (wasmi_core 2.0.0). */
	static const char *const texts[] = {
	    "the engine failed",
	    "an unreachable instruction was reached",
	    "memory was accessed out of bounds",
	    "a table was accessed out of bounds",
	    "an empty table entry was called",
	    "an integer was divided by zero",
	    "an integer overflowed",
	    "a float could not become an integer",
	    "calls nest too deep",
	    "a function was called with another type",
	};

	return trap < sizeof(texts) / sizeof(texts[0]) ? texts[trap] : "an unknown trap";
}
