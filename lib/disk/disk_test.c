/* Tests of the data disk's layout and items. Proves parts of DS1 in spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base_test.h"

/* Blocks that cannot be read: in place of libc's, as a kernel does on a disk with such sectors. A
 * write mends a block that it covers, and one that covers a part of it has to read it first. */
#define BAD_MAX 2u
static uint64_t bad[BAD_MAX]; /* their places; 0: none */

static bool meets_bad(size_t len, off_t at, bool mends)
{
	for (unsigned i = 0; i < BAD_MAX; i++) {
		if (bad[i] == 0 || (uint64_t)at >= bad[i] + DISK_BLOCK ||
		    (uint64_t)at + len <= bad[i])
			continue;
		if (!mends || (uint64_t)at > bad[i] || (uint64_t)at + len < bad[i] + DISK_BLOCK)
			return true;
		bad[i] = 0;
	}
	return false;
}

ssize_t pread(int fd, void *to, size_t len, off_t at)
{
	if (!meets_bad(len, at, false))
		return syscall(SYS_pread64, fd, to, len, at);
	errno = EIO;
	return -1;
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
	if (!meets_bad(len, at, true))
		return syscall(SYS_pwrite64, fd, from, len, at);
	errno = EIO;
	return -1;
}

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

static void test_items_come_back_as_they_were_written(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	static uint8_t space[DISK_ITEM_MAX], content[DISK_ITEM_MAX + 1];
	struct buffer item = BUFFER_OF_ARRAY(space);
	struct disk_file approvals, sealed, genesis;
	uint64_t bytes = 0;
	int fd = -1;

	make_disk(path, DISK_BYTES_MIN);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_OK && bytes == DISK_BYTES_MIN);
	EXPECT(!disk_is_device(path) && !disk_is_device("/dev/null"));
	approvals = disk_file_item(fd, DISK_APPROVALS);
	sealed = disk_file_item(fd, DISK_SEALED_SHARE);
	EXPECT(disk_file_read(&approvals, DISK_ITEM_MAX, &item) == STATUS_OK && item.len == 0);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (uint8_t)(i * 7 + 1);
	content[4999] = 0; /* zeros at its end are the item's own */
	EXPECT(disk_file_write(&approvals, bytes_of(content, 5000)) == STATUS_OK);
	EXPECT(disk_file_read(&approvals, 5000, &item) == STATUS_OK && item.len == 5000 &&
	       memcmp(item.data, content, 5000) == 0);
	item.len = 0;
	EXPECT(disk_file_read(&approvals, 4999, &item) == STATUS_TOO_LARGE && item.len == 0);
	EXPECT(disk_file_write(&approvals, bytes_of(content, 10)) == STATUS_OK);
	EXPECT(disk_file_read(&approvals, 5000, &item) == STATUS_OK && item.len == 10);
	item.len = 0;
	EXPECT(disk_file_read(&sealed, 5000, &item) == STATUS_OK && item.len == 0);
	EXPECT(disk_file_write(&sealed, bytes_of(content, 16 * 1024 - 63)) == STATUS_TOO_LARGE);
	EXPECT(disk_file_write(&sealed, bytes_of(content, 16 * 1024 - 64)) == STATUS_OK);
	/* what begins as nothing of ours */
	EXPECT(pwrite(fd, "somebody's", 10, 288 * 1024) == 10);
	genesis = disk_file_item(fd, DISK_GENESIS);
	EXPECT(disk_file_read(&genesis, DISK_ITEM_MAX, &item) == STATUS_MALFORMED);
	close(fd);
	unlink(path);
}

/* A power cut leaves any of the sectors that were being written as they were. */
static void test_a_write_that_is_torn_leaves_the_item_as_it_was(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	static uint8_t space[DISK_ITEM_MAX], before[128 * 1024], after[128 * 1024];
	const uint64_t at = 160 * 1024; /* approvals */
	unsigned old = 0, young = 0;
	uint64_t bytes = 0;
	int fd = -1;

	make_disk(path, DISK_BYTES_MIN);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_OK);
	for (unsigned round = 0; round < 30; round++) {
		struct disk_file file = disk_file_item(fd, DISK_APPROVALS);
		struct buffer item = BUFFER_OF_ARRAY(space);
		uint8_t content[3000];

		memset(content, (int)round, sizeof(content));
		EXPECT(pread(fd, before, sizeof(before), at) == sizeof(before));
		EXPECT(disk_file_write(&file, BYTES_OF_ARRAY(content)) == STATUS_OK);
		if (round == 0)
			continue;
		EXPECT(pread(fd, after, sizeof(after), at) == sizeof(after));
		for (size_t lost = 0; lost < sizeof(after); lost += 512) {
			if (memcmp(before + lost, after + lost, 512) == 0)
				continue;
			EXPECT(pwrite(fd, before + lost, 512, (off_t)(at + lost)) == 512);
			item.len = 0;
			EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_OK &&
			       item.len == sizeof(content) && item.data[0] == round - 1 &&
			       item.data[item.len - 1] == round - 1);
			old++;
			EXPECT(pwrite(fd, after + lost, 512, (off_t)(at + lost)) == 512);
		}
		item.len = 0;
		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_OK &&
		       item.data[0] == round);
		young++;
	}
	EXPECT(old >= 29 * 5 && young == 29);
	/* both halves damaged is no item, and not "none" either */
	EXPECT(pwrite(fd, "x", 1, (off_t)at + 30) == 1 &&
	       pwrite(fd, "x", 1, (off_t)at + 64 * 1024 + 30) == 1);
	{
		struct disk_file file = disk_file_item(fd, DISK_APPROVALS);
		struct buffer item = BUFFER_OF_ARRAY(space);

		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_MALFORMED &&
		       item.len == 0);
		/* and can be written again */
		EXPECT(disk_file_write(&file, bytes_of_text("anew")) == STATUS_OK &&
		       disk_file_read(&file, sizeof(space), &item) == STATUS_OK && item.len == 4);
	}
	close(fd);
	unlink(path);
}

/* A power cut may leave a sector that was being written unreadable. */
static void test_a_half_that_cannot_be_read_costs_neither_the_item_nor_its_repair(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	static uint8_t space[DISK_ITEM_MAX], content[9000];
	const uint64_t at = 160 * 1024, half = 64 * 1024; /* approvals */
	unsigned cases = 0;
	uint64_t bytes = 0;
	int fd = -1;

	make_disk(path, DISK_BYTES_MIN);
	EXPECT(disk_open(path, &fd, &bytes) == STATUS_OK);
	for (unsigned round = 1; round <= 24; round++) {
		struct disk_file file = disk_file_item(fd, DISK_APPROVALS);
		struct buffer item = BUFFER_OF_ARRAY(space);
		unsigned newer = round % 2 == 0, which = round / 2 % 2; /* which is hurt */

		memset(content, (int)round, sizeof(content));
		EXPECT(disk_file_write(&file, BYTES_OF_ARRAY(content)) == STATUS_OK);
		if (round == 1)
			continue; /* there is no former one */
		bad[0] = at + which * half + round / 4 % 3 * DISK_BLOCK;
		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_OK &&
		       item.len == sizeof(content) &&
		       item.data[0] == (which == newer ? round - 1 : round) &&
		       item.data[8999] == item.data[0]);
		/* the hurt half is what is written, and is well then */
		EXPECT(disk_file_write(&file, BYTES_OF_ARRAY(content)) == STATUS_OK && bad[0] == 0);
		item.len = 0;
		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_OK &&
		       item.data[0] == round);
		if (which != newer) /* so that `newer` is right in the next round, too */
			EXPECT(disk_file_write(&file, BYTES_OF_ARRAY(content)) == STATUS_OK);
		cases++;
	}
	EXPECT(cases == 23);
	{
		struct disk_file file = disk_file_item(fd, DISK_APPROVALS);
		struct buffer item = BUFFER_OF_ARRAY(space);

		/* neither is to be read: that is not "none", and can be written again */
		bad[0] = at;
		bad[1] = at + half;
		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_IO && item.len == 0);
		EXPECT(disk_file_write(&file, bytes_of_text("anew")) == STATUS_OK);
		EXPECT(disk_file_read(&file, sizeof(space), &item) == STATUS_OK && item.len == 4);
	}
	memset(bad, 0, sizeof(bad));
	close(fd);
	unlink(path);
}

static void test_files_of_a_folder_are_read_and_written_the_same_way(void)
{
	char path[] = "/tmp/disk_test.XXXXXX";
	int fd = mkstemp(path);
	struct disk_file file = disk_file_of(fd), none = disk_file_of(-1);
	uint8_t space[64];
	struct buffer content = BUFFER_OF_ARRAY(space);

	EXPECT(disk_file_read(&file, 64, &content) == STATUS_OK && content.len == 0);
	EXPECT(disk_file_write(&file, bytes_of_text("twelve bytes")) == STATUS_OK);
	EXPECT(disk_file_read(&file, 12, &content) == STATUS_OK && content.len == 12);
	EXPECT(disk_file_read(&file, 11, &content) == STATUS_TOO_LARGE && content.len == 12);
	EXPECT(disk_file_read(&none, 11, &content) == STATUS_OK && content.len == 12);
	EXPECT(disk_file_write(&none, bytes_of_text("x")) == STATUS_IO);
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

static void test_an_item_of_a_folder_is_the_file_of_its_name(void)
{
	char folder[] = "/tmp/disk_test.XXXXXX", path[64];
	struct disk_file file;

	EXPECT(mkdtemp(folder) != NULL);
	EXPECT(disk_file_open(folder, DISK_ESCROW, O_RDONLY).fd < 0);
	file = disk_file_open(folder, DISK_SEALED_SHARE, O_RDWR | O_CREAT);
	EXPECT(file.fd >= 0 && !file.is_item);
	close(file.fd);
	snprintf(path, sizeof(path), "%s/sealed-share", folder);
	EXPECT(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	EXPECT(disk_file_open(folder, DISK_SEALED_SHARE, O_RDONLY).fd < 0);
	EXPECT(unlink(path) == 0 && rmdir(folder) == 0);
}

/* Only what genesis wrote, and left unfinished, may be written over; the shares of releases that
 * did not say so have another length. */
static void test_a_share_is_begun_until_its_last_byte_says_that_it_is_over(void)
{
	uint8_t share[DISK_SHARE_LEN] = {0xab};

	EXPECT(disk_share_is_begun(bytes_of(share, 0)));
	EXPECT(!disk_share_is_begun(BYTES_OF_ARRAY(share)));
	share[DISK_SHARE_LEN - 1] = DISK_SHARE_BEGUN;
	EXPECT(disk_share_is_begun(BYTES_OF_ARRAY(share)));
	EXPECT(!disk_share_is_begun(bytes_of(share + 1, DISK_SHARE_LEN - 1)));
	share[DISK_SHARE_LEN - 1] = 2;
	EXPECT(!disk_share_is_begun(BYTES_OF_ARRAY(share)));
}

int main(void)
{
	RUN(test_regions_lie_apart_and_inside_the_disk);
	RUN(test_a_disk_of_another_size_is_refused);
	RUN(test_items_come_back_as_they_were_written);
	RUN(test_a_write_that_is_torn_leaves_the_item_as_it_was);
	RUN(test_a_half_that_cannot_be_read_costs_neither_the_item_nor_its_repair);
	RUN(test_files_of_a_folder_are_read_and_written_the_same_way);
	RUN(test_too_small_a_disk_does_not_open);
	RUN(test_an_item_of_a_folder_is_the_file_of_its_name);
	RUN(test_a_share_is_begun_until_its_last_byte_says_that_it_is_over);
	return test_summary();
}
