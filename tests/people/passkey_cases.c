/* passkey_cases COUNT SEED: assertions and registrations, honest and bent in one way each, a line
 * per case, with what we say to it; for a second opinion (passkey_oracle.py). get KIND KEY
 * RP-ID-HASH DATA CLIENT-DATA-HASH SIGNATURE FAULT create KIND KEY CREDENTIAL DATA FAULT Runs are
 * hex, FAULT is a number of enum authz_passkey_fault. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base_check.h"
#include "base_encode.h"
#include "soft_passkey.h"

static struct authz_relying relying;
static uint64_t state;

/* xorshift64: the same cases for the same seed. */
static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static void put_hex(struct bytes bytes)
{
	static char text[2 * 4096 + 1];

	CHECK(bytes.len <= 4096);
	hex_encode(bytes, text);
	printf(" %s", bytes.len == 0 ? "-" : text);
}

static struct authz_passkey of(const struct soft_passkey *passkey)
{
	struct authz_key_data data = soft_passkey_data(passkey);

	return (struct authz_passkey){passkey->key.kind, data.credential, data.public_key};
}

/* One honest assertion, bent in one way: before it is signed, so that what was bent must be looked
 * at, or after. */
static void put_assertion(struct soft_passkey *passkey)
{
	struct authz_passkey known = of(passkey);
	struct authz_passkey_state kept = {.count = 0};
	struct soft_answer answer;
	struct authz_assertion said;
	uint8_t challenge[32], hash[32];
	enum authz_passkey_fault fault;
	uint32_t count;

	for (size_t i = 0; i < 32; i++)
		challenge[i] = (uint8_t)draw(256);
	passkey->count = draw(2) == 0 ? 0 : (uint32_t)draw(1000) + 1;
	soft_assert(passkey, challenge, &answer);
	switch (draw(8)) {
	case 0: /* any flags */
		answer.data_space[32] = (uint8_t)draw(256);
		soft_sign(passkey, &answer);
		break;
	case 1: /* a bit of the authenticator data, signed */
		answer.data_space[draw(37)] ^= (uint8_t)(1u << draw(8));
		soft_sign(passkey, &answer);
		break;
	case 2: /* ... or not */
		answer.data_space[draw(37)] ^= (uint8_t)(1u << draw(8));
		break;
	case 3: /* a bit of the signature */
		answer.signature_space[draw(answer.signature.len)] ^= (uint8_t)(1u << draw(8));
		break;
	case 4: /* its length */
		answer.signature.len -= draw(answer.signature.len + 1);
		break;
	case 5: /* a bit of the client data: of the signed hash */
		answer.client_space[draw(answer.client.len)] ^= (uint8_t)(1u << draw(7));
		break;
	default: /* honest */
		break;
	}
	said = soft_said(&answer);
	fault = authz_assertion_verify(&relying, &known, &kept, challenge, &said, &count);
	keys_sha256(&said.client_data, 1, hash);
	printf("get %u", passkey->key.kind);
	put_hex(known.public_key);
	put_hex(BYTES_OF_ARRAY(relying.rp_id_hash));
	put_hex(said.authenticator_data);
	put_hex(BYTES_OF_ARRAY(hash));
	put_hex(said.signature);
	printf(" %u\n", (unsigned)fault);
}

static void put_registration(struct soft_passkey *passkey)
{
	struct authz_passkey named = of(passkey);
	struct authz_passkey_state kept;
	struct soft_answer answer;
	struct authz_assertion said;
	uint8_t challenge[32] = {0};
	enum authz_passkey_fault fault;

	soft_register(passkey, challenge, &answer);
	if (draw(4) == 0) { /* as a security key answers Chromium */
		CHECK(buffer_put(&answer.data, bytes_of("\xa1\x6b"
		                                        "credProtect\x02",
		                                        14)) == STATUS_OK);
		answer.data_space[32] |= 0x80;
	}
	switch (draw(4)) {
	case 0: /* a bit anywhere */
		answer.data_space[draw(answer.data.len)] ^= (uint8_t)(1u << draw(8));
		break;
	case 1: /* cut, or longer */
		answer.data.len = draw(answer.data.len + 8);
		break;
	default:
		break;
	}
	said = soft_said(&answer);
	fault = authz_registration_verify(&relying, &named, challenge, &said, &kept);
	printf("create %u", passkey->key.kind);
	put_hex(named.public_key);
	put_hex(named.credential);
	put_hex(said.authenticator_data);
	printf(" %u\n", (unsigned)fault);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100;
	struct soft_passkey passkeys[8];

	state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 0) * 2 + 1;
	CHECK(authz_relying_take(bytes_of_text(SOFT_RP_ID), bytes_of_text(SOFT_ORIGIN), &relying) ==
	      STATUS_OK);
	for (size_t i = 0; i < 8; i++)
		soft_passkey_make(i % 2 == 0 ? AUTHZ_KEY_PASSKEY_P256 : AUTHZ_KEY_PASSKEY_ED25519,
		                  false, &passkeys[i]);
	for (uint64_t i = 0; i < count; i++) {
		struct soft_passkey *passkey = &passkeys[draw(8)];

		if (draw(3) == 0)
			put_registration(passkey);
		else
			put_assertion(passkey);
	}
	return 0;
}
