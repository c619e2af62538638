/* signer_vault: every key of this machine, in one guarded page, and what is done with them.
 *
 * The master key is random, made once (genesis) and kept sealed under HKDF(node share || second
 * share); the node share comes from the TPM, the second share is 32 zero bytes in unattended mode.
 * All else derives from the master (spec/keys.md); wallet keys are random and sealed under it. A
 * wallet key is in clear only inside signer_vault_sign, _hand_over and where it is made (S21).
 *
 * Nothing here leaves the page but signatures, MACs, sealed bytes, public keys and the TLS key that
 * the bridge needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_VAULT_H
#define SIGNER_VAULT_H

#include "authz_code.h"
#include "keys.h"
#include "keys_hpke.h"
#include "keys_tls.h"

struct signer_vault;

/* signer_vault_new opens the guarded page (phase 1); STATUS_IO when memory cannot be locked. */
MUST_USE enum status signer_vault_new(struct signer_vault **ret_vault);

/* signer_vault_genesis makes deployment id and master key and returns the master sealed under the
 * shares (appended to `ret_sealed_master`). */
MUST_USE enum status signer_vault_genesis(struct signer_vault *vault, const uint8_t share[32],
                                          const uint8_t second[32], uint8_t ret_deployment[32],
                                          struct buffer *ret_sealed_master);
/* signer_vault_open opens the sealed master; STATUS_CORRUPT when it was not sealed under these
 * shares for this deployment: then nothing is known and the signer stays shut. */
MUST_USE enum status signer_vault_open(struct signer_vault *vault, const uint8_t share[32],
                                       const uint8_t second[32], const uint8_t deployment[32],
                                       struct bytes sealed_master);

const uint8_t *signer_vault_deployment_key(const struct signer_vault *vault);
/* signer_vault_deployment lends the deployment key to the codecs that sign with it; it stays in the
 * guarded page. */
const struct keys_sign_key *signer_vault_deployment(const struct signer_vault *vault);
void signer_vault_mac(const struct signer_vault *vault, struct bytes bytes,
                      uint8_t ret_mac[KEYS_MAC_LEN]);

/* Records: sealed for (kind, id), so that no record can stand in another's place (U2). */
MUST_USE enum status signer_vault_seal(const struct signer_vault *vault, uint32_t kind,
                                       const uint8_t id[32], struct bytes plain,
                                       struct buffer *ret_sealed);
MUST_USE enum status signer_vault_unseal(const struct signer_vault *vault, uint32_t kind,
                                         const uint8_t id[32], struct bytes sealed,
                                         struct buffer *ret_plain);

/* signer_vault_create_key makes a wallet key and appends it sealed for that wallet. */
MUST_USE enum status signer_vault_create_key(const struct signer_vault *vault,
                                             const uint8_t wallet[32],
                                             uint8_t ret_address[KEYS_PUBLIC_LEN],
                                             struct buffer *ret_sealed);
/* What a client sealed to this boot's channel: a CBOR array of 32-byte seeds. `associated` is the
 * hash of the change that it belongs to. */
struct signer_seeds {
	struct bytes sealed;
	uint8_t associated[32];
	size_t count; /* seeds that must be there */
};

/* signer_vault_import_key seals the key of seed number `at`. The seeds are open in the guarded page
 * alone, and wiped before it returns. STATUS_CRYPTO: not sealed to this signer and change;
 * STATUS_MALFORMED: not that many seeds. */
MUST_USE enum status signer_vault_import_key(struct signer_vault *vault, const uint8_t wallet[32],
                                             const struct signer_seeds *seeds, size_t at,
                                             uint8_t ret_address[KEYS_PUBLIC_LEN],
                                             struct buffer *ret_sealed);
/* signer_vault_escape appends a new wallet's key, HPKE-sealed to the user's own X25519 key (B13).
 */
MUST_USE enum status signer_vault_escape(const struct signer_vault *vault, const uint8_t wallet[32],
                                         struct bytes sealed, const uint8_t to[KEYS_PUBLIC_LEN],
                                         struct buffer *ret_copy);
/* What an export is bound to (authz_export.h). */
struct signer_handover {
	uint8_t recipient[KEYS_PUBLIC_LEN];
	uint8_t format; /* enum authz_export_format */
	uint8_t change_hash[32];
};

/* signer_vault_hand_over appends the wallet's key, written as asked and HPKE-sealed to the
 * recipient (S18). STATUS_CRYPTO for a recipient's key of small order, STATUS_CORRUPT for a key
 * that is not this wallet's. The key is in clear in the guarded page alone. */
MUST_USE enum status signer_vault_hand_over(struct signer_vault *vault, const uint8_t wallet[32],
                                            struct bytes sealed,
                                            const struct signer_handover *handover,
                                            struct buffer *ret_sealed);

/* signer_vault_enroll answers a request for a TOTP secret that was sealed to this boot's channel
 * (authz_code.h): the secret, for who asked alone, and sealed for its id, which is how it is kept
 * and comes back. STATUS_CRYPTO: no request to this signer. */
MUST_USE enum status signer_vault_enroll(struct signer_vault *vault, struct bytes request,
                                         struct buffer *ret_answer);
/* signer_vault_code_open opens what a user typed for this change; STATUS_CRYPTO when it was sealed
 * for another one, another factor or another signer. */
MUST_USE enum status signer_vault_code_open(const struct signer_vault *vault,
                                            const struct authz_code *code,
                                            const uint8_t change_hash[32], uint32_t *ret_code);
/* signer_vault_totp_code computes the code of a step; STATUS_CORRUPT when `sealed` was not made
 * here for this id. */
MUST_USE enum status signer_vault_totp_code(struct signer_vault *vault, const uint8_t id[32],
                                            const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN],
                                            uint64_t step, uint32_t *ret_code);

/* signer_vault_sign opens the wallet's key, signs exactly these bytes, wipes. STATUS_CORRUPT when
 * the sealed key is not this wallet's. */
MUST_USE enum status signer_vault_sign(const struct signer_vault *vault, const uint8_t wallet[32],
                                       struct bytes sealed, struct bytes message,
                                       uint8_t ret_signature[KEYS_SIGNATURE_LEN]);

/* signer_vault_tls returns the bridge's TLS key. */
void signer_vault_tls(const struct signer_vault *vault, struct keys_tls_key *ret_key);
/* signer_vault_channel returns the public key of this boot's channel (import, export). */
const uint8_t *signer_vault_channel(const struct signer_vault *vault);

#endif
