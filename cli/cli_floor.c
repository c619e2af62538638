/* claviger tpm floor|floor raise: where the floors stand, and one signed step after the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base_encode.h"
#include "cli_authority.h"
#include "cli_commands.h"
#include "cli_json.h"
#include "cli_server.h"
#include "secret.h"

struct floors {
	uint64_t floor[2], running[2]; /* release, site */
};

static bool take_one(const struct cli_json_node *node, uint64_t *ret_floor, uint64_t *ret_running)
{
	return cli_json_u64(cli_json_member(node, "floor"), ret_floor) &&
	       cli_json_u64(cli_json_member(node, "running"), ret_running) && *ret_floor <= 255 &&
	       *ret_running <= 255;
}

static int take_floors(struct cli_server *server, struct floors *ret_floors)
{
	struct cli_json_file file;
	bool good;

	if (cli_server_json(server, &file) != CLI_YES)
		return CLI_UNSURE;
	good = take_one(cli_json_member(file.root, "release"), &ret_floors->floor[0],
	                &ret_floors->running[0]) &&
	       take_one(cli_json_member(file.root, "site"), &ret_floors->floor[1],
	                &ret_floors->running[1]);
	cli_json_close(&file);
	if (good)
		return CLI_YES;
	cli_complain(server->call, "the answer does not say where the floors stand");
	return CLI_UNSURE;
}

static int ask_floors(struct cli_server *server, struct floors *ret_floors)
{
	unsigned status;
	int result =
	    cli_server_http(server, "GET", "/api/v1/floor", NULL, bytes_of(NULL, 0), &status);

	return result == CLI_YES ? take_floors(server, ret_floors) : result;
}

static int run_show(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {CLI_SERVER_OPTIONS(options)};
	struct cli_server server;
	struct floors floors;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_server_connect(&server, call, &options);
	if (result == CLI_YES)
		result = ask_floors(&server, &floors);
	if (result != CLI_YES)
		return result;
	if (call->json)
		cli_answer("%.*s\n", (int)server.body.len, (const char *)server.body.data);
	else
		printf("release floor %u, what runs is approved at level %u\n"
		       "site floor %u, the approval of this firmware is of level %u\n",
		       (unsigned)floors.floor[0], (unsigned)floors.running[0],
		       (unsigned)floors.floor[1], (unsigned)floors.running[1]);
	return cli_finish(call, CLI_YES);
}

struct raise {
	const char *as, *key, *to, *approvals;
	bool dry_run, is_site;
	uint64_t level;
	struct approval_scope scope;
};

static int send_step(struct cli_server *server, const struct raise *options,
                     const struct keys_p256_key *key, uint8_t from, struct floors *ret_floors)
{
	struct approval_step step = {.is_site = options->is_site, .from = from};
	uint8_t raw[APPROVAL_STEP_MAX], policy[32], digest[32];
	struct buffer out = BUFFER_OF_ARRAY(raw);
	char encoded[BASE64_LEN(APPROVAL_STEP_MAX) + 1], body[BASE64_LEN(APPROVAL_STEP_MAX) + 32];
	unsigned status;
	int result;

	memcpy(step.key, key->public, APPROVAL_KEY_LEN);
	approval_step_policy(step.is_site, from, &options->scope, policy);
	approval_digest(step.is_site ? APPROVAL_FLOOR_SITE : APPROVAL_FLOOR_RELEASE, policy,
	                options->scope.genesis, digest);
	if (keys_p256_sign(key, digest, step.signature) != STATUS_OK ||
	    approval_step_put(&step, &out) != STATUS_OK)
		return CLI_UNSURE;
	base64_encode(buffer_bytes(&out), encoded);
	snprintf(body, sizeof(body), "{\"step\":\"%s\"}", encoded);
	result =
	    cli_server_http(server, "POST", "/api/v1/floor", NULL, bytes_of_text(body), &status);
	return result == CLI_YES ? take_floors(server, ret_floors) : result;
}

static int check_options(const struct cli_call *call, struct raise *options)
{
	const char *at = options->to;

	if (options->as == NULL || options->key == NULL || options->to == NULL ||
	    options->approvals == NULL)
		return cli_usage(call, "needs --as, --key, --to and --approvals");
	if (strcmp(options->as, "release") != 0 && strcmp(options->as, "site") != 0)
		return cli_usage(call, "--as takes release or site, not %s", options->as);
	options->is_site = strcmp(options->as, "site") == 0;
	if (!cli_take_number(&at, &options->level) || *at != '\0' || options->level < 1 ||
	    options->level > APPROVAL_LEVEL_MAX)
		return cli_usage(call, "--to takes a level from 1 to %u, not %s",
		                 APPROVAL_LEVEL_MAX, options->to);
	return CLI_YES;
}

/* explain says what it will do; CLI_NO when it would be the end of this machine's starts. */
static int explain(const struct cli_call *call, const struct raise *options,
                   const struct floors *floors)
{
	unsigned now = (unsigned)floors->floor[options->is_site];
	unsigned running = (unsigned)floors->running[options->is_site];

	if (options->level <= now) {
		cli_complain(call, "the %s floor stands at %u already; it never goes back",
		             options->as, now);
		return CLI_NO;
	}
	if (options->level > running) {
		cli_complain(
		    call,
		    "refused: what runs now, or starts by itself, is approved at level %u; with "
		    "a %s floor of %u it would not unseal at the next start. Start what is "
		    "approved at level %u, and have it serve, first",
		    running, options->as, (unsigned)options->level, (unsigned)options->level);
		return CLI_NO;
	}
	printf("The %s floor goes from %u to %u, in steps of one, for ever: approvals of lower "
	       "levels never\nunseal on this TPM again.\n",
	       options->as, now, (unsigned)options->level);
	return CLI_YES;
}

static int show_floor(const struct cli_call *call, const struct raise *options,
                      const struct floors *floors)
{
	if (call->json)
		cli_answer("{\"as\":\"%s\",\"floor\":%u,\"raised\":%s}\n", options->as,
		           (unsigned)floors->floor[options->is_site],
		           options->dry_run ? "false" : "true");
	return cli_finish(call, CLI_YES);
}

static int run_raise(struct cli_call *call)
{
	static struct approval_file file;
	struct raise options = {.as = NULL};
	struct cli_server_options server_options = {.server = NULL};
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(server_options),
	    {"--as",        &options.as,        NULL            },
	    {"--key",       &options.key,       NULL            },
	    {"--to",        &options.to,        NULL            },
	    {"--approvals", &options.approvals, NULL            },
	    {"--dry-run",   NULL,               &options.dry_run},
	};
	struct cli_server server;
	struct keys_p256_key key;
	struct floors floors;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = check_options(call, &options);
	if (result != CLI_YES)
		return result;
	keys_open();
	result = cli_approvals_read(call, options.approvals, &file);
	if (result == CLI_YES)
		result = cli_server_connect(&server, call, &server_options);
	if (result == CLI_YES)
		result = ask_floors(&server, &floors);
	if (result == CLI_YES)
		result = explain(call, &options, &floors);
	if (result != CLI_YES)
		return result;
	if (options.dry_run) {
		printf("Nothing was sent (--dry-run).\n");
		return show_floor(call, &options, &floors);
	}
	result = cli_authority_read(call, options.key, &key);
	options.scope = file.scope;
	while (result == CLI_YES && floors.floor[options.is_site] < options.level)
		result = send_step(&server, &options, &key, (uint8_t)floors.floor[options.is_site],
		                   &floors);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	printf("The %s floor is %u.\n", options.as, (unsigned)floors.floor[options.is_site]);
	return show_floor(call, &options, &floors);
}

const struct cli_command cli_tpm_floor = {
    .name = "tpm floor",
    .arguments = "",
    .sentence = "show the levels below which nothing unseals",
    .run = run_show,
};

const struct cli_command cli_tpm_floor_raise = {
    .name = "tpm floor raise",
    .arguments = "--as release|site --key FILE --to LEVEL --approvals FILE [--dry-run]",
    .sentence = "lock older releases (or site approvals) out, for good",
    .run = run_raise,
    .help =
        "Sends one signed step for each level to the running machine, whose TPM checks it.\n"
        "A step works once, on a TPM whose floor stands where it begins. Refused when what\n"
        "runs now, or starts by itself, would not unseal any more. The owner's password raises "
        "nothing.\n\n"
        "--as site      raise the site floor, with the site root: earlier site approvals, and\n"
        "               the release keys that they name, count no more (after a release key was\n"
        "               replaced)\n"
        "--as release   with a release key to which the site root gave that\n"
        "--approvals    the machine's file of approvals, which says whose floors they are\n"
        "--dry-run      only say what would happen\n",
};
