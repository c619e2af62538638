/* SPDX-License-Identifier: Apache-2.0 */
#include "net_dhcp.h"

#define OPTIONS_AT 240
#define LEASE_MIN  60

/* BOOTP's fields (RFC 2131 figure 1). */
enum {
	AT_OP = 0,
	AT_HTYPE = 1,
	AT_HLEN = 2,
	AT_XID = 4,
	AT_SECS = 8,
	AT_FLAGS = 10,
	AT_CIADDR = 12,
	AT_YIADDR = 16,
	AT_CHADDR = 28,
	AT_COOKIE = 236
};

enum {
	OPTION_PAD = 0,
	OPTION_MASK = 1,
	OPTION_ROUTER = 3,
	OPTION_ADDRESS = 50,
	OPTION_LEASE = 51,
	OPTION_TYPE = 53,
	OPTION_SERVER = 54,
	OPTION_WANTED = 55,
	OPTION_END = 255
};

static const uint8_t cookie[4] = {99, 130, 83, 99};

static uint32_t load_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static size_t put_option(uint8_t *message, size_t at, uint8_t code, const void *value, uint8_t len)
{
	message[at] = code;
	message[at + 1] = len;
	memcpy(message + at + 2, value, len);
	return at + 2 + len;
}

/* begin writes what all our messages have; returns where the next option goes. */
static size_t begin(const struct net_dhcp_client *client, uint8_t type, uint16_t seconds,
                    uint8_t *message)
{
	memset(message, 0, NET_DHCP_REQUEST_LEN);
	message[AT_OP] = 1;    /* BOOTREQUEST */
	message[AT_HTYPE] = 1; /* Ethernet */
	message[AT_HLEN] = sizeof(client->hardware);
	memcpy(message + AT_XID, client->transaction, 4);
	message[AT_SECS] = (uint8_t)(seconds >> 8);
	message[AT_SECS + 1] = (uint8_t)seconds;
	memcpy(message + AT_CHADDR, client->hardware, sizeof(client->hardware));
	memcpy(message + AT_COOKIE, cookie, sizeof(cookie));
	return put_option(message, OPTIONS_AT, OPTION_TYPE, &type, 1);
}

static void end(uint8_t *message, size_t at)
{
	static const uint8_t wanted[] = {OPTION_MASK, OPTION_ROUTER, OPTION_LEASE};

	at = put_option(message, at, OPTION_WANTED, wanted, sizeof(wanted));
	message[at] = OPTION_END;
}

void net_dhcp_put(const struct net_dhcp_client *client, const struct net_dhcp_lease *offer,
                  uint16_t seconds, uint8_t ret_message[NET_DHCP_REQUEST_LEN])
{
	uint8_t type = offer == NULL ? NET_DHCP_DISCOVER : NET_DHCP_REQUEST;
	size_t at = begin(client, type, seconds, ret_message);

	ret_message[AT_FLAGS] = 0x80; /* answer by broadcast */
	if (offer != NULL) {
		at = put_option(ret_message, at, OPTION_ADDRESS, offer->address, 4);
		at = put_option(ret_message, at, OPTION_SERVER, offer->server, 4);
	}
	end(ret_message, at);
}

void net_dhcp_put_renewal(const struct net_dhcp_client *client, const uint8_t address[4],
                          uint16_t seconds, uint8_t ret_message[NET_DHCP_REQUEST_LEN])
{
	size_t at = begin(client, NET_DHCP_REQUEST, seconds, ret_message);

	memcpy(ret_message + AT_CIADDR, address, 4);
	end(ret_message, at);
}

/* Ones, then zeros, and neither all. */
static bool is_mask(const uint8_t mask[4])
{
	uint32_t zeros = ~load_be32(mask);

	return zeros != 0 && zeros != UINT32_MAX && (zeros & (zeros + 1)) == 0;
}

static bool is_host(const uint8_t address[4], const uint8_t mask[4])
{
	uint32_t host = load_be32(address) & ~load_be32(mask);

	return address[0] != 0 && address[0] != 127 && address[0] < 224 && host != 0 &&
	       host != (uint32_t)~load_be32(mask);
}

/* The kernel takes no route over a router that it cannot reach: known before the address is set. */
static bool is_router(const struct net_dhcp_lease *lease)
{
	uint32_t mask = load_be32(lease->mask), router = load_be32(lease->router);

	return router == 0 || (is_host(lease->router, lease->mask) &&
	                       ((router ^ load_be32(lease->address)) & mask) == 0);
}

/* A second copy of an option is a refusal, and so is one of another length. */
static bool take_four(struct bytes value, uint8_t ret_four[4], bool *seen)
{
	bool first = !*seen;

	*seen = true;
	if (!first || value.len != 4)
		return false;
	memcpy(ret_four, value.data, 4);
	return true;
}

static bool take_options(struct bytes options, struct net_dhcp_lease *lease)
{
	bool mask = false, router = false, server = false, period = false, type = false;
	uint8_t four[4];
	size_t at = 0;

	while (at < options.len && options.data[at] != OPTION_END) {
		uint8_t code = options.data[at++];
		struct bytes value;

		if (code == OPTION_PAD)
			continue;
		if (at == options.len || options.data[at] > options.len - at - 1)
			return false;
		value = bytes_of(options.data + at + 1, options.data[at]);
		at += 1 + value.len;
		if (code == OPTION_MASK && !take_four(value, lease->mask, &mask))
			return false;
		if (code == OPTION_SERVER && !take_four(value, lease->server, &server))
			return false;
		if (code == OPTION_ROUTER) { /* a list, the best first */
			if (value.len < 4 || value.len % 4 != 0 ||
			    !take_four(bytes_of(value.data, 4), lease->router, &router))
				return false;
		}
		if (code == OPTION_LEASE) {
			if (!take_four(value, four, &period))
				return false;
			lease->lease_s = load_be32(four);
		}
		if (code == OPTION_TYPE) {
			if (type || value.len != 1)
				return false;
			type = true;
			lease->type = value.data[0];
		}
	}
	return at < options.len && type && server &&
	       (lease->type == NET_DHCP_NAK || (mask && period));
}

enum status net_dhcp_take(const struct net_dhcp_client *client, struct bytes message,
                          struct net_dhcp_lease *ret_lease)
{
	struct net_dhcp_lease lease = {0};
	const uint8_t *m = message.data;

	if (message.len < OPTIONS_AT + 1 || message.len > NET_DHCP_MESSAGE_MAX || m[AT_OP] != 2 ||
	    m[AT_HTYPE] != 1 || m[AT_HLEN] != sizeof(client->hardware) ||
	    memcmp(m + AT_XID, client->transaction, 4) != 0 ||
	    memcmp(m + AT_CHADDR, client->hardware, sizeof(client->hardware)) != 0 ||
	    memcmp(m + AT_COOKIE, cookie, sizeof(cookie)) != 0 ||
	    !take_options(bytes_of(m + OPTIONS_AT, message.len - OPTIONS_AT), &lease))
		return STATUS_MALFORMED;
	memcpy(lease.address, m + AT_YIADDR, 4);
	if (lease.type != NET_DHCP_NAK &&
	    ((lease.type != NET_DHCP_OFFER && lease.type != NET_DHCP_ACK) || !is_mask(lease.mask) ||
	     !is_host(lease.address, lease.mask) || !is_router(&lease) ||
	     lease.lease_s < LEASE_MIN))
		return STATUS_MALFORMED;
	*ret_lease = lease;
	return STATUS_OK;
}
