/* keys_credential: TPM2_MakeCredential in software: a secret that comes back only from the TPM that
 * holds both an endorsement key and a key of a given name (TCG TPM 2.0 Library, part 1, section 24
 * and annexes B.10.4, C.6.4). For keys of the TCG EK Credential Profile's templates L-1 and H-1
 * (RSA 2048), L-2 and H-2 (P-256), with SHA-256 and AES-128-CFB, and H-3 (P-384) and H-6 (RSA
 * 3072), with SHA-384 and AES-256-CFB. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_CREDENTIAL_H
#define KEYS_CREDENTIAL_H

#include "keys_public.h"

#define KEYS_CREDENTIAL_SECRET_LEN    32
#define KEYS_CREDENTIAL_BLOB_MAX      84  /* bytes of the TPM2B_ID_OBJECT that is made here */
#define KEYS_CREDENTIAL_ENCRYPTED_MAX 512 /* bytes of a TPM2B_ENCRYPTED_SECRET */

/* keys_credential_endorsement takes the key out of the TPMT_PUBLIC of exactly one of these
 * templates (compared byte for byte, nothing is parsed): MALFORMED for anything else. */
MUST_USE enum status keys_credential_endorsement(struct bytes public_area,
                                                 struct keys_public *ret_public);
/* keys_credential_make appends what TPM2_ActivateCredential takes, both without their lengths: the
 * TPM2B_ID_OBJECT and the TPM2B_ENCRYPTED_SECRET. `name` is the other key's, at most 66 bytes.
 * STATUS_UNSUPPORTED for another kind of endorsement key. */
MUST_USE enum status keys_credential_make(const struct keys_public *endorsement, struct bytes name,
                                          const uint8_t secret[KEYS_CREDENTIAL_SECRET_LEN],
                                          struct buffer *ret_blob, struct buffer *ret_encrypted);

#endif
