/* policy_derive: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_derive.h"

#include "base_check.h"
#include "policy_builtin.h"

const uint8_t policy_token_program[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xd7, 0x65, 0xa1, 0x93, 0xd9, 0xcb, 0xe1, 0x46, 0xce, 0xeb, 0x79, 0xac,
    0x1c, 0xb4, 0x85, 0xed, 0x5f, 0x5b, 0x37, 0x91, 0x3a, 0x8c, 0xf5, 0x85, 0x7e, 0xff, 0x00, 0xa9};
const uint8_t policy_token_2022_program[32] = {
    0x06, 0xdd, 0xf6, 0xe1, 0xee, 0x75, 0x8f, 0xde, 0x18, 0x42, 0x5d, 0xbc, 0xe4, 0x6c, 0xcd, 0xda,
    0xb6, 0x1a, 0xfc, 0x4d, 0x83, 0xb9, 0x0d, 0x27, 0xfe, 0xbd, 0xf9, 0x28, 0xd8, 0xa1, 0x8b, 0xfc};

bool policy_is_builtin(const uint8_t key[32])
{
	for (size_t i = 0; i < sizeof(policy_builtin_keys) / 32; i++)
		if (memcmp(policy_builtin_keys[i], key, 32) == 0)
			return true;
	return false;
}

/* Adds the accounts of one owner and one mint, unless they are there already. */
static enum status add(struct policy_atas *atas, const uint8_t *owner, bool owner_is_wallet,
                       const uint8_t *mint, solana_sha256_fn *sha256)
{
	for (size_t i = 0; i < atas->count; i++)
		if (memcmp(atas->entries[i].owner, owner, 32) == 0 &&
		    memcmp(atas->entries[i].mint, mint, 32) == 0)
			return STATUS_OK;
	if (atas->count + 2 > POLICY_ATAS_MAX)
		return STATUS_TOO_LARGE;
	for (int second = 0; second < 2; second++) {
		struct policy_ata *ata = &atas->entries[atas->count];
		enum status status = solana_associated_token_address(
		    owner, mint, second ? policy_token_2022_program : policy_token_program, sha256,
		    ata->address);
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status != STATUS_OK)
			return status;
		memcpy(ata->owner, owner, 32);
		memcpy(ata->mint, mint, 32);
		ata->owner_is_wallet = owner_is_wallet;
		ata->token_2022 = second != 0;
		atas->count++;
	}
	return STATUS_OK;
}

static enum status add_mints(const struct policy_schema *schema, struct bytes record,
                             const uint8_t *owner, bool owner_is_wallet, solana_sha256_fn *sha256,
                             struct policy_atas *atas)
{
	for (size_t f = 0; f < schema->count; f++) {
		const uint8_t *mints = NULL;
		if (schema->fields[f].role != POLICY_ROLE_MINT)
			continue;
		size_t count = policy_record_keys(schema, f, record, &mints);
		for (size_t m = 0; m < count; m++) {
			enum status status =
			    add(atas, owner, owner_is_wallet, mints + 32 * m, sha256);
			if (status != STATUS_OK)
				return status;
		}
	}
	return STATUS_OK;
}

enum status policy_derive(const struct policy_schema *schema, struct bytes record,
                          const uint8_t wallet[32], solana_sha256_fn *sha256,
                          struct policy_atas *ret_atas)
{
	ret_atas->count = 0;
	enum status status = add_mints(schema, record, wallet, true, sha256, ret_atas);
	for (size_t f = 0; f < schema->count && status == STATUS_OK; f++) {
		const uint8_t *owners = NULL;
		if (schema->fields[f].role != POLICY_ROLE_OWNER)
			continue;
		size_t count = policy_record_keys(schema, f, record, &owners);
		/* Where one is the wallet its accounts are there already. */
		for (size_t o = 0; o < count && status == STATUS_OK; o++)
			status =
			    add_mints(schema, record, owners + 32 * o, false, sha256, ret_atas);
	}
	return status;
}

enum status policy_mint_cached(struct policy_mint_cache *cache, const uint8_t wallet[32],
                               const uint8_t mint[32], solana_sha256_fn *sha256,
                               const uint8_t (**ret_addresses)[32], uint32_t *derivations)
{
	for (size_t i = 0; i < POLICY_MINTS_MAX; i++) {
		if (cache->entries[i].used && memcmp(cache->entries[i].mint, mint, 32) == 0) {
			*ret_addresses = (const uint8_t(*)[32])cache->entries[i].address;
			return STATUS_OK;
		}
	}
	size_t at = cache->next;
	CHECK(at < POLICY_MINTS_MAX);
	cache->entries[at].used = false;
	*derivations += 2;
	enum status status = solana_associated_token_address(wallet, mint, policy_token_program,
	                                                     sha256, cache->entries[at].address[0]);
	if (status == STATUS_OK)
		status = solana_associated_token_address(wallet, mint, policy_token_2022_program,
		                                         sha256, cache->entries[at].address[1]);
	if (status != STATUS_OK)
		return status;
	memcpy(cache->entries[at].mint, mint, 32);
	cache->entries[at].used = true;
	cache->next = (at + 1) % POLICY_MINTS_MAX;
	*ret_addresses = (const uint8_t(*)[32])cache->entries[at].address;
	return STATUS_OK;
}
