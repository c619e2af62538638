/* call_export: what a client may read: wallets, decisions, receipts, the signer's state.
 * Bridge asks, signer answers.
 *
 * One request and one answer shape for all topics; what a topic does not use is zero or empty. The
 * signer answers NOT_FOUND alike for what does not exist and what this client may not see (U6). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_EXPORT_H
#define CALL_EXPORT_H

#include "call_sign.h"
#include "call_time.h"

#define CALL_EXPORT_BODY_MAX    9280 /* bytes of receipts or of one decision in an answer */
#define CALL_EXPORT_GRANTS_MAX  LIMIT_GRANTS_PER_CLIENT_MAX
#define CALL_EXPORT_REQUEST_MAX (256 + LIMIT_TOKEN_MAX + LIMIT_NAME_MAX)
#define CALL_EXPORT_EVENTS_MAX  8
#define CALL_EXPORT_ANSWER_MAX                                                                     \
	(768 + CALL_EXPORT_GRANTS_MAX * 96 + LIMIT_PENDING_MAX * 64 +                              \
	 LIMIT_WALLET_LIMITS_MAX * 56 + CALL_EXPORT_BODY_MAX +                                     \
	 CALL_EXPORT_EVENTS_MAX * (192 + CALL_REASON_TEXT_MAX))

enum call_export_topic {
	CALL_EXPORT_WALLET = 1,   /* wallet -> wallet fields and this client's grants */
	CALL_EXPORT_DECISION = 2, /* key (decision id or message hash) -> body: one receipt, CBOR */
	CALL_EXPORT_RECEIPTS = 3, /* wallet, cursor -> body: items of authz_bundle.h */
	CALL_EXPORT_STATUS = 4,   /* no token needed -> status fields */
	CALL_EXPORT_INPUTS = 5,   /* wallet, cursor -> body: what `receipt replay` runs again */
	CALL_EXPORT_EVENTS = 6, /* wallet, cursor -> wallet fields, this client's decisions since */
};

struct call_export_request {
	uint64_t request;
	uint64_t connection;
	uint8_t topic;             /* enum call_export_topic */
	struct bytes token;        /* empty only for CALL_EXPORT_STATUS */
	struct call_wallet wallet; /* kind 0 when the topic takes none */
	uint8_t key[32];
	uint64_t cursor; /* 0: from the first one kept; of events: from now on */
};

/* A change that waits for its time, or an export that may still be fetched. */
struct call_export_pending {
	uint8_t change[32]; /* hash */
	uint8_t action;     /* enum authz_action */
	bool done;
	uint64_t opens; /* seconds since 1970 */
	uint64_t until; /* it is void afterwards */
};

struct call_export_grant {
	uint8_t grant[32];
	uint8_t module[32];
	uint64_t not_before; /* seconds since 1970; 0: none */
	uint64_t expires;    /* 0: never */
	uint64_t uses_left;  /* UINT64_MAX: no limit */
	bool frozen;
};

/* A limit of the wallet, over all its grants. */
struct call_export_limit {
	uint8_t id, unit, window; /* enum authz_unit, enum authz_window */
	uint8_t mint[32];         /* zero: of no mint */
	uint64_t cap, left;
};

/* One decision, as a stream of events tells it. */
struct call_export_event {
	uint64_t cursor; /* of what follows it */
	uint8_t decision[32];
	uint8_t message_hash[32];
	uint64_t boot, number; /* receipt sequence */
	uint16_t result;       /* enum call_result */
	uint64_t time_s;       /* seconds since 1970, latest it may be */
	uint64_t lamports_out; /* of the grant that decided; 0: no facts */
	uint8_t grant[32];     /* the last one tried; zero: none */
	struct bytes text;     /* its reason, <= CALL_REASON_TEXT_MAX bytes */
};

struct call_export_status {
	uint64_t boot;
	uint64_t wallets;
	uint64_t clients;
	uint64_t grants;
	uint64_t signatures; /* since start */
	uint64_t refusals;
	struct call_time time;    /* state 0 before it is unsealed */
	uint64_t receipts_behind; /* receipts not yet on disk */
	bool unsealed;
	bool frozen;      /* an operator froze everything */
	bool hardware;    /* false: software TPM */
	bool interpreter; /* policies that ship are interpreted, too */
};

struct call_export_answer {
	uint64_t request;
	enum call_result result; /* DONE, or why not */
	bool client_found;       /* the token is a live client's; false also where nobody looked */
	uint32_t retry_after_ms;
	/* CALL_EXPORT_WALLET */
	uint8_t wallet_id[32];
	uint8_t address[32];
	struct bytes name;
	bool imported;
	bool frozen;
	uint64_t version;
	uint64_t exported; /* how often the key was handed over */
	size_t grant_count;
	struct call_export_grant grants[CALL_EXPORT_GRANTS_MAX];
	size_t pending_count;
	struct call_export_pending pending[LIMIT_PENDING_MAX];
	size_t limit_count;
	struct call_export_limit limits[LIMIT_WALLET_LIMITS_MAX];
	/* CALL_EXPORT_DECISION, CALL_EXPORT_RECEIPTS */
	uint64_t next_cursor; /* 0: nothing follows */
	struct bytes body;
	/* CALL_EXPORT_EVENTS; next_cursor is never 0 */
	bool gap; /* decisions between the cursor and these are no longer in memory */
	size_t event_count;
	struct call_export_event events[CALL_EXPORT_EVENTS_MAX];
	/* CALL_EXPORT_STATUS */
	struct call_export_status status;
};

MUST_USE enum status call_export_put_request(const struct call_export_request *request,
                                             struct buffer *message);
MUST_USE enum status call_export_take_request(struct bytes message,
                                              struct call_export_request *ret_request);
MUST_USE enum status call_export_put_answer(const struct call_export_answer *answer,
                                            struct buffer *message);
MUST_USE enum status call_export_take_answer(struct bytes message,
                                             struct call_export_answer *ret_answer);

#endif
