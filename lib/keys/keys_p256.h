/* keys_p256: ECDSA over P-256 with SHA-256: what a TPM verifies, so what approvals are signed with.
 *
 * A public key is x || y, a signature r || s, 32 bytes each, big-endian, as TPM structures have
 * them (TCG TPM 2.0 Library, part 2, TPMS_ECC_POINT, TPMS_SIGNATURE_ECC). AWS-LC allocates inside;
 * never used on the way of a signature of a wallet. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_P256_H
#define KEYS_P256_H

#include "keys.h"

#define KEYS_P256_PUBLIC_LEN    64
#define KEYS_P256_SIGNATURE_MAX 72 /* bytes of a signature in DER */

struct keys_p256_key {
	uint8_t secret[32];
	uint8_t public[KEYS_P256_PUBLIC_LEN];
};

/* keys_p256_random makes a new key. */
void keys_p256_random(struct keys_p256_key *ret_key);
/* keys_p256_from_secret makes the key of a scalar; STATUS_CRYPTO when it is none (0 or >= n). */
MUST_USE enum status keys_p256_from_secret(const uint8_t secret[32], struct keys_p256_key *ret_key);
/* keys_p256_is_public tells whether x || y is a point of the curve. */
bool keys_p256_is_public(const uint8_t public_key[KEYS_P256_PUBLIC_LEN]);
/* keys_p256_sign signs a SHA-256 digest. */
MUST_USE enum status keys_p256_sign(const struct keys_p256_key *key,
                                    const uint8_t digest[KEYS_HASH_LEN],
                                    uint8_t ret_signature[KEYS_SIGNATURE_LEN]);
/* keys_p256_verify: STATUS_CRYPTO when the key or the signature is not good. Each signature has a
 * second form (n - s), which is accepted: nothing here may use signatures as names. */
MUST_USE enum status keys_p256_verify(const uint8_t public_key[KEYS_P256_PUBLIC_LEN],
                                      const uint8_t digest[KEYS_HASH_LEN],
                                      const uint8_t signature[KEYS_SIGNATURE_LEN]);
/* keys_p256_take_signature reads the one DER form (X.690) of SEQUENCE { r, s }, as passkeys give
 * it; STATUS_MALFORMED for any other. That r and s are in range is keys_p256_verify's check. */
MUST_USE enum status keys_p256_take_signature(struct bytes der,
                                              uint8_t ret_signature[KEYS_SIGNATURE_LEN]);
/* keys_p256_take_der reads RFC 5915 ECPrivateKey, as keys_tls_der writes it, or PKCS #8 around it.
 */
MUST_USE enum status keys_p256_take_der(struct bytes der, struct keys_p256_key *ret_key);
/* keys_p256_put_der and _put_public_der append RFC 5915 ECPrivateKey, and RFC 5480
 * SubjectPublicKeyInfo, which other tools take. */
MUST_USE enum status keys_p256_put_der(const struct keys_p256_key *key, struct buffer *ret_der);
MUST_USE enum status keys_p256_put_public_der(const uint8_t public_key[KEYS_P256_PUBLIC_LEN],
                                              struct buffer *ret_der);
/* keys_p256_take_public_der reads a SubjectPublicKeyInfo. */
MUST_USE enum status keys_p256_take_public_der(struct bytes der,
                                               uint8_t ret_public[KEYS_P256_PUBLIC_LEN]);

#endif
