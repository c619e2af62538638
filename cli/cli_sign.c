/* claviger sign: asks for one signature as a bot would, over the native API. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base_encode.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"

#define INPUT_MAX 65536

/* Base64 with the white space of files around it. */
static int read_input(struct cli_call *call, const char *path, struct buffer *ret_text)
{
	static uint8_t space[INPUT_MAX];
	struct buffer decoded;
	char message[256];
	size_t kept = 0;

	if (cli_file_read(path, INPUT_MAX, ret_text, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	for (size_t i = 0; i < ret_text->len; i++)
		if (strchr(" \t\r\n", ret_text->data[i]) == NULL)
			ret_text->data[kept++] = ret_text->data[i];
	ret_text->len = kept;
	decoded = BUFFER_OF_ARRAY(space);
	if (kept != 0 && base64_decode(buffer_bytes(ret_text), &decoded) == STATUS_OK)
		return CLI_YES;
	cli_complain(call, "%s %s", path,
	             kept == 0 ? "is empty; base64 is expected" : "is not base64");
	return CLI_NO;
}

static void show_line(const char *before, struct bytes text)
{
	fputs(before, stdout);
	cli_out_plain(stdout, text);
	putchar('\n');
}

static void show_verdict(const struct cli_json_file *file, bool allowed)
{
	const struct cli_json_node *reasons = cli_json_member(file->root, "reasons");
	struct bytes text;
	size_t count = 0;

	puts(allowed ? "allowed" : "denied");
	(void)!cli_json_count(reasons, &count);
	for (size_t i = 0; i < count; i++)
		if (cli_json_text(cli_json_member(cli_json_item(reasons, i), "text"), &text) &&
		    text.len != 0)
			show_line("  ", text);
}

static int show_answer(struct cli_call *call, const struct cli_server *server)
{
	struct cli_json_file file;
	struct bytes signature, verdict;
	int result = cli_server_json(server, &file);

	if (result != CLI_YES)
		return result;
	/* A dry run that was decided is an answer, and its no is a clear no. */
	if (cli_json_text(cli_json_member(file.root, "verdict"), &verdict) &&
	    !bytes_equal(verdict, bytes_of_text("allow")))
		result = CLI_NO;
	if (call->json)
		cli_answer("%.*s\n", (int)server->body.len, (const char *)server->body.data);
	else if (cli_json_text(cli_json_member(file.root, "signature"), &signature))
		show_line("", signature);
	else
		show_verdict(&file, result == CLI_YES);
	cli_json_close(&file);
	return cli_finish(call, result);
}

static int run_sign(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *wallet = NULL, *token_file = NULL, *transaction = NULL, *message = NULL,
	           *grant = NULL, *origin = NULL;
	bool dry_run = false, wire = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),          {"--wallet",          &wallet,      NULL    },
	    {"--token-file",      &token_file,  NULL    },
                      {"--transaction",     &transaction, NULL    },
	    {"--message",         &message,     NULL    },
                      {"--grant",           &grant,       NULL    },
	    {"--nonce-blockhash", &origin,      NULL    },
                      {"--wire",            NULL,         &wire   },
	    {"--dry-run",         NULL,         &dry_run},
	};
	char token[LIMIT_TOKEN_MAX + 1], *body;
	uint8_t blockhash[32];
	struct cli_server server;
	struct buffer input;
	unsigned status;
	int result, len;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || wallet == NULL || token_file == NULL ||
	    (transaction == NULL) == (message == NULL))
		return cli_usage(
		    call, "needs --wallet, --token-file, and either --transaction or --message");
	if (strchr(wallet, '"') != NULL || (grant != NULL && strchr(grant, '"') != NULL))
		return cli_usage(call, "a name has letters, digits, '_' and '-'");
	if (origin != NULL && base58_decode_32(bytes_of_text(origin), blockhash) != STATUS_OK)
		return cli_usage(call, "--nonce-blockhash takes a blockhash in base58");
	result = read_input(call, transaction != NULL ? transaction : message, &input);
	if (result == CLI_YES)
		result = cli_token_read(call, token_file, token);
	if (result == CLI_YES)
		result = cli_server_connect(&server, call, &options);
	if (result != CLI_YES)
		return result;
	body = malloc(input.len + 1024);
	if (body == NULL)
		return CLI_UNSURE;
	len = snprintf(body, input.len + 1024,
	               "{\"wallet\":\"%.128s\",%s%.80s%s%s%.80s%s\"%s\":\"%.*s\"%s}", wallet,
	               grant != NULL ? "\"grant\":\"" : "", grant != NULL ? grant : "",
	               grant != NULL ? "\"," : "", origin != NULL ? "\"nonce_blockhash\":\"" : "",
	               origin != NULL ? origin : "", origin != NULL ? "\"," : "",
	               transaction != NULL ? "transaction" : "message", (int)input.len,
	               (const char *)input.data, wire ? ",\"wire\":true" : "");
	result = cli_server_http(&server, "POST", dry_run ? "/api/v1/check" : "/api/v1/sign", token,
	                         bytes_of(body, (size_t)len), &status);
	free(body);
	free(input.data);
	return result == CLI_YES ? show_answer(call, &server) : result;
}

const struct cli_command cli_sign = {
    .name = "sign",
    .arguments = "--wallet W --token-file F (--transaction|--message FILE|-) [--grant ID] "
                 "[--nonce-blockhash B] [--wire] [--dry-run]",
    .sentence = "ask for a signature, as a bot does",
    .run = run_sign,
    .help = "FILE holds base64: a transaction (wire form or message), or an off-chain message.\n"
            "--grant ID  ask this grant only (hex, as `grant list` shows it); else all are tried\n"
            "--nonce-blockhash B  the blockhash of which the transaction's durable nonce is made, "
            "which\n"
            "            proves it to be one: then transactions on one nonce count as the largest\n"
            "--dry-run   decide only: nothing is signed or counted\n"
            "--wire      answer with the signed transaction too\n",
};
