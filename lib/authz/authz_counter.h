/* authz_counter: stateful limits (B4): what a grant or a wallet may still spend.
 *
 * A counter adds up one unit (lamports, one mint's raw amount, or uses) over one window: all time,
 * or the last hour or day. Rolling windows are 60 buckets; a bucket leaves only when it lies wholly
 * in the past, so a window is never shorter than it says (T1). What is spent while nobody has
 * proven what time it is has no bucket yet: it is adrift, and counts from the proof on, for that
 * may say that it is much later than it was taken for (A13).
 *
 * Leases keep the disk out of the signing path. Durable state says: "spent so far, and at most
 * `lease` more". The signer spends inside the lease without a write; a crash counts the whole lease
 * as spent (A11, C4: at least once, never less). A lease may be spent only once its durable state
 * was acknowledged: authz_counter_lease_prepare makes the state to write, _lease_commit activates
 * it. Spending between the two must fit both leases, since either state may be the last one
 * written.
 *
 * Pure: no clock (the caller gives time_low, seconds), no allocation. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_COUNTER_H
#define AUTHZ_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base_status.h"

#define AUTHZ_COUNTER_BUCKETS 60
#define AUTHZ_LEASE_S         600 /* a lease is to last so long */

enum authz_unit {
	AUTHZ_UNIT_LAMPORTS = 1, /* the native mint is counted here too */
	AUTHZ_UNIT_MINT = 2,     /* raw units of one mint */
	AUTHZ_UNIT_USES = 3,     /* signatures */
};

enum authz_window {
	AUTHZ_WINDOW_TOTAL = 1,
	AUTHZ_WINDOW_HOUR = 2,
	AUTHZ_WINDOW_DAY = 3,
};

/* What the user signed. */
struct authz_counter_rule {
	uint8_t id;       /* the user's number for it, unique in its grant */
	uint8_t unit;     /* enum authz_unit */
	uint8_t window;   /* enum authz_window */
	uint8_t mint[32]; /* UNIT_MINT only, else zero */
	uint64_t cap;
};

/* The state of one counter. `bucket` is the number of the newest bucket (time / bucket width);
 * WINDOW_TOTAL uses spent[0] alone. */
struct authz_counter {
	uint64_t spent[AUTHZ_COUNTER_BUCKETS];
	uint64_t bucket;
	uint64_t adrift;        /* of a rolling window: spent at a time that is not proven */
	uint64_t lease_left;    /* may be spent before the next durable state */
	uint64_t lease_pending; /* of a prepared state that is not yet durable */
	uint64_t since_prepare; /* spent since that state was prepared */
	bool preparing;         /* a prepared state is being written */
	uint64_t last_interval; /* spent since the last lease, to size the next */
	uint64_t leased;        /* the last lease when it was new; 0: none yet */
	uint64_t leased_s;      /* and when that was, time_low */
};

/* authz_counter_same: two rules count the same thing over the same window, whatever their caps. */
bool authz_counter_same(const struct authz_counter_rule *a, const struct authz_counter_rule *b);
/* authz_counter_find gives the place of the rule that counts the same as `rule`; `count`: none
 * does. */
size_t authz_counter_find(const struct authz_counter_rule *rules, size_t count,
                          const struct authz_counter_rule *rule);

/* authz_counter_width_s is the width of a rolling window's bucket: 59 of them cover the window. */
uint64_t authz_counter_width_s(uint8_t window);

/* authz_counter_spent is what counts against the cap at `time_low_s`; saturates. */
uint64_t authz_counter_spent(const struct authz_counter_rule *rule,
                             const struct authz_counter *counter, uint64_t time_low_s);

/* authz_counter_left is cap - spent, 0 when passed. */
uint64_t authz_counter_left(const struct authz_counter_rule *rule,
                            const struct authz_counter *counter, uint64_t time_low_s);

/* authz_counter_covers: STATUS_OK when `amount` may be charged now; STATUS_REFUSED above the cap;
 * STATUS_BUSY when the cap allows it and the lease does not: renew, then ask again. */
MUST_USE enum status authz_counter_covers(const struct authz_counter_rule *rule,
                                          const struct authz_counter *counter, uint64_t amount,
                                          uint64_t time_low_s);

/* authz_counter_charge adds `amount`; the caller has just seen authz_counter_covers say OK. */
void authz_counter_charge(const struct authz_counter_rule *rule, struct authz_counter *counter,
                          uint64_t amount, uint64_t time_low_s, bool proven);

/* authz_counter_settle gives what is adrift its place in the window, now that time is proven. */
void authz_counter_settle(const struct authz_counter_rule *rule, struct authz_counter *counter,
                          uint64_t time_low_s);

/* authz_counter_lease_due: the lease should be renewed before it runs dry. */
bool authz_counter_lease_due(const struct authz_counter_rule *rule,
                             const struct authz_counter *counter, uint64_t time_low_s);

/* authz_counter_lease_used: something of it was spent, and the cap leaves more to lease: when
 * another lease is written, this one goes with it. */
bool authz_counter_lease_used(const struct authz_counter_rule *rule,
                              const struct authz_counter *counter, uint64_t time_low_s);

/* authz_counter_lease_prepare sizes the next lease (a twentieth of the cap, twice the last
 * interval's spend, or four times `wanted`, whichever is most; twice the last one when that did not
 * last AUTHZ_LEASE_S, and not less than it before that time is over; never above what the cap
 * leaves) and returns in `ret_durable` the state to write. Only one state is in flight at a time.
 * A lease of a time that is not proven is written as adrift: so would be what is spent of it.
 */
void authz_counter_lease_prepare(const struct authz_counter_rule *rule,
                                 struct authz_counter *counter, uint64_t wanted,
                                 uint64_t time_low_s, bool proven,
                                 struct authz_counter *ret_durable);

/* authz_counter_lease_commit: the prepared state is durable; its lease may be spent. */
void authz_counter_lease_commit(struct authz_counter *counter);

/* authz_counter_recover turns a durable state read at start into a live one: its lease counts as
 * spent, since nobody knows how much of it was: at `time_low_s`, where that is `proven`, which
 * settles what is adrift, too; else from the proof on. */
void authz_counter_recover(const struct authz_counter_rule *rule, struct authz_counter *counter,
                           uint64_t time_low_s, bool proven);

#endif
