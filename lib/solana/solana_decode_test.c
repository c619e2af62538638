/* What the decoder accepts and refuses, one line of the rules at a time (spec/solana.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "solana_ids.h"
#include "solana_view.h"

/* A small transaction of each format is built here by hand, so that a test can bend one byte. */
struct made {
	uint8_t space[LIMIT_TX_V1_MAX + 64];
	struct buffer bytes;
	size_t message, header, key_count, keys, lifetime, instruction_count, program,
	    account_count, accounts, data_len, data, lookup_count, table, writable, readonly, mask,
	    values, end;
};

static size_t put(struct made *m, const void *data, size_t len)
{
	size_t at = m->bytes.len;

	if (buffer_put(&m->bytes, bytes_of(data, len)) != STATUS_OK)
		test_broken++;
	return at;
}

static size_t put_u8(struct made *m, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	return put(m, &byte, 1);
}

static size_t put_key(struct made *m, unsigned fill)
{
	uint8_t key[32];

	memset(key, (int)fill, sizeof(key));
	return put(m, key, sizeof(key));
}

static void put_signature(struct made *m)
{
	uint8_t signature[64];

	memset(signature, 0x55, sizeof(signature));
	put(m, signature, sizeof(signature));
}

static void begin(struct made *m, bool wire)
{
	m->bytes = BUFFER_OF_ARRAY(m->space);
	if (wire) {
		put_u8(m, 1);
		put_signature(m);
	}
	m->message = m->bytes.len;
}

/* make_old: payer 01, account 02, program 03 (read-only); one instruction {1} with two bytes. */
static void make_old(struct made *m, bool v0, bool wire)
{
	begin(m, wire);
	if (v0)
		put_u8(m, 0x80);
	m->header = put(m, "\x01\x00\x01", 3);
	m->key_count = put_u8(m, 3);
	m->keys = put_key(m, 1);
	put_key(m, 2);
	put_key(m, 3);
	m->lifetime = put_key(m, 9);
	m->instruction_count = put_u8(m, 1);
	m->program = put_u8(m, 2);
	m->account_count = put_u8(m, 2);
	m->accounts = put(m, "\x00\x01", 2);
	m->data_len = put_u8(m, 2);
	m->data = put(m, "\xaa\xbb", 2);
	if (v0) {
		m->lookup_count = put_u8(m, 1);
		m->table = put_key(m, 7);
		put_u8(m, 2);
		m->writable = put(m, "\x05\x06", 2);
		put_u8(m, 1);
		m->readonly = put(m, "\x09", 1);
	}
	m->end = m->bytes.len;
}

static void make_v1(struct made *m, bool wire)
{
	static const uint8_t values[20] = {0x88, 0x13, 0, 0, 0, 0, 0, 0, 0x40, 0x0d,
	                                   3,    0,    0, 0, 4, 0, 0, 0, 1,    0};

	begin(m, false);
	put_u8(m, 0x81);
	m->header = put(m, "\x01\x00\x01", 3);
	m->mask = put(m, "\x1f\x00\x00\x00", 4);
	m->lifetime = put_key(m, 9);
	m->instruction_count = put_u8(m, 1);
	m->key_count = put_u8(m, 3);
	m->keys = put_key(m, 1);
	put_key(m, 2);
	put_key(m, 3);
	m->values = put(m, values, sizeof(values));
	m->program = put_u8(m, 2);
	m->account_count = put_u8(m, 2);
	m->data_len = put(m, "\x02\x00", 2);
	m->accounts = put(m, "\x00\x01", 2);
	m->data = put(m, "\xaa\xbb", 2);
	m->end = m->bytes.len;
	if (wire)
		put_signature(m);
}

static struct solana_view view;
static struct solana_error error;

static bool accepts(const struct made *m)
{
	return solana_classify(buffer_bytes(&m->bytes), &view, &error) == STATUS_OK;
}

static bool refuses(const struct made *m, enum solana_error_code code, size_t offset)
{
	static struct solana_view before, after;
	struct solana_error why = {0};

	memset(&before, 0x5a, sizeof(before));
	after = before;
	if (solana_classify(buffer_bytes(&m->bytes), &after, &why) == STATUS_OK)
		return false;
	if (why.code != code || why.offset != offset)
		fprintf(stderr, "refused as %s at %u\n", solana_error_code(why.code), why.offset);
	return why.code == code && why.offset == offset &&
	       memcmp(&before, &after, sizeof(before)) == 0;
}

/* insert puts one byte before `at`, as a non-minimal length needs. */
static void insert(struct made *m, size_t at, uint8_t byte)
{
	memmove(m->space + at + 1, m->space + at, m->bytes.len - at);
	m->space[at] = byte;
	m->bytes.len++;
}

static void test_a_legacy_transaction_is_read_whole(void)
{
	struct made m;

	make_old(&m, false, true);
	EXPECT(accepts(&m));
	EXPECT(view.kind == SOLANA_KIND_TRANSACTION && view.format == SOLANA_FORMAT_LEGACY);
	EXPECT(view.message.data == m.space + m.message && view.message.len == m.end - m.message);
	EXPECT(view.required_signatures == 1 && view.static_count == 3 && view.account_count == 3);
	EXPECT(view.accounts[0].flags == (SOLANA_ACCOUNT_SIGNER | SOLANA_ACCOUNT_WRITABLE));
	EXPECT(view.accounts[1].flags == SOLANA_ACCOUNT_WRITABLE && view.accounts[2].flags == 0);
	EXPECT(view.instruction_count == 1 && view.instructions[0].program == 2);
	EXPECT(bytes_equal(solana_range_bytes(&view, view.instructions[0].data),
	                   bytes_of("\xaa\xbb", 2)));
	EXPECT(solana_signature(&view, 0)[63] == 0x55 && solana_signature(&view, 1) == NULL);
	EXPECT(solana_account_key(&view, 2)[31] == 3 && solana_account_key(&view, 3) == NULL);
	EXPECT(solana_lifetime(&view)[0] == 9);
}

static void test_lookups_follow_the_static_accounts_writable_first(void)
{
	struct made m;

	make_old(&m, true, true);
	EXPECT(accepts(&m));
	EXPECT(view.format == SOLANA_FORMAT_V0 && view.account_count == 6 &&
	       view.lookup_count == 1);
	EXPECT(view.accounts[3].flags == SOLANA_ACCOUNT_WRITABLE && view.accounts[3].index == 5);
	EXPECT(view.accounts[4].flags == SOLANA_ACCOUNT_WRITABLE && view.accounts[4].index == 6);
	EXPECT(view.accounts[5].flags == 0 && view.accounts[5].index == 9);
	EXPECT(view.accounts[5].lookup == 0 && view.accounts[0].lookup == SOLANA_NOT_LOOKED_UP);
	EXPECT(solana_table_key(&view, 0)[0] == 7);
	EXPECT(solana_account_key(&view, 5) == NULL);
	m.space[m.accounts] = 5;
	EXPECT(accepts(&m));
}

static void test_v1_has_its_limits_in_front_and_its_signatures_last(void)
{
	struct made m;

	make_v1(&m, true);
	EXPECT(accepts(&m));
	EXPECT(view.kind == SOLANA_KIND_TRANSACTION && view.format == SOLANA_FORMAT_V1);
	EXPECT(view.message.data == m.space && view.message.len == m.end);
	EXPECT(view.config.priority_fee_lamports == 5000);
	EXPECT(view.config.compute_unit_limit == 200000);
	EXPECT(view.config.loaded_accounts_data_limit_bytes == 262144);
	EXPECT(view.config.heap_bytes == 65536);
	EXPECT(bytes_equal(solana_range_bytes(&view, view.instructions[0].data),
	                   bytes_of("\xaa\xbb", 2)));
	EXPECT(solana_signature(&view, 0)[0] == 0x55);
}

static void test_bare_messages_of_all_formats_are_messages(void)
{
	struct made m;

	make_old(&m, false, false);
	EXPECT(accepts(&m) && view.kind == SOLANA_KIND_MESSAGE && view.signatures.len == 0);
	make_old(&m, true, false);
	EXPECT(accepts(&m) && view.kind == SOLANA_KIND_MESSAGE);
	make_v1(&m, false);
	EXPECT(accepts(&m) && view.kind == SOLANA_KIND_MESSAGE);
}

/* L5: every length that a shorter form could write. */
static void test_a_length_not_in_its_shortest_form_is_refused(void)
{
	struct made m;
	const size_t *const lengths[] = {&m.key_count, &m.instruction_count, &m.account_count,
	                                 &m.data_len, &m.lookup_count};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t at;

		make_old(&m, true, true);
		at = *lengths[i];
		m.space[at] |= 0x80;
		insert(&m, at + 1, 0);
		EXPECT(refuses(&m, SOLANA_ERROR_LENGTH_FORM, at));
	}
	make_old(&m, true, true);
	m.space[m.data_len] |= 0x80;
	insert(&m, m.data_len + 1, 0x80);
	insert(&m, m.data_len + 2, 0x04);
	EXPECT(refuses(&m, SOLANA_ERROR_LENGTH_FORM, m.data_len));
	/* The signatures' count too. */
	make_old(&m, false, true);
	m.space[0] = 0x81;
	insert(&m, 1, 0);
	EXPECT(solana_decode_transaction(buffer_bytes(&m.bytes), &view, &error) != STATUS_OK);
}

static void test_bytes_after_the_end_are_refused(void)
{
	struct made m;

	for (unsigned i = 0; i < 4; i++) {
		bool wire = (i & 1) != 0;

		make_old(&m, (i & 2) != 0, wire);
		put_u8(&m, 0);
		EXPECT(refuses(&m, SOLANA_ERROR_TRAILING_BYTES, m.end));
	}
	make_v1(&m, true);
	put_u8(&m, 0);
	EXPECT(refuses(&m, SOLANA_ERROR_TRAILING_BYTES, m.end + 64));
}

static void test_every_shorter_run_is_refused(void)
{
	struct made m;
	unsigned refused = 0, tried = 0;

	for (unsigned i = 0; i < 6; i++) {
		size_t whole;

		if (i < 4)
			make_old(&m, (i & 1) != 0, (i & 2) != 0);
		else
			make_v1(&m, i == 5);
		whole = m.bytes.len;
		for (size_t len = 0; len < whole; len++) {
			/* A v1 transaction without its signatures is its message, rightly. */
			if (i == 5 && len == m.end)
				continue;
			m.bytes.len = len;
			tried++;
			refused += !accepts(&m);
		}
	}
	EXPECT(tried > 1000 && refused == tried);
}

static void test_an_account_listed_twice_is_refused(void)
{
	struct made m;

	make_old(&m, false, true);
	memset(m.space + m.keys + 64, 1, 32);
	EXPECT(refuses(&m, SOLANA_ERROR_DUPLICATE_ACCOUNT, m.keys + 64));
	make_v1(&m, true);
	memset(m.space + m.keys + 32, 1, 32);
	EXPECT(refuses(&m, SOLANA_ERROR_DUPLICATE_ACCOUNT, m.keys + 32));
	/* Keys that differ in their last byte only are two keys. */
	make_old(&m, false, true);
	memset(m.space + m.keys + 64, 1, 31);
	EXPECT(accepts(&m));
}

static void test_header_counts_that_contradict_are_refused(void)
{
	struct made m;

	make_old(&m, false, true);
	m.space[m.header + 1] = 1; /* the fee payer read-only */
	EXPECT(refuses(&m, SOLANA_ERROR_HEADER, m.header + 1));
	make_old(&m, false, true);
	m.space[m.header + 2] = 3; /* one signer and three read-only of three */
	EXPECT(refuses(&m, SOLANA_ERROR_HEADER, m.header));
	make_old(&m, false, true);
	m.space[m.header] = 2; /* two signers, one signature */
	EXPECT(refuses(&m, SOLANA_ERROR_SIGNATURE_COUNT, 0));
	make_old(&m, true, false);
	m.space[m.header] = 0;
	EXPECT(refuses(&m, SOLANA_ERROR_SIGNATURE_COUNT, m.header));
	make_v1(&m, false);
	m.space[m.header] = 13;
	EXPECT(refuses(&m, SOLANA_ERROR_SIGNATURE_COUNT, m.header));
	make_v1(&m, false);
	m.space[m.header] = 4;
	EXPECT(refuses(&m, SOLANA_ERROR_HEADER, m.header));
}

static void test_a_read_only_signer_is_not_writable(void)
{
	struct made m;

	make_old(&m, false, false);
	memcpy(m.space + m.header, "\x02\x01\x01", 3);
	EXPECT(accepts(&m));
	EXPECT(view.accounts[0].flags == (SOLANA_ACCOUNT_SIGNER | SOLANA_ACCOUNT_WRITABLE));
	EXPECT(view.accounts[1].flags == SOLANA_ACCOUNT_SIGNER && view.accounts[2].flags == 0);
}

static void test_unknown_versions_are_refused(void)
{
	struct made m;

	make_old(&m, true, false);
	for (unsigned first = 0x82; first < 0xff; first++) {
		m.space[0] = (uint8_t)first;
		EXPECT(refuses(&m, SOLANA_ERROR_VERSION, 0));
	}
	make_old(&m, true, true);
	for (unsigned first = 0x81; first <= 0xff; first++) {
		m.space[m.message] = (uint8_t)first;
		EXPECT(refuses(&m, SOLANA_ERROR_VERSION, m.message));
	}
}

static void test_a_program_is_a_static_account_and_not_the_payer(void)
{
	struct made m;

	for (unsigned i = 0; i < 3; i++) {
		if (i < 2)
			make_old(&m, i == 1, true);
		else
			make_v1(&m, true);
		m.space[m.program] = 0;
		EXPECT(refuses(&m, SOLANA_ERROR_PROGRAM_INDEX, m.program));
		m.space[m.program] = 3; /* v0: the first looked-up account */
		EXPECT(refuses(&m, SOLANA_ERROR_PROGRAM_INDEX, m.program));
		m.space[m.program] = 1;
		EXPECT(accepts(&m));
	}
}

static void test_an_account_index_behind_the_accounts_is_refused(void)
{
	struct made m;

	make_old(&m, false, true);
	m.space[m.accounts + 1] = 3;
	EXPECT(refuses(&m, SOLANA_ERROR_ACCOUNT_INDEX, m.accounts + 1));
	make_old(&m, true, true);
	m.space[m.accounts + 1] = 6;
	EXPECT(refuses(&m, SOLANA_ERROR_ACCOUNT_INDEX, m.accounts + 1));
	make_v1(&m, true);
	m.space[m.accounts] = 3;
	EXPECT(refuses(&m, SOLANA_ERROR_ACCOUNT_INDEX, m.accounts));
}

static void test_lookups_load_something_and_nothing_twice(void)
{
	struct made m;

	make_old(&m, true, true);
	m.space[m.writable + 1] = 5;
	EXPECT(refuses(&m, SOLANA_ERROR_DUPLICATE_LOOKUP, m.writable + 1));
	make_old(&m, true, true);
	m.space[m.readonly] = 6;
	EXPECT(refuses(&m, SOLANA_ERROR_DUPLICATE_LOOKUP, m.readonly));
	/* The same table in a second lookup: another entry is fine, the same one is not. */
	make_old(&m, true, true);
	m.space[m.lookup_count] = 2;
	put_key(&m, 7);
	put(&m, "\x00\x01\x0a", 3);
	EXPECT(accepts(&m) && view.account_count == 7);
	m.space[m.bytes.len - 1] = 5;
	EXPECT(refuses(&m, SOLANA_ERROR_DUPLICATE_LOOKUP, m.bytes.len - 1));
	make_old(&m, true, true);
	m.space[m.lookup_count] = 2;
	m.table = put_key(&m, 8);
	put(&m, "\x00\x00", 2);
	EXPECT(refuses(&m, SOLANA_ERROR_EMPTY_LOOKUP, m.table));
}

static void test_v1_refuses_masks_and_heaps_that_mean_nothing(void)
{
	struct made m;
	static const uint32_t heaps[] = {0, 1024, 31 * 1024, 65537, 257 * 1024, UINT32_MAX};

	for (unsigned bit = 5; bit < 32; bit++) {
		make_v1(&m, true);
		m.space[m.mask + bit / 8] |= (uint8_t)(1u << (bit % 8));
		EXPECT(refuses(&m, SOLANA_ERROR_CONFIG_MASK, m.mask));
	}
	for (unsigned half = 1; half <= 2; half++) {
		make_v1(&m, true);
		m.space[m.mask] = (uint8_t)(0x1c | half);
		EXPECT(refuses(&m, SOLANA_ERROR_CONFIG_MASK, m.mask));
	}
	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++) {
		make_v1(&m, true);
		memcpy(m.space + m.values + 16, &heaps[i], 4);
		EXPECT(refuses(&m, SOLANA_ERROR_CONFIG_HEAP, m.values + 16));
	}
	make_v1(&m, true);
	memset(m.space + m.lifetime, 0, 32);
	EXPECT(refuses(&m, SOLANA_ERROR_LIFETIME, m.lifetime));
}

static void test_counts_over_the_formats_bounds_are_refused(void)
{
	struct made m;

	make_v1(&m, true);
	m.space[m.key_count] = 65;
	EXPECT(refuses(&m, SOLANA_ERROR_ACCOUNT_COUNT, m.key_count + 1));
	make_v1(&m, true);
	m.space[m.instruction_count] = 65;
	EXPECT(refuses(&m, SOLANA_ERROR_INSTRUCTION_COUNT, m.instruction_count));
	/* 65 instructions of three bytes are well within 1232. */
	make_old(&m, false, true);
	m.space[m.instruction_count] = 65;
	for (unsigned i = 0; i < 64; i++)
		put(&m, "\x02\x00\x00", 3);
	EXPECT(refuses(&m, SOLANA_ERROR_INSTRUCTION_COUNT, m.instruction_count));
	m.bytes.len -= 3;
	m.space[m.instruction_count] = 64;
	EXPECT(accepts(&m) && view.instruction_count == 64);
}

/* The bound counts signatures, whether they are there or not: what is signed must fit a packet. */
static void test_what_does_not_fit_a_packet_is_refused(void)
{
	struct made m;
	static uint8_t filler[1232];

	for (unsigned wire = 0; wire < 2; wire++) {
		size_t room, len;

		make_old(&m, false, wire == 1);
		room = 1232 - (wire == 1 ? m.end : m.end + 65);
		len = room - 1 + 2; /* the length takes one byte more */
		m.bytes.len = m.data_len;
		put_u8(&m, (unsigned)(len & 0x7f) | 0x80);
		put_u8(&m, (unsigned)(len >> 7));
		put(&m, filler, len);
		EXPECT(accepts(&m));
		len++;
		m.space[m.data_len] = (uint8_t)((len & 0x7f) | 0x80);
		m.space[m.data_len + 1] = (uint8_t)(len >> 7);
		put_u8(&m, 0);
		EXPECT(refuses(&m, SOLANA_ERROR_TOO_LONG, wire == 1 ? 1232 : 1232 - 65));
	}
}

static void test_a_v1_message_leaves_room_for_its_signatures(void)
{
	struct made m;
	static uint8_t filler[4096];
	uint16_t len;

	make_v1(&m, false);
	len = (uint16_t)(4096 - 64 - m.end + 2);
	memcpy(m.space + m.data_len, &len, 2);
	m.bytes.len = m.data;
	put(&m, filler, len);
	EXPECT(accepts(&m) && view.message.len == 4032);
	len++;
	memcpy(m.space + m.data_len, &len, 2);
	put_u8(&m, 0);
	EXPECT(refuses(&m, SOLANA_ERROR_TOO_LONG, 4032));
}

static void test_a_v1_message_in_the_old_envelope_is_refused(void)
{
	struct made m, inner;

	make_v1(&inner, false);
	begin(&m, true);
	put(&m, inner.space, inner.end);
	EXPECT(refuses(&m, SOLANA_ERROR_VERSION, m.message));
}

/* A legacy message whose first key and lifetime hold a whole message: wire and message at once. */
static void test_bytes_with_two_readings_are_refused(void)
{
	struct made m, inner;
	size_t data_at, len;

	/* As a message: header 1,0,1, 3 keys, lifetime, one instruction whose data is the rest. As
	 * wire: one signature (header, key count, key 0, half of key 1), then a message which
	 * begins inside key 1 and must swallow everything that follows. */
	make_old(&m, false, false);
	make_old(&inner, false, false);
	/* Wire reading: message at offset 65 = inside key 1 (36..67) + ... keys end at 100. Its
	 * header and key count lie at 65..68, its three keys at 69..164, lifetime 165..196, then
	 * instructions at 197: put those into the data of the outer instruction. */
	m.space[m.data_len] = 0;
	m.bytes.len = m.data_len;
	data_at = m.data_len + 1;
	len = 197 + 1 + 3 - data_at;
	put_u8(&m, (unsigned)len);
	for (size_t i = 0; i < len; i++)
		put_u8(&m, (unsigned)i + 11);
	memcpy(m.space + 65, "\x01\x00\x01\x03", 4);
	memcpy(m.space + 197, "\x01\x02\x00\x00", 4);
	EXPECT(solana_decode_message(buffer_bytes(&m.bytes), &view, &error) == STATUS_OK);
	EXPECT(solana_decode_transaction(buffer_bytes(&m.bytes), &view, &error) == STATUS_OK);
	EXPECT(refuses(&m, SOLANA_ERROR_AMBIGUOUS, 0));
	EXPECT(solana_classify_signable(buffer_bytes(&m.bytes), &view, &error) == STATUS_REFUSED);
}

static void test_a_signer_takes_messages_and_no_wire(void)
{
	struct made m;

	make_old(&m, false, true);
	EXPECT(solana_classify_signable(buffer_bytes(&m.bytes), &view, &error) == STATUS_REFUSED);
	EXPECT(error.code == SOLANA_ERROR_NOT_MESSAGE);
	make_old(&m, false, false);
	EXPECT(solana_classify_signable(buffer_bytes(&m.bytes), &view, &error) == STATUS_OK);
	EXPECT(view.kind == SOLANA_KIND_MESSAGE);
}

static void make_offchain(struct made *m, const char *text)
{
	begin(m, false);
	put(m, "\xffsolana offchain\x01\x02", 18);
	put_key(m, 1);
	put_key(m, 2);
	put(m, text, strlen(text));
}

static void test_an_offchain_message_is_read_strictly(void)
{
	struct made m;
	static const char *const bad[] = {"\x80",
	                                  "\xc0\xaf",
	                                  "\xe0\x80\xaf",
	                                  "\xed\xa0\x80",
	                                  "\xf4\x90\x80\x80",
	                                  "\xf5\x80\x80\x80",
	                                  "ok\xe2\x82",
	                                  "\xff",
	                                  "\xf0\x8f\xbf\xbf"};

	make_offchain(&m, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\x80");
	EXPECT(accepts(&m) && view.kind == SOLANA_KIND_OFFCHAIN && view.static_count == 2);
	EXPECT(view.text.len == 14 && solana_find_signer(&view, m.space + 50) == 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_offchain(&m, bad[i]);
		EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_UTF8, i == 6 ? 84 : 82));
	}
	make_offchain(&m, "\xef\xbb\xbfx");
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_HIDDEN, 82));
	make_offchain(&m, "x\xef\xbb\xbf");
	EXPECT(accepts(&m));
	put(&m, "\0x", 2);
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_HIDDEN, 86));
	make_offchain(&m, "");
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_TEXT, 82));
	make_offchain(&m, "x");
	m.space[16] = 0;
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_VERSION, 16));
	make_offchain(&m, "x");
	m.space[17] = 0;
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_SIGNERS, 17));
	make_offchain(&m, "x");
	memset(m.space + 50, 1, 32);
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_SIGNERS, 50));
	make_offchain(&m, "x");
	memset(m.space + 50, 0, 32);
	EXPECT(refuses(&m, SOLANA_ERROR_OFFCHAIN_SIGNERS, 50));
	make_offchain(&m, "x");
	m.space[3] = 'x';
	EXPECT(refuses(&m, SOLANA_ERROR_VERSION, 0));
}

/* L8: the first byte alone tells what signs on chain from what never does. */
static void test_no_first_byte_is_both_on_and_off_chain(void)
{
	struct made m;

	for (unsigned first = 0; first <= 0xff; first++) {
		make_offchain(&m, "Claviger x");
		m.space[0] = (uint8_t)first;
		EXPECT(solana_decode_message(buffer_bytes(&m.bytes), &view, &error) != STATUS_OK);
		EXPECT((solana_decode_offchain(buffer_bytes(&m.bytes), &view, &error) ==
		        STATUS_OK) == (first == 0xff));
	}
}

/* L6 */
static void test_a_nonce_is_seen_whatever_stands_behind_its_tag(void)
{
	struct made m;

	make_old(&m, false, false);
	memset(m.space + m.keys + 64, 0, 32); /* account 2 is the System program */
	m.bytes.len = m.data_len;
	put(&m, "\x05\x04\x00\x00\x00\x77", 6);
	EXPECT(accepts(&m) && solana_uses_nonce(&view) && solana_nonce_account(&view) == 0);
	m.space[m.accounts] = 1;
	EXPECT(accepts(&m) && solana_nonce_account(&view) == 1);
	m.space[m.data + 3] = 1;
	EXPECT(accepts(&m) && !solana_uses_nonce(&view));
	EXPECT(solana_nonce_account(&view) == SOLANA_ABSENT);
	m.space[m.data + 3] = 0;
	m.space[m.keys + 64] = 1;
	EXPECT(accepts(&m) && !solana_uses_nonce(&view));
	/* No account at all: still a nonce, to nobody's. */
	m.space[m.keys + 64] = 0;
	m.bytes.len = m.account_count;
	put(&m, "\x00\x04\x04\x00\x00\x00", 6);
	EXPECT(accepts(&m) && solana_uses_nonce(&view));
	EXPECT(solana_nonce_account(&view) == SOLANA_ABSENT);
}

static void test_only_signers_are_found_as_signers(void)
{
	struct made m;
	uint8_t key[32];

	make_old(&m, false, false);
	EXPECT(accepts(&m));
	memset(key, 1, sizeof(key));
	EXPECT(solana_find_signer(&view, key) == 0);
	memset(key, 2, sizeof(key));
	EXPECT(solana_find_signer(&view, key) == SOLANA_ABSENT);
}

static void test_every_code_has_a_text_of_its_own(void)
{
	for (unsigned i = 0; i < SOLANA_ERROR_COUNT; i++) {
		EXPECT(solana_error_text((enum solana_error_code)i)[0] != '\0');
		for (unsigned j = 0; j < i; j++)
			EXPECT(strcmp(solana_error_code((enum solana_error_code)i),
			              solana_error_code((enum solana_error_code)j)) != 0);
	}
}

int main(void)
{
	RUN(test_a_legacy_transaction_is_read_whole);
	RUN(test_lookups_follow_the_static_accounts_writable_first);
	RUN(test_v1_has_its_limits_in_front_and_its_signatures_last);
	RUN(test_bare_messages_of_all_formats_are_messages);
	RUN(test_a_length_not_in_its_shortest_form_is_refused);
	RUN(test_bytes_after_the_end_are_refused);
	RUN(test_every_shorter_run_is_refused);
	RUN(test_an_account_listed_twice_is_refused);
	RUN(test_header_counts_that_contradict_are_refused);
	RUN(test_a_read_only_signer_is_not_writable);
	RUN(test_unknown_versions_are_refused);
	RUN(test_a_program_is_a_static_account_and_not_the_payer);
	RUN(test_an_account_index_behind_the_accounts_is_refused);
	RUN(test_lookups_load_something_and_nothing_twice);
	RUN(test_v1_refuses_masks_and_heaps_that_mean_nothing);
	RUN(test_counts_over_the_formats_bounds_are_refused);
	RUN(test_what_does_not_fit_a_packet_is_refused);
	RUN(test_a_v1_message_leaves_room_for_its_signatures);
	RUN(test_a_v1_message_in_the_old_envelope_is_refused);
	RUN(test_bytes_with_two_readings_are_refused);
	RUN(test_a_signer_takes_messages_and_no_wire);
	RUN(test_an_offchain_message_is_read_strictly);
	RUN(test_no_first_byte_is_both_on_and_off_chain);
	RUN(test_a_nonce_is_seen_whatever_stands_behind_its_tag);
	RUN(test_only_signers_are_found_as_signers);
	RUN(test_every_code_has_a_text_of_its_own);
	return test_summary();
}
