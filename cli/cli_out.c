/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_out.h"

#include <inttypes.h>

#include "base_check.h"
#include "base_encode.h"

static void begin_value(struct cli_out *out)
{
	if (out->comma)
		fputc(',', out->file);
	out->comma = true;
}

void cli_out_name(struct cli_out *out, const char *name)
{
	begin_value(out);
	fprintf(out->file, "\"%s\":", name);
	out->comma = false;
}

void cli_out_open(struct cli_out *out, char bracket)
{
	begin_value(out);
	fputc(bracket, out->file);
	out->comma = false;
}

void cli_out_close(struct cli_out *out, char bracket)
{
	fputc(bracket, out->file);
	out->comma = true;
}

void cli_out_line(struct cli_out *out)
{
	fputc('\n', out->file);
	out->comma = false;
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

static void put_character(FILE *file, uint32_t c)
{
	if (c == '"' || c == '\\')
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

void cli_out_text(struct cli_out *out, struct bytes text)
{
	begin_value(out);
	fputc('"', out->file);
	for (size_t at = 0; at < text.len;)
		put_character(out->file, take_character(text, &at));
	fputc('"', out->file);
}

void cli_out_number(struct cli_out *out, uint64_t number)
{
	begin_value(out);
	fprintf(out->file, "%" PRIu64, number);
}

void cli_out_decimal(struct cli_out *out, uint64_t number)
{
	begin_value(out);
	fprintf(out->file, "\"%" PRIu64 "\"", number);
}

void cli_out_bool(struct cli_out *out, bool value)
{
	begin_value(out);
	fputs(value ? "true" : "false", out->file);
}

void cli_out_null(struct cli_out *out)
{
	begin_value(out);
	fputs("null", out->file);
}

void cli_out_hex(struct cli_out *out, struct bytes bytes)
{
	char text[HEX_LEN(64) + 1];

	begin_value(out);
	fputc('"', out->file);
	for (size_t at = 0; at < bytes.len; at += 64) {
		hex_encode(bytes_of(bytes.data + at, bytes.len - at < 64 ? bytes.len - at : 64),
		           text);
		fputs(text, out->file);
	}
	fputc('"', out->file);
}

void cli_out_base58(struct cli_out *out, struct bytes bytes)
{
	char text[BASE58_LEN(BASE58_BYTES_MAX) + 1];

	CHECK(base58_encode(bytes, text, sizeof(text)) == STATUS_OK);
	begin_value(out);
	fprintf(out->file, "\"%s\"", text);
}
