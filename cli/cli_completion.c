/* claviger completion: what a shell needs to complete commands and options, made from the same
 * tables that the commands read. Values are completed as file names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli_commands.h"

/* first_of says whether this row is the first one with its first word. */
static bool first_of(size_t index, size_t *ret_len)
{
	const char *name = cli_command_at(index)->name;
	size_t len = strcspn(name, " ");

	*ret_len = len;
	for (size_t i = 0; i < index; i++) {
		const char *other = cli_command_at(i)->name;

		if (strncmp(other, name, len) == 0 && (other[len] == ' ' || other[len] == '\0'))
			return false;
	}
	return true;
}

static bool is_in_group(const struct cli_command *command, const char *group, size_t len)
{
	return strncmp(command->name, group, len) == 0 && command->name[len] == ' ';
}

static void put_first_words(void)
{
	for (size_t i = 0, len; cli_command_at(i) != NULL; i++)
		if (first_of(i, &len))
			printf("%.*s ", (int)len, cli_command_at(i)->name);
}

static void put_second_words(const char *group, size_t len)
{
	for (size_t i = 0; cli_command_at(i) != NULL; i++)
		if (is_in_group(cli_command_at(i), group, len))
			printf("%s ", cli_command_at(i)->name + len + 1);
}

static bool has_group(const char *group, size_t len)
{
	for (size_t i = 0; cli_command_at(i) != NULL; i++)
		if (is_in_group(cli_command_at(i), group, len))
			return true;
	return false;
}

/* `case` arms that bash and zsh both read: the words that may follow, in `choices`. */
static void put_arms(void)
{
	for (size_t i = 0, len; cli_command_at(i) != NULL; i++) {
		const char *name = cli_command_at(i)->name;

		if (!first_of(i, &len) || !has_group(name, len))
			continue;
		printf("\t'%.*s ') choices='", (int)len, name);
		put_second_words(name, len);
		printf("' ;;\n");
	}
	for (size_t i = 0; cli_command_at(i) != NULL; i++) {
		const struct cli_command *command = cli_command_at(i);
		struct cli_probe probe;

		cli_command_probe(command, &probe);
		printf("\t'%s '*) choices='--json --help ", command->name);
		for (size_t k = 0; k < probe.count; k++)
			printf("%s ", probe.options[k].name);
		printf("' ;;\n");
	}
}

static void put_bash(void)
{
	printf("# bash completion of claviger: source <(claviger completion bash)\n"
	       "_claviger()\n{\n"
	       "\tlocal current=${COMP_WORDS[COMP_CWORD]} choices= line=\n"
	       "\tline=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \"\n"
	       "\tcase $line in\n\t' ') choices='");
	put_first_words();
	printf("' ;;\n\t'help ') choices='");
	put_first_words();
	printf("' ;;\n\t'completion ') choices='bash zsh fish' ;;\n");
	put_arms();
	printf("\tesac\n"
	       "\tif [[ $choices != --* || $current == -* ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$choices\" -- \"$current\"))\n"
	       "\telse\n"
	       "\t\tCOMPREPLY=()\n"
	       "\tfi\n}\n"
	       "complete -o default -F _claviger claviger\n");
}

static void put_zsh(void)
{
	printf("#compdef claviger\n"
	       "# zsh completion: claviger completion zsh > \"${fpath[1]}/_claviger\"\n"
	       "_claviger() {\n"
	       "\tlocal choices= line=\"${words[2,CURRENT-1]} \"\n"
	       "\tcase $line in\n\t' ') choices='");
	put_first_words();
	printf("' ;;\n\t'help ') choices='");
	put_first_words();
	printf("' ;;\n\t'completion ') choices='bash zsh fish' ;;\n");
	put_arms();
	printf("\tesac\n"
	       "\tif [[ $choices != --* || $PREFIX == -* ]]; then\n"
	       "\t\tcompadd -- ${=choices}\n"
	       "\telse\n"
	       "\t\t_files\n"
	       "\tfi\n}\n"
	       "_claviger \"$@\"\n");
}

/* Sentences stand in single quotes; none may hold one. */
static void put_sentence(const char *sentence)
{
	for (const char *at = sentence; *at != '\0'; at++)
		printf(*at == '\'' ? "\\'" : "%c", *at);
}

static void put_fish(void)
{
	printf("# fish completion of claviger: claviger completion fish | source\n"
	       "complete -c claviger -l json -d 'answer for programs'\n"
	       "complete -c claviger -l help -d 'explain'\n");
	for (size_t i = 0, len; cli_command_at(i) != NULL; i++) {
		const struct cli_command *command = cli_command_at(i);
		const char *name = command->name;
		struct cli_probe probe;
		bool single;

		if (first_of(i, &len))
			printf("complete -c claviger -n __fish_use_subcommand -f -a %.*s\n",
			       (int)len, name);
		single = name[len] == '\0';
		if (!single) {
			printf("complete -c claviger -n '__fish_seen_subcommand_from %.*s; and not "
			       "__fish_seen_subcommand_from ",
			       (int)len, name);
			put_second_words(name, len);
			printf("' -f -a %s -d '", name + len + 1);
			put_sentence(command->sentence);
			printf("'\n");
		}
		cli_command_probe(command, &probe);
		for (size_t k = 0; k < probe.count; k++)
			printf("complete -c claviger -n '__fish_seen_subcommand_from %.*s%s%s' -l "
			       "%s%s\n",
			       (int)len, name, single ? "" : "; and __fish_seen_subcommand_from ",
			       single ? "" : name + len + 1, probe.options[k].name + 2,
			       probe.options[k].takes_value ? " -r" : "");
	}
}

static int run_completion(struct cli_call *call)
{
	static const struct {
		const char *name;
		void (*put)(void);
	} shells[] = {
	    {"bash", put_bash},
	    {"zsh",  put_zsh },
	    {"fish", put_fish},
	};

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	for (size_t i = 0; call->count == 1 && i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(call->arguments[0], shells[i].name) == 0) {
			shells[i].put();
			return cli_finish(call, CLI_YES);
		}
	}
	return cli_usage(call, "takes the shell's name: bash, zsh or fish");
}

const struct cli_command cli_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .sentence = "print what a shell needs to complete commands and options",
    .run = run_completion,
    .help = "bash   source <(claviger completion bash), or the same line in ~/.bashrc\n"
            "zsh    claviger completion zsh > \"${fpath[1]}/_claviger\", then start zsh again\n"
            "fish   claviger completion fish > ~/.config/fish/completions/claviger.fish\n",
};
