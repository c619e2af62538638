/* attest_log: the firmware's event log (TCG PC Client Platform Firmware Profile 1.06, crypto-agile
 * form): replayed in the SHA-256 bank, and judged by digests alone.
 *
 * A replay proves index and digest of an event, not its type nor, mostly, its data: whoever edits a
 * log can rename events and add data that reads well (H7). So, for the PCRs that quotes are over:
 * an event of a type that has no business there refuses the log, and so does one whose digest is
 * not that of its data where the profile says it is; each of PCRs 0 to 7 has its separator, once,
 * and behind it only what the profile puts there. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTEST_LOG_H
#define ATTEST_LOG_H

#include "attest_quote.h"

#define ATTEST_EVENTS_MAX 4096

struct attest_log {
	uint8_t pcrs[ATTEST_PCR_COUNT][32]; /* values that the log leads to */
	uint32_t mask;                      /* PCRs that it extends */
	size_t event_count;
	bool has_secure_boot; /* PCR 7 begins with the variable SecureBoot ... */
	bool secure_boot;     /* ... and it is 1 */
};

/* attest_log_replay: ATTEST_ACCEPTED, or the first refusal. */
MUST_USE enum attest_verdict attest_log_replay(struct bytes log, struct attest_log *ret_log);

#endif
