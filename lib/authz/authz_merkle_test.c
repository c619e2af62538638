/* The Merkle map against a naive tree that is built anew each time: DS1, DS4, U2 (freshness). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_merkle.h"

#include "base_test.h"
#include "keys.h"

#define IDS_MAX 40

/* The reference: a set of (id, value) pairs and the recursion of spec/store.md, word by word. */
struct naive {
	size_t count;
	struct {
		uint8_t id[32], key[32], value;
	} items[IDS_MAX + 1]; /* one more: what is looked for and absent */
};

static unsigned bit_at(const uint8_t key[32], size_t at)
{
	return key[at / 8] >> (7 - at % 8) & 1;
}

static bool has_prefix(const uint8_t a[32], const uint8_t b[32], size_t bits)
{
	for (size_t i = 0; i < bits; i++) {
		if (bit_at(a, i) != bit_at(b, i))
			return false;
	}
	return true;
}

/* naive_hash is the hash of the subtree at `depth` of the prefix of `key`; says how many it holds.
 */
static size_t naive_hash(const struct naive *map, const uint8_t key[32], size_t depth,
                         uint8_t ret_hash[32])
{
	size_t count = 0, only = 0;
	uint8_t left[32], right[32], down[32], value_hash[32];

	for (size_t i = 0; i < map->count; i++) {
		if (has_prefix(map->items[i].key, key, depth)) {
			count++;
			only = i;
		}
	}
	if (count == 0) {
		memset(ret_hash, 0, 32);
	} else if (count == 1) {
		struct bytes value = bytes_of(&map->items[only].value, 1);

		keys_sha256(&value, 1, value_hash);
		authz_merkle_leaf(map->items[only].key, value_hash, ret_hash);
	} else {
		memcpy(down, key, 32);
		down[depth / 8] &= (uint8_t) ~(0x80 >> depth % 8);
		naive_hash(map, down, depth + 1, left);
		down[depth / 8] |= (uint8_t)(0x80 >> depth % 8);
		naive_hash(map, down, depth + 1, right);
		authz_merkle_node(left, right, ret_hash);
	}
	return count;
}

/* naive_path is what an honest store answers. */
static void naive_path(const struct naive *map, const uint8_t key[32], uint8_t *siblings,
                       struct store_path *ret_path)
{
	struct store_path path = {0};
	uint8_t hash[32], other[32];
	size_t depth = 0, beside = 0;

	while (naive_hash(map, key, depth, hash) > 1) {
		memcpy(other, key, 32);
		other[depth / 8] ^= (uint8_t)(0x80 >> depth % 8);
		beside = naive_hash(map, other, depth + 1, siblings + 32 * depth);
		depth++;
	}
	path.fixed.depth = (uint16_t)depth;
	path.siblings = bytes_of(siblings, 32 * depth);
	for (size_t i = 0; i < map->count; i++) {
		struct bytes value = bytes_of(&map->items[i].value, 1);

		if (has_prefix(map->items[i].key, key, depth)) {
			path.fixed.terminal = memcmp(map->items[i].key, key, 32) == 0
			                          ? CALL_STORE_TERMINAL_OWN
			                          : CALL_STORE_TERMINAL_FOREIGN;
			memcpy(path.fixed.leaf_key, map->items[i].key, 32);
			keys_sha256(&value, 1, path.fixed.leaf_hash);
		} else if (beside == 1 && depth != 0) {
			memcpy(other, key, 32);
			other[(depth - 1) / 8] ^= (uint8_t)(0x80 >> (depth - 1) % 8);
			if (has_prefix(map->items[i].key, other, depth)) {
				path.fixed.sibling = 1;
				memcpy(path.fixed.sibling_key, map->items[i].key, 32);
				keys_sha256(&value, 1, path.fixed.sibling_hash);
			}
		}
	}
	*ret_path = path;
}

static void naive_root(const struct naive *map, uint8_t ret_root[32])
{
	static const uint8_t any[32];

	naive_hash(map, any, 0, ret_root);
}

static void set_id(size_t number, uint8_t ret_id[32])
{
	memset(ret_id, 0, 32);
	ret_id[0] = (uint8_t)number;
	ret_id[1] = (uint8_t)(number >> 8);
}

static size_t find(const struct naive *map, const uint8_t id[32])
{
	for (size_t i = 0; i < map->count; i++) {
		if (memcmp(map->items[i].id, id, 32) == 0)
			return i;
	}
	return map->count;
}

static void test_roots_follow_a_naive_tree_through_random_changes(void)
{
	static struct naive map;
	static uint8_t siblings[32 * 256];
	uint8_t root[32] = {0}, wanted[32], id[32], key[32], value;
	uint32_t random = 7;
	struct store_path path;

	map.count = 0;
	for (unsigned step = 0; step < 600; step++) {
		size_t at;

		random = random * 1664525 + 1013904223;
		set_id(random >> 8 & 63, id);
		value = (uint8_t)(random >> 24);
		at = find(&map, id);
		authz_merkle_key(3, id, key);
		naive_path(&map, key, siblings, &path);
		EXPECT(authz_merkle_check(root, 3, id, &path, at < map.count,
		                          bytes_of(&map.items[at].value, 1)) == STATUS_OK);
		if (map.count == IDS_MAX || random >> 28 < 5) {
			EXPECT(authz_merkle_delete(root, 3, id, &path, root) ==
			       (at < map.count ? STATUS_OK : STATUS_NOT_FOUND));
			if (at < map.count)
				map.items[at] = map.items[--map.count];
		} else {
			EXPECT(authz_merkle_put(root, 3, id, &path, bytes_of(&value, 1), root) ==
			       STATUS_OK);
			memcpy(map.items[at].id, id, 32);
			memcpy(map.items[at].key, key, 32);
			map.items[at].value = value;
			map.count += at == map.count;
		}
		naive_root(&map, wanted);
		EXPECT(memcmp(root, wanted, 32) == 0);
	}
}

static void fill(struct naive *map, size_t count)
{
	map->count = count;
	for (size_t i = 0; i < count; i++) {
		set_id(i, map->items[i].id);
		authz_merkle_key(1, map->items[i].id, map->items[i].key);
		map->items[i].value = (uint8_t)i;
	}
}

/* DS4, U2: whatever a store changes about its answer, it proves nothing. */
static void test_paths_that_were_tampered_with_prove_nothing(void)
{
	static struct naive map;
	static uint8_t siblings[32 * 256];
	struct store_path path, lie;
	uint8_t root[32], wrong = 99, absent[32], key[32], before[32];

	fill(&map, 20);
	naive_root(&map, root);
	memcpy(before, root, 32);
	naive_path(&map, map.items[5].key, siblings, &path);
#define CHECKS(p, present, v)                                                                      \
	authz_merkle_check(root, 1, map.items[5].id, &(p), present, bytes_of(&(v), 1))
	EXPECT(CHECKS(path, true, map.items[5].value) == STATUS_OK);
	EXPECT(CHECKS(path, true, wrong) == STATUS_CORRUPT);
	EXPECT(CHECKS(path, false, wrong) == STATUS_CORRUPT);
	for (size_t i = 0; i < path.siblings.len; i++) {
		siblings[i] ^= 1;
		EXPECT(CHECKS(path, true, map.items[5].value) == STATUS_CORRUPT);
		siblings[i] ^= 1;
	}
	lie = path;
	lie.fixed.terminal = CALL_STORE_TERMINAL_EMPTY;
	EXPECT(CHECKS(lie, false, wrong) == STATUS_CORRUPT);
	lie = path;
	lie.fixed.terminal = CALL_STORE_TERMINAL_FOREIGN;
	EXPECT(CHECKS(lie, false, wrong) == STATUS_CORRUPT);
	lie = path;
	lie.fixed.terminal = 3;
	EXPECT(CHECKS(lie, false, wrong) == STATUS_CORRUPT);
	lie = path;
	lie.fixed.depth = 257;
	EXPECT(CHECKS(lie, true, map.items[5].value) == STATUS_CORRUPT);
	lie = path;
	lie.siblings.len -= 32;
	EXPECT(CHECKS(lie, true, map.items[5].value) == STATUS_CORRUPT);
	/* Another value's path does not show that this one is absent. */
	naive_path(&map, map.items[6].key, siblings, &path);
	path.fixed.terminal = CALL_STORE_TERMINAL_FOREIGN;
	EXPECT(CHECKS(path, false, wrong) == STATUS_CORRUPT);
	set_id(900, absent);
	authz_merkle_key(1, absent, key);
	naive_path(&map, key, siblings, &path);
	EXPECT(authz_merkle_check(root, 1, absent, &path, false, bytes_of(&wrong, 1)) == STATUS_OK);
	EXPECT(authz_merkle_check(root, 1, absent, &path, true, bytes_of(&wrong, 1)) ==
	       STATUS_CORRUPT);
	siblings[0] ^= 1;
	EXPECT(authz_merkle_put(root, 1, absent, &path, bytes_of(&wrong, 1), root) ==
	       STATUS_CORRUPT);
	EXPECT(memcmp(root, before, 32) == 0);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct authz_merkle_entry *)a)->key,
	              ((const struct authz_merkle_entry *)b)->key, 32);
}

static void test_root_and_paths_over_own_leaves_agree_with_the_map(void)
{
	static struct naive map;
	static struct authz_merkle_entry entries[IDS_MAX];
	static uint8_t space[32 * 256];

	for (size_t count = 0; count <= IDS_MAX; count++) {
		uint8_t root[32], wanted[32];

		fill(&map, count);
		for (size_t i = 0; i < count; i++) {
			struct bytes value = bytes_of(&map.items[i].value, 1);

			memcpy(entries[i].key, map.items[i].key, 32);
			keys_sha256(&value, 1, entries[i].value_hash);
		}
		qsort(entries, count, sizeof(entries[0]), by_key);
		authz_merkle_root(entries, count, root);
		naive_root(&map, wanted);
		EXPECT(memcmp(root, wanted, 32) == 0);
		for (size_t i = 0; i < count; i++) {
			struct buffer siblings = BUFFER_OF_ARRAY(space);
			struct store_path path;
			size_t at = 0;

			EXPECT(authz_merkle_path(entries, count, i, &siblings, &path) == STATUS_OK);
			while (memcmp(map.items[at].key, entries[i].key, 32) != 0)
				at++;
			EXPECT(authz_merkle_check(root, 1, map.items[at].id, &path, true,
			                          bytes_of(&map.items[at].value, 1)) == STATUS_OK);
		}
	}
}

int main(void)
{
	RUN(test_roots_follow_a_naive_tree_through_random_changes);
	RUN(test_paths_that_were_tampered_with_prove_nothing);
	RUN(test_root_and_paths_over_own_leaves_agree_with_the_map);
	return test_summary();
}
