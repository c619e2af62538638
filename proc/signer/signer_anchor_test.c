/* The budget of the TPM's writes, and what is judged good at a start. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_test.h"
#include "call_attest.h"
#include "keys.h"
#include "signer_anchor.h"

#define HOUR_MS UINT64_C(3600000)

static struct signer_anchor begin(bool software)
{
	struct signer_anchor anchor = {.begun = false};
	struct call_start_facts facts = {
	    .is_software = software, .has_counter = 1, .counter = 7, .first_counter = 7};

	signer_anchor_begin(&anchor, &facts, 1000);
	return anchor;
}

/* take begins a commit that is of nobody's share. */
static bool take(struct signer_anchor *anchor, enum signer_need need, uint64_t now_ms)
{
	return signer_anchor_take(anchor, need, NULL, now_ms);
}

/* write_one does what that commit does; the TPM answers at once. */
static void write_one(struct signer_anchor *anchor, uint64_t now_ms)
{
	struct call_attest_extended said = {.head.request = anchor->request + 1,
	                                    .boots = anchor->counter};

	signer_anchor_write(anchor, bytes_of_text("checkpoint"), now_ms);
	anchor->request++;
	anchor->step = SIGNER_ANCHOR_ASKED;
	memcpy(said.value, anchor->expected, sizeof(said.value));
	EXPECT(signer_anchor_answered(anchor, bytes_of(&said, sizeof(said)), 1000) == STATUS_OK);
}

/* R3: however much is asked for, a day takes 300 writes and the burst; what lowers power goes on.
 */
static void test_a_flood_of_changes_costs_time_and_not_the_tpm(void)
{
	struct signer_anchor anchor = begin(false);
	unsigned written = 0, first_hour = 0, urgent = 0;

	for (uint64_t now = 1000; now < 1000 + 24 * HOUR_MS; now += 100) {
		if (take(&anchor, SIGNER_NEED_CHANGE, now)) {
			write_one(&anchor, now);
			written++;
			first_hour += now < 1000 + HOUR_MS;
		}
		/* A revocation each hour. */
		if (now % HOUR_MS == 0 && take(&anchor, SIGNER_NEED_LESS, now)) {
			write_one(&anchor, now);
			urgent++;
		}
	}
	printf("a day under flood: %u writes, %u of them in the first hour, %u urgent\n", written,
	       first_hour, urgent);
	EXPECT(written + urgent <= SIGNER_ANCHOR_DAY + SIGNER_ANCHOR_BURST);
	EXPECT(written >= 250 && first_hour >= 20 && urgent == 24);
}

static void test_within_the_burst_writes_keep_their_distance_and_the_first_is_at_once(void)
{
	struct signer_anchor anchor = begin(false);
	uint64_t now = 1000, last = 0;

	for (int i = 0; i < 20; i++) {
		while (!take(&anchor, SIGNER_NEED_CHANGE, now))
			now += 10;
		EXPECT(i == 0 ? now == 1000 : now - last == SIGNER_ANCHOR_GAP_MS);
		last = now;
		write_one(&anchor, now);
	}
	now += 5 * SIGNER_ANCHOR_GAP_MS; /* nobody asked for a while: at once again */
	EXPECT(take(&anchor, SIGNER_NEED_CHANGE, now));
}

static void test_the_reserve_is_for_what_lowers_power(void)
{
	struct signer_anchor anchor = begin(false);
	uint64_t now = 1000;
	unsigned count = 0;

	for (; count < 60; now += SIGNER_ANCHOR_GAP_MS) {
		if (!take(&anchor, SIGNER_NEED_CHANGE, now))
			break;
		write_one(&anchor, now);
		count++;
	}
	EXPECT(count == SIGNER_ANCHOR_BURST - SIGNER_ANCHOR_RESERVE && anchor.is_low);
	for (count = 0; count < 60; now += SIGNER_ANCHOR_GAP_MS) {
		if (!take(&anchor, SIGNER_NEED_LESS, now))
			break;
		write_one(&anchor, now);
		count++;
	}
	EXPECT(count == SIGNER_ANCHOR_RESERVE);
	EXPECT(signer_anchor_left(&anchor, now) == 0);
	EXPECT(signer_anchor_left(&anchor, now + 24 * HOUR_MS) == SIGNER_ANCHOR_BURST);
}

/* R3: a bot at the limit of its window asks for a lease all day; users' changes still find writes.
 */
static void test_leases_leave_half_of_the_burst_but_for_one_in_ten_minutes(void)
{
	struct signer_anchor anchor = begin(false);
	unsigned leases = 0, changes = 0, at_once = 0;
	uint64_t last_low = 0, asked = 0;

	for (uint64_t now = 1000; now < 1000 + 24 * HOUR_MS; now += 500) {
		/* A user's change each half hour. */
		if (now % (HOUR_MS / 2) == 0)
			asked = now;
		if (asked != 0 && take(&anchor, SIGNER_NEED_CHANGE, now)) {
			write_one(&anchor, now);
			changes++;
			at_once += now - asked <= SIGNER_ANCHOR_GAP_MS;
			asked = 0;
		} else if (take(&anchor, SIGNER_NEED_LEASE, now)) {
			uint64_t left = signer_anchor_left(&anchor, now) + 1;

			if (left <= SIGNER_ANCHOR_LEASES) {
				EXPECT(last_low == 0 || now - last_low >= SIGNER_ANCHOR_LEASE_MS);
				last_low = now;
			}
			write_one(&anchor, now);
			leases++;
		}
	}
	printf("a day of leases: %u writes, %u of %u changes at once\n", leases, at_once, changes);
	EXPECT(changes == 48 && at_once == changes);
	EXPECT(leases >= 144 && leases + changes <= SIGNER_ANCHOR_DAY + SIGNER_ANCHOR_BURST);
}

/* A TPM that puts a write off is asked again, for the same write, ever more slowly. */
static void test_a_write_that_the_tpm_puts_off_is_asked_again(void)
{
	struct signer_anchor anchor = begin(false);
	struct call_attest_extended said = {.head.request = 1, .head.status = STATUS_BUSY};
	uint64_t now = 1000, waits[9];
	uint8_t expected[32];

	signer_anchor_write(&anchor, bytes_of_text("checkpoint"), now);
	memcpy(expected, anchor.expected, 32);
	anchor.request = 1;
	for (unsigned i = 0; i < 9; i++) {
		anchor.step = SIGNER_ANCHOR_ASKED;
		EXPECT(signer_anchor_answered(&anchor, bytes_of(&said, sizeof(said)), now) ==
		       STATUS_BUSY);
		EXPECT(anchor.step == SIGNER_ANCHOR_READY &&
		       memcmp(anchor.expected, expected, 32) == 0);
		waits[i] = anchor.ask_ms - now;
		signer_anchor_pump(&anchor,
		                   anchor.ask_ms - 1); /* not before: no channel is there */
		EXPECT(anchor.step == SIGNER_ANCHOR_READY);
		now = anchor.ask_ms;
	}
	EXPECT(waits[0] == SIGNER_ANCHOR_BUSY_MS && waits[1] == 2 * waits[0] &&
	       waits[8] == SIGNER_ANCHOR_BUSY_MAX_MS && anchor.busy == 9);
	said = (struct call_attest_extended){.head.request = 1, .boots = anchor.counter};
	memcpy(said.value, expected, 32);
	anchor.step = SIGNER_ANCHOR_ASKED;
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&said, sizeof(said)), now) == STATUS_OK);
	EXPECT(anchor.ask_ms == 0 && anchor.writes == 1);
}

static const uint8_t *user(unsigned number)
{
	static uint8_t id[32];

	id[0] = (uint8_t)(number + 1);
	return id;
}

/* ask has a user ask for a write of what takes power away, as a change does. */
static bool ask(struct signer_anchor *anchor, unsigned number, uint64_t now_ms)
{
	enum signer_need need = signer_anchor_need(anchor, user(number), now_ms);

	if (!signer_anchor_take(anchor, need, need == SIGNER_NEED_LEASE ? NULL : user(number),
	                        now_ms))
		return false;
	write_one(anchor, now_ms);
	return true;
}

/* take_all has him do that until he may not; returns how many he got. */
static unsigned take_all(struct signer_anchor *anchor, unsigned number, uint64_t *now_ms)
{
	unsigned count = 0;

	anchor->lease_ms = *now_ms; /* beyond his share he goes with others */
	while (signer_anchor_left(anchor, *now_ms) > SIGNER_ANCHOR_RESERVE) {
		uint64_t before = signer_anchor_left(anchor, *now_ms);

		if (signer_anchor_need(anchor, user(number), *now_ms) == SIGNER_NEED_LEASE)
			break;
		EXPECT(ask(anchor, number, *now_ms));
		EXPECT(signer_anchor_left(anchor, *now_ms) + 1 == before);
		*now_ms += SIGNER_ANCHOR_GAP_MS;
		count++;
	}
	return count;
}

static bool pays(struct signer_anchor *anchor, unsigned number, uint64_t now_ms)
{
	return signer_anchor_pay(anchor, user(number), now_ms);
}

/* A25: whoever floods gets half of what is above the reserve, and so on: who comes next finds some,
 * for what gives power too; and so it stays, however long they go on. */
static void test_no_user_takes_more_of_the_writes_than_he_leaves(void)
{
	for (unsigned users = 1; users <= 8; users *= 2) {
		struct signer_anchor anchor = begin(false);
		unsigned all = 0, fewest = UINT32_MAX;
		uint64_t now = 1000;

		for (; now < 1000 + 24 * HOUR_MS; now += 30000) {
			uint64_t left;

			for (unsigned i = 0; i < users; i++)
				all += take_all(&anchor, i, &now);
			left = signer_anchor_left(&anchor, now);
			/* But for the first of each, who come all at once. */
			if (now > HOUR_MS && left < fewest)
				fewest = (unsigned)left;
		}
		printf("a day of %u floods: %u writes, never fewer than %u left\n", users, all,
		       fewest);
		EXPECT(all > 200 && all <= SIGNER_ANCHOR_DAY + SIGNER_ANCHOR_BURST);
		EXPECT(users == 1 ? fewest == 19 : fewest > SIGNER_ANCHOR_RESERVE + 2);
		EXPECT(pays(&anchor, 50, now)); /* a change that gives power */
		EXPECT(ask(&anchor, 51, now + SIGNER_ANCHOR_GAP_MS));
	}
}

/* Of the reserve each has his first write of late; what gives power is told when one comes. */
static void test_a_newcomer_may_ask_for_the_next_write(void)
{
	struct signer_anchor anchor = begin(false);
	uint64_t now = 1000, wait_s = 0;

	for (unsigned i = 0; i < SIGNER_ANCHOR_BURST; i++, now += SIGNER_ANCHOR_GAP_MS)
		EXPECT(ask(&anchor, i, now));
	EXPECT(signer_anchor_left(&anchor, now) == 0 && !ask(&anchor, 100, now));
	EXPECT(!pays(&anchor, 100, now) &&
	       !signer_anchor_may_pay(&anchor, user(100), now, &wait_s));
	EXPECT(wait_s > 2500 && wait_s < 2700); /* 9 writes of 288 s */
	EXPECT(!signer_anchor_may_pay(&anchor, user(100), now + (wait_s - 2) * 1000, &wait_s));
	EXPECT(ask(&anchor, 100, now + 290000)); /* the next one that comes is his */
	EXPECT(signer_anchor_need(&anchor, user(100), now + 300000) != SIGNER_NEED_LESS);
	now += 2 * 2600000;
	EXPECT(signer_anchor_may_pay(&anchor, user(3), now, &wait_s) && wait_s == 0);
}

/* One that was paid for waits for no budget, only for the gap. */
static void test_what_is_paid_waits_for_no_budget(void)
{
	struct signer_anchor anchor = begin(false);
	uint64_t now = 1000;

	while (signer_anchor_left(&anchor, now) > SIGNER_ANCHOR_RESERVE + 1) {
		EXPECT(take(&anchor, SIGNER_NEED_LESS, now));
		write_one(&anchor, now);
		now += SIGNER_ANCHOR_GAP_MS;
	}
	EXPECT(pays(&anchor, 1, now) && !pays(&anchor, 2, now));
	EXPECT(signer_anchor_left(&anchor, now) == SIGNER_ANCHOR_RESERVE);
	EXPECT(signer_anchor_is_due(&anchor, now) && !signer_anchor_is_due(&anchor, now - 1));
}

static void test_a_software_tpm_has_no_budget(void)
{
	struct signer_anchor anchor = begin(true);

	for (unsigned i = 0; i < 1000; i++) {
		EXPECT(take(&anchor, SIGNER_NEED_CHANGE, 1000));
		write_one(&anchor, 1000);
	}
	EXPECT(signer_anchor_left(&anchor, 1000) == UINT64_MAX && anchor.writes == 1000);
}

/* PH4: an answer of another value, counter or request is never taken for the write. */
static void test_only_the_very_answer_counts(void)
{
	struct signer_anchor anchor = begin(true);
	struct call_attest_extended said = {.head.request = 1, .boots = 8}, other;

	EXPECT(signer_anchor_answered(&anchor, bytes_of(&said, sizeof(said)), 1000) ==
	       STATUS_MALFORMED);
	signer_anchor_write(&anchor, bytes_of_text("checkpoint"), 1000);
	anchor.request = 1;
	anchor.step = SIGNER_ANCHOR_ASKED;
	memcpy(said.value, anchor.expected, sizeof(said.value));
	other = said;
	other.head.request = 2;
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&other, sizeof(other)), 1000) ==
	       STATUS_MALFORMED);
	other = said;
	other.value[31] ^= 1;
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&other, sizeof(other)), 1000) ==
	       STATUS_CORRUPT);
	other = said;
	other.boots = 7;
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&other, sizeof(other)), 1000) ==
	       STATUS_CORRUPT);
	other = said;
	other.head.status = STATUS_IO;
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&other, sizeof(other)), 1000) ==
	       STATUS_CORRUPT);
	EXPECT(signer_anchor_answered(&anchor, bytes_of(&said, sizeof(said)), 1000) == STATUS_OK);
	EXPECT(memcmp(anchor.value, said.value, 32) == 0 && anchor.boots == 8);
}

/* R3: restarts, however many, take no more of the TPM's writes than going on would, but for the one
 * write of each start. */
static void test_a_restart_goes_on_with_the_budget(void)
{
	struct signer_anchor anchor = begin(false);
	uint64_t spent = 0;

	for (unsigned i = 0; i < 25; i++) {
		EXPECT(anchor.left_milli == (30 - i) * 1000);
		EXPECT(take(&anchor, SIGNER_NEED_LESS, 1000 + i * SIGNER_ANCHOR_GAP_MS));
		/* What the checkpoint says is without the write that anchors it. */
		EXPECT(anchor.left_milli / 1000 == 29 - i);
		write_one(&anchor, 1000 + i * SIGNER_ANCHOR_GAP_MS);
		anchor.at_ms = 1000 + (i + 1) * SIGNER_ANCHOR_GAP_MS;
	}
	for (unsigned boot = 0; boot < 100; boot++) {
		uint64_t left = anchor.left_milli, now = 1000;
		struct signer_anchor next = begin(false);

		signer_anchor_resume(&next, left, 0); /* at once, or the clock went back */
		EXPECT(signer_anchor_left(&next, 1000) == (left < 1000 ? 1 : left / 1000));
		while (take(&next, SIGNER_NEED_LESS, now)) {
			write_one(&next, now);
			now += SIGNER_ANCHOR_GAP_MS;
			next.at_ms = now; /* nothing is refilled meanwhile */
			spent++;
		}
		next.at_ms = 1000;
		anchor = next;
	}
	EXPECT(spent == 5 + 99); /* what was left, then each start's own */
	signer_anchor_resume(&anchor, 0, 24 * 3600 * 1000 / 10);
	EXPECT(signer_anchor_left(&anchor, 1000) == 30);
	signer_anchor_resume(&anchor, 2000, 2 * 288000);
	EXPECT(signer_anchor_left(&anchor, 1000) == 4);
	signer_anchor_resume(&anchor, UINT32_MAX, UINT64_MAX);
	EXPECT(signer_anchor_left(&anchor, 1000) == 30);
}

/* PH9: an anchor that was never written is a fresh one only while the boot counter stands where
 * genesis left it; later it was defined anew. */
static void test_an_unwritten_anchor_is_fresh_only_at_genesis(void)
{
	struct call_start_facts facts = {.has_counter = 1, .counter = 7, .first_counter = 7};
	struct signer_anchor anchor = {.begun = false};

	signer_anchor_begin(&anchor, &facts, 1000);
	EXPECT(signer_anchor_is_fresh(&anchor, &facts));
	facts.has_checkpoint = 1;
	EXPECT(!signer_anchor_is_fresh(&anchor, &facts));
	facts = (struct call_start_facts){.has_counter = 1, .counter = 8, .first_counter = 7};
	signer_anchor_begin(&anchor, &facts, 1000);
	EXPECT(!signer_anchor_is_fresh(&anchor, &facts));
	facts.has_counter = 0;
	facts.counter = 7;
	signer_anchor_begin(&anchor, &facts, 1000);
	EXPECT(!signer_anchor_is_fresh(&anchor, &facts));
}

static void test_light_checkpoints_hang_on_the_index_and_others_lead_to_it(void)
{
	struct signer_anchor anchor = begin(true);
	struct authz_checkpoint checkpoint = {.counter = 8};
	struct bytes encoded = bytes_of_text("an encoding");
	uint8_t whole[64] = {0};
	struct bytes both = BYTES_OF_ARRAY(whole);

	keys_sha256(&encoded, 1, whole + 32);
	keys_sha256(&both, 1, anchor.value); /* the index after that checkpoint */
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED);
	checkpoint.counter = 7;
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED);
	checkpoint.counter = 6;
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED_OLD);
	checkpoint.counter = 9;
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED_OLD);
	checkpoint.counter = 8;
	EXPECT(signer_anchor_judge(&anchor, bytes_of_text("another"), &checkpoint) ==
	       SIGNER_ANCHORED_OTHER);
	checkpoint.light = true;
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED_OTHER);
	memcpy(checkpoint.anchor, anchor.value, 32);
	EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED);
}

/* However often the power goes between a boot's first extend and the raise of the counter, the
 * next start takes the store, and with the number that was cut off. */
static void test_cuts_in_a_row_before_the_counter_rises_do_not_lock_the_store_out(void)
{
	struct call_start_facts facts = {
	    .has_checkpoint = 1, .has_counter = 1, .counter = 7, .first_counter = 1};
	unsigned cuts = 0;

	for (; cuts < 5; cuts++) {
		struct signer_anchor anchor = {.begun = false};
		struct authz_checkpoint checkpoint = {.seq = cuts};
		struct bytes encoded = BYTES_OF_ARRAY(checkpoint.anchor);
		uint8_t both[64];
		struct bytes all = BYTES_OF_ARRAY(both);

		signer_anchor_begin(&anchor, &facts, 1000);
		EXPECT(anchor.counter == 8);
		memcpy(checkpoint.anchor, anchor.value, 32);
		checkpoint.counter = anchor.counter;
		/* The TPM extends; the counter stays. */
		memcpy(both, anchor.value, 32);
		keys_sha256(&encoded, 1, both + 32);
		keys_sha256(&all, 1, facts.nv_checkpoint);
		signer_anchor_begin(&anchor, &facts, 1000);
		EXPECT(signer_anchor_judge(&anchor, encoded, &checkpoint) == SIGNER_ANCHORED);
	}
	EXPECT(cuts == 5);
}

/* A8, R3: a caller whose clock is of the turn before gets no burst for it. */
static void test_a_clock_that_lags_brings_nothing_back(void)
{
	struct signer_anchor anchor = {.is_limited = true, .left_milli = 3000, .at_ms = 5000000};

	EXPECT(signer_anchor_left(&anchor, 5000000 - 1) == 3);
	EXPECT(anchor.at_ms == 5000000);
	EXPECT(signer_anchor_left(&anchor, 5000000 + 288000) == 4);
}

int main(void)
{
	keys_open();
	RUN(test_a_flood_of_changes_costs_time_and_not_the_tpm);
	RUN(test_within_the_burst_writes_keep_their_distance_and_the_first_is_at_once);
	RUN(test_the_reserve_is_for_what_lowers_power);
	RUN(test_leases_leave_half_of_the_burst_but_for_one_in_ten_minutes);
	RUN(test_a_write_that_the_tpm_puts_off_is_asked_again);
	RUN(test_no_user_takes_more_of_the_writes_than_he_leaves);
	RUN(test_a_newcomer_may_ask_for_the_next_write);
	RUN(test_what_is_paid_waits_for_no_budget);
	RUN(test_a_software_tpm_has_no_budget);
	RUN(test_a_restart_goes_on_with_the_budget);
	RUN(test_an_unwritten_anchor_is_fresh_only_at_genesis);
	RUN(test_only_the_very_answer_counts);
	RUN(test_light_checkpoints_hang_on_the_index_and_others_lead_to_it);
	RUN(test_cuts_in_a_row_before_the_counter_rises_do_not_lock_the_store_out);
	RUN(test_a_clock_that_lags_brings_nothing_back);
	return test_summary();
}
