/* The store's answers against an independent verifier (lib/authz), on a disk that fails. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_merkle.h"
#include "base_check.h"
#include "base_test.h"
#include "db_test_disk.h"
#include "store_core.h"

#define MODEL_MAX 400
#define VALUE_MAX 2000

/* What the signer knows: the committed root, and here also every value, to compare with. */
struct model_entry {
	uint32_t kind;
	uint8_t id[32];
	size_t len; /* 0: absent; values are never empty here */
	uint64_t seed;
};

static struct store store;
static struct db_files state_files, segment_files;
static struct model_entry model[MODEL_MAX], committed[MODEL_MAX];
static uint8_t root[32], committed_root[32];
static uint64_t seq, next_request = 1;
static bool keeps_undo = true;

static uint8_t request_bytes[CALL_STORE_MESSAGE_MAX], sink_bytes[CALL_STORE_MESSAGE_MAX];
static uint8_t answer_bytes[CALL_STORE_MESSAGE_MAX];
static struct buffer answer = {answer_bytes, sizeof(answer_bytes), 0};
static uint32_t answer_kind;
static unsigned answer_count;

static void keep_answer(void *context, uint32_t kind, struct bytes message)
{
	(void)context;
	answer.len = 0;
	CHECK(buffer_put(&answer, message) == STATUS_OK);
	answer_kind = kind;
	answer_count++;
}

static struct store_sink sink = {
    .answer = keep_answer, .message = {sink_bytes, sizeof(sink_bytes), 0}
};

static struct buffer fresh(void)
{
	return (struct buffer){request_bytes, sizeof(request_bytes), 0};
}

static struct bytes ask(uint32_t kind, const struct buffer *request)
{
	unsigned before = answer_count;

	CHECK(store_serve(&store, kind, buffer_bytes(request), &sink) == STATUS_OK);
	CHECK(answer_count > before && answer_kind == store_answer_kind(kind));
	return buffer_bytes(&answer);
}

static void open_store(void)
{
	state_files = disk_open(0);
	segment_files = disk_open(1);
	store_open(&store, &state_files, &segment_files);
}

static void start_empty(void)
{
	disk_erase();
	open_store();
	memset(model, 0, sizeof(model));
	memset(committed, 0, sizeof(committed));
	memset(root, 0, sizeof(root));
	memset(committed_root, 0, sizeof(committed_root));
	seq = 0;
	for (size_t i = 0; i < MODEL_MAX; i++) {
		model[i].kind = 1 + (uint32_t)(i % 5);
		store_le64(model[i].id, i * UINT64_C(0x9e3779b97f4a7c15) + 1);
		committed[i] = model[i];
	}
}

static struct bytes value_of(const struct model_entry *entry)
{
	static uint8_t value[VALUE_MAX];
	uint64_t x = entry->seed | 1;

	for (size_t i = 0; i < entry->len; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
		value[i] = (uint8_t)(x >> 56);
	}
	return bytes_of(value, entry->len);
}

/* stage_one stages a change of one entry as the signer would, checking the path it gets. */
static enum status stage_one(struct model_entry *entry, size_t len, uint64_t seed)
{
	struct buffer request = fresh();
	struct call_store_staged staged;
	struct store_path path;
	struct bytes paths;
	enum status status;

	EXPECT(store_ask_stage(next_request++, keeps_undo, &request) == STATUS_OK);
	entry->len = len;
	entry->seed = seed;
	status = len != 0 ? store_ask_stage_put(&request, entry->kind, entry->id, value_of(entry))
	                  : store_ask_stage_delete(&request, entry->kind, entry->id);
	EXPECT(status == STATUS_OK);
	if (store_take_staged(ask(CALL_STORE_STAGE, &request), &staged, &paths) != STATUS_OK)
		return STATUS_MALFORMED;
	if (staged.head.status != STATUS_OK)
		return (enum status)staged.head.status;
	EXPECT(staged.count == 1 && store_take_path(&paths, &path) == STATUS_OK);
	if (len != 0)
		status =
		    authz_merkle_put(root, entry->kind, entry->id, &path, value_of(entry), root);
	else
		status = authz_merkle_delete(root, entry->kind, entry->id, &path, root);
	EXPECT(status == STATUS_OK || (len == 0 && status == STATUS_NOT_FOUND));
	EXPECT(memcmp(root, staged.root, 32) == 0);
	return STATUS_OK;
}

static void forget_staged(void)
{
	memcpy(model, committed, sizeof(model));
	memcpy(root, committed_root, sizeof(root));
}

static enum status commit_with(uint64_t with_seq, const uint8_t with_root[32])
{
	struct buffer request = fresh();
	struct call_store_committed done;

	EXPECT(store_ask_commit(next_request++, with_seq, with_root, keeps_undo,
	                        bytes_of_text("checkpoint"), &request) == STATUS_OK);
	EXPECT(store_take_committed(ask(CALL_STORE_COMMIT, &request), &done) == STATUS_OK);
	return (enum status)done.head.status;
}

static enum status commit_staged(void)
{
	enum status status = commit_with(seq + 1, root);

	if (status == STATUS_OK) {
		seq++;
		memcpy(committed, model, sizeof(model));
		memcpy(committed_root, root, sizeof(root));
	} else {
		forget_staged();
	}
	return status;
}

/* load_entry returns OK when the store proved the right thing, CORRUPT or IO when it said that it
 * cannot, and MALFORMED for what must never be: an answer that is wrong. */
static enum status load_entry(const struct model_entry *entry)
{
	struct buffer request = fresh();
	struct call_store_loaded loaded;
	struct store_path path;
	struct bytes value;
	bool present;

	EXPECT(store_ask_load(next_request++, entry->kind, entry->id, &request) == STATUS_OK);
	if (store_take_loaded(ask(CALL_STORE_LOAD, &request), &loaded, &path, &value) != STATUS_OK)
		return STATUS_MALFORMED;
	if (loaded.head.status != STATUS_OK && loaded.head.status != STATUS_NOT_FOUND)
		return (enum status)loaded.head.status;
	present = loaded.head.status == STATUS_OK;
	if (authz_merkle_check(root, entry->kind, entry->id, &path, present, value) != STATUS_OK)
		return STATUS_MALFORMED;
	if (present != (entry->len != 0) || (present && !bytes_equal(value, value_of(entry))))
		return STATUS_MALFORMED;
	return STATUS_OK;
}

static void change_some(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct model_entry *entry = &model[disk_random() % MODEL_MAX];
		bool deletes = disk_random() % 3 == 0;

		EXPECT(stage_one(entry, deletes ? 0 : 1 + disk_random() % (VALUE_MAX - 1),
		                 disk_random()) == STATUS_OK);
	}
}

static struct call_store_state state_now(struct bytes *ret_checkpoint)
{
	struct buffer request = fresh();
	struct call_store_state state;
	struct bytes undo;

	EXPECT(store_ask_plain(next_request++, &request) == STATUS_OK);
	EXPECT(store_take_state(ask(CALL_STORE_STATE, &request), &state, ret_checkpoint, &undo) ==
	       STATUS_OK);
	return state;
}

static void test_every_path_leads_from_the_signers_root_to_the_stores(void)
{
	struct call_store_state state;
	struct bytes checkpoint;
	uint64_t present = 0;

	start_empty();
	for (unsigned batch = 0; batch < 150; batch++) {
		change_some(1 + (unsigned)(disk_random() % 20));
		EXPECT(load_entry(&model[batch]) == STATUS_OK); /* of the staged map */
		EXPECT(commit_staged() == STATUS_OK);
	}
	for (size_t i = 0; i < MODEL_MAX; i++) {
		EXPECT(load_entry(&model[i]) == STATUS_OK);
		present += model[i].len != 0;
	}
	store_close(&store);
	open_store();
	state = state_now(&checkpoint);
	EXPECT(state.seq == 150 && memcmp(state.root, root, 32) == 0);
	EXPECT(state.value_count == present);
	EXPECT(bytes_equal(checkpoint, bytes_of_text("checkpoint")));
	for (size_t i = 0; i < MODEL_MAX; i++) /* and back to nothing */
		EXPECT(stage_one(&model[i], 0, 0) == STATUS_OK);
	EXPECT(commit_staged() == STATUS_OK);
	EXPECT(memcmp(root, (uint8_t[32]){0}, 32) == 0);
	EXPECT(state_now(&checkpoint).value_count == 0);
	store_close(&store);
}

static void test_a_commit_of_another_root_or_number_changes_nothing(void)
{
	uint8_t other[32] = {1};

	start_empty();
	change_some(5);
	EXPECT(commit_with(seq + 1, other) == STATUS_CONFLICT);
	forget_staged();
	change_some(5);
	EXPECT(commit_with(seq + 2, root) == STATUS_CONFLICT);
	forget_staged();
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(load_entry(&model[i]) == STATUS_OK);
	EXPECT(commit_with(seq + 1, root) == STATUS_OK); /* a checkpoint alone */
	store_close(&store);
}

static void test_an_aborted_batch_is_forgotten(void)
{
	struct buffer request;
	struct call_store_committed done;

	start_empty();
	change_some(10);
	EXPECT(commit_staged() == STATUS_OK);
	change_some(10);
	request = fresh();
	EXPECT(store_ask_plain(1, &request) == STATUS_OK);
	EXPECT(store_take_committed(ask(CALL_STORE_ABORT, &request), &done) == STATUS_OK);
	EXPECT(done.head.status == STATUS_OK && memcmp(done.root, committed_root, 32) == 0);
	forget_staged();
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(load_entry(&model[i]) == STATUS_OK);
	store_close(&store);
}

static enum status revert(void)
{
	struct buffer request = fresh();
	struct call_store_committed done;

	EXPECT(store_ask_plain(next_request++, &request) == STATUS_OK);
	EXPECT(store_take_committed(ask(CALL_STORE_REVERT, &request), &done) == STATUS_OK);
	return (enum status)done.head.status;
}

/* DS3: a commit that was not anchored is taken back, whole, also after a restart; one that need not
 * be anchored is not, and neither is one twice. */
static void test_the_last_commit_is_taken_back_whole(void)
{
	static struct model_entry before[MODEL_MAX];
	uint8_t before_root[32];
	struct bytes checkpoint;
	unsigned reverted = 0;

	start_empty();
	for (unsigned round = 0; round < 200; round++) {
		struct call_store_state state;

		memcpy(before, committed, sizeof(before));
		memcpy(before_root, committed_root, sizeof(before_root));
		keeps_undo = round % 5 != 0;
		change_some((unsigned)(disk_random() % 25));
		EXPECT(commit_staged() == STATUS_OK);
		if (round % 3 == 0) {
			store_close(&store);
			open_store();
		}
		if (round % 2 == 0)
			continue;
		if (!keeps_undo) {
			EXPECT(state_now(&checkpoint).undo_len == 0);
			EXPECT(revert() == STATUS_CONFLICT);
			continue;
		}
		EXPECT(revert() == STATUS_OK);
		reverted++;
		memcpy(committed, before, sizeof(before));
		memcpy(committed_root, before_root, sizeof(before_root));
		forget_staged();
		seq--;
		if (round % 7 == 0) {
			store_close(&store);
			open_store();
		}
		state = state_now(&checkpoint);
		EXPECT(state.seq == seq && memcmp(state.root, root, 32) == 0);
		EXPECT(state.undo_len == 0 && revert() == STATUS_CONFLICT);
		for (size_t i = 0; i < MODEL_MAX; i++)
			EXPECT(load_entry(&model[i]) == STATUS_OK);
	}
	EXPECT(reverted > 50);
	keeps_undo = true;
	store_close(&store);
}

/* C1, DS5: power cut at a random write; what was acknowledged is there, the rest is whole. */
static void test_power_cuts_lose_nothing_acknowledged(void)
{
	struct bytes checkpoint;
	unsigned cuts = 0;

	start_empty();
	while (cuts < 150) {
		static struct model_entry staged_model[MODEL_MAX];
		uint8_t staged_root[32];
		enum status status = STATUS_OK;
		struct call_store_state state;

		disk_write_fails = (long)(disk_random() % 250);
		while (status == STATUS_OK) {
			memcpy(staged_root, root, 32);
			for (int i = 0; i < 4 && status == STATUS_OK; i++)
				status = stage_one(&model[disk_random() % MODEL_MAX],
				                   1 + disk_random() % 1500, disk_random());
			if (status != STATUS_OK)
				break;
			memcpy(staged_model, model, sizeof(model));
			memcpy(staged_root, root, 32);
			status = commit_staged();
		}
		EXPECT(store_is_broken(&store));
		store_close(&store);
		disk_cut_power();
		cuts++;
		open_store();
		EXPECT(store.opened == STATUS_OK);
		state = state_now(&checkpoint);
		if (state.seq == seq + 1 && memcmp(state.root, staged_root, 32) == 0) {
			seq++; /* not acknowledged and there: also whole */
			memcpy(committed, staged_model, sizeof(model));
			memcpy(committed_root, staged_root, 32);
		}
		forget_staged();
		EXPECT(state.seq == seq && memcmp(state.root, root, 32) == 0);
		for (size_t i = 0; i < MODEL_MAX; i += 7)
			EXPECT(load_entry(&model[i]) == STATUS_OK);
	}
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(load_entry(&model[i]) == STATUS_OK);
	EXPECT(seq > 150);
	store_close(&store);
}

/* damage_and_read opens a damaged store and loads everything: counts right answers and refusals. */
static void damage_and_read(unsigned *good, unsigned *refused)
{
	open_store();
	for (size_t i = 0; i < MODEL_MAX; i += 3) {
		enum status status = load_entry(&model[i]);

		EXPECT(status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_IO);
		*(status == STATUS_OK ? good : refused) += 1;
	}
	store_close(&store);
}

/* DS4, DS5: never a wrong answer; the undamaged goes on. */
static void test_damage_is_refused_and_other_values_go_on(void)
{
	unsigned good = 0, refused = 0;
	struct disk_image image;
	size_t len;

	start_empty();
	for (int i = 0; i < 30; i++) {
		change_some(20);
		EXPECT(commit_staged() == STATUS_OK);
	}
	store_close(&store);
	image = disk_save();
	len = image.len[DB_FILE_MAIN];
	EXPECT(image.len[DB_FILE_WAL] == 0 && len > 100000);
	for (size_t at = 0; at < len; at += at < 200 ? 5 : 409) {
		disk_restore(&image);
		disk_files[DB_FILE_MAIN].now[at] ^= (uint8_t)(1u << (disk_random() % 8));
		damage_and_read(&good, &refused);
	}
	printf("flipped bits: %u right answers, %u refusals\n", good, refused);
	EXPECT(good > 10 * refused && refused > 100);
	good = refused = 0;
	for (size_t cut = 0; cut < len; cut += 4096) {
		disk_restore(&image);
		disk_files[DB_FILE_MAIN].now_len = cut;
		damage_and_read(&good, &refused);
	}
	EXPECT(refused > 100);
	for (size_t a = 1; a + 1 < len / 4096; a += 2) { /* swapped and doubled pages */
		uint8_t page[4096], *at = disk_files[DB_FILE_MAIN].now + a * 4096;

		disk_restore(&image);
		memcpy(page, at, 4096);
		memcpy(at, at + 4096, 4096);
		if (a % 4 == 1)
			memcpy(at + 4096, page, 4096);
		damage_and_read(&good, &refused);
	}
	disk_discard(&image);
}

/* DS4: records swapped, deleted or replaced by older ones below the map are found. */
static void test_swapped_deleted_and_old_records_are_refused_alone(void)
{
	size_t a = 0, b = 5, c = 10; /* one kind */
	static uint8_t raw[VALUE_MAX];
	struct buffer old = BUFFER_OF_ARRAY(raw);

	start_empty();
	for (size_t i = 0; i < 20; i++)
		EXPECT(stage_one(&model[i], 100 + i, i + 1) == STATUS_OK);
	EXPECT(commit_staged() == STATUS_OK);
	EXPECT(db_value_get(&store.state, model[a].kind, model[a].id, &old) == STATUS_OK);
	EXPECT(stage_one(&model[a], 50, 77) == STATUS_OK);
	EXPECT(commit_staged() == STATUS_OK);
	EXPECT(db_begin(&store.state) == STATUS_OK);
	EXPECT(db_value_put(&store.state, model[a].kind, model[a].id, buffer_bytes(&old)) ==
	       STATUS_OK);
	EXPECT(db_value_put(&store.state, model[b].kind, model[b].id, buffer_bytes(&old)) ==
	       STATUS_OK);
	EXPECT(db_value_delete(&store.state, model[c].kind, model[c].id) == STATUS_OK);
	EXPECT(db_commit(&store.state) == STATUS_OK);
	for (size_t i = 0; i < 20; i++)
		EXPECT(load_entry(&model[i]) ==
		       (i == a || i == b || i == c ? STATUS_CORRUPT : STATUS_OK));
	store_close(&store);
}

static void test_a_full_disk_is_said_and_nothing_is_lost(void)
{
	start_empty();
	change_some(20);
	EXPECT(commit_staged() == STATUS_OK);
	change_some(20);
	disk_writes_left = 1;
	EXPECT(commit_staged() == STATUS_BUSY);
	EXPECT(!store_is_broken(&store));
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(load_entry(&model[i]) == STATUS_OK);
	disk_heal();
	change_some(20);
	EXPECT(commit_staged() == STATUS_OK);
	store_close(&store);
}

static struct call_store_segment_state segment_ask(uint32_t kind, uint32_t stream, uint64_t cursor,
                                                   struct bytes *ret_blob)
{
	struct buffer request = fresh();
	struct call_store_segment_state state = {0};

	EXPECT(store_ask_segment(next_request++, stream, cursor, bytes_of(NULL, 0), &request) ==
	       STATUS_OK);
	EXPECT(store_take_segment(ask(kind, &request), &state, ret_blob) == STATUS_OK);
	return state;
}

static void append(uint32_t stream, const char *text)
{
	struct buffer request = fresh();

	EXPECT(store_ask_segment(next_request++, stream, 0, bytes_of_text(text), &request) ==
	       STATUS_OK);
	CHECK(store_serve(&store, CALL_STORE_SEGMENT_APPEND, buffer_bytes(&request), &sink) ==
	      STATUS_OK);
}

static void test_appends_share_a_sync_and_are_answered_after_it(void)
{
	struct call_store_segment_state state;
	struct bytes blob;
	unsigned answers;
	unsigned long syncs;

	start_empty();
	answers = answer_count;
	syncs = disk_syncs;
	for (int i = 0; i < 10; i++)
		append(CALL_STORE_STREAM_RECEIPTS, "receipt");
	EXPECT(answer_count == answers && disk_syncs == syncs); /* nothing is promised yet */
	store_flush(&store, &sink);
	EXPECT(answer_count == answers + 10);
	EXPECT(disk_syncs - syncs <= 3);
	EXPECT(store_take_segment(buffer_bytes(&answer), &state, &blob) == STATUS_OK);
	EXPECT(state.cursor == 10 && state.first == 1 && state.next == 11);
	store_close(&store);
}

static void test_receipts_are_deleted_only_after_export_and_inputs_at_any_time(void)
{
	struct call_store_segment_state state;
	struct bytes blob;

	start_empty();
	append(CALL_STORE_STREAM_RECEIPTS, "one");
	append(CALL_STORE_STREAM_RECEIPTS, "two");
	append(CALL_STORE_STREAM_INPUTS, "input");
	state = segment_ask(CALL_STORE_SEGMENT_DELETE, CALL_STORE_STREAM_RECEIPTS, 2, &blob);
	EXPECT(state.head.status == STATUS_CONFLICT);
	state = segment_ask(CALL_STORE_SEGMENT_DELETE, CALL_STORE_STREAM_INPUTS, 2, &blob);
	EXPECT(state.head.status == STATUS_OK && state.first == 2 && state.next == 2);
	state = segment_ask(CALL_STORE_SEGMENT_READ, CALL_STORE_STREAM_INPUTS, 0, &blob);
	EXPECT(state.head.status == STATUS_NOT_FOUND);
	state = segment_ask(CALL_STORE_SEGMENT_EXPORTED, CALL_STORE_STREAM_RECEIPTS, 4, &blob);
	EXPECT(state.head.status == STATUS_CONFLICT); /* beyond what there is */
	state = segment_ask(CALL_STORE_SEGMENT_EXPORTED, CALL_STORE_STREAM_RECEIPTS, 2, &blob);
	EXPECT(state.head.status == STATUS_OK && state.exported == 2);
	state = segment_ask(CALL_STORE_SEGMENT_DELETE, CALL_STORE_STREAM_RECEIPTS, 2, &blob);
	EXPECT(state.head.status == STATUS_OK && state.first == 2);
	store_close(&store);
	open_store();
	state = segment_ask(CALL_STORE_SEGMENT_READ, CALL_STORE_STREAM_RECEIPTS, 0, &blob);
	EXPECT(state.head.status == STATUS_OK && state.cursor == 2);
	EXPECT(bytes_equal(blob, bytes_of_text("two")));
	EXPECT(state.exported == 2 && state.next == 3);
	store_close(&store);
}

static void test_appends_survive_power_cuts_and_leave_no_gap(void)
{
	uint64_t acknowledged = 0;

	start_empty();
	for (unsigned cut = 0; cut < 60; cut++) {
		struct call_store_segment_state state;
		struct bytes blob;

		disk_write_fails = (long)(disk_random() % 40);
		for (;;) {
			unsigned answers = answer_count;
			int count = 1 + (int)(disk_random() % 5);

			for (int i = 0; i < count; i++)
				append(CALL_STORE_STREAM_RECEIPTS, "a receipt segment");
			store_flush(&store, &sink);
			EXPECT(answer_count == answers + (unsigned)count);
			EXPECT(store_take_segment(buffer_bytes(&answer), &state, &blob) ==
			       STATUS_OK);
			if (state.head.status != STATUS_OK)
				break;
			acknowledged = state.cursor;
		}
		store_close(&store);
		disk_cut_power();
		open_store();
		EXPECT(store.opened == STATUS_OK);
		if (store.opened != STATUS_OK) {
			fprintf(stderr, "%s\n", store_trouble(&store));
			return;
		}
		EXPECT(store.streams[0].next > acknowledged);
		for (uint64_t at = 1; at <= acknowledged; at += 5) {
			state = segment_ask(CALL_STORE_SEGMENT_READ, 0, at, &blob);
			EXPECT(state.head.status == STATUS_OK && state.cursor == at);
		}
	}
	EXPECT(acknowledged > 60);
	store_close(&store);
}

static void test_what_no_signer_sends_is_refused(void)
{
	static const uint8_t zeroes[64];

	start_empty();
	EXPECT(store_serve(&store, 99, BYTES_OF_ARRAY(zeroes), &sink) == STATUS_MALFORMED);
	EXPECT(store_serve(&store, CALL_STORE_LOAD, bytes_of(zeroes, 3), &sink) ==
	       STATUS_MALFORMED);
	EXPECT(store_serve(&store, CALL_STORE_STATE_ANSWER, BYTES_OF_ARRAY(zeroes), &sink) ==
	       STATUS_MALFORMED);
	store_close(&store);
}

static void test_a_store_that_cannot_be_read_says_so_to_every_request(void)
{
	struct bytes checkpoint;
	struct call_store_state state;

	disk_erase();
	disk_open(0);
	memset(disk_files[DB_FILE_MAIN].now, 0x5a, 10000);
	disk_files[DB_FILE_MAIN].now_len = 10000;
	open_store();
	EXPECT(!store_is_broken(&store)); /* it stays, to answer */
	state = state_now(&checkpoint);
	EXPECT(state.head.status == STATUS_CORRUPT);
	EXPECT(load_entry(&model[0]) == STATUS_CORRUPT);
	EXPECT(strlen(store_trouble(&store)) > 10);
	store_close(&store);
}

static void test_a_list_gives_every_id_once_in_order(void)
{
	uint8_t after[32];
	unsigned seen = 0, pages = 0;
	bool more = true;

	start_empty();
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(stage_one(&model[i], 10, i + 1) == STATUS_OK);
	EXPECT(commit_staged() == STATUS_OK);
	while (more && pages < 100) {
		struct buffer request = fresh();
		struct call_store_listed listed;
		struct bytes ids;

		EXPECT(store_ask_list(1, 2, pages == 0 ? NULL : after, 7, &request) == STATUS_OK);
		EXPECT(store_take_listed(ask(CALL_STORE_LIST, &request), &listed, &ids) ==
		       STATUS_OK);
		for (uint32_t i = 0; i < listed.count; i++) {
			const uint8_t *id = ids.data + (size_t)32 * i;

			EXPECT((pages == 0 && i == 0) || memcmp(after, id, 32) < 0);
			memcpy(after, id, 32);
			seen++;
		}
		more = listed.more == 1;
		pages++;
	}
	EXPECT(seen == MODEL_MAX / 5 && pages == (seen + 6) / 7);
	store_close(&store);
}

/* ---- backup ---- */

static struct call_store_backed backup_ask(uint32_t step, uint64_t id, uint32_t part, uint64_t at,
                                           struct bytes *ret_bytes)
{
	const struct call_store_backup asked = {.step = step, .id = id, .part = part, .at = at};
	struct buffer request = fresh();
	struct call_store_backed backed = {.len = {0}};

	EXPECT(store_ask_backup(next_request++, &asked, &request) == STATUS_OK);
	EXPECT(store_take_backed(ask(CALL_STORE_BACKUP, &request), &backed, ret_bytes) ==
	       STATUS_OK);
	return backed;
}

static enum status read_item(unsigned item, struct buffer *ret_content)
{
	const uint8_t byte = (uint8_t)(0xa0 + item);

	return item == 1 ? STATUS_OK : buffer_put(ret_content, bytes_of(&byte, 1));
}

static uint8_t item_bytes[CALL_STORE_ITEM_MAX];
static size_t item_len;
static unsigned item_number, items_written;
static enum status item_status;

static enum status write_item(unsigned item, struct bytes content)
{
	item_number = item;
	items_written++;
	item_len = content.len;
	memcpy(item_bytes, content.data, content.len);
	return item_status;
}

static enum status put_item(uint32_t part, struct bytes content)
{
	struct buffer request = fresh();
	struct call_store_head head;
	struct bytes said;

	EXPECT(store_ask_item(next_request++, part, content, &request) == STATUS_OK);
	said = ask(CALL_STORE_ITEM_PUT, &request);
	CHECK(said.len == sizeof(head));
	memcpy(&head, said.data, sizeof(head));
	EXPECT(head.request == next_request - 1 && head.reserved == 0);
	return (enum status)head.status;
}

/* A small file of the data disk is replaced whole; what the disk says is what the signer hears. */
static void test_a_small_file_is_replaced_whole_or_not_at_all(void)
{
	static uint8_t large[CALL_STORE_ITEM_MAX];
	static const enum status said[] = {STATUS_OK, STATUS_IO, STATUS_TOO_LARGE};

	start_empty();
	store.write_item = NULL;
	EXPECT(put_item(CALL_STORE_PART_ITEMS, bytes_of_text("site")) == STATUS_UNSUPPORTED);
	store.write_item = write_item;
	items_written = 0;
	for (unsigned i = 0; i < 3; i++) {
		item_status = said[i];
		EXPECT(put_item(CALL_STORE_PART_ITEMS + i, bytes_of_text("approvals")) == said[i]);
		EXPECT(item_number == i && item_len == 9 &&
		       memcmp(item_bytes, "approvals", 9) == 0);
	}
	item_status = STATUS_OK;
	memset(large, 7, sizeof(large));
	EXPECT(put_item(CALL_STORE_PART_COUNT - 1, BYTES_OF_ARRAY(large)) == STATUS_OK);
	EXPECT(item_len == sizeof(large) && memcmp(item_bytes, large, sizeof(large)) == 0);
	EXPECT(put_item(CALL_STORE_PART_ITEMS, bytes_of_text("")) == STATUS_OK && item_len == 0);
	EXPECT(items_written == 5);
	store_close(&store);
}

/* Reads both databases in pieces, with commits and receipts between the pieces; returns how many
 * pieces there were. */
static unsigned copy_backup(uint64_t id, struct disk_image *image)
{
	struct bytes bytes;
	struct call_store_backed said = backup_ask(CALL_STORE_BACKUP_BEGIN, id, 0, 0, &bytes);
	unsigned pieces = 0;

	EXPECT(said.head.status == STATUS_OK && bytes.len == 0);
	for (uint32_t part = 0; part < CALL_STORE_PART_ITEMS; part++) {
		size_t file = part * DB_FILE_COUNT + DB_FILE_MAIN;
		uint64_t at = 0;

		image->len[file] = (size_t)said.len[part];
		image->data[file] = malloc(image->len[file]);
		CHECK(image->data[file] != NULL);
		do {
			struct call_store_backed piece =
			    backup_ask(CALL_STORE_BACKUP_READ, id, part, at, &bytes);

			EXPECT(piece.head.status == STATUS_OK);
			EXPECT(piece.len[0] == said.len[0] && piece.len[1] == said.len[1]);
			CHECK(bytes.len <= image->len[file] - at);
			memcpy(image->data[file] + at, bytes.data, bytes.len);
			at += bytes.len;
			pieces++;
			/* So much that a log that may be folded would be. */
			for (unsigned batch = 0; batch < 5; batch++) {
				change_some(60);
				EXPECT(commit_staged() == STATUS_OK);
			}
			append(CALL_STORE_STREAM_RECEIPTS, "a receipt of meanwhile");
			store_flush(&store, &sink);
		} while (bytes.len != 0);
		EXPECT(at == said.len[part]);
	}
	return pieces;
}

/* What is backed up is the state of one moment, whatever goes on while it is read. */
static void test_a_backup_is_of_one_moment(void)
{
	static struct model_entry at_begin[MODEL_MAX];
	struct disk_image image = {0};
	uint8_t root_at_begin[32];
	struct bytes bytes, checkpoint;
	uint64_t seq_at_begin, receipts;
	unsigned pieces;

	start_empty();
	store.read_item = read_item;
	for (unsigned batch = 0; batch < 40; batch++) {
		change_some(30);
		EXPECT(commit_staged() == STATUS_OK);
	}
	append(CALL_STORE_STREAM_RECEIPTS, "a receipt of before");
	store_flush(&store, &sink);
	receipts = store.streams[0].next;
	memcpy(at_begin, committed, sizeof(at_begin));
	memcpy(root_at_begin, committed_root, sizeof(root_at_begin));
	seq_at_begin = seq;
	pieces = copy_backup(7, &image);
	EXPECT(pieces >= 5 && seq == seq_at_begin + 5 * (uint64_t)pieces);
	EXPECT(disk_files[DB_FILE_WAL].now_len > 2000u * 4096);
	for (uint32_t item = 0; item < 5; item++) {
		EXPECT(
		    backup_ask(CALL_STORE_BACKUP_READ, 7, CALL_STORE_PART_ITEMS + item, 0, &bytes)
		        .head.status == STATUS_OK);
		EXPECT(item == 1 ? bytes.len == 0 : bytes.len == 1 && bytes.data[0] == 0xa0 + item);
	}
	EXPECT(backup_ask(CALL_STORE_BACKUP_END, 7, 0, 0, &bytes).head.status == STATUS_OK);
	EXPECT(backup_ask(CALL_STORE_BACKUP_READ, 7, 0, 0, &bytes).head.status == STATUS_CONFLICT);
	store_close(&store);

	disk_restore(&image);
	open_store();
	EXPECT(store.opened == STATUS_OK);
	memcpy(model, at_begin, sizeof(model));
	memcpy(root, root_at_begin, sizeof(root));
	seq = seq_at_begin;
	EXPECT(state_now(&checkpoint).seq == seq_at_begin);
	EXPECT(memcmp(state_now(&checkpoint).root, root_at_begin, 32) == 0);
	EXPECT(store.streams[0].next == receipts);
	for (size_t i = 0; i < MODEL_MAX; i++)
		EXPECT(load_entry(&model[i]) == STATUS_OK);
	EXPECT(db_verify(&store.state) == STATUS_OK && db_verify(&store.segments) == STATUS_OK);
	store_close(&store);
	disk_discard(&image);
}

static void test_a_backup_ends_when_another_begins_or_the_log_grows(void)
{
	struct bytes bytes;
	unsigned commits = 0;

	start_empty();
	change_some(20);
	/* Not between STAGE and COMMIT. */
	EXPECT(backup_ask(CALL_STORE_BACKUP_BEGIN, 1, 0, 0, &bytes).head.status == STATUS_BUSY);
	EXPECT(commit_staged() == STATUS_OK);
	EXPECT(backup_ask(CALL_STORE_BACKUP_BEGIN, 1, 0, 0, &bytes).head.status == STATUS_OK);
	EXPECT(backup_ask(CALL_STORE_BACKUP_BEGIN, 2, 0, 0, &bytes).head.status == STATUS_OK);
	EXPECT(backup_ask(CALL_STORE_BACKUP_READ, 1, 0, 0, &bytes).head.status == STATUS_CONFLICT);
	EXPECT(backup_ask(CALL_STORE_BACKUP_END, 1, 0, 0, &bytes).head.status == STATUS_CONFLICT);
	EXPECT(backup_ask(CALL_STORE_BACKUP_READ, 2, 0, 0, &bytes).head.status == STATUS_OK &&
	       bytes.len != 0);
	state_files.held_log_max = 1u << 20;
	while (store.backup != 0 && commits < 1000) {
		change_some(20);
		EXPECT(commit_staged() == STATUS_OK);
		commits++;
	}
	EXPECT(store.backup == 0 && commits > 3);
	EXPECT(backup_ask(CALL_STORE_BACKUP_READ, 2, 0, 0, &bytes).head.status == STATUS_CONFLICT);
	/* And the log is folded again. */
	for (unsigned i = 0; i < 400; i++) {
		change_some(20);
		EXPECT(commit_staged() == STATUS_OK);
	}
	EXPECT(disk_files[DB_FILE_WAL].now_len < 18u << 20);
	store_close(&store);
}

int main(void)
{
	RUN(test_every_path_leads_from_the_signers_root_to_the_stores);
	RUN(test_a_commit_of_another_root_or_number_changes_nothing);
	RUN(test_an_aborted_batch_is_forgotten);
	RUN(test_the_last_commit_is_taken_back_whole);
	RUN(test_power_cuts_lose_nothing_acknowledged);
	RUN(test_damage_is_refused_and_other_values_go_on);
	RUN(test_swapped_deleted_and_old_records_are_refused_alone);
	RUN(test_a_full_disk_is_said_and_nothing_is_lost);
	RUN(test_appends_share_a_sync_and_are_answered_after_it);
	RUN(test_receipts_are_deleted_only_after_export_and_inputs_at_any_time);
	RUN(test_appends_survive_power_cuts_and_leave_no_gap);
	RUN(test_what_no_signer_sends_is_refused);
	RUN(test_a_store_that_cannot_be_read_says_so_to_every_request);
	RUN(test_a_list_gives_every_id_once_in_order);
	RUN(test_a_small_file_is_replaced_whole_or_not_at_all);
	RUN(test_a_backup_is_of_one_moment);
	RUN(test_a_backup_ends_when_another_begins_or_the_log_grows);
	return test_summary();
}
