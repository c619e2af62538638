/* bench_modules: what many policy modules cost over the whole path, beside one (P9).
 *
 * usage: bench_modules HOST PORT CA_FILE PLAN COUNT ROUNDS CONNECTIONS NAME:PID...
 *   The plan has wallets o000000 and m000000. There are COUNT of each (bench/signer_fill.c): the
 *   first have grants of one module, the others each a grant of a module of its own. First some
 *   wallets of each ask once, which is when their modules are fetched, checked and started; then
 *   rounds in which both ask in turn, wallets as in Zipf's law, until caches are as full as they
 *   get, and rounds that count. Prints lines of JSON; bench/modules.py makes the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bench_load.h"
#include "keys.h"

#define ONCE     2000 /* wallets of each kind that ask once, the last ones: seldom drawn later */
#define WARM_MAX 250  /* rounds of each kind before those that count, at most */
#define ROUND_S  0.8
#define HALF_MAX (BENCH_PLANS_MAX / 2)

static struct bench_plan plans[BENCH_PLANS_MAX];

/* The other wallets of a kind, from its first one on. */
static void make_plans(struct bench_plan *first, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct keys_sign_key key;
		uint8_t seed[32];
		struct bytes name;

		first[i] = first[0];
		snprintf(first[i].name, sizeof(first[i].name), "%c%06zu", first[0].name[0], i);
		name = bytes_of_text(first[i].name);
		keys_sha256(&name, 1, seed);
		keys_sign_from_seed(seed, &key);
		memcpy(first[i].address, keys_sign_public(&key), 32);
		bench_plan_transfer(&first[i]);
	}
}

static void print_result(const struct bench_server *server, const char *name,
                         const struct bench_result *result)
{
	double cpu_us = 0;

	for (size_t i = 0; i < server->process_count; i++)
		cpu_us += result->cpu_us[i];
	printf("{\"name\":\"split_%s\"", name);
	for (size_t i = 0; i < server->process_count && result->calls != 0; i++)
		printf(",\"%s\":%.1f", server->processes[i].name,
		       result->cpu_us[i] / (double)result->calls);
	printf("}\n");
	printf("{\"name\":\"%s\",\"calls\":%llu,\"verified\":%llu,\"turned_away\":%llu,\"cpu_us\":%"
	       ".1f,"
	       "\"p50_us\":%.2f,\"p99_us\":%.2f}\n",
	       name, (unsigned long long)result->calls, (unsigned long long)result->verified,
	       (unsigned long long)result->turned_away, cpu_us, result->p50_us, result->p99_us);
	fflush(stdout);
}

/* Returns how many were signed. */
static uint64_t round_of(const struct bench_server *server, size_t half, unsigned number,
                         bool counts)
{
	struct bench_phase phase = {.plans = plans + number % 2 * half,
	                            .plan_count = half,
	                            .zipf = true,
	                            .seconds = ROUND_S};
	struct bench_result result;

	bench_load_run(&phase, &result);
	bench_load_settle(&result);
	if (counts)
		print_result(server, number % 2 == 0 ? "one" : "many", &result);
	return result.calls;
}

/* Until each kind has been asked as often as it has wallets: then what is in a cache is what stays
 * there. */
static void warm(const struct bench_server *server, size_t half)
{
	uint64_t calls[2] = {0};

	for (unsigned i = 0; i < 2 * WARM_MAX; i++)
		if (calls[i % 2] < half)
			calls[i % 2] += round_of(server, half, i, false);
	printf("{\"name\":\"warm\",\"one\":%llu,\"many\":%llu}\n", (unsigned long long)calls[0],
	       (unsigned long long)calls[1]);
}

int main(int argc, char **argv)
{
	static struct bench_server server;
	struct bench_result result;
	size_t half, once;

	if (argc < 9) {
		fprintf(stderr, "usage: bench_modules HOST PORT CA_FILE PLAN COUNT ROUNDS "
		                "CONNECTIONS NAME:PID...\n");
		return 2;
	}
	keys_open();
	bench_server_take(argv, argc, 8, &server);
	half = strtoul(argv[5], NULL, 10);
	CHECK(half > 1 && half <= HALF_MAX && bench_plans_read(argv[4], plans) == 2);
	plans[half] = plans[1];
	make_plans(plans, half);
	make_plans(plans + half, half);
	once = half < 2 * ONCE ? half / 2 : ONCE;
	bench_load_open(&server, strtoul(argv[7], NULL, 10));
	/* The one module is there before the others are asked for. */
	bench_load_once(plans, 1, &result);
	bench_load_once(plans + half - once, once, &result);
	print_result(&server, "once_one", &result);
	bench_load_once(plans + 2 * half - once, once, &result);
	print_result(&server, "once_many", &result);
	warm(&server, half);
	for (unsigned i = 0; i < 2 * strtoul(argv[6], NULL, 10); i++)
		(void)round_of(&server, half, i, true);
	return 0;
}
