/* wasm: runs one policy module within limits; the only user of the WebAssembly engine.
 *
 * A module whose code ships with this build runs as what that code was compiled to (wasm_built.h),
 * any other in the engine: an interpreter. Callers see no difference but time and fuel.
 *
 * For the verifier, and the tests. One struct wasm_host per process, opened before the sandbox is
 * entered: it lets the heap grow to its cap at once, so that later loads and runs need no system
 * call. A struct wasm_policy is one loaded module with one instance. The use:
 *
 *   wasm_policy_fresh(&policy, &area)   nothing of an earlier run can be observed any more (M5)
 *   wasm_policy_put(&policy, 0, request)
 *   wasm_policy_run(&policy, WASM_ENTRY_CHECK, fuel, &run)
 *   ... copy the answer out of area, then look at the copy ...
 *
 * Modules are hostile: they are refused by wasm_precheck or by the engine, they trap, or they run
 * out of fuel; in each case the next wasm_policy_fresh starts from a new instance. Memory that the
 * engine wants above its cap ends the process: call wasm_host_has_room before each load. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_H
#define WASM_H

#include "wasm_built.h"
#include "wasm_engine.h"
#include "wasm_precheck.h"

#define WASM_HEAP_DEFAULT (UINT64_C(96) << 20) /* bytes: some hundred loaded modules */
#define WASM_POLICY_ABI   1                    /* what policy_abi must return */

/* The most heap that loading one module can take: translation of 256 KiB of the densest code that
 * passes wasm_precheck, 32 pages of memory and their kept copy (measured in wasm_heap_test). */
#define WASM_LOAD_HEAP_MAX (UINT64_C(24) << 20)

struct wasm_host {
	const struct wasm_engine_ops *ops;
	struct wasm_engine *engine;
	uint64_t heap_bytes_max;
	uint64_t built_bytes; /* of the heap, held by modules that are built in */
	uint64_t built_count; /* that were ever loaded: their ids */
	bool interprets;      /* what is built in runs in the engine, too */
	struct wasm_built_memory built;
	/* The module with its mutable globals exported, so that the engine can set them back. */
	uint8_t scratch[LIMIT_MODULE_MAX + 16 + 8 * WASM_MUTABLE_GLOBALS_MAX];
};

struct wasm_policy {
	struct wasm_host *host;
	/* Built in: `module` of the engine and what belongs to it stay NULL. Its own segment's
	 * bytes are on the heap. */
	struct wasm_built_module built;
	const struct wasm_engine_ops *ops;
	struct wasm_module *module;
	struct wasm_instance *instance; /* NULL: the next fresh makes one */
	uint32_t func_check;
	uint32_t func_describe;
	uint8_t *area;     /* NULL: not fresh */
	uint32_t area_off; /* where policy_io says that the area lies */
	uint32_t area_len;
	uint32_t globals; /* mutable ones, all of them in the engine's snapshot */
	bool has_initialize;
	bool used; /* given to a caller since it was last fresh */
	bool ran;  /* and run */
	struct wasm_range parameters;
	uint64_t start_fuel; /* used by _initialize, policy_abi and policy_io */
};

enum wasm_entry { WASM_ENTRY_CHECK, WASM_ENTRY_DESCRIBE };

enum wasm_outcome {
	WASM_OUTCOME_NONE = 0, /* zeroed memory is no outcome */
	WASM_OUTCOME_RAN,
	WASM_OUTCOME_TRAP,
	WASM_OUTCOME_FUEL,
};

struct wasm_run {
	enum wasm_outcome outcome;
	uint32_t value; /* what the function returned; 0 unless it ran */
	uint32_t trap;  /* the engine's number (wasm_built.h) */
	uint64_t fuel_used;
};

/* wasm_host_open starts the engine with a heap of at most `heap_bytes_max`, taken now. */
MUST_USE enum status wasm_host_open(uint64_t heap_bytes_max, struct wasm_host *ret_host);
void wasm_host_close(struct wasm_host *host);
/* wasm_host_has_room is true when a further module, whatever it is, fits under the cap. */
bool wasm_host_has_room(const struct wasm_host *host);
/* wasm_host_heap_used returns the bytes that the engine holds now. */
uint64_t wasm_host_heap_used(const struct wasm_host *host);

/* wasm_policy_load checks, translates and starts a module: _initialize, policy_abi and policy_io
 * run here, once, with LIMIT_FUEL_PER_CHECK together. `area_len` is the exchange area's length.
 * STATUS_REFUSED: `ret_error` says what, where and why. The module's bytes are not kept. */
MUST_USE enum status wasm_policy_load(struct wasm_host *host, struct bytes module,
                                      uint32_t area_len, struct wasm_policy *ret_policy,
                                      struct wasm_error *ret_error);
void wasm_policy_unload(struct wasm_policy *policy);

/* wasm_policy_fresh makes the instance as it was after load and gives its exchange area, to be read
 * until the next fresh of any policy of this host, or unload. */
MUST_USE enum status wasm_policy_fresh(struct wasm_policy *policy, const uint8_t **ret_area);

/* wasm_policy_put writes into the exchange area at `off`, wasm_policy_clear zeroes; after fresh,
 * and inside the area. */
void wasm_policy_put(struct wasm_policy *policy, uint32_t off, struct bytes bytes);
void wasm_policy_clear(struct wasm_policy *policy, uint32_t off, uint32_t len);

/* wasm_policy_run runs an entry under fuel; at most once after each fresh (else STATUS_CONFLICT).
 * STATUS_OK with any outcome; fuel and outcome are the same on every machine (M7). */
MUST_USE enum status wasm_policy_run(struct wasm_policy *policy, enum wasm_entry entry,
                                     uint64_t fuel, struct wasm_run *ret_run);

#endif
