/* signer_meter: leases of counters, written ahead so that no signature waits for a disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "signer_state.h"

#define LEASING_MAX      (sizeof(((struct signer_state *)NULL)->leasing) / sizeof(void *))
#define LEASING_TOGETHER 56 /* of those that may be written at a time */

static bool may_write(struct signer_state *state, const struct signer_meter *meter)
{
	return meter->lease_batch == 0 && state->leasing_count < LEASING_MAX &&
	       signer_store_room(state->store, 1, AUTHZ_LEASE_RECORD_MAX);
}

/* A wallet's limits change: the state says which ones it is of. */
static uint64_t put_state(struct signer_state *state, const struct signer_meter *meter,
                          struct authz_lease_record *lease)
{
	lease->rule_count = 0;
	if (meter->kind == CALL_STORE_VALUE_LIMITS) {
		lease->rule_count = lease->count;
		memcpy(lease->rules, meter->rules, sizeof(lease->rules));
	}
	return signer_state_put_lease(state, meter->kind, lease);
}

/* Writes a state of the counters, and with it every nonce row as it is now. */
static void put_lease(struct signer_state *state, struct signer_meter *meter,
                      struct authz_lease_record *durable)
{
	meter->lease_batch = put_state(state, meter, durable);
	for (size_t i = 0; i < meter->lease.nonce_count; i++)
		if (meter->nonces[i].state == SIGNER_NONCE_NEW)
			meter->nonces[i].state = SIGNER_NONCE_WRITING;
	meter->head->pins++;
	state->leasing[state->leasing_count++] = meter;
}

void signer_meter_renew(struct signer_state *state, struct signer_meter *meter,
                        const uint64_t *wanted)
{
	static struct authz_lease_record durable;
	uint64_t now = state->time_low_s(state->context);
	bool proven = state->time_is_proven(state->context);
	bool is_first = !meter->leased_once;

	if (!may_write(state, meter))
		return;
	durable = meter->lease;
	for (size_t i = 0; i < durable.count; i++)
		authz_counter_lease_prepare(&meter->rules[i], &meter->lease.counters[i],
		                            wanted != NULL ? wanted[i] : 0, now, proven,
		                            &durable.counters[i]);
	put_lease(state, meter, &durable);
	meter->leased_once = true;
	/* What a user has just granted must not wait for others' leases. */
	if (is_first)
		signer_store_need(state->store, SIGNER_NEED_CHANGE, NULL);
	state->renewed = true;
}

/* ---- all that are cached ---- */

typedef bool each_meter(struct signer_state *state, struct signer_meter *meter);

static struct signer_meter *meter_of(struct signer_state *state, const struct signer_cache *cache,
                                     size_t at)
{
	void *entry = cache->entries + at * cache->entry_bytes;
	const struct signer_cache_head *head = (const struct signer_cache_head *)entry;

	if (!head->taken || head->state != SIGNER_CACHED_READY)
		return NULL;
	return cache == &state->grants ? &((struct signer_grant *)entry)->meter
	                               : &((struct signer_limits *)entry)->meter;
}

/* Calls `each` until it says false. */
static bool for_each(struct signer_state *state, each_meter *each)
{
	const struct signer_cache *const caches[] = {&state->grants, &state->limits};

	for (size_t i = 0; i < 2; i++)
		for (size_t at = 0; at < caches[i]->filled; at++) {
			struct signer_meter *meter = meter_of(state, caches[i], at);

			if (meter != NULL && !each(state, meter))
				return false;
		}
	return true;
}

static bool has_spent(struct signer_state *state, const struct signer_meter *meter)
{
	uint64_t now = state->time_low_s(state->context);

	for (size_t i = 0; i < meter->lease.count; i++)
		if (authz_counter_lease_used(&meter->rules[i], &meter->lease.counters[i], now))
			return true;
	return false;
}

static bool renew_spent(struct signer_state *state, struct signer_meter *meter)
{
	/* Some places stay free for meters whose leases run dry meanwhile. */
	if (state->leasing_count >= LEASING_TOGETHER)
		return false;
	if (meter->lease_batch == 0 && has_spent(state, meter))
		signer_meter_renew(state, meter, NULL);
	return true;
}

void signer_meter_renew_others(struct signer_state *state)
{
	if (!state->renewed)
		return;
	(void)for_each(state, renew_spent);
	state->renewed = false;
}

/* Takes all leases back, in memory; whether there was one. */
static bool take_leases(struct signer_meter *meter)
{
	bool held = false;

	for (size_t i = 0; i < meter->lease.count; i++) {
		held |= meter->lease.counters[i].lease_left != 0;
		meter->lease.counters[i].lease_left = 0;
	}
	return held;
}

static bool return_lease(struct signer_state *state, struct signer_meter *meter)
{
	if (!signer_store_room(state->store, 1, AUTHZ_LEASE_RECORD_MAX))
		return false;
	if (take_leases(meter))
		(void)put_state(state, meter, &meter->lease);
	return true;
}

bool signer_meter_return_all(struct signer_state *state)
{
	return state->leasing_count == 0 && for_each(state, return_lease);
}

/* Read again, a lease counts as spent, and a cap would melt away by being looked at. The write pins
 * the entry until it is durable. */
bool signer_meter_may_go(struct signer_state *state, struct signer_meter *meter)
{
	bool holds = false;

	if (meter->head == NULL || meter->head->state != SIGNER_CACHED_READY)
		return true;
	for (size_t i = 0; i < meter->lease.count; i++)
		holds |= meter->lease.counters[i].lease_left != 0;
	if (!holds)
		return true;
	if (!may_write(state, meter))
		return false;
	(void)take_leases(meter);
	put_lease(state, meter, &meter->lease);
	/* What becomes durable leases nothing. */
	for (size_t i = 0; i < meter->lease.count; i++) {
		meter->lease.counters[i].preparing = true;
		meter->lease.counters[i].lease_pending = 0;
		meter->lease.counters[i].since_prepare = 0;
	}
	return false;
}

void signer_meter_pump(struct signer_state *state)
{
	uint64_t bound = signer_store_bound(state->store);
	size_t kept = 0;

	for (size_t i = 0; i < state->leasing_count; i++) {
		struct signer_meter *meter = state->leasing[i];

		if (meter->lease_batch > bound) {
			state->leasing[kept++] = meter;
			continue;
		}
		/* A limit that came meanwhile has no lease in it. */
		for (size_t j = 0; j < meter->lease.count; j++)
			if (meter->lease.counters[j].preparing)
				authz_counter_lease_commit(&meter->lease.counters[j]);
		for (size_t j = 0; j < meter->lease.nonce_count; j++)
			if (meter->nonces[j].state == SIGNER_NONCE_WRITING)
				meter->nonces[j].state = SIGNER_NONCE_DURABLE;
		meter->lease_batch = 0;
		meter->head->pins--;
		state->loads++;
	}
	state->leasing_count = kept;
}

/* ---- states that were read ---- */

static bool was_leased(const struct authz_counter *counter)
{
	bool was = counter->lease_left != 0 || counter->adrift != 0;

	for (size_t i = 0; i < AUTHZ_COUNTER_BUCKETS; i++)
		was |= counter->spent[i] != 0;
	return was;
}

/* What was drawn on has had its first lease: only that one is a user's change (store.md). */
void signer_meter_recover(const struct signer_state *state, struct signer_meter *meter)
{
	uint64_t now = state->time_low_s(state->context);
	bool proven = state->time_is_proven(state->context);

	for (size_t i = 0; i < meter->lease.count; i++)
		meter->leased_once |= was_leased(&meter->lease.counters[i]);
	for (size_t i = 0; i < meter->lease.count; i++)
		authz_counter_recover(&meter->rules[i], &meter->lease.counters[i], now, proven);
}

/* What was written of it is adrift: after a crash it would count from the next proof on. */
static bool settle(struct signer_state *state, struct signer_meter *meter)
{
	uint64_t now = state->time_low_s(state->context);
	bool written = false;

	for (size_t i = 0; i < meter->lease.count; i++) {
		struct authz_counter *counter = &meter->lease.counters[i];

		written |= meter->rules[i].window != AUTHZ_WINDOW_TOTAL &&
		           (counter->adrift != 0 || counter->lease_left != 0);
		authz_counter_settle(&meter->rules[i], counter, now);
	}
	if (written && state->leasing_count < LEASING_TOGETHER)
		signer_meter_renew(state, meter, NULL);
	return true;
}

void signer_meter_settle_all(struct signer_state *state)
{
	(void)for_each(state, settle);
}

/* ---- limits that change ---- */

/* A limit without a row is new, also where one like it was taken away before: nothing is spent
 * under it before a lease of it is durable, and then it has a row. */
void signer_meter_follow(struct signer_limits *limits, const struct authz_wallet_record *wallet)
{
	static struct authz_counter counters[LIMIT_WALLET_LIMITS_MAX];
	struct signer_meter *meter = &limits->meter;
	struct authz_lease_record *lease = &meter->lease;

	if (limits->version == wallet->version)
		return;
	for (size_t i = 0; i < wallet->limit_count; i++) {
		size_t at = 0;

		while (at < lease->count &&
		       (lease->since[at] != wallet->limits_since[i] ||
		        !authz_counter_same(&meter->rules[at], &wallet->limits[i])))
			at++;
		counters[i] =
		    at < lease->count ? lease->counters[at] : (struct authz_counter){.bucket = 0};
		/* What a user has just set must not wait for others' leases. */
		meter->leased_once &= at < lease->count;
	}
	lease->count = wallet->limit_count;
	memcpy(lease->counters, counters, wallet->limit_count * sizeof(counters[0]));
	memcpy(lease->since, wallet->limits_since, sizeof(lease->since));
	memcpy(meter->rules, wallet->limits, wallet->limit_count * sizeof(wallet->limits[0]));
	limits->version = wallet->version;
}
