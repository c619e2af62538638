/* disk: the appliance's data disk: one block device, no file system, regions at fixed places.
 *
 * The disk is hostile by assumption: whoever has it may change every byte. So nothing here vouches
 * for a content; each region's reader checks its own. What is laid out is only where things are
 * (spec/disk.md). Items are small files by another name. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_H
#define DISK_H

#include "base_bytes.h"

#define DISK_BYTES_MIN  (UINT64_C(128) << 20)
#define DISK_BYTES_MAX  (UINT64_C(1) << 46)
#define DISK_ITEM_MAX   65472u /* half of the largest region, without its head */
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

/* disk_is_device tells whether a path names a block device. */
bool disk_is_device(const char *path);
/* disk_open opens a disk for reading and writing and asks its size; IO, TOO_LARGE. */
MUST_USE enum status disk_open(const char *path, int *ret_fd, uint64_t *ret_bytes);
/* disk_move reads or writes all of a run, or says IO: what part of it was moved is not known. */
MUST_USE enum status disk_move(int fd, uint8_t *bytes, size_t len, uint64_t at, bool write);

/* A small file: a whole file of a folder, or an item of the disk. */
struct disk_file {
	int fd; /* -1: there is none */
	bool is_item;
	struct disk_place place;
};

/* disk_file_of is the file behind a descriptor, disk_file_item an item of an open disk. */
struct disk_file disk_file_of(int fd);
struct disk_file disk_file_item(int fd, enum disk_region item);
/* disk_file_open opens the file of an item's name in a state folder with these flags (mode 0600),
 * or that item when `state` is the data disk; fd is -1 when it cannot. */
struct disk_file disk_file_open(const char *state, enum disk_region item, int flags);
/* disk_file_read appends the content, at most `cap` bytes: TOO_LARGE; nothing when there is none.
 * MALFORMED, IO: an item of which no half is whole; IO: and one is not to be read. */
MUST_USE enum status disk_file_read(const struct disk_file *file, size_t cap,
                                    struct buffer *ret_content);
/* disk_file_write replaces the content (of a file that is not longer) and returns when it is
 * durable; a power cut leaves an item as it was or as it shall be. */
MUST_USE enum status disk_file_write(const struct disk_file *file, struct bytes content);

/* What genesis writes to `sealed-share` has this length, and its last byte says whether genesis is
 * over: it changes alone, so no power cut leaves anything between. */
#define DISK_SHARE_LEN   4096u
#define DISK_SHARE_BEGUN 1

/* disk_share_is_begun: there is no share, or one on which nothing was begun, since genesis did not
 * end: genesis may write it. */
bool disk_share_is_begun(struct bytes content);

#endif
