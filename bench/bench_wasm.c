/* bench_wasm: what one policy check costs in the verifier (P6), how fast a hostile one is stopped
 * and what it does to its neighbours (P7), and what modules cost that are not loaded (P9).
 *
 * usage: bench_wasm MODULE.wasm REQUESTS HOSTILE_FOLDER [ROUNDS]
 *   HOSTILE_FOLDER may be "-": checks and modules that are not loaded, alone. REQUESTS is what
 * tests/policy writes with RUN_REQUESTS (tests/policy/policy_run.c). Times are processor time of
 * this thread, of verifier_answer from message to reply: restored memory, run, answer copied out;
 * less what reading that clock takes itself. Prints a table, then one JSON object (us). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base_check.h"
#include "policy_abi.h"
#include "verifier_answer.h"

#define REQUESTS_MAX 64
#define ROUNDS       20000
#define MANY         100000u
#define SAMPLES_MAX  100000

static struct verifier verifier;
static uint8_t reply_space[CALL_CHECK_SLOT_BYTES], module_space[LIMIT_MODULE_MAX];
static uint8_t messages[REQUESTS_MAX][CALL_CHECK_SLOT_BYTES];
static size_t message_lens[REQUESTS_MAX];
static unsigned message_count;
static double samples[SAMPLES_MAX];
static size_t sample_count;

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct spread {
	double p50, p99, most;
};

static struct spread spread(void)
{
	qsort(samples, sample_count, sizeof(samples[0]), compare);
	return (struct spread){samples[sample_count / 2], samples[sample_count * 99 / 100],
	                       samples[sample_count - 1]};
}

static struct bytes read_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	size_t len;

	if (in == NULL) {
		fprintf(stderr, "bench_wasm: cannot read %s\n", path);
		exit(3);
	}
	len = fread(module_space, 1, sizeof(module_space), in);
	fclose(in);
	return bytes_of(module_space, len);
}

static uint32_t ask(uint32_t kind, struct bytes message, struct bytes window, struct buffer *reply)
{
	uint32_t reply_kind = 0;

	*reply = BUFFER_OF_ARRAY(reply_space);
	CHECK(verifier_answer(&verifier, kind, message, window, &reply_kind, reply) == STATUS_OK);
	return reply_kind;
}

static void load(struct bytes module, uint8_t ret_hash[SHA256_LEN])
{
	struct call_check_module message = {.len = (uint32_t)module.len};
	struct buffer reply;

	sha256_of(module, ret_hash);
	memcpy(message.module, ret_hash, SHA256_LEN);
	CHECK(ask(CALL_CHECK_MODULE, bytes_of(&message, sizeof(message)), module, &reply) ==
	      CALL_CHECK_MODULE_STATE);
}

/* What reading the clock takes: it is in every sample once. */
static double clock_us;

static void measure_clock(void)
{
	sample_count = 0;
	for (unsigned i = 0; i < 1000; i++) {
		double before = now_us();

		samples[sample_count++] = now_us() - before;
	}
	clock_us = spread().p50;
	sample_count = 0;
}

static void keep(double before)
{
	double us = now_us() - before - clock_us;

	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = us > 0 ? us : 0;
}

/* Runs one message and returns its fuel; keeps the time as a sample. */
static uint64_t run(struct bytes message)
{
	struct call_check_verdict verdict;
	struct buffer reply;
	double before = now_us();
	uint32_t kind = ask(CALL_CHECK_RUN, message, bytes_of(NULL, 0), &reply);

	keep(before);
	CHECK(kind == CALL_CHECK_VERDICT);
	memcpy(&verdict, reply.data, sizeof(verdict));
	return verdict.fuel_used;
}

static size_t make_message(const uint8_t hash[SHA256_LEN], struct bytes request, uint8_t *space)
{
	struct call_check_run message = {.fuel = LIMIT_FUEL_PER_CHECK,
	                                 .what = CALL_CHECK_WHAT_CHECK,
	                                 .request_len = (uint32_t)request.len};

	memcpy(message.module, hash, SHA256_LEN);
	memcpy(space, &message, sizeof(message));
	memcpy(space + sizeof(message), request.data, request.len);
	return sizeof(message) + request.len;
}

/* Keeps the largest requests of the file: real swaps with many accounts. */
static void read_requests(const char *path, const uint8_t hash[SHA256_LEN])
{
	static uint8_t request[POLICY_REQUEST_MAX];
	FILE *in = fopen(path, "rb");
	uint32_t len;

	CHECK(in != NULL);
	while (fread(&len, sizeof(len), 1, in) == 1) {
		unsigned place = message_count, smallest = 0;

		CHECK(len <= sizeof(request) && fread(request, 1, len, in) == len);
		for (unsigned i = 0; i < message_count; i++)
			smallest = message_lens[i] < message_lens[smallest] ? i : smallest;
		if (message_count == REQUESTS_MAX)
			place = smallest;
		else
			message_count++;
		if (place == smallest && message_count == REQUESTS_MAX &&
		    len + sizeof(struct call_check_run) <= message_lens[place])
			continue;
		message_lens[place] = make_message(hash, bytes_of(request, len), messages[place]);
	}
	fclose(in);
	CHECK(message_count != 0);
}

static struct bytes message_at(unsigned i)
{
	return bytes_of(messages[i % message_count], message_lens[i % message_count]);
}

static struct spread measure_checks(unsigned rounds, double *ret_fuel)
{
	double fuel = 0;

	for (unsigned i = 0; i < 200; i++)
		(void)run(message_at(i));
	sample_count = 0;
	for (unsigned i = 0; i < rounds; i++)
		fuel += (double)run(message_at(i));
	*ret_fuel = fuel / rounds;
	return spread();
}

/* A hostile check before each neighbour's: the time to stop it, and what the neighbour then takes.
 */
static void measure_hostile(const char *folder, const char *name, unsigned rounds,
                            struct spread *ret_stop, struct spread *ret_neighbour)
{
	static uint8_t space[CALL_CHECK_SLOT_BYTES];
	static double stops[2000];
	uint8_t hash[SHA256_LEN];
	char path[512];
	size_t len;

	snprintf(path, sizeof(path), "%s/%s.wasm", folder, name);
	load(read_file(path), hash);
	len = make_message(hash, bytes_of("request", 8), space);
	rounds = rounds < 2000 ? rounds : 2000;
	sample_count = 0;
	for (unsigned i = 0; i < rounds; i++) {
		(void)run(bytes_of(space, len));
		stops[i] = samples[--sample_count];
		(void)run(message_at(i));
	}
	*ret_neighbour = spread();
	memcpy(samples, stops, rounds * sizeof(stops[0]));
	sample_count = rounds;
	*ret_stop = spread();
}

/* The nth copy of the module: a last custom section of its own makes it another. */
static struct bytes copy_of(struct bytes module, uint32_t n)
{
	static uint8_t copy[LIMIT_MODULE_MAX];

	CHECK(module.len + 8 <= sizeof(copy));
	memcpy(copy, module.data, module.len);
	memcpy(copy + module.len, (const uint8_t[]){0, 6, 1, 'n'}, 4);
	memcpy(copy + module.len + 4, &n, sizeof(n));
	return bytes_of(copy, module.len + 8);
}

/* A check by a module of this hash; loaded first, as the signer does, when it is not there. */
static bool check_by(const uint8_t hash[SHA256_LEN], struct bytes module, unsigned i)
{
	static uint8_t space[CALL_CHECK_SLOT_BYTES];
	struct bytes message = message_at(i);
	uint8_t loaded[SHA256_LEN];
	struct buffer reply;
	double before;
	bool missed;

	memcpy(space, message.data, message.len);
	memcpy(space + offsetof(struct call_check_run, module), hash, SHA256_LEN);
	message.data = space;
	before = now_us();
	missed = ask(CALL_CHECK_RUN, message, bytes_of(NULL, 0), &reply) == CALL_CHECK_NEED_MODULE;
	if (missed) {
		load(module, loaded);
		CHECK(ask(CALL_CHECK_RUN, message, bytes_of(NULL, 0), &reply) ==
		      CALL_CHECK_VERDICT);
	}
	keep(before);
	return missed;
}

/* From the message to a module's first verdict, when it is not loaded. */
static struct spread measure_cold(struct bytes module, unsigned rounds)
{
	uint8_t hash[SHA256_LEN];

	sample_count = 0;
	for (unsigned i = 0; i < rounds; i++) {
		struct bytes copy = copy_of(module, i);

		sha256_of(copy, hash);
		CHECK(check_by(hash, copy, i));
	}
	return spread();
}

/* MANY modules that differ, asked for as in Zipf's law: the nth 1/n times as often as the first. */
static struct spread measure_many(struct bytes module, unsigned rounds, double *ret_mean,
                                  double *ret_missed)
{
	static double sums[MANY + 1];
	uint64_t state = 1, missed = 0;
	uint8_t hash[SHA256_LEN];

	for (uint32_t n = 1; n <= MANY; n++)
		sums[n] = sums[n - 1] + 1.0 / n;
	sample_count = 0;
	*ret_mean = 0;
	for (unsigned i = 0; i < 2 * rounds; i++) {
		uint32_t low = 1, high = MANY;
		struct bytes copy;
		double at;

		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		at = (double)(state >> 11) / (double)(UINT64_C(1) << 53) * sums[MANY];
		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (sums[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		copy = copy_of(module, 1000000 + low);
		sha256_of(copy, hash);
		if (i == rounds) { /* the cache is full now */
			sample_count = 0;
			missed = 0;
		}
		missed += check_by(hash, copy, i);
	}
	for (size_t i = 0; i < sample_count; i++)
		*ret_mean += samples[i] / (double)sample_count;
	*ret_missed = (double)missed / rounds;
	return spread();
}

static void put(const char *name, struct spread s, const char *words, bool last)
{
	static char json[4096];
	static size_t len;

	printf("%-22s p50 %9.2f us  p99 %9.2f us  most %9.2f us  %s\n", name, s.p50, s.p99, s.most,
	       words);
	len +=
	    (size_t)snprintf(json + len, sizeof(json) - len,
	                     "%s\"%s\":{\"p50\":%.2f,\"p99\":%.2f,\"most\":%.2f,\"unit\":\"us\"}",
	                     len == 0 ? "{" : ",", name, s.p50, s.p99, s.most);
	if (last)
		printf("%s}\n", json);
}

int main(int argc, char **argv)
{
	static const char *const hostile[] = {"spin", "fill", "recurse", "trap", "grow"};
	unsigned rounds = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : ROUNDS;
	struct spread check, stop, neighbour;
	uint8_t hash[SHA256_LEN];
	char words[128];
	double fuel, mean, missed;
	struct bytes module;

	if (argc < 4) {
		fprintf(stderr, "usage: bench_wasm MODULE.wasm REQUESTS HOSTILE_FOLDER [ROUNDS]\n");
		return 2;
	}
	CHECK(verifier_cache_open(&verifier.cache, WASM_HEAP_DEFAULT) == STATUS_OK);
	measure_clock();
	load(read_file(argv[1]), hash);
	read_requests(argv[2], hash);
	check = measure_checks(rounds, &fuel);
	snprintf(words, sizeof(words), "one check, %.0f fuel, requests of %zu bytes", fuel,
	         message_lens[0]);
	put("wasm_check", check, words, false);
	for (size_t i = 0; strcmp(argv[3], "-") != 0 && i < sizeof(hostile) / sizeof(hostile[0]);
	     i++) {
		measure_hostile(argv[3], hostile[i], rounds / 10, &stop, &neighbour);
		snprintf(words, sizeof(words),
		         "stopped; a check right after it: p50 %.2f, p99 %.2f", neighbour.p50,
		         neighbour.p99);
		put(hostile[i], stop, words, false);
	}
	module = read_file(argv[1]);
	put("wasm_cold", measure_cold(module, 200),
	    "a module's first check: hash, pre-check, start, run", false);
	check = measure_many(module, rounds, &mean, &missed);
	snprintf(
	    words, sizeof(words),
	    "a check by one of %u modules: mean %.2f us, %.1f %% not loaded, %u loaded in %.1f MiB",
	    MANY, mean, 100 * missed, verifier_cache_count(&verifier.cache),
	    (double)wasm_host_heap_used(&verifier.cache.host) / 1048576);
	put("wasm_many", check, words, true);
	return 0;
}
