/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_sweep.h"

#include "base_check.h"
#include "proc_start.h"
#include "signer_module.h"

#define NOTES_BYTES (1u << 20) /* one bit in 64 is taken when all modules are noted */
#define STEP_MS     150        /* then the step is answered: less than others wait for a change */
#define FOUND_MAX   512        /* modules or tables that go in one commit */

struct signer_sweep {
	struct buffer notes;
	uint8_t
	    key[32]; /* of this sweep's notes: who is kept by another one's bit goes next time */
	bool removes;
	uint64_t wallets; /* there were at its begin */
	struct authz_sweep_answer said;
	uint32_t kind;    /* that is looked through: modules, then tables */
	uint8_t last[32]; /* looked at, of wallets, then of these; zeros: none */
	uint64_t batch;   /* the last one that it put something into */
	struct {
		uint8_t id[32], owner[32], user[32]; /* owner: id of that record */
		uint64_t bytes;
	} found[FOUND_MAX];
	size_t found_count;
	struct {
		uint8_t user[32];
		struct signer_module_use use;
	} shares[FOUND_MAX];
	size_t share_count;
};

struct signer_sweep *signer_sweep_new(void)
{
	struct signer_sweep *sweep = calloc(1, sizeof(*sweep));

	CHECK(sweep != NULL);
	sweep->notes = proc_buffer(NOTES_BYTES);
	return sweep;
}

/* ---- notes ---- */

static uint8_t *note_of(struct signer_sweep *sweep, const uint8_t id[32], uint8_t *ret_bit)
{
	const struct bytes parts[2] = {bytes_of(sweep->key, 32), bytes_of(id, 32)};
	uint8_t hash[32];

	keys_sha256(parts, 2, hash);
	*ret_bit = (uint8_t)(1u << (hash[8] & 7));
	return &sweep->notes.data[load_le64(hash) % NOTES_BYTES];
}

void signer_sweep_note(struct signer_sweep *sweep, const uint8_t id[32])
{
	uint8_t bit, *byte = note_of(sweep, id, &bit);

	*byte |= bit;
}

static bool is_noted(struct signer_sweep *sweep, const uint8_t id[32])
{
	uint8_t bit, *byte = note_of(sweep, id, &bit);

	return (*byte & bit) != 0;
}

/* ---- what wallets name ---- */

static enum status refuse_damaged(struct signer_change *job)
{
	return signer_refuse(job, CALL_RESULT_STORE_CORRUPT,
	                     "a wallet, a grant or a change that waits is damaged or lost: what it "
	                     "names is not known, so nothing is removed");
}

/* Settled, and durable: no commit on its way writes it, and nothing of it was lowered that a power
 * cut would bring back. */
static enum status await_durable(struct signer_change *job, const uint8_t id[32],
                                 struct signer_wallet **ret_wallet)
{
	enum status status = signer_await_wallet(job, id, ret_wallet);

	while (status == STATUS_OK &&
	       signer_state_is_held(&job->signer->state, CALL_STORE_VALUE_WALLET, id)) {
		if (!signer_change_turn(job))
			return STATUS_REFUSED;
		status = signer_await_wallet(job, id, ret_wallet);
	}
	return status == STATUS_NOT_FOUND ? refuse_damaged(job) : status;
}

static enum status note_grant(struct signer_change *job, const uint8_t id[32])
{
	struct signer_grant *grant;
	enum status status = signer_await_grant(job, id, &grant);

	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? refuse_damaged(job) : status;
	signer_sweep_note(job->signer->sweep, grant->record.module);
	for (size_t i = 0; i < grant->record.pin_count; i++)
		signer_sweep_note(job->signer->sweep, grant->record.pins[i].hash);
	return STATUS_OK;
}

static enum status note_pending(struct signer_change *job, const uint8_t hash[32])
{
	static struct authz_signed_change given;
	static struct authz_change change;
	static struct authz_grant_body body;
	struct authz_pending_record record;
	struct signer_blob *blob;
	enum status status = signer_await_pending(job, hash, &blob);

	if (status == STATUS_NOT_FOUND)
		return refuse_damaged(job);
	/* One byte: cancelled for another of its wallets, and never to be done. */
	if (status != STATUS_OK || blob->len == 1)
		return status;
	if (authz_pending_record_take(bytes_of(blob->bytes, blob->len), &record) != STATUS_OK ||
	    authz_signed_change_take(record.signed_change, &given) != STATUS_OK ||
	    authz_change_take(given.change, &change) != STATUS_OK)
		return refuse_damaged(job);
	for (size_t i = 0; i < change.entry_count; i++) {
		if (authz_grant_take(change.entries[i].body, &body) != STATUS_OK)
			return refuse_damaged(job);
		signer_sweep_note(job->signer->sweep, body.module);
		for (size_t j = 0; j < body.pin_count; j++)
			signer_sweep_note(job->signer->sweep, body.pins[j].hash);
	}
	return STATUS_OK;
}

/* Nothing of it is revoked or cancelled while it is looked at but what stays noted. */
static enum status note_wallet(struct signer_change *job, const uint8_t id[32])
{
	static struct authz_wallet_record record;
	struct signer_wallet *wallet;
	enum status status = await_durable(job, id, &wallet);

	if (status != STATUS_OK)
		return status;
	record = wallet->record;
	wallet->head.pins++; /* grants are looked up beside it */
	for (size_t i = 0; status == STATUS_OK && i < record.grant_count; i++)
		if (record.grants[i].live)
			status = note_grant(job, record.grants[i].grant);
	for (size_t i = 0; status == STATUS_OK && i < record.pending_count; i++)
		if (record.pending[i].action == AUTHZ_ACTION_GRANT)
			status = note_pending(job, record.pending[i].change);
	wallet->head.pins--;
	return status;
}

/* ---- one step ---- */

static bool step_ends(const struct signer_change *job)
{
	return job->signer->now_ms - job->began_ms > STEP_MS;
}

/* The next ids of a kind; the store's word, in order. */
static enum status next_ids(struct signer_change *job, uint32_t kind,
                            uint8_t ret_ids[AUTHZ_CLIENTS_MAX][32], size_t *ret_count,
                            bool *ret_more)
{
	const uint8_t *last = job->signer->sweep->last;
	enum status status = signer_await_list(job, kind, last, ret_ids, ret_count, ret_more);

	for (size_t i = 0; status == STATUS_OK && i < *ret_count; i++) {
		if (memcmp(ret_ids[i], last, 32) <= 0)
			status = refuse_damaged(job);
		last = ret_ids[i];
	}
	return status;
}

static enum status note_wallets(struct signer_change *job)
{
	struct signer_sweep *sweep = job->signer->sweep;
	uint8_t ids[AUTHZ_CLIENTS_MAX][32];
	enum status status = STATUS_OK;
	bool more = true;
	size_t count;

	while (status == STATUS_OK && more && !step_ends(job)) {
		status = next_ids(job, CALL_STORE_VALUE_WALLET, ids, &count, &more);
		for (size_t i = 0; status == STATUS_OK && i < count; i++) {
			if (step_ends(job))
				return STATUS_OK;
			status = note_wallet(job, ids[i]);
			if (status != STATUS_OK)
				break;
			memcpy(sweep->last, ids[i], 32);
			sweep->said.wallets++;
		}
	}
	if (status != STATUS_OK || more)
		return status;
	/* Those of its begin, at least, all with their proof. */
	if (sweep->said.wallets < sweep->wallets)
		return refuse_damaged(job);
	sweep->said.step = AUTHZ_SWEEP_MODULES;
	memset(sweep->last, 0, sizeof(sweep->last));
	return STATUS_OK;
}

/* A kept module or table that nothing named; what intents share has no owner, and stays. */
static enum status look_at(struct signer_change *job, const uint8_t id[32])
{
	struct signer_sweep *sweep = job->signer->sweep;
	bool is_table = sweep->kind == CALL_STORE_VALUE_TABLE;
	struct signer_blob *blob;
	uint8_t owner[32], user[32];
	enum status status;

	if (is_table)
		signer_table_owner(id, owner);
	else
		memcpy(owner, id, sizeof(owner));
	status = signer_await_index(job, CALL_STORE_VALUE_OWNER, owner, user);

	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status == STATUS_OK && is_noted(sweep, id)) {
		sweep->said.kept++;
		return STATUS_OK;
	}
	if (status == STATUS_OK)
		status = signer_await_blob(job, is_table ? signer_state_table : signer_state_module,
		                           sweep->kind, id, &blob);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? refuse_damaged(job) : status;
	sweep->said.unused++;
	sweep->said.bytes += blob->len;
	memcpy(sweep->found[sweep->found_count].id, id, 32);
	memcpy(sweep->found[sweep->found_count].owner, owner, 32);
	memcpy(sweep->found[sweep->found_count].user, user, 32);
	sweep->found[sweep->found_count++].bytes = blob->len;
	return STATUS_OK;
}

static void take_off(struct signer_module_use *use, uint64_t bytes)
{
	use->count -= use->count != 0;
	use->bytes -= bytes < use->bytes ? bytes : use->bytes;
}

/* The numbers of all and of each user, without what was found. */
static enum status count_found(struct signer_change *job, struct signer_module_use *ret_all)
{
	struct signer_sweep *sweep = job->signer->sweep;
	const uint8_t id[32] = {SIGNER_META_MODULES};
	enum status status = signer_read_record(job, signer_state_meta, CALL_STORE_VALUE_META, id,
	                                        ret_all, sizeof(*ret_all));

	sweep->share_count = 0;
	for (size_t i = 0; status == STATUS_OK && i < sweep->found_count; i++) {
		size_t at = 0;

		while (at < sweep->share_count &&
		       memcmp(sweep->shares[at].user, sweep->found[i].user, 32) != 0)
			at++;
		if (at == sweep->share_count) {
			memset(&sweep->shares[at], 0, sizeof(sweep->shares[at]));
			memcpy(sweep->shares[at].user, sweep->found[i].user, 32);
			status = signer_read_record(job, signer_state_share, CALL_STORE_VALUE_SHARE,
			                            sweep->found[i].user, &sweep->shares[at].use,
			                            sizeof(sweep->shares[at].use));
			sweep->share_count++;
		}
		take_off(&sweep->shares[at].use, sweep->found[i].bytes);
		take_off(ret_all, sweep->found[i].bytes);
	}
	return status;
}

/* All in one commit. No turn is taken between the first and the last of it. */
static enum status remove_found(struct signer_change *job)
{
	struct signer_sweep *sweep = job->signer->sweep;
	struct signer_state *state = &job->signer->state;
	const uint8_t id[32] = {SIGNER_META_MODULES};
	struct signer_module_use all = {0};
	enum status status = STATUS_OK;

	if (sweep->found_count == 0 || !sweep->removes)
		return STATUS_OK;
	status = count_found(job, &all);
	if (status == STATUS_OK)
		status =
		    signer_await_room(job, 2 * sweep->found_count + sweep->share_count + 1,
		                      (sweep->share_count + 1) * SIGNER_RECORD_ROOM(sizeof(all)));
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sweep->found_count; i++) {
		(void)signer_state_remove(state, sweep->kind, sweep->found[i].id);
		(void)signer_state_remove(state, CALL_STORE_VALUE_OWNER, sweep->found[i].owner);
	}
	for (size_t i = 0; i < sweep->share_count; i++)
		(void)signer_state_put(
		    state, CALL_STORE_VALUE_SHARE, sweep->shares[i].user,
		    bytes_of(&sweep->shares[i].use, sizeof(sweep->shares[i].use)));
	sweep->batch =
	    signer_state_put(state, CALL_STORE_VALUE_META, id, bytes_of(&all, sizeof(all)));
	return STATUS_OK;
}

/* What a step found is removed at its end, or is found again by the next one. */
static enum status find_unnamed(struct signer_change *job)
{
	struct signer_sweep *sweep = job->signer->sweep;
	struct authz_sweep_answer before = sweep->said;
	uint8_t ids[AUTHZ_CLIENTS_MAX][32], from[32];
	enum status status = STATUS_OK;
	bool more = true;
	size_t count;

	memcpy(from, sweep->last, sizeof(from));
	sweep->found_count = 0;
	while (status == STATUS_OK && more && !step_ends(job) &&
	       sweep->found_count + AUTHZ_CLIENTS_MAX <= FOUND_MAX) {
		status = next_ids(job, sweep->kind, ids, &count, &more);
		for (size_t i = 0; status == STATUS_OK && i < count; i++)
			status = look_at(job, ids[i]);
		if (status == STATUS_OK && count != 0)
			memcpy(sweep->last, ids[count - 1], 32);
	}
	if (status == STATUS_OK)
		status = remove_found(job);
	if (status != STATUS_OK) {
		memcpy(sweep->last, from, sizeof(from));
		sweep->said = before;
		return status;
	}
	if (!more && sweep->kind == CALL_STORE_VALUE_MODULE) {
		sweep->kind = CALL_STORE_VALUE_TABLE;
		memset(sweep->last, 0, sizeof(sweep->last));
	} else if (!more) {
		sweep->said.step = AUTHZ_SWEEP_COMMIT;
	}
	return STATUS_OK;
}

static void begin(struct signer_change *job, bool removes)
{
	struct signer_sweep *sweep = job->signer->sweep;

	memset(sweep->notes.data, 0, NOTES_BYTES);
	keys_random(sweep->key, sizeof(sweep->key));
	sweep->removes = removes;
	sweep->wallets = job->signer->totals.wallets;
	sweep->said = (struct authz_sweep_answer){.step = AUTHZ_SWEEP_WALLETS};
	sweep->kind = CALL_STORE_VALUE_MODULE;
	memset(sweep->last, 0, sizeof(sweep->last));
	sweep->batch = 0;
}

enum status signer_sweep_query(struct signer_change *job, const struct authz_query *query)
{
	struct signer_sweep *sweep = job->signer->sweep;
	enum status status = STATUS_OK;

	/* Unlike a question, it wants what is settled. */
	job->acts_at_once = false;
	if (query->target[0] == AUTHZ_SWEEP_ASK_COUNT || query->target[0] == AUTHZ_SWEEP_ASK_REMOVE)
		begin(job, query->target[0] == AUTHZ_SWEEP_ASK_REMOVE);
	else if (query->target[0] != AUTHZ_SWEEP_ASK_ON)
		return signer_refuse(job, CALL_RESULT_REQUEST_MALFORMED, "no step of a sweep");
	switch ((enum authz_sweep_step)sweep->said.step) {
	case AUTHZ_SWEEP_NONE:
		return signer_refuse(job, CALL_RESULT_CONFLICT,
		                     "nothing was begun, or the signer was started anew: begin "
		                     "again");
	case AUTHZ_SWEEP_WALLETS:
		status = note_wallets(job);
		break;
	case AUTHZ_SWEEP_MODULES:
		status = find_unnamed(job);
		break;
	case AUTHZ_SWEEP_COMMIT:
		if (sweep->batch <= signer_store_committed(job->signer->store))
			sweep->said.step = AUTHZ_SWEEP_DONE;
		break;
	case AUTHZ_SWEEP_DONE:
	case AUTHZ_SWEEP_STEP_COUNT:
		break;
	}
	return status == STATUS_OK ? authz_sweep_answer_put(&sweep->said, &job->answer) : status;
}
