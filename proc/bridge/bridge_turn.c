/* Work that waits for its turn: connections with more to do than one pass gives them, and
 * handshakes, each of which costs as much as ten requests. Both wait by address, and addresses take
 * turns; while there is other work, handshakes get a share of the time and no more (N2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bridge.h"

static uint32_t index_of(const struct bridge *bridge, const struct bridge_conn *conn)
{
	return (uint32_t)(conn - bridge->conns);
}

void bridge_turn_init(struct bridge *bridge)
{
	for (size_t i = 0; i < BRIDGE_TURN_QUEUES; i++)
		bridge->later.queues[i] = bridge->shakes.queues[i] =
		    (struct bridge_list){BRIDGE_NONE, BRIDGE_NONE};
}

static struct bridge_turns *turns_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	return conn->turn.shakes ? &bridge->shakes : &bridge->later;
}

static struct bridge_list *queue_of(struct bridge *bridge, const struct bridge_conn *conn)
{
	return &turns_of(bridge, conn)->queues[conn->address % BRIDGE_TURN_QUEUES];
}

void bridge_turn_later(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_list *queue;

	if (conn->turn.waits)
		return;
	conn->turn.waits = true;
	conn->turn.shakes = !conn->ready;
	turns_of(bridge, conn)->count++;
	queue = queue_of(bridge, conn);
	conn->turn.newer = BRIDGE_NONE;
	conn->turn.older = queue->newest;
	if (queue->newest == BRIDGE_NONE)
		queue->oldest = index_of(bridge, conn);
	else
		bridge->conns[queue->newest].turn.newer = index_of(bridge, conn);
	queue->newest = index_of(bridge, conn);
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

bool bridge_has_turns(const struct bridge *bridge)
{
	return bridge->later.count + bridge->shakes.count != 0;
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

static void earn_credit(struct bridge *bridge)
{
	uint64_t past_us = bridge->now_us - bridge->credited_us;

	bridge->credited_us = bridge->now_us;
	if (past_us > BRIDGE_SHAKE_BURST_US)
		past_us = BRIDGE_SHAKE_BURST_US;
	bridge->shake_credit_us += (int64_t)past_us * BRIDGE_SHAKE_PERCENT / 100;
	if (bridge->shake_credit_us > BRIDGE_SHAKE_BURST_US)
		bridge->shake_credit_us = BRIDGE_SHAKE_BURST_US;
}

/* spend takes what handshakes took; a debt is bounded, too. */
static void spend(struct bridge *bridge, int64_t us)
{
	bridge->shake_credit_us -= us;
	if (bridge->shake_credit_us < -BRIDGE_SHAKE_BURST_US)
		bridge->shake_credit_us = -BRIDGE_SHAKE_BURST_US;
}

bool bridge_take_turns(struct bridge *bridge)
{
	uint32_t left = bridge->later.count < BRIDGE_LATERS ? bridge->later.count : BRIDGE_LATERS;
	bool worked = left != 0;

	while (left-- > 0 && bridge->later.count != 0)
		run_next(bridge, &bridge->later);
	earn_credit(bridge);
	for (unsigned i = 0; i < BRIDGE_SHAKES && bridge->shakes.count != 0; i++) {
		int64_t begun_us = clock_us();

		if (bridge->busy && bridge->shake_credit_us <= 0)
			break;
		run_next(bridge, &bridge->shakes);
		spend(bridge, clock_us() - begun_us);
		worked = true;
	}
	return worked;
}
