/* SPDX-License-Identifier: Apache-2.0 */
#include "base_host.h"

#include <arpa/inet.h>

static bool is_label_character(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

/* is_host: labels of 1 to 63 characters, none with a hyphen at an end. With a number at its end a
 * name reads as an address to some, and is none. */
static bool is_host(struct bytes text)
{
	size_t start = 0;
	bool number = true;

	if (text.len == 0 || text.len > HOST_TEXT_MAX)
		return false;
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && text.data[i] != '.') {
			if (!is_label_character(text.data[i]))
				return false;
			number = number && text.data[i] >= '0' && text.data[i] <= '9';
			continue;
		}
		if (i == start || i - start > 63 || text.data[start] == '-' ||
		    text.data[i - 1] == '-')
			return false;
		if (i < text.len) {
			start = i + 1;
			number = true;
		}
	}
	return !number;
}

enum host_kind host_take(struct bytes text, uint8_t ret_address[16])
{
	char address[INET6_ADDRSTRLEN];

	if (text.len != 0 && text.len < sizeof(address) &&
	    memchr(text.data, '\0', text.len) == NULL) {
		memcpy(address, text.data, text.len);
		address[text.len] = '\0';
		if (inet_pton(AF_INET, address, ret_address) == 1)
			return HOST_IPV4;
		if (inet_pton(AF_INET6, address, ret_address) == 1)
			return HOST_IPV6;
	}
	return is_host(text) ? HOST_NAME : HOST_NONE;
}
