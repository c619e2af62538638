/* claviger client list: the clients whose root keys are in the home folder; for an operator, all
 * that the signer knows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authz_answer.h"
#include "base_encode.h"
#include "cli_change.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_time.h"
#include "secret.h"

/* ---- of the home folder ---- */

struct local {
	char name[LIMIT_NAME_MAX + 1];
	uint8_t id[32];
};

struct locals {
	size_t count;
	struct local *rows;
};

/* Reads which clients have a root key in `home`; a key that cannot be read was complained about. */
static int read_locals(const struct cli_call *call, const char *home, struct locals *ret_locals)
{
	struct cli_server server = {.call = call};
	char folder[CLI_PATH_MAX + 16];
	struct dirent *entry;
	DIR *clients;

	*ret_locals = (struct locals){.count = 0};
	snprintf(server.home, sizeof(server.home), "%s", home);
	snprintf(folder, sizeof(folder), "%s/clients", home);
	clients = opendir(folder);
	while (clients != NULL && (entry = readdir(clients)) != NULL) {
		size_t len = strlen(entry->d_name);
		struct local *rows;

		if (len < 6 || len - 5 > LIMIT_NAME_MAX ||
		    strcmp(entry->d_name + len - 5, ".json") != 0)
			continue;
		rows = realloc(ret_locals->rows, (ret_locals->count + 1) * sizeof(*rows));
		if (rows == NULL) {
			closedir(clients);
			return CLI_UNSURE;
		}
		ret_locals->rows = rows;
		rows += ret_locals->count;
		snprintf(rows->name, sizeof(rows->name), "%.*s", (int)(len - 5), entry->d_name);
		ret_locals->count += cli_client_id(&server, rows->name, rows->id) == CLI_YES;
	}
	if (clients != NULL)
		closedir(clients);
	return CLI_YES;
}

static int list_locals(struct cli_call *call, const char *home)
{
	struct locals locals;
	int result = read_locals(call, home, &locals);

	for (size_t i = 0; i < locals.count && result == CLI_YES; i++) {
		char id[HEX_LEN(32) + 1];

		hex_encode(BYTES_OF_ARRAY(locals.rows[i].id), id);
		cli_answer(call->json ? "{\"name\":\"%s\",\"client\":\"%s\"}\n" : "%-20s %s\n",
		           locals.rows[i].name, id);
	}
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* ---- of the signer ---- */

static const char *const freezers[AUTHZ_FREEZER_COUNT] = {
    [AUTHZ_FROZEN_BY_OPERATOR] = "operator", [AUTHZ_FROZEN_BY_CEILING] = "ceiling"};

/* What is kept from page to page. */
struct walk {
	struct cli_server server;
	struct keys_sign_key key;
	struct locals locals;
	struct cli_out out;
	struct authz_clients_answer page;
	uint64_t seen, first_total;
};

/* The name that this machine has for a client: the signer knows none. */
static const char *name_of(const struct walk *walk, const uint8_t id[32])
{
	for (size_t i = 0; i < walk->locals.count; i++)
		if (memcmp(walk->locals.rows[i].id, id, 32) == 0)
			return walk->locals.rows[i].name;
	return NULL;
}

static void show_json(struct walk *walk, const uint8_t id[32],
                      const struct authz_client_record *client)
{
	struct cli_out *out = &walk->out;
	const char *name = name_of(walk, id);

	cli_out_open(out, '{');
	cli_out_name(out, "client");
	cli_out_hex(out, bytes_of(id, 32));
	if (name != NULL) {
		cli_out_name(out, "name");
		cli_out_text(out, bytes_of_text(name));
	}
	cli_out_name(out, "damaged");
	cli_out_bool(out, client == NULL);
	if (client != NULL) {
		cli_out_name(out, "root_key");
		cli_out_base58(out, BYTES_OF_ARRAY(client->root_key));
		cli_out_name(out, "serial");
		cli_out_decimal(out, client->serial);
		cli_out_name(out, "frozen");
		cli_out_bool(out, client->frozen);
		cli_out_name(out, "frozen_by");
		if (freezers[client->frozen_by] != NULL)
			cli_out_text(out, bytes_of_text(freezers[client->frozen_by]));
		else
			cli_out_null(out);
		cli_out_name(out, "expires");
		if (client->expires_s != 0)
			cli_out_decimal(out, client->expires_s);
		else
			cli_out_null(out);
	}
	cli_out_close(out, '}');
}

static void show_text(const struct walk *walk, const uint8_t id[32],
                      const struct authz_client_record *client)
{
	static const char *const by[AUTHZ_FREEZER_COUNT] = {
	    "", [AUTHZ_FROZEN_BY_OPERATOR] = " by an operator",
	    [AUTHZ_FROZEN_BY_CEILING] = " by a ceiling"};
	const char *name = name_of(walk, id);
	char text[HEX_LEN(32) + 1], expires[CLI_TIME_TEXT_MAX];

	hex_encode(bytes_of(id, 32), text);
	printf("%-20s %s", name != NULL ? name : "-", text);
	if (client == NULL) {
		printf("  damaged: its record fails its check; restore the store from a backup");
	} else {
		if (client->frozen)
			printf("  frozen%s", by[client->frozen_by]);
		if (client->expires_s != 0) {
			cli_time_text(client->expires_s, expires);
			printf("  %s %s",
			       client->expires_s <= (uint64_t)time(NULL) ? "expired" : "expires",
			       expires);
		}
	}
	putchar('\n');
}

static void show(struct walk *walk, const uint8_t id[32], const struct authz_client_record *client)
{
	if (walk->server.call->json)
		show_json(walk, id, client);
	else
		show_text(walk, id, client);
	walk->seen++;
}

/* Both lists of a page ascend: so does what is shown. */
static void show_page(struct walk *walk)
{
	const struct authz_clients_answer *page = &walk->page;
	size_t client = 0, damaged = 0;

	while (client < page->count || damaged < page->damaged_count)
		if (damaged == page->damaged_count ||
		    (client < page->count &&
		     memcmp(page->clients[client].id, page->damaged[damaged], 32) < 0)) {
			show(walk, page->clients[client].id, &page->clients[client]);
			client++;
		} else {
			show(walk, page->damaged[damaged++], NULL);
		}
}

static int ask_page(struct walk *walk, const uint8_t after[32])
{
	static const uint8_t none[32];
	struct bytes answer;
	int result =
	    cli_query(&walk->server, &walk->key, AUTHZ_QUERY_CLIENTS, none, after, &answer);

	if (result == CLI_YES && (authz_clients_answer_take(answer, &walk->page) != STATUS_OK ||
	                          (walk->page.more && memcmp(after, walk->page.after, 32) >= 0))) {
		cli_complain(walk->server.call, "the answer is no page of clients");
		result = CLI_UNSURE;
	}
	return result;
}

static void show_end(struct walk *walk, bool whole)
{
	static const char *const names[3] = {"signatures_second", "wallets_minute",
	                                     "lamports_hour"};
	static const char *const words[3] = {"signatures a second", "wallets a minute",
	                                     "lamports an hour"};
	const struct authz_clients_answer *page = &walk->page;
	struct cli_out *out = &walk->out;

	if (!walk->server.call->json) {
		printf("%llu registered%s\n", (unsigned long long)page->total,
		       page->frozen ? "; all are frozen (client unfreeze --all)" : "");
		for (size_t i = 0; i < 3; i++)
			if (page->most[i] != 0)
				printf("ceiling of each: %llu %s\n",
				       (unsigned long long)page->most[i], words[i]);
		return;
	}
	cli_out_close(out, ']');
	cli_out_name(out, "whole");
	cli_out_bool(out, whole);
	cli_out_name(out, "registered");
	cli_out_number(out, page->total);
	cli_out_name(out, "all_frozen");
	cli_out_bool(out, page->frozen);
	cli_out_name(out, "ceilings");
	cli_out_open(out, '{');
	for (size_t i = 0; i < 3; i++) {
		cli_out_name(out, names[i]);
		if (page->most[i] != 0)
			cli_out_decimal(out, page->most[i]);
		else
			cli_out_null(out);
	}
	cli_out_close(out, '}');
	cli_out_close(out, '}');
	cli_out_line(out);
}

/* What the signer's disk lists is compared with what the signer counted. */
static int judge(const struct walk *walk)
{
	if (walk->seen == walk->page.total)
		return CLI_YES;
	if (walk->first_total != walk->page.total)
		cli_complain(walk->server.call,
		             "clients were registered meanwhile; list them again");
	else
		cli_complain(walk->server.call,
		             "%llu are listed, but the signer counted %llu: its store leaves some "
		             "out, or one is being registered; list them again",
		             (unsigned long long)walk->seen, (unsigned long long)walk->page.total);
	return CLI_UNSURE;
}

static int walk_pages(struct walk *walk)
{
	uint8_t after[32] = {0};
	int result = ask_page(walk, after);

	if (result != CLI_YES)
		return result;
	walk->first_total = walk->page.total;
	if (walk->server.call->json) {
		cli_out_open(&walk->out, '{');
		cli_out_name(&walk->out, "clients");
		cli_out_open(&walk->out, '[');
	}
	show_page(walk);
	while (result == CLI_YES && walk->page.more) {
		memcpy(after, walk->page.after, 32);
		result = ask_page(walk, after);
		if (result == CLI_YES)
			show_page(walk);
	}
	if (result == CLI_YES)
		result = judge(walk);
	show_end(walk, result == CLI_YES);
	return result;
}

static int list_all(struct cli_call *call, const struct cli_server_options *options,
                    const char *operator_file)
{
	static struct walk walk;
	int result = cli_key_read(call, operator_file, &walk.key);

	walk.out.file = cli_answer_file();
	if (result == CLI_YES)
		result = cli_server_open(&walk.server, call, options);
	if (result == CLI_YES)
		result = read_locals(call, walk.server.home, &walk.locals);
	if (result == CLI_YES)
		result = walk_pages(&walk);
	SECRET_WIPE(walk.key);
	return cli_finish(call, result);
}

static int run_list(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *operator_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--operator", &operator_file, NULL}
        };
	char home[CLI_PATH_MAX];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no name");
	if (operator_file != NULL)
		return list_all(call, &options, operator_file);
	result = cli_home_open(call, options.home, home);
	if (result != CLI_YES)
		return result;
	keys_open();
	return list_locals(call, home);
}

const struct cli_command cli_client_list = {
    .name = "client list",
    .arguments = "[--operator FILE]",
    .sentence = "list the clients of the home folder; with an operator's key, all of the signer's",
    .run = run_list,
    .help = "With --operator the signer is asked for every client that is registered: its id, the\n"
            "name if its root key is in the home folder (the signer knows no names), whether it\n"
            "is frozen and by whom (an operator, or the signer when it passed a ceiling), when\n"
            "its credential expires, and the site's ceilings. Never a token. What the store\n"
            "lists is compared with what the signer counted; 3: some are missing.\n"
            "Without it: whose root keys are in the home folder; with --json as JSON lines.\n",
};
