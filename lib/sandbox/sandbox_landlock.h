/* sandbox_landlock: step 10 of sandbox_enter; private to lib/sandbox.
 *
 * No rule is ever added: no path stays reachable. Prepared first, entered after privileges are
 * gone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include <stdbool.h>

#include "sandbox.h"

enum { SANDBOX_LANDLOCK_NONE = -1 };

/* sandbox_landlock_prepare returns a ruleset's descriptor, or SANDBOX_LANDLOCK_NONE where the
 * kernel has no Landlock. */
int sandbox_landlock_prepare(uint32_t *ret_abi);

/* sandbox_landlock_enter applies and closes the ruleset. */
bool sandbox_landlock_enter(int ruleset);

#endif
