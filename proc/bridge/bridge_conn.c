/* One connection: bytes in, requests read one after the other, responses out in the same order.
 *
 * A connection has at most one request in work. What a client sends ahead waits in its exchange's
 * `in` and in the kernel, so pipelining costs no memory and cannot mix up answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base_check.h"
#include "bridge.h"

static void set_deadline(const struct bridge *bridge, struct bridge_conn *conn, uint64_t ms)
{
	conn->deadline_ms = bridge_now_ms(bridge) + ms;
}

static bool is_plain(const struct bridge_conn *conn)
{
	return conn->door == API_DOOR_HEALTH;
}

void bridge_drop(struct bridge *bridge, struct bridge_conn *conn)
{
	CHECK(conn->state != BRIDGE_FREE);
	http_tls_end(&conn->tls);
	close(conn->fd);
	bridge_free_conn(bridge, conn);
}

/* send_now sends a few bytes outside of any response (handshake, alert); what the kernel does not
 * take at once is a peer that does not read, and ends the connection. */
static bool send_now(struct bridge_conn *conn, struct bytes bytes)
{
	if (bytes.len == 0)
		return true;
	return send(conn->fd, bytes.data, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len;
}

static void begin_linger(struct bridge *bridge, struct bridge_conn *conn)
{
	shutdown(conn->fd, SHUT_WR);
	if (conn->exchange != BRIDGE_NONE)
		bridge_give_back(bridge, conn);
	conn->state = BRIDGE_LINGER;
	set_deadline(bridge, conn, BRIDGE_LINGER_MS);
}

/* refuse_without_room answers a request that there is no exchange for, without reading it. */
static void refuse_without_room(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bytes text = api_overload();
	size_t used;

	bridge->api.metrics.overloads++;
	bridge->api.metrics.responses[5]++;
	bridge->handshake.len = 0;
	if (is_plain(conn)) {
		(void)send_now(conn, text);
	} else if (http_tls_write(&conn->tls, text, &bridge->handshake, &used) == HTTP_TLS_OPEN) {
		http_tls_finish(&conn->tls, &bridge->handshake);
		(void)send_now(conn, buffer_bytes(&bridge->handshake));
	}
	begin_linger(bridge, conn);
}

/* take_plain gives new plaintext to the exchange, borrowing one for the first byte. */
static bool take_plain(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange;

	if (bridge->plain.len == 0)
		return true;
	if (!bridge_borrow(bridge, conn)) {
		refuse_without_room(bridge, conn);
		return false;
	}
	exchange = bridge_exchange_of(bridge, conn);
	memcpy(exchange->in.data, bridge->plain.data, bridge->plain.len);
	exchange->in.len = bridge->plain.len;
	set_deadline(bridge, conn, BRIDGE_HEADERS_MS);
	return true;
}

/* decrypt takes what was received; false when the connection is gone or going. */
static bool decrypt(struct bridge *bridge, struct bridge_conn *conn, struct bytes received,
                    struct buffer *plain)
{
	enum http_tls_progress progress;

	bridge->handshake.len = 0;
	progress = http_tls_read(&conn->tls, received, plain, &bridge->handshake);
	if (!send_now(conn, buffer_bytes(&bridge->handshake)))
		progress = HTTP_TLS_BROKEN;
	if (!conn->ready && progress == HTTP_TLS_OPEN && http_tls_is_ready(&conn->tls)) {
		conn->ready = true;
		bridge->api.metrics.handshakes_open--;
		set_deadline(bridge, conn, BRIDGE_IDLE_MS);
		if (conn->door == API_DOOR_OPERATORS)
			bridge_prove(bridge, conn);
	}
	if (progress == HTTP_TLS_OPEN)
		return true;
	if (!conn->ready)
		bridge->api.metrics.handshakes_failed++;
	bridge_drop(bridge, conn);
	return false;
}

/* receive reads from the socket once; false when there is nothing to read, or the connection is
 * gone. An exchange's `in` is empty then, so everything fits. */
static bool receive(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange = bridge_exchange_of(bridge, conn);
	struct buffer *plain = exchange == NULL ? &bridge->plain : &exchange->in;
	ssize_t got;

	if (!conn->readable)
		return false;
	if (!is_plain(conn) && conn->tls.ssl == NULL &&
	    http_tls_begin(conn->door == API_DOOR_OPERATORS ? bridge->operator_tls : bridge->tls,
	                   &conn->tls) != STATUS_OK) {
		bridge->api.metrics.handshakes_failed++;
		bridge_drop(bridge, conn);
		return false;
	}
	got = recv(conn->fd, bridge->receive, BRIDGE_RECEIVE_BYTES, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn->readable = errno == EINTR;
		return false;
	}
	if (got <= 0) {
		bridge_drop(bridge, conn);
		return false;
	}
	/* Edge triggered: less than asked for means drained, and more raises a new event; after
	 * the peer's last byte there is none, so look again. */
	if (got < BRIDGE_RECEIVE_BYTES && !conn->hung_up)
		conn->readable = false;
	plain->len = 0;
	if (exchange != NULL)
		exchange->in_at = 0;
	if (is_plain(conn))
		CHECK(buffer_put(plain, bytes_of(bridge->receive, (size_t)got)) == STATUS_OK);
	else if (!decrypt(bridge, conn, bytes_of(bridge->receive, (size_t)got), plain))
		return false;
	return exchange != NULL || take_plain(bridge, conn);
}

static void begin_write(struct bridge *bridge, struct bridge_conn *conn,
                        struct bridge_exchange *exchange)
{
	exchange->sent = 0;
	exchange->moved_ms = bridge_now_ms(bridge);
	conn->state = BRIDGE_WRITE;
	set_deadline(bridge, conn, BRIDGE_WRITE_MS);
}

static void refuse(struct bridge *bridge, struct bridge_conn *conn,
                   struct bridge_exchange *exchange, enum call_result result)
{
	api_refuse(&exchange->api, &bridge->api, result, NULL);
	begin_write(bridge, conn, exchange);
}

/* expects_more answers "Expect: 100-continue" when the body has not come by itself. */
static bool answer_expect(struct bridge *bridge, struct bridge_conn *conn,
                          struct bridge_exchange *exchange)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct bytes value = http_request_value(&exchange->api.http, HTTP_FIELD_EXPECT);
	size_t used;

	if ((exchange->api.http.seen & (1u << HTTP_FIELD_EXPECT)) == 0)
		return true;
	if (value.len != 12 || strncasecmp((const char *)value.data, "100-continue", 12) != 0) {
		refuse(bridge, conn, exchange, CALL_RESULT_EXPECT_REFUSED);
		return false;
	}
	if (!http_request_has_body(&exchange->api.http) || exchange->in_at < exchange->in.len)
		return true;
	if (is_plain(conn))
		return send_now(conn, bytes_of(interim, sizeof(interim) - 1));
	bridge->handshake.len = 0;
	if (http_tls_write(&conn->tls, bytes_of(interim, sizeof(interim) - 1), &bridge->handshake,
	                   &used) != HTTP_TLS_OPEN ||
	    !send_now(conn, buffer_bytes(&bridge->handshake))) {
		bridge_drop(bridge, conn);
		return false;
	}
	return true;
}

/* pass_body goes to the end of a request that is refused by its headers, if all of it is here: then
 * the connection lives on. Who is turned away for load and had to shake hands again would be more
 * of it. */
static void pass_body(struct bridge_exchange *exchange)
{
	struct http_request *http = &exchange->api.http;
	size_t here = http_request_has_body(http) ? exchange->in.len - exchange->in_at : 0, used;

	http_request_set_body(http, exchange->body);
	if (http_request_feed(http, bytes_of(exchange->in.data + exchange->in_at, here), &used) ==
	    HTTP_PROGRESS_COMPLETE)
		exchange->in_at += used;
}

/* take_headers decides by the headers alone; false when a response begins or the connection is
 * gone. */
static bool take_headers(struct bridge *bridge, struct bridge_conn *conn,
                         struct bridge_exchange *exchange)
{
	struct api_exchange *api = &exchange->api;
	bool large = false;
	enum call_result result = api_route(api, &bridge->api, (enum api_door)conn->door, &large);

	bridge_assign(bridge, exchange);
	if (result == CALL_RESULT_DONE && conn->door == API_DOOR_CLIENTS &&
	    !bridge_may_hold(bridge, exchange))
		result = CALL_RESULT_SHARE_SPENT;
	if (result == CALL_RESULT_DONE && large && !bridge_grow(bridge, exchange))
		result = CALL_RESULT_OVERLOADED;
	if (result != CALL_RESULT_DONE) {
		pass_body(exchange);
		refuse(bridge, conn, exchange, result);
		return false;
	}
	http_request_set_body(&api->http,
	                      large ? bridge->large_body[exchange->large] : exchange->body);
	api->http.body.cap -= API_JSON_PADDING;
	set_deadline(bridge, conn, large ? BRIDGE_LARGE_BODY_MS : BRIDGE_BODY_MS);
	return answer_expect(bridge, conn, exchange);
}

/* ask_on puts the questions of a request, or a stream's next one. */
static void ask_on(struct bridge *bridge, struct bridge_conn *conn,
                   struct bridge_exchange *exchange)
{
	bridge_ask(bridge, exchange);
	if (exchange->api.ask != API_ASK_NOTHING) {
		conn->state = BRIDGE_WAIT;
		set_deadline(bridge, conn, BRIDGE_ANSWER_MS);
		return;
	}
	begin_write(bridge, conn, exchange);
}

void bridge_begin(struct bridge *bridge, struct bridge_conn *conn, struct bridge_exchange *exchange)
{
	struct api_exchange *api = &exchange->api;

	/* The padding behind the body belongs to the parser of its JSON. */
	api->http.body.cap += API_JSON_PADDING;
	api_begin(api, &bridge->api);
	if (api->ask == API_ASK_NOTHING)
		begin_write(bridge, conn, exchange);
	else
		ask_on(bridge, conn, exchange);
}

/* take_request begins what this process answers by itself; the rest waits for its turn. */
static void take_request(struct bridge *bridge, struct bridge_conn *conn,
                         struct bridge_exchange *exchange)
{
	enum call_result result;

	exchange->api.begun_us = bridge->now_us;
	if (!bridge_is_queued(bridge, exchange)) {
		bridge_begin(bridge, conn, exchange);
		return;
	}
	result = bridge_queue(bridge, exchange);
	if (result != CALL_RESULT_DONE) {
		refuse(bridge, conn, exchange, result);
		return;
	}
	conn->state = BRIDGE_WAIT;
	set_deadline(bridge, conn, BRIDGE_QUEUE_MS + BRIDGE_ANSWER_MS);
	bridge_dispatch(bridge);
}

/* parse reads on in the exchange's `in`; true when something happened, false when more bytes are
 * needed or the connection is gone. */
static bool parse(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange = bridge_exchange_of(bridge, conn);
	struct bytes in;
	size_t used;

	if (exchange == NULL || exchange->in_at == exchange->in.len)
		return false;
	in = bytes_of(exchange->in.data + exchange->in_at, exchange->in.len - exchange->in_at);
	exchange->fresh = false;
	switch (http_request_feed(&exchange->api.http, in, &used)) {
	case HTTP_PROGRESS_MORE:
		exchange->in_at += used;
		return false;
	case HTTP_PROGRESS_HEADERS:
		exchange->in_at += used;
		if (!take_headers(bridge, conn, exchange))
			return conn->state == BRIDGE_WRITE;
		if (http_request_has_body(&exchange->api.http))
			return true;
		in = bytes_of(exchange->in.data, 0);
		CHECK(http_request_feed(&exchange->api.http, in, &used) == HTTP_PROGRESS_COMPLETE);
		take_request(bridge, conn, exchange);
		return true;
	case HTTP_PROGRESS_COMPLETE:
		exchange->in_at += used;
		take_request(bridge, conn, exchange);
		return true;
	case HTTP_PROGRESS_BAD:
	default:
		api_refuse_http(&exchange->api, &bridge->api);
		begin_write(bridge, conn, exchange);
		return true;
	}
}

/* flush sends ciphertext that waits; false when the kernel takes no more, or all is over. */
static bool flush(struct bridge *bridge, struct bridge_conn *conn, struct bridge_exchange *exchange)
{
	while (exchange->pending_at < exchange->pending.len) {
		ssize_t put = send(conn->fd, exchange->pending.data + exchange->pending_at,
		                   exchange->pending.len - exchange->pending_at, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN) {
			conn->writable = false;
			return false;
		}
		if (put <= 0) {
			bridge_drop(bridge, conn);
			return false;
		}
		exchange->pending_at += (size_t)put;
		exchange->moved_ms = bridge_now_ms(bridge);
	}
	exchange->pending.len = exchange->pending_at = 0;
	return true;
}

/* next_piece is what of the response is still to be sent: its own bytes, then the static ones. */
static struct bytes next_piece(const struct bridge_exchange *exchange)
{
	struct bytes own = api_response(&exchange->api);
	size_t at = exchange->sent;

	if (at < own.len)
		return bytes_of(own.data + at, own.len - at);
	at -= own.len;
	if (at == exchange->api.extra.len)
		return bytes_of(NULL, 0);
	return bytes_of(exchange->api.extra.data + at, exchange->api.extra.len - at);
}

static bool encrypt_piece(struct bridge *bridge, struct bridge_conn *conn,
                          struct bridge_exchange *exchange, struct bytes piece)
{
	size_t used;

	if (is_plain(conn)) {
		used = piece.len < exchange->pending.cap ? piece.len : exchange->pending.cap;
		CHECK(buffer_put(&exchange->pending, bytes_of(piece.data, used)) == STATUS_OK);
	} else if (http_tls_write(&conn->tls, piece, &exchange->pending, &used) != HTTP_TLS_OPEN ||
	           used == 0) {
		bridge_drop(bridge, conn);
		return false;
	}
	exchange->sent += used;
	return true;
}

static void observe(struct bridge *bridge, const struct bridge_exchange *exchange)
{
	enum api_path path = exchange->api.path;

	if (path == API_PATH_SIGN || path == API_PATH_VAULT_SIGN || path == API_PATH_BATCH)
		api_metrics_observe(&bridge->api.metrics.sign_duration,
		                    (bridge->now_us - exchange->api.begun_us) * 1000);
}

/* end_response goes on to the connection's next request, or ends it. */
static void end_response(struct bridge *bridge, struct bridge_conn *conn,
                         struct bridge_exchange *exchange)
{
	if (exchange->api.stream.open && !exchange->api.stream.over) {
		conn->state = BRIDGE_STREAM;
		set_deadline(bridge, conn, exchange->api.stream.hungry ? 0 : BRIDGE_EVENTS_MS);
		return;
	}
	observe(bridge, exchange);
	if (exchange->api.keep_alive && !bridge->api.stopping) {
		conn->state = BRIDGE_READ;
		if (exchange->in_at == exchange->in.len) {
			bridge_give_back(bridge, conn);
			set_deadline(bridge, conn, BRIDGE_IDLE_MS);
		} else {
			bridge_renew(bridge, exchange);
			set_deadline(bridge, conn, BRIDGE_HEADERS_MS);
		}
		return;
	}
	bridge->handshake.len = 0;
	if (!is_plain(conn)) {
		http_tls_finish(&conn->tls, &bridge->handshake);
		(void)send_now(conn, buffer_bytes(&bridge->handshake));
	}
	begin_linger(bridge, conn);
}

/* write_on sends the response; true when it is all sent. Of a long one `*records` at a time, so
 * that others are served between. */
static bool write_on(struct bridge *bridge, struct bridge_conn *conn, unsigned *records)
{
	struct bridge_exchange *exchange = bridge_exchange_of(bridge, conn);

	for (;;) {
		struct bytes piece;

		if (!flush(bridge, conn, exchange))
			return false;
		piece = next_piece(exchange);
		if (piece.len == 0)
			break;
		if (*records == 0) {
			bridge_turn_later(bridge, conn);
			return false;
		}
		--*records;
		if (!encrypt_piece(bridge, conn, exchange, piece))
			return false;
	}
	end_response(bridge, conn, exchange);
	return true;
}

/* discard throws away what comes after a response that ends the connection: closing at once would
 * make the kernel reset it, and the client might never see why it was refused. */
static void discard(struct bridge *bridge, struct bridge_conn *conn)
{
	for (;;) {
		ssize_t got = recv(conn->fd, bridge->receive, BRIDGE_RECEIVE_BYTES, 0);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got > 0)
			conn->lingered += (uint32_t)got;
		if (got <= 0 || conn->lingered > BRIDGE_LINGER_BYTES) {
			bridge_drop(bridge, conn);
			return;
		}
	}
}

void bridge_advance(struct bridge *bridge, struct bridge_conn *conn)
{
	uint64_t id = conn->id;
	unsigned begun = 0, records = BRIDGE_TURN_RECORDS;

	if (conn->ready && !is_plain(conn))
		bridge->busy = true;
	while (conn->id == id) {
		/* Nobody keeps the others waiting by sending without end. */
		if (conn->state == BRIDGE_READ && begun++ == BRIDGE_TURN) {
			bridge_turn_later(bridge, conn);
			return;
		}
		switch ((enum bridge_state)conn->state) {
		case BRIDGE_READ:
			if (!parse(bridge, conn) && (conn->id != id || conn->state != BRIDGE_READ ||
			                             !receive(bridge, conn)))
				return;
			break;
		case BRIDGE_WRITE:
			if (!write_on(bridge, conn, &records))
				return;
			break;
		case BRIDGE_LINGER:
		case BRIDGE_STREAM:
			discard(bridge, conn);
			return;
		case BRIDGE_WAIT:
		case BRIDGE_FREE:
		default:
			return;
		}
	}
}

void bridge_event(struct bridge *bridge, struct bridge_conn *conn, uint32_t events)
{
	/* Whoever ends before the handshake is over must not wait for its turn in it. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0 || (!conn->ready && (events & EPOLLRDHUP) != 0)) {
		bridge->api.metrics.handshakes_failed += !conn->ready;
		bridge_drop(bridge, conn);
		return;
	}
	if ((events & EPOLLIN) != 0)
		conn->readable = true;
	if ((events & EPOLLRDHUP) != 0)
		conn->readable = conn->hung_up = true;
	if ((events & EPOLLOUT) != 0)
		conn->writable = true;
	if (conn->ready)
		bridge_advance(bridge, conn);
	else if (conn->readable)
		bridge_turn_later(bridge, conn);
}

/* tag_of is who connects: an address, or the half of it that names an IPv6 network. */
static uint64_t tag_of(const struct bridge *bridge, const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;
	struct bytes address =
	    bytes_of(&((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));

	if (peer->ss_family == AF_INET6)
		address = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)
		              ? bytes_of(&v6->sin6_addr.s6_addr[12], 4)
		              : bytes_of(&v6->sin6_addr, 8);
	return bridge_fair_tag(&bridge->known, address);
}

static bool open_conn(struct bridge *bridge, int fd, const struct sockaddr_storage *peer,
                      enum api_door door)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct bridge_conn *conn = bridge_take_conn(bridge, door, tag_of(bridge, peer));

	if (conn == NULL)
		return false;
	conn->fd = fd;
	conn->ready = is_plain(conn);
	bridge->api.metrics.handshakes_open += !conn->ready;
	conn->writable = true;
	set_deadline(bridge, conn, BRIDGE_HANDSHAKE_MS);
	event.data.u64 = conn->id;
	if (epoll_ctl(bridge->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		bridge_free_conn(bridge, conn);
		return false;
	}
	return true;
}

void bridge_accept(struct bridge *bridge, int listen_fd, enum api_door door)
{
	for (unsigned i = 0; i < BRIDGE_ACCEPTS; i++) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd = accept4(listen_fd, (struct sockaddr *)&peer, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		bridge->api.metrics.connections_total++;
		if (!open_conn(bridge, fd, &peer, door)) {
			bridge->api.metrics.connections_refused++;
			close(fd);
		}
	}
}

/* late acts on a passed deadline. */
static void late(struct bridge *bridge, struct bridge_conn *conn)
{
	struct bridge_exchange *exchange = bridge_exchange_of(bridge, conn);

	switch ((enum bridge_state)conn->state) {
	case BRIDGE_STREAM:
		ask_on(bridge, conn, exchange);
		bridge_advance(bridge, conn);
		return;
	case BRIDGE_WAIT:
		bridge->api.metrics.questions_lost++;
		if (exchange->api.ask != API_ASK_ENVELOPE && bridge_signer_is_silent(bridge))
			bridge->api.silent = true; /* /livez says no */
		bridge_forget(bridge, exchange);
		refuse(bridge, conn, exchange, CALL_RESULT_NO_ANSWER);
		bridge_advance(bridge, conn);
		return;
	case BRIDGE_READ:
		if (exchange != NULL && !exchange->fresh) {
			bridge->api.metrics.timeouts++;
			refuse(bridge, conn, exchange, CALL_RESULT_REQUEST_TIMEOUT);
			exchange->api.keep_alive = false;
			bridge_advance(bridge, conn);
			return;
		}
		break;
	case BRIDGE_WRITE:
		bridge->api.metrics.timeouts++;
		break;
	case BRIDGE_LINGER:
	case BRIDGE_FREE:
	default:
		break;
	}
	if (!conn->ready)
		bridge->api.metrics.handshakes_failed++;
	bridge_drop(bridge, conn);
}

void bridge_tick(struct bridge *bridge)
{
	uint64_t now_ms = bridge_now_ms(bridge);

	if (now_ms < bridge->tick_ms)
		return;
	bridge->tick_ms = now_ms + BRIDGE_TICK_MS;
	for (uint32_t i = 0; i < bridge->conn_high; i++) {
		struct bridge_conn *conn = &bridge->conns[i];

		if (conn->state == BRIDGE_FREE)
			continue;
		if (bridge->api.stopping && conn->state == BRIDGE_READ &&
		    conn->exchange == BRIDGE_NONE)
			bridge_drop(bridge, conn);
		else if (conn->turn.waits) /* for us: not its fault */
			conn->deadline_ms += BRIDGE_TICK_MS;
		else if (conn->deadline_ms <= now_ms ||
		         (bridge->api.stopping && conn->state == BRIDGE_STREAM))
			late(bridge, conn);
	}
}
