/* wasm_globals: makes a module's mutable globals visible to the engine; inside lib/wasm only.
 *
 * The engine can set back only what it can name, and policies export no globals. So the engine is
 * given the same bytes with one export more per mutable global ("g000" and so on, which no policy
 * can have). Nothing else changes; identity and hashes are those of the original bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WASM_GLOBALS_H
#define WASM_GLOBALS_H

#include "wasm_precheck.h"

/* wasm_globals_export appends the module to `ret_module`; the summary is wasm_precheck's. */
MUST_USE enum status wasm_globals_export(struct bytes module, const struct wasm_summary *summary,
                                         struct buffer *ret_module);

#endif
