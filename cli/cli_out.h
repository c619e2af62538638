/* cli_out: writes one value to a stream, as JSON, commas and escapes included, or as lines for
 * people: each member on a line of its own, those of an object in it below its name.
 *
 * Names and texts may come from outside and must be UTF-8 (what is not becomes U+FFFD). Control and
 * direction-changing characters are written as \u escapes, so that neither can play with a reader's
 * terminal. u64 that may pass 2^53 are written as decimal strings. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include <stdio.h>

#include "base_bytes.h"

struct cli_out {
	FILE *file;
	bool lines; /* for people; the outermost value is an object */
	bool comma; /* a value stands before the next one in the same object or array */
	/* Of lines alone. */
	unsigned depth;  /* of open objects and arrays, at most 31 */
	uint32_t arrays; /* bit n: the one of depth n is an array */
	bool block;      /* the value before ended its own lines */
	bool bullet;     /* the next name begins an object of an array */
	bool again;      /* an empty line goes before the next object */
	int pad;         /* from a name to its value's column */
};

/* cli_out_name writes a member's name; a value or an opening follows. */
void cli_out_name(struct cli_out *out, const char *name);
/* cli_out_open opens an object '{' or an array '['. */
void cli_out_open(struct cli_out *out, char bracket);
/* cli_out_close closes with '}' or ']'. */
void cli_out_close(struct cli_out *out, char bracket);
/* cli_out_line ends a top-level value with a line end; lines of the next one follow an empty one.
 */
void cli_out_line(struct cli_out *out);

void cli_out_text(struct cli_out *out, struct bytes text);
void cli_out_number(struct cli_out *out, uint64_t number);
/* cli_out_decimal writes a u64 as a string of digits. */
void cli_out_decimal(struct cli_out *out, uint64_t number);
/* cli_out_time writes seconds since 1970, for people as a date (zero: none), cli_out_seconds how
 * long something lasts. */
void cli_out_time(struct cli_out *out, uint64_t time_s);
void cli_out_seconds(struct cli_out *out, uint64_t seconds);
void cli_out_bool(struct cli_out *out, bool value);
void cli_out_null(struct cli_out *out);
void cli_out_hex(struct cli_out *out, struct bytes bytes);
/* cli_out_base58 writes at most BASE58_BYTES_MAX bytes. */
void cli_out_base58(struct cli_out *out, struct bytes bytes);

/* cli_out_plain writes text without anything around it and on one line, all that a terminal acts on
 * as escapes: what a server says goes this way, and passes for no other line. */
void cli_out_plain(FILE *file, struct bytes text);

#endif
