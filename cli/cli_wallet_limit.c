/* claviger wallet limit: what all grants of a wallet may spend together. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "authz_rule.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_grant.h"
#include "cli_wallet.h"
#include "secret.h"

struct limits {
	struct authz_limit_body body; /* those of the wallet, as they will be */
	size_t said;
	struct authz_counter_rule seen[LIMIT_WALLET_LIMITS_MAX]; /* words so far */
	char wrong[256];                                         /* the word that is none */
};

static void drop(struct authz_limit_body *body, size_t at)
{
	body->limit_count--;
	memmove(&body->limits[at], &body->limits[at + 1],
	        (body->limit_count - at) * sizeof(body->limits[0]));
	memset(&body->limits[body->limit_count], 0, sizeof(body->limits[0]));
}

/* A new limit gets the lowest number that is free; numbers ascend. */
static void add(struct authz_limit_body *body, const struct authz_counter_rule *rule)
{
	uint8_t id = 1;
	size_t at = 0;

	for (; at < body->limit_count && body->limits[at].id <= id; at++)
		id = (uint8_t)(id + (body->limits[at].id == id));
	memmove(&body->limits[at + 1], &body->limits[at],
	        (body->limit_count - at) * sizeof(body->limits[0]));
	body->limits[at] = *rule;
	body->limits[at].id = id;
	body->limit_count++;
}

/* UNIT:WINDOW:CAP, or UNIT:WINDOW:none. */
static bool take_limit(void *context, const char *word)
{
	struct limits *limits = (struct limits *)context;
	struct authz_limit_body *body = &limits->body;
	struct authz_counter_rule rule = {0};
	size_t len = strlen(word), at;
	bool none = len > 5 && strcmp(word + len - 5, ":none") == 0;
	char text[256];

	snprintf(limits->wrong, sizeof(limits->wrong), "%s", word);
	snprintf(text, sizeof(text), "%.*s%s", (int)(none ? len - 4 : len), word, none ? "1" : "");
	if (!cli_cap_take(text, &rule) || limits->said == LIMIT_WALLET_LIMITS_MAX ||
	    authz_counter_find(limits->seen, limits->said, &rule) != limits->said)
		return false;
	limits->seen[limits->said++] = rule;
	at = authz_counter_find(body->limits, body->limit_count, &rule);
	if (none && at == body->limit_count)
		return false;
	if (none)
		drop(body, at);
	else if (at != body->limit_count)
		body->limits[at].cap = rule.cap;
	else if (body->limit_count == LIMIT_WALLET_LIMITS_MAX)
		return false;
	else
		add(body, &rule);
	return true;
}

int cli_limits_take(const struct cli_call *call, const char *words,
                    struct authz_counter_rule ret_limits[LIMIT_WALLET_LIMITS_MAX],
                    size_t *ret_count)
{
	struct limits limits = {.said = 0};

	if (words != NULL && !cli_each_word(words, take_limit, &limits))
		return cli_usage(call,
		                 "--limit %s: not UNIT:WINDOW:CAP, each once and %d of them at "
		                 "most, with UNIT lamports, uses or mint=ADDRESS, WINDOW total, 1h "
		                 "or 24h",
		                 limits.wrong, LIMIT_WALLET_LIMITS_MAX);
	memcpy(ret_limits, limits.body.limits, sizeof(limits.body.limits));
	*ret_count = limits.body.limit_count;
	return CLI_YES;
}

struct command {
	struct cli_server_options options;
	const char *key_file, *caps;
	bool yes;
	struct cli_second second;
	struct cli_server server;
	struct keys_sign_key key;
	struct authz_wallet_record wallet;
	struct limits limits;
	struct cli_change change;
};

/* Shows what the limits become, has it signed, and sends it. */
static int submit(struct cli_call *call, struct command *command)
{
	const struct authz_wallet_record *wallet = &command->wallet;
	bool more = authz_limits_grow(wallet->limits, wallet->limit_count, &command->limits.body);
	struct authz_submit_answer answer;
	uint8_t space[1024];
	struct buffer body = BUFFER_OF_ARRAY(space);
	int result;

	if (authz_limit_put(&command->limits.body, &body) != STATUS_OK)
		return CLI_UNSURE;
	result =
	    cli_change_begin(&command->change, &command->server, AUTHZ_ACTION_LIMIT, &command->key);
	command->change.second = &command->second;
	command->change.yes = command->yes || !more; /* less power needs no second thought */
	command->change.quiet = call->json;
	if (result == CLI_YES)
		result = cli_change_add(&command->change, wallet->id,
		                        more ? wallet->authority : NULL, buffer_bytes(&body));
	return result == CLI_YES ? cli_change_run(&command->change, NULL, NULL, &answer) : result;
}

static int run_limit(struct cli_call *call)
{
	static struct command command;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(command.options), {"--key", &command.key_file, NULL        },
	    {"--cap", &command.caps,     NULL        },
             {"--yes", NULL,              &command.yes},
	    CLI_SECOND_OPTIONS(command.second),
	};
	struct authz_wallet_record *wallet = &command.wallet;
	struct authz_limit_body *body = &command.limits.body;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || command.key_file == NULL || command.caps == NULL)
		return cli_usage(call, "needs a wallet, --key and --cap UNIT:WINDOW:CAP");
	result = cli_server_open(&command.server, call, &command.options);
	if (result == CLI_YES)
		result = cli_key_read(call, command.key_file, &command.key);
	if (result == CLI_YES)
		result = cli_wallet_find(&command.server, &command.key, call->arguments[0], wallet);
	if (result == CLI_YES)
		result = cli_second_take(call, &command.second);
	if (result == CLI_YES)
		result = cli_second_for(call, &command.second, wallet);
	if (result != CLI_YES)
		return result;
	*body = (struct authz_limit_body){.of_wallet = true, .limit_count = wallet->limit_count};
	memcpy(body->limits, wallet->limits, sizeof(body->limits));
	if (!cli_each_word(command.caps, take_limit, &command.limits))
		return cli_usage(call,
		                 "--cap %s: not UNIT:WINDOW:CAP, or UNIT:WINDOW:none of a limit "
		                 "that the wallet has, each once and %d of them at most",
		                 command.limits.wrong, LIMIT_WALLET_LIMITS_MAX);
	result = submit(call, &command);
	SECRET_WIPE(command.key);
	SECRET_WIPE(command.second.key);
	if (result != CLI_YES || command.change.waits)
		return result;
	cli_answer(call->json ? "{\"limits\":%zu}\n" : "the wallet's limits are set: %zu\n",
	           body->limit_count);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_wallet_limit = {
    .name = "wallet limit",
    .arguments =
        "WALLET --key USER.json --cap UNIT:WINDOW:CAP[,...] " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "limit what all grants of a wallet spend together",
    .run = run_limit,
    .help =
        "UNIT is lamports (fees, tips and wrapped SOL are counted in), mint=ADDRESS in raw units,\n"
        "or uses; WINDOW is total, 1h or 24h, rolling. Limits that are not named stay as they "
        "are;\n"
        "UNIT:WINDOW:none takes one away. A limit that comes or falls is in force at once; one "
        "that\n"
        "rises or goes is shown and asked for like a grant. What was spent stays spent.\n\n"
        "Limits of a wallet hold beside those of each grant, and are counted together with them. "
        "A\n"
        "policy of your own code says itself what it spends: they hold as far as it is honest.\n"
        "With a limit of an hour or a day nothing is signed on durable nonces.\n\n"
        "  claviger wallet limit main --key me.json --cap "
        "lamports:24h:5000000000\n\n" CLI_SECOND_HELP,
};
