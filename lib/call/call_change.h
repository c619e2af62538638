/* call_change: what the authority asks the signer, and how it hears the answer.
 *
 *   bridge -> authority  ENVELOPE {connection, request id} + HPKE envelope (opaque to the bridge)
 *   authority -> bridge  ENVELOPE_ANSWER {the same, status} + sealed answer, or error text
 *   authority -> signer  REQUEST {id, kind, key} + CBOR of spec/authorization.cddl
 *   signer -> authority  ANSWER {id, result} + CBOR of the answer
 *   signer -> authority  CHANNEL: deployment, boot number and this boot's certificate of the
 *                        authority's channel key (asked for by AUTHORITY_HELLO with that key)
 *
 * The signer verifies every signature itself: a hostile authority can refuse and delay, no more
 * (A4). Nonces for freshness are the authority's; replays are refused by the signer too, by the
 * previous authority hash and by ids that derive from the signed bytes (H1, H2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_CHANGE_H
#define CALL_CHANGE_H

#include <stdint.h>

#include "base_bytes.h"
#include "base_limits.h"

#define CALL_CHANGE_SLOT_BYTES 393216u /* holds a module of LIMIT_MODULE_MAX and its frame */

enum call_change_kind {
	CALL_CHANGE_ENVELOPE = 1,
	CALL_CHANGE_ENVELOPE_ANSWER = 2,
	CALL_CHANGE_AUTHORITY_HELLO = 3,
	CALL_CHANGE_CHANNEL = 4,
	CALL_CHANGE_REQUEST = 5,
	CALL_CHANGE_ANSWER = 6,
};

/* What is asked of the signer; also the `kind` inside the HPKE envelope. NONCE ends at the
 * authority. Every row that raises power carries a user's signature. */
enum call_change_request_kind {
	CALL_CHANGE_NONCE = 1,   /* a fresh nonce for one change */
	CALL_CHANGE_PREPARE = 2, /* an unsigned change: answer is the text to sign */
	CALL_CHANGE_SUBMIT = 3,  /* a change with its user's signature */
	CALL_CHANGE_MODULE_ADD =
	    4, /* a module, and who adds it: answer is hash, schema, known or custom */
	CALL_CHANGE_CREDENTIAL = 5, /* a client's credential, signed by its root key */
	CALL_CHANGE_OPERATOR = 6,   /* an operator's command */
	CALL_CHANGE_QUERY = 7,      /* what a user or operator may read, signed by his key */
	CALL_CHANGE_COMPLETE = 8,   /* a signed change that waited */
	CALL_CHANGE_SESSION = 9,    /* a passkey wants to read for some minutes */
	CALL_CHANGE_READ = 10,      /* what it reads */
	CALL_CHANGE_ENROLL = 11,    /* a TOTP secret, which no wallet names yet */
	CALL_CHANGE_TIME = 12,    /* nothing: what time it is, and a nonce; or a time key's word */
	CALL_CHANGE_INSTALL = 13, /* an operator's command, and what it has put on the disk */
	CALL_CHANGE_UPDATE = 14,  /* a piece of the image that an operator has ordered */
};

struct call_change_envelope {
	uint64_t connection;
	uint64_t request;
};

struct call_change_envelope_answer {
	uint64_t connection;
	uint64_t request;
	uint32_t status; /* enum status: not OK when the envelope itself could not be opened */
	uint32_t reserved;
};

struct call_change_hello {
	uint8_t key[32]; /* X25519 public key of this authority */
};

struct call_change_channel {
	uint8_t deployment[32];
	uint64_t boot;
	/* then the channel certificate, CBOR */
};

struct call_change_request {
	uint64_t id;
	uint32_t kind; /* enum call_change_request_kind */
	uint32_t reserved;
	/* then CBOR */
};

struct call_change_answer {
	uint64_t id;
	uint32_t result; /* enum status */
	uint32_t reserved;
	/* then CBOR: the answer, or {1: code text, 2: text for people} on refusal */
};

_Static_assert(sizeof(struct call_change_envelope) == 16, "fixed layout");
_Static_assert(sizeof(struct call_change_envelope_answer) == 24, "fixed layout");
_Static_assert(sizeof(struct call_change_channel) == 40, "fixed layout");
_Static_assert(sizeof(struct call_change_request) == 16, "fixed layout");
_Static_assert(sizeof(struct call_change_answer) == 16, "fixed layout");

#endif
