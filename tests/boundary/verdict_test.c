/* A verifier that was taken over says what it likes (M6): the real signer before it, with a real
 * store; the test is the verifier, with the verifier's own code, and bends what that answers. What
 * it may do is written first: a lie that names the right run counts, for the run's own bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authz_answer.h"
#include "base_check.h"
#include "base_test.h"
#include "policy_abi.h"
#include "rig.h"
#include "verifier_answer.h"

#define FEE      5000    /* lamports of one signature */
#define ABOVE    1000001 /* lamports: no grant of the rig allows so much in one transfer */
#define HELD_MAX 4

static char folder[] = "/tmp/verdict_test_XXXXXX";
static struct rig rig;
static struct rig_world first, second;
static struct verifier verifier;
static uint8_t message_space[CALL_CHECK_SLOT_BYTES];
static uint8_t next_tag = 1;

/* What a verifier says of one run: a verdict with room for an answer without text. */
struct said {
	struct call_check_verdict head;
	struct policy_answer answer;
};

/* Runs that the verifier was given and has not answered. */
static struct call_check_run held[HELD_MAX];
static size_t held_count, held_at;      /* and the verifier that has the last one */
static bool holds;                      /* it answers none by itself */
static bool is_stuck;                   /* the one that has the last one does nothing more */
static struct said last;                /* what it said last, honestly */
static void (*bend)(struct said *said); /* what it makes of an honest verdict; NULL: nothing */

/* ---- the verifier ---- */

static void say(const struct said *said)
{
	CHECK(ipc_put(&rig.verifiers[held_at], CALL_CHECK_VERDICT,
	              bytes_of(said, sizeof(said->head) + said->head.answer_len)) == STATUS_OK);
}

static void answer(size_t at, const struct ipc_message *message)
{
	static uint8_t space[CALL_CHECK_SLOT_BYTES];
	struct buffer reply = BUFFER_OF_ARRAY(space);
	uint32_t kind;

	CHECK(verifier_answer(&verifier, message->kind, buffer_bytes(&message->payload),
	                      ipc_window_read(&rig.verifiers[at]), &kind, &reply) == STATUS_OK);
	if (kind != CALL_CHECK_VERDICT) {
		CHECK(ipc_put(&rig.verifiers[at], kind, buffer_bytes(&reply)) == STATUS_OK);
		return;
	}
	if (holds) {
		CHECK(held_count < HELD_MAX);
		memcpy(&held[held_count++], message->payload.data, sizeof(held[0]));
		held_at = at;
		return;
	}
	if (bend == NULL || reply.len != sizeof(last)) {
		memcpy(&last, reply.data, reply.len < sizeof(last) ? reply.len : sizeof(last));
		CHECK(ipc_put(&rig.verifiers[at], kind, buffer_bytes(&reply)) == STATUS_OK);
		return;
	}
	memcpy(&last, reply.data, sizeof(last));
	bend(&last);
	held_at = at;
	say(&last);
}

/* Called by the rig whenever it waits. */
static void serve(struct rig *of)
{
	for (size_t at = 0; at < of->supervisor.verifiers; at++) {
		struct ipc_message message = {.payload = BUFFER_OF_ARRAY(message_space)};
		enum status status;

		if (is_stuck && at == held_at)
			continue;
		while ((status = ipc_take(&of->verifiers[at], &message)) == STATUS_OK ||
		       status == STATUS_CONFLICT) {
			if (status == STATUS_OK)
				answer(at, &message);
			else
				ipc_acknowledge(&of->verifiers[at]);
			message.payload.len = 0;
		}
	}
}

/* An allow of a run, with the facts of a transfer of so much, which are true. */
static struct said allow_of(const struct call_check_run *run, uint64_t lamports)
{
	struct said said = {
	    .head = {.fuel_used = 1000,
	             .outcome = CALL_CHECK_RAN,
	             .answer_len = sizeof(said.answer)                             },
	    .answer = { .magic = POLICY_ANSWER_MAGIC,
                     .verdict = POLICY_ALLOW,
                     .instruction = POLICY_NO_INSTRUCTION,
                     .facts = {.lamports_out = lamports + FEE, .fee_lamports = FEE}}
        };

	memcpy(said.head.ticket, run->ticket, 32);
	memcpy(said.head.module, run->module, 32);
	memcpy(said.head.request_hash, run->request_hash, 32);
	return said;
}

/* ---- what bots ask ---- */

/* Puts a request for a transfer; its number. */
static uint64_t ask(const struct rig_world *world, uint64_t lamports)
{
	static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
	uint8_t transfer_space[512];
	struct buffer out = BUFFER_OF_ARRAY(space), transfer = BUFFER_OF_ARRAY(transfer_space);
	struct call_sign_request request;

	rig_transfer_message(world->address, world->recipient, lamports, next_tag++, &transfer);
	request = rig_sign_request(world, buffer_bytes(&transfer));
	request.request = ++rig.next_id;
	CHECK(call_sign_put_request(&request, &out) == STATUS_OK);
	CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) == STATUS_OK);
	return request.request;
}

/* The next answer, whosever it is; false when none comes. */
static bool hear(struct call_sign_answer *ret_answer)
{
	static const uint8_t none[64];
	struct ipc_message message = {.kind = 0};

	do
		if (rig_take(&rig, &rig.bridge, &message, 20000000) != STATUS_OK)
			return false;
	while (message.kind != CALL_BRIDGE_SIGN_ANSWER);
	CHECK(call_sign_take_answer(buffer_bytes(&message.payload), ret_answer) == STATUS_OK);
	EXPECT((ret_answer->result == CALL_RESULT_SIGNED) ==
	       (memcmp(ret_answer->signature, none, 64) != 0));
	return true;
}

/* Asks and takes the answer, which is the next one: nobody else's comes before it. */
static struct call_sign_answer sign_answer(const struct rig_world *world, uint64_t lamports)
{
	uint64_t request = ask(world, lamports);
	struct call_sign_answer said = {.result = CALL_RESULT_COUNT};

	EXPECT(hear(&said) && said.request == request);
	return said;
}

static enum call_result sign(const struct rig_world *world, uint64_t lamports)
{
	return sign_answer(world, lamports).result;
}

/* Asks, and the verifier holds the run; it is the last of held. */
static void hold(const struct rig_world *world, uint64_t lamports)
{
	size_t before = held_count;

	holds = true;
	ask(world, lamports);
	for (unsigned turns = 0; held_count == before; turns++) {
		struct ipc_message none = {.kind = 0};

		CHECK(turns < 10000 && rig_take(&rig, &rig.authority, &none, 1000) == STATUS_BUSY);
	}
	holds = false;
}

/* Both ask, and the verifier holds both of their runs: that of `first`, for more than its grant
 * allows, in held[0]. */
static void hold_both(uint64_t of_first)
{
	held_count = 0;
	hold(&first, of_first);
	hold(&second, 1000);
}

/* The verifier's lie was found: neither run is answered by it, and the next one serves both. */
static void expect_replaced(enum ipc_complaint why)
{
	unsigned replaced = rig.replaced;
	struct call_sign_answer said;

	for (unsigned i = 0; i < 2; i++)
		EXPECT(hear(&said) && said.result == CALL_RESULT_VERIFIER_FAILED);
	EXPECT(sign(&second, 1000) == CALL_RESULT_SIGNED);
	EXPECT(sign(&first, ABOVE) == CALL_RESULT_POLICY_DENIED);
	EXPECT(rig.replaced == replaced + 1 && rig.complaint == why);
}

/* ---- what it is bound to ---- */

/* Ticket, module and request hash of a verdict, each from where it may be had: only a verdict that
 * names all of one run is one. The one that does is last, and gives `first` what its cap holds
 * once: none of the others was signed or counted. */
static void test_a_verdict_for_another_ticket_module_or_request_is_nobodys(void)
{
	enum { OWN, OTHERS, OLD, SOURCES };
	struct call_check_run old;
	struct call_sign_answer said;
	unsigned lies = 0;

	EXPECT(sign(&first, 1000) == CALL_RESULT_SIGNED);
	memcpy(old.ticket, last.head.ticket, 32);
	memcpy(old.module, last.head.module, 32);
	memcpy(old.request_hash, last.head.request_hash, 32);
	for (unsigned ticket = 0; ticket < SOURCES; ticket++)
		for (unsigned hash = 0; hash < SOURCES; hash++)
			for (unsigned module = OWN; module <= OTHERS; module++) {
				const struct call_check_run *from[SOURCES] = {&held[0], &held[1],
				                                              &old};
				struct call_check_run named;
				struct said lie;

				/* Of one living run: a wrong answer about its own bytes. */
				if (module == OWN && ticket == hash && ticket != OLD)
					continue;
				hold_both(ABOVE);
				named = held[0];
				memcpy(named.ticket, from[ticket]->ticket, 32);
				memcpy(named.request_hash, from[hash]->request_hash, 32);
				named.module[31] ^= module == OTHERS;
				lie = allow_of(&named, ABOVE);
				say(&lie);
				expect_replaced(IPC_COMPLAINT_BROKEN);
				lies++;
			}
	EXPECT(lies == 16);
	hold_both(ABOVE);
	for (unsigned i = 0; i < 2; i++) {
		struct said lie = allow_of(&held[i], i == 0 ? ABOVE : 1000);

		say(&lie);
		EXPECT(hear(&said) && said.result == CALL_RESULT_SIGNED);
	}
	EXPECT(sign(&first, 20000) == CALL_RESULT_POLICY_DENIED); /* its cap is spent */
}

/* Counted and signed once; who says it twice is replaced. */
static void test_a_verdict_said_twice_counts_once(void)
{
	struct call_sign_answer said;
	struct said twice;

	hold_both(1000);
	twice = allow_of(&held[1], 1000);
	say(&twice);
	say(&twice);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(hear(&said));
		EXPECT(said.result == (said.request == rig.next_id ? CALL_RESULT_SIGNED
		                                                   : CALL_RESULT_VERIFIER_FAILED));
	}
	EXPECT(sign(&second, 1000) == CALL_RESULT_SIGNED);
	EXPECT(rig.complaint == IPC_COMPLAINT_BROKEN);
}

/* Its run was given up, and another verifier is there: its verdict is no run's any more. */
static void test_a_verdict_that_comes_too_late_is_nobodys(void)
{
	struct said late;

	hold_both(ABOVE);
	late = allow_of(&held[0], ABOVE);
	expect_replaced(IPC_COMPLAINT_LATE);
	hold_both(ABOVE);
	say(&late);
	expect_replaced(IPC_COMPLAINT_BROKEN);
}

/* The bridge that asked is gone: the verdict ends its run, honest as it is, and nothing is signed,
 * counted or told to the bridge that came after. */
static void test_a_verdict_for_a_run_that_nobody_waits_for_gives_nothing(void)
{
	static struct rig_world poor;
	unsigned replaced = rig.replaced;
	struct said yes;

	poor.cap = 500000 + FEE;
	rig_world_make(&rig, &poor, "poor");
	held_count = 0;
	hold(&poor, 500000);
	rig_renew(&rig, PROC_CHANNEL_bridge_signer, &rig.bridge);
	yes = allow_of(&held[0], 500000);
	say(&yes);
	EXPECT(sign(&second, 1000) == CALL_RESULT_SIGNED);
	EXPECT(sign(&poor, 500000) == CALL_RESULT_SIGNED); /* which its cap holds once */
	EXPECT(sign(&poor, 500000) == CALL_RESULT_POLICY_DENIED);
	EXPECT(rig.replaced == replaced);
}

/* ---- what it says of them ---- */

static void hide_transfer(struct said *said)
{
	said->answer.facts.lamports_out = FEE;
}

static void hide_one_lamport(struct said *said)
{
	said->answer.facts.lamports_out--;
}

static void hide_fee(struct said *said)
{
	said->answer.facts.fee_lamports--;
}

static void tip_more_than_leaves(struct said *said)
{
	said->answer.facts.tip_lamports = said->answer.facts.lamports_out;
}

static void charge_what_the_grant_lacks(struct said *said)
{
	said->answer.charges[said->answer.charge_count++].counter = 1;
}

static void charge_twice(struct said *said)
{
	said->answer.charge_count = 2;
	said->answer.charges[1] = said->answer.charges[0];
}

static void charge_behind_the_count(struct said *said)
{
	said->answer.charges[POLICY_COUNTERS_MAX - 1].amount = 1;
}

static void allow_with_a_reason(struct said *said)
{
	said->answer.reason = POLICY_REASON_MODULE_FIRST;
}

static void say_maybe(struct said *said)
{
	said->answer.verdict = 2;
}

static void blame_what_is_not_there(struct said *said)
{
	said->answer.instruction = 1;
}

static void promise_text(struct said *said)
{
	said->answer.text_len = 1;
}

static void say_less(struct said *said)
{
	said->head.answer_len--;
}

static void say_nothing(struct said *said)
{
	said->head.answer_len = 0;
}

/* Facts and charges that the request contradicts, and answers that are none: refused as a module's
 * mistake would be, by a verifier that stays. */
static void test_facts_and_charges_that_the_request_contradicts_are_refused(void)
{
	static void (*const bends[])(struct said *) = {hide_transfer,
	                                               hide_one_lamport,
	                                               hide_fee,
	                                               tip_more_than_leaves,
	                                               charge_what_the_grant_lacks,
	                                               charge_twice,
	                                               charge_behind_the_count,
	                                               allow_with_a_reason,
	                                               say_maybe,
	                                               blame_what_is_not_there,
	                                               promise_text,
	                                               say_less,
	                                               say_nothing};
	unsigned replaced = rig.replaced;

	for (size_t i = 0; i < sizeof(bends) / sizeof(bends[0]); i++) {
		struct call_sign_answer said;

		bend = bends[i];
		said = sign_answer(&second, 1000);
		bend = NULL;
		EXPECT(said.result == CALL_RESULT_POLICY_DENIED && said.reason_count == 1 &&
		       said.reasons[0].code == POLICY_REASON_BAD_ANSWER);
		EXPECT(sign(&second, 1000) == CALL_RESULT_SIGNED);
	}
	EXPECT(rig.replaced == replaced);
}

static void charge_nothing(struct said *said)
{
	said->answer.charge_count = 0;
	memset(said->answer.charges, 0, sizeof(said->answer.charges));
}

static void charge_all_there_is(struct said *said)
{
	said->answer.charges[0].amount = UINT64_MAX;
}

/* B4: the signer counts what leaves, whatever it is told to charge. */
static void test_charges_below_the_facts_count_as_the_facts(void)
{
	static struct rig_world poor;
	struct call_sign_answer said;
	struct said lie;

	poor.cap = 2 * (500000 + FEE);
	rig_world_make(&rig, &poor, "charged");
	bend = charge_all_there_is;
	EXPECT(sign(&poor, 500000) == CALL_RESULT_CAP_EXCEEDED);
	bend = charge_nothing;
	EXPECT(sign(&poor, 500000) == CALL_RESULT_SIGNED);
	EXPECT(sign(&poor, 500000) == CALL_RESULT_SIGNED);
	/* An allow for which nothing is left. */
	bend = NULL;
	held_count = 0;
	hold(&poor, 1);
	lie = allow_of(&held[0], 1);
	say(&lie);
	EXPECT(hear(&said) && said.result == CALL_RESULT_CAP_EXCEEDED);
}

static void send_two_mints(struct said *said)
{
	said->answer.facts.token_count = 2;
	for (size_t i = 0; i < 2; i++) {
		memset(said->answer.facts.tokens[i].mint, 7 + (int)i, 32);
		said->answer.facts.tokens[i].amount = 70 + i;
	}
}

/* B4: who asked is told what leaves, mint by mint. */
static void test_the_answer_says_what_leaves(void)
{
	static struct rig_world world;
	struct call_sign_answer said;

	rig_world_make(&rig, &world, "told");
	bend = send_two_mints;
	said = sign_answer(&world, 1000);
	bend = NULL;
	EXPECT(said.result == CALL_RESULT_SIGNED && said.lamports_out == 1000 + FEE &&
	       said.fee_lamports == FEE && said.token_count == 2);
	for (size_t i = 0; i < 2; i++)
		EXPECT(said.tokens[i].mint[0] == 7 + i && said.tokens[i].mint[31] == 7 + i &&
		       said.tokens[i].amount == 70 + i);
}

/* ---- what changes while it decides ---- */

static void grant_of(const struct rig_world *world, uint8_t ret_id[32])
{
	const struct authz_wallet_record *record = rig_wallet(&rig, world);

	CHECK(record != NULL && record->grant_count == 1);
	memcpy(ret_id, record->grants[0].grant, 32);
}

/* What takes power from the world's grant, signed by its user. */
static void make_loss(const struct rig_world *world, enum authz_action action, struct buffer *out)
{
	struct authz_limit_body limit = {.count = 1, .caps = {{.id = 1, .cap = 1000}}};
	uint8_t body_space[256], id[32];
	struct buffer body = BUFFER_OF_ARRAY(body_space);
	static struct authz_change change;

	grant_of(world, id);
	memcpy(limit.grant, id, 32);
	if (action == AUTHZ_ACTION_FREEZE)
		CHECK(authz_empty_put(&body) == STATUS_OK);
	else if (action == AUTHZ_ACTION_REVOKE)
		CHECK(authz_id_put(id, &body) == STATUS_OK);
	else
		CHECK(authz_limit_put(&limit, &body) == STATUS_OK);
	change = rig_change_begin(&rig, world, action, buffer_bytes(&body));
	CHECK(rig_change_make(&rig, &change, &world->user, out) == STATUS_OK);
}

/* A12: freeze, revocation or a lower limit was answered while a module decided: its yes is none. */
static void test_a_verdict_does_not_outlive_what_took_power_meanwhile(void)
{
	static const struct {
		const char *name;
		enum authz_action action;
		enum call_result result;
	} losses[] = {
	    {"frozen",  AUTHZ_ACTION_FREEZE, CALL_RESULT_WALLET_FROZEN},
	    {"revoked", AUTHZ_ACTION_REVOKE, CALL_RESULT_GRANT_REVOKED},
	    {"lowered", AUTHZ_ACTION_LIMIT,  CALL_RESULT_CAP_EXCEEDED },
	};
	static uint8_t spaces[2][CALL_CHANGE_SLOT_BYTES];

	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		struct buffer loss = BUFFER_OF_ARRAY(spaces[0]), done = BUFFER_OF_ARRAY(spaces[1]);
		static struct rig_world world;
		struct call_sign_answer said;
		struct said yes;

		world = (struct rig_world){.cap = 3000000};
		rig_world_make(&rig, &world, losses[i].name);
		make_loss(&world, losses[i].action, &loss);
		held_count = 0;
		hold(&world, 500000);
		EXPECT(rig_ask(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&loss), &done) == STATUS_OK);
		yes = allow_of(&held[0], 500000);
		say(&yes);
		EXPECT(hear(&said) && said.result == losses[i].result);
	}
}

/* A12: two were allowed for what the cap holds once. */
static void test_the_last_use_gives_one_signature(void)
{
	static struct rig_world world;
	unsigned signatures = 0, refused = 0;

	world.cap = 500000 + FEE;
	rig_world_make(&rig, &world, "last-use");
	held_count = 0;
	hold(&world, 500000);
	hold(&world, 500000);
	for (unsigned i = 0; i < 2; i++) {
		struct said yes = allow_of(&held[i], 500000);

		say(&yes);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct call_sign_answer said;

		CHECK(hear(&said));
		signatures += said.result == CALL_RESULT_SIGNED;
		refused += said.result == CALL_RESULT_CAP_EXCEEDED;
	}
	EXPECT(signatures == 1 && refused == 1);
}

/* ---- a run that does not end ---- */

/* Another user's wallet, for whose grant code of his own decides. */
static void make_custom(struct rig_world *world, const char *path)
{
	static uint8_t module[LIMIT_MODULE_MAX], body_space[AUTHZ_GRANT_BODY_MAX],
	    answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space), body = BUFFER_OF_ARRAY(body_space);
	static struct authz_grant_body grant;
	static struct authz_change change;
	struct authz_module_answer learned;
	FILE *file = fopen(path, "rb");
	size_t len;

	CHECK(file != NULL);
	len = fread(module, 1, sizeof(module), file);
	fclose(file);
	rig_world_make(&rig, world, "custom");
	keys_sign_random(&world->client); /* one that has no other grant */
	authz_client_id(keys_sign_public(&world->client), world->client_id);
	rig_credential(&rig, &world->client, world->token);
	CHECK(rig_module_add(&rig, NULL, bytes_of(module, len), &answer) == STATUS_OK);
	CHECK(authz_module_answer_take(buffer_bytes(&answer), &learned) == STATUS_OK);
	CHECK(learned.module_kind == AUTHZ_MODULE_CUSTOM);
	grant =
	    (struct authz_grant_body){.parameters = bytes_of("\xa0", 1), .schema = learned.schema};
	memcpy(grant.client, world->client_id, 32);
	memcpy(grant.module, learned.hash, 32);
	CHECK(authz_grant_put(&grant, &body) == STATUS_OK);
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_GRANT, buffer_bytes(&body));
	CHECK(rig_change(&rig, &change, &world->user, &answer) == STATUS_OK);
}

/* M1, A25: while a user's code runs and runs, here until the test ends it, what others have granted
 * is decided elsewhere: none of their requests waits for it. */
static void test_nobody_waits_for_a_module_that_does_not_end(void)
{
	static struct rig_world custom;
	struct call_sign_answer said;
	uint64_t endless;

	rig_stop(&rig);
	rig.verifier_count = 2;
	rig_start(&rig, folder, false);
	make_custom(&custom, BUILD_DIR "/tests/hostile/liar.wasm");
	held_count = 0;
	hold(&custom, 1000);
	endless = rig.next_id;
	is_stuck = true;
	for (unsigned i = 0; i < 10; i++)
		EXPECT(sign(&second, 1000) == CALL_RESULT_SIGNED);
	is_stuck = false;
	last = allow_of(&held[0], 1000);
	last.head.outcome = CALL_CHECK_FUEL;
	last.head.answer_len = 0;
	say(&last);
	EXPECT(hear(&said) && said.request == endless &&
	       said.result == CALL_RESULT_POLICY_OUT_OF_FUEL);
}

int main(void)
{
	char command[128];

	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	CHECK(verifier_cache_open(&verifier.cache, WASM_HEAP_DEFAULT) == STATUS_OK);
	rig.serve_verifier = serve;
	rig_start(&rig, folder, true);
	first.cap = 1000 + FEE + ABOVE + FEE;
	rig_world_make(&rig, &first, "first");
	second.cap = 100000000;
	rig_world_make(&rig, &second, "second");
	RUN(test_a_verdict_for_another_ticket_module_or_request_is_nobodys);
	RUN(test_a_verdict_said_twice_counts_once);
	RUN(test_a_verdict_that_comes_too_late_is_nobodys);
	RUN(test_a_verdict_for_a_run_that_nobody_waits_for_gives_nothing);
	RUN(test_facts_and_charges_that_the_request_contradicts_are_refused);
	RUN(test_charges_below_the_facts_count_as_the_facts);
	RUN(test_the_answer_says_what_leaves);
	RUN(test_a_verdict_does_not_outlive_what_took_power_meanwhile);
	RUN(test_the_last_use_gives_one_signature);
	RUN(test_nobody_waits_for_a_module_that_does_not_end);
	rig_stop(&rig);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
