/* bridge: the only process with the network; it holds no key of a wallet.
 *
 * Talks to: anyone who connects (TLS 1.3; health and metrics in clear on their own listener;
 *   operators, by certificates of their keys, on another),
 *   signer (signatures, what clients may read, start data), authority (sealed changes, unread),
 *   attestor (evidence).
 * Holds: the TLS key; clients' tokens in passing. Opens: nothing after phase 1.
 * If compromised: what its clients' grants allow, no more; service denied (A7).
 * If it dies: the supervisor starts a new one; the signer sends its start data again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base_check.h"
#include "log_line.h"

/* Marks in epoll data; connections have numbers from 1 << 32 on. */
#define EVENT_LISTEN    1
#define EVENT_HEALTH    2
#define EVENT_OPERATORS 3
#define EVENT_LOG       4

/* Sleep on the rings while sockets may have something, too, unless an answer of the signer is about
 * to come: short at first, then longer, so that a slow signer is not waited for at full speed. */
#define ASK_WAIT_US       100
#define ASK_WAIT_MAX_US   1000
/* Before unsealing, when only health is asked for. */
#define START_WAIT_MAX_US 20000

static struct bridge the_bridge;

/* libcrypto has a helper that resolves names; nothing here calls it. These two keep the C library's
 * resolver, which opens files and loads plugins, out of the one process that faces the network. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
	(void)name;
	(void)service;
	(void)hints;
	(void)ret_list;
	return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

static void complain(const char *event, const char *value)
{
	struct log_line line;

	log_begin(&line, LOG_ERROR, event);
	log_text(&line, "value", value);
	log_end(&line);
}

/* parse_address reads "127.0.0.1:8200", "[::1]:8200" or "*:8200" (all IPv4). */
static bool parse_address(const char *text, struct sockaddr_storage *ret_address,
                          socklen_t *ret_len)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	unsigned long port;
	char *end;

	if (len == 0 || len >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port > UINT16_MAX)
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	memset(ret_address, 0, sizeof(*ret_address));
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		memcpy(ret_address, &v6, sizeof(v6));
		*ret_len = sizeof(v6);
		return inet_pton(AF_INET6, host + 1,
		                 &((struct sockaddr_in6 *)ret_address)->sin6_addr) == 1;
	}
	if (strcmp(host, "*") != 0 && inet_pton(AF_INET, host, &v4.sin_addr) != 1)
		return false;
	memcpy(ret_address, &v4, sizeof(v4));
	*ret_len = sizeof(v4);
	return true;
}

static enum status open_listener(struct proc *proc, const char *setting, int *ret_fd)
{
	const char *text = proc_setting(proc, setting);
	struct sockaddr_storage address;
	socklen_t len;
	int one = 1, room = BRIDGE_SOCKET_BYTES, fd;

	if (!parse_address(text, &address, &len)) {
		complain("listen.malformed", text);
		return STATUS_MALFORMED;
	}
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Accepted sockets inherit these; without a bound the kernel would keep megabytes for each
	 * client that does not read. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0 ||
	    bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0) {
		complain("listen.failed", text);
		if (fd >= 0)
			close(fd);
		return STATUS_IO;
	}
	proc_keep_descriptor(proc, fd);
	*ret_fd = fd;
	return STATUS_OK;
}

static bool watch(const struct bridge *bridge, int fd, uint64_t mark)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = mark};

	return epoll_ctl(bridge->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* bound_by_descriptors lowers the number of connections to what this machine lets a process have:
 * one more would be refused by the kernel again and again. */
static void bound_by_descriptors(uint64_t *conn_max)
{
	const rlim_t others = BRIDGE_DESCRIPTORS + BRIDGE_CONNS_HEALTH + BRIDGE_CONNS_OPERATORS;
	struct rlimit descriptors;
	struct log_line line;

	if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 ||
	    descriptors.rlim_max >= *conn_max + others)
		return;
	*conn_max = descriptors.rlim_max > others + BRIDGE_DESCRIPTORS
	                ? descriptors.rlim_max - others
	                : BRIDGE_DESCRIPTORS;
	log_begin(&line, LOG_WARN, "connections_max.lowered");
	log_number(&line, "connections_max", (int64_t)*conn_max);
	log_text(&line, "why", "RLIMIT_NOFILE is lower (systemd: LimitNOFILE=16384)");
	log_end(&line);
}

static enum status bridge_open(struct proc *proc)
{
	struct bridge *bridge = &the_bridge;
	uint64_t conn_max;
	enum status status;

	bridge->proc = proc;
	bridge->signer = proc_channel(proc, PROC_signer, 0);
	bridge->authority = proc_channel(proc, PROC_authority, 0);
	bridge->attestor = proc_channel(proc, PROC_attestor, 0);
	bridge->unsealer = proc_channel(proc, PROC_unsealer, 0);
	CHECK(bridge->signer != NULL && bridge->authority != NULL && bridge->attestor != NULL &&
	      bridge->unsealer != NULL);
	bridge->api.machine = proc_setting(proc, "machine");
	bridge->api.echo = strcmp(proc_setting(proc, "echo"), "yes") == 0;
	api_metrics_init(&bridge->api.metrics);
	if (proc_setting_number(proc, "connections_max", 10000, 16000, &conn_max) != STATUS_OK ||
	    conn_max == 0) {
		complain("connections_max.malformed", proc_setting(proc, "connections_max"));
		return STATUS_MALFORMED;
	}
	bound_by_descriptors(&conn_max);
	if (bridge_open_certificate(bridge) != STATUS_OK) {
		complain("tls.certificate_missing", proc_setting(proc, "tls_certificate"));
		return STATUS_IO;
	}
	status = bridge_allocate(bridge, (uint32_t)conn_max);
	if (status != STATUS_OK) {
		complain("memory.refused", proc_setting(proc, "connections_max"));
		return status;
	}
	status = bridge_open_operators(bridge);
	if (status == STATUS_OK)
		status = open_listener(proc, "listen", &bridge->listen_fd);
	if (status == STATUS_OK)
		status = open_listener(proc, "metrics_listen", &bridge->health_fd);
	bridge->operator_fd = -1;
	if (status == STATUS_OK && proc_setting(proc, "operator_listen")[0] != '\0')
		status = open_listener(proc, "operator_listen", &bridge->operator_fd);
	if (status != STATUS_OK)
		return status;
	bridge->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (bridge->epoll_fd < 0 || !watch(bridge, bridge->health_fd, EVENT_HEALTH))
		return STATUS_IO;
	proc_keep_descriptor(proc, bridge->epoll_fd);
	bridge->log_fd = proc->start.log_fd;
	if (bridge->log_fd != 0 && !watch(bridge, bridge->log_fd, EVENT_LOG))
		return STATUS_IO;
	return http_tls_prepare();
}

static void read_clocks(struct bridge *bridge)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	bridge->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The listener for clients opens with the TLS key: until then connections wait in the kernel. */
static void open_doors(struct bridge *bridge)
{
	if (bridge->listening || !bridge->api.has_channel || bridge->api.stopping)
		return;
	if (!watch(bridge, bridge->listen_fd, EVENT_LISTEN)) {
		complain("listen.failed", proc_setting(bridge->proc, "listen"));
		return;
	}
	if (bridge->operator_fd >= 0 && !watch(bridge, bridge->operator_fd, EVENT_OPERATORS))
		complain("listen.failed", proc_setting(bridge->proc, "operator_listen"));
	bridge->listening = true;
	proc_report_ready(bridge->proc);
}

static void take_event(struct bridge *bridge, const struct epoll_event *event)
{
	uint32_t index = (uint32_t)event->data.u64;
	struct bridge_conn *conn;

	if (event->data.u64 == EVENT_LISTEN) {
		bridge_accept(bridge, bridge->listen_fd, API_DOOR_CLIENTS);
		return;
	}
	if (event->data.u64 == EVENT_HEALTH) {
		bridge_accept(bridge, bridge->health_fd, API_DOOR_HEALTH);
		return;
	}
	if (event->data.u64 == EVENT_OPERATORS) {
		bridge_accept(bridge, bridge->operator_fd, API_DOOR_OPERATORS);
		return;
	}
	if (event->data.u64 == EVENT_LOG) {
		bridge_read_log(bridge);
		return;
	}
	/* An earlier event of the same pass may have closed it, and the slot may serve another. */
	conn = &bridge->conns[index];
	if (conn->state != BRIDGE_FREE && conn->id == event->data.u64)
		bridge_event(bridge, conn, event->events);
}

static void begin_stop(struct bridge *bridge)
{
	log_event(LOG_INFO, "stopping");
	bridge->api.stopping = true;
	if (bridge->listening)
		(void)epoll_ctl(bridge->epoll_fd, EPOLL_CTL_DEL, bridge->listen_fd, NULL);
	if (bridge->listening && bridge->operator_fd >= 0)
		(void)epoll_ctl(bridge->epoll_fd, EPOLL_CTL_DEL, bridge->operator_fd, NULL);
	bridge->listening = false;
}

/* note_trouble logs, at most once a second, that requests were refused for load or went unanswered:
 * an operator must see it without a metrics server. */
static void note_trouble(struct bridge *bridge)
{
	struct api_metrics *metrics = &bridge->api.metrics;
	struct log_line line;

	if (bridge->now_us < bridge->noted_us + 1000000 ||
	    (metrics->overloads == bridge->noted_overloads &&
	     metrics->questions_lost == bridge->noted_lost))
		return;
	log_begin(&line, LOG_WARN, "requests.refused");
	log_number(&line, "overloaded", (int64_t)(metrics->overloads - bridge->noted_overloads));
	log_number(&line, "unanswered", (int64_t)(metrics->questions_lost - bridge->noted_lost));
	log_end(&line);
	bridge->noted_us = bridge->now_us;
	bridge->noted_overloads = metrics->overloads;
	bridge->noted_lost = metrics->questions_lost;
}

/* Nothing asked, nothing put off: sleep on the sockets, and look at the rings at every tick. */
static int sockets_wait_ms(const struct bridge *bridge)
{
	return bridge_is_asking(bridge) || bridge_has_turns(bridge) || !bridge->listening
	           ? 0
	           : BRIDGE_TICK_MS;
}

/* pass does everything that is to be done now, answers first; true when there was something. */
static bool pass(struct bridge *bridge)
{
	static struct epoll_event events[BRIDGE_EVENTS];
	bool heard;
	int count;

	read_clocks(bridge);
	bridge->busy = false;
	heard = bridge_hear(bridge);
	count = epoll_wait(bridge->epoll_fd, events, BRIDGE_EVENTS, sockets_wait_ms(bridge));
	read_clocks(bridge);
	for (int i = 0; i < count; i++)
		take_event(bridge, &events[i]);
	if (bridge_take_turns(bridge))
		heard = true;
	bridge_pump_evidence(bridge);
	open_doors(bridge);
	bridge_tick(bridge);
	note_trouble(bridge);
	return count > 0 || heard;
}

static void wait_on_rings(struct bridge *bridge, int64_t max_us, int64_t *wait_us)
{
	if (bridge->signer_open != 0 && !bridge->later) {
		bridge->later =
		    !ipc_wait_near(&bridge->proc->waiter, bridge->signer, IPC_NEAR_WAIT_US);
		return;
	}
	(void)ipc_wait(&bridge->proc->waiter, *wait_us);
	if (*wait_us * 2 <= max_us)
		*wait_us *= 2;
}

static int bridge_serve(struct proc *proc)
{
	struct bridge *bridge = &the_bridge;
	uint64_t stop_ms = 0;
	int64_t wait_us = ASK_WAIT_US;
	struct timespec wall;

	(void)proc;
	for (;;) {
		bool worked = pass(bridge);

		clock_gettime(CLOCK_REALTIME, &wall);
		bridge->api.now_seconds = (uint64_t)wall.tv_sec;
		clock_gettime(CLOCK_BOOTTIME, &wall);
		bridge->api.uptime_s = (uint64_t)wall.tv_sec;
		if (proc_reload_asked())
			bridge_load_certificate(bridge);
		if (proc_stopping() && !bridge->api.stopping) {
			begin_stop(bridge);
			stop_ms = bridge_now_ms(bridge) + BRIDGE_STOP_MS;
		}
		if (bridge->api.stopping &&
		    (bridge->api.metrics.exchanges_busy == 0 || bridge_now_ms(bridge) >= stop_ms))
			return 0;
		if (worked)
			wait_us = ASK_WAIT_US;
		/* Asked: sleep on the rings at once, so that a signer on the same processor runs;
		 * look at the sockets soon. */
		if (bridge_is_asking(bridge))
			wait_on_rings(bridge, ASK_WAIT_MAX_US, &wait_us);
		else if (!worked && !bridge->listening)
			wait_on_rings(bridge, START_WAIT_MAX_US, &wait_us);
	}
}

const struct proc_body proc_body = {bridge_open, bridge_serve};
