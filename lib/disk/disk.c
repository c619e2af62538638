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
#include "base_sha256.h"

#define KIB     UINT64_C(1024)
#define MIB     (UINT64_C(1024) * KIB)
#define LOG_MIN (16 * MIB) /* twice what SQLite lets a log grow to before it is folded in */
#define LOG_MAX (128 * MIB)

#define PATH_BYTES 600
#define ITEM_MAGIC "CITEM001"
#define ITEM_HEAD  64u /* magic, turn, length, SHA-256 of these and the content; zeros */
#define AT_TURN    8u
#define AT_LENGTH  16u
#define AT_HASH    24u

_Static_assert(DISK_ITEM_MAX + ITEM_HEAD == 64 * KIB, "half of the largest region");

/* Everything up to the logs is the same on every disk; SEGMENTS gets what is left. */
static const struct disk_place fixed[DISK_STATE_LOG] = {
    [DISK_SITE] = {0,         128 * KIB},
    [DISK_SEALED_SHARE] = {128 * KIB, 32 * KIB },
    [DISK_APPROVALS] = {160 * KIB, 128 * KIB},
    [DISK_GENESIS] = {288 * KIB, 32 * KIB },
    [DISK_ESCROW] = {320 * KIB, 32 * KIB },
    [DISK_TABLE] = {512 * KIB, 64 * KIB },
    [DISK_STATE_MARK] = {576 * KIB, 4 * KIB  },
    [DISK_SEGMENTS_MARK] = {580 * KIB, 4 * KIB  },
    [DISK_STATE_JOURNAL] = {640 * KIB, 64 * KIB },
    [DISK_SEGMENTS_JOURNAL] = {704 * KIB, 64 * KIB },
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
	uint64_t start = MIB, log, state, rest;

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

enum status disk_move(int fd, uint8_t *bytes, size_t len, uint64_t at, bool write)
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

/* An item is kept in two halves of its region, written in turn. */
struct half {
	uint8_t head[ITEM_HEAD];
	bool is_there; /* it begins as one of ours; whether it is whole, its hash says */
	bool is_unreadable;
	uint64_t turn;
	size_t len;
};

static uint64_t half_at(const struct disk_file *file, unsigned which)
{
	return file->place.at + which * (file->place.len / 2);
}

static void read_half(const struct disk_file *file, unsigned which, struct half *ret_half)
{
	struct half *half = ret_half;

	half->is_unreadable = disk_move(file->fd, half->head, sizeof(half->head),
	                                half_at(file, which), false) != STATUS_OK;
	half->is_there = !half->is_unreadable && memcmp(half->head, ITEM_MAGIC, 8) == 0 &&
	                 load_le64(half->head + AT_LENGTH) <= file->place.len / 2 - ITEM_HEAD;
	half->turn = half->is_there ? load_le64(half->head + AT_TURN) : 0;
	half->len = half->is_there ? (size_t)load_le64(half->head + AT_LENGTH) : 0;
}

static void hash_item(const uint8_t head[ITEM_HEAD], struct bytes content, uint8_t ret_hash[32])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes_of(head, AT_HASH));
	sha256_add(&hash, content);
	sha256_done(&hash, ret_hash);
}

static bool is_blank(const struct half *half)
{
	static const uint8_t zeros[ITEM_HEAD];

	return !half->is_unreadable && memcmp(half->head, zeros, sizeof(zeros)) == 0;
}

/* read_content appends a half's content: CORRUPT when it is not whole, IO when it is not to be
 * read. */
static enum status read_content(const struct disk_file *file, unsigned which,
                                const struct half *half, size_t cap, struct buffer *ret_content)
{
	uint8_t *to = ret_content->data + ret_content->len, hash[32];
	enum status status;

	if (!half->is_there)
		return half->is_unreadable ? STATUS_IO : STATUS_CORRUPT;
	if (half->len > cap || half->len > ret_content->cap - ret_content->len)
		return STATUS_TOO_LARGE;
	status = disk_move(file->fd, to, half->len, half_at(file, which) + ITEM_HEAD, false);
	if (status != STATUS_OK)
		return status;
	hash_item(half->head, bytes_of(to, half->len), hash);
	if (memcmp(hash, half->head + AT_HASH, sizeof(hash)) != 0)
		return STATUS_CORRUPT;
	ret_content->len += half->len;
	return STATUS_OK;
}

/* read_item reads the newer half, or, where a power cut left that torn, the one before. A sector
 * that was being written then may not even be readable: that is no worse than torn. */
static enum status read_item(const struct disk_file *file, size_t cap, struct buffer *ret_content)
{
	struct half halves[2];
	enum status status, other;
	unsigned newer;

	read_half(file, 0, &halves[0]);
	read_half(file, 1, &halves[1]);
	if (is_blank(&halves[0]) && is_blank(&halves[1]))
		return STATUS_OK;
	newer = halves[1].turn > halves[0].turn;
	status = read_content(file, newer, &halves[newer], cap, ret_content);
	if (status != STATUS_CORRUPT && status != STATUS_IO)
		return status;
	other = read_content(file, newer ^ 1, &halves[newer ^ 1], cap, ret_content);
	if (other != STATUS_CORRUPT && other != STATUS_IO)
		return other;
	return status == STATUS_IO || other == STATUS_IO ? STATUS_IO : STATUS_MALFORMED;
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

/* write_item writes the half that does not count, so a power cut leaves the old item or the new
 * one. The half that is damaged goes first. Whole blocks are written: only so the kernel need not
 * read a sector before it writes it, and the disk gives one that was unreadable another place. */
static enum status write_item(const struct disk_file *file, struct bytes content)
{
	static uint8_t space[ITEM_HEAD + DISK_ITEM_MAX];
	struct half halves[2];
	bool is_whole[2];
	unsigned older;
	size_t len = (ITEM_HEAD + content.len + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
	enum status status;

	if (content.len > file->place.len / 2 - ITEM_HEAD)
		return STATUS_TOO_LARGE;
	for (unsigned i = 0; i < 2; i++) {
		struct buffer former = BUFFER_OF_ARRAY(space);

		read_half(file, i, &halves[i]);
		is_whole[i] =
		    read_content(file, i, &halves[i], sizeof(space), &former) == STATUS_OK;
	}
	older = is_whole[0] && (!is_whole[1] || halves[0].turn > halves[1].turn);
	memset(space, 0, len);
	memcpy(space, ITEM_MAGIC, 8);
	store_le64(space + AT_TURN, (is_whole[older ^ 1] ? halves[older ^ 1].turn : 0) + 1);
	store_le64(space + AT_LENGTH, content.len);
	hash_item(space, content, space + AT_HASH);
	if (content.len > 0)
		memcpy(space + ITEM_HEAD, content.data, content.len);
	status = disk_move(file->fd, space, len, half_at(file, older), true);
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

bool disk_share_is_begun(struct bytes content)
{
	return content.len == 0 || (content.len == DISK_SHARE_LEN &&
	                            content.data[DISK_SHARE_LEN - 1] == DISK_SHARE_BEGUN);
}
