/* A store that is killed at every single message, before it serves it and after (C1, A11, B4): the
 * test holds the store's end of the channel and serves it with the store's own code; the signer is
 * the real one. Whatever message it was: no acknowledged change is lost, no cap is passed, and the
 * next start goes on. And one that has no place for receipts (R4). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authz_ask.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_test.h"
#include "rig.h"
#include "store_core.h"

#define SMALL_CAP 3000000
#define FEE       5000
#define PAID      1001    /* lamports of one transfer; the fee counts, too */
#define TOO_MUCH  1000001 /* more than a grant of the rig lets one transfer be */

static char folder[] = "/tmp/store_kill_test_XXXXXX";
static struct rig rig;
static struct rig_world rich, poor;
static struct rig_world limited; /* its grant has no cap, the wallet has */
static struct store store;
static struct db_files files[DB_ROLE_COUNT];
static bool is_open, may_have_been_frozen, is_frozen;
static uint64_t spent_poor, spent_limited, next_tag;

/* The message at which it dies, counted from the start's first; 0: at none. */
static unsigned message_count, dies_at;
static uint32_t dies_kind; /* only messages of this kind count; 0: all */
static unsigned kind_count;
static bool dies_before;
static uint32_t died_of; /* the message's kind */
static unsigned died_of_kinds[64][2];

static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], answer_bytes[CALL_STORE_MESSAGE_MAX];

/* ---- the store ---- */

static void open_it(void)
{
	static const char *const names[DB_ROLE_COUNT] = {"state", "segments"};
	int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t end = supervisor_now_us() + 5000000;

	CHECK(directory >= 0);
	for (int role = 0; role < DB_ROLE_COUNT; role++) {
		enum status status;

		/* A process that is being started has what was open here, and so its lock, until it
		 * runs its own program. */
		do
			status = db_files_open(directory, names[role], &files[role]);
		while (status == STATUS_BUSY && supervisor_now_us() < end);
		CHECK(status == STATUS_OK);
	}
	close(directory);
	store_open(&store, &files[DB_ROLE_STATE], &files[DB_ROLE_SEGMENTS]);
	CHECK(store.opened == STATUS_OK);
	is_open = true;
}

/* What was not committed is gone, as when the process dies. */
static void close_it(void)
{
	if (!is_open)
		return;
	store_close(&store);
	for (int role = 0; role < DB_ROLE_COUNT; role++)
		db_files_close(&files[role]);
	is_open = false;
}

static bool is_dead;     /* nothing more of it reaches the signer */
static bool loads_never; /* it says of every record that it is busy */
static unsigned unloaded;
static bool is_full; /* it has no place for receipts */
static unsigned unkept;

static void send_answer(void *context, uint32_t kind, struct bytes message)
{
	struct call_store_loaded busy;

	(void)context;
	if (kind == CALL_STORE_LOAD_ANSWER && loads_never) {
		memcpy(&busy, message.data, sizeof(busy));
		busy.head.status = STATUS_BUSY;
		busy.path_len = busy.value_len = 0;
		message = bytes_of(&busy, sizeof(busy));
		unloaded++;
	}
	if (!is_dead)
		CHECK(ipc_put(&rig.store, kind, message) == STATUS_OK);
}

static struct store_sink sink = {
    .answer = send_answer, .message = {answer_bytes, sizeof(answer_bytes), 0}
};

static void die(uint32_t kind)
{
	died_of = kind;
	died_of_kinds[kind % 64][dies_before]++;
	dies_at = 0;
	close_it();
	rig_renew_store(&rig);
	is_dead = false;
	open_it();
}

/* As the store answers when its disk is full. */
static bool turns_away(const struct ipc_message *message)
{
	struct store_request request;
	struct buffer out = BUFFER_OF_ARRAY(answer_bytes);

	if (!is_full || message->kind != CALL_STORE_SEGMENT_APPEND)
		return false;
	CHECK(store_take_request(message->kind, buffer_bytes(&message->payload), &request) ==
	          STATUS_OK &&
	      store_answer_failed(request.kind, request.request, STATUS_BUSY, &out) == STATUS_OK);
	CHECK(ipc_put(&rig.store, store_answer_kind(request.kind), buffer_bytes(&out)) ==
	      STATUS_OK);
	unkept++;
	return true;
}

/* Called by the rig whenever it waits. */
static void serve(struct rig *of)
{
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	enum status status;

	while ((status = ipc_take(&of->store, &message)) == STATUS_OK ||
	       status == STATUS_CONFLICT) {
		bool is_due;

		if (status == STATUS_CONFLICT) {
			ipc_acknowledge(&of->store);
			continue;
		}
		if (turns_away(&message)) {
			message.payload.len = 0;
			continue;
		}
		message_count++;
		kind_count += message.kind == dies_kind;
		is_due = dies_kind == 0 ? message_count == dies_at
		                        : message.kind == dies_kind && kind_count == dies_at;
		if (is_due && dies_before) {
			die(message.kind);
			return;
		}
		is_dead = is_due;
		CHECK(store_serve(&store, message.kind, buffer_bytes(&message.payload), &sink) ==
		      STATUS_OK);
		if (is_due) {
			store_flush(&store, &sink);
			die(message.kind);
			return;
		}
		message.payload.len = 0;
	}
	store_flush(&store, &sink);
}

/* ---- what a user and a bot do ---- */

static enum call_result ask(struct rig_world *world, uint64_t lamports)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer = {.result = CALL_RESULT_COUNT};
	struct call_sign_request request;

	rig_transfer_message(world->address, world->recipient, lamports, 7, &message);
	next_tag++;
	memcpy(space + 100, &next_tag, sizeof(next_tag)); /* another blockhash each time */
	request = rig_sign_request(world, buffer_bytes(&message));
	if (!rig_sign(&rig, &request, &answer))
		return CALL_RESULT_COUNT;
	if (answer.result == CALL_RESULT_SIGNED) {
		EXPECT(keys_verify(world->address, buffer_bytes(&message), answer.signature) ==
		       STATUS_OK);
		spent_poor += world == &poor ? lamports : 0;
		spent_limited += world == &limited ? lamports + FEE : 0;
	}
	return answer.result;
}

static enum call_result sign(struct rig_world *world)
{
	return ask(world, PAID);
}

static enum call_result sign_in_time(struct rig_world *world)
{
	enum call_result result = CALL_RESULT_COUNT;
	int64_t end = supervisor_now_us() + 10000000;

	do
		result = sign(world);
	while ((result == CALL_RESULT_STORE_UNAVAILABLE || result == CALL_RESULT_OVERLOADED ||
	        result == CALL_RESULT_LEASE_DRY || result == CALL_RESULT_RECEIPTS_FULL) &&
	       supervisor_now_us() < end);
	return result;
}

/* Freezes or unfreezes; what was not acknowledged may be so or not. */
static void toggle(void)
{
	static uint8_t space[64], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer body = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;
	enum authz_action action = is_frozen ? AUTHZ_ACTION_UNFREEZE : AUTHZ_ACTION_FREEZE;

	CHECK(authz_empty_put(&body) == STATUS_OK);
	if (!rig_wallet_refresh(&rig, &poor))
		return;
	change = rig_change_begin(&rig, &poor, action, buffer_bytes(&body));
	if (rig_change(&rig, &change, &poor.user, &answer) == STATUS_OK)
		is_frozen = !is_frozen;
	else
		may_have_been_frozen = true;
}

static void look(void)
{
	enum call_result result = sign_in_time(&rich);
	bool frozen;

	EXPECT(result == CALL_RESULT_SIGNED);
	if (result != CALL_RESULT_SIGNED)
		fprintf(stderr, "after message %u (kind %u, %s): the rich wallet: %s\n",
		        message_count, died_of, dies_before ? "before" : "after",
		        call_result_code(result));
	frozen = sign_in_time(&poor) == CALL_RESULT_WALLET_FROZEN;
	if (!may_have_been_frozen)
		EXPECT(frozen == is_frozen);
	is_frozen = frozen;
	may_have_been_frozen = false;
	EXPECT(spent_poor <= SMALL_CAP);
	EXPECT(spent_limited <= SMALL_CAP);
}

/* A start and a bit of everything; returns how many messages the store got. */
static unsigned play(void)
{
	message_count = kind_count = 0;
	rig_start(&rig, folder, false);
	(void)sign(&rich);
	(void)sign(&poor);
	(void)sign(&limited);
	toggle();
	(void)sign(&rich);
	toggle();
	look();
	return message_count;
}

static void stop(void)
{
	rig_stop(&rig);
	close_it();
	open_it();
}

static void test_a_store_that_dies_at_any_message_loses_nothing(void)
{
	static const uint32_t served[] = {CALL_STORE_STATE,          CALL_STORE_LOAD,
	                                  CALL_STORE_STAGE,          CALL_STORE_COMMIT,
	                                  CALL_STORE_SEGMENT_APPEND, CALL_STORE_SEGMENT_READ};
	unsigned most, kinds = 0, deaths = 0;

	most = play();
	stop();
	EXPECT(most >= 15);
	for (unsigned at = 1; at <= most; at++)
		for (int before = 0; before < 2; before++) {
			dies_at = at;
			dies_before = before == 1;
			died_of = 0;
			(void)play();
			deaths += died_of != 0;
			stop();
			if ((2 * at + (unsigned)before) % 5 != 0)
				continue;
			/* And what the next start makes of it. */
			dies_at = 0;
			message_count = 0;
			rig_start(&rig, folder, false);
			look();
			stop();
		}
	/* Which message is the how-manyth differs from run to run: each kind for sure. */
	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		for (int before = 0; before < 2; before++) {
			/* The second of its kind for every other; some runs have but one. */
			for (unsigned at = 1 + (unsigned)i % 2; at > 0; at--) {
				dies_kind = served[i];
				dies_at = at;
				dies_before = before == 1;
				died_of = 0;
				(void)play();
				deaths += died_of != 0;
				stop();
				if (died_of != 0)
					break;
			}
			kinds += died_of_kinds[served[i]][before] != 0;
		}
	dies_kind = 0;
	printf("the store died %u times, at each of %u messages before and after, at %u of 12 "
	       "(kind, before or after)\n",
	       deaths, most, kinds);
	EXPECT(deaths >= 2 * most && kinds == 12);
}

/* A11: what a store does not give out today is asked for again: its word that it is busy, which an
 * honest one never gives for a record, takes no wallet away for longer than it is given. */
static void test_a_store_that_gives_out_nothing_for_a_while_is_asked_again(void)
{
	dies_at = 0;
	rig_start(&rig, folder, false);
	loads_never = true;
	EXPECT(sign(&rich) == CALL_RESULT_STORE_UNAVAILABLE && unloaded != 0);
	loads_never = false;
	look();
	stop();
}

static void limit(void)
{
	static uint8_t space[128], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer body = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_limit_body limits = {.of_wallet = true, .limit_count = 1};
	static struct authz_change change;

	limits.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = SMALL_CAP};
	CHECK(authz_limit_put(&limits, &body) == STATUS_OK && rig_wallet_refresh(&rig, &limited));
	change = rig_change_begin(&rig, &limited, AUTHZ_ACTION_LIMIT, buffer_bytes(&body));
	CHECK(rig_change(&rig, &change, &limited.user, &answer) == STATUS_OK);
}

/* ---- no place for receipts ---- */

static struct keys_sign_key operator;
static uint64_t next_serial = 1;

static void know_operator(void)
{
	static char setting[128];
	char key[BASE58_LEN(32) + 1];

	keys_sign_random(&operator);
	CHECK(base58_encode(bytes_of(keys_sign_public(&operator), 32), key, sizeof(key)) ==
	      STATUS_OK);
	snprintf(setting, sizeof(setting), "operators=%s", key);
	rig.setting = setting;
}

static void put_command(uint8_t action, const uint8_t *target, struct buffer *out)
{
	struct authz_command command = {
	    .action = action, .serial = next_serial++, .expires_s = rig_now_s(&rig) + 600};

	if (target != NULL)
		memcpy(command.target, target, sizeof(command.target));
	memcpy(command.deployment, rig.deployment, 32);
	memcpy(command.operator_key, keys_sign_public(&operator), 32);
	out->len = 0;
	CHECK(authz_command_put(&command, &operator, out) == STATUS_OK);
}

/* What gives power, made and signed by whom it takes. */
enum gift {
	GIFT_WALLET,
	GIFT_GRANT,
	GIFT_UNFREEZE,
	GIFT_LIMIT,
	GIFT_UNFREEZE_CLIENT,
	GIFT_UNFREEZE_ALL,
	GIFT_COUNT
};

static struct authz_change change_of_gift(enum gift gift, struct rig_world *ret_world,
                                          struct buffer *body)
{
	static const enum authz_action actions[] = {AUTHZ_ACTION_CREATE, AUTHZ_ACTION_GRANT,
	                                            AUTHZ_ACTION_UNFREEZE, AUTHZ_ACTION_LIMIT};
	const struct rig_world *worlds[] = {&rich, &rich, &poor, &limited};
	struct authz_birth_body birth = {.name = bytes_of_text("born-full"), .user_key_count = 1};
	struct authz_limit_body none = {.of_wallet = true};

	*ret_world = *worlds[gift];
	CHECK(rig_wallet_refresh(&rig, ret_world));
	if (gift == GIFT_WALLET) {
		birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
		memcpy(birth.user_keys[0].key, keys_sign_public(&ret_world->user), 32);
		keys_random(ret_world->wallet, 32);
		CHECK(authz_birth_put(&birth, false, body) == STATUS_OK);
	} else if (gift == GIFT_GRANT) {
		rig_grant_body(ret_world, ret_world->client_id, body);
	} else if (gift == GIFT_LIMIT) {
		CHECK(authz_limit_put(&none, body) == STATUS_OK);
	} else {
		CHECK(authz_empty_put(body) == STATUS_OK);
	}
	return rig_change_begin(&rig, ret_world, actions[gift], buffer_bytes(body));
}

/* Its request; `out` holds the payload. */
static uint32_t make_gift(enum gift gift, struct buffer *out)
{
	static uint8_t body_space[AUTHZ_GRANT_BODY_MAX];
	struct buffer body = BUFFER_OF_ARRAY(body_space);
	static struct authz_change change;
	struct rig_world world;

	out->len = 0;
	if (gift == GIFT_UNFREEZE_CLIENT || gift == GIFT_UNFREEZE_ALL) {
		put_command(gift == GIFT_UNFREEZE_ALL ? AUTHZ_COMMAND_UNFREEZE_ALL
		                                      : AUTHZ_COMMAND_UNFREEZE_CLIENT,
		            gift == GIFT_UNFREEZE_ALL ? NULL : limited.client_id, out);
		return CALL_CHANGE_OPERATOR;
	}
	change = change_of_gift(gift, &world, &body);
	CHECK(rig_change_make(&rig, &change, &world.user, out) == STATUS_OK);
	return CALL_CHANGE_SUBMIT;
}

/* Sends it, and a question behind it: for that it gives way, with this code. */
static bool gives_way(uint32_t kind, struct bytes payload, const char *code)
{
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	uint8_t query_space[1024];
	struct buffer answer = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(query_space);
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLET};
	uint64_t gift, question, heard;
	bool refused = false, answered = false;

	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&rich.user), 32);
	memcpy(query.target, rich.wallet, 32);
	keys_random(query.nonce, sizeof(query.nonce));
	CHECK(authz_query_put(&query, &rich.user, &out) == STATUS_OK);
	gift = rig_send(&rig, kind, payload);
	question = rig_send(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out));
	for (unsigned i = 0; i < 2; i++) {
		enum status status = rig_hear(&rig, 20000000, &heard, &answer);

		refused |= heard == gift && status == STATUS_REFUSED &&
		           strncmp(rig.refusal, code, strlen(code)) == 0;
		answered |= heard == question && status == STATUS_OK;
	}
	return refused && answered;
}

/* R4: what gives power waits for a place, of users and operators alike, and is done when there is
 * one; what takes power is done at once, and decisions go on for as long as memory holds them. */
static void test_without_a_place_for_receipts_what_gives_power_stops(void)
{
	static uint8_t spaces[GIFT_COUNT][65536], answer_space[CALL_CHANGE_SLOT_BYTES];
	struct buffer answer = BUFFER_OF_ARRAY(answer_space), order;
	uint8_t order_space[1024];
	uint32_t kinds[GIFT_COUNT];
	struct buffer gifts[GIFT_COUNT];
	struct ipc_message none = {.kind = 0};
	enum call_result result;
	unsigned decided = 0;

	dies_at = 0;
	rig_start(&rig, folder, false);
	if (!is_frozen)
		toggle();
	CHECK(is_frozen);
	order = (struct buffer)BUFFER_OF_ARRAY(order_space);
	is_full = true;
	unkept = 0;
	EXPECT(sign(&rich) == CALL_RESULT_SIGNED);
	while (unkept < 3) /* so the signer has heard of it */
		CHECK(rig_take(&rig, &rig.authority, &none, 1000) == STATUS_BUSY);
	put_command(AUTHZ_COMMAND_FREEZE_CLIENT, limited.client_id, &order);
	EXPECT(rig_ask(&rig, CALL_CHANGE_OPERATOR, buffer_bytes(&order), &answer) == STATUS_OK);
	EXPECT(sign(&limited) == CALL_RESULT_CLIENT_FROZEN);
	for (unsigned gift = 0; gift < GIFT_COUNT; gift++) {
		gifts[gift] = (struct buffer){spaces[gift], sizeof(spaces[gift]), 0};
		kinds[gift] = make_gift((enum gift)gift, &gifts[gift]);
		EXPECT(gives_way(kinds[gift], buffer_bytes(&gifts[gift]), "receipts_full:"));
	}
	EXPECT(sign(&poor) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(sign(&limited) == CALL_RESULT_CLIENT_FROZEN);
	while ((result = sign(&rich)) == CALL_RESULT_SIGNED && decided < 100000)
		decided++;
	EXPECT(result == CALL_RESULT_RECEIPTS_FULL && decided > 20);
	printf("%u signatures until memory was full\n", decided);
	is_full = false;
	for (unsigned gift = 0; gift < GIFT_COUNT; gift++)
		EXPECT(rig_ask(&rig, kinds[gift], buffer_bytes(&gifts[gift]), &answer) ==
		       STATUS_OK);
	is_frozen = false;
	EXPECT(sign(&poor) == CALL_RESULT_SIGNED);
	EXPECT(sign(&limited) == CALL_RESULT_SIGNED);
	EXPECT(sign(&rich) == CALL_RESULT_SIGNED);
	stop();
}

/* A25: what one client is refused takes its share of the places for receipts; what it would be
 * signed waits for that share, too, and another client is signed and refused as before. */
static void test_a_client_without_a_place_for_its_receipts_leaves_others_theirs(void)
{
	enum call_result result;
	unsigned decided = 0;

	dies_at = 0;
	rig_start(&rig, folder, false);
	EXPECT(sign(&rich) == CALL_RESULT_SIGNED && sign(&limited) == CALL_RESULT_SIGNED);
	is_full = true;
	while ((result = ask(&rich, TOO_MUCH)) == CALL_RESULT_POLICY_DENIED && decided < 100000)
		decided++;
	EXPECT(result == CALL_RESULT_RECEIPTS_FULL && decided > 20);
	EXPECT(sign(&rich) == CALL_RESULT_RECEIPTS_FULL);
	EXPECT(sign(&limited) == CALL_RESULT_SIGNED);
	EXPECT(ask(&limited, TOO_MUCH) == CALL_RESULT_POLICY_DENIED);
	is_full = false;
	EXPECT(sign_in_time(&rich) == CALL_RESULT_SIGNED);
	stop();
}

int main(void)
{
	char command[128];

	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	rich.cap = RIG_NO_CAP;
	poor.cap = SMALL_CAP;
	limited.cap = RIG_NO_CAP;
	rig.serve_store = serve;
	know_operator();
	open_it();
	rig_start(&rig, folder, true);
	rig_world_make(&rig, &rich, "rich");
	rig_world_make(&rig, &poor, "poor");
	rig_world_make(&rig, &limited, "limited");
	limit();
	stop();
	RUN(test_a_store_that_gives_out_nothing_for_a_while_is_asked_again);
	RUN(test_without_a_place_for_receipts_what_gives_power_stops);
	RUN(test_a_client_without_a_place_for_its_receipts_leaves_others_theirs);
	RUN(test_a_store_that_dies_at_any_message_loses_nothing);
	close_it();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
