/* claviger_toml: TOML to JSON, for the command line tool's parameter and configuration files, and
 * to a tree with places, for intents.
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

/* One value of a tree. Node 0 is the file's table; children follow by `first` and `next` in the
 * order of the file (0: none). */
struct claviger_toml_node {
	uint32_t kind; /* CLAVIGER_TOML_TABLE and so on */
	uint32_t at;   /* where the value stands: byte offset in the file */
	uint32_t key_off, key_len;
	uint32_t text_off, text_len; /* strings */
	uint32_t first, next;
	uint64_t number; /* integers and booleans */
};

#define CLAVIGER_TOML_TABLE   1u
#define CLAVIGER_TOML_ARRAY   2u
#define CLAVIGER_TOML_STRING  3u
#define CLAVIGER_TOML_INTEGER 4u /* 0 to 2^64-1 */
#define CLAVIGER_TOML_BOOL    5u
#define CLAVIGER_TOML_OTHER   6u /* negative numbers, floats, dates */

/* claviger_toml_tree parses into `nodes` (at most `node_cap`) and puts keys and strings into `pool`
 * (at most `pool_cap` bytes, no NULs added); on failure only `ret_error` is written. */
int claviger_toml_tree(const char *text, size_t len, struct claviger_toml_node *nodes,
                       size_t node_cap, size_t *ret_node_count, char *pool, size_t pool_cap,
                       size_t *ret_pool_len, struct claviger_toml_error *ret_error);

#endif
