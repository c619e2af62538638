/* transfer_parameters: what a grant of the transfer policy says. Read by the module, by the tool
 * that writes its schema section, and by people. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSFER_PARAMETERS_H
#define TRANSFER_PARAMETERS_H

/* X(name, TYPE, ROLE, NEED, default, entries at most, text) */
/* clang-format off */
#define POLICY_PARAMETERS(X) \
	X(recipients, PUBKEY_LIST, OWNER, OPTIONAL, 0, 32, "addresses that may receive SOL and tokens") \
	X(any_recipient, BOOL, NONE, DEFAULTS, 0, 0, "SOL may go to anyone; for development") \
	X(max_lamports, U64, NONE, DEFAULTS, 0, 0, "lamports sent in one transaction at most, fees not counted") \
	X(mints, PUBKEY_LIST, MINT, OPTIONAL, 0, 16, "tokens that may be sent") \
	X(max_amounts, U64_LIST, NONE, OPTIONAL, 0, 16, "raw units of each of the mints sent in one transaction at most, in their order") \
	X(max_fee_lamports, U64, NONE, REQUIRED, 0, 0, "network fee of one transaction at most, base and priority") \
	X(max_tip_lamports, U64, NONE, DEFAULTS, 0, 0, "tips to block engines in one transaction at most") \
	X(tip_accounts, PUBKEY_LIST, NONE, OPTIONAL, 0, 16, "addresses besides the eight of the Jito block engine that take tips") \
	X(create_accounts, BOOL, NONE, DEFAULTS, 0, 0, "the recipients' token accounts may be created, the wallet pays the rent") \
	X(allow_memo, BOOL, NONE, DEFAULTS, 0, 0, "memos may be written on chain") \
	X(allow_nonce, BOOL, NONE, DEFAULTS, 0, 0, "durable nonces that the grant names may be used") \
	X(accept_unproven, BOOL, NONE, DEFAULTS, 0, 0, "accept the wallet's token accounts although their ownership is not proven")
/* clang-format on */

#endif
