/* tpm_tcti: how ESYS reaches the TPM: one descriptor, opened once; private to lib/tpm.
 *
 * Of our own because tpm2-tss's TCTI for swtpm connects anew for each command, which a sandboxed
 * process may not, and waits for ever on a TPM that hangs. A command is written whole, its
 * response read whole, within a minute. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TPM_TCTI_H
#define TPM_TCTI_H

/* tpm_tcti_open takes over a descriptor of a TPM device or of swtpm's data socket and returns a
 * TSS2_TCTI_CONTEXT; NULL without memory (then the descriptor is closed). */
void *tpm_tcti_open(int fd);
int tpm_tcti_descriptor(const void *tcti);
void tpm_tcti_close(void *tcti);

#endif
