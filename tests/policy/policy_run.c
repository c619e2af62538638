/* policy_run: see the header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_run.h"

#include <stdlib.h>

#include "base_check.h"
#include "keys.h"
#include "policy_charge.h"
#include "wasm.h"

#define KEPT_MAX    3000
#define MODULES_MAX 48 /* the intents of the library, and a few */

static struct wasm_host host;
static struct wasm_policy policies[MODULES_MAX];
static uint8_t modules[MODULES_MAX][LIMIT_MODULE_MAX];
static size_t module_lens[MODULES_MAX];
static int module_count;
static _Alignas(8) uint8_t request_space[POLICY_REQUEST_MAX];
static _Alignas(8) uint8_t answer_space[POLICY_AREA_BYTES];
static size_t answer_len, request_len;
static uint64_t fuel_used;

int run_open(const char *path)
{
	struct wasm_error error = {0};
	FILE *file = fopen(path, "rb");
	CHECK(file != NULL && module_count < MODULES_MAX);
	size_t len = fread(modules[module_count], 1, LIMIT_MODULE_MAX, file);
	fclose(file);
	if (module_count == 0)
		CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &host) == STATUS_OK);
	if (wasm_policy_load(&host, bytes_of(modules[module_count], len), POLICY_AREA_BYTES,
	                     &policies[module_count], &error) != STATUS_OK) {
		fprintf(stderr, "%s: %s\n", path, error.text);
		CHECK(false);
	}
	module_lens[module_count] = len;
	return module_count++;
}

static void put_value(struct cbor_writer *w, unsigned type, const struct run_value *v)
{
	switch (type) {
	case POLICY_TYPE_BOOL:
		cbor_put_bool(w, v->number != 0);
		return;
	case POLICY_TYPE_U64:
		cbor_put_uint(w, v->number);
		return;
	case POLICY_TYPE_PUBKEY:
		cbor_put_bytes_n(w, v->keys[0], 32);
		return;
	default:
		cbor_put_array(w, v->count);
		for (size_t i = 0; i < v->count; i++) {
			if (type == POLICY_TYPE_U64_LIST)
				cbor_put_uint(w, v->numbers[i]);
			else
				cbor_put_bytes_n(w, v->keys[i], 32);
		}
		cbor_put_end(w);
	}
}

static void open_schema(struct run_grant *grant, int module)
{
	struct policy_error error = {.text = ""};
	struct bytes section;
	grant->module = module;
	CHECK(policy_module_schema(bytes_of(modules[module], module_lens[module]), &section) ==
	      STATUS_OK);
	CHECK(policy_schema_decode(section, &grant->schema, &error) == STATUS_OK);
}

enum status run_grant_cbor(struct run_grant *grant, int module, const uint8_t wallet[32],
                           struct bytes values, struct policy_error *ret_error)
{
	struct buffer record = {grant->record, sizeof(grant->record), 0};
	open_schema(grant, module);
	memcpy(grant->wallet, wallet, 32);
	enum status status = policy_record_encode(&grant->schema, values, &record, ret_error);
	if (status != STATUS_OK)
		return status;
	grant->record_len = record.len;
	return policy_derive(&grant->schema, buffer_bytes(&record), wallet, keys_sha256,
	                     &grant->atas);
}

void run_schema(struct run_grant *grant, int module)
{
	open_schema(grant, module);
}

void run_grant(struct run_grant *grant, int module, const uint8_t wallet[32],
               const struct run_value *values, size_t count)
{
	static uint8_t space[LIMIT_PARAMETERS_MAX];
	struct buffer cbor = BUFFER_OF_ARRAY(space);
	struct policy_error error = {.text = ""};
	struct cbor_writer w;
	open_schema(grant, module);
	cbor_writer_init(&w, &cbor);
	cbor_put_map(&w, count);
	for (size_t f = 0; f < grant->schema.count; f++) {
		for (size_t i = 0; i < count; i++) {
			if (!bytes_equal(grant->schema.fields[f].name,
			                 bytes_of_text(values[i].name)))
				continue;
			cbor_put_key(&w, f);
			put_value(&w, grant->schema.fields[f].type, &values[i]);
		}
	}
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	if (run_grant_cbor(grant, module, wallet, buffer_bytes(&cbor), &error) != STATUS_OK) {
		fprintf(stderr, "%s\n", error.text);
		CHECK(false);
	}
}

static void refuse(struct policy_decision *d, uint32_t reason, uint32_t instruction,
                   const char *text)
{
	memset(d, 0, sizeof(*d));
	d->reason = reason;
	d->instruction = instruction;
	d->text_len = (uint32_t)snprintf(d->text, sizeof(d->text), "%s", text);
}

/* With RUN_REQUESTS=FILE in the environment the first requests go there too, each behind its length
 * (u32): for tests/wasm, which runs them on a second engine, and for the bench. */
static void keep_request(struct bytes request)
{
	static FILE *out;
	static unsigned kept;
	const char *path = getenv("RUN_REQUESTS");
	uint32_t len = (uint32_t)request.len;
	if (path == NULL || kept++ >= KEPT_MAX)
		return;
	if (out == NULL)
		out = fopen(path, "wb");
	CHECK(out != NULL && fwrite(&len, sizeof(len), 1, out) == 1);
	CHECK(fwrite(request.data, 1, len, out) == len && fflush(out) == 0);
}

/* M5, A17: before every request of every test, all of memory is what it was before the first. */
static void check_is_fresh(int module, const uint8_t *area)
{
	static uint8_t *first[MODULES_MAX];
	const uint8_t *memory = area - policies[module].area_off;

	if (policies[module].built.built == NULL) /* a mutant: it runs in the engine */
		return;
	if (first[module] == NULL) {
		first[module] = malloc(WASM_BUILT_BYTES);
		CHECK(first[module] != NULL);
		memcpy(first[module], memory, WASM_BUILT_BYTES);
	}
	CHECK(memcmp(first[module], memory, WASM_BUILT_BYTES) == 0);
}

static void run_request(struct run_grant *grant, struct bytes request, unsigned mode,
                        struct policy_decision *d)
{
	struct wasm_run run;
	const uint8_t *area;
	keep_request(request);
	CHECK(wasm_policy_fresh(&policies[grant->module], &area) == STATUS_OK);
	check_is_fresh(grant->module, area);
	wasm_policy_put(&policies[grant->module], 0, request);
	wasm_policy_clear(&policies[grant->module], POLICY_ANSWER_OFFSET,
	                  sizeof(struct policy_answer));
	CHECK(wasm_policy_run(&policies[grant->module],
	                      mode == POLICY_MODE_CHECK ? WASM_ENTRY_CHECK : WASM_ENTRY_DESCRIBE,
	                      LIMIT_FUEL_PER_CHECK, &run) == STATUS_OK);
	fuel_used = run.fuel_used;
	if (run.outcome != WASM_OUTCOME_RAN) {
		refuse(d, POLICY_REASON_TRAP, POLICY_NO_INSTRUCTION, "trap or out of fuel");
		return;
	}
	memcpy(answer_space, area + POLICY_ANSWER_OFFSET,
	       sizeof(answer_space) - POLICY_ANSWER_OFFSET);
	answer_len = policy_answer_len((const void *)answer_space);
	if (policy_answer_decode(run_answer(), request, d) != STATUS_OK ||
	    run.value != ((const struct policy_answer *)(const void *)answer_space)->verdict)
		refuse(d, POLICY_REASON_BAD_ANSWER, POLICY_NO_INSTRUCTION, "bad answer");
}

struct bytes run_answer(void)
{
	return bytes_of(answer_space, answer_len);
}

struct bytes run_request_bytes(void)
{
	return bytes_of(request_space, request_len);
}

uint64_t run_fuel(void)
{
	return fuel_used;
}

void run_message(struct run_grant *grant, struct bytes message, unsigned mode, uint32_t flags,
                 struct policy_decision *d)
{
	static struct solana_view view;
	struct buffer request = {request_space, sizeof(request_space), 0};
	struct solana_error error;
	struct solana_fee_facts fee = {0};
	uint32_t derivations;
	bool grant_only = message.len == 0;
	answer_len = request_len = 0;
	if (!grant_only && solana_classify_signable(message, &view, &error) != STATUS_OK) {
		refuse(d, 0, POLICY_NO_INSTRUCTION, solana_error_code(error.code));
		return;
	}
	if (!grant_only) {
		struct policy_floor floor =
		    policy_floor(&view, grant->wallet, !grant->unproven,
		                 (const uint8_t(*)[32]) & grant->nonce, grant->has_nonce);
		if (floor.reason != POLICY_REASON_NONE) {
			refuse(d, floor.reason, floor.instruction, floor.text);
			return;
		}
		if (view.kind != SOLANA_KIND_OFFCHAIN &&
		    solana_fee_facts(&view, &fee, &error) != STATUS_OK) {
			refuse(d, POLICY_REASON_COMPUTE, POLICY_NO_INSTRUCTION, "fee");
			return;
		}
	}
	struct policy_input input = {
	    .mode = mode,
	    .flags = flags,
	    .wallet = grant->wallet,
	    .view = grant_only ? NULL : &view,
	    .fee = &fee,
	    .record = bytes_of(grant->record, grant->record_len),
	    .counters = grant->counters,
	    .counter_count = grant->counter_count,
	    .pins = grant->pins,
	    .pin_count = grant->pin_count,
	    .atas = &grant->atas,
	    .ownership_proven = !grant->unproven,
	    .mints = &grant->mints,
	    .sha256 = keys_sha256,
	};
	CHECK(policy_request_encode(&input, &request, &derivations) == STATUS_OK);
	request_len = request.len;
	run_request(grant, buffer_bytes(&request), mode, d);
	/* The signer would refuse it as a lie: no honest module says less than is seen. */
	if (mode == POLICY_MODE_CHECK && !grant_only && verdict_allows(d->verdict)) {
		const uint8_t *payer = solana_account_key(&view, 0);
		bool is_transaction = view.kind != SOLANA_KIND_OFFCHAIN;
		bool pays = is_transaction && memcmp(payer, grant->wallet, 32) == 0;

		CHECK(policy_facts_hold(&d->facts, is_transaction ? &view : NULL, grant->wallet,
		                        pays ? fee.worst_fee_lamports : 0));
	}
}
