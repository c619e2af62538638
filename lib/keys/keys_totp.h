/* keys_totp: one-time codes of RFC 6238, as authenticator apps make them: HMAC-SHA-1, six digits,
 * steps of 30 seconds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_TOTP_H
#define KEYS_TOTP_H

#include "keys.h"

#define KEYS_TOTP_SECRET_LEN 20 /* the length of HMAC-SHA-1 (RFC 4226 section 4) */
#define KEYS_TOTP_STEP_S     30
#define KEYS_TOTP_CODES      1000000 /* codes are below this */

struct keys_totp {
	uint8_t bytes[KEYS_TOTP_SECRET_LEN];
};

/* keys_totp_code is the code of a step: RFC 4226 section 5.3 over the step number. */
uint32_t keys_totp_code(const struct keys_totp *secret, uint64_t step);

#endif
