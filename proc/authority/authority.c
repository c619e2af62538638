/* authority: opens what clients sealed, keeps nonces, passes requests on to the signer.
 * Talks to: bridge (envelopes), signer (requests). Opens: nothing after phase 1.
 * If it is taken over: changes are refused, delayed or read; it adds no power, for the signer
 * verifies every user's signature and every state itself (A4). If it dies: it is restarted with a
 * new channel key, and what was in flight is answered with an error.
 * What was opened does not stay behind: own memory is wiped at once, the slots for the signer as
 * soon as it has taken all that lies in them. Towards the bridge everything is sealed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authority_nonce.h"
#include "authz_answer.h"
#include "authz_ask.h"
#include "authz_change.h"
#include "authz_envelope.h"
#include "base_check.h"
#include "call_change.h"
#include "call_result.h"
#include "ipc_wait.h"
#include "log_line.h"
#include "proc_start.h"
#include "secret.h"

#include <time.h>

/* Requests that the signer has not answered: it answers each before ANSWER_LATE_MS. One address has
 * at most BRIDGE_OPEN_EACH_CHANGE of them with it, and most of those that wait for the TPM are 12
 * (SIGNER_GROUP_MAX): so many more are left for what others ask and change. */
#define PENDING_MAX    32
#define PENDING_URGENT 8 /* of these: for what takes power away, while all else is throttled */
#define WAIT_US        100000
#define ANSWER_LATE_MS 4900 /* before the bridge gives up its client */
#define SEND_TRIES     200
#define SEND_PAUSE_US  1000

/* One envelope whose request is with the signer. */
struct pending {
	bool used;
	uint64_t id; /* towards the signer */
	uint64_t connection, request;
	uint64_t asked_ms;
	struct keys_hpke_answer key; /* of the answer */
	bool has_nonce;
	uint8_t nonce[32]; /* that it used up */
};

/* Keys lie in a guarded page. */
struct secrets {
	struct keys_hpke_key channel;
	struct pending pending[PENDING_MAX];
};

struct authority {
	struct ipc_channel *bridge, *signer;
	struct secrets *secrets;
	bool named; /* the signer has told deployment and boot */
	bool greeted;
	uint8_t deployment[32];
	struct authority_nonces nonces;
	uint64_t next_id;
	bool told; /* opened requests lie in slots for the signer: to be wiped when it has them */
	struct ipc_message in;
	struct buffer plain, out, message;
	uint64_t now_ms;
};

static struct authority the_authority;

static uint64_t now_ms(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Makes room for something else: what lies there may be longer. */
static void wipe(struct buffer *buffer)
{
	secret_wipe(buffer->data, buffer->len);
	buffer->len = 0;
}

/* ---- answers to the bridge ---- */

static void send(struct authority *authority, const struct call_change_envelope_answer *head,
                 struct bytes sealed)
{
	wipe(&authority->message);
	if (buffer_put(&authority->message, bytes_of(head, sizeof(*head))) != STATUS_OK ||
	    buffer_put(&authority->message, sealed) != STATUS_OK)
		return;
	/* A bridge that is gone, or takes nothing for so long, loses the answer; the client asks
	 * again. */
	for (unsigned tries = 0; ipc_put(authority->bridge, CALL_CHANGE_ENVELOPE_ANSWER,
	                                 buffer_bytes(&authority->message)) == STATUS_BUSY &&
	                         tries < SEND_TRIES;
	     tries++)
		ipc_wait_room(SEND_PAUSE_US);
}

static void send_unopened(struct authority *authority, const struct call_change_envelope *to,
                          enum status status)
{
	struct call_change_envelope_answer head = {
	    .connection = to->connection, .request = to->request, .status = status};

	send(authority, &head, bytes_of(NULL, 0));
}

/* Seals (status, payload) for who sealed the request, and sends it. */
static void send_sealed(struct authority *authority, const struct pending *pending,
                        enum status status, struct bytes payload)
{
	struct call_change_envelope_answer head = {
	    .connection = pending->connection, .request = pending->request, .status = STATUS_OK};
	struct authz_envelope envelope = {.kind = status, .payload = payload};

	wipe(&authority->plain); /* the request */
	authority->out.len = 0;
	if (authz_answer_seal(&pending->key, &envelope, &authority->plain, &authority->out) !=
	    STATUS_OK)
		head.status = STATUS_TOO_LARGE;
	send(authority, &head, buffer_bytes(&authority->out));
	wipe(&authority->plain);
}

static void send_refusal(struct authority *authority, const struct pending *pending,
                         enum call_result result, const char *text)
{
	uint8_t space[512];
	struct buffer refusal = BUFFER_OF_ARRAY(space);

	CHECK(authz_refusal_put(bytes_of_text(call_result_code(result)), bytes_of_text(text),
	                        &refusal) == STATUS_OK);
	send_sealed(authority, pending, STATUS_REFUSED, buffer_bytes(&refusal));
}

/* ---- nonces ---- */

static void answer_nonce(struct authority *authority, const struct pending *pending)
{
	struct authz_nonce_answer answer = {.valid_s = AUTHORITY_NONCE_VALID_S};
	uint8_t space[64];
	struct buffer out = BUFFER_OF_ARRAY(space);

	authority_nonce_give(&authority->nonces, authority->now_ms, answer.nonce);
	CHECK(authz_nonce_answer_put(&answer, &out) == STATUS_OK);
	send_sealed(authority, pending, STATUS_OK, buffer_bytes(&out));
}

static enum call_result look_up(struct authority *authority, struct pending *pending,
                                const uint8_t nonce[32], bool use)
{
	if (!authority_nonce_fits(&authority->nonces, authority->now_ms, nonce, use))
		return CALL_RESULT_CONFLICT;
	pending->has_nonce = use;
	memcpy(pending->nonce, nonce, sizeof(pending->nonce));
	return CALL_RESULT_DONE;
}

/* Refused for load: nothing was begun, and the same signed bytes may be sent again. */
static void return_nonce(struct authority *authority, const struct pending *pending)
{
	if (pending->has_nonce)
		authority_nonce_return(&authority->nonces, pending->nonce);
}

/* A submitted change uses its nonce up, preparing does not. `*ret_reduces`: it is a change that can
 * only take power away. */
static enum call_result check_nonce(struct authority *authority, struct pending *pending,
                                    const struct authz_envelope *envelope, bool *ret_reduces)
{
	static struct authz_signed_change given;
	static struct authz_change change;
	bool submits = envelope->kind == CALL_CHANGE_SUBMIT;
	struct authz_session session;

	if (envelope->kind == CALL_CHANGE_SESSION) {
		if (authz_session_take(envelope->payload, &session) != STATUS_OK)
			return CALL_RESULT_REQUEST_MALFORMED;
		return look_up(authority, pending, session.nonce, true);
	}
	if (!submits && envelope->kind != CALL_CHANGE_PREPARE)
		return CALL_RESULT_DONE;
	if (authz_signed_change_take(envelope->payload, &given) != STATUS_OK ||
	    authz_change_take(given.change, &change) != STATUS_OK)
		return CALL_RESULT_REQUEST_MALFORMED;
	*ret_reduces = authz_action_reduces(change.action);
	return look_up(authority, pending, change.nonce, submits);
}

/* ---- requests ---- */

static struct pending *free_pending(struct authority *authority)
{
	for (size_t i = 0; i < PENDING_MAX; i++)
		if (!authority->secrets->pending[i].used)
			return &authority->secrets->pending[i];
	return NULL;
}

static size_t count_pending(const struct authority *authority)
{
	size_t count = 0;

	for (size_t i = 0; i < PENDING_MAX; i++)
		count += authority->secrets->pending[i].used;
	return count;
}

static void drop_pending(struct pending *pending)
{
	secret_wipe(pending, sizeof(*pending));
}

/* Passes a request to the signer; what is urgent waits a little for room in the ring. */
static bool pass_on(struct authority *authority, struct pending *pending,
                    const struct authz_envelope *envelope, bool urgent)
{
	struct call_change_request head = {.id = ++authority->next_id, .kind = envelope->kind};

	pending->id = head.id;
	pending->asked_ms = authority->now_ms;
	authority->message.len = 0;
	if (buffer_put(&authority->message, bytes_of(&head, sizeof(head))) != STATUS_OK ||
	    buffer_put(&authority->message, envelope->payload) != STATUS_OK)
		return false;
	for (unsigned tries = 0; tries < (urgent ? SEND_TRIES : 1u); tries++) {
		enum status status = ipc_put(authority->signer, CALL_CHANGE_REQUEST,
		                             buffer_bytes(&authority->message));

		authority->told |= status == STATUS_OK;
		if (status != STATUS_BUSY)
			return status == STATUS_OK;
		if (urgent)
			ipc_wait_room(SEND_PAUSE_US);
	}
	return false;
}

static void take_opened(struct authority *authority, struct pending *pending,
                        const struct authz_envelope *envelope)
{
	enum call_result result;
	bool urgent = envelope->kind == CALL_CHANGE_OPERATOR;

	if (envelope->kind == CALL_CHANGE_NONCE) {
		answer_nonce(authority, pending);
		return;
	}
	if (envelope->kind > CALL_CHANGE_UPDATE || envelope->kind == 0) {
		send_refusal(authority, pending, CALL_RESULT_UNSUPPORTED,
		             "this kind of request is not known here");
		return;
	}
	result = check_nonce(authority, pending, envelope, &urgent);
	if (result == CALL_RESULT_CONFLICT)
		send_refusal(authority, pending, result,
		             "the nonce is unknown, used or older than 120 s; prepare the change "
		             "anew");
	else if (result != CALL_RESULT_DONE)
		send_refusal(authority, pending, result, "not a well-formed change");
	else if ((!urgent && count_pending(authority) >= PENDING_MAX - PENDING_URGENT) ||
	         !pass_on(authority, pending, envelope, urgent)) {
		return_nonce(authority, pending);
		send_refusal(authority, pending, CALL_RESULT_OVERLOADED,
		             "too many changes at once; try again");
	} else {
		pending->used = true;
	}
}

static enum status take_envelope(struct authority *authority, struct bytes message)
{
	struct call_change_envelope head;
	struct pending *pending = free_pending(authority);
	struct authz_envelope envelope;
	enum status status;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	if (!authority->named || pending == NULL) {
		send_unopened(authority, &head, STATUS_BUSY);
		return STATUS_OK;
	}
	authority->plain.len = 0;
	status =
	    authz_envelope_open(authority->deployment, &authority->secrets->channel,
	                        bytes_of(message.data + sizeof(head), message.len - sizeof(head)),
	                        &authority->plain, &envelope, &pending->key);
	if (status != STATUS_OK) {
		send_unopened(authority, &head, STATUS_CRYPTO);
	} else {
		pending->connection = head.connection;
		pending->request = head.request;
		take_opened(authority, pending, &envelope);
	}
	if (!pending->used)
		drop_pending(pending);
	wipe(&authority->plain);
	wipe(&authority->message);
	return STATUS_OK;
}

static bool is_load(const struct call_change_answer *head, struct bytes payload)
{
	struct bytes code, text;

	return head->result == STATUS_REFUSED &&
	       authz_refusal_take(payload, &code, &text) == STATUS_OK &&
	       bytes_equal(code, bytes_of_text(call_result_code(CALL_RESULT_OVERLOADED)));
}

static enum status take_answer(struct authority *authority, struct bytes message)
{
	struct call_change_answer head;
	struct bytes payload;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	payload = bytes_of(message.data + sizeof(head), message.len - sizeof(head));
	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &authority->secrets->pending[i];

		if (!pending->used || pending->id != head.id)
			continue;
		if (is_load(&head, payload))
			return_nonce(authority, pending);
		send_sealed(authority, pending, (enum status)head.result, payload);
		drop_pending(pending);
	}
	/* New secrets of one-time codes and sessions come this way. */
	secret_wipe(authority->in.payload.data, authority->in.payload.len);
	return STATUS_OK;
}

static enum status take_channel(struct authority *authority, struct bytes message)
{
	struct call_change_channel head;

	if (message.len < sizeof(head))
		return STATUS_MALFORMED;
	memcpy(&head, message.data, sizeof(head));
	memcpy(authority->deployment, head.deployment, sizeof(authority->deployment));
	authority->named = true;
	return STATUS_OK;
}

/* ---- the loop ---- */

static void greet_signer(struct authority *authority)
{
	struct call_change_hello hello;

	memcpy(hello.key, authority->secrets->channel.public, sizeof(hello.key));
	authority->greeted = ipc_put(authority->signer, CALL_CHANGE_AUTHORITY_HELLO,
	                             bytes_of(&hello, sizeof(hello))) == STATUS_OK;
}

static void pump_signer(struct authority *authority)
{
	/* A session's secret, for one, comes with every question (READ). */
	if (authority->told && ipc_wipe(authority->signer))
		authority->told = false;
	for (;;) {
		enum status status = ipc_take(authority->signer, &authority->in);
		struct bytes message = buffer_bytes(&authority->in.payload);

		if (status == STATUS_CONFLICT) {
			ipc_acknowledge(authority->signer);
			authority->greeted = authority->named = false;
			continue;
		}
		if (status != STATUS_OK)
			return;
		if (authority->in.kind == CALL_CHANGE_ANSWER)
			status = take_answer(authority, message);
		else if (authority->in.kind == CALL_CHANGE_CHANNEL)
			status = take_channel(authority, message);
		else
			status = STATUS_MALFORMED;
		if (status != STATUS_OK)
			ipc_complain(authority->signer, IPC_COMPLAINT_BROKEN);
	}
}

static void pump_bridge(struct authority *authority)
{
	/* One at a time: opening takes long, and the signer's answers are not to pile up. */
	for (unsigned taken = 0; taken == 0;) {
		enum status status = ipc_take(authority->bridge, &authority->in);

		if (status == STATUS_CONFLICT) {
			/* Answers of what is pending go nowhere; the signer's work stands. */
			ipc_acknowledge(authority->bridge);
			for (size_t i = 0; i < PENDING_MAX; i++)
				drop_pending(&authority->secrets->pending[i]);
			continue;
		}
		if (status != STATUS_OK)
			return;
		if (authority->in.kind != CALL_CHANGE_ENVELOPE ||
		    take_envelope(authority, buffer_bytes(&authority->in.payload)) != STATUS_OK)
			ipc_complain(authority->bridge, IPC_COMPLAINT_BROKEN);
		taken++;
	}
}

static void end_late(struct authority *authority)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *pending = &authority->secrets->pending[i];

		if (!pending->used || authority->now_ms - pending->asked_ms < ANSWER_LATE_MS)
			continue;
		send_refusal(authority, pending, CALL_RESULT_NO_ANSWER,
		             "the signer did not answer in time; ask for the state before trying "
		             "again");
		drop_pending(pending);
	}
}

static int serve(struct proc *proc)
{
	struct authority *authority = &the_authority;
	bool reported = false;

	while (!proc_stopping()) {
		authority->now_ms = now_ms();
		pump_signer(authority);
		if (!authority->greeted)
			greet_signer(authority);
		pump_bridge(authority);
		end_late(authority);
		if (authority->named && !reported) {
			proc_report_ready(proc);
			reported = true;
		}
		ipc_wait(&proc->waiter, WAIT_US);
	}
	return 0;
}

static enum status open_authority(struct proc *proc)
{
	struct authority *authority = &the_authority;
	static struct secret_page page;

	keys_open();
	authority->bridge = proc_channel(proc, PROC_bridge, 0);
	authority->signer = proc_channel(proc, PROC_signer, 0);
	if (secret_page_open(sizeof(struct secrets), &page) != STATUS_OK) {
		log_event(LOG_ERROR, "start.memory_not_lockable");
		return STATUS_IO;
	}
	authority->secrets = (struct secrets *)page.data;
	keys_hpke_random(&authority->secrets->channel);
	authority->in.payload = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	authority->message = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	authority->plain = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	authority->out = proc_buffer(CALL_CHANGE_SLOT_BYTES);
	return STATUS_OK;
}

const struct proc_body proc_body = {.open = open_authority, .serve = serve};
