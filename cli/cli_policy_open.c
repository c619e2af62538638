/* cli_policy_open: loads a module, its parameters and what a grant would know. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <time.h>

#include "base_encode.h"
#include "cli_file.h"
#include "cli_intent.h"
#include "cli_json.h"
#include "cli_parameters.h"
#include "cli_policy.h"
#include "keys.h"
#include "policy_intent.h"
#include "policy_known.h"

static _Alignas(8) uint8_t record_space[POLICY_PARAMETERS_MAX];

int cli_policy_load(struct cli_policy *p, const struct cli_call *call, const char *path)
{
	char message[512];

	if (cli_file_read(path, LIMIT_MODULE_MAX, &p->module, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_UNSURE;
	}
	return cli_policy_load_module(p, call, buffer_bytes(&p->module), path);
}

bool cli_policy_is_none(const struct cli_call *call, struct bytes module, const char *path)
{
	static const uint8_t begins[] = {0x00, 0x61, 0x73, 0x6d};

	if (module.len >= sizeof(begins) && memcmp(module.data, begins, sizeof(begins)) == 0)
		return false;
	if (module.len == 0)
		cli_complain(call, "%s is empty; a module (.wasm) is expected", path);
	else if (cli_intent_is(path))
		cli_complain(call,
		             "%s is an intent's text, and a module is expected: `claviger policy "
		             "build %s -o M.wasm` makes it",
		             path, path);
	else
		cli_complain(
		    call, "%s is no WASM module (.wasm): it does not begin with 00 61 73 6d", path);
	return true;
}

int cli_policy_load_module(struct cli_policy *p, const struct cli_call *call, struct bytes module,
                           const char *path)
{
	struct policy_error error = {.text = ""};
	char message[512];

	p->call = call;
	if (cli_policy_is_none(call, module, path))
		return CLI_NO;
	keys_sha256(&module, 1, p->hash);
	p->known = policy_known_name(p->hash);
	p->ships = policy_ships(p->hash);
	if (p->known == NULL) {
		p->known = policy_intent_name(module);
		p->intent = p->known != NULL;
		p->unproven |= p->intent && policy_intent_gives_accounts(module);
	}
	enum status status = cli_check_load(module, message, sizeof(message));
	if (status != STATUS_OK) {
		cli_complain(call, "%s: %s", path, message);
		return status == STATUS_REFUSED ? CLI_NO : CLI_UNSURE;
	}
	if (policy_module_schema(module, &p->schema_cbor) != STATUS_OK ||
	    policy_schema_decode(p->schema_cbor, &p->schema, &error) != STATUS_OK) {
		cli_complain(call, "%s: %s", path, error.text);
		return CLI_NO;
	}
	return CLI_YES;
}

/* Values (CBOR) to the record that the module reads. */
static int take_record(struct cli_policy *p, struct bytes values, const char *path)
{
	struct buffer record = BUFFER_OF_ARRAY(record_space);
	struct policy_error error = {.text = ""};

	/* Wrong parameters are no denial: nothing was looked at. */
	if (policy_record_encode(&p->schema, values, &record, &error) != STATUS_OK) {
		cli_complain(p->call, "%s%s%s", path != NULL ? path : "", path != NULL ? ": " : "",
		             error.text);
		return CLI_USAGE;
	}
	p->record = buffer_bytes(&record);
	if (policy_derive(&p->schema, p->record, p->wallet, keys_sha256, &p->atas) != STATUS_OK) {
		cli_complain(p->call, "cannot derive token accounts from the parameters");
		return CLI_USAGE;
	}
	return CLI_YES;
}

static int load_record(struct cli_policy *p, const char *path)
{
	static uint8_t space[LIMIT_PARAMETERS_MAX];
	struct buffer values = BUFFER_OF_ARRAY(space);
	char message[512];

	if (path == NULL) {
		values.data[0] = 0xa0; /* no values: an empty map */
		values.len = 1;
	} else {
		enum status status =
		    cli_parameters_read(path, &p->schema, &values, message, sizeof(message));

		if (status != STATUS_OK) {
			cli_complain(p->call, "%s", message);
			return status == STATUS_IO ? CLI_UNSURE : CLI_USAGE;
		}
	}
	return take_record(p, buffer_bytes(&values), path);
}

/* ---- counters: {"NAME": {"unit", "mint", "window", "cap", "left"}} ---- */

static bool take_amount(const struct cli_json_node *node, uint64_t *ret_amount)
{
	struct bytes text;
	uint64_t value = 0;

	if (cli_json_u64(node, ret_amount))
		return true;
	if (node == NULL || !cli_json_text(node, &text) || text.len == 0 || text.len > 20)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_amount = value;
	return true;
}

static bool take_word(const struct cli_json_node *node, const char *const *words, size_t count,
                      uint32_t *ret_index)
{
	struct bytes text;

	if (node == NULL || !cli_json_text(node, &text))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (bytes_equal(text, bytes_of_text(words[i]))) {
			*ret_index = (uint32_t)i;
			return true;
		}
	}
	return false;
}

const char *const cli_policy_units[CLI_POLICY_UNITS] = {[POLICY_UNIT_LAMPORTS] = "lamports",
                                                        [POLICY_UNIT_MINT] = "mint",
                                                        [POLICY_UNIT_USES] = "uses",
                                                        [0] = ""};
const char *const cli_policy_windows[CLI_POLICY_WINDOWS] = {
    [POLICY_WINDOW_TOTAL] = "total", [POLICY_WINDOW_1H] = "1h", [POLICY_WINDOW_24H] = "24h"};

static enum status take_counter(void *context, struct bytes name, const struct cli_json_node *value)
{
	struct cli_policy *p = context;
	struct policy_counter *c = &p->counters[p->counter_count];
	struct bytes mint;

	(void)name;
	if (p->counter_count == POLICY_COUNTERS_MAX)
		return STATUS_TOO_LARGE;
	*c = (struct policy_counter){0};
	if (!take_word(cli_json_member(value, "unit"), cli_policy_units, CLI_POLICY_UNITS,
	               &c->unit) ||
	    c->unit == 0)
		return STATUS_MALFORMED;
	if (cli_json_member(value, "window") != NULL &&
	    !take_word(cli_json_member(value, "window"), cli_policy_windows, CLI_POLICY_WINDOWS,
	               &c->window))
		return STATUS_MALFORMED;
	if (c->unit == POLICY_UNIT_MINT && (cli_json_member(value, "mint") == NULL ||
	                                    !cli_json_text(cli_json_member(value, "mint"), &mint) ||
	                                    base58_decode_32(mint, c->mint) != STATUS_OK))
		return STATUS_MALFORMED;
	if (!take_amount(cli_json_member(value, "left"), &c->left))
		return STATUS_MALFORMED;
	c->cap = c->left;
	if (cli_json_member(value, "cap") != NULL &&
	    !take_amount(cli_json_member(value, "cap"), &c->cap))
		return STATUS_MALFORMED;
	p->counter_count++;
	return STATUS_OK;
}

static int load_counters(struct cli_policy *p, const char *path)
{
	struct cli_json_file file;
	char message[512];

	if (path == NULL)
		return CLI_YES;
	if (cli_json_open(path, &file, message, sizeof(message)) != STATUS_OK) {
		cli_complain(p->call, "%s", message);
		return CLI_UNSURE;
	}
	int result = cli_policy_counters(p, file.root, path);
	cli_json_close(&file);
	return result;
}

int cli_policy_counters(struct cli_policy *p, const struct cli_json_node *counters,
                        const char *path)
{
	p->counter_count = 0;
	if (cli_json_each(counters, take_counter, p) == STATUS_OK)
		return CLI_YES;
	cli_complain(p->call,
	             "%s: counter %zu: expected {\"NAME\":{\"unit\":\"lamports|mint|uses\","
	             "\"mint\":ADDRESS,\"window\":\"total|1h|24h\",\"cap\":\"N\",\"left\":\"N\"}}, "
	             "at most %d",
	             path, p->counter_count + 1, POLICY_COUNTERS_MAX);
	return CLI_USAGE;
}

/* ---- lookup tables that the grant would pin ---- */

/* Only entries from 0 on without a gap are pinned, as a grant names "the first n". */
static int load_pins(struct cli_policy *p, const char *path)
{
	struct cli_tables tables;
	char message[512];

	if (path == NULL)
		return CLI_YES;
	if (cli_tables_open(path, &tables, message, sizeof(message)) != STATUS_OK) {
		cli_complain(p->call, "%s", message);
		return CLI_UNSURE;
	}
	uint8_t(*keys)[32] = malloc(tables.count == 0 ? 1 : tables.count * 32);
	if (keys == NULL)
		return CLI_UNSURE;
	for (size_t i = 0; i < tables.count; i++) {
		const struct cli_table_entry *e = &tables.entries[i];
		struct policy_pin *pin = p->pin_count == 0 ? NULL : &p->pins[p->pin_count - 1];

		memcpy(keys[i], e->address, 32);
		if (pin == NULL || memcmp(pin->table, e->table, 32) != 0) {
			if (p->pin_count == CLI_POLICY_PINS_MAX)
				break;
			pin = &p->pins[p->pin_count++];
			*pin = (struct policy_pin){.entries = (const uint8_t(*)[32])(keys + i)};
			memcpy(pin->table, e->table, 32);
		}
		if (e->index == pin->known)
			pin->known++;
	}
	cli_tables_close(&tables);
	return CLI_YES;
}

static int load_hints(struct cli_policy *p, const char *path)
{
	char message[512];

	if (path == NULL)
		return CLI_YES;
	if (cli_tables_open(path, &p->hints, message, sizeof(message)) == STATUS_OK)
		return CLI_YES;
	cli_complain(p->call, "%s", message);
	return CLI_UNSURE;
}

static int take_key(struct cli_policy *p, const char *option, const char *text, uint8_t ret_key[32])
{
	if (base58_decode_32(bytes_of_text(text), ret_key) == STATUS_OK)
		return CLI_YES;
	cli_complain(p->call, "%s must be an address in base58", option);
	return CLI_USAGE;
}

static int take_time(struct cli_policy *p, const char *text)
{
	const char *end = text;
	struct timespec now;

	if (text == NULL) {
		clock_gettime(CLOCK_REALTIME, &now);
		p->time_low = p->time_high = (uint64_t)now.tv_sec;
		return CLI_YES;
	}
	if (cli_take_number(&end, &p->time_low) && *end == '\0') {
		p->time_high = p->time_low;
		return CLI_YES;
	}
	cli_complain(p->call, "--now must be seconds since 1970");
	return CLI_USAGE;
}

int cli_policy_open(struct cli_policy *p, const struct cli_call *call,
                    const struct cli_policy_options *o)
{
	int result = CLI_YES;

	if (o->module == NULL)
		return cli_usage(call, "--module is missing");
	p->call = call;
	p->unproven = o->unproven;
	if (o->wallet != NULL)
		result = take_key(p, "--wallet", o->wallet, p->wallet);
	if (result == CLI_YES && o->nonce != NULL) {
		result = take_key(p, "--nonce", o->nonce, p->nonce);
		p->has_nonce = true;
	}
	if (result == CLI_YES)
		result = take_time(p, o->now);
	if (result == CLI_YES)
		result = cli_policy_load(p, call, o->module);
	if (result == CLI_YES)
		result = load_record(p, o->params);
	if (result == CLI_YES)
		result = load_counters(p, o->counters);
	if (result == CLI_YES)
		result = load_pins(p, o->pins);
	return result == CLI_YES ? load_hints(p, o->tables) : result;
}

int cli_policy_grant(struct cli_policy *p, const struct cli_call *call, const char *params,
                     const char *wallet)
{
	p->call = call;
	memset(&p->mints, 0, sizeof(p->mints));
	int result = take_key(p, "wallet", wallet, p->wallet);
	return result == CLI_YES ? load_record(p, params) : result;
}

int cli_policy_values(struct cli_policy *p, const struct cli_call *call, const char *name,
                      struct bytes json, const char *wallet)
{
	static uint8_t space[LIMIT_PARAMETERS_MAX];
	struct buffer values = BUFFER_OF_ARRAY(space);
	char message[512];

	p->call = call;
	memset(&p->mints, 0, sizeof(p->mints));
	int result = take_key(p, "wallet", wallet, p->wallet);
	if (result != CLI_YES)
		return result;
	if (cli_parameters_json(name, json, &p->schema, &values, message, sizeof(message)) !=
	    STATUS_OK) {
		cli_complain(call, "%s", message);
		return CLI_USAGE;
	}
	return take_record(p, buffer_bytes(&values), name);
}
