/* claviger policy unused: what modules and pinned lookup tables no grant names any more, and their
 * places given back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "authz_answer.h"
#include "cli_change.h"
#include "cli_commands.h"
#include "cli_home.h"
#include "secret.h"

#define TRIES_MAX 600 /* a second each: a TPM whose writes are used up has one in ten minutes */

static void pause_s(time_t seconds)
{
	struct timespec rest = {.tv_sec = seconds};

	nanosleep(&rest, NULL);
}

static int ask(struct cli_server *server, const struct keys_sign_key *key,
               enum authz_sweep_ask what, struct authz_sweep_answer *ret_said)
{
	static const uint8_t none[32];
	const uint8_t target[32] = {(uint8_t)what};
	struct bytes answer;
	int result = cli_query(server, key, AUTHZ_QUERY_SWEEP, target, none, &answer);

	if (result == CLI_YES && authz_sweep_answer_take(answer, ret_said) != STATUS_OK)
		result = CLI_UNSURE;
	return result;
}

static int sweep(struct cli_server *server, const struct keys_sign_key *key, bool removes,
                 struct authz_sweep_answer *ret_said)
{
	unsigned tries = 0;
	int result =
	    ask(server, key, removes ? AUTHZ_SWEEP_ASK_REMOVE : AUTHZ_SWEEP_ASK_COUNT, ret_said);

	while (result == CLI_YES && ret_said->step != AUTHZ_SWEEP_DONE) {
		if (ret_said->step == AUTHZ_SWEEP_COMMIT) {
			if (++tries > TRIES_MAX)
				return CLI_UNSURE;
			pause_s(1);
		}
		result = ask(server, key, AUTHZ_SWEEP_ASK_ON, ret_said);
	}
	return result;
}

static int run_unused(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	bool removes = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &key_file, NULL    },
	    {"--remove",   NULL,      &removes},
	};
	struct authz_sweep_answer said = {.step = AUTHZ_SWEEP_NONE};
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || key_file == NULL)
		return cli_usage(call, "needs --operator FILE");
	result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = sweep(&server, &key, removes, &said);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer(
		    "{\"named\":\"%llu\",\"unused\":\"%llu\",\"bytes\":\"%llu\",\"removed\":%s}\n",
		    (unsigned long long)said.kept, (unsigned long long)said.unused,
		    (unsigned long long)said.bytes, removes ? "true" : "false");
	else
		printf("%llu modules and lookup tables are named by grants; %llu others, of %llu "
		       "bytes%s\n",
		       (unsigned long long)said.kept, (unsigned long long)said.unused,
		       (unsigned long long)said.bytes,
		       removes ? ", were removed" : ", are not (--remove gives back their places)");
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_policy_unused = {
    .name = "policy unused",
    .arguments = "--operator FILE [--remove]",
    .sentence =
        "count the kept modules and lookup tables that no grant names any more, or remove them",
    .run = run_unused,
    .help =
        "For operators: the signer looks at every wallet, step by step, while all else goes on. A\n"
        "module or pinned lookup table that a live grant names, or one that waits, is never\n"
        "removed, an expired grant's neither: its user revokes it. Removed ones give back their\n"
        "places to their users and to all; who wants a module again adds it (claviger policy add). "
        "It gives up with \"try again\"\n"
        "when changes are on their way: ask again.\n",
};
