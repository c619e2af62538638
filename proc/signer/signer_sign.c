/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_sign.h"

#include "base_check.h"
#include "signer_ticket.h"

#define TICKETS_SHARE  2 /* one client has at most so many times those that are free (A25) */
#define IDEMPOTENT_MAX 16384
#define SHARE_RETRY_MS 20

struct signer_sign *signer_sign_new(struct signer_sign_parts parts)
{
	struct signer_sign *sign = calloc(1, sizeof(*sign));

	CHECK(sign != NULL);
	sign->parts = parts;
	sign->tickets = calloc(SIGNER_TICKETS_MAX, sizeof(*sign->tickets));
	CHECK(sign->tickets != NULL);
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++)
		sign->free[i] = (uint8_t)(SIGNER_TICKETS_MAX - 1 - i);
	signer_cache_init(&sign->remembered, SIGNER_REMEMBERED_MAX,
	                  sizeof(struct signer_remembered));
	signer_cache_init(&sign->idempotents, IDEMPOTENT_MAX, sizeof(struct signer_idempotent));
	sign->out = (struct buffer){malloc(CALL_BRIDGE_SLOT_BYTES), CALL_BRIDGE_SLOT_BYTES, 0};
	CHECK(sign->out.data != NULL);
	return sign;
}

/* ---- taking a request ---- */

bool signer_sign_has_room(const struct signer_sign *sign)
{
	return sign->in_use < SIGNER_TICKETS_MAX;
}

/* What the bytes are decides what may be done with them; no client can say otherwise (L8). */
static enum call_result classify(struct signer_ticket *ticket)
{
	struct solana_error error;
	struct bytes message = ticket->request.message;
	enum status status = solana_classify_signable(message, &ticket->view, &error);

	if (status != STATUS_OK) {
		signer_ticket_note(ticket, CALL_RESULT_BYTES_MALFORMED, error.code, UINT32_MAX,
		                   bytes_of_text(solana_error_text(error.code)));
		return error.code == SOLANA_ERROR_AMBIGUOUS ? CALL_RESULT_BYTES_AMBIGUOUS
		                                            : CALL_RESULT_BYTES_MALFORMED;
	}
	ticket->is_transaction = ticket->view.kind == SOLANA_KIND_MESSAGE;
	if (ticket->request.constraint ==
	    (ticket->is_transaction ? CALL_CONSTRAINT_MESSAGE : CALL_CONSTRAINT_TRANSACTION))
		return CALL_RESULT_KIND_MISMATCH;
	if (!ticket->is_transaction)
		return CALL_RESULT_DONE;
	ticket->uses_nonce = solana_uses_nonce(&ticket->view);
	if (ticket->uses_nonce && signer_nonce_read(&ticket->view, &ticket->nonce))
		ticket->nonce_proven =
		    ticket->request.has_nonce_origin &&
		    signer_nonce_is_proven(ticket->nonce.value, ticket->request.nonce_origin);
	if (solana_fee_facts(&ticket->view, &ticket->fee, &error) == STATUS_OK)
		return CALL_RESULT_DONE;
	signer_ticket_note(ticket, CALL_RESULT_BYTES_MALFORMED, error.code, UINT32_MAX,
	                   bytes_of_text(solana_error_text(error.code)));
	return CALL_RESULT_BYTES_MALFORMED;
}

/* Copies what borrows from the ring's copy into the ticket. */
static void own_request(struct signer_ticket *ticket)
{
	struct call_sign_request *request = &ticket->request;

	memcpy(ticket->message, request->message.data, request->message.len);
	request->message.data = ticket->message;
	if (request->wallet.name.len != 0)
		memcpy(ticket->name, request->wallet.name.data, request->wallet.name.len);
	request->wallet.name.data = (const uint8_t *)ticket->name;
	keys_sha256(&request->token, 1, ticket->token_hash);
	request->token = bytes_of(NULL, 0);
	keys_sha256(&request->message, 1, ticket->message_hash);
}

/* Requests of a batch follow each other. One that comes without those before it (they came to a
 * signer that was not ready yet) belongs to nothing that could be signed as a whole: false. */
static bool join_batch(struct signer_sign *sign, struct signer_ticket *ticket)
{
	const struct call_sign_request *request = &ticket->request;
	struct signer_batch *left = sign->taking;

	ticket->batch = NULL;
	if ((request->flags & CALL_SIGN_ATOMIC) == 0 || request->batch_count < 2)
		return true;
	if (request->batch_index == 0) {
		sign->taking = NULL;
		/* The one before was never completed: the rest of it cannot come any more. */
		if (left != NULL) {
			left->aborted = true;
			if (left->live == 0)
				left->expected = 0;
		}
		for (size_t i = 0; sign->taking == NULL; i++) {
			CHECK(i <
			      SIGNER_TICKETS_MAX); /* each has a live ticket, and this is free */
			if (sign->batches[i].expected == 0)
				sign->taking = &sign->batches[i];
		}
		*sign->taking = (struct signer_batch){.expected = request->batch_count};
	}
	if (sign->taking == NULL || request->batch_index != sign->taking->seen ||
	    request->batch_count != sign->taking->expected)
		return false;
	ticket->batch = sign->taking;
	ticket->batch->live++;
	if (++ticket->batch->seen == ticket->batch->expected)
		sign->taking = NULL;
	return true;
}

/* What cannot be given is refused, not left out without a word. */
static enum call_result check_flags(struct signer_ticket *ticket)
{
	uint32_t flags = ticket->request.flags;

	if (ticket->request.has_nonce_origin && !ticket->nonce_proven) {
		signer_ticket_note(
		    ticket, CALL_RESULT_REQUEST_MALFORMED, 0, UINT32_MAX,
		    bytes_of_text("the nonce is not made of the blockhash that was named; "
		                  "leave nonce_blockhash out, or find the right one"));
		return CALL_RESULT_REQUEST_MALFORMED;
	}
	if ((flags & CALL_SIGN_EXPLAIN) != 0 && (flags & CALL_SIGN_DRY_RUN) == 0) {
		signer_ticket_note(ticket, CALL_RESULT_UNSUPPORTED, 0, UINT32_MAX,
		                   bytes_of_text("only a dry run is explained: ask /api/v1/check"));
		return CALL_RESULT_UNSUPPORTED;
	}
	return CALL_RESULT_DONE;
}

/* One client's requests leave tickets for the others' (A25): it may have twice as many at work as
 * none works on, so that one alone gets two thirds, two get two fifths each, and whoever comes next
 * still finds some. Whoever sends its token is it. Tickets with an answer are nobody's: a flood's
 * refusals, which wait for the ring, take nothing from others. */
static bool share_is_spent(const struct signer_sign *sign, const struct signer_ticket *ticket)
{
	size_t all = 0, same = 0;

	if (sign->in_use <= TICKETS_SHARE * (SIGNER_TICKETS_MAX - sign->in_use))
		return false; /* this one and fewer others */
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++) {
		const struct signer_ticket *other = &sign->tickets[i];

		if (other == ticket || other->step == SIGNER_STEP_FREE ||
		    other->step == SIGNER_STEP_ANSWER)
			continue;
		all++;
		same += memcmp(other->token_hash, ticket->token_hash, 32) == 0;
	}
	return same != 0 && same >= TICKETS_SHARE * (SIGNER_TICKETS_MAX - 1 - all);
}

static void take_id(struct signer_sign *sign, uint8_t ret_id[32])
{
	if (sign->ids_left == 0) {
		keys_random(sign->ids, sizeof(sign->ids));
		sign->ids_left = SIGNER_IDS_AT_ONCE;
	}
	memcpy(ret_id, sign->ids[--sign->ids_left], 32);
}

enum status signer_sign_request(struct signer_sign *sign, struct bytes message, uint64_t now_ms)
{
	struct signer_ticket *ticket;
	enum call_result result;

	if (sign->in_use == SIGNER_TICKETS_MAX)
		return STATUS_BUSY;
	ticket = &sign->tickets[sign->free[SIGNER_TICKETS_MAX - 1 - sign->in_use]];
	CHECK(ticket->step == SIGNER_STEP_FREE);
	if (call_sign_take_request(message, &ticket->request) != STATUS_OK ||
	    ticket->request.message.len == 0 || ticket->request.message.len > LIMIT_MESSAGE_MAX)
		return STATUS_MALFORMED;
	own_request(ticket);
	ticket->answer = (struct call_sign_answer){.request = ticket->request.request};
	memcpy(ticket->answer.message_hash, ticket->message_hash, 32);
	ticket->decision.facts = (struct policy_facts){.lamports_out = 0};
	ticket->began_ms = now_ms;
	ticket->order = ++sign->order;
	ticket->area_len = ticket->grant_count = ticket->grant_at = 0;
	ticket->fuel_left = LIMIT_FUEL_PER_REQUEST;
	ticket->tally_count = ticket->limit_count = 0;
	ticket->is_transaction = ticket->uses_nonce = ticket->nonce_proven = false;
	ticket->again = ticket->describing = false;
	ticket->check_fuel = 0;
	ticket->sign = sign;
	take_id(sign, ticket->id);
	ticket->step = SIGNER_STEP_CLIENT;
	sign->in_use++;
	if (!join_batch(sign, ticket)) {
		signer_ticket_answer(ticket, CALL_RESULT_BATCH_ABORTED);
		return STATUS_OK;
	}
	result = classify(ticket);
	if (result == CALL_RESULT_DONE)
		result = check_flags(ticket);
	if (result == CALL_RESULT_DONE && share_is_spent(sign, ticket)) {
		ticket->answer.retry_after_ms = SHARE_RETRY_MS;
		result = CALL_RESULT_SHARE_SPENT;
	}
	if (result != CALL_RESULT_DONE)
		signer_ticket_answer(ticket, result);
	return STATUS_OK;
}

/* ---- who asks, and for what ---- */

/* The live client of a token hash; REFUSED when there is none. */
static enum status find_client(struct signer_state *state, struct signer_time *time,
                               const uint8_t token_hash[32], struct signer_client **ret_client)
{
	struct signer_time_now now = signer_time_read(time);
	struct signer_client *client;
	uint8_t id[32];
	enum status status = signer_state_by_token(state, token_hash, id);

	if (status == STATUS_OK)
		status = signer_state_client(state, id, &client);
	if (status == STATUS_NOT_FOUND)
		return STATUS_REFUSED;
	if (status != STATUS_OK)
		return status;
	/* A rotated token is still in the index and no longer in its client's record. */
	if (memcmp(client->record.token_hash, token_hash, 32) != 0 ||
	    signer_ticket_expired(client->record.expires_s, &now))
		return STATUS_REFUSED;
	*ret_client = client;
	return STATUS_OK;
}

enum status signer_sign_credential(struct signer_state *state, struct signer_time *time,
                                   struct bytes token, struct signer_client **ret_client)
{
	uint8_t hash[32];

	keys_sha256(&token, 1, hash);
	return find_client(state, time, hash, ret_client);
}

static void step_client(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_client *client;
	enum status status =
	    find_client(sign->parts.state, sign->parts.time, ticket->token_hash, &client);

	if (status == STATUS_BUSY)
		return;
	if (status == STATUS_REFUSED) {
		signer_ticket_answer(ticket, CALL_RESULT_TOKEN_REFUSED);
		return;
	}
	if (status != STATUS_OK) {
		signer_ticket_answer(ticket, signer_ticket_lost(status, CALL_RESULT_TOKEN_REFUSED));
		return;
	}
	ticket->client = client;
	ticket->answer.client_found = true;
	client->head.pins++;
	if (client->record.frozen || *sign->parts.frozen)
		signer_ticket_answer(ticket, CALL_RESULT_CLIENT_FROZEN);
	else
		ticket->step = SIGNER_STEP_WALLET;
}

enum status signer_sign_wallet(struct signer_state *state, const struct call_wallet *ref,
                               struct signer_wallet **ret_wallet)
{
	uint8_t id[32], hash[32];
	enum status status = STATUS_OK;

	switch (ref->kind) {
	case CALL_WALLET_NAME:
		signer_state_name_hash(ref->name, hash);
		status = signer_state_by_name(state, hash, id);
		break;
	case CALL_WALLET_ADDRESS:
		status = signer_state_by_address(state, ref->key, id);
		break;
	case CALL_WALLET_ID:
		memcpy(id, ref->key, 32);
		break;
	default:
		return STATUS_NOT_FOUND;
	}
	return status == STATUS_OK ? signer_state_wallet(state, id, ret_wallet) : status;
}

/* The wallet's live grants for this client, oldest first, or the one that was named. */
static void choose_grants(struct signer_ticket *ticket)
{
	const struct authz_wallet_record *wallet = &ticket->wallet->record;

	for (size_t i = 0; i < wallet->grant_count; i++) {
		const struct authz_grant_entry *entry = &wallet->grants[i];

		if (memcmp(entry->client, ticket->client->record.id, 32) != 0)
			continue;
		if (ticket->request.has_grant) {
			if (memcmp(entry->grant, ticket->request.grant, 32) != 0)
				continue;
			if (!entry->live) {
				ticket->answer.result = CALL_RESULT_GRANT_REVOKED;
				continue;
			}
		}
		if (entry->live && ticket->grant_count < LIMIT_GRANTS_PER_CLIENT_MAX)
			memcpy(ticket->grants[ticket->grant_count++], entry->grant, 32);
	}
}

static void step_wallet(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_wallet *wallet;
	enum status status =
	    signer_sign_wallet(sign->parts.state, &ticket->request.wallet, &wallet);
	int signer;

	if (status == STATUS_BUSY)
		return;
	if (status != STATUS_OK) {
		signer_ticket_answer(ticket, signer_ticket_lost(status, CALL_RESULT_NO_GRANT));
		return;
	}
	ticket->wallet = wallet;
	wallet->head.pins++;
	choose_grants(ticket);
	signer_ticket_remembered_first(sign, ticket);
	if (ticket->grant_count == 0) {
		bool revoked = ticket->answer.result == CALL_RESULT_GRANT_REVOKED;
		bool ever = false;

		for (size_t i = 0; i < wallet->record.grant_count; i++)
			ever |= memcmp(wallet->record.grants[i].client, ticket->client->record.id,
			               32) == 0;
		/* Who never had a grant learns nothing, not even that the wallet exists (U6). */
		if (!ever)
			signer_ticket_answer(ticket, CALL_RESULT_NO_GRANT);
		else
			signer_ticket_refuse(ticket, revoked || !ticket->request.has_grant
			                                 ? CALL_RESULT_GRANT_REVOKED
			                                 : CALL_RESULT_NO_GRANT);
		return;
	}
	memcpy(ticket->answer.address, wallet->record.address, 32);
	ticket->answer.signer_count = ticket->view.required_signatures;
	signer = solana_find_signer(&ticket->view, wallet->record.address);
	if (signer == SOLANA_ABSENT) {
		signer_ticket_answer(ticket, CALL_RESULT_NOT_A_SIGNER);
		return;
	}
	ticket->answer.signer_index = (uint8_t)signer;
	ticket->step = SIGNER_STEP_GRANT;
}

/* ---- the pump ---- */

static bool send_answer(struct signer_sign *sign, struct signer_ticket *ticket)
{
	sign->out.len = 0;
	CHECK(call_sign_put_answer(&ticket->answer, &sign->out) == STATUS_OK);
	if (ipc_put(sign->parts.bridge, CALL_BRIDGE_SIGN_ANSWER, buffer_bytes(&sign->out)) !=
	    STATUS_BUSY)
		return true;
	sign->is_full = true;
	return false;
}

/* One of its batch was refused, so this one is not signed. Who had no wallet yet gets no receipt.
 */
static void abort_ticket(struct signer_ticket *ticket)
{
	if (ticket->wallet == NULL)
		signer_ticket_answer(ticket, CALL_RESULT_BATCH_ABORTED);
	else
		signer_ticket_refuse(ticket, CALL_RESULT_BATCH_ABORTED);
}

/* What it has waited for: at commit, for a lease or for the place of its receipt. */
static enum call_result lacks(const struct signer_sign *sign, const struct signer_ticket *ticket)
{
	bool is_kept = signer_receipts_are_kept(sign->parts.receipts);

	if (ticket->step == SIGNER_STEP_REFUSE || (ticket->step == SIGNER_STEP_COMMIT && !is_kept))
		return CALL_RESULT_RECEIPTS_FULL;
	if (ticket->step == SIGNER_STEP_COMMIT)
		return CALL_RESULT_LEASE_DRY;
	return ticket->step == SIGNER_STEP_CHECK ? CALL_RESULT_OVERLOADED
	                                         : CALL_RESULT_STORE_UNAVAILABLE;
}

static void late(struct signer_sign *sign, struct signer_ticket *ticket)
{
	/* A run in flight ends by itself; its ticket must stay until then. */
	if (sign->now_ms - ticket->began_ms < SIGNER_DEADLINE_MS ||
	    ticket->step == SIGNER_STEP_RUNNING || ticket->step == SIGNER_STEP_ANSWER)
		return;
	ticket->answer.retry_after_ms = 1000;
	signer_ticket_answer(ticket, lacks(sign, ticket));
}

static void advance(struct signer_sign *sign, struct signer_ticket *ticket)
{
	enum signer_step before;

	do {
		if (ticket->batch != NULL && ticket->batch->aborted &&
		    ticket->step != SIGNER_STEP_RUNNING && ticket->step != SIGNER_STEP_REFUSE &&
		    ticket->step != SIGNER_STEP_ANSWER)
			abort_ticket(ticket);
		before = ticket->step;
		switch (ticket->step) {
		case SIGNER_STEP_CLIENT:
			step_client(sign, ticket);
			break;
		case SIGNER_STEP_WALLET:
			step_wallet(sign, ticket);
			break;
		case SIGNER_STEP_GRANT: {
			size_t at = ticket->grant_at;

			signer_judge_step_grant(sign, ticket);
			if (ticket->step == SIGNER_STEP_GRANT && ticket->grant_at != at)
				before = SIGNER_STEP_FREE; /* another grant: go on */
			break;
		}
		case SIGNER_STEP_CHECK:
			signer_judge_step_check(sign, ticket);
			break;
		case SIGNER_STEP_COMMIT:
			if (ticket->batch != NULL)
				signer_commit_batch(sign, ticket->batch);
			else
				signer_commit_step(sign, ticket);
			break;
		case SIGNER_STEP_REFUSE:
			signer_ticket_step_refuse(sign, ticket);
			break;
		case SIGNER_STEP_ANSWER:
			if (send_answer(sign, ticket))
				signer_ticket_free(sign, ticket);
			break;
		case SIGNER_STEP_RUNNING:
		case SIGNER_STEP_FREE:
			break;
		}
		if (ticket->step != SIGNER_STEP_FREE)
			late(sign, ticket);
	} while (ticket->step != before && ticket->step != SIGNER_STEP_FREE);
}

/* Oldest first, so that nobody waits for ever behind others. */
void signer_sign_pump(struct signer_sign *sign, uint64_t now_ms)
{
	struct signer_ticket *active[SIGNER_TICKETS_MAX];
	size_t count = 0;

	sign->now_ms = now_ms;
	sign->is_full = false;
	for (size_t i = 0; i < SIGNER_TICKETS_MAX && count < sign->in_use; i++) {
		struct signer_ticket *ticket = &sign->tickets[i];
		size_t at = count;

		if (ticket->step == SIGNER_STEP_FREE)
			continue;
		for (; at > 0 && active[at - 1]->order > ticket->order; at--)
			active[at] = active[at - 1];
		active[at] = ticket;
		count++;
	}
	for (size_t i = 0; i < count; i++)
		advance(sign, active[i]);
	/* The last of a batch signs for those that waited for it. */
	for (size_t i = 0; i < count; i++)
		if (active[i]->step == SIGNER_STEP_ANSWER)
			advance(sign, active[i]);
}

void signer_sign_drop_bridge(struct signer_sign *sign)
{
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++) {
		struct signer_ticket *ticket = &sign->tickets[i];

		if (ticket->step == SIGNER_STEP_RUNNING)
			ticket->abandoned = true;
		else if (ticket->step != SIGNER_STEP_FREE)
			signer_ticket_free(sign, ticket);
	}
}

bool signer_sign_idle(const struct signer_sign *sign)
{
	return sign->in_use == 0;
}

bool signer_sign_waits(const struct signer_sign *sign)
{
	size_t left = sign->in_use;

	if (left != 0 && !signer_check_is_brief(sign->parts.check))
		return true;
	for (size_t i = 0; left != 0; i++) {
		enum signer_step step = sign->tickets[i].step;

		if (step != SIGNER_STEP_FREE && step != SIGNER_STEP_CHECK &&
		    step != SIGNER_STEP_RUNNING)
			return true;
		left -= step != SIGNER_STEP_FREE;
	}
	return false;
}

bool signer_sign_is_full(const struct signer_sign *sign)
{
	return sign->is_full;
}

uint64_t signer_sign_signed(const struct signer_sign *sign)
{
	return sign->signed_count;
}

uint64_t signer_sign_refused(const struct signer_sign *sign)
{
	return sign->refused_count;
}
