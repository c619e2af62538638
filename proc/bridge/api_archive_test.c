/* The archive of beacons (B10): bounded, oldest first out, never a row whose bytes were written
 * over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "api.h"
#include "base_check.h"
#include "base_sha256.h"
#include "base_test.h"

static struct api_archive archive;
static uint8_t evidence[LIMIT_EVIDENCE_MAX];

static void add(unsigned number, size_t len, uint64_t now_s)
{
	struct api_beacon beacon = {.source = "test", .source_len = 4};

	beacon.value_len =
	    (size_t)snprintf((char *)beacon.value, sizeof(beacon.value), "%u", number);
	memset(evidence, (int)(number & 0xff), len);
	memcpy(evidence, &number, sizeof(number));
	api_archive_add(&archive, &beacon, bytes_of(evidence, len), now_s);
}

/* Every row has its own bytes, follows the one before, and no two share a byte. */
static void check_rows(void)
{
	const struct api_archived *before = NULL, *row;
	size_t total = 0;

	for (size_t n = 0; (row = api_archive_nth(&archive, n)) != NULL; n++) {
		uint8_t hash[32], both[64];

		sha256_of(bytes_of(archive.bytes + row->at, row->len), hash);
		EXPECT(memcmp(hash, row->hash, 32) == 0);
		if (before != NULL) {
			memcpy(both, before->chain, 32);
			memcpy(both + 32, row->hash, 32);
			sha256_of(BYTES_OF_ARRAY(both), hash);
			EXPECT(memcmp(hash, row->chain, 32) == 0 && before->at_s <= row->at_s);
		}
		total += row->len;
		before = row;
	}
	EXPECT(total <= API_ARCHIVE_BYTES && archive.count <= API_ARCHIVE_ROWS);
}

static void start(void)
{
	uint8_t *bytes = archive.bytes != NULL ? archive.bytes : malloc(API_ARCHIVE_BYTES);
	struct api_archived *rows =
	    archive.rows != NULL ? archive.rows : calloc(API_ARCHIVE_ROWS, sizeof(*rows));

	CHECK(bytes != NULL && rows != NULL);
	archive = (struct api_archive){.bytes = bytes, .rows = rows};
}

static void test_rows_stay_whole_however_long_they_are(void)
{
	uint64_t x = 88172645463325252u;

	start();
	for (unsigned i = 0; i < 3000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		add(i, 100 + x % (sizeof(evidence) - 100), 1000 + i);
		EXPECT(api_archive_nth(&archive, archive.count - 1)->at_s == 1000 + i);
		if (i % 97 == 0)
			check_rows();
	}
	check_rows();
	EXPECT(archive.count > 60); /* at the longest, 85 fit */
}

static void test_many_short_ones_are_bounded_by_number(void)
{
	start();
	for (unsigned i = 0; i < 3 * API_ARCHIVE_ROWS; i++)
		add(i, 200, i);
	check_rows();
	EXPECT(archive.count == API_ARCHIVE_ROWS);
	EXPECT(api_archive_nth(&archive, 0)->at_s == 2 * API_ARCHIVE_ROWS);
}

static void test_one_is_found_by_its_time_and_the_same_value_is_kept_once(void)
{
	start();
	EXPECT(api_archive_find(&archive, UINT64_MAX) == NULL);
	add(1, 300, 100);
	add(1, 300, 160);
	add(2, 300, 220);
	add(3, 300, 280);
	EXPECT(archive.count == 3);
	EXPECT(api_archive_find(&archive, 99) == NULL);
	EXPECT(api_archive_find(&archive, 100)->at_s == 100);
	EXPECT(api_archive_find(&archive, 219)->at_s == 100);
	EXPECT(api_archive_find(&archive, 279)->at_s == 220);
	EXPECT(api_archive_find(&archive, UINT64_MAX)->at_s == 280);
}

int main(void)
{
	RUN(test_rows_stay_whole_however_long_they_are);
	RUN(test_many_short_ones_are_bounded_by_number);
	RUN(test_one_is_found_by_its_time_and_the_same_value_is_kept_once);
	return test_summary();
}
