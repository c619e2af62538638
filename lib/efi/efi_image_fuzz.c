/* Property: a hash is given only for files whose every byte counts: flipping any one changes the
 * hash or makes the file none, except for checksum, directory entry of the signature, and
 * signature. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "efi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t copy[4096];
	uint8_t hash[EFI_HASH_LEN], other[EFI_HASH_LEN];
	size_t optional, at, end;

	if (len < 3 || len - 2 > sizeof(copy))
		return 0;
	at = load_le16(data);
	memcpy(copy, data + 2, len - 2);
	len -= 2;
	if (efi_image_hash(bytes_of(copy, len), hash) != STATUS_OK)
		return 0;
	at %= len;
	optional = load_le32(copy + 0x3c) + 24;
	end = load_le32(copy + optional + 144);
	if ((at >= optional + 64 && at < optional + 68) ||
	    (at >= optional + 144 && at < optional + 152) || (end != 0 && at >= end))
		return 0;
	copy[at] ^= 1;
	CHECK(efi_image_hash(bytes_of(copy, len), other) != STATUS_OK ||
	      memcmp(hash, other, sizeof(hash)) != 0);
	return 0;
}
