/* net_card: the machine's network card, through one datagram socket and its ioctls. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_CARD_H
#define NET_CARD_H

#include "base_bytes.h"

#define NET_CARD_NAME_MAX 16

struct net_card {
	int socket; /* of the ioctls */
	int dhcp;   /* UDP, port 68, bound to the card */
	char name[NET_CARD_NAME_MAX];
	uint8_t hardware[6];
};

/* net_card_open brings the loopback up, finds the first Ethernet card (of several, the first with a
 * cable), brings it up and opens both sockets. NOT_FOUND: no card. */
MUST_USE enum status net_card_open(struct net_card *net);
/* net_card_set gives the card its address and, when router is not zero, the default route. */
MUST_USE enum status net_card_set(const struct net_card *net, const uint8_t address[4],
                                  const uint8_t mask[4], const uint8_t router[4]);

/* net_card_drop takes the card's address away; the routes over it go with it. */
MUST_USE enum status net_card_drop(const struct net_card *net);

/* net_card_send sends a message to port 67 of a server, NULL: of all; net_card_receive waits for
 * one, at most `wait_ms`: BUSY. */
MUST_USE enum status net_card_send(const struct net_card *net, const uint8_t *server,
                                   struct bytes message);
MUST_USE enum status net_card_receive(const struct net_card *net, int wait_ms,
                                      struct buffer *ret_message);

#endif
