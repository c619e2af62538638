/* Changes: one encoding each, strict bodies, ids both sides agree on (H1, H2, U3, A6). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_factor.h"

#include "base_encode.h"
#include "base_test.h"

static uint8_t space[8][1 << 16];
static struct authz_change change, taken;

static struct buffer room(size_t which)
{
	return (struct buffer){space[which], sizeof(space[which]), 0};
}

/* strong_key makes a real ed25519 public key of a number. */
static void strong_key(uint8_t number, uint8_t ret_key[32])
{
	uint8_t seed[32] = {number};
	struct keys_sign_key key;

	keys_sign_from_seed(seed, &key);
	memcpy(ret_key, keys_sign_public(&key), 32);
}

static struct authz_grant_body sample_grant(void)
{
	struct authz_grant_body grant = {
	    .client = {1	                                                                   },
	    .module = {2	                                                                   },
	    .parameters = bytes_of("\xa1\x61k\x05", 4),
	    .schema = bytes_of("schema", 6),
	    .counter_count = 2,
	    .counters =
	        {{.id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = 5},
	               {.id = 4,
	          .unit = AUTHZ_UNIT_MINT,
	          .window = AUTHZ_WINDOW_TOTAL,
	          .mint = {7},
	          .cap = UINT64_MAX}},
	    .not_before_s = 10,
	    .expires_s = 20,
	    .uses_max = 3,
	    .nonce_account_count = 2,
	    .nonce_accounts = {{1},	                                                                    {2}},
	    .pin_count = 1,
	    .pins = {{.table = {3}, .count = 256, .hash = {4}}},
	    .extra_account_count = 1,
	    .extra_accounts = {{9}	                           },
	};

	return grant;
}

static struct bytes sample_body(size_t which)
{
	struct authz_grant_body grant = sample_grant();
	struct buffer out = room(which);

	EXPECT(authz_grant_put(&grant, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct bytes sample_change(size_t which, struct bytes body)
{
	struct buffer out = room(which);

	change = (struct authz_change){
	    .action = AUTHZ_ACTION_GRANT,
	    .deployment = {1, 2},
	    .entry_count = 2,
	    .nonce = {5},
	    .expires_s = 1000,
	    .description_hash = {6}
        };
	for (size_t i = 0; i < 2; i++) {
		change.entries[i].wallet[0] = (uint8_t)(i + 1);
		change.entries[i].has_previous = true;
		change.entries[i].previous[31] = 8;
		change.entries[i].body = body;
	}
	EXPECT(authz_change_put(&change, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static void test_change_and_grant_come_back_as_they_were(void)
{
	struct bytes encoded = sample_change(1, sample_body(0));
	struct buffer again = room(2);
	struct authz_grant_body grant;

	EXPECT(authz_change_take(encoded, &taken) == STATUS_OK);
	EXPECT(taken.entry_count == 2 && taken.entries[1].wallet[0] == 2 &&
	       taken.expires_s == 1000);
	EXPECT(authz_change_put(&taken, &again) == STATUS_OK);
	EXPECT(bytes_equal(encoded, buffer_bytes(&again)));
	EXPECT(authz_grant_take(taken.entries[0].body, &grant) == STATUS_OK);
	EXPECT(grant.counter_count == 2 && grant.counters[1].cap == UINT64_MAX &&
	       grant.pins[0].count == 256 && grant.uses_max == 3 &&
	       grant.extra_accounts[0][0] == 9);
	EXPECT(bytes_equal(grant.schema, bytes_of("schema", 6)));
}

/* Whatever byte is cut off, added or turned: refused, or another value with one encoding of its
 * own; never the same value twice (A5 rests on it). */
static void test_no_other_bytes_mean_the_same_change(void)
{
	struct bytes encoded = sample_change(1, sample_body(0));
	size_t accepted = 0;

	for (size_t len = 0; len < encoded.len; len++)
		EXPECT(authz_change_take(bytes_of(space[1], len), &taken) != STATUS_OK);
	space[1][encoded.len] = 0;
	EXPECT(authz_change_take(bytes_of(space[1], encoded.len + 1), &taken) != STATUS_OK);
	for (size_t bit = 0; bit < 8 * encoded.len; bit++) {
		space[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (authz_change_take(encoded, &taken) == STATUS_OK) {
			struct buffer again = room(2);

			accepted++;
			EXPECT(authz_change_put(&taken, &again) == STATUS_OK);
			EXPECT(bytes_equal(encoded, buffer_bytes(&again)));
		}
		space[1][bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	EXPECT(accepted > 1000); /* most bits are of ids and amounts */
}

static enum status take_with(struct bytes body, uint8_t action, bool has_previous)
{
	struct buffer out = room(3);

	/* Encoded as a grant, then the action's byte is set: _put would not write nonsense. */
	(void)sample_change(1, body);
	change.entry_count = 1;
	change.entries[0].has_previous = has_previous;
	change.action = has_previous ? AUTHZ_ACTION_GRANT : AUTHZ_ACTION_REVOKE;
	EXPECT(authz_change_put(&change, &out) == STATUS_OK);
	EXPECT(space[3][4] == change.action);
	space[3][4] = action;
	return authz_change_take(buffer_bytes(&out), &taken);
}

static void test_actions_take_their_own_bodies_and_previous_hashes_only(void)
{
	struct bytes grant = sample_body(0), empty = bytes_of("\xa0", 1);
	struct buffer id = room(4), export = room(5);

	EXPECT(authz_id_put((const uint8_t[32]){1}, &id) == STATUS_OK);
	EXPECT(take_with(grant, AUTHZ_ACTION_GRANT, true) == STATUS_OK);
	EXPECT(take_with(grant, AUTHZ_ACTION_GRANT, false) == STATUS_MALFORMED); /* H2 */
	EXPECT(take_with(empty, AUTHZ_ACTION_FREEZE, false) == STATUS_OK);
	EXPECT(take_with(empty, AUTHZ_ACTION_FREEZE, true) == STATUS_MALFORMED);
	EXPECT(take_with(empty, AUTHZ_ACTION_UNFREEZE, true) == STATUS_OK);
	EXPECT(take_with(empty, AUTHZ_ACTION_UNFREEZE, false) == STATUS_MALFORMED);
	EXPECT(take_with(buffer_bytes(&id), AUTHZ_ACTION_REVOKE, false) == STATUS_OK);
	EXPECT(authz_export_put(&(struct authz_export_body){{1}, AUTHZ_EXPORT_PKCS8}, &export) ==
	       STATUS_OK);
	EXPECT(take_with(buffer_bytes(&export), AUTHZ_ACTION_EXPORT, true) == STATUS_OK);
	EXPECT(take_with(buffer_bytes(&export), AUTHZ_ACTION_EXPORT, false) == STATUS_MALFORMED);
	EXPECT(take_with(buffer_bytes(&id), AUTHZ_ACTION_EXPORT, true) == STATUS_MALFORMED);
	export.data[export.len - 1] = AUTHZ_EXPORT_FORMAT_COUNT;
	EXPECT(take_with(buffer_bytes(&export), AUTHZ_ACTION_EXPORT, true) == STATUS_UNSUPPORTED);
	EXPECT(take_with(empty, AUTHZ_ACTION_GRANT, true) != STATUS_OK);
	EXPECT(take_with(grant, AUTHZ_ACTION_FREEZE, false) != STATUS_OK);
	EXPECT(take_with(grant, 0, true) == STATUS_UNSUPPORTED);
	EXPECT(take_with(grant, AUTHZ_ACTION_COUNT, true) == STATUS_UNSUPPORTED);
}

/* grant_changed takes a grant whose struct was changed before encoding. */
#define GRANT_IS(wanted, statement)                                                                \
	do {                                                                                       \
		struct authz_grant_body grant = sample_grant(), back;                              \
		struct buffer out = room(4);                                                       \
		statement;                                                                         \
		EXPECT(authz_grant_put(&grant, &out) == STATUS_OK);                                \
		EXPECT(authz_grant_take(buffer_bytes(&out), &back) == (wanted));                   \
	} while (0)

static void test_grants_that_make_no_sense_are_refused(void)
{
	uint8_t native[32];

	EXPECT(base58_decode_32(bytes_of_text("So11111111111111111111111111111111111111112"),
	                        native) == STATUS_OK);
	GRANT_IS(STATUS_OK, (void)0);
	GRANT_IS(STATUS_REFUSED, memcpy(grant.counters[1].mint, native, 32));
	GRANT_IS(STATUS_REFUSED, grant.expires_s = grant.not_before_s);
	GRANT_IS(STATUS_MALFORMED, grant.counters[1].id = 1);
	GRANT_IS(STATUS_MALFORMED, grant.counters[0].unit = 0);
	GRANT_IS(STATUS_TOO_LARGE, grant.counters[0].unit = 4);
	GRANT_IS(STATUS_TOO_LARGE, grant.counters[0].window = 4);
	GRANT_IS(STATUS_MALFORMED, grant.nonce_accounts[1][0] = 1);
	GRANT_IS(STATUS_MALFORMED, grant.pins[0].count = 0);
	GRANT_IS(STATUS_TOO_LARGE, grant.pins[0].count = 257);
	GRANT_IS(STATUS_MALFORMED, grant.parameters = bytes_of("\x05", 1));
	GRANT_IS(STATUS_OK, grant.parameters = bytes_of("\xa0", 1));
	GRANT_IS(STATUS_OK, grant.counter_count = 0);
	GRANT_IS(STATUS_OK, (grant.not_before_s = 0, grant.expires_s = 0, grant.uses_max = 0));
}

static enum status birth_of(const struct authz_birth_body *body, bool is_import)
{
	struct authz_birth_body back;
	struct buffer out = room(5), again = room(6);
	enum status status;

	EXPECT(authz_birth_put(body, is_import, &out) == STATUS_OK);
	status = authz_birth_take(buffer_bytes(&out), is_import, &back);
	if (status == STATUS_OK) {
		EXPECT(authz_birth_put(&back, is_import, &again) == STATUS_OK);
		EXPECT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
		EXPECT(authz_birth_take(buffer_bytes(&out), !is_import, &back) != STATUS_OK);
	}
	return status;
}

static void test_births_want_names_strong_keys_and_no_wallet_as_user_key(void)
{
	struct authz_birth_body body = {.name = bytes_of_text("main-1"),
	                                .user_key_count = 2,
	                                .has_recovery = true,
	                                .has_escape = true,
	                                .escape = {9}},
	                        bad;
	static const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN] = {1};

	body.user_keys[0].kind = body.user_keys[1].kind = AUTHZ_KEY_ED25519;
	strong_key(1, body.user_keys[0].key);
	strong_key(2, body.user_keys[1].key);
	strong_key(3, body.recovery);
	strong_key(4, body.address);
	EXPECT(birth_of(&body, false) == STATUS_OK);
	EXPECT(birth_of(&body, true) == STATUS_OK);
	bad = body;
	memcpy(bad.address, bad.user_keys[1].key, 32); /* A6 */
	EXPECT(birth_of(&bad, true) == STATUS_REFUSED);
	memcpy(bad.address, bad.recovery, 32);
	EXPECT(birth_of(&bad, true) == STATUS_REFUSED);
	bad = body;
	memcpy(bad.user_keys[1].key, bad.user_keys[0].key, 32);
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
	bad = body;
	memset(bad.user_keys[1].key, 0, 32); /* small order: U8 */
	EXPECT(birth_of(&bad, false) == STATUS_CRYPTO);
	bad = body;
	bad.user_keys[1].kind = AUTHZ_KEY_KIND_COUNT;
	bad.user_key_data[1].public_key = bytes_of("x", 1);
	EXPECT(birth_of(&bad, false) == STATUS_UNSUPPORTED);
	/* One-time codes sign nothing: they are not the first. */
	bad = body;
	bad.user_keys[0].kind = AUTHZ_KEY_TOTP;
	bad.user_key_data[0].sealed = BYTES_OF_ARRAY(sealed);
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
	bad.user_keys[0] = body.user_keys[0];
	bad.user_keys[1].kind = AUTHZ_KEY_TOTP;
	bad.user_key_data[1].sealed = BYTES_OF_ARRAY(sealed);
	EXPECT(birth_of(&bad, false) == STATUS_OK);
	bad.user_key_data[1].sealed.len--;
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
	/* A passkey whose own key is the imported wallet: A6. */
	bad = body;
	bad.user_keys[1].kind = AUTHZ_KEY_PASSKEY_ED25519;
	bad.user_key_data[1] = (struct authz_key_data){.credential = bytes_of(sealed, 16),
	                                               .public_key = BYTES_OF_ARRAY(bad.address)};
	EXPECT(birth_of(&bad, false) == STATUS_OK);
	EXPECT(birth_of(&bad, true) == STATUS_REFUSED);
	bad.user_key_data[1].credential.len = 15;
	EXPECT(birth_of(&bad, false) == STATUS_CRYPTO);
	bad = body;
	bad.delays = (struct authz_delays){.has_delay = true, .delay_s = LIMIT_DELAY_MAX_S};
	EXPECT(birth_of(&bad, true) == STATUS_OK);
	bad.delays.delay_s++;
	EXPECT(birth_of(&bad, true) == STATUS_TOO_LARGE);
	bad = body;
	bad.name = bytes_of_text("two words");
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
	bad.name = bytes_of_text("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"); /* an address */
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
	bad.name = bytes_of_text("");
	EXPECT(birth_of(&bad, false) == STATUS_MALFORMED);
}

/* A birth may bring them: the same list, not an empty one. */
static void test_limits_of_a_birth(void)
{
	struct authz_birth_body body = {.name = bytes_of_text("main"), .user_key_count = 1}, back;
	uint8_t encoded[1024];
	struct buffer out = BUFFER_OF_ARRAY(encoded);

	body.user_keys[0].kind = AUTHZ_KEY_ED25519;
	strong_key(1, body.user_keys[0].key);
	strong_key(4, body.address);
	body.limit_count = LIMIT_WALLET_LIMITS_MAX;
	for (uint8_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++) {
		body.limits[i] = (struct authz_counter_rule){.id = (uint8_t)(i + 1),
		                                             .unit = AUTHZ_UNIT_MINT,
		                                             .window = AUTHZ_WINDOW_DAY,
		                                             .cap = i};
		body.limits[i].mint[0] = (uint8_t)(i + 1);
	}
	EXPECT(birth_of(&body, false) == STATUS_OK && birth_of(&body, true) == STATUS_OK);
	EXPECT(authz_birth_put(&body, false, &out) == STATUS_OK);
	EXPECT(authz_birth_take(buffer_bytes(&out), false, &back) == STATUS_OK);
	EXPECT(back.limit_count == LIMIT_WALLET_LIMITS_MAX &&
	       memcmp(back.limits, body.limits, sizeof(back.limits)) == 0);
	body.limits[1].mint[0] = 1; /* twice the same */
	EXPECT(birth_of(&body, false) == STATUS_MALFORMED);
	body.limits[1].mint[0] = 2;
	body.limits[1].id = 1;
	EXPECT(birth_of(&body, false) == STATUS_MALFORMED);
	/* None at all is said by leaving it out. */
	body.limit_count = 0;
	out.len = 0;
	EXPECT(authz_birth_put(&body, false, &out) == STATUS_OK);
	encoded[0]++;
	EXPECT(buffer_put(&out, bytes_of("\x08\x80", 2)) == STATUS_OK);
	EXPECT(authz_birth_take(buffer_bytes(&out), false, &back) == STATUS_MALFORMED);
}

/* What a wallet's user allows all its grants together: a whole list, no two of one thing. */
static void test_limits_of_a_wallet(void)
{
	struct authz_limit_body limit = {.of_wallet = true}, back;
	struct buffer out = room(5);

	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK); /* none any more */
	EXPECT(authz_limit_take(buffer_bytes(&out), &back) == STATUS_OK && back.of_wallet);
	limit.limit_count = 3;
	for (uint8_t i = 0; i < 3; i++)
		limit.limits[i] = (struct authz_counter_rule){
		    .id = i, .unit = AUTHZ_UNIT_LAMPORTS, .window = (uint8_t)(i + 1), .cap = i};
	out = room(5);
	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK);
	EXPECT(authz_limit_take(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(memcmp(&limit, &back, sizeof(limit)) == 0);
	limit.limits[2].window = AUTHZ_WINDOW_HOUR; /* as the second one */
	out = room(5);
	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK);
	EXPECT(authz_limit_take(buffer_bytes(&out), &back) == STATUS_MALFORMED);
	limit.limits[2].unit = AUTHZ_UNIT_MINT; /* two mints are two things */
	limit.limits[1].unit = AUTHZ_UNIT_MINT;
	limit.limits[1].mint[0] = 1;
	out = room(5);
	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK);
	EXPECT(authz_limit_take(buffer_bytes(&out), &back) == STATUS_OK);
	limit.limits[2].id = 1; /* ids ascend */
	out = room(5);
	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK);
	EXPECT(authz_limit_take(buffer_bytes(&out), &back) == STATUS_MALFORMED);
}

static void test_limits_and_factors_round_trip(void)
{
	struct authz_limit_body limit = {.grant = {1}, .count = 3}, limit_back;
	struct authz_factor_body factor = {.add_count = 1, .remove_count = 1}, factor_back;
	struct buffer out = room(5);

	limit.caps[0].id = 0;
	limit.caps[1].id = 24;
	limit.caps[2].id = 255;
	limit.caps[2].cap = UINT64_MAX;
	EXPECT(authz_limit_put(&limit, &out) == STATUS_OK);
	EXPECT(authz_limit_take(buffer_bytes(&out), &limit_back) == STATUS_OK);
	EXPECT(limit_back.count == 3 && limit_back.caps[2].id == 255 &&
	       limit_back.caps[2].cap == UINT64_MAX && limit_back.caps[1].id == 24);
	test_limits_of_a_wallet();
	factor.add[0].kind = factor.remove[0].kind = AUTHZ_KEY_ED25519;
	strong_key(1, factor.add[0].key);
	strong_key(2, factor.remove[0].key);
	out = room(5);
	EXPECT(authz_factor_put(&factor, &out) == STATUS_OK);
	EXPECT(authz_factor_take(buffer_bytes(&out), &factor_back) == STATUS_OK);
	EXPECT(memcmp(factor_back.remove[0].key, factor.remove[0].key, 32) == 0);
	memcpy(factor.remove[0].key, factor.add[0].key, 32);
	out = room(5);
	EXPECT(authz_factor_put(&factor, &out) == STATUS_OK);
	EXPECT(authz_factor_take(buffer_bytes(&out), &factor_back) == STATUS_MALFORMED);
}

/* H1: a replay names the same grant. U3: equal grants of two wallets are two grants. */
static void test_ids_depend_on_change_and_wallet(void)
{
	struct bytes encoded = sample_change(1, sample_body(0));
	uint8_t a[32], b[32], c[32], previous[32] = {1};

	authz_grant_id(encoded, change.entries[0].wallet, a);
	authz_grant_id(encoded, change.entries[0].wallet, b);
	EXPECT(memcmp(a, b, 32) == 0);
	authz_grant_id(encoded, change.entries[1].wallet, b);
	EXPECT(memcmp(a, b, 32) != 0);
	space[1][encoded.len - 1] ^= 1;
	authz_grant_id(encoded, change.entries[0].wallet, b);
	EXPECT(memcmp(a, b, 32) != 0);
	authz_authority_next(previous, encoded, a);
	previous[0] = 2;
	authz_authority_next(previous, encoded, b);
	authz_authority_next(previous, bytes_of("x", 1), c);
	EXPECT(memcmp(a, b, 32) != 0 && memcmp(b, c, 32) != 0);
}

static void test_signed_change_carries_signatures_seeds_and_tables(void)
{
	static struct authz_signed_change sent, got;
	static uint8_t addresses[64] = {1, [32] = 2};
	struct authz_pin_body pin = {.table = {5}, .count = 2};
	struct bytes contents = BYTES_OF_ARRAY(addresses);
	struct buffer out = room(5), again = room(6);

	sent = (struct authz_signed_change){.change = bytes_of("change", 6),
	                                    .signature_count = 1,
	                                    .sealed_seeds = bytes_of("seeds", 5),
	                                    .table_count = 1};
	sent.signatures[0].key.kind = AUTHZ_KEY_ED25519;
	sent.tables[0].table[0] = 5;
	sent.tables[0].addresses = contents;
	EXPECT(authz_signed_change_put(&sent, &out) == STATUS_OK);
	EXPECT(authz_signed_change_take(buffer_bytes(&out), &got) == STATUS_OK);
	EXPECT(authz_signed_change_put(&got, &again) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
	keys_sha256(&contents, 1, pin.hash);
	EXPECT(authz_table_find(&got, &pin) == &got.tables[0]);
	pin.count = 1;
	EXPECT(authz_table_find(&got, &pin) == NULL);
	pin.count = 2;
	addresses[40] = 1; /* the contents lie: L2 */
	out = room(5);
	EXPECT(authz_signed_change_put(&sent, &out) == STATUS_OK);
	EXPECT(authz_signed_change_take(buffer_bytes(&out), &got) == STATUS_OK);
	EXPECT(authz_table_find(&got, &pin) == NULL);
	sent.signatures[0].key.kind = AUTHZ_KEY_TOTP;
	out = room(5);
	EXPECT(authz_signed_change_put(&sent, &out) == STATUS_OK);
	EXPECT(authz_signed_change_take(buffer_bytes(&out), &got) == STATUS_UNSUPPORTED);
}

static void test_signed_change_carries_assertions_codes_and_registrations(void)
{
	static struct authz_signed_change sent, got;
	struct buffer out = room(5), again = room(6);

	sent = (struct authz_signed_change){.change = bytes_of("change", 6),
	                                    .signature_count = 2,
	                                    .code_count = 2,
	                                    .registration_count = 1};
	sent.signatures[0].key.kind = AUTHZ_KEY_PASSKEY_P256;
	sent.signatures[0].assertion =
	    (struct authz_assertion){bytes_of("data", 4), bytes_of("{}", 2), bytes_of("sig", 3)};
	sent.signatures[1].key.kind = AUTHZ_KEY_ED25519;
	sent.codes[0] = (struct authz_code){{1}, {7}};
	sent.codes[1] = (struct authz_code){{2}, {0}};
	sent.registrations[0].said =
	    (struct authz_assertion){bytes_of("data", 4), bytes_of("{}", 2), {0}};
	EXPECT(authz_signed_change_put(&sent, &out) == STATUS_OK);
	EXPECT(authz_signed_change_take(buffer_bytes(&out), &got) == STATUS_OK);
	EXPECT(got.codes[0].sealed[0] == 7 && got.signatures[0].assertion.signature.len == 3);
	EXPECT(authz_signed_change_put(&got, &again) == STATUS_OK);
	EXPECT(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
	for (size_t len = 0; len < out.len; len++)
		EXPECT(authz_signed_change_take(bytes_of(out.data, len), &got) != STATUS_OK);
	sent.codes[1].id[0] = 1; /* one factor twice */
	out = room(5);
	EXPECT(authz_signed_change_put(&sent, &out) == STATUS_OK);
	EXPECT(authz_signed_change_take(buffer_bytes(&out), &got) == STATUS_MALFORMED);
}

int main(void)
{
	RUN(test_change_and_grant_come_back_as_they_were);
	RUN(test_no_other_bytes_mean_the_same_change);
	RUN(test_actions_take_their_own_bodies_and_previous_hashes_only);
	RUN(test_grants_that_make_no_sense_are_refused);
	RUN(test_limits_of_a_birth);
	RUN(test_births_want_names_strong_keys_and_no_wallet_as_user_key);
	RUN(test_limits_and_factors_round_trip);
	RUN(test_ids_depend_on_change_and_wallet);
	RUN(test_signed_change_carries_signatures_seeds_and_tables);
	RUN(test_signed_change_carries_assertions_codes_and_registrations);
	return test_summary();
}
