/* authz_rule: the rules of authority that are decided in two places, by the signer before it does
 * what a change says and by whoever audits what was done (authz_history.h): written once, so that
 * both give the same answer (spec/authorization.md section 3).
 *
 * Taken changes and bodies go in, nothing is kept; times are seconds. Pure. No signature is
 * verified here. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_RULE_H
#define AUTHZ_RULE_H

#include "authz_change.h"

/* ---- who has signed, and what a change brings ---- */

/* authz_key_same: two user keys are one factor: of one kind, with one name. */
bool authz_key_same(const struct authz_user_key *a, const struct authz_user_key *b);
/* authz_has_signed tells whether a signature of this key came with the change. */
bool authz_has_signed(const struct authz_signed_change *given, const struct authz_user_key *key);
/* authz_brought_by gives the factors that the body of entry `at` makes factors of its wallet
 * (births and FACTOR; 0 for all others, and for a body that is none), and what it says of each.
 * Borrowed until the next call, of authz_brings too. */
size_t authz_brought_by(const struct authz_change *change, size_t at,
                        const struct authz_user_key **ret_keys,
                        const struct authz_key_data **ret_data);
/* authz_brings tells whether the change makes this a factor of any of its wallets; `ret_data`
 * (borrowed as above; NULL: not asked for) is what it says of it, as it is where it does not. */
bool authz_brings(const struct authz_change *change, const struct authz_user_key *key,
                  struct authz_key_data *ret_data);

/* ---- what gives power ---- */

/* authz_factors_needed: so many factors of a wallet that has `count` give power by this action. */
size_t authz_factors_needed(uint8_t action, size_t count);
/* authz_delay_of: how long what gives power to the wallet of entry `at` waits, in seconds, by the
 * delays that the wallet has. `is_recovery`: it came with fewer factors than are needed. */
uint64_t authz_delay_of(const struct authz_change *change, size_t at, uint64_t delay_s,
                        uint64_t export_delay_s, bool is_recovery);

/* ---- limits ---- */

/* authz_limit_becomes finds what counts the same as `limit` among the wallet's new limits; NULL:
 * that one is taken away. */
const struct authz_counter_rule *authz_limit_becomes(const struct authz_limit_body *body,
                                                     const struct authz_counter_rule *limit);
/* authz_limits_grow tells whether a wallet with these limits gets more power by the new ones: one
 * is gone, or larger. */
bool authz_limits_grow(const struct authz_counter_rule *limits, size_t count,
                       const struct authz_limit_body *body);
/* authz_limits_lower makes of the wallet's limits in `body` those that are left where it may raise
 * nothing: each with the lower of both caps, as the user wrote them, and behind them, with new ids,
 * those of `limits` that he did not name. STATUS_TOO_LARGE: more than a wallet may have; the body
 * is then as far as it got. */
MUST_USE enum status authz_limits_lower(const struct authz_counter_rule *limits, size_t count,
                                        struct authz_limit_body *body);
/* authz_caps_lower gives those of a grant's counters that the body names its caps, where they are
 * lower. */
void authz_caps_lower(const struct authz_limit_body *body, struct authz_counter_rule *counters,
                      size_t count);

#endif
