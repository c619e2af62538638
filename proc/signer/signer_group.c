/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_group.h"

#include "base_check.h"
#include "proc_start.h"
#include "secret.h"

#define UNWRITTEN UINT64_MAX

_Static_assert(LIMIT_CHANGE_WALLETS_MAX <= 64, "a bit for each wallet of a change");
_Static_assert(AUTHZ_BIRTH_MAX >= POLICY_REQUEST_MAX, "rows of nonces are kept too");

/* One change that waits. */
struct member {
	uint64_t batch; /* that makes it durable; 0: free; UNWRITTEN: in none yet */
	bool settled;
	uint64_t request; /* to be answered; 0: nobody waits */
	uint64_t came_ms;
	uint8_t user[32];
	bool lowers;
	struct signer_made made;
	uint64_t pinned; /* bits of the wallets that are cached, so that they can be frozen */
	struct authz_wallet_record wallets[LIMIT_CHANGE_WALLETS_MAX];
	struct authz_client_record client;
	struct authz_grant_record grant;
	uint8_t completes[32]; /* hash of the change that had waited; zeros: none */
	struct authz_submit_answer answer;
	struct buffer kept; /* what the answer borrows */
};

struct signer_group {
	struct signer *signer;
	struct member rows[SIGNER_GROUP_MAX];
	struct buffer encoded, message;
};

static void *next_version(void *context, uint32_t kind, const uint8_t id[32])
{
	struct signer_group *group = ((struct signer *)context)->group;

	return kind == CALL_STORE_VALUE_WALLET       ? (void *)signer_group_wallet(group, id)
	       : kind == CALL_STORE_VALUE_CREDENTIAL ? (void *)signer_group_client(group, id)
	       : kind == CALL_STORE_VALUE_GRANT      ? (void *)signer_group_grant(group, id)
	                                             : NULL;
}

struct signer_group *signer_group_new(struct signer *signer)
{
	struct signer_group *group = calloc(1, sizeof(*group));

	CHECK(group != NULL);
	group->signer = signer;
	signer->state.next = next_version; /* its context is the signer */
	group->encoded = proc_buffer(2 * AUTHZ_BIRTH_MAX);
	group->message = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++)
		group->rows[i].kept = proc_buffer(AUTHZ_BIRTH_MAX);
	return group;
}

/* ---- places ---- */

static struct member *free_row(struct signer_group *group)
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++)
		if (group->rows[i].batch == 0)
			return &group->rows[i];
	return NULL;
}

static bool has_place(const struct signer_group *group, const uint8_t user[32], size_t spared)
{
	size_t own = 0, left = 0;

	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++) {
		const struct member *row = &group->rows[i];

		left += row->batch == 0;
		own += row->batch != 0 && memcmp(row->user, user, sizeof(row->user)) == 0;
	}
	return left > spared && own < left;
}

bool signer_group_has_place(const struct signer_group *group, const uint8_t user[32])
{
	return has_place(group, user, SIGNER_GROUP_LESS);
}

static struct bytes keep(struct member *row, struct bytes bytes)
{
	size_t at = row->kept.len;

	CHECK(buffer_put(&row->kept, bytes) == STATUS_OK);
	return bytes_of(row->kept.data + at, bytes.len);
}

static void keep_answer(struct member *row, const struct authz_submit_answer *answer)
{
	row->answer = *answer;
	row->answer.birth = keep(row, answer->birth);
	row->answer.export = keep(row, answer->export);
	for (size_t i = 0; i < answer->outstanding_count; i++)
		row->answer.outstanding[i].rows = keep(row, answer->outstanding[i].rows);
}

static struct member *take_row(struct signer_change *job, uint64_t batch,
                               const struct authz_submit_answer *answer)
{
	struct member *row = free_row(job->signer->group);

	CHECK(row != NULL);
	row->batch = batch;
	row->settled = false;
	row->request = job->request;
	row->came_ms = job->came_ms;
	memcpy(row->user, job->user, sizeof(row->user));
	row->lowers = false;
	row->made = (struct signer_made){.wallets = 0};
	row->pinned = 0;
	row->kept.len = 0;
	keep_answer(row, answer);
	job->request = 0; /* answered from here */
	return row;
}

void signer_group_add(struct signer_change *job, struct signer_made made,
                      const struct authz_submit_answer *answer)
{
	struct signer *signer = job->signer;
	struct member *row = take_row(job, signer_store_gathering(signer->store), answer);

	CHECK(signer_store_is_paid(signer->store)); /* no turn since signer_take_write */
	signer_history_put(job);
	row->made = made;
	for (size_t i = 0; i < made.wallets; i++) {
		struct signer_cache_head *cached = (struct signer_cache_head *)signer_cache_find(
		    &signer->state.wallets, job->wallets[i].id);

		row->wallets[i] = job->wallets[i];
		if (cached == NULL || cached->state != SIGNER_CACHED_READY)
			continue;
		cached->pins++;
		row->pinned |= UINT64_C(1) << i;
	}
	row->client = job->client;
	row->grant = job->grant;
	memcpy(row->completes, job->completes, sizeof(row->completes));
}

enum status signer_group_add_lowered(struct signer_change *job, uint64_t batch,
                                     const struct authz_submit_answer *answer)
{
	struct signer *signer = job->signer;

	if (batch == 0)
		batch = signer_state_lowered(&signer->state);
	if (batch <= signer_store_bound(signer->store)) {
		static struct authz_submit_answer now;

		now = *answer;
		now.seq = signer_store_seq(signer->store);
		return authz_submit_answer_put(&now, &job->answer);
	}
	if (!has_place(signer->group, job->user, 0))
		return signer_refuse(job, CALL_RESULT_NO_ANSWER,
		                     "it is in force; too many changes wait until they are "
		                     "durable, so a stop of the machine now could lose it");
	take_row(job, batch, answer)->lowers = true;
	return STATUS_OK;
}

/* ---- what they will make ---- */

struct authz_wallet_record *signer_group_wallet(struct signer_group *group, const uint8_t id[32])
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++) {
		struct member *row = &group->rows[i];

		if (row->batch == 0 || row->settled)
			continue;
		for (size_t j = 0; j < row->made.wallets; j++)
			if (memcmp(row->wallets[j].id, id, 32) == 0)
				return &row->wallets[j];
	}
	return NULL;
}

struct authz_client_record *signer_group_client(struct signer_group *group, const uint8_t id[32])
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++) {
		struct member *row = &group->rows[i];

		if (row->batch != 0 && !row->settled && row->made.client &&
		    memcmp(row->client.id, id, 32) == 0)
			return &row->client;
	}
	return NULL;
}

struct authz_grant_record *signer_group_grant(struct signer_group *group, const uint8_t id[32])
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++) {
		struct member *row = &group->rows[i];

		if (row->batch != 0 && !row->settled && row->made.limit &&
		    memcmp(row->grant.id, id, 32) == 0)
			return &row->grant;
	}
	return NULL;
}

bool signer_group_completes(const struct signer_group *group, const uint8_t hash[32])
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++) {
		const struct member *row = &group->rows[i];

		if (row->batch != 0 && !row->settled && row->made.wallets != 0 &&
		    memcmp(row->completes, hash, sizeof(row->completes)) == 0)
			return true;
	}
	return false;
}

static void settle(struct signer_group *group, struct member *row)
{
	struct signer_state *state = &group->signer->state;

	for (size_t i = 0; i < row->made.wallets; i++) {
		signer_state_install_wallet(state, &row->wallets[i]);
		if ((row->pinned >> i & 1) != 0)
			((struct signer_cache_head *)signer_cache_find(&state->wallets,
			                                               row->wallets[i].id))
			    ->pins--;
	}
	if (row->made.client)
		signer_state_install_client(state, &row->client);
	if (row->made.limit)
		signer_state_install_grant(state, &row->grant);
	/* An operator may have frozen everything again meanwhile. */
	if (row->made.thaws_all)
		group->signer->frozen = group->signer->totals.frozen;
	row->settled = true;
}

/* ---- answers ---- */

static struct bytes encode(struct signer_group *group, struct member *row)
{
	row->answer.seq = signer_store_seq(group->signer->store);
	group->encoded.len = 0;
	CHECK(authz_submit_answer_put(&row->answer, &group->encoded) == STATUS_OK);
	return buffer_bytes(&group->encoded);
}

static bool is_kept(const struct signer_group *group, const struct member *row)
{
	return row->lowers && row->batch <= signer_store_committed(group->signer->store);
}

static struct bytes refusal(struct signer_group *group, const struct member *row)
{
	const char *text =
	    is_kept(group, row) ? "it is in force and in the store, and goes with the TPM's next "
	                          "write, of which there is none now; until then a stop of the "
	                          "machine does not undo it, but who then puts an older store in "
	                          "its place does"
	    : row->lowers ? "it is in force; the store has not confirmed it, so a stop of the "
	                    "machine now could lose it"
	                  : "the store has not confirmed the change; ask for its state before "
	                    "trying again";

	group->encoded.len = 0;
	CHECK(authz_refusal_put(bytes_of_text(call_result_code(CALL_RESULT_NO_ANSWER)),
	                        bytes_of_text(text), &group->encoded) == STATUS_OK);
	return buffer_bytes(&group->encoded);
}

/* One that the authority does not take is sent again for a while, then lost, not the change. */
static void answer(struct signer_group *group, struct member *row, bool is_durable)
{
	struct signer *signer = group->signer;
	struct call_change_answer head = {
	    .id = row->request, .result = (uint32_t)(is_durable ? STATUS_OK : STATUS_REFUSED)};
	struct bytes said = is_durable ? encode(group, row) : refusal(group, row);

	group->message.len = 0;
	CHECK(buffer_put(&group->message, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&group->message, said) == STATUS_OK);
	if (ipc_put(signer->authority, CALL_CHANGE_ANSWER, buffer_bytes(&group->message)) !=
	        STATUS_BUSY ||
	    signer->now_ms - row->came_ms > SIGNER_CHANGE_DEADLINE_MS + SIGNER_ANSWER_WAIT_MS)
		row->request = 0;
	secret_wipe(group->encoded.data, group->encoded.len);
	secret_wipe(group->message.data, group->message.len);
}

static void pump_row(struct signer_group *group, struct member *row)
{
	struct signer *signer = group->signer;
	bool is_durable;

	if (row->batch == UNWRITTEN)
		row->batch = signer_state_lowered(&signer->state);
	is_durable = row->batch <= signer_store_bound(signer->store);
	if (is_durable && !row->settled)
		settle(group, row);
	if (row->request != 0 &&
	    (is_durable || signer->now_ms - row->came_ms > SIGNER_CHANGE_DEADLINE_MS))
		answer(group, row, is_durable);
	/* One that lowers has nothing to settle, and need not wait for nobody. */
	if (row->request == 0 && (is_durable || row->lowers))
		row->batch = 0;
}

void signer_group_pump(struct signer_group *group)
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++)
		if (group->rows[i].batch != 0)
			pump_row(group, &group->rows[i]);
}

void signer_group_drop(struct signer_group *group)
{
	for (size_t i = 0; i < SIGNER_GROUP_MAX; i++)
		group->rows[i].request = 0;
}
