/* policy_charge: what a counter is charged at least, by what a verdict's facts say (B4).
 *
 * The signer counts by it, and whoever replays a decision finds the same amounts. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_CHARGE_H
#define POLICY_CHARGE_H

#include "base_bytes.h"
#include "policy_abi.h"
#include "solana_view.h"

/* policy_charge_least: `unit` is POLICY_UNIT_*, `mint` counts for POLICY_UNIT_MINT alone. */
uint64_t policy_charge_least(const struct policy_facts *facts, uint32_t unit,
                             const uint8_t mint[32]);

/* policy_lamports_seen is what System instructions of a message take from the wallet in plain
 * sight: transfers to others, and accounts that it pays for. What programs do that call others
 * nobody sees here. */
uint64_t policy_lamports_seen(const struct solana_view *view, const uint8_t wallet[32]);

/* policy_facts_hold is false when facts say less than anybody sees: `fee_lamports`, the worst fee
 * when the wallet pays it, else 0 (A19), and what System instructions take. They come from a
 * verifier, so this is asked whatever module it says it ran. `view` NULL: no transaction. */
bool policy_facts_hold(const struct policy_facts *facts, const struct solana_view *view,
                       const uint8_t wallet[32], uint64_t fee_lamports);

#endif
