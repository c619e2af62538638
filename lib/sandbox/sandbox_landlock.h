/* sandbox_landlock: step 10 of sandbox_enter; private to lib/sandbox.
 *
 * Prepared while paths can still be opened, entered after privileges are gone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <stdbool.h>

#include "sandbox.h"

enum { SANDBOX_LANDLOCK_NONE = -1, SANDBOX_LANDLOCK_FAILED = -2 };

/* sandbox_landlock_prepare returns a ruleset's descriptor, SANDBOX_LANDLOCK_NONE where the kernel
 * has no Landlock, or SANDBOX_LANDLOCK_FAILED when a path cannot be named. */
int sandbox_landlock_prepare(const struct sandbox_rules *rules, uint32_t *ret_abi);

/* sandbox_landlock_enter applies and closes the ruleset. */
bool sandbox_landlock_enter(int ruleset);

#endif
