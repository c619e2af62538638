/* Property: what the decoder accepts is exactly what the view says. The bytes are written anew from
 * the view alone and must be the same; at most one of wire, message and off-chain accepts them; a
 * refusal's offset lies inside the bytes or right behind them. (L5, L8) */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "solana_fee.h"
#include "solana_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void put(struct buffer *out, struct bytes bytes)
{
	CHECK(buffer_put(out, bytes) == STATUS_OK);
}

static void put_u8(struct buffer *out, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	CHECK(value <= UINT8_MAX);
	put(out, bytes_of(&byte, 1));
}

static void put_length(struct buffer *out, unsigned value)
{
	while (value >= 0x80) {
		put_u8(out, (value & 0x7f) | 0x80);
		value >>= 7;
	}
	put_u8(out, value);
}

static void put_counted(struct buffer *out, const struct solana_view *view,
                        struct solana_range range)
{
	put_length(out, range.len);
	put(out, solana_range_bytes(view, range));
}

static void put_keys(struct buffer *out, const struct solana_view *view)
{
	for (unsigned i = 0; i < view->static_count; i++)
		put(out, bytes_of(solana_account_key(view, i), SOLANA_KEY_LEN));
}

static void put_header(struct buffer *out, const struct solana_view *view)
{
	unsigned writable_signers = 0, signers = 0, readonly = 0;

	/* The counts are worked out from the accounts' powers, so that these are checked too. */
	for (unsigned i = 0; i < view->static_count; i++) {
		unsigned flags = view->accounts[i].flags;

		signers += (flags & SOLANA_ACCOUNT_SIGNER) != 0;
		writable_signers += flags == (SOLANA_ACCOUNT_SIGNER | SOLANA_ACCOUNT_WRITABLE);
		readonly += flags == 0;
	}
	put_u8(out, signers);
	put_u8(out, signers - writable_signers);
	put_u8(out, readonly);
}

static void put_old_message(struct buffer *out, const struct solana_view *view)
{
	if (view->format == SOLANA_FORMAT_V0)
		put_u8(out, 0x80);
	put_header(out, view);
	put_length(out, view->static_count);
	put_keys(out, view);
	put(out, bytes_of(solana_lifetime(view), SOLANA_KEY_LEN));
	put_length(out, view->instruction_count);
	for (unsigned i = 0; i < view->instruction_count; i++) {
		put_u8(out, view->instructions[i].program);
		put_counted(out, view, view->instructions[i].accounts);
		put_counted(out, view, view->instructions[i].data);
	}
	if (view->format != SOLANA_FORMAT_V0)
		return;
	put_length(out, view->lookup_count);
	for (unsigned i = 0; i < view->lookup_count; i++) {
		put(out, bytes_of(solana_table_key(view, i), SOLANA_KEY_LEN));
		put_counted(out, view, view->lookups[i].writable);
		put_counted(out, view, view->lookups[i].readonly);
	}
}

static void put_v1_message(struct buffer *out, const struct solana_view *view)
{
	const struct solana_config *config = &view->config;

	put_u8(out, 0x81);
	put_header(out, view);
	put(out, bytes_of(&config->mask, 4));
	put(out, bytes_of(solana_lifetime(view), SOLANA_KEY_LEN));
	put_u8(out, view->instruction_count);
	put_u8(out, view->static_count);
	put_keys(out, view);
	if ((config->mask & SOLANA_CONFIG_PRIORITY_FEE) != 0)
		put(out, bytes_of(&config->priority_fee_lamports, 8));
	if ((config->mask & SOLANA_CONFIG_COMPUTE_UNITS) != 0)
		put(out, bytes_of(&config->compute_unit_limit, 4));
	if ((config->mask & SOLANA_CONFIG_LOADED_DATA) != 0)
		put(out, bytes_of(&config->loaded_accounts_data_limit_bytes, 4));
	if ((config->mask & SOLANA_CONFIG_HEAP) != 0)
		put(out, bytes_of(&config->heap_bytes, 4));
	for (unsigned i = 0; i < view->instruction_count; i++) {
		put_u8(out, view->instructions[i].program);
		put_u8(out, view->instructions[i].accounts.len);
		put(out, bytes_of(&view->instructions[i].data.len, 2));
	}
	for (unsigned i = 0; i < view->instruction_count; i++) {
		put(out, solana_range_bytes(view, view->instructions[i].accounts));
		put(out, solana_range_bytes(view, view->instructions[i].data));
	}
}

static void put_offchain(struct buffer *out, const struct solana_view *view)
{
	put(out, bytes_of("\xffsolana offchain\x01", 17));
	put_u8(out, view->static_count);
	put_keys(out, view);
	put(out, solana_range_bytes(view, view->text));
}

static void put_message(struct buffer *out, const struct solana_view *view)
{
	if (view->kind == SOLANA_KIND_OFFCHAIN)
		put_offchain(out, view);
	else if (view->format == SOLANA_FORMAT_V1)
		put_v1_message(out, view);
	else
		put_old_message(out, view);
}

static void put_wire(struct buffer *out, const struct solana_view *view)
{
	if (view->format == SOLANA_FORMAT_V1) {
		put_message(out, view);
		put(out, view->signatures);
		return;
	}
	put_length(out, view->required_signatures);
	put(out, view->signatures);
	put_message(out, view);
}

/* Accounts behind the static ones come from the lookups: writable first, tables in order. */
static void check_loaded(const struct solana_view *view)
{
	unsigned at = view->static_count;

	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < view->lookup_count; i++) {
			struct bytes indexes =
			    solana_range_bytes(view, pass == 0 ? view->lookups[i].writable
			                                       : view->lookups[i].readonly);

			for (size_t j = 0; j < indexes.len; j++, at++) {
				CHECK(view->accounts[at].lookup == i);
				CHECK(view->accounts[at].index == indexes.data[j]);
				CHECK(view->accounts[at].flags ==
				      (pass == 0 ? SOLANA_ACCOUNT_WRITABLE : 0));
			}
		}
	}
	CHECK(at == view->account_count);
}

static void check_view(const struct solana_view *view, struct bytes input)
{
	static uint8_t space[LIMIT_TX_V1_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct solana_fee_facts facts;
	struct solana_error error;

	if (view->kind == SOLANA_KIND_TRANSACTION)
		put_wire(&out, view);
	else
		put_message(&out, view);
	CHECK(bytes_equal(buffer_bytes(&out), input));
	check_loaded(view);
	for (unsigned i = 0; i < view->instruction_count; i++) {
		struct bytes accounts = solana_range_bytes(view, view->instructions[i].accounts);

		CHECK(view->instructions[i].program != 0);
		CHECK(view->instructions[i].program < view->static_count);
		for (size_t j = 0; j < accounts.len; j++)
			CHECK(accounts.data[j] < view->account_count);
	}
	if (solana_fee_facts(view, &facts, &error) == STATUS_OK) {
		CHECK(facts.worst_fee_lamports >= facts.base_fee_lamports);
		CHECK(facts.worst_fee_lamports >= facts.priority_fee_lamports);
		CHECK(facts.base_fee_lamports >= 5000u * view->required_signatures);
	}
	(void)solana_nonce_account(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct solana_view view;
	struct bytes input = bytes_of(data, len);
	struct solana_error error = {0};
	unsigned accepted = 0;
	enum status status;

	typedef enum status decode(struct bytes, struct solana_view *, struct solana_error *);
	decode *const kinds[] = {solana_decode_transaction, solana_decode_message,
	                         solana_decode_offchain};

	for (unsigned i = 0; i < 3; i++) {
		status = kinds[i](input, &view, &error);
		if (status == STATUS_OK) {
			CHECK(view.kind == SOLANA_KIND_TRANSACTION + i);
			check_view(&view, input);
			accepted++;
		} else {
			CHECK(error.code != SOLANA_ERROR_NONE && error.offset <= len);
		}
	}
	status = solana_classify(input, &view, &error);
	CHECK((status == STATUS_OK) == (accepted == 1));
	if (solana_classify_signable(input, &view, &error) == STATUS_OK)
		CHECK(status == STATUS_OK && view.kind != SOLANA_KIND_TRANSACTION);
	return 0;
}
