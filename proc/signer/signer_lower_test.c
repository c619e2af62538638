/* Power that is taken from the record in force and from the one on its way: neither ever gains. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_lower.h"

#include "base_check.h"
#include "base_test.h"

static uint8_t space[1024];
static struct authz_change change;
static struct authz_wallet_record now, next;

static void begin(enum authz_action action)
{
	memset(&change, 0, sizeof(change));
	change.action = (uint8_t)action;
	change.entry_count = 1;
	memset(&now, 0, sizeof(now));
	now.version = 5;
	next = now;
	next.version = 6;
}

static void about(uint8_t id)
{
	struct buffer body = BUFFER_OF_ARRAY(space);
	uint8_t bytes[32] = {id};

	CHECK(authz_id_put(bytes, &body) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&body);
}

static struct authz_counter_rule limit(uint8_t id, uint8_t window, uint64_t cap)
{
	return (struct authz_counter_rule){
	    .id = id, .unit = AUTHZ_UNIT_LAMPORTS, .window = window, .cap = cap};
}

static void has(struct authz_wallet_record *wallet, struct authz_counter_rule rule, uint64_t since)
{
	wallet->limits[wallet->limit_count] = rule;
	wallet->limits_since[wallet->limit_count++] = since;
}

/* The cap of a limit of a record, and since when it counts; 0: there is none. */
static uint64_t cap_of(const struct authz_wallet_record *wallet, uint8_t window, uint64_t since)
{
	for (size_t i = 0; i < wallet->limit_count; i++)
		if (wallet->limits[i].window == window)
			return wallet->limits_since[i] == since ? wallet->limits[i].cap : 1;
	return 0;
}

static void set(struct authz_limit_body *body)
{
	struct buffer bytes = BUFFER_OF_ARRAY(space);

	body->of_wallet = true;
	CHECK(authz_limit_put(body, &bytes) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&bytes);
}

/* What a record says must be one that can be written and read. */
static bool is_sound(const struct authz_wallet_record *wallet)
{
	for (size_t i = 1; i < wallet->limit_count; i++)
		if (wallet->limits[i - 1].id >= wallet->limits[i].id)
			return false;
	return authz_limits_differ(wallet->limits, wallet->limit_count);
}

/* C1: a grant, or a change that waits, is taken out of whichever record has it. */
static void test_revoking_and_cancelling_reach_what_is_on_its_way(void)
{
	begin(AUTHZ_ACTION_REVOKE);
	about(1);
	next.grant_count = 2;
	next.grants[0] = (struct authz_grant_entry){.grant = {1}, .live = true};
	next.grants[1] = (struct authz_grant_entry){.grant = {2}, .live = true};
	EXPECT(signer_lower_is_live(&next, next.grants[0].grant));
	signer_lower_wallet(&change, 0, NULL, &now);
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(!next.grants[0].live && next.grants[1].live && now.grant_count == 0);
	EXPECT(!signer_lower_is_live(&next, next.grants[0].grant));

	begin(AUTHZ_ACTION_CANCEL);
	about(3);
	now.pending_count = 2;
	now.pending[0].change[0] = 3;
	now.pending[1].change[0] = 4;
	next.pending_count = 3;
	next.pending[0].change[0] = 4;
	next.pending[1].change[0] = 3;
	next.pending[2].change[0] = 5;
	signer_lower_wallet(&change, 0, NULL, &now);
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(now.pending_count == 1 && now.pending[0].change[0] == 4);
	EXPECT(next.pending_count == 2 && next.pending[0].change[0] == 4 &&
	       next.pending[1].change[0] == 5);
	/* What was handed over stays listed. */
	next.pending_count = 1;
	next.pending[0].change[0] = 3;
	next.pending[0].done = true;
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(next.pending_count == 1);
	begin(AUTHZ_ACTION_FREEZE);
	next.pending_count = 3;
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(next.frozen && next.pending_count == 0 && !now.frozen);
}

/* The usual case: the limits are those that the user wrote, and go on counting. */
static void test_lower_limits_are_as_they_were_written(void)
{
	struct authz_limit_body body = {.limit_count = 2};

	begin(AUTHZ_ACTION_LIMIT);
	has(&now, limit(4, AUTHZ_WINDOW_DAY, 100), 2);
	body.limits[0] = limit(1, AUTHZ_WINDOW_HOUR, 10);
	body.limits[1] = limit(2, AUTHZ_WINDOW_DAY, 50);
	set(&body);
	next = now;
	next.version = 6;
	signer_lower_wallet(&change, 0, NULL, &now);
	EXPECT(now.limit_count == 2 &&
	       memcmp(now.limits, body.limits, 2 * sizeof(now.limits[0])) == 0);
	EXPECT(now.limits_since[0] == 6 && now.limits_since[1] == 2);
	/* In the one on its way the same, from the same time on: nothing that was spent is
	 * forgotten. */
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(next.limit_count == 2 && next.limits_since[0] == 6 && next.limits_since[1] == 2);
}

/* Double spend: a change on its way may have raised one limit, lowered another, dropped a third;
 * one that was judged as lowering the record in force raises nothing of it, whatever it says. */
static void test_what_is_on_its_way_gains_nothing_by_a_lower_limit(void)
{
	struct authz_limit_body body = {.limit_count = 3};

	begin(AUTHZ_ACTION_LIMIT);
	has(&now, limit(1, AUTHZ_WINDOW_HOUR, 10), 1);
	has(&now, limit(2, AUTHZ_WINDOW_DAY, 100), 2);
	has(&now, limit(3, AUTHZ_WINDOW_TOTAL, 1000), 3);
	has(&next, limit(7, AUTHZ_WINDOW_DAY, 5), 2);
	has(&next, limit(8, AUTHZ_WINDOW_TOTAL, 9000), 3);
	body.limits[0] = limit(1, AUTHZ_WINDOW_HOUR, 9);
	body.limits[1] = limit(2, AUTHZ_WINDOW_DAY, 70);
	body.limits[2] = limit(3, AUTHZ_WINDOW_TOTAL, 800);
	set(&body);
	signer_lower_wallet(&change, 0, NULL, &now);
	EXPECT(cap_of(&now, AUTHZ_WINDOW_HOUR, 1) == 9 && cap_of(&now, AUTHZ_WINDOW_DAY, 2) == 70 &&
	       cap_of(&now, AUTHZ_WINDOW_TOTAL, 3) == 800);
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(next.limit_count == 3 && is_sound(&next));
	EXPECT(cap_of(&next, AUTHZ_WINDOW_HOUR, 1) == 9); /* dropped before: it counts on */
	EXPECT(cap_of(&next, AUTHZ_WINDOW_DAY, 2) == 5);
	EXPECT(cap_of(&next, AUTHZ_WINDOW_TOTAL, 3) == 800);

	/* A limit that the one on its way brings stays beside those that were written. */
	begin(AUTHZ_ACTION_LIMIT);
	has(&now, limit(1, AUTHZ_WINDOW_DAY, 100), 2);
	has(&next, limit(0, AUTHZ_WINDOW_HOUR, 3), 6);
	has(&next, limit(1, AUTHZ_WINDOW_DAY, 200), 2);
	body.limit_count = 1;
	body.limits[0] = limit(1, AUTHZ_WINDOW_DAY, 60);
	set(&body);
	signer_lower_wallet(&change, 0, NULL, &now);
	signer_lower_wallet(&change, 0, &now, &next);
	EXPECT(next.limit_count == 2 && is_sound(&next));
	EXPECT(cap_of(&next, AUTHZ_WINDOW_HOUR, 6) == 3 &&
	       cap_of(&next, AUTHZ_WINDOW_DAY, 2) == 60);
}

static void test_limits_that_do_not_fit_are_found_out_before(void)
{
	struct authz_limit_body body = {.limit_count = 1};

	begin(AUTHZ_ACTION_LIMIT);
	for (uint8_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++) {
		struct authz_counter_rule rule = {.id = i,
		                                  .unit = AUTHZ_UNIT_MINT,
		                                  .window = AUTHZ_WINDOW_DAY,
		                                  .cap = 1,
		                                  .mint = {i}};

		has(&next, rule, 1);
	}
	body.limits[0] = limit(0, AUTHZ_WINDOW_DAY, 1);
	EXPECT(signer_lower_fits(&body, &now) && !signer_lower_fits(&body, &next));
	body.limits[0] = next.limits[3];
	EXPECT(signer_lower_fits(&body, &next));
}

int main(void)
{
	RUN(test_revoking_and_cancelling_reach_what_is_on_its_way);
	RUN(test_lower_limits_are_as_they_were_written);
	RUN(test_what_is_on_its_way_gains_nothing_by_a_lower_limit);
	RUN(test_limits_that_do_not_fit_are_found_out_before);
	return test_summary();
}
