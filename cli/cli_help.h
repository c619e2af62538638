/* cli_help: which subcommand the words name, and what is told about each.
 *
 * Help is a row's own text and, from the table that the subcommand takes its options with, their
 * names, so that no option goes unmentioned. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli.h"

/* cli_help_find finds the subcommand that the leading words name, and how many they are; NULL:
 * none. */
const struct cli_command *cli_help_find(char **arguments, int count, int *ret_words);
/* cli_help_list writes the list of all subcommands; with `json` one object with their options.
 * Exit status: yes on standard output, else wrong usage. */
int cli_help_list(bool json, FILE *to);
/* cli_help_show explains what the words name: a subcommand, or the group of a first word. */
int cli_help_show(char **arguments, int count, bool json);
/* cli_help_unknown complains about a word that names nothing, with those that begin like it. */
int cli_help_unknown(char **arguments, int count);

#endif
