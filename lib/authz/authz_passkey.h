/* authz_passkey: what a passkey says, checked strictly (WebAuthn level 2, sections 6.1, 7.1, 7.2):
 * registrations, assertions, and the client data beside them (U7, U8, H12).
 *
 * Client data is JSON that a browser wrote in one fixed way (section 5.8.1.1). It is compared, not
 * parsed: the limited verification of section 5.8.1.2, made stricter, for what may follow the known
 * members is a row of further names with plain strings or booleans and nothing else. So there is no
 * JSON parser where the keys are, and no text that two parsers could read differently.
 *
 * COSE keys (RFC 9052) are taken in the one form that CTAP2 prescribes for ES256 and Ed25519.
 * Pure. Everything taken is hostile and borrowed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_PASSKEY_H
#define AUTHZ_PASSKEY_H

#include "authz_record.h"
#include "keys_p256.h"

#define AUTHZ_ORIGINS_MAX            8
#define AUTHZ_CREDENTIAL_MIN         16  /* bytes of a credential id (WebAuthn section 4) */
#define AUTHZ_CREDENTIAL_MAX         255 /* longer ones exist in the standard, not in keys we know */
#define AUTHZ_AUTHENTICATOR_DATA_LEN 37  /* of an assertion */
#define AUTHZ_AUTHENTICATOR_DATA_MAX 512 /* of a registration */
#define AUTHZ_CLIENT_DATA_MAX        1024

/* Where a passkey may be used: measured or approved settings, never what a request says. */
struct authz_relying {
	uint8_t rp_id_hash[32]; /* SHA-256 of the relying party's id, a domain */
	size_t origin_count;
	struct bytes origins[AUTHZ_ORIGINS_MAX]; /* as browsers write them: https://host[:port] */
};

/* authz_relying_take reads settings: a domain in lower case, and origins separated by commas, each
 * https:// and that domain or one below it, with a port other than 443 or none. Borrows.
 * STATUS_MALFORMED for anything else. */
MUST_USE enum status authz_relying_take(struct bytes rp_id, struct bytes origins,
                                        struct authz_relying *ret_relying);

/* A passkey as it is registered. */
struct authz_passkey {
	uint8_t kind; /* AUTHZ_KEY_PASSKEY_P256 or _ED25519 */
	struct bytes credential;
	struct bytes public_key; /* x || y (64), or the Ed25519 key (32) */
};

/* authz_passkey_id names a passkey: SHA-256("claviger/passkey/v1" || credential id). */
void authz_passkey_id(struct bytes credential, uint8_t ret_id[32]);
/* authz_passkey_is_sound: kind, lengths, and a key that one may rely on (U8). */
bool authz_passkey_is_sound(const struct authz_passkey *passkey);

/* What an authenticator signed, and the client data that it signed the hash of. */
struct authz_assertion {
	struct bytes authenticator_data;
	struct bytes client_data;
	struct bytes signature; /* DER (ES256) or 64 bytes (Ed25519); empty in a registration */
};

/* What the checks found. Zero is no permission. */
enum authz_passkey_fault {
	AUTHZ_PASSKEY_UNCHECKED = 0,
	AUTHZ_PASSKEY_GOOD = 1,
	AUTHZ_PASSKEY_LENGTH,       /* authenticator data are not as long as they must be */
	AUTHZ_PASSKEY_RP_ID,        /* for another relying party */
	AUTHZ_PASSKEY_NOT_PRESENT,  /* nobody touched the authenticator (UP) */
	AUTHZ_PASSKEY_NOT_VERIFIED, /* it did not ask for PIN or fingerprint (UV) */
	AUTHZ_PASSKEY_FLAGS,  /* extensions, attested data or reserved bits where none belong */
	AUTHZ_PASSKEY_BACKUP, /* backed up but not eligible, or eligibility changed */
	AUTHZ_PASSKEY_CLIENT_DATA,  /* not written as browsers do, or other members than allowed */
	AUTHZ_PASSKEY_TYPE,         /* of another ceremony */
	AUTHZ_PASSKEY_CHALLENGE,    /* answers something else */
	AUTHZ_PASSKEY_ORIGIN,       /* from a page that is not in the settings (H12) */
	AUTHZ_PASSKEY_CROSS_ORIGIN, /* from inside another page */
	AUTHZ_PASSKEY_KEY,          /* not the key that the change names, or not a sound one */
	AUTHZ_PASSKEY_COUNTER,      /* the counter did not grow: a copy of the authenticator? */
	AUTHZ_PASSKEY_SIGNATURE,
	AUTHZ_PASSKEY_FAULT_COUNT
};

/* authz_passkey_fault_text says it in words; never NULL. */
const char *authz_passkey_fault_text(enum authz_passkey_fault fault);

/* What the signer knows about a passkey from before. */
struct authz_passkey_state {
	bool backup_eligible; /* flag BE at registration: may be copied to other devices */
	uint32_t count;       /* highest signature counter seen; 0: it has none */
};

/* authz_client_data_check compares client data with type, challenge and origins; `registers` is for
 * "webauthn.create". */
enum authz_passkey_fault authz_client_data_check(const struct authz_relying *relying,
                                                 bool registers, const uint8_t challenge[32],
                                                 struct bytes client_data);

/* authz_assertion_verify checks an assertion over `challenge` by this passkey. Good: `ret_count` is
 * its counter, to be kept. */
enum authz_passkey_fault
authz_assertion_verify(const struct authz_relying *relying, const struct authz_passkey *passkey,
                       const struct authz_passkey_state *state, const uint8_t challenge[32],
                       const struct authz_assertion *assertion, uint32_t *ret_count);
/* authz_registration_verify checks that authenticator and client data are of a registration of
 * exactly this passkey for `challenge`. There is no attestation to check: any authenticator will
 * do.
 */
enum authz_passkey_fault authz_registration_verify(const struct authz_relying *relying,
                                                   const struct authz_passkey *passkey,
                                                   const uint8_t challenge[32],
                                                   const struct authz_assertion *registration,
                                                   struct authz_passkey_state *ret_state);

/* The challenges: of a change SHA-256("claviger/change/v1" || change); of a registration
 * SHA-256("claviger/register/v1" || deployment || the change's nonce); of a session
 * SHA-256("claviger/session/v1" || request). */
void authz_change_challenge(struct bytes change, uint8_t ret_challenge[32]);
void authz_registration_challenge(const uint8_t deployment[32], const uint8_t nonce[32],
                                  uint8_t ret_challenge[32]);
void authz_session_challenge(struct bytes request, uint8_t ret_challenge[32]);
/* authz_assertion_signed appends the bytes that the signature covers: authenticator data ||
 * SHA-256(client data). */
MUST_USE enum status authz_assertion_signed(const struct authz_assertion *assertion,
                                            struct buffer *out);

#endif
