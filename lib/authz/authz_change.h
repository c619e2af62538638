/* authz_change: the one object by which a user changes what may happen to his wallets (S11, S17):
 * its codec, bodies and hashes (spec/authorization.md, spec/authorization.cddl).
 *
 * A change is deterministic CBOR. The command line makes it, the authority looks at it, the signer
 * verifies and applies it: all three with this code. Taken structs borrow from the encoded bytes.
 * A taken change is well-formed with all its bodies; whether it is allowed is the signer's to say.
 * Pure. Bytes are hostile until the user's signature over them was checked (authz_text.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_CHANGE_H
#define AUTHZ_CHANGE_H

#include "authz_passkey.h"
#include "authz_record.h"
#include "keys_hpke.h"
#include "keys_totp.h"

#define AUTHZ_EXTRA_ACCOUNTS_MAX 16  /* named extra accounts of one grant */
#define AUTHZ_SIGNATURES_MAX     10  /* of a change: two factors, and the keys that it brings */
#define AUTHZ_CODES_MAX          2   /* one-time codes beside one change */
#define AUTHZ_TABLE_ENTRIES_MAX  256 /* addresses of one lookup table */
#define AUTHZ_GRANT_BODY_MAX     20480
#define AUTHZ_CODE_LEN           4 /* bytes of a one-time code before it is sealed */
#define AUTHZ_CODE_SEALED_LEN    (AUTHZ_CODE_LEN + KEYS_HPKE_OVERHEAD_LEN)

/* Numbers are part of the format. The word is authz_action_word. */
enum authz_action {
	AUTHZ_ACTION_CREATE = 1,
	AUTHZ_ACTION_GRANT = 2,
	AUTHZ_ACTION_REVOKE = 3,
	AUTHZ_ACTION_FREEZE = 4,
	AUTHZ_ACTION_UNFREEZE = 5,
	AUTHZ_ACTION_LIMIT = 6,
	AUTHZ_ACTION_FACTOR = 7,
	AUTHZ_ACTION_IMPORT = 8,
	AUTHZ_ACTION_EXPORT = 9,
	AUTHZ_ACTION_CANCEL = 10,
	AUTHZ_ACTION_COUNT
};

/* authz_action_word is "create", "grant", ... as the signed text says it; NULL for no action. */
const char *authz_action_word(uint8_t action);
/* authz_action_reduces: power can only become less (revoke, freeze, cancel), so any one factor will
 * do and no previous authority hash is named. A limit reduces when no cap grows: see the signer. */
bool authz_action_reduces(uint8_t action);
/* authz_action_is_birth: create and import, whose wallet does not exist before. */
bool authz_action_is_birth(uint8_t action);

struct authz_change_entry {
	uint8_t wallet[32];   /* id; for births 32 random bytes that the user's client made */
	bool has_previous;    /* never at births and reducing actions; always else, LIMIT may */
	uint8_t previous[32]; /* the wallet's authority hash that this change was made for */
	struct bytes body;    /* CBOR map of the action, borrowed */
};

struct authz_change {
	uint8_t action; /* enum authz_action */
	uint8_t deployment[32];
	size_t entry_count; /* 1 to LIMIT_CHANGE_WALLETS_MAX; wallets ascending, each once */
	struct authz_change_entry entries[LIMIT_CHANGE_WALLETS_MAX];
	uint8_t nonce[32];            /* from the authority, one use */
	uint64_t expires_s;           /* of the change itself, not of what it grants */
	uint8_t description_hash[32]; /* SHA-256 of the text; zero while it is being prepared */
};

/* authz_change_put appends the change; wrong counts or order are a CHECK, bodies are trusted. */
MUST_USE enum status authz_change_put(const struct authz_change *change, struct buffer *out);
/* authz_change_take takes exactly one change with well-formed bodies, else STATUS_MALFORMED,
 * _TOO_LARGE, or _UNSUPPORTED (version, action or key kind that we do not know: refuse). */
MUST_USE enum status authz_change_take(struct bytes bytes, struct authz_change *ret_change);
/* authz_change_hash is SHA-256 of the encoded change: what the signed text ends with. */
void authz_change_hash(struct bytes change, uint8_t ret_hash[32]);

/* What a body says of a factor that it brings, beside its name. Borrowed; for ed25519 empty. */
struct authz_key_data {
	struct bytes credential; /* passkeys: the credential id */
	struct bytes public_key; /* passkeys: x || y, or the Ed25519 key */
	struct bytes sealed;     /* TOTP: the secret as ENROLL gave it out, sealed for the signer */
};

/* What gives power waits so long before it may be completed; a wallet's own brake. */
struct authz_delays {
	bool has_delay, has_export_delay;
	uint64_t delay_s;        /* 0 to LIMIT_DELAY_MAX_S */
	uint64_t export_delay_s; /* the same, for EXPORT; AUTHZ_EXPORT_DELAY_S when never said */
};

/* CREATE and IMPORT. The first user key is the one that signs the change. */
struct authz_birth_body {
	struct bytes name; /* [A-Za-z0-9_-]+, at most LIMIT_NAME_MAX */
	size_t user_key_count;
	struct authz_user_key user_keys[LIMIT_USER_KEYS_MAX]; /* each once */
	struct authz_key_data user_key_data[LIMIT_USER_KEYS_MAX];
	struct authz_delays delays;
	bool has_recovery;
	uint8_t recovery[32]; /* ed25519 public key */
	bool has_escape;
	uint8_t escape[32];  /* X25519 public key that an escape copy is sealed to (B13) */
	uint8_t address[32]; /* IMPORT only: the public key of what is imported; else zero */
	size_t limit_count;  /* of the wallet, from its first day on */
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX]; /* ids ascending, all differ */
};

/* A pinned table as signed: hash = SHA-256 of the first `count` addresses of 32 bytes. Contents
 * travel beside the change (authz_signed_change). */
struct authz_pin_body {
	uint8_t table[32];
	uint16_t count; /* 1 to AUTHZ_TABLE_ENTRIES_MAX */
	uint8_t hash[32];
};

struct authz_grant_body {
	uint8_t client[32];
	uint8_t module[32];      /* SHA-256 of the WASM bytes */
	struct bytes parameters; /* CBOR map, at most LIMIT_PARAMETERS_MAX */
	struct bytes schema;     /* copy of the module's section; may be empty */
	size_t counter_count;
	struct authz_counter_rule counters[LIMIT_COUNTERS_MAX]; /* ids ascending */
	uint64_t not_before_s;                                  /* 0: none */
	uint64_t expires_s;                                     /* 0: never */
	uint64_t uses_max;                                      /* 0: no limit */
	size_t nonce_account_count; /* 0: durable nonces are refused (B8) */
	uint8_t nonce_accounts[AUTHZ_NONCE_ACCOUNTS_MAX][32]; /* ascending, as all lists of keys */
	size_t pin_count;
	struct authz_pin_body pins[LIMIT_TABLE_PINS_MAX];
	size_t extra_account_count;
	uint8_t extra_accounts[AUTHZ_EXTRA_ACCOUNTS_MAX][32];
};

/* LIMIT: other caps of a grant's counters, or all limits of the wallet itself. */
struct authz_limit_body {
	bool of_wallet;
	uint8_t grant[32];
	size_t count; /* 1 to LIMIT_COUNTERS_MAX, ids ascending */
	struct {
		uint8_t id;
		uint64_t cap;
	} caps[LIMIT_COUNTERS_MAX];
	size_t limit_count; /* of the wallet; 0: none any more */
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX]; /* ids ascending, all differ */
};

struct authz_factor_body {
	size_t add_count, remove_count; /* one key at least, or a delay, or the recovery key */
	struct authz_user_key add[LIMIT_USER_KEYS_MAX], remove[LIMIT_USER_KEYS_MAX];
	struct authz_key_data add_data[LIMIT_USER_KEYS_MAX];
	struct authz_delays delays;
	bool has_recovery, drops_recovery; /* another recovery key, or none any more */
	uint8_t recovery[32];
};

/* How an exported key is written; authz_export.h makes it. Numbers are part of the format. */
enum authz_export_format {
	AUTHZ_EXPORT_KEYPAIR = 1, /* JSON array of 64 numbers: solana-keygen's file */
	AUTHZ_EXPORT_BASE58 = 2,  /* base58 of the 64 bytes: what wallets import */
	AUTHZ_EXPORT_PKCS8 = 3,   /* DER of RFC 8410 */
	AUTHZ_EXPORT_FORMAT_COUNT
};

struct authz_export_body {
	uint8_t recipient[32]; /* X25519 key that the wallet's key is sealed to */
	uint8_t format;        /* enum authz_export_format */
};

/* Each _put appends the body's map, each _take takes exactly one. FREEZE and UNFREEZE are the empty
 * map (authz_empty_put). REVOKE and CANCEL name a grant and a change's hash: authz_id_*. */
MUST_USE enum status authz_birth_put(const struct authz_birth_body *body, bool is_import,
                                     struct buffer *out);
MUST_USE enum status authz_birth_take(struct bytes bytes, bool is_import,
                                      struct authz_birth_body *ret_body);
MUST_USE enum status authz_grant_put(const struct authz_grant_body *body, struct buffer *out);
MUST_USE enum status authz_grant_take(struct bytes bytes, struct authz_grant_body *ret_body);
MUST_USE enum status authz_limit_put(const struct authz_limit_body *body, struct buffer *out);
MUST_USE enum status authz_limit_take(struct bytes bytes, struct authz_limit_body *ret_body);
MUST_USE enum status authz_factor_put(const struct authz_factor_body *body, struct buffer *out);
MUST_USE enum status authz_factor_take(struct bytes bytes, struct authz_factor_body *ret_body);
MUST_USE enum status authz_export_put(const struct authz_export_body *body, struct buffer *out);
MUST_USE enum status authz_export_take(struct bytes bytes, struct authz_export_body *ret_body);
MUST_USE enum status authz_id_put(const uint8_t id[32], struct buffer *out);
MUST_USE enum status authz_id_take(struct bytes bytes, uint8_t ret_id[32]);
MUST_USE enum status authz_empty_put(struct buffer *out);
MUST_USE enum status authz_empty_take(struct bytes bytes);

/* authz_grant_id names what one change grants to one wallet: SHA-256("claviger/grant/v1" || SHA-256
 * of the encoded change || wallet id). Both sides compute it; a replay gives the same id (H1). */
void authz_grant_id(struct bytes change, const uint8_t wallet[32], uint8_t ret_id[32]);
/* authz_authority_next is the wallet's authority hash after a change: SHA-256("claviger/authority/
 * v1" || previous || SHA-256 of the signed bytes); previous is zero at birth. `signed_bytes` is
 * what the user's first signature covers (authz_text_put). */
void authz_authority_next(const uint8_t previous[32], struct bytes signed_bytes,
                          uint8_t ret_hash[32]);
/* authz_user_id is SHA-256 of the first user key at a wallet's birth. */
void authz_user_id(const struct authz_user_key *first, uint8_t ret_user[32]);

/* One user's signature on a change: of an ed25519 key, or what its passkey said. */
struct authz_signature {
	struct authz_user_key key;
	uint8_t signature[KEYS_SIGNATURE_LEN];
	struct authz_assertion assertion; /* borrowed */
};

/* A one-time code beside a change. It counts with a signature, or alone for what takes power away.
 * authz_code.h seals and opens it. */
struct authz_code {
	uint8_t id[32]; /* of the TOTP factor */
	uint8_t sealed[AUTHZ_CODE_SEALED_LEN];
};

/* What an authenticator said when it made a passkey that the change brings. */
struct authz_registration {
	uint8_t id[32];              /* of the passkey */
	struct authz_assertion said; /* without signature */
};

/* Contents of a pinned table: `addresses` is a multiple of 32 bytes. */
struct authz_table_contents {
	uint8_t table[32];
	struct bytes addresses;
};

/* What is sent: a change with its signatures, and what belongs to it without being signed. */
struct authz_signed_change {
	struct bytes change;
	size_t signature_count; /* 0 while it is being prepared */
	struct authz_signature signatures[AUTHZ_SIGNATURES_MAX];
	/* IMPORT: HPKE to the signer's channel key, associated data = SHA-256(change), of a CBOR
	 * array of 32-byte seeds in the entries' order; else empty. */
	struct bytes sealed_seeds;
	size_t code_count;
	struct authz_code codes[AUTHZ_CODES_MAX]; /* each factor once */
	size_t registration_count; /* one for each passkey that the bodies bring and nobody had */
	struct authz_registration registrations[LIMIT_USER_KEYS_MAX];
	size_t table_count; /* contents for all pins of the bodies, each table and length once */
	struct authz_table_contents tables[LIMIT_TABLE_PINS_MAX];
};

MUST_USE enum status authz_signed_change_put(const struct authz_signed_change *signed_change,
                                             struct buffer *out);
MUST_USE enum status authz_signed_change_take(struct bytes bytes,
                                              struct authz_signed_change *ret_signed);
/* authz_table_find returns the contents that fit a pin by table, length and hash; NULL when none
 * does. */
const struct authz_table_contents *authz_table_find(const struct authz_signed_change *signed_change,
                                                    const struct authz_pin_body *pin);

#endif
