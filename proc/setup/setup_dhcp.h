/* setup_dhcp: messages of a DHCP client (RFC 2131, options of RFC 2132). Pure: bytes in, bytes out.
 * Trust: answers come from anybody on the network; all they can do is choose our address. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SETUP_DHCP_H
#define SETUP_DHCP_H

#include "base_bytes.h"

#define DHCP_MESSAGE_MAX 1500
#define DHCP_REQUEST_LEN 300 /* BOOTP's least length (RFC 1542 section 2.1) */

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER = 2, DHCP_REQUEST = 3, DHCP_ACK = 5, DHCP_NAK = 6 };

/* Addresses are in network order, as they lie in the message. */
struct dhcp_lease {
	uint8_t type; /* enum dhcp_type of the answer */
	uint8_t address[4], mask[4];
	uint8_t router[4]; /* zeros: none */
	uint8_t server[4];
	uint32_t lease_s;
};

struct dhcp_client {
	uint8_t hardware[6]; /* of our card */
	uint8_t transaction[4];
};

/* dhcp_put writes a DISCOVER, or the REQUEST that takes `offer`, with the broadcast flag set (we
 * have no address to be answered at). */
void dhcp_put(const struct dhcp_client *client, const struct dhcp_lease *offer, uint16_t seconds,
              uint8_t ret_message[DHCP_REQUEST_LEN]);

/* dhcp_take takes an answer to this client: OFFER, ACK or NAK. MALFORMED: not for us, or not whole,
 * or an address, mask or lease that no host can have. */
MUST_USE enum status dhcp_take(const struct dhcp_client *client, struct bytes message,
                               struct dhcp_lease *ret_lease);

#endif
