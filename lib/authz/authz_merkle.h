/* authz_merkle: the Merkle map that makes the store believable (spec/store.md): checks of paths,
 * and the root after a change, from nothing but a known root and the path.
 *
 * A binary trie over key = SHA-256(kind byte || id), most significant bit first:
 *   leaf = SHA-256(0 || key || SHA-256(value)), node = SHA-256(1 || left || right),
 *   empty = 32 zero bytes; a subtree with one leaf is that leaf.
 * Paths come from the store and are hostile until they lead to the root that the caller knows.
 * Pure; no allocation, no recursion: a path has at most CALL_STORE_DEPTH_MAX steps. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_MERKLE_H
#define AUTHZ_MERKLE_H

#include "base_bytes.h"
#include "call_store.h"

#define AUTHZ_MERKLE_LEN 32

/* authz_merkle_key is a value's place: SHA-256(kind || id); kind is 1 to 255. */
void authz_merkle_key(uint32_t kind, const uint8_t id[32], uint8_t ret_key[AUTHZ_MERKLE_LEN]);
void authz_merkle_leaf(const uint8_t key[32], const uint8_t value_hash[32], uint8_t ret_hash[32]);
void authz_merkle_node(const uint8_t left[32], const uint8_t right[32], uint8_t ret_hash[32]);

/* authz_merkle_check: STATUS_OK when `path` proves against `root` that the value of (kind, id) is
 * `value`, or, with `present` false, that there is none; STATUS_CORRUPT otherwise. */
MUST_USE enum status authz_merkle_check(const uint8_t root[32], uint32_t kind, const uint8_t id[32],
                                        const struct store_path *path, bool present,
                                        struct bytes value);
/* authz_merkle_put returns the root after (kind, id) was set to `value`; `path` is the id's path
 * before that, proven against `root` first: STATUS_CORRUPT when it is not. `ret_root` may be
 * `root`.
 */
MUST_USE enum status authz_merkle_put(const uint8_t root[32], uint32_t kind, const uint8_t id[32],
                                      const struct store_path *path, struct bytes value,
                                      uint8_t ret_root[32]);
/* authz_merkle_delete returns the root after (kind, id) was removed; STATUS_NOT_FOUND when the path
 * proves that it is absent. When the neighbour is a leaf it moves up; whether it is one the path
 * says, and a lie about that gives a root that the store's own paths then do not reach. */
MUST_USE enum status authz_merkle_delete(const uint8_t root[32], uint32_t kind,
                                         const uint8_t id[32], const struct store_path *path,
                                         uint8_t ret_root[32]);

/* The same map over leaves that the caller has himself: the heads of the receipt chains. */
struct authz_merkle_entry {
	uint8_t key[32];
	uint8_t value_hash[32];
};

/* authz_merkle_root is the root over `count` entries, sorted by key and each key once (CHECK). */
void authz_merkle_root(const struct authz_merkle_entry *entries, size_t count,
                       uint8_t ret_root[32]);
/* authz_merkle_path makes the path of entry `index`; siblings go into `siblings` (room for
 * CALL_STORE_DEPTH_MAX * 32 bytes), which ret_path borrows. STATUS_TOO_LARGE without room. */
MUST_USE enum status authz_merkle_path(const struct authz_merkle_entry *entries, size_t count,
                                       size_t index, struct buffer *siblings,
                                       struct store_path *ret_path);

#endif
