/* The signer's part in an update (O9, G1, G4): its steps, in which order each side hears of what,
 * and what it does when updater, attestor or store are slow, gone or false. The test is all three,
 * and plays what else of the signer a request waits for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_update.h"

#include <stdarg.h>
#include <stdio.h>

#include "base_check.h"
#include "base_test.h"
#include "ipc_memory.h"
#include "signer_change.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#define IMAGE_LEN (CALL_UPDATE_PIECE_BYTES + 100u)
#define PIECES    2u

/* A channel with both its ends. More slots than the topology has, so that a flood fits. */
struct pair {
	struct ipc_memory memory;
	struct ipc_channel near, far;
};

static struct pair updater, attestor, store;
static struct signer signer;
static struct signer_change job;
static struct call_start_facts facts;
static uint64_t signatures;     /* that bots got in this boot */
static unsigned turns_left;     /* that a request may wait; then it is refused */
static void (*each_turn)(void); /* what happens meanwhile */
static bool knows_start;        /* the updater */
static unsigned commits;        /* that were waited for */
static bool begun_at_commit;    /* the updater had an order by then */
static const char approvals[] = "approvals of the next start";
static const uint8_t order_name[32] = {0xa1}, other_name[32] = {0xb2}, next_pcr[32] = {4},
                     usual_pcr[32] = {5};
static uint8_t order_space[4096], piece_space[CALL_UPDATE_PIECE_BYTES + 128], answer_space[256],
    heard_space[CALL_STORE_SLOT_BYTES];

/* ---- the rest of the signer ---- */

uint64_t signer_sign_signed(const struct signer_sign *sign)
{
	(void)sign;
	return signatures;
}

enum status signer_refuse(struct signer_change *of, enum call_result result, const char *format,
                          ...)
{
	va_list arguments;

	va_start(arguments, format);
	of->refusal.result = result;
	vsnprintf(of->refusal.text, sizeof(of->refusal.text), format, arguments);
	va_end(arguments);
	return STATUS_REFUSED;
}

static void pump(void)
{
	CHECK(signer_store_pump(signer.store, 0) != STATUS_CORRUPT);
	signer_update_pump(&signer);
}

bool signer_change_turn(struct signer_change *of)
{
	if (turns_left == 0) {
		signer_refuse(of, CALL_RESULT_OVERLOADED, "took too long");
		return false;
	}
	turns_left--;
	signer.now_ms++;
	if (each_turn != NULL)
		each_turn();
	pump();
	return true;
}

/* What gathers is never written here. */
static enum signer_write may_anchor(void *context, bool is_paid, enum signer_need need,
                                    const uint8_t *user)
{
	(void)is_paid;
	(void)user;
	(void)context;
	(void)need;
	return SIGNER_WRITE_SOON;
}

enum status signer_keep_serial(struct signer_change *of)
{
	(void)of;
	commits++;
	begun_at_commit = ipc_ready(&updater.far);
	return STATUS_OK;
}

/* ---- the three peers ---- */

static void open_pair(struct pair *pair, uint32_t slot_bytes)
{
	const struct ipc_shape shape = {slot_bytes, 8, 0};
	struct ipc_fds fds;

	CHECK(ipc_memory_make(&pair->memory, &shape) == STATUS_OK);
	CHECK(ipc_memory_lend(&pair->memory, 0, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&pair->near, &shape, &fds, 0) == STATUS_OK);
	CHECK(ipc_memory_lend(&pair->memory, 1, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&pair->far, &shape, &fds, 1) == STATUS_OK);
}

static void close_pair(struct pair *pair)
{
	ipc_channel_close(&pair->near);
	ipc_channel_close(&pair->far);
	ipc_memory_close(&pair->memory);
}

/* renew lets the peer of a channel be another process, as the supervisor does. */
static void renew(struct pair *pair)
{
	struct ipc_fds fds;

	knows_start &= pair != &updater;
	ipc_memory_raise(&pair->memory);
	pump();
	ipc_channel_close(&pair->far);
	CHECK(ipc_memory_reset_side(&pair->memory, 1) == STATUS_OK);
	ipc_memory_raise(&pair->memory);
	CHECK(ipc_memory_lend(&pair->memory, 1, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&pair->far, &pair->memory.shape, &fds, 1) == STATUS_OK);
	pump();
}

/* hear takes the next message to a peer: its kind, 0: none. */
static uint32_t hear(struct pair *pair, struct bytes *ret_message)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(heard_space)};

	if (ipc_take(&pair->far, &message) != STATUS_OK)
		return 0;
	*ret_message = buffer_bytes(&message.payload);
	return message.kind;
}

static bool hears_nothing(struct pair *pair)
{
	struct bytes message;

	pump();
	return hear(pair, &message) == 0;
}

/* What the updater says; of an order, as it has it. */
static void say(enum call_update_state state, const uint8_t order[32], uint32_t code)
{
	struct call_update_status said = {.state = state, .code = code, .count = PIECES};

	if (order != NULL)
		memcpy(said.order, order, sizeof(said.order));
	memcpy(said.usual, usual_pcr, sizeof(said.usual));
	if (state == CALL_UPDATE_CHECKED || state == CALL_UPDATE_STAGED || code != 0) {
		memcpy(said.pcr, next_pcr, sizeof(said.pcr));
		said.have = said.next = PIECES;
	}
	said.started = knows_start;
	CHECK(ipc_put(&updater.far, CALL_UPDATE_STATUS, bytes_of(&said, sizeof(said))) ==
	      STATUS_OK);
	pump();
}

/* hears_started: the updater is told of this start, and of nothing else. */
static bool hears_started(bool first, bool serves)
{
	struct call_update_started started;
	struct bytes message;

	pump();
	if (hear(&updater, &message) != CALL_UPDATE_STARTED || message.len != sizeof(started))
		return false;
	memcpy(&started, message.data, sizeof(started));
	knows_start = true;
	return memcmp(started.pcr, facts.pcrs[4], 32) == 0 && (started.first != 0) == first &&
	       (started.serves != 0) == serves;
}

/* hears_usual: the attestor is told what firmware starts by itself. */
static bool hears_usual(const uint8_t pcr[32])
{
	struct call_attest_request request;
	struct bytes message;

	pump();
	return hear(&attestor, &message) == CALL_ATTEST_USUAL &&
	       attest_take_request(CALL_ATTEST_USUAL, message, &request) == STATUS_OK &&
	       memcmp(request.usual.pcr, pcr, 32) == 0;
}

/* hears_question: the attestor is asked about exactly this. */
static bool hears_question(struct call_attest_judge *ret_asked, struct bytes *ret_approvals)
{
	struct call_attest_request request;
	struct bytes message;

	pump();
	if (hear(&attestor, &message) != CALL_ATTEST_JUDGE ||
	    attest_take_request(CALL_ATTEST_JUDGE, message, &request) != STATUS_OK)
		return false;
	*ret_asked = request.judge;
	*ret_approvals = request.approvals;
	return true;
}

static enum status answer_question(uint64_t request, enum status status, uint32_t code)
{
	struct call_attest_head head = {.request = request, .status = (uint32_t)status};
	struct call_attest_judged judged = {.code = code};
	uint8_t space[sizeof(head) + sizeof(judged)];
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(buffer_put(&out, bytes_of(&head, sizeof(head))) == STATUS_OK);
	if (status == STATUS_OK)
		CHECK(buffer_put(&out, bytes_of(&judged, sizeof(judged))) == STATUS_OK);
	return signer_approvals_hear(&signer, buffer_bytes(&out));
}

/* judges: the attestor is asked about what was measured and ordered, and says this. */
static bool judges(uint32_t code)
{
	struct call_attest_judge asked;
	struct bytes shown;

	return hears_question(&asked, &shown) && memcmp(asked.next, next_pcr, 32) == 0 &&
	       memcmp(asked.usual, usual_pcr, 32) == 0 &&
	       bytes_equal(shown, bytes_of_text(approvals)) &&
	       answer_question(asked.head.request, STATUS_OK, code) == STATUS_OK;
}

/* stores: the data disk is given the approvals that were ordered, and says this. */
static bool stores(enum status status)
{
	struct store_request request;
	struct call_store_head head;
	struct bytes message;

	pump();
	if (hear(&store, &message) != CALL_STORE_ITEM_PUT ||
	    store_take_request(CALL_STORE_ITEM_PUT, message, &request) != STATUS_OK ||
	    request.of.item.part != CALL_STORE_PART_APPROVALS ||
	    !bytes_equal(request.payload, bytes_of_text(approvals)))
		return false;
	head = (struct call_store_head){.request = request.request, .status = (uint32_t)status};
	CHECK(ipc_put(&store.far, CALL_STORE_ITEM_ANSWER, bytes_of(&head, sizeof(head))) ==
	      STATUS_OK);
	pump();
	return true;
}

static bool hears_verdict(const uint8_t order[32], uint32_t code)
{
	struct call_update_verdict verdict;
	struct bytes message;

	pump();
	if (hear(&updater, &message) != CALL_UPDATE_VERDICT || message.len != sizeof(verdict))
		return false;
	memcpy(&verdict, message.data, sizeof(verdict));
	return memcmp(verdict.order, order, 32) == 0 && verdict.code == code;
}

/* ---- an operator ---- */

static enum status order(const uint8_t name[32])
{
	static uint8_t hashes[PIECES * 32] = {1};
	struct authz_update_order made = {.len = IMAGE_LEN,
	                                  .hashes = BYTES_OF_ARRAY(hashes),
	                                  .approvals = bytes_of_text(approvals)};
	struct buffer out = BUFFER_OF_ARRAY(order_space);

	CHECK(authz_update_order_put(&made, &out) == STATUS_OK);
	return signer_update_begin(&job, buffer_bytes(&out), name);
}

static bool hears_order(const uint8_t name[32])
{
	struct call_update_begin begin;
	struct bytes message, hashes;

	return hear(&updater, &message) == CALL_UPDATE_BEGIN &&
	       update_take_begin(message, &begin, &hashes) == STATUS_OK &&
	       memcmp(begin.order, name, 32) == 0 && begin.len == IMAGE_LEN &&
	       begin.count == PIECES && hashes.data[0] == 1;
}

static enum status send_piece(const uint8_t name[32], uint32_t index)
{
	static uint8_t bytes[CALL_UPDATE_PIECE_BYTES];
	struct authz_update_piece made = {.index = index, .bytes = bytes_of(bytes, 100)};
	struct buffer out = BUFFER_OF_ARRAY(piece_space);

	memcpy(made.order, name, sizeof(made.order));
	CHECK(authz_update_piece_put(&made, &out) == STATUS_OK);
	job.answer = BUFFER_OF_ARRAY(answer_space);
	return signer_update_piece(&job, buffer_bytes(&out));
}

static struct authz_update_answer ask(void)
{
	struct authz_update_answer said = {.state = 0};

	job.answer = BUFFER_OF_ARRAY(answer_space);
	EXPECT(signer_update_query(&job) == STATUS_OK);
	EXPECT(authz_update_answer_take(buffer_bytes(&job.answer), &said) == STATUS_OK);
	return said;
}

static bool refused(enum status status, enum call_result result, const char *text)
{
	return status == STATUS_REFUSED && job.refusal.result == result &&
	       strstr(job.refusal.text, text) != NULL;
}

/* begin: an appliance that has just unsealed. */
static void begin(void)
{
	static const uint8_t root[32];

	memset(&signer, 0, sizeof(signer));
	memset(&job, 0, sizeof(job));
	facts.pcrs[4][0] = 6;
	signatures = commits = 0;
	knows_start = false;
	turns_left = 20;
	each_turn = NULL;
	open_pair(&updater, CALL_UPDATE_SLOT_BYTES);
	open_pair(&attestor, CALL_ATTEST_SIGNER_SLOT_BYTES);
	open_pair(&store, CALL_STORE_SLOT_BYTES);
	signer.facts = &facts;
	signer.now_ms = 1000000;
	signer.ready = true;
	signer.update.channel = &updater.near;
	signer.attestor = &attestor.near;
	signer.store =
	    signer_store_new(&store.near, (struct signer_store_hooks){.may_anchor = may_anchor});
	signer_store_begin(signer.store, 0, root);
	job.signer = &signer;
}

/* serve: and then its updater has spoken, and somebody was served. */
static void serve(void)
{
	begin();
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(hears_started(true, false));
	say(CALL_UPDATE_IDLE, NULL, 0);
	signatures = 1;
	EXPECT(hears_started(false, true));
	EXPECT(hears_usual(usual_pcr) && hears_nothing(&attestor));
}

static void end(void)
{
	close_pair(&updater);
	close_pair(&attestor);
	close_pair(&store);
}

/* ---- tests ---- */

static void test_an_order_goes_its_way_in_this_order_and_no_other(void)
{
	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	EXPECT(ask().state == CALL_UPDATE_READING);
	say(CALL_UPDATE_TAKING, order_name, 0);
	EXPECT(hears_nothing(&attestor) && hears_nothing(&store));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(hears_nothing(&store) && hears_nothing(&updater)); /* judged first */
	EXPECT(judges(CALL_UPDATE_FINE));
	EXPECT(hears_nothing(&attestor) && hears_nothing(&updater)); /* then stored */
	EXPECT(stores(STATUS_OK));
	EXPECT(hears_verdict(order_name, CALL_UPDATE_FINE)); /* then told, once */
	EXPECT(hears_nothing(&updater) && hears_nothing(&attestor) && hears_nothing(&store));
	say(CALL_UPDATE_STAGED, order_name, 0);
	EXPECT(ask().state == CALL_UPDATE_STAGED);
	EXPECT(hears_nothing(&updater) && hears_nothing(&attestor) && hears_nothing(&store));
	end();
}

static void test_what_the_attestor_refuses_is_neither_stored_nor_staged(void)
{
	static const uint32_t codes[] = {CALL_UPDATE_NO_RELEASE, CALL_UPDATE_BELOW_FLOOR,
	                                 CALL_UPDATE_NO_SITE,    CALL_UPDATE_BELOW_SITE,
	                                 CALL_UPDATE_APPROVALS,  CALL_UPDATE_LOCKS_OUT};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		serve();
		EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
		say(CALL_UPDATE_CHECKED, order_name, 0);
		EXPECT(judges(codes[i]) && hears_verdict(order_name, codes[i]));
		EXPECT(hears_nothing(&store) && hears_nothing(&attestor));
		say(CALL_UPDATE_IDLE, order_name, codes[i]);
		EXPECT(ask().code == codes[i]);
		end();
	}
}

static void test_a_data_disk_that_takes_no_approvals_stages_nothing(void)
{
	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(judges(CALL_UPDATE_FINE) && stores(STATUS_IO));
	EXPECT(hears_verdict(order_name, CALL_UPDATE_DATA_DISK));
	end();
	/* Nor does a store that is gone meanwhile. */
	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(judges(CALL_UPDATE_FINE));
	pump();
	renew(&store);
	EXPECT(hears_verdict(order_name, CALL_UPDATE_DATA_DISK));
	end();
}

/* A TPM that fails is asked again, a second later and not in each turn. */
static void test_a_tpm_that_fails_is_asked_again_and_not_at_once(void)
{
	struct call_attest_judge asked;
	struct bytes shown;

	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT(hears_question(&asked, &shown));
		EXPECT(answer_question(asked.head.request, STATUS_BUSY, 0) == STATUS_OK);
		EXPECT(hears_nothing(&attestor));
		signer.now_ms += 999;
		EXPECT(hears_nothing(&attestor));
		signer.now_ms += 1;
	}
	EXPECT(judges(CALL_UPDATE_FINE) && stores(STATUS_OK));
	EXPECT(hears_verdict(order_name, CALL_UPDATE_FINE));
	end();
}

static void test_an_attestor_that_answers_what_nobody_asked_is_broken(void)
{
	struct call_attest_head head = {.request = 1};
	struct call_attest_judge asked;
	struct bytes shown;

	serve();
	EXPECT(answer_question(1, STATUS_OK, 0) == STATUS_MALFORMED);
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(hears_question(&asked, &shown));
	EXPECT(answer_question(asked.head.request + 1, STATUS_OK, 0) == STATUS_MALFORMED);
	EXPECT(signer_approvals_hear(&signer, bytes_of(&head, sizeof(head))) == STATUS_MALFORMED);
	EXPECT(hears_nothing(&updater) && hears_nothing(&store));
	EXPECT(answer_question(asked.head.request, STATUS_OK, 0) == STATUS_OK);
	EXPECT(answer_question(asked.head.request, STATUS_OK, 0) == STATUS_MALFORMED);
	EXPECT(stores(STATUS_OK) && hears_verdict(order_name, CALL_UPDATE_FINE));
	end();
}

/* What is said of another order, or without one, moves nothing: not the measure of it either. */
static void test_what_the_updater_says_of_another_order_moves_nothing(void)
{
	serve();
	say(CALL_UPDATE_CHECKED, order_name, 0); /* nobody ordered it in this boot */
	EXPECT(hears_nothing(&attestor));
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	EXPECT(hears_nothing(&attestor)); /* what it said before is not about this order */
	say(CALL_UPDATE_CHECKED, other_name, 0);
	EXPECT(hears_nothing(&attestor) && hears_nothing(&store) && hears_nothing(&updater));
	end();
}

/* In each step another order may come: the former one's verdict is then told to nobody. */
static void test_another_order_takes_the_place_of_the_former_in_every_step(void)
{
	for (unsigned step = 0; step < 5; step++) {
		struct call_attest_judge asked = {.head.request = 0};
		struct bytes shown;

		serve();
		EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
		if (step > 0)
			say(CALL_UPDATE_CHECKED, order_name, 0);
		if (step > 0)
			EXPECT(hears_question(&asked, &shown));
		if (step > 1)
			EXPECT(answer_question(asked.head.request, STATUS_OK, 0) == STATUS_OK);
		if (step > 2)
			EXPECT(stores(STATUS_OK));
		if (step > 3)
			EXPECT(hears_verdict(order_name, CALL_UPDATE_FINE));
		if (step == 3) { /* told in the turn in which it was stored */
			EXPECT(hears_verdict(order_name, CALL_UPDATE_FINE));
			say(CALL_UPDATE_STAGED, order_name, 0);
		}
		EXPECT(order(other_name) == STATUS_OK && hears_order(other_name));
		say(CALL_UPDATE_CHECKED, other_name, 0);
		if (step == 1) /* the answer to the former's question is not this one's */
			EXPECT(hears_nothing(&attestor) &&
			       answer_question(asked.head.request, STATUS_OK, 0) == STATUS_OK);
		EXPECT(judges(CALL_UPDATE_NO_RELEASE));
		EXPECT(hears_verdict(other_name, CALL_UPDATE_NO_RELEASE));
		EXPECT(hears_nothing(&updater));
		end();
	}
}

/* G4: told at once that it unsealed, and that it serves not before somebody was served. */
static void test_it_serves_when_a_bot_got_a_signature_or_an_operator_was_heard(void)
{
	begin();
	signer.ready = false;
	EXPECT(hears_nothing(&updater));
	signer.ready = true;
	EXPECT(hears_started(true, false) && hears_nothing(&updater));
	signatures = 1;
	EXPECT(hears_started(true, true)); /* it has not said that it knows */
	EXPECT(hears_nothing(&updater));
	signatures = 2;
	EXPECT(hears_nothing(&updater));
	end();
	begin();
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(hears_started(true, false));
	say(CALL_UPDATE_IDLE, NULL, 0);
	(void)ask();
	EXPECT(hears_started(false, true));
	end();
}

/* A boot's first word counts when an updater has heard it, not when it was sent.
 */
static void test_an_updater_that_died_before_it_heard_leaves_the_first_word_to_the_next(void)
{
	begin();
	pump(); /* sent, and never taken */
	renew(&updater);
	EXPECT(hears_started(true, false));
	say(CALL_UPDATE_IDLE, NULL, CALL_UPDATE_NOT_TAKEN);
	renew(&updater);
	EXPECT(hears_started(false, false));
	end();
}

static void test_another_updater_wants_the_order_anew(void)
{
	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_TAKING, order_name, 0);
	renew(&updater);
	EXPECT(hears_started(false, true));
	EXPECT(refused(signer_update_query(&job), CALL_RESULT_OVERLOADED, "is starting"));
	EXPECT(refused(order(order_name), CALL_RESULT_OVERLOADED, "is starting"));
	knows_start = false; /* it speaks before it has heard of the start */
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(refused(order(order_name), CALL_RESULT_OVERLOADED, "is starting"));
	EXPECT(refused(signer_update_judge(&job, bytes_of_text(approvals)), CALL_RESULT_OVERLOADED,
	               "is starting"));
	knows_start = true;
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(refused(send_piece(order_name, 0), CALL_RESULT_CONFLICT, "no such update"));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(hears_nothing(&attestor));
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	end();
}

static void say_that_it_serves(void)
{
	signatures = 1;
}

/* An image that runs and is not kept yet lies in the slot that an order would write over. */
static void test_no_order_before_what_runs_is_kept(void)
{
	begin();
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(hears_started(true, false));
	say(CALL_UPDATE_IDLE, NULL, 0);
	turns_left = 3;
	EXPECT(refused(order(order_name), CALL_RESULT_OVERLOADED, "too long"));
	EXPECT(hears_nothing(&updater) && commits == 0);
	each_turn = say_that_it_serves;
	turns_left = 20;
	EXPECT(order(order_name) == STATUS_OK);
	EXPECT(hears_started(false, true) && hears_order(order_name));
	end();
}

/* A start after a crash knows the operator's serial before anything was begun. */
static void test_the_operators_serial_is_kept_before_the_order_begins(void)
{
	serve();
	EXPECT(order(order_name) == STATUS_OK);
	EXPECT(commits == 1 && !begun_at_commit && hears_order(order_name));
	EXPECT(refused(signer_update_begin(&job, bytes_of_text("x"), order_name),
	               CALL_RESULT_REQUEST_MALFORMED, "not an order"));
	EXPECT(commits == 1 && hears_nothing(&updater));
	end();
}

static void take_piece(void)
{
	struct call_update_status said = {
	    .state = CALL_UPDATE_TAKING, .count = PIECES, .have = 1, .next = 1, .started = 1};

	each_turn = NULL;
	memcpy(said.order, order_name, sizeof(said.order));
	CHECK(ipc_put(&updater.far, CALL_UPDATE_STATUS, bytes_of(&said, sizeof(said))) ==
	      STATUS_OK);
}

static void test_pieces_are_of_the_order_and_answered_with_what_the_updater_has(void)
{
	struct authz_update_answer said;
	struct call_update_piece piece;
	struct bytes message, bytes;

	serve();
	EXPECT(refused(send_piece(order_name, 0), CALL_RESULT_CONFLICT, "no such update"));
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_TAKING, order_name, 0);
	EXPECT(refused(send_piece(other_name, 0), CALL_RESULT_CONFLICT, "no such update"));
	EXPECT(refused(signer_update_piece(&job, bytes_of_text("x")), CALL_RESULT_REQUEST_MALFORMED,
	               "not a piece"));
	EXPECT(hears_nothing(&updater));
	each_turn = take_piece;
	EXPECT(send_piece(order_name, 0) == STATUS_OK);
	EXPECT(authz_update_answer_take(buffer_bytes(&job.answer), &said) == STATUS_OK &&
	       said.have == 1 && said.next == 1 && said.count == PIECES);
	EXPECT(hear(&updater, &message) == CALL_UPDATE_PIECE &&
	       update_take_piece(message, &piece, &bytes) == STATUS_OK && piece.index == 0 &&
	       bytes.len == 100);
	/* An updater that makes nothing of it holds nobody up for ever. */
	turns_left = 100000;
	EXPECT(send_piece(order_name, 1) == STATUS_OK && turns_left > 90000);
	end();
}

static void test_an_updater_that_talks_without_end_is_heard_a_little_in_each_turn(void)
{
	struct call_update_status said = {.state = CALL_UPDATE_TAKING, .count = 8};

	serve();
	for (uint32_t i = 1; i <= 5; i++) {
		said.have = i;
		CHECK(ipc_put(&updater.far, CALL_UPDATE_STATUS, bytes_of(&said, sizeof(said))) ==
		      STATUS_OK);
	}
	for (uint32_t i = 2; i <= 6; i += 2) {
		signer_update_pump(&signer);
		EXPECT(signer.update.said.have == (i < 5 ? i : 5));
	}
	EXPECT(ipc_memory_complaint(&updater.memory, 0) == IPC_COMPLAINT_NONE);
	end();
}

static void test_an_updater_that_says_what_none_does_is_replaced(void)
{
	struct call_update_status said = {.state = CALL_UPDATE_STATE_COUNT};

	for (unsigned i = 0; i < 3; i++) {
		serve();
		said.state = i == 0 ? CALL_UPDATE_STATE_COUNT : CALL_UPDATE_IDLE;
		said.started = i == 1 ? 2 : 0;
		CHECK(ipc_put(&updater.far, i == 2 ? CALL_UPDATE_VERDICT : CALL_UPDATE_STATUS,
		              bytes_of(&said, sizeof(said))) == STATUS_OK);
		pump();
		EXPECT(ipc_memory_complaint(&updater.memory, 0) == IPC_COMPLAINT_BROKEN);
		end();
	}
}

static void test_a_signer_that_is_no_appliance_has_nothing_to_update(void)
{
	begin();
	signer.update.channel = NULL;
	EXPECT(hears_usual(facts.pcrs[4]) && hears_nothing(&attestor));
	EXPECT(refused(order(order_name), CALL_RESULT_UNSUPPORTED, "no appliance"));
	EXPECT(refused(send_piece(order_name, 0), CALL_RESULT_UNSUPPORTED, "no appliance"));
	EXPECT(refused(signer_update_query(&job), CALL_RESULT_UNSUPPORTED, "no appliance"));
	end();
}

static struct call_attest_judge seen; /* what an operator's file was judged for */
static uint32_t judged_code;

static void judge_and_look(void)
{
	struct bytes shown;

	if (hears_question(&seen, &shown))
		CHECK(bytes_equal(shown, bytes_of_text(approvals)) &&
		      answer_question(seen.head.request, STATUS_OK, judged_code) == STATUS_OK);
}

static enum status judge_file(uint32_t code)
{
	judged_code = code;
	memset(&seen, 0, sizeof(seen));
	each_turn = judge_and_look;
	return signer_update_judge(&job, bytes_of_text(approvals));
}

/* O9: an operator's file alone is judged for what is staged, or else for what starts by itself. */
static void test_approvals_alone_are_judged_for_what_may_start_next(void)
{
	serve();
	EXPECT(judge_file(0) == STATUS_OK && memcmp(seen.next, usual_pcr, 32) == 0 &&
	       memcmp(seen.usual, usual_pcr, 32) == 0);
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	EXPECT(refused(judge_file(0), CALL_RESULT_CONFLICT, "an update is on its way"));
	say(CALL_UPDATE_TAKING, order_name, 0);
	EXPECT(refused(judge_file(0), CALL_RESULT_CONFLICT, "an update is on its way"));
	each_turn = NULL;
	say(CALL_UPDATE_STAGED, order_name, 0);
	EXPECT(judge_file(0) == STATUS_OK && memcmp(seen.next, next_pcr, 32) == 0 &&
	       memcmp(seen.usual, usual_pcr, 32) == 0);
	EXPECT(refused(judge_file(CALL_UPDATE_NO_SITE), CALL_RESULT_CHANGE_REFUSED,
	               "122: the staged image: no site approval"));
	EXPECT(refused(judge_file(CALL_UPDATE_APPROVALS), CALL_RESULT_CHANGE_REFUSED,
	               "144: the approvals are damaged"));
	each_turn = NULL;
	say(CALL_UPDATE_IDLE, order_name, CALL_UPDATE_DISK);
	EXPECT(judge_file(0) == STATUS_OK && memcmp(seen.next, usual_pcr, 32) == 0);
	end();
}

/* Where nobody has said what starts by itself, or what is next, it is what runs. */
static void test_what_is_not_known_is_judged_as_what_runs(void)
{
	static const uint8_t none[32];
	struct call_attest_judge asked;
	struct signer_judgement first, second;
	struct bytes shown;

	begin();
	EXPECT(signer_approvals_ask(&signer, none, bytes_of_text(approvals), &first) == STATUS_OK);
	EXPECT(signer_approvals_ask(&signer, none, bytes_of_text(approvals), &second) ==
	       STATUS_BUSY);
	EXPECT(hears_question(&asked, &shown) && memcmp(asked.next, facts.pcrs[4], 32) == 0 &&
	       memcmp(asked.usual, facts.pcrs[4], 32) == 0);
	EXPECT(answer_question(asked.head.request, STATUS_OK, 7) == STATUS_OK && first.is_done &&
	       first.said.code == 7);
	say(CALL_UPDATE_IDLE, NULL, 0);
	EXPECT(hears_usual(usual_pcr));
	EXPECT(signer_approvals_ask(&signer, none, bytes_of_text(approvals), &second) == STATUS_OK);
	EXPECT(hears_question(&asked, &shown) && memcmp(asked.next, usual_pcr, 32) == 0 &&
	       memcmp(asked.usual, usual_pcr, 32) == 0);
	end();
}

/* Two that want the data disk at once each hear of their own. */
static void test_a_small_file_is_done_for_whom_it_was_put(void)
{
	static struct signer_store_item mine;

	serve();
	EXPECT(order(order_name) == STATUS_OK && hears_order(order_name));
	say(CALL_UPDATE_CHECKED, order_name, 0);
	EXPECT(signer_store_put_item(signer.store, CALL_STORE_PART_APPROVALS,
	                             bytes_of_text(approvals), &mine) == STATUS_OK);
	EXPECT(judges(CALL_UPDATE_FINE)); /* its turn comes when the other one's answer does */
	EXPECT(stores(STATUS_OK) && mine.is_done && mine.status == STATUS_OK);
	EXPECT(!signer.update.item.is_done && hears_nothing(&updater));
	EXPECT(stores(STATUS_IO) && mine.status == STATUS_OK);
	EXPECT(hears_verdict(order_name, CALL_UPDATE_DATA_DISK));
	end();
}

int main(void)
{
	keys_open();
	RUN(test_an_order_goes_its_way_in_this_order_and_no_other);
	RUN(test_what_the_attestor_refuses_is_neither_stored_nor_staged);
	RUN(test_a_data_disk_that_takes_no_approvals_stages_nothing);
	RUN(test_a_tpm_that_fails_is_asked_again_and_not_at_once);
	RUN(test_an_attestor_that_answers_what_nobody_asked_is_broken);
	RUN(test_what_the_updater_says_of_another_order_moves_nothing);
	RUN(test_another_order_takes_the_place_of_the_former_in_every_step);
	RUN(test_it_serves_when_a_bot_got_a_signature_or_an_operator_was_heard);
	RUN(test_an_updater_that_died_before_it_heard_leaves_the_first_word_to_the_next);
	RUN(test_another_updater_wants_the_order_anew);
	RUN(test_no_order_before_what_runs_is_kept);
	RUN(test_the_operators_serial_is_kept_before_the_order_begins);
	RUN(test_pieces_are_of_the_order_and_answered_with_what_the_updater_has);
	RUN(test_an_updater_that_talks_without_end_is_heard_a_little_in_each_turn);
	RUN(test_an_updater_that_says_what_none_does_is_replaced);
	RUN(test_a_signer_that_is_no_appliance_has_nothing_to_update);
	RUN(test_approvals_alone_are_judged_for_what_may_start_next);
	RUN(test_what_is_not_known_is_judged_as_what_runs);
	RUN(test_a_small_file_is_done_for_whom_it_was_put);
	return test_summary();
}
