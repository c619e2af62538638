/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_fee.h"

#include "solana_ids.h"
#include "solana_read.h"

#define MICRO_LAMPORTS 1000000u

/* Tags of the ComputeBudget program, with the length of what follows the tag byte. */
enum {
	TAG_HEAP = 1,
	TAG_UNIT_LIMIT,
	TAG_UNIT_PRICE,
	TAG_LOADED_DATA,
};

static bool is_program(const struct solana_view *view, const struct solana_instruction *instruction,
                       const uint8_t id[SOLANA_KEY_LEN])
{
	return memcmp(solana_account_key(view, instruction->program), id, SOLANA_KEY_LEN) == 0;
}

/* The first byte of a precompile's data is how many signatures it claims; the fee counts the claim
 * before anything is checked. */
static uint32_t precompile_signatures(const struct solana_view *view,
                                      const struct solana_instruction *instruction)
{
	if (instruction->data.len == 0)
		return 0;
	if (is_program(view, instruction, solana_id_ed25519) ||
	    is_program(view, instruction, solana_id_secp256k1) ||
	    is_program(view, instruction, solana_id_secp256r1))
		return view->message.data[instruction->data.offset];
	return 0;
}

/* take_setting notes one ComputeBudget instruction. `seen` has a bit per tag. */
static enum solana_error_code take_setting(const struct solana_view *view,
                                           const struct solana_instruction *instruction,
                                           struct solana_fee_facts *facts, unsigned *seen)
{
	struct bytes data = solana_range_bytes(view, instruction->data);
	unsigned tag = data.len == 0 ? 0 : data.data[0];
	uint64_t value;

	if (instruction->accounts.len != 0)
		facts->compute_budget_accounts = true;
	if (tag < TAG_HEAP || tag > TAG_LOADED_DATA || data.len != (tag == TAG_UNIT_PRICE ? 9 : 5))
		return SOLANA_ERROR_COMPUTE_BUDGET;
	if ((*seen & 1u << tag) != 0)
		return SOLANA_ERROR_COMPUTE_BUDGET_TWICE;
	*seen |= 1u << tag;
	value = tag == TAG_UNIT_PRICE ? load_le64(data.data + 1) : load_le32(data.data + 1);
	if (tag == TAG_HEAP) {
		if (value % 1024 != 0 || value < SOLANA_HEAP_MIN || value > SOLANA_HEAP_MAX)
			return SOLANA_ERROR_COMPUTE_BUDGET;
		facts->heap_bytes = (uint32_t)value;
	} else if (tag == TAG_UNIT_LIMIT) {
		facts->cu_limit_set = true;
		facts->cu_limit =
		    value < SOLANA_COMPUTE_UNITS_MAX ? (uint32_t)value : SOLANA_COMPUTE_UNITS_MAX;
	} else if (tag == TAG_UNIT_PRICE) {
		facts->cu_price_set = true;
		facts->cu_price_micro_lamports = value;
	} else {
		if (value == 0)
			return SOLANA_ERROR_COMPUTE_BUDGET;
		facts->loaded_data_limit_bytes = (uint32_t)value;
	}
	return SOLANA_ERROR_NONE;
}

static uint64_t priority_fee(const struct solana_fee_facts *facts)
{
	unsigned __int128 fee = (unsigned __int128)facts->cu_price_micro_lamports * facts->cu_limit;

	fee = (fee + MICRO_LAMPORTS - 1) / MICRO_LAMPORTS;
	return fee > UINT64_MAX ? UINT64_MAX : (uint64_t)fee;
}

static void put_v1_limits(const struct solana_config *config, struct solana_fee_facts *facts)
{
	facts->cu_limit_set = (config->mask & SOLANA_CONFIG_COMPUTE_UNITS) != 0;
	facts->cu_limit = config->compute_unit_limit < SOLANA_COMPUTE_UNITS_MAX
	                      ? config->compute_unit_limit
	                      : SOLANA_COMPUTE_UNITS_MAX;
	facts->loaded_data_limit_bytes = config->loaded_accounts_data_limit_bytes;
	facts->heap_bytes = config->heap_bytes;
	facts->priority_fee_lamports = config->priority_fee_lamports;
}

static void put_totals(const struct solana_view *view, struct solana_fee_facts *facts)
{
	facts->signature_count = view->required_signatures;
	facts->base_fee_lamports = (uint64_t)SOLANA_LAMPORTS_PER_SIGNATURE *
	                           (facts->signature_count + facts->precompile_signatures);
	if (view->format == SOLANA_FORMAT_V1) {
		put_v1_limits(&view->config, facts);
	} else {
		if (!facts->cu_limit_set)
			facts->cu_limit = SOLANA_COMPUTE_UNITS_MAX;
		facts->priority_fee_lamports = priority_fee(facts);
	}
	if (__builtin_add_overflow(facts->base_fee_lamports, facts->priority_fee_lamports,
	                           &facts->worst_fee_lamports))
		facts->worst_fee_lamports = UINT64_MAX;
}

enum status solana_fee_facts(const struct solana_view *view, struct solana_fee_facts *ret_facts,
                             struct solana_error *ret_error)
{
	struct solana_fee_facts facts = {0};
	enum solana_error_code code = SOLANA_ERROR_NONE;
	unsigned seen = 0;

	if (view->kind == SOLANA_KIND_OFFCHAIN) {
		*ret_error = (struct solana_error){SOLANA_ERROR_VERSION, 0};
		return STATUS_REFUSED;
	}
	for (unsigned i = 0; i < view->instruction_count; i++) {
		const struct solana_instruction *instruction = &view->instructions[i];

		facts.precompile_signatures += precompile_signatures(view, instruction);
		/* In v1 these instructions set nothing. */
		if (view->format == SOLANA_FORMAT_V1 ||
		    !is_program(view, instruction, solana_id_compute_budget))
			continue;
		code = take_setting(view, instruction, &facts, &seen);
		if (code != SOLANA_ERROR_NONE) {
			*ret_error = (struct solana_error){code, instruction->data.offset};
			return STATUS_REFUSED;
		}
	}
	put_totals(view, &facts);
	*ret_facts = facts;
	return STATUS_OK;
}
