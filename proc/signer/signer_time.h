/* signer_time: what time it is at least, and at most, when the host may lie (spec/time.md).
 *
 * time_low is proven: what must not open early (not-before, a window's refill) looks at nothing
 * else. time_high is the latest it may be: expiry looks at it, so what has expired never comes
 * back. Between proofs both move with CLOCK_BOOTTIME. Marks of both are kept from boot to boot
 * (struct authz_time_marks): without a fresh proof neither goes back (T1, T2, A13).
 *
 * Two sources of proof:
 * - the system's clock (workstation mode), named so in every boot record. Where it leaves
 *   CLOCK_BOOTTIME by more than an hour, also over a restart of the signer on a running host, or
 *   lies before the marks, it is not believed until `serve --accept-time`;
 * - the site's time keys (the appliance, and who names some): statements over a nonce of ours, of
 *   which more than half of the keys must agree (T3). The system's clock only ever raises
 * time_high, and only until there is a proof. Without one for too long, time is not known (T4).
 *
 * And a third time, which nobody's word moves: how long signers of this deployment have run. Delays
 * that a user has against thieves count in it, for he can say no only while it runs (O6). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_TIME_H
#define SIGNER_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "authz_record.h"
#include "authz_statement.h"
#include "base_limits.h"

#define SIGNER_TIME_JUMP_S     3600 /* of the system's clock: more is a jump */
#define SIGNER_TIME_DRIFT      2000 /* CLOCK_BOOTTIME errs by less than one part of this */
#define SIGNER_TIME_NONCE_S    120  /* a nonce is good for so long ... */
#define SIGNER_TIME_NONCES     8    /* ... and the newest is given out for an eighth of that */
#define SIGNER_TIME_FRESH_S    600  /* a statement counts beside those of other keys for so long */
#define SIGNER_TIME_UNPROVEN_S 3600 /* default: then grants with a time in them refuse */
#define SIGNER_TIME_MARK_MS    300000 /* marks are written at least so often */

/* What the clocks said at one moment. */
struct signer_clocks {
	uint64_t system_s; /* CLOCK_REALTIME */
	uint64_t boot_ms;  /* CLOCK_BOOTTIME */
	uint64_t run_ms;   /* CLOCK_MONOTONIC: stands while the machine sleeps */
};

struct signer_time_settings {
	bool is_site; /* the source is the site's keys, of which there may be none */
	uint8_t key_count;
	uint8_t keys[LIMIT_TIME_KEYS_MAX][32];
	uint64_t unproven_max_s;
};

/* A nonce that a statement may be over, and which keys have used it. */
struct signer_time_nonce {
	uint8_t bytes[32];
	uint64_t given_ms; /* CLOCK_BOOTTIME; 0: none */
	uint32_t used;     /* bit i: by key i */
};

/* What a key said last: it was between these at that CLOCK_BOOTTIME. */
struct signer_time_said {
	uint64_t low_s, high_s;
	uint64_t boot_ms; /* 0: nothing in this boot */
};

struct signer_time {
	struct signer_time_settings settings;
	uint64_t low_mark_s, low_boot_ms;   /* time_low at a CLOCK_BOOTTIME */
	uint64_t high_mark_s, high_boot_ms; /* time_high at one */
	/* The system clock at start, or since when it is believed, and CLOCK_BOOTTIME then: many
	 * small steps are one jump. */
	uint64_t anchor_s, anchor_boot_ms;
	bool jumped; /* source system: its clock is not believed; reported in status */
	bool proven; /* source site: in this boot */
	uint64_t proven_ms, start_boot_ms; /* CLOCK_BOOTTIME */
	uint64_t unproven_s;               /* running time without proof before this boot */
	uint64_t ran_s, run_ms;            /* running time at a CLOCK_MONOTONIC */
	uint64_t tpm_clock_ms;             /* at start_boot_ms */
	uint8_t host[16];                  /* boot id of the kernel; zero: not known */
	struct signer_time_nonce nonces[SIGNER_TIME_NONCES]; /* the newest first */
	struct signer_time_said said[LIMIT_TIME_KEYS_MAX];
	uint8_t agreeing; /* keys that made the last proof */
	/* What was last told as marks, to see when they must be written. */
	uint64_t told_ms, told_high_s;
	bool stepped; /* a proof or a jump moved a bound: to be kept before anything else happens */
};

struct signer_time_now {
	uint64_t low_s;
	uint64_t high_s;
};

/* What a start brings besides the clocks. */
struct signer_time_start {
	struct signer_time_settings settings;
	struct authz_time_marks marks; /* of the last boot; zero at genesis */
	bool accept;                   /* the operator's word that the system's clock is right */
	bool recovered;                /* another TPM, or store: its clock says nothing */
	uint64_t tpm_clock_ms;
	uint8_t host[16];
};

/* The functions named _at are those below for given clocks. Pure. */
void signer_time_start_at(struct signer_time *time, struct signer_clocks clocks,
                          const struct signer_time_start *start);
struct signer_time_now signer_time_read_at(struct signer_time *time, struct signer_clocks clocks);
uint64_t signer_time_ran_at(const struct signer_time *time, struct signer_clocks clocks);
bool signer_time_is_known_at(const struct signer_time *time, struct signer_clocks clocks);
void signer_time_marks_at(struct signer_time *time, struct signer_clocks clocks,
                          struct authz_time_marks *ret_marks);
/* signer_time_nonce_at gives the nonce for the next statement: `fresh` when a new one is due. When
 * that is depends on the clock alone: nobody can take another key's nonce from under it. */
void signer_time_nonce_at(struct signer_time *time, struct signer_clocks clocks,
                          const uint8_t fresh[32], uint8_t ret_nonce[32]);
/* signer_time_hear_at takes a statement whose signature was verified, and says in words why it does
 * not count; NULL: it was taken. It moves time once more than half of the keys agree. */
const char *signer_time_hear_at(struct signer_time *time, struct signer_clocks clocks,
                                const struct authz_time *statement);

/* signer_time_start sets the clock. */
void signer_time_start(struct signer_time *time, const struct signer_time_start *start);
/* signer_time_read returns both bounds, seconds since 1970, and moves the marks on. */
struct signer_time_now signer_time_read(struct signer_time *time);
/* signer_time_ran is how long signers of this deployment have run, seconds: it stands while none
 * does, and what a crash lost of it makes it less. */
uint64_t signer_time_ran(const struct signer_time *time);
/* signer_time_is_known: false when there was no proof for too long (T4). */
bool signer_time_is_known(const struct signer_time *time);
/* signer_time_is_proven: by time keys false until the first proof of this boot, which may say that
 * it is much later than time_low; the system's clock is its own proof. */
bool signer_time_is_proven(const struct signer_time *time);
void signer_time_marks(struct signer_time *time, struct authz_time_marks *ret_marks);
void signer_time_nonce(struct signer_time *time, uint8_t ret_nonce[32]);
const char *signer_time_hear(struct signer_time *time, const struct authz_time *statement);
/* signer_time_state is an enum call_time_state; `ret_age_s` and `ret_left_s` as in
 * struct authz_time_answer. */
uint8_t signer_time_state(const struct signer_time *time, uint64_t *ret_age_s,
                          uint64_t *ret_left_s);
/* signer_time_needed is how many keys must agree. */
uint8_t signer_time_needed(const struct signer_time *time);

/* signer_time_ms is CLOCK_MONOTONIC in milliseconds, for timeouts only. */
uint64_t signer_time_ms(void);

#endif
