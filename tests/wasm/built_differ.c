/* built_differ: what is compiled ahead of time against the engine: random modules that this build
 * compiled with tools/policy_compile.c, and the intents that ship on requests with random bytes in
 * them. Value, trap and the whole memory must be the same, and what the host sets back must be the
 * beginning again, byte for byte (M5, M7). V8 sees the same modules in wasm_differ. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base_check.h"
#include "base_test.h"
#include "policy_abi.h"
#include "wasm.h"
#include "wasm_make.h"
#include "wasm_random.h"

#define FUEL          UINT64_C(100000000)
#define REQUESTS      20
#define REQUEST_BYTES 512

/* The seeds of tests/wasm/wasm.cmake. */
/* clang-format off */
#define SEEDS(X) \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) \
	X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) \
	X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24)
/* clang-format on */
#define DECLARE(seed) extern const struct wasm_built wasm_built_seed##seed;
DECLARE(0)
DECLARE(25)
DECLARE(26)
DECLARE(27)
SEEDS(DECLARE)
static const struct {
	uint64_t seed;
	const struct wasm_built *built;
} modules[] = {
#define ROW(seed) {seed, &wasm_built_seed##seed},
    SEEDS(ROW)};

static struct wasm_host engine, own;
static uint8_t beginning[WASM_BUILT_BYTES];
static unsigned ran, trapped;

static uint8_t *memory_of(struct wasm_policy *policy)
{
	return policy->area - policy->area_off;
}

/* The same request in the engine and in what is built; true when all is the same. */
static bool agrees(struct wasm_policy *theirs, struct wasm_built_module *ours, struct bytes request)
{
	struct wasm_built_memory *m = &own.built;
	struct wasm_run run;
	const uint8_t *area;
	uint64_t fuel = FUEL;
	uint32_t value;
	unsigned stopped;

	CHECK(wasm_policy_fresh(theirs, &area) == STATUS_OK);
	wasm_built_fresh(m, ours);
	if (memcmp(m->bytes, beginning, sizeof(beginning)) != 0)
		return false;
	wasm_policy_put(theirs, 0, request);
	memcpy(m->bytes + theirs->area_off, request.data, request.len);
	wasm_built_wrote(m, theirs->area_off, (uint32_t)request.len);
	CHECK(wasm_policy_run(theirs, WASM_ENTRY_CHECK, FUEL, &run) == STATUS_OK);
	stopped = wasm_built_run(m, ours, WASM_BUILT_CHECK, &fuel, &value);
	ran += stopped == 0;
	trapped += stopped != 0;
	if (run.outcome != WASM_OUTCOME_RAN)
		return run.outcome == WASM_OUTCOME_TRAP && stopped == run.trap;
	return stopped == 0 && value == run.value && fuel > 0 &&
	       memcmp(m->bytes, memory_of(theirs), sizeof(m->bytes)) == 0;
}

static void test_random_modules_do_what_they_do_in_the_engine(void)
{
	uint64_t state = 1;

	ran = trapped = 0;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		struct wasm_built_module ours = {modules[i].built, {0}, 100 + i};
		struct wasm_policy theirs;
		struct wasm_error error;
		const uint8_t *area;

		CHECK(wasm_policy_load(&engine, wasm_random_make(modules[i].seed),
		                       WASM_RANDOM_AREA_LEN, &theirs, &error) == STATUS_OK);
		EXPECT(theirs.built.built == NULL);
		CHECK(wasm_policy_fresh(&theirs, &area) == STATUS_OK);
		memcpy(beginning, memory_of(&theirs), sizeof(beginning));
		for (unsigned n = 0; n < REQUESTS; n++) {
			uint8_t request[REQUEST_BYTES];

			for (size_t at = 0; at < sizeof(request); at++)
				request[at] = (uint8_t)wasm_random_next(&state);
			EXPECT(agrees(&theirs, &ours, BYTES_OF_ARRAY(request)));
		}
		wasm_policy_unload(&theirs);
	}
	printf("  random modules: %u ran, %u trapped\n", ran, trapped);
	EXPECT(ran > 100 && trapped > 20);
}

/* M7: accesses of every width at the end of memory, beyond it, and across blocks: what is set back
 * is told by the second half of a store, too. */
static void test_the_edges_of_memory_and_blocks(void)
{
	static const uint32_t middles[] = {
	    WASM_BUILT_BYTES, WASM_BUILT_BYTES - 65536, 1, UINT32_MAX - 4, 256 * 300, 256 * 301};
	struct wasm_built_module ours = {&wasm_built_seed0, {0}, 99};
	struct wasm_policy theirs;
	struct wasm_error error;
	const uint8_t *area;

	ran = trapped = 0;
	CHECK(wasm_policy_load(&engine, wasm_edges_make(), WASM_RANDOM_AREA_LEN, &theirs, &error) ==
	      STATUS_OK);
	CHECK(wasm_policy_fresh(&theirs, &area) == STATUS_OK);
	memcpy(beginning, memory_of(&theirs), sizeof(beginning));
	for (unsigned i = 0; i < sizeof(middles) / sizeof(middles[0]) * 24; i++) {
		for (uint32_t access = 0; access < WASM_EDGES; access++) {
			const struct {
				uint32_t at, access;
				uint64_t value;
			} request = {middles[i / 24] - 12 + i % 24, access,
			             UINT64_C(0x8182838485868788) + i};

			EXPECT(agrees(&theirs, &ours, bytes_of(&request, sizeof(request))));
		}
	}
	wasm_policy_unload(&theirs);
	printf("  accesses: %u ran, %u trapped\n", ran, trapped);
	EXPECT(ran > 2000 && trapped > 2000);
}

static void begin(struct bytes module, struct wasm_policy *ret_theirs)
{
	struct wasm_error error;
	const uint8_t *area;

	ran = trapped = 0;
	CHECK(wasm_policy_load(&engine, module, WASM_RANDOM_AREA_LEN, ret_theirs, &error) ==
	      STATUS_OK);
	CHECK(wasm_policy_fresh(ret_theirs, &area) == STATUS_OK);
	memcpy(beginning, memory_of(ret_theirs), sizeof(beginning));
}

/* M7: memory.copy and memory.fill up to memory's end and beyond it, of nothing, and over
 * themselves. */
static void test_runs_of_memory_at_its_edges(void)
{
	static const uint32_t places[] = {64 + 16,
	                                  64 + 100,
	                                  64 + 300,
	                                  255,
	                                  256 * 9 - 1,
	                                  WASM_BUILT_BYTES - 300,
	                                  WASM_BUILT_BYTES - 1,
	                                  WASM_BUILT_BYTES,
	                                  WASM_BUILT_BYTES + 1,
	                                  UINT32_MAX};
	static const uint32_t lengths[] = {
	    0, 1, 200, 300, 301, 70000, WASM_BUILT_BYTES, WASM_BUILT_BYTES + 1, UINT32_MAX};
	struct wasm_built_module ours = {&wasm_built_seed25, {0}, 97};
	struct wasm_policy theirs;
	uint64_t state = 5;

	begin(wasm_bulk_make(), &theirs);
	for (uint32_t copies = 0; copies < 2; copies++)
		for (size_t to = 0; to < sizeof(places) / sizeof(places[0]); to++)
			for (size_t from = 0; from < sizeof(places) / sizeof(places[0]); from++)
				for (size_t len = 0; len < sizeof(lengths) / sizeof(lengths[0]);
				     len++) {
					uint32_t request[REQUEST_BYTES / 4] = {
					    copies, places[to], places[from], lengths[len]};

					for (size_t at = 4; at < REQUEST_BYTES / 4; at++)
						request[at] = (uint32_t)wasm_random_next(&state);
					EXPECT(agrees(&theirs, &ours, BYTES_OF_ARRAY(request)));
				}
	wasm_policy_unload(&theirs);
	printf("  copies and fills: %u ran, %u trapped\n", ran, trapped);
	EXPECT(ran > 400 && trapped > 400);
}

/* M1: calls in a circle end before the stack does, in both; how deep is each one's own, near 1000.
 */
static void test_calls_in_a_circle_end(void)
{
	static const uint32_t depths[] = {0, 1, 500, 990, 1010, 5000, UINT32_MAX};
	struct wasm_built_module ours = {&wasm_built_seed26, {0}, 96};
	struct wasm_policy theirs;

	begin(wasm_circle_make(), &theirs);
	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		uint32_t value, request = depths[i];
		uint64_t fuel = FUEL;

		EXPECT(agrees(&theirs, &ours, bytes_of(&request, sizeof(request))));
		wasm_built_fresh(&own.built, &ours);
		memcpy(own.built.bytes + WASM_RANDOM_AREA, &request, sizeof(request));
		wasm_built_wrote(&own.built, WASM_RANDOM_AREA, sizeof(request));
		EXPECT(wasm_built_run(&own.built, &ours, WASM_BUILT_CHECK, &fuel, &value) ==
		       (request > 1000 ? WASM_BUILT_NESTING : 0));
		EXPECT(value == (request > 1000 ? 0 : request + 1));
	}
	wasm_policy_unload(&theirs);
	EXPECT(ran == 4 && trapped == 3);
}

/* M5: what a start writes, in memory or in a global, is seen: such a module is left to the engine
 * (start_built). */
static void test_a_start_that_writes_is_not_fresh(void)
{
	struct wasm_built_module ours = {&wasm_built_seed27, {0}, 95};
	struct wasm_built_memory *m = &own.built;
	uint64_t fuel = FUEL;
	uint32_t value, word;

	wasm_built_fresh(m, &ours);
	EXPECT(wasm_built_is_fresh(m, &ours));
	EXPECT(wasm_built_run(m, &ours, WASM_BUILT_INITIALIZE, &fuel, &value) == 0);
	memcpy(&word, m->bytes + 5000, sizeof(word));
	EXPECT(word == 9 && m->globals[0] == 8);
	EXPECT(!wasm_built_is_fresh(m, &ours));
	memset(m->bytes + 5000, 0, sizeof(word));
	EXPECT(!wasm_built_is_fresh(m, &ours)); /* the global */
	m->globals[0] = 7;
	EXPECT(wasm_built_is_fresh(m, &ours));
	m->bytes[5000] = 9;
	EXPECT(!wasm_built_is_fresh(m, &ours));
	wasm_built_fresh(m, &ours);
	EXPECT(wasm_built_is_fresh(m, &ours) && m->bytes[5000] == 0);
}

/* --- the intents that ship ----------------------------------------------------------------------
 */

static const char *const names[] = {
    "intents/jupiter-v6.wasm",   "intents/raydium-clmm.wasm", "intents/sol-transfer.wasm",
    "intents/sign-in.wasm",      "policies/transfer.wasm",    "policies/swap.wasm",
    "intents/spl-transfer.wasm", "intents/dca.wasm",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static struct bytes read_module(const char *name, uint8_t space[LIMIT_MODULE_MAX])
{
	char path[512];
	FILE *in;
	size_t len;

	snprintf(path, sizeof(path), "%s/share/%s", BUILD_DIR, name);
	in = fopen(path, "rb");
	CHECK(in != NULL);
	len = fread(space, 1, LIMIT_MODULE_MAX, in);
	fclose(in);
	return bytes_of(space, len);
}

static bool load(struct wasm_host *host, struct bytes module, struct wasm_policy *policy)
{
	struct wasm_error error;

	return wasm_policy_load(host, module, POLICY_AREA_BYTES, policy, &error) == STATUS_OK;
}

/* A grant to be described, or a transaction, with whatever in it. */
static void put_request(struct wasm_policy *policy, bool describes, uint64_t *state)
{
	static uint8_t bytes[POLICY_AREA_BYTES];
	struct policy_request *request = (void *)bytes;
	uint32_t at = (sizeof(*request) + 7) / 8 * 8;

	memset(bytes, 0, sizeof(bytes));
	for (uint32_t i = at; i < sizeof(bytes) && !describes; i++)
		bytes[i] = (uint8_t)(wasm_random_next(state) % 3);
	request->magic = POLICY_REQUEST_MAGIC;
	request->abi = POLICY_ABI_VERSION;
	request->mode = describes ? POLICY_MODE_DESCRIBE_GRANT : POLICY_MODE_CHECK;
	request->kind = describes ? POLICY_KIND_NONE : POLICY_KIND_TRANSACTION;
	request->flags = describes ? 0 : (uint32_t)(wasm_random_next(state) % 2);
	request->parameters = (struct policy_range){at, POLICY_PARAMETERS_MAX};
	at += POLICY_PARAMETERS_MAX;
	request->accounts = (struct policy_range){at, 20};
	at += 20 * sizeof(struct policy_account);
	request->instructions = (struct policy_range){at, 0};
	request->indexes = request->derived = request->counters = request->instructions;
	request->len = at;
	wasm_policy_put(policy, 0, BYTES_OF_ARRAY(bytes));
	wasm_policy_clear(policy, POLICY_ANSWER_OFFSET, sizeof(struct policy_answer));
}

/* Runs the same in both hosts; true when all of memory is the same behind it. */
static bool agree(struct wasm_policy *built, struct wasm_policy *theirs, bool describes,
                  uint64_t state)
{
	enum wasm_entry entry = describes ? WASM_ENTRY_DESCRIBE : WASM_ENTRY_CHECK;
	uint64_t again = state;
	struct wasm_run a, b;
	const uint8_t *area;

	CHECK(wasm_policy_fresh(built, &area) == STATUS_OK);
	put_request(built, describes, &state);
	CHECK(wasm_policy_run(built, entry, FUEL, &a) == STATUS_OK);
	CHECK(wasm_policy_fresh(theirs, &area) == STATUS_OK);
	put_request(theirs, describes, &again);
	CHECK(wasm_policy_run(theirs, entry, FUEL, &b) == STATUS_OK);
	ran += a.outcome == WASM_OUTCOME_RAN;
	return a.outcome == b.outcome && a.value == b.value && a.trap == b.trap &&
	       (a.outcome != WASM_OUTCOME_RAN ||
	        memcmp(memory_of(built), memory_of(theirs), WASM_BUILT_BYTES) == 0);
}

/* M5, A17: after texts were written and all of the area was filled, what the next check sees is
 * what the first one saw, byte for byte; also when another module ran between. */
static void test_shipped_modules_leave_nothing_behind(void)
{
	static uint8_t module[LIMIT_MODULE_MAX], filling[POLICY_AREA_BYTES],
	    first[WASM_BUILT_BYTES];
	static struct wasm_policy built[NAMES];
	uint64_t state = 7;
	const uint8_t *area;

	ran = 0;
	memset(filling, 0xa5, sizeof(filling));
	for (size_t i = 0; i < NAMES; i++) {
		struct wasm_policy theirs;

		CHECK(load(&own, read_module(names[i], module), &built[i]));
		EXPECT(built[i].built.built != NULL);
		CHECK(load(&engine, read_module(names[i], module), &theirs));
		EXPECT(theirs.built.built == NULL);
		CHECK(wasm_policy_fresh(&built[i], &area) == STATUS_OK);
		memcpy(first, memory_of(&built[i]), sizeof(first));
		CHECK(wasm_policy_fresh(&theirs, &area) == STATUS_OK);
		EXPECT(memcmp(first, memory_of(&theirs), sizeof(first)) == 0);
		for (unsigned n = 0; n < REQUESTS; n++, state++) {
			EXPECT(agree(&built[i], &theirs, n % 2 == 0, state));
			if (n % 3 == 0) {
				CHECK(wasm_policy_fresh(&built[i], &area) == STATUS_OK);
				wasm_policy_put(&built[i], 0, BYTES_OF_ARRAY(filling));
			}
			if (n % 4 == 0)
				CHECK(wasm_policy_fresh(&built[n % (i + 1)], &area) == STATUS_OK);
			CHECK(wasm_policy_fresh(&built[i], &area) == STATUS_OK);
			EXPECT(memcmp(first, memory_of(&built[i]), sizeof(first)) == 0);
		}
		wasm_policy_unload(&theirs);
	}
	for (size_t i = 0; i < NAMES; i++)
		wasm_policy_unload(&built[i]);
	EXPECT(own.built_bytes == 0);
	printf("  shipped modules: %u ran\n", ran);
	EXPECT(ran >= NAMES * REQUESTS / 2);
}

/* Code or data that differs in one byte is somebody else's: it runs in the engine or is refused. */
static void test_only_the_very_code_is_built_in(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct bytes whole = read_module("intents/jupiter-v6.wasm", module);
	size_t head = wasm_built_evaluator.head.len, data = wasm_built_evaluator.data.len;
	uint64_t state = 3;
	unsigned loaded = 0;

	for (unsigned n = 0; n < 200; n++) {
		size_t at = n < 150 ? (size_t)(wasm_random_next(&state) % head)
		                    : head + 8 + (size_t)(wasm_random_next(&state) % (data - 8));
		uint8_t bit = (uint8_t)(1u << wasm_random_next(&state) % 8);
		struct wasm_policy policy;

		module[at] ^= bit;
		if (load(&own, whole, &policy)) {
			loaded++;
			EXPECT(policy.built.built == NULL);
			wasm_policy_unload(&policy);
		}
		module[at] ^= bit;
	}
	EXPECT(loaded > 50);
}

/* The table is data: a module with another one is built in too, and its start decides. */
static void test_a_table_is_not_code(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct bytes whole = read_module("intents/jupiter-v6.wasm", module);
	size_t table = whole.len;
	struct wasm_policy policy;
	struct wasm_error error;

	while (table != 0 && memcmp(module + table - 1, "CVIT\1", 5) != 0)
		table--;
	table--;
	CHECK(table > wasm_built_evaluator.head.len && table < whole.len);
	module[table + 200] ^= 1;
	EXPECT(load(&own, whole, &policy) && policy.built.built != NULL);
	wasm_policy_unload(&policy);
	module[table] ^= 1; /* its magic: _initialize traps */
	EXPECT(wasm_policy_load(&own, whole, POLICY_AREA_BYTES, &policy, &error) == STATUS_REFUSED);
	EXPECT(error.code == WASM_REFUSAL_START_UP);
}

/* M1: fuel ends a run of built code; the next one is as if nothing was. */
static void test_built_code_ends_with_its_fuel(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct wasm_policy policy;
	uint64_t state = 1, needed;
	const uint8_t *area;
	struct wasm_run run;

	CHECK(load(&own, read_module("intents/jupiter-v6.wasm", module), &policy));
	CHECK(wasm_policy_fresh(&policy, &area) == STATUS_OK);
	put_request(&policy, true, &state);
	CHECK(wasm_policy_run(&policy, WASM_ENTRY_DESCRIBE, FUEL, &run) == STATUS_OK);
	EXPECT(run.outcome == WASM_OUTCOME_RAN && run.value == 1);
	needed = run.fuel_used;
	for (unsigned i = 0; i < 64; i++) {
		uint64_t fuel = i < 32 ? needed * i / 32 : needed - 1 + i % 2;

		CHECK(wasm_policy_fresh(&policy, &area) == STATUS_OK);
		put_request(&policy, true, &state);
		CHECK(wasm_policy_run(&policy, WASM_ENTRY_DESCRIBE, fuel, &run) == STATUS_OK);
		EXPECT(run.outcome == (fuel < needed ? WASM_OUTCOME_FUEL : WASM_OUTCOME_RAN));
		EXPECT(run.fuel_used == (fuel < needed ? fuel : needed));
		EXPECT(run.value == (fuel < needed ? 0 : 1));
		CHECK(wasm_policy_run(&policy, WASM_ENTRY_CHECK, fuel, &run) == STATUS_CONFLICT);
	}
	wasm_policy_unload(&policy);
}

/* --- a module's own segment ---------------------------------------------------------------------
 */

static uint32_t take_leb(struct bytes module, size_t *at)
{
	uint32_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint8_t byte = module.data[(*at)++];

		value |= (uint32_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
}

/* The module with `count` more segments of `len` bytes each at `off`. */
static struct bytes with_segments(struct bytes module, unsigned count, uint32_t off, uint32_t len)
{
	static struct make made, part;
	size_t at = 8;

	made.len = 0;
	make_put(&made, module.data, at);
	while (at < module.len) {
		uint8_t id = module.data[at++];
		uint32_t section_len = take_leb(module, &at);
		size_t end = at + section_len;

		part.len = 0;
		if (id == 11) {
			make_leb(&part, take_leb(module, &at) + count);
			make_put(&part, module.data + at, end - at);
			for (unsigned i = 0; i < count; i++) {
				make_put(&part, "\0\x41", 2);
				make_signed(&part, off);
				make_byte(&part, 0x0b);
				make_leb(&part, len);
				for (uint32_t n = 0; n < len; n++)
					make_byte(&part, (uint8_t)(0xc3 + n * 7 + i));
			}
		} else {
			make_put(&part, module.data + at, end - at);
		}
		make_section(&made, id, (struct bytes){part.bytes, part.len});
		at = end;
	}
	return (struct bytes){made.bytes, made.len};
}

static bool same_beginning(struct wasm_policy *built, struct wasm_policy *theirs)
{
	const uint8_t *area;

	CHECK(wasm_policy_fresh(built, &area) == STATUS_OK);
	CHECK(wasm_policy_fresh(theirs, &area) == STATUS_OK);
	return memcmp(memory_of(built), memory_of(theirs), WASM_BUILT_BYTES) == 0 &&
	       wasm_built_is_fresh(&own.built, &built->built);
}

/* M5, M7, A3: one segment more may lie anywhere and hold anything: over the build's own data, over
 * the exchange area, over the stack, across blocks, at memory's end, or be empty. The engine says
 * what is right; a module without one, of the same code, is as before behind it. */
static void test_a_hostile_segment_does_what_it_does_in_the_engine(void)
{
	static const char *const bases[] = {"policies/transfer.wasm", "policies/swap.wasm"};
	static uint8_t module[LIMIT_MODULE_MAX];
	uint64_t state = 11;
	unsigned tried = 0, refused = 0;

	ran = 0;
	for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++) {
		struct bytes whole = read_module(bases[b], module);
		struct wasm_policy plain, plain_theirs;

		CHECK(load(&own, whole, &plain) && plain.built.built != NULL);
		CHECK(load(&engine, whole, &plain_theirs));
		const uint32_t data = plain.built.built->segments[0].off;
		const uint32_t stack = (uint32_t)plain.built.built->globals[0];
		const struct {
			uint32_t off, len;
			bool fits;
		} segments[] = {
		    {data,		                      64,   true },
		    {data + 100,                                900,  true },
		    {data - 8,		                  16,   true },
		    {plain.area_off,                            4096, true },
		    {plain.area_off + POLICY_ANSWER_OFFSET - 4, 512,  true },
		    {stack - 1024,                              1024, true },
		    {stack - 1,		                 2,    true },
		    {0,		                         1,    true },
		    {0,		                         0,    true },
		    {255,		                       2,    true },
		    {256 * 7,		                   256,  true },
		    {256 * 7 + 250,                             600,  true },
		    {256 * 8 - 1,                               257,  true },
		    {WASM_BUILT_BYTES - 300,                    300,  true },
		    {WASM_BUILT_BYTES - 1,                      1,    true },
		    {WASM_BUILT_BYTES,                          0,    true },
		    {WASM_BUILT_BYTES,                          1,    false},
		    {WASM_BUILT_BYTES - 1,                      2,    false},
		    {WASM_BUILT_BYTES + 1,                      0,    false},
		    {UINT32_MAX,                                1,    false},
		};

		for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
			struct bytes bent =
			    with_segments(whole, 1, segments[i].off, segments[i].len);
			struct wasm_policy ours, theirs;
			bool loads = load(&own, bent, &ours);

			EXPECT(load(&engine, bent, &theirs) == loads);
			EXPECT(loads == segments[i].fits);
			refused += !loads;
			if (!loads)
				continue;
			tried++;
			EXPECT(ours.built.built != NULL && ours.built.own.len == segments[i].len);
			EXPECT(ours.area_off == theirs.area_off);
			EXPECT(same_beginning(&ours, &theirs));
			for (unsigned n = 0; n < 6; n++, state++) {
				EXPECT(agree(&ours, &theirs, n % 2 == 0, state));
				EXPECT(same_beginning(&plain, &plain_theirs));
				EXPECT(agree(&plain, &plain_theirs, n % 2 == 0, state));
				EXPECT(same_beginning(&ours, &theirs));
			}
			wasm_policy_unload(&ours);
			wasm_policy_unload(&theirs);
		}
		wasm_policy_unload(&plain);
		wasm_policy_unload(&plain_theirs);
	}
	printf("  hostile segments: %u, %u refused, %u ran\n", tried, refused, ran);
	EXPECT(tried == 32 && refused == 8 && ran > 100);
	EXPECT(own.built_bytes == 0);
}

/* Two segments more are not what the build knows: the engine runs them. */
static void test_two_segments_more_run_in_the_engine(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	struct bytes whole = read_module("policies/transfer.wasm", module);
	struct wasm_policy ours, theirs;
	uint64_t state = 13;

	whole = with_segments(whole, 2, 3000, 40);
	CHECK(load(&own, whole, &ours) && load(&engine, whole, &theirs));
	EXPECT(ours.built.built == NULL);
	for (unsigned n = 0; n < 6; n++, state++)
		EXPECT(agree(&ours, &theirs, n % 2 == 0, state));
	wasm_policy_unload(&ours);
	wasm_policy_unload(&theirs);
}

/* Every intent that ships runs as built code: one that fell back would be right, and slow. */
static void test_every_intent_that_ships_is_built_in(void)
{
	static uint8_t module[LIMIT_MODULE_MAX];
	DIR *folder = opendir(BUILD_DIR "/share/intents");
	unsigned count = 0;

	CHECK(folder != NULL);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct wasm_policy policy;
		char name[300];

		if (strlen(entry->d_name) < 5 ||
		    strcmp(entry->d_name + strlen(entry->d_name) - 5, ".wasm") != 0)
			continue;
		snprintf(name, sizeof(name), "intents/%s", entry->d_name);
		CHECK(load(&own, read_module(name, module), &policy));
		EXPECT(policy.built.built == &wasm_built_evaluator);
		wasm_policy_unload(&policy);
		count++;
	}
	closedir(folder);
	EXPECT(count >= 19);
}

int main(void)
{
	CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &engine) == STATUS_OK);
	CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &own) == STATUS_OK);
	engine.interprets = true;
	RUN(test_random_modules_do_what_they_do_in_the_engine);
	RUN(test_the_edges_of_memory_and_blocks);
	RUN(test_runs_of_memory_at_its_edges);
	RUN(test_calls_in_a_circle_end);
	RUN(test_a_start_that_writes_is_not_fresh);
	RUN(test_shipped_modules_leave_nothing_behind);
	RUN(test_only_the_very_code_is_built_in);
	RUN(test_a_table_is_not_code);
	RUN(test_built_code_ends_with_its_fuel);
	RUN(test_a_hostile_segment_does_what_it_does_in_the_engine);
	RUN(test_two_segments_more_run_in_the_engine);
	RUN(test_every_intent_that_ships_is_built_in);
	return test_summary();
}
