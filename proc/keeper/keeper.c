/* keeper: keeps the appliance's address: asks the DHCP server for more time, takes another address
 * where it must, gives one up whose time is over (RFC 2131 section 4.4.5).
 * Talks to: nobody. Opens: the network's sockets in phase 1, nothing after. Keeps CAP_NET_ADMIN,
 * and may use it for three ioctls. If compromised: another address; service denied. If it dies:
 * the supervisor starts it again, and it asks for more time at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base_check.h"
#include "log_line.h"
#include "net_lease.h"
#include "proc_site.h"
#include "proc_start.h"

#define TICK_MS 500

static struct net_card card;
static enum status card_status;
static struct net_lease held;
static struct net_dhcp_client client;
static int64_t asked_ms;

static enum status keeper_open(struct proc *proc)
{
	card_status = net_card_open(&card);
	if (card_status == STATUS_OK) {
		proc_keep_descriptor(proc, card.socket);
		proc_keep_descriptor(proc, card.dhcp);
	} else if (card.socket > 0) {
		proc_keep_descriptor(proc, card.socket);
	}
	proc->capabilities = UINT64_C(1) << CAP_NET_ADMIN;
	return STATUS_OK;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(enum log_level level, const char *event, const uint8_t address[4],
                 uint32_t lease_s)
{
	struct log_line line;
	char text[32];

	snprintf(text, sizeof(text), "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
	log_begin(&line, level, event);
	log_text(&line, "card", card.name);
	log_text(&line, "address", text);
	log_number(&line, "lease_s", lease_s);
	log_end(&line);
}

/* take uses what a server gave; the card is told only what it does not know. */
static void take(const struct net_dhcp_lease *lease, int64_t got_ms)
{
	const struct net_dhcp_lease *had = &held.lease;
	bool same = held.is_held && memcmp(had->address, lease->address, 4) == 0 &&
	            memcmp(had->mask, lease->mask, 4) == 0 &&
	            memcmp(had->router, lease->router, 4) == 0;

	if (!same && net_card_set(&card, lease->address, lease->mask, lease->router) != STATUS_OK) {
		tell(LOG_ERROR, "network.refused", lease->address, lease->lease_s);
		return;
	}
	net_lease_begin(&held, lease, got_ms);
	tell(same ? LOG_INFO : LOG_WARN, same ? "network.lease" : "network.address", lease->address,
	     lease->lease_s);
}

static void ask(const uint8_t *server)
{
	static uint8_t request[NET_DHCP_REQUEST_LEN];

	memcpy(client.hardware, card.hardware, sizeof(client.hardware));
	if (getrandom(client.transaction, sizeof(client.transaction), 0) !=
	    (ssize_t)sizeof(client.transaction))
		return;
	asked_ms = now_ms();
	net_dhcp_put_renewal(&client, held.lease.address, 0, request);
	if (net_card_send(&card, server, BYTES_OF_ARRAY(request)) != STATUS_OK)
		tell(LOG_WARN, "network.unasked", held.lease.address, held.lease.lease_s);
}

/* hear takes an answer to what was asked last, if one comes within a moment. */
static void hear(void)
{
	static uint8_t space[NET_DHCP_MESSAGE_MAX];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct net_dhcp_lease lease;

	if (net_card_receive(&card, TICK_MS, &message) != STATUS_OK || asked_ms == 0 ||
	    net_dhcp_take(&client, buffer_bytes(&message), &lease) != STATUS_OK ||
	    lease.type == NET_DHCP_OFFER)
		return;
	if (lease.type == NET_DHCP_ACK)
		take(&lease, asked_ms);
	else
		net_lease_refused(&held, now_ms());
	asked_ms = 0;
}

static void search(void)
{
	struct net_dhcp_lease lease;
	int64_t began_ms = now_ms();

	if (net_lease_search(&card, proc_stopping, &lease))
		take(&lease, began_ms);
}

static void step(void)
{
	switch (net_lease_next(&held, now_ms())) {
	case NET_LEASE_RENEW:
		ask(held.lease.server);
		break;
	case NET_LEASE_REBIND:
		ask(NULL);
		break;
	case NET_LEASE_LOSE:
		tell(LOG_ERROR, "network.lost", held.lease.address, 0);
		(void)!net_card_drop(&card);
		asked_ms = 0;
		break;
	case NET_LEASE_SEARCH:
		search();
		break;
	case NET_LEASE_WAIT:
	default:
		break;
	}
}

static int keeper_run(struct proc *proc)
{
	const struct proc_site *site = proc->site_memory;
	struct net_dhcp_lease lease = {.type = NET_DHCP_ACK};
	int64_t got_ms;

	CHECK(site != NULL);
	memcpy(lease.address, site->address, 4);
	memcpy(lease.mask, site->mask, 4);
	memcpy(lease.router, site->router, 4);
	memcpy(lease.server, site->server, 4);
	lease.lease_s = site->lease_s;
	got_ms = site->lease_got_ms;
	/* What was renewed since setup ended, nobody knows any more: it is asked at once. */
	if (got_ms < now_ms() - (int64_t)lease.lease_s * 875)
		got_ms = now_ms() - (int64_t)lease.lease_s * 875;
	net_lease_begin(&held, &lease, got_ms);
	if (site->lease_s != 0 && card_status != STATUS_OK)
		tell(LOG_ERROR, "network.no_card", lease.address, lease.lease_s);
	proc_report_ready(proc);
	while (!proc_stopping()) {
		/* An address of the manifest is for ever. */
		if (site->lease_s == 0 || card_status != STATUS_OK) {
			ipc_wait(&proc->waiter, TICK_MS * INT64_C(1000));
			continue;
		}
		step();
		hear();
	}
	return 0;
}

const struct proc_body proc_body = {.open = keeper_open, .serve = keeper_run};
