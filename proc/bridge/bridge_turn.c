/* Work that waits for its turn: connections with more to do than one pass gives them, and
 * handshakes, each of which costs as much as ten requests. Both wait by door and address, and
 * addresses take turns; while there is other work, handshakes get a share of the time and no more
 * (N2). Handshakes that were begun take turns with those that are to begin: who has done his part
 * of one has often sent his request behind it, and that is not to wait for all who only come; nor
 * are they to wait for who goes on with his by the byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bridge.h"

static uint32_t index_of(const struct bridge *bridge, const struct bridge_conn *conn)
{
	return (uint32_t)(conn - bridge->conns);
}

void bridge_turn_init(struct bridge_turns *turns)
{
	*turns = (struct bridge_turns){.count = 0};
	for (size_t i = 0; i < BRIDGE_TURN_QUEUES; i++)
		turns->queues[i] = (struct bridge_list){BRIDGE_NONE, BRIDGE_NONE};
}

static struct bridge_turns *turns_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	struct bridge_door *door = &bridge->doors[conn->door];

	return conn->turn.shakes ? &door->shakes[conn->turn.begun] : &door->later;
}

static struct bridge_list *queue_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	return &turns_of(bridge, conn)->queues[conn->address % BRIDGE_TURN_QUEUES];
}

static void add(struct bridge *bridge, struct bridge_list *queue, struct bridge_conn *conn)
{
	conn->turn.newer = BRIDGE_NONE;
	conn->turn.older = queue->newest;
	if (queue->newest == BRIDGE_NONE)
		queue->oldest = index_of(bridge, conn);
	else
		bridge->conns[queue->newest].turn.newer = index_of(bridge, conn);
	queue->newest = index_of(bridge, conn);
}

void bridge_turn_later(struct bridge *bridge, struct bridge_conn *conn)
{
	if (conn->turn.waits)
		return;
	conn->turn.waits = true;
	conn->turn.shakes = !conn->ready;
	conn->turn.begun = conn->tls.ssl != NULL;
	turns_of(bridge, conn)->count++;
	add(bridge, queue_of(bridge, conn), conn);
}

void bridge_turn_forget(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_list *queue = queue_of(bridge, conn);

	if (!conn->turn.waits)
		return;
	if (conn->turn.newer == BRIDGE_NONE)
		queue->newest = conn->turn.older;
	else
		bridge->conns[conn->turn.newer].turn.older = conn->turn.older;
	if (conn->turn.older == BRIDGE_NONE)
		queue->oldest = conn->turn.newer;
	else
		bridge->conns[conn->turn.older].turn.newer = conn->turn.newer;
	turns_of(bridge, conn)->count--;
	conn->turn.waits = false;
}

static bool has_shakes(const struct bridge_door *door)
{
	return door->shakes[0].count + door->shakes[1].count != 0;
}

bool bridge_has_turns(const struct bridge *bridge)
{
	for (size_t i = 0; i < API_DOOR_COUNT; i++)
		if (bridge->doors[i].later.count != 0 || has_shakes(&bridge->doors[i]))
			return true;
	return false;
}

static int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* run_next gives the connection a turn that is the oldest of the next address. */
static void run_next(struct bridge *bridge, struct bridge_turns *turns)
{
	struct bridge_conn *conn;

	CHECK(turns->count != 0);
	while (turns->queues[turns->next].oldest == BRIDGE_NONE)
		turns->next = (turns->next + 1) % BRIDGE_TURN_QUEUES;
	conn = &bridge->conns[turns->queues[turns->next].oldest];
	turns->next = (turns->next + 1) % BRIDGE_TURN_QUEUES;
	bridge_turn_forget(bridge, conn);
	bridge_advance(bridge, conn);
}

/* next_shakes is whichever of the two kinds did not have the last turn, if any of it waits. */
static struct bridge_turns *next_shakes(struct bridge_door *door)
{
	bool begun = !door->begun_last;

	if (door->shakes[begun].count == 0)
		begun = !begun;
	door->begun_last = begun;
	return &door->shakes[begun];
}

/* bounded keeps a credit, or a debt, from growing without end. */
static int64_t bounded(int64_t us)
{
	const int64_t most = BRIDGE_SHAKE_BURST_US;

	return us > most ? most : us < -most ? -most : us;
}

static void earn_credit(struct bridge *bridge)
{
	int64_t past_us = bounded((int64_t)(bridge->now_us - bridge->credited_us));

	bridge->credited_us = bridge->now_us;
	for (size_t i = 0; i < API_DOOR_COUNT; i++) {
		struct bridge_door *door = &bridge->doors[i];

		door->shake_credit_us =
		    bounded(door->shake_credit_us + past_us * door->shake_percent / 100);
	}
}

static bool take_turns_of(struct bridge *bridge, struct bridge_door *door)
{
	uint32_t left = door->later.count < BRIDGE_LATERS ? door->later.count : BRIDGE_LATERS;
	bool worked = left != 0;

	while (left-- > 0 && door->later.count != 0)
		run_next(bridge, &door->later);
	for (unsigned i = 0; i < BRIDGE_SHAKES && has_shakes(door); i++) {
		int64_t begun_us = clock_us();

		if (bridge->busy && door->shake_credit_us <= 0)
			break;
		run_next(bridge, next_shakes(door));
		door->shake_credit_us = bounded(door->shake_credit_us - (clock_us() - begun_us));
		worked = true;
	}
	return worked;
}

bool bridge_take_turns(struct bridge *bridge)
{
	bool worked = false;

	earn_credit(bridge);
	for (size_t i = 0; i < API_DOOR_COUNT; i++)
		worked |= take_turns_of(bridge, &bridge->doors[i]);
	return worked;
}
