/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_history.h"

#include "base_check.h"
#include "signer_change.h"
#include "signer_factor.h"

void signer_history_reset(struct signer_change *job)
{
	job->history.kept.len = 0;
	job->history.step = 0;
	job->history.link_count = 0;
}

static uint64_t today(struct signer_change *job)
{
	return signer_time_read(&job->signer->time).low_s / 86400;
}

/* What takes power is counted by nothing: each time it takes what one of the others gave
 * (signer_lower_wallets), which are counted; but for limits, which can fall for ever. */
static enum status check_day(struct signer_change *job)
{
	uint64_t day = today(job);
	uint64_t share = signer_factors_share(job, LIMIT_CHANGED_PER_DAY);

	if (authz_action_reduces(job->change.action) || authz_action_is_birth(job->change.action))
		return STATUS_OK;
	for (size_t i = 0; i < job->change.entry_count; i++) {
		if (authz_day_is_full(&job->wallets[i], day, share))
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "wallet %zu has had too many changes today; freeze and revoke "
			    "still go, the rest tomorrow%s",
			    i + 1,
			    share < LIMIT_CHANGED_PER_DAY ? ", or signed with two factors" : "");
	}
	return STATUS_OK;
}

enum status signer_history_begin(struct signer_change *job)
{
	static struct authz_signed_change without;
	struct signer_history *history = &job->history;
	struct buffer signed_change = {job->late.data, job->late.cap, 0};
	struct authz_kept kept;
	struct bytes bytes;
	enum status status = check_day(job);

	if (status != STATUS_OK)
		return status;
	authz_kept_of(&job->given, buffer_bytes(&job->description), &without, &kept);
	history->kept.len = 0;
	if (authz_signed_change_put(&without, &signed_change) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the change is too long to be kept");
	kept.signed_change = buffer_bytes(&signed_change);
	if (authz_kept_put(&kept, &history->kept) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the change is too long to be kept");
	bytes = buffer_bytes(&history->kept);
	keys_sha256(&bytes, 1, history->hash);
	history->step = AUTHZ_STEP_DONE;
	return STATUS_OK;
}

void signer_history_waited(struct signer_change *job, const uint8_t kept[32])
{
	job->history.kept.len = 0;
	job->history.step = AUTHZ_STEP_COMPLETED;
	memcpy(job->history.hash, kept, sizeof(job->history.hash));
}

void signer_history_link(struct signer_change *job, struct authz_wallet_record *wallet,
                         const uint8_t previous[32])
{
	struct signer_history *history = &job->history;
	struct signer_time_now now = history->step == AUTHZ_STEP_WAITS
	                                 ? history->asked
	                                 : signer_time_read(&job->signer->time);
	struct authz_link *link = &history->links[history->link_count];

	uint8_t space[AUTHZ_LINK_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(space);

	CHECK(history->step != 0 && history->link_count < LIMIT_CHANGE_WALLETS_MAX);
	*link = (struct authz_link){.version = wallet->version,
	                            .step = history->step,
	                            .boot = job->signer->boot,
	                            .time_low_s = now.low_s,
	                            .time_high_s = now.high_s};
	memcpy(link->wallet, wallet->id, sizeof(link->wallet));
	memcpy(link->previous, previous, sizeof(link->previous));
	memcpy(link->authority, wallet->authority, sizeof(link->authority));
	memcpy(link->kept, history->hash, sizeof(link->kept));
	memcpy(link->before, wallet->link, sizeof(link->before));
	CHECK(authz_link_put(link, &encoded) == STATUS_OK);
	authz_link_hash(buffer_bytes(&encoded), wallet->link);
	history->link_count++;
	if (authz_action_reduces(job->change.action))
		return;
	authz_day_begin(wallet, today(job));
	wallet->changed += history->kept.len + AUTHZ_LINK_MAX;
}

/* ---- into the batch ---- */

size_t signer_history_ops(const struct signer_change *job)
{
	return job->history.step == 0 ? 0 : job->change.entry_count + 1;
}

size_t signer_history_bytes(const struct signer_change *job)
{
	return job->history.step == 0
	           ? 0
	           : SIGNER_RECORD_ROOM(job->history.kept.len) +
	                 job->change.entry_count * SIGNER_RECORD_ROOM(AUTHZ_LINK_MAX);
}

void signer_history_put(struct signer_change *job)
{
	struct signer_state *state = &job->signer->state;
	struct signer_history *history = &job->history;

	if (history->link_count != 0 && history->kept.len != 0)
		(void)signer_state_put(state, CALL_STORE_VALUE_KEPT, history->hash,
		                       buffer_bytes(&history->kept));
	for (size_t i = 0; i < history->link_count; i++) {
		uint8_t space[AUTHZ_LINK_MAX], id[32];
		struct buffer link = BUFFER_OF_ARRAY(space);

		CHECK(authz_link_put(&history->links[i], &link) == STATUS_OK);
		authz_link_id(history->links[i].wallet, history->links[i].version, id);
		(void)signer_state_put(state, CALL_STORE_VALUE_LINK, id, buffer_bytes(&link));
	}
	history->link_count = 0;
	history->kept.len = 0;
}

/* Forgets what counts by now; says what is taken in all, and where this user's share stands. */
static struct signer_history_share *find_share(struct signer_change *job, size_t *ret_taken)
{
	struct signer_history *history = &job->history;
	uint64_t committed = signer_store_committed(job->signer->store);
	struct signer_history_share *own = NULL;
	size_t kept = 0;

	*ret_taken = 0;
	for (size_t i = 0; i < history->share_count; i++) {
		struct signer_history_share *share = &history->shares[kept];

		if (history->shares[i].batch <= committed)
			continue;
		*share = history->shares[i];
		*ret_taken += share->bytes;
		if (memcmp(share->user, job->user, sizeof(share->user)) == 0)
			own = share;
		kept++;
	}
	history->share_count = kept;
	return own;
}

bool signer_history_may_lower(struct signer_change *job)
{
	struct signer_history *history = &job->history;
	struct signer_store *store = job->signer->store;
	size_t taken, ops = signer_history_ops(job), bytes = signer_history_bytes(job);
	struct signer_history_share *own = find_share(job, &taken);

	if (!signer_store_room(store, ops, bytes) || taken > SIGNER_HISTORY_RESERVE ||
	    (own == NULL ? 0 : own->bytes) + bytes > SIGNER_HISTORY_RESERVE - taken ||
	    (own == NULL && history->share_count == SIGNER_HOLDS_MAX))
		return false;
	if (own == NULL) {
		own = &history->shares[history->share_count++];
		*own = (struct signer_history_share){.bytes = 0};
		memcpy(own->user, job->user, sizeof(own->user));
	}
	own->batch = signer_store_gathering(store);
	own->bytes += bytes;
	return true;
}

/* ---- for who asks ---- */

static enum status lost(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
	                     "a change of the wallet is damaged, or was not kept; restore the "
	                     "store from a backup");
}

/* Links of one page, and their number. */
struct page {
	size_t count;
	struct authz_link links[AUTHZ_CHANGES_MAX];
	uint8_t ids[AUTHZ_CHANGES_MAX][32];
};

/* Finds the links of the versions from `version` on. All are asked for before the first is waited
 * for: what does not come, or leaves the cache again, is asked for once more. */
static enum status find_links(struct signer_change *job, const uint8_t wallet[32], uint64_t version,
                              struct page *page)
{
	struct signer_blob *blob;

	for (size_t i = 0; i < page->count; i++) {
		authz_link_id(wallet, version + i, page->ids[i]);
		(void)!signer_state_link(&job->signer->state, page->ids[i], &blob);
	}
	for (size_t i = 0; i < page->count; i++) {
		enum status status = signer_await_blob(job, signer_state_link,
		                                       CALL_STORE_VALUE_LINK, page->ids[i], &blob);

		if (status != STATUS_OK)
			return status == STATUS_NOT_FOUND ? lost(job) : status;
		if (authz_link_take(bytes_of(blob->bytes, blob->len), &page->links[i]) != STATUS_OK)
			return lost(job);
	}
	for (size_t i = 0; i < page->count; i++)
		(void)!signer_state_kept(&job->signer->state, page->links[i].kept, &blob);
	return STATUS_OK;
}

/* Appends a change with its link. TOO_LARGE: on another page. */
static enum status add_change(struct signer_change *job, const struct authz_link *link,
                              struct buffer *out)
{
	uint8_t space[AUTHZ_LINK_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(space);
	struct authz_changed changed;
	struct signer_blob *blob;
	enum status status =
	    signer_await_blob(job, signer_state_kept, CALL_STORE_VALUE_KEPT, link->kept, &blob);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? lost(job) : status;
	CHECK(authz_link_put(link, &encoded) == STATUS_OK);
	changed = (struct authz_changed){.link = buffer_bytes(&encoded),
	                                 .kept = bytes_of(blob->bytes, blob->len)};
	return authz_changed_put(&changed, out);
}

static uint64_t take_version(const uint8_t after[32])
{
	uint64_t version;

	memcpy(&version, after, sizeof(version));
	return __builtin_bswap64(version);
}

enum status signer_history_query(struct signer_change *job, const struct authz_query *query,
                                 struct signer_wallet *wallet)
{
	struct signer *signer = job->signer;
	struct signer_version durable = signer_state_durable(&signer->state, wallet);
	struct buffer changes = {job->late.data, AUTHZ_CHANGES_BYTES_MAX, 0};
	uint8_t space[AUTHZ_STANDING_MAX];
	struct buffer signed_standing = BUFFER_OF_ARRAY(space);
	struct authz_standing standing = {.boot = signer->boot,
	                                  .version = durable.version,
	                                  .time_high_s = signer_time_read(&signer->time).high_s};
	struct authz_changes_answer answer = {.count = 0};
	uint64_t version = take_version(query->after);
	static struct page page;
	enum status status;

	memcpy(standing.deployment, signer->deployment, 32);
	memcpy(standing.wallet, query->target, 32);
	memcpy(standing.authority, durable.authority, 32);
	memcpy(standing.link, durable.link, 32);
	page.count = version >= durable.version                      ? 0
	             : durable.version - version < AUTHZ_CHANGES_MAX ? durable.version - version
	                                                             : AUTHZ_CHANGES_MAX;
	status = find_links(job, standing.wallet, version + 1, &page);
	for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
		size_t at = changes.len;

		status = add_change(job, &page.links[i], &changes);
		if (status == STATUS_OK)
			answer.changes[answer.count++] =
			    bytes_of(changes.data + at, changes.len - at);
	}
	if (status != STATUS_OK && (status != STATUS_TOO_LARGE || answer.count == 0))
		return status == STATUS_TOO_LARGE ? lost(job) : status;
	answer.more = version < durable.version && answer.count < durable.version - version;
	CHECK(authz_standing_put(&standing, signer_vault_deployment(signer->vault),
	                         &signed_standing) == STATUS_OK);
	answer.standing = buffer_bytes(&signed_standing);
	return authz_changes_answer_put(&answer, &job->answer);
}
