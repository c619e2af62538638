/* wasm_engine: the table of functions behind which a WebAssembly engine stands.
 *
 * For lib/wasm only; everyone else uses wasm.h. Implemented by engine/wasmi (Rust); the struct and
 * the numbers here and there change together. An engine knows nothing of policies: it validates a
 * module again, runs exported functions without parameters under fuel, shows memory, and can set an
 * instance back to a kept state. Pointers that it returns belong to it; drop and close end them.
 * Not thread safe: one process, one thread, one engine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_ENGINE_H
#define WASM_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#define WASM_ENGINE_ABI 1

struct wasm_engine;
struct wasm_module;
struct wasm_instance;

/* What each function of the table returns. */
enum wasm_engine_result {
	WASM_ENGINE_RAN = 0,
	WASM_ENGINE_TRAP = 1,   /* the code trapped; the instance is good for nothing more */
	WASM_ENGINE_FUEL = 2,   /* the fuel was used up; likewise */
	WASM_ENGINE_FAILED = 3, /* not valid, not found, or not of the expected type */
};

struct wasm_engine_limits {
	uint64_t heap_bytes_max; /* of everything the engine allocates; above it the process dies */
	uint32_t stack_bytes_max; /* of values on the interpreter's stack */
	uint32_t recursion_max;   /* calls within calls */
};

struct wasm_engine_ops {
	const char *name; /* and version, as receipts state it */
	uint32_t abi;     /* WASM_ENGINE_ABI */
	int (*open)(const struct wasm_engine_limits *limits, struct wasm_engine **ret_engine);
	/* load validates and translates; on FAILED `text` says why, at most `text_cap` bytes. */
	int (*load)(struct wasm_engine *engine, const uint8_t *bytes, size_t len,
	            struct wasm_module **ret_module, char *text, size_t text_cap);
	/* spawn makes a new instance; no start function runs, imports do not exist. */
	int (*spawn)(struct wasm_module *module, struct wasm_instance **ret_instance);
	/* find looks up an exported function () -> () or () -> i32. */
	int (*find)(struct wasm_instance *instance, const char *name, uint32_t *ret_func);
	/* memory gives the export "memory"; it does not move while the module cannot grow it. */
	int (*memory)(struct wasm_instance *instance, uint8_t **ret_data, size_t *ret_len);
	/* call runs; `fuel` goes in as allowed and comes out as used; value 0 when none is
	 * returned; `ret_trap` is an engine's number (wasm_built.h). */
	int (*call)(struct wasm_instance *instance, uint32_t func, uint64_t *fuel,
	            uint32_t *ret_value, uint32_t *ret_trap);
	/* snapshot keeps memory and exported mutable globals, and says how many of these there are.
	 */
	int (*snapshot)(struct wasm_instance *instance, uint32_t *ret_globals);
	int (*restore)(struct wasm_instance *instance);
	void (*drop_instance)(struct wasm_instance *instance);
	void (*drop_module)(struct wasm_module *module);
	void (*close)(struct wasm_engine *engine);
	uint64_t (*heap_used)(void); /* bytes that live now */
};

/* The engine in use: wasmi 2.0.0 (engine/wasmi). */
extern const struct wasm_engine_ops wasm_engine_wasmi;

#endif
