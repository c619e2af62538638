/* call_check: the signer asks a verifier to run one policy on one request.
 *
 *   signer -> verifier  RUN {ticket, module, hash of the request, fuel, what} + exchange area
 *                       (abi/policy_abi.h)
 *   verifier -> signer  VERDICT {ticket, module, hash of the request, outcome, fuel} + answer area
 *                       or NEED_MODULE {ticket, module}: the module is not in its cache
 *   signer -> verifier  MODULE {ticket, module, len, custom}: its bytes lie in the module window
 *   verifier -> signer  MODULE_STATE {ticket, module, state, where} + parameter schema, or text of
 *                       the refusal; after LOADED the signer sends the RUN again
 *
 * The verifier is trusted with nothing: the signer compares ticket, module and request hash with
 * what it sent and decodes the answer strictly (M6). It made the hash from its own copy of the
 * request; the verifier gives it back and does not compute it, which would prove nothing of a
 * verifier that was taken over and take a quarter of a check. Fixed layout, little-endian, each
 * message in one slot; the payload follows its struct directly and fills the rest of the slot's
 * length. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CALL_CHECK_H
#define CALL_CHECK_H

#include <stdint.h>

#include "base_bytes.h"
#include "base_limits.h"

/* What runs modules, as receipts name it, and with it what fuel counts: an interpreter, and what
 * ships compiled ahead of time (spec/wasm-profile.md). A change of either is a change here. */
#define CALL_CHECK_ENGINE      "wasmi 2.0.0, built 1"
/* The same with the setting `policy_engine` at "interpreter": nothing that was compiled runs. */
#define CALL_CHECK_INTERPRETER "wasmi 2.0.0"

#define CALL_CHECK_SLOT_BYTES   65536u           /* of one ring slot, its header included */
#define CALL_CHECK_WINDOW_BYTES LIMIT_MODULE_MAX /* of the module window */

enum call_check_kind {
	CALL_CHECK_RUN = 1,
	CALL_CHECK_MODULE = 2,
	CALL_CHECK_VERDICT = 3,
	CALL_CHECK_NEED_MODULE = 4,
	CALL_CHECK_MODULE_STATE = 5,
};

/* What the module is run for. */
enum call_check_what {
	CALL_CHECK_WHAT_CHECK = 1, /* policy_check: decide */
	CALL_CHECK_WHAT_DESCRIBE =
	    2, /* policy_describe: text, of the grant or of the transaction */
};

enum call_check_outcome {
	CALL_CHECK_RAN = 1,  /* returned; the answer area follows */
	CALL_CHECK_TRAP = 2, /* trapped: no answer */
	CALL_CHECK_FUEL = 3, /* ran out of fuel: no answer */
	CALL_CHECK_BAD = 4,  /* the request does not fit the module's exchange area */
};

enum call_check_module_state {
	CALL_CHECK_MODULE_LOADED = 1,
	CALL_CHECK_MODULE_REFUSED = 2,  /* breaks the module profile; text says where and why */
	CALL_CHECK_MODULE_MISMATCH = 3, /* the window's bytes do not have this hash */
};

struct call_check_run {
	uint8_t ticket[32];
	uint8_t module[32];       /* SHA-256 of the module's bytes */
	uint8_t request_hash[32]; /* SHA-256 of the request bytes, which the verdict names again */
	uint64_t fuel;            /* of this run; at most LIMIT_FUEL_PER_CHECK or _DESCRIPTION */
	uint32_t what;            /* enum call_check_what */
	uint32_t request_len;
};

struct call_check_verdict {
	uint8_t ticket[32];
	uint8_t module[32];
	uint8_t request_hash[32]; /* as the run named it */
	uint64_t fuel_used;
	uint32_t outcome; /* enum call_check_outcome */
	uint32_t answer_len;
};

struct call_check_need_module {
	uint8_t ticket[32];
	uint8_t module[32];
};

struct call_check_module {
	uint8_t ticket[32];
	uint8_t module[32];
	uint32_t len;    /* bytes in the window, from its start */
	uint32_t custom; /* 1: custom code, after which this verifier is replaced (A17) */
};

struct call_check_module_state_reply {
	uint8_t ticket[32];
	uint8_t module[32];
	uint32_t state; /* enum call_check_module_state */
	uint32_t where; /* byte offset of the refusal in the module */
	uint32_t
	    schema_len; /* LOADED: the claviger.parameters section's content follows, 0 if none */
	uint32_t text_len; /* REFUSED: text for people follows */
};

_Static_assert(sizeof(struct call_check_run) == 112, "fixed layout");
_Static_assert(sizeof(struct call_check_verdict) == 112, "fixed layout");
_Static_assert(sizeof(struct call_check_need_module) == 64, "fixed layout");
_Static_assert(sizeof(struct call_check_module) == 72, "fixed layout");
_Static_assert(sizeof(struct call_check_module_state_reply) == 80, "fixed layout");

#endif
