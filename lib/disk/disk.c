/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"

#define KIB     UINT64_C(1024)
#define MIB     (UINT64_C(1024) * KIB)
#define LOG_MIN (16 * MIB) /* twice what SQLite lets a log grow to before it is folded in */
#define LOG_MAX (128 * MIB)

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

enum status disk_item(const char *name, enum disk_region *ret_item)
{
	for (unsigned i = 0; i < DISK_ITEM_COUNT; i++) {
		if (strcmp(item_names[i], name) == 0) {
			*ret_item = (enum disk_region)i;
			return STATUS_OK;
		}
	}
	return STATUS_NOT_FOUND;
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

enum status disk_item_read(int fd, enum disk_region item, struct buffer *ret_bytes)
{
	static uint8_t space[DISK_ITEM_MAX];
	size_t len = (size_t)fixed[item].len;
	enum status status;

	CHECK(item < DISK_ITEM_COUNT && len <= sizeof(space));
	status = whole(fd, space, len, fixed[item].at, false);
	while (len > 0 && space[len - 1] == 0)
		len--;
	if (status != STATUS_OK)
		return status;
	return len == 0 ? STATUS_NOT_FOUND : buffer_put(ret_bytes, bytes_of(space, len));
}

enum status disk_item_write(int fd, enum disk_region item, struct bytes bytes)
{
	static uint8_t space[DISK_ITEM_MAX];
	size_t len = (size_t)fixed[item].len;
	enum status status;

	CHECK(item < DISK_ITEM_COUNT && len <= sizeof(space));
	if (bytes.len > len)
		return STATUS_TOO_LARGE;
	if (bytes.len == 0 || bytes.data[bytes.len - 1] == 0)
		return STATUS_MALFORMED;
	memcpy(space, bytes.data, bytes.len);
	memset(space + bytes.len, 0, len - bytes.len);
	status = whole(fd, space, len, fixed[item].at, true);
	return status == STATUS_OK && fdatasync(fd) != 0 ? STATUS_IO : status;
}
