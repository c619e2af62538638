/* cli_commands: every subcommand's row; each is defined in its command's own file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command cli_policy_check;
extern const struct cli_command cli_policy_describe;
extern const struct cli_command cli_policy_inspect;
extern const struct cli_command cli_tx_decode;
extern const struct cli_command cli_version;

#endif
