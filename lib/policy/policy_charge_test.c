/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_charge.h"

#include "base_test.h"

static const uint8_t native[32] = {0x06, 0x9b, 0x88, 0x57, 0xfe, 0xab, 0x81, 0x84, 0xfb, 0x68, 0x7f,
                                   0x63, 0x46, 0x18, 0xc0, 0x35, 0xda, 0xc4, 0x39, 0xdc, 0x1a, 0xeb,
                                   0x3b, 0x55, 0x98, 0xa0, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x01};
/* All but its last byte is the native mint's. */
static const uint8_t other[32] = {0x06, 0x9b, 0x88, 0x57, 0xfe, 0xab, 0x81, 0x84, 0xfb, 0x68, 0x7f,
                                  0x63, 0x46, 0x18, 0xc0, 0x35, 0xda, 0xc4, 0x39, 0xdc, 0x1a, 0xeb,
                                  0x3b, 0x55, 0x98, 0xa0, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x02};

static uint64_t least(uint32_t unit, const uint8_t mint[32], const struct policy_facts *facts)
{
	return policy_charge_least(facts, unit, mint);
}

/* B4: SOL leaves as lamports and as wrapped SOL; what is wrapped and then sold counts once. */
static void test_lamports_and_the_native_mint_are_one(void)
{
	struct policy_facts facts = {.lamports_out = 1000, .wrapped_lamports = 600};

	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == 1000);
	facts.token_count = 2;
	memcpy(facts.tokens[0].mint, other, 32);
	facts.tokens[0].amount = 77;
	memcpy(facts.tokens[1].mint, native, 32);
	facts.tokens[1].amount = 600;
	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == 1000);
	facts.tokens[1].amount = 650; /* 50 lay there already */
	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == 1050);
	facts.wrapped_lamports = 0;
	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == 1650);
	EXPECT(least(POLICY_UNIT_MINT, native, &facts) == 650);
	EXPECT(least(POLICY_UNIT_MINT, other, &facts) == 77);
	EXPECT(least(POLICY_UNIT_USES, NULL, &facts) == 1);
	facts.token_count = 1; /* what stands behind them is none of them */
	EXPECT(least(POLICY_UNIT_MINT, native, &facts) == 0);
}

static void test_what_is_too_much_stays_the_most(void)
{
	struct policy_facts facts = {.lamports_out = UINT64_MAX, .token_count = 1};

	memcpy(facts.tokens[0].mint, native, 32);
	facts.tokens[0].amount = UINT64_MAX;
	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == UINT64_MAX);
	facts.lamports_out = 5;
	EXPECT(least(POLICY_UNIT_LAMPORTS, NULL, &facts) == UINT64_MAX);
}

static struct solana_view view; /* of the last message */

/* A legacy message of one System instruction over accounts {wallet, to}. */
static uint64_t seen(struct bytes data, const uint8_t *first, const uint8_t *second)
{
	static uint8_t space[512];
	struct buffer out = BUFFER_OF_ARRAY(space);
	static const uint8_t head[] = {1, 0, 1, 3}, wallet[32] = {1}, to[32] = {1, [31] = 2},
	                     system[32];
	const uint8_t ix[] = {1, 2, 2, *first, *second, (uint8_t)data.len};
	struct solana_error error;

	EXPECT(buffer_put(&out, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	       buffer_put(&out, BYTES_OF_ARRAY(wallet)) == STATUS_OK &&
	       buffer_put(&out, BYTES_OF_ARRAY(to)) == STATUS_OK &&
	       buffer_put(&out, BYTES_OF_ARRAY(system)) == STATUS_OK &&
	       buffer_put(&out, bytes_of("\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5"
	                                 "\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5\5",
	                                 32)) == STATUS_OK &&
	       buffer_put(&out, BYTES_OF_ARRAY(ix)) == STATUS_OK &&
	       buffer_put(&out, data) == STATUS_OK);
	EXPECT(solana_decode_message(buffer_bytes(&out), &view, &error) == STATUS_OK);
	return policy_lamports_seen(&view, wallet);
}

static void test_what_system_instructions_take_is_seen(void)
{
	static const uint8_t w = 0, t = 1;
	uint8_t data[128] = {0};

	data[0] = 2; /* transfer */
	data[4] = 77;
	data[11] = 1;
	EXPECT(seen(bytes_of(data, 12), &w, &t) == (UINT64_C(1) << 56) + 77);
	EXPECT(seen(bytes_of(data, 12), &w, &w) == 0); /* to itself */
	EXPECT(seen(bytes_of(data, 12), &t, &w) == 0); /* to the wallet */
	EXPECT(seen(bytes_of(data, 11), &w, &t) == 0); /* no transfer: it fails */
	data[0] = 0;                                   /* create account */
	EXPECT(seen(bytes_of(data, 52), &w, &t) == (UINT64_C(1) << 56) + 77);
	data[0] = 13; /* create account that may have lamports: the payer comes second */
	EXPECT(seen(bytes_of(data, 52), &t, &w) == (UINT64_C(1) << 56) + 77);
	EXPECT(seen(bytes_of(data, 52), &w, &t) == 0);
	EXPECT(seen(bytes_of(data, 52), &w, &w) == 0);
	data[0] = 1; /* assign takes no lamports; the floor refuses it */
	data[44] = 99;
	EXPECT(seen(bytes_of(data, 52), &w, &t) == 0);
	memset(data, 0, sizeof(data));
	data[0] = 3; /* create with a seed of four bytes */
	data[36] = 4;
	data[48] = 99;
	EXPECT(seen(bytes_of(data, 56 + 40), &w, &t) == 99);
	EXPECT(seen(bytes_of(data, 56), &w, &t) == 99);
	EXPECT(seen(bytes_of(data, 55), &w, &t) == 0);
	data[36] = 0; /* no seed */
	data[44] = 98;
	EXPECT(seen(bytes_of(data, 52), &w, &t) == (UINT64_C(99) << 32) + 98);
	EXPECT(seen(bytes_of(data, 51), &w, &t) == 0);
	memset(data + 36, 0xff, 8); /* a seed longer than everything */
	EXPECT(seen(bytes_of(data, 56), &w, &t) == 0);
}

/* A message of two versions with these instructions, over the accounts {wallet, to, third, system,
 * another program}, and one that is looked up. */
static uint64_t seen_of(bool looks_up, struct bytes instructions, uint8_t count)
{
	static uint8_t space[512];
	struct buffer out = BUFFER_OF_ARRAY(space);
	static const uint8_t wallet[32] = {1}, version = 0x80, head[] = {2, 0, 2, 5},
	                     looked_up[] = {1, 0}, none = 0;
	static const uint8_t keys[5][32] = {{1}, {2}, {3}, {0}, {5}}, rest[32] = {6};
	struct solana_error error;
	bool whole = !looks_up || buffer_put(&out, bytes_of(&version, 1)) == STATUS_OK;

	whole = whole && buffer_put(&out, BYTES_OF_ARRAY(head)) == STATUS_OK;
	for (size_t i = 0; i < 5; i++)
		whole = whole && buffer_put(&out, BYTES_OF_ARRAY(keys[i])) == STATUS_OK;
	whole = whole && buffer_put(&out, BYTES_OF_ARRAY(rest)) == STATUS_OK &&
	        buffer_put(&out, bytes_of(&count, 1)) == STATUS_OK &&
	        buffer_put(&out, instructions) == STATUS_OK;
	if (looks_up) /* one table, of which one writable account is taken */
		whole = whole && buffer_put(&out, bytes_of(&looked_up[0], 1)) == STATUS_OK &&
		        buffer_put(&out, BYTES_OF_ARRAY(rest)) == STATUS_OK &&
		        buffer_put(&out, BYTES_OF_ARRAY(looked_up)) == STATUS_OK &&
		        buffer_put(&out, bytes_of(&none, 1)) == STATUS_OK;
	EXPECT(whole && solana_decode_message(buffer_bytes(&out), &view, &error) == STATUS_OK);
	return policy_lamports_seen(&view, wallet);
}

#define TRANSFER(program, count, amount, ...)                                                      \
	program, count, __VA_ARGS__, 12, 2, 0, 0, 0, amount, 0, 0, 0, 0, 0, 0, 0

/* A19: all that the wallet pays is seen, of every instruction, and nothing else: who saw more would
 * refuse what the grant allows. */
static void test_what_others_take_is_not_seen(void)
{
	static const uint8_t paid[] = {TRANSFER(3, 2, 5, 0, 1), TRANSFER(3, 2, 7, 0, 2)},
	                     listed[] = {TRANSFER(3, 3, 9, 0, 1, 2)},
	                     alone[] = {TRANSFER(3, 1, 9, 0)}, others[] = {TRANSFER(3, 2, 9, 1, 2)},
	                     another[] = {TRANSFER(4, 2, 9, 0, 1)},
	                     hidden[] = {TRANSFER(3, 2, 9, 0, 5), TRANSFER(3, 2, 3, 5, 0)};

	EXPECT(seen_of(false, BYTES_OF_ARRAY(paid), 2) == 12);
	EXPECT(seen_of(false, BYTES_OF_ARRAY(listed), 1) == 9); /* one account more than it needs */
	EXPECT(seen_of(false, BYTES_OF_ARRAY(alone), 1) == 0);  /* it fails */
	EXPECT(seen_of(false, BYTES_OF_ARRAY(others), 1) == 0);
	EXPECT(seen_of(false, BYTES_OF_ARRAY(another), 1) ==
	       0); /* no transfer, whatever it looks like */
	EXPECT(seen_of(true, BYTES_OF_ARRAY(hidden), 2) == 9); /* to somebody, and from somebody */
}

/* A19, 4: facts below what is seen are none, whoever says them: no kind of module is asked. */
static void test_facts_below_what_is_seen_do_not_hold(void)
{
	static const uint8_t w = 0, t = 1, wallet[32] = {1};
	struct policy_facts facts = {.lamports_out = 5077, .fee_lamports = 5000};
	uint8_t data[12] = {2, 0, 0, 0, 77};

	EXPECT(seen(BYTES_OF_ARRAY(data), &w, &t) == 77);
	EXPECT(policy_facts_hold(&facts, &view, wallet, 5000));
	EXPECT(!policy_facts_hold(&facts, &view, wallet, 5001));
	facts.lamports_out = 5076;
	EXPECT(!policy_facts_hold(&facts, &view, wallet, 5000));
	facts.lamports_out = 5000;
	EXPECT(policy_facts_hold(&facts, NULL, wallet, 5000)); /* a text takes nothing */
	facts.lamports_out = 76; /* who does not pay the fee pays the transfer */
	EXPECT(!policy_facts_hold(&facts, &view, wallet, 0));
	facts.lamports_out = 77;
	EXPECT(policy_facts_hold(&facts, &view, wallet, 0));
	facts = (struct policy_facts){.lamports_out = UINT64_MAX, .fee_lamports = 4999};
	EXPECT(!policy_facts_hold(&facts, &view, wallet, 5000));
}

int main(void)
{
	RUN(test_facts_below_what_is_seen_do_not_hold);
	RUN(test_what_system_instructions_take_is_seen);
	RUN(test_what_others_take_is_not_seen);
	RUN(test_lamports_and_the_native_mint_are_one);
	RUN(test_what_is_too_much_stays_the_most);
	return test_summary();
}
