/* SPDX-License-Identifier: Apache-2.0 */
#include "log_line.h"

#include <time.h>
#include <unistd.h>

/* Room that the end of a line always has: a closing mark, brace and newline. */
#define TAIL_MAX 16

static const char *const level_names[LOG_LEVEL_COUNT] = {"debug", "info", "warn", "error"};

/* The only state: who speaks, and how much it spoke within this second. */
static struct {
	char process[LOG_PROCESS_MAX];
	enum log_level lowest;
	int64_t second;
	unsigned lines;
	unsigned left_out;
	int copy_fd; /* -1: none */
} state = {.process = "claviger", .lowest = LOG_INFO, .copy_fd = -1};

void log_open(const char *process, enum log_level lowest)
{
	snprintf(state.process, sizeof(state.process), "%s", process);
	state.lowest = lowest;
}

void log_copy(int fd)
{
	state.copy_fd = fd;
}

bool log_level_of(const char *name, enum log_level *ret_level)
{
	for (unsigned level = 0; level < LOG_LEVEL_COUNT; level++) {
		if (strcmp(name, level_names[level]) == 0) {
			*ret_level = (enum log_level)level;
			return true;
		}
	}
	return false;
}

static void put(struct log_line *line, const char *text, size_t len)
{
	if (line->cut || line->len + len > LOG_LINE_MAX - TAIL_MAX) {
		line->cut = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

static void put_text(struct log_line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_number(struct log_line *line, int64_t value)
{
	char digits[24];
	size_t at = sizeof(digits);
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) != 0);
	if (value < 0)
		digits[--at] = '-';
	put(line, digits + at, sizeof(digits) - at);
}

static void put_two(struct log_line *line, int value, char after)
{
	char text[3] = {(char)('0' + value / 10 % 10), (char)('0' + value % 10), after};

	put(line, text, after != '\0' ? 3 : 2);
}

/* Date of a day since 1970, by whole 400-year cycles that begin on 1 March of year 0. Not gmtime_r:
 * that reads the time zone's file, which a sandboxed process must not open. */
static void put_date(struct log_line *line, int64_t days)
{
	int64_t cycle = (days + 719468) / 146097, day = days + 719468 - cycle * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t in_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * in_year + 2) / 153; /* 0 is March */

	put_number(line, cycle * 400 + year + (month >= 10));
	put(line, "-", 1);
	put_two(line, (int)(month < 10 ? month + 3 : month - 9), '-');
	put_two(line, (int)(in_year - (153 * month + 2) / 5 + 1), 'T');
}

/* RFC 3339 in UTC with microseconds. */
static void put_time(struct log_line *line, const struct timespec *now)
{
	int64_t us = now->tv_nsec / 1000, second = now->tv_sec > 0 ? now->tv_sec : 0;

	put_date(line, second / 86400);
	put_two(line, (int)(second / 3600 % 24), ':');
	put_two(line, (int)(second / 60 % 60), ':');
	put_two(line, (int)(second % 60), '.');
	for (int64_t unit = 100000; unit > 0; unit /= 10) {
		char digit = (char)('0' + us / unit % 10);

		put(line, &digit, 1);
	}
	put(line, "Z", 1);
}

/* A flood of lines is how a hostile peer would fill the disk or stall us: drop, and count. */
static bool over_the_rate(const struct timespec *now)
{
	if (state.second != now->tv_sec) {
		state.second = now->tv_sec;
		state.lines = 0;
	}
	if (++state.lines <= LOG_LINES_PER_SECOND)
		return false;
	state.left_out++;
	return true;
}

static void put_key(struct log_line *line, const char *key)
{
	put(line, ",\"", 2);
	put_text(line, key);
	put(line, "\":", 2);
}

void log_begin_at(struct log_line *line, enum log_level level, const char *event,
                  const struct timespec *now)
{
	line->len = 0;
	line->cut = false;
	line->dropped = level < state.lowest;
	if (line->dropped)
		return;
	line->dropped = over_the_rate(now);
	put_text(line, "{\"time\":\"");
	put_time(line, now);
	put_text(line, "\",\"level\":\"");
	put_text(line, level_names[level < LOG_LEVEL_COUNT ? level : LOG_ERROR]);
	put(line, "\"", 1);
	log_text(line, "process", state.process);
	log_text(line, "event", event);
	if (state.left_out != 0 && !line->dropped) {
		log_number(line, "lines_left_out", state.left_out);
		state.left_out = 0;
	}
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	log_begin_at(line, level, event, &now);
}

static void put_escaped(struct log_line *line, uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
	char pair[2] = {'\\', (char)byte};

	if (byte == '"' || byte == '\\')
		put(line, pair, 2);
	else if (byte >= 0x20 && byte < 0x7f)
		put(line, &pair[1], 1);
	else
		put(line, text, 6);
}

void log_bytes(struct log_line *line, const char *key, struct bytes text)
{
	size_t before = line->len;

	if (line->dropped || line->cut)
		return;
	put_key(line, key);
	put(line, "\"", 1);
	if (line->cut) { /* not even the key fitted: nothing to close */
		line->len = before;
		return;
	}
	for (size_t i = 0; i < text.len && !line->cut; i++)
		put_escaped(line, text.data[i]);
	if (!line->cut)
		put(line, "\"", 1);
	if (line->cut) /* TAIL_MAX leaves the room */
		line->text[line->len++] = '"';
}

void log_text(struct log_line *line, const char *key, const char *value)
{
	log_bytes(line, key, bytes_of_text(value));
}

void log_hex(struct log_line *line, const char *key, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	char text[129];
	size_t len = bytes.len <= 64 ? bytes.len : 64;

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes.data[i] >> 4];
		text[2 * i + 1] = digits[bytes.data[i] & 15];
	}
	log_bytes(line, key, bytes_of(text, 2 * len));
}

/* A number or bool is there whole or not at all. */
static void put_whole(struct log_line *line, const char *key, const char *text, int64_t value)
{
	size_t before = line->len;

	if (line->dropped || line->cut)
		return;
	put_key(line, key);
	if (text != NULL)
		put_text(line, text);
	else
		put_number(line, value);
	if (line->cut)
		line->len = before;
}

void log_number(struct log_line *line, const char *key, int64_t value)
{
	put_whole(line, key, NULL, value);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
	put_whole(line, key, value ? "true" : "false", 0);
}

void log_end(struct log_line *line)
{
	static const char cut[] = ",\"cut\":true";
	ssize_t ignored;

	if (line->dropped)
		return;
	if (line->cut) {
		memcpy(line->text + line->len, cut, sizeof(cut) - 1);
		line->len += sizeof(cut) - 1;
	}
	line->text[line->len++] = '}';
	line->text[line->len++] = '\n';
	ignored = write(STDERR_FILENO, line->text, line->len);
	if (state.copy_fd >= 0)
		ignored = write(state.copy_fd, line->text, line->len);
	(void)ignored; /* nobody to tell */
}

void log_event(enum log_level level, const char *event)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_end(&line);
}
