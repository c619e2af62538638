/* What the user reads and signs: S23, A3, A5, A6, U1, L8. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_text.h"

#include "base_encode.h"
#include "base_test.h"

static uint8_t body_space[AUTHZ_GRANT_BODY_MAX], text_space[LIMIT_DESCRIPTION_MAX + 64],
    change_space[LIMIT_CHANGE_MAX], signed_space[AUTHZ_SIGNED_TEXT_MAX];
static struct authz_change change;
static struct authz_shown shown[LIMIT_CHANGE_WALLETS_MAX];

/* prepare makes a grant to two wallets, its description and encoding. */
static void prepare(struct bytes *ret_text, struct bytes *ret_change)
{
	struct buffer body = BUFFER_OF_ARRAY(body_space), text = BUFFER_OF_ARRAY(text_space);
	struct buffer encoded = BUFFER_OF_ARRAY(change_space);
	struct authz_grant_body grant = {
	    .client = {0xc1},
	    .module = {	                                    0x3d   },
	    .parameters = bytes_of("\xa0", 1),
	    .counter_count = 2,
	    .counters = { {.id = 1,
	                  .unit = AUTHZ_UNIT_LAMPORTS,
	                  .window = AUTHZ_WINDOW_TOTAL,
	                  .cap = 1500000000},
                       {.id = 2, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_HOUR, .cap = 7}},
	    .expires_s = 1709210096, /* 2024-02-29 12:34:56 */
	};
	struct bytes described;

	EXPECT(authz_grant_put(&grant, &body) == STATUS_OK);
	change = (struct authz_change){.action = AUTHZ_ACTION_GRANT,
	                               .entry_count = 2,
	                               .expires_s = 951782400}; /* 2000-02-29 00:00:00 */
	for (size_t i = 0; i < 2; i++) {
		change.entries[i].wallet[0] = (uint8_t)(i + 1);
		change.entries[i].has_previous = true;
		change.entries[i].body = buffer_bytes(&body);
		shown[i] =
		    (struct authz_shown){.name = bytes_of_text(i == 0 ? "main" : "second"),
		                         .address = {(uint8_t)i},
		                         .module_kind = AUTHZ_MODULE_SHIPPED,
		                         .module_name = bytes_of_text("transfer"),
		                         .module_text = bytes_of_text("pays anyone\nat most 5\n")};
	}
	EXPECT(authz_describe(&change, shown, &text) == STATUS_OK);
	described = buffer_bytes(&text);
	keys_sha256(&described, 1, change.description_hash);
	EXPECT(authz_change_put(&change, &encoded) == STATUS_OK);
	*ret_text = described;
	*ret_change = buffer_bytes(&encoded);
}

static const char wanted_text[] =
    "Deployment 0000000000000000000000000000000000000000000000000000000000000000\n"
    "To be done before 2000-02-29 00:00:00 UTC\n"
    "Wallet main 11111111111111111111111111111111\n"
    "Wallet second 4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM\n"
    "Each of these wallets by itself:\n"
    "Client c100000000000000000000000000000000000000000000000000000000000000 may have messages "
    "signed:\n"
    "- as far as module 3d00000000000000000000000000000000000000000000000000000000000000 allows; "
    "known module transfer\n"
    "- until 2024-02-29 12:34:56 UTC\n"
    "- any number of signatures\n"
    "- counter 1: at most 1500000000 lamports (1.5 SOL) in total\n"
    "- counter 2: at most 7 signatures in any hour\n"
    "- bridge-trusted: where the client uses a token, who controls the bridge can use it within "
    "these limits\n"
    "The module says:\n"
    "| pays anyone\n"
    "| at most 5";

static void test_description_is_this_text(void)
{
	struct bytes text, encoded;

	prepare(&text, &encoded);
	EXPECT(bytes_equal(text, bytes_of_text(wanted_text)));
}

static void test_custom_code_is_named_as_such(void)
{
	struct bytes text, encoded;
	struct buffer custom = BUFFER_OF_ARRAY(signed_space);

	prepare(&text, &encoded);
	shown[0].module_kind = AUTHZ_MODULE_CUSTOM;
	EXPECT(authz_describe(&change, shown, &custom) == STATUS_OK);
	EXPECT(memmem(custom.data, custom.len, AUTHZ_CUSTOM_CODE_TEXT,
	              strlen(AUTHZ_CUSTOM_CODE_TEXT)) != NULL);
	EXPECT(memmem(custom.data, custom.len, "known module", 12) == NULL);
}

/* A3, B7: another author's intent may call the amount sold the amount bought. */
static void test_an_intent_of_another_is_named_as_such(void)
{
	struct bytes text, encoded;
	struct buffer other = BUFFER_OF_ARRAY(signed_space);

	prepare(&text, &encoded);
	shown[0].module_kind = AUTHZ_MODULE_INTENT;
	EXPECT(authz_describe(&change, shown, &other) == STATUS_OK);
	EXPECT(memmem(other.data, other.len, "allows; intent transfer\n- " AUTHZ_OTHER_INTENT_TEXT,
	              strlen("allows; intent transfer\n- " AUTHZ_OTHER_INTENT_TEXT)) != NULL);
	EXPECT(memmem(other.data, other.len, "known module", 12) == NULL);
}

static void test_module_text_cannot_pose_as_ours(void)
{
	static const char hostile[] = "a\r\x1b[2K\xe2\x80\xae"
	                              "b\xff\xed\xa0\x80\nWallet x\xc2\xa0\xf3\xa0\x80\x81\n\n";
	uint8_t space[128];
	struct buffer out = BUFFER_OF_ARRAY(space);

	EXPECT(authz_put_clean(bytes_of_text(hostile), "| ", &out) == STATUS_OK);
	EXPECT(
	    bytes_equal(buffer_bytes(&out), bytes_of_text("| a??[2K?b????\n| Wallet x\xc2\xa0?")));
	out = (struct buffer){space, 8, 3};
	EXPECT(authz_put_clean(bytes_of_text("0123456789"), "", &out) == STATUS_TOO_LARGE);
	EXPECT(out.len == 3);
}

static void test_signed_bytes_are_an_offchain_message_v1(void)
{
	struct buffer out = BUFFER_OF_ARRAY(signed_space);
	uint8_t signer[32] = {1, 2, 3}, hash[32];
	struct bytes encoded = bytes_of("c", 1);
	char hex[65], wanted[256];

	EXPECT(authz_text_put(AUTHZ_ACTION_FREEZE, signer, bytes_of_text("words"), encoded, &out) ==
	       STATUS_OK);
	EXPECT(memcmp(out.data,
	              "\xff"
	              "solana offchain\x01\x01",
	              18) == 0);
	EXPECT(memcmp(out.data + 18, signer, 32) == 0);
	keys_sha256(&encoded, 1, hash);
	hex_encode(BYTES_OF_ARRAY(hash), hex);
	snprintf(wanted, sizeof(wanted), "Claviger freeze v1\nwords\nSHA-256 %s", hex);
	EXPECT(bytes_equal(bytes_of(out.data + 50, out.len - 50), bytes_of_text(wanted)));
}

/* L8: no first byte of a Solana message is that of what a user signs. */
static void test_no_transaction_begins_like_a_signed_text(void)
{
	struct buffer out = BUFFER_OF_ARRAY(signed_space);
	uint8_t signer[32] = {0};

	for (uint8_t action = 1; action < AUTHZ_ACTION_COUNT; action++) {
		out.len = 0;
		EXPECT(authz_text_put(action, signer, bytes_of_text("x"), bytes_of("c", 1), &out) ==
		       STATUS_OK);
		EXPECT(out.data[0] == 0xff); /* legacy: below 0x80, v0: 0x80, v1: 0x81 */
	}
}

static enum status verify(struct bytes encoded, struct bytes text,
                          const struct authz_signature *signature)
{
	struct buffer out = BUFFER_OF_ARRAY(signed_space);
	enum status status = authz_text_verify(&change, encoded, text, signature, &out);

	EXPECT((status == STATUS_OK) == (out.len != 0));
	return status;
}

/* A5, U1: another text, change, action or key is refused, each alone. */
static void test_signature_counts_for_one_text_one_change_one_key(void)
{
	uint8_t seed[32] = {1}, other_seed[32] = {2};
	struct authz_signature signature, bad;
	struct keys_sign_key key, other;
	struct bytes text, encoded;

	prepare(&text, &encoded);
	keys_sign_from_seed(seed, &key);
	keys_sign_from_seed(other_seed, &other);
	EXPECT(authz_text_sign(&key, &change, encoded, text, &signature) == STATUS_OK);
	EXPECT(verify(encoded, text, &signature) == STATUS_OK);
	for (size_t i = 0; i < text.len; i++) {
		text_space[i] ^= 1;
		EXPECT(verify(encoded, text, &signature) == STATUS_REFUSED);
		text_space[i] ^= 1;
	}
	for (size_t i = 0; i < encoded.len; i += 7) {
		change_space[i] ^= 1;
		EXPECT(verify(encoded, text, &signature) == STATUS_CRYPTO);
		change_space[i] ^= 1;
	}
	change.action = AUTHZ_ACTION_FREEZE;
	EXPECT(verify(encoded, text, &signature) == STATUS_CRYPTO);
	change.action = AUTHZ_ACTION_GRANT;
	bad = signature;
	memcpy(bad.key.key, keys_sign_public(&other), 32);
	EXPECT(verify(encoded, text, &bad) == STATUS_CRYPTO);
	bad = signature;
	bad.key.kind = 2;
	EXPECT(verify(encoded, text, &bad) == STATUS_UNSUPPORTED);
	bad = signature;
	bad.signature[5] ^= 1;
	EXPECT(verify(encoded, text, &bad) == STATUS_CRYPTO);
	EXPECT(verify(encoded, text, &signature) == STATUS_OK);
	text.len--;
	EXPECT(authz_text_sign(&key, &change, encoded, text, &bad) == STATUS_REFUSED);
}

static void test_description_too_long_is_refused_whole(void)
{
	static char words[LIMIT_DESCRIPTION_MAX];
	struct bytes text, encoded;
	struct buffer out = {text_space, sizeof(text_space), 0};

	prepare(&text, &encoded);
	memset(words, 'x', sizeof(words));
	shown[0].module_text = bytes_of(words, sizeof(words));
	EXPECT(authz_describe(&change, shown, &out) == STATUS_TOO_LARGE);
	EXPECT(out.len == 0);
}

/* What a wallet is born with stands in the text whole, too. */
static void test_limits_of_a_birth_are_told_whole(void)
{
	static const char all[] =
	    "\nLimits of the wallet, for all its grants together:"
	    "\n- limit 1: at most 1500000000 lamports (1.5 SOL) in any 24 hours"
	    "\n- limit 2: at most 3 signatures in total"
	    "\n- custom code says itself what it spends: these limits hold as far as its author is "
	    "honest"
	    "\n- nothing is signed with durable nonces: such signatures do not expire, so an hour "
	    "or "
	    "a day says nothing about when they are used";
	struct authz_birth_body birth = {.name = bytes_of_text("main"), .user_key_count = 1};
	uint8_t space[512];
	struct buffer body = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(text_space);
	struct keys_sign_key key;

	keys_sign_from_seed((const uint8_t[32]){3}, &key);
	birth.user_keys[0].kind = AUTHZ_KEY_ED25519;
	memcpy(birth.user_keys[0].key, keys_sign_public(&key), 32);
	birth.limit_count = 2;
	birth.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = 1500000000};
	birth.limits[1] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 3};
	for (int with = 1; with >= 0; with--) {
		birth.limit_count = with ? 2 : 0;
		body.len = out.len = 0;
		EXPECT(authz_birth_put(&birth, false, &body) == STATUS_OK);
		change = (struct authz_change){.action = AUTHZ_ACTION_CREATE, .entry_count = 1};
		change.entries[0].body = buffer_bytes(&body);
		shown[0] = (struct authz_shown){.name = {0}};
		EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
		if (with)
			EXPECT(memmem(out.data, out.len, all, strlen(all)) ==
			       out.data + out.len - strlen(all));
		else
			EXPECT(memmem(out.data, out.len, "imit", 4) == NULL);
	}
}

/* All of what becomes of the limits stands in the text: the list, and that none is left. */
static void test_limits_of_a_wallet_are_told_whole(void)
{
	static const char all[] =
	    "\nLimits of the wallet, for all its grants together, instead of those before:"
	    "\n- limit 1: at most 1500000000 lamports (1.5 SOL) in any 24 hours"
	    "\n- limit 2: at most 3 signatures in total"
	    "\n- custom code says itself what it spends: these limits hold as far as its author is "
	    "honest"
	    "\n- nothing is signed with durable nonces: such signatures do not expire, so an hour "
	    "or "
	    "a day says nothing about when they are used";
	struct authz_limit_body limit = {.of_wallet = true, .limit_count = 2};
	uint8_t space[256];
	struct buffer body = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(text_space);

	limit.limits[0] = (struct authz_counter_rule){
	    .id = 1, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY, .cap = 1500000000};
	limit.limits[1] = (struct authz_counter_rule){
	    .id = 2, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 3};
	EXPECT(authz_limit_put(&limit, &body) == STATUS_OK);
	change = (struct authz_change){.action = AUTHZ_ACTION_LIMIT, .entry_count = 1};
	change.entries[0].body = buffer_bytes(&body);
	shown[0] = (struct authz_shown){.name = bytes_of_text("main")};
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, all, strlen(all)) == out.data + out.len - strlen(all));
	/* What gives power: of those before, the one that goes and the one that rises, alone. */
	static const char given[] =
	    "\n- limit 2: at most 3 signatures in total"
	    "\n- taken away: limit 1: at most 5 raw units of mint 11111111111111111111111111111111"
	    " in total"
	    "\n- raised from: limit 4: at most 2 signatures in total"
	    "\n- custom code ";
	const struct authz_counter_rule before[] = {
	    {.id = 1, .unit = AUTHZ_UNIT_MINT,     .window = AUTHZ_WINDOW_TOTAL, .cap = 5         },
	    {.id = 3, .unit = AUTHZ_UNIT_LAMPORTS, .window = AUTHZ_WINDOW_DAY,   .cap = 1500000001},
	    {.id = 4, .unit = AUTHZ_UNIT_USES,     .window = AUTHZ_WINDOW_TOTAL, .cap = 2         },
	};
	shown[0].limits = before;
	shown[0].limit_count = 3;
	out.len = 0;
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, given, strlen(given)) != NULL);
	shown[0].limit_count = 0;
	limit.limits[0].window = AUTHZ_WINDOW_TOTAL; /* durable nonces go on */
	body.len = out.len = 0;
	EXPECT(authz_limit_put(&limit, &body) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&body);
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "durable", 7) == NULL);
	limit.limit_count = 0;
	body.len = out.len = 0;
	EXPECT(authz_limit_put(&limit, &body) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&body);
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "\nThe wallet has no limits of its own any more", 45) !=
	       NULL);
}

/* What a cap is raised from is in the text, for the caps that are raised and for no other. */
static void test_a_raised_cap_is_told_with_what_it_was(void)
{
	static const char said[] = "\n- counter 1: cap becomes 1000, raised from 100"
	                           "\n- counter 2: cap becomes 500"
	                           "\n- counter 9: cap becomes 3";
	const struct authz_counter_rule now[] = {
	    {.id = 2, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 500},
	    {.id = 1, .unit = AUTHZ_UNIT_USES, .window = AUTHZ_WINDOW_TOTAL, .cap = 100},
	};
	struct authz_limit_body limit = {
	    .count = 3, .caps = {{1, 1000}, {2, 500}, {9, 3}}
        };
	uint8_t space[256];
	struct buffer body = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(text_space);

	EXPECT(authz_limit_put(&limit, &body) == STATUS_OK);
	change = (struct authz_change){.action = AUTHZ_ACTION_LIMIT, .entry_count = 1};
	change.entries[0].body = buffer_bytes(&body);
	shown[0] =
	    (struct authz_shown){.name = bytes_of_text("main"), .limits = now, .limit_count = 2};
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, said, strlen(said)) == out.data + out.len - strlen(said));
}

static void test_every_action_has_a_text(void)
{
	static const uint8_t id[32] = {1};
	static const struct authz_factor_body factor = {
	    .remove_count = 1,
	    .remove = {{AUTHZ_KEY_PASSKEY_P256, {5}}},
	    .delays = { .has_delay = true, .delay_s = 86400, .has_export_delay = true}
        };
	static const struct authz_export_body export = {{1}, AUTHZ_EXPORT_PKCS8};
	uint8_t space[256], export_space[64], factor_space[256];
	struct buffer body = BUFFER_OF_ARRAY(space), out = BUFFER_OF_ARRAY(text_space);
	struct buffer export_body = BUFFER_OF_ARRAY(export_space),
	              factor_body = BUFFER_OF_ARRAY(factor_space);

	EXPECT(authz_id_put(id, &body) == STATUS_OK);
	change = (struct authz_change){.action = AUTHZ_ACTION_REVOKE, .entry_count = 1};
	change.entries[0].body = buffer_bytes(&body);
	shown[0] = (struct authz_shown){.name = bytes_of_text("main")};
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "\nRevoke grant 01", 15) != NULL);
	out.len = 0;
	change.action = AUTHZ_ACTION_EXPORT;
	EXPECT(authz_export_put(&export, &export_body) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&export_body);
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "\nExport the private key", 23) != NULL);
	EXPECT(memmem(out.data, out.len, "\n- as PKCS#8\n", 13) != NULL);
	out.len = 0;
	change.action = AUTHZ_ACTION_FACTOR;
	EXPECT(authz_factor_put(&factor, &factor_body) == STATUS_OK);
	change.entries[0].body = buffer_bytes(&factor_body);
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "\n- remove user key passkey ES256 05", 35) != NULL);
	EXPECT(memmem(out.data, out.len, "\n- what gives power waits 24 h,", 31) != NULL);
	EXPECT(memmem(out.data, out.len, "private key does not wait", 25) != NULL);
	out.len = 0;
	change.entries[0].body = buffer_bytes(&body);
	change.action = AUTHZ_ACTION_CANCEL;
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	out.len = 0;
	change.action = AUTHZ_ACTION_FREEZE;
	change.entries[0].body = bytes_of("\xa0", 1);
	EXPECT(authz_describe(&change, shown, &out) == STATUS_OK);
	EXPECT(memmem(out.data, out.len, "\nFreeze: ", 9) != NULL);
	EXPECT(out.data[out.len - 1] != '\n');
}

int main(void)
{
	RUN(test_description_is_this_text);
	RUN(test_custom_code_is_named_as_such);
	RUN(test_an_intent_of_another_is_named_as_such);
	RUN(test_module_text_cannot_pose_as_ours);
	RUN(test_signed_bytes_are_an_offchain_message_v1);
	RUN(test_no_transaction_begins_like_a_signed_text);
	RUN(test_signature_counts_for_one_text_one_change_one_key);
	RUN(test_description_too_long_is_refused_whole);
	RUN(test_limits_of_a_birth_are_told_whole);
	RUN(test_limits_of_a_wallet_are_told_whole);
	RUN(test_a_raised_cap_is_told_with_what_it_was);
	RUN(test_every_action_has_a_text);
	return test_summary();
}
