/* disk_boot: the appliance's boot disk: two slots, each a FAT file system that holds one image as
 * what firmware starts by itself (spec/disk.md). Nothing here reads a file system: around an image
 * of a known length it is always the same, and is written as blocks.
 *
 * Firmware starts the first partition's image; a staged one is tried once, by a boot option of its
 * own (efi_option_put). Which slot is the first partition's stands in one sector, so turning is
 * one write, and a power cut leaves the former order or the new one. The disk is hostile by
 * assumption: what is read here chooses nothing but where is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DISK_BOOT_H
#define DISK_BOOT_H

#include "base_bytes.h"

#define DISK_BOOT_SECTOR     512u
#define DISK_BOOT_SLOTS      2u
#define DISK_BOOT_SLOT_BYTES (UINT32_C(64) << 20)
#define DISK_BOOT_BYTES_MIN  ((UINT64_C(1) << 20) + UINT64_C(2) * DISK_BOOT_SLOT_BYTES)
#define DISK_BOOT_IMAGE_MAX  (UINT32_C(32) << 20)

enum disk_boot_state {
	DISK_BOOT_EMPTY = 0,
	DISK_BOOT_WHOLE = 1,   /* an image that may be started */
	DISK_BOOT_STAGED = 2,  /* one that is to be tried at the next start */
	DISK_BOOT_FAILED = 3,  /* one that was tried and did not come to serve */
	DISK_BOOT_STATE_COUNT, /* of those that a record may name */
	DISK_BOOT_DAMAGED = DISK_BOOT_STATE_COUNT, /* the record cannot be read */
};

struct disk_boot_slot {
	enum disk_boot_state state;
	uint32_t image_len;
	uint8_t pcr[32]; /* PCR 4 of a start of it */
};

struct disk_boot {
	int fd;
	uint32_t signature; /* of the partition table */
	unsigned usual;     /* the slot that firmware starts by itself */
	struct disk_boot_slot slots[DISK_BOOT_SLOTS];
};

/* disk_boot_open looks at an open disk: NOT_FOUND when it is none of these. The descriptor stays
 * the caller's. */
MUST_USE enum status disk_boot_open(int fd, struct disk_boot *ret_disk);
/* disk_boot_make writes the partition table of a new boot disk, both slots empty. */
MUST_USE enum status disk_boot_make(int fd, uint32_t signature, struct disk_boot *ret_disk);

/* disk_boot_erase makes a slot one that firmware cannot start. It is durable then, as in all that
 * follows but _put. */
MUST_USE enum status disk_boot_erase(struct disk_boot *disk, unsigned slot);
/* disk_boot_put and _get write and read a piece of a slot's image; _sync makes what was put
 * durable, and has _get read it from the disk itself. */
MUST_USE enum status disk_boot_put(const struct disk_boot *disk, unsigned slot, uint32_t at,
                                   struct bytes piece);
MUST_USE enum status disk_boot_get(const struct disk_boot *disk, unsigned slot, uint32_t at,
                                   uint8_t *ret_piece, uint32_t len);
MUST_USE enum status disk_boot_sync(const struct disk_boot *disk);
/* disk_boot_seal writes the file system around an image of this length. */
MUST_USE enum status disk_boot_seal(const struct disk_boot *disk, unsigned slot,
                                    uint32_t image_len);
/* disk_boot_note keeps what a slot holds. */
MUST_USE enum status disk_boot_note(struct disk_boot *disk, unsigned slot,
                                    const struct disk_boot_slot *note);
/* disk_boot_turn makes the other slot the usual one. */
MUST_USE enum status disk_boot_turn(struct disk_boot *disk);
/* disk_boot_first is the first sector of a slot. */
uint32_t disk_boot_first(unsigned slot);

#endif
