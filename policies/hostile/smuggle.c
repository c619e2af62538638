/* smuggle: imports a function (M3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) uint32_t
fd_write(uint32_t fd, uint32_t iovs, uint32_t count, uint32_t ret);

HOSTILE
{
	return fd_write(1, 0, 0, 0) == 0 ? allow() : POLICY_DENY;
}
