/* The real authority in its sandbox; the test is the bridge, the signer, and the client behind the
 * bridge: what becomes of nonces (H1), and of what was opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_ask.h"
#include "authz_change.h"
#include "authz_envelope.h"
#include "base_check.h"
#include "base_test.h"
#include "call_change.h"
#include "cbor_writer.h"
#include "keys.h"
#include "supervisor.h"

#define PATIENCE_US 60000000
#define PAUSE_US    1000

static struct supervisor supervisor;
static struct supervisor_child *child;
static struct supervisor_link *to_bridge, *to_signer;
static struct ipc_channel bridge, signer;
static uint8_t deployment[32], channel_key[32];
static uint8_t space[CALL_CHANGE_SLOT_BYTES], scratch_space[CALL_CHANGE_SLOT_BYTES],
    sealed_space[CALL_CHANGE_SLOT_BYTES], payload_space[CALL_CHANGE_SLOT_BYTES];
static struct ipc_message message = {.payload = BUFFER_OF_ARRAY(space)};

static struct supervisor_link *link_of(enum proc_channel_id id)
{
	for (size_t i = 0; i < supervisor.link_count; i++)
		if (supervisor.links[i].id == id)
			return &supervisor.links[i];
	CHECK(!"a channel of the topology");
	return NULL;
}

static void hold(struct supervisor_link *link, unsigned side, struct ipc_channel *end)
{
	struct ipc_fds fds;

	CHECK(ipc_memory_lend(&link->memory, side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(end, &link->memory.shape, &fds, side) == STATUS_OK);
}

static void await(struct ipc_channel *channel, uint32_t kind)
{
	int64_t deadline = supervisor_now_us() + PATIENCE_US;

	while (ipc_take(channel, &message) != STATUS_OK) {
		CHECK(supervisor_now_us() < deadline && waitpid(child->pid, NULL, WNOHANG) == 0);
		usleep(PAUSE_US);
	}
	CHECK(message.kind == kind);
}

/* Starts an authority on empty channels and tells it, as the signer, whose it is. */
static void start(void)
{
	struct call_change_channel told = {.boot = 1};
	struct call_change_hello hello;

	for (unsigned side = 0; side < 2; side++)
		CHECK(ipc_memory_reset_side(&to_bridge->memory, side) == STATUS_OK &&
		      ipc_memory_reset_side(&to_signer->memory, side) == STATUS_OK);
	hold(to_bridge, 0, &bridge);
	hold(to_signer, 1, &signer);
	CHECK(supervisor_spawn(&supervisor, child) == STATUS_OK);
	await(&signer, CALL_CHANGE_AUTHORITY_HELLO);
	CHECK(message.payload.len == sizeof(hello));
	memcpy(&hello, message.payload.data, sizeof(hello));
	memcpy(channel_key, hello.key, sizeof(channel_key));
	memcpy(told.deployment, deployment, sizeof(told.deployment));
	CHECK(ipc_put(&signer, CALL_CHANGE_CHANNEL, bytes_of(&told, sizeof(told))) == STATUS_OK);
	while (atomic_load(&child->report->phase) != PROC_PHASE_READY)
		usleep(PAUSE_US);
}

static void stop(void)
{
	kill(child->pid, SIGKILL);
	CHECK(waitpid(child->pid, NULL, 0) == child->pid);
	ipc_channel_close(&bridge);
	ipc_channel_close(&signer);
}

/* ---- the client ---- */

static struct keys_hpke_answer answer_key;
static struct authz_envelope answer;

static void send(uint32_t kind, struct bytes payload)
{
	static uint8_t out_space[CALL_CHANGE_SLOT_BYTES];
	const struct call_change_envelope head = {.connection = 7, .request = 9};
	const struct authz_envelope envelope = {.kind = kind, .payload = payload};
	struct buffer scratch = BUFFER_OF_ARRAY(scratch_space), out = BUFFER_OF_ARRAY(out_space),
	              sealed = BUFFER_OF_ARRAY(sealed_space);

	CHECK(authz_envelope_seal(deployment, channel_key, &envelope, &scratch, &sealed,
	                          &answer_key) == STATUS_OK);
	CHECK(buffer_put(&out, bytes_of(&head, sizeof(head))) == STATUS_OK &&
	      buffer_put(&out, buffer_bytes(&sealed)) == STATUS_OK);
	CHECK(ipc_put(&bridge, CALL_CHANGE_ENVELOPE, buffer_bytes(&out)) == STATUS_OK);
}

static void take_answer(void)
{
	struct buffer scratch = BUFFER_OF_ARRAY(scratch_space);
	struct call_change_envelope_answer head;

	await(&bridge, CALL_CHANGE_ENVELOPE_ANSWER);
	CHECK(message.payload.len > sizeof(head));
	memcpy(&head, message.payload.data, sizeof(head));
	CHECK(head.connection == 7 && head.request == 9 && head.status == STATUS_OK);
	CHECK(authz_answer_open(
	          &answer_key,
	          bytes_of(message.payload.data + sizeof(head), message.payload.len - sizeof(head)),
	          &scratch, &answer) == STATUS_OK);
}

static void ask_nonce(uint8_t ret_nonce[32])
{
	struct authz_nonce_answer nonce;

	send(CALL_CHANGE_NONCE, bytes_of(NULL, 0));
	take_answer();
	CHECK(answer.kind == STATUS_OK &&
	      authz_nonce_answer_take(answer.payload, &nonce) == STATUS_OK);
	EXPECT(nonce.valid_s == 120);
	memcpy(ret_nonce, nonce.nonce, 32);
}

/* As the signer: takes what was passed on, and says "ok" to it. */
static void serve(struct bytes want)
{
	struct call_change_request request;
	struct call_change_answer reply = {.result = STATUS_OK};

	await(&signer, CALL_CHANGE_REQUEST);
	CHECK(message.payload.len >= sizeof(request));
	memcpy(&request, message.payload.data, sizeof(request));
	EXPECT(bytes_equal(want, bytes_of(message.payload.data + sizeof(request),
	                                  message.payload.len - sizeof(request))));
	reply.id = request.id;
	CHECK(ipc_put(&signer, CALL_CHANGE_ANSWER, bytes_of(&reply, sizeof(reply))) == STATUS_OK);
	take_answer();
	CHECK(answer.kind == STATUS_OK);
}

/* fits is true when a request is passed on to the signer, false when it is refused for its nonce;
 * neither fails the test. */
static bool fits(uint32_t kind, struct bytes payload)
{
	int64_t deadline = supervisor_now_us() + PATIENCE_US;
	struct bytes code, text;

	send(kind, payload);
	while (!ipc_ready(&signer) && !ipc_ready(&bridge)) {
		CHECK(supervisor_now_us() < deadline);
		usleep(PAUSE_US);
	}
	if (ipc_ready(&signer)) {
		serve(payload);
		return true;
	}
	take_answer();
	CHECK(answer.kind == STATUS_REFUSED &&
	      authz_refusal_take(answer.payload, &code, &text) == STATUS_OK);
	EXPECT(bytes_equal(code, bytes_of_text("conflict")));
	return false;
}

/* A freeze that nobody signed: whose signature it bears is the signer's to judge. */
static struct bytes change_with(const uint8_t nonce[32])
{
	static struct authz_signed_change given;
	static struct authz_change change;
	static uint8_t change_space[1024], body_space[16];
	struct buffer body = BUFFER_OF_ARRAY(body_space), bytes = BUFFER_OF_ARRAY(change_space),
	              out = BUFFER_OF_ARRAY(payload_space);
	struct cbor_writer w;

	cbor_writer_init(&w, &body);
	cbor_put_map(&w, 0);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	change = (struct authz_change){
	    .action = AUTHZ_ACTION_FREEZE, .entry_count = 1, .expires_s = 2000000000};
	change.entries[0].body = buffer_bytes(&body);
	memcpy(change.nonce, nonce, 32);
	CHECK(authz_change_put(&change, &bytes) == STATUS_OK);
	given = (struct authz_signed_change){.change = buffer_bytes(&bytes)};
	CHECK(authz_signed_change_put(&given, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes session_with(const uint8_t nonce[32])
{
	static struct authz_session session;
	static uint8_t request_space[256];
	struct buffer request = BUFFER_OF_ARRAY(request_space),
	              out = BUFFER_OF_ARRAY(payload_space);

	session = (struct authz_session){.key.kind = AUTHZ_KEY_PASSKEY_P256};
	memcpy(session.nonce, nonce, 32);
	CHECK(authz_session_request_put(&session, &request) == STATUS_OK);
	session.request = buffer_bytes(&request);
	session.assertion.signature = bytes_of_text("signature");
	session.assertion.authenticator_data = bytes_of_text("data");
	session.assertion.client_data = bytes_of_text("{}");
	CHECK(authz_session_put(&session, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ---- tests ---- */

/* H1 */
static void test_a_nonce_serves_one_change_and_no_replay(void)
{
	uint8_t first[32], second[32];

	start();
	ask_nonce(first);
	ask_nonce(second);
	EXPECT(memcmp(first, second, 32) != 0);
	EXPECT(fits(CALL_CHANGE_PREPARE, change_with(first)));
	EXPECT(fits(CALL_CHANGE_PREPARE, change_with(first)));
	EXPECT(fits(CALL_CHANGE_SUBMIT, change_with(first)));
	EXPECT(!fits(CALL_CHANGE_SUBMIT, change_with(first)));
	EXPECT(!fits(CALL_CHANGE_PREPARE, change_with(first)));
	EXPECT(!fits(CALL_CHANGE_SESSION, session_with(first)));
	EXPECT(fits(CALL_CHANGE_SESSION, session_with(second)));
	EXPECT(!fits(CALL_CHANGE_SESSION, session_with(second)));
	EXPECT(!fits(CALL_CHANGE_SUBMIT, change_with(second)));
	stop();
}

/* Also what an empty row holds is none. */
static void test_a_nonce_that_was_not_given_out_is_refused(void)
{
	uint8_t nonce[32] = {0};

	start();
	EXPECT(!fits(CALL_CHANGE_SUBMIT, change_with(nonce)));
	ask_nonce(nonce);
	nonce[31] ^= 1;
	EXPECT(!fits(CALL_CHANGE_SUBMIT, change_with(nonce)));
	EXPECT(!fits(CALL_CHANGE_PREPARE, change_with(nonce)));
	nonce[31] ^= 1;
	EXPECT(fits(CALL_CHANGE_SUBMIT, change_with(nonce)));
	stop();
}

static void test_the_next_authority_knows_no_nonce_of_the_last(void)
{
	uint8_t nonce[32], old_key[32];

	start();
	ask_nonce(nonce);
	EXPECT(fits(CALL_CHANGE_PREPARE, change_with(nonce)));
	memcpy(old_key, channel_key, 32);
	stop();
	start();
	EXPECT(memcmp(old_key, channel_key, 32) != 0);
	EXPECT(!fits(CALL_CHANGE_PREPARE, change_with(nonce)));
	EXPECT(!fits(CALL_CHANGE_SUBMIT, change_with(nonce)));
	stop();
}

static bool lies_in_ring(struct bytes canary)
{
	return memmem(signer.peer_slots, (size_t)signer.shape.slot_bytes * signer.shape.slots,
	              canary.data, canary.len) != NULL;
}

/* What a reading session's secret, or whatever else was opened, leaves in the memory that the
 * authority shares with the signer: nothing, once the signer has it. */
static void test_opened_requests_do_not_stay_in_the_ring(void)
{
	struct authz_read read = {.topic = 1};
	struct bytes canary = BYTES_OF_ARRAY(read.secret);
	unsigned seen = 0;
	bool stays = false;

	start();
	for (unsigned i = 0; i < 2 * signer.shape.slots && !stays; i++) {
		struct buffer out = BUFFER_OF_ARRAY(payload_space);
		int64_t deadline = supervisor_now_us() + PATIENCE_US;

		keys_random(read.secret, sizeof(read.secret));
		CHECK(authz_read_put(&read, &out) == STATUS_OK);
		send(CALL_CHANGE_READ, buffer_bytes(&out));
		while (!ipc_ready(&signer)) {
			CHECK(supervisor_now_us() < deadline);
			usleep(PAUSE_US);
		}
		seen += lies_in_ring(canary); /* while it waits */
		serve(buffer_bytes(&out));
		while (lies_in_ring(canary) && supervisor_now_us() < deadline)
			usleep(PAUSE_US);
		stays = lies_in_ring(canary);
		EXPECT(!stays);
	}
	EXPECT(seen == 2 * signer.shape.slots); /* it looked at the right place */
	stop();
}

/* Whether bytes lie in memory that the authority writes and shares with nobody. */
static bool lies_in_memory(int memory, struct bytes bytes)
{
	char path[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", child->pid);
	maps = fopen(path, "r");
	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long long from, to;
		char rights[5];
		uint8_t *part;
		ssize_t got;

		if (sscanf(line, "%llx-%llx %4s", &from, &to, rights) != 3 ||
		    strcmp(rights, "rw-p") != 0)
			continue;
		part = malloc((size_t)(to - from));
		CHECK(part != NULL);
		got = pread(memory, part, (size_t)(to - from), (off_t)from);
		if (got > 0)
			found |= memmem(part, (size_t)got, bytes.data, bytes.len) != NULL;
		free(part);
	}
	fclose(maps);
	return found;
}

/* Nor in the authority's own memory, where a shorter answer is put together over the request. */
static void test_the_tail_of_a_request_does_not_stay(void)
{
	static uint8_t request[4096];
	struct bytes code, text;
	char path[64];
	int memory;

	start();
	snprintf(path, sizeof(path), "/proc/%d/mem", child->pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	if (memory < 0) {
		printf("not root: the authority's memory was not looked at\n");
		stop();
		return;
	}
	EXPECT(lies_in_memory(memory, BYTES_OF_ARRAY(deployment))); /* it is looked at */
	keys_random(request, sizeof(request));
	send(CALL_CHANGE_UPDATE + 1, BYTES_OF_ARRAY(request));
	take_answer();
	CHECK(answer.kind == STATUS_REFUSED &&
	      authz_refusal_take(answer.payload, &code, &text) == STATUS_OK);
	EXPECT(bytes_equal(code, bytes_of_text("unsupported")));
	/* Another round: it has done all that it does after the one before. */
	ask_nonce(request);
	EXPECT(!lies_in_memory(memory, bytes_of(request + sizeof(request) - 32, 32)));
	EXPECT(!lies_in_memory(memory, bytes_of(request + sizeof(request) / 2, 32)));
	close(memory);
	stop();
}

int main(void)
{
	char setting[] = "log_level=error", none[] = "";
	char *args[] = {none, setting};

	keys_open();
	keys_random(deployment, sizeof(deployment));
	CHECK(supervisor_configure(&supervisor, 2, args) == STATUS_OK);
	snprintf(supervisor.folder, sizeof(supervisor.folder), "%s/bin", BUILD_DIR);
	supervisor.verifiers = 1;
	CHECK(supervisor_make(&supervisor) == STATUS_OK);
	to_bridge = link_of(PROC_CHANNEL_bridge_authority);
	to_signer = link_of(PROC_CHANNEL_authority_signer);
	child = to_bridge->child[1];
	RUN(test_a_nonce_serves_one_change_and_no_replay);
	RUN(test_a_nonce_that_was_not_given_out_is_refused);
	RUN(test_the_next_authority_knows_no_nonce_of_the_last);
	RUN(test_opened_requests_do_not_stay_in_the_ring);
	RUN(test_the_tail_of_a_request_does_not_stay);
	return test_summary();
}
