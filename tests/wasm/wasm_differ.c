/* wasm_differ: runs modules and writes what came out, for wasm_differ.mjs to compare with V8.
 *
 * usage: wasm_differ OUT SEED COUNT [POLICY.wasm REQUESTS]...   COUNT random modules from SEED on,
 * and each named policy on COUNT random requests and on those of the file, which policy tests wrote
 * (tests/policy/policy_run.c). One record each: 8 little-endian u32 {module length,
 * request length, area length, outcome, value, 0, 0, 0}, the SHA-256 of the area after a run that
 * ended well, module, request. A record whose module is the same as the one before has length 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base_check.h"
#include "base_sha256.h"
#include "policy_abi.h"
#include "wasm.h"
#include "wasm_random.h"

#define FUEL 5000000 /* random modules do not loop for long, and V8 has no fuel to compare */

struct record {
	uint32_t module_len;
	uint32_t request_len;
	uint32_t area_len;
	uint32_t outcome;
	uint32_t value;
	uint32_t reserved[3];
	uint8_t hash[SHA256_LEN];
};

static struct wasm_host host;
static FILE *out;
static unsigned counts[4];

static void put(const void *bytes, size_t len)
{
	CHECK(fwrite(bytes, 1, len, out) == len);
}

static void run(struct wasm_policy *policy, struct bytes module, struct bytes request,
                uint32_t area_len)
{
	struct record record = {.module_len = (uint32_t)module.len,
	                        .request_len = (uint32_t)request.len,
	                        .area_len = area_len};
	struct wasm_run result;
	const uint8_t *area;

	CHECK(wasm_policy_fresh(policy, &area) == STATUS_OK);
	wasm_policy_put(policy, 0, request);
	CHECK(wasm_policy_run(policy, WASM_ENTRY_CHECK, FUEL, &result) == STATUS_OK);
	CHECK(result.outcome != WASM_OUTCOME_FUEL);
	record.outcome = (uint32_t)result.outcome;
	record.value = result.value;
	if (result.outcome == WASM_OUTCOME_RAN)
		sha256_of(bytes_of(area, area_len), record.hash);
	counts[result.outcome & 3]++;
	put(&record, sizeof(record));
	put(module.data, module.len);
	put(request.data, request.len);
}

static void run_random(uint64_t seed)
{
	struct bytes module = wasm_random_make(seed);
	uint8_t request[512];
	struct wasm_policy policy;
	struct wasm_error error;

	if (wasm_policy_load(&host, module, WASM_RANDOM_AREA_LEN, &policy, &error) != STATUS_OK) {
		fprintf(stderr, "seed %llu: %s at %u\n", (unsigned long long)seed, error.text,
		        error.where);
		exit(1);
	}
	for (size_t i = 0; i < sizeof(request); i++)
		request[i] = (uint8_t)wasm_random_next(&seed);
	run(&policy, module, BYTES_OF_ARRAY(request), WASM_RANDOM_AREA_LEN);
	wasm_policy_unload(&policy);
}

static struct policy_range place(uint32_t *at, uint32_t count, uint32_t size)
{
	struct policy_range range = {*at, count};

	*at += (count * size + 7) / 8 * 8;
	return range;
}

/* A request whose ranges fit, with random contents: what a policy would look at first. */
static size_t make_request(uint8_t *space, uint64_t *state)
{
	struct policy_request request = {.magic = POLICY_REQUEST_MAGIC, .abi = POLICY_ABI_VERSION};
	uint32_t at = sizeof(request), accounts = 1 + (uint32_t)(wasm_random_next(state) % 8);

	request.mode = POLICY_MODE_CHECK;
	request.kind = POLICY_KIND_TRANSACTION;
	request.flags = (uint32_t)(wasm_random_next(state) % 2) * POLICY_FLAG_EXPLAIN;
	request.required_signatures = 1;
	request.accounts = place(&at, accounts, sizeof(struct policy_account));
	request.instructions =
	    place(&at, (uint32_t)(wasm_random_next(state) % 5), sizeof(struct policy_instruction));
	request.indexes = place(&at, 16, 1);
	request.message = place(&at, 400, 1);
	request.counters = place(&at, 1, sizeof(struct policy_counter));
	request.parameters = place(&at, 600, 1);
	request.len = at;
	for (uint32_t i = 0; i < at; i++) {
		uint64_t value = wasm_random_next(state);

		space[i] = (uint8_t)(value & 0x700 ? value % 3 : value); /* small numbers mostly */
	}
	memcpy(space, &request, sizeof(request));
	for (uint32_t i = 0; i < request.instructions.count; i++) {
		struct policy_instruction instruction = {
		    .program = (uint32_t)(wasm_random_next(state) % accounts),
		    .account_first = (uint32_t)(wasm_random_next(state) % 8),
		    .account_count = (uint32_t)(wasm_random_next(state) % 8),
		    .data_off = request.message.off + (uint32_t)(wasm_random_next(state) % 300),
		    .data_len = (uint32_t)(wasm_random_next(state) % 100),
		};

		memcpy(space + request.instructions.off + i * sizeof(instruction), &instruction,
		       sizeof(instruction));
	}
	return at;
}

/* Requests that the policies' own tests made: swaps and attacks as the host really shows them. */
static void run_requests(struct wasm_policy *policy, const char *path)
{
	static uint8_t request[POLICY_REQUEST_MAX];
	FILE *in = fopen(path, "rb");
	uint32_t len;

	CHECK(in != NULL);
	while (fread(&len, sizeof(len), 1, in) == 1) {
		CHECK(len <= sizeof(request) && fread(request, 1, len, in) == len);
		run(policy, bytes_of(NULL, 0), bytes_of(request, len), POLICY_AREA_BYTES);
	}
	fclose(in);
}

static void run_policy(const char *path, const char *requests, uint64_t state, unsigned count)
{
	static uint8_t module[LIMIT_MODULE_MAX], request[POLICY_REQUEST_MAX];
	FILE *in = fopen(path, "rb");
	struct wasm_policy policy;
	struct wasm_error error;
	size_t len;

	CHECK(in != NULL);
	len = fread(module, 1, sizeof(module), in);
	fclose(in);
	CHECK(wasm_policy_load(&host, bytes_of(module, len), POLICY_AREA_BYTES, &policy, &error) ==
	      STATUS_OK);
	for (unsigned i = 0; i < count; i++)
		run(&policy, bytes_of(module, i == 0 ? len : 0),
		    bytes_of(request, make_request(request, &state)), POLICY_AREA_BYTES);
	run_requests(&policy, requests);
	wasm_policy_unload(&policy);
}

int main(int argc, char **argv)
{
	unsigned count;
	uint64_t seed;

	CHECK(argc >= 4);
	out = fopen(argv[1], "wb");
	seed = strtoull(argv[2], NULL, 10);
	count = (unsigned)strtoul(argv[3], NULL, 10);
	CHECK(out != NULL && wasm_host_open(WASM_HEAP_DEFAULT, &host) == STATUS_OK);
	for (unsigned i = 0; i < count; i++)
		run_random(seed + i);
	for (int i = 4; i + 1 < argc; i += 2)
		run_policy(argv[i], argv[i + 1], seed, count);
	CHECK(fclose(out) == 0);
	printf("%u ran in wasmi, %u trapped\n", counts[WASM_OUTCOME_RAN],
	       counts[WASM_OUTCOME_TRAP]);
	return 0;
}
