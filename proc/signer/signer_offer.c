/* signer_offer: modules that are added, those on offer, and those that grants have kept
 * (signer_module.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "signer_change.h"
#include "signer_module.h"

#define RECORD_ROOM(bytes) ((bytes) + KEYS_AEAD_OVERHEAD_LEN)

/* Which modules are on offer: a record as it is. The nth lies under the id n + 1. */
struct offers {
	uint64_t next; /* of all that were ever added */
	uint8_t hashes[LIMIT_MODULES_OFFERED][32];
};

_Static_assert(sizeof(struct offers) == 8 + 32 * LIMIT_MODULES_OFFERED, "stored as it is");

static struct signer_module_bounds bounds_of(const struct signer_change *job)
{
	return signer_module_bounds(signer_store_fill(job->signer->store).state_bytes);
}

/* Whether a module is kept: OK, NOT_FOUND. */
static enum status look_for(struct signer_change *job, const uint8_t hash[32])
{
	struct signer_blob *ignored;

	return signer_await_blob(job, signer_state_module, CALL_STORE_VALUE_MODULE, hash, &ignored);
}

/* Reads a record. One that is absent, or of another length, leaves `ret_record` as it is. */
static enum status read_record(struct signer_change *job, signer_look_up *look_up, uint32_t kind,
                               const uint8_t id[32], void *ret_record, size_t len)
{
	struct signer_blob *blob;
	enum status status = signer_await_blob(job, look_up, kind, id, &blob);

	if (status == STATUS_OK && blob->len == len)
		memcpy(ret_record, blob->bytes, len);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- on offer ---- */

static void offer_id(size_t place, uint8_t ret_id[32])
{
	memset(ret_id, 0, 32);
	ret_id[0] = (uint8_t)(place + 1);
	ret_id[1] = (uint8_t)((place + 1) >> 8);
}

static enum status read_offers(struct signer_change *job, struct offers *ret_offers)
{
	static const uint8_t id[32];

	memset(ret_offers, 0, sizeof(*ret_offers));
	return read_record(job, signer_state_offer, CALL_STORE_VALUE_OFFERED, id, ret_offers,
	                   sizeof(*ret_offers));
}

static bool find_offer(const struct offers *offers, const uint8_t hash[32], size_t *ret_place)
{
	for (size_t i = 0; i < LIMIT_MODULES_OFFERED; i++)
		if (memcmp(offers->hashes[i], hash, 32) == 0) {
			*ret_place = i;
			return true;
		}
	return false;
}

/* Takes the place of the oldest. It gives no power: nothing waits for the TPM. */
static enum status offer(struct signer_change *job, struct offers *offers)
{
	struct signer_state *state = &job->signer->state;
	size_t place = (size_t)(offers->next++ % bounds_of(job).offers);
	uint8_t id[32];
	enum status status =
	    signer_await_room(job, 2, RECORD_ROOM(job->module.len) + RECORD_ROOM(sizeof(*offers)));

	if (status != STATUS_OK)
		return status;
	memcpy(offers->hashes[place], job->module_hash, 32);
	offer_id(place, id);
	(void)signer_state_put(state, CALL_STORE_VALUE_OFFERED, id, buffer_bytes(&job->module));
	memset(id, 0, sizeof(id));
	return signer_await_commit(job, signer_state_put(state, CALL_STORE_VALUE_OFFERED, id,
	                                                 bytes_of(offers, sizeof(*offers))));
}

/* Puts what job->module holds on offer, unless it is here. */
static enum status add(struct signer_change *job)
{
	static struct offers offers;
	size_t place;
	enum status status = look_for(job, job->module_hash);

	if (status != STATUS_NOT_FOUND)
		return status;
	status = read_offers(job, &offers);
	if (status != STATUS_OK || find_offer(&offers, job->module_hash, &place))
		return status;
	if (!signer_budget_take(&job->modules, LIMIT_MODULES_PER_MINUTE, job->signer->now_ms))
		return signer_refuse(job, CALL_RESULT_OVERLOADED,
		                     "too many modules are added at once; try again in a minute");
	return offer(job, &offers);
}

enum status signer_add_module(struct signer_change *job, struct bytes module)
{
	struct authz_module_answer answer = {.known = false};
	const char *name;
	enum status status;

	if (module.len == 0 || module.len > LIMIT_MODULE_MAX - KEYS_AEAD_OVERHEAD_LEN)
		return signer_refuse(job, CALL_RESULT_BODY_TOO_LARGE,
		                     "a module has 1 to %d bytes, this one %zu",
		                     LIMIT_MODULE_MAX - KEYS_AEAD_OVERHEAD_LEN, module.len);
	status = signer_demand_room(job);
	if (status != STATUS_OK)
		return status;
	keys_sha256(&module, 1, answer.hash);
	memcpy(job->module_hash, answer.hash, 32);
	CHECK(buffer_put(&job->module, module) == STATUS_OK);
	status = signer_learn_module(job, answer.hash);
	name = signer_known_module(job, answer.hash);
	if (status == STATUS_OK)
		status = add(job);
	if (status != STATUS_OK)
		return status;
	answer.known = name != NULL;
	answer.name = bytes_of_text(name != NULL ? name : "");
	answer.schema = bytes_of(job->learned, job->learned_len);
	return authz_module_answer_put(&answer, &job->answer);
}

/* ---- for a grant ---- */

/* NOT_FOUND: neither kept nor on offer. */
static enum status fetch(struct signer_change *job, const uint8_t hash[32])
{
	struct signer_state *state = &job->signer->state;
	static struct offers offers;
	struct signer_blob *blob;
	uint8_t id[32], found[32];
	struct bytes module;
	size_t place;
	enum status status = look_for(job, hash);

	if (status == STATUS_OK) {
		while ((status = signer_module_bytes(state, hash, &job->module)) == STATUS_BUSY)
			if (!signer_change_turn(job))
				return STATUS_REFUSED;
		return status;
	}
	if (status == STATUS_NOT_FOUND)
		status = read_offers(job, &offers);
	if (status != STATUS_OK)
		return status;
	if (!find_offer(&offers, hash, &place))
		return STATUS_NOT_FOUND;
	offer_id(place, id);
	status = signer_await_blob(job, signer_state_offer, CALL_STORE_VALUE_OFFERED, id, &blob);
	if (status != STATUS_OK)
		return status;
	module = bytes_of(blob->bytes, blob->len);
	keys_sha256(&module, 1, found);
	return memcmp(found, hash, 32) == 0 ? buffer_put(&job->module, module) : STATUS_NOT_FOUND;
}

enum status signer_need_module(struct signer_change *job, const uint8_t hash[32])
{
	enum status status;

	if (job->module.len != 0 && memcmp(job->module_hash, hash, 32) == 0)
		return STATUS_OK;
	job->module.len = 0;
	memcpy(job->module_hash, hash, 32);
	status = fetch(job, hash);
	if (status == STATUS_NOT_FOUND)
		return signer_refuse(job, CALL_RESULT_NOT_FOUND,
		                     "no such module is here, or no more: one that no grant names "
		                     "gives way to others; add it (claviger policy add)");
	if (status == STATUS_OK || status == STATUS_REFUSED)
		return status;
	if (status == STATUS_IO)
		return signer_refuse(job, CALL_RESULT_STORE_UNAVAILABLE, "the store is away");
	return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
	                     "the module's record is damaged; restore the store from a backup");
}

/* What a change's grants name for the first time. */
struct fresh {
	uint8_t hashes[LIMIT_CHANGE_WALLETS_MAX][32];
	size_t count;
	bool shares; /* one of them is stored beside the evaluator, which is not there yet */
	struct signer_module_use added;
};

/* Makes job->stored what is kept of a module. */
static enum status make_stored(struct signer_change *job, const uint8_t hash[32], bool *ret_is_rest)
{
	enum status status = signer_need_module(job, hash);

	if (status != STATUS_OK)
		return status;
	job->stored.len = 0;
	*ret_is_rest = policy_intent_rest(buffer_bytes(&job->module), job->shared_hash,
	                                  &job->stored) == STATUS_OK;
	if (!*ret_is_rest) {
		job->stored.len = 0;
		return buffer_put(&job->stored, buffer_bytes(&job->module));
	}
	return STATUS_OK;
}

static enum status count_fresh(struct signer_change *job, const uint8_t hash[32],
                               struct fresh *fresh)
{
	bool is_rest = false;
	enum status status;

	for (size_t i = 0; i < fresh->count; i++)
		if (memcmp(fresh->hashes[i], hash, 32) == 0)
			return STATUS_OK;
	status = look_for(job, hash);
	if (status != STATUS_NOT_FOUND)
		return status;
	status = make_stored(job, hash, &is_rest);
	if (status != STATUS_OK)
		return status;
	memcpy(fresh->hashes[fresh->count++], hash, 32);
	fresh->added.count++;
	fresh->added.bytes += job->stored.len;
	if (!is_rest || fresh->shares)
		return STATUS_OK;
	status = look_for(job, job->shared_hash);
	fresh->shares = status == STATUS_NOT_FOUND;
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status put(struct signer_change *job, const uint8_t hash[32], struct bytes stored)
{
	enum status status = signer_await_room(job, 1, RECORD_ROOM(stored.len));

	if (status == STATUS_OK)
		(void)signer_state_put(&job->signer->state, CALL_STORE_VALUE_MODULE, hash, stored);
	return status;
}

/* Later changes wait for it, also when this one fails before its own records: their numbers would
 * be from what is no longer so. */
static enum status put_fresh(struct signer_change *job, const struct fresh *fresh)
{
	enum status status =
	    fresh->shares ? put(job, job->shared_hash, policy_intent_shared()) : STATUS_OK;

	for (size_t i = 0; status == STATUS_OK && i < fresh->count; i++) {
		bool ignored;

		status = make_stored(job, fresh->hashes[i], &ignored);
		if (status == STATUS_OK)
			status = put(job, fresh->hashes[i], buffer_bytes(&job->stored));
	}
	return status;
}

enum status signer_keep_modules(struct signer_change *job)
{
	static struct authz_grant_body body;
	static struct fresh fresh;
	struct signer_state *state = &job->signer->state;
	struct signer_module_bounds bounds = bounds_of(job);
	struct signer_module_use all = {0}, share = {0};
	uint8_t id[32] = {SIGNER_META_MODULES}, user[32];
	const char *why;
	enum status status = STATUS_OK;

	memset(&fresh, 0, sizeof(fresh));
	for (size_t i = 0; status == STATUS_OK && i < job->change.entry_count; i++) {
		CHECK(authz_grant_take(job->change.entries[i].body, &body) == STATUS_OK);
		status = count_fresh(job, body.module, &fresh);
	}
	if (status != STATUS_OK || fresh.count == 0)
		return status;
	authz_user_id(&job->wallets[0].user_keys[0], user);
	status = read_record(job, signer_state_meta, CALL_STORE_VALUE_META, id, &all, sizeof(all));
	if (status == STATUS_OK)
		status = read_record(job, signer_state_share, CALL_STORE_VALUE_SHARE, user, &share,
		                     sizeof(share));
	if (status != STATUS_OK)
		return status;
	why = signer_module_refusal(&bounds, &all, &share, &fresh.added);
	if (why != NULL)
		return signer_refuse(job, CALL_RESULT_CHANGE_REFUSED, "%s", why);
	/* The numbers first: a module that is counted and not there harms nobody. */
	status = signer_await_room(job, 2, 2 * RECORD_ROOM(sizeof(all)));
	if (status != STATUS_OK)
		return status;
	all.count += fresh.added.count;
	all.bytes += fresh.added.bytes + (fresh.shares ? policy_intent_shared().len : 0);
	share.count += fresh.added.count;
	share.bytes += fresh.added.bytes;
	(void)signer_state_put(state, CALL_STORE_VALUE_META, id, bytes_of(&all, sizeof(all)));
	(void)signer_state_put(state, CALL_STORE_VALUE_SHARE, user,
	                       bytes_of(&share, sizeof(share)));
	signer_store_need(job->signer->store, SIGNER_NEED_CHANGE, job->user);
	return put_fresh(job, &fresh);
}
