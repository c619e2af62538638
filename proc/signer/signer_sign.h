/* signer_sign: one request from bytes to signature (ARCHITECTURE.md, "One signature").
 *
 * Requests are taken here, whose they are is found here, and every one is moved on here; what a
 * grant says of one is signer_judge.c, counting and signing signer_commit.c, and what they share
 * signer_ticket.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include "call_sign.h"
#include "signer_ceiling.h"
#include "signer_check.h"
#include "signer_receipt.h"
#include "signer_state.h"
#include "signer_time.h"

#define SIGNER_DEADLINE_MS 5000 /* a request older than this is answered 503 or 429 */

struct signer_sign;

/* What the signing side needs from the rest of the process; all borrowed for ever. */
struct signer_sign_parts {
	struct ipc_channel *bridge;
	struct signer_state *state;
	struct signer_check *check;
	struct signer_receipts *receipts;
	const struct signer_vault *vault;
	struct signer_time *time;
	const bool *frozen; /* an operator froze everything */
	struct signer_ceiling *ceiling;
	struct signer_anchor *anchor; /* whose writes a passed ceiling takes one of */
	const char *engine;           /* that receipts name: CALL_CHECK_ENGINE, or the other */
};

struct signer_sign *signer_sign_new(struct signer_sign_parts parts);

/* signer_sign_request takes one SIGN_REQUEST message. STATUS_MALFORMED: the peer is broken;
 * STATUS_BUSY: no ticket is free, nothing was taken. */
MUST_USE enum status signer_sign_request(struct signer_sign *sign, struct bytes message,
                                         uint64_t now_ms);
bool signer_sign_has_room(const struct signer_sign *sign);

/* signer_sign_pump moves every ticket as far as it goes. */
void signer_sign_pump(struct signer_sign *sign, uint64_t now_ms);

/* signer_sign_drop_bridge forgets all tickets: their bridge is gone (runs in flight end by
 * themselves). */
void signer_sign_drop_bridge(struct signer_sign *sign);

bool signer_sign_idle(const struct signer_sign *sign);
/* signer_sign_waits is true when an answer waits for more than a check by code that ships: for the
 * store, a lease, custom code, a module, or room for the answer. */
bool signer_sign_waits(const struct signer_sign *sign);
/* signer_sign_is_full is true when the last pump had an answer for which the ring had no room. */
bool signer_sign_is_full(const struct signer_sign *sign);
uint64_t signer_sign_signed(const struct signer_sign *sign);
uint64_t signer_sign_refused(const struct signer_sign *sign);

/* signer_sign_wallet finds the wallet that a request names. */
MUST_USE enum status signer_sign_wallet(struct signer_state *state, const struct call_wallet *ref,
                                        struct signer_wallet **ret_wallet);

/* signer_sign_credential finds the live client of a token: OK; BUSY; else REFUSED. For exports. */
MUST_USE enum status signer_sign_credential(struct signer_state *state, struct signer_time *time,
                                            struct bytes token, struct signer_client **ret_client);

#endif
