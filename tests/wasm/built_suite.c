/* built_suite: modules of the official WebAssembly tests, compiled by tools/policy_compile.c,
 * against the engine and against what the tests want.
 *
 * usage: built_suite FOLDER SUITE.so
 *   FOLDER has NAME.wasm and NAME.txt of each module (engine/spec/src/cut.rs), SUITE.so what the
 * tool made of them. Every call that an assertion makes runs in both engines; value, trap and all
 * of memory must be the same, and what the official tests want. Where other functions of a module
 *   were cut out, or it sees that its memory is larger, what they want may not hold: counted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base_check.h"
#include "wasm.h"

#define FUEL        UINT64_C(100000000)
#define ACTIONS_MAX 1024u /* as engine/spec/src/cut.rs has it; behind them, what they returned */
#define AREA_BYTES  (9 * ACTIONS_MAX)

/* Enough that a suite which was emptied, or a tool that refuses what it took, is a failure. */
#define MODULES_MIN 130
#define HELD_MIN    7900
#define OTHER_MAX   220

struct action {
	char place[16], want;
	uint64_t value;
};

static struct wasm_host engine, own;
static struct wasm_policy theirs;
static struct wasm_built_module ours;
static struct action actions[ACTIONS_MAX];
static size_t action_count;
static uint8_t asked[ACTIONS_MAX];
static char place[256];
static unsigned modules, held, other, differ;

static const uint8_t *memory_of_theirs(void)
{
	return theirs.area - theirs.area_off;
}

/* Makes the calls that are asked for, in both; why it was stopped, 0 when it was not. */
static unsigned run(const char *line)
{
	struct wasm_built_memory *m = &own.built;
	struct wasm_run run;
	const uint8_t *area;
	uint64_t fuel = FUEL;
	uint32_t value;
	unsigned stopped;

	CHECK(wasm_policy_fresh(&theirs, &area) == STATUS_OK);
	wasm_policy_put(&theirs, 0, BYTES_OF_ARRAY(asked));
	wasm_built_fresh(m, &ours);
	memcpy(m->bytes + theirs.area_off, asked, sizeof(asked));
	wasm_built_wrote(m, theirs.area_off, sizeof(asked));
	CHECK(wasm_policy_run(&theirs, WASM_ENTRY_CHECK, FUEL, &run) == STATUS_OK);
	stopped = wasm_built_run(m, &ours, WASM_BUILT_CHECK, &fuel, &value);
	if (run.outcome != (stopped == 0 ? WASM_OUTCOME_RAN : WASM_OUTCOME_TRAP) ||
	    run.trap != stopped ||
	    (stopped == 0 && memcmp(m->bytes, memory_of_theirs(), sizeof(m->bytes)) != 0)) {
		differ++;
		fprintf(stderr, "%s, line %s: it differs from the engine (%u, %u)\n", place, line,
		        stopped, run.trap);
	}
	return stopped;
}

static uint64_t returned(size_t action)
{
	return load_le64(own.built.bytes + theirs.area_off + ACTIONS_MAX + 8 * action);
}

/* One more call behind those that ended; it is asked for again with the next when it ends, too. */
static void act(size_t i)
{
	bool traps;

	asked[i] = 1;
	traps = run(actions[i].place) != 0;
	held += traps ? actions[i].want == 't'
	              : actions[i].want == 'e' ||
	                    (actions[i].want == 'r' && returned(i) == actions[i].value);
	other += traps ? actions[i].want != 't'
	               : actions[i].want == 't' ||
	                     (actions[i].want == 'r' && returned(i) != actions[i].value);
	asked[i] = !traps;
}

static void read_actions(const char *folder, unsigned n)
{
	char path[512], want[16];
	FILE *in;

	snprintf(path, sizeof(path), "%s/m%u.txt", folder, n);
	in = fopen(path, "r");
	CHECK(in != NULL && fgets(place, sizeof(place), in) != NULL);
	place[strcspn(place, "\n")] = '\0';
	for (action_count = 0; action_count < ACTIONS_MAX; action_count++) {
		struct action *a = &actions[action_count];

		if (fscanf(in, "%15s %15s %" SCNx64, a->place, want, &a->value) != 3)
			break;
		a->want = want[0];
	}
	fclose(in);
}

static struct bytes read_module(const char *folder, unsigned n)
{
	static uint8_t space[LIMIT_MODULE_MAX];
	char path[512];
	FILE *in;
	size_t len;

	snprintf(path, sizeof(path), "%s/m%u.wasm", folder, n);
	in = fopen(path, "rb");
	if (in == NULL)
		return bytes_of(NULL, 0);
	len = fread(space, 1, sizeof(space), in);
	fclose(in);
	return bytes_of(space, len);
}

static void run_module(const char *folder, unsigned n, const struct wasm_built *built)
{
	struct wasm_error error;

	if (wasm_policy_load(&engine, read_module(folder, n), AREA_BYTES, &theirs, &error) !=
	    STATUS_OK) {
		fprintf(stderr, "%s: the engine refuses what the tool takes: %s\n", place,
		        error.text);
		differ++;
		return;
	}
	ours = (struct wasm_built_module){built, {0}, 100 + n};
	memset(asked, 0, sizeof(asked));
	for (size_t i = 0; i < action_count; i++)
		act(i);
	modules++;
	wasm_policy_unload(&theirs);
}

static void run_all(const char *folder, void *suite)
{
	unsigned all = 0;

	for (;; all++) {
		const struct wasm_built *built;
		char name[64];

		if (read_module(folder, all).len == 0)
			break;
		read_actions(folder, all);
		snprintf(name, sizeof(name), "wasm_built_m%u", all);
		built = (const struct wasm_built *)dlsym(suite, name);
		if (built != NULL)
			run_module(folder, all, built);
	}
	printf("%u of %u modules compiled; %u assertions are otherwise in both engines\n", modules,
	       all, other);
	if (modules < MODULES_MIN || held < HELD_MIN || other > OTHER_MAX)
		differ++;
	printf("%u passed, %u failed\n", held, differ);
}

int main(int argc, char **argv)
{
	void *suite;

	if (argc != 3 || (suite = dlopen(argv[2], RTLD_NOW)) == NULL) {
		fprintf(stderr, "usage: built_suite FOLDER SUITE.so\n");
		return 2;
	}
	CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &engine) == STATUS_OK);
	CHECK(wasm_host_open(WASM_HEAP_DEFAULT, &own) == STATUS_OK);
	run_all(argv[1], suite);
	return differ != 0;
}
