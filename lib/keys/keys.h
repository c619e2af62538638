/* keys: the adapter over AWS-LC's libcrypto, and the only user of its headers.
 *
 * Hashes, HKDF, HMAC, AEAD, Ed25519, random bytes. HPKE is in keys_hpke.h, the TLS key and its
 * certificate in keys_tls.h. Secrets have types of fixed size, so that no log or wire function
 * takes one by accident; whoever holds one keeps it in a secret page (lib/secret) or wipes it.
 * Nothing here allocates or keeps state, except inside AWS-LC where keys_hpke.h and keys_tls.h say
 * so. Random bytes come from getrandom(2). A primitive that fails where it cannot is a CHECK. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_H
#define KEYS_H

#include "base_bytes.h"

#define KEYS_HASH_LEN      32 /* SHA-256 */
#define KEYS_PUBLIC_LEN    32 /* Ed25519 or X25519 public key */
#define KEYS_SIGNATURE_LEN 64
#define KEYS_MAC_LEN       32
#define KEYS_PARTS_MAX     8 /* runs that are hashed or signed as one */

struct keys_master {
	uint8_t bytes[32];
};

/* A 32-byte secret derived from another one: HMAC key, AEAD key, seed. */
struct keys_secret {
	uint8_t bytes[32];
};

/* An Ed25519 signing key as RFC 8032 stores and AWS-LC takes it: seed || public key. A wallet's key
 * is sealed in this form, since deriving the public key costs as much as signing. */
struct keys_sign_key {
	uint8_t bytes[64];
};

/* keys_open lets AWS-LC do what it does once, on its first use (looking at files, making its
 * generator): phase 1 of every process that uses this module, before the sandbox forbids it. */
void keys_open(void);

/* keys_random fills with bytes of the kernel's generator. */
void keys_random(void *ret_bytes, size_t len);

/* keys_sha256 hashes the concatenation of `count` runs, at most KEYS_PARTS_MAX. */
void keys_sha256(const struct bytes *parts, size_t count, uint8_t ret_hash[KEYS_HASH_LEN]);
/* keys_sha256_label hashes label || bytes, the form of every hash of ours that has a label. */
void keys_sha256_label(const char *label, struct bytes bytes, uint8_t ret_hash[KEYS_HASH_LEN]);

/* keys_hmac is HMAC-SHA-256 (RFC 2104) over the concatenation of `count` runs. */
void keys_hmac(const struct keys_secret *key, const struct bytes *parts, size_t count,
               uint8_t ret_mac[KEYS_MAC_LEN]);
/* keys_hkdf is HKDF-SHA-256 (RFC 5869) with any lengths; at most 255 * 32 bytes out. */
void keys_hkdf(struct bytes secret, struct bytes salt, struct bytes info, void *ret_bytes,
               size_t len);
/* keys_derive makes the secret of one purpose: HKDF(master, salt = deployment, info = label ||
 * context). Labels are "claviger/<what>/v1"; context tells instances apart (epoch, index). */
void keys_derive(const struct keys_master *master, const uint8_t deployment[32], const char *label,
                 struct bytes context, struct keys_secret *ret_secret);

/* AEAD: AES-256-GCM-SIV (RFC 8452), which stays safe should a nonce ever repeat. What is sealed
 * looks like nonce (12, random) || ciphertext || tag (16). */
#define KEYS_AEAD_NONCE_LEN    12
#define KEYS_AEAD_OVERHEAD_LEN 28
#define KEYS_AEAD_STATE_LEN    640

/* A key made ready once, so that opening a wallet's key costs no key schedule. Secret. */
struct keys_aead {
	_Alignas(16) uint8_t state[KEYS_AEAD_STATE_LEN];
};

/* keys_aead_init makes the key ready; keys_aead_done wipes it. */
void keys_aead_init(const struct keys_secret *key, struct keys_aead *ret_aead);
void keys_aead_done(struct keys_aead *aead);
/* keys_aead_seal appends the sealed form of `plain`, bound to `associated`, with a fresh nonce. */
MUST_USE enum status keys_aead_seal(const struct keys_aead *aead, struct bytes associated,
                                    struct bytes plain, struct buffer *ret_sealed);
/* keys_aead_open appends the plain text; STATUS_CORRUPT, and nothing appended, when any bit of
 * `sealed` or `associated` is not what was sealed. */
MUST_USE enum status keys_aead_open(const struct keys_aead *aead, struct bytes associated,
                                    struct bytes sealed, struct buffer *ret_plain);

/* keys_sign_from_seed makes the signing key of a seed (RFC 8032 section 5.1.5). */
void keys_sign_from_seed(const uint8_t seed[32], struct keys_sign_key *ret_key);
/* keys_sign_random makes a new signing key. */
void keys_sign_random(struct keys_sign_key *ret_key);
/* keys_sign_public returns the public half, inside `key`. */
static inline const uint8_t *keys_sign_public(const struct keys_sign_key *key)
{
	return key->bytes + 32;
}
/* keys_sign_is_whole tells whether the public half belongs to the seed: for imported keys. */
bool keys_sign_is_whole(const struct keys_sign_key *key);
/* keys_sign signs the exact bytes (RFC 8032 Ed25519, deterministic). */
void keys_sign(const struct keys_sign_key *key, struct bytes message,
               uint8_t ret_signature[KEYS_SIGNATURE_LEN]);
/* keys_verify accepts a signature only when R and the public key are canonical points not of small
 * order and S is reduced: one key, message and intent have no second form (U8). STATUS_CRYPTO
 * otherwise. */
MUST_USE enum status keys_verify(const uint8_t public_key[KEYS_PUBLIC_LEN], struct bytes message,
                                 const uint8_t signature[KEYS_SIGNATURE_LEN]);
/* keys_public_is_strong tells whether an Ed25519 public key is canonical, on the curve and not of
 * small order: asked before a key is registered. */
bool keys_public_is_strong(const uint8_t public_key[KEYS_PUBLIC_LEN]);

#endif
