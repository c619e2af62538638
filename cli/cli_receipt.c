/* claviger receipt export|verify, decision show. Verify works without a server. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authz_bundle.h"
#include "base_encode.h"
#include "call_result.h"
#include "call_sign.h"
#include "cli_audit.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_file.h"
#include "cli_grant.h"
#include "cli_intent_cases.h"
#include "cli_out.h"
#include "cli_policy.h"
#include "cli_receipt.h"
#include "policy_answer.h"
#include "policy_trust.h"

#define BUNDLE_MAX (256u * 1024 * 1024)
#define FILE_MAGIC "claviger-receipts-1\n" /* then deployment key, wallet id, bundle */
#define MAGIC_LEN  (sizeof(FILE_MAGIC) - 1)
#define FILE_HEAD  (MAGIC_LEN + 64)

/* ---- export ---- */

static int take_wallet_id(struct cli_server *server, const char *wallet, const char *token,
                          uint8_t ret_id[32])
{
	char path[256];
	struct cli_json_file file;
	struct buffer out = {ret_id, 32, 0};
	struct bytes text;
	char message[128];
	unsigned status;
	int result;

	snprintf(path, sizeof(path), "/api/v1/wallets/%.128s", wallet);
	result = cli_server_http(server, "GET", path, token, bytes_of(NULL, 0), &status);
	if (result != CLI_YES)
		return result;
	if (cli_json_parse(buffer_bytes(&server->body), &file, message, sizeof(message)) !=
	        STATUS_OK ||
	    !cli_json_text(cli_json_member(file.root, "id"), &text) ||
	    hex_decode(text, &out) != STATUS_OK || out.len != 32)
		return CLI_UNSURE;
	cli_json_close(&file);
	return CLI_YES;
}

int cli_receipt_page(struct cli_server *server, const char *wallet, const char *token, bool inputs,
                     const char *cursor, struct buffer *part, char ret_next[24], bool *ret_more)
{
	char path[320], message[128];
	struct cli_json_file file;
	struct bytes text;
	unsigned status;
	int result;

	snprintf(path, sizeof(path), "/api/v1/receipts?wallet=%.128s&cursor=%s%s", wallet, cursor,
	         inputs ? "&inputs=true" : "");
	result = cli_server_http(server, "GET", path, token, bytes_of(NULL, 0), &status);
	if (result != CLI_YES)
		return result;
	if (cli_json_parse(buffer_bytes(&server->body), &file, message, sizeof(message)) !=
	        STATUS_OK ||
	    !cli_json_text(cli_json_member(file.root, "bundle"), &text) ||
	    base64_decode(text, part) != STATUS_OK) {
		cli_complain(server->call, "the answer holds no bundle");
		return CLI_UNSURE;
	}
	*ret_more =
	    cli_json_text(cli_json_member(file.root, "next_cursor"), &text) && text.len < 24;
	if (*ret_more)
		snprintf(ret_next, 24, "%.*s", (int)text.len, (const char *)text.data);
	cli_json_close(&file);
	return CLI_YES;
}

/* Reads page after page of a bundle into a file. */
static int read_pages(struct cli_server *server, const char *wallet, const char *token, bool inputs,
                      FILE *to)
{
	static uint8_t space[CLI_ANSWER_MAX];
	char cursor[24] = "0";
	bool more = true;

	while (more) {
		struct buffer part = BUFFER_OF_ARRAY(space);
		int result =
		    cli_receipt_page(server, wallet, token, inputs, cursor, &part, cursor, &more);

		if (result != CLI_YES)
			return result;
		if (fwrite(space, 1, part.len, to) != part.len) {
			cli_complain(server->call, "cannot write what came: %s", strerror(errno));
			return CLI_UNSURE;
		}
	}
	return CLI_YES;
}

static int run_export(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *wallet = NULL, *token_file = NULL, *to = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--wallet",     &wallet,     NULL},
	    {"--token-file", &token_file, NULL},
	    {"--out",        &to,         NULL},
	};
	char token[LIMIT_TOKEN_MAX + 1];
	struct cli_server server;
	uint8_t id[32];
	struct cli_home_file out;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || wallet == NULL || token_file == NULL || to == NULL)
		return cli_usage(call, "needs --wallet, --token-file and --out");
	result = cli_token_read(call, token_file, token);
	if (result == CLI_YES)
		result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = take_wallet_id(&server, wallet, token, id);
	if (result == CLI_YES)
		result = cli_home_begin(call, to, &out);
	if (result != CLI_YES)
		return result;
	fwrite(FILE_MAGIC, 1, MAGIC_LEN, out.file);
	fwrite(server.deployment_key, 1, 32, out.file);
	fwrite(id, 1, 32, out.file);
	/* Inputs first: the receipts' head then covers everything that stands before it. */
	result = read_pages(&server, wallet, token, true, out.file);
	if (result == CLI_YES)
		result = read_pages(&server, wallet, token, false, out.file);
	return cli_home_end(call, &out, result);
}

/* ---- verify ---- */

int cli_receipts_open(struct cli_call *call, const char *path, const char *key_text,
                      struct cli_receipts *ret_file, uint8_t key_space[32])
{
	struct buffer key = {key_space, 32, 0};
	char message[256];

	if (cli_file_read(path, BUNDLE_MAX, &ret_file->file, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	if (ret_file->file.len < FILE_HEAD ||
	    memcmp(ret_file->file.data, FILE_MAGIC, MAGIC_LEN) != 0) {
		cli_complain(call, "%s is no file of `claviger receipt export`", path);
		return CLI_NO;
	}
	ret_file->deployment_key = ret_file->file.data + MAGIC_LEN;
	ret_file->wallet = ret_file->deployment_key + 32;
	ret_file->bundle =
	    bytes_of(ret_file->file.data + FILE_HEAD, ret_file->file.len - FILE_HEAD);
	if (key_text == NULL)
		return CLI_YES;
	if (hex_decode(bytes_of_text(key_text), &key) != STATUS_OK || key.len != 32)
		return cli_usage(call, "--deployment-key takes 64 hex digits");
	ret_file->deployment_key = key_space;
	return CLI_YES;
}

static int compare_inputs(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

struct cli_input *cli_receipts_inputs(struct bytes bundle, size_t *ret_count)
{
	struct cli_input *inputs = malloc((bundle.len / 32 + 1) * sizeof(*inputs));
	struct bytes left = bundle, item;
	uint8_t kind;

	*ret_count = 0;
	if (inputs == NULL)
		return NULL;
	while (authz_item_take(&left, &kind, &item)) {
		if (kind != AUTHZ_ITEM_INPUT || item.len <= 32)
			continue;
		memcpy(inputs[*ret_count].ticket, item.data, 32);
		inputs[(*ret_count)++].request = bytes_of(item.data + 32, item.len - 32);
	}
	qsort(inputs, *ret_count, sizeof(*inputs), compare_inputs);
	return inputs;
}

const struct authz_tried *cli_receipt_tried(const struct authz_receipt *receipt,
                                            const struct cli_input *inputs, size_t count,
                                            struct bytes *ret_request)
{
	const struct cli_input *found =
	    bsearch(receipt->ticket, inputs, count, sizeof(*inputs), compare_inputs);
	uint8_t hash[32];

	*ret_request = bytes_of(NULL, 0);
	if (found == NULL)
		return NULL;
	*ret_request = found->request;
	keys_sha256(&found->request, 1, hash);
	/* Of several with the same request the last: it is what the facts and limits are of. */
	for (size_t i = receipt->tried_count; i-- != 0;)
		if (memcmp(receipt->tried[i].request_hash, hash, 32) == 0)
			return &receipt->tried[i];
	return NULL;
}

/* count_changed_inputs counts the inputs kept beside receipts that are not what was asked: nothing
 * but their hash in the receipt vouches for them. SIZE_MAX: no memory. */
static size_t count_changed_inputs(struct bytes bundle)
{
	static struct authz_receipt receipt;
	struct bytes left = bundle, item, request;
	size_t count, changed = 0;
	struct cli_input *inputs = cli_receipts_inputs(bundle, &count);
	uint8_t kind;

	if (inputs == NULL)
		return SIZE_MAX;
	while (authz_item_take(&left, &kind, &item))
		if (kind == AUTHZ_ITEM_RECEIPT && authz_receipt_take(item, &receipt) == STATUS_OK)
			changed += cli_receipt_tried(&receipt, inputs, count, &request) == NULL &&
			           request.len != 0;
	free(inputs);
	return changed;
}

static int run_verify(struct cli_call *call)
{
	const char *key = NULL;
	const struct cli_option table[] = {
	    {"--deployment-key", &key, NULL}
        };
	static struct authz_bundle_report report;
	struct cli_out out = {.file = cli_answer_file()};
	struct cli_receipts file;
	uint8_t key_space[32];
	enum status status;
	int result;

	if (!cli_take_options(call, table, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a file of `claviger receipt export`");
	result = cli_receipts_open(call, call->arguments[0], key, &file, key_space);
	if (result != CLI_YES)
		return result;
	keys_open();
	status = authz_bundle_verify(file.bundle, file.deployment_key, file.wallet, &report);
	if (status == STATUS_OK && count_changed_inputs(file.bundle) != 0) {
		status = STATUS_REFUSED;
		report.text =
		    "the receipts are unchanged, but a replay input kept beside one is not "
		    "what was asked";
	}
	if (call->json) {
		cli_out_open(&out, '{');
		cli_out_name(&out, "verified");
		cli_out_bool(&out, status == STATUS_OK);
		cli_out_name(&out, "receipts");
		cli_out_number(&out, report.chain.count);
		cli_out_name(&out, "allowed");
		cli_out_number(&out, report.allowed);
		cli_out_name(&out, "exports");
		cli_out_number(&out, report.exports.count);
		cli_out_name(&out, "text");
		cli_out_text(&out, bytes_of_text(report.text != NULL ? report.text : ""));
		cli_out_close(&out, '}');
		cli_out_line(&out);
	} else {
		printf("%s: %llu receipts, %zu allowed%s%s\n",
		       status == STATUS_OK ? "verified" : "NOT VERIFIED",
		       (unsigned long long)report.chain.count, report.allowed,
		       report.text != NULL ? ": " : "", report.text != NULL ? report.text : "");
		if (report.exports.count != 0)
			printf("the wallet's key was handed over, exports: %zu\n",
			       report.exports.count);
		if (key == NULL && status == STATUS_OK)
			puts(
			    "with the deployment key in the file; give --deployment-key to compare "
			    "it with the one that you know");
	}
	return cli_finish(call, status == STATUS_OK ? CLI_YES : CLI_NO);
}

/* ---- trim ---- */

/* "90d", "36h", "30m" or "10s". */
static bool take_age(const char *text, uint64_t *ret_seconds)
{
	const char *end = text;
	uint64_t number;

	if (!cli_take_number(&end, &number) || number == 0 || number > UINT32_MAX ||
	    (*end != 'd' && *end != 'h' && *end != 'm' && *end != 's') || end[1] != '\0')
		return false;
	*ret_seconds = number * (*end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : 1);
	return true;
}

static int run_trim(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *age = NULL, *operator_file = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--older-than", &age,           NULL},
	    {"--operator",   &operator_file, NULL},
	};
	struct cli_server server;
	uint8_t target[32] = {0};
	uint64_t seconds, before_s;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || operator_file == NULL || age == NULL || !take_age(age, &seconds))
		return cli_usage(call, "needs --operator FILE and --older-than 90d (or 36h)");
	before_s = (uint64_t)time(NULL) - seconds;
	if (before_s > (uint64_t)time(NULL))
		return cli_usage(call, "--older-than %s is before 1970", age);
	before_s = __builtin_bswap64(before_s);
	memcpy(target, &before_s, sizeof(before_s));
	result = cli_server_open(&server, call, &options);
	if (result == CLI_YES)
		result = cli_operator_command(&server, operator_file, AUTHZ_COMMAND_TRIM_RECEIPTS,
		                              target);
	if (result != CLI_YES)
		return result;
	cli_answer(call->json ? "{\"done\":true}\n" : "done\n");
	return cli_finish(call, CLI_YES);
}

/* ---- decision show, status ---- */

static const char *result_code(uint16_t result)
{
	return call_result_code((enum call_result)result);
}

static void show_facts(struct cli_out *out, const struct authz_facts *facts)
{
	const struct {
		const char *name;
		uint64_t amount;
	} rows[] = {
	    {"lamports_out",      facts->lamports_out     },
	    {"fee_lamports",      facts->fee_lamports     },
	    {"tip_lamports",      facts->tip_lamports     },
	    {"rent_lamports",     facts->rent_lamports    },
	    {"wrapped_lamports",  facts->wrapped_lamports },
	    {"delegations",       facts->delegations      },
	    {"authority_changes", facts->authority_changes},
	};

	cli_out_name(out, "facts");
	cli_out_open(out, '{');
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cli_out_name(out, rows[i].name);
		cli_out_decimal(out, rows[i].amount);
	}
	cli_out_name(out, "tokens");
	cli_out_open(out, '[');
	for (size_t i = 0; i < facts->token_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "mint");
		cli_out_base58(out, BYTES_OF_ARRAY(facts->tokens[i].mint));
		cli_out_name(out, "amount");
		cli_out_decimal(out, facts->tokens[i].amount);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_name(out, "trusted");
	cli_out_open(out, '[');
	for (size_t i = 0; i < facts->trusted_count; i++) {
		cli_out_open(out, '{');
		cli_out_name(out, "program");
		cli_out_base58(out, BYTES_OF_ARRAY(facts->trusted[i].program));
		cli_out_name(out, "writable");
		cli_out_number(out, facts->trusted[i].writable);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	cli_out_close(out, '}');
}

/* The wallet's own limits where they decided. */
static void show_limits(struct cli_out *out, const struct authz_receipt *receipt)
{
	cli_out_name(out, "wallet_limits");
	cli_out_open(out, '[');
	for (size_t i = 0; i < receipt->limit_count; i++) {
		const struct authz_limit_row *row = &receipt->limits[i];

		cli_out_open(out, '{');
		cli_out_name(out, "id");
		cli_out_number(out, row->rule.id);
		cli_rule_out(out, &row->rule);
		cli_out_name(out, "left");
		cli_out_decimal(out, row->left);
		cli_out_name(out, "amount");
		cli_out_decimal(out, row->amount);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
}

void cli_receipt_out(struct cli_out *out, const struct authz_receipt *receipt)
{
	cli_out_open(out, '{');
	cli_out_name(out, "decision");
	cli_out_hex(out, BYTES_OF_ARRAY(receipt->ticket));
	cli_out_name(out, "result");
	cli_out_text(out, bytes_of_text(result_code(receipt->result)));
	cli_out_name(out, "wallet");
	cli_out_hex(out, BYTES_OF_ARRAY(receipt->wallet));
	cli_out_name(out, "client");
	cli_out_hex(out, BYTES_OF_ARRAY(receipt->client));
	cli_out_name(out, "message_hash");
	cli_out_hex(out, BYTES_OF_ARRAY(receipt->message_hash));
	cli_out_name(out, "boot");
	cli_out_decimal(out, receipt->boot);
	cli_out_name(out, "number");
	cli_out_decimal(out, receipt->number);
	cli_out_name(out, "authority");
	cli_out_hex(out, BYTES_OF_ARRAY(receipt->authority));
	cli_out_name(out, "bridge_trusted");
	cli_out_bool(out, (receipt->flags & AUTHZ_RECEIPT_BRIDGE_TRUSTED) != 0);
	cli_out_name(out,
	             "export"); /* of the key, if it was allowed; message_hash is of the change */
	cli_out_bool(out, (receipt->flags & AUTHZ_RECEIPT_EXPORT) != 0);
	cli_out_name(out, "exported");
	cli_out_bool(out, (receipt->flags & AUTHZ_RECEIPT_EXPORTED) != 0);
	cli_out_name(out, "tried");
	cli_out_open(out, '[');
	for (size_t i = 0; i < receipt->tried_count; i++) {
		const struct authz_tried *tried = &receipt->tried[i];

		cli_out_open(out, '{');
		cli_out_name(out, "grant");
		cli_out_hex(out, BYTES_OF_ARRAY(tried->grant));
		cli_out_name(out, "module");
		cli_out_hex(out, BYTES_OF_ARRAY(tried->module));
		cli_out_name(out, "result");
		cli_out_text(out, bytes_of_text(result_code(tried->result)));
		cli_out_name(out, "instruction");
		if (tried->instruction == AUTHZ_NO_INSTRUCTION)
			cli_out_null(out);
		else
			cli_out_number(out, tried->instruction);
		cli_out_name(out, "fuel");
		cli_out_number(out, tried->fuel);
		cli_out_name(out, "text");
		cli_out_text(out, tried->text);
		cli_out_close(out, '}');
	}
	cli_out_close(out, ']');
	if (receipt->has_facts)
		show_facts(out, &receipt->facts);
	if (receipt->limit_count != 0)
		show_limits(out, receipt);
	cli_out_close(out, '}');
}

static void show_receipt(const struct cli_call *call, const struct authz_receipt *receipt)
{
	struct cli_out out = {.file = cli_answer_file(), .lines = !call->json};

	cli_receipt_out(&out, receipt);
	cli_out_line(&out);
}

/* Appends what the signer was asked, and what it said, to an intent as a test. */
static int save_test(struct cli_server *server, const struct authz_receipt *receipt,
                     const char *token, const char *path)
{
	const struct authz_tried *tried =
	    receipt->tried_count == 0 ? NULL : &receipt->tried[receipt->tried_count - 1];
	char wallet[HEX_LEN(32) + 1], ticket[HEX_LEN(32) + 1], name[96], own[24], *bytes = NULL;
	struct bytes request = {NULL, 0};
	struct cli_input *inputs;
	size_t input_count;
	int result = CLI_YES;

	hex_encode(BYTES_OF_ARRAY(receipt->wallet), wallet);
	hex_encode(BYTES_OF_ARRAY(receipt->ticket), ticket);
	/* Inputs are written a moment after the answer. */
	for (unsigned tries = 0; tried != NULL && request.len == 0 && tries < 5; tries++) {
		const struct timespec moment = {0, 200000000};
		size_t len = 0;
		FILE *memory = open_memstream(&bytes, &len);

		if (tries != 0)
			nanosleep(&moment, NULL);
		result =
		    memory == NULL ? CLI_UNSURE : read_pages(server, wallet, token, true, memory);
		if (memory == NULL || fclose(memory) != 0 || result != CLI_YES)
			return result == CLI_YES ? CLI_UNSURE : result;
		inputs = cli_receipts_inputs(bytes_of(bytes, len), &input_count);
		if (inputs != NULL)
			(void)cli_receipt_tried(receipt, inputs, input_count, &request);
		free(inputs);
		if (request.len == 0)
			free(bytes);
	}
	if (request.len == 0) {
		cli_complain(server->call, "the signer did not keep what it was asked then");
		return CLI_NO;
	}
	snprintf(name, sizeof(name), "decision %.16s", ticket);
	result = cli_intent_save(
	    server->call, path, name, tried->module, request,
	    tried->reason == POLICY_REASON_NONE ? "allow" : policy_reason_name(tried->reason, own));
	free(bytes);
	return result;
}

/* The hash of the one transaction or message of a file. */
struct hashed {
	struct cli_call *call;
	uint8_t hash[32];
	size_t count;
	bool bad;
};

static void take_hash(void *context, size_t line, const struct solana_view *view,
                      const struct solana_error *error)
{
	struct hashed *h = context;

	h->count++;
	h->bad |= view == NULL;
	if (view == NULL)
		cli_policy_refused(h->call, line, error);
	else
		keys_sha256(&view->message, 1, h->hash);
}

static int hash_file(struct cli_call *call, const char *path, char ret_hex[HEX_LEN(32) + 1])
{
	struct hashed h = {.call = call};

	keys_open();
	if (!cli_policy_each(call, path, take_hash, &h))
		return CLI_UNSURE;
	if (h.count != 1)
		cli_complain(call, "%s holds %zu transactions; name one", path, h.count);
	if (h.bad || h.count != 1)
		return CLI_NO;
	hex_encode(BYTES_OF_ARRAY(h.hash), ret_hex);
	return CLI_YES;
}

static int run_decision(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *message = NULL, *id = NULL, *transaction = NULL;
	const char *token_file = NULL, *intent = NULL;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options),
	    {"--message",     &message,     NULL},
	    {"--id",          &id,          NULL},
	    {"--transaction", &transaction, NULL},
	    {"--token-file",  &token_file,  NULL},
	    {"--save-test",   &intent,      NULL},
	};
	static struct authz_receipt receipt;
	static uint8_t space[AUTHZ_RECEIPT_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(space), asked = {(uint8_t[32]){0}, 32, 0};
	char token[LIMIT_TOKEN_MAX + 1], path[256], error[128], hash[HEX_LEN(32) + 1];
	struct cli_json_file file;
	struct cli_server server;
	struct bytes text;
	unsigned status;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || token_file == NULL ||
	    (message != NULL) + (id != NULL) + (transaction != NULL) != 1)
		return cli_usage(call, "needs --token-file, and one of --transaction FILE, "
		                       "--message HASH and --id DECISION");
	if (transaction != NULL) {
		result = hash_file(call, transaction, hash);
		if (result != CLI_YES)
			return result;
		message = hash;
	}
	if (hex_decode(bytes_of_text(message != NULL ? message : id), &asked) != STATUS_OK ||
	    asked.len != 32)
		return cli_usage(call, "%s takes 64 hex digits, not %s",
		                 message != NULL ? "--message" : "--id",
		                 message != NULL ? message : id);
	snprintf(path, sizeof(path), "/api/v1/decisions/%.64s", message != NULL ? message : id);
	result = cli_token_read(call, token_file, token);
	if (result == CLI_YES)
		result = cli_server_connect(&server, call, &options);
	if (result == CLI_YES)
		result = cli_server_http(&server, "GET", path, token, bytes_of(NULL, 0), &status);
	if (result != CLI_YES)
		return result;
	if (cli_json_parse(buffer_bytes(&server.body), &file, error, sizeof(error)) != STATUS_OK ||
	    !cli_json_text(cli_json_member(file.root, "receipt"), &text) ||
	    base64_decode(text, &encoded) != STATUS_OK ||
	    authz_receipt_take(buffer_bytes(&encoded), &receipt) != STATUS_OK) {
		cli_complain(call, "the answer is no receipt");
		return CLI_UNSURE;
	}
	show_receipt(call, &receipt);
	cli_json_close(&file);
	if (intent != NULL)
		result = save_test(&server, &receipt, token, intent);
	if (intent != NULL && result == CLI_YES && !call->json)
		printf("saved as a test in %s: `claviger policy test %s`\n", intent, intent);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

static int run_status(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const struct cli_option table[] = {CLI_SERVER_OPTIONS(options)};
	struct cli_server server;
	struct cli_json_file answer;
	unsigned status;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0)
		return cli_usage(call, "takes no arguments");
	result = cli_server_connect(&server, call, &options);
	if (result == CLI_YES)
		result = cli_server_http(&server, "GET", "/api/v1/status", NULL, bytes_of(NULL, 0),
		                         &status);
	if (result == CLI_YES)
		result = cli_server_json(&server, &answer);
	if (result != CLI_YES)
		return result;
	result = cli_server_show(&server, &answer, NULL);
	return cli_finish(call, result);
}

const struct cli_command cli_receipt_export = {
    .name = "receipt export",
    .arguments = "--wallet W --token-file F --out FILE",
    .sentence = "write a wallet's receipts, with what a replay needs, to a file",
    .run = run_export,
};

const struct cli_command cli_receipt_trim = {
    .name = "receipt trim",
    .arguments = "--older-than AGE --operator FILE",
    .sentence = "delete receipts that were exported, on the signer",
    .run = run_trim,
    .help = "Every wallet's receipts that are older (90d, 36h) are deleted for good: export them\n"
            "before. Chains go on; what remains still verifies, and says that it begins behind\n"
            "receipts that were deleted. The setting receipts_keep_days does the same by itself.\n",
};

const struct cli_command cli_receipt_verify = {
    .name = "receipt verify",
    .arguments = "FILE [--deployment-key HEX]",
    .sentence = "check the chain of exported receipts, offline",
    .run = run_verify,
    .help = "--deployment-key HEX  the key that signs this signer's receipts, as `claviger attest "
            "get`\n"
            "                      shows it; without it the one in the file is believed\n",
};

const struct cli_command cli_decision_show = {
    .name = "decision show",
    .arguments = "--token-file F (--transaction FILE|--message HASH|--id DECISION) "
                 "[--save-test INTENT.toml]",
    .sentence = "show why a transaction was signed or refused",
    .run = run_decision,
    .help = "--transaction FILE  what was asked, base64, as for `claviger sign`\n"
            "--message HASH      its SHA-256 (of the message, without signatures)\n"
            "--save-test   append what the signer was asked, with what it said, to an intent as a\n"
            "              [[test]]: the grant's parameters, the wallet and the message, so that\n"
            "              `claviger policy test INTENT.toml` asks the same again\n",
};

const struct cli_command cli_status = {
    .name = "status",
    .arguments = "",
    .sentence = "show the state of a running signer",
    .run = run_status,
};
