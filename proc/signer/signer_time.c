/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_time.h"

#include <time.h>

#include "base_check.h"
#include "call_time.h"
#include "keys.h"

#define STEP_S 60 /* a bound that moves by more is kept at once */

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	CHECK(clock_gettime(clock, &now) == 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t signer_time_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static struct signer_clocks clocks_now(void)
{
	return (struct signer_clocks){.system_s = clock_ms(CLOCK_REALTIME) / 1000,
	                              .boot_ms = clock_ms(CLOCK_BOOTTIME),
	                              .run_ms = signer_time_ms()};
}

/* More than an hour apart. */
static bool is_far(uint64_t a, uint64_t b)
{
	return a > b ? a - b > SIGNER_TIME_JUMP_S : b - a > SIGNER_TIME_JUMP_S;
}

static uint64_t since_ms(uint64_t then_ms, uint64_t now_ms)
{
	return now_ms > then_ms ? now_ms - then_ms : 0;
}

/* What has passed for certain, and what may have passed at most. */
static uint64_t at_least_s(uint64_t then_ms, uint64_t now_ms)
{
	uint64_t passed_ms = since_ms(then_ms, now_ms);

	return (passed_ms - passed_ms / SIGNER_TIME_DRIFT) / 1000;
}

static uint64_t at_most_s(uint64_t then_ms, uint64_t now_ms)
{
	uint64_t passed_ms = since_ms(then_ms, now_ms);

	return (passed_ms + passed_ms / SIGNER_TIME_DRIFT + 999) / 1000;
}

/* ---- start ---- */

/* The host has been running since the marks were made: what passed since then is known. */
static bool is_same_host(const struct signer_time_start *start, struct signer_clocks clocks)
{
	static const uint8_t none[sizeof(start->host)];

	return memcmp(start->host, none, sizeof(none)) != 0 &&
	       memcmp(start->host, start->marks.host, sizeof(none)) == 0 &&
	       clocks.boot_ms >= start->marks.host_ms;
}

/* Whether the system's clock is not to be believed at this start; `low_s` is what is proven. */
static bool has_jumped(const struct signer_time_start *start, uint64_t system_s, uint64_t low_s,
                       bool same_host)
{
	const struct authz_time_marks *marks = &start->marks;

	if (marks->low_s == 0)
		return false; /* the first start of all */
	if (system_s < low_s || same_host)
		return is_far(system_s, low_s);
	/* The last boot ended with a clock that it did not believe; nobody has said since that it
	 * is right, and a start is no proof of it. */
	return marks->high_s > marks->low_s && is_far(marks->high_s, marks->low_s) &&
	       is_far(system_s, low_s);
}

static void start_system(struct signer_time *time, uint64_t system_s,
                         const struct signer_time_start *start, bool same_host)
{
	time->jumped = !start->accept && has_jumped(start, system_s, time->low_mark_s, same_host);
	if (start->accept) {
		time->low_mark_s = time->high_mark_s = system_s;
		return;
	}
	if (!time->jumped)
		time->low_mark_s = max_of(time->low_mark_s, system_s);
}

void signer_time_start_at(struct signer_time *time, struct signer_clocks clocks,
                          const struct signer_time_start *start)
{
	const struct authz_time_marks *marks = &start->marks;
	bool same_host = is_same_host(start, clocks);
	/* The TPM's clock goes on while another system runs, or this one does not write marks. */
	uint64_t tpm_ms = start->recovered || marks->high_s == 0
	                      ? 0
	                      : since_ms(marks->tpm_clock_ms, start->tpm_clock_ms);
	uint64_t low_s = marks->low_s, high_s = marks->high_s + at_most_s(0, tpm_ms);

	/* What passed on this host is known, whatever the TPM's clock says. */
	if (same_host) {
		low_s += at_least_s(marks->host_ms, clocks.boot_ms);
		high_s = marks->high_s + at_most_s(marks->host_ms, clocks.boot_ms);
	}
	*time = (struct signer_time){.settings = start->settings,
	                             .low_mark_s = low_s,
	                             .low_boot_ms = clocks.boot_ms,
	                             .high_mark_s = high_s,
	                             .high_boot_ms = clocks.boot_ms,
	                             .anchor_s = clocks.system_s,
	                             .anchor_boot_ms = clocks.boot_ms,
	                             .start_boot_ms = clocks.boot_ms,
	                             .ran_s = marks->ran_s,
	                             .run_ms = clocks.run_ms,
	                             .tpm_clock_ms = start->tpm_clock_ms,
	                             .told_ms = clocks.boot_ms};
	memcpy(time->host, start->host, sizeof(time->host));
	if (!start->settings.is_site)
		start_system(time, clocks.system_s, start, same_host);
	else if (!marks->is_proven)
		time->unproven_s = marks->unproven_s + tpm_ms / 1000;
	time->told_high_s = signer_time_read_at(time, clocks).high_s;
	time->stepped = false; /* a start writes its marks anyway */
}

/* ---- reading ---- */

static struct signer_time_now read_system(struct signer_time *time, struct signer_clocks clocks)
{
	uint64_t system_s = clocks.system_s;
	uint64_t low_s = time->low_mark_s + since_ms(time->low_boot_ms, clocks.boot_ms) / 1000;

	if (is_far(system_s,
	           time->anchor_s + since_ms(time->anchor_boot_ms, clocks.boot_ms) / 1000))
		time->jumped = true;
	if (!time->jumped && system_s > low_s) {
		/* The system clock is this mode's proof: follow its small corrections. */
		time->low_mark_s = low_s = system_s;
		time->low_boot_ms = clocks.boot_ms;
	}
	/* Even a clock that is not believed may be right, so expiry looks at it too. */
	time->high_mark_s = max_of(time->high_mark_s, max_of(low_s, system_s));
	return (struct signer_time_now){.low_s = low_s, .high_s = time->high_mark_s};
}

static struct signer_time_now read_site(struct signer_time *time, struct signer_clocks clocks)
{
	struct signer_time_now now = {
	    .low_s = time->low_mark_s + at_least_s(time->low_boot_ms, clocks.boot_ms),
	    .high_s = time->high_mark_s + at_most_s(time->high_boot_ms, clocks.boot_ms)};

	if (!time->proven && clocks.system_s > now.high_s) {
		time->high_mark_s = now.high_s = clocks.system_s;
		time->high_boot_ms = clocks.boot_ms;
	}
	now.high_s = max_of(now.high_s, now.low_s);
	return now;
}

struct signer_time_now signer_time_read_at(struct signer_time *time, struct signer_clocks clocks)
{
	struct signer_time_now now =
	    time->settings.is_site ? read_site(time, clocks) : read_system(time, clocks);

	if (now.high_s > time->told_high_s + at_most_s(time->told_ms, clocks.boot_ms) + STEP_S)
		time->stepped = true;
	return now;
}

uint64_t signer_time_ran_at(const struct signer_time *time, struct signer_clocks clocks)
{
	return time->ran_s + since_ms(time->run_ms, clocks.run_ms) / 1000;
}

/* Running time without a proof, this boot's and that of those before. */
static uint64_t unproven_s(const struct signer_time *time, struct signer_clocks clocks)
{
	if (signer_time_is_proven(time))
		return 0;
	return time->unproven_s + at_most_s(time->start_boot_ms, clocks.boot_ms);
}

bool signer_time_is_known_at(const struct signer_time *time, struct signer_clocks clocks)
{
	return signer_time_is_proven(time) ||
	       unproven_s(time, clocks) < time->settings.unproven_max_s;
}

void signer_time_marks_at(struct signer_time *time, struct signer_clocks clocks,
                          struct authz_time_marks *ret_marks)
{
	struct signer_time_now now = signer_time_read_at(time, clocks);

	*ret_marks = (struct authz_time_marks){
	    .low_s = now.low_s,
	    .high_s = now.high_s,
	    .ran_s = signer_time_ran_at(time, clocks),
	    .unproven_s = unproven_s(time, clocks),
	    .is_proven = signer_time_is_proven(time),
	    .tpm_clock_ms = time->tpm_clock_ms + since_ms(time->start_boot_ms, clocks.boot_ms),
	    .host_ms = clocks.boot_ms};
	memcpy(ret_marks->host, time->host, sizeof(ret_marks->host));
	time->told_ms = clocks.boot_ms;
	time->told_high_s = now.high_s;
	time->stepped = false;
}

/* ---- statements ---- */

void signer_time_nonce_at(struct signer_time *time, struct signer_clocks clocks,
                          const uint8_t fresh[32], uint8_t ret_nonce[32])
{
	struct signer_time_nonce *newest = &time->nonces[0];
	uint64_t due_ms = SIGNER_TIME_NONCE_S * 1000 / SIGNER_TIME_NONCES;

	if (newest->given_ms == 0 || since_ms(newest->given_ms, clocks.boot_ms) >= due_ms) {
		memmove(&time->nonces[1], newest, (SIGNER_TIME_NONCES - 1) * sizeof(*newest));
		*newest = (struct signer_time_nonce){.given_ms = clocks.boot_ms};
		memcpy(newest->bytes, fresh, sizeof(newest->bytes));
	}
	memcpy(ret_nonce, newest->bytes, sizeof(newest->bytes));
}

uint8_t signer_time_needed(const struct signer_time *time)
{
	return (uint8_t)(time->settings.key_count / 2 + 1);
}

static int find_key(const struct signer_time *time, const uint8_t key[32])
{
	for (int i = 0; i < time->settings.key_count; i++)
		if (memcmp(time->settings.keys[i], key, 32) == 0)
			return i;
	return -1;
}

static struct signer_time_nonce *find_nonce(struct signer_time *time, struct signer_clocks clocks,
                                            const uint8_t nonce[32])
{
	for (size_t i = 0; i < SIGNER_TIME_NONCES; i++)
		if (time->nonces[i].given_ms != 0 &&
		    memcmp(time->nonces[i].bytes, nonce, 32) == 0 &&
		    since_ms(time->nonces[i].given_ms, clocks.boot_ms) <=
		        SIGNER_TIME_NONCE_S * 1000)
			return &time->nonces[i];
	return NULL;
}

/* The bounds are now these, of a proof. */
static void prove(struct signer_time *time, struct signer_clocks clocks, uint64_t low_s,
                  uint64_t high_s)
{
	struct signer_time_now now = signer_time_read_at(time, clocks);

	time->stepped |= !time->proven || low_s > now.low_s + STEP_S ||
	                 low_s + STEP_S < now.low_s || high_s + STEP_S < now.high_s;
	/* What was proven before stays so, unless it cannot be true beside this. */
	time->low_mark_s = now.low_s > high_s ? low_s : max_of(low_s, now.low_s);
	time->high_mark_s = high_s;
	time->low_boot_ms = time->high_boot_ms = time->proven_ms = clocks.boot_ms;
	time->proven = true;
	time->unproven_s = 0;
}

/* Proves what all those keys say that agree with key `at`, if they are enough. More than half of
 * the keys: one of them at least is honest if most are, so the truth lies within. */
static void weigh(struct signer_time *time, struct signer_clocks clocks, size_t at)
{
	uint64_t low_s = time->said[at].low_s, high_s = time->said[at].high_s;
	uint8_t agreeing = 1;

	for (size_t i = 0; i < time->settings.key_count; i++) {
		const struct signer_time_said *said = &time->said[i];
		uint64_t their_low_s = said->low_s + at_least_s(said->boot_ms, clocks.boot_ms);
		uint64_t their_high_s = said->high_s + at_most_s(said->boot_ms, clocks.boot_ms);

		if (i == at || said->boot_ms == 0 ||
		    since_ms(said->boot_ms, clocks.boot_ms) > SIGNER_TIME_FRESH_S * 1000 ||
		    their_low_s > time->said[at].high_s || their_high_s < time->said[at].low_s)
			continue;
		low_s = their_low_s < low_s ? their_low_s : low_s;
		high_s = max_of(high_s, their_high_s);
		agreeing++;
	}
	time->agreeing = agreeing;
	if (agreeing >= signer_time_needed(time))
		prove(time, clocks, low_s, high_s);
}

const char *signer_time_hear_at(struct signer_time *time, struct signer_clocks clocks,
                                const struct authz_time *statement)
{
	struct signer_time_nonce *nonce = find_nonce(time, clocks, statement->nonce);
	int at = find_key(time, statement->key);

	if (!time->settings.is_site)
		return "this signer goes by its host's clock: it was given no time keys";
	if (at < 0)
		return "not one of the site's time keys";
	if (nonce == NULL)
		return "the nonce is unknown or older than 120 s; ask for a new one";
	if ((nonce->used >> at & 1) != 0)
		return "this key has spoken over this nonce; there is a new one every 15 s";
	nonce->used |= 1u << at;
	/* It was said after the nonce was given and before now. */
	time->said[at] = (struct signer_time_said){
	    .low_s =
	        statement->time_s -
	        (statement->time_s < statement->error_s ? statement->time_s : statement->error_s),
	    .high_s = statement->time_s + statement->error_s + 1 +
	              at_most_s(nonce->given_ms, clocks.boot_ms),
	    .boot_ms = clocks.boot_ms};
	weigh(time, clocks, (size_t)at);
	return NULL;
}

/* ---- with the clocks as they are ---- */

void signer_time_start(struct signer_time *time, const struct signer_time_start *start)
{
	signer_time_start_at(time, clocks_now(), start);
}

struct signer_time_now signer_time_read(struct signer_time *time)
{
	/* Every signature comes here; the bounds have no use for the third clock. */
	return signer_time_read_at(
	    time, (struct signer_clocks){.system_s = clock_ms(CLOCK_REALTIME) / 1000,
	                                 .boot_ms = clock_ms(CLOCK_BOOTTIME)});
}

uint64_t signer_time_ran(const struct signer_time *time)
{
	return signer_time_ran_at(time, clocks_now());
}

bool signer_time_is_known(const struct signer_time *time)
{
	return signer_time_is_proven(time) || signer_time_is_known_at(time, clocks_now());
}

bool signer_time_is_proven(const struct signer_time *time)
{
	return !time->settings.is_site || time->proven;
}

void signer_time_marks(struct signer_time *time, struct authz_time_marks *ret_marks)
{
	signer_time_marks_at(time, clocks_now(), ret_marks);
}

void signer_time_nonce(struct signer_time *time, uint8_t ret_nonce[32])
{
	uint8_t fresh[32];

	keys_random(fresh, sizeof(fresh));
	signer_time_nonce_at(time, clocks_now(), fresh, ret_nonce);
}

const char *signer_time_hear(struct signer_time *time, const struct authz_time *statement)
{
	return signer_time_hear_at(time, clocks_now(), statement);
}

uint8_t signer_time_state(const struct signer_time *time, uint64_t *ret_age_s, uint64_t *ret_left_s)
{
	struct signer_clocks clocks = clocks_now();
	uint64_t unproven = unproven_s(time, clocks);

	*ret_age_s = *ret_left_s = 0;
	if (!time->settings.is_site)
		return time->jumped ? CALL_TIME_UNBELIEVED : CALL_TIME_PROVEN;
	if (time->proven) {
		*ret_age_s = since_ms(time->proven_ms, clocks.boot_ms) / 1000;
		return CALL_TIME_PROVEN;
	}
	if (unproven >= time->settings.unproven_max_s)
		return CALL_TIME_UNKNOWN;
	*ret_left_s = time->settings.unproven_max_s - unproven;
	return CALL_TIME_UNPROVEN;
}
