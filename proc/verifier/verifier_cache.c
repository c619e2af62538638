/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier_cache.h"

#include <sys/random.h>

#include "base_check.h"
#include "policy_abi.h"

_Static_assert(VERIFIER_MODULES_MAX < UINT16_MAX, "a place and one more fit its number");

enum status verifier_cache_open(struct verifier_cache *cache, uint64_t heap_bytes_max)
{
	/* Pages of it that nobody uses are none: a table that is never full costs nothing. */
	CHECK(cache->count == 0 && cache->filled == 0);
	CHECK(getrandom(cache->key, sizeof(cache->key), 0) == (ssize_t)sizeof(cache->key));
	return wasm_host_open(heap_bytes_max, &cache->host);
}

_Static_assert(VERIFIER_INDEX_SIZE == 1 << 16, "the upper 16 bits of a product are a slot");

/* Where a hash's search begins: multiply-shift by a secret key, so that two hashes, whoever chose
 * them, begin alike as seldom as by chance. */
static uint32_t first_slot(const struct verifier_cache *cache, const uint8_t hash[SHA256_LEN])
{
	return (uint32_t)((load_le64(hash) * cache->key[0] + load_le64(hash + 8) * cache->key[1]) >>
	                  48);
}

/* The slot of a hash, or the empty one at which its search ends: half of all are empty. */
static uint32_t find_slot(const struct verifier_cache *cache, const uint8_t hash[SHA256_LEN])
{
	uint32_t slot = first_slot(cache, hash);

	while (cache->index[slot] != 0 &&
	       memcmp(cache->modules[cache->index[slot] - 1].hash, hash, SHA256_LEN) != 0)
		slot = (slot + 1) % VERIFIER_INDEX_SIZE;
	return slot;
}

/* ---- by last use ---- */

static uint16_t place_of(const struct verifier_cache *cache, const struct verifier_module *module)
{
	return (uint16_t)(module - cache->modules + 1);
}

static void unlink_use(struct verifier_cache *cache, const struct verifier_module *module)
{
	if (module->newer != 0)
		cache->modules[module->newer - 1].older = module->older;
	else
		cache->newest = module->older;
	if (module->older != 0)
		cache->modules[module->older - 1].newer = module->newer;
	else
		cache->oldest = module->newer;
}

static void link_newest(struct verifier_cache *cache, struct verifier_module *module)
{
	module->newer = 0;
	module->older = cache->newest;
	if (cache->newest != 0)
		cache->modules[cache->newest - 1].newer = place_of(cache, module);
	else
		cache->oldest = place_of(cache, module);
	cache->newest = place_of(cache, module);
}

struct verifier_module *verifier_cache_find(struct verifier_cache *cache,
                                            const uint8_t hash[SHA256_LEN])
{
	uint16_t place = cache->index[find_slot(cache, hash)];
	struct verifier_module *module;

	if (place == 0)
		return NULL;
	module = &cache->modules[place - 1];
	unlink_use(cache, module);
	link_newest(cache, module);
	return module;
}

unsigned verifier_cache_count(const struct verifier_cache *cache)
{
	return cache->count;
}

/* ---- room ---- */

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
		first = first_slot(cache, cache->modules[cache->index[next] - 1].hash);
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
	unlink_use(cache, module);
	module->older = cache->emptied;
	cache->emptied = place_of(cache, module);
	cache->count--;
}

/* An empty place, which the caller fills or leaves where it is: the next call gives it again. */
static struct verifier_module *empty_place(struct verifier_cache *cache)
{
	if (cache->emptied != 0)
		return &cache->modules[cache->emptied - 1];
	return &cache->modules[cache->filled];
}

static void take_place(struct verifier_cache *cache)
{
	if (cache->emptied != 0)
		cache->emptied = cache->modules[cache->emptied - 1].older;
	else
		cache->filled++;
}

enum status verifier_cache_load(struct verifier_cache *cache, const uint8_t hash[SHA256_LEN],
                                struct bytes module, struct verifier_module **ret_module,
                                struct wasm_error *ret_error)
{
	struct verifier_module *place = verifier_cache_find(cache, hash);
	enum status s;

	if (place != NULL) {
		*ret_module = place;
		return STATUS_OK;
	}
	while (cache->count == VERIFIER_MODULES_MAX || !wasm_host_has_room(&cache->host)) {
		if (cache->oldest == 0)
			return STATUS_TOO_LARGE; /* an empty cache without room: the cap is too low
			                          */
		drop(cache, &cache->modules[cache->oldest - 1]);
	}
	place = empty_place(cache);
	s = wasm_policy_load(&cache->host, module, POLICY_AREA_BYTES, &place->policy, ret_error);
	if (s != STATUS_OK)
		return s;
	take_place(cache);
	memcpy(place->hash, hash, SHA256_LEN);
	cache->index[find_slot(cache, hash)] = place_of(cache, place);
	cache->count++;
	link_newest(cache, place);
	*ret_module = place;
	return STATUS_OK;
}
