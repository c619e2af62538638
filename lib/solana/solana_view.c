/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_view.h"

#include "base_check.h"
#include "solana_ids.h"
#include "solana_read.h"

const char *solana_error_code(enum solana_error_code code)
{
	switch (code) {
	case SOLANA_ERROR_NONE:
		return "none";
	case SOLANA_ERROR_EMPTY:
		return "empty";
	case SOLANA_ERROR_TOO_LONG:
		return "too-long";
	case SOLANA_ERROR_TRUNCATED:
		return "truncated";
	case SOLANA_ERROR_TRAILING_BYTES:
		return "trailing-bytes";
	case SOLANA_ERROR_VERSION:
		return "unknown-version";
	case SOLANA_ERROR_LENGTH_FORM:
		return "length-form";
	case SOLANA_ERROR_SIGNATURE_COUNT:
		return "signature-count";
	case SOLANA_ERROR_HEADER:
		return "header-counts";
	case SOLANA_ERROR_ACCOUNT_COUNT:
		return "account-count";
	case SOLANA_ERROR_DUPLICATE_ACCOUNT:
		return "duplicate-account";
	case SOLANA_ERROR_LIFETIME:
		return "lifetime";
	case SOLANA_ERROR_INSTRUCTION_COUNT:
		return "instruction-count";
	case SOLANA_ERROR_PROGRAM_INDEX:
		return "program-index";
	case SOLANA_ERROR_ACCOUNT_INDEX:
		return "account-index";
	case SOLANA_ERROR_EMPTY_LOOKUP:
		return "empty-lookup";
	case SOLANA_ERROR_DUPLICATE_LOOKUP:
		return "duplicate-lookup";
	case SOLANA_ERROR_CONFIG_MASK:
		return "config-mask";
	case SOLANA_ERROR_CONFIG_HEAP:
		return "config-heap";
	case SOLANA_ERROR_AMBIGUOUS:
		return "ambiguous";
	case SOLANA_ERROR_NOT_MESSAGE:
		return "not-message";
	case SOLANA_ERROR_OFFCHAIN_VERSION:
		return "offchain-version";
	case SOLANA_ERROR_OFFCHAIN_SIGNERS:
		return "offchain-signers";
	case SOLANA_ERROR_OFFCHAIN_TEXT:
		return "offchain-empty";
	case SOLANA_ERROR_OFFCHAIN_UTF8:
		return "offchain-utf8";
	case SOLANA_ERROR_OFFCHAIN_HIDDEN:
		return "offchain-hidden";
	case SOLANA_ERROR_COMPUTE_BUDGET:
		return "compute-budget";
	case SOLANA_ERROR_COMPUTE_BUDGET_TWICE:
		return "compute-budget-twice";
	case SOLANA_ERROR_COUNT:
		break;
	}
	return "unknown";
}

const char *solana_error_text(enum solana_error_code code)
{
	switch (code) {
	case SOLANA_ERROR_NONE:
		return "no error";
	case SOLANA_ERROR_EMPTY:
		return "there are no bytes; send a transaction or a message";
	case SOLANA_ERROR_TOO_LONG:
		return "longer than the network takes: 1232 bytes for legacy and v0, 4096 for v1, "
		       "signatures included";
	case SOLANA_ERROR_TRUNCATED:
		return "the bytes end inside a field; send all of them";
	case SOLANA_ERROR_TRAILING_BYTES:
		return "bytes follow the end of the transaction; send nothing more";
	case SOLANA_ERROR_VERSION:
		return "unknown version; legacy, v0 and v1 are understood";
	case SOLANA_ERROR_LENGTH_FORM:
		return "a compact-u16 length is not written in its shortest form or passes 16 "
		       "bits; encode it anew";
	case SOLANA_ERROR_SIGNATURE_COUNT:
		return "there must be 1 to 12 signatures, as many as the header says";
	case SOLANA_ERROR_HEADER:
		return "the header's counts contradict each other or the number of accounts; the "
		       "fee payer must be a writable signer";
	case SOLANA_ERROR_ACCOUNT_COUNT:
		return "more accounts than a transaction may name (64 in the message, 256 with "
		       "lookup tables)";
	case SOLANA_ERROR_DUPLICATE_ACCOUNT:
		return "an account is listed twice; the network would refuse it";
	case SOLANA_ERROR_LIFETIME:
		return "the lifetime (recent blockhash) is all zero";
	case SOLANA_ERROR_INSTRUCTION_COUNT:
		return "more than 64 instructions; split the transaction";
	case SOLANA_ERROR_PROGRAM_INDEX:
		return "an instruction's program must be an account of the message itself and not "
		       "the fee payer";
	case SOLANA_ERROR_ACCOUNT_INDEX:
		return "an instruction uses an account that the message does not list";
	case SOLANA_ERROR_EMPTY_LOOKUP:
		return "a lookup table is named and nothing is loaded from it";
	case SOLANA_ERROR_DUPLICATE_LOOKUP:
		return "the same entry of a lookup table is loaded twice";
	case SOLANA_ERROR_CONFIG_MASK:
		return "the v1 config mask has an unknown bit or half of the priority fee's two "
		       "bits";
	case SOLANA_ERROR_CONFIG_HEAP:
		return "the v1 heap size must be a multiple of 1024 from 32768 to 262144";
	case SOLANA_ERROR_AMBIGUOUS:
		return "these bytes are a whole transaction and a message at once; nothing honest "
		       "looks like this";
	case SOLANA_ERROR_NOT_MESSAGE:
		return "this is a whole transaction with its signatures; send its message, the "
		       "bytes that are signed";
	case SOLANA_ERROR_OFFCHAIN_VERSION:
		return "only off-chain messages of version 1 are understood";
	case SOLANA_ERROR_OFFCHAIN_SIGNERS:
		return "an off-chain message needs 1 to 64 signers, sorted and none twice";
	case SOLANA_ERROR_OFFCHAIN_TEXT:
		return "the off-chain message has no text";
	case SOLANA_ERROR_OFFCHAIN_UTF8:
		return "the off-chain message's text is not UTF-8";
	case SOLANA_ERROR_OFFCHAIN_HIDDEN:
		return "the off-chain text holds a NUL or begins with a byte order mark, which "
		       "others "
		       "would not show";
	case SOLANA_ERROR_COMPUTE_BUDGET:
		return "a ComputeBudget instruction has odd data or a value that the "
		       "network refuses, so the fee is not sure";
	case SOLANA_ERROR_COMPUTE_BUDGET_TWICE:
		return "a ComputeBudget setting is made twice; the network refuses it";
	case SOLANA_ERROR_COUNT:
		break;
	}
	return "unknown error";
}

struct bytes solana_range_bytes(const struct solana_view *view, struct solana_range range)
{
	CHECK((size_t)range.offset + range.len <= view->message.len);
	return bytes_of(view->message.data + range.offset, range.len);
}

static const uint8_t *key_at(const struct solana_view *view, size_t offset)
{
	CHECK(offset + SOLANA_KEY_LEN <= view->message.len);
	return view->message.data + offset;
}

const uint8_t *solana_account_key(const struct solana_view *view, unsigned account)
{
	if (account >= view->static_count)
		return NULL;
	return key_at(view, view->keys + (size_t)account * SOLANA_KEY_LEN);
}

const uint8_t *solana_table_key(const struct solana_view *view, unsigned lookup)
{
	CHECK(lookup < view->lookup_count);
	return key_at(view, view->lookups[lookup].table);
}

const uint8_t *solana_lifetime(const struct solana_view *view)
{
	return view->lifetime == 0 ? NULL : key_at(view, view->lifetime);
}

const uint8_t *solana_signature(const struct solana_view *view, unsigned signer)
{
	if (signer >= view->signatures.len / SOLANA_SIGNATURE_LEN)
		return NULL;
	return view->signatures.data + (size_t)signer * SOLANA_SIGNATURE_LEN;
}

static int find_key(const struct solana_view *view, const uint8_t key[SOLANA_KEY_LEN],
                    unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (memcmp(solana_account_key(view, i), key, SOLANA_KEY_LEN) == 0)
			return (int)i;
	}
	return SOLANA_ABSENT;
}

int solana_find_signer(const struct solana_view *view, const uint8_t key[SOLANA_KEY_LEN])
{
	return find_key(view, key, view->required_signatures);
}

bool solana_uses_nonce(const struct solana_view *view)
{
	static const uint8_t advance[4] = {4, 0, 0, 0};
	struct bytes data;

	if (view->instruction_count == 0 ||
	    memcmp(solana_account_key(view, view->instructions[0].program), solana_id_system,
	           SOLANA_KEY_LEN) != 0)
		return false;
	data = solana_range_bytes(view, view->instructions[0].data);
	return data.len >= sizeof(advance) && memcmp(data.data, advance, sizeof(advance)) == 0;
}

int solana_nonce_account(const struct solana_view *view)
{
	struct bytes accounts;

	if (!solana_uses_nonce(view))
		return SOLANA_ABSENT;
	accounts = solana_range_bytes(view, view->instructions[0].accounts);
	return accounts.len == 0 ? SOLANA_ABSENT : accounts.data[0];
}
