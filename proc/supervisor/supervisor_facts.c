/* What the appliance's machine is, and which of its cores a child runs on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "base_check.h"
#include "hardware.h"
#include "log_line.h"
#include "supervisor.h"

#define PINNED_CORES   3 /* fewer: one would wait for another */
#define CORE_OF_OTHERS 0
#define CORE_OF_SIGNER 1
#define FIRST_VERIFIER 2

static void count_cores(struct supervisor *supervisor)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (unsigned i = 0; i < CPU_SETSIZE && supervisor->core_count < SUPERVISOR_CORES_MAX; i++)
		if (CPU_ISSET(i, &set))
			supervisor->cores[supervisor->core_count++] = i;
}

int supervisor_core(const struct supervisor *supervisor, enum proc_role role, unsigned number)
{
	unsigned at = CORE_OF_OTHERS;

	if (supervisor->core_count < PINNED_CORES)
		return -1;
	if (role == PROC_signer)
		at = CORE_OF_SIGNER;
	if (role == PROC_verifier)
		at = FIRST_VERIFIER + number % (supervisor->core_count - FIRST_VERIFIER);
	return (int)supervisor->cores[at];
}

void supervisor_facts(struct supervisor *supervisor)
{
	char text[HARDWARE_TEXT_MAX], words[HARDWARE_TEXT_MAX + 32];
	struct hardware hardware;
	struct log_line line;

	count_cores(supervisor);
	hardware_look("", &hardware);
	hardware_put_text(&hardware, text);
	snprintf(words, sizeof(words), "cores=%u pinned=%s %s", supervisor->core_count,
	         supervisor_core(supervisor, PROC_signer, 0) >= 0 ? "yes" : "no", text);
	CHECK(supervisor_set(supervisor, "machine", words));
	log_begin(&line, LOG_INFO, "machine.hardware");
	log_text(&line, "machine", words);
	log_end(&line);
}
