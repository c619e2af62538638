/* Counters: B4, A11 (spent <= cap over any crash), C4, T1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_counter.h"
#include "base_test.h"

#include <stddef.h>

#define HOUR 3600

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

static void grant_lease(const struct authz_counter_rule *rule, struct authz_counter *counter,
                        uint64_t wanted, uint64_t now)
{
	struct authz_counter durable;

	authz_counter_lease_prepare(rule, counter, wanted, now, true, &durable);
	authz_counter_lease_commit(counter);
}

static void test_nothing_is_spent_before_its_lease_is_durable(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_TOTAL, .cap = 100};
	struct authz_counter counter = {0}, durable;

	EXPECT(authz_counter_covers(&rule, &counter, 1, 0) == STATUS_BUSY);
	authz_counter_lease_prepare(&rule, &counter, 1, 0, true, &durable);
	EXPECT(authz_counter_covers(&rule, &counter, 1, 0) == STATUS_BUSY);
	authz_counter_lease_commit(&counter);
	EXPECT(authz_counter_covers(&rule, &counter, 1, 0) == STATUS_OK);
	EXPECT(durable.lease_left == 5);
}

static void test_one_above_the_cap_is_refused_whatever_the_lease(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_TOTAL, .cap = 100};
	struct authz_counter counter = {0};

	grant_lease(&rule, &counter, 100, 0);
	EXPECT(authz_counter_covers(&rule, &counter, 101, 0) == STATUS_REFUSED);
	EXPECT(authz_counter_covers(&rule, &counter, 100, 0) == STATUS_OK);
	authz_counter_charge(&rule, &counter, 100, 0, true);
	EXPECT(authz_counter_left(&rule, &counter, 0) == 0);
	EXPECT(authz_counter_covers(&rule, &counter, 1, 0) == STATUS_REFUSED);
	EXPECT(authz_counter_covers(&rule, &counter, 0, 0) == STATUS_OK);
}

static void test_amounts_near_the_top_do_not_wrap(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_TOTAL, .cap = UINT64_MAX};
	struct authz_counter counter = {0};

	grant_lease(&rule, &counter, UINT64_MAX, 0);
	authz_counter_charge(&rule, &counter, UINT64_MAX, 0, true);
	EXPECT(authz_counter_spent(&rule, &counter, 0) == UINT64_MAX);
	EXPECT(authz_counter_covers(&rule, &counter, 1, 0) == STATUS_REFUSED);
}

/* T1: what was spent still counts one second before the window is over, wherever buckets begin, and
 * no longer than two buckets behind it. */
static void lives_as_long_as_it_says(uint8_t window, uint64_t window_s)
{
	struct authz_counter_rule rule = {.window = window, .cap = 100};
	uint64_t bucket_s = window_s / 59 + 1;

	for (uint64_t start = 1000000; start < 1000000 + 2 * bucket_s; start++) {
		struct authz_counter counter = {0};

		grant_lease(&rule, &counter, 100, start);
		authz_counter_charge(&rule, &counter, 100, start, true);
		EXPECT(authz_counter_spent(&rule, &counter, start + window_s - 1) == 100);
		EXPECT(authz_counter_spent(&rule, &counter, start + window_s + 2 * bucket_s) == 0);
	}
}

static void test_a_rolling_window_is_never_shorter_than_it_says(void)
{
	lives_as_long_as_it_says(AUTHZ_WINDOW_HOUR, HOUR);
	lives_as_long_as_it_says(AUTHZ_WINDOW_DAY, 24 * HOUR);
}

/* T1, A13: what is spent before anybody has proven what time it is counts from the proof on,
 * however much later than it was taken for that says it is; over a crash, too. */
static void test_what_is_spent_at_an_unproven_time_counts_from_the_proof_on(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_HOUR, .cap = 100};
	struct authz_counter_rule total = {.window = AUTHZ_WINDOW_TOTAL, .cap = 100};
	uint64_t start = 1000000, proof = start + 30 * HOUR;
	struct authz_counter counter = {0}, other = {0}, durable;

	grant_lease(&rule, &counter, 100, start);
	authz_counter_charge(&rule, &counter, 10, start, true);
	authz_counter_charge(&rule, &counter, 50, start, false);
	EXPECT(authz_counter_spent(&rule, &counter, start) == 60);
	EXPECT(authz_counter_spent(&rule, &counter, proof) == 50);
	authz_counter_lease_prepare(&rule, &counter, 0, start, false, &durable);
	EXPECT(counter.lease_pending == 40 && durable.lease_left == 0);
	counter = durable; /* a crash: its lease is spent */
	authz_counter_recover(&rule, &counter, start, false);
	EXPECT(authz_counter_spent(&rule, &counter, start) == 100);
	EXPECT(authz_counter_spent(&rule, &counter, proof) == 90);
	authz_counter_settle(&rule, &counter, proof);
	EXPECT(authz_counter_spent(&rule, &counter, proof + HOUR - 1) == 90);
	EXPECT(authz_counter_spent(&rule, &counter, proof + HOUR + 124) == 0);
	counter.adrift = 7; /* of a boot before, read in one that has its proof */
	authz_counter_recover(&rule, &counter, proof + 2 * HOUR, true);
	EXPECT(counter.adrift == 0 &&
	       authz_counter_spent(&rule, &counter, proof + 3 * HOUR - 1) == 7);

	/* A lease of the boot before: its marks may be older than what was spent of it. */
	counter = (struct authz_counter){.lease_left = 30};
	authz_counter_recover(&rule, &counter, start, false);
	EXPECT(authz_counter_spent(&rule, &counter, start) == 30);
	authz_counter_settle(&rule, &counter, proof);
	EXPECT(authz_counter_spent(&rule, &counter, proof + HOUR - 1) == 30);
	EXPECT(authz_counter_spent(&rule, &counter, proof + HOUR + 124) == 0);

	grant_lease(&total, &other, 100, start);
	authz_counter_charge(&total, &other, 60, start, false);
	authz_counter_settle(&total, &other, proof);
	EXPECT(other.adrift == 0 && authz_counter_spent(&total, &other, proof + 24 * HOUR) == 60);
}

/* A history of what was really signed, to judge the counter from outside. */
struct history {
	uint64_t at[4096], amount[4096];
	size_t count;
};

static uint64_t signed_within(const struct history *history, uint64_t now, uint64_t window_s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < history->count; i++)
		if (window_s == 0 || history->at[i] + window_s > now)
			sum += history->amount[i];
	return sum;
}

/* One random life of a counter: spend, lease, lose writes, crash, recover. Returns crashes seen. */
static unsigned live_randomly(struct authz_counter_rule rule, uint64_t window_s)
{
	struct authz_counter counter = {0}, durable = {0}, prepared = {0};
	struct history history = {.count = 0};
	uint64_t now = 5000000 + random_below(100000);
	unsigned crashes = 0;

	for (unsigned step = 0; step < 3000; step++) {
		uint64_t amount = random_below(rule.cap / 10 + 1);

		switch (random_below(8)) {
		case 0:
			if (!counter.preparing)
				authz_counter_lease_prepare(&rule, &counter, amount, now, true,
				                            &prepared);
			break;
		case 1:
			if (counter.preparing) {
				durable = prepared;
				authz_counter_lease_commit(&counter);
			}
			break;
		case 2:
			if (random_below(4) != 0)
				break;
			/* A crash; the write in flight reached the disk or it did not. */
			if (counter.preparing && random_below(2) == 0)
				durable = prepared;
			counter = durable;
			authz_counter_recover(&rule, &counter, now, true);
			durable = counter;
			crashes++;
			break;
		case 3:
			now += random_below(900);
			break;
		default:
			if (authz_counter_covers(&rule, &counter, amount, now) != STATUS_OK)
				break;
			authz_counter_charge(&rule, &counter, amount, now, true);
			history.at[history.count] = now;
			history.amount[history.count++] = amount;
		}
		EXPECT(signed_within(&history, now, window_s) <= rule.cap);
		EXPECT(signed_within(&history, now, window_s) <=
		       authz_counter_spent(&rule, &counter, now));
	}
	EXPECT(history.count > 0);
	return crashes;
}

/* A11, C4: whatever crashes when, what was signed never exceeds the cap and is never forgotten. */
static void test_no_history_of_crashes_passes_the_cap(void)
{
	unsigned crashes = 0;

	for (unsigned life = 0; life < 60; life++) {
		crashes += live_randomly(
		    (struct authz_counter_rule){.window = AUTHZ_WINDOW_TOTAL, .cap = 5000 + life},
		    0);
		crashes += live_randomly(
		    (struct authz_counter_rule){.window = AUTHZ_WINDOW_HOUR, .cap = 1000}, HOUR);
		crashes += live_randomly(
		    (struct authz_counter_rule){.window = AUTHZ_WINDOW_DAY, .cap = 1000000},
		    24 * HOUR);
	}
	EXPECT(crashes > 5000);
}

static void test_a_lease_is_due_before_it_is_dry_and_not_at_the_cap(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_TOTAL, .cap = 1000};
	struct authz_counter counter = {0};

	EXPECT(authz_counter_lease_due(&rule, &counter, 0));
	grant_lease(&rule, &counter, 0, 0);
	EXPECT(!authz_counter_lease_due(&rule, &counter, 0));
	authz_counter_charge(&rule, &counter, 45, 0, true);
	EXPECT(authz_counter_lease_due(&rule, &counter, 0));
	grant_lease(&rule, &counter, 1000, 0);
	authz_counter_charge(&rule, &counter, 955, 0, true);
	EXPECT(!authz_counter_lease_due(&rule, &counter, 0));
}

/* Spends until the lease is due; returns how much. */
static uint64_t spend_until_due(const struct authz_counter_rule *rule,
                                struct authz_counter *counter, uint64_t now)
{
	uint64_t spent = 0;

	while (!authz_counter_lease_due(rule, counter, now)) {
		authz_counter_charge(rule, counter, 100, now, true);
		spent += 100;
	}
	return spent;
}

/* So that soon one write of the TPM in ten minutes is enough (architecture: leases). */
static void test_a_lease_that_did_not_last_doubles_and_one_that_did_fits_what_was_spent(void)
{
	struct authz_counter_rule rule = {.window = AUTHZ_WINDOW_TOTAL, .cap = 100000000};
	struct authz_counter counter = {0};
	uint64_t now = 1000000, wanted = rule.cap / 20;

	grant_lease(&rule, &counter, 0, now);
	EXPECT(counter.lease_left == wanted && !authz_counter_lease_used(&rule, &counter, now));
	for (unsigned i = 0; i < 3; i++) {
		EXPECT(spend_until_due(&rule, &counter, now) > wanted / 2);
		now += AUTHZ_LEASE_S - 1;
		wanted *= 2;
		grant_lease(&rule, &counter, 0, now);
		EXPECT(counter.lease_left == wanted);
	}
	/* Renewed with another's: no more and no less. */
	authz_counter_charge(&rule, &counter, 100, now, true);
	EXPECT(authz_counter_lease_used(&rule, &counter, now) &&
	       !authz_counter_lease_due(&rule, &counter, now));
	grant_lease(&rule, &counter, 0, now + 5);
	EXPECT(counter.lease_left == wanted);
	authz_counter_charge(&rule, &counter, 4000000, now, true);
	now += 5 + AUTHZ_LEASE_S;
	grant_lease(&rule, &counter, 0, now);
	EXPECT(counter.lease_left == 8000000); /* twice what these ten minutes took */
	/* Never above what the cap leaves. */
	while (authz_counter_left(&rule, &counter, now) > 5000000) {
		(void)spend_until_due(&rule, &counter, now);
		grant_lease(&rule, &counter, 0, now);
		EXPECT(counter.lease_left <= authz_counter_left(&rule, &counter, now));
		if (counter.lease_left == authz_counter_left(&rule, &counter, now))
			break;
	}
	EXPECT(counter.lease_left == authz_counter_left(&rule, &counter, now));
}

int main(void)
{
	RUN(test_nothing_is_spent_before_its_lease_is_durable);
	RUN(test_one_above_the_cap_is_refused_whatever_the_lease);
	RUN(test_amounts_near_the_top_do_not_wrap);
	RUN(test_a_rolling_window_is_never_shorter_than_it_says);
	RUN(test_what_is_spent_at_an_unproven_time_counts_from_the_proof_on);
	RUN(test_no_history_of_crashes_passes_the_cap);
	RUN(test_a_lease_is_due_before_it_is_dry_and_not_at_the_cap);
	RUN(test_a_lease_that_did_not_last_doubles_and_one_that_did_fits_what_was_spent);
	return test_summary();
}
