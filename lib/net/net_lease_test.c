/* When a lease is asked for again, on a clock of the test's (RFC 2131 section 4.4.5). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net_lease.h"

#include "base_test.h"

#define HOUR_MS INT64_C(3600000)

/* run goes on, second by second, to the next thing that is to be done; *now_ms is when. */
static enum net_lease_step run(struct net_lease *held, int64_t *now_ms)
{
	for (int64_t end_ms = *now_ms + 48 * HOUR_MS; *now_ms < end_ms; *now_ms += 1000) {
		enum net_lease_step step = net_lease_next(held, *now_ms);

		if (step != NET_LEASE_WAIT)
			return step;
	}
	return NET_LEASE_WAIT;
}

static struct net_lease begun(uint32_t lease_s)
{
	struct net_dhcp_lease lease = {
	    .address = {192, 0, 2, 9},
              .lease_s = lease_s
        };
	struct net_lease held;

	net_lease_begin(&held, &lease, 0);
	return held;
}

static void test_an_unanswered_lease_is_asked_for_and_at_its_end_given_up(void)
{
	/* A day: half the rest, until an hour before the rebinding is a minute. */
	struct net_lease held = begun(86400);
	int64_t now_ms = 0, before_ms;
	unsigned renewals = 0, rebindings = 0;
	enum net_lease_step step;

	EXPECT(run(&held, &now_ms) == NET_LEASE_RENEW && now_ms == 12 * HOUR_MS);
	for (before_ms = now_ms; (step = run(&held, &now_ms)) == NET_LEASE_RENEW; renewals++) {
		EXPECT(now_ms - before_ms >= 60000 && now_ms < 21 * HOUR_MS);
		before_ms = now_ms;
	}
	EXPECT(step == NET_LEASE_REBIND && now_ms == 21 * HOUR_MS && renewals >= 5);
	for (; (step = run(&held, &now_ms)) == NET_LEASE_REBIND; rebindings++)
		EXPECT(now_ms < 24 * HOUR_MS);
	EXPECT(step == NET_LEASE_LOSE && now_ms == 24 * HOUR_MS && rebindings >= 5);
	for (int i = 0; i < 3; i++) {
		EXPECT(run(&held, &now_ms) == NET_LEASE_SEARCH && !held.is_held);
		EXPECT(now_ms == 24 * HOUR_MS + i * 10000);
	}
}

static void test_the_shortest_lease_keeps_its_order(void)
{
	struct net_lease held = begun(60);
	int64_t now_ms = 0;

	EXPECT(run(&held, &now_ms) == NET_LEASE_RENEW && now_ms == 30000);
	EXPECT(run(&held, &now_ms) == NET_LEASE_REBIND && now_ms == 53000);
	EXPECT(run(&held, &now_ms) == NET_LEASE_LOSE && now_ms == 60000);
}

static void test_an_answer_begins_anew_and_a_refusal_ends_it(void)
{
	struct net_lease held = begun(600);
	struct net_dhcp_lease more = {.lease_s = 1200};
	int64_t now_ms = 0;

	EXPECT(run(&held, &now_ms) == NET_LEASE_RENEW && now_ms == 300000);
	net_lease_begin(&held, &more, now_ms);
	EXPECT(run(&held, &now_ms) == NET_LEASE_RENEW && now_ms == 900000);
	net_lease_refused(&held, now_ms);
	EXPECT(run(&held, &now_ms) == NET_LEASE_LOSE && now_ms == 900000);
	EXPECT(run(&held, &now_ms) == NET_LEASE_SEARCH && now_ms == 900000);
}

int main(void)
{
	RUN(test_an_unanswered_lease_is_asked_for_and_at_its_end_given_up);
	RUN(test_the_shortest_lease_keeps_its_order);
	RUN(test_an_answer_begins_anew_and_a_refusal_ends_it);
	return test_summary();
}
