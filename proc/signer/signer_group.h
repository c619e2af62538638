/* signer_group: changes that were carried out and whose commit is not durable yet (group commit).
 *
 * A change is judged, its records are put into the gathering batch, and it waits here while the
 * next one is worked on: so changes of several users become durable in one commit, by one write of
 * the TPM, and are answered together. What gives power comes into force here, when its commit is
 * durable: it settles; what takes it was in force before. A change is judged by the state that
 * those before it leave: what a waiting one writes is read by no other change before it has
 * settled, but for what takes power (freeze, revoke, cancel, lower limits), and takes it from both:
 * from what is in force, and from what the waiting one will make of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_GROUP_H
#define SIGNER_GROUP_H

#include "authz_answer.h"
#include "signer_change.h"

#define SIGNER_GROUP_MAX  16 /* half of what the authority has open (PENDING_MAX there) */
#define SIGNER_GROUP_LESS 4  /* of these: for what takes power away alone */

struct signer_group;

struct signer_group *signer_group_new(struct signer *signer);

/* signer_group_has_place: whether a change of this user that gives power finds a place. He takes
 * one while he has fewer than are free, so that one user's do not keep others out (A25). */
bool signer_group_has_place(const struct signer_group *group, const uint8_t user[32]);

/* What a commit makes true when it is durable. */
struct signer_made {
	size_t wallets; /* of job->wallets */
	bool client;    /* job->client */
	bool limit;     /* the caps of job->grant */
	bool thaws_all; /* an operator's freeze of everything ends */
};

/* signer_group_add leaves a change that was put into the gathering batch here, with no turn since
 * signer_take_write. It is answered with `answer`, whose `seq` is filled in then. */
void signer_group_add(struct signer_change *job, struct signer_made made,
                      const struct authz_submit_answer *answer);
/* signer_group_add_lowered does that to one whose records were lowered (signer_state_lower_*), or
 * that another batch makes durable (0: lowered). When it is durable already it is
 * answered at once, and refused an answer where there is no place; it is in force all the same. */
enum status signer_group_add_lowered(struct signer_change *job, uint64_t batch,
                                     const struct authz_submit_answer *answer);

/* signer_group_wallet finds the version of a wallet that a waiting change writes; NULL: none. */
struct authz_wallet_record *signer_group_wallet(struct signer_group *group, const uint8_t id[32]);
struct authz_client_record *signer_group_client(struct signer_group *group, const uint8_t id[32]);
/* signer_group_grant finds a grant whose caps one changes. */
struct authz_grant_record *signer_group_grant(struct signer_group *group, const uint8_t id[32]);
/* signer_group_completes: one of them carries out the change of this hash, which had waited. */
bool signer_group_completes(const struct signer_group *group, const uint8_t hash[32]);

/* signer_group_pump settles what is durable, and answers. */
void signer_group_pump(struct signer_group *group);
/* signer_group_drop: the authority that asked is gone, and nobody waits for an answer. */
void signer_group_drop(struct signer_group *group);

#endif
