/* authz_signed: the wrapper of all statements and heads: {1: body, 2: signature over label ||
 * body}. For use inside authz; see authz_statement.h and authz_receipt.h for what is said. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_SIGNED_H
#define AUTHZ_SIGNED_H

#include "keys.h"

struct authz_signed {
	struct bytes body;
	uint8_t signature[KEYS_SIGNATURE_LEN];
};

/* authz_signed_put signs and appends; `scratch` has room for label and body. */
MUST_USE enum status authz_signed_put(const char *label, struct bytes body,
                                      const struct keys_sign_key *key, struct buffer *scratch,
                                      struct buffer *out);
/* authz_signed_take takes the wrapper apart; nothing is verified yet. */
MUST_USE enum status authz_signed_take(struct bytes bytes, size_t body_max,
                                       struct authz_signed *ret_signed);
/* authz_signed_verify: STATUS_CRYPTO unless `public_key` signed this body under this label. */
MUST_USE enum status authz_signed_verify(const char *label,
                                         const uint8_t public_key[KEYS_PUBLIC_LEN],
                                         const struct authz_signed *signed_statement,
                                         struct buffer *scratch);

#endif
