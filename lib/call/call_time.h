/* call_time: what the signer knows of the time (spec/time.md), as status and metrics tell it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_TIME_H
#define CALL_TIME_H

#include <stdint.h>

enum call_time_state {
	CALL_TIME_PROVEN = 1,     /* in this boot; of the system's clock: it is believed */
	CALL_TIME_UNPROVEN = 2,   /* not yet in this boot; what has a time in it goes on */
	CALL_TIME_UNKNOWN = 3,    /* for too long: what has a time in it refuses */
	CALL_TIME_UNBELIEVED = 4, /* the system's clock jumped and is not followed */
	CALL_TIME_STATE_COUNT
};

struct call_time {
	uint64_t low_s, high_s; /* seconds since 1970 */
	uint64_t age_s;         /* since the last proof of this boot; 0 without one */
	uint32_t state;         /* enum call_time_state */
	uint32_t is_site;       /* 1: by the site's time keys; 0: by the system's clock */
};

_Static_assert(sizeof(struct call_time) == 32, "fixed layout");

/* call_time_word is "proven" ...; NULL for a number that is none. */
const char *call_time_word(uint32_t state);

#endif
