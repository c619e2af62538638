/* api: what the bridge's HTTP paths mean: from a request to calls, from their answers to a
 * response.
 *
 * Pure: no socket, ring, clock or allocation; the caller (bridge_*.c) brings bytes and time. One
 * struct api_exchange carries one request through:
 *   api_route      after the headers: which path, how large a body, or an early refusal;
 *   api_begin      after the body: the response is there (API_ASK_NOTHING), or questions are to be
 *                  put with api_fill_*;
 *   api_take_*     one answer; when all are there the response is complete;
 *   api_refuse     instead of any of these: the response says why not.
 * Two dialects share all of it: /api/v1 (problem documents, RFC 9457) and Vault's /v1. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef API_H
#define API_H

#include "api_json.h"
#include "api_metrics.h"
#include "api_text.h"
#include "attest_evidence.h"
#include "call_attest.h"
#include "call_change.h"
#include "call_channel.h"
#include "call_export.h"
#include "call_sign.h"
#include "call_unseal.h"
#include "http_request.h"
#include "http_response.h"
#include "log_line.h"
#include "solana_view.h"

#define API_DETAIL_MAX       160
#define API_OUT_MAX          32768 /* bytes of a small response, head included */
#define API_BODY_SPACE       (LIMIT_HTTP_BODY_MAX + API_JSON_PADDING)
#define API_LARGE_BODY_SPACE (LIMIT_HTTP_LARGE_BODY_MAX + API_JSON_PADDING)
#define API_LARGE_OUT_MAX    (LIMIT_HTTP_LARGE_BODY_MAX + API_OUT_MAX)
#define API_EVIDENCE_SPACE   (LIMIT_EVIDENCE_MAX + 4096)
#define API_EVENTS_QUIET_S   15 /* a stream says something at least so often */
#define API_ENVELOPE_MAX     (CALL_CHANGE_SLOT_BYTES - 64) /* bytes of a sealed change */

/* The listener that a request came by: what is offered there. */
enum api_door {
	API_DOOR_CLIENTS = 0, /* TLS */
	API_DOOR_HEALTH,      /* in clear: health, metrics, and what comes before there is a key */
	API_DOOR_OPERATORS,   /* TLS with a certificate of an operator's key: what clients have, and
	                         /api/v1/machine */
	API_DOOR_COUNT
};

enum api_dialect { API_DIALECT_NATIVE = 0, API_DIALECT_VAULT, API_DIALECT_PLAIN };

enum api_path {
	API_PATH_SIGN = 0,
	API_PATH_CHECK,
	API_PATH_BATCH,
	API_PATH_WALLET,
	API_PATH_EVENTS,
	API_PATH_CHANGES,
	API_PATH_CHANNEL,
	API_PATH_TLS_REQUEST,
	API_PATH_EVIDENCE,
	API_PATH_BEACON,
	API_PATH_BEACONS,
	API_PATH_BEACON_SET,
	API_PATH_ACTIVATE,
	API_PATH_FLOOR,
	API_PATH_UNSEAL,
	API_PATH_DECISION,
	API_PATH_RECEIPTS,
	API_PATH_STATUS,
	API_PATH_MACHINE,
	API_PATH_MACHINE_LOG,
	API_PATH_MACHINE_CONFIG,
	API_PATH_MACHINE_CERTIFICATE,
	API_PATH_OPENAPI,
	API_PATH_ECHO,
	API_PATH_PAGE,
	API_PATH_VAULT_SIGN,
	API_PATH_VAULT_KEY,
	API_PATH_VAULT_HEALTH,
	API_PATH_LIVE,
	API_PATH_READY,
	API_PATH_METRICS,
	API_PATH_COUNT
};

/* Whose answer a path waits for, in a turn of its own: api_route.c has the table. */
enum api_queue { API_QUEUE_NONE = 0, API_QUEUE_SIGNER, API_QUEUE_AUTHORITY };

enum api_ask {
	API_ASK_NOTHING = 0, /* the response is complete */
	API_ASK_SIGN,        /* item_count questions: api_fill_sign */
	API_ASK_EXPORT,      /* one: api_fill_export */
	API_ASK_ENVELOPE,    /* one: api_envelope */
	API_ASK_EVIDENCE,    /* one, with `nonces` */
	API_ASK_ACTIVATE,    /* one: credential and secret in context->envelope_space */
	API_ASK_FLOOR,       /* one: a step (or none) in context->envelope_space */
	API_ASK_CERTIFICATE, /* of the bridge itself: exchange->pem */
};

/* Something public that nobody knew before a certain time, and the evidence that was made over it.
 */
struct api_beacon {
	bool is_set;
	bool is_due; /* to be quoted with the next batch */
	uint8_t source[ATTEST_BEACON_MAX], value[ATTEST_BEACON_MAX]; /* UTF-8 */
	size_t source_len, value_len;
	uint8_t nonce[ATTEST_NONCE_LEN];
	struct bytes evidence; /* empty: none yet */
};

/* Beacons of before, as evidence over each value that this node was given, oldest first: for who
 * wants to know later what ran at a time. Bounded by bytes, in memory only: who wants to keep them
 * longer reads them. `bytes` is a ring in which an evidence lies in one piece. */
#define API_ARCHIVE_BYTES (16u << 20)
#define API_ARCHIVE_ROWS  1024u
#define API_ARCHIVE_SHOWN 64u /* rows of one answer */

struct api_archived {
	uint64_t at_s; /* wall clock of this node when it was quoted: a way to find it, no proof */
	uint8_t hash[32];  /* SHA-256 of the evidence */
	uint8_t chain[32]; /* SHA-256(chain of the one before || hash): what was shown once stays */
	size_t at, len;    /* in `bytes` */
	size_t source_len, value_len;
	uint8_t source[ATTEST_BEACON_MAX], value[ATTEST_BEACON_MAX];
};

struct api_archive {
	uint8_t *bytes;            /* API_ARCHIVE_BYTES */
	struct api_archived *rows; /* API_ARCHIVE_ROWS, a ring */
	size_t first, count;
	size_t next; /* where the next evidence goes */
};

/* api_archive_add keeps evidence over a beacon; the oldest give way. */
void api_archive_add(struct api_archive *archive, const struct api_beacon *beacon,
                     struct bytes evidence, uint64_t now_s);
/* api_archive_find is the newest one that was quoted at or before a time; NULL: none is kept. */
const struct api_archived *api_archive_find(const struct api_archive *archive, uint64_t at_s);
const struct api_archived *api_archive_nth(const struct api_archive *archive, size_t n);

/* The nonces under one quote. */
struct api_tree {
	const uint8_t (*nonces)[ATTEST_NONCE_LEN];
	const uint8_t (*nodes)[32];
	uint32_t count;
};

/* The latest lines that all processes logged, each with a number; the oldest go first. */
#define API_LOG_LINES 2048u
#define API_LOG_ONCE  256u /* in one answer */

struct api_log_line {
	uint16_t len;
	char text[LOG_LINE_MAX];
};

struct api_log {
	struct api_log_line *lines; /* API_LOG_LINES; that of number n is at n % API_LOG_LINES */
	uint64_t next;              /* number of the next one; the first is 1 */
};

/* api_log_put keeps one line, cut to fit; what is not printable becomes '?'. */
void api_log_put(struct api_log *log, struct bytes line);

/* Facts of this process that responses show; the bridge keeps them up to date. */
/* What the unsealer waits for before there is a key, and what somebody gave for it. */
struct api_unseal {
	bool is_asked, is_given; /* given: to be handed on */
	struct call_unseal_asks asks;
	struct call_unseal_gives gives;
};

struct api_context {
	bool has_channel; /* the signer has handed over keys: it is unsealed */
	bool stopping;
	bool silent; /* the signer let a question lie, and has said nothing since */
	bool echo;   /* the benchmark's /api/v1/echo is offered */
	uint8_t deployment[32];
	uint8_t deployment_key[32];
	uint8_t rp_id[CALL_CHANNEL_RP_ID_MAX]; /* of passkeys */
	size_t rp_id_len;
	uint64_t boot;
	bool hardware;       /* the TPM is no software */
	const char *machine; /* what the appliance found of its machine; "": not looked */
	uint8_t certificates[2][CALL_CHANNEL_CERT_MAX]; /* authority, signer */
	size_t certificate_lens[2];
	char tls_request[2048]; /* PEM: what a CA is asked to sign */
	size_t tls_request_len;
	uint64_t now_seconds; /* wall clock as the host says it; shown, never decided on */
	struct api_metrics metrics;
	struct json_pool pool;
	struct api_beacon beacon;
	struct api_archive archive;
	struct api_unseal unseal;
	struct api_log log;
	struct bytes site;       /* the signed site manifest; empty in workstation mode */
	uint64_t uptime_s;       /* of the machine */
	uint8_t *evidence_space; /* API_EVIDENCE_SPACE bytes */
	/* Scratch during one call. */
	uint8_t message_space[LIMIT_MESSAGE_MAX];
	uint8_t wire_space[LIMIT_MESSAGE_MAX + 1 + SOLANA_SIGNERS_MAX * SOLANA_SIGNATURE_LEN];
	uint8_t *envelope_space; /* API_ENVELOPE_MAX bytes */
	struct solana_view view;
};

/* One signature that is asked for. Texts borrow from the exchange's body. */
struct api_item {
	struct call_wallet wallet;
	struct bytes bytes_text; /* base64 */
	uint8_t constraint;      /* enum call_constraint */
	bool has_grant;
	bool wants_wire;
	uint32_t flags; /* CALL_SIGN_* */
	uint8_t grant[32];
	bool has_nonce_origin;
	uint8_t nonce_origin[32]; /* the blockhash of which the nonce is made */
	struct json_value hints;  /* an array, or not there; valid during the pass of api_begin */
	struct bytes reference;   /* Vault's batch items: given back as it came */
	/* where its answer lies in `out` until all are there */
	size_t answer_at;
	size_t answer_len;
	unsigned answer_status;
	bool answered;
	bool token_refused;
};

/* A stream of events: what was told, so that only news is told. */
struct api_stream {
	bool open; /* its head was sent */
	bool over;
	bool told, frozen;
	bool hungry; /* the answer was full: ask again at once */
	uint64_t version, told_s;
};

struct api_exchange;

/* All that is known of a path. */
struct api_route {
	const char *text;
	enum api_path path;
	enum api_dialect dialect;
	unsigned takes; /* methods, body, door: TAKES_* of api_route.c */
	void (*begin)(struct api_exchange *exchange, struct api_context *context);
	enum api_queue queue;
	uint8_t topic; /* enum call_export_topic, where that is what is asked; else 0 */
};

struct api_exchange {
	struct http_request http;
	const struct api_route *route; /* NULL: none was found, or not yet */
	enum api_path path;
	enum api_dialect dialect;
	bool is_large; /* body and out are of the large size */
	bool atomic;
	bool batch;
	unsigned partial_status; /* Vault's batch: status when only some failed */
	enum api_ask ask;
	struct buffer out;  /* response; head and body */
	size_t response_at; /* where it begins in out */
	struct bytes extra; /* static bytes that follow `out` */
	enum call_result result;
	unsigned status;
	bool keep_alive;
	uint64_t begun_us; /* the caller's clock; for metrics */
	struct bytes token;
	struct call_wallet wallet;
	uint8_t key[32];
	bool inputs; /* of receipts: the replay inputs instead */
	uint64_t cursor;
	struct bytes envelope_text;
	struct bytes nonces; /* of a question for evidence: 32 bytes each */
	size_t credential_len, encrypted_len, step_len;
	struct bytes pem; /* of API_ASK_CERTIFICATE */
	struct api_stream stream;
	bool has_idempotency;
	size_t item_count;
	size_t answered_count;
	struct api_item items[CALL_BATCH_MAX];
	char detail[API_DETAIL_MAX];
};

/* api_reset prepares an exchange for a new request; `out` is the response's space. */
void api_reset(struct api_exchange *exchange);

/* api_route finds the path of a request whose headers are read. DONE: *ret_large says which size of
 * body and response space it needs. Anything else: refuse with it. */
enum call_result api_route(struct api_exchange *exchange, const struct api_context *context,
                           enum api_door door, bool *ret_large);

/* api_begin reads the whole request and says what to ask; exchange->ask. */
void api_begin(struct api_exchange *exchange, struct api_context *context);

/* api_fill_sign writes the question of item `index` (api_begin has checked its form); borrows from
 * context and exchange until the next call. DONE, or the result that the item ends with. */
enum call_result api_fill_sign(struct api_exchange *exchange, struct api_context *context,
                               size_t index, struct call_sign_request *ret_request);
void api_fill_export(const struct api_exchange *exchange, struct call_export_request *ret_request);
/* api_envelope decodes the sealed change into context->envelope_space. */
enum call_result api_envelope(const struct api_exchange *exchange, struct api_context *context,
                              struct bytes *ret_envelope);

/* api_take_sign takes item `index`'s answer; true when that was the last one and the response is
 * complete. `detail` says more about a refusal of our own; NULL for the signer's answers. */
bool api_take_sign(struct api_exchange *exchange, struct api_context *context, size_t index,
                   const struct call_sign_answer *answer, const char *detail);
void api_take_export(struct api_exchange *exchange, struct api_context *context,
                     const struct call_export_answer *answer);
void api_take_envelope(struct api_exchange *exchange, struct api_context *context,
                       struct bytes envelope);
/* api_refuse_envelope answers for an envelope that the authority could not open; `text` says why.
 */
void api_refuse_envelope(struct api_exchange *exchange, struct api_context *context,
                         uint32_t status, struct bytes text);

/* api_evidence_len bounds the response that api_take_evidence makes of evidence of that length. */
size_t api_evidence_len(const struct api_exchange *exchange, size_t evidence_len);
/* api_take_evidence answers with evidence (without a proof) and the proofs of this question's
 * nonces, which begin at leaf `first`. */
void api_take_evidence(struct api_exchange *exchange, struct api_context *context,
                       const struct attest_evidence *evidence, const struct api_tree *tree,
                       uint32_t first);
void api_take_secret(struct api_exchange *exchange, struct api_context *context,
                     struct bytes secret);
void api_take_floors(struct api_exchange *exchange, struct api_context *context,
                     const struct call_attest_floors *floors);
/* api_refuse_floor says why a step was not taken. */
void api_refuse_floor(struct api_exchange *exchange, struct api_context *context, uint32_t status);
/* api_take_certificate answers that a CA's certificate is in use. */
void api_take_certificate(struct api_exchange *exchange, struct api_context *context);
/* api_refuse_attest says why the attestor gave nothing. */
void api_refuse_attest(struct api_exchange *exchange, struct api_context *context, uint32_t status);

/* api_refuse makes the whole response a refusal. `detail` may be NULL. */
void api_refuse(struct api_exchange *exchange, struct api_context *context, enum call_result result,
                const char *detail);

/* api_refuse_http refuses what http_request_feed found bad; the connection ends after it. */
void api_refuse_http(struct api_exchange *exchange, struct api_context *context);

/* api_response returns the complete response's own bytes; exchange->extra follows it. */
struct bytes api_response(const struct api_exchange *exchange);

/* api_overload is the ready-made answer for a request that nobody has room to read. */
struct bytes api_overload(void);

#endif
