/* solana_fee: what a transaction can cost its fee payer in fees, never less than the runtime takes.
 *
 * Fees only: not the lamports that instructions move, nor rent. Facts about legacy and v0 come from
 * the ComputeBudget instructions, about v1 from the message's own limits (there the instructions
 * mean nothing). Where the runtime's figure depends on what is not in the bytes, the worst is
 * taken: a price without a limit counts 1,400,000 units. Precompile instructions (ed25519,
 * secp256k1, secp256r1) cost 5,000 lamports for each signature that their first byte claims, also
 * when they fail. Pure; trusts only the view (A19). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOLANA_FEE_H
#define SOLANA_FEE_H

#include "solana_view.h"

#define SOLANA_LAMPORTS_PER_SIGNATURE 5000u
#define SOLANA_COMPUTE_UNITS_MAX      1400000u

struct solana_fee_facts {
	uint32_t signature_count;       /* of the transaction itself */
	uint32_t precompile_signatures; /* claimed by precompile instructions */
	bool cu_limit_set;
	bool cu_price_set; /* legacy and v0 only */
	/* A ComputeBudget instruction names accounts: the runtime ignores them, so the fee is sure,
	 * and real bots do it; whether they may stand there is for the policy to say. */
	bool compute_budget_accounts;
	/* As written, at most 1,400,000; not set: 1,400,000, in v1 0. */
	uint32_t cu_limit;
	uint32_t loaded_data_limit_bytes; /* 0: not set */
	uint32_t heap_bytes;              /* 0: not set */
	uint64_t cu_price_micro_lamports; /* per unit; v1: 0 */
	uint64_t base_fee_lamports;
	uint64_t priority_fee_lamports; /* the most; UINT64_MAX when it does not fit */
	uint64_t worst_fee_lamports;    /* base and priority, capped at UINT64_MAX */
};

/* solana_fee_facts works out the facts of a transaction or message. ComputeBudget data that the
 * runtime would refuse or read past (another length, an unknown tag, a setting twice) is
 * STATUS_REFUSED with the error's offset in the message; an off-chain message too. */
MUST_USE enum status solana_fee_facts(const struct solana_view *view,
                                      struct solana_fee_facts *ret_facts,
                                      struct solana_error *ret_error);

#endif
