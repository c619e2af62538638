/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_derive.h"

#include "base_test.h"
#include "policy_builtin.h"

static bool no_2022; /* no address is found for Token-2022 */

/* Mixes the parts: which address comes out is all that counts here. The point (0, 1) is on the
 * curve, so that it is no program's address. */
static void mix(const struct bytes *parts, size_t count, uint8_t ret_hash[32])
{
	static const uint8_t on_curve[32] = {1};
	uint64_t state[4] = {1, 2, 3, 4};
	for (size_t p = 0; p < count; p++) {
		if (no_2022 && bytes_equal(parts[p], bytes_of(policy_token_2022_program, 32))) {
			memcpy(ret_hash, on_curve, 32);
			return;
		}
		for (size_t i = 0; i < parts[p].len; i++)
			for (size_t s = 0; s < 4; s++)
				state[s] = (state[s] ^ parts[p].data[i]) * UINT64_C(0x100000001b3) +
				           state[(s + 1) % 4];
	}
	memcpy(ret_hash, state, 32);
}

static const uint8_t wallet[32] = {7, [31] = 7};
#define KEYS_MAX 64

/* {bits, mints, owners, others, what is in the lists}: a record as policy_record_encode writes it.
 */
static struct {
	uint64_t given;
	struct policy_range mints, owners, others;
	uint8_t keys[2 * KEYS_MAX][32];
} record;

static const struct policy_schema schema = {
    .count = 3,
    .fixed_bytes = 32,
    .fields = {{.type = POLICY_TYPE_PUBKEY_LIST, .role = POLICY_ROLE_MINT, .off = 8},
               {.type = POLICY_TYPE_PUBKEY_LIST, .role = POLICY_ROLE_OWNER, .off = 16},
               {.type = POLICY_TYPE_PUBKEY_LIST, .role = POLICY_ROLE_NONE, .off = 24}}
};

static enum status derive(uint32_t mints, uint32_t owners, struct policy_atas *atas)
{
	record.given = 7;
	record.mints = (struct policy_range){32, mints};
	record.owners = (struct policy_range){32 + 32 * KEYS_MAX, owners};
	record.others = (struct policy_range){32, 1};
	return policy_derive(&schema, bytes_of(&record, sizeof(record)), wallet, mix, atas);
}

static unsigned times(const struct policy_atas *atas, const uint8_t *owner, const uint8_t *mint,
                      bool token_2022)
{
	unsigned found = 0;
	uint8_t address[32];
	EXPECT(solana_associated_token_address(
	           owner, mint, token_2022 ? policy_token_2022_program : policy_token_program, mix,
	           address) == STATUS_OK);
	for (size_t i = 0; i < atas->count; i++) {
		const struct policy_ata *e = &atas->entries[i];
		found += memcmp(e->owner, owner, 32) == 0 && memcmp(e->mint, mint, 32) == 0 &&
		         memcmp(e->address, address, 32) == 0 && e->token_2022 == token_2022 &&
		         e->owner_is_wallet == (memcmp(owner, wallet, 32) == 0);
	}
	return found;
}

/* A20: the wallet and every owner, times every mint, each once; and only the wallet is the wallet.
 */
static void test_each_owner_and_mint_is_there_once(void)
{
	static struct policy_atas atas;
	uint8_t(*mints)[32] = record.keys, (*owners)[32] = record.keys + KEYS_MAX;
	memset(&record, 0, sizeof(record));
	mints[0][0] = mints[1][0] = mints[2][0] = 9;
	mints[1][31] = 1; /* mints[2] is the first again */
	memcpy(owners[0], wallet, 32);
	owners[0][31] ^= 1; /* nearly the wallet */
	owners[1][0] = 8;
	memcpy(owners[2], wallet, 32);
	atas.count = 5; /* of a grant before */
	EXPECT(derive(3, 3, &atas) == STATUS_OK && atas.count == 2 * 2 * 3);
	for (int m = 0; m < 2; m++)
		for (int o = 0; o < 3; o++)
			for (int second = 0; second < 2; second++)
				EXPECT(times(&atas, owners[o], mints[m], second != 0) == 1);
	EXPECT(derive(0, 3, &atas) == STATUS_OK && atas.count == 0);
}

static void test_so_many_fit_and_no_more(void)
{
	static struct policy_atas atas;
	memset(&record, 0, sizeof(record));
	for (uint8_t i = 0; i < KEYS_MAX; i++) {
		record.keys[i][0] = (uint8_t)(i + 1);
		record.keys[KEYS_MAX + i][1] = (uint8_t)(i + 1);
	}
	EXPECT(derive(64, 3, &atas) == STATUS_OK && atas.count == POLICY_ATAS_MAX);
	EXPECT(derive(64, 4, &atas) == STATUS_TOO_LARGE);
	/* Where one of the two is no address, the last place stays empty. */
	no_2022 = true;
	EXPECT(derive(64, 6, &atas) == STATUS_OK && atas.count == 64 * 7);
	EXPECT(!atas.entries[447].token_2022);
	EXPECT(derive(64, 7, &atas) == STATUS_TOO_LARGE && atas.count == POLICY_ATAS_MAX - 1);
	no_2022 = false;
}

/* A20: what the cache says of a mint is that mint's, also after one that has no address. */
static void test_the_cache_never_says_another_mints_address(void)
{
	static struct policy_mint_cache cache;
	const uint8_t(*found)[32], (*again)[32];
	uint8_t mint[32] = {5}, first[32], second[32];
	uint32_t derivations = 0;
	for (unsigned i = 0; i < POLICY_MINTS_MAX; i++) {
		mint[31] = (uint8_t)i;
		EXPECT(policy_mint_cached(&cache, wallet, mint, mix, &found, &derivations) ==
		       STATUS_OK);
		EXPECT(derivations == 2 * (i + 1));
		EXPECT(policy_mint_cached(&cache, wallet, mint, mix, &again, &derivations) ==
		       STATUS_OK);
		EXPECT(again == found && derivations == 2 * (i + 1));
		EXPECT(solana_associated_token_address(wallet, mint, policy_token_program, mix,
		                                       first) == STATUS_OK);
		EXPECT(solana_associated_token_address(wallet, mint, policy_token_2022_program, mix,
		                                       second) == STATUS_OK);
		EXPECT(memcmp(found[0], first, 32) == 0 && memcmp(found[1], second, 32) == 0);
	}
	for (unsigned i = 0; i < POLICY_MINTS_MAX; i++) {
		mint[31] = (uint8_t)i;
		EXPECT(policy_mint_cached(&cache, wallet, mint, mix, &found, &derivations) ==
		       STATUS_OK);
	}
	EXPECT(derivations == 2 * POLICY_MINTS_MAX); /* there is a place for each */
	no_2022 = true;
	mint[31] = 200;
	EXPECT(policy_mint_cached(&cache, wallet, mint, mix, &found, &derivations) != STATUS_OK);
	no_2022 = false;
	mint[31] = 0; /* whose place that was */
	EXPECT(policy_mint_cached(&cache, wallet, mint, mix, &found, &derivations) == STATUS_OK);
	EXPECT(solana_associated_token_address(wallet, mint, policy_token_program, mix, first) ==
	       STATUS_OK);
	EXPECT(memcmp(found[0], first, 32) == 0);
}

static void test_what_is_built_in_is_no_mint(void)
{
	unsigned count = 0;
	for (size_t i = 0; i < sizeof(policy_builtin_keys) / 32; i++, count++) {
		uint8_t key[32];
		memcpy(key, policy_builtin_keys[i], 32);
		EXPECT(policy_is_builtin(key));
		key[31] ^= 0x80;
		EXPECT(!policy_is_builtin(key));
	}
	EXPECT(count >= 10);
}

int main(void)
{
	RUN(test_each_owner_and_mint_is_there_once);
	RUN(test_so_many_fit_and_no_more);
	RUN(test_the_cache_never_says_another_mints_address);
	RUN(test_what_is_built_in_is_no_mint);
	return test_summary();
}
