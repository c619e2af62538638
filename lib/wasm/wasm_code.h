/* wasm_code: walks function bodies for wasm_precheck; inside lib/wasm only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_CODE_H
#define WASM_CODE_H

#include "wasm_reader.h"

/* wasm_check_body reads one body, whose end is the reader's end; `parameters` are the function's.
 */
void wasm_check_body(struct wasm_reader *r, struct wasm_summary *summary, uint32_t parameters);

#endif
