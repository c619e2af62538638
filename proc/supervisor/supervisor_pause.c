/* How long a process that keeps failing is away. It is started less and less often, but always
 * again. (A verifier that served is not counted here: supervisor.c.)
 *
 * Each start is another try for who found a fault in it (new addresses, the same code), and a loop
 * takes the processor from the signer. Giving up, as systemd and Erlang do, would let that same
 * fault end everybody's signing for good, and no failure of these processes makes a key or a limit
 * less safe. Being ready does not count as success: a process may fail at each first request. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor.h"

#define FREE         5        /* failures in a row before pauses begin */
#define PAUSE_US     100000   /* the first one; then twice as long each time ... */
#define PAUSE_MAX_US 1000000  /* ... up to this: nobody keeps others waiting longer */
#define FORGET_US    60000000 /* who waits for this gets fewer tries than the longest pause gives */

bool supervisor_failed(struct supervisor_child *child)
{
	int64_t before_us = child->pause_us;

	if (child->ended_us - child->failed_us > FORGET_US) {
		child->failures = 0;
		child->pause_us = before_us = 0;
	}
	child->failures++;
	child->failed_us = child->ended_us;
	if (child->failures > FREE)
		child->pause_us = before_us == 0 ? PAUSE_US : 2 * before_us;
	if (child->pause_us > PAUSE_MAX_US)
		child->pause_us = PAUSE_MAX_US;
	child->not_before_us = child->ended_us + child->pause_us;
	return child->pause_us > before_us;
}
