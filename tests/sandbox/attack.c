/* attack: a process that was taken over. Linked from the skeleton and the seccomp policy of each
 * real process (build/tests/attack-NAME); never shipped. Its start data has one setting more,
 * `act`, by which the test says what it tries once the sandbox is entered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "attack_acts.h"
#include "log_line.h"
#include "proc_start.h"

static enum status attack_open(struct proc *proc)
{
	const char *act = proc_setting(proc, "act");

	/* A forgotten descriptor, and one that is missing: phase 2 must refuse both. */
	if (strcmp(act, "extra_descriptor") == 0 && open("/dev/null", O_RDONLY) < 0)
		return STATUS_IO;
	if (strcmp(act, "missing_descriptor") == 0)
		close(STDIN_FILENO);
	return STATUS_OK;
}

static int attack_serve(struct proc *proc)
{
	const char *act = proc_setting(proc, "act");

	if (strcmp(act, "idle") == 0) {
		log_event(LOG_ERROR, "idle"); /* also when standard error is a file */
		return ATTACK_IDLE;
	}
	for (size_t i = 0; i < attack_act_count; i++)
		if (strcmp(act, attack_acts[i].name) == 0)
			return attack_acts[i].act() ? ATTACK_SUCCEEDED : ATTACK_REFUSED;
	return ATTACK_UNKNOWN;
}

const struct proc_body proc_body = {attack_open, attack_serve};
