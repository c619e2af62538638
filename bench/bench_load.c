/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_load.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_encode.h"
#include "http_client.h"
#include "keys.h"

#define BODY_MAX    16384
#define KEPT_MAX    40000 /* answers of one connection in one phase */
#define WARM_S      0.3
#define RETRY_US    20000 /* after "overloaded", as a client would */
#define STACK_BYTES (256 * 1024)

struct kept {
	uint64_t number;
	char signature[BASE64_LEN(64) + 1];
	double us; /* 0: outside of the measured time */
};

struct client {
	struct http_client *http;
	pthread_t thread;
	size_t index;
	uint64_t next; /* number of the next message */
	_Atomic uint64_t done;
	struct kept *kept;
	size_t kept_count;
	const struct bench_plan *plan;
};

static struct client clients[BENCH_CONNECTIONS_MAX];
static size_t client_count;
static struct bench_server server;
static struct bench_phase phase;
static pthread_barrier_t gate;
static atomic_bool running, measuring;
static _Atomic uint64_t turned_away;

static _Noreturn void give_up(const char *what, const char *why, size_t why_len)
{
	fprintf(stderr, "bench_sign: %s: %.*s\n", what, (int)why_len, why);
	exit(3);
}

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void sleep_until(double us)
{
	struct timespec at = {.tv_sec = (time_t)(us / 1e6)};

	at.tv_nsec = (long)((us - (double)at.tv_sec * 1e6) * 1e3);
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

/* ---- one call ---- */

/* keep notes a call's number and time, and what was signed (a null call answers with no signature
 * of ours). */
static void keep(struct client *client, bool echo, struct bytes answer, uint64_t number, double us)
{
	static const char mark[] = "\"signature\":\"";
	const char *at = memmem(answer.data, answer.len, mark, sizeof(mark) - 1);
	const char *end = (const char *)answer.data + answer.len;
	struct kept *kept;
	size_t len = 0;

	if (at == NULL && !echo)
		give_up("no signature in the answer", (const char *)answer.data, answer.len);
	if (client->kept_count == KEPT_MAX)
		give_up("more answers than can be kept", "shorten the phase", 17);
	kept = &client->kept[client->kept_count++];
	*kept = (struct kept){.number = number, .us = us};
	if (echo)
		return;
	for (at += sizeof(mark) - 1; at + len < end && at[len] != '"'; len++)
		if (len == sizeof(kept->signature) - 1)
			give_up("overlong signature", (const char *)answer.data, answer.len);
	memcpy(kept->signature, at, len);
}

static void call(struct client *client, bool echo)
{
	char body[BODY_MAX], space[BODY_MAX], error[HTTP_CLIENT_ERROR_MAX];
	struct buffer answer = BUFFER_OF_ARRAY(space);
	uint64_t number = client->next++ * BENCH_CONNECTIONS_MAX + client->index;
	struct http_call http = {.method = "POST",
	                         .path = echo ? "/api/v1/echo" : "/api/v1/sign",
	                         .token = client->plan->token};
	unsigned status;
	double before;

	http.body = bytes_of(body, bench_body(client->plan, number, body, sizeof(body)));
	before = now_us();
	if (http_client_call(client->http, &http, &status, &answer, error) != STATUS_OK)
		give_up("call failed", error, strlen(error));
	if (status == 503 || status == 429) {
		atomic_fetch_add_explicit(&turned_away, 1, memory_order_relaxed);
		sleep_until(now_us() + RETRY_US);
		return;
	}
	if (status != 200)
		give_up("refused", space, answer.len);
	keep(client, echo, buffer_bytes(&answer), number,
	     atomic_load(&measuring) ? now_us() - before : 0);
	atomic_fetch_add_explicit(&client->done, 1, memory_order_relaxed);
}

static void pace(double *due, double interval)
{
	if (*due == 0)
		return;
	sleep_until(*due);
	*due += interval;
}

static void *drive(void *argument)
{
	struct client *client = (struct client *)argument;

	prctl(PR_SET_TIMERSLACK, 1);
	for (;;) {
		double interval = 0, due = 0;

		pthread_barrier_wait(&gate);
		if (phase.rate != 0) {
			interval = 1e6 * (double)client_count / phase.rate;
			due = now_us() + interval * (double)client->index / (double)client_count;
		}
		while (atomic_load(&running)) {
			pace(&due, interval);
			call(client, phase.echo);
		}
		pthread_barrier_wait(&gate);
	}
	return NULL;
}

void bench_load_open(const struct bench_server *to, size_t count)
{
	char error[HTTP_CLIENT_ERROR_MAX];
	pthread_attr_t attributes;

	server = *to;
	client_count = count;
	CHECK(count <= BENCH_CONNECTIONS_MAX);
	CHECK(pthread_barrier_init(&gate, NULL, (unsigned)count + 1) == 0);
	CHECK(pthread_attr_init(&attributes) == 0 &&
	      pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	for (size_t i = 0; i < count; i++) {
		struct client *client = &clients[i];

		client->index = i;
		client->kept = calloc(KEPT_MAX, sizeof(*client->kept));
		CHECK(client->kept != NULL);
		if (http_client_open(server.host, server.port, server.ca_file, &client->http,
		                     error) != STATUS_OK)
			give_up("cannot connect", error, strlen(error));
		CHECK(pthread_create(&client->thread, &attributes, drive, client) == 0);
	}
}

/* ---- what it took ---- */

/* Nanoseconds on a processor of all threads of a process: /proc/PID/task/TID/schedstat. */
static double cpu_us(int pid)
{
	char path[320];
	double sum = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	folder = opendir(path);
	if (folder == NULL)
		give_up("a server process is gone", path, strlen(path));
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		unsigned long long ns = 0;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, entry->d_name);
		file = fopen(path, "r");
		if (file != NULL && fscanf(file, "%llu", &ns) == 1)
			sum += (double)ns / 1e3;
		if (file != NULL)
			fclose(file);
	}
	closedir(folder);
	return sum;
}

static void snapshot(struct bench_result *result, int sign)
{
	for (size_t i = 0; i < client_count; i++)
		result->calls += (uint64_t)sign * atomic_load(&clients[i].done);
	result->seconds += sign * now_us() / 1e6;
	for (size_t i = 0; i < server.process_count; i++)
		result->cpu_us[i] += sign * cpu_us(server.processes[i].pid);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void spread(double *us, size_t count, struct bench_result *result)
{
	if (count == 0)
		give_up("no answer in the measured time", "is the server alive?", 20);
	qsort(us, count, sizeof(us[0]), compare);
	result->p50_us = us[count / 2];
	result->p99_us = us[count * 99 / 100];
}

static void verify(const struct client *client, const struct kept *kept)
{
	uint8_t message[LIMIT_MESSAGE_MAX], space[64];
	struct buffer signature = BUFFER_OF_ARRAY(space);
	size_t len = bench_message(client->plan, kept->number, message);

	if (base64_decode(bytes_of_text(kept->signature), &signature) != STATUS_OK ||
	    signature.len != 64 ||
	    keys_verify(client->plan->address, bytes_of(message, len), space) != STATUS_OK)
		give_up("a signature does not verify", kept->signature, strlen(kept->signature));
}

static void settle(struct bench_result *result)
{
	double *us = calloc(client_count * KEPT_MAX, sizeof(*us));
	size_t count = 0;

	CHECK(us != NULL);
	for (size_t i = 0; i < client_count; i++)
		for (size_t j = 0; j < clients[i].kept_count; j++) {
			const struct kept *kept = &clients[i].kept[j];

			if (kept->us != 0)
				us[count++] = kept->us;
			if (phase.echo)
				continue;
			verify(&clients[i], kept);
			result->verified++;
		}
	spread(us, count, result);
	free(us);
	result->turned_away = atomic_exchange(&turned_away, 0);
}

static void begin(struct client *client, const struct bench_phase *of)
{
	client->kept_count = 0;
	client->plan = &of->plans[client->index % of->plan_count];
}

void bench_load_run(const struct bench_phase *what, struct bench_result *ret_result)
{
	struct bench_result result = {.calls = 0};

	phase = *what;
	for (size_t i = 0; i < client_count; i++)
		begin(&clients[i], what);
	atomic_store(&running, true);
	pthread_barrier_wait(&gate);
	sleep_until(now_us() + WARM_S * 1e6);
	snapshot(&result, -1);
	atomic_store(&measuring, true);
	sleep_until(now_us() + what->seconds * 1e6);
	atomic_store(&measuring, false);
	snapshot(&result, 1);
	atomic_store(&running, false);
	pthread_barrier_wait(&gate);
	settle(&result);
	*ret_result = result;
}

void bench_load_idle(const struct bench_plan *plan, size_t pairs, struct bench_result *ret_echo,
                     struct bench_result *ret_full)
{
	struct bench_phase idle = {.plans = plan, .plan_count = 1};
	double *us = calloc(2 * pairs, sizeof(*us));
	struct client *client = &clients[0];

	CHECK(us != NULL && 2 * pairs <= KEPT_MAX);
	phase = idle;
	begin(client, &idle);
	atomic_store(&measuring, true);
	while (client->kept_count < 2 * pairs)
		call(client, client->kept_count % 2 == 0);
	atomic_store(&measuring, false);
	for (size_t i = 0; i < pairs; i++) {
		us[i] = client->kept[2 * i].us;
		us[pairs + i] = client->kept[2 * i + 1].us;
		verify(client, &client->kept[2 * i + 1]);
	}
	spread(us, pairs, ret_echo);
	spread(us + pairs, pairs, ret_full);
	free(us);
}
