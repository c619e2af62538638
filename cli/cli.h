/* cli: what every subcommand of `claviger` shares: the table's row, the call, the exit status.
 *
 * One file per subcommand, `cli_NAME.c`, which defines its row; cli_commands.def names it.
 * Results go to standard output, complaints to standard error. The CLI may allocate; what it does
 * not free, the end of the process frees. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Exit status, the same for every subcommand. */
#define CLI_YES    0 /* done, allowed, verified */
#define CLI_NO     1 /* a clear no: denied, unverified, a refused line */
#define CLI_USAGE  2 /* the command line is wrong */
#define CLI_UNSURE 3 /* could not: a file (one in the way, too), a server, memory */

#define CLI_OPTIONS_MAX 32

/* What a subcommand's own table of options says; help and completion are made from it. */
struct cli_probe {
	struct {
		const char *name;
		bool takes_value;
	} options[CLI_OPTIONS_MAX];
	size_t count;
};

struct cli_call {
	const struct cli_command *command;
	char **arguments; /* what follows the command's words; cli_take_options leaves the rest */
	int count;
	bool json; /* --json was given, anywhere: standard output is JSON for programs */
	struct cli_probe *probe; /* not NULL: only cli_take_options' table is asked for */
};

struct cli_command {
	const char *name;                  /* its words: "tx decode" */
	const char *arguments;             /* for the usage line: "[--tables FILE] [FILE]" */
	const char *sentence;              /* what it does, for the list */
	int (*run)(struct cli_call *call); /* returns an exit status */
	const char *help;                  /* whole paragraphs for --help, or NULL */
};

/* One option a subcommand takes: with `value` the next word is stored, with `flag` it is set. */
struct cli_option {
	const char *name; /* "--tables" */
	const char **value;
	bool *flag;
};

/* cli_take_options stores the options (`--name value`, `--name=value`, anywhere before `--`) and
 * leaves the other words in call->arguments. False: it has said what is wrong, or the call is a
 * probe; return CLI_USAGE. A subcommand does nothing before it has called this. */
bool cli_take_options(struct cli_call *call, const struct cli_option *options, size_t count);

/* cli_take_number takes the decimal digits that *text begins with and moves it behind them; false
 * without a digit (a sign and spaces are none) and above 2^64 - 1. */
bool cli_take_number(const char **text, uint64_t *ret_number);

/* cli_complain writes "claviger WORDS: text" and a line end to standard error. */
void cli_complain(const struct cli_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* cli_usage complains, shows the usage line and returns CLI_USAGE. */
int cli_usage(const struct cli_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* cli_begin settles where this process's output goes; descriptors 0 to 2 are taken after it.
 * Without --json: both kinds to standard output. With it that has JSON alone, an answer's, and what
 * is printed for people (printf) goes to standard error, whichever command prints it and wherever:
 * so no command can spoil what a program reads. Called once, before the command runs. */
void cli_begin(bool json);

/* cli_answer_file is standard output itself, for cli_out; cli_answer prints on it. With --json what
 * they write is one JSON value and a line end, or a line for each where the help says so. */
FILE *cli_answer_file(void);
void cli_answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cli_answer_texts writes, with --json only, one object of texts, which may come from anywhere:
 * names and values in turn up to a NULL. */
void cli_answer_texts(const struct cli_call *call, ...) __attribute__((sentinel));

/* cli_finish returns `result`, or CLI_UNSURE when standard output could not be written. */
int cli_finish(const struct cli_call *call, int result);

#endif
