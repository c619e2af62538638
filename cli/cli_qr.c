/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_qr.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_MAX 9
#define WORDS_MAX   292
#define CHECKS_MAX  26
#define QUIET       4

/* Codewords in all, check codewords of each block, blocks: by version, level M. */
static const struct {
	unsigned total, checks, blocks;
} sizes[VERSION_MAX] = {
    {26,  10, 1},
    {44,  16, 1},
    {70,  26, 1},
    {100, 18, 2},
    {134, 24, 2},
    {172, 16, 4},
    {196, 18, 4},
    {242, 22, 4},
    {292, 22, 5},
};

/* Product in GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1. */
static uint8_t times(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (int bit = 7; bit >= 0; bit--) {
		product = (product << 1) ^ ((product >> 7) * 0x11d);
		product ^= ((b >> bit) & 1u) * a;
	}
	return (uint8_t)product;
}

/* The check codewords of a block: the remainder by the product of (x - 2^i). */
static void check_words(const uint8_t *data, size_t len, unsigned count,
                        uint8_t ret_checks[CHECKS_MAX])
{
	uint8_t divisor[CHECKS_MAX + 1] = {0}, root = 1;

	divisor[count - 1] = 1;
	for (unsigned i = 0; i < count; i++, root = times(root, 2))
		for (unsigned j = 0; j < count; j++)
			divisor[j] = times(divisor[j], root) ^ (j + 1 < count ? divisor[j + 1] : 0);
	memset(ret_checks, 0, CHECKS_MAX);
	for (size_t i = 0; i < len; i++) {
		uint8_t factor = data[i] ^ ret_checks[0];

		memmove(ret_checks, ret_checks + 1, count - 1);
		ret_checks[count - 1] = 0;
		for (unsigned j = 0; j < count; j++)
			ret_checks[j] ^= times(divisor[j], factor);
	}
}

/* All codewords in the order in which they are drawn. */
static void make_words(struct bytes text, unsigned version, uint8_t ret_words[WORDS_MAX])
{
	const unsigned checks = sizes[version - 1].checks, blocks = sizes[version - 1].blocks;
	const unsigned room = sizes[version - 1].total - checks * blocks;
	const unsigned len = room / blocks, shorter = blocks - room % blocks;
	uint8_t data[WORDS_MAX] = {0}, ends[5][CHECKS_MAX];
	size_t at = 0, out = 0;

	/* Mode, count, the bytes, end: each half a byte off. */
	data[0] = (uint8_t)(0x40 | text.len >> 4);
	data[1] = (uint8_t)((text.len & 15) << 4);
	for (at = 0; at < text.len; at++) {
		data[at + 1] |= text.data[at] >> 4;
		data[at + 2] = (uint8_t)(text.data[at] << 4);
	}
	at += 2;
	for (uint8_t pad = 0xec; at < room; pad ^= 0xec ^ 0x11)
		data[at++] = pad;
	for (unsigned i = 0; i < blocks; i++)
		check_words(data + i * len + (i > shorter ? i - shorter : 0), len + (i >= shorter),
		            checks, ends[i]);
	for (unsigned j = 0; j <= len; j++)
		for (unsigned i = j < len ? 0 : shorter; i < blocks; i++)
			ret_words[out++] = data[i * len + (i > shorter ? i - shorter : 0) + j];
	for (unsigned j = 0; j < checks; j++)
		for (unsigned i = 0; i < blocks; i++)
			ret_words[out++] = ends[i][j];
}

static void put(struct cli_qr *qr, int x, int y, bool dark)
{
	if (x < 0 || y < 0 || x >= qr->side || y >= qr->side)
		return;
	qr->dark[y][x] = dark;
	qr->fixed[y][x] = true;
}

static int ring(int dx, int dy)
{
	return abs(dx) > abs(dy) ? abs(dx) : abs(dy);
}

static void put_corners(struct cli_qr *qr, unsigned version)
{
	const int far = qr->side - 7, places[3] = {6, far, 6 + (far - 6) / 2};
	const int count = version == 1 ? 0 : version < 7 ? 2 : 3;
	const int centers[3][2] = {
	    {3,            3           },
            {qr->side - 4, 3           },
            {3,            qr->side - 4}
        };

	for (int i = 0; i < qr->side; i++) {
		put(qr, 6, i, i % 2 == 0);
		put(qr, i, 6, i % 2 == 0);
	}
	/* Along both ways from 6 to the far end; in the corners stand larger ones. */
	for (int n = 0; n < count * count; n++) {
		int x = places[n % count], y = places[n / count];
		bool corner = (x == 6 && (y == 6 || y == far)) || (x == far && y == 6);

		for (int i = 0; !corner && i < 25; i++)
			put(qr, x + i % 5 - 2, y + i / 5 - 2, ring(i % 5 - 2, i / 5 - 2) != 1);
	}
	for (size_t n = 0; n < 3; n++)
		for (int i = 0; i < 81; i++) {
			int at = ring(i % 9 - 4, i / 9 - 4);

			put(qr, centers[n][0] + i % 9 - 4, centers[n][1] + i / 9 - 4,
			    at != 2 && at != 4);
		}
}

/* A value and its remainder of `bits` bits. */
static unsigned bch(unsigned value, unsigned bits, unsigned generator)
{
	unsigned rest = value;

	for (unsigned i = 0; i < bits; i++)
		rest = (rest << 1) ^ ((rest >> (bits - 1)) * generator);
	return value << bits | rest;
}

static void put_format(struct cli_qr *qr, unsigned mask)
{
	unsigned bits = bch(mask, 10, 0x537) ^ 0x5412; /* level M is 00 */

	for (int i = 0; i < 15; i++) {
		bool dark = (bits >> i & 1) != 0;

		put(qr, 8, i < 6 ? i : i < 8 ? i + 1 : qr->side - 15 + i, dark);
		put(qr, i < 8 ? qr->side - 1 - i : i < 9 ? 7 : 14 - i, 8, dark);
	}
	put(qr, 8, qr->side - 8, true);
}

static void put_version(struct cli_qr *qr, unsigned version)
{
	unsigned bits = bch(version, 12, 0x1f25);

	for (int i = 0; version >= 7 && i < 18; i++) {
		put(qr, i / 3, qr->side - 11 + i % 3, (bits >> i & 1) != 0);
		put(qr, qr->side - 11 + i % 3, i / 3, (bits >> i & 1) != 0);
	}
}

/* Up and down in pairs of columns, from the right. */
static void put_words(struct cli_qr *qr, const uint8_t words[WORDS_MAX], size_t count)
{
	size_t bit = 0;
	bool up = true;

	for (int right = qr->side - 1; right > 0; right -= 2, up = !up) {
		if (right == 6)
			right--;
		for (int i = 0; i < 2 * qr->side; i++) {
			int x = right - i % 2, y = up ? qr->side - 1 - i / 2 : i / 2;

			if (qr->fixed[y][x])
				continue;
			qr->dark[y][x] =
			    bit < 8 * count && (words[bit / 8] >> (7 - bit % 8) & 1) != 0;
			bit++;
		}
	}
}

static bool is_masked(unsigned mask, int x, int y)
{
	switch (mask) {
	case 0:
		return (x + y) % 2 == 0;
	case 1:
		return y % 2 == 0;
	case 2:
		return x % 3 == 0;
	case 3:
		return (x + y) % 3 == 0;
	case 4:
		return (x / 3 + y / 2) % 2 == 0;
	case 5:
		return x * y % 2 + x * y % 3 == 0;
	case 6:
		return (x * y % 2 + x * y % 3) % 2 == 0;
	default:
		return ((x + y) % 2 + x * y % 3) % 2 == 0;
	}
}

static void flip(struct cli_qr *qr, unsigned mask)
{
	for (int y = 0; y < qr->side; y++)
		for (int x = 0; x < qr->side; x++)
			if (!qr->fixed[y][x] && is_masked(mask, x, y))
				qr->dark[y][x] = !qr->dark[y][x];
}

/* Runs of one colour, and what looks like a corner, in one line of modules. */
static unsigned line_penalty(const bool *line, int len)
{
	unsigned sum = 0, run = 0, last = 0;

	for (int i = 0; i < len; i++) {
		run = i > 0 && line[i] == line[i - 1] ? run + 1 : 1;
		sum += run == 5 ? 3 : run > 5;
		last = (last << 1 | line[i]) & 0x7ff;
		sum += i >= 10 && (last == 0x5d0 || last == 0x05d) ? 40 : 0;
	}
	return sum;
}

/* How hard it is to read. */
static unsigned penalty(const struct cli_qr *qr)
{
	const int side = qr->side;
	unsigned sum = 0;
	int count = 0;

	for (int i = 0; i < side; i++) {
		bool column[CLI_QR_SIDE_MAX];

		for (int j = 0; j < side; j++) {
			column[j] = qr->dark[j][i];
			count += qr->dark[i][j];
			if (i > 0 && j > 0 && qr->dark[i][j] == qr->dark[i - 1][j] &&
			    qr->dark[i][j] == qr->dark[i][j - 1] &&
			    qr->dark[i][j] == qr->dark[i - 1][j - 1])
				sum += 3;
		}
		sum += line_penalty(qr->dark[i], side) + line_penalty(column, side);
	}
	return sum + 10 * (unsigned)(abs(20 * count - 10 * side * side) / (side * side));
}

enum status cli_qr_make(struct bytes text, struct cli_qr *ret_qr)
{
	uint8_t words[WORDS_MAX];
	unsigned version = 1, best = 0, least = UINT32_MAX;

	while (version <= VERSION_MAX &&
	       text.len + 2 >
	           sizes[version - 1].total - sizes[version - 1].checks * sizes[version - 1].blocks)
		version++;
	if (version > VERSION_MAX)
		return STATUS_TOO_LARGE;
	*ret_qr = (struct cli_qr){.side = 17 + 4 * (int)version};
	make_words(text, version, words);
	put_corners(ret_qr, version);
	put_format(ret_qr, 0);
	put_version(ret_qr, version);
	put_words(ret_qr, words, sizes[version - 1].total);
	for (unsigned mask = 0; mask < 8; mask++) {
		unsigned found;

		flip(ret_qr, mask);
		put_format(ret_qr, mask);
		found = penalty(ret_qr);
		flip(ret_qr, mask);
		if (found < least) {
			best = mask;
			least = found;
		}
	}
	flip(ret_qr, best);
	put_format(ret_qr, best);
	return STATUS_OK;
}

static bool is_dark(const struct cli_qr *qr, int x, int y)
{
	return x >= 0 && y >= 0 && x < qr->side && y < qr->side && qr->dark[y][x];
}

void cli_qr_print(const struct cli_qr *qr, FILE *file)
{
	static const char *const halves[4] = {" ", "\u2584", "\u2580", "\u2588"}; /* lower, upper */

	for (int y = -QUIET; y < qr->side + QUIET; y += 2) {
		fputs("\033[30;107m", file);
		for (int x = -QUIET; x < qr->side + QUIET; x++)
			fputs(halves[2 * is_dark(qr, x, y) + is_dark(qr, x, y + 1)], file);
		fputs("\033[0m\n", file);
	}
}
