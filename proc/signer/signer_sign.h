/* signer_sign: one request from bytes to signature (ARCHITECTURE.md, "One signature").
 *
 * A ticket is one request on its way; there is a fixed number. Steps that need the store or a
 * verifier leave the ticket waiting and are taken again when something came, so a step changes
 * nothing until it can finish. Everything that decides is read again in signer_sign_commit, in one
 * step, after the verdict (A12). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include "authz_change.h"
#include "call_sign.h"
#include "policy_answer.h"
#include "signer_ceiling.h"
#include "signer_check.h"
#include "signer_nonce.h"
#include "signer_receipt.h"
#include "signer_state.h"
#include "signer_time.h"

#define SIGNER_TICKETS_MAX 96
#define SIGNER_TICKETS_SHARE                                                                       \
	2 /* one client has at most so many times those that are free (A25)                        \
	   */
#define SIGNER_REMEMBERED_MAX 32768 /* signatures that a repeated request gets back */
#define SIGNER_DEADLINE_MS    5000  /* a ticket older than this is answered 503 or 429 */

enum signer_step {
	SIGNER_STEP_FREE = 0,
	SIGNER_STEP_CLIENT,  /* whose token is this? */
	SIGNER_STEP_WALLET,  /* which wallet, and may this client use it? */
	SIGNER_STEP_GRANT,   /* load the next grant, write the check request */
	SIGNER_STEP_CHECK,   /* give it to a verifier */
	SIGNER_STEP_RUNNING, /* awaiting the verdict */
	SIGNER_STEP_COMMIT,  /* read everything again, charge, sign */
	SIGNER_STEP_REFUSE,  /* write the receipt of a refusal */
	SIGNER_STEP_ANSWER,  /* put the answer into the ring */
};

struct signer_sign;

/* What a transaction takes of the counters of one meter, per rule. */
struct signer_tally {
	struct signer_meter *meter;
	uint64_t amounts[LIMIT_COUNTERS_MAX + 1];
	uint64_t charged[LIMIT_COUNTERS_MAX + 1]; /* what was added to the counters for it */
};

enum { SIGNER_TALLY_GRANT, SIGNER_TALLY_LIMITS, SIGNER_TALLIES_MAX };

/* An atomic batch: all of its requests are signed, or none. */
struct signer_batch {
	uint16_t expected; /* requests; 0: this place is free */
	uint16_t seen;     /* that were taken */
	uint16_t live;     /* whose ticket is not free */
	bool aborted;      /* one was refused, so all are */
};

struct signer_ticket {
	enum signer_step step;
	uint64_t began_ms;
	uint64_t order;             /* oldest first */
	uint8_t id[32];             /* random: binds the verdict, and is the decision id */
	struct signer_batch *batch; /* NULL: none; else tickets of one atomic batch share it */
	bool again; /* the signature of these bytes is remembered: given again at commit */

	struct call_sign_request request;
	uint8_t message[LIMIT_MESSAGE_MAX];
	char name[LIMIT_NAME_MAX];
	uint8_t token_hash[32];
	struct solana_view view; /* borrows from `message` */
	struct solana_fee_facts fee;
	bool is_transaction, uses_nonce;
	bool nonce_proven; /* the lifetime is a nonce and no blockhash */
	struct authz_nonce nonce;
	uint8_t message_hash[32];

	struct signer_client *client; /* pinned */
	struct signer_wallet *wallet; /* pinned */
	struct signer_grant *grant;   /* pinned; the one that is tried */
	uint8_t grants[LIMIT_GRANTS_PER_CLIENT_MAX][32];
	size_t grant_count, grant_at;
	uint64_t fuel_left;

	struct {
		uint8_t module[32], parameters_hash[32], request_hash[32];
	} tried[CALL_REASONS_MAX]; /* beside answer.reasons */

	struct signer_sign *sign;
	bool abandoned; /* its bridge is gone; freed when its run ends */
	uint64_t check_fuel;
	struct signer_check_run run;
	_Alignas(8) uint8_t area[POLICY_REQUEST_MAX];
	size_t area_len; /* of what a module was asked; kept beside the receipt */
	struct policy_decision decision;
	/* Of the grant that is tried, and of the wallet where it has limits. */
	size_t tally_count;
	struct signer_tally tallies[SIGNER_TALLIES_MAX];
	struct signer_limits *limits; /* pinned; NULL: not looked at */
	/* The limits when they decided, for the receipt. */
	size_t limit_count;
	struct authz_limit_row limit_rows[LIMIT_WALLET_LIMITS_MAX];

	/* The allowed transaction in the module's words, when they are asked for. */
	bool describing;
	uint8_t checked_hash[32]; /* the check's, while run holds the description's */
	char description[CALL_DESCRIPTION_MAX];
	_Alignas(8) uint8_t shown[POLICY_REQUEST_MAX]; /* area, asked for its text */

	struct call_sign_answer answer;
	char texts[CALL_REASONS_MAX][CALL_REASON_TEXT_MAX];
};

struct signer_sign;

/* What the signing side needs from the rest of the process; all borrowed for ever. */
struct signer_sign_parts {
	struct ipc_channel *bridge;
	struct signer_state *state;
	struct signer_check *check;
	struct signer_receipts *receipts;
	const struct signer_vault *vault;
	struct signer_time *time;
	const bool *frozen; /* an operator froze everything */
	struct signer_ceiling *ceiling;
	const char *engine; /* that receipts name: CALL_CHECK_ENGINE, or the other */
};

struct signer_sign *signer_sign_new(struct signer_sign_parts parts);

/* signer_sign_request takes one SIGN_REQUEST message. STATUS_MALFORMED: the peer is broken;
 * STATUS_BUSY: no ticket is free, nothing was taken. */
MUST_USE enum status signer_sign_request(struct signer_sign *sign, struct bytes message,
                                         uint64_t now_ms);
bool signer_sign_has_room(const struct signer_sign *sign);

/* signer_sign_pump moves every ticket as far as it goes. */
void signer_sign_pump(struct signer_sign *sign, uint64_t now_ms);

/* signer_sign_drop_bridge forgets all tickets: their bridge is gone (runs in flight end by
 * themselves). */
void signer_sign_drop_bridge(struct signer_sign *sign);

bool signer_sign_idle(const struct signer_sign *sign);
uint64_t signer_sign_signed(const struct signer_sign *sign);
uint64_t signer_sign_refused(const struct signer_sign *sign);

/* signer_sign_wallet finds the wallet that a request names. */
MUST_USE enum status signer_sign_wallet(struct signer_state *state, const struct call_wallet *ref,
                                        struct signer_wallet **ret_wallet);

/* signer_sign_credential finds the live client of a token: OK; BUSY; else REFUSED. For exports. */
MUST_USE enum status signer_sign_credential(struct signer_state *state, struct signer_time *time,
                                            struct bytes token, struct signer_client **ret_client);

#endif
