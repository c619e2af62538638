/* Factors before a real signer, store and verifier: passkeys that make wallets and sign (S22, U1,
 * U4, H1, H12), two factors where there are two (S22), one-time codes (T2), keys that may not be
 * wallets (A6), changes that wait and are cancelled, lost factors, and export (S18, A4, A20), and
 * delays on a machine whose clocks the test sets (O6, T1). The
 * test is bridge and authority. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "authz_answer.h"
#include "authz_code.h"
#include "authz_export.h"
#include "authz_history.h"
#include "authz_receipt.h"
#include "authz_text.h"
#include "base_check.h"
#include "base_encode.h"
#include "base_test.h"
#include "call_export.h"
#include "cbor_reader.h"
#include "keys_hpke.h"
#include "rig.h"
#include "soft_passkey.h"

static char folder[] = "/tmp/factor_test_XXXXXX", programs[] = "/tmp/factor_bin_XXXXXX";
static struct rig rig;

static uint8_t change_space[LIMIT_CHANGE_MAX], text_space[LIMIT_DESCRIPTION_MAX],
    sent_space[LIMIT_CHANGE_MAX + 16384], answer_space[CALL_CHANGE_SLOT_BYTES],
    body_space[AUTHZ_GRANT_BODY_MAX];
static struct buffer answer = {answer_space, sizeof(answer_space), 0};

/* A person with a wallet: a key of the command line, perhaps a passkey, perhaps one-time codes. */
struct person {
	struct rig_world world; /* .user is the key */
	struct soft_passkey passkey;
	struct keys_sign_key second; /* another key */
	struct soft_codes {
		uint8_t id[32];
		struct keys_totp secret;
		uint64_t step; /* of the last code used */
	} codes, more_codes;
};

/* ---- one change, put together piece by piece ---- */

static struct {
	struct authz_change change;
	struct authz_signed_change given;
	struct buffer bytes, text;
	struct soft_answer answers[8];
	size_t answer_count;
} act;

static void begin(const struct person *person, enum authz_action action, struct bytes body)
{
	memset(&act, 0, sizeof(act));
	act.bytes = BUFFER_OF_ARRAY(change_space);
	act.text = BUFFER_OF_ARRAY(text_space);
	act.change = rig_change_begin(&rig, &person->world, action, body);
}

static enum status prepare(void)
{
	enum status status = rig_prepare(&rig, &act.change, &act.bytes, &act.text);

	act.given.change = buffer_bytes(&act.bytes);
	return status;
}

static void sign_with(const struct keys_sign_key *key)
{
	CHECK(authz_text_sign(key, &act.change, act.given.change, buffer_bytes(&act.text),
	                      &act.given.signatures[act.given.signature_count++]) == STATUS_OK);
}

static void sign_with_passkey(struct soft_passkey *passkey)
{
	struct soft_answer *said = &act.answers[act.answer_count++];
	struct authz_signature *signature = &act.given.signatures[act.given.signature_count++];
	uint8_t challenge[32];

	authz_change_challenge(act.given.change, challenge);
	soft_assert(passkey, challenge, said);
	*signature = (struct authz_signature){.key = passkey->key, .assertion = soft_said(said)};
}

static void register_passkey(struct soft_passkey *passkey)
{
	struct soft_answer *said = &act.answers[act.answer_count++];
	struct authz_registration *registration =
	    &act.given.registrations[act.given.registration_count++];
	uint8_t challenge[32];

	authz_registration_challenge(rig.deployment, act.change.nonce, challenge);
	soft_register(passkey, challenge, said);
	*registration = (struct authz_registration){.said = soft_said(said)};
	memcpy(registration->id, passkey->key.key, 32);
}

static void add_code(const uint8_t id[32], uint32_t code)
{
	CHECK(authz_code_seal(rig.deployment, rig.channel, id, act.given.change, code,
	                      &act.given.codes[act.given.code_count++]) == STATUS_OK);
}

/* A code that was not used yet: of the step before this one, this or the next: three at once. */
static void add_good_code(struct soft_codes *codes)
{
	uint64_t step = rig_now_s(&rig) / KEYS_TOTP_STEP_S - 1;

	if (step <= codes->step)
		step = codes->step + 1;
	while (rig_now_s(&rig) / KEYS_TOTP_STEP_S + 1 < step)
		usleep(100000);
	codes->step = step;
	add_code(codes->id, keys_totp_code(&codes->secret, step));
}

static enum status submit(void)
{
	struct buffer sent = BUFFER_OF_ARRAY(sent_space);

	CHECK(authz_signed_change_put(&act.given, &sent) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&sent), &answer);
}

static struct authz_submit_answer submitted(void)
{
	struct authz_submit_answer taken = {.seq = 0};

	CHECK(authz_submit_answer_take(buffer_bytes(&answer), &taken) == STATUS_OK);
	return taken;
}

/* refused_as tells whether the last refusal's text has these words. */
static bool refused_as(const char *words)
{
	if (strstr(rig.refusal, words) == NULL)
		fprintf(stderr, "refused otherwise: %s\n", rig.refusal);
	return strstr(rig.refusal, words) != NULL;
}

static void refresh(struct person *person)
{
	CHECK(rig_wallet_refresh(&rig, &person->world));
}

static struct authz_wallet_record wallet_of(const struct person *person)
{
	static struct authz_wallet_record record;
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLET};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&person->world.user), 32);
	memcpy(query.target, person->world.wallet, 32);
	CHECK(authz_query_put(&query, &person->world.user, &out) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_OK);
	CHECK(authz_wallet_take(buffer_bytes(&answer), &record) == STATUS_OK);
	return record;
}

/* bear gives the person another wallet, with delays from its birth on. */
static void bear(struct person *person, const char *name, const struct authz_delays *delays)
{
	struct authz_birth_body birth = {
	    .name = bytes_of_text(name), .user_key_count = 1, .delays = *delays};
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&person->world.user), 32);
	CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
	keys_random(person->world.wallet, 32);
	begin(person, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&person->world.user);
	CHECK(submit() == STATUS_OK);
	refresh(person);
}

static struct bytes empty_body(void)
{
	return bytes_of("\xa0", 1);
}

static struct bytes factor_body(const struct authz_factor_body *body)
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_factor_put(body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ---- passkeys ---- */

static struct bytes birth_body(const char *name, const struct soft_passkey *passkey)
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	struct authz_birth_body body = {.name = bytes_of_text(name), .user_key_count = 1};

	body.user_keys[0] = passkey->key;
	body.user_key_data[0] = soft_passkey_data(passkey);
	CHECK(authz_birth_put(&body, false, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* A wallet whose first and only factor is a passkey. `spoil` is asked to change what is sent. */
static enum status create(struct person *person, const char *name, void (*spoil)(struct person *))
{
	keys_random(person->world.wallet, 32);
	begin(person, AUTHZ_ACTION_CREATE, birth_body(name, &person->passkey));
	if (prepare() != STATUS_OK)
		return STATUS_REFUSED;
	register_passkey(&person->passkey);
	sign_with_passkey(&person->passkey);
	if (spoil != NULL)
		spoil(person);
	return submit();
}

static void without_registration(struct person *person)
{
	(void)person;
	act.given.registration_count = 0;
}

static void registered_for_another_nonce(struct person *person)
{
	act.given.registration_count = 0;
	act.change.nonce[0] ^= 1;
	register_passkey(&person->passkey);
}

static void signed_by_another_passkey(struct person *person)
{
	struct soft_passkey other;

	soft_passkey_make(person->passkey.key.kind, false, &other);
	other.key = person->passkey.key;
	act.given.signature_count = 0;
	sign_with_passkey(&other);
}

static void signed_on_a_foreign_page(struct person *person)
{
	struct soft_answer *said = &act.answers[act.answer_count - 1];
	uint8_t challenge[32];

	authz_change_challenge(act.given.change, challenge);
	said->client.len = 0;
	soft_client_data("webauthn.get", challenge, "https://evil.example", "}", &said->client);
	soft_sign(&person->passkey, said);
	act.given.signatures[0].assertion = soft_said(said);
}

static void signed_for_another_change(struct person *person)
{
	struct soft_answer *said = &act.answers[act.answer_count - 1];
	uint8_t challenge[32] = {1};

	soft_assert(&person->passkey, challenge, said);
	act.given.signatures[0].assertion = soft_said(said);
}

static struct person alice, bob;

static void test_a_passkey_makes_a_wallet_after_each_check_by_itself(void)
{
	static const struct {
		void (*spoil)(struct person *person);
		const char *words;
	} rows[] = {
	    {without_registration,         "comes with its registration"  },
	    {registered_for_another_nonce, "answers another challenge"    },
	    {signed_by_another_passkey,    "signature does not fit"       },
	    {signed_on_a_foreign_page,     "origin is not in the settings"}, /* H12 */
	    {signed_for_another_change,    "answers another challenge"    },
	};
	struct authz_birth birth;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, true, &alice.passkey);
	soft_passkey_make(AUTHZ_KEY_PASSKEY_ED25519, false, &bob.passkey);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT(create(&alice, "alice", rows[i].spoil) == STATUS_REFUSED);
		EXPECT(refused_as(rows[i].words));
	}
	EXPECT(create(&alice, "alice", NULL) == STATUS_OK);
	EXPECT(authz_birth_answer_open(submitted().birth, rig.deployment_key, &birth) ==
	           STATUS_OK &&
	       authz_birth_matches(&birth, &act.change, act.given.change) == STATUS_OK);
	EXPECT(submit() == STATUS_REFUSED); /* H1 */
	EXPECT(create(&bob, "bob", NULL) == STATUS_OK);
}

/* Freeze needs no previous hash, so it tells whose key may do something at all. */
static enum status freeze(const struct person *person, struct soft_passkey *passkey)
{
	begin(person, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with_passkey(passkey);
	return submit();
}

static void test_a_passkey_is_good_for_its_own_wallets_only(void)
{
	uint32_t count;

	EXPECT(freeze(&alice, &bob.passkey) == STATUS_REFUSED); /* U1 */
	EXPECT(refused_as("not a user key"));
	EXPECT(freeze(&alice, &alice.passkey) == STATUS_OK);
	EXPECT(freeze(&bob, &bob.passkey) == STATUS_OK);
	/* A copy of the authenticator, with an older counter. */
	count = alice.passkey.count;
	alice.passkey.count = 1;
	EXPECT(freeze(&alice, &alice.passkey) == STATUS_REFUSED);
	EXPECT(refused_as("counter did not grow"));
	alice.passkey.count = count;
	EXPECT(freeze(&alice, &alice.passkey) == STATUS_OK);
}

/* U4: who has a credential id keeps it, and goes on undisturbed. */
static void test_a_credential_id_belongs_to_who_registered_it(void)
{
	static struct person mallory;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &mallory.passkey);
	memcpy(mallory.passkey.credential, alice.passkey.credential, 32);
	mallory.passkey.key = alice.passkey.key;
	EXPECT(create(&mallory, "mallory", NULL) == STATUS_REFUSED);
	EXPECT(refused_as("registered with another key"));
	EXPECT(freeze(&alice, &alice.passkey) == STATUS_OK);
	/* The same passkey for a second wallet needs no second registration. */
	keys_random(mallory.world.wallet, 32);
	mallory.passkey = alice.passkey;
	EXPECT(create(&mallory, "alice-2", without_registration) == STATUS_OK);
	alice.passkey = mallory.passkey;
}

/* ---- reading with a passkey ---- */

static enum status open_session(struct soft_passkey *passkey, const uint8_t nonce[32],
                                struct authz_session_answer *ret_session)
{
	struct authz_session session = {.key = passkey->key};
	struct soft_answer said;
	uint8_t request_space[256], space[2048], challenge[32];
	struct buffer request = BUFFER_OF_ARRAY(request_space), out = BUFFER_OF_ARRAY(space);
	enum status status;

	memcpy(session.deployment, rig.deployment, 32);
	memcpy(session.nonce, nonce, 32);
	CHECK(authz_session_request_put(&session, &request) == STATUS_OK);
	session.request = buffer_bytes(&request);
	authz_session_challenge(session.request, challenge);
	soft_assert(passkey, challenge, &said);
	session.assertion = soft_said(&said);
	CHECK(authz_session_put(&session, &out) == STATUS_OK);
	status = rig_ask(&rig, CALL_CHANGE_SESSION, buffer_bytes(&out), &answer);
	if (status == STATUS_OK)
		CHECK(authz_session_answer_take(buffer_bytes(&answer), ret_session) == STATUS_OK);
	return status;
}

static enum status read_topic(const uint8_t secret[32], uint8_t topic, const uint8_t target[32],
                              const uint8_t after[32])
{
	struct authz_read read = {.topic = topic};
	uint8_t space[256];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(read.secret, secret, 32);
	memcpy(read.target, target, 32);
	memcpy(read.after, after, 32);
	CHECK(authz_read_put(&read, &out) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_READ, buffer_bytes(&out), &answer);
}

static void test_a_session_reads_its_owners_wallets_and_no_others(void)
{
	static const uint8_t nonce[32] = {1}, none[32];
	static struct authz_wallet_record record;
	struct authz_session_answer session;
	struct authz_factor_answer factor;
	struct authz_list_answer list;
	struct soft_passkey stranger;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &stranger);
	EXPECT(open_session(&stranger, nonce, &session) == STATUS_REFUSED);
	EXPECT(open_session(&alice.passkey, nonce, &session) == STATUS_OK);
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
	EXPECT(authz_list_answer_take(buffer_bytes(&answer), &list) == STATUS_OK);
	EXPECT(list.ids.len == 64); /* alice and alice-2 */
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLET, alice.world.wallet, none) ==
	       STATUS_OK);
	EXPECT(authz_wallet_take(buffer_bytes(&answer), &record) == STATUS_OK);
	EXPECT(record.frozen && record.sealed_key_len == 0 &&
	       record.user_keys[0].kind == AUTHZ_KEY_PASSKEY_P256 &&
	       record.export_delay_s == AUTHZ_EXPORT_DELAY_S);
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_FACTOR, alice.passkey.key.key,
	                  alice.world.wallet) == STATUS_OK);
	EXPECT(authz_factor_answer_take(buffer_bytes(&answer), &factor) == STATUS_OK);
	EXPECT(bytes_equal(factor.credential, bytes_of(alice.passkey.credential, 32)));
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLET, bob.world.wallet, none) ==
	       STATUS_REFUSED);
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_FACTOR, bob.passkey.key.key,
	                  bob.world.wallet) == STATUS_REFUSED);
	session.secret[0] ^= 1;
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_REFUSED);
}

/* U5: there are so many places for sessions, and who opens more ends his own. */
static void test_who_opens_many_sessions_ends_nobody_elses(void)
{
	static const uint8_t nonce[32] = {3}, none[32];
	struct authz_session_answer bobs, alices;

	EXPECT(open_session(&bob.passkey, nonce, &bobs) == STATUS_OK);
	for (size_t i = 0; i < 2 * 64; i++) /* twice the places that there are */
		EXPECT(open_session(&alice.passkey, nonce, &alices) == STATUS_OK);
	EXPECT(read_topic(alices.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
	EXPECT(read_topic(bobs.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
	/* And who comes when all places are taken has one of who has most. */
	EXPECT(open_session(&bob.passkey, nonce, &alices) == STATUS_OK);
	EXPECT(read_topic(alices.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
	EXPECT(read_topic(bobs.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
}

/* ---- second factors ---- */

static struct person carol, dave;

static void enroll(struct soft_codes *codes, uint8_t ret_sealed[AUTHZ_SEALED_TOTP_LEN])
{
	struct authz_enroll_answer enrolled;
	struct keys_hpke_answer key;
	uint8_t space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(authz_enroll_seal(rig.deployment, rig.channel, &out, &key) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_ENROLL, buffer_bytes(&out), &answer) == STATUS_OK);
	CHECK(authz_enrolled_open(&key, buffer_bytes(&answer), &enrolled) == STATUS_OK);
	memcpy(codes->id, enrolled.id, 32);
	codes->secret = enrolled.secret;
	codes->step = 0;
	memcpy(ret_sealed, enrolled.sealed, AUTHZ_SEALED_TOTP_LEN);
}

/* in_slots tells whether the memory between authority and signer shows these bytes. */
static bool in_slots(struct bytes secret)
{
	return memmem(rig.authority.peer_slots,
	              (size_t)rig.authority.shape.slots * rig.authority.shape.slot_bytes,
	              secret.data, secret.len) != NULL;
}

static void test_a_secret_that_was_taken_stays_in_no_shared_memory(void)
{
	static const uint8_t nonce[32] = {2};
	struct authz_session_answer session;

	EXPECT(open_session(&alice.passkey, nonce, &session) == STATUS_OK);
	refresh(&carol); /* in another slot */
	EXPECT(!in_slots(BYTES_OF_ARRAY(session.secret)));
}

/* A4: who is in the authority's place sees what is enrolled sealed, and cannot ask in the user's
 * stead for what the user then uses. */
static void test_the_secret_of_codes_is_for_who_asked_alone(void)
{
	static const uint8_t other_deployment[32] = {1};
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN], space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);
	struct keys_hpke_key own;
	struct keys_hpke_answer key, mine;
	struct authz_enroll_answer enrolled;
	struct soft_codes codes;

	enroll(&codes, sealed);
	EXPECT(memmem(answer.data, answer.len, &codes.secret, sizeof(codes.secret)) == NULL);
	EXPECT(!in_slots(BYTES_OF_ARRAY(codes.secret.bytes)));
	EXPECT(in_slots(buffer_bytes(&answer))); /* it is looked for where it would be */
	/* An answer to the authority's own request does not open with the user's key. */
	CHECK(authz_enroll_seal(rig.deployment, rig.channel, &out, &key) == STATUS_OK);
	out.len = 0;
	CHECK(authz_enroll_seal(rig.deployment, rig.channel, &out, &mine) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_ENROLL, buffer_bytes(&out), &answer) == STATUS_OK);
	EXPECT(authz_enrolled_open(&key, buffer_bytes(&answer), &enrolled) == STATUS_CRYPTO);
	EXPECT(authz_enrolled_open(&mine, buffer_bytes(&answer), &enrolled) == STATUS_OK);
	/* Requests to others, or none at all. */
	out.len = 0;
	keys_hpke_random(&own);
	CHECK(authz_enroll_seal(rig.deployment, own.public, &out, &key) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_ENROLL, buffer_bytes(&out), &answer) == STATUS_REFUSED);
	out.len = 0;
	CHECK(authz_enroll_seal(other_deployment, rig.channel, &out, &key) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_ENROLL, buffer_bytes(&out), &answer) == STATUS_REFUSED);
	out.len = 0;
	CHECK(authz_enroll_put(rig.deployment, &out) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_ENROLL, buffer_bytes(&out), &answer) == STATUS_REFUSED &&
	       refused_as("sealed to this start"));
}

/* Adds codes of two apps to a wallet that has one key: one factor is all that there is. */
static void begin_codes(struct person *person, const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN],
                        const uint8_t more_sealed[AUTHZ_SEALED_TOTP_LEN])
{
	struct authz_factor_body body = {.add_count = 2};

	body.add[0].kind = body.add[1].kind = AUTHZ_KEY_TOTP;
	memcpy(body.add[0].key, person->codes.id, 32);
	memcpy(body.add[1].key, person->more_codes.id, 32);
	body.add_data[0].sealed = bytes_of(sealed, AUTHZ_SEALED_TOTP_LEN);
	body.add_data[1].sealed = bytes_of(more_sealed, AUTHZ_SEALED_TOTP_LEN);
	refresh(person);
	begin(person, AUTHZ_ACTION_FACTOR, factor_body(&body));
	CHECK(prepare() == STATUS_OK);
	sign_with(&person->world.user);
}

static void test_one_time_codes_are_added_with_a_proof_that_they_work(void)
{
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN], more[AUTHZ_SEALED_TOTP_LEN];
	uint64_t now = (uint64_t)time(NULL) / KEYS_TOTP_STEP_S;
	struct authz_wallet_record record;

	enroll(&carol.codes, sealed);
	enroll(&carol.more_codes, more);
	begin_codes(&carol, sealed, more);
	EXPECT(submit() == STATUS_REFUSED && refused_as("confirmed with one of them"));
	begin_codes(&carol, sealed, more);
	add_good_code(&carol.codes);
	EXPECT(submit() == STATUS_REFUSED && refused_as("confirmed with one of them"));
	for (uint64_t step = now - 4; step <= now + 4; step += 8) { /* old, or from the future */
		begin_codes(&carol, sealed, more);
		add_code(carol.codes.id, keys_totp_code(&carol.codes.secret, step));
		EXPECT(submit() == STATUS_REFUSED && refused_as("code is wrong"));
	}
	begin_codes(&carol, more, sealed); /* sealed for another id */
	carol.codes.step = 0;
	add_good_code(&carol.codes);
	EXPECT(submit() == STATUS_REFUSED && refused_as("not made here"));
	carol.codes.step = 0;
	begin_codes(&carol, sealed, more);
	add_good_code(&carol.codes);
	add_good_code(&carol.more_codes);
	EXPECT(submit() == STATUS_OK);
	record = wallet_of(&carol);
	EXPECT(record.user_key_count == 3 && record.user_keys[1].kind == AUTHZ_KEY_TOTP);
}

static void begin_signed(struct person *person, enum authz_action action, struct bytes body)
{
	refresh(person);
	begin(person, action, body);
	CHECK(prepare() == STATUS_OK);
}

static struct bytes grant_body(const struct person *person)
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	rig_grant_body(&person->world, person->world.client_id, &out);
	return buffer_bytes(&out);
}

/* S22: what gives power needs both; what takes it needs any one, a code alone too. */
static void test_two_factors_give_power_and_any_one_takes_it(void)
{
	struct authz_factor_body body = {.remove_count = 1};
	uint64_t used;

	begin_signed(&carol, AUTHZ_ACTION_GRANT, grant_body(&carol));
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("needs two"));
	add_good_code(&carol.codes);
	used = carol.codes.step;
	EXPECT(submit() == STATUS_OK);
	/* The same code again: each step counts once, for whatever it is. */
	begin_signed(&carol, AUTHZ_ACTION_GRANT, grant_body(&carol));
	sign_with(&carol.world.user);
	add_code(carol.codes.id, keys_totp_code(&carol.codes.secret, used));
	EXPECT(submit() == STATUS_REFUSED && refused_as("used before"));
	/* A code alone gives nothing, whatever it is for. */
	begin_signed(&carol, AUTHZ_ACTION_GRANT, grant_body(&carol));
	add_good_code(&carol.codes);
	add_good_code(&carol.more_codes); /* nor do two of them */
	EXPECT(submit() == STATUS_REFUSED && refused_as("only take power away"));
	carol.codes.step--; /* they were not looked at, so they are good still */
	carol.more_codes.step--;
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_good_code(&carol.codes);
	EXPECT(submit() == STATUS_OK);
	EXPECT(wallet_of(&carol).frozen);
	/* The key alone does not thaw it. */
	begin_signed(&carol, AUTHZ_ACTION_UNFREEZE, empty_body());
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("needs two"));
	add_good_code(&carol.more_codes);
	EXPECT(submit() == STATUS_OK);
	/* The same key twice is one factor. */
	begin_signed(&carol, AUTHZ_ACTION_GRANT, grant_body(&carol));
	sign_with(&carol.world.user);
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("of one key"));
	/* Somebody must be left who can sign. */
	body.remove[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.remove[0].key, keys_sign_public(&carol.world.user), 32);
	begin_signed(&carol, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&carol.world.user);
	add_good_code(&carol.more_codes);
	EXPECT(submit() == STATUS_REFUSED && refused_as("nobody left who can sign"));
	/* Freezing: the key alone, too. */
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_OK);
}

/* A4: an authority under foreign control with a stolen key has no second factor in a code that its
 * owner typed for something else. */
static void test_a_code_counts_for_the_change_that_it_was_typed_for(void)
{
	struct authz_code typed;

	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_good_code(&carol.codes);
	typed = act.given.codes[0];
	begin_signed(&carol, AUTHZ_ACTION_UNFREEZE, empty_body());
	sign_with(&carol.world.user);
	act.given.codes[act.given.code_count++] = typed;
	EXPECT(submit() == STATUS_REFUSED && refused_as("not sealed for this change"));
	/* Under another factor's name it is not his code either. */
	memcpy(act.given.codes[0].id, carol.more_codes.id, 32);
	EXPECT(submit() == STATUS_REFUSED && refused_as("not sealed for this change"));
	/* Nothing of that was a try, and the code is good where it belongs: once. */
	carol.codes.step--;
	act.given.code_count = 0;
	add_good_code(&carol.codes);
	EXPECT(submit() == STATUS_OK && !wallet_of(&carol).frozen);
}

/* A wallet of the person's own is to get codes whose id is known; it signs. */
static void begin_known_codes(struct person *person, const struct soft_codes *codes,
                              const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN])
{
	struct authz_factor_body body = {.add_count = 1};

	body.add[0].kind = AUTHZ_KEY_TOTP;
	memcpy(body.add[0].key, codes->id, 32);
	body.add_data[0].sealed = bytes_of(sealed, AUTHZ_SEALED_TOTP_LEN);
	begin_signed(person, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&person->world.user);
}

static void begin_birth_with_known_codes(const struct person *person,
                                         const struct soft_codes *codes,
                                         const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN])
{
	static struct person born;
	struct authz_birth_body body = {.name = bytes_of_text("dave-2"), .user_key_count = 2};
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	born = *person;
	keys_random(born.world.wallet, 32);
	body.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.user_keys[0].key, keys_sign_public(&person->world.user), 32);
	body.user_keys[1].kind = AUTHZ_KEY_TOTP;
	memcpy(body.user_keys[1].key, codes->id, 32);
	body.user_key_data[1].sealed = bytes_of(sealed, AUTHZ_SEALED_TOTP_LEN);
	CHECK(authz_birth_put(&body, false, &out) == STATUS_OK);
	begin(&born, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&person->world.user);
}

/* Who knows the id of codes, and has no key, locks codes alone and no more. */
static void test_a_stranger_with_wrong_codes_locks_out_no_owner(void)
{
	uint32_t wrong = keys_totp_code(&carol.more_codes.secret, 1);
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN] = {1}; /* what he has not, he makes up */

	for (size_t i = 0; i < 6; i++) {
		begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
		CHECK(prepare() == STATUS_OK);
		add_code(carol.more_codes.id, wrong);
		EXPECT(submit() == STATUS_REFUSED);
	}
	EXPECT(refused_as("or with a signature of the code's own wallet"));
	/* Nor does one who signs with a key of his own, for a wallet of his own that is to get
	 * them. */
	for (size_t i = 0; i < 8; i++) {
		begin_known_codes(&dave, &carol.more_codes, sealed);
		add_code(carol.more_codes.id, wrong);
		EXPECT(submit() == STATUS_REFUSED);
		if (i % 2 != 0)
			continue;
		begin_birth_with_known_codes(&dave, &carol.more_codes, sealed);
		add_code(carol.more_codes.id, wrong);
		EXPECT(submit() == STATUS_REFUSED);
	}
	EXPECT(refused_as("too many wrong"));
	begin_signed(&carol, AUTHZ_ACTION_GRANT, grant_body(&carol));
	sign_with(&carol.world.user);
	add_good_code(&carol.more_codes);
	EXPECT(submit() == STATUS_OK);
	/* With that the owner was here: codes alone are looked at again. */
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_code(carol.more_codes.id, wrong);
	EXPECT(submit() == STATUS_REFUSED && refused_as("code is wrong"));
}

/* Wrong codes make the next ones wait, across a restart too; a key of one's own goes on (U5). */
static void test_wrong_codes_make_the_next_ones_wait(void)
{
	uint32_t wrong = keys_totp_code(&carol.codes.secret, 1);
	uint64_t next = (uint64_t)time(NULL) / KEYS_TOTP_STEP_S + 1;
	size_t looked_at = 0;

	for (size_t i = 0; i < 8; i++) {
		begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
		CHECK(prepare() == STATUS_OK);
		add_code(carol.codes.id, wrong);
		EXPECT(submit() == STATUS_REFUSED);
		looked_at += strstr(rig.refusal, "code is wrong") != NULL;
	}
	EXPECT(looked_at == 5);
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_code(carol.codes.id, keys_totp_code(&carol.codes.secret, next));
	EXPECT(submit() == STATUS_REFUSED && refused_as("too many wrong"));
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_OK);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_code(carol.codes.id, keys_totp_code(&carol.codes.secret, next));
	EXPECT(submit() == STATUS_REFUSED && refused_as("too many wrong"));
	/* After a crash nothing of the last steps is taken, whatever was in memory (T2). */
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_code(carol.more_codes.id, keys_totp_code(&carol.more_codes.secret, next));
	EXPECT(submit() == STATUS_REFUSED && refused_as("code is wrong"));
}

/* ---- changes that wait ---- */

static enum status complete(const struct person *person, const uint8_t hash[32])
{
	struct authz_complete given;
	uint8_t space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(given.change, hash, 32);
	memcpy(given.wallet, person->world.wallet, 32);
	CHECK(authz_complete_put(&given, &out) == STATUS_OK);
	return rig_ask(&rig, CALL_CHANGE_COMPLETE, buffer_bytes(&out), &answer);
}

/* complete_in_time asks until its time has come. */
static enum status complete_in_time(const struct person *person, const uint8_t hash[32])
{
	enum status status;

	for (size_t tries = 0; tries < 200; tries++) {
		status = complete(person, hash);
		if (status == STATUS_OK || strstr(rig.refusal, "it waits for") == NULL)
			return status;
		usleep(100000);
	}
	return STATUS_BUSY;
}

static void set_delays(struct person *person, uint64_t delay_s, uint64_t export_delay_s)
{
	const struct authz_factor_body body = {
	    .delays = {.has_delay = true,
	               .has_export_delay = true,
	               .delay_s = delay_s,
	               .export_delay_s = export_delay_s}
        };

	begin_signed(person, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&person->world.user);
	sign_with(&person->second);
}

static void add_second_key(struct person *person)
{
	struct authz_factor_body body = {.add_count = 1};

	keys_sign_random(&person->second);
	body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&person->second), 32);
	begin_signed(person, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&person->world.user);
	sign_with(&person->second);
	EXPECT(submit() == STATUS_OK);
}

/* Asks for a grant with both keys; it waits. */
static uint64_t grant_that_waits(struct person *person, uint8_t ret_hash[32])
{
	begin_signed(person, AUTHZ_ACTION_GRANT, grant_body(person));
	sign_with(&person->world.user);
	sign_with(&person->second);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, ret_hash);
	return submitted().waits_until_s;
}

static enum status cancel(struct person *person, const uint8_t hash[32],
                          const struct keys_sign_key *key)
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_id_put(hash, &out) == STATUS_OK);
	begin(person, AUTHZ_ACTION_CANCEL, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(key);
	return submit();
}

static void test_what_gives_power_waits_and_any_factor_cancels_it(void)
{
	uint8_t hash[32], other[32];
	uint8_t grants;
	struct authz_pending_answer pending;
	struct authz_query query = {.topic = AUTHZ_QUERY_PENDING};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	add_second_key(&dave);
	/* Exports wait a day; who takes that off waits a day, though nothing else waits. */
	set_delays(&dave, 0, AUTHZ_EXPORT_DELAY_S - 1);
	EXPECT(submit() == STATUS_OK &&
	       submitted().waits_until_s >= (uint64_t)time(NULL) + AUTHZ_EXPORT_DELAY_S - 5);
	authz_change_hash(act.given.change, hash);
	EXPECT(wallet_of(&dave).export_delay_s == AUTHZ_EXPORT_DELAY_S);
	EXPECT(complete(&dave, hash) == STATUS_REFUSED && refused_as("it waits for"));
	EXPECT(cancel(&dave, hash, &dave.second) == STATUS_OK);
	set_delays(&dave, 3600, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
	grants = wallet_of(&dave).grant_count;
	EXPECT(grant_that_waits(&dave, hash) >= (uint64_t)time(NULL) + 3595);
	EXPECT(submit() == STATUS_REFUSED); /* H1: asked for once */
	EXPECT(wallet_of(&dave).grant_count == grants && wallet_of(&dave).pending_count == 1);
	EXPECT(complete(&dave, hash) == STATUS_REFUSED && refused_as("it waits for"));
	/* Whoever may see the wallet reads what waits. */
	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&dave.second), 32);
	memcpy(query.target, hash, 32);
	memcpy(query.after, dave.world.wallet, 32);
	CHECK(authz_query_put(&query, &dave.second, &out) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_OK);
	EXPECT(authz_pending_answer_take(buffer_bytes(&answer), &pending) == STATUS_OK &&
	       memmem(pending.description.data, pending.description.len, "may have messages signed",
	              24) != NULL);
	/* A second one, then the first is cancelled with one key: the second still waits. */
	(void)grant_that_waits(&dave, other);
	EXPECT(cancel(&dave, hash, &carol.world.user) == STATUS_REFUSED);
	EXPECT(cancel(&dave, hash, &dave.second) == STATUS_OK);
	EXPECT(complete(&dave, hash) == STATUS_REFUSED && refused_as("cancelled or done"));
	EXPECT(cancel(&dave, hash, &dave.second) == STATUS_REFUSED);
	EXPECT(wallet_of(&dave).pending_count == 1);
	/* Lowering the delay gives power, so it waits itself. */
	set_delays(&dave, 0, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	/* A freeze takes everything that waits with it. */
	begin(&dave, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&dave.second);
	EXPECT(submit() == STATUS_OK);
	EXPECT(wallet_of(&dave).pending_count == 0);
	EXPECT(complete(&dave, other) == STATUS_REFUSED && refused_as("cancelled or done"));
	EXPECT(wallet_of(&dave).grant_count == grants);
}

static struct person erin;

static void test_what_waited_is_done_once_when_its_time_has_come(void)
{
	uint8_t hash[32];
	uint8_t grants;
	uint64_t opens;

	bear(&erin, "erin-2",
	     &(struct authz_delays){.has_export_delay = true, .export_delay_s = 2});
	add_second_key(&erin);
	set_delays(&erin, 3, 2);
	EXPECT(submit() == STATUS_OK);
	grants = wallet_of(&erin).grant_count;
	opens = grant_that_waits(&erin, hash);
	/* It survives the processes. */
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(wallet_of(&erin).pending_count == 1);
	EXPECT(complete_in_time(&erin, hash) == STATUS_OK);
	EXPECT((uint64_t)time(NULL) >= opens);
	EXPECT(wallet_of(&erin).grant_count == grants + 1 && wallet_of(&erin).pending_count == 0);
	EXPECT(complete(&erin, hash) == STATUS_REFUSED && refused_as("cancelled or done"));
}

/* Asks for limits of the wallet with both keys: one of lamports, and one of uses unless it is 0. */
static struct authz_submit_answer ask_limits(struct person *person, uint64_t lamports,
                                             uint64_t uses, uint8_t ret_hash[32])
{
	struct authz_limit_body body = {
	    .of_wallet = true,
	    .limit_count = uses != 0 ? 2 : 1,
	    .limits = {
	               {.id = 1,
	         .unit = AUTHZ_UNIT_LAMPORTS,
	         .window = AUTHZ_WINDOW_TOTAL,
	         .cap = lamports},
	               {.id = 2, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = uses}}
        };
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_limit_put(&body, &out) == STATUS_OK);
	begin_signed(person, AUTHZ_ACTION_LIMIT, buffer_bytes(&out));
	sign_with(&person->world.user);
	sign_with(&person->second);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, ret_hash);
	return submitted();
}

static bool text_says(const char *words)
{
	return memmem(act.text.data, act.text.len, words, strlen(words)) != NULL;
}

/* A raise that waits is for the limits that were seen: one that was set or lowered meanwhile, or
 * raised by another that waited, stays. */
static void test_a_raise_that_waits_undoes_no_limit_that_came_meanwhile(void)
{
	static struct person rita;
	uint8_t first[32], second[32], hash[32];

	rita = dave;
	bear(&rita, "rita", &(struct authz_delays){.has_delay = false});
	add_second_key(&rita);
	set_delays(&rita, 2, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK);
	EXPECT(ask_limits(&rita, 10, 0, hash).waits_until_s == 0);
	EXPECT(ask_limits(&rita, 100, 0, first).waits_until_s != 0);
	EXPECT(ask_limits(&rita, 50, 0, second).waits_until_s != 0);
	/* The owner sees them, and says less. */
	EXPECT(ask_limits(&rita, 10, 1, hash).waits_until_s == 0);
	EXPECT(complete_in_time(&rita, first) == STATUS_REFUSED && refused_as("not true any more"));
	EXPECT(wallet_of(&rita).limit_count == 2 && wallet_of(&rita).limits[0].cap == 10);
	EXPECT(ask_limits(&rita, 5, 1, hash).waits_until_s == 0);
	EXPECT(complete(&rita, first) == STATUS_REFUSED && refused_as("not true any more"));
	/* For the limits of now it is signed anew; what it raised is raised, and no other undoes
	 * it.
	 */
	EXPECT(ask_limits(&rita, 100, 0, first).waits_until_s != 0);
	EXPECT(text_says("\n- taken away: limit 2: at most 1 signatures in total"));
	EXPECT(text_says("\n- raised from: limit 1: at most 5 lamports"));
	EXPECT(complete_in_time(&rita, first) == STATUS_OK);
	EXPECT(wallet_of(&rita).limit_count == 1 && wallet_of(&rita).limits[0].cap == 100);
	EXPECT(complete(&rita, second) == STATUS_REFUSED && refused_as("not true any more"));
	EXPECT(wallet_of(&rita).limits[0].cap == 100);
}

static enum status ask_cap(struct person *person, const uint8_t grant[32], uint64_t cap,
                           uint8_t ret_hash[32])
{
	struct authz_limit_body body = {.count = 1, .caps = {{.id = 1, .cap = cap}}};
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	enum status status;

	memcpy(body.grant, grant, 32);
	CHECK(authz_limit_put(&body, &out) == STATUS_OK);
	begin_signed(person, AUTHZ_ACTION_LIMIT, buffer_bytes(&out));
	sign_with(&person->world.user);
	sign_with(&person->second);
	status = submit();
	authz_change_hash(act.given.change, ret_hash);
	return status;
}

/* The same for the caps of a grant: what was lowered since is not raised again. */
static void test_a_raise_of_a_grant_that_waits_undoes_no_lower_cap(void)
{
	static struct person gina;
	uint8_t grant[32], first[32], second[32], hash[32];

	rig_world_make(&rig, &gina.world, "gina"); /* at most 3000000 lamports in total */
	add_second_key(&gina);
	set_delays(&gina, 2, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK);
	memcpy(grant, wallet_of(&gina).grants[0].grant, 32);
	EXPECT(ask_cap(&gina, grant, 9000000, first) == STATUS_OK);
	EXPECT(submitted().waits_until_s != 0);
	EXPECT(text_says("counter 1: cap becomes 9000000, raised from 3000000"));
	EXPECT(ask_cap(&gina, grant, 4000000, second) == STATUS_OK);
	/* A hostile bot is seen: less, at once. */
	EXPECT(ask_cap(&gina, grant, 1, hash) == STATUS_OK && submitted().waits_until_s == 0);
	EXPECT(text_says("counter 1: cap becomes 1") && !text_says("raised"));
	EXPECT(complete_in_time(&gina, first) == STATUS_REFUSED && refused_as("not true any more"));
	EXPECT(complete_in_time(&gina, second) == STATUS_REFUSED &&
	       refused_as("not true any more"));
	/* For the cap of now it is signed anew. */
	EXPECT(ask_cap(&gina, grant, 4000000, first) == STATUS_OK);
	EXPECT(complete_in_time(&gina, first) == STATUS_OK);
}

static struct bytes export_body(const struct keys_hpke_key *recipient, uint8_t format)
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	struct authz_export_body body = {.format = format};

	memcpy(body.recipient, recipient->public, 32);
	CHECK(authz_export_put(&body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

/* ---- consent, and what a stranger hears ---- */

/* A key becomes a factor with its own word: who signs nothing is named by nobody, and nothing else
 * is signed by who only comes. */
static void test_a_key_that_becomes_a_factor_consents(void)
{
	static struct person paul;
	struct authz_factor_body body = {.add_count = 2};
	struct keys_sign_key a, b, stranger;
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	struct authz_birth_body birth = {.name = bytes_of_text("paul-2"), .user_key_count = 3};

	rig_world_make(&rig, &paul.world, "paul");
	keys_sign_random(&a);
	keys_sign_random(&b);
	keys_sign_random(&stranger);
	body.add[0].kind = body.add[1].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&a), 32);
	memcpy(body.add[1].key, keys_sign_public(&b), 32);
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&paul.world.user);
	sign_with(&a);
	EXPECT(submit() == STATUS_REFUSED && refused_as("that of factor 2 has not"));
	/* Over another text, or of a key that nobody names: no. */
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&paul.world.user);
	sign_with(&a);
	sign_with(&b);
	act.given.signatures[2].signature[0] ^= 1;
	EXPECT(submit() == STATUS_REFUSED && refused_as("does not fit key, change and text"));
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&paul.world.user);
	sign_with(&a);
	sign_with(&b);
	sign_with(&stranger);
	EXPECT(submit() == STATUS_REFUSED && refused_as("key 4 is not a user key"));
	/* Who comes signs behind who is there, and is no factor yet: not of this change either. */
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&a);
	sign_with(&b);
	EXPECT(submit() == STATUS_REFUSED && refused_as("key 1 is not a user key"));
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&a);
	sign_with(&paul.world.user);
	sign_with(&b);
	EXPECT(submit() == STATUS_REFUSED && refused_as("key 1 is not a user key"));
	EXPECT(wallet_of(&paul).user_key_count == 1);
	begin_signed(&paul, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&paul.world.user);
	sign_with(&b);
	sign_with(&a);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
	EXPECT(wallet_of(&paul).user_key_count == 3);
	/* At birth the first key signs, and so do the others; nobody else does. */
	for (size_t i = 0; i < 3; i++)
		birth.user_keys[i].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&paul.world.user), 32);
	memcpy(birth.user_keys[1].key, keys_sign_public(&a), 32);
	memcpy(birth.user_keys[2].key, keys_sign_public(&b), 32);
	keys_random(paul.world.wallet, 32);
	CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
	for (size_t given = 0; given < 3; given++) {
		begin(&paul, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
		CHECK(prepare() == STATUS_OK);
		sign_with(&paul.world.user);
		if (given > 0)
			sign_with(&b);
		if (given > 1)
			sign_with(&stranger);
		EXPECT(submit() == STATUS_REFUSED &&
		       refused_as(given == 0   ? "that of factor 2 has not"
		                  : given == 1 ? "that of factor 2 has not"
		                               : "is of no key of a new wallet"));
	}
	begin(&paul, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&paul.world.user);
	sign_with(&a);
	sign_with(&b);
	EXPECT(submit() == STATUS_OK);
}

/* Who was a factor beside a passkey knows its id and its public key, and can
 * write a registration of it, for no signature is in one. Only the passkey itself makes it a
 * factor. */
static void test_a_known_passkey_becomes_a_factor_by_signing_alone(void)
{
	static const uint8_t nonce[32] = {3}, none[32];
	static struct person mallory;
	struct authz_factor_body body = {.add_count = 1};
	struct authz_birth_body birth = {.name = bytes_of_text("mallory-2"), .user_key_count = 2};
	static uint8_t birth_space[512];
	struct buffer born = BUFFER_OF_ARRAY(birth_space);
	struct authz_session_answer session;
	struct authz_list_answer list;
	size_t before;

	rig_world_make(&rig, &mallory.world, "mallory-1");
	body.add[0] = alice.passkey.key;
	body.add_data[0] = soft_passkey_data(&alice.passkey);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&mallory.world.user), 32);
	birth.user_keys[1] = alice.passkey.key;
	birth.user_key_data[1] = soft_passkey_data(&alice.passkey);
	CHECK(authz_birth_put(&birth, false, &born) == STATUS_OK);
	EXPECT(open_session(&alice.passkey, nonce, &session) == STATUS_OK);
	EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
	CHECK(authz_list_answer_take(buffer_bytes(&answer), &list) == STATUS_OK);
	before = list.ids.len / 32;
	for (size_t i = 0; i < 8; i++) {
		bool is_birth = i % 2 != 0;
		uint8_t wallet[32];

		memcpy(wallet, mallory.world.wallet, 32);
		if (is_birth) {
			keys_random(mallory.world.wallet, 32);
			begin(&mallory, AUTHZ_ACTION_CREATE, buffer_bytes(&born));
			CHECK(prepare() == STATUS_OK);
		} else {
			begin_signed(&mallory, AUTHZ_ACTION_FACTOR, factor_body(&body));
		}
		sign_with(&mallory.world.user);
		if (i / 2 == 1)
			register_passkey(&alice.passkey);
		if (i / 2 == 2) { /* her assertion for something else */
			uint8_t challenge[32] = {1};

			sign_with_passkey(&alice.passkey);
			soft_assert(&alice.passkey, challenge, &act.answers[0]);
			act.given.signatures[1].assertion = soft_said(&act.answers[0]);
		}
		if (i / 2 == 3) {
			sign_with_passkey(&alice.passkey);
			EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
		} else {
			EXPECT(submit() == STATUS_REFUSED);
			EXPECT(refused_as(i / 2 == 2 ? "answers another challenge"
			                             : "by signing, too: it has not"));
		}
		if (i / 2 != 3 || !is_birth) {
			memcpy(mallory.world.wallet, wallet, 32);
			EXPECT(wallet_of(&mallory).user_key_count == (i / 2 == 3 ? 2 : 1));
		}
		/* Only what she agreed to is on her list: the one of FACTOR, then the one born. */
		EXPECT(read_topic(session.secret, AUTHZ_QUERY_WALLETS, none, none) == STATUS_OK);
		CHECK(authz_list_answer_take(buffer_bytes(&answer), &list) == STATUS_OK);
		EXPECT(list.ids.len / 32 == before + (i < 6 ? 0 : i - 5));
	}
	/* It is her passkey still, with the count that it said last, and one of the wallet's. */
	EXPECT(freeze(&mallory, &alice.passkey) == STATUS_OK);
	EXPECT(freeze(&alice, &alice.passkey) == STATUS_OK);
}

/* An assertion by whoever has not the passkey tells nothing of it: whether it is
 * registered here, as which kind, and whether it may be copied. */
static void test_a_stranger_does_not_hear_which_passkeys_are_known(void)
{
	static const uint8_t nonce[32] = {4};
	struct authz_session_answer session;
	struct soft_passkey tried[4];
	char said[sizeof(rig.refusal)] = "";

	for (size_t i = 0; i < 4; i++) {
		soft_passkey_make(i == 1 ? AUTHZ_KEY_PASSKEY_ED25519 : AUTHZ_KEY_PASSKEY_P256, true,
		                  &tried[i]);
		if (i != 0)
			memcpy(tried[i].key.key, alice.passkey.key.key, 32);
	}
	tried[3].flags = 0x0d; /* may be copied, as hers may not */
	for (size_t i = 0; i < 4; i++) {
		EXPECT(open_session(&tried[i], nonce, &session) == STATUS_REFUSED &&
		       refused_as("is not registered here, or its signature does not fit"));
		if (i == 0)
			memcpy(said, rig.refusal, sizeof(said));
		EXPECT(strcmp(said, rig.refusal) == 0);
		EXPECT(freeze(&alice, &tried[i]) == STATUS_REFUSED &&
		       strcmp(said, rig.refusal) == 0);
	}
}

/* Who cannot sign hears the same of every key, whosever it is and whatever the wallet is like. */
static void test_a_stranger_does_not_hear_who_is_a_user(void)
{
	static struct person rachel;
	struct keys_sign_key stranger;
	const uint8_t *keys[3];
	static const enum authz_action actions[] = {AUTHZ_ACTION_GRANT, AUTHZ_ACTION_FREEZE,
	                                            AUTHZ_ACTION_EXPORT};
	struct keys_hpke_key recipient;

	rig_world_make(&rig, &rachel.world, "rachel");
	add_second_key(&rachel);
	keys_sign_random(&stranger);
	keys_hpke_random(&recipient);
	keys[0] = keys_sign_public(&rachel.world.user);
	keys[1] = keys_sign_public(&rachel.second);
	keys[2] = keys_sign_public(&carol.world.user);
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++) {
			begin_signed(&rachel, actions[j],
			             actions[j] == AUTHZ_ACTION_GRANT ? grant_body(&rachel)
			             : actions[j] == AUTHZ_ACTION_FREEZE
			                 ? empty_body()
			                 : export_body(&recipient, AUTHZ_EXPORT_KEYPAIR));
			sign_with(&stranger);
			memcpy(act.given.signatures[0].key.key, keys[i], 32);
			EXPECT(submit() == STATUS_REFUSED &&
			       refused_as("the signature does not fit key, change and text"));
		}
	/* With his own key he hears of that one. */
	begin_signed(&rachel, AUTHZ_ACTION_GRANT, grant_body(&rachel));
	sign_with(&stranger);
	EXPECT(submit() == STATUS_REFUSED && refused_as("key 1 is not a user key"));
}

/* ---- lost factors ---- */

static void test_a_lost_factor_is_replaced_after_time_to_say_no(void)
{
	struct authz_factor_body body = {.add_count = 1, .remove_count = 1};
	struct keys_sign_key fresh;
	uint8_t hash[32];
	uint64_t opens;

	keys_sign_random(&fresh);
	body.remove[0].kind = body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.remove[0].key, keys_sign_public(&erin.second), 32);
	memcpy(body.add[0].key, keys_sign_public(&fresh), 32);
	begin_signed(&erin, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&erin.world.user);
	sign_with(&fresh); /* it consents, and is no second factor by that */
	EXPECT(submit() == STATUS_OK);
	opens = submitted().waits_until_s;
	authz_change_hash(act.given.change, hash);
	EXPECT(opens >= (uint64_t)time(NULL) + 259195 && opens <= (uint64_t)time(NULL) + 259205);
	EXPECT(wallet_of(&erin).pending_count == 1 && wallet_of(&erin).pending[0].recovery);
	EXPECT(complete(&erin, hash) == STATUS_REFUSED && refused_as("it waits for"));
	/* The lost key reappears. */
	EXPECT(cancel(&erin, hash, &erin.second) == STATUS_OK);
	EXPECT(complete(&erin, hash) == STATUS_REFUSED && refused_as("cancelled or done"));
	/* One factor never gives other power this way. */
	begin_signed(&erin, AUTHZ_ACTION_GRANT, grant_body(&erin));
	sign_with(&erin.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("needs two"));
}

/* A recovery key only takes power away and asks for other factors. */
static void test_a_recovery_key_freezes_and_asks_for_factors(void)
{
	static struct person frank;
	struct keys_sign_key recovery;
	struct authz_birth_body birth = {
	    .name = bytes_of_text("frank"), .user_key_count = 1, .has_recovery = true};
	struct authz_factor_body body = {.add_count = 1};
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLETS};
	struct authz_list_answer list;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer asked = BUFFER_OF_ARRAY(space);

	frank = erin;
	keys_sign_random(&recovery);
	keys_sign_random(&frank.world.user);
	keys_random(frank.world.wallet, 32);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&frank.world.user), 32);
	memcpy(birth.recovery, keys_sign_public(&frank.world.user), 32);
	CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
	begin(&frank, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&frank.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("recovery key is user key 1 too"));
	out = BUFFER_OF_ARRAY(body_space);
	memcpy(birth.recovery, keys_sign_public(&recovery), 32);
	CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
	begin(&frank, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&frank.world.user);
	EXPECT(submit() == STATUS_OK);
	begin_signed(&frank, AUTHZ_ACTION_GRANT, grant_body(&frank));
	sign_with(&recovery);
	EXPECT(submit() == STATUS_REFUSED);
	body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&recovery), 32);
	begin_signed(&frank, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&frank.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("that of factor 1 has not"));
	/* From here on the user key is lost: who has the recovery key finds and sees the wallet. */
	frank.world.user = recovery;
	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&recovery), 32);
	CHECK(authz_query_put(&query, &recovery, &asked) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&asked), &answer) == STATUS_OK &&
	       authz_list_answer_take(buffer_bytes(&answer), &list) == STATUS_OK &&
	       bytes_equal(list.ids, BYTES_OF_ARRAY(frank.world.wallet)));
	memcpy(body.add[0].key, keys_sign_public(&carol.world.user), 32);
	begin_signed(&frank, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&recovery);
	EXPECT(submit() == STATUS_REFUSED && refused_as("that of factor 1 has not"));
	begin_signed(&frank, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&recovery);
	sign_with(&carol.world.user);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	begin(&frank, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&recovery);
	EXPECT(submit() == STATUS_OK && wallet_of(&frank).frozen);
}

/* A6: nobody's wallet is anybody's factor: a key, a recovery key, or what is inside a passkey; and
 * no such key is imported as a wallet. */
static void test_no_wallet_is_a_factor_and_no_factor_a_wallet(void)
{
	static struct person heidi;
	struct authz_factor_body body = {.add_count = 1};
	struct authz_birth_body birth = {
	    .name = bytes_of_text("heidi"), .user_key_count = 1, .has_recovery = true};
	struct buffer out = BUFFER_OF_ARRAY(body_space);
	struct soft_passkey inside = bob.passkey;
	const uint8_t seed[32] = {72};
	struct keys_sign_key imported;

	heidi = erin;
	keys_sign_random(&heidi.world.user);
	keys_random(heidi.world.wallet, 32);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&heidi.world.user), 32);
	/* A wallet's own key cannot consent, unless somebody brought it here who has it. */
	keys_sign_from_seed(seed, &imported);
	memcpy(birth.address, keys_sign_public(&imported), 32);
	birth.has_recovery = false;
	CHECK(authz_birth_put(&birth, true, &out) == STATUS_OK);
	begin(&heidi, AUTHZ_ACTION_IMPORT, buffer_bytes(&out));
	CHECK(rig_import(&rig, &act.change, &heidi.world.user, seed, &answer) == STATUS_OK);
	body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&imported), 32);
	begin_signed(&erin, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&erin.world.user);
	sign_with(&erin.second);
	sign_with(&imported);
	/* It would wait; what cannot be done is refused at once. */
	EXPECT(submit() == STATUS_REFUSED && refused_as("is a wallet of this deployment"));
	EXPECT(wallet_of(&erin).pending_count == 0);
	birth.has_recovery = true;
	birth.name = bytes_of_text("heidi-2");
	out = BUFFER_OF_ARRAY(body_space);
	memset(birth.address, 0, sizeof(birth.address));
	keys_random(heidi.world.wallet, 32);
	memcpy(birth.recovery, erin.world.address, 32);
	CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
	begin(&heidi, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	sign_with(&heidi.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("recovery key is a wallet"));
	/* Bob's passkey is an Ed25519 key of its own: whoever has its seed may not import it. */
	birth.has_recovery = false;
	memcpy(birth.address, inside.public_key, 32);
	out = BUFFER_OF_ARRAY(body_space);
	CHECK(authz_birth_put(&birth, true, &out) == STATUS_OK);
	begin(&heidi, AUTHZ_ACTION_IMPORT, buffer_bytes(&out));
	EXPECT(rig_import(&rig, &act.change, &heidi.world.user, inside.secret, &answer) ==
	           STATUS_REFUSED &&
	       refused_as("is a user key of this deployment"));
}

/* ---- export ---- */

/* opens tells whether an export holds the wallet's own key. */
static bool opens(const struct person *person, const struct keys_hpke_key *recipient,
                  const uint8_t hash[32], struct bytes sealed, uint8_t format)
{
	uint8_t space[AUTHZ_EXPORT_TEXT_MAX];
	struct buffer written = BUFFER_OF_ARRAY(space);
	struct keys_sign_key key;

	return authz_export_open(recipient->secret, rig.deployment, person->world.wallet, hash,
	                         sealed, &written) == STATUS_OK &&
	       authz_export_read(buffer_bytes(&written), format, &key) == STATUS_OK &&
	       memcmp(keys_sign_public(&key), person->world.address, 32) == 0;
}

/* Asks for a page of the receipts of a person's wallet, of those before `after` (zeros: of all).
 * How many stand in it, newest first: `ret_reader` is at the first. */
static size_t ask_page(const struct person *person, const uint8_t after[32],
                       struct cbor_reader *ret_reader)
{
	struct authz_query query = {.topic = AUTHZ_QUERY_DECISIONS};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&person->world.user), 32);
	memcpy(query.target, person->world.wallet, 32);
	memcpy(query.after, after, 32);
	CHECK(authz_query_put(&query, &person->world.user, &out) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_OK);
	cbor_reader_init(ret_reader, buffer_bytes(&answer));
	cbor_take_map(ret_reader, 2);
	cbor_take_key(ret_reader, 1);
	return cbor_take_array(ret_reader, AUTHZ_DECISIONS_MAX);
}

/* What the newest receipts of a person's wallet say of exports, newest first: 'y' handed over, 'n'
 * not, '.' of something else; all of them of `hash`. */
static void told_of_exports(const struct person *person, const uint8_t hash[32], char said[8])
{
	static const uint8_t newest[32];
	static struct authz_receipt receipt;
	struct cbor_reader r;
	size_t rows = ask_page(person, newest, &r);

	memset(said, 0, 8);
	for (size_t i = 0; i < rows && i < 7; i++) {
		CHECK(authz_receipt_take(cbor_take_bytes(&r, AUTHZ_DECISIONS_BYTES_MAX),
		                         &receipt) == STATUS_OK);
		if ((receipt.flags & AUTHZ_RECEIPT_EXPORT) == 0 ||
		    memcmp(receipt.message_hash, hash, 32) != 0)
			said[i] = '.';
		else
			said[i] = receipt.decision == AUTHZ_DECISION_ALLOW ? 'y' : 'n';
	}
}

/* A24: a store that answers nothing ends an export behind its receipt; what was said then is taken
 * back, and the next try goes on. */
static void test_an_export_that_was_not_carried_out_takes_its_receipt_back(void)
{
	struct keys_hpke_key recipient;
	char said[8];
	uint8_t hash[32];
	uint64_t begun_s;

	keys_hpke_random(&recipient);
	begin_signed(&erin, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_BASE58));
	sign_with(&erin.world.user);
	sign_with(&erin.second);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, hash);
	EXPECT(complete(&erin, hash) == STATUS_REFUSED && refused_as("it waits for"));
	begun_s = rig_now_s(&rig);
	while (rig_now_s(&rig) < begun_s + wallet_of(&erin).export_delay_s + 2)
		usleep(100000);
	told_of_exports(&erin, hash, said);
	EXPECT(strchr(said, 'y') == NULL);
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
	EXPECT(complete(&erin, hash) == STATUS_REFUSED && refused_as("did not answer"));
	kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
	told_of_exports(&erin, hash, said);
	EXPECT(strncmp(said, "ny", 2) == 0);
	EXPECT(complete_in_time(&erin, hash) == STATUS_OK);
	told_of_exports(&erin, hash, said);
	EXPECT(strncmp(said, "yny", 3) == 0);
}

static void test_an_export_takes_two_factors_time_and_the_right_recipient(void)
{
	struct keys_hpke_key recipient, other;
	uint8_t hash[32], other_hash[32] = {1};
	struct authz_wallet_record record;

	keys_hpke_random(&recipient);
	keys_hpke_random(&other);
	for (uint8_t format = AUTHZ_EXPORT_KEYPAIR; format < AUTHZ_EXPORT_FORMAT_COUNT; format++) {
		struct authz_submit_answer said;
		struct bytes sealed;

		begin_signed(&erin, AUTHZ_ACTION_EXPORT, export_body(&recipient, format));
		sign_with(&erin.world.user);
		EXPECT(submit() == STATUS_REFUSED && refused_as("needs two"));
		sign_with(&erin.second);
		EXPECT(submit() == STATUS_OK);
		said = submitted();
		EXPECT(said.waits_until_s != 0 && said.export.len == 0);
		authz_change_hash(act.given.change, hash);
		EXPECT(submit() == STATUS_REFUSED); /* a replay */
		EXPECT(complete_in_time(&erin, hash) == STATUS_OK);
		sealed = submitted().export;
		EXPECT(opens(&erin, &recipient, hash, sealed, format));
		EXPECT(!opens(&erin, &other, hash, sealed, format));
		EXPECT(!opens(&erin, &recipient, other_hash, sealed, format));
		/* A lost answer is fetched again; it is one export. */
		EXPECT(complete(&erin, hash) == STATUS_OK);
		EXPECT(opens(&erin, &recipient, hash, submitted().export, format));
		record = wallet_of(&erin);
		EXPECT(record.exported == format && record.ownership_lost); /* A20 */
	}
	EXPECT(cancel(&erin, hash, &erin.second) == STATUS_REFUSED &&
	       refused_as("handed over; move the funds"));
	/* Another user's authorization, and codes alone. */
	begin_signed(&erin, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_PKCS8));
	sign_with(&dave.world.user);
	sign_with(&dave.second);
	EXPECT(submit() == STATUS_REFUSED && refused_as("not a user key"));
	/* A key of small order takes nothing. */
	memset(recipient.public, 0, 32);
	begin_signed(&erin, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_PKCS8));
	sign_with(&erin.world.user);
	sign_with(&erin.second);
	EXPECT(submit() == STATUS_REFUSED && refused_as("not a sound X25519"));
	EXPECT(wallet_of(&erin).exported == AUTHZ_EXPORT_FORMAT_COUNT - 1);
}

/* What a factor signed for does not outlive it. */
static void test_a_factor_that_is_gone_completes_nothing(void)
{
	struct authz_factor_body body = {.add_count = 1, .remove_count = 1};
	struct keys_sign_key fresh;
	uint8_t grant[32], factor[32];

	keys_sign_random(&fresh);
	body.remove[0].kind = body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.remove[0].key, keys_sign_public(&erin.second), 32);
	memcpy(body.add[0].key, keys_sign_public(&fresh), 32);
	begin_signed(&erin, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&erin.world.user);
	sign_with(&erin.second);
	sign_with(&fresh);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, factor);
	(void)grant_that_waits(&erin, grant);
	EXPECT(complete_in_time(&erin, factor) == STATUS_OK);
	EXPECT(complete_in_time(&erin, grant) == STATUS_REFUSED && refused_as("cancelled or done"));
	EXPECT(cancel(&erin, grant, &erin.second) == STATUS_REFUSED);
	/* What was done before is still there to be fetched. */
	EXPECT(wallet_of(&erin).pending_count != 0 && wallet_of(&erin).pending[0].done);
	erin.second = fresh;
}

/* Who stole the one key asks for another one of his; the owner's second factor ends that, for it
 * was asked for under a rule that is no more. So does the end of codes that signed with a key. */
static void test_what_waits_ends_when_factors_come_or_go(void)
{
	static struct person judy;
	struct authz_factor_body body = {.add_count = 1};
	struct keys_sign_key thief;
	uint8_t theirs[32], owners[32], grant[32], sealed[AUTHZ_SEALED_TOTP_LEN];

	rig_world_make(&rig, &judy.world, "judy");
	body.delays = (struct authz_delays){.has_delay = true, .delay_s = 2};
	body.add_count = 0;
	begin_signed(&judy, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&judy.world.user);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
	/* The owner asks first, so his is done first. */
	keys_sign_random(&judy.second);
	keys_sign_random(&thief);
	body = (struct authz_factor_body){.add_count = 1};
	body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&judy.second), 32);
	begin_signed(&judy, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&judy.world.user);
	sign_with(&judy.second);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	authz_change_hash(act.given.change, owners);
	memcpy(body.add[0].key, keys_sign_public(&thief), 32);
	begin_signed(&judy, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&judy.world.user);
	sign_with(&thief);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	authz_change_hash(act.given.change, theirs);
	EXPECT(complete_in_time(&judy, owners) == STATUS_OK);
	EXPECT(complete_in_time(&judy, theirs) == STATUS_REFUSED &&
	       refused_as("cancelled or done"));
	EXPECT(wallet_of(&judy).user_key_count == 2 && wallet_of(&judy).pending_count == 0);
	/* Codes come; a grant is signed with one; the codes go before its time has come. */
	enroll(&judy.codes, sealed);
	body = (struct authz_factor_body){.add_count = 1};
	body.add[0].kind = AUTHZ_KEY_TOTP;
	memcpy(body.add[0].key, judy.codes.id, 32);
	body.add_data[0].sealed = BYTES_OF_ARRAY(sealed);
	begin_signed(&judy, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&judy.world.user);
	sign_with(&judy.second);
	add_good_code(&judy.codes);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, owners);
	EXPECT(complete_in_time(&judy, owners) == STATUS_OK);
	body = (struct authz_factor_body){.remove_count = 1};
	body.remove[0].kind = AUTHZ_KEY_TOTP;
	memcpy(body.remove[0].key, judy.codes.id, 32);
	begin_signed(&judy, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&judy.world.user);
	sign_with(&judy.second);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, owners);
	begin_signed(&judy, AUTHZ_ACTION_GRANT, grant_body(&judy));
	sign_with(&judy.world.user);
	judy.codes.step = (uint64_t)time(NULL) / KEYS_TOTP_STEP_S; /* when they came, none before */
	add_good_code(&judy.codes);
	EXPECT(submit() == STATUS_OK);
	authz_change_hash(act.given.change, grant);
	EXPECT(complete_in_time(&judy, owners) == STATUS_OK);
	EXPECT(complete_in_time(&judy, grant) == STATUS_REFUSED && refused_as("cancelled or done"));
}

static void test_an_export_needs_a_second_factor_to_exist(void)
{
	static struct person grace;
	struct keys_hpke_key recipient;

	keys_hpke_random(&recipient);
	rig_world_make(&rig, &grace.world, "grace");
	begin_signed(&grace, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_KEYPAIR));
	sign_with(&grace.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("needs two factors and wallet 1 has one"));
}

/* A site may want that an export takes what nobody can copy. Begins another start. */
static void test_a_site_takes_only_bound_passkeys_for_exports_when_it_says_so(void)
{
	static struct person ivan;
	struct authz_factor_body body = {.add_count = 2};
	struct soft_passkey bound, synced;
	struct keys_hpke_key recipient;

	rig_stop(&rig);
	rig.setting = "bound_exports=yes";
	rig_start(&rig, folder, false);
	keys_hpke_random(&recipient);
	rig_world_make(&rig, &ivan.world, "ivan");
	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &bound);
	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &synced);
	synced.flags = 0x1d; /* may be copied, and is */
	body.add[0] = bound.key;
	body.add[1] = synced.key;
	body.add_data[0] = soft_passkey_data(&bound);
	body.add_data[1] = soft_passkey_data(&synced);
	begin_signed(&ivan, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&ivan.world.user);
	register_passkey(&bound);
	register_passkey(&synced);
	EXPECT(submit() == STATUS_OK);
	begin_signed(&ivan, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_KEYPAIR));
	sign_with(&ivan.world.user);
	sign_with_passkey(&synced);
	EXPECT(submit() == STATUS_REFUSED && refused_as("bound to their device"));
	begin_signed(&ivan, AUTHZ_ACTION_EXPORT, export_body(&recipient, AUTHZ_EXPORT_KEYPAIR));
	sign_with(&ivan.world.user);
	sign_with_passkey(&bound);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	/* It signs all else. */
	begin_signed(&ivan, AUTHZ_ACTION_GRANT, grant_body(&ivan));
	sign_with_passkey(&synced);
	sign_with_passkey(&bound);
	EXPECT(submit() == STATUS_OK);
}

/* ---- what strangers and races cannot do ---- */

/* A passkey that comes with a change that waits is its owner's from then on (U4),
 * so nobody who sees its id keeps the change from being done; its registration is the first one's.
 */
static void test_a_credential_id_is_reserved_while_its_change_waits(void)
{
	static struct person mallory;
	struct authz_factor_body body = {.add_count = 1};
	struct soft_passkey passkey;
	uint8_t hash[32];

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &passkey);
	body.add[0] = passkey.key;
	body.add_data[0] = soft_passkey_data(&passkey);
	begin_signed(&erin, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&erin.world.user);
	sign_with(&erin.second);
	register_passkey(&passkey);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	authz_change_hash(act.given.change, hash);
	/* It signs nothing yet. */
	EXPECT(freeze(&erin, &passkey) == STATUS_REFUSED && refused_as("not a user key"));
	/* It is kept, not remembered. */
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &mallory.passkey);
	memcpy(mallory.passkey.credential, passkey.credential, 32);
	mallory.passkey.key = passkey.key;
	EXPECT(create(&mallory, "squatter", NULL) == STATUS_REFUSED &&
	       refused_as("registered with another key"));
	EXPECT(complete_in_time(&erin, hash) == STATUS_OK);
	EXPECT(freeze(&erin, &passkey) == STATUS_OK && wallet_of(&erin).frozen);
}

/* A wallet leaves a bounded number of records in a day, and is told; what takes
 * power away has no such bound. */
static void test_a_wallet_leaves_so_many_records_in_a_day(void)
{
	static struct person lena;
	uint8_t hash[32];
	size_t kept = 0;

	rig_world_make(&rig, &lena.world, "lena");
	add_second_key(&lena);
	set_delays(&lena, 3600, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK);
	for (;; kept++) {
		begin_signed(&lena, AUTHZ_ACTION_GRANT, grant_body(&lena));
		sign_with(&lena.world.user);
		sign_with(&lena.second);
		if (submit() != STATUS_OK || kept > LIMIT_KEPT_PER_DAY)
			break;
		authz_change_hash(act.given.change, hash);
		EXPECT(cancel(&lena, hash, &lena.second) == STATUS_OK);
	}
	EXPECT(kept == LIMIT_KEPT_PER_DAY && refused_as("try again tomorrow"));
	begin(&lena, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&lena.second);
	EXPECT(submit() == STATUS_OK);
}

/* Whoever stole one factor of several uses up half of the day: what two sign goes on. */
static void test_one_factor_leaves_half_of_the_day_to_two(void)
{
	const struct authz_factor_body body = {
	    .delays = {.has_delay = true,
	               .has_export_delay = true,
	               .delay_s = 7200,
	               .export_delay_s = AUTHZ_EXPORT_DELAY_S}
        };
	static struct person nina;
	uint8_t hash[32];
	size_t begun = 0;

	rig_world_make(&rig, &nina.world, "nina");
	add_second_key(&nina);
	set_delays(&nina, 3600, AUTHZ_EXPORT_DELAY_S);
	EXPECT(submit() == STATUS_OK);
	for (;; begun++) {
		begin_signed(&nina, AUTHZ_ACTION_FACTOR, factor_body(&body));
		sign_with(&nina.second);
		if (submit() != STATUS_OK || begun > LIMIT_KEPT_PER_DAY)
			break;
		authz_change_hash(act.given.change, hash);
		EXPECT(cancel(&nina, hash, &nina.second) == STATUS_OK);
	}
	EXPECT(begun == LIMIT_KEPT_PER_DAY / 2 && refused_as("sign with two factors"));
	for (begun = 0;; begun++) {
		begin_signed(&nina, AUTHZ_ACTION_FACTOR, factor_body(&body));
		sign_with(&nina.world.user);
		sign_with(&nina.second);
		if (submit() != STATUS_OK || begun > LIMIT_KEPT_PER_DAY)
			break;
		authz_change_hash(act.given.change, hash);
		/* The thief's veto stays: SECURITY.md. */
		EXPECT(cancel(&nina, hash, &nina.second) == STATUS_OK);
	}
	EXPECT(begun == LIMIT_KEPT_PER_DAY / 2 && refused_as("try again tomorrow"));
}

/* A change of two wallets that waits is cancelled for one of them: then it is done for none, and
 * the other one says so. */
static void test_a_change_of_two_wallets_waits_and_ends_as_one(void)
{
	static struct person rosa, twin;
	const struct authz_delays delays = {.has_delay = true, .delay_s = 1};
	struct authz_query query = {.topic = AUTHZ_QUERY_PENDING};
	uint8_t space[AUTHZ_STATEMENT_MAX], hash[32];
	struct buffer out = BUFFER_OF_ARRAY(space);

	keys_sign_random(&rosa.world.user);
	bear(&rosa, "rosa", &delays);
	twin = rosa;
	bear(&twin, "rosa-2", &delays);
	for (size_t round = 0; round < 2; round++) {
		bool first = memcmp(rosa.world.wallet, twin.world.wallet, 32) < 0;
		const struct person *in_order[2] = {first ? &rosa : &twin, first ? &twin : &rosa};

		refresh(&rosa);
		refresh(&twin);
		begin(&rosa, AUTHZ_ACTION_UNFREEZE, empty_body());
		act.change.entry_count = 2;
		for (size_t i = 0; i < 2; i++) {
			act.change.entries[i] = act.change.entries[0];
			memcpy(act.change.entries[i].wallet, in_order[i]->world.wallet, 32);
			memcpy(act.change.entries[i].previous, in_order[i]->world.authority, 32);
		}
		CHECK(prepare() == STATUS_OK);
		sign_with(&rosa.world.user);
		EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
		authz_change_hash(act.given.change, hash);
		EXPECT(wallet_of(&rosa).pending_count == 1 && wallet_of(&twin).pending_count == 1);
		if (round == 0) {
			EXPECT(complete_in_time(&twin, hash) == STATUS_OK);
			EXPECT(wallet_of(&rosa).pending_count == 0 &&
			       wallet_of(&twin).pending_count == 0);
		}
	}
	EXPECT(cancel(&rosa, hash, &rosa.world.user) == STATUS_OK);
	EXPECT(complete_in_time(&twin, hash) == STATUS_REFUSED && refused_as("cancelled or done"));
	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&twin.world.user), 32);
	memcpy(query.target, hash, 32);
	memcpy(query.after, twin.world.wallet, 32);
	CHECK(authz_query_put(&query, &twin.world.user, &out) == STATUS_OK);
	EXPECT(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_REFUSED &&
	       refused_as("cancelled for another of its wallets"));
	EXPECT(cancel(&twin, hash, &twin.world.user) == STATUS_OK);
	EXPECT(wallet_of(&twin).pending_count == 0);
}

/* One change that gives two wallets a limit of uses each. */
static enum status limit_both(const struct person *const of[2], uint64_t first, uint64_t second)
{
	static uint8_t spaces[2][256];
	const uint64_t uses[2] = {first, second};

	begin(of[0], AUTHZ_ACTION_LIMIT, empty_body());
	act.change.entry_count = 2;
	for (size_t i = 0; i < 2; i++) {
		struct buffer out = BUFFER_OF_ARRAY(spaces[i]);
		struct authz_limit_body body = {.of_wallet = true,
		                                .limit_count = 1,
		                                .limits = {{.id = 1,
		                                            .unit = AUTHZ_UNIT_USES,
		                                            .window = AUTHZ_WINDOW_TOTAL,
		                                            .cap = uses[i]}}};

		CHECK(authz_limit_put(&body, &out) == STATUS_OK);
		act.change.entries[i] = act.change.entries[0];
		act.change.entries[i].body = buffer_bytes(&out);
		memcpy(act.change.entries[i].wallet, of[i]->world.wallet, 32);
		memcpy(act.change.entries[i].previous, of[i]->world.authority, 32);
	}
	if (prepare() != STATUS_OK)
		return STATUS_REFUSED;
	sign_with(&of[0]->world.user);
	return submit();
}

static bool have_limits(const struct person *const of[2], uint64_t first, uint64_t second)
{
	return wallet_of(of[0]).limits[0].cap == first && wallet_of(of[1]).limits[0].cap == second;
}

/* Limits that one act sets hold all or none: one that may not be set keeps the others as they were;
 * and an act for a state that is past is refused whole, in words, and may be signed anew. */
static void test_limits_that_are_lowered_in_one_act_fall_all_or_none(void)
{
	static struct person una, duo;
	const struct person *order[2];

	keys_sign_random(&una.world.user);
	bear(&una, "una", &(struct authz_delays){.has_delay = false});
	duo = una;
	bear(&duo, "duo", &(struct authz_delays){.has_delay = false});
	order[0] = memcmp(una.world.wallet, duo.world.wallet, 32) < 0 ? &una : &duo;
	order[1] = order[0] == &una ? &duo : &una;
	refresh(&una);
	refresh(&duo);
	EXPECT(limit_both(order, 10, 10) == STATUS_OK && have_limits(order, 10, 10));
	/* The second one grows: the first does not fall. */
	refresh(&una);
	refresh(&duo);
	EXPECT(limit_both(order, 5, 11) == STATUS_REFUSED && refused_as("is changed alone"));
	EXPECT(have_limits(order, 10, 10));
	EXPECT(limit_both(order, 5, 4) == STATUS_OK && have_limits(order, 5, 4));
	/* Both wallets are other ones now than this act is for. */
	EXPECT(limit_both(order, 3, 3) == STATUS_REFUSED && refused_as("changed since; prepare"));
	EXPECT(have_limits(order, 5, 4));
	refresh(&una);
	EXPECT(limit_both(order, 3, 3) == STATUS_REFUSED && have_limits(order, 5, 4));
	refresh(&duo);
	EXPECT(limit_both(order, 3, 3) == STATUS_OK && have_limits(order, 3, 3));
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(have_limits(order, 3, 3));
}

/* A recovery key is replaced under the rule of factors; the old one is nobody, and what it asked
 * for ends. */
static void test_a_recovery_key_is_replaced_as_factors_are(void)
{
	static struct person olga;
	struct keys_sign_key old, fresh, thief;
	struct authz_factor_body body = {.add_count = 1};
	uint8_t hash[32];

	rig_world_make(&rig, &olga.world, "olga");
	keys_sign_random(&old);
	keys_sign_random(&fresh);
	keys_sign_random(&thief);
	body = (struct authz_factor_body){.has_recovery = true};
	memcpy(body.recovery, olga.world.address, 32);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&olga.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("is a wallet of this deployment"));
	memcpy(body.recovery, keys_sign_public(&olga.world.user), 32);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&olga.world.user);
	EXPECT(submit() == STATUS_REFUSED && refused_as("recovery key as factor 1"));
	memcpy(body.recovery, keys_sign_public(&old), 32);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&olga.world.user);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
	EXPECT(wallet_of(&olga).has_recovery);
	add_second_key(&olga);
	/* Who found the old one asks for a key of his. */
	body = (struct authz_factor_body){.add_count = 1};
	body.add[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.add[0].key, keys_sign_public(&thief), 32);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&old);
	sign_with(&thief);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
	authz_change_hash(act.given.change, hash);
	/* One factor alone does not replace it at once; both do, and his change is gone. */
	body = (struct authz_factor_body){.has_recovery = true};
	memcpy(body.recovery, keys_sign_public(&fresh), 32);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&olga.world.user);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s >= (uint64_t)time(NULL) + 259195);
	EXPECT(wallet_of(&olga).pending_count == 2);
	begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&olga.world.user);
	sign_with(&olga.second);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s == 0);
	EXPECT(wallet_of(&olga).pending_count == 0);
	EXPECT(complete(&olga, hash) == STATUS_REFUSED && refused_as("cancelled or done"));
	begin(&olga, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&old);
	EXPECT(submit() == STATUS_REFUSED && refused_as("not a user key"));
	begin(&olga, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&fresh);
	EXPECT(submit() == STATUS_OK);
	/* And taken away. */
	body = (struct authz_factor_body){.drops_recovery = true};
	for (size_t i = 0; i < 2; i++) {
		begin_signed(&olga, AUTHZ_ACTION_FACTOR, factor_body(&body));
		sign_with(&olga.world.user);
		sign_with(&olga.second);
		EXPECT(submit() == (i == 0 ? STATUS_OK : STATUS_REFUSED));
	}
	EXPECT(refused_as("has no recovery key") && !wallet_of(&olga).has_recovery);
}

static size_t listed(const struct keys_sign_key *key, uint8_t ret_first[32])
{
	static const uint8_t none[32];
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLETS};
	struct authz_list_answer list;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(key), 32);
	memcpy(query.after, none, 32);
	CHECK(authz_query_put(&query, key, &out) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_OK);
	CHECK(authz_list_answer_take(buffer_bytes(&answer), &list) == STATUS_OK);
	if (list.ids.len != 0)
		memcpy(ret_first, list.ids.data, 32);
	return list.ids.len / 32;
}

/* A wallet is listed for each key that signed its birth, once, whichever it is the first key of. */
static void test_every_key_that_was_born_with_a_wallet_lists_it(void)
{
	static struct person paula;
	static struct keys_sign_key third;
	static uint8_t bodies[2][512];
	struct authz_birth_body birth = {.user_key_count = 3};
	const struct keys_sign_key *const keys[] = {&paula.world.user, &paula.second, &third};
	uint8_t first[32];

	for (size_t i = 0; i < 3; i++) {
		keys_sign_random((struct keys_sign_key *)(uintptr_t)keys[i]);
		birth.user_keys[i].kind = AUTHZ_KEY_ED25519;
		memcpy(birth.user_keys[i].key, keys_sign_public(keys[i]), 32);
	}
	begin(&paula, AUTHZ_ACTION_CREATE, empty_body());
	act.change.entry_count = 2;
	for (size_t i = 0; i < 2; i++) {
		struct authz_change_entry *entry = &act.change.entries[i];
		struct buffer out = BUFFER_OF_ARRAY(bodies[i]);

		birth.name = bytes_of_text(i == 0 ? "paula" : "paula-2");
		CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
		*entry = (struct authz_change_entry){.body = buffer_bytes(&out)};
		keys_random(entry->wallet, 32);
		entry->wallet[0] = (uint8_t)(i + 1);
	}
	CHECK(prepare() == STATUS_OK);
	for (size_t i = 0; i < 3; i++)
		sign_with(keys[i]);
	EXPECT(submit() == STATUS_OK);
	for (size_t i = 0; i < 3; i++)
		EXPECT(listed(keys[i], first) == 2 &&
		       memcmp(first, act.change.entries[0].wallet, 32) == 0);
}

/* Who names another one's key for his wallets fills no list but one of its own.
 */
static void test_wallets_that_others_name_a_key_for_are_listed_last_and_are_few(void)
{
	static struct person peggy, mallory;
	static uint8_t bodies[LIMIT_CHANGE_WALLETS_MAX][256];
	const struct authz_delays none = {.delay_s = 0};
	struct authz_birth_body birth = {.user_key_count = 1, .has_recovery = true};
	uint8_t first[32];

	keys_sign_random(&peggy.world.user);
	keys_sign_random(&mallory.world.user);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&mallory.world.user), 32);
	memcpy(birth.recovery, keys_sign_public(&peggy.world.user), 32);
	for (size_t round = 0; round < 2; round++) {
		begin(&mallory, AUTHZ_ACTION_CREATE, empty_body());
		act.change.entry_count = LIMIT_CHANGE_WALLETS_MAX;
		for (size_t i = 0; i < LIMIT_CHANGE_WALLETS_MAX; i++) {
			struct authz_change_entry *entry = &act.change.entries[i];
			struct buffer out = BUFFER_OF_ARRAY(bodies[i]);
			char name[32];

			snprintf(name, sizeof(name), "spam-%zu-%zu", round, i);
			birth.name = bytes_of_text(name);
			CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
			*entry = (struct authz_change_entry){.body = buffer_bytes(&out)};
			keys_random(entry->wallet, 32);
			entry->wallet[0] = (uint8_t)(i + 1);
		}
		CHECK(prepare() == STATUS_OK);
		sign_with(&mallory.world.user);
		EXPECT(submit() == STATUS_OK);
	}
	EXPECT(listed(&mallory.world.user, first) == (size_t)2 * LIMIT_CHANGE_WALLETS_MAX);
	EXPECT(listed(&peggy.world.user, first) == LIMIT_INVITED_MAX);
	bear(&peggy, "peggy", &none);
	EXPECT(listed(&peggy.world.user, first) == LIMIT_INVITED_MAX + 1 &&
	       memcmp(first, peggy.world.wallet, 32) == 0);
}

/* ---- decisions ---- */

/* Reads one page; adds the numbers of its receipts to `numbers`. True while older ones may follow.
 */
static bool read_page(const struct person *person, uint8_t after[32], uint64_t *numbers,
                      uint64_t *boots, size_t *count)
{
	static struct authz_receipt receipt;
	struct cbor_reader r;
	size_t rows = ask_page(person, after, &r);
	bool more;

	for (size_t i = 0; i < rows; i++) {
		CHECK(authz_receipt_take(cbor_take_bytes(&r, AUTHZ_DECISIONS_BYTES_MAX),
		                         &receipt) == STATUS_OK);
		EXPECT(memcmp(receipt.wallet, person->world.wallet, 32) == 0);
		numbers[*count] = receipt.number;
		boots[(*count)++] = receipt.boot;
	}
	cbor_take_end(&r);
	more = cbor_take_key_if(&r, 2);
	if (more)
		cbor_take_bytes_n(&r, after, 32);
	cbor_take_end(&r);
	CHECK(cbor_done(&r) == STATUS_OK);
	return more;
}

/* All pages; how many receipts there were, each the one before the last. */
static size_t read_all(const struct person *person, size_t *ret_pages)
{
	uint64_t numbers[256], boots[256];
	uint8_t after[32] = {0};
	size_t count = 0;
	bool more = true;

	for (*ret_pages = 0; more && *ret_pages < 50; (*ret_pages)++)
		more = read_page(person, after, numbers, boots, &count);
	EXPECT(!more);
	for (size_t i = 1; i < count; i++)
		EXPECT(boots[i] == boots[i - 1] ? numbers[i] == numbers[i - 1] - 1
		                                : boots[i] < boots[i - 1] && numbers[i - 1] == 1);
	EXPECT(count == 0 || numbers[count - 1] == 1);
	return count;
}

/* Waits until every receipt is durable. */
static bool are_durable(void)
{
	struct call_export_request request = {.topic = CALL_EXPORT_STATUS};
	static struct call_export_answer said;
	struct ipc_message message = {.kind = 0};

	for (size_t tries = 0; tries < 10000; tries++) {
		uint8_t space[CALL_EXPORT_REQUEST_MAX];
		struct buffer asked = BUFFER_OF_ARRAY(space);

		CHECK(call_export_put_request(&request, &asked) == STATUS_OK);
		CHECK(ipc_put(&rig.bridge, CALL_BRIDGE_EXPORT_REQUEST, buffer_bytes(&asked)) ==
		      STATUS_OK);
		do
			CHECK(rig_take(&rig, &rig.bridge, &message, 5000000) == STATUS_OK);
		while (message.kind != CALL_BRIDGE_EXPORT_ANSWER);
		CHECK(call_export_take_answer(buffer_bytes(&message.payload), &said) == STATUS_OK);
		if (said.status.receipts_behind == 0)
			return true;
	}
	return false;
}

static void decide(const struct person *person, size_t times)
{
	static uint64_t lamports = 1000; /* the same bytes again are one decision */

	for (size_t i = 0; i < times; i++) {
		uint8_t space[512];
		struct buffer message = BUFFER_OF_ARRAY(space);
		struct call_sign_request request;
		struct call_sign_answer said;

		rig_transfer_message(person->world.address, person->world.recipient, lamports++, 1,
		                     &message);
		request = rig_sign_request(&person->world, buffer_bytes(&message));
		CHECK(rig_sign(&rig, &request, &said));
	}
}

/* A wallet's owner reads its decisions back to the first one: from memory, then from the stream,
 * across starts of the signer, and no others' in between. */
static void test_decisions_are_read_page_by_page_back_to_the_first(void)
{
	static struct person kim, other;
	size_t pages;

	rig_world_make(&rig, &kim.world, "kim");
	rig_world_make(&rig, &other.world, "kims-neighbour");
	EXPECT(read_all(&kim, &pages) == 0);
	decide(&kim, 5);
	EXPECT(read_all(&kim, &pages) == 5 && pages == 1); /* its very first one is among them */
	for (size_t i = 0; i < 20; i++) {
		decide(&other, 2);
		decide(&kim, 2);
	}
	EXPECT(read_all(&kim, &pages) == 45 && pages >= 3);
	EXPECT(are_durable());
	EXPECT(read_all(&other, &pages) == 40);
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	decide(&kim, 18);
	EXPECT(read_all(&kim, &pages) == 63 && pages >= 4);
}

/* ---- delays, and the machine's clocks ---- */

#define HOUR 3600
#define DAY  86400

/* ---- codes where the time is known badly ---- */

static void tell_time(const struct keys_sign_key *key, uint64_t time_s, uint8_t error_s)
{
	struct authz_time made = {.time_s = time_s, .error_s = error_s};
	struct authz_time_answer said;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	CHECK(rig_ask(&rig, CALL_CHANGE_TIME, bytes_of(NULL, 0), &answer) == STATUS_OK);
	CHECK(authz_time_answer_take(buffer_bytes(&answer), &said) == STATUS_OK);
	memcpy(made.deployment, rig.deployment, 32);
	memcpy(made.key, keys_sign_public(key), 32);
	memcpy(made.nonce, said.nonce, 32);
	CHECK(authz_time_put(&made, key, &out) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_TIME, buffer_bytes(&out), &answer) == STATUS_OK);
}

/* A right code that comes while the site's bounds lie far apart is not called wrong, and locks
 * nothing. */
static void test_codes_are_not_looked_at_where_the_time_is_known_badly(void)
{
	static char setting[16 + BASE58_LEN(32) + 1];
	uint32_t wrong = keys_totp_code(&carol.more_codes.secret, 1);
	char text[BASE58_LEN(32) + 1];
	struct keys_sign_key key;

	keys_sign_random(&key);
	CHECK(base58_encode(bytes_of(keys_sign_public(&key), 32), text, sizeof(text)) == STATUS_OK);
	snprintf(setting, sizeof(setting), "time_keys=%s", text);
	rig_stop(&rig);
	rig.setting = setting;
	rig_start(&rig, folder, false);
	tell_time(&key, rig_now_s(&rig) + 70, 60); /* which is taken, and true */
	for (size_t i = 0; i < 7; i++) {
		begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
		CHECK(prepare() == STATUS_OK);
		add_code(carol.more_codes.id, wrong);
		EXPECT(submit() == STATUS_REFUSED && refused_as("time_unproven"));
	}
	rig_pass(&rig, 16); /* another nonce */
	tell_time(&key, rig_now_s(&rig), 1);
	begin(&carol, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_code(carol.more_codes.id, wrong);
	EXPECT(submit() == STATUS_REFUSED && refused_as("code is wrong"));
}

/* ---- a freeze beside a change that has not been settled ---- */

/* The changes of a wallet, from its birth to where the signer says that it stands (S11). */
static bool is_followed(const struct person *person)
{
	static struct authz_history history;
	static struct authz_changes_answer page;
	struct authz_query query = {.topic = AUTHZ_QUERY_CHANGES};
	struct authz_standing standing;
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	enum status status = STATUS_OK;

	history = (struct authz_history){.version = 0};
	memcpy(history.deployment, rig.deployment, 32);
	memcpy(history.wallet, person->world.wallet, 32);
	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(&person->world.user), 32);
	memcpy(query.target, person->world.wallet, 32);
	keys_random(query.nonce, sizeof(query.nonce));
	CHECK(authz_query_put(&query, &person->world.user, &out) == STATUS_OK);
	CHECK(rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) == STATUS_OK);
	CHECK(authz_changes_answer_take(buffer_bytes(&answer), &page) == STATUS_OK && !page.more);
	CHECK(authz_standing_open(page.standing, rig.deployment_key, &standing) == STATUS_OK);
	for (size_t i = 0; status == STATUS_OK && i < page.count; i++)
		status = authz_history_next(&history, page.changes[i]);
	if (status == STATUS_OK)
		status = authz_history_end(&history, &standing);
	if (status != STATUS_OK)
		fprintf(stderr, "version %llu: %s\n", (unsigned long long)history.version + 1,
		        history.text);
	return status == STATUS_OK;
}

/* A freeze that a passkey signs waits for the passkey's record, while a change that removes the
 * passkey, or else the second key, settles. Tells whether the wallet is frozen then. */
static bool freeze_beside_a_removal(struct person *person, bool of_passkey)
{
	static uint8_t freeze_space[LIMIT_CHANGE_MAX];
	struct authz_factor_body add = {.add_count = 1}, drop = {.remove_count = 1};
	struct buffer frozen = BUFFER_OF_ARRAY(freeze_space);
	struct ipc_message message = {.kind = 0};
	uint64_t extends;

	add_second_key(person);
	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &person->passkey);
	add.add[0] = person->passkey.key;
	add.add_data[0] = soft_passkey_data(&person->passkey);
	drop.remove[0] = person->passkey.key;
	if (!of_passkey) {
		drop.remove[0].kind = AUTHZ_KEY_ED25519;
		memcpy(drop.remove[0].key, keys_sign_public(&person->second), 32);
	}
	begin_signed(person, AUTHZ_ACTION_FACTOR, factor_body(&add));
	register_passkey(&person->passkey);
	sign_with(&person->world.user);
	sign_with(&person->second);
	CHECK(submit() == STATUS_OK);
	/* Now the passkey is in no cache: who signs with it waits for the store. */
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	begin(person, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with_passkey(&person->passkey);
	CHECK(authz_signed_change_put(&act.given, &frozen) == STATUS_OK);
	begin_signed(person, AUTHZ_ACTION_FACTOR, factor_body(&drop));
	sign_with(&person->world.user);
	sign_with(&person->second);
	/* The owner's change is written, and waits for the TPM. */
	extends = rig.extends;
	rig.holds_anchor = true;
	rig.patience_us = 200000;
	EXPECT(submit() == STATUS_BUSY);
	for (size_t tries = 0; tries < 100 && !ipc_ready(&rig.attestor); tries++)
		usleep(100000);
	CHECK(ipc_ready(&rig.attestor));
	/* The freeze has the old wallet, and waits for the passkey. */
	kill(rig_child(&rig, PROC_store)->pid, SIGSTOP);
	rig.patience_us = 1000000;
	EXPECT(rig_ask(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&frozen), &answer) == STATUS_BUSY);
	rig.holds_anchor = false;
	/* The owner's change is settled, and answered; the freeze waits still. */
	EXPECT(rig_take(&rig, &rig.authority, &message, 10000000) == STATUS_OK);
	EXPECT(rig.extends == extends + 1);
	EXPECT(rig_take(&rig, &rig.authority, &message, 300000) == STATUS_BUSY);
	kill(rig_child(&rig, PROC_store)->pid, SIGCONT);
	rig.patience_us = 0;
	EXPECT(rig_take(&rig, &rig.authority, &message, 10000000) == STATUS_OK);
	EXPECT(wallet_of(person).user_key_count == 2 && is_followed(person));
	return wallet_of(person).frozen;
}

/* What removes a stolen factor is not undone by what the thief asks for with it meanwhile, nor does
 * that spoil the audit for good: it goes on from the change that removes the factor. */
static void test_a_freeze_with_a_stolen_factor_does_not_bring_it_back(void)
{
	static struct person mia;

	rig_world_make(&rig, &mia.world, "mia");
	EXPECT(!freeze_beside_a_removal(&mia, true));
	EXPECT(freeze(&mia, &mia.passkey) == STATUS_REFUSED && refused_as("not a user key"));
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(!wallet_of(&mia).frozen && wallet_of(&mia).user_key_count == 2);
}

/* Nor while that change waits for its TPM write; the factors that it leaves go on. */
static void test_a_factor_that_is_being_removed_takes_nothing(void)
{
	static struct person tara;
	static uint8_t stolen_space[LIMIT_CHANGE_MAX], own_space[LIMIT_CHANGE_MAX];
	struct buffer stolen = BUFFER_OF_ARRAY(stolen_space), own = BUFFER_OF_ARRAY(own_space);
	struct authz_factor_body drop = {.remove_count = 1};
	struct ipc_message message = {.kind = 0};

	rig_world_make(&rig, &tara.world, "tara");
	add_second_key(&tara);
	drop.remove[0].kind = AUTHZ_KEY_ED25519;
	memcpy(drop.remove[0].key, keys_sign_public(&tara.second), 32);
	begin_signed(&tara, AUTHZ_ACTION_FREEZE, empty_body());
	sign_with(&tara.second);
	CHECK(authz_signed_change_put(&act.given, &stolen) == STATUS_OK);
	begin_signed(&tara, AUTHZ_ACTION_FREEZE, empty_body());
	sign_with(&tara.world.user);
	CHECK(authz_signed_change_put(&act.given, &own) == STATUS_OK);
	begin_signed(&tara, AUTHZ_ACTION_FACTOR, factor_body(&drop));
	sign_with(&tara.world.user);
	sign_with(&tara.second);
	rig.holds_anchor = true;
	rig.patience_us = 200000;
	EXPECT(submit() == STATUS_BUSY);
	rig.patience_us = 10000000;
	EXPECT(rig_ask(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&stolen), &answer) == STATUS_REFUSED);
	EXPECT(refused_as("not a user key"));
	EXPECT(!wallet_of(&tara).frozen);
	rig.patience_us = 500000;
	EXPECT(rig_ask(&rig, CALL_CHANGE_SUBMIT, buffer_bytes(&own), &answer) == STATUS_BUSY);
	rig.holds_anchor = false;
	for (int i = 0; i < 2; i++)
		EXPECT(rig_take(&rig, &rig.authority, &message, 10000000) == STATUS_OK);
	rig.patience_us = 0;
	EXPECT(wallet_of(&tara).frozen && wallet_of(&tara).user_key_count == 1);
	EXPECT(is_followed(&tara));
}

/* A25: who freezes a wallet anew with each change of many that he signs leaves nothing for good in
 * it, and what he leaves elsewhere is frozen all the same. */
static void test_a_freeze_of_many_leaves_alone_what_is_frozen(void)
{
	static struct person vito, twin;
	const struct person *order[2];
	uint64_t versions[2];

	keys_sign_random(&vito.world.user);
	bear(&vito, "vito", &(struct authz_delays){.has_delay = false});
	twin = vito;
	bear(&twin, "vito-2", &(struct authz_delays){.has_delay = false});
	begin_signed(&vito, AUTHZ_ACTION_FREEZE, empty_body());
	sign_with(&vito.world.user);
	EXPECT(submit() == STATUS_OK);
	versions[0] = wallet_of(&vito).version;
	versions[1] = wallet_of(&twin).version;
	order[0] = memcmp(vito.world.wallet, twin.world.wallet, 32) < 0 ? &vito : &twin;
	order[1] = order[0] == &vito ? &twin : &vito;
	for (size_t round = 0; round < 2; round++) {
		begin(&vito, AUTHZ_ACTION_FREEZE, empty_body());
		act.change.entry_count = 2;
		for (size_t i = 0; i < 2; i++) {
			act.change.entries[i] = act.change.entries[0];
			memcpy(act.change.entries[i].wallet, order[i]->world.wallet, 32);
		}
		CHECK(prepare() == STATUS_OK);
		sign_with(&vito.world.user);
		EXPECT(submit() == STATUS_OK);
		EXPECT(wallet_of(&vito).frozen && wallet_of(&twin).frozen);
		EXPECT(wallet_of(&vito).version == versions[0]);
		EXPECT(wallet_of(&twin).version == versions[1] + 1);
	}
	EXPECT(is_followed(&vito) && is_followed(&twin));
}

/* A freeze takes the wallet as it is when it takes effect. */
static void test_a_freeze_that_waited_undoes_no_change_before_it(void)
{
	static struct person ines;

	rig_world_make(&rig, &ines.world, "ines");
	EXPECT(freeze_beside_a_removal(&ines, false));
	rig_stop(&rig);
	rig_start(&rig, folder, false);
	EXPECT(wallet_of(&ines).frozen && wallet_of(&ines).user_key_count == 2);
}

static struct person nora;

/* Who has lost a key asks for a passkey in its place; 72 hours, whatever any clock says: only what
 * the signer runs counts (O6, T1, A13). */
static void test_three_days_are_three_days_in_which_the_signer_runs(void)
{
	static struct soft_passkey late;
	struct authz_factor_body body = {.add_count = 1, .remove_count = 1};
	uint8_t hash[32];
	uint64_t opens_s;

	rig_world_make(&rig, &nora.world, "nora");
	add_second_key(&nora);
	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &late);
	body.add[0] = late.key;
	body.add_data[0] = soft_passkey_data(&late);
	body.remove[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.remove[0].key, keys_sign_public(&nora.second), 32);
	begin_signed(&nora, AUTHZ_ACTION_FACTOR, factor_body(&body));
	register_passkey(&late);
	sign_with(&nora.world.user);
	EXPECT(submit() == STATUS_OK);
	opens_s = submitted().waits_until_s;
	authz_change_hash(act.given.change, hash);
	EXPECT(opens_s >= rig_now_s(&rig) + 3 * DAY - 5 &&
	       opens_s <= rig_now_s(&rig) + 3 * DAY + 5);
	/* The signer is stopped, the machine is off, and starts with the clock four days ahead,
	 * which is believed: nobody could have cancelled meanwhile. */
	rig_stop(&rig);
	atomic_fetch_add(&rig.clocks->system_s, 4 * DAY);
	atomic_store(&rig.clocks->boot_s, 5 - (int64_t)(supervisor_now_us() / 1000000));
	rig_start(&rig, folder, false);
	EXPECT(complete(&nora, hash) == STATUS_REFUSED && refused_as("it waits for"));
	EXPECT(wallet_of(&nora).pending[0].opens_s >= opens_s + 4 * DAY - 60); /* and it says so */
	/* Nor does the clock, nor a sleep of the machine, while it runs. */
	atomic_fetch_add(&rig.clocks->boot_s, 4 * DAY);
	atomic_fetch_add(&rig.clocks->system_s, 4 * DAY);
	EXPECT(complete(&nora, hash) == STATUS_REFUSED && refused_as("it waits for"));
	rig_pass(&rig, 3 * DAY - 60);
	EXPECT(complete(&nora, hash) == STATUS_REFUSED && refused_as("it waits for"));
	rig_pass(&rig, 61);
	EXPECT(complete_in_time(&nora, hash) == STATUS_OK);
	/* The passkey that was registered three days before is the wallet's factor now. */
	EXPECT(freeze(&nora, &late) == STATUS_OK);
	begin(&nora, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	sign_with(&nora.second);
	EXPECT(submit() == STATUS_REFUSED);
}

static struct person olaf;

static void export_that_waits(struct keys_hpke_key *recipient, uint8_t ret_hash[32])
{
	keys_hpke_random(recipient);
	begin_signed(&olaf, AUTHZ_ACTION_EXPORT, export_body(recipient, AUTHZ_EXPORT_KEYPAIR));
	sign_with(&olaf.world.user);
	sign_with(&olaf.second);
	EXPECT(submit() == STATUS_OK && submitted().waits_until_s >= rig_now_s(&rig) + DAY - 5);
	authz_change_hash(act.given.change, ret_hash);
}

/* Any factor cancels to the last second; what was cancelled never opens, what opened and was done
 * is not cancelled, and what nobody wants for 30 days is void. */
static void test_an_export_waits_its_day_and_is_void_a_month_later(void)
{
	struct keys_hpke_key recipient, other;
	uint8_t hash[32], second[32], third[32];

	rig_world_make(&rig, &olaf.world, "olaf");
	add_second_key(&olaf);
	export_that_waits(&recipient, hash);
	export_that_waits(&other, second);
	rig_pass(&rig, DAY - 60);
	EXPECT(complete(&olaf, hash) == STATUS_REFUSED && refused_as("it waits for"));
	EXPECT(cancel(&olaf, second, &olaf.second) == STATUS_OK);
	rig_pass(&rig, 61);
	EXPECT(complete(&olaf, second) == STATUS_REFUSED && refused_as("cancelled or done"));
	EXPECT(complete_in_time(&olaf, hash) == STATUS_OK);
	EXPECT(opens(&olaf, &recipient, hash, submitted().export, AUTHZ_EXPORT_KEYPAIR));
	EXPECT(cancel(&olaf, hash, &olaf.second) == STATUS_REFUSED &&
	       refused_as("handed over; move the funds"));
	export_that_waits(&other, third);
	rig_pass(&rig, DAY + 1);
	/* Its time has come, and it is cancelled before it is completed: nothing is handed over. */
	EXPECT(cancel(&olaf, third, &olaf.world.user) == STATUS_OK);
	EXPECT(complete(&olaf, third) == STATUS_REFUSED && refused_as("cancelled or done"));
	export_that_waits(&other, third);
	rig_pass(&rig, DAY + 30 * DAY + 5);
	EXPECT(complete(&olaf, third) == STATUS_REFUSED &&
	       refused_as("nobody completed it in time"));
	EXPECT(complete(&olaf, hash) == STATUS_REFUSED); /* nor is the first one fetched for ever */
	EXPECT(wallet_of(&olaf).exported == 1);
}

/* ---- after a recovery ---- */

static enum status freeze_with_code(struct person *person)
{
	begin(person, AUTHZ_ACTION_FREEZE, empty_body());
	CHECK(prepare() == STATUS_OK);
	add_good_code(&person->codes);
	return submit();
}

/* T2: what was accepted after the backup stands in no record of it, so nothing of the last steps is
 * taken, though the store was left in order; the codes of later steps are. */
static void test_after_a_recovery_no_code_of_the_last_steps_is_taken(void)
{
	static struct person quinn;
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN], more[AUTHZ_SEALED_TOTP_LEN], checkpoint[32];

	rig_world_make(&rig, &quinn.world, "quinn");
	enroll(&quinn.codes, sealed);
	enroll(&quinn.more_codes, more);
	begin_codes(&quinn, sealed, more);
	add_good_code(&quinn.codes);
	add_good_code(&quinn.more_codes);
	EXPECT(submit() == STATUS_OK);
	rig_end(&rig);
	rig_start(&rig, folder, false);
	EXPECT(freeze_with_code(&quinn) == STATUS_OK); /* an ordinary start */
	rig_end(&rig);
	/* The TPM knows another branch than this store, which the site accepts. */
	memcpy(checkpoint, rig.checkpoint, sizeof(checkpoint));
	rig.anchor[0] ^= 1;
	EXPECT(!rig_try(&rig, folder));
	rig.accepts = checkpoint;
	rig_start(&rig, folder, false);
	rig.accepts = NULL;
	EXPECT(wallet_of(&quinn).frozen);
	EXPECT(freeze_with_code(&quinn) == STATUS_REFUSED && refused_as("code is wrong"));
	rig_pass(&rig, 3 * KEYS_TOTP_STEP_S);
	EXPECT(freeze_with_code(&quinn) == STATUS_OK);
}

static enum status cancel_with_code(struct person *person, const uint8_t hash[32])
{
	struct buffer out = BUFFER_OF_ARRAY(body_space);

	CHECK(authz_id_put(hash, &out) == STATUS_OK);
	begin(person, AUTHZ_ACTION_CANCEL, buffer_bytes(&out));
	CHECK(prepare() == STATUS_OK);
	add_good_code(&person->codes);
	return submit();
}

/* Who has the key of a wallet and not its codes asks for others, and locks the owner's. */
static void lock_codes(struct person *person, size_t tries)
{
	for (size_t i = 0; i < tries; i++) {
		begin(person, AUTHZ_ACTION_FREEZE, empty_body());
		CHECK(prepare() == STATUS_OK);
		add_code(person->codes.id, keys_totp_code(&person->codes.secret, 1));
		EXPECT(submit() == STATUS_REFUSED && refused_as("code is wrong"));
	}
}

/* A13: whoever stole one of two factors cannot take the owner of the other the time to object. */
static void test_a_recovery_waits_for_codes_that_somebody_locked(void)
{
	static struct person xenia;
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN], more[AUTHZ_SEALED_TOTP_LEN], hash[32];
	struct authz_factor_body body = {.add_count = 1, .remove_count = 2};
	struct keys_sign_key fresh;

	rig_world_make(&rig, &xenia.world, "xenia");
	enroll(&xenia.codes, sealed);
	enroll(&xenia.more_codes, more);
	begin_codes(&xenia, sealed, more);
	add_good_code(&xenia.codes);
	add_good_code(&xenia.more_codes);
	CHECK(submit() == STATUS_OK);
	body.remove[0].kind = body.remove[1].kind = AUTHZ_KEY_TOTP;
	memcpy(body.remove[0].key, xenia.codes.id, 32);
	memcpy(body.remove[1].key, xenia.more_codes.id, 32);
	for (unsigned objects = 1; objects < 2; objects--) {
		keys_sign_random(&fresh);
		body.add[0].kind = AUTHZ_KEY_ED25519;
		memcpy(body.add[0].key, keys_sign_public(&fresh), 32);
		begin_signed(&xenia, AUTHZ_ACTION_FACTOR, factor_body(&body));
		sign_with(&xenia.world.user);
		sign_with(&fresh);
		EXPECT(submit() == STATUS_OK && submitted().waits_until_s != 0);
		authz_change_hash(act.given.change, hash);
		rig_pass(&rig, DAY);
		lock_codes(&xenia, 5);
		EXPECT(cancel_with_code(&xenia, hash) == STATUS_REFUSED &&
		       refused_as("too many wrong"));
		/* Across a start that its records come back in. */
		rig_end(&rig);
		rig_start(&rig, folder, false);
		rig_pass(&rig, 2 * DAY + 60);
		EXPECT(complete(&xenia, hash) == STATUS_REFUSED && refused_as("kept those locked"));
		rig_pass(&rig, DAY - 60);
		EXPECT(complete(&xenia, hash) == STATUS_REFUSED && refused_as("kept those locked"));
		if (objects) {
			EXPECT(cancel_with_code(&xenia, hash) == STATUS_OK);
			EXPECT(complete(&xenia, hash) == STATUS_REFUSED &&
			       refused_as("cancelled or done"));
		} else {
			rig_pass(&rig, 60);
			EXPECT(complete_in_time(&xenia, hash) == STATUS_OK);
		}
	}
	EXPECT(wallet_of(&xenia).user_key_count == 2); /* nobody objected to the second */
}

/* A code of a change that was refused is used by nobody's request after it (S22). */
static void test_a_refused_changes_code_is_not_used_by_the_next_request(void)
{
	static struct person wanda;
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN], more[AUTHZ_SEALED_TOTP_LEN];
	struct keys_sign_key stranger;
	char token[RIG_TOKEN_LEN + 1];

	rig_world_make(&rig, &wanda.world, "wanda");
	enroll(&wanda.codes, sealed);
	enroll(&wanda.more_codes, more);
	begin_codes(&wanda, sealed, more);
	add_good_code(&wanda.codes);
	add_good_code(&wanda.more_codes);
	CHECK(submit() == STATUS_OK);
	rig_pass(&rig, 2 * KEYS_TOTP_STEP_S);
	/* Somebody must be left who can sign: refused after its code was looked at. */
	struct authz_factor_body body = {.remove_count = 1};

	body.remove[0].kind = AUTHZ_KEY_ED25519;
	memcpy(body.remove[0].key, keys_sign_public(&wanda.world.user), 32);
	begin_signed(&wanda, AUTHZ_ACTION_FACTOR, factor_body(&body));
	sign_with(&wanda.world.user);
	add_good_code(&wanda.codes);
	EXPECT(submit() == STATUS_REFUSED && refused_as("nobody left who can sign"));
	keys_sign_random(&stranger);
	rig_credential(&rig, &stranger, token);
	wanda.codes.step--;
	EXPECT(freeze_with_code(&wanda) == STATUS_OK);
}

/* The wallet that the key hears of when it asks for this one. */
static void wallet_asked_for(const struct keys_sign_key *key, const uint8_t target[32],
                             uint8_t ret_id[32])
{
	static struct authz_wallet_record record;
	struct authz_query query = {.topic = AUTHZ_QUERY_WALLET};
	uint8_t space[AUTHZ_STATEMENT_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	memset(ret_id, 0, 32);
	memcpy(query.deployment, rig.deployment, 32);
	memcpy(query.key, keys_sign_public(key), 32);
	memcpy(query.target, target, 32);
	CHECK(authz_query_put(&query, key, &out) == STATUS_OK);
	if (rig_ask(&rig, CALL_CHANGE_QUERY, buffer_bytes(&out), &answer) != STATUS_OK)
		return;
	CHECK(authz_wallet_take(buffer_bytes(&answer), &record) == STATUS_OK);
	memcpy(ret_id, record.id, 32);
}

/* U4: an id is chosen by whoever makes the wallet; chosen as another's name or address it stands
 * in the way of nobody who asks for that, and makes him believe nothing. */
static void test_an_id_stands_for_nobody_elses_name_or_address(void)
{
	static struct person vera, thief;
	const struct bytes name = bytes_of_text("vera");
	uint8_t names[2][32], id[32];

	rig_world_make(&rig, &vera.world, "vera");
	keys_sha256_label("claviger/name/v1", name, names[0]);
	memcpy(names[1], vera.world.address, 32);
	for (size_t i = 0; i < 2; i++) {
		struct authz_birth_body birth = {
		    .name = bytes_of_text(i == 0 ? "as-name" : "as-address"),
		    .user_key_count = 1,
		    .has_recovery = true};
		struct buffer out = BUFFER_OF_ARRAY(body_space);

		keys_sign_random(&thief.world.user);
		birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
		memcpy(birth.user_keys[0].key, keys_sign_public(&thief.world.user), 32);
		memcpy(birth.recovery, keys_sign_public(&vera.world.user), 32);
		CHECK(authz_birth_put(&birth, false, &out) == STATUS_OK);
		memcpy(thief.world.wallet, names[i], 32);
		begin(&thief, AUTHZ_ACTION_CREATE, buffer_bytes(&out));
		CHECK(prepare() == STATUS_OK);
		sign_with(&thief.world.user);
		EXPECT(submit() == STATUS_OK);
		wallet_asked_for(&vera.world.user, names[i], id);
		EXPECT(memcmp(id, vera.world.wallet, 32) == 0);
	}
	wallet_asked_for(&vera.world.user, vera.world.wallet, id);
	EXPECT(memcmp(id, vera.world.wallet, 32) == 0);
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	(void)walk;
	return remove(path);
}

int main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	CHECK(mkdtemp(programs) != NULL && chmod(programs, 0755) == 0);
	keys_open();
	rig_skew(&rig, programs);
	rig_start(&rig, folder, true);
	rig_world_make(&rig, &carol.world, "carol");
	rig_world_make(&rig, &dave.world, "dave");
	rig_world_make(&rig, &erin.world, "erin");
	RUN(test_a_passkey_makes_a_wallet_after_each_check_by_itself);
	RUN(test_a_passkey_is_good_for_its_own_wallets_only);
	RUN(test_a_credential_id_belongs_to_who_registered_it);
	RUN(test_a_session_reads_its_owners_wallets_and_no_others);
	RUN(test_who_opens_many_sessions_ends_nobody_elses);
	RUN(test_a_secret_that_was_taken_stays_in_no_shared_memory);
	RUN(test_the_secret_of_codes_is_for_who_asked_alone);
	RUN(test_one_time_codes_are_added_with_a_proof_that_they_work);
	RUN(test_two_factors_give_power_and_any_one_takes_it);
	RUN(test_a_code_counts_for_the_change_that_it_was_typed_for);
	RUN(test_a_stranger_with_wrong_codes_locks_out_no_owner);
	RUN(test_what_gives_power_waits_and_any_factor_cancels_it);
	RUN(test_what_waits_ends_when_factors_come_or_go); /* before a crash: codes */
	RUN(test_what_waited_is_done_once_when_its_time_has_come);
	RUN(test_a_raise_that_waits_undoes_no_limit_that_came_meanwhile);
	RUN(test_a_raise_of_a_grant_that_waits_undoes_no_lower_cap);
	RUN(test_a_key_that_becomes_a_factor_consents);
	RUN(test_a_known_passkey_becomes_a_factor_by_signing_alone);
	RUN(test_a_stranger_does_not_hear_which_passkeys_are_known);
	RUN(test_a_stranger_does_not_hear_who_is_a_user);
	RUN(test_a_lost_factor_is_replaced_after_time_to_say_no);
	RUN(test_a_recovery_key_freezes_and_asks_for_factors);
	RUN(test_no_wallet_is_a_factor_and_no_factor_a_wallet);
	RUN(test_an_export_takes_two_factors_time_and_the_right_recipient);
	RUN(test_an_export_that_was_not_carried_out_takes_its_receipt_back);
	RUN(test_a_factor_that_is_gone_completes_nothing);
	RUN(test_an_export_needs_a_second_factor_to_exist);
	RUN(test_wrong_codes_make_the_next_ones_wait);
	RUN(test_a_credential_id_is_reserved_while_its_change_waits);
	RUN(test_a_wallet_leaves_so_many_records_in_a_day);
	RUN(test_one_factor_leaves_half_of_the_day_to_two);
	RUN(test_a_change_of_two_wallets_waits_and_ends_as_one);
	RUN(test_limits_that_are_lowered_in_one_act_fall_all_or_none);
	RUN(test_a_recovery_key_is_replaced_as_factors_are);
	RUN(test_every_key_that_was_born_with_a_wallet_lists_it);
	RUN(test_wallets_that_others_name_a_key_for_are_listed_last_and_are_few);
	RUN(test_decisions_are_read_page_by_page_back_to_the_first);
	RUN(test_a_freeze_with_a_stolen_factor_does_not_bring_it_back);
	RUN(test_a_factor_that_is_being_removed_takes_nothing);
	RUN(test_a_freeze_of_many_leaves_alone_what_is_frozen);
	RUN(test_a_freeze_that_waited_undoes_no_change_before_it);
	RUN(test_a_site_takes_only_bound_passkeys_for_exports_when_it_says_so);
	RUN(test_three_days_are_three_days_in_which_the_signer_runs);
	RUN(test_an_export_waits_its_day_and_is_void_a_month_later);
	RUN(test_a_refused_changes_code_is_not_used_by_the_next_request);
	RUN(test_an_id_stands_for_nobody_elses_name_or_address);
	RUN(test_a_recovery_waits_for_codes_that_somebody_locked);
	RUN(test_after_a_recovery_no_code_of_the_last_steps_is_taken);
	RUN(test_codes_are_not_looked_at_where_the_time_is_known_badly);
	rig_stop(&rig);
	(void)nftw(folder, drop, 16, FTW_DEPTH | FTW_PHYS);
	(void)nftw(programs, drop, 16, FTW_DEPTH | FTW_PHYS);
	return test_summary();
}
