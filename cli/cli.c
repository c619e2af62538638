/* claviger: the tool of users and operators. cli_commands.def is the list of what it can do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "cli_commands.h"

#define CLI_VERSION   "0.1.0"
#define ARGUMENTS_MAX 4096

#define COMMAND(name) &name,
static const struct cli_command *const commands[] = {
#include "cli_commands.def"
};
#undef COMMAND

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int run_version(struct cli_call *call)
{
	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	printf(call->json ? "{\"version\":\"%s\"}\n" : "claviger %s\n", CLI_VERSION);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_version = {
    .name = "version",
    .arguments = "",
    .sentence = "print the version",
    .run = run_version,
};

static int list_commands(FILE *to)
{
	fputs("claviger: sign Solana transactions, as far as the user's policies allow.\n\n"
	      "usage: claviger COMMAND [--json] [--help] ...\n\n",
	      to);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-18s %s\n", commands[i]->name, commands[i]->sentence);
	fputs("\nExit status: 0 yes, 1 a clear no, 2 wrong usage, 3 could not tell.\n", to);
	return to == stdout ? CLI_YES : CLI_USAGE;
}

static int show_help(const struct cli_command *command)
{
	printf("usage: claviger %s %s\n\n%s\n", command->name, command->arguments,
	       command->help != NULL ? command->help : command->sentence);
	return CLI_YES;
}

/* words_of says how many of the leading arguments are the command's words; 0: another command. */
static int words_of(const struct cli_command *command, char **arguments, int count)
{
	const char *name = command->name;

	for (int used = 0; used < count; used++) {
		size_t len = strcspn(name, " ");

		if (strlen(arguments[used]) != len || strncmp(arguments[used], name, len) != 0)
			return 0;
		if (name[len] == '\0')
			return used + 1;
		name += len + 1;
	}
	return 0;
}

/* take_global removes `--json` and `--help` from the words; what follows `--` is not looked at. */
static int take_global(char **arguments, int count, bool *ret_json, bool *ret_help)
{
	int kept = 0;

	for (int at = 0; at < count; at++) {
		if (strcmp(arguments[at], "--") == 0) {
			while (at < count)
				arguments[kept++] = arguments[at++];
			break;
		}
		if (strcmp(arguments[at], "--json") == 0)
			*ret_json = true;
		else if (strcmp(arguments[at], "--help") == 0 || strcmp(arguments[at], "-h") == 0)
			*ret_help = true;
		else
			arguments[kept++] = arguments[at];
	}
	return kept;
}

static int unknown(char **arguments)
{
	const char *first = arguments[0];
	bool group = false;

	fprintf(stderr, "claviger: no such command: %s\n", first);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t len = strlen(first);

		if (strncmp(commands[i]->name, first, len) != 0)
			continue;
		fprintf(stderr, "%s  claviger %s %s\n", group ? "" : "did you mean\n",
		        commands[i]->name, commands[i]->arguments);
		group = true;
	}
	if (!group)
		fputs("`claviger --help` lists all of them.\n", stderr);
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	char *arguments[ARGUMENTS_MAX];
	struct cli_call call = {0};
	bool help = false;
	int count;

	if (argc - 1 > ARGUMENTS_MAX) {
		fputs("claviger: too many arguments\n", stderr);
		return CLI_USAGE;
	}
	for (int i = 1; i < argc; i++)
		arguments[i - 1] = argv[i];
	count = take_global(arguments, argc > 0 ? argc - 1 : 0, &call.json, &help);
	if (count == 0)
		return list_commands(help ? stdout : stderr);
	if (strcmp(arguments[0], "--version") == 0)
		arguments[0] += 2;
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		int words = words_of(commands[i], arguments, count);

		if (words == 0)
			continue;
		if (help)
			return show_help(commands[i]);
		call.command = commands[i];
		call.arguments = arguments + words;
		call.count = count - words;
		return commands[i]->run(&call);
	}
	return unknown(arguments);
}
