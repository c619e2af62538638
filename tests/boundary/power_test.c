/* What a taken-over bridge or authority can do: nothing that a user did not sign (A4, A7, S17). The
 * test is both of them, with all their powers, before a real signer, store and verifier.
 *
 *   power_test [FRAMES [SEED]]    `make soak` runs it with more bent frames */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "authz_text.h"
#include "base_check.h"
#include "base_test.h"
#include "ipc_layout.h"
#include "rig.h"

static char folder[] = "/tmp/power_test_XXXXXX";
static struct rig rig;
static struct rig_world alice, mallory;
static uint8_t message_space[512];
static uint64_t frames = 4000, random_state = 0x2545f4914f6cdd1d;

static struct bytes transfer(const struct rig_world *from, const uint8_t to[32], uint64_t lamports,
                             uint8_t tag)
{
	struct buffer out = BUFFER_OF_ARRAY(message_space);

	rig_transfer_message(from->address, to, lamports, tag, &out);
	return buffer_bytes(&out);
}

static enum call_result sign(const struct rig_world *world, struct bytes message)
{
	struct call_sign_request request = rig_sign_request(world, message);
	struct call_sign_answer answer;

	if (!rig_sign(&rig, &request, &answer))
		return CALL_RESULT_COUNT;
	if (answer.result == CALL_RESULT_SIGNED &&
	    keys_verify(world->address, message, answer.signature) != STATUS_OK)
		return CALL_RESULT_COUNT;
	if (answer.result != CALL_RESULT_SIGNED) { /* no other answer may carry one */
		static const uint8_t none[64];

		EXPECT(memcmp(answer.signature, none, sizeof(none)) == 0);
	}
	return answer.result;
}

/* Else nothing below would mean anything. */
static void test_the_honest_way_leads_to_a_signature(void)
{
	EXPECT(sign(&alice, transfer(&alice, alice.recipient, 1000, 1)) == CALL_RESULT_SIGNED);
	EXPECT(sign(&mallory, transfer(&mallory, mallory.recipient, 1000, 1)) ==
	       CALL_RESULT_SIGNED);
}

/* A7: the bridge gets what the token's grants allow, and no more. */
static void test_a_bridge_gets_nothing_beyond_its_clients_grants(void)
{
	struct rig_world bent = alice;

	EXPECT(sign(&alice, transfer(&alice, mallory.recipient, 1000, 2)) ==
	       CALL_RESULT_POLICY_DENIED);
	EXPECT(sign(&alice, transfer(&alice, alice.recipient, 1000001, 2)) ==
	       CALL_RESULT_POLICY_DENIED);
	memcpy(bent.token, mallory.token, sizeof(bent.token)); /* another client's token */
	EXPECT(sign(&bent, transfer(&alice, alice.recipient, 1000, 2)) == CALL_RESULT_NO_GRANT);
	for (size_t i = 0; i < RIG_TOKEN_LEN; i++) {
		bent = alice;
		bent.token[i] = bent.token[i] == 'a' ? 'b' : 'a';
		EXPECT(sign(&bent, transfer(&alice, alice.recipient, 1000, 2)) ==
		       CALL_RESULT_TOKEN_REFUSED);
	}
}

/* Every bit of what the policy looks at: signed only as what was sent, and only when it is allowed.
 */
static void test_no_bent_bytes_are_signed_that_the_policy_does_not_allow(void)
{
	unsigned tried = 0, signed_count = 0;

	for (size_t at = 0; at < 150; at++) {
		for (unsigned bit = 0; bit < 8; bit += 3) {
			struct bytes message = transfer(&alice, alice.recipient, 1000, 3);
			enum call_result result;
			/* Or the count of read-only accounts: the program may be marked writable.
			 */
			bool is_harmless = (at >= 100 && at < 132) || at == 2;
			uint64_t lamports;

			if (at >= message.len)
				continue;
			message_space[at] ^= (uint8_t)(1u << bit);
			lamports = load_le64(message_space + message.len - 8);
			result = sign(&alice, message);
			tried++;
			signed_count += result == CALL_RESULT_SIGNED;
			EXPECT(result != CALL_RESULT_COUNT && result != CALL_RESULT_INTERNAL);
			if (result == CALL_RESULT_SIGNED && !is_harmless && at < message.len - 8)
				fprintf(stderr, "byte %zu bit %u was signed\n", at, bit);
			EXPECT(result != CALL_RESULT_SIGNED || is_harmless ||
			       (at >= message.len - 8 && lamports <= 1000000));
		}
	}
	EXPECT(tried > 400 && signed_count > 50 && rig_is_alive(&rig, PROC_signer));
}

/* The total of the grant holds whatever the bridge sends, in whatever order. */
static void test_the_cap_holds_against_the_bridge(void)
{
	unsigned signed_count = 0;

	for (uint8_t i = 0; i < 10; i++)
		signed_count += sign(&mallory, transfer(&mallory, mallory.recipient, 900000,
		                                        (uint8_t)(100 + i))) == CALL_RESULT_SIGNED;
	EXPECT(signed_count >= 1 && signed_count <= 3);
}

static uint8_t change_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX],
    sent_space[LIMIT_CHANGE_MAX + 4096], answer_space[CALL_CHANGE_SLOT_BYTES],
    body_space[AUTHZ_GRANT_BODY_MAX];

static struct bytes put_signed(struct bytes change, const struct authz_signature *signature)
{
	static struct authz_signed_change given;
	struct buffer sent = BUFFER_OF_ARRAY(sent_space);

	given = (struct authz_signed_change){.change = change};
	if (signature != NULL) {
		given.signature_count = 1;
		given.signatures[0] = *signature;
	}
	CHECK(authz_signed_change_put(&given, &sent) == STATUS_OK);
	return buffer_bytes(&sent);
}

static enum status submit(struct bytes sent)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);

	return rig_ask(&rig, CALL_CHANGE_SUBMIT, sent, &answer);
}

/* The grant that the authority would love to have: alice's wallet for mallory's client. */
static struct authz_change wanted;
static struct buffer wanted_bytes = BUFFER_OF_ARRAY(change_space),
                     wanted_text = BUFFER_OF_ARRAY(text_space);

static void prepare_wanted(void)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space);

	rig_grant_body(&alice, mallory.client_id, &body);
	wanted = rig_change_begin(&rig, &alice, AUTHZ_ACTION_GRANT, buffer_bytes(&body));
	CHECK(rig_prepare(&rig, &wanted, &wanted_bytes, &wanted_text) == STATUS_OK);
}

static bool mallory_may_use_alices_wallet(void)
{
	struct rig_world thief = alice;

	memcpy(thief.token, mallory.token, sizeof(thief.token));
	return sign(&thief, transfer(&alice, alice.recipient, 1, 4)) != CALL_RESULT_NO_GRANT;
}

static bool authority_is_unchanged(void)
{
	struct rig_world now = alice;

	return rig_wallet_refresh(&rig, &now) && memcmp(now.authority, alice.authority, 32) == 0;
}

/* A4: no grant takes effect without the user's own signature. */
static void test_an_authority_cannot_forge_a_grant(void)
{
	static uint8_t signed_space[AUTHZ_SIGNED_TEXT_MAX];
	struct buffer text = BUFFER_OF_ARRAY(signed_space);
	struct authz_signature signature;
	struct keys_sign_key other;

	prepare_wanted();
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), NULL)) == STATUS_REFUSED);
	keys_sign_random(&other);
	CHECK(authz_text_sign(&other, &wanted, buffer_bytes(&wanted_bytes),
	                      buffer_bytes(&wanted_text), &signature) == STATUS_OK);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_REFUSED);
	/* Her key named, another's signature. */
	memcpy(signature.key.key, keys_sign_public(&alice.user), 32);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_REFUSED);
	/* A user of this deployment signs for another's wallet (U1). */
	CHECK(authz_text_sign(&mallory.user, &wanted, buffer_bytes(&wanted_bytes),
	                      buffer_bytes(&wanted_text), &signature) == STATUS_OK);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_REFUSED);
	/* She signed another text than the true one (A5). */
	wanted_text.data[0] ^= 1;
	CHECK(authz_text_put(wanted.action, keys_sign_public(&alice.user),
	                     buffer_bytes(&wanted_text), buffer_bytes(&wanted_bytes),
	                     &text) == STATUS_OK);
	keys_sign(&alice.user, buffer_bytes(&text), signature.signature);
	memcpy(signature.key.key, keys_sign_public(&alice.user), 32);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_REFUSED);
	EXPECT(!mallory_may_use_alices_wallet() && authority_is_unchanged());
}

/* What she signed is taken as it is or not at all; each bit of it counts. */
static void test_an_authority_cannot_bend_a_signed_change(void)
{
	struct authz_signature signature;
	size_t len, tried = 0;

	prepare_wanted();
	CHECK(authz_text_sign(&alice.user, &wanted, buffer_bytes(&wanted_bytes),
	                      buffer_bytes(&wanted_text), &signature) == STATUS_OK);
	len = put_signed(buffer_bytes(&wanted_bytes), &signature).len;
	for (size_t at = 0; at < len; at += len / 300 + 1) {
		enum status status;
		int64_t begin;

		(void)put_signed(buffer_bytes(&wanted_bytes), &signature);
		sent_space[at] ^= (uint8_t)(1u << at % 8);
		begin = supervisor_now_us();
		status = submit(bytes_of(sent_space, len));
		if (supervisor_now_us() - begin > 1000000)
			fprintf(stderr, "byte %zu took %lld us: %s\n", at,
			        (long long)(supervisor_now_us() - begin), rig.refusal);
		if (status != STATUS_REFUSED)
			fprintf(stderr, "byte %zu of %zu: status %d\n", at, len, (int)status);
		EXPECT(status == STATUS_REFUSED);
		tried++;
	}
	EXPECT(tried > 200);
	EXPECT(!mallory_may_use_alices_wallet() && authority_is_unchanged());
	EXPECT(rig_is_alive(&rig, PROC_signer));
}

/* H1, H2: what was taken once is not taken again, nor after the state moved on. */
static void test_an_authority_cannot_replay(void)
{
	struct authz_signature signature;
	struct rig_world before = alice;

	prepare_wanted();
	CHECK(authz_text_sign(&alice.user, &wanted, buffer_bytes(&wanted_bytes),
	                      buffer_bytes(&wanted_text), &signature) == STATUS_OK);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_OK);
	EXPECT(mallory_may_use_alices_wallet()); /* she did sign this one */
	CHECK(rig_wallet_refresh(&rig, &alice));
	EXPECT(memcmp(before.authority, alice.authority, 32) != 0);
	EXPECT(submit(put_signed(buffer_bytes(&wanted_bytes), &signature)) == STATUS_REFUSED);
	EXPECT(authority_is_unchanged());
}

/* A4: what only the user may ask for is not done for the authority itself. */
static void test_an_authority_cannot_export_freeze_or_query(void)
{
	static const enum authz_action actions[] = {AUTHZ_ACTION_EXPORT, AUTHZ_ACTION_FREEZE,
	                                            AUTHZ_ACTION_REVOKE, AUTHZ_ACTION_UNFREEZE};
	struct rig_world pretender = alice;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		uint8_t key[32] = {9};
		struct buffer body = BUFFER_OF_ARRAY(body_space),
		              answer = BUFFER_OF_ARRAY(answer_space);
		struct authz_change change;
		bool is_named =
		    actions[i] == AUTHZ_ACTION_EXPORT || actions[i] == AUTHZ_ACTION_REVOKE;

		CHECK((is_named ? authz_id_put(key, &body) : authz_empty_put(&body)) == STATUS_OK);
		change = rig_change_begin(&rig, &alice, actions[i], buffer_bytes(&body));
		EXPECT(rig_change(&rig, &change, &mallory.user, &answer) == STATUS_REFUSED);
	}
	pretender.user = mallory.user;
	EXPECT(!rig_wallet_refresh(&rig, &pretender));
	EXPECT(authority_is_unchanged());
}

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20);
}

/* A frame that was a request with a token that nobody has, then bent: bytes, length, or both. */
static size_t bend_frame(uint8_t *frame, size_t cap, uint8_t tag)
{
	struct buffer out = {frame, cap, 0};
	struct rig_world stranger = alice;
	struct call_sign_request request;

	stranger.token[tag % RIG_TOKEN_LEN] = 'x';
	request = rig_sign_request(&stranger, transfer(&alice, alice.recipient, 1000, tag));
	CHECK(call_sign_put_request(&request, &out) == STATUS_OK);
	/* Most stay well-formed and get as far as the credential; every sixteenth breaks the form.
	 */
	if (random_next() % 16 != 0) {
		frame[out.len - 1 - random_next() % 140] = (uint8_t)random_next();
		return out.len;
	}
	for (uint32_t i = random_next() % 4; i > 0; i--)
		frame[random_next() % out.len] = (uint8_t)random_next();
	switch (random_next() % 3) {
	case 0:
		return random_next() % out.len;
	case 1:
		return out.len + random_next() % (cap - out.len);
	default:
		return out.len;
	}
}

static bool is_read(const struct supervisor_link *link)
{
	return ipc_memory_complaint(&link->memory, 1) != IPC_COMPLAINT_NONE ||
	       atomic_load(&link->memory.side[1]->tail) == atomic_load(&link->memory.side[0]->head);
}

/* How many answers there are; none of them may be a signature. */
static unsigned take_refusals(void)
{
	struct ipc_message message = {.kind = 0};
	unsigned count = 0;

	while (rig_take(&rig, &rig.bridge, &message, 0) == STATUS_OK) {
		struct call_sign_answer answer;

		if (message.kind != CALL_BRIDGE_SIGN_ANSWER)
			continue;
		CHECK(call_sign_take_answer(buffer_bytes(&message.payload), &answer) == STATUS_OK);
		CHECK(answer.result != CALL_RESULT_SIGNED && answer.result != CALL_RESULT_INTERNAL);
		count++;
	}
	return count;
}

/* H9, with an unsealed signer: whatever comes, it lives, and nothing comes out signed. */
static void test_bent_frames_neither_end_the_signer_nor_get_a_signature(void)
{
	static uint8_t frame[IPC_PAYLOAD(CALL_BRIDGE_SLOT_BYTES)];
	struct supervisor_link *link = rig_link(&rig, PROC_CHANNEL_bridge_signer);
	uint64_t answers = 0, complaints = 0, rounds = 0;

	/* Frames behind one that breaks the channel are never read, and do not count. */
	while (answers + complaints < frames) {
		enum status status = STATUS_OK;

		for (unsigned i = 0; i < 8 && status == STATUS_OK; i++) {
			size_t len = bend_frame(frame, sizeof(frame), (uint8_t)(8 * rounds + i));

			status =
			    ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, bytes_of(frame, len));
		}
		while (!is_read(link)) {
			CHECK(rig_is_alive(&rig, PROC_signer)); /* a dead one reads nothing */
			answers += take_refusals();
			sched_yield();
		}
		answers += take_refusals();
		if (ipc_memory_complaint(&link->memory, 1) != IPC_COMPLAINT_NONE) {
			complaints++;
			rig_renew(&rig, PROC_CHANNEL_bridge_signer, &rig.bridge);
		}
		rounds++;
	}
	printf("%llu bent frames: %llu answers, %llu complaints\n",
	       (unsigned long long)(answers + complaints), (unsigned long long)answers,
	       (unsigned long long)complaints);
	EXPECT(answers > frames / 8 && complaints > frames / 100);
	rig_renew(&rig, PROC_CHANNEL_bridge_signer, &rig.bridge);
	EXPECT(rig_is_alive(&rig, PROC_signer));
	EXPECT(sign(&alice, transfer(&alice, alice.recipient, 1001, 9)) == CALL_RESULT_SIGNED);
}

/* C5: a verifier that dies with a request open means refusal; the next one serves, in time. */
static void test_a_verifier_killed_mid_check_means_refusal_and_a_new_one(void)
{
	struct supervisor_link *link = rig_link(&rig, PROC_CHANNEL_signer_verifier);
	struct supervisor_child *verifier = rig_child(&rig, PROC_verifier);
	int64_t best_us = INT64_MAX;

	for (uint8_t i = 0; i < 10; i++) {
		struct call_sign_request request = rig_sign_request(
		    &alice, transfer(&alice, alice.recipient, 10, (uint8_t)(200 + i)));
		static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
		struct buffer out = BUFFER_OF_ARRAY(space);
		struct ipc_message message = {.kind = 0};
		struct call_sign_answer answer;
		int64_t begin, took_us;

		kill(verifier->pid, SIGSTOP); /* so that the check is open for sure */
		CHECK(waitpid(verifier->pid, NULL, WUNTRACED) == verifier->pid);
		request.request = ++rig.next_id;
		CHECK(call_sign_put_request(&request, &out) == STATUS_OK);
		CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) ==
		      STATUS_OK);
		while (atomic_load(&link->memory.side[0]->head) ==
		       atomic_load(&link->memory.side[1]->tail))
			sched_yield(); /* until the signer has asked */
		begin = supervisor_now_us();
		rig_replace(&rig, PROC_verifier);
		do
			CHECK(rig_take(&rig, &rig.bridge, &message, 20000000) == STATUS_OK);
		while (message.kind != CALL_BRIDGE_SIGN_ANSWER);
		CHECK(call_sign_take_answer(buffer_bytes(&message.payload), &answer) == STATUS_OK);
		EXPECT(answer.request == request.request && answer.result != CALL_RESULT_SIGNED);
		EXPECT(sign(&alice, transfer(&alice, alice.recipient, 10, (uint8_t)(220 + i))) ==
		       CALL_RESULT_SIGNED);
		took_us = supervisor_now_us() - begin;
		best_us = took_us < best_us ? took_us : best_us;
	}
	printf("from the kill to the next signature: at least %lld us\n", (long long)best_us);
	EXPECT(best_us < 500000); /* the best: a machine with other work makes any one late */
}

/* The folder of this run goes with it. */
static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

int main(int count, char **args)
{
	if (count > 1)
		frames = strtoull(args[1], NULL, 10);
	if (count > 2)
		random_state += strtoull(args[2], NULL, 10) << 32;
	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	rig_start(&rig, folder, true);
	rig_world_make(&rig, &alice, "alice");
	rig_world_make(&rig, &mallory, "mallory");
	RUN(test_the_honest_way_leads_to_a_signature);
	RUN(test_a_bridge_gets_nothing_beyond_its_clients_grants);
	RUN(test_no_bent_bytes_are_signed_that_the_policy_does_not_allow);
	RUN(test_the_cap_holds_against_the_bridge);
	RUN(test_an_authority_cannot_forge_a_grant);
	RUN(test_an_authority_cannot_bend_a_signed_change);
	RUN(test_an_authority_cannot_replay);
	RUN(test_an_authority_cannot_export_freeze_or_query);
	RUN(test_bent_frames_neither_end_the_signer_nor_get_a_signature);
	RUN(test_a_verifier_killed_mid_check_means_refusal_and_a_new_one);
	rig_stop(&rig);
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return test_summary();
}
