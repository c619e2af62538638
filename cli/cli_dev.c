/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_dev.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_client.h"
#include "cli_file.h"
#include "cli_grant.h"
#include "cli_parameters.h"
#include "cli_wallet.h"
#include "secret.h"

#define DEV_NAME "dev"

/* The same terms as the help text says. */
static const char dev_parameters[] = "any_recipient = true\n"
                                     "max_lamports = 1000000000\n"
                                     "max_fee_lamports = 1000000\n"
                                     "allow_memo = true\n";
#define DEV_TOTAL_LAMPORTS UINT64_C(10000000000)

/* A port that nobody listens on now; another program may still take it, then the start fails. */
static bool find_port(char *text, size_t cap)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool found = fd >= 0 && bind(fd, (const struct sockaddr *)&address, len) == 0 &&
	             getsockname(fd, (struct sockaddr *)&address, &len) == 0;

	if (fd >= 0)
		close(fd);
	snprintf(text, cap, "127.0.0.1:%u", ntohs(address.sin_port));
	return found;
}

int cli_dev_folder(const struct cli_call *call, struct cli_serve *serve)
{
	snprintf(serve->state, sizeof(serve->state), "/tmp/claviger-dev-XXXXXX");
	if (mkdtemp(serve->state) == NULL || chmod(serve->state, 0700) != 0) {
		cli_complain(call, "cannot make a folder in /tmp");
		serve->state[0] = '\0';
		return CLI_UNSURE;
	}
	/* Ports that were named stay. */
	if (serve->listen == NULL && find_port(serve->listen_space, sizeof(serve->listen_space)))
		serve->listen = serve->listen_space;
	if (serve->metrics == NULL && find_port(serve->metrics_space, sizeof(serve->metrics_space)))
		serve->metrics = serve->metrics_space;
	return CLI_YES;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
	(void)info;
	(void)type;
	(void)at;
	return remove(path);
}

void cli_dev_clean(const struct cli_serve *serve)
{
	if (strncmp(serve->state, "/tmp/claviger-dev-", 18) == 0)
		(void)nftw(serve->state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The shipped transfer policy lies beside the programs. */
static int find_policy(const struct cli_call *call, char ret_path[CLI_PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", ret_path, CLI_PATH_MAX - 64);

	if (len > 0) {
		ret_path[len] = '\0';
		*strrchr(ret_path, '/') = '\0';
		snprintf(ret_path + strlen(ret_path), 64, "/../share/policies/transfer.wasm");
		if (access(ret_path, R_OK) == 0)
			return CLI_YES;
	}
	cli_complain(call, "the transfer policy is not installed beside this program");
	return CLI_UNSURE;
}

static int fill_grant(struct cli_server *server, const struct cli_serve *serve,
                      struct cli_grant *grant)
{
	static uint8_t schema_space[LIMIT_SCHEMA_MAX], values_space[LIMIT_PARAMETERS_MAX];
	struct buffer values = BUFFER_OF_ARRAY(values_space), module;
	static struct policy_schema schema;
	struct authz_module_answer answer;
	struct policy_error error;
	char path[CLI_PATH_MAX + 32], message[256];
	int result = find_policy(server->call, path);

	if (result != CLI_YES)
		return result;
	if (cli_file_read(path, LIMIT_MODULE_MAX, &module, message, sizeof(message)) != STATUS_OK) {
		cli_complain(server->call, "%s", message);
		return CLI_UNSURE;
	}
	result = cli_module_add(server, NULL, buffer_bytes(&module), &answer);
	free(module.data);
	if (result != CLI_YES)
		return result;
	memcpy(grant->body.module, answer.hash, 32);
	memcpy(schema_space, answer.schema.data, answer.schema.len);
	grant->body.schema = bytes_of(schema_space, answer.schema.len);
	snprintf(path, sizeof(path), "%s/dev.toml", serve->state);
	result = cli_home_write(server->call, path, bytes_of_text(dev_parameters), false);
	if (result != CLI_YES)
		return result;
	if (policy_schema_decode(grant->body.schema, &schema, &error) != STATUS_OK ||
	    cli_parameters_read(path, &schema, &values, message, sizeof(message)) != STATUS_OK) {
		cli_complain(server->call, "the transfer policy's parameters have changed");
		return CLI_UNSURE;
	}
	grant->body.parameters = buffer_bytes(&values);
	grant->body.counter_count = 1;
	grant->body.counters[0] = (struct authz_counter_rule){.id = 1,
	                                                      .unit = AUTHZ_UNIT_LAMPORTS,
	                                                      .window = AUTHZ_WINDOW_TOTAL,
	                                                      .cap = DEV_TOTAL_LAMPORTS};
	return CLI_YES;
}

static int make_wallet(struct cli_server *server, const struct keys_sign_key *user,
                       struct authz_wallet_record *ret_wallet)
{
	struct cli_birth wanted = {
	    .name = DEV_NAME, .user_key_count = 1, .yes = true, .quiet = true};
	static uint8_t space[AUTHZ_BIRTH_MAX];
	struct buffer buffer = BUFFER_OF_ARRAY(space);
	static struct authz_birth birth;
	int result;

	wanted.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(wanted.user_keys[0].key, keys_sign_public(user), 32);
	result = cli_wallet_create(server, user, &wanted, &buffer, &birth);
	return result == CLI_YES ? cli_wallet_find(server, user, DEV_NAME, ret_wallet) : result;
}

/* put_word writes a word for a shell: as it is, or in quotes where a shell would split it. */
static void put_word(const char *word)
{
	const char *plain =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:=@,";

	if (strspn(word, plain) == strlen(word)) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word != '\0'; word++)
		fputs(*word == '\'' ? "'\\''" : (const char[]){*word, '\0'}, stdout);
	putchar('\'');
}

static void show_exports(const char *url, const char *token, const char *ca, const char *address,
                         const char *deployment_key)
{
	printf("export VAULT_ADDR=%s\nexport VAULT_TOKEN=%s\nexport NODE_EXTRA_CA_CERTS=", url,
	       token);
	put_word(ca);
	printf("\nexport CLAVIGER_WALLET=%s\nexport CLAVIGER_ADDRESS=%s\n", DEV_NAME, address);
	printf("export CLAVIGER_SERVER=%s\nexport CLAVIGER_TOKEN=%s\nexport CLAVIGER_CA=", url,
	       token);
	put_word(ca);
	printf("\nexport CLAVIGER_DEPLOYMENT_KEY=%s\n", deployment_key);
}

int cli_dev_prepare(const struct cli_call *call, struct cli_serve *serve)
{
	char url[96], ca[CLI_PATH_MAX + 16], home[CLI_PATH_MAX + 16], path[CLI_PATH_MAX + 32],
	    token_path[CLI_PATH_MAX], token[LIMIT_TOKEN_MAX + 1], address[BASE58_LEN(32) + 1],
	    hex[HEX_LEN(32) + 1];
	struct cli_server_options options = {.server = url, .ca = ca, .home = home};
	static struct authz_wallet_record wallet;
	static struct cli_grant grant;
	struct keys_sign_key user;
	struct cli_server server;
	uint8_t ids[1][32];
	int result;

	snprintf(url, sizeof(url), "https://%s", serve->listen);
	snprintf(ca, sizeof(ca), "%s/ca.pem", serve->state);
	snprintf(home, sizeof(home), "%s/home", serve->state);
	result = cli_server_open(&server, call, &options);
	if (result != CLI_YES)
		return result;
	snprintf(path, sizeof(path), "%s/user.json", serve->state);
	if (access(path, F_OK) == 0) {
		cli_server_close(&server);
		cli_complain(call,
		             "%s holds what an earlier --dev made: start it without --dev, or "
		             "choose another folder",
		             serve->state);
		return CLI_UNSURE;
	}
	keys_sign_random(&user);
	result = cli_key_write(call, path, &user);
	grant.yes = grant.quiet = true;
	if (result == CLI_YES)
		result = cli_client_make(&server, DEV_NAME, false, grant.body.client, token_path);
	if (result == CLI_YES)
		result = make_wallet(&server, &user, &wallet);
	if (result == CLI_YES)
		result = fill_grant(&server, serve, &grant);
	if (result == CLI_YES)
		result = cli_grant_create(&server, &user, &wallet, 1, &grant, NULL, 0, ids);
	if (result == CLI_YES)
		result = cli_token_read(call, token_path, token);
	SECRET_WIPE(user);
	hex_encode(BYTES_OF_ARRAY(server.deployment_key), hex);
	cli_server_close(&server);
	if (result != CLI_YES ||
	    base58_encode(BYTES_OF_ARRAY(wallet.address), address, sizeof(address)) != STATUS_OK)
		return result != CLI_YES ? result : CLI_UNSURE;
	cli_answer_texts(call, "wallet", DEV_NAME, "address", address, "server", url, "token",
	                 token, "ca", ca, "deployment_key", hex, NULL);
	if (!call->json)
		show_exports(url, token, ca, address, hex);
	SECRET_WIPE(token);
	return CLI_YES;
}
