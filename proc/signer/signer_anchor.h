/* signer_anchor: binds commits to the TPM, so that neither an older store nor another branch of it
 * is ever started from (DS1 to DS3); and spends the TPM's writes sparingly.
 *
 * The TPM's extend index holds the running hash of all anchored checkpoints. A commit is durable in
 * the store, then extended, then acknowledged. At a start the store's checkpoint C counts only when
 *   anchored:  SHA-256(C.anchor || SHA-256(C)) is the index;    light:  C.anchor is the index;
 * a light one changes heads of receipt chains alone, or takes power while there is no write for it:
 * it gives none. One that was written but not extended when the machine stopped is taken back.
 * Against an index that was defined anew and extended alike, checkpoints carry the boot counter,
 * which never goes back.
 *
 * A TPM's memory wears out: on hardware at most 300 writes a day, 30 at once, ten a second, and a
 * reserve that only what lowers power (and start and stop) may use (R3). Leases are written
 * together and never take the other half, so that a bot at its limit cannot use up what users'
 * changes need. And each user has a share: of the writes above the reserve he may take one while he
 * has taken fewer of late than are left there, so that one alone gets half of them, and however
 * many flood, who comes next finds some; of the reserve, the first of late alone (A25). A write is
 * taken from the share of him who asked for it; what others change meanwhile goes with it. A
 * software TPM has no such bounds. What waits for the budget waits; nothing is acknowledged without
 * its write. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_ANCHOR_H
#define SIGNER_ANCHOR_H

#include "authz_record.h"
#include "call_start.h"
#include "ipc_channel.h"

#define SIGNER_ANCHOR_DAY         300u
#define SIGNER_ANCHOR_BURST       30u
#define SIGNER_ANCHOR_RESERVE     8u   /* of the burst */
#define SIGNER_ANCHOR_GAP_MS      100u /* between two writes: what comes meanwhile shares the next */
#define SIGNER_ANCHOR_LEASES      15u  /* leases alone leave so many of the burst ... */
#define SIGNER_ANCHOR_LEASE_MS    600000u /* ... but for one write in this time */
#define SIGNER_ANCHOR_BUSY_MS     1000u /* a TPM that puts a write off is asked again after this, */
#define SIGNER_ANCHOR_BUSY_MAX_MS 60000u /* then after twice as long each time, up to this */

/* Who took of the writes lately: as much is forgotten as is refilled, of him who took most. What is
 * taken and what is left is never more than the burst. */
struct signer_share {
	uint8_t user[32];
	uint64_t taken_milli;
};

struct signer_anchor {
	struct ipc_channel *channel; /* to the attestor */
	bool begun;
	uint8_t value[32]; /* of the index */
	uint64_t boots;    /* of the TPM's boot counter */
	uint64_t counter;  /* what this boot's checkpoints carry, and the boot counter will be */
	enum { SIGNER_ANCHOR_IDLE, SIGNER_ANCHOR_READY, SIGNER_ANCHOR_ASKED } step;
	uint8_t digest[32], expected[32];
	uint64_t request;
	bool is_limited;
	uint64_t left_milli; /* writes left, in thousandths */
	struct signer_share shares[SIGNER_ANCHOR_BURST];
	uint64_t at_ms, last_ms;
	uint64_t writes;       /* of this boot */
	bool is_low;           /* the budget is down to the reserve: said in the log once */
	uint64_t lease_ms;     /* when a write for leases alone began; 0: never */
	uint64_t busy;         /* how often the TPM put a write off, of this boot */
	uint64_t ask_ms;       /* not before then, after it did */
	uint64_t busy_wait_ms; /* the last pause; 0: it did not put the last write off */
};

/* What a batch is for, and so how much of the budget it may use. */
enum signer_need {
	SIGNER_NEED_LEASE,  /* leases alone, and what users lower beyond their share: the upper half
	                     * of the burst, else one in ten minutes */
	SIGNER_NEED_CHANGE, /* what users authorize, and a grant's first lease: all but the reserve
	                     */
	SIGNER_NEED_LESS,   /* something in it lowers power, or it is start or stop: all of it */
};

/* What a start makes of a checkpoint. */
enum signer_anchored {
	SIGNER_ANCHORED,       /* it is the one */
	SIGNER_ANCHORED_OTHER, /* the TPM knows another */
	SIGNER_ANCHORED_OLD,   /* the index fits, the boot counter does not: defined anew */
};

/* signer_anchor_resume goes on with the budget of the boot before: `left_milli` as its last
 * checkpoint says, refilled for `elapsed_ms` of the TPM's clock, which goes on over restarts; one
 * write at least, for the start itself. So restarts do not wear the TPM more than going on does. */
void signer_anchor_resume(struct signer_anchor *anchor, uint64_t left_milli, uint64_t elapsed_ms);
/* signer_anchor_begin takes what the unsealer read. `now_ms` is a monotonic clock. */
void signer_anchor_begin(struct signer_anchor *anchor, const struct call_start_facts *facts,
                         uint64_t now_ms);
/* signer_anchor_is_fresh tells whether the TPM never anchored anything: only then may an empty
 * store be begun. */
bool signer_anchor_is_fresh(const struct signer_anchor *anchor,
                            const struct call_start_facts *facts);
enum signer_anchored signer_anchor_judge(const struct signer_anchor *anchor, struct bytes encoded,
                                         const struct authz_checkpoint *checkpoint);

/* signer_anchor_need: how much a user's share gives him for what takes power away: the reserve,
 * when he took no write of late; one above it, while he takes no more than he leaves; else he goes
 * with the next one. */
enum signer_need signer_anchor_need(struct signer_anchor *anchor, const uint8_t user[32],
                                    uint64_t now_ms);
/* signer_anchor_may_pay: whether there is a write above the reserve for this user now; if there is
 * none for anybody, one comes in `*ret_wait_s`. signer_anchor_pay takes it, before the commit that
 * it is for begins: that one waits for no budget then. */
bool signer_anchor_may_pay(struct signer_anchor *anchor, const uint8_t user[32], uint64_t now_ms,
                           uint64_t *ret_wait_s);
bool signer_anchor_pay(struct signer_anchor *anchor, const uint8_t user[32], uint64_t now_ms);
/* signer_anchor_is_due: a paid commit may begin: the last write is long enough ago. */
bool signer_anchor_is_due(struct signer_anchor *anchor, uint64_t now_ms);
/* signer_anchor_take: one that nobody paid for may begin now, and its write is taken from the
 * budget, and from the share of `user`, who asked for it; NULL: nobody's. */
bool signer_anchor_take(struct signer_anchor *anchor, enum signer_need need, const uint8_t *user,
                        uint64_t now_ms);
/* signer_anchor_write has an encoded checkpoint extended; signer_anchor_pump sends it. */
void signer_anchor_write(struct signer_anchor *anchor, struct bytes encoded, uint64_t now_ms);
void signer_anchor_pump(struct signer_anchor *anchor, uint64_t now_ms);
/* signer_anchor_restart: the attestor has just started, and what it was asked before is lost. */
void signer_anchor_restart(struct signer_anchor *anchor);
/* signer_anchor_answered takes the attestor's answer: OK when the index is what it must be now;
 * MALFORMED for what nobody asked; BUSY: the TPM protects its memory from wear and put the write
 * off (TPM_RC_NV_RATE), it is asked again; CORRUPT: the TPM did not do it, halt. */
MUST_USE enum status signer_anchor_answered(struct signer_anchor *anchor, struct bytes message,
                                            uint64_t now_ms);
/* signer_anchor_left is how many writes are left now; UINT64_MAX when there is no bound. */
uint64_t signer_anchor_left(struct signer_anchor *anchor, uint64_t now_ms);

#endif
