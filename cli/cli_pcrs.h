/* cli_pcrs: a file of PCR values: {"4": "64 hex digits", ...}, or that within {"sha256": ...}, as
 * `claviger image predict --json` writes it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PCRS_H
#define CLI_PCRS_H

#include "approval.h"
#include "cli.h"

/* cli_pcrs_read takes the PCRs of both authorities; either may be NULL: then they are not asked
 * for. Exit status after complaining: a PCR that is missing is never taken for zero. */
int cli_pcrs_read(const struct cli_call *call, const char *path, uint8_t (*ret_release)[32],
                  uint8_t (*ret_site)[32]);

#endif
