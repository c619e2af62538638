/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_counter.h"

#include <string.h>

#include "base_check.h"
#include "base_math.h"

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

bool authz_counter_same(const struct authz_counter_rule *a, const struct authz_counter_rule *b)
{
	return a->unit == b->unit && a->window == b->window &&
	       (a->unit != AUTHZ_UNIT_MINT || memcmp(a->mint, b->mint, sizeof(a->mint)) == 0);
}

size_t authz_counter_find(const struct authz_counter_rule *rules, size_t count,
                          const struct authz_counter_rule *rule)
{
	size_t at = 0;

	while (at < count && !authz_counter_same(&rules[at], rule))
		at++;
	return at;
}

uint64_t authz_counter_width_s(uint8_t window)
{
	switch (window) {
	case AUTHZ_WINDOW_HOUR:
		return (3600 + 58) / 59;
	case AUTHZ_WINDOW_DAY:
		return (86400 + 58) / 59;
	default:
		return 0;
	}
}

static bool is_rolling(const struct authz_counter_rule *rule)
{
	return rule->window != AUTHZ_WINDOW_TOTAL;
}

/* How many bucket widths have begun since the newest bucket; time never goes back here. */
static uint64_t steps_since(const struct authz_counter_rule *rule,
                            const struct authz_counter *counter, uint64_t time_low_s)
{
	uint64_t now = time_low_s / authz_counter_width_s(rule->window);

	return now > counter->bucket ? now - counter->bucket : 0;
}

uint64_t authz_counter_spent(const struct authz_counter_rule *rule,
                             const struct authz_counter *counter, uint64_t time_low_s)
{
	uint64_t sum = counter->adrift, steps;

	if (!is_rolling(rule))
		return counter->spent[0];
	steps = steps_since(rule, counter, time_low_s);
	for (uint64_t age = 0; age + steps < AUTHZ_COUNTER_BUCKETS; age++) {
		uint64_t number = counter->bucket - age;

		if (age > counter->bucket)
			break;
		sum = add_saturating(sum, counter->spent[number % AUTHZ_COUNTER_BUCKETS]);
	}
	return sum;
}

uint64_t authz_counter_left(const struct authz_counter_rule *rule,
                            const struct authz_counter *counter, uint64_t time_low_s)
{
	uint64_t spent = authz_counter_spent(rule, counter, time_low_s);

	return spent >= rule->cap ? 0 : rule->cap - spent;
}

enum status authz_counter_covers(const struct authz_counter_rule *rule,
                                 const struct authz_counter *counter, uint64_t amount,
                                 uint64_t time_low_s)
{
	if (amount > authz_counter_left(rule, counter, time_low_s))
		return STATUS_REFUSED;
	if (amount > counter->lease_left)
		return STATUS_BUSY;
	/* A crash may find the prepared state already durable: what is spent meanwhile fits it too.
	 */
	if (counter->preparing && amount > counter->lease_pending - counter->since_prepare)
		return STATUS_BUSY;
	return STATUS_OK;
}

/* Moves the ring on to the present bucket, clearing those that it passes. */
static void advance(const struct authz_counter_rule *rule, struct authz_counter *counter,
                    uint64_t time_low_s)
{
	uint64_t steps = steps_since(rule, counter, time_low_s);

	if (steps >= AUTHZ_COUNTER_BUCKETS) {
		memset(counter->spent, 0, sizeof(counter->spent));
		counter->bucket += steps;
		return;
	}
	for (; steps > 0; steps--) {
		counter->bucket++;
		counter->spent[counter->bucket % AUTHZ_COUNTER_BUCKETS] = 0;
	}
}

/* Adds to the window, leases aside. */
static void add_spent(const struct authz_counter_rule *rule, struct authz_counter *counter,
                      uint64_t amount, uint64_t time_low_s, bool proven)
{
	uint64_t *cell = &counter->spent[0];

	if (is_rolling(rule) && !proven) {
		cell = &counter->adrift;
	} else if (is_rolling(rule)) {
		advance(rule, counter, time_low_s);
		cell = &counter->spent[counter->bucket % AUTHZ_COUNTER_BUCKETS];
	}
	*cell = add_saturating(*cell, amount);
}

void authz_counter_charge(const struct authz_counter_rule *rule, struct authz_counter *counter,
                          uint64_t amount, uint64_t time_low_s, bool proven)
{
	CHECK(amount <= counter->lease_left);
	add_spent(rule, counter, amount, time_low_s, proven);
	counter->lease_left -= amount;
	if (counter->preparing)
		counter->since_prepare += amount;
	counter->last_interval = add_saturating(counter->last_interval, amount);
}

void authz_counter_settle(const struct authz_counter_rule *rule, struct authz_counter *counter,
                          uint64_t time_low_s)
{
	uint64_t amount = counter->adrift;

	counter->adrift = 0;
	if (amount != 0)
		add_spent(rule, counter, amount, time_low_s, true);
}

bool authz_counter_lease_due(const struct authz_counter_rule *rule,
                             const struct authz_counter *counter, uint64_t time_low_s)
{
	uint64_t left = authz_counter_left(rule, counter, time_low_s);

	/* Nothing to lease beyond the cap; else renew when a third of a usual lease is left. */
	return counter->lease_left < left &&
	       counter->lease_left < max_of(rule->cap / 20, 2 * counter->last_interval) / 3 + 1;
}

bool authz_counter_lease_used(const struct authz_counter_rule *rule,
                              const struct authz_counter *counter, uint64_t time_low_s)
{
	return counter->last_interval != 0 && !counter->preparing &&
	       counter->lease_left < authz_counter_left(rule, counter, time_low_s);
}

/* A lease that did not last doubles, so that soon one write in ten minutes is enough; one that is
 * renewed early because another had to be keeps its size. */
static uint64_t lease_of_last(const struct authz_counter_rule *rule,
                              const struct authz_counter *counter, uint64_t time_low_s)
{
	if (time_low_s - counter->leased_s >= AUTHZ_LEASE_S)
		return 0;
	return authz_counter_lease_due(rule, counter, time_low_s)
	           ? add_saturating(counter->leased, counter->leased)
	           : counter->leased;
}

void authz_counter_lease_prepare(const struct authz_counter_rule *rule,
                                 struct authz_counter *counter, uint64_t wanted,
                                 uint64_t time_low_s, bool proven,
                                 struct authz_counter *ret_durable)
{
	uint64_t left, lease;

	CHECK(!counter->preparing);
	if (is_rolling(rule))
		advance(rule, counter, time_low_s);
	left = authz_counter_left(rule, counter, time_low_s);
	lease =
	    max_of(rule->cap / 20, add_saturating(counter->last_interval, counter->last_interval));
	lease = max_of(lease, lease_of_last(rule, counter, time_low_s));
	lease = max_of(lease, wanted > UINT64_MAX / 4 ? UINT64_MAX : 4 * wanted);
	if (lease > left)
		lease = left;
	counter->lease_pending = counter->leased = lease;
	counter->leased_s = time_low_s;
	counter->since_prepare = 0;
	counter->last_interval = 0;
	*ret_durable = *counter;
	ret_durable->lease_left = 0;
	ret_durable->lease_pending = 0;
	if (is_rolling(rule) && !proven)
		ret_durable->adrift = add_saturating(counter->adrift, lease);
	else
		ret_durable->lease_left = lease;
	counter->preparing = true;
}

static void end_preparing(struct authz_counter *counter)
{
	counter->preparing = false;
	counter->lease_pending = 0;
	counter->since_prepare = 0;
}

void authz_counter_lease_commit(struct authz_counter *counter)
{
	CHECK(counter->preparing && counter->since_prepare <= counter->lease_pending);
	counter->lease_left = counter->lease_pending - counter->since_prepare;
	end_preparing(counter);
}

void authz_counter_recover(const struct authz_counter_rule *rule, struct authz_counter *counter,
                           uint64_t time_low_s, bool proven)
{
	uint64_t lease = counter->lease_left;

	end_preparing(counter);
	counter->lease_left = 0;
	counter->last_interval = counter->leased = 0;
	if (proven)
		authz_counter_settle(rule, counter, time_low_s);
	/* Spent before this start; but how long before only a proof says: marks of the time may be
	 * older than what was spent after them. */
	add_spent(rule, counter, lease, time_low_s, proven);
}
