/* signer_waiting: requests that came through the authority and wait for their turn. One is worked
 * on at a time; what takes power away goes before the others, and a change that hangs on the store
 * gives way to it (A25). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_WAITING_H
#define SIGNER_WAITING_H

#include "authz_change.h"

#define SIGNER_WAITING_MAX 32 /* as many as the authority has open (PENDING_MAX there) */

struct signer_waiting;

struct signer_waiting *signer_waiting_new(void);
bool signer_waiting_has_room(const struct signer_waiting *waiting);
/* signer_waiting_add copies a REQUEST message that came now; there must be room. */
void signer_waiting_add(struct signer_waiting *waiting, struct bytes message, uint64_t now_ms);
/* signer_waiting_came_ms is when the one that is worked on came. */
uint64_t signer_waiting_came_ms(const struct signer_waiting *waiting);
/* signer_waiting_drop forgets what waits: its authority is gone. The one worked on stays. */
void signer_waiting_drop(struct signer_waiting *waiting);

/* What a request is, as far as its turn goes. */
enum signer_request_kind {
	SIGNER_REQUEST_OTHER = 0,
	SIGNER_REQUEST_QUESTION, /* changes nothing; whoever wants to freeze asks one first */
	SIGNER_REQUEST_LESS,     /* what takes power away, its text too; an operator's command */
};

/* signer_request_kind tells it of a message; whether it is what it says, who works it off checks.
 */
enum signer_request_kind signer_request_kind(struct bytes message);

/* signer_change_lowers tells whether a change can do nothing but take power away, or be refused. */
bool signer_change_lowers(const struct authz_change *change);

/* signer_request_acts_at_once is true for what is done, or looked at, whatever commit is in flight:
 * questions, the time, commands, and what takes power away. */
bool signer_request_acts_at_once(struct bytes message);

/* signer_waiting_for is true when a request of that kind waits. */
bool signer_waiting_for(const struct signer_waiting *waiting, enum signer_request_kind kind);
/* signer_waiting_next gives the message that is next, which stays until signer_waiting_done. */
bool signer_waiting_next(struct signer_waiting *waiting, struct bytes *ret_message);
void signer_waiting_done(struct signer_waiting *waiting);

#endif
