/* skewed_clock: by how much the clocks that a signer under test sees are ahead of the machine's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEWED_CLOCK_H
#define SKEWED_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct skewed_clocks {
	_Atomic int64_t system_s, boot_s, run_s; /* CLOCK_REALTIME, _BOOTTIME, _MONOTONIC */
};

#endif
