/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier_cache.h"

#include "policy_abi.h"

enum status verifier_cache_open(struct verifier_cache *cache, uint64_t heap_bytes_max)
{
	memset(cache->heads, 0, sizeof(cache->heads));
	memset(cache->modules, 0, sizeof(cache->modules));
	cache->clock = 0;
	return wasm_host_open(heap_bytes_max, &cache->host);
}

struct verifier_module *verifier_cache_find(struct verifier_cache *cache,
                                            const uint8_t hash[SHA256_LEN])
{
	uint64_t head = load_le64(hash);

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		struct verifier_module *module = &cache->modules[i];

		if (cache->heads[i] == head && module->used != 0 &&
		    memcmp(module->hash, hash, SHA256_LEN) == 0) {
			module->used = ++cache->clock;
			return module;
		}
	}
	return NULL;
}

unsigned verifier_cache_count(const struct verifier_cache *cache)
{
	unsigned count = 0;

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++)
		count += cache->modules[i].used != 0;
	return count;
}

static struct verifier_module *find_oldest(struct verifier_cache *cache)
{
	struct verifier_module *oldest = NULL;

	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		struct verifier_module *module = &cache->modules[i];

		if (module->used != 0 && (oldest == NULL || module->used < oldest->used))
			oldest = module;
	}
	return oldest;
}

static void drop(struct verifier_cache *cache, struct verifier_module *module)
{
	wasm_policy_unload(&module->policy);
	cache->heads[module - cache->modules] = 0;
	module->used = 0;
}

static struct verifier_module *find_empty(struct verifier_cache *cache)
{
	for (size_t i = 0; i < VERIFIER_MODULES_MAX; i++) {
		if (cache->modules[i].used == 0)
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
	cache->heads[place - cache->modules] = load_le64(hash);
	place->used = ++cache->clock;
	*ret_module = place;
	return STATUS_OK;
}
