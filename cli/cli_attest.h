/* cli_attest: the commands about evidence. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ATTEST_H
#define CLI_ATTEST_H

#include "cli.h"

extern const struct cli_command cli_attest_checkquote;

#endif
