/* policy_transfer: every attack on the transfer policy is refused with its own reason, in the real
 * engine; and what the user allowed is allowed. Mission S11, S12, B4, B5, B6, B8; threats L7, A1,
 * A2, A15, A20, A21. `policy_transfer_test MODULE` runs the cases on another module:
 * tests/policy/mutate.py takes one check away and expects a case here to notice. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "keys.h"
#include "policy_make.h"
#include "policy_run.h"

#define SYSTEM  "11111111111111111111111111111111"
#define TOKEN   "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
#define TOKEN22 "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
#define ATA     "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
#define BUDGET  "ComputeBudget111111111111111111111111111111"
#define MEMO    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"
#define BLOCKS  "SysvarRecentB1ockHashes11111111111111111111"
#define TIP     "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5"

static const uint8_t wallet[32] = {1, 'w'};
static const uint8_t sponsor[32] = {2, 's'};
static const uint8_t friends[2][32] = {
    {3, 'a'},
    {4, 'b'}
};
static const uint8_t stranger[32] = {5, 'x'};
static const uint8_t mints[1][32] = {
    {6, 'm'}
};
static const uint8_t other_mint[32] = {7, 'n'};
static const uint8_t nonce[32] = {8, 'n'};
static const uint8_t my_tip[1][32] = {
    {9, 't'}
};
static const uint64_t amounts[1] = {100};
static int module;

static void ata(const uint8_t *owner, const uint8_t *mint, bool second, uint8_t ret[32])
{
	EXPECT(solana_associated_token_address(
	           owner, mint, second ? policy_token_2022_program : policy_token_program,
	           keys_sha256, ret) == STATUS_OK);
}

/* --- grants --------------------------------------------------------------------------------------
 */

enum grant_kind { STRICT, GENEROUS, ANYONE, UNPROVEN, COUNTED, GRANTS };

static void grant_of(enum grant_kind kind, struct run_grant *g)
{
	bool generous = kind == GENEROUS;
	const struct run_value values[] = {
	    {.name = "recipients",       .keys = friends,             .count = 2},
	    {.name = "any_recipient",                          .number = kind == ANYONE                              },
	    {.name = "max_lamports",                          .number = 5000 },
	    {.name = "mints",                          .keys = mints,                                      .count = 1},
	    {.name = "max_amounts",                .numbers = amounts,      .count = 1},
	    {.name = "max_fee_lamports",.number = 15200    },
	    {.name = "max_tip_lamports", .number = generous ? 50 : 0                    },
	    {.name = "tip_accounts", .keys = my_tip, .count = 1},
	    {.name = "create_accounts",     .number = generous                 },
	    {.name = "allow_memo",                          .number = generous                            },
	    {.name = "allow_nonce",                          .number = generous                },
	};
	memset(g, 0, sizeof(*g));
	run_grant(g, module, wallet, values, sizeof(values) / sizeof(values[0]));
	memcpy(g->nonce, nonce, 32);
	g->has_nonce = true;
	g->unproven = kind == UNPROVEN;
	if (kind == COUNTED) {
		g->counters[0] = (struct policy_counter){
		    .unit = POLICY_UNIT_LAMPORTS, .cap = 20000, .left = 6200};
		g->counters[1] =
		    (struct policy_counter){.unit = POLICY_UNIT_USES, .cap = 5, .left = 1};
		g->counters[2] =
		    (struct policy_counter){.unit = POLICY_UNIT_MINT, .cap = 100, .left = 60};
		memcpy(g->counters[2].mint, mints[0], 32);
		g->counter_count = 3;
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
                           uint64_t lamports, const char *to_flags)
{
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, from, "sw");
	make_use(ix, to, to_flags);
	make_data(ix, 2, 4);
	make_data(ix, lamports, 8);
	return ix;
}

static struct make_ix *tokens(struct make_tx *tx, const uint8_t *to_owner, uint64_t amount,
                              const uint8_t *mint, bool second)
{
	uint8_t from[32], to[32];
	struct make_ix *ix = make_add(tx, second ? TOKEN22 : TOKEN);
	ata(wallet, mint, second, from);
	ata(to_owner, mint, second, to);
	make_use(ix, from, "w");
	make_use(ix, mint, "");
	make_use(ix, to, "w");
	make_use(ix, wallet, "s");
	make_data(ix, 12, 1);
	make_data(ix, amount, 8);
	make_data(ix, 6, 1);
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

static void begin(struct make_tx *tx, enum solana_format format)
{
	memset(tx, 0, sizeof(*tx));
	tx->format = format;
	memcpy(tx->payer, wallet, 32);
	if (format != SOLANA_FORMAT_V1) {
		budget(tx, 2, 200000);
		budget(tx, 3, 1000); /* 200 lamports */
	} else {
		tx->v1_fee = 200;
	}
}

/* The instruction after the two of the compute budget. */
static struct make_ix *main_ix(struct make_tx *tx)
{
	return &tx->ix[tx->ix_count - 1];
}

/* ---- cases ---- */

static void sol_ok(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 1000, "w");
}
static void sol_max(struct make_tx *tx)
{
	sol(tx, wallet, friends[1], 5000, "w");
}
static void sol_over(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 5001, "w");
}
static void sol_two_over(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 2500, "w");
	sol(tx, wallet, friends[1], 2501, "w");
}
static void sol_wraps_around(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], UINT64_MAX, "w");
	sol(tx, wallet, friends[0], 2, "w");
}
static void sol_stranger(struct make_tx *tx)
{
	sol(tx, wallet, stranger, 1000, "w");
}
static void sol_hidden(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 1000, "wh");
}
static void sol_of_other(struct make_tx *tx)
{
	sol(tx, sponsor, friends[0], 1000, "w");
}
static void sol_trailing(struct make_tx *tx)
{
	make_data(sol(tx, wallet, friends[0], 1000, "w"), 0, 1);
}
static void sol_short(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 1000, "w")->len--;
}
static void sol_extra_account(struct make_tx *tx)
{
	make_use(sol(tx, wallet, friends[0], 1000, "w"), friends[1], "");
}
static void sol_forged_tail(struct make_tx *tx)
{
	make_data(sol(tx, wallet, friends[0], 900000, "w"), 1000, 8);
}
static void sol_sponsored(struct make_tx *tx)
{
	memcpy(tx->payer, sponsor, 32);
	sol(tx, wallet, friends[0], 1000, "w");
}
static void fee_high(struct make_tx *tx)
{
	memset(tx->ix[1].data + 1, 0, 8);
	uint64_t price = 51001; /* 10201 lamports of priority fee: one over */
	memcpy(tx->ix[1].data + 1, &price, 8);
	sol_ok(tx);
}
static void fee_at_limit(struct make_tx *tx)
{
	uint64_t price = 51000;
	memcpy(tx->ix[1].data + 1, &price, 8);
	sol_ok(tx);
}
static void fee_v1_high(struct make_tx *tx)
{
	tx->v1_fee = 10201;
	sol_ok(tx);
}
static void fee_without_limit(struct make_tx *tx)
{
	uint64_t price = 51000;
	tx->ix_count = 0;
	budget(tx, 3, price); /* 1,400,000 units count */
	sol_ok(tx);
}
static void budget_accounts(struct make_tx *tx)
{
	make_use(&tx->ix[0], friends[0], "");
	sol_ok(tx);
}
static void one_more(struct make_tx *tx)
{
	sol_ok(tx);
	make_data(make_add(tx, "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"), 1, 8);
}
static void nothing(struct make_tx *tx)
{
	(void)tx;
}
static void system_assign(struct make_tx *tx)
{
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, wallet, "sw");
	make_data(ix, 1, 4);
	make_data_bytes(ix, stranger, 32);
}
static void system_create(struct make_tx *tx)
{
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, wallet, "sw");
	make_use(ix, sponsor, "sw");
	make_data(ix, 0, 4);
	make_data(ix, 1, 8);
	make_data(ix, 1, 8);
	make_data_bytes(ix, stranger, 32);
}
static void tip_ok(struct make_tx *tx)
{
	uint8_t key[32];
	make_key(TIP, key);
	sol_ok(tx);
	sol(tx, wallet, key, 25, "w");
	sol(tx, wallet, my_tip[0], 25, "w");
}
static void tip_over(struct make_tx *tx)
{
	uint8_t key[32];
	make_key(TIP, key);
	sol_ok(tx);
	sol(tx, wallet, key, 51, "w");
}
static void add_nonce(struct make_tx *tx, const uint8_t *account, const uint8_t *authority)
{
	uint8_t key[32];
	tx->ix_count = 0;
	struct make_ix *ix = make_add(tx, SYSTEM);
	make_use(ix, account, "w");
	make_key(BLOCKS, key);
	make_use(ix, key, "");
	make_use(ix, authority, "s");
	make_data(ix, 4, 4);
	sol_ok(tx);
}
static void nonce_named(struct make_tx *tx)
{
	add_nonce(tx, nonce, wallet);
}
static void nonce_other(struct make_tx *tx)
{
	add_nonce(tx, stranger, wallet);
}
static void nonce_authority(struct make_tx *tx)
{
	add_nonce(tx, nonce, sponsor);
}
static void nonce_later(struct make_tx *tx)
{
	add_nonce(tx, nonce, wallet);
	tx->ix[2] = tx->ix[0];
	tx->ix[0] = tx->ix[1];
	tx->ix[1] = tx->ix[2];
}
static void nonce_extra(struct make_tx *tx)
{
	add_nonce(tx, nonce, wallet);
	make_use(&tx->ix[0], stranger, "");
}
static void system_no_data(struct make_tx *tx)
{
	sol(tx, wallet, friends[0], 1000, "w")->len = 3;
}
/* The floor asks what is done to the wallet; where the wallet is not named the policy speaks. */
static void system_no_data_of_other(struct make_tx *tx)
{
	sol(tx, sponsor, friends[0], 1000, "w")->len = 3;
}
static void token_no_data(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, mints[0], false)->len = 0;
}
/* In v1 the compute budget program's instructions set nothing, so the host lets them be. */
static void budget_unknown(struct make_tx *tx)
{
	budget(tx, 9, 1);
	sol_ok(tx);
}
static void budget_no_data(struct make_tx *tx)
{
	budget(tx, 2, 1)->len = 0;
	sol_ok(tx);
}
static void budget_trailing(struct make_tx *tx)
{
	make_data(budget(tx, 2, 1), 0, 1);
	sol_ok(tx);
}
static void memo(struct make_tx *tx)
{
	sol_ok(tx);
	make_data_bytes(make_add(tx, MEMO), "hello", 5);
}
static void memo_v4(struct make_tx *tx)
{
	sol_ok(tx);
	make_data_bytes(make_add(tx, "Memo4c2pN8afCj432Lb7RMVKi9PbQnnW7ewFFaV3oAH"), "hello", 5);
}
static void memo_other_signer(struct make_tx *tx)
{
	memo(tx);
	make_use(main_ix(tx), sponsor, "s");
}

static void tokens_ok(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, mints[0], false);
}
static void tokens_2022(struct make_tx *tx)
{
	tokens(tx, friends[1], 100, mints[0], true);
}
static void tokens_over(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, mints[0], false);
	tokens(tx, friends[1], 41, mints[0], false);
}
static void tokens_stranger(struct make_tx *tx)
{
	tokens(tx, stranger, 60, mints[0], false);
}
static void tokens_other_mint(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, other_mint, false);
}
static void tokens_wrong_program(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, mints[0], true);
	make_key(TOKEN, main_ix(tx)->program);
}
static void tokens_to_2022_account(struct make_tx *tx)
{
	tokens(tx, friends[0], 60, mints[0], false);
	ata(friends[0], mints[0], true, main_ix(tx)->accounts[2].key);
}
static void tokens_source_other(struct make_tx *tx)
{
	tokens_ok(tx);
	memcpy(main_ix(tx)->accounts[0].key, stranger, 32);
}
static void tokens_source_friend(struct make_tx *tx)
{
	tokens(tx, friends[1], 60, mints[0], false);
	ata(friends[0], mints[0], false, main_ix(tx)->accounts[0].key);
}
static void tokens_owner_other(struct make_tx *tx)
{
	tokens_ok(tx);
	memcpy(main_ix(tx)->accounts[3].key, sponsor, 32);
}
static void hide(struct make_tx *tx, size_t account)
{
	tokens_ok(tx);
	main_ix(tx)->accounts[account].hidden = true;
}
static void tokens_source_hidden(struct make_tx *tx)
{
	hide(tx, 0);
}
static void tokens_mint_hidden(struct make_tx *tx)
{
	hide(tx, 1);
}
static void tokens_recipient_hidden(struct make_tx *tx)
{
	hide(tx, 2);
}
static void tokens_trailing(struct make_tx *tx)
{
	tokens_ok(tx);
	make_data(main_ix(tx), 0, 1);
}
static void tokens_short(struct make_tx *tx)
{
	tokens_ok(tx);
	main_ix(tx)->len--;
}
static void tokens_hook_accounts(struct make_tx *tx)
{
	tokens_2022(tx);
	make_use(main_ix(tx), stranger, "w");
}
static void token_tag(struct make_tx *tx, uint8_t tag)
{
	tokens_ok(tx);
	main_ix(tx)->data[0] = tag;
}
static void token_batch(struct make_tx *tx)
{
	token_tag(tx, 255);
}
static void token_plain(struct make_tx *tx)
{
	token_tag(tx, 3);
	main_ix(tx)->len = 9;
	main_ix(tx)->account_count = 3;
}
static void token_approve(struct make_tx *tx)
{
	token_tag(tx, 13);
}
static void token_close(struct make_tx *tx)
{
	token_tag(tx, 9);
	main_ix(tx)->len = 1;
	main_ix(tx)->account_count = 3;
}
static void token_set_authority(struct make_tx *tx)
{
	token_tag(tx, 6);
}
static void create_ok(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN);
	tokens_ok(tx);
}
static void create_2022(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN22);
	tokens_ok(tx);
}
static void create_program_hidden(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN)->accounts[5].hidden = true;
	tokens_ok(tx);
}
static void create_old_form(struct make_tx *tx)
{
	uint8_t key[32];
	make_key("SysvarRent111111111111111111111111111111111", key);
	make_use(create(tx, friends[0], mints[0], TOKEN), key, "");
	tokens_ok(tx);
}
static void create_extra(struct make_tx *tx)
{
	make_use(create(tx, friends[0], mints[0], TOKEN), stranger, "w");
	tokens_ok(tx);
}
static void create_nested(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN)->data[0] = 2;
	tokens_ok(tx);
}
static void create_trailing(struct make_tx *tx)
{
	make_data(create(tx, friends[0], mints[0], TOKEN), 0, 1);
	tokens_ok(tx);
}
static void create_stranger(struct make_tx *tx)
{
	create(tx, stranger, mints[0], TOKEN);
	tokens_ok(tx);
}
static void create_other_mint(struct make_tx *tx)
{
	create(tx, friends[0], other_mint, TOKEN);
	tokens_ok(tx);
}
static void create_owner_hidden(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN)->accounts[2].hidden = true;
	tokens_ok(tx);
}
static void create_mint_hidden(struct make_tx *tx)
{
	create(tx, friends[0], mints[0], TOKEN)->accounts[3].hidden = true;
	tokens_ok(tx);
}
static void create_other_payer(struct make_tx *tx)
{
	memcpy(create(tx, friends[0], mints[0], TOKEN)->accounts[0].key, sponsor, 32);
	tokens_ok(tx);
}
/* A program that would take the wallet's rent for an account of its own size. */
static void create_other_program(struct make_tx *tx)
{
	struct make_ix *ix = create(tx, friends[0], mints[0], TOKEN);
	memcpy(ix->accounts[1].key, stranger, 32);
	memcpy(ix->accounts[5].key, sponsor, 32);
	tokens_ok(tx);
}

struct attack {
	const char *name;
	enum grant_kind grant;
	enum solana_format format;
	void (*build)(struct make_tx *tx);
	uint32_t reason; /* NONE: allowed */
	uint64_t lamports_out;
};

#define LEGACY SOLANA_FORMAT_LEGACY
#define V0     SOLANA_FORMAT_V0
#define V1     SOLANA_FORMAT_V1
#define R(x)   POLICY_REASON_##x

/* clang-format off */
static const struct attack attacks[] = {
	{"SOL, legacy", STRICT, LEGACY, sol_ok, R(NONE), 6200},
	{"SOL, v0", STRICT, V0, sol_ok, R(NONE), 6200},
	{"SOL, v1", STRICT, V1, sol_ok, R(NONE), 6200},
	{"SOL up to the limit", STRICT, V0, sol_max, R(NONE), 10200},
	{"one lamport over", STRICT, V0, sol_over, R(AMOUNT), 0},
	{"two that are over together", STRICT, V0, sol_two_over, R(AMOUNT), 0},
	{"amounts that wrap around", STRICT, V0, sol_wraps_around, R(AMOUNT), 0},
	{"another recipient", STRICT, LEGACY, sol_stranger, R(RECIPIENT), 0},
	{"anyone when the grant says so", ANYONE, LEGACY, sol_stranger, R(NONE), 6200},
	{"recipient hidden in a table", STRICT, V0, sol_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"recipient hidden in a table, to anyone", ANYONE, V0, sol_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"from another account", STRICT, V0, sol_of_other, R(SOURCE), 0},
	{"trailing byte", STRICT, V0, sol_trailing, R(TRAILING), 0},
	{"second forged tail", STRICT, V0, sol_forged_tail, R(TRAILING), 0},
	{"missing byte", STRICT, V0, sol_short, R(DATA), 0},
	{"one more account", STRICT, V0, sol_extra_account, R(ACCOUNT_COUNT), 0},
	{"someone else pays the fee", STRICT, V0, sol_sponsored, R(NONE), 1000},
	{"fee at the limit", STRICT, LEGACY, fee_at_limit, R(NONE), 16200},
	{"raised priority fee", STRICT, LEGACY, fee_high, R(FEE), 0},
	{"raised priority fee in v1's mask", STRICT, V1, fee_v1_high, R(FEE), 0},
	{"price without limit", STRICT, V0, fee_without_limit, R(FEE), 0},
	{"compute budget with accounts", STRICT, V0, budget_accounts, R(ACCOUNT_COUNT), 0},
	{"one more instruction", STRICT, V0, one_more, R(PROGRAM), 0},
	{"no transfer at all", STRICT, V0, nothing, R(MISSING), 0},
	{"System assign of the wallet", GENEROUS, V0, system_assign, R(FLOOR), 0},
	{"System createAccount", GENEROUS, V0, system_create, R(INSTRUCTION), 0},
	{"tips within their cap", GENEROUS, V0, tip_ok, R(NONE), 6250},
	{"tip where none is allowed", STRICT, V0, tip_ok, R(RECIPIENT), 0},
	{"tip over its cap", GENEROUS, V0, tip_over, R(TIP), 0},
	{"named durable nonce", GENEROUS, V0, nonce_named, R(NONE), 11000 - 5000},
	{"durable nonce", STRICT, V0, nonce_named, R(LIFETIME), 0},
	{"another nonce account", GENEROUS, V0, nonce_other, R(NONCE), 0},
	{"nonce of another authority", GENEROUS, V0, nonce_authority, R(ACCOUNT), 0},
	{"nonce advanced later", GENEROUS, V0, nonce_later, R(LIFETIME), 0},
	{"nonce with one more account", GENEROUS, V0, nonce_extra, R(ACCOUNT_COUNT), 0},
	{"System without a tag", STRICT, V0, system_no_data, R(FLOOR), 0},
	{"System without a tag, of another account", STRICT, V0, system_no_data_of_other, R(DATA), 0},
	{"Token without a tag", STRICT, V0, token_no_data, R(DATA), 0},
	{"compute budget, unknown tag, v1", STRICT, V1, budget_unknown, R(INSTRUCTION), 0},
	{"compute budget without a tag, v1", STRICT, V1, budget_no_data, R(DATA), 0},
	{"compute budget, trailing byte, v1", STRICT, V1, budget_trailing, R(TRAILING), 0},
	{"memo", GENEROUS, V0, memo, R(NONE), 6200},
	{"memo of the newest program", GENEROUS, V0, memo_v4, R(NONE), 6200},
	{"memo that is not named", STRICT, V0, memo, R(MEMO), 0},
	{"memo with another signer", GENEROUS, V0, memo_other_signer, R(ACCOUNT), 0},
	{"tokens", STRICT, V0, tokens_ok, R(NONE), 5200},
	{"tokens, v1", STRICT, V1, tokens_ok, R(NONE), 5200},
	{"Token-2022 up to the limit", STRICT, V0, tokens_2022, R(NONE), 5200},
	{"one raw unit over in two", STRICT, V0, tokens_over, R(AMOUNT), 0},
	{"tokens to another", STRICT, V0, tokens_stranger, R(RECIPIENT), 0},
	{"tokens to another, SOL is free", ANYONE, V0, tokens_stranger, R(RECIPIENT), 0},
	{"another mint", STRICT, V0, tokens_other_mint, R(MINT), 0},
	{"account of the other token program", STRICT, V0, tokens_wrong_program, R(SOURCE), 0},
	{"recipient's account of the other token program", STRICT, V0, tokens_to_2022_account, R(RECIPIENT), 0},
	{"from another's account", STRICT, V0, tokens_source_other, R(SOURCE), 0},
	{"from an account of a recipient", STRICT, V0, tokens_source_friend, R(SOURCE), 0},
	{"another owner signs", STRICT, V0, tokens_owner_other, R(SIGNER), 0},
	{"source hidden in a table", STRICT, V0, tokens_source_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"mint hidden in a table", STRICT, V0, tokens_mint_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"token recipient hidden in a table", STRICT, V0, tokens_recipient_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"token trailing byte", STRICT, V0, tokens_trailing, R(TRAILING), 0},
	{"token missing byte", STRICT, V0, tokens_short, R(DATA), 0},
	{"transfer hook accounts", STRICT, V0, tokens_hook_accounts, R(ACCOUNT_COUNT), 0},
	{"token batch", GENEROUS, V0, token_batch, R(FLOOR), 0},
	{"transfer without mint", GENEROUS, V0, token_plain, R(INSTRUCTION), 0},
	{"approveChecked", GENEROUS, V0, token_approve, R(INSTRUCTION), 0},
	{"closeAccount", GENEROUS, V0, token_close, R(INSTRUCTION), 0},
	{"setAuthority", GENEROUS, V0, token_set_authority, R(FLOOR), 0},
	{"setAuthority where no address proves ownership", UNPROVEN, V0, token_set_authority, R(INSTRUCTION), 0},
	{"ownership that is not proven", UNPROVEN, V0, tokens_ok, R(OWNERSHIP), 0},
	{"creation of a recipient's account", GENEROUS, V0, create_ok, R(NONE), 5200 + 2039280},
	{"creation under Token-2022", GENEROUS, V0, create_2022, R(NONE), 5200 + 2282880},
	{"creation, token program in a table", GENEROUS, V0, create_program_hidden, R(NONE), 5200 + 2039280},
	{"creation in its old form", GENEROUS, V0, create_old_form, R(NONE), 5200 + 2039280},
	{"creation that is not allowed", STRICT, V0, create_ok, R(PROGRAM), 0},
	{"creation with one more account", GENEROUS, V0, create_extra, R(ACCOUNT_COUNT), 0},
	{"recoverNested", GENEROUS, V0, create_nested, R(INSTRUCTION), 0},
	{"creation with a trailing byte", GENEROUS, V0, create_trailing, R(TRAILING), 0},
	{"creation for another", GENEROUS, V0, create_stranger, R(RECIPIENT), 0},
	{"creation for another mint", GENEROUS, V0, create_other_mint, R(MINT), 0},
	{"creation for a hidden owner", GENEROUS, V0, create_owner_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"creation for a hidden mint", GENEROUS, V0, create_mint_hidden, R(ACCOUNT_UNKNOWN), 0},
	{"creation that another pays", GENEROUS, V0, create_other_payer, R(ACCOUNT), 0},
	{"creation under another program", GENEROUS, V0, create_other_program, R(ACCOUNT), 0},
	{"within the counters", COUNTED, V0, sol_ok, R(NONE), 6200},
	{"a lamport more than the counter has left", COUNTED, V0, sol_max, R(COUNTER), 0},
};
/* clang-format on */
#define ATTACK_COUNT (sizeof(attacks) / sizeof(attacks[0]))

static struct run_grant grants[GRANTS];
static struct policy_decision decision;

static void run_attack(const struct attack *a, struct make_message *message)
{
	static struct make_tx tx;
	begin(&tx, a->format);
	a->build(&tx);
	make_transaction_message(&tx, message);
	run_message(&grants[a->grant], bytes_of(message->bytes, message->len), POLICY_MODE_CHECK, 0,
	            &decision);
}

static void test_each_case_gets_its_verdict_and_its_own_reason(void)
{
	static struct make_message message;
	for (size_t i = 0; i < ATTACK_COUNT; i++) {
		const struct attack *a = &attacks[i];
		run_attack(a, &message);
		bool right = decision.reason == a->reason &&
		             verdict_allows(decision.verdict) == (a->reason == R(NONE));
		if (!right)
			fprintf(stderr, "case \"%s\": reason %u (%s), not %u\n", a->name,
			        decision.reason, decision.text, a->reason);
		EXPECT(right);
		if (a->reason == R(NONE)) {
			EXPECT(decision.facts.lamports_out == a->lamports_out);
			EXPECT(run_fuel() < 40000);
		} else {
			EXPECT(decision.charge_count == 0);
			EXPECT(decision.text_len > 10);
		}
	}
}

/* In explain mode the same case fails, and says so in at least one line. */
static void test_explain_lists_what_fails_and_never_allows_more(void)
{
	static struct make_message message;
	for (size_t i = 0; i < ATTACK_COUNT; i++) {
		const struct attack *a = &attacks[i];
		struct policy_constraint c;
		unsigned failing = 0;
		run_attack(a, &message);
		uint32_t reason = decision.reason;
		run_message(&grants[a->grant], bytes_of(message.bytes, message.len),
		            POLICY_MODE_CHECK, POLICY_FLAG_EXPLAIN, &decision);
		EXPECT(decision.reason == reason);
		if (reason == R(FLOOR) || reason == R(NONCE))
			continue; /* before the module */
		for (uint32_t j = 0; j < decision.explain_count; j++) {
			policy_answer_explain(run_answer(), j, &c);
			failing += !c.holds;
		}
		EXPECT(decision.explain_count > 2);
		EXPECT((failing != 0) == (reason != R(NONE)));
	}
}

static void test_explain_lists_all_failures_and_not_the_first(void)
{
	static struct make_message message;
	static struct make_tx tx;
	struct policy_constraint c;
	unsigned failing = 0;
	begin(&tx, V0);
	sol_stranger(&tx);
	sol_over(&tx);
	tokens_other_mint(&tx);
	make_transaction_message(&tx, &message);
	run_message(&grants[STRICT], bytes_of(message.bytes, message.len), POLICY_MODE_CHECK,
	            POLICY_FLAG_EXPLAIN, &decision);
	for (uint32_t j = 0; j < decision.explain_count; j++) {
		policy_answer_explain(run_answer(), j, &c);
		failing += !c.holds;
	}
	EXPECT(failing == 3);
	EXPECT(decision.reason == R(RECIPIENT));
	EXPECT(decision.instruction == 2);
}

static void test_charges_name_every_counter_once(void)
{
	static struct make_message message;
	const struct attack both = {"", COUNTED, V0, tokens_ok, 0, 0};
	run_attack(&both, &message);
	EXPECT(verdict_allows(decision.verdict));
	EXPECT(decision.charge_count == 3);
	EXPECT(decision.charges[0].counter == 0 && decision.charges[0].amount == 5200);
	EXPECT(decision.charges[1].counter == 1 && decision.charges[1].amount == 1);
	EXPECT(decision.charges[2].counter == 2 && decision.charges[2].amount == 60);
	EXPECT(decision.facts.token_count == 1 && decision.facts.tokens[0].amount == 60);
}

/* A2, L1, L3: what the client says about a table never reaches the module, and a pin counts only up
 * to the entries that the grant vouches for. */
static void test_a_pinned_entry_is_known_and_one_beyond_is_not(void)
{
	static struct make_message message;
	static const uint8_t entries[1][32] = {
	    {3, 'a'}
        };
	const struct attack hidden = {"", STRICT, V0, sol_hidden, 0, 0};
	struct run_grant *g = &grants[STRICT];
	g->pins[0] = (struct policy_pin){
	    .table = {'t', 'a', 'b', 'l', 'e'},
              .known = 1, .entries = entries
        };
	g->pin_count = 1;
	run_attack(&hidden, &message);
	EXPECT(verdict_allows(decision.verdict));
	g->pins[0].known = 0;
	run_attack(&hidden, &message);
	EXPECT(decision.reason == R(ACCOUNT_UNKNOWN));
	g->pin_count = 0;
}

static void test_an_offchain_message_is_refused(void)
{
	static const struct {
		const char *text;
		uint32_t reason;
	} texts[] = {
	    {"Claviger ",       R(FLOOR)}, /* A6 */
	    {"Claviger freeze", R(FLOOR)},
            {"Claviger",        R(KIND) },
            {"Clavigers",       R(KIND) },
	    {"claviger freeze", R(KIND) },
            {"a Claviger ",     R(KIND) },
	};
	uint8_t message[17 + 1 + 32 + 15] = "\xffsolana offchain\1\1";
	memcpy(message + 18, wallet, 32);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t len = strlen(texts[i].text);
		memcpy(message + 50, texts[i].text, len);
		run_message(&grants[STRICT], bytes_of(message, 50 + len), POLICY_MODE_CHECK, 0,
		            &decision);
		EXPECT(decision.reason == texts[i].reason);
	}
}

static bool says(const char *words)
{
	return strstr(decision.text, words) != NULL;
}

/* B7, S23: the text names everything that leaves, and warns. */
static void test_the_grant_says_what_it_allows(void)
{
	run_message(&grants[GENEROUS], bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0, &decision);
	EXPECT(verdict_allows(decision.verdict));
	char key[BASE58_LEN(32) + 1];
	for (size_t i = 0; i < 2; i++) {
		EXPECT(base58_encode(bytes_of(friends[i], 32), key, sizeof(key)) == STATUS_OK);
		EXPECT(says(key));
	}
	EXPECT(says("0.000005 SOL") && says("100 raw units") && says("0.0000152 SOL"));
	EXPECT(says("Tips") && says("0.00000005 SOL") && says("durable nonces") && says("rent"));
	run_message(&grants[ANYONE], bytes_of(NULL, 0), POLICY_MODE_DESCRIBE_GRANT, 0, &decision);
	EXPECT(says("ANY address"));
}

static void test_the_transaction_says_what_leaves(void)
{
	static struct make_message message;
	const struct attack tokens_case = {"", GENEROUS, V0, create_ok, 0, 0};
	const struct attack bad = {"", STRICT, V0, sol_stranger, 0, 0};
	run_attack(&tokens_case, &message);
	run_message(&grants[GENEROUS], bytes_of(message.bytes, message.len),
	            POLICY_MODE_DESCRIBE_TRANSACTION, 0, &decision);
	EXPECT(says("Send 0.00006 tokens") && says("(60 raw units)") && says("rent"));
	EXPECT(says("Leaves the wallet in all: at most 0.00204448 SOL, 60 raw units of ") &&
	       !says("refused") && !says("Trusted"));
	run_attack(&bad, &message);
	run_message(&grants[STRICT], bytes_of(message.bytes, message.len),
	            POLICY_MODE_DESCRIBE_TRANSACTION, 0, &decision);
	EXPECT(says("would be refused") && says("Send 0.000001 SOL"));
	EXPECT(says("as far as a rule counts it: at most ") && !says("in all"));
}

int main(int argc, char **argv)
{
	module = run_open(argc > 1 ? argv[1] : BUILD_DIR "/share/policies/transfer.wasm");
	for (int i = 0; i < GRANTS; i++)
		grant_of((enum grant_kind)i, &grants[i]);
	RUN(test_each_case_gets_its_verdict_and_its_own_reason);
	if (argc > 1) /* a mutant: the cases decide */
		return test_summary();
	RUN(test_explain_lists_what_fails_and_never_allows_more);
	RUN(test_explain_lists_all_failures_and_not_the_first);
	RUN(test_charges_name_every_counter_once);
	RUN(test_a_pinned_entry_is_known_and_one_beyond_is_not);
	RUN(test_an_offchain_message_is_refused);
	RUN(test_the_grant_says_what_it_allows);
	RUN(test_the_transaction_says_what_leaves);
	return test_summary();
}
