/* cli_commands: every subcommand's row; each is defined in its command's own file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

#define COMMAND(name) extern const struct cli_command name;
#include "cli_commands.def"
#undef COMMAND

#endif
