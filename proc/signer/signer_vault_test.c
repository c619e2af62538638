/* What the vault seals is bound to its place: deployment, kind and id (U2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_vault.h"

#include "base_check.h"
#include "base_test.h"

static const uint8_t share[32] = {1}, second[32] = {2}, mine[32] = {3}, others[32] = {4};
static struct signer_vault *vault, *other_vault;

static enum status unseal(const struct signer_vault *with, uint32_t kind, const uint8_t id[32],
                          const struct buffer *sealed)
{
	uint8_t space[64];
	struct buffer plain = BUFFER_OF_ARRAY(space);

	return signer_vault_unseal(with, kind, id, buffer_bytes(sealed), &plain);
}

/* U2: a record that was put in another's place does not open there. */
static void test_a_record_opens_in_its_place_only(void)
{
	uint8_t space[128];
	struct buffer sealed = BUFFER_OF_ARRAY(space);

	CHECK(signer_vault_seal(vault, 7, mine, bytes_of("record", 6), &sealed) == STATUS_OK);
	EXPECT(unseal(vault, 7, mine, &sealed) == STATUS_OK);
	EXPECT(unseal(vault, 7, others, &sealed) != STATUS_OK);
	EXPECT(unseal(vault, 8, mine, &sealed) != STATUS_OK);
	EXPECT(unseal(other_vault, 7, mine, &sealed) != STATUS_OK);
}

/* U2: nor does a wallet's key sign for another wallet. */
static void test_a_wallets_key_signs_for_that_wallet_only(void)
{
	const struct bytes message = bytes_of("message", 7);
	uint8_t space[256], address[KEYS_PUBLIC_LEN], signature[64];
	struct buffer sealed = BUFFER_OF_ARRAY(space);

	CHECK(signer_vault_create_key(vault, mine, address, &sealed) == STATUS_OK);
	EXPECT(signer_vault_sign(vault, mine, buffer_bytes(&sealed), message, signature) ==
	           STATUS_OK &&
	       keys_verify(address, message, signature) == STATUS_OK);
	EXPECT(signer_vault_sign(vault, others, buffer_bytes(&sealed), message, signature) ==
	       STATUS_CORRUPT);
	EXPECT(signer_vault_sign(other_vault, mine, buffer_bytes(&sealed), message, signature) ==
	       STATUS_CORRUPT);
	EXPECT(unseal(vault, 0, mine, &sealed) != STATUS_OK); /* a key is no record */
}

static void make(struct signer_vault **ret_vault)
{
	uint8_t deployment[32], space[256];
	struct buffer sealed = BUFFER_OF_ARRAY(space);

	CHECK(signer_vault_new(ret_vault) == STATUS_OK);
	CHECK(signer_vault_genesis(*ret_vault, share, second, deployment, &sealed) == STATUS_OK);
}

int main(void)
{
	keys_open();
	make(&vault);
	make(&other_vault);
	RUN(test_a_record_opens_in_its_place_only);
	RUN(test_a_wallets_key_signs_for_that_wallet_only);
	return test_summary();
}
