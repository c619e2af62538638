/* claviger change pending|complete|cancel: changes that wait for their time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "authz_ask.h"
#include "base_encode.h"
#include "call_sign.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_time.h"
#include "cli_wallet.h"
#include "secret.h"

void cli_pending_out(struct cli_out *out, const struct authz_wallet_record *wallet)
{
	cli_out_open(out, '[');
	for (size_t i = 0; i < wallet->pending_count; i++) {
		const struct authz_pending_entry *entry = &wallet->pending[i];

		cli_out_open(out, '{');
		cli_out_name(out, "change");
		cli_out_hex(out, BYTES_OF_ARRAY(entry->change));
		cli_out_name(out, "action");
		cli_out_text(out, bytes_of_text(authz_action_word(entry->action) != NULL
		                                    ? authz_action_word(entry->action)
		                                    : ""));
		cli_out_name(out, "recovery");
		cli_out_bool(out, entry->recovery);
		cli_out_name(out, "done");
		cli_out_bool(out, entry->done);
		cli_out_name(out, "asked");
		cli_out_time(out, entry->asked_s);
		cli_out_name(out, "opens");
		cli_out_time(out, entry->opens_s);
		cli_out_name(out, "void");
		cli_out_time(out, entry->void_s);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

static int take_hash(struct cli_call *call, uint8_t ret_hash[32])
{
	struct buffer hash = {ret_hash, 32, 0};

	if (call->count == 1 && hex_decode(bytes_of_text(call->arguments[0]), &hash) == STATUS_OK &&
	    hash.len == 32)
		return CLI_YES;
	return cli_usage(call, "needs the change: its SHA-256 in hex (claviger change pending)");
}

/* When it opens and when it is void: the text below says only until when it had to be signed. */
static void show_times(const struct authz_pending_entry *entry)
{
	char opens[CLI_TIME_TEXT_MAX], ends[CLI_TIME_TEXT_MAX];

	cli_time_text(entry->opens_s, opens);
	cli_time_text(entry->void_s, ends);
	if (entry->done)
		return;
	printf("opens at %s (`claviger change complete` has it done then), void from %s; "
	       "`claviger change cancel` takes it back\n",
	       opens, ends);
}

/* The text of a change that waits, as its signers were shown it. */
static void show_text(struct cli_server *server, const struct keys_sign_key *key,
                      const struct authz_wallet_record *wallet,
                      const struct authz_pending_entry *entry)
{
	struct authz_pending_answer answer;
	struct bytes bytes;

	if (cli_query(server, key, AUTHZ_QUERY_PENDING, entry->change, wallet->id, &bytes) ==
	        CLI_YES &&
	    authz_pending_answer_take(bytes, &answer) == STATUS_OK)
		printf("%.*s\n", (int)answer.description.len,
		       (const char *)answer.description.data);
}

static int run_pending(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL, *wallet_name = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--key",    &key_file,    NULL},
	    {"--wallet", &wallet_name, NULL},
	};
	static struct authz_wallet_record wallet;
	struct cli_out out = {.file = cli_answer_file()};
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || key_file == NULL || wallet_name == NULL)
		return cli_usage(call, "needs --wallet and --key FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_wallet_find(&server, &key, wallet_name, &wallet);
	if (result != CLI_YES)
		return result;
	if (call->json) {
		cli_pending_out(&out, &wallet);
		cli_out_line(&out);
	}
	for (size_t i = 0; !call->json && i < wallet.pending_count; i++) {
		const struct authz_pending_entry *entry = &wallet.pending[i];
		char hash[HEX_LEN(32) + 1];

		hex_encode(BYTES_OF_ARRAY(entry->change), hash);
		printf(
		    "%s  %s%s%s\n", hash, authz_action_word(entry->action),
		    entry->recovery ? ", asked for with a factor lost" : "",
		    entry->done
		        ? ", handed over; may be fetched again; if it was not you, move the funds"
		        : "");
		show_times(entry);
		show_text(&server, &key, &wallet, entry);
	}
	SECRET_WIPE(key);
	return cli_finish(call, CLI_YES);
}

static int run_complete(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *wallet_text = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--wallet", &wallet_text, NULL},
	};
	struct authz_complete complete;
	struct call_wallet wallet;
	static struct authz_submit_answer answer;
	uint8_t space[128];
	struct buffer request = BUFFER_OF_ARRAY(space);
	struct cli_server server;
	struct bytes bytes;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	result = take_hash(call, complete.change);
	if (result == CLI_YES &&
	    (wallet_text == NULL ||
	     call_wallet_parse(bytes_of_text(wallet_text), &wallet) != STATUS_OK ||
	     wallet.kind != CALL_WALLET_ID))
		result = cli_usage(call, "needs --wallet ID, as the waiting change was told");
	if (result == CLI_YES)
		result = cli_server_open(&server, call, &options);
	if (result != CLI_YES)
		return result;
	memcpy(complete.wallet, wallet.key, 32);
	if (authz_complete_put(&complete, &request) != STATUS_OK)
		return CLI_UNSURE;
	result = cli_server_ask(&server, CALL_CHANGE_COMPLETE, buffer_bytes(&request), &bytes);
	if (result == CLI_YES && authz_submit_answer_take(bytes, &answer) != STATUS_OK)
		result = CLI_UNSURE;
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

static int run_cancel(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL, *wallet_name = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--key",    &key_file,    NULL},
	    {"--wallet", &wallet_name, NULL},
	};
	static struct authz_wallet_record wallet;
	static struct cli_change change;
	static struct authz_submit_answer answer;
	char absent[320];
	uint8_t space[64], hash[32];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	result = take_hash(call, hash);
	if (result == CLI_YES && (key_file == NULL || wallet_name == NULL))
		result = cli_usage(call, "needs --wallet and --key FILE");
	if (result == CLI_YES)
		result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_wallet_find(&server, &key, wallet_name, &wallet);
	if (result != CLI_YES)
		return result;
	snprintf(absent, sizeof(absent),
	         "no such change of wallet %s waits (claviger change pending)", wallet_name);
	server.absent = absent;
	if (authz_id_put(hash, &body) != STATUS_OK)
		return CLI_UNSURE;
	change = (struct cli_change){.key = &key, .yes = true, .quiet = call->json};
	result = cli_change_one(&change, &server, AUTHZ_ACTION_CANCEL, &wallet, buffer_bytes(&body),
	                        &answer);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"cancelled\":true}\n" : "cancelled\n");
	return cli_finish(call, CLI_YES);
}

/* What the page is given back: the key and its signature, so that it sees whose answer it is. */
static int run_sign(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	bool yes = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--key", &key_file, NULL},
	    {"--yes", NULL,      &yes},
	};
	static uint8_t space[LIMIT_CHANGE_MAX];
	struct buffer prepared = BUFFER_OF_ARRAY(space);
	struct authz_signature signature;
	uint8_t answer[96];
	char text[BASE64_LEN(sizeof(answer)) + 1];
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || key_file == NULL)
		return cli_usage(call, "needs the change as the page shows it, and --key FILE");
	if (base64_decode(bytes_of_text(call->arguments[0]), &prepared) != STATUS_OK) {
		cli_complain(call, "that is no change: copy the whole command that the page shows");
		return CLI_USAGE;
	}
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_change_sign(&server, buffer_bytes(&prepared), &key, yes, &signature);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	memcpy(answer, signature.key.key, 32);
	memcpy(answer + 32, signature.signature, 64);
	base64_encode(BYTES_OF_ARRAY(answer), text);
	cli_answer(call->json ? "{\"answer\":\"%s\"}\n" : "%s\n", text);
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_change_sign_command = {
    .name = "change sign",
    .arguments = "CHANGE --key KEY.json [--yes]",
    .sentence = "sign with a key what the user's page prepared",
    .run = run_sign,
    .help =
        "CHANGE is what the page shows where it needs this key: a key that becomes a factor, or a\n"
        "wallet's second factor. The text is asked for from the signer anew, so a page that shows\n"
        "another one than is signed is found out here. What is printed goes back into the page,\n"
        "within two minutes.\n",
};

const struct cli_command cli_change_pending = {
    .name = "change pending",
    .arguments = "--wallet W --key USER.json",
    .sentence = "show the changes of a wallet that wait for their time",
    .run = run_pending,
};

const struct cli_command cli_change_complete = {
    .name = "change complete",
    .arguments = "CHANGE --wallet ID",
    .sentence = "carry out a change whose time has come",
    .run = run_complete,
    .help =
        "CHANGE and ID are what the command told that made it. It needs no key: all that gives\n"
        "power was signed. An export is completed with `wallet export --finish`.\n",
};

const struct cli_command cli_change_cancel = {
    .name = "change cancel",
    .arguments = "CHANGE --wallet W --key USER.json",
    .sentence = "cancel a change that waits; any one factor can",
    .run = run_cancel,
};
