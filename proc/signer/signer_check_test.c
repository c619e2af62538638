/* signer_check before verifiers that lie: the test is the verifier. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_check.h"

#include "base_check.h"
#include "base_test.h"
#include "ipc_memory.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

#define VERIFIERS 3

static const struct ipc_shape shape = {CALL_CHECK_SLOT_BYTES, 4, CALL_CHECK_WINDOW_BYTES};

static struct {
	struct ipc_memory memory;
	struct ipc_channel signer, verifier;
} pairs[VERIFIERS];
static struct signer_check *pool;
static uint8_t space[CALL_CHECK_SLOT_BYTES];

/* How a run ended. */
struct outcome {
	struct signer_check_run run;
	unsigned ends;
	enum signer_check_end end;
};

static void done(void *owner, const struct signer_check_result *result)
{
	struct outcome *outcome = (struct outcome *)owner;

	outcome->ends++;
	outcome->end = result->end;
}

static enum status module(void *owner, const uint8_t hash[32], struct buffer *window)
{
	(void)owner;
	return buffer_put(window, bytes_of(hash, 32));
}

static void open_all(size_t count)
{
	struct ipc_channel *channels[VERIFIERS];

	for (size_t i = 0; i < count; i++) {
		struct ipc_fds fds;

		CHECK(ipc_memory_make(&pairs[i].memory, &shape) == STATUS_OK);
		CHECK(ipc_memory_lend(&pairs[i].memory, 0, &fds) == STATUS_OK);
		CHECK(ipc_channel_open(&pairs[i].signer, &shape, &fds, 0) == STATUS_OK);
		CHECK(ipc_memory_lend(&pairs[i].memory, 1, &fds) == STATUS_OK);
		CHECK(ipc_channel_open(&pairs[i].verifier, &shape, &fds, 1) == STATUS_OK);
		channels[i] = &pairs[i].signer;
	}
	pool = signer_check_new(channels, count);
}

static enum ipc_complaint complaint(size_t at)
{
	return ipc_memory_complaint(&pairs[at].memory, 0);
}

static void make_run(struct outcome *outcome, uint8_t number, bool custom, uint8_t user)
{
	static const uint8_t request[64];

	*outcome = (struct outcome){.ends = 0};
	outcome->run = (struct signer_check_run){.owner = outcome,
	                                         .done = done,
	                                         .module = module,
	                                         .custom = custom,
	                                         .what = CALL_CHECK_WHAT_CHECK,
	                                         .fuel = 1000,
	                                         .request = BYTES_OF_ARRAY(request)};
	memset(outcome->run.ticket, number, 32);
	memset(outcome->run.module_hash, 0x60, 32);
	memset(outcome->run.request_hash, 0x70, 32);
	memset(outcome->run.user, user, 32);
}

static bool begin(struct outcome *outcome)
{
	return signer_check_begin(pool, &outcome->run, 0) == STATUS_OK;
}

static void say_verdict(size_t at, const struct signer_check_run *run, uint32_t outcome)
{
	struct call_check_verdict head = {.fuel_used = 5, .outcome = outcome};

	memcpy(head.ticket, run->ticket, 32);
	memcpy(head.module, run->module_hash, 32);
	memcpy(head.request_hash, run->request_hash, 32);
	CHECK(ipc_put(&pairs[at].verifier, CALL_CHECK_VERDICT, bytes_of(&head, sizeof(head))) ==
	      STATUS_OK);
	signer_check_pump(pool, 1);
}

static void say_need(size_t at, const struct signer_check_run *run)
{
	struct call_check_need_module head = {0};

	memcpy(head.ticket, run->ticket, 32);
	memcpy(head.module, run->module_hash, 32);
	CHECK(ipc_put(&pairs[at].verifier, CALL_CHECK_NEED_MODULE, bytes_of(&head, sizeof(head))) ==
	      STATUS_OK);
	signer_check_pump(pool, 1);
}

static void say_loaded(size_t at, const struct signer_check_run *run)
{
	struct call_check_module_state_reply head = {.state = CALL_CHECK_MODULE_LOADED};

	memcpy(head.ticket, run->ticket, 32);
	memcpy(head.module, run->module_hash, 32);
	CHECK(ipc_put(&pairs[at].verifier, CALL_CHECK_MODULE_STATE,
	              bytes_of(&head, sizeof(head))) == STATUS_OK);
	signer_check_pump(pool, 1);
}

/* Kinds of what the verifier was sent. */
static size_t heard(size_t at, uint32_t kind)
{
	struct ipc_message message = {
	    0, {space, sizeof(space), 0}
        };
	size_t count = 0;

	while (ipc_take(&pairs[at].verifier, &message) == STATUS_OK)
		count += message.kind == kind;
	return count;
}

static void test_an_honest_answer_ends_its_run_once(void)
{
	struct outcome one;

	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one) && heard(0, CALL_CHECK_RUN) == 1);
	say_need(0, &one.run);
	EXPECT(heard(0, CALL_CHECK_MODULE) == 1);
	say_loaded(0, &one.run);
	EXPECT(heard(0, CALL_CHECK_RUN) == 1);
	say_verdict(0, &one.run, CALL_CHECK_TRAP);
	EXPECT(one.ends == 1 && one.end == SIGNER_CHECK_TRAPPED && complaint(0) == 0);
}

/* M6: a verdict for another ticket, module or request is nobody's, and its sender is replaced. */
static void test_a_verdict_that_is_not_bound_counts_for_nothing(void)
{
	for (unsigned wrong = 0; wrong < 4; wrong++) {
		struct outcome one;
		struct signer_check_run bent;

		open_all(1);
		make_run(&one, 1, false, 0);
		EXPECT(begin(&one));
		bent = one.run;
		if (wrong == 0)
			bent.ticket[31] ^= 1;
		else if (wrong == 1)
			bent.module_hash[0] ^= 1;
		else if (wrong == 2)
			bent.request_hash[16] ^= 1;
		say_verdict(0, &bent, wrong == 3 ? 77 : CALL_CHECK_RAN);
		EXPECT(one.ends == 1 && one.end == SIGNER_CHECK_LOST);
		EXPECT(complaint(0) == IPC_COMPLAINT_BROKEN);
		/* Nothing more is given to it. */
		make_run(&one, 2, false, 0);
		EXPECT(!begin(&one));
	}
}

/* A second verdict has no run any more. */
static void test_a_second_verdict_is_a_crime(void)
{
	struct outcome one;

	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one));
	say_verdict(0, &one.run, CALL_CHECK_TRAP);
	say_verdict(0, &one.run, CALL_CHECK_RAN);
	EXPECT(one.ends == 1 && one.end == SIGNER_CHECK_TRAPPED);
	EXPECT(complaint(0) == IPC_COMPLAINT_BROKEN);
}

static void test_a_module_is_given_and_said_to_be_loaded_once(void)
{
	struct outcome one;

	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one));
	say_need(0, &one.run);
	say_need(0, &one.run);
	EXPECT(one.end == SIGNER_CHECK_LOST && complaint(0) == IPC_COMPLAINT_BROKEN);
	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one));
	say_loaded(0, &one.run); /* that it was never given */
	EXPECT(one.end == SIGNER_CHECK_LOST && complaint(0) == IPC_COMPLAINT_BROKEN);
	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one));
	say_need(0, &one.run);
	say_loaded(0, &one.run);
	EXPECT(one.ends == 0);
	say_loaded(0, &one.run);
	EXPECT(one.end == SIGNER_CHECK_LOST && complaint(0) == IPC_COMPLAINT_BROKEN);
}

/* P9: modules that are wanted together come one after the other: the window holds one until the
 * verifier has it. */
static void test_a_module_stays_in_the_window_until_it_is_loaded(void)
{
	struct outcome one, two;
	struct call_check_module said;
	struct ipc_message message = {
	    0, {space, sizeof(space), 0}
        };

	open_all(1);
	make_run(&one, 1, false, 0);
	make_run(&two, 2, false, 0);
	memset(two.run.module_hash, 0x61, 32);
	EXPECT(begin(&one) && begin(&two) && heard(0, CALL_CHECK_RUN) == 2);
	say_need(0, &one.run);
	say_need(0, &two.run);
	signer_check_pump(pool, 1);
	EXPECT(ipc_take(&pairs[0].verifier, &message) == STATUS_OK &&
	       message.kind == CALL_CHECK_MODULE);
	memcpy(&said, message.payload.data, sizeof(said));
	EXPECT(memcmp(said.module, one.run.module_hash, 32) == 0);
	EXPECT(memcmp(ipc_window_read(&pairs[0].verifier).data, one.run.module_hash, 32) == 0);
	EXPECT(heard(0, CALL_CHECK_MODULE) == 0);
	say_loaded(0, &one.run);
	signer_check_pump(pool, 1);
	EXPECT(memcmp(ipc_window_read(&pairs[0].verifier).data, two.run.module_hash, 32) == 0);
	EXPECT(heard(0, CALL_CHECK_MODULE) == 1);
	say_loaded(0, &two.run);
	say_verdict(0, &two.run, CALL_CHECK_TRAP);
	say_verdict(0, &one.run, CALL_CHECK_TRAP);
	EXPECT(one.ends == 1 && two.ends == 1 && complaint(0) == 0);
}

/* What only loads a module has no verdict. */
static void test_a_verdict_about_a_module_that_is_learned_is_a_crime(void)
{
	struct outcome one;

	open_all(1);
	make_run(&one, 1, false, 0);
	one.run.learn = true;
	EXPECT(begin(&one));
	signer_check_pump(pool, 1);
	say_verdict(0, &one.run, CALL_CHECK_RAN);
	EXPECT(one.end == SIGNER_CHECK_LOST && complaint(0) == IPC_COMPLAINT_BROKEN);
}

static void test_a_late_verifier_is_given_up(void)
{
	struct outcome one;

	open_all(1);
	make_run(&one, 1, false, 0);
	EXPECT(begin(&one));
	signer_check_pump(pool, SIGNER_CHECK_LATE_MS);
	EXPECT(one.ends == 0);
	signer_check_pump(pool, SIGNER_CHECK_LATE_MS + 1);
	EXPECT(one.end == SIGNER_CHECK_LOST && complaint(0) == IPC_COMPLAINT_LATE);
}

/* A17: beside custom code, and after it, nobody else's run. */
static void test_custom_code_is_alone_with_its_user(void)
{
	struct outcome known, mine, also_mine, other;

	open_all(1);
	make_run(&known, 1, false, 0);
	make_run(&mine, 2, true, 7);
	make_run(&also_mine, 3, true, 7);
	make_run(&other, 4, true, 8);
	EXPECT(begin(&known) && !begin(&mine)); /* not while another's run is there */
	say_verdict(0, &known.run, CALL_CHECK_TRAP);
	EXPECT(begin(&mine));
	EXPECT(!begin(&other)); /* which now waits: nothing more of mine comes before it */
	EXPECT(!begin(&also_mine));
	say_verdict(0, &mine.run, CALL_CHECK_TRAP);
	EXPECT(complaint(0) == IPC_COMPLAINT_REPLACE);
	EXPECT(!begin(&known));
}

/* A25: whoever has code looked at that no grant names has one verifier, however many ask one after
 * the other; the other is there for what was granted. */
static void test_code_on_trial_takes_one_verifier(void)
{
	struct outcome known, granted, first, again, second;
	size_t at;

	open_all(2);
	make_run(&first, 1, true, 7);
	make_run(&again, 2, true, 7);
	make_run(&second, 3, true, 8);
	make_run(&known, 4, false, 0);
	make_run(&granted, 5, true, 9);
	first.run.trial = again.run.trial = second.run.trial = true;
	EXPECT(begin(&known));
	at = heard(0, CALL_CHECK_RUN) == 1 ? 1 : 0;
	EXPECT(begin(&first) && heard(at, CALL_CHECK_RUN) == 1);
	say_verdict(1 - at, &known.run, CALL_CHECK_TRAP);
	say_verdict(at, &first.run, CALL_CHECK_TRAP);
	/* The same request goes on where it was. */
	EXPECT(begin(&again) && heard(at, CALL_CHECK_RUN) == 1);
	say_verdict(at, &again.run, CALL_CHECK_TRAP);
	/* The next one waits for that verifier's replacement beside an idle other one. */
	EXPECT(!begin(&second) && complaint(at) == IPC_COMPLAINT_REPLACE);
	EXPECT(!begin(&second) && complaint(1 - at) == 0 && heard(1 - at, CALL_CHECK_RUN) == 0);
	/* Which is there for what is known, not for other code that somebody brought. */
	EXPECT(!begin(&granted) && begin(&known) && heard(1 - at, CALL_CHECK_RUN) == 1);
}

/* A25: however many bring code of their own, one verifier never has any: what is known waits for no
 * replacement, and for no module that is loaded anew with each request. */
static void test_custom_code_leaves_one_verifier(void)
{
	struct outcome first, second, third, known;
	size_t at = 0, heard_of = 0, replaced = 0;

	open_all(3);
	make_run(&first, 1, true, 7);
	make_run(&second, 2, true, 8);
	make_run(&third, 3, true, 9);
	make_run(&known, 4, false, 0);
	EXPECT(begin(&first));
	while (heard(at, CALL_CHECK_RUN) == 0)
		at++;
	EXPECT(begin(&second) && !begin(&third));
	EXPECT(begin(&known));
	for (size_t i = 0; i < 3; i++)
		heard_of += heard(i, CALL_CHECK_RUN);
	EXPECT(heard_of == 2);
	/* Who waits has the one that is idle first. */
	say_verdict(at, &first.run, CALL_CHECK_TRAP);
	EXPECT(!begin(&third));
	for (size_t i = 0; i < 3; i++)
		replaced += complaint(i) == IPC_COMPLAINT_REPLACE;
	EXPECT(replaced == 1);
}

/* Nobody comes back for it: the verifier is replaced though nobody waits, and not at once. */
static void test_a_verifier_does_not_stay_with_code_on_trial(void)
{
	struct outcome one;

	open_all(2);
	make_run(&one, 1, true, 7);
	one.run.trial = true;
	EXPECT(begin(&one));
	signer_check_pump(pool, SIGNER_CHECK_TRIAL_MS + 1); /* not while it runs */
	EXPECT(complaint(0) == 0 && complaint(1) == 0 && one.ends == 0);
	say_verdict(heard(0, CALL_CHECK_RUN) == 1 ? 0 : 1, &one.run, CALL_CHECK_TRAP);
	signer_check_pump(pool, SIGNER_CHECK_TRIAL_MS);
	EXPECT(complaint(0) == 0 && complaint(1) == 0);
	signer_check_pump(pool, SIGNER_CHECK_TRIAL_MS + 1);
	EXPECT((complaint(0) == IPC_COMPLAINT_REPLACE) != (complaint(1) == IPC_COMPLAINT_REPLACE));
}

int main(void)
{
	RUN(test_an_honest_answer_ends_its_run_once);
	RUN(test_a_verdict_that_is_not_bound_counts_for_nothing);
	RUN(test_a_second_verdict_is_a_crime);
	RUN(test_a_module_is_given_and_said_to_be_loaded_once);
	RUN(test_a_module_stays_in_the_window_until_it_is_loaded);
	RUN(test_a_verdict_about_a_module_that_is_learned_is_a_crime);
	RUN(test_a_late_verifier_is_given_up);
	RUN(test_custom_code_is_alone_with_its_user);
	RUN(test_code_on_trial_takes_one_verifier);
	RUN(test_custom_code_leaves_one_verifier);
	RUN(test_a_verifier_does_not_stay_with_code_on_trial);
	return test_summary();
}
