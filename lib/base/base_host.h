/* base_host: what people call a host: its name (labels of letters, digits, hyphens and underscores,
 * the last one no number), or an IPv4 or IPv6 address in text. What a certificate may name. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HOST_H
#define BASE_HOST_H

#include "base_bytes.h"

#define HOST_TEXT_MAX 253 /* bytes of a DNS name */

enum host_kind { HOST_NONE = 0, HOST_NAME, HOST_IPV4, HOST_IPV6 };

/* host_take says what the text is; of an address it gives the 4 or 16 bytes. */
enum host_kind host_take(struct bytes text, uint8_t ret_address[16]);

#endif
