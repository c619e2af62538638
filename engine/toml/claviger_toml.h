/* claviger_toml: TOML to JSON, for the command line tool's parameter and configuration files.
 *
 * Implemented in Rust (engine/toml, crate toml). Integers keep 64 bits, signed or unsigned; dates
 * become strings. The caller owns all storage; nothing is kept. Input: a file that the person who
 * runs the tool named. Key order is the file's; a key given twice is an error. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLAVIGER_TOML_H
#define CLAVIGER_TOML_H

#include <stddef.h>
#include <stdint.h>

#define CLAVIGER_TOML_DONE      0
#define CLAVIGER_TOML_MALFORMED 1 /* the error says where and why */
#define CLAVIGER_TOML_TOO_LARGE 2 /* the JSON does not fit `cap` */

struct claviger_toml_error {
	uint32_t line;   /* from 1 */
	uint32_t column; /* from 1, in characters */
	char text[256];  /* UTF-8, one line */
};

/* claviger_toml_to_json writes NUL-terminated JSON (UTF-8) of `len` bytes of TOML; `cap` counts the
 * NUL, `ret_len` does not. On failure only `ret_error` is written. */
int claviger_toml_to_json(const char *text, size_t len, char *json, size_t cap, size_t *ret_len,
                          struct claviger_toml_error *ret_error);

#endif
