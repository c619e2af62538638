/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm.h"

#include <stdlib.h>
#include <string.h>

#include "base_check.h"
#include "base_heap.h"
#include "wasm_globals.h"

#define STACK_BYTES_MAX (512u << 10) /* of the interpreter's values */
#define RECURSION_MAX   1000u /* calls within calls; deeper is a trap, as C recursion is rare */

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
	/* The engine allocates through malloc. A quarter more than it may use: blocks have heads
	 * and leave gaps. */
	s = heap_take(heap_bytes_max + heap_bytes_max / 4);
	if (s != STATUS_OK)
		return s;
	if (wasm_engine_wasmi.open(&limits, &engine) != WASM_ENGINE_RAN)
		return STATUS_IO;
	ret_host->ops = &wasm_engine_wasmi;
	ret_host->engine = engine;
	ret_host->heap_bytes_max = heap_bytes_max;
	ret_host->built_bytes = ret_host->built_count = 0;
	ret_host->interprets = false;
	memset(&ret_host->built, 0, sizeof(ret_host->built));
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
	return host->ops->heap_used() + host->built_bytes;
}

bool wasm_host_has_room(const struct wasm_host *host)
{
	uint64_t used = wasm_host_heap_used(host);

	return used <= host->heap_bytes_max && host->heap_bytes_max - used >= WASM_LOAD_HEAP_MAX;
}

static bool is_built(const struct wasm_policy *policy)
{
	return policy->built.built != NULL;
}

/* Runs one start-up function; fuel left goes down. */
static bool start_call(struct wasm_policy *policy, enum wasm_built_entry entry, const char *name,
                       uint64_t *fuel_left, uint32_t *ret_value)
{
	uint32_t func, trap = 0;
	uint64_t fuel = *fuel_left;

	if (is_built(policy)) {
		if (wasm_built_run(&policy->host->built, &policy->built, entry, &fuel, ret_value) !=
		    0)
			return false;
		*fuel_left -= fuel;
		return true;
	}
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

	if (policy->has_initialize &&
	    !start_call(policy, WASM_BUILT_INITIALIZE, "_initialize", &fuel, &ignored))
		return WASM_REFUSAL_START_UP;
	if (!start_call(policy, WASM_BUILT_ABI, "policy_abi", &fuel, &abi) ||
	    !start_call(policy, WASM_BUILT_IO, "policy_io", &fuel, &area))
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

/* Starts a module that is built in. Nothing may have changed by it, since it is set back to its
 * segments alone; if something has, `policy` is left as one that is not built in. */
static enum wasm_refusal start_built(struct wasm_policy *policy)
{
	struct wasm_built_memory *m = &policy->host->built;
	enum wasm_refusal refusal;

	wasm_built_fresh(m, &policy->built);
	refusal = start_functions(policy);
	if (refusal == WASM_REFUSAL_NONE && !wasm_built_is_fresh(m, &policy->built))
		policy->built.built = NULL;
	else if (refusal == WASM_REFUSAL_NONE &&
	         (policy->area_len > WASM_BUILT_BYTES ||
	          policy->area_off > WASM_BUILT_BYTES - policy->area_len))
		refusal = WASM_REFUSAL_AREA;
	return refusal;
}

/* Finds out whether a module is built in and starts it. */
static enum wasm_refusal load_built(struct wasm_policy *policy, struct bytes module,
                                    const struct wasm_summary *summary)
{
	struct wasm_host *host = policy->host;
	enum wasm_refusal refusal;
	uint8_t *own;

	if (host->interprets || !wasm_built_find(module, summary, &policy->built))
		return WASM_REFUSAL_NONE;
	policy->built.id = ++host->built_count;
	refusal = start_built(policy);
	own = refusal == WASM_REFUSAL_NONE && is_built(policy) ? malloc(policy->built.own.len + 1)
	                                                       : NULL;
	if (own == NULL) { /* the engine then says what is wrong */
		policy->built.built = NULL;
		return refusal;
	}
	memcpy(own, policy->built.own.bytes, policy->built.own.len);
	policy->built.own.bytes = own;
	host->built_bytes += policy->built.own.len + 1;
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
	struct wasm_policy policy = {.host = host, .ops = host->ops, .area_len = area_len};
	struct buffer rewritten = {host->scratch, sizeof(host->scratch), 0};
	struct wasm_summary summary;
	enum wasm_refusal refusal;
	char detail[96] = "";
	enum status s;

	s = wasm_precheck_known(module, wasm_built_head(module), &summary, ret_error);
	if (s != STATUS_OK)
		return s;
	policy.globals = summary.mutable_globals;
	policy.has_initialize = summary.has_initialize;
	policy.parameters = summary.parameters;
	refusal = load_built(&policy, module, &summary);
	if (refusal != WASM_REFUSAL_NONE) {
		wasm_error_set(ret_error, refusal, 0, NULL);
		return STATUS_REFUSED;
	}
	if (is_built(&policy)) {
		*ret_policy = policy;
		return STATUS_OK;
	}
	s = wasm_globals_export(module, &summary, &rewritten);
	if (s != STATUS_OK)
		return s;
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

static void free_own(struct wasm_policy *policy)
{
	free((void *)(uintptr_t)policy->built.own.bytes);
	policy->built = (struct wasm_built_module){0};
	policy->area = NULL;
}

void wasm_policy_unload(struct wasm_policy *policy)
{
	if (is_built(policy)) {
		policy->host->built_bytes -= policy->built.own.len + 1;
		free_own(policy);
		return;
	}
	drop_instance(policy);
	if (policy->module != NULL)
		policy->ops->drop_module(policy->module);
	policy->module = NULL;
}

enum status wasm_policy_fresh(struct wasm_policy *policy, const uint8_t **ret_area)
{
	if (is_built(policy)) {
		wasm_built_fresh(&policy->host->built, &policy->built);
		policy->area = policy->host->built.bytes + policy->area_off;
	} else if (policy->instance != NULL && policy->used &&
	           policy->ops->restore(policy->instance) != WASM_ENGINE_RAN) {
		drop_instance(policy);
	}
	/* Start-up is deterministic: what worked at load works again. */
	if (!is_built(policy) && policy->instance == NULL &&
	    start_instance(policy) != WASM_REFUSAL_NONE) {
		drop_instance(policy);
		return STATUS_CORRUPT;
	}
	policy->used = true; /* the caller writes into the area */
	policy->ran = false;
	*ret_area = policy->area;
	return STATUS_OK;
}

/* The part of the area that the host is about to write. */
static uint8_t *take_part(struct wasm_policy *policy, uint32_t off, size_t len)
{
	CHECK(policy->area != NULL && off <= policy->area_len && len <= policy->area_len - off);
	if (is_built(policy)) {
		CHECK(policy->host->built.holder.id == policy->built.id);
		wasm_built_wrote(&policy->host->built, policy->area_off + off, (uint32_t)len);
	}
	return policy->area + off;
}

void wasm_policy_put(struct wasm_policy *policy, uint32_t off, struct bytes bytes)
{
	memcpy(take_part(policy, off, bytes.len), bytes.data, bytes.len);
}

void wasm_policy_clear(struct wasm_policy *policy, uint32_t off, uint32_t len)
{
	memset(take_part(policy, off, len), 0, len);
}

static void run_built(struct wasm_policy *policy, enum wasm_entry entry, struct wasm_run *run)
{
	unsigned stopped =
	    wasm_built_run(&policy->host->built, &policy->built,
	                   entry == WASM_ENTRY_CHECK ? WASM_BUILT_CHECK : WASM_BUILT_DESCRIBE,
	                   &run->fuel_used, &run->value);

	run->outcome = stopped == 0                 ? WASM_OUTCOME_RAN
	               : stopped == WASM_BUILT_FUEL ? WASM_OUTCOME_FUEL
	                                            : WASM_OUTCOME_TRAP;
	if (run->outcome == WASM_OUTCOME_TRAP)
		run->trap = stopped;
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
	struct wasm_run run = {.fuel_used = fuel};
	int result;

	if (!policy->used || policy->ran || (!is_built(policy) && policy->instance == NULL) ||
	    (is_built(policy) && policy->host->built.holder.id != policy->built.id))
		return STATUS_CONFLICT;
	policy->ran = true;
	if (is_built(policy)) {
		run_built(policy, entry, &run);
		*ret_run = run;
		return STATUS_OK;
	}
	result = policy->ops->call(policy->instance,
	                           entry == WASM_ENTRY_CHECK ? policy->func_check
	                                                     : policy->func_describe,
	                           &run.fuel_used, &run.value, &run.trap);
	run.outcome = outcomes[result & 3];
	if (result != WASM_ENGINE_RAN)
		drop_instance(policy);
	*ret_run = run;
	return STATUS_OK;
}
