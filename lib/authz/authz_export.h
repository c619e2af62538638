/* authz_export: a wallet's key on its way to its owner (S18): the forms that other tools read, and
 * the envelope. Pure but for the randomness of HPKE. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_EXPORT_H
#define AUTHZ_EXPORT_H

#include "authz_change.h"

#define AUTHZ_EXPORT_TEXT_MAX 320 /* the longest form: [255,...] of 64 numbers */

/* authz_export_write appends the key in a form of enum authz_export_format: KEYPAIR is a JSON array
 * of 64 numbers without white space (solana-keygen), BASE58 text of the same 64 bytes, PKCS8 the 48
 * bytes of RFC 8410 section 7 (version 1, no public key). Secret: the caller wipes. */
MUST_USE enum status authz_export_write(const struct keys_sign_key *key, uint8_t format,
                                        struct buffer *out);
/* authz_export_read takes exactly one form back; STATUS_MALFORMED for any other bytes. */
MUST_USE enum status authz_export_read(struct bytes written, uint8_t format,
                                       struct keys_sign_key *ret_key);

/* authz_export_seal appends the written key, HPKE-sealed to the recipient: info =
 * "claviger/export/v1" || deployment || wallet, associated data = SHA-256(change): the envelope
 * opens for what was authorized and for nothing else. */
MUST_USE enum status authz_export_seal(const uint8_t recipient[32], const uint8_t deployment[32],
                                       const uint8_t wallet[32], const uint8_t change_hash[32],
                                       struct bytes written, struct buffer *out);
/* authz_export_open is the recipient's side; the written key is appended to `ret_written`. */
MUST_USE enum status authz_export_open(const uint8_t recipient_secret[32],
                                       const uint8_t deployment[32], const uint8_t wallet[32],
                                       const uint8_t change_hash[32], struct bytes sealed,
                                       struct buffer *ret_written);

#endif
