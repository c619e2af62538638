/* authz_ask: requests through the authority that carry no statement of a key: a waiting change is
 * completed, a passkey opens a session for reading, a session reads, a TOTP secret is asked for
 * (spec/authorization.cddl). Deterministic CBOR; taken runs borrow. Pure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_ASK_H
#define AUTHZ_ASK_H

#include "authz_factor.h"

/* COMPLETE: whoever knows the hash may ask; all that gives power was checked when it was signed. */
struct authz_complete {
	uint8_t change[32]; /* hash */
	uint8_t wallet[32]; /* one of its wallets */
};

/* SESSION: reading without a prompt for each question. The secret of the answer travels inside
 * HPKE only and serves reading only. */
struct authz_session {
	struct bytes request; /* what the challenge is made of: the four fields below */
	uint8_t deployment[32];
	struct authz_user_key key; /* a passkey */
	uint8_t nonce[32];         /* from the authority, one use */
	struct authz_assertion assertion;
};

/* READ: authz_query of whoever opened the session. */
struct authz_read {
	uint8_t secret[32];
	uint8_t topic; /* enum authz_query_topic */
	uint8_t target[32];
	uint8_t after[32];
};

MUST_USE enum status authz_complete_put(const struct authz_complete *complete, struct buffer *out);
MUST_USE enum status authz_complete_take(struct bytes bytes, struct authz_complete *ret_complete);
/* authz_session_request_put appends what the passkey signs for; the rest of `session` is ignored.
 */
MUST_USE enum status authz_session_request_put(const struct authz_session *session,
                                               struct buffer *out);
/* authz_session_put appends request and assertion. */
MUST_USE enum status authz_session_put(const struct authz_session *session, struct buffer *out);
MUST_USE enum status authz_session_take(struct bytes bytes, struct authz_session *ret_session);
MUST_USE enum status authz_read_put(const struct authz_read *read, struct buffer *out);
MUST_USE enum status authz_read_take(struct bytes bytes, struct authz_read *ret_read);
/* ENROLL says no more than for which deployment. */
MUST_USE enum status authz_enroll_put(const uint8_t deployment[32], struct buffer *out);
MUST_USE enum status authz_enroll_take(struct bytes bytes, uint8_t ret_deployment[32]);

/* MODULE_ADD. Who says who he is adds it from a share of his own: by a query of topic MODULE whose
 * target is the module's hash, or with a session (a read of the same). Both empty: nobody's. */
struct authz_module_add {
	struct bytes module, query, read; /* not both of the latter */
};

#define AUTHZ_READ_MAX 128

MUST_USE enum status authz_module_add_put(const struct authz_module_add *add, struct buffer *out);
MUST_USE enum status authz_module_add_take(struct bytes bytes, struct authz_module_add *ret_add);

/* Answers. */
struct authz_session_answer {
	uint8_t secret[32];
	uint64_t valid_s;
};

struct authz_enroll_answer {
	uint8_t id[32];
	struct keys_totp secret; /* shown once; the caller wipes it */
	uint8_t sealed[AUTHZ_SEALED_TOTP_LEN];
};

struct authz_pending_answer {
	struct bytes signed_change, description;
};

struct authz_factor_answer {
	uint8_t kind;
	uint8_t id[32];
	struct bytes credential; /* passkeys */
	bool backup_eligible;
};

MUST_USE enum status authz_session_answer_put(const struct authz_session_answer *answer,
                                              struct buffer *out);
MUST_USE enum status authz_session_answer_take(struct bytes bytes,
                                               struct authz_session_answer *ret_answer);
MUST_USE enum status authz_enroll_answer_put(const struct authz_enroll_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_enroll_answer_take(struct bytes bytes,
                                              struct authz_enroll_answer *ret_answer);
MUST_USE enum status authz_pending_answer_put(const struct authz_pending_answer *answer,
                                              struct buffer *out);
MUST_USE enum status authz_pending_answer_take(struct bytes bytes,
                                               struct authz_pending_answer *ret_answer);
MUST_USE enum status authz_factor_answer_put(const struct authz_factor_answer *answer,
                                             struct buffer *out);
MUST_USE enum status authz_factor_answer_take(struct bytes bytes,
                                              struct authz_factor_answer *ret_answer);

#endif
