/* setup_net: the machine's network card, through one datagram socket and its ioctls. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SETUP_NET_H
#define SETUP_NET_H

#include "base_bytes.h"

#define NET_NAME_MAX 16

struct setup_net {
	int socket; /* of the ioctls */
	int dhcp;   /* UDP, port 68, bound to the card */
	char name[NET_NAME_MAX];
	uint8_t hardware[6];
};

/* net_open brings the loopback up, finds the first Ethernet card (of several, the first with a
 * cable), brings it up and opens both sockets. NOT_FOUND: no card. */
MUST_USE enum status net_open(struct setup_net *net);
/* net_set gives the card its address and, when router is not zero, the default route. */
MUST_USE enum status net_set(const struct setup_net *net, const uint8_t address[4],
                             const uint8_t mask[4], const uint8_t router[4]);

/* net_send broadcasts a message to port 67; net_receive waits for one, at most `wait_ms`: BUSY. */
MUST_USE enum status net_send(const struct setup_net *net, struct bytes message);
MUST_USE enum status net_receive(const struct setup_net *net, int wait_ms,
                                 struct buffer *ret_message);

#endif
