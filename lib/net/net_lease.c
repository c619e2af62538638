/* SPDX-License-Identifier: Apache-2.0 */
#include "net_lease.h"

#include <sys/random.h>
#include <time.h>

#define RETRY_MS    60000 /* the least between two questions (RFC 2131 section 4.4.5) */
#define SEARCH_MS   10000 /* between two searches */
#define TRIES       8
#define WAIT_MS     2000
#define WAIT_MAX_MS 8000

void net_lease_begin(struct net_lease *held, const struct net_dhcp_lease *lease, int64_t got_ms)
{
	*held = (struct net_lease){.lease = *lease, .is_held = true, .got_ms = got_ms};
	held->next_ms = got_ms + (int64_t)lease->lease_s * 1000 / 2;
}

/* Half of what is left until `end`, but not too soon, and not behind it. */
static int64_t retry_at(int64_t now_ms, int64_t end_ms)
{
	int64_t wait_ms = (end_ms - now_ms) / 2;

	if (wait_ms < RETRY_MS)
		wait_ms = RETRY_MS;
	return now_ms + wait_ms < end_ms ? now_ms + wait_ms : end_ms;
}

enum net_lease_step net_lease_next(struct net_lease *held, int64_t now_ms)
{
	int64_t whole_ms = (int64_t)held->lease.lease_s * 1000;
	int64_t rebind_ms = held->got_ms + whole_ms * 7 / 8, end_ms = held->got_ms + whole_ms;

	if (now_ms < held->next_ms)
		return NET_LEASE_WAIT;
	if (!held->is_held) {
		held->next_ms = now_ms + SEARCH_MS;
		return NET_LEASE_SEARCH;
	}
	if (now_ms >= end_ms) {
		held->is_held = false;
		held->next_ms = now_ms;
		return NET_LEASE_LOSE;
	}
	held->next_ms = retry_at(now_ms, now_ms < rebind_ms ? rebind_ms : end_ms);
	return now_ms < rebind_ms ? NET_LEASE_RENEW : NET_LEASE_REBIND;
}

void net_lease_refused(struct net_lease *held, int64_t now_ms)
{
	held->lease.lease_s = 0;
	held->got_ms = held->next_ms = now_ms;
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* ask sends a DISCOVER, or the REQUEST that takes `offer`; false when no answer came, or a NAK. */
static bool ask(const struct net_card *card, const struct net_dhcp_client *client,
                const struct net_dhcp_lease *offer, uint16_t seconds, int wait_ms,
                struct net_dhcp_lease *ret_lease)
{
	static uint8_t request[NET_DHCP_REQUEST_LEN], space[NET_DHCP_MESSAGE_MAX];
	int64_t end_ms = now() + wait_ms;

	net_dhcp_put(client, offer, seconds, request);
	if (net_card_send(card, NULL, BYTES_OF_ARRAY(request)) != STATUS_OK)
		return false;
	for (;;) {
		struct buffer message = BUFFER_OF_ARRAY(space);
		int64_t left = end_ms - now();

		if (left <= 0 || net_card_receive(card, (int)left, &message) != STATUS_OK)
			return false;
		if (net_dhcp_take(client, buffer_bytes(&message), ret_lease) != STATUS_OK)
			continue;
		if (offer == NULL && ret_lease->type == NET_DHCP_OFFER)
			return true;
		if (offer != NULL && ret_lease->type != NET_DHCP_OFFER)
			return ret_lease->type == NET_DHCP_ACK;
	}
}

bool net_lease_search(const struct net_card *card, bool (*stopping)(void),
                      struct net_dhcp_lease *ret_lease)
{
	struct net_dhcp_client client;
	struct net_dhcp_lease offer;
	int wait_ms = WAIT_MS;
	uint16_t seconds = 0;

	memcpy(client.hardware, card->hardware, sizeof(client.hardware));
	if (getrandom(client.transaction, sizeof(client.transaction), 0) !=
	    (ssize_t)sizeof(client.transaction))
		return false;
	for (int i = 0; i < TRIES && !stopping(); i++) {
		if (ask(card, &client, NULL, seconds, wait_ms, &offer) &&
		    ask(card, &client, &offer, seconds, wait_ms, ret_lease))
			return true;
		seconds = (uint16_t)(seconds + wait_ms / 1000);
		wait_ms = wait_ms * 2 > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms * 2;
	}
	return false;
}
