/* signer_fill: what a signer that is built for the benchmark does more: it makes many wallets, each
 * with a grant, some with a module of their own, of two that were made as a user would.
 *
 * 100,000 modules through the front door take days, for a deployment takes 60 a minute. So
 * bench/modules.py stops the signer, starts this one on the same state (all else in it is the
 * same), and sends orders in the place of a module (claviger policy add):
 *
 *   fill FIRST COUNT ONE MANY      e.g. fill 1 1000 o000000 m000000
 *
 * For each number from FIRST on it writes what births, grants and kept modules write: records
 * sealed by this signer, in anchored commits of the real store. Wallet o<number> has a copy of the
 * grant of wallet ONE; m<number> one of MANY's, for the module that has <number> for the six digits
 * in the name of MANY's module. A wallet's key is made of the hash of its name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "authz_ask.h"
#include "base_check.h"
#include "proc_start.h"
#include "signer_change.h"
#include "signer_module.h"

#define DIGITS 6
#define NAME   "send-"

/* The linker has these in place of the signer's own (--wrap). */
enum status __wrap_signer_add_module(struct signer_change *job, struct bytes payload);
enum status __real_signer_add_module(struct signer_change *job, struct bytes payload);
void __wrap_keys_sign_random(struct keys_sign_key *ret_key);
void __real_keys_sign_random(struct keys_sign_key *ret_key);

static uint64_t last_batch; /* of what was put */

static const char *key_of; /* the name of the wallet that is being made */
static struct signer_module_use kept;

void __wrap_keys_sign_random(struct keys_sign_key *ret_key)
{
	uint8_t seed[32];

	if (key_of == NULL) {
		__real_keys_sign_random(ret_key);
		return;
	}
	keys_sha256(&(struct bytes){(const uint8_t *)key_of, strlen(key_of)}, 1, seed);
	keys_sign_from_seed(seed, ret_key);
}

struct template
{
	struct authz_wallet_record wallet;
	struct authz_grant_record grant;
	struct authz_lease_record lease;
};

static enum status take_template(struct signer_change *job, const char *name, struct template *made)
{
	struct signer_wallet *wallet;
	struct signer_grant *grant;
	uint8_t hash[32], id[32];
	enum status status;

	signer_state_name_hash(bytes_of_text(name), hash);
	status = signer_await_index(job, CALL_STORE_VALUE_NAME, hash, id);
	if (status == STATUS_OK)
		status = signer_await_wallet(job, id, &wallet);
	if (status == STATUS_OK) {
		made->wallet = wallet->record;
		status = signer_await_grant(job, wallet->record.grants[0].grant, &grant);
	}
	if (status != STATUS_OK)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND, "no wallet %s with a grant", name);
	made->grant = grant->record;
	made->lease = grant->meter.lease;
	return STATUS_OK;
}

/* All records of one wallet and its grant. */
static enum status make(struct signer_change *job, struct template *of, const char *name,
                        const uint8_t module[32])
{
	struct signer_state *state = &job->signer->state;
	struct authz_wallet_record *wallet = &of->wallet;
	struct buffer sealed = BUFFER_OF_ARRAY(wallet->sealed_key);
	struct bytes id = bytes_of(wallet->id, 32);
	uint8_t hash[32];
	enum status status = signer_await_room(job, 5,
	                                       AUTHZ_WALLET_RECORD_MAX + AUTHZ_GRANT_RECORD_MAX +
	                                           AUTHZ_LEASE_RECORD_MAX + 1024);

	if (status != STATUS_OK)
		return status;
	keys_random(wallet->id, 32);
	keys_random(of->grant.id, 32);
	key_of = name;
	CHECK(signer_vault_create_key(job->signer->vault, wallet->id, wallet->address, &sealed) ==
	      STATUS_OK);
	key_of = NULL;
	wallet->sealed_key_len = (uint8_t)sealed.len;
	wallet->name_len = (uint8_t)strlen(name);
	memcpy(wallet->name, name, wallet->name_len);
	memcpy(wallet->grants[0].grant, of->grant.id, 32);
	memcpy(of->grant.wallet, wallet->id, 32);
	memcpy(of->grant.module, module, 32);
	memcpy(of->lease.owner, of->grant.id, 32);
	signer_state_name_hash(bytes_of_text(name), hash);
	(void)signer_state_put(state, CALL_STORE_VALUE_NAME, hash, id);
	(void)signer_state_put(state, CALL_STORE_VALUE_ADDRESS, wallet->address, id);
	(void)signer_state_put_grant(state, &of->grant);
	(void)signer_state_put_lease(state, CALL_STORE_VALUE_LEASE, &of->lease);
	last_batch = signer_state_put_wallet(state, wallet);
	job->signer->totals.wallets++;
	job->signer->totals.grants++;
	return STATUS_OK;
}

/* Writes the number over the digits in job->module, wherever the name stands. */
static void number_module(struct signer_change *job, const char *digits)
{
	struct bytes module = buffer_bytes(&job->module);
	size_t found = 0;

	for (size_t at = 0; at + sizeof(NAME) - 1 + DIGITS <= module.len; at++)
		if (memcmp(module.data + at, NAME, sizeof(NAME) - 1) == 0) {
			memcpy(job->module.data + at + sizeof(NAME) - 1, digits, DIGITS);
			found++;
		}
	CHECK(found > 0);
}

static enum status keep(struct signer_change *job, const uint8_t hash[32])
{
	enum status status = signer_await_room(job, 1, job->module.len + KEYS_AEAD_OVERHEAD_LEN);

	job->stored.len = 0;
	if (status != STATUS_OK)
		return status;
	CHECK(policy_intent_name(buffer_bytes(&job->module)) != NULL);
	CHECK(policy_intent_rest(buffer_bytes(&job->module), job->shared_hash, &job->stored) ==
	      STATUS_OK);
	(void)signer_state_put(&job->signer->state, CALL_STORE_VALUE_MODULE, hash,
	                       buffer_bytes(&job->stored));
	kept.count++;
	kept.bytes += job->stored.len;
	return STATUS_OK;
}

static enum status fill(struct signer_change *job, unsigned first, unsigned count,
                        const char *one_name, const char *many_name)
{
	static struct template one, many;
	uint8_t id[32] = {SIGNER_META_MODULES}, hash[32];
	char name[1 + DIGITS + 1];
	enum status status = take_template(job, one_name, &one);

	if (status == STATUS_OK)
		status = take_template(job, many_name, &many);
	if (status == STATUS_OK)
		status = signer_need_module(job, many.grant.module);
	for (unsigned i = first; status == STATUS_OK && i < first + count; i++) {
		struct bytes module = buffer_bytes(&job->module);

		job->began_ms = job->signer->now_ms; /* each has the time of a change */
		snprintf(name, sizeof(name), "o%06u", i % 1000000);
		status = make(job, &one, name, one.grant.module);
		number_module(job, name + 1);
		keys_sha256(&module, 1, hash);
		if (status == STATUS_OK)
			status = keep(job, hash);
		name[0] = 'm';
		if (status == STATUS_OK)
			status = make(job, &many, name, hash);
	}
	job->module.len = 0; /* it is none that has its hash */
	if (status != STATUS_OK)
		return status;
	last_batch = signer_state_put(&job->signer->state, CALL_STORE_VALUE_META, id,
	                              bytes_of(&kept, sizeof(kept)));
	return signer_await_commit(job, last_batch);
}

enum status __wrap_signer_add_module(struct signer_change *job, struct bytes payload)
{
	struct authz_module_add given = {.module = {0}};
	struct authz_module_answer answer = {.module_kind = AUTHZ_MODULE_INTENT,
	                                     .name = bytes_of_text("")};
	char order[128], one[LIMIT_NAME_MAX + 1], many[LIMIT_NAME_MAX + 1];
	unsigned first, count;
	enum status status;

	if (authz_module_add_take(payload, &given) != STATUS_OK)
		return __real_signer_add_module(job, payload);
	snprintf(order, sizeof(order), "%.*s",
	         (int)(given.module.len < 100 ? given.module.len : 100),
	         (const char *)given.module.data);
	if (sscanf(order, "fill %u %u %64s %64s", &first, &count, one, many) != 4)
		return __real_signer_add_module(job, payload);
	status = fill(job, first, count, one, many);
	return status == STATUS_OK ? authz_module_answer_put(&answer, &job->answer) : status;
}
