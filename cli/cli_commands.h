/* cli_commands: the subcommands' functions, one line each; cli.c's table gives them their words. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

int cli_tx_decode(struct cli_call *call);
int cli_version(struct cli_call *call);

extern const char cli_tx_decode_help[];

#endif
