/* The command line: name=value, each name a SETTING row of topology.def or one of our own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor.h"

#include <errno.h>
#include <unistd.h>

#include "base_check.h"
#include "log_line.h"

#define PROCESS(name, instances, end, uid, order, descriptors)
#define CHANNEL(a, b, slot_bytes, slots, window)
#define SETTING(process, name, value) {PROC_##process, #name, value},
static const struct {
	enum proc_role role;
	const char *name, *value;
} rows[] = {
#include "topology.def"
};

static void take_defaults(struct supervisor *supervisor)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t at = supervisor->setting_count[rows[i].role]++;
		struct proc_start_setting *setting = &supervisor->settings[rows[i].role][at];

		CHECK(at < PROC_SETTINGS_MAX && strlen(rows[i].name) < sizeof(setting->name));
		snprintf(setting->name, sizeof(setting->name), "%s", rows[i].name);
		snprintf(setting->value, sizeof(setting->value), "%s", rows[i].value);
	}
}

static bool number(const char *text, unsigned long max, unsigned long *ret_value)
{
	char *end;

	errno = 0;
	*ret_value = strtoul(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *ret_value <= max;
}

static bool take_own(struct supervisor *supervisor, const char *name, const char *value)
{
	unsigned long taken;
	enum log_level level;

	if (strcmp(name, "verifiers") == 0 && number(value, LIMIT_VERIFIERS_MAX, &taken) &&
	    taken > 0) {
		supervisor->verifiers = (unsigned)taken;
		return true;
	}
	if (strcmp(name, "uid_base") == 0 && number(value, 1000000000, &taken) && taken > 0) {
		if (supervisor->uid_base != 0)
			supervisor->uid_base = (uint32_t)taken;
		return true;
	}
	if (strcmp(name, "ready_fd") == 0 && number(value, 1023, &taken)) {
		supervisor->ready_fd = (int)taken;
		return true;
	}
	if (strcmp(name, "log_level") == 0 && log_level_of(value, &level)) {
		supervisor->log_level = level;
		return true;
	}
	return false;
}

/* The same name may have a row in several processes: one value for all of them. */
static bool take_setting(struct supervisor *supervisor, const char *name, const char *value)
{
	bool found = false;

	for (unsigned role = 0; role < PROC_COUNT; role++) {
		for (size_t i = 0; i < supervisor->setting_count[role]; i++) {
			struct proc_start_setting *setting = &supervisor->settings[role][i];

			if (strcmp(setting->name, name) != 0)
				continue;
			if (strlen(value) >= sizeof(setting->value))
				return false;
			snprintf(setting->value, sizeof(setting->value), "%s", value);
			found = true;
		}
	}
	return found;
}

bool supervisor_set(struct supervisor *supervisor, const char *name, const char *value)
{
	return take_own(supervisor, name, value) || take_setting(supervisor, name, value);
}

enum status supervisor_configure(struct supervisor *supervisor, int count, char **args)
{
	ssize_t len = readlink("/proc/self/exe", supervisor->folder, sizeof(supervisor->folder));

	supervisor->verifiers = PROC_VERIFIERS_DEFAULT;
	supervisor->uid_base = geteuid() == 0 ? PROC_UID_BASE : 0;
	supervisor->log_level = LOG_INFO;
	supervisor->ready_fd = supervisor->site_fd = -1;
	if (len <= 0 || (size_t)len >= sizeof(supervisor->folder))
		return STATUS_IO;
	supervisor->folder[len] = '\0';
	*strrchr(supervisor->folder, '/') = '\0';
	take_defaults(supervisor);
	for (int i = 1; i < count; i++) {
		char *value = strchr(args[i], '=');

		if (value != NULL)
			*value++ = '\0';
		if (value == NULL || !supervisor_set(supervisor, args[i], value)) {
			fprintf(stderr,
			        "claviger-supervisor: no setting of this name, or not a value for "
			        "it: %s\n",
			        args[i]);
			return STATUS_MALFORMED;
		}
	}
	return STATUS_OK;
}
