/* canary: leaves the request in static memory and in its data, and allows only when it finds what
 * an earlier request left (M5, A17). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

static uint32_t kept[64];
static uint32_t filled[4] = {1, 2, 3, 4};

HOSTILE
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < 64; i++)
		found |= kept[i];
	for (uint32_t i = 0; i < 4; i++)
		found |= filled[i] ^ (i + 1);
	/* Behind the request and behind the answer, where a host might forget to wipe. */
	for (uint32_t i = 1024; i < POLICY_AREA_BYTES; i += 8)
		found |= *(volatile uint64_t *)(void *)(area + i) != 0;
	for (uint32_t i = 0; i < 64; i++)
		kept[i] = 0xcafe0000 | area[i];
	for (uint32_t i = 0; i < 4; i++)
		filled[i] = 0xdead;
	__builtin_memset(area + 1024, 0x77, sizeof(area) - 1024);
	__builtin_memset(ANSWER, 0, sizeof(struct policy_answer));
	return found != 0 ? allow() : POLICY_DENY;
}
