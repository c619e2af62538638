/* claviger key new|show: an ed25519 key of a user, in the form of solana-keygen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_home.h"
#include "cli_out.h"
#include "secret.h"

static int show(const struct cli_call *call, const char *kind, const uint8_t public[32])
{
	char text[BASE58_LEN(32) + 1];

	if (base58_encode(bytes_of(public, 32), text, sizeof(text)) != STATUS_OK)
		return CLI_UNSURE;
	if (call->json)
		cli_answer("{\"%s\":\"%s\"}\n", kind, text);
	else
		printf("%s\n", text);
	return cli_finish(call, CLI_YES);
}

static int run_new(struct cli_call *call)
{
	struct keys_sign_key key;
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the file to write");
	keys_open();
	keys_sign_random(&key);
	result = cli_key_write(call, call->arguments[0], &key);
	if (result == CLI_YES)
		result = show(call, "public_key", keys_sign_public(&key));
	SECRET_WIPE(key);
	return result;
}

static int run_show(struct cli_call *call)
{
	uint8_t escape[32];
	struct keys_sign_key key;
	int result;

	if (!cli_take_options(call, NULL, 0))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a key file");
	keys_open();
	if (cli_escape_is(call->arguments[0], escape))
		return show(call, "escape_key", escape);
	result = cli_key_read(call, call->arguments[0], &key);
	if (result == CLI_YES)
		result = show(call, "public_key", keys_sign_public(&key));
	SECRET_WIPE(key);
	return result;
}

const struct cli_command cli_key_new = {
    .name = "key new",
    .arguments = "FILE",
    .sentence = "make a user key (a Solana keypair file) and print its public key",
    .run = run_new,
};

const struct cli_command cli_key_show = {
    .name = "key show",
    .arguments = "FILE",
    .sentence = "print the public key of a key file, an escape key's too",
    .run = run_show,
};
