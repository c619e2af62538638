/* signer_history: what users signed is kept (authz_history.h): for each version of a wallet a link,
 * and beside it the change with its signatures and the text that was signed.
 *
 * Both are put into the batch of the change itself, so that a version that is durable has its
 * change, and lie in the map, so that a store that leaves one out or shows another one is found
 * out. A change of many wallets is kept once. Of what takes power, which waits for nothing, the
 * room is set aside in each batch, shared by users as places are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_HISTORY_H
#define SIGNER_HISTORY_H

#include "authz_history.h"
#include "authz_statement.h"
#include "signer_state.h"
#include "signer_time.h"

#define SIGNER_HISTORY_RESERVE (1u << 20) /* of a batch, left to what takes power away */

struct signer_change;

/* Of the change that is worked on. */
struct signer_history {
	struct buffer kept; /* empty: there is nothing to keep, or it is kept already */
	uint8_t hash[32];
	uint8_t step;                 /* enum authz_step; 0: this request changes no wallet */
	struct signer_time_now asked; /* of one that waits: the time from which its delay counts */
	size_t link_count;
	struct authz_link links[LIMIT_CHANGE_WALLETS_MAX];
	/* Who has how much of the reserve, in batches that do not count yet. */
	size_t share_count;
	struct signer_history_share {
		uint8_t user[32];
		uint64_t batch;
		size_t bytes;
	} shares[SIGNER_HOLDS_MAX];
};

/* signer_history_reset begins a request. */
void signer_history_reset(struct signer_change *job);
/* signer_history_begin keeps a change whose signatures were verified; refused when its wallets had
 * too many today. */
MUST_USE enum status signer_history_begin(struct signer_change *job);
/* signer_history_waited: it was kept under this hash when it began to wait. */
void signer_history_waited(struct signer_change *job, const uint8_t kept[32]);
/* signer_history_link notes how a wallet came to the version that it has now. */
void signer_history_link(struct signer_change *job, struct authz_wallet_record *wallet,
                         const uint8_t previous[32]);
/* signer_history_ops and _bytes are what it all takes of a batch; signer_history_put puts it there,
 * in the step in which the wallets' records are put, or before. */
size_t signer_history_ops(const struct signer_change *job);
size_t signer_history_bytes(const struct signer_change *job);
void signer_history_put(struct signer_change *job);
/* signer_history_may_lower: the gathering batch has room for a change that takes power, and its
 * user leaves to others as much of the reserve as he has. */
bool signer_history_may_lower(struct signer_change *job);
/* signer_history_query answers AUTHZ_QUERY_CHANGES; that the wallet may be seen was checked. */
MUST_USE enum status signer_history_query(struct signer_change *job,
                                          const struct authz_query *query,
                                          struct signer_wallet *wallet);

#endif
