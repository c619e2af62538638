/* Modules that are added, granted, kept and asked for again (A25, P9): real signer and verifier;
 * the test serves the store with the store's own code and says how much place it has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_ask.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_test.h"
#include "rig.h"
#include "store_core.h"

#define DIGITS_AT      "send-000000"
#define REST_MAX       4096 /* bytes: what the intent is beside the evaluator is less */
#define PLACE_OF_EIGHT (UINT64_C(32) << 20) /* bytes of state, whose share takes eight offers */
#define FREE           60                   /* so many more of it fit */

static char folder[] = "/tmp/module_test_XXXXXX";
static struct rig rig;
static struct rig_world nobody, first, second, third, slow;
static struct keys_sign_key operator;
static struct store store;
static struct db_files files[DB_ROLE_COUNT];
static uint8_t request_bytes[CALL_STORE_SLOT_BYTES], answer_bytes[CALL_STORE_MESSAGE_MAX];
static uint8_t module[LIMIT_MODULE_MAX], answer_space[CALL_CHANGE_SLOT_BYTES];
static size_t module_len, name_at[8], name_count;
static uint8_t schema[LIMIT_SCHEMA_MAX];
static size_t schema_len;
static uint64_t place;   /* that the state has */
static unsigned of_user; /* modules that one user may keep then */

/* ---- the store ---- */

static void open_store(void)
{
	static const char *const names[DB_ROLE_COUNT] = {"state", "segments"};
	int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(directory >= 0);
	for (int role = 0; role < DB_ROLE_COUNT; role++)
		CHECK(db_files_open(directory, names[role], &files[role]) == STATUS_OK);
	close(directory);
	store_open(&store, &files[DB_ROLE_STATE], &files[DB_ROLE_SEGMENTS]);
	CHECK(store.opened == STATUS_OK);
}

static void close_store(void)
{
	store_close(&store);
	for (int role = 0; role < DB_ROLE_COUNT; role++)
		db_files_close(&files[role]);
}

static void send_answer(void *context, uint32_t kind, struct bytes message)
{
	(void)context;
	CHECK(ipc_put(&rig.store, kind, message) == STATUS_OK);
}

static void serve(struct rig *of)
{
	static struct store_sink sink = {
	    .answer = send_answer, .message = {answer_bytes, sizeof(answer_bytes), 0}
        };
	struct ipc_message message = {.payload = BUFFER_OF_ARRAY(request_bytes)};
	enum status status;

	while ((status = ipc_take(&of->store, &message)) == STATUS_OK ||
	       status == STATUS_CONFLICT) {
		if (status == STATUS_CONFLICT) {
			ipc_acknowledge(&of->store);
			continue;
		}
		CHECK(store_serve(&store, message.kind, buffer_bytes(&message.payload), &sink) ==
		      STATUS_OK);
		message.payload.len = 0;
	}
	store_flush(&store, &sink);
}

static void start(bool genesis)
{
	struct call_store_fill fill = {.state_bytes = place};

	rig_start(&rig, folder, genesis);
	CHECK(ipc_put(&rig.store, CALL_STORE_FILL, bytes_of(&fill, sizeof(fill))) == STATUS_OK);
}

static void start_again(void)
{
	rig_stop(&rig);
	close_store();
	open_store();
	start(false);
}

/* ---- modules ---- */

/* An intent without parameters, which anybody may be sent lamports by; its name has six digits. */
static void build_intent(void)
{
	char command[512], path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/intent.wasm", folder);
	snprintf(command, sizeof(command),
	         BUILD_DIR "/bin/claviger policy build " SOURCE_DIR
	                   "/tests/boundary/module.toml -o %s >/dev/null 2>&1",
	         path);
	CHECK(system(command) == 0);
	file = fopen(path, "rb");
	CHECK(file != NULL);
	module_len = fread(module, 1, sizeof(module), file);
	fclose(file);
	for (size_t at = 0; at + strlen(DIGITS_AT) <= module_len; at++)
		if (memcmp(module + at, DIGITS_AT, strlen(DIGITS_AT)) == 0) {
			CHECK(name_count < sizeof(name_at) / sizeof(name_at[0]));
			name_at[name_count++] = at + strlen(DIGITS_AT) - 6;
		}
	CHECK(name_count > 0);
}

/* The nth module: another one for each number. */
static void number_intent(unsigned number)
{
	char digits[7];

	snprintf(digits, sizeof(digits), "%06u", number % 1000000);
	for (size_t i = 0; i < name_count; i++)
		memcpy(module + name_at[i], digits, 6);
}

/* Adds it as the key's owner; NULL: as nobody. */
static enum status add_as(const struct keys_sign_key *key, unsigned number, uint8_t ret_hash[32])
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_module_answer learned;
	enum status status;

	number_intent(number);
	status = rig_module_add(&rig, key, bytes_of(module, module_len), &answer);
	if (status != STATUS_OK)
		return status;
	CHECK(authz_module_answer_take(buffer_bytes(&answer), &learned) == STATUS_OK);
	EXPECT(learned.module_kind == AUTHZ_MODULE_INTENT);
	schema_len = learned.schema.len;
	memcpy(schema, learned.schema.data, schema_len);
	memcpy(ret_hash, learned.hash, 32);
	return STATUS_OK;
}

static enum status add(unsigned number, uint8_t ret_hash[32])
{
	return add_as(NULL, number, ret_hash);
}

static enum status grant_to(struct rig_world *world, const uint8_t client[32],
                            const uint8_t hash[32])
{
	static uint8_t body_space[AUTHZ_GRANT_BODY_MAX];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_grant_body wanted;
	static struct authz_change change;

	wanted = (struct authz_grant_body){.parameters = bytes_of("\xa0", 1),
	                                   .schema = bytes_of(schema, schema_len)};
	memcpy(wanted.client, client, 32);
	memcpy(wanted.module, hash, 32);
	wanted.pin_count = rig.table_count;
	for (size_t i = 0; i < rig.table_count; i++) {
		memcpy(wanted.pins[i].table, rig.tables[i].table, 32);
		wanted.pins[i].count = (uint16_t)(rig.tables[i].addresses.len / 32);
		keys_sha256(&rig.tables[i].addresses, 1, wanted.pins[i].hash);
	}
	CHECK(authz_grant_put(&wanted, &body) == STATUS_OK && rig_wallet_refresh(&rig, world));
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_GRANT, buffer_bytes(&body));
	return rig_change(&rig, &change, &world->user, &answer);
}

static enum status grant(struct rig_world *world, const uint8_t hash[32])
{
	return grant_to(world, world->client_id, hash);
}

/* The grants go to others' clients, so that none has too many. */
static enum status add_and_grant(struct rig_world *world, unsigned number)
{
	struct rig_world *const others[] = {&nobody, &first, &second, &third};
	uint8_t hash[32];

	CHECK(add(number, hash) == STATUS_OK);
	return grant_to(world, others[number % 4]->client_id, hash);
}

/* Pays somebody whom no grant but an intent's allows. */
static enum call_result sign(struct rig_world *world)
{
	static uint64_t tag;
	uint8_t space[256], recipient[32];
	struct buffer message = BUFFER_OF_ARRAY(space);
	struct call_sign_answer answer = {.result = CALL_RESULT_COUNT};
	struct call_sign_request request;

	keys_random(recipient, sizeof(recipient));
	rig_transfer_message(world->address, recipient, 1000, 7, &message);
	tag++;
	memcpy(space + 100, &tag, sizeof(tag)); /* another blockhash each time */
	request = rig_sign_request(world, buffer_bytes(&message));
	return rig_sign(&rig, &request, &answer) ? answer.result : CALL_RESULT_COUNT;
}

/* Bytes of a kept module's record; 0: it is not kept. */
static size_t kept_bytes(const uint8_t hash[32])
{
	static uint8_t space[LIMIT_MODULE_MAX];
	struct buffer value = BUFFER_OF_ARRAY(space);

	return db_value_get(&store.state, CALL_STORE_VALUE_MODULE, hash, &value) == STATUS_OK
	           ? value.len
	           : 0;
}

/* ---- tables ---- */

/* The next grants pin these lookup tables: full ones, the nth another one for each number. */
static void pin_tables(unsigned from, size_t count)
{
	static uint8_t entries[LIMIT_TABLE_PINS_MAX][AUTHZ_TABLE_ENTRIES_MAX * 32];

	rig.table_count = count;
	for (size_t i = 0; i < count; i++) {
		memset(rig.tables[i].table, (int)i + 1, 32);
		memset(entries[i], 0x77, sizeof(entries[i]));
		store_le32(entries[i], from + (unsigned)i);
		rig.tables[i].addresses = BYTES_OF_ARRAY(entries[i]);
	}
}

/* How many of those that pin_tables made are kept. */
static size_t kept_tables(void)
{
	static uint8_t space[AUTHZ_TABLE_ENTRIES_MAX * 32 + KEYS_AEAD_OVERHEAD_LEN];
	size_t count = 0;

	for (size_t i = 0; i < rig.table_count; i++) {
		struct buffer value = BUFFER_OF_ARRAY(space);
		uint8_t hash[32];

		keys_sha256(&rig.tables[i].addresses, 1, hash);
		count +=
		    db_value_get(&store.state, CALL_STORE_VALUE_TABLE, hash, &value) == STATUS_OK;
	}
	return count;
}

/* Bytes of all modules and tables that are kept, without what seals them. */
static uint64_t all_bytes(void)
{
	static uint8_t space[64 * 32];
	struct buffer ids = BUFFER_OF_ARRAY(space);
	uint64_t bytes;
	bool more;

	CHECK(db_value_list(&store.state, CALL_STORE_VALUE_TABLE, NULL, 64, &ids, &more) ==
	          STATUS_OK &&
	      !more);
	bytes = ids.len / 32 * AUTHZ_TABLE_ENTRIES_MAX * 32;
	ids.len = 0;
	CHECK(db_value_list(&store.state, CALL_STORE_VALUE_MODULE, NULL, 64, &ids, &more) ==
	          STATUS_OK &&
	      !more);
	for (size_t at = 0; at < ids.len; at += 32)
		bytes += kept_bytes(ids.data + at) - KEYS_AEAD_OVERHEAD_LEN;
	return bytes;
}

/* ---- what holds ---- */

/* How many are taken beside those that came back meanwhile, one a second: a slow machine takes as
 * many. */
static unsigned flood(const struct keys_sign_key *key, unsigned from, const char *why)
{
	int64_t since_us = supervisor_now_us();
	uint8_t hash[32];
	unsigned count = 0, back;

	while (count < 200 && add_as(key, from + count, hash) == STATUS_OK)
		count++;
	EXPECT(strstr(rig.refusal, "too many modules are added at once") != NULL);
	EXPECT(strstr(rig.refusal, why) != NULL);
	back = (unsigned)((supervisor_now_us() - since_us) / 1000000);
	return count > back ? count - back : 0;
}

/* A25: nobody's flood washes out what another one offers before its grant comes, or keeps him from
 * offering it: not that of those who do not say who they are, and not a user's. There is place for
 * eight; one alone is let add some sixty at once. */
static void test_a_flood_washes_out_nobody_elses_offer(void)
{
	uint8_t of_user_hash[32], of_client[32], of_operator[32], of_nobody[32], later[32];
	struct bytes whole;
	unsigned count;

	EXPECT(add_as(&first.user, 900, of_user_hash) == STATUS_OK);
	EXPECT(add_as(&second.client, 901, of_client) == STATUS_OK);
	EXPECT(add_as(&operator, 902, of_operator) == STATUS_OK);
	count = flood(NULL, 1000, "does not say who he is");
	EXPECT(count >= 30 && count < 70);
	count = flood(&third.user, 2000, "adds that many");
	EXPECT(count >= 10 && count < 40);
	/* Who comes next finds some. */
	EXPECT(add_as(&second.user, 904, later) == STATUS_OK);
	EXPECT(grant(&nobody, of_user_hash) == STATUS_OK);
	EXPECT(grant_to(&nobody, first.client_id, of_client) == STATUS_OK);
	EXPECT(grant_to(&nobody, second.client_id, of_operator) == STATUS_OK);
	EXPECT(grant_to(&nobody, third.client_id, later) == STATUS_OK);
	/* What the flood brought pushed out its own. */
	number_intent(1000);
	whole = bytes_of(module, module_len);
	keys_sha256(&whole, 1, of_nobody);
	EXPECT(grant(&nobody, of_nobody) == STATUS_REFUSED);
}

/* A25: whose share an offer takes, he has said of this very module and to this deployment; and
 * another one's offer of the same module is not his own. */
static void test_an_offer_is_whose_key_signed_for_it(void)
{
	static uint8_t space[CALL_CHANGE_SLOT_BYTES];
	struct buffer out = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space),
	              said = {.cap = 0};
	uint8_t said_space[AUTHZ_STATEMENT_MAX], hash[32];
	struct authz_module_add wrong = {.query = {0}};
	struct authz_query who = {.topic = AUTHZ_QUERY_MODULE};

	number_intent(910);
	wrong.module = bytes_of(module, module_len);
	for (int bent = 0; bent < 5; bent++) {
		said = BUFFER_OF_ARRAY(said_space);
		out.len = answer.len = 0;
		who.topic = bent == 0 ? AUTHZ_QUERY_WALLETS : AUTHZ_QUERY_MODULE;
		memcpy(who.deployment, rig.deployment, 32);
		memcpy(who.key, keys_sign_public(&first.user), 32);
		keys_sha256(&wrong.module, 1, who.target);
		who.target[0] ^= bent == 1;
		who.deployment[0] ^= bent == 2;
		CHECK(authz_query_put(&who, &first.user, &said) == STATUS_OK);
		said_space[said.len - 1] ^= bent == 3;
		wrong.query = buffer_bytes(&said);
		CHECK(authz_module_add_put(&wrong, &out) == STATUS_OK);
		EXPECT((rig_ask(&rig, CALL_CHANGE_MODULE_ADD, buffer_bytes(&out), &answer) ==
		        STATUS_OK) == (bent == 4));
		EXPECT(bent == 4 || strstr(rig.refusal, "not about this module") != NULL);
	}
	/* Nobody offers it first, and floods: the user's own offer of it stays. */
	EXPECT(add(911, hash) == STATUS_OK && add_as(&first.user, 911, hash) == STATUS_OK);
	(void)flood(NULL, 3000, "does not say who he is");
	EXPECT(grant_to(&nobody, first.client_id, hash) == STATUS_OK);
}

/* A25: what nobody signed for is kept nowhere: it gives way to what is added after it. Here is
 * place for one. */
static void test_a_module_that_no_grant_names_gives_way(void)
{
	uint8_t lost[32], there[32];
	uint64_t extends = rig.extends;

	EXPECT(add(1, lost) == STATUS_OK && add(1, lost) == STATUS_OK);
	EXPECT(kept_bytes(lost) == 0);
	EXPECT(add(2, there) == STATUS_OK);
	/* Nor does it wear the TPM. */
	EXPECT(rig.extends == extends);
	EXPECT(grant(&first, lost) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "gives way") != NULL);
	EXPECT(grant(&first, there) == STATUS_OK);
	EXPECT(kept_bytes(there) != 0);
	/* Kept, it is pushed out by none. */
	EXPECT(add(3, lost) == STATUS_OK && add(4, lost) == STATUS_OK);
	EXPECT(kept_bytes(there) != 0 && kept_bytes(lost) == 0);
	EXPECT(sign(&first) == CALL_RESULT_SIGNED);
}

/* P9: of an intent only what is its own is kept, the evaluator once; and after a start, when no
 * process has either, the verifier is given the same module as ever. */
static void test_an_intent_is_kept_beside_the_evaluator_and_found_whole(void)
{
	uint8_t hash[32];

	EXPECT(add(2, hash) == STATUS_OK);
	EXPECT(kept_bytes(hash) > 100 && kept_bytes(hash) < REST_MAX);
	for (int i = 0; i < 3; i++) {
		start_again();
		EXPECT(sign(&first) == CALL_RESULT_SIGNED);
	}
}

/* A grant that waits has its module kept from the day that it was signed. */
static void test_a_grant_that_waits_finds_its_module(void)
{
	uint8_t hash[32], other[32];

	CHECK(add(50, hash) == STATUS_OK);
	EXPECT(grant(&slow, hash) == STATUS_OK);
	EXPECT(sign(&slow) != CALL_RESULT_SIGNED);
	EXPECT(add(51, other) == STATUS_OK);
	EXPECT(kept_bytes(hash) != 0 && kept_bytes(other) == 0);
}

/* A25: one user's share ends before all do; then he alone is refused, with the numbers, and what is
 * refused is not kept. The last place of all is refused to whoever comes. */
static void test_a_user_has_a_share_and_all_have_an_end(void)
{
	uint8_t hash[32];

	for (unsigned i = 1; i < of_user; i++)
		EXPECT(add_and_grant(&first, 100 + i) == STATUS_OK);
	EXPECT(add_and_grant(&first, 200) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "the grants of this user keep modules and lookup tables of ") !=
	       NULL);
	CHECK(add(200, hash) == STATUS_OK);
	EXPECT(kept_bytes(hash) == 0);
	/* What is kept already costs nothing more; over a start too. */
	EXPECT(add_and_grant(&first, 101) == STATUS_OK);
	start_again();
	EXPECT(add_and_grant(&first, 200) == STATUS_REFUSED);
	for (unsigned i = 0; i < of_user; i++)
		EXPECT(add_and_grant(&second, 200 + i) == STATUS_OK);
	for (unsigned i = 0; i < FREE - 1 - 2 * of_user; i++)
		EXPECT(add_and_grant(&third, 300 + i) == STATUS_OK);
	EXPECT(add_and_grant(&third, 400) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "this deployment keeps modules and lookup tables of ") != NULL);
	EXPECT(sign(&second) == CALL_RESULT_SIGNED && sign(&third) == CALL_RESULT_SIGNED);
}

/* ---- places that come back ---- */

/* One step of a sweep, until it is taken. */
static enum status sweep_as(const struct keys_sign_key *key, enum authz_sweep_ask ask,
                            struct authz_sweep_answer *ret_said)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_query query = {.topic = AUTHZ_QUERY_SWEEP, .target = {(uint8_t)ask}};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	enum status status;

	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(key), 32);
	keys_random(query.nonce, sizeof(query.nonce));
	CHECK(authz_query_put(&query, key, &out) == STATUS_OK);
	do {
		answer.len = 0;
		status = rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer);
	} while (status == STATUS_REFUSED && strstr(rig.refusal, "on its way") != NULL);
	if (status == STATUS_OK)
		CHECK(authz_sweep_answer_take(buffer_bytes(&answer), ret_said) == STATUS_OK);
	return status;
}

/* Goes on until it stands at `until`. */
static struct authz_sweep_answer sweep(enum authz_sweep_ask ask, enum authz_sweep_step until)
{
	struct authz_sweep_answer said = {.step = AUTHZ_SWEEP_NONE};

	EXPECT(sweep_as(&operator, ask, &said) == STATUS_OK);
	while (said.step < until)
		if (sweep_as(&operator, AUTHZ_SWEEP_ASK_ON, &said) != STATUS_OK)
			break;
	EXPECT(said.step >= until);
	return said;
}

static enum status revoke_grant(struct rig_world *world, const uint8_t grant_id[32])
{
	uint8_t space[64];
	struct buffer body = BUFFER_OF_ARRAY(space), answer = BUFFER_OF_ARRAY(answer_space);
	static struct authz_change change;

	CHECK(authz_id_put(grant_id, &body) == STATUS_OK && rig_wallet_refresh(&rig, world));
	change = rig_change_begin(&rig, world, AUTHZ_ACTION_REVOKE, buffer_bytes(&body));
	return rig_change(&rig, &change, &world->user, &answer);
}

/* The id of the last grant of the wallet that is live. */
static void last_grant(const struct rig_world *world, uint8_t ret_id[32])
{
	const struct authz_wallet_record *record = rig_wallet(&rig, world);
	size_t last = record->grant_count - 1;

	while (last > 0 && !record->grants[last].live)
		last--;
	memcpy(ret_id, record->grants[last].grant, 32);
}

static void hash_of(unsigned number, uint8_t ret_hash[32])
{
	struct bytes whole;

	number_intent(number);
	whole = bytes_of(module, module_len);
	keys_sha256(&whole, 1, ret_hash);
}

/* P9, A25: what no grant and no change that waits names gives back its place, to its user and to
 * all; what is named stays, however often it is swept, over starts too. All is full here. */
static void test_a_sweep_gives_back_what_no_grant_names(void)
{
	struct authz_sweep_answer said, before;
	uint8_t hash[32], id[32], waits[32];

	start_again(); /* how much was added of late is forgotten */
	EXPECT(sweep_as(&first.user, AUTHZ_SWEEP_ASK_REMOVE, &said) == STATUS_REFUSED);
	EXPECT(sweep_as(&operator, AUTHZ_SWEEP_ASK_ON, &said) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "begin again") != NULL);
	before = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(before.unused == 0 && before.kept > FREE && before.wallets == 5);
	EXPECT(add_and_grant(&third, 400) == STATUS_REFUSED);
	/* One grant is revoked, counted, and then removed: its place is there for another, once. */
	for (unsigned i = 0; i < 3; i++) {
		last_grant(&third, id);
		EXPECT(revoke_grant(&third, id) == STATUS_OK);
		hash_of(i == 0 ? 300 + FREE - 2 - 2 * of_user : 500 + i - 1, hash);
		EXPECT(kept_bytes(hash) != 0);
		said = sweep(AUTHZ_SWEEP_ASK_COUNT, AUTHZ_SWEEP_DONE);
		EXPECT(said.unused == 1 && said.kept == before.kept - 1);
		EXPECT(kept_bytes(hash) != 0);
		said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
		EXPECT(said.unused == 1 && kept_bytes(hash) == 0);
		EXPECT(grant(&third, hash) == STATUS_REFUSED);
		EXPECT(strstr(rig.refusal, "gives way") != NULL);
		EXPECT(add_and_grant(&third, 500 + i) == STATUS_OK);
		EXPECT(add_and_grant(&third, 600 + i) == STATUS_REFUSED);
	}
	EXPECT(sign(&third) == CALL_RESULT_SIGNED);
	/* What a change that waits names stays, and what all intents share: they sign. */
	hash_of(50, waits);
	EXPECT(kept_bytes(waits) != 0);
	start_again();
	EXPECT(sign(&first) == CALL_RESULT_SIGNED && sign(&second) == CALL_RESULT_SIGNED);
	EXPECT(kept_bytes(waits) != 0);
}

/* What comes to be named while it is swept stays; and a machine that stops before the removal is
 * durable has all or nothing of it. */
static void test_a_sweep_takes_nothing_that_is_named_meanwhile(void)
{
	struct authz_sweep_answer said;
	uint8_t again[32], gone[32], id[32];

	for (int i = 0; i < 2; i++) { /* two places */
		last_grant(&third, id);
		EXPECT(revoke_grant(&third, id) == STATUS_OK);
	}
	(void)sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	CHECK(add(700, again) == STATUS_OK &&
	      grant_to(&third, third.client_id, again) == STATUS_OK);
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_MODULES);
	EXPECT(grant_to(&third, third.client_id, again) == STATUS_OK);
	while (said.step != AUTHZ_SWEEP_DONE &&
	       sweep_as(&operator, AUTHZ_SWEEP_ASK_ON, &said) == STATUS_OK)
		;
	EXPECT(said.unused == 0 && kept_bytes(again) != 0);
	CHECK(add(701, gone) == STATUS_OK && grant_to(&third, first.client_id, gone) == STATUS_OK);
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_COMMIT);
	start_again();
	EXPECT(sign(&third) == CALL_RESULT_SIGNED && kept_bytes(again) != 0);
	(void)sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(kept_bytes(gone) == 0 && kept_bytes(again) != 0);
	said = sweep(AUTHZ_SWEEP_ASK_COUNT, AUTHZ_SWEEP_DONE);
	EXPECT(said.unused == 0);
}

/* A grant that was revoked names its module until that is durable: a sweep waits for it, and a
 * power cut that brings the grant back finds the module. */
static void test_a_sweep_waits_until_what_was_revoked_is_durable(void)
{
	struct authz_sweep_answer said = {.step = AUTHZ_SWEEP_NONE};
	uint8_t hash[32], id[32], now[32];

	CHECK(add(702, hash) == STATUS_OK && grant_to(&third, first.client_id, hash) == STATUS_OK);
	last_grant(&third, id);
	rig.holds_anchor = true;
	rig.patience_us = 500000;
	EXPECT(revoke_grant(&third, id) == STATUS_BUSY);
	rig.patience_us = 0;
	EXPECT(sweep_as(&operator, AUTHZ_SWEEP_ASK_REMOVE, &said) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "overloaded") != NULL);
	EXPECT(kept_bytes(hash) != 0);
	rig_stop(&rig);
	rig.holds_anchor = false;
	close_store();
	open_store();
	start(false);
	last_grant(&third, now);
	EXPECT(memcmp(now, id, 32) == 0 && kept_bytes(hash) != 0);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(said.unused == 0 && kept_bytes(hash) != 0);
}

/* A25: lookup tables that a user's grants pin are in his share as modules are: beyond it he alone
 * is refused, with the numbers; what is kept already costs nothing more; and a sweep gives back
 * those that no grant, and none that waits, names. A share takes five full tables here. */
static void test_pinned_tables_are_in_their_users_share(void)
{
	struct authz_sweep_answer said;
	uint8_t hash[32], id[32];

	CHECK(add(0, hash) == STATUS_OK);
	pin_tables(10, 4);
	EXPECT(grant(&third, hash) == STATUS_OK && kept_tables() == 4);
	EXPECT(grant_to(&third, first.client_id, hash) == STATUS_OK);
	pin_tables(20, 2);
	EXPECT(grant(&third, hash) == STATUS_REFUSED && kept_tables() == 0);
	EXPECT(strstr(rig.refusal, "the grants of this user keep modules and lookup tables of "
	                           "32768 bytes, of at most 40960; this is 16384 more") != NULL);
	EXPECT(grant(&second, hash) == STATUS_OK && kept_tables() == 2);
	/* They are there now: another user's, and no share's of his. */
	EXPECT(grant(&third, hash) == STATUS_OK);
	pin_tables(30, 1);
	EXPECT(grant(&slow, hash) == STATUS_OK && kept_tables() == 1);
	/* The four go when both grants that named them have gone. */
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	pin_tables(10, 4);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(kept_tables() == 4);
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(said.unused == 4 && said.bytes == 4 * AUTHZ_TABLE_ENTRIES_MAX * 32);
	EXPECT(kept_tables() == 0);
	pin_tables(20, 2);
	EXPECT(kept_tables() == 2);
	pin_tables(30, 1);
	EXPECT(kept_tables() == 1);
	/* Its places are back, and a table that went is kept again. */
	pin_tables(12, 5);
	EXPECT(grant(&third, hash) == STATUS_OK && kept_tables() == 5);
	pin_tables(40, 1);
	EXPECT(grant(&third, hash) == STATUS_REFUSED);
	start_again();
	EXPECT(grant(&third, hash) == STATUS_REFUSED && kept_tables() == 0);
	last_grant(&third, id);
	EXPECT(revoke_grant(&third, id) == STATUS_OK);
	last_grant(&second, id);
	EXPECT(revoke_grant(&second, id) == STATUS_OK);
	said = sweep(AUTHZ_SWEEP_ASK_REMOVE, AUTHZ_SWEEP_DONE);
	EXPECT(said.unused == 7);
	rig.table_count = 0;
}

static enum status add_bytes(const uint8_t *bytes, size_t len)
{
	struct buffer answer = BUFFER_OF_ARRAY(answer_space);

	return rig_module_add(&rig, NULL, bytes_of(bytes, len), &answer);
}

/* A25: what is no WebAssembly costs no verifier. That also keeps out what would be stored as it
 * came and read as the rest of an intent afterwards (4, A3). */
static void test_what_is_no_module_reaches_no_verifier(void)
{
	static uint8_t rest[64] = {1};
	pid_t verifier = rig_child(&rig, PROC_verifier)->pid;

	EXPECT(add_bytes(rest, sizeof(rest)) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "does not begin as WebAssembly does") != NULL);
	EXPECT(add_bytes((const uint8_t *)"\0asm", 4) == STATUS_REFUSED);
	EXPECT(add_bytes((const uint8_t *)"\0asm\2\0\0\0", 8) == STATUS_REFUSED);
	EXPECT(sign(&first) == CALL_RESULT_SIGNED);
	EXPECT(rig_child(&rig, PROC_verifier)->pid == verifier);
}

/* A25: custom code costs a verifier each time, so it is counted before one looks at it: when a
 * minute's worth of new modules is used up no more of it is, and known code goes on. Last of all:
 * nothing new can be added then. */
static void test_junk_has_a_budget_before_it_costs_a_verifier(void)
{
	static const uint8_t junk[12] = {0, 'a', 's', 'm', 1};
	unsigned added = 0, refused = 0;
	uint8_t hash[32];
	pid_t verifier;

	EXPECT(add_bytes(junk, sizeof(junk)) == STATUS_REFUSED);
	EXPECT(strstr(rig.refusal, "too many modules") == NULL);
	while (added < 1000 && add(1000 + added, hash) == STATUS_OK)
		added++;
	EXPECT(added > 0 && added < 1000);
	EXPECT(sign(&first) == CALL_RESULT_SIGNED); /* in a verifier that no junk was in */
	verifier = rig_child(&rig, PROC_verifier)->pid;
	for (unsigned i = 0; i < 4; i++) {
		EXPECT(add_bytes(junk, sizeof(junk)) == STATUS_REFUSED);
		refused += strstr(rig.refusal, "too many modules") != NULL;
	}
	EXPECT(refused >= 3); /* one may have come back meanwhile */
	EXPECT(refused < 4 || rig_child(&rig, PROC_verifier)->pid == verifier);
	EXPECT(add(2, hash) == STATUS_OK); /* kept already */
	EXPECT(sign(&first) == CALL_RESULT_SIGNED);
}

static void make_slow(void)
{
	static uint8_t body_space[1024];
	struct buffer body = BUFFER_OF_ARRAY(body_space), answer = BUFFER_OF_ARRAY(answer_space);
	struct authz_birth_body birth = {.name = bytes_of_text("slow"), .user_key_count = 1};
	static struct authz_change change;

	keys_sign_random(&slow.user);
	memcpy(slow.client_id, first.client_id, 32);
	memcpy(slow.token, first.token, sizeof(slow.token));
	birth.delays = (struct authz_delays){.has_delay = true, .delay_s = 86400};
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&slow.user), 32);
	keys_random(slow.wallet, sizeof(slow.wallet));
	CHECK(authz_birth_put(&birth, false, &body) == STATUS_OK);
	change = rig_change_begin(&rig, &slow, AUTHZ_ACTION_CREATE, buffer_bytes(&body));
	CHECK(rig_change(&rig, &change, &slow.user, &answer) == STATUS_OK);
}

int main(void)
{
	struct rig_world *worlds[] = {&nobody, &first, &second, &third};
	static const char *const names[] = {"nobody", "first", "second", "third"};
	char command[128];
	static char setting[96];
	char key_text[BASE58_LEN(32) + 1];
	uint64_t each, all;
	uint8_t hash[32];

	CHECK(mkdtemp(folder) != NULL && chmod(folder, 0755) == 0);
	build_intent();
	keys_random(rig.node_share, sizeof(rig.node_share));
	rig.serve_store = serve;
	open_store();
	keys_sign_random(&operator);
	CHECK(base58_encode(bytes_of(keys_sign_public(&operator), 32), key_text,
	                    sizeof(key_text)) == STATUS_OK);
	snprintf(setting, sizeof(setting), "operators=%s", key_text);
	rig.setting = setting;
	start(true);
	for (size_t i = 0; i < 4; i++)
		rig_world_make(&rig, worlds[i], names[i]);
	make_slow();
	CHECK(add(0, hash) == STATUS_OK && grant(&nobody, hash) == STATUS_OK);
	place = PLACE_OF_EIGHT;
	start_again();
	RUN(test_a_flood_washes_out_nobody_elses_offer);
	start_again(); /* how much was added of late is forgotten */
	RUN(test_an_offer_is_whose_key_signed_for_it);
	place = UINT64_C(2) * LIMIT_MODULES_OF_USER * 5 * AUTHZ_TABLE_ENTRIES_MAX * 32;
	CHECK(all_bytes() + 20 * AUTHZ_TABLE_ENTRIES_MAX * 32 < place / 2);
	start_again();
	RUN(test_pinned_tables_are_in_their_users_share);
	each = kept_bytes(hash) - KEYS_AEAD_OVERHEAD_LEN;
	/* From here on there is little place, half of it for modules, an eighth of that for a user.
	 */
	all = all_bytes() + FREE * each + each / 2;
	place = 2 * all;
	of_user = (unsigned)(all / 8 / each);
	CHECK(of_user >= 2 && 2 * of_user + 1 < FREE);
	start_again();
	RUN(test_a_module_that_no_grant_names_gives_way);
	RUN(test_an_intent_is_kept_beside_the_evaluator_and_found_whole);
	RUN(test_a_grant_that_waits_finds_its_module);
	RUN(test_a_user_has_a_share_and_all_have_an_end);
	RUN(test_a_sweep_gives_back_what_no_grant_names);
	RUN(test_a_sweep_takes_nothing_that_is_named_meanwhile);
	RUN(test_a_sweep_waits_until_what_was_revoked_is_durable);
	RUN(test_what_is_no_module_reaches_no_verifier);
	RUN(test_junk_has_a_budget_before_it_costs_a_verifier);
	rig_stop(&rig);
	close_store();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	CHECK(system(command) == 0);
	return test_summary();
}
