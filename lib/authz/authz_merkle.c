/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_merkle.h"

#include "base_check.h"
#include "keys.h"

static const uint8_t empty[32];

void authz_merkle_key(uint32_t kind, const uint8_t id[32], uint8_t ret_key[32])
{
	uint8_t tag = (uint8_t)kind;
	struct bytes parts[] = {bytes_of(&tag, 1), bytes_of(id, 32)};

	CHECK(kind != 0 && kind <= UINT8_MAX);
	keys_sha256(parts, 2, ret_key);
}

static void hash_two(uint8_t tag, const uint8_t a[32], const uint8_t b[32], uint8_t ret_hash[32])
{
	uint8_t whole[1 + 64];
	struct bytes part = BYTES_OF_ARRAY(whole);

	whole[0] = tag;
	memcpy(whole + 1, a, 32);
	memcpy(whole + 33, b, 32);
	keys_sha256(&part, 1, ret_hash);
}

void authz_merkle_leaf(const uint8_t key[32], const uint8_t value_hash[32], uint8_t ret_hash[32])
{
	hash_two(0, key, value_hash, ret_hash);
}

void authz_merkle_node(const uint8_t left[32], const uint8_t right[32], uint8_t ret_hash[32])
{
	hash_two(1, left, right, ret_hash);
}

static unsigned bit_of(const uint8_t key[32], size_t at)
{
	return key[at / 8] >> (7 - at % 8) & 1;
}

/* shared_bits counts the leading bits that two keys have in common; 256 when they are equal. */
static size_t shared_bits(const uint8_t a[32], const uint8_t b[32])
{
	for (size_t i = 0; i < 32; i++) {
		if (a[i] != b[i])
			return 8 * i + (size_t)__builtin_clz((unsigned)(a[i] ^ b[i])) - 24;
	}
	return 256;
}

/* lift replaces the hash of the subtree at depth + 1 that holds `key` by that of its parent. */
static void lift(const uint8_t key[32], size_t depth, const uint8_t sibling[32], uint8_t hash[32])
{
	if (bit_of(key, depth) != 0)
		authz_merkle_node(sibling, hash, hash);
	else
		authz_merkle_node(hash, sibling, hash);
}

/* climb goes from `hash` at `depth` to the root over the path's siblings. */
static void climb(const struct store_path *path, const uint8_t key[32], size_t depth,
                  uint8_t hash[32])
{
	while (depth-- != 0)
		lift(key, depth, path->siblings.data + 32 * depth, hash);
}

/* prove checks that the path of `key` leads to `root`, whatever stands at its end. */
static enum status prove(const uint8_t root[32], const uint8_t key[32],
                         const struct store_path *path)
{
	size_t depth = path->fixed.depth;
	uint8_t hash[32];

	if (depth > CALL_STORE_DEPTH_MAX || path->siblings.len != 32 * depth)
		return STATUS_CORRUPT;
	switch ((enum call_store_terminal)path->fixed.terminal) {
	case CALL_STORE_TERMINAL_EMPTY:
		memcpy(hash, empty, 32);
		break;
	case CALL_STORE_TERMINAL_OWN:
		if (memcmp(path->fixed.leaf_key, key, 32) != 0)
			return STATUS_CORRUPT;
		authz_merkle_leaf(key, path->fixed.leaf_hash, hash);
		break;
	case CALL_STORE_TERMINAL_FOREIGN:
		if (memcmp(path->fixed.leaf_key, key, 32) == 0 ||
		    shared_bits(path->fixed.leaf_key, key) < depth)
			return STATUS_CORRUPT;
		authz_merkle_leaf(path->fixed.leaf_key, path->fixed.leaf_hash, hash);
		break;
	default:
		return STATUS_CORRUPT;
	}
	climb(path, key, depth, hash);
	return memcmp(hash, root, 32) == 0 ? STATUS_OK : STATUS_CORRUPT;
}

enum status authz_merkle_check(const uint8_t root[32], uint32_t kind, const uint8_t id[32],
                               const struct store_path *path, bool present, struct bytes value)
{
	uint8_t key[32], value_hash[32];
	enum status status;

	authz_merkle_key(kind, id, key);
	status = prove(root, key, path);
	if (status != STATUS_OK)
		return status;
	if (present != (path->fixed.terminal == CALL_STORE_TERMINAL_OWN))
		return STATUS_CORRUPT;
	if (!present)
		return STATUS_OK;
	keys_sha256(&value, 1, value_hash);
	return memcmp(value_hash, path->fixed.leaf_hash, 32) == 0 ? STATUS_OK : STATUS_CORRUPT;
}

enum status authz_merkle_put(const uint8_t root[32], uint32_t kind, const uint8_t id[32],
                             const struct store_path *path, struct bytes value,
                             uint8_t ret_root[32])
{
	uint8_t key[32], hash[32];
	size_t depth = path->fixed.depth;
	enum status status;

	authz_merkle_key(kind, id, key);
	status = prove(root, key, path);
	if (status != STATUS_OK)
		return status;
	keys_sha256(&value, 1, hash);
	authz_merkle_leaf(key, hash, hash);
	if (path->fixed.terminal == CALL_STORE_TERMINAL_FOREIGN) {
		/* Both leaves move down to where their keys part; nothing else is in between. */
		size_t parts = shared_bits(key, path->fixed.leaf_key);
		uint8_t foreign[32];

		authz_merkle_leaf(path->fixed.leaf_key, path->fixed.leaf_hash, foreign);
		lift(key, parts, foreign, hash);
		while (parts > depth)
			lift(key, --parts, empty, hash);
	}
	climb(path, key, depth, hash);
	memcpy(ret_root, hash, 32);
	return STATUS_OK;
}

enum status authz_merkle_delete(const uint8_t root[32], uint32_t kind, const uint8_t id[32],
                                const struct store_path *path, uint8_t ret_root[32])
{
	uint8_t key[32], hash[32];
	size_t depth = path->fixed.depth;
	enum status status;

	authz_merkle_key(kind, id, key);
	status = prove(root, key, path);
	if (status != STATUS_OK)
		return status;
	if (path->fixed.terminal != CALL_STORE_TERMINAL_OWN)
		return STATUS_NOT_FOUND;
	memcpy(hash, empty, 32);
	if (depth != 0 && path->fixed.sibling == 1) {
		authz_merkle_leaf(path->fixed.sibling_key, path->fixed.sibling_hash, hash);
		if (memcmp(hash, path->siblings.data + 32 * (depth - 1), 32) != 0)
			return STATUS_CORRUPT;
		/* The lonely leaf moves up past empty neighbours. */
		depth--;
		while (depth != 0 && memcmp(path->siblings.data + 32 * (depth - 1), empty, 32) == 0)
			depth--;
	}
	climb(path, key, depth, hash);
	memcpy(ret_root, hash, 32);
	return STATUS_OK;
}

/* subtree is the hash of the subtree at `depth` that holds exactly these entries. Left to right,
 * with a stack of the subtrees that still wait for their right neighbour, deepest last. */
static void subtree(const struct authz_merkle_entry *entries, size_t count, size_t depth,
                    uint8_t ret_hash[32])
{
	struct {
		uint8_t hash[32];
		size_t depth;
	} stack[CALL_STORE_DEPTH_MAX + 2];
	size_t top = 0, before = depth; /* bits shared with the entry to the left */

	memcpy(ret_hash, empty, 32);
	for (size_t i = 0; i < count; i++) {
		bool last = i + 1 == count;
		size_t after = last ? depth : shared_bits(entries[i].key, entries[i + 1].key);
		size_t at = after > before || i == 0 ? after : before,
		       to = last ? depth : after + 1;

		CHECK(last ||
		      (memcmp(entries[i].key, entries[i + 1].key, 32) < 0 && after >= depth));
		CHECK(top < CALL_STORE_DEPTH_MAX + 2);
		authz_merkle_leaf(entries[i].key, entries[i].value_hash, stack[top].hash);
		stack[top++].depth = count == 1 ? depth : at + 1;
		while (stack[top - 1].depth > to) {
			size_t up = --stack[top - 1].depth;

			if (top > 1 && stack[top - 2].depth == up + 1) {
				authz_merkle_node(stack[top - 2].hash, stack[top - 1].hash,
				                  stack[top - 2].hash);
				stack[--top - 1].depth = up;
			} else {
				lift(entries[i].key, up, empty, stack[top - 1].hash);
			}
		}
		before = after;
	}
	if (count != 0) {
		CHECK(top == 1);
		memcpy(ret_hash, stack[0].hash, 32);
	}
}

void authz_merkle_root(const struct authz_merkle_entry *entries, size_t count, uint8_t ret_root[32])
{
	subtree(entries, count, 0, ret_root);
}

enum status authz_merkle_path(const struct authz_merkle_entry *entries, size_t count, size_t index,
                              struct buffer *siblings, struct store_path *ret_path)
{
	const uint8_t *key = entries[index].key;
	size_t first = 0, end = count, depth = 0, start = siblings->len;

	CHECK(index < count);
	/* The subtree that holds the entry narrows to it alone; what falls away is a sibling. */
	for (; end - first > 1; depth++) {
		size_t middle = first;
		uint8_t hash[32];
		bool right = bit_of(key, depth) != 0;

		while (middle < end && bit_of(entries[middle].key, depth) == 0)
			middle++;
		subtree(entries + (right ? first : middle), right ? middle - first : end - middle,
		        depth + 1, hash);
		if (buffer_put(siblings, BYTES_OF_ARRAY(hash)) != STATUS_OK) {
			siblings->len = start;
			return STATUS_TOO_LARGE;
		}
		first = right ? middle : first;
		end = right ? end : middle;
	}
	*ret_path = (struct store_path){.siblings = bytes_of(siblings->data + start, 32 * depth)};
	ret_path->fixed.depth = (uint16_t)depth;
	ret_path->fixed.terminal = CALL_STORE_TERMINAL_OWN;
	memcpy(ret_path->fixed.leaf_key, key, 32);
	memcpy(ret_path->fixed.leaf_hash, entries[index].value_hash, 32);
	return STATUS_OK;
}
