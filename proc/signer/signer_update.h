/* signer_update: an operator's update of the appliance: his order and the image's pieces go to the
 * updater, what it measured to the attestor, approvals to the data disk, and the verdict back.
 *
 * Only an order that an operator signed begins one; pieces are known by the hashes in it. Nothing
 * here reads an image. Nobody waits for it: each answer says how it stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_UPDATE_H
#define SIGNER_UPDATE_H

#include "authz_statement.h"
#include "authz_update.h"
#include "ipc_channel.h"
#include "signer_approvals.h"
#include "signer_store.h"

struct signer;
struct signer_change;

enum signer_update_step {
	SIGNER_UPDATE_NONE,   /* the updater works, or nobody does */
	SIGNER_UPDATE_JUDGED, /* the attestor was asked */
	SIGNER_UPDATE_KEPT,   /* approvals are on their way to the data disk */
	SIGNER_UPDATE_TOLD,   /* the verdict is given */
};

struct signer_update {
	struct ipc_channel *channel; /* NULL: no appliance, nothing to update */
	struct call_update_status said;
	bool has_begun, started_told, serving_told;
	bool started_heard;  /* some updater of this boot knows of the start */
	bool has_told_usual; /* to the attestor */
	uint8_t usual_told[32];
	bool is_proven; /* an operator was heard in this boot */
	uint8_t order[32];
	uint8_t approvals_bytes[AUTHZ_UPDATE_APPROVALS_MAX];
	size_t approvals_len;
	enum signer_update_step step;
	struct signer_judgement judgement;
	uint64_t ask_ms; /* the attestor, not before */
	struct signer_store_item item;
	uint32_t code; /* the verdict, where the updater is yet to be told */
};

/* signer_update_pump moves what there is to move. */
void signer_update_pump(struct signer *signer);
/* signer_update_judge has the attestor judge a file of approvals that an operator sent alone:
 * refused, with the reason, when what runs now, what starts by itself or what is staged would not
 * start with it. */
enum status signer_update_judge(struct signer_change *job, struct bytes content);
/* signer_update_begin hands an operator's order on; `order` is its hash. */
enum status signer_update_begin(struct signer_change *job, struct bytes content,
                                const uint8_t order[32]);
/* signer_update_piece takes one piece of the image that was ordered. */
enum status signer_update_piece(struct signer_change *job, struct bytes payload);
/* signer_update_query answers an operator who asks how it stands. */
enum status signer_update_query(struct signer_change *job);

#endif
