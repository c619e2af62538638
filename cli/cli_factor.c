/* claviger factor list|add|codes|remove|recovery|delay: who may change a wallet, and how long that
 * waits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authz_code.h"
#include "base_encode.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_qr.h"
#include "cli_wallet.h"
#include "secret.h"

/* A wallet, its user and a second factor: what all these commands begin with. */
struct factor {
	struct cli_server_options options;
	const char *key_file;
	struct keys_sign_key key;
	struct cli_second second;
	struct keys_sign_key brought; /* consents to becoming a factor */
	bool has_brought, yes, qr;
	struct authz_wallet_record wallet;
	struct cli_server server;
	struct cli_change change;
	struct authz_factor_body body;
};

static const char *kind_word(uint8_t kind)
{
	return kind == AUTHZ_KEY_ED25519           ? "ed25519"
	       : kind == AUTHZ_KEY_PASSKEY_P256    ? "passkey-es256"
	       : kind == AUTHZ_KEY_PASSKEY_ED25519 ? "passkey-ed25519"
	                                           : "one-time-codes";
}

/* A factor as it is shown and named: an ed25519 key in base58, else the id in hex. */
static void name_of(const struct authz_user_key *key, char ret_text[HEX_LEN(32) + 1])
{
	if (key->kind != AUTHZ_KEY_ED25519 ||
	    base58_encode(BYTES_OF_ARRAY(key->key), ret_text, HEX_LEN(32) + 1) != STATUS_OK)
		hex_encode(BYTES_OF_ARRAY(key->key), ret_text);
}

bool cli_factor_find(const struct authz_wallet_record *wallet, const char *text,
                     struct authz_user_key *ret_key)
{
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		char name[HEX_LEN(32) + 1];

		name_of(&wallet->user_keys[i], name);
		if (strcmp(name, text) != 0)
			continue;
		*ret_key = wallet->user_keys[i];
		return true;
	}
	return false;
}

void cli_factors_out(struct cli_out *out, const struct authz_wallet_record *wallet)
{
	cli_out_open(out, '[');
	for (size_t i = 0; i < wallet->user_key_count; i++) {
		char name[HEX_LEN(32) + 1];

		name_of(&wallet->user_keys[i], name);
		cli_out_open(out, '{');
		cli_out_name(out, "kind");
		cli_out_text(out, bytes_of_text(kind_word(wallet->user_keys[i].kind)));
		cli_out_name(out, "factor");
		cli_out_text(out, bytes_of_text(name));
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

/* Connects, reads the keys and finds the wallet that the first word names. */
static int begin(struct cli_call *call, struct factor *factor)
{
	int result;

	if (call->count < 1 || factor->key_file == NULL)
		return cli_usage(call, "needs a wallet and --key FILE");
	result = cli_server_open(&factor->server, call, &factor->options);
	if (result == CLI_YES)
		result = cli_key_read(call, factor->key_file, &factor->key);
	if (result == CLI_YES)
		result = cli_wallet_find(&factor->server, &factor->key, call->arguments[0],
		                         &factor->wallet);
	if (result == CLI_YES)
		result = cli_second_take(call, &factor->second);
	return result == CLI_YES ? cli_second_for(call, &factor->second, &factor->wallet) : result;
}

/* Signs and submits factor->body; `seal` adds what goes beside it. */
static int change_factors(struct cli_call *call, struct factor *factor, const struct cli_code *code)
{
	uint8_t space[4096];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct authz_submit_answer answer;
	int result;

	if (authz_factor_put(&factor->body, &body) != STATUS_OK)
		return cli_usage(call, "that is too much for one change");
	result =
	    cli_change_begin(&factor->change, &factor->server, AUTHZ_ACTION_FACTOR, &factor->key);
	factor->change.second = &factor->second;
	factor->change.yes = factor->yes;
	factor->change.quiet = call->json;
	factor->change.first = code;
	factor->change.brought = &factor->brought;
	factor->change.brought_count = factor->has_brought;
	if (result == CLI_YES)
		result = cli_change_add(&factor->change, factor->wallet.id,
		                        factor->wallet.authority, buffer_bytes(&body));
	if (result == CLI_YES)
		result = cli_change_run(&factor->change, NULL, NULL, &answer);
	SECRET_WIPE(factor->key);
	SECRET_WIPE(factor->second.key);
	SECRET_WIPE(factor->brought);
	if (result != CLI_YES || factor->change.waits)
		return result;
	cli_answer(call->json ? "{\"changed\":true}\n" : "changed\n");
	return cli_finish(call, CLI_YES);
}

#define FACTOR_OPTIONS(factor)                                                                     \
	CLI_SERVER_OPTIONS((factor).options), {"--key", &(factor).key_file, NULL},                 \
	    {"--yes", NULL, &(factor).yes}, CLI_SECOND_OPTIONS((factor).second)

/* ---- list ---- */

/* What the signer knows of a passkey beyond its name. */
static const char *passkey_note(struct factor *factor, const struct authz_user_key *key)
{
	struct authz_factor_answer answer;
	struct bytes bytes;

	if (!authz_key_is_passkey(key->kind) ||
	    cli_query(&factor->server, &factor->key, AUTHZ_QUERY_FACTOR, key->key,
	              factor->wallet.id, &bytes) != CLI_YES ||
	    authz_factor_answer_take(bytes, &answer) != STATUS_OK)
		return "";
	return answer.backup_eligible ? "  may be copied between devices" : "  bound to its device";
}

static int run_list(struct cli_call *call)
{
	static struct factor factor;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(factor.options), {"--key", &factor.key_file, NULL}
        };
	struct cli_out out = {.file = cli_answer_file()};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	result = begin(call, &factor);
	if (result != CLI_YES)
		return result;
	if (call->json) {
		cli_factors_out(&out, &factor.wallet);
		cli_out_line(&out);
		return cli_finish(call, CLI_YES);
	}
	for (size_t i = 0; i < factor.wallet.user_key_count; i++) {
		const struct authz_user_key *key = &factor.wallet.user_keys[i];
		char name[HEX_LEN(32) + 1];

		name_of(key, name);
		printf("%-16s %s%s\n", kind_word(key->kind), name, passkey_note(&factor, key));
	}
	if (factor.wallet.has_recovery) {
		struct authz_user_key key = {.kind = AUTHZ_KEY_ED25519};
		char name[HEX_LEN(32) + 1];

		memcpy(key.key, factor.wallet.recovery, 32);
		name_of(&key, name);
		printf("%-16s %s\n", "recovery", name);
	}
	printf("what gives power waits %llu s, an export %llu s\n",
	       (unsigned long long)factor.wallet.delay_s,
	       (unsigned long long)factor.wallet.export_delay_s);
	return cli_finish(call, CLI_YES);
}

/* ---- add, remove ---- */

static int run_add(struct cli_call *call)
{
	static struct factor factor;
	const struct cli_option table[] = {FACTOR_OPTIONS(factor)};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "needs a wallet and the new key's file (claviger key new)");
	result = cli_key_read(call, call->arguments[1], &factor.brought);
	if (result == CLI_YES)
		result = begin(call, &factor);
	if (result != CLI_YES)
		return result;
	factor.body.add_count = 1;
	factor.body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(factor.body.add[0].key, keys_sign_public(&factor.brought), 32);
	factor.has_brought = true;
	return change_factors(call, &factor, NULL);
}

static int run_remove(struct cli_call *call)
{
	static struct factor factor;
	const struct cli_option table[] = {FACTOR_OPTIONS(factor)};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 2)
		return cli_usage(call, "needs a wallet and a factor (claviger factor list)");
	result = begin(call, &factor);
	if (result != CLI_YES)
		return result;
	if (!cli_factor_find(&factor.wallet, call->arguments[1], &factor.body.remove[0])) {
		cli_complain(call, "the wallet has no factor %s (claviger factor list)",
		             call->arguments[1]);
		return CLI_NO;
	}
	factor.body.remove_count = 1;
	return change_factors(call, &factor, NULL);
}

/* ---- the recovery key ---- */

static int run_recovery(struct cli_call *call)
{
	static struct factor factor;
	bool none = false;
	const struct cli_option table[] = {
	    FACTOR_OPTIONS(factor), {"--none", NULL, &none}
        };
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != (none ? 1 : 2) ||
	    (!none && base58_decode_32(bytes_of_text(call->arguments[1]), factor.body.recovery) !=
	                  STATUS_OK))
		return cli_usage(call, "needs a wallet, and an ed25519 public key or --none");
	result = begin(call, &factor);
	if (result != CLI_YES)
		return result;
	factor.body.has_recovery = !none;
	factor.body.drops_recovery = none;
	return change_factors(call, &factor, NULL);
}

/* ---- one-time codes ---- */

/* The secret is shown here and nowhere else; a code of it proves that an app has it now. */
static int show_secret(struct cli_call *call, const struct factor *factor,
                       const struct authz_enroll_answer *enrolled, uint32_t *ret_code)
{
	uint8_t space[256];
	struct buffer uri = BUFFER_OF_ARRAY(space);
	static struct cli_qr qr;
	char line[16];
	const char *at = line;
	uint64_t code = 0;
	int result = CLI_YES;

	if (authz_otpauth(&enrolled->secret, bytes_of(factor->wallet.name, factor->wallet.name_len),
	                  &uri) != STATUS_OK)
		return CLI_UNSURE;
	if (call->json)
		cli_answer("{\"otpauth\":\"%.*s\"}\n", (int)uri.len, (const char *)space);
	else
		printf("%.*s\n", (int)uri.len, (const char *)space);
	if (!call->json && (factor->qr || isatty(STDOUT_FILENO)) &&
	    cli_qr_make(buffer_bytes(&uri), &qr) == STATUS_OK)
		cli_qr_print(&qr, stdout);
	fflush(cli_answer_file());
	SECRET_WIPE(space);
	SECRET_WIPE(qr);
	fputs("Put this into an authenticator app, then type the code that it shows: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL || strlen(line) != 7 || line[6] != '\n' ||
	    !cli_take_number(&at, &code) || *at != '\n') {
		cli_complain(call, "six digits were expected; nothing was changed");
		result = CLI_NO;
	}
	*ret_code = (uint32_t)code;
	return result;
}

static int run_codes(struct cli_call *call)
{
	static struct factor factor;
	const struct cli_option table[] = {
	    FACTOR_OPTIONS(factor), {"--qr", NULL, &factor.qr}
        };
	static struct authz_enroll_answer enrolled;
	uint8_t space[128];
	struct buffer request = BUFFER_OF_ARRAY(space);
	struct cli_code code = {.is_given = true};
	struct keys_hpke_answer key;
	struct bytes answer;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "needs a wallet");
	result = begin(call, &factor);
	if (result != CLI_YES)
		return result;
	if (authz_enroll_seal(factor.server.deployment, factor.server.signer.key, &request, &key) !=
	    STATUS_OK)
		return CLI_UNSURE;
	result =
	    cli_server_ask(&factor.server, CALL_CHANGE_ENROLL, buffer_bytes(&request), &answer);
	if (result == CLI_YES && authz_enrolled_open(&key, answer, &enrolled) != STATUS_OK) {
		cli_complain(call, "the secret's answer does not open: somebody changed it");
		result = CLI_UNSURE;
	}
	SECRET_WIPE(key);
	if (result == CLI_YES)
		result = show_secret(call, &factor, &enrolled, &code.code);
	SECRET_WIPE(enrolled.secret);
	if (result != CLI_YES)
		return result;
	memcpy(code.id, enrolled.id, 32);
	factor.body.add_count = 1;
	factor.body.add[0].kind = AUTHZ_KEY_TOTP;
	memcpy(factor.body.add[0].key, enrolled.id, 32);
	factor.body.add_data[0].sealed = BYTES_OF_ARRAY(enrolled.sealed);
	return change_factors(call, &factor, &code);
}

/* ---- delays ---- */

/* Seconds, or a number with s, m, h or d behind it. */
static bool take_duration(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		const char *unit;
		uint64_t seconds;
	} units[] = {
	    {"",  1    },
            {"s", 1    },
            {"m", 60   },
            {"h", 3600 },
            {"d", 86400}
        };
	uint64_t number;

	if (!cli_take_number(&text, &number) || number > LIMIT_DELAY_MAX_S)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(text, units[i].unit) == 0) {
			*ret_seconds = number * units[i].seconds;
			return *ret_seconds <= LIMIT_DELAY_MAX_S;
		}
	return false;
}

bool cli_delays_take(const char *delay, const char *export_delay, struct authz_delays *ret_delays)
{
	*ret_delays = (struct authz_delays){.has_delay = delay != NULL,
	                                    .has_export_delay = export_delay != NULL};
	return (delay == NULL || take_duration(delay, &ret_delays->delay_s)) &&
	       (export_delay == NULL || take_duration(export_delay, &ret_delays->export_delay_s));
}

static int run_delay(struct cli_call *call)
{
	static struct factor factor;
	const char *delay = NULL, *export = NULL;
	const struct cli_option table[] = {
	    FACTOR_OPTIONS(factor),
	    {"--changes", &delay,  NULL},
	    {"--export",  &export, NULL},
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1 || (delay == NULL && export == NULL))
		return cli_usage(call, "needs a wallet, and --changes or --export");
	if (!cli_delays_take(delay, export, &factor.body.delays))
		return cli_usage(call, CLI_DELAY_WRONG);
	result = begin(call, &factor);
	return result == CLI_YES ? change_factors(call, &factor, NULL) : result;
}

const struct cli_command cli_factor_list = {
    .name = "factor list",
    .arguments = "WALLET --key USER.json",
    .sentence = "list who may change a wallet: keys, passkeys, one-time codes",
    .run = run_list,
};

const struct cli_command cli_factor_add = {
    .name = "factor add",
    .arguments = "WALLET NEW.json --key USER.json " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "give a wallet another user key",
    .run = run_add,
    .help =
        "NEW.json is the new key's file (claviger key new): the new key signs too, so nobody is\n"
        "named a factor who does not know, and no key that nobody has.\n\n"
        "From two factors on, whatever gives power needs two of them: a signature, and another\n"
        "one or a code. Any one of them still freezes, revokes, cancels and lowers limits, at\n"
        "once. Passkeys are added on the user's page.\n\n"
        "With a factor lost, sign with the one that is left: the change waits 72 h, and the lost\n"
        "one can cancel it if it reappears.\n\n" CLI_SECOND_HELP,
};

const struct cli_command cli_factor_codes = {
    .name = "factor codes",
    .arguments = "WALLET --key USER.json [--qr] " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "give a wallet one-time codes of an authenticator app (TOTP)",
    .run = run_codes,
    .help = "Prints the otpauth:// address that an app takes, once, on a terminal (or with --qr)\n"
            "as a QR code too, and reads the code that the app shows. Codes alone only take power\n"
            "away; another key is the better second factor.\n"
            "With --json as JSON lines: the secret, then what was done.\n\n" CLI_SECOND_HELP,
};

const struct cli_command cli_factor_remove = {
    .name = "factor remove",
    .arguments = "WALLET FACTOR --key USER.json " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "take a factor from a wallet",
    .run = run_remove,
    .help =
        "FACTOR is what `factor list` shows. With one of two factors lost, sign with the other\n"
        "one: the change waits 72 h, and the lost one can cancel it.\n\n" CLI_SECOND_HELP,
};

const struct cli_command cli_factor_recovery = {
    .name = "factor recovery",
    .arguments = "WALLET PUBLIC-KEY|--none --key USER.json " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "give a wallet another recovery key, or none",
    .run = run_recovery,
    .help =
        "A recovery key lies in a drawer: alone it freezes, cancels, and asks for other factors,\n"
        "which waits 72 h. Replacing it gives power, so it takes two factors where there are two,\n"
        "and waits like other changes of factors; what was asked for with the old one "
        "ends.\n\n" CLI_SECOND_HELP,
};

const struct cli_command cli_factor_delay = {
    .name = "factor delay",
    .arguments =
        "WALLET [--changes TIME] [--export TIME] --key USER.json " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "let what gives power wait, so that any factor can cancel it",
    .run = run_delay,
    .help =
        "--changes TIME   how long grants, unfreezing, higher limits and factors wait (0 at "
        "first)\n"
        "--export TIME    how long an export waits (24h at first)\n"
        "                 TIME is 90s, 15m, 24h, 7d; at most 30d. Changing a delay waits for the\n"
        "                 old one; letting exports wait less, as long as an "
        "export.\n" CLI_SECOND_HELP,
};
