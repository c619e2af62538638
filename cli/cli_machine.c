/* claviger machine restart|off: an operator's word to the appliance, which has no shell. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "authz_statement.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_server.h"

static int order(struct cli_call *call, enum authz_command_action action)
{
	static const uint8_t nobody[32];
	struct cli_server_options options = {.server = NULL};
	const char *operator_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &operator_file, NULL},
	};
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (operator_file == NULL || call->count != 0)
		return cli_usage(call, "needs --operator FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_operator_command(&server, operator_file, (uint8_t)action, nobody);
	if (result != CLI_YES)
		return result;
	printf(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

static int run_restart(struct cli_call *call)
{
	return order(call, AUTHZ_COMMAND_RESTART);
}

static int run_off(struct cli_call *call)
{
	return order(call, AUTHZ_COMMAND_OFF);
}

const struct cli_command cli_machine_restart = {
    .name = "machine restart",
    .arguments = "--operator FILE",
    .sentence = "as operator, restart the appliance, in order",
    .run = run_restart,
    .help = "All that is open is finished or refused, everything is written, memory that is given "
            "back\n"
            "is zeroed, and the machine starts anew: an unattended one serves again by itself.\n",
};

const struct cli_command cli_machine_off = {
    .name = "machine off",
    .arguments = "--operator FILE",
    .sentence = "as operator, switch the appliance off, in order",
    .run = run_off,
};
