/* authz_answer: what the signer answers through the authority (call_change.h), apart from births,
 * which have a statement of their own. Made by the signer, read by the command line; deterministic
 * CBOR (spec/authorization.cddl). Taken runs borrow. Pure.
 *
 * A client believes these as far as the channel that carried them: what matters it checks itself
 * (the description that it signs, the birth statement, the ids that it computes). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_ANSWER_H
#define AUTHZ_ANSWER_H

#include "authz_record.h"
#include "authz_statement.h"
#include "call_store.h"
#include "call_time.h"

#define AUTHZ_ANSWER_MAX  65536
#define AUTHZ_LISTED_MAX  1024 /* wallets in one page of a list */
#define AUTHZ_CLIENTS_MAX 32   /* clients in one */

/* NONCE: {1: nonce, 2: seconds that it is good for} */
struct authz_nonce_answer {
	uint8_t nonce[32];
	uint64_t valid_s;
};

/* Durable nonces on which a grant has signed: a signature on one can be used, whatever becomes of
 * the grant, until its nonce account moves on (A18). {1: grant, 2: rows, 3: before} */
struct authz_outstanding {
	uint8_t grant[32];
	struct bytes rows; /* struct authz_nonce each, at most AUTHZ_NONCES_MAX, the latest last */
	uint64_t before;   /* how many values there were before these, or: */
};
#define AUTHZ_OUTSTANDING_UNKNOWN UINT64_MAX /* it could not be read; ask for the grant */

/* PREPARE: {1: description} ; SUBMIT, COMPLETE: {1: seq, ? 2: birth statement, ? 3: [outstanding],
 * ? 4: waits until, ? 5: export}. A revocation lists each of its grants that was made for durable
 * nonces. */
struct authz_submit_answer {
	uint64_t seq; /* commit that made it durable */
	struct bytes birth;
	size_t outstanding_count;
	struct authz_outstanding outstanding[LIMIT_CHANGE_WALLETS_MAX];
	uint64_t waits_until_s; /* not 0: nothing is done yet; COMPLETE it from then on */
	struct bytes export;    /* EXPORT: sealed to the recipient (authz_export.h) */
};

/* MODULE_ADD: {1: hash, 2: module kind, 3: name, 4: schema} */
struct authz_module_answer {
	uint8_t hash[32];
	enum authz_module_kind module_kind;
	struct bytes name;   /* of an intent, or of what ships; else empty */
	struct bytes schema; /* the module's parameters, CBOR */
};

/* QUERY of a sweep, whose target begins with what is asked: an answer says how it stands after the
 * step. {1: step, 2: wallets looked at, 3: modules that are named, 4: that are not, 5: bytes of
 * these} */
enum authz_sweep_ask {
	AUTHZ_SWEEP_ASK_COUNT = 1,  /* begin, and count only */
	AUTHZ_SWEEP_ASK_REMOVE = 2, /* begin, and remove what no grant names */
	AUTHZ_SWEEP_ASK_ON = 3,     /* go on */
};

enum authz_sweep_step {
	AUTHZ_SWEEP_NONE = 0,
	AUTHZ_SWEEP_WALLETS = 1, /* what they name is noted */
	AUTHZ_SWEEP_MODULES = 2, /* what nothing named is found, and removed */
	AUTHZ_SWEEP_COMMIT = 3,  /* that is not durable yet */
	AUTHZ_SWEEP_DONE = 4,
	AUTHZ_SWEEP_STEP_COUNT
};

struct authz_sweep_answer {
	uint8_t step; /* enum authz_sweep_step */
	uint64_t wallets, kept, unused, bytes;
};

MUST_USE enum status authz_sweep_answer_put(const struct authz_sweep_answer *answer,
                                            struct buffer *out);
MUST_USE enum status authz_sweep_answer_take(struct bytes bytes,
                                             struct authz_sweep_answer *ret_answer);

/* QUERY of a grant: {1: record, 2: [left of each counter, uses last], 3: live, ? 4: outstanding} */
struct authz_grant_answer {
	struct authz_grant_record grant;
	size_t left_count;
	uint64_t left[LIMIT_COUNTERS_MAX + 1];
	bool live;
	struct authz_outstanding outstanding; /* no rows: never signed on a durable nonce */
};

/* QUERY of wallets: {1: ids, 2: more} */
struct authz_list_answer {
	struct bytes ids; /* a multiple of 32 bytes */
	bool more;
};

/* TIME: {1: nonce, 2: low, 3: high, 4: source, 5: state, 6: keys, 7: needed, 8: agreeing,
 * 9: seconds since the last proof, 10: seconds until grants with a time refuse} */
struct authz_time_answer {
	uint8_t nonce[32]; /* zero when the source is the system's clock */
	uint64_t low_s, high_s;
	uint8_t source; /* enum authz_time_source */
	uint8_t state;  /* enum call_time_state */
	uint8_t key_count, needed, agreeing;
	uint64_t age_s;  /* since the last proof of this boot; 0 without one */
	uint64_t left_s; /* UNPROVEN: until it is UNKNOWN; else 0 */
};

MUST_USE enum status authz_time_answer_put(const struct authz_time_answer *answer,
                                           struct buffer *out);
MUST_USE enum status authz_time_answer_take(struct bytes bytes,
                                            struct authz_time_answer *ret_answer);
MUST_USE enum status authz_nonce_answer_put(const struct authz_nonce_answer *answer,
                                            struct buffer *out);
MUST_USE enum status authz_nonce_answer_take(struct bytes bytes,
                                             struct authz_nonce_answer *ret_answer);
MUST_USE enum status authz_prepare_answer_put(struct bytes description, struct buffer *out);
MUST_USE enum status authz_prepare_answer_take(struct bytes bytes, struct bytes *ret_description);
MUST_USE enum status authz_submit_answer_put(const struct authz_submit_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_submit_answer_take(struct bytes bytes,
                                              struct authz_submit_answer *ret_answer);
MUST_USE enum status authz_module_answer_put(const struct authz_module_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_module_answer_take(struct bytes bytes,
                                              struct authz_module_answer *ret_answer);
MUST_USE enum status authz_grant_answer_put(const struct authz_grant_answer *answer,
                                            struct buffer *out);
MUST_USE enum status authz_grant_answer_take(struct bytes bytes,
                                             struct authz_grant_answer *ret_answer);
/* A page of a wallet's decisions: whole receipts, newest first. Borrowed. */
#define AUTHZ_DECISIONS_MAX       16
#define AUTHZ_DECISIONS_BYTES_MAX 32768 /* of all receipts */

struct authz_decisions_answer {
	size_t count;
	struct bytes receipts[AUTHZ_DECISIONS_MAX];
	bool more;         /* there may be older ones: ask again, with ... */
	uint8_t older[32]; /* ... this in the query's `after` */
};

MUST_USE enum status authz_decisions_answer_put(const struct authz_decisions_answer *answer,
                                                struct buffer *out);
MUST_USE enum status authz_list_answer_put(const struct authz_list_answer *answer,
                                           struct buffer *out);
MUST_USE enum status authz_list_answer_take(struct bytes bytes,
                                            struct authz_list_answer *ret_answer);

/* A step of a backup, in a query's target (authz_backup_ask_put): {u8 step, u8 part, 6 zeros, u64
 * at, u64 id, 8 zeros}, numbers big-endian; step and part as in call_store.h. */
struct authz_backup_ask {
	uint32_t step, part;
	uint64_t at, id; /* id 0 with BEGIN alone: the answer names it */
};

/* {1: id, 2: [length of state, of segments], 3: bytes} */
struct authz_backup_answer {
	uint64_t id;
	uint64_t len[2];
	struct bytes bytes; /* of READ, at most CALL_STORE_BACKUP_MAX; none: the part ends there */
};

void authz_backup_ask_put(const struct authz_backup_ask *ask, uint8_t ret_target[32]);
MUST_USE enum status authz_backup_ask_take(const struct authz_query *query,
                                           struct authz_backup_ask *ret_ask);
MUST_USE enum status authz_backup_answer_put(const struct authz_backup_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_backup_answer_take(struct bytes bytes,
                                              struct authz_backup_answer *ret_answer);
/* CLIENTS: {1: [record], 2: how many are registered, 3: all frozen, 4: [ceilings], ? 5: damaged
 * ids, ? 6: more}. Records and damaged ids have ascending ids, above the query's `after`; `more` is
 * the `after` that asks for the next page. A record as CLIENT answers it, with a token hash of
 * zero. */
struct authz_clients_answer {
	size_t count;
	struct authz_client_record clients[AUTHZ_CLIENTS_MAX];
	size_t damaged_count; /* whose records failed their check */
	uint8_t damaged[AUTHZ_CLIENTS_MAX][32];
	uint64_t total;   /* what the signer counted: a store that leaves one out is found out */
	bool frozen;      /* an operator froze all */
	uint64_t most[3]; /* of each client: signatures a second, wallets a minute, lamports an
	                     hour; 0: no ceiling */
	bool more;
	uint8_t after[32];
};

MUST_USE enum status authz_clients_answer_put(const struct authz_clients_answer *answer,
                                              struct buffer *out);
MUST_USE enum status authz_clients_answer_take(struct bytes bytes,
                                               struct authz_clients_answer *ret_answer);

/* A wallet's answer is authz_wallet_put with no sealed key and what is left of its limits; a
 * client's is authz_client_put with a token hash of zero. */

#endif
