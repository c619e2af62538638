/* signer_state: what the signer knows: wallets, grants, clients, names, modules, tables.
 *
 * All of it lies in the store, sealed; here are bounded caches of it, filled on demand with proofs.
 * A look-up returns OK with an entry, NOT_FOUND when proven absent, BUSY while the store was asked
 * (ask again after the next pump), CORRUPT when the record is damaged, IO when the store is away.
 * Entries stay valid until the next look-up of their kind unless pinned. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_STATE_H
#define SIGNER_STATE_H

#include "authz_factor.h"
#include "authz_history.h"
#include "authz_record.h"
#include "policy_request.h"
#include "signer_cache.h"
#include "signer_hold.h"
#include "signer_store.h"
#include "signer_vault.h"

#define SIGNER_WALLETS_CACHED 4096
#define SIGNER_GRANTS_CACHED  1024
#define SIGNER_LIMITS_CACHED  1024
#define SIGNER_CLIENTS_CACHED 4096
#define SIGNER_INDEXES_CACHED 16384
#define SIGNER_MODULES_CACHED 32
#define SIGNER_USERS_CACHED   16
#define SIGNER_FACTORS_CACHED 1024
#define SIGNER_PENDING_CACHED 2
#define SIGNER_OFFERS_CACHED  2
#define SIGNER_KEPT_CACHED    AUTHZ_CHANGES_MAX /* asked for together */
#define SIGNER_RECORD_MAX     LIMIT_MODULE_MAX

/* Where a wallet's chain of receipts stands. */
struct signer_chain {
	uint8_t hash[32]; /* of its last receipt; zero before the first */
	uint64_t boot, number;
};

/* A version of a wallet that a commit brought, or brings. */
struct signer_version {
	uint64_t batch; /* 0: it is durable */
	uint64_t version;
	uint8_t authority[32], link[32];
};

struct signer_wallet {
	struct signer_cache_head head;
	struct authz_wallet_record record;
	struct policy_mint_cache mints;
	/* Which version is durable, and those in the commit on its way and in the next one: the
	 * record itself may have less power already. */
	struct signer_version durable, coming[2];
};

/* Beside a row of lease.nonces (signer_nonce.h). */
enum signer_nonce_state { SIGNER_NONCE_NEW, SIGNER_NONCE_WRITING, SIGNER_NONCE_DURABLE };

struct signer_nonce {
	enum signer_nonce_state state;
	bool proven;                              /* no blockhash: counts as the largest */
	uint64_t counted[LIMIT_COUNTERS_MAX + 1]; /* the largest so far, per rule */
	/* The same of the wallet's limits, as they were in that version of its record. */
	uint64_t limits_version, limits_counted[LIMIT_WALLET_LIMITS_MAX];
};

/* The counters of a grant, or of a wallet's limits, and where their leases stand. */
struct signer_meter {
	struct signer_cache_head *head; /* of the entry that it lies in */
	uint32_t kind; /* CALL_STORE_VALUE_LEASE, of a wallet CALL_STORE_VALUE_LIMITS */
	struct authz_counter_rule rules[LIMIT_COUNTERS_MAX + 1]; /* lease.count */
	struct authz_lease_record lease;
	struct signer_nonce *nonces; /* beside lease.nonces; of a grant */
	bool leased_once;            /* or drawn on when it was read; not since a new rule */
	uint64_t lease_batch;        /* commit that makes the prepared leases durable; 0: none */
};

struct signer_grant {
	struct signer_cache_head head;
	bool record_ready, lease_ready; /* two records make one grant */
	struct authz_grant_record record;
	struct policy_schema schema; /* borrows from record.schema */
	_Alignas(8) uint8_t parameters[LIMIT_PARAMETERS_MAX];
	size_t parameters_len;
	uint8_t parameters_hash[32];
	struct policy_atas atas;
	struct signer_meter meter; /* its record's rules, then the uses */
	struct signer_nonce nonces[AUTHZ_NONCES_MAX];
};

/* What a wallet's limits have counted; the limits themselves stand in its record. */
struct signer_limits {
	struct signer_cache_head head;
	struct signer_meter meter;
	uint64_t version; /* of the wallet's record that meter.rules are from */
};

/* What of the receipts that gather is one client's; zero at first (signer_receipt.h). */
struct signer_receipt_share {
	uint64_t blob; /* the one that `bytes` are in */
	size_t bytes;
};

struct signer_client {
	struct signer_cache_head head;
	struct authz_client_record record;
	struct signer_receipt_share receipts;
};

/* A passkey or TOTP secret. */
struct signer_factor {
	struct signer_cache_head head;
	struct authz_factor_record record;
};

/* SHA-256 of a name, an address or a token -> id. */
struct signer_index {
	struct signer_cache_head head;
	uint8_t id[32];
};

/* A module as it is stored (signer_module.h), or the entries of a pinned table. */
struct signer_blob {
	struct signer_cache_head head;
	size_t len;
	uint8_t bytes[LIMIT_MODULE_MAX];
};

/* Ids of the records that there is one of (CALL_STORE_VALUE_META): the first byte, then zeros. */
enum signer_meta {
	SIGNER_META_CERTIFICATE = 1, /* of the TLS key, behind SHA-256 of the setting tls_name */
	SIGNER_META_MODULES = 2,     /* number and bytes of the modules that are kept */
	SIGNER_META_LAST_BOOT = 3,   /* the last deleted boot record */
	SIGNER_META_NODE = 4,        /* AK's name || EK's id that were activated */
	SIGNER_META_CHAIN = 5,       /* a CA's chain for the TLS key, as an operator brought it */
};

struct signer_state {
	const struct signer_vault *vault;
	struct signer_store *store;
	struct signer_cache wallets, grants, limits, clients, names, addresses, tokens, modules,
	    tables, users, metas, user_keys, factors, pending, offers, links, kept, owners;
	struct signer_holds holds; /* written as soon as a batch has room */
	/* The version of a wallet, client or grant that a commit which does not count yet writes;
	 * NULL: none does. */
	void *(*next)(void *context, uint32_t kind, const uint8_t id[32]);
	struct buffer plain;              /* a record as it was unsealed */
	struct buffer sealed;             /* a record to be written */
	struct signer_meter *leasing[64]; /* whose leases are being written */
	bool renewed;                     /* one was renewed since the others were looked at */
	size_t leasing_count;
	uint64_t (*time_low_s)(void *context);
	bool (*time_is_proven)(void *context);
	uint64_t (*ran_s)(void *context); /* running time (signer_time.h) */
	void *context;
	uint64_t loads;     /* grows when something came: those who wait look again */
	uint64_t pumped;    /* committed batch at the last pump */
	uint64_t recovered; /* boot of the last recovery: wallets not seen since are suspended */
};

/* The hash under which a wallet's name is found. */
void signer_state_name_hash(struct bytes name, uint8_t ret_hash[32]);

void signer_state_user_hash(const struct authz_user_key *key, uint8_t ret_hash[32]);

void signer_state_init(struct signer_state *state, const struct signer_vault *vault);
/* signer_state_loaded is the store's hook. */
void signer_state_loaded(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                         enum status status, struct bytes sealed);

MUST_USE enum status signer_state_wallet(struct signer_state *state, const uint8_t id[32],
                                         struct signer_wallet **ret_wallet);
MUST_USE enum status signer_state_grant(struct signer_state *state, const uint8_t id[32],
                                        struct signer_grant **ret_grant);
/* signer_state_limits finds what the limits of a cached wallet have counted, by the rules of its
 * record as that is now. */
MUST_USE enum status signer_state_limits(struct signer_state *state,
                                         const struct signer_wallet *wallet,
                                         struct signer_limits **ret_limits);
/* signer_state_limits_left is what is left of each limit in the record of a cached wallet. */
MUST_USE enum status signer_state_limits_left(struct signer_state *state,
                                              const struct signer_wallet *wallet,
                                              uint64_t ret_left[LIMIT_WALLET_LIMITS_MAX]);
MUST_USE enum status signer_state_client(struct signer_state *state, const uint8_t id[32],
                                         struct signer_client **ret_client);
MUST_USE enum status signer_state_by_name(struct signer_state *state, const uint8_t name_hash[32],
                                          uint8_t ret_wallet[32]);
MUST_USE enum status signer_state_by_address(struct signer_state *state, const uint8_t address[32],
                                             uint8_t ret_wallet[32]);
MUST_USE enum status signer_state_by_token(struct signer_state *state, const uint8_t hash[32],
                                           uint8_t ret_client[32]);
MUST_USE enum status signer_state_by_user_key(struct signer_state *state, const uint8_t key[32],
                                              uint8_t ret_wallet[32]);
MUST_USE enum status signer_state_module(struct signer_state *state, const uint8_t hash[32],
                                         struct signer_blob **ret_module);
/* signer_state_offer finds a record of modules on offer, signer_state_share what a user keeps. */
MUST_USE enum status signer_state_offer(struct signer_state *state, const uint8_t id[32],
                                        struct signer_blob **ret_offer);
MUST_USE enum status signer_state_share(struct signer_state *state, const uint8_t user[32],
                                        struct signer_blob **ret_share);
/* signer_state_owner finds of whose share a kept module is. */
MUST_USE enum status signer_state_owner(struct signer_state *state, const uint8_t module[32],
                                        uint8_t ret_user[32]);
/* signer_state_user finds the list of wallets of a user key: rows of 32-byte ids. */
MUST_USE enum status signer_state_user(struct signer_state *state, const uint8_t hash[32],
                                       struct signer_blob **ret_list);
MUST_USE enum status signer_state_factor(struct signer_state *state, const uint8_t id[32],
                                         struct signer_factor **ret_factor);
/* signer_state_pending finds a waiting change's record by the change's hash. */
MUST_USE enum status signer_state_pending(struct signer_state *state, const uint8_t hash[32],
                                          struct signer_blob **ret_pending);
MUST_USE enum status signer_state_meta(struct signer_state *state, const uint8_t id[32],
                                       struct signer_blob **ret_meta);
/* signer_state_link and _kept find what a wallet's version came from (authz_history.h). */
MUST_USE enum status signer_state_link(struct signer_state *state, const uint8_t id[32],
                                       struct signer_blob **ret_link);
MUST_USE enum status signer_state_kept(struct signer_state *state, const uint8_t hash[32],
                                       struct signer_blob **ret_kept);
/* signer_state_durable is the version of a cached wallet that is durable. */
struct signer_version signer_state_durable(const struct signer_state *state,
                                           struct signer_wallet *wallet);
MUST_USE enum status signer_state_table(struct signer_state *state, const uint8_t hash[32],
                                        struct signer_blob **ret_table);

/* signer_state_coming gives the version of a record that a commit which does not count yet writes,
 * borrowed until the next look-up; false: none does, or it does not open. For what only counts or
 * is named by its hash: a change that is judged by it goes with that commit or after it. */
bool signer_state_coming(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                         struct bytes *ret_plain);

/* Writes: seal and add to the gathering batch; `ret_batch` says when they are durable. The caller
 * has made room (signer_store_room), so they do not fail half-way. They do not touch the caches:
 * what raises power becomes visible with signer_state_install_* after its commit, what lowers it
 * is installed first. */
uint64_t signer_state_put(struct signer_state *state, uint32_t kind, const uint8_t id[32],
                          struct bytes plain);
/* signer_state_remove takes a record that is there out of the state; room as for a put. */
uint64_t signer_state_remove(struct signer_state *state, uint32_t kind, const uint8_t id[32]);
uint64_t signer_state_put_wallet(struct signer_state *state,
                                 const struct authz_wallet_record *wallet);
uint64_t signer_state_put_grant(struct signer_state *state, const struct authz_grant_record *grant);
uint64_t signer_state_put_lease(struct signer_state *state, uint32_t kind,
                                const struct authz_lease_record *lease);
uint64_t signer_state_put_client(struct signer_state *state,
                                 const struct authz_client_record *client);
uint64_t signer_state_put_factor(struct signer_state *state,
                                 const struct authz_factor_record *factor);
void signer_state_install_wallet(struct signer_state *state,
                                 const struct authz_wallet_record *wallet);
void signer_state_install_client(struct signer_state *state,
                                 const struct authz_client_record *client);
/* signer_state_lower_* install a record with less power now, whatever the store does; it is written
 * by itself. STATUS_BUSY when there is no place to hold it at all; who has any is asked before
 * (signer_state_may_hold). Where a commit in flight writes a next version of the record, that one
 * is written in its place: of a wallet or grant the caller has taken the power from it, too; a
 * client that is frozen is so in its next version. */
MUST_USE enum status signer_state_lower_wallet(struct signer_state *state,
                                               const struct authz_wallet_record *wallet,
                                               const struct signer_ask *ask);
MUST_USE enum status signer_state_lower_client(struct signer_state *state,
                                               const struct authz_client_record *client,
                                               const struct signer_ask *ask);
/* What a factor was used for it cannot be used for again: that is less power too. */
MUST_USE enum status signer_state_lower_factor(struct signer_state *state,
                                               const struct authz_factor_record *factor,
                                               const struct signer_ask *ask);
/* signer_state_lower_grant takes the record of a cached grant whose caps were lowered in place. */
MUST_USE enum status signer_state_lower_grant(struct signer_state *state,
                                              struct signer_grant *grant,
                                              const struct signer_ask *ask);
/* signer_state_may_hold tells whether who asks finds so many places more (signer_hold.h);
 * signer_state_is_held whether a record needs none. */
bool signer_state_may_hold(const struct signer_state *state, size_t count,
                           const struct signer_ask *ask);
bool signer_state_is_held(struct signer_state *state, uint32_t kind, const uint8_t id[32]);
/* signer_state_hurry asks for the write that makes what is held durable; false: nothing is to be
 * written. */
bool signer_state_hurry(struct signer_state *state, const struct signer_ask *ask);
/* signer_state_write puts what was lowered into the gathering batch, when that has room. */
void signer_state_write(struct signer_state *state);
/* signer_state_lowered: when this batch is durable, all is that was lowered until now; UINT64_MAX:
 * some of it is in none yet. */
uint64_t signer_state_lowered(const struct signer_state *state);
/* signer_state_install_grant gives a cached grant other caps, after their commit. */
void signer_state_install_grant(struct signer_state *state, const struct authz_grant_record *grant);
/* signer_state_counts is the store's hook: another version of the record counts from now on. What
 * is cached of the old one goes, but for what is in force before it is durable, or is installed. */
void signer_state_counts(struct signer_state *state, uint32_t kind, const uint8_t id[32]);

/* signer_state_rules gives the counters of a grant record: its own, then the uses as one more. */
size_t signer_state_rules(const struct authz_grant_record *grant,
                          struct authz_counter_rule ret_rules[LIMIT_COUNTERS_MAX + 1]);

/* signer_state_pump makes leases spendable whose state became durable. */
void signer_state_pump(struct signer_state *state);

/* Leases (signer_meter.c). signer_meter_renew writes new ones of all counters of a meter, at least
 * `wanted[i]` each (NULL: as usual), unless they are being written already. */
void signer_meter_renew(struct signer_state *state, struct signer_meter *meter,
                        const uint64_t *wanted);
/* signer_meter_renew_others writes, with a lease that was just renewed, the leases of all other
 * cached meters that have spent of theirs: on hardware a write of the TPM is what costs. Not while
 * charges are being measured. */
void signer_meter_renew_others(struct signer_state *state);
/* signer_meter_return_all writes the true state of every cached meter without a lease, for an
 * orderly stop; false while leases are being written or room is missing: call again. */
bool signer_meter_return_all(struct signer_state *state);
/* signer_meter_may_go is the caches' hook: a meter that gives way gives its lease back first. */
bool signer_meter_may_go(struct signer_state *state, struct signer_meter *meter);
/* signer_meter_pump makes leases spendable whose state became durable. */
void signer_meter_pump(struct signer_state *state);
/* signer_meter_recover: the state just read is older than this process, or was dropped from the
 * cache with its lease: either way nobody knows how much of the lease was spent. */
void signer_meter_recover(const struct signer_state *state, struct signer_meter *meter);
/* signer_meter_settle_all: time is proven, so what all cached meters spent before has its place in
 * their windows (authz_counter.h). */
void signer_meter_settle_all(struct signer_state *state);
/* signer_meter_follow gives the meter of a wallet the rules that its user signed last; what counts
 * the same thing goes on counting. */
void signer_meter_follow(struct signer_limits *limits, const struct authz_wallet_record *wallet);

#endif
