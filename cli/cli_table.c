/* claviger table fetch|add: contents of address lookup tables, for pins that a user signs.
 *
 * A pin is only as good as what was read: `fetch` asks at least two sources, at finalized
 * commitment, and takes what they agree on. Entries are only ever appended to a table, so the
 * shorter of two answers must be the beginning of the longer one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_grant.h"
#include "cli_json.h"
#include "cli_tables.h"
#include "http_client.h"

#define SOURCES_MIN 2
#define SOURCES_MAX 8
#define ANSWER_MAX  (64u << 10)
#define SYSTEM_CA   "/etc/ssl/certs/ca-certificates.crt"
#define TABLES_MAX  64

/* AddressLookupTab1e1111111111111111111111111: layout of its accounts in solana-address-lookup-
 * table-interface: u32 kind 1, u64 slot of deactivation (the largest: active), ..., entries. */
static const char table_program[] = "AddressLookupTab1e1111111111111111111111111";
#define TABLE_KIND       1
#define TABLE_META_BYTES 56
#define TABLE_ACTIVE     UINT64_MAX

struct source {
	char host[256], port[16];
	const char *path; /* with a key in it, perhaps: never shown */
	struct http_client *client;
};

struct contents {
	uint8_t entries[AUTHZ_TABLE_ENTRIES_MAX][32];
	size_t count;
};

struct fetch {
	struct cli_call *call;
	struct source sources[SOURCES_MAX];
	size_t source_count;
	uint8_t tables[TABLES_MAX][32];
	struct contents found[TABLES_MAX];
	size_t table_count;
};

/* ---- one question to one source ---- */

/* Takes the account's owner and data out of an answer. */
static bool take_account(const struct cli_json_node *root, struct bytes *ret_owner,
                         struct buffer *ret_data)
{
	const struct cli_json_node *value =
	    cli_json_member(cli_json_member(root, "result"), "value");
	const struct cli_json_node *data = cli_json_member(value, "data");
	struct bytes text, encoding;

	return cli_json_text(cli_json_member(value, "owner"), ret_owner) &&
	       cli_json_text(cli_json_item(data, 0), &text) &&
	       cli_json_text(cli_json_item(data, 1), &encoding) &&
	       bytes_equal(encoding, bytes_of_text("base64")) &&
	       base64_decode(text, ret_data) == STATUS_OK;
}

static int refuse(struct fetch *fetch, const struct source *source, const char *table,
                  const char *why)
{
	cli_complain(fetch->call, "%s, asked at %s: %s", table, source->host, why);
	return CLI_NO;
}

static int take_table(struct fetch *fetch, const struct source *source, const char *table,
                      struct bytes body, struct contents *ret_contents)
{
	static uint8_t space[TABLE_META_BYTES + sizeof(ret_contents->entries) + 32];
	struct buffer data = BUFFER_OF_ARRAY(space);
	struct cli_json_file file;
	struct bytes owner;
	char message[256];
	bool good, right;

	if (cli_json_parse(body, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(fetch->call, "%s: the answer is no JSON: %s", source->host, message);
		return CLI_UNSURE;
	}
	good = take_account(file.root, &owner, &data);
	right = good && bytes_equal(owner, bytes_of_text(table_program));
	cli_json_close(&file);
	if (!good)
		return refuse(fetch, source, table, "no such account, or the source refuses");
	if (!right || data.len < TABLE_META_BYTES || (data.len - TABLE_META_BYTES) % 32 != 0 ||
	    load_le32(data.data) != TABLE_KIND)
		return refuse(fetch, source, table, "not an address lookup table");
	if (load_le64(data.data + 4) != TABLE_ACTIVE)
		return refuse(fetch, source, table,
		              "it is being deactivated; whoever closes it may not be asked");
	ret_contents->count = (data.len - TABLE_META_BYTES) / 32;
	if (ret_contents->count == 0 || ret_contents->count > AUTHZ_TABLE_ENTRIES_MAX)
		return refuse(fetch, source, table, "it has no entries, or too many");
	memcpy(ret_contents->entries, data.data + TABLE_META_BYTES, ret_contents->count * 32);
	return CLI_YES;
}

static int ask(struct fetch *fetch, const struct source *source, const char *table,
               struct contents *ret_contents)
{
	static uint8_t space[ANSWER_MAX];
	struct buffer answer = BUFFER_OF_ARRAY(space);
	char body[256], error[HTTP_CLIENT_ERROR_MAX];
	struct http_call call = {.method = "POST",
	                         .path = source->path[0] != '\0' ? source->path : "/"};
	unsigned status;

	snprintf(body, sizeof(body),
	         "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getAccountInfo\",\"params\":[\"%s\","
	         "{\"commitment\":\"finalized\",\"encoding\":\"base64\"}]}",
	         table);
	call.body = bytes_of_text(body);
	if (http_client_call(source->client, &call, &status, &answer, error) != STATUS_OK) {
		cli_complain(fetch->call, "%s: %s", source->host, error);
		return CLI_UNSURE;
	}
	if (status != 200) {
		cli_complain(fetch->call, "%s answers with status %u", source->host, status);
		return CLI_UNSURE;
	}
	return take_table(fetch, source, table, buffer_bytes(&answer), ret_contents);
}

/* What all sources agree on; a difference is a clear no. */
static int fetch_table(struct fetch *fetch, size_t at)
{
	static struct contents other;
	struct contents *found = &fetch->found[at];
	char table[BASE58_LEN(32) + 1];

	if (base58_encode(BYTES_OF_ARRAY(fetch->tables[at]), table, sizeof(table)) != STATUS_OK)
		return CLI_UNSURE;
	for (size_t i = 0; i < fetch->source_count; i++) {
		struct contents *here = i == 0 ? found : &other;
		int result = ask(fetch, &fetch->sources[i], table, here);

		if (result != CLI_YES)
			return result;
		if (here->count < found->count)
			found->count = here->count;
		for (size_t j = 0; j < found->count; j++)
			if (memcmp(found->entries[j], here->entries[j], 32) != 0) {
				cli_complain(fetch->call,
				             "%s: %s and %s tell different addresses at index %zu; "
				             "nothing was kept",
				             table, fetch->sources[0].host, fetch->sources[i].host,
				             j);
				return CLI_NO;
			}
	}
	return CLI_YES;
}

/* ---- the file ---- */

static bool is_fetched(const struct fetch *fetch, const uint8_t table[32])
{
	for (size_t i = 0; i < fetch->table_count; i++)
		if (memcmp(fetch->tables[i], table, 32) == 0)
			return true;
	return false;
}

/* Rows of {"TABLE": {"INDEX": "ADDRESS"}}, opened and closed where the table changes. */
struct writing {
	FILE *file;
	char last[BASE58_LEN(32) + 1];
	bool comma;
};

static void write_row(struct writing *w, const uint8_t table[32], size_t index,
                      const uint8_t address[32])
{
	char name[BASE58_LEN(32) + 1] = "", text[BASE58_LEN(32) + 1] = "";

	(void)!base58_encode(bytes_of(table, 32), name, sizeof(name));
	(void)!base58_encode(bytes_of(address, 32), text, sizeof(text));
	if (strcmp(name, w->last) != 0) {
		fprintf(w->file, "%s\"%s\":{", w->last[0] != '\0' ? "},\n" : "", name);
		snprintf(w->last, sizeof(w->last), "%s", name);
		w->comma = false;
	}
	fprintf(w->file, "%s\"%zu\":\"%s\"", w->comma ? "," : "", index, text);
	w->comma = true;
}

/* Writes what was there of other tables, then what was fetched. */
static int write_tables(struct cli_call *call, const char *path, const struct cli_tables *old,
                        const struct fetch *fetch)
{
	char *text = NULL;
	size_t len = 0;
	struct writing w = {.file = open_memstream(&text, &len)};
	int result;

	if (w.file == NULL)
		return CLI_UNSURE;
	fputc('{', w.file);
	for (size_t i = 0; i < old->count; i++)
		if (!is_fetched(fetch, old->entries[i].table))
			write_row(&w, old->entries[i].table, old->entries[i].index,
			          old->entries[i].address);
	for (size_t i = 0; i < fetch->table_count; i++)
		for (size_t j = 0; j < fetch->found[i].count; j++)
			write_row(&w, fetch->tables[i], j, fetch->found[i].entries[j]);
	fputs(w.last[0] != '\0' ? "}}\n" : "}\n", w.file);
	fclose(w.file);
	result = cli_home_write(call, path, bytes_of(text, len), false);
	free(text);
	return result;
}

/* The file that is written, and what stands in it already. */
static int open_kept(struct cli_call *call, const char *home_option, const char *out,
                     char ret_path[CLI_PATH_MAX], struct cli_tables *ret_old)
{
	char home[CLI_PATH_MAX], message[256];
	int result = CLI_YES;

	*ret_old = (struct cli_tables){0};
	if (out != NULL) {
		snprintf(ret_path, CLI_PATH_MAX, "%s", out);
	} else {
		result = cli_home_open(call, home_option, home);
		if (result == CLI_YES && snprintf(ret_path, CLI_PATH_MAX, "%s/%s.json", home,
		                                  CLI_TABLES_HOME) >= CLI_PATH_MAX)
			result = cli_usage(call, "the home folder's path is too long");
	}
	if (result == CLI_YES && access(ret_path, F_OK) == 0 &&
	    cli_tables_open(ret_path, ret_old, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		result = CLI_UNSURE;
	}
	return result;
}

/* ---- table fetch ---- */

static bool add_table(void *context, const char *word)
{
	struct fetch *fetch = (struct fetch *)context;

	if (fetch->table_count == TABLES_MAX ||
	    base58_decode_32(bytes_of_text(word), fetch->tables[fetch->table_count]) != STATUS_OK ||
	    is_fetched(fetch, fetch->tables[fetch->table_count]))
		return false;
	fetch->table_count++;
	return true;
}

static bool add_source(void *context, const char *word)
{
	struct fetch *fetch = (struct fetch *)context;
	struct source *source = &fetch->sources[fetch->source_count];
	const char *rest;
	char *path;

	if (fetch->source_count == SOURCES_MAX ||
	    !cli_url_take(word, source->host, source->port, &rest) ||
	    strpbrk(rest, " \t\r\n\"") != NULL)
		return false;
	for (size_t i = 0; i < fetch->source_count; i++)
		if (strcmp(fetch->sources[i].host, source->host) == 0 &&
		    strcmp(fetch->sources[i].port, source->port) == 0)
			return false; /* the same one twice is one */
	path = strdup(rest[0] == '/' ? rest : "/");
	if (path == NULL)
		return false;
	source->path = path;
	fetch->source_count++;
	return true;
}

static int dial_all(struct fetch *fetch, const char *ca)
{
	char error[HTTP_CLIENT_ERROR_MAX];

	for (size_t i = 0; i < fetch->source_count; i++) {
		struct source *source = &fetch->sources[i];

		if (http_client_open(source->host, source->port, ca != NULL ? ca : SYSTEM_CA,
		                     &source->client, error) != STATUS_OK) {
			cli_complain(fetch->call, "%s", error);
			return CLI_UNSURE;
		}
	}
	return CLI_YES;
}

static void show(const struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->table_count; i++) {
		char table[BASE58_LEN(32) + 1] = "";

		(void)!base58_encode(BYTES_OF_ARRAY(fetch->tables[i]), table, sizeof(table));
		cli_answer(fetch->call->json ? "{\"table\":\"%s\",\"entries\":%zu}\n"
		                             : "%s %zu entries\n",
		           table, fetch->found[i].count);
	}
}

static int run_fetch(struct cli_call *call)
{
	static struct fetch fetch;
	const char *rpc = NULL, *ca = NULL, *out = NULL, *home = NULL;
	const struct cli_option table[] = {
	    {"--rpc",  &rpc,  NULL},
	    {"--ca",   &ca,   NULL},
	    {"--out",  &out,  NULL},
	    {"--home", &home, NULL},
	};
	char path[CLI_PATH_MAX];
	struct cli_tables old;
	int result;

	fetch.call = call;
	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || !cli_each_word(call->arguments[0], add_table, &fetch))
		return cli_usage(call, "takes addresses of tables separated by commas, each once");
	if (rpc == NULL || !cli_each_word(rpc, add_source, &fetch) ||
	    fetch.source_count < SOURCES_MIN)
		return cli_usage(call, "--rpc takes at least two different https:// addresses "
		                       "separated by commas: one source alone is believed by "
		                       "nobody");
	result = open_kept(call, home, out, path, &old);
	if (result == CLI_YES)
		result = dial_all(&fetch, ca);
	for (size_t i = 0; result == CLI_YES && i < fetch.table_count; i++)
		result = fetch_table(&fetch, i);
	if (result == CLI_YES)
		result = write_tables(call, path, &old, &fetch);
	for (size_t i = 0; i < fetch.source_count; i++)
		http_client_close(fetch.sources[i].client);
	cli_tables_close(&old);
	if (result != CLI_YES)
		return result;
	show(&fetch);
	return cli_finish(call, CLI_YES);
}

/* ---- table add ---- */

/* Takes a file's tables as if they had been fetched: whoever names it vouches for it. */
static bool take_file(struct fetch *fetch, const struct cli_tables *from)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct cli_table_entry *entry = &from->entries[i];
		struct contents *found;

		if (fetch->table_count == 0 ||
		    memcmp(fetch->tables[fetch->table_count - 1], entry->table, 32) != 0) {
			if (fetch->table_count == TABLES_MAX)
				return false;
			memcpy(fetch->tables[fetch->table_count++], entry->table, 32);
		}
		found = &fetch->found[fetch->table_count - 1];
		/* A pin vouches for the first entries: a gap ends what can be pinned. */
		if (entry->index != found->count)
			return false;
		memcpy(found->entries[found->count++], entry->address, 32);
	}
	return fetch->table_count != 0;
}

static int run_add(struct cli_call *call)
{
	static struct fetch fetch;
	const char *out = NULL, *home = NULL;
	const struct cli_option table[] = {
	    {"--out",  &out,  NULL},
	    {"--home", &home, NULL},
	};
	char path[CLI_PATH_MAX], message[256];
	struct cli_tables from, old;
	int result;

	fetch.call = call;
	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a file of tables");
	if (cli_tables_open(call->arguments[0], &from, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (!take_file(&fetch, &from))
		return cli_usage(call,
		                 "%s: needs tables, at most %d, each with its entries from 0 on "
		                 "without a gap",
		                 call->arguments[0], TABLES_MAX);
	result = open_kept(call, home, out, path, &old);
	if (result == CLI_YES)
		result = write_tables(call, path, &old, &fetch);
	cli_tables_close(&from);
	cli_tables_close(&old);
	if (result != CLI_YES)
		return result;
	show(&fetch);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_table_fetch = {
    .name = "table fetch",
    .arguments = "TABLE[,...] --rpc URL,URL[,...] [--ca FILE] [--out FILE]",
    .sentence = "read lookup tables from the chain, for pins in a grant",
    .run = run_fetch,
    .help =
        "Asks every source for the finalized account and keeps what all agree on; one that tells\n"
        "other addresses ends it with status 1. `grant create --pin TABLE:N` finds them.\n\n"
        "--rpc  at least two sources, https:// only; what stands behind the host is sent as it is\n"
        "--ca   PEM file instead of the system's authorities\n"
        "--out  another file than tables.json in the home folder; tables are added to it\n",
};

const struct cli_command cli_table_add = {
    .name = "table add",
    .arguments = "FILE [--out FILE]",
    .sentence = "take lookup tables from a file, for pins in a grant",
    .run = run_add,
    .help = "FILE is {\"TABLE\":{\"INDEX\":\"ADDRESS\"}}, entries from 0 on. Whoever names it "
            "vouches for\n"
            "it; the text of a grant shows how many entries of which table it believes.\n",
};
