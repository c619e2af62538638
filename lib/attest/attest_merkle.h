/* attest_merkle: many nonces under one root, so that one quote answers all of them.
 *
 * The tree of RFC 9162 section 2.1: leaf = SHA-256(0 || nonce), node = SHA-256(1 || left || right),
 * split at the largest power of two below the count. Pure; the caller has the memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_MERKLE_H
#define ATTEST_MERKLE_H

#include "base_bytes.h"

#define ATTEST_NONCE_LEN  32
#define ATTEST_LEAVES_MAX 65536u
#define ATTEST_PATH_MAX   16u /* steps from any leaf of that many */

/* What shows that a nonce is under a root. */
struct attest_proof {
	uint8_t nonce[ATTEST_NONCE_LEN];
	uint32_t index, count; /* leaf `index` of `count` */
	size_t steps;
	uint8_t path[ATTEST_PATH_MAX][32]; /* siblings, from the leaf up */
};

/* Nodes that a tree of `count` leaves needs. */
#define ATTEST_TREE_NODES(count) (2 * (size_t)(count) + ATTEST_PATH_MAX)

/* attest_tree_build writes leaves and all levels above them into `nodes` (ATTEST_TREE_NODES) for
 * 1 to ATTEST_LEAVES_MAX nonces and returns the root. */
void attest_tree_build(const uint8_t (*nonces)[ATTEST_NONCE_LEN], uint32_t count,
                       uint8_t (*nodes)[32], uint8_t ret_root[32]);
/* attest_tree_prove makes the proof of one leaf of a tree that was built. */
void attest_tree_prove(const uint8_t (*nonces)[ATTEST_NONCE_LEN], uint32_t count,
                       const uint8_t (*nodes)[32], uint32_t index, struct attest_proof *ret_proof);
/* attest_proof_root: the only root that this proof can be of (RFC 9162 section 2.1.3.2);
 * MALFORMED when path, index and count do not fit each other. */
MUST_USE enum status attest_proof_root(const struct attest_proof *proof, uint8_t ret_root[32]);

#endif
