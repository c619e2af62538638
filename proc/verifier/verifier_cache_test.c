/* verifier_cache: hashes that begin alike, around the index's last and first slot, while the oldest
 * module goes again and again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier_cache.h"

#include <stdio.h>

#include "base_check.h"
#include "base_test.h"

#define ALIKE  40 /* of the modules: their hashes begin at one of four slots in a row */
#define ROUNDS 300

#define LAST_SLOT (VERIFIER_INDEX_SIZE - 1)

static struct verifier_cache cache, drawn;
static uint8_t space[LIMIT_MODULE_MAX];
static struct bytes module;
/* What must be loaded: the first ALIKE begin alike. */
static uint8_t hashes[VERIFIER_MODULES_MAX][SHA256_LEN];
static uint32_t made;

/* A hash that no other is: under the key that main sets it begins at a slot of its own choice. */
static void make_hash(uint8_t hash[SHA256_LEN], bool alike)
{
	static const uint32_t slots[] = {LAST_SLOT - 1, LAST_SLOT, 0, 1};
	uint8_t number[8];
	uint32_t first;

	store_le64(number, ++made);
	sha256_of(bytes_of(number, sizeof(number)), hash);
	first = load_le32(hash) / VERIFIER_INDEX_SIZE * VERIFIER_INDEX_SIZE;
	if (alike) {
		store_le64(number, first + slots[made % 4]);
		memcpy(hash, number, 4);
	}
}

/* A25: hashes that an author made begin alike do not under a key that he does not know. */
static void test_nobody_chooses_where_a_search_begins(void)
{
	unsigned run = 0, longest = 0;

	CHECK(verifier_cache_open(&drawn, WASM_HEAP_DEFAULT) == STATUS_OK);
	for (size_t i = 0; i < ALIKE; i++) {
		struct verifier_module *loaded = NULL;
		struct wasm_error error;
		uint8_t hash[SHA256_LEN];

		make_hash(hash, true);
		EXPECT(verifier_cache_load(&drawn, hash, module, &loaded, &error) == STATUS_OK);
	}
	EXPECT(verifier_cache_count(&drawn) == ALIKE);
	for (size_t i = 0; i < VERIFIER_INDEX_SIZE; i++) {
		run = drawn.index[i] != 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	EXPECT(longest < 4);
}

static void load(const uint8_t hash[SHA256_LEN])
{
	struct verifier_module *loaded = NULL;
	struct wasm_error error;

	EXPECT(verifier_cache_load(&cache, hash, module, &loaded, &error) == STATUS_OK);
	EXPECT(loaded != NULL && memcmp(loaded->hash, hash, SHA256_LEN) == 0);
}

/* Asks for all but one, which so becomes the oldest; says how many were found as themselves. */
static unsigned use_all_but(size_t victim)
{
	unsigned found = 0;

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		struct verifier_module *m;

		if (i == victim)
			continue;
		m = verifier_cache_find(&cache, hashes[i]);
		found += m != NULL && memcmp(m->hash, hashes[i], SHA256_LEN) == 0;
	}
	return found;
}

static unsigned slots_taken(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < VERIFIER_INDEX_SIZE; i++)
		count += cache.index[i] != 0;
	return count;
}

/* P9: of hashes that begin alike whichever goes, every other is still found, across the end of the
 * index too, and the one that went is not. */
static void test_hashes_that_begin_alike_are_found_whichever_goes(void)
{
	uint8_t gone[SHA256_LEN];

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		make_hash(hashes[i], i < ALIKE);
		load(hashes[i]);
	}
	EXPECT(verifier_cache_count(&cache) == VERIFIER_MODULES_MAX);
	EXPECT(slots_taken() == VERIFIER_MODULES_MAX);
	/* The run goes over the end of the index. */
	EXPECT(cache.index[LAST_SLOT - 1] != 0 && cache.index[LAST_SLOT] != 0 &&
	       cache.index[0] != 0);
	for (unsigned n = 0; n < ROUNDS; n++) {
		/* Mostly one of those alike, from the middle of their run; now and then another. */
		size_t victim = n % 5 == 4 ? ALIKE + n : (n * 7) % ALIKE;

		EXPECT(use_all_but(victim) == VERIFIER_MODULES_MAX - 1);
		memcpy(gone, hashes[victim], sizeof(gone));
		make_hash(hashes[victim], victim < ALIKE);
		load(hashes[victim]);
		EXPECT(verifier_cache_find(&cache, gone) == NULL);
		EXPECT(verifier_cache_count(&cache) == VERIFIER_MODULES_MAX);
		EXPECT(slots_taken() == VERIFIER_MODULES_MAX);
	}
	EXPECT(use_all_but(VERIFIER_MODULES_MAX) == VERIFIER_MODULES_MAX);
}

/* A module that is refused takes no place from the index, and the oldest one's is free for the
 * next. */
static void test_a_refused_module_leaves_no_trace(void)
{
	struct verifier_module *loaded = NULL;
	struct wasm_error error;
	uint8_t bad[SHA256_LEN];

	make_hash(bad, true);
	EXPECT(use_all_but(3) == VERIFIER_MODULES_MAX - 1);
	EXPECT(verifier_cache_load(&cache, bad, bytes_of(space, 7), &loaded, &error) ==
	       STATUS_REFUSED);
	EXPECT(loaded == NULL && verifier_cache_find(&cache, bad) == NULL);
	EXPECT(verifier_cache_find(&cache, hashes[3]) == NULL);
	EXPECT(verifier_cache_count(&cache) == VERIFIER_MODULES_MAX - 1);
	EXPECT(slots_taken() == VERIFIER_MODULES_MAX - 1);
	load(hashes[3]);
	EXPECT(use_all_but(VERIFIER_MODULES_MAX) == VERIFIER_MODULES_MAX);
}

int main(void)
{
	FILE *in = fopen(BUILD_DIR "/share/policies/transfer.wasm", "rb");

	CHECK(in != NULL);
	module = bytes_of(space, fread(space, 1, sizeof(space), in));
	fclose(in);
	CHECK(verifier_cache_open(&cache, WASM_HEAP_DEFAULT) == STATUS_OK);
	RUN(test_nobody_chooses_where_a_search_begins);
	/* From here on a hash begins at the slot of its first 16 bits. */
	cache.key[0] = 1ULL << 48;
	cache.key[1] = 0;
	RUN(test_hashes_that_begin_alike_are_found_whichever_goes);
	RUN(test_a_refused_module_leaves_no_trace);
	return test_summary();
}
