/* policy_real: real mainnet swaps (real_swaps.txt) with a wallet put in their payer's place, for
 * tests and the bench. Policies and intents of swaps share the names of their parameters. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_REAL_H
#define POLICY_REAL_H

#include "base_encode.h"
#include "base_test.h"
#include "keys.h"
#include "policy_make.h"
#include "policy_run.h"

static const uint8_t wallet[32] = {1, 'w'};

static void ata(const uint8_t *owner, const uint8_t *mint, bool second, uint8_t ret[32])
{
	EXPECT(solana_associated_token_address(
	           owner, mint, second ? policy_token_2022_program : policy_token_program,
	           keys_sha256, ret) == STATUS_OK);
}

struct real {
	uint8_t in[1][32], out[1][32];
	uint8_t message[LIMIT_TX_LEGACY_MAX];
	size_t len;
};

/* The payer and its own token accounts become the wallet's, in place. */
static void take_place(struct real *real, const struct solana_view *view)
{
	const uint8_t *mints[2] = {real->in[0], real->out[0]};
	uint8_t payer[32];
	memcpy(payer, solana_account_key(view, 0), 32);
	for (unsigned i = 0; i < view->static_count; i++) {
		uint8_t *key = real->message + view->keys + 32 * i;
		if (i == 0)
			memcpy(key, wallet, 32);
		for (int k = 0; k < 4; k++) {
			uint8_t from[32], to[32];
			ata(payer, mints[k / 2], k & 1, from);
			ata(wallet, mints[k / 2], k & 1, to);
			if (memcmp(key, from, 32) == 0) {
				memcpy(key, to, 32);
				break;
			}
		}
	}
}

static bool read_real(FILE *file, struct real *real)
{
	static struct solana_view view;
	static char line[4096], in[64], out[64], wire[2048];
	struct solana_error error;
	uint8_t space[2048];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%63s %63s %2047s", in, out, wire) != 3 || in[0] == '#')
			continue;
		make_key(in, real->in[0]);
		make_key(out, real->out[0]);
		EXPECT(base64_decode(bytes_of_text(wire), &bytes) == STATUS_OK);
		EXPECT(solana_decode_transaction(buffer_bytes(&bytes), &view, &error) == STATUS_OK);
		memcpy(real->message, view.message.data, view.message.len);
		real->len = view.message.len;
		take_place(real, &view);
		return true;
	}
	return false;
}

static void grant_real(const struct real *real, int module, uint64_t max_in, struct run_grant *g)
{
	const struct run_value values[] = {
	    {.name = "input_mint", .keys = real->in, .count = 1},
	    {.name = "max_in",                    .number = max_in                    },
	    {.name = "output_mints",                    .keys = real->out,.count = 1},
	    {.name = "max_slippage_bps",          .number = 10000                               },
	    {.name = "min_out",.number = 0},
	    {.name = "max_fee_lamports",              .number = 100000000                                                 },
	    {.name = "max_tip_lamports",.number = 100000000},
	    {.name = "max_platform_fee_bps",              .number = 200	                                                                   },
	};
	/* An intent of one program has no other's parameters. */
	struct run_value own[sizeof(values) / sizeof(values[0])];
	size_t count = 0;
	memset(g, 0, sizeof(*g));
	run_schema(g, module);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (policy_schema_find(&g->schema, bytes_of_text(values[i].name)) >= 0)
			own[count++] = values[i];
	run_grant(g, module, wallet, own, count);
}

#endif
