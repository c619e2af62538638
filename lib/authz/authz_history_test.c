/* What users signed, kept: S11, B2, A24: a stranger follows a wallet's authority from its birth to
 * where it stands, and nothing is left out, moved, changed or made up unnoticed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_history.h"

#include "authz_text.h"
#include "base_encode.h"
#include "base_test.h"

#define ROWS_MAX 96

enum { ALICE = 1, BOB = 2, DRAWER = 3, PASSKEY = 4, CODES = 5, STRANGER = 6 };

static const uint8_t wallet[32] = {9}, deployment[32] = {8};
static const uint8_t credential[16] = {1, 2, 3};

/* What a change of the test is made of. */
struct act {
	uint8_t action;
	uint8_t step;   /* 0: done */
	bool by_change; /* completed: the hash goes on over the change itself */
	struct bytes body;
	int signers[4]; /* the first one's signature counts in the hash */
	bool codes;
	uint64_t time_s;
	uint8_t nonce;
	bool no_previous;     /* that gives power all the same */
	const uint8_t *other; /* another previous hash */
	const char *text;     /* beside it, instead of the one that was signed */
	bool astray;          /* the link names another hash, and all after it go on from there */
	bool drops_code;      /* what is kept names no code, and the link names what was kept */
	uint8_t flip;         /* of the second signature */
};

static uint8_t rows[ROWS_MAX][4096];
static struct bytes row[ROWS_MAX];
static size_t count;
static uint64_t version;
static uint8_t authority[32], link_hash[32], last_change[32];
static struct authz_history history;

static struct keys_sign_key key_of(int who)
{
	uint8_t seed[32] = {(uint8_t)who};
	struct keys_sign_key key;

	keys_sign_from_seed(seed, &key);
	return key;
}

static struct authz_user_key name_of(int who)
{
	struct authz_user_key name = {.kind = AUTHZ_KEY_ED25519};
	struct keys_sign_key key = key_of(who);

	if (who == PASSKEY) {
		name.kind = AUTHZ_KEY_PASSKEY_ED25519;
		authz_passkey_id(BYTES_OF_ARRAY(credential), name.key);
	} else if (who == CODES) {
		name.kind = AUTHZ_KEY_TOTP;
		name.key[0] = CODES;
	} else {
		memcpy(name.key, keys_sign_public(&key), 32);
	}
	return name;
}

static struct authz_key_data data_of(int who)
{
	static uint8_t public_key[32];
	static const uint8_t sealed[48];
	struct keys_sign_key key = key_of(who);
	struct authz_key_data data = {.credential = {0}};

	if (who == PASSKEY) {
		memcpy(public_key, keys_sign_public(&key), 32);
		data.credential = BYTES_OF_ARRAY(credential);
		data.public_key = BYTES_OF_ARRAY(public_key);
	} else if (who == CODES) {
		data.sealed = BYTES_OF_ARRAY(sealed);
	}
	return data;
}

/* A passkey's signature as a browser has it made. */
static void assert_change(struct bytes change, struct authz_signature *ret_signature)
{
	static uint8_t authenticator[37], client[256], made[64];
	struct keys_sign_key key = key_of(PASSKEY);
	uint8_t challenge[32], covered_space[128];
	struct buffer covered = BUFFER_OF_ARRAY(covered_space), out = BUFFER_OF_ARRAY(client);
	char text[BASE64_LEN(32) + 1];

	authz_change_challenge(change, challenge);
	base64_encode(BYTES_OF_ARRAY(challenge), text);
	for (size_t i = 0; i < 43; i++)
		text[i] = (char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
	text[43] = '\0';
	EXPECT(buffer_put(&out, bytes_of_text("{\"type\":\"webauthn.get\",\"challenge\":\"")) ==
	       STATUS_OK);
	EXPECT(buffer_put(&out, bytes_of_text(text)) == STATUS_OK);
	EXPECT(buffer_put(&out, bytes_of_text("\",\"origin\":\"https://claviger.example\"}")) ==
	       STATUS_OK);
	authenticator[0] = 1;
	authenticator[32] = 5; /* present, verified */
	ret_signature->assertion = (struct authz_assertion){
	    .authenticator_data = BYTES_OF_ARRAY(authenticator), .client_data = buffer_bytes(&out)};
	EXPECT(authz_assertion_signed(&ret_signature->assertion, &covered) == STATUS_OK);
	keys_sign(&key, buffer_bytes(&covered), made);
	ret_signature->assertion.signature = BYTES_OF_ARRAY(made);
}

/* Makes the next change of the wallet as the signer keeps it. */
static void add(struct act act)
{
	static uint8_t change_space[2048], signed_space[4096], kept_space[4096],
	    covered_space[4096];
	static struct authz_change change;
	static struct authz_signed_change given;
	struct buffer encoded = BUFFER_OF_ARRAY(change_space);
	struct buffer signed_change = BUFFER_OF_ARRAY(signed_space);
	struct buffer kept_bytes = BUFFER_OF_ARRAY(kept_space);
	struct buffer covered = BUFFER_OF_ARRAY(covered_space);
	struct buffer out = BUFFER_OF_ARRAY(rows[count]);
	struct bytes text = bytes_of_text("what was read");
	bool is_birth = authz_action_is_birth(act.action);
	struct authz_link link = {.version = ++version,
	                          .step = act.step == 0 ? AUTHZ_STEP_DONE : act.step,
	                          .boot = 1,
	                          .time_low_s = act.time_s,
	                          .time_high_s = act.time_s};
	uint8_t link_space[AUTHZ_LINK_MAX];
	struct buffer link_bytes = BUFFER_OF_ARRAY(link_space);
	struct authz_kept kept = {.description = act.text == NULL ? text : bytes_of_text(act.text)};
	struct bytes whole;

	change = (struct authz_change){
	    .action = act.action, .entry_count = 1, .nonce = {act.nonce}, .expires_s = 99};
	memcpy(change.deployment, deployment, 32);
	memcpy(change.entries[0].wallet, wallet, 32);
	change.entries[0].body = act.body;
	change.entries[0].has_previous =
	    !is_birth && !authz_action_reduces(act.action) && !act.no_previous;
	memcpy(change.entries[0].previous, act.other != NULL ? act.other : authority, 32);
	if (!change.entries[0].has_previous)
		memset(change.entries[0].previous, 0, 32);
	keys_sha256(&text, 1, change.description_hash);
	EXPECT(authz_change_put(&change, &encoded) == STATUS_OK);
	given = (struct authz_signed_change){.change = buffer_bytes(&encoded)};
	for (size_t i = 0; i < 4 && act.signers[i] != 0; i++) {
		struct authz_signature *signature = &given.signatures[given.signature_count++];
		struct keys_sign_key key = key_of(act.signers[i]);

		signature->key = name_of(act.signers[i]);
		if (act.signers[i] == PASSKEY)
			assert_change(given.change, signature);
		else
			EXPECT(authz_text_sign(&key, &change, given.change, text, signature) ==
			       STATUS_OK);
	}
	given.signatures[1].signature[0] ^= act.flip;
	if (act.codes) {
		given.code_count = 1;
		given.codes[0].id[0] = CODES;
	}
	{
		static struct authz_signed_change without;

		authz_kept_of(&given, kept.description, &without, &kept);
		EXPECT(authz_signed_change_put(&without, &signed_change) == STATUS_OK);
	}
	kept.signed_change = buffer_bytes(&signed_change);
	EXPECT(authz_kept_put(&kept, &kept_bytes) == STATUS_OK);
	whole = buffer_bytes(&kept_bytes);
	keys_sha256(&whole, 1, link.kept);
	if (given.signature_count == 0 || act.by_change)
		EXPECT(buffer_put(&covered, given.change) == STATUS_OK);
	else if (act.signers[0] == PASSKEY)
		EXPECT(authz_assertion_signed(&given.signatures[0].assertion, &covered) ==
		       STATUS_OK);
	else
		EXPECT(authz_text_put(change.action, given.signatures[0].key.key, text,
		                      given.change, &covered) == STATUS_OK);
	memcpy(link.wallet, wallet, 32);
	memcpy(link.previous, authority, 32);
	memcpy(link.before, link_hash, 32);
	authz_authority_next(authority, buffer_bytes(&covered), authority);
	authority[0] ^= act.astray;
	memcpy(link.authority, authority, 32);
	EXPECT(authz_link_put(&link, &link_bytes) == STATUS_OK);
	authz_link_hash(buffer_bytes(&link_bytes), link_hash);
	authz_change_hash(given.change, last_change);
	if (act.drops_code) {
		kept.code_count = 0;
		kept_bytes.len = 0;
		EXPECT(authz_kept_put(&kept, &kept_bytes) == STATUS_OK);
		whole = buffer_bytes(&kept_bytes);
	}
	EXPECT(authz_changed_put(
	           &(struct authz_changed){.link = buffer_bytes(&link_bytes), .kept = whole},
	           &out) == STATUS_OK);
	row[count++] = buffer_bytes(&out);
}

/* ---- bodies ---- */

static struct bytes put_factor(const struct authz_factor_body *body)
{
	static uint8_t space[1024];
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_factor_put(body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes adds(int who)
{
	struct authz_factor_body body = {.add_count = 1};

	body.add[0] = name_of(who);
	body.add_data[0] = data_of(who);
	return put_factor(&body);
}

static struct bytes removes(int who)
{
	struct authz_factor_body body = {.remove_count = 1};

	body.remove[0] = name_of(who);
	return put_factor(&body);
}

static struct bytes delays(uint64_t delay_s)
{
	struct authz_factor_body body = {
	    .delays = {.has_delay = true, .delay_s = delay_s}
        };

	return put_factor(&body);
}

static struct bytes grants(uint8_t module)
{
	static uint8_t space[512];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_grant_body body = {
	    .client = {1},
	    .module = {module},
	    .parameters = bytes_of("\xa0", 1),
	    .counter_count = 1,
	    .counters = {
	        {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = 10}}};

	EXPECT(authz_grant_put(&body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes caps(const uint8_t grant[32], uint64_t cap)
{
	static uint8_t space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_limit_body body = {.count = 1, .caps = {{.id = 1, .cap = cap}}};

	memcpy(body.grant, grant, 32);
	EXPECT(authz_limit_put(&body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes names(const uint8_t id[32])
{
	static uint8_t space[64];
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_id_put(id, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes empty(void)
{
	static uint8_t space[4];
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_empty_put(&out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes born_with(int second)
{
	static uint8_t space[512];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_user_key drawer = name_of(DRAWER);
	struct authz_birth_body body = {.name = bytes_of_text("w"),
	                                .user_key_count = second == 0 ? 1 : 2,
	                                .has_recovery = true};

	body.user_keys[0] = name_of(ALICE);
	if (second != 0) {
		body.user_keys[1] = name_of(second);
		body.user_key_data[1] = data_of(second);
	}
	memcpy(body.recovery, drawer.key, 32);
	EXPECT(authz_birth_put(&body, false, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ---- a wallet's life ---- */

static void begin(int second)
{
	count = 0;
	version = 0;
	memset(authority, 0, 32);
	memset(link_hash, 0, 32);
	add((struct act){
	    .action = AUTHZ_ACTION_CREATE,
	    .body = born_with(second),
	    .signers = {ALICE, second == CODES ? 0 : second},
	    .codes = second == CODES
        });
}

static void clear(void)
{
	history = (struct authz_history){.version = 0};
	memcpy(history.deployment, deployment, 32);
	memcpy(history.wallet, wallet, 32);
}

static struct authz_standing stands(void)
{
	struct authz_standing standing = {.version = version};

	memcpy(standing.deployment, deployment, 32);
	memcpy(standing.wallet, wallet, 32);
	memcpy(standing.authority, authority, 32);
	memcpy(standing.link, link_hash, 32);
	return standing;
}

/* Follows all rows to where the wallet stands. */
static enum status follow(void)
{
	struct authz_standing standing = stands();
	enum status status = STATUS_OK;

	clear();
	for (size_t i = 0; status == STATUS_OK && i < count; i++)
		status = authz_history_next(&history, row[i]);
	return status == STATUS_OK ? authz_history_end(&history, &standing) : status;
}

static bool says(const char *words)
{
	return history.text != NULL && strstr(history.text, words) != NULL;
}

static void live(uint8_t ret_first_grant[32])
{
	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_GRANT,
	    .body = grants(1),
	    .signers = {ALICE, BOB},
	    .time_s = 10
        });
	clear();
	EXPECT(authz_history_next(&history, row[0]) == STATUS_OK &&
	       authz_history_next(&history, row[1]) == STATUS_OK && history.grant_count == 1);
	memcpy(ret_first_grant, history.grants[0].id, 32);
	add((struct act){.action = AUTHZ_ACTION_LIMIT,
	                 .body = caps(ret_first_grant, 5),
	                 .signers = {BOB},
	                 .no_previous = true});
	add((struct act){
	    .action = AUTHZ_ACTION_LIMIT,
	    .body = caps(ret_first_grant, 7),
	    .signers = {BOB, ALICE}
        });
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR,
	    .body = adds(PASSKEY),
	    .signers = {ALICE, BOB, PASSKEY}
        });
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR,
	    .body = adds(CODES),
	    .signers = {PASSKEY, BOB},
	    .codes = true
        });
	add((struct act){.action = AUTHZ_ACTION_FREEZE, .body = empty(), .codes = true});
	add((struct act){
	    .action = AUTHZ_ACTION_UNFREEZE, .body = empty(), .signers = {PASSKEY}, .codes = true});
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR, .body = delays(100), .signers = {ALICE, BOB}
        });
	for (uint8_t step = AUTHZ_STEP_WAITS; step <= AUTHZ_STEP_COMPLETED; step++) {
		static uint8_t before[32];

		if (step == AUTHZ_STEP_WAITS)
			memcpy(before, authority, 32);
		add((struct act){
		    .action = AUTHZ_ACTION_GRANT,
		    .step = step,
		    .by_change = step == AUTHZ_STEP_COMPLETED,
		    .body = grants(2),
		    .signers = {ALICE, BOB},
		    .nonce = 2,
		    .other = before,
		    .time_s = step == AUTHZ_STEP_WAITS ? 1000 : 1100
                });
	}
	add((struct act){.action = AUTHZ_ACTION_FACTOR,
	                 .step = AUTHZ_STEP_WAITS,
	                 .body = removes(BOB),
	                 .signers = {DRAWER},
	                 .time_s = 2000});
	add((struct act){
	    .action = AUTHZ_ACTION_CANCEL, .body = names(last_change), .signers = {BOB}});
	add((struct act){
	    .action = AUTHZ_ACTION_REVOKE, .body = names(ret_first_grant), .signers = {DRAWER}});
}

static void test_a_wallets_whole_life_is_followed_to_where_it_stands(void)
{
	uint8_t grant[32];

	live(grant);
	EXPECT(count == 14 && follow() == STATUS_OK && history.text == NULL);
	EXPECT(history.version == 14 && history.factor_count == 4 && history.delay_s == 100);
	EXPECT(history.grant_count == 1 && history.grants[0].module[0] == 2);
	EXPECT(history.waiting_count == 0);
}

static void test_what_is_left_out_moved_doubled_or_ends_early_is_found_out(void)
{
	uint8_t grant[32];
	static struct bytes whole[ROWS_MAX];

	live(grant);
	memcpy(whole, row, sizeof(row));
	for (size_t at = 0; at < 14; at++) {
		count = 13;
		memmove(&row[at], &row[at + 1], (13 - at) * sizeof(row[0]));
		EXPECT(follow() == STATUS_CORRUPT);
		EXPECT(says(at == 13 ? "some are missing" : "does not follow"));
		memcpy(row, whole, sizeof(row));
		count = 14;
		if (at != 13) {
			row[at] = whole[at + 1];
			row[at + 1] = whole[at];
			EXPECT(follow() == STATUS_CORRUPT && says("does not follow"));
			row[at] = row[at + 1] = whole[at];
			EXPECT(follow() == STATUS_CORRUPT && says("does not follow"));
		}
		memcpy(row, whole, sizeof(row));
	}
	EXPECT(follow() == STATUS_OK);
}

/* Every bit, the times of the links and the assertions' too, is bound to where the wallet stands.
 */
static void test_no_bit_of_what_is_kept_can_be_another(void)
{
	static struct authz_history before;
	struct authz_standing standing;
	uint8_t grant[32];
	size_t passed = 0, tried = 0;

	live(grant);
	standing = stands();
	clear();
	for (size_t at = 0; at < count; at++) {
		before = history;
		for (size_t bit = at % 3; bit < 8 * row[at].len; bit += 3, tried++) {
			enum status status = STATUS_OK;

			rows[at][bit / 8] ^= (uint8_t)(1 << bit % 8);
			history = before;
			for (size_t i = at; status == STATUS_OK && i < count; i++)
				status = authz_history_next(&history, row[i]);
			passed += status == STATUS_OK &&
			          authz_history_end(&history, &standing) == STATUS_OK;
			rows[at][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		history = before;
		EXPECT(authz_history_next(&history, row[at]) == STATUS_OK);
	}
	EXPECT(passed == 0 && tried > 10000 && follow() == STATUS_OK);
}

/* ---- what the signer would not have done ---- */

static enum status refuse(struct act act)
{
	add(act);
	return follow();
}

static void test_who_might_not_sign_is_named(void)
{
	begin(BOB);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FREEZE,
	                           .body = empty(),
	                           .signers = {STRANGER}}) == STATUS_REFUSED &&
	       says("no factor of the wallet then"));
	begin(BOB);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FREEZE, .body = empty()}) ==
	           STATUS_REFUSED &&
	       says("nobody who might"));
	begin(BOB);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_GRANT,
	                           .body = grants(1),
	                           .signers = {ALICE}}) == STATUS_REFUSED &&
	       says("fewer factors"));
	begin(BOB);
	EXPECT(refuse((struct act){
	           .action = AUTHZ_ACTION_GRANT,
	           .body = grants(1),
	           .signers = {ALICE, BOB},
	           .flip = 1
        }) == STATUS_CRYPTO &&
	       says("does not fit"));
	begin(BOB);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_GRANT,
	                           .body = grants(1),
	                           .signers = {DRAWER}}) == STATUS_REFUSED &&
	       says("fewer factors"));
	begin(0);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_EXPORT,
	                           .step = AUTHZ_STEP_WAITS,
	                           .body = bytes_of("\xa2\x01\x58\x20"
	                                            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x02\x01",
	                                            38),
	                           .signers = {ALICE}}) == STATUS_REFUSED &&
	       says("fewer factors"));
	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR, .body = removes(BOB), .signers = {ALICE, BOB}
        });
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FREEZE,
	                           .body = empty(),
	                           .signers = {BOB}}) == STATUS_REFUSED &&
	       says("no factor of the wallet then"));
	begin(CODES);
	EXPECT(
	    refuse((struct act){.action = AUTHZ_ACTION_UNFREEZE, .body = empty(), .codes = true}) ==
	        STATUS_REFUSED &&
	    says("codes alone"));
}

static void test_what_becomes_a_factor_has_agreed(void)
{
	static const int whose[] = {STRANGER, PASSKEY, CODES};

	for (size_t i = 0; i < 3; i++) {
		begin(BOB);
		EXPECT(refuse((struct act){
		           .action = AUTHZ_ACTION_FACTOR,
		           .body = adds(whose[i]),
		           .signers = {ALICE, BOB}
                }) == STATUS_REFUSED &&
		       says("has not agreed"));
	}
	count = 0;
	version = 0;
	memset(authority, 0, 32);
	memset(link_hash, 0, 32);
	EXPECT(
	    refuse((struct act){
	        .action = AUTHZ_ACTION_CREATE, .body = born_with(BOB), .signers = {BOB, ALICE}
        }) ==
	        STATUS_REFUSED &&
	    says("first key"));
}

static void test_delays_were_waited_for(void)
{
	struct act grant = {
	    .action = AUTHZ_ACTION_GRANT, .body = {0   },
                 .signers = { ALICE, BOB},
                 .time_s = 500
        };
	uint8_t before[32];

	for (int which = 0; which < 4; which++) {
		begin(BOB);
		add((struct act){
		    .action = AUTHZ_ACTION_FACTOR, .body = delays(100), .signers = {ALICE, BOB}
                });
		grant.body = grants(1);
		grant.step = which == 0 ? AUTHZ_STEP_DONE : AUTHZ_STEP_WAITS;
		grant.by_change = false;
		grant.time_s = 500;
		grant.other = NULL;
		memcpy(before, authority, 32);
		add(grant);
		if (which == 0) {
			EXPECT(follow() == STATUS_REFUSED && says("not waited for"));
			continue;
		}
		if (which == 2)
			add((struct act){.action = AUTHZ_ACTION_CANCEL,
			                 .body = names(last_change),
			                 .signers = {BOB}});
		if (which == 3)
			add((struct act){
			    .action = AUTHZ_ACTION_FREEZE, .body = empty(), .signers = {BOB}});
		grant.body = grants(1);
		grant.step = AUTHZ_STEP_COMPLETED;
		grant.by_change = true;
		grant.other = before;
		grant.time_s = which == 1 ? 599 : 600;
		add(grant);
		EXPECT(follow() == STATUS_REFUSED);
		EXPECT(says(which == 1 ? "before its delay" : "did not wait"));
	}
	/* Who lost a factor waits three days, the only one too. */
	begin(0);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FACTOR,
	                           .body = delays(5),
	                           .signers = {DRAWER}}) == STATUS_REFUSED &&
	       says("not waited for"));
	begin(BOB);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FACTOR,
	                           .body = removes(BOB),
	                           .signers = {DRAWER}}) == STATUS_REFUSED &&
	       says("not waited for"));
}

/* Limits of the wallet: a cap in all, and one of an hour (0: none). */
static struct bytes limits(uint64_t total, uint64_t hour)
{
	static uint8_t space[256];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct authz_limit_body body = {.of_wallet = true, .limit_count = hour == 0 ? 1 : 2};

	body.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = total};
	body.limits[1] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_HOUR, .cap = hour};
	EXPECT(authz_limit_put(&body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static uint64_t cap_of(uint8_t window)
{
	for (size_t i = 0; i < history.limit_count; i++)
		if (history.limits[i].window == window)
			return history.limits[i].cap;
	return 0;
}

static void be_born(const struct authz_birth_body *body)
{
	static uint8_t space[512];
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_birth_put(body, false, &out) == STATUS_OK);
	count = 0;
	version = 0;
	memset(authority, 0, 32);
	memset(link_hash, 0, 32);
	add((struct act){
	    .action = AUTHZ_ACTION_CREATE, .body = buffer_bytes(&out), .signers = {ALICE, BOB}
        });
}

/* B4, S11: limits that a wallet was born with are what a raise is measured by. */
static void test_limits_of_a_birth_hold(void)
{
	struct authz_birth_body body = {
	    .name = bytes_of_text("w"),
	    .user_key_count = 2,
	    .user_keys = {name_of(ALICE),  name_of(BOB)},
	    .delays = {.has_delay = true,               .delay_s = 600},
	    .limit_count = 1,
	    .limits = {
	                  {.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_TOTAL, .cap = 10}}
        };

	be_born(&body);
	add((struct act){.action = AUTHZ_ACTION_LIMIT, .body = limits(10, 5), .signers = {BOB}});
	add((struct act){
	    .action = AUTHZ_ACTION_LIMIT,
	    .step = AUTHZ_STEP_WAITS,
	    .body = limits(20, 5),
	    .signers = {ALICE, BOB}
        });
	EXPECT(follow() == STATUS_OK && cap_of(AUTHZ_WINDOW_TOTAL) == 10);
	be_born(&body);
	EXPECT(refuse((struct act){
	           .action = AUTHZ_ACTION_LIMIT, .body = limits(20, 0), .signers = {ALICE, BOB}
        }) ==
	           STATUS_REFUSED &&
	       says("not waited for"));
	be_born(&body);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_LIMIT,
	                           .step = AUTHZ_STEP_WAITS,
	                           .body = limits(20, 0),
	                           .signers = {BOB}}) == STATUS_REFUSED &&
	       says("fewer factors"));
}

static void test_a_limit_that_grows_gives_power(void)
{
	uint8_t grant[32];

	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_GRANT, .body = grants(1), .signers = {ALICE, BOB}
        });
	EXPECT(follow() == STATUS_OK);
	memcpy(grant, history.grants[0].id, 32);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_LIMIT,
	                           .body = caps(grant, 11),
	                           .signers = {BOB}}) == STATUS_REFUSED &&
	       says("fewer factors"));
}

/* S11, C1: what takes power acts at once, by the state in force, also while a change is on its way
 * that its link goes on from: such a history is an honest one, and nothing is raised by it. */
static void test_what_takes_power_beside_a_change_on_its_way_raises_nothing(void)
{
	static const uint8_t other[32] = {77};
	static uint8_t space[1024];
	struct act lower = {.action = AUTHZ_ACTION_LIMIT, .signers = {BOB}, .no_previous = true};
	struct buffer more = BUFFER_OF_ARRAY(space);
	uint8_t grant[32], waits[32], before[32];
	struct act factor;

	begin(BOB);
	add((struct act){.action = AUTHZ_ACTION_LIMIT, .body = limits(10, 0), .signers = {BOB}});
	add((struct act){
	    .action = AUTHZ_ACTION_LIMIT, .body = limits(20, 7), .signers = {ALICE, BOB}
        });
	EXPECT(follow() == STATUS_OK && cap_of(AUTHZ_WINDOW_TOTAL) == 20);
	lower.body = limits(9, 0);
	add(lower);
	EXPECT(follow() == STATUS_OK && history.limit_count == 2);
	EXPECT(cap_of(AUTHZ_WINDOW_TOTAL) == 9 && cap_of(AUTHZ_WINDOW_HOUR) == 7);
	lower.body = limits(9000, 8);
	add(lower);
	lower.no_previous = false;
	lower.other = other;
	add(lower);
	EXPECT(follow() == STATUS_OK && history.limit_count == 2);
	EXPECT(cap_of(AUTHZ_WINDOW_TOTAL) == 9 && cap_of(AUTHZ_WINDOW_HOUR) == 7);
	/* For the state that it follows it is a raise. */
	lower.other = NULL;
	EXPECT(refuse(lower) == STATUS_REFUSED && says("fewer factors"));

	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_GRANT, .body = grants(1), .signers = {ALICE, BOB}
        });
	EXPECT(follow() == STATUS_OK);
	memcpy(grant, history.grants[0].id, 32);
	add((struct act){.action = AUTHZ_ACTION_LIMIT,
	                 .body = caps(grant, 11),
	                 .signers = {BOB},
	                 .no_previous = true});
	EXPECT(follow() == STATUS_OK && history.grants[0].counters[0].cap == 10);
	add((struct act){.action = AUTHZ_ACTION_LIMIT,
	                 .body = caps(grant, 4),
	                 .signers = {BOB},
	                 .no_previous = true});
	EXPECT(follow() == STATUS_OK && history.grants[0].counters[0].cap == 4);

	/* A change of factors drops what waits; a cancellation of it comes before that is durable.
	 */
	begin(BOB);
	EXPECT(buffer_put(&more, delays(100)) == STATUS_OK);
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR, .body = buffer_bytes(&more), .signers = {ALICE, BOB}
        });
	add((struct act){
	    .action = AUTHZ_ACTION_GRANT,
	    .body = grants(1),
	    .signers = {ALICE, BOB},
	    .step = AUTHZ_STEP_WAITS
        });
	memcpy(waits, last_change, 32);
	memcpy(before, authority, 32);
	more.len = 0;
	EXPECT(buffer_put(&more, adds(PASSKEY)) == STATUS_OK);
	factor = (struct act){
	    .action = AUTHZ_ACTION_FACTOR,
	    .body = buffer_bytes(&more),
	    .signers = {ALICE, BOB, PASSKEY},
	    .step = AUTHZ_STEP_WAITS
        };
	add(factor);
	factor.step = AUTHZ_STEP_COMPLETED;
	factor.by_change = true;
	factor.other = before;
	factor.time_s = 700;
	add(factor);
	add((struct act){.action = AUTHZ_ACTION_CANCEL, .body = names(waits), .signers = {BOB}});
	EXPECT(follow() == STATUS_OK && history.waiting_count == 0);
}

/* One more limit than a wallet may have, beside those of a change on its way, is not taken. */
static void test_lowered_limits_are_never_more_than_a_wallet_may_have(void)
{
	static uint8_t space[1024];
	struct authz_limit_body body = {.of_wallet = true, .limit_count = LIMIT_WALLET_LIMITS_MAX};
	struct buffer out = BUFFER_OF_ARRAY(space);

	for (uint8_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++)
		body.limits[i] = (struct authz_counter_rule){.id = i,
		                                             .unit = AUTHZ_UNIT_MINT,
		                                             .window = AUTHZ_WINDOW_DAY,
		                                             .cap = 9,
		                                             .mint = {i}};
	EXPECT(authz_limit_put(&body, &out) == STATUS_OK);
	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_LIMIT, .body = buffer_bytes(&out), .signers = {BOB}});
	EXPECT(follow() == STATUS_OK && history.limit_count == LIMIT_WALLET_LIMITS_MAX);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_LIMIT,
	                           .body = limits(1, 0),
	                           .signers = {BOB},
	                           .no_previous = true}) == STATUS_REFUSED &&
	       says("more limits"));
}

static struct act exports_at(uint64_t time_s)
{
	return (struct act){
	    .action = AUTHZ_ACTION_EXPORT,
	    .step = AUTHZ_STEP_WAITS,
	    .body = bytes_of("\xa2\x01\x58\x20"
	                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x02\x01",
	                     38),
	    .signers = {ALICE, BOB},
	    .time_s = time_s
        };
}

/* An export opens late, and is void after all that was signed behind it: what those leave does not
 * push it out. */
static void test_what_waits_gives_its_place_when_it_is_void(void)
{
	struct authz_factor_body body = {
	    .delays = {.has_delay = true,
	               .delay_s = 600,
	               .has_export_delay = true,
	               .export_delay_s = LIMIT_DELAY_MAX_S}
        };
	struct act export = exports_at(1000);
	uint8_t before[32];

	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_FACTOR, .body = put_factor(&body), .signers = {ALICE, BOB}
        });
	memcpy(before, authority, 32);
	add(export);
	for (uint8_t i = 0; i <= AUTHZ_HISTORY_WAITING_MAX; i++)
		add((struct act){
		    .action = AUTHZ_ACTION_UNFREEZE,
		    .step = AUTHZ_STEP_WAITS,
		    .body = empty(),
		    .signers = {ALICE, BOB},
		    .nonce = i,
		    .time_s = 2000
                });
	export.step = AUTHZ_STEP_COMPLETED;
	export.by_change = true;
	export.other = before;
	export.time_s = 1000 + LIMIT_DELAY_MAX_S;
	add(export);
	EXPECT(follow() == STATUS_OK && history.waiting_count == AUTHZ_HISTORY_WAITING_MAX - 1);
}

static void test_another_state_text_or_wallet_is_refused(void)
{
	static const uint8_t other[32] = {77};

	begin(BOB);
	EXPECT(refuse((struct act){
	           .action = AUTHZ_ACTION_UNFREEZE,
	           .body = empty(),
	           .signers = {ALICE, BOB},
	           .other = other
        }) == STATUS_CORRUPT &&
	       says("another state"));
	begin(BOB);
	EXPECT(refuse((struct act){
	           .action = AUTHZ_ACTION_UNFREEZE,
	           .body = empty(),
	           .signers = {ALICE, BOB},
	           .text = "another text"
        }) == STATUS_CORRUPT &&
	       says("the text beside"));
	begin(BOB);
	clear();
	history.wallet[1] = 1;
	EXPECT(authz_history_next(&history, row[0]) == STATUS_REFUSED && says("another wallet"));
	clear();
	history.deployment[1] = 1;
	EXPECT(authz_history_next(&history, row[0]) == STATUS_REFUSED && says("another wallet"));
}

static void test_a_link_names_what_was_kept_and_where_it_led(void)
{
	begin(CODES);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FREEZE,
	                           .body = empty(),
	                           .signers = {ALICE},
	                           .codes = true,
	                           .drops_code = true}) == STATUS_CORRUPT &&
	       says("not the one that its link names"));
	begin(CODES);
	EXPECT(refuse((struct act){.action = AUTHZ_ACTION_FREEZE,
	                           .body = empty(),
	                           .signers = {ALICE},
	                           .astray = true}) == STATUS_CORRUPT &&
	       says("does not lead to the authority hash"));
}

static void test_a_signature_is_of_a_grant_that_lived(void)
{
	static struct authz_receipt receipt;
	struct bytes parameters = bytes_of("\xa0", 1);

	begin(BOB);
	add((struct act){
	    .action = AUTHZ_ACTION_GRANT, .body = grants(1), .signers = {ALICE, BOB}
        });
	EXPECT(follow() == STATUS_OK);
	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_ALLOW, .tried_count = 1};
	memcpy(receipt.tried[0].grant, history.grants[0].id, 32);
	receipt.tried[0].module[0] = 1;
	keys_sha256(&parameters, 1, receipt.tried[0].parameters_hash);
	EXPECT(authz_history_allows(&history, &receipt));
	receipt.tried[0].module[0] = 2;
	EXPECT(!authz_history_allows(&history, &receipt));
	receipt.tried[0].module[0] = 1;
	receipt.tried[0].parameters_hash[0] ^= 1;
	EXPECT(!authz_history_allows(&history, &receipt));
	receipt.tried[0].parameters_hash[0] ^= 1;
	add((struct act){
	    .action = AUTHZ_ACTION_REVOKE, .body = names(history.grants[0].id), .signers = {BOB}});
	EXPECT(follow() == STATUS_OK && !authz_history_allows(&history, &receipt));
	receipt.decision = AUTHZ_DECISION_DENY;
	EXPECT(authz_history_allows(&history, &receipt));
}

/* S18: who has the signer may write into a receipt that the key was handed over; that its user
 * asked for it, with two factors and a delay, is in no receipt. */
static void test_an_export_is_one_that_its_user_asked_for(void)
{
	static struct authz_receipt receipt;
	struct act export = exports_at(1000);

	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_ALLOW,
	                                 .flags = AUTHZ_RECEIPT_EXPORT | AUTHZ_RECEIPT_EXPORTED,
	                                 .time_low_s = 1000 + AUTHZ_EXPORT_DELAY_S};
	begin(BOB);
	add((struct act){.action = AUTHZ_ACTION_FACTOR,
	                 .step = AUTHZ_STEP_WAITS,
	                 .body = removes(BOB),
	                 .signers = {DRAWER},
	                 .time_s = 1});
	memcpy(receipt.message_hash, last_change, 32);
	add(export);
	EXPECT(follow() == STATUS_OK);
	receipt.time_low_s = AUTHZ_RECOVERY_DELAY_S + 1;
	EXPECT(!authz_history_allows(&history, &receipt)); /* what waits is no export */
	receipt.time_low_s = 1000 + AUTHZ_EXPORT_DELAY_S;
	memcpy(receipt.message_hash, last_change, 32);
	EXPECT(authz_history_allows(&history, &receipt) && !history.owes_export);
	receipt.time_low_s--;
	EXPECT(!authz_history_allows(&history, &receipt)); /* its time had not come */
	receipt.time_low_s++;
	add((struct act){
	    .action = AUTHZ_ACTION_CANCEL, .body = names(last_change), .signers = {BOB}});
	EXPECT(follow() == STATUS_OK);
	/* Nobody's, or cancelled: it is owed, and never comes. */
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export);
	EXPECT(!authz_history_allows(&history, &receipt) && history.exports.count == 1);
	/* One that was begun and not carried out takes it back; no other one does. */
	receipt.decision = AUTHZ_DECISION_DENY;
	receipt.message_hash[0] ^= 1;
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export);
	receipt.message_hash[0] ^= 1;
	EXPECT(authz_history_allows(&history, &receipt) && !history.owes_export);
}

/* Without a delay the receipt comes first, and then the change, with all that it takes. */
static void test_an_export_at_once_is_owed_until_its_change_comes(void)
{
	static struct authz_receipt receipt;
	static uint8_t space[256];
	struct buffer now = BUFFER_OF_ARRAY(space);
	struct authz_factor_body at_once = {.delays = {.has_export_delay = true}};
	struct act export = exports_at(AUTHZ_EXPORT_DELAY_S), factor;
	uint8_t before[32];

	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_ALLOW,
	                                 .flags = AUTHZ_RECEIPT_EXPORT | AUTHZ_RECEIPT_EXPORTED};
	begin(BOB);
	EXPECT(buffer_put(&now, put_factor(&at_once)) == STATUS_OK);
	memcpy(before, authority, 32);
	for (uint8_t step = AUTHZ_STEP_WAITS; step <= AUTHZ_STEP_COMPLETED; step++) {
		factor = (struct act){
		    .action = AUTHZ_ACTION_FACTOR,
		    .step = step,
		    .by_change = step == AUTHZ_STEP_COMPLETED,
		    .body = buffer_bytes(&now),
		    .signers = {ALICE, BOB},
		    .other = before,
		    .time_s = step == AUTHZ_STEP_WAITS ? 0 : AUTHZ_EXPORT_DELAY_S
                };
		add(factor);
	}
	EXPECT(follow() == STATUS_OK && history.export_delay_s == 0);
	export.step = AUTHZ_STEP_DONE;
	add(export);
	memcpy(receipt.message_hash, last_change, 32);
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export);
	EXPECT(authz_history_next(&history, row[count - 1]) == STATUS_OK && !history.owes_export);
	/* It was carried out: no receipt takes it back, and a second one is a second one. */
	receipt.decision = AUTHZ_DECISION_DENY;
	EXPECT(!authz_history_allows(&history, &receipt) && history.exports.count == 1);
	receipt.decision = AUTHZ_DECISION_ALLOW;
	EXPECT(authz_history_allows(&history, &receipt) && history.exports.count == 2);
	receipt.decision = AUTHZ_DECISION_DENY;
	EXPECT(authz_history_allows(&history, &receipt) && history.exports.count == 1);
	receipt.decision = AUTHZ_DECISION_ALLOW;
	/* Another change's does not stand for it. */
	receipt.message_hash[0] ^= 1;
	EXPECT(authz_history_allows(&history, &receipt));
	export.nonce = 9;
	add(export);
	EXPECT(authz_history_next(&history, row[count - 1]) == STATUS_OK && history.owes_export);
	export.signers[1] = 0;
	EXPECT(refuse(export) == STATUS_REFUSED && says("fewer factors"));
}

/* The signer that ended between the receipt and the change took nothing back: its next start shows
 * that the change never came, and the user's next one is his. */
static void test_an_export_that_a_crash_cut_off_may_be_signed_anew(void)
{
	static struct authz_receipt receipt;
	struct act export = exports_at(1000);

	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_ALLOW,
	                                 .flags = AUTHZ_RECEIPT_EXPORT | AUTHZ_RECEIPT_EXPORTED,
	                                 .boot = 4,
	                                 .message_hash = {1}};
	begin(BOB);
	EXPECT(follow() == STATUS_OK);
	history.export_delay_s = 0;
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export);
	receipt.message_hash[0]++;
	EXPECT(!authz_history_allows(&history, &receipt) && history.unfinished == 0);
	export.step = AUTHZ_STEP_DONE;
	add(export);
	receipt.boot++;
	memcpy(receipt.message_hash, last_change, 32);
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export &&
	       history.unfinished == 1);
	EXPECT(authz_history_next(&history, row[count - 1]) == STATUS_OK && !history.owes_export);
	/* Of one that was carried out no later start says otherwise. */
	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_DENY, .boot = 6};
	EXPECT(authz_history_allows(&history, &receipt) && history.unfinished == 1);
	EXPECT(history.exports.count == 2);
}

/* The very same change, sent again: what the crash left open and what came of it are two. */
static void test_an_export_that_a_crash_cut_off_and_its_repetition_are_two(void)
{
	static struct authz_receipt receipt;
	struct act export = exports_at(1000);

	receipt = (struct authz_receipt){.decision = AUTHZ_DECISION_ALLOW,
	                                 .flags = AUTHZ_RECEIPT_EXPORT | AUTHZ_RECEIPT_EXPORTED,
	                                 .boot = 4};
	begin(BOB);
	EXPECT(follow() == STATUS_OK);
	history.export_delay_s = 0;
	export.step = AUTHZ_STEP_DONE;
	add(export);
	memcpy(receipt.message_hash, last_change, 32);
	EXPECT(authz_history_allows(&history, &receipt) && history.exports.count == 1);
	receipt.boot++;
	EXPECT(authz_history_allows(&history, &receipt) && history.owes_export);
	EXPECT(authz_history_next(&history, row[count - 1]) == STATUS_OK && !history.owes_export);
	EXPECT(history.exports.count == 2 && history.unfinished == 1);
}

static void test_where_a_wallet_stands_is_signed_and_of_that_wallet(void)
{
	struct authz_standing standing, back;
	struct keys_sign_key key = key_of(STRANGER);
	uint8_t space[AUTHZ_STANDING_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	begin(BOB);
	EXPECT(follow() == STATUS_OK);
	standing = stands();
	EXPECT(authz_standing_put(&standing, &key, &out) == STATUS_OK);
	EXPECT(authz_standing_open(buffer_bytes(&out), keys_sign_public(&key), &back) == STATUS_OK);
	EXPECT(memcmp(&standing, &back, sizeof(back)) == 0);
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT(authz_standing_open(buffer_bytes(&out), keys_sign_public(&key), &back) !=
		       STATUS_OK);
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	back = standing;
	back.wallet[0] ^= 1;
	EXPECT(authz_history_end(&history, &back) == STATUS_REFUSED);
	back = standing;
	back.link[0] ^= 1;
	EXPECT(authz_history_end(&history, &back) == STATUS_CORRUPT);
	back = standing;
	back.version++;
	EXPECT(authz_history_end(&history, &back) == STATUS_CORRUPT);
}

/* Neither a code, nor a sealed seed, nor a table is in what is kept. */
static void test_no_secret_is_kept(void)
{
	static struct authz_signed_change given, without;
	static const uint8_t seeds[64] = {1};
	struct authz_kept kept;

	given = (struct authz_signed_change){.sealed_seeds = BYTES_OF_ARRAY(seeds),
	                                     .code_count = 1,
	                                     .table_count = 1,
	                                     .registration_count = 1};
	given.codes[0].id[0] = 7;
	given.codes[0].sealed[0] = 8;
	authz_kept_of(&given, bytes_of_text("text"), &without, &kept);
	EXPECT(without.sealed_seeds.len == 0 && without.code_count == 0 &&
	       without.table_count == 0 && without.registration_count == 1);
	EXPECT(kept.code_count == 1 && kept.codes[0][0] == 7);
}

/* A25: what one wallet leaves for good in a day has an end. */
static void test_a_wallets_day_has_an_end_and_the_next_begins_anew(void)
{
	static struct authz_wallet_record record;

	EXPECT(!authz_day_is_full(&record, 7, LIMIT_CHANGED_PER_DAY));
	authz_day_begin(&record, 7);
	record.changed = LIMIT_CHANGED_PER_DAY - 1;
	record.kept = 3;
	EXPECT(!authz_day_is_full(&record, 7, LIMIT_CHANGED_PER_DAY));
	record.changed = LIMIT_CHANGED_PER_DAY;
	EXPECT(authz_day_is_full(&record, 7, LIMIT_CHANGED_PER_DAY) &&
	       !authz_day_is_full(&record, 8, LIMIT_CHANGED_PER_DAY));
	authz_day_begin(&record, 7);
	EXPECT(record.changed == LIMIT_CHANGED_PER_DAY && record.kept == 3);
	authz_day_begin(&record, 8);
	EXPECT(record.changed == 0 && record.kept == 0 && record.kept_day == 8);
}

int main(void)
{
	keys_open();
	RUN(test_a_wallets_whole_life_is_followed_to_where_it_stands);
	RUN(test_what_is_left_out_moved_doubled_or_ends_early_is_found_out);
	RUN(test_no_bit_of_what_is_kept_can_be_another);
	RUN(test_who_might_not_sign_is_named);
	RUN(test_what_becomes_a_factor_has_agreed);
	RUN(test_delays_were_waited_for);
	RUN(test_limits_of_a_birth_hold);
	RUN(test_a_limit_that_grows_gives_power);
	RUN(test_what_takes_power_beside_a_change_on_its_way_raises_nothing);
	RUN(test_lowered_limits_are_never_more_than_a_wallet_may_have);
	RUN(test_what_waits_gives_its_place_when_it_is_void);
	RUN(test_another_state_text_or_wallet_is_refused);
	RUN(test_a_link_names_what_was_kept_and_where_it_led);
	RUN(test_a_signature_is_of_a_grant_that_lived);
	RUN(test_an_export_is_one_that_its_user_asked_for);
	RUN(test_an_export_at_once_is_owed_until_its_change_comes);
	RUN(test_an_export_that_a_crash_cut_off_may_be_signed_anew);
	RUN(test_an_export_that_a_crash_cut_off_and_its_repetition_are_two);
	RUN(test_where_a_wallet_stands_is_signed_and_of_that_wallet);
	RUN(test_no_secret_is_kept);
	RUN(test_a_wallets_day_has_an_end_and_the_next_begins_anew);
	return test_summary();
}
