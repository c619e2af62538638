/* db_test_disk: a disk in memory for tests, which can fail, fill up, lose power and be damaged.
 *
 * Writes land in `now`; a sync copies them to `durable`. disk_cut_power leaves of every sector that
 * differs between the two either the old or the new content, as chance has it: what a real disk may
 * do with writes that were not synced. Included by tests only; one disk per test program. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DB_TEST_DISK_H
#define DB_TEST_DISK_H

#include <errno.h>
#include <stdlib.h>

#include "base_check.h"
#include "db.h"

#define DISK_FILES    8
#define DISK_FILE_MAX (24u << 20)
#define DISK_SECTOR   512u

struct disk_file {
	uint8_t *now, *durable;
	size_t now_len, durable_len;
	bool was_cut; /* shortened since the last sync, at its shortest to `cut_len` */
	size_t cut_len;
};

static struct disk_file disk_files[DISK_FILES];
static uint64_t disk_random_state = 88172645463325252u;
static long disk_writes_left = -1; /* then ENOSPC; -1: no end */
static long disk_write_fails = -1; /* this write from now fails with EIO */
static long disk_sync_fails = -1;  /* this sync from now fails with EIO */
static unsigned long disk_writes, disk_syncs;

static inline uint64_t disk_random(void)
{
	disk_random_state ^= disk_random_state << 13;
	disk_random_state ^= disk_random_state >> 7;
	disk_random_state ^= disk_random_state << 17;
	return disk_random_state;
}

static inline bool disk_is_due(long *countdown)
{
	if (*countdown < 0)
		return false;
	return (*countdown)-- == 0;
}

static ssize_t disk_read(int fd, void *to, size_t len, off_t at)
{
	struct disk_file *f = &disk_files[fd];

	if ((size_t)at >= f->now_len)
		return 0;
	if (len > f->now_len - (size_t)at)
		len = f->now_len - (size_t)at;
	memcpy(to, f->now + at, len);
	return (ssize_t)len;
}

static ssize_t disk_write(int fd, const void *from, size_t len, off_t at)
{
	struct disk_file *f = &disk_files[fd];

	disk_writes++;
	if (disk_is_due(&disk_write_fails)) {
		errno = EIO;
		return -1;
	}
	if (disk_writes_left == 0 || (size_t)at + len > DISK_FILE_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (disk_writes_left > 0)
		disk_writes_left--;
	if ((size_t)at > f->now_len)
		memset(f->now + f->now_len, 0, (size_t)at - f->now_len);
	memcpy(f->now + at, from, len);
	if ((size_t)at + len > f->now_len)
		f->now_len = (size_t)at + len;
	return (ssize_t)len;
}

static int disk_sync(int fd)
{
	struct disk_file *f = &disk_files[fd];

	disk_syncs++;
	if (disk_is_due(&disk_sync_fails)) {
		errno = EIO;
		return -1;
	}
	memcpy(f->durable, f->now, f->now_len);
	f->durable_len = f->now_len;
	f->was_cut = false;
	return 0;
}

static int disk_truncate(int fd, off_t len)
{
	struct disk_file *f = &disk_files[fd];

	if ((size_t)len >= f->now_len)
		return 0;
	f->cut_len = f->was_cut && f->cut_len < (size_t)len ? f->cut_len : (size_t)len;
	f->was_cut = true;
	f->now_len = (size_t)len;
	return 0;
}

static off_t disk_size(int fd)
{
	return (off_t)disk_files[fd].now_len;
}

static const struct db_io disk_io = {.read = disk_read,
                                     .write = disk_write,
                                     .sync = disk_sync,
                                     .truncate = disk_truncate,
                                     .size = disk_size};

/* disk_open gives the files of one of two places (0, 1) on the disk. */
static inline struct db_files disk_open(int place)
{
	struct db_files files = {.io = &disk_io, .held_log_max = DISK_FILE_MAX / 6 * 5};

	for (int i = 0; i < DB_FILE_COUNT; i++) {
		struct disk_file *f = &disk_files[place * DB_FILE_COUNT + i];

		files.fds[i] = place * DB_FILE_COUNT + i;
		if (f->now != NULL)
			continue;
		f->now = malloc(DISK_FILE_MAX);
		f->durable = malloc(DISK_FILE_MAX);
		CHECK(f->now != NULL && f->durable != NULL);
	}
	return files;
}

static inline void disk_heal(void)
{
	disk_writes_left = disk_write_fails = disk_sync_fails = -1;
}

static inline void disk_erase(void)
{
	for (int i = 0; i < DISK_FILES; i++)
		disk_files[i] =
		    (struct disk_file){disk_files[i].now, disk_files[i].durable, 0, 0, false, 0};
	disk_heal();
}

/* A snapshot of all files, to damage the same store again and again. */
struct disk_image {
	uint8_t *data[DISK_FILES];
	size_t len[DISK_FILES];
};

static inline struct disk_image disk_save(void)
{
	struct disk_image image = {0};

	for (int i = 0; i < DISK_FILES; i++) {
		image.len[i] = disk_files[i].now_len;
		if (image.len[i] == 0)
			continue;
		image.data[i] = malloc(image.len[i]);
		CHECK(image.data[i] != NULL);
		memcpy(image.data[i], disk_files[i].now, image.len[i]);
	}
	return image;
}

static inline void disk_restore(const struct disk_image *image)
{
	for (int i = 0; i < DISK_FILES; i++) {
		struct disk_file *f = &disk_files[i];

		if (image->len[i] != 0) {
			memcpy(f->now, image->data[i], image->len[i]);
			memcpy(f->durable, image->data[i], image->len[i]);
		}
		f->now_len = f->durable_len = image->len[i];
		f->was_cut = false;
	}
	disk_heal();
}

static inline void disk_discard(struct disk_image *image)
{
	for (int i = 0; i < DISK_FILES; i++)
		free(image->data[i]);
}

static inline void disk_cut_file(struct disk_file *f)
{
	size_t longer, len;

	/* Shortening is one change of the file system: it happened, with all after it perhaps, or
	 * neither did. */
	if (f->was_cut && disk_random() % 2 == 0) {
		memcpy(f->now, f->durable, f->durable_len);
		f->now_len = f->durable_len;
		f->was_cut = false;
		return;
	}
	if (f->was_cut && f->cut_len < f->durable_len)
		f->durable_len = f->cut_len;
	f->was_cut = false;
	longer = f->now_len > f->durable_len ? f->now_len : f->durable_len;
	len = disk_random() % 2 == 0 ? f->durable_len : f->now_len;
	memset(f->now + f->now_len, 0, longer - f->now_len);
	memset(f->durable + f->durable_len, 0, longer - f->durable_len);
	for (size_t at = 0; at < longer; at += DISK_SECTOR)
		if (disk_random() % 2 == 0)
			memcpy(f->now + at, f->durable + at,
			       longer - at < DISK_SECTOR ? longer - at : DISK_SECTOR);
	f->now_len = f->durable_len = len;
	memcpy(f->durable, f->now, len);
}

static inline void disk_cut_power(void)
{
	for (int i = 0; i < DISK_FILES; i++)
		if (disk_files[i].now != NULL)
			disk_cut_file(&disk_files[i]);
	disk_heal();
}

#endif
