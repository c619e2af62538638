/* bench_load: clients with a keep-alive TLS 1.3 connection each and one request in flight, and what
 * the server's processes took meanwhile.
 *
 * One thread, which never sleeps, on the processor that the caller has pinned this program to.
 * Every signature is verified after its phase, outside of what is timed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench_message.h"

#define BENCH_CONNECTIONS_MAX 256
#define BENCH_PROCESSES_MAX   32

struct bench_server {
	const char *host, *port, *ca_file;
	struct bench_process {
		char name[32];
		int pid;
	} processes[BENCH_PROCESSES_MAX];
	size_t process_count;
};

struct bench_phase {
	bool echo;                      /* E: the null call instead of a signature */
	const struct bench_plan *plans; /* connection i uses plan i modulo plan_count */
	size_t plan_count;
	bool zipf; /* each request uses another one instead: the nth 1/n times as often as the first
	            */
	double seconds;
	double rate; /* of all connections together, a second; 0: as fast as answers come */
};

struct bench_result {
	uint64_t calls, verified;
	uint64_t turned_away; /* answered 503 or 429: tried again, and not counted as calls */
	double seconds;
	double cpu_us[BENCH_PROCESSES_MAX]; /* on a processor, by process */
	double p50_us, p90_us, p99_us, p999_us;
};

/* bench_server_take takes HOST PORT CA_FILE, and NAME:PID from word `first` on. */
void bench_server_take(char **words, int count, int first, struct bench_server *ret_server);

/* bench_load_open connects `count` clients and shakes hands; ends the program with a
 * sentence when that fails, as all here do: a benchmark with errors has no figures. */
void bench_load_open(const struct bench_server *server, size_t count);

/* bench_load_run drives one phase; bench_load_settle, before the next one, verifies what came back
 * and adds what was seen by clients. */
void bench_load_run(const struct bench_phase *phase, struct bench_result *ret_result);
void bench_load_settle(struct bench_result *result);

/* bench_load_once makes one call for each plan, over one connection: `count` at most
 * BENCH_PLANS_MAX. */
void bench_load_once(const struct bench_plan *plans, size_t count, struct bench_result *ret_result);

/* bench_load_idle makes `pairs` calls, by turns a null call and a signature, over one connection,
 * and gives both medians and 99th percentiles. */
void bench_load_idle(const struct bench_plan *plan, size_t pairs, struct bench_result *ret_echo,
                     struct bench_result *ret_full);

#endif
