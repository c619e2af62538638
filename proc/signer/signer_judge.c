/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_ticket.h"

#include <stdio.h>

#include "base_check.h"
#include "base_math.h"
#include "policy_charge.h"
#include "policy_floor.h"
#include "policy_text.h"
#include "signer_module.h"

/* ---- what the signer itself demands ---- */

/* What is never signed whatever a policy says, and durable nonces unless the grant names their
 * account (B8). */
static enum call_result floor_result(const struct signer_ticket *ticket, struct policy_floor *floor)
{
	const struct authz_grant_record *grant = &ticket->grant->record;

	*floor = policy_floor(&ticket->view, ticket->wallet->record.address,
	                      !ticket->wallet->record.ownership_lost, grant->nonce_accounts,
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
enum call_result signer_judge_state(struct signer_sign *sign, const struct signer_ticket *ticket)
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
	if (signer_ticket_expired(grant->expires_s, &now))
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

const char *signer_judge_state_text(enum call_result state)
{
	return state == CALL_RESULT_NONCE_REFUSED
	           ? "the wallet has limits of an hour or a day; a durable nonce outlives them"
	           : call_result_text(state);
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

/* A verdict's author, or a verifier, would be asked what a cap counts. */
static bool facts_hold_what_is_seen(const struct signer_ticket *ticket)
{
	bool pays_fee = ticket->is_transaction && ticket->answer.signer_index == 0;

	return policy_facts_hold(
	    &ticket->decision.facts, ticket->is_transaction ? &ticket->view : NULL,
	    ticket->wallet->record.address, pays_fee ? ticket->fee.worst_fee_lamports : 0);
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

		if (signer_commit_charge(ticket, SIGNER_TALLY_GRANT, i) <=
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

_Static_assert(CALL_DESCRIPTION_MAX == POLICY_DESCRIPTION_MAX, "no description is cut (B7)");

/* Whatever became of the text, the verdict stands. */
static void take_description(struct signer_ticket *ticket, const struct signer_check_result *result)
{
	static struct policy_decision said;

	signer_ticket_end_describe(ticket);
	if (result->end != SIGNER_CHECK_ANSWERED ||
	    policy_answer_decode(result->answer, bytes_of(ticket->shown, ticket->area_len),
	                         &said) != STATUS_OK)
		return;
	memcpy(ticket->description, said.text, said.text_len);
	ticket->answer.description = bytes_of(ticket->description, said.text_len);
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
		signer_ticket_grant_fails(
		    ticket, CALL_RESULT_POLICY_DENIED, POLICY_REASON_BAD_ANSWER, UINT32_MAX,
		    bytes_of_text("the module's answer breaks the rules of the ABI"), result->fuel);
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
	signer_ticket_grant_fails(ticket, denied_result(ticket), ticket->decision.reason,
	                          ticket->decision.instruction, bytes_of(text, len), result->fuel);
}

static void check_done(void *owner, const struct signer_check_result *result)
{
	struct signer_ticket *ticket = (struct signer_ticket *)owner;
	struct signer_sign *sign = ticket->sign;

	if (ticket->abandoned) {
		ticket->abandoned = false;
		signer_ticket_free(sign, ticket);
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
		signer_ticket_grant_fails(
		    ticket, CALL_RESULT_POLICY_TRAPPED, POLICY_REASON_TRAP, UINT32_MAX,
		    bytes_of_text(call_result_text(CALL_RESULT_POLICY_TRAPPED)), result->fuel);
		return;
	case SIGNER_CHECK_OUT_OF_FUEL:
		signer_ticket_grant_fails(
		    ticket, CALL_RESULT_POLICY_OUT_OF_FUEL, POLICY_REASON_OUT_OF_FUEL, UINT32_MAX,
		    bytes_of_text(call_result_text(CALL_RESULT_POLICY_OUT_OF_FUEL)), result->fuel);
		return;
	case SIGNER_CHECK_REFUSED:
		signer_ticket_grant_fails(ticket, CALL_RESULT_POLICY_DENIED,
		                          POLICY_REASON_BAD_MODULE, UINT32_MAX, result->text,
		                          result->fuel);
		return;
	case SIGNER_CHECK_LOST:
		/* The verifier died in the middle: refused, and safe to ask again (C5). */
		sign->refused_count++;
		signer_ticket_answer(ticket, CALL_RESULT_VERIFIER_FAILED);
		return;
	}
}

/* ---- what a module is asked ---- */

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

static size_t fill_counters(const struct signer_ticket *ticket, uint64_t time_low_s,
                            struct policy_counter counters[LIMIT_COUNTERS_MAX])
{
	const struct signer_grant *grant = ticket->grant;
	size_t row = signer_commit_nonce_row(ticket);

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

static enum status module_bytes(void *owner, const uint8_t hash[32], struct buffer *window)
{
	const struct signer_ticket *ticket = (const struct signer_ticket *)owner;

	return signer_module_bytes(ticket->sign->parts.state, hash, window);
}

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
	    .sha256 = keys_sha256,
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
		signer_ticket_unpin(held[--held_count]);
	if (status != STATUS_OK)
		return status;
	ticket->run =
	    (struct signer_check_run){.owner = ticket,
	                              .done = check_done,
	                              .module = module_bytes,
	                              .custom = grant->record.module_kind == AUTHZ_MODULE_CUSTOM,
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

/* ---- one grant after the other ---- */

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
	signer_ticket_refuse(ticket, result);
}

void signer_judge_step_grant(struct signer_sign *sign, struct signer_ticket *ticket)
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
		signer_ticket_answer(ticket, signer_ticket_lost(status, CALL_RESULT_STORE_CORRUPT));
		return;
	}
	signer_ticket_drop_grant(ticket);
	ticket->grant = grant;
	ticket->limit_count = 0;
	grant->head.pins++;
	memset(ticket->run.request_hash, 0, 32);
	ticket->check_fuel = 0;
	result = signer_judge_state(sign, ticket);
	if (result == CALL_RESULT_CLIENT_FROZEN || result == CALL_RESULT_WALLET_FROZEN) {
		signer_ticket_refuse(ticket, result);
		return;
	}
	if (result != CALL_RESULT_DONE) {
		signer_ticket_grant_fails(ticket, result, 0, UINT32_MAX,
		                          bytes_of_text(signer_judge_state_text(result)), 0);
		return;
	}
	ticket->again = signer_ticket_remembered(sign, ticket) != NULL;
	if (ticket->again) {
		ticket->step = SIGNER_STEP_COMMIT;
		return;
	}
	result = floor_result(ticket, &floor);
	if (result != CALL_RESULT_DONE) {
		signer_ticket_grant_fails(ticket, result, floor.reason, floor.instruction,
		                          bytes_of_text(floor.text), 0);
		return;
	}
	status = write_request(sign, ticket);
	if (status == STATUS_OK)
		ticket->step = SIGNER_STEP_CHECK;
	else if (status == STATUS_REFUSED || status == STATUS_TOO_LARGE)
		signer_ticket_grant_fails(ticket, CALL_RESULT_POLICY_DENIED, POLICY_REASON_TOO_MANY,
		                          UINT32_MAX,
		                          bytes_of_text("too large for a policy to be shown"), 0);
	else if (status != STATUS_BUSY)
		signer_ticket_answer(ticket, signer_ticket_lost(status, CALL_RESULT_STORE_CORRUPT));
}

void signer_judge_step_check(struct signer_sign *sign, struct signer_ticket *ticket)
{
	/* Until a verifier has room the ticket waits; its deadline bounds that. */
	if (signer_check_begin(sign->parts.check, &ticket->run, sign->now_ms) == STATUS_OK)
		ticket->step = SIGNER_STEP_RUNNING;
}
