/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base58_alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* digit_of finds the value of a character in an alphabet of `count`, or -1. */
static int digit_of(const char *alphabet, size_t count, uint8_t character)
{
	const char *found = memchr(alphabet, character, count);
	return found == NULL ? -1 : (int)(found - alphabet);
}

void hex_encode(struct bytes bytes, char *text)
{
	for (size_t i = 0; i < bytes.len; i++) {
		text[2 * i] = hex_digits[bytes.data[i] >> 4];
		text[2 * i + 1] = hex_digits[bytes.data[i] & 15];
	}
	text[2 * bytes.len] = '\0';
}

static int hex_digit(uint8_t character)
{
	if (character >= 'A' && character <= 'F')
		character = (uint8_t)(character - 'A' + 'a');
	return digit_of(hex_digits, 16, character);
}

enum status hex_decode(struct bytes text, struct buffer *ret_bytes)
{
	size_t start = ret_bytes->len;

	if (text.len % 2 != 0)
		return STATUS_MALFORMED;
	if (text.len / 2 > ret_bytes->cap - start)
		return STATUS_TOO_LARGE;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);

		if (high < 0 || low < 0)
			return STATUS_MALFORMED;
		ret_bytes->data[start + i / 2] = (uint8_t)(high << 4 | low);
	}
	ret_bytes->len = start + text.len / 2;
	return STATUS_OK;
}

enum status base58_encode(struct bytes bytes, char *text, size_t cap)
{
	uint8_t digits[BASE58_LEN(BASE58_BYTES_MAX)];
	size_t count = 0, zeros = 0;

	if (bytes.len > BASE58_BYTES_MAX)
		return STATUS_TOO_LARGE;
	while (zeros < bytes.len && bytes.data[zeros] == 0)
		zeros++;
	for (size_t i = zeros; i < bytes.len; i++) {
		unsigned carry = bytes.data[i];

		for (size_t j = 0; j < count; j++) {
			carry += (unsigned)digits[j] << 8;
			digits[j] = (uint8_t)(carry % 58);
			carry /= 58;
		}
		for (; carry != 0; carry /= 58)
			digits[count++] = (uint8_t)(carry % 58);
	}
	if (zeros + count + 1 > cap)
		return STATUS_TOO_LARGE;
	memset(text, '1', zeros);
	for (size_t j = 0; j < count; j++)
		text[zeros + j] = base58_alphabet[digits[count - 1 - j]];
	text[zeros + count] = '\0';
	return STATUS_OK;
}

enum status base58_decode(struct bytes text, struct buffer *ret_bytes)
{
	uint8_t little[BASE58_BYTES_MAX];
	size_t count = 0, zeros = 0;

	if (text.len > BASE58_LEN(BASE58_BYTES_MAX))
		return STATUS_TOO_LARGE;
	while (zeros < text.len && text.data[zeros] == '1')
		zeros++;
	for (size_t i = zeros; i < text.len; i++) {
		int digit = digit_of(base58_alphabet, 58, text.data[i]);
		unsigned carry;

		if (digit < 0)
			return STATUS_MALFORMED;
		carry = (unsigned)digit;
		for (size_t j = 0; j < count; j++) {
			carry += 58u * little[j];
			little[j] = (uint8_t)carry;
			carry >>= 8;
		}
		for (; carry != 0; carry >>= 8) {
			if (count == sizeof(little))
				return STATUS_TOO_LARGE;
			little[count++] = (uint8_t)carry;
		}
	}
	if (zeros + count > ret_bytes->cap - ret_bytes->len)
		return STATUS_TOO_LARGE;
	memset(ret_bytes->data + ret_bytes->len, 0, zeros);
	for (size_t j = 0; j < count; j++)
		ret_bytes->data[ret_bytes->len + zeros + j] = little[count - 1 - j];
	ret_bytes->len += zeros + count;
	return STATUS_OK;
}

enum status base58_decode_32(struct bytes text, uint8_t ret_bytes[32])
{
	uint8_t space[BASE58_BYTES_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	enum status status = base58_decode(text, &out);

	if (status != STATUS_OK)
		return status;
	if (out.len != 32)
		return STATUS_MALFORMED;
	memcpy(ret_bytes, space, 32);
	return STATUS_OK;
}

void base64_encode(struct bytes bytes, char *text)
{
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		uint32_t group = (uint32_t)bytes.data[i] << 16;

		group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
		group |= left > 2 ? bytes.data[i + 2] : 0;
		*text++ = base64_alphabet[group >> 18];
		*text++ = base64_alphabet[group >> 12 & 63];
		*text++ = left > 1 ? base64_alphabet[group >> 6 & 63] : '=';
		*text++ = left > 2 ? base64_alphabet[group & 63] : '=';
	}
	*text = '\0';
}

/* Values of '+' to 'z', -1 for what is not in the alphabet: looking a character up by search was
 * among the largest costs of a request. */
static const int8_t base64_values[] = {
    62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1, -1, -1, -1, -1,
    -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,
    18, 19, 20, 21, 22, 23, 24, 25, -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,
};

static int base64_value(uint8_t character)
{
	unsigned at = (unsigned)character - '+';

	return at < sizeof(base64_values) ? base64_values[at] : -1;
}

/* base64_quad decodes four characters of which none is padding; negative when one is wrong. */
static int32_t base64_quad(const uint8_t text[4])
{
	int a = base64_value(text[0]), b = base64_value(text[1]);
	int c = base64_value(text[2]), d = base64_value(text[3]);

	if ((a | b | c | d) < 0)
		return -1;
	return a << 18 | b << 12 | c << 6 | d;
}

enum status base64_decode(struct bytes text, struct buffer *ret_bytes)
{
	size_t pad = 0, len, at = ret_bytes->len;

	if (text.len % 4 != 0)
		return STATUS_MALFORMED;
	while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=')
		pad++;
	len = text.len / 4 * 3 - pad;
	if (len > ret_bytes->cap - at)
		return STATUS_TOO_LARGE;
	for (size_t i = 0; i < text.len; i += 4) {
		size_t holes = i + 4 == text.len ? pad : 0;
		uint32_t group = 0;
		int32_t quad = holes == 0 ? base64_quad(text.data + i) : 0;

		if (quad < 0)
			return STATUS_MALFORMED;
		if (holes == 0) {
			ret_bytes->data[at++] = (uint8_t)(quad >> 16);
			ret_bytes->data[at++] = (uint8_t)(quad >> 8);
			ret_bytes->data[at++] = (uint8_t)quad;
			continue;
		}
		for (size_t j = 0; j < 4; j++) {
			int digit = j + holes < 4 ? base64_value(text.data[i + j]) : 0;

			if (digit < 0)
				return STATUS_MALFORMED;
			group = group << 6 | (uint32_t)digit;
		}
		/* One value has one text: bits below the last byte must be zero. */
		if ((group & ((UINT32_C(1) << 8 * holes) - 1)) != 0)
			return STATUS_MALFORMED;
		for (size_t j = 0; j < 3 - holes; j++)
			ret_bytes->data[at++] = (uint8_t)(group >> (16 - 8 * j));
	}
	ret_bytes->len = at;
	return STATUS_OK;
}
