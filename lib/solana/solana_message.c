/* SPDX-License-Identifier: Apache-2.0 */
#include "solana_read.h"

#define VERSION_FLAG  0x80
#define FAIL(r, code) solana_fail(r, SOLANA_ERROR_##code, (r)->at)

/* An account index is one byte and a message at most 4096, so every offset fits 16 bits. */
_Static_assert(LIMIT_MESSAGE_MAX <= UINT16_MAX, "struct solana_range holds 16-bit offsets");

uint16_t solana_take_length(struct solana_reader *r)
{
	size_t start = r->at;
	uint32_t value = 0;

	for (unsigned shift = 0; shift < 21; shift += 7) {
		uint8_t byte = solana_take_u8(r);

		value |= (uint32_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) != 0)
			continue;
		if ((byte == 0 && shift != 0) || value > UINT16_MAX)
			break;
		return (uint16_t)value;
	}
	solana_fail(r, SOLANA_ERROR_LENGTH_FORM, start);
	return 0;
}

/* Counts contradict each other or the keys: the runtime's sanitizer has the same three rules. */
static void take_header(struct solana_reader *r, struct solana_view *view)
{
	size_t start = r->at;

	view->required_signatures = solana_take_u8(r);
	view->readonly_signed = solana_take_u8(r);
	view->readonly_unsigned = solana_take_u8(r);
	if (solana_failed(r))
		return;
	if (view->required_signatures == 0 || view->required_signatures > SOLANA_SIGNERS_MAX)
		solana_fail(r, SOLANA_ERROR_SIGNATURE_COUNT, start);
	else if (view->readonly_signed >= view->required_signatures)
		solana_fail(r, SOLANA_ERROR_HEADER, start + 1);
}

/* take_keys takes `count` keys, none twice. The header stands `header_at`. */
static void take_keys(struct solana_reader *r, struct solana_view *view, unsigned count,
                      size_t header_at)
{
	const uint8_t *keys;
	size_t start = r->at;

	if (solana_failed(r))
		return;
	if (count > SOLANA_STATIC_MAX) {
		FAIL(r, ACCOUNT_COUNT);
		return;
	}
	if ((unsigned)view->required_signatures + view->readonly_unsigned > count) {
		solana_fail(r, SOLANA_ERROR_HEADER, header_at);
		return;
	}
	view->static_count = (uint8_t)count;
	view->keys = (uint16_t)start;
	keys = solana_take(r, (size_t)count * SOLANA_KEY_LEN);
	if (keys == NULL)
		return;
	for (unsigned i = 1; i < count; i++) {
		const uint8_t *key = keys + (size_t)i * SOLANA_KEY_LEN;

		for (unsigned j = 0; j < i; j++) {
			const uint8_t *other = keys + (size_t)j * SOLANA_KEY_LEN;

			if (load_le64(key) == load_le64(other) &&
			    memcmp(key, other, SOLANA_KEY_LEN) == 0) {
				solana_fail(r, SOLANA_ERROR_DUPLICATE_ACCOUNT,
				            start + (size_t)i * SOLANA_KEY_LEN);
				return;
			}
		}
	}
}

static void take_instructions(struct solana_reader *r, struct solana_view *view)
{
	size_t start = r->at;
	unsigned count = solana_take_length(r);

	if (count > SOLANA_INSTRUCTIONS_MAX) {
		solana_fail(r, SOLANA_ERROR_INSTRUCTION_COUNT, start);
		return;
	}
	view->instruction_count = (uint8_t)count;
	for (unsigned i = 0; i < count && !solana_failed(r); i++) {
		struct solana_instruction *instruction = &view->instructions[i];
		size_t program_at = r->at;

		instruction->program = solana_take_u8(r);
		if (!solana_failed(r) &&
		    (instruction->program == 0 || instruction->program >= view->static_count))
			solana_fail(r, SOLANA_ERROR_PROGRAM_INDEX, program_at);
		instruction->accounts = solana_take_range(r, solana_take_length(r));
		instruction->data = solana_take_range(r, solana_take_length(r));
	}
}

/* mark_entries notes the entries of one table that are loaded, and refuses one loaded twice: the
 * runtime would load the same account twice, which it refuses after the signature is out. */
static void mark_entries(struct solana_reader *r, struct solana_range range, uint64_t seen[4],
                         bool again)
{
	for (unsigned i = 0; i < range.len; i++) {
		uint8_t index = r->bytes.data[range.offset + i];
		uint64_t bit = UINT64_C(1) << (index & 63);

		if (again && (seen[index >> 6] & bit) != 0) {
			solana_fail(r, SOLANA_ERROR_DUPLICATE_LOOKUP, range.offset + i);
			return;
		}
		seen[index >> 6] |= bit;
	}
}

static void check_entries(struct solana_reader *r, const struct solana_view *view, unsigned lookup)
{
	const struct solana_lookup *it = &view->lookups[lookup];
	uint64_t seen[4] = {0};

	for (unsigned i = 0; i < lookup; i++) {
		const struct solana_lookup *other = &view->lookups[i];

		if (memcmp(r->bytes.data + it->table, r->bytes.data + other->table,
		           SOLANA_KEY_LEN) != 0)
			continue;
		mark_entries(r, other->writable, seen, false);
		mark_entries(r, other->readonly, seen, false);
	}
	mark_entries(r, it->writable, seen, true);
	mark_entries(r, it->readonly, seen, true);
}

static void take_lookups(struct solana_reader *r, struct solana_view *view)
{
	size_t start = r->at;
	unsigned count = solana_take_length(r);

	/* More than fit in 1232 bytes: say that the bytes end, which they then do. */
	if (count > SOLANA_LOOKUPS_MAX) {
		solana_fail(r, SOLANA_ERROR_TRUNCATED, start);
		return;
	}
	view->lookup_count = (uint8_t)count;
	for (unsigned i = 0; i < count; i++) {
		struct solana_lookup *lookup = &view->lookups[i];
		size_t table_at = r->at;

		lookup->table = solana_take_range(r, SOLANA_KEY_LEN).offset;
		lookup->writable = solana_take_range(r, solana_take_length(r));
		lookup->readonly = solana_take_range(r, solana_take_length(r));
		if (solana_failed(r))
			return;
		if (lookup->writable.len == 0 && lookup->readonly.len == 0)
			solana_fail(r, SOLANA_ERROR_EMPTY_LOOKUP, table_at);
		check_entries(r, view, i);
	}
}

static void put_loaded(struct solana_reader *r, struct solana_view *view, bool writable)
{
	for (unsigned i = 0; i < view->lookup_count; i++) {
		struct solana_range range =
		    writable ? view->lookups[i].writable : view->lookups[i].readonly;

		for (unsigned j = 0; j < range.len; j++) {
			if (view->account_count == SOLANA_ACCOUNTS_MAX) {
				solana_fail(r, SOLANA_ERROR_ACCOUNT_COUNT, range.offset + j);
				return;
			}
			view->accounts[view->account_count++] =
			    (struct solana_account){writable ? SOLANA_ACCOUNT_WRITABLE : 0,
			                            (uint8_t)i, r->bytes.data[range.offset + j]};
		}
	}
}

/* put_accounts gives every account its powers: signers first, read-only last in both groups. */
static void put_accounts(struct solana_reader *r, struct solana_view *view)
{
	unsigned signers = view->required_signatures;
	unsigned writable_signers = signers - view->readonly_signed;
	unsigned writable_end = view->static_count - (unsigned)view->readonly_unsigned;

	for (unsigned i = 0; i < view->static_count; i++) {
		bool signer = i < signers;
		bool writable = signer ? i < writable_signers : i < writable_end;

		view->accounts[i] =
		    (struct solana_account){(uint8_t)((signer ? SOLANA_ACCOUNT_SIGNER : 0) |
		                                      (writable ? SOLANA_ACCOUNT_WRITABLE : 0)),
		                            SOLANA_NOT_LOOKED_UP, 0};
	}
	view->account_count = view->static_count;
	put_loaded(r, view, true);
	put_loaded(r, view, false);
}

static void check_indexes(struct solana_reader *r, const struct solana_view *view)
{
	for (unsigned i = 0; i < view->instruction_count; i++) {
		struct solana_range range = view->instructions[i].accounts;

		for (unsigned j = 0; j < range.len; j++) {
			if (r->bytes.data[range.offset + j] >= view->account_count)
				solana_fail(r, SOLANA_ERROR_ACCOUNT_INDEX, range.offset + j);
		}
	}
}

static void take_config(struct solana_reader *r, struct solana_config *config)
{
	uint32_t heap;

	if ((config->mask & SOLANA_CONFIG_PRIORITY_FEE) != 0)
		config->priority_fee_lamports = solana_take_u64(r);
	if ((config->mask & SOLANA_CONFIG_COMPUTE_UNITS) != 0)
		config->compute_unit_limit = solana_take_u32(r);
	if ((config->mask & SOLANA_CONFIG_LOADED_DATA) != 0)
		config->loaded_accounts_data_limit_bytes = solana_take_u32(r);
	if ((config->mask & SOLANA_CONFIG_HEAP) == 0)
		return;
	heap = solana_take_u32(r);
	config->heap_bytes = heap;
	if (heap % 1024 != 0 || heap < SOLANA_HEAP_MIN || heap > SOLANA_HEAP_MAX)
		solana_fail(r, SOLANA_ERROR_CONFIG_HEAP, r->at - 4);
}

static void take_v1_instructions(struct solana_reader *r, struct solana_view *view)
{
	for (unsigned i = 0; i < view->instruction_count && !solana_failed(r); i++) {
		struct solana_instruction *instruction = &view->instructions[i];
		size_t program_at = r->at;

		instruction->program = solana_take_u8(r);
		instruction->accounts.len = solana_take_u8(r);
		instruction->data.len = solana_take_u16(r);
		if (!solana_failed(r) &&
		    (instruction->program == 0 || instruction->program >= view->static_count))
			solana_fail(r, SOLANA_ERROR_PROGRAM_INDEX, program_at);
	}
	for (unsigned i = 0; i < view->instruction_count && !solana_failed(r); i++) {
		struct solana_instruction *instruction = &view->instructions[i];

		instruction->accounts = solana_take_range(r, instruction->accounts.len);
		instruction->data = solana_take_range(r, instruction->data.len);
	}
}

/* take_v1 follows SIMD-0385: everything counted before it comes, keys before the limits' values. */
static void take_v1(struct solana_reader *r, struct solana_view *view)
{
	static const uint8_t zero[SOLANA_KEY_LEN];
	size_t header_at = r->at;
	const uint8_t *lifetime;
	unsigned instructions, keys;
	uint32_t mask, fee_bits;

	take_header(r, view);
	mask = solana_take_u32(r);
	fee_bits = mask & SOLANA_CONFIG_PRIORITY_FEE;
	if ((mask & ~SOLANA_CONFIG_KNOWN) != 0 ||
	    (fee_bits != 0 && fee_bits != SOLANA_CONFIG_PRIORITY_FEE))
		solana_fail(r, SOLANA_ERROR_CONFIG_MASK, r->at - 4);
	view->config.mask = mask;
	view->lifetime = (uint16_t)r->at;
	lifetime = solana_take(r, SOLANA_KEY_LEN);
	if (lifetime != NULL && memcmp(lifetime, zero, SOLANA_KEY_LEN) == 0)
		solana_fail(r, SOLANA_ERROR_LIFETIME, view->lifetime);
	instructions = solana_take_u8(r);
	if (instructions > SOLANA_INSTRUCTIONS_MAX)
		solana_fail(r, SOLANA_ERROR_INSTRUCTION_COUNT, r->at - 1);
	keys = solana_take_u8(r);
	take_keys(r, view, keys, header_at);
	take_config(r, &view->config);
	view->instruction_count = solana_failed(r) ? 0 : (uint8_t)instructions;
	take_v1_instructions(r, view);
}

static void take_legacy_or_v0(struct solana_reader *r, struct solana_view *view)
{
	size_t header_at = r->at;

	take_header(r, view);
	take_keys(r, view, solana_take_length(r), header_at);
	view->lifetime = (uint16_t)r->at;
	(void)solana_take(r, SOLANA_KEY_LEN);
	take_instructions(r, view);
	if (view->format == SOLANA_FORMAT_V0)
		take_lookups(r, view);
}

void solana_message_take(struct solana_reader *r, bool legacy_envelope, struct solana_view *view)
{
	uint8_t first;

	if (r->bytes.len == 0) {
		FAIL(r, TRUNCATED);
		return;
	}
	first = r->bytes.data[0];
	if (first < VERSION_FLAG) {
		view->format = SOLANA_FORMAT_LEGACY;
	} else if (first == VERSION_FLAG) {
		view->format = SOLANA_FORMAT_V0;
	} else if (first == SOLANA_V1_PREFIX && !legacy_envelope) {
		view->format = SOLANA_FORMAT_V1;
	} else {
		FAIL(r, VERSION);
		return;
	}
	if (view->format != SOLANA_FORMAT_LEGACY)
		r->at = 1;
	if (view->format == SOLANA_FORMAT_V1)
		take_v1(r, view);
	else
		take_legacy_or_v0(r, view);
	if (solana_failed(r))
		return;
	put_accounts(r, view);
	if (!solana_failed(r))
		check_indexes(r, view);
}
