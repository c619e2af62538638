/* Questions to signer and authority (bridge_evidence.c: attestor), and their answers. A question's
 * number says which exchange, which of its requests (generation) and which item it is for, so late
 * answers fall nowhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "api_parts.h"
#include "base_check.h"
#include "base_sha256.h"
#include "bridge.h"
#include "call_store.h"
#include "log_line.h"

static uint64_t number_of(const struct bridge *bridge, const struct bridge_exchange *exchange,
                          size_t item)
{
	uint64_t index = (uint64_t)(exchange - bridge->exchanges);

	return (uint64_t)exchange->generation << 32 | index << 16 | item;
}

struct bridge_exchange *bridge_find(struct bridge *bridge, uint64_t number, enum api_ask ask)
{
	uint64_t index = number >> 16 & 0xffff;
	struct bridge_exchange *exchange;

	if (index >= BRIDGE_EXCHANGES_MAX)
		return NULL;
	exchange = &bridge->exchanges[index];
	if (exchange->conn == BRIDGE_NONE || exchange->generation != (uint32_t)(number >> 32) ||
	    exchange->api.ask != ask || bridge->conns[exchange->conn].state != BRIDGE_WAIT)
		return NULL;
	return exchange;
}

static void count_open(struct bridge *bridge)
{
	bridge->api.metrics.questions_open =
	    bridge->signer_open + bridge->authority_open + bridge->attestor_open;
}

/* ---- turns ---- */

static struct bridge_fair *fair_of(struct bridge *bridge, const struct bridge_exchange *exchange)
{
	const struct api_route *route = exchange->api.route;

	if (route == NULL || route->queue == API_QUEUE_NONE)
		return NULL;
	return route->queue == API_QUEUE_SIGNER ? &bridge->to_signer : &bridge->to_authority;
}

static uint32_t index_of(const struct bridge *bridge, const struct bridge_exchange *exchange)
{
	return (uint32_t)(exchange - bridge->exchanges);
}

bool bridge_is_queued(struct bridge *bridge, const struct bridge_exchange *exchange)
{
	return fair_of(bridge, exchange) != NULL;
}

/* unqueue takes a request that waits out again; false when it does not. */
static bool unqueue(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct bridge_fair *fair = fair_of(bridge, exchange);
	uint32_t index = index_of(bridge, exchange);

	if (fair == NULL || fair->requests[index].bucket == BRIDGE_FAIR_NONE)
		return false;
	bridge_fair_remove(fair, index);
	return true;
}

static bool asks_to_sign(const struct bridge_exchange *exchange)
{
	return exchange->api.ask == API_ASK_SIGN;
}

/* note_asked counts questions that were put; note_answered those answered or given up. */
static void note_asked(struct bridge *bridge, struct bridge_exchange *exchange, uint32_t count)
{
	struct bridge_fair *fair = fair_of(bridge, exchange);

	if (fair == &bridge->to_signer &&
	    (bridge->signer_open == 0 || (asks_to_sign(exchange) && bridge->sign_open == 0)))
		bridge->heard_us = bridge->now_us;
	if (asks_to_sign(exchange))
		bridge->sign_open += count;
	if (fair == &bridge->to_signer)
		bridge->later = false;
	*(fair == &bridge->to_signer ? &bridge->signer_open : &bridge->authority_open) += count;
	bridge_fair_asked(fair, exchange->bucket, count);
	count_open(bridge);
}

static void note_answered(struct bridge *bridge, struct bridge_exchange *exchange, uint32_t count)
{
	struct bridge_fair *fair = fair_of(bridge, exchange);

	if (asks_to_sign(exchange))
		bridge->sign_open -= count;
	*(fair == &bridge->to_signer ? &bridge->signer_open : &bridge->authority_open) -= count;
	bridge_fair_answered(fair, exchange->bucket, count);
	count_open(bridge);
}

void bridge_forget(struct bridge *bridge, struct bridge_exchange *exchange)
{
	uint32_t open = 0;

	if (exchange->conn == BRIDGE_NONE || bridge->conns[exchange->conn].state != BRIDGE_WAIT ||
	    unqueue(bridge, exchange))
		return;
	if (exchange->api.ask == API_ASK_SIGN)
		open = (uint32_t)(exchange->api.item_count - exchange->api.answered_count);
	else if (exchange->api.ask == API_ASK_EXPORT || exchange->api.ask == API_ASK_ENVELOPE)
		open = 1;
	if (open != 0)
		note_answered(bridge, exchange, open);
	if (exchange->api.ask == API_ASK_EVIDENCE || exchange->api.ask == API_ASK_ACTIVATE ||
	    exchange->api.ask == API_ASK_FLOOR)
		bridge->attestor_open--;
	exchange->generation++;
	count_open(bridge);
}

/* is_stalled: with signatures asked for and nothing heard for a while, a new one would wait longer
 * than a client that has other places to go to wants to. */
static bool is_stalled(const struct bridge *bridge)
{
	return bridge->sign_open != 0 &&
	       bridge->now_us - bridge->heard_us > (uint64_t)BRIDGE_STALL_MS * 1000;
}

bool bridge_signer_is_silent(const struct bridge *bridge)
{
	return bridge->now_us - bridge->heard_us >= (uint64_t)BRIDGE_ANSWER_MS * 1000;
}

static void refuse(struct bridge *bridge, struct bridge_exchange *exchange, enum call_result result,
                   const char *detail)
{
	api_refuse(&exchange->api, &bridge->api, result, detail);
}

/* put_sign encodes one question into the ring. */
static enum status put_sign(struct bridge *bridge, struct bridge_exchange *exchange, size_t item)
{
	struct buffer payload;
	enum status status = ipc_reserve(bridge->signer, &payload);

	if (status != STATUS_OK)
		return status;
	bridge->sign_request.request = number_of(bridge, exchange, item);
	bridge->sign_request.connection = bridge->conns[exchange->conn].id;
	status = call_sign_put_request(&bridge->sign_request, &payload);
	CHECK(status == STATUS_OK); /* a question fits a slot: call_sign.c asserts it */
	ipc_commit(bridge->signer, CALL_BRIDGE_SIGN_REQUEST, &payload);
	return STATUS_OK;
}

/* answer_self ends one item without the signer. */
static void answer_self(struct bridge *bridge, struct bridge_exchange *exchange, size_t item,
                        enum call_result result)
{
	const char *detail = exchange->api.detail[0] == 0 ? NULL : exchange->api.detail;

	bridge->sign_answer = (struct call_sign_answer){.result = result};
	(void)api_take_sign(&exchange->api, &bridge->api, item, &bridge->sign_answer, detail);
}

static bool has_room(struct bridge *bridge, size_t count)
{
	return ipc_pending(bridge->signer) + count <= bridge->signer->shape.slots;
}

/* check_atomic refuses an atomic batch as a whole when one item is not even well-formed. */
static bool check_atomic(struct bridge *bridge, struct bridge_exchange *exchange)
{
	for (size_t i = 0; i < exchange->api.item_count; i++) {
		enum call_result result =
		    api_fill_sign(&exchange->api, &bridge->api, i, &bridge->sign_request);

		if (result != CALL_RESULT_DONE) {
			refuse(bridge, exchange, result,
			       exchange->api.detail[0] == 0 ? NULL : exchange->api.detail);
			return false;
		}
	}
	return true;
}

static void ask_sign(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct api_exchange *api = &exchange->api;
	size_t count = api->item_count;
	uint32_t asked = 0;

	if (!has_room(bridge, count)) {
		refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
		return;
	}
	if (api->atomic && !check_atomic(bridge, exchange))
		return;
	for (size_t i = 0; i < count && api->ask == API_ASK_SIGN; i++) {
		enum call_result result =
		    api_fill_sign(api, &bridge->api, i, &bridge->sign_request);

		if (result == CALL_RESULT_DONE) {
			if (put_sign(bridge, exchange, i) == STATUS_OK) {
				asked++;
				continue;
			}
			result = CALL_RESULT_OVERLOADED;
		}
		answer_self(bridge, exchange, i, result);
	}
	if (asked != 0)
		note_asked(bridge, exchange, asked);
}

static void ask_export(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct call_export_request request;
	struct buffer payload;

	if (ipc_reserve(bridge->signer, &payload) != STATUS_OK) {
		refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
		return;
	}
	api_fill_export(&exchange->api, &request);
	request.request = number_of(bridge, exchange, 0);
	request.connection = bridge->conns[exchange->conn].id;
	CHECK(call_export_put_request(&request, &payload) == STATUS_OK);
	ipc_commit(bridge->signer, CALL_BRIDGE_EXPORT_REQUEST, &payload);
	note_asked(bridge, exchange, 1);
}

static void ask_envelope(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct call_change_envelope head = {
	    .connection = bridge->conns[exchange->conn].id,
	    .request = number_of(bridge, exchange, 0),
	};
	struct bytes envelope;
	struct buffer payload;
	enum call_result result = api_envelope(&exchange->api, &bridge->api, &envelope);

	if (result != CALL_RESULT_DONE) {
		refuse(bridge, exchange, result, "\"envelope\" is base64 of a sealed change");
		return;
	}
	if (ipc_reserve(bridge->authority, &payload) != STATUS_OK) {
		refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
		return;
	}
	CHECK(buffer_put(&payload, bytes_of(&head, sizeof(head))) == STATUS_OK);
	CHECK(buffer_put(&payload, envelope) == STATUS_OK);
	ipc_commit(bridge->authority, CALL_CHANGE_ENVELOPE, &payload);
	note_asked(bridge, exchange, 1);
}

/* may_stream: streams hold exchanges for long, so they are few, and fewer with one token. */
static enum call_result may_stream(struct bridge *bridge, const struct bridge_exchange *exchange)
{
	unsigned all = 0, same = 0;

	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++) {
		const struct bridge_exchange *other = &bridge->exchanges[i];

		if (other == exchange || other->conn == BRIDGE_NONE || !other->api.stream.open)
			continue;
		all++;
		same += bytes_equal(other->api.token, exchange->api.token);
	}
	if (same >= BRIDGE_STREAMS_EACH)
		return CALL_RESULT_SHARE_SPENT;
	return all >= BRIDGE_STREAMS_MAX ? CALL_RESULT_OVERLOADED : CALL_RESULT_DONE;
}

static void ask_events(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct api_exchange *api = &exchange->api;
	enum call_result result = CALL_RESULT_DONE;

	if (!api->stream.open)
		result = may_stream(bridge, exchange);
	else if (bridge_now_ms(bridge) - exchange->begun_ms < BRIDGE_STREAM_MS)
		api->ask = API_ASK_EXPORT;
	else {
		api_end_events(api, CALL_RESULT_DONE);
		return;
	}
	if (result == CALL_RESULT_DONE)
		ask_export(bridge, exchange);
	else
		refuse(bridge, exchange, result, NULL);
}

void bridge_ask(struct bridge *bridge, struct bridge_exchange *exchange)
{
	if (bridge->api.stopping) {
		refuse(bridge, exchange, CALL_RESULT_STOPPING, NULL);
	} else if (!bridge->api.has_channel) {
		refuse(bridge, exchange, CALL_RESULT_SEALED, NULL);
	} else if (exchange->api.ask == API_ASK_CERTIFICATE) {
		bridge_take_certificate(bridge, exchange);
	} else if (exchange->api.ask == API_ASK_ENVELOPE) {
		ask_envelope(bridge, exchange);
	} else if (exchange->api.ask == API_ASK_EVIDENCE) {
		bridge_ask_evidence(bridge, exchange);
	} else if (exchange->api.ask == API_ASK_ACTIVATE) {
		if (!bridge_ask_activate(bridge, exchange, number_of(bridge, exchange, 0)))
			refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
	} else if (exchange->api.ask == API_ASK_FLOOR) {
		if (!bridge_ask_floor(bridge, exchange, number_of(bridge, exchange, 0)))
			refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
	} else if (is_stalled(bridge)) {
		refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
	} else if (exchange->api.ask == API_ASK_SIGN) {
		ask_sign(bridge, exchange);
	} else if (exchange->api.path == API_PATH_EVENTS) {
		ask_events(bridge, exchange);
	} else {
		ask_export(bridge, exchange);
	}
}

enum call_result bridge_queue(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct bridge_fair *fair = fair_of(bridge, exchange);
	bool many =
	    exchange->api.path == API_PATH_BATCH || exchange->api.path == API_PATH_VAULT_SIGN;

	if (fair == &bridge->to_signer && is_stalled(bridge))
		return CALL_RESULT_OVERLOADED;
	return bridge_fair_add(fair, index_of(bridge, exchange), exchange->bucket,
	                       many ? CALL_BATCH_MAX : 1, bridge->now_us)
	           ? CALL_RESULT_DONE
	           : CALL_RESULT_SHARE_SPENT;
}

/* refuse_late refuses what has waited for its turn for too long, at once and not at the next tick:
 * an answer under load is due, too. */
static void refuse_late(struct bridge *bridge, struct bridge_fair *fair)
{
	uint64_t wait_us = BRIDGE_QUEUE_MS * UINT64_C(1000);
	uint32_t index;

	while ((index = bridge_fair_late(
	            fair, bridge->now_us < wait_us ? 0 : bridge->now_us - wait_us)) !=
	       BRIDGE_FAIR_NONE) {
		struct bridge_exchange *exchange = &bridge->exchanges[index];

		refuse(bridge, exchange, CALL_RESULT_OVERLOADED, NULL);
		bridge_reply(bridge, exchange);
	}
}

static uint32_t room(const struct ipc_channel *channel)
{
	return channel->shape.slots - ipc_pending(channel);
}

/* begin_next begins the request whose turn it is; false when nobody may be asked now. */
static bool begin_next(struct bridge *bridge, struct bridge_fair *fair,
                       const struct ipc_channel *channel)
{
	uint32_t index = bridge_fair_next(fair, room(channel));
	struct bridge_exchange *exchange;
	struct bridge_conn *conn;

	if (index == BRIDGE_FAIR_NONE)
		return false;
	exchange = &bridge->exchanges[index];
	conn = &bridge->conns[exchange->conn];
	bridge_begin(bridge, conn, exchange);
	if (conn->state == BRIDGE_WRITE)
		bridge_advance(bridge, conn);
	return true;
}

void bridge_dispatch(struct bridge *bridge)
{
	/* A refusal's connection may bring its next request while this goes on. */
	if (bridge->dispatching)
		return;
	bridge->dispatching = true;
	while (begin_next(bridge, &bridge->to_signer, bridge->signer) ||
	       begin_next(bridge, &bridge->to_authority, bridge->authority))
		continue;
	refuse_late(bridge, &bridge->to_signer);
	refuse_late(bridge, &bridge->to_authority);
	bridge->dispatching = false;
}

void bridge_reply(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct bridge_conn *conn = &bridge->conns[exchange->conn];

	exchange->sent = 0;
	exchange->moved_ms = bridge_now_ms(bridge);
	conn->state = BRIDGE_WRITE;
	conn->deadline_ms = bridge_now_ms(bridge) + BRIDGE_WRITE_MS;
	bridge_advance(bridge, conn);
}

/* learn notes what the signer's answer says about a request's token. */
static void learn(struct bridge *bridge, const struct bridge_exchange *exchange, bool found,
                  enum call_result result)
{
	struct bridge_conn *conn = &bridge->conns[exchange->conn];

	if (conn->door == API_DOOR_OPERATORS)
		return; /* he has proven more */
	conn->proven = bridge_fair_hear(&bridge->known, exchange->token, conn->proven, found,
	                                result == CALL_RESULT_TOKEN_REFUSED);
}

static bool hear_sign(struct bridge *bridge, struct bytes message)
{
	struct bridge_exchange *exchange;
	size_t item;

	if (call_sign_take_answer(message, &bridge->sign_answer) != STATUS_OK)
		return false;
	exchange = bridge_find(bridge, bridge->sign_answer.request, API_ASK_SIGN);
	item = bridge->sign_answer.request & 0xffff;
	if (exchange == NULL)
		return true;
	if (item >= exchange->api.item_count || exchange->api.items[item].answered)
		return false;
	note_answered(bridge, exchange, 1);
	learn(bridge, exchange, bridge->sign_answer.client_found, bridge->sign_answer.result);
	if (api_take_sign(&exchange->api, &bridge->api, item, &bridge->sign_answer, NULL))
		bridge_reply(bridge, exchange);
	return true;
}

static bool hear_export(struct bridge *bridge, struct bytes message)
{
	struct bridge_exchange *exchange;

	if (call_export_take_answer(message, &bridge->export_answer) != STATUS_OK)
		return false;
	exchange = bridge_find(bridge, bridge->export_answer.request, API_ASK_EXPORT);
	if (exchange == NULL)
		return true;
	note_answered(bridge, exchange, 1);
	learn(bridge, exchange, bridge->export_answer.client_found, bridge->export_answer.result);
	api_take_export(&exchange->api, &bridge->api, &bridge->export_answer);
	bridge_reply(bridge, exchange);
	return true;
}

static void keep_certificate(struct api_context *context, size_t which, struct bytes certificate)
{
	if (certificate.len != 0)
		memcpy(context->certificates[which], certificate.data, certificate.len);
	context->certificate_lens[which] = certificate.len;
}

/* hear_start takes over TLS key and certificates; the message's copy of the key is wiped. */
static bool hear_start(struct bridge *bridge, struct buffer *message)
{
	struct call_channel_start start;
	enum status status = call_channel_take_start(buffer_bytes(message), &start);

	if (status == STATUS_OK)
		status = bridge_use_key(bridge, &start);
	explicit_bzero(start.tls_key, sizeof(start.tls_key));
	if (status != STATUS_OK) {
		explicit_bzero(message->data, message->len);
		log_event(LOG_ERROR, "tls.key_refused");
		return status != STATUS_MALFORMED;
	}
	memcpy(bridge->api.deployment, start.deployment, sizeof(start.deployment));
	memcpy(bridge->api.deployment_key, start.deployment_key, sizeof(start.deployment_key));
	bridge->api.boot = start.boot;
	bridge->api.hardware = start.hardware;
	memcpy(bridge->api.rp_id, start.rp_id.data, start.rp_id.len);
	bridge->api.rp_id_len = start.rp_id.len;
	keep_certificate(&bridge->api, 0, start.authority_certificate);
	keep_certificate(&bridge->api, 1, start.signer_certificate);
	explicit_bzero(message->data, message->len);
	if (!bridge->api.has_channel)
		log_event(LOG_INFO, "tls.ready");
	bridge->api.has_channel = true;
	return true;
}

/* lose refuses every request that waits for a process that has ended. */
static void lose(struct bridge *bridge, bool authority)
{
	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++) {
		struct bridge_exchange *exchange = &bridge->exchanges[i];

		if (exchange->conn == BRIDGE_NONE ||
		    bridge->conns[exchange->conn].state != BRIDGE_WAIT ||
		    exchange->api.ask == API_ASK_EVIDENCE ||
		    exchange->api.ask == API_ASK_ACTIVATE || exchange->api.ask == API_ASK_FLOOR ||
		    (exchange->api.ask == API_ASK_ENVELOPE) != authority)
			continue;
		bridge->api.metrics.questions_lost++;
		bridge_forget(bridge, exchange);
		refuse(bridge, exchange, CALL_RESULT_NO_ANSWER, NULL);
		bridge_reply(bridge, exchange);
	}
}

static bool hear_fill(struct bridge *bridge, struct bytes message)
{
	struct call_store_fill said;

	if (message.len != sizeof(said))
		return false;
	memcpy(&said, message.data, sizeof(said));
	bridge->api.metrics.state_fill = said.state;
	bridge->api.metrics.receipts_fill = said.receipts;
	return true;
}

static bool hear_tpm(struct bridge *bridge, struct bytes message)
{
	struct call_bridge_tpm said;

	if (message.len != sizeof(said))
		return false;
	memcpy(&said, message.data, sizeof(said));
	bridge->api.metrics.tpm_writes = said.writes;
	bridge->api.metrics.tpm_writes_left = said.left;
	bridge->api.metrics.tpm_busy = said.busy;
	return true;
}

static bool hear_time(struct bridge *bridge, struct bytes message)
{
	struct call_time said;

	if (message.len != sizeof(said))
		return false;
	memcpy(&said, message.data, sizeof(said));
	if (call_time_word(said.state) == NULL)
		return false;
	bridge->api.metrics.time = said;
	/* A chain that a wrong clock had refused may hold now. */
	if (said.state == CALL_TIME_PROVEN && !bridge->has_chain)
		bridge_use_chain(bridge);
	return true;
}

/* Before our key is here it is the chain that the signer keeps; later it waits for our word. */
static bool hear_chain(struct bridge *bridge, struct bytes pem)
{
	struct call_bridge_certificate said = {.holds = 0};

	if (pem.len == 0 || pem.len > sizeof(bridge->chain))
		return false;
	bridge->chain_refused = NULL;
	if (bridge->tls != NULL) {
		said.holds = bridge_show_chain(bridge, pem);
		sha256_of(pem, said.hash);
		/* Where it has no room, the signer's question ends by its time. */
		(void)!ipc_put(bridge->signer, CALL_BRIDGE_CERTIFICATE_ANSWER,
		               bytes_of(&said, sizeof(said)));
		if (said.holds == 0)
			return true;
	}
	memcpy(bridge->chain, pem.data, pem.len);
	bridge->chain_len = pem.len;
	return true;
}

static bool hear_signer(struct bridge *bridge, struct ipc_message *message)
{
	if (message->kind == CALL_BRIDGE_LATER) { /* no answer: a store that hangs is a stall */
		bridge->later = true;
		return message->payload.len == 0;
	}
	bridge->heard_us = bridge->now_us;
	bridge->api.silent = false;
	switch (message->kind) {
	case CALL_BRIDGE_SIGN_ANSWER:
		return hear_sign(bridge, buffer_bytes(&message->payload));
	case CALL_BRIDGE_EXPORT_ANSWER:
		return hear_export(bridge, buffer_bytes(&message->payload));
	case CALL_BRIDGE_CHANNEL_START:
		return hear_start(bridge, &message->payload);
	case CALL_BRIDGE_TPM:
		return hear_tpm(bridge, buffer_bytes(&message->payload));
	case CALL_BRIDGE_FILL:
		return hear_fill(bridge, buffer_bytes(&message->payload));
	case CALL_BRIDGE_CERTIFICATE:
		return hear_chain(bridge, buffer_bytes(&message->payload));
	case CALL_BRIDGE_TIME:
		return hear_time(bridge, buffer_bytes(&message->payload));
	default:
		return false;
	}
}

static bool hear_authority(struct bridge *bridge, struct ipc_message *message)
{
	struct call_change_envelope_answer head;
	struct bridge_exchange *exchange;
	struct bytes rest = buffer_bytes(&message->payload);

	if (message->kind != CALL_CHANGE_ENVELOPE_ANSWER || rest.len < sizeof(head))
		return false;
	memcpy(&head, rest.data, sizeof(head));
	rest = bytes_of(rest.data + sizeof(head), rest.len - sizeof(head));
	exchange = bridge_find(bridge, head.request, API_ASK_ENVELOPE);
	if (exchange == NULL)
		return true;
	note_answered(bridge, exchange, 1);
	if (head.status == STATUS_OK)
		api_take_envelope(&exchange->api, &bridge->api, rest);
	else
		api_refuse_envelope(&exchange->api, &bridge->api, head.status, rest);
	bridge_reply(bridge, exchange);
	return true;
}

/* hear_channel takes what is there on one channel; a message that its row does not permit is the
 * peer's crime. */
static bool hear_channel(struct bridge *bridge, struct ipc_channel *channel, uint8_t *slot,
                         size_t slot_len, bool authority)
{
	struct ipc_message message = {
	    .payload = {slot, slot_len, 0}
        };
	bool heard = false;

	for (;;) {
		enum status status = ipc_take(channel, &message);
		bool permitted;

		if (status == STATUS_CONFLICT) {
			ipc_acknowledge(channel);
			lose(bridge, authority);
			continue;
		}
		if (status != STATUS_OK)
			return heard;
		heard = true;
		permitted =
		    authority ? hear_authority(bridge, &message) : hear_signer(bridge, &message);
		if (!permitted) {
			log_event(LOG_ERROR, "peer.broken");
			ipc_complain(channel, IPC_COMPLAINT_BROKEN);
		}
	}
}

bool bridge_hear(struct bridge *bridge)
{
	bool heard = hear_channel(bridge, bridge->signer, bridge->signer_slot,
	                          IPC_PAYLOAD(CALL_BRIDGE_SLOT_BYTES), false);

	if (hear_channel(bridge, bridge->authority, bridge->authority_slot,
	                 IPC_PAYLOAD(CALL_CHANGE_SLOT_BYTES), true))
		heard = true;
	bridge_pump_unseal(bridge);
	while (bridge_hear_attestor(bridge))
		heard = true;
	bridge_pump_evidence(bridge);
	bridge_dispatch(bridge);
	return heard;
}
