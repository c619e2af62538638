/* Property: an accepted lease names an address that a host of that network can have. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "net_dhcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint32_t number(const uint8_t four[4])
{
	return (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct net_dhcp_client client = {
	    {0x52,  0x54, 0, 0x12, 0x34, 0x56},
            {9, 8,     7,      6        }
        };
	struct net_dhcp_lease lease;
	uint32_t host;

	if (net_dhcp_take(&client, bytes_of(data, len), &lease) != STATUS_OK ||
	    lease.type == NET_DHCP_NAK)
		return 0;
	host = number(lease.address) & ~number(lease.mask);
	CHECK(lease.type == NET_DHCP_OFFER || lease.type == NET_DHCP_ACK);
	CHECK(host != 0 && host != ~number(lease.mask) && lease.lease_s >= 60);
	CHECK((number(lease.mask) | (number(lease.mask) - 1)) == UINT32_MAX);
	return 0;
}
