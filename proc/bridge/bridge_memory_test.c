/* Who has to go when there is no room, and whose turn comes first: connections, exchanges and
 * handshakes, without sockets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "base_test.h"
#include "bridge.h"

#define CONNS 1100u /* more than there are exchanges */

static struct bridge bridge;
static uint64_t dropped[16], advanced[16];
static size_t dropped_count, advanced_count;
static struct bridge_conn *dribbler; /* has the next byte there as soon as one was read */

/* What bridge_conn.c and bridge_ask.c do with a connection; they are not linked. */
void bridge_drop(struct bridge *of, struct bridge_conn *conn)
{
	dropped[dropped_count++ % 16] = conn->id;
	bridge_free_conn(of, conn);
}

void bridge_forget(struct bridge *of, struct bridge_exchange *exchange)
{
	(void)of;
	(void)exchange;
}

void bridge_advance(struct bridge *of, struct bridge_conn *conn)
{
	advanced[advanced_count++ % 16] = conn->id;
	if (conn == dribbler)
		bridge_turn_later(of, conn);
	of->doors[conn->door].shake_credit_us = 0; /* a step takes what there was */
}

static void begin(void)
{
	static bool allocated;

	if (!allocated)
		CHECK(bridge_allocate(&bridge, CONNS) == STATUS_OK);
	allocated = true;
	for (uint32_t i = 0; i < bridge.conn_high; i++)
		if (bridge.conns[i].state != BRIDGE_FREE)
			bridge_free_conn(&bridge, &bridge.conns[i]);
	dropped_count = advanced_count = 0;
	bridge.now_us = 1000000;
}

static struct bridge_conn *come(void)
{
	struct bridge_conn *conn = bridge_take_conn(&bridge, API_DOOR_CLIENTS, 0);

	CHECK(conn != NULL);
	return conn;
}

/* N2, R2: strangers go, the one that was idle for longest first; then clients; nobody in work. */
static void test_who_was_idle_for_longest_goes_and_strangers_before_clients(void)
{
	static struct bridge_conn *conns[CONNS];
	uint64_t ids[8];

	begin();
	for (size_t i = 0; i < CONNS; i++)
		conns[i] = come();
	for (size_t i = 0; i < 8; i++)
		ids[i] = conns[i]->id;
	EXPECT(dropped_count == 0);
	bridge_prove(&bridge, conns[0]);
	CHECK(bridge_borrow(&bridge, conns[1]));
	CHECK(bridge_borrow(&bridge, conns[2]));
	bridge_give_back(&bridge, conns[2]); /* has just worked, so it is the newest */
	(void)come();
	EXPECT(dropped_count == 1 && dropped[0] == ids[3]);
	for (size_t i = 4; i < CONNS; i++)
		bridge_prove(&bridge, conns[i]);
	(void)come();
	EXPECT(dropped_count == 2 && dropped[1] == ids[2]);
	/* Two newcomers are the only strangers left, then come clients. */
	bridge_prove(&bridge, &bridge.conns[bridge.doors[API_DOOR_CLIENTS].idle[0].oldest]);
	bridge_prove(&bridge, &bridge.conns[bridge.doors[API_DOOR_CLIENTS].idle[0].oldest]);
	bridge_prove(&bridge, come());
	EXPECT(dropped_count == 3 && dropped[2] == ids[0]);
	(void)come();
	EXPECT(dropped_count == 4 && dropped[3] == ids[4]);
	EXPECT(conns[1]->id == ids[1] && conns[1]->exchange != BRIDGE_NONE);
	EXPECT(bridge.api.metrics.connections_evicted == 4);
}

/* N2: the slowest of those that send or do not take; whoever waits for the signer keeps his place.
 */
static void test_an_exchange_is_taken_from_the_slowest_and_from_nobody_who_waits(void)
{
	uint32_t most = BRIDGE_EXCHANGES_MAX - bridge.doors[API_DOOR_CLIENTS].exchanges_left;
	struct bridge_conn *first[3] = {NULL, NULL, NULL}, *late;

	begin();
	for (uint32_t i = 0; i < most; i++) {
		struct bridge_conn *conn = come();

		bridge.now_us += i < 4 ? 1000 : 10;
		CHECK(bridge_borrow(&bridge, conn));
		if (i < 3)
			first[i] = conn;
	}
	first[0]->state = BRIDGE_WAIT;
	first[1]->state = BRIDGE_WRITE;
	bridge_exchange_of(&bridge, first[1])->moved_ms = bridge_now_ms(&bridge) + 1000;
	late = come();
	EXPECT(!bridge_borrow(&bridge, late) && dropped_count == 0); /* nobody is slow yet */
	bridge.now_us += BRIDGE_STEAL_MS * UINT64_C(1000) + 20000;
	dropped[0] = 0;
	EXPECT(bridge_borrow(&bridge, late));
	EXPECT(dropped_count == 1 && first[2]->state == BRIDGE_FREE);
	EXPECT(first[0]->state == BRIDGE_WAIT && first[1]->state == BRIDGE_WRITE);
	/* What is kept for health and operators is theirs at any time. */
	late = bridge_take_conn(&bridge, API_DOOR_HEALTH, 0);
	EXPECT(late != NULL && bridge_borrow(&bridge, late) && dropped_count == 1);
}

/* comes_slowly: a newcomer has begun a request and does not get on with it. */
static struct bridge_conn *comes_slowly(enum api_door door, uint64_t address)
{
	struct bridge_conn *conn = bridge_take_conn(&bridge, door, address);

	CHECK(conn != NULL && bridge_borrow(&bridge, conn));
	bridge.now_us += 1000;
	return conn;
}

static bool is_gone(const struct bridge_conn *conn)
{
	return conn->state == BRIDGE_FREE;
}

/* N2, R2: a crowd at one door takes no exchange of another's, however slow that is; operators take
 * anybody's. */
static void test_a_crowd_takes_exchanges_at_its_own_door_and_operators_take_anybodys(void)
{
	struct bridge_conn *operators, *health, *clients[3], *late;

	begin();
	operators = comes_slowly(API_DOOR_OPERATORS, 0);
	health = comes_slowly(API_DOOR_HEALTH, 0);
	for (size_t i = 0; i < 3; i++)
		clients[i] = comes_slowly(API_DOOR_CLIENTS, 0);
	while (bridge.free_exchange_count > bridge.doors[API_DOOR_CLIENTS].exchanges_left)
		(void)comes_slowly(API_DOOR_CLIENTS, 0);
	bridge.now_us += BRIDGE_STEAL_MS * UINT64_C(1000);
	late = come();
	EXPECT(bridge_borrow(&bridge, late) && dropped_count == 1 && is_gone(clients[0]));
	/* The share of their address counts who comes to the health port, too. */
	EXPECT(bridge_may_hold(&bridge, bridge_exchange_of(&bridge, late)));
	EXPECT(dropped_count == 2 && is_gone(clients[1]) && !is_gone(health));
	/* The slowest of all is not taken for itself. */
	EXPECT(bridge_may_hold(&bridge, bridge_exchange_of(&bridge, clients[2])));
	EXPECT(dropped_count == 3 && !is_gone(clients[2]));
	while (bridge.free_exchange_count > bridge.doors[API_DOOR_HEALTH].exchanges_left)
		(void)comes_slowly(API_DOOR_OPERATORS, 0);
	late = bridge_take_conn(&bridge, API_DOOR_HEALTH, 0);
	EXPECT(bridge_borrow(&bridge, late) && dropped_count == 4 && is_gone(health));
	while (bridge.free_exchange_count != 0)
		(void)comes_slowly(API_DOOR_OPERATORS, 0);
	EXPECT(dropped_count == 4 && !is_gone(operators));
	operators->state = BRIDGE_WAIT;
	late = bridge_take_conn(&bridge, API_DOOR_OPERATORS, 0);
	EXPECT(bridge_borrow(&bridge, late) && dropped_count == 5 && is_gone(clients[2]));
}

/* The same of the large buffers. */
static void test_a_crowd_takes_large_buffers_at_its_own_door(void)
{
	struct bridge_conn *operators, *client = NULL, *late;

	begin();
	operators = comes_slowly(API_DOOR_OPERATORS, 0);
	CHECK(bridge_grow(&bridge, bridge_exchange_of(&bridge, operators)));
	for (uint64_t i = 0; bridge.free_large_count > bridge.doors[API_DOOR_CLIENTS].large_left;
	     i++) {
		late = comes_slowly(API_DOOR_CLIENTS, i);
		CHECK(bridge_grow(&bridge, bridge_exchange_of(&bridge, late)));
		if (i == 0)
			client = late;
	}
	bridge.now_us += BRIDGE_STEAL_MS * UINT64_C(1000);
	late = comes_slowly(API_DOOR_CLIENTS, 200);
	EXPECT(bridge_grow(&bridge, bridge_exchange_of(&bridge, late)) && dropped_count == 1);
	EXPECT(is_gone(client) && !is_gone(operators));
}

/* A client's Finished, and the request behind it, do not wait for everybody who only said hello;
 * and addresses take turns whatever they send. */
static void test_handshakes_that_were_begun_have_every_other_turn(void)
{
	struct bridge_conn *conns[6];
	static const uint64_t addresses[6] = {1, 1, 1, 1, 2, 2};
	static const size_t order[6] = {2, 0, 3, 4, 1, 5};

	begin();
	bridge.doors[API_DOOR_CLIENTS].shakes[0].next = 0;
	bridge.doors[API_DOOR_CLIENTS].begun_last = false;
	for (size_t i = 0; i < 6; i++) {
		conns[i] = come();
		conns[i]->address = addresses[i];
		if (i == 2 || i == 3)
			conns[i]->tls.ssl = (void *)conns[i]; /* begun; it is not looked into */
		bridge_turn_later(&bridge, conns[i]);
	}
	EXPECT(bridge_has_turns(&bridge));
	bridge.busy = false;
	EXPECT(bridge_take_turns(&bridge));
	EXPECT(advanced_count == 6 && !bridge_has_turns(&bridge));
	for (size_t i = 0; i < 6; i++)
		EXPECT(advanced[i] == conns[order[i]]->id);
	for (size_t i = 0; i < 6; i++)
		conns[i]->tls.ssl = NULL;
}

/* N2: who sends his part of a handshake by the byte takes no more than every other turn from those
 * of his queue that come after him, though there be one turn in a pass. */
static void test_a_handshake_that_goes_on_for_ever_leaves_others_their_turns(void)
{
	struct bridge_door *door = &bridge.doors[API_DOOR_CLIENTS];
	uint64_t ids[6];

	begin();
	door->begun_last = false;
	dribbler = come();
	dribbler->tls.ssl = (void *)dribbler;
	bridge_turn_later(&bridge, dribbler);
	for (size_t i = 0; i < 6; i++) {
		struct bridge_conn *conn = come();

		ids[i] = conn->id;
		bridge_turn_later(&bridge, conn);
	}
	bridge.busy = true;
	bridge.credited_us = bridge.now_us;
	for (size_t i = 0; i < 14; i++) {
		door->shake_credit_us = 1;
		EXPECT(bridge_take_turns(&bridge) && advanced_count == i + 1);
		EXPECT(advanced[i] == (i % 2 == 1 && i < 12 ? ids[i / 2] : dribbler->id));
	}
	dribbler->tls.ssl = NULL;
	dribbler = NULL;
}

/* R2, O9: a crowd that shakes hands at the clients' door takes no turn of an operator's, whose door
 * has its own queue and its own share of the time; and so the other way round. */
static void test_a_crowd_at_one_door_takes_no_handshake_of_another(void)
{
	static const enum api_door crowded[] = {API_DOOR_CLIENTS, API_DOOR_OPERATORS};

	for (size_t i = 0; i < 2; i++) {
		struct bridge_conn *late;

		begin();
		for (uint64_t n = 0; n < 20; n++) {
			struct bridge_conn *conn = bridge_take_conn(&bridge, crowded[i], n);

			CHECK(conn != NULL);
			bridge_turn_later(&bridge, conn);
		}
		late = bridge_take_conn(&bridge, crowded[1 - i], 0);
		CHECK(late != NULL);
		bridge_turn_later(&bridge, late);
		bridge.busy = true;
		bridge.credited_us = bridge.now_us;
		bridge.doors[crowded[i]].shake_credit_us = -1000000; /* it has spent its share */
		bridge.doors[crowded[1 - i]].shake_credit_us = 1;
		EXPECT(bridge_take_turns(&bridge) && advanced_count == 1 &&
		       advanced[0] == late->id);
		EXPECT(!bridge_take_turns(&bridge));
		bridge.doors[crowded[i]].shake_credit_us = 0;
	}
}

/* N2: beside other work handshakes have what they earned and no more. */
static void test_handshakes_beside_work_wait_for_their_budget(void)
{
	begin();
	bridge_turn_later(&bridge, come());
	bridge.busy = true;
	bridge.credited_us = bridge.now_us;
	bridge.doors[API_DOOR_CLIENTS].shake_credit_us = 0;
	EXPECT(!bridge_take_turns(&bridge) && advanced_count == 0);
	bridge.now_us += 1000;
	EXPECT(bridge_take_turns(&bridge) && advanced_count == 1);
}

int main(void)
{
	RUN(test_who_was_idle_for_longest_goes_and_strangers_before_clients);
	RUN(test_an_exchange_is_taken_from_the_slowest_and_from_nobody_who_waits);
	RUN(test_a_crowd_takes_exchanges_at_its_own_door_and_operators_take_anybodys);
	RUN(test_a_crowd_takes_large_buffers_at_its_own_door);
	RUN(test_handshakes_that_were_begun_have_every_other_turn);
	RUN(test_a_handshake_that_goes_on_for_ever_leaves_others_their_turns);
	RUN(test_a_crowd_at_one_door_takes_no_handshake_of_another);
	RUN(test_handshakes_beside_work_wait_for_their_budget);
	return test_summary();
}
