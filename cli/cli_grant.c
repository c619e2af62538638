/* claviger grant create|link|list, change submit, policy add. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_grant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authz_ask.h"
#include "base_encode.h"
#include "call_sign.h"
#include "cli_audit.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_out.h"
#include "cli_parameters.h"
#include "cli_policy.h"
#include "cli_tables.h"
#include "secret.h"

#define WALLETS_MAX LIMIT_CHANGE_WALLETS_MAX
#define PINS_MAX    LIMIT_TABLE_PINS_MAX

int cli_module_add(struct cli_server *server, const struct keys_sign_key *key, struct bytes module,
                   struct authz_module_answer *ret_answer)
{
	struct authz_query who = {.topic = AUTHZ_QUERY_MODULE};
	struct authz_module_add add = {.module = module};
	uint8_t who_space[AUTHZ_STATEMENT_MAX];
	struct buffer said = BUFFER_OF_ARRAY(who_space),
	              out = {malloc(AUTHZ_ENVELOPE_PAYLOAD_MAX), AUTHZ_ENVELOPE_PAYLOAD_MAX, 0};
	struct bytes answer;
	int result = CLI_UNSURE;

	keys_sha256(&module, 1, who.target);
	if (key != NULL)
		result = cli_query_put(server, key, &who, &said);
	add.query = buffer_bytes(&said);
	if (out.data != NULL && (key == NULL || result == CLI_YES) &&
	    authz_module_add_put(&add, &out) == STATUS_OK)
		result =
		    cli_server_ask(server, CALL_CHANGE_MODULE_ADD, buffer_bytes(&out), &answer);
	else
		result = CLI_UNSURE;
	free(out.data);
	if (result == CLI_YES && authz_module_answer_take(answer, ret_answer) != STATUS_OK)
		result = CLI_UNSURE;
	return result;
}

static int run_policy_add(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *key_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--key", &key_file, NULL}
        };
	struct keys_sign_key key = {.bytes = {0}};
	struct authz_module_answer answer;
	char message[256], hash[HEX_LEN(32) + 1];
	struct cli_server server;
	struct buffer module;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a module (WASM file)");
	if (cli_file_read(call->arguments[0], LIMIT_MODULE_MAX, &module, message,
	                  sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (cli_policy_is_none(call, buffer_bytes(&module), call->arguments[0]))
		return CLI_NO;
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES && key_file != NULL)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_module_add(&server, key_file != NULL ? &key : NULL,
		                        buffer_bytes(&module), &answer);
	SECRET_WIPE(key);
	if (result != CLI_YES)
		return result;
	hex_encode(BYTES_OF_ARRAY(answer.hash), hash);
	if (call->json)
		cli_answer("{\"module\":\"%s\",\"known\":%s,\"ships\":%s,\"name\":\"%.*s\"}\n",
		           hash, answer.module_kind != AUTHZ_MODULE_CUSTOM ? "true" : "false",
		           answer.module_kind == AUTHZ_MODULE_SHIPPED ? "true" : "false",
		           (int)answer.name.len, (const char *)answer.name.data);
	else
		printf("%s %s\n", hash,
		       answer.module_kind == AUTHZ_MODULE_CUSTOM   ? "custom"
		       : answer.module_kind == AUTHZ_MODULE_INTENT ? "intent"
		                                                   : "known");
	return cli_finish(call, CLI_YES);
}

/* ---- what a grant says ---- */

/* "30s", "15m", "12h", "30d" from now, or seconds since 1970. */
static bool take_time(const char *text, uint64_t *ret_time)
{
	const char *end = text;
	uint64_t number, unit;

	if (!cli_take_number(&end, &number))
		return false;
	if (*end == '\0') {
		*ret_time = number;
		return true;
	}
	unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 0;
	if (unit == 0 || end[1] != '\0' || number > UINT32_MAX)
		return false;
	*ret_time = (uint64_t)time(NULL) + number * unit;
	return true;
}

bool cli_cap_take(const char *text, struct authz_counter_rule *ret_rule)
{
	const char *window = strchr(text, ':'),
	           *cap = window != NULL ? strchr(window + 1, ':') : NULL;
	size_t unit_len, window_len;

	if (cap == NULL)
		return false;
	unit_len = (size_t)(window - text);
	window_len = (size_t)(cap - window - 1);
	if (unit_len == 8 && memcmp(text, "lamports", 8) == 0)
		ret_rule->unit = AUTHZ_UNIT_LAMPORTS;
	else if (unit_len == 4 && memcmp(text, "uses", 4) == 0)
		ret_rule->unit = AUTHZ_UNIT_USES;
	else if (unit_len > 5 && memcmp(text, "mint=", 5) == 0 &&
	         base58_decode_32(bytes_of(text + 5, unit_len - 5), ret_rule->mint) == STATUS_OK)
		ret_rule->unit = AUTHZ_UNIT_MINT;
	else
		return false;
	if (window_len == 5 && memcmp(window + 1, "total", 5) == 0)
		ret_rule->window = AUTHZ_WINDOW_TOTAL;
	else if (window_len == 2 && memcmp(window + 1, "1h", 2) == 0)
		ret_rule->window = AUTHZ_WINDOW_HOUR;
	else if (window_len == 3 && memcmp(window + 1, "24h", 3) == 0)
		ret_rule->window = AUTHZ_WINDOW_DAY;
	else
		return false;
	cap++;
	return cli_take_number(&cap, &ret_rule->cap) && *cap == '\0' && ret_rule->cap > 0;
}

bool cli_each_word(const char *text, bool (*take)(void *context, const char *word), void *context)
{
	char word[256];

	/* An empty word is wrong: a script's unset variable must not make a grant without caps. */
	while (text != NULL) {
		size_t len = strcspn(text, ",");

		if (len == 0 || len >= sizeof(word))
			return false;
		snprintf(word, sizeof(word), "%.*s", (int)len, text);
		if (!take(context, word))
			return false;
		text = text[len] == ',' ? text + len + 1 : NULL;
	}
	return true;
}

static bool add_cap(void *context, const char *word)
{
	struct authz_grant_body *body = (struct authz_grant_body *)context;
	struct authz_counter_rule *rule = &body->counters[body->counter_count];

	if (body->counter_count == LIMIT_COUNTERS_MAX)
		return false;
	*rule = (struct authz_counter_rule){.id = (uint8_t)(body->counter_count + 1)};
	if (!cli_cap_take(word, rule))
		return false;
	body->counter_count++;
	return true;
}

static bool add_nonce(void *context, const char *word)
{
	struct authz_grant_body *body = (struct authz_grant_body *)context;
	size_t at = body->nonce_account_count;
	uint8_t key[32];

	if (at == AUTHZ_NONCE_ACCOUNTS_MAX ||
	    base58_decode_32(bytes_of_text(word), key) != STATUS_OK)
		return false;
	/* Lists of keys stand in order. */
	for (; at > 0 && memcmp(body->nonce_accounts[at - 1], key, 32) > 0; at--)
		memcpy(body->nonce_accounts[at], body->nonce_accounts[at - 1], 32);
	memcpy(body->nonce_accounts[at], key, 32);
	body->nonce_account_count++;
	return true;
}

struct pins {
	const struct cli_tables *from;
	struct authz_grant_body *body;
	struct authz_table_contents contents[PINS_MAX];
	size_t count;
};

/* TABLE:N, the first N entries of that table as the file has them. */
static bool add_pin(void *context, const char *word)
{
	struct pins *pins = (struct pins *)context;
	const char *colon = strchr(word, ':');
	struct authz_pin_body *pin;
	uint8_t *addresses, table[32];
	const char *end;
	uint64_t count;

	if (colon == NULL || pins->count == PINS_MAX ||
	    base58_decode_32(bytes_of(word, (size_t)(colon - word)), table) != STATUS_OK)
		return false;
	end = colon + 1;
	if (!cli_take_number(&end, &count) || *end != '\0' || count == 0 ||
	    count > AUTHZ_TABLE_ENTRIES_MAX)
		return false;
	addresses = malloc(count * 32);
	for (size_t i = 0; addresses != NULL && i < count; i++) {
		const uint8_t *address = cli_tables_find(pins->from, table, (uint8_t)i);

		if (address == NULL)
			return false;
		memcpy(addresses + i * 32, address, 32);
	}
	pin = &pins->body->pins[pins->count];
	memcpy(pin->table, table, 32);
	pin->count = (uint16_t)count;
	memcpy(pins->contents[pins->count].table, table, 32);
	pins->contents[pins->count].addresses = bytes_of(addresses, count * 32);
	keys_sha256(&pins->contents[pins->count].addresses, 1, pin->hash);
	pins->body->pin_count = ++pins->count;
	return true;
}

int cli_grant_create(struct cli_server *server, const struct keys_sign_key *key,
                     const struct authz_wallet_record *wallets, size_t count,
                     struct cli_grant *grant, const struct authz_table_contents *tables,
                     size_t table_count, uint8_t (*ret_ids)[32])
{
	static uint8_t encoded[AUTHZ_GRANT_BODY_MAX];
	static struct cli_change change;
	struct buffer body = BUFFER_OF_ARRAY(encoded);
	struct authz_submit_answer answer;
	int result;

	if (authz_grant_put(&grant->body, &body) != STATUS_OK)
		return cli_usage(server->call, "the grant is too large");
	result = cli_change_begin(&change, server, AUTHZ_ACTION_GRANT, key);
	change.yes = grant->yes;
	change.quiet = grant->quiet;
	change.keep = grant->keep;
	change.hold = grant->hold;
	change.second = &grant->second;
	for (size_t i = 0; result == CLI_YES && i < table_count; i++)
		change.given.tables[change.given.table_count++] = tables[i];
	for (size_t i = 0; result == CLI_YES && i < count; i++)
		result = cli_change_add(&change, wallets[i].id, wallets[i].authority,
		                        buffer_bytes(&body));
	if (result == CLI_YES)
		result = cli_change_run(&change, NULL, NULL, &answer);
	for (size_t i = 0; result == CLI_YES && i < count; i++)
		authz_grant_id(buffer_bytes(&change.bytes), wallets[i].id, ret_ids[i]);
	grant->waits = change.waits;
	cli_change_end(&change);
	return result;
}

/* ---- grant create ---- */

struct create {
	struct cli_server_options options;
	const char *wallets, *client, *policy, *params, *key_file, *uses, *expires, *not_before,
	    *caps, *nonces, *tables, *pins;
	struct cli_grant grant;
	struct cli_server server;
	struct keys_sign_key key;
	struct authz_wallet_record found[WALLETS_MAX];
	size_t found_count;
	struct policy_schema schema;
	uint8_t schema_bytes[LIMIT_SCHEMA_MAX], parameters[LIMIT_PARAMETERS_MAX];
	uint8_t ids[WALLETS_MAX][32];
	struct pins pins_taken;
};

static bool add_wallet(void *context, const char *word)
{
	struct create *create = (struct create *)context;

	if (create->found_count == WALLETS_MAX ||
	    cli_wallet_find(&create->server, &create->key, word,
	                    &create->found[create->found_count]) != CLI_YES)
		return false;
	create->found_count++;
	return true;
}

static int take_terms(struct cli_call *call, struct create *create)
{
	struct authz_grant_body *body = &create->grant.body;
	const char *end = create->uses;

	if (end != NULL &&
	    (!cli_take_number(&end, &body->uses_max) || *end != '\0' || body->uses_max == 0))
		return cli_usage(call, "--uses %s: expected a number above 0", create->uses);
	if (create->expires != NULL && !take_time(create->expires, &body->expires_s))
		return cli_usage(call,
		                 "--expires %s: expected 30s, 15m, 12h, 30d, or seconds since 1970",
		                 create->expires);
	/* 0 would mean: never. */
	if (create->expires != NULL && body->expires_s <= (uint64_t)time(NULL))
		return cli_usage(call, "--expires %s lies in the past; 30d means in 30 days",
		                 create->expires);
	if (create->not_before != NULL && !take_time(create->not_before, &body->not_before_s))
		return cli_usage(
		    call, "--not-before %s: expected 30s, 15m, 12h, 30d, or seconds since 1970",
		    create->not_before);
	if (body->expires_s != 0 && body->expires_s <= body->not_before_s)
		return cli_usage(call, "--not-before %s is not before --expires %s",
		                 create->not_before, create->expires);
	if (!cli_each_word(create->caps, add_cap, body))
		return cli_usage(call,
		                 "--cap %s: not UNIT:WINDOW:CAP[,...], with UNIT lamports, uses or "
		                 "mint=ADDRESS, WINDOW total, 1h or 24h, CAP a whole number",
		                 create->caps);
	if (!cli_each_word(create->nonces, add_nonce, body))
		return cli_usage(call, "--nonce-account %s: expected addresses separated by commas",
		                 create->nonces);
	return CLI_YES;
}

static int take_policy(struct cli_call *call, struct create *create)
{
	struct authz_grant_body *body = &create->grant.body;
	struct buffer module, values = BUFFER_OF_ARRAY(create->parameters);
	struct authz_module_answer answer;
	struct policy_error error;
	enum status status;
	char message[256];
	int result;

	if (cli_file_read(create->policy, LIMIT_MODULE_MAX, &module, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (cli_policy_is_none(call, buffer_bytes(&module), create->policy))
		return CLI_NO;
	result = cli_module_add(&create->server, create->key_file != NULL ? &create->key : NULL,
	                        buffer_bytes(&module), &answer);
	free(module.data);
	if (result != CLI_YES)
		return result;
	memcpy(body->module, answer.hash, 32);
	memcpy(create->schema_bytes, answer.schema.data, answer.schema.len);
	body->schema = bytes_of(create->schema_bytes, answer.schema.len);
	if (policy_schema_decode(body->schema, &create->schema, &error) != STATUS_OK) {
		cli_complain(call, "the module's parameters: %s", error.text);
		return CLI_NO;
	}
	status =
	    cli_parameters_read(create->params, &create->schema, &values, message, sizeof(message));
	if (status != STATUS_OK) {
		cli_complain(call, "%s", message);
		return status == STATUS_IO ? CLI_UNSURE : CLI_USAGE;
	}
	body->parameters = buffer_bytes(&values);
	return CLI_YES;
}

static int take_pins(struct cli_call *call, struct create *create)
{
	struct cli_tables tables;
	char message[256], kept[CLI_PATH_MAX + 32];
	const char *path = create->tables;
	bool good;

	if (create->pins == NULL)
		return CLI_YES;
	if (path == NULL) { /* what `claviger table` read */
		snprintf(kept, sizeof(kept), "%s/%s.json", create->server.home, CLI_TABLES_HOME);
		path = kept;
		if (access(path, R_OK) != 0)
			return cli_usage(call, "--pin needs the tables' contents: `claviger table "
			                       "fetch` reads them, or name a file with --tables");
	}
	if (cli_tables_open(path, &tables, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	create->pins_taken = (struct pins){.from = &tables, .body = &create->grant.body};
	good = cli_each_word(create->pins, add_pin, &create->pins_taken);
	cli_tables_close(&tables);
	return good ? CLI_YES
	            : cli_usage(call, "--pin takes TABLE:N[,...], and FILE must have entries 0 to "
	                              "N - 1 of each");
}

static void show_ids(const struct cli_call *call, const struct create *create)
{
	struct cli_out out = {.file = cli_answer_file()};
	char id[HEX_LEN(32) + 1];

	if (!call->json) {
		for (size_t i = 0; i < create->found_count; i++) {
			hex_encode(BYTES_OF_ARRAY(create->ids[i]), id);
			printf("%s\n", id);
		}
		return;
	}
	cli_out_open(&out, '{');
	cli_out_name(&out, "grants");
	cli_out_open(&out, '[');
	for (size_t i = 0; i < create->found_count; i++) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "wallet");
		cli_out_hex(&out, BYTES_OF_ARRAY(create->found[i].id));
		cli_out_name(&out, "grant");
		cli_out_hex(&out, BYTES_OF_ARRAY(create->ids[i]));
		cli_out_close(&out, '}');
	}
	cli_out_close(&out, ']');
	cli_out_close(&out, '}');
	cli_out_line(&out);
}

static int run_create(struct cli_call *call)
{
	static struct create create;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(create.options),
	    {"--wallet",        &create.wallets,    NULL              },
	    {"--client",        &create.client,     NULL              },
	    {"--policy",        &create.policy,     NULL              },
	    {"--params",        &create.params,     NULL              },
	    {"--key",           &create.key_file,   NULL              },
	    {"--uses",          &create.uses,       NULL              },
	    {"--expires",       &create.expires,    NULL              },
	    {"--not-before",    &create.not_before, NULL              },
	    {"--cap",           &create.caps,       NULL              },
	    {"--nonce-account", &create.nonces,     NULL              },
	    {"--tables",        &create.tables,     NULL              },
	    {"--pin",           &create.pins,       NULL              },
	    {"--keep",          &create.grant.keep, NULL              },
	    {"--hold",          NULL,               &create.grant.hold},
	    {"--yes",           NULL,               &create.grant.yes },
	    CLI_SECOND_OPTIONS(create.grant.second),
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || create.wallets == NULL || create.client == NULL ||
	    create.policy == NULL || create.params == NULL || create.key_file == NULL)
		return cli_usage(call, "needs --wallet, --client, --policy, --params and --key");
	if (create.grant.hold && create.grant.keep == NULL)
		return cli_usage(call, "--hold needs --keep FILE");
	result = take_terms(call, &create);
	if (result == CLI_YES)
		result = cli_server_open(&create.server, call, &create.options);
	if (result == CLI_YES)
		result = cli_key_read(call, create.key_file, &create.key);
	if (result == CLI_YES)
		result = cli_client_id(&create.server, create.client, create.grant.body.client);
	if (result == CLI_YES && !cli_each_word(create.wallets, add_wallet, &create))
		result = CLI_NO;
	if (result == CLI_YES)
		result = cli_second_take(call, &create.grant.second);
	for (size_t i = 0; result == CLI_YES && i < create.found_count; i++)
		result = cli_second_for(call, &create.grant.second, &create.found[i]);
	if (result == CLI_YES)
		result = take_policy(call, &create);
	if (result == CLI_YES)
		result = take_pins(call, &create);
	if (result == CLI_YES)
		result = cli_grant_create(
		    &create.server, &create.key, create.found, create.found_count, &create.grant,
		    create.pins_taken.contents, create.pins_taken.count, create.ids);
	SECRET_WIPE(create.key);
	SECRET_WIPE(create.grant.second.key);
	if (result != CLI_YES || create.grant.waits)
		return result;
	show_ids(call, &create);
	return cli_finish(call, CLI_YES);
}

/* ---- grant link ---- */

/* URL#signer=...&wallet=...&grant=...: base64url without padding, which a link takes as it is. */
static int put_link(struct cli_call *call, const struct create *create, const char *page)
{
	static uint8_t encoded[AUTHZ_GRANT_BODY_MAX];
	static char text[BASE64_LEN(AUTHZ_GRANT_BODY_MAX) + 1], link[sizeof(text) + 1024];
	struct buffer body = BUFFER_OF_ARRAY(encoded);
	char signer[HEX_LEN(32) + 1];
	size_t len;

	if (authz_grant_put(&create->grant.body, &body) != STATUS_OK)
		return cli_usage(call, "the grant is too large");
	base64_encode(buffer_bytes(&body), text);
	for (len = 0; text[len] != '\0' && text[len] != '='; len++)
		text[len] = text[len] == '+' ? '-' : text[len] == '/' ? '_' : text[len];
	text[len] = '\0';
	hex_encode(BYTES_OF_ARRAY(create->server.deployment_key), signer);
	/* It fits: run_link has bounded the page and the wallet, which is a name or an address. */
	snprintf(link, sizeof(link), "%s/#signer=%s%s%s&grant=%s", page, signer,
	         create->wallets != NULL ? "&wallet=" : "",
	         create->wallets != NULL ? create->wallets : "", text);
	cli_answer_texts(call, "link", link, NULL);
	if (!call->json)
		puts(link);
	return cli_finish(call, CLI_YES);
}

static int run_link(struct cli_call *call)
{
	static struct create create;
	const char *page = NULL, *rest = NULL;
	char host[256], port[16], own[300];
	struct call_wallet wallet;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(create.options),
	    {"--wallet",        &create.wallets,    NULL},
	    {"--client",        &create.client,     NULL},
	    {"--policy",        &create.policy,     NULL},
	    {"--params",        &create.params,     NULL},
	    {"--uses",          &create.uses,       NULL},
	    {"--expires",       &create.expires,    NULL},
	    {"--not-before",    &create.not_before, NULL},
	    {"--cap",           &create.caps,       NULL},
	    {"--nonce-account", &create.nonces,     NULL},
	    {"--page",          &page,              NULL},
	    {"--key",           &create.key_file,   NULL},
	};
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || create.client == NULL || create.policy == NULL ||
	    create.params == NULL)
		return cli_usage(call, "needs --client, --policy and --params");
	if (create.wallets != NULL &&
	    (call_wallet_parse(bytes_of_text(create.wallets), &wallet) != STATUS_OK ||
	     wallet.kind == CALL_WALLET_ID))
		return cli_usage(call, "--wallet takes one wallet's name or address");
	if (page != NULL && (!cli_url_take(page, host, port, &rest) || *rest != '\0'))
		return cli_usage(call, "--page takes https://NAME[:PORT], where the user opens it");
	result = take_terms(call, &create);
	if (result == CLI_YES)
		result = cli_server_open(&create.server, call, &create.options);
	if (result == CLI_YES)
		result = cli_client_id(&create.server, create.client, create.grant.body.client);
	if (result == CLI_YES && create.key_file != NULL)
		result = cli_key_read(call, create.key_file, &create.key);
	if (result == CLI_YES)
		result = take_policy(call, &create);
	SECRET_WIPE(create.key);
	if (result != CLI_YES)
		return result;
	snprintf(own, sizeof(own), "https://%s:%s", create.server.host, create.server.port);
	return put_link(call, &create, page != NULL ? page : own);
}

/* ---- grant list ---- */

const char *cli_window_name(uint8_t window)
{
	return window == AUTHZ_WINDOW_TOTAL ? "total" : window == AUTHZ_WINDOW_HOUR ? "1h" : "24h";
}

void cli_rule_out(struct cli_out *out, const struct authz_counter_rule *rule)
{
	cli_out_name(out, "unit");
	cli_out_text(out, bytes_of_text(rule->unit == AUTHZ_UNIT_USES   ? "uses"
	                                : rule->unit == AUTHZ_UNIT_MINT ? "mint"
	                                                                : "lamports"));
	if (rule->unit == AUTHZ_UNIT_MINT) {
		cli_out_name(out, "mint");
		cli_out_base58(out, BYTES_OF_ARRAY(rule->mint));
	}
	cli_out_name(out, "window");
	cli_out_text(out, bytes_of_text(cli_window_name(rule->window)));
	cli_out_name(out, "cap");
	cli_out_decimal(out, rule->cap);
}

void cli_grant_out(struct cli_out *out, const struct authz_grant_answer *answer)
{
	const struct authz_grant_record *grant = &answer->grant;

	cli_out_open(out, '{');
	cli_out_name(out, "grant");
	cli_out_hex(out, BYTES_OF_ARRAY(grant->id));
	cli_out_name(out, "client");
	cli_out_hex(out, BYTES_OF_ARRAY(grant->client));
	cli_out_name(out, "module");
	cli_out_hex(out, BYTES_OF_ARRAY(grant->module));
	cli_out_name(out, "known_module");
	cli_out_bool(out, grant->module_kind != AUTHZ_MODULE_CUSTOM);
	cli_out_name(out, "ships");
	cli_out_bool(out, grant->module_kind == AUTHZ_MODULE_SHIPPED);
	cli_out_name(out, "live");
	cli_out_bool(out, answer->live);
	cli_out_name(out, "not_before");
	cli_out_time(out, grant->not_before_s);
	cli_out_name(out, "expires");
	cli_out_time(out, grant->expires_s);
	cli_out_name(out, "counters");
	cli_out_open(out, '[');
	for (size_t i = 0; i < answer->left_count; i++) {
		const struct authz_counter_rule uses = {
		    .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = grant->uses_max};
		bool is_uses = i == grant->counter_count;

		cli_out_open(out, '{');
		if (!is_uses) {
			cli_out_name(out, "id");
			cli_out_number(out, grant->counters[i].id);
		}
		cli_rule_out(out, is_uses ? &uses : &grant->counters[i]);
		cli_out_name(out, "left");
		cli_out_decimal(out, answer->left[i]);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_name(out, "outstanding");
	cli_outstanding_out(out, &answer->outstanding, 1);
	cli_out_close(out, '}');
}

static int run_list(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *wallet_name = NULL, *key_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--wallet", &wallet_name, NULL},
	    {"--key",    &key_file,    NULL},
	};
	static struct authz_wallet_record wallet;
	static struct authz_grant_answer grant;
	struct cli_out out = {.file = cli_answer_file(), .lines = !call->json};
	struct keys_sign_key key;
	struct cli_server server;
	struct bytes answer;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || wallet_name == NULL || key_file == NULL)
		return cli_usage(call, "needs --wallet and --key");
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &key);
	if (result == CLI_YES)
		result = cli_wallet_find(&server, &key, wallet_name, &wallet);
	for (size_t i = 0; result == CLI_YES && i < wallet.grant_count; i++) {
		result = cli_query(&server, &key, AUTHZ_QUERY_GRANT, wallet.grants[i].grant,
		                   wallet.id, &answer);
		if (result == CLI_YES && authz_grant_answer_take(answer, &grant) != STATUS_OK)
			result = CLI_UNSURE;
		if (result != CLI_YES)
			break;
		cli_grant_out(&out, &grant);
		cli_out_line(&out);
	}
	SECRET_WIPE(key);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* ---- change submit ---- */

static int run_submit(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {CLI_SERVER_OPTIONS(options)};
	struct cli_server server;
	struct buffer file;
	struct bytes answer;
	char message[256];
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a file that --keep wrote");
	if (cli_file_read(call->arguments[0], AUTHZ_ENVELOPE_PAYLOAD_MAX, &file, message,
	                  sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_server_ask(&server, CALL_CHANGE_SUBMIT, buffer_bytes(&file), &answer);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

const struct cli_command cli_policy_add = {
    .name = "policy add",
    .arguments = "MODULE.wasm [--key KEY.json]",
    .sentence = "put a policy module on offer at the signer and print its hash",
    .run = run_policy_add,
    .help = "It waits there for a grant that names it, among the last few; a grant keeps it.\n\n"
            "--key   a user's, a client's root or an operator's key: it is on offer as his, and "
            "no\n"
            "        flood of others' pushes it out. Without one it is on offer with those of all\n"
            "        who do not say who they are. It gives no power either way.\n",
};

const struct cli_command cli_grant_new = {
    .name = "grant create",
    .arguments =
        "--wallet W[,W...] --client C --policy MODULE.wasm --params P.toml --key USER.json "
        "[--uses N] [--expires T] [--not-before T] [--cap UNIT:WINDOW:CAP[,...]] "
        "[--nonce-account A[,...]] [--tables FILE --pin TABLE:N[,...]] [--keep FILE "
        "[--hold]] " CLI_SECOND_ARGUMENTS " [--yes]",
    .sentence = "let a client use wallets, as far as a policy allows",
    .run = run_create,
    .help =
        "Shows the text that the signer and the module wrote, asks, signs it with the user's key\n"
        "and submits it. Several wallets under one signature: all or none.\n\n"
        "--client C    the client's name in the home folder, or its id\n"
        "--params P    values of the policy's parameters (claviger policy inspect lists them), "
        "TOML:\n"
        "              lines of name = value\n"
        "--uses N      so many signatures; else any number\n"
        "--expires T, --not-before T   30s, 15m, 12h, 30d from now on, or seconds since 1970; "
        "else\n"
        "              from now on, and without an end\n"
        "--cap         what may leave under this grant: lamports:total:10000000000,uses:1h:100,\n"
        "              mint=ADDRESS:24h:5000000. Fees and tips count as lamports\n"
        "--nonce-account A   durable nonces of this account may be used, if the policy lets them\n"
        "--pin         believe the first N entries of a lookup table as FILE has them\n"
        "--keep        write the signed change to a file (claviger change submit)\n"
        "--hold        only keep it, to submit within 120 s; whoever has the file "
        "may\n\n" CLI_SECOND_HELP,
};

const struct cli_command cli_grant_link = {
    .name = "grant link",
    .arguments =
        "--client C --policy MODULE.wasm --params P.toml [--wallet W] [--page URL] [--uses N] "
        "[--expires T] [--not-before T] [--cap UNIT:WINDOW:CAP[,...]] "
        "[--nonce-account A[,...]] [--key KEY.json]",
    .sentence = "propose a grant to a wallet's owner, by a link to his page",
    .run = run_link,
    .help =
        "For who runs a bot: prints a link that opens the owner's page with this grant. The link\n"
        "gives nothing: the page has the signer render what it asks for, the owner reads that "
        "text\n"
        "and signs it, or does not. It names the signer's key, so that another signer's page "
        "stops.\n\n"
        "--wallet   the wallet's name or address, where he has several\n"
        "--page     how he opens the page, https://NAME (default: the server's address)\n"
        "--key      the client's root key: the policy waits for the owner as the client's own\n"
        "           (claviger policy add)\n\n"
        "Tables are not pinned by a link: grant create does that.\n",
};

const struct cli_command cli_grant_list = {
    .name = "grant list",
    .arguments = "--wallet W --key USER.json",
    .sentence = "list a wallet's grants and what is left of their limits",
    .run = run_list,
    .help = "With --json as JSON lines, a grant each.\n",
};

const struct cli_command cli_change_submit = {
    .name = "change submit",
    .arguments = "FILE",
    .sentence = "submit a change that was signed before",
    .run = run_submit,
};
