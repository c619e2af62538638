/* SPDX-License-Identifier: Apache-2.0 */
#include "base_sha256.h"
#include "efi.h"

#define DOS_HEADER      64
#define PE_OFFSET       0x3c
#define FILE_HEADER     24 /* "PE\0\0" and the COFF header */
#define MACHINE_X86_64  0x8664
#define MAGIC_PE32_PLUS 0x20b
#define OPTIONAL_MIN    152 /* up to and with the certificate table's directory entry */
#define AT_HEADERS_SIZE 60
#define AT_CHECKSUM     64
#define AT_DIRECTORIES  108 /* how many */
#define AT_CERTIFICATES 144 /* the fifth directory entry: offset, length */
#define SECTION_HEADER  40

struct layout {
	size_t optional, headers_size;
	size_t signature, signature_len; /* 0, 0: unsigned */
	size_t section_count;
	struct {
		size_t at, len;
	} sections[EFI_IMAGE_SECTIONS];
};

static bool fits(struct bytes file, size_t at, size_t len)
{
	return at <= file.len && len <= file.len - at;
}

static enum status take_headers(struct bytes file, struct layout *layout)
{
	size_t pe, optional_len, sections;

	if (file.len < DOS_HEADER || file.len > EFI_IMAGE_MAX || file.data[0] != 'M' ||
	    file.data[1] != 'Z')
		return STATUS_MALFORMED;
	pe = load_le32(file.data + PE_OFFSET);
	if (!fits(file, pe, FILE_HEADER + OPTIONAL_MIN) || memcmp(file.data + pe, "PE\0", 4) != 0 ||
	    load_le16(file.data + pe + 4) != MACHINE_X86_64)
		return STATUS_MALFORMED;
	layout->section_count = load_le16(file.data + pe + 6);
	optional_len = load_le16(file.data + pe + 20);
	layout->optional = pe + FILE_HEADER;
	sections = layout->optional + optional_len;
	layout->headers_size = load_le32(file.data + layout->optional + AT_HEADERS_SIZE);
	if (optional_len < OPTIONAL_MIN ||
	    load_le16(file.data + layout->optional) != MAGIC_PE32_PLUS ||
	    load_le32(file.data + layout->optional + AT_DIRECTORIES) < 5 ||
	    layout->section_count == 0 || layout->section_count > EFI_IMAGE_SECTIONS ||
	    !fits(file, sections, layout->section_count * SECTION_HEADER) ||
	    layout->headers_size < sections + layout->section_count * SECTION_HEADER ||
	    layout->headers_size > file.len)
		return STATUS_MALFORMED;
	layout->signature = load_le32(file.data + layout->optional + AT_CERTIFICATES);
	layout->signature_len = load_le32(file.data + layout->optional + AT_CERTIFICATES + 4);
	for (size_t i = 0; i < layout->section_count; i++) {
		const uint8_t *row = file.data + sections + i * SECTION_HEADER;

		layout->sections[i].len = load_le32(row + 16);
		layout->sections[i].at = load_le32(row + 20);
	}
	return STATUS_OK;
}

/* Sections follow one another without overlap; only alignment lies between them. */
static enum status check_sections(struct bytes file, const struct layout *layout, size_t *ret_end)
{
	size_t end = layout->headers_size;

	for (size_t i = 0; i < layout->section_count; i++) {
		if (layout->sections[i].len == 0)
			continue;
		if (layout->sections[i].at < end ||
		    !fits(file, layout->sections[i].at, layout->sections[i].len))
			return STATUS_MALFORMED;
		end = layout->sections[i].at + layout->sections[i].len;
	}
	*ret_end = end;
	return STATUS_OK;
}

enum status efi_image_hash(struct bytes file, uint8_t ret_hash[EFI_HASH_LEN])
{
	static const uint8_t zeros[8];
	struct layout layout = {0};
	struct sha256 hash;
	size_t hashed, end, sections_end;
	enum status status = take_headers(file, &layout);

	if (status == STATUS_OK)
		status = check_sections(file, &layout, &sections_end);
	if (status != STATUS_OK)
		return status;
	end = layout.signature_len != 0 ? layout.signature : file.len;
	if (layout.signature_len != 0 &&
	    (!fits(file, layout.signature, layout.signature_len) || layout.signature % 8 != 0 ||
	     layout.signature + layout.signature_len != file.len))
		return STATUS_MALFORMED;
	if (layout.signature_len == 0 && layout.signature != 0)
		return STATUS_MALFORMED;
	if (end < sections_end)
		return STATUS_MALFORMED;
	/* All but the checksum, the directory entry of the signature, and the signature. */
	sha256_init(&hash);
	sha256_add(&hash, bytes_of(file.data, layout.optional + AT_CHECKSUM));
	sha256_add(&hash, bytes_of(file.data + layout.optional + AT_CHECKSUM + 4,
	                           AT_CERTIFICATES - AT_CHECKSUM - 4));
	hashed = layout.optional + AT_CERTIFICATES + 8;
	sha256_add(&hash, bytes_of(file.data + hashed, layout.headers_size - hashed));
	hashed = layout.headers_size;
	for (size_t i = 0; i < layout.section_count; i++) {
		if (layout.sections[i].len == 0)
			continue;
		/* What is between sections is not loaded and not hashed: there must be nothing. */
		for (size_t at = hashed; at < layout.sections[i].at; at++)
			if (file.data[at] != 0)
				return STATUS_MALFORMED;
		sha256_add(&hash,
		           bytes_of(file.data + layout.sections[i].at, layout.sections[i].len));
		hashed = layout.sections[i].at + layout.sections[i].len;
	}
	sha256_add(&hash, bytes_of(file.data + hashed, end - hashed));
	sha256_add(&hash, bytes_of(zeros, layout.signature_len != 0 ? 0 : (8 - end % 8) % 8));
	sha256_done(&hash, ret_hash);
	return STATUS_OK;
}

bool efi_image_is_signed(struct bytes file)
{
	struct layout layout = {0};

	return take_headers(file, &layout) == STATUS_OK && layout.signature_len != 0;
}
