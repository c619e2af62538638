/* authz_statement: what one key says under a label of its own: a client's credential, an operator's
 * command, a question, a channel certificate, a wallet's birth (spec/authorization.md).
 *
 * A statement is CBOR {1: body, 2: signature}; the signature covers label || body. Each kind has
 * its own label, so none can stand for another. _put encodes and signs; _open decodes strictly and
 * verifies: with the key that the body names (the caller then decides whose key that is), or with
 * the deployment key where the deployment speaks. Taken runs borrow. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_STATEMENT_H
#define AUTHZ_STATEMENT_H

#include "authz_change.h"

#define AUTHZ_STATEMENT_MAX 512 /* bytes of any of these but a birth */
#define AUTHZ_BIRTH_MAX     (512 + LIMIT_CHANGE_WALLETS_MAX * 1024)

/* A client's credential: its id is SHA-256(root key). A higher serial replaces. */
enum authz_credential_kind {
	AUTHZ_CREDENTIAL_TOKEN =
	    1,                    /* hash: SHA-256 of the token's text; the bridge sees the token */
	AUTHZ_CREDENTIAL_TLS = 2, /* hash: SHA-256 of the client's SubjectPublicKeyInfo */
};

struct authz_credential {
	uint8_t deployment[32];
	uint8_t root_key[32]; /* ed25519; also who signs */
	uint64_t serial;
	uint8_t kind; /* enum authz_credential_kind */
	uint8_t hash[32];
	uint64_t expires_s; /* 0: never */
};

/* authz_client_id is SHA-256(root key). */
void authz_client_id(const uint8_t root_key[32], uint8_t ret_id[32]);
MUST_USE enum status authz_credential_put(const struct authz_credential *credential,
                                          const struct keys_sign_key *root, struct buffer *out);
MUST_USE enum status authz_credential_open(struct bytes bytes,
                                           struct authz_credential *ret_credential);

/* An operator's command. The serial grows with each command of his. */
enum authz_command_action {
	AUTHZ_COMMAND_FREEZE_CLIENT = 1,
	AUTHZ_COMMAND_UNFREEZE_CLIENT = 2, /* lifts an operator's freeze only */
	AUTHZ_COMMAND_FREEZE_ALL = 3,
	AUTHZ_COMMAND_UNFREEZE_ALL = 4,
	AUTHZ_COMMAND_TRIM_RECEIPTS = 5, /* target: seconds (8 bytes, big-endian), then zeros */
	AUTHZ_COMMAND_RESTART = 6,       /* the appliance: an orderly stop, then a new start */
	AUTHZ_COMMAND_OFF = 7,           /* and one that ends with the power off */
	AUTHZ_COMMAND_INSTALL_SITE = 8,  /* the appliance: target: SHA-256 of a signed manifest */
	AUTHZ_COMMAND_INSTALL_APPROVALS = 9,    /* of a file of approvals */
	AUTHZ_COMMAND_UPDATE = 10,              /* of an order of another image (authz_update.h) */
	AUTHZ_COMMAND_INSTALL_CERTIFICATE = 11, /* of a CA's chain for the TLS key, in PEM */
	AUTHZ_COMMAND_COUNT
};

struct authz_command {
	uint8_t deployment[32];
	uint8_t operator_key[32]; /* ed25519; also who signs */
	uint64_t serial;
	uint8_t action;     /* enum authz_command_action */
	uint8_t target[32]; /* client id; zero for ALL and the machine; a time for TRIM_RECEIPTS */
	uint64_t expires_s; /* of the command */
};

MUST_USE enum status authz_command_put(const struct authz_command *command,
                                       const struct keys_sign_key *key, struct buffer *out);
MUST_USE enum status authz_command_open(struct bytes bytes, struct authz_command *ret_command);

/* A command and what it installs: CBOR {1: signed command, 2: content}. Taken runs borrow. */
struct authz_install {
	struct bytes command, content;
};

#define AUTHZ_INSTALL_MAX 65532u

MUST_USE enum status authz_install_put(const struct authz_install *install, struct buffer *out);
MUST_USE enum status authz_install_take(struct bytes bytes, struct authz_install *ret_install);

/* A question about what its key may see. */
enum authz_query_topic {
	AUTHZ_QUERY_WALLETS = 1,   /* the wallets of which this key is a user key */
	AUTHZ_QUERY_WALLET = 2,    /* by id, address or H("claviger/name/v1" || name) */
	AUTHZ_QUERY_GRANT = 3,     /* one grant */
	AUTHZ_QUERY_CLIENT = 4,    /* a client: its root key, or an operator */
	AUTHZ_QUERY_PENDING = 5,   /* a change of wallet `after` that waits, by its hash */
	AUTHZ_QUERY_FACTOR = 6,    /* a passkey or TOTP factor of wallet `after` */
	AUTHZ_QUERY_DECISIONS = 7, /* a wallet's receipts, newest first */
	AUTHZ_QUERY_BACKUP = 8,    /* an operator's: a step of a backup (authz_answer.h) */
	AUTHZ_QUERY_CLIENTS = 9,   /* an operator's: all clients, page by page (authz_answer.h) */
	AUTHZ_QUERY_UPDATE = 10,   /* an operator's: how an update stands (authz_update.h) */
	AUTHZ_QUERY_MODULE = 11,   /* no question: who adds a module (authz_module_add) */
	AUTHZ_QUERY_CHANGES = 12,  /* a wallet's changes as they were signed (authz_history.h) */
	AUTHZ_QUERY_SWEEP = 13, /* an operator's: a step of a sweep of modules (authz_answer.h) */
	AUTHZ_QUERY_COUNT
};

struct authz_query {
	uint8_t deployment[32];
	uint8_t kind;    /* of the key; a signed query's is ed25519 */
	uint8_t key[32]; /* also who signs */
	uint8_t topic;   /* enum authz_query_topic */
	uint8_t target[32];
	uint8_t after[32]; /* lists: ids above this one; zero from the start */
	uint8_t nonce[32];
};

MUST_USE enum status authz_query_put(const struct authz_query *query,
                                     const struct keys_sign_key *key, struct buffer *out);
MUST_USE enum status authz_query_open(struct bytes bytes, struct authz_query *ret_query);

/* What time it is, by one of the site's time keys, over a nonce of the signer (spec/time.md). */
#define AUTHZ_TIME_ERROR_MAX_S 60
#define AUTHZ_TIME_MAX_S       UINT64_C(253402300799) /* the last second of the year 9999 */

struct authz_time {
	uint8_t deployment[32];
	uint8_t key[32];   /* ed25519; also who signs */
	uint8_t nonce[32]; /* the signer's: fresh, and once for each key */
	uint64_t time_s;   /* seconds since 1970 */
	uint8_t error_s;   /* it is not further off, 0 to AUTHZ_TIME_ERROR_MAX_S */
};

MUST_USE enum status authz_time_put(const struct authz_time *time, const struct keys_sign_key *key,
                                    struct buffer *out);
MUST_USE enum status authz_time_open(struct bytes bytes, struct authz_time *ret_time);

/* Whose channel key it is. */
enum authz_role {
	AUTHZ_ROLE_AUTHORITY = 1, /* changes, credentials, commands */
	AUTHZ_ROLE_SIGNER = 2,    /* seeds of imported wallets */
};

struct authz_certificate {
	uint8_t deployment[32];
	uint64_t boot;
	uint8_t role;    /* enum authz_role */
	uint8_t key[32]; /* X25519 public key */
};

MUST_USE enum status authz_certificate_put(const struct authz_certificate *certificate,
                                           const struct keys_sign_key *deployment_key,
                                           struct buffer *out);
MUST_USE enum status authz_certificate_open(struct bytes bytes, const uint8_t deployment_key[32],
                                            struct authz_certificate *ret_certificate);

/* What the deployment answers to CREATE and IMPORT. The client compares all of it with what it
 * asked for, before it shows the address to anyone (A8): authz_birth_matches. */
struct authz_birth_row {
	uint8_t wallet[32];
	uint8_t address[32];
	bool imported;
	size_t user_key_count;
	struct authz_user_key user_keys[LIMIT_USER_KEYS_MAX];
	bool has_recovery;
	uint8_t recovery[32];
	struct bytes escape_copy; /* HPKE to the escape key (authz_escape_*); empty when none */
};

struct authz_birth {
	uint8_t deployment[32];
	uint8_t change_hash[32];
	size_t count;
	struct authz_birth_row rows[LIMIT_CHANGE_WALLETS_MAX];
};

MUST_USE enum status authz_birth_answer_put(const struct authz_birth *birth,
                                            const struct keys_sign_key *deployment_key,
                                            struct buffer *out);
MUST_USE enum status authz_birth_answer_open(struct bytes bytes, const uint8_t deployment_key[32],
                                             struct authz_birth *ret_birth);
/* authz_birth_matches: the answer is for this very change, wallet by wallet with the same user
 * keys, recovery key, origin, imported address and presence of an escape copy; else STATUS_REFUSED.
 */
MUST_USE enum status authz_birth_matches(const struct authz_birth *birth,
                                         const struct authz_change *change,
                                         struct bytes change_bytes);

/* An escape copy (B13): HPKE of the wallet's 64-byte key to the escape key, with info
 * "claviger/escape/v1" || deployment || wallet and associated data address. */
#define AUTHZ_ESCAPE_LEN 112
MUST_USE enum status authz_escape_seal(const uint8_t escape_key[32], const uint8_t deployment[32],
                                       const uint8_t wallet[32], const struct keys_sign_key *key,
                                       struct buffer *out);
MUST_USE enum status authz_escape_open(const uint8_t escape_secret[32],
                                       const uint8_t deployment[32], const uint8_t wallet[32],
                                       const uint8_t address[32], struct bytes sealed,
                                       struct keys_sign_key *ret_key);

#endif
