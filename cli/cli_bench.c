/* claviger bench: the figures, from a source tree's bench/bench.py. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_commands.h"
#include "cli_home.h"

#define SCRIPT "/../../bench/bench.py" /* seen from build/bin */

static int run_bench(struct cli_call *call)
{
	char path[CLI_PATH_MAX], rounds[] = "--rounds", json[] = "--json";
	const char *count = NULL;
	char count_space[16];
	const struct cli_option options[] = {
	    {"--rounds", &count, NULL},
	};
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof(SCRIPT) - 1);
	char *arguments[5] = {path};
	int count_at = 1;

	if (!cli_take_options(call, options, 1))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	if (len <= 0)
		return CLI_UNSURE;
	path[len] = '\0';
	memcpy(strrchr(path, '/'), SCRIPT, sizeof(SCRIPT));
	if (call->json) {
		arguments[count_at++] = json;
		dup2(fileno(cli_answer_file()), STDOUT_FILENO);
	}
	if (count != NULL) {
		snprintf(count_space, sizeof(count_space), "%s", count);
		arguments[count_at++] = rounds;
		arguments[count_at] = count_space;
	}
	execv(path, arguments);
	cli_complain(call, "%s is not there: run it from a source tree, after `make bench`", path);
	return CLI_UNSURE;
}

const struct cli_command cli_bench = {
    .name = "bench",
    .arguments = "[--rounds N]",
    .sentence = "measure signatures per core, latency and checks on this machine",
    .run = run_bench,
    .help = "Starts a signer of its own in a temporary folder. A table, then one line of JSON;\n"
            "with --json the table goes to standard error.\n"
            "Needs a source tree in which `make bench` has run once.\n",
};
