/* verifier_answer: what a verifier does with one message of the signer (lib/call/call_check.h).
 *
 * A function of the message, the module window and the cache: no ring, no system call, so that
 * tests and the fuzzer drive it directly. The module's bytes are copied out of the window before
 * they are hashed and checked; the request lies in the caller's private copy of the slot. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VERIFIER_ANSWER_H
#define VERIFIER_ANSWER_H

#include "call_check.h"
#include "verifier_cache.h"

struct verifier {
	struct verifier_cache cache;
	uint8_t module[LIMIT_MODULE_MAX]; /* copy of the window */
};

/* verifier_answer writes the reply to one message. `window` may be changing; everything else is
 * private. STATUS_MALFORMED: the signer sent what it never sends, and there is no reply.
 * `ret_reply` needs room for CALL_CHECK_SLOT_BYTES less the slot's header. */
MUST_USE enum status verifier_answer(struct verifier *verifier, uint32_t kind, struct bytes message,
                                     struct bytes window, uint32_t *ret_kind,
                                     struct buffer *ret_reply);

#endif
