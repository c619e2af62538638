/* clock: wants to measure time by an import (M7, M8). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

__attribute__((import_module("env"), import_name("clock_time_get"))) uint64_t now(void);

HOSTILE
{
	return now() != 0 ? allow() : POLICY_DENY;
}
