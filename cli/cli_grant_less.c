/* claviger grant revoke|limit: what a grant allows becomes less, or its limits change. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base_encode.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_grant.h"
#include "secret.h"

/* ---- signatures on durable nonces ---- */

static struct authz_nonce nonce_at(const struct authz_outstanding *grant, size_t at)
{
	struct authz_nonce nonce;

	memcpy(&nonce, grant->rows.data + at * sizeof(nonce), sizeof(nonce));
	return nonce;
}

static size_t nonce_count(const struct authz_outstanding *grant)
{
	return grant->rows.len / sizeof(struct authz_nonce);
}

void cli_outstanding_out(struct cli_out *out, const struct authz_outstanding *grants, size_t count)
{
	cli_out_open(out, '[');
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < nonce_count(&grants[i]); j++) {
			struct authz_nonce nonce = nonce_at(&grants[i], j);

			cli_out_open(out, '{');
			cli_out_name(out, "nonce_account");
			cli_out_base58(out, BYTES_OF_ARRAY(nonce.account));
			cli_out_name(out, "nonce");
			cli_out_base58(out, BYTES_OF_ARRAY(nonce.value));
			cli_out_close(out, '}');
		}
	cli_out_close(out, ']');
}

static void show_outstanding(const struct authz_submit_answer *answer)
{
	for (size_t i = 0; i < answer->outstanding_count; i++) {
		const struct authz_outstanding *grant = &answer->outstanding[i];

		if (grant->before == AUTHZ_OUTSTANDING_UNKNOWN)
			puts("what it signed on durable nonces could not be read; ask again with "
			     "`claviger grant list`");
		else if (nonce_count(grant) != 0)
			puts("still good until the nonce account moves on (advance it to end "
			     "them):");
		for (size_t j = 0; j < nonce_count(grant); j++) {
			char account[BASE58_LEN(32) + 1], value[BASE58_LEN(32) + 1];
			struct authz_nonce nonce = nonce_at(grant, j);

			if (base58_encode(BYTES_OF_ARRAY(nonce.account), account,
			                  sizeof(account)) != STATUS_OK ||
			    base58_encode(BYTES_OF_ARRAY(nonce.value), value, sizeof(value)) !=
			        STATUS_OK)
				continue;
			printf("  nonce account %s, nonce %s\n", account, value);
		}
		if (grant->before != 0 && grant->before != AUTHZ_OUTSTANDING_UNKNOWN)
			printf("  and %llu earlier nonces: see the receipts\n",
			       (unsigned long long)grant->before);
	}
}

static void out_revoked(const struct authz_submit_answer *answer)
{
	struct cli_out out = {.file = cli_answer_file()};
	bool known = true;
	uint64_t before = 0;

	for (size_t i = 0; i < answer->outstanding_count; i++) {
		known &= answer->outstanding[i].before != AUTHZ_OUTSTANDING_UNKNOWN;
		before += answer->outstanding[i].before;
	}
	cli_out_open(&out, '{');
	cli_out_name(&out, "revoked");
	cli_out_bool(&out, true);
	cli_out_name(&out, "outstanding");
	if (known)
		cli_outstanding_out(&out, answer->outstanding, answer->outstanding_count);
	else
		cli_out_null(&out);
	cli_out_name(&out, "outstanding_before");
	cli_out_number(&out, known ? before : 0);
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

/* ---- one grant of one wallet ---- */

struct less {
	struct cli_server_options options;
	const char *wallet_name, *key_file, *caps;
	bool yes;
	uint8_t grant[32];
	struct authz_wallet_record wallet;
	struct keys_sign_key key;
	struct cli_second second;
	struct cli_server server;
	struct cli_change change;
	struct authz_submit_answer answer;
	char absent[512];
};

/* Reads what both commands take, and finds the wallet. */
static int begin(struct cli_call *call, struct less *less, uint8_t action)
{
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(less->options), {"--wallet", &less->wallet_name, NULL      },
	    {"--key",    &less->key_file,    NULL      },
             {"--yes",    NULL,               &less->yes},
	    CLI_SECOND_OPTIONS(less->second),  {"--cap",    &less->caps,        NULL      },
	};
	size_t count = sizeof(table) / sizeof(table[0]) - (action == AUTHZ_ACTION_REVOKE);
	struct buffer id = BUFFER_OF_ARRAY(less->grant);
	int result;

	if (!cli_take_options(call, table, count))
		return CLI_USAGE;
	if (call->count != 1 || less->wallet_name == NULL || less->key_file == NULL ||
	    hex_decode(bytes_of_text(call->arguments[0]), &id) != STATUS_OK || id.len != 32)
		return cli_usage(call, "needs a grant's id, --wallet and --key");
	if (action == AUTHZ_ACTION_LIMIT && less->caps == NULL)
		return cli_usage(call, "needs --cap UNIT:WINDOW:CAP");
	result = cli_server_open(&less->server, call, &less->options);
	if (result == CLI_YES)
		result = cli_key_read(call, less->key_file, &less->key);
	if (result == CLI_YES)
		result =
		    cli_wallet_find(&less->server, &less->key, less->wallet_name, &less->wallet);
	snprintf(less->absent, sizeof(less->absent),
	         "wallet %s has no grant %s (claviger grant list shows those that it has)",
	         less->wallet_name, call->arguments[0]);
	less->server.absent = less->absent;
	if (result == CLI_YES)
		result = cli_second_take(call, &less->second);
	if (result == CLI_YES)
		result = cli_second_for(call, &less->second, &less->wallet);
	if (result == CLI_YES)
		result = cli_change_begin(&less->change, &less->server, action, &less->key);
	less->change.second = &less->second;
	return result;
}

static int finish(struct cli_call *call, struct less *less, bool raises, struct bytes body)
{
	int result;

	less->change.yes = less->yes || !raises; /* less power needs no second thought */
	less->change.quiet = call->json;
	result = cli_change_add(&less->change, less->wallet.id,
	                        raises ? less->wallet.authority : NULL, body);
	if (result == CLI_YES)
		result = cli_change_run(&less->change, NULL, NULL, &less->answer);
	SECRET_WIPE(less->key);
	SECRET_WIPE(less->second.key);
	return result;
}

static int run_revoke(struct cli_call *call)
{
	static struct less less;
	uint8_t space[64];
	struct buffer body = BUFFER_OF_ARRAY(space);
	int result = begin(call, &less, AUTHZ_ACTION_REVOKE);

	if (result != CLI_YES)
		return result;
	if (authz_id_put(less.grant, &body) != STATUS_OK)
		return CLI_UNSURE;
	result = finish(call, &less, false, buffer_bytes(&body));
	if (result != CLI_YES)
		return result;
	if (call->json) {
		out_revoked(&less.answer);
	} else {
		puts("revoked");
		show_outstanding(&less.answer);
	}
	return cli_finish(call, CLI_YES);
}

/* ---- limits ---- */

struct limits {
	const struct authz_grant_record *grant;
	struct authz_limit_body body;
	bool raises;
	char wrong[256]; /* the word that fits no counter */
};

/* Finds the counter that a word means, and puts its new cap in its place: ids ascend. */
static bool take_limit(void *context, const char *word)
{
	struct limits *limits = (struct limits *)context;
	struct authz_counter_rule rule = {0};
	size_t at = 0, place = limits->body.count;

	snprintf(limits->wrong, sizeof(limits->wrong), "%s", word);
	if (!cli_cap_take(word, &rule) || limits->body.count == LIMIT_COUNTERS_MAX)
		return false;
	for (; at < limits->grant->counter_count; at++) {
		const struct authz_counter_rule *known = &limits->grant->counters[at];

		if (known->unit == rule.unit && known->window == rule.window &&
		    memcmp(known->mint, rule.mint, sizeof(rule.mint)) == 0)
			break;
	}
	if (at == limits->grant->counter_count)
		return false;
	limits->raises |= rule.cap > limits->grant->counters[at].cap;
	rule.id = limits->grant->counters[at].id;
	for (size_t i = 0; i < limits->body.count; i++)
		if (limits->body.caps[i].id == rule.id)
			return false;
	for (; place > 0 && limits->body.caps[place - 1].id > rule.id; place--)
		limits->body.caps[place] = limits->body.caps[place - 1];
	limits->body.caps[place].id = rule.id;
	limits->body.caps[place].cap = rule.cap;
	limits->body.count++;
	return true;
}

static int run_limit(struct cli_call *call)
{
	static struct less less;
	static struct authz_grant_answer grant;
	static struct limits limits;
	uint8_t space[1024];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct bytes answer;
	int result = begin(call, &less, AUTHZ_ACTION_LIMIT);

	if (result == CLI_YES)
		result = cli_query(&less.server, &less.key, AUTHZ_QUERY_GRANT, less.grant,
		                   less.wallet.id, &answer);
	if (result != CLI_YES)
		return result;
	if (authz_grant_answer_take(answer, &grant) != STATUS_OK)
		return CLI_UNSURE;
	limits.grant = &grant.grant;
	memcpy(limits.body.grant, less.grant, 32);
	if (!cli_each_word(less.caps, take_limit, &limits))
		return cli_usage(call,
		                 "--cap %s: not UNIT:WINDOW:CAP of a counter of this grant, each "
		                 "once; `claviger grant list` shows them",
		                 limits.wrong);
	if (authz_limit_put(&limits.body, &body) != STATUS_OK)
		return CLI_UNSURE;
	result = finish(call, &less, limits.raises, buffer_bytes(&body));
	if (result != CLI_YES || less.change.waits)
		return result;
	cli_answer(call->json ? "{\"changed\":%zu}\n" : "%zu limits changed\n", limits.body.count);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_grant_revoke = {
    .name = "grant revoke",
    .arguments = "GRANT --wallet W --key USER.json",
    .sentence = "end a grant at once",
    .run = run_revoke,
    .help =
        "One user key is enough (--second, --code and --yes are taken, and not needed). Lists "
        "what\n"
        "the grant signed on durable nonces: such signatures do not expire and can be used until\n"
        "the nonce account moves on.\n",
};

const struct cli_command cli_grant_limit = {
    .name = "grant limit",
    .arguments =
        "GRANT --wallet W --key USER.json --cap UNIT:WINDOW:CAP[,...] " CLI_SECOND_ARGUMENTS
        " [--yes]",
    .sentence = "change the limits of a grant",
    .run = run_limit,
    .help =
        "Names counters of the grant by unit and window, as `grant create` takes them and\n"
        "`grant list` shows them, with their new caps. Lower ones are in force at once; a higher\n"
        "one is shown and asked for like a grant. What was spent stays spent.\n\n" CLI_SECOND_HELP,
};
