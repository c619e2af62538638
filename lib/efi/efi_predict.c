/* SPDX-License-Identifier: Apache-2.0 */
#include "base_encode.h"
#include "base_sha256.h"
#include "efi.h"

#define NAME_MAX_LEN 16

/* EFI_GLOBAL_VARIABLE, EFI_IMAGE_SECURITY_DATABASE_GUID, EFI_CERT_X509_GUID (UEFI 2.10). */
static const struct efi_guid global_variable = {
    {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b,
     0x8c}
};
static const struct efi_guid security_database = {
    {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65,
     0x6f}
};
static const struct efi_guid x509_list = {
    {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0,
     0x72}
};

/* Places of the text form's byte pairs in memory: three fields little-endian, the rest as it is. */
static const uint8_t text_order[EFI_GUID_LEN] = {3, 2, 1,  0,  5,  4,  7,  6,
                                                 8, 9, 10, 11, 12, 13, 14, 15};

enum status efi_guid_take(struct bytes text, struct efi_guid *ret_guid)
{
	uint8_t digits[2 * EFI_GUID_LEN], raw[EFI_GUID_LEN];
	struct buffer bytes = BUFFER_OF_ARRAY(raw);
	size_t count = 0;

	if (text.len != EFI_GUID_TEXT)
		return STATUS_MALFORMED;
	for (size_t i = 0; i < text.len; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash != (text.data[i] == '-'))
			return STATUS_MALFORMED;
		if (!is_dash)
			digits[count++] = text.data[i];
	}
	if (hex_decode(BYTES_OF_ARRAY(digits), &bytes) != STATUS_OK)
		return STATUS_MALFORMED;
	for (size_t i = 0; i < EFI_GUID_LEN; i++)
		ret_guid->bytes[text_order[i]] = raw[i];
	return STATUS_OK;
}

void efi_guid_text(const struct efi_guid *guid, char ret_text[EFI_GUID_TEXT + 1])
{
	uint8_t raw[EFI_GUID_LEN];
	char digits[2 * EFI_GUID_LEN + 1];
	size_t count = 0;

	for (size_t i = 0; i < EFI_GUID_LEN; i++)
		raw[i] = guid->bytes[text_order[i]];
	hex_encode(BYTES_OF_ARRAY(raw), digits);
	for (size_t i = 0; i < EFI_GUID_TEXT; i++)
		ret_text[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : digits[count++];
	ret_text[EFI_GUID_TEXT] = '\0';
}

static enum status put_le32(struct buffer *buffer, size_t value)
{
	uint8_t le[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
	                 (uint8_t)(value >> 24)};

	return buffer_put(buffer, BYTES_OF_ARRAY(le));
}

enum status efi_list_put(const struct efi_guid *owner, struct bytes certificate,
                         struct buffer *ret_list)
{
	size_t before = ret_list->len;
	enum status status;

	if (certificate.len == 0 || certificate.len > EFI_CERTIFICATE_MAX)
		return STATUS_TOO_LARGE;
	status = buffer_put(ret_list, BYTES_OF_ARRAY(x509_list.bytes));
	if (status == STATUS_OK)
		status = put_le32(ret_list, EFI_LIST_OVERHEAD + certificate.len);
	if (status == STATUS_OK)
		status = put_le32(ret_list, 0); /* no header of this type */
	if (status == STATUS_OK)
		status = put_le32(ret_list, EFI_GUID_LEN + certificate.len);
	if (status == STATUS_OK)
		status = buffer_put(ret_list, BYTES_OF_ARRAY(owner->bytes));
	if (status == STATUS_OK)
		status = buffer_put(ret_list, certificate);
	if (status != STATUS_OK)
		ret_list->len = before;
	return status;
}

/* extend_pcr is TPM2_PCR_Extend in the SHA-256 bank: pcr = SHA-256(pcr || digest). */
static void extend_pcr(uint8_t pcr[EFI_HASH_LEN], const uint8_t digest[EFI_HASH_LEN])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes_of(pcr, EFI_HASH_LEN));
	sha256_add(&hash, bytes_of(digest, EFI_HASH_LEN));
	sha256_done(&hash, pcr);
}

static void extend_bytes(uint8_t pcr[EFI_HASH_LEN], struct bytes event)
{
	uint8_t digest[EFI_HASH_LEN];

	sha256_of(event, digest);
	extend_pcr(pcr, digest);
}

static void extend_separator(uint8_t pcr[EFI_HASH_LEN])
{
	static const uint8_t separator[4];

	extend_bytes(pcr, BYTES_OF_ARRAY(separator));
}

void efi_predict_code(const uint8_t image_hash[EFI_HASH_LEN], uint8_t ret_pcr[EFI_HASH_LEN])
{
	memset(ret_pcr, 0, EFI_HASH_LEN);
	extend_bytes(ret_pcr, bytes_of_text("Calling EFI Application from Boot Option"));
	extend_separator(ret_pcr);
	extend_pcr(ret_pcr, image_hash);
}

/* UEFI_VARIABLE_DATA: {GUID, characters of the name, bytes of the data, name in UTF-16, data}. */
static void extend_variable(uint8_t pcr[EFI_HASH_LEN], const struct efi_guid *guid,
                            const char *name, struct bytes first, struct bytes second)
{
	uint8_t lengths[16], utf16[2 * NAME_MAX_LEN] = {0}, digest[EFI_HASH_LEN];
	size_t name_len = strlen(name);
	struct sha256 hash;

	for (size_t i = 0; i < name_len && i < NAME_MAX_LEN; i++)
		utf16[2 * i] = (uint8_t)name[i];
	store_le64(lengths, name_len);
	store_le64(lengths + 8, first.len + second.len);
	sha256_init(&hash);
	sha256_add(&hash, BYTES_OF_ARRAY(guid->bytes));
	sha256_add(&hash, BYTES_OF_ARRAY(lengths));
	sha256_add(&hash, bytes_of(utf16, 2 * name_len));
	sha256_add(&hash, first);
	sha256_add(&hash, second);
	sha256_done(&hash, digest);
	extend_pcr(pcr, digest);
}

enum status efi_predict_policy(const struct efi_policy *policy, uint8_t ret_pcr[EFI_HASH_LEN])
{
	static const uint8_t on = 1;
	const struct bytes none = {NULL, 0};

	if (policy->certificate.len == 0 || policy->certificate.len > EFI_CERTIFICATE_MAX)
		return STATUS_TOO_LARGE;
	memset(ret_pcr, 0, EFI_HASH_LEN);
	extend_variable(ret_pcr, &global_variable, "SecureBoot", bytes_of(&on, 1), none);
	extend_variable(ret_pcr, &global_variable, "PK", policy->pk, none);
	extend_variable(ret_pcr, &global_variable, "KEK", policy->kek, none);
	extend_variable(ret_pcr, &security_database, "db", policy->db, none);
	extend_variable(ret_pcr, &security_database, "dbx", none, none);
	extend_separator(ret_pcr);
	/* The authority that accepted the image: EFI_SIGNATURE_DATA out of db. */
	extend_variable(ret_pcr, &security_database, "db", BYTES_OF_ARRAY(policy->owner.bytes),
	                policy->certificate);
	return STATUS_OK;
}
