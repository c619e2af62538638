/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge_fair.h"

#include "base_check.h"

#define STRANGERS_EACH 4 /* of so many turns strangers have one, while clients wait */
#define NEEDS_ROOM     (BRIDGE_FAIR_NONE - 1)

static const uint64_t prime = (UINT64_C(1) << 61) - 1;

uint64_t bridge_fair_tag(const struct bridge_fair_known *known, struct bytes text)
{
	uint64_t key = known->key % prime, sum = text.len + 1;

	for (size_t at = 0; at < text.len; at += 7) {
		uint64_t word = 0;
		unsigned __int128 product;

		memcpy(&word, text.data + at, text.len - at < 7 ? text.len - at : 7);
		product = (unsigned __int128)(sum + word) * key;
		sum = (uint64_t)(product & prime) + (uint64_t)(product >> 61);
		sum = sum >= prime ? sum - prime : sum;
	}
	return sum + 1;
}

bool bridge_fair_hear(struct bridge_fair_known *known, uint64_t token, bool proven, bool found,
                      bool refused)
{
	uint64_t *tag = &known->tags[token % BRIDGE_FAIR_KNOWN];

	if (token == 0 || (!found && !refused))
		return proven;
	if (found)
		*tag = token;
	else if (*tag == token)
		*tag = 0;
	return found;
}

uint32_t bridge_fair_bucket_of(const struct bridge_fair_known *known, uint64_t token,
                               uint64_t address)
{
	if (token != 0 && known->tags[token % BRIDGE_FAIR_KNOWN] == token)
		return (uint32_t)(token % BRIDGE_FAIR_CLIENTS);
	return BRIDGE_FAIR_CLIENTS + (uint32_t)(address % BRIDGE_FAIR_CLIENTS);
}

void bridge_fair_init(struct bridge_fair *fair, uint32_t open_max, uint32_t waiting_max)
{
	*fair = (struct bridge_fair){.open_max = open_max,
	                             .waiting_max = waiting_max,
	                             .oldest = BRIDGE_FAIR_NONE,
	                             .newest = BRIDGE_FAIR_NONE};
	for (size_t i = 0; i < BRIDGE_FAIR_MAX; i++)
		fair->requests[i].bucket = BRIDGE_FAIR_NONE;
}

static struct bridge_fair_round *round_of(struct bridge_fair *fair, uint32_t bucket)
{
	return &fair->rounds[bucket == BRIDGE_FAIR_OPERATORS ? 2 : bucket >= BRIDGE_FAIR_CLIENTS];
}

static void join_round(struct bridge_fair *fair, uint32_t bucket)
{
	struct bridge_fair_round *round = round_of(fair, bucket);

	if (round->count++ == 0)
		round->first = bucket;
	else
		fair->buckets[round->last].next = bucket;
	round->last = bucket;
}

static uint32_t leave_round(struct bridge_fair *fair, struct bridge_fair_round *round)
{
	uint32_t bucket = round->first;

	round->first = fair->buckets[bucket].next;
	round->count--;
	return bucket;
}

static void join_all(struct bridge_fair *fair, uint32_t request)
{
	if (fair->newest == BRIDGE_FAIR_NONE)
		fair->oldest = request;
	else
		fair->requests[fair->newest].came_after = request;
	fair->newest = request;
}

static void leave_all(struct bridge_fair *fair, const struct bridge_fair_request *gone)
{
	if (gone->came_before == BRIDGE_FAIR_NONE)
		fair->oldest = gone->came_after;
	else
		fair->requests[gone->came_before].came_after = gone->came_after;
	if (gone->came_after == BRIDGE_FAIR_NONE)
		fair->newest = gone->came_before;
	else
		fair->requests[gone->came_after].came_before = gone->came_before;
}

bool bridge_fair_add(struct bridge_fair *fair, uint32_t request, uint32_t bucket, uint32_t cost,
                     uint64_t now_us)
{
	struct bridge_fair_bucket *at = &fair->buckets[bucket];
	struct bridge_fair_request *added = &fair->requests[request];

	CHECK(request < BRIDGE_FAIR_MAX && bucket < BRIDGE_FAIR_BUCKETS && cost != 0);
	CHECK(added->bucket == BRIDGE_FAIR_NONE);
	if (at->waiting >= fair->waiting_max)
		return false;
	*added = (struct bridge_fair_request){.older = at->last,
	                                      .newer = BRIDGE_FAIR_NONE,
	                                      .came_before = fair->newest,
	                                      .came_after = BRIDGE_FAIR_NONE,
	                                      .since_us = now_us,
	                                      .bucket = bucket,
	                                      .cost = cost};
	join_all(fair, request);
	if (at->waiting++ == 0) {
		at->first = request;
		added->older = BRIDGE_FAIR_NONE;
		join_round(fair, bucket);
	} else {
		fair->requests[at->last].newer = request;
	}
	at->last = request;
	return true;
}

/* A bucket that is left empty leaves its round when its turn comes. */
static void unlink_request(struct bridge_fair *fair, uint32_t request)
{
	struct bridge_fair_request *gone = &fair->requests[request];
	struct bridge_fair_bucket *at = &fair->buckets[gone->bucket];

	leave_all(fair, gone);
	if (gone->older == BRIDGE_FAIR_NONE)
		at->first = gone->newer;
	else
		fair->requests[gone->older].newer = gone->newer;
	if (gone->newer == BRIDGE_FAIR_NONE)
		at->last = gone->older;
	else
		fair->requests[gone->newer].older = gone->older;
	at->waiting--;
	gone->bucket = BRIDGE_FAIR_NONE;
}

void bridge_fair_remove(struct bridge_fair *fair, uint32_t request)
{
	uint32_t bucket = fair->requests[request].bucket;
	struct bridge_fair_round *round;

	if (bucket == BRIDGE_FAIR_NONE)
		return;
	unlink_request(fair, request);
	if (fair->buckets[bucket].waiting != 0)
		return;
	round = round_of(fair, bucket);
	for (uint32_t left = round->count; left > 0; left--) {
		uint32_t first = leave_round(fair, round);

		if (first != bucket)
			join_round(fair, first);
	}
}

uint32_t bridge_fair_late(struct bridge_fair *fair, uint64_t before_us)
{
	uint32_t request = fair->oldest;

	if (request == BRIDGE_FAIR_NONE || fair->requests[request].since_us >= before_us)
		return BRIDGE_FAIR_NONE;
	bridge_fair_remove(fair, request);
	return request;
}

/* One look at each bucket of a round, or more while they pay what they owe. */
static uint32_t pick(struct bridge_fair *fair, struct bridge_fair_round *round, uint32_t room)
{
	uint32_t blocked = 0, request;

	while (blocked < round->count) {
		struct bridge_fair_bucket *at = &fair->buckets[round->first];
		uint32_t bucket = round->first;
		bool is_full;

		request = at->first;
		is_full = at->open != 0 && at->open + fair->requests[request].cost > fair->open_max;
		if (is_full || at->debt != 0) {
			if (is_full)
				blocked++;
			else
				blocked = 0;
			at->debt -= at->debt != 0;
			join_round(fair, leave_round(fair, round));
			continue;
		}
		if (fair->requests[request].cost > room)
			return NEEDS_ROOM;
		(void)leave_round(fair, round);
		unlink_request(fair, request);
		if (at->waiting != 0)
			join_round(fair, bucket);
		return request;
	}
	return BRIDGE_FAIR_NONE;
}

uint32_t bridge_fair_next(struct bridge_fair *fair, uint32_t room)
{
	bool strangers_first = fair->picks % STRANGERS_EACH == STRANGERS_EACH - 1;
	uint32_t request = pick(fair, &fair->rounds[2], room);

	if (request == BRIDGE_FAIR_NONE)
		request = pick(fair, &fair->rounds[strangers_first], room);
	if (request == BRIDGE_FAIR_NONE)
		request = pick(fair, &fair->rounds[!strangers_first], room);
	/* What others could use now would never become the room that the next one waits for. */
	if (request == NEEDS_ROOM || request == BRIDGE_FAIR_NONE)
		return BRIDGE_FAIR_NONE;
	fair->picks++;
	return request;
}

void bridge_fair_asked(struct bridge_fair *fair, uint32_t bucket, uint32_t count)
{
	fair->buckets[bucket].open += count;
	if (count > 1)
		fair->buckets[bucket].debt += count - 1;
}

void bridge_fair_answered(struct bridge_fair *fair, uint32_t bucket, uint32_t count)
{
	CHECK(fair->buckets[bucket].open >= count);
	fair->buckets[bucket].open -= count;
}
