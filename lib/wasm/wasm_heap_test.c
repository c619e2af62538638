/* wasm_heap_test: the densest modules that pass the pre-check, loaded under a heap of exactly
 * WASM_LOAD_HEAP_MAX: were one of them to need more, the engine would end this process. So a
 * verifier that keeps that much room survives any module. Load times are told, not asserted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base_test.h"
#include "wasm.h"
#include "wasm_make.h"

#define BODY_BYTES   65000
#define BODIES       3
#define SMALL_BYTES  230
#define SMALL_BODIES 990

static struct wasm_host host;
static struct wasm_error error;
static struct make module, section, code;

/* What a body is filled with, again and again. */
static const struct filling {
	const char *name;
	struct bytes unit;
	bool small; /* many small functions instead of few large ones */
} fillings[] = {
    {"constants dropped",    {(const uint8_t *)"\x41\x00\x1a", 3},                 false},
    {"globals set",          {(const uint8_t *)"\x23\x00\x24\x00", 4},             false},
    {"calls",                {(const uint8_t *)"\x10\x00\x1a", 3},                 false},
    {"calls, 990 functions", {(const uint8_t *)"\x10\x00\x1a", 3},                 true },
    {"empty ifs",            {(const uint8_t *)"\x23\x00\x04\x40\x0b", 5},         false},
    {"empty loops",          {(const uint8_t *)"\x03\x40\x0b", 3},                 false},
    {"wide stores",          {(const uint8_t *)"\x41\x00\x42\x7f\x37\x00\x00", 7}, false},
    {"branches with value",
     {(const uint8_t *)"\x02\x7f\x23\x00\x23\x00\x0d\x00\x0b\x1a", 10},
     false                                                                              },
    {"no operation",         {(const uint8_t *)"\x01", 1},                         false},
};
#define FILLINGS (sizeof(fillings) / sizeof(fillings[0]))

static struct bytes make_dense(const struct filling *filling)
{
	uint32_t bodies = filling->small ? SMALL_BODIES : BODIES;
	size_t len = filling->small ? SMALL_BYTES : BODY_BYTES;

	module.len = section.len = code.len = 0;
	make_put(&module, "\0asm\1\0\0\0", 8);
	make_section(&module, 1, CODE(1, 0x60, 0, 1, 0x7f));
	make_leb(&section, 4 + bodies);
	for (uint32_t i = 0; i < 4 + bodies; i++)
		make_byte(&section, 0);
	make_section(&module, 3, (struct bytes){section.bytes, section.len});
	make_section(&module, 5, CODE(1, 1, 32, 32));
	make_section(&module, 6, CODE(1, 0x7f, 1, 0x41, 7, 0x0b));
	section.len = 0;
	make_exports(&section, false);
	make_section(&module, 7, (struct bytes){section.bytes, section.len});
	while (code.len + filling->unit.len < len)
		make_put(&code, filling->unit.data, filling->unit.len);
	make_put(&code, "\x41\x00", 2);
	section.len = 0;
	make_leb(&section, 4 + bodies);
	make_return(&section, 1);
	make_return(&section, 1024);
	make_return(&section, 1);
	make_return(&section, 0);
	for (uint32_t i = 0; i < bodies; i++)
		make_body(&section, (struct bytes){code.bytes, code.len});
	make_section(&module, 10, (struct bytes){section.bytes, section.len});
	return (struct bytes){module.bytes, module.len};
}

static void test_the_densest_modules_load_within_the_bound(void)
{
	for (size_t i = 0; i < FILLINGS; i++) {
		struct bytes dense = make_dense(&fillings[i]);
		struct wasm_policy policy = {0};
		struct timespec before, after;

		clock_gettime(CLOCK_MONOTONIC, &before);
		EXPECT(wasm_policy_load(&host, dense, 4096, &policy, &error) == STATUS_OK);
		clock_gettime(CLOCK_MONOTONIC, &after);
		if (policy.module == NULL)
			continue;
		printf("  %-20s %6zu bytes: %5.2f MiB, %6.0f us\n", fillings[i].name, dense.len,
		       (double)wasm_host_heap_used(&host) / 1048576.0,
		       (double)(after.tv_sec - before.tv_sec) * 1e6 +
		           (double)(after.tv_nsec - before.tv_nsec) / 1e3);
		EXPECT(wasm_host_heap_used(&host) < WASM_LOAD_HEAP_MAX / 2);
		wasm_policy_unload(&policy);
	}
	EXPECT(wasm_host_heap_used(&host) < 1 << 20);
}

int main(void)
{
	CHECK(wasm_host_open(WASM_LOAD_HEAP_MAX, &host) == STATUS_OK);
	CHECK(wasm_host_has_room(&host) || wasm_host_heap_used(&host) < 4096);
	RUN(test_the_densest_modules_load_within_the_bound);
	wasm_host_close(&host);
	return test_summary();
}
