/* SPDX-License-Identifier: Apache-2.0 */
#include "db_disk.h"

#include <errno.h>

#include "base_check.h"
#include "base_sha256.h"
#include "disk.h"

#define MAGIC      UINT64_C(0x3130454c42415443) /* "CTABLE01" */
#define STEP_BYTES (UINT64_C(1) << 20)          /* a log's length is written only so often */
#define ZEROS      65536u

/* One block of the table. */
struct row {
	uint64_t magic, number, turn, len;
	uint8_t
	    check[32]; /* SHA-256 of what is before: against torn writes, not against attackers */
};

struct region {
	bool is_log;
	struct disk_place place;
	uint64_t len, written_len, turn;
};

static struct {
	const struct db_io *io;
	int fd;
	uint64_t table_at;
	struct region regions[DB_ROLE_COUNT * DB_FILE_COUNT];
} disk;

#define REGION_COUNT (sizeof(disk.regions) / sizeof(disk.regions[0]))
_Static_assert(REGION_COUNT <= DISK_TABLE_ROWS, "the table has a row for each");

static const enum disk_region places[DB_ROLE_COUNT][DB_FILE_COUNT] = {
    {DISK_STATE,    DISK_STATE_LOG,    DISK_STATE_JOURNAL,    DISK_STATE_MARK   },
    {DISK_SEGMENTS, DISK_SEGMENTS_LOG, DISK_SEGMENTS_JOURNAL, DISK_SEGMENTS_MARK},
};

/* ---- whole transfers ---- */

static bool move_in(void *to, size_t len, uint64_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t got =
		    disk.io->read(disk.fd, (uint8_t *)to + done, len - done, (off_t)(at + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool move_out(const void *from, size_t len, uint64_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t put = disk.io->write(disk.fd, (const uint8_t *)from + done, len - done,
		                             (off_t)(at + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

/* ---- the table ---- */

static uint64_t row_at(size_t number, uint64_t turn)
{
	return disk.table_at + (2 * number + turn % 2) * DISK_BLOCK;
}

static void row_check(const struct row *row, uint8_t ret_check[32])
{
	sha256_of(bytes_of(row, offsetof(struct row, check)), ret_check);
}

static bool is_zero(struct bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.data[i] != 0)
			return false;
	return true;
}

/* The newer of the two rows counts; a new disk has none, and then the file is empty. */
static enum status load_row(size_t number)
{
	struct region *region = &disk.regions[number];
	bool found = false, damaged = false;

	for (uint64_t turn = 0; turn < 2; turn++) {
		struct row row;
		uint8_t check[32];

		if (!move_in(&row, sizeof(row), row_at(number, turn)))
			return STATUS_IO;
		if (is_zero(bytes_of(&row, sizeof(row))))
			continue;
		row_check(&row, check);
		if (memcmp(check, row.check, sizeof(check)) != 0 || row.magic != MAGIC ||
		    row.number != number || row.turn % 2 != turn || row.len > region->place.len) {
			damaged = true;
			continue;
		}
		if (!found || row.turn > region->turn) {
			region->turn = row.turn;
			region->len = region->written_len = row.len;
		}
		found = true;
	}
	return damaged && !found ? STATUS_CORRUPT : STATUS_OK;
}

static int store_row(size_t number, uint64_t len)
{
	struct region *region = &disk.regions[number];
	uint8_t block[DISK_BLOCK] = {0};
	struct row row = {MAGIC, number, region->turn + 1, len, {0}};

	row_check(&row, row.check);
	memcpy(block, &row, sizeof(row));
	if (!move_out(block, sizeof(block), row_at(number, row.turn)))
		return -1;
	region->turn = row.turn;
	region->written_len = len;
	return 0;
}

/* A log may be read beyond its end: what is there has other salts, and SQLite stops. So its length
 * is written ahead in steps, and not at every commit. */
static uint64_t length_to_write(const struct region *region)
{
	uint64_t up = (region->len + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;

	if (!region->is_log)
		return region->len;
	return up < region->place.len ? up : region->place.len;
}

/* ---- the five calls of db_io; "descriptors" are numbers of regions ---- */

static ssize_t region_read(int fd, void *to, size_t len, off_t at)
{
	const struct region *region = &disk.regions[fd];

	if ((uint64_t)at >= region->len)
		return 0;
	if (len > region->len - (uint64_t)at)
		len = (size_t)(region->len - (uint64_t)at);
	return disk.io->read(disk.fd, to, len, (off_t)(region->place.at + (uint64_t)at));
}

/* A file's hole reads as zeros, a region's as what was there before: it is filled. */
static bool fill_hole(struct region *region, uint64_t upto)
{
	static const uint8_t zeros[ZEROS];

	while (region->len < upto) {
		uint64_t left = upto - region->len;
		size_t len = left < ZEROS ? (size_t)left : ZEROS;

		if (!move_out(zeros, len, region->place.at + region->len))
			return false;
		region->len += len;
	}
	return true;
}

static ssize_t region_write(int fd, const void *from, size_t len, off_t at)
{
	struct region *region = &disk.regions[fd];
	uint64_t end = (uint64_t)at + len;
	ssize_t put;

	if (end > region->place.len) {
		errno = ENOSPC;
		return -1;
	}
	if (!fill_hole(region, (uint64_t)at))
		return -1;
	put = disk.io->write(disk.fd, from, len, (off_t)(region->place.at + (uint64_t)at));
	if (put > 0 && (uint64_t)at + (uint64_t)put > region->len)
		region->len = (uint64_t)at + (uint64_t)put;
	return put;
}

static int region_sync(int fd)
{
	struct region *region = &disk.regions[fd];
	uint64_t len = length_to_write(region);

	if (len != region->written_len && store_row((size_t)fd, len) != 0)
		return -1;
	return disk.io->sync(disk.fd);
}

static int region_truncate(int fd, off_t len)
{
	if ((uint64_t)len < disk.regions[fd].len)
		disk.regions[fd].len = (uint64_t)len;
	return 0;
}

static off_t region_size(int fd)
{
	return (off_t)disk.regions[fd].len;
}

static const struct db_io region_io = {.read = region_read,
                                       .write = region_write,
                                       .sync = region_sync,
                                       .truncate = region_truncate,
                                       .size = region_size};

enum status db_disk_attach(const struct db_io *io, int fd, uint64_t disk_bytes,
                           struct db_files ret_files[DB_ROLE_COUNT])
{
	struct disk_place table;
	enum status status = disk_place(DISK_TABLE, disk_bytes, &table);

	disk.io = io;
	disk.fd = fd;
	disk.table_at = table.at;
	for (size_t i = 0; status == STATUS_OK && i < REGION_COUNT; i++) {
		enum disk_region name = places[i / DB_FILE_COUNT][i % DB_FILE_COUNT];

		disk.regions[i] = (struct region){.is_log = i % DB_FILE_COUNT == DB_FILE_WAL};
		status = disk_place(name, disk_bytes, &disk.regions[i].place);
		/* Marks are never synced: their length must not be one that waits for that. */
		if (status == STATUS_OK && i % DB_FILE_COUNT == DB_FILE_MARK)
			disk.regions[i].len = disk.regions[i].written_len =
			    disk.regions[i].place.len;
		else if (status == STATUS_OK)
			status = load_row(i);
	}
	for (int role = 0; status == STATUS_OK && role < DB_ROLE_COUNT; role++) {
		ret_files[role] = (struct db_files){
		    .io = &region_io,
		    .main_max = disk.regions[role * DB_FILE_COUNT + DB_FILE_MAIN].place.len,
		    .held_log_max = disk.regions[role * DB_FILE_COUNT + DB_FILE_WAL].place.len / 2};
		for (int i = 0; i < DB_FILE_COUNT; i++)
			ret_files[role].fds[i] = role * DB_FILE_COUNT + i;
	}
	return status;
}
