/* Slots and buffers: all of them made at start, lent and given back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <sys/random.h>

#include "base_check.h"
#include "bridge.h"

/* map reserves zeroed memory; pages that are never touched cost nothing. */
static void *map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static bool map_buffer(struct buffer *buffer, size_t cap)
{
	*buffer = (struct buffer){map(cap), cap, 0};
	return buffer->data != NULL;
}

static bool map_exchange(struct bridge_exchange *exchange)
{
	*exchange = (struct bridge_exchange){.conn = BRIDGE_NONE, .large = BRIDGE_NONE};
	return map_buffer(&exchange->in, BRIDGE_PLAIN_BYTES) &&
	       map_buffer(&exchange->pending, BRIDGE_CIPHER_BYTES) &&
	       map_buffer(&exchange->body, API_BODY_SPACE) &&
	       map_buffer(&exchange->out, API_OUT_MAX);
}

static bool map_evidence(struct bridge *bridge)
{
	struct bridge_evidence *evidence = map(sizeof(*evidence));

	bridge->evidence = evidence;
	if (evidence == NULL)
		return false;
	evidence->nonces = map(BRIDGE_BATCH_MAX * sizeof(evidence->nonces[0]));
	evidence->nodes = map(ATTEST_TREE_NODES(BRIDGE_BATCH_MAX) * sizeof(evidence->nodes[0]));
	evidence->slot = map(CALL_ATTEST_BRIDGE_SLOT_BYTES);
	evidence->beacon_bytes = map(API_EVIDENCE_SPACE);
	bridge->api.archive.bytes = map(API_ARCHIVE_BYTES);
	bridge->api.archive.rows = map(API_ARCHIVE_ROWS * sizeof(struct api_archived));
	if (bridge->api.archive.bytes == NULL || bridge->api.archive.rows == NULL)
		return false;
	evidence->tree.nonces = (const uint8_t(*)[ATTEST_NONCE_LEN])evidence->nonces;
	evidence->tree.nodes = (const uint8_t(*)[32])evidence->nodes;
	return evidence->nonces != NULL && evidence->nodes != NULL && evidence->slot != NULL &&
	       evidence->beacon_bytes != NULL;
}

static bool map_scratch(struct bridge *bridge)
{
	bridge->receive = map(BRIDGE_RECEIVE_BYTES);
	bridge->log_bytes = map(BRIDGE_LOG_BYTES);
	bridge->api.log.lines = map(API_LOG_LINES * sizeof(bridge->api.log.lines[0]));
	bridge->api.log.next = 1;
	bridge->signer_slot = map(CALL_BRIDGE_SLOT_BYTES);
	bridge->authority_slot = map(CALL_CHANGE_SLOT_BYTES);
	bridge->api.envelope_space = map(API_ENVELOPE_MAX);
	bridge->api.evidence_space = map(API_EVIDENCE_SPACE);
	bridge->api.pool.cap = API_JSON_POOL(LIMIT_HTTP_LARGE_BODY_MAX);
	bridge->api.pool.memory = map(bridge->api.pool.cap);
	return map_evidence(bridge) && bridge->api.evidence_space != NULL &&
	       bridge->log_bytes != NULL && bridge->api.log.lines != NULL &&
	       bridge->receive != NULL && bridge->signer_slot != NULL &&
	       bridge->authority_slot != NULL && bridge->api.envelope_space != NULL &&
	       bridge->api.pool.memory != NULL && map_buffer(&bridge->plain, BRIDGE_PLAIN_BYTES) &&
	       map_buffer(&bridge->handshake, BRIDGE_CIPHER_BYTES);
}

static void open_doors(struct bridge *bridge, uint32_t clients_max)
{
	const struct bridge_door doors[API_DOOR_COUNT] = {
	    [API_DOOR_CLIENTS] = {.conns_max = clients_max,
	                          .exchanges_left = 8,
	                          .large_left = 4,
	                          .shake_percent = 30},
	    [API_DOOR_HEALTH] = {.conns_max = BRIDGE_CONNS_HEALTH,      .exchanges_left = 4      },
	    [API_DOOR_OPERATORS] = {.conns_max = BRIDGE_CONNS_OPERATORS,.shake_percent = 10},
	};

	for (size_t i = 0; i < API_DOOR_COUNT; i++) {
		struct bridge_door *door = &bridge->doors[i];

		*door = doors[i];
		door->idle[0] = door->idle[1] = (struct bridge_list){BRIDGE_NONE, BRIDGE_NONE};
		bridge_turn_init(&door->later);
		bridge_turn_init(&door->shakes[0]);
		bridge_turn_init(&door->shakes[1]);
	}
}

enum status bridge_allocate(struct bridge *bridge, uint32_t conn_max)
{
	uint32_t slots = conn_max + BRIDGE_CONNS_HEALTH + BRIDGE_CONNS_OPERATORS;

	bridge->conns = map(slots * sizeof(bridge->conns[0]));
	bridge->free_conns = map(slots * sizeof(bridge->free_conns[0]));
	bridge->exchanges = map(BRIDGE_EXCHANGES_MAX * sizeof(bridge->exchanges[0]));
	bridge->free_exchanges = map(BRIDGE_EXCHANGES_MAX * sizeof(bridge->free_exchanges[0]));
	if (bridge->conns == NULL || bridge->free_conns == NULL || bridge->exchanges == NULL ||
	    bridge->free_exchanges == NULL || !map_scratch(bridge))
		return STATUS_BUSY;
	/* Stacks: the slot given back last is lent first, its memory is warm. */
	for (uint32_t i = slots; i-- > 0;)
		bridge->free_conns[bridge->free_conn_count++] = i;
	for (uint32_t i = BRIDGE_EXCHANGES_MAX; i-- > 0;) {
		if (!map_exchange(&bridge->exchanges[i]))
			return STATUS_BUSY;
		bridge->free_exchanges[bridge->free_exchange_count++] = i;
	}
	for (uint32_t i = 0; i < BRIDGE_LARGE_MAX; i++) {
		if (!map_buffer(&bridge->large_body[i], API_LARGE_BODY_SPACE) ||
		    !map_buffer(&bridge->large_out[i], API_LARGE_OUT_MAX))
			return STATUS_BUSY;
		bridge->free_large[bridge->free_large_count++] = i;
	}
	open_doors(bridge, conn_max);
	bridge_fair_init(&bridge->to_signer, BRIDGE_OPEN_EACH, BRIDGE_WAITING_EACH);
	bridge_fair_init(&bridge->to_authority, BRIDGE_OPEN_EACH_CHANGE, BRIDGE_WAITING_EACH);
	return getrandom(&bridge->known.key, sizeof(bridge->known.key), 0) ==
	               (ssize_t)sizeof(bridge->known.key)
	           ? STATUS_OK
	           : STATUS_IO;
}

static uint32_t index_of(const struct bridge *bridge, const struct bridge_conn *conn)
{
	return (uint32_t)(conn - bridge->conns);
}

static struct bridge_door *door_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	return &bridge->doors[conn->door];
}

static void list_add(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_list *list = &door_of(bridge, conn)->idle[conn->proven];
	uint32_t index = index_of(bridge, conn);

	conn->newer = BRIDGE_NONE;
	conn->older = list->newest;
	if (conn->older == BRIDGE_NONE)
		list->oldest = index;
	else
		bridge->conns[conn->older].newer = index;
	list->newest = index;
}

static void list_remove(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_list *list = &door_of(bridge, conn)->idle[conn->proven];

	if (conn->newer == BRIDGE_NONE)
		list->newest = conn->older;
	else
		bridge->conns[conn->newer].older = conn->older;
	if (conn->older == BRIDGE_NONE)
		list->oldest = conn->newer;
	else
		bridge->conns[conn->older].newer = conn->newer;
}

static void evict(struct bridge *bridge, uint32_t index)
{
	if (index == BRIDGE_NONE)
		return;
	bridge->api.metrics.connections_evicted++;
	bridge_drop(bridge, &bridge->conns[index]);
}

/* make_room closes the connection that was idle for longest, of strangers as long as there are any:
 * who only connects does not push out who works here. */
static void make_room(struct bridge *bridge, struct bridge_door *door)
{
	uint32_t oldest = door->idle[0].oldest;

	evict(bridge, oldest == BRIDGE_NONE ? door->idle[1].oldest : oldest);
}

/* share_places: at the operators' door, which is small, strangers of one address have a quarter of
 * the places, so that one machine that only connects leaves others the time for their handshake. */
static void share_places(struct bridge *bridge, const struct bridge_door *door, uint64_t address)
{
	uint32_t first = BRIDGE_NONE, count = 0;

	for (uint32_t i = door->idle[0].newest; i != BRIDGE_NONE; i = bridge->conns[i].older) {
		if (bridge->conns[i].address != address)
			continue;
		first = i;
		count++;
	}
	if (count >= BRIDGE_CONNS_OPERATORS / 4)
		evict(bridge, first);
}

struct bridge_conn *bridge_take_conn(struct bridge *bridge, enum api_door at, uint64_t address)
{
	struct bridge_door *door = &bridge->doors[at];
	struct bridge_conn *conn;
	uint32_t index;

	if (at == API_DOOR_OPERATORS)
		share_places(bridge, door, address);
	if (door->conns == door->conns_max)
		make_room(bridge, door);
	if (door->conns == door->conns_max)
		return NULL;
	door->conns++;
	CHECK(bridge->free_conn_count != 0);
	index = bridge->free_conns[--bridge->free_conn_count];
	if (index >= bridge->conn_high)
		bridge->conn_high = index + 1;
	conn = &bridge->conns[index];
	*conn = (struct bridge_conn){
	    .id = ++bridge->next_conn << 32 | index,
	    .fd = -1,
	    .exchange = BRIDGE_NONE,
	    .address = address,
	    .state = BRIDGE_READ,
	    .door = (uint8_t)at,
	};
	list_add(bridge, conn);
	bridge->api.metrics.connections_open++;
	return conn;
}

void bridge_free_conn(struct bridge *bridge, struct bridge_conn *conn)
{
	if (conn->exchange != BRIDGE_NONE)
		bridge_give_back(bridge, conn);
	bridge_turn_forget(bridge, conn);
	list_remove(bridge, conn);
	conn->state = BRIDGE_FREE;
	door_of(bridge, conn)->conns--;
	bridge->api.metrics.handshakes_open -= !conn->ready;
	bridge->free_conns[bridge->free_conn_count++] = index_of(bridge, conn);
	bridge->api.metrics.connections_open--;
}

/* Since when a connection keeps its exchange from others by being slow; UINT64_MAX: it is not. */
static uint64_t slow_since(const struct bridge *bridge, const struct bridge_exchange *exchange)
{
	if (exchange->conn == BRIDGE_NONE)
		return UINT64_MAX;
	switch ((enum bridge_state)bridge->conns[exchange->conn].state) {
	case BRIDGE_READ:
		return exchange->begun_ms;
	case BRIDGE_WRITE:
		return exchange->moved_ms;
	case BRIDGE_FREE:
	case BRIDGE_WAIT:
	case BRIDGE_STREAM:
	case BRIDGE_LINGER:
	default:
		return UINT64_MAX;
	}
}

/* may_take: a crowd at one door takes nothing from who is at another; operators take from all. */
static bool may_take(const struct bridge_conn *asker, const struct bridge_conn *other)
{
	return asker != other && (asker->door == other->door || asker->door == API_DOOR_OPERATORS);
}

/* steal ends, of the connections that the asker may take from, the one that has been sending one
 * request, or taking one response, for longest (with `large`: one of the large size; with a bucket:
 * of that bucket): who is slow on purpose must not keep others out. */
static bool steal(struct bridge *bridge, const struct bridge_conn *asker, bool large,
                  uint32_t bucket)
{
	struct bridge_conn *slowest = NULL;
	uint64_t begun_ms = bridge_now_ms(bridge) - BRIDGE_STEAL_MS;

	for (uint32_t i = 0; i < BRIDGE_EXCHANGES_MAX; i++) {
		struct bridge_exchange *exchange = &bridge->exchanges[i];
		uint64_t since_ms = slow_since(bridge, exchange);

		if (since_ms > begun_ms || !may_take(asker, &bridge->conns[exchange->conn]) ||
		    (large && exchange->large == BRIDGE_NONE) ||
		    (bucket != BRIDGE_FAIR_NONE && exchange->bucket != bucket))
			continue;
		begun_ms = since_ms;
		slowest = &bridge->conns[exchange->conn];
	}
	if (slowest == NULL)
		return false;
	bridge->api.metrics.connections_evicted++;
	bridge_drop(bridge, slowest);
	return true;
}

void bridge_renew(struct bridge *bridge, struct bridge_exchange *exchange)
{
	exchange->generation++;
	exchange->fresh = true;
	exchange->begun_ms = bridge_now_ms(bridge);
	exchange->pending.len = exchange->pending_at = exchange->sent = 0;
	if (exchange->large != BRIDGE_NONE) {
		bridge->free_large[bridge->free_large_count++] = exchange->large;
		bridge->held_large[exchange->bucket]--;
		exchange->large = BRIDGE_NONE;
	}
	exchange->api.out = exchange->out;
	api_reset(&exchange->api);
}

/* Nobody but an operator gets through the handshake at their door. */
static uint32_t bucket_of(const struct bridge *bridge, const struct bridge_exchange *exchange,
                          const struct bridge_conn *conn)
{
	return conn->door == API_DOOR_OPERATORS
	           ? BRIDGE_FAIR_OPERATORS
	           : bridge_fair_bucket_of(&bridge->known, exchange->token, conn->address);
}

void bridge_prove(struct bridge *bridge, struct bridge_conn *conn)
{
	if (conn->exchange == BRIDGE_NONE)
		list_remove(bridge, conn);
	conn->proven = true;
	if (conn->exchange == BRIDGE_NONE)
		list_add(bridge, conn);
}

bool bridge_borrow(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange;
	uint32_t index;

	CHECK(conn->exchange == BRIDGE_NONE);
	if (bridge->free_exchange_count <= door_of(bridge, conn)->exchanges_left &&
	    !steal(bridge, conn, false, BRIDGE_FAIR_NONE))
		return false;
	index = bridge->free_exchanges[--bridge->free_exchange_count];
	exchange = &bridge->exchanges[index];
	list_remove(bridge, conn);
	exchange->token = 0;
	exchange->bucket = bucket_of(bridge, exchange, conn);
	bridge->held[exchange->bucket]++;
	conn->exchange = index;
	exchange->conn = index_of(bridge, conn);
	exchange->in.len = exchange->in_at = 0;
	bridge_renew(bridge, exchange);
	bridge->api.metrics.exchanges_busy++;
	return true;
}

void bridge_give_back(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange = &bridge->exchanges[conn->exchange];

	bridge_forget(bridge, exchange);
	bridge_renew(bridge, exchange);
	exchange->conn = BRIDGE_NONE;
	bridge->held[exchange->bucket]--;
	bridge->free_exchanges[bridge->free_exchange_count++] = conn->exchange;
	conn->exchange = BRIDGE_NONE;
	list_add(bridge, conn);
	bridge->api.metrics.exchanges_busy--;
}

/* Twice as many as are free: one client alone gets two thirds, and whoever comes next always finds
 * some. */
bool bridge_may_hold(struct bridge *bridge, const struct bridge_exchange *exchange)
{
	return bridge->held[exchange->bucket] <= 2 * bridge->free_exchange_count ||
	       steal(bridge, &bridge->conns[exchange->conn], false, exchange->bucket);
}

void bridge_assign(struct bridge *bridge, struct bridge_exchange *exchange)
{
	struct bytes token = exchange->api.token;

	exchange->token = token.len == 0 ? 0 : bridge_fair_tag(&bridge->known, token);
	bridge->held[exchange->bucket]--;
	exchange->bucket = bucket_of(bridge, exchange, &bridge->conns[exchange->conn]);
	bridge->held[exchange->bucket]++;
}

bool bridge_grow(struct bridge *bridge, struct bridge_exchange *exchange)
{
	const struct bridge_conn *conn = &bridge->conns[exchange->conn];

	if (bridge->free_large_count <= door_of(bridge, conn)->large_left &&
	    !steal(bridge, conn, true, BRIDGE_FAIR_NONE))
		return false;
	if (conn->door == API_DOOR_CLIENTS &&
	    bridge->held_large[exchange->bucket] >= 2 * bridge->free_large_count &&
	    !steal(bridge, conn, true, exchange->bucket))
		return false;
	bridge->held_large[exchange->bucket]++;
	exchange->large = bridge->free_large[--bridge->free_large_count];
	exchange->api.out = bridge->large_out[exchange->large];
	exchange->api.out.len = 0;
	return true;
}

struct bridge_exchange *bridge_exchange_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	return conn->exchange == BRIDGE_NONE ? NULL : &bridge->exchanges[conn->exchange];
}
