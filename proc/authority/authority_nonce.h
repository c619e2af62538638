/* authority_nonce: the nonces that the authority gave out: each one is good for one change or one
 * session of a passkey, once, for two minutes (H1). They live in memory only: the next authority
 * knows none of the last one's. The signer refuses replays by itself, too (call_change.h). Pure but
 * for keys_random. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AUTHORITY_NONCE_H
#define AUTHORITY_NONCE_H

#include "base_bytes.h"

#define AUTHORITY_NONCES_MAX    4096
#define AUTHORITY_NONCE_VALID_S 120

/* The caller's storage, all zero at first; its fields are private. */
struct authority_nonces {
	struct {
		uint8_t bytes[32];
		uint64_t made_ms;
		bool open;
	} rows[AUTHORITY_NONCES_MAX];
	size_t next;
};

/* authority_nonce_give makes a new nonce at `now_ms`, of a clock that never goes back. When as many
 * as there is room for are known, the oldest gives way: a flood of questions makes nonces
 * short-lived, and costs others a second try, no more. */
void authority_nonce_give(struct authority_nonces *nonces, uint64_t now_ms, uint8_t ret_nonce[32]);

/* authority_nonce_fits is true for a nonce that was given out, is not too old and not used; `use`
 * uses it up. */
MUST_USE bool authority_nonce_fits(struct authority_nonces *nonces, uint64_t now_ms,
                                   const uint8_t nonce[32], bool use);

/* authority_nonce_return makes a nonce that was used good again, until its time is over: what it
 * was used for was not begun. One that is not known stays unknown. */
void authority_nonce_return(struct authority_nonces *nonces, const uint8_t nonce[32]);

#endif
