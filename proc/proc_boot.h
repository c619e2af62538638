/* proc_boot: boot failures have numbers (boot.def), the same in the log, as exit status and in the
 * runbook. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROC_BOOT_H
#define PROC_BOOT_H

enum {
#define BOOT(name, code, what, action) BOOT_##name = code,
#include "boot.def"
#undef BOOT
};

/* The signer's exit status when an operator ended the appliance: all stop, then the machine does.
 */
#define PROC_EXIT_RESTART 78
#define PROC_EXIT_OFF     79

/* The number of a reason why the share could not be had (enum call_start_reason). */
#define BOOT_OF_START(reason) (BOOT_NO_TPM - 1 + (int)(reason))

/* proc_boot_text says what a number means, and what to do; false for another number. */
_Bool proc_boot_text(int code, const char **ret_what, const char **ret_action);

/* proc_boot_failed logs it and returns it, to be this process's exit status. */
int proc_boot_failed(int code);

#endif
