/* cli_tpm: what came out of a genesis, opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TPM_H
#define CLI_TPM_H

#include "approval.h"
#include "cli.h"

/* cli_escrow_share opens the copy of the node share in the file `escrow` with the recovery key's
 * file; exit status after complaining. A share with another commitment than the one that is wanted
 * stays where it is. The caller wipes it. */
int cli_escrow_share(const struct cli_call *call, const char *escrow_file, const char *key_file,
                     const uint8_t wanted[32], uint8_t ret_share[32]);

/* cli_sealed_read reads a `sealed-share` whose genesis is over; exit status after complaining. What
 * its manifest says is what genesis was told, or nothing opens. */
int cli_sealed_read(const struct cli_call *call, const char *path,
                    struct approval_sealed *ret_sealed);

#endif
