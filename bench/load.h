/* load: clients of many kinds at once, from one thread: thousands of keep-alive TLS 1.3 connections
 * beside floods, slow readers and silent ones.
 *
 * A group of connections that signs has a rate: requests are due at given times whether answers
 * come or not, and a request's latency counts from when it was due, so that a server that stalls
 * cannot hide it (no coordinated omission). Rate 0: each connection asks again at once. Latencies
 * go into log-linear buckets, 32 to a power of two: 3 % apart, from 1 us to a day. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOAD_H
#define LOAD_H

#include "bench_message.h"
#include "keys_hpke.h"

#define LOAD_GROUPS_MAX 16
#define LOAD_ANSWER_MAX 4096  /* bytes that are kept of an answer: its head and what it says */
#define LOAD_DUE_MAX    65536 /* requests of a group that are due and have no connection yet */
#define LOAD_BUCKETS    1152
#define LOAD_CODES_MAX  24
#define LOAD_CODE_LEN   40
#define LOAD_VERIFIED   4096 /* signatures of a group that are verified at the end */

enum load_kind {
	LOAD_SIGN = 0, /* requests for signatures */
	LOAD_ECHO,     /* null calls, which end in the bridge */
	LOAD_CHANGES,  /* sealed requests that reach the signer and are refused there */
	LOAD_SUBMITS,  /* nonces, changes to be described for them, and these with no signature */
	LOAD_PIPE,     /* requests for nothing, sent ahead without end */
	LOAD_HELLO,    /* the same client hello again and again: work for the server, none here */
	LOAD_SILENT,   /* connects and says nothing */
	LOAD_IDLE,     /* shakes hands and says nothing more */
	LOAD_HEADERS,  /* sends its headers a byte at a time */
	LOAD_BODY,     /* the same with a body */
	LOAD_READER,   /* asks for something large and does not read it */
	LOAD_KIND_COUNT
};

struct load_histogram {
	uint64_t counts[LOAD_BUCKETS], count;
	uint64_t max_us;
};

/* What came back, by HTTP status and code. */
struct load_codes {
	struct load_code {
		unsigned status;
		char code[LOAD_CODE_LEN];
		uint64_t count;
	} rows[LOAD_CODES_MAX];
	size_t count;
};

/* One window of time: before the others begin, and beside them. */
struct load_window {
	struct load_histogram done, refused;
	struct load_codes codes;
	uint64_t due;     /* requests */
	uint64_t skipped; /* of them: never sent, since LOAD_DUE_MAX others waited */
};

struct load_conn;

/* What a connection says to the authority, one thing after the other. */
struct load_talk {
	uint32_t asks; /* enum call_change_request_kind; 0: from the beginning */
	struct keys_hpke_answer answer;
	uint8_t wallet[32], user[32], nonce[32], description[32];
};

struct load_group {
	char name[32], from[16];
	enum load_kind kind;
	size_t connections;
	double rate;                         /* a second, all connections together; 0: at once */
	double start_s;                      /* seconds after the beginning */
	bool strangers;                      /* a new random token for each request */
	bool steady;                         /* connects before the clock starts */
	uint8_t deployment[32], channel[32]; /* to seal for */
	char plan_file[256];
	struct bench_plan *plans;
	size_t plan_count;
	struct load_conn *conns;
	uint32_t *free; /* ring */
	size_t free_first, free_count;
	double *due_us; /* ring */
	size_t due_at, due_count;
	double next_due_us;
	uint64_t next_number;
	/* what was seen */
	struct load_window windows[2];
	uint64_t opened, shaken, closed; /* connections; closed by the server */
	uint64_t open_now, open_max;
	uint64_t failed; /* not even connected */
	uint64_t bad_signatures, verified;
	size_t kept_count;
	struct load_kept {
		uint64_t number;
		uint32_t plan;
		char signature[96];
	} * kept;
};

struct load {
	const char *host, *port, *ca_file;
	double seconds, split_s, begun_us, now_us;
	bool over; /* no new requests */
	size_t group_count;
	struct load_group groups[LOAD_GROUPS_MAX];
	void *tls; /* SSL_CTX */
	int epoll_fd;
	uint8_t hello[2048]; /* a client's first flight */
	size_t hello_len;
};

/* load_open makes the group's connections (not yet connected). */
void load_group_open(struct load *load, struct load_group *group);
/* load_connect begins every connection of a group that is not open. */
void load_connect(struct load *load, struct load_group *group);
/* load_turn waits at most until `until_us` for something to happen, and takes it. */
void load_turn(struct load *load, double until_us);
/* load_put_due hands what is due to connections that are free. */
void load_put_due(struct load *load, struct load_group *group);
/* load_drip sends the next byte on every connection of a slow group. */
void load_drip(struct load_group *group);
/* load_busy counts the connections that wait for an answer. */
size_t load_busy(const struct load_group *group);
void load_prepare(struct load *load);

struct load_window *load_window(struct load *load, struct load_group *group, double due_us);
/* load_asks: whether connections of that kind ask and wait for an answer. */
bool load_asks(enum load_kind kind);
void load_note(struct load_histogram *histogram, double us);
uint64_t load_quantile(const struct load_histogram *histogram, double part);
double load_now_us(void);
/* load_change_ask puts a request of a group that floods the authority, load_change_hear takes the
 * sealed answer in base64, and says what it is: of which step, or the refusal's code. */
size_t load_change_ask(struct load_group *group, struct load_talk *talk, char *text, size_t cap);
struct bytes load_change_hear(struct load_talk *talk, struct bytes text);
_Noreturn void load_give_up(const char *what, const char *why);

#endif
