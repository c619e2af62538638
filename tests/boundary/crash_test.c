/* kill -9 of random processes under load, over and over (C1, C4, A11): every acknowledged change is
 * there afterwards, no cap is passed, nothing wrong is signed, and it goes on.
 *
 *   crash_test [KILLS]    50 in `make test`, 1,000 in `make soak` */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base_check.h"
#include "base_test.h"
#include "rig.h"

#define IN_FLIGHT   24
#define SMALL_CAP   3000000
#define LAMPORTS    20000
#define PATIENCE_US 20000000

static char folder[] = "/tmp/crash_test_XXXXXX";
static struct rig rig;
/* A killed signer's lease counts as spent, so some twenty kills use up a cap: `rich` has none and
 * must keep going; `poor` may run dry and must not pass its cap. */
static struct rig_world rich, poor;
static unsigned kills = 50;
static uint64_t random_state;

/* What was asked and not answered yet. */
struct asked {
	uint64_t request;
	struct rig_world *world;
	uint8_t message[256];
	size_t len;
};
static struct asked asked[IN_FLIGHT];
static uint64_t spent_poor, signed_count, refused_count, next_tag;

static uint32_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20);
}

/* Every message is another one: its blockhash is a number. */
static void make_message(struct asked *ask, struct rig_world *world)
{
	struct buffer out = {ask->message, sizeof(ask->message), 0};

	rig_transfer_message(world->address, world->recipient, LAMPORTS, 7, &out);
	next_tag++;
	memcpy(ask->message + 100, &next_tag, sizeof(next_tag));
	ask->len = out.len;
	ask->world = world;
}

static void send_load(void)
{
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		static uint8_t space[CALL_BRIDGE_SLOT_BYTES];
		struct buffer out = BUFFER_OF_ARRAY(space);
		struct call_sign_request request;

		make_message(&asked[i], i % 2 == 0 ? &rich : &poor);
		request =
		    rig_sign_request(asked[i].world, bytes_of(asked[i].message, asked[i].len));
		asked[i].request = request.request = ++rig.next_id;
		CHECK(call_sign_put_request(&request, &out) == STATUS_OK);
		if (ipc_put(&rig.bridge, CALL_BRIDGE_SIGN_REQUEST, buffer_bytes(&out)) != STATUS_OK)
			asked[i].request = 0;
	}
}

static void take_answer(const struct call_sign_answer *answer)
{
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		struct asked *ask = &asked[i];

		if (ask->request == 0 || ask->request != answer->request)
			continue;
		ask->request = 0;
		if (answer->result != CALL_RESULT_SIGNED) {
			refused_count++;
			return;
		}
		EXPECT(keys_verify(ask->world->address, bytes_of(ask->message, ask->len),
		                   answer->signature) == STATUS_OK);
		signed_count++;
		spent_poor += ask->world == &poor ? LAMPORTS : 0;
		return;
	}
}

/* Takes answers until all asked are answered, or nothing comes for `patience_us`. */
static void take_answers(int64_t patience_us)
{
	struct ipc_message message = {.kind = 0};
	size_t open = 0;

	for (size_t i = 0; i < IN_FLIGHT; i++)
		open += asked[i].request != 0;
	while (open > 0 && rig_take(&rig, &rig.bridge, &message, patience_us) == STATUS_OK) {
		struct call_sign_answer answer;

		if (message.kind != CALL_BRIDGE_SIGN_ANSWER)
			continue;
		CHECK(call_sign_take_answer(buffer_bytes(&message.payload), &answer) == STATUS_OK);
		take_answer(&answer);
		open--;
	}
}

static enum call_result sign_one(struct rig_world *world)
{
	struct asked ask;
	struct call_sign_request request;
	struct call_sign_answer answer;

	make_message(&ask, world);
	request = rig_sign_request(world, bytes_of(ask.message, ask.len));
	if (!rig_sign(&rig, &request, &answer))
		return CALL_RESULT_COUNT;
	if (answer.result == CALL_RESULT_SIGNED && world == &poor)
		spent_poor += LAMPORTS;
	return answer.result;
}

static bool poor_is_frozen;

/* A change that is acknowledged before the kill. */
static void toggle_freeze(void)
{
	static uint8_t space[64], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer body = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	CHECK(authz_empty_put(&body) == STATUS_OK);
	CHECK(rig_wallet_refresh(&rig, &poor));
	change = rig_change_begin(&rig, &poor,
	                          poor_is_frozen ? AUTHZ_ACTION_UNFREEZE : AUTHZ_ACTION_FREEZE,
	                          buffer_bytes(&body));
	if (rig_change(&rig, &change, &poor.user, &answer) == STATUS_OK)
		poor_is_frozen = !poor_is_frozen;
	else
		EXPECT(!"the change is taken");
}

static void kill_one(unsigned number)
{
	struct timespec pause = {0, random_next() % 3000000};

	nanosleep(&pause, NULL);
	switch (number % 3) {
	case 0:
		rig_replace(&rig, PROC_verifier);
		break;
	case 1:
		rig_replace(&rig, PROC_store);
		break;
	default: /* everything, as at a power cut of the programs */
		kill(rig_child(&rig, PROC_signer)->pid, SIGKILL);
		take_answers(0); /* what was answered before it died was answered */
		rig_stop(&rig);
		rig_start(&rig, folder, false);
		memset(asked, 0, sizeof(asked));
		break;
	}
}

/* The store may just be coming back. */
static enum call_result sign_in_time(struct rig_world *world)
{
	enum call_result result = CALL_RESULT_COUNT;

	for (int i = 0; i < 1000; i++) {
		struct timespec pause = {0, 20000000};

		result = sign_one(world);
		if (result != CALL_RESULT_STORE_UNAVAILABLE && result != CALL_RESULT_OVERLOADED &&
		    result != CALL_RESULT_LEASE_DRY && result != CALL_RESULT_VERIFIER_FAILED)
			break;
		nanosleep(&pause, NULL);
	}
	return result;
}

static void test_nothing_acknowledged_is_lost_and_no_cap_is_passed(void)
{
	for (unsigned i = 0; i < kills; i++) {
		enum call_result result;

		toggle_freeze();
		send_load();
		kill_one(i + random_next() % 2);
		take_answers(PATIENCE_US);
		result = sign_in_time(&rich);
		if (result != CALL_RESULT_SIGNED)
			fprintf(stderr, "kill %u: the rich wallet: %s\n", i,
			        call_result_code(result));
		EXPECT(result == CALL_RESULT_SIGNED);
		result = sign_in_time(&poor);
		if ((result == CALL_RESULT_WALLET_FROZEN) != poor_is_frozen)
			fprintf(stderr, "kill %u: frozen %d, answer %s\n", i, poor_is_frozen,
			        call_result_code(result));
		EXPECT((result == CALL_RESULT_WALLET_FROZEN) == poor_is_frozen);
		EXPECT(spent_poor <= SMALL_CAP);
	}
	printf("%u kills, %llu signed, %llu refused, %llu of %d lamports spent\n", kills,
	       (unsigned long long)signed_count, (unsigned long long)refused_count,
	       (unsigned long long)spent_poor, SMALL_CAP);
	EXPECT(signed_count >= kills && spent_poor > 0);
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
		kills = (unsigned)strtoul(args[1], NULL, 10);
	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	keys_random(&random_state, sizeof(random_state));
	printf("seed %llu\n", (unsigned long long)random_state);
	rich.cap = RIG_NO_CAP;
	poor.cap = SMALL_CAP;
	rig_start(&rig, folder, true);
	rig_world_make(&rig, &rich, "rich");
	rig_world_make(&rig, &poor, "poor");
	RUN(test_nothing_acknowledged_is_lost_and_no_cap_is_passed);
	rig_stop(&rig);
	(void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return test_summary();
}
