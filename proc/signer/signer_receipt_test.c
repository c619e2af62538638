/* Receipts (B2): one chain per wallet over blobs and boots, nothing handed out without a place for
 * its receipt (R4). The test is the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_receipt.h"

#include "base_check.h"
#include "base_test.h"
#include "ipc_memory.h"
#include "signer_store.h"
#include "signer_vault.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#define WALLETS   3
#define BLOBS_MAX 256

static const struct ipc_shape shape = {CALL_STORE_SLOT_BYTES, 16, 0};
static struct ipc_memory memory;
static struct ipc_channel signer_end, store_end;
static struct signer_state state;
static struct signer_vault *vault;
static struct signer_receipts *receipts;
static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], answer_bytes[CALL_STORE_MESSAGE_MAX];

/* The store: what was appended, in order. */
static struct buffer blobs[BLOBS_MAX];
static size_t blob_count;
static bool is_full; /* it has no room for another */
static bool hangs;   /* no commit ends: the TPM puts its writes off */

static void loaded(void *context, uint32_t kind, const uint8_t id[32], enum status status,
                   struct bytes sealed)
{
	(void)context;
	EXPECT(kind == CALL_STORE_VALUE_CHAIN);
	signer_receipts_loaded(receipts, id, status, sealed);
}

static void segment(void *context, uint64_t tag, enum status status,
                    const struct call_store_segment_state *said, struct bytes blob)
{
	(void)context;
	(void)blob;
	signer_receipts_segment(receipts, tag, status, said);
}

static enum status checkpoint(void *context, uint64_t seq, const uint8_t root[32], bool light,
                              struct buffer *ret_checkpoint)
{
	(void)context;
	(void)seq;
	(void)root;
	(void)light;
	(void)ret_checkpoint;
	return STATUS_OK;
}

static void counts(void *context, uint32_t kind, const uint8_t id[32])
{
	(void)context;
	(void)kind;
	(void)id;
}

static enum signer_write may_anchor(void *context, bool is_paid, enum signer_need need,
                                    const uint8_t *user)
{
	(void)is_paid;
	(void)user;
	(void)context;
	(void)need;
	return SIGNER_WRITE_SOON; /* heads are not looked at here: no commit */
}

static void take_append(const struct store_request *request, struct buffer *out)
{
	struct call_store_segment_state said = {.head.request = request->request,
	                                        .stream = request->of.segment.stream};

	if (is_full) {
		CHECK(store_answer_failed(request->kind, request->request, STATUS_BUSY, out) ==
		      STATUS_OK);
		return;
	}
	if (said.stream == CALL_STORE_STREAM_RECEIPTS) {
		CHECK(blob_count < BLOBS_MAX);
		blobs[blob_count] =
		    (struct buffer){malloc(request->payload.len), request->payload.len, 0};
		CHECK(blobs[blob_count].data != NULL &&
		      buffer_put(&blobs[blob_count], request->payload) == STATUS_OK);
		blob_count++;
	}
	said.cursor = blob_count;
	said.first = 1;
	said.next = blob_count + 1;
	CHECK(buffer_put(out, bytes_of(&said, sizeof(said))) == STATUS_OK);
}

static void serve(void)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	struct store_request request;

	while (ipc_take(&store_end, &message) == STATUS_OK) {
		struct buffer out = BUFFER_OF_ARRAY(answer_bytes);
		struct call_store_loaded absent = {.head.status = STATUS_NOT_FOUND,
		                                   .path_len = sizeof(struct call_store_path)};
		struct store_path path = {.fixed.terminal = CALL_STORE_TERMINAL_EMPTY};

		CHECK(store_take_request(message.kind, buffer_bytes(&message.payload), &request) ==
		      STATUS_OK);
		absent.head.request = request.request;
		if (message.kind == CALL_STORE_SEGMENT_APPEND) {
			take_append(&request, &out);
		} else {
			CHECK(message.kind == CALL_STORE_LOAD);
			CHECK(buffer_put(&out, bytes_of(&absent, sizeof(absent))) == STATUS_OK &&
			      store_answer_path(&path, &out) == STATUS_OK);
		}
		CHECK(ipc_put(&store_end, store_answer_kind(message.kind), buffer_bytes(&out)) ==
		      STATUS_OK);
		message.payload.len = 0;
	}
}

static uint64_t clock_ms;

static void pump(void)
{
	serve();
	EXPECT(signer_store_pump(state.store, clock_ms) == STATUS_OK);
	signer_receipts_pump(receipts, clock_ms, false);
	serve();
	EXPECT(signer_store_pump(state.store, clock_ms) == STATUS_OK);
}

/* A sync later. All within the first second: chain heads are for commits. */
static void turn(void)
{
	clock_ms += SIGNER_SYNC_MS;
	CHECK(clock_ms < SIGNER_HEADS_MS);
	pump(); /* lets it go */
	pump(); /* sends it */
	pump(); /* hears of it */
}

static void begin(uint64_t boot)
{
	static const uint8_t empty_root[32], deployment[32] = {9};
	uint8_t record[8] = {(uint8_t)boot};

	clock_ms = 0;
	receipts = signer_receipts_new(&state, vault);
	if (!hangs)
		signer_store_begin(state.store, 0, empty_root);
	for (size_t i = 0; boot > 1 && i < blob_count; i++)
		EXPECT(signer_receipts_recover(receipts, i + 1, buffer_bytes(&blobs[i])) ==
		       STATUS_OK);
	signer_receipts_begin(receipts, deployment, boot, BYTES_OF_ARRAY(record));
}

static void start(void)
{
	struct ipc_fds fds;

	for (; blob_count > 0; blob_count--)
		free(blobs[blob_count - 1].data);
	is_full = false;
	CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
	CHECK(ipc_memory_lend(&memory, 0, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&signer_end, &shape, &fds, 0) == STATUS_OK);
	CHECK(ipc_memory_lend(&memory, 1, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&store_end, &shape, &fds, 1) == STATUS_OK);
	state.store =
	    signer_store_new(&signer_end, (struct signer_store_hooks){.loaded = loaded,
	                                                              .checkpoint = checkpoint,
	                                                              .may_anchor = may_anchor,
	                                                              .counts = counts,
	                                                              .segment = segment});
	begin(1);
}

static void stop(void)
{
	ipc_channel_close(&signer_end);
	ipc_channel_close(&store_end);
	ipc_memory_close(&memory);
}

/* A decision about a wallet, charged to `share`; false when there is no place for its receipt. */
static bool decide_for(struct signer_receipt_share *share, uint16_t wallet, uint64_t number)
{
	static struct authz_receipt receipt;
	enum status status = STATUS_BUSY;

	receipt = (struct authz_receipt){
	    .wallet = {(uint8_t)wallet, (uint8_t)(wallet >> 8)},
	    .decision = AUTHZ_DECISION_DENY,
	    .result = CALL_RESULT_WALLET_FROZEN
        };
	store_le64(receipt.ticket, number);
	for (int i = 0; i < 4 && status == STATUS_BUSY; i++) {
		status = signer_receipts_ready(receipts, receipt.wallet, 1, share);
		if (status == STATUS_BUSY)
			pump();
	}
	if (status != STATUS_OK)
		return false;
	signer_receipts_add(receipts, &receipt, bytes_of(NULL, 0), share);
	return true;
}

static bool decide(uint16_t wallet, uint64_t number)
{
	return decide_for(NULL, wallet, number);
}

/* Reads all blobs and checks each chain; the receipts' tickets must count from 1 to `count`. */
static void check_chains(uint64_t count)
{
	static uint8_t plain_space[SIGNER_BLOB_MAX];
	uint8_t previous[WALLETS][32] = {{0}}, boot_record[32] = {0};
	uint64_t numbers[WALLETS] = {0}, boot = 0, seen = 0;

	for (size_t i = 0; i < blob_count; i++) {
		struct buffer plain = BUFFER_OF_ARRAY(plain_space);
		struct bytes left, item;
		uint8_t kind;

		EXPECT(signer_receipts_open(receipts, CALL_STORE_STREAM_RECEIPTS,
		                            buffer_bytes(&blobs[i]), &plain) == STATUS_OK);
		left = buffer_bytes(&plain);
		while (authz_item_take(&left, &kind, &item)) {
			static struct authz_receipt receipt;
			uint8_t wallet;

			if (kind == AUTHZ_ITEM_BOOT) {
				authz_boot_hash(item, boot_record);
				memset(numbers, 0, sizeof(numbers));
				boot++;
				continue;
			}
			EXPECT(kind == AUTHZ_ITEM_RECEIPT &&
			       authz_receipt_take(item, &receipt) == STATUS_OK);
			wallet = receipt.wallet[0];
			CHECK(wallet < WALLETS);
			EXPECT(memcmp(receipt.previous, previous[wallet], 32) == 0);
			EXPECT(memcmp(receipt.boot_record, boot_record, 32) == 0);
			EXPECT(receipt.boot == boot && receipt.number == ++numbers[wallet]);
			EXPECT(load_le64(receipt.ticket) == ++seen && receipt.deployment[0] == 9);
			authz_receipt_hash(item, previous[wallet]);
		}
		EXPECT(left.len == 0);
	}
	EXPECT(seen == count);
}

static void test_each_wallet_has_a_chain_over_blobs_and_boots(void)
{
	uint64_t number = 0;

	start();
	for (unsigned i = 0; i < 40; i++) {
		EXPECT(decide((uint8_t)(i * 7 % WALLETS), ++number));
		if (i % 11 == 10)
			turn();
	}
	turn();
	turn();
	EXPECT(blob_count >= 4 && signer_receipts_behind(receipts) == 0);
	check_chains(number);
	begin(2);
	for (unsigned i = 0; i < 10; i++)
		EXPECT(decide((uint8_t)(i % WALLETS), ++number));
	turn();
	turn();
	check_chains(number);
	EXPECT(signer_receipts_count(receipts) == 10);
	stop();
}

/* R4 */
static void test_without_a_place_for_receipts_nothing_more_is_decided_and_none_is_lost(void)
{
	uint64_t number = 0;

	start();
	EXPECT(decide(0, ++number) && signer_receipts_are_kept(receipts));
	turn();
	is_full = true;
	while (number < 100000 && decide((uint8_t)(number % WALLETS), number + 1))
		number++;
	EXPECT(number > 20 && number < 100000);
	EXPECT(!signer_receipts_are_kept(receipts));
	EXPECT(!decide(1, number + 1) && !decide(2, number + 1));
	is_full = false;
	for (int i = 0; i < 4; i++)
		turn();
	EXPECT(signer_receipts_are_kept(receipts) && signer_receipts_behind(receipts) == 0);
	EXPECT(decide(1, ++number));
	turn();
	turn();
	check_chains(number);
	printf("%llu decisions until both buffers were full\n", (unsigned long long)number);
	stop();
}

/* A25: while the store is slow, what one client asks for leaves others places for their receipts,
 * and two that flood leave a third client his. Each sync begins anew. */
static void test_one_clients_receipts_leave_places_for_others(void)
{
	struct signer_receipt_share flood = {0}, second = {0}, honest = {0};
	const uint8_t wallet[32] = {0};
	uint64_t of_flood = 0, of_second = 0, of_honest = 0, number = 0;

	start();
	EXPECT(decide_for(&flood, 0, ++number));
	turn();
	is_full = true;
	while (number < 100000 && decide_for(&flood, 0, number + 1))
		number += ++of_flood != 0;
	EXPECT(!decide_for(&flood, 1, number + 1));
	while (number < 100000 && decide_for(&second, 1, number + 1))
		number += ++of_second != 0;
	while (number < 100000 && decide_for(&honest, 2, number + 1))
		number += ++of_honest != 0;
	printf("%llu receipts of a flood, %llu of a second one, %llu of whoever came then\n",
	       (unsigned long long)of_flood, (unsigned long long)of_second,
	       (unsigned long long)of_honest);
	EXPECT(of_honest > 30 && of_second > of_honest && of_flood > of_second);
	/* The signer's own find places that are nobody's share; a batch looks for room for all of
	 * it. */
	EXPECT(decide(0, ++number));
	EXPECT(signer_receipts_ready(receipts, wallet, 1, NULL) == STATUS_OK);
	EXPECT(signer_receipts_ready(receipts, wallet, CALL_BATCH_MAX, NULL) == STATUS_BUSY);
	is_full = false;
	for (int i = 0; i < 4; i++)
		turn();
	EXPECT(signer_receipts_ready(receipts, wallet, CALL_BATCH_MAX, &flood) == STATUS_OK);
	EXPECT(decide_for(&flood, 0, ++number));
	turn();
	turn();
	check_chains(number);
	stop();
}

/* A start after a crash finds as many chains as a run can have whose heads are in no commit; one
 * more receipt of them is not one chain more. */
static void test_a_start_takes_as_many_chains_as_a_run_had(void)
{
	uint64_t number = 0;

	hangs = true;
	start();
	while (number < SIGNER_CHAINS_CACHED && decide((uint16_t)number, number + 1))
		number++;
	EXPECT(number == SIGNER_CHAINS_CACHED);
	EXPECT(!decide((uint16_t)number, number + 1));
	EXPECT(decide(5, ++number));
	for (int i = 0; i < 8; i++)
		turn();
	EXPECT(signer_receipts_behind(receipts) == 0);
	begin(2);
	turn();
	EXPECT(decide(5, ++number) && decide(SIGNER_CHAINS_CACHED - 1, ++number));
	stop();
	hangs = false;
}

int main(void)
{
	static const uint8_t share[32] = {1}, second[32];
	static uint8_t deployment[32], sealed_space[256];
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space);

	keys_open();
	CHECK(signer_vault_new(&vault) == STATUS_OK);
	CHECK(signer_vault_genesis(vault, share, second, deployment, &sealed) == STATUS_OK);
	signer_state_init(&state, vault);
	RUN(test_each_wallet_has_a_chain_over_blobs_and_boots);
	RUN(test_without_a_place_for_receipts_nothing_more_is_decided_and_none_is_lost);
	RUN(test_one_clients_receipts_leave_places_for_others);
	RUN(test_a_start_takes_as_many_chains_as_a_run_had);
	return test_summary();
}
