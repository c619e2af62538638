/* tpm_tcti: how ESYS reaches the TPM: one descriptor, opened once; private to lib/tpm.
 *
 * Of our own because tpm2-tss's TCTI for swtpm connects anew for each command, which a sandboxed
 * process may not, and waits for ever on a TPM that hangs. A command is written whole, its
 * response read whole, within TPM_TCTI_TIME_LIMIT_MS. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_TCTI_H
#define TPM_TCTI_H

#include <tss2/tss2_tcti.h>

#include "base_bytes.h"

#define TPM_TCTI_RESPONSE_MAX  4096u /* the TPM's own bound (TPM_PT_MAX_RESPONSE_SIZE) */
#define TPM_TCTI_TIME_LIMIT_MS 60000 /* making a key takes a hardware TPM seconds */

struct tpm_tcti {
	TSS2_TCTI_CONTEXT_COMMON_V1 common; /* first: ESYS sees only this */
	int fd;
	uint8_t response[TPM_TCTI_RESPONSE_MAX];
	size_t response_len;
};

/* tpm_tcti_init takes over a descriptor of a TPM device or of swtpm's data socket. */
void tpm_tcti_init(int fd, struct tpm_tcti *tcti);

#endif
