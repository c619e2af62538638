/* policy_request: writes what a module is shown (policy_abi.h): the check request.
 *
 * For the signer and the command line. Pure: what goes in decides every byte that comes out, so the
 * SHA-256 of the bytes names the request in receipts, and a replay writes the same ones. Borrows
 * everything; no allocation. Hints of a client about lookup tables are no input here (A2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_REQUEST_H
#define POLICY_REQUEST_H

#include "policy_derive.h"
#include "solana_fee.h"

/* Contents of a lookup table that the grant vouches for. */
struct policy_pin {
	uint8_t table[32];
	uint32_t known;               /* entries */
	const uint8_t (*entries)[32]; /* borrowed */
};

struct policy_input {
	unsigned mode;                      /* POLICY_MODE_* */
	uint32_t flags;                     /* POLICY_FLAG_* */
	const uint8_t *wallet;              /* 32 bytes: address */
	const struct solana_view *view;     /* NULL when a grant is described */
	const struct solana_fee_facts *fee; /* NULL unless a transaction */
	struct bytes record;                /* policy_record_encode */
	const struct policy_counter *counters;
	size_t counter_count;
	const struct policy_pin *pins;
	size_t pin_count;
	uint64_t time_low, time_high;
	const struct policy_atas *atas;  /* policy_derive */
	bool ownership_proven;           /* the wallet's own accounts are the wallet's (A20) */
	struct policy_mint_cache *mints; /* NULL: mints of the message are not tried */
	solana_sha256_fn *sha256;
};

/* policy_request_encode writes the request into `ret_request`, which is empty, 8-byte aligned and
 * holds POLICY_REQUEST_MAX bytes. `*ret_derivations`: how many addresses were derived for it.
 * STATUS_REFUSED: the wallet is no signer of the message. STATUS_TOO_LARGE: more of its accounts
 * are associated ones of the parameters than a request has room for. */
MUST_USE enum status policy_request_encode(const struct policy_input *input,
                                           struct buffer *ret_request, uint32_t *ret_derivations);

#endif
