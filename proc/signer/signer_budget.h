/* signer_budget: how often something may be asked for, whoever asks (A25). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_BUDGET_H
#define SIGNER_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A budget that refills with time: `spent` falls by one every 60000 / per_minute ms. */
struct signer_budget {
	uint64_t spent, at_ms;
};

/* signer_budget_take takes one; false when a minute's worth twice over is spent. */
bool signer_budget_take(struct signer_budget *budget, uint64_t per_minute, uint64_t now_ms);

/* One that parties share (A25): each takes one while he took fewer of late than are left, so one
 * alone gets half of it, and who comes next finds some. As much as comes back is forgotten, of him
 * who took most. */
#define SIGNER_BUDGET_PARTIES 120 /* takes that are remembered at once, one a party at least */

struct signer_shared_budget {
	struct signer_budget all;
	struct {
		uint8_t party[32];
		uint64_t taken;
	} shares[SIGNER_BUDGET_PARTIES];
};

/* signer_budget_take_shared takes one for a party; 2 * per_minute <= SIGNER_BUDGET_PARTIES. */
bool signer_budget_take_shared(struct signer_shared_budget *budget, const uint8_t party[32],
                               uint64_t per_minute, uint64_t now_ms);

#endif
