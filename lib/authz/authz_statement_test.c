/* Statements: one key, one label, one meaning; births that a bridge cannot swap (A8); B13,
 * S18, DS7: an escape copy opens with its owner's key alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_statement.h"

#include "authz_envelope.h"
#include "base_test.h"

static uint8_t space[AUTHZ_BIRTH_MAX + 1024], change_space[LIMIT_CHANGE_MAX];

static struct keys_sign_key key_of(uint8_t number)
{
	uint8_t seed[32] = {number};
	struct keys_sign_key key;

	keys_sign_from_seed(seed, &key);
	return key;
}

static struct authz_credential sample_credential(const struct keys_sign_key *root)
{
	struct authz_credential credential = {.deployment = {1},
	                                      .serial = 7,
	                                      .kind = AUTHZ_CREDENTIAL_TOKEN,
	                                      .hash = {3},
	                                      .expires_s = 99};

	memcpy(credential.root_key, keys_sign_public(root), 32);
	return credential;
}

static void test_credential_opens_as_signed_and_in_no_other_form(void)
{
	struct keys_sign_key root = key_of(1);
	struct authz_credential credential = sample_credential(&root), back;
	struct buffer out = BUFFER_OF_ARRAY(space);
	size_t len;

	EXPECT(authz_credential_put(&credential, &root, &out) == STATUS_OK);
	len = out.len;
	EXPECT(authz_credential_open(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(back.serial == 7 && back.expires_s == 99 && back.hash[0] == 3);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT(authz_credential_open(bytes_of(space, len), &back) != STATUS_OK);
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t short_len = 0; short_len < len; short_len++)
		EXPECT(authz_credential_open(bytes_of(space, short_len), &back) != STATUS_OK);
	credential.kind = 3;
	out.len = 0;
	EXPECT(authz_credential_put(&credential, &root, &out) == STATUS_OK);
	EXPECT(authz_credential_open(buffer_bytes(&out), &back) == STATUS_UNSUPPORTED);
}

/* A credential and a command have the same shape; only the label tells them apart. */
static void test_a_statement_of_one_kind_is_none_of_another(void)
{
	struct keys_sign_key key = key_of(1);
	struct authz_credential credential = sample_credential(&key), credential_back;
	struct authz_command command = {.deployment = {1},
	                                .serial = 7,
	                                .action = AUTHZ_COMMAND_FREEZE_CLIENT,
	                                .target = {3},
	                                .expires_s = 99},
	                     command_back;
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(command.operator_key, keys_sign_public(&key), 32);
	EXPECT(authz_credential_put(&credential, &key, &out) == STATUS_OK);
	EXPECT(authz_command_open(buffer_bytes(&out), &command_back) == STATUS_CRYPTO);
	out.len = 0;
	EXPECT(authz_command_put(&command, &key, &out) == STATUS_OK);
	EXPECT(authz_command_open(buffer_bytes(&out), &command_back) == STATUS_OK);
	EXPECT(command_back.action == AUTHZ_COMMAND_FREEZE_CLIENT && command_back.target[0] == 3);
	EXPECT(authz_credential_open(buffer_bytes(&out), &credential_back) == STATUS_CRYPTO);
	command.action = AUTHZ_COMMAND_FREEZE_ALL; /* with a target: what would it mean? */
	out.len = 0;
	EXPECT(authz_command_put(&command, &key, &out) == STATUS_OK);
	EXPECT(authz_command_open(buffer_bytes(&out), &command_back) == STATUS_MALFORMED);
	command.action = AUTHZ_COMMAND_COUNT;
	out.len = 0;
	EXPECT(authz_command_put(&command, &key, &out) == STATUS_OK);
	EXPECT(authz_command_open(buffer_bytes(&out), &command_back) == STATUS_UNSUPPORTED);
}

/* T3: what a time key says is what it signed, to the bit, and nothing else of ours. */
static void test_a_time_opens_as_signed_and_in_no_other_form(void)
{
	struct keys_sign_key key = key_of(1);
	struct authz_time time = {.deployment = {1},
	                          .nonce = {4},
	                          .time_s = 1800000000,
	                          .error_s = 2},
	                  back;
	struct authz_command command;
	struct buffer out = BUFFER_OF_ARRAY(space);
	size_t len;

	memcpy(time.key, keys_sign_public(&key), 32);
	EXPECT(authz_time_put(&time, &key, &out) == STATUS_OK);
	len = out.len;
	EXPECT(authz_time_open(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(back.time_s == 1800000000 && back.error_s == 2 && back.nonce[0] == 4 &&
	       memcmp(back.key, time.key, 32) == 0);
	EXPECT(authz_command_open(buffer_bytes(&out), &command) != STATUS_OK);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT(authz_time_open(bytes_of(space, len), &back) != STATUS_OK);
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t short_len = 0; short_len < len; short_len++)
		EXPECT(authz_time_open(bytes_of(space, short_len), &back) != STATUS_OK);
	time.error_s = AUTHZ_TIME_ERROR_MAX_S + 1;
	out.len = 0;
	EXPECT(authz_time_put(&time, &key, &out) == STATUS_OK);
	EXPECT(authz_time_open(buffer_bytes(&out), &back) != STATUS_OK);
	time.error_s = 0;
	time.time_s = AUTHZ_TIME_MAX_S + 1;
	out.len = 0;
	EXPECT(authz_time_put(&time, &key, &out) == STATUS_OK);
	EXPECT(authz_time_open(buffer_bytes(&out), &back) != STATUS_OK);
}

static void test_queries_and_certificates_round_trip_for_their_key(void)
{
	struct keys_sign_key key = key_of(1), other = key_of(2);
	struct authz_query query = {.deployment = {1}, .topic = AUTHZ_QUERY_GRANT, .target = {4}},
	                   query_back;
	struct authz_certificate certificate = {.deployment = {1},
	                                        .boot = 5,
	                                        .role = AUTHZ_ROLE_AUTHORITY,
	                                        .key = {9}},
	                         certificate_back;
	struct buffer out = BUFFER_OF_ARRAY(space);

	memcpy(query.key, keys_sign_public(&key), 32);
	EXPECT(authz_query_put(&query, &key, &out) == STATUS_OK);
	EXPECT(authz_query_open(buffer_bytes(&out), &query_back) == STATUS_OK);
	EXPECT(query_back.topic == AUTHZ_QUERY_GRANT && query_back.target[0] == 4);
	out.len = 0;
	EXPECT(authz_certificate_put(&certificate, &key, &out) == STATUS_OK);
	EXPECT(authz_certificate_open(buffer_bytes(&out), keys_sign_public(&key),
	                              &certificate_back) == STATUS_OK);
	EXPECT(certificate_back.boot == 5 && certificate_back.key[0] == 9);
	EXPECT(authz_certificate_open(buffer_bytes(&out), keys_sign_public(&other),
	                              &certificate_back) == STATUS_CRYPTO);
}

static struct authz_change change;
static struct authz_birth birth, answered;

/* prepare makes a create change of one wallet and the right answer to it. */
static struct bytes prepare(struct buffer *body_out, struct bytes escape)
{
	struct authz_birth_body body = {.name = bytes_of_text("main"),
	                                .user_key_count = 2,
	                                .has_recovery = true,
	                                .has_escape = true,
	                                .escape = {7}};
	struct buffer encoded = BUFFER_OF_ARRAY(change_space);
	struct keys_sign_key keys[4] = {key_of(1), key_of(2), key_of(3), key_of(4)};

	for (size_t i = 0; i < 2; i++) {
		body.user_keys[i].kind = AUTHZ_KEY_ED25519;
		memcpy(body.user_keys[i].key, keys_sign_public(&keys[i]), 32);
	}
	memcpy(body.recovery, keys_sign_public(&keys[2]), 32);
	EXPECT(authz_birth_put(&body, false, body_out) == STATUS_OK);
	change = (struct authz_change){
	    .action = AUTHZ_ACTION_CREATE, .deployment = {1}, .entry_count = 1};
	change.entries[0].wallet[0] = 5;
	change.entries[0].body = buffer_bytes(body_out);
	EXPECT(authz_change_put(&change, &encoded) == STATUS_OK);
	birth = (struct authz_birth){.deployment = {1}, .count = 1};
	authz_change_hash(buffer_bytes(&encoded), birth.change_hash);
	birth.rows[0].wallet[0] = 5;
	memcpy(birth.rows[0].address, keys_sign_public(&keys[3]), 32);
	birth.rows[0].user_key_count = 2;
	memcpy(birth.rows[0].user_keys, body.user_keys, sizeof(body.user_keys));
	birth.rows[0].has_recovery = true;
	memcpy(birth.rows[0].recovery, body.recovery, 32);
	birth.rows[0].escape_copy = escape;
	return buffer_bytes(&encoded);
}

/* A8: each field swapped alone. */
static void test_birth_answer_with_anything_swapped_is_refused(void)
{
	uint8_t body_space[1024];
	static const uint8_t escape[AUTHZ_ESCAPE_LEN];
	struct buffer body = BUFFER_OF_ARRAY(body_space), out = BUFFER_OF_ARRAY(space);
	struct bytes encoded = prepare(&body, BYTES_OF_ARRAY(escape));
	struct keys_sign_key deployment = key_of(9), foreign = key_of(8);
	struct authz_birth good = birth;

	EXPECT(authz_birth_answer_put(&birth, &deployment, &out) == STATUS_OK);
	EXPECT(authz_birth_answer_open(buffer_bytes(&out), keys_sign_public(&deployment),
	                               &answered) == STATUS_OK);
	EXPECT(authz_birth_matches(&answered, &change, encoded) == STATUS_OK);
	EXPECT(answered.rows[0].escape_copy.len == AUTHZ_ESCAPE_LEN);
	EXPECT(authz_birth_answer_open(buffer_bytes(&out), keys_sign_public(&foreign), &answered) ==
	       STATUS_CRYPTO);
	space[out.len / 2] ^= 1;
	EXPECT(authz_birth_answer_open(buffer_bytes(&out), keys_sign_public(&deployment),
	                               &answered) != STATUS_OK);
#define SWAPPED(statement)                                                                         \
	do {                                                                                       \
		birth = good;                                                                      \
		statement;                                                                         \
		EXPECT(authz_birth_matches(&birth, &change, encoded) == STATUS_REFUSED);           \
	} while (0)
	SWAPPED(birth.deployment[0] ^= 1);
	SWAPPED(birth.change_hash[31] ^= 1);
	SWAPPED(birth.count = 0);
	SWAPPED(birth.rows[0].wallet[0] ^= 1);
	SWAPPED(memset(birth.rows[0].address, 0, 32)); /* no key at all: funds would be lost */
	SWAPPED(birth.rows[0].imported = true);
	SWAPPED(birth.rows[0].user_key_count = 1);
	SWAPPED(birth.rows[0].user_keys[1].key[0] ^= 1);
	SWAPPED(birth.rows[0].user_keys[0].kind = 2);
	SWAPPED(birth.rows[0].has_recovery = false);
	SWAPPED(birth.rows[0].recovery[4] ^= 1);
	SWAPPED(birth.rows[0].escape_copy.len = 0);
	birth = good;
	change.action = AUTHZ_ACTION_GRANT;
	EXPECT(authz_birth_matches(&birth, &change, encoded) == STATUS_REFUSED);
}

static void test_escape_copy_opens_for_its_owner_wallet_and_address(void)
{
	uint8_t secret[32] = {[1] = 5}, other[32] = {[1] = 6}, deployment[32] = {1},
	        wallet[32] = {2}, sealed_space[AUTHZ_ESCAPE_LEN];
	struct keys_sign_key key = key_of(3), found;
	struct buffer sealed = BUFFER_OF_ARRAY(sealed_space);
	struct keys_hpke_key pair;

	keys_hpke_from_seed(secret, &pair);
	EXPECT(authz_escape_seal(pair.public, deployment, wallet, &key, &sealed) == STATUS_OK);
	EXPECT(sealed.len == AUTHZ_ESCAPE_LEN);
#define OPENS(s, w, a) authz_escape_open(s, deployment, w, a, buffer_bytes(&sealed), &found)
	EXPECT(OPENS(secret, wallet, keys_sign_public(&key)) == STATUS_OK);
	EXPECT(memcmp(&found, &key, sizeof(key)) == 0);
	EXPECT(OPENS(other, wallet, keys_sign_public(&key)) == STATUS_CRYPTO);
	EXPECT(OPENS(secret, other, keys_sign_public(&key)) == STATUS_CRYPTO);
	EXPECT(OPENS(secret, wallet, other) == STATUS_CRYPTO);
}

/* N3, H11: an envelope opens at its deployment and key only, the answer at who asked only. */
static void test_envelopes_travel_unread_and_answers_come_back(void)
{
	static uint8_t scratch_space[4096], sealed_space[4096], opened_space[4096];
	struct buffer scratch = BUFFER_OF_ARRAY(scratch_space),
	              sealed = BUFFER_OF_ARRAY(sealed_space);
	struct buffer opened = BUFFER_OF_ARRAY(opened_space);
	struct authz_envelope asked = {.kind = 3, .payload = bytes_of_text("a change")}, got;
	struct keys_hpke_answer client, server;
	uint8_t deployment[32] = {1}, foreign[32] = {2};
	struct keys_hpke_key channel;
	struct bytes code, text;

	keys_hpke_random(&channel);
	EXPECT(authz_envelope_seal(deployment, channel.public, &asked, &scratch, &sealed,
	                           &client) == STATUS_OK);
	EXPECT(memmem(sealed.data, sealed.len, "a change", 8) == NULL);
	EXPECT(authz_envelope_open(foreign, &channel, buffer_bytes(&sealed), &opened, &got,
	                           &server) == STATUS_CRYPTO);
	EXPECT(authz_envelope_open(deployment, &channel, buffer_bytes(&sealed), &opened, &got,
	                           &server) == STATUS_OK);
	EXPECT(got.kind == 3 && bytes_equal(got.payload, asked.payload));
	scratch.len = sealed.len = opened.len = 0;
	EXPECT(authz_refusal_put(bytes_of_text("no_grant"), bytes_of_text("no."), &opened) ==
	       STATUS_OK);
	asked = (struct authz_envelope){.kind = STATUS_REFUSED, .payload = buffer_bytes(&opened)};
	EXPECT(authz_answer_seal(&server, &asked, &scratch, &sealed) == STATUS_OK);
	scratch.len = 0;
	EXPECT(authz_answer_open(&client, buffer_bytes(&sealed), &scratch, &got) == STATUS_OK);
	EXPECT(got.kind == STATUS_REFUSED);
	EXPECT(authz_refusal_take(got.payload, &code, &text) == STATUS_OK);
	EXPECT(bytes_equal(code, bytes_of_text("no_grant")) &&
	       bytes_equal(text, bytes_of("no.", 3)));
	sealed_space[40] ^= 1;
	EXPECT(authz_answer_open(&client, buffer_bytes(&sealed), &scratch, &got) == STATUS_CRYPTO);
}

/* What an operator installs: the command and its content, in one encoding, each within its bound.
 */
static void test_an_install_has_one_encoding_and_its_bounds(void)
{
	static uint8_t content[AUTHZ_INSTALL_MAX + 1], put_space[sizeof(content) + 1024],
	    again_space[sizeof(put_space)];
	struct keys_sign_key operator_key = key_of(3);
	struct authz_command command = {.deployment = {1},
	                                .serial = 1,
	                                .action = AUTHZ_COMMAND_INSTALL_SITE,
	                                .target = {9},
	                                .expires_s = 99};
	struct buffer signed_command = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(put_space),
	              again = BUFFER_OF_ARRAY(again_space);
	struct authz_install install, back;
	struct authz_command opened;
	size_t refused = 0;

	memcpy(command.operator_key, keys_sign_public(&operator_key), 32);
	EXPECT(authz_command_put(&command, &operator_key, &signed_command) == STATUS_OK);
	install = (struct authz_install){.command = buffer_bytes(&signed_command),
	                                 .content = bytes_of_text("a manifest")};
	EXPECT(authz_install_put(&install, &out) == STATUS_OK);
	EXPECT(authz_install_take(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(bytes_equal(back.content, install.content) &&
	       authz_command_open(back.command, &opened) == STATUS_OK &&
	       opened.action == AUTHZ_COMMAND_INSTALL_SITE);
	for (size_t len = 0; len < out.len; len++)
		refused += authz_install_take(bytes_of(put_space, len), &back) != STATUS_OK;
	EXPECT(refused == out.len);
	put_space[out.len] = 0;
	EXPECT(authz_install_take(bytes_of(put_space, out.len + 1), &back) != STATUS_OK);
	/* What is taken after a byte was changed, written again, is that and no other text. */
	for (size_t at = 0; at < out.len; at++) {
		put_space[at] ^= 0x20;
		again.len = 0;
		if (authz_install_take(bytes_of(put_space, out.len), &back) == STATUS_OK)
			EXPECT(authz_install_put(&back, &again) == STATUS_OK &&
			       bytes_equal(buffer_bytes(&again), bytes_of(put_space, out.len)));
		put_space[at] ^= 0x20;
	}
	install.content = bytes_of(content, AUTHZ_INSTALL_MAX);
	out.len = 0;
	EXPECT(authz_install_put(&install, &out) == STATUS_OK &&
	       authz_install_take(buffer_bytes(&out), &back) == STATUS_OK &&
	       back.content.len == AUTHZ_INSTALL_MAX);
	install.content = BYTES_OF_ARRAY(content);
	out.len = 0;
	EXPECT(authz_install_put(&install, &out) == STATUS_OK &&
	       authz_install_take(buffer_bytes(&out), &back) != STATUS_OK);
	install = (struct authz_install){.command = bytes_of(content, AUTHZ_STATEMENT_MAX + 1)};
	out.len = 0;
	EXPECT(authz_install_put(&install, &out) == STATUS_OK &&
	       authz_install_take(buffer_bytes(&out), &back) != STATUS_OK);
}

int main(void)
{
	RUN(test_credential_opens_as_signed_and_in_no_other_form);
	RUN(test_a_statement_of_one_kind_is_none_of_another);
	RUN(test_a_time_opens_as_signed_and_in_no_other_form);
	RUN(test_queries_and_certificates_round_trip_for_their_key);
	RUN(test_birth_answer_with_anything_swapped_is_refused);
	RUN(test_escape_copy_opens_for_its_owner_wallet_and_address);
	RUN(test_envelopes_travel_unread_and_answers_come_back);
	RUN(test_an_install_has_one_encoding_and_its_bounds);
	return test_summary();
}
