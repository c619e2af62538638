/* cli_tx: `claviger tx decode`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "base_encode.h"
#include "cli_commands.h"
#include "cli_out.h"
#include "cli_tables.h"
#include "solana_fee.h"
#include "solana_view.h"

static const char help[] =
    "Reads base64, one transaction (wire form), message or off-chain message a line, from FILE\n"
    "or standard input, and writes JSON lines, one object each: exactly what the bytes say. Bytes\n"
    "that are no transaction, or have a second reading, give {\"error\":{code,offset,message}}\n"
    "and exit status 1 at the end; the other lines are decoded all the same.\n"
    "\n"
    "  --tables FILE  JSON {\"TABLE\":{\"INDEX\":\"ADDRESS\"}}: show addresses of looked-up "
    "accounts\n"
    "                 as FILE claims them; the signed bytes hold only table and index\n"
    "  --fees         add \"fees\": what the fee payer can be charged at most, in lamports\n";

/* A line of a longer transaction than any is refused without keeping it. */
#define LINE_MAX_LEN (BASE64_LEN(LIMIT_TX_V1_MAX) + 64)

typedef enum status decode_fn(struct bytes bytes, struct solana_view *ret_view,
                              struct solana_error *ret_error);

struct decoding {
	decode_fn *decode;
	struct cli_out out;
	const struct cli_tables *tables;
	bool fees;
	bool refused; /* a line was refused */
};

static void put_error(struct decoding *d, const char *code, size_t offset, const char *message)
{
	cli_out_name(&d->out, "error");
	cli_out_open(&d->out, '{');
	cli_out_name(&d->out, "code");
	cli_out_text(&d->out, bytes_of_text(code));
	cli_out_name(&d->out, "offset");
	cli_out_number(&d->out, offset);
	cli_out_name(&d->out, "message");
	cli_out_text(&d->out, bytes_of_text(message));
	cli_out_close(&d->out, '}');
}

static void put_text(struct decoding *d, const char *name, const char *text)
{
	cli_out_name(&d->out, name);
	cli_out_text(&d->out, bytes_of_text(text));
}

static void put_number(struct decoding *d, const char *name, uint64_t number)
{
	cli_out_name(&d->out, name);
	cli_out_number(&d->out, number);
}

static void put_key(struct decoding *d, const char *name, const uint8_t *key)
{
	cli_out_name(&d->out, name);
	cli_out_base58(&d->out, bytes_of(key, SOLANA_KEY_LEN));
}

/* put_indexes writes one number for each byte. */
static void put_indexes(struct decoding *d, const char *name, struct bytes indexes)
{
	cli_out_name(&d->out, name);
	cli_out_open(&d->out, '[');
	for (size_t i = 0; i < indexes.len; i++)
		cli_out_number(&d->out, indexes.data[i]);
	cli_out_close(&d->out, ']');
}

static void put_account(struct decoding *d, const struct solana_view *view, unsigned i)
{
	const struct solana_account *account = &view->accounts[i];
	bool looked_up = account->lookup != SOLANA_NOT_LOOKED_UP;
	const uint8_t *table = looked_up ? solana_table_key(view, account->lookup) : NULL;
	const uint8_t *key = looked_up ? cli_tables_find(d->tables, table, account->index)
	                               : solana_account_key(view, i);

	cli_out_open(&d->out, '{');
	if (key != NULL)
		put_key(d, "address", key);
	cli_out_name(&d->out, "signer");
	cli_out_bool(&d->out, (account->flags & SOLANA_ACCOUNT_SIGNER) != 0);
	cli_out_name(&d->out, "writable");
	cli_out_bool(&d->out, (account->flags & SOLANA_ACCOUNT_WRITABLE) != 0);
	put_text(d, "source", looked_up ? "lookup" : "static");
	if (looked_up) {
		put_key(d, "table", table);
		put_number(d, "index", account->index);
	}
	cli_out_close(&d->out, '}');
}

static void put_instructions(struct decoding *d, const struct solana_view *view)
{
	cli_out_name(&d->out, "instructions");
	cli_out_open(&d->out, '[');
	for (unsigned i = 0; i < view->instruction_count; i++) {
		const struct solana_instruction *instruction = &view->instructions[i];

		cli_out_open(&d->out, '{');
		put_number(d, "program", instruction->program);
		put_indexes(d, "accounts", solana_range_bytes(view, instruction->accounts));
		cli_out_name(&d->out, "data");
		cli_out_hex(&d->out, solana_range_bytes(view, instruction->data));
		cli_out_close(&d->out, '}');
	}
	cli_out_close(&d->out, ']');
}

static void put_lookups(struct decoding *d, const struct solana_view *view)
{
	cli_out_name(&d->out, "lookups");
	cli_out_open(&d->out, '[');
	for (unsigned i = 0; i < view->lookup_count; i++) {
		cli_out_open(&d->out, '{');
		put_key(d, "table", solana_table_key(view, i));
		put_indexes(d, "writable", solana_range_bytes(view, view->lookups[i].writable));
		put_indexes(d, "readonly", solana_range_bytes(view, view->lookups[i].readonly));
		cli_out_close(&d->out, '}');
	}
	cli_out_close(&d->out, ']');
}

/* put_limit writes a limit of v1, null when its bit is not set: then the runtime takes its own. */
static void put_limit(struct decoding *d, const char *name, bool set, uint32_t value)
{
	cli_out_name(&d->out, name);
	if (set)
		cli_out_number(&d->out, value);
	else
		cli_out_null(&d->out);
}

static void put_config(struct decoding *d, const struct solana_view *view)
{
	const struct solana_config *config = &view->config;

	cli_out_name(&d->out, "config");
	if (view->format != SOLANA_FORMAT_V1) {
		cli_out_null(&d->out);
		return;
	}
	cli_out_open(&d->out, '{');
	cli_out_name(&d->out, "priority_fee_lamports");
	if ((config->mask & SOLANA_CONFIG_PRIORITY_FEE) != 0)
		cli_out_decimal(&d->out, config->priority_fee_lamports);
	else
		cli_out_null(&d->out);
	put_limit(d, "compute_unit_limit", (config->mask & SOLANA_CONFIG_COMPUTE_UNITS) != 0,
	          config->compute_unit_limit);
	put_limit(d, "loaded_accounts_data_limit", (config->mask & SOLANA_CONFIG_LOADED_DATA) != 0,
	          config->loaded_accounts_data_limit_bytes);
	put_limit(d, "heap_bytes", (config->mask & SOLANA_CONFIG_HEAP) != 0, config->heap_bytes);
	cli_out_close(&d->out, '}');
}

static void put_fees(struct decoding *d, const struct solana_view *view)
{
	struct solana_fee_facts facts;
	struct solana_error error;

	cli_out_name(&d->out, "fees");
	cli_out_open(&d->out, '{');
	if (solana_fee_facts(view, &facts, &error) != STATUS_OK) {
		put_error(d, solana_error_code(error.code), error.offset,
		          solana_error_text(error.code));
	} else {
		put_number(d, "signatures", facts.signature_count);
		put_number(d, "precompile_signatures", facts.precompile_signatures);
		put_number(d, "compute_unit_limit", facts.cu_limit);
		cli_out_name(&d->out, "compute_unit_price_micro_lamports");
		cli_out_decimal(&d->out, facts.cu_price_micro_lamports);
		cli_out_name(&d->out, "base_fee_lamports");
		cli_out_decimal(&d->out, facts.base_fee_lamports);
		cli_out_name(&d->out, "priority_fee_lamports");
		cli_out_decimal(&d->out, facts.priority_fee_lamports);
		cli_out_name(&d->out, "worst_fee_lamports");
		cli_out_decimal(&d->out, facts.worst_fee_lamports);
	}
	cli_out_close(&d->out, '}');
}

static void put_transaction(struct decoding *d, const struct solana_view *view)
{
	static const char *const formats[] = {"", "legacy", "v0", "v1"};

	put_text(d, "kind", view->kind == SOLANA_KIND_TRANSACTION ? "transaction" : "message");
	put_text(d, "format", formats[view->format]);
	cli_out_name(&d->out, "signatures");
	cli_out_open(&d->out, '[');
	for (unsigned i = 0; solana_signature(view, i) != NULL; i++)
		cli_out_base58(&d->out, bytes_of(solana_signature(view, i), SOLANA_SIGNATURE_LEN));
	cli_out_close(&d->out, ']');
	cli_out_name(&d->out, "header");
	cli_out_open(&d->out, '{');
	put_number(d, "required_signatures", view->required_signatures);
	put_number(d, "readonly_signed", view->readonly_signed);
	put_number(d, "readonly_unsigned", view->readonly_unsigned);
	cli_out_close(&d->out, '}');
	cli_out_name(&d->out, "accounts");
	cli_out_open(&d->out, '[');
	for (unsigned i = 0; i < view->account_count; i++)
		put_account(d, view, i);
	cli_out_close(&d->out, ']');
	put_key(d, "lifetime", solana_lifetime(view));
	put_instructions(d, view);
	put_lookups(d, view);
	put_config(d, view);
	if (d->fees)
		put_fees(d, view);
}

static void put_offchain(struct decoding *d, const struct solana_view *view)
{
	put_text(d, "kind", "offchain");
	put_text(d, "format", "offchain-v1");
	cli_out_name(&d->out, "signers");
	cli_out_open(&d->out, '[');
	for (unsigned i = 0; i < view->static_count; i++)
		cli_out_base58(&d->out, bytes_of(solana_account_key(view, i), SOLANA_KEY_LEN));
	cli_out_close(&d->out, ']');
	cli_out_name(&d->out, "text");
	cli_out_text(&d->out, solana_range_bytes(view, view->text));
}

/* base64_fault returns where the text stops being base64, for the error's sake. */
static size_t base64_fault(struct bytes text)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t at = 0;

	while (at < text.len && text.data[at] != '\0' && strchr(digits, text.data[at]) != NULL)
		at++;
	return at;
}

static void decode_line(struct decoding *d, struct bytes line, bool whole)
{
	uint8_t space[LINE_MAX_LEN];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct solana_view view;
	struct solana_error error = {SOLANA_ERROR_TOO_LONG, LIMIT_TX_V1_MAX};

	cli_out_open(&d->out, '{');
	if (whole && base64_decode(line, &bytes) != STATUS_OK) {
		put_error(d, "base64", base64_fault(line),
		          "not base64 (RFC 4648 section 4, with padding); one transaction a line");
		d->refused = true;
	} else if (!whole || d->decode(buffer_bytes(&bytes), &view, &error) != STATUS_OK) {
		put_error(d, solana_error_code(error.code), error.offset,
		          solana_error_text(error.code));
		d->refused = true;
	} else if (view.kind == SOLANA_KIND_OFFCHAIN) {
		put_offchain(d, &view);
	} else {
		put_transaction(d, &view);
	}
	cli_out_close(&d->out, '}');
	cli_out_line(&d->out);
}

/* decode_lines answers every line, the last one also without a line end. */
static void decode_lines(struct decoding *d, FILE *input)
{
	char line[LINE_MAX_LEN];
	size_t len = 0; /* of the line, kept or not */
	int c;

	while ((c = getc_unlocked(input)) != EOF) {
		if (c != '\n') {
			if (len < sizeof(line))
				line[len] = (char)c;
			len++;
			continue;
		}
		if (len > 0 && len <= sizeof(line) && line[len - 1] == '\r')
			len--;
		decode_line(d, bytes_of(line, len), len <= sizeof(line));
		len = 0;
		/* Someone who asks and waits gets each answer at once. */
		if (input == stdin)
			fflush(cli_answer_file());
	}
	if (len > 0)
		decode_line(d, bytes_of(line, len), len <= sizeof(line));
}

static int decode_input(struct cli_call *call, struct decoding *d)
{
	FILE *input = stdin;
	bool failed;
	int error;

	if (call->count == 1 && strcmp(call->arguments[0], "-") != 0) {
		input = fopen(call->arguments[0], "rb");
		if (input == NULL) {
			cli_complain(call, "cannot open %s: %s", call->arguments[0],
			             strerror(errno));
			return CLI_UNSURE;
		}
	}
	decode_lines(d, input);
	failed = ferror(input) != 0;
	error = errno;
	if (input != stdin)
		fclose(input);
	if (failed) {
		cli_complain(call, "cannot read %s: %s",
		             input != stdin ? call->arguments[0] : "standard input",
		             strerror(error));
		return CLI_UNSURE;
	}
	return cli_finish(call, d->refused ? CLI_NO : CLI_YES);
}

/* find_kind returns what reads the kind of that name; any kind without a name; NULL: unknown. */
static decode_fn *find_kind(const char *name)
{
	if (name == NULL)
		return solana_classify;
	if (strcmp(name, "transaction") == 0)
		return solana_decode_transaction;
	if (strcmp(name, "message") == 0)
		return solana_decode_message;
	return strcmp(name, "offchain") == 0 ? solana_decode_offchain : NULL;
}

static int run_decode(struct cli_call *call)
{
	struct decoding d = {.out = {.file = cli_answer_file()}};
	struct cli_tables tables = {0};
	const char *path = NULL, *kind = NULL;
	const struct cli_option options[] = {
	    {"--tables", &path, NULL   },
	    {"--as",     &kind, NULL   },
	    {"--fees",   NULL,  &d.fees},
	};
	char message[256];
	int result;

	if (!cli_take_options(call, options, sizeof(options) / sizeof(options[0])))
		return CLI_USAGE;
	if (call->count > 1)
		return cli_usage(call, "one file at a time");
	d.decode = find_kind(kind);
	if (d.decode == NULL)
		return cli_usage(call, "--as takes transaction, message or offchain");
	if (path != NULL && cli_tables_open(path, &tables, message, sizeof(message)) != STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	d.tables = &tables;
	result = decode_input(call, &d);
	cli_tables_close(&tables);
	return result;
}

const struct cli_command cli_tx_decode = {
    .name = "tx decode",
    .arguments = "[--tables FILE] [--as KIND] [--fees] [FILE]",
    .sentence = "show exactly what transactions and messages say, as JSON",
    .run = run_decode,
    .help = help,
};
