/* policy_known: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_known.h"

#include <string.h>

const char *policy_known_name(const uint8_t hash[32])
{
	for (size_t i = 0; i < policy_known_count; i++)
		if (memcmp(policy_known_modules[i].hash, hash, 32) == 0)
			return policy_known_modules[i].name;
	return NULL;
}
