/* cli_intent_cases: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_intent_cases.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base_encode.h"
#include "cli_intent.h"
#include "cli_parameters.h"
#include "keys.h"

#define JSON_MAX 65536
#define PINS_MAX 16

/* ---- values of the file as JSON, which the parameter reader takes ---- */

struct text {
	char *at;
	size_t cap, len;
};

static void put(struct text *t, const char *bytes, size_t len)
{
	if (len < t->cap - t->len) {
		memcpy(t->at + t->len, bytes, len);
		t->len += len;
	} else {
		t->cap =
		    t->len + 1; /* full: what follows is dropped, and the JSON will not parse */
	}
}

static void put_word(struct text *t, const char *word)
{
	put(t, word, strlen(word));
}

static void put_string(struct text *t, struct bytes text)
{
	put_word(t, "\"");
	for (size_t i = 0; i < text.len; i++) {
		char code[8];
		uint8_t c = text.data[i];
		if (c == '"' || c == '\\' || c < 0x20) {
			snprintf(code, sizeof(code), "\\u%04x", c);
			put_word(t, code);
		} else {
			put(t, (const char *)&c, 1);
		}
	}
	put_word(t, "\"");
}

static void put_json(struct text *t, struct intent_value v, unsigned depth)
{
	char number[24];
	bool table = intent_is(v, INTENT_NODE_TABLE), any = false;
	if (depth > 8)
		return;
	switch (intent_node(v)->kind) {
	case INTENT_NODE_TABLE:
	case INTENT_NODE_ARRAY:
		put_word(t, table ? "{" : "[");
		for (struct intent_value c = intent_first(v); c.source != NULL;
		     c = intent_next(c)) {
			put_word(t, any ? "," : "");
			any = true;
			if (table) {
				put_string(t, intent_key_of(c));
				put_word(t, ":");
			}
			put_json(t, c, depth + 1);
		}
		put_word(t, table ? "}" : "]");
		break;
	case INTENT_NODE_STRING:
		put_string(t, intent_string_of(v));
		break;
	case INTENT_NODE_BOOL:
		put_word(t, intent_node(v)->number != 0 ? "true" : "false");
		break;
	case INTENT_NODE_INTEGER:
		snprintf(number, sizeof(number), "%" PRIu64, intent_node(v)->number);
		put_word(t, number);
		break;
	default:
		put_word(t, "null");
		break;
	}
}

/* ---- one test ---- */

/* Tests say what happens, not when: a time of their own keeps them the same for ever. */
#define TEST_TIME_S UINT64_C(1790000000)

struct running {
	const struct cli_call *call;
	struct cli_policy policy;
	struct intent_error error;
	unsigned passed, failed;
	bool quiet;
};

static bool take_text(struct running *r, struct intent_value test, const char *key, bool required,
                      char *out, size_t cap)
{
	struct bytes text = {NULL, 0};
	out[0] = '\0';
	if (!intent_text_of(&r->error, test, key, required, &text))
		return false;
	if (text.len >= cap)
		return intent_wrong(&r->error, intent_member(test, key), 0, "this is too long");
	if (text.len != 0)
		memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static bool take_pins(struct running *r, struct intent_value pins)
{
	static uint8_t keys[PINS_MAX][256][32];
	r->policy.pin_count = 0;
	if (pins.source == NULL)
		return true;
	if (!intent_is(pins, INTENT_NODE_TABLE))
		return intent_wrong(&r->error, pins, 0,
		                    "pins = { TABLE = [address, ...] } is expected");
	for (struct intent_value v = intent_first(pins); v.source != NULL; v = intent_next(v)) {
		size_t n = r->policy.pin_count;
		struct policy_pin *pin = &r->policy.pins[n];
		if (n == PINS_MAX || !intent_is(v, INTENT_NODE_ARRAY) ||
		    base58_decode_32(intent_key_of(v), pin->table) != STATUS_OK)
			return intent_wrong(&r->error, v, 0,
			                    "TABLE = [address, ...] is expected, at most %d",
			                    PINS_MAX);
		pin->known = 0;
		pin->entries = (const uint8_t(*)[32])keys[n];
		for (struct intent_value k = intent_first(v); k.source != NULL; k = intent_next(k))
			if (pin->known == 256 || !intent_is(k, INTENT_NODE_STRING) ||
			    base58_decode_32(intent_string_of(k), keys[n][pin->known++]) !=
			        STATUS_OK)
				return intent_wrong(&r->error, k, 0, "an address is expected");
		r->policy.pin_count++;
	}
	return true;
}

static bool take_counters(struct running *r, struct intent_value counters)
{
	static char space[JSON_MAX];
	struct text json = {space, sizeof(space), 0};
	struct cli_json_file file;
	char message[256];
	r->policy.counter_count = 0;
	if (counters.source == NULL)
		return true;
	put_json(&json, counters, 0);
	if (cli_json_parse(bytes_of(json.at, json.len), &file, message, sizeof(message)) !=
	    STATUS_OK)
		return intent_wrong(&r->error, counters, 0, "%s", message);
	int result = cli_policy_counters(&r->policy, file.root, "counters");
	cli_json_close(&file);
	return result == CLI_YES;
}

/* Nothing is asked at a time that ends before it begins. */
static bool take_time(struct running *r, struct intent_value test)
{
	uint64_t low = TEST_TIME_S, high = TEST_TIME_S;
	if (!intent_number_of(&r->error, test, "time_low", 0, UINT64_MAX, &low) ||
	    !intent_number_of(&r->error, test, "time_high", 0, UINT64_MAX, &high))
		return false;
	if (low > high) {
		struct intent_value said = intent_member(test, "time_low");
		if (said.source == NULL)
			said = intent_member(test, "time_high");
		return intent_wrong(&r->error, said, 0,
		                    "time_low, %" PRIu64 ", is later than time_high, %" PRIu64
		                    ": write an earlier time_low or a later time_high (one "
		                    "that is not written is %" PRIu64 ")",
		                    low, high, TEST_TIME_S);
	}
	r->policy.time_low = low;
	r->policy.time_high = high;
	return true;
}

static bool take_settings(struct running *r, struct intent_value test)
{
	static char space[JSON_MAX];
	struct text json = {space, sizeof(space), 0};
	struct intent_value params = intent_member(test, "params");
	char nonce[64], wallet[64];
	r->policy.unproven = false;
	if (!intent_keys(&r->error, test,
	                 "name wallet transaction params expect facts nonce unproven pins counters "
	                 "time_low time_high") ||
	    !intent_bool_of(&r->error, test, "unproven", &r->policy.unproven) ||
	    !take_time(r, test) || !take_text(r, test, "nonce", false, nonce, sizeof(nonce)) ||
	    !take_text(r, test, "wallet", true, wallet, sizeof(wallet)) ||
	    !take_pins(r, intent_member(test, "pins")) ||
	    !take_counters(r, intent_member(test, "counters")))
		return false;
	r->policy.has_nonce = nonce[0] != '\0';
	if (r->policy.has_nonce &&
	    base58_decode_32(bytes_of_text(nonce), r->policy.nonce) != STATUS_OK)
		return intent_wrong(&r->error, intent_member(test, "nonce"), 0,
		                    "an address is expected");
	if (params.source != NULL)
		put_json(&json, params, 0);
	else
		put_word(&json, "{}");
	return cli_policy_values(&r->policy, r->call, "params", bytes_of(json.at, json.len),
	                         wallet) == CLI_YES;
}

static bool facts_are(struct running *r, struct intent_value facts, const struct policy_facts *f)
{
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
	    {"lamports_out",     f->lamports_out    },
	    {"fee_lamports",     f->fee_lamports    },
	    {"tip_lamports",     f->tip_lamports    },
	    {"rent_lamports",    f->rent_lamports   },
	    {"wrapped_lamports", f->wrapped_lamports}
        };
	if (facts.source == NULL)
		return true;
	if (!intent_keys(&r->error, facts,
	                 "lamports_out fee_lamports tip_lamports rent_lamports wrapped_lamports"))
		return false;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		uint64_t expected = all[i].value;
		if (!intent_number_of(&r->error, facts, all[i].name, 0, UINT64_MAX, &expected))
			return false;
		if (expected != all[i].value)
			return intent_wrong(&r->error, intent_member(facts, all[i].name), 0,
			                    "%s is %" PRIu64 ", not %" PRIu64, all[i].name,
			                    all[i].value, expected);
	}
	return true;
}

static const char *ask(struct running *r, const char *transaction, struct cli_policy_result *result)
{
	static struct solana_view view;
	static uint8_t space[LIMIT_TX_V1_MAX + 64];
	struct buffer bytes = BUFFER_OF_ARRAY(space);
	struct solana_error error = {SOLANA_ERROR_NONE, 0};
	if (base64_decode(bytes_of_text(transaction), &bytes) != STATUS_OK)
		return "base64";
	if (solana_classify(buffer_bytes(&bytes), &view, &error) != STATUS_OK)
		return solana_error_code(error.code);
	cli_policy_ask(&r->policy, &view, POLICY_MODE_CHECK, false, result);
	return verdict_allows(result->decision.verdict) ? "allow" : result->code;
}

static void run_one(struct running *r, struct intent_value test)
{
	static struct cli_policy_result result;
	static char transaction[16384];
	char name[128] = "", expect[64];
	const char *got = "nothing";
	r->error = (struct intent_error){.path = test.source->path};
	memset(&result, 0, sizeof(result));
	bool good = intent_is(test, INTENT_NODE_TABLE) &&
	            take_text(r, test, "name", true, name, sizeof(name)) &&
	            take_text(r, test, "expect", true, expect, sizeof(expect)) &&
	            take_text(r, test, "transaction", true, transaction, sizeof(transaction)) &&
	            take_settings(r, test);
	if (good) {
		got = ask(r, transaction, &result);
		good = strcmp(got, expect) == 0;
		if (!good)
			intent_wrong(&r->error, test, 0, "expected %s, got %s%s%s", expect, got,
			             result.decision.text[0] != '\0' ? ": " : "",
			             result.decision.text);
		good = good && facts_are(r, intent_member(test, "facts"), &result.decision.facts);
	}
	r->passed += good;
	r->failed += !good;
	if (good && !r->call->json && !r->quiet)
		printf("ok   %s\n", name);
	if (!good && r->error.line == 0) /* what is wrong was said already */
		fprintf(stderr, "FAIL %s: %s\n", name, r->error.path);
	else if (!good)
		fprintf(stderr, "FAIL %s: %s:%u: %s\n", name, r->error.path, r->error.line,
		        r->error.text);
}

static int run_tests(struct cli_call *call, const char *path, bool quiet)
{
	static struct cli_intent intent;
	static struct running running;
	static uint8_t space[LIMIT_MODULE_MAX];
	struct buffer module = BUFFER_OF_ARRAY(space);
	int result = cli_intent_open(call, path, &intent);
	if (result == CLI_YES)
		result = cli_intent_module(call, &intent, &module);
	running.call = call;
	running.quiet = quiet;
	if (result == CLI_YES)
		result = cli_policy_load_module(&running.policy, call, buffer_bytes(&module), path);
	if (result != CLI_YES)
		return result;
	struct intent_value tests = intent_member(intent.root, "test");
	if (tests.source != NULL && !intent_is(tests, INTENT_NODE_ARRAY)) {
		cli_complain(call, "%s: write [[test]]: there can be many", path);
		return CLI_NO;
	}
	if (tests.source != NULL)
		for (struct intent_value v = intent_first(tests); v.source != NULL;
		     v = intent_next(v))
			run_one(&running, v);
	if (running.failed == 0 && running.passed == 0)
		cli_complain(call, "%s has no [[test]]: nothing was tried", path);
	bool good = running.failed == 0 && running.passed != 0;
	if (quiet)
		return good ? CLI_YES : CLI_NO;
	cli_answer(call->json ? "{\"passed\":%u,\"failed\":%u}\n" : "%u passed, %u failed\n",
	           running.passed, running.failed);
	return cli_finish(call, good ? CLI_YES : CLI_NO);
}

int cli_intent_test(struct cli_call *call, const char *path)
{
	return run_tests(call, path, false);
}

int cli_intent_try(struct cli_call *call, const char *path)
{
	return run_tests(call, path, true);
}

/* ---- a request that was denied, as a test ---- */

static void write_key(FILE *file, const uint8_t key[32])
{
	char text[64];
	if (base58_encode(bytes_of(key, 32), text, sizeof(text)) == STATUS_OK)
		fprintf(file, "\"%s\"", text);
}

/* What else decided, as far as there was any: the nonce account that the grant names, what was left
 * of its limits, the contents that it vouches for, and whether token accounts are proven. */
static void write_nonce(FILE *file, const uint8_t *at, const struct policy_request *head)
{
	const struct policy_account *accounts = (const void *)(at + head->accounts.off);
	const struct policy_instruction *first = (const void *)(at + head->instructions.off);
	const uint8_t *indexes = at + head->indexes.off;
	if (head->nonce == 0 || head->instructions.count == 0 || first->account_count == 0 ||
	    first->account_first >= head->indexes.count ||
	    indexes[first->account_first] >= head->accounts.count)
		return;
	fprintf(file, "\nnonce = ");
	write_key(file, accounts[indexes[first->account_first]].key);
}

static void write_proven(FILE *file, const uint8_t *at, const struct policy_request *head)
{
	const struct policy_derived *derived = (const void *)(at + head->derived.off);
	bool unproven = false;
	for (uint32_t i = 0; i < head->derived.count; i++)
		unproven |= derived[i].owner_is_wallet && !derived[i].ownership_proven;
	if (unproven)
		fprintf(file, "\nunproven = true");
}

static void write_counters(FILE *file, const uint8_t *at, const struct policy_request *head)
{
	const struct policy_counter *c = (const void *)(at + head->counters.off);
	for (uint32_t i = 0; i < head->counters.count; i++, c++) {
		fprintf(file, "%sc%u = { unit = \"%s\", window = \"%s\", ",
		        i == 0 ? "\ncounters = { " : ", ", i + 1,
		        cli_policy_units[c->unit % CLI_POLICY_UNITS],
		        cli_policy_windows[c->window % CLI_POLICY_WINDOWS]);
		if (c->unit == POLICY_UNIT_MINT) {
			fprintf(file, "mint = ");
			write_key(file, c->mint);
			fprintf(file, ", ");
		}
		fprintf(file, "cap = \"%" PRIu64 "\", left = \"%" PRIu64 "\" }", c->cap, c->left);
	}
	if (head->counters.count != 0)
		fprintf(file, " }");
}

/* Entries that the message does not load decide nothing, and are written as zeros. */
static void write_pins(FILE *file, const uint8_t *at, const struct policy_request *head)
{
	static struct solana_view view;
	static const uint8_t none[32];
	const struct policy_account *accounts = (const void *)(at + head->accounts.off);
	const struct policy_table *tables = (const void *)(at + head->tables.off);
	struct solana_error error;
	bool any = false;
	if (solana_classify(bytes_of(at + head->message.off, head->message.count), &view, &error) !=
	    STATUS_OK)
		return;
	for (uint32_t t = 0; t < head->tables.count; t++) {
		if (tables[t].pinned == 0)
			continue;
		fprintf(file, any ? ", " : "\npins = { ");
		any = true;
		char table[64];
		if (base58_encode(bytes_of(tables[t].key, 32), table, sizeof(table)) == STATUS_OK)
			fprintf(file, "%s = [", table);
		for (uint32_t entry = 0; entry < tables[t].known && entry < 256; entry++) {
			const uint8_t *key = none;
			for (unsigned i = 0; i < view.account_count && i < head->accounts.count;
			     i++)
				if (accounts[i].source == POLICY_SOURCE_PINNED &&
				    view.accounts[i].lookup != SOLANA_NOT_LOOKED_UP &&
				    view.accounts[i].index == entry &&
				    memcmp(solana_table_key(&view, view.accounts[i].lookup),
				           tables[t].key, 32) == 0)
					key = accounts[i].key;
			fprintf(file, entry == 0 ? "" : ", ");
			write_key(file, key);
		}
		fprintf(file, "]");
	}
	if (any)
		fprintf(file, " }");
}

static void write_test(FILE *file, const char *name, struct bytes request,
                       const struct policy_schema *schema, const char *expect)
{
	static char encoded[BASE64_LEN(LIMIT_TX_V1_MAX) + 1];
	const struct policy_request *head = (const void *)request.data;
	struct bytes record = bytes_of(request.data + head->parameters.off, head->parameters.count);
	base64_encode(bytes_of(request.data + head->message.off, head->message.count), encoded);
	fprintf(file, "\n[[test]]\nname = \"%s\"\nwallet = ", name);
	write_key(file, head->wallet);
	fprintf(file, "\ntransaction = \"%s\"\nexpect = \"%s\"\nparams = { ", encoded, expect);
	cli_parameters_write(file, schema, record, ", ");
	fprintf(file, " }");
	fprintf(file, "\ntime_low = %" PRIu64 "\ntime_high = %" PRIu64, head->time_low,
	        head->time_high);
	write_nonce(file, request.data, head);
	write_proven(file, request.data, head);
	write_counters(file, request.data, head);
	write_pins(file, request.data, head);
	fprintf(file, "\n");
}

static bool range_fits(struct bytes request, struct policy_range range, size_t each)
{
	return range.off % 8 == 0 && range.off <= request.len &&
	       range.count <= (request.len - range.off) / each;
}

static bool request_is_good(struct bytes request, const struct policy_schema *schema)
{
	const struct policy_request *head = (const void *)request.data;
	if (request.len < sizeof(*head) || head->magic != POLICY_REQUEST_MAGIC ||
	    head->len != request.len || head->kind == POLICY_KIND_NONE)
		return false;
	if (!range_fits(request, head->accounts, sizeof(struct policy_account)) ||
	    !range_fits(request, head->instructions, sizeof(struct policy_instruction)) ||
	    !range_fits(request, head->indexes, 1) ||
	    !range_fits(request, head->derived, sizeof(struct policy_derived)) ||
	    !range_fits(request, head->tables, sizeof(struct policy_table)) ||
	    !range_fits(request, head->counters, sizeof(struct policy_counter)))
		return false;
	return head->message.off <= request.len &&
	       head->message.count <= request.len - head->message.off &&
	       head->message.count <= LIMIT_TX_V1_MAX && head->parameters.off <= request.len &&
	       head->parameters.count <= request.len - head->parameters.off &&
	       head->parameters.count >= schema->fixed_bytes;
}

/* The parameters of a request are read as this intent's: it must be the one that was asked. */
static bool is_module(const struct cli_call *call, const char *path, struct bytes module,
                      const uint8_t decided[32])
{
	char is[HEX_LEN(32) + 1], was[HEX_LEN(32) + 1];
	uint8_t hash[32];
	keys_sha256(&module, 1, hash);
	if (memcmp(hash, decided, 32) == 0)
		return true;
	hex_encode(BYTES_OF_ARRAY(hash), is);
	hex_encode(bytes_of(decided, 32), was);
	cli_complain(call, "%s builds module %s; that decision was made by module %s", path, is,
	             was);
	return false;
}

int cli_intent_save(const struct cli_call *call, const char *path, const char *name,
                    const uint8_t decided[32], struct bytes request, const char *expect)
{
	static struct cli_intent intent;
	static uint8_t space[LIMIT_MODULE_MAX];
	static _Alignas(8) uint8_t aligned[POLICY_REQUEST_MAX];
	struct buffer module = BUFFER_OF_ARRAY(space);
	struct policy_schema schema;
	struct policy_error error;
	struct bytes cbor;
	int result = cli_intent_open(call, path, &intent);
	if (result == CLI_YES)
		result = cli_intent_module(call, &intent, &module);
	if (result != CLI_YES)
		return result;
	if (!is_module(call, path, buffer_bytes(&module), decided))
		return CLI_NO;
	if (request.len > sizeof(aligned) ||
	    policy_module_schema(buffer_bytes(&module), &cbor) != STATUS_OK ||
	    policy_schema_decode(cbor, &schema, &error) != STATUS_OK)
		return CLI_UNSURE;
	memcpy(aligned, request.data, request.len);
	if (!request_is_good(bytes_of(aligned, request.len), &schema)) {
		cli_complain(call, "%s has other parameters than the grant that decided", path);
		return CLI_NO;
	}
	FILE *file = fopen(path, "a");
	long whole = file == NULL || fseek(file, 0, SEEK_END) != 0 ? -1 : ftell(file);
	if (whole >= 0)
		write_test(file, name, bytes_of(aligned, request.len), &schema, expect);
	bool written = whole >= 0 && ferror(file) == 0;
	if ((file != NULL && fclose(file) != 0) || !written) {
		cli_complain(call, "cannot write %s: %s", path, strerror(errno));
		/* A part of a test would make no intent of the file. */
		if (whole >= 0 && truncate(path, whole) != 0)
			cli_complain(call, "a part of the test may stand at the end of %s", path);
		return CLI_UNSURE;
	}
	return CLI_YES;
}
