/* signer_ceiling: how much one client may have signed in a time, whatever its grants allow. An
 * operator's brake (settings client_*): a stolen token or a bot gone wild is stopped and frozen
 * before a person looks.
 *
 * It only reduces power: a ceiling refuses and freezes, it allows nothing. What was signed lately
 * is counted in memory alone, so a restart begins anew; caps that must hold across one are the
 * owner's and stand in grants. Time is the process's own clock, which no host setting moves back.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_CEILING_H
#define SIGNER_CEILING_H

#include "base_limits.h"
#include "signer_cache.h"

#define SIGNER_CEILING_CLIENTS                                                                     \
	1024 /* clients whose last hour is counted; the longest idle gives way */

struct signer_ceilings { /* 0: no ceiling */
	uint64_t signatures_second;
	uint64_t wallets_minute; /* different wallets signed for */
	uint64_t
	    lamports_hour; /* as counters count them: fees, tips, rent and wrapped SOL included */
};

struct signer_ceiling {
	struct signer_ceilings most;
	struct signer_cache meters;
};

/* signer_ceiling_open allocates, in phase 1, what the ceilings need: nothing when there are none.
 */
void signer_ceiling_open(struct signer_ceiling *ceiling, struct signer_ceilings most);

/* A signature that is asked for. */
struct signer_ceiling_ask {
	const uint8_t *client, *wallet; /* 32 bytes each */
	uint64_t lamports;
};

/* signer_ceiling_passed says which ceiling the last of these would pass, made after those before
 * it, as text for people; NULL when none. Counts nothing. */
const char *signer_ceiling_passed(struct signer_ceiling *ceiling,
                                  const struct signer_ceiling_ask *asks, size_t count,
                                  uint64_t now_ms);
/* signer_ceiling_count counts one signature. */
void signer_ceiling_count(struct signer_ceiling *ceiling, const struct signer_ceiling_ask *ask,
                          uint64_t now_ms);
/* signer_ceiling_forget begins a client anew: an operator has looked and lifted its freeze. */
void signer_ceiling_forget(struct signer_ceiling *ceiling, const uint8_t client[32]);

#endif
