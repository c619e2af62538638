/* bridge_fair: which request is put to another process next, and how many one client may have
 * there.
 *
 * Pure: no clock, ring or allocation; the caller says what time it is. Requests wait in buckets: a
 * client's by its token, once the signer has taken that token, everybody else's by address. Buckets
 * with something waiting take turns, clients' three times as often as strangers', operators before
 * both; a batch is paid for with as many turns as it has items. So a flood waits behind itself (U5,
 * A25). A bucket is a keyed hash: two clients may share one by chance, and nobody can choose to
 * share another's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_FAIR_H
#define BRIDGE_FAIR_H

#include "base_bytes.h"

#define BRIDGE_FAIR_CLIENTS                                                                        \
	256u /* buckets of known tokens; as many of strangers' addresses follow */
#define BRIDGE_FAIR_OPERATORS (2 * BRIDGE_FAIR_CLIENTS) /* who proved that he is one */
#define BRIDGE_FAIR_BUCKETS   (BRIDGE_FAIR_OPERATORS + 1)
#define BRIDGE_FAIR_KNOWN     4096u /* tokens that are remembered as good */
#define BRIDGE_FAIR_MAX       1024u /* requests that wait */
#define BRIDGE_FAIR_NONE      UINT32_MAX

struct bridge_fair_bucket {
	uint32_t first, last; /* requests, oldest first */
	uint32_t next;        /* bucket behind it in the round */
	uint32_t waiting;     /* requests */
	uint32_t open;        /* questions without answer */
	uint32_t debt;        /* turns to be left out */
};

struct bridge_fair {
	uint32_t open_max, waiting_max; /* of one bucket */
	uint32_t picks;
	uint32_t oldest, newest; /* of all requests that wait, in the order in which they came */
	struct bridge_fair_round {
		uint32_t first, last, count; /* buckets with something waiting */
	} rounds[3];                         /* clients, strangers, operators */
	struct bridge_fair_bucket buckets[BRIDGE_FAIR_BUCKETS];
	struct bridge_fair_request {
		uint32_t older, newer;            /* of its bucket */
		uint32_t came_before, came_after; /* of all */
		uint64_t since_us;
		uint32_t bucket; /* NONE: does not wait */
		uint32_t cost;   /* slots of the ring that it may need */
	} requests[BRIDGE_FAIR_MAX];
};

/* Who is known: tags of tokens that the signer took. */
struct bridge_fair_known {
	uint64_t key; /* random, once */
	uint64_t tags[BRIDGE_FAIR_KNOWN];
};

/* bridge_fair_tag hashes a token or an address under the key; never 0. Whoever does not know the
 * key finds two texts of one tag with a chance of 2^-56 a try (polynomial over 2^61 - 1). */
uint64_t bridge_fair_tag(const struct bridge_fair_known *known, struct bytes text);
/* bridge_fair_hear notes what an answer of the signer says about the token that was sent (0: none):
 * its client was found, it was refused, or nothing, because the answer was given before anybody
 * looked: then what was known stays. Returns whether the connection it came on is a client's, which
 * it was before or not (`proven`). */
bool bridge_fair_hear(struct bridge_fair_known *known, uint64_t token, bool proven, bool found,
                      bool refused);
/* bridge_fair_bucket_of: the bucket of a token's tag (0: none was sent) and an address's. */
uint32_t bridge_fair_bucket_of(const struct bridge_fair_known *known, uint64_t token,
                               uint64_t address);

void bridge_fair_init(struct bridge_fair *fair, uint32_t open_max, uint32_t waiting_max);
/* bridge_fair_add lets a request wait from now on; false when its bucket has as many as it may.
 * Time does not go back from one to the next. */
bool bridge_fair_add(struct bridge_fair *fair, uint32_t request, uint32_t bucket, uint32_t cost,
                     uint64_t now_us);
/* bridge_fair_late takes out one that has waited since before that time; NONE when there is none.
 */
uint32_t bridge_fair_late(struct bridge_fair *fair, uint64_t before_us);
/* bridge_fair_remove takes one out that waits no longer; one that does not wait is fine. */
void bridge_fair_remove(struct bridge_fair *fair, uint32_t request);
/* bridge_fair_next takes out the one whose turn it is; NONE when nobody may go now, or the next one
 * needs more than `room` slots: it keeps its turn until there are as many. */
uint32_t bridge_fair_next(struct bridge_fair *fair, uint32_t room);
/* bridge_fair_asked notes `count` questions of a bucket's request that was taken out;
 * bridge_fair_answered takes back what was answered or given up. */
void bridge_fair_asked(struct bridge_fair *fair, uint32_t bucket, uint32_t count);
void bridge_fair_answered(struct bridge_fair *fair, uint32_t bucket, uint32_t count);

#endif
