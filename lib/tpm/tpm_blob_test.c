/* SPDX-License-Identifier: Apache-2.0 */
#include "base_sha256.h"
#include "base_test.h"
#include "tpm.h"

static struct tpm_blob example(void)
{
	struct tpm_blob blob = {.pcr_mask = 0x5a95, .public_len = 80, .private_len = 160};

	blob.primary.len = TPM_NAME_MAX;
	memset(blob.primary.bytes, 1, sizeof(blob.primary.bytes));
	memset(blob.public_area, 2, blob.public_len);
	memset(blob.private_area, 3, blob.private_len);
	return blob;
}

static void test_a_blob_comes_back_as_it_was(void)
{
	uint8_t raw[TPM_BLOB_MAX];
	struct buffer file = BUFFER_OF_ARRAY(raw);
	struct tpm_blob blob = example(), got;

	EXPECT(tpm_blob_put(&blob, &file) == STATUS_OK);
	EXPECT(file.len == 20 + 34 + 80 + 160 + 32);
	EXPECT(tpm_blob_take(buffer_bytes(&file), &got) == STATUS_OK);
	EXPECT(got.pcr_mask == 0x5a95 && got.private_len == 160);
	EXPECT(memcmp(got.private_area, blob.private_area, 160) == 0);
}

static void test_every_flipped_bit_and_every_cut_is_refused(void)
{
	uint8_t raw[TPM_BLOB_MAX];
	struct buffer file = BUFFER_OF_ARRAY(raw);
	struct tpm_blob blob = example(), got;

	EXPECT(tpm_blob_put(&blob, &file) == STATUS_OK);
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		raw[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		EXPECT(tpm_blob_take(buffer_bytes(&file), &got) != STATUS_OK);
		raw[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	for (size_t len = 0; len < file.len; len++)
		EXPECT(tpm_blob_take(bytes_of(raw, len), &got) != STATUS_OK);
}

static void test_fields_out_of_range_are_refused_under_a_right_checksum(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {
	    {7,  '2'},
            {11, 1  },
            {12, 2  },
            {12, 35 },
            {14, 81 },
            {15, 9  },
            {16, 0  },
            {18, 1  }
        };
	struct tpm_blob blob = example(), got;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t raw[TPM_BLOB_MAX];
		struct buffer file = BUFFER_OF_ARRAY(raw);

		EXPECT(tpm_blob_put(&blob, &file) == STATUS_OK);
		raw[changes[i].at] = changes[i].value;
		sha256_of(bytes_of(raw, file.len - SHA256_LEN), raw + file.len - SHA256_LEN);
		EXPECT(tpm_blob_take(buffer_bytes(&file), &got) == STATUS_MALFORMED);
	}
}

int main(void)
{
	RUN(test_a_blob_comes_back_as_it_was);
	RUN(test_every_flipped_bit_and_every_cut_is_refused);
	RUN(test_fields_out_of_range_are_refused_under_a_right_checksum);
	return test_summary();
}
