/* approval_fuzz: what is accepted, encoded again, is the same bytes (behind it only zeros); and the
 * fuzzer signs nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "approval.h"
#include "base_check.h"

static void check_again(struct bytes input, const struct buffer *again)
{
	CHECK(input.len >= again->len && memcmp(input.data, again->data, again->len) == 0);
	for (size_t i = again->len; i < input.len; i++)
		CHECK(input.data[i] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[APPROVAL_FILE_MAX];
	static struct approval_file file;
	struct approval_manifest manifest;
	struct approval_sealed sealed;
	struct approval_step step;
	struct bytes input = bytes_of(data, size);
	struct buffer again = BUFFER_OF_ARRAY(space);

	if (approval_file_take(input, &file) == STATUS_OK) {
		CHECK(approval_file_put(&file, &again) == STATUS_OK);
		check_again(input, &again);
	}
	again.len = 0;
	if (approval_manifest_take(input, &manifest) == STATUS_OK) {
		CHECK(approval_manifest_put(&manifest, &again) == STATUS_OK);
		check_again(input, &again);
	}
	again.len = 0;
	if (approval_sealed_take(input, &sealed) == STATUS_OK) {
		CHECK(approval_sealed_put(&sealed, &again) == STATUS_OK);
		check_again(input, &again);
	}
	again.len = 0;
	if (approval_step_take(input, &step) == STATUS_OK) {
		CHECK(approval_step_put(&step, &again) == STATUS_OK);
		CHECK(bytes_equal(buffer_bytes(&again), input));
	}
	return 0;
}
