/* claviger client new|token|freeze|unfreeze; list is in cli_client_list.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "secret.h"

#define COMMAND_VALID_S 300

#define NO_TOKEN "%s holds no client's token: it is in clients/NAME.token of the home folder"

int cli_token_read(const struct cli_call *call, const char *path,
                   char ret_token[LIMIT_TOKEN_MAX + 1])
{
	struct buffer file;
	char message[256];
	enum status status;
	bool good = true;

	status = cli_file_read(path, LIMIT_TOKEN_MAX + 1, &file, message, sizeof(message));
	if (status != STATUS_OK) {
		if (status == STATUS_TOO_LARGE)
			cli_complain(call, NO_TOKEN, path);
		else
			cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	while (file.len > 0 && file.data[file.len - 1] == '\n')
		file.len--;
	for (size_t i = 0; i < file.len; i++)
		good &= file.data[i] > ' ' && file.data[i] <= '~'; /* a header's value */
	if (!good || file.len == 0 || file.len > LIMIT_TOKEN_MAX) {
		cli_complain(call, NO_TOKEN, path);
		return CLI_UNSURE;
	}
	memcpy(ret_token, file.data, file.len);
	ret_token[file.len] = '\0';
	secret_wipe(file.data, file.len);
	free(file.data);
	return CLI_YES;
}

/* Serials are seconds: a later token always has a higher one, on whichever machine it was made. */
static uint64_t next_serial(void)
{
	return (uint64_t)time(NULL);
}

static int put_credential(struct cli_server *server, const struct keys_sign_key *root,
                          uint64_t serial, const char *token)
{
	struct authz_credential credential = {.serial = serial, .kind = AUTHZ_CREDENTIAL_TOKEN};
	struct bytes text = bytes_of_text(token), answer;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(credential.deployment, server->deployment, 32);
	memcpy(credential.root_key, keys_sign_public(root), 32);
	keys_sha256(&text, 1, credential.hash);
	if (authz_credential_put(&credential, root, &out) != STATUS_OK)
		return CLI_UNSURE;
	return cli_server_ask(server, CALL_CHANGE_CREDENTIAL, buffer_bytes(&out), &answer);
}

/* The server may know a newer credential than this machine's clock would make. */
static uint64_t serial_after(struct cli_server *server, const struct keys_sign_key *root,
                             const uint8_t id[32])
{
	struct authz_query query = {.topic = AUTHZ_QUERY_CLIENT};
	struct authz_client_record known;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct bytes answer;
	uint64_t serial = next_serial();

	memcpy(query.deployment, server->deployment, 32);
	memcpy(query.key, keys_sign_public(root), 32);
	memcpy(query.target, id, 32);
	keys_random(query.nonce, sizeof(query.nonce));
	if (authz_query_put(&query, root, &out) == STATUS_OK &&
	    cli_server_ask(server, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == CLI_YES &&
	    authz_client_take(answer, &known) == STATUS_OK && known.serial >= serial)
		serial = known.serial + 1;
	return serial;
}

/* read_root reads the root key of a client that this home has. */
static int read_root(const struct cli_call *call, const char *name, const char *path,
                     struct keys_sign_key *ret_root)
{
	if (access(path, F_OK) != 0) {
		cli_complain(call, "no client %s here: there is no %s (claviger client list)", name,
		             path);
		return CLI_NO;
	}
	return cli_key_read(call, path, ret_root);
}

int cli_client_make(struct cli_server *server, const char *name, bool rotate, uint8_t ret_id[32],
                    char ret_token_path[CLI_PATH_MAX])
{
	char path[CLI_PATH_MAX], token[CLI_TOKEN_LEN + 2];
	struct keys_sign_key root;
	uint8_t random[32];
	uint64_t serial;
	int result;

	if (!cli_name_is_good(name))
		return cli_usage(server->call, CLI_NAME_WRONG, name, LIMIT_NAME_MAX);
	result = cli_home_path(server->call, server->home, "clients", name, ".json", path);
	if (result == CLI_YES)
		result = cli_home_path(server->call, server->home, "clients", name, ".token",
		                       ret_token_path);
	if (result != CLI_YES)
		return result;
	if (rotate) {
		result = read_root(server->call, name, path, &root);
	} else {
		keys_sign_random(&root);
		result = cli_key_write(server->call, path, &root);
	}
	if (result != CLI_YES)
		return result;
	authz_client_id(keys_sign_public(&root), ret_id);
	keys_random(random, sizeof(random));
	hex_encode(BYTES_OF_ARRAY(random), token);
	serial = rotate ? serial_after(server, &root, ret_id) : next_serial();
	result = put_credential(server, &root, serial, token);
	SECRET_WIPE(root);
	SECRET_WIPE(random);
	if (result != CLI_YES && !rotate)
		(void)unlink(path); /* nobody knows this client: the name stays free */
	if (result == CLI_YES) {
		token[CLI_TOKEN_LEN] = '\n';
		result = cli_home_write(server->call, ret_token_path,
		                        bytes_of(token, CLI_TOKEN_LEN + 1), true);
	}
	SECRET_WIPE(token);
	return result;
}

int cli_client_id(struct cli_server *server, const char *text, uint8_t ret_id[32])
{
	struct buffer out = {ret_id, 32, 0};
	struct keys_sign_key root;
	char path[CLI_PATH_MAX];
	int result;

	if (strlen(text) == 64 && hex_decode(bytes_of_text(text), &out) == STATUS_OK)
		return CLI_YES;
	if (!cli_name_is_good(text))
		return cli_usage(server->call, "%s is no client name and no client id", text);
	result = cli_home_path(server->call, server->home, "clients", text, ".json", path);
	if (result == CLI_YES)
		result = read_root(server->call, text, path, &root);
	if (result != CLI_YES)
		return result;
	authz_client_id(keys_sign_public(&root), ret_id);
	SECRET_WIPE(root);
	return CLI_YES;
}

static int make(struct cli_call *call, bool rotate)
{
	struct cli_server_options options = {.server = NULL};
	bool show_token = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--show-token", NULL, &show_token}
        };
	char path[CLI_PATH_MAX], id[HEX_LEN(32) + 1], token[LIMIT_TOKEN_MAX + 1] = "";
	struct cli_out out = {.file = cli_answer_file()};
	struct cli_server server;
	uint8_t client[32];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes the client's name");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_client_make(&server, call->arguments[0], rotate, client, path);
	if (result == CLI_YES && show_token)
		result = cli_token_read(call, path, token);
	if (result != CLI_YES)
		return result;
	hex_encode(BYTES_OF_ARRAY(client), id);
	if (call->json) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "client");
		cli_out_text(&out, bytes_of_text(id));
		cli_out_name(&out, "token_file");
		cli_out_text(&out, bytes_of_text(path));
		if (show_token) {
			cli_out_name(&out, "token");
			cli_out_text(&out, bytes_of_text(token));
		}
		cli_out_close(&out, '}');
		cli_out_line(&out);
	} else {
		printf("client %s\ntoken in %s\n", id, path);
		if (show_token)
			printf("token %s\n", token);
	}
	SECRET_WIPE(token);
	return cli_finish(call, CLI_YES);
}

static int run_new(struct cli_call *call)
{
	return make(call, false);
}

static int run_token(struct cli_call *call)
{
	return make(call, true);
}

/* ---- operators ---- */

/* sign_command makes a command that is to be obeyed at once. */
static int sign_command(struct cli_server *server, const char *operator_file, uint8_t action,
                        const uint8_t target[32], struct buffer *out)
{
	struct authz_command order = {.action = action};
	struct keys_sign_key key;
	struct timespec now;
	int result = cli_key_read(server->call, operator_file, &key);

	if (result != CLI_YES)
		return result;
	/* Two commands in one second still have their order. */
	clock_gettime(CLOCK_REALTIME, &now);
	order.serial = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	order.expires_s = (uint64_t)now.tv_sec + COMMAND_VALID_S;
	memcpy(order.target, target, 32);
	memcpy(order.deployment, server->deployment, 32);
	memcpy(order.operator_key, keys_sign_public(&key), 32);
	if (authz_command_put(&order, &key, out) != STATUS_OK)
		result = CLI_UNSURE;
	SECRET_WIPE(key);
	return result;
}

int cli_operator_command(struct cli_server *server, const char *operator_file, uint8_t action,
                         const uint8_t target[32])
{
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct bytes answer;
	int result = sign_command(server, operator_file, action, target, &out);

	return result == CLI_YES
	           ? cli_server_ask(server, CALL_CHANGE_OPERATOR, buffer_bytes(&out), &answer)
	           : result;
}

int cli_operator_install(struct cli_server *server, const char *operator_file, uint8_t action,
                         struct bytes content)
{
	static uint8_t whole[AUTHZ_INSTALL_MAX + AUTHZ_STATEMENT_MAX + 64];
	uint8_t space[AUTHZ_STATEMENT_MAX], hash[32];
	struct buffer command = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(whole);
	struct authz_install install = {.content = content};
	struct bytes answer;
	int result;

	keys_sha256(&content, 1, hash);
	result = sign_command(server, operator_file, action, hash, &command);
	if (result != CLI_YES)
		return result;
	install.command = buffer_bytes(&command);
	if (content.len > AUTHZ_INSTALL_MAX || authz_install_put(&install, &out) != STATUS_OK)
		return cli_usage(server->call, "more than %u bytes", AUTHZ_INSTALL_MAX);
	return cli_server_ask(server, CALL_CHANGE_INSTALL, buffer_bytes(&out), &answer);
}

static int command(struct cli_call *call, enum authz_command_action one,
                   enum authz_command_action all)
{
	struct cli_server_options options = {.server = NULL};
	const char *operator_file = NULL;
	bool everything = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--operator", &operator_file, NULL       },
	    {"--all",      NULL,           &everything},
	};
	uint8_t client[32] = {0};
	struct cli_server server;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (operator_file == NULL || call->count != (everything ? 0 : 1))
		return cli_usage(call, "needs --operator FILE, and a client or --all");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES && !everything)
		result = cli_client_id(&server, call->arguments[0], client);
	if (result == CLI_YES)
		result = cli_operator_command(&server, operator_file,
		                              (uint8_t)(everything ? all : one), client);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

static int run_freeze(struct cli_call *call)
{
	return command(call, AUTHZ_COMMAND_FREEZE_CLIENT, AUTHZ_COMMAND_FREEZE_ALL);
}

static int run_unfreeze(struct cli_call *call)
{
	return command(call, AUTHZ_COMMAND_UNFREEZE_CLIENT, AUTHZ_COMMAND_UNFREEZE_ALL);
}

const struct cli_command cli_client_new = {
    .name = "client new",
    .arguments = "NAME [--show-token]",
    .sentence = "make a client (a bot): its root key, its token, and register it",
    .run = run_new,
    .help = "The root key stays in the home folder (clients/NAME.json) and signs the client's\n"
            "credentials; the bot only needs the token (clients/NAME.token). A client can do\n"
            "nothing until a wallet's user grants it something.\n",
};

const struct cli_command cli_client_token = {
    .name = "client token",
    .arguments = "NAME [--show-token]",
    .sentence = "make a new token for a client; the old one ends at once",
    .run = run_token,
};

const struct cli_command cli_client_freeze = {
    .name = "client freeze",
    .arguments = "NAME|ID|--all --operator FILE",
    .sentence = "as operator, stop a client (or all) from signing at once",
    .run = run_freeze,
};

const struct cli_command cli_client_unfreeze = {
    .name = "client unfreeze",
    .arguments = "NAME|ID|--all --operator FILE",
    .sentence = "as operator, lift an operator's freeze",
    .run = run_unfreeze,
};
