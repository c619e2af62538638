/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_cache.h"

#include "base_check.h"

/* How many entries the clock looks at for the oldest: near enough to exact, and constant. */
#define SAMPLE 16

static struct signer_cache_head *entry_at(const struct signer_cache *cache, size_t index)
{
	return (struct signer_cache_head *)(void *)(cache->entries + index * cache->entry_bytes);
}

static uint32_t *bucket_of(const struct signer_cache *cache, const uint8_t key[32])
{
	return &cache->buckets[load_le64(key) & (cache->bucket_count - 1)];
}

void signer_cache_init(struct signer_cache *cache, size_t count, size_t entry_bytes)
{
	*cache = (struct signer_cache){.count = count, .bucket_count = 1};
	cache->entry_bytes = (entry_bytes + 15) / 16 * 16;
	while (cache->bucket_count < count)
		cache->bucket_count *= 2;
	cache->entries = calloc(count, cache->entry_bytes);
	cache->buckets = calloc(cache->bucket_count, sizeof(uint32_t));
	CHECK(cache->entries != NULL && cache->buckets != NULL);
}

void *signer_cache_find(struct signer_cache *cache, const uint8_t key[32])
{
	uint32_t at = *bucket_of(cache, key);

	while (at != 0) {
		struct signer_cache_head *head = entry_at(cache, at - 1);

		if (memcmp(head->key, key, 32) == 0) {
			head->used = ++cache->tick;
			return head;
		}
		at = head->next;
	}
	return NULL;
}

void signer_cache_drop(struct signer_cache *cache, void *entry)
{
	struct signer_cache_head *head = (struct signer_cache_head *)entry;
	uint32_t *link = bucket_of(cache, head->key);

	CHECK(head->taken && head->pins == 0);
	while (entry_at(cache, *link - 1) != head)
		link = &entry_at(cache, *link - 1)->next;
	*link = head->next;
	head->taken = false;
}

/* A free entry, or the longest unused of a sample that may give way. */
static struct signer_cache_head *victim(struct signer_cache *cache)
{
	struct signer_cache_head *oldest = NULL;

	if (cache->filled < cache->count)
		return entry_at(cache, cache->filled++);
	for (size_t looked = 0; looked < cache->count; looked++) {
		struct signer_cache_head *head = entry_at(cache, cache->hand);

		cache->hand = (cache->hand + 1) % cache->count;
		if (!head->taken)
			return head;
		if (head->pins == 0 && head->state != SIGNER_CACHED_LOADING &&
		    (oldest == NULL || head->used < oldest->used))
			oldest = head;
		if (looked >= SAMPLE && oldest != NULL)
			break;
	}
	if (oldest != NULL && cache->may_go != NULL && !cache->may_go(cache->context, oldest))
		return NULL;
	if (oldest != NULL)
		signer_cache_drop(cache, oldest);
	return oldest;
}

void *signer_cache_claim(struct signer_cache *cache, const uint8_t key[32])
{
	struct signer_cache_head *head = (struct signer_cache_head *)signer_cache_find(cache, key);
	uint32_t *bucket = bucket_of(cache, key);

	if (head != NULL)
		return head;
	head = victim(cache);
	if (head == NULL)
		return NULL;
	memset(head, 0, cache->entry_bytes);
	memcpy(head->key, key, 32);
	head->taken = true;
	head->used = ++cache->tick;
	head->next = *bucket;
	*bucket = (uint32_t)((size_t)((uint8_t *)head - cache->entries) / cache->entry_bytes) + 1;
	return head;
}
