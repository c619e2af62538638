/* authz_envelope: what travels inside HPKE between a client and the authority (keys_hpke.h), unread
 * by the bridge: {1: version, 2: kind, 3: payload}, and back {1: version, 2: status, 3: payload}.
 *
 * The HPKE info names deployment and channel key, so an envelope opens nowhere else (N3); the
 * answer can only be read by who sealed the envelope. `kind` is enum call_change_request_kind; a
 * refusal's payload is {1: code, 2: text for people}. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHZ_ENVELOPE_H
#define AUTHZ_ENVELOPE_H

#include "base_bytes.h"
#include "base_limits.h"
#include "keys_hpke.h"

#define AUTHZ_ENVELOPE_PAYLOAD_MAX (LIMIT_MODULE_MAX + 65536)
#define AUTHZ_ENVELOPE_MAX         (AUTHZ_ENVELOPE_PAYLOAD_MAX + 16 + KEYS_HPKE_OVERHEAD_LEN)
#define AUTHZ_KIND_MAX             255

struct authz_envelope {
	uint32_t kind; /* request kind; in an answer enum status */
	struct bytes payload;
};

/* The plain forms. */
MUST_USE enum status authz_envelope_put(const struct authz_envelope *envelope, struct buffer *out);
MUST_USE enum status authz_envelope_take(struct bytes bytes, struct authz_envelope *ret_envelope);

/* authz_envelope_seal makes what a client sends to a channel key; it keeps `ret_answer`. `scratch`
 * holds the plain form: payload and 16 bytes. Both must be wiped by who put secrets in. */
MUST_USE enum status authz_envelope_seal(const uint8_t deployment[32], const uint8_t channel[32],
                                         const struct authz_envelope *envelope,
                                         struct buffer *scratch, struct buffer *ret_sealed,
                                         struct keys_hpke_answer *ret_answer);
/* authz_envelope_open is the other side; the payload lies in `scratch`. */
MUST_USE enum status authz_envelope_open(const uint8_t deployment[32],
                                         const struct keys_hpke_key *channel, struct bytes sealed,
                                         struct buffer *scratch,
                                         struct authz_envelope *ret_envelope,
                                         struct keys_hpke_answer *ret_answer);
/* Answers, the same way. */
MUST_USE enum status authz_answer_seal(const struct keys_hpke_answer *answer,
                                       const struct authz_envelope *envelope,
                                       struct buffer *scratch, struct buffer *ret_sealed);
MUST_USE enum status authz_answer_open(const struct keys_hpke_answer *answer, struct bytes sealed,
                                       struct buffer *scratch, struct authz_envelope *ret_envelope);

/* A refusal's payload: code is a call_result code text, text is for people. */
MUST_USE enum status authz_refusal_put(struct bytes code, struct bytes text, struct buffer *out);
MUST_USE enum status authz_refusal_take(struct bytes bytes, struct bytes *ret_code,
                                        struct bytes *ret_text);

#endif
