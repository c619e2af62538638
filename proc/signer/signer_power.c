/* signer_power: takes power from wallets at once (REVOKE, FREEZE, CANCEL, a lower LIMIT), and gives
 * back of it what its user signs for (UNFREEZE, a higher LIMIT). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"
#include "base_check.h"
#include "signer_change.h"
#include "signer_group.h"
#include "signer_lower.h"

static const struct authz_submit_answer done; /* nothing but when */

/* ---- less power ---- */

static bool has_grant(const struct authz_wallet_record *wallet, const uint8_t grant[32])
{
	for (size_t i = 0; i < wallet->grant_count; i++)
		if (memcmp(wallet->grants[i].grant, grant, 32) == 0)
			return true;
	return false;
}

/* A revocation ends what the grants allow from now on; what they signed on durable nonces stays
 * good until the nonce moves on, so it is listed (A18): as it is now, when nothing more is signed
 * under them. The rows are copied: the next look-up may drop the grant. */
static void list_outstanding(struct signer_change *job, struct authz_submit_answer *answer)
{
	struct buffer rows = {job->area, sizeof(job->area), 0};

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_outstanding *row = &answer->outstanding[answer->outstanding_count];
		struct signer_wallet *wallet;
		struct signer_grant *grant;
		enum status status = signer_await_wallet(job, job->wallets[i].id, &wallet);

		CHECK(authz_id_take(job->change.entries[i].body, row->grant) == STATUS_OK);
		/* One that was on its way has signed nothing. */
		if (!has_grant(&job->wallets[i], row->grant))
			continue;
		if (status == STATUS_OK) {
			wallet->head.pins++;
			status = signer_await_grant(job, row->grant, &grant);
			wallet->head.pins--;
		}
		if (status == STATUS_OK && grant->record.nonce_account_count == 0)
			continue;
		answer->outstanding_count++;
		row->before = AUTHZ_OUTSTANDING_UNKNOWN; /* revoked all the same */
		if (status != STATUS_OK ||
		    buffer_put(&rows, bytes_of(grant->meter.lease.nonces,
		                               grant->meter.lease.nonce_count *
		                                   sizeof(grant->meter.lease.nonces[0]))) !=
		        STATUS_OK)
			continue;
		row->before = grant->meter.lease.nonces_before;
		row->rows.len =
		    grant->meter.lease.nonce_count * sizeof(grant->meter.lease.nonces[0]);
		row->rows.data = rows.data + rows.len - row->rows.len;
	}
}

/* The records of the change's wallets as they are now, pinned in the cache: an earlier change may
 * have been settled since they were loaded into the job. Says how many are pinned. */
static enum status pin_wallets(struct signer_change *job, size_t *ret_count)
{
	struct signer_wallet *wallet;

	for (*ret_count = 0; *ret_count < job->change.entry_count; ++*ret_count) {
		enum status status =
		    signer_await_wallet(job, job->change.entries[*ret_count].wallet, &wallet);

		if (status == STATUS_NOT_FOUND)
			return signer_refuse(job, CALL_RESULT_CONFLICT, "no such wallet");
		if (status != STATUS_OK)
			return status;
		wallet->head.pins++;
	}
	return STATUS_OK;
}

static void unpin_wallets(struct signer_change *job, size_t count)
{
	for (size_t i = 0; i < count; i++)
		((struct signer_wallet *)signer_cache_find(&job->signer->state.wallets,
		                                           job->change.entries[i].wallet))
		    ->head.pins--;
}

static const struct authz_wallet_record *pinned_wallet(const struct signer_change *job, size_t at)
{
	return &((const struct signer_wallet *)signer_cache_find(&job->signer->state.wallets,
	                                                         job->change.entries[at].wallet))
	            ->record;
}

/* What the change is about is in the record in force, or in the one that a change before it makes
 * (`next`; NULL: none): who has just signed that need not wait for it to take it back. */
static enum status check_revoked(struct signer_change *job, size_t at,
                                 const struct authz_wallet_record *now,
                                 const struct authz_wallet_record *next)
{
	uint8_t grant[32];

	CHECK(authz_id_take(job->change.entries[at].body, grant) == STATUS_OK);
	return has_grant(now, grant) || (next != NULL && has_grant(next, grant))
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_NOT_FOUND, "wallet %zu has no such grant",
	                           at + 1);
}

static enum status check_cancelled(struct signer_change *job, size_t at,
                                   struct authz_wallet_record *now,
                                   struct authz_wallet_record *next)
{
	const struct authz_pending_entry *entry, *later;
	uint8_t hash[32];

	CHECK(authz_id_take(job->change.entries[at].body, hash) == STATUS_OK);
	entry = signer_lower_find_pending(now, hash);
	later = next == NULL ? NULL : signer_lower_find_pending(next, hash);
	if (entry == NULL && later == NULL)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "no such change of wallet %zu waits", at + 1);
	if ((entry != NULL && entry->done) || (later != NULL && later->done))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "the key was handed over; move the funds");
	/* Cancelled first it had not been done; now it is, and no word takes it back. */
	if (signer_group_completes(job->signer->group, hash))
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "its time had come, and it is being carried out; freeze the "
		                     "wallet, revoke what it gave");
	return STATUS_OK;
}

static enum status check_lowered_limits(struct signer_change *job, size_t at,
                                        const struct authz_wallet_record *now,
                                        const struct authz_wallet_record *next)
{
	static struct authz_limit_body body;

	CHECK(authz_limit_take(job->change.entries[at].body, &body) == STATUS_OK);
	return !body.of_wallet || (signer_lower_fits(&body, now) &&
	                           (next == NULL || signer_lower_fits(&body, next)))
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_CONFLICT,
	                           "other limits of wallet %zu are on their way; name them, too",
	                           at + 1);
}

/* Who signed is a factor of the wallets as a change on its way makes them: what he takes goes on
 * from that one, also in an audit. So the factor that it removes takes nothing any more. */
static enum status check_signers(struct signer_change *job)
{
	bool hold;

	for (size_t i = 0; i < job->change.entry_count; i++) {
		const struct authz_wallet_record *next =
		    signer_group_wallet(job->signer->group, job->change.entries[i].wallet);

		job->wallets[i] = next != NULL ? *next : *pinned_wallet(job, i);
	}
	hold = signer_factors_still_hold(job);
	for (size_t i = 0; i < job->change.entry_count; i++)
		job->wallets[i] = *pinned_wallet(job, i);
	return hold ? STATUS_OK
	            : signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
	                            "who signed it is not a user key of each wallet any more");
}

/* All or none: what can be refused is refused before the first takes effect. */
static enum status check_lowered(struct signer_change *job)
{
	static struct authz_wallet_record now;
	enum status status = check_signers(job);

	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		struct authz_wallet_record *next =
		    signer_group_wallet(job->signer->group, job->change.entries[i].wallet);

		now = *pinned_wallet(job, i);
		if (job->change.action == AUTHZ_ACTION_REVOKE)
			status = check_revoked(job, i, &now, next);
		else if (job->change.action == AUTHZ_ACTION_CANCEL)
			status = check_cancelled(job, i, &now, next);
		else if (job->change.action == AUTHZ_ACTION_LIMIT)
			status = check_lowered_limits(job, i, &now, next);
	}
	return status;
}

/* has_nothing: what a freeze or a revocation takes is not in this record. */
static bool has_nothing(const struct signer_change *job, size_t at,
                        const struct authz_wallet_record *wallet)
{
	uint8_t grant[32];

	if (job->change.action == AUTHZ_ACTION_FREEZE)
		return wallet->frozen && wallet->pending_count == 0;
	if (job->change.action != AUTHZ_ACTION_REVOKE)
		return false;
	CHECK(authz_id_take(job->change.entries[at].body, grant) == STATUS_OK);
	return !signer_lower_is_live(wallet, grant);
}

/* takes_nothing: a freeze of a wallet that is frozen, or a revocation of what is dead, with nothing
 * that waits, would only cost the TPM a write that another one may need; and whoever signs again
 * and again would have it kept for good each time. Such a wallet is left as it is. */
static bool takes_nothing(const struct signer_change *job, size_t at)
{
	const struct authz_wallet_record *now = pinned_wallet(job, at);
	const struct authz_wallet_record *next = signer_group_wallet(job->signer->group, now->id);

	return has_nothing(job, at, now) && (next == NULL || has_nothing(job, at, next));
}

static bool is_so_already(const struct signer_change *job)
{
	for (size_t i = 0; i < job->change.entry_count; i++)
		if (!takes_nothing(job, i))
			return false;
	return true;
}

/* No turn is taken in here: from what is cached now, and from what a change that waits for its
 * commit will make of it, to the record with less power. */
static void lower_pinned(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;
	const struct signer_ask ask = signer_ask_of(job);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_wallet_record *wallet = &job->wallets[i];
		struct authz_wallet_record *next;

		if (takes_nothing(job, i))
			continue;
		*wallet = *pinned_wallet(job, i);
		next = signer_group_wallet(job->signer->group, wallet->id);
		signer_lower_wallet(&job->change, i, NULL, wallet);
		if (next == NULL) {
			signer_advance(job, wallet);
		} else {
			signer_lower_wallet(&job->change, i, wallet, next);
			signer_advance(job, next);
			wallet->version++; /* its limits may be others (signer_meter_follow) */
		}
		CHECK(signer_state_lower_wallet(state, wallet, &ask) == STATUS_OK);
	}
	/* Before the records that they lead to, which are written by themselves. */
	signer_history_put(job);
}

size_t signer_count_unheld(struct signer_change *job)
{
	/* Of each entry the grant, too. */
	size_t count = job->change.action == AUTHZ_ACTION_LIMIT ? job->change.entry_count : 0;

	for (size_t i = 0; i < job->change.entry_count; i++)
		count += !signer_state_is_held(&job->signer->state, CALL_STORE_VALUE_WALLET,
		                               job->change.entries[i].wallet);
	return count;
}

static enum status demand_holds(struct signer_change *job)
{
	const struct signer_ask ask = signer_ask_of(job);

	return signer_state_may_hold(&job->signer->state, signer_count_unheld(job), &ask) &&
	               signer_history_may_lower(job)
	           ? STATUS_OK
	           : signer_refuse_held(job);
}

static enum status answer_lowered(struct signer_change *job)
{
	static struct authz_submit_answer answer;

	answer = done;
	if (job->change.action == AUTHZ_ACTION_REVOKE)
		list_outstanding(job, &answer);
	return signer_group_add_lowered(job, 0, &answer);
}

/* In force in memory now, on the cached record that tickets look at, written by itself, answered
 * when durable. All or none. */
enum status signer_lower_wallets(struct signer_change *job)
{
	size_t pinned = 0;
	enum status status = pin_wallets(job, &pinned);
	bool is_written = true;

	if (status == STATUS_OK)
		status = check_lowered(job);
	if (status == STATUS_OK)
		is_written = !is_so_already(job);
	if (status == STATUS_OK && is_written)
		status = demand_holds(job);
	if (status == STATUS_OK && is_written)
		lower_pinned(job);
	unpin_wallets(job, pinned);
	if (status != STATUS_OK)
		return status;
	return answer_lowered(job);
}

/* Writes the wallets of the change, and shows them to tickets once that is durable. */
static enum status apply_more(struct signer_change *job, bool limit)
{
	struct signer *signer = job->signer;
	size_t count = job->change.entry_count;
	enum status status;

	status = signer_await_room(job, count + 1,
	                           count * SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX) +
	                               SIGNER_RECORD_ROOM(AUTHZ_GRANT_RECORD_MAX));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		signer_advance(job, &job->wallets[i]);
		signer_state_put_wallet(&signer->state, &job->wallets[i]);
	}
	if (limit)
		signer_state_put_grant(&signer->state, &job->grant);
	signer_group_add(job, (struct signer_made){.wallets = count, .limit = limit}, &done);
	return STATUS_OK;
}

enum status signer_apply_unfreeze(struct signer_change *job)
{
	for (size_t i = 0; i < job->change.entry_count; i++)
		job->wallets[i].frozen = false;
	return apply_more(job, false);
}

/* ---- limits ---- */

void signer_set_limits(struct authz_wallet_record *wallet, const struct authz_counter_rule *limits,
                       size_t count)
{
	uint64_t since[LIMIT_WALLET_LIMITS_MAX] = {0};

	for (size_t i = 0; i < count; i++) {
		size_t at = authz_counter_find(wallet->limits, wallet->limit_count, &limits[i]);

		since[i] =
		    at < wallet->limit_count ? wallet->limits_since[at] : wallet->version + 1;
	}
	wallet->limit_count = (uint8_t)count;
	memcpy(wallet->limits, limits, sizeof(wallet->limits));
	memcpy(wallet->limits_since, since, sizeof(wallet->limits_since));
}

/* Finds a live grant of the wallet; it is cached beside its wallet. */
static enum status find_limited(struct signer_change *job, size_t at,
                                const struct authz_limit_body *body,
                                struct signer_grant **ret_grant)
{
	const struct authz_wallet_record *wallet = &job->wallets[at];
	struct signer_wallet *cached;
	bool live = false;
	enum status status;

	for (size_t i = 0; i < wallet->grant_count; i++)
		live |=
		    wallet->grants[i].live && memcmp(wallet->grants[i].grant, body->grant, 32) == 0;
	if (!live)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "wallet %zu has no such grant",
		                     at + 1);
	status = signer_await_wallet(job, wallet->id, &cached);
	if (status == STATUS_OK) {
		cached->head.pins++;
		status = signer_await_grant(job, body->grant, ret_grant);
		cached->head.pins--;
	}
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT, "the grant's record is lost");
	return status;
}

/* Gives the counters other caps; `*ret_grows` when one becomes larger. */
static enum status set_caps(struct signer_change *job, const struct authz_limit_body *body,
                            struct authz_grant_record *grant, bool *ret_grows)
{
	for (size_t i = 0; i < body->count; i++) {
		size_t at = 0;

		while (at < grant->counter_count && grant->counters[at].id != body->caps[i].id)
			at++;
		if (at == grant->counter_count)
			return signer_refuse(job, CALL_RESULT_NOT_FOUND,
			                     "the grant has no counter %u", body->caps[i].id);
		*ret_grows |= body->caps[i].cap > grant->counters[at].cap;
		grant->counters[at].cap = body->caps[i].cap;
	}
	return STATUS_OK;
}

static bool limits_grow(const struct authz_wallet_record *wallet,
                        const struct authz_limit_body *body)
{
	return authz_limits_grow(wallet->limits, wallet->limit_count, body);
}

enum status signer_show_caps(struct signer_change *job)
{
	static struct authz_limit_body body;
	struct signer_grant *grant;

	if (job->change.entry_count != 1)
		return STATUS_OK; /* none of them grows (signer_check_limit) */
	CHECK(authz_limit_take(job->change.entries[0].body, &body) == STATUS_OK);
	if (body.of_wallet)
		return STATUS_OK;
	if (find_limited(job, 0, &body, &grant) != STATUS_OK)
		return STATUS_REFUSED;
	job->grant = grant->record;
	job->shown[0].limits = job->grant.counters;
	job->shown[0].limit_count = job->grant.counter_count;
	return STATUS_OK;
}

enum status signer_limit_grows(struct signer_change *job, bool *ret_grows)
{
	static struct authz_limit_body body;
	struct signer_grant *grant;

	for (size_t i = 0; i < job->change.entry_count; i++) {
		CHECK(authz_limit_take(job->change.entries[i].body, &body) == STATUS_OK);
		if (body.of_wallet) {
			*ret_grows |= limits_grow(&job->wallets[i], &body);
			continue;
		}
		if (find_limited(job, i, &body, &grant) != STATUS_OK)
			return STATUS_REFUSED;
		job->grant = grant->record;
		if (set_caps(job, &body, &job->grant, ret_grows) != STATUS_OK)
			return STATUS_REFUSED;
	}
	return STATUS_OK;
}

enum status signer_check_limit(struct signer_change *job)
{
	bool grows = false;

	if (signer_limit_grows(job, &grows) != STATUS_OK)
		return STATUS_REFUSED;
	if (grows && (job->change.entry_count != 1 || !job->change.entries[0].has_previous))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "a limit that grows is changed alone, and names the state it "
		                     "is for");
	return STATUS_OK;
}

/* Finds the change's grants and pins them, NULL where it is about the wallet itself; says how many
 * entries were looked at. */
static enum status pin_limited(struct signer_change *job, struct signer_grant **ret_grants,
                               size_t *ret_count)
{
	static struct authz_limit_body body;

	for (*ret_count = 0; *ret_count < job->change.entry_count; ++*ret_count) {
		struct signer_grant **grant = &ret_grants[*ret_count];

		*grant = NULL;
		CHECK(authz_limit_take(job->change.entries[*ret_count].body, &body) == STATUS_OK);
		if (body.of_wallet)
			continue;
		if (find_limited(job, *ret_count, &body, grant) != STATUS_OK)
			return STATUS_REFUSED;
		(*grant)->head.pins++;
	}
	return STATUS_OK;
}

/* Caps of grants that are pinned, in force and, where a higher one is on its way, in that one; the
 * limits of wallets go with their records, next. */
static void lower_caps(struct signer_change *job, struct signer_grant *const *grants)
{
	static struct authz_limit_body body;
	const struct signer_ask ask = signer_ask_of(job);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_grant_record *next;

		if (grants[i] == NULL)
			continue;
		CHECK(authz_limit_take(job->change.entries[i].body, &body) == STATUS_OK);
		authz_caps_lower(&body, grants[i]->record.counters,
		                 grants[i]->record.counter_count);
		next = signer_group_grant(job->signer->group, body.grant);
		if (next != NULL)
			authz_caps_lower(&body, next->counters, next->counter_count);
		CHECK(signer_state_lower_grant(&job->signer->state, grants[i], &ask) == STATUS_OK);
	}
}

/* Of a limit that grows, alone in its change. */
static enum status raise_limit(struct signer_change *job)
{
	static struct authz_limit_body body;
	enum status status = signer_await_receipts(job);

	if (status != STATUS_OK)
		return status;
	CHECK(authz_limit_take(job->change.entries[0].body, &body) == STATUS_OK);
	if (body.of_wallet)
		signer_set_limits(&job->wallets[0], body.limits, body.limit_count);
	return apply_more(job, !body.of_wallet);
}

/* Lower caps are in force at once, all or none. */
static enum status lower_limits(struct signer_change *job)
{
	static struct signer_grant *grants[LIMIT_CHANGE_WALLETS_MAX];
	size_t pinned = 0, found = 0;
	enum status status = pin_wallets(job, &pinned);

	if (status == STATUS_OK)
		status = pin_limited(job, grants, &found);
	if (status == STATUS_OK)
		status = check_lowered(job);
	if (status == STATUS_OK)
		status = demand_holds(job);
	if (status == STATUS_OK) {
		lower_caps(job, grants);
		lower_pinned(job);
	}
	for (size_t i = 0; i < found; i++)
		if (grants[i] != NULL)
			grants[i]->head.pins--;
	unpin_wallets(job, pinned);
	return status == STATUS_OK ? answer_lowered(job) : status;
}

/* A higher cap is a new promise of the user: for the state that he saw, one wallet at a time, and
 * only when durable. Which of both it is was decided when the factors were looked at: since then a
 * change before it may have settled. */
enum status signer_apply_limit(struct signer_change *job)
{
	if (!job->factors.gives)
		return lower_limits(job);
	return signer_check_limit(job) == STATUS_OK ? raise_limit(job) : STATUS_REFUSED;
}
