/* Passkeys: U7 (client data that can be read in two ways), U8 (signatures and keys with a second
 * form), H12 (foreign origins), and every other check of an assertion and a registration, each
 * by itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/nid.h>

#include "base_check.h"
#include "base_test.h"
#include "soft_passkey.h"

static const uint8_t kinds[] = {AUTHZ_KEY_PASSKEY_P256, AUTHZ_KEY_PASSKEY_ED25519};

static struct authz_relying relying;
static uint8_t challenge[32];

static struct authz_passkey of(const struct soft_passkey *passkey)
{
	struct authz_key_data data = soft_passkey_data(passkey);

	return (struct authz_passkey){.kind = passkey->key.kind,
	                              .credential = data.credential,
	                              .public_key = data.public_key};
}

static enum authz_passkey_fault verify(const struct soft_passkey *passkey,
                                       struct authz_passkey_state state,
                                       const struct soft_answer *answer)
{
	struct authz_passkey known = of(passkey);
	struct authz_assertion said = soft_said(answer);
	uint32_t count = 77;
	enum authz_passkey_fault fault =
	    authz_assertion_verify(&relying, &known, &state, challenge, &said, &count);

	EXPECT(fault == AUTHZ_PASSKEY_GOOD || count == 77);
	return fault;
}

static void test_honest_assertions_are_good_and_every_changed_bit_is_not(void)
{
	size_t changed = 0;

	for (size_t k = 0; k < 2; k++) {
		struct soft_passkey passkey;
		struct soft_answer answer;
		struct buffer *const runs[] = {&answer.data, &answer.client, &answer.signature};

		soft_passkey_make(kinds[k], false, &passkey);
		soft_assert(&passkey, challenge, &answer);
		EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) ==
		       AUTHZ_PASSKEY_GOOD);
		for (size_t r = 0; r < 3; r++) {
			for (size_t bit = 0; bit < runs[r]->len * 8; bit++, changed++) {
				runs[r]->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
				EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) !=
				       AUTHZ_PASSKEY_GOOD);
				runs[r]->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			}
			for (size_t less = 1; less <= runs[r]->len; less++) {
				size_t whole = runs[r]->len;

				runs[r]->len = whole - less;
				EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) !=
				       AUTHZ_PASSKEY_GOOD);
				runs[r]->len = whole;
			}
		}
	}
	EXPECT(changed > 3000);
}

/* Authenticator data as they are given, honestly signed: only the check in question can refuse. */
static enum authz_passkey_fault with_flags(uint8_t kind, uint8_t flags, bool eligible)
{
	struct soft_passkey passkey;
	struct soft_answer answer;

	soft_passkey_make(kind, false, &passkey);
	passkey.flags = flags;
	soft_assert(&passkey, challenge, &answer);
	return verify(&passkey, (struct authz_passkey_state){.backup_eligible = eligible}, &answer);
}

static void test_flags_are_those_of_a_verified_person_and_no_others(void)
{
	for (size_t k = 0; k < 2; k++) {
		size_t good = 0;

		EXPECT(with_flags(kinds[k], 0x04, false) == AUTHZ_PASSKEY_NOT_PRESENT);
		EXPECT(with_flags(kinds[k], 0x01, false) == AUTHZ_PASSKEY_NOT_VERIFIED);
		EXPECT(with_flags(kinds[k], 0x85, false) == AUTHZ_PASSKEY_FLAGS); /* extensions */
		EXPECT(with_flags(kinds[k], 0x45, false) == AUTHZ_PASSKEY_FLAGS); /* attested */
		EXPECT(with_flags(kinds[k], 0x15, false) == AUTHZ_PASSKEY_BACKUP);
		EXPECT(with_flags(kinds[k], 0x0d, false) == AUTHZ_PASSKEY_BACKUP); /* changed */
		EXPECT(with_flags(kinds[k], 0x05, true) == AUTHZ_PASSKEY_BACKUP);
		EXPECT(with_flags(kinds[k], 0x0d, true) == AUTHZ_PASSKEY_GOOD);
		EXPECT(with_flags(kinds[k], 0x1d, true) == AUTHZ_PASSKEY_GOOD);
		for (unsigned flags = 0; flags < 256; flags++)
			good += with_flags(kinds[k], (uint8_t)flags, false) == AUTHZ_PASSKEY_GOOD;
		EXPECT(good == 1);
	}
}

static void test_relying_party_and_length_are_checked_by_themselves(void)
{
	struct soft_passkey passkey;
	struct soft_answer answer;
	struct bytes other = bytes_of_text("localhost.example");

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &passkey);
	soft_assert(&passkey, challenge, &answer);
	keys_sha256(&other, 1, answer.data_space);
	soft_sign(&passkey, &answer);
	EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) == AUTHZ_PASSKEY_RP_ID);
	soft_assert(&passkey, challenge, &answer);
	answer.data_space[answer.data.len++] = 0xa0; /* an empty map of extensions */
	soft_sign(&passkey, &answer);
	EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) == AUTHZ_PASSKEY_LENGTH);
}

static enum authz_passkey_fault with_counts(uint32_t known, uint32_t said)
{
	struct soft_passkey passkey;
	struct soft_answer answer;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_P256, false, &passkey);
	passkey.count = said;
	soft_assert(&passkey, challenge, &answer); /* adds one, unless it is zero */
	return verify(&passkey, (struct authz_passkey_state){.count = known}, &answer);
}

static void test_a_counter_that_was_ever_there_grows(void)
{
	EXPECT(with_counts(0, 0) == AUTHZ_PASSKEY_GOOD);
	EXPECT(with_counts(0, 1) == AUTHZ_PASSKEY_GOOD);
	EXPECT(with_counts(1, 1) == AUTHZ_PASSKEY_GOOD);
	EXPECT(with_counts(2, 1) == AUTHZ_PASSKEY_COUNTER);
	EXPECT(with_counts(3, 1) == AUTHZ_PASSKEY_COUNTER);
	EXPECT(with_counts(1, 0) == AUTHZ_PASSKEY_COUNTER);
	EXPECT(with_counts(UINT32_MAX - 1, UINT32_MAX - 1) == AUTHZ_PASSKEY_GOOD);
}

/* Signed client data of any text: only the client data's check can refuse. */
static enum authz_passkey_fault with_client_data(struct bytes text)
{
	struct soft_passkey passkey;
	struct soft_answer answer;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_ED25519, false, &passkey);
	soft_assert(&passkey, challenge, &answer);
	answer.client.len = 0;
	if (buffer_put(&answer.client, text) != STATUS_OK)
		return AUTHZ_PASSKEY_CLIENT_DATA;
	soft_sign(&passkey, &answer);
	return verify(&passkey, (struct authz_passkey_state){0}, &answer);
}

/* Client data with one part in another way. */
static enum authz_passkey_fault client(const char *type, const uint8_t *asked, const char *origin,
                                       const char *more)
{
	uint8_t space[2048];
	struct buffer out = BUFFER_OF_ARRAY(space);

	soft_client_data(type, asked, origin, more, &out);
	return with_client_data(buffer_bytes(&out));
}

static enum authz_passkey_fault ending(const char *more)
{
	return client("webauthn.get", challenge, SOFT_ORIGIN, more);
}

static void test_type_challenge_and_origin_are_checked_by_themselves(void)
{
	uint8_t other[32];
	char origin[256];

	EXPECT(ending("}") == AUTHZ_PASSKEY_GOOD);
	EXPECT(client("webauthn.create", challenge, SOFT_ORIGIN, "}") == AUTHZ_PASSKEY_TYPE);
	EXPECT(client("payment.get", challenge, SOFT_ORIGIN, "}") == AUTHZ_PASSKEY_TYPE);
	EXPECT(client("webauthn.getx", challenge, SOFT_ORIGIN, "}") == AUTHZ_PASSKEY_TYPE);
	memcpy(other, challenge, 32);
	other[31] ^= 1;
	EXPECT(client("webauthn.get", other, SOFT_ORIGIN, "}") == AUTHZ_PASSKEY_CHALLENGE);
	/* H12 */
	EXPECT(client("webauthn.get", challenge, "https://localhost", "}") == AUTHZ_PASSKEY_ORIGIN);
	EXPECT(client("webauthn.get", challenge, "http://localhost:8200", "}") ==
	       AUTHZ_PASSKEY_ORIGIN);
	EXPECT(client("webauthn.get", challenge, "https://localhost:82000", "}") ==
	       AUTHZ_PASSKEY_ORIGIN);
	EXPECT(client("webauthn.get", challenge, "https://localhost:820", "}") ==
	       AUTHZ_PASSKEY_ORIGIN);
	EXPECT(client("webauthn.get", challenge, "https://evil.example", "}") ==
	       AUTHZ_PASSKEY_ORIGIN);
	snprintf(origin, sizeof(origin), "%s.evil.example", SOFT_ORIGIN);
	EXPECT(client("webauthn.get", challenge, origin, "}") == AUTHZ_PASSKEY_ORIGIN);
	/* The second one of the settings. */
	EXPECT(client("webauthn.get", challenge, "https://wallet.localhost", "}") ==
	       AUTHZ_PASSKEY_GOOD);
}

static void test_client_data_are_read_in_one_way_or_not_at_all(void)
{
	static const struct {
		const char *more;
		enum authz_passkey_fault fault;
	} rows[] = {
  /* What Chromium adds, and what may come. */
	    {",\"other_keys_can_be_added_here\":\"do not compare clientDataJSON against a "
	     "template. "
	     "See https://goo.gl/yabPex\"}",	        AUTHZ_PASSKEY_GOOD        },
	    {",\"remoteDesktopClientOverride\":false,\"x\":\"\"}",       AUTHZ_PASSKEY_GOOD        },
 /* Frames of other pages. */
	    {",\"topOrigin\":\"https://evil.example\"}",                 AUTHZ_PASSKEY_CROSS_ORIGIN},
	    {",\"a\":true,\"topOrigin\":\"https://evil.example\"}",      AUTHZ_PASSKEY_CROSS_ORIGIN},
 /* Duplicate keys: some parsers take the last one. */
	    {",\"origin\":\"https://evil.example\"}",                    AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"type\":\"webauthn.get\"}",                              AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"challenge\":\"AAAA\"}",                                 AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"crossOrigin\":true}",                                   AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"tokenBinding\":\"x\"}",                                 AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":true,\"a\":true}",                                  AUTHZ_PASSKEY_CLIENT_DATA },
 /* Keys that only a decoder of escapes sees are duplicates. */
	    {",\"\\u006frigin\":\"https://evil.example\"}",              AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":\"\\u0041\"}",	                              AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":\"\\\"\"}",	                                 AUTHZ_PASSKEY_CLIENT_DATA },
 /* Bytes behind the end, white space, other values. */
	    {"} ",	                                               AUTHZ_PASSKEY_CLIENT_DATA },
	    {"}}",	                                               AUTHZ_PASSKEY_CLIENT_DATA },
	    {"}\n",	                                              AUTHZ_PASSKEY_CLIENT_DATA },
	    {"",	                                                 AUTHZ_PASSKEY_CLIENT_DATA },
	    {",}",	                                               AUTHZ_PASSKEY_CLIENT_DATA },
	    {" }",	                                               AUTHZ_PASSKEY_CLIENT_DATA },
	    {", \"a\":true}",	                                    AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\": true}",	                                    AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":1}",	                                        AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":null}",	                                     AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":{}}",	                                       AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":[]}",	                                       AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"\":true}",	                                      AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a b\":true}",	                                   AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":\"\x80\"}",	                                 AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":\"\x01\"}",	                                 AUTHZ_PASSKEY_CLIENT_DATA },
	    {",\"a\":true,\"b\":true,\"c\":true,\"d\":true,\"e\":true}", AUTHZ_PASSKEY_CLIENT_DATA },
	};
	uint8_t space[2048];
	struct buffer out = BUFFER_OF_ARRAY(space);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EXPECT(ending(rows[i].more) == rows[i].fault);
		if (ending(rows[i].more) != rows[i].fault)
			fprintf(stderr, "row %zu\n", i);
	}
	/* A byte order mark; a BOM and white space before; nothing at all. */
	CHECK(buffer_put(&out, bytes_of("\xef\xbb\xbf", 3)) == STATUS_OK);
	soft_client_data("webauthn.get", challenge, SOFT_ORIGIN, "}", &out);
	EXPECT(with_client_data(buffer_bytes(&out)) == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(with_client_data(bytes_of("{}", 2)) == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(with_client_data(bytes_of("", 0)) == AUTHZ_PASSKEY_CLIENT_DATA);
}

/* replaced writes honest client data with one run of it replaced. */
static enum authz_passkey_fault replaced(const char *what, const char *with)
{
	uint8_t space[1024], other_space[2048];
	struct buffer out = BUFFER_OF_ARRAY(space), other = BUFFER_OF_ARRAY(other_space);
	uint8_t *at;
	size_t before, len = strlen(what);

	soft_client_data("webauthn.get", challenge, SOFT_ORIGIN, "}", &out);
	at = memmem(out.data, out.len, what, len);
	CHECK(at != NULL);
	before = (size_t)(at - out.data);
	CHECK(buffer_put(&other, bytes_of(out.data, before)) == STATUS_OK &&
	      buffer_put(&other, bytes_of_text(with)) == STATUS_OK &&
	      buffer_put(&other, bytes_of(at + len, out.len - before - len)) == STATUS_OK);
	return with_client_data(buffer_bytes(&other));
}

static void test_every_member_is_written_in_the_one_way(void)
{
	EXPECT(replaced("\"crossOrigin\":false", "\"crossOrigin\":true") ==
	       AUTHZ_PASSKEY_CROSS_ORIGIN);
	EXPECT(replaced("\"crossOrigin\":false", "\"crossOrigin\":\"false\"") ==
	       AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(replaced(",\"crossOrigin\":false", "") == AUTHZ_PASSKEY_GOOD); /* level 1 browsers */
	EXPECT(replaced(",\"crossOrigin\":false", ",\"a\":true") == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(replaced("{\"type\"", "{ \"type\"") == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(replaced("\"type\":", "\"type\" :") == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(replaced("\"type\"", "\"t\\u0079pe\"") == AUTHZ_PASSKEY_CLIENT_DATA);
	EXPECT(replaced("webauthn.get", "webauthn\\u002eget") == AUTHZ_PASSKEY_TYPE);
	EXPECT(replaced("https://localhost:8200", "https:\\/\\/localhost:8200") ==
	       AUTHZ_PASSKEY_ORIGIN);
	/* Base64url with padding, or of the other alphabet. */
	EXPECT(replaced("\",\"origin\"", "=\",\"origin\"") == AUTHZ_PASSKEY_CHALLENGE);
	EXPECT(replaced("\",\"origin\"", "A\",\"origin\"") == AUTHZ_PASSKEY_CHALLENGE);
	EXPECT(replaced("\"challenge\":\"", "\"challenge\":\" ") == AUTHZ_PASSKEY_CHALLENGE);
	/* Members in another order. */
	EXPECT(with_client_data(bytes_of_text("{\"challenge\":\"x\",\"type\":\"webauthn.get\"}")) ==
	       AUTHZ_PASSKEY_CLIENT_DATA);
}

static void test_a_registration_is_of_the_passkey_and_challenge_that_are_named(void)
{
	for (size_t k = 0; k < 2; k++) {
		struct soft_passkey passkey, other;
		struct soft_answer answer;
		struct authz_passkey named;
		struct authz_assertion said;
		struct authz_passkey_state state = {.count = 9};
		size_t changed = 0;

		soft_passkey_make(kinds[k], true, &passkey);
		soft_passkey_make(kinds[k], false, &other);
		passkey.flags = 0x1d;
		soft_register(&passkey, challenge, &answer);
		named = of(&passkey);
		said = soft_said(&answer);
		EXPECT(authz_registration_verify(&relying, &named, challenge, &said, &state) ==
		       AUTHZ_PASSKEY_GOOD);
		EXPECT(state.backup_eligible && state.count == 1);
		named.credential = bytes_of(other.credential, 32);
		EXPECT(authz_registration_verify(&relying, &named, challenge, &said, &state) ==
		       AUTHZ_PASSKEY_KEY);
		named = of(&passkey);
		named.public_key = of(&other).public_key;
		EXPECT(authz_registration_verify(&relying, &named, challenge, &said, &state) ==
		       AUTHZ_PASSKEY_KEY);
		named = of(&passkey);
		/* Nothing but the AAGUID may be another byte, and the counter. */
		for (size_t at = 0; at < answer.data.len; at++) {
			if (at >= 33 && at < 53)
				continue;
			answer.data_space[at] ^= 0x80;
			said = soft_said(&answer);
			EXPECT(authz_registration_verify(&relying, &named, challenge, &said,
			                                 &state) != AUTHZ_PASSKEY_GOOD);
			answer.data_space[at] ^= 0x80;
			changed++;
		}
		EXPECT(changed > 100);
		for (size_t len = 0; len <= answer.data.len + 1; len++) {
			said.authenticator_data = bytes_of(answer.data_space, len);
			EXPECT((authz_registration_verify(&relying, &named, challenge, &said,
			                                  &state) == AUTHZ_PASSKEY_GOOD) ==
			       (len == answer.data.len));
		}
		/* An assertion is no registration, and the other way round. */
		soft_assert(&passkey, challenge, &answer);
		said = soft_said(&answer);
		EXPECT(authz_registration_verify(&relying, &named, challenge, &said, &state) !=
		       AUTHZ_PASSKEY_GOOD);
		soft_register(&passkey, challenge, &answer);
		soft_sign(&passkey, &answer);
		EXPECT(verify(&passkey, state, &answer) == AUTHZ_PASSKEY_LENGTH);
	}
}

/* Security keys in Chromium answer with credProtect: that map, whole and once, and no other. */
static void test_a_registration_may_say_how_its_credential_is_protected(void)
{
	static const struct {
		const char *map;
		size_t len;
		bool good;
	} rows[] = {
	    {"\xa1\x6b"
	     "credProtect\x01",     14, true },
	    {"\xa1\x6b"
	     "credProtect\x02",     14, true },
	    {"\xa1\x6b"
	     "credProtect\x03",     14, true },
	    {"\xa1\x6b"
	     "credProtect\x00",     14, false},
	    {"\xa1\x6b"
	     "credProtect\x04",     14, false},
	    {"\xa1\x6b"
	     "credProtect\x18\x02", 15, false}, /* a second form of 2 */
	    {"\xa1\x6b"
	     "credProtect\xf5",     14, false},
	    {"\xa1\x6b"
	     "credprotect\x02",     14, false},
	    {"\xa1\x78\x0b"
	     "credProtect\x02",     15, false},
	    {"\xbf\x6b"
	     "credProtect\x02\xff", 15, false},
	    {"\xa2\x6b"
	     "credProtect\x02\x6b"
	     "hmac-secret\xf5",     27, false},
	    {"\xa1\x6b"
	     "hmac-secret\xf5",     14, false},
	    {"\xa1\x6c"
	     "minPinLength\x04",    15, false},
	    {"\xa1\x6b"
	     "credProtect\x02\xa1\x6b"
	     "credProtect\x02",     28, false},
	    {"\xa1\x6b"
	     "credProtect",         13, false},
	    {"\xa0",	                     1,  false},
	    {"",	                         0,  false},
	};
	size_t good = 0;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct soft_passkey passkey;
			struct soft_answer answer;
			struct authz_passkey named;
			struct authz_assertion said;
			struct authz_passkey_state state;
			struct bytes map = bytes_of(rows[i].map, rows[i].len);

			soft_passkey_make(kinds[k], true, &passkey);
			named = of(&passkey);
			soft_register(&passkey, challenge, &answer);
			CHECK(buffer_put(&answer.data, map) == STATUS_OK);
			answer.data_space[32] |= 0x80;
			said = soft_said(&answer);
			EXPECT((authz_registration_verify(&relying, &named, challenge, &said,
			                                  &state) == AUTHZ_PASSKEY_GOOD) ==
			       rows[i].good);
			good += rows[i].good;
			/* Without the flag it is something behind the key. */
			answer.data_space[32] &= 0x7f;
			EXPECT((authz_registration_verify(&relying, &named, challenge, &said,
			                                  &state) == AUTHZ_PASSKEY_GOOD) ==
			       (map.len == 0));
			/* An assertion says nothing of the kind. */
			soft_assert(&passkey, challenge, &answer);
			CHECK(buffer_put(&answer.data, map) == STATUS_OK);
			answer.data_space[32] |= 0x80;
			soft_sign(&passkey, &answer);
			EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) !=
			       AUTHZ_PASSKEY_GOOD);
		}
	EXPECT(good == 6);
}

static void test_settings_name_a_domain_and_pages_below_it(void)
{
	static const struct {
		const char *rp_id, *origins;
		bool good;
	} rows[] = {
	    {"localhost",   "https://localhost:8200",                              true },
	    {"example.org", "https://example.org,https://wallet.example.org:8443", true },
	    {"example.org", "https://example.org:443",                             false},
	    {"example.org", "https://example.org:08",                              false},
	    {"example.org", "https://example.org:65536",                           false},
	    {"example.org", "https://example.org/",                                false},
	    {"example.org", "https://Example.org",                                 false},
	    {"example.org", "https://evilexample.org",                             false},
	    {"example.org", "https://example.org.evil",                            false},
	    {"example.org", "http://example.org",                                  false},
	    {"example.org", "https://example.org,",                                false},
	    {"example.org", "",	                                            false},
	    {"",            "https://example.org",                                 false},
	    {"a..b",        "https://a..b",	                                false},
	    {"a.",          "https://a.",	                                  false},
	    {"a\"b",        "https://a\"b",	                                false},
	};
	struct authz_relying taken;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT((authz_relying_take(bytes_of_text(rows[i].rp_id),
		                           bytes_of_text(rows[i].origins), &taken) == STATUS_OK) ==
		       rows[i].good);
}

/* ---- signatures (U8) ---- */

static EC_KEY *signing_key(void)
{
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);

	CHECK(key != NULL && EC_KEY_generate_key(key) == 1);
	return key;
}

static void public_of(const EC_KEY *key, uint8_t ret_public[64])
{
	uint8_t point[65];

	CHECK(EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key),
	                         POINT_CONVERSION_UNCOMPRESSED, point, 65, NULL) == 65);
	memcpy(ret_public, point + 1, 64);
}

/* der writes SEQUENCE { r, s } of big-endian numbers in any number of bytes. */
static struct bytes der(const uint8_t *r, size_t r_len, const uint8_t *s, size_t s_len,
                        uint8_t space[128])
{
	size_t at = 2;

	space[0] = 0x30;
	space[1] = (uint8_t)(4 + r_len + s_len);
	space[at++] = 2;
	space[at++] = (uint8_t)r_len;
	memcpy(space + at, r, r_len);
	at += r_len;
	space[at++] = 2;
	space[at++] = (uint8_t)s_len;
	memcpy(space + at, s, s_len);
	return bytes_of(space, at + s_len);
}

/* As a passkey's signature is verified: DER first, then the numbers. */
static enum status p256_verify(const uint8_t public_key[64], const struct bytes *message,
                               struct bytes signature)
{
	uint8_t digest[32], numbers[64];

	keys_sha256(message, 1, digest);
	return keys_p256_take_signature(signature, numbers) == STATUS_OK
	           ? keys_p256_verify(public_key, digest, numbers)
	           : STATUS_CRYPTO;
}

/* The classes of invalid signatures that Wycheproof lists for ECDSA on P-256, made from scratch. */
static void test_p256_signatures_have_one_form_and_numbers_in_range(void)
{
	static const uint8_t n[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
	                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	                              0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
	                              0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
	struct bytes message = bytes_of_text("a message");
	uint8_t digest[32], public_key[64], space[128], good[80], padded[33] = {0};
	EC_KEY *key = signing_key();
	unsigned len = 0;
	uint8_t one[1] = {1}, zero[1] = {0}, minus[1] = {0x81};

	keys_sha256(&message, 1, digest);
	public_of(key, public_key);
	CHECK(ECDSA_sign(0, digest, 32, good, &len, key) == 1);
	EXPECT(p256_verify(public_key, &message, bytes_of(good, len)) == STATUS_OK);
	/* Numbers out of range: 0, n, n + something, negative. */
	memcpy(padded + 1, n, 32);
	EXPECT(p256_verify(public_key, &message, der(zero, 1, zero, 1, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(one, 1, zero, 1, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(zero, 1, one, 1, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(padded, 33, one, 1, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(one, 1, padded, 33, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(minus, 1, one, 1, space)) == STATUS_CRYPTO);
	EXPECT(p256_verify(public_key, &message, der(one, 1, one, 1, space)) == STATUS_CRYPTO);
	/* Other encodings of good numbers: each must be refused though the numbers would fit. */
	{
		size_t r_len = good[3], s_len = good[4 + r_len + 1];
		const uint8_t *r = good + 4, *s = good + 4 + r_len + 2;
		uint8_t long_r[40] = {0}, other[140];
		struct bytes made;

		EXPECT(p256_verify(public_key, &message, der(r, r_len, s, s_len, space)) ==
		       STATUS_OK);
		memcpy(long_r + 1, r, r_len); /* a needless zero before */
		EXPECT(p256_verify(public_key, &message, der(long_r, r_len + 1, s, s_len, space)) ==
		       STATUS_CRYPTO);
		made = der(r, r_len, s, s_len, space);
		memcpy(other, made.data, made.len); /* a long form of the length */
		other[0] = 0x30;
		other[1] = 0x81;
		other[2] = made.data[1];
		memcpy(other + 3, made.data + 2, made.len - 2);
		EXPECT(p256_verify(public_key, &message, bytes_of(other, made.len + 1)) ==
		       STATUS_CRYPTO);
		memcpy(other, made.data, made.len); /* bytes behind, inside and outside */
		other[made.len] = 0;
		EXPECT(p256_verify(public_key, &message, bytes_of(other, made.len + 1)) ==
		       STATUS_CRYPTO);
		other[1]++;
		EXPECT(p256_verify(public_key, &message, bytes_of(other, made.len + 1)) ==
		       STATUS_CRYPTO);
		memcpy(other, made.data, made.len); /* indefinite length */
		other[1] = 0x80;
		other[made.len] = other[made.len + 1] = 0;
		EXPECT(p256_verify(public_key, &message, bytes_of(other, made.len + 2)) ==
		       STATUS_CRYPTO);
		memcpy(other, made.data, made.len); /* other tags */
		other[0] = 0x31;
		EXPECT(p256_verify(public_key, &message, bytes_of(other, made.len)) ==
		       STATUS_CRYPTO);
		/* r || s without DER. */
		EXPECT(p256_verify(public_key, &message, bytes_of(r, 64)) == STATUS_CRYPTO);
	}
	EC_KEY_free(key);
}

static void test_p256_keys_are_points_of_the_curve_with_reduced_coordinates(void)
{
	static const uint8_t p[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01,
	                              0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	                              0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
	                              0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t public_key[64], other[64];
	EC_KEY *key = signing_key();
	size_t refused = 0;

	public_of(key, public_key);
	EXPECT(keys_p256_is_public(public_key));
	memset(other, 0, sizeof(other)); /* what some encode infinity as */
	EXPECT(!keys_p256_is_public(other));
	memcpy(other, public_key, 64);
	memcpy(other, p, 32);
	EXPECT(!keys_p256_is_public(other));
	for (size_t bit = 0; bit < 512; bit++) {
		memcpy(other, public_key, 64);
		other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused += !keys_p256_is_public(other);
	}
	EXPECT(refused ==
	       512); /* another point with one coordinate kept is the negative one only */
	EC_KEY_free(key);
}

static void test_ed25519_passkeys_take_strong_keys_and_reduced_signatures(void)
{
	static const uint8_t l[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
	                              0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	struct soft_passkey passkey;
	struct soft_answer answer;
	struct authz_passkey weak;
	static const uint8_t identity[32] = {1};
	unsigned carry = 0;

	soft_passkey_make(AUTHZ_KEY_PASSKEY_ED25519, false, &passkey);
	soft_assert(&passkey, challenge, &answer);
	for (size_t i = 0; i < 32; i++) { /* S + L: the same signature in another form */
		carry += (unsigned)answer.signature_space[32 + i] + l[i];
		answer.signature_space[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	EXPECT(verify(&passkey, (struct authz_passkey_state){0}, &answer) ==
	       AUTHZ_PASSKEY_SIGNATURE);
	weak = of(&passkey);
	weak.public_key = BYTES_OF_ARRAY(identity);
	EXPECT(!authz_passkey_is_sound(&weak));
	weak = of(&passkey);
	weak.credential.len = AUTHZ_CREDENTIAL_MIN - 1;
	EXPECT(!authz_passkey_is_sound(&weak));
	weak = of(&passkey);
	weak.kind = AUTHZ_KEY_ED25519;
	EXPECT(!authz_passkey_is_sound(&weak));
}

int main(void)
{
	keys_random(challenge, sizeof(challenge));
	CHECK(authz_relying_take(bytes_of_text(SOFT_RP_ID),
	                         bytes_of_text(SOFT_ORIGIN ",https://wallet.localhost"),
	                         &relying) == STATUS_OK);
	RUN(test_honest_assertions_are_good_and_every_changed_bit_is_not);
	RUN(test_flags_are_those_of_a_verified_person_and_no_others);
	RUN(test_relying_party_and_length_are_checked_by_themselves);
	RUN(test_a_counter_that_was_ever_there_grows);
	RUN(test_type_challenge_and_origin_are_checked_by_themselves);
	RUN(test_client_data_are_read_in_one_way_or_not_at_all);
	RUN(test_every_member_is_written_in_the_one_way);
	RUN(test_a_registration_may_say_how_its_credential_is_protected);
	RUN(test_a_registration_is_of_the_passkey_and_challenge_that_are_named);
	RUN(test_settings_name_a_domain_and_pages_below_it);
	RUN(test_p256_signatures_have_one_form_and_numbers_in_range);
	RUN(test_p256_keys_are_points_of_the_curve_with_reduced_coordinates);
	RUN(test_ed25519_passkeys_take_strong_keys_and_reduced_signatures);
	return test_summary();
}
