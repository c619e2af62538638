/* log_line: one event, one line of JSON on standard error.
 *
 *   struct log_line line;
 *   log_begin(&line, LOG_WARN, "peer.ended");
 *   log_text(&line, "peer", "verifier");
 *   log_number(&line, "generation", 3);
 *   log_end(&line);
 * writes {"time":"2026-11-22T17:00:00.123456Z","level":"warn","process":"signer",
 * "event":"peer.ended","peer":"verifier","generation":3}.
 *
 * Used by proc/ only: library code returns a status and its caller decides what to say. No
 * allocation, one write(2) a line and descriptor, never longer than LOG_LINE_MAX (a value that does
 * not fit is cut and marked), never more than LOG_LINES_PER_SECOND (the next line says how many
 * were left out). Values are escaped; no function takes a secret type, and none may be handed in as
 * text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base_bytes.h"

#define LOG_LINE_MAX         1024
#define LOG_LINES_PER_SECOND 200
#define LOG_PROCESS_MAX      24

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVEL_COUNT };

struct log_line {
	char text[LOG_LINE_MAX + 1];
	size_t len;
	bool cut;
	bool dropped;
};

/* log_open names this process in every line and sets the lowest level that is written. `process` is
 * copied. Before log_open the name is "claviger" and the level LOG_INFO. */
void log_open(const char *process, enum log_level lowest);

/* log_copy has each line written to this descriptor, too: a pipe that never blocks, out of which
 * the bridge keeps the latest lines for operators. What it has no room for is only on standard
 * error. */
void log_copy(int fd);

/* log_begin starts a line; `event` is a constant like "sandbox.entered". */
void log_begin(struct log_line *line, enum log_level level, const char *event);

/* log_begin_at is log_begin with a time of the caller's. */
void log_begin_at(struct log_line *line, enum log_level level, const char *event,
                  const struct timespec *now);

/* log_text and its like add one value; `key` is a constant of lower-case letters and _. Bytes that
 * are not printable ASCII are written as \u00XX. */
void log_text(struct log_line *line, const char *key, const char *value);
void log_bytes(struct log_line *line, const char *key, struct bytes text);
void log_hex(struct log_line *line, const char *key, struct bytes bytes);
void log_number(struct log_line *line, const char *key, int64_t value);
void log_bool(struct log_line *line, const char *key, bool value);

/* log_end writes the line. */
void log_end(struct log_line *line);

/* log_event writes a line without values. */
void log_event(enum log_level level, const char *event);

/* log_level_of finds a level by name ("info"); false when there is none of that name. */
bool log_level_of(const char *name, enum log_level *ret_level);

#endif
