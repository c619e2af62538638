/* Reading holds nobody back, and everybody reads his own (A24, A25): real signer and store, which
 * the test stops where the disk is to be slow. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authz_bundle.h"
#include "base_check.h"
#include "base_test.h"
#include "call_export.h"
#include "rig.h"

#define BLOBS   6
#define PLACES  32 /* that wait for the store at once, */
#define EACH    8  /* and of one client */
#define CLIENTS 5

#define LONG_US    20000000 /* for what comes in any case */
#define AT_ONCE_US 200000   /* less than SIGNER_EXPORT_GIVES_WAY_MS */
#define QUIET_US   300000   /* without an answer: none comes any more */

static char folder[] = "/tmp/export_test_XXXXXX";
static struct rig rig;
static struct rig_world worlds[CLIENTS];
static struct call_export_answer answer;
static uint8_t next_tag = 1;

static enum call_result sign(const struct rig_world *of)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer said = {.result = CALL_RESULT_SEALED};
	struct call_sign_request request;

	rig_transfer_message(of->address, of->recipient, 1000, next_tag++, &message);
	request = rig_sign_request(of, buffer_bytes(&message));
	CHECK(rig_sign(&rig, &request, &said));
	return said.result;
}

static uint64_t ask(const struct rig_world *of, uint8_t topic, uint64_t cursor)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_export_request request = {
	    .request = ++rig.next_id, .topic = topic, .cursor = cursor};

	if (topic != CALL_EXPORT_STATUS)
		request.token = bytes_of_text(of->token);
	if (topic == CALL_EXPORT_DECISION) {
		keys_random(request.key, 32);
	} else if (topic != CALL_EXPORT_STATUS) {
		request.wallet.kind = CALL_WALLET_ID;
		memcpy(request.wallet.key, of->wallet, 32);
	}
	CHECK(call_export_put_request(&request, &out) == STATUS_OK);
	CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_EXPORT_REQUEST, buffer_bytes(&out)) == STATUS_OK);
	return request.request;
}

/* The next answer of an export, if one comes in time. */
static bool hear(int64_t timeout_us)
{
	struct ipc_message message = {.kind = 0};

	while (message.kind != CALL_BRIDGE_EXPORT_ANSWER)
		if (rig_take(&rig, &rig.bridge, &message, timeout_us) != STATUS_OK)
			return false;
	CHECK(call_export_take_answer(buffer_bytes(&message.payload), &answer) == STATUS_OK);
	return true;
}

/* How many answers come, where so many are expected; of these, those with this result. */
static unsigned heard(enum call_result result, unsigned expected, unsigned *ret_all)
{
	unsigned count = 0;

	for (*ret_all = 0; hear(*ret_all < expected ? LONG_US : QUIET_US); ++*ret_all)
		count += answer.result == result;
	return count;
}

/* The receipts in an answer, without what tells of the time. */
static struct bytes receipts_of(struct buffer *space)
{
	struct bytes left = answer.body;

	space->len = 0;
	while (left.len >= 5) {
		size_t len = 5 + (size_t)load_le32(left.data + 1);

		CHECK(len <= left.len);
		if (left.data[0] == AUTHZ_ITEM_RECEIPT)
			CHECK(buffer_put(space, bytes_of(left.data, len)) == STATUS_OK);
		left = bytes_of(left.data + len, left.len - len);
	}
	return buffer_bytes(space);
}

static void hold_store(void)
{
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
}

static void let_store(void)
{
	kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
}

/* Bytes of a wallet's receipts in the store. */
static size_t kept_of(const struct rig_world *of)
{
	static uint8_t space[CALL_EXPORT_BODY_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	uint64_t asked = ask(of, CALL_EXPORT_RECEIPTS, 0);

	CHECK(hear(LONG_US) && answer.request == asked && answer.result == CALL_RESULT_DONE);
	return receipts_of(&out).len;
}

/* sign_apart: what is signed next stands in another blob. */
static void sign_apart(const struct rig_world *of)
{
	int64_t end = supervisor_now_us() + LONG_US;
	size_t before = kept_of(of);

	EXPECT(sign(of) == CALL_RESULT_SIGNED);
	while (kept_of(of) == before && supervisor_now_us() < end)
		usleep(10000);
}

/* Each of the wallets' receipts stand in blobs of their own. */
static void fresh(const char *name)
{
	char path[64];

	rig_stop(&rig);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CHECK(mkdir(path, 0755) == 0);
	memset(rig.anchor, 0, sizeof(rig.anchor));
	rig.boots = rig.extends = 0;
	rig_start(&rig, path, true);
	for (size_t i = 0; i < CLIENTS; i++) {
		char wallet[32];

		snprintf(wallet, sizeof(wallet), "%s-%zu", name, i);
		worlds[i] = (struct rig_world){.cap = 0};
		rig_world_make(&rig, &worlds[i], wallet);
	}
	for (size_t i = 0; i < BLOBS; i++)
		sign_apart(&worlds[i % CLIENTS]);
}

/* Whoever reads what is slow to come takes places of his own, and no signature waits for one. */
static void test_reading_takes_no_signatures_turn(void)
{
	unsigned all;

	fresh("places");
	hold_store();
	for (size_t i = 0; i < 20; i++)
		(void)ask(&worlds[0], CALL_EXPORT_DECISION, 0);
	EXPECT(heard(CALL_RESULT_SHARE_SPENT, 20 - EACH, &all) == 20 - EACH && all == 20 - EACH);
	for (size_t client = 1; client < PLACES / EACH; client++)
		for (size_t i = 0; i < EACH; i++)
			(void)ask(&worlds[client], CALL_EXPORT_DECISION, 0);
	(void)ask(&worlds[4], CALL_EXPORT_DECISION, 0);
	EXPECT(heard(CALL_RESULT_OVERLOADED, 1, &all) == 1 && all == 1);
	/* What waits for nothing is answered all the same. */
	(void)ask(NULL, CALL_EXPORT_STATUS, 0);
	EXPECT(heard(CALL_RESULT_DONE, 1, &all) == 1 && all == 1);
	/* Before any of those that wait is given up: their answers are all there below. */
	EXPECT(sign(&worlds[4]) == CALL_RESULT_SIGNED);
	let_store();
	EXPECT(heard(CALL_RESULT_NOT_FOUND, PLACES, &all) == all && all == PLACES);
	EXPECT(sign(&worlds[0]) == CALL_RESULT_SIGNED);
}

/* A25: who looks for what is long ago has the places of others no longer than they need one: the
 * client that has most gives way, and not to himself. */
static void test_who_has_most_places_gives_way(void)
{
	unsigned all;
	uint64_t asked;

	/* They have had them for a moment only, unless the machine was late; then once more. */
	for (unsigned tries = 0;; tries++) {
		char name[16];
		int64_t began;

		snprintf(name, sizeof(name), "way%u", tries);
		fresh(name);
		hold_store();
		began = supervisor_now_us();
		for (size_t client = 0; client < PLACES / EACH; client++)
			for (size_t i = 0; i < EACH; i++)
				(void)ask(&worlds[client], CALL_EXPORT_DECISION, 0);
		asked = ask(&worlds[4], CALL_EXPORT_DECISION, 0);
		CHECK(hear(LONG_US));
		if (supervisor_now_us() - began < AT_ONCE_US || tries == 10)
			break;
		let_store();
	}
	EXPECT(answer.request == asked && answer.result == CALL_RESULT_OVERLOADED);
	usleep(300000);
	/* One more of a client that has as many as any is refused itself. */
	asked = ask(&worlds[0], CALL_EXPORT_DECISION, 0);
	EXPECT(hear(LONG_US) && answer.request == asked &&
	       answer.result == CALL_RESULT_SHARE_SPENT);
	/* One that has none, or fewer, gets the place of one that was there. */
	for (size_t i = 0; i < EACH - 1; i++) {
		asked = ask(&worlds[4], CALL_EXPORT_DECISION, 0);
		EXPECT(hear(LONG_US) && answer.request < asked &&
		       answer.result == CALL_RESULT_OVERLOADED);
	}
	/* Now nobody has more than he. */
	asked = ask(&worlds[4], CALL_EXPORT_DECISION, 0);
	EXPECT(hear(LONG_US) && answer.request == asked && answer.result == CALL_RESULT_OVERLOADED);
	let_store();
	EXPECT(heard(CALL_RESULT_NOT_FOUND, PLACES, &all) == all && all == PLACES);
	EXPECT(sign(&worlds[4]) == CALL_RESULT_SIGNED);
}

/* B3: who gives way in the middle of an item that comes in pieces goes on with the piece that he
 * was to get, not with the first one again. */
static void test_who_gives_way_keeps_his_piece(void)
{
	const uint64_t second = UINT64_C(1) << 60 | UINT64_C(1) << 16;
	uint64_t asked;
	unsigned all;

	fresh("piece");
	hold_store();
	asked = ask(&worlds[0], CALL_EXPORT_INPUTS, second);
	for (size_t i = 1; i < PLACES; i++)
		(void)ask(&worlds[i / EACH], CALL_EXPORT_DECISION, 0);
	usleep(300000);
	(void)ask(&worlds[4], CALL_EXPORT_DECISION, 0);
	EXPECT(hear(LONG_US) && answer.request == asked && answer.body.len == 0);
	EXPECT(answer.result == CALL_RESULT_OVERLOADED || answer.next_cursor == second);
	let_store();
	EXPECT(heard(CALL_RESULT_NOT_FOUND, PLACES, &all) == all && all == PLACES);
}

/* One client's long way through all that is kept does not come before another's one blob. */
static void test_reads_take_turns(void)
{
	unsigned before = 0;
	uint64_t short_one;

	fresh("turns");
	hold_store();
	for (size_t i = 0; i < EACH; i++)
		(void)ask(&worlds[0], CALL_EXPORT_DECISION, 0);
	short_one = ask(&worlds[1], CALL_EXPORT_RECEIPTS, (uint64_t)BLOBS << 16);
	let_store();
	while (hear(LONG_US) && answer.request != short_one)
		before++;
	EXPECT(answer.request == short_one && answer.result == CALL_RESULT_DONE);
	EXPECT(before <= EACH / 2);
	for (; before < EACH; before++)
		EXPECT(hear(LONG_US));
}

/* A24: what comes for an export that was given up is no other's, in the same place or not. */
static void test_a_late_blob_is_of_no_other_export(void)
{
	uint8_t spaces[2][4096];
	struct buffer space = BUFFER_OF_ARRAY(spaces[0]), other = BUFFER_OF_ARRAY(spaces[1]);
	struct bytes kept, found;
	uint64_t late;

	fresh("late");
	(void)ask(&worlds[0], CALL_EXPORT_RECEIPTS, 0);
	CHECK(hear(LONG_US) && answer.result == CALL_RESULT_DONE && answer.next_cursor == 0);
	kept = receipts_of(&space);
	EXPECT(kept.len != 0);
	hold_store();
	(void)ask(&worlds[1], CALL_EXPORT_RECEIPTS, (uint64_t)(BLOBS - 2) << 16);
	EXPECT(hear(LONG_US) && answer.result == CALL_RESULT_STORE_UNAVAILABLE);
	late = ask(&worlds[0], CALL_EXPORT_RECEIPTS, 0);
	EXPECT(!hear(QUIET_US));
	let_store();
	EXPECT(hear(LONG_US) && answer.request == late && answer.result == CALL_RESULT_DONE);
	found = receipts_of(&other);
	EXPECT(found.len == kept.len && memcmp(found.data, kept.data, kept.len) == 0);
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	RUN(test_reading_takes_no_signatures_turn);
	RUN(test_who_has_most_places_gives_way);
	RUN(test_who_gives_way_keeps_his_piece);
	RUN(test_reads_take_turns);
	RUN(test_a_late_blob_is_of_no_other_export);
	rig_stop(&rig);
	return test_summary();
}
