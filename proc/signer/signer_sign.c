/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_sign.h"

#include <stdio.h>

#include "base_check.h"
#include "log_line.h"
#include "policy_charge.h"
#include "policy_floor.h"
#include "policy_text.h"
#include "policy_trust.h"

_Static_assert(CALL_REASON_TEXT_MAX <= AUTHZ_RECEIPT_TEXT_MAX &&
                   CALL_REASONS_MAX <= AUTHZ_RECEIPT_TRIED_MAX &&
                   CALL_FACT_TOKENS_MAX <= AUTHZ_RECEIPT_TOKENS_MAX,
               "what an answer says, its receipt holds");
_Static_assert(POLICY_TRUST_MAX == AUTHZ_RECEIPT_TRUST_MAX, "a fact is one");

/* A signature that was given out: the same bytes get it back and count once. */
struct remembered {
	struct signer_cache_head head; /* key: SHA-256 of wallet and message hash */
	uint8_t client[32], grant[32], decision[32];
	uint8_t signature[64];
	uint64_t boot, number;
};

/* An Idempotency-Key that was used: SHA-256 of client and key -> what it stood for. */
struct idempotent {
	struct signer_cache_head head;
	uint8_t wallet_and_message[32];
};

#define IDEMPOTENT_MAX 16384
#define IDS_AT_ONCE    64 /* drawn with one system call */
#define SHARE_RETRY_MS 20

struct signer_sign {
	struct signer_sign_parts parts;
	struct signer_ticket *tickets;
	size_t in_use; /* tickets that are not free; the others stand in `free` */
	uint8_t free[SIGNER_TICKETS_MAX];
	uint8_t ids[IDS_AT_ONCE][32]; /* random; `ids_left` of them for tickets to come */
	size_t ids_left;
	uint64_t order;
	struct signer_batch batches[SIGNER_TICKETS_MAX];
	struct signer_batch *taking; /* the atomic batch whose requests are coming in */
	struct signer_cache remembered, idempotents;
	uint64_t signed_count, refused_count;
	struct buffer out;
	uint64_t now_ms;
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void hash_parts(const struct bytes *parts, size_t count, uint8_t ret_hash[32])
{
	keys_sha256(parts, count, ret_hash);
}

struct signer_sign *signer_sign_new(struct signer_sign_parts parts)
{
	struct signer_sign *sign = calloc(1, sizeof(*sign));

	CHECK(sign != NULL);
	sign->parts = parts;
	sign->tickets = calloc(SIGNER_TICKETS_MAX, sizeof(*sign->tickets));
	CHECK(sign->tickets != NULL);
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++)
		sign->free[i] = (uint8_t)(SIGNER_TICKETS_MAX - 1 - i);
	signer_cache_init(&sign->remembered, SIGNER_REMEMBERED_MAX, sizeof(struct remembered));
	signer_cache_init(&sign->idempotents, IDEMPOTENT_MAX, sizeof(struct idempotent));
	sign->out = (struct buffer){malloc(CALL_BRIDGE_SLOT_BYTES), CALL_BRIDGE_SLOT_BYTES, 0};
	CHECK(sign->out.data != NULL);
	return sign;
}

/* ---- ending a ticket ---- */

static void unpin(void *entry)
{
	if (entry != NULL)
		((struct signer_cache_head *)entry)->pins--;
}

static void free_ticket(struct signer_sign *sign, struct signer_ticket *ticket)
{
	CHECK(sign->in_use > 0);
	sign->in_use--;
	sign->free[SIGNER_TICKETS_MAX - 1 - sign->in_use] = (uint8_t)(ticket - sign->tickets);
	if (ticket->batch != NULL && --ticket->batch->live == 0 &&
	    (ticket->batch->seen == ticket->batch->expected || ticket->batch->aborted) &&
	    ticket->sign->taking != ticket->batch)
		ticket->batch->expected = 0;
	ticket->batch = NULL;
	unpin(ticket->client);
	unpin(ticket->wallet);
	unpin(ticket->grant);
	unpin(ticket->limits);
	ticket->limits = NULL;
	ticket->client = NULL;
	ticket->wallet = NULL;
	ticket->grant = NULL;
	ticket->step = SIGNER_STEP_FREE;
}

/* What the client is told. In an atomic batch one refusal is everybody's. */
static void answer(struct signer_ticket *ticket, enum call_result result)
{
	if (ticket->batch != NULL && result != CALL_RESULT_SIGNED && result != CALL_RESULT_ALLOWED)
		ticket->batch->aborted = true;
	ticket->answer.result = result;
	ticket->step = SIGNER_STEP_ANSWER;
}

/* Notes how one grant fared; the texts are the ticket's own. */
static struct call_reason *note_reason(struct signer_ticket *ticket, enum call_result result,
                                       uint32_t code, uint32_t instruction, struct bytes text)
{
	size_t at = ticket->answer.reason_count;
	struct call_reason *reason = &ticket->answer.reasons[at];
	size_t len = text.len < CALL_REASON_TEXT_MAX ? text.len : CALL_REASON_TEXT_MAX;

	CHECK(at < CALL_REASONS_MAX);
	/* Cut between characters, never inside one. */
	while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80)
		len--;
	/* Why a module was refused is told by a verifier, which is believed in nothing: a receipt
	 * with bytes that are no text could not be read again. */
	len = policy_text_clean(bytes_of(text.data, len), false, (uint8_t *)ticket->texts[at]);
	*reason = (struct call_reason){.result = (uint16_t)result,
	                               .code = code,
	                               .instruction = instruction < CALL_NO_INSTRUCTION
	                                                  ? (uint16_t)instruction
	                                                  : CALL_NO_INSTRUCTION,
	                               .text = bytes_of(ticket->texts[at], len)};
	if (ticket->grant != NULL)
		memcpy(reason->grant, ticket->grant->record.id, 32);
	ticket->answer.reason_count++;
	return reason;
}

/* Notes how the grant that is tried fared, and beside it what its module was asked. */
static void note_tried(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                       uint32_t instruction, struct bytes text, uint64_t fuel)
{
	size_t at = ticket->answer.reason_count;

	note_reason(ticket, result, code, instruction, text)->fuel = fuel;
	memcpy(ticket->tried[at].module, ticket->grant->record.module, 32);
	memcpy(ticket->tried[at].parameters_hash, ticket->grant->parameters_hash, 32);
	memcpy(ticket->tried[at].request_hash, ticket->run.request_hash, 32);
}

static void fill_facts(struct authz_facts *facts, const struct policy_facts *from,
                       struct bytes request)
{
	struct policy_trusted trusted[POLICY_TRUST_MAX];

	*facts = (struct authz_facts){.lamports_out = from->lamports_out,
	                              .fee_lamports = from->fee_lamports,
	                              .tip_lamports = from->tip_lamports,
	                              .rent_lamports = from->rent_lamports,
	                              .wrapped_lamports = from->wrapped_lamports,
	                              .delegations = from->delegations,
	                              .authority_changes = from->authority_changes,
	                              .token_count = from->token_count};
	for (size_t i = 0; i < from->token_count; i++) {
		memcpy(facts->tokens[i].mint, from->tokens[i].mint, 32);
		facts->tokens[i].amount = from->tokens[i].amount;
	}
	facts->trusted_count = policy_trust(request, trusted);
	for (size_t i = 0; i < facts->trusted_count; i++) {
		memcpy(facts->trusted[i].program, trusted[i].program, 32);
		facts->trusted[i].writable = trusted[i].writable;
	}
}

/* The receipt of a decision. Needs signer_receipts_ready to have said OK in this very step. */
static void write_receipt(struct signer_sign *sign, struct signer_ticket *ticket, bool allowed)
{
	static struct authz_receipt receipt;
	struct signer_time_now now = signer_time_read(sign->parts.time);
	const struct call_sign_answer *said = &ticket->answer;

	receipt = (struct authz_receipt){
	    .decision = allowed ? AUTHZ_DECISION_ALLOW : AUTHZ_DECISION_DENY,
	    .result = (uint16_t)said->result,
	    .time_low_s = now.low_s,
	    .time_high_s = now.high_s,
	    .fuel_limit = LIMIT_FUEL_PER_REQUEST,
	    .engine = bytes_of_text(sign->parts.engine),
	    .tried_count = said->reason_count,
	    .has_facts = ticket->decision.facts.lamports_out != 0 || allowed,
	};
	/* Today every client shows its token to the bridge; a native session will not (A7). */
	receipt.flags = AUTHZ_RECEIPT_BRIDGE_TRUSTED;
	if (ticket->wallet->record.origin == AUTHZ_ORIGIN_IMPORTED)
		receipt.flags |= AUTHZ_RECEIPT_IMPORTED;
	if (ticket->wallet->record.exported != 0)
		receipt.flags |= AUTHZ_RECEIPT_EXPORTED;
	if (ticket->uses_nonce)
		receipt.flags |= AUTHZ_RECEIPT_NONCE;
	memcpy(receipt.wallet, ticket->wallet->record.id, 32);
	memcpy(receipt.client, ticket->client->record.id, 32);
	memcpy(receipt.ticket, ticket->id, 32);
	memcpy(receipt.message_hash, ticket->message_hash, 32);
	for (size_t i = 0; i < said->reason_count; i++) {
		struct authz_tried *tried = &receipt.tried[i];
		const struct call_reason *reason = &said->reasons[i];

		tried->result = reason->result;
		tried->reason = reason->code;
		tried->instruction = reason->instruction == CALL_NO_INSTRUCTION
		                         ? AUTHZ_NO_INSTRUCTION
		                         : reason->instruction;
		tried->fuel = reason->fuel;
		tried->text = reason->text;
		memcpy(tried->grant, reason->grant, 32);
		memcpy(tried->module, ticket->tried[i].module, 32);
		memcpy(tried->parameters_hash, ticket->tried[i].parameters_hash, 32);
		memcpy(tried->request_hash, ticket->tried[i].request_hash, 32);
	}
	if (receipt.has_facts)
		fill_facts(&receipt.facts, &ticket->decision.facts,
		           bytes_of(ticket->area, ticket->area_len));
	if (allowed) {
		const struct signer_grant *grant = ticket->grant;

		for (size_t i = 0; i < grant->record.counter_count; i++)
			if (ticket->tallies[SIGNER_TALLY_GRANT].charged[i] != 0)
				receipt.charges[receipt.charge_count++] = (struct authz_charge){
				    .counter = grant->record.counters[i].id,
				    .amount = ticket->tallies[SIGNER_TALLY_GRANT].charged[i]};
	}
	receipt.limit_count = ticket->limit_count;
	memcpy(receipt.limits, ticket->limit_rows, ticket->limit_count * sizeof(receipt.limits[0]));
	signer_receipts_add(sign->parts.receipts, &receipt,
	                    bytes_of(ticket->area, ticket->area_len));
	memcpy(ticket->answer.decision, ticket->id, 32);
	ticket->answer.boot = receipt.boot;
	ticket->answer.number = receipt.number;
}

/* Its text is not waited for any more, or is there: it stands at commit again. */
static void end_describe(struct signer_ticket *ticket)
{
	ticket->describing = false;
	memcpy(ticket->run.request_hash, ticket->checked_hash, 32);
	ticket->step = SIGNER_STEP_COMMIT;
}

/* A decision to refuse: its receipt comes first. At commit a module had said yes: the receipt says
 * so, for what it was asked is kept beside it. */
static void refuse(struct signer_ticket *ticket, enum call_result result)
{
	if (ticket->batch != NULL)
		ticket->batch->aborted = true;
	if (ticket->describing)
		end_describe(ticket);
	if (ticket->step == SIGNER_STEP_COMMIT) {
		ticket->answer.description = bytes_of(NULL, 0); /* of an allow that did not hold */
		note_tried(ticket, result, POLICY_REASON_NONE, UINT32_MAX,
		           bytes_of_text(call_result_text(result)), ticket->check_fuel);
	}
	ticket->answer.result = result;
	ticket->step = SIGNER_STEP_REFUSE;
}

/* A dry run decides nothing and leaves no receipt. */
static void step_refuse(struct signer_sign *sign, struct signer_ticket *ticket)
{
	enum call_result result = ticket->answer.result;
	enum status ready;

	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) == 0) {
		ready = signer_receipts_ready(sign->parts.receipts, ticket->wallet->record.id);
		if (ready == STATUS_BUSY)
			return;
		if (ready == STATUS_OK)
			write_receipt(sign, ticket, false);
		else
			result = CALL_RESULT_RECEIPTS_FULL;
	}
	sign->refused_count++;
	answer(ticket, result);
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
		note_reason(ticket, CALL_RESULT_BYTES_MALFORMED, error.code, UINT32_MAX,
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
	note_reason(ticket, CALL_RESULT_BYTES_MALFORMED, error.code, UINT32_MAX,
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
		note_reason(ticket, CALL_RESULT_REQUEST_MALFORMED, 0, UINT32_MAX,
		            bytes_of_text("the nonce is not made of the blockhash that was named; "
		                          "leave nonce_blockhash out, or find the right one"));
		return CALL_RESULT_REQUEST_MALFORMED;
	}
	if ((flags & CALL_SIGN_EXPLAIN) != 0 && (flags & CALL_SIGN_DRY_RUN) == 0) {
		note_reason(ticket, CALL_RESULT_UNSUPPORTED, 0, UINT32_MAX,
		            bytes_of_text("only a dry run is explained: ask /api/v1/check"));
		return CALL_RESULT_UNSUPPORTED;
	}
	return CALL_RESULT_DONE;
}

/* One client's requests leave tickets for the others' (A25): it may have twice as many as are free,
 * so that one alone gets two thirds, two get two fifths each, and whoever comes next still finds
 * some. Whoever sends its token is it. */
static bool share_is_spent(const struct signer_sign *sign, const struct signer_ticket *ticket)
{
	size_t left = SIGNER_TICKETS_MAX - sign->in_use, count = 0;

	if (sign->in_use <= SIGNER_TICKETS_SHARE * left)
		return false; /* this one and fewer others */
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++) {
		const struct signer_ticket *other = &sign->tickets[i];

		count += other != ticket && other->step != SIGNER_STEP_FREE &&
		         other->step != SIGNER_STEP_ANSWER &&
		         memcmp(other->token_hash, ticket->token_hash, 32) == 0;
	}
	return count != 0 && count >= SIGNER_TICKETS_SHARE * left;
}

static void take_id(struct signer_sign *sign, uint8_t ret_id[32])
{
	if (sign->ids_left == 0) {
		keys_random(sign->ids, sizeof(sign->ids));
		sign->ids_left = IDS_AT_ONCE;
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
		answer(ticket, CALL_RESULT_BATCH_ABORTED);
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
		answer(ticket, result);
	return STATUS_OK;
}

/* ---- who asks, and for what ---- */

/* A look-up that is neither OK nor BUSY: what the client is told. */
static enum call_result lost_result(enum status status, enum call_result absent)
{
	if (status == STATUS_NOT_FOUND)
		return absent;
	return status == STATUS_CORRUPT ? CALL_RESULT_STORE_CORRUPT : CALL_RESULT_STORE_UNAVAILABLE;
}

static bool expired(uint64_t expires_s, const struct signer_time_now *now)
{
	return expires_s != 0 && now->high_s >= expires_s;
}

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
	    expired(client->record.expires_s, &now))
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
		answer(ticket, CALL_RESULT_TOKEN_REFUSED);
		return;
	}
	if (status != STATUS_OK) {
		answer(ticket, lost_result(status, CALL_RESULT_TOKEN_REFUSED));
		return;
	}
	ticket->client = client;
	ticket->answer.client_found = true;
	client->head.pins++;
	if (client->record.frozen || *sign->parts.frozen)
		answer(ticket, CALL_RESULT_CLIENT_FROZEN);
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

static void remember_key(const struct signer_ticket *ticket, uint8_t ret_key[32])
{
	struct bytes parts[2] = {bytes_of(ticket->wallet->record.id, 32),
	                         bytes_of(ticket->message_hash, 32)};

	keys_sha256(parts, 2, ret_key);
}

/* The grant under which these bytes were signed before is looked at first: while it stands, they
 * get their signature back and count once, whatever is left of its limits. */
static void remembered_first(struct signer_sign *sign, struct signer_ticket *ticket)
{
	uint8_t key[32], grant[32];
	const struct remembered *known;
	size_t at = 0;

	remember_key(ticket, key);
	known = (const struct remembered *)signer_cache_find(&sign->remembered, key);
	if (known == NULL || memcmp(known->client, ticket->client->record.id, 32) != 0)
		return;
	while (at < ticket->grant_count && memcmp(ticket->grants[at], known->grant, 32) != 0)
		at++;
	if (at == ticket->grant_count)
		return;
	memcpy(grant, ticket->grants[at], 32);
	memmove(ticket->grants[1], ticket->grants[0], at * 32);
	memcpy(ticket->grants[0], grant, 32);
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
		answer(ticket, lost_result(status, CALL_RESULT_NO_GRANT));
		return;
	}
	ticket->wallet = wallet;
	wallet->head.pins++;
	choose_grants(ticket);
	remembered_first(sign, ticket);
	if (ticket->grant_count == 0) {
		bool revoked = ticket->answer.result == CALL_RESULT_GRANT_REVOKED;
		bool ever = false;

		for (size_t i = 0; i < wallet->record.grant_count; i++)
			ever |= memcmp(wallet->record.grants[i].client, ticket->client->record.id,
			               32) == 0;
		/* Who never had a grant learns nothing, not even that the wallet exists (U6). */
		if (!ever)
			answer(ticket, CALL_RESULT_NO_GRANT);
		else
			refuse(ticket, revoked || !ticket->request.has_grant
			                   ? CALL_RESULT_GRANT_REVOKED
			                   : CALL_RESULT_NO_GRANT);
		return;
	}
	memcpy(ticket->answer.address, wallet->record.address, 32);
	ticket->answer.signer_count = ticket->view.required_signatures;
	signer = solana_find_signer(&ticket->view, wallet->record.address);
	if (signer == SOLANA_ABSENT) {
		answer(ticket, CALL_RESULT_NOT_A_SIGNER);
		return;
	}
	ticket->answer.signer_index = (uint8_t)signer;
	ticket->step = SIGNER_STEP_GRANT;
}

/* ---- one grant ---- */

static void drop_grant(struct signer_ticket *ticket)
{
	unpin(ticket->grant);
	ticket->grant = NULL;
}

/* This grant does not allow it: on to the next, or to the end. */
static void next_grant(struct signer_ticket *ticket)
{
	drop_grant(ticket);
	ticket->grant_at++;
	ticket->step = SIGNER_STEP_GRANT;
}

static void grant_fails(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                        uint32_t instruction, struct bytes text, uint64_t fuel)
{
	ticket->answer.description = bytes_of(NULL, 0); /* of an allow that did not hold */
	note_tried(ticket, result, code, instruction, text, fuel);
	next_grant(ticket);
}

/* All grants were tried: the one reason when they agree or when a grant was named, else the
 * general one; every reason is in the answer. */
static void no_grant_left(struct signer_ticket *ticket)
{
	enum call_result result = CALL_RESULT_POLICY_DENIED;
	const struct call_sign_answer *said = &ticket->answer;

	if (said->reason_count != 0) {
		result = (enum call_result)said->reasons[0].result;
		for (size_t i = 1; i < said->reason_count; i++)
			if (said->reasons[i].result != said->reasons[0].result)
				result = CALL_RESULT_POLICY_DENIED;
	}
	if (!call_result_retryable(result))
		ticket->answer.retry_after_ms = 0;
	refuse(ticket, result);
}

/* What is never signed whatever a policy says, and durable nonces unless the grant names their
 * account (B8). */
static enum call_result floor_result(const struct signer_ticket *ticket, struct policy_floor *floor)
{
	const struct authz_grant_record *grant = &ticket->grant->record;

	*floor = policy_floor(&ticket->view, ticket->wallet->record.address, grant->nonce_accounts,
	                      grant->nonce_account_count);
	if (floor->reason == POLICY_REASON_NONE)
		return CALL_RESULT_DONE;
	if (!ticket->is_transaction)
		return CALL_RESULT_TEXT_RESERVED;
	return floor->reason == POLICY_REASON_NONCE ? CALL_RESULT_NONCE_REFUSED
	                                            : CALL_RESULT_FLOOR_REFUSED;
}

static bool has_window(const struct authz_wallet_record *wallet)
{
	bool has = false;

	for (size_t i = 0; i < wallet->limit_count; i++)
		has |= wallet->limits[i].window != AUTHZ_WINDOW_TOTAL;
	return has;
}

/* A grant with an end or a window says nothing when nobody knows what time it is (T4). */
static bool has_time(const struct authz_wallet_record *wallet,
                     const struct authz_grant_record *grant)
{
	bool has = grant->expires_s != 0 || has_window(wallet);

	for (size_t i = 0; i < grant->counter_count; i++)
		has |= grant->counters[i].window != AUTHZ_WINDOW_TOTAL;
	return has;
}

/* What the signer itself demands of a grant; read at the first look and again at commit. */
static enum call_result grant_state(struct signer_sign *sign, const struct signer_ticket *ticket)
{
	const struct authz_wallet_record *wallet = &ticket->wallet->record;
	const struct authz_grant_record *grant = &ticket->grant->record;
	struct signer_time_now now = signer_time_read(sign->parts.time);
	bool live = false;

	if (ticket->client->record.frozen || *sign->parts.frozen)
		return CALL_RESULT_CLIENT_FROZEN;
	if (wallet->frozen)
		return CALL_RESULT_WALLET_FROZEN;
	for (size_t i = 0; i < wallet->grant_count; i++)
		if (memcmp(wallet->grants[i].grant, grant->id, 32) == 0)
			live = wallet->grants[i].live;
	if (!live)
		return CALL_RESULT_GRANT_REVOKED;
	if (expired(grant->expires_s, &now))
		return CALL_RESULT_GRANT_EXPIRED;
	if (has_time(wallet, grant) && !signer_time_is_known(sign->parts.time))
		return CALL_RESULT_TIME_UNPROVEN;
	if (now.low_s < grant->not_before_s)
		return CALL_RESULT_GRANT_NOT_YET;
	/* When a signature on a durable nonce is used nobody here knows: what a window counts would
	 * be of another time (A18). */
	return ticket->uses_nonce && has_window(wallet) ? CALL_RESULT_NONCE_REFUSED
	                                                : CALL_RESULT_DONE;
}

static const char *state_text(enum call_result state)
{
	return state == CALL_RESULT_NONCE_REFUSED
	           ? "the wallet has limits of an hour or a day; a durable nonce outlives them"
	           : call_result_text(state);
}

/* Contents of the pinned tables; BUSY while they are being loaded. The `*ret_held` entries are held
 * in the cache, whatever the status: the look-up of one must not drop another. */
static enum status gather_pins(struct signer_sign *sign, const struct signer_ticket *ticket,
                               struct policy_pin pins[LIMIT_TABLE_PINS_MAX],
                               struct signer_blob *held[LIMIT_TABLE_PINS_MAX], size_t *ret_held)
{
	const struct authz_grant_record *grant = &ticket->grant->record;

	*ret_held = 0;
	for (size_t i = 0; i < grant->pin_count; i++) {
		struct signer_blob *blob;
		enum status status =
		    signer_state_table(sign->parts.state, grant->pins[i].hash, &blob);

		if (status != STATUS_OK)
			return status;
		blob->head.pins++;
		held[(*ret_held)++] = blob;
		if (blob->len != (size_t)grant->pins[i].count * 32)
			return STATUS_CORRUPT;
		memcpy(pins[i].table, grant->pins[i].table, 32);
		pins[i].known = grant->pins[i].count;
		pins[i].entries = (const uint8_t(*)[32])blob->bytes;
	}
	return STATUS_OK;
}

/* ---- durable nonces: of those on one value one is carried out, so they count as the largest ----
 */

/* The row of the ticket's nonce, when that is proven to be one. */
static size_t nonce_row(const struct signer_ticket *ticket)
{
	size_t row = ticket->uses_nonce ? signer_nonce_find(ticket->grant, &ticket->nonce)
	                                : SIGNER_NONCE_NONE;

	if (row != SIGNER_NONCE_NONE && !ticket->nonce_proven && !ticket->grant->nonces[row].proven)
		row = SIGNER_NONCE_NONE;
	return row;
}

/* What would be added to a counter now. */
static uint64_t charge_of(const struct signer_ticket *ticket, size_t tally, size_t counter)
{
	uint64_t amount = ticket->tallies[tally].amounts[counter], counted;

	counted = tally == SIGNER_TALLY_GRANT
	              ? signer_nonce_counted(ticket->grant, nonce_row(ticket), counter)
	              : signer_nonce_counted_limit(ticket->grant, nonce_row(ticket), ticket->limits,
	                                           counter);
	return amount > counted ? amount - counted : 0;
}

static void raise_to(uint64_t *counted, const uint64_t *amounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (counted[i] < amounts[i])
			counted[i] = amounts[i];
}

/* Notes in its row, if there is one, what a transaction takes. */
static void count_nonce(const struct signer_ticket *ticket)
{
	const struct signer_tally *tallies = ticket->tallies;
	size_t row = ticket->uses_nonce ? signer_nonce_find(ticket->grant, &ticket->nonce)
	                                : SIGNER_NONCE_NONE;
	struct signer_nonce *nonce;

	if (row == SIGNER_NONCE_NONE)
		return;
	nonce = &ticket->grant->nonces[row];
	nonce->proven |= ticket->nonce_proven;
	raise_to(nonce->counted, tallies[SIGNER_TALLY_GRANT].amounts,
	         ticket->grant->meter.lease.count);
	if (ticket->tally_count <= SIGNER_TALLY_LIMITS)
		return;
	if (nonce->limits_version != ticket->limits->version)
		memset(nonce->limits_counted, 0, sizeof(nonce->limits_counted));
	nonce->limits_version = ticket->limits->version;
	raise_to(nonce->limits_counted, tallies[SIGNER_TALLY_LIMITS].amounts,
	         ticket->limits->meter.lease.count);
}

static size_t fill_counters(const struct signer_ticket *ticket, uint64_t time_low_s,
                            struct policy_counter counters[LIMIT_COUNTERS_MAX])
{
	const struct signer_grant *grant = ticket->grant;
	size_t row = nonce_row(ticket);

	for (size_t i = 0; i < grant->record.counter_count; i++) {
		const struct authz_counter_rule *rule = &grant->meter.rules[i];

		counters[i] = (struct policy_counter){
		    .unit = rule->unit,
		    .window = (uint32_t)rule->window - AUTHZ_WINDOW_TOTAL,
		    .cap = rule->cap,
		    .left = add_saturating(
		        authz_counter_left(rule, &grant->meter.lease.counters[i], time_low_s),
		        signer_nonce_counted(grant, row, i))};
		memcpy(counters[i].mint, rule->mint, 32);
	}
	return grant->record.counter_count;
}

_Static_assert(AUTHZ_WINDOW_HOUR - AUTHZ_WINDOW_TOTAL == POLICY_WINDOW_1H &&
                   AUTHZ_WINDOW_DAY - AUTHZ_WINDOW_TOTAL == POLICY_WINDOW_24H &&
                   (int)AUTHZ_UNIT_LAMPORTS == POLICY_UNIT_LAMPORTS &&
                   (int)AUTHZ_UNIT_MINT == POLICY_UNIT_MINT &&
                   (int)AUTHZ_UNIT_USES == POLICY_UNIT_USES,
               "a grant's counters are what the module is shown");

/* An answer with explain records cannot become a signature: only a dry run asks for them. */
static bool explains(const struct signer_ticket *ticket)
{
	const uint32_t both = CALL_SIGN_DRY_RUN | CALL_SIGN_EXPLAIN;

	return (ticket->request.flags & both) == both;
}

static void check_done(void *owner, const struct signer_check_result *result);
static enum status module_bytes(void *owner, const uint8_t hash[32], struct buffer *window);

/* Writes the check request of this ticket and grant; BUSY while something is being loaded. */
static enum status write_request(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_grant *grant = ticket->grant;
	struct signer_time_now now = signer_time_read(sign->parts.time);
	struct policy_counter counters[LIMIT_COUNTERS_MAX];
	struct policy_pin pins[LIMIT_TABLE_PINS_MAX];
	struct policy_input input = {
	    .mode = POLICY_MODE_CHECK,
	    .flags = explains(ticket) ? POLICY_FLAG_EXPLAIN : 0,
	    .wallet = ticket->wallet->record.address,
	    .view = &ticket->view,
	    .fee = ticket->is_transaction ? &ticket->fee : NULL,
	    .record = bytes_of(grant->parameters, grant->parameters_len),
	    .counters = counters,
	    .counter_count = fill_counters(ticket, now.low_s, counters),
	    .pins = pins,
	    .pin_count = grant->record.pin_count,
	    .time_low = now.low_s,
	    .time_high = now.high_s,
	    .atas = &grant->atas,
	    .ownership_proven = !ticket->wallet->record.ownership_lost,
	    .mints = &ticket->wallet->mints,
	    .sha256 = hash_parts,
	};
	struct buffer area = BUFFER_OF_ARRAY(ticket->area);
	uint32_t derivations = 0;
	struct signer_blob *held[LIMIT_TABLE_PINS_MAX];
	size_t held_count;
	enum status status = gather_pins(sign, ticket, pins, held, &held_count);

	if (status == STATUS_OK) {
		/* What was asked of the grant before goes, and the facts that are of it. */
		ticket->area_len = 0;
		ticket->decision.facts = (struct policy_facts){.lamports_out = 0};
		status = policy_request_encode(&input, &area, &derivations);
	}
	while (held_count > 0)
		unpin(held[--held_count]);
	if (status != STATUS_OK)
		return status;
	ticket->run = (struct signer_check_run){.owner = ticket,
	                                        .done = check_done,
	                                        .module = module_bytes,
	                                        .custom = !grant->record.known_module,
	                                        .what = CALL_CHECK_WHAT_CHECK,
	                                        .request = buffer_bytes(&area)};
	memcpy(ticket->run.ticket, ticket->id, 32);
	ticket->run.ticket[0] ^= (uint8_t)ticket->grant_at; /* one ticket, several grants */
	memcpy(ticket->run.module_hash, grant->record.module, 32);
	authz_user_id(&ticket->wallet->record.user_keys[0], ticket->run.user);
	ticket->run.fuel =
	    ticket->fuel_left < LIMIT_FUEL_PER_CHECK ? ticket->fuel_left : LIMIT_FUEL_PER_CHECK;
	keys_sha256(&ticket->run.request, 1, ticket->run.request_hash);
	ticket->sign = sign;
	return STATUS_OK;
}

/* What the same client got for the same bytes under the grant that is being tried, or NULL. */
static const struct remembered *find_remembered(struct signer_sign *sign,
                                                const struct signer_ticket *ticket)
{
	uint8_t key[32];
	const struct remembered *known;

	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) != 0)
		return NULL;
	remember_key(ticket, key);
	known = (const struct remembered *)signer_cache_find(&sign->remembered, key);
	if (known == NULL || memcmp(known->client, ticket->client->record.id, 32) != 0 ||
	    memcmp(known->grant, ticket->grant->record.id, 32) != 0)
		return NULL;
	return known;
}

/* The same bytes for the same wallet by the same client: the same signature, counted once. Freeze,
 * revocation and expiry of the grant that gave it were just read again. */
static bool give_again(struct signer_sign *sign, struct signer_ticket *ticket)
{
	const struct remembered *known = find_remembered(sign, ticket);

	if (known == NULL)
		return false;
	memcpy(ticket->answer.signature, known->signature, 64);
	memcpy(ticket->answer.decision, known->decision, 32);
	ticket->answer.boot = known->boot;
	ticket->answer.number = known->number;
	ticket->answer.repeated = true;
	answer(ticket, CALL_RESULT_SIGNED);
	return true;
}

static void step_grant(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_grant *grant;
	enum call_result result;
	struct policy_floor floor;
	enum status status;

	if (ticket->grant_at == ticket->grant_count || ticket->fuel_left == 0) {
		no_grant_left(ticket);
		return;
	}
	status = signer_state_grant(sign->parts.state, ticket->grants[ticket->grant_at], &grant);
	if (status == STATUS_BUSY)
		return;
	if (status != STATUS_OK) {
		answer(ticket, lost_result(status, CALL_RESULT_STORE_CORRUPT));
		return;
	}
	drop_grant(ticket);
	ticket->grant = grant;
	ticket->limit_count = 0;
	grant->head.pins++;
	memset(ticket->run.request_hash, 0, 32);
	ticket->check_fuel = 0;
	result = grant_state(sign, ticket);
	if (result == CALL_RESULT_CLIENT_FROZEN || result == CALL_RESULT_WALLET_FROZEN) {
		refuse(ticket, result);
		return;
	}
	if (result != CALL_RESULT_DONE) {
		grant_fails(ticket, result, 0, UINT32_MAX, bytes_of_text(state_text(result)), 0);
		return;
	}
	ticket->again = find_remembered(sign, ticket) != NULL;
	if (ticket->again) {
		ticket->step = SIGNER_STEP_COMMIT;
		return;
	}
	result = floor_result(ticket, &floor);
	if (result != CALL_RESULT_DONE) {
		grant_fails(ticket, result, floor.reason, floor.instruction,
		            bytes_of_text(floor.text), 0);
		return;
	}
	status = write_request(sign, ticket);
	if (status == STATUS_OK)
		ticket->step = SIGNER_STEP_CHECK;
	else if (status == STATUS_REFUSED || status == STATUS_TOO_LARGE)
		grant_fails(ticket, CALL_RESULT_POLICY_DENIED, POLICY_REASON_TOO_MANY, UINT32_MAX,
		            bytes_of_text("too large for a policy to be shown"), 0);
	else if (status != STATUS_BUSY)
		answer(ticket, lost_result(status, CALL_RESULT_STORE_CORRUPT));
}

static void step_check(struct signer_sign *sign, struct signer_ticket *ticket)
{
	/* Until a verifier has room the ticket waits; its deadline bounds that. */
	if (signer_check_begin(sign->parts.check, &ticket->run, sign->now_ms) == STATUS_OK)
		ticket->step = SIGNER_STEP_RUNNING;
}

static enum status module_bytes(void *owner, const uint8_t hash[32], struct buffer *window)
{
	const struct signer_ticket *ticket = (const struct signer_ticket *)owner;
	struct signer_blob *blob;
	enum status status = signer_state_module(ticket->sign->parts.state, hash, &blob);

	return status == STATUS_OK ? buffer_put(window, bytes_of(blob->bytes, blob->len)) : status;
}

/* ---- the verdict ---- */

/* How much of each counter this transaction takes: what the module charges, and never less than the
 * facts say; a use for each counter of uses. */
static void count_charges(struct signer_ticket *ticket)
{
	const struct policy_decision *decision = &ticket->decision;
	struct signer_tally *tally = &ticket->tallies[SIGNER_TALLY_GRANT];

	tally->meter = &ticket->grant->meter;
	ticket->tally_count = 1;
	memset(tally->amounts, 0, sizeof(tally->amounts));
	for (size_t i = 0; i < decision->charge_count; i++)
		tally->amounts[decision->charges[i].counter] = decision->charges[i].amount;
	for (size_t i = 0; i < tally->meter->lease.count; i++) {
		const struct authz_counter_rule *rule = &tally->meter->rules[i];
		uint64_t least = policy_charge_least(&decision->facts, rule->unit, rule->mint);

		if (rule->unit == AUTHZ_UNIT_USES || tally->amounts[i] < least)
			tally->amounts[i] = least;
	}
}

/* What it takes of the wallet's limits, by the facts alone: no module knows them. */
static enum status count_limits(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_tally *tally = &ticket->tallies[SIGNER_TALLY_LIMITS];
	enum status status;

	ticket->tally_count = 1;
	if (ticket->wallet->record.limit_count == 0)
		return STATUS_OK;
	if (ticket->limits == NULL) {
		status = signer_state_limits(sign->parts.state, ticket->wallet, &ticket->limits);
		if (status != STATUS_OK)
			return status;
		ticket->limits->head.pins++;
	}
	signer_meter_follow(ticket->limits, &ticket->wallet->record);
	tally->meter = &ticket->limits->meter;
	for (size_t i = 0; i < tally->meter->lease.count; i++)
		tally->amounts[i] =
		    policy_charge_least(&ticket->decision.facts, tally->meter->rules[i].unit,
		                        tally->meter->rules[i].mint);
	ticket->tally_count = 2;
	return STATUS_OK;
}

/* Facts below what the fee alone is are no facts (A19). Nor are those of custom code below what
 * anybody sees leave: its author would be asked what a cap counts. */
static bool facts_hold_what_is_seen(const struct signer_ticket *ticket)
{
	const struct policy_facts *facts = &ticket->decision.facts;
	bool pays_fee = ticket->is_transaction && ticket->answer.signer_index == 0;
	uint64_t seen = pays_fee ? ticket->fee.worst_fee_lamports : 0;

	if (pays_fee && facts->fee_lamports < ticket->fee.worst_fee_lamports)
		return false;
	if (ticket->is_transaction && !ticket->grant->record.known_module)
		seen = add_saturating(
		    seen, policy_lamports_seen(&ticket->view, ticket->wallet->record.address));
	return facts->lamports_out >= seen;
}

/* A module sees what is left of each counter and refuses before the signer would. When only windows
 * are spent, waiting helps, and the client is told so. */
static enum call_result denied_result(struct signer_ticket *ticket)
{
	const struct signer_grant *grant = ticket->grant;
	uint64_t time_low_s = signer_time_read(ticket->sign->parts.time).low_s;
	uint64_t wait_s = 0;

	if (ticket->decision.reason != POLICY_REASON_COUNTER)
		return CALL_RESULT_POLICY_DENIED;
	count_charges(ticket);
	for (size_t i = 0; i < grant->meter.lease.count; i++) {
		const struct authz_counter_rule *rule = &grant->meter.rules[i];

		if (charge_of(ticket, SIGNER_TALLY_GRANT, i) <=
		    authz_counter_left(rule, &grant->meter.lease.counters[i], time_low_s))
			continue;
		if (rule->window == AUTHZ_WINDOW_TOTAL ||
		    ticket->tallies[SIGNER_TALLY_GRANT].amounts[i] > rule->cap)
			return CALL_RESULT_POLICY_DENIED;
		if (wait_s < authz_counter_width_s(rule->window))
			wait_s = authz_counter_width_s(rule->window);
	}
	if (wait_s == 0)
		return CALL_RESULT_POLICY_DENIED;
	ticket->answer.retry_after_ms = (uint32_t)(1000 * wait_s);
	return CALL_RESULT_WINDOW_SPENT;
}

/* The module's text; of an explained denial, then every constraint that failed, as far as a
 * reason's text reaches. */
static size_t explain_text(const struct policy_decision *decision, struct bytes answer, char *text,
                           size_t cap)
{
	size_t len = decision->text_len < cap ? decision->text_len : cap - 1;

	memcpy(text, decision->text, len);
	for (uint32_t i = 0; i < decision->explain_count; i++) {
		struct policy_constraint failed;
		int more;

		policy_answer_explain(answer, i, &failed);
		if (failed.holds)
			continue;
		more = snprintf(text + len, cap - len, "%s%s: expected %s, found %s",
		                len == 0 ? "" : "; ", failed.name, failed.expected, failed.actual);
		if (more < 0 || (size_t)more >= cap - len)
			break; /* whole constraints or none */
		len += (size_t)more;
	}
	return len;
}

/* Asks the module that allowed the transaction for its text: the same request in another mode. */
static void begin_describe(struct signer_ticket *ticket)
{
	struct policy_request *head = (struct policy_request *)(void *)ticket->shown;

	memcpy(ticket->shown, ticket->area, ticket->area_len);
	head->mode = POLICY_MODE_DESCRIBE_TRANSACTION;
	head->flags = 0;
	memcpy(ticket->checked_hash, ticket->run.request_hash, 32);
	ticket->run.what = CALL_CHECK_WHAT_DESCRIBE;
	ticket->run.request = bytes_of(ticket->shown, ticket->area_len);
	ticket->run.fuel = ticket->fuel_left < LIMIT_FUEL_PER_DESCRIPTION
	                       ? ticket->fuel_left
	                       : LIMIT_FUEL_PER_DESCRIPTION;
	ticket->run.ticket[31] ^= 0x80; /* a run of its own */
	keys_sha256(&ticket->run.request, 1, ticket->run.request_hash);
	ticket->describing = true;
	ticket->step = SIGNER_STEP_CHECK;
}

/* Whatever became of the text, the verdict stands. */
static void take_description(struct signer_ticket *ticket, const struct signer_check_result *result)
{
	static struct policy_decision said;
	size_t len;

	end_describe(ticket);
	if (result->end != SIGNER_CHECK_ANSWERED ||
	    policy_answer_decode(result->answer, bytes_of(ticket->shown, ticket->area_len),
	                         &said) != STATUS_OK)
		return;
	len = said.text_len < CALL_DESCRIPTION_MAX ? said.text_len : CALL_DESCRIPTION_MAX;
	/* Cut between characters, never inside one. */
	while (len < said.text_len && len > 0 && ((uint8_t)said.text[len] & 0xc0) == 0x80)
		len--;
	memcpy(ticket->description, said.text, len);
	ticket->answer.description = bytes_of(ticket->description, len);
}

static void take_answer(struct signer_ticket *ticket, const struct signer_check_result *result)
{
	static char text[CALL_REASON_TEXT_MAX + 1];
	enum status status = policy_answer_decode(
	    result->answer, bytes_of(ticket->area, ticket->area_len), &ticket->decision);

	if (status == STATUS_OK && verdict_allows(ticket->decision.verdict)) {
		count_charges(ticket);
		status = facts_hold_what_is_seen(ticket) ? STATUS_OK : STATUS_REFUSED;
	}
	if (status != STATUS_OK) {
		ticket->decision = (struct policy_decision){.reason = POLICY_REASON_BAD_ANSWER};
		grant_fails(ticket, CALL_RESULT_POLICY_DENIED, POLICY_REASON_BAD_ANSWER, UINT32_MAX,
		            bytes_of_text("the module's answer breaks the rules of the ABI"),
		            result->fuel);
		return;
	}
	if (verdict_allows(ticket->decision.verdict)) {
		ticket->check_fuel = result->fuel;
		ticket->step = SIGNER_STEP_COMMIT;
		if ((ticket->request.flags & CALL_SIGN_DESCRIBE) != 0 && ticket->fuel_left != 0)
			begin_describe(ticket);
		return;
	}
	size_t len = explain_text(&ticket->decision, result->answer, text, sizeof(text));
	grant_fails(ticket, denied_result(ticket), ticket->decision.reason,
	            ticket->decision.instruction, bytes_of(text, len), result->fuel);
}

static void check_done(void *owner, const struct signer_check_result *result)
{
	struct signer_ticket *ticket = (struct signer_ticket *)owner;
	struct signer_sign *sign = ticket->sign;

	if (ticket->abandoned) {
		ticket->abandoned = false;
		free_ticket(sign, ticket);
		return;
	}
	ticket->fuel_left -= result->fuel < ticket->fuel_left ? result->fuel : ticket->fuel_left;
	if (ticket->describing) {
		take_description(ticket, result);
		return;
	}
	ticket->area_len = ticket->run.request.len;
	switch (result->end) {
	case SIGNER_CHECK_ANSWERED:
		take_answer(ticket, result);
		return;
	case SIGNER_CHECK_TRAPPED:
		grant_fails(ticket, CALL_RESULT_POLICY_TRAPPED, POLICY_REASON_TRAP, UINT32_MAX,
		            bytes_of_text(call_result_text(CALL_RESULT_POLICY_TRAPPED)),
		            result->fuel);
		return;
	case SIGNER_CHECK_OUT_OF_FUEL:
		grant_fails(
		    ticket, CALL_RESULT_POLICY_OUT_OF_FUEL, POLICY_REASON_OUT_OF_FUEL, UINT32_MAX,
		    bytes_of_text(call_result_text(CALL_RESULT_POLICY_OUT_OF_FUEL)), result->fuel);
		return;
	case SIGNER_CHECK_REFUSED:
		grant_fails(ticket, CALL_RESULT_POLICY_DENIED, POLICY_REASON_BAD_MODULE, UINT32_MAX,
		            result->text, result->fuel);
		return;
	case SIGNER_CHECK_LOST:
		/* The verifier died in the middle: refused, and safe to ask again (C5). */
		sign->refused_count++;
		answer(ticket, CALL_RESULT_VERIFIER_FAILED);
		return;
	}
}

/* ---- commit ---- */

static void remember(struct signer_sign *sign, const struct signer_ticket *ticket)
{
	uint8_t key[32];
	struct remembered *known;

	remember_key(ticket, key);
	known = (struct remembered *)signer_cache_claim(&sign->remembered, key);
	if (known == NULL)
		return;
	known->head.state = SIGNER_CACHED_READY;
	memcpy(known->client, ticket->client->record.id, 32);
	memcpy(known->grant, ticket->grant->record.id, 32);
	memcpy(known->decision, ticket->id, 32);
	memcpy(known->signature, ticket->answer.signature, 64);
	known->boot = ticket->answer.boot;
	known->number = ticket->answer.number;
}

/* An Idempotency-Key names one request of one client; other bytes under it are a mistake. */
static bool idempotency_fits(struct signer_sign *sign, const struct signer_ticket *ticket)
{
	struct bytes parts[2] = {bytes_of(ticket->client->record.id, 32),
	                         bytes_of(ticket->request.idempotency, 32)};
	uint8_t key[32], what[32];
	struct idempotent *used;

	if (!ticket->request.has_idempotency)
		return true;
	keys_sha256(parts, 2, key);
	remember_key(ticket, what);
	used = (struct idempotent *)signer_cache_claim(&sign->idempotents, key);
	if (used == NULL)
		return true;
	if (used->head.state == SIGNER_CACHED_READY)
		return memcmp(used->wallet_and_message, what, 32) == 0;
	used->head.state = SIGNER_CACHED_READY;
	memcpy(used->wallet_and_message, what, 32);
	return true;
}

/* The wallet's limits as they stand where they decide. */
static void note_limits(struct signer_ticket *ticket, uint64_t time_low_s)
{
	const struct signer_meter *meter = ticket->tallies[SIGNER_TALLY_LIMITS].meter;

	ticket->limit_count = 0;
	if (ticket->tally_count <= SIGNER_TALLY_LIMITS)
		return;
	for (size_t i = 0; i < meter->lease.count; i++)
		ticket->limit_rows[ticket->limit_count++] = (struct authz_limit_row){
		    .rule = meter->rules[i],
		    .left =
		        authz_counter_left(&meter->rules[i], &meter->lease.counters[i], time_low_s),
		    .amount = charge_of(ticket, SIGNER_TALLY_LIMITS, i)};
}

/* Which refusal it is that counter `at` of a tally does not take `amount`. */
static enum call_result passed(const struct signer_ticket *ticket, size_t tally, size_t at,
                               uint64_t amount)
{
	const struct authz_counter_rule *rule = &ticket->tallies[tally].meter->rules[at];
	/* What fits an empty window will fit again; what does not never will. */
	bool waits = rule->window != AUTHZ_WINDOW_TOTAL && amount <= rule->cap;

	if (tally == SIGNER_TALLY_LIMITS)
		return waits ? CALL_RESULT_WALLET_WINDOW_SPENT : CALL_RESULT_WALLET_CAP_EXCEEDED;
	if (at == ticket->grant->record.counter_count)
		return CALL_RESULT_GRANT_USED_UP;
	return waits ? CALL_RESULT_WINDOW_SPENT : CALL_RESULT_CAP_EXCEEDED;
}

/* Whether every counter, of the grant and of the wallet, takes its charge: DONE; a result that
 * refuses; or LEASE_DRY: wait. */
static enum call_result counters_cover(struct signer_ticket *ticket, uint64_t time_low_s)
{
	enum call_result result = CALL_RESULT_DONE;

	for (size_t t = 0; t < ticket->tally_count; t++) {
		const struct signer_meter *meter = ticket->tallies[t].meter;

		for (size_t i = 0; i < meter->lease.count; i++) {
			uint64_t amount = charge_of(ticket, t, i);
			enum status status = authz_counter_covers(
			    &meter->rules[i], &meter->lease.counters[i], amount, time_low_s);

			if (status == STATUS_REFUSED)
				return passed(ticket, t, i, amount);
			if (status != STATUS_OK)
				result = CALL_RESULT_LEASE_DRY;
		}
	}
	return result;
}

static void charge(struct signer_ticket *ticket, uint64_t time_low_s)
{
	note_limits(ticket, time_low_s);
	for (size_t t = 0; t < ticket->tally_count; t++)
		for (size_t i = 0; i < ticket->tallies[t].meter->lease.count; i++)
			ticket->tallies[t].charged[i] = charge_of(ticket, t, i);
	count_nonce(ticket);
	for (size_t t = 0; t < ticket->tally_count; t++) {
		struct signer_meter *meter = ticket->tallies[t].meter;

		for (size_t i = 0; i < meter->lease.count; i++)
			authz_counter_charge(&meter->rules[i], &meter->lease.counters[i],
			                     ticket->tallies[t].charged[i], time_low_s);
	}
}

/* Renews the leases that begin to run dry. Never between the charges of one batch: a state that is
 * being written may cover less than the lease that they were measured against. */
static void renew_if_due(struct signer_sign *sign, struct signer_ticket *ticket,
                         uint64_t time_low_s)
{
	for (size_t t = 0; t < ticket->tally_count; t++) {
		struct signer_meter *meter = ticket->tallies[t].meter;
		bool due = false;

		for (size_t i = 0; i < meter->lease.count; i++)
			due |= authz_counter_lease_due(&meter->rules[i], &meter->lease.counters[i],
			                               time_low_s);
		if (due)
			signer_meter_renew(sign->parts.state, meter, NULL);
	}
}

/* Has those leases written that do not cover the charge. */
static void renew_dry(struct signer_sign *sign, const struct signer_ticket *ticket,
                      uint64_t time_low_s)
{
	for (size_t t = 0; t < ticket->tally_count; t++) {
		struct signer_meter *meter = ticket->tallies[t].meter;
		uint64_t wanted[LIMIT_COUNTERS_MAX + 1] = {0};
		bool dry = false;

		for (size_t i = 0; i < meter->lease.count; i++) {
			wanted[i] = charge_of(ticket, t, i);
			dry |= authz_counter_covers(&meter->rules[i], &meter->lease.counters[i],
			                            wanted[i], time_low_s) != STATUS_OK;
		}
		if (dry)
			signer_meter_renew(sign->parts.state, meter, wanted);
	}
}

static void finish_facts(struct signer_ticket *ticket)
{
	const struct policy_facts *facts = &ticket->decision.facts;
	struct call_sign_answer *said = &ticket->answer;

	said->lamports_out = facts->lamports_out;
	said->fee_lamports = facts->fee_lamports;
	said->token_count =
	    facts->token_count < CALL_FACT_TOKENS_MAX ? facts->token_count : CALL_FACT_TOKENS_MAX;
	for (size_t i = 0; i < said->token_count; i++) {
		memcpy(said->tokens[i].mint, facts->tokens[i].mint, 32);
		said->tokens[i].amount = facts->tokens[i].amount;
	}
}

/* Signs into the answer; what was charged stays charged: at least once, never less. */
static enum status make_signature(struct signer_sign *sign, struct signer_ticket *ticket)
{
	const struct authz_wallet_record *wallet = &ticket->wallet->record;
	enum status status = signer_vault_sign(sign->parts.vault, wallet->id,
	                                       bytes_of(wallet->sealed_key, wallet->sealed_key_len),
	                                       ticket->request.message, ticket->answer.signature);

	if (status != STATUS_OK)
		memset(ticket->answer.signature, 0, sizeof(ticket->answer.signature));
	return status;
}

/* Lamports as counters count them: wrapped SOL that is sold is one with them. */
static struct signer_ceiling_ask ceiling_ask(const struct signer_ticket *ticket)
{
	return (struct signer_ceiling_ask){
	    .client = ticket->client->record.id,
	    .wallet = ticket->wallet->record.id,
	    .lamports = policy_charge_least(&ticket->decision.facts, POLICY_UNIT_LAMPORTS, NULL)};
}

/* The receipt of a signature that was made, and the answer that hands it out. */
static void hand_out(struct signer_sign *sign, struct signer_ticket *ticket)
{
	struct signer_ceiling_ask ask;

	note_tried(ticket, CALL_RESULT_SIGNED, POLICY_REASON_NONE, UINT32_MAX, bytes_of(NULL, 0),
	           ticket->check_fuel);
	finish_facts(ticket);
	ticket->answer.result = CALL_RESULT_SIGNED;
	write_receipt(sign, ticket, true);
	remember(sign, ticket);
	sign->signed_count++;
	ask = ceiling_ask(ticket);
	signer_ceiling_count(sign->parts.ceiling, &ask, sign->now_ms);
	answer(ticket, CALL_RESULT_SIGNED);
}

/* Charged and signed, in this one step; then the receipt. */
static void sign_it(struct signer_sign *sign, struct signer_ticket *ticket, uint64_t time_low_s)
{
	charge(ticket, time_low_s);
	if (make_signature(sign, ticket) == STATUS_OK)
		hand_out(sign, ticket);
	else
		answer(ticket, CALL_RESULT_STORE_CORRUPT);
	renew_if_due(sign, ticket, time_low_s);
}

/* The site's own brake: a client that would pass one of its ceilings, with all of these together,
 * is frozen, in memory at once and then durably. The ticket that would is refused, and is returned.
 */
static struct signer_ticket *pass_ceiling(struct signer_sign *sign, struct signer_ticket **tickets,
                                          size_t count)
{
	struct signer_ceiling_ask asks[CALL_BATCH_MAX];
	struct authz_client_record frozen;
	const char *which = NULL;
	struct log_line line;
	size_t at = 0;

	for (; which == NULL && at < count; at++) {
		asks[at] = ceiling_ask(tickets[at]);
		which = signer_ceiling_passed(sign->parts.ceiling, asks, at + 1, sign->now_ms);
	}
	if (which == NULL)
		return NULL;
	frozen = tickets[at - 1]->client->record;
	frozen.frozen = true;
	frozen.frozen_by = AUTHZ_FROZEN_BY_CEILING;
	log_begin(&line, LOG_WARN, "client.frozen");
	log_hex(&line, "client", BYTES_OF_ARRAY(frozen.id));
	log_text(&line, "ceiling", which);
	/* When too much waits for the store, the next request tries again; it is refused as well.
	 */
	log_text(&line, "durable",
	         signer_state_lower_client(sign->parts.state, &frozen) == STATUS_OK ? "soon"
	                                                                            : "no");
	log_end(&line);
	refuse(tickets[at - 1], CALL_RESULT_CLIENT_CEILING);
	return tickets[at - 1];
}

/* Allowed by the module and refused by what was read again. A limit of the wallet says which one it
 * is, and what is left of it after `others`, the rest of its batch; NULL: none. */
static void commit_fails(struct signer_ticket *ticket, enum call_result result, uint64_t time_low_s,
                         const uint64_t *others)
{
	char text[CALL_REASON_TEXT_MAX];
	size_t i = 0;

	if (result != CALL_RESULT_WALLET_CAP_EXCEEDED &&
	    result != CALL_RESULT_WALLET_WINDOW_SPENT) {
		grant_fails(ticket, result, POLICY_REASON_COUNTER, UINT32_MAX,
		            bytes_of_text(state_text(result)), ticket->check_fuel);
		return;
	}
	note_limits(ticket, time_low_s);
	for (size_t j = 0; others != NULL && j < ticket->limit_count; j++)
		ticket->limit_rows[j].left -= others[j];
	while (i < ticket->limit_count &&
	       ticket->limit_rows[i].amount <= ticket->limit_rows[i].left)
		i++;
	CHECK(i < ticket->limit_count);
	snprintf(text, sizeof(text),
	         "limit %u of the wallet: this takes %llu, and %llu is left of %llu",
	         ticket->limit_rows[i].rule.id, (unsigned long long)ticket->limit_rows[i].amount,
	         (unsigned long long)ticket->limit_rows[i].left,
	         (unsigned long long)ticket->limit_rows[i].rule.cap);
	if (result == CALL_RESULT_WALLET_WINDOW_SPENT)
		ticket->answer.retry_after_ms =
		    (uint32_t)(1000 * authz_counter_width_s(ticket->limit_rows[i].rule.window));
	grant_fails(ticket, result, POLICY_REASON_COUNTER, UINT32_MAX, bytes_of_text(text),
	            ticket->check_fuel);
}

/* Whether this ticket could be signed now; everything that decides is read again (A12). DONE;
 * SIGNED when the ticket was ended or moved on; LEASE_DRY when it must wait. */
static enum call_result ready_to_sign(struct signer_sign *sign, struct signer_ticket *ticket,
                                      uint64_t time_low_s)
{
	enum call_result result = grant_state(sign, ticket);
	enum status receipts;

	if (result == CALL_RESULT_CLIENT_FROZEN || result == CALL_RESULT_WALLET_FROZEN) {
		refuse(ticket, result);
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE && !idempotency_fits(sign, ticket)) {
		answer(ticket, CALL_RESULT_IDEMPOTENCY_MISMATCH);
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE && find_remembered(sign, ticket) != NULL) {
		ticket->again = true; /* signed meanwhile, or before: nothing is charged */
		return CALL_RESULT_DONE;
	}
	if (result == CALL_RESULT_DONE && ticket->again) {
		/* Remembered when the ticket came here and forgotten since: from the beginning. */
		ticket->again = false;
		drop_grant(ticket);
		ticket->step = SIGNER_STEP_GRANT;
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE) {
		enum status limits = count_limits(sign, ticket);

		if (limits == STATUS_BUSY)
			return CALL_RESULT_LEASE_DRY;
		if (limits != STATUS_OK) {
			answer(ticket, lost_result(limits, CALL_RESULT_STORE_CORRUPT));
			return CALL_RESULT_SIGNED;
		}
		result = counters_cover(ticket, time_low_s);
	}
	if (result == CALL_RESULT_DONE && ticket->uses_nonce &&
	    (ticket->request.flags & CALL_SIGN_DRY_RUN) == 0 &&
	    !signer_nonce_ready(sign->parts.state, ticket->grant, &ticket->nonce))
		return CALL_RESULT_LEASE_DRY;
	if (result == CALL_RESULT_LEASE_DRY && (ticket->request.flags & CALL_SIGN_DRY_RUN) != 0)
		result = CALL_RESULT_DONE; /* the caps cover it; nothing is spent */
	if (result == CALL_RESULT_LEASE_DRY) {
		renew_dry(sign, ticket, time_low_s);
		return CALL_RESULT_LEASE_DRY;
	}
	if (result != CALL_RESULT_DONE) {
		commit_fails(ticket, result, time_low_s, NULL);
		return CALL_RESULT_SIGNED;
	}
	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) != 0)
		return CALL_RESULT_DONE;
	receipts = signer_receipts_ready(sign->parts.receipts, ticket->wallet->record.id);
	if (receipts == STATUS_BUSY)
		return CALL_RESULT_LEASE_DRY;
	if (receipts != STATUS_OK) {
		answer(ticket, CALL_RESULT_RECEIPTS_FULL);
		return CALL_RESULT_SIGNED;
	}
	return CALL_RESULT_DONE;
}

static void step_commit(struct signer_sign *sign, struct signer_ticket *ticket)
{
	uint64_t time_low_s = signer_time_read(sign->parts.time).low_s;

	if (ready_to_sign(sign, ticket, time_low_s) != CALL_RESULT_DONE)
		return;
	if (ticket->again) {
		CHECK(give_again(sign, ticket));
		return;
	}
	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) != 0) {
		note_reason(ticket, CALL_RESULT_ALLOWED, 0, UINT32_MAX, bytes_of(NULL, 0))->fuel =
		    ticket->check_fuel;
		finish_facts(ticket);
		answer(ticket, CALL_RESULT_ALLOWED);
		return;
	}
	if (pass_ceiling(sign, &ticket, 1) == NULL)
		sign_it(sign, ticket, time_low_s);
}

/* ---- atomic batches ---- */

/* The counters before a member of a batch was charged, to take that back when another one does not
 * fit. */
struct before {
	struct authz_counter counters[LIMIT_COUNTERS_MAX + 1], limits[LIMIT_WALLET_LIMITS_MAX];
	size_t row; /* of the member's nonce */
	struct signer_nonce nonce;
};

static struct authz_counter *kept_of(struct before *before, size_t tally)
{
	return tally == SIGNER_TALLY_GRANT ? before->counters : before->limits;
}

static void keep_before(const struct signer_ticket *ticket, struct before *before)
{
	for (size_t t = 0; t < ticket->tally_count; t++) {
		const struct authz_lease_record *lease = &ticket->tallies[t].meter->lease;

		memcpy(kept_of(before, t), lease->counters,
		       lease->count * sizeof(lease->counters[0]));
	}
	before->row = ticket->uses_nonce ? signer_nonce_find(ticket->grant, &ticket->nonce)
	                                 : SIGNER_NONCE_NONE;
	if (before->row != SIGNER_NONCE_NONE)
		before->nonce = ticket->grant->nonces[before->row];
}

/* Only what a charge changes; a lease being written stays as it is. */
static void undo_charge(struct authz_counter *now, const struct authz_counter *then)
{
	memcpy(now->spent, then->spent, sizeof(now->spent));
	now->bucket = then->bucket;
	now->lease_left = then->lease_left;
	now->since_prepare = then->since_prepare;
	now->last_interval = then->last_interval;
}

static void undo_charges(struct signer_ticket **tickets, size_t count, struct before *before)
{
	for (size_t i = count; i-- > 0;) {
		for (size_t t = 0; t < tickets[i]->tally_count; t++) {
			struct authz_lease_record *lease = &tickets[i]->tallies[t].meter->lease;

			for (size_t j = 0; j < lease->count; j++)
				undo_charge(&lease->counters[j], &kept_of(&before[i], t)[j]);
		}
		tickets[i]->limit_count = 0;
		if (before[i].row != SIGNER_NONCE_NONE)
			tickets[i]->grant->nonces[before[i].row] = before[i].nonce;
	}
}

/* Adds up what the batch takes of one meter, each nonce as its largest. */
static void add_together(struct signer_ticket **tickets, size_t count,
                         const struct signer_meter *meter, size_t tally, uint64_t *together)
{
	static struct before before[CALL_BATCH_MAX];

	for (size_t i = 0; i < count; i++) {
		keep_before(tickets[i], &before[i]);
		for (size_t j = 0; j < meter->lease.count && tally < tickets[i]->tally_count &&
		                   tickets[i]->tallies[tally].meter == meter;
		     j++)
			together[j] = add_saturating(together[j], charge_of(tickets[i], tally, j));
		count_nonce(tickets[i]);
	}
	undo_charges(tickets, count, before);
}

/* Whether the last of these passes a cap together with those before it, as if they were signed:
 * then its grant does not allow it. */
static bool fails_together(struct signer_ticket **tickets, size_t count, uint64_t time_low_s)
{
	struct signer_ticket *last = tickets[count - 1];

	for (size_t t = 0; t < last->tally_count; t++) {
		const struct signer_meter *meter = last->tallies[t].meter;
		uint64_t others[LIMIT_COUNTERS_MAX + 1] = {0};
		uint64_t together[LIMIT_COUNTERS_MAX + 1] = {0};

		add_together(tickets, count - 1, meter, t, others);
		add_together(tickets, count, meter, t, together);
		for (size_t j = 0; j < meter->lease.count; j++) {
			if (together[j] <= authz_counter_left(&meter->rules[j],
			                                      &meter->lease.counters[j],
			                                      time_low_s))
				continue;
			commit_fails(last, passed(last, t, j, together[j]), time_low_s, others);
			return true;
		}
	}
	return false;
}

/* Each of these fits and together they do not: within a cap, or else within a lease that is to be
 * written for all of them? */
static void batch_does_not_fit(struct signer_sign *sign, struct signer_ticket **tickets,
                               size_t count, const struct signer_ticket *unfit, uint64_t time_low_s)
{
	for (size_t first = 1; first <= count; first++)
		if (fails_together(tickets, first, time_low_s))
			return;
	for (size_t t = 0; t < unfit->tally_count; t++) {
		struct signer_meter *meter = unfit->tallies[t].meter;
		uint64_t together[LIMIT_COUNTERS_MAX + 1] = {0};
		bool dry = false;

		add_together(tickets, count, meter, t, together);
		for (size_t j = 0; j < meter->lease.count; j++)
			dry |= authz_counter_covers(&meter->rules[j], &meter->lease.counters[j],
			                            together[j], time_low_s) != STATUS_OK;
		if (dry)
			signer_meter_renew(sign->parts.state, meter, together);
	}
}

/* Charges all, or none: the one that did not fit is returned. */
static struct signer_ticket *charge_batch(struct signer_ticket **tickets, size_t count,
                                          uint64_t time_low_s)
{
	static struct before before[CALL_BATCH_MAX];

	for (size_t i = 0; i < count; i++) {
		if (counters_cover(tickets[i], time_low_s) != CALL_RESULT_DONE) {
			undo_charges(tickets, i, before);
			return tickets[i];
		}
		keep_before(tickets[i], &before[i]);
		charge(tickets[i], time_low_s);
	}
	return NULL;
}

/* All of an atomic batch stand at commit: all are charged and signed, or none. */
static void commit_batch(struct signer_sign *sign, struct signer_ticket **tickets, size_t count)
{
	struct signer_ticket *fresh[CALL_BATCH_MAX], *unfit;
	uint64_t time_low_s = signer_time_read(sign->parts.time).low_s;
	bool is_dry = (tickets[0]->request.flags & CALL_SIGN_DRY_RUN) != 0;
	size_t fresh_count = 0, made = 0;

	for (size_t i = 0; i < count; i++) {
		if (ready_to_sign(sign, tickets[i], time_low_s) != CALL_RESULT_DONE)
			return; /* it waits, or it ended and the others are aborted by the pump */
		if (!tickets[i]->again)
			fresh[fresh_count++] = tickets[i];
	}
	if (!is_dry && pass_ceiling(sign, fresh, fresh_count) != NULL)
		return;
	unfit = is_dry ? NULL : charge_batch(fresh, fresh_count, time_low_s);
	if (unfit != NULL) {
		batch_does_not_fit(sign, fresh, fresh_count, unfit, time_low_s);
		return;
	}
	/* All signatures are made before the first is handed out. */
	while (!is_dry && made < fresh_count && make_signature(sign, fresh[made]) == STATUS_OK)
		made++;
	if (!is_dry && made < fresh_count) {
		for (size_t i = 0; i < made; i++)
			memset(fresh[i]->answer.signature, 0, sizeof(fresh[i]->answer.signature));
		answer(fresh[made], CALL_RESULT_STORE_CORRUPT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (tickets[i]->again)
			CHECK(give_again(sign, tickets[i]));
		else if (is_dry)
			step_commit(sign, tickets[i]);
		else
			hand_out(sign, tickets[i]);
	}
	for (size_t i = 0; i < fresh_count && !is_dry; i++)
		renew_if_due(sign, fresh[i], time_low_s);
}

/* One of its batch was refused, so this one is not signed. Who had no wallet yet gets no receipt.
 */
static void abort_ticket(struct signer_ticket *ticket)
{
	if (ticket->wallet == NULL)
		answer(ticket, CALL_RESULT_BATCH_ABORTED);
	else
		refuse(ticket, CALL_RESULT_BATCH_ABORTED);
}

/* Gathers a batch: commits it, in its order, when all of it stand at commit. */
static void pump_batch(struct signer_sign *sign, struct signer_batch *batch)
{
	struct signer_ticket *members[CALL_BATCH_MAX];
	size_t count = 0;

	if (batch->expected > CALL_BATCH_MAX) {
		batch->aborted = true;
		return;
	}
	for (size_t i = 0; i < SIGNER_TICKETS_MAX; i++) {
		struct signer_ticket *ticket = &sign->tickets[i];

		if (ticket->step != SIGNER_STEP_COMMIT || ticket->batch != batch)
			continue;
		CHECK(ticket->request.batch_index < batch->expected);
		members[ticket->request.batch_index] = ticket;
		count++;
	}
	if (count != batch->expected || batch->aborted)
		return;
	/* All of one kind: a dry run beside the real thing is no batch. */
	for (size_t i = 1; i < count; i++)
		batch->aborted |= ((members[i]->request.flags ^ members[0]->request.flags) &
		                   CALL_SIGN_DRY_RUN) != 0;
	if (!batch->aborted)
		commit_batch(sign, members, count);
}

/* ---- the pump ---- */

static bool send_answer(struct signer_sign *sign, struct signer_ticket *ticket)
{
	sign->out.len = 0;
	CHECK(call_sign_put_answer(&ticket->answer, &sign->out) == STATUS_OK);
	return ipc_put(sign->parts.bridge, CALL_BRIDGE_SIGN_ANSWER, buffer_bytes(&sign->out)) !=
	       STATUS_BUSY;
}

static void late(struct signer_sign *sign, struct signer_ticket *ticket)
{
	/* A run in flight ends by itself; its ticket must stay until then. */
	if (sign->now_ms - ticket->began_ms < SIGNER_DEADLINE_MS ||
	    ticket->step == SIGNER_STEP_RUNNING || ticket->step == SIGNER_STEP_ANSWER)
		return;
	ticket->answer.retry_after_ms = 1000;
	answer(ticket, ticket->step == SIGNER_STEP_COMMIT   ? CALL_RESULT_LEASE_DRY
	               : ticket->step == SIGNER_STEP_REFUSE ? CALL_RESULT_RECEIPTS_FULL
	               : ticket->step == SIGNER_STEP_CHECK  ? CALL_RESULT_OVERLOADED
	                                                    : CALL_RESULT_STORE_UNAVAILABLE);
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

			step_grant(sign, ticket);
			if (ticket->step == SIGNER_STEP_GRANT && ticket->grant_at != at)
				before = SIGNER_STEP_FREE; /* another grant: go on */
			break;
		}
		case SIGNER_STEP_CHECK:
			step_check(sign, ticket);
			break;
		case SIGNER_STEP_COMMIT:
			if (ticket->batch != NULL)
				pump_batch(sign, ticket->batch);
			else
				step_commit(sign, ticket);
			break;
		case SIGNER_STEP_REFUSE:
			step_refuse(sign, ticket);
			break;
		case SIGNER_STEP_ANSWER:
			if (send_answer(sign, ticket))
				free_ticket(sign, ticket);
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
			free_ticket(sign, ticket);
	}
}

bool signer_sign_idle(const struct signer_sign *sign)
{
	return sign->in_use == 0;
}

uint64_t signer_sign_signed(const struct signer_sign *sign)
{
	return sign->signed_count;
}

uint64_t signer_sign_refused(const struct signer_sign *sign)
{
	return sign->refused_count;
}
