/* fuzz_replay: runs a fuzzer's property without libFuzzer, so that `make test` replays every
 * corpus.
 *
 * usage: x_fuzz FILE.seeds [FILE...]   a .seeds file holds one input a line in hex, # starts a
 * comment; any other file is one input as it is (a found crash) Each seed is tried as it is, cut at
 * every length, and mutated FUZZ_MUTATIONS times in all with a fixed pseudo-random sequence, so
 * that a run is the same everywhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_INPUT_MAX 65536
#define FUZZ_SEEDS_MAX 4096
#define FUZZ_MUTATIONS 20000 /* in all, shared by the seeds */
#define FUZZ_PREFIXES  4096  /* for each seed at most */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct seed {
	uint8_t *data;
	size_t len;
} seeds[FUZZ_SEEDS_MAX];
static size_t seed_count;
static unsigned long run_count;

/* fuzz_try runs the property on an exact-size copy, so that sanitizers see any read past the end.
 */
static void fuzz_try(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	run_count++;
}

static void fuzz_add(const uint8_t *data, size_t len)
{
	if (seed_count == FUZZ_SEEDS_MAX)
		return;
	struct seed *s = &seeds[seed_count++];
	s->data = malloc(len ? len : 1);
	if (!s->data)
		abort();
	memcpy(s->data, data, len);
	s->len = len;
}

static int fuzz_nibble(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* fuzz_read_seeds takes the lines of a .seeds file; false when a line is not hex. */
static bool fuzz_read_seeds(FILE *file, const char *name)
{
	static uint8_t input[FUZZ_INPUT_MAX];
	size_t line = 1, len = 0;
	int high = -1, c;
	bool comment = false, any = false;
	while ((c = getc(file)) != EOF) {
		if (c == '\n') {
			if (high >= 0)
				break;
			if (any)
				fuzz_add(input, len);
			line++, len = 0, comment = any = false;
			continue;
		}
		comment = comment || c == '#';
		if (comment || c == ' ' || c == '\r')
			continue;
		int nibble = fuzz_nibble(c);
		if (nibble < 0 || len == sizeof input) {
			high = 0;
			break;
		}
		any = true;
		if (high < 0) {
			high = nibble;
		} else {
			input[len++] = (uint8_t)(high << 4 | nibble);
			high = -1;
		}
	}
	if (any && high < 0)
		fuzz_add(input, len);
	if (high >= 0)
		fprintf(stderr, "%s:%zu: not a line of hex bytes in lower case\n", name, line);
	return high < 0;
}

static bool fuzz_read_file(const char *name)
{
	static uint8_t input[FUZZ_INPUT_MAX];
	size_t name_len = strlen(name);
	FILE *file = fopen(name, "rb");
	if (!file) {
		fprintf(stderr, "%s: no such file; only made-up inputs are tried\n", name);
		return true;
	}
	bool ok = true;
	if (name_len > 6 && strcmp(name + name_len - 6, ".seeds") == 0)
		ok = fuzz_read_seeds(file, name);
	else
		fuzz_add(input, fread(input, 1, sizeof input, file));
	fclose(file);
	return ok;
}

static uint32_t fuzz_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

/* fuzz_mutate changes a copy of a seed one to four times: a byte, a bit, a cut, an insertion, a
 * tail. */
static size_t fuzz_mutate(uint8_t *data, size_t len, uint64_t *state)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x17, 0x18, 0x1b};
	for (uint32_t n = 1 + fuzz_next(state) % 4; n > 0; n--) {
		size_t at = len ? fuzz_next(state) % len : 0;
		uint32_t kind = fuzz_next(state) % 6;
		if (kind == 0 && len)
			data[at] = (uint8_t)fuzz_next(state);
		else if (kind == 1 && len)
			data[at] ^= (uint8_t)(1u << fuzz_next(state) % 8);
		else if (kind == 2 && len)
			data[at] = edges[fuzz_next(state) % sizeof edges];
		else if (kind == 3 && len)
			memmove(data + at, data + at + 1, --len - at);
		else if (kind == 4 && len < FUZZ_INPUT_MAX) {
			memmove(data + at + 1, data + at, len++ - at);
			data[at] = (uint8_t)fuzz_next(state);
		} else if (len < FUZZ_INPUT_MAX)
			data[len++] = (uint8_t)fuzz_next(state);
	}
	return len;
}

int main(int argc, char **argv)
{
	static uint8_t work[FUZZ_INPUT_MAX];
	uint64_t state = 1;
	bool ok = true;
	for (int i = 1; i < argc; i++)
		ok = fuzz_read_file(argv[i]) && ok;
	if (!ok)
		return 1;
	size_t given = seed_count;
	fuzz_add(work, 0);
	for (size_t i = 0; i < seed_count; i++) {
		fuzz_try(seeds[i].data, seeds[i].len);
		for (size_t len = 0; len < seeds[i].len && len < FUZZ_PREFIXES; len++)
			fuzz_try(seeds[i].data, len);
	}
	for (unsigned i = 0; i < FUZZ_MUTATIONS; i++) {
		struct seed *s = &seeds[i % seed_count];
		memcpy(work, s->data, s->len);
		fuzz_try(work, fuzz_mutate(work, s->len, &state));
	}
	printf("%zu seeds, %lu inputs\n", given, run_count);
	return 0;
}
