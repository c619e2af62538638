/* cli_doctor: what `claviger doctor`, its --tpm and its --hardware share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_finding {
	const char *name;
	bool good;
	bool needed; /* without it the signer does not start, or does not answer */
	char text[320];
};

/* cli_doctor_tpm asks a TPM that nobody else uses now; `where` is a device, or "swtpm:path=...".
 * `sealed` (may be NULL) is a file `sealed-share`, which the TPM is held against. Returns how many
 * findings there are. */
size_t cli_doctor_tpm(const char *where, const char *sealed, struct cli_finding *ret_findings,
                      size_t max);

/* cli_doctor_hardware holds a machine against image/hardware.md; `from` is "" for this one, or a
 * folder with a copy of another's /proc, /sys and kernel log (as `dmesg`). Returns how many
 * findings there are. */
size_t cli_doctor_hardware(const char *from, struct cli_finding *ret_findings, size_t max);

#endif
