/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_change.h"

#include <stdarg.h>
#include <stdio.h>

#include "base_check.h"
#include "policy_text.h"
#include "proc_start.h"
#include "secret.h"
#include "signer_group.h"
#include "signer_keep.h"
#include "signer_waiting.h"

struct signer_change *signer_change_new(struct signer *signer)
{
	struct signer_change *job = calloc(1, sizeof(*job));

	CHECK(job != NULL);
	job->signer = signer;
	struct bytes shared = policy_intent_shared();

	job->module = proc_buffer(LIMIT_MODULE_MAX);
	job->stored = proc_buffer(SIGNER_STORED_MAX);
	keys_sha256(&shared, 1, job->shared_hash);
	job->texts = proc_buffer(LIMIT_CHANGE_WALLETS_MAX * 1024 + LIMIT_DESCRIPTION_MAX);
	job->description = proc_buffer(LIMIT_DESCRIPTION_MAX);
	job->signed_text = proc_buffer(LIMIT_CHANGE_MAX);
	job->other_text = proc_buffer(AUTHZ_SIGNED_TEXT_MAX);
	job->lists = proc_buffer(SIGNER_LISTS_MAX);
	job->late = proc_buffer(AUTHZ_PENDING_RECORD_MAX);
	job->history.kept = proc_buffer(AUTHZ_KEPT_MAX);
	job->answer = proc_buffer(2 * AUTHZ_BIRTH_MAX);
	job->message = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	return job;
}

enum status signer_refuse(struct signer_change *job, enum call_result result, const char *format,
                          ...)
{
	char text[sizeof(job->refusal.text)];
	va_list arguments;
	size_t len;

	va_start(arguments, format);
	job->refusal.result = result;
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	/* Parts of it may come from a module or verifier, and be no text. */
	len = strlen(text);
	while (len > 0 && len == sizeof(text) - 1 && ((uint8_t)text[len - 1] & 0x80) != 0)
		len--; /* perhaps cut inside a character */
	len = policy_text_clean(bytes_of(text, len), false, (uint8_t *)job->refusal.text);
	job->refusal.text[len] = '\0';
	return STATUS_REFUSED;
}

/* ---- waiting ---- */

static bool gives_way(const struct signer_change *job)
{
	const struct signer_waiting *waiting = job->signer->waiting;
	uint64_t waited_ms = job->signer->now_ms - job->began_ms;

	return (waited_ms > (job->less ? SIGNER_CHANGE_LESS_MS : SIGNER_CHANGE_GIVES_WAY_MS) &&
	        signer_waiting_for(waiting, SIGNER_REQUEST_LESS)) ||
	       (waited_ms > SIGNER_CHANGE_LETS_QUESTIONS_MS &&
	        signer_waiting_for(waiting, SIGNER_REQUEST_QUESTION));
}

/* One turn of everything else; false when this job has taken too long. */
bool signer_change_turn(struct signer_change *job)
{
	if (job->signer->now_ms - job->came_ms > SIGNER_CHANGE_DEADLINE_MS) {
		signer_refuse(job, CALL_RESULT_OVERLOADED,
		              "store or verifier did not answer in "
		              "time; nothing was changed, try again");
		return false;
	}
	if (gives_way(job)) {
		signer_refuse(job, CALL_RESULT_OVERLOADED,
		              "store or verifier took long while others waited; nothing was "
		              "changed, try again");
		return false;
	}
	signer_turn(job->signer);
	return true;
}

/* A look-up that found damage or no store is a refusal in words. */
static enum status settle(struct signer_change *job, enum status status)
{
	if (status == STATUS_CORRUPT)
		return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
		                     "a record fails its check; restore the store from a backup");
	if (status == STATUS_IO)
		return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE, "the store is away");
	return status;
}

/* What a change before this one writes is not read before it counts: this one is to be judged by
 * the state that results. It is told to come again, so that it holds up neither the others nor the
 * group. What is only shown, and what acts at once, looks all the same. */
static bool is_changing(const struct signer_change *job, uint32_t kind, const uint8_t id[32])
{
	return !job->acts_at_once && signer_store_writes(job->signer->store, kind, id);
}

static enum status refuse_changing(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_OVERLOADED,
	                     "a change before this one is on its way to be durable; try again");
}

enum status signer_demand_settled(struct signer_change *job)
{
	return job->is_beside ? refuse_changing(job) : STATUS_OK;
}

/* The end of a look-up. */
static enum status end_look_up(struct signer_change *job, enum status status, uint32_t kind,
                               const uint8_t id[32])
{
	return is_changing(job, kind, id) ? refuse_changing(job) : settle(job, status);
}

enum status signer_await_wallet(struct signer_change *job, const uint8_t id[32],
                                struct signer_wallet **ret_wallet)
{
	enum status status;

	job->is_beside |= signer_group_wallet(job->signer->group, id) != NULL;
	if (job->is_beside && !job->acts_at_once)
		return refuse_changing(job);
	while ((status = signer_state_wallet(&job->signer->state, id, ret_wallet)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return settle(job, status);
}

enum status signer_await_client(struct signer_change *job, const uint8_t id[32],
                                struct signer_client **ret_client)
{
	enum status status;

	while ((status = signer_state_client(&job->signer->state, id, ret_client)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return end_look_up(job, status, CALL_STORE_VALUE_CREDENTIAL, id);
}

enum status signer_await_list(struct signer_change *job, uint32_t kind, const uint8_t after[32],
                              uint8_t ret_ids[AUTHZ_CLIENTS_MAX][32], size_t *ret_count,
                              bool *ret_more)
{
	struct signer_store *store = job->signer->store;
	struct buffer ids = {ret_ids[0], (size_t)AUTHZ_CLIENTS_MAX * 32, 0};
	enum status status;

	while ((status = signer_store_list(store, kind, after, AUTHZ_CLIENTS_MAX)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (status == STATUS_OK)
		while ((status = signer_store_listed(store, &ids, ret_more)) == STATUS_BUSY)
			if (!signer_change_turn(job))
				return STATUS_REFUSED;
	*ret_count = ids.len / 32;
	/* Damage of the list itself: pages of the file, no record. */
	return settle(job, status);
}

enum status signer_await_grant(struct signer_change *job, const uint8_t id[32],
                               struct signer_grant **ret_grant)
{
	enum status status;

	while ((status = signer_state_grant(&job->signer->state, id, ret_grant)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return settle(job, status);
}

enum status signer_await_left(struct signer_change *job, const struct signer_wallet *wallet,
                              uint64_t ret_left[LIMIT_WALLET_LIMITS_MAX])
{
	enum status status;

	while ((status = signer_state_limits_left(&job->signer->state, wallet, ret_left)) ==
	       STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return status == STATUS_CORRUPT ? status : settle(job, status);
}

enum status signer_await_factor(struct signer_change *job, const uint8_t id[32],
                                struct signer_factor **ret_factor)
{
	enum status status;

	while ((status = signer_state_factor(&job->signer->state, id, ret_factor)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return status == STATUS_NOT_FOUND ? end_look_up(job, status, CALL_STORE_VALUE_FACTOR, id)
	                                  : settle(job, status);
}

enum status signer_await_pending(struct signer_change *job, const uint8_t hash[32],
                                 struct signer_blob **ret_pending)
{
	enum status status;

	while ((status = signer_state_pending(&job->signer->state, hash, ret_pending)) ==
	       STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return end_look_up(job, status, CALL_STORE_VALUE_PENDING, hash);
}

enum status signer_await_index(struct signer_change *job, uint32_t kind, const uint8_t key[32],
                               uint8_t ret_id[32])
{
	struct signer_state *state = &job->signer->state;
	enum status status;

	for (;;) {
		if (kind == CALL_STORE_VALUE_NAME)
			status = signer_state_by_name(state, key, ret_id);
		else if (kind == CALL_STORE_VALUE_ADDRESS)
			status = signer_state_by_address(state, key, ret_id);
		else if (kind == CALL_STORE_VALUE_USER_KEY)
			status = signer_state_by_user_key(state, key, ret_id);
		else if (kind == CALL_STORE_VALUE_OWNER)
			status = signer_state_owner(state, key, ret_id);
		else
			status = signer_state_by_token(state, key, ret_id);
		if (status != STATUS_BUSY)
			return status == STATUS_NOT_FOUND ? end_look_up(job, status, kind, key)
			                                  : settle(job, status);
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	}
}

enum status signer_await_user(struct signer_change *job, const uint8_t hash[32],
                              struct signer_blob **ret_list)
{
	enum status status;

	while ((status = signer_state_user(&job->signer->state, hash, ret_list)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return status == STATUS_CORRUPT ? status
	                                : end_look_up(job, status, CALL_STORE_VALUE_USER, hash);
}

enum status signer_await_blob(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                              const uint8_t id[32], struct signer_blob **ret_blob)
{
	enum status status;

	while ((status = look_up(&job->signer->state, id, ret_blob)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return end_look_up(job, status, kind, id);
}

enum status signer_await_room(struct signer_change *job, size_t ops, size_t bytes)
{
	size_t left = SIGNER_HISTORY_RESERVE;

	ops += signer_history_ops(job);
	bytes += signer_history_bytes(job);
	if (!signer_store_holds(ops, bytes))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "this is more than one commit holds; make it in parts");
	/* What is so large that it leaves nothing goes when it has the commit for itself. */
	if (!signer_store_holds(ops, bytes + left))
		left = 0;
	while (!signer_store_room(job->signer->store, ops, bytes + left))
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return STATUS_OK;
}

enum status signer_await_commit(struct signer_change *job, uint64_t batch)
{
	while (signer_store_bound(job->signer->store) < batch)
		if (!signer_change_turn(job))
			return signer_refuse(job, CALL_RESULT_NO_ANSWER,
			                     "the store has not confirmed the change; ask for its "
			                     "state before trying again");
	return STATUS_OK;
}

enum status signer_await_receipts(struct signer_change *job)
{
	while (!signer_receipts_are_kept(job->signer->receipts))
		if (!signer_change_turn(job))
			return signer_refuse(job, CALL_RESULT_RECEIPTS_FULL,
			                     "receipts cannot be written: is the disk full? Until "
			                     "they can, only what takes power is done");
	return STATUS_OK;
}

enum status signer_await_keep(struct signer_change *job)
{
	while (!signer_keep_is_done(job->signer->keep))
		if (!signer_change_turn(job))
			return signer_refuse(job, CALL_RESULT_NO_ANSWER,
			                     "it goes on in the background; ask again to see it "
			                     "end");
	return STATUS_OK;
}

struct signer_ask signer_ask_of(struct signer_change *job)
{
	struct signer *signer = job->signer;
	struct signer_ask ask = {.need =
	                             signer_anchor_need(&signer->anchor, job->user, signer->now_ms),
	                         .lowers = !job->factors.gives};

	memcpy(ask.user, job->user, sizeof(ask.user));
	return ask;
}

enum status signer_refuse_held(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_OVERLOADED,
	                     "too many such changes wait for the next commit; try again");
}

enum status signer_await_holds(struct signer_change *job, size_t count)
{
	for (;;) {
		struct signer *signer = job->signer;
		struct signer_ask ask = signer_ask_of(job);

		if (signer_state_may_hold(&signer->state, count, &ask))
			return STATUS_OK;
		/* The next commit empties the table; one that is at the TPM may take longer. */
		if (ask.need == SIGNER_NEED_LEASE && signer_store_is_at_tpm(signer->store))
			return signer_refuse_held(job);
		(void)signer_state_hurry(&signer->state, &ask);
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	}
}

enum status signer_demand_write(struct signer_change *job)
{
	struct signer *signer = job->signer;
	uint64_t wait_s;

	if (!signer_group_has_place(signer->group, job->user))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many changes wait until they are durable; try again");
	if (signer_store_is_paid(signer->store) ||
	    signer_anchor_may_pay(&signer->anchor, job->user, signer->now_ms, &wait_s))
		return STATUS_OK;
	return wait_s != 0
	           ? signer_refuse(job, CALL_RESULT_OVERLOADED,
	                           "the TPM's writes for today are used up but for what takes "
	                           "power away; try again in %llu s",
	                           (unsigned long long)wait_s)
	           : signer_refuse(job, CALL_RESULT_OVERLOADED,
	                           "your share of the TPM's writes is used up: those left are "
	                           "others'; try again in some minutes");
}

enum status signer_take_write(struct signer_change *job)
{
	struct signer *signer = job->signer;
	enum status status = signer_demand_write(job);

	if (status == STATUS_OK)
		status = signer_factors_use(job);
	if (status != STATUS_OK || signer_store_is_paid(signer->store))
		return status;
	CHECK(signer_anchor_pay(&signer->anchor, job->user, signer->now_ms));
	signer_store_pay(signer->store);
	return STATUS_OK;
}

/* ---- running a module for a change ---- */

static void run_done(void *owner, const struct signer_check_result *result)
{
	struct signer_change *job = (struct signer_change *)owner;
	struct bytes learned = result->end == SIGNER_CHECK_REFUSED ? result->text : result->schema;

	job->run_done = true;
	job->run_end = result->end;
	job->learned_len = learned.len < sizeof(job->learned) ? learned.len : sizeof(job->learned);
	if (job->learned_len != 0)
		memcpy(job->learned, learned.data, job->learned_len);
	if (result->end == SIGNER_CHECK_ANSWERED && !job->run.learn &&
	    policy_answer_decode(result->answer, job->run.request, &job->decision) != STATUS_OK)
		job->run_end = SIGNER_CHECK_LOST;
}

static enum status run_module(void *owner, const uint8_t hash[32], struct buffer *window)
{
	struct signer_change *job = (struct signer_change *)owner;

	return memcmp(job->module_hash, hash, 32) == 0
	           ? buffer_put(window, buffer_bytes(&job->module))
	           : STATUS_NOT_FOUND;
}

enum status signer_known_module(struct signer_change *job, const uint8_t hash[32],
                                const char **ret_name)
{
	const char *name = policy_known_name(hash);
	enum status status;

	if (name == NULL && job->known_name[0] != '\0' && memcmp(job->known_hash, hash, 32) == 0)
		name = job->known_name;
	*ret_name = name;
	if (name != NULL)
		return STATUS_OK;
	status = signer_need_module(job, hash);
	if (status != STATUS_OK)
		return status;
	name = policy_intent_name(buffer_bytes(&job->module));
	if (name == NULL || strlen(name) >= sizeof(job->known_name))
		return STATUS_OK;
	memcpy(job->known_hash, hash, 32);
	memcpy(job->known_name, name, strlen(name) + 1);
	job->known_gives = policy_intent_gives_accounts(buffer_bytes(&job->module));
	*ret_name = job->known_name;
	return STATUS_OK;
}

enum authz_module_kind signer_module_kind(bool is_known, const uint8_t hash[32])
{
	if (!is_known)
		return AUTHZ_MODULE_CUSTOM;
	return policy_ships(hash) ? AUTHZ_MODULE_SHIPPED : AUTHZ_MODULE_INTENT;
}

/* Runs job->run and waits for its end. Changes run before the module's hash is on any grant, so
 * what runs here counts as custom code of whoever asked, on trial, unless it is known. */
static enum status run(struct signer_change *job, const uint8_t hash[32])
{
	struct signer *signer = job->signer;
	const char *name;
	enum status status = signer_need_module(job, hash);

	if (status == STATUS_OK)
		status = signer_known_module(job, hash, &name);
	if (status != STATUS_OK)
		return status;
	job->run.owner = job;
	job->run.done = run_done;
	job->run.module = run_module;
	job->run.custom = job->run.trial = name == NULL;
	memcpy(job->run.module_hash, hash, 32);
	memcpy(job->run.user, job->run_user, sizeof(job->run.user));
	keys_random(job->run.ticket, sizeof(job->run.ticket));
	job->run_done = false;
	while (signer_check_begin(signer->check, &job->run, signer->now_ms) != STATUS_OK)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	while (!job->run_done) /* bounded by the verifier's own deadline */
		signer_turn(signer);
	switch (job->run_end) {
	case SIGNER_CHECK_ANSWERED:
		return STATUS_OK;
	case SIGNER_CHECK_REFUSED:
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "the module is refused: %.*s",
		                     (int)job->learned_len, (const char *)job->learned);
	case SIGNER_CHECK_TRAPPED:
		return signer_refuse(job, CALL_RESULT_POLICY_TRAPPED,
		                     "the module trapped while it described its parameters");
	case SIGNER_CHECK_OUT_OF_FUEL:
		return signer_refuse(job, CALL_RESULT_POLICY_OUT_OF_FUEL,
		                     "the module ran out of fuel while it described its "
		                     "parameters");
	case SIGNER_CHECK_LOST:
		break;
	}
	return signer_refuse(job, CALL_RESULT_VERIFIER_FAILED,
	                     "the verifier was lost, or the module's answer breaks the ABI");
}

enum status signer_learn_module(struct signer_change *job, const uint8_t hash[32])
{
	job->run = (struct signer_check_run){.learn = true};
	return run(job, hash);
}

/* What the module says about the parameters of one grant body, for one wallet. */
static enum status describe_grant(struct signer_change *job, const struct authz_grant_body *body,
                                  const struct authz_wallet_record *wallet, struct bytes *ret_text)
{
	struct policy_counter counters[LIMIT_COUNTERS_MAX];
	struct buffer record = BUFFER_OF_ARRAY(job->record), area = BUFFER_OF_ARRAY(job->area);
	struct policy_input input = {.mode = POLICY_MODE_DESCRIBE_GRANT,
	                             .wallet = wallet->address,
	                             .counters = counters,
	                             .counter_count = body->counter_count,
	                             .atas = &job->atas,
	                             .ownership_proven = !wallet->ownership_lost,
	                             .sha256 = keys_sha256};
	struct policy_error error;
	uint32_t derivations;
	size_t start = job->texts.len;
	enum status status = signer_learn_module(job, body->module);

	if (status != STATUS_OK)
		return status;
	if (!bytes_equal(body->schema, bytes_of(job->learned, job->learned_len)))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the schema in the grant is not the module's own");
	if (policy_schema_decode(body->schema, &job->schema, &error) != STATUS_OK ||
	    policy_record_encode(&job->schema, body->parameters, &record, &error) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "parameters: %s", error.text);
	if (policy_derive(&job->schema, buffer_bytes(&record), wallet->address, keys_sha256,
	                  &job->atas) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the parameters name too many token accounts");
	for (size_t i = 0; i < body->counter_count; i++) {
		const struct authz_counter_rule *rule = &body->counters[i];

		counters[i] =
		    (struct policy_counter){.unit = rule->unit,
		                            .window = (uint32_t)rule->window - AUTHZ_WINDOW_TOTAL,
		                            .cap = rule->cap,
		                            .left = rule->cap};
		memcpy(counters[i].mint, rule->mint, 32);
	}
	input.record = buffer_bytes(&record);
	status = policy_request_encode(&input, &area, &derivations);
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the grant is too large to be shown to the module");
	job->run = (struct signer_check_run){.what = CALL_CHECK_WHAT_DESCRIBE,
	                                     .fuel = LIMIT_FUEL_PER_DESCRIPTION,
	                                     .request = buffer_bytes(&area)};
	keys_sha256(&job->run.request, 1, job->run.request_hash);
	status = run(job, body->module);
	if (status != STATUS_OK)
		return status;
	if (!verdict_allows(job->decision.verdict))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the module refuses these parameters: %s", job->decision.text);
	if (policy_answer_is_cut(&job->decision))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "what the module says of these parameters takes more than %d "
		                     "bytes, and nobody can sign what is not shown: name less in "
		                     "lists, or grant in parts",
		                     POLICY_DESCRIPTION_MAX);
	status = buffer_put(&job->texts, bytes_of(job->decision.text, job->decision.text_len));
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the description is longer than a person would read; grant "
		                     "fewer wallets at a time");
	*ret_text = bytes_of(job->texts.data + start, job->texts.len - start);
	return status;
}

/* When a signature on a durable nonce is used nobody here knows: what a window counts would be of
 * another time (A18). */
static enum status check_nonces(struct signer_change *job, const struct authz_grant_body *body)
{
	for (size_t i = 0; i < body->counter_count && body->nonce_account_count != 0; i++)
		if (body->counters[i].window != AUTHZ_WINDOW_TOTAL)
			return signer_refuse(
			    job, CALL_RESULT_CHANGE_REFUSED,
			    "a grant with nonce accounts has limits in total only: its "
			    "signatures do not expire, so an hour or a day says "
			    "nothing about when they are used");
	return STATUS_OK;
}

enum status signer_describe(struct signer_change *job)
{
	const struct authz_change *change = &job->change;
	enum status status = STATUS_OK;

	job->texts.len = 0;
	job->description.len = 0;
	for (size_t at = 0; at < change->entry_count; at++) {
		struct authz_shown *shown = &job->shown[at];
		const struct authz_wallet_record *wallet = &job->wallets[at];

		*shown = (struct authz_shown){.name = bytes_of(wallet->name, wallet->name_len),
		                              .limits = wallet->limits,
		                              .limit_count = wallet->limit_count};
		memcpy(shown->address, wallet->address, 32);
	}
	if (change->action == AUTHZ_ACTION_LIMIT)
		status = signer_show_caps(job);
	if (status != STATUS_OK)
		return status;
	for (size_t at = 0; change->action == AUTHZ_ACTION_GRANT && at < change->entry_count;
	     at = authz_same_body_end(change, at)) {
		static struct authz_grant_body body;
		const char *name;

		if (authz_grant_take(change->entries[at].body, &body) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "bad grant");
		status = signer_known_module(job, body.module, &name);
		if (status == STATUS_OK)
			status = check_nonces(job, &body);
		if (status == STATUS_OK)
			status = describe_grant(job, &body, &job->wallets[at],
			                        &job->shown[at].module_text);
		if (status != STATUS_OK)
			return status;
		job->shown[at].module_kind = signer_module_kind(name != NULL, body.module);
		/* Names of intents are in the job, and another grant of this change may have
		 * another. */
		struct bytes called = bytes_of_text(name != NULL ? name : "");
		job->shown[at].module_name = bytes_of(job->texts.data + job->texts.len, called.len);
		if (buffer_put(&job->texts, called) != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the description is too long");
	}
	status = authz_describe(change, job->shown, &job->description);
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the description is longer than a person would read; grant "
		                     "fewer wallets at a time");
	return STATUS_OK;
}

/* ---- one change ---- */

/* Loads the wallets of the change; those that are to be born must not be there. */
enum status signer_load_wallets(struct signer_change *job)
{
	bool is_birth = authz_action_is_birth(job->change.action);

	for (size_t i = 0; i < job->change.entry_count; i++) {
		const uint8_t *id = job->change.entries[i].wallet;
		struct signer_wallet *wallet;
		enum status status;

		status = signer_await_wallet(job, id, &wallet);

		if (status == STATUS_REFUSED)
			return status;
		if (is_birth != (status == STATUS_NOT_FOUND))
			return signer_refuse(job, CALL_RESULT_CONFLICT,
			                     is_birth ? "a wallet of this id exists already"
			                              : "no such wallet");
		memset(&job->wallets[i], 0, sizeof(job->wallets[i]));
		if (status == STATUS_OK)
			job->wallets[i] = wallet->record;
	}
	return STATUS_OK;
}

bool signer_has_expired(struct signer_change *job, uint64_t expires_s, bool lowers)
{
	struct signer_time_now now = signer_time_read(&job->signer->time);

	return expires_s <= (lowers ? now.low_s : now.high_s);
}

static enum status take_change(struct signer_change *job, struct bytes payload)
{
	struct signer *signer = job->signer;

	if (authz_signed_change_take(payload, &job->given) != STATUS_OK ||
	    authz_change_take(job->given.change, &job->change) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a well-formed change of a version known here");
	if (memcmp(job->change.deployment, signer->deployment, 32) != 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the change is for another deployment");
	if (signer_has_expired(job, job->change.expires_s, signer_change_lowers(&job->change)))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the change has expired; prepare it anew");
	return signer_load_wallets(job);
}

static enum status prepare(struct signer_change *job, struct bytes payload)
{
	enum status status = take_change(job, payload);

	if (status == STATUS_OK)
		status = signer_describe(job);
	if (status == STATUS_OK)
		status = authz_prepare_answer_put(buffer_bytes(&job->description), &job->answer);
	return status;
}

/* The state is the one that the change was made for. */
static enum status check_state(struct signer_change *job)
{
	const struct authz_change *change = &job->change;

	for (size_t i = 0; i < change->entry_count; i++) {
		const struct authz_change_entry *entry = &change->entries[i];

		if (authz_action_is_birth(change->action))
			continue;
		if (entry->has_previous &&
		    memcmp(entry->previous, job->wallets[i].authority, 32) != 0)
			return signer_refuse(
			    job, CALL_RESULT_CONFLICT,
			    "wallet %zu has changed since; prepare the change anew", i + 1);
		if (!entry->has_previous && !authz_action_reduces(change->action) &&
		    change->action != AUTHZ_ACTION_LIMIT)
			return signer_refuse(
			    job, CALL_RESULT_REQUEST_MALFORMED,
			    "a change that raises power names the state it is for");
	}
	return STATUS_OK;
}

void signer_take_user(struct signer_change *job)
{
	if (authz_action_is_birth(job->change.action))
		return;
	authz_user_id(&job->wallets[0].user_keys[0], job->user);
	job->user[0] ^= job->factors.gives;
}

static enum status submit(struct signer_change *job, struct bytes payload)
{
	enum status status = take_change(job, payload);

	/* Who may do it at all comes first: what is said of a wallet's state is for those. */
	if (status == STATUS_OK)
		status = signer_describe(job);
	if (status == STATUS_OK)
		status = signer_factors_verify_signatures(job);
	if (status == STATUS_OK)
		status = signer_factors_rule(job);
	if (status == STATUS_OK)
		signer_take_user(job);
	if (status == STATUS_OK && job->factors.gives)
		status = signer_demand_time(job);
	if (status == STATUS_OK && job->factors.gives)
		status = signer_demand_room(job);
	if (status == STATUS_OK && job->factors.gives)
		status = signer_demand_write(job);
	if (status == STATUS_OK)
		status = check_state(job);
	if (status == STATUS_OK)
		status = signer_history_begin(job);
	if (status == STATUS_OK)
		status = signer_factors_verify(job);
	/* Rendering the text took turns. Changes are worked on one at a time, so none but those
	 * that wait for their commit can have changed wallets meanwhile: what does not wait for
	 * them looks at them again (signer_lower_wallets). */
	if (status != STATUS_OK)
		return status;
	if (job->factors.delay_s == 0)
		return signer_apply(job);
	/* What cannot be done is refused now, not when its time has come (M6 of the review). */
	status = signer_check_apply(job);
	if (status == STATUS_OK)
		status = signer_load_wallets(job);
	return status == STATUS_OK ? signer_pending_begin(job) : status;
}

/* ---- requests ---- */

static enum status dispatch(struct signer_change *job, uint32_t kind, struct bytes payload)
{
	switch (kind) {
	case CALL_CHANGE_PREPARE:
		return prepare(job, payload);
	case CALL_CHANGE_SUBMIT:
		return submit(job, payload);
	case CALL_CHANGE_MODULE_ADD:
		return signer_add_module(job, payload);
	case CALL_CHANGE_CREDENTIAL:
		return signer_add_credential(job, payload);
	case CALL_CHANGE_OPERATOR:
		return signer_obey_operator(job, payload);
	case CALL_CHANGE_QUERY:
		return signer_answer_query(job, payload);
	case CALL_CHANGE_COMPLETE:
		return signer_pending_complete(job, payload);
	case CALL_CHANGE_SESSION:
		return signer_open_session(job, payload);
	case CALL_CHANGE_READ:
		return signer_read(job, payload);
	case CALL_CHANGE_ENROLL:
		return signer_enroll(job, payload);
	case CALL_CHANGE_INSTALL:
		return signer_install(job, payload);
	case CALL_CHANGE_UPDATE:
		return signer_update_piece(job, payload);
	case CALL_CHANGE_TIME:
		return signer_answer_time(job, payload);
	default:
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED, "unknown request");
	}
}

/* An authority that is busy opening envelopes gets some time to take its answers; one that is gone,
 * or takes none, loses the answer, not the change. */
static void send_answer(struct signer *signer, const struct signer_change *job)
{
	uint64_t since_ms = signer->now_ms;

	while (job->request != 0 &&
	       ipc_put(signer->authority, CALL_CHANGE_ANSWER, buffer_bytes(&job->message)) ==
	           STATUS_BUSY &&
	       signer->now_ms - since_ms < SIGNER_ANSWER_WAIT_MS)
		signer_turn(signer);
}

void signer_change_request(struct signer *signer, struct bytes message)
{
	struct signer_change *job = signer->change;
	struct call_change_request head;
	struct call_change_answer reply = {.reserved = 0};
	struct bytes payload;
	enum status status;

	CHECK(message.len >= sizeof(head));
	memcpy(&head, message.data, sizeof(head));
	payload = bytes_of(message.data + sizeof(head), message.len - sizeof(head));
	job->request = head.id;
	job->began_ms = signer->now_ms = signer_time_ms();
	job->came_ms = signer_waiting_came_ms(signer->waiting);
	job->less = signer_request_kind(message) == SIGNER_REQUEST_LESS;
	job->acts_at_once = signer_request_acts_at_once(message);
	job->is_beside = false;
	job->answer.len = job->module.len = job->lists.len = job->stored.len = 0;
	job->list_count = 0;
	signer_history_reset(job);
	job->refusal = (struct signer_refusal){.result = CALL_RESULT_INTERNAL};
	job->factors = (struct signer_factors){.gives = false}; /* nothing was used for this one */
	memset(job->user, 0, sizeof(job->user));
	memset(job->completes, 0, sizeof(job->completes));
	keys_random(job->run_user, sizeof(job->run_user));
	status = dispatch(job, head.kind, payload);
	reply.id = head.id;
	reply.result = (uint32_t)(status == STATUS_OK ? STATUS_OK : STATUS_REFUSED);
	if (status != STATUS_OK) {
		job->answer.len = 0;
		CHECK(authz_refusal_put(bytes_of_text(call_result_code(job->refusal.result)),
		                        bytes_of_text(job->refusal.text[0] != '\0'
		                                          ? job->refusal.text
		                                          : call_result_text(job->refusal.result)),
		                        &job->answer) == STATUS_OK);
	}
	job->message.len = 0;
	CHECK(buffer_put(&job->message, bytes_of(&reply, sizeof(reply))) == STATUS_OK &&
	      buffer_put(&job->message, buffer_bytes(&job->answer)) == STATUS_OK);
	send_answer(signer, job);
	job->request = 0;
	/* SESSION answers with a secret; the slots are wiped when it was taken. */
	signer->told_secret |= head.kind == CALL_CHANGE_SESSION;
	secret_wipe(job->answer.data, job->answer.len);
	secret_wipe(job->message.data, job->message.len);
}
