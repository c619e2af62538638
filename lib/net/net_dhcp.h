/* net_dhcp: messages of a DHCP client (RFC 2131, options of RFC 2132). Pure: bytes in, bytes out.
 * Trust: answers come from anybody on the network; all they can do is choose our address. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DHCP_H
#define NET_DHCP_H

#include "base_bytes.h"

#define NET_DHCP_MESSAGE_MAX 1500
#define NET_DHCP_REQUEST_LEN 300 /* BOOTP's least length (RFC 1542 section 2.1) */

enum net_dhcp_type {
	NET_DHCP_DISCOVER = 1,
	NET_DHCP_OFFER = 2,
	NET_DHCP_REQUEST = 3,
	NET_DHCP_ACK = 5,
	NET_DHCP_NAK = 6
};

/* Addresses are in network order, as they lie in the message. */
struct net_dhcp_lease {
	uint8_t type; /* enum net_dhcp_type of the answer */
	uint8_t address[4], mask[4];
	uint8_t router[4]; /* in the same network; zeros: none */
	uint8_t server[4];
	uint32_t lease_s;
};

struct net_dhcp_client {
	uint8_t hardware[6]; /* of our card */
	uint8_t transaction[4];
};

/* net_dhcp_put writes a DISCOVER, or the REQUEST that takes `offer`, with the broadcast flag set
 * (we have no address to be answered at). */
void net_dhcp_put(const struct net_dhcp_client *client, const struct net_dhcp_lease *offer,
                  uint16_t seconds, uint8_t ret_message[NET_DHCP_REQUEST_LEN]);

/* net_dhcp_put_renewal writes the REQUEST that asks for more time for an address that we have (RFC
 * 2131 section 4.3.6: RENEWING and REBINDING): it is answered at that address. */
void net_dhcp_put_renewal(const struct net_dhcp_client *client, const uint8_t address[4],
                          uint16_t seconds, uint8_t ret_message[NET_DHCP_REQUEST_LEN]);

/* net_dhcp_take takes an answer to this client: OFFER, ACK or NAK. MALFORMED: not for us, or not
 * whole, or an address, mask or lease that no host can have. */
MUST_USE enum status net_dhcp_take(const struct net_dhcp_client *client, struct bytes message,
                                   struct net_dhcp_lease *ret_lease);

#endif
