/* Every process x every channel x messages that no honest peer sends: unknown kinds, every kind
 * with nothing, one byte, a slot full of zeros or noise, a length over the slot, cursors that
 * cannot be (H9). The real executables run in their sandbox, made by the supervisor's own code; the
 * test holds the other end of all their channels. None may die; what is forbidden must be
 * complained about. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "call_change.h"
#include "call_store.h"
#include "ipc_layout.h"
#include "ipc_wait.h"
#include "supervisor.h"

#define KINDS         20
#define SENTINEL_KIND 0xdead0001u
#define PATIENCE_US   30000000 /* for a process to judge what lies in its ring */
#define IGNORED_US    300000   /* for one that does not look at it in this state */

enum outcome { OUTCOME_COMPLAINED, OUTCOME_NOT_READ, OUTCOME_DIED, OUTCOME_COUNT };

static char state_dir[] = "/tmp/channel_test_XXXXXX";
static char state_setting[64];
static uint8_t noise[IPC_SLOT_BYTES_MAX];
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

/* The process under test, and the far end of one of its channels. */
struct subject {
	struct supervisor supervisor;
	struct supervisor_child *child;
	struct supervisor_link *link;
	unsigned side; /* of the child */
	struct ipc_channel far;
};
static struct subject subject;

static void make_topology(void)
{
	char arguments[6][64] = {"",
	                         "",
	                         "listen=127.0.0.1:0",
	                         "metrics_listen=127.0.0.1:0",
	                         "connections_max=16",
	                         "log_level=error"};
	char *args[6];

	for (int i = 0; i < 6; i++)
		args[i] = arguments[i];
	snprintf(arguments[1], sizeof(arguments[1]), "%s", state_setting);
	CHECK(supervisor_configure(&subject.supervisor, 6, args) == STATUS_OK);
	snprintf(subject.supervisor.folder, sizeof(subject.supervisor.folder), "%s/bin", BUILD_DIR);
	subject.supervisor.verifiers = 1;
	CHECK(supervisor_make(&subject.supervisor) == STATUS_OK);
}

static bool select_channel(enum proc_role role, enum proc_channel_id id)
{
	for (size_t i = 0; i < subject.supervisor.link_count; i++) {
		struct supervisor_link *link = &subject.supervisor.links[i];

		if (link->id != id)
			continue;
		for (unsigned side = 0; side < 2; side++) {
			if (link->child[side]->role != role)
				continue;
			subject.link = link;
			subject.side = side;
			subject.child = link->child[side];
			return true;
		}
	}
	return false;
}

static void reset_all(void)
{
	for (size_t i = 0; i < subject.supervisor.link_count; i++) {
		if (!ipc_memory_is_up(&subject.supervisor.links[i].memory))
			ipc_memory_raise(&subject.supervisor.links[i].memory);
		for (unsigned side = 0; side < 2; side++)
			CHECK(ipc_memory_reset_side(&subject.supervisor.links[i].memory, side) ==
			      STATUS_OK);
	}
}

static void start_subject(void)
{
	struct ipc_fds fds;

	reset_all();
	CHECK(ipc_memory_lend(&subject.link->memory, 1 - subject.side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&subject.far, &subject.link->memory.shape, &fds, 1 - subject.side) ==
	      STATUS_OK);
	CHECK(supervisor_spawn(&subject.supervisor, subject.child) == STATUS_OK);
}

static void end_subject(void)
{
	kill(subject.child->pid, SIGKILL);
	(void)waitpid(subject.child->pid, NULL, 0);
	ipc_channel_close(&subject.far);
}

static void await_acknowledged(void)
{
	struct ipc_memory *memory = &subject.link->memory;
	int64_t deadline = supervisor_now_us() + PATIENCE_US;

	while (!ipc_memory_is_acknowledged(memory, subject.side) &&
	       supervisor_now_us() < deadline) {
		struct ipc_futex words[2];

		ipc_memory_watch(memory, subject.side, words);
		if (!ipc_memory_is_acknowledged(memory, subject.side))
			ipc_futex_wait(words, 2, 20000);
	}
	EXPECT(ipc_memory_is_acknowledged(memory, subject.side));
}

/* The hostile peer was killed and a new one comes, as the supervisor does it: the process under
 * test lives through all of its peers. */
static void renew_peer(void)
{
	struct ipc_memory *memory = &subject.link->memory;
	struct ipc_fds fds;

	ipc_memory_raise(memory);
	await_acknowledged();
	ipc_channel_close(&subject.far);
	CHECK(ipc_memory_reset_side(memory, 1 - subject.side) == STATUS_OK);
	ipc_memory_raise(memory);
	CHECK(ipc_memory_lend(memory, 1 - subject.side, &fds) == STATUS_OK);
	CHECK(ipc_channel_open(&subject.far, &memory->shape, &fds, 1 - subject.side) == STATUS_OK);
	await_acknowledged();
}

struct row {
	enum proc_role role;
	enum proc_channel_id id;
	bool reads; /* false: in its first state it does not look at this channel yet */
};

/* The signer and the authority are seen as they start: sealed. */
static const struct row rows[] = {
    {PROC_store,     PROC_CHANNEL_signer_store,     true },
    {PROC_verifier,  PROC_CHANNEL_signer_verifier,  true },
    {PROC_bridge,    PROC_CHANNEL_bridge_signer,    true },
    {PROC_bridge,    PROC_CHANNEL_bridge_authority, true },
    {PROC_authority, PROC_CHANNEL_bridge_authority, true },
    {PROC_authority, PROC_CHANNEL_authority_signer, true },
    {PROC_signer,    PROC_CHANNEL_bridge_signer,    true },
    {PROC_signer,    PROC_CHANNEL_authority_signer, false},
    {PROC_signer,    PROC_CHANNEL_signer_store,     true },
    {PROC_signer,    PROC_CHANNEL_signer_verifier,  true },
    {PROC_signer,    PROC_CHANNEL_signer_attestor,  true },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static int64_t patience_for(const struct row *row)
{
	return row->reads ? PATIENCE_US : IGNORED_US;
}

/* Waits until the process has judged what lies in its ring. */
static enum outcome await_outcome(int64_t patience_us)
{
	const struct ipc_side *marks = subject.link->memory.side[subject.side];
	const _Atomic uint32_t *phase = &subject.child->report->phase;
	int64_t deadline = supervisor_now_us() + patience_us;
	uint32_t tail = atomic_load(&marks->tail);

	for (;;) {
		struct ipc_futex words[] = {
		    {&marks->complaint, 0                 },
                    {phase,             atomic_load(phase)}
                };
		int status;

		if (waitpid(subject.child->pid, &status, WNOHANG) != 0) {
			fprintf(stderr, "died: wait status %#x\n", (unsigned)status);
			return OUTCOME_DIED;
		}
		if (atomic_load(&marks->complaint) != IPC_COMPLAINT_NONE)
			return OUTCOME_COMPLAINED;
		if (atomic_load(&marks->tail) != tail) { /* it moves: give it time */
			tail = atomic_load(&marks->tail);
			deadline = supervisor_now_us() + patience_us;
		}
		if (supervisor_now_us() > deadline)
			return OUTCOME_NOT_READ;
		ipc_futex_wait(words, 2, 20000);
	}
}

/* Makes ready for the next message. */
static void settle(enum outcome outcome)
{
	if (outcome == OUTCOME_COMPLAINED) {
		renew_peer();
		return;
	}
	end_subject();
	start_subject();
}

/* After the message in question comes one that nobody may send: once that was complained about, the
 * first one was judged too, and survived. */
static enum outcome try_message(const struct row *row, uint32_t kind, struct bytes payload)
{
	enum outcome outcome;

	CHECK(ipc_put(&subject.far, kind, payload) == STATUS_OK);
	if (subject.far.shape.slots > 1)
		CHECK(ipc_put(&subject.far, SENTINEL_KIND, bytes_of("end", 3)) == STATUS_OK);
	outcome = await_outcome(patience_for(row));
	settle(outcome);
	return outcome;
}

static bool is_right(const struct row *row, enum outcome outcome, const char *what, uint32_t kind)
{
	bool right = row->reads ? outcome == OUTCOME_COMPLAINED : outcome == OUTCOME_NOT_READ;

	if (!right)
		fprintf(stderr, "%s: channel %d: %s of kind %u: outcome %d\n",
		        supervisor_roles[row->role].name, (int)row->id, what, kind, (int)outcome);
	return right;
}

static unsigned tried;

static void test_no_message_of_any_kind_ends_a_process(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		int64_t begin = supervisor_now_us();

		CHECK(select_channel(rows[i].role, rows[i].id));
		start_subject();
		for (uint32_t kind = 0; kind < (rows[i].reads ? KINDS : 2); kind++) {
			size_t full = IPC_PAYLOAD(subject.link->memory.shape.slot_bytes);
			size_t lens[] = {0, 1, full, random_next() % full, 8 + random_next() % 200};

			for (size_t j = 0; j < sizeof(lens) / sizeof(lens[0]); j++, tried++) {
				for (size_t at = 0; at < lens[j]; at++)
					noise[at] = j == 2 ? 0 : (uint8_t)random_next();
				EXPECT(is_right(
				    &rows[i], try_message(&rows[i], kind, bytes_of(noise, lens[j])),
				    "a message", kind));
			}
		}
		end_subject();
		printf("%s, channel %d: %.1f s\n", supervisor_roles[rows[i].role].name,
		       (int)rows[i].id, (double)(supervisor_now_us() - begin) / 1e6);
	}
	EXPECT(tried >= (ROW_COUNT - 1) * KINDS * 5);
}

static void test_unknown_kinds_are_complained_about(void)
{
	static const uint32_t kinds[] = {999, 0x80000000u, UINT32_MAX};

	for (size_t i = 0; i < ROW_COUNT; i++) {
		CHECK(select_channel(rows[i].role, rows[i].id));
		start_subject();
		for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
			enum outcome outcome;

			CHECK(ipc_put(&subject.far, kinds[j], bytes_of("x", 1)) == STATUS_OK);
			outcome = await_outcome(patience_for(&rows[i]));
			EXPECT(is_right(&rows[i], outcome, "unknown", kinds[j]));
			settle(outcome);
		}
		end_subject();
	}
}

static void test_lengths_and_cursors_that_cannot_be_are_complained_about(void)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		CHECK(select_channel(rows[i].role, rows[i].id));
		start_subject();
		for (uint32_t j = 0; j < 4; j++) {
			uint32_t slot_bytes = subject.link->memory.shape.slot_bytes;
			const uint32_t lens[] = {slot_bytes - 7, UINT32_MAX};
			enum outcome outcome;

			if (j < 2) {
				memcpy(subject.far.own_slots + 4, &lens[j], 4);
				atomic_store(&subject.far.own->head, 1);
			} else {
				atomic_store(&subject.far.own->head, j == 2 ? 5000 : UINT32_MAX);
			}
			ipc_futex_wake(&subject.far.own->head);
			outcome = await_outcome(patience_for(&rows[i]));
			EXPECT(is_right(&rows[i], outcome, "a lie", j));
			settle(outcome);
		}
		end_subject();
	}
}

/* Asks the store for a step of a backup; its answer. */
static struct bytes backup(enum call_store_backup_step step, uint32_t part,
                           struct call_store_backed *ret_backed)
{
	static uint8_t request_space[256], answer_space[IPC_SLOT_BYTES_MAX];
	struct call_store_backup asked = {.id = 1, .part = part, .step = step};
	struct buffer request = BUFFER_OF_ARRAY(request_space);
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(answer_space)};
	int64_t deadline = supervisor_now_us() + PATIENCE_US;
	struct bytes content = {NULL, 0};
	struct ipc_waiter waiter;

	ipc_waiter_init(&waiter, 0);
	ipc_waiter_add(&waiter, &subject.far);
	CHECK(store_ask_backup(1, &asked, &request) == STATUS_OK);
	CHECK(ipc_put(&subject.far, CALL_STORE_BACKUP, buffer_bytes(&request)) == STATUS_OK);
	while (message.kind != CALL_STORE_BACKUP_ANSWER && supervisor_now_us() < deadline)
		if (ipc_take(&subject.far, &message) != STATUS_OK)
			(void)ipc_wait(&waiter, 20000);
	CHECK(message.kind == CALL_STORE_BACKUP_ANSWER);
	CHECK(store_take_backed(buffer_bytes(&message.payload), ret_backed, &content) == STATUS_OK);
	return content;
}

/* In the start of genesis the store may be there before the share and the escrow are: a backup has
 * them all the same. */
static void test_a_backup_has_what_genesis_wrote_after_the_store_came(void)
{
	static const struct {
		const char *name;
		uint32_t part;
	} files[] = {
	    {"sealed-share", CALL_STORE_PART_SEALED_SHARE},
            {"escrow",       CALL_STORE_PART_ESCROW      }
        };
	struct call_store_backed backed;

	CHECK(select_channel(PROC_store, PROC_CHANNEL_signer_store));
	for (size_t i = 0; i < 2; i++) {
		char path[96];
		int fd;

		snprintf(path, sizeof(path), "%s/state/%s", state_dir, files[i].name);
		(void)unlink(path);
		start_subject();
		(void)backup(CALL_STORE_BACKUP_BEGIN, 0, &backed);
		EXPECT(backed.head.status == STATUS_OK);
		fd = open(path, O_WRONLY | O_CREAT, 0600); /* as genesis opens it */
		CHECK(fd >= 0 && write(fd, files[i].name, 6) == 6 && close(fd) == 0);
		EXPECT(bytes_equal(backup(CALL_STORE_BACKUP_READ, files[i].part, &backed),
		                   bytes_of(files[i].name, 6)));
		end_subject();
	}
}

/* The folder of this run goes with it. */
static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *where)
{
	(void)stat;
	(void)kind;
	(void)where;
	return remove(path);
}

/* A sealed signer leaves the authority's hello in the ring, and sleeps all the same: a machine that
 * starts, on a slow disk or with a slow TPM, has other work for its processor. */
static void test_what_waits_for_a_sealed_signer_does_not_keep_it_awake(void)
{
	const struct timespec second = {1, 0};
	struct timespec before, after;
	clockid_t clock;

	CHECK(select_channel(PROC_signer, PROC_CHANNEL_authority_signer));
	start_subject();
	await_acknowledged();
	CHECK(ipc_put(&subject.far, CALL_CHANGE_AUTHORITY_HELLO, bytes_of_text("hello")) ==
	      STATUS_OK);
	CHECK(clock_getcpuclockid(subject.child->pid, &clock) == 0);
	nanosleep(&second, NULL); /* it has begun */
	CHECK(clock_gettime(clock, &before) == 0);
	nanosleep(&second, NULL);
	CHECK(clock_gettime(clock, &after) == 0);
	EXPECT((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 <
	       100);
	EXPECT(ipc_pending(&subject.far) == 1);
	end_subject();
}

int main(void)
{
	CHECK(mkdtemp(state_dir) != NULL);
	snprintf(state_setting, sizeof(state_setting), "state_dir=%s/state", state_dir);
	make_topology();
	RUN(test_no_message_of_any_kind_ends_a_process);
	RUN(test_unknown_kinds_are_complained_about);
	RUN(test_lengths_and_cursors_that_cannot_be_are_complained_about);
	RUN(test_a_backup_has_what_genesis_wrote_after_the_store_came);
	RUN(test_what_waits_for_a_sealed_signer_does_not_keep_it_awake);
	printf("%u messages tried\n", tried);
	(void)nftw(state_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return test_summary();
}
