/* Time before a real signer, store and verifier, on a machine whose clocks the test sets: jumps and
 * starts with the clock ahead or behind (T1, T2, A13), the site's time keys, forged, single and
 * replayed statements (T3), no proof at all (T4), and power that is cut again and again (A13). The
 * test is bridge, authority, time keys, TPM and clock. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_receipt.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_test.h"
#include "rig.h"

#define HOUR 3600
#define DAY  86400
#define KEYS 3

static char folder[] = "/tmp/time_test_XXXXXX";
static char state[64];
static struct rig rig;
/* Three wallets: with a cap for a day, with an end, with a cap in total. */
static struct rig_world windowed, ending, lasting, limited;
static struct keys_sign_key time_keys[KEYS];
static uint8_t answer_space[CALL_CHANGE_SLOT_BYTES], next_tag = 1;

static enum call_result sign_lamports(const struct rig_world *world, uint64_t lamports)
{
	uint8_t space[256];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer = {.result = CALL_RESULT_SEALED};
	struct call_sign_request request;

	rig_transfer_message(world->address, world->recipient, lamports, next_tag++, &message);
	request = rig_sign_request(world, buffer_bytes(&message));
	CHECK(rig_sign(&rig, &request, &answer));
	return answer.result;
}

static enum call_result sign(const struct rig_world *world)
{
	return sign_lamports(world, 1000);
}

/* As much as fits into the day's cap three times. */
static enum call_result spend(const struct rig_world *world)
{
	return sign_lamports(world, 900000);
}

/* Spends until the day's cap is reached. */
static void spend_window(void)
{
	enum call_result result = CALL_RESULT_SIGNED;

	for (unsigned i = 0; i < 20 && result == CALL_RESULT_SIGNED; i++)
		result = spend(&windowed);
	EXPECT(result == CALL_RESULT_WINDOW_SPENT);
}

/* A grant beside the world's own with an end; the own one is revoked. */
static void give_end(struct rig_world *world, uint64_t expires_s)
{
	static uint8_t body_space[AUTHZ_GRANT_BODY_MAX];
	static struct authz_grant_body body;
	struct buffer out = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;
	uint8_t revoke_space[64];
	struct buffer revoke = BUFFER_OF_ARRAY(revoke_space);

	rig_grant_body(world, world->client_id, &out);
	CHECK(authz_grant_take(buffer_bytes(&out), &body) == STATUS_OK);
	body.expires_s = expires_s;
	{
		static uint8_t again_space[AUTHZ_GRANT_BODY_MAX];
		struct buffer again = BUFFER_OF_ARRAY(again_space);

		CHECK(authz_grant_put(&body, &again) == STATUS_OK);
		CHECK(rig_wallet_refresh(&rig, world));
		change = rig_change_begin(&rig, world, AUTHZ_ACTION_GRANT, buffer_bytes(&again));
		CHECK(rig_change(&rig, &change, &world->user, &answer) == STATUS_OK);
	}
	CHECK(authz_id_put(rig_wallet(&rig, world)->grants[0].grant, &revoke) == STATUS_OK);
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_REVOKE, buffer_bytes(&revoke));
	CHECK(rig_change(&rig, &change, &world->user, &answer) == STATUS_OK);
}

/* The wallet itself gets a limit of a day; its grant has no time in it. */
static void limit_day(struct rig_world *world)
{
	struct authz_limit_body body = {.of_wallet = true,
	                                .limit_count = 1,
	                                .limits = {{.id = 1,
	                                            .unit = AUTHZ_UNIT_LAMPORTS,
	                                            .window = AUTHZ_WINDOW_DAY,
	                                            .cap = 1000000}}};
	uint8_t body_space[128];
	struct buffer out = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	CHECK(authz_limit_put(&body, &out) == STATUS_OK);
	CHECK(rig_wallet_refresh(&rig, world));
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_LIMIT, buffer_bytes(&out));
	CHECK(rig_change(&rig, &change, &world->user, &answer) == STATUS_OK);
}

static void make_worlds(void)
{
	windowed = ending = lasting = limited = (struct rig_world){.cap = 0};
	windowed.window = AUTHZ_WINDOW_DAY;
	rig_world_make(&rig, &windowed, "windowed");
	rig_world_make(&rig, &ending, "ending");
	rig_world_make(&rig, &lasting, "lasting");
	rig_world_make(&rig, &limited, "limited");
	limit_day(&limited);
	give_end(&ending, rig_now_s(&rig) + 10 * HOUR);
	EXPECT(spend(&windowed) == CALL_RESULT_SIGNED && sign(&ending) == CALL_RESULT_SIGNED &&
	       sign(&lasting) == CALL_RESULT_SIGNED && sign(&limited) == CALL_RESULT_SIGNED);
}

/* The power was off: nothing says for how long but the machine's own clock. */
static void cut_power(int64_t system_ahead_s)
{
	rig_stop(&rig);
	atomic_fetch_add(&rig.clocks->system_s, system_ahead_s);
	atomic_store(&rig.clocks->boot_s, 5 - (int64_t)(supervisor_now_us() / 1000000));
	rig_start(&rig, state, false);
}

static void restart(int64_t system_ahead_s)
{
	rig_stop(&rig);
	atomic_fetch_add(&rig.clocks->system_s, system_ahead_s);
	rig_start(&rig, state, false);
}

static void begin(const char *name, const char *setting)
{
	char command[160];

	snprintf(state, sizeof(state), "%s/%s", folder, name);
	snprintf(command, sizeof(command), "mkdir -m 755 %s", state);
	CHECK(system(command) == 0);
	keys_random(rig.node_share, sizeof(rig.node_share));
	memset(rig.anchor, 0, sizeof(rig.anchor));
	rig.boots = rig.extends = 0;
	rig.tpm_clock_ms = 5000;
	rig.setting = setting;
	atomic_store(&rig.clocks->system_s, 0);
	atomic_store(&rig.clocks->boot_s, 0);
	atomic_store(&rig.clocks->run_s, 0);
	rig_start(&rig, state, true);
}

/* ask is what the signer says of the time, after it heard a statement, if there is one. */
static enum status ask(struct bytes statement, struct authz_time_answer *ret_answer)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	enum status status = rig_ask(&rig, CALL_CHANGE_TIME, statement, &answer);

	if (status == STATUS_OK)
		CHECK(authz_time_answer_take(buffer_bytes(&answer), ret_answer) == STATUS_OK);
	return status;
}

static struct authz_time_answer now(void)
{
	struct authz_time_answer answer;

	CHECK(ask(bytes_of(NULL, 0), &answer) == STATUS_OK);
	return answer;
}

/* A step that moved a bound is anchored before anything more happens. */
static void await_extends(uint64_t more_than)
{
	for (unsigned i = 0; i < 6000 && rig.extends <= more_than; i++) {
		(void)now();
		usleep(10000);
	}
	CHECK(rig.extends > more_than);
}

/* A change of the world's wallet, signed until then. */
static enum status change_until(struct rig_world *world, enum authz_action action,
                                struct bytes body, uint64_t expires_s)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	CHECK(rig_wallet_refresh(&rig, world));
	change = rig_change_begin(&rig, world, action, body);
	change.expires_s = expires_s;
	return rig_change(&rig, &change, &world->user, &answer);
}

static enum status freeze(struct rig_world *world, enum authz_action action)
{
	return change_until(world, action, bytes_of("\xa0", 1), rig_now_s(&rig) + 600);
}

/* Gives the world's first grant another cap; only one that names the state it is for may grow. */
static enum status limit(struct rig_world *world, uint64_t cap, bool names_state)
{
	struct authz_limit_body body = {.count = 1, .caps = {{.id = 1, .cap = cap}}};
	uint8_t body_space[128];
	struct buffer out = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	memcpy(body.grant, rig_wallet(&rig, world)->grants[0].grant, 32);
	CHECK(authz_limit_put(&body, &out) == STATUS_OK);
	CHECK(rig_wallet_refresh(&rig, world));
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_LIMIT, buffer_bytes(&out));
	if (!names_state) {
		change.entries[0].has_previous = false;
		memset(change.entries[0].previous, 0, 32);
	}
	return rig_change(&rig, &change, &world->user, &answer);
}

/* ---- operators ---- */

static struct keys_sign_key operator_key;

static const char *operator_setting(void)
{
	static char setting[16 + BASE58_LEN(32) + 1];
	char text[BASE58_LEN(32) + 1];

	keys_sign_random(&operator_key);
	CHECK(base58_encode(bytes_of(keys_sign_public(&operator_key), 32), text, sizeof(text)) ==
	      STATUS_OK);
	snprintf(setting, sizeof(setting), "operators=%s", text);
	return setting;
}

static enum status command(enum authz_command_action action, uint64_t expires_s)
{
	static uint64_t serial;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_command given = {
	    .action = (uint8_t)action, .serial = ++serial, .expires_s = expires_s};

	memcpy(given.deployment, rig.deployment, 32);
	memcpy(given.operator_key, keys_sign_public(&operator_key), 32);
	CHECK(authz_command_put(&given, &operator_key, &out) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_OPERATOR, buffer_bytes(&out), &answer);
}

/* What takes power away is signed by people whose clocks are right: with a time_high that has run
 * ahead it is taken until time_low says that it has ended; what gives power is not. */
static void expect_ends_as_signed(void)
{
	uint64_t soon = (uint64_t)time(NULL) + 600, ended = (uint64_t)time(NULL) - 10;

	EXPECT(change_until(&lasting, AUTHZ_ACTION_FREEZE, bytes_of("\xa0", 1), ended) ==
	           STATUS_REFUSED &&
	       strstr(rig.refusal, "has expired") != NULL);
	EXPECT(change_until(&lasting, AUTHZ_ACTION_FREEZE, bytes_of("\xa0", 1), soon) == STATUS_OK);
	EXPECT(sign(&lasting) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(change_until(&lasting, AUTHZ_ACTION_UNFREEZE, bytes_of("\xa0", 1), soon) ==
	           STATUS_REFUSED &&
	       strstr(rig.refusal, "has expired") != NULL);
	EXPECT(command(AUTHZ_COMMAND_FREEZE_ALL, ended) == STATUS_REFUSED &&
	       strstr(rig.refusal, "has expired") != NULL);
	EXPECT(command(AUTHZ_COMMAND_FREEZE_ALL, soon) == STATUS_OK);
	EXPECT(command(AUTHZ_COMMAND_UNFREEZE_ALL, soon) == STATUS_REFUSED &&
	       strstr(rig.refusal, "has expired") != NULL);
	EXPECT(command(AUTHZ_COMMAND_UNFREEZE_ALL, rig_now_s(&rig) + 600) == STATUS_OK);
}

/* ---- by the system's clock ---- */

static void test_a_clock_set_ahead_refills_nothing_and_ends_what_ends(void)
{
	struct authz_time_answer said;
	uint64_t before;

	begin("system", operator_setting());
	make_worlds();
	EXPECT(now().source == AUTHZ_TIME_SYSTEM && now().state == CALL_TIME_PROVEN);
	spend_window();
	before = rig.extends;
	atomic_fetch_add(&rig.clocks->system_s, 2 * DAY);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT); /* T1 */
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	EXPECT(sign(&lasting) == CALL_RESULT_SIGNED);
	said = now();
	EXPECT(said.state == CALL_TIME_UNBELIEVED && said.high_s > said.low_s + DAY);
	expect_ends_as_signed();
	await_extends(before);
	/* T1, A13: nor by starting the signer anew. */
	restart(0);
	EXPECT(now().state == CALL_TIME_UNBELIEVED);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
	/* T2: set back, and started on a machine that was off, what had expired stays so. */
	atomic_fetch_sub(&rig.clocks->system_s, 2 * DAY);
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	cut_power(0);
	EXPECT(now().state == CALL_TIME_PROVEN); /* it is where it should be again */
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
	rig_stop(&rig);
}

/* A13: where the signer is stopped while the clock is set, its machine still knows what has passed.
 */
static void test_a_start_with_the_clock_ahead_refills_nothing_on_a_running_machine(void)
{
	begin("restart", NULL);
	make_worlds();
	spend_window();
	restart(3 * DAY);
	EXPECT(now().state == CALL_TIME_UNBELIEVED);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	/* A day that passes there does: the machine's, not its calendar's. */
	rig_pass(&rig, DAY + 2 * HOUR);
	EXPECT(spend(&windowed) == CALL_RESULT_SIGNED);
	/* T2: a start before what is proven. */
	spend_window();
	restart(-9 * DAY);
	EXPECT(now().state == CALL_TIME_UNBELIEVED);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	rig_stop(&rig);
}

/* ---- a TPM whose writes are used up ---- */

/* change_until_refused: how many changes of a user that give power the TPM's writes last for. */
static unsigned change_until_refused(struct rig_world *world)
{
	unsigned changes = 0;

	while (changes < 40) {
		rig_pass(&rig, 2); /* the clock that says how far writes lie apart is the test's */
		if (freeze(world, AUTHZ_ACTION_UNFREEZE) != STATUS_OK)
			break;
		changes++;
	}
	return changes;
}

/* A25: one user's changes leave the others as many writes as he took; what gives power leaves some
 * to what takes it. Who is refused is told so at once, and nothing waits for hours. */
static void test_what_takes_power_has_writes_when_what_gives_it_has_none(void)
{
	struct authz_time_answer said;
	uint64_t extends;
	unsigned first, second;

	rig.hardware = true;
	begin("budget", NULL);
	lasting = ending = windowed = (struct rig_world){.cap = 0};
	rig_world_make(&rig, &lasting, "lasting");
	rig_world_make(&rig, &ending, "ending");
	rig_world_make(&rig, &windowed, "windowed");
	first = change_until_refused(&lasting);
	EXPECT(strstr(rig.refusal, "your share") != NULL);
	second = change_until_refused(&ending);
	EXPECT(strstr(rig.refusal, "your share") != NULL);
	printf("changes until refused: %u of one user, then %u of another\n", first, second);
	EXPECT(first >= 3 && second >= 1 && first + second <= 22);
	/* And a third one's has its write. */
	EXPECT(freeze(&windowed, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	extends = rig.extends;
	EXPECT(ask(bytes_of(NULL, 0), &said) == STATUS_OK);
	EXPECT(rig.extends == extends);
	EXPECT(limit(&ending, 1000, false) == STATUS_OK);
	EXPECT(rig.extends >= extends + 1);
	EXPECT(sign(&ending) != CALL_RESULT_SIGNED);
	/* Nor does whoever sets the clock, minute after minute, spend what is kept for that. */
	extends = rig.extends;
	for (unsigned i = 0; i < 12; i++) {
		rig_pass(&rig, 61);
		atomic_fetch_add(&rig.clocks->system_s, 600);
		EXPECT(ask(bytes_of(NULL, 0), &said) == STATUS_OK);
		usleep(50000);
	}
	EXPECT(rig.extends <= extends + 10); /* what is above the reserve, and came back */
	EXPECT(freeze(&windowed, AUTHZ_ACTION_FREEZE) == STATUS_OK);
	rig.hardware = false;
	rig_stop(&rig);
}

/* A bot's leases leave writes for what users change, also where one counter of its grant has
 * nothing to lease: then one in ten minutes, after the first. */
static void test_a_counter_with_nothing_left_takes_no_writes_from_changes(void)
{
	static uint8_t first_space[AUTHZ_GRANT_BODY_MAX], body_space[AUTHZ_GRANT_BODY_MAX];
	static struct authz_grant_body body;
	struct buffer first = BUFFER_OF_ARRAY(first_space), out = BUFFER_OF_ARRAY(body_space);
	uint8_t revoke_space[64];
	struct buffer revoke = BUFFER_OF_ARRAY(revoke_space);
	struct ipc_message none = {.kind = 0};
	uint64_t extends;

	rig.hardware = true;
	begin("leases", NULL);
	lasting = (struct rig_world){.cap = 0};
	rig_world_make(&rig, &lasting, "lasting");
	ending = (struct rig_world){.cap = 0};
	rig_world_make(&rig, &ending, "ending");
	rig_grant_body(&lasting, lasting.client_id, &first);
	CHECK(authz_grant_take(buffer_bytes(&first), &body) == STATUS_OK);
	body.counters[body.counter_count++] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_MINT, .window = AUTHZ_WINDOW_TOTAL, .mint = {9}};
	CHECK(authz_grant_put(&body, &out) == STATUS_OK);
	CHECK(authz_id_put(rig_wallet(&rig, &lasting)->grants[0].grant, &revoke) == STATUS_OK);
	CHECK(change_until(&lasting, AUTHZ_ACTION_GRANT, buffer_bytes(&out),
	                   rig_now_s(&rig) + 600) == STATUS_OK);
	CHECK(change_until(&lasting, AUTHZ_ACTION_REVOKE, buffer_bytes(&revoke),
	                   rig_now_s(&rig) + 600) == STATUS_OK);
	while (rig.extends < 17) {
		rig_pass(&rig, 2);
		CHECK(freeze(&lasting, AUTHZ_ACTION_UNFREEZE) == STATUS_OK ||
		      freeze(&ending, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	}
	rig_pass(&rig, 601);
	for (unsigned i = 0; i < 3; i++) /* the first lease, and one that is due after it */
		EXPECT(sign_lamports(&lasting, 40000) == CALL_RESULT_SIGNED);
	rig_pass(&rig, 2);
	EXPECT(rig_take(&rig, &rig.bridge, &none, 3000000) != STATUS_IO); /* on a slow disk */
	extends = rig.extends;
	for (unsigned i = 0; i < 7; i++)
		(void)sign_lamports(&lasting, 40000);
	rig_pass(&rig, 2);
	EXPECT(rig_take(&rig, &rig.bridge, &none, 500000) != STATUS_IO);
	EXPECT(rig.extends == extends);
	rig.hardware = false;
	rig_stop(&rig);
}

/* ---- by the site's time keys ---- */

static const char *site_setting(void)
{
	static char setting[32 + KEYS * (BASE58_LEN(32) + 2)];
	size_t len = (size_t)snprintf(setting, sizeof(setting), "time_keys=");

	for (size_t i = 0; i < KEYS; i++) {
		char text[BASE58_LEN(32) + 1];

		CHECK(base58_encode(bytes_of(keys_sign_public(&time_keys[i]), 32), text,
		                    sizeof(text)) == STATUS_OK);
		len += (size_t)snprintf(setting + len, sizeof(setting) - len, "%s%s",
		                        i != 0 ? "," : "", text);
	}
	return setting;
}

static uint8_t said_space[AUTHZ_STATEMENT_MAX];

/* A statement of one key over the signer's nonce of now. */
static struct bytes statement(const struct keys_sign_key *key, uint64_t time_s)
{
	struct buffer out = BUFFER_OF_ARRAY(said_space);
	struct authz_time made = {.time_s = time_s, .error_s = 1};

	memcpy(made.deployment, rig.deployment, 32);
	memcpy(made.key, keys_sign_public(key), 32);
	memcpy(made.nonce, now().nonce, 32);
	CHECK(authz_time_put(&made, key, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct authz_time_answer tell(const struct keys_sign_key *key, uint64_t time_s)
{
	struct authz_time_answer said = {.state = 0};

	EXPECT(ask(statement(key, time_s), &said) == STATUS_OK);
	return said;
}

/* The true time, which the machine's clock is not. */
static int64_t passed_s;

static uint64_t truth_s(void)
{
	return (uint64_t)((int64_t)time(NULL) + passed_s);
}

static void pass(int64_t seconds)
{
	passed_s += seconds;
	rig_pass(&rig, seconds);
}

/* T3: what is forged, foreign, replayed, stale, or of one key alone moves nothing; T4: so what has
 * a time in it is refused after an hour, and the rest goes on. */
static void test_without_proof_what_has_a_time_in_it_is_refused(void)
{
	struct keys_sign_key stranger;
	struct authz_time_answer said;
	uint8_t kept[AUTHZ_STATEMENT_MAX];
	struct bytes good;
	unsigned bent = 0;

	begin("site", site_setting());
	said = now();
	EXPECT(said.source == AUTHZ_TIME_SITE && said.state == CALL_TIME_UNPROVEN);
	EXPECT(said.key_count == KEYS && said.needed == 2 && said.low_s < DAY);
	make_worlds(); /* the first hour */
	pass(HOUR + 60);
	EXPECT(now().state == CALL_TIME_UNKNOWN);
	EXPECT(spend(&windowed) == CALL_RESULT_TIME_UNPROVEN);
	EXPECT(sign(&ending) == CALL_RESULT_TIME_UNPROVEN);
	EXPECT(sign(&limited) == CALL_RESULT_TIME_UNPROVEN);
	EXPECT(sign(&lasting) == CALL_RESULT_SIGNED);
	/* What gives power stops; what takes it does not. */
	EXPECT(limit(&lasting, 1000000, false) == STATUS_OK);
	EXPECT(limit(&lasting, 900000, true) == STATUS_OK);
	EXPECT(limit(&lasting, 3000000, true) == STATUS_REFUSED &&
	       strstr(rig.refusal, "time_unproven") != NULL);
	EXPECT(freeze(&lasting, AUTHZ_ACTION_FREEZE) == STATUS_OK);
	EXPECT(sign(&lasting) == CALL_RESULT_WALLET_FROZEN);
	EXPECT(freeze(&lasting, AUTHZ_ACTION_UNFREEZE) == STATUS_REFUSED &&
	       strstr(rig.refusal, "time_unproven") != NULL);

	keys_sign_random(&stranger);
	EXPECT(ask(statement(&stranger, truth_s()), &said) == STATUS_REFUSED &&
	       strstr(rig.refusal, "not one of the site's time keys") != NULL);
	EXPECT(ask(statement(&stranger, truth_s()), &said) == STATUS_REFUSED);
	good = statement(&time_keys[0], truth_s());
	for (size_t bit = 0; bit < good.len * 8; bit += 13, bent++) {
		said_space[bit / 8] ^= (uint8_t)(1u << bit % 8);
		EXPECT(ask(good, &said) == STATUS_REFUSED);
		said_space[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	EXPECT(bent > 100);
	memcpy(kept, good.data, good.len);
	EXPECT(ask(good, &said) == STATUS_OK && said.agreeing == 1 &&
	       said.state == CALL_TIME_UNKNOWN);
	EXPECT(ask(bytes_of(kept, good.len), &said) == STATUS_REFUSED &&
	       strstr(rig.refusal, "this key has spoken over this nonce") != NULL);
	/* One key, however often; and another that does not agree. */
	for (unsigned i = 1; i < 5; i++) {
		pass(16);
		EXPECT(tell(&time_keys[0], truth_s() + i * DAY).state == CALL_TIME_UNKNOWN);
	}
	EXPECT(tell(&time_keys[1], truth_s()).state == CALL_TIME_UNKNOWN);
	EXPECT(spend(&windowed) == CALL_RESULT_TIME_UNPROVEN);
	/* A nonce that is too old. */
	good = statement(&time_keys[2], truth_s());
	pass(130);
	EXPECT(ask(good, &said) == STATUS_REFUSED && strstr(rig.refusal, "older than") != NULL);
	/* Two that agree. */
	EXPECT(tell(&time_keys[1], truth_s()).state == CALL_TIME_UNKNOWN);
	said = tell(&time_keys[2], truth_s());
	EXPECT(said.state == CALL_TIME_PROVEN && said.agreeing == 2);
	EXPECT(said.low_s + 10 > truth_s() && said.low_s <= truth_s() + 1 &&
	       said.high_s >= truth_s() && said.high_s < truth_s() + 10);
	EXPECT(spend(&windowed) == CALL_RESULT_SIGNED && sign(&ending) == CALL_RESULT_SIGNED);
	EXPECT(freeze(&lasting, AUTHZ_ACTION_UNFREEZE) == STATUS_OK);
	EXPECT(sign(&lasting) == CALL_RESULT_SIGNED);
	/* T1: from here on the machine's clock says nothing at all. */
	atomic_fetch_add(&rig.clocks->system_s, 400 * DAY);
	said = now();
	EXPECT(said.state == CALL_TIME_PROVEN && said.high_s < truth_s() + 10);
	EXPECT(sign(&ending) == CALL_RESULT_SIGNED);
	spend_window();
	/* T3: over a nonce of an earlier start. */
	good = statement(&time_keys[0], truth_s() + DAY);
	memcpy(kept, good.data, good.len);
	cut_power(-400 * DAY);
	EXPECT(now().state == CALL_TIME_UNPROVEN);
	EXPECT(ask(bytes_of(kept, good.len), &said) == STATUS_REFUSED &&
	       strstr(rig.refusal, "nonce is unknown") != NULL);
	EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT); /* A13 */
}

/* A13: the power is cut again and again, with the clock set wherever and no proof of the time. */
static void test_cutting_the_power_brings_nothing_back(void)
{
	static const int64_t set_s[] = {DAY, -30 * DAY, 0, 90 * DAY, -90 * DAY, 5};
	struct authz_time_answer said, before;
	uint64_t extends;

	/* Goes on from the test before: the window is spent, ten hours of the other grant are left.
	 */
	rig.tpm_clock_ms += 60000;
	EXPECT(tell(&time_keys[0], truth_s()).state == CALL_TIME_UNPROVEN);
	extends = rig.extends;
	said = tell(&time_keys[1], truth_s());
	EXPECT(said.state == CALL_TIME_PROVEN);
	await_extends(extends); /* the first proof of a boot is kept at once */
	pass(11 * HOUR);
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	before = said;
	for (size_t i = 0; i < sizeof(set_s) / sizeof(set_s[0]); i++) {
		/* No mark was written since, the clock is set: the TPM's clock went on (T2). */
		cut_power(set_s[i]);
		said = now();
		EXPECT(said.state != CALL_TIME_PROVEN);
		EXPECT(said.high_s >= before.high_s && said.low_s + 2 >= before.low_s);
		EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
		EXPECT(spend(&windowed) == (said.state == CALL_TIME_UNKNOWN
		                                ? CALL_RESULT_TIME_UNPROVEN
		                                : CALL_RESULT_WINDOW_SPENT));
		before = said;
		pass(700); /* and no mark of this either */
	}
	/* Six times seven hundred seconds: the hour is over, however they were cut up (T4). */
	cut_power(0);
	EXPECT(now().state == CALL_TIME_UNKNOWN);
	EXPECT(sign(&lasting) == CALL_RESULT_SIGNED);
	EXPECT(spend(&windowed) == CALL_RESULT_TIME_UNPROVEN);
	/* A proof, and a day that has passed, bring the window back. */
	(void)tell(&time_keys[2], truth_s() + 2 * DAY);
	EXPECT(tell(&time_keys[0], truth_s() + 2 * DAY).state == CALL_TIME_PROVEN);
	EXPECT(spend(&windowed) == CALL_RESULT_SIGNED);
	EXPECT(sign(&ending) == CALL_RESULT_GRANT_EXPIRED);
	rig_stop(&rig);
}

/* The site's keys say what time it is. */
static void prove(void)
{
	uint64_t extends;

	rig.tpm_clock_ms += 60000;
	EXPECT(tell(&time_keys[0], truth_s()).state == CALL_TIME_UNPROVEN);
	extends = rig.extends;
	EXPECT(tell(&time_keys[1], truth_s()).state == CALL_TIME_PROVEN);
	await_extends(extends); /* and the leases that were adrift go with it */
}

/* T1, A13: after a start nobody knows how long the power was off, and for an hour windows go on by
 * what was known before. A proof then says that it is much later: what was spent shortly before it
 * was not spent long ago, in the boot of the proof or in the one before. So a restart brings no
 * window twice, of grants or of wallets. */
static void test_a_proof_refills_nothing_that_was_spent_before_it(void)
{
	for (unsigned cut = 0; cut < 2; cut++) {
		begin(cut == 0 ? "adrift" : "adrift_and_cut", site_setting());
		make_worlds();
		spend_window();
		EXPECT(sign_lamports(&limited, 900000) == CALL_RESULT_SIGNED);
		if (cut != 0)
			cut_power(0);
		EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
		prove();
		EXPECT(spend(&windowed) == CALL_RESULT_WINDOW_SPENT);
		/* The cut took the lease of its grant, which has a cap in total. */
		EXPECT(cut != 0 ||
		       sign_lamports(&limited, 900000) == CALL_RESULT_WALLET_WINDOW_SPENT);
		pass(DAY + HOUR); /* from the proof on they are windows as any */
		EXPECT(spend(&windowed) == CALL_RESULT_SIGNED);
		EXPECT(cut != 0 || sign_lamports(&limited, 900000) == CALL_RESULT_SIGNED);
		rig_stop(&rig);
	}
}

static int drop(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
	(void)stat, (void)kind, (void)walk;
	return remove(path);
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	CHECK(chmod(folder, 0755) == 0);
	keys_open();
	for (size_t i = 0; i < KEYS; i++)
		keys_sign_random(&time_keys[i]);
	rig_skew(&rig, folder);
	RUN(test_a_clock_set_ahead_refills_nothing_and_ends_what_ends);
	RUN(test_a_start_with_the_clock_ahead_refills_nothing_on_a_running_machine);
	RUN(test_what_takes_power_has_writes_when_what_gives_it_has_none);
	RUN(test_a_counter_with_nothing_left_takes_no_writes_from_changes);
	RUN(test_without_proof_what_has_a_time_in_it_is_refused);
	RUN(test_cutting_the_power_brings_nothing_back);
	RUN(test_a_proof_refills_nothing_that_was_spent_before_it);
	(void)nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
	return test_summary();
}
