/* SPDX-License-Identifier: Apache-2.0 */
#include "efi.h"

#define LOAD_OPTION_ACTIVE 1
#define IMAGE_PATH         "\\EFI\\BOOT\\BOOTX64.EFI"
#define NODE_MEDIA         4
#define NODE_END           0x7f
#define MEDIA_HARD_DRIVE   1
#define MEDIA_FILE         4
#define HARD_DRIVE_LEN     42
#define FORMAT_MBR         1

static void put_number(struct buffer *out, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	(void)!buffer_put(out, bytes_of(bytes, len));
}

/* UTF-16, with its NUL. */
static void put_text(struct buffer *out, const char *text)
{
	do
		put_number(out, (uint8_t)*text, 2);
	while (*text++ != '\0');
}

static void put_node(struct buffer *out, uint8_t type, uint8_t subtype, size_t len)
{
	put_number(out, type, 1);
	put_number(out, subtype, 1);
	put_number(out, len, 2);
}

enum status efi_option_put(const struct efi_partition *partition, const char *name,
                           struct buffer *ret_option)
{
	size_t path_len = 2 * sizeof(IMAGE_PATH), start = ret_option->len;

	if (ret_option->cap - start < EFI_OPTION_MAX || strlen(name) > EFI_OPTION_NAME_MAX)
		return STATUS_TOO_LARGE;
	put_number(ret_option, LOAD_OPTION_ACTIVE, 4);
	put_number(ret_option, HARD_DRIVE_LEN + 4 + path_len + 4, 2);
	put_text(ret_option, name);
	put_node(ret_option, NODE_MEDIA, MEDIA_HARD_DRIVE, HARD_DRIVE_LEN);
	put_number(ret_option, partition->number, 4);
	put_number(ret_option, partition->first, 8);
	put_number(ret_option, partition->sectors, 8);
	put_number(ret_option, partition->disk_signature, 8);
	put_number(ret_option, 0, 8);
	put_number(ret_option, FORMAT_MBR, 1);
	put_number(ret_option, FORMAT_MBR, 1); /* and so is the kind of signature */
	put_node(ret_option, NODE_MEDIA, MEDIA_FILE, 4 + path_len);
	put_text(ret_option, IMAGE_PATH);
	put_node(ret_option, NODE_END, 0xff, 4);
	return STATUS_OK;
}
