/* authz_code: one-time codes and their secrets on their way to the signer and back. The authority
 * between them reads none of it and can move none of it (A4): a code is sealed to the signer's
 * channel key for one factor and one change, a new secret comes back under a key that only who
 * asked for it has. Pure but for the randomness of HPKE. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_CODE_H
#define AUTHZ_CODE_H

#include "authz_ask.h"
#include "keys_hpke.h"

/* authz_code_seal seals the code of factor `id` that was typed for this change: associated data =
 * "claviger/code/v1" || id || SHA-256(change), plain text = the code as 4 bytes, big-endian.
 * STATUS_CRYPTO for a channel key of small order. */
MUST_USE enum status authz_code_seal(const uint8_t deployment[32], const uint8_t signer_key[32],
                                     const uint8_t id[32], struct bytes change, uint32_t code,
                                     struct authz_code *ret_code);
/* authz_code_open is the signer's side; STATUS_CRYPTO when it was sealed for anything else. */
MUST_USE enum status authz_code_open(const uint8_t deployment[32],
                                     const struct keys_hpke_key *channel,
                                     const struct authz_code *code, const uint8_t change_hash[32],
                                     uint32_t *ret_code);

/* authz_enroll_seal appends the request for a secret, which says no more than for which deployment;
 * the caller keeps `ret_answer`. */
MUST_USE enum status authz_enroll_seal(const uint8_t deployment[32], const uint8_t signer_key[32],
                                       struct buffer *ret_sealed,
                                       struct keys_hpke_answer *ret_answer);
/* authz_enroll_open is the signer's side; STATUS_CRYPTO when it is no such request to it. */
MUST_USE enum status authz_enroll_open(const uint8_t deployment[32],
                                       const struct keys_hpke_key *channel, struct bytes sealed,
                                       struct keys_hpke_answer *ret_answer);
/* authz_enrolled_seal appends the sealed answer, authz_enrolled_open takes it apart. */
MUST_USE enum status authz_enrolled_seal(const struct keys_hpke_answer *answer,
                                         const struct authz_enroll_answer *enrolled,
                                         struct buffer *ret_sealed);
MUST_USE enum status authz_enrolled_open(const struct keys_hpke_answer *answer, struct bytes sealed,
                                         struct authz_enroll_answer *ret_enrolled);

#endif
