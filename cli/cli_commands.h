/* cli_commands: every subcommand's row; each is defined in its command's own file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

#define COMMAND(name) extern const struct cli_command name;
#include "cli_commands.def"
#undef COMMAND

/* cli_command_at returns the row of that number, in the list's order; NULL behind the last. */
const struct cli_command *cli_command_at(size_t index);
/* cli_command_probe asks a subcommand for its options; nothing is done. */
void cli_command_probe(const struct cli_command *command, struct cli_probe *ret_probe);

#endif
