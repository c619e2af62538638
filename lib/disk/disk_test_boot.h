/* disk_test_boot: for tests: a boot disk in a file whose power can be cut, and what firmware would
 * find on it: a reader of FAT32 that knows nothing of how ours is written (Microsoft's "FAT:
 * General Overview of On-Disk Format" 1.03). Defines pwrite and fdatasync for the whole test
 * program. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_TEST_BOOT_H
#define DISK_TEST_BOOT_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base_check.h"
#include "disk_boot.h"

#define CUT_SECTOR    512u
#define CUT_DIRTY_MAX 16384u
#define CUT_RUN_MAX   (300u << 10)

/* Sectors that were written and are not durable, with what was there before. */
static struct {
	uint64_t sector;
	uint8_t before[CUT_SECTOR];
} cut_dirty[CUT_DIRTY_MAX];
static size_t cut_dirty_count;
static int cut_fd = -1;
static unsigned cut_left; /* writes until the power goes; 0: it stays */
static bool cut_is_off;
static unsigned cut_writes; /* so far */

static inline bool cut_chance(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state & 1) != 0;
}

/* cut_power loses each sector that was not durable, or not, as it falls. */
static inline void cut_power(void)
{
	cut_is_off = true;
	for (size_t i = cut_dirty_count; i-- > 0;)
		if (cut_chance())
			CHECK(syscall(SYS_pwrite64, cut_fd, cut_dirty[i].before, CUT_SECTOR,
			              cut_dirty[i].sector * CUT_SECTOR) == (long)CUT_SECTOR);
	cut_dirty_count = 0;
}

/* cut_note keeps what is in sectors that are about to be written. */
static inline void cut_note(uint64_t first, uint64_t last)
{
	static uint8_t before[CUT_RUN_MAX];
	size_t len = (size_t)(last - first + 1) * CUT_SECTOR;

	CHECK(len <= sizeof(before) &&
	      pread(cut_fd, before, len, (off_t)(first * CUT_SECTOR)) == (ssize_t)len);
	for (uint64_t s = first; s <= last; s++, cut_dirty_count++) {
		CHECK(cut_dirty_count < CUT_DIRTY_MAX);
		cut_dirty[cut_dirty_count].sector = s;
		memcpy(cut_dirty[cut_dirty_count].before, before + (s - first) * CUT_SECTOR,
		       CUT_SECTOR);
	}
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	CHECK(fd == cut_fd);
	if (cut_is_off) {
		errno = EIO;
		return -1;
	}
	if (cut_left != 0)
		cut_note((uint64_t)at / CUT_SECTOR, ((uint64_t)at + len - 1) / CUT_SECTOR);
	cut_writes++;
	CHECK(syscall(SYS_pwrite64, fd, bytes, len, at) == (long)len);
	if (cut_left != 0 && --cut_left == 0) {
		cut_power();
		errno = EIO;
		return -1;
	}
	return (ssize_t)len;
}

int fdatasync(int fd)
{
	CHECK(fd == cut_fd);
	if (cut_is_off) {
		errno = EIO;
		return -1;
	}
	cut_dirty_count = 0;
	return 0;
}

/* cut_disk makes a disk in memory that is gone when it is closed. */
static inline int cut_disk(void)
{
	cut_fd = memfd_create("boot-disk", MFD_CLOEXEC);
	CHECK(cut_fd >= 0 && ftruncate(cut_fd, (off_t)DISK_BOOT_BYTES_MIN) == 0);
	return cut_fd;
}

static inline bool firmware_read(int fd, uint64_t sector, void *bytes)
{
	return pread(fd, bytes, CUT_SECTOR, (off_t)(sector * CUT_SECTOR)) == (ssize_t)CUT_SECTOR;
}

struct firmware_volume {
	int fd;
	uint64_t fat, data; /* first sectors */
	uint32_t root, clusters;
};

static inline uint32_t firmware_next(const struct firmware_volume *v, uint32_t cluster)
{
	uint8_t sector[CUT_SECTOR];

	CHECK(cluster >= 2 && cluster < v->clusters + 2);
	CHECK(firmware_read(v->fd, v->fat + cluster / 128, sector));
	return load_le32(sector + cluster % 128 * 4) & UINT32_C(0x0fffffff);
}

/* firmware_find looks for a name in the directory at `cluster`; false when it has none. */
static inline bool firmware_find(const struct firmware_volume *v, uint32_t cluster,
                                 const char name[11], uint32_t *ret_cluster, uint32_t *ret_len)
{
	uint8_t sector[CUT_SECTOR];

	for (; cluster < UINT32_C(0x0ffffff8); cluster = firmware_next(v, cluster)) {
		CHECK(firmware_read(v->fd, v->data + cluster - 2, sector));
		for (uint8_t *entry = sector; entry < sector + CUT_SECTOR && entry[0] != 0;
		     entry += 32) {
			if (memcmp(entry, name, 11) != 0 || (entry[11] & 0x08) != 0)
				continue;
			*ret_cluster =
			    (uint32_t)load_le16(entry + 20) << 16 | load_le16(entry + 26);
			*ret_len = load_le32(entry + 28);
			return true;
		}
	}
	return false;
}

/* firmware_load reads \EFI\BOOT\BOOTX64.EFI of partition `number` (from 1); false when there is no
 * partition table, no file system, or no such file. */
static inline bool firmware_load(int fd, unsigned number, struct buffer *ret_file)
{
	uint8_t table[CUT_SECTOR], boot[CUT_SECTOR], sector[CUT_SECTOR];
	const uint8_t *entry = table + 446 + 16 * (number - 1);
	struct firmware_volume v = {.fd = fd};
	uint32_t cluster, len, first, sectors;

	ret_file->len = 0;
	if (!firmware_read(fd, 0, table) || load_le16(table + 510) != 0xaa55 || entry[4] != 0xef)
		return false;
	first = load_le32(entry + 8);
	if (!firmware_read(fd, first, boot) || load_le16(boot + 510) != 0xaa55 ||
	    load_le16(boot + 11) != CUT_SECTOR || memcmp(boot + 82, "FAT32   ", 8) != 0)
		return false;
	sectors = load_le32(boot + 32);
	CHECK(boot[13] == 1 && sectors == load_le32(entry + 12));
	v.fat = first + load_le16(boot + 14);
	v.data = v.fat + (uint64_t)boot[16] * load_le32(boot + 36);
	v.clusters = sectors - (uint32_t)(v.data - first);
	CHECK(v.clusters >= 65525 && (v.clusters + 2) * 4 <= load_le32(boot + 36) * CUT_SECTOR);
	cluster = load_le32(boot + 44);
	if (!firmware_find(&v, cluster, "EFI        ", &cluster, &len) ||
	    !firmware_find(&v, cluster, "BOOT       ", &cluster, &len) ||
	    !firmware_find(&v, cluster, "BOOTX64 EFI", &cluster, &len))
		return false;
	for (; cluster < UINT32_C(0x0ffffff8); cluster = firmware_next(&v, cluster)) {
		CHECK(len > ret_file->len && firmware_read(fd, v.data + cluster - 2, sector));
		CHECK(buffer_put(ret_file, bytes_of(sector, len - ret_file->len < CUT_SECTOR
		                                                ? len - ret_file->len
		                                                : CUT_SECTOR)) == STATUS_OK);
	}
	CHECK(ret_file->len == len);
	return true;
}

#endif
