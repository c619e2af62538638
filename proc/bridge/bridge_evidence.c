/* Evidence: questions of many wait here and go to the attestor as one root over all their nonces,
 * so that how many are answered does not depend on how fast a TPM signs (B10). One question to the
 * TPM at a time: what waits meanwhile forms the next batch. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bridge.h"
#include "log_line.h"

#define BATCH_NONE UINT32_MAX

static bool is_waiting(const struct bridge *bridge, const struct bridge_exchange *exchange)
{
	return exchange->conn != BRIDGE_NONE && exchange->api.ask == API_ASK_EVIDENCE &&
	       bridge->conns[exchange->conn].state == BRIDGE_WAIT;
}

static uint32_t nonce_count(const struct bridge_exchange *exchange)
{
	return (uint32_t)(exchange->api.nonces.len / ATTEST_NONCE_LEN);
}

void bridge_ask_evidence(struct bridge *bridge, struct bridge_exchange *exchange)
{
	exchange->batch_at = BATCH_NONE;
	bridge->attestor_open++;
}

bool bridge_ask_activate(struct bridge *bridge, struct bridge_exchange *exchange, uint64_t number)
{
	struct bridge_evidence *evidence = bridge->evidence;
	struct call_attest_activate head = {
	    .head.request = number,
	    .blob_len = (uint16_t)exchange->api.credential_len,
	    .encrypted_len = (uint16_t)exchange->api.encrypted_len,
	};
	size_t len = exchange->api.credential_len + exchange->api.encrypted_len;
	struct buffer payload;

	/* Some TPMs make their endorsement key anew for it, which takes seconds of everybody. */
	if (evidence->activating || bridge->now_us < evidence->activate_after_us ||
	    ipc_reserve(bridge->attestor, &payload) != STATUS_OK)
		return false;
	CHECK(buffer_put(&payload, bytes_of(&head, sizeof(head))) == STATUS_OK);
	CHECK(buffer_put(&payload, bytes_of(bridge->api.envelope_space, len)) == STATUS_OK);
	ipc_commit(bridge->attestor, CALL_ATTEST_ACTIVATE, &payload);
	evidence->activating = true;
	evidence->activate_began_us = bridge->now_us;
	bridge->attestor_open++;
	return true;
}

/* Strangers may ask where the floors stand: one reading of the TPM serves all who ask until it is
 * so old, so that their number is nothing to the TPM. */
bool bridge_ask_floor(struct bridge *bridge, struct bridge_exchange *exchange, uint64_t number)
{
	struct bridge_floors *floors = &bridge->floors;
	struct call_attest_head head = {.request = number};
	bool reads = exchange->api.step_len == 0;
	struct buffer payload;

	if (reads && floors->is_known &&
	    bridge->now_us - floors->at_us < (uint64_t)BRIDGE_FLOORS_MS * 1000) {
		api_take_floors(&exchange->api, &bridge->api, &floors->last);
		return true;
	}
	if (reads && floors->is_reading) {
		bridge->attestor_open++;
		return true;
	}
	if (ipc_reserve(bridge->attestor, &payload) != STATUS_OK)
		return false;
	CHECK(buffer_put(&payload, bytes_of(&head, sizeof(head))) == STATUS_OK);
	CHECK(buffer_put(&payload, bytes_of(bridge->api.envelope_space, exchange->api.step_len)) ==
	      STATUS_OK);
	ipc_commit(bridge->attestor, CALL_ATTEST_FLOOR, &payload);
	if (reads) {
		floors->is_reading = true;
		floors->number = number;
		floors->asked_us = bridge->now_us;
	}
	bridge->attestor_open++;
	return true;
}

/* gather gives each waiting question its place in the next batch, as far as there is room. */
static void gather(struct bridge *bridge)
{
	struct bridge_evidence *evidence = bridge->evidence;
	struct api_beacon *beacon = &bridge->api.beacon;

	evidence->tree.count = 0;
	evidence->has_beacon =
	    beacon->is_set && (beacon->is_due || bridge->now_us >= evidence->beacon_us);
	if (evidence->has_beacon) {
		memcpy(evidence->nonces[evidence->tree.count++], beacon->nonce, ATTEST_NONCE_LEN);
		evidence->beacon = *beacon;
	}
	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++) {
		struct bridge_exchange *exchange = &bridge->exchanges[i];

		if (!is_waiting(bridge, exchange) || exchange->batch_at != BATCH_NONE ||
		    nonce_count(exchange) > BRIDGE_BATCH_MAX - evidence->tree.count)
			continue;
		exchange->batch_at = evidence->tree.count;
		memcpy(evidence->nonces[evidence->tree.count], exchange->api.nonces.data,
		       exchange->api.nonces.len);
		evidence->tree.count += nonce_count(exchange);
	}
}

/* lose_batch lets the questions of a batch that nobody answers wait for the next one. */
static void lose_batch(struct bridge *bridge)
{
	bridge->evidence->asked = false;
	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++)
		if (is_waiting(bridge, &bridge->exchanges[i]))
			bridge->exchanges[i].batch_at = BATCH_NONE;
}

void bridge_pump_evidence(struct bridge *bridge)
{
	struct bridge_evidence *evidence = bridge->evidence;
	struct call_attest_evidence asked = {.head.request = 0};

	if (evidence->asked || !bridge->api.has_channel || bridge->api.stopping ||
	    (bridge->attestor_open == 0 && !bridge->api.beacon.is_due &&
	     (!bridge->api.beacon.is_set || bridge->now_us < evidence->beacon_us)))
		return;
	gather(bridge);
	if (evidence->tree.count == 0)
		return;
	attest_tree_build((const uint8_t(*)[ATTEST_NONCE_LEN])evidence->nonces,
	                  evidence->tree.count, evidence->nodes, asked.root);
	asked.head.request = ++evidence->request;
	if (ipc_put(bridge->attestor, CALL_ATTEST_EVIDENCE, bytes_of(&asked, sizeof(asked))) !=
	    STATUS_OK) {
		lose_batch(bridge);
		return;
	}
	evidence->asked = true;
	if (evidence->has_beacon) {
		bridge->api.beacon.is_due = false;
		evidence->beacon_us = bridge->now_us + (uint64_t)BRIDGE_BEACON_MS * 1000;
	}
}

/* ---- answers ---- */

static void keep_beacon(struct bridge *bridge, const struct attest_evidence *taken)
{
	struct bridge_evidence *evidence = bridge->evidence;
	struct buffer out = {evidence->beacon_bytes, API_EVIDENCE_SPACE, 0};
	struct attest_evidence own = *taken;

	own.has_proof = own.has_beacon = true;
	own.beacon_source = bytes_of(evidence->beacon.source, evidence->beacon.source_len);
	own.beacon_value = bytes_of(evidence->beacon.value, evidence->beacon.value_len);
	attest_tree_prove(evidence->tree.nonces, evidence->tree.count, evidence->tree.nodes, 0,
	                  &own.proof);
	CHECK(attest_evidence_put(&own, &out) == STATUS_OK);
	bridge->api.beacon.evidence = buffer_bytes(&out);
	api_archive_add(&bridge->api.archive, &evidence->beacon, buffer_bytes(&out),
	                bridge->api.now_seconds);
}

static void answer(struct bridge *bridge, struct bridge_exchange *exchange,
                   const struct attest_evidence *taken, size_t len)
{
	bridge->attestor_open--;
	if (api_evidence_len(&exchange->api, len) > exchange->api.out.cap &&
	    !bridge_grow(bridge, exchange))
		api_refuse(&exchange->api, &bridge->api, CALL_RESULT_OVERLOADED, NULL);
	else
		api_take_evidence(&exchange->api, &bridge->api, taken, &bridge->evidence->tree,
		                  exchange->batch_at);
	bridge_reply(bridge, exchange);
}

static bool hear_evidence(struct bridge *bridge, struct bytes message)
{
	static struct attest_evidence taken;
	struct bridge_evidence *evidence = bridge->evidence;
	struct call_attest_head head;
	struct bytes rest;

	if (attest_take_answer(message, LIMIT_EVIDENCE_MAX, &head, &rest) != STATUS_OK ||
	    !evidence->asked || head.request != evidence->request)
		return false;
	evidence->asked = false;
	if (head.status == STATUS_OK && attest_evidence_take(rest, &taken) != STATUS_OK)
		return false;
	if (head.status == STATUS_OK && evidence->has_beacon)
		keep_beacon(bridge, &taken);
	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++) {
		struct bridge_exchange *exchange = &bridge->exchanges[i];

		if (!is_waiting(bridge, exchange) || exchange->batch_at == BATCH_NONE)
			continue;
		if (head.status == STATUS_OK) {
			answer(bridge, exchange, &taken, rest.len);
			continue;
		}
		bridge->attestor_open--;
		api_refuse_attest(&exchange->api, &bridge->api, head.status);
		bridge_reply(bridge, exchange);
	}
	return true;
}

/* end_activation: strangers have it made, so what it takes of the TPM is a share, however slow the
 * TPM is. */
static void end_activation(struct bridge *bridge)
{
	struct bridge_evidence *evidence = bridge->evidence;
	uint64_t rest_us = BRIDGE_ACTIVATE_REST * (bridge->now_us - evidence->activate_began_us);

	if (!evidence->activating)
		return;
	if (rest_us < BRIDGE_ACTIVATE_MS * 1000)
		rest_us = BRIDGE_ACTIVATE_MS * 1000;
	evidence->activating = false;
	evidence->activate_after_us = bridge->now_us + rest_us;
}

static bool hear_secret(struct bridge *bridge, struct bytes message)
{
	struct bridge_exchange *exchange;
	struct call_attest_head head;
	struct bytes secret;

	if (attest_take_answer(message, CALL_ATTEST_SECRET_MAX, &head, &secret) != STATUS_OK)
		return false;
	end_activation(bridge);
	exchange = bridge_find(bridge, head.request, API_ASK_ACTIVATE);
	if (exchange == NULL)
		return true;
	bridge->attestor_open--;
	if (head.status == STATUS_OK)
		api_take_secret(&exchange->api, &bridge->api, secret);
	else
		api_refuse_attest(&exchange->api, &bridge->api, head.status);
	bridge_reply(bridge, exchange);
	return true;
}

static void answer_floor(struct bridge *bridge, struct bridge_exchange *exchange, uint32_t status)
{
	bridge->attestor_open--;
	if (status == STATUS_OK)
		api_take_floors(&exchange->api, &bridge->api, &bridge->floors.last);
	else
		api_refuse_floor(&exchange->api, &bridge->api, status);
	bridge_reply(bridge, exchange);
}

static bool waits_for_floors(const struct bridge *bridge, const struct bridge_exchange *exchange)
{
	return exchange->conn != BRIDGE_NONE && exchange->api.ask == API_ASK_FLOOR &&
	       exchange->api.step_len == 0 && bridge->conns[exchange->conn].state == BRIDGE_WAIT;
}

/* end_reading answers all who wait for it. */
static void end_reading(struct bridge *bridge, uint32_t status)
{
	bridge->floors.is_reading = false;
	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++)
		if (waits_for_floors(bridge, &bridge->exchanges[i]))
			answer_floor(bridge, &bridge->exchanges[i], status);
}

static bool hear_floors(struct bridge *bridge, struct bytes message)
{
	struct bridge_floors *floors = &bridge->floors;
	struct bridge_exchange *exchange;
	struct call_attest_head head;
	struct bytes rest;
	bool reads;

	if (attest_take_answer(message, sizeof(floors->last), &head, &rest) != STATUS_OK ||
	    (head.status == STATUS_OK && rest.len != sizeof(floors->last)))
		return false;
	reads = floors->is_reading && head.request == floors->number;
	if (head.status == STATUS_OK) {
		memcpy(&floors->last, rest.data, sizeof(floors->last));
		floors->is_known = true;
		floors->at_us = reads ? floors->asked_us : bridge->now_us;
	}
	if (reads) {
		end_reading(bridge, head.status);
		return true;
	}
	exchange = bridge_find(bridge, head.request, API_ASK_FLOOR);
	if (exchange != NULL)
		answer_floor(bridge, exchange, head.status);
	return true;
}

void bridge_pump_unseal(struct bridge *bridge)
{
	static uint8_t space[CALL_UNSEAL_SLOT_BYTES];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};
	struct api_unseal *unseal = &bridge->api.unseal;
	enum status status = ipc_take(bridge->unsealer, &message);

	if (status == STATUS_CONFLICT) { /* it has just begun, or ended */
		ipc_acknowledge(bridge->unsealer);
		unseal->is_asked = unseal->is_given = false;
	} else if (status == STATUS_OK) {
		unseal->is_asked =
		    message.kind == CALL_UNSEAL_ASKS &&
		    unseal_take_asks(buffer_bytes(&message.payload), &unseal->asks) == STATUS_OK;
		if (!unseal->is_asked)
			ipc_complain(bridge->unsealer, IPC_COMPLAINT_BROKEN);
	}
	if (bridge->api.has_channel)
		unseal->is_asked = unseal->is_given = false;
	if (unseal->is_given &&
	    ipc_put(bridge->unsealer, CALL_UNSEAL_GIVES,
	            bytes_of(&unseal->gives, sizeof(unseal->gives))) == STATUS_OK)
		unseal->is_given = false;
}

bool bridge_hear_attestor(struct bridge *bridge)
{
	struct ipc_message message = {
	    .payload = {bridge->evidence->slot, IPC_PAYLOAD(CALL_ATTEST_BRIDGE_SLOT_BYTES), 0}
        };
	enum status status = ipc_take(bridge->attestor, &message);
	struct bytes payload = buffer_bytes(&message.payload);
	bool permitted = false;

	if (status == STATUS_CONFLICT) {
		ipc_acknowledge(bridge->attestor);
		lose_batch(bridge);
		end_activation(bridge);
		end_reading(bridge, STATUS_IO);
		return true;
	}
	if (status != STATUS_OK)
		return false;
	if (message.kind == CALL_ATTEST_EVIDENCE_ANSWER)
		permitted = hear_evidence(bridge, payload);
	else if (message.kind == CALL_ATTEST_ACTIVATE_ANSWER)
		permitted = hear_secret(bridge, payload);
	else if (message.kind == CALL_ATTEST_FLOOR_ANSWER)
		permitted = hear_floors(bridge, payload);
	if (!permitted) {
		log_event(LOG_ERROR, "peer.broken");
		ipc_complain(bridge->attestor, IPC_COMPLAINT_BROKEN);
	}
	return true;
}
