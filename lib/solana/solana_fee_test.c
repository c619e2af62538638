/* Fee facts (A19). What the runtime really charges is compared in tests/solana/fees.mjs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "solana_fee.h"
#include "solana_ids.h"

static uint8_t space[1232];
static struct buffer message;
static struct solana_view view;
static struct solana_fee_facts facts;
static struct solana_error error;

static void put(const void *data, size_t len)
{
	EXPECT(buffer_put(&message, bytes_of(data, len)) == STATUS_OK);
}

/* begin writes a legacy message up to its instructions: payer, then the two programs. */
static void begin(const uint8_t one[32], const uint8_t two[32], uint8_t instructions)
{
	uint8_t key[32];

	memset(key, 1, sizeof(key));
	message = BUFFER_OF_ARRAY(space);
	put("\x01\x00\x02\x03", 4);
	put(key, 32);
	put(one, 32);
	put(two, 32);
	put(key, 32);
	put(&instructions, 1);
}

static void instruction(uint8_t program, const void *data, uint8_t len)
{
	uint8_t head[3] = {program, 0, len};

	put(head, 3);
	put(data, len);
}

static enum status work_out(void)
{
	EXPECT(solana_decode_message(buffer_bytes(&message), &view, &error) == STATUS_OK);
	return solana_fee_facts(&view, &facts, &error);
}

static enum status with_budget(const char *data, uint8_t len)
{
	begin(solana_id_compute_budget, solana_id_system, 1);
	instruction(1, data, len);
	return work_out();
}

static void test_a_plain_transaction_costs_its_signatures(void)
{
	begin(solana_id_compute_budget, solana_id_system, 1);
	instruction(2, "", 0);
	EXPECT(work_out() == STATUS_OK);
	EXPECT(facts.base_fee_lamports == 5000 && facts.worst_fee_lamports == 5000);
	EXPECT(facts.signature_count == 1 && facts.precompile_signatures == 0);
	EXPECT(!facts.cu_limit_set && !facts.cu_price_set && facts.cu_limit == 1400000);
}

static void test_a_price_is_rounded_up_and_times_the_limit(void)
{
	begin(solana_id_compute_budget, solana_id_system, 2);
	instruction(1, "\x02\x40\x0d\x03\x00", 5);                 /* 200,000 units */
	instruction(1, "\x03\x01\x00\x00\x00\x00\x00\x00\x00", 9); /* 1 micro-lamport */
	EXPECT(work_out() == STATUS_OK);
	EXPECT(facts.priority_fee_lamports == 1 && facts.worst_fee_lamports == 5001);
	EXPECT(facts.cu_limit == 200000 && facts.cu_price_micro_lamports == 1);
}

static void test_a_price_without_a_limit_counts_the_most_units(void)
{
	EXPECT(with_budget("\x03\x40\x42\x0f\x00\x00\x00\x00\x00", 9) == STATUS_OK);
	EXPECT(facts.priority_fee_lamports == 1400000);
}

static void test_a_limit_over_the_most_counts_the_most(void)
{
	begin(solana_id_compute_budget, solana_id_system, 2);
	instruction(1, "\x02\xff\xff\xff\xff", 5);
	instruction(1, "\x03\x40\x42\x0f\x00\x00\x00\x00\x00", 9);
	EXPECT(work_out() == STATUS_OK && facts.priority_fee_lamports == 1400000);
}

static void test_a_fee_beyond_64_bits_is_the_largest_number(void)
{
	EXPECT(with_budget("\x03\xff\xff\xff\xff\xff\xff\xff\xff", 9) == STATUS_OK);
	EXPECT(facts.priority_fee_lamports == UINT64_MAX);
	EXPECT(facts.worst_fee_lamports == UINT64_MAX);
}

static void test_odd_compute_budget_data_is_refused(void)
{
	static const struct {
		const char *data;
		uint8_t len;
	} odd[] = {
	    {"",	                                 0 },
	    {"\x00\x01\x00\x00\x00\x00\x00\x00\x00",     9 },
	    {"\x05\x00\x00\x00\x00",                     5 },
	    {"\x02\x40\x0d\x03",                         4 },
	    {"\x02\x40\x0d\x03\x00\x00",                 6 },
	    {"\x03\x01\x00\x00\x00\x00\x00\x00",         8 },
	    {"\x03\x01\x00\x00\x00\x00\x00\x00\x00\x00", 10},
	    {"\x01\x00\x04\x00\x00",                     5 },
	    {"\x01\x01\x80\x00\x00",                     5 },
	    {"\x01\x00\x04\x04\x00",                     5 },
	    {"\x04\x00\x00\x00\x00",                     5 },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		EXPECT(with_budget(odd[i].data, odd[i].len) == STATUS_REFUSED);
		EXPECT(error.code == SOLANA_ERROR_COMPUTE_BUDGET);
	}
	EXPECT(with_budget("\x01\x00\x80\x00\x00", 5) == STATUS_OK && facts.heap_bytes == 32768);
	EXPECT(with_budget("\x04\x01\x00\x00\x00", 5) == STATUS_OK);
	EXPECT(facts.loaded_data_limit_bytes == 1);
}

static void test_a_setting_made_twice_is_refused(void)
{
	begin(solana_id_compute_budget, solana_id_system, 2);
	instruction(1, "\x02\x40\x0d\x03\x00", 5);
	instruction(1, "\x02\x40\x0d\x03\x00", 5);
	EXPECT(work_out() == STATUS_REFUSED && error.code == SOLANA_ERROR_COMPUTE_BUDGET_TWICE);
	EXPECT(error.offset == message.len - 5);
}

/* Real bots do it and the runtime does not look at them. */
static void test_accounts_on_a_budget_instruction_are_told(void)
{
	begin(solana_id_compute_budget, solana_id_system, 1);
	put("\x01\x01\x00\x05\x02\x40\x0d\x03\x00", 9);
	EXPECT(work_out() == STATUS_OK && facts.compute_budget_accounts && facts.cu_limit_set);
}

static void test_precompiles_cost_what_their_first_byte_claims(void)
{
	const uint8_t *const ids[] = {solana_id_ed25519, solana_id_secp256k1, solana_id_secp256r1};

	for (size_t i = 0; i < 3; i++) {
		begin(ids[i], solana_id_system, 3);
		instruction(1, "\xff\x00", 2);
		instruction(1, "", 0);
		instruction(1, "\x02", 1);
		EXPECT(work_out() == STATUS_OK && facts.precompile_signatures == 257);
		EXPECT(facts.base_fee_lamports == 5000u * 258);
	}
}

static void test_v1_takes_its_own_limits_and_no_instructions(void)
{
	uint8_t key[32];

	memset(key, 1, sizeof(key));
	message = BUFFER_OF_ARRAY(space);
	put("\x81\x01\x00\x01\x07\x00\x00\x00", 8);
	memset(key, 9, sizeof(key));
	put(key, 32);
	put("\x01\x02", 2);
	put(key, 32);
	put(solana_id_compute_budget, 32);
	put("\x88\x13\x00\x00\x00\x00\x00\x00\x40\x0d\x03\x00", 12);
	put("\x01\x00\x09\x00", 4);
	put("\x03\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	EXPECT(work_out() == STATUS_OK);
	EXPECT(facts.priority_fee_lamports == 5000 && facts.worst_fee_lamports == 10000);
	EXPECT(facts.cu_limit == 200000 && facts.cu_limit_set && !facts.cu_price_set);
}

int main(void)
{
	RUN(test_a_plain_transaction_costs_its_signatures);
	RUN(test_a_price_is_rounded_up_and_times_the_limit);
	RUN(test_a_price_without_a_limit_counts_the_most_units);
	RUN(test_a_limit_over_the_most_counts_the_most);
	RUN(test_a_fee_beyond_64_bits_is_the_largest_number);
	RUN(test_odd_compute_budget_data_is_refused);
	RUN(test_a_setting_made_twice_is_refused);
	RUN(test_accounts_on_a_budget_instruction_are_told);
	RUN(test_precompiles_cost_what_their_first_byte_claims);
	RUN(test_v1_takes_its_own_limits_and_no_instructions);
	return test_summary();
}
