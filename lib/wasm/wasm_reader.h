/* wasm_reader: takes numbers and runs out of a module's bytes; inside lib/wasm only.
 *
 * Errors stick: after the first one every take returns zero and moves nothing, so a parser takes
 * what it needs and looks at `failed` where it loops. Never reads past `end`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_READER_H
#define WASM_READER_H

#include "wasm_precheck.h"

struct wasm_reader {
	const uint8_t *bytes; /* the whole module */
	uint32_t at;
	uint32_t end;
	bool failed;
	struct wasm_error *error;
};

/* wasm_fail notes the first error only. */
void wasm_fail(struct wasm_reader *r, enum wasm_refusal code, uint32_t where, const char *detail);
uint8_t wasm_take_byte(struct wasm_reader *r);
/* wasm_take_u32 and the signed ones take LEB128 as the standard bounds it (padding is allowed). */
uint32_t wasm_take_u32(struct wasm_reader *r);
void wasm_skip_s32(struct wasm_reader *r);
void wasm_skip_s64(struct wasm_reader *r);
/* wasm_take_i32 returns the 32 bits of a signed number. */
uint32_t wasm_take_i32(struct wasm_reader *r);
/* wasm_take_run moves over `len` bytes and returns where they begin. */
struct wasm_range wasm_take_run(struct wasm_reader *r, uint32_t len);
/* wasm_take_index takes a number below `count`. */
uint32_t wasm_take_index(struct wasm_reader *r, uint32_t count, const char *what);

#endif
