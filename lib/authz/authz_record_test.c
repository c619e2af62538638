/* Records: DS4 (what cannot be what we wrote is refused). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_factor.h"
#include "base_test.h"

static void fill(void *at, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)at)[i] = (uint8_t)(first + i);
}

static struct authz_wallet_record some_wallet(void)
{
	struct authz_wallet_record wallet = {.name_len = 4,
	                                     .name = "demo",
	                                     .origin = AUTHZ_ORIGIN_CREATED,
	                                     .has_recovery = true,
	                                     .user_key_count = 2,
	                                     .version = 7,
	                                     .sealed_key_len = 92,
	                                     .grant_count = 2};

	fill(wallet.id, 32, 1);
	fill(wallet.address, 32, 2);
	fill(wallet.recovery, 32, 3);
	fill(wallet.sealed_key, 92, 4);
	for (uint8_t i = 0; i < 2; i++) {
		wallet.user_keys[i].kind = AUTHZ_KEY_ED25519;
		fill(wallet.user_keys[i].key, 32, (uint8_t)(5 + i));
		fill(wallet.grants[i].grant, 32, (uint8_t)(7 + i));
		wallet.grants[i].created = i;
		wallet.grants[i].live = i == 1;
	}
	wallet.user_keys[1].kind = AUTHZ_KEY_PASSKEY_P256;
	wallet.delay_s = 3600;
	wallet.exported = 1;
	wallet.pending_count = 2;
	for (uint8_t i = 0; i < 2; i++) {
		fill(wallet.pending[i].change, 32, (uint8_t)(20 + i));
		wallet.pending[i].action = AUTHZ_ACTION_EXPORT;
		wallet.pending[i].done = i == 1;
		wallet.pending[i].opens_s = 1900000000;
		wallet.pending[i].void_s = 1900000001;
	}
	wallet.limit_count = 2;
	wallet.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = 5};
	wallet.limits[1] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_MINT, .window = AUTHZ_WINDOW_TOTAL, .cap = 6};
	fill(wallet.limits[1].mint, 32, 9);
	wallet.limits_since[0] = 3;
	wallet.limits_since[1] = 7;
	return wallet;
}

static struct authz_grant_record some_grant(void)
{
	struct authz_grant_record grant = {.module_kind = AUTHZ_MODULE_INTENT,
	                                   .expires_s = 1900000000,
	                                   .uses_max = 3,
	                                   .counter_count = 2,
	                                   .nonce_account_count = 1,
	                                   .pin_count = 1,
	                                   .schema_len = 10,
	                                   .parameters_len = 300};

	fill(grant.id, 32, 1);
	grant.counters[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = 5};
	grant.counters[1] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_MINT, .window = AUTHZ_WINDOW_TOTAL, .cap = 6};
	fill(grant.counters[1].mint, 32, 9);
	grant.pins[0].count = 12;
	fill(grant.parameters, 300, 11);
	return grant;
}

static struct authz_lease_record some_lease(void)
{
	struct authz_lease_record lease = {.count = 2};

	lease.counters[0].bucket = 12345678;
	lease.counters[0].spent[0] = 1;
	lease.counters[0].spent[59] = UINT64_MAX;
	lease.counters[0].adrift = 300;
	lease.counters[1].lease_left = 77;
	return lease;
}

/* Every record comes back as it was, one way only: no byte of its encoding can be another value of
 * the length that it has, cut short or longer, and still decode to the same record. */
#define ROUND_TRIPS(type, some, put, take)                                                         \
	do {                                                                                       \
		static uint8_t space[65536], again[65536];                                         \
		struct buffer out = BUFFER_OF_ARRAY(space), out2 = BUFFER_OF_ARRAY(again);         \
		static type record, back;                                                          \
		record = some;                                                                     \
		EXPECT(put(&record, &out) == STATUS_OK);                                           \
		EXPECT(take(buffer_bytes(&out), &back) == STATUS_OK);                              \
		EXPECT(memcmp(&record, &back, sizeof(record)) == 0);                               \
		for (size_t len = 0; len < out.len; len++)                                         \
			EXPECT(take(bytes_of(space, len), &back) == STATUS_CORRUPT);               \
		EXPECT(take(bytes_of(space, out.len + 1), &back) == STATUS_CORRUPT);               \
		for (size_t at = 0; at < out.len; at++) {                                          \
			space[at] ^= 1;                                                            \
			if (take(buffer_bytes(&out), &back) == STATUS_OK) {                        \
				out2.len = 0;                                                      \
				EXPECT(put(&back, &out2) == STATUS_OK);                            \
				EXPECT(bytes_equal(buffer_bytes(&out), buffer_bytes(&out2)));      \
			}                                                                          \
			space[at] ^= 1;                                                            \
		}                                                                                  \
	} while (0)

static void test_a_wallet_comes_back_as_it_was(void)
{
	ROUND_TRIPS(struct authz_wallet_record, some_wallet(), authz_wallet_put, authz_wallet_take);
}

static void test_a_wallet_without_delays_reads_as_usual_and_the_largest_fits(void)
{
	static struct authz_wallet_record plain, back;
	uint8_t space[AUTHZ_WALLET_RECORD_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	size_t len;

	/* A record of before there were delays: what it does not say is as usual. */
	plain = some_wallet();
	plain.delay_s = plain.exported = plain.pending_count = 0;
	memset(plain.pending, 0, sizeof(plain.pending));
	plain.limit_count = 0;
	memset(plain.limits, 0, sizeof(plain.limits));
	memset(plain.limits_since, 0, sizeof(plain.limits_since));
	plain.export_delay_s = AUTHZ_EXPORT_DELAY_S;
	EXPECT(authz_wallet_put(&plain, &out) == STATUS_OK);
	EXPECT(space[0] == 0xad); /* 12 pairs, and its last link */
	EXPECT(authz_wallet_take(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(memcmp(&plain, &back, sizeof(plain)) == 0);
	/* The largest one fits. */
	memset(&plain, 0xff, sizeof(plain));
	plain.name_len = LIMIT_NAME_MAX;
	memset(plain.name, 'x', sizeof(plain.name));
	plain.frozen = plain.ownership_lost = plain.has_recovery = true;
	plain.user_key_count = LIMIT_USER_KEYS_MAX;
	plain.grant_count = LIMIT_GRANTS_PER_WALLET_MAX;
	plain.pending_count = LIMIT_PENDING_MAX;
	plain.sealed_key_len = AUTHZ_SEALED_KEY_MAX;
	plain.has_left = true;
	plain.limit_count = LIMIT_WALLET_LIMITS_MAX;
	for (uint8_t i = 0; i < LIMIT_WALLET_LIMITS_MAX; i++) {
		plain.limits[i] = (struct authz_counter_rule){.id = (uint8_t)(0xf0 + i),
		                                              .unit = AUTHZ_UNIT_MINT,
		                                              .window = AUTHZ_WINDOW_TOTAL,
		                                              .cap = UINT64_MAX};
		fill(plain.limits[i].mint, 32, i);
	}
	for (size_t i = 0; i < LIMIT_GRANTS_PER_WALLET_MAX; i++)
		plain.grants[i].live = true;
	for (size_t i = 0; i < LIMIT_PENDING_MAX; i++)
		plain.pending[i].recovery = plain.pending[i].done = true;
	out.len = 0;
	EXPECT(authz_wallet_put(&plain, &out) == STATUS_OK);
	len = out.len;
	EXPECT(len > 6000 && len <= AUTHZ_WALLET_RECORD_MAX);
}

static void test_limits_of_a_wallet_differ_and_are_told_with_what_is_left(void)
{
	static struct authz_wallet_record plain, back;
	uint8_t space[AUTHZ_WALLET_RECORD_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);

	plain = some_wallet();
	plain.has_left = true;
	plain.left[1] = UINT64_MAX;
	plain.changed = 3;
	plain.link[31] = 4;
	EXPECT(authz_wallet_put(&plain, &out) == STATUS_OK);
	EXPECT(authz_wallet_take(buffer_bytes(&out), &back) == STATUS_OK);
	EXPECT(memcmp(&plain, &back, sizeof(plain)) == 0);
	/* Two limits of one thing: which one would count? */
	plain.limits[1] = plain.limits[0];
	plain.limits[1].id = 2;
	out.len = 0;
	EXPECT(authz_wallet_put(&plain, &out) == STATUS_OK);
	EXPECT(authz_wallet_take(buffer_bytes(&out), &back) == STATUS_CORRUPT);
}

static struct authz_factor_record some_factor(uint8_t kind)
{
	struct authz_factor_record factor = {.kind = kind, .count = 58000000};

	if (kind == AUTHZ_KEY_TOTP) {
		fill(factor.id, 32, 1);
		fill(factor.sealed_secret, sizeof(factor.sealed_secret), 2);
		factor.with_signature.failures = 3;
		factor.with_signature.blocked_until_s = 1700000010;
		factor.alone = (struct authz_code_lock){5, 1700000030};
		factor.alone_ran_s = 86430;
		return factor;
	}
	factor.credential_len = 32;
	fill(factor.credential, 32, 3);
	fill(factor.public_key, kind == AUTHZ_KEY_PASSKEY_P256 ? 64 : 32, 4);
	authz_passkey_id(bytes_of(factor.credential, 32), factor.id);
	return factor;
}

static void test_factors_come_back_as_they_were(void)
{
	for (uint8_t kind = AUTHZ_KEY_PASSKEY_P256; kind <= AUTHZ_KEY_TOTP; kind++)
		ROUND_TRIPS(struct authz_factor_record, some_factor(kind), authz_factor_record_put,
		            authz_factor_record_take);
}

static void test_a_grant_comes_back_as_it_was(void)
{
	ROUND_TRIPS(struct authz_grant_record, some_grant(), authz_grant_record_put,
	            authz_grant_record_take);
}

static void test_counters_come_back_as_they_were(void)
{
	static struct authz_lease_record of_wallet;

	ROUND_TRIPS(struct authz_lease_record, some_lease(), authz_lease_put, authz_lease_take);
	of_wallet = some_lease();
	of_wallet.rule_count = 2;
	memcpy(of_wallet.rules, some_wallet().limits, sizeof(of_wallet.rules));
	of_wallet.since[1] = 7;
	ROUND_TRIPS(struct authz_lease_record, of_wallet, authz_lease_put, authz_lease_take);
}

static void test_a_client_comes_back_as_it_was(void)
{
	ROUND_TRIPS(struct authz_client_record,
	            ((struct authz_client_record){.serial = 3, .frozen = true}), authz_client_put,
	            authz_client_take);
	for (uint8_t by = AUTHZ_FROZEN_BY_OPERATOR; by < AUTHZ_FREEZER_COUNT; by++)
		ROUND_TRIPS(struct authz_client_record,
		            ((struct authz_client_record){.frozen = true, .frozen_by = by}),
		            authz_client_put, authz_client_take);
}

/* By whom goes with a freeze, and is one of those that there are. */
static void test_a_client_frozen_by_nobody_known_is_refused(void)
{
	struct authz_client_record client = {.frozen = true, .frozen_by = AUTHZ_FROZEN_BY_CEILING};
	uint8_t space[AUTHZ_CLIENT_RECORD_MAX];
	struct buffer out = BUFFER_OF_ARRAY(space);
	uint8_t *frozen, *by;

	EXPECT(authz_client_put(&client, &out) == STATUS_OK);
	by = space + out.len - 1;
	frozen = by - 2; /* 6: true, 7: by */
	EXPECT(*by == AUTHZ_FROZEN_BY_CEILING && *frozen == 0xf5);
	*by = 0;
	EXPECT(authz_client_take(buffer_bytes(&out), &client) == STATUS_CORRUPT);
	*by = AUTHZ_FREEZER_COUNT;
	EXPECT(authz_client_take(buffer_bytes(&out), &client) == STATUS_CORRUPT);
	*by = AUTHZ_FROZEN_BY_OPERATOR;
	EXPECT(authz_client_take(buffer_bytes(&out), &client) == STATUS_OK);
	*frozen = 0xf4;
	EXPECT(authz_client_take(buffer_bytes(&out), &client) == STATUS_CORRUPT);
}

static void test_a_checkpoint_comes_back_and_its_mac_covers_the_rest(void)
{
	static uint8_t encoding[2 * AUTHZ_CHECKPOINT_MAX];
	struct buffer encoded = BUFFER_OF_ARRAY(encoding);
	struct authz_checkpoint checkpoint = {
	    .seq = 9,
	    .boot = 2,
	    .writes_left = 12345,
	    .site = {7, {1, 2, 3}},
	    .sealed_master_len = AUTHZ_SEALED_KEY_MAX,
	    .operator_count = AUTHZ_OPERATORS_MAX,
	};
	struct bytes covered;

	for (size_t i = 0; i < AUTHZ_OPERATORS_MAX; i++)
		checkpoint.operators[i] = (struct authz_operator_serial){{(uint8_t)i}, UINT64_MAX};
	ROUND_TRIPS(struct authz_checkpoint, checkpoint, authz_checkpoint_put,
	            authz_checkpoint_take);
	fill(checkpoint.mac, 32, 200);
	EXPECT(authz_checkpoint_put(&checkpoint, &encoded) == STATUS_OK);
	EXPECT(encoded.len <= AUTHZ_CHECKPOINT_MAX);
	covered = authz_checkpoint_signed(buffer_bytes(&encoded));
	EXPECT(memcmp(covered.data + covered.len + 3, checkpoint.mac, 32) == 0);
}

int main(void)
{
	RUN(test_a_wallet_comes_back_as_it_was);
	RUN(test_limits_of_a_wallet_differ_and_are_told_with_what_is_left);
	RUN(test_a_wallet_without_delays_reads_as_usual_and_the_largest_fits);
	RUN(test_factors_come_back_as_they_were);
	RUN(test_a_grant_comes_back_as_it_was);
	RUN(test_counters_come_back_as_they_were);
	RUN(test_a_client_comes_back_as_it_was);
	RUN(test_a_client_frozen_by_nobody_known_is_refused);
	RUN(test_a_checkpoint_comes_back_and_its_mac_covers_the_rest);
	return test_summary();
}
