/* Tests of the prediction. Firmware's own answers are compared in tests/image; here are an
 * independent count of the same bytes and what must be refused. Proves parts of S2, A9 in
 * spec/claims.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "efi.h"

#include "base_encode.h"
#include "base_sha256.h"
#include "base_test.h"

#define PE       0x80
#define OPTIONAL (PE + 24)
#define TABLE    (OPTIONAL + 240)
#define HEADERS  512
#define FILE_LEN (HEADERS + 512 + 100) /* one section and 100 bytes behind it */

static uint8_t file[FILE_LEN + 64];

static void put16(size_t at, unsigned value)
{
	file[at] = (uint8_t)value;
	file[at + 1] = (uint8_t)(value >> 8);
}

static void put32(size_t at, unsigned value)
{
	put16(at, value & 0xffff);
	put16(at + 2, value >> 16);
}

/* The least PE32+ file: one section of 512 bytes. */
static struct bytes make_file(void)
{
	memset(file, 0, sizeof(file));
	memcpy(file, "MZ", 2);
	put32(0x3c, PE);
	memcpy(file + PE, "PE\0\0", 4);
	put16(PE + 4, 0x8664);
	put16(PE + 6, 1);
	put16(PE + 20, 240);
	put16(OPTIONAL, 0x20b);
	put32(OPTIONAL + 60, HEADERS);
	put32(OPTIONAL + 64, 0x12345678); /* checksum: not hashed */
	put32(OPTIONAL + 108, 16);
	put32(TABLE + 16, 512);
	put32(TABLE + 20, HEADERS);
	for (size_t i = HEADERS; i < FILE_LEN; i++)
		file[i] = (uint8_t)(i * 31 + 5);
	return bytes_of(file, FILE_LEN);
}

static void by_hand(size_t len, uint8_t ret_hash[32])
{
	static const uint8_t zeros[8];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes_of(file, OPTIONAL + 64));
	sha256_add(&hash, bytes_of(file + OPTIONAL + 68, 144 - 68));
	sha256_add(&hash, bytes_of(file + OPTIONAL + 152, len - OPTIONAL - 152));
	sha256_add(&hash, bytes_of(zeros, (8 - len % 8) % 8));
	sha256_done(&hash, ret_hash);
}

static void test_the_hash_leaves_out_checksum_and_signature(void)
{
	struct bytes bytes = make_file();
	uint8_t unsigned_hash[32], hash[32];

	by_hand(FILE_LEN, unsigned_hash);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_OK && memcmp(hash, unsigned_hash, 32) == 0);
	put32(OPTIONAL + 64, 1);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_OK && memcmp(hash, unsigned_hash, 32) == 0);
	/* signed: padded to eight bytes, the signature behind, its place in the directory */
	put32(OPTIONAL + 144, 1128);
	put32(OPTIONAL + 148, 40);
	memset(file + FILE_LEN, 0, 4);
	memset(file + 1128, 0xee, 40);
	EXPECT(efi_image_hash(bytes_of(file, 1168), hash) == STATUS_OK &&
	       memcmp(hash, unsigned_hash, 32) == 0);
	file[700] ^= 1;
	EXPECT(efi_image_hash(bytes_of(file, 1168), hash) == STATUS_OK &&
	       memcmp(hash, unsigned_hash, 32) != 0);
}

static void test_files_that_are_none_are_refused(void)
{
	uint8_t hash[32];
	struct bytes bytes = make_file();

	for (size_t len = 0; len < HEADERS; len++)
		EXPECT(efi_image_hash(bytes_of(file, len), hash) == STATUS_MALFORMED);
	/* a section behind the file's end, or over the headers */
	put32(TABLE + 20, FILE_LEN - 511);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	put32(TABLE + 20, HEADERS - 1);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	/* two sections over each other */
	make_file();
	put16(PE + 6, 2);
	put32(TABLE + 40 + 16, 16);
	put32(TABLE + 40 + 20, HEADERS + 100);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	/* bytes between sections, which nothing would hash */
	make_file();
	put32(TABLE + 20, HEADERS + 16);
	put32(TABLE + 16, 256);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	/* bytes behind the signature */
	make_file();
	put32(OPTIONAL + 144, 1128);
	put32(OPTIONAL + 148, 32);
	EXPECT(efi_image_hash(bytes_of(file, 1168), hash) == STATUS_MALFORMED);
	/* another machine, 32 bits, no directory for a signature */
	make_file();
	put16(PE + 4, 0xaa64);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	make_file();
	put16(OPTIONAL, 0x10b);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
	make_file();
	put32(OPTIONAL + 108, 4);
	EXPECT(efi_image_hash(bytes, hash) == STATUS_MALFORMED);
}

static void test_a_guid_has_one_text(void)
{
	struct efi_guid guid;
	char text[EFI_GUID_TEXT + 1];

	/* EFI_GLOBAL_VARIABLE, as UEFI writes it and as it lies in memory */
	EXPECT(efi_guid_take(bytes_of_text("8be4df61-93ca-11d2-aa0d-00e098032b8c"), &guid) ==
	       STATUS_OK);
	EXPECT(guid.bytes[0] == 0x61 && guid.bytes[3] == 0x8b && guid.bytes[4] == 0xca &&
	       guid.bytes[8] == 0xaa && guid.bytes[15] == 0x8c);
	efi_guid_text(&guid, text);
	EXPECT(strcmp(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c") == 0);
	EXPECT(efi_guid_take(bytes_of_text("8be4df61-93ca-11d2-aa0d-00e098032b8"), &guid) ==
	       STATUS_MALFORMED);
	EXPECT(efi_guid_take(bytes_of_text("8be4df61093ca-11d2-aa0d-00e098032b8c"), &guid) ==
	       STATUS_MALFORMED);
	EXPECT(efi_guid_take(bytes_of_text("8be4df61-93ca-11d2-aa0d-00e09803-b8c"), &guid) ==
	       STATUS_MALFORMED);
}

static void test_prediction_of_the_policy_has_every_part(void)
{
	uint8_t certificate[100], list_space[300], pcr[32], other[32];
	struct buffer list = BUFFER_OF_ARRAY(list_space);
	struct efi_policy policy;
	struct efi_guid owner = {
	    {1, 2, 3}
        };

	for (size_t i = 0; i < sizeof(certificate); i++)
		certificate[i] = (uint8_t)i;
	EXPECT(efi_list_put(&owner, BYTES_OF_ARRAY(certificate), &list) == STATUS_OK &&
	       list.len == 144 && load_le32(list.data + 16) == 144 &&
	       load_le32(list.data + 24) == 116);
	policy = (struct efi_policy){.pk = buffer_bytes(&list),
	                             .kek = buffer_bytes(&list),
	                             .db = buffer_bytes(&list),
	                             .owner = owner,
	                             .certificate = BYTES_OF_ARRAY(certificate)};
	EXPECT(efi_predict_policy(&policy, pcr) == STATUS_OK);
	policy.pk = BYTES_OF_ARRAY(certificate);
	EXPECT(efi_predict_policy(&policy, other) == STATUS_OK && memcmp(pcr, other, 32) != 0);
	policy.pk = policy.db;
	policy.kek = BYTES_OF_ARRAY(certificate);
	EXPECT(efi_predict_policy(&policy, other) == STATUS_OK && memcmp(pcr, other, 32) != 0);
	policy.kek = policy.db;
	policy.db = BYTES_OF_ARRAY(certificate);
	EXPECT(efi_predict_policy(&policy, other) == STATUS_OK && memcmp(pcr, other, 32) != 0);
	policy.db = policy.kek;
	policy.owner.bytes[15] = 1;
	EXPECT(efi_predict_policy(&policy, other) == STATUS_OK && memcmp(pcr, other, 32) != 0);
	policy.owner = owner;
	policy.certificate.len--;
	EXPECT(efi_predict_policy(&policy, other) == STATUS_OK && memcmp(pcr, other, 32) != 0);
	policy.certificate.len = 0;
	EXPECT(efi_predict_policy(&policy, other) == STATUS_TOO_LARGE);
	list.len = list.cap - 10;
	EXPECT(efi_list_put(&owner, BYTES_OF_ARRAY(certificate), &list) == STATUS_TOO_LARGE &&
	       list.len == list.cap - 10);
}

static void test_a_boot_option_names_a_partition_and_no_options(void)
{
	/* as efibootmgr -v shows it:
	 * HD(2,MBR,0xa1b2c3d4,0x20800,0x20000)/File(\\EFI\\BOOT\\BOOTX64.EFI) */
	const struct efi_partition partition = {2, 0x20800, 0x20000, 0xa1b2c3d4};
	uint8_t space[EFI_OPTION_MAX];
	struct buffer option = BUFFER_OF_ARRAY(space), small = {space, EFI_OPTION_MAX - 1, 0};
	char text[2 * EFI_OPTION_MAX + 1];

	EXPECT(efi_option_put(&partition, "n", &option) == STATUS_OK);
	hex_encode(buffer_bytes(&option), text);
	EXPECT(strncmp(text, "01000000", 8) == 0);
	EXPECT(strncmp(text + 12,
	               "6e000000"
	               "04012a00"
	               "02000000"
	               "0008020000000000"
	               "0000020000000000"
	               "d4c3b2a1",
	               64) == 0);
	EXPECT(strncmp(text + 76,
	               "000000000000000000000000"
	               "0101"
	               "0404",
	               32) == 0);
	/* the end node is the end: nothing is handed to the image */
	EXPECT(strcmp(text + strlen(text) - 8, "7fff0400") == 0);
	EXPECT(option.len == 4 + 2 + 4 + (size_t)load_le16(space + 4));
	EXPECT(efi_option_put(&partition, "n", &small) == STATUS_TOO_LARGE && small.len == 0);
	option.len = 0;
	EXPECT(efi_option_put(&partition, "a name that is longer than its place.", &option) ==
	       STATUS_TOO_LARGE);
}

static void test_a_signature_is_seen(void)
{
	struct bytes unsigned_file = make_file();

	EXPECT(!efi_image_is_signed(unsigned_file));
	put32(OPTIONAL + 144, FILE_LEN);
	put32(OPTIONAL + 148, 8);
	EXPECT(efi_image_is_signed(bytes_of(file, FILE_LEN + 8)));
	EXPECT(!efi_image_is_signed(bytes_of(file, 40)));
}

int main(void)
{
	RUN(test_the_hash_leaves_out_checksum_and_signature);
	RUN(test_files_that_are_none_are_refused);
	RUN(test_a_guid_has_one_text);
	RUN(test_a_boot_option_names_a_partition_and_no_options);
	RUN(test_a_signature_is_seen);
	RUN(test_prediction_of_the_policy_has_every_part);
	return test_summary();
}
