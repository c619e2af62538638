/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_ticket.h"

#include <stdio.h>

#include "base_check.h"
#include "base_math.h"
#include "log_line.h"
#include "policy_charge.h"

/* ---- durable nonces: of those on one value one is carried out; they count as the largest ---- */

/* The row of the ticket's nonce, when that is proven to be one. */
size_t signer_commit_nonce_row(const struct signer_ticket *ticket)
{
	size_t row = ticket->uses_nonce ? signer_nonce_find(ticket->grant, &ticket->nonce)
	                                : SIGNER_NONCE_NONE;

	if (row != SIGNER_NONCE_NONE && !ticket->nonce_proven && !ticket->grant->nonces[row].proven)
		row = SIGNER_NONCE_NONE;
	return row;
}

/* What would be added to a counter now. */
uint64_t signer_commit_charge(const struct signer_ticket *ticket, size_t tally, size_t counter)
{
	uint64_t amount = ticket->tallies[tally].amounts[counter], counted;

	counted =
	    tally == SIGNER_TALLY_GRANT
	        ? signer_nonce_counted(ticket->grant, signer_commit_nonce_row(ticket), counter)
	        : signer_nonce_counted_limit(ticket->grant, signer_commit_nonce_row(ticket),
	                                     ticket->limits, counter);
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

/* ---- limits ---- */

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
		    .amount = signer_commit_charge(ticket, SIGNER_TALLY_LIMITS, i)};
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
			uint64_t amount = signer_commit_charge(ticket, t, i);
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
	bool proven = signer_time_is_proven(ticket->sign->parts.time);

	note_limits(ticket, time_low_s);
	for (size_t t = 0; t < ticket->tally_count; t++)
		for (size_t i = 0; i < ticket->tallies[t].meter->lease.count; i++)
			ticket->tallies[t].charged[i] = signer_commit_charge(ticket, t, i);
	count_nonce(ticket);
	for (size_t t = 0; t < ticket->tally_count; t++) {
		struct signer_meter *meter = ticket->tallies[t].meter;

		for (size_t i = 0; i < meter->lease.count; i++)
			authz_counter_charge(&meter->rules[i], &meter->lease.counters[i],
			                     ticket->tallies[t].charged[i], time_low_s, proven);
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
			wanted[i] = signer_commit_charge(ticket, t, i);
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

	signer_ticket_note_tried(ticket, CALL_RESULT_SIGNED, POLICY_REASON_NONE, UINT32_MAX,
	                         bytes_of(NULL, 0), ticket->check_fuel);
	finish_facts(ticket);
	ticket->answer.result = CALL_RESULT_SIGNED;
	signer_ticket_receipt(sign, ticket, true);
	signer_ticket_remember(sign, ticket);
	sign->signed_count++;
	ask = ceiling_ask(ticket);
	signer_ceiling_count(sign->parts.ceiling, &ask, sign->now_ms);
	signer_ticket_answer(ticket, CALL_RESULT_SIGNED);
}

/* Charged and signed, in this one step; then the receipt. */
static void sign_it(struct signer_sign *sign, struct signer_ticket *ticket, uint64_t time_low_s)
{
	charge(ticket, time_low_s);
	if (make_signature(sign, ticket) == STATUS_OK)
		hand_out(sign, ticket);
	else
		signer_ticket_answer(ticket, CALL_RESULT_STORE_CORRUPT);
	renew_if_due(sign, ticket, time_low_s);
}

/* Bots pass ceilings, and anybody can have bots: all of them together have the share of one user.
 */
static bool freeze_client(struct signer_sign *sign, const struct authz_client_record *frozen)
{
	static const uint8_t clients[32];
	struct signer_ask ask = signer_hold_note(clients);

	ask.need = signer_anchor_need(sign->parts.anchor, ask.user, sign->now_ms);
	return (signer_state_is_held(sign->parts.state, CALL_STORE_VALUE_CREDENTIAL, frozen->id) ||
	        signer_state_may_hold(sign->parts.state, 1, &ask)) &&
	       signer_state_lower_client(sign->parts.state, frozen, &ask) == STATUS_OK;
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
	log_text(&line, "durable", freeze_client(sign, &frozen) ? "soon" : "no");
	log_end(&line);
	signer_ticket_refuse(tickets[at - 1], CALL_RESULT_CLIENT_CEILING);
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
		signer_ticket_grant_fails(ticket, result, POLICY_REASON_COUNTER, UINT32_MAX,
		                          bytes_of_text(signer_judge_state_text(result)),
		                          ticket->check_fuel);
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
	signer_ticket_grant_fails(ticket, result, POLICY_REASON_COUNTER, UINT32_MAX,
	                          bytes_of_text(text), ticket->check_fuel);
}

/* Whether this ticket could be signed now; everything that decides is read again (A12). DONE;
 * SIGNED when the ticket was ended or moved on; LEASE_DRY when it must wait. */
static enum call_result ready_to_sign(struct signer_sign *sign, struct signer_ticket *ticket,
                                      uint64_t time_low_s)
{
	enum call_result result = signer_judge_state(sign, ticket);
	enum status receipts;

	if (result == CALL_RESULT_CLIENT_FROZEN || result == CALL_RESULT_WALLET_FROZEN) {
		signer_ticket_refuse(ticket, result);
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE && !signer_ticket_idempotency_fits(sign, ticket)) {
		signer_ticket_answer(ticket, CALL_RESULT_IDEMPOTENCY_MISMATCH);
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE && signer_ticket_remembered(sign, ticket) != NULL) {
		ticket->again = true; /* signed meanwhile, or before: nothing is charged */
		return CALL_RESULT_DONE;
	}
	if (result == CALL_RESULT_DONE && ticket->again) {
		/* Remembered when the ticket came here and forgotten since: from the beginning. */
		ticket->again = false;
		signer_ticket_drop_grant(ticket);
		ticket->step = SIGNER_STEP_GRANT;
		return CALL_RESULT_SIGNED;
	}
	if (result == CALL_RESULT_DONE) {
		enum status limits = count_limits(sign, ticket);

		if (limits == STATUS_BUSY)
			return CALL_RESULT_LEASE_DRY;
		if (limits != STATUS_OK) {
			signer_ticket_answer(ticket,
			                     signer_ticket_lost(limits, CALL_RESULT_STORE_CORRUPT));
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
	/* All of a batch look for room before the first of it takes its own. */
	receipts = signer_receipts_ready(sign->parts.receipts, ticket->wallet->record.id,
	                                 ticket->batch != NULL ? ticket->batch->expected : 1,
	                                 &ticket->client->receipts);
	if (receipts == STATUS_BUSY)
		return CALL_RESULT_LEASE_DRY;
	if (receipts != STATUS_OK) {
		signer_ticket_answer(ticket, CALL_RESULT_RECEIPTS_FULL);
		return CALL_RESULT_SIGNED;
	}
	return CALL_RESULT_DONE;
}

void signer_commit_step(struct signer_sign *sign, struct signer_ticket *ticket)
{
	uint64_t time_low_s = signer_time_read(sign->parts.time).low_s;

	if (ready_to_sign(sign, ticket, time_low_s) != CALL_RESULT_DONE)
		return;
	if (ticket->again) {
		CHECK(signer_ticket_give_again(sign, ticket));
		return;
	}
	if ((ticket->request.flags & CALL_SIGN_DRY_RUN) != 0) {
		signer_ticket_note(ticket, CALL_RESULT_ALLOWED, 0, UINT32_MAX, bytes_of(NULL, 0))
		    ->fuel = ticket->check_fuel;
		finish_facts(ticket);
		signer_ticket_answer(ticket, CALL_RESULT_ALLOWED);
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
	now->adrift = then->adrift;
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
			together[j] =
			    add_saturating(together[j], signer_commit_charge(tickets[i], tally, j));
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

/* The first of these that asks for the same bytes, or NULL. */
static struct signer_ticket *twin_of(const struct signer_ticket *ticket,
                                     struct signer_ticket **tickets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (signer_ticket_is_twin(ticket, tickets[i]))
			return tickets[i];
	return NULL;
}

/* All of an atomic batch stand at commit: all are charged and signed, or none. The same bytes twice
 * are signed and counted once, in a batch as one after the other (B4). */
static void commit_batch(struct signer_sign *sign, struct signer_ticket **tickets, size_t count)
{
	struct signer_ticket *fresh[CALL_BATCH_MAX], *twins[CALL_BATCH_MAX], *unfit;
	uint64_t time_low_s = signer_time_read(sign->parts.time).low_s;
	bool is_dry = (tickets[0]->request.flags & CALL_SIGN_DRY_RUN) != 0;
	size_t fresh_count = 0, made = 0;

	for (size_t i = 0; i < count; i++) {
		if (ready_to_sign(sign, tickets[i], time_low_s) != CALL_RESULT_DONE)
			return; /* it waits, or it ended and the others are aborted by the pump */
		twins[i] = is_dry ? NULL : twin_of(tickets[i], fresh, fresh_count);
		if (!tickets[i]->again && twins[i] == NULL)
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
		signer_ticket_answer(fresh[made], CALL_RESULT_STORE_CORRUPT);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (tickets[i]->again)
			CHECK(signer_ticket_give_again(sign, tickets[i]));
		else if (twins[i] != NULL)
			signer_ticket_give_twin(tickets[i], twins[i]);
		else if (is_dry)
			signer_commit_step(sign, tickets[i]);
		else
			hand_out(sign, tickets[i]);
	}
	for (size_t i = 0; i < fresh_count && !is_dry; i++)
		renew_if_due(sign, fresh[i], time_low_s);
}

/* Gathers a batch: commits it, in its order, when all of it stand at commit. */
void signer_commit_batch(struct signer_sign *sign, struct signer_batch *batch)
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
