/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_time.h"

#include "base_test.h"

#define NOW     UINT64_C(1800000000)
#define HOUR    UINT64_C(3600)
#define DAY     (24 * HOUR)
#define UNKNOWN SIGNER_TIME_UNPROVEN_S

static const uint8_t host[16] = {7};

/* The machine's clocks; it has not slept. */
static struct signer_clocks at(uint64_t system_s, uint64_t boot_s)
{
	return (struct signer_clocks){
	    .system_s = system_s, .boot_ms = boot_s * 1000, .run_ms = boot_s * 1000};
}

static struct authz_time_marks marks(uint64_t low_s, uint64_t high_s)
{
	return (struct authz_time_marks){.low_s = low_s, .high_s = high_s, .is_proven = true};
}

/* A start of another machine boot, by the system's clock. */
static void start(struct signer_time *time, struct signer_clocks clocks,
                  struct authz_time_marks before, bool accept)
{
	struct signer_time_start how = {.marks = before, .accept = accept};

	signer_time_start_at(time, clocks, &how);
}

/* ---- the system's clock ---- */

static void test_both_bounds_follow_a_good_clock(void)
{
	struct signer_time time;
	struct signer_time_now now;

	start(&time, at(NOW, 100), marks(0, 0), false);
	for (uint64_t s = 0; s < 100000; s += 997) {
		now = signer_time_read_at(&time, at(NOW + s, 100 + s));
		EXPECT(now.low_s == NOW + s && now.high_s == NOW + s);
	}
	EXPECT(!time.jumped && !time.stepped);
	EXPECT(signer_time_is_known_at(&time, at(NOW, 100 + 10 * DAY)));
}

/* T2: what has expired stays so, wherever the clock goes. */
static void test_neither_bound_ever_goes_back(void)
{
	static const int64_t steps_s[] = {0,  5,     -30,    -1800,       -7200,
	                                  60, 86400, -86400, -1800000000, 10};
	struct signer_time time;
	struct signer_time_now before, now;
	uint64_t system_s = NOW, boot_s = 50;

	start(&time, at(NOW, boot_s), marks(NOW - 10, NOW - 10), false);
	before = signer_time_read_at(&time, at(NOW, boot_s));
	for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++) {
		system_s += (uint64_t)steps_s[i];
		boot_s += 7;
		now = signer_time_read_at(&time, at(system_s, boot_s));
		EXPECT(now.low_s >= before.low_s + 7 - 1 && now.high_s >= before.high_s);
		EXPECT(now.high_s >= now.low_s);
		before = now;
	}
}

/* T1: a clock set forward opens nothing early, and closes what it says has expired. */
static void test_a_jump_forward_moves_only_the_high_bound(void)
{
	struct signer_time time;
	struct signer_time_now now;

	start(&time, at(NOW, 0), marks(NOW, NOW), false);
	now = signer_time_read_at(&time, at(NOW + 2 * HOUR, 10));
	EXPECT(time.jumped && time.stepped);
	EXPECT(now.low_s == NOW + 10 && now.high_s == NOW + 2 * HOUR);
}

/* T1: nor does it in small steps. */
static void test_many_small_steps_are_one_jump(void)
{
	struct signer_time time;
	struct signer_time_now now = {0};

	start(&time, at(NOW, 0), marks(NOW, NOW), false);
	for (uint64_t i = 1; i <= 1000; i++)
		now = signer_time_read_at(&time, at(NOW + i * 60, i));
	EXPECT(time.jumped);
	EXPECT(now.low_s <= NOW + HOUR + 1000);
}

/* T1: nor does a restart make it true. */
static void test_a_restart_does_not_make_a_jump_true(void)
{
	struct signer_time time, next;
	struct signer_time_now now;

	start(&time, at(NOW, 0), marks(NOW, NOW), false);
	now = signer_time_read_at(&time, at(NOW + 10 * HOUR, 10));
	start(&next, at(NOW + 10 * HOUR, 0), marks(now.low_s, now.high_s), false);
	EXPECT(next.jumped);
	now = signer_time_read_at(&next, at(NOW + 10 * HOUR, 5));
	EXPECT(now.low_s == NOW + 15 && now.high_s == NOW + 10 * HOUR);
	/* The operator's word does. */
	start(&next, at(NOW + 10 * HOUR, 0), marks(now.low_s, now.high_s), true);
	now = signer_time_read_at(&next, at(NOW + 10 * HOUR, 0));
	EXPECT(!next.jumped && now.low_s == NOW + 10 * HOUR && now.high_s == NOW + 10 * HOUR);
}

/* T1, A13: where the machine was never off, a restart of the signer with the clock set ahead is a
 * jump, by what has passed on the machine, though nobody saw it being set. */
static void test_a_restart_on_a_running_machine_knows_what_has_passed(void)
{
	struct signer_time_start how = {.marks = marks(NOW, NOW), .host = {7}};
	struct signer_time time;
	struct signer_time_now now;

	memcpy(how.marks.host, host, sizeof(host));
	how.marks.host_ms = 1000000;
	signer_time_start_at(&time, at(NOW + 3 * DAY, 1500), &how);
	now = signer_time_read_at(&time, at(NOW + 3 * DAY, 1500));
	EXPECT(time.jumped && now.low_s >= NOW + 499 && now.low_s <= NOW + 500);
	EXPECT(now.high_s == NOW + 3 * DAY);
	/* Three days later it is right: they have passed there. */
	signer_time_start_at(&time, at(NOW + 3 * DAY, 1000 + 3 * DAY), &how);
	now = signer_time_read_at(&time, at(NOW + 3 * DAY, 1000 + 3 * DAY));
	EXPECT(!time.jumped && now.low_s == NOW + 3 * DAY && now.high_s <= NOW + 3 * DAY + 200);
	/* Behind what has passed, it is not believed either, though it is ahead of the marks. */
	signer_time_start_at(&time, at(NOW + 5, 1000 + 3 * DAY), &how);
	now = signer_time_read_at(&time, at(NOW + 5, 1000 + 3 * DAY));
	EXPECT(time.jumped && now.low_s >= NOW + 3 * DAY - 200 && now.high_s >= NOW + 3 * DAY);
	/* The TPM's clock, which has an owner and may be set ahead, is not asked there. */
	how.tpm_clock_ms = UINT64_C(900) * DAY * 1000;
	how.marks.tpm_clock_ms = 1000;
	signer_time_start_at(&time, at(NOW + 500, 1500), &how);
	now = signer_time_read_at(&time, at(NOW + 500, 1500));
	EXPECT(!time.jumped && now.high_s >= NOW + 500 && now.high_s <= NOW + 502);
	/* Another machine boot: nothing is known but the clock. */
	how.marks.host[0] = 8;
	signer_time_start_at(&time, at(NOW + 3 * DAY, 1500), &how);
	EXPECT(!time.jumped);
}

/* T2: a clock that stands before the marks at start is not believed, without that word. */
static void test_a_start_before_the_marks_keeps_them(void)
{
	struct signer_time time;
	struct signer_time_now now;

	start(&time, at(NOW - 5 * HOUR, 0), marks(NOW, NOW), false);
	now = signer_time_read_at(&time, at(NOW - 5 * HOUR + 20, 20));
	EXPECT(time.jumped && now.low_s == NOW + 20 && now.high_s == NOW + 20);
	start(&time, at(NOW - 5 * HOUR, 0), marks(NOW, NOW), true);
	now = signer_time_read_at(&time, at(NOW - 5 * HOUR, 0));
	EXPECT(!time.jumped && now.low_s == NOW - 5 * HOUR);
	/* A small difference is a correction, and waits until time has caught up. */
	start(&time, at(NOW - 100, 0), marks(NOW, NOW), false);
	now = signer_time_read_at(&time, at(NOW - 100, 0));
	EXPECT(!time.jumped && now.low_s == NOW && now.high_s == NOW);
}

/* Switched off for months: the clock is this mode's proof. */
static void test_a_long_stop_is_no_jump(void)
{
	struct signer_time time;
	struct signer_time_now now;

	start(&time, at(NOW, 0), marks(NOW - 2000 * HOUR, NOW - 2000 * HOUR), false);
	now = signer_time_read_at(&time, at(NOW, 0));
	EXPECT(!time.jumped && now.low_s == NOW);
}

/* ---- running time ---- */

/* O6: neither clock nor stop nor sleep nor word moves it: it counts while a signer runs. */
static void test_running_time_counts_only_what_ran(void)
{
	struct signer_time_start how = {.marks = marks(NOW, NOW), .host = {7}};
	struct signer_time time;
	struct authz_time_marks kept;
	struct signer_clocks clocks = at(NOW, 100);

	signer_time_start_at(&time, clocks, &how);
	EXPECT(signer_time_ran_at(&time, clocks) == 0);
	clocks = at(NOW + 10 * DAY, 160); /* the clock is set ahead */
	EXPECT(signer_time_ran_at(&time, clocks) == 60);
	clocks.boot_ms += DAY * 1000; /* the machine slept */
	EXPECT(signer_time_ran_at(&time, clocks) == 60);
	signer_time_marks_at(&time, clocks, &kept);
	EXPECT(kept.ran_s == 60);
	/* Stopped for a day on a running machine, started with the clock ahead and believed. */
	how.marks = kept;
	how.accept = true;
	signer_time_start_at(&time, at(NOW + 20 * DAY, 160 + 2 * DAY), &how);
	EXPECT(signer_time_ran_at(&time, at(NOW + 20 * DAY, 160 + 2 * DAY)) == 60);
	EXPECT(signer_time_ran_at(&time, at(NOW + 20 * DAY, 161 + 2 * DAY)) == 61);
}

/* ---- the site's time keys ---- */

static struct signer_time_start site(uint8_t key_count, struct authz_time_marks before)
{
	struct signer_time_start how = {
	    .settings = {.is_site = true, .key_count = key_count, .unproven_max_s = UNKNOWN},
	    .marks = before
        };

	for (uint8_t i = 0; i < key_count; i++)
		how.settings.keys[i][0] = (uint8_t)(i + 1);
	return how;
}

static const uint8_t random_bytes[4][32] = {
    {1, 1},
    {1, 2},
    {1, 3},
    {1, 4}
};

static struct authz_time says(uint8_t key, const uint8_t nonce[32], uint64_t time_s)
{
	struct authz_time statement = {.key = {key}, .time_s = time_s, .error_s = 2};

	memcpy(statement.nonce, nonce, 32);
	return statement;
}

/* Asks for a nonce and has it signed at once. */
static const char *tell(struct signer_time *time, struct signer_clocks clocks, uint8_t key,
                        uint64_t time_s)
{
	static uint8_t fresh[32] = {9};
	uint8_t nonce[32];
	struct authz_time statement;

	for (size_t i = 1; i < 9 && ++fresh[i] == 0; i++)
		;
	signer_time_nonce_at(time, clocks, fresh, nonce);
	statement = says(key, nonce, time_s);
	return signer_time_hear_at(time, clocks, &statement);
}

/* T4, T1: before a proof the system's clock only ever makes things end. */
static void test_the_machines_clock_alone_proves_nothing(void)
{
	struct signer_time_start how = site(3, marks(NOW, NOW + 5));
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW + 100 * DAY, 0), &how);
	now = signer_time_read_at(&time, at(NOW + 100 * DAY, 0));
	EXPECT(now.low_s == NOW && now.high_s == NOW + 100 * DAY);
	now = signer_time_read_at(&time, at(NOW - 100 * DAY, 100));
	EXPECT(now.low_s >= NOW + 99 && now.low_s <= NOW + 100);
	EXPECT(now.high_s >= NOW + 100 * DAY + 100);
	/* The TPM's clock went on while this signer did not write marks. */
	how.marks.tpm_clock_ms = 5000000;
	how.tpm_clock_ms = 5000000 + 7 * HOUR * 1000;
	signer_time_start_at(&time, at(NOW - DAY, 0), &how);
	now = signer_time_read_at(&time, at(NOW - DAY, 0));
	EXPECT(now.low_s == NOW && now.high_s >= NOW + 5 + 7 * HOUR &&
	       now.high_s < NOW + 5 + 7 * HOUR + 30);
	/* That of another TPM, after a recovery, says nothing. */
	how.recovered = true;
	signer_time_start_at(&time, at(NOW - DAY, 0), &how);
	EXPECT(signer_time_read_at(&time, at(NOW - DAY, 0)).high_s == NOW + 5);
}

/* T3: more than half of the keys, each over a nonce of ours. */
static void test_a_majority_proves_and_one_key_does_not(void)
{
	struct signer_time_start how = site(3, marks(NOW, NOW));
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW + 9 * DAY, 0), &how);
	EXPECT(signer_time_needed(&time) == 2);
	/* One liar, however often and with whatever he says. */
	for (uint64_t i = 0; i < 20; i++)
		EXPECT(tell(&time, at(NOW + 9 * DAY, 1 + 15 * i), 1, NOW + i * 50 * DAY) == NULL);
	now = signer_time_read_at(&time, at(NOW + 9 * DAY, 300));
	EXPECT(!time.proven && now.low_s <= NOW + 300 && now.high_s >= NOW + 9 * DAY);
	/* Two that agree, a minute apart, beside him. */
	EXPECT(tell(&time, at(NOW + 9 * DAY, 330), 2, NOW + DAY) == NULL);
	EXPECT(!time.proven);
	EXPECT(tell(&time, at(NOW + 9 * DAY, 390), 3, NOW + DAY + 60) == NULL);
	EXPECT(time.proven && time.agreeing == 2 && time.stepped);
	now = signer_time_read_at(&time, at(NOW + 9 * DAY, 390));
	EXPECT(now.low_s >= NOW + DAY + 57 && now.low_s <= NOW + DAY + 60);
	EXPECT(now.high_s >= NOW + DAY + 60 && now.high_s <= NOW + DAY + 66);
	/* From here on the machine's clock moves nothing, and the liar neither. */
	now = signer_time_read_at(&time, at(NOW + 50 * DAY, 490));
	EXPECT(now.low_s >= NOW + DAY + 156 && now.high_s <= NOW + DAY + 168);
	EXPECT(tell(&time, at(NOW, 490), 1, NOW + 99 * DAY) == NULL);
	EXPECT(tell(&time, at(NOW, 505), 1, NOW - 99 * DAY) == NULL);
	now = signer_time_read_at(&time, at(NOW, 505));
	EXPECT(now.low_s >= NOW + DAY + 171 && now.high_s <= NOW + DAY + 184);
}

/* Nor does he keep the others from speaking, by asking and speaking as fast as he can. */
static void test_no_key_takes_another_ones_nonce(void)
{
	struct signer_time_start how = site(3, marks(NOW, NOW));
	struct signer_time time;
	struct authz_time statement;
	uint8_t nonce[32];

	signer_time_start_at(&time, at(NOW, 1), &how);
	signer_time_nonce_at(&time, at(NOW, 1), random_bytes[0], nonce);
	for (uint64_t s = 1; s < SIGNER_TIME_NONCE_S; s++)
		(void)tell(&time, at(NOW, s), 1, NOW + s);
	statement = says(2, nonce, NOW + 100);
	EXPECT(signer_time_hear_at(&time, at(NOW, SIGNER_TIME_NONCE_S), &statement) == NULL);
	EXPECT(time.proven);
}

/* What two keys said counts together only while both are fresh. */
static void test_what_was_said_long_ago_is_no_second_voice(void)
{
	struct signer_time_start how = site(3, marks(NOW, NOW));
	struct signer_time time;

	signer_time_start_at(&time, at(NOW, 1), &how);
	EXPECT(tell(&time, at(NOW, 1), 1, NOW + 1) == NULL);
	EXPECT(tell(&time, at(NOW, 2 + SIGNER_TIME_FRESH_S), 2, NOW + 2 + SIGNER_TIME_FRESH_S) ==
	       NULL);
	EXPECT(!time.proven);
	EXPECT(tell(&time, at(NOW, 9 + SIGNER_TIME_FRESH_S), 3, NOW + 9 + SIGNER_TIME_FRESH_S) ==
	       NULL);
	EXPECT(time.proven);
}

/* T3: replayed, stale, foreign and over a nonce that nobody gave. */
static void test_a_statement_counts_once_and_only_over_our_nonce(void)
{
	struct signer_time_start how = site(1, marks(NOW, NOW));
	struct signer_time time;
	struct authz_time statement;
	uint8_t nonce[32], again[32];

	signer_time_start_at(&time, at(NOW, 10), &how);
	statement = says(1, random_bytes[0], NOW + DAY);
	EXPECT(signer_time_hear_at(&time, at(NOW, 10), &statement) != NULL);
	signer_time_nonce_at(&time, at(NOW, 10), random_bytes[0], nonce);
	EXPECT(memcmp(nonce, random_bytes[0], 32) == 0);
	signer_time_nonce_at(&time, at(NOW, 20), random_bytes[1], again);
	EXPECT(memcmp(again, nonce, 32) == 0); /* the same for all who ask */
	statement = says(2, nonce, NOW + DAY);
	EXPECT(signer_time_hear_at(&time, at(NOW, 50), &statement) != NULL && !time.proven);
	statement = says(1, nonce, NOW + DAY);
	EXPECT(signer_time_hear_at(&time, at(NOW, 11 + SIGNER_TIME_NONCE_S), &statement) != NULL);
	EXPECT(!time.proven);
	EXPECT(signer_time_hear_at(&time, at(NOW, 10 + SIGNER_TIME_NONCE_S), &statement) == NULL);
	EXPECT(time.proven);
	/* It may have been signed when the nonce was given. */
	EXPECT(time.high_mark_s >= NOW + DAY + SIGNER_TIME_NONCE_S);
	EXPECT(time.high_mark_s <= NOW + DAY + SIGNER_TIME_NONCE_S + 4);
	statement.time_s += DAY;
	EXPECT(signer_time_hear_at(&time, at(NOW, 10 + SIGNER_TIME_NONCE_S), &statement) != NULL);
	/* It is good for each key once; the next one is another. */
	how = site(3, marks(NOW, NOW));
	signer_time_start_at(&time, at(NOW, 10), &how);
	signer_time_nonce_at(&time, at(NOW, 10), random_bytes[0], nonce);
	statement = says(1, nonce, NOW + 1);
	EXPECT(signer_time_hear_at(&time, at(NOW, 11), &statement) == NULL);
	EXPECT(signer_time_hear_at(&time, at(NOW, 12), &statement) != NULL && !time.proven);
	signer_time_nonce_at(&time, at(NOW, 25), random_bytes[1], again);
	EXPECT(memcmp(again, random_bytes[1], 32) == 0);
	statement = says(2, nonce, NOW + 16);
	EXPECT(signer_time_hear_at(&time, at(NOW, 26), &statement) == NULL && time.proven);
	/* By the system's clock nobody is asked. */
	start(&time, at(NOW, 10), marks(NOW, NOW), false);
	EXPECT(tell(&time, at(NOW, 10), 1, NOW) != NULL);
}

/* A proof corrects a high bound that a wrong clock raised, and never undoes what was proven, unless
 * both cannot be true. */
static void test_a_proof_moves_the_bounds_to_what_is_true(void)
{
	struct signer_time_start how = site(1, marks(NOW, NOW + 300 * DAY));
	struct signer_time time;
	struct signer_time_now now;

	signer_time_start_at(&time, at(NOW, 0), &how);
	EXPECT(tell(&time, at(NOW, 5), 1, NOW + 4) == NULL);
	now = signer_time_read_at(&time, at(NOW, 5));
	EXPECT(now.low_s >= NOW + 4 && now.low_s <= NOW + 5 && now.high_s <= NOW + 8);
	/* A little earlier than proven: within the error, what was proven stays. */
	EXPECT(tell(&time, at(NOW, 20), 1, NOW + 18) == NULL);
	EXPECT(signer_time_read_at(&time, at(NOW, 20)).low_s >= now.low_s + 14);
	/* Long before: one of both proofs was wrong, and the newer one counts. */
	EXPECT(tell(&time, at(NOW, 35), 1, NOW - DAY) == NULL);
	now = signer_time_read_at(&time, at(NOW, 35));
	EXPECT(now.low_s <= NOW - DAY && now.high_s <= NOW - DAY + 5);
}

/* T4, A13: an hour without proof, over all starts since the last one; what is then unknown becomes
 * known with a proof alone. */
static void test_without_proof_the_time_is_unknown_after_an_hour_of_running(void)
{
	struct signer_time_start how = site(1, marks(NOW, NOW));
	struct signer_time time;
	struct authz_time_marks kept;
	uint64_t clock_ms = 7000000;

	how.tpm_clock_ms = clock_ms;
	how.marks.tpm_clock_ms = clock_ms;
	signer_time_start_at(&time, at(NOW, 0), &how);
	EXPECT(signer_time_is_known_at(&time, at(NOW, UNKNOWN - 10)));
	EXPECT(!signer_time_is_known_at(&time, at(NOW, UNKNOWN + 1)));
	/* The power is cut every ten minutes, and only a start's marks are ever written: the TPM's
	 * clock tells how long it was on. */
	signer_time_marks_at(&time, at(NOW, 0), &kept);
	for (unsigned i = 0; i < 6; i++) {
		EXPECT(!kept.is_proven && kept.unproven_s <= 600 * i + i);
		EXPECT(signer_time_is_known_at(&time, at(NOW, 590)));
		clock_ms += 600000;
		how.marks = kept;
		how.tpm_clock_ms = clock_ms;
		signer_time_start_at(&time, at(NOW, 0), &how);
		signer_time_marks_at(&time, at(NOW, 0), &kept);
		EXPECT(kept.high_s >= NOW + 600 * (i + 1)); /* ends come nearer all the same */
	}
	EXPECT(!signer_time_is_known_at(&time, at(NOW, 1)));
	EXPECT(tell(&time, at(NOW, 2), 1, NOW + HOUR) == NULL);
	EXPECT(signer_time_is_known_at(&time, at(NOW, 9 * DAY)));
	/* After a proof the next start has its hour again. */
	signer_time_marks_at(&time, at(NOW, 3), &kept);
	EXPECT(kept.is_proven && kept.unproven_s == 0);
	how.marks = kept;
	how.tpm_clock_ms = kept.tpm_clock_ms + 5 * HOUR * 1000;
	signer_time_start_at(&time, at(NOW, 0), &how);
	EXPECT(signer_time_is_known_at(&time, at(NOW, UNKNOWN - 10)));
	/* At genesis a TPM that is years old does not count. */
	how = site(0, (struct authz_time_marks){0});
	how.tpm_clock_ms = UINT64_C(100000000000);
	signer_time_start_at(&time, at(NOW, 0), &how);
	EXPECT(signer_time_is_known_at(&time, at(NOW, UNKNOWN - 10)));
	EXPECT(signer_time_read_at(&time, at(NOW, 0)).low_s == 0);
	EXPECT(!signer_time_is_known_at(&time, at(NOW, UNKNOWN + 1)));
}

/* A13: whatever the clocks say and however often the power is cut, neither bound goes back without
 * a proof. Marks are written at random moments; 2,000 starts. */
static void test_no_order_of_starts_and_clocks_moves_a_bound_back(void)
{
	struct signer_time_start how = site(3, marks(NOW, NOW));
	struct signer_time_now worst = {NOW, NOW};
	uint64_t clock_ms = 1000, seed = 12345;
	unsigned starts = 0;

	how.marks.tpm_clock_ms = clock_ms;
	for (; starts < 2000; starts++) {
		struct signer_time time;
		uint64_t ran_s = 0, system_s;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		system_s = NOW - 1000 * DAY + (seed >> 33) % (2000 * DAY);
		how.tpm_clock_ms = clock_ms;
		signer_time_start_at(&time, at(system_s, 5), &how);
		signer_time_marks_at(&time, at(system_s, 5), &how.marks);
		for (unsigned i = 0; i < 5; i++) {
			struct signer_time_now now;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			ran_s += (seed >> 40) % 1000;
			now = signer_time_read_at(&time, at(system_s, 5 + ran_s));
			EXPECT(now.low_s >= how.marks.low_s && now.high_s >= how.marks.high_s);
			EXPECT(now.high_s + 1 >= worst.high_s && now.high_s >= now.low_s);
			worst.high_s = now.high_s > worst.high_s ? now.high_s : worst.high_s;
			EXPECT(now.low_s <= NOW + clock_ms / 1000 + ran_s + 1); /* never ahead */
			if ((seed & 7) == 0)
				signer_time_marks_at(&time, at(system_s, 5 + ran_s), &how.marks);
		}
		clock_ms += ran_s * 1000; /* and then it is off */
	}
	EXPECT(starts == 2000 && worst.high_s > NOW);
}

int main(void)
{
	RUN(test_both_bounds_follow_a_good_clock);
	RUN(test_neither_bound_ever_goes_back);
	RUN(test_a_jump_forward_moves_only_the_high_bound);
	RUN(test_many_small_steps_are_one_jump);
	RUN(test_a_restart_does_not_make_a_jump_true);
	RUN(test_a_restart_on_a_running_machine_knows_what_has_passed);
	RUN(test_a_start_before_the_marks_keeps_them);
	RUN(test_a_long_stop_is_no_jump);
	RUN(test_running_time_counts_only_what_ran);
	RUN(test_the_machines_clock_alone_proves_nothing);
	RUN(test_a_majority_proves_and_one_key_does_not);
	RUN(test_no_key_takes_another_ones_nonce);
	RUN(test_what_was_said_long_ago_is_no_second_voice);
	RUN(test_a_statement_counts_once_and_only_over_our_nonce);
	RUN(test_a_proof_moves_the_bounds_to_what_is_true);
	RUN(test_without_proof_the_time_is_unknown_after_an_hour_of_running);
	RUN(test_no_order_of_starts_and_clocks_moves_a_bound_back);
	return test_summary();
}
