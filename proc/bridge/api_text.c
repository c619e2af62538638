/* SPDX-License-Identifier: Apache-2.0 */
#include "api_text.h"

#include "base_encode.h"

struct api_text text_begin(struct buffer *out)
{
	return (struct api_text){out, false};
}

static void put_bytes(struct api_text *text, struct bytes bytes)
{
	if (!text->failed && buffer_put(text->out, bytes) != STATUS_OK)
		text->failed = true;
}

void text_put(struct api_text *text, const char *literal)
{
	put_bytes(text, bytes_of_text(literal));
}

/* utf8_len returns the length of the well-formed UTF-8 character at the start of `s`, else 0
 * (Unicode 15, table 3-7). */
static size_t utf8_len(const uint8_t *s, size_t len)
{
	static const uint8_t first_low[] = {0xc2, 0xe0, 0xe1, 0xed, 0xee, 0xf0, 0xf1, 0xf4, 0xf5};
	static const uint8_t count[] = {2, 3, 3, 3, 3, 4, 4, 4};
	static const uint8_t second_low[] = {0x80, 0xa0, 0x80, 0x80, 0x80, 0x90, 0x80, 0x80};
	static const uint8_t second_high[] = {0xbf, 0xbf, 0xbf, 0x9f, 0xbf, 0xbf, 0xbf, 0x8f};

	if (s[0] < 0x80)
		return 1;
	for (size_t row = 0; row < sizeof(count); row++) {
		if (s[0] < first_low[row] || s[0] >= first_low[row + 1])
			continue;
		if (len < count[row] || s[1] < second_low[row] || s[1] > second_high[row])
			return 0;
		for (size_t i = 2; i < count[row]; i++)
			if ((s[i] & 0xc0) != 0x80)
				return 0;
		return count[row];
	}
	return 0;
}

static void put_escaped(struct api_text *text, uint8_t c)
{
	char escaped[8];

	if (c == '"' || c == '\\') {
		escaped[0] = '\\';
		escaped[1] = (char)c;
		put_bytes(text, bytes_of(escaped, 2));
		return;
	}
	snprintf(escaped, sizeof(escaped), "\\u%04x", c);
	put_bytes(text, bytes_of(escaped, 6));
}

void text_put_string(struct api_text *text, struct bytes string)
{
	size_t at = 0, plain = 0;

	text_put(text, "\"");
	while (at < string.len) {
		uint8_t c = string.data[at];
		size_t len = utf8_len(string.data + at, string.len - at);

		if (len != 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			at += len;
			continue;
		}
		put_bytes(text, bytes_of(string.data + plain, at - plain));
		put_escaped(text, len == 0 ? '?' : c);
		plain = ++at;
	}
	if (at > plain)
		put_bytes(text, bytes_of(string.data + plain, at - plain));
	text_put(text, "\"");
}

void text_put_u64(struct api_text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	put_bytes(text, bytes_of(digits + at, sizeof(digits) - at));
}

void text_put_u64_string(struct api_text *text, uint64_t number)
{
	text_put(text, "\"");
	text_put_u64(text, number);
	text_put(text, "\"");
}

void text_put_bool(struct api_text *text, bool value)
{
	text_put(text, value ? "true" : "false");
}

/* room returns a place for `len` characters and a NUL, or NULL when there is none. */
static char *room(struct api_text *text, size_t len)
{
	if (text->failed || text->out->cap - text->out->len < len + 1) {
		text->failed = true;
		return NULL;
	}
	return (char *)text->out->data + text->out->len;
}

void text_put_hex(struct api_text *text, struct bytes bytes)
{
	char *at;

	text_put(text, "\"");
	at = room(text, HEX_LEN(bytes.len));
	if (at != NULL) {
		hex_encode(bytes, at);
		text->out->len += HEX_LEN(bytes.len);
	}
	text_put(text, "\"");
}

void text_put_base64_bare(struct api_text *text, struct bytes bytes)
{
	char *at = room(text, BASE64_LEN(bytes.len));

	if (at != NULL) {
		base64_encode(bytes, at);
		text->out->len += BASE64_LEN(bytes.len);
	}
}

void text_put_base64(struct api_text *text, struct bytes bytes)
{
	text_put(text, "\"");
	text_put_base64_bare(text, bytes);
	text_put(text, "\"");
}

void text_put_base58(struct api_text *text, struct bytes bytes)
{
	char encoded[BASE58_LEN(BASE58_BYTES_MAX) + 1];

	if (base58_encode(bytes, encoded, sizeof(encoded)) != STATUS_OK) {
		text->failed = true;
		return;
	}
	text_put(text, "\"");
	text_put(text, encoded);
	text_put(text, "\"");
}

enum status text_end(const struct api_text *text)
{
	return text->failed ? STATUS_TOO_LARGE : STATUS_OK;
}
