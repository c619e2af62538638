/* policy_shipped: no intent ships, for programs that need not know which. Those that do define both
 * names themselves (cmake: intents()), and the linker leaves this file out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_known.h"

const struct policy_known policy_shipped_modules[] = {
    {"", {0}}
};
const size_t policy_shipped_count = 0;
