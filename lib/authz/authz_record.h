/* authz_record: what the signer keeps about wallets, grants, clients and itself: records that are
 * sealed and put into the Merkle map (spec/store.md), as deterministic CBOR (spec/records.cddl).
 *
 * Only the signer writes and reads them. They are decoded strictly all the same: what cannot be
 * what we wrote is STATUS_CORRUPT, and the wallet is refused while others go on. Decoded structs
 * own their bytes (fixed arrays), so they can live in a cache. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_RECORD_H
#define AUTHZ_RECORD_H

#include "authz_counter.h"
#include "base_bytes.h"
#include "base_limits.h"

#define AUTHZ_NONCE_ACCOUNTS_MAX 8
#define AUTHZ_NONCES_MAX         32      /* nonce values that a grant remembers having signed on */
#define AUTHZ_EXPORT_DELAY_S     86400   /* unless the user says another one */
#define AUTHZ_RECOVERY_DELAY_S   259200  /* 72 h: a lost factor's owner has time to say no */
#define AUTHZ_VOID_AFTER_S       2592000 /* 30 days: what opened and nobody completed is void */
#define AUTHZ_SEALED_KEY_MAX     128     /* bytes: 64 of key and the AEAD's overhead */
/* Encoded sizes, at most. */
#define AUTHZ_WALLET_RECORD_MAX  8192
#define AUTHZ_GRANT_RECORD_MAX   32768
#define AUTHZ_LEASE_RECORD_MAX   16384
#define AUTHZ_CLIENT_RECORD_MAX  512
#define AUTHZ_CHECKPOINT_MAX     2048
#define AUTHZ_OPERATORS_MAX      16 /* of one deployment */

enum authz_origin {
	AUTHZ_ORIGIN_CREATED = 1,
	AUTHZ_ORIGIN_IMPORTED = 2, /* someone else may know the key (A20) */
};

/* A user's factor. Numbers are part of the format. */
enum authz_key_kind {
	AUTHZ_KEY_ED25519 = 1,         /* CLI, hardware wallet */
	AUTHZ_KEY_PASSKEY_P256 = 2,    /* WebAuthn, COSE ES256 */
	AUTHZ_KEY_PASSKEY_ED25519 = 3, /* WebAuthn, COSE EdDSA on Ed25519 */
	AUTHZ_KEY_TOTP = 4,            /* one-time codes (RFC 6238): second to a key */
	AUTHZ_KEY_KIND_COUNT
};

/* authz_key_is_passkey; of all kinds but TOTP a signature can be had. */
static inline bool authz_key_is_passkey(uint8_t kind)
{
	return kind == AUTHZ_KEY_PASSKEY_P256 || kind == AUTHZ_KEY_PASSKEY_ED25519;
}

/* Names a factor: an ed25519 public key, or the id of a passkey (authz_passkey_id) or TOTP secret,
 * whose record (authz_factor.h) says more. */
struct authz_user_key {
	uint8_t kind; /* enum authz_key_kind */
	uint8_t key[32];
};

/* One grant as its wallet lists it: enough to choose without loading the grant itself. */
struct authz_grant_entry {
	uint8_t grant[32];
	uint8_t client[32];
	uint64_t created; /* the wallet's version at creation: oldest first */
	bool
	    live; /* false: revoked; kept until it would have expired, so that revocation is told */
};

/* A change that was authorized and waits: enough to tell it without its record (authz_factor.h). */
struct authz_pending_entry {
	uint8_t change[32];   /* hash of the change */
	uint8_t action;       /* enum authz_action */
	bool recovery;        /* it was asked for with fewer factors than the wallet has */
	bool done;            /* an export that was handed over, kept to be fetched again */
	uint64_t asked_s;     /* time_low then */
	uint64_t opens_s;     /* time_low from which on it may be completed, and ... */
	uint64_t opens_ran_s; /* ... the signer's running time: nobody's word shortens that */
	uint64_t void_s;      /* time_high from which on it may not */
};

struct authz_wallet_record {
	uint8_t id[32];
	uint8_t address[32]; /* ed25519 public key */
	uint8_t name_len;
	char name[LIMIT_NAME_MAX];
	uint8_t origin; /* enum authz_origin */
	bool frozen;
	bool ownership_lost; /* exported, escape copy, or an intent once allowed setAuthority (A20)
	                      */
	bool has_recovery;
	uint8_t recovery[32];
	uint8_t user_key_count;
	struct authz_user_key user_keys[LIMIT_USER_KEYS_MAX];
	uint8_t authority[32]; /* authority hash: H(previous || signed bytes) */
	uint64_t version;      /* +1 with every change */
	uint8_t sealed_key_len;
	uint8_t sealed_key[AUTHZ_SEALED_KEY_MAX];
	uint8_t grant_count;
	struct authz_grant_entry grants[LIMIT_GRANTS_PER_WALLET_MAX];
	/* The user's own brakes and what they hold back (spec/authorization.md section 3). */
	uint64_t delay_s;        /* what gives power waits so long; 0: not at all */
	uint64_t export_delay_s; /* handing over the key waits so long */
	uint64_t exported;       /* how often the key was handed over */
	uint8_t pending_count;
	struct authz_pending_entry pending[LIMIT_PENDING_MAX];
	uint64_t
	    recovered; /* boot of the last recovery that this wallet was suspended for; 0: none */
	/* Records that its changes left for good: how many on that day (of 86400 s since 1970). */
	uint64_t kept_day, kept;
	uint64_t changed; /* bytes of its changes that were kept on that day */
	uint8_t link[32]; /* hash of its last link (authz_history.h) */
	/* What its user allows all its grants together. */
	uint8_t limit_count;
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX];
	uint64_t limits_since[LIMIT_WALLET_LIMITS_MAX]; /* the wallet's version that brought each */
	bool has_left;                                  /* in an answer: what is left of each */
	uint64_t left[LIMIT_WALLET_LIMITS_MAX];
};

struct authz_table_pin {
	uint8_t table[32];
	uint32_t count;   /* first entries that are vouched for */
	uint8_t hash[32]; /* SHA-256 of these entries' 32-byte addresses */
};

/* Whose word a module's text is. */
enum authz_module_kind {
	AUTHZ_MODULE_CUSTOM,  /* its author's: code that nothing explains */
	AUTHZ_MODULE_INTENT,  /* its author's where it speaks of others' programs: an intent */
	AUTHZ_MODULE_SHIPPED, /* ours */
};

/* A grant as it was authorized; `parameters` is the CBOR map, `record` what the module sees. */
struct authz_grant_record {
	uint8_t id[32];
	uint8_t wallet[32];
	uint8_t client[32];
	uint8_t module[32];
	enum authz_module_kind module_kind; /* of the module, when the grant was made */
	uint64_t not_before_s;              /* 0: none */
	uint64_t expires_s;                 /* 0: never */
	uint64_t uses_max;                  /* 0: no limit */
	uint64_t created;                   /* the wallet's version at creation */
	uint8_t counter_count;
	struct authz_counter_rule counters[LIMIT_COUNTERS_MAX];
	uint8_t nonce_account_count;
	uint8_t nonce_accounts[AUTHZ_NONCE_ACCOUNTS_MAX][32];
	uint8_t pin_count;
	struct authz_table_pin pins[LIMIT_TABLE_PINS_MAX];
	uint16_t schema_len;
	uint8_t schema[LIMIT_SCHEMA_MAX];
	uint16_t parameters_len;
	uint8_t parameters[LIMIT_PARAMETERS_MAX];
};

/* A durable nonce under which signatures were made: they stay good until the account moves on. */
struct authz_nonce {
	uint8_t account[32];
	uint8_t value[32];
};

/* Counters of one grant: its rules' states in order, then the uses counter when uses_max is set.
 * And the durable nonces that it signed on, the latest last, with how many there were before.
 * Counters of one wallet's limits, each with its rule: those change, and what was counted stays. */
struct authz_lease_record {
	uint8_t owner[32]; /* grant or wallet */
	uint8_t count;
	struct authz_counter counters[LIMIT_COUNTERS_MAX + 1];
	uint8_t rule_count; /* 0, or as many as counters */
	struct authz_counter_rule rules[LIMIT_WALLET_LIMITS_MAX];
	uint64_t since[LIMIT_WALLET_LIMITS_MAX]; /* limits_since of each */
	uint8_t nonce_count;
	struct authz_nonce nonces[AUTHZ_NONCES_MAX];
	uint64_t nonces_before;
};

/* Who froze a client. Numbers are part of the format. */
enum authz_freezer {
	AUTHZ_FROZEN_BY_OPERATOR = 1,
	AUTHZ_FROZEN_BY_CEILING = 2, /* the signer: it passed one of the site's ceilings */
	AUTHZ_FREEZER_COUNT
};

struct authz_client_record {
	uint8_t id[32];       /* SHA-256 of the root key */
	uint8_t root_key[32]; /* ed25519 */
	uint64_t serial;      /* a credential with a higher one replaces it */
	uint8_t token_hash[32];
	uint64_t expires_s; /* 0: never */
	bool frozen;
	uint8_t frozen_by; /* enum authz_freezer; 0: not frozen, or that was not written yet */
};

/* What the signer knew of the time when it wrote a checkpoint (spec/time.md). */
struct authz_time_marks {
	uint64_t low_s, high_s; /* seconds since 1970: proven, and the latest that it may be */
	uint64_t ran_s;         /* how long signers of this deployment have run */
	uint64_t unproven_s;    /* how long of that since time was last proven; 0: proven now */
	bool is_proven;         /* in this boot */
	uint64_t tpm_clock_ms;  /* of the TPM, which goes on over power cycles */
	uint8_t host[16];       /* boot id of the kernel, and its CLOCK_BOOTTIME */
	uint64_t host_ms;
};

/* One operator's last command: his next one needs a higher serial. Each has his own, so that one
 * key, in whoever's hands, ends nobody else's commands. */
struct authz_operator_serial {
	uint8_t key[32];
	uint64_t serial;
};

/* The site manifest in force: an older one is refused. Serial and hash 0: none. */
struct authz_site_mark {
	uint64_t serial;
	uint8_t hash[32]; /* of its signed bytes */
};

/* authz_checkpoint is what the store keeps beside the map: where the signer stood at a commit. The
 * MAC is over everything before it, with a key that derives from the master key; `master` is the
 * master key sealed under the node share and the second share. */
struct authz_checkpoint {
	uint8_t deployment[32];
	uint64_t seq;
	uint8_t root[32];
	uint8_t previous[32]; /* SHA-256 of the checkpoint before it; zero at genesis */
	uint64_t boot;        /* boot number */
	struct authz_site_mark site;
	uint32_t writes_left;   /* of the TPM's, after this one, in thousandths */
	uint64_t receipts_from; /* cursor: wallets' chain heads in the map are as of this blob */
	bool clean;             /* the last one before an orderly stop */
	bool frozen;            /* an operator froze everything */
	uint8_t operator_count; /* those who gave a command */
	struct authz_operator_serial operators[AUTHZ_OPERATORS_MAX];
	uint8_t boot_record[32];           /* hash of this boot's record */
	uint64_t wallets, grants, clients; /* how many there are, for status */
	/* Anchoring (spec/store.md). `anchor` is the TPM's extend index before this checkpoint is
	 * extended into it; of a light one, which never is, the index as it stands. */
	uint64_t counter; /* of the TPM's boot counter in this boot */
	uint8_t anchor[32];
	bool light;
	uint64_t recovered; /* boot that began from a store no TPM vouched for; 0: none */
	struct authz_time_marks time;
	uint8_t sealed_master_len;
	uint8_t sealed_master[AUTHZ_SEALED_KEY_MAX];
	uint8_t mac[32];
};

/* authz_rule_put and authz_rule_take are a counter's rule; authz_rules_put and authz_rules_take a
 * list of them, ids ascending, none of the native mint: of a grant or a wallet, in a change's body
 * or the record. */
struct cbor_writer;
struct cbor_reader;
void authz_rule_put(struct cbor_writer *w, const struct authz_counter_rule *rule);
void authz_rule_take(struct cbor_reader *r, struct authz_counter_rule *rule);
void authz_rules_put(struct cbor_writer *w, const struct authz_counter_rule *rules, size_t count);
MUST_USE size_t authz_rules_take(struct cbor_reader *r, struct authz_counter_rule *rules,
                                 size_t max);
/* authz_limits_differ: no two limits of a wallet count the same thing. */
bool authz_limits_differ(const struct authz_counter_rule *limits, size_t count);

/* Each _put appends the record's one encoding, each _take accepts nothing else (STATUS_CORRUPT).
 * A _put whose bounds do not hold is a CHECK; STATUS_TOO_LARGE when `out` is too small. */
MUST_USE enum status authz_wallet_put(const struct authz_wallet_record *wallet, struct buffer *out);
MUST_USE enum status authz_wallet_take(struct bytes bytes, struct authz_wallet_record *ret_wallet);
MUST_USE enum status authz_grant_record_put(const struct authz_grant_record *grant,
                                            struct buffer *out);
MUST_USE enum status authz_grant_record_take(struct bytes bytes,
                                             struct authz_grant_record *ret_grant);
MUST_USE enum status authz_lease_put(const struct authz_lease_record *lease, struct buffer *out);
MUST_USE enum status authz_lease_take(struct bytes bytes, struct authz_lease_record *ret_lease);
MUST_USE enum status authz_client_put(const struct authz_client_record *client, struct buffer *out);
MUST_USE enum status authz_client_take(struct bytes bytes, struct authz_client_record *ret_client);
/* authz_checkpoint_put appends the checkpoint, its `mac` field last: compute the MAC over the
 * bytes that authz_checkpoint_signed returns, of an encoding with any mac. */
MUST_USE enum status authz_checkpoint_put(const struct authz_checkpoint *checkpoint,
                                          struct buffer *out);
MUST_USE enum status authz_checkpoint_take(struct bytes bytes,
                                           struct authz_checkpoint *ret_checkpoint);
struct bytes authz_checkpoint_signed(struct bytes encoded);

#endif
