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

#endif
