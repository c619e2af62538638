/* policy_derive: which associated token accounts a grant is about.
 *
 * Derived once when a grant loads: (wallet and every owner parameter) x (every mint parameter), for
 * SPL Token and Token-2022. Per request, for the wallet only: mints that stand in the message, kept
 * in a small cache. The caller owns the memory; the sets hold public data only. A derived address
 * says which account it is, not who owns it now (A20). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_DERIVE_H
#define POLICY_DERIVE_H

#include "policy_parameters.h"
#include "solana_pda.h"

#define POLICY_ATAS_MAX   512 /* of one grant; each costs one derivation when it loads */
#define POLICY_MINTS_MAX  64  /* cached per wallet */
#define POLICY_MINTS_SEEN 8   /* mints of a message that are tried for the wallet */

struct policy_ata {
	uint8_t address[32];
	uint8_t owner[32];
	uint8_t mint[32];
	bool owner_is_wallet;
	bool token_2022;
};

struct policy_atas {
	size_t count;
	struct policy_ata entries[POLICY_ATAS_MAX];
};

/* The wallet's accounts for mints that messages brought; entries are replaced in turn. Zeroed
 * memory is an empty cache; one cache serves one wallet. */
struct policy_mint_cache {
	size_t next;
	struct {
		bool used;
		uint8_t mint[32];
		uint8_t address[2][32]; /* SPL Token, Token-2022 */
	} entries[POLICY_MINTS_MAX];
};

extern const uint8_t policy_token_program[32];
extern const uint8_t policy_token_2022_program[32];

/* policy_derive fills the set of a grant whose record has these parameters; STATUS_TOO_LARGE: they
 * name more than POLICY_ATAS_MAX. */
MUST_USE enum status policy_derive(const struct policy_schema *schema, struct bytes record,
                                   const uint8_t wallet[32], solana_sha256_fn *sha256,
                                   struct policy_atas *ret_atas);

/* policy_mint_cached gives the wallet's two addresses for a mint, deriving them when they are not
 * in the cache; then `*derivations` grows by 2, for the wallet's account of fairness. */
MUST_USE enum status policy_mint_cached(struct policy_mint_cache *cache, const uint8_t wallet[32],
                                        const uint8_t mint[32], solana_sha256_fn *sha256,
                                        const uint8_t (**ret_addresses)[32], uint32_t *derivations);

/* policy_is_builtin says whether a key is a program or sysvar that is never a mint. */
bool policy_is_builtin(const uint8_t key[32]);

#endif
