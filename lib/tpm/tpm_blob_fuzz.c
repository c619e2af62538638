/* Fuzzes the sealed blob's decoder. Property: what is taken, put again, gives the same bytes. The
 * checksum is made right first, or nothing but garbage would ever be seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "base_sha256.h"
#include "tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[TPM_BLOB_MAX + 64], out_bytes[TPM_BLOB_MAX];
	struct buffer out = BUFFER_OF_ARRAY(out_bytes);
	struct tpm_blob blob;

	if (size > TPM_BLOB_MAX)
		return 0;
	memcpy(bytes, data, size);
	sha256_of(bytes_of(bytes, size), bytes + size);
	size += SHA256_LEN;
	if (tpm_blob_take(bytes_of(bytes, size), &blob) != STATUS_OK)
		return 0;
	CHECK(tpm_blob_put(&blob, &out) == STATUS_OK);
	CHECK(out.len == size && memcmp(out_bytes, bytes, size) == 0);
	return 0;
}
