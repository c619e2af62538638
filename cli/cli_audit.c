/* claviger audit export|verify: what an auditor takes away of wallets, as JSON Lines, and the check
 * of such a file without a server (spec/receipts.md, "Audit files").
 *
 * Each line holds the record as the signer gave it, in base64, and in `says` what it says; verify
 * reads the record and writes the line again: a line that differs by a byte is refused, so nobody
 * need trust the words. Receipts are proven complete by the signed head, as `receipt verify` does.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_bundle.h"
#include "base_encode.h"
#include "call_result.h"
#include "cli_audit.h"
#include "cli_change.h"
#include "cli_client.h"
#include "cli_commands.h"
#include "cli_grant.h"
#include "secret.h"

#define LINE_MAX_BYTES (512u * 1024)
#define BUNDLE_MAX     (256u * 1024 * 1024) /* of one wallet in one file */
#define WALLETS_MAX    1024                 /* in one file */
#define FORMAT         2

enum line {
	LINE_START = 0, /* a run of export: deployment, its key, when */
	LINE_WALLET,
	LINE_GRANT,
	LINE_BOOT,
	LINE_RECEIPT,
	LINE_HEAD,
	LINE_PATH,
	LINE_CHANGE,   /* what a user signed, and what it led to */
	LINE_STANDING, /* where the wallet stands, signed by the deployment */
	LINE_PAGE,     /* all before it are whole; where the next page begins */
	LINE_COUNT
};

static const char *const names[LINE_COUNT] = {"audit", "wallet", "grant",  "boot",     "receipt",
                                              "head",  "path",   "change", "standing", "page"};

/* Items of a kind, one behind the other. */
struct items {
	uint8_t *data;
	size_t len, cap;
};

/* What is known of one wallet while a file is read. */
struct seen {
	uint8_t wallet[32];
	uint64_t boot, number;             /* of its last receipt */
	uint64_t version;                  /* of its last change */
	uint64_t paged_boot, paged_number; /* before its last page line: of the last receipt ... */
	uint64_t paged_version;            /* ... and of the last change */
	char cursor[24];                   /* of the page to go on with */
	bool whole;                        /* its last page stands there */
	struct items bundle, changes;
	struct grant_seen {
		uint8_t id[32], module[32], parameters_hash[32];
	} * grants;
	size_t grant_count;
	size_t unknown_grants; /* receipts of signatures under a grant that is not in the file */
};

struct audit {
	const struct cli_call *call;
	const char *path;
	uint8_t deployment[32], deployment_key[32];
	uint64_t from_s; /* what the file leaves out: decisions before then */
	bool started;
	uint64_t line; /* number of the one being read */
	long good_end; /* offset behind the last page line */
	struct seen wallets[WALLETS_MAX];
	size_t wallet_count;
};

static struct audit audit;

/* ---- lines: the same code writes them and checks them ---- */

static void begin_line(struct cli_out *out, enum line line, const uint8_t wallet[32])
{
	cli_out_open(out, '{');
	cli_out_name(out, "line");
	cli_out_text(out, bytes_of_text(names[line]));
	cli_out_name(out, "wallet");
	cli_out_hex(out, bytes_of(wallet, 32));
}

/* put_line writes one line around a record; false when the record is none of its kind. */
static bool put_line(struct cli_out *out, enum line line, const uint8_t wallet[32],
                     struct bytes record)
{
	static struct authz_wallet_record of_wallet;
	static struct authz_grant_answer of_grant;
	static struct authz_receipt of_receipt;
	struct authz_standing standing;
	char *text = malloc(BASE64_LEN(record.len) + 1);
	bool good = text != NULL;

	if (!good)
		return false;
	base64_encode(record, text);
	begin_line(out, line, wallet);
	cli_out_name(out, "record");
	cli_out_text(out, bytes_of_text(text));
	free(text);
	if (line == LINE_WALLET) {
		good = authz_wallet_take(record, &of_wallet) == STATUS_OK;
		cli_out_name(out, "says");
		if (good)
			cli_wallet_out(out, &of_wallet);
	} else if (line == LINE_GRANT) {
		good = authz_grant_answer_take(record, &of_grant) == STATUS_OK;
		cli_out_name(out, "says");
		if (good)
			cli_grant_out(out, &of_grant);
	} else if (line == LINE_RECEIPT) {
		good = authz_receipt_take(record, &of_receipt) == STATUS_OK;
		cli_out_name(out, "says");
		if (good)
			cli_receipt_out(out, &of_receipt);
	} else if (line == LINE_CHANGE) {
		cli_out_name(out, "says");
		good = cli_changed_out(out, record);
	} else if (line == LINE_STANDING) {
		good = authz_standing_open(record, audit.deployment_key, &standing) == STATUS_OK;
		cli_out_name(out, "says");
		if (good)
			cli_standing_out(out, &standing);
	}
	cli_out_close(out, '}');
	cli_out_line(out);
	return good;
}

static void put_start(struct cli_out *out, const uint8_t deployment[32], const uint8_t key[32],
                      uint64_t time_s, uint64_t from_s)
{
	cli_out_open(out, '{');
	cli_out_name(out, "line");
	cli_out_text(out, bytes_of_text(names[LINE_START]));
	cli_out_name(out, "format");
	cli_out_number(out, FORMAT);
	cli_out_name(out, "deployment");
	cli_out_hex(out, bytes_of(deployment, 32));
	cli_out_name(out, "deployment_key");
	cli_out_hex(out, bytes_of(key, 32));
	cli_out_name(out, "time");
	cli_out_number(out, time_s);
	cli_out_name(out, "from");
	cli_out_number(out, from_s);
	cli_out_close(out, '}');
	cli_out_line(out);
}

static void put_page(struct cli_out *out, const uint8_t wallet[32], struct bytes cursor, bool last)
{
	begin_line(out, LINE_PAGE, wallet);
	cli_out_name(out, "cursor");
	cli_out_text(out, cursor);
	cli_out_name(out, "last");
	cli_out_bool(out, last);
	cli_out_close(out, '}');
	cli_out_line(out);
}

/* ---- a file, line by line ---- */

static int wrong(const char *what)
{
	if (audit.line == 0)
		cli_complain(audit.call, "%s: %s", audit.path, what);
	else
		cli_complain(audit.call, "%s, line %llu: %s", audit.path,
		             (unsigned long long)audit.line, what);
	return CLI_NO;
}

static struct seen *seen_of(const uint8_t wallet[32])
{
	struct seen *at = audit.wallets;

	while (at < audit.wallets + audit.wallet_count && memcmp(at->wallet, wallet, 32) != 0)
		at++;
	if (at == audit.wallets + WALLETS_MAX)
		return NULL;
	if (at == audit.wallets + audit.wallet_count) {
		*at = (struct seen){.cursor = "0"};
		memcpy(at->wallet, wallet, 32);
		audit.wallet_count++;
	}
	return at;
}

static bool keep_item(struct items *items, uint8_t kind, struct bytes item)
{
	struct buffer out;

	if (items->len + item.len + 5 > items->cap) {
		size_t cap = 2 * items->cap + item.len + 65536;
		uint8_t *more = cap > BUNDLE_MAX ? NULL : realloc(items->data, cap);

		if (more == NULL)
			return false;
		items->data = more;
		items->cap = cap;
	}
	out = (struct buffer){items->data, items->cap, items->len};
	if (authz_item_put(kind, item, &out) != STATUS_OK)
		return false;
	items->len = out.len;
	return true;
}

static bool keep_change(struct seen *seen, struct bytes record)
{
	struct authz_changed changed;
	struct authz_link link;

	if (authz_changed_take(record, &changed) != STATUS_OK ||
	    authz_link_take(changed.link, &link) != STATUS_OK)
		return false;
	seen->version = link.version;
	return keep_item(&seen->changes, CLI_AUDIT_CHANGE, record);
}

static bool keep_grant(struct seen *seen, struct bytes record)
{
	static struct authz_grant_answer answer;
	struct grant_seen *more, *grant = NULL;
	struct bytes parameters;

	if (authz_grant_answer_take(record, &answer) != STATUS_OK ||
	    memcmp(answer.grant.wallet, seen->wallet, 32) != 0)
		return false;
	for (size_t i = 0; i < seen->grant_count && grant == NULL; i++)
		if (memcmp(seen->grants[i].id, answer.grant.id, 32) == 0)
			grant = &seen->grants[i];
	if (grant == NULL) {
		more = realloc(seen->grants, (seen->grant_count + 1) * sizeof(*more));
		if (more == NULL)
			return false;
		seen->grants = more;
		grant = &more[seen->grant_count++];
	}
	memcpy(grant->id, answer.grant.id, 32);
	memcpy(grant->module, answer.grant.module, 32);
	parameters = bytes_of(answer.grant.parameters, answer.grant.parameters_len);
	keys_sha256(&parameters, 1, grant->parameters_hash);
	return true;
}

/* Whether a receipt of a signature names its grant as the file's line of that grant does. */
static bool fits_grant(struct seen *seen, const struct authz_receipt *receipt)
{
	const struct authz_tried *tried = &receipt->tried[receipt->tried_count - 1];

	if (receipt->decision != AUTHZ_DECISION_ALLOW || receipt->tried_count == 0 ||
	    (receipt->flags & AUTHZ_RECEIPT_EXPORT) != 0)
		return true;
	for (size_t i = 0; i < seen->grant_count; i++)
		if (memcmp(seen->grants[i].id, tried->grant, 32) == 0)
			return memcmp(seen->grants[i].module, tried->module, 32) == 0 &&
			       memcmp(seen->grants[i].parameters_hash, tried->parameters_hash,
			              32) == 0;
	seen->unknown_grants++;
	return true;
}

/* same_line writes a record's line again and compares. */
static bool same_line(enum line line, const uint8_t wallet[32], struct bytes record,
                      const char *text, size_t len)
{
	char *again = NULL;
	size_t again_len = 0;
	struct cli_out out = {.file = open_memstream(&again, &again_len)};
	bool same;

	if (out.file == NULL)
		return false;
	same = put_line(&out, line, wallet, record);
	fclose(out.file);
	same = same && again_len == len && memcmp(again, text, len) == 0;
	free(again);
	return same;
}

static int take_record(enum line line, struct seen *seen, struct bytes record)
{
	static const uint8_t items[LINE_COUNT] = {[LINE_BOOT] = AUTHZ_ITEM_BOOT,
	                                          [LINE_RECEIPT] = AUTHZ_ITEM_RECEIPT,
	                                          [LINE_HEAD] = AUTHZ_ITEM_HEAD,
	                                          [LINE_PATH] = AUTHZ_ITEM_PATH};
	static struct authz_receipt receipt;
	static struct authz_wallet_record wallet;

	if (line == LINE_WALLET)
		return authz_wallet_take(record, &wallet) == STATUS_OK &&
		               memcmp(wallet.id, seen->wallet, 32) == 0
		           ? CLI_YES
		           : wrong("the record is of another wallet");
	if (line == LINE_GRANT)
		return keep_grant(seen, record) ? CLI_YES : wrong("the grant is of another wallet");
	if (line == LINE_RECEIPT) {
		if (authz_receipt_take(record, &receipt) != STATUS_OK)
			return wrong("the record is no receipt");
		if (!fits_grant(seen, &receipt))
			return wrong("the receipt names its grant with another module or other "
			             "parameters than the grant's own line");
		seen->boot = receipt.boot;
		seen->number = receipt.number;
	}
	if (line == LINE_CHANGE     ? keep_change(seen, record)
	    : line == LINE_STANDING ? keep_item(&seen->changes, CLI_AUDIT_STANDING, record)
	                            : keep_item(&seen->bundle, items[line], record))
		return CLI_YES;
	return wrong("more than a file may hold");
}

static int take_start(const struct cli_json_node *root)
{
	uint8_t deployment[32], key[32];
	struct buffer id = BUFFER_OF_ARRAY(deployment), public = BUFFER_OF_ARRAY(key);
	uint64_t format, from_s;

	if (!cli_json_u64(cli_json_member(root, "format"), &format) || format != FORMAT)
		return wrong("a format that is not known here");
	if (!cli_json_u64(cli_json_member(root, "from"), &from_s) ||
	    (audit.started && audit.from_s != from_s))
		return wrong("a part that leaves out other decisions");
	if (!cli_json_hex(cli_json_member(root, "deployment"), &id) || id.len != 32 ||
	    !cli_json_hex(cli_json_member(root, "deployment_key"), &public) || public.len != 32)
		return wrong("no deployment is named");
	if (audit.started && (memcmp(audit.deployment, deployment, 32) != 0 ||
	                      memcmp(audit.deployment_key, key, 32) != 0))
		return wrong("a part of another deployment");
	memcpy(audit.deployment, deployment, 32);
	memcpy(audit.deployment_key, key, 32);
	audit.from_s = from_s;
	audit.started = true;
	return CLI_YES;
}

static int take_page(struct seen *seen, const struct cli_json_node *root, long end)
{
	struct bytes cursor;

	if (!cli_json_text(cli_json_member(root, "cursor"), &cursor) ||
	    cursor.len >= sizeof(seen->cursor) ||
	    !cli_json_bool(cli_json_member(root, "last"), &seen->whole))
		return wrong("a malformed page line");
	memcpy(seen->cursor, cursor.data, cursor.len);
	seen->cursor[cursor.len] = '\0';
	seen->paged_boot = seen->boot;
	seen->paged_number = seen->number;
	seen->paged_version = seen->version;
	audit.good_end = end;
	return CLI_YES;
}

static int take_line(const char *text, size_t len, long end)
{
	static uint8_t space[LINE_MAX_BYTES];
	struct buffer record = BUFFER_OF_ARRAY(space);
	uint8_t wallet[32];
	struct buffer id = BUFFER_OF_ARRAY(wallet);
	struct cli_json_file file;
	struct seen *seen = NULL;
	struct bytes name, base64;
	char message[128];
	enum line line = LINE_START;
	int result = CLI_YES;

	if (len == 0 || text[len - 1] != '\n' || len > LINE_MAX_BYTES ||
	    cli_json_parse(bytes_of(text, len), &file, message, sizeof(message)) != STATUS_OK)
		return wrong("no whole line of JSON");
	if (!cli_json_text(cli_json_member(file.root, "line"), &name))
		name = bytes_of(NULL, 0);
	while (line < LINE_COUNT && !bytes_equal(name, bytes_of_text(names[line])))
		line++;
	if (line == LINE_COUNT)
		result = wrong("a line of a kind that is not known here");
	else if (line == LINE_START)
		result = take_start(file.root);
	else if (!audit.started)
		result = wrong("a file of `claviger audit export` begins with its deployment");
	else if (!cli_json_hex(cli_json_member(file.root, "wallet"), &id) || id.len != 32 ||
	         (seen = seen_of(wallet)) == NULL)
		result = wrong("no wallet is named, or too many");
	else if (line == LINE_PAGE)
		result = take_page(seen, file.root, end);
	else if (!cli_json_text(cli_json_member(file.root, "record"), &base64) ||
	         base64_decode(base64, &record) != STATUS_OK ||
	         !same_line(line, wallet, buffer_bytes(&record), text, len))
		result = wrong("what the line says is not what its record says");
	else
		result = take_record(line, seen, buffer_bytes(&record));
	cli_json_close(&file);
	return result;
}

/* read_lines takes a whole file. `open_end`: what follows the last page is an export that was cut
 * short, and is no fault. */
static int read_lines(FILE *file, bool open_end)
{
	char *text = malloc(LINE_MAX_BYTES + 1);
	int result = text != NULL ? CLI_YES : CLI_UNSURE;

	while (result == CLI_YES && fgets(text, LINE_MAX_BYTES + 1, file) != NULL) {
		size_t len = strlen(text); /* a NUL is no JSON: the line is cut, and refused */

		audit.line++;
		if (open_end && feof(file) && (len == 0 || text[len - 1] != '\n'))
			break;
		result = take_line(text, len, ftell(file));
	}
	if (result == CLI_YES && ferror(file)) {
		cli_complain(audit.call, "cannot read %s: %s", audit.path, strerror(errno));
		result = CLI_UNSURE;
	}
	free(text);
	return result;
}

/* ---- export ---- */

struct export
{
	struct cli_server server;
	struct keys_sign_key key;
	char token[LIMIT_TOKEN_MAX + 1];
	uint64_t from_s;
	FILE *file;
};

/* Writes one item of a page. A receipt that stands in the file already is left out, and so is one
 * that is older than asked for, as long as none came before it. */
static int put_item(struct export *export, struct seen *seen, uint8_t kind, struct bytes item)
{
	static const enum line lines[] = {[AUTHZ_ITEM_BOOT] = LINE_BOOT,
	                                  [AUTHZ_ITEM_RECEIPT] = LINE_RECEIPT,
	                                  [AUTHZ_ITEM_HEAD] = LINE_HEAD,
	                                  [AUTHZ_ITEM_PATH] = LINE_PATH};
	static struct authz_receipt receipt;
	struct cli_out out = {.file = export->file};

	if (kind != AUTHZ_ITEM_BOOT && kind != AUTHZ_ITEM_RECEIPT && kind != AUTHZ_ITEM_HEAD &&
	    kind != AUTHZ_ITEM_PATH)
		return CLI_YES;
	if (kind == AUTHZ_ITEM_RECEIPT) {
		if (authz_receipt_take(item, &receipt) != STATUS_OK)
			return CLI_UNSURE;
		if (receipt.boot < seen->boot ||
		    (receipt.boot == seen->boot && receipt.number <= seen->number))
			return CLI_YES;
		if (seen->boot == 0 && receipt.time_high_s < export->from_s)
			return CLI_YES;
		seen->boot = receipt.boot;
		seen->number = receipt.number;
	}
	if (!put_line(&out, lines[kind], seen->wallet, item)) {
		cli_complain(export->server.call, "the signer's answer holds a malformed record");
		return CLI_UNSURE;
	}
	return CLI_YES;
}

/* Writes what changed the wallet since, and where it stands. Behind the receipts: each of them
 * names a state that was durable by then, so none is of a state that comes later. */
static int put_changes(struct export *export, struct seen *seen)
{
	static struct authz_changes_answer page;
	struct cli_out out = {.file = export->file};

	do {
		uint8_t after[32] = {0};
		uint64_t version = __builtin_bswap64(seen->version);
		struct bytes answer;
		int result;

		memcpy(after, &version, sizeof(version));
		result = cli_query(&export->server, &export->key, AUTHZ_QUERY_CHANGES, seen->wallet,
		                   after, &answer);
		if (result != CLI_YES)
			return result;
		if (authz_changes_answer_take(answer, &page) != STATUS_OK ||
		    (page.more && page.count == 0))
			return CLI_UNSURE;
		for (size_t i = 0; i < page.count; i++)
			if (!put_line(&out, LINE_CHANGE, seen->wallet, page.changes[i]))
				return CLI_UNSURE;
		seen->version += page.count;
	} while (page.more);
	return put_line(&out, LINE_STANDING, seen->wallet, page.standing) ? CLI_YES : CLI_UNSURE;
}

static int put_pages(struct export *export, struct seen *seen)
{
	static uint8_t space[CLI_ANSWER_MAX];
	struct cli_out out = {.file = export->file};
	char wallet[HEX_LEN(32) + 1], next[24];
	bool more = true;
	int result = CLI_YES;

	hex_encode(BYTES_OF_ARRAY(seen->wallet), wallet);
	while (result == CLI_YES && more) {
		struct buffer part = BUFFER_OF_ARRAY(space);
		struct bytes left, item;
		uint8_t kind;

		result = cli_receipt_page(&export->server, wallet, export->token, false,
		                          seen->cursor, &part, next, &more);
		left = buffer_bytes(&part);
		while (result == CLI_YES && authz_item_take(&left, &kind, &item))
			result = put_item(export, seen, kind, item);
		if (result != CLI_YES)
			break;
		if (left.len != 0)
			return CLI_UNSURE;
		/* The last page is where a later run goes on: it has grown by then. */
		if (more)
			memcpy(seen->cursor, next, sizeof(next));
		else
			result = put_changes(export, seen);
		if (result != CLI_YES)
			break;
		put_page(&out, seen->wallet, bytes_of_text(seen->cursor), !more);
		if (fflush(export->file) != 0)
			return CLI_UNSURE;
	}
	return result;
}

static int put_wallet(struct export *export, const char *name)
{
	static struct authz_wallet_record wallet;
	static uint8_t space[AUTHZ_ANSWER_MAX];
	static const uint8_t none[32];
	struct buffer record = BUFFER_OF_ARRAY(space);
	struct cli_out out = {.file = export->file};
	struct bytes answer;
	struct seen *seen;
	int result = cli_wallet_find(&export->server, &export->key, name, &wallet);

	if (result != CLI_YES)
		return result;
	seen = seen_of(wallet.id);
	result =
	    cli_query(&export->server, &export->key, AUTHZ_QUERY_WALLET, wallet.id, none, &answer);
	if (result != CLI_YES || seen == NULL || buffer_put(&record, answer) != STATUS_OK)
		return result == CLI_YES ? CLI_UNSURE : result;
	if (authz_wallet_take(buffer_bytes(&record), &wallet) != STATUS_OK ||
	    !put_line(&out, LINE_WALLET, wallet.id, buffer_bytes(&record)))
		return CLI_UNSURE;
	for (size_t i = 0; i < wallet.grant_count; i++) {
		result = cli_query(&export->server, &export->key, AUTHZ_QUERY_GRANT,
		                   wallet.grants[i].grant, wallet.id, &answer);
		if (result != CLI_YES || !put_line(&out, LINE_GRANT, wallet.id, answer))
			return result == CLI_YES ? CLI_UNSURE : result;
	}
	return put_pages(export, seen);
}

static bool put_named(void *context, const char *word)
{
	struct export *export = context;

	return put_wallet(export, word) == CLI_YES;
}

/* Opens the file: a new one, or one that is gone on with behind its last whole page. */
static int open_file(struct cli_call *call, const char *to, bool append, FILE **ret_file)
{
	int result = CLI_YES;
	FILE *file;

	audit = (struct audit){.call = call, .path = to};
	file = append ? fopen(to, "r+b") : fopen(to, "wbx");
	if (file == NULL) {
		if (!append && errno == EEXIST)
			cli_complain(call,
			             "%s exists already and is not replaced; --append goes on "
			             "behind what it has",
			             to);
		else
			cli_complain(call, "cannot %s %s: %s", append ? "go on with" : "write", to,
			             strerror(errno));
		return CLI_UNSURE;
	}
	if (append) {
		result = read_lines(file, true);
		/* What stands behind the last page is asked for again. */
		for (size_t i = 0; i < audit.wallet_count; i++) {
			audit.wallets[i].boot = audit.wallets[i].paged_boot;
			audit.wallets[i].number = audit.wallets[i].paged_number;
			audit.wallets[i].version = audit.wallets[i].paged_version;
		}
		if (result == CLI_YES && (fseek(file, audit.good_end, SEEK_SET) != 0 ||
		                          ftruncate(fileno(file), audit.good_end) != 0))
			result = CLI_UNSURE;
	}
	if (result == CLI_YES)
		*ret_file = file;
	else
		fclose(file);
	return result;
}

static int export_all(struct export *export, const char *wallets)
{
	struct cli_out out = {.file = export->file};

	if (audit.started && memcmp(audit.deployment, export->server.deployment, 32) != 0) {
		cli_complain(export->server.call, "the file is of another deployment");
		return CLI_NO;
	}
	if (audit.started)
		export->from_s = audit.from_s;
	memcpy(audit.deployment_key, export->server.deployment_key, 32);
	put_start(&out, export->server.deployment, export->server.deployment_key,
	          (uint64_t)time(NULL), export->from_s);
	return cli_each_word(wallets, put_named, export) ? CLI_YES : CLI_NO;
}

static int run_export(struct cli_call *call)
{
	struct cli_server_options options = {.server = NULL};
	const char *wallets = NULL, *key_file = NULL, *token_file = NULL, *to = NULL, *from = NULL;
	bool append = false;
	const struct cli_option table[] = {
	    CLI_SERVER_OPTIONS(options), {"--wallet",     &wallets,    NULL   },
	    {"--key",        &key_file,   NULL   },
             {"--token-file", &token_file, NULL   },
	    {"--out",        &to,         NULL   },
             {"--from",       &from,       NULL   },
	    {"--append",     NULL,        &append},
	};
	static struct export export;
	const char *end;
	int result;

	if (!cli_take_options(call, table, sizeof(table) / sizeof(table[0])))
		return CLI_USAGE;
	if (call->count != 0 || wallets == NULL || key_file == NULL || token_file == NULL ||
	    to == NULL)
		return cli_usage(call, "needs --wallet, --key, --token-file and --out");
	end = from;
	if (from != NULL && (!cli_take_number(&end, &export.from_s) || *end != '\0' || append))
		return cli_usage(call, "--from takes seconds since 1970, and begins a new file");
	result = cli_token_read(call, token_file, export.token);
	if (result == CLI_YES)
		result = cli_server_open(&export.server, call, &options);
	if (result == CLI_YES)
		result = cli_key_read(call, key_file, &export.key);
	if (result == CLI_YES)
		result = open_file(call, to, append, &export.file);
	if (result != CLI_YES)
		return result;
	result = export_all(&export, wallets);
	SECRET_WIPE(export.key);
	if (fclose(export.file) != 0 && result == CLI_YES)
		result = CLI_UNSURE;
	if (result == CLI_YES)
		cli_answer(call->json ? "{\"wallets\":%zu}\n" : "wallets: %zu\n",
		           audit.wallet_count);
	return result == CLI_YES ? cli_finish(call, CLI_YES) : result;
}

/* ---- verify ---- */

struct totals {
	uint64_t receipts, allowed, unknown, changes, exports, unfinished;
	size_t whole; /* wallets whose first receipt of all is there */
};

/* Whether the lines of grants that live say what the user signed. */
static bool fits_changes(const struct seen *seen, const struct authz_history *history)
{
	for (size_t i = 0; i < history->grant_count; i++)
		for (size_t j = 0; j < seen->grant_count; j++)
			if (memcmp(seen->grants[j].id, history->grants[i].id, 32) == 0 &&
			    (memcmp(seen->grants[j].module, history->grants[i].module, 32) != 0 ||
			     memcmp(seen->grants[j].parameters_hash,
			            history->grants[i].parameters_hash, 32) != 0))
				return false;
	return true;
}

static int verify_wallet(const struct seen *seen, struct totals *totals)
{
	static const uint8_t none[32];
	static struct authz_bundle_report report;
	static struct authz_history history;
	struct bytes bundle = bytes_of(seen->bundle.data, seen->bundle.len);
	const char *text;
	char id[HEX_LEN(32) + 1];
	enum status status;

	hex_encode(BYTES_OF_ARRAY(seen->wallet), id);
	if (!seen->whole) {
		cli_complain(audit.call,
		             "wallet %.16s: its export was cut short; go on with --append", id);
		return CLI_NO;
	}
	status = authz_bundle_verify(bundle, audit.deployment_key, seen->wallet, &report);
	if (status != STATUS_OK) {
		cli_complain(audit.call, "wallet %.16s: %s", id, report.text);
		return CLI_NO;
	}
	history = (struct authz_history){.version = 0};
	memcpy(history.deployment, audit.deployment, 32);
	memcpy(history.wallet, seen->wallet, 32);
	text = cli_audit_changes(bytes_of(seen->changes.data, seen->changes.len), bundle,
	                         audit.deployment_key, &history);
	if (text == NULL && !fits_changes(seen, &history))
		text = "a grant's line is not what the change that made the grant says";
	if (text != NULL) {
		cli_complain(audit.call, "wallet %.16s, change %llu: %s", id,
		             (unsigned long long)history.version + 1, text);
		return CLI_NO;
	}
	totals->changes += history.version;
	totals->receipts += report.chain.count;
	totals->allowed += report.allowed;
	totals->unknown += seen->unknown_grants;
	totals->exports += history.exports.count;
	totals->unfinished += history.unfinished;
	totals->whole += memcmp(report.chain.first_previous, none, 32) == 0;
	return CLI_YES;
}

static int run_verify(struct cli_call *call)
{
	const char *key_text = NULL;
	const struct cli_option table[] = {
	    {"--deployment-key", &key_text, NULL}
        };
	struct totals totals = {0};
	uint8_t key_space[32];
	struct buffer key = BUFFER_OF_ARRAY(key_space);
	int result;
	FILE *file;

	if (!cli_take_options(call, table, 1))
		return CLI_USAGE;
	if (call->count != 1)
		return cli_usage(call, "takes a file of `claviger audit export`");
	if (key_text != NULL &&
	    (hex_decode(bytes_of_text(key_text), &key) != STATUS_OK || key.len != 32))
		return cli_usage(call, "--deployment-key takes 64 hex digits");
	audit = (struct audit){.call = call, .path = call->arguments[0]};
	file = fopen(audit.path, "rb");
	if (file == NULL) {
		cli_complain(call, "cannot open %s: %s", audit.path, strerror(errno));
		return CLI_UNSURE;
	}
	keys_open();
	result = read_lines(file, false);
	fclose(file);
	if (result == CLI_YES && (!audit.started || audit.wallet_count == 0))
		result = wrong("the file holds no wallet");
	if (result == CLI_YES && key_text != NULL &&
	    memcmp(audit.deployment_key, key_space, 32) != 0)
		result = wrong("the file is of another deployment key");
	for (size_t i = 0; result == CLI_YES && i < audit.wallet_count; i++)
		result = verify_wallet(&audit.wallets[i], &totals);
	if (result == CLI_YES)
		cli_answer(
		    call->json
		        ? "{\"verified\":true,\"from\":%llu,\"wallets\":%zu,\"from_the_first\":%zu,"
		          "\"changes\":%llu,\"receipts\":%llu,\"allowed\":%llu,"
		          "\"of_grants_not_kept\":%llu,\"exports\":%llu,"
		          "\"exports_not_carried_out\":%llu}\n"
		        : "verified: receipts from %llu on, %zu wallets (of %zu from their first "
		          "decision "
		          "on), %llu changes as their users signed them, %llu receipts, "
		          "%llu allowed, %llu of them under grants that are not kept any more; "
		          "receipts say that a key was handed over: %llu, and in %llu of these "
		          "no user's signed change says so: the signer ended before it was, "
		          "or nobody asked for it\n",
		    (unsigned long long)audit.from_s, audit.wallet_count, totals.whole,
		    (unsigned long long)totals.changes, (unsigned long long)totals.receipts,
		    (unsigned long long)totals.allowed, (unsigned long long)totals.unknown,
		    (unsigned long long)totals.exports, (unsigned long long)totals.unfinished);
	else if (call->json)
		cli_answer("{\"verified\":false}\n");
	if (result == CLI_YES && key_text == NULL && !call->json)
		puts("with the deployment key in the file; give --deployment-key to compare it "
		     "with the one "
		     "that you know");
	return cli_finish(call, result);
}

const struct cli_command cli_audit_export = {
    .name = "audit export",
    .arguments = "--wallet W[,W...] --key USER.json --token-file F --out FILE [--from SECONDS] "
                 "[--append]",
    .sentence = "write wallets, what users signed and every decision with its proof",
    .run = run_export,
    .help =
        "JSON Lines: the wallet's record, its grants, boot records, receipts, and the signed head\n"
        "that proves that none is missing; then every change of the wallet since its birth as it\n"
        "was signed, with the signatures and the text, and where the wallet stands, signed by the\n"
        "deployment. Each line holds the record itself and what it says. To decide again takes\n"
        "what it has not: `claviger receipt export`, and the modules' files.\n\n"
        "--from SECONDS  leave out decisions before then (since 1970)\n"
        "--append        go on with a file: what was decided since, or behind the last whole page\n"
        "                when it was cut short\n",
};

const struct cli_command cli_audit_verify = {
    .name = "audit verify",
    .arguments = "FILE [--deployment-key HEX]",
    .sentence = "check a file of audit export, offline: nothing missing, changed or made up",
    .help =
        "Receipts are proven: each is chained to the one before it, from the first that the file\n"
        "has to the signed head; `from` is the time from which it was asked for (0: all).\n"
        "Changes are proven from the wallet's birth on: each signature, by a key that might\n"
        "sign it then, its delay, and that it leads to the next state, the last one to where\n"
        "the deployment signed that the wallet stands. Each receipt names one of these states,\n"
        "each signature a grant that lived in it. The wallet's own line, and counts in those of\n"
        "grants, carry no signature: they are what the server said.\n\n"
        "--deployment-key HEX  the key that signs for this signer, as `claviger attest get` shows\n"
        "                      it; without it the one in the file is believed\n",
    .run = run_verify,
};
