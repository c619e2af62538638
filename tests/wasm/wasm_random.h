/* wasm_random: modules with random but valid code that keeps to the profile, for comparing engines.
 *
 * A seed gives one module, the same everywhere. The code is made so that it ends: loops count down,
 * calls go only to later functions. It may trap (division, unreachable, addresses outside). All
 * locals and globals are stored to memory at the end, so that memory holds the whole result. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_RANDOM_H
#define WASM_RANDOM_H

#include "base_bytes.h"

/* Where policy_io says that the area begins: nearly all of the two pages are it. */
#define WASM_RANDOM_AREA     64
#define WASM_RANDOM_AREA_LEN (131072 - WASM_RANDOM_AREA)

/* wasm_random_make returns the module of a seed; it lies in static memory until the next call. */
struct bytes wasm_random_make(uint64_t seed);

/* wasm_edges_make returns a module whose policy_check makes one access: a request is the address
 * (u32), which access (u32, one of WASM_EDGES) and the value to store (u64); the value loaded or
 * stored lies behind it. It belongs to the seed 0 of built_differ. */
#define WASM_EDGES 57
struct bytes wasm_edges_make(void);

/* wasm_bulk_make returns a module whose policy_check copies or fills: a request is which (u32, 1:
 * copy), the place it goes to, the place it comes from or the value, and the length (u32 each). The
 * seed 25 of built_differ. */
struct bytes wasm_bulk_make(void);

/* wasm_circle_make returns one whose policy_check calls a function that calls itself as often as
 * the request (u32) says: the seed 26. */
struct bytes wasm_circle_make(void);

/* wasm_start_make returns one whose _initialize stores a word at 5000 and changes a global: the
 * seed 27. */
struct bytes wasm_start_make(void);

/* wasm_random_next gives the next number of a sequence (splitmix64). */
uint64_t wasm_random_next(uint64_t *state);

#endif
