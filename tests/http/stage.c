/* stage: the real bridge, with a scripted signer and authority at the other ends of its rings.
 *
 *   stage DIRECTORY [name=value ...]   settings of topology.def for the bridge
 *
 * Started by tests/http/http_test.py and by people who want a bridge alone. Speaks call_sign,
 * call_export and call_change like the real ones; what it answers is decided by the wallet's name,
 * see answer_sign. Signatures are real ed25519 ones by a fixed key. Writes DIRECTORY/ca.pem, prints
 * one line of JSON when the bridge is ready, then obeys lines on standard input: "hold" (stop
 * reading the rings), "go", "lose" (end the authority's generation), "broken" (send what no answer
 * may look like), "crowd" (count what was asked), "stop". */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base_encode.h"
#include "base_sha256.h"
#include "call_change.h"
#include "call_channel.h"
#include "call_export.h"
#include "call_sign.h"
#include "ipc_wait.h"
#include "keys.h"
#include "keys_tls.h"
#include "supervisor.h"

#define REMEMBERED_MAX 4096

static struct supervisor supervisor;
static struct supervisor_child *bridge;
static struct supervisor_link *signer_link, *authority_link;
static struct ipc_channel signer, authority;
static struct ipc_waiter waiter;
static struct keys_sign_key wallet_key;
static uint8_t slot[CALL_CHANGE_SLOT_BYTES];
static bool held;
static int ended = -1; /* the bridge's status when it ended by itself */
static uint64_t asked, signed_count;

static struct {
	uint8_t idempotency[32], message[32];
} remembered[REMEMBERED_MAX];
static size_t remembered_count;

/* Answers that come later than their questions. */
static struct late {
	struct call_sign_answer answer;
	int64_t at_us;
} late_answers[64];
static size_t late_count;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "stage: %s\n", what);
	exit(1);
}

static void send_answer(const struct call_sign_answer *answer)
{
	struct buffer payload;

	/* As the signer does: an answer waits for room. */
	for (unsigned i = 0; ipc_reserve(&signer, &payload) != STATUS_OK; i++) {
		if (i == 20000)
			return;
		usleep(50);
	}
	must(call_sign_put_answer(answer, &payload) == STATUS_OK, "answer too large");
	ipc_commit(&signer, CALL_BRIDGE_SIGN_ANSWER, &payload);
}

static bool named(const struct call_sign_request *request, const char *name)
{
	return bytes_equal(request->wallet.name, bytes_of_text(name));
}

static void send_late(const struct call_sign_answer *answer, int64_t delay_us)
{
	must(late_count < sizeof(late_answers) / sizeof(late_answers[0]), "too many late answers");
	late_answers[late_count].answer = *answer;
	late_answers[late_count++].at_us = supervisor_now_us() + delay_us;
}

static void send_due(void)
{
	for (size_t i = 0; i < late_count;) {
		if (late_answers[i].at_us > supervisor_now_us()) {
			i++;
			continue;
		}
		send_answer(&late_answers[i].answer);
		late_answers[i] = late_answers[--late_count];
	}
}

/* One signature per idempotency hash, and the same bytes only (H11). */
static bool check_idempotency(const struct call_sign_request *request,
                              struct call_sign_answer *answer)
{
	uint8_t hash[32];

	if (!request->has_idempotency)
		return true;
	sha256_of(request->message, hash);
	for (size_t i = 0; i < remembered_count; i++) {
		if (memcmp(remembered[i].idempotency, request->idempotency, 32) != 0)
			continue;
		answer->repeated = true;
		if (memcmp(remembered[i].message, hash, 32) == 0)
			return true;
		answer->result = CALL_RESULT_IDEMPOTENCY_MISMATCH;
		return false;
	}
	must(remembered_count < REMEMBERED_MAX, "too many keys");
	memcpy(remembered[remembered_count].idempotency, request->idempotency, 32);
	memcpy(remembered[remembered_count++].message, hash, 32);
	return true;
}

static void fill_denial(struct call_sign_answer *answer)
{
	answer->result = CALL_RESULT_POLICY_DENIED;
	answer->reason_count = 2;
	memset(answer->reasons[0].grant, 0xa1, 32);
	answer->reasons[0].result = CALL_RESULT_POLICY_DENIED;
	answer->reasons[0].instruction = 2;
	answer->reasons[0].code = 17;
	answer->reasons[0].fuel = 4321;
	answer->reasons[0].text = bytes_of_text("recipient \"X\" is not allowed");
	memset(answer->reasons[1].grant, 0xa2, 32);
	answer->reasons[1].result = CALL_RESULT_CAP_EXCEEDED;
	answer->reasons[1].instruction = CALL_NO_INSTRUCTION;
	answer->reasons[1].text = bytes_of_text("1 lamport over the cap");
}

/* The largest answer that the format allows. */
static void fill_largest(struct call_sign_answer *answer)
{
	static char text[CALL_DESCRIPTION_MAX];

	memset(text, '"', sizeof(text));
	fill_denial(answer);
	answer->reason_count = CALL_REASONS_MAX;
	for (size_t i = 0; i < CALL_REASONS_MAX; i++) {
		answer->reasons[i] = answer->reasons[0];
		answer->reasons[i].text = bytes_of(text, CALL_REASON_TEXT_MAX);
	}
	answer->token_count = CALL_FACT_TOKENS_MAX;
	memset(answer->tokens, 0xff, sizeof(answer->tokens));
	answer->description = bytes_of(text, sizeof(text));
}

static void answer_sign(const struct call_sign_request *request)
{
	struct call_sign_answer answer = {
	    .request = request->request,
	    .result = CALL_RESULT_SIGNED,
	    .client_found = true,
	    .signer_count = named(request, "two-signers") ? 2 : 1,
	    .boot = 1,
	    .number = ++asked,
	    .check_ns = 4200,
	    .lamports_out = 5000,
	    .fee_lamports = 5000,
	};

	sha256_of(request->message, answer.message_hash);
	memset(answer.decision, 0xd0, 32);
	memcpy(answer.address, keys_sign_public(&wallet_key), 32);
	if (request->token.len >= 3 && memcmp(request->token.data, "bad", 3) == 0) {
		answer.result = CALL_RESULT_TOKEN_REFUSED;
		answer.client_found = false;
		memset(answer.decision, 0, 32);
	} else if (named(request, "deny") ||
	           (named(request, "deny-second") && request->batch_count > 1 &&
	            request->batch_index == 1)) {
		fill_denial(&answer);
	} else if (named(request, "deny-second") && request->batch_count > 1) {
		answer.result = CALL_RESULT_BATCH_ABORTED;
	} else if (named(request, "largest")) {
		fill_largest(&answer);
	} else if (named(request, "window")) {
		answer.result = CALL_RESULT_WINDOW_SPENT;
		answer.retry_after_ms = 2500;
	} else if (named(request, "frozen")) {
		answer.result = CALL_RESULT_WALLET_FROZEN;
	} else if (named(request, "unknown")) {
		answer.result = CALL_RESULT_NO_GRANT;
	} else if (named(request, "never")) {
		return;
	} else if (check_idempotency(request, &answer)) {
		if ((request->flags & CALL_SIGN_DRY_RUN) != 0)
			answer.result = CALL_RESULT_ALLOWED;
		else
			keys_sign(&wallet_key, request->message, answer.signature);
		signed_count += answer.result == CALL_RESULT_SIGNED && !answer.repeated;
	}
	if ((request->flags & CALL_SIGN_DESCRIBE) != 0 && answer.description.len == 0)
		answer.description = bytes_of_text("send \xe2\x97\x8e 1 to X");
	if (named(request, "slow"))
		send_late(&answer, 300000);
	else if (named(request, "shuffled"))
		send_late(&answer, 50000 - 1000 * (int64_t)(request->message.data[0]));
	else
		send_answer(&answer);
}

static void put_receipt(struct buffer *body, const char *text)
{
	uint8_t head[5] = {2}; /* an item of authz_bundle.h: a receipt */
	uint32_t len = (uint32_t)strlen(text);

	memcpy(head + 1, &len, sizeof(len));
	must(buffer_put(body, BYTES_OF_ARRAY(head)) == STATUS_OK, "body");
	must(buffer_put(body, bytes_of(text, len)) == STATUS_OK, "body");
}

/* A decision whose id begins with 255 is looked for for longer than anybody waits. */
static void answer_export(const struct call_export_request *request)
{
	static uint8_t space[CALL_EXPORT_BODY_MAX];
	struct buffer body = BUFFER_OF_ARRAY(space);
	struct call_export_answer answer = {
	    .request = request->request,
	    .result = CALL_RESULT_DONE,
	    .client_found = request->topic != CALL_EXPORT_STATUS,
	    .name = request->wallet.name,
	    .version = 3,
	    .grant_count = 1,
	    .status = {.unsealed = true, .boot = 1, .wallets = 2}
        };
	struct buffer payload;

	if (request->topic == CALL_EXPORT_DECISION && request->key[0] == 255)
		return;
	memset(answer.wallet_id, 0x11, 32);
	memcpy(answer.address, keys_sign_public(&wallet_key), 32);
	answer.grants[0].uses_left = UINT64_MAX;
	if (bytes_equal(request->wallet.name, bytes_of_text("unknown")))
		answer.result = CALL_RESULT_NOT_FOUND;
	if (request->topic == CALL_EXPORT_RECEIPTS) {
		put_receipt(&body, request->cursor == 0 ? "first" : "third");
		put_receipt(&body, request->cursor == 0 ? "second" : "fourth");
		answer.next_cursor = request->cursor == 0 ? 2 : 0;
	} else if (request->topic == CALL_EXPORT_DECISION) {
		must(buffer_put(&body, bytes_of(request->key, 32)) == STATUS_OK, "body");
	}
	answer.body = buffer_bytes(&body);
	if (ipc_reserve(&signer, &payload) != STATUS_OK)
		return;
	must(call_export_put_answer(&answer, &payload) == STATUS_OK, "answer");
	ipc_commit(&signer, CALL_BRIDGE_EXPORT_ANSWER, &payload);
}

static void take_signer(void)
{
	static struct call_sign_request request;
	struct call_export_request export_request;
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(slot)};
	enum status status;

	while ((status = ipc_take(&signer, &message)) == STATUS_OK) {
		struct bytes bytes = buffer_bytes(&message.payload);

		if (message.kind == CALL_BRIDGE_SIGN_REQUEST &&
		    call_sign_take_request(bytes, &request) == STATUS_OK)
			answer_sign(&request);
		else if (message.kind == CALL_BRIDGE_EXPORT_REQUEST &&
		         call_export_take_request(bytes, &export_request) == STATUS_OK)
			answer_export(&export_request);
		else
			must(false, "the bridge asked something malformed");
	}
	if (status == STATUS_CONFLICT)
		ipc_acknowledge(&signer);
}

/* The authority gives an envelope back with its bytes in reverse; one that begins with 0 it cannot
 * open; one that begins with 1 it never answers. */
static void take_authority(void)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(slot)};
	struct call_change_envelope head;
	struct call_change_envelope_answer answer = {0};
	struct buffer payload;
	enum status status;

	while ((status = ipc_take(&authority, &message)) == STATUS_OK) {
		size_t len = message.payload.len - sizeof(head);

		memcpy(&head, slot, sizeof(head));
		answer.connection = head.connection;
		answer.request = head.request;
		if (slot[sizeof(head)] == 1)
			continue;
		must(ipc_reserve(&authority, &payload) == STATUS_OK, "authority's ring");
		answer.status = slot[sizeof(head)] == 0 ? STATUS_CRYPTO : STATUS_OK;
		must(buffer_put(&payload, bytes_of(&answer, sizeof(answer))) == STATUS_OK, "room");
		if (answer.status != STATUS_OK) {
			must(buffer_put(&payload, bytes_of_text("cannot be opened")) == STATUS_OK,
			     "room");
			len = 0;
		}
		while (len-- > 0)
			must(buffer_put(&payload, bytes_of(slot + sizeof(head) + len, 1)) ==
			         STATUS_OK,
			     "room");
		ipc_commit(&authority, CALL_CHANGE_ENVELOPE_ANSWER, &payload);
	}
	if (status == STATUS_CONFLICT)
		ipc_acknowledge(&authority);
}

static void write_pem(const char *directory, struct bytes der)
{
	static char text[BASE64_LEN(KEYS_TLS_CERTIFICATE_MAX) + 1];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/ca.pem", directory);
	file = fopen(path, "w");
	must(file != NULL, "ca.pem");
	base64_encode(der, text);
	fprintf(file, "-----BEGIN CERTIFICATE-----\n");
	for (size_t at = 0; at < strlen(text); at += 64)
		fprintf(file, "%.64s\n", text + at);
	fprintf(file, "-----END CERTIFICATE-----\n");
	fclose(file);
}

static void hand_over_keys(const char *directory)
{
	static uint8_t space[KEYS_TLS_CERTIFICATE_MAX];
	struct buffer der = BUFFER_OF_ARRAY(space);
	struct keys_tls_key key = {.bytes = {1}};
	struct keys_tls_name names[] = {
	    {false,	                bytes_of_text("localhost")},
            { true, bytes_of("\x7f\x00\x00\x01",                         4)}
        };
	struct call_channel_start start = {.boot = 1, .tls_chain_count = 1};
	struct buffer payload;

	must(keys_tls_certify(&key, names, 2, 1700000000, 4000000000, &der) == STATUS_OK,
	     "certificate");
	write_pem(directory, buffer_bytes(&der));
	memcpy(start.tls_key, key.bytes, 32);
	memset(start.deployment, 0xde, 32);
	start.tls_chain[0] = buffer_bytes(&der);
	start.authority_certificate = bytes_of_text("authority certificate");
	must(ipc_reserve(&signer, &payload) == STATUS_OK, "ring");
	must(call_channel_put_start(&start, &payload) == STATUS_OK, "start");
	ipc_commit(&signer, CALL_BRIDGE_CHANNEL_START, &payload);
}

static void open_end(struct supervisor_link **ret_link, enum proc_channel_id id,
                     struct ipc_channel *channel)
{
	struct ipc_fds fds;

	for (size_t i = 0; i < supervisor.link_count; i++) {
		struct supervisor_link *link = &supervisor.links[i];

		if (link->id != id)
			continue;
		must(ipc_memory_lend(&link->memory, 1, &fds) == STATUS_OK, "lend");
		must(ipc_channel_open(channel, &link->memory.shape, &fds, 1) == STATUS_OK, "open");
		*ret_link = link;
		ipc_waiter_add(&waiter, channel);
	}
	must(*ret_link != NULL, "no such channel");
}

static void set_up(int count, char **args)
{
	ssize_t len;

	supervisor.ready_fd = -1;
	must(supervisor_configure(&supervisor, count, args) == STATUS_OK, "settings");
	len = readlink("/proc/self/exe", supervisor.folder, sizeof(supervisor.folder) - 16);
	must(len > 0, "own path");
	supervisor.folder[len] = 0;
	*strrchr(supervisor.folder, '/') = 0; /* build/tests -> build/bin */
	snprintf(strrchr(supervisor.folder, '/'), 8, "/bin");
	must(supervisor_make(&supervisor) == STATUS_OK, "channels");
	bridge = &supervisor.children[0];
	must(bridge->role == PROC_bridge, "the bridge is the first row of the topology");
	ipc_waiter_init(&waiter, 0);
	open_end(&signer_link, PROC_CHANNEL_bridge_signer, &signer);
	open_end(&authority_link, PROC_CHANNEL_bridge_authority, &authority);
}

static void send_broken(void)
{
	struct buffer payload;

	must(ipc_reserve(&signer, &payload) == STATUS_OK, "ring");
	must(buffer_put(&payload, bytes_of_text("no answer looks like this")) == STATUS_OK, "room");
	ipc_commit(&signer, CALL_BRIDGE_SIGN_ANSWER, &payload);
}

/* obey reads one command; false at the end. */
static bool obey(void)
{
	static char line[64];
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t len;

	if (poll(&in, 1, 0) == 0)
		return true;
	len = read(STDIN_FILENO, line, sizeof(line) - 1);
	if (len <= 0 || strncmp(line, "stop", 4) == 0)
		return false;
	line[len] = 0;
	held = strncmp(line, "hold", 4) == 0;
	if (strncmp(line, "broken", 6) == 0)
		send_broken();
	if (strncmp(line, "lose", 4) == 0) {
		/* As the supervisor does it: nobody is up again before both have begun anew. */
		for (int i = 0; i < 2; i++) {
			ipc_memory_raise(&authority_link->memory);
			ipc_acknowledge(&authority);
			while (!ipc_memory_is_acknowledged(&authority_link->memory, 0))
				usleep(1000);
		}
	}
	printf("{\"asked\":%llu,\"signed\":%llu,\"complaint\":%d}\n", (unsigned long long)asked,
	       (unsigned long long)signed_count,
	       (int)ipc_memory_complaint(&signer_link->memory, 0));
	fflush(stdout);
	return true;
}

static void serve(void)
{
	bool told = false;
	int64_t next_us = 0;

	for (;;) {
		if (!told && atomic_load(&bridge->report->phase) == PROC_PHASE_READY) {
			char address[64];

			told = base58_encode(bytes_of(keys_sign_public(&wallet_key), 32), address,
			                     sizeof(address)) == STATUS_OK;
			printf("{\"ready\":true,\"pid\":%d,\"address\":\"%s\"}\n", (int)bridge->pid,
			       address);
			fflush(stdout);
		}
		if (supervisor_now_us() >= next_us) {
			next_us = supervisor_now_us() + 10000;
			if (!obey() || waitpid(bridge->pid, &ended, WNOHANG) == bridge->pid)
				return;
		}
		if (held) {
			usleep(5000);
			continue;
		}
		send_due();
		take_signer();
		take_authority();
		(void)ipc_wait(&waiter, late_count != 0 ? 1000 : 10000);
	}
}

int main(int argc, char **argv)
{
	static const uint8_t seed[32] = {7};
	must(argc >= 2, "stage DIRECTORY [name=value ...]");
	keys_sign_from_seed(seed, &wallet_key);
	set_up(argc - 1, argv + 1);
	must(supervisor_spawn(&supervisor, bridge) == STATUS_OK, "spawn");
	hand_over_keys(argv[1]);
	serve();
	if (ended == -1) {
		kill(bridge->pid, SIGTERM);
		must(waitpid(bridge->pid, &ended, 0) == bridge->pid, "wait");
	}
	printf("{\"exit\":%d,\"signal\":%d}\n", WIFEXITED(ended) ? WEXITSTATUS(ended) : -1,
	       WIFSIGNALED(ended) ? WTERMSIG(ended) : 0);
	return 0;
}
