/* signer_admin: what comes through the authority besides changes: credentials of clients,
 * operators' commands, questions. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "proc_boot.h"
#include "signer_backup.h"
#include "signer_change.h"
#include "signer_decisions.h"
#include "signer_group.h"
#include "signer_keep.h"
#include "signer_site.h"
#include "signer_sweep.h"

enum status signer_demand_room(struct signer_change *job)
{
	if (!signer_store_is_full(job->signer->store))
		return STATUS_OK;
	return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE,
	                     "the signer's disk is full: what takes power away goes on, nothing "
	                     "else; its operator makes room");
}

/* ---- clients ---- */

enum status signer_add_credential(struct signer_change *job, struct bytes payload)
{
	struct signer *signer = job->signer;
	struct authz_credential given;
	static const struct authz_submit_answer done;
	struct signer_client *known;
	uint8_t owner[32];
	bool is_new;
	enum status status;

	if (authz_credential_open(payload, &given) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a credential signed by the root key that it names");
	if (memcmp(given.deployment, signer->deployment, 32) != 0)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the credential is for another deployment");
	if (given.kind != AUTHZ_CREDENTIAL_TOKEN)
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED,
		                     "only tokens are taken as credentials");
	status = signer_demand_room(job);
	if (status == STATUS_OK)
		status = signer_demand_write(job);
	if (status != STATUS_OK)
		return status;
	authz_client_id(given.root_key, job->client.id);
	status = signer_await_client(job, job->client.id, &known);
	if (status == STATUS_OK && known->record.serial >= given.serial)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "a credential with serial %llu is in force; a new one needs a "
		                     "higher serial",
		                     (unsigned long long)known->record.serial);
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	job->client.frozen = status == STATUS_OK && known->record.frozen;
	job->client.frozen_by = job->client.frozen ? known->record.frozen_by : 0;
	is_new = status == STATUS_NOT_FOUND;
	if (is_new && signer->totals.clients >= LIMIT_CLIENTS_MAX)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "%d clients are registered, as many as one deployment takes",
		                     LIMIT_CLIENTS_MAX);
	if (!signer_budget_take(&job->credentials, LIMIT_CREDENTIALS_PER_MINUTE, signer->now_ms))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many credentials at once; try again in a minute");
	status = signer_await_index(job, CALL_STORE_VALUE_TOKEN, given.hash, owner);
	if (status == STATUS_OK && memcmp(owner, job->client.id, 32) != 0)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "this token is another client's; make a random one");
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	memcpy(job->client.root_key, given.root_key, 32);
	job->client.serial = given.serial;
	memcpy(job->client.token_hash, given.hash, 32);
	job->client.expires_s = given.expires_s;
	status = signer_await_room(job, 2, SIGNER_RECORD_ROOM(AUTHZ_CLIENT_RECORD_MAX) + 128);
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	/* A ceiling or an operator may have frozen it since it was looked at. */
	known = (struct signer_client *)signer_cache_find(&signer->state.clients, job->client.id);
	if (known != NULL && known->head.state == SIGNER_CACHED_READY && known->record.frozen) {
		job->client.frozen = true;
		job->client.frozen_by = known->record.frozen_by;
	}
	signer_state_put(&signer->state, CALL_STORE_VALUE_TOKEN, given.hash,
	                 bytes_of(job->client.id, 32));
	signer_state_put_client(&signer->state, &job->client);
	signer->totals.clients += is_new;
	signer_group_add(job, (struct signer_made){.client = true}, &done);
	return STATUS_OK;
}

/* ---- operators ---- */

#define END_AFTER_MS 500

/* What the next start is to find wears the disks, and an image firmware's variables, too. */
#define INSTALLS_PER_HOUR 12

/* The serial of an operator's last command; NULL: he is none. */
static uint64_t *serial_of(struct signer *signer, const uint8_t key[32])
{
	for (size_t i = 0; i < signer->operator_count; i++)
		if (memcmp(signer->operators[i], key, 32) == 0)
			return &signer->operator_serials[i];
	return NULL;
}

bool signer_is_operator(struct signer *signer, const uint8_t key[32])
{
	return serial_of(signer, key) != NULL;
}

static enum status freeze_client(struct signer_change *job, const uint8_t id[32])
{
	const struct authz_client_record *next;
	struct authz_client_record frozen;
	struct signer_client *client;
	struct signer_ask ask;
	enum status status = signer_await_holds(job, 1);

	if (status == STATUS_OK)
		status = signer_await_client(job, id, &client);
	if (status == STATUS_REFUSED)
		return status;

	/* One whose first credential is on its way is no client yet, and begins frozen. */
	next = signer_group_client(job->signer->group, id);
	if (status == STATUS_NOT_FOUND && next == NULL)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "no such client");
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return status;
	frozen = status == STATUS_OK ? client->record : *next;
	if (status == STATUS_OK && next == NULL && frozen.frozen &&
	    frozen.frozen_by == AUTHZ_FROZEN_BY_OPERATOR)
		return STATUS_OK;
	frozen.frozen = true;
	frozen.frozen_by = AUTHZ_FROZEN_BY_OPERATOR;
	ask = signer_ask_of(job);
	return signer_state_lower_client(&job->signer->state, &frozen, &ask) == STATUS_OK
	           ? STATUS_OK
	           : signer_refuse_held(job);
}

static enum status unfreeze_client(struct signer_change *job, const uint8_t id[32])
{
	static const struct authz_submit_answer done;
	struct signer *signer = job->signer;
	struct signer_client *client;
	enum status status = signer_await_room(job, 1, SIGNER_RECORD_ROOM(AUTHZ_CLIENT_RECORD_MAX));

	if (status == STATUS_OK)
		status = signer_await_client(job, id, &client);
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "no such client");
	if (status == STATUS_OK && signer_group_client(signer->group, id) != NULL)
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "its new credential is on its way; try again");
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	job->client = client->record;
	job->client.frozen = false;
	job->client.frozen_by = 0;
	signer_ceiling_forget(&signer->ceiling, id);
	signer_state_put_client(&signer->state, &job->client);
	signer_group_add(job, (struct signer_made){.client = true}, &done);
	return STATUS_OK;
}

/* One that holds already is written once. */
static enum status freeze_all(struct signer_change *job)
{
	static const struct authz_submit_answer done;
	struct signer *signer = job->signer;

	if (!signer->totals.frozen) {
		signer->frozen_batch = signer_store_touch(signer->store);
		signer_store_lowers(signer->store);
	}
	signer->frozen = signer->totals.frozen = true;
	return signer_group_add_lowered(job, signer->frozen_batch, &done);
}

static enum status unfreeze_all(struct signer_change *job)
{
	static const struct authz_submit_answer done;
	struct signer *signer = job->signer;
	enum status status = signer_take_write(job);

	if (status != STATUS_OK)
		return status;
	signer->totals.frozen = false;
	signer_store_mark(signer->store);
	signer_group_add(job, (struct signer_made){.thaws_all = true}, &done);
	return STATUS_OK;
}

/* A start and the stop before it are writes of the TPM, so who restarts the machine again and again
 * has his share of them and no more; who switches it off does so once. */
static enum status end_machine(struct signer_change *job, uint8_t action)
{
	static const struct authz_submit_answer done;
	struct signer *signer = job->signer;
	enum status status = STATUS_OK;

	if (strcmp(proc_setting(signer->proc, "mode"), "appliance") != 0)
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED,
		                     "this signer is no appliance: stop it where it runs");
	if (action == AUTHZ_COMMAND_RESTART)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	signer->end_code = action == AUTHZ_COMMAND_OFF ? PROC_EXIT_OFF : PROC_EXIT_RESTART;
	signer->end_ms = signer->now_ms + END_AFTER_MS; /* the answer goes first */
	return signer_group_add_lowered(job, signer_store_touch(signer->store), &done);
}

/* Deletes receipts of before a time, which may not lie ahead: that would be all of them. */
static enum status trim_receipts(struct signer_change *job, const struct authz_command *command)
{
	struct signer *signer = job->signer;
	uint64_t before_s = __builtin_bswap64(load_le64(command->target));

	if (before_s > signer_time_read(&signer->time).low_s)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "that time has not come yet: it would delete all receipts");
	signer_keep_trim(signer->keep, before_s);
	return signer_await_keep(job);
}

/* admit_command takes a command that an operator may give now, and each only once. */
static enum status admit_command(struct signer_change *job, struct bytes payload,
                                 struct authz_command *ret_command)
{
	struct signer *signer = job->signer;
	struct authz_command command;
	enum status status = STATUS_OK;
	bool lowers;
	uint64_t *serial;

	if (authz_command_open(payload, &command) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a command signed by the key that it names");
	serial = serial_of(signer, command.operator_key);
	if (memcmp(command.deployment, signer->deployment, 32) != 0 || serial == NULL)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "not an operator of this deployment");
	if (command.serial <= *serial)
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "serial %llu was used; your next command needs a higher one",
		                     (unsigned long long)*serial);
	lowers = command.action == AUTHZ_COMMAND_FREEZE_CLIENT ||
	         command.action == AUTHZ_COMMAND_FREEZE_ALL;
	if (signer_has_expired(job, command.expires_s, lowers))
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "the command has expired");
	if (command.action == AUTHZ_COMMAND_UNFREEZE_CLIENT ||
	    command.action == AUTHZ_COMMAND_UNFREEZE_ALL)
		status = signer_await_receipts(job);
	if (status != STATUS_OK)
		return status;
	*ret_command = command;
	*serial = command.serial;
	/* As with users: freezes have a share of their own. */
	memcpy(job->user, command.operator_key, sizeof(job->user));
	job->user[0] ^= !lowers;
	job->signer->update.is_proven = true;
	return STATUS_OK;
}

enum status signer_obey_operator(struct signer_change *job, struct bytes payload)
{
	static const struct authz_submit_answer done;
	struct authz_command command;
	enum status status = admit_command(job, payload, &command);

	if (status != STATUS_OK)
		return status;
	switch ((enum authz_command_action)command.action) {
	case AUTHZ_COMMAND_FREEZE_CLIENT:
		status = freeze_client(job, command.target);
		break;
	case AUTHZ_COMMAND_UNFREEZE_CLIENT:
		return unfreeze_client(job, command.target);
	case AUTHZ_COMMAND_FREEZE_ALL:
		return freeze_all(job);
	case AUTHZ_COMMAND_UNFREEZE_ALL:
		return unfreeze_all(job);
	case AUTHZ_COMMAND_TRIM_RECEIPTS:
		status = trim_receipts(job, &command);
		break;
	case AUTHZ_COMMAND_RESTART:
	case AUTHZ_COMMAND_OFF:
		return end_machine(job, command.action);
	case AUTHZ_COMMAND_INSTALL_SITE:
	case AUTHZ_COMMAND_INSTALL_APPROVALS:
	case AUTHZ_COMMAND_INSTALL_CERTIFICATE:
	case AUTHZ_COMMAND_UPDATE:
	case AUTHZ_COMMAND_COUNT:
		status = signer_refuse(job, CALL_RESULT_UNSUPPORTED, "unknown command");
		break;
	}
	return status == STATUS_OK ? signer_group_add_lowered(job, 0, &done) : status;
}

/* ---- what the next start is to find ---- */

enum status signer_keep_serial(struct signer_change *job)
{
	struct signer_store *store = job->signer->store;
	enum status status = signer_take_write(job);

	if (status != STATUS_OK)
		return status;
	signer_store_mark(store);
	return signer_await_commit(job, signer_store_gathering(store));
}

/* put_item replaces a small file of the data disk and waits until it is durable. */
static enum status put_item(struct signer_change *job, uint32_t part, struct bytes content)
{
	enum status status;

	while ((status = signer_store_put_item(job->signer->store, part, content, &job->item)) ==
	       STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	while (status == STATUS_OK && !job->item.is_done)
		if (!signer_change_turn(job))
			return signer_refuse(
			    job, CALL_RESULT_NO_ANSWER,
			    "the data disk has not confirmed it: it may be there at "
			    "the next start, or not");
	if (status == STATUS_OK)
		status = job->item.status;
	if (status == STATUS_TOO_LARGE)
		return signer_refuse(job, CALL_RESULT_BODY_TOO_LARGE, "too long for its place");
	return status == STATUS_OK ? STATUS_OK
	                           : signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE,
	                                           "the data disk does not take it");
}

/* ask_bridge has the bridge, which alone can, judge a CA's chain; it shows one that holds. */
static enum status ask_bridge(struct signer_change *job, struct bytes chain)
{
	struct signer *signer = job->signer;
	enum status status;

	keys_sha256(&chain, 1, signer->chain_asked.hash);
	signer->chain_judged = false;
	while ((status = ipc_put(signer->bridge, CALL_BRIDGE_CERTIFICATE, chain)) == STATUS_BUSY)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_OVERLOADED, "the bridge is starting");
	while (!signer->chain_judged)
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
	return signer->chain_asked.holds == 1
	           ? STATUS_OK
	           : signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
	                           "no chain that may be shown here (the log says why); the "
	                           "former stays");
}

/* put_chain keeps a CA's chain that holds among the records; the bridge hears of it at each of its
 * starts. */
static enum status put_chain(struct signer_change *job, struct bytes chain)
{
	struct signer *signer = job->signer;
	uint8_t id[32] = {SIGNER_META_CHAIN};
	uint64_t batch;
	enum status status;

	if (chain.len == 0 || chain.len > sizeof(signer->chain))
		return signer_refuse(job, CALL_RESULT_BODY_TOO_LARGE,
		                     "a chain to be kept has at most %u bytes", CALL_TLS_PEM_MAX);
	status = ask_bridge(job, chain);
	if (status == STATUS_OK)
		status = signer_await_room(job, 1, SIGNER_RECORD_ROOM(chain.len));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	batch = signer_state_put(&signer->state, CALL_STORE_VALUE_META, id, chain);
	status = signer_await_commit(job, batch);
	if (status != STATUS_OK)
		return status;
	memcpy(signer->chain, chain.data, chain.len);
	signer->chain_len = chain.len;
	signer->bridge_told = false; /* it may be another bridge by now */
	return STATUS_OK;
}

/* put_installed puts what a command names where it belongs. */
static enum status put_installed(struct signer_change *job, uint8_t action, struct bytes content)
{
	uint32_t part = CALL_STORE_PART_APPROVALS;
	const char *why;
	enum status status = STATUS_OK;

	if (action == AUTHZ_COMMAND_INSTALL_CERTIFICATE)
		return put_chain(job, content);
	if (action == AUTHZ_COMMAND_INSTALL_SITE) {
		part = CALL_STORE_PART_SITE;
		why = signer_site_judge(job->signer, content);
		if (why != NULL)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "%s", why);
	} else {
		status = signer_update_judge(job, content);
	}
	if (status == STATUS_OK)
		status = signer_keep_serial(job);
	return status == STATUS_OK ? put_item(job, part, content) : status;
}

static bool installs(uint8_t action)
{
	return action == AUTHZ_COMMAND_INSTALL_SITE || action == AUTHZ_COMMAND_INSTALL_APPROVALS ||
	       action == AUTHZ_COMMAND_INSTALL_CERTIFICATE || action == AUTHZ_COMMAND_UPDATE;
}

enum status signer_install(struct signer_change *job, struct bytes payload)
{
	struct signer *signer = job->signer;
	struct authz_submit_answer answer = {.seq = 0};
	struct authz_install install;
	struct authz_command command;
	struct signer_budget *budget;
	uint8_t hash[32];
	enum status status;

	if (authz_install_take(payload, &install) != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a command with what it installs");
	status = admit_command(job, install.command, &command);
	if (status != STATUS_OK)
		return status;
	keys_sha256(&install.content, 1, hash);
	if (!installs(command.action) || memcmp(command.target, hash, sizeof(hash)) != 0)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "the command is for something else");
	if (strcmp(proc_setting(signer->proc, "mode"), "appliance") != 0)
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED,
		                     "this signer is no appliance: its files are where it was "
		                     "started");
	budget =
	    &signer->installs[serial_of(signer, command.operator_key) - signer->operator_serials];
	if (!signer_budget_take(budget, INSTALLS_PER_HOUR, signer->now_ms / 60))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many orders in an hour, and each wears the disks; try "
		                     "again in some minutes");
	status = command.action == AUTHZ_COMMAND_UPDATE
	             ? signer_update_begin(job, install.content, hash)
	             : put_installed(job, command.action, install.content);
	if (status != STATUS_OK)
		return status;
	answer.seq = signer_store_seq(signer->store);
	return authz_submit_answer_put(&answer, &job->answer);
}

/* ---- questions ---- */

/* One answer for what does not exist and what this key may not see (U6). */
static enum status not_visible(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_NOT_FOUND, "nothing of that id is visible to you");
}

static bool may_see(const struct signer_change *job, const struct authz_wallet_record *wallet,
                    const uint8_t key[32])
{
	for (size_t i = 0; i < wallet->user_key_count; i++)
		if (memcmp(wallet->user_keys[i].key, key, 32) == 0)
			return true;
	/* Who has the recovery key sees what he may freeze, cancel and give other factors. */
	return (wallet->has_recovery && memcmp(wallet->recovery, key, 32) == 0) ||
	       signer_is_operator(job->signer, key);
}

/* await_visible finds the wallet that a question is about, or of: every question of wallets comes
 * by here, and what its key may not see is refused as what is not there is. */
static enum status await_visible(struct signer_change *job, const uint8_t id[32],
                                 const struct authz_query *query, struct signer_wallet **ret_wallet)
{
	enum status status = signer_await_wallet(job, id, ret_wallet);

	if (status == STATUS_NOT_FOUND ||
	    (status == STATUS_OK && !may_see(job, &(*ret_wallet)->record, query->key)))
		return not_visible(job);
	return status;
}

/* The target is the hash of a wallet's name, its address, or its id, looked for in this order: an
 * id is its maker's choice, also the hash of somebody else's name. */
static enum status query_wallet(struct signer_change *job, const struct authz_query *query)
{
	static const uint32_t indexes[] = {CALL_STORE_VALUE_NAME, CALL_STORE_VALUE_ADDRESS};
	struct signer_wallet *wallet;
	enum status status = STATUS_NOT_FOUND;
	uint64_t left[LIMIT_WALLET_LIMITS_MAX] = {0};
	uint8_t id[32];

	for (size_t i = 0; i < 2 && status == STATUS_NOT_FOUND; i++)
		status = signer_await_index(job, indexes[i], query->target, id);
	if (status == STATUS_NOT_FOUND)
		memcpy(id, query->target, 32);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = await_visible(job, id, query, &wallet);
	if (status != STATUS_OK)
		return status;
	wallet->head.pins++;
	status = signer_await_left(job, wallet, left);
	wallet->head.pins--;
	/* A damaged count stops signatures, not who wants to see and freeze the wallet. */
	if (status != STATUS_OK && status != STATUS_CORRUPT)
		return status;
	job->wallets[0] = wallet->record;
	job->wallets[0].has_left = wallet->record.limit_count != 0 && status == STATUS_OK;
	memcpy(job->wallets[0].left, left, sizeof(left));
	job->wallets[0].sealed_key_len = 0;
	memset(job->wallets[0].sealed_key, 0, sizeof(job->wallets[0].sealed_key));
	job->wallets[0].changed = 0; /* the signer's own business */
	for (size_t i = 0; i < job->wallets[0].pending_count; i++)
		job->wallets[0].pending[i].opens_s =
		    signer_pending_opens(job->signer, &job->wallets[0].pending[i]);
	return authz_wallet_put(&job->wallets[0], &job->answer);
}

static enum status query_grant(struct signer_change *job, const struct authz_query *query)
{
	static struct authz_grant_answer answer;
	struct signer *signer = job->signer;
	struct signer_wallet *wallet;
	struct signer_grant *grant;
	uint64_t now = signer_time_read(&signer->time).low_s;
	enum status status;

	/* The wallet first: a grant is only ever loaded beside its wallet. `after` names it. */
	status = await_visible(job, query->after, query, &wallet);
	if (status != STATUS_OK)
		return status;
	wallet->head.pins++;
	status = signer_await_grant(job, query->target, &grant);
	wallet->head.pins--;
	if (status == STATUS_NOT_FOUND)
		return not_visible(job);
	if (status != STATUS_OK)
		return status;
	if (memcmp(grant->record.wallet, query->after, 32) != 0)
		return not_visible(job);
	answer = (struct authz_grant_answer){.grant = grant->record,
	                                     .left_count = grant->meter.lease.count};
	for (size_t i = 0; i < grant->meter.lease.count; i++)
		answer.left[i] = authz_counter_left(&grant->meter.rules[i],
		                                    &grant->meter.lease.counters[i], now);
	for (size_t i = 0; i < wallet->record.grant_count; i++)
		if (memcmp(wallet->record.grants[i].grant, grant->record.id, 32) == 0)
			answer.live = wallet->record.grants[i].live;
	memcpy(answer.outstanding.grant, grant->record.id, 32);
	answer.outstanding.rows =
	    bytes_of(grant->meter.lease.nonces,
	             grant->meter.lease.nonce_count * sizeof(grant->meter.lease.nonces[0]));
	answer.outstanding.before = grant->meter.lease.nonces_before;
	return authz_grant_answer_put(&answer, &job->answer);
}

static enum status query_decisions(struct signer_change *job, const struct authz_query *query)
{
	struct signer_wallet *wallet;
	enum status status = await_visible(job, query->target, query, &wallet);

	return status == STATUS_OK ? signer_decisions_query(job, query) : status;
}

static enum status query_changes(struct signer_change *job, const struct authz_query *query)
{
	struct signer_wallet *wallet;
	enum status status = await_visible(job, query->target, query, &wallet);

	return status == STATUS_OK ? signer_history_query(job, query, wallet) : status;
}

static enum status query_wallets(struct signer_change *job, const struct authz_query *query)
{
	static const uint8_t from_start[32];
	struct authz_user_key key = {.kind = query->kind};
	struct authz_list_answer answer = {.more = false};
	struct buffer ids = {job->area, sizeof(job->area), 0};
	size_t at = 0;

	memcpy(key.key, query->key, 32);
	/* Those that the key had a say in come first, then those that others named it for. */
	for (int agreed = 1; agreed >= 0; agreed--) {
		struct signer_blob *list = NULL;
		uint8_t hash[32];
		enum status status;

		signer_list_hash(&key, agreed == 1, hash);
		status = signer_await_user(job, hash, &list);
		if (status == STATUS_CORRUPT)
			return signer_refuse(job, CALL_RESULT_STORE_CORRUPT, "the list is damaged");
		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			return status;
		if (status == STATUS_OK &&
		    buffer_put(&ids, bytes_of(list->bytes, list->len)) != STATUS_OK)
			break;
	}
	if (memcmp(query->after, from_start, 32) != 0) {
		while (at + 32 <= ids.len && memcmp(ids.data + at, query->after, 32) != 0)
			at += 32;
		at += 32;
	}
	if (at > ids.len)
		at = ids.len;
	answer.ids = bytes_of(ids.data + at, ids.len - at);
	if (answer.ids.len > (size_t)AUTHZ_LISTED_MAX * 32) {
		answer.ids.len = (size_t)AUTHZ_LISTED_MAX * 32;
		answer.more = true;
	}
	return authz_list_answer_put(&answer, &job->answer);
}

static enum status query_client(struct signer_change *job, const struct authz_query *query)
{
	struct signer_client *client;
	enum status status = signer_await_client(job, query->target, &client);

	if (status == STATUS_NOT_FOUND ||
	    (status == STATUS_OK && memcmp(client->record.root_key, query->key, 32) != 0 &&
	     !signer_is_operator(job->signer, query->key)))
		return not_visible(job);
	if (status != STATUS_OK)
		return status;
	job->client = client->record;
	memset(job->client.token_hash, 0, sizeof(job->client.token_hash));
	return authz_client_put(&job->client, &job->answer);
}

/* All clients after `query->after`, as many as fit one page. Which there are is the store's word;
 * each record is proven, and how many there should be, the signer has counted. */
static enum status query_clients(struct signer_change *job, const struct authz_query *query)
{
	static struct authz_clients_answer answer;
	static uint8_t ids[AUTHZ_CLIENTS_MAX][32];
	const struct signer *signer = job->signer;
	size_t count;
	enum status status = signer_await_list(job, CALL_STORE_VALUE_CREDENTIAL, query->after, ids,
	                                       &count, &answer.more);

	if (status != STATUS_OK)
		return status;
	answer.count = answer.damaged_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct authz_client_record *record = &answer.clients[answer.count];
		struct signer_client *client;

		while ((status = signer_state_client(&job->signer->state, ids[i], &client)) ==
		       STATUS_BUSY)
			if (!signer_change_turn(job))
				return STATUS_REFUSED;
		/* What is listed and proven absent is not committed yet, or was never there. */
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status == STATUS_CORRUPT) {
			memcpy(answer.damaged[answer.damaged_count++], ids[i], 32);
			continue;
		}
		if (status != STATUS_OK)
			return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE,
			                     "the store is away");
		*record = client->record;
		memset(record->token_hash, 0, sizeof(record->token_hash));
		answer.count++;
	}
	answer.total = signer->totals.clients;
	answer.frozen = signer->frozen;
	answer.most[0] = signer->ceiling.most.signatures_second;
	answer.most[1] = signer->ceiling.most.wallets_minute;
	answer.most[2] = signer->ceiling.most.lamports_hour;
	if (answer.more)
		memcpy(answer.after, ids[count - 1], 32);
	return authz_clients_answer_put(&answer, &job->answer);
}

/* A waiting change, or a factor: for who may see the wallet `after`, which must list it. */
static enum status query_of_wallet(struct signer_change *job, const struct authz_query *query)
{
	struct authz_factor_answer answer = {.kind = 0};
	struct signer_wallet *wallet;
	struct signer_factor *factor;
	bool listed = false;
	enum status status = await_visible(job, query->after, query, &wallet);

	if (status != STATUS_OK)
		return status;
	if (query->topic == AUTHZ_QUERY_PENDING) {
		for (size_t i = 0; i < wallet->record.pending_count; i++)
			listed |= memcmp(wallet->record.pending[i].change, query->target, 32) == 0;
		return listed ? signer_pending_query(job, query) : not_visible(job);
	}
	for (size_t i = 0; i < wallet->record.user_key_count; i++)
		listed |= memcmp(wallet->record.user_keys[i].key, query->target, 32) == 0;
	status = listed ? signer_await_factor(job, query->target, &factor) : STATUS_NOT_FOUND;
	if (status == STATUS_NOT_FOUND)
		return not_visible(job);
	if (status != STATUS_OK)
		return status;
	answer.kind = factor->record.kind;
	memcpy(answer.id, factor->record.id, 32);
	answer.credential = bytes_of(factor->record.credential, factor->record.credential_len);
	answer.backup_eligible = factor->record.backup_eligible;
	return authz_factor_answer_put(&answer, &job->answer);
}

enum status signer_answer_query(struct signer_change *job, struct bytes payload)
{
	struct authz_query query;

	if (authz_query_open(payload, &query) != STATUS_OK ||
	    memcmp(query.deployment, job->signer->deployment, 32) != 0)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED,
		                     "not a question to this deployment signed by its key");
	return signer_answer_topic(job, &query);
}

enum status signer_answer_topic(struct signer_change *job, const struct authz_query *query)
{
	switch ((enum authz_query_topic)query->topic) {
	case AUTHZ_QUERY_WALLETS:
		return query_wallets(job, query);
	case AUTHZ_QUERY_WALLET:
		return query_wallet(job, query);
	case AUTHZ_QUERY_GRANT:
		return query_grant(job, query);
	case AUTHZ_QUERY_CLIENT:
		return query_client(job, query);
	case AUTHZ_QUERY_PENDING:
	case AUTHZ_QUERY_FACTOR:
		return query_of_wallet(job, query);
	case AUTHZ_QUERY_DECISIONS:
		return query_decisions(job, query);
	case AUTHZ_QUERY_CHANGES:
		return query_changes(job, query);
	case AUTHZ_QUERY_BACKUP:
	case AUTHZ_QUERY_CLIENTS:
	case AUTHZ_QUERY_UPDATE:
	case AUTHZ_QUERY_SWEEP:
		if (!signer_is_operator(job->signer, query->key))
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "not an operator of this deployment");
		if (query->topic == AUTHZ_QUERY_UPDATE)
			return signer_update_query(job);
		if (query->topic == AUTHZ_QUERY_SWEEP)
			return signer_sweep_query(job, query);
		return query->topic == AUTHZ_QUERY_BACKUP ? signer_backup_query(job, query)
		                                          : query_clients(job, query);
	case AUTHZ_QUERY_MODULE:
	case AUTHZ_QUERY_COUNT:
		break;
	}
	return signer_refuse(job, CALL_RESULT_UNSUPPORTED, "unknown topic");
}
