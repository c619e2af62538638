/* disk: the appliance's data disk: one block device, no file system, regions at fixed places.
 *
 * The disk is hostile by assumption: whoever has it may change every byte. So nothing here vouches
 * for a content; each region's reader checks its own. What is laid out is only where things are
 * (spec/disk.md). Items are small files by another name: their bytes, and zeros behind them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_H
#define DISK_H

#include "base_bytes.h"

#define DISK_BYTES_MIN  (UINT64_C(128) << 20)
#define DISK_BYTES_MAX  (UINT64_C(1) << 46)
#define DISK_ITEM_MAX   65536u
#define DISK_BLOCK      4096u
#define DISK_TABLE_ROWS 8u

enum disk_region {
	DISK_SITE,         /* the site manifest (spec/site.md) */
	DISK_SEALED_SHARE, /* the unsealer's files (spec/sealing.md) */
	DISK_APPROVALS,
	DISK_GENESIS,
	DISK_ESCROW,
	DISK_ITEM_COUNT,
	DISK_TABLE = DISK_ITEM_COUNT, /* lengths of the store's regions (lib/db/db_disk) */
	DISK_STATE_MARK,
	DISK_SEGMENTS_MARK,
	DISK_STATE_JOURNAL,
	DISK_SEGMENTS_JOURNAL,
	DISK_STAGED, /* an image that waits for the next start */
	DISK_STATE_LOG,
	DISK_SEGMENTS_LOG,
	DISK_STATE,
	DISK_SEGMENTS,
	DISK_REGION_COUNT
};

struct disk_place {
	uint64_t at, len;
};

/* disk_place says where a region lies on a disk of `disk_bytes`; TOO_LARGE when the disk is smaller
 * than DISK_BYTES_MIN or larger than DISK_BYTES_MAX. */
MUST_USE enum status disk_place(enum disk_region region, uint64_t disk_bytes,
                                struct disk_place *ret_place);

/* disk_item finds an item by its file name ("approvals"); NOT_FOUND. */
MUST_USE enum status disk_item(const char *name, enum disk_region *ret_item);

/* disk_is_device tells whether a path names a block device. */
bool disk_is_device(const char *path);
/* disk_open opens a disk for reading and writing and asks its size; IO, TOO_LARGE. */
MUST_USE enum status disk_open(const char *path, int *ret_fd, uint64_t *ret_bytes);

/* disk_item_read appends an item without the zeros behind it; NOT_FOUND when it is all zeros. */
MUST_USE enum status disk_item_read(int fd, enum disk_region item, struct buffer *ret_bytes);
/* disk_item_write replaces an item and returns when it is durable. TOO_LARGE; MALFORMED when the
 * bytes end in a zero or there are none: they could not be told from what is behind them. */
MUST_USE enum status disk_item_write(int fd, enum disk_region item, struct bytes bytes);

#endif
