/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base_check.h"
#include "base_encode.h"
#include "keys.h"

#define BODY_MAX    16384
#define KEPT_MAX    40000 /* answers of one connection in one phase */
#define WARM_S      0.2
#define RETRY_US    20000 /* after "overloaded", as a client would */
#define DRAIN_MAX_S 15

struct kept {
	const struct bench_plan *plan;
	uint64_t number;
	char signature[BASE64_LEN(64) + 1];
	double us; /* 0: outside of the measured time */
};

struct client {
	int fd;
	SSL *tls;
	size_t index;
	uint64_t next, number; /* of the next message, of the one in flight */
	bool busy;             /* a request is in flight */
	bool echo;             /* and it is a null call */
	double sent_us, asked_us, due_us;
	char answer[BODY_MAX];
	size_t answer_len;
	struct kept *kept;
	size_t kept_count;
	const struct bench_plan *plan;
};

static struct client clients[BENCH_CONNECTIONS_MAX];
static size_t client_count;
static struct bench_server server;
static struct bench_phase phase;
static int epoll_fd;
static bool measuring;
static uint64_t done, turned_away;

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

/* ---- one call ---- */

/* keep notes a call's number and time, and what was signed (a null call answers with no signature
 * of ours). */
static void keep(struct client *client, double us)
{
	static const char mark[] = "\"signature\":\"";
	const char *at = memmem(client->answer, client->answer_len, mark, sizeof(mark) - 1);
	const char *end = client->answer + client->answer_len;
	struct kept *kept;
	size_t len = 0;

	if (at == NULL)
		give_up("no signature in the answer", client->answer, client->answer_len);
	if (client->kept_count == KEPT_MAX)
		give_up("more answers than can be kept", "shorten the phase", 17);
	kept = &client->kept[client->kept_count++];
	*kept = (struct kept){.plan = client->plan, .number = client->number, .us = us};
	if (client->echo)
		return;
	for (at += sizeof(mark) - 1; at + len < end && at[len] != '"'; len++)
		if (len == sizeof(kept->signature) - 1)
			give_up("overlong signature", client->answer, client->answer_len);
	memcpy(kept->signature, at, len);
}

/* A plan as in Zipf's law. */
static const struct bench_plan *draw(void)
{
	static double sums[BENCH_PLANS_MAX + 1];
	static size_t summed;
	static uint64_t state = 1;
	size_t low = 0, high = phase.plan_count - 1;
	double at;

	for (; summed < phase.plan_count; summed++)
		sums[summed + 1] = sums[summed] + 1.0 / (double)(summed + 1);
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	at = (double)(state >> 11) / (double)(UINT64_C(1) << 53) * sums[phase.plan_count];
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (sums[middle + 1] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return &phase.plans[low];
}

/* Head and body go in one record, as one write. */
static void ask(struct client *client, bool echo)
{
	static char body[BODY_MAX], text[BODY_MAX + 2048];
	size_t len;
	int head;

	if (phase.zipf)
		client->plan = draw();
	client->number = client->next++ * BENCH_CONNECTIONS_MAX + client->index;
	client->echo = echo;
	client->busy = true;
	client->answer_len = 0;
	len = bench_body(client->plan, client->number, body, sizeof(body));
	head = snprintf(text, sizeof(text),
	                "POST /api/v1/%s HTTP/1.1\r\nHost: %s:%s\r\nAccept: application/json\r\n"
	                "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
	                "Content-Length: %zu\r\n\r\n",
	                echo ? "echo" : "sign", server.host, server.port, client->plan->token, len);
	CHECK(head > 0 && (size_t)head + len <= sizeof(text));
	memcpy(text + head, body, len);
	client->sent_us = now_us();
	/* At a rate a request counts from when it was due: one that had to wait for the answer
	 * before it would else hide what it waited. */
	client->asked_us =
	    phase.rate != 0 && client->due_us != 0 ? client->due_us : client->sent_us;
	if (SSL_write(client->tls, text, head + (int)len) != head + (int)len)
		give_up("cannot send", "the connection is full or gone", 30);
}

/* Whether the answer is whole: its head and as much as Content-Length says. */
static bool is_whole(const struct client *client, size_t *ret_body)
{
	static const char field[] = "content-length:";
	const char *end = memmem(client->answer, client->answer_len, "\r\n\r\n", 4);

	if (end == NULL)
		return false;
	for (const char *at = client->answer; at < end; at++)
		if (strncasecmp(at, field, sizeof(field) - 1) == 0) {
			size_t len = strtoul(at + sizeof(field) - 1, NULL, 10);

			*ret_body = (size_t)(end + 4 - client->answer);
			return client->answer_len >= *ret_body + len;
		}
	give_up("an answer without Content-Length", client->answer, client->answer_len);
}

static void settle_call(struct client *client)
{
	double now = now_us();
	unsigned status = 0;

	client->answer[client->answer_len < BODY_MAX ? client->answer_len : BODY_MAX - 1] = '\0';
	(void)sscanf(client->answer, "HTTP/1.1 %u", &status);
	client->busy = false;
	client->due_us = 0;
	if (phase.rate != 0) /* the next one an interval after this one was due, or at once */
		client->due_us = client->asked_us + 1e6 * (double)client_count / phase.rate;
	if (status == 503 || status == 429) {
		turned_away++;
		client->due_us = now + RETRY_US;
		return;
	}
	if (status != 200)
		give_up("refused", client->answer, client->answer_len);
	keep(client, measuring ? now - client->asked_us : 0);
	done++;
}

static void hear(struct client *client)
{
	size_t body;

	for (;;) {
		int got = SSL_read(client->tls, client->answer + client->answer_len,
		                   (int)(BODY_MAX - 1 - client->answer_len));

		if (got <= 0) {
			if (SSL_get_error(client->tls, got) == SSL_ERROR_WANT_READ)
				return;
			give_up("no answer", "the server closed the connection", 32);
		}
		client->answer_len += (size_t)got;
		if (client->busy && is_whole(client, &body)) {
			settle_call(client);
			return;
		}
	}
}

/* hear_all takes what has come. It never sleeps: a client that did would have to be woken, and the
 * server's processor would pay for it, which a distant client's does not. */
static void hear_all(void)
{
	struct epoll_event events[BENCH_CONNECTIONS_MAX];
	int count = epoll_wait(epoll_fd, events, BENCH_CONNECTIONS_MAX, 0);

	for (int i = 0; i < count; i++)
		hear(&clients[events[i].data.u32]);
}

/* One connection with its handshake; blocking until then. */
static void dial(struct client *client, SSL_CTX *context)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)strtoul(server.port, NULL, 10))};
	struct epoll_event event = {.events = EPOLLIN | EPOLLET,
	                            .data.u32 = (uint32_t)client->index};
	int on = 1;

	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	client->tls = SSL_new(context);
	CHECK(client->fd >= 0 && client->tls != NULL);
	if (inet_pton(AF_INET, server.host, &address.sin_addr) != 1 ||
	    connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    SSL_set_fd(client->tls, client->fd) != 1 || SSL_connect(client->tls) != 1)
		give_up("cannot connect", server.port, strlen(server.port));
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	CHECK(fcntl(client->fd, F_SETFL, O_NONBLOCK) == 0 &&
	      epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0);
}

void bench_server_take(char **words, int count, int first, struct bench_server *ret_server)
{
	*ret_server =
	    (struct bench_server){.host = words[1], .port = words[2], .ca_file = words[3]};
	for (int i = first; i < count; i++) {
		struct bench_process *process = &ret_server->processes[ret_server->process_count];

		if (ret_server->process_count++ == BENCH_PROCESSES_MAX ||
		    sscanf(words[i], "%31[^:]:%d", process->name, &process->pid) != 2) {
			fprintf(stderr, "%s: not NAME:PID, or one too many: %s\n", words[0],
			        words[i]);
			exit(2);
		}
	}
}

void bench_load_open(const struct bench_server *to, size_t count)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	server = *to;
	client_count = count;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(count <= BENCH_CONNECTIONS_MAX && context != NULL && epoll_fd >= 0);
	CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_locations(context, server.ca_file, NULL) != 1)
		give_up("cannot read the CA file", server.ca_file, strlen(server.ca_file));
	for (size_t i = 0; i < count; i++) {
		clients[i].index = i;
		clients[i].kept = calloc(KEPT_MAX, sizeof(*clients[i].kept));
		CHECK(clients[i].kept != NULL);
		dial(&clients[i], context);
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
	result->calls += (uint64_t)sign * done;
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
	result->p90_us = us[count * 90 / 100];
	result->p99_us = us[count * 99 / 100];
	result->p999_us = us[count * 999 / 1000];
}

static void verify(const struct kept *kept)
{
	uint8_t message[LIMIT_MESSAGE_MAX], space[64];
	struct buffer signature = BUFFER_OF_ARRAY(space);
	size_t len = bench_message(kept->plan, kept->number, message);

	if (base64_decode(bytes_of_text(kept->signature), &signature) != STATUS_OK ||
	    signature.len != 64 ||
	    keys_verify(kept->plan->address, bytes_of(message, len), space) != STATUS_OK)
		give_up("a signature does not verify", kept->signature, strlen(kept->signature));
}

void bench_load_settle(struct bench_result *result)
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
			verify(kept);
			result->verified++;
		}
	spread(us, count, result);
	free(us);
	result->turned_away = turned_away;
	turned_away = 0;
}

static void begin(struct client *client, const struct bench_phase *of)
{
	client->kept_count = 0;
	client->plan = &of->plans[client->index % of->plan_count];
	client->due_us = 0;
	if (of->rate != 0)
		client->due_us = now_us() + 1e6 * (double)client->index / of->rate;
}

/* Asks wherever no request is in flight and one is due, and takes what came, until `until`. */
static void drive(double until_us)
{
	for (double now = now_us(); now < until_us; now = now_us()) {
		for (size_t i = 0; i < client_count; i++)
			if (!clients[i].busy && clients[i].due_us <= now)
				ask(&clients[i], phase.echo);
		hear_all();
	}
}

static void drain(void)
{
	double late_us = now_us() + DRAIN_MAX_S * 1e6;

	for (size_t i = 0; i < client_count; i++)
		while (clients[i].busy) {
			hear_all();
			if (now_us() > late_us)
				give_up("no answer", "a request was left unanswered", 29);
		}
}

void bench_load_run(const struct bench_phase *what, struct bench_result *ret_result)
{
	struct bench_result result = {.calls = 0};

	phase = *what;
	for (size_t i = 0; i < client_count; i++)
		begin(&clients[i], what);
	drive(now_us() + WARM_S * 1e6);
	snapshot(&result, -1);
	measuring = true;
	drive(now_us() + what->seconds * 1e6);
	measuring = false;
	snapshot(&result, 1);
	drain();
	*ret_result = result;
}

void bench_load_once(const struct bench_plan *plans, size_t count, struct bench_result *ret_result)
{
	static double us[BENCH_PLANS_MAX];
	struct bench_phase once = {.plans = plans, .plan_count = count};
	struct client *client = &clients[0];

	CHECK(count != 0 && count <= BENCH_PLANS_MAX);
	phase = once;
	begin(client, &once);
	measuring = true;
	for (size_t i = 0; i < count; i++) {
		client->plan = &plans[i];
		ask(client, false);
		while (client->busy)
			hear_all();
	}
	measuring = false;
	CHECK(client->kept_count == count);
	for (size_t i = 0; i < count; i++) {
		us[i] = client->kept[i].us;
		verify(&client->kept[i]);
	}
	*ret_result = (struct bench_result){.calls = count, .verified = count};
	spread(us, count, ret_result);
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
	measuring = true;
	while (client->kept_count < 2 * pairs) {
		ask(client, client->kept_count % 2 == 0);
		while (client->busy)
			hear_all();
	}
	measuring = false;
	for (size_t i = 0; i < pairs; i++) {
		us[i] = client->kept[2 * i].us;
		us[pairs + i] = client->kept[2 * i + 1].us;
		verify(&client->kept[2 * i + 1]);
	}
	spread(us, pairs, ret_echo);
	spread(us + pairs, pairs, ret_full);
	free(us);
}
