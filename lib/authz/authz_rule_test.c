/* The rules that signer and audit share: S11, S22, B4: who gave what, how long it waits, and what
 * is left of limits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_rule.h"

#include "authz_factor.h"
#include "base_test.h"

static struct authz_user_key key_of(uint8_t kind, uint8_t name)
{
	return (struct authz_user_key){.kind = kind, .key = {name}};
}

/* ---- keys ---- */

/* A passkey's name may be made to be another key's: the kind is part of who it is. */
static void test_a_key_is_its_kind_and_its_name(void)
{
	struct authz_user_key codes = key_of(AUTHZ_KEY_TOTP, 1);
	struct authz_user_key other_kind = key_of(AUTHZ_KEY_PASSKEY_P256, 1);
	struct authz_user_key other_name = key_of(AUTHZ_KEY_TOTP, 2), last = codes;
	static struct authz_signed_change given;

	last.key[31] = 1;
	EXPECT(authz_key_same(&codes, &codes) && !authz_key_same(&codes, &other_kind) &&
	       !authz_key_same(&codes, &other_name) && !authz_key_same(&codes, &last));
	given.signature_count = 1;
	given.signatures[0].key = other_kind;
	given.signatures[1].key = codes; /* behind the end */
	EXPECT(!authz_has_signed(&given, &codes) && authz_has_signed(&given, &other_kind));
	given.signature_count = 2;
	EXPECT(authz_has_signed(&given, &codes) && !authz_has_signed(&given, &other_name));
}

static uint8_t space[3][512];

static struct bytes factor_body(size_t at, const struct authz_factor_body *body)
{
	struct buffer out = {space[at], sizeof(space[at]), 0};

	EXPECT(authz_factor_put(body, &out) == STATUS_OK);
	return buffer_bytes(&out);
}

static struct authz_factor_body adds_codes(uint8_t name)
{
	static const uint8_t sealed[AUTHZ_SEALED_TOTP_LEN];
	struct authz_factor_body body = {.add_count = 1};

	body.add[0] = key_of(AUTHZ_KEY_TOTP, name);
	body.add_data[0].sealed = BYTES_OF_ARRAY(sealed);
	return body;
}

static void test_what_a_change_brings_is_in_the_bodies_of_factors_and_births(void)
{
	static struct authz_change change;
	struct authz_factor_body first = adds_codes(1), second = adds_codes(2);
	struct authz_factor_body removes = {.remove_count = 1};
	struct authz_user_key one = key_of(AUTHZ_KEY_TOTP, 1), two = key_of(AUTHZ_KEY_TOTP, 2);
	struct authz_user_key three = key_of(AUTHZ_KEY_TOTP, 3);
	struct authz_user_key not_codes = key_of(AUTHZ_KEY_ED25519, 2);
	const struct authz_user_key *keys = NULL;
	const struct authz_key_data *data = NULL;
	struct authz_key_data found = {.credential = {0}};

	removes.remove[0] = three;
	change.action = AUTHZ_ACTION_FACTOR;
	change.entry_count = 3;
	change.entries[0].body = factor_body(0, &first);
	change.entries[1].body = factor_body(1, &second);
	change.entries[2].body = factor_body(2, &removes);
	EXPECT(authz_brought_by(&change, 0, &keys, &data) == 1 && authz_key_same(&keys[0], &one));
	EXPECT(authz_brought_by(&change, 1, &keys, &data) == 1 && authz_key_same(&keys[0], &two));
	EXPECT(authz_brought_by(&change, 2, &keys, &data) == 0);
	EXPECT(authz_brings(&change, &two, &found) && found.sealed.len == AUTHZ_SEALED_TOTP_LEN);
	EXPECT(authz_brings(&change, &one, NULL) && !authz_brings(&change, &not_codes, NULL));
	EXPECT(!authz_brings(&change, &three, NULL)); /* it takes that one away */
	change.action = AUTHZ_ACTION_GRANT;
	EXPECT(authz_brought_by(&change, 0, &keys, &data) == 0);
	EXPECT(!authz_brings(&change, &one, NULL));
}

/* ---- power ---- */

static void test_an_export_needs_two_factors_always(void)
{
	EXPECT(authz_factors_needed(AUTHZ_ACTION_GRANT, 1) == 1);
	EXPECT(authz_factors_needed(AUTHZ_ACTION_GRANT, 2) == 2);
	EXPECT(authz_factors_needed(AUTHZ_ACTION_GRANT, 8) == 2);
	EXPECT(authz_factors_needed(AUTHZ_ACTION_EXPORT, 1) == 2);
}

/* S18, S22: an export's delay is not taken off sooner than it would end, and a lost factor is
 * waited for three days at least. */
static void test_delays_are_the_wallets_own(void)
{
	static struct authz_change change = {.entry_count = 2};
	struct authz_factor_body body = {
	    .delays = {.has_export_delay = true, .export_delay_s = 999}
        };
	struct authz_factor_body other = {
	    .delays = {.has_delay = true, .delay_s = 0}
        };
	const uint64_t most = AUTHZ_RECOVERY_DELAY_S + 1;

	change.entries[0].body = factor_body(0, &body);
	change.entries[1].body = factor_body(1, &other);
	change.action = AUTHZ_ACTION_GRANT;
	EXPECT(authz_delay_of(&change, 0, 5, 1000, false) == 5);
	change.action = AUTHZ_ACTION_EXPORT;
	EXPECT(authz_delay_of(&change, 0, 5, 1000, false) == 1000);
	EXPECT(authz_delay_of(&change, 0, 1000, 5, false) == 5);
	change.action = AUTHZ_ACTION_FACTOR;
	EXPECT(authz_delay_of(&change, 0, 5, 1000, false) == 1000);
	EXPECT(authz_delay_of(&change, 0, 5, 999, false) == 5); /* it makes nothing shorter */
	EXPECT(authz_delay_of(&change, 0, 2000, 1000, false) == 2000);
	EXPECT(authz_delay_of(&change, 1, 5, 1000, false) == 5);
	EXPECT(authz_delay_of(&change, 1, 5, 1000, true) == AUTHZ_RECOVERY_DELAY_S);
	EXPECT(authz_delay_of(&change, 1, most, 1000, true) == most);
}

/* ---- limits ---- */

static struct authz_counter_rule limit(uint8_t id, uint8_t window, uint64_t cap)
{
	return (struct authz_counter_rule){
	    .id = id, .unit = AUTHZ_UNIT_LAMPORTS, .window = window, .cap = cap};
}

/* B4: whatever was written, no limit is higher than before, and none is gone. */
static void test_lowered_limits_raise_nothing(void)
{
	struct authz_counter_rule limits[2] = {limit(7, AUTHZ_WINDOW_DAY, 50),
	                                       limit(9, AUTHZ_WINDOW_TOTAL, 1000)};
	struct authz_limit_body body = {.of_wallet = true, .limit_count = 2};

	body.limits[0] = limit(3, AUTHZ_WINDOW_TOTAL, 9000);
	body.limits[1] = limit(4, AUTHZ_WINDOW_DAY, 40);
	EXPECT(authz_limits_grow(limits, 2, &body));
	EXPECT(authz_limits_lower(limits, 2, &body) == STATUS_OK);
	EXPECT(body.limit_count == 2 && body.limits[0].cap == 1000 && body.limits[1].cap == 40);
	EXPECT(body.limits[0].id == 3 && body.limits[1].id == 4); /* as they were written */
	EXPECT(!authz_limits_grow(limits, 2, &body));

	body.limit_count = 1;
	body.limits[0] = limit(3, AUTHZ_WINDOW_HOUR, 1);
	EXPECT(authz_limits_grow(limits, 2, &body));
	EXPECT(authz_limits_lower(limits, 2, &body) == STATUS_OK && body.limit_count == 3);
	EXPECT(body.limits[1].cap == 50 && body.limits[2].cap == 1000);
	for (uint8_t i = 0; i < 3; i++)
		EXPECT(body.limits[i].id == i);
	EXPECT(!authz_limits_grow(limits, 2, &body));
}

static void test_limits_are_never_more_than_a_wallet_may_have(void)
{
	struct authz_counter_rule mint = {
	    .unit = AUTHZ_UNIT_MINT, .window = AUTHZ_WINDOW_DAY, .cap = 9, .mint = {99}};
	struct authz_limit_body body = {.of_wallet = true,
	                                .limit_count = LIMIT_WALLET_LIMITS_MAX - 1};
	struct authz_counter_rule last;

	for (uint8_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++) {
		body.limits[i] = mint;
		body.limits[i].mint[0] = i;
	}
	last = body.limits[LIMIT_WALLET_LIMITS_MAX - 1];
	EXPECT(authz_limits_lower(&last, 1, &body) == STATUS_OK);
	EXPECT(body.limit_count == LIMIT_WALLET_LIMITS_MAX);
	EXPECT(authz_limits_lower(&last, 1, &body) == STATUS_OK);
	EXPECT(authz_limits_lower(&mint, 1, &body) == STATUS_TOO_LARGE);
	EXPECT(body.limit_count == LIMIT_WALLET_LIMITS_MAX);
}

static void test_caps_of_a_grant_only_fall(void)
{
	struct authz_limit_body body = {.count = 2};
	struct authz_counter_rule counters[3];

	for (uint8_t i = 0; i < 3; i++)
		counters[i] = limit(i, AUTHZ_WINDOW_DAY, 100 + i);
	body.caps[0].id = 0;
	body.caps[0].cap = 7;
	body.caps[1].id = 2;
	body.caps[1].cap = 5000;
	authz_caps_lower(&body, counters, 3);
	EXPECT(counters[0].cap == 7 && counters[1].cap == 101 && counters[2].cap == 102);
}

int main(void)
{
	RUN(test_a_key_is_its_kind_and_its_name);
	RUN(test_what_a_change_brings_is_in_the_bodies_of_factors_and_births);
	RUN(test_an_export_needs_two_factors_always);
	RUN(test_delays_are_the_wallets_own);
	RUN(test_lowered_limits_raise_nothing);
	RUN(test_limits_are_never_more_than_a_wallet_may_have);
	RUN(test_caps_of_a_grant_only_fall);
	return test_summary();
}
