/* bench_sign: what a signature over the full path costs, in the units of the machine's own speed.
 *
 * usage: bench_sign HOST PORT CA_FILE PLAN ROUNDS CONNECTIONS NAME:PID...
 * One line of JSON for each round, its parts interleaved: R (libsodium's signature of 1 KB), S (the
 * signer's own), E (null calls through bridge and TLS), transfers, swaps, and one request at a
 * time. bench.py starts the server, pins both sides and makes the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base_check.h"
#include "bench_load.h"
#include "keys.h"

#ifdef BENCH_LIBSODIUM
#include <sodium.h>
#endif

#define RAW_CALLS  10000
#define RAW_BYTES  1024
#define IDLE_PAIRS 1000

static struct bench_plan plans[BENCH_PLANS_MAX];
static struct bench_server server;

static double cpu_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
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

static void print_result(const char *name, const struct bench_result *result)
{
	printf(",\"%s\":{\"calls\":%llu,\"verified\":%llu,\"seconds\":%.4f,\"p50_us\":%.2f,"
	       "\"p99_us\":%.2f,\"turned_away\":%llu,\"cpu_us\":{",
	       name, (unsigned long long)result->calls, (unsigned long long)result->verified,
	       result->seconds, result->p50_us, result->p99_us,
	       (unsigned long long)result->turned_away);
	for (size_t i = 0; i < server.process_count; i++)
		printf("%s\"%s\":%.1f", i == 0 ? "" : ",", server.processes[i].name,
		       result->cpu_us[i]);
	printf("}}");
}

static void run(const char *name, const struct bench_phase *phase, struct bench_result *ret_result)
{
	bench_load_run(phase, ret_result);
	print_result(name, ret_result);
}

static void run_round(unsigned round, size_t transfers, size_t swaps)
{
	struct bench_phase echo = {
	    .echo = true, .plans = plans, .plan_count = transfers, .seconds = 0.5};
	struct bench_phase full = {.plans = plans, .plan_count = transfers, .seconds = 0.8};
	struct bench_phase swap = {.plans = plans + transfers, .plan_count = swaps, .seconds = 0.8};
	struct bench_phase half = full;
	struct bench_result result, other;
	double before_us = base_us();

	printf("{\"round\":%u,\"S\":%.3f", round, raw_us());
	run("echo", &echo, &result);
	run("transfer", &full, &result);
	half.rate = (double)result.calls / result.seconds / 2;
	half.seconds = 0.5;
	run("half", &half, &result);
	half.echo = true;
	run("half_echo", &half, &result);
	if (swaps != 0)
		run("swap", &swap, &result);
	bench_load_idle(plans, IDLE_PAIRS, &other, &result);
	print_result("idle", &result);
	print_result("idle_echo", &other);
	printf(",\"R\":%.3f,\"R_before\":%.3f}\n", base_us(), before_us);
	fflush(stdout);
}

static void read_processes(char **words, int count)
{
	for (int i = 0; i < count && i < BENCH_PROCESSES_MAX; i++) {
		struct bench_process *process = &server.processes[server.process_count++];

		if (sscanf(words[i], "%31[^:]:%d", process->name, &process->pid) != 2) {
			fprintf(stderr, "bench_sign: not NAME:PID: %s\n", words[i]);
			exit(2);
		}
	}
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
	server.host = argv[1];
	server.port = argv[2];
	server.ca_file = argv[3];
	read_processes(argv + 7, argc - 7);
	count = bench_plans_read(argv[4], plans);
	while (transfers < count && !plans[transfers].is_swap)
		transfers++;
	CHECK(transfers != 0);
	bench_load_open(&server, strtoul(argv[6], NULL, 10));
	for (unsigned round = 0; round < strtoul(argv[5], NULL, 10); round++)
		run_round(round, transfers, count - transfers);
	return 0;
}
