/* SPDX-License-Identifier: Apache-2.0 */
#include "net_card.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CARDS_MAX      16 /* interface indexes that are looked at */
#define CABLE_TRIES    50
#define CABLE_PAUSE_MS 100

static bool bring_up(int fd, const char *name)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		return false;
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

static bool has_cable(int fd, const char *name)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

/* take_card is true when the interface of that index is an Ethernet card. */
static bool take_card(int fd, int index, char ret_name[NET_CARD_NAME_MAX], uint8_t ret_hardware[6])
{
	struct ifreq request = {.ifr_ifindex = index};

	if (ioctl(fd, SIOCGIFNAME, &request) != 0)
		return false;
	request.ifr_name[NET_CARD_NAME_MAX - 1] = '\0';
	memcpy(ret_name, request.ifr_name, NET_CARD_NAME_MAX);
	if (ioctl(fd, SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return false;
	memcpy(ret_hardware, request.ifr_hwaddr.sa_data, 6);
	return true;
}

static bool find_card(struct net_card *net)
{
	char name[NET_CARD_NAME_MAX];
	uint8_t hardware[6];
	bool any = false;

	for (int index = 1; index <= CARDS_MAX; index++)
		if (take_card(net->socket, index, name, hardware))
			any |= bring_up(net->socket, name);
	for (int i = 0; any && i <= CABLE_TRIES; i++) {
		for (int index = 1; index <= CARDS_MAX; index++) {
			if (!take_card(net->socket, index, net->name, net->hardware))
				continue;
			if (has_cable(net->socket, net->name) || i == CABLE_TRIES)
				return true;
		}
		(void)poll(NULL, 0, CABLE_PAUSE_MS);
	}
	return false;
}

static bool open_dhcp(struct net_card *net)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(68)};
	int yes = 1;

	net->dhcp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return net->dhcp >= 0 &&
	       setsockopt(net->dhcp, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) == 0 &&
	       setsockopt(net->dhcp, SOL_SOCKET, SO_BINDTODEVICE, net->name,
	                  (socklen_t)strlen(net->name) + 1) == 0 &&
	       bind(net->dhcp, (struct sockaddr *)&any, sizeof(any)) == 0;
}

enum status net_card_open(struct net_card *net)
{
	net->socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (net->socket < 0 || !bring_up(net->socket, "lo"))
		return STATUS_IO;
	if (!find_card(net))
		return STATUS_NOT_FOUND;
	return open_dhcp(net) ? STATUS_OK : STATUS_IO;
}

static struct sockaddr address_of(const uint8_t four[4])
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr out;

	memcpy(&in.sin_addr, four, 4);
	memcpy(&out, &in, sizeof(out));
	return out;
}

enum status net_card_set(const struct net_card *net, const uint8_t address[4],
                         const uint8_t mask[4], const uint8_t router[4])
{
	static const uint8_t none[4];
	struct ifreq request = {0};
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", net->name);
	request.ifr_addr = address_of(address);
	if (ioctl(net->socket, SIOCSIFADDR, &request) != 0)
		return STATUS_IO;
	request.ifr_netmask = address_of(mask);
	if (ioctl(net->socket, SIOCSIFNETMASK, &request) != 0)
		return STATUS_IO;
	if (memcmp(router, none, 4) == 0)
		return STATUS_OK;
	route.rt_dst = route.rt_genmask = address_of(none);
	route.rt_gateway = address_of(router);
	if (ioctl(net->socket, SIOCADDRT, &route) != 0 && errno != EEXIST)
		return STATUS_IO;
	return STATUS_OK;
}

enum status net_card_drop(const struct net_card *net)
{
	static const uint8_t none[4];
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", net->name);
	request.ifr_addr = address_of(none);
	return ioctl(net->socket, SIOCSIFADDR, &request) == 0 ? STATUS_OK : STATUS_IO;
}

enum status net_card_send(const struct net_card *net, const uint8_t *server, struct bytes message)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons(67),
	                         .sin_addr.s_addr = htonl(INADDR_BROADCAST)};

	if (server != NULL)
		memcpy(&to.sin_addr, server, 4);
	return sendto(net->dhcp, message.data, message.len, 0, (struct sockaddr *)&to,
	              sizeof(to)) == (ssize_t)message.len
	           ? STATUS_OK
	           : STATUS_IO;
}

enum status net_card_receive(const struct net_card *net, int wait_ms, struct buffer *ret_message)
{
	struct pollfd ready = {.fd = net->dhcp, .events = POLLIN};
	ssize_t len;

	if (poll(&ready, 1, wait_ms) <= 0)
		return STATUS_BUSY;
	len = recvfrom(net->dhcp, ret_message->data, ret_message->cap, 0, NULL, NULL);
	if (len < 0)
		return STATUS_BUSY;
	ret_message->len = (size_t)len;
	return STATUS_OK;
}
