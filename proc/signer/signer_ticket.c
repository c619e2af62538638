/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_ticket.h"

#include "base_check.h"
#include "policy_text.h"
#include "policy_trust.h"

_Static_assert(CALL_REASON_TEXT_MAX <= AUTHZ_RECEIPT_TEXT_MAX &&
                   CALL_REASONS_MAX <= AUTHZ_RECEIPT_TRIED_MAX &&
                   CALL_FACT_TOKENS_MAX <= AUTHZ_RECEIPT_TOKENS_MAX,
               "what an answer says, its receipt holds");
_Static_assert(POLICY_TRUST_MAX == AUTHZ_RECEIPT_TRUST_MAX, "a fact is one");

/* ---- the end of a ticket ---- */

void signer_ticket_unpin(void *entry)
{
	if (entry != NULL)
		((struct signer_cache_head *)entry)->pins--;
}

void signer_ticket_free(struct signer_sign *sign, struct signer_ticket *ticket)
{
	CHECK(sign->in_use > 0);
	sign->in_use--;
	sign->free[SIGNER_TICKETS_MAX - 1 - sign->in_use] = (uint8_t)(ticket - sign->tickets);
	if (ticket->batch != NULL && --ticket->batch->live == 0 &&
	    (ticket->batch->seen == ticket->batch->expected || ticket->batch->aborted) &&
	    ticket->sign->taking != ticket->batch)
		ticket->batch->expected = 0;
	ticket->batch = NULL;
	signer_ticket_unpin(ticket->client);
	signer_ticket_unpin(ticket->wallet);
	signer_ticket_unpin(ticket->grant);
	signer_ticket_unpin(ticket->limits);
	ticket->limits = NULL;
	ticket->client = NULL;
	ticket->wallet = NULL;
	ticket->grant = NULL;
	ticket->step = SIGNER_STEP_FREE;
}

/* What the client is told. In an atomic batch one refusal is everybody's. */
void signer_ticket_answer(struct signer_ticket *ticket, enum call_result result)
{
	if (ticket->batch != NULL && result != CALL_RESULT_SIGNED && result != CALL_RESULT_ALLOWED)
		ticket->batch->aborted = true;
	ticket->answer.result = result;
	ticket->step = SIGNER_STEP_ANSWER;
}

/* Notes how one grant fared; the texts are the ticket's own. */
struct call_reason *signer_ticket_note(struct signer_ticket *ticket, enum call_result result,
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
void signer_ticket_note_tried(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                              uint32_t instruction, struct bytes text, uint64_t fuel)
{
	size_t at = ticket->answer.reason_count;

	signer_ticket_note(ticket, result, code, instruction, text)->fuel = fuel;
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
void signer_ticket_receipt(struct signer_sign *sign, struct signer_ticket *ticket, bool allowed)
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
	memcpy(receipt.authority, signer_state_durable(sign->parts.state, ticket->wallet).authority,
	       32);
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
	                    bytes_of(ticket->area, ticket->area_len), &ticket->client->receipts);
	memcpy(ticket->answer.decision, ticket->id, 32);
	ticket->answer.boot = receipt.boot;
	ticket->answer.number = receipt.number;
}

/* Its text is not waited for any more, or is there: it stands at commit again. */
void signer_ticket_end_describe(struct signer_ticket *ticket)
{
	ticket->describing = false;
	memcpy(ticket->run.request_hash, ticket->checked_hash, 32);
	ticket->step = SIGNER_STEP_COMMIT;
}

/* A decision to refuse: its receipt comes first. At commit a module had said yes: the receipt says
 * so, for what it was asked is kept beside it. */
void signer_ticket_refuse(struct signer_ticket *ticket, enum call_result result)
{
	if (ticket->batch != NULL)
		ticket->batch->aborted = true;
	if (ticket->describing)
		signer_ticket_end_describe(ticket);
	if (ticket->step == SIGNER_STEP_COMMIT) {
		ticket->answer.description = bytes_of(NULL, 0); /* of an allow that did not hold */
		signer_ticket_note_tried(ticket, result, POLICY_REASON_NONE, UINT32_MAX,
		                         bytes_of_text(call_result_text(result)),
		                         ticket->check_fuel);
	}
	ticket->answer.result = result;
	ticket->step = SIGNER_STEP_REFUSE;
}

/* A dry run decides nothing and leaves no receipt. */
void signer_ticket_step_refuse(struct signer_sign *sign, struct signer_ticket *ticket)
{
	enum call_result result = ticket->answer.result;
	enum status ready;

	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) == 0) {
		ready = signer_receipts_ready(sign->parts.receipts, ticket->wallet->record.id, 1,
		                              &ticket->client->receipts);
		if (ready == STATUS_BUSY)
			return;
		if (ready == STATUS_OK)
			signer_ticket_receipt(sign, ticket, false);
		else
			result = CALL_RESULT_RECEIPTS_FULL;
	}
	sign->refused_count++;
	signer_ticket_answer(ticket, result);
}

/* A look-up that is neither OK nor BUSY: what the client is told. */
enum call_result signer_ticket_lost(enum status status, enum call_result absent)
{
	if (status == STATUS_NOT_FOUND)
		return absent;
	return status == STATUS_CORRUPT ? CALL_RESULT_STORE_CORRUPT : CALL_RESULT_STORE_UNAVAILABLE;
}

bool signer_ticket_expired(uint64_t expires_s, const struct signer_time_now *now)
{
	return expires_s != 0 && now->high_s >= expires_s;
}

/* ---- the grant that is tried ---- */

void signer_ticket_drop_grant(struct signer_ticket *ticket)
{
	signer_ticket_unpin(ticket->grant);
	ticket->grant = NULL;
}

/* This grant does not allow it: on to the next, or to the end. */
static void next_grant(struct signer_ticket *ticket)
{
	signer_ticket_drop_grant(ticket);
	ticket->grant_at++;
	ticket->step = SIGNER_STEP_GRANT;
}

void signer_ticket_grant_fails(struct signer_ticket *ticket, enum call_result result, uint32_t code,
                               uint32_t instruction, struct bytes text, uint64_t fuel)
{
	ticket->answer.description = bytes_of(NULL, 0); /* of an allow that did not hold */
	signer_ticket_note_tried(ticket, result, code, instruction, text, fuel);
	next_grant(ticket);
}

/* ---- signatures that were given out ---- */

static void remember_key(const struct signer_ticket *ticket, uint8_t ret_key[32])
{
	struct bytes parts[2] = {bytes_of(ticket->wallet->record.id, 32),
	                         bytes_of(ticket->message_hash, 32)};

	keys_sha256(parts, 2, ret_key);
}

/* The grant under which these bytes were signed before is looked at first: while it stands, they
 * get their signature back and count once, whatever is left of its limits. */
void signer_ticket_remembered_first(struct signer_sign *sign, struct signer_ticket *ticket)
{
	uint8_t key[32], grant[32];
	const struct signer_remembered *known;
	size_t at = 0;

	remember_key(ticket, key);
	known = (const struct signer_remembered *)signer_cache_find(&sign->remembered, key);
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

/* What the same client got for the same bytes under the grant that is being tried, or NULL. */
const struct signer_remembered *signer_ticket_remembered(struct signer_sign *sign,
                                                         const struct signer_ticket *ticket)
{
	uint8_t key[32];
	const struct signer_remembered *known;

	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) != 0)
		return NULL;
	remember_key(ticket, key);
	known = (const struct signer_remembered *)signer_cache_find(&sign->remembered, key);
	if (known == NULL || memcmp(known->client, ticket->client->record.id, 32) != 0 ||
	    memcmp(known->grant, ticket->grant->record.id, 32) != 0)
		return NULL;
	return known;
}

static void give(struct signer_ticket *ticket, const uint8_t signature[64],
                 const uint8_t decision[32], uint64_t boot, uint64_t number)
{
	memcpy(ticket->answer.signature, signature, 64);
	memcpy(ticket->answer.decision, decision, 32);
	ticket->answer.boot = boot;
	ticket->answer.number = number;
	ticket->answer.repeated = true;
	signer_ticket_answer(ticket, CALL_RESULT_SIGNED);
}

/* The same bytes for the same wallet by the same client: the same signature, counted once. Freeze,
 * revocation and expiry of the grant that gave it were just read again. */
bool signer_ticket_give_again(struct signer_sign *sign, struct signer_ticket *ticket)
{
	const struct signer_remembered *known = signer_ticket_remembered(sign, ticket);

	if (known == NULL)
		return false;
	give(ticket, known->signature, known->decision, known->boot, known->number);
	return true;
}

bool signer_ticket_is_twin(const struct signer_ticket *ticket, const struct signer_ticket *of)
{
	return memcmp(ticket->message_hash, of->message_hash, 32) == 0 &&
	       memcmp(ticket->wallet->record.id, of->wallet->record.id, 32) == 0 &&
	       memcmp(ticket->client->record.id, of->client->record.id, 32) == 0 &&
	       memcmp(ticket->grant->record.id, of->grant->record.id, 32) == 0;
}

/* As signer_ticket_give_again, which may have nothing: what is remembered can be forgotten. */
void signer_ticket_give_twin(struct signer_ticket *ticket, const struct signer_ticket *of)
{
	give(ticket, of->answer.signature, of->id, of->answer.boot, of->answer.number);
}

void signer_ticket_remember(struct signer_sign *sign, const struct signer_ticket *ticket)
{
	uint8_t key[32];
	struct signer_remembered *known;

	remember_key(ticket, key);
	known = (struct signer_remembered *)signer_cache_claim(&sign->remembered, key);
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
bool signer_ticket_idempotency_fits(struct signer_sign *sign, const struct signer_ticket *ticket)
{
	struct bytes parts[2] = {bytes_of(ticket->client->record.id, 32),
	                         bytes_of(ticket->request.idempotency, 32)};
	uint8_t key[32], what[32];
	struct signer_idempotent *used;

	if (!ticket->request.has_idempotency)
		return true;
	keys_sha256(parts, 2, key);
	remember_key(ticket, what);
	used = (struct signer_idempotent *)signer_cache_claim(&sign->idempotents, key);
	if (used == NULL)
		return true;
	if (used->head.state == SIGNER_CACHED_READY)
		return memcmp(used->wallet_and_message, what, 32) == 0;
	used->head.state = SIGNER_CACHED_READY;
	memcpy(used->wallet_and_message, what, 32);
	return true;
}
