/* claviger doctor --hardware: image/hardware.md, as far as Linux can see it. Run on the machine
 * that is to become an appliance, from any system that it boots, as root; or on a copy of its /proc
 * and /sys. Looks, changes nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_doctor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "hardware.h"

#define PATH_BYTES   512
#define FILE_BYTES   4096
#define SECTOR_BYTES 512u /* of /sys/class/block/X/size, whatever the disk's own are */
#define EFI_VARS     "/sys/firmware/efi/efivars/"
#define EFI_GLOBAL   "8be4df61-93ca-11d2-aa0d-00e098032b8c" /* UEFI 2.10, 3.3 */
#define EFI_MOR                                                                                    \
	"e20939be-32d4-41be-a150-897f85d49829" /* TCG platform reset attack mitigation 1.10 */
#define EFI_ATTRIBUTES 4u                      /* bytes before a variable's value in efivarfs */

static const char *root = "";

static size_t slurp(const char *name, char *ret_text, size_t size)
{
	return hardware_read(root, name, ret_text, size);
}

static bool is_there(const char *name)
{
	char path[PATH_BYTES];

	return snprintf(path, sizeof(path), "%s%s", root, name) < (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static void say(struct cli_finding *finding, bool good, const char *text)
{
	finding->good = good;
	snprintf(finding->text, sizeof(finding->text), "%s", text);
}

/* Calls `see` for every entry of a folder until it says true; that entry's name, or none. */
static bool find_entry(const char *folder, bool (*see)(const char *name), char ret_name[64])
{
	char path[PATH_BYTES];
	DIR *dir;
	struct dirent *entry;
	bool found = false;

	snprintf(path, sizeof(path), "%s%s", root, folder);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= 64 || !see(entry->d_name))
			continue;
		found = true;
		memcpy(ret_name, entry->d_name, strlen(entry->d_name) + 1);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static bool any(const char *name)
{
	(void)name;
	return true;
}

/* ---- processor and memory ---- */

/* The value behind "key\t: " of the first processor. */
static void cpu_value(const char *key, char ret_value[128])
{
	char text[FILE_BYTES], *at, *value;

	ret_value[0] = '\0';
	(void)slurp("/proc/cpuinfo", text, sizeof(text));
	for (at = text; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, strlen(key)) != 0 || strchr("\t :", at[strlen(key)]) == NULL ||
		    (value = strchr(at, ':')) == NULL)
			continue;
		value += strspn(value, ": ");
		snprintf(ret_value, 128, "%.*s", (int)strcspn(value, "\n"), value);
		return;
	}
}

/* A word of the first processor's flags. */
static bool has_flag(const char *flag)
{
	char text[FILE_BYTES], *at, *word, *rest = NULL;

	(void)slurp("/proc/cpuinfo", text, sizeof(text));
	at = strstr(text, "\nflags\t");
	if (at == NULL || (at = strchr(at, ':')) == NULL)
		return false;
	at[strcspn(at, "\n")] = '\0';
	for (word = strtok_r(at + 1, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
		if (strcmp(word, flag) == 0)
			return true;
	return false;
}

static void look_at_processor(struct cli_finding *finding)
{
	char vendor[128], model[128], microcode[128];

	cpu_value("vendor_id", vendor);
	cpu_value("model name", model);
	cpu_value("microcode", microcode);
	finding->good = strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "GenuineIntel") == 0;
	snprintf(
	    finding->text, sizeof(finding->text),
	    "%.80s, microcode %.20s: the image loads none, so it is what the firmware brings%s",
	    model, microcode[0] != '\0' ? microcode : "unknown",
	    finding->good ? "" : "; neither AMD nor Intel");
}

static void look_at_weaknesses(struct cli_finding *finding)
{
	struct hardware hardware;

	hardware_look(root, &hardware);
	finding->good = hardware.weaknesses[0] == '\0' && !hardware.more_weaknesses;
	if (!is_there("/sys/devices/system/cpu/vulnerabilities"))
		say(finding, false, "this kernel does not say which weaknesses the processor has");
	else if (finding->good)
		say(finding, true, "none known to this kernel stays open");
	else
		snprintf(finding->text, sizeof(finding->text), "open on this kernel: %s%s",
		         hardware.weaknesses, hardware.more_weaknesses ? ",..." : "");
}

static void look_at_memory(struct cli_finding *finding)
{
	struct hardware hardware;
	bool sme = has_flag("sme");

	hardware_look(root, &hardware);
	if (hardware.memory != HARDWARE_MEMORY_NONE)
		snprintf(finding->text, sizeof(finding->text), "encryption is on (%s)",
		         hardware_memory_name(hardware.memory));
	else if (sme)
		say(finding, true, "AMD SME is offered; the image switches it on (mem_encrypt=on)");
	else
		say(finding, false,
		    "no encryption seen; AMD TSME or Intel TME is the firmware's setting, and TSME "
		    "cannot be seen from Linux");
	finding->good = hardware.memory != HARDWARE_MEMORY_NONE || sme;
}

static void look_at_ecc(struct cli_finding *finding)
{
	char name[64];

	if (find_entry("/sys/devices/system/edac/mc", any, name) &&
	    is_there("/sys/devices/system/edac/mc/mc0"))
		say(finding, true, "ECC is in use (EDAC)");
	else
		say(finding, false, "no ECC seen (no EDAC driver, or no such memory)");
}

static void look_at_smt(struct cli_finding *finding)
{
	struct hardware hardware;

	hardware_look(root, &hardware);
	say(finding, hardware.smt != HARDWARE_YES,
	    hardware.smt == HARDWARE_NO ? "off, or not there"
	    : hardware.smt == HARDWARE_YES
	        ? "on; the image switches it off, off in the firmware saves the question"
	        : "unknown to this kernel");
}

static void look_at_iommu(struct cli_finding *finding)
{
	struct hardware hardware;

	hardware_look(root, &hardware);
	say(finding, hardware.iommu == HARDWARE_YES,
	    hardware.iommu == HARDWARE_YES
	        ? "in use"
	        : "none in use: switch AMD-Vi or VT-d on in the firmware (this system may lack "
	          "intel_iommu=on; the image has it)");
}

static void look_at_cores(struct cli_finding *finding)
{
	char text[64], *comma;
	unsigned long first = 0, last;

	(void)slurp("/sys/devices/system/cpu/present", text, sizeof(text));
	last = strtoul(text, &comma, 10);
	if (*comma == '-') {
		first = last;
		last = strtoul(comma + 1, &comma, 10);
	}
	finding->good = last - first + 1 >= 3;
	snprintf(finding->text, sizeof(finding->text), "%lu processors%s", last - first + 1,
	         finding->good
	             ? ": with SMT off, three or more give signer and verifiers cores of their own"
	             : ": signer and verifiers share cores; three or more are needed to part them");
}

/* ---- firmware ---- */

static int efi_byte(const char *name)
{
	char path[PATH_BYTES], value[16];

	snprintf(path, sizeof(path), EFI_VARS "%s", name);
	return slurp(path, value, sizeof(value)) == EFI_ATTRIBUTES + 1 ? value[EFI_ATTRIBUTES] : -1;
}

static void look_at_firmware(struct cli_finding *finding)
{
	bool uefi = is_there("/sys/firmware/efi");

	say(finding, uefi, uefi ? "UEFI" : "not started by UEFI: the image needs it");
}

static void look_at_secure_boot(struct cli_finding *finding)
{
	int on = efi_byte("SecureBoot-" EFI_GLOBAL), setup = efi_byte("SetupMode-" EFI_GLOBAL);

	if (setup == 1)
		say(finding, false, "in setup mode: enrol PK, KEK and db of `claviger image keys`");
	else
		say(finding, on == 1,
		    on == 1
		        ? "on; that the keys are yours and the vendor's are gone is for you to see"
		    : on == 0
		        ? "off: switch it on after enrolling the keys of `claviger image keys`"
		        : "unknown (efivarfs is not mounted, or there is none)");
}

static void look_at_mor(struct cli_finding *finding)
{
	bool offered = is_there(EFI_VARS "MemoryOverwriteRequestControl-" EFI_MOR);

	say(finding, offered,
	    offered ? "offered: memory is cleared after a hard reset"
	            : "not offered by the firmware: keys can stay in memory after a hard reset");
}

static void look_at_tpm(struct cli_finding *finding)
{
	char version[16];
	bool two = slurp("/sys/class/tpm/tpm0/tpm_version_major", version, sizeof(version)) > 0 &&
	           version[0] == '2';

	finding->good = two && is_there("/sys/class/tpm/tpm0/pcr-sha256");
	say(finding, finding->good,
	    finding->good
	        ? "2.0 with a SHA-256 bank; `claviger doctor --tpm /dev/tpmrm0` asks it more"
	    : two ? "2.0 without a SHA-256 bank: switch it on in the firmware"
	          : "no TPM 2.0 here");
}

/* ---- devices ---- */

static bool has_driver(const char *name)
{
	static const char *const drivers[] = {"virtio_net", "e1000e", "igb", "igc", "ixgbe"};
	char path[PATH_BYTES], link[PATH_BYTES];
	const char *driver;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/sys/class/net/%.63s/device/driver", root, name);
	len = readlink(path, link, sizeof(link) - 1);
	if (len <= 0)
		return false;
	link[len] = '\0';
	driver = strrchr(link, '/') != NULL ? strrchr(link, '/') + 1 : link;
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(driver, drivers[i]) == 0)
			return true;
	return false;
}

static void look_at_network(struct cli_finding *finding)
{
	char name[64];

	finding->good = find_entry("/sys/class/net", has_driver, name);
	if (finding->good)
		snprintf(finding->text, sizeof(finding->text), "%.63s has a driver in the image",
		         name);
	else
		say(finding, false,
		    "no card that the image drives (virtio, e1000e, igb, igc, ixgbe)");
}

static bool is_data_disk(const char *name)
{
	char path[PATH_BYTES], size[32];

	if (strncmp(name, "nvme", 4) != 0 && strncmp(name, "vd", 2) != 0)
		return false;
	snprintf(path, sizeof(path), "/sys/class/block/%.63s/size", name);
	return slurp(path, size, sizeof(size)) > 0 &&
	       strtoull(size, NULL, 10) >= DISK_BYTES_MIN / SECTOR_BYTES;
}

static void look_at_disks(struct cli_finding *finding)
{
	char name[64];

	finding->good = find_entry("/sys/class/block", is_data_disk, name);
	say(finding, finding->good,
	    finding->good
	        ? "NVMe or virtio of 128 MiB or more"
	        : "no NVMe or virtio disk of 128 MiB or more: the image drives no others");
}

static void look_at_console(struct cli_finding *finding)
{
	char type[16];
	bool port = slurp("/sys/class/tty/ttyS0/type", type, sizeof(type)) > 0 && type[0] != '0';

	say(finding, port,
	    port ? "first serial port"
	         : "no first serial port: boot failures would be seen by nobody");
}

static void look_at_bmc(struct cli_finding *finding)
{
	char name[64];
	bool found = find_entry("/sys/class/ipmi", any, name);

	say(finding, !found,
	    found ? "an out-of-band controller is here: disable it, or give it a network of its own"
	          : "no out-of-band controller seen");
}

static void look_at_thunderbolt(struct cli_finding *finding)
{
	char name[64];
	bool found = find_entry("/sys/bus/thunderbolt/devices", any, name);

	say(finding, !found,
	    found ? "Thunderbolt is on: switch it off in the firmware" : "no Thunderbolt seen");
}

static const struct {
	const char *name;
	void (*look)(struct cli_finding *finding);
	bool needed;
} looks[] = {
    {"processor",      look_at_processor,   true },
    {"cores",          look_at_cores,       false},
    {"weaknesses",     look_at_weaknesses,  false},
    {"SMT",            look_at_smt,         false},
    {"memory",         look_at_memory,      false},
    {"ECC",            look_at_ecc,         false},
    {"IOMMU",          look_at_iommu,       false},
    {"firmware",       look_at_firmware,    true },
    {"Secure Boot",    look_at_secure_boot, false},
    {"memory clear",   look_at_mor,         false},
    {"TPM",            look_at_tpm,         true },
    {"network card",   look_at_network,     true },
    {"data disk",      look_at_disks,       true },
    {"serial console", look_at_console,     false},
    {"BMC",            look_at_bmc,         false},
    {"Thunderbolt",    look_at_thunderbolt, false},
};

size_t cli_doctor_hardware(const char *from, struct cli_finding *ret_findings, size_t max)
{
	size_t count = sizeof(looks) / sizeof(looks[0]);

	root = from;
	for (size_t i = 0; i < count && i < max; i++) {
		ret_findings[i] =
		    (struct cli_finding){.name = looks[i].name, .needed = looks[i].needed};
		looks[i].look(&ret_findings[i]);
	}
	return count < max ? count : max;
}
