/* base_sha256: SHA-256 (FIPS 180-4) of public data, for processes that link no crypto library.
 *
 * For the verifier (module and request hashes) and the policy tools. Not for secrets: it wipes
 * nothing. Uses the processor's SHA instructions when it has them; both ways are tested against
 * each other and against NIST's vectors. Pure; input may have any length. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base_bytes.h"

#define SHA256_LEN       32
#define SHA256_BLOCK_LEN 64

/* A hash in the making, for data that comes in pieces. */
struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes taken so far */
	uint8_t block[SHA256_BLOCK_LEN];
	size_t block_len;
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, struct bytes bytes);
/* sha256_done writes the hash; the struct must be initialised again before further use. */
void sha256_done(struct sha256 *hash, uint8_t ret_hash[SHA256_LEN]);

/* sha256_of hashes one run of bytes. */
void sha256_of(struct bytes bytes, uint8_t ret_hash[SHA256_LEN]);

/* sha256_use_portable makes this process use the plain C code only; for tests. */
void sha256_use_portable(bool portable);

#endif
