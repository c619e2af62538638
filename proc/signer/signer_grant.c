/* signer_grant: GRANT gives clients what a policy allows, in wallets that are there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "signer_change.h"
#include "signer_group.h"

static const struct authz_submit_answer done; /* nothing but when */

/* A dead entry gives its place to a new grant; live ones are never dropped. */
static enum status add_entry(struct signer_change *job, struct authz_wallet_record *wallet,
                             const struct authz_grant_record *grant)
{
	size_t of_client = 0, place = wallet->grant_count;

	for (size_t i = 0; i < wallet->grant_count; i++) {
		if (memcmp(wallet->grants[i].grant, grant->id, 32) == 0)
			return signer_refuse(job, CALL_RESULT_CONFLICT,
			                     "this grant was made before");
		of_client += wallet->grants[i].live &&
		             memcmp(wallet->grants[i].client, grant->client, 32) == 0;
	}
	if (of_client == LIMIT_GRANTS_PER_CLIENT_MAX)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "this client has %d live grants for the wallet; revoke one",
		                     LIMIT_GRANTS_PER_CLIENT_MAX);
	if (place == LIMIT_GRANTS_PER_WALLET_MAX) {
		for (place = 0; place < wallet->grant_count && wallet->grants[place].live;)
			place++;
		if (place == wallet->grant_count)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the wallet has %d live grants; revoke one",
			                     LIMIT_GRANTS_PER_WALLET_MAX);
		/* Keep the rows in order of creation. */
		memmove(&wallet->grants[place], &wallet->grants[place + 1],
		        (wallet->grant_count - place - 1) * sizeof(wallet->grants[0]));
		place = --wallet->grant_count;
	}
	wallet->grants[place] = (struct authz_grant_entry){.created = grant->created, .live = true};
	memcpy(wallet->grants[place].grant, grant->id, 32);
	memcpy(wallet->grants[place].client, grant->client, 32);
	wallet->grant_count++;
	return STATUS_OK;
}

static void fill_grant(struct signer_change *job, size_t at, const struct authz_grant_body *body,
                       bool is_known)
{
	struct authz_grant_record *grant = &job->grant;

	*grant =
	    (struct authz_grant_record){.module_kind = signer_module_kind(is_known, body->module),
	                                .not_before_s = body->not_before_s,
	                                .expires_s = body->expires_s,
	                                .uses_max = body->uses_max,
	                                .created = job->wallets[at].version + 1,
	                                .counter_count = (uint8_t)body->counter_count,
	                                .nonce_account_count = (uint8_t)body->nonce_account_count,
	                                .pin_count = (uint8_t)body->pin_count,
	                                .schema_len = (uint16_t)body->schema.len,
	                                .parameters_len = (uint16_t)body->parameters.len};
	authz_grant_id(job->given.change, job->wallets[at].id, grant->id);
	memcpy(grant->wallet, job->wallets[at].id, 32);
	memcpy(grant->client, body->client, 32);
	memcpy(grant->module, body->module, 32);
	for (size_t i = 0; i < body->counter_count; i++)
		grant->counters[i] = body->counters[i];
	memcpy(grant->nonce_accounts, body->nonce_accounts, sizeof(grant->nonce_accounts));
	for (size_t i = 0; i < body->pin_count; i++) {
		memcpy(grant->pins[i].table, body->pins[i].table, 32);
		memcpy(grant->pins[i].hash, body->pins[i].hash, 32);
		grant->pins[i].count = body->pins[i].count;
	}
	if (body->schema.len != 0)
		memcpy(grant->schema, body->schema.data, body->schema.len);
	memcpy(grant->parameters, body->parameters.data, body->parameters.len);
}

static enum status check_grant(struct signer_change *job, const struct authz_grant_body *body)
{
	struct signer_client *client;
	enum status status;

	status = signer_await_client(job, body->client, &client);
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "no such client; register it first (claviger client new)");
	if (status != STATUS_OK)
		return status;
	if (body->extra_account_count != 0)
		return signer_refuse(job, CALL_RESULT_UNSUPPORTED,
		                     "a grant names no extra accounts: the intent's "
		                     "extra_accounts allows them; leave key 11 out");
	if (body->expires_s != 0 && body->expires_s <= signer_time_read(&job->signer->time).high_s)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
		                     "the grant would have expired already");
	for (size_t i = 0; i < body->pin_count; i++)
		if (authz_table_find(&job->given, &body->pins[i]) == NULL)
			return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED,
			                     "the contents of pinned table %zu are missing, or do "
			                     "not have the hash that was signed",
			                     i + 1);
	return STATUS_OK;
}

/* The counters' first durable state is part of the grant's own commit. It leases nothing: whoever
 * loads it counts its lease as spent, and the grant would begin with less than the user gave. */
static void first_leases(struct signer_change *job)
{
	struct authz_counter_rule rules[LIMIT_COUNTERS_MAX + 1];
	uint64_t now = signer_time_read(&job->signer->time).low_s;

	job->lease =
	    (struct authz_lease_record){.count = (uint8_t)signer_state_rules(&job->grant, rules)};
	memcpy(job->lease.owner, job->grant.id, 32);
	for (size_t i = 0; i < job->lease.count; i++) {
		struct authz_counter live = {.bucket = 0};

		authz_counter_lease_prepare(&rules[i], &live, 0, now, true,
		                            &job->lease.counters[i]);
		job->lease.counters[i].lease_left = 0;
	}
}

/* All or none: everything that can be refused is refused before the first write, and everything
 * that may take a turn is done: `*ret_known` has a bit for each grant whose module is known.
 */
static enum status check_grants(struct signer_change *job, uint64_t *ret_known)
{
	static struct authz_grant_body body;

	*ret_known = 0;
	for (size_t i = 0; i < job->change.entry_count; i++) {
		const char *name = NULL;
		enum status status;

		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		status = check_grant(job, &body);
		if (status == STATUS_OK)
			status = signer_known_module(job, body.module, &name);
		if (status != STATUS_OK)
			return status;
		if (name != NULL)
			*ret_known |= UINT64_C(1) << i;
		/* From now on others may own what has the address of the wallet's account (A20). */
		job->wallets[i].ownership_lost |= name == job->known_name && job->known_gives;
		fill_grant(job, i, &body, (*ret_known >> i & 1) != 0);
		status = add_entry(job, &job->wallets[i], &job->grant);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status signer_check_grant(struct signer_change *job)
{
	uint64_t known;

	return check_grants(job, &known);
}

enum status signer_apply_grant(struct signer_change *job)
{
	struct signer *signer = job->signer;
	static struct authz_grant_body body;
	size_t count = job->change.entry_count;
	uint64_t known = 0;
	enum status status = check_grants(job, &known);

	if (status == STATUS_OK)
		status = signer_keep_named(job);
	if (status != STATUS_OK)
		return status;
	/* All records share one batch, so that a crash leaves all of them or none. */
	status = signer_await_room(job, count * (3 + SIGNER_NAMED_OPS) + SIGNER_NAMED_OPS_ALL,
	                           count * (SIGNER_RECORD_ROOM(AUTHZ_GRANT_RECORD_MAX) +
	                                    SIGNER_RECORD_ROOM(AUTHZ_LEASE_RECORD_MAX) +
	                                    SIGNER_RECORD_ROOM(AUTHZ_WALLET_RECORD_MAX)) +
	                               signer_named_room(job));
	if (status == STATUS_OK)
		status = signer_take_write(job);
	if (status != STATUS_OK)
		return status;
	signer_put_named(job);
	for (size_t i = 0; i < count; i++) {
		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		fill_grant(job, i, &body, (known >> i & 1) != 0);
		first_leases(job);
		signer_advance(job, &job->wallets[i]);
		signer_state_put_grant(&signer->state, &job->grant);
		signer_state_put_lease(&signer->state, CALL_STORE_VALUE_LEASE, &job->lease);
		signer_state_put_wallet(&signer->state, &job->wallets[i]);
	}
	signer->totals.grants += count;
	signer_group_add(job, (struct signer_made){.wallets = count}, &done);
	return STATUS_OK;
}
