/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_help.h"

#include <string.h>

#include "cli_commands.h"
#include "cli_out.h"

#define COMMAND(name) &name,
static const struct cli_command *const commands[] = {
#include "cli_commands.def"
};
#undef COMMAND

#define USAGE_WIDTH   96
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const char server_options[] =
    "--server URL    of the signer (else CLAVIGER_SERVER, else https://127.0.0.1:8200)\n"
    "--ca FILE       the certificate that it must show (else CLAVIGER_CA, else ca.pem of this\n"
    "                user's `claviger serve`)\n"
    "--home DIR      this side's keys, tokens and pins (else CLAVIGER_HOME, else ~/.claviger)\n"
    "All three may stand in the configuration file too (claviger config check --help).\n";

static const char door_option[] = "--operator-port N   where the operators' door is (8201)\n";

const struct cli_command *cli_command_at(size_t index)
{
	return index < COMMAND_COUNT ? commands[index] : NULL;
}

void cli_command_probe(const struct cli_command *command, struct cli_probe *ret_probe)
{
	struct cli_call call = {.command = command, .probe = ret_probe};

	*ret_probe = (struct cli_probe){.count = 0};
	(void)command->run(&call);
}

static bool has_option(const struct cli_probe *probe, const char *name)
{
	for (size_t i = 0; i < probe->count; i++)
		if (strcmp(probe->options[i].name, name) == 0)
			return true;
	return false;
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

const struct cli_command *cli_help_find(char **arguments, int count, int *ret_words)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		*ret_words = words_of(commands[i], arguments, count);
		if (*ret_words != 0)
			return commands[i];
	}
	return NULL;
}

static void put_member(struct cli_out *out, const char *name, const char *text)
{
	cli_out_name(out, name);
	cli_out_text(out, bytes_of_text(text));
}

static void put_command(struct cli_out *out, const struct cli_command *command)
{
	struct cli_probe probe;

	cli_command_probe(command, &probe);
	cli_out_open(out, '{');
	put_member(out, "name", command->name);
	put_member(out, "arguments", command->arguments);
	put_member(out, "sentence", command->sentence);
	put_member(out, "help", command->help != NULL ? command->help : "");
	cli_out_name(out, "options");
	cli_out_open(out, '[');
	for (size_t i = 0; i < probe.count; i++) {
		cli_out_open(out, '{');
		put_member(out, "name", probe.options[i].name);
		cli_out_name(out, "takes_value");
		cli_out_bool(out, probe.options[i].takes_value);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

static bool begins(const struct cli_command *command, const char *prefix)
{
	return strncmp(command->name, prefix, strlen(prefix)) == 0;
}

/* put_list lists the commands whose names begin with the prefix. */
static void put_list(const char *prefix, FILE *to)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (begins(commands[i], prefix))
			fprintf(to, "  %-19s %s\n", commands[i]->name, commands[i]->sentence);
}

static bool any_begins(const char *prefix)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (begins(commands[i], prefix))
			return true;
	return false;
}

/* is_group: a first word that others follow. */
static bool is_group(const char *word)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (begins(commands[i], word) && commands[i]->name[strlen(word)] == ' ')
			return true;
	return false;
}

int cli_help_list(bool json, FILE *to)
{
	struct cli_out out = {.file = to};

	if (json && to != stderr) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "commands");
		cli_out_open(&out, '[');
		for (size_t i = 0; i < COMMAND_COUNT; i++)
			put_command(&out, commands[i]);
		cli_out_close(&out, ']');
		cli_out_close(&out, '}');
		cli_out_line(&out);
		return CLI_YES;
	}
	fputs("claviger: sign Solana transactions, as far as the user's policies allow.\n\n"
	      "usage: claviger COMMAND [--json] [--help] ...\n\n",
	      to);
	put_list("", to);
	fputs("\n`claviger help COMMAND` explains one. With --json standard output is JSON alone, "
	      "for\n"
	      "programs. Exit status: 0 yes, 1 a clear no, 2 wrong usage, 3 could not tell.\n",
	      to);
	return to != stderr ? CLI_YES : CLI_USAGE;
}

/* An option that neither the usage line nor the text names is told here. */
static void show_others(const struct cli_command *command, const struct cli_probe *probe)
{
	bool begun = false;

	for (size_t i = 0; i < probe->count; i++) {
		const char *name = probe->options[i].name;

		if (strstr(command->arguments, name) != NULL ||
		    (command->help != NULL && strstr(command->help, name) != NULL) ||
		    strstr(server_options, name) != NULL || strstr(door_option, name) != NULL)
			continue;
		printf("%s %s%s", begun ? "," : "also:", name,
		       probe->options[i].takes_value ? " VALUE" : "");
		begun = true;
	}
	if (begun)
		printf("\n");
}

/* put_usage breaks the line before an option: some commands have many. */
static void put_usage(const struct cli_command *command, bool server)
{
	char text[2048];
	size_t column = 0, len;
	int depth = 0;

	snprintf(text, sizeof(text), "usage: claviger %s%s%s%s", command->name,
	         command->arguments[0] != '\0' ? " " : "", command->arguments,
	         server ? " [--server URL] [--ca FILE] [--home DIR]" : "");
	for (const char *at = text; *at != '\0'; at += len) {
		len = 1;
		for (; at[len] != '\0' && (at[len] != ' ' || depth != 0); len++)
			depth += (at[len] == '[') - (at[len] == ']');
		if (column + len > USAGE_WIDTH) {
			printf("\n   ");
			column = 3;
		}
		printf("%.*s", (int)len, at);
		column += len;
	}
	printf("\n\n");
}

static int show_command(const struct cli_command *command, bool json)
{
	struct cli_out out = {.file = cli_answer_file()};
	struct cli_probe probe;
	const char *text = command->help;
	bool server;

	if (json) {
		put_command(&out, command);
		cli_out_line(&out);
		return CLI_YES;
	}
	cli_command_probe(command, &probe);
	server = has_option(&probe, "--server");
	put_usage(command, server);
	printf("claviger %s: %s.\n", command->name, command->sentence);
	if (text != NULL)
		printf("\n%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
	show_others(command, &probe);
	if (has_option(&probe, "--operator-port") &&
	    (text == NULL || strstr(text, "--operator-port") == NULL))
		printf("\n%s", door_option);
	if (server)
		printf("\n%s", server_options);
	else if (has_option(&probe, "--home"))
		printf(
		    "\n--home DIR      this side's keys, tokens and pins (else CLAVIGER_HOME, else "
		    "~/.claviger)\n");
	return CLI_YES;
}

int cli_help_show(char **arguments, int count, bool json)
{
	int words;
	const struct cli_command *command = cli_help_find(arguments, count, &words);

	if (command != NULL)
		return show_command(command, json);
	if (count == 1 && is_group(arguments[0])) {
		printf("usage: claviger %s ...\n\n", arguments[0]);
		put_list(arguments[0], stdout);
		return CLI_YES;
	}
	return cli_help_unknown(arguments, count);
}

int cli_help_unknown(char **arguments, int count)
{
	const char *word = arguments[0];

	if (word[0] == '-')
		fprintf(stderr, "claviger: %s stands before the command: options follow it\n",
		        word);
	else if (!is_group(word))
		fprintf(stderr, "claviger: no such command: %s; `claviger help` lists all%s\n",
		        word, any_begins(word) ? ". Did you mean" : "");
	else if (count == 1 || arguments[1][0] == '-')
		fprintf(stderr, "claviger: `%s` is the first word of these commands:\n", word);
	else
		fprintf(stderr, "claviger: no such command: %s %s; there are\n", word,
		        arguments[1]);
	put_list(word, stderr); /* no command begins with a hyphen */
	return CLI_USAGE;
}

static int run_help(struct cli_call *call)
{
	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count == 0)
		return cli_finish(call, cli_help_list(call->json, cli_answer_file()));
	return cli_finish(call, cli_help_show(call->arguments, call->count, call->json));
}

const struct cli_command cli_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .sentence = "list the commands, or explain one",
    .run = run_help,
    .help = "With --json: names, options and texts for programs.\n",
};
