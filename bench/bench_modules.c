/* bench_modules: what many policy modules cost over the whole path, beside one (P9).
 *
 * usage: bench_modules HOST PORT CA_FILE PLAN ROUNDS CONNECTIONS NAME:PID...
 *   The first half of the plan's wallets have grants of one module, each of the others a grant of a
 *   module of its own. First every wallet asks once, which is when its module is fetched, checked
 *   and started; then rounds in which both halves ask in turn, wallets as in Zipf's law. Prints
 *   lines of JSON; bench/modules.py makes the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bench_load.h"
#include "keys.h"

static struct bench_plan plans[BENCH_PLANS_MAX];

static void print_result(const struct bench_server *server, const char *name,
                         const struct bench_result *result)
{
	double cpu_us = 0;

	for (size_t i = 0; i < server->process_count; i++)
		cpu_us += result->cpu_us[i];
	printf("{\"name\":\"%s\",\"calls\":%llu,\"verified\":%llu,\"turned_away\":%llu,\"cpu_us\":%"
	       ".1f,"
	       "\"p50_us\":%.2f,\"p99_us\":%.2f}\n",
	       name, (unsigned long long)result->calls, (unsigned long long)result->verified,
	       (unsigned long long)result->turned_away, cpu_us, result->p50_us, result->p99_us);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct bench_server server;
	struct bench_result result;
	size_t half;

	if (argc < 8) {
		fprintf(stderr, "usage: bench_modules HOST PORT CA_FILE PLAN ROUNDS CONNECTIONS "
		                "NAME:PID...\n");
		return 2;
	}
	keys_open();
	bench_server_take(argv, argc, 7, &server);
	half = bench_plans_read(argv[4], plans) / 2;
	CHECK(half != 0);
	bench_load_open(&server, strtoul(argv[6], NULL, 10));
	/* The one module is there before the others are asked for. */
	bench_load_once(plans, 1, &result);
	bench_load_once(plans, half, &result);
	print_result(&server, "once_one", &result);
	bench_load_once(plans + half, half, &result);
	print_result(&server, "once_many", &result);
	for (unsigned i = 0; i < 2 * strtoul(argv[5], NULL, 10); i++) {
		struct bench_phase phase = {.plans = plans + i % 2 * half,
		                            .plan_count = half,
		                            .zipf = true,
		                            .seconds = 0.8};

		bench_load_run(&phase, &result);
		bench_load_settle(&result);
		print_result(&server, i % 2 == 0 ? "one" : "many", &result);
	}
	return 0;
}
