/* template_parameters: what a user who authorizes this policy fills in. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEMPLATE_PARAMETERS_H
#define TEMPLATE_PARAMETERS_H

/* X(name, TYPE, ROLE, NEED, default, entries at most, text)
 * TYPE: BOOL U64 PUBKEY TEXT U64_LIST PUBKEY_LIST; ROLE: NONE OWNER MINT; NEED: REQUIRED OPTIONAL
 * DEFAULTS */
/* clang-format off */
#define POLICY_PARAMETERS(X) \
	X(recipient, PUBKEY, NONE, REQUIRED, 0, 0, "who receives the SOL") \
	X(max_lamports, U64, NONE, REQUIRED, 0, 0, "lamports sent in one transaction at most") \
	X(max_fee_lamports, U64, NONE, DEFAULTS, 100000, 0, "network fee of one transaction at most")
/* clang-format on */

#endif
