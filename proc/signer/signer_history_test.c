/* How much is kept of a wallet's changes in a day, and who may use up how much of it (A25). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_history.h"

#include "base_test.h"
#include "signer_change.h"

void signer_turn(struct signer *of)
{
	(void)of;
}

static struct signer signer;
static struct signer_change job;
static uint8_t late_space[LIMIT_CHANGE_MAX], kept_space[AUTHZ_KEPT_MAX];

static void begin(enum authz_action action, uint64_t changed)
{
	static const struct signer_time_start start;

	signer_time_start(&signer.time, &start);
	job.signer = &signer;
	job.late = BUFFER_OF_ARRAY(late_space);
	job.history.kept = BUFFER_OF_ARRAY(kept_space);
	job.change = (struct authz_change){.action = (uint8_t)action, .entry_count = 2};
	job.given = (struct authz_signed_change){.change = bytes_of("\xa0", 1)};
	job.factors = (struct signer_factors){.gives = false};
	job.wallets[0] = job.wallets[1] = (struct authz_wallet_record){.version = 1};
	job.wallets[1].kept_day = signer_time_read(&signer.time).low_s / 86400;
	job.wallets[1].changed = changed;
}

static enum status begins(void)
{
	signer_history_reset(&job);
	return signer_history_begin(&job);
}

/* The half that one factor of several cannot use up is there for the change that removes it. */
static void test_one_factor_leaves_half_of_the_bytes_of_a_day_to_two(void)
{
	begin(AUTHZ_ACTION_LIMIT, LIMIT_CHANGED_PER_DAY / 2 - 1);
	EXPECT(begins() == STATUS_OK);
	job.wallets[1].changed++;
	EXPECT(begins() == STATUS_REFUSED &&
	       strstr(job.refusal.text, "wallet 2 has had too many changes") != NULL);
	job.factors.gives = job.factors.is_recovery = true;
	EXPECT(begins() == STATUS_REFUSED);
	job.factors.is_recovery = false;
	EXPECT(begins() == STATUS_OK);
	job.wallets[1].changed = LIMIT_CHANGED_PER_DAY - 1;
	EXPECT(begins() == STATUS_OK);
	job.wallets[1].changed++;
	EXPECT(begins() == STATUS_REFUSED);
	/* Yesterday's are past. */
	job.wallets[1].kept_day--;
	EXPECT(begins() == STATUS_OK);
}

/* What takes power goes on whatever came before it, and takes nothing of what the rest has. */
static void test_what_takes_power_has_no_day_and_uses_up_none(void)
{
	static const enum authz_action takes[] = {AUTHZ_ACTION_FREEZE, AUTHZ_ACTION_REVOKE,
	                                          AUTHZ_ACTION_CANCEL};
	static const uint8_t previous[32];

	for (size_t i = 0; i < 3; i++) {
		begin(takes[i], LIMIT_CHANGED_PER_DAY);
		EXPECT(begins() == STATUS_OK);
		begin(takes[i], 5);
		EXPECT(begins() == STATUS_OK);
		signer_history_link(&job, &job.wallets[1], previous);
		EXPECT(job.wallets[1].changed == 5 && job.history.link_count == 1);
	}
	begin(AUTHZ_ACTION_LIMIT, 5);
	EXPECT(begins() == STATUS_OK);
	signer_history_link(&job, &job.wallets[1], previous);
	EXPECT(job.wallets[1].changed == 5 + job.history.kept.len + AUTHZ_LINK_MAX);
}

/* T1: the delay that an auditor counts begins when the signer's does, whatever turns were taken
 * before the link was made: else what was completed to the second would be called too early. */
static void test_a_change_waits_from_the_time_that_its_link_says(void)
{
	static const uint8_t previous[32];

	begin(AUTHZ_ACTION_GRANT, 0);
	EXPECT(begins() == STATUS_OK);
	job.history.step = AUTHZ_STEP_WAITS;
	job.history.asked = (struct signer_time_now){.low_s = 7, .high_s = 9};
	signer_history_link(&job, &job.wallets[0], previous);
	EXPECT(job.history.links[0].time_low_s == 7 && job.history.links[0].time_high_s == 9);
}

int main(void)
{
	keys_open();
	RUN(test_one_factor_leaves_half_of_the_bytes_of_a_day_to_two);
	RUN(test_what_takes_power_has_no_day_and_uses_up_none);
	RUN(test_a_change_waits_from_the_time_that_its_link_says);
	return test_summary();
}
