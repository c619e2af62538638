/* store_tree: keeps the Merkle map's nodes (spec/store.md) and finds paths in it.
 *
 * The root lies with the caller; each inner node is a row of the state database with its two
 * children. A walk compares every node with the hash that its parent holds, so a damaged node is
 * STATUS_CORRUPT and never a wrong path. Changes need an open batch. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "call_store.h"
#include "db.h"

#define TREE_HASH_LEN 32u

enum tree_slot_kind {
	TREE_SLOT_EMPTY = 0,
	TREE_SLOT_LEAF = 1,  /* a: key, b: SHA-256 of the value */
	TREE_SLOT_INNER = 2, /* a: hash of the node */
};

/* What stands at one place of the trie; stored as it is. */
struct tree_slot {
	uint8_t kind;
	uint8_t a[TREE_HASH_LEN];
	uint8_t b[TREE_HASH_LEN];
};

_Static_assert(sizeof(struct tree_slot) == 65, "stored as it is");
_Static_assert(2 * sizeof(struct tree_slot) <= DB_NODE_MAX, "a node fits its row");

/* One way from the root to where a key is or would be. */
struct tree_walk {
	uint8_t key[TREE_HASH_LEN];
	uint32_t depth;
	struct tree_slot terminal;
	struct tree_slot nodes[CALL_STORE_DEPTH_MAX][2]; /* [depth][bit] */
	uint8_t siblings[CALL_STORE_DEPTH_MAX * TREE_HASH_LEN];
};

/* tree_hash is what a slot contributes to its parent, and the root's hash. */
void tree_hash(const struct tree_slot *slot, uint8_t ret_hash[TREE_HASH_LEN]);
void tree_key(uint32_t kind, const uint8_t id[32], uint8_t ret_key[TREE_HASH_LEN]);
/* tree_walk_to walks from root towards key. */
MUST_USE enum status tree_walk_to(struct db *db, const struct tree_slot *root,
                                  const uint8_t key[TREE_HASH_LEN], struct tree_walk *walk);
bool tree_walk_found(const struct tree_walk *walk);
/* tree_walk_path gives the path of a walk; it borrows walk->siblings. */
struct store_path tree_walk_path(struct tree_walk *walk);
/* tree_put and tree_delete change the map at the end of a walk just made and give the new root; the
 * walk is used up. tree_delete only after tree_walk_found. */
MUST_USE enum status tree_put(struct db *db, struct tree_walk *walk,
                              const uint8_t value_hash[TREE_HASH_LEN], struct tree_slot *ret_root);
MUST_USE enum status tree_delete(struct db *db, struct tree_walk *walk, struct tree_slot *ret_root);

#endif
