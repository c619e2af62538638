/* What the signer itself decides, with a real store and verifier behind it: batches, repeated
 * bytes, what takes power away, limits, durable nonces, whose key may be a wallet, shares. The test
 * is an honest bridge and authority, and stops or kills the store where that matters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authz_answer.h"
#include "base_check.h"
#include "base_test.h"
#include "call_export.h"
#include "cbor_writer.h"
#include "keys_hpke.h"
#include "rig.h"
#include "solana_ids.h"
#include "solana_pda.h"

#define LONG_US  20000000 /* for what comes in any case */
#define LATE_US  950000   /* less than SIGNER_CHECK_LATE_MS */
#define DISK_US  3000000  /* for a change that hung to be durable, on a slow disk */
#define QUIET_US 200000   /* without an answer: none comes before a verifier is given up */

static char folder[] = "/tmp/decide_test_XXXXXX";
static struct rig rig;
static struct rig_world world;
static uint8_t body_space[AUTHZ_GRANT_BODY_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
static uint8_t next_tag = 1;

static struct authz_change change_of(const struct rig_world *of, enum authz_action action,
                                     struct buffer *body)
{
	return rig_change_begin(&rig, of, action, buffer_bytes(body));
}

static enum status make(struct rig_world *of, enum authz_action action, struct buffer *body)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	CHECK(rig_wallet_refresh(&rig, of));
	change = change_of(of, action, body);
	return rig_change(&rig, &change, &of->user, &answer);
}

static enum status freeze(struct rig_world *of, enum authz_action action)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_empty_put(&body) == STATUS_OK);
	return make(of, action, &body);
}

/* Another grant for the world's client, with its own cap; `ret_id` is what the wallet lists last.
 */
static void grant(struct rig_world *of, uint64_t cap, uint8_t ret_id[32])
{
	static uint8_t bytes_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space),
	              bytes = BUFFER_OF_ARRAY(bytes_space), text = BUFFER_OF_ARRAY(text_space);
	static struct authz_change change;

	of->cap = cap;
	rig_grant_body(of, of->client_id, &body);
	CHECK(rig_wallet_refresh(&rig, of));
	change = change_of(of, AUTHZ_ACTION_GRANT, &body);
	CHECK(rig_prepare(&rig, &change, &bytes, &text) == STATUS_OK);
	authz_grant_id(buffer_bytes(&bytes), of->wallet, ret_id);
	CHECK(rig_change(&rig, &change, &of->user, &answer) == STATUS_OK);
}

static enum status take_back(struct rig_world *of, const uint8_t id[32])
{
	struct buffer body = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_id_put(id, &body) == STATUS_OK);
	return make(of, AUTHZ_ACTION_REVOKE, &body);
}

static enum status limit(struct rig_world *of, const uint8_t id[32], uint64_t cap)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space);
	struct authz_limit_body limit = {.count = 1, .caps = {{.id = 1, .cap = cap}}};

	memcpy(limit.grant, id, 32);
	CHECK(authz_limit_put(&limit, &body) == STATUS_OK);
	return make(of, AUTHZ_ACTION_LIMIT, &body);
}

/* The wallet's own limits become these. */
static enum status set_limits(struct rig_world *of, const struct authz_counter_rule *limits,
                              size_t count)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space);
	struct authz_limit_body limit = {.of_wallet = true, .limit_count = count};

	memcpy(limit.limits, limits, count * sizeof(limits[0]));
	CHECK(authz_limit_put(&limit, &body) == STATUS_OK);
	return make(of, AUTHZ_ACTION_LIMIT, &body);
}

static enum status lamports_limit(struct rig_world *of, uint8_t window, uint64_t cap)
{
	struct authz_counter_rule rule = {
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = window, .cap = cap};

	return set_limits(of, &rule, 1);
}

/* A world of its own for each test: same user's way, another wallet. */
static void fresh(const char *name, uint64_t cap, uint8_t ret_grant[32])
{
	struct rig_world *of = &world;

	*of = (struct rig_world){.cap = cap};
	rig_world_make(&rig, of, name);
	CHECK(rig_wallet(&rig, of)->grant_count == 1);
	memcpy(ret_grant, rig_wallet(&rig, of)->grants[0].grant, 32);
}

static void message_of(uint64_t lamports, struct buffer *out)
{
	rig_transfer_message(world.address, world.recipient, lamports, next_tag++, out);
}

static struct call_sign_answer sign_bytes(struct bytes message, uint32_t flags)
{
	struct call_sign_request request = rig_sign_request(&world, message);
	struct call_sign_answer answer = {.result = CALL_RESULT_COUNT};

	request.flags = flags;
	if (!rig_sign(&rig, &request, &answer))
		answer.result = CALL_RESULT_COUNT;
	return answer;
}

static enum call_result sign(uint64_t lamports)
{
	uint8_t space[512];
	struct buffer message = BUFFER_OF_ARRAY(space);

	message_of(lamports, &message);
	return sign_bytes(buffer_bytes(&message), 0).result;
}

static void put(struct call_sign_request *requests, size_t count,
                struct call_sign_answer *ret_answers)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];

	for (size_t i = 0; i < count; i++) {
		struct buffer out = BUFFER_OF_ARRAY(space);

		requests[i].request = ++rig.next_id;
		ret_answers[i].result = CALL_RESULT_COUNT;
		CHECK(call_sign_put_request(&requests[i], &out) == STATUS_OK);
		while (ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) ==
		       STATUS_BUSY)
			usleep(100);
	}
}

/* Until the signer has taken what was put. */
static void await_read(void)
{
	int64_t end = supervisor_now_us() + LONG_US;

	while (ipc_pending(&rig.bridge) != 0 && supervisor_now_us() < end)
		usleep(1000);
}

/* The answers to what was put last: how many came, each within this time of the one before. */
static size_t take(const struct call_sign_request *requests, size_t count,
                   struct call_sign_answer *ret_answers, int64_t timeout_us)
{
	uint64_t first = requests[0].request;
	size_t got = 0;

	while (got < count) {
		struct ipc_message message = {.kind = 0};
		struct call_sign_answer answer;

		if (rig_take(&rig, &rig.bridge, &message, timeout_us) != STATUS_OK)
			break;
		if (message.kind != CALL_BRIDGE_SIGN_ANSWER)
			continue;
		CHECK(call_sign_take_answer(buffer_bytes(&message.payload), &answer) == STATUS_OK);
		if (answer.request < first || answer.request >= first + count)
			continue;
		ret_answers[answer.request - first] = answer;
		got++;
	}
	return got;
}

/* Sends requests and takes as many answers; results in the order of the requests. */
static size_t exchange(struct call_sign_request *requests, size_t count,
                       struct call_sign_answer *ret_answers, int64_t timeout_us)
{
	put(requests, count, ret_answers);
	return take(requests, count, ret_answers, timeout_us);
}

static uint8_t batch_space[CALL_BATCH_MAX][512];

/* An atomic batch of transfers of these amounts. */
static size_t batch(const uint64_t *lamports, size_t count, struct call_sign_answer *ret_answers)
{
	static struct call_sign_request requests[CALL_BATCH_MAX];

	for (size_t i = 0; i < count; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		message_of(lamports[i], &message);
		requests[i] = rig_sign_request(&world, buffer_bytes(&message));
		requests[i].flags = CALL_SIGN_ATOMIC;
		requests[i].batch_index = (uint16_t)i;
		requests[i].batch_count = (uint16_t)count;
	}
	return exchange(requests, count, ret_answers, LONG_US);
}

static size_t signed_of(const struct call_sign_answer *answers, size_t count)
{
	static const uint8_t none[64];
	size_t signed_ones = 0;

	for (size_t i = 0; i < count; i++) {
		signed_ones += answers[i].result == CALL_RESULT_SIGNED;
		EXPECT((answers[i].result == CALL_RESULT_SIGNED) ==
		       (memcmp(answers[i].signature, none, 64) != 0));
	}
	return signed_ones;
}

/* Appends one topic of the world's receipts, page after page, as the command line reads them. */
static void export_pages(const struct rig_world *of, uint8_t topic, FILE *to)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	struct call_export_request request = {
	    .topic = topic, .token = bytes_of_text(of->token), .wallet = {.kind = CALL_WALLET_ID}};
	struct call_export_answer answer = {.next_cursor = 0};

	memcpy(request.wallet.key, of->wallet, 32);
	do {
		struct buffer out = BUFFER_OF_ARRAY(space);
		struct ipc_message message = {.kind = 0};

		request.request = ++rig.next_id;
		request.cursor = answer.next_cursor;
		CHECK(call_export_put_request(&request, &out) == STATUS_OK);
		CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_EXPORT_REQUEST, buffer_bytes(&out)) ==
		      STATUS_OK);
		while (message.kind != CALL_BRIDGE_EXPORT_ANSWER)
			CHECK(rig_take(&rig, &rig.bridge, &message, LONG_US) == STATUS_OK);
		CHECK(call_export_take_answer(buffer_bytes(&message.payload), &answer) ==
		      STATUS_OK);
		CHECK(answer.result == CALL_RESULT_DONE);
		CHECK(fwrite(answer.body.data, 1, answer.body.len, to) == answer.body.len);
	} while (answer.next_cursor != 0);
}

/* Runs the command line, its words on standard output to `to`; its exit status. */
static int run_cli(const char *const *arguments, const char *to)
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		if (freopen(to, "w", stdout) != NULL)
			execv(arguments[0], (char *const *)(uintptr_t)arguments);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One export of the world's receipts: false unless `receipt verify` and `receipt replay` find
 * nothing wrong in it; how many of its decisions were decided again. */
static bool receipts_replay(const struct rig_world *of, unsigned *ret_same)
{
	static const char cli[] = BUILD_DIR "/bin/claviger";
	char path[64], said[64];
	const char *const verify[] = {cli, "receipt", "verify", path, NULL};
	const char *const replay[] = {cli,  "receipt",  "replay",
	                              path, "--module", BUILD_DIR "/share/policies/transfer.wasm",
	                              NULL};
	unsigned different = 1;
	int found;
	FILE *file;

	snprintf(path, sizeof(path), "%s/receipts", folder);
	snprintf(said, sizeof(said), "%s/said", folder);
	file = fopen(path, "wb");
	CHECK(file != NULL);
	CHECK(fputs("claviger-receipts-1\n", file) >= 0);
	CHECK(fwrite(rig.deployment_key, 1, 32, file) == 32);
	CHECK(fwrite(of->wallet, 1, 32, file) == 32);
	export_pages(of, CALL_EXPORT_INPUTS, file);
	export_pages(of, CALL_EXPORT_RECEIPTS, file);
	CHECK(fclose(file) == 0);
	if (run_cli(verify, said) != 0)
		return false;
	found = run_cli(replay, said);
	if (found != 0 && found != 3) /* could not tell: no input is durable yet */
		return false;
	file = fopen(said, "r");
	CHECK(file != NULL);
	CHECK(fscanf(file, "%u the same, %u different", ret_same, &different) == 2);
	fclose(file);
	return different == 0;
}

/* Untouched, the world's receipts hold, and `same` of its decisions are decided again: their inputs
 * may become durable after them. */
static bool receipts_hold(const struct rig_world *of, unsigned same)
{
	unsigned replayed = 0;

	for (size_t tries = 0; tries < 100 && replayed < same; tries++) {
		if (!receipts_replay(of, &replayed))
			return false;
		usleep(replayed < same ? 100000 : 0);
	}
	return replayed >= same;
}

static void test_an_atomic_batch_is_signed_whole(void)
{
	uint64_t lamports[CALL_BATCH_MAX];
	struct call_sign_answer answers[CALL_BATCH_MAX];
	uint8_t id[32];

	fresh("batch-whole", 100000000, id);
	/* Sixteen, again and again: leases are renewed in between and receipts fill their blob. */
	for (size_t round = 0; round < 12; round++) {
		for (size_t i = 0; i < CALL_BATCH_MAX; i++)
			lamports[i] = 1000 + i;
		EXPECT(batch(lamports, CALL_BATCH_MAX, answers) == CALL_BATCH_MAX);
		EXPECT(signed_of(answers, CALL_BATCH_MAX) == CALL_BATCH_MAX);
	}
	EXPECT(rig_is_alive(&rig, PROC_signer));
}

static void test_an_atomic_batch_with_one_refused_is_not_signed_at_all(void)
{
	struct call_sign_answer answers[CALL_BATCH_MAX];
	int64_t best_us = INT64_MAX;
	uint8_t id[32];

	fresh("batch-none", 3000000, id);
	for (size_t bad = 0; bad < 4; bad++) {
		uint64_t lamports[4] = {1000, 1000, 1000, 1000};
		int64_t begin = supervisor_now_us(), took_us;

		lamports[bad] = 1000001; /* above what one transfer may be */
		EXPECT(batch(lamports, 4, answers) == 4);
		EXPECT(signed_of(answers, 4) == 0);
		EXPECT(answers[bad].result == CALL_RESULT_POLICY_DENIED);
		for (size_t i = 0; i < 4; i++)
			EXPECT(i == bad || answers[i].result == CALL_RESULT_BATCH_ABORTED);
		took_us = supervisor_now_us() - begin;
		best_us = took_us < best_us ? took_us : best_us;
	}
	EXPECT(best_us < 500000); /* the best: nobody waits for a deadline */
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
	EXPECT(receipts_hold(&world, 5));
}

/* B4: each fits, together they do not; and nothing of it was counted. */
static void test_an_atomic_batch_above_the_cap_counts_nothing(void)
{
	uint64_t lamports[4] = {900000, 900000, 900000, 900000};
	struct call_sign_answer answers[CALL_BATCH_MAX];
	uint8_t id[32];

	fresh("batch-cap", 3000000, id);
	EXPECT(batch(lamports, 4, answers) == 4);
	EXPECT(signed_of(answers, 4) == 0);
	EXPECT(batch(lamports, 3, answers) == 3); /* the cap is whole */
	EXPECT(signed_of(answers, 3) == 3);
	EXPECT(sign(900000) != CALL_RESULT_SIGNED);
}

/* The head of a batch was lost: its rest is no batch, and nobody waits for it. */
static void test_the_rest_of_a_batch_alone_is_refused(void)
{
	static struct call_sign_request requests[2];
	struct call_sign_answer answers[2];
	uint8_t id[32];

	fresh("batch-rest", 3000000, id);
	for (size_t i = 0; i < 2; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		message_of(1000, &message);
		requests[i] = rig_sign_request(&world, buffer_bytes(&message));
		requests[i].flags = CALL_SIGN_ATOMIC;
		requests[i].batch_index = (uint16_t)(i + 1);
		requests[i].batch_count = 3;
	}
	EXPECT(exchange(requests, 2, answers, LONG_US) == 2);
	EXPECT(answers[0].result == CALL_RESULT_BATCH_ABORTED &&
	       answers[1].result == CALL_RESULT_BATCH_ABORTED);
}

/* The same bytes: the same signature, counted once, even when nothing is left of the cap. */
static void test_repeated_bytes_get_their_signature_and_count_once(void)
{
	uint8_t space[512], id[32];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer first, again;

	fresh("again", 1000000, id);
	message_of(900000, &message);
	first = sign_bytes(buffer_bytes(&message), 0);
	EXPECT(first.result == CALL_RESULT_SIGNED && !first.repeated);
	EXPECT(sign(900000) != CALL_RESULT_SIGNED); /* spent */
	for (size_t i = 0; i < 3; i++) {
		again = sign_bytes(buffer_bytes(&message), 0);
		EXPECT(again.result == CALL_RESULT_SIGNED && again.repeated);
		EXPECT(memcmp(again.signature, first.signature, 64) == 0);
		EXPECT(again.number == first.number);
	}
	EXPECT(sign(90000) == CALL_RESULT_SIGNED); /* what was left still is */
}

/* With two grants, the one that gave it stands first; once it is revoked, only another's yes helps.
 */
static void test_repeated_bytes_are_refused_after_the_grant_is_revoked(void)
{
	uint8_t space[512], first_id[32], second_id[32];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer;

	fresh("again-revoked", 1000, first_id); /* the oldest covers nothing */
	grant(&world, 1000000, second_id);
	message_of(500000, &message);
	EXPECT(sign_bytes(buffer_bytes(&message), 0).result == CALL_RESULT_SIGNED);
	answer = sign_bytes(buffer_bytes(&message), 0);
	EXPECT(answer.result == CALL_RESULT_SIGNED && answer.repeated);
	EXPECT(limit(&world, first_id, 900000) == STATUS_OK); /* now it would: and is not asked */
	EXPECT(sign_bytes(buffer_bytes(&message), 0).repeated);
	EXPECT(limit(&world, first_id, 1000) == STATUS_OK);
	EXPECT(freeze(&world, AUTHZ_ACTION_FREEZE) == STATUS_OK);
	EXPECT(sign_bytes(buffer_bytes(&message), 0).result == CALL_RESULT_WALLET_FROZEN);
	EXPECT(freeze(&world, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	EXPECT(sign_bytes(buffer_bytes(&message), 0).repeated);
	EXPECT(take_back(&world, second_id) == STATUS_OK);
	EXPECT(sign_bytes(buffer_bytes(&message), 0).result != CALL_RESULT_SIGNED);
}

/* The signer takes what the authority sends and what the bridge sends in an order of its own. */
static bool sign_becomes(enum call_result result)
{
	int64_t end = supervisor_now_us() + LONG_US;

	while (sign(1000) != result)
		if (supervisor_now_us() > end)
			return false;
	return true;
}

static void drain_authority(void)
{
	struct ipc_message message = {.kind = 0};

	while (rig_take(&rig, &rig.authority, &message, DISK_US) == STATUS_OK)
		;
}

/* H11: effective on the next request although the store does nothing; durable when it is back, be
 * it the same or the next one; and after a restart of everything. */
static void test_a_freeze_holds_while_the_store_stands_still(void)
{
	uint8_t id[32];

	for (unsigned way = 0; way < 2; way++) {
		fresh(way == 0 ? "freeze-stopped" : "freeze-killed", 3000000, id);
		EXPECT(sign(1000) == CALL_RESULT_SIGNED);
		kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
		rig.patience_us = 400000;
		EXPECT(freeze(&world, AUTHZ_ACTION_FREEZE) == STATUS_BUSY); /* not durable yet */
		rig.patience_us = 0;
		EXPECT(sign_becomes(CALL_RESULT_WALLET_FROZEN));
		if (way == 0)
			kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
		else
			rig_replace(&rig, PROC_store);
		drain_authority();
		EXPECT(sign(1000) == CALL_RESULT_WALLET_FROZEN);
	}
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign(1000) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(freeze(&world, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
}

/* Sends a change that is not waited for. */
static void begin_change(struct rig_world *of, enum authz_action action, struct buffer *body)
{
	int64_t patience_us = rig.patience_us;
	static struct authz_change change;
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	struct buffer answer = BUFFER_OF_ARRAY(space);

	change = change_of(of, action, body);
	rig.patience_us = 100000;
	CHECK(rig_change(&rig, &change, &of->user, &answer) == STATUS_BUSY);
	rig.patience_us = patience_us;
}

/* B3: whoever is refused after a module said yes, or before it was asked, leaves a receipt that
 * holds with the input beside it. */
static void test_receipts_of_what_ended_at_commit_hold(void)
{
	static struct call_sign_request requests[CALL_BATCH_MAX];
	struct call_sign_answer answers[CALL_BATCH_MAX];
	uint64_t lamports[CALL_BATCH_MAX];
	uint8_t id[32], other[32];

	fresh("receipts-commit", 3000000, id);
	grant(&world, 2000000, other);
	for (size_t i = 0; i < CALL_BATCH_MAX; i++)
		lamports[i] = i == 0 ? 1000001 : 1000;
	for (size_t round = 0; round < 4; round++) {
		EXPECT(batch(lamports, CALL_BATCH_MAX, answers) == CALL_BATCH_MAX);
		EXPECT(signed_of(answers, CALL_BATCH_MAX) == 0);
	}
	EXPECT(receipts_hold(&world, 4));
	/* A freeze while they stand at commit: the store gives no lease. */
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
	for (size_t i = 0; i < 4; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		message_of(900000, &message);
		requests[i] = rig_sign_request(&world, buffer_bytes(&message));
	}
	(void)exchange(requests, 4, answers, 300000);
	rig.patience_us = 400000;
	EXPECT(freeze(&world, AUTHZ_ACTION_FREEZE) == STATUS_BUSY);
	rig.patience_us = 0;
	kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
	drain_authority();
	EXPECT(sign(1000) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(receipts_hold(&world, 8));
}

/* A25: a change that hangs on the store is no reason for a freeze to wait, nor a second freeze for
 * the first; and when the store is back all of it is true, the freeze over the grant. */
static void test_a_freeze_goes_before_changes_that_hang(void)
{
	uint8_t id[32], other_id[32];
	struct rig_world other;
	struct buffer body = BUFFER_OF_ARRAY(body_space);
	int64_t began;

	fresh("hang-other", 3000000, other_id);
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
	other = world;
	fresh("hang", 1000, id);
	EXPECT(sign(500000) != CALL_RESULT_SIGNED);
	CHECK(rig_wallet_refresh(&rig, &world) && rig_wallet_refresh(&rig, &other));
	world.cap = 1000000;
	rig_grant_body(&world, world.client_id, &body);
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
	begin_change(&world, AUTHZ_ACTION_GRANT, &body); /* hangs in its commit */
	body.len = 0;
	rig_grant_body(&other, other.client_id, &body);
	begin_change(&other, AUTHZ_ACTION_GRANT, &body); /* waits behind it */
	began = supervisor_now_us();
	rig.patience_us = 300000;
	EXPECT(freeze(&world, AUTHZ_ACTION_FREEZE) == STATUS_BUSY); /* in force, not durable */
	EXPECT(sign_becomes(CALL_RESULT_WALLET_FROZEN));
	EXPECT(supervisor_now_us() - began < 4000000); /* before SIGNER_CHANGE_DEADLINE_MS */
	EXPECT(freeze(&other, AUTHZ_ACTION_FREEZE) == STATUS_BUSY);
	rig.patience_us = 0;
	{
		struct rig_world keep = world;

		world = other;
		EXPECT(sign_becomes(CALL_RESULT_WALLET_FROZEN));
		world = keep;
	}
	kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
	drain_authority();
	EXPECT(sign(1000) == CALL_RESULT_WALLET_FROZEN);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign(1000) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(freeze(&world, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	EXPECT(sign(500000) == CALL_RESULT_SIGNED); /* the grant that hung is there */
}

/* What raises power waits for the disk, and comes true with it, though its answer was given up. */
static void test_a_grant_is_no_power_before_it_is_durable(void)
{
	struct ipc_message message = {.kind = 0};
	uint8_t first_id[32];
	struct buffer body = BUFFER_OF_ARRAY(body_space);

	fresh("grant-stopped", 1000, first_id);
	EXPECT(sign(500000) != CALL_RESULT_SIGNED);
	world.cap = 1000000;
	rig_grant_body(&world, world.client_id, &body);
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
	rig.patience_us = 400000;
	EXPECT(make(&world, AUTHZ_ACTION_GRANT, &body) == STATUS_BUSY);
	rig.patience_us = 0;
	EXPECT(sign(500000) != CALL_RESULT_SIGNED);
	rig_replace(&rig, PROC_store); /* in the middle of the commit */
	EXPECT(rig_take(&rig, &rig.authority, &message, LONG_US) == STATUS_OK);
	EXPECT(sign(500000) == CALL_RESULT_SIGNED);
}

static void test_limits_are_lowered_at_once_and_raised_for_the_state_that_was_seen(void)
{
	uint8_t id[32];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_limit_body raise = {.count = 1, .caps = {{.id = 1, .cap = 2000000}}};
	static struct authz_change change;

	fresh("limits", 1500000, id);
	EXPECT(sign(400000) == CALL_RESULT_SIGNED);
	EXPECT(limit(&world, id, 500000) == STATUS_OK);
	EXPECT(sign(400000) != CALL_RESULT_SIGNED);
	EXPECT(limit(&world, id, 1400000) == STATUS_OK);
	EXPECT(sign(400000) == CALL_RESULT_SIGNED);
	/* Without the state that it is for, it may only fall. */
	memcpy(raise.grant, id, 32);
	CHECK(authz_limit_put(&raise, &body) == STATUS_OK);
	change = change_of(&world, AUTHZ_ACTION_LIMIT, &body);
	change.entries[0].has_previous = false;
	memset(change.entries[0].previous, 0, 32);
	EXPECT(rig_change(&rig, &change, &world.user, &answer) == STATUS_REFUSED);
	raise.caps[0].cap = 100;
	body.len = 0;
	CHECK(authz_limit_put(&raise, &body) == STATUS_OK);
	change = change_of(&world, AUTHZ_ACTION_LIMIT, &body);
	change.entries[0].has_previous = false;
	memset(change.entries[0].previous, 0, 32);
	EXPECT(rig_change(&rig, &change, &world.user, &answer) == STATUS_OK);
	EXPECT(sign(1000) != CALL_RESULT_SIGNED);
	/* As it was written, so it is read. */
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign(1000) != CALL_RESULT_SIGNED);
	EXPECT(limit(&world, id, 3000000) == STATUS_OK);
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
}

/* begin_import fills an IMPORT of one key as a wallet of the world's user, not yet prepared. */
static void begin_import(const uint8_t seed[32], const char *name, struct authz_change *ret_change)
{
	static uint8_t import_space[AUTHZ_GRANT_BODY_MAX];
	struct buffer body = BUFFER_OF_ARRAY(import_space);
	struct authz_birth_body birth = {.name = bytes_of_text(name), .user_key_count = 1};
	struct rig_world born = world;
	struct keys_sign_key key;

	keys_sign_from_seed(seed, &key);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&world.user), 32);
	memcpy(birth.address, keys_sign_public(&key), 32);
	keys_random(born.wallet, 32);
	CHECK(authz_birth_put(&birth, true, &body) == STATUS_OK);
	*ret_change = change_of(&born, AUTHZ_ACTION_IMPORT, &body);
}

static enum status import(const uint8_t seed[32], const char *name)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	begin_import(seed, name, &change);
	return rig_import(&rig, &change, &world.user, seed, &answer);
}

/* How the keys of an import come, and how whoever sits in between would have them. */
enum seal {
	SEAL_GOOD,
	SEAL_NONE,       /* in clear */
	SEAL_EMPTY,      /* none at all */
	SEAL_CHANGE,     /* out of another change */
	SEAL_CHANNEL,    /* to a key of his own */
	SEAL_DEPLOYMENT, /* to the right key in another deployment's name */
	SEAL_BENT,       /* a bit of it flipped */
	SEAL_TWO,        /* one more than there are wallets */
	SEAL_KEY,        /* of another address than the one that was signed for */
	SEAL_COUNT
};

static void seal_seed(enum seal how, const uint8_t seed[32], struct bytes change,
                      struct buffer *ret_sealed)
{
	uint8_t plain_space[128], info_space[128], hash[32], deployment[32];
	struct buffer plain = BUFFER_OF_ARRAY(plain_space), info = BUFFER_OF_ARRAY(info_space);
	unsigned count = how == SEAL_TWO ? 2 : 1;
	struct keys_hpke_key own;
	const uint8_t *channel = how == SEAL_CHANNEL ? own.public : rig.channel;
	struct cbor_writer w;

	keys_hpke_random(&own);
	memcpy(deployment, rig.deployment, 32);
	deployment[0] ^= how == SEAL_DEPLOYMENT;
	authz_change_hash(change, hash);
	hash[0] ^= how == SEAL_CHANGE;
	cbor_writer_init(&w, &plain);
	cbor_put_array(&w, count);
	for (unsigned i = 0; i < count; i++)
		cbor_put_bytes_n(&w, seed, 32);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	plain_space[plain.len - 1] ^= how == SEAL_KEY;
	if (how == SEAL_NONE) {
		CHECK(buffer_put(ret_sealed, buffer_bytes(&plain)) == STATUS_OK);
		return;
	}
	CHECK(keys_hpke_info(deployment, channel, &info) == STATUS_OK);
	CHECK(keys_hpke_seal(channel, buffer_bytes(&info), BYTES_OF_ARRAY(hash),
	                     buffer_bytes(&plain), ret_sealed, NULL) == STATUS_OK);
	ret_sealed->data[ret_sealed->len / 2] ^= how == SEAL_BENT;
	if (how == SEAL_EMPTY)
		ret_sealed->len = 0;
}

static enum status import_sealed(enum seal how, const uint8_t seed[32])
{
	static uint8_t bytes_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX];
	uint8_t sealed_space[256];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space), bytes = BUFFER_OF_ARRAY(bytes_space),
	              text = BUFFER_OF_ARRAY(text_space), sealed = BUFFER_OF_ARRAY(sealed_space);
	static struct authz_change change;

	begin_import(seed, "sealed", &change);
	CHECK(rig_prepare(&rig, &change, &bytes, &text) == STATUS_OK);
	seal_seed(how, seed, buffer_bytes(&bytes), &sealed);
	return rig_import_sealed(&rig, &change, buffer_bytes(&bytes), buffer_bytes(&text),
	                         &world.user, buffer_bytes(&sealed), &answer);
}

/* S17, S18, N3, A4: the keys of an import are taken sealed to this very signer and for this very
 * change, or not at all; what is refused leaves no wallet behind. */
static void test_an_imports_keys_come_sealed_to_this_signer_for_this_change(void)
{
	uint8_t id[32], seed[32] = {21};
	unsigned refused = 0;

	fresh("seals", 3000000, id);
	for (enum seal how = SEAL_NONE; how < SEAL_COUNT; how++) {
		const char *why = how == SEAL_KEY   ? "another address"
		                  : how == SEAL_TWO ? "sealed keys: one"
		                                    : "not sealed to this signer and change";

		EXPECT(import_sealed(how, seed) == STATUS_REFUSED);
		refused += strstr(rig.refusal, why) != NULL;
	}
	EXPECT(refused == SEAL_COUNT - 1);
	EXPECT(import_sealed(SEAL_GOOD, seed) == STATUS_OK);
}

/* A6, the other way round: the key of a user of an earlier wallet is no wallet, whichever of its
 * keys it is. */
static void test_a_users_key_is_not_imported_as_a_wallet(void)
{
	static uint8_t body_bytes[1024];
	struct buffer body = BUFFER_OF_ARRAY(body_bytes), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_birth_body birth = {.name = bytes_of_text("two-keys"), .user_key_count = 2};
	static struct authz_change change;
	uint8_t id[32], seed[32] = {7}, other[32] = {8};
	struct keys_sign_key second;

	fresh("importer", 3000000, id);
	keys_sign_from_seed(seed, &second);
	for (size_t i = 0; i < 2; i++)
		birth.user_keys[i].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&world.user), 32);
	memcpy(birth.user_keys[1].key, keys_sign_public(&second), 32);
	CHECK(authz_birth_put(&birth, false, &body) == STATUS_OK);
	{
		struct rig_world born = world;

		keys_random(born.wallet, 32);
		change = change_of(&born, AUTHZ_ACTION_CREATE, &body);
		CHECK(rig_change_of(&rig, &change,
		                    (const struct keys_sign_key *[]){&world.user, &second}, 2,
		                    &answer) == STATUS_OK);
	}
	EXPECT(import(other, "honest") == STATUS_OK);
	EXPECT(import(seed, "stolen") == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "user key") != NULL);
	EXPECT(import(other, "twice") == STATUS_REFUSED);
}

/* Sends requests of one client, and behind them of another one, while nothing can be decided: how
 * many of either are refused; whether the others wait. If there are others', the signer finds all
 * in its ring at once. */
static bool flood(const struct rig_world *of, size_t count, const struct rig_world *behind,
                  size_t behind_count, size_t ret_spent[2])
{
	static struct call_sign_request requests[90];
	static struct call_sign_answer answers[90];
	static uint8_t messages[90][512];
	pid_t signer = rig_child(&rig, PROC_signer)->pid;
	size_t got;

	CHECK(count + behind_count <= 90);
	memset(answers, 0, sizeof(answers));
	for (size_t i = 0; i < count + behind_count; i++) {
		const struct rig_world *world_of = i < count ? of : behind;
		struct buffer message = BUFFER_OF_ARRAY(messages[i]);

		rig_transfer_message(world_of->address, world_of->recipient, 10 + i, 99, &message);
		requests[i] = rig_sign_request(world_of, buffer_bytes(&message));
	}
	if (behind_count != 0)
		kill(signer, SIGSTOP);
	put(requests, count + behind_count, answers);
	kill(signer, SIGCONT);
	await_read();
	got = take(requests, count + behind_count, answers, QUIET_US);
	ret_spent[0] = ret_spent[1] = 0;
	for (size_t i = 0; i < count + behind_count; i++)
		if (answers[i].result == CALL_RESULT_SHARE_SPENT) {
			ret_spent[i >= count]++;
			EXPECT(answers[i].retry_after_ms != 0);
		}
	return got == ret_spent[0] + ret_spent[1];
}

/* A25: a client leaves room for others, two of them leave room for a third, and each is told when
 * to ask again. */
static void test_a_flood_does_not_take_all_tickets(void)
{
	struct rig_world other, second;
	struct call_sign_request request;
	static uint8_t space[512];
	uint8_t id[32];
	size_t first[2], behind[2], last[2];
	bool wait;

	fresh("quiet", 3000000, id);
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
	other = world;
	/* All before the verifier is given up; if the machine was late, once more. */
	for (unsigned tries = 0;; tries++) {
		char name[16];
		int64_t began;

		snprintf(name, sizeof(name), "second%u", tries);
		fresh(name, 3000000, id);
		EXPECT(sign(1000) == CALL_RESULT_SIGNED);
		second = world;
		snprintf(name, sizeof(name), "flood%u", tries);
		fresh(name, 3000000, id);
		EXPECT(sign(1000) == CALL_RESULT_SIGNED);
		kill(rig_child(&rig, PROC_verifier)->pid, SIGSTOP); /* all wait */
		began = supervisor_now_us();
		wait = flood(&world, 90, NULL, 0, first);
		/* What waits to be refused is no room that another one lacks. */
		wait = flood(&world, 28, &second, 4, behind) && wait;
		wait = flood(&second, 40, NULL, 0, last) && wait;
		if (supervisor_now_us() - began < LATE_US || tries == 10)
			break;
		rig_replace(&rig, PROC_verifier);
	}
	EXPECT(wait && first[0] == 90 - 64);
	EXPECT(behind[0] == 28 && behind[1] == 0);
	EXPECT(last[0] == 40 - (21 - 4));
	/* Another client's request is taken and, with a verifier, signed. */
	kill(rig_child(&rig, PROC_verifier)->pid, SIGCONT);
	{
		struct buffer message = BUFFER_OF_ARRAY(space);
		struct call_sign_answer answer;

		rig_transfer_message(other.address, other.recipient, 77, 99, &message);
		request = rig_sign_request(&other, buffer_bytes(&message));
		EXPECT(exchange(&request, 1, &answer, LONG_US) == 1);
		EXPECT(answer.result == CALL_RESULT_SIGNED);
	}
}

static void test_a_dry_run_is_explained_and_what_cannot_be_given_is_refused(void)
{
	uint8_t space[512], id[32];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer plain, explained;

	fresh("explain", 3000000, id);
	keys_random(world.recipient, 32); /* not the one of the grant, and too much */
	message_of(2000000, &message);
	plain = sign_bytes(buffer_bytes(&message), CALL_SIGN_DRY_RUN);
	EXPECT(plain.result == CALL_RESULT_POLICY_DENIED && plain.reason_count == 1);
	explained = sign_bytes(buffer_bytes(&message), CALL_SIGN_DRY_RUN | CALL_SIGN_EXPLAIN);
	EXPECT(explained.result == CALL_RESULT_POLICY_DENIED && explained.reason_count == 1);
	EXPECT(memmem(explained.reasons[0].text.data, explained.reasons[0].text.len, "expected",
	              8) != NULL);
	EXPECT(sign_bytes(buffer_bytes(&message), CALL_SIGN_EXPLAIN).result ==
	       CALL_RESULT_UNSUPPORTED);
	/* What is allowed can be said in the module's words, and is one decision all the same. */
	plain = sign_bytes(buffer_bytes(&message), CALL_SIGN_DRY_RUN | CALL_SIGN_DESCRIBE);
	EXPECT(plain.result == CALL_RESULT_POLICY_DENIED && plain.description.len == 0);
	fresh("describe", 3000000, id);
	message_of(123456, &message);
	for (unsigned dry = 0; dry < 2; dry++) {
		plain = sign_bytes(buffer_bytes(&message),
		                   CALL_SIGN_DESCRIBE | (dry == 0 ? CALL_SIGN_DRY_RUN : 0));
		EXPECT(plain.result == (dry == 0 ? CALL_RESULT_ALLOWED : CALL_RESULT_SIGNED));
		EXPECT(plain.reason_count == 1 &&
		       memmem(plain.description.data, plain.description.len, "0.000123456 SOL",
		              15) != NULL);
	}
}

/* What leaves stands in the text with all that is beside it, however much that is (B7). */
static void test_a_long_description_is_whole(void)
{
	static const uint8_t head[] = {1, 0, 1, 3}, system[32], blockhash[32] = {1};
	const uint8_t count = 40;
	uint8_t space[1232], id[32];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer;

	fresh("whole", 3000000, id);
	CHECK(buffer_put(&message, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(&message, bytes_of(world.address, 32)) == STATUS_OK &&
	      buffer_put(&message, bytes_of(world.recipient, 32)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(system)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(blockhash)) == STATUS_OK &&
	      buffer_put(&message, bytes_of(&count, 1)) == STATUS_OK);
	for (uint8_t i = 0; i < count; i++) {
		const uint8_t transfer[] = {2, 2, 0, 1, 12, 2, 0, 0, 0, i, 1, 0, 0, 0, 0, 0, 0};

		CHECK(buffer_put(&message, BYTES_OF_ARRAY(transfer)) == STATUS_OK);
	}
	answer = sign_bytes(buffer_bytes(&message), CALL_SIGN_DRY_RUN | CALL_SIGN_DESCRIBE);
	EXPECT(answer.result == CALL_RESULT_ALLOWED);
	EXPECT(answer.description.len > 2048);
	for (uint8_t i = 0; i < count; i++) {
		unsigned digits = 256u + i;
		char amount[32];
		int len;

		while (digits % 10 == 0)
			digits /= 10; /* is not written */
		len = snprintf(amount, sizeof(amount), "0.000000%u SOL", digits);
		EXPECT(memmem(answer.description.data, answer.description.len, amount,
		              (size_t)len) != NULL);
	}
}

/* A module refuses what is left of no counter; that waiting helps the signer knows. */
static void test_a_spent_window_is_told_from_a_spent_total(void)
{
	uint8_t id[32], space[512];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer;

	fresh("windows", 1000000, id);
	EXPECT(sign(900000) == CALL_RESULT_SIGNED);
	EXPECT(sign(900000) == CALL_RESULT_POLICY_DENIED);
	EXPECT(take_back(&world, id) == STATUS_OK);
	for (uint8_t window = AUTHZ_WINDOW_HOUR; window <= AUTHZ_WINDOW_DAY; window++) {
		world.window = window;
		grant(&world, 950000, id);
		EXPECT(sign(900000) == CALL_RESULT_SIGNED);
		message_of(900000, &message);
		answer = sign_bytes(buffer_bytes(&message), 0);
		EXPECT(answer.result == CALL_RESULT_WINDOW_SPENT && answer.retry_after_ms != 0);
		EXPECT(sign(960000) == CALL_RESULT_POLICY_DENIED); /* never fits */
		EXPECT(sign(10000) == CALL_RESULT_SIGNED);
		EXPECT(take_back(&world, id) == STATUS_OK);
	}
	world.window = 0;
}

/* ---- durable nonces ---- */

/* A world whose grant names a nonce account; 5,000 of each transaction is its fee. */
static void fresh_nonce(const char *name, uint64_t cap, uint8_t ret_grant[32])
{
	uint8_t first[32];
	struct buffer body = BUFFER_OF_ARRAY(body_space);

	fresh(name, 1, first);
	EXPECT(take_back(&world, first) == STATUS_OK);
	world.uses_nonce = true;
	keys_random(world.nonce_account, 32);
	/* What an hour or a day counts says nothing of signatures that do not expire. */
	for (uint8_t window = AUTHZ_WINDOW_HOUR; window <= AUTHZ_WINDOW_DAY; window++) {
		world.window = window;
		world.cap = cap;
		body.len = 0;
		rig_grant_body(&world, world.client_id, &body);
		EXPECT(make(&world, AUTHZ_ACTION_GRANT, &body) == STATUS_REFUSED);
		EXPECT(strstr(rig.refusal, "in total only") != NULL);
	}
	world.window = 0;
	grant(&world, cap, ret_grant);
}

/* The nonce that the runtime makes of a blockhash. */
static void nonce_of(const uint8_t blockhash[32], uint8_t ret_nonce[32])
{
	struct bytes parts[2] = {bytes_of_text("DURABLE_NONCE"), bytes_of(blockhash, 32)};

	keys_sha256(parts, 2, ret_nonce);
}

static struct call_sign_request nonce_request(uint64_t lamports, const uint8_t nonce[32],
                                              const uint8_t *origin, struct buffer *message)
{
	struct call_sign_request request;

	rig_nonce_message(&world, lamports, nonce, message);
	request = rig_sign_request(&world, buffer_bytes(message));
	request.has_nonce_origin = origin != NULL;
	if (origin != NULL)
		memcpy(request.nonce_origin, origin, 32);
	return request;
}

static enum call_result sign_nonce(uint64_t lamports, const uint8_t nonce[32],
                                   const uint8_t *origin)
{
	uint8_t space[512];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_request request = nonce_request(lamports, nonce, origin, &message);
	struct call_sign_answer answer = {.result = CALL_RESULT_COUNT};

	return rig_sign(&rig, &request, &answer) ? answer.result : CALL_RESULT_COUNT;
}

/* Revokes, and gives the nonces that the answer lists. */
static size_t revoke_lists(const uint8_t id[32], struct authz_nonce ret_nonces[AUTHZ_NONCES_MAX],
                           uint64_t *ret_before)
{
	static struct authz_submit_answer said;
	static struct authz_change change;
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);

	CHECK(authz_id_put(id, &body) == STATUS_OK && rig_wallet_refresh(&rig, &world));
	change = change_of(&world, AUTHZ_ACTION_REVOKE, &body);
	CHECK(rig_change(&rig, &change, &world.user, &answer) == STATUS_OK);
	CHECK(authz_submit_answer_take(buffer_bytes(&answer), &said) == STATUS_OK);
	EXPECT(said.outstanding_count == 1 && memcmp(said.outstanding[0].grant, id, 32) == 0);
	memcpy(ret_nonces, said.outstanding[0].rows.data, said.outstanding[0].rows.len);
	*ret_before = said.outstanding[0].before;
	return said.outstanding[0].rows.len / sizeof(struct authz_nonce);
}

/* A18: at most one on a proven nonce is ever carried out, so they count as the largest. */
static void test_those_on_one_proven_nonce_count_as_the_largest(void)
{
	uint8_t id[32], first[32], second[32], first_nonce[32], second_nonce[32];
	struct authz_nonce listed[AUTHZ_NONCES_MAX];
	uint64_t before;

	fresh_nonce("nonce-proven", 1500000, id);
	keys_random(first, 32);
	keys_random(second, 32);
	nonce_of(first, first_nonce);
	nonce_of(second, second_nonce);
	EXPECT(sign_nonce(600000, first_nonce, first) == CALL_RESULT_SIGNED);
	for (uint64_t i = 0; i < 8; i++)
		EXPECT(sign_nonce(900000 + i, first_nonce, first) == CALL_RESULT_SIGNED);
	/* Once it is known to be a nonce, nobody has to say it again. */
	EXPECT(sign_nonce(899999, first_nonce, NULL) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(899998, first_nonce, NULL) == CALL_RESULT_SIGNED);
	/* 905,007 are spent: another nonce is another transaction. */
	EXPECT(sign_nonce(600000, second_nonce, second) != CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(500000, second_nonce, second) == CALL_RESULT_SIGNED);
	/* 1,410,007: the larger one of a value counts what it is larger by. */
	EXPECT(sign_nonce(990001, first_nonce, first) != CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(990000, first_nonce, first) == CALL_RESULT_SIGNED);
	EXPECT(revoke_lists(id, listed, &before) == 2 && before == 0);
	EXPECT(memcmp(listed[0].account, world.nonce_account, 32) == 0);
	EXPECT(memcmp(listed[0].value, first_nonce, 32) == 0);
	EXPECT(memcmp(listed[1].value, second_nonce, 32) == 0);
	EXPECT(sign_nonce(1, first_nonce, first) == CALL_RESULT_GRANT_REVOKED);
}

/* Each of the wallet's limits, too, but for how often it signs. */
static void test_a_nonce_counts_as_its_largest_in_each_limit_of_the_wallet(void)
{
	static const struct authz_counter_rule limits[2] = {
	    {.id = 1, .unit = AUTHZ_UNIT_USES,     .window = AUTHZ_WINDOW_TOTAL, .cap = 4      },
	    {.id = 2, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = 1000000}
        };
	uint8_t id[32], first[32], second[32], first_nonce[32], second_nonce[32];

	fresh_nonce("nonce-limits", 90000000, id);
	EXPECT(set_limits(&world, limits, 2) == STATUS_OK);
	keys_random(first, 32);
	keys_random(second, 32);
	nonce_of(first, first_nonce);
	nonce_of(second, second_nonce);
	EXPECT(sign_nonce(600000, first_nonce, first) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(700000, first_nonce, first) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(990000, first_nonce, first) == CALL_RESULT_SIGNED);
	/* 995,000 are spent. */
	EXPECT(sign_nonce(995001, first_nonce, first) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(sign_nonce(1, second_nonce, second) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(sign_nonce(650000, first_nonce, first) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(650001, first_nonce, first) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 0 && rig_wallet(&rig, &world)->left[1] == 5000);
}

/* A lifetime that is a blockhash makes transactions that are all carried out, AdvanceNonce in front
 * or not: what is not proven counts each. A wrong proof is refused. */
static void test_a_lifetime_that_may_be_a_blockhash_counts_each(void)
{
	uint8_t id[32], blockhash[32], other[32];

	fresh_nonce("nonce-unproven", 1500000, id);
	keys_random(blockhash, 32);
	keys_random(other, 32);
	EXPECT(sign_nonce(700000, blockhash, other) == CALL_RESULT_REQUEST_MALFORMED);
	EXPECT(sign_nonce(700000, blockhash, blockhash) == CALL_RESULT_REQUEST_MALFORMED);
	EXPECT(sign_nonce(700000, blockhash, NULL) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(700001, blockhash, NULL) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(700002, blockhash, NULL) != CALL_RESULT_SIGNED);
}

/* B5, B8: a nonce account that a lookup table names is none that the grant could mean. */
static void test_a_nonce_account_in_a_lookup_table_is_refused(void)
{
	static const uint8_t head[] = {0x80, 1, 0, 2, 4}, system[32], value[32] = {7},
	                     recent[32] = {0x06, 0xa7, 0xd5, 0x17, 0x19, 0x2c, 0x56, 0x8e,
	                                   0xe0, 0x8a, 0x84, 0x5f, 0x73, 0xd2, 0x97, 0x88,
	                                   0xcf, 0x03, 0x5c, 0x31, 0x45, 0xb2, 0x1a, 0xb3,
	                                   0x44, 0xd8, 0x06, 0x2e, 0xa9, 0x40, 0x00, 0x00};
	/* AdvanceNonce of what is looked up, and a transfer of 9. */
	static const uint8_t instructions[] = {2, 2,  3, 4, 3, 0, 4, 4, 0, 0, 0, 2, 2, 0,
	                                       1, 12, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t looked_up[] = {1, 0, 0}, one = 1;
	uint8_t space[512], id[32];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_sign_request request;
	struct call_sign_answer answer = {.result = CALL_RESULT_COUNT};

	fresh_nonce("nonce-hidden", 1500000, id);
	CHECK(buffer_put(&out, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(world.address)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(world.recipient)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(system)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(recent)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(value)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(instructions)) == STATUS_OK &&
	      buffer_put(&out, bytes_of(&one, 1)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(value)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(looked_up)) == STATUS_OK);
	request = rig_sign_request(&world, buffer_bytes(&out));
	EXPECT(rig_sign(&rig, &request, &answer) && answer.result == CALL_RESULT_NONCE_REFUSED);
}

/* In one atomic batch, too; and a batch that does not fit takes nothing. */
static void test_a_batch_on_one_nonce_counts_as_its_largest(void)
{
	static struct call_sign_request requests[CALL_BATCH_MAX];
	struct call_sign_answer answers[CALL_BATCH_MAX];
	uint8_t id[32], blockhash[32], nonce[32], fresh_hash[32], fresh_value[32];

	fresh_nonce("nonce-batch", 1000000, id);
	keys_random(blockhash, 32);
	nonce_of(blockhash, nonce);
	keys_random(fresh_hash, 32);
	nonce_of(fresh_hash, fresh_value);
	for (unsigned round = 0; round < 2; round++) {
		size_t count = 5;

		for (size_t i = 0; i < count; i++) {
			struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);
			bool other = round == 0 && i == count - 1; /* the one too much */

			requests[i] = nonce_request(700000 + i, other ? fresh_value : nonce,
			                            other ? fresh_hash : blockhash, &message);
			requests[i].flags = CALL_SIGN_ATOMIC;
			requests[i].batch_index = (uint16_t)i;
			requests[i].batch_count = (uint16_t)count;
		}
		EXPECT(exchange(requests, count, answers, LONG_US) == count);
		EXPECT(signed_of(answers, count) == (round == 0 ? 0 : count));
	}
	EXPECT(sign_nonce(280000, fresh_value, fresh_hash) == CALL_RESULT_SIGNED);
	EXPECT(sign_nonce(295000, fresh_value, fresh_hash) != CALL_RESULT_SIGNED);
}

/* Every nonce is written before something is signed on it; more than are kept are told as a number;
 * and a start that knows nothing of what was counted counts again, never less. */
static void test_what_is_outstanding_outlives_a_crash(void)
{
	uint8_t id[32], blockhash[32] = {0}, nonce[32];
	struct authz_nonce listed[AUTHZ_NONCES_MAX];
	uint64_t before;

	fresh_nonce("nonce-crash", 200000000, id);
	for (uint8_t i = 0; i < AUTHZ_NONCES_MAX + 3; i++) {
		blockhash[0] = i;
		nonce_of(blockhash, nonce);
		EXPECT(sign_nonce(600000, nonce, blockhash) == CALL_RESULT_SIGNED);
	}
	EXPECT(limit(&world, id, 23000000) == STATUS_OK); /* 21,175,000 are spent */
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign_nonce(600001, nonce, blockhash) != CALL_RESULT_SIGNED);
	EXPECT(revoke_lists(id, listed, &before) == AUTHZ_NONCES_MAX && before == 3);
	EXPECT(memcmp(listed[AUTHZ_NONCES_MAX - 1].value, nonce, 32) == 0);
}

/* U5, A25: what the bridge takes for a client's token. Any stranger can get an answer that comes
 * before the look at its token; that answer must not say that there is such a client. */
static void test_only_who_was_looked_for_is_found(void)
{
	static const uint8_t junk[] = {1, 2, 3};
	uint64_t lamports[2] = {1000, 1000};
	struct call_sign_answer answers[2], answer;
	uint8_t space[512], grant[32];
	struct buffer message = BUFFER_OF_ARRAY(space);

	fresh("found", 1000000, grant);
	message_of(1000, &message);
	answer = sign_bytes(buffer_bytes(&message), 0);
	EXPECT(answer.result == CALL_RESULT_SIGNED && answer.client_found);
	world.token[0] ^= 1;
	answer = sign_bytes(buffer_bytes(&message), 0);
	EXPECT(answer.result == CALL_RESULT_TOKEN_REFUSED && !answer.client_found);
	answer = sign_bytes(BYTES_OF_ARRAY(junk), 0);
	EXPECT(answer.result == CALL_RESULT_BYTES_MALFORMED && !answer.client_found);
	EXPECT(batch(lamports, 2, answers) == 2);
	for (size_t i = 0; i < 2; i++)
		EXPECT(!answers[i].client_found && answers[i].result != CALL_RESULT_SIGNED);
	world.token[0] ^= 1;
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
}

/* A site's ceiling holds for what an atomic batch asks together: one after the other would have
 * frozen the client, so does the batch, and nothing of it is signed. */
static void test_a_batch_does_not_pass_a_ceiling_of_the_site(void)
{
	uint64_t lamports[4] = {100000, 100000, 100000, 100000};
	struct call_sign_answer answers[CALL_BATCH_MAX];
	const char *usual = rig.setting;
	uint8_t id[32];

	rig_stop(&rig);
	rig.setting = "client_lamports_hour=315000";
	rig_start(&rig, folder, false);
	fresh("ceiling-batch", 300000000, id);
	EXPECT(batch(lamports, 3, answers) == 3);
	EXPECT(signed_of(answers, 3) == 3);
	fresh("ceiling-batch-2", 300000000, id);
	EXPECT(batch(lamports, 4, answers) == 4);
	EXPECT(signed_of(answers, 4) == 0);
	EXPECT(answers[3].result == CALL_RESULT_CLIENT_CEILING);
	EXPECT(receipts_hold(&world, 4));
	EXPECT(sign(1) == CALL_RESULT_CLIENT_FROZEN);
	rig_stop(&rig);
	rig.setting = usual;
	rig_start(&rig, folder, false);
}

/* A grant of the module in `path` for the world's client, without parameters, with a cap. */
static void grant_module(const char *path, enum authz_module_kind kind, uint64_t cap,
                         uint8_t ret_id[32])
{
	static uint8_t module[LIMIT_MODULE_MAX], bytes_space[LIMIT_CHANGE_MAX],
	    text_space[LIMIT_DESCRIPTION_MAX];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space), body = BUFFER_OF_ARRAY(body_space),
	              bytes = BUFFER_OF_ARRAY(bytes_space), text = BUFFER_OF_ARRAY(text_space);
	static struct authz_grant_body grant;
	static struct authz_change change;
	struct authz_module_answer learned;
	FILE *file = fopen(path, "rb");
	size_t len;

	CHECK(file != NULL);
	len = fread(module, 1, sizeof(module), file);
	fclose(file);
	CHECK(rig_module_add(&rig, NULL, bytes_of(module, len), &answer) == STATUS_OK);
	CHECK(authz_module_answer_take(buffer_bytes(&answer), &learned) == STATUS_OK);
	EXPECT(learned.module_kind == kind);
	grant = (struct authz_grant_body){
	    .parameters = bytes_of("\xa0", 1),
	    .schema = learned.schema,
	    .counter_count = 1,
	    .counters = {
	        {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = cap}}};
	memcpy(grant.client, world.client_id, 32);
	memcpy(grant.module, learned.hash, 32);
	CHECK(authz_grant_put(&grant, &body) == STATUS_OK && rig_wallet_refresh(&rig, &world));
	change = change_of(&world, AUTHZ_ACTION_GRANT, &body);
	CHECK(rig_prepare(&rig, &change, &bytes, &text) == STATUS_OK);
	authz_grant_id(buffer_bytes(&bytes), world.wallet, ret_id);
	answer.len = 0;
	CHECK(rig_change(&rig, &change, &world.user, &answer) == STATUS_OK);
}

/* B4: custom code that says that nothing leaves is not believed where anybody sees it leave. */
static void test_custom_code_does_not_hide_what_the_message_shows(void)
{
	uint8_t first[32], liar[32];

	fresh("liar", 1, first);
	CHECK(take_back(&world, first) == STATUS_OK);
	grant_module(BUILD_DIR "/tests/hostile/liar.wasm", AUTHZ_MODULE_CUSTOM, 1000000, liar);
	EXPECT(sign(0) == CALL_RESULT_SIGNED); /* the fee is all that leaves */
	EXPECT(sign(1) == CALL_RESULT_POLICY_DENIED);
	EXPECT(sign(500000) == CALL_RESULT_POLICY_DENIED);
}

/* A grant of the intent in this file of the folder of tests. */
static void grant_intent(const char *name, uint8_t ret_id[32])
{
	char command[512], path[64];

	snprintf(path, sizeof(path), "%s/%s.wasm", folder, name);
	snprintf(command, sizeof(command),
	         BUILD_DIR "/bin/claviger policy build " SOURCE_DIR
	                   "/tests/boundary/%s.toml -o %s >/dev/null 2>&1",
	         name, path);
	CHECK(system(command) == 0);
	grant_module(path, AUTHZ_MODULE_INTENT, 1000000, ret_id);
}

/* The wallet sets an authority over its associated token account of some mint. */
static enum call_result set_authority(uint8_t kind)
{
	static const uint8_t mint[32] = {'m'};
	const uint8_t head[] = {1, 0, 2, 4}, instruction[] = {1, 2, 2, 1, 0, 35, 6, kind, 1};
	uint8_t space[512], account[32], blockhash[32] = {next_tag++};
	struct buffer message = BUFFER_OF_ARRAY(space);

	CHECK(solana_associated_token_address(world.address, mint, solana_id_token, keys_sha256,
	                                      account) == STATUS_OK);
	CHECK(buffer_put(&message, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(world.address)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(account)) == STATUS_OK &&
	      buffer_put(&message, bytes_of(solana_id_token, 32)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(mint)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(blockhash)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(instruction)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(world.recipient)) == STATUS_OK);
	return sign_bytes(buffer_bytes(&message), 0).result;
}

/* B3: what a module was asked may be longer than one answer of an export; it comes in pieces. */
static void test_an_input_longer_than_an_answer_is_exported_whole(void)
{
	enum { KEYS = 64, USES = 20 };
	const uint8_t head[] = {0x81, 1, 0, KEYS - 1, 0, 0, 0, 0};
	static uint8_t space[LIMIT_MESSAGE_MAX];
	struct buffer message = BUFFER_OF_ARRAY(space);
	uint8_t key[32] = {1}, counts[] = {KEYS, KEYS}, uses[USES + 1] = {[USES] = 9}, first[32];
	const uint8_t begin[] = {1, USES, 1, 0}; /* program, accounts, length of the data */

	fresh("long", 3000000, first);
	CHECK(buffer_put(&message, BYTES_OF_ARRAY(head)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(key)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(counts)) == STATUS_OK &&
	      buffer_put(&message, BYTES_OF_ARRAY(world.address)) == STATUS_OK);
	for (key[1] = 1; key[1] < KEYS; key[1]++)
		CHECK(buffer_put(&message, BYTES_OF_ARRAY(key)) == STATUS_OK);
	for (size_t i = 0; i < KEYS; i++)
		CHECK(buffer_put(&message, BYTES_OF_ARRAY(begin)) == STATUS_OK);
	for (size_t i = 0; i < KEYS; i++)
		CHECK(buffer_put(&message, BYTES_OF_ARRAY(uses)) == STATUS_OK);
	EXPECT(sign(1000) == CALL_RESULT_SIGNED);
	EXPECT(sign_bytes(buffer_bytes(&message), 0).result == CALL_RESULT_POLICY_DENIED);
	EXPECT(sign(2000) == CALL_RESULT_SIGNED);
	EXPECT(receipts_hold(&world, 3));
}

/* A20: other grants take an account for the wallet's by its address, so none gives it away; once an
 * intent was granted that may, no address proves anything any more, whatever becomes of the grant.
 */
static void test_what_counts_by_its_address_is_not_given_away(void)
{
	uint8_t first[32], id[32], give[32];

	fresh("given", 1, first);
	CHECK(take_back(&world, first) == STATUS_OK);
	grant_module(BUILD_DIR "/tests/hostile/liar.wasm", AUTHZ_MODULE_CUSTOM, 1000000, id);
	EXPECT(set_authority(2) == CALL_RESULT_FLOOR_REFUSED);
	EXPECT(set_authority(3) == CALL_RESULT_FLOOR_REFUSED);
	EXPECT(set_authority(0) == CALL_RESULT_SIGNED);
	CHECK(take_back(&world, id) == STATUS_OK);
	grant_intent("module", id);
	EXPECT(!rig_wallet(&rig, &world)->ownership_lost);
	EXPECT(set_authority(2) == CALL_RESULT_FLOOR_REFUSED);
	grant_intent("give", give);
	EXPECT(rig_wallet(&rig, &world)->ownership_lost);
	/* What it takes for its own account by the address is not proven either. */
	EXPECT(set_authority(2) == CALL_RESULT_POLICY_DENIED);
	CHECK(take_back(&world, give) == STATUS_OK);
	EXPECT(rig_wallet(&rig, &world)->ownership_lost);
	grant_module(BUILD_DIR "/tests/hostile/liar.wasm", AUTHZ_MODULE_CUSTOM, 1000000, id);
	EXPECT(set_authority(2) == CALL_RESULT_SIGNED);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(rig_wallet(&rig, &world)->ownership_lost);
}

/* How often the bridge is told, until its request is answered, that the answer will take longer. */
static unsigned laters_until(enum call_result wanted, uint64_t lamports)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	uint8_t message_space[512];
	struct buffer message = BUFFER_OF_ARRAY(message_space), out = BUFFER_OF_ARRAY(space);
	struct call_sign_request request;
	unsigned laters = 0;

	message_of(lamports, &message);
	request = rig_sign_request(&world, buffer_bytes(&message));
	request.request = ++rig.next_id;
	CHECK(call_sign_put_request(&request, &out) == STATUS_OK);
	CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) == STATUS_OK);
	for (;;) {
		struct ipc_message heard = {.kind = 0};
		struct call_sign_answer answer;

		CHECK(rig_take(&rig, &rig.bridge, &heard, LONG_US) == STATUS_OK);
		laters += heard.kind == CALL_BRIDGE_LATER;
		if (heard.kind != CALL_BRIDGE_SIGN_ANSWER)
			continue;
		CHECK(call_sign_take_answer(buffer_bytes(&heard.payload), &answer) == STATUS_OK);
		EXPECT(answer.request == request.request && answer.result == wanted);
		return laters;
	}
}

/* A bridge that waits for an answer looks at nothing else, for it comes at once; when it does not,
 * others must not wait for it, too: once for a request the signer says so. */
static void test_the_bridge_hears_when_an_answer_takes_longer(void)
{
	uint8_t first[32], liar[32];

	fresh("later", 3000000, first);
	EXPECT(laters_until(CALL_RESULT_SIGNED, 1000) == 1); /* for the module, and the store */
	EXPECT(laters_until(CALL_RESULT_SIGNED, 1001) == 0);
	EXPECT(laters_until(CALL_RESULT_POLICY_DENIED, 3000001) == 0);
	CHECK(take_back(&world, first) == STATUS_OK);
	grant_module(BUILD_DIR "/tests/hostile/liar.wasm", AUTHZ_MODULE_CUSTOM, 1000000, liar);
	EXPECT(laters_until(CALL_RESULT_SIGNED, 0) == 1);
	EXPECT(laters_until(CALL_RESULT_POLICY_DENIED, 1) == 1); /* custom code is not waited for */
}

/* ---- limits of a wallet, over all its grants (B4) ---- */

#define FEE UINT64_C(5000)

/* As many requests at once as fit, alternating between the wallet's grants by name; how many were
 * signed. */
static size_t sign_at_once(const uint8_t (*grants)[32], size_t grant_count, uint64_t lamports,
                           size_t count)
{
	static struct call_sign_request requests[CALL_BATCH_MAX];
	struct call_sign_answer answers[CALL_BATCH_MAX];

	CHECK(count <= CALL_BATCH_MAX);
	for (size_t i = 0; i < count; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		message_of(lamports, &message);
		requests[i] = rig_sign_request(&world, buffer_bytes(&message));
		requests[i].has_grant = true;
		memcpy(requests[i].grant, grants[i % grant_count], 32);
	}
	EXPECT(exchange(requests, count, answers, LONG_US) == count);
	for (size_t i = 0; i < count; i++)
		EXPECT(answers[i].result == CALL_RESULT_SIGNED ||
		       answers[i].result == CALL_RESULT_WALLET_CAP_EXCEEDED);
	return signed_of(answers, count);
}

/* Five grants have five caps; the wallet has one. What two of them ask for at once does not pass it
 * together, fees counted; and not a lamport more over a crash, whatever was leased. */
static void test_grants_together_do_not_pass_a_limit_of_the_wallet(void)
{
	uint8_t grants[5][32];
	struct call_sign_answer answer;
	uint8_t space[512];
	struct buffer message = BUFFER_OF_ARRAY(space);

	fresh("limit-together", 300000000, grants[0]);
	for (size_t i = 1; i < 5; i++)
		grant(&world, 300000000, grants[i]);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 4 * (900000 + FEE)) == STATUS_OK);
	EXPECT(sign_at_once(grants, 5, 900000, CALL_BATCH_MAX) == 4);
	EXPECT(rig_wallet(&rig, &world)->has_left && rig_wallet(&rig, &world)->left[0] == 0);
	/* The reason is the wallet's own, and says how much is left. */
	message_of(900000, &message);
	answer = sign_bytes(buffer_bytes(&message), 0);
	EXPECT(answer.result == CALL_RESULT_WALLET_CAP_EXCEEDED && answer.reason_count == 5);
	EXPECT(bytes_equal(answer.reasons[0].text,
	                   bytes_of_text("limit 1 of the wallet: this takes 905000, and 0 is left "
	                                 "of 3620000")));
	EXPECT(sign_bytes(buffer_bytes(&message), CALL_SIGN_DRY_RUN).result ==
	       CALL_RESULT_WALLET_CAP_EXCEEDED);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign_at_once(grants, 5, 1, 5) == 0);
	/* More, and of it exactly one; a fee is enough to pass it. */
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 4 * (900000 + FEE) + FEE) == STATUS_OK);
	EXPECT(sign_at_once(grants, 5, 1, 5) == 0);
	EXPECT(sign_at_once(grants, 5, 0, 5) == 1);
}

/* A crash loses what was leased, never a limit: what is signed over many of them stays below. */
static void test_a_limit_of_the_wallet_outlives_crashes(void)
{
	uint8_t grants[2][32];
	size_t total = 0;

	fresh("limit-crash", 300000000, grants[0]);
	grant(&world, 300000000, grants[1]);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 40 * (500000 + FEE)) == STATUS_OK);
	for (size_t round = 0; round < 6; round++) {
		total += sign_at_once(grants, 2, 500000, 4);
		EXPECT(rig_wallet(&rig, &world)->left[0] <= (40 - total) * (500000 + FEE));
		rig_stop(&rig);
		rig_start(&rig, folder, false);
		EXPECT(rig_wallet(&rig, &world)->limit_count == 1);
	}
	for (size_t round = 0; round < 6; round++)
		total += sign_at_once(grants, 2, 500000, CALL_BATCH_MAX);
	EXPECT(total > 0 && total <= 40);
	/* An orderly stop gives the lease back: nothing is lost. */
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 80 * (500000 + FEE)) == STATUS_OK);
	EXPECT(sign_at_once(grants, 2, 500000, 1) == 1);
	uint64_t left = rig_wallet(&rig, &world)->left[0];
	rig_end(&rig);
	rig_start(&rig, folder, false);
	EXPECT(rig_wallet(&rig, &world)->left[0] == left);
}

/* B4: limits that a wallet is born with hold for its first grant, also over a start; and they are
 * like any other of them: one that rises names the state it is for. */
static void test_a_wallet_is_born_with_its_limits(void)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_limit_body more = {.of_wallet = true, .limit_count = 1};
	const struct authz_wallet_record *shown;
	static struct authz_change change;

	world = (struct rig_world){.cap = 300000000, .limit_count = 2};
	world.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = 1000000};
	world.limits[1] = (struct authz_counter_rule){
	    .id = 5, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_DAY, .cap = 3};
	rig_world_make(&rig, &world, "born-limited");
	shown = rig_wallet(&rig, &world);
	EXPECT(shown->limit_count == 2 && shown->version == 2);
	EXPECT(memcmp(shown->limits, world.limits, sizeof(shown->limits)) == 0);
	EXPECT(shown->has_left && shown->left[0] == 1000000 && shown->left[1] == 3);
	EXPECT(sign(600000) == CALL_RESULT_SIGNED);
	EXPECT(sign(600001) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	rig_end(&rig);
	rig_start(&rig, folder, false);
	EXPECT(sign(600002) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(sign(300000) == CALL_RESULT_SIGNED);
	EXPECT(sign(10000) == CALL_RESULT_SIGNED);
	EXPECT(sign(10001) == CALL_RESULT_WALLET_WINDOW_SPENT);
	more.limits[0] = world.limits[0];
	more.limits[0].cap++;
	CHECK(authz_limit_put(&more, &body) == STATUS_OK && rig_wallet_refresh(&rig, &world));
	change = change_of(&world, AUTHZ_ACTION_LIMIT, &body);
	change.entries[0].has_previous = false;
	memset(change.entries[0].previous, 0, 32);
	EXPECT(rig_change(&rig, &change, &world.user, &answer) == STATUS_REFUSED);
	EXPECT(set_limits(&world, more.limits, 1) == STATUS_OK);
	EXPECT(rig_wallet(&rig, &world)->limit_count == 1 &&
	       rig_wallet(&rig, &world)->left[0] < 110000);
}

static void test_a_limit_of_the_wallet_falls_at_once_and_rises_for_the_state_that_was_seen(void)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_limit_body less = {.of_wallet = true};
	struct authz_counter_rule two[2] = {
	    {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY,  .cap = 1000000},
	    {.id = 2, .unit = AUTHZ_UNIT_USES,     .window = AUTHZ_WINDOW_HOUR, .cap = 2      },
	};
	static struct authz_change change;
	uint8_t id[32];

	fresh("limit-asymmetry", 300000000, id);
	EXPECT(set_limits(&world, two, 2) == STATUS_OK);
	EXPECT(sign(100000) == CALL_RESULT_SIGNED);
	EXPECT(sign(100001) == CALL_RESULT_SIGNED);
	EXPECT(sign(100002) == CALL_RESULT_WALLET_WINDOW_SPENT);
	/* Without the state that it is for, a limit may come or fall; none may rise or go. */
	const struct {
		size_t count;
		uint64_t day, uses;
		enum status wanted;
	} cases[] = {
	    {0, 0,       0, STATUS_REFUSED},
            {1, 1000000, 0, STATUS_REFUSED},
	    {2, 1000001, 2, STATUS_REFUSED},
            {2, 1000000, 3, STATUS_REFUSED},
	    {2, 900000,  3, STATUS_REFUSED},
            {2, 900000,  2, STATUS_OK     },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		less.limit_count = cases[i].count;
		memcpy(less.limits, two, sizeof(two));
		less.limits[0].cap = cases[i].day;
		less.limits[1].cap = cases[i].uses;
		body.len = answer.len = 0;
		CHECK(authz_limit_put(&less, &body) == STATUS_OK);
		CHECK(rig_wallet_refresh(&rig, &world));
		change = change_of(&world, AUTHZ_ACTION_LIMIT, &body);
		change.entries[0].has_previous = false;
		memset(change.entries[0].previous, 0, 32);
		EXPECT(rig_change(&rig, &change, &world.user, &answer) == cases[i].wanted);
	}
	EXPECT(rig_wallet(&rig, &world)->limits[0].cap == 900000);
	/* With it, a limit may go: the others go on counting. */
	two[0].cap = 900000;
	EXPECT(set_limits(&world, two, 1) == STATUS_OK);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 900000 - 200001 - 2 * FEE);
	EXPECT(sign(100003) == CALL_RESULT_SIGNED);
	/* One that comes back begins anew, in memory and from the disk. */
	EXPECT(set_limits(&world, two, 0) == STATUS_OK &&
	       rig_wallet(&rig, &world)->limit_count == 0);
	EXPECT(sign(800000) == CALL_RESULT_SIGNED);
	EXPECT(set_limits(&world, two, 1) == STATUS_OK);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 900000);
	EXPECT(set_limits(&world, two, 0) == STATUS_OK);
	EXPECT(set_limits(&world, two, 1) == STATUS_OK);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 900000);
	EXPECT(sign(895000) == CALL_RESULT_SIGNED);
	EXPECT(sign(1) == CALL_RESULT_WALLET_WINDOW_SPENT);
	EXPECT(sign(900001) == CALL_RESULT_WALLET_CAP_EXCEEDED); /* waiting will not help */
}

/* An atomic batch: all or none, and what it tried in vain counts nothing. */
static void test_a_batch_above_a_limit_of_the_wallet_counts_nothing(void)
{
	uint64_t lamports[4] = {900000, 900000, 900000, 900000};
	struct call_sign_answer answers[CALL_BATCH_MAX];
	uint8_t id[32];

	fresh("limit-batch", 300000000, id);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 3 * (900000 + FEE)) == STATUS_OK);
	EXPECT(batch(lamports, 4, answers) == 4);
	EXPECT(signed_of(answers, 4) == 0);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 3 * (900000 + FEE));
	EXPECT(batch(lamports, 3, answers) == 3);
	EXPECT(signed_of(answers, 3) == 3);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 0);
}

/* B4: a batch with the same bytes twice is charged for them once, and has one signature for both.
 */
static void test_the_same_bytes_twice_in_a_batch_count_once(void)
{
	static const size_t of[4] = {0, 1, 0, 0};
	struct call_sign_request requests[4];
	struct call_sign_answer answers[4];
	uint8_t id[32];

	fresh("batch-twins", 2 * (900000 + FEE), id);
	for (size_t i = 0; i < 4; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		if (of[i] == i) {
			message_of(900000, &message);
			requests[i] = rig_sign_request(&world, buffer_bytes(&message));
		} else {
			requests[i] = requests[of[i]];
		}
		requests[i].flags = CALL_SIGN_ATOMIC;
		requests[i].batch_index = (uint16_t)i;
		requests[i].batch_count = 4;
	}
	EXPECT(exchange(requests, 4, answers, LONG_US) == 4);
	EXPECT(signed_of(answers, 4) == 4);
	for (size_t i = 0; i < 4; i++) {
		EXPECT(memcmp(answers[i].signature, answers[of[i]].signature, 64) == 0);
		EXPECT(memcmp(answers[i].decision, answers[of[i]].decision, 32) == 0);
		EXPECT(answers[i].number == answers[of[i]].number);
		EXPECT(answers[i].repeated == (of[i] != i));
	}
	EXPECT(receipts_hold(&world, 2));
	EXPECT(sign(1000) != CALL_RESULT_SIGNED); /* the cap is spent, exactly */
}

/* Makes one atomic batch of these requests of 900,000 lamports each. */
static size_t batch_of(const struct rig_world *const *of, const uint8_t *const *grants,
                       size_t count, struct call_sign_answer *ret_answers)
{
	static struct call_sign_request requests[CALL_BATCH_MAX];

	for (size_t i = 0; i < count; i++) {
		struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

		rig_transfer_message(of[i]->address, of[i]->recipient, 900000, next_tag++,
		                     &message);
		requests[i] = rig_sign_request(of[i], buffer_bytes(&message));
		requests[i].has_grant = true;
		memcpy(requests[i].grant, grants[i], 32);
		requests[i].flags = CALL_SIGN_ATOMIC;
		requests[i].batch_index = (uint16_t)i;
		requests[i].batch_count = (uint16_t)count;
	}
	EXPECT(exchange(requests, count, ret_answers, LONG_US) == count);
	return signed_of(ret_answers, count);
}

/* Two grants are charged to one limit, two wallets to one each; the one that passes it is refused
 * with the limit that it passed, and its receipt says so. */
static void test_a_batch_over_grants_and_wallets_is_charged_to_each_limit(void)
{
	static struct rig_world second;
	uint8_t one[32], two[32], there[32];
	const struct rig_world *const same[] = {&world, &world, &world, &world};
	const uint8_t *const both[] = {one, two, two, one};
	const struct rig_world *const mixed[] = {&world, &second, &world, &second};
	const uint8_t *const mixed_grants[] = {one, there, two, there};
	struct call_sign_answer answers[CALL_BATCH_MAX];

	fresh("limit-there", 300000000, there);
	second = world;
	fresh("limit-here", 300000000, one);
	grant(&world, 300000000, two);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 3 * (900000 + FEE)) == STATUS_OK);
	EXPECT(lamports_limit(&second, AUTHZ_WINDOW_TOTAL, 900000 + FEE) == STATUS_OK);
	EXPECT(batch_of(same, both, 4, answers) == 0);
	EXPECT(answers[3].result == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(answers[3].reason_count == 1 &&
	       answers[3].reasons[0].result == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(answers[0].result == CALL_RESULT_BATCH_ABORTED);
	EXPECT(receipts_hold(&world, 4));
	EXPECT(batch_of(mixed, mixed_grants, 4, answers) == 0);
	EXPECT(answers[3].result == CALL_RESULT_WALLET_CAP_EXCEEDED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 3 * (900000 + FEE));
	EXPECT(rig_wallet(&rig, &second)->left[0] == 900000 + FEE);
	EXPECT(batch_of(mixed, mixed_grants, 3, answers) == 3);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 900000 + FEE);
	EXPECT(rig_wallet(&rig, &second)->left[0] == 0);
	EXPECT(receipts_hold(&second, 2));
	/* Where only a window is spent waiting helps, unless they never fit it together. */
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_DAY, 3 * (900000 + FEE)) == STATUS_OK);
	EXPECT(batch_of(same, both, 1, answers) == 1);
	EXPECT(batch_of(same, both, 3, answers) == 0);
	EXPECT(answers[2].result == CALL_RESULT_WALLET_WINDOW_SPENT &&
	       answers[2].retry_after_ms != 0);
	EXPECT(batch_of(same, both, 4, answers) == 0);
	EXPECT(answers[2].result == CALL_RESULT_WALLET_WINDOW_SPENT);
	EXPECT(batch_of(same, both, 2, answers) == 2);
	EXPECT(receipts_hold(&world, 14));
}

/* Those that stand at commit while the limits become others are charged to the others: also where a
 * lease of the ones before is being written, and where the numbers change. */
static void test_limits_that_change_hold_for_who_stands_at_commit(void)
{
	static struct call_sign_request requests[8];
	const struct authz_counter_rule less[2] = {
	    {.id = 1, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 100},
	    {.id = 2,
	     .unit = AUTHZ_UNIT_LAMPORTS,
	     .window = AUTHZ_WINDOW_TOTAL,
	     .cap = 3 * (900000 + FEE)	                                         },
	};
	struct call_sign_answer answers[8];
	uint8_t id[32];

	for (unsigned way = 0; way < 2; way++) {
		memset(answers, 0, sizeof(answers)); /* not all are answered at first */
		fresh(way == 0 ? "limit-standing" : "limit-new", 20 * (900000 + FEE), id);
		if (way == 0)
			EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 20 * (900000 + FEE)) ==
			       STATUS_OK);
		EXPECT(sign(900000) == CALL_RESULT_SIGNED);
		kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
		for (size_t i = 0; i < 8; i++) {
			struct buffer message = BUFFER_OF_ARRAY(batch_space[i]);

			message_of(900000, &message);
			requests[i] = rig_sign_request(&world, buffer_bytes(&message));
		}
		(void)exchange(requests, 8, answers, 200000);
		size_t before = signed_of(answers, 8);
		EXPECT(before < 8); /* the others stand at commit */
		rig.patience_us = 300000;
		EXPECT(set_limits(&world, less, 2) == STATUS_BUSY);
		rig.patience_us = 0;
		kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
		drain_authority();
		(void)exchange(requests, 8, answers, LONG_US); /* the same bytes: counted once */
		/* Where there was a limit, it goes on counting; a new one begins now. */
		size_t fit = way == 0 ? 2 : before + 3;
		EXPECT(signed_of(answers, 8) == (before > fit ? before : fit));
		EXPECT(sign(900000) == CALL_RESULT_WALLET_CAP_EXCEEDED);
	}
}

/* A grant of the transfer policy without counters: up to 1,000 units of `mint` at a time. */
static enum status grant_tokens(struct rig_world *of, const uint8_t mint[32])
{
	static struct authz_grant_body given;
	uint8_t space[256];
	struct buffer parameters = BUFFER_OF_ARRAY(space), body = BUFFER_OF_ARRAY(body_space);
	struct cbor_writer w;

	cbor_writer_init(&w, &parameters);
	cbor_put_map(&w, 4);
	cbor_put_key(&w, 0); /* recipients */
	cbor_put_array(&w, 1);
	cbor_put_bytes_n(&w, of->recipient, 32);
	cbor_put_end(&w);
	cbor_put_key(&w, 3); /* mints */
	cbor_put_array(&w, 1);
	cbor_put_bytes_n(&w, mint, 32);
	cbor_put_end(&w);
	cbor_put_key(&w, 4); /* max_amounts */
	cbor_put_array(&w, 1);
	cbor_put_uint(&w, 1000);
	cbor_put_end(&w);
	cbor_put_key(&w, 5); /* max_fee_lamports */
	cbor_put_uint(&w, 10000);
	cbor_put_end(&w);
	CHECK(cbor_finish(&w) == STATUS_OK);
	given = (struct authz_grant_body){.parameters = buffer_bytes(&parameters),
	                                  .schema = bytes_of(of->schema, of->schema_len)};
	memcpy(given.client, of->client_id, 32);
	memcpy(given.module, of->module, 32);
	CHECK(authz_grant_put(&given, &body) == STATUS_OK);
	return make(of, AUTHZ_ACTION_GRANT, &body);
}

/* A transfer of tokens between associated accounts whose fee `payer` pays; NULL: the wallet. */
static enum call_result send_tokens(const uint8_t mint[32], uint64_t amount, const uint8_t *payer)
{
	static const uint8_t own_head[] = {1, 0, 2, 5}, paid_head[] = {2, 1, 2, 6};
	static const uint8_t own_ix[] = {1, 4, 4, 1, 3, 2, 0, 10, 12},
	                     paid_ix[] = {1, 5, 4, 2, 4, 3, 1, 10, 12}, decimals[] = {6};
	uint8_t space[512], source[32], destination[32], blockhash[32];
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(solana_associated_token_address(world.address, mint, solana_id_token, keys_sha256,
	                                      source) == STATUS_OK);
	CHECK(solana_associated_token_address(world.recipient, mint, solana_id_token, keys_sha256,
	                                      destination) == STATUS_OK);
	memset(blockhash, next_tag++, sizeof(blockhash));
	CHECK(buffer_put(&out, payer != NULL ? BYTES_OF_ARRAY(paid_head)
	                                     : BYTES_OF_ARRAY(own_head)) == STATUS_OK);
	if (payer != NULL)
		CHECK(buffer_put(&out, bytes_of(payer, 32)) == STATUS_OK);
	CHECK(buffer_put(&out, BYTES_OF_ARRAY(world.address)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(source)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(destination)) == STATUS_OK &&
	      buffer_put(&out, bytes_of(mint, 32)) == STATUS_OK &&
	      buffer_put(&out, bytes_of(solana_id_token, 32)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(blockhash)) == STATUS_OK &&
	      buffer_put(&out, payer != NULL ? BYTES_OF_ARRAY(paid_ix) : BYTES_OF_ARRAY(own_ix)) ==
	          STATUS_OK &&
	      buffer_put(&out, bytes_of(&amount, 8)) == STATUS_OK &&
	      buffer_put(&out, BYTES_OF_ARRAY(decimals)) == STATUS_OK);
	return sign_bytes(buffer_bytes(&out), 0).result;
}

/* A limit of one mint counts its raw units, whoever pays the fee; lamports that another one pays
 * are none of the wallet's. */
static void test_a_limit_of_a_mint_counts_its_units_alone(void)
{
	struct authz_counter_rule limits[2] = {
	    {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = FEE },
	    {.id = 2, .unit = AUTHZ_UNIT_MINT,     .window = AUTHZ_WINDOW_TOTAL, .cap = 1000},
	};
	uint8_t id[32], mint[32], other_mint[32], payer[32];

	fresh("limit-mint", 1000, id);
	keys_random(mint, sizeof(mint));
	keys_random(other_mint, sizeof(other_mint));
	keys_random(payer, sizeof(payer));
	memcpy(limits[1].mint, mint, 32);
	EXPECT(grant_tokens(&world, mint) == STATUS_OK);
	EXPECT(grant_tokens(&world, other_mint) == STATUS_OK);
	EXPECT(set_limits(&world, limits, 2) == STATUS_OK);
	EXPECT(send_tokens(mint, 600, payer) == CALL_RESULT_SIGNED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == FEE &&
	       rig_wallet(&rig, &world)->left[1] == 400);
	EXPECT(send_tokens(other_mint, 1000, payer) == CALL_RESULT_SIGNED);
	EXPECT(rig_wallet(&rig, &world)->left[1] == 400);
	EXPECT(send_tokens(mint, 401, payer) != CALL_RESULT_SIGNED);
	EXPECT(send_tokens(mint, 400, NULL) == CALL_RESULT_SIGNED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 0 && rig_wallet(&rig, &world)->left[1] == 0);
	EXPECT(send_tokens(mint, 1, payer) != CALL_RESULT_SIGNED);
	EXPECT(send_tokens(other_mint, 1, NULL) != CALL_RESULT_SIGNED); /* its fee */
	EXPECT(send_tokens(other_mint, 1, payer) == CALL_RESULT_SIGNED);
	EXPECT(receipts_hold(&world, 6));
}

/* A18: on one proven nonce the largest counts, under a limit of the wallet too; windows and durable
 * nonces do not go together. */
static void test_limits_of_the_wallet_and_durable_nonces(void)
{
	uint8_t id[32], blockhash[32], nonce[32];

	fresh_nonce("limit-nonce", 300000000, id);
	keys_random(blockhash, 32);
	nonce_of(blockhash, nonce);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 2000000) == STATUS_OK);
	for (uint64_t i = 0; i < 5; i++)
		EXPECT(sign_nonce(600000 + i, nonce, blockhash) == CALL_RESULT_SIGNED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 2000000 - 600004 - FEE);
	/* Other limits: what the nonce counted under the ones before is not taken for theirs. */
	const struct authz_counter_rule other = {
	    .id = 1, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 3};
	EXPECT(set_limits(&world, &other, 1) == STATUS_OK);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_TOTAL, 2000000) == STATUS_OK);
	EXPECT(sign_nonce(600006, nonce, blockhash) == CALL_RESULT_SIGNED);
	EXPECT(rig_wallet(&rig, &world)->left[0] == 2000000 - 600006 - FEE);
	EXPECT(lamports_limit(&world, AUTHZ_WINDOW_DAY, 2000000) == STATUS_OK);
	EXPECT(sign_nonce(600009, nonce, blockhash) == CALL_RESULT_NONCE_REFUSED);
	EXPECT(sign_nonce(600006, nonce, blockhash) == CALL_RESULT_NONCE_REFUSED); /* remembered */
	EXPECT(sign(600000) == CALL_RESULT_SIGNED);
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	rig_start(&rig, folder, true);
	RUN(test_an_atomic_batch_is_signed_whole);
	RUN(test_an_atomic_batch_with_one_refused_is_not_signed_at_all);
	RUN(test_receipts_of_what_ended_at_commit_hold);
	RUN(test_an_atomic_batch_above_the_cap_counts_nothing);
	RUN(test_the_same_bytes_twice_in_a_batch_count_once);
	RUN(test_the_rest_of_a_batch_alone_is_refused);
	RUN(test_repeated_bytes_get_their_signature_and_count_once);
	RUN(test_repeated_bytes_are_refused_after_the_grant_is_revoked);
	RUN(test_a_freeze_holds_while_the_store_stands_still);
	RUN(test_a_freeze_goes_before_changes_that_hang);
	RUN(test_a_grant_is_no_power_before_it_is_durable);
	RUN(test_limits_are_lowered_at_once_and_raised_for_the_state_that_was_seen);
	RUN(test_an_imports_keys_come_sealed_to_this_signer_for_this_change);
	RUN(test_a_users_key_is_not_imported_as_a_wallet);
	RUN(test_a_dry_run_is_explained_and_what_cannot_be_given_is_refused);
	RUN(test_a_long_description_is_whole);
	RUN(test_a_spent_window_is_told_from_a_spent_total);
	RUN(test_those_on_one_proven_nonce_count_as_the_largest);
	RUN(test_a_nonce_counts_as_its_largest_in_each_limit_of_the_wallet);
	RUN(test_a_lifetime_that_may_be_a_blockhash_counts_each);
	RUN(test_a_nonce_account_in_a_lookup_table_is_refused);
	RUN(test_a_batch_on_one_nonce_counts_as_its_largest);
	RUN(test_what_is_outstanding_outlives_a_crash);
	RUN(test_grants_together_do_not_pass_a_limit_of_the_wallet);
	RUN(test_a_limit_of_the_wallet_outlives_crashes);
	RUN(test_a_wallet_is_born_with_its_limits);
	RUN(test_a_limit_of_the_wallet_falls_at_once_and_rises_for_the_state_that_was_seen);
	RUN(test_a_batch_above_a_limit_of_the_wallet_counts_nothing);
	RUN(test_a_batch_over_grants_and_wallets_is_charged_to_each_limit);
	RUN(test_limits_that_change_hold_for_who_stands_at_commit);
	RUN(test_a_limit_of_a_mint_counts_its_units_alone);
	RUN(test_limits_of_the_wallet_and_durable_nonces);
	RUN(test_custom_code_does_not_hide_what_the_message_shows);
	RUN(test_what_counts_by_its_address_is_not_given_away);
	RUN(test_an_input_longer_than_an_answer_is_exported_whole);
	RUN(test_the_bridge_hears_when_an_answer_takes_longer);
	RUN(test_a_batch_does_not_pass_a_ceiling_of_the_site);
	RUN(test_only_who_was_looked_for_is_found);
	RUN(test_a_flood_does_not_take_all_tickets);
	rig_stop(&rig);
	return test_summary();
}
