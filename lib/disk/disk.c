/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"

#define KIB     UINT64_C(1024)
#define MIB     (UINT64_C(1024) * KIB)
#define LOG_MIN (16 * MIB) /* twice what SQLite lets a log grow to before it is folded in */
#define LOG_MAX (128 * MIB)

#define PATH_BYTES   600
#define LENGTH_BYTES 4u /* an item begins with its length, little-endian */

/* Everything up to the logs is the same on every disk; SEGMENTS gets what is left. */
static const struct disk_place fixed[DISK_STATE_LOG] = {
    [DISK_SITE] = {0,         64 * KIB},
    [DISK_SEALED_SHARE] = {64 * KIB,  16 * KIB},
    [DISK_APPROVALS] = {80 * KIB,  64 * KIB},
    [DISK_GENESIS] = {144 * KIB, 16 * KIB},
    [DISK_ESCROW] = {160 * KIB, 16 * KIB},
    [DISK_TABLE] = {512 * KIB, 64 * KIB},
    [DISK_STATE_MARK] = {576 * KIB, 4 * KIB },
    [DISK_SEGMENTS_MARK] = {580 * KIB, 4 * KIB },
    [DISK_STATE_JOURNAL] = {640 * KIB, 64 * KIB},
    [DISK_SEGMENTS_JOURNAL] = {704 * KIB, 64 * KIB},
    [DISK_STAGED] = {MIB,       32 * MIB},
};

static const char *const item_names[DISK_ITEM_COUNT] = {
    [DISK_SITE] = "site",           [DISK_SEALED_SHARE] = "sealed-share",
    [DISK_APPROVALS] = "approvals", [DISK_GENESIS] = "genesis",
    [DISK_ESCROW] = "escrow",
};

static uint64_t rounded(uint64_t bytes)
{
	return bytes / MIB * MIB;
}

enum status disk_place(enum disk_region region, uint64_t disk_bytes, struct disk_place *ret_place)
{
	uint64_t start = fixed[DISK_STAGED].at + fixed[DISK_STAGED].len, log, state, rest;

	if (disk_bytes < DISK_BYTES_MIN || disk_bytes > DISK_BYTES_MAX)
		return STATUS_TOO_LARGE;
	CHECK((unsigned)region < DISK_REGION_COUNT);
	if (region < DISK_STATE_LOG) {
		*ret_place = fixed[region];
		return STATUS_OK;
	}
	log = rounded(disk_bytes / 32);
	log = log < LOG_MIN ? LOG_MIN : log > LOG_MAX ? LOG_MAX : log;
	rest = disk_bytes - start - 2 * log;
	state = rounded(rest / 4);
	if (region == DISK_STATE_LOG || region == DISK_SEGMENTS_LOG)
		*ret_place =
		    (struct disk_place){start + (region == DISK_SEGMENTS_LOG ? log : 0), log};
	else if (region == DISK_STATE)
		*ret_place = (struct disk_place){start + 2 * log, state};
	else
		*ret_place = (struct disk_place){start + 2 * log + state,
		                                 (rest - state) / DISK_BLOCK * DISK_BLOCK};
	return STATUS_OK;
}

bool disk_is_device(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISBLK(info.st_mode);
}

enum status disk_open(const char *path, int *ret_fd, uint64_t *ret_bytes)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct stat info;
	uint64_t bytes = 0;

	if (fd < 0)
		return STATUS_IO;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
		bytes = (uint64_t)info.st_size;
	} else if (ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
		close(fd);
		return STATUS_IO;
	}
	if (bytes < DISK_BYTES_MIN || bytes > DISK_BYTES_MAX) {
		close(fd);
		return STATUS_TOO_LARGE;
	}
	*ret_fd = fd;
	*ret_bytes = bytes;
	return STATUS_OK;
}

/* whole moves all of a run to or from the disk. */
static enum status whole(int fd, uint8_t *bytes, size_t len, uint64_t at, bool write)
{
	for (size_t done = 0; done < len;) {
		ssize_t moved = write ? pwrite(fd, bytes + done, len - done, (off_t)(at + done))
		                      : pread(fd, bytes + done, len - done, (off_t)(at + done));

		if (moved < 0 && errno == EINTR)
			continue;
		if (moved <= 0)
			return STATUS_IO;
		done += (size_t)moved;
	}
	return STATUS_OK;
}

struct disk_file disk_file_of(int fd)
{
	return (struct disk_file){.fd = fd};
}

struct disk_file disk_file_item(int fd, enum disk_region item)
{
	CHECK(item < DISK_ITEM_COUNT);
	return (struct disk_file){fd, true, fixed[item]};
}

struct disk_file disk_file_open(const char *state, enum disk_region item, int flags)
{
	char path[PATH_BYTES];
	uint64_t bytes;
	int fd = -1;

	CHECK(item < DISK_ITEM_COUNT);
	if (disk_is_device(state)) {
		if (disk_open(state, &fd, &bytes) != STATUS_OK)
			fd = -1;
		return disk_file_item(fd, item);
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", state, item_names[item]) < sizeof(path))
		fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return disk_file_of(fd);
}

static enum status read_item(const struct disk_file *file, size_t cap, struct buffer *ret_content)
{
	uint8_t head[LENGTH_BYTES];
	size_t len;
	enum status status = whole(file->fd, head, sizeof(head), file->place.at, false);

	if (status != STATUS_OK)
		return status;
	len = load_le32(head);
	if (len > file->place.len - LENGTH_BYTES)
		return STATUS_MALFORMED;
	if (len > cap || len > ret_content->cap - ret_content->len)
		return STATUS_TOO_LARGE;
	status = whole(file->fd, ret_content->data + ret_content->len, len,
	               file->place.at + LENGTH_BYTES, false);
	if (status == STATUS_OK)
		ret_content->len += len;
	return status;
}

enum status disk_file_read(const struct disk_file *file, size_t cap, struct buffer *ret_content)
{
	ssize_t len;
	uint8_t more;

	if (file->fd < 0)
		return STATUS_OK;
	if (file->is_item)
		return read_item(file, cap, ret_content);
	if (cap > ret_content->cap - ret_content->len)
		cap = ret_content->cap - ret_content->len;
	len = pread(file->fd, ret_content->data + ret_content->len, cap, 0);
	if (len < 0)
		return STATUS_IO;
	if ((size_t)len == cap && pread(file->fd, &more, 1, (off_t)cap) == 1)
		return STATUS_TOO_LARGE;
	ret_content->len += (size_t)len;
	return STATUS_OK;
}

/* The content first, then the length that makes it one: a power cut leaves an old or a new item,
 * or, of an item that is replaced by another of the same length, a mixture that its reader refuses.
 */
static enum status write_item(const struct disk_file *file, struct bytes content)
{
	uint8_t head[LENGTH_BYTES] = {(uint8_t)content.len, (uint8_t)(content.len >> 8),
	                              (uint8_t)(content.len >> 16), 0};
	enum status status;

	if (content.len > file->place.len - LENGTH_BYTES)
		return STATUS_TOO_LARGE;
	status = whole(file->fd, (uint8_t *)(uintptr_t)content.data, content.len,
	               file->place.at + LENGTH_BYTES, true);
	if (status == STATUS_OK && fdatasync(file->fd) != 0)
		status = STATUS_IO;
	if (status == STATUS_OK)
		status = whole(file->fd, head, sizeof(head), file->place.at, true);
	return status == STATUS_OK && fdatasync(file->fd) != 0 ? STATUS_IO : status;
}

enum status disk_file_write(const struct disk_file *file, struct bytes content)
{
	if (file->fd < 0)
		return STATUS_IO;
	if (file->is_item)
		return write_item(file, content);
	if (pwrite(file->fd, content.data, content.len, 0) != (ssize_t)content.len ||
	    fsync(file->fd) != 0)
		return STATUS_IO;
	return STATUS_OK;
}
