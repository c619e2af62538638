/* authz_history: what users signed, kept: each change of a wallet with its signatures, and the
 * offline check that these changes, from the wallet's birth on, lead to the authority hash that the
 * signer signed for and that its receipts name (spec/receipts.md, Changes).
 *
 * The chain is the authority hash itself: H(previous || H(signed bytes)). A *link* says of one
 * version of one wallet which hash it went on from, to which one, when, and by which kept change,
 * and holds the hash of the link before; what
 * was *kept* is the change as it was signed, the text that was signed with it, and which one-time
 * codes counted: no code, no sealed seed, no secret. A *standing* is the deployment's signed word
 * of where the chain ends. Deterministic CBOR; taken runs borrow. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_HISTORY_H
#define AUTHZ_HISTORY_H

#include "authz_change.h"
#include "authz_receipt.h"

/* Encoded sizes, at most. */
#define AUTHZ_LINK_MAX     256
#define AUTHZ_KEPT_MAX     (LIMIT_CHANGE_MAX + LIMIT_DESCRIPTION_MAX + 36864)
#define AUTHZ_STANDING_MAX 512
#define AUTHZ_CHANGED_MAX  (AUTHZ_LINK_MAX + AUTHZ_KEPT_MAX + 16)

/* What a change did when its wallet came to this version. Numbers are part of the format. */
enum authz_step {
	AUTHZ_STEP_DONE = 1,      /* carried out when it was signed */
	AUTHZ_STEP_WAITS = 2,     /* it began to wait */
	AUTHZ_STEP_COMPLETED = 3, /* it had waited, and was carried out */
};

struct authz_link {
	uint8_t wallet[32];
	uint64_t version;      /* of the wallet, from 1 */
	uint8_t previous[32];  /* authority hash before; zero at birth */
	uint8_t authority[32]; /* and after */
	uint8_t kept[32];      /* SHA-256 of what was kept */
	uint8_t before[32];    /* hash of the link before; zero at birth */
	uint8_t step;          /* enum authz_step */
	uint64_t boot;
	uint64_t time_low_s, time_high_s;
};

struct authz_kept {
	struct bytes signed_change; /* without codes, seeds and contents of tables */
	struct bytes description;   /* the text that was shown */
	size_t code_count;
	uint8_t codes[AUTHZ_CODES_MAX][32]; /* factors whose one-time codes counted */
};

MUST_USE enum status authz_link_put(const struct authz_link *link, struct buffer *out);
MUST_USE enum status authz_link_take(struct bytes bytes, struct authz_link *ret_link);
/* authz_link_hash is SHA-256("claviger/link/v1" || link). */
void authz_link_hash(struct bytes link, uint8_t ret_hash[32]);
/* authz_link_id is where a link lies: SHA-256("claviger/version/v1" || wallet || version, 8 bytes,
 * big-endian). */
void authz_link_id(const uint8_t wallet[32], uint64_t version, uint8_t ret_id[32]);
/* authz_kept_of keeps of a change what was signed; borrows. */
void authz_kept_of(const struct authz_signed_change *given, struct bytes description,
                   struct authz_signed_change *ret_signed, struct authz_kept *ret_kept);
MUST_USE enum status authz_kept_put(const struct authz_kept *kept, struct buffer *out);
MUST_USE enum status authz_kept_take(struct bytes bytes, struct authz_kept *ret_kept);

/* A link and what it names, as they are handed out and stand in a file: {1: link, 2: kept}. */
struct authz_changed {
	struct bytes link, kept;
};

MUST_USE enum status authz_changed_put(const struct authz_changed *changed, struct buffer *out);
MUST_USE enum status authz_changed_take(struct bytes bytes, struct authz_changed *ret_changed);

/* Where a wallet stands, as far as it is durable; signed by the deployment key under
 * "claviger/standing/v1". */
struct authz_standing {
	uint8_t deployment[32];
	uint8_t wallet[32];
	uint64_t boot;
	uint64_t version;
	uint8_t authority[32];
	uint8_t link[32]; /* hash of the last one */
	uint64_t time_high_s;
};

MUST_USE enum status authz_standing_put(const struct authz_standing *standing,
                                        const struct keys_sign_key *deployment_key,
                                        struct buffer *out);
MUST_USE enum status authz_standing_open(struct bytes bytes, const uint8_t deployment_key[32],
                                         struct authz_standing *ret_standing);

/* Answer to a query of a wallet's changes: versions above the query's `after`, in order, and the
 * standing: {1: [changed], 2: more, 3: standing}. */
#define AUTHZ_CHANGES_MAX       16
#define AUTHZ_CHANGES_BYTES_MAX (AUTHZ_CHANGED_MAX + 1024) /* of all: the longest fits alone */

struct authz_changes_answer {
	size_t count;
	struct bytes changes[AUTHZ_CHANGES_MAX];
	bool more;
	struct bytes standing;
};

MUST_USE enum status authz_changes_answer_put(const struct authz_changes_answer *answer,
                                              struct buffer *out);
MUST_USE enum status authz_changes_answer_take(struct bytes bytes,
                                               struct authz_changes_answer *ret_answer);

/* authz_day_begin begins a wallet's day, if it is another one than its last; authz_day_is_full: of
 * its changes as many bytes were kept on that day as `share`: no more are, but of what takes power,
 * which is not counted. */
void authz_day_begin(struct authz_wallet_record *wallet, uint64_t day);
bool authz_day_is_full(const struct authz_wallet_record *wallet, uint64_t day, uint64_t share);

/* ---- the offline check, change by change ---- */

struct authz_history_factor {
	struct authz_user_key key;
	uint8_t credential_len, public_key_len; /* passkeys */
	uint8_t credential[AUTHZ_CREDENTIAL_MAX];
	uint8_t public_key[KEYS_P256_PUBLIC_LEN];
};

struct authz_history_grant {
	uint8_t id[32];
	uint8_t module[32];
	uint8_t parameters_hash[32];
	size_t counter_count;
	struct authz_counter_rule counters[LIMIT_COUNTERS_MAX];
};

/* More than can wait: when one was void nobody says, and those of several wallets wait as long as
 * the slowest of them. */
#define AUTHZ_HISTORY_WAITING_MAX (8 * LIMIT_PENDING_MAX)

/* What a wallet's user has allowed, as the changes so far say. Zeroed but for the first two. */
struct authz_history {
	uint8_t deployment[32], wallet[32];
	uint64_t version;
	uint8_t authority[32];
	uint8_t link[32]; /* hash of the last one */
	size_t factor_count;
	struct authz_history_factor factors[LIMIT_USER_KEYS_MAX];
	bool has_recovery;
	uint8_t recovery[32];
	uint64_t delay_s, export_delay_s;
	size_t limit_count;
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX];
	size_t waiting_count;
	struct authz_history_waiting {
		uint8_t change[32];
		bool exports;
		uint64_t opens_s; /* not before */
		uint64_t void_s; /* of several wallets' perhaps later: their delays are not known */
	} waiting[AUTHZ_HISTORY_WAITING_MAX];
	size_t grant_count; /* that live */
	struct authz_history_grant grants[LIMIT_GRANTS_PER_WALLET_MAX];
	/* A receipt said that this change handed the key over, and it did not wait: it is to come.
	 */
	bool owes_export;
	uint8_t export[32];
	uint64_t export_boot; /* of that receipt */
	struct authz_exports exports;
	size_t unfinished; /* exports of which the signer's next start shows that it ended first */
	const char *text;  /* what is wrong, one sentence; NULL: nothing */
};

/* authz_history_next takes the change that follows: STATUS_MALFORMED when it is none, _REFUSED when
 * it is of another wallet or deployment, or was signed by whom it then took no such change from,
 * _CORRUPT when it does not follow the one before (missing, reordered, changed), _CRYPTO when a
 * signature does not fit. `history->text` says which; the history is then good for nothing. */
MUST_USE enum status authz_history_next(struct authz_history *history, struct bytes changed);
/* authz_history_end checks that the changes end where the standing says. */
MUST_USE enum status authz_history_end(struct authz_history *history,
                                       const struct authz_standing *standing);
/* authz_history_allows tells whether what a receipt says was done was allowed in this state: the
 * grant that a signature names lives, with that module and these parameters; the change that an
 * export names waits, and its time had come. Who exports without a delay leaves the receipt before
 * the change: the history owes it then (owes_export), and it was asked for by whom the wallet takes
 * exports from once authz_history_next took it. True for what was refused; of an export that was
 * begun and not carried out, that takes its receipt back, and of one that was carried out it is a
 * lie. history->exports has those that stand. Where the signer ended in between, no
 * receipt can: one of a later start, in a state that this change did not lead to, says that it was
 * not carried out (unfinished), so that whoever signs it anew is believed. */
bool authz_history_allows(struct authz_history *history, const struct authz_receipt *receipt);

#endif
