/* bench_sign: what a signature over the full path costs, in the units of the machine's own speed.
 *
 * usage: bench_sign HOST PORT CA_FILE PLAN ROUNDS CONNECTIONS NAME:PID...
 *   Run it on the clients' processor; R and S are taken on the last one that it may use, where the
 *   servers are.
 * One line of JSON for each round, its parts interleaved: R (libsodium's signature of 1 KB), S (the
 * signer's own), E (null calls through bridge and TLS), transfers, swaps, and one request at a
 * time. bench.py starts the server, pins both sides and makes the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/sysinfo.h>

#include "base_check.h"
#include "bench_load.h"
#include "keys.h"

#ifdef BENCH_LIBSODIUM
#include <sodium.h>
#endif

#define RAW_CALLS  4000
#define RAW_BYTES  1024
#define IDLE_PAIRS 1000
#define HALVES     4

static struct bench_plan plans[BENCH_PLANS_MAX];
static struct bench_server server;

static double cpu_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* R and S are taken where the servers run: the processors of a shared machine are not equal. */
static void move_to(bool servers)
{
	static cpu_set_t own;
	static bool known;
	cpu_set_t last;

	if (!known)
		CHECK(sched_getaffinity(0, sizeof(own), &own) == 0);
	known = true;
	CPU_ZERO(&last);
	CPU_SET((size_t)get_nprocs() - 1, &last);
	CHECK(sched_setaffinity(0, sizeof(last), servers ? &last : &own) == 0);
}

static double base_us(void)
{
#ifdef BENCH_LIBSODIUM
	static unsigned char public_key[crypto_sign_PUBLICKEYBYTES],
	    secret_key[crypto_sign_SECRETKEYBYTES], message[RAW_BYTES],
	    signature[crypto_sign_BYTES];
	double before;

	CHECK(sodium_init() >= 0 && crypto_sign_keypair(public_key, secret_key) == 0);
	before = cpu_now_us();
	for (unsigned i = 0; i < RAW_CALLS; i++) {
		memcpy(message, &i, sizeof(i));
		CHECK(crypto_sign_detached(signature, NULL, message, sizeof(message), secret_key) ==
		      0);
	}
	return (cpu_now_us() - before) / RAW_CALLS;
#else
	return 0;
#endif
}

static double raw_us(void)
{
	static uint8_t message[RAW_BYTES], signature[KEYS_SIGNATURE_LEN];
	struct keys_sign_key key;
	double before;

	keys_sign_random(&key);
	before = cpu_now_us();
	for (unsigned i = 0; i < RAW_CALLS; i++) {
		memcpy(message, &i, sizeof(i));
		keys_sign(&key, BYTES_OF_ARRAY(message), signature);
	}
	return (cpu_now_us() - before) / RAW_CALLS;
}

/* What a signature of 1 KB costs by libsodium (R) and by the signer's own code (S). */
struct bases {
	double base_us, raw_us;
};

static struct bases take_bases(void)
{
	struct bases bases;

	move_to(true);
	bases.base_us = base_us();
	bases.raw_us = raw_us();
	move_to(false);
	return bases;
}

static void print_result(const char *name, const struct bench_result *result,
                         const struct bases *before, const struct bases *after)
{
	printf(",\"%s\":{\"calls\":%llu,\"verified\":%llu,\"seconds\":%.4f,\"p50_us\":%.2f,"
	       "\"p90_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"turned_away\":%llu,\"R\":[%.3f,%"
	       ".3f],\"S\":[%.3f,%.3f],"
	       "\"cpu_us\":{",
	       name, (unsigned long long)result->calls, (unsigned long long)result->verified,
	       result->seconds, result->p50_us, result->p90_us, result->p99_us, result->p999_us,
	       (unsigned long long)result->turned_away, before->base_us, after->base_us,
	       before->raw_us, after->raw_us);
	for (size_t i = 0; i < server.process_count; i++)
		printf("%s\"%s\":%.1f", i == 0 ? "" : ",", server.processes[i].name,
		       result->cpu_us[i]);
	printf("}}");
}

/* One measured phase with the bases right before and after it. */
static void run(const char *name, const struct bench_phase *phase, struct bench_result *ret_result)
{
	struct bases before = take_bases(), after;

	bench_load_run(phase, ret_result);
	after = take_bases();
	bench_load_settle(ret_result);
	print_result(name, ret_result, &before, &after);
}

static void run_idle(void)
{
	struct bases before = take_bases(), after;
	struct bench_result echo = {.calls = 0}, full = {.calls = 0};

	bench_load_idle(plans, IDLE_PAIRS, &echo, &full);
	after = take_bases();
	print_result("idle", &full, &before, &after);
	print_result("idle_echo", &echo, &before, &after);
}

/* Half load in short turns with null calls at the same rate: what else the machine does meets both.
 */
static void run_halves(struct bench_phase half)
{
	struct bench_result result;
	char name[32];

	for (unsigned i = 0; i < HALVES; i++) {
		half.echo = false;
		snprintf(name, sizeof(name), "half%u", i);
		run(name, &half, &result);
		half.echo = true;
		snprintf(name, sizeof(name), "half_echo%u", i);
		run(name, &half, &result);
	}
}

static void run_round(unsigned round, size_t transfers, size_t swaps)
{
	struct bench_phase echo = {
	    .echo = true, .plans = plans, .plan_count = transfers, .seconds = 0.5};
	struct bench_phase full = {.plans = plans, .plan_count = transfers, .seconds = 0.8};
	struct bench_phase swap = {.plans = plans + transfers, .plan_count = swaps, .seconds = 0.8};
	struct bench_phase half = full;
	struct bench_result result;

	printf("{\"round\":%u", round);
	run("transfer", &full, &result);
	half.rate = (double)result.calls / result.seconds / 2;
	half.seconds = 0.3;
	if (swaps != 0)
		run("swap", &swap, &result);
	run("echo", &echo, &result);
	run_halves(half);
	run_idle();
	printf("}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	size_t count, transfers = 0;

	if (argc < 8) {
		fprintf(stderr, "usage: bench_sign HOST PORT CA_FILE PLAN ROUNDS CONNECTIONS "
		                "NAME:PID...\n");
		return 2;
	}
	keys_open();
	bench_server_take(argv, argc, 7, &server);
	count = bench_plans_read(argv[4], plans);
	while (transfers < count && !plans[transfers].is_swap)
		transfers++;
	CHECK(transfers != 0);
	bench_load_open(&server, strtoul(argv[6], NULL, 10));
	for (unsigned round = 0; round < strtoul(argv[5], NULL, 10); round++)
		run_round(round, transfers, count - transfers);
	return 0;
}
