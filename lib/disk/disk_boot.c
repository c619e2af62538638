/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_boot.h"

#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_sha256.h"
#include "disk.h"

/* The disk, in sectors: partition table, records, slots. */
#define RECORD_AT(slot) (8u + 8u * (slot))
#define SLOT_SECTORS    (DISK_BOOT_SLOT_BYTES / DISK_BOOT_SECTOR)
#define FIRST_SLOT      2048u

/* The partition table (UEFI 2.10 section 5.2.1). */
#define TABLE_TEXT      "claviger boot disk 1\n"
#define AT_TEXT         8u
#define AT_SIGNATURE    440u
#define AT_ENTRIES      446u
#define ENTRY_LEN       16u
#define AT_END          510u
#define TYPE_EFI_SYSTEM 0xef

/* A slot, in sectors of its own: FAT32 with clusters of one sector. Everything lies where it always
 * does; the image is one run of clusters. */
#define FATS           2u
#define FAT_SECTORS    993u
#define DATA_AT        4096u /* cluster 2 */
#define RESERVED       (DATA_AT - FATS * FAT_SECTORS)
#define INFO_AT        1u
#define BACKUP_AT      6u
#define ROOT_CLUSTER   2u
#define EFI_CLUSTER    3u
#define BOOT_CLUSTER   4u
#define IMAGE_CLUSTER  10u /* so that the image begins at a multiple of 4 KiB */
#define IMAGE_AT       (DATA_AT + IMAGE_CLUSTER - 2u)
#define LAST           UINT32_C(0x0fffffff) /* of a chain of clusters */
#define DIRECTORY      0x10
#define FILE_ATTRIBUTE 0x20
#define LABEL          0x08
#define DATE_1980      0x0021

#define RECORD_MAGIC "CSLOT001"
#define RECORD_LEN   48u /* what its hash is over */
#define RUN_SECTORS  64u

_Static_assert((SLOT_SECTORS - DATA_AT + 2) * 4 <= FAT_SECTORS * DISK_BOOT_SECTOR &&
                   SLOT_SECTORS - DATA_AT >= 65525,
               "the table has a row for each cluster, and they are as many as FAT32 has");
_Static_assert(IMAGE_AT + DISK_BOOT_IMAGE_MAX / DISK_BOOT_SECTOR <= SLOT_SECTORS,
               "the largest image fits");
_Static_assert((FIRST_SLOT + DISK_BOOT_SLOTS * SLOT_SECTORS) * UINT64_C(512) == DISK_BOOT_BYTES_MIN,
               "slots fill the smallest disk");

static enum status write_durably(int fd, uint8_t *bytes, size_t len, uint64_t at)
{
	enum status status = disk_move(fd, bytes, len, at, true);

	return status == STATUS_OK && fdatasync(fd) != 0 ? STATUS_IO : status;
}

uint32_t disk_boot_first(unsigned slot)
{
	CHECK(slot < DISK_BOOT_SLOTS);
	return FIRST_SLOT + slot * SLOT_SECTORS;
}

static uint64_t sector_at(unsigned slot, uint32_t sector)
{
	return (uint64_t)(disk_boot_first(slot) + sector) * DISK_BOOT_SECTOR;
}

/* ---- partition table and records ---- */

static void put_table(uint32_t signature, unsigned usual, uint8_t ret_sector[DISK_BOOT_SECTOR])
{
	memset(ret_sector, 0, DISK_BOOT_SECTOR);
	memcpy(ret_sector + AT_TEXT, TABLE_TEXT, sizeof(TABLE_TEXT) - 1);
	store_le32(ret_sector + AT_SIGNATURE, signature);
	for (unsigned i = 0; i < DISK_BOOT_SLOTS; i++) {
		uint8_t *entry = ret_sector + AT_ENTRIES + i * ENTRY_LEN;

		/* No firmware asks for cylinders; these say "look at the sectors". */
		memcpy(entry, "\x00\xfe\xff\xff", 4);
		memcpy(entry + 4, "\xef\xfe\xff\xff", 4);
		entry[4] = TYPE_EFI_SYSTEM;
		store_le32(entry + 8, disk_boot_first(i ^ usual));
		store_le32(entry + 12, SLOT_SECTORS);
	}
	memcpy(ret_sector + AT_END, "\x55\xaa", 2);
}

static void take_record(int fd, unsigned slot, struct disk_boot_slot *ret_slot)
{
	uint8_t sector[DISK_BOOT_SECTOR], hash[32];

	*ret_slot = (struct disk_boot_slot){.state = DISK_BOOT_DAMAGED};
	if (disk_move(fd, sector, sizeof(sector), RECORD_AT(slot) * UINT64_C(512), false) !=
	    STATUS_OK)
		return;
	sha256_of(bytes_of(sector, RECORD_LEN), hash);
	if (memcmp(sector, RECORD_MAGIC, 8) != 0 || memcmp(sector + RECORD_LEN, hash, 32) != 0 ||
	    load_le32(sector + 12) >= DISK_BOOT_STATE_COUNT ||
	    load_le32(sector + 8) > DISK_BOOT_IMAGE_MAX)
		return;
	ret_slot->image_len = load_le32(sector + 8);
	ret_slot->state = (enum disk_boot_state)load_le32(sector + 12);
	memcpy(ret_slot->pcr, sector + 16, 32);
}

enum status disk_boot_note(struct disk_boot *disk, unsigned slot, const struct disk_boot_slot *note)
{
	uint8_t sector[DISK_BOOT_SECTOR] = RECORD_MAGIC;

	CHECK(slot < DISK_BOOT_SLOTS);
	store_le32(sector + 8, note->image_len);
	store_le32(sector + 12, (uint32_t)note->state);
	memcpy(sector + 16, note->pcr, 32);
	sha256_of(bytes_of(sector, RECORD_LEN), sector + RECORD_LEN);
	disk->slots[slot] = *note;
	return write_durably(disk->fd, sector, sizeof(sector), RECORD_AT(slot) * UINT64_C(512));
}

enum status disk_boot_open(int fd, struct disk_boot *ret_disk)
{
	uint8_t sector[DISK_BOOT_SECTOR], wanted[DISK_BOOT_SECTOR];
	struct disk_boot disk = {.fd = fd};

	if (disk_move(fd, sector, sizeof(sector), 0, false) != STATUS_OK)
		return STATUS_IO;
	disk.signature = load_le32(sector + AT_SIGNATURE);
	for (disk.usual = 0; disk.usual < DISK_BOOT_SLOTS; disk.usual++) {
		put_table(disk.signature, disk.usual, wanted);
		if (memcmp(sector, wanted, sizeof(wanted)) == 0)
			break;
	}
	if (disk.usual == DISK_BOOT_SLOTS)
		return STATUS_NOT_FOUND;
	for (unsigned i = 0; i < DISK_BOOT_SLOTS; i++)
		take_record(fd, i, &disk.slots[i]);
	*ret_disk = disk;
	return STATUS_OK;
}

enum status disk_boot_make(int fd, uint32_t signature, struct disk_boot *ret_disk)
{
	uint8_t sector[DISK_BOOT_SECTOR];
	struct disk_boot disk = {.fd = fd, .signature = signature};
	enum status status = STATUS_OK;

	for (unsigned i = 0; status == STATUS_OK && i < DISK_BOOT_SLOTS; i++)
		status = disk_boot_erase(&disk, i);
	put_table(signature, 0, sector);
	if (status == STATUS_OK)
		status = write_durably(fd, sector, sizeof(sector), 0);
	if (status == STATUS_OK)
		*ret_disk = disk;
	return status;
}

enum status disk_boot_turn(struct disk_boot *disk)
{
	uint8_t sector[DISK_BOOT_SECTOR];
	enum status status;

	put_table(disk->signature, disk->usual ^ 1, sector);
	status = write_durably(disk->fd, sector, sizeof(sector), 0);
	if (status == STATUS_OK)
		disk->usual ^= 1;
	return status;
}

/* ---- the file system ---- */

static void put_boot_sector(uint8_t *sector)
{
	memcpy(sector,
	       "\xeb\x58\x90"
	       "claviger",
	       11);
	store_le16(sector + 11, DISK_BOOT_SECTOR);
	sector[13] = 1; /* sectors of a cluster */
	store_le16(sector + 14, RESERVED);
	sector[16] = FATS;
	sector[21] = 0xf8;
	store_le16(sector + 24, 63);
	store_le16(sector + 26, 255);
	store_le32(sector + 32, SLOT_SECTORS);
	store_le32(sector + 36, FAT_SECTORS);
	store_le32(sector + 44, ROOT_CLUSTER);
	store_le16(sector + 48, INFO_AT);
	store_le16(sector + 50, BACKUP_AT);
	sector[64] = 0x80;
	sector[66] = 0x29;
	memcpy(sector + 71, "CLAVIGER   FAT32   ", 19);
	memcpy(sector + AT_END, "\x55\xaa", 2);
}

static void put_info_sector(uint8_t *sector)
{
	memcpy(sector, "RRaA", 4);
	memcpy(sector + 484, "rrAa\xff\xff\xff\xff\xff\xff\xff\xff", 12); /* free: not counted */
	memcpy(sector + AT_END, "\x55\xaa", 2);
}

static void put_fat_sector(uint32_t number, uint32_t clusters, uint8_t *sector)
{
	for (uint32_t i = 0; i < DISK_BOOT_SECTOR / 4; i++) {
		uint32_t cluster = number * (DISK_BOOT_SECTOR / 4) + i, next = 0;

		if (cluster == 0)
			next = UINT32_C(0x0ffffff8);
		else if (cluster <= BOOT_CLUSTER || cluster == IMAGE_CLUSTER + clusters - 1)
			next = LAST;
		else if (cluster >= IMAGE_CLUSTER && cluster < IMAGE_CLUSTER + clusters)
			next = cluster + 1;
		store_le32(sector + 4 * i, next);
	}
}

static void put_entry(uint8_t *entry, const char name[11], uint8_t attributes, uint32_t cluster,
                      uint32_t len)
{
	memcpy(entry, name, 11);
	entry[11] = attributes;
	store_le16(entry + 16, DATE_1980);
	store_le16(entry + 18, DATE_1980);
	store_le16(entry + 20, (uint16_t)(cluster >> 16));
	store_le16(entry + 24, DATE_1980);
	store_le16(entry + 26, (uint16_t)cluster);
	store_le32(entry + 28, len);
}

static void put_directory(uint32_t cluster, uint32_t image_len, uint8_t *sector)
{
	if (cluster == ROOT_CLUSTER) {
		put_entry(sector, "CLAVIGER   ", LABEL, 0, 0);
		put_entry(sector + 32, "EFI        ", DIRECTORY, EFI_CLUSTER, 0);
	} else if (cluster == EFI_CLUSTER) {
		put_entry(sector, ".          ", DIRECTORY, EFI_CLUSTER, 0);
		put_entry(sector + 32, "..         ", DIRECTORY, 0, 0);
		put_entry(sector + 64, "BOOT       ", DIRECTORY, BOOT_CLUSTER, 0);
	} else if (cluster == BOOT_CLUSTER) {
		put_entry(sector, ".          ", DIRECTORY, BOOT_CLUSTER, 0);
		put_entry(sector + 32, "..         ", DIRECTORY, EFI_CLUSTER, 0);
		put_entry(sector + 64, "BOOTX64 EFI", FILE_ATTRIBUTE, IMAGE_CLUSTER, image_len);
	}
}

/* put_sector is any sector of a slot before the image. */
static void put_sector(uint32_t number, uint32_t image_len, uint8_t sector[DISK_BOOT_SECTOR])
{
	uint32_t clusters = (image_len + DISK_BOOT_SECTOR - 1) / DISK_BOOT_SECTOR;

	memset(sector, 0, DISK_BOOT_SECTOR);
	if (number == 0 || number == BACKUP_AT)
		put_boot_sector(sector);
	else if (number == INFO_AT || number == BACKUP_AT + INFO_AT)
		put_info_sector(sector);
	else if (number >= DATA_AT)
		put_directory(number - DATA_AT + 2, image_len, sector);
	else if (number >= RESERVED)
		put_fat_sector((number - RESERVED) % FAT_SECTORS, clusters, sector);
}

enum status disk_boot_seal(const struct disk_boot *disk, unsigned slot, uint32_t image_len)
{
	uint8_t run[RUN_SECTORS * DISK_BOOT_SECTOR], first[DISK_BOOT_SECTOR];
	enum status status = STATUS_OK;

	CHECK(image_len > 0 && image_len <= DISK_BOOT_IMAGE_MAX);
	/* The first sector last: before it there is no file system. */
	for (uint32_t at = 1, count; status == STATUS_OK && at < IMAGE_AT; at += count) {
		count = IMAGE_AT - at < RUN_SECTORS ? IMAGE_AT - at : RUN_SECTORS;
		for (uint32_t i = 0; i < count; i++)
			put_sector(at + i, image_len, run + (size_t)i * DISK_BOOT_SECTOR);
		status = disk_move(disk->fd, run, (size_t)count * DISK_BOOT_SECTOR,
		                   sector_at(slot, at), true);
	}
	if (status == STATUS_OK)
		status = disk_boot_sync(disk);
	put_sector(0, image_len, first);
	return status == STATUS_OK
	           ? write_durably(disk->fd, first, sizeof(first), sector_at(slot, 0))
	           : status;
}

enum status disk_boot_erase(struct disk_boot *disk, unsigned slot)
{
	const struct disk_boot_slot empty = {.state = DISK_BOOT_EMPTY};
	uint8_t zeros[8 * DISK_BOOT_SECTOR] = {0};
	enum status status = disk_boot_note(disk, slot, &empty);

	return status == STATUS_OK
	           ? write_durably(disk->fd, zeros, sizeof(zeros), sector_at(slot, 0))
	           : status;
}

/* ---- the image ---- */

static uint64_t piece_at(unsigned slot, uint32_t at, size_t len)
{
	CHECK(at <= DISK_BOOT_IMAGE_MAX && len <= DISK_BOOT_IMAGE_MAX - at);
	return sector_at(slot, IMAGE_AT) + at;
}

enum status disk_boot_put(const struct disk_boot *disk, unsigned slot, uint32_t at,
                          struct bytes piece)
{
	return disk_move(disk->fd, (uint8_t *)(uintptr_t)piece.data, piece.len,
	                 piece_at(slot, at, piece.len), true);
}

enum status disk_boot_get(const struct disk_boot *disk, unsigned slot, uint32_t at,
                          uint8_t *ret_piece, uint32_t len)
{
	return disk_move(disk->fd, ret_piece, len, piece_at(slot, at, len), false);
}

enum status disk_boot_sync(const struct disk_boot *disk)
{
	if (fdatasync(disk->fd) != 0)
		return STATUS_IO;
	/* Speed and honesty of a later read, no more: a refusal is no fault. */
	(void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
	return STATUS_OK;
}
