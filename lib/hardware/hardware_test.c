/* S10: memory encryption is reported as it is and never assumed; S8: two threads on a core are
 * seen. The kernel's words are those of Linux 6.12 (arch/x86/mm/mem_encrypt.c, kernel/cpu/intel.c).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hardware.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[256], *at;
	FILE *file;

	CHECK(snprintf(path, sizeof(path), "%s%s", folder, name) < (int)sizeof(path));
	for (at = path + 1; (at = strchr(at, '/')) != NULL; *at++ = '/') {
		*at = '\0';
		(void)mkdir(path, 0700);
	}
	file = fopen(path, "w");
	CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static enum hardware_memory memory_of(const char *log)
{
	return hardware_memory_of(bytes_of_text(log));
}

static void test_memory_encryption_is_what_the_kernel_said_was_active(void)
{
	EXPECT(memory_of("") == HARDWARE_MEMORY_NONE);
	EXPECT(memory_of("<6>[    0.1] Linux version\n"
	                 "<6>[    0.2] Memory Encryption Features active: AMD SME\n") ==
	       HARDWARE_MEMORY_SME);
	EXPECT(memory_of("Memory Encryption Features active: AMD SEV SEV-ES SEV-SNP") ==
	       HARDWARE_MEMORY_SEV);
	EXPECT(memory_of("[    0.0] Memory Encryption Features active: Intel TDX\n") ==
	       HARDWARE_MEMORY_TDX);
	EXPECT(memory_of("<6>[    0.0] x86/tme: enabled by BIOS\n") == HARDWARE_MEMORY_TME);
}

static void test_what_is_only_asked_for_or_quoted_is_not_active(void)
{
	EXPECT(memory_of("<6>[ 0.0] x86/tme: not enabled by BIOS\n") == HARDWARE_MEMORY_NONE);
	EXPECT(memory_of("<5>[ 0.0] Kernel command line: mem_encrypt=on\n") ==
	       HARDWARE_MEMORY_NONE);
	EXPECT(memory_of("<6>[ 0.0] dev: x86/tme: enabled by BIOS\n") == HARDWARE_MEMORY_NONE);
	EXPECT(memory_of("<6>[ 0.0] Memory Encryption Features active: ") == HARDWARE_MEMORY_NONE);
	EXPECT(memory_of("<6[\n<\n[\n>\n]") == HARDWARE_MEMORY_NONE);
}

static void test_a_machine_is_read_as_it_stands(void)
{
	struct hardware hardware;
	char text[HARDWARE_TEXT_MAX];

	write_file("/sys/devices/system/cpu/smt/active", "0\n");
	write_file("/sys/class/iommu/dmar0", "");
	write_file("/sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
	write_file("/sys/devices/system/cpu/vulnerabilities/retbleed", "Vulnerable\n");
	write_file("/sys/devices/system/cpu/vulnerabilities/mds",
	           "Vulnerable: Clear CPU buffers attempted, no microcode\n");
	write_file("/sys/devices/system/cpu/vulnerabilities/spectre_v2",
	           "Mitigation: Retpolines\n");
	write_file("/dmesg", "x86/tme: enabled by BIOS\n");
	hardware_look(folder, &hardware);
	hardware_put_text(&hardware, text);
	EXPECT(strcmp(text, "memory=tme smt=off iommu=on weaknesses=mds,retbleed") == 0);
	write_file("/sys/devices/system/cpu/smt/active", "1\n");
	write_file("/dmesg", "");
	hardware_look(folder, &hardware);
	EXPECT(hardware.smt == HARDWARE_YES && hardware.memory == HARDWARE_MEMORY_NONE);
}

static void test_what_cannot_be_read_is_unknown(void)
{
	struct hardware hardware;
	char text[HARDWARE_TEXT_MAX];

	hardware_look("/nowhere", &hardware);
	hardware_put_text(&hardware, text);
	EXPECT(strcmp(text, "memory=none smt=unknown iommu=off weaknesses=none") == 0);
}

static void test_more_names_than_fit_are_said_to_be_more(void)
{
	struct hardware hardware;
	char text[HARDWARE_TEXT_MAX], name[128];

	for (int i = 0; i < 80; i++) {
		snprintf(name, sizeof(name),
		         "/sys/devices/system/cpu/vulnerabilities/weakness_%02d", i);
		write_file(name, "Vulnerable\n");
	}
	hardware_look(folder, &hardware);
	hardware_put_text(&hardware, text);
	EXPECT(hardware.more_weaknesses);
	EXPECT(strcmp(text + strlen(text) - 4, ",...") == 0);
}

int main(void)
{
	char command[128];

	snprintf(folder, sizeof(folder), "/tmp/hardware_test.%d", (int)getpid());
	RUN(test_memory_encryption_is_what_the_kernel_said_was_active);
	RUN(test_what_is_only_asked_for_or_quoted_is_not_active);
	RUN(test_a_machine_is_read_as_it_stands);
	RUN(test_what_cannot_be_read_is_unknown);
	RUN(test_more_names_than_fit_are_said_to_be_more);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
