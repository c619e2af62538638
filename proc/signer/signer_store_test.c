/* Lists of ids (DS4): the store's word is believed in nothing but that it is a list. And which
 * commits wait for a write of the TPM (R3, A25). The test is the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_store.h"

#include <fcntl.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "ipc_memory.h"
#include "keys.h"
#include "log_line.h"

/* What a process allocates at its start lives as long as it does; a test makes several of them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const struct ipc_shape shape = {CALL_STORE_SLOT_BYTES, 16, 0};
static struct ipc_memory memory;
static struct ipc_channel signer_end, store_end;
static struct signer_store *store;
static uint64_t now_ms;

/* What the TPM's budget says, and what it was asked. */
static enum signer_write write_now = SIGNER_WRITE_NOW;
static struct {
	bool is_paid;
	enum signer_need need;
	uint8_t user;
	uint32_t begun, anchors;
} seen;

static enum signer_write may_anchor(void *context, bool is_paid, enum signer_need need,
                                    const uint8_t *user)
{
	(void)context;
	seen.is_paid = is_paid;
	seen.need = need;
	seen.user = user == NULL ? 0 : user[0];
	return write_now;
}

static void begins(void *context)
{
	(void)context;
	seen.begun++;
}

static void anchor(void *context, struct bytes checkpoint)
{
	(void)context;
	(void)checkpoint;
	seen.anchors++;
}

static enum status checkpoint(void *context, uint64_t seq, const uint8_t root[32], bool light,
                              struct buffer *ret_checkpoint)
{
	(void)context;
	(void)seq;
	(void)root;
	return buffer_put(ret_checkpoint, bytes_of_text(light ? "light" : "anchored"));
}

static void start(void)
{
	static const uint8_t empty_root[32];
	struct ipc_fds fds;

	CHECK(ipc_memory_make(&memory, &shape) == STATUS_OK);
	CHECK(ipc_memory_lend(&memory, 0, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&signer_end, &shape, &fds, 0) == STATUS_OK);
	CHECK(ipc_memory_lend(&memory, 1, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&store_end, &shape, &fds, 1) == STATUS_OK);
	store = signer_store_new(&signer_end, (struct signer_store_hooks){.checkpoint = checkpoint,
	                                                                  .may_anchor = may_anchor,
	                                                                  .begins = begins,
	                                                                  .anchor = anchor});
	memset(&seen, 0, sizeof(seen));
	write_now = SIGNER_WRITE_NOW;
	signer_store_begin(store, 0, empty_root);
}

static void stop(void)
{
	ipc_channel_close(&signer_end);
	ipc_channel_close(&store_end);
	ipc_memory_close(&memory);
}

/* answer takes the LIST that was asked and says these ids, each 32 bytes of one value. */
static struct call_store_list answer(const char *firsts, uint32_t status, bool more)
{
	static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], space[4096];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	struct call_store_listed listed = {
	    .head.status = status, .count = (uint32_t)strlen(firsts), .more = more};
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct store_request request;

	CHECK(ipc_take(&store_end, &message) == STATUS_OK && message.kind == CALL_STORE_LIST);
	CHECK(store_take_request(message.kind, buffer_bytes(&message.payload), &request) ==
	      STATUS_OK);
	listed.head.request = request.request;
	CHECK(buffer_put(&out, bytes_of(&listed, sizeof(listed))) == STATUS_OK);
	for (; *firsts != '\0'; firsts++) {
		uint8_t id[32];

		memset(id, *firsts, sizeof(id));
		CHECK(buffer_put(&out, BYTES_OF_ARRAY(id)) == STATUS_OK);
	}
	CHECK(ipc_put(&store_end, CALL_STORE_LIST_ANSWER, buffer_bytes(&out)) == STATUS_OK);
	return request.of.list;
}

static void ask(char after_first, uint32_t max)
{
	uint8_t after[32];

	memset(after, after_first, sizeof(after));
	EXPECT(signer_store_list(store, CALL_STORE_VALUE_CREDENTIAL, after, max) == STATUS_OK);
}

/* heard is what came, as the first byte of each id; NULL: not this status. */
static const char *heard(enum status expected, bool *ret_more)
{
	static uint8_t space[SIGNER_STORE_LIST_MAX * 32];
	static char firsts[SIGNER_STORE_LIST_MAX + 1];
	struct buffer ids = BUFFER_OF_ARRAY(space);

	*ret_more = false;
	if (signer_store_listed(store, &ids, ret_more) != expected)
		return NULL;
	for (size_t i = 0; i < ids.len / 32; i++)
		firsts[i] = (char)space[i * 32];
	firsts[ids.len / 32] = '\0';
	return firsts;
}

static bool is_heard(const char *expected, bool more)
{
	bool has_more;
	const char *got = heard(STATUS_OK, &has_more);

	return got != NULL && strcmp(got, expected) == 0 && has_more == more;
}

static void test_a_list_comes_page_by_page_and_one_at_a_time(void)
{
	static const uint8_t after[32];
	struct call_store_list asked;
	bool more;

	start();
	ask(0, 3);
	EXPECT(signer_store_list(store, CALL_STORE_VALUE_CREDENTIAL, after, 3) == STATUS_BUSY);
	EXPECT(heard(STATUS_BUSY, &more) != NULL);
	asked = answer("abc", STATUS_OK, true);
	EXPECT(asked.kind == CALL_STORE_VALUE_CREDENTIAL && asked.from_start == 1 &&
	       asked.max == 3);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK && is_heard("abc", true));
	ask('c', 3);
	asked = answer("d", STATUS_OK, false);
	EXPECT(asked.from_start == 0 && asked.after[31] == 'c');
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK && is_heard("d", false));
	ask('d', 3);
	answer("", STATUS_OK, false);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK && is_heard("", false));
	stop();
}

static void test_a_list_that_is_none_is_a_broken_peers(void)
{
	static const struct {
		char after;
		const char *firsts;
	} lies[] = {
	    {0,   "abcd"}, /* more than was asked for */
	    {0,   "aba" }, /* not ascending */
	    {0,   "aab" }, /* one of them twice */
	    {'b', "abc" }, /* before where it was to begin: a walk would not end */
	    {'b', "bc"  },
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		start();
		ask(lies[i].after, 3);
		answer(lies[i].firsts, STATUS_OK, false);
		EXPECT(signer_store_pump(store, now_ms) == STATUS_IO);
		stop();
	}
}

static void test_a_store_that_cannot_list_says_so_and_nothing_hangs(void)
{
	bool more;

	start();
	ask(0, 3);
	answer("", STATUS_CORRUPT, false);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK &&
	       heard(STATUS_CORRUPT, &more) != NULL);
	/* Whatever else it says is a store that is away, also what would have us wait. */
	for (uint32_t status = STATUS_MALFORMED; status < STATUS_COUNT + 2; status++) {
		if (status == STATUS_CORRUPT)
			continue;
		ask(0, 3);
		answer("", status, false);
		EXPECT(signer_store_pump(store, now_ms) == STATUS_OK &&
		       heard(STATUS_IO, &more) != NULL);
	}
	stop();
}

/* What a batch writes is not shown before it counts: the store shows it from when it has it. */
static void test_what_is_on_its_way_is_not_loaded(void)
{
	static const uint8_t id[32] = {1}, other[32] = {2};
	uint64_t batch;

	start();
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_CHAIN, id, bytes_of_text("head"), &batch) ==
	       STATUS_OK);
	EXPECT(signer_store_writes(store, CALL_STORE_VALUE_CHAIN, id) &&
	       !signer_store_writes(store, CALL_STORE_VALUE_CHAIN, other));
	EXPECT(signer_store_load(store, CALL_STORE_VALUE_CHAIN, id) == STATUS_OK); /* as it was */
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK &&
	       signer_store_gathering(store) == batch + 1);
	EXPECT(signer_store_load(store, CALL_STORE_VALUE_CHAIN, id) == STATUS_BUSY);
	EXPECT(signer_store_load(store, CALL_STORE_VALUE_CHAIN, other) == STATUS_OK);
	EXPECT(signer_store_writes(store, CALL_STORE_VALUE_CHAIN, id));
	stop();
}

/* commits tells what a pump sends: a commit for the TPM, a light one, or nothing. Such a commit is
 * then durable: `seq` of them are. */
enum sent { NOTHING, LIGHT, FOR_THE_TPM };

static enum sent commit_answered(uint64_t seq, enum status status)
{
	static uint8_t request_bytes[CALL_STORE_SLOT_BYTES];
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	struct call_store_committed done = {.head.status = status, .seq = seq};
	struct store_request request;

	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK);
	if (ipc_take(&store_end, &message) != STATUS_OK)
		return NOTHING;
	CHECK(message.kind == CALL_STORE_COMMIT &&
	      store_take_request(message.kind, buffer_bytes(&message.payload), &request) ==
	          STATUS_OK);
	EXPECT(request.of.commit.seq == seq);
	done.head.request = request.request;
	CHECK(ipc_put(&store_end, CALL_STORE_COMMIT_ANSWER, bytes_of(&done, sizeof(done))) ==
	      STATUS_OK);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK);
	return request.of.commit.keeps_undo == 1 ? FOR_THE_TPM : LIGHT;
}

static enum sent commits(uint64_t seq)
{
	return commit_answered(seq, STATUS_OK);
}

/* Asks for a write as a freeze does: it has a record to be written, whose place is taken by a mark
 * here. */
static uint64_t freeze(uint8_t of)
{
	uint8_t user[32] = {of};

	signer_store_mark(store);
	signer_store_anchor(store, SIGNER_NEED_LEASE);
	signer_store_need(store, SIGNER_NEED_LESS, user);
	signer_store_lowers(store);
	return signer_store_gathering(store);
}

static void test_what_takes_power_goes_to_the_store_without_a_write_and_is_bound_by_the_next(void)
{
	uint64_t frozen;

	start();
	write_now = SIGNER_WRITE_NONE;
	frozen = freeze(7);
	EXPECT(commits(1) == LIGHT);
	EXPECT(signer_store_committed(store) == frozen && signer_store_bound(store) < frozen);
	EXPECT(seen.begun == 1 && seen.anchors == 0); /* its checkpoint says what is less */
	EXPECT(commits(2) == NOTHING);                /* and it is not written again and again */
	/* The next write is asked for as this one was. */
	EXPECT(seen.need == SIGNER_NEED_LESS && seen.user == 7 && !seen.is_paid);
	/* So is a second one; heads of chains go in between. */
	frozen = freeze(8);
	EXPECT(commits(2) == LIGHT && signer_store_bound(store) < frozen);
	signer_store_mark(store);
	EXPECT(commits(3) == LIGHT && signer_store_bound(store) < frozen);
	EXPECT(seen.user == 7);
	write_now = SIGNER_WRITE_NOW;
	EXPECT(commits(4) == FOR_THE_TPM && seen.anchors == 1);
	EXPECT(signer_store_bound(store) < frozen); /* not before the TPM has it */
	EXPECT(signer_store_is_at_tpm(store));
	signer_store_anchored(store);
	EXPECT(signer_store_bound(store) > frozen && !signer_store_is_at_tpm(store));
	EXPECT(commits(5) == NOTHING); /* one write for all of them */
	signer_store_mark(store);
	EXPECT(commits(5) == LIGHT && signer_store_bound(store) == signer_store_committed(store));
	stop();
}

static void test_what_gives_power_waits_for_its_write(void)
{
	start();
	write_now = SIGNER_WRITE_NONE;
	signer_store_mark(store);
	signer_store_anchor(store, SIGNER_NEED_LEASE);
	EXPECT(commits(1) == NOTHING);
	/* A lease goes to the store with what takes power, and gives none before it is bound. */
	freeze(1);
	EXPECT(commits(1) == LIGHT && signer_store_bound(store) == 0);
	write_now = SIGNER_WRITE_SOON;
	freeze(1);
	signer_store_pay(store);
	EXPECT(commits(2) == NOTHING && seen.is_paid);
	write_now = SIGNER_WRITE_NOW;
	EXPECT(commits(2) == FOR_THE_TPM);
	signer_store_anchored(store);
	/* What comes within a tenth of a second of a write waits for the next one. */
	write_now = SIGNER_WRITE_SOON;
	freeze(1);
	EXPECT(commits(3) == NOTHING);
	stop();
}

/* stage_answered takes the STAGE that is asked for and says that there is no space, or shows that
 * nothing was there before its one record; false: none was. */
static bool stage_answered(enum status status)
{
	static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], space[4096];
	static const struct store_path nothing = {.fixed.terminal = CALL_STORE_TERMINAL_EMPTY};
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct call_store_staged staged = {.count = 1};
	struct store_request request;

	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK);
	if (ipc_take(&store_end, &message) != STATUS_OK)
		return false;
	CHECK(message.kind == CALL_STORE_STAGE &&
	      store_take_request(message.kind, buffer_bytes(&message.payload), &request) ==
	          STATUS_OK);
	staged.head.request = request.request;
	CHECK((status == STATUS_OK ? buffer_put(&out, bytes_of(&staged, sizeof(staged)))
	                           : store_answer_failed(message.kind, request.request, status,
	                                                 &out)) == STATUS_OK);
	if (status == STATUS_OK)
		CHECK(store_answer_path(&nothing, &out) == STATUS_OK);
	CHECK(ipc_put(&store_end, CALL_STORE_STAGE_ANSWER, buffer_bytes(&out)) == STATUS_OK);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK);
	return true;
}

/* R2: a full disk is no broken peer. It was ended for it without end, and loads with it. */
static void test_a_batch_without_space_is_tried_again_and_the_store_lives(void)
{
	static const uint8_t id[32] = {1};
	uint64_t frozen, batch;

	start();
	freeze(7);
	EXPECT(commit_answered(1, STATUS_BUSY) == FOR_THE_TPM);
	EXPECT(ipc_memory_complaint(&memory, 0) == IPC_COMPLAINT_NONE);
	EXPECT(commits(1) == NOTHING); /* not at once */
	EXPECT(signer_store_load(store, CALL_STORE_VALUE_CHAIN, id) == STATUS_OK);
	{
		static uint8_t request_bytes[CALL_STORE_SLOT_BYTES];
		struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};

		EXPECT(ipc_take(&store_end, &message) == STATUS_OK &&
		       message.kind == CALL_STORE_LOAD);
	}
	stop();

	start();
	frozen = freeze(7);
	EXPECT(commit_answered(1, STATUS_BUSY) == FOR_THE_TPM);
	now_ms += 500;
	EXPECT(commits(1) == FOR_THE_TPM && signer_store_committed(store) < frozen);
	signer_store_anchored(store);
	EXPECT(signer_store_bound(store) == frozen);
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_CHAIN, id, bytes_of_text("head"), &batch) ==
	       STATUS_OK);
	EXPECT(stage_answered(STATUS_BUSY) && !stage_answered(STATUS_BUSY));
	now_ms += 500;
	EXPECT(stage_answered(STATUS_BUSY)); /* whole, from its beginning */
	EXPECT(ipc_memory_complaint(&memory, 0) == IPC_COMPLAINT_NONE);
	stop();

	/* The store dropped what it had staged: its paths lead from the root before, again. */
	start();
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_CHAIN, id, bytes_of_text("head"), &batch) ==
	       STATUS_OK);
	EXPECT(stage_answered(STATUS_OK) && commit_answered(1, STATUS_BUSY) == LIGHT);
	now_ms += 500;
	EXPECT(stage_answered(STATUS_OK) && commit_answered(1, STATUS_BUSY) == LIGHT);
	EXPECT(signer_store_committed(store) < batch);
	EXPECT(ipc_memory_complaint(&memory, 0) == IPC_COMPLAINT_NONE);
	stop();
}

/* said counts the lines in the log's copy that name an event. */
static unsigned said(int log_fd, const char *event)
{
	static char lines[1 << 14];
	ssize_t len = read(log_fd, lines, sizeof(lines) - 1);
	unsigned count = 0;

	lines[len > 0 ? len : 0] = '\0';
	for (const char *at = lines; (at = strstr(at, event)) != NULL; at++)
		count++;
	return count;
}

/* A disk that stays full would else fill the log, too, twice a second (R2). */
static void test_no_space_is_said_once_until_there_was_some(void)
{
	static const char event[] = "\"event\":\"store.no_space\"";
	static const uint8_t id[32] = {1};
	uint64_t batch;
	int log[2];

	CHECK(pipe2(log, O_NONBLOCK) == 0);
	log_copy(log[1]);
	start();
	for (uint64_t seq = 1; seq <= 2; seq++) {
		freeze(7);
		for (int i = 0; i < 5; i++) {
			EXPECT(commit_answered(seq, STATUS_BUSY) == FOR_THE_TPM);
			EXPECT(said(log[0], event) == (i == 0));
			now_ms += 500;
		}
		EXPECT(commits(seq) == FOR_THE_TPM);
		signer_store_anchored(store);
		EXPECT(said(log[0], event) == 0);
	}
	/* Also where it is noticed before the commit, and not. */
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_CHAIN, id, bytes_of_text("head"), &batch) ==
	       STATUS_OK);
	EXPECT(stage_answered(STATUS_BUSY) && said(log[0], event) == 1);
	now_ms += 500;
	EXPECT(stage_answered(STATUS_OK) && commit_answered(3, STATUS_BUSY) == LIGHT);
	EXPECT(said(log[0], event) == 0);
	stop();
	log_copy(-1);
	close(log[0]);
	close(log[1]);
}

static void told_fill(uint32_t state, uint64_t state_bytes)
{
	struct call_store_fill fill = {.state = state, .state_bytes = state_bytes};

	CHECK(ipc_put(&store_end, CALL_STORE_FILL, bytes_of(&fill, sizeof(fill))) == STATUS_OK);
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK);
}

/* R2: what is on its way counts, twice: many who come together leave freezes their sixteenth. */
static void test_a_place_that_is_taken_by_what_comes_is_full(void)
{
	static const uint8_t first[32] = {1}, second[32] = {2};
	static uint8_t value[30000];
	uint64_t batch;

	start();
	write_now = SIGNER_WRITE_SOON; /* it gathers */
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_GRANT, first, BYTES_OF_ARRAY(value),
	                        &batch) == STATUS_OK);
	told_fill(0, 0);
	EXPECT(!signer_store_is_full(store)); /* without a bound */
	told_fill(99, 100000000);
	EXPECT(!signer_store_is_full(store));
	told_fill(100, 100000000);
	EXPECT(signer_store_is_full(store));
	told_fill(90, 1000000);
	EXPECT(!signer_store_is_full(store));
	EXPECT(signer_store_put(store, CALL_STORE_VALUE_GRANT, second, BYTES_OF_ARRAY(value),
	                        &batch) == STATUS_OK);
	EXPECT(signer_store_is_full(store));
	write_now = SIGNER_WRITE_NOW; /* also when it is on its way */
	EXPECT(signer_store_pump(store, now_ms) == STATUS_OK &&
	       signer_store_gathering(store) > batch);
	EXPECT(signer_store_is_full(store));
	stop();
}

int main(void)
{
	keys_open();
	RUN(test_a_list_comes_page_by_page_and_one_at_a_time);
	RUN(test_a_list_that_is_none_is_a_broken_peers);
	RUN(test_a_store_that_cannot_list_says_so_and_nothing_hangs);
	RUN(test_what_is_on_its_way_is_not_loaded);
	RUN(test_what_takes_power_goes_to_the_store_without_a_write_and_is_bound_by_the_next);
	RUN(test_what_gives_power_waits_for_its_write);
	RUN(test_a_batch_without_space_is_tried_again_and_the_store_lives);
	RUN(test_no_space_is_said_once_until_there_was_some);
	RUN(test_a_place_that_is_taken_by_what_comes_is_full);
	return test_summary();
}
