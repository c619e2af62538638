/* claviger: the tool of users and operators. cli_commands.def is the list of what it can do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "base_version.h"
#include "cli_commands.h"
#include "cli_help.h"

#define ARGUMENTS_MAX 4096

static int run_version(struct cli_call *call)
{
	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	cli_answer(call->json ? "{\"version\":\"%s\"}\n" : "claviger %s\n", CLAVIGER_VERSION);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_version = {
    .name = "version",
    .arguments = "",
    .sentence = "print the version",
    .run = run_version,
};

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

int main(int argc, char **argv)
{
	char *arguments[ARGUMENTS_MAX];
	struct cli_call call = {0};
	bool help = false;
	int count, words;

	if (argc - 1 > ARGUMENTS_MAX) {
		fputs("claviger: too many arguments\n", stderr);
		return CLI_USAGE;
	}
	for (int i = 1; i < argc; i++)
		arguments[i - 1] = argv[i];
	count = take_global(arguments, argc > 0 ? argc - 1 : 0, &call.json, &help);
	cli_begin(call.json);
	if (count == 0)
		return cli_help_list(call.json, help ? cli_answer_file() : stderr);
	if (strcmp(arguments[0], "--version") == 0)
		arguments[0] += 2;
	call.command = cli_help_find(arguments, count, &words);
	if (help)
		return cli_help_show(arguments, count, call.json);
	if (call.command == NULL)
		return cli_help_unknown(arguments, count);
	call.arguments = arguments + words;
	call.count = count - words;
	return call.command->run(&call);
}
