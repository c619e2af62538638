/* hardware: what kind of machine this is, in the words of Linux: is its memory encrypted, do two
 * threads share a core, is there an IOMMU, which of the processor's known weaknesses stay open.
 *
 * Reported, never relied on: `none` may also mean that Linux cannot see it (AMD's transparent TSME
 * is firmware's alone). Sources: the kernel's log of this boot (arch/x86/mm/mem_encrypt.c,
 * arch/x86/kernel/cpu/intel.c) and sysfs (Documentation/ABI/testing/sysfs-devices-system-cpu,
 * Documentation/ABI/testing/sysfs-class-iommu). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HARDWARE_H
#define HARDWARE_H

#include <stdbool.h>

#include "base_bytes.h"

#define HARDWARE_TEXT_MAX       256 /* bytes of hardware_put_text with NUL */
#define HARDWARE_WEAKNESSES_MAX 128 /* bytes of their names with NUL */

enum hardware_memory {
	HARDWARE_MEMORY_NONE = 0, /* none that Linux can see */
	HARDWARE_MEMORY_SME,      /* AMD's, by the kernel */
	HARDWARE_MEMORY_SEV,      /* AMD's, we are a guest */
	HARDWARE_MEMORY_TME,      /* Intel's, by the firmware */
	HARDWARE_MEMORY_TDX,      /* Intel's, we are a guest */
	HARDWARE_MEMORY_COUNT
};

enum hardware_answer { HARDWARE_UNKNOWN = 0, HARDWARE_NO, HARDWARE_YES };

struct hardware {
	enum hardware_memory memory;
	enum hardware_answer smt;                 /* two threads of one core are online */
	enum hardware_answer iommu;               /* one is in use */
	bool more_weaknesses;                     /* not all names fitted */
	char weaknesses[HARDWARE_WEAKNESSES_MAX]; /* names with commas; empty: none is open */
};

/* hardware_memory_of finds what the kernel said about memory encryption in its log of this boot; a
 * later line than the first does not count. Pure; any bytes. */
enum hardware_memory hardware_memory_of(struct bytes log);
/* hardware_memory_name: one word. */
const char *hardware_memory_name(enum hardware_memory memory);

/* hardware_look reads /sys and the kernel's log, for which one may have to be root; below `root`
 * those of another machine, its log as the file `dmesg` ("": this machine). What cannot be read is
 * unknown. */
void hardware_look(const char *root, struct hardware *ret_hardware);
/* hardware_read reads the first size - 1 bytes of a file below `root`, and ends them with NUL; how
 * many they are, 0 when it is not there. */
size_t hardware_read(const char *root, const char *name, char *ret_text, size_t size);

/* hardware_put_text writes it as name=value words: "memory=none smt=off iommu=on weaknesses=none".
 */
void hardware_put_text(const struct hardware *hardware, char ret_text[HARDWARE_TEXT_MAX]);

#endif
