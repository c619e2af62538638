/* swap_parameters: what a grant of the swap policy says. Read by the module, by the tool that
 * writes its schema section, and by people. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SWAP_PARAMETERS_H
#define SWAP_PARAMETERS_H

/* X(name, TYPE, ROLE, NEED, default, entries at most, text) */
/* clang-format off */
#define POLICY_PARAMETERS(X) \
	X(input_mint, PUBKEY, MINT, REQUIRED, 0, 0, "token that is sold; So11111111111111111111111111111111111111112 for SOL") \
	X(max_in, U64, NONE, REQUIRED, 0, 0, "raw units sold in one transaction at most") \
	X(output_mints, PUBKEY_LIST, MINT, OPTIONAL, 0, 16, "tokens that may be bought; none given: any other whose mint stands in the transaction") \
	X(min_out, U64, NONE, DEFAULTS, 1, 0, "raw units bought in one transaction at least; above 1: output_mints has exactly one token") \
	X(max_slippage_bps, U64, NONE, REQUIRED, 0, 0, "distance of the guaranteed output from the quote at most, in 1/10000; Raydium names no quote") \
	X(min_price_out, U64, NONE, DEFAULTS, 0, 0, "minimum price; output_mints then has exactly one token: for every min_price_in raw units sold ...") \
	X(min_price_in, U64, NONE, DEFAULTS, 0, 0, "... at least min_price_out raw units come back; 0 and 0: no minimum price, and a hostile bot can lose all that is sold") \
	X(max_fee_lamports, U64, NONE, REQUIRED, 0, 0, "network fee of one transaction at most, base and priority") \
	X(max_tip_lamports, U64, NONE, DEFAULTS, 0, 0, "tips to block engines in one transaction at most") \
	X(tip_accounts, PUBKEY_LIST, NONE, OPTIONAL, 0, 16, "addresses besides the eight of the Jito block engine that take tips") \
	X(max_platform_fee_bps, U64, NONE, DEFAULTS, 0, 0, "platform fees of Jupiter, in 1/10000 of what is swapped at most") \
	X(max_rent_lamports, U64, NONE, DEFAULTS, 4565760, 0, "rent of the wallet's own new token accounts in one transaction at most") \
	X(allow_jupiter, BOOL, NONE, DEFAULTS, 1, 0, "swaps through Jupiter v6") \
	X(allow_raydium, BOOL, NONE, DEFAULTS, 1, 0, "swaps in Raydium AMM v4 pools") \
	X(allow_memo, BOOL, NONE, DEFAULTS, 1, 0, "memos may be written on chain") \
	X(allow_nonce, BOOL, NONE, DEFAULTS, 0, 0, "durable nonces that the grant names may be used") \
	X(readonly_wallet, BOOL, NONE, DEFAULTS, 0, 0, "the wallet must be read-only and another key pay the fee, so that its SOL is out of reach") \
	X(accept_unproven, BOOL, NONE, DEFAULTS, 0, 0, "accept the wallet's token accounts although their ownership is not proven")
/* clang-format on */

#endif
