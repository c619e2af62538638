/* Nonces under one root (B10): RFC 9162's tree, written anew by its definition and compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_merkle.h"

#include "base_sha256.h"
#include "base_test.h"

#define COUNT_MAX 300

static uint8_t nonces[COUNT_MAX][ATTEST_NONCE_LEN];
static uint8_t nodes[ATTEST_TREE_NODES(COUNT_MAX)][32];

static void make_nonces(void)
{
	for (uint32_t i = 0; i < COUNT_MAX; i++)
		sha256_of(bytes_of(&i, sizeof(i)), nonces[i]);
}

/* MTH of RFC 9162 section 2.1.1, word by word. */
static void tree_hash(uint32_t from, uint32_t count, uint8_t ret_hash[32])
{
	uint8_t input[65] = {0};
	uint32_t k = 1;

	if (count == 1) {
		memcpy(input + 1, nonces[from], 32);
		sha256_of(bytes_of(input, 33), ret_hash);
		return;
	}
	while (2 * k < count)
		k *= 2;
	input[0] = 1;
	tree_hash(from, k, input + 1);
	tree_hash(from + k, count - k, input + 33);
	sha256_of(bytes_of(input, 65), ret_hash);
}

static void test_the_tree_is_that_of_the_rfc_and_every_leaf_has_its_proof(void)
{
	uint8_t root[32], expected[32], proven[32];
	struct attest_proof proof;

	for (uint32_t count = 1; count <= COUNT_MAX; count += count < 70 ? 1 : 46) {
		attest_tree_build(nonces, count, nodes, root);
		tree_hash(0, count, expected);
		EXPECT(memcmp(root, expected, 32) == 0);
		for (uint32_t i = 0; i < count; i++) {
			attest_tree_prove(nonces, count, nodes, i, &proof);
			EXPECT(attest_proof_root(&proof, proven) == STATUS_OK &&
			       memcmp(proven, root, 32) == 0);
		}
	}
}

static void test_a_proof_bent_anywhere_leads_elsewhere_or_nowhere(void)
{
	uint8_t root[32], proven[32];
	struct attest_proof proof, bent;
	unsigned tried = 0;

	attest_tree_build(nonces, 37, nodes, root);
	for (uint32_t i = 0; i < 37; i++) {
		attest_tree_prove(nonces, 37, nodes, i, &proof);
		for (size_t step = 0; step < proof.steps; step++, tried++) {
			bent = proof;
			bent.path[step][i % 32] ^= 1;
			EXPECT(attest_proof_root(&bent, proven) == STATUS_OK &&
			       memcmp(proven, root, 32) != 0);
		}
		bent = proof;
		bent.nonce[0] ^= 1;
		EXPECT(attest_proof_root(&bent, proven) == STATUS_OK &&
		       memcmp(proven, root, 32) != 0);
		bent = proof;
		bent.steps--;
		EXPECT(attest_proof_root(&bent, proven) == STATUS_MALFORMED);
		bent = proof;
		bent.steps++;
		EXPECT(attest_proof_root(&bent, proven) == STATUS_MALFORMED);
		for (uint32_t other = 0; other < 37; other++) {
			bent = proof;
			bent.index = other;
			EXPECT(other == i || attest_proof_root(&bent, proven) != STATUS_OK ||
			       memcmp(proven, root, 32) != 0);
		}
	}
	EXPECT(tried > 150);
}

static void test_counts_out_of_range_are_refused(void)
{
	struct attest_proof proof = {.count = 0};
	uint8_t root[32];

	EXPECT(attest_proof_root(&proof, root) == STATUS_MALFORMED);
	proof.count = ATTEST_LEAVES_MAX + 1;
	EXPECT(attest_proof_root(&proof, root) == STATUS_MALFORMED);
	proof.count = 1;
	proof.index = 1;
	EXPECT(attest_proof_root(&proof, root) == STATUS_MALFORMED);
	proof.index = 0;
	EXPECT(attest_proof_root(&proof, root) == STATUS_OK);
}

int main(void)
{
	make_nonces();
	RUN(test_the_tree_is_that_of_the_rfc_and_every_leaf_has_its_proof);
	RUN(test_a_proof_bent_anywhere_leads_elsewhere_or_nowhere);
	RUN(test_counts_out_of_range_are_refused);
	return test_summary();
}
