/* cli_out: writes one JSON value to a stream, commas and escapes included.
 *
 * Names are our own literals; texts may come from outside and must be UTF-8 (what is not becomes
 * U+FFFD). Control and direction-changing characters are written as \u escapes, so that no text
 * can play with a reader's terminal. u64 that may pass 2^53 are written as decimal strings. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdio.h>

#include "base_bytes.h"

struct cli_out {
	FILE *file;
	bool comma; /* a value stands before the next one in the same object or array */
};

/* cli_out_name writes a member's name; a value or an opening follows. */
void cli_out_name(struct cli_out *out, const char *name);
/* cli_out_open opens an object '{' or an array '['. */
void cli_out_open(struct cli_out *out, char bracket);
/* cli_out_close closes with '}' or ']'. */
void cli_out_close(struct cli_out *out, char bracket);
/* cli_out_line ends a top-level value with a line end. */
void cli_out_line(struct cli_out *out);

void cli_out_text(struct cli_out *out, struct bytes text);
void cli_out_number(struct cli_out *out, uint64_t number);
/* cli_out_decimal writes a u64 as a string of digits. */
void cli_out_decimal(struct cli_out *out, uint64_t number);
void cli_out_bool(struct cli_out *out, bool value);
void cli_out_null(struct cli_out *out);
void cli_out_hex(struct cli_out *out, struct bytes bytes);
/* cli_out_base58 writes at most BASE58_BYTES_MAX bytes. */
void cli_out_base58(struct cli_out *out, struct bytes bytes);

#endif
