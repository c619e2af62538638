/* policy_known: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_known.h"

#include <string.h>

static const char *name_in(const struct policy_known *modules, size_t count, const uint8_t hash[32])
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(modules[i].hash, hash, 32) == 0)
			return modules[i].name;
	return NULL;
}

const char *policy_known_name(const uint8_t hash[32])
{
	return name_in(policy_known_modules, policy_known_count, hash);
}

bool policy_ships(const uint8_t hash[32])
{
	return policy_known_name(hash) != NULL ||
	       name_in(policy_shipped_modules, policy_shipped_count, hash) != NULL;
}
