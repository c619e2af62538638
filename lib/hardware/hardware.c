/* SPDX-License-Identifier: Apache-2.0 */
#include "hardware.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>

#define PATH_BYTES    512
#define LOG_BYTES     262144
#define KLOG_READ_ALL 3 /* SYSLOG_ACTION_READ_ALL of klogctl(3) */

/* What print_mem_encrypt_feature_info and detect_tme_early write; the first that fits a line. */
static const struct {
	const char *line;
	enum hardware_memory memory;
} said[] = {
    {"Memory Encryption Features active: AMD SME",   HARDWARE_MEMORY_SME},
    {"Memory Encryption Features active: AMD SEV",   HARDWARE_MEMORY_SEV},
    {"Memory Encryption Features active: Intel TDX", HARDWARE_MEMORY_TDX},
    {"x86/tme: enabled by BIOS",                     HARDWARE_MEMORY_TME},
};

const char *hardware_memory_name(enum hardware_memory memory)
{
	static const char *const names[HARDWARE_MEMORY_COUNT] = {"none", "sme", "sev", "tme",
	                                                         "tdx"};

	return names[memory];
}

/* One line without the priority and time before its text: "<6>[    0.123456] text". */
static struct bytes text_of(struct bytes line)
{
	const uint8_t *end;

	if (line.len > 0 && line.data[0] == '<' && (end = memchr(line.data, '>', line.len)) != NULL)
		line = bytes_of(end + 1, line.len - (size_t)(end + 1 - line.data));
	if (line.len > 0 && line.data[0] == '[' && (end = memchr(line.data, ']', line.len)) != NULL)
		line = bytes_of(end + 1, line.len - (size_t)(end + 1 - line.data));
	if (line.len > 0 && line.data[0] == ' ')
		line = bytes_of(line.data + 1, line.len - 1);
	return line;
}

enum hardware_memory hardware_memory_of(struct bytes log)
{
	while (log.len > 0) {
		const uint8_t *end = memchr(log.data, '\n', log.len);
		size_t len = end != NULL ? (size_t)(end - log.data) : log.len;
		struct bytes text = text_of(bytes_of(log.data, len));

		for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
			size_t want = strlen(said[i].line);

			if (text.len >= want && memcmp(text.data, said[i].line, want) == 0)
				return said[i].memory;
		}
		len += end != NULL;
		log = bytes_of(log.data + len, log.len - len);
	}
	return HARDWARE_MEMORY_NONE;
}

size_t hardware_read(const char *root, const char *name, char *ret_text, size_t size)
{
	char path[PATH_BYTES];
	FILE *file;
	size_t len = 0;

	if (snprintf(path, sizeof(path), "%s%s", root, name) < (int)sizeof(path) &&
	    (file = fopen(path, "re")) != NULL) {
		len = fread(ret_text, 1, size - 1, file);
		fclose(file);
	}
	ret_text[len] = '\0';
	return len;
}

static DIR *open_folder(const char *root, const char *name)
{
	char path[PATH_BYTES];

	return snprintf(path, sizeof(path), "%s%s", root, name) < (int)sizeof(path) ? opendir(path)
	                                                                            : NULL;
}

static enum hardware_answer look_at_iommu(const char *root)
{
	DIR *folder = open_folder(root, "/sys/class/iommu");
	struct dirent *entry;
	enum hardware_answer answer = HARDWARE_NO;

	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			answer = HARDWARE_YES;
	if (folder != NULL)
		closedir(folder);
	return answer;
}

#define WEAKNESSES      "/sys/devices/system/cpu/vulnerabilities"
#define WEAKNESSES_KEPT 64
#define NAME_BYTES      64

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool is_open(const char *root, const char *name)
{
	char path[PATH_BYTES], text[16];

	snprintf(path, sizeof(path), WEAKNESSES "/%.*s", NAME_BYTES - 1, name);
	(void)hardware_read(root, path, text, sizeof(text));
	return strncmp(text, "Vulnerable", 10) == 0;
}

static void look_at_weaknesses(const char *root, struct hardware *hardware)
{
	char names[WEAKNESSES_KEPT][NAME_BYTES];
	DIR *folder = open_folder(root, WEAKNESSES);
	struct dirent *entry;
	size_t count = 0, len = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.' || !is_open(root, entry->d_name))
			continue;
		if (count == WEAKNESSES_KEPT || strlen(entry->d_name) >= NAME_BYTES)
			hardware->more_weaknesses = true;
		else
			memcpy(names[count++], entry->d_name, strlen(entry->d_name) + 1);
	}
	if (folder != NULL)
		closedir(folder);
	qsort(names, count, NAME_BYTES, by_name);
	for (size_t i = 0; i < count; i++) {
		if (len + strlen(names[i]) + 2 > sizeof(hardware->weaknesses)) {
			hardware->more_weaknesses = true;
			break;
		}
		len +=
		    (size_t)snprintf(hardware->weaknesses + len, sizeof(hardware->weaknesses) - len,
		                     "%s%s", len != 0 ? "," : "", names[i]);
	}
}

static enum hardware_memory look_at_memory(const char *root)
{
	static char log[LOG_BYTES];
	int len = root[0] == '\0' ? klogctl(KLOG_READ_ALL, log, sizeof(log))
	                          : (int)hardware_read(root, "/dmesg", log, sizeof(log));

	return hardware_memory_of(bytes_of(log, len > 0 ? (size_t)len : 0));
}

void hardware_look(const char *root, struct hardware *ret_hardware)
{
	char text[16];

	*ret_hardware = (struct hardware){.memory = look_at_memory(root)};
	(void)hardware_read(root, "/sys/devices/system/cpu/smt/active", text, sizeof(text));
	if (text[0] == '0' || text[0] == '1')
		ret_hardware->smt = text[0] == '1' ? HARDWARE_YES : HARDWARE_NO;
	ret_hardware->iommu = look_at_iommu(root);
	look_at_weaknesses(root, ret_hardware);
}

void hardware_put_text(const struct hardware *hardware, char ret_text[HARDWARE_TEXT_MAX])
{
	static const char *const answers[] = {"unknown", "off", "on"};

	snprintf(ret_text, HARDWARE_TEXT_MAX, "memory=%s smt=%s iommu=%s weaknesses=%s%s",
	         hardware_memory_name(hardware->memory), answers[hardware->smt],
	         answers[hardware->iommu],
	         hardware->weaknesses[0] != '\0' ? hardware->weaknesses : "none",
	         hardware->more_weaknesses ? ",..." : "");
}
