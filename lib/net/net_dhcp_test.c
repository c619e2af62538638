/* Tests of the DHCP client's messages against RFC 2131 and 2132. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net_dhcp.h"

#include "base_test.h"

static const struct net_dhcp_client client = {
    {0x52,  0x54, 0, 0x12, 0x34, 0x56},
    {9, 8,     7,      6        }
};

/* An ACK of 192.0.2.9/24 for a day, as servers send it. */
static size_t make_answer(uint8_t message[576], uint8_t type)
{
	static const uint8_t options[] = {99, 130, 83, 99, 53, 1,   0, 54,  4,   192, 0,   2,  1,
	                                  51, 4,   0,  1,  81, 128, 1, 4,   255, 255, 255, 0,  3,
	                                  4,  192, 0,  2,  1,  6,   4, 192, 0,   2,   3,   255};

	memset(message, 0, 576);
	message[0] = 2;
	message[1] = 1;
	message[2] = 6;
	memcpy(message + 4, client.transaction, 4);
	memcpy(message + 16, (uint8_t[]){192, 0, 2, 9}, 4);
	memcpy(message + 28, client.hardware, 6);
	memcpy(message + 236, options, sizeof(options));
	message[242] = type;
	return 236 + sizeof(options);
}

static void test_a_request_names_the_offer_and_asks_for_a_broadcast(void)
{
	uint8_t message[NET_DHCP_REQUEST_LEN];
	struct net_dhcp_lease offer = {
	    .address = {192, 0, 2, 9},
              .server = {192, 0, 2, 1}
        };
	static const uint8_t discover[] = {53, 1, 1, 55, 3, 1, 3, 51, 255};
	static const uint8_t request[] = {53,  1, 3, 50, 4,  192, 0, 2, 9,  54, 4,
	                                  192, 0, 2, 1,  55, 3,   1, 3, 51, 255};

	net_dhcp_put(&client, NULL, 258, message);
	EXPECT(message[0] == 1 && message[2] == 6 && message[8] == 1 && message[9] == 2 &&
	       message[10] == 0x80 && memcmp(message + 28, client.hardware, 6) == 0 &&
	       memcmp(message + 240, discover, sizeof(discover)) == 0);
	net_dhcp_put(&client, &offer, 0, message);
	EXPECT(memcmp(message + 240, request, sizeof(request)) == 0);
}

static void test_an_answer_for_us_is_taken(void)
{
	uint8_t message[576];
	struct net_dhcp_lease lease;
	size_t len = make_answer(message, NET_DHCP_ACK);

	EXPECT(net_dhcp_take(&client, bytes_of(message, len), &lease) == STATUS_OK);
	EXPECT(lease.type == NET_DHCP_ACK && lease.address[3] == 9 && lease.mask[2] == 255 &&
	       lease.mask[3] == 0 && lease.router[3] == 1 && lease.server[3] == 1 &&
	       lease.lease_s == 86400);
	EXPECT(net_dhcp_take(&client, bytes_of(message, 576), &lease) == STATUS_OK);
	make_answer(message, NET_DHCP_OFFER);
	EXPECT(net_dhcp_take(&client, bytes_of(message, len), &lease) == STATUS_OK &&
	       lease.type == NET_DHCP_OFFER);
	make_answer(message, NET_DHCP_NAK);
	memset(message + 16, 0, 4);
	EXPECT(net_dhcp_take(&client, bytes_of(message, len), &lease) == STATUS_OK &&
	       lease.type == NET_DHCP_NAK);
}

static void test_answers_for_others_and_broken_ones_are_refused(void)
{
	/* where, and what is written there */
	static const struct {
		size_t at;
		uint8_t byte;
	} changes[] = {
	    {0,   1  }, /* a request */
	    {1,   6  },
            {2,   16 },
            {4,   1  },
            {28,  0  },
	    {236, 98 },
            {16,  0  },
            {16,  127},
            {16,  224}, /* no host's address */
	    {19,  0  },
            {19,  255}, /* the network itself, and all of it */
	    {242, 9  },
            {241, 2  }, /* no type of ours */
	    {244, 5  },
            {250, 3  },
            {256, 3  }, /* lengths */
	    {257, 0  },
            {258, 127},
            {260, 255}, /* masks with holes, all ones */
	    {265, 3  },
            {266, 255},
            {266, 0  }, /* no router of this network */
	    {251, 0  },
	};
	uint8_t message[576];
	struct net_dhcp_lease lease;
	size_t len = make_answer(message, NET_DHCP_ACK);
	unsigned refused = 0;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		make_answer(message, NET_DHCP_ACK);
		message[changes[i].at] = changes[i].byte;
		if (changes[i].at == 251) /* a lease of less than a minute */
			memcpy(message + 251, (uint8_t[]){0, 0, 0, 59}, 4);
		refused +=
		    net_dhcp_take(&client, bytes_of(message, len), &lease) == STATUS_MALFORMED;
	}
	EXPECT(refused == sizeof(changes) / sizeof(changes[0]));
	make_answer(message, NET_DHCP_ACK);
	for (size_t cut = 0; cut < len; cut++)
		EXPECT(net_dhcp_take(&client, bytes_of(message, cut), &lease) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_a_request_names_the_offer_and_asks_for_a_broadcast);
	RUN(test_an_answer_for_us_is_taken);
	RUN(test_answers_for_others_and_broken_ones_are_refused);
	return test_summary();
}
