/* attack_acts: what an attacker would do first in a process that he has taken over. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATTACK_ACTS_H
#define ATTACK_ACTS_H

#include <stdbool.h>
#include <stddef.h>

struct attack_act {
	const char *name;
	/* Returns true when the act succeeded. */
	bool (*act)(void);
};

extern const struct attack_act attack_acts[];
extern const size_t attack_act_count;

/* How an attack program ends. */
#define ATTACK_SUCCEEDED 10 /* the sandbox has a hole */
#define ATTACK_REFUSED   11 /* the kernel said no and the process lives */
#define ATTACK_IDLE      12 /* the act "idle": nothing was tried, the process served */
#define ATTACK_UNKNOWN   13

#endif
