/* SPDX-License-Identifier: Apache-2.0 */
#include "proc_start.h"

#include <errno.h>
#include <unistd.h>

#include "base_check.h"
#include "ipc_futex.h"
#include "proc_site.h"

_Atomic uint32_t proc_stop_count;
_Atomic uint32_t proc_reload_count;

bool proc_reload_asked(void)
{
	static uint32_t seen;
	uint32_t count = atomic_load_explicit(&proc_reload_count, memory_order_relaxed);
	bool asked = count != seen;

	seen = count;
	return asked;
}

bool proc_stopping(void)
{
	return atomic_load_explicit(&proc_stop_count, memory_order_relaxed) != 0;
}

const char *proc_name(enum proc_role role)
{
	static const char *const names[] = {
#define PROCESS(name, instances, end, uid, order, descriptors) #name,
#define CHANNEL(a, b, slot_bytes, slots, window)
#define SETTING(process, name, value)
#include "topology.def"
#undef PROCESS
#undef CHANNEL
#undef SETTING
	};
	return (unsigned)role < PROC_COUNT ? names[role] : "nobody";
}

struct ipc_channel *proc_channel(struct proc *proc, enum proc_role peer, unsigned number)
{
	for (size_t i = 0; i < proc->start.channel_count; i++)
		if (proc->start.channels[i].peer == (uint32_t)peer &&
		    proc->start.channels[i].peer_number == number)
			return &proc->channels[i];
	return NULL;
}

unsigned proc_peer_count(const struct proc *proc, enum proc_role peer)
{
	unsigned count = 0;

	for (size_t i = 0; i < proc->start.channel_count; i++)
		count += proc->start.channels[i].peer == (uint32_t)peer;
	return count;
}

const char *proc_setting(const struct proc *proc, const char *name)
{
	for (size_t i = 0; i < proc->start.setting_count; i++)
		if (strcmp(proc->start.settings[i].name, name) == 0)
			return proc->start.settings[i].value;
	CHECK(!"topology.def has no such SETTING row");
	return "";
}

struct buffer proc_buffer(size_t cap)
{
	uint8_t *data = malloc(cap);

	CHECK(data != NULL);
	return (struct buffer){data, cap, 0};
}

enum status proc_setting_number(const struct proc *proc, const char *name, uint64_t fallback,
                                uint64_t max, uint64_t *ret_value)
{
	const char *text = proc_setting(proc, name);
	uint64_t value;
	char *end;

	if (text[0] == '\0') {
		*ret_value = fallback;
		return STATUS_OK;
	}
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value > max)
		return STATUS_MALFORMED;
	*ret_value = value;
	return STATUS_OK;
}

struct bytes proc_site(const struct proc *proc)
{
	const struct proc_site *site = proc->site_memory;

	return site == NULL ? bytes_of(NULL, 0) : bytes_of(site->manifest, site->manifest_len);
}

void proc_keep_descriptor(struct proc *proc, int fd)
{
	CHECK(fd >= 0 && proc->descriptor_count < SANDBOX_DESCRIPTORS_MAX);
	proc->descriptors[proc->descriptor_count++] = fd;
}

void proc_report_phase(struct proc *proc, enum proc_phase phase)
{
	atomic_store(&proc->report->phase, (uint32_t)phase);
	ipc_futex_wake(&proc->report->phase);
}

void proc_report_ready(struct proc *proc)
{
	proc_report_phase(proc, PROC_PHASE_READY);
}
