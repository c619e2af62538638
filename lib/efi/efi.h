/* efi: what UEFI firmware measures when it starts the appliance's image, worked out beforehand.
 *
 * Formats: PE32+ and its Authenticode hash (Microsoft "Windows Authenticode Portable Executable
 * Signature Format"), EFI_SIGNATURE_LIST (UEFI 2.10 section 32.4.1), events of PCR 4 and 7 (TCG PC
 * Client Platform Firmware Profile 1.05 sections 3.3.4.5 and 3.3.4.8). SHA-256 bank only. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EFI_H
#define EFI_H

#include "base_bytes.h"

#define EFI_HASH_LEN        32
#define EFI_GUID_LEN        16
#define EFI_GUID_TEXT       36   /* characters of its text form */
#define EFI_CERTIFICATE_MAX 4096 /* bytes of DER */
#define EFI_LIST_OVERHEAD   44   /* bytes of a signature list beside the certificate */
#define EFI_IMAGE_MAX       (256u << 20)
#define EFI_IMAGE_SECTIONS  96
#define EFI_OPTION_NAME_MAX 32
#define EFI_OPTION_MAX      256 /* bytes of a boot option */

/* A GUID as it lies in memory and in firmware variables: first three fields little-endian. */
struct efi_guid {
	uint8_t bytes[EFI_GUID_LEN];
};

/* efi_guid_take takes the 36-character text form, lower-case or upper-case digits. */
MUST_USE enum status efi_guid_take(struct bytes text, struct efi_guid *ret_guid);
void efi_guid_text(const struct efi_guid *guid, char ret_text[EFI_GUID_TEXT + 1]);

/* efi_image_hash is the Authenticode SHA-256 of a PE32+ file for x86-64: the same for the unsigned
 * file and every signed form of it (an unsigned file counts as filled with zeros to a multiple of
 * eight bytes, which is what signing does first). MALFORMED: no such file, overlapping or unordered
 * sections, bytes between a signature and the file's end. */
MUST_USE enum status efi_image_hash(struct bytes file, uint8_t ret_hash[EFI_HASH_LEN]);

/* efi_image_is_signed tells whether such a file carries a signature; whose, only firmware judges.
 */
bool efi_image_is_signed(struct bytes file);

/* A partition of a disk with the old kind of partition table (UEFI 2.10 section 5.2). */
struct efi_partition {
	uint32_t number; /* from 1 */
	uint32_t first, sectors;
	uint32_t disk_signature;
};

/* efi_option_put appends the boot option (UEFI 2.10 section 3.1.3) that starts the image of a
 * partition as firmware itself would, \EFI\BOOT\BOOTX64.EFI without options for it: so it is
 * measured the same. TOO_LARGE: the name, or no EFI_OPTION_MAX bytes of room. */
MUST_USE enum status efi_option_put(const struct efi_partition *partition, const char *name,
                                    struct buffer *ret_option);

/* efi_list_put appends the signature list that holds one X.509 certificate: the content of PK, KEK
 * or db when its owner enrols that certificate alone. TOO_LARGE: certificate or buffer. */
MUST_USE enum status efi_list_put(const struct efi_guid *owner, struct bytes certificate,
                                  struct buffer *ret_list);

/* efi_predict_code is PCR 4 when the firmware's first boot option starts the image of this hash and
 * nothing before it was tried. */
void efi_predict_code(const uint8_t image_hash[EFI_HASH_LEN], uint8_t ret_pcr[EFI_HASH_LEN]);

/* What Secure Boot is set to. PK, KEK and db are whole variables (signature lists), dbx is empty;
 * `certificate` is the one in db that the image is signed with, `owner` its owner. */
struct efi_policy {
	struct bytes pk, kek, db;
	struct efi_guid owner;
	struct bytes certificate;
};

/* efi_predict_policy is PCR 7 with Secure Boot on, dbx empty, and the image accepted by that
 * certificate. TOO_LARGE: a variable or certificate is longer than fits. */
MUST_USE enum status efi_predict_policy(const struct efi_policy *policy,
                                        uint8_t ret_pcr[EFI_HASH_LEN]);

#endif
