/* keys_hpke: the envelope for everything secret or power-raising (architecture: HPKE, RFC 9180):
 * base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * One envelope is one HPKE context with one message: enc (32) || ciphertext || tag (16). Its answer
 * is sealed under a key from the same context's exporter and a fresh random salt, so the answer to
 * a replayed envelope never reuses a key and nonce (the pattern of RFC 9458 section 4.4). AWS-LC
 * allocates inside; used for changes and imports, never on the way of a signature. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_HPKE_H
#define KEYS_HPKE_H

#include "keys.h"

#define KEYS_HPKE_OVERHEAD_LEN   48 /* enc, tag */
#define KEYS_ANSWER_SALT_LEN     32
#define KEYS_ANSWER_OVERHEAD_LEN 48 /* salt, tag */

struct keys_hpke_key {
	uint8_t secret[32];
	uint8_t public[KEYS_PUBLIC_LEN];
};

/* What both sides keep until the answer: exporter secret and enc. Secret. */
struct keys_hpke_answer {
	uint8_t secret[32];
	uint8_t enc[32];
};

/* keys_hpke_random makes a channel key. */
void keys_hpke_random(struct keys_hpke_key *ret_key);
/* keys_hpke_from_seed makes the key of 32 secret bytes (X25519 scalar; any bytes will do). */
void keys_hpke_from_seed(const uint8_t seed[32], struct keys_hpke_key *ret_key);

/* keys_hpke_info appends "claviger/hpke/v1" || deployment || SHA-256(public key): the info of
 * envelopes to this deployment's channel keys (80 bytes). */
MUST_USE enum status keys_hpke_info(const uint8_t deployment[32],
                                    const uint8_t public_key[KEYS_PUBLIC_LEN],
                                    struct buffer *ret_info);

/* keys_hpke_seal appends an envelope for `public_key`; STATUS_CRYPTO for a key of small order.
 * `ret_answer` may be NULL when no answer is awaited. */
MUST_USE enum status keys_hpke_seal(const uint8_t public_key[KEYS_PUBLIC_LEN], struct bytes info,
                                    struct bytes associated, struct bytes plain,
                                    struct buffer *ret_sealed, struct keys_hpke_answer *ret_answer);
/* keys_hpke_open appends what an envelope holds; STATUS_CRYPTO when it was not sealed to this key,
 * info and associated data. `ret_answer` may be NULL. */
MUST_USE enum status keys_hpke_open(const struct keys_hpke_key *key, struct bytes info,
                                    struct bytes associated, struct bytes sealed,
                                    struct buffer *ret_plain, struct keys_hpke_answer *ret_answer);

/* keys_answer_seal appends the answer: salt (32, random) || ciphertext || tag. */
MUST_USE enum status keys_answer_seal(const struct keys_hpke_answer *answer, struct bytes plain,
                                      struct buffer *ret_sealed);
/* keys_answer_open appends what an answer says; STATUS_CRYPTO when it answers something else. */
MUST_USE enum status keys_answer_open(const struct keys_hpke_answer *answer, struct bytes sealed,
                                      struct buffer *ret_plain);

#endif
