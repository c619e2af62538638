/* signer_pending: changes that were authorized and wait: for the delay that the user set, or, with
 * a factor lost, for its owner's objection (spec/authorization.md section 4). They are durable and
 * listed in their wallets; any one factor cancels them. They open when time_low says so and the
 * signer has run for as long as they wait: neither the clock nor whoever proves time shortens that
 * (T1, O6), and a user can say no only while it runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "log_line.h"
#include "signer_change.h"
#include "signer_group.h"
#include "signer_lower.h"

/* What stands in the place of a record that nobody needs any more. */
static const uint8_t gone[1] = {0xa0};

/* What is void gives its place. */
static void drop_void(struct authz_wallet_record *wallet, uint64_t high_s)
{
	for (size_t i = wallet->pending_count; i > 0; i--)
		if (wallet->pending[i - 1].void_s <= high_s)
			signer_lower_drop_pending(wallet, &wallet->pending[i - 1]);
}

/* What was done cannot be cancelled, so it gives its place when there is no other. */
static void drop_oldest_done(struct authz_wallet_record *wallet)
{
	struct authz_pending_entry *oldest = NULL;

	for (size_t i = 0; i < wallet->pending_count; i++)
		if (wallet->pending[i].done &&
		    (oldest == NULL || wallet->pending[i].opens_s < oldest->opens_s))
			oldest = &wallet->pending[i];
	if (oldest != NULL)
		signer_lower_drop_pending(wallet, oldest);
}

/* The notice that a log can carry: that something waits, not for whom. */
static void tell(const char *event, const struct signer_change *job, uint64_t opens_s)
{
	struct log_line line;

	log_begin(&line, LOG_WARN, event);
	log_text(&line, "action", authz_action_word(job->change.action));
	log_number(&line, "wallets", (int64_t)job->change.entry_count);
	log_bool(&line, "recovery", job->factors.is_recovery);
	log_number(&line, "opens", (int64_t)opens_s);
	log_end(&line);
}

/* The submitted bytes without the codes: used up, and nobody's to read. */
static enum status put_record(struct signer_change *job, struct buffer *space)
{
	uint8_t *signed_space = job->late.data;
	struct buffer without = {signed_space, job->late.cap, 0};
	struct authz_signed_change kept = job->given;
	struct authz_pending_record record = {.description = buffer_bytes(&job->description)};

	kept.code_count = 0;
	if (authz_signed_change_put(&kept, &without) != STATUS_OK)
		return STATUS_TOO_LARGE;
	authz_change_hash(job->given.change, record.change);
	memcpy(record.kept, job->history.hash, sizeof(record.kept));
	record.signed_change = buffer_bytes(&without);
	return authz_pending_record_put(&record, space);
}

enum status signer_pending_begin(struct signer_change *job)
{
	struct signer *signer = job->signer;
	struct signer_time_now now = signer_time_read(&signer->time);
	struct authz_pending_entry entry = {.action = job->change.action,
	                                    .recovery = job->factors.is_recovery,
	                                    .asked_s = now.low_s,
	                                    .opens_s = now.low_s + job->factors.delay_s,
	                                    .opens_ran_s = signer_time_ran(&signer->time) +
	                                                   job->factors.delay_s};
	struct authz_submit_answer answer = {.waits_until_s = entry.opens_s};
	struct buffer record = {job->texts.data, job->texts.cap, 0};
	size_t brought = 0;
	enum status status;

	job->history.step = AUTHZ_STEP_WAITS;
	job->history.asked = now;
	authz_change_hash(job->given.change, entry.change);
	entry.void_s =
	    (now.high_s > entry.opens_s ? now.high_s : entry.opens_s) + AUTHZ_VOID_AFTER_S;
	if (put_record(job, &record) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the change is too long to be kept while it waits");
	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_wallet_record *wallet = &job->wallets[i];

		drop_void(wallet, now.high_s);
		if (wallet->pending_count == LIMIT_PENDING_MAX)
			drop_oldest_done(wallet);
		if (wallet->pending_count == LIMIT_PENDING_MAX)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "%d changes of wallet %zu wait already; cancel one",
			                     LIMIT_PENDING_MAX, i + 1);
		wallet->pending[wallet->pending_count++] = entry;
	}
	for (size_t i = 0; i < job->factors.brought_count; i++)
		brought += job->factors.brought_new[i];
	status = signer_count_kept(job, 1 + brought);
	/* On offer, what it names would not be there for so long. */
	if (status == STATUS_OK)
		status = signer_keep_named(job);
	if (status == STATUS_OK)
		status = signer_await_room(
		    job,
		    job->change.entry_count * (1 + SIGNER_NAMED_OPS) + SIGNER_NAMED_OPS_ALL + 1 +
		        2 * SIGNER_BROUGHT_MAX,
		    job->change.entry_count * SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX) +
		        SIGNER_RECORD_ROOM(record.len) + signer_named_room(job) +
		        SIGNER_BROUGHT_MAX * SIGNER_RECORD_ROOM(AUTHZ_FACTOR_RECORD_MAX + 64));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	/* What it brings is reserved now: a credential id that somebody else registers meanwhile
	 * would keep a lost factor from being replaced (U4). A record alone gives no power. */
	signer_factors_put_brought(job);
	signer_put_named(job);
	for (size_t i = 0; i < job->change.entry_count; i++) {
		signer_advance(job, &job->wallets[i]);
		(void)signer_state_put_wallet(&signer->state, &job->wallets[i]);
	}
	(void)signer_state_put(&signer->state, CALL_STORE_VALUE_PENDING, entry.change,
	                       buffer_bytes(&record));
	tell("change.waits", job, entry.opens_s);
	signer_group_add(job, (struct signer_made){.wallets = job->change.entry_count}, &answer);
	return STATUS_OK;
}

/* Takes the record of a waiting change into the job, as if it had been submitted now. */
static enum status load_change(struct signer_change *job, const uint8_t hash[32])
{
	struct authz_pending_record record;
	struct signer_blob *blob;
	uint8_t found[32];
	enum status status = signer_await_pending(job, hash, &blob);

	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "no such change waits");
	if (status != STATUS_OK)
		return status;
	if (blob->len == sizeof(gone))
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "no such change waits; it was cancelled or done");
	job->late.len = 0;
	if (authz_pending_record_take(bytes_of(blob->bytes, blob->len), &record) != STATUS_OK ||
	    buffer_put(&job->late, record.signed_change) != STATUS_OK ||
	    authz_signed_change_take(buffer_bytes(&job->late), &job->given) != STATUS_OK ||
	    authz_change_take(job->given.change, &job->change) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
		                     "the waiting change's record is damaged");
	authz_change_hash(job->given.change, found);
	if (memcmp(found, hash, 32) != 0)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
		                     "the waiting change's record is another one's");
	signer_history_waited(job, record.kept);
	return STATUS_OK;
}

uint64_t signer_pending_opens(struct signer *signer, const struct authz_pending_entry *entry)
{
	uint64_t ran_s = signer_time_ran(&signer->time), now_s, left_s;

	if (entry->opens_ran_s <= ran_s)
		return entry->opens_s;
	now_s = signer_time_read(&signer->time).low_s;
	left_s = entry->opens_ran_s - ran_s;
	return entry->opens_s > now_s + left_s ? entry->opens_s : now_s + left_s;
}

/* It is listed by every wallet, its time has come and not passed, and who signed may still sign. */
static enum status check_time(struct signer_change *job, const uint8_t hash[32], bool *ret_done)
{
	struct signer_time_now now = signer_time_read(&job->signer->time);
	uint64_t opens_s;

	*ret_done = false;
	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_pending_entry *entry =
		    signer_lower_find_pending(&job->wallets[i], hash);

		if (entry == NULL)
			return signer_refuse(job, CALL_RESULT_NOT_FOUND,
			                     "no such change waits; it was cancelled or done");
		if (now.high_s >= entry->void_s)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "nobody completed it in time; sign it anew");
		opens_s = signer_pending_opens(job->signer, entry);
		if (now.low_s < opens_s)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "it waits for another %llu s in which the signer runs",
			                     (unsigned long long)(opens_s - now.low_s));
		if (entry->recovery) {
			enum status status = signer_factors_had_time(job, &job->wallets[i]);

			if (status != STATUS_OK)
				return status;
		}
		*ret_done |= entry->done;
		job->factors.is_recovery |= entry->recovery;
	}
	if (!signer_factors_still_hold(job))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "who signed it is no factor of the wallet any more");
	return STATUS_OK;
}

/* The record's room is given back when there is place in a batch; nothing depends on it, for a
 * change waits as long as its wallets list it. */
static void put_away(struct signer_change *job, const uint8_t hash[32])
{
	if (!signer_store_room(job->signer->store, 1, SIGNER_RECORD_ROOM(sizeof(gone))))
		return;
	(void)signer_state_put(&job->signer->state, CALL_STORE_VALUE_PENDING, hash,
	                       BYTES_OF_ARRAY(gone));
}

enum status signer_pending_complete(struct signer_change *job, struct bytes payload)
{
	struct authz_complete given;
	bool done = false;
	enum status status;

	if (authz_complete_take(payload, &given) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a well-formed request to complete");
	job->factors = (struct signer_factors){.delay_s = 0};
	status = load_change(job, given.change);
	if (status == STATUS_OK)
		status = signer_load_wallets(job);
	if (status == STATUS_OK)
		status = signer_demand_time(job);
	if (status == STATUS_OK)
		status = check_time(job, given.change, &done);
	if (status != STATUS_OK)
		return status;
	if (done)
		return signer_export_again(job);
	job->factors.gives = true;
	signer_take_user(job);
	status = signer_demand_room(job);
	if (status == STATUS_OK)
		status = signer_demand_write(job);
	if (status != STATUS_OK)
		return status;
	/* The text is rendered again: it must still be the one that was signed (A5). */
	status = signer_describe(job);
	if (status == STATUS_OK &&
	    !authz_text_is_described(&job->change, buffer_bytes(&job->description)))
		status = signer_refuse(job, CALL_RESULT_CONFLICT,
		                       "the text that was signed is not true any more; sign anew");
	if (status == STATUS_OK)
		status = signer_factors_take_brought(job, true);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < job->change.entry_count; i++) {
		struct authz_pending_entry *entry =
		    signer_lower_find_pending(&job->wallets[i], given.change);

		if (job->change.action == AUTHZ_ACTION_EXPORT)
			entry->done = true; /* an answer that is lost is fetched again */
		else
			signer_lower_drop_pending(&job->wallets[i], entry);
	}
	job->signed_text.len = 0;
	if (buffer_put(&job->signed_text, job->given.change) != STATUS_OK)
		return STATUS_TOO_LARGE;
	memcpy(job->completes, given.change, sizeof(job->completes));
	tell("change.completes", job, 0);
	status = signer_apply(job);
	if (status == STATUS_OK && job->change.action != AUTHZ_ACTION_EXPORT)
		put_away(job, given.change);
	return status;
}

enum status signer_pending_cancel(struct signer_change *job)
{
	uint8_t hash[32];
	enum status status = signer_lower_wallets(job);

	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		CHECK(authz_id_take(job->change.entries[i].body, hash) == STATUS_OK);
		put_away(job, hash);
	}
	return status;
}

enum status signer_pending_query(struct signer_change *job, const struct authz_query *query)
{
	struct authz_pending_record record;
	struct authz_pending_answer answer;
	struct signer_blob *blob;
	enum status status = signer_await_pending(job, query->target, &blob);

	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "no such change waits");
	if (status != STATUS_OK)
		return status;
	/* One that also named other wallets, and was cancelled by a factor of theirs. */
	if (blob->len == sizeof(gone))
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "it was cancelled for another of its wallets and cannot be "
		                     "done any more; cancel it here too");
	if (authz_pending_record_take(bytes_of(blob->bytes, blob->len), &record) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
		                     "the waiting change's record is damaged");
	answer = (struct authz_pending_answer){.signed_change = record.signed_change,
	                                       .description = record.description};
	return authz_pending_answer_put(&answer, &job->answer);
}
