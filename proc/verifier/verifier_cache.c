/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier_cache.h"

#include "policy_abi.h"

enum status verifier_cache_open(struct verifier_cache *cache, uint64_t heap_bytes_max)
{
	memset(cache->index, 0, sizeof(cache->index));
	memset(cache->modules, 0, sizeof(cache->modules));
	memset(cache->used, 0, sizeof(cache->used));
	cache->clock = 0;
	cache->count = 0;
	return wasm_host_open(heap_bytes_max, &cache->host);
}

/* Where a hash's search begins. A module's author can choose hashes that begin alike: that makes
 * the search longer, up to the whole table, and nothing else. */
static uint32_t first_slot(const uint8_t hash[SHA256_LEN])
{
	return load_le32(hash) % VERIFIER_INDEX_SIZE;
}

/* The slot of a hash, or the empty one at which its search ends: half of all are empty. */
static uint32_t find_slot(const struct verifier_cache *cache, const uint8_t hash[SHA256_LEN])
{
	uint32_t slot = first_slot(hash);

	while (cache->index[slot] != 0 &&
	       memcmp(cache->modules[cache->index[slot] - 1].hash, hash, SHA256_LEN) != 0)
		slot = (slot + 1) % VERIFIER_INDEX_SIZE;
	return slot;
}

struct verifier_module *verifier_cache_find(struct verifier_cache *cache,
                                            const uint8_t hash[SHA256_LEN])
{
	uint16_t place = cache->index[find_slot(cache, hash)];

	if (place == 0)
		return NULL;
	cache->used[place - 1] = ++cache->clock;
	return &cache->modules[place - 1];
}

unsigned verifier_cache_count(const struct verifier_cache *cache)
{
	return cache->count;
}

static struct verifier_module *find_oldest(struct verifier_cache *cache)
{
	size_t oldest = VERIFIER_MODULES_MAX;

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		if (cache->used[i] != 0 &&
		    (oldest == VERIFIER_MODULES_MAX || cache->used[i] < cache->used[oldest]))
			oldest = i;
	}
	return oldest == VERIFIER_MODULES_MAX ? NULL : &cache->modules[oldest];
}

/* Takes a slot out of the index: those behind it that could not be found without it move up. */
static void take_out(struct verifier_cache *cache, uint32_t slot)
{
	uint32_t next = slot;

	cache->index[slot] = 0;
	for (;;) {
		uint32_t first;

		next = (next + 1) % VERIFIER_INDEX_SIZE;
		if (cache->index[next] == 0)
			return;
		first = first_slot(cache->modules[cache->index[next] - 1].hash);
		if ((next - first) % VERIFIER_INDEX_SIZE < (next - slot) % VERIFIER_INDEX_SIZE)
			continue;
		cache->index[slot] = cache->index[next];
		cache->index[next] = 0;
		slot = next;
	}
}

static void drop(struct verifier_cache *cache, struct verifier_module *module)
{
	take_out(cache, find_slot(cache, module->hash));
	wasm_policy_unload(&module->policy);
	cache->used[module - cache->modules] = 0;
	cache->count--;
}

static struct verifier_module *find_empty(struct verifier_cache *cache)
{
	for (size_t i = 0; cache->count != VERIFIER_MODULES_MAX && i < VERIFIER_MODULES_MAX; i++) {
		if (cache->used[i] == 0)
			return &cache->modules[i];
	}
	return NULL;
}

enum status verifier_cache_load(struct verifier_cache *cache, const uint8_t hash[SHA256_LEN],
                                struct bytes module, struct verifier_module **ret_module,
                                struct wasm_error *ret_error)
{
	struct verifier_module *place = verifier_cache_find(cache, hash), *oldest;
	enum status s;

	if (place != NULL) {
		*ret_module = place;
		return STATUS_OK;
	}
	place = find_empty(cache);
	while (place == NULL || !wasm_host_has_room(&cache->host)) {
		oldest = find_oldest(cache);
		if (oldest == NULL)
			return STATUS_TOO_LARGE; /* an empty cache without room: the cap is too low
			                          */
		drop(cache, oldest);
		place = oldest;
	}
	s = wasm_policy_load(&cache->host, module, POLICY_AREA_BYTES, &place->policy, ret_error);
	if (s != STATUS_OK)
		return s;
	memcpy(place->hash, hash, SHA256_LEN);
	cache->index[find_slot(cache, hash)] = (uint16_t)(place - cache->modules + 1);
	cache->count++;
	cache->used[place - cache->modules] = ++cache->clock;
	*ret_module = place;
	return STATUS_OK;
}
