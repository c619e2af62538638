/* policy_charge: what a counter is charged at least, by what a verdict's facts say (B4).
 *
 * The signer counts by it, and whoever replays a decision finds the same amounts. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POLICY_CHARGE_H
#define POLICY_CHARGE_H

#include "base_bytes.h"
#include "policy_abi.h"

/* policy_charge_least: `unit` is POLICY_UNIT_*, `mint` counts for POLICY_UNIT_MINT alone. */
uint64_t policy_charge_least(const struct policy_facts *facts, uint32_t unit,
                             const uint8_t mint[32]);

#endif
