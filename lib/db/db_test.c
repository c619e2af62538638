/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_test.h"
#include "db.h"
#include "db_test_disk.h"

static struct db_files files;
static struct db db;
static uint8_t storage[DB_BLOB_MAX];

static enum status open_state(void)
{
	files = disk_open(0);
	return db_open(&files, DB_ROLE_STATE, &db);
}

/* put_one commits one value whose bytes follow from its number. */
static void fill(uint8_t *value, size_t len, uint64_t number)
{
	for (size_t i = 0; i < len; i++)
		value[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static void id_of(uint64_t number, uint8_t ret_id[32])
{
	memset(ret_id, (int)(number & 0xff), 32);
	store_le64(ret_id, number * UINT64_C(0x9e3779b97f4a7c15));
}

static enum status put_one(uint64_t number, size_t len)
{
	static uint8_t value[DB_BLOB_MAX];
	uint8_t id[32];
	enum status status = db_begin(&db);

	if (status != STATUS_OK)
		return status;
	id_of(number, id);
	fill(value, len, number);
	status = db_value_put(&db, 2, id, bytes_of(value, len));
	if (status == STATUS_OK)
		return db_commit(&db);
	db_rollback(&db);
	return status;
}

static enum status get_one(uint64_t number, size_t len, bool *ret_same)
{
	static uint8_t value[DB_BLOB_MAX];
	struct buffer got = BUFFER_OF_ARRAY(storage);
	uint8_t id[32];
	enum status status;

	id_of(number, id);
	fill(value, len, number);
	status = db_value_get(&db, 2, id, &got);
	*ret_same = status == STATUS_OK && bytes_equal(buffer_bytes(&got), bytes_of(value, len));
	return status;
}

static void test_values_are_put_replaced_listed_and_deleted(void)
{
	uint8_t id[32], ids[10 * 32];
	struct buffer got = BUFFER_OF_ARRAY(storage), list = BUFFER_OF_ARRAY(ids);
	bool more = false;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(db_begin(&db) == STATUS_OK);
	for (uint8_t i = 1; i <= 12; i++) {
		memset(id, i, sizeof(id));
		EXPECT(db_value_put(&db, 2, id, bytes_of(id, i)) == STATUS_OK);
	}
	EXPECT(db_value_put(&db, 2, id, bytes_of_text("new")) == STATUS_OK);
	EXPECT(db_value_put(&db, 3, id, bytes_of(NULL, 0)) == STATUS_OK);
	EXPECT(db_commit(&db) == STATUS_OK);
	EXPECT(db_value_get(&db, 2, id, &got) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&got), bytes_of_text("new")));
	got.len = 0;
	EXPECT(db_value_get(&db, 3, id, &got) == STATUS_OK && got.len == 0);
	EXPECT(db_value_list(&db, 2, NULL, 10, &list, &more) == STATUS_OK);
	EXPECT(list.len == 320 && more && ids[0] == 1 && ids[9 * 32] == 10);
	list.len = 0;
	EXPECT(db_value_list(&db, 2, ids + 9 * 32, 10, &list, &more) == STATUS_OK);
	EXPECT(list.len == 64 && !more && ids[0] == 11);
	EXPECT(db_begin(&db) == STATUS_OK);
	EXPECT(db_value_delete(&db, 2, id) == STATUS_OK);
	EXPECT(db_value_delete(&db, 2, id) == STATUS_NOT_FOUND);
	EXPECT(db_commit(&db) == STATUS_OK);
	EXPECT(db_value_get(&db, 2, id, &got) == STATUS_NOT_FOUND);
	db_close(&db);
}

static void test_a_rolled_back_batch_leaves_nothing(void)
{
	uint8_t id[32] = {5};
	struct buffer got = BUFFER_OF_ARRAY(storage);

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(db_begin(&db) == STATUS_OK);
	EXPECT(db_value_put(&db, 2, id, bytes_of_text("x")) == STATUS_OK);
	EXPECT(db_value_get(&db, 2, id, &got) == STATUS_OK); /* a batch sees itself */
	db_rollback(&db);
	EXPECT(db_value_get(&db, 2, id, &got) == STATUS_NOT_FOUND);
	db_close(&db);
}

static void test_what_was_committed_is_there_after_close_and_open(void)
{
	bool same = false;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(put_one(1, 100000) == STATUS_OK);
	db_close(&db);
	EXPECT(open_state() == STATUS_OK);
	EXPECT(get_one(1, 100000, &same) == STATUS_OK && same);
	db_close(&db);
}

static void test_blobs_of_a_stream_are_read_in_order_and_deleted_from_the_front(void)
{
	struct buffer got = BUFFER_OF_ARRAY(storage);
	uint64_t cursor = 0, bytes = 0;
	struct db segments;

	disk_erase();
	files = disk_open(1);
	EXPECT(db_open(&files, DB_ROLE_SEGMENTS, &segments) == STATUS_OK);
	EXPECT(db_begin(&segments) == STATUS_OK);
	EXPECT(db_blob_put(&segments, 0, 4, bytes_of_text("four")) == STATUS_OK);
	EXPECT(db_blob_put(&segments, 0, 5, bytes_of_text("five!")) == STATUS_OK);
	EXPECT(db_blob_put(&segments, 1, 4, bytes_of_text("other")) == STATUS_OK);
	EXPECT(db_commit(&segments) == STATUS_OK);
	EXPECT(db_blob_get(&segments, 0, 0, &got, &cursor) == STATUS_OK && cursor == 4);
	EXPECT(db_begin(&segments) == STATUS_OK);
	EXPECT(db_blob_delete_before(&segments, 0, 5, &bytes) == STATUS_OK && bytes == 4);
	EXPECT(db_commit(&segments) == STATUS_OK);
	got.len = 0;
	EXPECT(db_blob_get(&segments, 0, 0, &got, &cursor) == STATUS_OK && cursor == 5);
	EXPECT(bytes_equal(buffer_bytes(&got), bytes_of_text("five!")));
	EXPECT(db_blob_get(&segments, 0, 6, &got, &cursor) == STATUS_NOT_FOUND);
	EXPECT(db_blob_get(&segments, 0, UINT64_MAX, &got, &cursor) == STATUS_NOT_FOUND);
	db_close(&segments);
}

/* DS5, acknowledged means durable */
static void test_every_commit_is_synced_before_it_returns(void)
{
	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	for (uint64_t i = 0; i < 20; i++) {
		unsigned long before = disk_syncs;

		EXPECT(put_one(i, 3000) == STATUS_OK);
		EXPECT(disk_syncs > before);
	}
	db_close(&db);
}

/* DS5, C1: 300 power cuts at random writes, unsynced sectors lost at random. */
static void test_acknowledged_commits_survive_power_cuts(void)
{
	uint64_t acknowledged = 0, cuts = 0;
	bool same = false;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	for (unsigned round = 0; round < 300; round++) {
		disk_write_fails = (long)(disk_random() % 60);
		while (put_one(acknowledged, 200 + acknowledged % 9000) == STATUS_OK)
			acknowledged++;
		EXPECT(db_is_broken(&db));
		cuts++;
		db_close(&db);
		disk_cut_power();
		EXPECT(open_state() == STATUS_OK);
		if (db.handle == NULL)
			return;
		for (uint64_t i = acknowledged > 40 ? acknowledged - 40 : 0; i < acknowledged; i++)
			EXPECT(get_one(i, 200 + i % 9000, &same) == STATUS_OK && same);
	}
	for (uint64_t i = 0; i < acknowledged; i++)
		EXPECT(get_one(i, 200 + i % 9000, &same) == STATUS_OK && same);
	EXPECT(db_verify(&db) == STATUS_OK);
	EXPECT(cuts == 300 && acknowledged > 300);
	db_close(&db);
}

/* DS5: after EIO on sync nothing is acknowledged any more, and no sync is tried again. */
static void test_a_failed_sync_ends_the_database_and_is_never_retried(void)
{
	bool same;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(put_one(1, 100) == STATUS_OK);
	disk_sync_fails = 0;
	EXPECT(put_one(2, 100) == STATUS_IO);
	EXPECT(db_is_broken(&db));
	unsigned long syncs = disk_syncs;
	EXPECT(put_one(3, 100) == STATUS_IO);
	EXPECT(get_one(1, 100, &same) == STATUS_IO);
	EXPECT(disk_syncs == syncs);
	db_close(&db);
	EXPECT(disk_syncs == syncs);
	disk_cut_power();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(get_one(1, 100, &same) == STATUS_OK && same);
	db_close(&db);
}

/* DS5: a full disk refuses the batch, loses nothing, and goes on when there is room. */
static void test_a_full_disk_refuses_and_recovers(void)
{
	bool same;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(put_one(1, 5000) == STATUS_OK);
	EXPECT(put_one(2, 5000) == STATUS_OK);
	for (long left = 0; left < 3; left++) {
		disk_writes_left = left;
		EXPECT(put_one(3, 50000) == STATUS_BUSY);
		EXPECT(!db_is_broken(&db));
		EXPECT(get_one(1, 5000, &same) == STATUS_OK && same);
		EXPECT(get_one(3, 50000, &same) == STATUS_NOT_FOUND);
	}
	disk_heal();
	EXPECT(put_one(3, 50000) == STATUS_OK);
	EXPECT(get_one(3, 50000, &same) == STATUS_OK && same);
	db_close(&db);
}

/* DS4: a flipped bit in the log would silently take back what was acknowledged. */
static void test_a_damaged_log_is_found_by_the_mark(void)
{
	struct disk_image image;
	unsigned refused = 0, tried = 0;
	bool same;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	for (uint64_t i = 0; i < 8; i++)
		EXPECT(put_one(i, 700) == STATUS_OK);
	image = disk_save();
	EXPECT(image.len[DB_FILE_WAL] > 0);
	db_close(&db);
	for (size_t at = 0; at < image.len[DB_FILE_WAL]; at += 97) {
		enum status status;

		disk_restore(&image);
		disk_files[DB_FILE_WAL].now[at] ^= (uint8_t)(1u << (at % 8));
		tried++;
		status = open_state();
		if (status == STATUS_OK) { /* a byte that nothing reads: then all is there */
			EXPECT(get_one(7, 700, &same) == STATUS_OK && same);
			db_close(&db);
		} else {
			EXPECT(status == STATUS_CORRUPT);
			refused++;
		}
	}
	EXPECT(tried > 300 && refused * 10 > tried * 8);
	disk_discard(&image);
}

/* Reads everything that a damaged store may be asked for; must return, whatever it finds. */
static void read_all(uint64_t count)
{
	static uint8_t ids[100 * 32];
	struct buffer list = BUFFER_OF_ARRAY(ids);
	bool same, more;

	for (uint64_t i = 0; i < count; i++)
		(void)!get_one(i, 300 + i * 100, &same);
	(void)!db_value_list(&db, 2, NULL, 100, &list, &more);
	(void)!put_one(1000, 500);
}

static struct disk_image make_folded(uint64_t count)
{
	struct disk_image image;

	disk_erase();
	EXPECT(open_state() == STATUS_OK);
	for (uint64_t i = 0; i < count; i++)
		EXPECT(put_one(i, 300 + i * 100) == STATUS_OK);
	EXPECT(db_fold(&db) == STATUS_OK);
	image = disk_save();
	EXPECT(image.len[DB_FILE_WAL] == 0);
	db_close(&db);
	return image;
}

/* DS4, DS5 at this level: never a crash. That no answer is wrong is the map's part (store_test). */
static void test_flipped_bits_truncation_and_garbage_never_crash(void)
{
	struct disk_image image = make_folded(60);
	size_t len = image.len[DB_FILE_MAIN];
	unsigned refused = 0, cut_refused = 0;

	for (size_t at = 0; at < len; at += at < 4096 ? 3 : 61) {
		disk_restore(&image);
		disk_files[DB_FILE_MAIN].now[at] ^= (uint8_t)(1u << (at % 8));
		if (open_state() == STATUS_OK)
			read_all(60);
		else
			refused++;
		db_close(&db);
	}
	for (size_t cut = 0; cut < len; cut += 1024) {
		disk_restore(&image);
		disk_files[DB_FILE_MAIN].now_len = cut;
		if (open_state() == STATUS_OK)
			read_all(60);
		else
			cut_refused++;
		db_close(&db);
	}
	for (unsigned round = 0; round < 60; round++) {
		disk_restore(&image);
		for (size_t i = 0; i < 4096; i++) /* a page of noise */
			disk_files[DB_FILE_MAIN].now[(round % (len / 4096)) * 4096 + i] =
			    (uint8_t)disk_random();
		if (open_state() == STATUS_OK)
			read_all(60);
		db_close(&db);
	}
	EXPECT(refused > 50 && cut_refused > 0);
	disk_discard(&image);
}

static void test_an_emptied_database_is_refused_by_its_mark(void)
{
	struct disk_image image = make_folded(3);

	disk_restore(&image);
	disk_files[DB_FILE_MAIN].now_len = 0;
	EXPECT(open_state() == STATUS_CORRUPT);
	EXPECT(strstr(db.trouble, "acknowledged") != NULL);
	disk_discard(&image);
}

static void test_a_file_that_is_no_store_of_ours_is_refused(void)
{
	disk_erase();
	files = disk_open(0);
	memset(disk_files[0].now, 'x', 8192);
	disk_files[0].now_len = 8192;
	EXPECT(open_state() == STATUS_CORRUPT);
	EXPECT(db.trouble != NULL && strlen(db.trouble) > 10);
	/* a good database of the other role has other tables */
	disk_erase();
	files = disk_open(0);
	EXPECT(db_open(&files, DB_ROLE_SEGMENTS, &db) == STATUS_OK);
	db_close(&db);
	EXPECT(open_state() == STATUS_CORRUPT);
}

static void test_real_files_are_private_locked_and_not_links(void)
{
	char folder[] = "/tmp/db_test.XXXXXX";
	struct db_files first, second;
	struct stat st;
	int dir;

	EXPECT(mkdtemp(folder) != NULL);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT(db_files_open(dir, "state", &first) == STATUS_OK);
	EXPECT(fstatat(dir, "state.db", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
	EXPECT(db_files_open(dir, "state", &second) == STATUS_BUSY);
	files = first;
	EXPECT(db_open(&files, DB_ROLE_STATE, &db) == STATUS_OK);
	EXPECT(put_one(1, 4000) == STATUS_OK);
	db_close(&db);
	db_files_close(&files);
	EXPECT(db_files_open(dir, "state", &files) == STATUS_OK);
	EXPECT(db_open(&files, DB_ROLE_STATE, &db) == STATUS_OK);
	bool same = false;
	EXPECT(get_one(1, 4000, &same) == STATUS_OK && same);
	db_close(&db);
	db_files_close(&files);
	EXPECT(unlinkat(dir, "state.db", 0) == 0 && symlinkat("/etc/passwd", dir, "state.db") == 0);
	EXPECT(db_files_open(dir, "state", &files) == STATUS_IO);
	unlinkat(dir, "state.db", 0);
	unlinkat(dir, "state.db-wal", 0);
	unlinkat(dir, "state.db-journal", 0);
	unlinkat(dir, "state.mark", 0);
	close(dir);
	EXPECT(rmdir(folder) == 0);
}

/* C1: after a crash of the whole its store is killed, too, and is gone a moment later than the
 * rest. */
static void test_files_are_waited_for_when_their_process_is_about_to_end(void)
{
	char folder[] = "/tmp/db_test.XXXXXX", command[64];
	struct db_files mine;
	int opened[2], dir;
	pid_t last;
	char byte;

	CHECK(mkdtemp(folder) != NULL && pipe(opened) == 0);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	last = fork();
	if (last == 0) {
		if (db_files_open(dir, "state", &mine) != STATUS_OK || write(opened[1], "", 1) != 1)
			_exit(1);
		usleep(300000);
		_exit(0);
	}
	CHECK(last > 0 && read(opened[0], &byte, 1) == 1);
	EXPECT(db_files_open(dir, "state", &mine) == STATUS_OK);
	db_files_close(&mine);
	EXPECT(waitpid(last, NULL, 0) == last);
	close(opened[0]);
	close(opened[1]);
	close(dir);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	EXPECT(system(command) == 0);
}

int main(void)
{
	RUN(test_values_are_put_replaced_listed_and_deleted);
	RUN(test_a_rolled_back_batch_leaves_nothing);
	RUN(test_what_was_committed_is_there_after_close_and_open);
	RUN(test_blobs_of_a_stream_are_read_in_order_and_deleted_from_the_front);
	RUN(test_every_commit_is_synced_before_it_returns);
	RUN(test_acknowledged_commits_survive_power_cuts);
	RUN(test_a_failed_sync_ends_the_database_and_is_never_retried);
	RUN(test_a_full_disk_refuses_and_recovers);
	RUN(test_a_damaged_log_is_found_by_the_mark);
	RUN(test_flipped_bits_truncation_and_garbage_never_crash);
	RUN(test_an_emptied_database_is_refused_by_its_mark);
	RUN(test_a_file_that_is_no_store_of_ours_is_refused);
	RUN(test_real_files_are_private_locked_and_not_links);
	RUN(test_files_are_waited_for_when_their_process_is_about_to_end);
	return test_summary();
}
