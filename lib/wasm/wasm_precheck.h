/* wasm_precheck: does a module keep to the profile of policy modules? It may only refuse.
 *
 * For the verifier (before the engine sees a byte), the policy tools and lib/policy's host side.
 * Reads bytes that anybody wrote; owns nothing, allocates nothing, never reads outside them, and
 * takes time linear in their length. What it passes the engine validates again: this is a second
 * parser, so it never says yes alone. The profile in words: spec/wasm-profile.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_PRECHECK_H
#define WASM_PRECHECK_H

#include "base_bytes.h"
#include "base_limits.h"

/* Why a module is refused. X(NAME, "what the profile says") */
#define WASM_REFUSALS(X)                                                                           \
	X(NONE, "")                                                                                \
	X(SIZE, "a module has at most 262144 bytes")                                               \
	X(MAGIC, "a module begins 00 61 73 6d 01 00 00 00")                                        \
	X(TRUNCATED, "the bytes end in the middle of something")                                   \
	X(LEB, "a number is longer or larger than its type allows")                                \
	X(SECTION_ID, "sections are those of WebAssembly 1.0 and data count")                      \
	X(SECTION_ORDER, "sections come once each and in order")                                   \
	X(SECTION_LEN, "a section's length must match its contents")                               \
	X(NAME, "names are UTF-8 of at most 255 bytes")                                            \
	X(IMPORT, "a policy module imports nothing")                                               \
	X(START, "a policy module has no start function; use _initialize")                         \
	X(TYPE, "function types have at most 32 parameters and one result")                        \
	X(VALUE_TYPE, "values are i32 and i64: no floats, vectors or references")                  \
	X(FUNCTION_COUNT, "at most 1000 functions and 1000 types")                                 \
	X(TABLE, "at most one table, of functions, with at most 1024 entries")                     \
	X(MEMORY, "exactly one memory, its minimum equal to its maximum, 1 to 32 pages")           \
	X(GLOBAL, "at most 1000 globals, at most 64 of them mutable")                              \
	X(EXPORT,                                                                                  \
	  "exports are memory, policy_abi, policy_io, policy_check, policy_describe, and perhaps " \
	  "_initialize")                                                                           \
	X(EXPORT_TYPE, "policy_ functions take nothing and return i32")                            \
	X(EXPORT_MISSING, "an export that every policy has is missing")                            \
	X(ELEMENT, "element segments are active, of functions, and fit the table")                 \
	X(DATA, "data segments are active and fit the memory")                                     \
	X(DATA_COUNT, "the data count section must match the data section")                        \
	X(CONST, "initial values are constants")                                                   \
	X(INDEX, "an index names something that does not exist")                                   \
	X(CODE_COUNT, "there are as many bodies as functions")                                     \
	X(BODY_SIZE, "a function body has at most 65536 bytes")                                    \
	X(LOCALS, "a function has at most 1000 locals")                                            \
	X(NESTING, "blocks nest at most 1000 deep and end where their function ends")              \
	X(ALIGNMENT, "an access is aligned at most to its size")                                   \
	X(FLOAT, "a policy module uses no floating point")                                         \
	X(OPCODE,                                                                                  \
	  "instructions are the integer ones of WebAssembly 1.0, sign extension, memory.copy and " \
	  "memory.fill")                                                                           \
	X(PARAMETERS, "at most one claviger.parameters section, of 8192 bytes")                    \
	X(ENGINE, "the engine's validation refused it")                                            \
	X(START_UP, "_initialize, policy_abi or policy_io trapped or ran too long")                \
	X(ABI, "policy_abi must return 1")                                                         \
	X(AREA, "policy_io must name an 8-byte aligned area inside the memory")

enum wasm_refusal {
#define WASM_REFUSAL_ROW(name, text) WASM_REFUSAL_##name,
	WASM_REFUSALS(WASM_REFUSAL_ROW)
#undef WASM_REFUSAL_ROW
	    WASM_REFUSAL_COUNT
};

#define WASM_FUNCTIONS_MAX       1000
#define WASM_TYPES_MAX           1000
#define WASM_PARAMETERS_MAX      32 /* of one function */
#define WASM_TABLE_MAX           1024
#define WASM_PAGES_MAX           32
#define WASM_PAGE_BYTES          65536u
#define WASM_GLOBALS_MAX         1000
#define WASM_MUTABLE_GLOBALS_MAX 64
#define WASM_SEGMENTS_MAX        1000
#define WASM_BODY_MAX            65536
#define WASM_LOCALS_MAX          1000
#define WASM_NESTING_MAX         1000
#define WASM_NAME_MAX            255

/* Where something lies in the module's bytes. */
struct wasm_range {
	uint32_t off;
	uint32_t len;
};

struct wasm_error {
	enum wasm_refusal code;
	uint32_t where; /* byte offset in the module */
	char text[192]; /* for people: what, and what the profile says; NUL-terminated */
};

/* What the check found on its way; only meaningful when the module passed. */
struct wasm_summary {
	struct wasm_range parameters;     /* contents of claviger.parameters; len 0 when absent */
	struct wasm_range export_section; /* contents: count, then entries */
	struct wasm_range code_section;
	struct wasm_range data_section;
	uint32_t export_section_start; /* of its id byte */
	uint32_t export_count;
	uint32_t types;
	uint32_t functions;
	uint32_t memory_pages;
	uint32_t table_entries;
	uint32_t globals;
	uint32_t mutable_globals;
	uint16_t mutable_global[WASM_MUTABLE_GLOBALS_MAX]; /* their indexes */
	uint32_t data_segments;
	uint32_t instructions; /* static count */
	bool has_initialize;
};

/* wasm_precheck refuses (STATUS_REFUSED, `ret_error` filled) or passes a module. */
MUST_USE enum status wasm_precheck(struct bytes module, struct wasm_summary *ret_summary,
                                   struct wasm_error *ret_error);

/* wasm_precheck_known does the same for a module whose first `known` bytes begin a module that
 * passed: function bodies among them are not read again, and not counted in `instructions`. */
MUST_USE enum status wasm_precheck_known(struct bytes module, size_t known,
                                         struct wasm_summary *ret_summary,
                                         struct wasm_error *ret_error);

/* wasm_error_set fills an error with the code's text and, unless NULL, a detail. */
void wasm_error_set(struct wasm_error *ret_error, enum wasm_refusal code, uint32_t where,
                    const char *detail);

#endif
