/* Receipts: B2, B3, A24: order, completeness and content can be proven offline. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_receipt.h"

#include "authz_bundle.h"
#include "authz_merkle.h"
#include "base_test.h"

#define RECEIPTS 6

static uint8_t receipts[RECEIPTS][AUTHZ_RECEIPT_MAX], boots[2][AUTHZ_BOOT_RECORD_MAX];
static struct bytes chain_bytes[RECEIPTS], boot_bytes[2];

static struct authz_boot_record sample_boot(uint64_t number)
{
	struct authz_boot_record boot = {
	    .deployment = {1             },
	    .boot = number,
	    .mode = 'A',
	    .pcr_count = 3,
	    .pcrs = { {.index = 0}, {.index = 7, .value = {4}}, {.index = 23}},
	    .ak_name = bytes_of("\0\x0b name", 7),
	    .time_source = AUTHZ_TIME_SYSTEM,
	    .time_high_s = 9,
	    .clean = true,
	    .build = bytes_of_text("0.1.0")
        };

	return boot;
}

static struct authz_receipt sample_receipt(void)
{
	struct authz_receipt receipt = {.deployment = {1},
	                                .wallet = {2},
	                                .boot = 1,
	                                .number = 1,
	                                .client = {3},
	                                .ticket = {4},
	                                .message_hash = {5},
	                                .decision = AUTHZ_DECISION_ALLOW,
	                                .result = 1,
	                                .flags = AUTHZ_RECEIPT_BRIDGE_TRUSTED,
	                                .time_low_s = 10,
	                                .time_high_s = 11,
	                                .fuel_limit = 1000000,
	                                .engine = bytes_of_text("wasmi 2.0.0, built 1"),
	                                .tried_count = 2,
	                                .has_facts = true,
	                                .charge_count = 1,
	                                .charges = {{.counter = 1, .amount = 5}}};

	receipt.tried[0].grant[0] = 6;
	receipt.tried[0].reason = 31;
	receipt.tried[0].instruction = 2;
	receipt.tried[0].text = bytes_of_text("another recipient");
	receipt.tried[1].grant[0] = 7;
	receipt.tried[1].instruction = AUTHZ_NO_INSTRUCTION;
	receipt.facts.lamports_out = UINT64_MAX;
	receipt.facts.token_count = 1;
	receipt.facts.tokens[0].amount = 8;
	receipt.limit_count = 1;
	receipt.limits[0] = (struct authz_limit_row){
	    .rule = {.id = 3, .unit = AUTHZ_UNIT_MINT, .window = AUTHZ_WINDOW_DAY, .mint = {9}},
	    .left = 12,
	    .amount = 8
        };
	return receipt;
}

/* What each receipt of the chain is: 's' a signature, 'a' and 'b' an export of that change, 'A' and
 * 'B' that it was not carried out. */
static const char *kinds = "ssssss";

static void be_of_kind(struct authz_receipt *receipt, char kind)
{
	const struct authz_receipt sample = sample_receipt();

	receipt->flags = sample.flags | (kind == 's' ? 0 : AUTHZ_RECEIPT_EXPORT);
	receipt->decision = kind == 'A' || kind == 'B' ? AUTHZ_DECISION_DENY : sample.decision;
	if (kind != 's')
		receipt->message_hash[0] = (uint8_t)(kind | 0x20);
}

/* make_chain makes four receipts in boot 1 and two in boot 2. */
static void make_chain(void)
{
	struct authz_receipt receipt = sample_receipt();

	for (size_t i = 0; i < RECEIPTS; i++) {
		size_t boot = i < 4 ? 0 : 1;
		struct buffer out = {receipts[i], sizeof(receipts[i]), 0};

		if (i == 0 || i == 4) {
			struct authz_boot_record record = sample_boot(boot + 1);
			struct buffer boot_out = {boots[boot], sizeof(boots[boot]), 0};

			if (boot == 1)
				authz_boot_hash(boot_bytes[0], record.previous);
			EXPECT(authz_boot_put(&record, &boot_out) == STATUS_OK);
			boot_bytes[boot] = buffer_bytes(&boot_out);
			authz_boot_hash(boot_bytes[boot], receipt.boot_record);
		}
		receipt.boot = boot + 1;
		receipt.number = boot == 0 ? i + 1 : i - 3;
		receipt.ticket[1] = (uint8_t)i;
		be_of_kind(&receipt, kinds[i]);
		EXPECT(authz_receipt_put(&receipt, &out) == STATUS_OK);
		chain_bytes[i] = buffer_bytes(&out);
		authz_receipt_hash(chain_bytes[i], receipt.previous);
	}
}

static struct authz_chain new_chain(void)
{
	struct authz_chain chain = {.deployment = {1}, .wallet = {2}};

	return chain;
}

/* follow gives receipts first..end with their boot records; leaves out `without`. */
static enum status follow(struct authz_chain *chain, size_t first, size_t end, size_t without)
{
	enum status status = STATUS_OK;

	for (size_t i = first; status == STATUS_OK && i < end; i++) {
		if (i == first)
			status = authz_chain_boot(chain, boot_bytes[i < 4 ? 0 : 1]);
		else if (i == 4)
			status = authz_chain_boot(chain, boot_bytes[1]);
		if (status == STATUS_OK && i != without)
			status = authz_chain_next(chain, chain_bytes[i], NULL);
	}
	return status;
}

static void test_receipts_and_boot_records_come_back_as_they_were(void)
{
	static uint8_t space[AUTHZ_RECEIPT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_receipt receipt;
	struct authz_boot_record boot;

	make_chain();
	EXPECT(authz_receipt_take(chain_bytes[3], &receipt) == STATUS_OK);
	EXPECT(receipt.number == 4 && receipt.tried[0].instruction == 2 &&
	       receipt.tried[1].instruction == AUTHZ_NO_INSTRUCTION &&
	       receipt.facts.lamports_out == UINT64_MAX && receipt.charges[0].amount == 5);
	EXPECT(receipt.limit_count == 1 && receipt.limits[0].rule.mint[0] == 9 &&
	       receipt.limits[0].left == 12 && receipt.limits[0].amount == 8);
	EXPECT(authz_receipt_put(&receipt, &out) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), chain_bytes[3]));
	out.len = 0;
	EXPECT(authz_boot_take(boot_bytes[1], &boot) == STATUS_OK);
	EXPECT(boot.pcr_count == 3 && boot.pcrs[1].index == 7 && boot.pcrs[1].value[0] == 4 &&
	       boot.pcrs[2].index == 23);
	EXPECT(authz_boot_put(&boot, &out) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), boot_bytes[1]));
	for (size_t len = 0; len < chain_bytes[0].len; len++)
		EXPECT(authz_receipt_take(bytes_of(receipts[0], len), &receipt) != STATUS_OK);
	for (size_t len = 0; len < boot_bytes[0].len; len++)
		EXPECT(authz_boot_take(bytes_of(boots[0], len), &boot) != STATUS_OK);
}

/* A receipt with everything at its most fits what rings and blobs were sized for. */
static void test_largest_receipt_fits_its_bound(void)
{
	static uint8_t space[AUTHZ_RECEIPT_MAX];
	static char text[AUTHZ_RECEIPT_TEXT_MAX];
	struct authz_receipt receipt = sample_receipt();
	struct buffer out = BUFFER_OF_ARRAY(space);

	memset(text, 'x', sizeof(text));
	receipt.boot = receipt.number = receipt.time_low_s = receipt.time_high_s = INT64_MAX;
	receipt.fuel_limit = UINT64_MAX;
	receipt.engine = bytes_of(text, LIMIT_NAME_MAX);
	receipt.tried_count = AUTHZ_RECEIPT_TRIED_MAX;
	for (size_t i = 0; i < AUTHZ_RECEIPT_TRIED_MAX; i++) {
		receipt.tried[i].result = UINT16_MAX;
		receipt.tried[i].reason = UINT32_MAX;
		receipt.tried[i].instruction = AUTHZ_NO_INSTRUCTION - 1;
		receipt.tried[i].fuel = UINT64_MAX;
		receipt.tried[i].text = bytes_of(text, sizeof(text));
	}
	receipt.facts = (struct authz_facts){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
	                                     UINT64_MAX, UINT32_MAX, UINT32_MAX, 0,
	                                     {{{0}, 0}}, 0,          {{{0}, 0}}};
	receipt.facts.trusted_count = AUTHZ_RECEIPT_TRUST_MAX;
	for (size_t i = 0; i < AUTHZ_RECEIPT_TRUST_MAX; i++)
		receipt.facts.trusted[i].writable = UINT32_MAX;
	receipt.facts.token_count = AUTHZ_RECEIPT_TOKENS_MAX;
	for (size_t i = 0; i < AUTHZ_RECEIPT_TOKENS_MAX; i++)
		receipt.facts.tokens[i].amount = UINT64_MAX;
	receipt.charge_count = LIMIT_COUNTERS_MAX;
	for (size_t i = 0; i < LIMIT_COUNTERS_MAX; i++)
		receipt.charges[i] = (struct authz_charge){UINT8_MAX, UINT64_MAX};
	receipt.limit_count = LIMIT_WALLET_LIMITS_MAX;
	for (size_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++)
		receipt.limits[i] = (struct authz_limit_row){
		    {UINT8_MAX, AUTHZ_UNIT_MINT, AUTHZ_WINDOW_DAY, {0}, UINT64_MAX},
		    UINT64_MAX,
		    UINT64_MAX
                };
	EXPECT(authz_receipt_put(&receipt, &out) == STATUS_OK);
	EXPECT(authz_receipt_take(buffer_bytes(&out), &receipt) == STATUS_OK);
}

static void test_chain_over_two_boots_verifies_and_any_gap_shows(void)
{
	struct authz_chain chain = new_chain();

	make_chain();
	EXPECT(follow(&chain, 0, RECEIPTS, SIZE_MAX) == STATUS_OK);
	EXPECT(chain.count == RECEIPTS && chain.boot == 2 && chain.number == 2);
	for (size_t without = 1; without + 1 < RECEIPTS; without++) {
		chain = new_chain();
		EXPECT(follow(&chain, 0, RECEIPTS, without) == STATUS_CORRUPT);
	}
	/* A part that begins later verifies, and says what it follows. */
	chain = new_chain();
	EXPECT(follow(&chain, 2, RECEIPTS, SIZE_MAX) == STATUS_OK);
	EXPECT(chain.first_previous[0] != 0 || chain.first_previous[1] != 0);
	/* Twice, or out of order. */
	chain = new_chain();
	EXPECT(follow(&chain, 0, 2, SIZE_MAX) == STATUS_OK);
	EXPECT(authz_chain_next(&chain, chain_bytes[1], NULL) == STATUS_CORRUPT);
	EXPECT(authz_chain_next(&chain, chain_bytes[3], NULL) == STATUS_CORRUPT);
	EXPECT(authz_chain_next(&chain, chain_bytes[2], NULL) == STATUS_OK);
}

static void test_changed_and_foreign_receipts_are_refused(void)
{
	struct authz_chain chain = new_chain();
	struct authz_receipt receipt;

	make_chain();
	EXPECT(follow(&chain, 0, 2, SIZE_MAX) == STATUS_OK);
	chain.wallet[0] ^= 1;
	EXPECT(authz_chain_next(&chain, chain_bytes[2], NULL) == STATUS_REFUSED);
	chain.wallet[0] ^= 1;
	chain.deployment[0] ^= 1;
	EXPECT(authz_chain_next(&chain, chain_bytes[2], NULL) == STATUS_REFUSED);
	chain.deployment[0] ^= 1;
	EXPECT(authz_receipt_take(chain_bytes[1], &receipt) == STATUS_OK);
	/* The second receipt with another amount: the third no longer follows it. */
	chain = new_chain();
	EXPECT(follow(&chain, 0, 1, SIZE_MAX) == STATUS_OK);
	receipt.facts.lamports_out = 1;
	{
		static uint8_t space[AUTHZ_RECEIPT_MAX];
		struct buffer out = BUFFER_OF_ARRAY(space);

		EXPECT(authz_receipt_put(&receipt, &out) == STATUS_OK);
		EXPECT(authz_chain_next(&chain, buffer_bytes(&out), NULL) == STATUS_OK);
	}
	EXPECT(authz_chain_next(&chain, chain_bytes[2], NULL) == STATUS_CORRUPT);
	/* The right predecessor, and a number left out: the deployment itself hides one. */
	chain = new_chain();
	EXPECT(follow(&chain, 0, 1, SIZE_MAX) == STATUS_OK);
	EXPECT(authz_receipt_take(chain_bytes[1], &receipt) == STATUS_OK);
	receipt.number++;
	{
		static uint8_t space[AUTHZ_RECEIPT_MAX];
		struct buffer out = BUFFER_OF_ARRAY(space);

		EXPECT(authz_receipt_put(&receipt, &out) == STATUS_OK);
		EXPECT(authz_chain_next(&chain, buffer_bytes(&out), NULL) == STATUS_CORRUPT);
	}
	/* Another boot record than the one the receipts name. */
	boots[0][boot_bytes[0].len - 1] ^= 1;
	chain = new_chain();
	EXPECT(follow(&chain, 0, 1, SIZE_MAX) == STATUS_REFUSED);
	make_chain();
	chain = new_chain();
	EXPECT(authz_chain_boot(&chain, boot_bytes[1]) == STATUS_OK);
	EXPECT(authz_chain_boot(&chain, boot_bytes[0]) == STATUS_CORRUPT);
}

/* A24: what is missing at the end shows against a signed head, with nobody else's receipts. */
static void test_dropped_tail_shows_against_a_signed_head(void)
{
	struct authz_merkle_entry entries[2];
	uint8_t value[AUTHZ_CHAIN_VALUE_LEN], hash[32],
	    other[32] = {77}, seed[32] = {9}, space[AUTHZ_HEAD_MAX], sibling_space[256 * 32];
	struct buffer out = BUFFER_OF_ARRAY(space), siblings = BUFFER_OF_ARRAY(sibling_space);
	struct authz_head head = {.deployment = {1}, .boot = 2, .sync = 5, .wallet_count = 2}, back;
	struct authz_chain chain = new_chain();
	struct bytes run = BYTES_OF_ARRAY(value);
	struct keys_sign_key key;
	struct store_path path;
	size_t mine;

	make_chain();
	authz_receipt_hash(chain_bytes[RECEIPTS - 1], hash);
	authz_chain_value(2, 2, hash, value);
	authz_merkle_key(AUTHZ_HEAD_KIND, chain.wallet, entries[0].key);
	keys_sha256(&run, 1, entries[0].value_hash);
	authz_merkle_key(AUTHZ_HEAD_KIND, other, entries[1].key);
	memset(entries[1].value_hash, 5, 32);
	mine = memcmp(entries[0].key, entries[1].key, 32) < 0 ? 0 : 1;
	if (mine == 1) {
		struct authz_merkle_entry swap = entries[0];

		entries[0] = entries[1];
		entries[1] = swap;
	}
	authz_merkle_root(entries, 2, head.root);
	EXPECT(authz_merkle_path(entries, 2, mine, &siblings, &path) == STATUS_OK);
	keys_sign_from_seed(seed, &key);
	EXPECT(authz_head_put(&head, &key, &out) == STATUS_OK);
	EXPECT(authz_head_open(buffer_bytes(&out), keys_sign_public(&key), &back) == STATUS_OK);
	EXPECT(memcmp(&back, &head, sizeof(head)) == 0);
	EXPECT(authz_head_open(buffer_bytes(&out), other, &back) == STATUS_CRYPTO);
	EXPECT(follow(&chain, 0, RECEIPTS, SIZE_MAX) == STATUS_OK);
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_OK);
	chain = new_chain();
	EXPECT(follow(&chain, 0, RECEIPTS - 1, SIZE_MAX) == STATUS_OK);
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_CORRUPT);
	chain = new_chain(); /* none given at all: the head knows of some */
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_CORRUPT);
}

/* A24: a head is of the wallets that its signer put in: that one is not among them must not stand
 * for "no decision", or all receipts could be left out beside another wallet's head. */
static void test_no_receipts_at_all_shows_against_a_head_that_says_so(void)
{
	static const uint8_t none[AUTHZ_CHAIN_VALUE_LEN];
	struct authz_merkle_entry entry;
	struct authz_head head = {.deployment = {1}, .boot = 2, .wallet_count = 1};
	struct authz_chain chain = new_chain();
	struct bytes run = BYTES_OF_ARRAY(none);
	uint8_t other[32] = {77}, root[32], sibling_space[32];
	struct buffer siblings = BUFFER_OF_ARRAY(sibling_space);
	struct store_path path;

	authz_merkle_key(AUTHZ_HEAD_KIND, other, entry.key);
	memset(entry.value_hash, 5, 32);
	authz_merkle_root(&entry, 1, head.root);
	path = (struct store_path){.fixed = {.terminal = CALL_STORE_TERMINAL_FOREIGN}};
	memcpy(path.fixed.leaf_key, entry.key, 32);
	memcpy(path.fixed.leaf_hash, entry.value_hash, 32);
	EXPECT(authz_merkle_check(head.root, AUTHZ_HEAD_KIND, chain.wallet, &path, false,
	                          (struct bytes){0}) == STATUS_OK);
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_CORRUPT);
	authz_merkle_key(AUTHZ_HEAD_KIND, chain.wallet, entry.key);
	keys_sha256(&run, 1, entry.value_hash);
	authz_merkle_root(&entry, 1, root);
	EXPECT(authz_merkle_path(&entry, 1, 0, &siblings, &path) == STATUS_OK);
	memcpy(head.root, root, 32);
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_OK);
	make_chain();
	EXPECT(follow(&chain, 0, 1, SIZE_MAX) == STATUS_OK);
	EXPECT(authz_chain_end(&chain, &head, &path) == STATUS_CORRUPT);
}

/* make_bundle makes an export of the sample chain without receipt `without`; returns the key. */
static struct bytes make_bundle(size_t without, bool with_head, struct keys_sign_key *ret_key)
{
	static uint8_t space[RECEIPTS * 1024 + 8192];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_head head = {.deployment = {1}, .boot = 2, .wallet_count = 1};
	struct authz_merkle_entry entry;
	uint8_t value[AUTHZ_CHAIN_VALUE_LEN], hash[32], seed[32] = {9}, head_space[AUTHZ_HEAD_MAX];
	struct buffer head_out = BUFFER_OF_ARRAY(head_space), siblings = {head_space, 0, 0};
	struct authz_chain chain = new_chain();
	struct bytes run = BYTES_OF_ARRAY(value);
	struct store_path path;

	make_chain();
	for (size_t i = 0; i < RECEIPTS; i++) {
		if (i == 0 || i == 4)
			EXPECT(authz_item_put(AUTHZ_ITEM_BOOT, boot_bytes[i / 4], &out) ==
			       STATUS_OK);
		if (i != without)
			EXPECT(authz_item_put(AUTHZ_ITEM_RECEIPT, chain_bytes[i], &out) ==
			       STATUS_OK);
	}
	authz_receipt_hash(chain_bytes[RECEIPTS - 1], hash);
	authz_chain_value(2, 2, hash, value);
	authz_merkle_key(AUTHZ_HEAD_KIND, chain.wallet, entry.key);
	keys_sha256(&run, 1, entry.value_hash);
	authz_merkle_root(&entry, 1, head.root);
	EXPECT(authz_merkle_path(&entry, 1, 0, &siblings, &path) == STATUS_OK);
	keys_sign_from_seed(seed, ret_key);
	EXPECT(authz_head_put(&head, ret_key, &head_out) == STATUS_OK);
	if (with_head) {
		EXPECT(authz_item_put(AUTHZ_ITEM_HEAD, buffer_bytes(&head_out), &out) == STATUS_OK);
		EXPECT(authz_item_put(AUTHZ_ITEM_PATH, bytes_of(&path.fixed, sizeof(path.fixed)),
		                      &out) == STATUS_OK);
	}
	return buffer_bytes(&out);
}

static bool says(const struct authz_bundle_report *report, const char *text)
{
	return strcmp(report->text, text) == 0;
}

/* B2, B3, A24: one file and one public key are enough; and no more is said than they prove. */
static void test_bundle_verifies_whole_and_shows_what_is_missing(void)
{
	static struct authz_bundle_report report;
	uint8_t wallet[32] = {2}, other[32] = {3};
	struct keys_sign_key key;
	struct bytes bundle = make_bundle(SIZE_MAX, true, &key);

	EXPECT(authz_bundle_verify(bundle, keys_sign_public(&key), wallet, &report) == STATUS_OK);
	EXPECT(report.chain.count == RECEIPTS && report.allowed == RECEIPTS &&
	       report.item_count == RECEIPTS + 4 && report.head.boot == 2);
	EXPECT(says(&report, "all receipts up to the signed head are there and unchanged"));
	EXPECT(authz_bundle_verify(bundle, keys_sign_public(&key), other, &report) ==
	       STATUS_REFUSED);
	EXPECT(report.item_count == 1);
	EXPECT(authz_bundle_verify(bundle, other, wallet, &report) == STATUS_CRYPTO);
	for (size_t len = 1; len < bundle.len; len++)
		EXPECT(authz_bundle_verify(bytes_of(bundle.data, len), keys_sign_public(&key),
		                           wallet, &report) != STATUS_OK);
	for (size_t without = 1; without < RECEIPTS; without++) {
		bundle = make_bundle(without, true, &key);
		EXPECT(authz_bundle_verify(bundle, keys_sign_public(&key), wallet, &report) ==
		       STATUS_CORRUPT);
		EXPECT(says(&report, without == RECEIPTS - 1
		                         ? "the receipts do not end where the signed head says"
		                         : "a receipt is malformed, of another wallet or boot, or "
		                           "does not follow the one before it"));
	}
	bundle = make_bundle(SIZE_MAX, false, &key);
	EXPECT(authz_bundle_verify(bundle, keys_sign_public(&key), wallet, &report) ==
	       STATUS_NOT_FOUND);
	EXPECT(says(&report, "no signed head: nothing proves that these are all"));
}

/* S18: that the key was handed over is said of those exports alone that nothing took back. */
static void test_an_export_that_was_taken_back_is_not_counted(void)
{
	static const struct {
		const char *kinds;
		size_t allowed, exports;
	} rows[] = {
	    {"ssasss", 5, 1},
            {"saAsss", 4, 0},
	    {"sasAss", 4, 0}, /* signatures go on in between */
	    {"asbsss", 4, 2},
            {"aAaass", 2, 1}, /* begun again, and again */
	    {"abBsss", 3, 1},
            {"aBssss", 4, 1}, /* another one's */
	    {"aAAsss", 3, 0},
            {"Assbss", 4, 1},
	    {"sssaAs", 4, 1}, /* a later start of the signer knows nothing of it */
	    {"sssaas", 4, 1}, /* and begins it again */
	};
	static struct authz_bundle_report report;
	uint8_t wallet[32] = {2};
	struct keys_sign_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes bundle;

		kinds = rows[i].kinds;
		bundle = make_bundle(SIZE_MAX, true, &key);
		EXPECT(authz_bundle_verify(bundle, keys_sign_public(&key), wallet, &report) ==
		       STATUS_OK);
		EXPECT(report.allowed == rows[i].allowed &&
		       report.exports.count == rows[i].exports);
	}
	kinds = "ssssss";
}

int main(void)
{
	RUN(test_receipts_and_boot_records_come_back_as_they_were);
	RUN(test_largest_receipt_fits_its_bound);
	RUN(test_chain_over_two_boots_verifies_and_any_gap_shows);
	RUN(test_changed_and_foreign_receipts_are_refused);
	RUN(test_dropped_tail_shows_against_a_signed_head);
	RUN(test_no_receipts_at_all_shows_against_a_head_that_says_so);
	RUN(test_bundle_verifies_whole_and_shows_what_is_missing);
	RUN(test_an_export_that_was_taken_back_is_not_counted);
	return test_summary();
}
