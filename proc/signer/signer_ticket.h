/* signer_ticket: one request on its way, and how it ends.
 *
 * There is a fixed number of tickets. Steps that need the store or a verifier leave the ticket
 * waiting and are taken again when something came, so a step changes nothing until it can finish.
 * Everything that decides is read again in signer_commit_step, in one step, after the verdict
 * (A12).
 *
 * Only signer_sign.c, signer_judge.c and signer_commit.c see this. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_TICKET_H
#define SIGNER_TICKET_H

#include "policy_answer.h"
#include "signer_nonce.h"
#include "signer_sign.h"

#define SIGNER_TICKETS_MAX    96
#define SIGNER_REMEMBERED_MAX 32768 /* signatures that a repeated request gets back */
#define SIGNER_IDS_AT_ONCE    64    /* drawn with one system call */

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

/* A signature that was given out: the same bytes get it back and count once. */
struct signer_remembered {
	struct signer_cache_head head; /* key: SHA-256 of wallet and message hash */
	uint8_t client[32], grant[32], decision[32];
	uint8_t signature[64];
	uint64_t boot, number;
};

/* An Idempotency-Key that was used: SHA-256 of client and key -> what it stood for. */
struct signer_idempotent {
	struct signer_cache_head head;
	uint8_t wallet_and_message[32];
};

struct signer_sign {
	struct signer_sign_parts parts;
	struct signer_ticket *tickets;
	size_t in_use; /* tickets that are not free; the others stand in `free` */
	uint8_t free[SIGNER_TICKETS_MAX];
	uint8_t ids[SIGNER_IDS_AT_ONCE][32]; /* random; `ids_left` of them for tickets to come */
	size_t ids_left;
	uint64_t order;
	struct signer_batch batches[SIGNER_TICKETS_MAX];
	struct signer_batch *taking; /* the atomic batch whose requests are coming in */
	struct signer_cache remembered, idempotents;
	uint64_t signed_count, refused_count;
	struct buffer out;
	bool is_full; /* the bridge's ring, for an answer of the last pass */
	uint64_t now_ms;
};

/* ---- how a ticket ends: signer_ticket.c ---- */

/* signer_ticket_answer ends it with what the client is told. In an atomic batch one refusal is
 * everybody's. No receipt: nothing was decided, or it is written. */
void signer_ticket_answer(struct signer_ticket *ticket, enum call_result result);

/* signer_ticket_refuse decides against it: its receipt comes first (signer_ticket_step_refuse),
 * then the answer. At commit a module had said yes: the receipt says so, for what it was asked is
 * kept beside it. */
void signer_ticket_refuse(struct signer_ticket *ticket, enum call_result result);
void signer_ticket_step_refuse(struct signer_sign *sign, struct signer_ticket *ticket);

/* signer_ticket_receipt writes the receipt of a decision. Needs signer_receipts_ready to have said
 * OK in this very step. */
void signer_ticket_receipt(struct signer_sign *sign, struct signer_ticket *ticket, bool allowed);

/* signer_ticket_free gives the place back, with all that it pins. */
void signer_ticket_free(struct signer_sign *sign, struct signer_ticket *ticket);
void signer_ticket_unpin(void *entry); /* of a cache; NULL: nothing */

/* signer_ticket_note adds a reason to the answer, for the grant that is tried if there is one; the
 * text is copied and cut. signer_ticket_note_tried adds what the grant's module was asked and
 * took. */
struct call_reason *signer_ticket_note(struct signer_ticket *ticket, enum call_result result,
                                       uint32_t code, uint32_t instruction, struct bytes text);
void signer_ticket_note_tried(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                              uint32_t instruction, struct bytes text, uint64_t fuel);

/* signer_ticket_grant_fails notes why this grant does not allow it; the next one is tried. */
void signer_ticket_grant_fails(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                               uint32_t instruction, struct bytes text, uint64_t fuel);
void signer_ticket_drop_grant(struct signer_ticket *ticket);

/* signer_ticket_end_describe: its text is not waited for any more, or is there; it stands at commit
 * again. */
void signer_ticket_end_describe(struct signer_ticket *ticket);

/* signer_ticket_lost: what the client is told of a look-up that is neither OK nor BUSY; `absent`
 * when there is none. */
enum call_result signer_ticket_lost(enum status status, enum call_result absent);
bool signer_ticket_expired(uint64_t expires_s, const struct signer_time_now *now); /* 0: never */

/* The same bytes for the same wallet by the same client: the same signature, counted once.
 * signer_ticket_remembered: what it got under the grant that is tried, or NULL.
 * signer_ticket_remembered_first puts the grant of that signature before the others. */
const struct signer_remembered *signer_ticket_remembered(struct signer_sign *sign,
                                                         const struct signer_ticket *ticket);
void signer_ticket_remembered_first(struct signer_sign *sign, struct signer_ticket *ticket);
void signer_ticket_remember(struct signer_sign *sign, const struct signer_ticket *ticket);
bool signer_ticket_give_again(struct signer_sign *sign, struct signer_ticket *ticket);

/* The same within an atomic batch: signer_ticket_is_twin says whether a member asks what another
 * one asked, under the same grant; signer_ticket_give_twin gives it what that one was handed. */
bool signer_ticket_is_twin(const struct signer_ticket *ticket, const struct signer_ticket *of);
void signer_ticket_give_twin(struct signer_ticket *ticket, const struct signer_ticket *of);

/* signer_ticket_idempotency_fits: an Idempotency-Key names one request of one client; other bytes
 * under it are a mistake. */
bool signer_ticket_idempotency_fits(struct signer_sign *sign, const struct signer_ticket *ticket);

/* ---- what a grant says of it: signer_judge.c ---- */

void signer_judge_step_grant(struct signer_sign *sign, struct signer_ticket *ticket);
void signer_judge_step_check(struct signer_sign *sign, struct signer_ticket *ticket);

/* signer_judge_state: what the signer itself demands of the grant that is tried; read at the first
 * look and again at commit. DONE, or why not. */
enum call_result signer_judge_state(struct signer_sign *sign, const struct signer_ticket *ticket);
const char *signer_judge_state_text(enum call_result state);

/* ---- counting and signing: signer_commit.c ---- */

void signer_commit_step(struct signer_sign *sign, struct signer_ticket *ticket);

/* signer_commit_batch commits an atomic batch, in its order, when all of it stand at commit. */
void signer_commit_batch(struct signer_sign *sign, struct signer_batch *batch);

/* signer_commit_charge: what would be added now to counter `counter` of a tally.
 * signer_commit_nonce_row: the row of the ticket's nonce, when that is proven to be one; else
 * SIGNER_NONCE_NONE. */
uint64_t signer_commit_charge(const struct signer_ticket *ticket, size_t tally, size_t counter);
size_t signer_commit_nonce_row(const struct signer_ticket *ticket);

#endif
