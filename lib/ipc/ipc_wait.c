/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc_wait.h"

#include <sched.h>

#include "base_check.h"
#include "ipc_futex.h"
#include "ipc_layout.h"

_Static_assert(2 * IPC_WAITER_CHANNELS_MAX + 1 <= IPC_FUTEX_WORDS_MAX, "one futex_waitv is enough");

void ipc_waiter_init(struct ipc_waiter *waiter, unsigned spins)
{
	cpu_set_t set;

	*waiter = (struct ipc_waiter){.spins = spins};
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1)
		waiter->spins = 0;
}

void ipc_waiter_add(struct ipc_waiter *waiter, struct ipc_channel *channel)
{
	CHECK(waiter->count < IPC_WAITER_CHANNELS_MAX);
	waiter->channels[waiter->count++] = channel;
}

void ipc_waiter_remove(struct ipc_waiter *waiter, const struct ipc_channel *channel)
{
	size_t kept = 0;

	for (size_t i = 0; i < waiter->count; i++)
		if (waiter->channels[i] != channel)
			waiter->channels[kept++] = waiter->channels[i];
	waiter->count = kept;
}

void ipc_waiter_watch(struct ipc_waiter *waiter, const _Atomic uint32_t *event)
{
	waiter->event = event;
	waiter->event_seen = atomic_load(event);
}

static bool has_event(struct ipc_waiter *waiter)
{
	uint32_t seen = waiter->event_seen;

	if (waiter->event == NULL)
		return false;
	waiter->event_seen = atomic_load_explicit(waiter->event, memory_order_relaxed);
	return waiter->event_seen != seen;
}

static bool any_ready(const struct ipc_waiter *waiter)
{
	for (size_t i = 0; i < waiter->count; i++)
		if (ipc_ready(waiter->channels[i]))
			return true;
	return false;
}

/* Only this side writes `sleeping`, so load and store need not be one step. Who sees the step sees
 * what was taken before it (wake_peer). */
static void step_sleeping(struct ipc_channel *channel)
{
	_Atomic uint32_t *sleeping = &channel->own->sleeping;

	atomic_store_explicit(sleeping, atomic_load_explicit(sleeping, memory_order_relaxed) + 1,
	                      memory_order_release);
}

/* Each word makes a sleep 0.3 us longer on both ends, so a short sleep names the heads alone: that
 * a peer ended is then seen when it is over. A channel that is down has only its generation to wait
 * for. */
static size_t collect(const struct ipc_waiter *waiter, bool is_short, struct ipc_futex *words)
{
	size_t count = 0;

	for (size_t i = 0; i < waiter->count; i++) {
		const struct ipc_channel *channel = waiter->channels[i];

		if (ipc_is_up(channel))
			words[count++] = (struct ipc_futex){&channel->peer->head, channel->tail};
		if (!is_short || !ipc_is_up(channel))
			words[count++] =
			    (struct ipc_futex){&channel->page->generation, channel->generation};
	}
	if (waiter->event != NULL)
		words[count++] = (struct ipc_futex){waiter->event, waiter->event_seen};
	return count;
}

static void sleep_on_all(struct ipc_waiter *waiter, int64_t timeout_us)
{
	bool is_short = timeout_us >= 0 && timeout_us <= IPC_SHORT_WAIT_US;
	struct ipc_futex words[IPC_FUTEX_WORDS_MAX];

	ipc_futex_wait(words, collect(waiter, is_short, words), timeout_us);
}

static bool look(const struct ipc_waiter *waiter)
{
	bool ready = any_ready(waiter);

	for (unsigned i = 0; !ready && i < waiter->spins; i++) {
		__builtin_ia32_pause();
		ready = any_ready(waiter);
	}
	return ready;
}

bool ipc_wait(struct ipc_waiter *waiter, int64_t timeout_us)
{
	bool ready = look(waiter);

	if (ready || timeout_us == 0 || has_event(waiter))
		return ready;
	for (size_t i = 0; i < waiter->count; i++)
		step_sleeping(waiter->channels[i]);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with wake_peer: sleeping before head */
	if (!any_ready(waiter))
		sleep_on_all(waiter, timeout_us);
	for (size_t i = 0; i < waiter->count; i++)
		step_sleeping(waiter->channels[i]);
	return any_ready(waiter);
}

bool ipc_wait_near(struct ipc_waiter *waiter, struct ipc_channel *channel, int64_t timeout_us)
{
	const struct ipc_futex head = {&channel->peer->head, channel->tail};

	if (!ipc_is_up(channel))
		return ipc_wait(waiter, timeout_us);
	if (look(waiter))
		return true;
	step_sleeping(channel);
	atomic_thread_fence(memory_order_seq_cst);
	if (!ipc_ready(channel))
		ipc_futex_wait(&head, 1, timeout_us);
	step_sleeping(channel);
	return any_ready(waiter);
}

void ipc_wait_room(int64_t us)
{
	static const _Atomic uint32_t nobody = 0;

	ipc_futex_wait(&(struct ipc_futex){&nobody, 0}, 1, us);
}
