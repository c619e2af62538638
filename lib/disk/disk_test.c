/* Tests of the data disk's layout and items. Proves parts of DS1 in spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_test.h"

static const uint64_t sizes[] = {DISK_BYTES_MIN, DISK_BYTES_MIN + 4095, UINT64_C(1) << 30,
                                 (UINT64_C(1) << 40) + 512, DISK_BYTES_MAX};

static void test_regions_lie_apart_and_inside_the_disk(void)
{
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct disk_place places[DISK_REGION_COUNT];

		for (unsigned i = 0; i < DISK_REGION_COUNT; i++) {
			EXPECT(disk_place((enum disk_region)i, sizes[s], &places[i]) == STATUS_OK);
			EXPECT(places[i].len >= DISK_BLOCK &&
			       places[i].at + places[i].len <= sizes[s] &&
			       places[i].at % DISK_BLOCK == 0);
			for (unsigned j = 0; j < i; j++)
				EXPECT(places[j].at + places[j].len <= places[i].at ||
				       places[i].at + places[i].len <= places[j].at);
		}
		/* what is not given away is less than a sixteenth */
		EXPECT(places[DISK_SEGMENTS].at + places[DISK_SEGMENTS].len + DISK_BLOCK >
		       sizes[s]);
	}
}

static void test_a_disk_of_another_size_is_refused(void)
{
	struct disk_place place;

	EXPECT(disk_place(DISK_STATE, DISK_BYTES_MIN - 1, &place) == STATUS_TOO_LARGE);
	EXPECT(disk_place(DISK_STATE, DISK_BYTES_MAX + 1, &place) == STATUS_TOO_LARGE);
}

static int make_disk(char path[], uint64_t bytes)
{
	int fd = mkstemp(path);

	EXPECT(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
	close(fd);
	return 0;
}

static void test_items_come_back_without_the_zeros_behind_them(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	static uint8_t space[DISK_ITEM_MAX], content[DISK_ITEM_MAX + 1];
	struct buffer item = BUFFER_OF_ARRAY(space);
	uint64_t bytes = 0;
	int fd = -1;

	make_disk(path, DISK_BYTES_MIN);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_OK && bytes == DISK_BYTES_MIN);
	EXPECT(!disk_is_device(path) && disk_is_device("/dev/null") == false);
	EXPECT(disk_item_read(fd, DISK_APPROVALS, &item) == STATUS_NOT_FOUND);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + 1);
	content[4999] = 9;
	EXPECT(disk_item_write(fd, DISK_APPROVALS, bytes_of(content, 5000)) == STATUS_OK);
	EXPECT(disk_item_read(fd, DISK_APPROVALS, &item) == STATUS_OK && item.len == 5000 &&
	       memcmp(item.data, content, 5000) == 0);
	/* a shorter one leaves nothing of the longer */
	EXPECT(disk_item_write(fd, DISK_APPROVALS, bytes_of(content, 10)) == STATUS_OK);
	item.len = 0;
	EXPECT(disk_item_read(fd, DISK_APPROVALS, &item) == STATUS_OK && item.len == 10);
	item.len = 0;
	EXPECT(disk_item_read(fd, DISK_SEALED_SHARE, &item) == STATUS_NOT_FOUND);
	EXPECT(disk_item_read(fd, DISK_GENESIS, &item) == STATUS_NOT_FOUND);
	EXPECT(disk_item_write(fd, DISK_SITE, bytes_of(content, DISK_ITEM_MAX + 1)) ==
	       STATUS_TOO_LARGE);
	content[9] = 0;
	EXPECT(disk_item_write(fd, DISK_SITE, bytes_of(content, 10)) == STATUS_MALFORMED);
	EXPECT(disk_item_write(fd, DISK_SITE, bytes_of(content, 0)) == STATUS_MALFORMED);
	close(fd);
	unlink(path);
}

static void test_too_small_a_disk_does_not_open(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	uint64_t bytes;
	int fd;

	make_disk(path, DISK_BYTES_MIN - 1);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_TOO_LARGE);
	unlink(path);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_IO);
}

static void test_items_have_the_names_of_the_files_that_they_stand_for(void)
{
	enum disk_region item = DISK_REGION_COUNT;

	EXPECT(disk_item("sealed-share", &item) == STATUS_OK && item == DISK_SEALED_SHARE);
	EXPECT(disk_item("approvals", &item) == STATUS_OK && item == DISK_APPROVALS);
	EXPECT(disk_item("state.db", &item) == STATUS_NOT_FOUND);
}

int main(void)
{
	RUN(test_regions_lie_apart_and_inside_the_disk);
	RUN(test_a_disk_of_another_size_is_refused);
	RUN(test_items_come_back_without_the_zeros_behind_them);
	RUN(test_too_small_a_disk_does_not_open);
	RUN(test_items_have_the_names_of_the_files_that_they_stand_for);
	return test_summary();
}
