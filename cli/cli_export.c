/* claviger wallet export: the user takes his key and goes (S18). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authz_ask.h"
#include "authz_export.h"
#include "base_encode.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_wallet.h"
#include "keys_hpke.h"
#include "secret.h"

#define SEALED_MAX (AUTHZ_EXPORT_TEXT_MAX + KEYS_HPKE_OVERHEAD_LEN)

/* What is needed to open an export when it comes, in a file while it waits. The secret is the
 * recipient's; without one somebody else is, and opens it with `wallet recover`. */
struct ticket {
	uint8_t deployment[32], wallet[32], address[32], change[32], secret[32];
	uint8_t format;
	bool has_secret;
	uint8_t sealed_space[SEALED_MAX];
	struct buffer sealed;
};

static const char *const format_words[AUTHZ_EXPORT_FORMAT_COUNT] = {
    [AUTHZ_EXPORT_KEYPAIR] = "keypair",
    [AUTHZ_EXPORT_BASE58] = "base58",
    [AUTHZ_EXPORT_PKCS8] = "pkcs8",
};

static bool take_format(struct bytes text, uint8_t *ret_format)
{
	for (uint8_t i = 1; i < AUTHZ_EXPORT_FORMAT_COUNT; i++)
		if (bytes_equal(text, bytes_of_text(format_words[i]))) {
			*ret_format = i;
			return true;
		}
	return false;
}

/* ---- the file of an export that waits, or that is for somebody else ---- */

static int write_ticket(struct cli_call *call, const char *path, const struct ticket *ticket)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);
	struct cli_out out = {.file = file};
	int result;

	if (file == NULL)
		return CLI_UNSURE;
	cli_out_open(&out, '{');
	cli_out_name(&out, "claviger_export");
	cli_out_number(&out, 1);
	cli_out_name(&out, "deployment");
	cli_out_hex(&out, BYTES_OF_ARRAY(ticket->deployment));
	cli_out_name(&out, "wallet");
	cli_out_hex(&out, BYTES_OF_ARRAY(ticket->wallet));
	cli_out_name(&out, "address");
	cli_out_base58(&out, BYTES_OF_ARRAY(ticket->address));
	cli_out_name(&out, "change");
	cli_out_hex(&out, BYTES_OF_ARRAY(ticket->change));
	cli_out_name(&out, "format");
	cli_out_text(&out, bytes_of_text(format_words[ticket->format]));
	if (ticket->has_secret) {
		cli_out_name(&out, "secret");
		cli_out_hex(&out, BYTES_OF_ARRAY(ticket->secret));
	}
	if (ticket->sealed.len != 0) {
		cli_out_name(&out, "sealed");
		cli_out_hex(&out, buffer_bytes(&ticket->sealed));
	}
	cli_out_close(&out, '}');
	cli_out_line(&out);
	if (fclose(file) != 0)
		return CLI_UNSURE;
	result = cli_home_write(call, path, bytes_of(text, len), true);
	secret_wipe(text, len);
	free(text);
	return result;
}

static int read_ticket(struct cli_call *call, const char *path, struct ticket *ret_ticket)
{
	struct buffer deployment = BUFFER_OF_ARRAY(ret_ticket->deployment),
	              wallet = BUFFER_OF_ARRAY(ret_ticket->wallet),
	              change = BUFFER_OF_ARRAY(ret_ticket->change),
	              secret = BUFFER_OF_ARRAY(ret_ticket->secret);
	const struct cli_json_node *sealed, *key;
	struct cli_json_file file;
	struct bytes text, format;
	char message[256];
	bool good;

	if (cli_json_open(path, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	ret_ticket->sealed = BUFFER_OF_ARRAY(ret_ticket->sealed_space);
	sealed = cli_json_member(file.root, "sealed");
	key = cli_json_member(file.root, "secret");
	good = cli_json_hex(cli_json_member(file.root, "deployment"), &deployment) &&
	       cli_json_hex(cli_json_member(file.root, "wallet"), &wallet) &&
	       cli_json_hex(cli_json_member(file.root, "change"), &change) &&
	       cli_json_text(cli_json_member(file.root, "address"), &text) &&
	       base58_decode_32(text, ret_ticket->address) == STATUS_OK &&
	       cli_json_text(cli_json_member(file.root, "format"), &format) &&
	       take_format(format, &ret_ticket->format) && deployment.len == 32 &&
	       wallet.len == 32 && change.len == 32 &&
	       (sealed == NULL || cli_json_hex(sealed, &ret_ticket->sealed)) &&
	       (key == NULL || (cli_json_hex(key, &secret) && secret.len == 32));
	ret_ticket->has_secret = key != NULL;
	cli_json_close(&file);
	if (good)
		return CLI_YES;
	cli_complain(call, "%s is no file of an export", path);
	return CLI_NO;
}

/* ---- opening ---- */

/* DER as PEM (RFC 7468), which openssl and others take. */
static void put_pem(struct bytes der, struct buffer *out)
{
	char text[BASE64_LEN(64) + 1];
	int len;

	base64_encode(der, text);
	len = snprintf((char *)out->data, out->cap,
	               "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", text);
	out->len = len > 0 && (size_t)len < out->cap ? (size_t)len : 0;
	SECRET_WIPE(text);
}

/* Text forms are files as they are; DER is put into PEM. */
static struct bytes in_file_form(uint8_t format, const struct buffer *written, struct buffer *pem)
{
	if (format != AUTHZ_EXPORT_PKCS8)
		return buffer_bytes(written);
	put_pem(buffer_bytes(written), pem);
	return buffer_bytes(pem);
}

/* Opens what came, checks that it is this wallet's key, and writes it as it was asked for. */
static int open_ticket(struct cli_call *call, const struct ticket *ticket, const uint8_t secret[32],
                       const char *path)
{
	uint8_t space[AUTHZ_EXPORT_TEXT_MAX], pem_space[256];
	struct buffer written = BUFFER_OF_ARRAY(space), pem = BUFFER_OF_ARRAY(pem_space);
	struct keys_sign_key key;
	int result = CLI_NO;

	if (authz_export_open(secret, ticket->deployment, ticket->wallet, ticket->change,
	                      buffer_bytes(&ticket->sealed), &written) != STATUS_OK)
		cli_complain(call, "this export was not sealed to this key, or is damaged");
	else if (authz_export_read(buffer_bytes(&written), ticket->format, &key) != STATUS_OK ||
	         memcmp(keys_sign_public(&key), ticket->address, 32) != 0)
		cli_complain(call, "what was sealed is not the wallet's key; do not use it");
	else
		result =
		    cli_home_create(call, path, in_file_form(ticket->format, &written, &pem), true);
	SECRET_WIPE(space);
	SECRET_WIPE(pem_space);
	SECRET_WIPE(key);
	return result;
}

int cli_export_open(struct cli_call *call, const char *file, const uint8_t own[32],
                    const char *path)
{
	static struct ticket ticket;
	int result = read_ticket(call, file, &ticket);

	if (result == CLI_YES && ticket.sealed.len == 0) {
		cli_complain(call, "%s holds no key yet: finish the export first", file);
		result = CLI_NO;
	}
	return result == CLI_YES ? open_ticket(call, &ticket, own, path) : result;
}

/* The export is here: opened for its owner, or kept as it is for who is named by --to. */
static int deliver(struct cli_call *call, struct ticket *ticket, struct bytes sealed,
                   const char *path)
{
	int result;

	ticket->sealed = BUFFER_OF_ARRAY(ticket->sealed_space);
	if (buffer_put(&ticket->sealed, sealed) != STATUS_OK) {
		cli_complain(call, "the answer is not well-formed");
		return CLI_UNSURE;
	}
	result = ticket->has_secret ? open_ticket(call, ticket, ticket->secret, path)
	                            : write_ticket(call, path, ticket);
	if (result != CLI_YES)
		return result;
	cli_answer_texts(call, "exported", path, NULL);
	if (!call->json)
		printf("exported to %s\n", path);
	return cli_finish(call, CLI_YES);
}

/* ---- the command ---- */

struct export
{
	struct cli_server_options options;
	const char *key_file, *to, *format, *out, *finish;
	struct cli_second second;
	bool yes;
	struct keys_sign_key key;
	struct cli_server server;
	struct ticket ticket;
};

static int finish(struct cli_call *call, struct export *export)
{
	struct ticket *ticket = &export->ticket;
	static struct authz_submit_answer answer;
	struct authz_complete complete;
	uint8_t space[128];
	struct buffer request = BUFFER_OF_ARRAY(space);
	struct bytes bytes;
	int result = read_ticket(call, export->finish, ticket);

	if (result == CLI_YES)
		result = cli_server_open(&export->server, call, &export->options);
	if (result != CLI_YES)
		return result;
	memcpy(complete.change, ticket->change, 32);
	memcpy(complete.wallet, ticket->wallet, 32);
	if (authz_complete_put(&complete, &request) != STATUS_OK)
		return CLI_UNSURE;
	result =
	    cli_server_ask(&export->server, CALL_CHANGE_COMPLETE, buffer_bytes(&request), &bytes);
	if (result == CLI_YES && authz_submit_answer_take(bytes, &answer) != STATUS_OK)
		result = CLI_UNSURE;
	if (result == CLI_YES)
		result = deliver(call, ticket, answer.export, export->out);
	if (result == CLI_YES)
		(void)unlink(export->finish);
	SECRET_WIPE(ticket->secret);
	return result;
}

/* Whom the key goes to: the one named, or a key made for this export. */
static int choose_recipient(struct cli_call *call, struct export *export, uint8_t ret_public[32])
{
	struct keys_hpke_key pair;

	if (export->to != NULL)
		return base58_decode_32(bytes_of_text(export->to), ret_public) == STATUS_OK
		           ? CLI_YES
		           : cli_usage(call,
		                       "--to takes an X25519 public key (claviger key escape)");
	keys_hpke_random(&pair);
	memcpy(ret_public, pair.public, 32);
	memcpy(export->ticket.secret, pair.secret, 32);
	export->ticket.has_secret = true;
	SECRET_WIPE(pair);
	return CLI_YES;
}

static int ask(struct cli_call *call, struct export *export)
{
	static struct authz_wallet_record wallet;
	static struct cli_change change;
	static struct authz_submit_answer answer;
	struct authz_export_body body = {.format = export->ticket.format};
	char path[CLI_PATH_MAX];
	uint8_t space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);
	int result = cli_server_open(&export->server, call, &export->options);

	if (result == CLI_YES)
		result = cli_key_read(call, export->key_file, &export->key);
	if (result == CLI_YES)
		result =
		    cli_wallet_find(&export->server, &export->key, call->arguments[0], &wallet);
	if (result == CLI_YES)
		result = cli_second_take(call, &export->second);
	if (result == CLI_YES)
		result = cli_second_for(call, &export->second, &wallet);
	if (result == CLI_YES)
		result = choose_recipient(call, export, body.recipient);
	if (result != CLI_YES)
		return result;
	if (authz_export_put(&body, &out) != STATUS_OK)
		return CLI_UNSURE;
	change = (struct cli_change){.key = &export->key,
	                             .second = &export->second,
	                             .yes = export->yes,
	                             .quiet = call->json};
	result = cli_change_one(&change, &export->server, AUTHZ_ACTION_EXPORT, &wallet,
	                        buffer_bytes(&out), &answer);
	if (result != CLI_YES)
		return result;
	memcpy(export->ticket.deployment, export->server.deployment, 32);
	memcpy(export->ticket.wallet, wallet.id, 32);
	memcpy(export->ticket.address, wallet.address, 32);
	authz_change_hash(buffer_bytes(&change.bytes), export->ticket.change);
	if (!change.waits)
		return deliver(call, &export->ticket, answer.export, export->out);
	snprintf(path, sizeof(path), "%s.request", export->out);
	result = write_ticket(call, path, &export->ticket);
	if (result == CLI_YES && !call->json)
		printf("or rather, to get the key:\nclaviger wallet export --finish %s --out %s\n",
		       path, export->out);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

static int run_export(struct cli_call *call)
{
	static struct export export;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(export.options), {"--key",    &export.key_file, NULL       },
	    {"--to",     &export.to,       NULL       },
             {"--format", &export.format,   NULL       },
	    {"--out",    &export.out,      NULL       },
             {"--finish", &export.finish,   NULL       },
	    {"--yes",    NULL,             &export.yes},
             CLI_SECOND_OPTIONS(export.second),
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (export.out == NULL || strlen(export.out) > CLI_PATH_MAX - 16)
		return cli_usage(call, "needs --out FILE");
	if (access(export.out, F_OK) == 0) {
		cli_complain(call, "%s exists already and is not replaced", export.out);
		return CLI_UNSURE;
	}
	keys_open();
	if (export.finish != NULL && call->count == 0)
		return finish(call, &export);
	if (call->count != 1 || export.key_file == NULL || export.finish != NULL)
		return cli_usage(call, "needs a wallet and --key FILE, or --finish FILE");
	if (!take_format(bytes_of_text(export.format != NULL ? export.format : "keypair"),
	                 &export.ticket.format))
		return cli_usage(call, "--format is keypair, base58 or pkcs8");
	result = ask(call, &export);
	SECRET_WIPE(export.key);
	SECRET_WIPE(export.second.key);
	SECRET_WIPE(export.ticket.secret);
	return result;
}

const struct cli_command cli_wallet_export = {
    .name = "wallet export",
    .arguments = "(WALLET --key USER.json (--second KEY2.json | --code N) [--format F] [--to KEY] "
                 "[--yes] | --finish FILE.request) --out FILE",
    .sentence = "take a wallet's key and go: two factors, a delay, and the key is yours",
    .run = run_export,
    .help =
        "Waits 24 h, or as long as `factor delay --export` says; any factor can cancel it\n"
        "meanwhile. Then --finish gets the key: nobody on the way can read it. Whoever has it can\n"
        "move everything, past every grant and limit, and the wallet says so from then on.\n\n"
        "--format F   keypair (a file as solana-keygen makes it), base58, pkcs8 (PEM)\n"
        "--to KEY     the X25519 key of somebody else (claviger key escape), who opens FILE with\n"
        "             `claviger wallet recover`; else a key is made for this one export and kept "
        "in\n"
        "             FILE.request\n" CLI_SECOND_HELP,
};
