/* authz_passkey_fuzz: whatever client data are accepted were written in the one way: the known
 * members once and in front, no escape, nothing behind the end; and authenticator data of a
 * registration are accepted only as the bytes that the passkey and flags make. Settings that are
 * taken name origins that are below the relying party's id. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "authz_passkey.h"
#include "base_check.h"

#define ORIGIN "https://localhost:8200"

static const uint8_t challenge[32] = {1, 2, 3};
static const char head[] =
    "{\"type\":\"webauthn.get\",\"challenge\":"
    "\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"" ORIGIN "\"";

static size_t count_of(struct bytes text, const char *what)
{
	size_t count = 0, len = strlen(what);

	for (size_t i = 0; i + len <= text.len; i++)
		count += memcmp(text.data + i, what, len) == 0;
	return count;
}

static void client_data(const struct authz_relying *relying, struct bytes input)
{
	if (authz_client_data_check(relying, false, challenge, input) != AUTHZ_PASSKEY_GOOD)
		return;
	CHECK(input.len > sizeof(head) - 1 && memcmp(input.data, head, sizeof(head) - 1) == 0);
	CHECK(input.data[input.len - 1] == '}' && count_of(input, "}") >= 1);
	CHECK(count_of(input, "\"type\":") == 1 && count_of(input, "\"challenge\":") == 1 &&
	      count_of(input, "\"origin\":") == 1 && count_of(input, "\"topOrigin\":") == 0 &&
	      count_of(input, "\"crossOrigin\":") <= 1 && count_of(input, "\\") == 0);
	for (size_t i = 0; i < input.len; i++)
		CHECK(input.data[i] >= 0x20 && input.data[i] < 0x7f);
}

/* The client data are good; the input is authenticator data, and the key that it should hold is
 * taken from it where it would stand. */
static void registration(const struct authz_relying *relying, struct bytes input)
{
	static const char good[] = "{\"type\":\"webauthn.create\",\"challenge\":"
	                           "\"AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	                           "\"origin\":\"" ORIGIN "\",\"crossOrigin\":false}";
	struct authz_passkey passkey = {.kind = AUTHZ_KEY_PASSKEY_ED25519};
	struct authz_passkey_state state;
	struct authz_assertion said = {.authenticator_data = input,
	                               .client_data = bytes_of_text(good)};

	if (input.len < 55 + 32 + 42)
		return;
	passkey.credential = bytes_of(input.data + 55, input.len - 55 - 42);
	passkey.public_key = bytes_of(input.data + input.len - 32, 32);
	if (authz_registration_verify(relying, &passkey, challenge, &said, &state) !=
	    AUTHZ_PASSKEY_GOOD)
		return;
	CHECK(input.data[53] == 0 && input.data[54] == passkey.credential.len);
	CHECK((input.data[32] & 0xe7) == 0x45);
	CHECK(state.backup_eligible == ((input.data[32] & 0x08) != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = bytes_of(data, size), rp_id = bytes_of_text("localhost");
	struct authz_relying relying, taken;

	CHECK(authz_relying_take(rp_id, bytes_of_text(ORIGIN), &relying) == STATUS_OK);
	client_data(&relying, input);
	registration(&relying, input);
	if (authz_relying_take(rp_id, input, &taken) == STATUS_OK)
		for (size_t i = 0; i < taken.origin_count; i++)
			CHECK(count_of(taken.origins[i], "localhost") >= 1 &&
			      count_of(taken.origins[i], "\"") == 0);
	return 0;
}
