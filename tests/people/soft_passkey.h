/* soft_passkey: an authenticator and a browser in software, honest unless told otherwise: makes
 * passkeys, registrations and assertions as WebAuthn says. For tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOFT_PASSKEY_H
#define SOFT_PASSKEY_H

#include "authz_change.h"

#define SOFT_RP_ID  "localhost"
#define SOFT_ORIGIN "https://localhost:8200"

struct soft_passkey {
	struct authz_user_key key; /* kind and id */
	uint8_t credential[AUTHZ_CREDENTIAL_MAX];
	size_t credential_len;
	uint8_t public_key[KEYS_P256_PUBLIC_LEN];
	uint8_t secret[32]; /* P-256 scalar or Ed25519 seed */
	uint32_t count;     /* 0 for ever, or grows with each use */
	uint8_t flags;      /* UP and UV, and what else an authenticator says */
};

/* What an authenticator and a browser answered; the runs lie in it. */
struct soft_answer {
	uint8_t data_space[AUTHZ_AUTHENTICATOR_DATA_MAX], client_space[AUTHZ_CLIENT_DATA_MAX + 64],
	    signature_space[KEYS_P256_SIGNATURE_MAX];
	struct buffer data, client, signature;
};

/* soft_passkey_make makes a new one, with a counter when `counts`. */
void soft_passkey_make(uint8_t kind, bool counts, struct soft_passkey *ret_passkey);
/* soft_passkey_data lends what a body says of it. */
struct authz_key_data soft_passkey_data(const struct soft_passkey *passkey);

/* soft_client_data writes what a browser does, up to and with "crossOrigin":false, then `more`. */
void soft_client_data(const char *type, const uint8_t challenge[32], const char *origin,
                      const char *more, struct buffer *out);
/* soft_sign signs authenticator data || SHA-256(client data). */
void soft_sign(const struct soft_passkey *passkey, struct soft_answer *answer);
/* soft_register and soft_assert answer a page at SOFT_ORIGIN. */
void soft_register(struct soft_passkey *passkey, const uint8_t challenge[32],
                   struct soft_answer *ret_answer);
void soft_assert(struct soft_passkey *passkey, const uint8_t challenge[32],
                 struct soft_answer *ret_answer);
/* soft_said lends an answer in the form that is verified. */
struct authz_assertion soft_said(const struct soft_answer *answer);

#endif
