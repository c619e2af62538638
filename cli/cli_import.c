/* claviger wallet import (one key or many), key escape, wallet recover. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_encode.h"
#include "cbor_writer.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "cli_wallet.h"
#include "secret.h"

#define BATCH_MAX 32 /* keys under one signature */

struct import {
	struct cli_server server;
	struct keys_sign_key user;
	size_t limit_count;
	struct authz_counter_rule limits[LIMIT_WALLET_LIMITS_MAX]; /* of each wallet */
	bool yes, quiet;
	uint8_t (*known)[32]; /* addresses of the wallets that are there, of a bulk */
	size_t known_count;
	size_t count;
	struct {
		char name[LIMIT_NAME_MAX + 1];
		uint8_t wallet[32];
		struct keys_sign_key key;
		uint8_t body_space[1024];
		struct buffer body;
	} items[BATCH_MAX];
	uint8_t sealed_space[BATCH_MAX * 40 + 128];
};

/* Seals the seeds for the signer itself, in the order of the change's entries: the authority and
 * the bridge see only bytes. */
static int seal_seeds(struct cli_change *change, const uint8_t hash[32], void *context)
{
	struct import *import = (struct import *)context;
	static uint8_t plain_space[BATCH_MAX * 40];
	uint8_t info_space[128];
	struct buffer info = BUFFER_OF_ARRAY(info_space), plain = BUFFER_OF_ARRAY(plain_space);
	struct buffer sealed = BUFFER_OF_ARRAY(import->sealed_space);
	struct cbor_writer w;
	enum status status;

	cbor_writer_init(&w, &plain);
	cbor_put_array(&w, change->change.entry_count);
	for (size_t i = 0; i < change->change.entry_count; i++)
		for (size_t j = 0; j < import->count; j++)
			if (memcmp(change->change.entries[i].wallet, import->items[j].wallet, 32) ==
			    0)
				cbor_put_bytes_n(&w, import->items[j].key.bytes, 32);
	cbor_put_end(&w);
	status = cbor_finish(&w);
	if (status == STATUS_OK)
		status =
		    keys_hpke_info(import->server.deployment, import->server.signer.key, &info);
	if (status == STATUS_OK)
		status = keys_hpke_seal(import->server.signer.key, buffer_bytes(&info),
		                        bytes_of(hash, 32), buffer_bytes(&plain), &sealed, NULL);
	secret_wipe(plain_space, sizeof(plain_space));
	change->given.sealed_seeds = buffer_bytes(&sealed);
	if (status != STATUS_OK) {
		cli_complain(import->server.call, "the keys could not be sealed");
		return CLI_UNSURE;
	}
	return CLI_YES;
}

static int make_body(struct import *import, size_t at)
{
	struct authz_birth_body body = {.name = bytes_of_text(import->items[at].name),
	                                .user_key_count = 1,
	                                .limit_count = import->limit_count};

	memcpy(body.limits, import->limits, sizeof(body.limits));
	body.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.user_keys[0].key, keys_sign_public(&import->user), 32);
	memcpy(body.address, keys_sign_public(&import->items[at].key), 32);
	import->items[at].body = BUFFER_OF_ARRAY(import->items[at].body_space);
	return authz_birth_put(&body, true, &import->items[at].body) == STATUS_OK ? CLI_YES
	                                                                          : CLI_UNSURE;
}

/* Imports what was gathered, all or none, and prints a line for each. */
static int flush_batch(struct import *import)
{
	static struct cli_change change;
	static struct authz_birth birth;
	struct authz_submit_answer answer;
	int result;

	if (import->count == 0)
		return CLI_YES;
	result = cli_change_begin(&change, &import->server, AUTHZ_ACTION_IMPORT, &import->user);
	change.yes = import->yes;
	change.quiet = import->quiet;
	for (size_t i = 0; result == CLI_YES && i < import->count; i++) {
		keys_random(import->items[i].wallet, 32);
		result = make_body(import, i);
		if (result == CLI_YES)
			result = cli_change_add(&change, import->items[i].wallet, NULL,
			                        buffer_bytes(&import->items[i].body));
	}
	if (result == CLI_YES)
		result = cli_change_run(&change, seal_seeds, import, &answer);
	if (result == CLI_YES &&
	    (authz_birth_answer_open(answer.birth, import->server.deployment_key, &birth) !=
	         STATUS_OK ||
	     authz_birth_matches(&birth, &change.change, buffer_bytes(&change.bytes)) !=
	         STATUS_OK)) {
		cli_complain(import->server.call,
		             "the signer's answer is not about these wallets: somebody changed it");
		result = CLI_NO;
	}
	for (size_t i = 0; i < import->count; i++) {
		char address[BASE58_LEN(32) + 1];

		if (result == CLI_YES &&
		    base58_encode(bytes_of(keys_sign_public(&import->items[i].key), 32), address,
		                  sizeof(address)) == STATUS_OK)
			cli_answer(import->server.call->json
			               ? "{\"name\":\"%s\",\"address\":\"%s\"}\n"
			               : "%s %s\n",
			           import->items[i].name, address);
		SECRET_WIPE(import->items[i].key);
	}
	fflush(cli_answer_file());
	import->count = 0;
	cli_change_end(&change);
	return result;
}

/* add_key reads one key into the batch, which has room. */
static int add_key(struct import *import, const char *name, const char *path)
{
	int result;

	if (!cli_name_is_good(name))
		return cli_usage(
		    import->server.call,
		    "%s: a name has letters, digits, '_' and '-', at most %d, and is no "
		    "address and no id",
		    name, LIMIT_NAME_MAX);
	result = cli_key_read(import->server.call, path, &import->items[import->count].key);
	if (result != CLI_YES)
		return result;
	/* Who signs for a wallet is no wallet: the signer refuses such a birth. */
	if (memcmp(keys_sign_public(&import->items[import->count].key),
	           keys_sign_public(&import->user), 32) == 0) {
		SECRET_WIPE(import->items[import->count].key);
		cli_complain(import->server.call,
		             "%s is the user key itself, which cannot be a wallet: make another "
		             "user key (claviger key new) and name it with --key",
		             path);
		return CLI_NO;
	}
	snprintf(import->items[import->count].name, LIMIT_NAME_MAX + 1, "%s", name);
	import->count++;
	return CLI_YES;
}

/* take_page adds the addresses of one page of the user's wallets. */
static int take_page(struct import *import, const uint8_t *ids, size_t count)
{
	static struct authz_wallet_record wallet;
	static const uint8_t none[32];
	struct bytes answer;
	void *more = realloc(import->known, (import->known_count + count) * 32 + 1);

	if (more == NULL)
		return CLI_UNSURE;
	import->known = more;
	for (size_t i = 0; i < count; i++) {
		if (cli_query(&import->server, &import->user, AUTHZ_QUERY_WALLET, ids + i * 32,
		              none, &answer) != CLI_YES ||
		    authz_wallet_take(answer, &wallet) != STATUS_OK)
			return CLI_UNSURE;
		memcpy(import->known[import->known_count++], wallet.address, 32);
	}
	return CLI_YES;
}

/* find_known asks once which wallets are there: a bulk that was interrupted goes on behind them. */
static int find_known(struct import *import)
{
	static const uint8_t none[32];
	uint8_t after[32] = {0};
	struct authz_list_answer list = {.more = true};
	int result = CLI_YES;

	while (result == CLI_YES && list.more) {
		struct bytes answer;
		uint8_t *ids;

		result = cli_query(&import->server, &import->user, AUTHZ_QUERY_WALLETS, none, after,
		                   &answer);
		if (result != CLI_YES || authz_list_answer_take(answer, &list) != STATUS_OK)
			return CLI_UNSURE;
		/* The next question takes the answer's place. */
		ids = malloc(list.ids.len + 1);
		if (ids == NULL)
			return CLI_UNSURE;
		memcpy(ids, list.ids.data, list.ids.len);
		if (list.ids.len >= 32)
			memcpy(after, ids + list.ids.len - 32, 32);
		else
			list.more = false;
		result = take_page(import, ids, list.ids.len / 32);
		free(ids);
	}
	return result;
}

/* last_is_known says whether the key read last has its wallet, or is in this batch already. */
static bool last_is_known(const struct import *import)
{
	const uint8_t *address = keys_sign_public(&import->items[import->count - 1].key);

	for (size_t i = 0; i < import->known_count; i++)
		if (memcmp(import->known[i], address, 32) == 0)
			return true;
	for (size_t i = 0; i + 1 < import->count; i++)
		if (memcmp(keys_sign_public(&import->items[i].key), address, 32) == 0)
			return true;
	return false;
}

/* name_of_file is the file's name without .json; one that is an address, as many tools name keypair
 * files, or an id would be taken for what it names, so it is led in. */
static void name_of_file(const char *file, char ret_name[300])
{
	snprintf(ret_name, 300, "%.*s", (int)strlen(file) - 5, file);
	if (strlen(ret_name) >= 32 && !cli_name_is_good(ret_name))
		snprintf(ret_name, 300, "key-%.*s", (int)strlen(file) - 5, file);
}

/* import_file adds one file of a bulk; what is wrong with it is said, and the others go on. */
static bool import_file(struct import *import, const char *folder, const char *file)
{
	char path[CLI_PATH_MAX + 300], name[300];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	name_of_file(file, name);
	if (add_key(import, name, path) != CLI_YES)
		return false;
	if (last_is_known(import)) {
		SECRET_WIPE(import->items[--import->count].key);
		cli_answer(import->server.call->json ? "{\"name\":\"%s\",\"skipped\":true}\n"
		                                     : "%s is there already\n",
		           name);
	}
	return true;
}

/* flush_bulk imports the batch and remembers its addresses: a copy of a file may come later. */
static int flush_bulk(struct import *import)
{
	void *more = realloc(import->known, (import->known_count + import->count) * 32 + 1);
	size_t count = import->count;
	int result;

	if (more == NULL)
		return CLI_UNSURE;
	import->known = more;
	for (size_t i = 0; i < count; i++)
		memcpy(import->known[import->known_count + i],
		       keys_sign_public(&import->items[i].key), 32);
	result = flush_batch(import);
	if (result == CLI_YES)
		import->known_count += count;
	return result;
}

/* Every *.json of a folder; the wallet's name is the file's. */
static int import_folder(struct import *import, const char *folder)
{
	DIR *files = opendir(folder);
	struct dirent *entry;
	size_t bad = 0;
	int result;

	if (files == NULL) {
		cli_complain(import->server.call, "cannot open %s: %s", folder, strerror(errno));
		return CLI_UNSURE;
	}
	result = find_known(import);
	while (result == CLI_YES && (entry = readdir(files)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len < 6 || strcmp(entry->d_name + len - 5, ".json") != 0)
			continue;
		if (!import_file(import, folder, entry->d_name))
			bad++;
		if (import->count == BATCH_MAX)
			result = flush_bulk(import);
	}
	closedir(files);
	if (result == CLI_YES)
		result = flush_bulk(import);
	if (result == CLI_YES && bad != 0) {
		cli_complain(
		    import->server.call,
		    "%zu files of %s were not imported, the others were; mend them and run "
		    "this again",
		    bad, folder);
		result = CLI_NO;
	}
	return result;
}

static int run_import(struct cli_call *call)
{
	static struct import import;
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL, *from = NULL, *bulk = NULL, *limits = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--key",   &key_file, NULL       },
             {"--from",  &from,     NULL       },
	    {"--bulk",  &bulk,     NULL       },
             {"--limit", &limits,   NULL       },
             {"--yes",   NULL,      &import.yes},
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (key_file == NULL || (from == NULL) == (bulk == NULL) ||
	    call->count != (from != NULL ? 1 : 0))
		return cli_usage(call, "needs --key, and NAME --from FILE or --bulk FOLDER");
	import.quiet = call->json;
	result = cli_limits_take(call, limits, import.limits, &import.limit_count);
	if (result == CLI_YES)
		result = cli_server_open(&import.server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &import.user);
	if (result == CLI_YES && from != NULL) {
		result = add_key(&import, call->arguments[0], from);
		if (result == CLI_YES)
			result = flush_batch(&import);
	} else if (result == CLI_YES) {
		result = import_folder(&import, bulk);
	}
	SECRET_WIPE(import.user);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* ---- escape copies ---- */

static int run_escape(struct cli_call *call)
{
	char text[BASE58_LEN(32) + 1];
	uint8_t public[32];
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the file to write");
	keys_open();
	result = cli_escape_make(call, call->arguments[0], public);
	if (result != CLI_YES)
		return result;
	if (base58_encode(BYTES_OF_ARRAY(public), text, sizeof(text)) != STATUS_OK)
		return CLI_UNSURE;
	cli_answer(call->json ? "{\"escape_key\":\"%s\"}\n" : "%s\n", text);
	return cli_finish(call, CLI_YES);
}

static int run_recover(struct cli_call *call)
{
	const char *key_file = NULL, *to = NULL;
	const struct cli_option table[] = {
	    {"--key", &key_file, NULL},
	    {"--out", &to,       NULL},
	};
	uint8_t deployment[32], wallet[32], address[32], sealed[AUTHZ_ESCAPE_LEN];
	struct buffer out_deployment = BUFFER_OF_ARRAY(deployment),
	              out_wallet = BUFFER_OF_ARRAY(wallet), out_sealed = BUFFER_OF_ARRAY(sealed);
	uint8_t own[CLI_ESCAPE_SEED_LEN];
	struct keys_sign_key found;
	struct cli_json_file file;
	struct bytes text;
	char message[256];
	bool good;
	int result;

	if (!cli_take_options(call, table, 2))
		return CLI_USAGE;
	if (call->count != 1 || key_file == NULL || to == NULL)
		return cli_usage(call, "needs an escape file, --key and --out");
	keys_open();
	if (cli_json_open(call->arguments[0], &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (cli_json_member(file.root, "claviger_export") != NULL) {
		cli_json_close(&file);
		result = cli_escape_read(call, key_file, own);
		if (result == CLI_YES)
			result = cli_export_open(call, call->arguments[0], own, to);
		SECRET_WIPE(own);
		return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
	}
	good = cli_json_hex(cli_json_member(file.root, "deployment"), &out_deployment) &&
	       cli_json_hex(cli_json_member(file.root, "wallet"), &out_wallet) &&
	       cli_json_hex(cli_json_member(file.root, "sealed"), &out_sealed) &&
	       cli_json_text(cli_json_member(file.root, "address"), &text) &&
	       base58_decode_32(text, address) == STATUS_OK && out_deployment.len == 32 &&
	       out_wallet.len == 32;
	cli_json_close(&file);
	if (!good) {
		cli_complain(call, "%s is no escape file", call->arguments[0]);
		return CLI_NO;
	}
	result = cli_escape_read(call, key_file, own);
	if (result != CLI_YES)
		return result;
	if (authz_escape_open(own, deployment, wallet, address, buffer_bytes(&out_sealed),
	                      &found) != STATUS_OK) {
		SECRET_WIPE(own);
		cli_complain(call, "this copy was not sealed to this key, or is damaged");
		return CLI_NO;
	}
	SECRET_WIPE(own);
	result = cli_key_write(call, to, &found);
	SECRET_WIPE(found);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

const struct cli_command cli_wallet_import = {
    .name = "wallet import",
    .arguments = "(NAME --from KEYPAIR | --bulk FOLDER) --key USER.json "
                 "[--limit UNIT:WINDOW:CAP[,...]] [--yes]",
    .sentence = "bring existing keys; the signer says for ever that they came from outside",
    .run = run_import,
    .help =
        "KEYPAIR is a Solana keypair file, or base58 of its 64 bytes. The key travels sealed to\n"
        "the signer process itself. Whoever had it before may still have it: move funds to a\n"
        "created wallet when you can.\n"
        "--bulk   every *.json of FOLDER, named like the file, 32 under one signature; run again\n"
        "         after an interruption, it goes on with what is missing\n"
        "--limit  what all grants of a wallet together may spend (claviger wallet create)\n"
        "--json   JSON lines, one for each key\n",
};

const struct cli_command cli_key_escape = {
    .name = "key escape",
    .arguments = "FILE",
    .sentence = "make an escape key, for `wallet create --escape-to`",
    .run = run_escape,
};

const struct cli_command cli_wallet_recover = {
    .name = "wallet recover",
    .arguments = "FILE.escape --key ESCAPE.json --out KEYPAIR.json",
    .sentence = "open an escape copy, offline: the wallet's key as a Solana keypair",
    .run = run_recover,
};
