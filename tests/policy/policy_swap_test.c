/* policy_swap: real mainnet swaps are allowed for a wallet put in their payer's place, and every
 * attack on them is refused with its own reason, in the real engine. Mission S12, B4, B5; threats
 * A1, A2, A14, A15, A19, A20, A21. `policy_swap_test MODULE` runs on another module (mutate.py). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "keys.h"
#include "policy_make.h"
#include "policy_real.h"
#include "policy_run.h"

#define SYSTEM  "11111111111111111111111111111111"
#define TOKEN   "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
#define TOKEN22 "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
#define ATA     "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
#define BUDGET  "ComputeBudget111111111111111111111111111111"
#define MEMO    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
#define BLOCKS  "SysvarRecentB1ockHashes11111111111111111111"
#define JUPITER "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
#define RAYDIUM "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"
#define NATIVE  "So11111111111111111111111111111111111111112"
#define TIP     "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5"

static const uint8_t sponsor[32] = {2, 's'};
static const uint8_t stranger[32] = {5, 'x'};
static const uint8_t usd[1][32] = {
    {6, 'u'}
};
static const uint8_t coin[32] = {7, 'c'};
static const uint8_t two_coins[2][32] = {
    {6, 'u'},
    {7, 'c'}
};
static const uint8_t pool[32] = {8, 'p'};
static const uint8_t nonce[32] = {9, 'n'};
static uint8_t native[1][32];
static int module;
static struct policy_decision decision;

/* ---- grants: SELL_SOL buys usd for SOL, at most 1,000,000 lamports ---- */

enum grant_kind {
	SELL_SOL,
	SELL_USD,
	ANY_OUTPUT,
	PRICE_OF_ANY,
	PRICE_OF_TWO,
	MINIMUM_OF_ANY,
	MINIMUM_OF_TWO,
	MINIMUM_OF_ONE,
	LOOP,
	FEES,
	READONLY,
	UNPROVEN,
	NO_JUPITER,
	COUNTED,
	GRANTS
};

static void grant_of(enum grant_kind kind, struct run_grant *g)
{
	bool usd_in = kind == SELL_USD;
	bool any = kind == ANY_OUTPUT || kind == PRICE_OF_ANY || kind == MINIMUM_OF_ANY;
	bool two = kind == PRICE_OF_TWO || kind == MINIMUM_OF_TWO;
	bool priced = kind != ANY_OUTPUT && kind != MINIMUM_OF_ANY && kind != MINIMUM_OF_TWO &&
	              kind != MINIMUM_OF_ONE;
	uint64_t min_out = 900;
	if (kind == ANY_OUTPUT || kind == PRICE_OF_ANY || kind == PRICE_OF_TWO)
		min_out = 1;
	else if (kind == MINIMUM_OF_ANY || kind == MINIMUM_OF_TWO)
		min_out = 2;
	const struct run_value values[] = {
	    {.name = "input_mint",             .keys = usd_in ? usd : (const uint8_t(*)[32])native, .count = 1},
	    {.name = "max_in",	                        .number = 1000000	                                                           },
	    {.name = "output_mints",
	     .keys =
	         usd_in || kind == LOOP ? (const uint8_t(*)[32])native : (two ? two_coins : usd),
	     .count = any ? 0 : (two ? 2 : 1)},
	    {.name = "min_out", .number = min_out	                                           },
	    {.name = "max_slippage_bps",               .number = 100              },
	    {.name = "min_price_out",     .number = priced ? 1 : 0                                         },
	    {.name = "min_price_in",    .number = priced ? 1000 : 0             },
	    {.name = "max_fee_lamports",  .number = 15200                                       },
	    {.name = "max_tip_lamports",                .number = 50                           },
	    {.name = "max_platform_fee_bps",     .number = kind == FEES ? 10 : 0                            },
	    {.name = "max_rent_lamports",.number = 2039280                   },
	    {.name = "allow_jupiter",                   .number = kind != NO_JUPITER                                                  },
	    {.name = "allow_memo",.number = kind != FEES},
	    {.name = "allow_nonce",                         .number = kind == FEES	                                                                                 },
	    {.name = "readonly_wallet",.number = kind == READONLY},
	};
	memset(g, 0, sizeof(*g));
	run_grant(g, module, wallet, values, sizeof(values) / sizeof(values[0]));
	g->unproven = kind == UNPROVEN;
	g->has_nonce = true;
	memcpy(g->nonce, nonce, 32);
	if (kind == COUNTED) {
		g->counters[0] = (struct policy_counter){
		    .unit = POLICY_UNIT_LAMPORTS, .cap = 9000000, .left = 3044580};
		g->counter_count = 1;
	}
}

/* ---- parts ---- */

static struct make_ix *budget(struct make_tx *tx, uint8_t tag, uint64_t value)
{
	struct make_ix *ix = make_add(tx, BUDGET);
	make_data(ix, tag, 1);
	make_data(ix, value, tag == 3 ? 8 : 4);
	return ix;
}

static struct make_ix *sol(struct make_tx *tx, const uint8_t *from, const uint8_t *to,
                           uint64_t lamports)
{
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, from, "sw");
	make_use(ix, to, "w");
	make_data(ix, 2, 4);
	make_data(ix, lamports, 8);
	return ix;
}

static struct make_ix *wrap(struct make_tx *tx, uint64_t lamports)
{
	uint8_t to[32];
	ata(wallet, native[0], false, to);
	return sol(tx, wallet, to, lamports);
}

static struct make_ix *token(struct make_tx *tx, uint8_t tag, const uint8_t *mint)
{
	uint8_t account[32];
	struct make_ix *ix = make_add(tx, TOKEN);
	ata(wallet, mint, false, account);
	make_use(ix, account, "w");
	if (tag == 9) {
		make_use(ix, wallet, "w");
		make_use(ix, wallet, "s");
	}
	make_data(ix, tag, 1);
	return ix;
}

static struct make_ix *create(struct make_tx *tx, const uint8_t *owner, const uint8_t *mint,
                              const char *program)
{
	uint8_t account[32], key[32];
	struct make_ix *ix = make_add(tx, ATA);
	ata(owner, mint, strcmp(program, TOKEN22) == 0, account);
	make_use(ix, wallet, "sw");
	make_use(ix, account, "w");
	make_use(ix, owner, "");
	make_use(ix, mint, "");
	make_key(SYSTEM, key);
	make_use(ix, key, "");
	make_key(program, key);
	make_use(ix, key, "");
	make_data(ix, 1, 1);
	return ix;
}

/* What a Jupiter route instruction says. */
struct route {
	uint8_t discriminator[8];
	const char *in, *out; /* mints: NATIVE's or usd's derived accounts */
	uint64_t amount, quoted;
	uint16_t slippage, fee, positive;
};

#define ROUTE_AUTHORITY   1
#define ROUTE_SOURCE      2
#define ROUTE_DESTINATION 3
#define ROUTE_SECOND      4
#define ROUTE_MINT        5
#define ROUTE_FEE         6
#define ROUTE_PROGRAM     8
/* Where things are in the data of `route` with one step of a variant without fields. */
#define ROUTE_TAG         12
#define ROUTE_AMOUNT      16
#define ROUTE_QUOTED      24
#define ROUTE_SLIPPAGE    32
#define ROUTE_FEE_BPS     34

static struct make_ix *route(struct make_tx *tx)
{
	static const uint8_t discriminator[8] = {0xe5, 0x17, 0xcb, 0x97, 0x7a, 0xe3, 0xad, 0x2a};
	static const uint8_t plan[] = {1, 0, 0, 0, 7, 100, 0, 1};
	uint8_t from[32], to[32], key[32];
	struct make_ix *ix = make_add(tx, JUPITER);
	ata(wallet, native[0], false, from);
	ata(wallet, usd[0], false, to);
	make_key(TOKEN, key);
	make_use(ix, key, "");
	make_use(ix, wallet, "s");
	make_use(ix, from, "w");
	make_use(ix, to, "w");
	make_key(JUPITER, key);
	make_use(ix, key, "");
	make_use(ix, usd[0], "");
	make_use(ix, key, "");
	make_use(ix, stranger, "");
	make_use(ix, key, "");
	make_use(ix, pool, "w"); /* the venue's own */
	make_data_bytes(ix, discriminator, 8);
	make_data_bytes(ix, plan, sizeof(plan));
	make_data(ix, 1000000, 8); /* in */
	make_data(ix, 2000, 8);    /* quoted out */
	make_data(ix, 100, 2);     /* slippage: 1980 guaranteed */
	make_data(ix, 0, 1);       /* platform fee */
	return ix;
}

static struct make_ix *route_v2(struct make_tx *tx)
{
	static const uint8_t discriminator[8] = {0xbb, 0x64, 0xfa, 0xcc, 0x31, 0xc4, 0xaf, 0x14};
	static const uint8_t plan[] = {1, 0, 0, 0, 7, 16, 39, 0, 1};
	uint8_t from[32], to[32], key[32];
	struct make_ix *ix = make_add(tx, JUPITER);
	ata(wallet, native[0], false, from);
	ata(wallet, usd[0], false, to);
	make_use(ix, wallet, "s");
	make_use(ix, from, "w");
	make_use(ix, to, "w");
	make_use(ix, native[0], "");
	make_use(ix, usd[0], "");
	make_key(TOKEN, key);
	make_use(ix, key, "");
	make_use(ix, key, "");
	make_key(JUPITER, key);
	make_use(ix, key, "");
	make_use(ix, stranger, "");
	make_use(ix, key, "");
	make_data_bytes(ix, discriminator, 8);
	make_data(ix, 1000000, 8);
	make_data(ix, 2000, 8);
	make_data(ix, 100, 2);
	make_data(ix, 0, 2);
	make_data(ix, 0, 2);
	make_data_bytes(ix, plan, sizeof(plan));
	return ix;
}

static struct make_ix *raydium(struct make_tx *tx)
{
	uint8_t from[32], to[32], key[32];
	struct make_ix *ix = make_add(tx, RAYDIUM);
	ata(wallet, native[0], false, from);
	ata(wallet, usd[0], false, to);
	make_key(TOKEN, key);
	make_use(ix, key, "");
	for (int i = 0; i < 14; i++)
		make_use(ix, pool, "w");
	make_use(ix, from, "w");
	make_use(ix, to, "w");
	make_use(ix, wallet, "s");
	make_data(ix, 9, 1);
	make_data(ix, 1000000, 8);
	make_data(ix, 1980, 8);
	return ix;
}

static void set(struct make_ix *ix, size_t at, uint64_t value, size_t bytes)
{
	memcpy(ix->data + at, &value, bytes);
}

static struct make_ix *last(struct make_tx *tx)
{
	return &tx->ix[tx->ix_count - 1];
}

/* ---- cases ---- */

static void r_ok(struct make_tx *tx)
{
	route(tx);
}
static void r_v2(struct make_tx *tx)
{
	route_v2(tx);
}
static void r_one_over(struct make_tx *tx)
{
	set(route(tx), ROUTE_AMOUNT, 1000001, 8);
}
static void r_min_out(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	set(ix, ROUTE_AMOUNT, 1000, 8); /* so that the price holds */
	set(ix, ROUTE_QUOTED, 909, 8);  /* 899 guaranteed */
}
static void r_price(struct make_tx *tx)
{
	set(route(tx), ROUTE_QUOTED, 1009, 8); /* 998 for 1,000,000 */
}
static void r_slippage(struct make_tx *tx)
{
	set(route(tx), ROUTE_SLIPPAGE, 101, 2);
}
static void r_slippage_nonsense(struct make_tx *tx)
{
	set(route(tx), ROUTE_SLIPPAGE, 10001, 2);
}
static void r_fee(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	set(ix, ROUTE_FEE_BPS, 1, 1);
}
static void r_fee_10(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	set(ix, ROUTE_FEE_BPS, 10, 1);
	memcpy(ix->accounts[ROUTE_FEE].key, stranger, 32);
	ix->accounts[ROUTE_FEE].writable = true;
}
static void r_fee_11(struct make_tx *tx)
{
	set(route(tx), ROUTE_FEE_BPS, 11, 1);
}
static void r_fee_account(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	memcpy(ix->accounts[ROUTE_FEE].key, stranger, 32);
	ix->accounts[ROUTE_FEE].writable = true;
}
static void r_positive_slippage(struct make_tx *tx)
{
	set(route_v2(tx), 28, 1, 2);
}
static void r_trailing(struct make_tx *tx)
{
	make_data(route(tx), 0, 1);
}
/* A1: a second tail that shows small amounts behind the real, large ones. */
static void r_forged_tail(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	set(ix, ROUTE_AMOUNT, 900000000, 8);
	make_data(ix, 1000000, 8);
	make_data(ix, 2000, 8);
	make_data(ix, 100, 2);
	make_data(ix, 0, 1);
}
static void r_v2_trailing(struct make_tx *tx)
{
	make_data(route_v2(tx), 0, 1);
}
static void r_short(struct make_tx *tx)
{
	route(tx)->len--;
}
static void r_unknown_step(struct make_tx *tx)
{
	set(route(tx), ROUTE_TAG, 200, 1);
}
static void r_changed_step(struct make_tx *tx)
{
	set(route(tx), ROUTE_TAG, 111, 1);
}
static void r_new_step_in_v1(struct make_tx *tx)
{
	set(route(tx), ROUTE_TAG, 154, 1);
}
static void r_new_step_in_v2(struct make_tx *tx)
{
	set(route_v2(tx), 34, 154, 1);
}
static void r_no_steps(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	set(ix, 8, 0, 4);
	memmove(ix->data + 12, ix->data + 16, ix->len - 16);
	ix->len -= 4;
}
static void with_step(struct make_tx *tx, const uint8_t *fields, size_t len)
{
	struct make_ix *ix = route(tx);
	memmove(ix->data + ROUTE_TAG + len, ix->data + ROUTE_TAG + 1, ix->len - ROUTE_TAG - 1);
	memcpy(ix->data + ROUTE_TAG, fields, len);
	ix->len += len - 1;
}
static void r_step_bool(struct make_tx *tx)
{
	static const uint8_t step[] = {17, 1};
	with_step(tx, step, sizeof(step));
}
static void r_step_not_bool(struct make_tx *tx)
{
	static const uint8_t step[] = {17, 2};
	with_step(tx, step, sizeof(step));
}
static void r_step_option(struct make_tx *tx)
{
	static const uint8_t step[] = {47, 1, 1, 2, 0, 0, 0, 4, 1, 5, 1};
	with_step(tx, step, sizeof(step));
}
static void r_step_long_vec(struct make_tx *tx)
{
	static const uint8_t step[] = {47, 1, 1, 255, 255, 255, 255, 4, 1, 5, 1};
	with_step(tx, step, sizeof(step));
}
/* A14: Raydium Launchlab steps carry a share for whoever the bot names. */
static void r_step_share(struct make_tx *tx)
{
	static const uint8_t step[] = {81, 1, 0, 0, 0, 0, 0, 0, 0};
	with_step(tx, step, sizeof(step));
}
static void r_step_no_share(struct make_tx *tx)
{
	static const uint8_t step[] = {81, 0, 0, 0, 0, 0, 0, 0, 0};
	with_step(tx, step, sizeof(step));
}
static void r_source(struct make_tx *tx)
{
	memcpy(route(tx)->accounts[ROUTE_SOURCE].key, stranger, 32);
}
static void r_source_hidden(struct make_tx *tx)
{
	route(tx)->accounts[ROUTE_SOURCE].hidden = true;
}
static void r_source_mint(struct make_tx *tx)
{
	ata(wallet, usd[0], false, route(tx)->accounts[ROUTE_SOURCE].key);
}
static void r_destination(struct make_tx *tx)
{
	ata(stranger, usd[0], false, route(tx)->accounts[ROUTE_DESTINATION].key);
}
static void r_destination_hidden(struct make_tx *tx)
{
	route(tx)->accounts[ROUTE_DESTINATION].hidden = true;
}
static void r_second_destination(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	memcpy(ix->accounts[ROUTE_SECOND].key, stranger, 32);
	ix->accounts[ROUTE_SECOND].writable = true;
}
static void r_second_destination_own(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	ata(wallet, usd[0], false, ix->accounts[ROUTE_SECOND].key);
	ix->accounts[ROUTE_SECOND].writable = true;
}
/* B5: the mint hides in a table, the static destination is the wallet's own account. */
static void r_mint_hidden(struct make_tx *tx)
{
	route(tx)->accounts[ROUTE_MINT].hidden = true;
}
static void r_mint_lies(struct make_tx *tx)
{
	memcpy(route(tx)->accounts[ROUTE_MINT].key, coin, 32);
}
static void r_v2_source_mint_lies(struct make_tx *tx)
{
	memcpy(route_v2(tx)->accounts[3].key, coin, 32);
}
static void r_other_output(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	ata(wallet, coin, false, ix->accounts[ROUTE_DESTINATION].key);
	memcpy(ix->accounts[ROUTE_MINT].key, coin, 32);
}
static void r_loop(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	ata(wallet, native[0], false, ix->accounts[ROUTE_DESTINATION].key);
	memcpy(ix->accounts[ROUTE_MINT].key, native[0], 32);
}
static void r_authority(struct make_tx *tx)
{
	memcpy(route(tx)->accounts[ROUTE_AUTHORITY].key, sponsor, 32);
}
static void r_not_jupiter(struct make_tx *tx)
{
	memcpy(route(tx)->accounts[ROUTE_PROGRAM].key, stranger, 32);
}
static void r_few_accounts(struct make_tx *tx)
{
	route(tx)->account_count = 8;
}
static void r_ledger(struct make_tx *tx)
{
	static const uint8_t discriminator[8] = {0x96, 0x56, 0x47, 0x74, 0xa7, 0x5d, 0x0e, 0x68};
	memcpy(route(tx)->data, discriminator, 8);
}
static void r_twice(struct make_tx *tx)
{
	route(tx);
	route(tx);
}
static void r_none(struct make_tx *tx)
{
	wrap(tx, 1000);
}
static void r_other_program(struct make_tx *tx)
{
	route(tx);
	make_data(make_add(tx, TOKEN22), 17, 1);
}
static void r_sponsored(struct make_tx *tx)
{
	memcpy(tx->payer, sponsor, 32);
	route(tx);
}
static void r_fee_high(struct make_tx *tx)
{
	set(&tx->ix[1], 1, 51001, 8);
	set(&tx->ix[0], 1, 200001, 4);
	route(tx);
}
static void r_exact_out(struct make_tx *tx, uint64_t quoted_in, uint64_t fee_bps)
{
	static const uint8_t discriminator[8] = {0x9d, 0x8a, 0xb8, 0x52, 0x15, 0xf4, 0xf3, 0x24};
	struct make_ix *ix = route_v2(tx);
	memcpy(ix->data, discriminator, 8);
	set(ix, 8, 2000, 8); /* out */
	set(ix, 16, quoted_in, 8);
	set(ix, 26, fee_bps, 2);
}
static void r_exact_out_ok(struct make_tx *tx)
{
	r_exact_out(tx, 990099, 0); /* and 1% is 1,000,000 */
}
static void r_exact_out_over(struct make_tx *tx)
{
	r_exact_out(tx, 990100, 0);
}
/* 10/10000 is taken of what is sold, on top of 1% (Jupiter takes it there): 999000, and so 999999,
 * and one more makes 1000001. */
static void r_exact_out_fee(struct make_tx *tx)
{
	r_exact_out(tx, 989108, 10);
}
static void r_exact_out_fee_over(struct make_tx *tx)
{
	r_exact_out(tx, 989109, 10);
}

static void r_no_discriminator(struct make_tx *tx)
{
	route(tx)->len = 7;
}
static void r_no_plan(struct make_tx *tx)
{
	route(tx)->len = 10;
}
static void r_ends_in_plan(struct make_tx *tx)
{
	route(tx)->len = 13;
}

static void y_no_tag(struct make_tx *tx)
{
	raydium(tx)->len = 0;
}
static void y_ok(struct make_tx *tx)
{
	raydium(tx);
}
static void y_over(struct make_tx *tx)
{
	set(raydium(tx), 1, 1000001, 8);
}
static void y_min_out(struct make_tx *tx)
{
	struct make_ix *ix = raydium(tx);
	set(ix, 1, 1000, 8);
	set(ix, 9, 899, 8);
}
static void y_trailing(struct make_tx *tx)
{
	make_data(raydium(tx), 0, 2);
}
static void y_other_tag(struct make_tx *tx)
{
	set(raydium(tx), 0, 10, 1);
}
static void y_one_account_less(struct make_tx *tx)
{
	struct make_ix *ix = raydium(tx);
	memmove(&ix->accounts[1], &ix->accounts[3], 15 * sizeof(ix->accounts[0]));
	ix->account_count -= 2;
}
static void y_destination(struct make_tx *tx)
{
	struct make_ix *ix = raydium(tx);
	memcpy(ix->accounts[ix->account_count - 2].key, stranger, 32);
}
static void y_owner(struct make_tx *tx)
{
	struct make_ix *ix = raydium(tx);
	memcpy(ix->accounts[ix->account_count - 1].key, sponsor, 32);
}

static void w_all(struct make_tx *tx)
{
	create(tx, wallet, native[0], TOKEN);
	wrap(tx, 1000000);
	token(tx, 17, native[0]);
	route(tx);
	token(tx, 9, native[0]);
}
static void w_over(struct make_tx *tx)
{
	wrap(tx, 600000);
	wrap(tx, 400001);
	route(tx);
}
static void w_elsewhere(struct make_tx *tx)
{
	sol(tx, wallet, stranger, 1000);
	route(tx);
}
static void w_other_own_account(struct make_tx *tx)
{
	uint8_t to[32];
	ata(wallet, usd[0], false, to);
	sol(tx, wallet, to, 1000);
	route(tx);
}
static void w_from_other(struct make_tx *tx)
{
	uint8_t to[32];
	ata(wallet, native[0], false, to);
	sol(tx, sponsor, to, 1000);
	route(tx);
}
static void sell_usd(struct make_tx *tx)
{
	struct make_ix *ix = route(tx);
	ata(wallet, usd[0], false, ix->accounts[ROUTE_SOURCE].key);
	ata(wallet, native[0], false, ix->accounts[ROUTE_DESTINATION].key);
	memcpy(ix->accounts[ROUTE_MINT].key, native[0], 32);
}
static void u_ok(struct make_tx *tx)
{
	sell_usd(tx);
	token(tx, 9, native[0]);
}
static void u_wrap(struct make_tx *tx)
{
	wrap(tx, 1000);
	sell_usd(tx);
}
static void c_to_other(struct make_tx *tx)
{
	route(tx);
	memcpy(token(tx, 9, native[0])->accounts[1].key, stranger, 32);
}
static void c_other_owner(struct make_tx *tx)
{
	route(tx);
	memcpy(token(tx, 9, native[0])->accounts[2].key, sponsor, 32);
}
static void c_other_mint(struct make_tx *tx)
{
	route(tx);
	token(tx, 9, usd[0]);
}
static void c_other_account(struct make_tx *tx)
{
	route(tx);
	memcpy(token(tx, 9, native[0])->accounts[0].key, stranger, 32);
}
static void c_transfer(struct make_tx *tx)
{
	route(tx);
	struct make_ix *ix = token(tx, 12, native[0]);
	make_data(ix, 1, 8);
	make_data(ix, 9, 1);
	make_use(ix, native[0], "");
	make_use(ix, stranger, "w");
	make_use(ix, wallet, "s");
}
static void c_batch(struct make_tx *tx)
{
	route(tx);
	token(tx, 255, native[0]);
}
static void a_other_owner(struct make_tx *tx)
{
	create(tx, stranger, usd[0], TOKEN);
	route(tx);
}
static void a_two(struct make_tx *tx)
{
	create(tx, wallet, native[0], TOKEN);
	create(tx, wallet, usd[0], TOKEN);
	route(tx);
}
static void a_sponsored(struct make_tx *tx)
{
	memcpy(create(tx, wallet, native[0], TOKEN)->accounts[0].key, sponsor, 32);
	memcpy(create(tx, wallet, usd[0], TOKEN)->accounts[0].key, sponsor, 32);
	route(tx);
}
static void a_program(struct make_tx *tx)
{
	struct make_ix *ix = create(tx, wallet, coin, TOKEN);
	memcpy(ix->accounts[5].key, stranger, 32);
	route(tx);
}
static void t_ok(struct make_tx *tx)
{
	uint8_t key[32];
	make_key(TIP, key);
	route(tx);
	sol(tx, wallet, key, 50);
}
static void t_over(struct make_tx *tx)
{
	t_ok(tx);
	last(tx)->data[4]++;
}
static void m_ok(struct make_tx *tx)
{
	make_data_bytes(make_add(tx, MEMO), "hi", 2);
	route(tx);
}
static void m_signer(struct make_tx *tx)
{
	m_ok(tx);
	make_use(&tx->ix[2], sponsor, "s");
}
static void n_nonce(struct make_tx *tx)
{
	uint8_t key[32];
	tx->ix_count = 0;
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, nonce, "w");
	make_key(BLOCKS, key);
	make_use(ix, key, "");
	make_use(ix, wallet, "s");
	make_data(ix, 4, 4);
	route(tx);
}
static void n_authority(struct make_tx *tx)
{
	n_nonce(tx);
	memcpy(tx->ix[0].accounts[2].key, sponsor, 32);
}

struct attack {
	const char *name;
	enum grant_kind grant;
	void (*build)(struct make_tx *tx);
	uint32_t reason; /* NONE: allowed */
	uint64_t lamports_out;
};

#define R(x) POLICY_REASON_##x

/* clang-format off */
static const struct attack attacks[] = {
	{"route", SELL_SOL, r_ok, R(NONE), 5200},
	{"route_v2", SELL_SOL, r_v2, R(NONE), 5200},
	{"one lamport over", SELL_SOL, r_one_over, R(AMOUNT), 0},
	{"guaranteed output too small", SELL_SOL, r_min_out, R(MIN_OUT), 0},
	{"price below the user's minimum", SELL_SOL, r_price, R(PRICE), 0},
	{"slippage", SELL_SOL, r_slippage, R(SLIPPAGE), 0},
	{"slippage above all", SELL_SOL, r_slippage_nonsense, R(DATA), 0},
	{"platform fee", SELL_SOL, r_fee, R(PLATFORM_FEE), 0},
	{"platform fee that is allowed", FEES, r_fee_10, R(NONE), 5200},
	{"platform fee over the allowed", FEES, r_fee_11, R(PLATFORM_FEE), 0},
	{"platform fee account", SELL_SOL, r_fee_account, R(PLATFORM_FEE), 0},
	{"positive slippage taken", SELL_SOL, r_positive_slippage, R(PLATFORM_FEE), 0},
	{"trailing byte", SELL_SOL, r_trailing, R(TRAILING), 0},
	{"second forged tail", SELL_SOL, r_forged_tail, R(TRAILING), 0},
	{"trailing byte, v2", SELL_SOL, r_v2_trailing, R(TRAILING), 0},
	{"missing byte", SELL_SOL, r_short, R(DATA), 0},
	{"no discriminator", SELL_SOL, r_no_discriminator, R(DATA), 0},
	{"no route plan", SELL_SOL, r_no_plan, R(DATA), 0},
	{"data that ends in the route plan", SELL_SOL, r_ends_in_plan, R(DATA), 0},
	{"Raydium without a tag", SELL_SOL, y_no_tag, R(DATA), 0},
	{"unknown route step", SELL_SOL, r_unknown_step, R(ROUTE), 0},
	{"route step that was changed in place", SELL_SOL, r_changed_step, R(ROUTE), 0},
	{"newer route step before the amounts", SELL_SOL, r_new_step_in_v1, R(ROUTE), 0},
	{"newer route step behind the amounts", SELL_SOL, r_new_step_in_v2, R(NONE), 5200},
	{"no route", SELL_SOL, r_no_steps, R(ROUTE), 0},
	{"step with a bool", SELL_SOL, r_step_bool, R(NONE), 5200},
	{"step with a bool of 2", SELL_SOL, r_step_not_bool, R(DATA), 0},
	{"step with slices", SELL_SOL, r_step_option, R(NONE), 5200},
	{"step with slices beyond the end", SELL_SOL, r_step_long_vec, R(DATA), 0},
	{"step with a fee share", SELL_SOL, r_step_share, R(ROUTE), 0},
	{"step without a fee share", SELL_SOL, r_step_no_share, R(NONE), 5200},
	{"another source", SELL_SOL, r_source, R(SOURCE), 0},
	{"source hidden in a table", SELL_SOL, r_source_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"another mint sold", SELL_SOL, r_source_mint, R(MINT), 0},
	{"another's destination", SELL_SOL, r_destination, R(DESTINATION), 0},
	{"destination hidden in a table", SELL_SOL, r_destination_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"second destination", SELL_SOL, r_second_destination, R(DESTINATION), 0},
	{"second destination that is own", SELL_SOL, r_second_destination_own, R(NONE), 5200},
	{"mint hidden in a table, own destination", SELL_SOL, r_mint_hidden, R(NONE), 5200},
	{"mint that is not the destination's", SELL_SOL, r_mint_lies, R(MINT), 0},
	{"source mint that is not the source's", SELL_SOL, r_v2_source_mint_lies, R(MINT), 0},
	{"another mint bought", SELL_SOL, r_other_output, R(MINT), 0},
	{"any mint bought", ANY_OUTPUT, r_other_output, R(NONE), 5200},
	{"a price and no mint", PRICE_OF_ANY, r_other_output, R(PARAMETERS), 0},
	{"a price and two mints", PRICE_OF_TWO, r_other_output, R(PARAMETERS), 0},
	{"a minimum above 1 and no mint", MINIMUM_OF_ANY, r_other_output, R(PARAMETERS), 0},
	{"a minimum above 1 and two mints", MINIMUM_OF_TWO, r_other_output, R(PARAMETERS), 0},
	{"a minimum above 1 and one mint", MINIMUM_OF_ONE, r_ok, R(NONE), 5200},
	{"own account of a hidden mint, any mint", ANY_OUTPUT, r_mint_hidden, R(DESTINATION), 0},
	{"the same mint bought, any mint", ANY_OUTPUT, r_loop, R(MINT), 0},
	{"the same mint bought", SELL_SOL, r_loop, R(MINT), 0},
	{"a closed loop that is named", LOOP, r_loop, R(NONE), 5200},
	{"another signs the swap", SELL_SOL, r_authority, R(SIGNER), 0},
	{"another program account", SELL_SOL, r_not_jupiter, R(ACCOUNT), 0},
	{"too few accounts", SELL_SOL, r_few_accounts, R(ACCOUNT_COUNT), 0},
	{"amount taken from a ledger", SELL_SOL, r_ledger, R(INSTRUCTION), 0},
	{"two swaps", SELL_SOL, r_twice, R(REPEATED), 0},
	{"no swap", SELL_SOL, r_none, R(MISSING), 0},
	{"one more instruction", SELL_SOL, r_other_program, R(PROGRAM), 0},
	{"Jupiter is not allowed", NO_JUPITER, r_ok, R(PROGRAM), 0},
	{"Raydium when Jupiter is not allowed", NO_JUPITER, y_ok, R(NONE), 5200},
	{"wallet must be read-only", READONLY, r_ok, R(FEE_PAYER), 0},
	{"read-only wallet, another pays", READONLY, r_sponsored, R(NONE), 0},
	{"raised priority fee", SELL_SOL, r_fee_high, R(FEE), 0},
	{"exact out", SELL_SOL, r_exact_out_ok, R(NONE), 5200},
	{"exact out, one over with slippage", SELL_SOL, r_exact_out_over, R(AMOUNT), 0},
	{"exact out, with a platform fee", FEES, r_exact_out_fee, R(NONE), 5200},
	{"exact out, one over with a platform fee", FEES, r_exact_out_fee_over, R(AMOUNT), 0},
	{"ownership that is not proven", UNPROVEN, r_ok, R(OWNERSHIP), 0},
	{"Raydium", SELL_SOL, y_ok, R(NONE), 5200},
	{"Raydium, one lamport over", SELL_SOL, y_over, R(AMOUNT), 0},
	{"Raydium, output too small", SELL_SOL, y_min_out, R(MIN_OUT), 0},
	{"Raydium, trailing bytes", SELL_SOL, y_trailing, R(TRAILING), 0},
	{"Raydium, another instruction", SELL_SOL, y_other_tag, R(INSTRUCTION), 0},
	{"Raydium, missing account", SELL_SOL, y_one_account_less, R(ACCOUNT_COUNT), 0},
	{"Raydium, another's destination", SELL_SOL, y_destination, R(DESTINATION), 0},
	{"Raydium, another owner", SELL_SOL, y_owner, R(SIGNER), 0},
	{"create, wrap, swap, close", SELL_SOL, w_all, R(NONE), 5200 + 2039280 + 1000000},
	{"wrapped too much in two", SELL_SOL, w_over, R(AMOUNT), 0},
	{"SOL to another", SELL_SOL, w_elsewhere, R(RECIPIENT), 0},
	{"SOL into another own account", SELL_SOL, w_other_own_account, R(RECIPIENT), 0},
	{"SOL of another", SELL_SOL, w_from_other, R(SOURCE), 0},
	{"token sold, unwrapped", SELL_USD, u_ok, R(NONE), 5200},
	{"wrapping when a token is sold", SELL_USD, u_wrap, R(WRAP), 0},
	{"wrapping into an unproven account", UNPROVEN, w_all, R(OWNERSHIP), 0},
	{"closed to another", SELL_SOL, c_to_other, R(CLOSE), 0},
	{"closed by another", SELL_SOL, c_other_owner, R(SIGNER), 0},
	{"another own account closed", SELL_SOL, c_other_mint, R(MINT), 0},
	{"another's account closed", SELL_SOL, c_other_account, R(SOURCE), 0},
	{"a token transfer beside", SELL_SOL, c_transfer, R(INSTRUCTION), 0},
	{"token batch beside", SELL_SOL, c_batch, R(FLOOR), 0},
	{"account created for another", SELL_SOL, a_other_owner, R(DESTINATION), 0},
	{"more rent than allowed", SELL_SOL, a_two, R(RENT), 0},
	{"rent that another pays", SELL_SOL, a_sponsored, R(NONE), 10200},
	{"account of another token program", SELL_SOL, a_program, R(ACCOUNT), 0},
	{"tip", SELL_SOL, t_ok, R(NONE), 5250},
	{"tip over its cap", SELL_SOL, t_over, R(TIP), 0},
	{"memo", SELL_SOL, m_ok, R(NONE), 5200},
	{"memo that is not allowed", FEES, m_ok, R(MEMO), 0},
	{"memo with another signer", SELL_SOL, m_signer, R(ACCOUNT), 0},
	{"durable nonce", SELL_SOL, n_nonce, R(LIFETIME), 0},
	{"named durable nonce", FEES, n_nonce, R(NONE), 5000},
	{"nonce of another authority", FEES, n_authority, R(ACCOUNT), 0},
	{"within the counter", COUNTED, w_all, R(NONE), 5200 + 2039280 + 1000000},
};
/* clang-format on */
#define ATTACK_COUNT (sizeof(attacks) / sizeof(attacks[0]))

static struct run_grant grants[GRANTS];

static void run_mode(const struct attack *a, uint32_t mode, uint32_t flags)
{
	static struct make_tx tx;
	static struct make_message message;
	memset(&tx, 0, sizeof(tx));
	tx.format = SOLANA_FORMAT_V0;
	memcpy(tx.payer, wallet, 32);
	budget(&tx, 2, 200000);
	budget(&tx, 3, 1000);
	a->build(&tx);
	make_transaction_message(&tx, &message);
	run_message(&grants[a->grant], bytes_of(message.bytes, message.len), mode, flags,
	            &decision);
}

static void run_attack(const struct attack *a, uint32_t flags)
{
	run_mode(a, POLICY_MODE_CHECK, flags);
}

static void test_each_case_gets_its_verdict_and_its_own_reason(void)
{
	for (size_t i = 0; i < ATTACK_COUNT; i++) {
		const struct attack *a = &attacks[i];
		run_attack(a, 0);
		bool right = decision.reason == a->reason &&
		             verdict_allows(decision.verdict) == (a->reason == R(NONE));
		if (!right)
			fprintf(stderr, "case \"%s\": reason %u (%s), not %u\n", a->name,
			        decision.reason, decision.text, a->reason);
		EXPECT(right);
		if (right && a->reason == R(NONE)) {
			if (decision.facts.lamports_out != a->lamports_out)
				fprintf(stderr, "case \"%s\": %llu lamports\n", a->name,
				        (unsigned long long)decision.facts.lamports_out);
			EXPECT(decision.facts.lamports_out == a->lamports_out);
			EXPECT(decision.facts.token_count == 1);
		}
	}
}

static void test_explain_gives_the_same_reason(void)
{
	for (size_t i = 0; i < ATTACK_COUNT; i++) {
		run_attack(&attacks[i], 0);
		uint32_t reason = decision.reason;
		run_attack(&attacks[i], POLICY_FLAG_EXPLAIN);
		if (decision.reason != reason)
			fprintf(stderr, "case \"%s\": reason %u (%s), not %u\n", attacks[i].name,
			        decision.reason, decision.text, reason);
		EXPECT(decision.reason == reason);
	}
}

/* Wrapped lamports and the wrapped SOL that is sold are the same money: charged once (A21). */
static void test_wrapped_and_sold_sol_is_charged_once(void)
{
	const struct attack whole = {"", COUNTED, w_all, 0, 0};
	run_attack(&whole, 0);
	EXPECT(decision.charge_count == 1);
	EXPECT(decision.charges[0].amount == 5200 + 2039280 + 1000000);
	EXPECT(decision.facts.wrapped_lamports == 1000000 &&
	       decision.facts.rent_lamports == 2039280);
	EXPECT(decision.facts.tokens[0].amount == 1000000);
}

/* Each is allowed with exactly the amount it needs and refused with one raw unit less. */
static void test_real_swaps_are_allowed_up_to_the_last_unit(void)
{
	static struct run_grant g;
	static struct real real;
	unsigned count = 0;
	FILE *file = fopen(SOURCE_DIR "/tests/policy/real_swaps.txt", "r");
	EXPECT(file != NULL);
	while (file != NULL && read_real(file, &real)) {
		struct bytes message = bytes_of(real.message, real.len);
		grant_real(&real, module, INT64_MAX, &g);
		run_message(&g, message, POLICY_MODE_CHECK, 0, &decision);
		if (!verdict_allows(decision.verdict))
			fprintf(stderr, "real swap %u: %s\n", count, decision.text);
		EXPECT(verdict_allows(decision.verdict));
		EXPECT(run_fuel() < 60000);
		uint64_t sold = decision.facts.tokens[0].amount;
		if (decision.facts.wrapped_lamports > sold)
			sold = decision.facts.wrapped_lamports;
		EXPECT(sold > 0);
		grant_real(&real, module, sold, &g);
		run_message(&g, message, POLICY_MODE_CHECK, 0, &decision);
		EXPECT(verdict_allows(decision.verdict));
		grant_real(&real, module, sold - 1, &g);
		run_message(&g, message, POLICY_MODE_CHECK, 0, &decision);
		EXPECT(decision.reason == R(AMOUNT));
		grant_real(&real, module, INT64_MAX, &g);
		run_message(&g, message, POLICY_MODE_DESCRIBE_TRANSACTION, 0, &decision);
		EXPECT(strstr(decision.text, "Swap through") != NULL);
		EXPECT(strstr(decision.text, "refused") == NULL);
		EXPECT(strstr(decision.text, "at most ") != NULL &&
		       strstr(decision.text, "Trusted to take no more than that") != NULL);
		count++;
	}
	EXPECT(count >= 16);
	if (file != NULL)
		fclose(file);
}

/* Any one bit flipped in a real swap's own amounts region may change the verdict, never the facts'
 * truth: what is allowed never sells more than the grant says. */
static void test_no_flipped_bit_sells_more(void)
{
	static struct run_grant g;
	static struct real real;
	unsigned flips = 0;
	FILE *file = fopen(SOURCE_DIR "/tests/policy/real_swaps.txt", "r");
	for (int row = 0; row < 6 && read_real(file, &real); row++) {
		grant_real(&real, module, INT64_MAX, &g);
		run_message(&g, bytes_of(real.message, real.len), POLICY_MODE_CHECK, 0, &decision);
		uint64_t sold = decision.facts.tokens[0].amount;
		grant_real(&real, module, sold, &g);
		for (size_t bit = 0; bit < real.len * 8; bit += 3) {
			real.message[bit / 8] ^= (uint8_t)(1u << bit % 8);
			run_message(&g, bytes_of(real.message, real.len), POLICY_MODE_CHECK, 0,
			            &decision);
			if (verdict_allows(decision.verdict))
				EXPECT(decision.facts.tokens[0].amount <= sold);
			real.message[bit / 8] ^= (uint8_t)(1u << bit % 8);
			flips++;
		}
	}
	EXPECT(flips > 5000);
	if (file != NULL)
		fclose(file);
}

static bool says(const char *words)
{
	return strstr(decision.text, words) != NULL;
}

/* A14, A15: the text says what a hostile bot can do and what the programs are trusted with. */
static void test_the_grant_warns(void)
{
	static struct run_grant g;
	static struct real real;
	FILE *file = fopen(SOURCE_DIR "/tests/policy/real_swaps.txt", "r");
	EXPECT(file != NULL && read_real(file, &real));
	if (file != NULL)
		fclose(file);
	grant_real(&real, module, 1000, &g);
	run_message(&g, bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0, &decision);
	EXPECT(says("no minimum price") && says("hostile bot can lose all"));
	EXPECT(says("every venue that it calls") && says("the wallet's SOL where it pays the fee"));
	EXPECT(says("200/10000 of what is swapped"));
	run_message(&grants[READONLY], bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0, &decision);
	EXPECT(says("Minimum price") && !says("hostile bot") && says("SOL is out of reach"));
	EXPECT(says("fees: none"));
	run_message(&grants[ANY_OUTPUT], bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0,
	            &decision);
	EXPECT(says("ANY token"));
}

/* A15, B7: a transaction's text names who has the wallet's signature in it, also where its SOL is
 * out of reach, for its tokens are not; and of what no rule took it claims no sum. */
static void test_the_transaction_says_what_leaves_and_who_is_trusted(void)
{
	const struct attack pays = {"", SELL_SOL, r_ok, R(NONE), 0};
	const struct attack sponsored = {"", READONLY, r_sponsored, R(NONE), 0};
	const struct attack stranger_called = {"", SELL_SOL, r_other_program, R(PROGRAM), 0};
	run_mode(&pays, POLICY_MODE_DESCRIBE_TRANSACTION, 0);
	EXPECT(says("Leaves the wallet in all: at most 0.0000052 SOL, 1000000 raw units of " NATIVE
	            ".\nTrusted to take no more than that of what this transaction hands them with "
	            "the wallet's signature: " JUPITER
	            ", and all that they call. The wallet's SOL is within their reach.\n"));
	run_mode(&sponsored, POLICY_MODE_DESCRIBE_TRANSACTION, 0);
	EXPECT(says("Leaves the wallet in all: at most 0 SOL, 1000000 raw units of " NATIVE
	            ".\nTrusted to take no more than that of what this transaction hands them with "
	            "the wallet's signature: " JUPITER
	            ", and all that they call. The wallet is read-only: its SOL is out of their "
	            "reach.\n"));
	run_mode(&stranger_called, POLICY_MODE_DESCRIBE_TRANSACTION, 0);
	EXPECT(says("would be refused") && says("as far as a rule counts it") && !says("in all"));
}

/* A14: of several mints, or of any, a bot would buy the one that it printed: such a grant is not
 * made. */
static void test_a_price_of_no_single_mint_is_refused_when_it_is_described(void)
{
	for (int kind = PRICE_OF_ANY; kind <= MINIMUM_OF_ONE; kind++) {
		run_message(&grants[kind], bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0,
		            &decision);
		EXPECT(verdict_allows(decision.verdict) == (kind == MINIMUM_OF_ONE));
		EXPECT(decision.reason == (kind == MINIMUM_OF_ONE ? R(NONE) : R(PARAMETERS)));
	}
}

int main(int argc, char **argv)
{
	make_key(NATIVE, native[0]);
	module = run_open(argc > 1 ? argv[1] : BUILD_DIR "/share/policies/swap.wasm");
	for (int i = 0; i < GRANTS; i++)
		grant_of((enum grant_kind)i, &grants[i]);
	RUN(test_each_case_gets_its_verdict_and_its_own_reason);
	if (argc > 1) /* a mutant: the cases decide */
		return test_summary();
	RUN(test_explain_gives_the_same_reason);
	RUN(test_wrapped_and_sold_sol_is_charged_once);
	RUN(test_real_swaps_are_allowed_up_to_the_last_unit);
	RUN(test_no_flipped_bit_sells_more);
	RUN(test_the_grant_warns);
	RUN(test_the_transaction_says_what_leaves_and_who_is_trusted);
	RUN(test_a_price_of_no_single_mint_is_refused_when_it_is_described);
	return test_summary();
}
