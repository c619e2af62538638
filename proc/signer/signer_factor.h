/* signer_factor: whether a change carries what its power needs: signatures of keys and passkeys,
 * one-time codes, registrations of what it brings (spec/authorization.md sections 2 and 3).
 *
 * All of it is checked here, in the process that has the keys: an authority under foreign control
 * can leave nothing out (A4). The rule of asymmetry: any one factor takes power away at once; what
 * gives power needs two different ones where the wallet has two, and waits as long as the user
 * said. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIGNER_FACTOR_H
#define SIGNER_FACTOR_H

#include "authz_code.h"

#define SIGNER_CODE_FAILURES_FREE 4     /* wrong codes before the next one has to wait */
#define SIGNER_CODE_BLOCK_S       30    /* after the fifth; doubled with each further one ... */
#define SIGNER_CODE_BLOCK_MAX_S   86400 /* ... up to a day */
#define SIGNER_GIVEN_MAX          (AUTHZ_SIGNATURES_MAX + AUTHZ_CODES_MAX)
#define SIGNER_BROUGHT_MAX        (LIMIT_USER_KEYS_MAX + AUTHZ_CODES_MAX)
#define SIGNER_ENROLLS_PER_MINUTE 600 /* each is an X25519 agreement, for whoever asks */
#define SIGNER_SESSIONS_MAX       64
#define SIGNER_SESSION_S          900

struct signer_change;

/* What came with the change that is being worked on. */
struct signer_factors {
	/* Decided before any code is looked at: */
	bool by_recovery; /* signed with the wallets' recovery key */
	bool is_recovery; /* a FACTOR with fewer factors than the wallet has */
	bool gives;       /* it gives power; of a limit: it grows */
	uint64_t delay_s; /* it waits so long */
	/* Verified: factors with their new counts, to be kept; and new records. */
	size_t used_count, brought_count;
	struct authz_factor_record used[SIGNER_GIVEN_MAX];
	struct authz_factor_record brought[SIGNER_BROUGHT_MAX];
	bool brought_new[SIGNER_BROUGHT_MAX]; /* false: the user had it already */
};

/* A passkey that reads for some minutes. In memory only: a restart ends all sessions. */
struct signer_session {
	uint8_t secret[32];
	struct authz_user_key key;
	uint64_t until_ms; /* of signer->now_ms; 0: free */
};

/* Three steps, in this order. One bad part refuses all.
 *
 * signer_factors_verify_signatures begins: every signature is of the key that it names; the
 * description must be rendered. Before that nothing is said of whose key it is: else anybody could
 * ask who is a user of a wallet by naming keys. job->signed_text holds what the first one covers.
 */
MUST_USE enum status signer_factors_verify_signatures(struct signer_change *job);
/* signer_factors_rule says whether what was given is of the right keys and enough, and how long the
 * change waits. No code was looked at yet: who cannot sign is to try none. */
MUST_USE enum status signer_factors_rule(struct signer_change *job);
/* signer_factors_verify takes what the change brings, and codes; what was used counts as used. */
MUST_USE enum status signer_factors_verify(struct signer_change *job);
/* signer_factors_share is up to where a change may use a wallet's budget for a day. Half, where one
 * factor of several is enough to begin it: who stole one leaves the other half to what two sign. */
uint64_t signer_factors_share(const struct signer_change *job, uint64_t budget);
/* signer_factors_use: what was used counts as used, from now on; no turn is taken. */
MUST_USE enum status signer_factors_use(struct signer_change *job);
/* signer_factors_know tells whether the key is a user key of the wallet, or its recovery key. */
bool signer_factors_know(const struct authz_wallet_record *wallet,
                         const struct authz_user_key *key);
/* signer_factors_still_hold tells whether who signed job->given is still a factor of its wallets.
 */
bool signer_factors_still_hold(const struct signer_change *job);
/* signer_factors_had_time refuses while the wallet's one-time codes have not been open to its owner
 * for as long as a recovery waits, since they were last locked. */
MUST_USE enum status signer_factors_had_time(struct signer_change *job,
                                             const struct authz_wallet_record *wallet);
/* signer_factors_take_brought checks what the bodies bring, against registrations, codes and what
 * is known, into job->factors.brought. `late`: it was checked when the change was signed. */
MUST_USE enum status signer_factors_take_brought(struct signer_change *job, bool late);
/* signer_factors_put_brought adds the new records to the gathering batch; the caller made room for
 * SIGNER_BROUGHT_MAX of AUTHZ_FACTOR_RECORD_MAX. */
void signer_factors_put_brought(struct signer_change *job);

/* SESSION, READ and ENROLL. */
enum status signer_open_session(struct signer_change *job, struct bytes payload);
enum status signer_read(struct signer_change *job, struct bytes payload);
enum status signer_enroll(struct signer_change *job, struct bytes payload);

#endif
