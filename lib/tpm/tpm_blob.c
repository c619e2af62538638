/* SPDX-License-Identifier: Apache-2.0 */
#include "base_sha256.h"
#include "tpm.h"

/* magic 8 | pcr mask 4 | three lengths 2 each | 2 zero | primary name | public | private | SHA-256
 */
#define HEADER_LEN 20u

static const char magic[8] = {'C', 'L', 'V', 'S', 'E', 'A', 'L', '1'};

static void put_le16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

enum status tpm_blob_put(const struct tpm_blob *blob, struct buffer *ret_bytes)
{
	uint8_t raw[TPM_BLOB_MAX], header[HEADER_LEN] = {0}, sum[SHA256_LEN];
	struct buffer out = BUFFER_OF_ARRAY(raw);
	enum status status;

	memcpy(header, magic, sizeof(magic));
	memcpy(header + 8, &blob->pcr_mask, 4);
	put_le16(header + 12, blob->primary.len);
	put_le16(header + 14, blob->public_len);
	put_le16(header + 16, blob->private_len);
	status = buffer_put(&out, BYTES_OF_ARRAY(header));
	if (status == STATUS_OK)
		status = buffer_put(&out, bytes_of(blob->primary.bytes, blob->primary.len));
	if (status == STATUS_OK)
		status = buffer_put(&out, bytes_of(blob->public_area, blob->public_len));
	if (status == STATUS_OK)
		status = buffer_put(&out, bytes_of(blob->private_area, blob->private_len));
	if (status != STATUS_OK)
		return status;
	sha256_of(buffer_bytes(&out), sum);
	status = buffer_put(&out, BYTES_OF_ARRAY(sum));
	return status == STATUS_OK ? buffer_put(ret_bytes, buffer_bytes(&out)) : status;
}

enum status tpm_blob_take(struct bytes bytes, struct tpm_blob *ret_blob)
{
	struct tpm_blob blob = {0};
	uint8_t sum[SHA256_LEN];
	const uint8_t *at = bytes.data;
	size_t name_len;

	if (bytes.len < HEADER_LEN + SHA256_LEN || bytes.len > TPM_BLOB_MAX ||
	    memcmp(at, magic, sizeof(magic)) != 0)
		return STATUS_MALFORMED;
	sha256_of(bytes_of(at, bytes.len - SHA256_LEN), sum);
	if (memcmp(sum, at + bytes.len - SHA256_LEN, SHA256_LEN) != 0)
		return STATUS_CORRUPT;
	blob.pcr_mask = load_le32(at + 8);
	name_len = load_le16(at + 12);
	blob.public_len = load_le16(at + 14);
	blob.private_len = load_le16(at + 16);
	if (name_len < 3 || name_len > TPM_NAME_MAX || blob.public_len == 0 ||
	    blob.public_len > TPM_BLOB_PUBLIC_MAX || blob.private_len == 0 ||
	    blob.private_len > TPM_BLOB_PRIVATE_MAX || load_le16(at + 18) != 0 ||
	    blob.pcr_mask == 0 || blob.pcr_mask >> TPM_PCR_COUNT != 0 ||
	    HEADER_LEN + name_len + blob.public_len + blob.private_len + SHA256_LEN != bytes.len)
		return STATUS_MALFORMED;
	blob.primary.len = (uint32_t)name_len;
	at += HEADER_LEN;
	memcpy(blob.primary.bytes, at, name_len);
	at += name_len;
	memcpy(blob.public_area, at, blob.public_len);
	at += blob.public_len;
	memcpy(blob.private_area, at, blob.private_len);
	*ret_blob = blob;
	return STATUS_OK;
}
