/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_merkle.h"

#include "base_check.h"
#include "base_sha256.h"

static void hash_leaf(const uint8_t nonce[ATTEST_NONCE_LEN], uint8_t ret_hash[32])
{
	uint8_t input[1 + ATTEST_NONCE_LEN] = {0};

	memcpy(input + 1, nonce, ATTEST_NONCE_LEN);
	sha256_of(BYTES_OF_ARRAY(input), ret_hash);
}

static void hash_node(const uint8_t left[32], const uint8_t right[32], uint8_t ret_hash[32])
{
	uint8_t input[65] = {1};

	memcpy(input + 1, left, 32);
	memcpy(input + 33, right, 32);
	sha256_of(BYTES_OF_ARRAY(input), ret_hash);
}

/* A level's last node without a neighbour goes up as it is: the same tree as RFC 9162's. */
void attest_tree_build(const uint8_t (*nonces)[ATTEST_NONCE_LEN], uint32_t count,
                       uint8_t (*nodes)[32], uint8_t ret_root[32])
{
	CHECK(count > 0 && count <= ATTEST_LEAVES_MAX);
	for (uint32_t i = 0; i < count; i++)
		hash_leaf(nonces[i], nodes[i]);
	while (count > 1) {
		uint8_t(*above)[32] = nodes + count;

		for (uint32_t i = 0; i + 1 < count; i += 2)
			hash_node(nodes[i], nodes[i + 1], above[i / 2]);
		if (count % 2 != 0)
			memcpy(above[count / 2], nodes[count - 1], 32);
		nodes = above;
		count = (count + 1) / 2;
	}
	memcpy(ret_root, nodes[0], 32);
}

void attest_tree_prove(const uint8_t (*nonces)[ATTEST_NONCE_LEN], uint32_t count,
                       const uint8_t (*nodes)[32], uint32_t index, struct attest_proof *ret_proof)
{
	struct attest_proof made = {.index = index, .count = count};

	CHECK(index < count && count <= ATTEST_LEAVES_MAX);
	memcpy(made.nonce, nonces[index], ATTEST_NONCE_LEN);
	while (count > 1) {
		uint32_t sibling = index ^ 1;

		if (sibling < count)
			memcpy(made.path[made.steps++], nodes[sibling], 32);
		nodes += count;
		index /= 2;
		count = (count + 1) / 2;
	}
	*ret_proof = made;
}

enum status attest_proof_root(const struct attest_proof *proof, uint8_t ret_root[32])
{
	uint32_t at = proof->index, last = proof->count - 1;
	uint8_t hash[32];

	if (proof->count == 0 || proof->count > ATTEST_LEAVES_MAX || at > last ||
	    proof->steps > ATTEST_PATH_MAX)
		return STATUS_MALFORMED;
	hash_leaf(proof->nonce, hash);
	for (size_t step = 0; step < proof->steps; step++) {
		if (last == 0)
			return STATUS_MALFORMED;
		if (at % 2 != 0 || at == last) {
			hash_node(proof->path[step], hash, hash);
			/* The last node of its level, not 0: it went up alone until it had a
			 * neighbour on the left. */
			while (at % 2 == 0) {
				at /= 2;
				last /= 2;
			}
		} else {
			hash_node(hash, proof->path[step], hash);
		}
		at /= 2;
		last /= 2;
	}
	if (last != 0)
		return STATUS_MALFORMED;
	memcpy(ret_root, hash, 32);
	return STATUS_OK;
}
