/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_out.h"

#include <inttypes.h>

#include "base_check.h"
#include "base_encode.h"
#include "cli_time.h"

#define VALUE_COLUMN 20 /* where values stand behind short names */

static bool in_array(const struct cli_out *out)
{
	return (out->arrays >> out->depth & 1) != 0;
}

static void begin_value(struct cli_out *out)
{
	if (out->comma && (!out->lines || in_array(out)))
		fputs(out->lines ? ", " : ",", out->file);
	else if (out->lines && out->depth > 0)
		fprintf(out->file, "%*s ", out->pad, "");
	out->comma = true;
	out->block = false;
}

/* end_value ends the line of what is no item of an array. */
static void end_value(struct cli_out *out)
{
	if (out->lines && !in_array(out))
		fputc('\n', out->file);
}

/* take_character decodes one UTF-8 sequence at *at and steps over it; U+FFFD for a bad byte. */
static uint32_t take_character(struct bytes text, size_t *at)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = text.data[(*at)++];
	size_t len = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
	uint32_t value = len == 1 ? first : first & (0x7fu >> len);

	if (len == 1)
		return first < 0x80 ? first : 0xfffd;
	if (len - 1 > text.len - *at)
		return 0xfffd;
	for (size_t i = 0; i < len - 1; i++) {
		uint8_t next = text.data[*at + i];

		if ((next & 0xc0) != 0x80)
			return 0xfffd;
		value = value << 6 | (next & 0x3f);
	}
	if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0xfffd;
	*at += len - 1;
	return value;
}

/* Characters that a terminal acts on or that hide or turn others around (Unicode: Cc, Cf). */
static bool is_active(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

static void put_character(FILE *file, uint32_t c, bool quoted)
{
	if (quoted && (c == '"' || c == '\\'))
		fprintf(file, "\\%c", (char)c);
	else if (c == '\n')
		fputs("\\n", file);
	else if (is_active(c) && c > 0xffff)
		fprintf(file, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	else if (is_active(c))
		fprintf(file, "\\u%04x", c);
	else if (c < 0x80)
		fputc((int)c, file);
	else if (c < 0x800)
		fprintf(file, "%c%c", (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)));
	else if (c < 0x10000)
		fprintf(file, "%c%c%c", (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
		        (char)(0x80 | (c & 0x3f)));
	else
		fprintf(file, "%c%c%c%c", (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
		        (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f)));
}

/* put_characters returns how many characters it wrote, escapes counted as one. */
static int put_characters(struct cli_out *out, struct bytes text)
{
	int count = 0;

	for (size_t at = 0; at < text.len; count++)
		put_character(out->file, take_character(text, &at), !out->lines);
	return count;
}

void cli_out_name(struct cli_out *out, const char *name)
{
	if (out->lines) {
		int indent = 2 * (int)(out->depth - 1);

		if (out->bullet)
			fprintf(out->file, "%*s- ", indent - 2, "");
		else
			fprintf(out->file, "%*s", indent, "");
		out->bullet = false;
		out->pad = VALUE_COLUMN - put_characters(out, bytes_of_text(name));
		if (out->pad < 0)
			out->pad = 0;
	} else {
		begin_value(out);
		fputc('"', out->file);
		put_characters(out, bytes_of_text(name));
		fputs("\":", out->file);
	}
	out->comma = false;
}

static void open_lines(struct cli_out *out, bool array)
{
	bool item = in_array(out);

	if (out->depth == 0 && out->again)
		fputc('\n', out->file);
	/* What a name's line ends with: the first item of an array, or an object itself. */
	if (!array && out->depth > 0 && (!item || !out->comma))
		fputc('\n', out->file);
	CHECK(out->depth < 31);
	out->depth++;
	out->arrays = (out->arrays & ~(1u << out->depth)) | (uint32_t)array << out->depth;
	out->bullet = item;
	out->again = false;
}

static void close_lines(struct cli_out *out, bool array)
{
	if (array && !out->comma)
		fprintf(out->file, "%*s none\n", out->pad, "");
	else if (array && !out->block)
		fputc('\n', out->file);
	CHECK(out->depth > 0);
	out->depth--;
	out->bullet = false;
	out->block = true;
}

void cli_out_open(struct cli_out *out, char bracket)
{
	if (out->lines) {
		open_lines(out, bracket == '[');
	} else {
		begin_value(out);
		fputc(bracket, out->file);
	}
	out->comma = false;
}

void cli_out_close(struct cli_out *out, char bracket)
{
	if (out->lines)
		close_lines(out, bracket == ']');
	else
		fputc(bracket, out->file);
	out->comma = true;
}

void cli_out_line(struct cli_out *out)
{
	if (!out->lines)
		fputc('\n', out->file);
	out->again = true;
	out->comma = false;
}

/* put_quoted writes what JSON puts into quotation marks. */
static void put_quoted(struct cli_out *out, struct bytes text)
{
	begin_value(out);
	if (!out->lines)
		fputc('"', out->file);
	put_characters(out, text);
	if (!out->lines)
		fputc('"', out->file);
	end_value(out);
}

void cli_out_text(struct cli_out *out, struct bytes text)
{
	put_quoted(out, out->lines && text.len == 0 ? bytes_of_text("-") : text);
}

void cli_out_number(struct cli_out *out, uint64_t number)
{
	begin_value(out);
	fprintf(out->file, "%" PRIu64, number);
	end_value(out);
}

void cli_out_decimal(struct cli_out *out, uint64_t number)
{
	begin_value(out);
	fprintf(out->file, out->lines ? "%" PRIu64 : "\"%" PRIu64 "\"", number);
	end_value(out);
}

void cli_out_time(struct cli_out *out, uint64_t time_s)
{
	char text[CLI_TIME_TEXT_MAX];

	if (!out->lines) {
		cli_out_number(out, time_s);
	} else if (time_s == 0) {
		cli_out_null(out);
	} else {
		cli_time_text(time_s, text);
		cli_out_text(out, bytes_of_text(text));
	}
}

void cli_out_seconds(struct cli_out *out, uint64_t seconds)
{
	begin_value(out);
	fprintf(out->file, out->lines ? "%" PRIu64 " s" : "%" PRIu64, seconds);
	end_value(out);
}

void cli_out_bool(struct cli_out *out, bool value)
{
	begin_value(out);
	if (out->lines)
		fputs(value ? "yes" : "no", out->file);
	else
		fputs(value ? "true" : "false", out->file);
	end_value(out);
}

void cli_out_null(struct cli_out *out)
{
	begin_value(out);
	fputs(out->lines ? "-" : "null", out->file);
	end_value(out);
}

void cli_out_hex(struct cli_out *out, struct bytes bytes)
{
	char text[HEX_LEN(64) + 1];

	begin_value(out);
	if (!out->lines)
		fputc('"', out->file);
	for (size_t at = 0; at < bytes.len; at += 64) {
		hex_encode(bytes_of(bytes.data + at, bytes.len - at < 64 ? bytes.len - at : 64),
		           text);
		fputs(text, out->file);
	}
	if (!out->lines)
		fputc('"', out->file);
	end_value(out);
}

void cli_out_base58(struct cli_out *out, struct bytes bytes)
{
	char text[BASE58_LEN(BASE58_BYTES_MAX) + 1];

	CHECK(base58_encode(bytes, text, sizeof(text)) == STATUS_OK);
	cli_out_text(out, bytes_of_text(text));
}

void cli_out_plain(FILE *file, struct bytes text)
{
	for (size_t at = 0; at < text.len;)
		put_character(file, take_character(text, &at), false);
}
