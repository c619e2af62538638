/* SPDX-License-Identifier: Apache-2.0 */
#include "store_tree.h"

#include "base_check.h"
#include "base_sha256.h"

static unsigned bit_of(const uint8_t key[TREE_HASH_LEN], uint32_t at)
{
	return key[at / 8] >> (7 - at % 8) & 1;
}

static void hash_two(uint8_t tag, const uint8_t *a, const uint8_t *b, uint8_t *ret_hash)
{
	uint8_t whole[1 + 2 * TREE_HASH_LEN];

	whole[0] = tag;
	memcpy(whole + 1, a, TREE_HASH_LEN);
	memcpy(whole + 1 + TREE_HASH_LEN, b, TREE_HASH_LEN);
	sha256_of(BYTES_OF_ARRAY(whole), ret_hash);
}

void tree_hash(const struct tree_slot *slot, uint8_t ret_hash[TREE_HASH_LEN])
{
	if (slot->kind == TREE_SLOT_LEAF)
		hash_two(0, slot->a, slot->b, ret_hash);
	else if (slot->kind == TREE_SLOT_INNER)
		memcpy(ret_hash, slot->a, TREE_HASH_LEN);
	else
		memset(ret_hash, 0, TREE_HASH_LEN);
}

void tree_key(uint32_t kind, const uint8_t id[32], uint8_t ret_key[TREE_HASH_LEN])
{
	uint8_t whole[33];

	CHECK(kind >= 1 && kind <= UINT8_MAX);
	whole[0] = (uint8_t)kind;
	memcpy(whole + 1, id, 32);
	sha256_of(BYTES_OF_ARRAY(whole), ret_key);
}

static struct tree_slot inner_of(const struct tree_slot children[2])
{
	struct tree_slot inner = {.kind = TREE_SLOT_INNER};
	uint8_t left[TREE_HASH_LEN], right[TREE_HASH_LEN];

	tree_hash(&children[0], left);
	tree_hash(&children[1], right);
	hash_two(1, left, right, inner.a);
	return inner;
}

/* prefix_of keeps the first `depth` bits of a key. */
static void prefix_of(const uint8_t key[TREE_HASH_LEN], uint32_t depth,
                      uint8_t ret_prefix[TREE_HASH_LEN])
{
	memset(ret_prefix, 0, TREE_HASH_LEN);
	memcpy(ret_prefix, key, depth / 8);
	if (depth % 8 != 0)
		ret_prefix[depth / 8] = (uint8_t)(key[depth / 8] & (0xff00u >> (depth % 8)));
}

static enum status load_node(struct db *db, const struct tree_slot *slot, const uint8_t *key,
                             uint32_t depth, struct tree_slot ret_children[2])
{
	uint8_t prefix[TREE_HASH_LEN], raw[DB_NODE_MAX];
	struct buffer node = BUFFER_OF_ARRAY(raw);
	struct tree_slot children[2], inner;
	enum status status;

	prefix_of(key, depth, prefix);
	status = db_node_get(db, depth, prefix, &node);
	if (status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE)
		return STATUS_CORRUPT;
	if (status != STATUS_OK)
		return status;
	if (node.len != sizeof(children))
		return STATUS_CORRUPT;
	memcpy(children, raw, sizeof(children));
	inner = inner_of(children);
	if (memcmp(inner.a, slot->a, TREE_HASH_LEN) != 0 || children[0].kind > TREE_SLOT_INNER ||
	    children[1].kind > TREE_SLOT_INNER)
		return STATUS_CORRUPT;
	memcpy(ret_children, children, sizeof(children));
	return STATUS_OK;
}

static enum status save_node(struct db *db, const uint8_t *key, uint32_t depth,
                             const struct tree_slot children[2])
{
	uint8_t prefix[TREE_HASH_LEN];

	prefix_of(key, depth, prefix);
	return db_node_put(db, depth, prefix, bytes_of(children, 2 * sizeof(children[0])));
}

static enum status drop_node(struct db *db, const uint8_t *key, uint32_t depth)
{
	uint8_t prefix[TREE_HASH_LEN];
	enum status status;

	prefix_of(key, depth, prefix);
	status = db_node_delete(db, depth, prefix);
	return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

enum status tree_walk_to(struct db *db, const struct tree_slot *root,
                         const uint8_t key[TREE_HASH_LEN], struct tree_walk *walk)
{
	struct tree_slot slot = *root;
	uint32_t depth = 0;

	memcpy(walk->key, key, TREE_HASH_LEN);
	while (slot.kind == TREE_SLOT_INNER) {
		enum status status;

		if (depth >= CALL_STORE_DEPTH_MAX)
			return STATUS_CORRUPT;
		status = load_node(db, &slot, key, depth, walk->nodes[depth]);
		if (status != STATUS_OK)
			return status;
		slot = walk->nodes[depth][bit_of(key, depth)];
		depth++;
	}
	walk->depth = depth;
	walk->terminal = slot;
	return STATUS_OK;
}

bool tree_walk_found(const struct tree_walk *walk)
{
	return walk->terminal.kind == TREE_SLOT_LEAF &&
	       memcmp(walk->terminal.a, walk->key, TREE_HASH_LEN) == 0;
}

struct store_path tree_walk_path(struct tree_walk *walk)
{
	struct store_path path = {.fixed.depth = (uint16_t)walk->depth};

	for (uint32_t d = 0; d < walk->depth; d++)
		tree_hash(&walk->nodes[d][!bit_of(walk->key, d)],
		          walk->siblings + d * TREE_HASH_LEN);
	path.siblings = bytes_of(walk->siblings, walk->depth * TREE_HASH_LEN);
	if (walk->terminal.kind == TREE_SLOT_LEAF) {
		path.fixed.terminal =
		    tree_walk_found(walk) ? CALL_STORE_TERMINAL_OWN : CALL_STORE_TERMINAL_FOREIGN;
		memcpy(path.fixed.leaf_key, walk->terminal.a, TREE_HASH_LEN);
		memcpy(path.fixed.leaf_hash, walk->terminal.b, TREE_HASH_LEN);
	}
	if (walk->depth > 0) {
		uint32_t last = walk->depth - 1;
		const struct tree_slot *sibling = &walk->nodes[last][!bit_of(walk->key, last)];

		path.fixed.sibling = sibling->kind == TREE_SLOT_LEAF;
		if (path.fixed.sibling) {
			memcpy(path.fixed.sibling_key, sibling->a, TREE_HASH_LEN);
			memcpy(path.fixed.sibling_hash, sibling->b, TREE_HASH_LEN);
		}
	}
	return path;
}

/* climb puts `slot` at `depth` on the walk's way and renews every node above it. */
static enum status climb(struct db *db, struct tree_walk *walk, uint32_t depth,
                         struct tree_slot slot, struct tree_slot *ret_root)
{
	while (depth-- > 0) {
		enum status status;

		walk->nodes[depth][bit_of(walk->key, depth)] = slot;
		status = save_node(db, walk->key, depth, walk->nodes[depth]);
		if (status != STATUS_OK)
			return status;
		slot = inner_of(walk->nodes[depth]);
	}
	*ret_root = slot;
	return STATUS_OK;
}

enum status tree_put(struct db *db, struct tree_walk *walk, const uint8_t value_hash[TREE_HASH_LEN],
                     struct tree_slot *ret_root)
{
	struct tree_slot leaf = {.kind = TREE_SLOT_LEAF};
	uint32_t depth = walk->depth;

	memcpy(leaf.a, walk->key, TREE_HASH_LEN);
	memcpy(leaf.b, value_hash, TREE_HASH_LEN);
	if (walk->terminal.kind == TREE_SLOT_LEAF && !tree_walk_found(walk)) {
		/* Both leaves go down to where their keys part; empty places are beside the way. */
		const struct tree_slot empty = {0};

		while (bit_of(walk->key, depth) == bit_of(walk->terminal.a, depth)) {
			walk->nodes[depth][0] = walk->nodes[depth][1] = empty;
			depth++;
			CHECK(depth < CALL_STORE_DEPTH_MAX);
		}
		walk->nodes[depth][bit_of(walk->terminal.a, depth)] = walk->terminal;
		depth++;
	}
	return climb(db, walk, depth, leaf, ret_root);
}

enum status tree_delete(struct db *db, struct tree_walk *walk, struct tree_slot *ret_root)
{
	struct tree_slot slot = {0};
	uint32_t depth = walk->depth;

	CHECK(tree_walk_found(walk));
	if (depth > 0 &&
	    walk->nodes[depth - 1][!bit_of(walk->key, depth - 1)].kind == TREE_SLOT_LEAF) {
		/* The neighbour is alone now: it moves up past empty places. */
		slot = walk->nodes[depth - 1][!bit_of(walk->key, depth - 1)];
		do {
			enum status status = drop_node(db, walk->key, --depth);

			if (status != STATUS_OK)
				return status;
		} while (depth > 0 && walk->nodes[depth - 1][!bit_of(walk->key, depth - 1)].kind ==
		                          TREE_SLOT_EMPTY);
	}
	return climb(db, walk, depth, slot, ret_root);
}
