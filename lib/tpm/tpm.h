/* tpm: one TPM 2.0 over tpm2-tss (ESYS), for unsealer and attestor; the only user of tss2 headers.
 *
 * Own objects have high-entropy secrets or none, and `noDA`: power cuts never lead to dictionary
 * attack lockout (C3). Sealed data is `fixedTPM|fixedParent|noDA` without `userWithAuth` (with that
 * bit an empty password unseals past any policy), and what is loaded is checked for exactly these
 * bits.
 *
 * What a TPM answers is authenticated where it matters: secrets travel only in sessions salted to
 * the storage primary, with parameter encryption, and the primary's name is compared with the
 * one pinned in the sealed blob before that, so that neither a listener nor a man in the middle
 * between processor and TPM gets or alters the share (PH3, PH4).
 *
 * Allocates inside tpm2-tss and AWS-LC. After a failure struct tpm holds the response code and what
 * was being done. One thread. Source of names and bits: TCG TPM 2.0 Library, parts 2 and 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_H
#define TPM_H

#include "base_bytes.h"

#define TPM_SHARE_LEN        32u
#define TPM_PCR_COUNT        24u
#define TPM_PCR_LEN          32u /* SHA-256 bank */
#define TPM_NAME_MAX         34u
#define TPM_ATTEST_MAX       1024u
#define TPM_SIGNATURE_MAX    256u
#define TPM_PUBLIC_MAX       512u
#define TPM_BLOB_PUBLIC_MAX  256u
#define TPM_BLOB_PRIVATE_MAX 512u
#define TPM_BLOB_MAX         1024u

#define TPM_PCR_CAP         11u /* extended with SHA-256("claviger/cap/v1") after unsealing */
#define TPM_HANDLE_PRIMARY  0x81434c01u /* persistent storage primary, owner hierarchy */
#define TPM_NV_CHECKPOINT   0x01434c01u /* extend index: anchors checkpoints */
#define TPM_NV_BOOT_COUNTER 0x01434c02u /* counter: one more each boot */

/* A TPM name: algorithm (big-endian) and SHA-256 of the public area. */
struct tpm_name {
	uint32_t len;
	uint8_t bytes[TPM_NAME_MAX];
};

struct tpm {
	void *esys;
	void *tcti;
	uint32_t primary; /* ESYS handles; 0 when not there */
	uint32_t session;
	uint32_t ak;
	uint32_t rc;      /* of the last failure */
	const char *what; /* what was being done, never NULL */
};

struct tpm_info {
	uint8_t manufacturer[4];
	uint32_t firmware_high, firmware_low;
	bool is_software;
	uint64_t clock_ms;
	uint32_t reset_count, restart_count;
	bool clock_safe;
};

/* A sealed share as it is kept in a file (spec/sealing.md). */
struct tpm_blob {
	uint32_t pcr_mask;
	struct tpm_name primary;
	uint8_t public_area[TPM_BLOB_PUBLIC_MAX];
	size_t public_len;
	uint8_t private_area[TPM_BLOB_PRIVATE_MAX];
	size_t private_len;
};

/* tpm_blob_put and tpm_blob_take: the file's bytes. Take is strict: CORRUPT when the checksum
 * differs, MALFORMED for anything else. */
MUST_USE enum status tpm_blob_put(const struct tpm_blob *blob, struct buffer *ret_bytes);
MUST_USE enum status tpm_blob_take(struct bytes bytes, struct tpm_blob *ret_blob);

/* tpm_open connects: "device:/dev/tpmrm0", "swtpm:path=/dir/socket"; the descriptor stays
 * open until tpm_close, and nothing is opened later. */
MUST_USE enum status tpm_open(const char *where, struct tpm *ret_tpm);
/* tpm_close forgets loaded objects and disconnects; the TPM goes on. */
void tpm_close(struct tpm *tpm);
/* tpm_descriptor is the open device or socket, for a sandbox; -1 when there is none. */
int tpm_descriptor(const struct tpm *tpm);
/* tpm_startup sends TPM2_Startup(CLEAR); a TPM that was started already is fine. */
MUST_USE enum status tpm_startup(struct tpm *tpm);
/* tpm_shutdown sends TPM2_Shutdown(CLEAR): the last command before the power goes. */
MUST_USE enum status tpm_shutdown(struct tpm *tpm);
/* tpm_is_lockout is true when the last failure was dictionary attack lockout; tpm_is_policy when a
 * policy did not hold (PCRs differ). */
bool tpm_is_lockout(const struct tpm *tpm);
bool tpm_is_policy(const struct tpm *tpm);

MUST_USE enum status tpm_info(struct tpm *tpm, struct tpm_info *ret_info);
/* tpm_random fills with the TPM's random bytes, encrypted on the way when a primary is open. */
MUST_USE enum status tpm_random(struct tpm *tpm, uint8_t *ret_bytes, size_t len);

/* tpm_primary_open finds the persistent storage primary and checks its attributes; with `create` it
 * makes one where there is none (needs owner authorization: empty at genesis). NOT_FOUND without.
 * `pinned` (may be NULL): REFUSED when the primary has another name. Starts the salted session. */
MUST_USE enum status tpm_primary_open(struct tpm *tpm, bool create, const struct tpm_name *pinned,
                                      struct tpm_name *ret_name);

/* tpm_seal seals a share to the present values of the PCRs in `pcr_mask`. */
MUST_USE enum status tpm_seal(struct tpm *tpm, uint32_t pcr_mask,
                              const uint8_t share[TPM_SHARE_LEN], struct tpm_blob *ret_blob);
/* tpm_unseal: REFUSED when PCRs differ (tpm_is_policy), CORRUPT when the blob's object is not
 * one that tpm_seal makes. The primary must be open with blob->primary pinned. */
MUST_USE enum status tpm_unseal(struct tpm *tpm, const struct tpm_blob *blob,
                                uint8_t ret_share[TPM_SHARE_LEN]);

MUST_USE enum status tpm_pcr_extend(struct tpm *tpm, uint32_t pcr, const uint8_t digest[32]);
/* tpm_pcr_cap extends TPM_PCR_CAP so that nothing can be unsealed until the next reset. */
MUST_USE enum status tpm_pcr_cap(struct tpm *tpm);
/* tpm_pcr_read reads the PCRs in `mask`; rows of others are zero. */
MUST_USE enum status tpm_pcr_read(struct tpm *tpm, uint32_t mask,
                                  uint8_t ret_values[TPM_PCR_COUNT][TPM_PCR_LEN]);

/* tpm_ak_open makes this TPM's attestation key (restricted, ECC P-256, endorsement hierarchy: the
 * same key each time until the TPM's owner clears it) and gives its name. */
MUST_USE enum status tpm_ak_open(struct tpm *tpm, struct tpm_name *ret_name);
/* tpm_ak_public gives its TPMT_PUBLIC as the TPM writes it. */
MUST_USE enum status tpm_ak_public(struct tpm *tpm, struct buffer *ret_public);
/* tpm_quote signs the PCRs in `mask` with `extra` (32 bytes): TPMS_ATTEST and TPMT_SIGNATURE. */
MUST_USE enum status tpm_quote(struct tpm *tpm, uint32_t mask, const uint8_t extra[32],
                               struct buffer *ret_attest, struct buffer *ret_signature);

/* NV indices. Define needs owner authorization (empty until it is set); extend, increment and read
 * use the index's own empty authorization. NOT_FOUND when the index is not there; define of one
 * that is there: CONFLICT. An extend index reads as NOT_FOUND until it was first extended. */
MUST_USE enum status tpm_nv_define_extend(struct tpm *tpm, uint32_t index);
MUST_USE enum status tpm_nv_define_counter(struct tpm *tpm, uint32_t index);
MUST_USE enum status tpm_nv_extend(struct tpm *tpm, uint32_t index, const uint8_t data[32]);
MUST_USE enum status tpm_nv_increment(struct tpm *tpm, uint32_t index);
MUST_USE enum status tpm_nv_read(struct tpm *tpm, uint32_t index, uint8_t *ret_bytes, size_t len);
MUST_USE enum status tpm_nv_read_counter(struct tpm *tpm, uint32_t index, uint64_t *ret_value);

#endif
