/* claviger wallet create|list|show|freeze|unfreeze. Import and recovery are in files of their own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_wallet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_audit.h"
#include "cli_commands.h"
#include "cli_grant.h"
#include "cli_out.h"
#include "secret.h"

int cli_wallet_create(struct cli_server *server, const struct keys_sign_key *key,
                      const struct cli_birth *birth, struct buffer *space,
                      struct authz_birth *ret_birth)
{
	static struct authz_birth_body body;
	static struct cli_change change;
	uint8_t encoded[4096], wallet[32];
	struct buffer out = BUFFER_OF_ARRAY(encoded);
	struct authz_submit_answer answer;
	int result;

	body = (struct authz_birth_body){.name = bytes_of_text(birth->name),
	                                 .user_key_count = birth->user_key_count,
	                                 .has_recovery = birth->has_recovery,
	                                 .has_escape = birth->has_escape,
	                                 .delays = birth->delays,
	                                 .limit_count = birth->limit_count};
	memcpy(body.limits, birth->limits, sizeof(body.limits));
	memcpy(body.user_keys, birth->user_keys, sizeof(body.user_keys));
	memcpy(body.recovery, birth->recovery, 32);
	memcpy(body.escape, birth->escape, 32);
	if (authz_birth_put(&body, false, &out) != STATUS_OK)
		return cli_usage(server->call, "the wallet's data is too long");
	keys_random(wallet, sizeof(wallet));
	result = cli_change_begin(&change, server, AUTHZ_ACTION_CREATE, key);
	change.yes = birth->yes;
	change.quiet = birth->quiet;
	change.brought = birth->more;
	change.brought_count = birth->user_key_count - 1;
	if (result == CLI_YES)
		result = cli_change_add(&change, wallet, NULL, buffer_bytes(&out));
	if (result == CLI_YES)
		result = cli_change_run(&change, NULL, NULL, &answer);
	if (result == CLI_YES &&
	    (buffer_put(space, answer.birth) != STATUS_OK ||
	     authz_birth_answer_open(buffer_bytes(space), server->deployment_key, ret_birth) !=
	         STATUS_OK ||
	     authz_birth_matches(ret_birth, &change.change, buffer_bytes(&change.bytes)) !=
	         STATUS_OK)) {
		cli_complain(
		    server->call,
		    "the signer's answer is not about the wallet that was asked for: somebody "
		    "changed it on its way. Do not use this wallet.");
		result = CLI_NO;
	}
	cli_change_end(&change);
	return result;
}

/* Further user keys are words after the name: the files of keys, which sign, too. */
static int take_keys(struct cli_call *call, const char *first, struct cli_birth *birth,
                     struct keys_sign_key *ret_key,
                     struct keys_sign_key ret_more[LIMIT_USER_KEYS_MAX])
{
	int result = cli_key_read(call, first, ret_key);

	if (result != CLI_YES)
		return result;
	birth->user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth->user_keys[0].key, keys_sign_public(ret_key), 32);
	birth->user_key_count = 1;
	birth->more = ret_more;
	for (int i = 1; i < call->count; i++) {
		struct authz_user_key *key = &birth->user_keys[birth->user_key_count];

		if (birth->user_key_count == LIMIT_USER_KEYS_MAX)
			return cli_usage(call, "at most %d user keys", LIMIT_USER_KEYS_MAX);
		result = cli_key_read(call, call->arguments[i], &ret_more[i - 1]);
		if (result != CLI_YES)
			return result;
		key->kind = AUTHZ_KEY_ED25519;
		memcpy(key->key, keys_sign_public(&ret_more[i - 1]), 32);
		birth->user_key_count++;
	}
	return CLI_YES;
}

static void show_birth(const struct authz_birth *birth, const char *name)
{
	struct cli_out out = {.file = cli_answer_file()};

	cli_out_open(&out, '{');
	cli_out_name(&out, "name");
	cli_out_text(&out, bytes_of_text(name));
	cli_out_name(&out, "wallet");
	cli_out_hex(&out, BYTES_OF_ARRAY(birth->rows[0].wallet));
	cli_out_name(&out, "address");
	cli_out_base58(&out, BYTES_OF_ARRAY(birth->rows[0].address));
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

/* The file of the escape copy is made before the wallet: the signer gives the copy out once. */
static int open_escape(const struct cli_call *call, const char *path, FILE **ret_file)
{
	*ret_file = fopen(path, "wxe");
	if (*ret_file != NULL)
		return CLI_YES;
	cli_complain(call,
	             errno == EEXIST ? "%s exists already; an escape copy is never replaced"
	                             : "cannot make %s: %s",
	             path, strerror(errno));
	return CLI_UNSURE;
}

/* An escape copy with what is needed to open it: {deployment, wallet, address, sealed}, in JSON. */
static void put_escape(FILE *file, const struct authz_birth *birth)
{
	struct cli_out out = {.file = file};

	cli_out_open(&out, '{');
	cli_out_name(&out, "claviger_escape");
	cli_out_number(&out, 1);
	cli_out_name(&out, "deployment");
	cli_out_hex(&out, BYTES_OF_ARRAY(birth->deployment));
	cli_out_name(&out, "wallet");
	cli_out_hex(&out, BYTES_OF_ARRAY(birth->rows[0].wallet));
	cli_out_name(&out, "address");
	cli_out_base58(&out, BYTES_OF_ARRAY(birth->rows[0].address));
	cli_out_name(&out, "sealed");
	cli_out_hex(&out, birth->rows[0].escape_copy);
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

/* Where the file cannot be written, the copy goes to standard error: it is sealed, and there is no
 * other. */
static int write_escape(const struct cli_call *call, const char *path, FILE *file,
                        const struct authz_birth *birth)
{
	bool written;

	put_escape(file, birth);
	written = fflush(file) == 0 && ferror(file) == 0 && fsync(fileno(file)) == 0;
	written = fclose(file) == 0 && written;
	if (written)
		return CLI_YES;
	cli_complain(call,
	             "cannot write %s: %s; the wallet is made, this is its only escape copy, "
	             "keep it:",
	             path, strerror(errno));
	put_escape(stderr, birth);
	return CLI_UNSURE;
}

static int run_create(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL, *recovery = NULL, *escape = NULL, *escape_file = NULL,
	           *delay = NULL, *export_delay = NULL, *limits = NULL;
	struct cli_birth birth = {.quiet = call->json};
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),    {"--key",          &key_file,     NULL      },
	    {"--delay",        &delay,        NULL      },
                {"--export-delay", &export_delay, NULL      },
	    {"--limit",        &limits,       NULL      },
                {"--recovery",     &recovery,     NULL      },
	    {"--escape-to",    &escape,       NULL      },
                {"--escape-file",  &escape_file,  NULL      },
	    {"--yes",          NULL,          &birth.yes},
	};
	static uint8_t space[AUTHZ_BIRTH_MAX];
	struct buffer buffer = BUFFER_OF_ARRAY(space);
	static struct authz_birth answer;
	char path[CLI_PATH_MAX], address[BASE58_LEN(32) + 1];
	struct keys_sign_key key;
	struct cli_server server;
	struct keys_sign_key more[LIMIT_USER_KEYS_MAX];
	FILE *copy = NULL;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count < 1 || key_file == NULL)
		return cli_usage(call, "needs a name and --key FILE");
	if (!cli_name_is_good(call->arguments[0]))
		return cli_usage(call, CLI_NAME_WRONG, call->arguments[0], LIMIT_NAME_MAX);
	birth.name = call->arguments[0];
	birth.has_recovery = recovery != NULL;
	birth.has_escape = escape != NULL;
	if (birth.has_recovery &&
	    base58_decode_32(bytes_of_text(recovery), birth.recovery) != STATUS_OK)
		return cli_usage(call, "--recovery takes an ed25519 public key");
	if (birth.has_escape && base58_decode_32(bytes_of_text(escape), birth.escape) != STATUS_OK)
		return cli_usage(call,
		                 "--escape-to takes an X25519 public key (claviger key escape)");
	if (!cli_delays_take(delay, export_delay, &birth.delays))
		return cli_usage(call, CLI_DELAY_WRONG);
	result = cli_limits_take(call, limits, birth.limits, &birth.limit_count);
	if (result == CLI_YES)
		result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = take_keys(call, key_file, &birth, &key, more);
	snprintf(path, sizeof(path), "%s.escape", birth.name);
	if (escape_file == NULL)
		escape_file = path;
	if (result == CLI_YES && birth.has_escape)
		result = open_escape(call, escape_file, &copy);
	if (result == CLI_YES)
		result = cli_wallet_create(&server, &key, &birth, &buffer, &answer);
	SECRET_WIPE(key);
	SECRET_WIPE(more);
	if (result != CLI_YES) {
		if (copy != NULL) {
			(void)fclose(copy);
			(void)unlink(escape_file);
		}
		return result;
	}
	if (copy != NULL)
		result = write_escape(call, escape_file, copy, &answer);
	if (call->json) {
		show_birth(&answer, birth.name);
		return cli_finish(call, result);
	}
	if (base58_encode(BYTES_OF_ARRAY(answer.rows[0].address), address, sizeof(address)) !=
	    STATUS_OK)
		return CLI_UNSURE;
	printf("%s\n", address);
	return cli_finish(call, result);
}

/* ---- list and show ---- */

void cli_wallet_out(struct cli_out *out, const struct authz_wallet_record *wallet)
{
	cli_out_open(out, '{');
	cli_out_name(out, "name");
	cli_out_text(out, bytes_of(wallet->name, wallet->name_len));
	cli_out_name(out, "wallet");
	cli_out_hex(out, BYTES_OF_ARRAY(wallet->id));
	cli_out_name(out, "address");
	cli_out_base58(out, BYTES_OF_ARRAY(wallet->address));
	cli_out_name(out, "origin");
	cli_out_text(
	    out, bytes_of_text(wallet->origin == AUTHZ_ORIGIN_CREATED ? "created" : "imported"));
	cli_out_name(out, "frozen");
	cli_out_bool(out, wallet->frozen);
	cli_out_name(out, "ownership_proven");
	cli_out_bool(out, !wallet->ownership_lost);
	cli_out_name(out, "version");
	cli_out_decimal(out, wallet->version);
	cli_out_name(out, "authority");
	cli_out_hex(out, BYTES_OF_ARRAY(wallet->authority));
	cli_out_name(out, "user_keys");
	cli_out_open(out, '[');
	for (size_t i = 0; i < wallet->user_key_count; i++)
		cli_out_base58(out, BYTES_OF_ARRAY(wallet->user_keys[i].key));
	cli_out_close(out, ']');
	cli_out_name(out, "factors");
	cli_factors_out(out, wallet);
	cli_out_name(out, "delay");
	cli_out_seconds(out, wallet->delay_s);
	cli_out_name(out, "export_delay");
	cli_out_seconds(out, wallet->export_delay_s);
	cli_out_name(out, "exported");
	cli_out_number(out, wallet->exported);
	cli_out_name(out, "pending");
	cli_pending_out(out, wallet);
	cli_out_name(out, "limits");
	cli_out_open(out, '[');
	for (size_t i = 0; i < wallet->limit_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "id");
		cli_out_number(out, wallet->limits[i].id);
		cli_rule_out(out, &wallet->limits[i]);
		cli_out_name(out, "left");
		if (wallet->has_left)
			cli_out_decimal(out, wallet->left[i]);
		else
			cli_out_null(out); /* it cannot be read: nothing is signed */
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_name(out, "grants");
	cli_out_open(out, '[');
	for (size_t i = 0; i < wallet->grant_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "grant");
		cli_out_hex(out, BYTES_OF_ARRAY(wallet->grants[i].grant));
		cli_out_name(out, "client");
		cli_out_hex(out, BYTES_OF_ARRAY(wallet->grants[i].client));
		cli_out_name(out, "live");
		cli_out_bool(out, wallet->grants[i].live);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

static void show_wallet(const struct cli_call *call, const struct authz_wallet_record *wallet)
{
	struct cli_out out = {.file = cli_answer_file(), .lines = !call->json};

	cli_wallet_out(&out, wallet);
	cli_out_line(&out);
}

static int run_show(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--key", &key_file, NULL}
        };
	static struct authz_wallet_record wallet;
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || key_file == NULL)
		return cli_usage(call, "needs a wallet and --key FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_wallet_find(&server, &key, call->arguments[0], &wallet);
	if (result != CLI_YES)
		return result;
	show_wallet(call, &wallet);
	return cli_finish(call, CLI_YES);
}

static int run_list(struct cli_call *call)
{
	static const uint8_t none[32];
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--key", &key_file, NULL}
        };
	static struct authz_wallet_record wallet;
	uint8_t after[32] = {0}, *ids;
	struct authz_list_answer list;
	struct keys_sign_key key;
	struct cli_server server;
	struct bytes answer;
	bool more = true;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || key_file == NULL)
		return cli_usage(call, "needs --key FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	while (result == CLI_YES && more) {
		size_t count;

		result = cli_query(&server, &key, AUTHZ_QUERY_WALLETS, none, after, &answer);
		if (result != CLI_YES || authz_list_answer_take(answer, &list) != STATUS_OK)
			return CLI_UNSURE;
		more = list.more;
		count = list.ids.len / 32;
		ids = malloc(list.ids.len + 1);
		if (ids == NULL)
			return CLI_UNSURE;
		memcpy(ids, list.ids.data, list.ids.len);
		for (size_t i = 0; i < count; i++) {
			char address[BASE58_LEN(32) + 1];

			if (cli_query(&server, &key, AUTHZ_QUERY_WALLET, ids + i * 32, none,
			              &answer) != CLI_YES ||
			    authz_wallet_take(answer, &wallet) != STATUS_OK)
				continue;
			if (call->json) {
				show_wallet(call, &wallet);
				continue;
			}
			if (base58_encode(BYTES_OF_ARRAY(wallet.address), address,
			                  sizeof(address)) != STATUS_OK)
				continue;
			printf("%-20.*s %s%s\n", wallet.name_len, wallet.name, address,
			       wallet.frozen ? "  frozen" : "");
		}
		if (count > 0)
			memcpy(after, ids + (count - 1) * 32, 32);
		free(ids);
	}
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* ---- freeze ---- */

static int freeze(struct cli_call *call, bool on)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	struct cli_second second = {.key_file = NULL};
	bool yes = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--key", &key_file, NULL},
	    {"--yes", NULL,      &yes},
	    CLI_SECOND_OPTIONS(second),
	};
	static struct authz_wallet_record wallet;
	static struct cli_change change;
	struct authz_submit_answer answer;
	uint8_t space[16];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct keys_sign_key key;
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || key_file == NULL)
		return cli_usage(call, "needs a wallet and --key FILE");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_wallet_find(&server, &key, call->arguments[0], &wallet);
	if (result == CLI_YES)
		result = cli_second_take(call, &second);
	if (result == CLI_YES)
		result = cli_second_for(call, &second, &wallet);
	if (result != CLI_YES)
		return result;
	if (authz_empty_put(&body) != STATUS_OK)
		return CLI_UNSURE;
	/* Stopping needs no second thought. */
	change = (struct cli_change){
	    .key = &key, .second = &second, .yes = yes || on, .quiet = call->json};
	result = cli_change_one(&change, &server, on ? AUTHZ_ACTION_FREEZE : AUTHZ_ACTION_UNFREEZE,
	                        &wallet, buffer_bytes(&body), &answer);
	SECRET_WIPE(key);
	SECRET_WIPE(second.key);
	if (result != CLI_YES || change.waits)
		return result;
	cli_answer(call->json ? "{\"frozen\":%s}\n" : "%s\n",
	           call->json ? (on ? "true" : "false") : (on ? "frozen" : "unfrozen"));
	return cli_finish(call, CLI_YES);
}

static int run_freeze(struct cli_call *call)
{
	return freeze(call, true);
}

static int run_unfreeze(struct cli_call *call)
{
	return freeze(call, false);
}

const struct cli_command cli_wallet_new = {
    .name = "wallet create",
    .arguments = "NAME [MORE.json...] --key USER.json [--recovery KEY] "
                 "[--escape-to KEY [--escape-file FILE]] [--delay TIME] [--export-delay TIME] "
                 "[--limit UNIT:WINDOW:CAP[,...]] [--yes]",
    .sentence = "create a wallet and print its address, once the signer's answer was checked",
    .run = run_create,
    .help =
        "All user keys sign; the files of more of them may follow the name. Nothing but these "
        "keys\n"
        "can later authorize anything for the wallet. From two on, what gives power needs two of\n"
        "them; any one stops, revokes and cancels (claviger factor add --help).\n\n"
        "--escape-to KEY   an X25519 public key of yours: the wallet's key is sealed to it, so\n"
        "                  that you can leave without the operator (claviger wallet recover)\n"
        "--escape-file F   where the copy goes (default NAME.escape)\n"
        "--recovery KEY    an ed25519 public key of yours for a drawer: it can freeze, cancel, "
        "and\n"
        "                  ask for new user keys, which waits 72 h; nothing else\n"
        "--delay TIME      what gives power waits so long, and any user key can cancel it: 15m, "
        "24h\n"
        "--export-delay TIME   so long waits an export (24h, unless you say otherwise)\n"
        "--limit U:W:CAP   what all grants together may spend, from the first day on,\n"
        "                  in the words of `claviger wallet limit`: lamports:24h:5000000000\n"
        "--yes             do not ask\n",
};

const struct cli_command cli_wallet_list = {
    .name = "wallet list",
    .arguments = "--key USER.json",
    .sentence = "list the wallets of a user key",
    .run = run_list,
    .help = "With --json as JSON lines, a wallet each.\n",
};

const struct cli_command cli_wallet_show = {
    .name = "wallet show",
    .arguments = "WALLET --key USER.json",
    .sentence = "show a wallet, its user keys, limits and grants",
    .run = run_show,
};

const struct cli_command cli_wallet_freeze = {
    .name = "wallet freeze",
    .arguments = "WALLET --key USER.json",
    .sentence = "stop all signing for a wallet at once",
    .run = run_freeze,
    .help =
        "One user key is enough (--second, --code and --yes are taken, and not needed). It drops\n"
        "every change that waits, an export too; grants stay and count again after\n"
        "`claviger wallet unfreeze`.\n",
};

const struct cli_command cli_wallet_unfreeze = {
    .name = "wallet unfreeze",
    .arguments = "WALLET --key USER.json " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "lift a freeze",
    .run = run_unfreeze,
    .help = CLI_SECOND_HELP,
};
