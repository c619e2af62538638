/* Tests of the boot disk: what firmware finds on it, and what a power cut leaves. Proves parts of
 * DS4 in spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_test_boot.h"

#include "base_test.h"

static uint8_t images[2][3 * 1024 * 1024], found_bytes[DISK_BOOT_IMAGE_MAX];
static const struct disk_boot_slot first_note = {DISK_BOOT_WHOLE, 1234, {1}};
static const struct disk_boot_slot second_note = {DISK_BOOT_STAGED, 77, {2}};

static void fill(void)
{
	for (size_t i = 0; i < sizeof(images[0]); i++) {
		images[0][i] = (uint8_t)(i * 7 + i / 512);
		images[1][i] = (uint8_t)(i * 5 + i / 512 + 3);
	}
}

static bool holds(int fd, unsigned number, struct bytes image)
{
	struct buffer found = BUFFER_OF_ARRAY(found_bytes);

	return firmware_load(fd, number, &found) && found.len == image.len &&
	       memcmp(found.data, image.data, image.len) == 0;
}

static bool put(struct disk_boot *disk, unsigned slot, struct bytes image)
{
	return disk_boot_put(disk, slot, 0, image) == STATUS_OK &&
	       disk_boot_seal(disk, slot, (uint32_t)image.len) == STATUS_OK;
}

static void test_firmware_finds_the_image_that_was_put(void)
{
	static const size_t lens[] = {1, 511, 512, 513, 65536, 1000003, 3 * 1024 * 1024};

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct bytes image = bytes_of(images[0], lens[i]);
		struct buffer none = BUFFER_OF_ARRAY(found_bytes);
		struct disk_boot disk;
		int fd = cut_disk();

		EXPECT(disk_boot_open(fd, &disk) == STATUS_NOT_FOUND);
		EXPECT(disk_boot_make(fd, 0x12345678, &disk) == STATUS_OK);
		EXPECT(!firmware_load(fd, 1, &none) && !firmware_load(fd, 2, &none));
		EXPECT(put(&disk, 0, image) && holds(fd, 1, image));
		EXPECT(!firmware_load(fd, 2, &none));
		EXPECT(put(&disk, 1, bytes_of(images[1], lens[i])));
		EXPECT(holds(fd, 1, image) && holds(fd, 2, bytes_of(images[1], lens[i])));
		EXPECT(disk_boot_erase(&disk, 1) == STATUS_OK && !firmware_load(fd, 2, &none));
		EXPECT(holds(fd, 1, image));
		close(fd);
	}
}

static void test_the_largest_image_fits(void)
{
	struct disk_boot disk;
	struct buffer found = BUFFER_OF_ARRAY(found_bytes);
	int fd = cut_disk();

	EXPECT(disk_boot_make(fd, 1, &disk) == STATUS_OK);
	EXPECT(disk_boot_put(&disk, 1, DISK_BOOT_IMAGE_MAX - 512, bytes_of(images[0], 512)) ==
	       STATUS_OK);
	EXPECT(disk_boot_seal(&disk, 1, DISK_BOOT_IMAGE_MAX) == STATUS_OK);
	EXPECT(firmware_load(fd, 2, &found) && found.len == DISK_BOOT_IMAGE_MAX);
	EXPECT(memcmp(found.data + DISK_BOOT_IMAGE_MAX - 512, images[0], 512) == 0);
	close(fd);
}

static void test_what_is_noted_comes_back_and_damage_is_said(void)
{
	struct disk_boot disk, again;
	uint8_t byte;
	int fd = cut_disk();

	EXPECT(disk_boot_make(fd, 0xfedcba98, &disk) == STATUS_OK);
	EXPECT(disk_boot_note(&disk, 0, &first_note) == STATUS_OK &&
	       disk_boot_note(&disk, 1, &second_note) == STATUS_OK);
	EXPECT(disk_boot_open(fd, &again) == STATUS_OK && again.usual == 0 &&
	       again.signature == 0xfedcba98);
	EXPECT(memcmp(&again.slots[0], &first_note, sizeof(first_note)) == 0 &&
	       memcmp(&again.slots[1], &second_note, sizeof(second_note)) == 0);
	EXPECT(disk_boot_turn(&disk) == STATUS_OK && disk_boot_open(fd, &again) == STATUS_OK &&
	       again.usual == 1);
	/* every byte of a record that has a meaning */
	for (off_t at = 8 * 512; at < 8 * 512 + 80; at++) {
		EXPECT(pread(fd, &byte, 1, at) == 1);
		byte ^= 1;
		EXPECT(syscall(SYS_pwrite64, fd, &byte, 1, at) == 1);
		EXPECT(disk_boot_open(fd, &again) == STATUS_OK &&
		       again.slots[0].state == DISK_BOOT_DAMAGED &&
		       again.slots[1].state == DISK_BOOT_STAGED);
		byte ^= 1;
		EXPECT(syscall(SYS_pwrite64, fd, &byte, 1, at) == 1);
	}
	/* and of the table, but for the signature that it may have */
	for (off_t at = 0; at < 512; at++) {
		if (at >= 440 && at < 444)
			continue;
		EXPECT(pread(fd, &byte, 1, at) == 1);
		byte ^= 1;
		EXPECT(syscall(SYS_pwrite64, fd, &byte, 1, at) == 1);
		EXPECT(disk_boot_open(fd, &again) == STATUS_NOT_FOUND);
		byte ^= 1;
		EXPECT(syscall(SYS_pwrite64, fd, &byte, 1, at) == 1);
	}
	close(fd);
}

static void test_turning_makes_the_other_one_the_first_partition(void)
{
	struct bytes first = bytes_of(images[0], 70000), second = bytes_of(images[1], 80000);
	struct disk_boot disk;
	int fd = cut_disk();

	EXPECT(disk_boot_make(fd, 5, &disk) == STATUS_OK);
	EXPECT(put(&disk, 0, first) && put(&disk, 1, second));
	EXPECT(disk_boot_turn(&disk) == STATUS_OK && disk.usual == 1);
	EXPECT(holds(fd, 1, second) && holds(fd, 2, first));
	EXPECT(disk_boot_turn(&disk) == STATUS_OK && disk.usual == 0);
	EXPECT(holds(fd, 1, first) && holds(fd, 2, second));
	close(fd);
}

static void test_a_power_cut_while_turning_leaves_one_order_or_the_other(void)
{
	struct bytes first = bytes_of(images[0], 70000), second = bytes_of(images[1], 80000);
	unsigned turned = 0;

	for (unsigned round = 0; round < 40; round++) {
		struct disk_boot disk, again;
		int fd = cut_disk();

		EXPECT(disk_boot_make(fd, 5, &disk) == STATUS_OK);
		EXPECT(put(&disk, 0, first) && put(&disk, 1, second));
		cut_left = 1;
		EXPECT(disk_boot_turn(&disk) == STATUS_IO);
		cut_is_off = false;
		EXPECT(disk_boot_open(fd, &again) == STATUS_OK);
		EXPECT(holds(fd, 1, again.usual == 0 ? first : second));
		turned += again.usual;
		close(fd);
	}
	EXPECT(turned > 0 && turned < 40);
}

int main(void)
{
	fill();
	RUN(test_firmware_finds_the_image_that_was_put);
	RUN(test_the_largest_image_fits);
	RUN(test_what_is_noted_comes_back_and_damage_is_said);
	RUN(test_turning_makes_the_other_one_the_first_partition);
	RUN(test_a_power_cut_while_turning_leaves_one_order_or_the_other);
	return test_summary();
}
