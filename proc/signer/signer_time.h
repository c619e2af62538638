/* signer_time: what time it is at least, and at most, when the host may lie.
 *
 * time_low is proven: nothing that must not open early (not-before, a window's refill) looks at
 * anything else. time_high is the latest it may be: expiry looks at it, so an expired grant never
 * comes back. Between proofs both move with CLOCK_BOOTTIME alone. Both are persisted marks; without
 * a fresh proof neither goes back (T1, T2, A13).
 *
 * Workstation mode: the system clock counts as proof and is named so in every boot record. When it
 * leaves CLOCK_BOOTTIME by more than an hour while running, or lies before the persisted mark by
 * more than an hour at start, it is not believed until `serve --accept-time`. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_TIME_H
#define SIGNER_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define SIGNER_TIME_JUMP_S 3600

struct signer_time {
	uint64_t low_mark_s;  /* last proven time ... */
	uint64_t low_boot_ms; /* ... and CLOCK_BOOTTIME then */
	uint64_t high_mark_s; /* highest time ever given out as time_high */
	/* The system clock at start, or since when it is believed, and CLOCK_BOOTTIME then: many
	 * small steps are one jump. */
	uint64_t anchor_s, anchor_boot_ms;
	bool jumped; /* the system clock is not believed; reported in status */
};

struct signer_time_now {
	uint64_t low_s;
	uint64_t high_s;
};

/* What the clocks said at one moment. */
struct signer_clocks {
	uint64_t system_s; /* CLOCK_REALTIME */
	uint64_t boot_ms;  /* CLOCK_BOOTTIME */
};

/* signer_time_start_at and _read_at are the two below for given clocks. Pure. */
void signer_time_start_at(struct signer_time *time, struct signer_clocks clocks,
                          uint64_t low_mark_s, uint64_t high_mark_s, bool accept);
struct signer_time_now signer_time_read_at(struct signer_time *time, struct signer_clocks clocks);

/* signer_time_start sets the clock from the marks of the last boot (zero at genesis).
 * `accept` is the operator's word that a jump is right. */
void signer_time_start(struct signer_time *time, uint64_t low_mark_s, uint64_t high_mark_s,
                       bool accept);

/* signer_time_read returns both bounds, seconds since 1970, and moves the marks on. */
struct signer_time_now signer_time_read(struct signer_time *time);

/* signer_time_ms is CLOCK_MONOTONIC in milliseconds, for timeouts only. */
uint64_t signer_time_ms(void);

#endif
