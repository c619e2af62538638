/* Tests of the store's tables on a bare block device that loses power at any write, with the
 * sectors that were not synced kept or lost by chance. Proves parts of DS1, DS5 and C1 in
 * spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "db_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base_check.h"
#include "base_test.h"
#include "disk.h"

#define SECTOR    512u
#define DIRTY_MAX 262144u

/* The device: what it says now, and what it will say after a power cut. */
static uint8_t *now, *durable;
static uint32_t dirty[DIRTY_MAX];
static size_t dirty_count;
static uint8_t is_dirty[DISK_BYTES_MIN / SECTOR];
static uint64_t random_state = 88172645463325252u;
static long write_fails = -1;
static unsigned long syncs;

static uint64_t chance(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void note_dirty(uint64_t at, size_t len)
{
	for (uint64_t s = at / SECTOR; s <= (at + len - 1) / SECTOR; s++) {
		if (is_dirty[s] != 0)
			continue;
		CHECK(dirty_count < DIRTY_MAX);
		is_dirty[s] = 1;
		dirty[dirty_count++] = (uint32_t)s;
	}
}

static ssize_t device_read(int fd, void *to, size_t len, off_t at)
{
	CHECK(fd == 77 && (uint64_t)at + len <= DISK_BYTES_MIN);
	memcpy(to, now + at, len);
	return (ssize_t)len;
}

static ssize_t device_write(int fd, const void *from, size_t len, off_t at)
{
	CHECK(fd == 77 && (uint64_t)at + len <= DISK_BYTES_MIN && len != 0);
	if (write_fails >= 0 && write_fails-- == 0) {
		errno = EIO;
		return -1;
	}
	memcpy(now + at, from, len);
	note_dirty((uint64_t)at, len);
	return (ssize_t)len;
}

static int device_sync(int fd)
{
	CHECK(fd == 77);
	syncs++;
	for (size_t i = 0; i < dirty_count; i++) {
		memcpy(durable + dirty[i] * (size_t)SECTOR, now + dirty[i] * (size_t)SECTOR,
		       SECTOR);
		is_dirty[dirty[i]] = 0;
	}
	dirty_count = 0;
	return 0;
}

static void cut_power(void)
{
	write_fails = -1;
	for (size_t i = 0; i < dirty_count; i++) {
		uint8_t *a = now + dirty[i] * (size_t)SECTOR,
		        *b = durable + dirty[i] * (size_t)SECTOR;

		if (chance() % 2 == 0)
			memcpy(a, b, SECTOR);
		else
			memcpy(b, a, SECTOR);
		is_dirty[dirty[i]] = 0;
	}
	dirty_count = 0;
}

static const struct db_io device = {
    .read = device_read, .write = device_write, .sync = device_sync};

static void new_device(void)
{
	for (int i = 0; i < 2; i++) {
		uint8_t **side = i == 0 ? &now : &durable;

		if (*side != NULL)
			CHECK(munmap(*side, DISK_BYTES_MIN) == 0);
		*side = mmap(NULL, DISK_BYTES_MIN, PROT_READ | PROT_WRITE,
		             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		CHECK(*side != MAP_FAILED);
	}
	memset(is_dirty, 0, sizeof(is_dirty));
	dirty_count = 0;
	write_fails = -1;
}

static struct db_files files[DB_ROLE_COUNT];
static struct db db;

static enum status open_state(void)
{
	enum status status = db_disk_attach(&device, 77, DISK_BYTES_MIN, files);

	return status == STATUS_OK ? db_open(&files[DB_ROLE_STATE], DB_ROLE_STATE, &db) : status;
}

static void make_value(uint64_t number, uint8_t id[32], uint8_t *value, size_t len)
{
	memset(id, (int)(number & 0xff), 32);
	store_le64(id, number * UINT64_C(0x9e3779b97f4a7c15));
	for (size_t i = 0; i < len; i++)
		value[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static enum status put_one(uint64_t number, size_t len)
{
	static uint8_t value[DB_BLOB_MAX];
	uint8_t id[32];
	enum status status = db_begin(&db);

	if (status != STATUS_OK)
		return status;
	make_value(number, id, value, len);
	status = db_value_put(&db, 2, id, bytes_of(value, len));
	if (status == STATUS_OK)
		return db_commit(&db);
	db_rollback(&db);
	return status;
}

static bool has_one(uint64_t number, size_t len)
{
	static uint8_t value[DB_BLOB_MAX], space[DB_BLOB_MAX];
	struct buffer got = BUFFER_OF_ARRAY(space);
	uint8_t id[32];

	make_value(number, id, value, len);
	return db_value_get(&db, 2, id, &got) == STATUS_OK &&
	       bytes_equal(buffer_bytes(&got), bytes_of(value, len));
}

static void test_both_databases_live_on_one_device_and_come_back(void)
{
	static uint8_t space[64];
	struct buffer blob = BUFFER_OF_ARRAY(space);
	struct db segments;
	uint64_t cursor = 0;

	new_device();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(db_open(&files[DB_ROLE_SEGMENTS], DB_ROLE_SEGMENTS, &segments) == STATUS_OK);
	for (uint64_t i = 0; i < 200; i++)
		EXPECT(put_one(i, 3000) == STATUS_OK);
	EXPECT(db_begin(&segments) == STATUS_OK &&
	       db_blob_put(&segments, 1, 5, bytes_of_text("receipt")) == STATUS_OK &&
	       db_commit(&segments) == STATUS_OK);
	db_close(&db);
	db_close(&segments);
	EXPECT(open_state() == STATUS_OK);
	EXPECT(db_open(&files[DB_ROLE_SEGMENTS], DB_ROLE_SEGMENTS, &segments) == STATUS_OK);
	for (uint64_t i = 0; i < 200; i++)
		EXPECT(has_one(i, 3000));
	EXPECT(db_blob_get(&segments, 1, 0, &blob, &cursor) == STATUS_OK && cursor == 5);
	EXPECT(db_fill(&db) >= 3 && db_fill(&db) < 50);
	db_close(&db);
	db_close(&segments);
}

static void test_acknowledged_commits_survive_power_cuts(void)
{
	uint64_t acknowledged = 0;

	new_device();
	EXPECT(open_state() == STATUS_OK);
	for (unsigned round = 0; round < 200; round++) {
		write_fails = (long)(chance() % 120);
		while (put_one(acknowledged, 200 + acknowledged % 2000) == STATUS_OK)
			acknowledged++;
		EXPECT(db_is_broken(&db));
		db_close(&db);
		cut_power();
		EXPECT(open_state() == STATUS_OK);
		if (db.handle == NULL)
			return;
		for (uint64_t i = acknowledged > 40 ? acknowledged - 40 : 0; i < acknowledged; i++)
			EXPECT(has_one(i, 200 + i % 2000));
	}
	for (uint64_t i = 0; i < acknowledged; i++)
		EXPECT(has_one(i, 200 + i % 2000));
	EXPECT(db_verify(&db) == STATUS_OK && acknowledged > 200);
	db_close(&db);
}

static void test_a_full_region_refuses_and_goes_on_reading(void)
{
	uint64_t kept = 0;

	new_device();
	EXPECT(open_state() == STATUS_OK);
	while (put_one(kept, 200000) == STATUS_OK)
		kept++;
	EXPECT(!db_is_broken(&db) && kept > 20);
	for (uint64_t i = 0; i < kept; i++)
		EXPECT(has_one(i, 200000));
	EXPECT(db_fill(&db) >= 100 && db_fill(&db) <= 107); /* into the reserve, to the very end */
	db_close(&db);
}

static void test_a_commit_does_not_rewrite_the_table(void)
{
	unsigned long before;

	new_device();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(put_one(1, 100) == STATUS_OK);
	before = syncs;
	for (uint64_t i = 2; i < 50; i++)
		EXPECT(put_one(i, 100) == STATUS_OK);
	EXPECT(syncs - before <= 50);
	db_close(&db);
}

static void test_a_damaged_table_is_found(void)
{
	struct disk_place table;

	new_device();
	EXPECT(open_state() == STATUS_OK);
	EXPECT(put_one(1, 5000) == STATUS_OK && db_fold(&db) == STATUS_OK);
	db_close(&db);
	EXPECT(disk_place(DISK_TABLE, DISK_BYTES_MIN, &table) == STATUS_OK);
	/* one of the two rows: the other counts */
	now[table.at + 20] ^= 1;
	EXPECT(db_disk_attach(&device, 77, DISK_BYTES_MIN, files) == STATUS_OK);
	now[table.at + DISK_BLOCK + 20] ^= 1;
	EXPECT(db_disk_attach(&device, 77, DISK_BYTES_MIN, files) == STATUS_CORRUPT);
}

int main(void)
{
	RUN(test_both_databases_live_on_one_device_and_come_back);
	RUN(test_acknowledged_commits_survive_power_cuts);
	RUN(test_a_full_region_refuses_and_goes_on_reading);
	RUN(test_a_commit_does_not_rewrite_the_table);
	RUN(test_a_damaged_table_is_found);
	return test_summary();
}
