/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_cache.h"

#include "base_test.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

struct entry {
	struct signer_cache_head head;
	uint64_t value;
};

#define COUNT 64

static void key_of(uint64_t number, uint8_t ret_key[32])
{
	memset(ret_key, 0, 32);
	/* Few first bytes, so that buckets are shared. */
	ret_key[0] = (uint8_t)(number % 7);
	memcpy(ret_key + 8, &number, sizeof(number));
}

static struct entry *claim(struct signer_cache *cache, uint64_t number)
{
	uint8_t key[32];

	key_of(number, key);
	return (struct entry *)signer_cache_claim(cache, key);
}

static struct entry *find(struct signer_cache *cache, uint64_t number)
{
	uint8_t key[32];

	key_of(number, key);
	return (struct entry *)signer_cache_find(cache, key);
}

/* A25: memory is bounded, and what is found is what was put under that key. */
static void test_the_longest_unused_gives_way_and_nothing_is_mixed_up(void)
{
	struct signer_cache cache;
	size_t kept = 0;

	signer_cache_init(&cache, COUNT, sizeof(struct entry));
	for (uint64_t i = 0; i < 5000; i++) {
		struct entry *entry = claim(&cache, i);

		EXPECT(entry != NULL && entry->value == 0); /* nothing of who was there before */
		entry->value = i + 1;
		entry->head.state = SIGNER_CACHED_READY;
		EXPECT(find(&cache, 3) == NULL || find(&cache, 3)->value == 4);
	}
	for (uint64_t i = 0; i < 5000; i++) {
		struct entry *entry = find(&cache, i);

		kept += entry != NULL;
		EXPECT(entry == NULL || entry->value == i + 1);
	}
	EXPECT(kept == COUNT && find(&cache, 4999) != NULL && find(&cache, 3) != NULL);
}

static void test_pinned_and_loading_entries_stay(void)
{
	struct signer_cache cache;
	struct entry *pinned[8], *loading;

	signer_cache_init(&cache, COUNT, sizeof(struct entry));
	for (uint64_t i = 0; i < 8; i++) {
		pinned[i] = claim(&cache, i);
		pinned[i]->head.pins++;
		pinned[i]->value = i;
	}
	loading = claim(&cache, 100);
	loading->head.state = SIGNER_CACHED_LOADING;
	for (uint64_t i = 1000; i < 9000; i++)
		EXPECT(claim(&cache, i) != NULL);
	for (uint64_t i = 0; i < 8; i++)
		EXPECT(find(&cache, i) == pinned[i] && pinned[i]->value == i);
	EXPECT(find(&cache, 100) == loading);
}

static void test_a_cache_of_pinned_entries_claims_nothing_and_dropped_ones_are_free(void)
{
	struct signer_cache cache;

	signer_cache_init(&cache, COUNT, sizeof(struct entry));
	for (uint64_t i = 0; i < COUNT; i++)
		claim(&cache, i)->head.pins++;
	EXPECT(claim(&cache, 777) == NULL);
	EXPECT(claim(&cache, 5) == find(&cache, 5)); /* what is there is still given */
	find(&cache, 5)->head.pins--;
	signer_cache_drop(&cache, find(&cache, 5));
	EXPECT(find(&cache, 5) == NULL);
	EXPECT(claim(&cache, 777) != NULL && find(&cache, 777) != NULL);
}

int main(void)
{
	RUN(test_the_longest_unused_gives_way_and_nothing_is_mixed_up);
	RUN(test_pinned_and_loading_entries_stay);
	RUN(test_a_cache_of_pinned_entries_claims_nothing_and_dropped_ones_are_free);
	return test_summary();
}
