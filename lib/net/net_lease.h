/* net_lease: when an address from a DHCP server must be asked for again (RFC 2131 section 4.4.5).
 *
 * Half of its time over: its server is asked. Seven eighths over: any server. All of it over: it is
 * given up, and the search begins anew. Pure: the caller brings the time and sends. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_LEASE_H
#define NET_LEASE_H

#include "net_card.h"
#include "net_dhcp.h"

enum net_lease_step {
	NET_LEASE_WAIT = 0, /* nothing to do until next_ms */
	NET_LEASE_RENEW,    /* ask its server for more time */
	NET_LEASE_REBIND,   /* ask any server for more time */
	NET_LEASE_LOSE,     /* stop using the address */
	NET_LEASE_SEARCH,   /* there is none: look for one */
};

struct net_lease {
	struct net_dhcp_lease lease;
	bool is_held;
	int64_t got_ms;  /* when it was asked for: its time counts from there */
	int64_t next_ms; /* not to be looked at before */
};

/* net_lease_begin takes a lease that was asked for at a time. */
void net_lease_begin(struct net_lease *held, const struct net_dhcp_lease *lease, int64_t got_ms);
/* net_lease_next says what to do now, and remembers that it was done. */
enum net_lease_step net_lease_next(struct net_lease *held, int64_t now_ms);
/* net_lease_refused: a server said that the address is not ours (any more). */
void net_lease_refused(struct net_lease *held, int64_t now_ms);

/* net_lease_search asks all servers for an address, some times; false when none gave one, or
 * `stopping` said so. The one here that makes system calls and waits. */
bool net_lease_search(const struct net_card *card, bool (*stopping)(void),
                      struct net_dhcp_lease *ret_lease);

#endif
