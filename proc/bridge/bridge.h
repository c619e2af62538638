/* bridge: state of the one process that has the network. bridge.c says what it may do.
 *
 * Everything is allocated in phase 1 and reused: connections are small slots, and only a
 * connection in the middle of a request borrows an exchange, which has its buffers. libssl alone
 * allocates later, a few KB per open connection. One thread; nothing here blocks but the wait. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BRIDGE_H
#define BRIDGE_H

#include "api.h"
#include "bridge_fair.h"
#include "http_tls.h"
#include "proc_start.h"
#include "site.h"

#define BRIDGE_NONE UINT32_MAX

#define BRIDGE_RECEIVE_BYTES   16384 /* read from a socket at once */
/* Plaintext of one receive: that much, and one record that was incomplete before. */
#define BRIDGE_PLAIN_BYTES     (BRIDGE_RECEIVE_BYTES + HTTP_TLS_RECORD)
#define BRIDGE_CIPHER_BYTES    (HTTP_TLS_RECORD + HTTP_TLS_OVERHEAD)
#define BRIDGE_EVENTS          256
#define BRIDGE_EXCHANGES_MAX   BRIDGE_FAIR_MAX /* requests being read or answered at once */
#define BRIDGE_LARGE_MAX       64 /* of them with a body or response of the large size */
#define BRIDGE_DESCRIPTORS     64 /* for what is no connection */
/* Connections of the other doors, beside those that clients may have. */
#define BRIDGE_CONNS_HEALTH    32u
#define BRIDGE_CONNS_OPERATORS 128u

/* Limits of time, in milliseconds (N2: slowloris). */
#define BRIDGE_HANDSHAKE_MS  5000
#define BRIDGE_HEADERS_MS    5000  /* from a request's first byte to the end of its headers */
#define BRIDGE_BODY_MS       10000 /* from there to the end of its body */
#define BRIDGE_LARGE_BODY_MS 30000
#define BRIDGE_IDLE_MS       120000 /* between two requests */
#define BRIDGE_WRITE_MS      10000  /* for a response to be taken */
#define BRIDGE_ANSWER_MS     5000   /* for the signer; also for the authority */
#define BRIDGE_LINGER_MS     1000   /* reading on after a refusal, so that it arrives */
#define BRIDGE_STALL_MS      200 /* signer silent that long with questions open: refuse new ones */
#define BRIDGE_STEAL_MS                                                                            \
	250 /* a request being read that long, or a response not taken, may lose its exchange */
#define BRIDGE_QUEUE_MS      100 /* a request that waits longer for its turn is refused at once */
#define BRIDGE_STOP_MS       5000
#define BRIDGE_EVENTS_MS     500    /* between two questions of a stream of events */
#define BRIDGE_STREAM_MS     600000 /* then it ends, and the client comes back with its cursor */
#define BRIDGE_STREAMS_MAX   64
#define BRIDGE_STREAMS_EACH  4 /* with one token */
#define BRIDGE_TICK_MS       100
#define BRIDGE_BEACON_MS     60000  /* between two quotes of the public beacon */
#define BRIDGE_ACTIVATE_MS   2000   /* between two activations, at least */
#define BRIDGE_FLOORS_MS     2000   /* one reading of the floors serves all for so long */
#define BRIDGE_ACTIVATE_REST 4      /* and so many times as long as one takes the TPM is others' */
#define BRIDGE_BATCH_MAX     16384u /* nonces under one quote */
#define BRIDGE_LINGER_BYTES  1048576

/* Shares (U5, A25, N2). */
#define BRIDGE_OPEN_EACH        64u  /* questions of one client with the signer */
#define BRIDGE_OPEN_EACH_CHANGE 6u   /* of one address with the authority, whose ring has 8 */
#define BRIDGE_WAITING_EACH     256u /* requests of one client that wait for their turn */
#define BRIDGE_ACCEPTS          64u  /* in one pass */
#define BRIDGE_TURN             4u   /* requests of one connection in one turn */
#define BRIDGE_TURN_RECORDS     2u   /* records of responses in one turn */
#define BRIDGE_TURN_QUEUES      64u  /* of those that wait for a turn, by address */
#define BRIDGE_LATERS           64u  /* further turns in one pass */
#define BRIDGE_SHAKES           8u   /* steps of handshakes in one pass, about 0.1 ms each */
#define BRIDGE_SHAKE_BURST_US   10000
#define BRIDGE_SOCKET_BYTES     65536 /* of the kernel's buffers, each way, of a connection */
#define BRIDGE_LOG_BYTES        8192  /* read at once from the pipe of log lines */

enum bridge_state {
	BRIDGE_FREE = 0,
	BRIDGE_READ,   /* handshake, between requests, or reading one */
	BRIDGE_WAIT,   /* asked; the answer is to come */
	BRIDGE_WRITE,  /* sending a response */
	BRIDGE_STREAM, /* of events: until it is time to ask for more */
	BRIDGE_LINGER, /* response sent, throwing away what still comes */
};

struct bridge_conn {
	uint64_t id; /* never reused: slot and a running number */
	uint64_t deadline_ms;
	struct http_tls_session tls; /* ssl NULL: plain, on the health listener */
	int fd;
	uint32_t exchange;     /* BRIDGE_NONE: none borrowed */
	uint32_t newer, older; /* list of connections without an exchange */
	struct bridge_turn {
		uint32_t newer, older;
		bool waits;
		bool shakes; /* with the handshakes */
		bool begun;  /* with those that were begun */
	} turn;
	uint64_t address;  /* tag of the peer's: IPv4, or the first half of IPv6 */
	uint32_t lingered; /* bytes thrown away */
	uint8_t state;     /* enum bridge_state */
	uint8_t door;      /* enum api_door */
	bool ready;        /* handshake done */
	bool readable;
	bool writable;
	bool hung_up; /* the peer has sent its last byte */
	bool proven;  /* the signer took the token of a request on it, or it is an operator's */
};

struct bridge_exchange {
	struct api_exchange api;
	uint32_t batch_at;   /* first leaf in the batch under way, or none (bridge_evidence.c) */
	uint32_t generation; /* tells late answers from those of this request */
	uint32_t conn;       /* index */
	uint32_t large;      /* large slot, or BRIDGE_NONE */
	uint32_t bucket;     /* whose share it counts in */
	uint64_t token;      /* tag of the request's token; 0: none */
	bool fresh;          /* no byte of the next request was read yet */
	uint64_t begun_ms;
	uint64_t moved_ms;     /* the response was begun, or some of it taken */
	struct buffer in;      /* plaintext that was read */
	size_t in_at;          /* of which this much was used */
	struct buffer pending; /* ciphertext to be sent */
	size_t pending_at;
	size_t sent;             /* of response and extra */
	struct buffer body, out; /* the small ones */
};

/* One batch of questions for evidence. */
struct bridge_evidence {
	bool asked;         /* the attestor has the batch's root */
	bool has_beacon;    /* leaf 0 is the beacon's */
	uint64_t request;   /* number of the batch */
	uint64_t beacon_us; /* next time that the beacon is quoted */
	bool activating;    /* the attestor has an activation */
	uint64_t activate_began_us, activate_after_us;
	struct api_beacon beacon; /* as it was when the batch was made */
	struct api_tree tree;     /* over the two arrays below */
	uint8_t (*nonces)[ATTEST_NONCE_LEN];
	uint8_t (*nodes)[32];
	uint8_t *slot;         /* one message of the attestor's ring */
	uint8_t *beacon_bytes; /* API_EVIDENCE_SPACE: evidence over the beacon */
};

/* Where the floors stand, as the TPM said it last. */
struct bridge_floors {
	bool is_reading;           /* the attestor was asked ... */
	uint64_t number, asked_us; /* ... so, and then */
	bool is_known;
	uint64_t at_us; /* when `last` was asked for */
	struct call_attest_floors last;
};

struct bridge_list {
	uint32_t oldest, newest;
};

/* Connections that wait for a turn, by address. */
struct bridge_turns {
	struct bridge_list queues[BRIDGE_TURN_QUEUES];
	uint32_t count, next;
};

/* What one door has for itself, so that a crowd at another cannot keep anybody out of it (R2). */
struct bridge_door {
	uint32_t conns, conns_max;
	uint32_t exchanges_left, large_left; /* what it must leave to other doors */
	unsigned shake_percent; /* of this process's time, for handshakes beside other work */
	int64_t shake_credit_us;
	struct bridge_list idle[2]; /* connections without an exchange: strangers', proven ones */
	struct bridge_turns later;  /* connections with more to do */
	struct bridge_turns shakes[2]; /* handshakes: to be begun, begun */
	bool begun_last;               /* of the handshakes a begun one had the last turn */
};

struct bridge {
	struct proc *proc;
	struct ipc_channel *signer, *authority, *attestor, *unsealer;
	int epoll_fd;
	int listen_fd, health_fd;
	int operator_fd; /* -1: operators have no door of their own */
	int log_fd;      /* all log lines, to be read; 0: none */
	struct http_tls_keys operator_keys;
	uint8_t operators[SITE_OPERATORS_MAX][32];
	struct http_tls *operator_tls;
	int certificate_fd; /* a CA's chain; -1: none is offered */
	bool listening;
	struct http_tls *tls;
	uint8_t chain[CALL_TLS_PEM_MAX]; /* that the signer keeps for us, PEM */
	size_t chain_len;
	const char *chain_refused; /* why it was, as logged last; NULL: it was not */
	bool has_chain;            /* tls shows a CA's chain, not the signer's own certificate */
	struct api_context api;
	uint64_t now_us;
	uint64_t tick_ms;  /* next look at deadlines */
	uint64_t heard_us; /* last answer of the signer, or first question since */
	uint64_t noted_us, noted_overloads, noted_lost; /* what was logged last */
	uint64_t next_conn;                             /* running number of connections */
	uint32_t signer_open;                           /* questions without answer */
	uint32_t sign_open; /* of them, to sign: exports read from the disk and take long */
	bool later; /* since the last question to the signer: an answer is not about to come */
	uint32_t authority_open;
	uint32_t attestor_open;
	struct bridge_evidence *evidence;
	struct bridge_floors floors;
	struct bridge_door doors[API_DOOR_COUNT];
	uint32_t conn_high;
	struct bridge_conn *conns;
	uint32_t *free_conns;
	uint32_t free_conn_count;
	struct bridge_fair_known known;
	struct bridge_fair to_signer, to_authority; /* what waits to be asked */
	uint32_t held[BRIDGE_FAIR_BUCKETS], held_large[BRIDGE_FAIR_BUCKETS]; /* exchanges */
	bool dispatching;
	uint64_t credited_us;
	bool busy; /* in this pass there was work besides handshakes */
	struct bridge_exchange *exchanges;
	uint32_t *free_exchanges;
	uint32_t free_exchange_count;
	struct buffer large_body[BRIDGE_LARGE_MAX], large_out[BRIDGE_LARGE_MAX];
	uint32_t free_large[BRIDGE_LARGE_MAX];
	uint32_t free_large_count;
	uint8_t *receive;   /* BRIDGE_RECEIVE_BYTES */
	uint8_t *log_bytes; /* BRIDGE_LOG_BYTES: a line that has not all come stands at its start */
	size_t log_len;
	struct buffer plain;     /* BRIDGE_PLAIN_BYTES: what a connection without exchange sent */
	struct buffer handshake; /* BRIDGE_CIPHER_BYTES */
	uint8_t *signer_slot;    /* one message of the signer's ring */
	uint8_t *authority_slot;
	struct call_sign_request sign_request;
	struct call_sign_answer sign_answer;
	struct call_export_answer export_answer;
};

static inline uint64_t bridge_now_ms(const struct bridge *bridge)
{
	return bridge->now_us / 1000;
}

/* bridge_is_asking: somebody waits for another process. */
static inline bool bridge_is_asking(const struct bridge *bridge)
{
	return bridge->signer_open + bridge->authority_open + bridge->attestor_open != 0;
}

/* bridge_replace_tls shows other certificates from now on; open connections keep what they need. */
void bridge_replace_tls(struct bridge *bridge, struct http_tls *tls);

/* bridge_machine.c: who the operators are (phase 1), and the log lines that have come. */
MUST_USE enum status bridge_open_operators(struct bridge *bridge);
void bridge_read_log(struct bridge *bridge);
/* bridge_wants_chain: the site names a CA, so an operator is to put a certificate of it here. */
bool bridge_wants_chain(const struct bridge *bridge);
/* bridge_show_chain judges a chain and shows it from now on, if the site lets us: false, and a
 * line in the log, unless the last one gave the same reason. bridge_use_chain is that for the one
 * that the signer keeps. */
bool bridge_show_chain(struct bridge *bridge, struct bytes pem);
void bridge_use_chain(struct bridge *bridge);
/* bridge_take_certificate puts the certificate of an operator's request into use, or refuses it. */
void bridge_take_certificate(struct bridge *bridge, struct bridge_exchange *exchange);

/* bridge_memory.c: allocates everything; STATUS_BUSY when there is not enough. `conn_max`:
 * connections of clients. */
MUST_USE enum status bridge_allocate(struct bridge *bridge, uint32_t conn_max);
/* bridge_take_conn lends a free slot of a door to whoever comes from this address, evicting the
 * door's longest idle connection when it has none left; NULL when all are busy. */
struct bridge_conn *bridge_take_conn(struct bridge *bridge, enum api_door door, uint64_t address);
void bridge_free_conn(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_borrow gives a connection its exchange, for which a slow one at its door may be closed (an
 * operator's is given anybody's); false when there is none to be had. */
bool bridge_borrow(struct bridge *bridge, struct bridge_conn *conn);
void bridge_give_back(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_prove: the connection is no stranger's, so it is closed for room after all of theirs. */
void bridge_prove(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_grow gives an exchange the large buffers; false when all are lent, or its bucket's share.
 */
bool bridge_grow(struct bridge *bridge, struct bridge_exchange *exchange);
/* bridge_renew prepares an exchange for the connection's next request. */
void bridge_renew(struct bridge *bridge, struct bridge_exchange *exchange);
struct bridge_exchange *bridge_exchange_of(struct bridge *bridge, const struct bridge_conn *conn);
/* bridge_may_hold: whether the exchange's bucket has no more than its share of those there are; a
 * slow one of the same bucket makes room for it. */
bool bridge_may_hold(struct bridge *bridge, const struct bridge_exchange *exchange);
/* bridge_assign counts an exchange to the bucket of its request's token, once that is read. */
void bridge_assign(struct bridge *bridge, struct bridge_exchange *exchange);

/* bridge_turn.c: work that waits for its turn. */
void bridge_turn_init(struct bridge_turns *turns);
/* bridge_turn_later puts a connection that has more to do behind the others. */
void bridge_turn_later(struct bridge *bridge, struct bridge_conn *conn);
void bridge_turn_forget(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_take_turns does what its bounds allow; true when there was something. */
bool bridge_take_turns(struct bridge *bridge);
bool bridge_has_turns(const struct bridge *bridge);

/* bridge_tls.c: key and certificates. */
/* bridge_open_certificate (phase 1) opens the file that the setting tls_certificate names. */
MUST_USE enum status bridge_open_certificate(struct bridge *bridge);
/* bridge_use_key takes over what the signer handed over, and the CA's chain where there is one. */
MUST_USE enum status bridge_use_key(struct bridge *bridge, const struct call_channel_start *start);
/* bridge_load_certificate reads the chain again; what is not for our key is refused and logged. */
void bridge_load_certificate(struct bridge *bridge);

/* bridge_conn.c: one connection. */
void bridge_accept(struct bridge *bridge, int listen_fd, enum api_door door);
void bridge_advance(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_begin reads a request whose turn has come and puts its questions. */
void bridge_begin(struct bridge *bridge, struct bridge_conn *conn,
                  struct bridge_exchange *exchange);
void bridge_event(struct bridge *bridge, struct bridge_conn *conn, uint32_t events);
void bridge_drop(struct bridge *bridge, struct bridge_conn *conn);
/* bridge_tick closes what is too slow; called every BRIDGE_TICK_MS. */
void bridge_tick(struct bridge *bridge);

/* bridge_ask.c: questions to signer, authority and attestor. */
/* bridge_is_queued: whether a request of this path waits for its turn with signer or authority. */
bool bridge_is_queued(struct bridge *bridge, const struct bridge_exchange *exchange);
/* bridge_queue lets a whole request wait for it; DONE, or what it is refused with at once. */
enum call_result bridge_queue(struct bridge *bridge, struct bridge_exchange *exchange);
/* bridge_dispatch begins what waits while there is room, and refuses what has waited too long. */
void bridge_dispatch(struct bridge *bridge);
/* bridge_ask puts the questions of a request that api_begin has read; the response may be complete
 * afterwards (a refusal). */
void bridge_ask(struct bridge *bridge, struct bridge_exchange *exchange);
/* bridge_hear takes every message that is there; true when there was one. */
bool bridge_hear(struct bridge *bridge);
/* bridge_signer_is_silent: a question has been open, and nothing heard, for as long as one may be.
 */
bool bridge_signer_is_silent(const struct bridge *bridge);
/* bridge_forget stops waiting for answers to this exchange. */
void bridge_forget(struct bridge *bridge, struct bridge_exchange *exchange);

/* bridge_find returns the exchange that waits for this answer; NULL when nobody does any more. */
struct bridge_exchange *bridge_find(struct bridge *bridge, uint64_t number, enum api_ask ask);
/* bridge_reply sends a response that an answer has completed. */
void bridge_reply(struct bridge *bridge, struct bridge_exchange *exchange);

/* bridge_evidence.c: questions to the attestor. */
void bridge_ask_evidence(struct bridge *bridge, struct bridge_exchange *exchange);
/* bridge_ask_activate: false when it cannot be asked now. */
bool bridge_ask_activate(struct bridge *bridge, struct bridge_exchange *exchange, uint64_t number);
/* bridge_ask_floor: the same; a step goes to the attestor, all others share a reading. */
bool bridge_ask_floor(struct bridge *bridge, struct bridge_exchange *exchange, uint64_t number);
/* bridge_pump_evidence sends what waits as the next batch, when none is under way. */
void bridge_pump_evidence(struct bridge *bridge);
/* bridge_pump_unseal carries what the unsealer asks people for, and what they give. */
void bridge_pump_unseal(struct bridge *bridge);
/* bridge_hear_attestor takes one answer; true when there was one. */
bool bridge_hear_attestor(struct bridge *bridge);

#endif
