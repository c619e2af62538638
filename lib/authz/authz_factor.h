/* authz_factor: what the signer keeps about users' factors beside the wallets that name them, and
 * about changes that wait for their time. Records like those of authz_record.h: sealed, in the map,
 * deterministic CBOR (spec/records.cddl), written and read by the signer only.
 *
 * A factor's record belongs to its user, not to a wallet: what a passkey or a one-time code was
 * used for once, it cannot be used for with another wallet. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_FACTOR_H
#define AUTHZ_FACTOR_H

#include "authz_change.h"
#include "authz_passkey.h"
#include "keys_totp.h"

#define AUTHZ_SEALED_TOTP_LEN   (KEYS_TOTP_SECRET_LEN + KEYS_AEAD_OVERHEAD_LEN)
#define AUTHZ_FACTOR_RECORD_MAX 512
#define AUTHZ_PENDING_RECORD_MAX                                                                   \
	(LIMIT_CHANGE_MAX + LIMIT_DESCRIPTION_MAX +                                                \
	 AUTHZ_TABLE_ENTRIES_MAX * 32 * LIMIT_TABLE_PINS_MAX + 8192)

/* A passkey or a TOTP secret. Owns its bytes. */
struct authz_factor_record {
	uint8_t kind; /* AUTHZ_KEY_PASSKEY_* or _TOTP */
	uint8_t id[32];
	/* Passkeys. */
	uint8_t credential_len;
	uint8_t credential[AUTHZ_CREDENTIAL_MAX];
	uint8_t public_key[KEYS_P256_PUBLIC_LEN]; /* 64 or 32 bytes of it, by kind */
	bool backup_eligible;
	/* TOTP: the secret, sealed for this id. */
	uint8_t sealed_secret[AUTHZ_SEALED_TOTP_LEN];
	/* Passkeys: the highest signature counter. TOTP: the last step whose code was taken. Only
	 * grows. */
	uint64_t count;
	/* TOTP: wrong codes in a row, and until when (time_low) none is looked at: of those that
	 * came with a signature of the wallet's, and of those that came alone, which anybody can
	 * send. */
	struct authz_code_lock {
		uint64_t failures, blocked_until_s;
	} with_signature, alone;
	/* TOTP: for how long the signer has run (time.md) when the last block of `alone` ends;
	 * until then, whoever has nothing but codes cannot object to a recovery. */
	uint64_t alone_ran_s;
};

MUST_USE enum status authz_factor_record_put(const struct authz_factor_record *factor,
                                             struct buffer *out);
MUST_USE enum status authz_factor_record_take(struct bytes bytes,
                                              struct authz_factor_record *ret_factor);
/* authz_factor_passkey lends the record's passkey; valid as long as the record. */
struct authz_passkey authz_factor_passkey(const struct authz_factor_record *factor);

/* A change that waits: all that is needed to carry it out, and to show it. Borrows. */
struct authz_pending_record {
	uint8_t change[32];         /* its hash, the record's id in the map */
	struct bytes signed_change; /* as it was submitted */
	struct bytes description;
	uint8_t kept[32]; /* what was kept of it (authz_history.h) */
};

MUST_USE enum status authz_pending_record_put(const struct authz_pending_record *pending,
                                              struct buffer *out);
MUST_USE enum status authz_pending_record_take(struct bytes bytes,
                                               struct authz_pending_record *ret_pending);

/* authz_otpauth appends the otpauth:// URI that authenticator apps read, from a QR code or typed:
 * label and issuer, the secret in base32 (RFC 4648 section 6). `label` needs no escape: a name. */
MUST_USE enum status authz_otpauth(const struct keys_totp *secret, struct bytes label,
                                   struct buffer *out);

#endif
