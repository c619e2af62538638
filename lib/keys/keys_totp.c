/* SPDX-License-Identifier: Apache-2.0 */
#include "keys_totp.h"

#include <openssl/hmac.h>

#include "base_check.h"
#include "secret.h"

#define SHA1_LEN 20

SENSITIVE uint32_t keys_totp_code(const struct keys_totp *secret, uint64_t step)
{
	uint8_t message[8], mac[SHA1_LEN];
	unsigned len = 0;
	uint32_t code;
	size_t at;

	for (size_t i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)(step >> (56 - 8 * i));
	CHECK(HMAC(EVP_sha1(), secret->bytes, sizeof(secret->bytes), message, sizeof(message), mac,
	           &len) != NULL &&
	      len == sizeof(mac));
	/* Dynamic truncation: the last four bits say where the 31 bits stand. */
	at = mac[SHA1_LEN - 1] & 0x0f;
	code = ((uint32_t)mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
	       (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	SECRET_WIPE(mac);
	return code % KEYS_TOTP_CODES;
}
