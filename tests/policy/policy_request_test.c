/* The check request: what goes in decides every byte, tables count only as far as the grant vouches
 * for them, derived accounts are found and counted (B3, B5, A2, A20); and the floor under all
 * policies. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_request.h"

#include "base_test.h"
#include "keys.h"
#include "policy_floor.h"
#include "policy_known.h"
#include "policy_make.h"
#include "policy_trust.h"

#define SYSTEM "11111111111111111111111111111111"
#define TOKEN  "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"

static const uint8_t wallet[32] = {1, 'w', [31] = 7};
static const uint8_t other[32] = {2, 'o'};
static const uint8_t mint[32] = {3, 'm', [31] = 7};
static struct make_tx tx;
static struct make_message message;
static struct solana_view view;
static struct solana_fee_facts fee;
static struct policy_atas atas;
static struct policy_mint_cache mints;
static _Alignas(8) uint8_t space[2][POLICY_REQUEST_MAX];

static struct make_ix *begin(const char *program)
{
	memset(&tx, 0, sizeof(tx));
	memset(&mints, 0, sizeof(mints));
	memset(&atas, 0, sizeof(atas));
	tx.format = SOLANA_FORMAT_V0;
	memcpy(tx.payer, wallet, 32);
	return make_add(&tx, program);
}

static struct policy_input input_of(void)
{
	struct solana_error error;
	make_transaction_message(&tx, &message);
	EXPECT(solana_decode_message(bytes_of(message.bytes, message.len), &view, &error) ==
	       STATUS_OK);
	EXPECT(solana_fee_facts(&view, &fee, &error) == STATUS_OK);
	return (struct policy_input){
	    .mode = POLICY_MODE_CHECK,
	    .wallet = wallet,
	    .view = &view,
	    .fee = &fee,
	    .time_low = 100,
	    .time_high = 200,
	    .atas = &atas,
	    .ownership_proven = true,
	    .mints = &mints,
	    .sha256 = keys_sha256,
	};
}

static const struct policy_request *encode(const struct policy_input *input, uint32_t *derivations)
{
	struct buffer out = {space[0], POLICY_REQUEST_MAX, 0};
	EXPECT(policy_request_encode(input, &out, derivations) == STATUS_OK);
	return (const void *)space[0];
}

static void own_account(bool second, uint8_t ret[32])
{
	EXPECT(solana_associated_token_address(
	           wallet, mint, second ? policy_token_2022_program : policy_token_program,
	           keys_sha256, ret) == STATUS_OK);
}

static void test_the_same_input_gives_the_same_bytes_in_any_memory(void)
{
	uint8_t own[32], record[40] = {1};
	struct policy_counter counters[2] = {
	    {.unit = 1, .left = 5},
            {.unit = 3, .left = 1}
        };
	struct make_ix *ix = begin(TOKEN);
	uint32_t derivations;
	own_account(false, own);
	make_use(ix, own, "w");
	make_use(ix, mint, "");
	make_use(ix, other, "wh");
	make_data(ix, 12, 3); /* odd lengths, so that there is padding */
	struct policy_input input = input_of();
	input.record = bytes_of(record, sizeof(record));
	input.counters = counters;
	input.counter_count = 2;
	for (int i = 0; i < 2; i++) {
		struct buffer out = {space[i], POLICY_REQUEST_MAX, 0};
		memset(space[i], i == 0 ? 0xaa : 0x55, POLICY_REQUEST_MAX);
		EXPECT(policy_request_encode(&input, &out, &derivations) == STATUS_OK);
		EXPECT(out.len == ((struct policy_request *)(void *)space[i])->len);
		EXPECT(out.len % 8 == 0);
	}
	const struct policy_request *r = (const void *)space[0];
	EXPECT(memcmp(space[0], space[1], r->len) == 0);
	for (uint32_t at = r->message.off + r->message.count; at < r->accounts.off; at++)
		EXPECT(space[0][at] == 0);
	EXPECT(r->accounts.off == (r->message.off + r->message.count + 7) / 8 * 8);
	EXPECT(r->counters.count == 2 && r->parameters.count == 40 && r->time_high == 200);
	EXPECT(r->derived.count == 1 && derivations == 0); /* cached by the first */
	const struct policy_derived *d = (const void *)(space[0] + r->derived.off);
	EXPECT(d->owner_is_wallet && d->ownership_proven && !d->token_2022 &&
	       !d->mint_is_parameter);
	EXPECT(memcmp(d->mint, mint, 32) == 0);
}

static void test_an_imported_wallet_owns_by_address_only(void)
{
	uint8_t own[32];
	uint32_t derivations;
	struct make_ix *ix = begin(TOKEN);
	own_account(true, own);
	make_use(ix, own, "w");
	make_use(ix, mint, "");
	struct policy_input input = input_of();
	input.ownership_proven = false;
	const struct policy_request *r = encode(&input, &derivations);
	const struct policy_derived *d = (const void *)(space[0] + r->derived.off);
	EXPECT(r->derived.count == 1 && d->token_2022 && !d->ownership_proven);
	EXPECT(derivations == 2);
}

static void test_eight_mints_of_a_message_are_tried(void)
{
	uint32_t derivations;
	uint8_t own[32];
	struct make_ix *ix = begin(TOKEN);
	for (uint8_t i = 0; i < 7; i++) {
		uint8_t key[32] = {40, i};
		make_use(ix, key, "");
	}
	make_use(ix, policy_token_2022_program, ""); /* a known program is no mint */
	make_use(ix, mint, "");
	own_account(false, own);
	make_use(ix, own, "w");
	struct policy_input input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 1 && derivations == 16);
	ix->accounts[7].key[0] ^= 1; /* and so this one is the eighth */
	input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 0 && derivations == 2);
}

/* What a parameter names is derived whole, or nothing is asked (S15). */
static void test_accounts_of_parameters_are_all_there_or_refused(void)
{
	static struct policy_schema schema;
	static struct policy_atas derived;
	static struct {
		uint64_t given;
		struct policy_range lists[2];
		uint8_t keys[33][32];
	} record = {
	    3, {{24, 16}, {24 + 16 * 32, 16}},
             {{0}       }
        };
	uint32_t derivations;
	uint8_t own[32];
	struct make_ix *ix = begin(TOKEN);
	own_account(false, own);
	make_use(ix, own, "w");
	atas.count = 64;
	for (size_t i = 0; i < 65; i++) {
		memcpy(atas.entries[i].address, own, 32);
		memcpy(atas.entries[i].owner, wallet, 32);
		atas.entries[i].mint[0] = (uint8_t)(i + 1);
	}
	struct policy_input input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 64);
	atas.count = 65;
	struct buffer out = {space[0], POLICY_REQUEST_MAX, 0};
	EXPECT(policy_request_encode(&input, &out, &derivations) == STATUS_TOO_LARGE);

	schema.count = 2;
	for (size_t i = 0; i < 2; i++)
		schema.fields[i] = (struct policy_field){
		    .type = POLICY_TYPE_PUBKEY_LIST,
		    .role = i == 0 ? POLICY_ROLE_OWNER : POLICY_ROLE_MINT,
		    .off = (uint16_t)(8 + 8 * i),
		};
	for (uint8_t i = 0; i < 33; i++)
		record.keys[i][0] = (uint8_t)(i + 1);
	/* The wallet and 15 owners with 16 mints, in two programs: 512. */
	record.lists[0].count = 15;
	EXPECT(policy_derive(&schema, bytes_of((const uint8_t *)&record, sizeof(record)), wallet,
	                     keys_sha256, &derived) == STATUS_OK &&
	       derived.count >= 500);
	record.lists[0].count = 16;
	record.lists[1].count = 17;
	EXPECT(policy_derive(&schema, bytes_of((const uint8_t *)&record, sizeof(record)), wallet,
	                     keys_sha256, &derived) == STATUS_TOO_LARGE);
}

static void test_a_mint_that_is_made_is_derived(void)
{
	uint8_t own[32], others[9][32] = {{0}};
	uint32_t derivations;
	struct make_ix *ix = begin(TOKEN);
	own_account(true, own);
	make_use(ix, own, "w");
	make_use(ix, mint, "sw");
	struct policy_input input = input_of();
	const struct policy_request *r = encode(&input, &derivations);
	const struct policy_derived *d = (const void *)(space[0] + r->derived.off);
	EXPECT(r->derived.count == 1 && derivations == 2 && memcmp(d->mint, mint, 32) == 0);
	/* Whoever only signs, and the fee payer, make none. */
	ix = begin(TOKEN);
	make_use(ix, own, "w");
	make_use(ix, mint, "s");
	input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 0 && derivations == 0);
	ix = begin("JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"); /* nor does the program */
	memcpy(tx.payer, other, 32);
	make_use(ix, wallet, "sw");
	input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 0 && derivations == 0);
	/* Those that are there already come first. */
	ix = begin(TOKEN);
	make_use(ix, own, "w");
	make_use(ix, mint, "sw");
	for (uint8_t i = 0; i < 8; i++) {
		others[i][0] = 70;
		others[i][1] = i;
		make_use(ix, others[i], "");
	}
	input = input_of();
	r = encode(&input, &derivations);
	EXPECT(r->derived.count == 0 && derivations == 16);
}

static void test_pins_reach_as_far_as_the_grant_vouches(void)
{
	static const uint8_t entries[2][32] = {
	    {2, 'o'},
            {9, 'z'}
        };
	struct policy_pin pin = {
	    {'t', 'a', 'b', 'l', 'e'},
            1, entries
        };
	uint32_t derivations;
	struct make_ix *ix = begin(TOKEN);
	make_use(ix, other, "wh");
	make_use(ix, mint, "wh");
	struct policy_input input = input_of();
	input.pins = &pin;
	input.pin_count = 1;
	const struct policy_request *r = encode(&input, &derivations);
	const struct policy_account *a = (const void *)(space[0] + r->accounts.off);
	uint32_t statics = view.static_count;
	EXPECT(a[statics].source == POLICY_SOURCE_PINNED && memcmp(a[statics].key, other, 32) == 0);
	EXPECT(a[statics + 1].source == POLICY_SOURCE_UNKNOWN && a[statics + 1].writable);
	EXPECT(a[statics + 1].key[0] == 0 &&
	       memcmp(a[statics + 1].key, a[statics + 1].key + 1, 31) == 0);
	const struct policy_table *t = (const void *)(space[0] + r->tables.off);
	EXPECT(r->tables.count == 1 && t->pinned && t->known == 1);
	EXPECT(memcmp(t->key, pin.table, 32) == 0);
	uint8_t named[32];
	memcpy(named, pin.table, 32);
	for (size_t i = 0; i < 32; i += 31) {
		pin.table[i] ^= 1;
		r = encode(&input, &derivations);
		a = (const void *)(space[0] + r->accounts.off);
		t = (const void *)(space[0] + r->tables.off);
		EXPECT(a[statics].source == POLICY_SOURCE_UNKNOWN);
		EXPECT(r->tables.count == 1 && !t->pinned && t->known == 0);
		EXPECT(memcmp(t->key, named, 32) == 0);
		pin.table[i] ^= 1;
	}
}

/* One account for one owner and mint is said once; what differs in a byte is another. */
static void test_a_mint_that_a_parameter_names_is_derived_once(void)
{
	uint8_t own[32], nearly[32];
	uint32_t derivations;
	struct make_ix *ix = begin(TOKEN);
	own_account(false, own);
	memcpy(nearly, wallet, 32);
	nearly[31] ^= 1;
	make_use(ix, own, "w");
	make_use(ix, mint, "");
	make_use(ix, nearly, "s");
	atas.count = 1;
	memcpy(atas.entries[0].address, own, 32);
	memcpy(atas.entries[0].owner, wallet, 32);
	memcpy(atas.entries[0].mint, mint, 32);
	struct policy_input input = input_of();
	const struct policy_request *r = encode(&input, &derivations);
	const struct policy_derived *d = (const void *)(space[0] + r->derived.off);
	EXPECT(r->derived.count == 1 && d->mint_is_parameter);
	EXPECT(memcmp(d->owner, wallet, 32) == 0 && memcmp(d->mint, mint, 32) == 0);
	EXPECT(memcmp(d->token_program, policy_token_program, 32) == 0);
	const struct policy_account *a = (const void *)(space[0] + r->accounts.off);
	EXPECT(a[0].wallet && memcmp(a[1].key, nearly, 32) == 0 && !a[1].wallet);
	/* Nearly its address, by parameter and by the message's mint. */
	atas.entries[0].address[31] ^= 1;
	r = encode(&input, &derivations);
	d = (const void *)(space[0] + r->derived.off);
	EXPECT(r->derived.count == 1 && !d->mint_is_parameter);
	tx.ix[0].accounts[0].key[31] ^= 1;
	atas.entries[0].address[31] ^= 1;
	input = input_of();
	EXPECT(encode(&input, &derivations)->derived.count == 0);
	tx.ix[0].accounts[0].key[31] ^= 1;
	input = input_of();
	atas.entries[0].mint[31] ^= 1;
	EXPECT(encode(&input, &derivations)->derived.count == 2);
	atas.entries[0].mint[31] ^= 1;
	atas.entries[0].owner[31] ^= 1;
	EXPECT(encode(&input, &derivations)->derived.count == 2);
}

static void test_a_wallet_that_does_not_sign_gets_no_request(void)
{
	struct make_ix *ix = begin(SYSTEM);
	struct buffer out = {space[0], POLICY_REQUEST_MAX, 0};
	uint32_t derivations;
	make_use(ix, other, "w");
	struct policy_input input = input_of();
	input.wallet = other;
	EXPECT(policy_request_encode(&input, &out, &derivations) == STATUS_REFUSED);
	EXPECT(out.len == 0);
}

static uint32_t floor_of(uint32_t tag, size_t place, const uint8_t *account, bool hidden)
{
	struct make_ix *ix = begin(SYSTEM);

	for (uint8_t i = 0; i < 10; i++) {
		uint8_t filler[32] = {77, i};

		if (i == place)
			make_use(ix, account, hidden ? "wh" : "w");
		else
			make_use(ix, filler, "");
	}
	make_data(ix, tag, 4);
	make_data(ix, 1, 5);
	input_of();
	return policy_floor(&view, wallet, true, NULL, 0).reason;
}

/* A15: written from the accounts that the network's System interface lists, one letter an account:
 * P pays, R is paid, A is the authority or base; all others are assigned, allocated, a nonce
 * account or a sysvar. A tag that the interface does not have names no account. */
static void test_the_floor_keeps_the_wallet_an_account_of_its_own(void)
{
	static const char *const interface[] = {"P.", ".", "PR", "P.A", "..A", ".R..A", "...",
	                                        ".A", ".", ".A", ".A",  ".AR", ".",     ".P"};
	enum { TAGS = sizeof(interface) / sizeof(interface[0]) };
	static const uint32_t beyond[] = {TAGS, TAGS + 1, 255, 256 + 2, UINT32_MAX};

	for (uint32_t tag = 0; tag < TAGS; tag++) {
		for (size_t place = 0; place < 10; place++) {
			bool named = place < strlen(interface[tag]) &&
			             strchr("PRA", interface[tag][place]) != NULL;
			uint32_t found = floor_of(tag, place, wallet, false);

			EXPECT(found == (tag == 4 ? POLICY_REASON_NONCE
			                 : named  ? POLICY_REASON_NONE
			                          : POLICY_REASON_FLOOR));
			EXPECT(tag == 4 ||
			       floor_of(tag, place, other, false) == POLICY_REASON_NONE);
		}
	}
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		for (size_t place = 0; place < 10; place++) {
			EXPECT(floor_of(beyond[i], place, wallet, false) == POLICY_REASON_FLOOR);
			EXPECT(floor_of(beyond[i], place, other, false) == POLICY_REASON_NONE);
		}
	EXPECT(floor_of(4, 0, other, false) == POLICY_REASON_NONCE);
	EXPECT(floor_of(4, 0, other, true) == POLICY_REASON_NONCE);
}

/* The authority of a nonce is the wallet's to be; its account is not, also behind another one. */
static void test_the_floor_lets_the_wallet_advance_nonces_of_its_grant(void)
{
	const uint8_t names[1][32] = {
	    {2, 'o'}
        };
	struct make_ix *ix = begin(SYSTEM);

	make_use(ix, other, "w");
	make_use(ix, mint, "");
	make_use(ix, wallet, "s");
	make_data(ix, 4, 4);
	input_of();
	EXPECT(policy_floor(&view, wallet, true, names, 1).reason == POLICY_REASON_NONE);
	memcpy(ix->accounts[1].key, wallet, 32);
	input_of();
	EXPECT(policy_floor(&view, wallet, true, names, 1).reason == POLICY_REASON_FLOOR);
	begin(SYSTEM);
	make_data(&tx.ix[0], 2, 2); /* too short to have a tag */
	make_use(&tx.ix[0], wallet, "sw");
	input_of();
	EXPECT(policy_floor(&view, wallet, true, NULL, 0).reason == POLICY_REASON_FLOOR);
}

/* B8, L6: whatever its length and accounts, advanceNonceAccount first makes a nonce transaction. */
static void test_the_floor_knows_nonces_by_name_only(void)
{
	const uint8_t names[1][32] = {
	    {2, 'o'}
        };
	for (int extra = 0; extra < 3; extra++) {
		struct make_ix *ix = begin(SYSTEM);
		make_use(ix, other, "w");
		make_data(ix, 4, 4);
		make_data(ix, 0, (size_t)extra);
		input_of();
		EXPECT(policy_floor(&view, wallet, true, names, 1).reason == POLICY_REASON_NONE);
		EXPECT(policy_floor(&view, wallet, true, names, 0).reason == POLICY_REASON_NONCE);
		ix->accounts[0].hidden = true;
		input_of();
		EXPECT(policy_floor(&view, wallet, true, names, 1).reason == POLICY_REASON_NONCE);
		ix->account_count = 0;
		input_of();
		EXPECT(policy_floor(&view, wallet, true, names, 1).reason == POLICY_REASON_NONCE);
	}
}

static void test_the_floor_refuses_batches_of_both_token_programs(void)
{
	static const uint8_t token_2022[] = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";
	for (int second = 0; second < 2; second++) {
		struct make_ix *ix = begin(second ? (const char *)token_2022 : TOKEN);
		make_data(ix, 255, 1);
		input_of();
		struct policy_floor found = policy_floor(&view, wallet, true, NULL, 0);
		EXPECT(found.reason == POLICY_REASON_FLOOR && found.instruction == 0);
		ix->data[0] = 12;
		input_of();
		EXPECT(policy_floor(&view, wallet, true, NULL, 0).reason == POLICY_REASON_NONE);
	}
}

/* A20: written from the token programs' list of authorities: 2 and 3 are of an account, the others
 * of a mint; what comes later nobody here knows. */
static void test_the_floor_keeps_accounts_whose_address_proves_ownership(void)
{
	static const char *const programs[] = {TOKEN,
	                                       "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"};

	for (unsigned kind = 0; kind < 256; kind++) {
		bool of_account = kind == 2 || kind == 3 || kind > 16;
		struct make_ix *ix = begin(programs[kind % 2]);

		make_use(ix, other, "w");
		make_use(ix, mint, "");
		make_use(ix, wallet, "s");
		make_data(ix, 6 | kind << 8, 3);
		input_of();
		EXPECT(policy_floor(&view, wallet, true, NULL, 0).reason ==
		       (of_account ? POLICY_REASON_FLOOR : POLICY_REASON_NONE));
		EXPECT(policy_floor(&view, wallet, false, NULL, 0).reason == POLICY_REASON_NONE);
		ix->data[0] = 5;
		input_of();
		EXPECT(policy_floor(&view, wallet, true, NULL, 0).reason == POLICY_REASON_NONE);
		ix->data[0] = 6;
		ix->accounts[2].key[0] ^= 4; /* somebody else signs, too */
		input_of();
		EXPECT(policy_floor(&view, wallet, true, NULL, 0).reason == POLICY_REASON_NONE);
	}
}

/* B4, A15: who gets the wallet's signature in hand and calls others is a fact; who cannot, is none.
 */
static void test_programs_that_call_others_with_the_wallets_signature_are_told(void)
{
	static const char jupiter[] = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4",
	                  raydium[] = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8";
	static const char *const leaves[] = {
	    SYSTEM,
	    TOKEN,
	    "ComputeBudget111111111111111111111111111111",
	    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
	    "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
	    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr",
	    "Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo",
	};
	struct policy_trusted trusted[POLICY_TRUST_MAX];
	struct policy_input input;
	uint8_t key[32];
	uint32_t derivations;

	begin(SYSTEM);
	tx.ix_count = 0;
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		make_use(make_add(&tx, leaves[i]), wallet, "sw");
	make_data(&tx.ix[2], 2, 1); /* a compute unit limit */
	make_data(&tx.ix[2], 200000, 4);
	tx.ix_count = 4; /* as many as a message holds here; the rest below */
	input = input_of();
	encode(&input, &derivations);
	EXPECT(policy_trust(bytes_of(space[0], ((struct policy_request *)space[0])->len),
	                    trusted) == 0);
	begin(SYSTEM);
	tx.ix_count = 0;
	for (size_t i = 4; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		make_use(make_add(&tx, leaves[i]), wallet, "sw");
	{
		struct make_ix *ix = make_add(&tx, jupiter); /* without the wallet */

		make_use(ix, other, "w");
	}
	for (unsigned i = 0; i < 2; i++) {
		struct make_ix *ix = make_add(&tx, raydium);

		make_use(ix, wallet, "sw");
		make_use(ix, mint, "");
		make_use(ix, other, "w");
	}
	input = input_of();
	encode(&input, &derivations);
	EXPECT(policy_trust(bytes_of(space[0], ((struct policy_request *)space[0])->len),
	                    trusted) == 1);
	make_key(raydium, key);
	EXPECT(memcmp(trusted[0].program, key, 32) == 0 && trusted[0].writable == 4);
}

static void test_shipped_modules_are_known_and_others_are_not(void)
{
	uint8_t hash[32];
	EXPECT(policy_known_count >= 2);
	memcpy(hash, policy_known_modules[0].hash, 32);
	EXPECT(policy_known_name(hash) == policy_known_modules[0].name);
	hash[31] ^= 1;
	EXPECT(policy_known_name(hash) == NULL);
}

int main(void)
{
	RUN(test_the_same_input_gives_the_same_bytes_in_any_memory);
	RUN(test_an_imported_wallet_owns_by_address_only);
	RUN(test_eight_mints_of_a_message_are_tried);
	RUN(test_accounts_of_parameters_are_all_there_or_refused);
	RUN(test_a_mint_that_is_made_is_derived);
	RUN(test_a_mint_that_a_parameter_names_is_derived_once);
	RUN(test_pins_reach_as_far_as_the_grant_vouches);
	RUN(test_a_wallet_that_does_not_sign_gets_no_request);
	RUN(test_the_floor_keeps_the_wallet_an_account_of_its_own);
	RUN(test_the_floor_lets_the_wallet_advance_nonces_of_its_grant);
	RUN(test_the_floor_knows_nonces_by_name_only);
	RUN(test_the_floor_refuses_batches_of_both_token_programs);
	RUN(test_the_floor_keeps_accounts_whose_address_proves_ownership);
	RUN(test_programs_that_call_others_with_the_wallets_signature_are_told);
	RUN(test_shipped_modules_are_known_and_others_are_not);
	return test_summary();
}
