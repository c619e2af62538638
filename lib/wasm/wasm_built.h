/* wasm_built: policy modules that this build ships, compiled ahead of time; inside lib/wasm only.
 *
 * tools/policy_compile.c writes a C file for each (evaluator, transfer, swap), and wasm_policy_load
 * uses it instead of the engine for a module whose code is byte for byte that of the build, with
 * the same data and at most one segment more: an intent's table. So all intents share one compiled
 * evaluator. The code keeps WebAssembly's rules: memory is compared with its end at every access,
 * traps are traps, fuel counts executed instructions, and calls cannot nest in circles.
 *
 * All modules run in one memory, one after the other. Every store, and everything that the host
 * writes (wasm_built_written), marks its block as changed; setting back goes over changed blocks
 * alone, and nothing else can have changed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_BUILT_H
#define WASM_BUILT_H

#include "wasm_precheck.h"

#define WASM_BUILT_PAGES   2
#define WASM_BUILT_BYTES   (WASM_BUILT_PAGES * 65536u)
#define WASM_BUILT_BLOCK   256u
#define WASM_BUILT_BLOCKS  (WASM_BUILT_BYTES / WASM_BUILT_BLOCK)
#define WASM_BUILT_GLOBALS 4

/* Why a run stopped; all but the first are wasmi's numbers (TrapCode, wasmi_core 2.0.0). */
#define WASM_BUILT_FUEL        0xffu
#define WASM_BUILT_UNREACHABLE 1u
#define WASM_BUILT_MEMORY      2u
#define WASM_BUILT_TABLE       3u
#define WASM_BUILT_EMPTY       4u
#define WASM_BUILT_DIVISION    5u
#define WASM_BUILT_OVERFLOW    6u
#define WASM_BUILT_NESTING     8u
#define WASM_BUILT_TYPE        9u

#define WASM_BUILT_DEPTH 1000u /* of functions that can come to call themselves */

struct wasm_built;

/* Bytes of a module's beginning, and where they lie in memory. */
struct wasm_built_segment {
	uint32_t off;
	uint32_t len;
	const uint8_t *bytes;
};

/* One module: a built one, and the segment that is its own (len 0: none). */
struct wasm_built_module {
	const struct wasm_built *built;
	struct wasm_built_segment own; /* its bytes are the caller's and outlive this */
	uint64_t id;                   /* no two modules have one: 0 is none */
};

struct wasm_built_memory {
	_Alignas(64) uint8_t bytes[WASM_BUILT_BYTES];
	uint8_t changed[WASM_BUILT_BLOCKS]; /* 1: differs, perhaps, from the module's beginning */
	uint64_t globals[WASM_BUILT_GLOBALS];
	int64_t fuel;                    /* what is left; below zero: used up */
	uint32_t depth;                  /* of calls, see WASM_BUILT_DEPTH */
	struct wasm_built_module holder; /* whose beginning it is, apart from what changed */
	uint32_t stopped;                /* why a run was ended: WASM_BUILT_*; 0: it was not */
};

enum wasm_built_entry {
	WASM_BUILT_INITIALIZE,
	WASM_BUILT_ABI,
	WASM_BUILT_IO,
	WASM_BUILT_CHECK,
	WASM_BUILT_DESCRIBE,
	WASM_BUILT_ENTRIES
};

/* What policy_compile makes of a module. */
struct wasm_built {
	const char *name;
	struct bytes head; /* from the module's first byte to the end of its code section */
	struct bytes data; /* segments, as in the data section */
	const struct wasm_built_segment *segments;
	uint32_t segment_count; /* below 128 */
	uint64_t globals[WASM_BUILT_GLOBALS];
	struct {
		void (*initialize)(struct wasm_built_memory *m); /* or NULL */
		uint32_t (*entries[WASM_BUILT_ENTRIES])(struct wasm_built_memory *m);
	} code;
};

extern const struct wasm_built wasm_built_evaluator, wasm_built_transfer, wasm_built_swap;

/* wasm_built_head gives how many of a module's first bytes are a built one's up to the end of its
 * code: policy_compile saw them pass the pre-check. 0: it begins otherwise. */
size_t wasm_built_head(struct bytes module);

/* wasm_built_find says whether the code of a module that passed the pre-check is built in, and
 * which segment is its own; that one's bytes lie in the module. The id is left 0, for the caller to
 * set. */
bool wasm_built_find(struct bytes module, const struct wasm_summary *summary,
                     struct wasm_built_module *ret_module);

/* wasm_built_fresh makes memory and globals those of the module's beginning. */
void wasm_built_fresh(struct wasm_built_memory *m, const struct wasm_built_module *module);

/* wasm_built_is_fresh says whether they still are, after fresh: blocks that were written are
 * compared. */
bool wasm_built_is_fresh(const struct wasm_built_memory *m, const struct wasm_built_module *module);

/* wasm_built_wrote marks what the host wrote. */
void wasm_built_wrote(struct wasm_built_memory *m, uint32_t at, uint32_t len);

/* wasm_built_run runs an entry: 0 when it returned, else WASM_BUILT_* . `fuel` goes in as allowed
 * and comes out as used. */
unsigned wasm_built_run(struct wasm_built_memory *m, const struct wasm_built_module *module,
                        enum wasm_built_entry entry, uint64_t *fuel, uint32_t *ret_value);

#endif
