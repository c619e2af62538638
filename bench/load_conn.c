/* One connection of the load: TCP, TLS, requests and answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
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
#include "load.h"

#define BODY_MAX      16384
#define EVENTS        512
/* Handshakes of one group at once: more than this one thread gets done in time would be closed by
 * the server for a slowness that is ours. */
#define SHAKING_MAX   512
/* Until a connection that was closed or refused is tried again. */
#define AGAIN_US      20000
#define HELD_AGAIN_US 200000

enum step { STEP_CLOSED = 0, STEP_CONNECT, STEP_SHAKE, STEP_FREE, STEP_BUSY, STEP_HELD };

struct load_conn {
	struct load_group *group;
	int fd;
	SSL *tls;
	enum step step;
	uint32_t index;
	uint64_t number;
	uint32_t plan;
	double due_us;
	double again_us; /* when it connects anew; 0: not */
	char answer[LOAD_ANSWER_MAX];
	size_t answer_len; /* bytes that came, kept or not */
	size_t whole_len;  /* bytes that the answer has; 0: not known yet */
	size_t dripped;
	struct load_talk talk;
};

static int open_socket(const struct load *load, const struct load_group *group)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	                         .sin_port = htons((uint16_t)strtoul(load->port, NULL, 10))};
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		load_give_up("no socket", strerror(errno));
	CHECK(inet_pton(AF_INET, load->host, &to.sin_addr) == 1);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (group->kind == LOAD_READER) {
		int small = 4096;

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	}
	if (group->from[0] != '\0') {
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		CHECK(inet_pton(AF_INET, group->from, &from.sin_addr) == 1);
		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
			load_give_up("cannot bind to", group->from);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void dial(struct load *load, struct load_conn *conn)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	                            .data.ptr = conn};

	conn->again_us = 0;
	conn->fd = open_socket(load, conn->group);
	if (conn->fd < 0) {
		conn->group->failed++;
		conn->again_us = load->now_us + AGAIN_US;
		return;
	}
	conn->step = STEP_CONNECT;
	conn->answer_len = conn->whole_len = conn->dripped = 0;
	CHECK(epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) == 0);
}

/* Free connections take turns, as a pool's do that are all kept alive. */
static uint32_t *free_at(struct load_group *group, size_t i)
{
	return &group->free[(group->free_first + i) % group->connections];
}

static struct load_conn *take_free(struct load_group *group)
{
	struct load_conn *conn = &group->conns[*free_at(group, 0)];

	group->free_first = (group->free_first + 1) % group->connections;
	group->free_count--;
	return conn;
}

static void hang_up(struct load *load, struct load_conn *conn, bool again)
{
	struct load_group *group = conn->group;

	if (conn->step > STEP_CONNECT)
		group->open_now--;
	if (conn->step == STEP_FREE)
		for (size_t i = 0; i < group->free_count; i++)
			if (*free_at(group, i) == conn->index) {
				*free_at(group, i) = *free_at(group, --group->free_count);
				break;
			}
	SSL_free(conn->tls);
	conn->tls = NULL;
	conn->talk.asks = 0;
	close(conn->fd);
	conn->step = STEP_CLOSED;
	if (again && !load->over)
		conn->again_us = load->now_us + (group->kind == LOAD_HELLO ? 0
		                                 : load_asks(group->kind)  ? AGAIN_US
		                                                           : HELD_AGAIN_US);
}

static void note_code(struct load_codes *codes, unsigned status, const char *code, size_t len)
{
	struct load_code *row = codes->rows;

	len = len < LOAD_CODE_LEN - 1 ? len : LOAD_CODE_LEN - 1;
	for (; row < codes->rows + codes->count; row++)
		if (row->status == status && strlen(row->code) == len &&
		    memcmp(row->code, code, len) == 0) {
			row->count++;
			return;
		}
	CHECK(codes->count < LOAD_CODES_MAX);
	row->status = status;
	memcpy(row->code, code, len);
	row->count = 1;
	codes->count++;
}

/* The text of a member of the answer's JSON; empty when there is none. */
static struct bytes member(const struct load_conn *conn, const char *mark)
{
	size_t len = conn->answer_len < LOAD_ANSWER_MAX ? conn->answer_len : LOAD_ANSWER_MAX;
	const char *at = memmem(conn->answer, len, mark, strlen(mark));
	const char *end;

	if (at == NULL)
		return bytes_of(NULL, 0);
	at += strlen(mark);
	end = memchr(at, '"', (size_t)(conn->answer + len - at));
	return end == NULL ? bytes_of(NULL, 0) : bytes_of(at, (size_t)(end - at));
}

static void keep_signature(struct load_conn *conn)
{
	struct load_group *group = conn->group;
	struct bytes signature = member(conn, "\"signature\":\"");
	struct load_kept *kept = &group->kept[group->kept_count];

	if (signature.len == 0 || signature.len >= sizeof(kept->signature)) {
		group->bad_signatures++;
		return;
	}
	if (group->kept_count == LOAD_VERIFIED)
		return;
	*kept = (struct load_kept){.number = conn->number, .plan = conn->plan};
	memcpy(kept->signature, signature.data, signature.len);
	group->kept_count++;
}

static void send_request(struct load *load, struct load_conn *conn, double due_us);

static void note_answer(struct load *load, struct load_conn *conn, unsigned status)
{
	struct load_window *window = load_window(load, conn->group, conn->due_us);
	struct bytes code = status == 200 ? bytes_of_text("") : member(conn, "\"code\":\"");

	if (status == 200 && conn->group->kind == LOAD_SUBMITS)
		code = load_change_hear(&conn->talk, member(conn, "\"envelope\":\""));
	note_code(&window->codes, status, (const char *)code.data, code.len);
	load_note(status == 200 ? &window->done : &window->refused, load->now_us - conn->due_us);
	if (status == 200 && conn->group->kind == LOAD_SIGN)
		keep_signature(conn);
}

static void set_free(struct load *load, struct load_conn *conn)
{
	struct load_group *group = conn->group;

	conn->step = STEP_FREE;
	*free_at(group, group->free_count++) = conn->index;
	if (!load->over && group->rate == 0 &&
	    load->now_us >= load->begun_us + group->start_s * 1e6 && load->begun_us != 0) {
		send_request(load, take_free(group), load->now_us);
	}
}

/* An answer is whole; a pipe's connections only read on. */
static void settle(struct load *load, struct load_conn *conn)
{
	unsigned status = 0;
	size_t rest = conn->answer_len - conn->whole_len;
	bool ends;

	if (conn->answer_len < LOAD_ANSWER_MAX)
		conn->answer[conn->answer_len] = '\0';
	else
		conn->answer[LOAD_ANSWER_MAX - 1] = '\0';
	(void)sscanf(conn->answer, "HTTP/1.1 %u", &status);
	ends = strcasestr(conn->answer, "\r\nconnection: close") != NULL;
	note_answer(load, conn, status);
	CHECK(rest == 0 || conn->group->kind == LOAD_PIPE);
	conn->answer_len = conn->whole_len = 0;
	if (ends)
		hang_up(load, conn, true);
	else
		set_free(load, conn);
}

static void find_length(struct load_conn *conn)
{
	static const char field[] = "content-length:";
	size_t len = conn->answer_len < LOAD_ANSWER_MAX ? conn->answer_len : LOAD_ANSWER_MAX;
	const char *end = memmem(conn->answer, len, "\r\n\r\n", 4);

	if (end == NULL)
		return;
	for (const char *at = conn->answer; at < end; at++)
		if (strncasecmp(at, field, sizeof(field) - 1) == 0)
			conn->whole_len = (size_t)(end + 4 - conn->answer) +
			                  strtoul(at + sizeof(field) - 1, NULL, 10);
}

/* hear reads what there is; false when the connection has ended. */
static bool hear(struct load *load, struct load_conn *conn)
{
	static char scrap[65536];

	for (;;) {
		bool keeps = conn->answer_len < LOAD_ANSWER_MAX && conn->group->kind != LOAD_PIPE;
		char *to = keeps ? conn->answer + conn->answer_len : scrap;
		size_t room = keeps ? LOAD_ANSWER_MAX - conn->answer_len : sizeof(scrap);
		int got = SSL_read(conn->tls, to, (int)room);

		if (got <= 0) {
			if (SSL_get_error(conn->tls, got) == SSL_ERROR_WANT_READ)
				return true;
			return false;
		}
		conn->answer_len += (size_t)got;
		if (conn->whole_len == 0 && conn->group->kind != LOAD_PIPE)
			find_length(conn);
		if (conn->step == STEP_BUSY && conn->whole_len != 0 &&
		    conn->answer_len >= conn->whole_len) {
			settle(load, conn);
			if (conn->step == STEP_CLOSED)
				return true;
		}
	}
}

/* ---- what is sent ---- */

static size_t make_request(struct load *load, struct load_conn *conn, char *text, size_t cap)
{
	static char body[BODY_MAX];
	struct load_group *group = conn->group;
	char token[LIMIT_TOKEN_MAX + 1];
	const struct bench_plan *plan;
	size_t len;
	int head;

	if (group->kind == LOAD_CHANGES || group->kind == LOAD_SUBMITS)
		return load_change_ask(group, &conn->talk, text, cap);
	conn->number = group->next_number++;
	conn->plan = (uint32_t)(conn->number % group->plan_count);
	plan = &group->plans[conn->plan];
	memcpy(token, plan->token, sizeof(token));
	if (group->strangers) {
		uint8_t random[32];

		keys_random(random, sizeof(random));
		hex_encode(BYTES_OF_ARRAY(random), token);
	}
	len = bench_body(plan, conn->number, body, sizeof(body));
	head = snprintf(text, cap,
	                "POST /api/v1/%s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\n"
	                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	                group->kind == LOAD_ECHO ? "echo" : "sign", load->host, load->port, token,
	                len);
	CHECK(head > 0 && (size_t)head + len <= cap);
	memcpy(text + head, body, len);
	return (size_t)head + len;
}

static void send_request(struct load *load, struct load_conn *conn, double due_us)
{
	static char text[BODY_MAX + 2048];
	size_t len = make_request(load, conn, text, sizeof(text));

	conn->step = STEP_BUSY;
	conn->due_us = due_us;
	conn->answer_len = conn->whole_len = 0;
	if (conn->group->rate == 0)
		load_window(load, conn->group, due_us)->due++;
	if (SSL_write(conn->tls, text, (int)len) != (int)len)
		hang_up(load, conn, true);
}

void load_put_due(struct load *load, struct load_group *group)
{
	while (group->due_count != 0 && group->free_count != 0) {
		struct load_conn *conn = take_free(group);
		double due_us = group->due_us[group->due_at];

		group->due_at = (group->due_at + 1) % LOAD_DUE_MAX;
		group->due_count--;
		send_request(load, conn, due_us);
	}
}

static void flood_pipe(struct load_conn *conn)
{
	static const char ask[] = "GET /api/v1/nothing HTTP/1.1\r\nHost: h\r\n\r\n";
	static char many[256 * (sizeof(ask) - 1)];

	for (size_t i = 0; i < sizeof(many) && many[sizeof(many) - 1] == '\0'; i += sizeof(ask) - 1)
		memcpy(many + i, ask, sizeof(ask) - 1);
	for (unsigned i = 0; i < 8; i++)
		if (SSL_write(conn->tls, many, sizeof(many)) <= 0)
			return;
}

void load_drip(struct load_group *group)
{
	static const char head[] = "POST /api/v1/sign HTTP/1.1\r\nHost: h\r\nX-Slow: ";
	static const char body[] = "POST /api/v1/changes HTTP/1.1\r\nHost: h\r\nContent-Type: "
	                           "application/json\r\nContent-Length: 500000\r\n\r\n{";

	for (size_t i = 0; i < group->connections; i++) {
		struct load_conn *conn = &group->conns[i];

		if (conn->step != STEP_HELD ||
		    (group->kind != LOAD_HEADERS && group->kind != LOAD_BODY))
			continue;
		if (conn->dripped++ != 0)
			(void)SSL_write(conn->tls, "a", 1);
		else if (group->kind == LOAD_HEADERS)
			(void)SSL_write(conn->tls, head, sizeof(head) - 1);
		else
			(void)SSL_write(conn->tls, body, sizeof(body) - 1);
	}
}

/* ---- connections ---- */

static void shaken(struct load *load, struct load_conn *conn)
{
	static const char large[] = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n";

	conn->group->shaken++;
	switch (conn->group->kind) {
	case LOAD_SIGN:
	case LOAD_ECHO:
	case LOAD_CHANGES:
	case LOAD_SUBMITS:
		set_free(load, conn);
		return;
	case LOAD_READER:
		for (unsigned i = 0; i < 64; i++)
			(void)SSL_write(conn->tls, large, sizeof(large) - 1);
		break;
	case LOAD_PIPE:
	case LOAD_HELLO:
	case LOAD_SILENT:
	case LOAD_IDLE:
	case LOAD_HEADERS:
	case LOAD_BODY:
	case LOAD_KIND_COUNT:
	default:
		break;
	}
	conn->step = STEP_HELD;
}

static void connected(struct load *load, struct load_conn *conn)
{
	struct load_group *group = conn->group;
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		group->failed++;
		hang_up(load, conn, true);
		return;
	}
	group->opened++;
	group->open_now++;
	if (group->open_now > group->open_max)
		group->open_max = group->open_now;
	if (group->kind == LOAD_SILENT || group->kind == LOAD_HELLO) {
		conn->step = STEP_HELD;
		if (group->kind == LOAD_HELLO)
			(void)!send(conn->fd, load->hello, load->hello_len, MSG_NOSIGNAL);
		return;
	}
	conn->step = STEP_SHAKE;
	conn->tls = SSL_new((SSL_CTX *)load->tls);
	CHECK(conn->tls != NULL && SSL_set_fd(conn->tls, conn->fd) == 1);
	SSL_set_connect_state(conn->tls);
}

static bool shake(struct load *load, struct load_conn *conn)
{
	int done = SSL_do_handshake(conn->tls);

	if (done == 1) {
		shaken(load, conn);
		return true;
	}
	done = SSL_get_error(conn->tls, done);
	return done == SSL_ERROR_WANT_READ || done == SSL_ERROR_WANT_WRITE;
}

static bool raw_hear(struct load_conn *conn)
{
	static char scrap[16384];
	ssize_t got = recv(conn->fd, scrap, sizeof(scrap), 0);

	/* The server's first flight costs it most of a handshake: enough, and again. */
	if (got > 0)
		return conn->group->kind != LOAD_HELLO;
	return got < 0 && errno == EAGAIN;
}

static void take(struct load *load, struct load_conn *conn, uint32_t events)
{
	bool lives = true;

	if (conn->step == STEP_CLOSED)
		return;
	if (conn->step == STEP_CONNECT && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		connected(load, conn);
	if (conn->step == STEP_SHAKE)
		lives = shake(load, conn);
	if (lives && conn->step == STEP_HELD && conn->tls == NULL)
		lives = raw_hear(conn);
	else if (lives && conn->step >= STEP_FREE && conn->group->kind != LOAD_READER)
		lives = hear(load, conn);
	if (lives && conn->step == STEP_HELD && conn->group->kind == LOAD_PIPE)
		flood_pipe(conn);
	if (conn->step != STEP_CLOSED &&
	    (!lives || (events & (EPOLLERR | EPOLLHUP)) != 0 || (events & EPOLLRDHUP) != 0)) {
		conn->group->closed++;
		hang_up(load, conn, true);
	}
}

void load_turn(struct load *load, double until_us)
{
	static struct epoll_event events[EVENTS];
	double left_us = until_us - load_now_us();
	struct timespec wait = {.tv_nsec = left_us > 0 ? (long)(left_us * 1e3) : 0};
	int count = epoll_pwait2(load->epoll_fd, events, EVENTS, &wait, NULL);

	load->now_us = load_now_us();
	for (int i = 0; i < count; i++)
		take(load, (struct load_conn *)events[i].data.ptr, events[i].events);
}

void load_connect(struct load *load, struct load_group *group)
{
	bool floods = group->kind == LOAD_HELLO || group->kind == LOAD_SILENT;
	size_t shaking = 0;

	for (size_t i = 0; i < group->connections; i++)
		shaking +=
		    group->conns[i].step == STEP_CONNECT || group->conns[i].step == STEP_SHAKE;
	for (size_t i = 0; i < group->connections; i++) {
		struct load_conn *conn = &group->conns[i];

		if (!floods && shaking >= SHAKING_MAX)
			return;
		if (conn->step != STEP_CLOSED || load->now_us < conn->again_us)
			continue;
		dial(load, conn);
		shaking++;
	}
}

size_t load_busy(const struct load_group *group)
{
	size_t count = 0;

	for (size_t i = 0; i < group->connections; i++)
		count += group->conns[i].step == STEP_BUSY;
	return count;
}

void load_group_open(struct load *load, struct load_group *group)
{
	(void)load;
	group->conns = calloc(group->connections, sizeof(*group->conns));
	group->free = calloc(group->connections, sizeof(*group->free));
	group->due_us = calloc(LOAD_DUE_MAX, sizeof(*group->due_us));
	group->kept = calloc(LOAD_VERIFIED, sizeof(*group->kept));
	CHECK(group->conns != NULL && group->free != NULL && group->due_us != NULL &&
	      group->kept != NULL);
	for (size_t i = 0; i < group->connections; i++) {
		group->conns[i].group = group;
		group->conns[i].index = (uint32_t)i;
	}
}

/* A client's first flight, for those who send it without meaning it. */
static void make_hello(struct load *load)
{
	SSL *tls = SSL_new((SSL_CTX *)load->tls);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	int len;

	CHECK(tls != NULL && in != NULL && out != NULL);
	SSL_set_bio(tls, in, out);
	CHECK(SSL_connect(tls) != 1);
	len = BIO_read(out, load->hello, sizeof(load->hello));
	CHECK(len > 0);
	load->hello_len = (size_t)len;
	SSL_free(tls);
}

void load_prepare(struct load *load)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	CHECK(context != NULL && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_load_verify_locations(context, load->ca_file, NULL) != 1)
		load_give_up("cannot read the CA file", load->ca_file);
	load->tls = context;
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(load->epoll_fd >= 0);
	make_hello(load);
}
